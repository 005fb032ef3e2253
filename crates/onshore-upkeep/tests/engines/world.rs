//! Real keepers in a folder of their own, a clock that stands still until it is set, and a tenant that writes.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use onshore_db::{Database, Unit};
use onshore_gate::{
    Clock, EpochDocument, Gate, Parts as GateParts, PersonsBeside, Region, ToldBeside,
};
use onshore_journal::Journal;
use onshore_keys::{FileRootKey, KeyProvider};
use onshore_policy::{Flow, Networks, Permit, Principal, Proxies, Role, Subject, Transfer};
use onshore_registry::Registry;
use onshore_store::{
    Bucket, Checks, Committed, DayLength, Kind, Lifecycle, Lock, Looked, NewBucket, NewObject,
    NewUpload, Removal, Setting, Store, UploadsQuery, Versioning, VersionsQuery, WriteCondition,
};
use onshore_testkit::TempFolder;
use onshore_types::{
    BucketName, ByteRange, Jurisdiction, Label, ObjectKey, PartitionName, PrincipalId, RegionId,
    TenantId, TenantName, Timestamp, UploadId,
};
use onshore_upkeep::{LifecycleEngine, LifecycleRhythm, LifecycleTally, Parts};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

#[derive(Debug, Default)]
struct Stepped(AtomicI64);

impl Clock for Stepped {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct World {
    pub(crate) db: Database,
    pub(crate) store: Store,
    pub(crate) gate: Gate,
    folder: TempFolder,
    clock: Arc<Stepped>,
    tenant: TenantId,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = TempFolder::new("upkeep").expect("a folder");
        let path = folder.path().to_owned();
        let clock = Arc::new(Stepped::default());
        clock
            .0
            .store(at("2026-11-22T12:00:00Z").as_millis(), Ordering::SeqCst);
        let ticking = Arc::clone(&clock);
        // Opening blocks, and must not do so on a thread of the runtime.
        let (db, store, gate) = tokio::task::spawn_blocking(move || open(&path, ticking))
            .await
            .expect("no panic");
        let operator = Principal {
            id: PrincipalId::from_bytes([1; 16]),
            tenant: None,
            role: Role::Operator,
        };
        let name = TenantName::parse("default").expect("a name");
        let (tenant, _) = gate
            .create_tenant(operator, name, None)
            .await
            .expect("a tenant");
        Self {
            db,
            store,
            gate,
            folder,
            clock,
            tenant: tenant.id,
        }
    }

    /// Sets the clock.
    pub(crate) fn set(&self, time: &str) {
        self.clock.0.store(at(time).as_millis(), Ordering::SeqCst);
    }

    pub(crate) fn parts(&self) -> Parts {
        Parts {
            db: self.db.clone(),
            store: self.store.clone(),
            gate: self.gate.clone(),
        }
    }

    /// Does one round of lifecycles.
    pub(crate) async fn round(&self) -> LifecycleTally {
        let engine = self.engine(DayLength::CIVIL);
        engine.round(&CancellationToken::new()).await
    }

    /// Does one round whose days have so many seconds.
    pub(crate) async fn round_of_short_days(&self, day_s: u32) -> LifecycleTally {
        let day = DayLength::of_seconds(NonZeroU32::new(day_s).expect("not zero"));
        let engine = self.engine(day);
        engine.round(&CancellationToken::new()).await
    }

    /// Begins a round that was told to stop before.
    pub(crate) async fn stopped_round(&self) -> LifecycleTally {
        let stop = CancellationToken::new();
        stop.cancel();
        self.engine(DayLength::CIVIL).round(&stop).await
    }

    fn engine(&self, day: DayLength) -> LifecycleEngine {
        let interval = Duration::from_secs(3600);
        LifecycleEngine::new(self.parts(), LifecycleRhythm { interval, day })
    }

