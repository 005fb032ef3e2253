//! One object: described, permitted, streamed into the store under the source's own condition, verified, committed with
//! its leaf and its entry in one unit of work, and read back. What cannot be done is an exception that says why.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::TryStreamExt;
use onshore_gate::StoredFact;
use onshore_policy::{Flow, Permit, Subject, Transfer};
use onshore_registry::{EntryKind, EntryOutcome, EntryState, JobEntry, ListedEntry, Sighting};
use onshore_sources::{ByteStream, Coverage, Details, ErrorKind, Fetched, SourceRetentionMode};
use onshore_store::{
    BodyError, ContentHeaders, LegalHold, Lock, NewObject, Retention, RetentionMode, SourceFacts,
    Staged, WriteCondition,
};
use onshore_types::selection::Residence;
use onshore_types::{ByteRange, Label, ObjectKey, VersionId};
use ring::digest::{Context, SHA256};

use crate::Error;
use crate::delivery::deliver;
use crate::job::Work;
use crate::large;
use crate::outcome::{Exception, stored};
use crate::pool::{Hold, enter, held, note};
use crate::read_back::read_back;
use crate::selecting;
use crate::tempo::Turn;
use crate::throttle::held_back;
use crate::verify::{Further, Verification, choose};

/// How often an object that changes under the reader's hands is begun anew.
const CHANGES_MAX: u32 = 3;

/// How often bytes that are not those the source vouches for are asked for again: the line may have spoilt them.
const DIFFERENCES_MAX: u32 = 3;

/// How often a stricter label is judged again.
pub(crate) const LABELS_MAX: u32 = 3;

/// The user metadata that declares a class.
const CLASS_METADATA: &str = "onshore-class";

/// Why an attempt did not bring the object.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The source failed.
    Source(onshore_sources::Error),
    /// What arrived is not what the source vouches for.
    Differs,
    /// It cannot be brought at all.
    Exception(Exception),
    /// We failed.
    Ours(Error),
}

/// Brings an object, as patiently as is sensible, and saves what became of it.
pub(crate) async fn bring(work: &Work, entry: &JobEntry) -> Result<(), Error> {
    let key = match ObjectKey::parse(entry.listed.key.as_str()) {
        Ok(key) => key,
        Err(error) => {
            let exception = Exception::new("key-not-addressable", error.to_string());
            return work.save(entry.listed.id(), exception.outcome()).await;
        }
    };
    match persist(work, &key, entry).await {
        // What came in runs was read back before it became the object.
        Ok((_, outcome)) if outcome.state == EntryState::Copied => {
            work.heard_source();
            Ok(())
        }
        Ok((version, outcome)) => {
            work.heard_source();
            read_back(work, &key, entry, version, outcome).await
        }
        Err(Fault::Exception(exception)) => work.save(entry.listed.id(), exception.outcome()).await,
        Err(Fault::Ours(error)) => Err(error),
        Err(Fault::Source(error)) => Err(Error::Source(error)),
        Err(Fault::Differs) => work.save(entry.listed.id(), differs().outcome()).await,
    }
}

/// How an object is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// In one stream.
    AtOnce,
    /// In runs that are kept one by one.
    InRuns,
}

impl Way {
    pub(crate) fn of(entry: &JobEntry) -> Self {
        if entry.listed.size_bytes < large::BYTES_MIN {
            Self::AtOnce
        } else {
            Self::InRuns
        }
    }
}

pub(crate) async fn persist(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
) -> Result<(VersionId, EntryOutcome), Fault> {
    let mut attempts = work.parts.patience.begin();
    let (mut changes, mut differences) = (0, 0);
    let mut way = Way::of(entry);
    loop {
        let done = match way {
            Way::AtOnce => {
                let turn = work.tempo.turn().await;
                let done = attempt(work, key, entry).await;
                end_turn(turn, &done);
                done
            }
            Way::InRuns => large::attempt(work, key, entry).await,
        };
        match done {
            // A source that hands out no ranges hands out the whole.
            Err(Fault::Source(onshore_sources::Error::Unsupported { .. }))
                if way == Way::InRuns =>
            {
                way = Way::AtOnce;
            }
            Err(Fault::Source(error)) => match error.kind() {
                ErrorKind::Retry => {
                    if !attempts.wait().await {
                        work.source_was_silent().map_err(Fault::Ours)?;
                        return Err(exception("unavailable", error));
                    }
                }
                ErrorKind::Changed if changes < CHANGES_MAX => changes += 1,
                ErrorKind::Changed => {
                    return Err(exception(
                        "changing",
                        "the object changed each time it was read",
                    ));
                }
                ErrorKind::Gone => {
                    return Err(exception(
                        "disappeared",
                        "the object was listed and is gone",
                    ));
                }
                ErrorKind::Forbidden => return Err(exception("forbidden", error)),
                ErrorKind::Unsupported => return Err(exception("unsupported", error)),
                ErrorKind::Bug => return Err(exception("protocol", error)),
                ErrorKind::Credentials => return Err(Fault::Source(error)),
            },
            Err(Fault::Differs) => {
                differences += 1;
                if differences >= DIFFERENCES_MAX {
                    return Err(Fault::Exception(differs()));
                }
            }
            other => return other,
        }
    }
}

