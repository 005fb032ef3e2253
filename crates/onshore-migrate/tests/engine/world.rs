//! Real keepers in a folder of their own, and jobs for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use onshore_db::Database;
use onshore_gate::{
    Clock, EpochDocument, Gate, JobOrder, Ordered, Parts as GateParts, PersonsBeside, Region,
    ToldBeside,
};
use onshore_journal::Journal;
use onshore_keys::{FileRootKey, FileSeal, KeyProvider, Secret};
use onshore_ledger::{Certificate, Document, Listing};
use onshore_migrate::{Engine, JobOptions, Parts, Patience, certificate_file};
use onshore_policy::{Flow, Networks, Principal, Proxies, Role, Subject, Transfer};
use onshore_registry::{Job, JobState, Registry, Tenant};
use onshore_sources::{FolderSpec, Network, SourceAccess, SourceSpec};
use onshore_store::{Checks, Kind, NewObject, ObjectHead, Store, VersionsQuery, WriteCondition};
use onshore_testkit::TempFolder;
use onshore_types::{
    BucketName, ByteRange, JobId, Jurisdiction, Label, ObjectKey, PartitionName, PrincipalId,
    RegionId, TenantName, Timestamp,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::fake::Fake;

#[derive(Debug, Default)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000 + self.0.fetch_add(1, Ordering::Relaxed))
    }
}

pub(crate) struct World {
    pub(crate) folder: TempFolder,
    pub(crate) source: Fake,
    pub(crate) db: Database,
    pub(crate) registry: Registry,
    pub(crate) store: Store,
    pub(crate) gate: Gate,
    pub(crate) tenant: Tenant,
    pub(crate) operator: Principal,
    pub(crate) options: JobOptions,
}

