//! Buckets: names are unique, classes only tighten, and what is in a bucket is as strict as the bucket.

use onshore_policy::Flow;
use onshore_store::{Bucket, Checks, Error, NewBucket, NewObject, WriteCondition};
use onshore_types::{BucketName, ByteRange, Label, TenantId};
use proptest::prelude::*;

use crate::house::{Ask, House, chunks, declared, general, issue, key, label, run, scanner};

async fn tighten(house: &House, bucket: &Bucket, class: Label) -> Result<Bucket, Error> {
    let (store, id) = (house.store.clone(), bucket.id);
    house
        .db
        .write(move |unit| store.tighten_bucket(unit, id, class))
        .await
}

async fn drop_bucket(house: &House, bucket: &Bucket) -> Result<Bucket, Error> {
    let permit = issue(&Ask {
        key: None,
        ..house.ask(Flow::Change, bucket, "none")
    });
    let (store, id) = (house.store.clone(), bucket.id);
    house
        .db
        .write(move |unit| store.remove_bucket(unit, &permit, id))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_given_once_at_a_time() {
    let house = House::new();
    let first = house.bucket("mine", None).await;
    let name = BucketName::parse("mine").expect("a name");
    for (tenant, is_mine) in [(house.tenant, true), (TenantId::from_bytes([9; 16]), false)] {
        let permit = issue(&Ask {
            tenant,
            bucket: None,
            key: None,
            ..house.ask(Flow::Change, &first, "none")
        });
        let (store, name, now) = (house.store.clone(), name.clone(), house.now());
        let taken = house
            .db
            .write(move |unit| {
                store.create_bucket(unit, &permit, &name, tenant, NewBucket::default(), now)
            })
            .await;
        assert!(
            matches!(taken, Err(Error::BucketTaken { owned_by_caller }) if owned_by_caller == is_mine)
        );
    }
    house.write(&first, "k", b"x").await;
    assert!(matches!(
        drop_bucket(&house, &first).await,
        Err(Error::BucketNotEmpty)
    ));
    assert!(house.remove(&first, "k").await);
    drop_bucket(&house, &first).await.expect("removed");
    assert!(matches!(
        drop_bucket(&house, &first).await,
        Err(Error::NoSuchBucket)
    ));
    let second = house.bucket("mine", None).await;
    assert_ne!(second.id, first.id);
    assert!(matches!(
        house.store.describe(&first, &key("k")).await,
        Err(Error::NoSuchBucket)
    ));
    assert_eq!(
        house
            .store
            .buckets(Some(house.tenant))
            .await
            .expect("buckets"),
        [second]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_made_anew_takes_no_body_staged_for_the_old_one() {
    let house = House::new();
    let old = house.bucket("again", None).await;
    let permit = house.permit(Flow::Store, &old, "k");
    let staged = house
        .store
        .stage(
            &permit,
            &general(),
            chunks(&[1; 100_000], 5000),
            &Checks::default(),
            scanner(),
        )
        .await
        .expect("staged");
    drop_bucket(&house, &old).await.expect("removed");
    let new = house.bucket("again", None).await;
    let (store, now) = (house.store.clone(), house.now());
    let committed = house
        .db
        .write(move |unit| {
            store.commit(
                unit,
                &permit,
                &staged,
                &general(),
                &WriteCondition::Always,
                now,
            )
        })
        .await;
    assert!(matches!(committed, Err(Error::NoSuchBucket)));
    assert_eq!(
        house.store.describe(&new, &key("k")).await.expect("a look"),
        None
    );
    house.store.drain().await;
    assert!(house.files().is_empty());
}

fn any_label() -> impl Strategy<Value = Label> {
    let words = [
        "general",
        "important",
        "core",
        "personal",
        "sensitive-personal",
        "core,personal",
        "unclassified",
    ];
    prop::sample::select(words.to_vec()).prop_map(label)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn no_label_is_ever_loosened(
        first in prop::option::of(any_label()),
        said in prop::option::of(any_label()),
        classes in prop::collection::vec(any_label(), 1..5),
    ) {
        run(async {
            let house = House::new();
            let mut bucket = house.bucket("labels", first).await;
            let object = NewObject { declared: said, ..NewObject::default() };
            let put = house.put(&bucket, "k", b"x", &object, &WriteCondition::Always).await.expect("written");
            assert_eq!(put.label, Label::of_declarations([said, first]));
            let mut before = put.label;
            for class in classes {
                let covers = bucket.class.is_none_or(|from| from.join(class) == class);
                match tighten(&house, &bucket, class).await {
                    Ok(tightened) => {
                        assert!(covers);
                        bucket = tightened;
                    }
                    Err(Error::WouldLoosen { .. }) => assert!(!covers),
                    Err(error) => panic!("{error}"),
                }
                let now = house.store.describe(&bucket, &key("k")).await.expect("a look").expect("there").label;
                assert_eq!(before.join(now), now);
                assert!(bucket.class.is_none_or(|class| class.join(now) == now));
                before = now;
            }
            if put.label == Label::Unclassified {
                assert_eq!(before, Label::Unclassified);
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_tightened_on_the_way_has_the_body_judged_again() {
    let house = House::new();
    let bucket = house.bucket("judged", Some(Label::GENERAL)).await;
    let ask = Ask {
        label: Label::GENERAL,
        ..house.ask(Flow::Store, &bucket, "k")
    };
    let permit = issue(&ask);
    let body = chunks(&[5; 100_000], 5000);
    let staged = house
        .store
        .stage(&permit, &general(), body, &Checks::default(), scanner())
        .await
        .expect("staged");
    let staged = std::sync::Arc::new(staged);
    tighten(&house, &bucket, label("personal"))
        .await
        .expect("tightened");

    let (store, now, shared) = (house.store.clone(), house.now(), staged.clone());
    let refused = house
        .db
        .write(move |unit| {
            store.commit(
                unit,
                &permit,
                &shared,
                &general(),
                &WriteCondition::Always,
                now,
            )
        })
        .await;
    assert!(matches!(refused, Err(Error::LabelChanged { now }) if now == label("personal")));
    let permit = issue(&Ask {
        label: label("personal"),
        ..ask
    });
    let (store, now) = (house.store.clone(), house.now());
    let committed = house
        .db
        .write(move |unit| {
            store.commit(
                unit,
                &permit,
                &staged,
                &general(),
                &WriteCondition::Always,
                now,
            )
        })
        .await
        .expect("committed");
    assert_eq!(committed.label, label("personal"));
    assert_eq!(
        house.read(&bucket, "k", None).await.expect("read"),
        [5; 100_000]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_given_late_binds_what_is_stored_already() {
    let house = House::new();
    let bucket = house.bucket("late", None).await;
    let version = house.write(&bucket, "k", b"x").await.version;
    tighten(&house, &bucket, label("important"))
        .await
        .expect("tightened");
    let range = ByteRange::whole(1);
    let loose = Ask {
        version: Some(version),
        label: Label::GENERAL,
        range,
        ..house.ask(Flow::Read, &bucket, "k")
    };
    let read = house.store.read(issue(&loose), range).await.map(|_| ());
    assert!(matches!(read, Err(Error::LabelChanged { .. })));
    let put = house
        .put(
            &bucket,
            "p",
            b"x",
            &declared("personal"),
            &WriteCondition::Always,
        )
        .await;
    assert_eq!(put.expect("written").label, label("important,personal"));
}
