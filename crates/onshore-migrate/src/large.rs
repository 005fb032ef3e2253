//! One large object: brought in runs of a fixed length, several at a time, each under the source's own condition and each kept
//! as a part of an upload of the bucket. A kill loses the runs under way; what is there already is not asked for again. When all
//! are there they are read back as one body, which is compared with what the source vouches for, and become the object.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use onshore_gate::StoredFact;
use onshore_orders::Load;
use onshore_policy::{Flow, Permit, Principal, Role, Subject, Transfer};
use onshore_registry::{
    EntryId, EntryKind, EntryOutcome, EntryState, Job, JobEntry, ListedEntry, Sighting,
};
use onshore_sources::Details;
use onshore_store::{
    AsOne, BodyError, Bucket, Checks, CompletePart, Completion, Looked, NewObject, NewUpload,
    PartsQuery, PartsScan, Staged,
};
use onshore_types::{ByteRange, Label, ObjectKey, UploadId, VersionId};
use serde_json::json;

use crate::Error;
use crate::delivery::deliver;
use crate::engine::Parts;
use crate::job::Work;
use crate::object::{
    Fault, LABELS_MAX, confirm, declared, end_turn, exception, lock, new_object, of_store,
};
use crate::throttle::held_back;
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

/// An upload that the object comes in.
struct Underway {
    upload: UploadId,
    label: Label,
}

/// Brings an object in runs, from where an earlier attempt left it.
pub(crate) async fn attempt(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
) -> Result<(VersionId, EntryOutcome), Fault> {
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
    let brought = async {
        let listed = bring_runs(work, key, &details, &underway).await?;
        let verification = choose(&details);
        let permit = permit(work, key, underway.label, details.size_bytes).await?;
        let one = work
            .parts
            .store
            .read_as_one(&permit, underway.upload, &listed, &verification.checks)
            .await
            .map_err(of_store)?;
        let found = (one.etag(), one.sha256());
        confirm(work, key, &details, &verification, found).await?;
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
            note,
        });
        commit(work, key, underway.label, arrival).await
    };
    let brought = brought.await;
    // What is not the object will not become it; what the source did not hand over may still come.
    if matches!(brought, Err(Fault::Differs | Fault::Exception(_))) {
        abandon(
            &work.parts,
            &work.job,
            &work.bucket,
            &entry.listed.id(),
            underway.upload,
        )
        .await
        .map_err(Fault::Ours)?;
    }
    brought
}

/// Finds the upload that a kill or a fault broke off, if its parts are of the state that the source has now.
async fn resume(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
    details: &Details,
) -> Result<Option<Underway>, Fault> {
    let (registry, job, id) = (work.parts.registry.clone(), work.job.id, entry.listed.id());
    let noted = work
        .parts
        .db
        .read(move |view| Ok::<_, Error>(registry.upload_of(view, job, &id)?))
        .await
        .map_err(Fault::Ours)?;
    let Some((upload, of)) = noted else {
        return Ok(None);
    };
    if of != details.fingerprint {
        abandon(
            &work.parts,
            &work.job,
            &work.bucket,
            &entry.listed.id(),
            upload,
        )
        .await
        .map_err(Fault::Ours)?;
        return Ok(None);
    }
    let found = work
        .parts
        .store
        .describe_upload(&work.bucket, key, upload)
        .await
        .map_err(of_store)?;
    Ok(found.map(|found| Underway {
        upload,
        label: found.label,
    }))
}

async fn begin(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
    details: &Details,
    object: NewObject,
) -> Result<Underway, Fault> {
    let looked = Looked::at_upload(work.parts.gate.scanner(work.bucket.tenant), key, &object)
        .map_err(of_store)?;
    let label = looked.label(Label::of_declarations([object.declared, work.bucket.class]));
    let permit = permit(work, key, label, 0).await?;
    let new = NewUpload {
        object,
        checksum: None,
    };
    let (parts, job, id, key) = (
        Arc::clone(&work.parts),
        work.job.id,
        entry.listed.id(),
        key.clone(),
    );
    let of = details.fingerprint.clone();
    let upload = work
        .parts
        .db
        .write(move |unit| {
            let now = parts.gate.now();
            let upload = parts
                .store
                .create_upload(unit, &permit, &new, &looked, now)?;
            let record =
                json!({ "change": "upload.begun", "key": key, "upload": upload, "label": label });
            parts.gate.settle_changed(unit, &permit, record)?;
            parts
                .registry
                .note_upload(unit, job, &id, Some((upload, &of)))?;
            Ok(upload)
        })
        .await
        .map_err(of_write)?;
    Ok(Underway { upload, label })
}

