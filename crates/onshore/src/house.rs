//! The house: opens every room on a data folder, in order, and closes it again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use onshore_control::LeaseDesk;
use onshore_db::{CrashPoints, Database, Schema};
use onshore_gate::{Gate, Parts, PersonsBeside, ToldBeside, UpdateRules};
use onshore_journal::Journal;
use onshore_keys::{FileRootKey, FileSeal, KeyProvider};
use onshore_ledger::{Platform, ReleaseVersion};
use onshore_migrate::{Engine, Patience, Sources};
use onshore_registry::{Quarantine, Registry};
use onshore_s3::Origin;
use onshore_sources::OtherRegion;
use onshore_store::Store;
use onshore_upkeep::{
    AccessLogEngine, AlarmEngine, AlarmTarget, EventTarget, InventoryEngine, LifecycleEngine,
    NotificationEngine, ReplicationEngine, RescanEngine, RetentionEngine, ScrubEngine,
    WitnessEngine, WitnessTarget,
};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::SystemClock;
use crate::config::Config;
use crate::exit::usage;
use crate::hidden_names::{self, Opened};
use crate::lease_desk::WorkersOf;
use crate::origin::CutOverFrom;

/// The tables of every keeper.
pub(crate) const SCHEMAS: [Schema; 3] = [
    onshore_registry::SCHEMA,
    onshore_journal::SCHEMA,
    Store::SCHEMA,
];

/// Every room, open.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) db: Database,
    pub(crate) registry: Registry,
    pub(crate) store: Store,
    pub(crate) gate: Gate,
    /// Where certificates are kept.
    pub(crate) certificates: PathBuf,
    /// What they are sealed with, if they are.
    pub(crate) seal: FileSeal,
    /// What updates of the program are held against.
    pub(crate) updates: UpdateRules,
    engine: Engine,
    /// What works on what is stored.
    pub(crate) upkeep: onshore_upkeep::Parts,
    journal: Journal,
    /// Stops the fronts.
    pub(crate) stop: CancellationToken,
    /// Stops the keepers' background work, once the fronts have stopped.
    stop_keepers: CancellationToken,
    tasks: TaskTracker,
    keeper_tasks: TaskTracker,
    _lock: FolderLock,
}

/// Holds a data folder for this process; another one is refused until it ends, however it ends.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or says that somebody has it.
    pub(crate) fn take(data: &Path) -> Result<Option<Self>> {
        let file = lock_file(&data.join("lock"))?;
        Ok(file.map(|file| Self { _file: file }))
    }
}

/// Makes a file that stands for what several processes may want, and locks it until it is closed; none where somebody has
/// it.
pub(crate) fn lock_file(path: &Path) -> Result<Option<File>> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}

/// Makes the data folder if it is missing. Nobody else looks into it.
pub(crate) fn make_folder(data: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data)
        .with_context(|| format!("cannot make the folder {}", data.display()))
}

impl House {
    /// Opens every room. The lock is that of the folder.
    pub(crate) fn open(
        data: &Path,
        config: &Config,
        lock: FolderLock,
        crash: CrashPoints,
    ) -> Result<Self> {
        if config.hide_names && is_inside(&root_key_path(data, config), data) {
            return Err(usage(
                "[keys] hide_names hides nothing from whoever takes a folder with the root key in it: put the root key \
                 elsewhere and name it in [keys] root_key_file",
            ));
        }
        let keys = open_root_key(data, config)?;
        let Opened { file, seal } = hidden_names::prepare(data, &*keys, config.hide_names)?;
        make_private(file.path())?;
        let options = onshore_db::Options {
            crash: crash.clone(),
        };
        let db = Database::open(file.clone(), &SCHEMAS, options).with_context(|| {
            let hint = if file.is_encrypted() {
                ", or database.key beside it is that of another database"
            } else {
                ""
            };
            format!("cannot open {}{hint}", file.path().display())
        })?;
        let registry = Registry::new(db.clone(), Arc::clone(&keys));
        check_partition(&registry, config)?;
        let journal_options = onshore_journal::Options {
            folder: data.join("ledger"),
            origin: format!("{}.{}", config.region.id, config.region.partition),
            witnesses: config.witnesses(),
            crash: crash.clone(),
        };
        let journal =
            Journal::open(db.clone(), &*keys, journal_options).context("cannot open the ledger")?;
        let store = Store::open(
            db.clone(),
            &data.join("objects"),
            Arc::clone(&keys),
            onshore_store::Options { crash },
        )
        .context("cannot open the store")?;
        let parts = Parts {
            db: db.clone(),
            registry: registry.clone(),
            journal: journal.clone(),
            region: config.region.clone(),
            networks: config.networks()?,
            proxies: config.proxies(),
            persons: PersonsBeside::new({
                let store = store.clone();
                move |view, version| store.persons_of(view, version)
            }),
            told: ToldBeside::new({
                let store = store.clone();
                move |view, version| store.looked_for(view, version)
            }),
            clock: Arc::new(SystemClock::new()),
        };
        let gate = Gate::open(parts, &config.epoch()).context("cannot open the gate")?;
        let certificates = data.join("certificates");
        make_folder(&certificates)?;
        let engine = Engine::new(onshore_migrate::Parts {
            db: db.clone(),
            registry: registry.clone(),
            store: store.clone(),
            gate: gate.clone(),
            sources: Arc::new(Sources {
                roots: config.migrate_roots.clone(),
            }),
            certificates: certificates.clone(),
            seal: seal.clone(),
            patience: Patience::default(),
        });
        gate.break_off_drill()
            .context("cannot record the end of a drill")?;
        let updates = update_rules(data, config)?;
        gate.sweep_quarantine(&updates.quarantine)
            .context("cannot look after the quarantine of updates")?;
        // Only now it is certain that this root key is the one in force.
        if hidden_names::is_sealed_twice(data)? {
            hidden_names::seal_under(data, &[&*keys])?;
        }
        let upkeep = onshore_upkeep::Parts {
            db: db.clone(),
            store: store.clone(),
            gate: gate.clone(),
        };
        Ok(Self {
            db,
            registry,
            store,
            gate,
            certificates,
            seal,
            updates,
            engine,
            upkeep,
            journal,
            stop: CancellationToken::new(),
            stop_keepers: CancellationToken::new(),
            tasks: TaskTracker::new(),
            keeper_tasks: TaskTracker::new(),
            _lock: lock,
        })
    }

