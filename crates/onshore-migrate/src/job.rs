//! One job from its record to its certificate, phase by phase. Each phase can be begun again where a kill left it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use onshore_orders::Load;
use onshore_policy::{Principal, Role};
use onshore_registry::{EntryId, EntryKind, EntryOutcome, EntryState, Job, JobEntry, JobState};
use onshore_sources::{
    Coverage, Credentials, ErrorKind, ListCursor, Source, SourceAccess, SourceSpec,
};
use onshore_store::{Bucket, Described, Description, VersionWish};
use onshore_types::{JobId, ObjectKey, Place, VersionId};
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use crate::engine::Parts;
use crate::inventory::Listing;
use crate::key_locks::{KeyLock, KeyLocks};
use crate::meter::Meter;
use crate::options::{JobOptions, Mode};
use crate::outcome::Exception;
use crate::phase::{CatchUp, Phase, Waiting};
use crate::plan::{Step, plan};
use crate::precedence::Precedence;
use crate::tempo::Tempo;
use crate::throttle::Throttle;
use crate::{
    Error, Patience, certificate, decommission, destination, large, marker, object, preflight,
    read_back, removals, watching,
};

/// How many objects of a job are under way at the same time. With what each of them holds (two megabytes of batches in
/// the store, and what the connection buffers) a job stays below 64 MiB.
pub(crate) const OBJECTS_AT_ONCE: usize = 8;

/// How many bodies a source is asked for at the same time, as long as it does not say that it is too much: two runs of each large
/// object.
const REQUESTS_AT_ONCE: u32 = 16;

/// How many entries are planned at once.
const PLANNED_AT_ONCE: u32 = 256;

/// How many objects in a row may fail for want of an answer until the source counts as gone.
const SILENT_OBJECTS_MAX: u32 = 16;

/// A job being worked on.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) parts: Arc<Parts>,
    pub(crate) job: Job,
    pub(crate) access: SourceAccess,
    pub(crate) options: JobOptions,
    pub(crate) source: Arc<dyn Source>,
    /// What of the source is brought.
    pub(crate) coverage: Coverage,
    pub(crate) bucket: Bucket,
    /// How much of the source is asked for at the same time.
    pub(crate) tempo: Tempo,
    /// What measures how fast it goes.
    pub(crate) meter: Meter,
    /// What holds it to its pace, if anything does.
    pub(crate) throttle: Option<Arc<Throttle>>,
    /// The bucket once versions in it can be locked.
    lockable: OnceCell<Bucket>,
    /// The job acts for its tenant and with no more than a tenant's rights.
    pub(crate) principal: Principal,
    pub(crate) from: Place,
    /// By which it and whoever pulls keep out of each other's way, where the bucket is cut over.
    locks: Option<Arc<KeyLocks>>,
    silent_objects: AtomicU32,
}

/// Works on a job until it ends, and returns how. The job's record says so too by then.
pub(crate) async fn run(parts: Arc<Parts>, job: Job) -> Result<JobState, Error> {
    if let Some(leaf) = job.certificate_leaf
        && let Some(state) = certificate::conclude(&parts, &job, leaf).await?
    {
        return Ok(state);
    }
    let options: JobOptions =
        serde_json::from_value(job.options.clone()).map_err(Error::Unreadable)?;
    match (options.mode, options.of) {
        (Mode::DryRun, _) => return preflight::run(&parts, &job).await,
        (Mode::Decommission, Some(of)) => return decommission::run(&parts, &job, of).await,
        (Mode::Decommission, None) => return Err(Error::Unapproved),
        (Mode::Bring | Mode::CutOver, _) => {}
    }
    let work = Arc::new(Work::begin(parts, job, options, None).await?);
    let mut phase: Phase = work.job.phase.parse().unwrap_or(Phase::Listing(0));
    let mut cursor = work.job.cursor.clone().map(ListCursor::from_kept);
    // Where it stops keeping up. A restart forgets it, and gives as many rounds anew.
    let mut ends_after = None;
    loop {
        match phase {
            Phase::Listing(round) => {
                Listing::of(&work, round).run(cursor.take()).await?;
                removals::follow(&work, round).await?;
            }
            Phase::Copying(_) => copy(&work).await?,
            Phase::Watching(_) => watching::rest(&work).await?,
            Phase::Certifying => return certificate::certify(&work).await,
            // Only a pre-flight checks, and it does not come here.
            Phase::Checking => {}
        }
        let waiting = work.waiting().await?;
        let catch_up = if watching::keeps_up(&work).await? {
            CatchUp::GoesOn
        } else {
            CatchUp::EndsAfter(*ends_after.get_or_insert(watching::round_of(&work, phase)))
        };
        let Some(next) = phase.next(waiting, catch_up) else {
            return Ok(JobState::Complete);
        };
        phase = next;
        enter(&work.parts, work.job.id, phase).await?;
    }
}

