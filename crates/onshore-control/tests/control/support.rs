//! A region in a temporary folder, served on loopback, and a client that can come from any loopback address.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use onshore_api::{
    AskLease, DeliveredView, JobWorkerView, LeaseAnswer, LeaseRefusal, LeaseRenewed, RunsView,
};
use onshore_control::{
    ControlParts, DeliveredBody, Drills, LeaseAsker, LeaseDesk, LeasedAt, MigrateRules,
    RequestRate, Unserved, router, serve,
};
use onshore_db::{CrashPoints, Database};
use onshore_gate::{
    Clock, EpochDocument, Gate, Parts, PersonsBeside, Region, StoredFact, ToldBeside, UpdateRules,
};
use onshore_journal::Journal;
use onshore_keys::{FileRootKey, FileSeal};
use onshore_ledger::Platform;
use onshore_policy::{Flow, Networks, Principal, Proxies, Role, Subject, Transfer};
use onshore_registry::{Quarantine, Registry, TokenHolder};
use onshore_sources::Peers;
use onshore_store::{Checks, NewObject, Store, WriteCondition};
use onshore_testkit::TempFolder;
use onshore_tls::{Introduction, Transport};
use onshore_types::{
    ByteRange, IdentityName, JobId, Jurisdiction, Label, LeafIndex, LeaseId, ObjectKey,
    PartitionName, Place, PrincipalId, RegionId, Timestamp, VersionId,
};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const OPERATOR: &str = "operator-token-0123456789abcdef";
pub(crate) const REGULATOR: &str = "regulator-token-0123456789abcdef";
pub(crate) const AUDITOR: &str = "auditor-token-0123456789abcdef";
pub(crate) const TENANT_USER: &str = "tenant-user-token-0123456789abcdef";
pub(crate) const TENANT_ADMIN: &str = "tenant-admin-token-0123456789abcdef";
pub(crate) const SUPPORT_ENGINEER: &str = "support-engineer-token-0123456789abcdef";
pub(crate) const OUTGOING_PROVIDER: &str = "outgoing-provider-token-0123456789abcde";
pub(crate) const WORKER: &str = "worker-token-0123456789abcdef";
/// Of another person than the first operator's.
pub(crate) const SECOND_OPERATOR: &str = "second-operator-token-0123456789abcdef";
/// Configured as abroad.
pub(crate) const ABROAD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);
/// Configured nowhere.
pub(crate) const NOWHERE: Ipv4Addr = Ipv4Addr::new(127, 9, 0, 1);
/// A proxy that is believed.
pub(crate) const PROXY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);

/// A region under test.
pub(crate) struct House {
    pub(crate) folder: TempFolder,
    pub(crate) address: SocketAddr,
    pub(crate) gate: Gate,
    pub(crate) registry: Registry,
    pub(crate) store: Store,
    pub(crate) db: Database,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) stop: CancellationToken,
    pub(crate) served: Option<JoinHandle<()>>,
}

/// A clock that the test steps.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn step(&self, millis: i64) {
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON answer")
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn message(&self) -> String {
        let problem = self.json();
        let code = problem["code"].as_str().expect("a code");
        assert_eq!(problem["type"], format!("urn:onshore:problem:{code}"));
        assert_eq!(problem["status"], self.status.as_u16());
        let kind = self.headers.get(header::CONTENT_TYPE).expect("a type");
        assert_eq!(kind, "application/problem+json");
        problem["detail"].as_str().expect("a message").to_owned()
    }
}

impl House {
    pub(crate) async fn open() -> Self {
        Self::open_with_roots(|_| Vec::new()).await
    }

