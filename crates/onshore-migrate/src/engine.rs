//! The engine: finds jobs in the registry, works on a few of them at the same time, and ends them: finished, failed or
//! cancelled, always with their credentials destroyed. A server that stops leaves them as they are; the next start
//! goes on with them.

use std::collections::HashSet;
use std::error::Error as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use onshore_db::Database;
use onshore_gate::Gate;
use onshore_keys::FileSeal;
use onshore_registry::{Job, JobState, Registry};
use onshore_store::Store;
use onshore_types::JobId;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::desk::Desk;
use crate::error::ErrorKind;
use crate::opening::OpenSource;
use crate::options::{JobOptions, Mode};
use crate::pull_through::PullThrough;
use crate::{Error, Patience, certificate, cutover, job, uploads, way_back};

/// How many jobs are worked on at the same time.
const JOBS_AT_ONCE: usize = 2;

/// How many buckets are cut over at the same time.
const CUTOVERS_AT_ONCE: usize = 16;

/// How many jobs keep up with their sources at the same time.
const KEEPING_UP_AT_ONCE: usize = 16;

/// How often it is looked for ways back that are over.
const OVERDUE_EVERY: Duration = Duration::from_secs(60);

/// How soon a change in the database is looked at: a busy server commits a thousand times a second.
const GLANCE: Duration = Duration::from_millis(250);

/// What an engine is made of.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The database that all keepers share.
    pub db: Database,
    /// Where jobs are.
    pub registry: Registry,
    /// Where objects go.
    pub store: Store,
    /// Who permits and records it.
    pub gate: Gate,
    /// How sources are opened.
    pub sources: Arc<dyn OpenSource>,
    /// The folder of the certificates.
    pub certificates: PathBuf,
    /// What they are sealed with, if they are.
    pub seal: FileSeal,
    /// How long a source that fails is waited for.
    pub patience: Patience,
}

/// The migration engine. Clones share it.
#[derive(Debug, Clone)]
pub struct Engine {
    pulls: PullThrough,
    desk: Desk,
}

/// What became of a job that was worked on.
enum Ended {
    /// Its record says how it ended, or that it waits.
    Ended,
    /// It is as it was; this engine does not take it up again.
    Left,
}

impl Engine {
    /// Makes an engine of its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let parts = Arc::new(parts);
        Self {
            desk: Desk::new(Arc::clone(&parts)),
            pulls: PullThrough::new(parts),
        }
    }

    /// Returns where workers ask for what jobs are to bring.
    #[must_use]
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Returns what brings objects of buckets that are cut over when somebody asks for them.
    #[must_use]
    pub fn pull_through(&self) -> PullThrough {
        self.pulls.clone()
    }

    /// Works on jobs until told to stop. Unfinished jobs of an earlier run come first.
    pub async fn run(&self, stop: CancellationToken) {
        let parts = self.pulls.parts();
        let mut commits = parts.db.commits();
        let mut under_way: JoinSet<(JobId, Ended)> = JoinSet::new();
        let (mut busy, mut left) = (Busy::default(), HashSet::new());
        let mut overdue = tokio::time::interval(OVERDUE_EVERY);
        overdue.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            commits.mark_unchanged();
            match parts.registry.unfinished_jobs().await {
                Ok(jobs) => {
                    for job in jobs {
                        if job.state != JobState::Paused
                            && !left.contains(&job.id)
                            && busy.take(&job)
                        {
                            let (engine, stop) = (self.clone(), stop.clone());
                            under_way.spawn(async move {
                                let id = job.id;
                                (id, supervise(engine, job, stop).await)
                            });
                        }
                    }
                }
                Err(error) => tracing::error!(%error, "jobs could not be looked up"),
            }
            tokio::select! {
                () = stop.cancelled() => break,
                Some(done) = under_way.join_next() => match done {
                    Ok((id, Ended::Ended)) => {
                        busy.leave(id);
                    }
                    Ok((id, Ended::Left)) => {
                        busy.leave(id);
                        left.insert(id);
                    }
                    Err(error) => tracing::error!(%error, "a job's task ended"),
                },
                changed = glance(&mut commits) => if !changed { break },
                _ = overdue.tick() => if let Err(error) = way_back::close_overdue(parts).await {
                    tracing::error!(%error, "ways back that are over could not be closed");
                },
            }
        }
        while under_way.join_next().await.is_some() {}
    }
}

/// Waits for a commit, and a moment longer, so that many are one. `false` when there will be no more.
pub(crate) async fn glance(commits: &mut watch::Receiver<u64>) -> bool {
    let changed = commits.changed().await.is_ok();
    tokio::time::sleep(GLANCE).await;
    changed
}