/// Notes what a job does now.
pub(crate) async fn enter(parts: &Parts, job: JobId, phase: Phase) -> Result<(), Error> {
    tracing::info!(%job, %phase, "migration");
    let registry = parts.registry.clone();
    parts
        .db
        .write(move |unit| Ok(registry.advance_job(unit, job, &phase.to_string(), None)?))
        .await
}

/// Opens a job's source with the credentials that were sealed for it.
pub(crate) async fn open_source(
    parts: &Parts,
    job: &Job,
    access: &SourceAccess,
) -> Result<Arc<dyn Source>, Error> {
    let credentials = match parts.registry.job_credentials(job.id).await? {
        Some(secret) => Some(Credentials::from_bytes(secret.as_bytes())?),
        None => None,
    };
    // A job that nobody has begun more likely has a mistyped source than one that is down for a moment.
    let patience = match job.phase.as_str() {
        "queued" => parts.patience.short(),
        _ => parts.patience,
    };
    open(parts, access, credentials.as_ref(), patience).await
}

impl Work {
    pub(crate) async fn begin(
        parts: Arc<Parts>,
        job: Job,
        options: JobOptions,
        locks: Option<Arc<KeyLocks>>,
    ) -> Result<Self, Error> {
        let access: SourceAccess =
            serde_json::from_value(job.source.clone()).map_err(Error::Unreadable)?;
        let source = open_source(&parts, &job, &access).await?;
        let principal = Principal {
            id: job.created_by,
            tenant: Some(job.tenant),
            role: Role::TenantUser,
        };
        let coverage = source.coverage();
        let mut bucket = destination::ensure(&parts, &job, principal).await?;
        if coverage == Coverage::Versions {
            bucket = destination::keep_versions(&parts, &job, principal, bucket).await?;
        }
        let from = match &access.source {
            SourceSpec::S3(_)
            | SourceSpec::Container(_)
            | SourceSpec::Swift(_)
            | SourceSpec::Tree(_) => Place::Unknown,
            SourceSpec::Folder(_) => parts.gate.home(),
        };
        let meter = Meter::new(job.id, job.created, parts.gate.now());
        let throttle = (!options.pace.is_free())
            .then(|| Arc::new(Throttle::new(options.pace.clone(), parts.gate.clone())));
        Ok(Self {
            parts,
            job,
            access,
            options,
            source,
            coverage,
            bucket,
            tempo: Tempo::new(REQUESTS_AT_ONCE),
            meter,
            throttle,
            lockable: OnceCell::new(),
            principal,
            from,
            locks,
            silent_objects: AtomicU32::new(0),
        })
    }

    /// Takes part in keeping out of the way of whoever pulls.
    pub(crate) fn share(&mut self, locks: Arc<KeyLocks>) {
        self.locks = Some(locks);
    }