    pub(crate) async fn open_with_roots(roots: impl FnOnce(&TempFolder) -> Vec<PathBuf>) -> Self {
        let folder = TempFolder::new("control").expect("a folder");
        let roots = roots(&folder);
        let clock = Arc::new(TestClock(AtomicI64::new(1_795_000_000_000)));
        let (path, ticking) = (folder.path().to_owned(), Arc::clone(&clock));
        // Opening blocks, as it may before a server serves.
        let opened = tokio::task::spawn_blocking(move || open_keepers(&path, ticking));
        let (db, registry, store, gate) = opened.await.expect("opens");
        let stop = CancellationToken::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let parts = ControlParts {
            db: db.clone(),
            gate: gate.clone(),
            registry: registry.clone(),
            store: store.clone(),
            rate: RequestRate {
                per_s: NonZeroU32::new(1000).expect("not zero"),
                burst: NonZeroU32::new(100_000).expect("not zero"),
            },
            migrate: MigrateRules {
                roots,
                allowed_endpoints: Vec::new(),
            },
            updates: UpdateRules {
                keys: Vec::new(),
                platform: Platform::here(),
                running: "0.1.0".parse().expect("a version"),
                quarantine: Quarantine::open(&folder.path().join("quarantine"), 1 << 20)
                    .expect("a quarantine"),
            },
            desk: Arc::new(NoDesk),
            telemetry: None,
            drills: Drills::new(Peers::default(), Vec::new(), None),
            certificates: folder.path().join("certificates"),
            seal: FileSeal::none(),
            metrics: Arc::new(|| "onshore_up 1\n".to_owned()),
        };
        let served = tokio::spawn(serve(
            router(parts),
            listener,
            Introduction::ByAddress,
            Transport::Plain,
            stop.clone(),
        ));
        let house = Self {
            folder,
            address,
            gate,
            registry,
            store,
            db,
            clock,
            stop,
            served: Some(served),
        };
        house.seed_tokens().await;
        house
    }

    async fn seed_tokens(&self) {
        let (registry, now) = (self.registry.clone(), self.gate.now());
        let holders = [
            (OPERATOR, Role::Operator, 1, Some("ada")),
            (REGULATOR, Role::Regulator, 2, None),
            (AUDITOR, Role::Auditor, 3, None),
            (TENANT_USER, Role::TenantUser, 4, None),
            (TENANT_ADMIN, Role::TenantAdmin, 5, None),
            (SUPPORT_ENGINEER, Role::SupportEngineer, 6, Some("eve")),
            (SECOND_OPERATOR, Role::Operator, 7, Some("bo")),
            (OUTGOING_PROVIDER, Role::OutgoingProvider, 8, Some("ma")),
            (WORKER, Role::Worker, 9, None),
        ];
        self.db
            .write(move |unit| {
                for (token, role, id, person) in holders {
                    let principal = PrincipalId::from_bytes([id; 16]);
                    registry.save_token(
                        unit,
                        token,
                        &TokenHolder {
                            principal,
                            role,
                            tenant: None,
                            person: person.map(|name| IdentityName::parse(name).expect("a name")),
                            provider: None,
                            vouched_by: Vec::new(),
                        },
                        now,
                    )?;
                }
                Ok::<_, onshore_registry::Error>(())
            })
            .await
            .expect("tokens");
    }