/// A job that ended.
pub(crate) struct Outcome {
    pub(crate) job: Job,
    pub(crate) certificate: Option<Certificate>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = TempFolder::new("migrate").expect("a folder");
        let path = folder.path().to_owned();
        // Opening blocks, and must not do so on a thread of the runtime.
        let (db, registry, store, gate) = tokio::task::spawn_blocking(move || open(&path))
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
            folder,
            source: Fake::default(),
            db,
            registry,
            store,
            gate,
            tenant,
            operator,
            options: JobOptions::default(),
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::new(Parts {
            db: self.db.clone(),
            registry: self.registry.clone(),
            store: self.store.clone(),
            gate: self.gate.clone(),
            sources: Arc::new(self.source.clone()),
            certificates: self.folder.path().join("certificates"),
            seal: FileSeal::none(),
            patience: Patience {
                attempts_max: 5,
                first_wait: Duration::ZERO,
                longest_wait: Duration::ZERO,
            },
        })
    }

    pub(crate) async fn order(&self, class: Option<&str>) -> Job {
        self.order_as("bucket", 9, class).await
    }

    /// Orders a job into another bucket.
    pub(crate) async fn order_into(&self, bucket: &str) -> Job {
        self.order_as(bucket, 10, None).await
    }

    async fn order_as(&self, bucket: &str, fingerprint: u8, class: Option<&str>) -> Job {
        let access = SourceAccess {
            source: SourceSpec::Folder(FolderSpec {
                path: "/fake".into(),
            }),
            network: Network::Anywhere,
        };
        let order = JobOrder {
            tenant: self.tenant.id,
            bucket: BucketName::parse(bucket).expect("a name"),
            source: serde_json::to_value(&access).expect("serializes"),
            fingerprint: [fingerprint; 32],
            label: class.map(|class| class.parse().expect("a label")),
            options: serde_json::to_value(&self.options).expect("serializes"),
            credentials: Some(Secret::new(
                br#"{"access_key":"a","secret_key":"very secret"}"#.to_vec(),
            )),
        };
        match self
            .gate
            .order_job(self.operator, order)
            .await
            .expect("ordered")
        {
            Ordered::New(job) | Ordered::Attached(job) => job,
        }
    }

    /// Runs an engine until the job has ended.
    pub(crate) async fn finish(&self, job: JobId) -> Outcome {
        let stop = CancellationToken::new();
        let running = tokio::spawn({
            let (engine, stop) = (self.engine(), stop.clone());
            async move { engine.run(stop).await }
        });
        let mut commits = self.db.commits();
        let ended = loop {
            let now = self.registry.job(job).await.expect("a job");
            if now.state.is_ended() {
                break now;
            }
            commits.changed().await.expect("the database is open");
        };
        let file = certificate_file(&self.folder.path().join("certificates"), job);
        assert_eq!(
            ended.certificate_leaf.is_some(),
            file.exists(),
            "an ended job has its certificate"
        );
        stop.cancel();
        running.await.expect("the engine ends");
        let certificate = ended.certificate_leaf.map(|_| {
            match Document::parse(&std::fs::read(&file).expect("a certificate")).expect("reads") {
                Document::Certificate(certificate) => *certificate,
                Document::Proof(_)
                | Document::Read(_)
                | Document::TlogProof(_)
                | Document::Evidence => panic!("not a certificate"),
            }
        });
        if let Some(certificate) = &certificate {
            let summary = certificate
                .verify(&[self.gate.journal().verifier()])
                .expect("verifies");
            let is_counted_otherwise = ended
                .detail
                .as_deref()
                .is_some_and(|detail| detail.contains("count"));
            let complete = certificate.body.listing != Listing::Incomplete;
            assert_eq!(complete, ended.state == JobState::Complete);
            assert_eq!(
                complete || is_counted_otherwise,
                certificate.body.exceptions.is_empty()
            );
            // Each job lists twice at least, and nothing is certified that the last listing does not name.
            assert_eq!(
                (certificate.body.inventories.len(), summary.unlisted),
                (2, 0)
            );
        }
        let credentials = self.registry.job_credentials(job).await.expect("looked up");
        assert!(credentials.is_none(), "credentials outlived their job");
        Outcome {
            job: ended,
            certificate,
        }
    }

    /// Makes a job that has ended one that is about to.
    pub(crate) async fn reopen(&self, job: JobId) {
        let reopened: Result<usize, onshore_db::Error> = self
            .db
            .write(move |unit| {
                unit.execute(
                    "UPDATE jobs SET ended_ms = NULL, state = 'running', phase = 'certifying' WHERE id = ?1",
                    [job.as_bytes()],
                )
            })
            .await;
        assert_eq!(reopened.expect("written"), 1);
    }

    /// Orders a job and runs it to its end.
    pub(crate) async fn migrate(&self, class: Option<&str>) -> Outcome {
        let job = self.order(class).await;
        self.finish(job.id).await
    }

    /// Reads an object as its tenant would, or none.
    pub(crate) async fn read(&self, key: &str) -> Option<(ObjectHead, Vec<u8>)> {
        let name = BucketName::parse("bucket").expect("a name");
        let bucket = self.store.bucket(&name).await.expect("looked up")?;
        let key = ObjectKey::parse(key).expect("a key");
        let found = self
            .store
            .describe(&bucket, &key)
            .await
            .expect("described")?;
        let range = ByteRange::whole(found.size_bytes);
        let transfer = Transfer {
            principal: self.user(),
            operation: "GetObject",
            flow: Flow::Read,
            subject: Subject {
                bucket: Some(bucket.id),
                owner: Some(self.tenant.id),
                key: Some(key),
                version: Some(found.version),
                label: found.label,
                range,
            },
            from: self.gate.home(),
            to: self.gate.home(),
        };
        let permit = self.gate.permit(transfer).await.expect("permitted");
        let (head, body) = self.store.read(permit, range).await.expect("read");
        let chunks: Vec<_> = body.try_collect().await.expect("whole");
        Some((head, chunks.concat()))
    }

    /// Writes an object as its tenant would.
    pub(crate) async fn write(&self, key: &str, bytes: &[u8]) {
        let name = BucketName::parse("bucket").expect("a name");
        let bucket = self.store.bucket(&name).await.expect("looked up");
        let bucket = bucket.expect("a bucket");
        let transfer = Transfer {
            principal: self.user(),
            operation: "PutObject",
            flow: Flow::Store,
            subject: Subject {
                bucket: Some(bucket.id),
                owner: Some(self.tenant.id),
                key: Some(ObjectKey::parse(key).expect("a key")),
                version: None,
                label: label("unclassified"),
                range: ByteRange::whole(bytes.len() as u64),
            },
            from: self.gate.home(),
            to: self.gate.home(),
        };
        let permit = self.gate.permit(transfer).await.expect("permitted");
        let (object, checks) = (NewObject::default(), Checks::default());
        let body = stream::iter([Ok(Bytes::copy_from_slice(bytes))]);
        let scanner = self.gate.scanner(self.tenant.id);
        let staged = self
            .store
            .stage(&permit, &object, body, &checks, scanner)
            .await
            .expect("staged");
        let (store, now) = (self.store.clone(), self.gate.now());
        let committed: Result<_, onshore_store::Error> = self
            .db
            .write(move |unit| {
                store.commit(
                    unit,
                    &permit,
                    &staged,
                    &object,
                    &WriteCondition::Always,
                    now,
                )
            })
            .await;
        committed.expect("committed");
    }

    /// Returns the versions of a key, the newest first: the bytes of each as text, and none for a delete marker.
    pub(crate) async fn history(&self, key: &str) -> Vec<Option<String>> {
        let name = BucketName::parse("bucket").expect("a name");
        let bucket = self.store.bucket(&name).await.expect("looked up");
        let bucket = bucket.expect("a bucket");
        let of_bucket = |key: Option<ObjectKey>, version, flow, range| Transfer {
            principal: self.user(),
            operation: "GetObjectVersion",
            flow,
            subject: Subject {
                bucket: Some(bucket.id),
                owner: Some(self.tenant.id),
                key,
                version,
                label: label("unclassified"),
                range,
            },
            from: self.gate.home(),
            to: self.gate.home(),
        };
        let listing = of_bucket(None, None, Flow::List, ByteRange::whole(0));
        let permit = self.gate.permit(listing).await.expect("permitted");
        let query = VersionsQuery {
            prefix: key.to_owned(),
            limit: 1000,
            ..VersionsQuery::default()
        };
        let page = self
            .store
            .list_versions(permit, query)
            .await
            .expect("listed");
        let mut history = Vec::new();
        for entry in page
            .entries
            .into_iter()
            .filter(|entry| entry.key.as_str() == key)
        {
            if entry.kind == Kind::Marker {
                history.push(None);
                continue;
            }
            let range = ByteRange::whole(entry.size_bytes);
            let reading = of_bucket(Some(entry.key), Some(entry.version), Flow::Read, range);
            let permit = self.gate.permit(reading).await.expect("permitted");
            let (_, body) = self.store.read(permit, range).await.expect("read");
            let chunks: Vec<_> = body.try_collect().await.expect("whole");
            history.push(Some(String::from_utf8(chunks.concat()).expect("text")));
        }
        history
    }

    /// Counts the parts of uploads under way.
    pub(crate) async fn parts_under_way(&self) -> usize {
        let counted: Result<Option<usize>, onshore_db::Error> = self
            .db
            .read(|view| {
                view.one("SELECT count(*) FROM parts", [], |row| {
                    let count: i64 = row.get(0)?;
                    Ok(usize::try_from(count).unwrap_or_default())
                })
            })
            .await;
        counted.expect("counted").unwrap_or_default()
    }

    fn user(&self) -> Principal {
        Principal {
            id: PrincipalId::from_bytes([2; 16]),
            tenant: Some(self.tenant.id),
            role: Role::TenantUser,
        }
    }

    /// Everything the ledger says, as text.
    pub(crate) async fn ledger(&self) -> String {
        let leaves = self.gate.journal().leaves(0, 10_000).await.expect("leaves");
        leaves.iter().map(|leaf| leaf.body.to_string()).collect()
    }
}

impl Outcome {
    pub(crate) fn certificate(&self) -> &Certificate {
        self.certificate.as_ref().expect("a certificate")
    }

    /// The exceptions as pairs of key and reason.
    pub(crate) fn exceptions(&self) -> Vec<(&str, &str)> {
        let exceptions = &self.certificate().body.exceptions;
        exceptions
            .iter()
            .map(|one| (one.key.as_str(), one.reason.as_str()))
            .collect()
    }

    /// The objects as pairs of key and method.
    pub(crate) fn objects(&self) -> Vec<(&str, &str)> {
        let objects = &self.certificate().objects;
        objects
            .iter()
            .map(|one| (one.key.as_str(), one.method.as_str()))
            .collect()
    }
}

fn open(path: &std::path::Path) -> (Database, Registry, Store, Gate) {
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
            registry: registry.clone(),
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
            clock: Arc::new(Ticking::default()),
        },
        &EpochDocument {
            configuration: json!({}),
            version: "test".into(),
        },
    )
    .expect("a gate");
    (db, registry, store, gate)
}

/// Reads a label.
pub(crate) fn label(text: &str) -> Label {
    text.parse().expect("a label")
}