    async fn permit(&self, flow: Flow, bucket: Option<&Bucket>, key: Option<&str>) -> Permit {
        let transfer = Transfer {
            principal: Principal {
                id: PrincipalId::from_bytes([2; 16]),
                tenant: Some(self.tenant),
                role: Role::TenantUser,
            },
            operation: "Test",
            flow,
            subject: Subject {
                bucket: bucket.map(|bucket| bucket.id),
                owner: Some(self.tenant),
                key: key.map(self::key),
                version: None,
                label: Label::Unclassified,
                range: ByteRange::whole(0),
            },
            from: self.gate.home(),
            to: self.gate.home(),
        };
        self.gate.permit(transfer).await.expect("permitted")
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store, &Unit<'_>, Timestamp) -> Result<T, onshore_store::Error>
        + Send
        + 'static,
    ) -> T {
        let (store, now) = (self.store.clone(), self.gate.now());
        let done = self.db.write(move |unit| work(&store, unit, now)).await;
        done.expect("written")
    }

    /// Makes a bucket with these rules, which are a lifecycle's in JSON.
    pub(crate) async fn bucket(&self, versioning: Versioning, rules: Value) -> Bucket {
        self.bucket_like(versioning, NewBucket::default(), rules)
            .await
    }

    pub(crate) async fn bucket_like(
        &self,
        versioning: Versioning,
        new: NewBucket,
        rules: Value,
    ) -> Bucket {
        let permit = self.permit(Flow::Change, None, None).await;
        let tenant = self.tenant;
        let name = BucketName::parse("bucket").expect("a name");
        let bucket = self
            .write(move |store, unit, now| {
                store.create_bucket(unit, &permit, &name, tenant, new, now)
            })
            .await;
        if versioning != Versioning::Off {
            self.switch(&bucket, versioning).await;
        }
        self.rule(&bucket, Some(rules)).await;
        bucket
    }

    pub(crate) async fn switch(&self, bucket: &Bucket, versioning: Versioning) {
        let permit = self.permit(Flow::Change, Some(bucket), None).await;
        self.write(move |store, unit, _| store.set_versioning(unit, &permit, versioning).map(drop))
            .await;
    }

    /// Gives a bucket other rules, or takes them away.
    pub(crate) async fn rule(&self, bucket: &Bucket, rules: Option<Value>) {
        let permit = self.permit(Flow::Change, Some(bucket), None).await;
        let document = rules.map(|rules| {
            let lifecycle: Lifecycle =
                serde_json::from_value(json!({ "rules": rules })).expect("rules");
            serde_json::to_string(&lifecycle).expect("JSON")
        });
        self.write(move |store, unit, _| {
            store.set_setting(unit, &permit, Setting::Lifecycle, document.as_deref())
        })
        .await;
    }

    pub(crate) async fn put(&self, bucket: &Bucket, key: &str) -> Committed {
        self.put_like(bucket, key, b"body", NewObject::default())
            .await
    }

    pub(crate) async fn put_like(
        &self,
        bucket: &Bucket,
        key: &str,
        body: &[u8],
        object: NewObject,
    ) -> Committed {
        let permit = self.permit(Flow::Store, Some(bucket), Some(key)).await;
        let body = stream::iter([Ok(Bytes::copy_from_slice(body))]);
        let staged = self
            .store
            .stage(
                &permit,
                &object,
                body,
                &Checks::default(),
                self.gate.scanner(self.tenant),
            )
            .await
            .expect("staged");
        self.write(move |store, unit, now| {
            store.commit(
                unit,
                &permit,
                &staged,
                &object,
                &WriteCondition::Always,
                now,
            )
        })
        .await
    }

    pub(crate) async fn locked(&self, bucket: &Bucket, key: &str, lock: Lock) -> Committed {
        let object = NewObject {
            lock,
            ..NewObject::default()
        };
        self.put_like(bucket, key, b"body", object).await
    }

