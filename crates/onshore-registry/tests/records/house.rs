//! A registry in a folder of its own, and what is on its disk.

use std::fs;
use std::sync::Arc;

use onshore_db::{Database, Unit};
use onshore_keys::{FileRootKey, KeyProvider};
use onshore_registry::{Approval, Error, GrantBasis, Registry, Standing, Tenant};
use onshore_testkit::TempFolder;
use onshore_types::{ApprovalId, Jurisdiction, PrincipalId, TenantId, TenantName, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A data folder with a registry and one tenant in it.
pub(crate) struct House {
    pub(crate) folder: TempFolder,
    pub(crate) db: Database,
    pub(crate) registry: Registry,
    pub(crate) tenant: Tenant,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = TempFolder::new("registry").expect("a folder");
        let path = folder.path().join("onshore.db");
        let options = onshore_db::Options::default();
        let db = Database::open(&path, &[onshore_registry::SCHEMA], options).expect("a database");
        let key = FileRootKey::open_or_create(&folder.path().join("root.key")).expect("a key");
        let keys: Arc<dyn KeyProvider> = Arc::new(key);
        let registry = Registry::new(db.clone(), keys);
        let tenant = Tenant {
            id: TenantId::from_bytes([1; 16]),
            name: TenantName::parse("north").expect("a name"),
            group: None,
            standing: Standing::default(),
            jurisdiction: None,
            created: NOW,
        };
        let house = Self {
            folder,
            db,
            registry,
            tenant: tenant.clone(),
        };
        house
            .write(move |registry, unit| registry.save_tenant(unit, &tenant))
            .expect("saved");
        house
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Registry, &Unit<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let registry = self.registry.clone();
        self.db.write_blocking(move |unit| work(&registry, unit))
    }

    /// Whether some bytes are anywhere in the database's files.
    pub(crate) fn holds(&self, wanted: &[u8]) -> bool {
        ["onshore.db", "onshore.db-wal"].iter().any(|name| {
            let bytes = fs::read(self.folder.path().join(name)).unwrap_or_default();
            bytes.windows(wanted.len()).any(|window| window == wanted)
        })
    }

    pub(crate) fn approval(&self, id: u16, max_bytes: u64) -> Approval {
        let mut bytes = [0; 16];
        let (head, _) = bytes.split_at_mut(2);
        head.copy_from_slice(&id.to_be_bytes());
        Approval {
            id: ApprovalId::from_bytes(bytes),
            tenant: self.tenant.id,
            to: Jurisdiction::parse("US").expect("a country"),
            label: "personal".parse().expect("a label"),
            max_bytes,
            spent_bytes: 0,
            objects: None,
            persons: None,
            instrument: None,
            recipient: None,
            purpose: None,
            granted: NOW,
            granted_by: PrincipalId::from_bytes([2; 16]),
            basis: GrantBasis::SingleOperator,
            until: NOW.plus_millis(3_600_000),
            revoked: None,
        }
    }

    pub(crate) fn save(&self, approval: &Approval) {
        let approval = approval.clone();
        self.write(move |registry, unit| registry.save_approval(unit, &approval))
            .expect("saved");
    }
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}
