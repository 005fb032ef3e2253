//! Pull-through: what is not here yet of a bucket that is cut over is fetched when somebody asks for it, passes the gate like
//! everything that is migrated, and is stored and verified. However many ask, a key is fetched once; it is brought to its end
//! also where nobody waits any more. What takes long can be read from where it is meanwhile.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures_util::TryStreamExt;
use onshore_registry::Job;
use onshore_sources::{Beneath, BeneathPage, ByteStream, Details, ErrorKind};
use onshore_store::{
    Checksum, Encryption, KeyStanding, Lock, Naming, ObjectHead, Part, Tags, Versioning,
};
use onshore_types::pace::Pace;
use onshore_types::{BucketId, ByteRange, JobId, Label, ObjectKey, Timestamp, VersionId};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use crate::Error;
use crate::delivery::deliver;
use crate::engine::Parts;
use crate::job::Work;
use crate::key_locks::KeyLocks;
use crate::object::{self, Fault};
use crate::options::JobOptions;
use crate::pull;

/// How long whoever asks for an object waits for it to be here, once it is known that it is there. Then it is handed through.
const PASS_AFTER: Duration = Duration::from_secs(4);

/// How long whoever asks waits for a word of the source.
const SILENT_AFTER: Duration = Duration::from_secs(10);

/// How long one attempt to list may take, and how many there are.
const LIST_PATIENCE: Duration = Duration::from_secs(8);
const LIST_ATTEMPTS: u32 = 2;

/// How many objects of a bucket are fetched at the same time, because somebody asked: each holds two megabytes of batches.
const PULLS_AT_ONCE: usize = 24;

/// Buckets of which not all is here. Clones share it.
#[derive(Debug, Clone)]
pub struct PullThrough {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    parts: Arc<Parts>,
    buckets: RwLock<HashMap<BucketId, Arc<Pulled>>>,
    ended: AtomicU64,
}

/// A bucket of which not all is here.
#[derive(Debug)]
pub(crate) struct Pulled {
    job: JobId,
    bucket: BucketId,
    pub(crate) locks: Arc<KeyLocks>,
    work: tokio::sync::Mutex<Option<Arc<Work>>>,
    flights: Mutex<HashMap<ObjectKey, watch::Receiver<Progress>>>,
    room: Semaphore,
}

/// What became of a key that was not here.
#[derive(Debug)]
pub enum Pull {
    /// It is here, or was removed here, or the bucket is whole: look again.
    Settled,
    /// The source has no such key.
    Nowhere,
    /// It is still coming.
    Coming(Box<Coming>),
}

/// Why a key is not brought.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PullError {
    /// The gate refuses it.
    #[error("{0}")]
    Refused(String),
    /// It cannot be had at the source.
    #[error("{0}")]
    Unreadable(String),
    /// The source does not answer as it should.
    #[error("{0}")]
    Silent(String),
}

/// An object that is still coming, and can be read at the source meanwhile.
#[derive(Debug)]
pub struct Coming {
    work: Arc<Work>,
    key: ObjectKey,
    details: Arc<Details>,
    head: ObjectHead,
}

/// How far a flight is.
#[derive(Debug, Clone)]
enum Progress {
    Asking,
    Coming(Arc<Work>, Arc<Details>),
    Done(Outcome),
}

/// How a flight ended.
#[derive(Debug, Clone)]
enum Outcome {
    Settled,
    Nowhere,
    Failed(PullError),
}

