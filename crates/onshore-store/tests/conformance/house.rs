//! A store in a folder of its own, with permits from the real judge.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use onshore_classify::Scanner;
use onshore_db::Database;
use onshore_keys::{FileRootKey, random};
use onshore_policy::{Facts, Flow, Permit, Policy, Principal, Role, Subject, Transfer, Verdict};
use onshore_store::{
    BodyError, Bucket, Checks, Committed, Error, Looked, NewBucket, NewObject, ObjectHead, Options,
    Removal, Store, Tags, WriteCondition,
};
use onshore_types::{
    BucketId, BucketName, ByteRange, Jurisdiction, Label, ObjectKey, Place, PrincipalId, TenantId,
    Timestamp, VersionId,
};

static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy::embedded().expect("a policy"));

/// What a permit is asked for.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) tenant: TenantId,
    pub(crate) flow: Flow,
    pub(crate) bucket: Option<BucketId>,
    pub(crate) key: Option<ObjectKey>,
    pub(crate) version: Option<VersionId>,
    pub(crate) label: Label,
    pub(crate) range: ByteRange,
}

pub(crate) struct Folder(pub(crate) PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) db: Database,
    pub(crate) tenant: TenantId,
    pub(crate) folder: Arc<Folder>,
    now: AtomicI64,
}

impl House {
    pub(crate) fn new() -> Self {
        let name = format!("onshore-store-{:032x}", u128::from_be_bytes(random()));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        Self::at(Arc::new(Folder(folder)), TenantId::from_bytes([7; 16]))
    }

    fn at(folder: Arc<Folder>, tenant: TenantId) -> Self {
        let db = Database::open(
            folder.0.join("onshore.db"),
            &[Store::SCHEMA],
            onshore_db::Options::default(),
        )
        .expect("a database");
        let root = FileRootKey::open_or_create(&folder.0.join("root.key")).expect("a root key");
        let store = Store::open(
            db.clone(),
            &folder.0.join("objects"),
            Arc::new(root),
            Options::default(),
        )
        .expect("a store");
        Self {
            store,
            db,
            tenant,
            folder,
            now: AtomicI64::new(1_795_000_000_000),
        }
    }

