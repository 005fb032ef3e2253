//! Everything up to the gate on one data folder, with a clock that only the test steps.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::Result;
use onshore_db::{CrashPoints, Database};
use onshore_gate::{Clock, EpochDocument, Gate, Parts, PersonsBeside, Region, ToldBeside};
use onshore_journal::Journal;
use onshore_keys::{FileRootKey, KeyProvider};
use onshore_policy::{Networks, Principal, Proxies, Role};
use onshore_registry::Registry;
use onshore_store::Store;
use onshore_types::{Jurisdiction, PartitionName, PrincipalId, RegionId, Timestamp};

/// A clock that stands still until it is told.
#[derive(Debug)]
pub(crate) struct StepClock(AtomicI64);

impl StepClock {
    pub(crate) fn starting_at(time: &str) -> Result<Arc<Self>> {
        let time: Timestamp = time.parse()?;
        Ok(Arc::new(Self(AtomicI64::new(time.as_millis()))))
    }

    /// Moves it, forward or back.
    pub(crate) fn step(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// The keepers and the gate on a data folder.
#[derive(Debug)]
pub(crate) struct House {
    pub(crate) db: Database,
    pub(crate) registry: Registry,
    pub(crate) store: Store,
    pub(crate) gate: Gate,
}

impl House {
    /// Opens a folder, or makes it. The root key is kept in it.
    pub(crate) fn open(folder: &Path, clock: &Arc<StepClock>) -> Result<Self> {
        let schemas = [
            onshore_registry::SCHEMA,
            onshore_journal::SCHEMA,
            Store::SCHEMA,
        ];
        let options = onshore_db::Options::default();
        let db = Database::open(folder.join("onshore.db"), &schemas, options)?;
        let keys: Arc<dyn KeyProvider> =
            Arc::new(FileRootKey::open_or_create(&folder.join("root.key"))?);
        let options = onshore_journal::Options {
            folder: folder.join("ledger"),
            witnesses: None,
            origin: "cn-north-1.example".to_owned(),
            crash: CrashPoints::none(),
        };
        let journal = Journal::open(db.clone(), &*keys, options)?;
        let registry = Registry::new(db.clone(), Arc::clone(&keys));
        let options = onshore_store::Options::default();
        let store = Store::open(db.clone(), &folder.join("objects"), keys, options)?;
        let parts = Parts {
            db: db.clone(),
            registry: registry.clone(),
            journal,
            region: Region {
                id: RegionId::parse("cn-north-1")?,
                jurisdiction: Jurisdiction::parse("CN")?,
                partition: PartitionName::parse("example")?,
                operator: "Example Operator".to_owned(),
                technology_provider: "Example Provider".to_owned(),
            },
            networks: Networks::default(),
            proxies: Proxies::default(),
            persons: PersonsBeside::new({
                let store = store.clone();
                move |view, version| store.persons_of(view, version)
            }),
            told: ToldBeside::new({
                let store = store.clone();
                move |view, version| store.looked_for(view, version)
            }),
            clock: Arc::clone(clock) as Arc<dyn Clock>,
        };
        let document = EpochDocument {
            configuration: serde_json::json!({ "region": { "id": "cn-north-1" } }),
            version: "0.0.0".to_owned(),
        };
        Ok(Self {
            db,
            registry,
            store,
            gate: Gate::open(parts, &document)?,
        })
    }
}

/// The operator who governs in tests.
pub(crate) fn operator() -> Principal {
    Principal {
        id: PrincipalId::from_bytes([0xaa; 16]),
        tenant: None,
        role: Role::Operator,
    }
}