    /// Says whether what was changed here goes before what the source has.
    pub(crate) fn precedence(&self) -> Precedence {
        match self.locks {
            Some(_) => Precedence::Here(self.job.fingerprint),
            None => Precedence::Source,
        }
    }

    /// Takes a key for itself, where others may bring it meanwhile, and makes sure that it may come.
    async fn take_key(&self, key: &str) -> Result<Option<KeyLock>, Error> {
        let Some(locks) = &self.locks else {
            return Ok(None);
        };
        let lock = locks.lock(key).await;
        if let Ok(key) = ObjectKey::parse(key) {
            let (parts, bucket, precedence) =
                (Arc::clone(&self.parts), self.bucket.id, self.precedence());
            self.parts
                .db
                .read(move |view| precedence.check(&parts, view, bucket, &key))
                .await?;
        }
        Ok(Some(lock))
    }

    /// Describes what a key stands for, or one version of it, delete markers too; none when it is not there.
    pub(crate) async fn find(
        &self,
        key: &ObjectKey,
        version: Option<VersionId>,
    ) -> Result<Option<Description>, Error> {
        let Some(version) = version.filter(|_| self.coverage == Coverage::Versions) else {
            let found = self.parts.store.describe(&self.bucket, key).await?;
            return Ok(found.filter(|found| version.is_none_or(|wanted| found.version == wanted)));
        };
        let wish = VersionWish::Id(version);
        let found = self.parts.store.look(&self.bucket.name, key, wish).await?;
        Ok(found.and_then(|(bucket, described)| match described {
            Described::Object(found) | Described::Marker(found) if bucket.id == self.bucket.id => {
                Some(found)
            }
            Described::Object(_) | Described::Marker(_) | Described::Absent => None,
        }))
    }

    /// Whether a newer version of an entry's key was brought already.
    async fn is_overtaken(&self, entry: &JobEntry) -> Result<bool, Error> {
        if self.coverage == Coverage::Current {
            return Ok(false);
        }
        let (registry, job, listed) = (
            self.parts.registry.clone(),
            self.job.id,
            entry.listed.clone(),
        );
        self.parts
            .db
            .read(move |view| Ok(registry.is_overtaken(view, job, &listed)?))
            .await
    }

    /// Returns the bucket as one in which versions can be locked.
    pub(crate) async fn lockable(&self) -> Result<&Bucket, Error> {
        self.lockable
            .get_or_try_init(|| async {
                if self.bucket.lock.is_some() {
                    return Ok(self.bucket.clone());
                }
                destination::keep_locks(&self.parts, &self.job, self.principal, &self.bucket).await
            })
            .await
    }

    /// Saves what became of an object.
    pub(crate) async fn save(&self, id: EntryId, outcome: EntryOutcome) -> Result<(), Error> {
        if outcome.state == EntryState::Copied {
            metrics::counter!("onshore_migrated_objects_total").increment(1);
        }
        let (registry, job) = (self.parts.registry.clone(), self.job.id);
        self.parts
            .db
            .write(move |unit| Ok(registry.save_outcome(unit, job, &id, &outcome)?))
            .await
    }

    pub(crate) fn heard_source(&self) {
        self.silent_objects.store(0, Ordering::Relaxed);
    }

    /// Counts an object that could not be had for want of an answer. Waiting for millions of them one by one would
    /// help nobody.
    pub(crate) fn source_was_silent(&self) -> Result<(), Error> {
        let objects = self.silent_objects.fetch_add(1, Ordering::Relaxed) + 1;
        if objects >= SILENT_OBJECTS_MAX {
            Err(Error::SourceSilent { objects })
        } else {
            Ok(())
        }
    }

    fn precedence_is_here(&self) -> bool {
        self.locks.is_some()
    }

    /// Whether an entry no longer waits.
    async fn is_done(&self, entry: &JobEntry) -> Result<bool, Error> {
        let key = entry.listed.key.clone();
        let next = self
            .parts
            .registry
            .waiting_entries(self.job.id, key, 1)
            .await?;
        Ok(next
            .first()
            .is_none_or(|waiting| waiting.listed.key != entry.listed.key))
    }

