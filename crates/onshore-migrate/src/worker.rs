//! A worker: takes leases of what jobs of a server are to bring, reads it at the source with credentials of its own machine, and delivers
//! the bytes. It holds neither store nor keys and decides nothing: what it cannot bring it gives back, and the server finds out by itself
//! why. It may be killed at any instant; its leases run out, and others go on.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use onshore_api::{
    AskLease, DIGEST_LEN_BYTES, DeliveredView, LeaseAnswer, LeaseRenewed, LeaseView, LeasedObject,
    RunView, RunsView,
};
use onshore_sources::{
    ByteStream, Credentials, Details, ErrorKind, Source, SourceAccess, SourceSpec,
    resolve_container_credentials, resolve_credentials, resolve_swift, resolve_tree_credentials,
};
use onshore_types::{ByteRange, IdentityName, JobId, LeaseId};
use ring::digest::{Context, SHA256};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::arriving::Body;
use crate::delivery::deliver;
use crate::desk::LeasedPlace;
use crate::tempo::Tempo;
use crate::{OpenSource, Patience};

/// How many objects are asked for at once for each stream.
const OBJECTS_PER_STREAM: u32 = 4;

/// How many bytes are asked for at once.
const BYTES_AT_ONCE: u64 = 256 << 20;

/// How often an object is delivered anew before it is left to the server.
const ATTEMPTS_MAX: u32 = 3;

/// How many runs of a large object are delivered at the same time.
const RUNS_AT_ONCE: usize = 2;

/// How often a lease is renewed while it would last.
const RENEWALS: u32 = 3;

/// How long a server that does not answer is left alone.
const SILENCE: Duration = Duration::from_secs(1);

/// The server, as a worker asks it.
#[async_trait]
pub trait Office: Send + Sync {
    /// Asks for something to bring.
    async fn lease(&self, asked: &AskLease) -> Result<LeaseAnswer, OfficeError>;
    /// Asks to hold a lease for longer.
    async fn renew(&self, lease: LeaseId) -> Result<LeaseRenewed, OfficeError>;
    /// Gives a lease back.
    async fn give_back(&self, lease: LeaseId) -> Result<(), OfficeError>;
    /// Leaves an object to the server.
    async fn leave(&self, place: LeasedPlace) -> Result<DeliveredView, OfficeError>;
    /// Delivers an object: its bytes and the digest behind them, so many in all.
    async fn deliver(
        &self,
        place: LeasedPlace,
        body: Body,
        len_bytes: u64,
    ) -> Result<DeliveredView, OfficeError>;
    /// Asks which runs of a large object are missing.
    async fn runs(&self, place: LeasedPlace) -> Result<RunsView, OfficeError>;
    /// Delivers a run.
    async fn deliver_run(
        &self,
        place: LeasedPlace,
        run: u32,
        body: Body,
        len_bytes: u64,
    ) -> Result<DeliveredView, OfficeError>;
    /// Says that all runs are delivered.
    async fn complete(&self, place: LeasedPlace) -> Result<DeliveredView, OfficeError>;
}

/// Why the server did not do what a worker asked.
#[derive(Debug, thiserror::Error)]
pub enum OfficeError {
    /// The lease no longer holds.
    #[error("the lease no longer holds")]
    Gone,
    /// It was not taken, and may be another time.
    #[error("{0}")]
    Again(String),
    /// It does not answer.
    #[error("{0}")]
    Silent(String),
    /// It will not do it.
    #[error("{0}")]
    Refused(String),
}

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which job; none is any of its tenant.
    pub job: Option<JobId>,
    /// What it calls itself.
    pub name: IdentityName,
    /// How many objects it brings at the same time.
    pub streams: u32,
    /// The profile whose credentials open sources.
    pub profile: Option<String>,
    /// Whether sources are read without credentials.
    pub anonymous: bool,
    /// How long a source that fails is waited for.
    pub patience: Patience,
}