    /// Returns where what is not here of buckets that are cut over comes from. What an earlier run left is taken up before
    /// anybody asks.
    pub(crate) async fn origin(&self) -> Result<Arc<dyn Origin>> {
        let pulls = self.engine.pull_through();
        pulls
            .take_up()
            .await
            .context("cannot take up the cut-overs")?;
        Ok(Arc::new(CutOverFrom(pulls)))
    }

    /// Returns where workers of migrations are served.
    pub(crate) fn desk(&self) -> Arc<dyn LeaseDesk> {
        Arc::new(WorkersOf(self.engine.desk()))
    }

    /// Starts what works by itself: checkpoints, batches, migrations.
    pub(crate) fn start(&self) {
        self.start_keepers();
        let (engine, stop) = (self.engine.clone(), self.stop.clone());
        self.tasks.spawn(async move { engine.run(stop).await });
    }

    /// Starts the keepers' own work alone: checkpoints and batches.
    pub(crate) fn start_keepers(&self) {
        let (journal, stop) = (self.journal.clone(), self.stop_keepers.clone());
        self.keeper_tasks
            .spawn(async move { journal.run(stop).await });
        let (journal, stop_all) = (self.journal.clone(), self.stop.clone());
        let stop = self.stop_keepers.clone();
        self.keeper_tasks.spawn(async move {
            if let Err(error) = journal.read_behind(stop).await {
                tracing::error!(%error, "the ledger is not what was signed: nothing more is recorded in it");
                stop_all.cancel();
            }
        });
        let (gate, stop) = (self.gate.clone(), self.stop_keepers.clone());
        self.keeper_tasks.spawn(async move { gate.run(stop).await });
    }

    /// Starts the work on what is stored, which only a server does.
    pub(crate) fn start_upkeep(
        &self,
        config: &Config,
        event_targets: BTreeMap<String, EventTarget>,
        alarm_targets: BTreeMap<String, AlarmTarget>,
        regions: BTreeMap<String, OtherRegion>,
        witnesses: Vec<WitnessTarget>,
    ) {
        let witness = WitnessEngine::new(&self.upkeep, witnesses, config.witness_interval());
        let stop = self.stop.clone();
        self.tasks.spawn(async move { witness.run(stop).await });
        if let Some(kept) = config.reads_kept() {
            let retention = RetentionEngine::new(self.upkeep.clone(), kept);
            let stop = self.stop.clone();
            self.tasks.spawn(async move { retention.run(stop).await });
        }
        let lifecycle = LifecycleEngine::new(self.upkeep.clone(), config.lifecycle_rhythm());
        let stop = self.stop.clone();
        self.tasks.spawn(async move { lifecycle.run(stop).await });
        let notifications = NotificationEngine::new(self.upkeep.clone(), event_targets);
        let stop = self.stop.clone();
        self.tasks
            .spawn(async move { notifications.run(stop).await });
        let replication = ReplicationEngine::new(self.upkeep.clone(), regions);
        let stop = self.stop.clone();
        self.tasks.spawn(async move { replication.run(stop).await });
        let access_log = AccessLogEngine::new(self.upkeep.clone(), config.access_log_rhythm());
        let stop = self.stop.clone();
        self.tasks.spawn(async move { access_log.run(stop).await });
        let alarms = AlarmEngine::new(self.upkeep.clone(), alarm_targets, config.alarm_interval());
        let stop = self.stop.clone();
        self.tasks.spawn(async move { alarms.run(stop).await });
        let inventories = InventoryEngine::new(self.upkeep.clone(), config.lifecycle_rhythm());
        let stop = self.stop.clone();
        self.tasks.spawn(async move { inventories.run(stop).await });
        let rescan = RescanEngine::new(self.upkeep.clone(), config.rescan_rhythm());
        let stop = self.stop.clone();
        self.tasks.spawn(async move { rescan.run(stop).await });
        if let Some(rhythm) = config.scrub_rhythm() {
            let scrub = ScrubEngine::new(self.upkeep.clone(), rhythm);
            let stop = self.stop.clone();
            self.tasks.spawn(async move { scrub.run(stop).await });
        }
    }