/// Brings the runs that are not there yet, and returns all of them as an upload is completed with.
async fn bring_runs(
    work: &Work,
    key: &ObjectKey,
    details: &Arc<Details>,
    underway: &Underway,
) -> Result<Vec<CompletePart>, Fault> {
    let runs = runs(details.size_bytes);
    let there = parts_there(work, key, underway).await?;
    let is_there = |number: u32, range: &ByteRange| {
        there
            .iter()
            .any(|(part, _, size_bytes)| (*part, *size_bytes) == (number, range.len_bytes))
    };
    let missing: Vec<(u32, ByteRange)> = (1..)
        .zip(runs)
        .filter(|(number, range)| !is_there(*number, range))
        .collect();
    stream::iter(missing)
        .map(|(number, range)| async move {
            let since = work.parts.gate.now();
            let turn = work.tempo.turn().await;
            let done = bring_run(work, key, details, underway, number, range).await;
            end_turn(turn, &done);
            done?;
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
        })
        .buffer_unordered(RUNS_AT_ONCE)
        .try_collect::<Vec<()>>()
        .await?;
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

async fn bring_run(
    work: &Work,
    key: &ObjectKey,
    details: &Arc<Details>,
    underway: &Underway,
    number: u32,
    range: ByteRange,
) -> Result<(), Fault> {
    let permit = permit(work, key, underway.label, range.len_bytes).await?;
    let body = deliver(
        Arc::clone(&work.source),
        key.as_str().to_owned(),
        Arc::clone(details),
        range,
        work.parts.patience,
        None,
    );
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
    commit_run(work, key, underway.upload, permit, Arc::new(staged)).await?;
    work.heard_source();
    Ok(())
}

async fn commit_run(
    work: &Work,
    key: &ObjectKey,
    upload: UploadId,
    mut permit: Permit,
    staged: Arc<Staged>,
) -> Result<(), Fault> {
    for _ in 0..LABELS_MAX {
        let (parts, staged_run, key_of_record) =
            (Arc::clone(&work.parts), Arc::clone(&staged), key.clone());
        let committed = work
            .parts
            .db
            .write(move |unit| {
                let now = parts.gate.now();
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
) -> Result<(VersionId, EntryOutcome), Fault> {
    let mut label = arrival.looked.label(said);
    for _ in 0..LABELS_MAX {
        let permit = permit(work, key, label, arrival.listed.size_bytes).await?;
        match commit_once(work, key, permit, &arrival).await {
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
) -> Result<(VersionId, EntryOutcome), Error> {
    let (parts, arrival, job) = (Arc::clone(&work.parts), Arc::clone(arrival), work.job.id);
    let (tenant, bucket) = (work.bucket.tenant, work.bucket.id);
    let (cutover, key) = (work.precedence(), key.clone());
    work.parts
        .db
        .write(move |unit| {
            let now = parts.gate.now();
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
            Ok((committed.version, outcome))
        })
        .await
}

/// Gives up the upload that an object came in.
async fn abandon(
    parts: &Arc<Parts>,
    job: &Job,
    bucket: &Bucket,
    id: &EntryId,
    upload: UploadId,
) -> Result<(), Error> {
    let key = ObjectKey::parse(id.key.as_str()).ok();
    let found = match &key {
        Some(key) => parts.store.describe_upload(bucket, key, upload).await?,
        None => None,
    };
    let permit = match found {
        None => None,
        Some(found) => {
            let home = parts.gate.home();
            let transfer = Transfer {
                principal: Principal {
                    id: job.created_by,
                    tenant: Some(job.tenant),
                    role: Role::TenantUser,
                },
                operation: "Migrate",
                flow: Flow::Change,
                subject: Subject {
                    bucket: Some(bucket.id),
                    owner: Some(bucket.tenant),
                    key: key.clone(),
                    version: None,
                    label: found.label,
                    range: ByteRange::whole(0),
                },
                from: home,
                to: home,
            };
            Some(parts.gate.permit(transfer).await?)
        }
    };
    let (shared, job, id) = (Arc::clone(parts), job.id, id.clone());
    parts
        .db
        .write(move |unit| {
            if let Some(permit) = permit {
                match shared.store.abort_upload(unit, &permit, upload) {
                    // Its tenant, or a lifecycle, was faster.
                    Err(onshore_store::Error::NoSuchUpload) => {}
                    aborted => {
                        aborted?;
                        let record =
                            json!({ "change": "upload.aborted", "key": key, "upload": upload });
                        shared.gate.settle_changed(unit, &permit, record)?;
                    }
                }
            }
            shared.registry.note_upload(unit, job, &id, None)?;
            Ok(())
        })
        .await
}

/// Gives up what a job that ends has left of uploads.
pub(crate) async fn abandon_all(parts: &Arc<Parts>, job: &Job) -> Result<(), Error> {
    let left = parts.registry.uploads_of(job.id).await?;
    if left.is_empty() {
        return Ok(());
    }
    let Some(bucket) = parts.store.bucket(&job.bucket).await? else {
        return Ok(());
    };
    for (id, upload) in left {
        abandon(parts, job, &bucket, &id, upload).await?;
    }
    Ok(())
}

async fn permit(
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
fn of_write(error: Error) -> Fault {
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