/// How a worker ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How the job ended; none where the worker was told to stop.
    pub job: Option<String>,
    /// How many objects it delivered.
    pub objects: u64,
    /// And their bytes.
    pub bytes: u64,
}

/// Why a worker cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The server will not have it.
    #[error(transparent)]
    Office(#[from] OfficeError),
    /// A source does not open with what this machine has.
    #[error("the source of {job} does not open from here")]
    Source {
        /// Of which job.
        job: JobId,
        /// Why not.
        #[source]
        source: onshore_sources::Error,
    },
    /// The job's source does not read.
    #[error("the source of the job is not one that this version can read")]
    Unreadable(#[source] serde_json::Error),
}

/// A worker. Clones share it.
#[derive(Clone)]
pub struct Worker {
    inner: Arc<Inner>,
}

struct Inner {
    office: Arc<dyn Office>,
    sources: Arc<dyn OpenSource>,
    settings: Settings,
    objects: AtomicU64,
    bytes: AtomicU64,
    /// Leases under which something is still to be done.
    leases: Mutex<Vec<Weak<Lease>>>,
}

/// A lease, for as long as something is to be done under it.
struct Lease {
    id: LeaseId,
    lost: CancellationToken,
}

/// A source that is open.
struct Reader {
    source: Arc<dyn Source>,
    tempo: Tempo,
}

/// Versions of a key that are to be brought, under a lease, from a source.
struct Task {
    lease: Arc<Lease>,
    reader: Arc<Reader>,
    objects: Vec<LeasedObject>,
}

/// How an attempt at an object ended.
enum Tried {
    /// It is settled, whatever became of it.
    Settled,
    /// It may be tried again.
    Again,
    /// The source is to be left alone for a while, and asked again.
    Later,
    /// The server is to bring it.
    NotHere,
}

impl Worker {
    /// Makes a worker. Nothing is asked yet.
    #[must_use]
    pub fn new(office: Arc<dyn Office>, sources: Arc<dyn OpenSource>, settings: Settings) -> Self {
        Self {
            inner: Arc::new(Inner {
                office,
                sources,
                settings,
                objects: AtomicU64::new(0),
                bytes: AtomicU64::new(0),
                leases: Mutex::default(),
            }),
        }
    }

    /// Works until the job that was named has ended, or until told to stop. Leases are given back then.
    ///
    /// # Errors
    /// [`WorkerError`] says why it cannot go on.
    pub async fn run(&self, stop: CancellationToken) -> Result<Ended, WorkerError> {
        let mut work = std::pin::pin!(self.work());
        let worked = tokio::select! {
            () = stop.cancelled() => Ok(None),
            worked = &mut work => worked.map(Some),
        };
        for lease in self.inner.live_leases() {
            lease.lost.cancel();
            // Where the server does not hear of it, the lease runs out.
            drop(self.inner.office.give_back(lease.id).await);
        }
        Ok(Ended {
            job: worked?,
            objects: self.inner.objects.load(Ordering::Relaxed),
            bytes: self.inner.bytes.load(Ordering::Relaxed),
        })
    }

    async fn work(&self) -> Result<String, WorkerError> {
        let streams = usize::try_from(self.inner.settings.streams.max(1)).unwrap_or(1);
        let (mut waiting, mut under_way) = (VecDeque::<Task>::new(), JoinSet::new());
        let mut readers = HashMap::new();
        let mut pause = Box::pin(tokio::time::sleep(Duration::ZERO));
        loop {
            while under_way.len() < streams
                && let Some(task) = waiting.pop_front()
            {
                let inner = Arc::clone(&self.inner);
                under_way.spawn(async move { inner.bring(task).await });
            }
            let is_idle = waiting.is_empty() && under_way.len() < streams;
            tokio::select! {
                Some(_) = under_way.join_next() => {}
                () = &mut pause, if is_idle => {
                    let answer = self.ask().await?;
                    if let Some(ended) = answer.ended {
                        return Ok(ended);
                    }
                    pause = Box::pin(tokio::time::sleep(Duration::from_millis(answer.wait_ms)));
                    if let Some(lease) = answer.lease {
                        waiting.extend(self.take(lease, &mut readers).await?);
                    }
                }
            }
        }
    }

    /// Asks for a lease. A server that does not answer is asked again.
    async fn ask(&self) -> Result<LeaseAnswer, WorkerError> {
        let settings = &self.inner.settings;
        let asked = AskLease {
            job: settings.job,
            worker: settings.name.clone(),
            objects: settings.streams.saturating_mul(OBJECTS_PER_STREAM),
            bytes: BYTES_AT_ONCE,
        };
        match self.inner.office.lease(&asked).await {
            Ok(answer) => Ok(answer),
            Err(error @ OfficeError::Refused(_)) => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "the server is asked again");
                Ok(LeaseAnswer {
                    lease: None,
                    ended: None,
                    wait_ms: u64::try_from(SILENCE.as_millis()).unwrap_or(u64::MAX),
                })
            }
        }
    }

    /// Takes a lease up: holds it, and opens its source if that is not open.
    async fn take(
        &self,
        view: LeaseView,
        readers: &mut HashMap<JobId, Arc<Reader>>,
    ) -> Result<Vec<Task>, WorkerError> {
        let objects: usize = view.keys.iter().map(Vec::len).sum();
        tracing::info!(job = %view.job, lease = %view.id, objects, "leased");
        let lease = self
            .inner
            .hold(view.id, Duration::from_millis(view.lasts_ms));
        let reader = match readers.get(&view.job) {
            Some(reader) => Arc::clone(reader),
            None => match self.open(&view).await {
                Ok(reader) => {
                    let reader = Arc::new(reader);
                    readers.insert(view.job, Arc::clone(&reader));
                    reader
                }
                Err(error) => {
                    // Where the server does not hear of it, the lease runs out.
                    drop(self.inner.office.give_back(view.id).await);
                    return Err(error);
                }
            },
        };
        let tasks = view.keys.into_iter().map(|objects| Task {
            lease: Arc::clone(&lease),
            reader: Arc::clone(&reader),
            objects,
        });
        Ok(tasks.collect())
    }

    async fn open(&self, view: &LeaseView) -> Result<Reader, WorkerError> {
        let access: SourceAccess =
            serde_json::from_value(view.source.clone()).map_err(WorkerError::Unreadable)?;
        let failed = |source| WorkerError::Source {
            job: view.job,
            source,
        };
        let settings = &self.inner.settings;
        let credentials = credentials(settings, &access).await.map_err(failed)?;
        let source = self
            .inner
            .sources
            .open(&access, credentials.as_ref())
            .await
            .map_err(failed)?;
        Ok(Reader {
            source,
            tempo: Tempo::new(settings.streams.saturating_mul(2)),
        })
    }
}