    /// Runs a front until it has stopped.
    pub(crate) fn run(&self, front: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(front);
    }

    /// Stops the fronts, waits for what is under way, records what waits, publishes the last checkpoint.
    pub(crate) async fn close(self) -> Result<()> {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        // The last lines of the fronts, which have ended.
        AccessLogEngine::keep(&self.upkeep).await;
        let drained = self.gate.drain().await;
        self.store.drain().await;
        self.stop_keepers.cancel();
        self.keeper_tasks.close();
        self.keeper_tasks.wait().await;
        if let Err(error) = tokio::task::block_in_place(|| self.db.fold_back()) {
            tracing::warn!(%error, "the write-ahead log stays beside the database until the next start");
        }
        drained.context("not everything could be recorded before the end")
    }
}

/// Returns what updates are held against.
fn update_rules(data: &Path, config: &Config) -> Result<UpdateRules> {
    let running: ReleaseVersion = env!("CARGO_PKG_VERSION").parse()?;
    Ok(UpdateRules {
        keys: config.update_keys()?,
        platform: Platform::here(),
        running,
        quarantine: Quarantine::open(&data.join("quarantine"), config.update_size_max_bytes())
            .context("cannot make the quarantine of updates")?,
    })
}

/// Refuses a folder of another partition: the identities and keys in it are valid there alone.
fn check_partition(registry: &Registry, config: &Config) -> Result<()> {
    let configured = &config.region.partition;
    match registry.last_partition()? {
        Some(partition) if partition != *configured => Err(usage(format!(
            "this data folder is of partition `{partition}`, and the configuration names partition `{configured}`: \
             identities and keys are valid in one partition only; name `{partition}` in [region] partition, or serve \
             another folder"
        ))),
        Some(_) | None => Ok(()),
    }
}

/// Makes the database file readable by its owner alone; SQLite gives the files beside it the same mode.
fn make_private(database: &Path) -> Result<()> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(database)
        .map(drop)
        .with_context(|| format!("cannot open {}", database.display()))
}

/// Whether a path leads into a folder, links followed.
fn is_inside(path: &Path, folder: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    path.parent()
        .is_some_and(|parent| real(parent).starts_with(real(folder)))
}

fn open_root_key(data: &Path, config: &Config) -> Result<Arc<dyn KeyProvider>> {
    // An empty file is a start that was cut short before there was anything to seal.
    let is_new = data
        .join("onshore.db")
        .metadata()
        .map_or(true, |file| file.len() == 0);
    if config.root_key_file.is_none() {
        tracing::warn!(
            "the root key is kept in the data folder: good for trials only; name another place in [keys] root_key_file"
        );
    }
    let path = root_key_path(data, config);
    if !is_new && !path.exists() {
        bail!(
            "the root key {} is missing and the data folder has data in it, which nobody can read without that key; \
             put the key back",
            path.display()
        );
    }
    let key = FileRootKey::open_or_create(&path)
        .map_err(|error| anyhow!(error))
        .with_context(|| format!("cannot use the root key {}", path.display()))?;
    Ok(Arc::new(key))
}

/// Opens the root key of a folder that has data in it; none is made.
pub(crate) fn existing_root_key(data: &Path, config: &Config) -> Result<Arc<dyn KeyProvider>> {
    let path = root_key_path(data, config);
    let key = FileRootKey::open(&path)
        .map_err(|error| usage(format!("{:#}; --config FILE names it", anyhow!(error))))?;
    Ok(Arc::new(key))
}

pub(crate) fn root_key_path(data: &Path, config: &Config) -> PathBuf {
    config
        .root_key_file
        .clone()
        .unwrap_or_else(|| data.join("root.key"))
}