    /// Starts again on the same folder.
    pub(crate) fn reopened(self) -> Self {
        let (folder, tenant) = (Arc::clone(&self.folder), self.tenant);
        drop(self);
        Self::at(folder, tenant)
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn ask(&self, flow: Flow, bucket: &Bucket, key: &str) -> Ask {
        Ask {
            tenant: self.tenant,
            flow,
            bucket: Some(bucket.id),
            key: Some(self::key(key)),
            version: None,
            label: Label::Unclassified,
            range: ByteRange::whole(0),
        }
    }

    pub(crate) fn permit(&self, flow: Flow, bucket: &Bucket, key: &str) -> Permit {
        issue(&self.ask(flow, bucket, key))
    }

    pub(crate) fn permit_to_list(&self, bucket: &Bucket) -> Permit {
        issue(&Ask {
            key: None,
            ..self.ask(Flow::List, bucket, "none")
        })
    }

    pub(crate) async fn bucket(&self, name: &str, class: Option<Label>) -> Bucket {
        let permit = issue(&Ask {
            tenant: self.tenant,
            flow: Flow::Change,
            bucket: None,
            key: None,
            version: None,
            label: Label::GENERAL,
            range: ByteRange::whole(0),
        });
        let (store, tenant, now) = (self.store.clone(), self.tenant, self.now());
        let name = BucketName::parse(name).expect("a bucket name");
        self.db
            .write(move |unit| {
                store.create_bucket(
                    unit,
                    &permit,
                    &name,
                    tenant,
                    NewBucket { class, lock: None },
                    now,
                )
            })
            .await
            .expect("a bucket")
    }

    pub(crate) async fn put(
        &self,
        bucket: &Bucket,
        key: &str,
        body: &[u8],
        object: &NewObject,
        condition: &WriteCondition,
    ) -> Result<Committed, Error> {
        let permit = self.permit(Flow::Store, bucket, key);
        let staged = self
            .store
            .stage(
                &permit,
                object,
                chunks(body, 10_000),
                &Checks::default(),
                scanner(),
            )
            .await?;
        let (store, now) = (self.store.clone(), self.now());
        let (object, condition) = (object.clone(), condition.clone());
        self.db
            .write(move |unit| store.commit(unit, &permit, &staged, &object, &condition, now))
            .await
    }

    pub(crate) async fn write(&self, bucket: &Bucket, key: &str, body: &[u8]) -> Committed {
        self.put(bucket, key, body, &general(), &WriteCondition::Always)
            .await
            .expect("written")
    }

    pub(crate) async fn remove(&self, bucket: &Bucket, key: &str) -> bool {
        let (store, permit) = (self.store.clone(), self.permit(Flow::Change, bucket, key));
        let now = self.now();
        let key = self::key(key);
        self.db
            .write(move |unit| store.remove(unit, &permit, &key, now))
            .await
            .expect("removed")
            != Removal::Nothing
    }

    /// Describes, asks for a permit, reads.
    pub(crate) async fn read(
        &self,
        bucket: &Bucket,
        key: &str,
        range: Option<ByteRange>,
    ) -> Result<Vec<u8>, Error> {
        let described = self
            .store
            .describe(bucket, &self::key(key))
            .await?
            .ok_or(Error::NoSuchKey)?;
        let range = range.unwrap_or(ByteRange::whole(described.size_bytes));
        let permit = issue(&Ask {
            version: Some(described.version),
            label: described.label,
            range,
            ..self.ask(Flow::Read, bucket, key)
        });
        let (_, body) = self.store.read(permit, range).await?;
        gather(body).await
    }

    pub(crate) async fn head(&self, bucket: &Bucket, key: &str) -> Result<ObjectHead, Error> {
        self.store.head(self.inspect(bucket, key).await?).await
    }

    pub(crate) async fn inspect(&self, bucket: &Bucket, key: &str) -> Result<Permit, Error> {
        let described = self
            .store
            .describe(bucket, &self::key(key))
            .await?
            .ok_or(Error::NoSuchKey)?;
        Ok(issue(&Ask {
            version: Some(described.version),
            label: described.label,
            ..self.ask(Flow::Inspect, bucket, key)
        }))
    }

    /// Every file below the objects folder.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let list = |folder: &PathBuf| -> Vec<PathBuf> {
            std::fs::read_dir(folder)
                .expect("a folder")
                .map(|entry| entry.expect("an entry").path())
                .collect()
        };
        let mut files: Vec<_> = list(&self.folder.0.join("objects"))
            .iter()
            .flat_map(list)
            .collect();
        files.sort();
        files
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the store's tests stand in for the gate, with the real judge"
)]
pub(crate) fn issue(ask: &Ask) -> Permit {
    let here = Place::In(Jurisdiction::parse("CN").expect("a jurisdiction"));
    let transfer = Transfer {
        principal: Principal {
            id: PrincipalId::from_bytes([1; 16]),
            tenant: Some(ask.tenant),
            role: Role::TenantUser,
        },
        operation: "Test",
        flow: ask.flow,
        subject: Subject {
            bucket: ask.bucket,
            owner: Some(ask.tenant),
            key: ask.key.clone(),
            version: ask.version,
            label: ask.label,
            range: ask.range,
        },
        from: here,
        to: here,
    };
    let facts = Facts {
        region: Jurisdiction::parse("CN").expect("a jurisdiction"),
        epoch: 1,
        approvals: Vec::new(),
        exporter: onshore_policy::ExporterFact::default(),
    };
    match POLICY.decide(&facts, &transfer, Timestamp::from_millis(0)) {
        Verdict::Allowed(grant) => Permit::issue(&transfer, grant, 1, None),
        Verdict::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

pub(crate) fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("a key")
}

pub(crate) fn label(text: &str) -> Label {
    text.parse().expect("a label")
}

/// What bodies are looked through with, as of a day of the tests.
pub(crate) fn scanner() -> Scanner {
    Scanner::new(onshore_classify::Options {
        on: "2026-11-29".parse().expect("a day"),
        ..onshore_classify::Options::default()
    })
}

/// Looks through what a client says of an object that is to be made of parts.
pub(crate) fn said(key_text: &str, object: &NewObject) -> Looked {
    Looked::at_upload(scanner(), &key(key_text), object).expect("looked through")
}

/// Looks through tags.
pub(crate) fn tagged(tags: &Tags) -> Looked {
    Looked::at_tags(scanner(), tags).expect("looked through")
}

pub(crate) fn general() -> NewObject {
    declared("general")
}

pub(crate) fn declared(text: &str) -> NewObject {
    NewObject {
        declared: Some(label(text)),
        ..NewObject::default()
    }
}

pub(crate) fn chunks(
    body: &[u8],
    len_bytes: usize,
) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + use<> {
    let chunks: Vec<_> = body
        .chunks(len_bytes)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    stream::iter(chunks)
}

pub(crate) async fn gather(
    body: impl Stream<Item = Result<Bytes, Error>>,
) -> Result<Vec<u8>, Error> {
    let mut body = std::pin::pin!(body);
    let mut all = Vec::new();
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        assert!((1..=256 << 10).contains(&chunk.len()), "{}", chunk.len());
        all.extend_from_slice(&chunk);
    }
    Ok(all)
}

/// Bytes that look like nothing and are the same for the same seed.
pub(crate) fn noise(len_bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let mut bytes = Vec::with_capacity(len_bytes + 8);
    while bytes.len() < len_bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(len_bytes);
    bytes
}

/// Runs on a runtime of its own, for properties.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime")
        .block_on(work)
}
