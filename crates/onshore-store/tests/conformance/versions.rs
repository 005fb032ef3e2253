//! Versions of a key against a model that is a list, and locks that hold.

use onshore_policy::Flow;
use onshore_store::{
    Bucket, BucketLock, DefaultRetention, Error, Governance, Kind, LegalHold, Lock, Naming,
    NewBucket, NewObject, Removal, Retention, RetentionMode, RetentionPeriod, Standing,
    VersionEntry, VersionWish, Versioning, VersionsMarker, VersionsPage, VersionsQuery,
    WriteCondition,
};
use onshore_types::{BucketName, Timestamp, VersionId};
use proptest::prelude::*;

use crate::house::{Ask, House, gather, general, issue, key, run};

/// A version as the model knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    version: VersionId,
    naming: Naming,
    body: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
enum Step {
    Put(usize),
    Delete(usize),
    DeleteVersion(usize, prop::sample::Index),
    DeleteNull(usize),
    Switch(Versioning),
}

const KEYS: [&str; 3] = ["a/1", "a/2", "b"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..KEYS.len()).prop_map(Step::Put),
        3 => (0..KEYS.len()).prop_map(Step::Delete),
        3 => (0..KEYS.len(), any::<prop::sample::Index>()).prop_map(|(k, i)| Step::DeleteVersion(k, i)),
        1 => (0..KEYS.len()).prop_map(Step::DeleteNull),
        1 => Just(Step::Switch(Versioning::Enabled)),
        1 => Just(Step::Switch(Versioning::Suspended)),
    ];
    prop::collection::vec(step, 1..30)
}

async fn switch(house: &House, bucket: &Bucket, versioning: Versioning) -> Result<(), Error> {
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Change, bucket, "unused"),
    );
    house
        .db
        .write(move |unit| store.set_versioning(unit, &permit, versioning).map(drop))
        .await
}

async fn remove(house: &House, bucket: &Bucket, name: &str) -> Removal {
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Change, bucket, name),
    );
    let (now, name) = (house.now(), key(name));
    house
        .db
        .write(move |unit| store.remove(unit, &permit, &name, now))
        .await
        .expect("removed")
}

async fn remove_version(
    house: &House,
    bucket: &Bucket,
    name: &str,
    wish: VersionWish,
    governance: Governance,
    now: Timestamp,
) -> Result<bool, Error> {
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Change, bucket, name),
    );
    let name = key(name);
    house
        .db
        .write(move |unit| store.remove_version(unit, &permit, &name, wish, governance, now))
        .await
        .map(|removed| removed.is_some())
}

async fn list(house: &House, bucket: &Bucket, query: VersionsQuery) -> VersionsPage {
    let permit = house.permit_to_list(bucket);
    house
        .store
        .list_versions(permit, query)
        .await
        .expect("a page")
}

/// Lists everything, so many at a time.
async fn list_all(house: &House, bucket: &Bucket, limit: usize) -> Vec<VersionEntry> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let query = VersionsQuery {
            after: after.take(),
            limit,
            ..VersionsQuery::default()
        };
        let page = list(house, bucket, query).await;
        assert!(page.entries.len() <= limit);
        all.extend(page.entries);
        match page.next {
            None => return all,
            Some(VersionsMarker::Version(key, version, naming)) => {
                let wish = match naming {
                    Naming::Own => VersionWish::Id(version),
                    Naming::Null => VersionWish::Null,
                };
                after = Some((key.to_string(), Some(wish)));
            }
            Some(VersionsMarker::CommonPrefix(_)) => panic!("nothing is rolled up"),
        }
    }
}

async fn read_version(house: &House, bucket: &Bucket, name: &str, version: VersionId) -> Vec<u8> {
    let looked = house
        .store
        .look(&bucket.name, &key(name), VersionWish::Id(version))
        .await
        .expect("looked")
        .expect("the bucket is there");
    let onshore_store::Described::Object(described) = looked.1 else {
        panic!("{version} is no object");
    };
    let range = onshore_types::ByteRange::whole(described.size_bytes);
    let permit = issue(&Ask {
        version: Some(version),
        label: described.label,
        range,
        ..house.ask(Flow::Read, bucket, name)
    });
    let (head, body) = house.store.read(permit, range).await.expect("read");
    assert_eq!(head.version, version);
    gather(body).await.expect("a body")
}

/// What S3 does, on a list of versions from the oldest to the newest.
fn apply(model: &mut Vec<Known>, versioning: Versioning, new: Known) {
    let naming = match versioning {
        Versioning::Enabled => Naming::Own,
        Versioning::Off | Versioning::Suspended => Naming::Null,
    };
    if naming == Naming::Null {
        model.retain(|known| known.naming != Naming::Null);
    }
    if versioning == Versioning::Off && new.body.is_none() {
        return;
    }
    model.push(Known { naming, ..new });
}

