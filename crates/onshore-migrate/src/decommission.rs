//! A decommissioning: what a complete certificate covers is deleted at the source, one by one, as long as it is still exactly what
//! was brought and is still here; then the source is asked for each of them and listed from end to end. Whatever is not gone, or was never
//! covered, is named. Two people have said so before a job like this begins (`gate/src/decommissions.rs`).

use std::sync::Arc;

use futures_util::{TryStreamExt, stream};
use onshore_ledger::{Hash, canonical};
use onshore_registry::{
    EntryKind, EntryOutcome, EntryState, Job, JobEntry, JobState, ListedEntry, Sighting,
};
use onshore_sources::{
    Coverage, Error as SourceError, ErrorKind, ListCursor, Source, SourceAccess, SourceSpec,
    VersionsWish,
};
use onshore_store::{Described, VersionWish};
use onshore_types::{JobId, ObjectKey, VersionId};
use ring::digest::{Context, SHA256};
use serde::Serialize;
use serde_json::json;

use crate::copying::OBJECTS_AT_ONCE;
use crate::engine::Parts;
use crate::inventory::version_of;
use crate::outcome::{Exception, reason_and_detail};
use crate::phase::Phase;
use crate::{Error, job};

/// How many entries are looked up at once.
const PAGE_LEN: u32 = 1000;

/// How many are named for each reason.
const NAMED_MAX: usize = 20;

/// The word for how an entry ended that was deleted.
const DELETED: &str = "deleted";

/// The word for how an entry ended that was gone before.
const GONE_BEFORE: &str = "gone before";

/// What a decommissioning found and did.
#[derive(Debug, Serialize)]
struct Report {
    /// The job whose certificate says what may go.
    of: JobId,
    source: String,
    /// Objects, or versions and delete markers, deleted by this job.
    deleted: u64,
    deleted_bytes: u64,
    /// Those that were gone already.
    gone_before: u64,
    /// SHA-256 over the canonical JSON of `[key, version]` of each that is gone, in the order of certificates, each followed by a line
    /// feed.
    gone: Hash,
    /// What was covered and is not gone.
    kept: Vec<Named>,
    /// What the source still lists, covered or not.
    left: u64,
    /// The first of them.
    left_keys: Vec<String>,
    /// When the source was listed for that.
    probed: String,
}

#[derive(Debug, Serialize)]
struct Named {
    key: String,
    version: Option<String>,
    reason: String,
    detail: String,
}

/// A decommissioning being worked on.
struct Ending {
    parts: Arc<Parts>,
    job: Job,
    of: Job,
    access: SourceAccess,
    source: Arc<dyn Source>,
}

/// Works on a decommissioning until it ends, and returns how.
pub(crate) async fn run(parts: &Arc<Parts>, job: &Job, of: JobId) -> Result<JobState, Error> {
    let of = parts.registry.job(of).await?;
    let mut access: SourceAccess =
        serde_json::from_value(job.source.clone()).map_err(Error::Unreadable)?;
    // Whatever was brought: what the source keeps counts.
    if let SourceSpec::S3(s3) = &mut access.source
        && s3.versions == VersionsWish::Current
    {
        s3.versions = VersionsWish::Auto;
    }
    let source = job::open_source(parts, job, &access).await?;
    check_said(parts, job.id).await?;
    if source.coverage() == Coverage::Versions && !names_versions(parts, of.id).await? {
        return Err(Error::VersionsNotCovered);
    }
    let ending = Ending {
        parts: Arc::clone(parts),
        job: job.clone(),
        of,
        access,
        source,
    };
    if job.phase.parse().unwrap_or(Phase::Listing(0)) == Phase::Listing(0) {
        ending.take_over().await?;
        job::enter(parts, job.id, Phase::Copying(0)).await?;
    }
    ending.delete_all().await?;
    job::enter(parts, job.id, Phase::Checking).await?;
    ending.report().await
}

/// Nobody deletes on one person's word, whoever set the job going.
async fn check_said(parts: &Parts, job: JobId) -> Result<(), Error> {
    let registry = parts.registry.clone();
    let found = parts
        .db
        .read(move |view| Ok::<_, Error>(registry.decommission(view, job)?))
        .await?;
    match found.and_then(|found| found.approved) {
        Some(_) => Ok(()),
        None => Err(Error::Unapproved),
    }
}

/// Whether what a job brought were versions. Where the source keeps versions, deleting what is current would only hide it.
async fn names_versions(parts: &Parts, job: JobId) -> Result<bool, Error> {
    let first = parts.registry.entries(job, None, 1).await?;
    Ok(first
        .first()
        .is_none_or(|entry| entry.listed.version.is_some()))
}

