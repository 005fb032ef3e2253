//! A delete marker of the source: the key is hidden here from the same time on, behind a marker of its own.

use std::sync::Arc;

use onshore_policy::{Flow, Permit, Subject, Transfer};
use onshore_registry::{EntryOutcome, EntryState, JobEntry};
use onshore_store::Removal;
use onshore_types::{ByteRange, Label, ObjectKey};
use ring::digest::{SHA256, digest};
use serde_json::json;

use crate::Error;
use crate::job::Work;
use crate::outcome::Exception;
use crate::selecting::marker_left_out;

/// What the record says in place of how bytes were verified: there are none.
const METHOD: &str = "delete-marker";

/// How often it is tried when the bucket's class is tightened meanwhile.
const LOOKS_MAX: u32 = 3;

/// Hides the key of an entry behind a marker, and saves that.
pub(crate) async fn bring(work: &Work, entry: &JobEntry) -> Result<(), Error> {
    let key = match ObjectKey::parse(entry.listed.key.as_str()) {
        Ok(key) => key,
        Err(error) => {
            let exception = Exception::new("key-not-addressable", error.to_string());
            return work.save(entry.listed.id(), exception.outcome()).await;
        }
    };
    if let Some(exception) = marker_left_out(work, &key).await? {
        return work.save(entry.listed.id(), exception.outcome()).await;
    }
    let mut looks = 0;
    loop {
        looks += 1;
        let permit = permit(work, &key).await?;
        match hide(work, permit, &key, entry).await {
            Err(
                Error::Store(onshore_store::Error::LabelChanged { .. })
                | Error::Gate(onshore_gate::Error::EpochChanged),
            ) if looks < LOOKS_MAX => {}
            done => return done,
        }
    }
}

async fn permit(work: &Work, key: &ObjectKey) -> Result<Permit, Error> {
    let home = work.parts.gate.home();
    let found = work.find(key, None).await?;
    let label = found.map_or(work.bucket.class.unwrap_or(Label::Unclassified), |found| {
        found.label
    });
    let transfer = Transfer {
        principal: work.principal,
        operation: "Migrate",
        flow: Flow::Change,
        subject: Subject {
            bucket: Some(work.bucket.id),
            owner: Some(work.bucket.tenant),
            key: Some(key.clone()),
            version: None,
            label,
            range: ByteRange::whole(0),
        },
        from: work.from,
        to: home,
    };
    Ok(work.parts.gate.permit(transfer).await?)
}

async fn hide(work: &Work, permit: Permit, key: &ObjectKey, entry: &JobEntry) -> Result<(), Error> {
    let (parts, job, key, listed) = (
        Arc::clone(&work.parts),
        work.job.id,
        key.clone(),
        entry.listed.clone(),
    );
    work.parts
        .db
        .write(move |unit| {
            let now = parts.gate.now();
            let since = listed.modified.unwrap_or(now);
            let Removal::Marked(marked) =
                parts.store.hide_since(unit, &permit, &key, since, now)?
            else {
                return Err(Error::BucketNotVersioned);
            };
            let record =
                json!({ "change": "brought-marker", "key": key, "version": marked.marker });
            let leaf = parts.gate.settle_changed(unit, &permit, record)?;
            let outcome = EntryOutcome {
                state: EntryState::Copied,
                sha256: digest(&SHA256, b"").as_ref().try_into().ok(),
                method: Some(METHOD.to_owned()),
                destination: Some(marked.marker),
                label: Some(marked.label),
                detail: None,
                leaf: Some(leaf),
            };
            parts
                .registry
                .save_outcome(unit, job, &listed.id(), &outcome)?;
            Ok(())
        })
        .await
}