async fn play(steps: Vec<Step>) {
    let house = House::new();
    let bucket = house.bucket("played", None).await;
    let mut versioning = Versioning::Off;
    let mut models: [Vec<Known>; 3] = Default::default();
    for (number, step) in steps.into_iter().enumerate() {
        match step {
            Step::Put(at) => {
                let body = format!("body {number}").into_bytes();
                let written = house.write(&bucket, KEYS[at], &body).await;
                let new = Known {
                    version: written.version,
                    naming: written.naming,
                    body: Some(body),
                };
                apply(&mut models[at], versioning, new.clone());
                assert_eq!(models[at].last(), Some(&new));
            }
            Step::Delete(at) => {
                let new = match remove(&house, &bucket, KEYS[at]).await {
                    Removal::Marked(marked) => marked.marker,
                    Removal::Nothing | Removal::Removed(_) => VersionId::from_bytes([0; 16]),
                };
                let new = Known {
                    version: new,
                    naming: Naming::Own,
                    body: None,
                };
                apply(&mut models[at], versioning, new);
            }
            Step::DeleteVersion(at, index) => {
                if models[at].is_empty() {
                    continue;
                }
                let gone = models[at].remove(index.index(models[at].len()));
                let wish = VersionWish::Id(gone.version);
                let now = house.now();
                let is_gone =
                    remove_version(&house, &bucket, KEYS[at], wish, Governance::Kept, now).await;
                assert!(is_gone.expect("removed"), "{gone:?}");
            }
            Step::DeleteNull(at) => {
                let before = models[at].len();
                models[at].retain(|known| known.naming != Naming::Null);
                let wish = VersionWish::Null;
                let now = house.now();
                let is_gone =
                    remove_version(&house, &bucket, KEYS[at], wish, Governance::Kept, now).await;
                assert_eq!(is_gone.expect("removed"), models[at].len() < before);
            }
            Step::Switch(to) => {
                switch(&house, &bucket, to).await.expect("switched");
                versioning = to;
            }
        }
        compare(&house, &bucket, &models).await;
    }
    house.store.drain().await;
    let house = house.reopened();
    compare(&house, &bucket, &models).await;
}

