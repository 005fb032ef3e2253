//! A region for one test: jurisdiction CN, loopback inside it, 127.0.0.66 in the United States.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use onshore_db::{CrashPoints, Database};
use onshore_gate::{Clock, EpochDocument, Gate, Parts, PersonsBeside, Region, ToldBeside};
use onshore_journal::{Journal, Options};
use onshore_keys::{FileRootKey, KeyProvider, Secret};
use onshore_policy::{Networks, Principal, Proxies, Role};
use onshore_registry::Registry;
use onshore_s3::{
    Brought, Front, FrontParts, NotBrought, Origin, OriginPage, OriginQuery, OriginSilent,
};
use onshore_store::Store;
use onshore_testkit::TempFolder;
use onshore_tls::{Introduction, Transport};
use onshore_types::{
    AccessKeyId, BucketId, Jurisdiction, Label, ObjectKey, PartitionName, Place, PrincipalId,
    RegionId, TenantId, TenantName, Timestamp,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::client::Client;

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct Hand {
    shown: AtomicI64,
    real: AtomicI64,
}

impl Hand {
    fn at(now: Timestamp) -> Self {
        Self {
            shown: AtomicI64::new(now.as_millis()),
            real: AtomicI64::new(now.as_millis()),
        }
    }

    /// Lets time go by.
    pub(crate) fn advance(&self, seconds: i64) {
        self.leap(seconds);
        self.real.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// Sets the hands wrong: no time goes by.
    pub(crate) fn leap(&self, seconds: i64) {
        self.shown.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.shown.load(Ordering::SeqCst))
    }

    fn at_most(&self) -> Timestamp {
        let real = Timestamp::from_millis(self.real.load(Ordering::SeqCst));
        self.now().min(real)
    }
}

/// A region that serves.
pub(crate) struct World {
    pub(crate) gate: Gate,
    pub(crate) store: Store,
    pub(crate) db: Database,
    pub(crate) clock: Arc<Hand>,
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
    folder: TempFolder,
}

pub(crate) const OPERATOR: Principal = Principal {
    id: PrincipalId::from_bytes([9; 16]),
    tenant: None,
    role: Role::Operator,
};

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        let folder = TempFolder::new(name).expect("a folder");
        let path = folder.path().to_owned();
        let now: Timestamp = "2026-05-05T12:00:00Z".parse().expect("a time");
        let clock = Arc::new(Hand::at(now));
        let hand: Arc<dyn Clock> = Arc::<Hand>::clone(&clock);
        let (db, registry, store, gate) = tokio::task::spawn_blocking(move || open(&path, hand))
            .await
            .expect("opened");
        let front = Front::new(FrontParts {
            connections_max: 1000,
            store: store.clone(),
            gate: gate.clone(),
            db: db.clone(),
            registry,
            domains: vec!["s3.localhost".to_owned()],
            event_targets: BTreeMap::new(),
            other_regions: BTreeMap::new(),
            introduction: Introduction::ByAddress,
            transport: Transport::Plain,
            origin: Arc::new(NoOrigin),
            crash: CrashPoints::none(),
        })
        .expect("a front");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = CancellationToken::new();
        tokio::spawn(front.serve(listener, stop.clone().cancelled_owned()));
        Self {
            gate,
            store,
            db,
            clock,
            address,
            stop,
            folder,
        }
    }

    /// Makes a tenant and returns a client with its key.
    pub(crate) async fn tenant(&self, name: &str) -> Client {
        let tenant = TenantName::parse(name).expect("a name");
        self.gate
            .create_tenant(OPERATOR, tenant.clone(), None)
            .await
            .expect("a tenant");
        let access_key = AccessKeyId::parse(format!("KEY{name}")).expect("an access key");
        let secret = format!("secret/of+{name}");
        let given = Some((access_key, Secret::new(secret.clone().into_bytes())));
        let (key, _) = self
            .gate
            .create_key(OPERATOR, &tenant, given)
            .await
            .expect("a key");
        Client::new(
            self.address,
            Arc::clone(&self.clock),
            key.access_key.as_str(),
            &secret,
            key.tenant,
        )
    }

    /// Makes a bucket with a class.
    pub(crate) async fn classified(&self, client: &Client, bucket: &str, class: &str) {
        client
            .put(&format!("/{bucket}"))
            .send()
            .await
            .expect_status(200);
        let name = onshore_types::BucketName::parse(bucket).expect("a name");
        let label = Label::parse_declaration(class).expect("a class");
        let bucket = self
            .store
            .bucket(&name)
            .await
            .expect("looked")
            .expect("a bucket");
        let store = self.store.clone();
        self.db
            .write(move |unit| store.tighten_bucket(unit, bucket.id, label))
            .await
            .expect("tightened");
    }

    /// Returns the folder the region lives in.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn open(path: &std::path::Path, clock: Arc<dyn Clock>) -> (Database, Registry, Store, Gate) {
    let keys: Arc<dyn KeyProvider> =
        Arc::new(FileRootKey::open_or_create(&path.join("root.key")).expect("a root key"));
    let schemas = [
        onshore_registry::SCHEMA,
        onshore_journal::SCHEMA,
        Store::SCHEMA,
    ];
    let db = Database::open(
        path.join("onshore.db"),
        &schemas,
        onshore_db::Options::default(),
    )
    .expect("a database");
    let journal = Journal::open(
        db.clone(),
        &*keys,
        Options {
            folder: path.join("ledger"),
            origin: "cn-north-1.onshore".to_owned(),
            witnesses: None,
            crash: CrashPoints::none(),
        },
    )
    .expect("a journal");
    let registry = Registry::new(db.clone(), Arc::clone(&keys));
    let store = Store::open(
        db.clone(),
        &path.join("objects"),
        keys,
        onshore_store::Options::default(),
    )
    .expect("a store");
    let place = |text: &str| Place::In(Jurisdiction::parse(text).expect("a jurisdiction"));
    let networks = [("127.0.0.0/8", place("CN")), ("127.0.0.66/32", place("US"))]
        .map(|(net, place)| (net.parse().expect("a network"), place));
    let parts = Parts {
        db: db.clone(),
        registry: registry.clone(),
        journal,
        region: Region {
            id: RegionId::parse("cn-north-1").expect("a region"),
            jurisdiction: Jurisdiction::parse("CN").expect("a jurisdiction"),
            partition: PartitionName::parse("onshore").expect("a partition"),
            operator: "Example Operator".to_owned(),
            technology_provider: "Example Provider".to_owned(),
        },
        networks: Networks::new(networks).expect("networks"),
        proxies: Proxies::new([]),
        persons: PersonsBeside::new({
            let store = store.clone();
            move |view, version| store.persons_of(view, version)
        }),
        told: ToldBeside::new({
            let store = store.clone();
            move |view, version| store.looked_for(view, version)
        }),
        clock,
    };
    let document = EpochDocument {
        configuration: serde_json::json!({}),
        version: "test".to_owned(),
    };
    let gate = Gate::open(parts, &document).expect("a gate");
    (db, registry, store, gate)
}

/// Returns the text of a tenant's id, as `x-amz-expected-bucket-owner` names it.
pub(crate) fn owner(tenant: TenantId) -> String {
    tenant.to_string()
}

/// No bucket is cut over.
#[derive(Debug)]
struct NoOrigin;

#[async_trait]
impl Origin for NoOrigin {
    fn reaches(&self, _: BucketId) -> bool {
        false
    }

    fn ended(&self) -> u64 {
        0
    }

    async fn bring(&self, _: BucketId, _: &ObjectKey) -> Result<Brought, NotBrought> {
        Ok(Brought::Nowhere)
    }

    async fn list(&self, _: BucketId, _: OriginQuery) -> Result<OriginPage, OriginSilent> {
        Ok(OriginPage::default())
    }
}