/// Returns what this machine has for a source.
async fn credentials(
    settings: &Settings,
    access: &SourceAccess,
) -> Result<Option<Credentials>, onshore_sources::Error> {
    if settings.anonymous {
        return Ok(None);
    }
    match &access.source {
        SourceSpec::S3(spec) => {
            let resolved = resolve_credentials(settings.profile.as_deref(), spec.dialect).await?;
            Ok(resolved.credentials)
        }
        SourceSpec::Container(spec) => Ok(resolve_container_credentials(spec.protocol, None)?.0),
        SourceSpec::Swift(_) => Ok(resolve_swift()?.map(|(_, credentials)| credentials)),
        SourceSpec::Tree(spec) => resolve_tree_credentials(spec.protocol),
        SourceSpec::Folder(_) => Ok(None),
    }
}

impl Inner {
    /// Holds a lease until nothing is to be done under it any more, or until it is lost.
    fn hold(self: &Arc<Self>, id: LeaseId, lasts: Duration) -> Arc<Lease> {
        let lease = Arc::new(Lease {
            id,
            lost: CancellationToken::new(),
        });
        let held = Arc::downgrade(&lease);
        {
            let mut leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
            leases.retain(|lease| lease.strong_count() > 0);
            leases.push(Weak::clone(&held));
        }
        let inner = Arc::clone(self);
        tokio::spawn(async move {
            let mut silent = 0;
            loop {
                tokio::time::sleep(lasts / RENEWALS).await;
                let Some(lease) = held.upgrade() else {
                    return;
                };
                match inner.office.renew(lease.id).await {
                    Ok(_) => silent = 0,
                    Err(OfficeError::Silent(_) | OfficeError::Again(_))
                        if silent + 1 < RENEWALS =>
                    {
                        silent += 1;
                    }
                    Err(error) => {
                        tracing::warn!(lease = %lease.id, %error, "a lease is lost");
                        lease.lost.cancel();
                        return;
                    }
                }
            }
        });
        lease
    }