    pub(crate) async fn waiting(&self) -> Result<Waiting, Error> {
        let first = self
            .parts
            .registry
            .waiting_entries(self.job.id, String::new(), 1)
            .await?;
        Ok(if first.is_empty() {
            Waiting::Nothing
        } else {
            Waiting::Something
        })
    }
}

async fn open(
    parts: &Parts,
    access: &SourceAccess,
    credentials: Option<&Credentials>,
    patience: Patience,
) -> Result<Arc<dyn Source>, Error> {
    let mut attempts = patience.begin();
    loop {
        match parts.sources.open(access, credentials).await {
            Err(error) if error.kind() == ErrorKind::Retry && attempts.wait().await => {}
            opened => return Ok(opened?),
        }
    }
}

/// Brings everything that waits, several keys at a time; the versions of a key come one after the other, the oldest first.
pub(crate) async fn copy(work: &Arc<Work>) -> Result<(), Error> {
    let mut under_way: JoinSet<Result<(), Error>> = JoinSet::new();
    let mut from = String::new();
    work.meter.begin(work.parts.gate.now());
    loop {
        let mut page = work
            .parts
            .registry
            .waiting_entries(work.job.id, from.clone(), PLANNED_AT_ONCE)
            .await?;
        let Some(last) = page.last() else {
            break;
        };
        let last = last.listed.key.clone();
        let is_full = u32::try_from(page.len()) == Ok(PLANNED_AT_ONCE);
        let is_one_key = page.first().is_some_and(|first| first.listed.key == last);
        // The last key of a full page may have more versions than the page holds: it comes with the next page, or by itself.
        if is_full && !is_one_key && work.coverage == Coverage::Versions {
            page.retain(|entry| entry.listed.key != last);
            from = last;
        } else if is_full && is_one_key && work.coverage == Coverage::Versions {
            from = last;
        } else {
            // The least key behind another is that with a zero byte.
            from = last + "\0";
        }
        let must_rest = is_full && is_one_key;
        for group in plan_page(work, page).await? {
            while under_way.len() >= OBJECTS_AT_ONCE {
                finish_one(&mut under_way).await?;
                work.meter.save_when_due(&work.parts).await?;
            }
            let work = Arc::clone(work);
            under_way.spawn(async move { bring_group(&work, group).await });
        }
        while must_rest && !under_way.is_empty() {
            finish_one(&mut under_way).await?;
        }
    }
    while !under_way.is_empty() {
        finish_one(&mut under_way).await?;
    }
    work.meter.save_rest(&work.parts).await
}

/// Brings the versions of one key.
async fn bring_group(work: &Work, group: Group) -> Result<(), Error> {
    let Some((first, _)) = group.first() else {
        return Ok(());
    };
    let _alone = match work.take_key(&first.listed.key).await {
        Ok(lock) => lock,
        Err(Error::ChangedHere(changed)) => {
            let outcome = changed.exception().outcome();
            for (entry, _) in &group {
                work.save(entry.listed.id(), outcome.clone()).await?;
            }
            return Ok(());
        }
        Err(other) => return Err(other),
    };
    for (entry, step) in group {
        // Whoever pulled it meanwhile has brought it.
        if work.precedence_is_here() && work.is_done(&entry).await? {
            continue;
        }
        carry_out(work, &entry, step).await?;
    }
    Ok(())
}

async fn finish_one(under_way: &mut JoinSet<Result<(), Error>>) -> Result<(), Error> {
    match under_way.join_next().await {
        None => Ok(()),
        Some(Ok(done)) => done,
        Some(Err(_)) => Err(Error::Stopping),
    }
}

/// What is to be done with the versions of one key, in this order.
type Group = Vec<(JobEntry, Step)>;