    /// Deletes the current object of a key.
    pub(crate) async fn delete(&self, bucket: &Bucket, name: &str) -> Removal {
        let permit = self.permit(Flow::Change, Some(bucket), Some(name)).await;
        let name = key(name);
        self.write(move |store, unit, now| store.remove(unit, &permit, &name, now))
            .await
    }

    pub(crate) async fn begin_upload(&self, bucket: &Bucket, key: &str) -> UploadId {
        let permit = self.permit(Flow::Store, Some(bucket), Some(key)).await;
        let new = NewUpload::default();
        let name = self::key(key);
        let looked = Looked::at_upload(self.gate.scanner(self.tenant), &name, &new.object)
            .expect("looked through");
        self.write(move |store, unit, now| store.create_upload(unit, &permit, &new, &looked, now))
            .await
    }

    /// The versions of a bucket in their order: `key` for an object, `key!` for a delete marker.
    pub(crate) async fn versions(&self, bucket: &Bucket) -> Vec<String> {
        let permit = self.permit(Flow::List, Some(bucket), None).await;
        let query = VersionsQuery {
            limit: 10_000,
            ..VersionsQuery::default()
        };
        let page = self
            .store
            .list_versions(permit, query)
            .await
            .expect("listed");
        let shown = page.entries.iter().map(|entry| match entry.kind {
            Kind::Object => entry.key.to_string(),
            Kind::Marker => format!("{}!", entry.key),
        });
        shown.collect()
    }

    pub(crate) async fn uploads(&self, bucket: &Bucket) -> Vec<String> {
        let permit = self.permit(Flow::List, Some(bucket), None).await;
        let query = UploadsQuery {
            limit: 10_000,
            ..UploadsQuery::default()
        };
        let page = self
            .store
            .list_uploads(permit, query)
            .await
            .expect("listed");
        let shown = page.uploads.iter().map(|upload| upload.key.to_string());
        shown.collect()
    }

    /// Every file with a body.
    #[expect(
        clippy::disallowed_methods,
        reason = "the test damages what is on disk behind the store's back"
    )]
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let list = |folder: PathBuf| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(folder).expect("a folder");
            entries
                .map(|entry| entry.expect("an entry").path())
                .collect()
        };
        let shards = list(self.folder.path().join("objects"));
        shards.into_iter().flat_map(list).collect()
    }

    /// The leaves of these kinds.
    pub(crate) async fn leaves(&self, kinds: &[&str]) -> Vec<Value> {
        let leaves = self
            .gate
            .journal()
            .leaves(0, 100_000)
            .await
            .expect("leaves");
        leaves
            .into_iter()
            .map(|leaf| leaf.body)
            .filter(|body| kinds.iter().any(|kind| body["kind"] == *kind))
            .collect()
    }
}

fn open(path: &Path, clock: Arc<Stepped>) -> (Database, Store, Gate) {
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
    let keys: Arc<dyn KeyProvider> =
        Arc::new(FileRootKey::open_or_create(&path.join("root.key")).expect("a key"));
    let journal = Journal::open(
        db.clone(),
        &*keys,
        onshore_journal::Options {
            folder: path.join("ledger"),
            witnesses: None,
            origin: "onshore.test/region".into(),
            crash: onshore_db::CrashPoints::default(),
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
    let gate = Gate::open(
        GateParts {
            db: db.clone(),
            registry,
            journal,
            region: Region {
                id: RegionId::parse("cn-north-1").expect("a region"),
                jurisdiction: Jurisdiction::parse("CN").expect("a jurisdiction"),
                partition: PartitionName::parse("onshore").expect("a partition"),
                operator: "Operator".into(),
                technology_provider: "Provider".into(),
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
            clock,
        },
        &EpochDocument {
            configuration: json!({}),
            version: "test".into(),
        },
    )
    .expect("a gate");
    (db, store, gate)
}

pub(crate) fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("a key")
}