/// Tells the tempo of a source how a request for a body went.
pub(crate) fn end_turn<T>(turn: Turn<'_>, done: &Result<T, Fault>) {
    match done {
        Err(Fault::Source(error)) if error.kind() == ErrorKind::Retry => turn.complained(),
        Ok(_) | Err(_) => turn.answered(),
    }
}

async fn attempt(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
) -> Result<(VersionId, EntryOutcome), Fault> {
    let fetched = work
        .source
        .fetch(key.as_str(), entry.listed.version.as_deref())
        .await
        .map_err(Fault::Source)?;
    arrive(work, key, entry, fetched, None).await
}

/// Stages, verifies and commits what was fetched, here or by a worker.
pub(crate) async fn arrive(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
    fetched: Fetched,
    hold: Option<&Hold>,
) -> Result<(VersionId, EntryOutcome), Fault> {
    let body = fetched
        .body
        .map_err(|obstacle| exception(obstacle.reason(), obstacle.detail()))?;
    let details = Arc::new(fetched.details);
    let (declared, note) = declared(work.job.label, &details);
    let label = Label::of_declarations([declared, work.bucket.class]);
    let permit = permit(work, key, label, details.size_bytes).await?;
    let verification = choose(&details);
    let body = delivery(work, key, &details, Some(body)).map_err(BodyError::new);
    let object = NewObject {
        encryption: work.bucket.encryption.clone(),
        lock: lock(work, &details).await?,
        ..new_object(&details, declared)
    };
    let staged = work
        .parts
        .store
        .stage(
            &permit,
            &object,
            body,
            &verification.checks,
            work.parts.gate.scanner(work.bucket.tenant),
        )
        .await
        .map_err(of_store)?;
    let found = (staged.etag(), staged.sha256());
    confirm(work, key, &details, &verification, found).await?;
    let found = staged.label(selecting::said(work, declared));
    select(work, key, found, &staged.residences()).await?;
    let arrival = Arc::new(Arrival {
        key: key.clone(),
        object,
        outcome_note: note,
        method: verification.method,
        staged,
        listed: ListedEntry {
            key: key.as_str().to_owned(),
            version: entry.listed.version.clone(),
            newer: entry.listed.newer,
            kind: EntryKind::Object,
            size_bytes: details.size_bytes,
            source_version: Some(details.fingerprint.clone()),
            modified: details.modified,
        },
    });
    commit(work, permit, arrival, hold).await
}

/// Returns the class that job and source declare together. A word at the source that is no class counts as unknown:
/// it was meant to say something.
pub(crate) fn declared(
    of_job: Option<Label>,
    details: &Details,
) -> (Option<Label>, Option<String>) {
    let written = details.user_metadata.get(CLASS_METADATA);
    let (of_source, note) = match written.map(|text| Label::parse_declaration(text)) {
        None => (None, None),
        Some(Ok(label)) => (Some(label), None),
        Some(Err(_)) => (
            Some(Label::Unclassified),
            Some(format!(
                "class-unreadable: the source's {CLASS_METADATA} names no class, so the object is unclassified"
            )),
        ),
    };
    let joined = [of_job, of_source]
        .into_iter()
        .flatten()
        .reduce(Label::join);
    (joined, note)
}

