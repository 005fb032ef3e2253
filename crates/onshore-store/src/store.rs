//! The store itself: what it is made of and how it is opened.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use onshore_db::{CrashPoints, Database, Schema};
use onshore_keys::KeyProvider;
use onshore_types::BucketId;
use tokio::sync::Notify;

use crate::Error;
use crate::access_log::AccessLog;
use crate::files::Files;
use crate::kms_keys::KmsKeys;
use crate::persons::RememberedTallies;
use crate::quota;
use crate::reclaim::Reclaimer;
use crate::remembered::RememberedBuckets;
use crate::scanning::Turns;
use crate::tenant_keys::{TenantKey, TenantKeys};

/// How the store is opened.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where tests let the process die.
    pub crash: CrashPoints,
}

/// Buckets, objects and uploads. Clones share it.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: Database,
    pub(crate) files: Files,
    pub(crate) keys: Arc<TenantKeys>,
    pub(crate) kms_keys: KmsKeys,
    pub(crate) reclaimer: Reclaimer,
    pub(crate) crash: CrashPoints,
    /// Whether anybody has a quota, or has had one since the start.
    pub(crate) has_quotas: AtomicBool,
    /// Lines about what was asked, on their way to the database.
    pub(crate) access_log: AccessLog,
    pub(crate) buckets: RememberedBuckets,
    pub(crate) tallies: RememberedTallies,
    /// Turns at unpacking what comes in.
    pub(crate) turns: Turns,
    /// Told when a version is put off to be looked through behind its commit.
    pub(crate) put_off: Notify,
}

impl Store {
    /// The tables the database must have been opened with.
    pub const SCHEMA: Schema = crate::schema::SCHEMA;

    /// Opens the store: makes the objects folder if it is missing, checks that the root key is the right one, and
    /// removes files of writes that were never acknowledged. It blocks; call it before serving.
    ///
    /// # Errors
    /// [`Error::Keys`] for another root key, [`Error::Files`], [`Error::Database`].
    pub fn open(
        db: Database,
        folder: &Path,
        keys: Arc<dyn KeyProvider>,
        options: Options,
    ) -> Result<Self, Error> {
        let kms_keys = KmsKeys::new(Arc::clone(&keys));
        let keys = Arc::new(TenantKeys::new(keys));
        db.read_blocking(|view| keys.check(view))?;
        let has_quotas = db.read_blocking(quota::any)?;
        let access_log = db.read_blocking(AccessLog::open)?;
        let files = Files::open(folder)?;
        let reclaimer = Reclaimer::start(db.clone(), files.clone())?;
        Ok(Self {
            inner: Arc::new(Inner {
                db,
                files,
                keys,
                kms_keys,
                reclaimer,
                crash: options.crash,
                has_quotas: AtomicBool::new(has_quotas),
                access_log,
                buckets: RememberedBuckets::default(),
                tallies: RememberedTallies::default(),
                turns: Turns::new(),
                put_off: Notify::new(),
            }),
        })
    }

    /// Returns when the files of everything removed so far are removed too, for an orderly end.
    pub async fn drain(&self) {
        self.inner.reclaimer.drain().await;
    }

    pub(crate) async fn tenant_key(&self, bucket: BucketId) -> Result<Arc<TenantKey>, Error> {
        self.inner.keys.of_bucket(&self.inner.db, bucket).await
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}
