//! The way back of a cut-over: for a while behind its switch every key that is changed here stays noted, and what is noted can be
//! taken back to where the bucket came from. The source is no longer frozen then; what is changed here goes on being taken back
//! until somebody asks for the end of it; and then both sides are listed and held against each other.
//!
//! What goes back leaves: each object passes the gate as an export to the address that the bytes go to. What somebody changed at
//! the source meanwhile is not written over, and what may not leave stays noted; both are named.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use onshore_policy::Principal;
use onshore_registry::{
    Cutover, CutoverStep, EntryKind, EntryOutcome, EntryState, Job, JobState, ListedEntry, Sighting,
};
use onshore_sources::{
    Described, Details, Error as SourceError, ErrorKind, Source, SourceAccess, SourceSpec,
};
use onshore_store::{Bucket, ChangedKey};
use onshore_types::{JobId, Label, ObjectKey, Place, VersionId};
use tokio::time::{MissedTickBehavior, interval};

use crate::copying::OBJECTS_AT_ONCE;
use crate::cutover::{RETRY_AFTER, lookup, note, step};
use crate::engine::{Parts, glance};
use crate::outcome::Exception;
use crate::phase::Phase;
use crate::{Error, comparing, freeze, job, leaving};

/// How many keys are looked up at once.
const PAGE_LEN: u32 = 1000;

/// How soon what could not be taken back is tried again: it may have been approved meanwhile.
const TRIED_AGAIN_AFTER: Duration = Duration::from_secs(30);

/// A cut-over whose changes are taken back.
pub(crate) struct WayBack {
    pub(crate) parts: Arc<Parts>,
    job: Job,
    of: JobId,
    pub(crate) bucket: Bucket,
    pub(crate) prefix: String,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) to: Place,
    pub(crate) principal: Principal,
}

/// What could not be taken back, and how often it had been changed then.
type Stuck = HashMap<ObjectKey, u32>;

/// What became of a key.
enum Taken {
    /// The source has it as it is here.
    Done,
    /// It was changed once more meanwhile.
    Later,
    /// The source does not have it as it is here, and why.
    Not(Exception),
}

/// Why an attempt came to nothing.
pub(crate) enum Fault {
    Source(SourceError),
    Ours(Error),
    Exception(Exception),
    /// It is another by now.
    Later,
}

/// Takes back what was changed in a bucket until somebody asks for the end, and returns how that came out.
pub(crate) async fn run(parts: &Arc<Parts>, job: &Job, of: JobId) -> Result<JobState, Error> {
    let mut stuck = Stuck::new();
    loop {
        match take_back_all(parts, job, of, &mut stuck).await {
            Err(error) if error.is_of_source() => {
                let detail = format!("{error}; it is tried again");
                tracing::warn!(job = %job.id, detail, "a way back waits");
                note(parts, of, &detail).await?;
                tokio::time::sleep(RETRY_AFTER).await;
            }
            other => return other,
        }
    }
}

/// Ends that a cut-over is taken back before that is done: it is as it was behind its switch, and the source stays open.
pub(crate) async fn call_off(parts: &Parts, of: JobId, why: Option<&str>) -> Result<(), Error> {
    let cutover = lookup(parts, of).await?;
    if cutover.step != CutoverStep::Returning {
        return Ok(());
    }
    let why = why.unwrap_or("it was called off");
    let detail = format!(
        "taking it back ended before all was there ({why}); the source is not frozen any more"
    );
    step(parts, &cutover, CutoverStep::Switched, Some(&detail), None)
        .await
        .map(drop)
}

/// Forgets what was noted for ways back that nobody took in time.
pub(crate) async fn close_overdue(parts: &Arc<Parts>) -> Result<(), Error> {
    let shared = Arc::clone(parts);
    let overdue = parts
        .db
        .read(move |view| Ok::<_, Error>(shared.registry.ways_back_over(view, shared.gate.now())?))
        .await?;
    for cutover in overdue {
        let bucket = parts.store.bucket(&cutover.bucket).await?;
        let (shared, job) = (Arc::clone(parts), cutover.job);
        parts
            .db
            .write(move |unit| {
                let now = shared.registry.cutover(unit, job)?;
                // Somebody may have set out meanwhile.
                if now.step != CutoverStep::Switched {
                    return Ok(());
                }
                if let Some(bucket) = &bucket {
                    shared.store.end_cutover(unit, bucket.id)?;
                }
                shared.registry.keep_way_back(unit, job, None)?;
                let cutover = shared.registry.cutover(unit, job)?;
                shared.gate.settle_cutover(unit, &cutover)?;
                Ok::<_, Error>(())
            })
            .await?;
    }
    Ok(())
}