async fn compare(house: &House, bucket: &Bucket, models: &[Vec<Known>; 3]) {
    let wanted: Vec<_> = KEYS
        .iter()
        .zip(models)
        .flat_map(|(name, model)| {
            let newest = model.last().map(|known| known.version);
            model.iter().rev().map(move |known| {
                let kind = match known.body {
                    Some(_) => Kind::Object,
                    None => Kind::Marker,
                };
                let standing = if newest == Some(known.version) {
                    Standing::Latest
                } else {
                    Standing::Earlier
                };
                (
                    (*name).to_owned(),
                    known.version,
                    known.naming,
                    kind,
                    standing,
                )
            })
        })
        .collect();
    for limit in [1, 2, 1000] {
        let found: Vec<_> = list_all(house, bucket, limit)
            .await
            .into_iter()
            .map(|entry| {
                (
                    entry.key.to_string(),
                    entry.version,
                    entry.naming,
                    entry.kind,
                    entry.standing,
                )
            })
            .collect();
        assert_eq!(found, wanted, "{limit} at a time");
    }
    for (name, model) in KEYS.iter().zip(models) {
        let current = model.last().and_then(|known| known.body.clone());
        let read = house.read(bucket, name, None).await;
        match current {
            Some(body) => assert_eq!(read.expect("read"), body),
            None => assert!(matches!(read, Err(Error::NoSuchKey)), "{read:?}"),
        }
        for known in model {
            if let Some(body) = &known.body {
                assert_eq!(
                    &read_version(house, bucket, name, known.version).await,
                    body
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn versions_are_those_of_the_model(steps in steps()) {
        run(play(steps));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_with_history_is_not_empty_and_versions_roll_up() {
    let house = House::new();
    let bucket = house.bucket("kept", None).await;
    switch(&house, &bucket, Versioning::Enabled)
        .await
        .expect("enabled");
    for name in ["a/1", "a/2", "b"] {
        house.write(&bucket, name, b"x").await;
        remove(&house, &bucket, name).await;
    }
    let (store, permit, id) = (
        house.store.clone(),
        house.permit(Flow::Change, &bucket, "unused"),
        bucket.id,
    );
    let removed = house
        .db
        .write(move |unit| store.remove_bucket(unit, &permit, id))
        .await;
    assert!(matches!(removed, Err(Error::BucketNotEmpty)));
    let query = VersionsQuery {
        delimiter: Some("/".to_owned()),
        limit: 1,
        ..VersionsQuery::default()
    };
    let page = list(&house, &bucket, query.clone()).await;
    assert_eq!(page.common_prefixes, ["a/"]);
    assert_eq!(
        page.next,
        Some(VersionsMarker::CommonPrefix("a/".to_owned()))
    );
    let rest = list(
        &house,
        &bucket,
        VersionsQuery {
            after: Some(("a/".to_owned(), None)),
            limit: 10,
            ..query
        },
    )
    .await;
    assert_eq!((rest.entries.len(), rest.common_prefixes.len()), (2, 0));
    assert!(matches!(
        switch(&house, &bucket, Versioning::Off).await,
        Err(Error::LockKeepsVersioning)
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_locked_stays_until_its_time() {
    let house = House::new();
    let default = DefaultRetention {
        mode: RetentionMode::Governance,
        period: RetentionPeriod::Days(1),
    };
    let bucket = lockable(&house, "locked", Some(default)).await;
    let written = house.write(&bucket, "k", b"x").await;
    let wish = VersionWish::Id(written.version);
    let now = house.now();
    let later = default.from(now).until;
    let gone = |governance, at| remove_version(&house, &bucket, "k", wish, governance, at);
    assert!(matches!(
        gone(Governance::Kept, now).await,
        Err(Error::Locked)
    ));
    assert!(matches!(
        remove(&house, &bucket, "k").await,
        Removal::Marked(_)
    ));
    assert!(matches!(
        switch(&house, &bucket, Versioning::Suspended).await,
        Err(Error::LockKeepsVersioning)
    ));
    let held = set_hold(&house, &bucket, written.version, LegalHold::On).await;
    assert!(held.is_ok());
    for (governance, at) in [(Governance::Bypassed, now), (Governance::Kept, later)] {
        assert!(matches!(gone(governance, at).await, Err(Error::Locked)));
    }
    let held = set_hold(&house, &bucket, written.version, LegalHold::Off).await;
    assert!(held.is_ok());
    assert!(gone(Governance::Kept, later).await.expect("removed"));
    assert!(!gone(Governance::Kept, later).await.expect("gone"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_wants_a_bucket_that_has_locks() {
    let house = House::new();
    let plain = house.bucket("plain", None).await;
    let lock = Lock {
        hold: None,
        retention: Some(Retention {
            mode: RetentionMode::Compliance,
            until: Timestamp::from_millis(i64::MAX / 2),
        }),
    };
    let object = NewObject { lock, ..general() };
    let put = house
        .put(&plain, "k", b"x", &object, &WriteCondition::Always)
        .await;
    assert!(matches!(put, Err(Error::BucketNotLockable)));
    let written = house.write(&plain, "k", b"x").await;
    assert!(matches!(
        set_hold(&house, &plain, written.version, LegalHold::On).await,
        Err(Error::BucketNotLockable)
    ));
    let bucket = lockable(&house, "with-locks", None).await;
    let written = house
        .put(&bucket, "k", b"x", &object, &WriteCondition::Always)
        .await
        .expect("written");
    let wish = VersionWish::Id(written.version);
    let now = house.now();
    let gone = remove_version(&house, &bucket, "k", wish, Governance::Bypassed, now).await;
    assert!(matches!(gone, Err(Error::Locked)), "nobody gets past it");
}

async fn lockable(house: &House, name: &str, default: Option<DefaultRetention>) -> Bucket {
    let permit = issue(&Ask {
        bucket: None,
        key: None,
        ..house.ask(
            Flow::Change,
            &house.bucket(&format!("{name}-maker"), None).await,
            "unused",
        )
    });
    let (store, tenant, now) = (house.store.clone(), house.tenant, house.now());
    let name = BucketName::parse(name).expect("a bucket name");
    let new = NewBucket {
        class: None,
        lock: Some(BucketLock { default }),
    };
    house
        .db
        .write(move |unit| store.create_bucket(unit, &permit, &name, tenant, new, now))
        .await
        .expect("a bucket")
}

async fn set_hold(
    house: &House,
    bucket: &Bucket,
    version: VersionId,
    hold: LegalHold,
) -> Result<VersionId, Error> {
    let permit = issue(&Ask {
        version: Some(version),
        ..house.ask(Flow::Change, bucket, "k")
    });
    let store = house.store.clone();
    house
        .db
        .write(move |unit| store.set_hold(unit, &permit, hold))
        .await
}
