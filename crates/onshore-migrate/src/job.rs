//! One job from its record to its certificate, phase by phase. Each phase can be begun again where a kill left it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use onshore_policy::{Principal, Role};
use onshore_registry::{EntryId, EntryOutcome, EntryState, Job, JobEntry, JobState};
use onshore_sources::{
    Coverage, Credentials, ErrorKind, ListCursor, Source, SourceAccess, SourceSpec,
};
use onshore_store::{Bucket, Described, Description, VersionWish};
use onshore_types::{JobId, ObjectKey, Place, VersionId};
use tokio::sync::OnceCell;

use crate::desk::Desk;
use crate::engine::Parts;
use crate::inventory::Listing;
use crate::key_locks::{KeyLock, KeyLocks};
use crate::meter::Meter;
use crate::options::{JobOptions, Mode};
use crate::phase::{CatchUp, Phase, Waiting};
use crate::precedence::Precedence;
use crate::tempo::Tempo;
use crate::throttle::Throttle;
use crate::{
    Error, Patience, certificate, copying, decommission, destination, preflight, removals,
    watching, way_back,
};

/// How many bodies a source is asked for at the same time, as long as it does not say that it is too much: two runs of each large
/// object.
const REQUESTS_AT_ONCE: u32 = 16;

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
    /// Where workers ask for what is to be brought, if others than the server may bring it.
    pub(crate) desk: Option<Desk>,
    silent_objects: AtomicU32,
}

/// Works on a job until it ends, and returns how. The job's record says so too by then.
pub(crate) async fn run(parts: Arc<Parts>, desk: &Desk, job: Job) -> Result<JobState, Error> {
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
        (Mode::Return, Some(of)) => return way_back::run(&parts, &job, of).await,
        (Mode::Return, None) => return Err(Error::NothingToReturn),
        (Mode::Bring | Mode::CutOver, _) => {}
    }
    let mut work = Work::begin(parts, job, options, None).await?;
    if is_shareable(&work.access) {
        work.desk = Some(desk.clone());
    }
    let work = Arc::new(work);
    let mut phase: Phase = work.job.phase.parse().unwrap_or(Phase::Listing(0));
    let mut cursor = work.job.cursor.clone().map(ListCursor::from_kept);
    // Where it stops keeping up. A restart forgets it, and gives as many rounds anew.
    let mut ends_after = None;
    loop {
        // Whoever asks it to finish means what the source has then: a listing that had begun does not tell.
        let kept_up = watching::keeps_up(&work).await?
            || (work.options.watch_s.is_some() && cursor.is_some());
        match carry_out_phase(&work, phase, cursor.take()).await {
            Ok(None) => {}
            Ok(Some(state)) => return Ok(state),
            Err(error) if kept_up && phase != Phase::Listing(0) && error.is_of_source() => {
                let why = error.to_string();
                tracing::warn!(job = %work.job.id, why, "a source that is kept up with fails; it is tried again");
                watching::rest(&work).await?;
                let kept = work.parts.registry.job(work.job.id).await?.cursor;
                cursor = kept.map(ListCursor::from_kept);
                continue;
            }
            Err(error) => return Err(error),
        }
        let waiting = work.waiting().await?;
        let catch_up = if kept_up {
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

/// Does what a phase is for; what it returns is how the job has ended.
async fn carry_out_phase(
    work: &Arc<Work>,
    phase: Phase,
    cursor: Option<ListCursor>,
) -> Result<Option<JobState>, Error> {
    match phase {
        Phase::Listing(round) => {
            Listing::of(work, round).run(cursor).await?;
            removals::follow(work, round).await?;
        }
        Phase::Copying(_) => copying::copy(work).await?,
        Phase::Watching(_) => {
            watching::rest(work).await?;
            watching::retry(work).await?;
        }
        Phase::Certifying => return certificate::certify(work).await.map(Some),
        // Only a pre-flight checks, and it does not come here.
        Phase::Checking => {}
    }
    Ok(None)
}

/// Whether others than the server reach a source: a folder is the server's own.
pub(crate) fn is_shareable(access: &SourceAccess) -> bool {
    match access.source {
        SourceSpec::S3(_)
        | SourceSpec::Container(_)
        | SourceSpec::Swift(_)
        | SourceSpec::Tree(_) => true,
        SourceSpec::Folder(_) => false,
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

/// Returns the credentials that were sealed for a job.
pub(crate) async fn credentials_of(
    parts: &Parts,
    job: JobId,
) -> Result<Option<Credentials>, Error> {
    Ok(match parts.registry.job_credentials(job).await? {
        Some(secret) => Some(Credentials::from_bytes(secret.as_bytes())?),
        None => None,
    })
}

/// A job acts for its tenant, and with no more than a tenant's rights.
pub(crate) fn principal_of(job: &Job) -> Principal {
    Principal {
        id: job.created_by,
        tenant: Some(job.tenant),
        role: Role::TenantUser,
    }
}

/// Opens a job's source with the credentials that were sealed for it.
pub(crate) async fn open_source(
    parts: &Parts,
    job: &Job,
    access: &SourceAccess,
) -> Result<Arc<dyn Source>, Error> {
    let credentials = credentials_of(parts, job.id).await?;
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
        let principal = principal_of(&job);
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
            desk: None,
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
    pub(crate) async fn take_key(&self, key: &str) -> Result<Option<KeyLock>, Error> {
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
    pub(crate) async fn is_overtaken(&self, entry: &JobEntry) -> Result<bool, Error> {
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

    pub(crate) fn precedence_is_here(&self) -> bool {
        self.locks.is_some()
    }

    /// Whether an entry no longer waits.
    pub(crate) async fn is_done(&self, entry: &JobEntry) -> Result<bool, Error> {
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