    fn live_leases(&self) -> Vec<Arc<Lease>> {
        let leases = self.leases.lock().unwrap_or_else(PoisonError::into_inner);
        leases.iter().filter_map(Weak::upgrade).collect()
    }

    /// Brings versions of a key, the oldest first, as long as the lease holds.
    async fn bring(&self, task: Task) {
        let Task {
            lease,
            reader,
            objects,
        } = task;
        for object in &objects {
            let place = LeasedPlace {
                lease: lease.id,
                number: object.number,
            };
            tokio::select! {
                () = lease.lost.cancelled() => return,
                brought = self.object(&reader, place, object) => {
                    if let Err(error) = brought {
                        if matches!(error, OfficeError::Gone) {
                            lease.lost.cancel();
                        }
                        tracing::warn!(lease = %lease.id, number = object.number, %error, "not delivered");
                        return;
                    }
                }
            }
        }
    }

    /// Delivers an object, or leaves it to the server.
    async fn object(
        &self,
        reader: &Reader,
        place: LeasedPlace,
        object: &LeasedObject,
    ) -> Result<(), OfficeError> {
        let (mut attempts, mut tries) = (self.settings.patience.begin(), 0);
        while tries < ATTEMPTS_MAX {
            let tried = if object.in_runs {
                self.in_runs(reader, place, object).await?
            } else {
                self.at_once(reader, place, object).await?
            };
            match tried {
                Tried::Settled => {
                    self.objects.fetch_add(1, Ordering::Relaxed);
                    self.bytes.fetch_add(object.size_bytes, Ordering::Relaxed);
                    return Ok(());
                }
                Tried::Again => tries += 1,
                Tried::Later if attempts.wait().await => {}
                Tried::Later | Tried::NotHere => break,
            }
        }
        tracing::info!(lease = %place.lease, number = place.number, "left to the server");
        self.office.leave(place).await.map(drop)
    }

    async fn at_once(
        &self,
        reader: &Reader,
        place: LeasedPlace,
        object: &LeasedObject,
    ) -> Result<Tried, OfficeError> {
        let turn = reader.tempo.turn().await;
        let version = object.version.as_deref();
        let fetched = match reader.source.fetch(&object.key, version).await {
            Ok(fetched) => fetched,
            Err(error) if error.kind() == ErrorKind::Retry => {
                turn.complained();
                return Ok(Tried::Later);
            }
            Err(error) => return Ok(not_here(&error)),
        };
        let details = Arc::new(fetched.details);
        let Ok(open) = fetched.body else {
            return Ok(Tried::NotHere);
        };
        if details.size_bytes != object.size_bytes {
            return Ok(Tried::NotHere);
        }
        let range = ByteRange::whole(details.size_bytes);
        let body = self.read(reader, &object.key, &details, range, Some(open));
        let len_bytes = range.len_bytes.saturating_add(DIGEST_LEN_BYTES);
        let delivered = self.office.deliver(place, body, len_bytes).await;
        turn.answered();
        tried(delivered).await
    }

