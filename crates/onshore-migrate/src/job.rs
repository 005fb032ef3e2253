//! One job from its record to its certificate, phase by phase. Each phase can be begun again where a kill left it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use onshore_policy::{Flow, Principal, Role, Subject, Transfer};
use onshore_registry::{EntryOutcome, EntryState, Job, JobEntry, JobState};
use onshore_sources::{Credentials, ErrorKind, ListCursor, Source, SourceAccess, SourceSpec};
use onshore_store::{Bucket, NewBucket};
use onshore_types::{ByteRange, Label, ObjectKey, Place};
use serde_json::json;
use tokio::task::JoinSet;

use crate::engine::Parts;
use crate::phase::{Phase, Waiting};
use crate::plan::{Step, plan};
use crate::{Error, Patience, certificate, inventory, object, read_back};

/// How many objects of a job are under way at the same time. With what each of them holds (two megabytes of batches in
/// the store, and what the connection buffers) a job stays below 64 MiB.
const OBJECTS_AT_ONCE: usize = 8;

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
    pub(crate) source: Arc<dyn Source>,
    pub(crate) bucket: Bucket,
    /// The job acts for its tenant and with no more than a tenant's rights.
    pub(crate) principal: Principal,
    pub(crate) from: Place,
    silent_objects: AtomicU32,
}

/// Works on a job until it ends, and returns how. The job's record says so too by then.
pub(crate) async fn run(parts: Arc<Parts>, job: Job) -> Result<JobState, Error> {
    if let Some(leaf) = job.certificate_leaf
        && let Some(state) = certificate::conclude(&parts, job.id, leaf).await?
    {
        return Ok(state);
    }
    let work = Arc::new(Work::begin(parts, job).await?);
    let mut phase: Phase = work.job.phase.parse().unwrap_or(Phase::Listing(0));
    let mut cursor = work.job.cursor.clone().map(ListCursor::from_kept);
    loop {
        match phase {
            Phase::Listing(_) => inventory::list(&work, phase, cursor.take()).await?,
            Phase::Copying(_) => copy(&work).await?,
            Phase::Certifying => return certificate::certify(&work).await,
        }
        let waiting = work.waiting().await?;
        let Some(next) = phase.next(waiting) else {
            return Ok(JobState::Complete);
        };
        phase = next;
        work.enter(phase).await?;
    }
}

impl Work {
    async fn begin(parts: Arc<Parts>, job: Job) -> Result<Self, Error> {
        let access: SourceAccess =
            serde_json::from_value(job.source.clone()).map_err(Error::Unreadable)?;
        let credentials = match parts.registry.job_credentials(job.id).await? {
            Some(secret) => Some(Credentials::from_bytes(secret.as_bytes())?),
            None => None,
        };
        // A job that nobody has begun more likely has a mistyped source than one that is down for a moment.
        let patience = match job.phase.as_str() {
            "queued" => parts.patience.short(),
            _ => parts.patience,
        };
        let source = open(&parts, &access, credentials.as_ref(), patience).await?;
        let principal = Principal {
            id: job.created_by,
            tenant: Some(job.tenant),
            role: Role::TenantUser,
        };
        let bucket = ensure_bucket(&parts, &job, principal).await?;
        let from = match &access.source {
            SourceSpec::S3(_) => Place::Unknown,
            SourceSpec::Folder(_) => parts.gate.home(),
        };
        Ok(Self {
            parts,
            job,
            access,
            source,
            bucket,
            principal,
            from,
            silent_objects: AtomicU32::new(0),
        })
    }