    /// Sends a request from an address with whatever headers.
    pub(crate) async fn send(
        &self,
        from: Ipv4Addr,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind(SocketAddr::from((from, 0)))
            .expect("an address");
        let stream = socket.connect(self.address).await.expect("a connection");
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
        tokio::spawn(connection);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, self.address.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).expect("a request");
        let answer = sender.send_request(request).await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer
            .into_body()
            .collect()
            .await
            .expect("a body")
            .to_bytes();
        Answer {
            status,
            headers,
            body,
        }
    }

    pub(crate) async fn by(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.send(Ipv4Addr::LOCALHOST, method, path, &headers, body)
            .await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.by(OPERATOR, "GET", path, &Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.by(OPERATOR, "POST", path, &body).await
    }

    /// Opens a support session for the engineer, with the words of two operators, and returns its id.
    pub(crate) async fn support(&self, organisation: &str, tenant: Option<&str>) -> String {
        let asked = json!({
            "engineer": PrincipalId::from_bytes([6; 16]),
            "purpose": "slow reads",
            "minutes": 60,
            "organisation": organisation,
            "tenant": tenant,
        });
        let opened = self.post("/v1/support/sessions", asked).await;
        assert_eq!(opened.status, StatusCode::CREATED, "{}", opened.text());
        let id = opened.json()["id"].as_str().expect("an id").to_owned();
        let path = format!("/v1/support/sessions/{id}/approval");
        let approved = self.by(SECOND_OPERATOR, "POST", &path, &Value::Null).await;
        assert_eq!(approved.status, StatusCode::OK, "{}", approved.text());
        id
    }

    /// Makes the tenant `acme` and the bucket `papers` with a class.
    pub(crate) async fn furnish(&self, class: &str) {
        let made = self.post("/v1/tenants", json!({ "name": "acme" })).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
        let bucket = json!({ "name": "papers", "tenant": "acme", "class": class });
        let made = self.post("/v1/buckets", bucket).await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    }

    /// Describes a transfer of the tenant `acme` with an object of `papers`.
    async fn transfer(&self, flow: Flow, key: &str, to: Place) -> Transfer {
        let name = "papers".parse().expect("a name");
        let bucket = self
            .store
            .bucket(&name)
            .await
            .expect("reads")
            .expect("a bucket");
        let key = ObjectKey::parse(key).expect("a key");
        let found = self.store.describe(&bucket, &key).await.expect("reads");
        Transfer {
            principal: Principal {
                id: PrincipalId::from_bytes([9; 16]),
                tenant: Some(bucket.tenant),
                role: Role::TenantUser,
            },
            operation: if flow == Flow::Read {
                "GetObject"
            } else {
                "PutObject"
            },
            flow,
            subject: Subject {
                bucket: Some(bucket.id),
                owner: Some(bucket.tenant),
                key: Some(key),
                version: found.as_ref().map(|found| found.version),
                label: bucket.class.unwrap_or(Label::Unclassified),
                range: ByteRange::whole(found.map_or(0, |found| found.size_bytes)),
            },
            from: self.gate.home(),
            to,
        }
    }

    /// Stores an object as the S3 front does.
    pub(crate) async fn put(&self, key: &str, body: &'static [u8]) -> (VersionId, LeafIndex) {
        let mut transfer = self.transfer(Flow::Store, key, self.gate.home()).await;
        transfer.subject.version = None;
        let permit = self.gate.permit(transfer).await.expect("permitted");
        let stream = futures_util::stream::iter([Ok(Bytes::from_static(body))]);
        let staged = self
            .store
            .stage(
                &permit,
                &NewObject::default(),
                stream,
                &Checks::default(),
                self.gate.scanner(permit.tenant()),
            )
            .await
            .expect("staged");
        let (store, gate) = (self.store.clone(), self.gate.clone());
        self.db
            .write(move |unit| {
                let object = NewObject::default();
                let always = WriteCondition::Always;
                let stored = store
                    .commit(unit, &permit, &staged, &object, &always, gate.now())
                    .expect("committed");
                let fact = StoredFact {
                    tenant: permit.tenant(),
                    bucket: permit.bucket().expect("a bucket"),
                    version: stored.version,
                    label: stored.label,
                    size_bytes: stored.size_bytes,
                    replaced: stored.replaced,
                    record: stored.record,
                    salt: stored.salt,
                };
                let leaf = gate.settle_stored(unit, &permit, &fact)?;
                Ok::<_, onshore_gate::Error>((stored.version, leaf))
            })
            .await
            .expect("stored")
    }

    /// Lets an object go abroad and returns the leaf that opened the export, once it is closed.
    pub(crate) async fn export(&self, key: &str) -> LeafIndex {
        let transfer = self.transfer(Flow::Read, key, Place::In(place("US"))).await;
        let permit = self.gate.permit(transfer).await.expect("permitted");
        let outflow = self.gate.watch(&permit);
        outflow.sent(permit.range().len_bytes);
        let leaf = outflow.leaf().expect("an export");
        drop(outflow);
        self.gate.drain().await.expect("drained");
        leaf
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn place(code: &str) -> Jurisdiction {
    Jurisdiction::parse(code).expect("a code")
}

fn open_keepers(folder: &Path, clock: Arc<dyn Clock>) -> (Database, Registry, Store, Gate) {
    let keys = Arc::new(FileRootKey::open_or_create(&folder.join("root.key")).expect("a root key"));
    let schemas = [
        onshore_registry::SCHEMA,
        onshore_journal::SCHEMA,
        Store::SCHEMA,
    ];
    let file = folder.join("onshore.db");
    let db = Database::open(&file, &schemas, onshore_db::Options::default()).expect("opens");
    let registry = Registry::new(db.clone(), keys.clone());
    let journal = Journal::open(
        db.clone(),
        keys.as_ref(),
        onshore_journal::Options {
            folder: folder.join("ledger"),
            witnesses: None,
            origin: "onshore.test/cn-north-1".to_owned(),
            crash: CrashPoints::none(),
        },
    )
    .expect("opens");
    let objects = folder.join("objects");
    let store = Store::open(
        db.clone(),
        &objects,
        keys,
        onshore_store::Options::default(),
    )
    .expect("opens");
    let networks = [
        ("127.0.0.0/16", "CN"),
        ("127.0.0.66/32", "US"),
        ("203.0.113.0/24", "US"),
    ]
    .map(|(network, code)| (network.parse().expect("a network"), Place::In(place(code))));
    let gate = Gate::open(
        Parts {
            db: db.clone(),
            registry: registry.clone(),
            journal,
            region: Region {
                id: RegionId::parse("cn-north-1").expect("a region"),
                jurisdiction: place("CN"),
                partition: PartitionName::parse("onshore").expect("a partition"),
                operator: "Example Operator".to_owned(),
                technology_provider: "Example Provider".to_owned(),
            },
            networks: Networks::new(networks).expect("networks"),
            proxies: Proxies::new([ipnet::IpNet::from(IpAddr::V4(PROXY))]),
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
            configuration: json!({ "test": true }),
            version: "test".to_owned(),
        },
    )
    .expect("opens");
    (db, registry, store, gate)
}

/// Serves no worker: jobs are not brought here.
#[derive(Debug)]
struct NoDesk;

#[async_trait]
impl LeaseDesk for NoDesk {
    async fn lease(&self, _: LeaseAsker, _: AskLease) -> Result<LeaseAnswer, Unserved> {
        Ok(LeaseAnswer {
            lease: None,
            ended: None,
            wait_ms: 1,
        })
    }

    fn renew(&self, _: LeaseAsker, lease: LeaseId) -> Result<LeaseRenewed, Unserved> {
        gone(lease)
    }

    fn give_back(&self, _: LeaseAsker, lease: LeaseId) -> Result<(), Unserved> {
        gone(lease)
    }

    fn leave(&self, _: LeaseAsker, at: LeasedAt) -> Result<DeliveredView, Unserved> {
        gone(at.lease)
    }

    async fn deliver(
        &self,
        _: LeaseAsker,
        at: LeasedAt,
        _: DeliveredBody,
    ) -> Result<DeliveredView, Unserved> {
        gone(at.lease)
    }

    async fn runs(&self, _: LeaseAsker, at: LeasedAt) -> Result<RunsView, Unserved> {
        gone(at.lease)
    }

    async fn deliver_run(
        &self,
        _: LeaseAsker,
        at: LeasedAt,
        _: u32,
        _: DeliveredBody,
    ) -> Result<DeliveredView, Unserved> {
        gone(at.lease)
    }

    async fn complete(&self, _: LeaseAsker, at: LeasedAt) -> Result<DeliveredView, Unserved> {
        gone(at.lease)
    }

    fn holders(&self, _: JobId) -> Vec<JobWorkerView> {
        Vec::new()
    }
}

fn gone<T>(lease: LeaseId) -> Result<T, Unserved> {
    Err(Unserved::Refused(LeaseRefusal::Gone(lease)))
}