impl PullThrough {
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        Self {
            inner: Arc::new(Inner {
                parts,
                buckets: RwLock::default(),
                ended: AtomicU64::new(0),
            }),
        }
    }

    /// Takes up again what an earlier run of the server left. To be called before anything of the store is served.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn take_up(&self) -> Result<(), Error> {
        let Parts {
            db,
            registry,
            store,
            ..
        } = &*self.inner.parts;
        let cutovers = db.glance(|view| Ok::<_, Error>(registry.cutovers(view)?))?;
        for cutover in cutovers {
            if cutover.step.pulls()
                && let Some(bucket) = store.bucket(&cutover.bucket).await?
            {
                self.open(bucket.id, cutover.job);
            }
        }
        Ok(())
    }

    /// Whether anything of the bucket may still be at its source.
    #[must_use]
    pub fn reaches(&self, bucket: BucketId) -> bool {
        self.pulled(bucket).is_some()
    }

    /// How many buckets have been closed: their sources have nothing of them any more.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.inner.ended.load(Ordering::SeqCst)
    }

    /// Brings a key that is not here.
    ///
    /// # Errors
    /// [`PullError`].
    pub async fn pull(&self, bucket: BucketId, key: &ObjectKey) -> Result<Pull, PullError> {
        let Some(pulled) = self.pulled(bucket) else {
            return Ok(Pull::Settled);
        };
        let mut progress = self.join(&pulled, key);
        let mut passes = pin!(sleep(PASS_AFTER));
        let mut is_silent = pin!(sleep(SILENT_AFTER));
        loop {
            let coming = match &*progress.borrow_and_update() {
                Progress::Done(Outcome::Settled) => return Ok(Pull::Settled),
                Progress::Done(Outcome::Nowhere) => return Ok(Pull::Nowhere),
                Progress::Done(Outcome::Failed(error)) => return Err(error.clone()),
                Progress::Asking => None,
                Progress::Coming(work, details) => Some((Arc::clone(work), Arc::clone(details))),
            };
            tokio::select! {
                changed = progress.changed() => if changed.is_err() {
                    return Err(PullError::Silent("the server is stopping".to_owned()));
                },
                () = &mut passes, if coming.is_some() => {
                    if let Some((work, details)) = coming {
                        return Ok(Pull::Coming(Box::new(Coming::new(work, key, details))));
                    }
                }
                () = &mut is_silent, if coming.is_none() => {
                    return Err(PullError::Silent("no answer in time".to_owned()));
                }
            }
        }
    }

    /// Lists what the source of a bucket has.
    ///
    /// # Errors
    /// [`PullError::Silent`].
    pub async fn list(&self, bucket: BucketId, wanted: &Beneath) -> Result<BeneathPage, PullError> {
        let Some(pulled) = self.pulled(bucket) else {
            return Ok(BeneathPage::default());
        };
        let work = pulled
            .work(&self.inner.parts)
            .await
            .map_err(|error| silent(&error))?;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let why = match timeout(LIST_PATIENCE, work.source.list_beneath(wanted)).await {
                Ok(Ok(page)) => return Ok(page),
                Ok(Err(error)) if error.kind() == ErrorKind::Retry => error.to_string(),
                Ok(Err(error)) => {
                    if error.kind() == ErrorKind::Credentials {
                        pulled.forget().await;
                    }
                    return Err(PullError::Silent(error.to_string()));
                }
                Err(_) => "no listing in time".to_owned(),
            };
            if attempts >= LIST_ATTEMPTS {
                return Err(PullError::Silent(why));
            }
        }
    }

    /// Begins to bring what is asked for.
    pub(crate) fn open(&self, bucket: BucketId, job: JobId) -> Arc<Pulled> {
        let mut buckets = self
            .inner
            .buckets
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let pulled = buckets.entry(bucket).or_insert_with(|| {
            Arc::new(Pulled {
                job,
                bucket,
                locks: Arc::default(),
                work: tokio::sync::Mutex::default(),
                flights: Mutex::default(),
                room: Semaphore::new(PULLS_AT_ONCE),
            })
        });
        Arc::clone(pulled)
    }

    /// Ends that: the bucket is whole, or is none of ours any more.
    pub(crate) fn close(&self, bucket: BucketId) {
        // Counted first: whoever still finds the bucket closed finds it counted.
        self.inner.ended.fetch_add(1, Ordering::SeqCst);
        self.inner
            .buckets
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&bucket);
    }

    pub(crate) fn parts(&self) -> &Arc<Parts> {
        &self.inner.parts
    }

    fn pulled(&self, bucket: BucketId) -> Option<Arc<Pulled>> {
        self.inner
            .buckets
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&bucket)
            .map(Arc::clone)
    }

    /// Joins whoever brings the key already, or begins to.
    fn join(&self, pulled: &Arc<Pulled>, key: &ObjectKey) -> watch::Receiver<Progress> {
        let mut flights = pulled
            .flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(key) {
            return flight.clone();
        }
        let (tell, progress) = watch::channel(Progress::Asking);
        flights.insert(key.clone(), progress.clone());
        let (parts, pulled, key) = (
            Arc::clone(&self.inner.parts),
            Arc::clone(pulled),
            key.clone(),
        );
        tokio::spawn(async move {
            let outcome = fly(&parts, &pulled, &key, &tell).await;
            pulled
                .flights
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&key);
            tell.send_replace(Progress::Done(outcome));
        });
        progress
    }
}

impl Pulled {
    /// Opens the source for whoever asks: at the pace of whoever asks, and not of the job.
    async fn work(&self, parts: &Arc<Parts>) -> Result<Arc<Work>, Error> {
        let mut opened = self.work.lock().await;
        if let Some(work) = &*opened {
            return Ok(Arc::clone(work));
        }
        let job: Job = parts.registry.job(self.job).await?;
        let mut options: JobOptions =
            serde_json::from_value(job.options.clone()).map_err(Error::Unreadable)?;
        options.pace = Pace::default();
        let mut hasty = Parts::clone(parts);
        hasty.patience = parts.patience.short();
        let locks = Some(Arc::clone(&self.locks));
        let work = Arc::new(Work::begin(Arc::new(hasty), job, options, locks).await?);
        *opened = Some(Arc::clone(&work));
        Ok(work)
    }

    /// Opens the source anew for whoever asks next: these credentials open nothing any more.
    async fn forget(&self) {
        *self.work.lock().await = None;
    }
}

