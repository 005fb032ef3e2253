//! What is said of an object comes back, tags change without the object, and the record tells what the leaf needs.

use std::collections::BTreeMap;

use onshore_policy::Flow;
use onshore_store::{ContentHeaders, Error, NewObject, SourceFacts, Tags, WriteCondition};
use onshore_types::Timestamp;

use crate::house::{House, label, tagged};

fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

async fn set_tags(house: &House, bucket: &onshore_store::Bucket, tags: Tags) -> Result<(), Error> {
    let (store, permit) = (house.store.clone(), house.permit(Flow::Change, bucket, "k"));
    house
        .db
        .write(move |unit| {
            store
                .set_tags(
                    unit,
                    &permit,
                    &tags,
                    &tagged(&tags),
                    Timestamp::from_millis(1),
                )
                .map(drop)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_was_said_comes_back() {
    let house = House::new();
    let bucket = house.bucket("said", None).await;
    let object = NewObject {
        content: ContentHeaders {
            content_type: Some("text/html; charset=\"gb18030\"".to_owned()),
            cache_control: Some("no-store".to_owned()),
            content_disposition: Some("attachment; filename*=UTF-8''%E6%96%87".to_owned()),
            content_encoding: Some("gzip".to_owned()),
            content_language: Some("zh-CN".to_owned()),
            expires: Some("not a date".to_owned()),
            website_redirect: Some("/elsewhere".to_owned()),
        },
        user_metadata: texts(&[("a", ""), ("名", "值\u{10FFFF}")]),
        tags: texts(&[("team", "red"), ("空", "")]),
        declared: Some(label("core,personal")),
        original: Some(SourceFacts {
            modified: Some(Timestamp::from_millis(-1)),
            etag: Some("abc-2".to_owned()),
            version: None,
        }),
        ..NewObject::default()
    };
    let put = house
        .put(&bucket, "k", b"body", &object, &WriteCondition::Always)
        .await
        .expect("written");
    let house = house.reopened();
    let head = house.head(&bucket, "k").await.expect("a head");
    assert_eq!(head.content, object.content);
    assert_eq!(head.user_metadata, object.user_metadata);
    assert_eq!(head.original, object.original);
    assert_eq!(
        (head.declared, head.label, head.tags.len()),
        (object.declared, put.label, 2)
    );
    assert_eq!((head.version, head.modified), (put.version, put.modified));
    assert_eq!(head.tags, object.tags);
    let said_bytes = house.store.said_bytes(bucket.id, head.version).await;
    assert_eq!(said_bytes.expect("a number"), head.said_bytes());
    assert!(head.said_bytes() > 20, "its metadata and tags are said too");

    let disclosed = house
        .store
        .disclose(house.inspect(&bucket, "k").await.expect("a permit"))
        .await
        .expect("disclosed");
    assert_eq!((&disclosed.record, disclosed.salt), (&put.record, put.salt));
    assert_eq!(disclosed.record["sha256"], head.sha256.expect("a hash"));
    assert_eq!(disclosed.record["label"], "core,personal");
    assert_eq!(disclosed.record["size_bytes"], 4);
    let text = disclosed.record.to_string();
    assert!(!text.contains(&hex::encode(put.salt)) && !text.contains("bodies"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_change_while_the_version_stays() {
    let house = House::new();
    let bucket = house.bucket("tagged", None).await;
    assert!(matches!(
        set_tags(&house, &bucket, Tags::new()).await,
        Err(Error::NoSuchKey)
    ));
    let put = house.write(&bucket, "k", b"body").await;
    let tags = texts(&[("a", "b")]);
    set_tags(&house, &bucket, tags.clone())
        .await
        .expect("tagged");
    let head = house.head(&bucket, "k").await.expect("a head");
    assert_eq!((head.version, head.tags.len()), (put.version, 1));
    set_tags(&house, &bucket, Tags::new())
        .await
        .expect("tagged");
    assert_eq!(
        house.head(&bucket, "k").await.expect("a head").tags.len(),
        0
    );
    set_tags(&house, &bucket, tags).await.expect("tagged");
    house.write(&bucket, "k", b"body").await;
    assert_eq!(
        house.head(&bucket, "k").await.expect("a head").tags.len(),
        0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_equal_records_have_different_salts() {
    let house = House::new();
    let bucket = house.bucket("salted", None).await;
    let first = house.write(&bucket, "k", b"body").await;
    let second = house.write(&bucket, "k", b"body").await;
    assert_ne!(first.salt, second.salt);
    assert_eq!(second.replaced, Some(first.version));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_personal_is_not_readable_on_disk() {
    let house = House::new();
    let bucket = house.bucket("sealed", None).await;
    let object = NewObject {
        user_metadata: texts(&[("patient", "Zhang-San-610102")]),
        tags: texts(&[("ward", "Cardiology-7")]),
        ..NewObject::default()
    };
    house
        .put(
            &bucket,
            "k",
            b"Diagnosis-of-the-heart",
            &object,
            &WriteCondition::Always,
        )
        .await
        .expect("written");
    for name in ["onshore.db", "onshore.db-wal"] {
        let bytes = std::fs::read(house.folder.0.join(name)).unwrap_or_default();
        for secret in ["Zhang-San", "Cardiology", "Diagnosis"] {
            assert!(
                !bytes
                    .windows(secret.len())
                    .any(|run| run == secret.as_bytes()),
                "{secret} in {name}"
            );
        }
    }
}