    async fn in_runs(
        &self,
        reader: &Reader,
        place: LeasedPlace,
        object: &LeasedObject,
    ) -> Result<Tried, OfficeError> {
        let view = match self.office.runs(place).await {
            Ok(view) => view,
            Err(error) => return tried(Err(error)).await,
        };
        if view.became.is_some() {
            return Ok(Tried::Settled);
        }
        let version = object.version.as_deref();
        let described = match reader.source.describe(&object.key, version).await {
            Ok(described) => described,
            Err(error) => return Ok(not_here(&error)),
        };
        if described.details.fingerprint != view.fingerprint {
            return Ok(Tried::Again);
        }
        let details = Arc::new(described.details);
        let runs = stream::iter(view.missing)
            .map(|run| self.run(reader, place, &object.key, &details, run))
            .buffer_unordered(RUNS_AT_ONCE)
            .try_collect::<Vec<()>>();
        if let Err(error) = runs.await {
            return tried(Err(error)).await;
        }
        tried(self.office.complete(place).await).await
    }

    async fn run(
        &self,
        reader: &Reader,
        place: LeasedPlace,
        key: &str,
        details: &Arc<Details>,
        run: RunView,
    ) -> Result<(), OfficeError> {
        let turn = reader.tempo.turn().await;
        let range = ByteRange {
            start: run.start,
            len_bytes: run.len_bytes,
        };
        let body = self.read(reader, key, details, range, None);
        let len_bytes = range.len_bytes.saturating_add(DIGEST_LEN_BYTES);
        let delivered = self
            .office
            .deliver_run(place, run.number, body, len_bytes)
            .await;
        turn.answered();
        delivered.map(drop)
    }

    /// Reads a run of an object, with its SHA-256 behind it.
    fn read(
        &self,
        reader: &Reader,
        key: &str,
        details: &Arc<Details>,
        range: ByteRange,
        open: Option<ByteStream>,
    ) -> Body {
        let bytes = deliver(
            Arc::clone(&reader.source),
            key.to_owned(),
            Arc::clone(details),
            range,
            self.settings.patience,
            open,
        );
        with_digest(Box::pin(bytes))
    }
}

/// Hands bytes on as they come, and in the end their SHA-256.
fn with_digest(bytes: ByteStream) -> Body {
    let begun = (Some(bytes), Context::new(&SHA256));
    let body = stream::try_unfold(begun, |(bytes, mut hash)| async move {
        let Some(mut bytes) = bytes else {
            return Ok(None);
        };
        match bytes.try_next().await.map_err(io::Error::other)? {
            Some(chunk) => {
                hash.update(&chunk);
                Ok(Some((chunk, (Some(bytes), hash))))
            }
            None => {
                let digest = Bytes::copy_from_slice(hash.clone().finish().as_ref());
                Ok(Some((digest, (None, hash))))
            }
        }
    });
    Box::pin(body)
}

fn not_here(error: &onshore_sources::Error) -> Tried {
    match error.kind() {
        ErrorKind::Changed => Tried::Again,
        ErrorKind::Retry => Tried::Later,
        ErrorKind::Gone
        | ErrorKind::Forbidden
        | ErrorKind::Unsupported
        | ErrorKind::Credentials
        | ErrorKind::Bug => Tried::NotHere,
    }
}

/// Says what became of a delivery. As long as the server is silent it is not known: the lease tells.
async fn tried(delivered: Result<DeliveredView, OfficeError>) -> Result<Tried, OfficeError> {
    match delivered {
        Ok(_) => Ok(Tried::Settled),
        Err(OfficeError::Silent(_) | OfficeError::Again(_)) => {
            tokio::time::sleep(SILENCE).await;
            Ok(Tried::Again)
        }
        Err(error @ (OfficeError::Gone | OfficeError::Refused(_))) => Err(error),
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}