impl Ending {
    /// Takes over what the certificate covers.
    async fn take_over(&self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = self
                .parts
                .registry
                .entries(self.of.id, after.take(), PAGE_LEN)
                .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.listed.id());
            let covered = page
                .into_iter()
                .filter(|entry| has_arrived(entry.outcome.state));
            let covered: Vec<JobEntry> = covered.collect();
            let (registry, job) = (self.parts.registry.clone(), self.job.id);
            self.parts
                .db
                .write(move |unit| {
                    for entry in &covered {
                        registry.save_listed(unit, job, Sighting::BESIDE, &entry.listed)?;
                        let waiting = EntryOutcome {
                            state: EntryState::Listed,
                            ..entry.outcome.clone()
                        };
                        registry.save_outcome(unit, job, &entry.listed.id(), &waiting)?;
                    }
                    Ok::<_, Error>(())
                })
                .await?;
        }
    }

    /// Deletes whatever still waits, several keys at a time; the versions of a key go one after the other.
    async fn delete_all(&self) -> Result<(), Error> {
        let mut from = String::new();
        loop {
            let page = self
                .parts
                .registry
                .waiting_entries(self.job.id, from, PAGE_LEN)
                .await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            from = last.listed.key.clone();
            let mut keys: Vec<Vec<JobEntry>> = Vec::new();
            for entry in page {
                match keys.last_mut() {
                    Some(key)
                        if key
                            .first()
                            .is_some_and(|first| first.listed.key == entry.listed.key) =>
                    {
                        key.push(entry);
                    }
                    _ => keys.push(vec![entry]),
                }
            }
            stream::iter(keys.into_iter().map(Ok))
                .try_for_each_concurrent(OBJECTS_AT_ONCE, |versions| async move {
                    for entry in versions {
                        self.delete(&entry).await?;
                    }
                    Ok::<_, Error>(())
                })
                .await?;
        }
    }

    async fn delete(&self, entry: &JobEntry) -> Result<(), Error> {
        let outcome = match self.attempt(entry).await? {
            Ok(word) => EntryOutcome {
                state: match word {
                    GONE_BEFORE => EntryState::Unchanged,
                    _ => EntryState::Copied,
                },
                method: Some(word.to_owned()),
                ..entry.outcome.clone()
            },
            Err(exception) => exception.outcome(),
        };
        let (registry, job, id) = (self.parts.registry.clone(), self.job.id, entry.listed.id());
        self.parts
            .db
            .write(move |unit| Ok(registry.save_outcome(unit, job, &id, &outcome)?))
            .await
    }

    /// Deletes one as patiently as is sensible.
    async fn attempt(&self, entry: &JobEntry) -> Result<Result<&'static str, Exception>, Error> {
        if !self.is_here(entry).await? {
            return Ok(Err(Exception::new(
                "not-here",
                "it is not here any longer as it was brought, so it is not deleted at the source",
            )));
        }
        let mut attempts = self.parts.patience.begin();
        loop {
            match self.attempt_once(&entry.listed).await {
                Ok(done) => return Ok(done),
                Err(error) => match error.kind() {
                    ErrorKind::Retry if attempts.wait().await => {}
                    ErrorKind::Credentials => return Err(Error::Source(error)),
                    ErrorKind::Changed => return Ok(Err(changed())),
                    ErrorKind::Gone
                    | ErrorKind::Retry
                    | ErrorKind::Forbidden
                    | ErrorKind::Unsupported
                    | ErrorKind::Bug => {
                        return Ok(Err(Exception::new("not-deleted", error.to_string())));
                    }
                },
            }
        }
    }

    async fn attempt_once(
        &self,
        listed: &ListedEntry,
    ) -> Result<Result<&'static str, Exception>, SourceError> {
        let version = listed.version.as_deref();
        let (key, source) = (listed.key.as_str(), &self.source);
        match listed.kind {
            // A marker has nothing to be compared.
            EntryKind::Marker => source.remove(key, version, None).await?,
            EntryKind::Object | EntryKind::Gap => {
                let found = match source.describe(key, version).await {
                    Err(SourceError::Gone { .. }) => return Ok(Ok(GONE_BEFORE)),
                    found => found?.details,
                };
                if found.size_bytes != listed.size_bytes
                    || Some(&found.fingerprint) != listed.source_version.as_ref()
                {
                    return Ok(Err(changed()));
                }
                source.remove(key, version, Some(&found)).await?;
                match source.describe(key, version).await {
                    Err(SourceError::Gone { .. }) => {}
                    Ok(_) => {
                        return Ok(Err(Exception::new(
                            "still-there",
                            "the source says that it deleted it, and still has it",
                        )));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Ok(DELETED))
    }

    /// Whether the destination still has the version that was made of an entry.
    async fn is_here(&self, entry: &JobEntry) -> Result<bool, Error> {
        let Ok(key) = ObjectKey::parse(entry.listed.key.as_str()) else {
            return Ok(false);
        };
        let Some(version) = entry.outcome.destination else {
            return Ok(false);
        };
        let store = &self.parts.store;
        for wish in [VersionWish::Id(version), VersionWish::Current] {
            if let Some((_, described)) = store.look(&self.of.bucket, &key, wish).await?
                && is_version(&described, version)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Lists what the source still has, says what became of all of it, and ends the job.
    async fn report(&self) -> Result<JobState, Error> {
        let (left, left_keys) = self.left().await?;
        let mut report = Report {
            of: self.of.id,
            source: self.access.source.to_string(),
            deleted: 0,
            deleted_bytes: 0,
            gone_before: 0,
            gone: Hash::of(b""),
            kept: Vec::new(),
            left,
            left_keys,
            probed: self.parts.gate.now().to_string(),
        };
        let (mut gone, mut kept) = (Context::new(&SHA256), 0_u64);
        let mut after = None;
        loop {
            let page = self
                .parts
                .registry
                .entries(self.job.id, after.take(), PAGE_LEN)
                .await?;
            let Some(last) = page.last() else { break };
            after = Some(last.listed.id());
            for entry in page {
                let version = version_of(&self.access.source, &entry.listed);
                match entry.outcome.state {
                    EntryState::Copied => {
                        report.deleted += 1;
                        report.deleted_bytes += entry.listed.size_bytes;
                    }
                    EntryState::Unchanged => report.gone_before += 1,
                    EntryState::Listed | EntryState::Exception => {
                        kept += 1;
                        if report.kept.len() < NAMED_MAX {
                            let (reason, detail) =
                                reason_and_detail(entry.outcome.detail.as_deref());
                            report.kept.push(Named {
                                key: entry.listed.key,
                                version,
                                reason,
                                detail,
                            });
                        }
                        continue;
                    }
                }
                gone.update(&canonical(&json!([entry.listed.key, version]))?);
                gone.update(b"\n");
            }
        }
        report.gone = Hash(
            gone.finish()
                .as_ref()
                .try_into()
                .expect("SHA-256 gives 32 bytes"),
        );
        let state = if kept == 0 && left == 0 {
            JobState::Complete
        } else {
            JobState::Incomplete
        };
        self.end(state, &report).await
    }

    async fn end(&self, state: JobState, report: &Report) -> Result<JobState, Error> {
        let report = serde_json::to_value(report).map_err(Error::Unreadable)?;
        let claim = json!({ "decommission": Hash::of(&canonical(&report)?) });
        let why = (state == JobState::Incomplete)
            .then_some("the source is not empty, or something that was covered could not be deleted: `onshore decommission show` names it");
        let tally = self.parts.registry.tally(self.job.id).await?;
        let (parts, job) = (Arc::clone(&self.parts), self.job.clone());
        self.parts
            .db
            .write(move |unit| {
                parts.registry.save_report(unit, job.id, &report)?;
                parts
                    .gate
                    .settle_job(unit, &job, state, why, &tally, Some(&claim))?;
                Ok::<_, Error>(())
            })
            .await?;
        Ok(state)
    }

    /// Returns how much the source still lists, and the first keys of it.
    async fn left(&self) -> Result<(u64, Vec<String>), Error> {
        let (mut left, mut keys) = (0, Vec::new());
        let mut attempts = self.parts.patience.begin();
        let mut cursor: Option<ListCursor> = None;
        loop {
            let page = match self.source.list(cursor.as_ref()).await {
                Ok(page) => page,
                Err(error) if error.kind() == ErrorKind::Retry && attempts.wait().await => continue,
                Err(error) => return Err(Error::Source(error)),
            };
            attempts.succeeded();
            left += (page.entries.len() + page.oddities.len()) as u64;
            let names = page.entries.into_iter().map(|entry| entry.key);
            let all = names.chain(page.oddities.into_iter().map(|oddity| oddity.name));
            keys.extend(all.take(NAMED_MAX - keys.len()));
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok((left, keys)),
            }
        }
    }
}

fn has_arrived(state: EntryState) -> bool {
    match state {
        EntryState::Copied | EntryState::Unchanged => true,
        EntryState::Listed | EntryState::Exception => false,
    }
}

fn is_version(described: &Described, version: VersionId) -> bool {
    match described {
        Described::Object(found) | Described::Marker(found) => found.version == version,
        Described::Absent => false,
    }
}

fn changed() -> Exception {
    Exception::new(
        "changed-at-source",
        "the source has something else than was brought: migrate once more, and decommission what that certificate covers",
    )
}
