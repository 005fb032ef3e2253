//! One object that nobody has listed, brought because somebody asks for it now.

use std::sync::Arc;
use std::time::Duration;

use onshore_registry::{EntryKind, EntryOutcome, EntryState, JobEntry, ListedEntry, Sighting};
use onshore_sources::{Details, ErrorKind};
use onshore_types::ObjectKey;
use tokio::time::timeout;

use crate::Error;
use crate::job::Work;
use crate::object::{Fault, Way, arrive, exception, persist};
use crate::read_back::read_back;

/// How long the source is waited for where somebody waits for the object, and how many bytes a second it sends at least.
const FETCH_PATIENCE: Duration = Duration::from_secs(8);
const SLOWEST: u64 = 512 << 10;

/// Brings an object that nobody has listed, because somebody asks for it now; the caller holds its key. What is known of it is
/// told as soon as it is.
pub(crate) async fn pull(
    work: &Work,
    key: &ObjectKey,
    described: &(dyn Fn(&Arc<Details>) + Sync),
) -> Result<(), Fault> {
    let mut entry = JobEntry {
        listed: ListedEntry {
            key: key.as_str().to_owned(),
            version: None,
            newer: 0,
            kind: EntryKind::Object,
            size_bytes: 0,
            source_version: None,
            modified: None,
        },
        outcome: waiting(),
        brought: None,
        seen: Sighting::BESIDE,
    };
    let fetched = match timeout(FETCH_PATIENCE, work.source.fetch(key.as_str(), None)).await {
        Ok(Ok(fetched)) => fetched,
        Ok(Err(onshore_sources::Error::Gone { what })) if what.contains("NoSuchBucket") => {
            return Err(exception("unavailable", what));
        }
        Ok(Err(error)) if error.kind() == ErrorKind::Gone => {
            return Err(exception("disappeared", "the source has no such object"));
        }
        Ok(Err(error)) if error.kind() == ErrorKind::Forbidden => {
            return Err(exception("forbidden", error));
        }
        Ok(Err(error)) if error.kind() == ErrorKind::Unsupported => {
            return Err(exception("unsupported", error));
        }
        Ok(Err(error)) => return Err(Fault::Source(error)),
        Err(_) => {
            return Err(exception(
                "unavailable",
                "the source does not answer in time",
            ));
        }
    };
    let details = Arc::new(fetched.details.clone());
    entry.listed.size_bytes = details.size_bytes;
    entry.listed.source_version = Some(details.fingerprint.clone());
    entry.listed.modified = details.modified;
    if fetched.body.is_ok() {
        described(&details);
    }
    let first = match Way::of(&entry) {
        Way::AtOnce => {
            let patience = FETCH_PATIENCE + Duration::from_secs(details.size_bytes / SLOWEST);
            match timeout(patience, arrive(work, key, &entry, fetched, None)).await {
                Ok(arrived) => arrived,
                Err(_) => Err(exception("unavailable", "the bytes do not come in time")),
            }
        }
        Way::InRuns => {
            drop(fetched);
            list(work, &entry).await.map_err(Fault::Ours)?;
            persist(work, key, &entry).await
        }
    };
    let (version, outcome) = match first {
        // It may have been the line, or the object has just become another.
        Err(Fault::Source(_) | Fault::Differs) => persist(work, key, &entry).await?,
        arrived => arrived?,
    };
    work.heard_source();
    if outcome.state == EntryState::Copied {
        return Ok(());
    }
    read_back(work, key, &entry, version, outcome)
        .await
        .map_err(Fault::Ours)
}

/// Notes an object that nobody has listed, so that what becomes of it can be kept.
async fn list(work: &Work, entry: &JobEntry) -> Result<(), Error> {
    let (registry, job, listed) = (
        work.parts.registry.clone(),
        work.job.id,
        entry.listed.clone(),
    );
    work.parts
        .db
        .write(move |unit| {
            registry.save_listed(unit, job, Sighting::BESIDE, &listed)?;
            Ok(())
        })
        .await
}

fn waiting() -> EntryOutcome {
    EntryOutcome {
        state: EntryState::Listed,
        sha256: None,
        method: None,
        destination: None,
        label: None,
        detail: None,
        leaf: None,
    }
}