/// The jobs that are worked on. Cut-overs wait for people, and who keeps up waits for the source: they do not keep migrations waiting.
#[derive(Debug, Default)]
struct Busy {
    migrations: HashSet<JobId>,
    cutovers: HashSet<JobId>,
    keeping_up: HashSet<JobId>,
}

impl Busy {
    /// Takes a job up, if there is room for it.
    fn take(&mut self, job: &Job) -> bool {
        let (jobs, at_once) = if matches!(mode(job), Some(Mode::CutOver | Mode::Return)) {
            (&mut self.cutovers, CUTOVERS_AT_ONCE)
        } else if keeps_up(job) {
            (&mut self.keeping_up, KEEPING_UP_AT_ONCE)
        } else {
            (&mut self.migrations, JOBS_AT_ONCE)
        };
        jobs.len() < at_once && jobs.insert(job.id)
    }

    fn leave(&mut self, id: JobId) {
        self.migrations.remove(&id);
        self.cutovers.remove(&id);
        self.keeping_up.remove(&id);
    }
}

/// Returns what a job does; none where its record does not read.
fn mode(job: &Job) -> Option<Mode> {
    serde_json::from_value::<JobOptions>(job.options.clone())
        .ok()
        .map(|options| options.mode)
}

fn keeps_up(job: &Job) -> bool {
    serde_json::from_value::<JobOptions>(job.options.clone())
        .is_ok_and(|options| options.watch_s.is_some())
}

async fn supervise(engine: Engine, job: Job, stop: CancellationToken) -> Ended {
    let id = job.id;
    let Engine { pulls, desk } = engine;
    let parts = Arc::clone(pulls.parts());
    let outcome = tokio::select! {
        () = stop.cancelled() => return Ended::Ended,
        () = asked(&parts, id, JobState::Paused) => {
            tracing::info!(job = %id, "migration paused");
            return Ended::Ended;
        }
        () = asked(&parts, id, JobState::Cancelling) => end(&pulls, &job, JobState::Cancelled, None).await,
        done = work_on(&pulls, &desk, job.clone()) => match done {
            Ok(state) => {
                tracing::info!(job = %id, %state, "migration ended");
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::EndsJob => {
                let why = chain(&error);
                tracing::warn!(job = %id, why, "migration failed");
                end(&pulls, &job, JobState::Failed, Some(why)).await
            }
            Err(error) => Err(error),
        },
    };
    match outcome {
        Ok(()) => Ended::Ended,
        Err(error) => {
            tracing::error!(job = %id, error = %chain(&error), "the job is left as it is; the next start of the server goes on with it");
            Ended::Left
        }
    }
}

/// Returns when somebody has asked the job to stop, for good or for a while.
async fn asked(parts: &Parts, id: JobId, to_be: JobState) {
    let mut commits = parts.db.commits();
    loop {
        commits.mark_unchanged();
        match parts.registry.job(id).await {
            // Too late once the ledger has its certificate: what it says is true, and the job ends in a moment.
            Ok(job) if job.state == to_be && job.certificate_leaf.is_none() => {
                return;
            }
            Ok(_) => {}
            Err(error) => tracing::error!(job = %id, %error, "the job could not be looked up"),
        }
        if !glance(&mut commits).await {
            // Nothing will ever change again: the database is closed, and the work beside this ends by itself.
            std::future::pending::<()>().await;
        }
    }
}

async fn work_on(pulls: &PullThrough, desk: &Desk, job: Job) -> Result<JobState, Error> {
    match mode(&job) {
        Some(Mode::CutOver) => cutover::run(pulls, job).await,
        _ => job::run(Arc::clone(pulls.parts()), desk, job).await,
    }
}

async fn end(
    pulls: &PullThrough,
    job: &Job,
    state: JobState,
    why: Option<String>,
) -> Result<(), Error> {
    let parts = pulls.parts();
    let options: Option<JobOptions> = serde_json::from_value(job.options.clone()).ok();
    match options.map(|options| (options.mode, options.of)) {
        Some((Mode::CutOver, _)) => cutover::call_off(pulls, job, why.as_deref()).await?,
        Some((Mode::Return, Some(of))) => way_back::call_off(parts, of, why.as_deref()).await?,
        _ => {}
    }
    certificate::discard_draft(parts, job.id).await?;
    uploads::abandon_all(parts, job).await?;
    let tally = parts.registry.tally(job.id).await?;
    let (gate, job) = (parts.gate.clone(), job.clone());
    parts
        .db
        .write(move |unit| {
            gate.settle_job(unit, &job, state, why.as_deref(), &tally, None)?;
            Ok(())
        })
        .await
}

/// Returns an error with its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}