async fn take_back_all(
    parts: &Arc<Parts>,
    job: &Job,
    of: JobId,
    stuck: &mut Stuck,
) -> Result<JobState, Error> {
    let cutover = lookup(parts, of).await?;
    let way = WayBack::open(parts, job, of).await?;
    if cutover.step == CutoverStep::Switched {
        freeze::thaw(parts, job, &cutover).await?;
        step(parts, &cutover, CutoverStep::Returning, None, None).await?;
        job::enter(parts, job.id, Phase::Copying(0)).await?;
    }
    let mut commits = parts.db.commits();
    let mut again = interval(TRIED_AGAIN_AFTER);
    again.set_missed_tick_behavior(MissedTickBehavior::Delay);
    again.tick().await;
    let mut may = None;
    loop {
        commits.mark_unchanged();
        let cutover = lookup(parts, of).await?;
        if may.replace(cutover.return_overwrites) != Some(cutover.return_overwrites) {
            stuck.clear();
        }
        way.pass(stuck).await?;
        let is_finishing = parts.registry.job(job.id).await?.is_finishing;
        if is_finishing && (stuck.is_empty() || cutover.return_accepts) {
            job::enter(parts, job.id, Phase::Checking).await?;
            if let Some(state) = way.end(stuck).await? {
                return Ok(state);
            }
            continue;
        }
        say(parts, &cutover, is_finishing, stuck.len()).await?;
        tokio::select! {
            changed = glance(&mut commits) => if !changed {
                return Err(Error::Stopping);
            },
            _ = again.tick() => stuck.clear(),
        }
    }
}

/// Says what is in the way, if that is not said yet.
async fn say(
    parts: &Parts,
    cutover: &Cutover,
    is_finishing: bool,
    stuck: usize,
) -> Result<(), Error> {
    let detail = match (stuck, is_finishing) {
        (0, _) => None,
        (_, false) => Some(format!(
            "{stuck} could not be taken back: `onshore cutover status` names the first of them"
        )),
        (_, true) => Some(format!(
            "{stuck} could not be taken back, so it does not end: mend that, or accept it with --accept-exceptions"
        )),
    };
    if cutover.detail == detail {
        return Ok(());
    }
    let (registry, job) = (parts.registry.clone(), cutover.job);
    parts
        .db
        .write(move |unit| Ok(registry.note_cutover(unit, job, detail.as_deref())?))
        .await
}

impl WayBack {
    async fn open(parts: &Arc<Parts>, job: &Job, of: JobId) -> Result<Self, Error> {
        let access: SourceAccess =
            serde_json::from_value(job.source.clone()).map_err(Error::Unreadable)?;
        let credentials = job::credentials_of(parts, job.id).await?;
        let (source, address) = parts
            .sources
            .open_at_one_address(&access, credentials.as_ref())
            .await?;
        let prefix = match &access.source {
            SourceSpec::S3(spec) => spec.prefix.clone(),
            SourceSpec::Container(_)
            | SourceSpec::Swift(_)
            | SourceSpec::Tree(_)
            | SourceSpec::Folder(_) => String::new(),
        };
        let bucket = parts.store.bucket(&job.bucket).await?;
        Ok(Self {
            bucket: bucket.ok_or(Error::BucketGone)?,
            to: parts.gate.place_of_address(address),
            principal: job::principal_of(job),
            parts: Arc::clone(parts),
            job: job.clone(),
            of,
            prefix,
            source,
        })
    }

