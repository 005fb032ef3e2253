//! One large object: brought in runs of a fixed length, several at a time, each under the source's own condition and each kept
//! as a part of an upload of the bucket. A kill loses the runs under way; what is there already is not asked for again. When all
//! are there they are read back as one body, which is compared with what the source vouches for, and become the object.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use onshore_gate::StoredFact;
use onshore_orders::Load;
use onshore_policy::{Flow, Permit, Subject, Transfer};
use onshore_registry::{EntryKind, EntryOutcome, EntryState, JobEntry, ListedEntry, Sighting};
use onshore_sources::Details;
use onshore_store::{
    AsOne, BodyError, Checks, CompletePart, Completion, NewObject, PartsQuery, PartsScan, Staged,
};
use onshore_types::{ByteRange, Label, ObjectKey, Timestamp, UploadId, VersionId};
use serde_json::json;

use crate::Error;
use crate::delivery::deliver;
use crate::job::Work;
use crate::object::{
    Fault, LABELS_MAX, confirm, declared, end_turn, exception, lock, new_object, of_store, select,
};
use crate::pool::{Hold, enter, held, note};
use crate::selecting;
use crate::throttle::held_back;
use crate::uploads::{Underway, abandon, begin, resume};
use crate::verify::choose;

/// What is as long as this comes in runs.
pub(crate) const BYTES_MIN: u64 = 64 << 20;

/// How long a run is, unless there were more of them than an upload can have.
const RUN_BYTES: u64 = 16 << 20;

/// How many runs an object has at most: the parts of an upload.
const RUNS_MAX: u64 = 10_000;

/// How many runs of an object are under way at the same time.
const RUNS_AT_ONCE: usize = 2;

/// How many parts are looked up at once.
const PAGE_LEN: usize = 1000;

/// A large object that is on its way, as the source describes it.
pub(crate) struct Incoming {
    pub(crate) details: Arc<Details>,
    note: Option<String>,
    underway: Underway,
}

/// Brings an object in runs, from where an earlier attempt left it.
pub(crate) async fn attempt(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
) -> Result<(VersionId, EntryOutcome), Fault> {
    let incoming = prepare(work, key, entry).await?;
    let brought = async {
        bring_runs(work, key, &incoming).await?;
        finish(work, key, entry, &incoming, None).await
    };
    let brought = brought.await;
    conclude(work, entry, &incoming, &brought).await?;
    brought
}

/// Describes an object, and begins the upload that it comes in or takes up the one that is there.
pub(crate) async fn prepare(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
) -> Result<Incoming, Fault> {
    let described = work
        .source
        .describe(key.as_str(), entry.listed.version.as_deref())
        .await
        .map_err(Fault::Source)?;
    if let Some(obstacle) = described.obstacle {
        return Err(exception(obstacle.reason(), obstacle.detail()));
    }
    let details = Arc::new(described.details);
    let (declared, note) = declared(work.job.label, &details);
    let object = NewObject {
        encryption: work.bucket.encryption.clone(),
        lock: lock(work, &details).await?,
        ..new_object(&details, declared)
    };
    let resumed = resume(work, key, entry, &details).await?;
    if details.size_bytes == 0 {
        // It was long when it was listed.
        return Err(Fault::Source(onshore_sources::Error::Unsupported {
            what: "runs of what has become empty".to_owned(),
        }));
    }
    let underway = match resumed {
        Some(underway) => underway,
        None => begin(work, key, entry, &details, object).await?,
    };
    Ok(Incoming {
        details,
        note,
        underway,
    })
}

/// Makes an object of its runs, once all are here: reads them back as one, compares that with what the source vouches for, and commits.
pub(crate) async fn finish(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
    incoming: &Incoming,
    hold: Option<&Hold>,
) -> Result<(VersionId, EntryOutcome), Fault> {
    let Incoming {
        details,
        note,
        underway,
    } = incoming;
    let listed = complete_parts(work, key, underway).await?;
    let verification = choose(details);
    let permit = permit(work, key, underway.label, details.size_bytes).await?;
    let one = work
        .parts
        .store
        .read_as_one(&permit, underway.upload, &listed, &verification.checks)
        .await
        .map_err(of_store)?;
    let found = (one.etag(), one.sha256());
    confirm(work, key, details, &verification, found).await?;
    let looked = work
        .parts
        .store
        .scan_parts(
            &permit,
            underway.upload,
            &listed,
            work.parts.gate.scanner(work.bucket.tenant),
        )
        .await
        .map_err(of_store)?;
    let (declared, _) = declared(work.job.label, details);
    let found = looked.label(selecting::said(work, declared));
    select(work, key, found, &looked.residences()).await?;
    let arrival = Arc::new(Arrival {
        listed: ListedEntry {
            key: key.as_str().to_owned(),
            version: entry.listed.version.clone(),
            newer: entry.listed.newer,
            kind: EntryKind::Object,
            size_bytes: details.size_bytes,
            source_version: Some(details.fingerprint.clone()),
            modified: details.modified,
        },
        upload: underway.upload,
        completion: completion(listed, one),
        looked,
        method: verification.method,
        note: note.clone(),
    });
    commit(work, key, underway.label, arrival, hold).await
}