/// Plans a page, saves what can be kept as it is, and returns what is to be done, key by key.
async fn plan_page(work: &Arc<Work>, page: Vec<JobEntry>) -> Result<Vec<Group>, Error> {
    let (registry, job, fingerprint) = (
        work.parts.registry.clone(),
        work.job.id,
        work.job.fingerprint,
    );
    let known = work
        .parts
        .db
        .read(move |view| {
            page.into_iter()
                .map(|entry| {
                    let known = registry.known_copy(view, &fingerprint, job, &entry.listed.id())?;
                    Ok((entry, known))
                })
                .collect::<Result<Vec<_>, Error>>()
        })
        .await?;
    let (mut kept, mut groups) = (Vec::new(), Vec::<Group>::new());
    for (entry, known) in known {
        let current = current(work, &entry, known.as_ref()).await?;
        match plan(&entry, known.as_ref(), current, work.job.label) {
            Step::Keep(outcome) => kept.push((entry.listed.id(), outcome)),
            step => match groups.last_mut() {
                Some(group) if is_of_key(group, &entry) => group.push((entry, step)),
                _ => groups.push(vec![(entry, step)]),
            },
        }
    }
    if !kept.is_empty() {
        let registry = work.parts.registry.clone();
        work.parts
            .db
            .write(move |unit| {
                for (id, outcome) in &kept {
                    registry.save_outcome(unit, job, id, outcome)?;
                }
                Ok::<_, Error>(())
            })
            .await?;
    }
    Ok(groups)
}

fn is_of_key(group: &Group, entry: &JobEntry) -> bool {
    group
        .first()
        .is_some_and(|(first, _)| first.listed.key == entry.listed.key)
}

/// Returns what the destination has of an entry: the current version of its key, or, where versions are brought, the one that
/// was made of this version, if it is still there.
async fn current(
    work: &Work,
    entry: &JobEntry,
    known: Option<&JobEntry>,
) -> Result<Option<VersionId>, Error> {
    let Ok(key) = ObjectKey::parse(entry.listed.key.as_str()) else {
        return Ok(None);
    };
    let made = entry
        .outcome
        .destination
        .or(known.and_then(|known| known.outcome.destination));
    let found = match (work.coverage, made) {
        (Coverage::Current, _) => work.find(&key, None).await?,
        (Coverage::Versions, None) => None,
        (Coverage::Versions, made @ Some(_)) => work.find(&key, made).await?,
    };
    Ok(found.map(|description| description.version))
}

async fn carry_out(work: &Work, entry: &JobEntry, step: Step) -> Result<(), Error> {
    match (step, ObjectKey::parse(entry.listed.key.as_str())) {
        (Step::ReadBack(version), Ok(key)) => {
            read_back::read_back(work, &key, entry, version, entry.outcome.clone()).await
        }
        (Step::Keep(outcome), _) => work.save(entry.listed.id(), outcome).await,
        (Step::Copy(_) | Step::ReadBack(_), _) => {
            if work.is_overtaken(entry).await? {
                return work.save(entry.listed.id(), overtaken().outcome()).await;
            }
            let since = work.parts.gate.now();
            match entry.listed.kind {
                EntryKind::Marker => marker::bring(work, entry).await?,
                EntryKind::Object | EntryKind::Gap => object::bring(work, entry).await?,
            }
            let size_bytes = entry.listed.size_bytes;
            if size_bytes < large::BYTES_MIN {
                let load = Load {
                    objects: 1,
                    bytes: size_bytes,
                };
                work.meter
                    .brought(size_bytes, load, (since, work.parts.gate.now()));
            }
            Ok(())
        }
    }
}

fn overtaken() -> Exception {
    Exception::new(
        "out-of-order",
        "newer versions of the key were brought before this one could be, and it would hide them: to have it in its place, \
         remove the key's versions here, or migrate into another bucket",
    )
}