    /// Saves what became of an object.
    pub(crate) async fn save(&self, key: &str, outcome: EntryOutcome) -> Result<(), Error> {
        if outcome.state == EntryState::Copied {
            metrics::counter!("onshore_migrated_objects_total").increment(1);
        }
        let (registry, job, key) = (self.parts.registry.clone(), self.job.id, key.to_owned());
        self.parts
            .db
            .write(move |unit| Ok(registry.save_outcome(unit, job, &key, &outcome)?))
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

    async fn waiting(&self) -> Result<Waiting, Error> {
        let first = self
            .parts
            .registry
            .waiting_entries(self.job.id, None, 1)
            .await?;
        Ok(if first.is_empty() {
            Waiting::Nothing
        } else {
            Waiting::Something
        })
    }

    async fn enter(&self, phase: Phase) -> Result<(), Error> {
        tracing::info!(job = %self.job.id, %phase, "migration");
        let (registry, job) = (self.parts.registry.clone(), self.job.id);
        self.parts
            .db
            .write(move |unit| Ok(registry.advance_job(unit, job, &phase.to_string(), None)?))
            .await
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

/// Returns the job's bucket, made if it is missing.
async fn ensure_bucket(
    parts: &Arc<Parts>,
    job: &Job,
    principal: Principal,
) -> Result<Bucket, Error> {
    if let Some(bucket) = parts.store.bucket(&job.bucket).await? {
        return if bucket.tenant == job.tenant {
            Ok(bucket)
        } else {
            Err(Error::BucketTaken)
        };
    }
    let home = parts.gate.home();
    let permit = parts
        .gate
        .permit(Transfer {
            principal,
            operation: "CreateBucket",
            flow: Flow::Change,
            subject: Subject {
                bucket: None,
                owner: Some(job.tenant),
                key: None,
                version: None,
                label: job.label.unwrap_or(Label::Unclassified),
                range: ByteRange::whole(0),
            },
            from: home,
            to: home,
        })
        .await?;
    let (shared, name, tenant, class) =
        (Arc::clone(parts), job.bucket.clone(), job.tenant, job.label);
    let made = parts
        .db
        .write(move |unit| {
            let now = shared.gate.now();
            let bucket = shared.store.create_bucket(
                unit,
                &permit,
                &name,
                tenant,
                NewBucket { class, lock: None },
                now,
            )?;
            let record = json!({
                "operation": "CreateBucket",
                "bucket": bucket.id,
                "name": bucket.name,
                "tenant": bucket.tenant,
                "class": bucket.class,
            });
            shared.gate.settle_changed(unit, &permit, record)?;
            Ok(bucket)
        })
        .await;
    match made {
        Err(Error::Store(onshore_store::Error::BucketTaken {
            owned_by_caller: true,
        })) => {
            let bucket = parts.store.bucket(&job.bucket).await?;
            bucket.ok_or(Error::BucketGone)
        }
        Err(Error::Store(onshore_store::Error::BucketTaken { .. })) => Err(Error::BucketTaken),
        other => other,
    }
}

/// Brings everything that waits, several objects at a time.
async fn copy(work: &Arc<Work>) -> Result<(), Error> {
    let mut under_way: JoinSet<Result<(), Error>> = JoinSet::new();
    let mut after = None;
    loop {
        let page = work
            .parts
            .registry
            .waiting_entries(work.job.id, after.take(), PLANNED_AT_ONCE)
            .await?;
        let Some(last) = page.last() else {
            break;
        };
        after = Some(last.listed.key.clone());
        for (entry, step) in plan_page(work, page).await? {
            while under_way.len() >= OBJECTS_AT_ONCE {
                finish_one(&mut under_way).await?;
            }
            let work = Arc::clone(work);
            under_way.spawn(async move { carry_out(&work, &entry, step).await });
        }
    }
    while !under_way.is_empty() {
        finish_one(&mut under_way).await?;
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

/// Plans a page, saves what can be kept as it is, and returns what is to be done.
async fn plan_page(work: &Arc<Work>, page: Vec<JobEntry>) -> Result<Vec<(JobEntry, Step)>, Error> {
    let mut current = Vec::with_capacity(page.len());
    for entry in &page {
        let version = match ObjectKey::parse(entry.listed.key.as_str()) {
            Ok(key) => work.parts.store.describe(&work.bucket, &key).await?,
            Err(_) => None,
        };
        current.push(version.map(|description| description.version));
    }
    let (registry, job, label) = (work.parts.registry.clone(), work.job.id, work.job.label);
    let fingerprint = work.job.fingerprint;
    let planned = work
        .parts
        .db
        .read(move |view| {
            page.into_iter()
                .zip(current)
                .map(|(entry, current)| {
                    let known = registry.known_copy(view, &fingerprint, job, &entry.listed.key)?;
                    let step = plan(&entry, known.as_ref(), current, label);
                    Ok((entry, step))
                })
                .collect::<Result<Vec<_>, Error>>()
        })
        .await?;
    let (kept, to_do): (Vec<_>, Vec<_>) = planned
        .into_iter()
        .partition(|(_, step)| matches!(step, Step::Keep(_)));
    if !kept.is_empty() {
        let registry = work.parts.registry.clone();
        work.parts
            .db
            .write(move |unit| {
                for (entry, step) in &kept {
                    if let Step::Keep(outcome) = step {
                        registry.save_outcome(unit, job, &entry.listed.key, outcome)?;
                    }
                }
                Ok::<_, Error>(())
            })
            .await?;
    }
    Ok(to_do)
}

async fn carry_out(work: &Work, entry: &JobEntry, step: Step) -> Result<(), Error> {
    match (step, ObjectKey::parse(entry.listed.key.as_str())) {
        (Step::ReadBack(version), Ok(key)) => {
            read_back::read_back(work, &key, version, entry.outcome.clone()).await
        }
        (Step::Keep(outcome), _) => work.save(&entry.listed.key, outcome).await,
        (Step::Copy(_) | Step::ReadBack(_), _) => object::bring(work, entry).await,
    }
}