async fn permit(
    work: &Work,
    key: &ObjectKey,
    label: Label,
    size_bytes: u64,
) -> Result<Permit, Fault> {
    let transfer = Transfer {
        principal: work.principal,
        operation: "Migrate",
        flow: Flow::Store,
        subject: Subject {
            bucket: Some(work.bucket.id),
            owner: Some(work.bucket.tenant),
            key: Some(key.clone()),
            version: None,
            label,
            range: ByteRange::whole(size_bytes),
        },
        from: work.from,
        to: work.parts.gate.home(),
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

fn delivery(
    work: &Work,
    key: &ObjectKey,
    details: &Arc<Details>,
    open: Option<ByteStream>,
) -> impl futures_util::Stream<Item = Result<bytes::Bytes, onshore_sources::Error>> + Send + use<> {
    let body = deliver(
        Arc::clone(&work.source),
        key.as_str().to_owned(),
        Arc::clone(details),
        ByteRange::whole(details.size_bytes),
        work.parts.patience,
        open,
    );
    held_back(work.throttle.clone(), body)
}

/// Checks what the store could not compare on the way in.
pub(crate) async fn confirm(
    work: &Work,
    key: &ObjectKey,
    details: &Arc<Details>,
    verification: &Verification,
    (etag, sha256): (String, [u8; 32]),
) -> Result<(), Fault> {
    let holds = match &verification.further {
        Further::Nothing => true,
        Further::Etag(expected) => *expected == etag,
        Further::SecondReading => {
            let mut hash = Context::new(&SHA256);
            let mut body = std::pin::pin!(delivery(work, key, details, None));
            while let Some(chunk) = body.try_next().await.map_err(Fault::Source)? {
                hash.update(&chunk);
            }
            hash.finish().as_ref() == sha256
        }
    };
    if holds { Ok(()) } else { Err(Fault::Differs) }
}

/// Goes on with what the job asks for alone.
pub(crate) async fn select(
    work: &Work,
    key: &ObjectKey,
    label: Label,
    residences: &BTreeSet<Residence>,
) -> Result<(), Fault> {
    let left_out = selecting::left_out(work, key, label, residences).await;
    match left_out.map_err(Fault::Ours)? {
        Some(exception) => Err(Fault::Exception(exception)),
        None => Ok(()),
    }
}

/// An object whose bytes are staged and verified.
struct Arrival {
    key: ObjectKey,
    object: NewObject,
    outcome_note: Option<String>,
    method: &'static str,
    staged: Staged,
    listed: ListedEntry,
}

/// Commits object, leaf and entry together. What was found in it, and a bucket that was tightened meanwhile, have the object
/// judged again.
async fn commit(
    work: &Work,
    mut permit: Permit,
    arrival: Arc<Arrival>,
    hold: Option<&Hold>,
) -> Result<(VersionId, EntryOutcome), Fault> {
    let said = permit.label();
    let mut label = arrival.staged.label(said);
    if label != said {
        permit = self::permit(work, &arrival.key, label, arrival.listed.size_bytes).await?;
    }
    for _ in 0..LABELS_MAX {
        match held(hold, commit_once(work, permit, &arrival, hold)).await {
            Err(Error::Store(onshore_store::Error::LabelChanged { now })) => {
                label = label.join(now);
            }
            Err(Error::Gate(onshore_gate::Error::EpochChanged)) => {}
            Err(Error::Store(error)) => return Err(of_store(error)),
            Err(Error::ChangedHere(changed)) => return Err(Fault::Exception(changed.exception())),
            Err(other) => return Err(Fault::Ours(other)),
            Ok(done) => return Ok(done),
        }
        permit = self::permit(work, &arrival.key, label, arrival.listed.size_bytes).await?;
    }
    Err(exception(
        "label-changing",
        "the bucket's class was tightened each time the object was to be stored",
    ))
}

async fn commit_once(
    work: &Work,
    permit: Permit,
    arrival: &Arc<Arrival>,
    hold: Option<&Hold>,
) -> Result<(VersionId, EntryOutcome), Error> {
    let (parts, arrival, job) = (Arc::clone(&work.parts), Arc::clone(arrival), work.job.id);
    let hold = hold.cloned();
    let tenant = work.bucket.tenant;
    let bucket = work.bucket.id;
    let cutover = work.precedence();
    work.parts
        .db
        .write(move |unit| {
            let Arrival {
                object,
                staged,
                listed,
                ..
            } = &*arrival;
            let now = parts.gate.now();
            enter(hold.as_ref(), now)?;
            cutover.check(&parts, unit, bucket, &arrival.key)?;
            let committed =
                parts
                    .store
                    .commit(unit, &permit, staged, object, &WriteCondition::Always, now)?;
            cutover.note(&parts, unit, bucket, &arrival.key)?;
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
            let outcome = EntryOutcome {
                leaf: Some(leaf),
                ..stored(
                    staged.sha256(),
                    arrival.method,
                    committed.version,
                    committed.label,
                    arrival.outcome_note.clone(),
                )
            };
            // What was copied is what was described, which may be newer than what was listed.
            parts
                .registry
                .save_listed(unit, job, Sighting::BESIDE, listed)?;
            parts
                .registry
                .save_outcome(unit, job, &listed.id(), &outcome)?;
            note(hold.as_ref(), &parts.registry, unit, (job, &listed.id()))?;
            Ok((committed.version, outcome))
        })
        .await
}

/// Returns the locks that the source keeps an object under. A bucket without versions cannot keep them, and then the object is
/// an exception rather than free to be removed.
pub(crate) async fn lock(work: &Work, details: &Details) -> Result<Lock, Fault> {
    if !details.is_held && details.retention.is_none() {
        return Ok(Lock::default());
    }
    if work.coverage == Coverage::Current {
        return Err(exception(
            "locked",
            "the object is locked at the source, and without its versions the lock cannot be kept: bring all versions",
        ));
    }
    work.lockable().await.map_err(Fault::Ours)?;
    Ok(Lock {
        hold: details.is_held.then_some(LegalHold::On),
        retention: details.retention.map(|retention| Retention {
            mode: match retention.mode {
                SourceRetentionMode::Governance => RetentionMode::Governance,
                SourceRetentionMode::Compliance => RetentionMode::Compliance,
            },
            until: retention.until,
        }),
    })
}

pub(crate) fn new_object(details: &Details, declared: Option<Label>) -> NewObject {
    NewObject {
        content: ContentHeaders {
            content_type: details.content_type.clone(),
            cache_control: details.cache_control.clone(),
            content_disposition: details.content_disposition.clone(),
            content_encoding: details.content_encoding.clone(),
            content_language: details.content_language.clone(),
            expires: details.expires.clone(),
            website_redirect: None,
        },
        user_metadata: details.user_metadata.clone(),
        tags: details.tags.clone(),
        declared,
        original: Some(SourceFacts {
            modified: details.modified,
            etag: details.etag.clone(),
            version: details.version.clone(),
        }),
        ..NewObject::default()
    }
}

pub(crate) fn of_store(error: onshore_store::Error) -> Fault {
    use onshore_store::Error as Store;
    match error {
        Store::Body(cause) => match cause.into_cause().downcast::<onshore_sources::Error>() {
            Ok(cause) => Fault::Source(*cause),
            Err(_) => Fault::Ours(Error::Stopping),
        },
        Store::Md5Mismatch
        | Store::Sha256Mismatch
        | Store::Crc64EcmaMismatch
        | Store::ChecksumMismatch(_) => Fault::Differs,
        // As long as another object: what was described is not what came.
        Store::BodyLength { .. } => Fault::Source(onshore_sources::Error::Changed),
        Store::NoSuchUpload | Store::VersionGone => Fault::Source(onshore_sources::Error::Changed),
        Store::NoSuchBucket => Fault::Ours(Error::BucketGone),
        other => Fault::Ours(Error::Store(other)),
    }
}

pub(crate) fn exception(reason: &'static str, detail: impl std::fmt::Display) -> Fault {
    Fault::Exception(Exception::new(reason, detail.to_string()))
}

fn differs() -> Exception {
    Exception::new(
        "bytes-differ",
        "the bytes that arrive are not those that the source's own checksum or ETag vouches for",
    )
}

#[cfg(test)]
mod tests {
    use onshore_sources::Details;
    use onshore_types::Label;

    use super::declared;

    #[test]
    fn a_class_at_the_source_can_only_tighten() {
        let details = |class: &str| Details {
            user_metadata: [("onshore-class".to_owned(), class.to_owned())].into(),
            ..Details::default()
        };
        let personal: Label = "personal".parse().expect("a label");
        let join = |of_job, class: &str| declared(of_job, &details(class)).0;
        assert_eq!(declared(None, &Details::default()).0, None);
        assert_eq!(join(None, "general"), Some(Label::GENERAL));
        assert_eq!(join(Some(personal), "general"), Some(personal));
        assert_eq!(join(Some(personal), "core"), "core,personal".parse().ok());
        for unreadable in ["", "secret", "generall", "unclassified"] {
            let (label, note) = declared(Some(Label::GENERAL), &details(unreadable));
            assert_eq!(label, Some(Label::Unclassified), "{unreadable}");
            assert!(note.is_some());
        }
    }
}
