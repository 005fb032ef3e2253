//! Deletes follow: what this job or an earlier one of the same source brought, and the source does not list any more, is
//! removed here too. Only what is still exactly what was brought goes: what somebody wrote here stays. Each removal is a
//! transfer that the gate permits, with a leaf.
//!
//! A listing can be short because something is wrong: a folder that is not mounted, a right that was taken away. Where it tells
//! of nothing at all, or of anything that could not be read, nothing is removed.

use std::sync::Arc;

use onshore_policy::{Flow, Permit, Subject, Transfer};
use onshore_registry::{EntryKind, Listed, Vanished};
use onshore_sources::Coverage;
use onshore_store::{Description, Governance, Removal, VersionWish};
use onshore_types::{ByteRange, ObjectKey, VersionId};
use serde_json::{Value, json};

use crate::Error;
use crate::job::Work;
use crate::options::Deletes;

/// How many are looked up at once.
const PAGE_LEN: u32 = 256;

/// How often one whose label is tightened meanwhile is described anew.
const LOOKS_MAX: u32 = 3;

/// Removes what the listing of a round does not tell of any more.
pub(crate) async fn follow(work: &Work, round: u32) -> Result<(), Error> {
    if !is_trusted(work, round).await? {
        tracing::warn!(job = %work.job.id, "the listing is empty or has gaps, so nothing is removed here");
        return Ok(());
    }
    let listed = match work.coverage {
        Coverage::Current => Listed::Keys,
        Coverage::Versions => Listed::Versions,
    };
    let mut after: Option<Vanished> = None;
    loop {
        let (registry, job, fingerprint) = (
            work.parts.registry.clone(),
            work.job.id,
            work.job.fingerprint,
        );
        let behind = after.take();
        let page = work
            .parts
            .db
            .read(move |view| {
                let found = registry.vanished(
                    view,
                    (job, &fingerprint),
                    (listed, round),
                    behind.as_ref(),
                    PAGE_LEN,
                )?;
                Ok::<_, Error>(found)
            })
            .await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.clone());
        for vanished in &page {
            follow_one(work, vanished).await?;
        }
    }
}

/// Whether a listing can be believed in what it does not tell of.
async fn is_trusted(work: &Work, round: u32) -> Result<bool, Error> {
    let (registry, job) = (work.parts.registry.clone(), work.job.id);
    work.parts
        .db
        .read(move |view| Ok(registry.is_without_gaps(view, job, round)?))
        .await
}

async fn follow_one(work: &Work, vanished: &Vanished) -> Result<(), Error> {
    let entry = &vanished.entry;
    if let (Deletes::Follow, Some(brought), Ok(key)) = (
        work.options.deletes,
        entry.brought,
        ObjectKey::parse(entry.listed.key.as_str()),
    ) {
        remove(work, &key, brought, entry.listed.kind).await?;
    }
    if vanished.job != work.job.id {
        return Ok(());
    }
    let (registry, job, id) = (work.parts.registry.clone(), work.job.id, entry.listed.id());
    work.parts
        .db
        .write(move |unit| Ok(registry.drop_entry(unit, job, &id)?))
        .await
}

/// Removes a version if it is still there as it was brought. One that somebody replaced or locked here stays.
async fn remove(
    work: &Work,
    key: &ObjectKey,
    version: VersionId,
    kind: EntryKind,
) -> Result<(), Error> {
    for _ in 0..LOOKS_MAX {
        let Some(found) = work.find(key, Some(version)).await? else {
            return Ok(());
        };
        match remove_once(work, key, &found, kind).await {
            Err(
                Error::Store(onshore_store::Error::LabelChanged { .. })
                | Error::Gate(onshore_gate::Error::EpochChanged),
            ) => {}
            Err(Error::Store(onshore_store::Error::VersionGone | onshore_store::Error::Locked)) => {
                return Ok(());
            }
            other => return other,
        }
    }
    Ok(())
}

async fn remove_once(
    work: &Work,
    key: &ObjectKey,
    found: &Description,
    kind: EntryKind,
) -> Result<(), Error> {
    let permit = permit(work, key, found).await?;
    let (parts, job, key) = (Arc::clone(&work.parts), work.job.id, key.clone());
    let (coverage, version) = (work.coverage, found.version);
    let (precedence, bucket) = (work.precedence(), work.bucket.id);
    work.parts
        .db
        .write(move |unit| {
            let now = parts.gate.now();
            let record = match coverage {
                Coverage::Versions => {
                    let wish = VersionWish::Id(version);
                    let removed = parts.store.remove_version(
                        unit,
                        &permit,
                        &key,
                        wish,
                        Governance::Kept,
                        now,
                    )?;
                    if removed.is_none() {
                        return Err(Error::Store(onshore_store::Error::VersionGone));
                    }
                    record(&key, version, kind)
                }
                Coverage::Current => match parts.store.remove(unit, &permit, &key, now)? {
                    Removal::Nothing => {
                        return Err(Error::Store(onshore_store::Error::VersionGone));
                    }
                    Removal::Removed(_) | Removal::Marked(_) => record(&key, version, kind),
                },
            };
            parts.gate.settle_changed(unit, &permit, record)?;
            precedence.note(&parts, unit, bucket, &key)?;
            parts.registry.count_removed(unit, job)?;
            Ok(())
        })
        .await
}

fn record(key: &ObjectKey, version: VersionId, kind: EntryKind) -> Value {
    let what = match kind {
        EntryKind::Object | EntryKind::Gap => "object",
        EntryKind::Marker => "delete-marker",
    };
    json!({ "change": "followed-delete", "key": key, "version": version, "what": what })
}

async fn permit(work: &Work, key: &ObjectKey, found: &Description) -> Result<Permit, Error> {
    let home = work.parts.gate.home();
    let transfer = Transfer {
        principal: work.principal,
        operation: "Migrate",
        flow: Flow::Change,
        subject: Subject {
            bucket: Some(work.bucket.id),
            owner: Some(work.bucket.tenant),
            key: Some(key.clone()),
            version: Some(found.version),
            label: found.label,
            range: ByteRange::whole(0),
        },
        from: home,
        to: home,
    };
    Ok(work.parts.gate.permit(transfer).await?)
}