/// Gives up the upload of an object that did not become one. What is not the object will not become it; what the source did not
/// hand over may still come.
pub(crate) async fn conclude<T>(
    work: &Work,
    entry: &JobEntry,
    incoming: &Incoming,
    brought: &Result<T, Fault>,
) -> Result<(), Fault> {
    if !matches!(brought, Err(Fault::Differs | Fault::Exception(_))) {
        return Ok(());
    }
    abandon(
        &work.parts,
        &work.job,
        &work.bucket,
        &entry.listed.id(),
        incoming.underway.upload,
    )
    .await
    .map_err(Fault::Ours)
}

/// Brings the runs that are not there yet.
async fn bring_runs(work: &Work, key: &ObjectKey, incoming: &Incoming) -> Result<(), Fault> {
    let details = &incoming.details;
    stream::iter(missing(work, key, incoming).await?)
        .map(|(number, range)| async move {
            let since = work.parts.gate.now();
            let turn = work.tempo.turn().await;
            let body = deliver(
                Arc::clone(&work.source),
                key.as_str().to_owned(),
                Arc::clone(details),
                range,
                work.parts.patience,
                None,
            );
            let done = take_run(work, key, incoming, (number, range), body, None).await;
            end_turn(turn, &done);
            done?;
            measure_run(work, details, range, since).await
        })
        .buffer_unordered(RUNS_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
    Ok(())
}

/// Returns the runs of an object that are not there yet.
pub(crate) async fn missing(
    work: &Work,
    key: &ObjectKey,
    incoming: &Incoming,
) -> Result<Vec<(u32, ByteRange)>, Fault> {
    let there = parts_there(work, key, &incoming.underway).await?;
    let is_there = |number: u32, range: &ByteRange| {
        there
            .iter()
            .any(|(part, _, size_bytes)| (*part, *size_bytes) == (number, range.len_bytes))
    };
    let missing = (1..).zip(runs(incoming.details.size_bytes));
    Ok(missing
        .filter(|(number, range)| !is_there(*number, range))
        .collect())
}

/// Returns a run of an object.
pub(crate) fn run_of(incoming: &Incoming, number: u32) -> Option<ByteRange> {
    let before = usize::try_from(number.checked_sub(1)?).ok()?;
    runs(incoming.details.size_bytes).nth(before)
}

/// Adds a run that was brought to what was measured.
pub(crate) async fn measure_run(
    work: &Work,
    details: &Details,
    range: ByteRange,
    since: Timestamp,
) -> Result<(), Fault> {
    let load = Load {
        objects: 0,
        bytes: range.len_bytes,
    };
    work.meter
        .brought(details.size_bytes, load, (since, work.parts.gate.now()));
    work.meter
        .save_when_due(&work.parts)
        .await
        .map_err(Fault::Ours)
}

/// Returns all parts as an upload is completed with.
async fn complete_parts(
    work: &Work,
    key: &ObjectKey,
    underway: &Underway,
) -> Result<Vec<CompletePart>, Fault> {
    let there = parts_there(work, key, underway).await?;
    Ok(there
        .into_iter()
        .map(|(number, etag, _)| CompletePart {
            number,
            etag,
            checksums: Vec::new(),
        })
        .collect())
}

/// Divides an object into runs.
fn runs(size_bytes: u64) -> impl Iterator<Item = ByteRange> {
    let len_bytes = RUN_BYTES.max(size_bytes.div_ceil(RUNS_MAX));
    (0..size_bytes.div_ceil(len_bytes)).map(move |n| {
        let start = n.saturating_mul(len_bytes);
        ByteRange {
            start,
            len_bytes: len_bytes.min(size_bytes.saturating_sub(start)),
        }
    })
}

/// Returns number, ETag and size of the parts that are there.
async fn parts_there(
    work: &Work,
    key: &ObjectKey,
    underway: &Underway,
) -> Result<Vec<(u32, String, u64)>, Fault> {
    let mut there = Vec::new();
    loop {
        let permit = permit_of(work, Flow::Inspect, key, underway.label, 0).await?;
        let query = PartsQuery {
            after: there.last().map_or(0, |(number, _, _)| *number),
            limit: PAGE_LEN,
        };
        let page = work
            .parts
            .store
            .list_parts(permit, underway.upload, query)
            .await
            .map_err(of_store)?;
        let is_last = page.parts.len() < PAGE_LEN;
        there.extend(
            page.parts
                .into_iter()
                .map(|entry| (entry.part.number, entry.part.md5, entry.part.size_bytes)),
        );
        if is_last {
            return Ok(there);
        }
    }
}

/// Takes a run in, from the source or from a worker.
pub(crate) async fn take_run(
    work: &Work,
    key: &ObjectKey,
    incoming: &Incoming,
    (number, range): (u32, ByteRange),
    body: impl Stream<Item = Result<Bytes, onshore_sources::Error>> + Send,
    hold: Option<&Hold>,
) -> Result<(), Fault> {
    let underway = &incoming.underway;
    let permit = permit(work, key, underway.label, range.len_bytes).await?;
    let body = held_back(work.throttle.clone(), body).map_err(BodyError::new);
    let checks = Checks {
        len_bytes: Some(range.len_bytes),
        ..Checks::default()
    };
    let staged = work
        .parts
        .store
        .stage_part(&permit, number, body, &checks)
        .await
        .map_err(of_store)?;
    commit_run(work, key, underway.upload, permit, Arc::new(staged), hold).await?;
    work.heard_source();
    Ok(())
}

async fn commit_run(
    work: &Work,
    key: &ObjectKey,
    upload: UploadId,
    mut permit: Permit,
    staged: Arc<Staged>,
    hold: Option<&Hold>,
) -> Result<(), Fault> {
    for _ in 0..LABELS_MAX {
        let (parts, staged_run, key_of_record) =
            (Arc::clone(&work.parts), Arc::clone(&staged), key.clone());
        let holding = hold.cloned();
        let committed = work
            .parts
            .db
            .write(move |unit| {
                let now = parts.gate.now();
                enter(holding.as_ref(), now)?;
                let part =
                    parts
                        .store
                        .commit_part(unit, &permit, &staged_run, upload, None, now)?;
                let record = json!({
                    "change": "part.stored",
                    "key": key_of_record,
                    "upload": upload,
                    "number": part.number,
                    "size_bytes": part.size_bytes,
                    "md5": part.md5,
                });
                parts.gate.settle_changed(unit, &permit, record)?;
                Ok(())
            })
            .await;
        if let Some(hold) = hold {
            hold.leave();
        }
        let label = match committed {
            Err(Error::Store(onshore_store::Error::LabelChanged { now })) => now,
            Err(Error::Gate(onshore_gate::Error::EpochChanged)) => {
                label_now(work, key, upload).await?
            }
            Err(other) => return Err(of_write(other)),
            Ok(()) => return Ok(()),
        };
        permit = self::permit(work, key, label, staged.size_bytes()).await?;
    }
    Err(label_changing())
}

async fn label_now(work: &Work, key: &ObjectKey, upload: UploadId) -> Result<Label, Fault> {
    let found = work
        .parts
        .store
        .describe_upload(&work.bucket, key, upload)
        .await
        .map_err(of_store)?;
    found
        .map(|found| found.label)
        .ok_or(Fault::Source(onshore_sources::Error::Changed))
}

/// An object whose runs are all there, read back and verified.
struct Arrival {
    listed: ListedEntry,
    upload: UploadId,
    completion: Completion,
    looked: PartsScan,
    method: &'static str,
    note: Option<String>,
}

fn completion(parts: Vec<CompletePart>, one: AsOne) -> Completion {
    Completion {
        parts,
        as_one: Some(one),
        ..Completion::default()
    }
}

/// Makes the runs the object, with its leaf and its entry, in one unit of work.
async fn commit(
    work: &Work,
    key: &ObjectKey,
    said: Label,
    arrival: Arc<Arrival>,
    hold: Option<&Hold>,
) -> Result<(VersionId, EntryOutcome), Fault> {
    let mut label = arrival.looked.label(said);
    for _ in 0..LABELS_MAX {
        let permit = permit(work, key, label, arrival.listed.size_bytes).await?;
        match held(hold, commit_once(work, key, permit, &arrival, hold)).await {
            Err(Error::Store(onshore_store::Error::LabelChanged { now })) => {
                label = label.join(now);
            }
            Err(Error::Gate(onshore_gate::Error::EpochChanged)) => {}
            Err(other) => return Err(of_write(other)),
            Ok(done) => return Ok(done),
        }
    }
    Err(label_changing())
}

async fn commit_once(
    work: &Work,
    key: &ObjectKey,
    permit: Permit,
    arrival: &Arc<Arrival>,
    hold: Option<&Hold>,
) -> Result<(VersionId, EntryOutcome), Error> {
    let (parts, arrival, job) = (Arc::clone(&work.parts), Arc::clone(arrival), work.job.id);
    let hold = hold.cloned();
    let (tenant, bucket) = (work.bucket.tenant, work.bucket.id);
    let (cutover, key) = (work.precedence(), key.clone());
    work.parts
        .db
        .write(move |unit| {
            let now = parts.gate.now();
            enter(hold.as_ref(), now)?;
            cutover.check(&parts, unit, bucket, &key)?;
            let committed = parts.store.complete_upload(
                unit,
                &permit,
                arrival.upload,
                &arrival.completion,
                &arrival.looked,
                now,
            )?;
            cutover.note(&parts, unit, bucket, &key)?;
            let fact = StoredFact {
                tenant,
                bucket,
                version: committed.version,
                label: committed.label,
                size_bytes: committed.size_bytes,
                replaced: committed.replaced,
                record: committed.record,
                salt: committed.salt,
            };
            let leaf = parts.gate.settle_stored(unit, &permit, &fact)?;
            let one = arrival.completion.as_one.as_ref();
            let outcome = EntryOutcome {
                // It was read back from where it lies before it became the object.
                state: EntryState::Copied,
                sha256: one.map(AsOne::sha256),
                method: Some(arrival.method.to_owned()),
                destination: Some(committed.version),
                label: Some(committed.label),
                detail: arrival.note.clone(),
                leaf: Some(leaf),
            };
            let id = arrival.listed.id();
            parts
                .registry
                .save_listed(unit, job, Sighting::BESIDE, &arrival.listed)?;
            parts.registry.save_outcome(unit, job, &id, &outcome)?;
            parts.registry.note_upload(unit, job, &id, None)?;
            note(hold.as_ref(), &parts.registry, unit, (job, &id))?;
            Ok((committed.version, outcome))
        })
        .await
}

pub(crate) async fn permit(
    work: &Work,
    key: &ObjectKey,
    label: Label,
    size_bytes: u64,
) -> Result<Permit, Fault> {
    permit_of(work, Flow::Store, key, label, size_bytes).await
}

async fn permit_of(
    work: &Work,
    flow: Flow,
    key: &ObjectKey,
    label: Label,
    size_bytes: u64,
) -> Result<Permit, Fault> {
    let home = work.parts.gate.home();
    let transfer = Transfer {
        principal: work.principal,
        operation: "Migrate",
        flow,
        subject: Subject {
            bucket: Some(work.bucket.id),
            owner: Some(work.bucket.tenant),
            key: Some(key.clone()),
            version: None,
            label,
            range: ByteRange::whole(size_bytes),
        },
        from: match flow {
            Flow::Store => work.from,
            _ => home,
        },
        to: home,
    };
    work.parts
        .gate
        .permit(transfer)
        .await
        .map_err(|error| match error {
            onshore_gate::Error::Refused(refused) => exception("refused", refused.message),
            other => Fault::Ours(Error::Gate(other)),
        })
}

/// An upload that is gone is begun anew, like an object that changed.
pub(crate) fn of_write(error: Error) -> Fault {
    match error {
        Error::Store(
            onshore_store::Error::NoSuchUpload
            | onshore_store::Error::VersionGone
            | onshore_store::Error::InvalidPart { .. },
        ) => Fault::Source(onshore_sources::Error::Changed),
        Error::Store(error) => of_store(error),
        Error::ChangedHere(changed) => Fault::Exception(changed.exception()),
        other => Fault::Ours(other),
    }
}

fn label_changing() -> Fault {
    exception(
        "label-changing",
        "the bucket's class was tightened each time the object was to be stored",
    )
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MIN, RUN_BYTES, RUNS_MAX, runs};

    #[test]
    fn runs_cover_an_object_without_gap_and_are_never_too_many() {
        for size_bytes in [
            BYTES_MIN,
            BYTES_MIN + 1,
            RUN_BYTES * 5,
            RUN_BYTES * 5 - 1,
            5 << 40,
            (5 << 40) - 1,
        ] {
            let (mut at, mut count) = (0, 0);
            for run in runs(size_bytes) {
                assert_eq!(run.start, at);
                assert!(run.len_bytes > 0);
                at = run.end();
                count += 1;
            }
            assert_eq!(at, size_bytes);
            assert!(count <= RUNS_MAX);
        }
    }
}