/// Brings a key to its end, and tells how far it is.
async fn fly(
    parts: &Arc<Parts>,
    pulled: &Pulled,
    key: &ObjectKey,
    tell: &watch::Sender<Progress>,
) -> Outcome {
    let Ok(_room) = pulled.room.acquire().await else {
        return Outcome::Failed(PullError::Silent("the server is stopping".to_owned()));
    };
    let work = match timeout(SILENT_AFTER, pulled.work(parts)).await {
        Ok(Ok(work)) => work,
        Ok(Err(error)) => return Outcome::Failed(silent(&error)),
        Err(_) => {
            return Outcome::Failed(PullError::Silent("the source does not open".to_owned()));
        }
    };
    let _alone = pulled.locks.lock(key.as_str()).await;
    let (store, bucket, of_key) = (parts.store.clone(), pulled.bucket, key.clone());
    let standing = parts
        .db
        .read(move |view| store.key_standing(view, bucket, &of_key))
        .await;
    match standing {
        Ok(KeyStanding::Unknown) => {}
        Ok(
            KeyStanding::Here(_)
            | KeyStanding::Written(_)
            | KeyStanding::Removed
            | KeyStanding::Over,
        ) => return Outcome::Settled,
        Err(error) => return Outcome::Failed(silent(&error.into())),
    }
    let described = |details: &Arc<Details>| {
        tell.send_replace(Progress::Coming(Arc::clone(&work), Arc::clone(details)));
    };
    match pull::pull(&work, key, &described).await {
        Ok(()) => {
            metrics::counter!("onshore_pulled_objects_total").increment(1);
            Outcome::Settled
        }
        Err(fault) => {
            if matches!(&fault, Fault::Source(error) if error.kind() == ErrorKind::Credentials) {
                pulled.forget().await;
            }
            of_fault(fault)
        }
    }
}

fn of_fault(fault: Fault) -> Outcome {
    match fault {
        Fault::Exception(exception) => match exception.reason {
            "disappeared" => Outcome::Nowhere,
            "refused" => Outcome::Failed(PullError::Refused(exception.detail)),
            "superseded-here" | "removed-here" | "differs-here" => Outcome::Settled,
            "unavailable" | "changing" | "label-changing" | "bytes-differ" => {
                Outcome::Failed(PullError::Silent(exception.detail))
            }
            _ => Outcome::Failed(PullError::Unreadable(exception.detail)),
        },
        Fault::Ours(error) => Outcome::Failed(silent(&error)),
        Fault::Source(error) => Outcome::Failed(PullError::Silent(error.to_string())),
        Fault::Differs => Outcome::Failed(PullError::Silent(
            "the bytes that arrive are not those that the source vouches for".to_owned(),
        )),
    }
}

fn silent(error: &Error) -> PullError {
    tracing::warn!(error = %error, "an object could not be brought");
    PullError::Silent(error.to_string())
}

impl Coming {
    fn new(work: Arc<Work>, key: &ObjectKey, details: Arc<Details>) -> Self {
        let head = head(&work, key, &details);
        Self {
            work,
            key: key.clone(),
            details,
            head,
        }
    }

    /// Returns what is known of it.
    #[must_use]
    pub fn head(&self) -> &ObjectHead {
        &self.head
    }

    /// Opens a run of the state that was described.
    ///
    /// # Errors
    /// [`PullError::Silent`].
    pub async fn open(
        &self,
        range: ByteRange,
    ) -> Result<
        impl futures_util::Stream<Item = Result<bytes::Bytes, PullError>> + Send + use<>,
        PullError,
    > {
        let opening = self
            .work
            .source
            .open(self.key.as_str(), &self.details, range);
        let open: ByteStream = match timeout(SILENT_AFTER, opening).await {
            Ok(opened) => opened.map_err(|error| PullError::Silent(error.to_string()))?,
            Err(_) => return Err(PullError::Silent("no answer in time".to_owned())),
        };
        let body = deliver(
            Arc::clone(&self.work.source),
            self.key.as_str().to_owned(),
            Arc::clone(&self.details),
            range,
            self.work.parts.patience,
            Some(open),
        );
        Ok(body.map_err(|error| PullError::Silent(error.to_string())))
    }
}

/// Returns what is known of an object that nobody has looked into.
fn head(work: &Work, key: &ObjectKey, details: &Details) -> ObjectHead {
    let object = object::new_object(details, None);
    let sizes = details.part_sizes.iter().flatten();
    let modified = details.modified.unwrap_or(Timestamp::from_millis(0));
    ObjectHead {
        bucket: work.bucket.id,
        key: key.clone(),
        version: VersionId::from_time(modified, [0; 10]),
        size_bytes: details.size_bytes,
        etag: details.etag.clone().unwrap_or_default(),
        sha256: None,
        label: Label::Unclassified,
        declared: None,
        content: object.content,
        user_metadata: object.user_metadata,
        checksums: Vec::<Checksum>::new(),
        parts: (1..)
            .zip(sizes)
            .map(|(number, size_bytes)| Part {
                number,
                size_bytes: *size_bytes,
                md5: String::new(),
                sha256: None,
                checksums: Vec::new(),
            })
            .collect(),
        tags: Tags::from_iter(object.tags),
        modified,
        original: object.original,
        naming: Naming::Null,
        versioning: Versioning::Off,
        lock: Lock::default(),
        encryption: Encryption::default(),
        upload: None,
        scan: None,
        replication: None,
    }
}