    /// Takes back every key that is noted, several at a time, but for what could not be taken back as it is now.
    async fn pass(&self, stuck: &mut Stuck) -> Result<(), Error> {
        let mut after: Option<ObjectKey> = None;
        loop {
            let page = self.noted(after.take()).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.key.clone());
            let to_do: Vec<ChangedKey> = page
                .into_iter()
                .filter(|change| stuck.get(&change.key) != Some(&change.changes))
                .collect();
            let mut taken = stream::iter(to_do)
                .map(|change| async move {
                    let became = self.take_back(&change).await?;
                    Ok::<_, Error>((change, became))
                })
                .buffer_unordered(OBJECTS_AT_ONCE);
            while let Some((change, became)) = taken.try_next().await? {
                match became {
                    Taken::Done | Taken::Later => {
                        stuck.remove(&change.key);
                    }
                    Taken::Not(exception) => {
                        self.name(&change, &exception).await?;
                        stuck.insert(change.key, change.changes);
                    }
                }
            }
        }
    }

    async fn noted(&self, after: Option<ObjectKey>) -> Result<Vec<ChangedKey>, Error> {
        let (store, bucket) = (self.parts.store.clone(), self.bucket.id);
        self.parts
            .db
            .read(move |view| Ok(store.changed_keys(view, bucket, after.as_ref(), PAGE_LEN)?))
            .await
    }

    /// Takes one key back as patiently as is sensible.
    async fn take_back(&self, change: &ChangedKey) -> Result<Taken, Error> {
        if !change.key.as_str().starts_with(&self.prefix) {
            return Ok(Taken::Not(Exception::new(
                "outside",
                "its key does not begin with the prefix that the bucket was cut over from",
            )));
        }
        let mut attempts = self.parts.patience.begin();
        loop {
            let error = match self.attempt(change).await {
                Ok(()) => return Ok(Taken::Done),
                Err(Fault::Later) => return Ok(Taken::Later),
                Err(Fault::Exception(exception)) => return Ok(Taken::Not(exception)),
                Err(Fault::Ours(error)) => return Err(error),
                Err(Fault::Source(error)) => error,
            };
            match error.kind() {
                ErrorKind::Retry if attempts.wait().await => {}
                ErrorKind::Retry | ErrorKind::Credentials => return Err(Error::Source(error)),
                ErrorKind::Changed => return Ok(Taken::Not(changed_there())),
                ErrorKind::Gone
                | ErrorKind::Forbidden
                | ErrorKind::Unsupported
                | ErrorKind::Bug => {
                    return Ok(Taken::Not(Exception::new("not-taken", error.to_string())));
                }
            }
        }
    }

    async fn attempt(&self, change: &ChangedKey) -> Result<(), Fault> {
        let known = self.known(&change.key).await.map_err(Fault::Ours)?;
        let here = self
            .parts
            .store
            .describe(&self.bucket, &change.key)
            .await
            .map_err(|error| Fault::Ours(error.into()))?;
        let Some(here) = here else {
            return self.remove(change, known).await;
        };
        let leaving = leaving::admit(self, &change.key, &here).await?;
        let there = self.there(&change.key).await?;
        // A kill may have come behind the write.
        if !there.as_ref().is_some_and(|there| leaving.is(there)) {
            self.may_write(known.as_deref(), there.as_ref()).await?;
        }
        leaving.write(&*self.source).await?;
        let arrived = self
            .source
            .describe(change.key.as_str(), None)
            .await
            .map_err(Fault::Source)?
            .details;
        if arrived.size_bytes != here.size_bytes {
            return Err(Fault::Exception(Exception::new(
                "not-taken",
                "the source says that it took it, and has it with another length",
            )));
        }
        let entry = ListedEntry {
            size_bytes: arrived.size_bytes,
            source_version: Some(arrived.fingerprint),
            ..of_key(&change.key, EntryKind::Object)
        };
        self.settle(change, entry, Some((here.version, here.label)))
            .await
    }

    /// Removes at the source what was removed here. What never was there is not asked for: its name would leave.
    async fn remove(&self, change: &ChangedKey, known: Option<String>) -> Result<(), Fault> {
        if let Some(known) = known {
            match self.there(&change.key).await? {
                None => {}
                Some(there) => {
                    self.may_write(Some(&known), Some(&there)).await?;
                    self.source
                        .remove(change.key.as_str(), None, Some(&there))
                        .await
                        .map_err(Fault::Source)?;
                }
            }
        }
        self.settle(change, of_key(&change.key, EntryKind::Marker), None)
            .await
    }

    /// Whether the source has of a key what it had when that was brought, or taken back last.
    async fn may_write(&self, known: Option<&str>, there: Option<&Details>) -> Result<(), Fault> {
        if known == there.map(|there| there.fingerprint.as_str()) {
            return Ok(());
        }
        let cutover = lookup(&self.parts, self.of).await.map_err(Fault::Ours)?;
        if cutover.return_overwrites {
            return Ok(());
        }
        Err(Fault::Exception(changed_there()))
    }

    /// Returns what the source had of a key when that was brought, or taken back last; none where it had nothing.
    pub(crate) async fn known(&self, key: &ObjectKey) -> Result<Option<String>, Error> {
        let (registry, of) = (self.parts.registry.clone(), self.of);
        let (fingerprint, key) = (self.job.fingerprint, key.as_str().to_owned());
        let found = self
            .parts
            .db
            .read(move |view| {
                // By this job, or one before it that was called off.
                match registry.newest_entry(view, &fingerprint, &key)? {
                    Some(entry) => Ok(Some(entry)),
                    None => Ok::<_, Error>(registry.settled_entry(view, of, &key)?),
                }
            })
            .await;
        Ok(found?
            .filter(|entry| entry.kind == EntryKind::Object)
            .and_then(|entry| entry.source_version))
    }

    async fn there(&self, key: &ObjectKey) -> Result<Option<Details>, Fault> {
        match self.source.describe(key.as_str(), None).await {
            Ok(Described { details, .. }) => Ok(Some(details)),
            Err(SourceError::Gone { .. }) => Ok(None),
            Err(error) => Err(Fault::Source(error)),
        }
    }

    /// Notes that the source has of a key what is here, unless that was changed once more.
    async fn settle(
        &self,
        change: &ChangedKey,
        entry: ListedEntry,
        brought: Option<(VersionId, Label)>,
    ) -> Result<(), Fault> {
        let (version, label) = brought.unzip();
        let outcome = EntryOutcome {
            state: EntryState::Copied,
            sha256: None,
            method: None,
            destination: version,
            label,
            detail: None,
            leaf: None,
        };
        let (parts, bucket, job) = (Arc::clone(&self.parts), self.bucket.id, self.job.id);
        let change = change.clone();
        self.parts
            .db
            .write(move |unit| {
                parts
                    .registry
                    .save_listed(unit, job, Sighting::BESIDE, &entry)?;
                parts
                    .registry
                    .save_outcome(unit, job, &entry.id(), &outcome)?;
                if entry.kind == EntryKind::Marker {
                    parts.registry.count_removed(unit, job)?;
                }
                parts.store.settle_change(unit, bucket, &change)?;
                Ok::<_, Error>(())
            })
            .await
            .map_err(Fault::Ours)
    }

    /// Names what could not be taken back. What the source has of it is as it was known.
    async fn name(&self, change: &ChangedKey, exception: &Exception) -> Result<(), Error> {
        let known = self.known(&change.key).await?;
        let kind = match known {
            Some(_) => EntryKind::Object,
            None => EntryKind::Marker,
        };
        let entry = ListedEntry {
            source_version: known,
            ..of_key(&change.key, kind)
        };
        let (registry, job, outcome) = (
            self.parts.registry.clone(),
            self.job.id,
            exception.outcome(),
        );
        self.parts
            .db
            .write(move |unit| {
                registry.save_listed(unit, job, Sighting::BESIDE, &entry)?;
                Ok(registry.save_outcome(unit, job, &entry.id(), &outcome)?)
            })
            .await
    }

    /// Holds both sides against each other and ends it, unless something was changed meanwhile that was not tried.
    async fn end(&self, stuck: &Stuck) -> Result<Option<JobState>, Error> {
        let report = comparing::compare(self).await?;
        let state = if stuck.is_empty() && report.is_equal() {
            JobState::Complete
        } else {
            JobState::Incomplete
        };
        let why = (state == JobState::Incomplete).then_some(
            "the source does not have everything as it is here: `onshore cutover status` says how much, and names the first",
        );
        let report = serde_json::to_value(&report).map_err(Error::Unreadable)?;
        let tally = self.parts.registry.tally(self.job.id).await?;
        let (parts, job, of) = (Arc::clone(&self.parts), self.job.clone(), self.of);
        let (bucket, stuck) = (self.bucket.id, stuck.clone());
        self.parts
            .db
            .write(move |unit| {
                let limit = u32::try_from(stuck.len())
                    .unwrap_or(u32::MAX)
                    .saturating_add(1);
                let noted = parts.store.changed_keys(unit, bucket, None, limit)?;
                if noted
                    .iter()
                    .any(|change| stuck.get(&change.key) != Some(&change.changes))
                {
                    return Ok(None);
                }
                parts.store.end_cutover(unit, bucket)?;
                parts.registry.keep_way_back(unit, of, None)?;
                let now = parts.gate.now();
                parts
                    .registry
                    .step_cutover(unit, of, CutoverStep::Returned, why, now)?;
                parts.registry.save_report(unit, job.id, &report)?;
                let cutover = parts.registry.cutover(unit, of)?;
                parts.gate.settle_cutover(unit, &cutover)?;
                parts
                    .gate
                    .settle_job(unit, &job, state, why, &tally, None)?;
                Ok::<_, Error>(Some(state))
            })
            .await
    }
}

fn of_key(key: &ObjectKey, kind: EntryKind) -> ListedEntry {
    ListedEntry {
        key: key.as_str().to_owned(),
        version: None,
        newer: 0,
        kind,
        size_bytes: 0,
        source_version: None,
        modified: None,
    }
}

fn changed_there() -> Exception {
    Exception::new(
        "changed-there",
        "the source has something else than was brought from there or taken back: --overwrite writes over it",
    )
}
