//! A permit opens what it was issued for and nothing else.

use onshore_policy::Flow;
use onshore_store::{Checks, Error, ListQuery, PartsQuery, Reach, UploadsQuery, WriteCondition};
use onshore_types::{BucketId, ByteRange, Label, TenantId, Timestamp, UploadId, VersionId};

use crate::house::{
    Ask, House, chunks, declared, general, issue, key, label, noise, said, scanner, tagged,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_read_wants_exactly_what_was_judged() {
    let house = House::new();
    let bucket = house.bucket("exactly", None).await;
    let other_bucket = house.bucket("elsewhere", None).await;
    house.write(&other_bucket, "k", b"another").await;
    let old = house.write(&bucket, "k", b"old").await;
    let object = declared("personal");
    let put = house
        .put(
            &bucket,
            "k",
            &noise(1000, 1),
            &object,
            &WriteCondition::Always,
        )
        .await;
    let version = put.expect("written").version;
    house.write(&bucket, "other", b"other").await;

    let range = ByteRange {
        start: 10,
        len_bytes: 20,
    };
    let good = Ask {
        version: Some(version),
        label: label("personal"),
        range,
        ..house.ask(Flow::Read, &bucket, "k")
    };
    assert!(house.store.read(issue(&good), range).await.is_ok());
    let stricter = Ask {
        label: label("core,personal"),
        ..good.clone()
    };
    assert!(house.store.read(issue(&stricter), range).await.is_ok());

    let mismatched = [
        Ask {
            flow: Flow::Inspect,
            ..good.clone()
        },
        Ask {
            flow: Flow::Store,
            ..good.clone()
        },
        Ask {
            bucket: None,
            ..good.clone()
        },
        Ask {
            bucket: Some(other_bucket.id),
            ..good.clone()
        },
        Ask {
            key: None,
            ..good.clone()
        },
        Ask {
            key: Some(key("other")),
            ..good.clone()
        },
        Ask {
            version: None,
            ..good.clone()
        },
        Ask {
            range: ByteRange {
                start: 10,
                len_bytes: 21,
            },
            ..good.clone()
        },
        Ask {
            range: ByteRange {
                start: 9,
                len_bytes: 20,
            },
            ..good.clone()
        },
        Ask {
            tenant: TenantId::from_bytes([9; 16]),
            ..good.clone()
        },
    ];
    for (case, ask) in mismatched.iter().enumerate() {
        let read = house.store.read(issue(ask), range).await.map(|_| ());
        let is_refused = matches!(read, Err(Error::PermitMismatch(_) | Error::Corrupt { .. }));
        assert!(is_refused, "case {case}: {read:?}");
    }
    for looser in ["general", "important", "core"] {
        let ask = Ask {
            label: label(looser),
            ..good.clone()
        };
        let read = house.store.read(issue(&ask), range).await.map(|_| ());
        assert!(matches!(read, Err(Error::LabelChanged { .. })), "{looser}");
        let ask = Ask {
            flow: Flow::Inspect,
            ..ask
        };
        let head = house.store.head(issue(&ask)).await;
        assert!(matches!(head, Err(Error::LabelChanged { .. })), "{looser}");
    }
    for gone in [old.version, VersionId::from_bytes([3; 16])] {
        let ask = Ask {
            version: Some(gone),
            ..good.clone()
        };
        let read = house.store.read(issue(&ask), range).await.map(|_| ());
        assert!(matches!(read, Err(Error::VersionGone)), "{read:?}");
    }
    let gone = Ask {
        bucket: Some(BucketId::from_bytes([1; 16])),
        ..good
    };
    let read = house.store.read(issue(&gone), range).await.map(|_| ());
    assert!(matches!(read, Err(Error::NoSuchBucket)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staged_body_goes_where_it_was_judged_to_go() {
    let house = House::new();
    let bucket = house.bucket("target", None).await;
    let other = house.bucket("other", None).await;
    let permit = house.permit(Flow::Store, &bucket, "k");
    let body = || chunks(b"body", 4);
    let staged = house
        .store
        .stage(&permit, &general(), body(), &Checks::default(), scanner())
        .await
        .expect("staged");
    let staged = std::sync::Arc::new(staged);
    for ask in [
        house.ask(Flow::Store, &bucket, "elsewhere"),
        house.ask(Flow::Store, &other, "k"),
        house.ask(Flow::Change, &bucket, "k"),
        Ask {
            tenant: TenantId::from_bytes([9; 16]),
            ..house.ask(Flow::Store, &bucket, "k")
        },
    ] {
        let (store, now, permit) = (house.store.clone(), house.now(), issue(&ask));
        let staged = std::sync::Arc::clone(&staged);
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
        assert!(
            matches!(committed, Err(Error::PermitMismatch(_))),
            "{committed:?}"
        );
    }
    let wrong_flow = house.permit(Flow::Change, &bucket, "k");
    assert!(matches!(
        house
            .store
            .stage(
                &wrong_flow,
                &general(),
                body(),
                &Checks::default(),
                scanner()
            )
            .await,
        Err(Error::PermitMismatch("flow"))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_door_has_its_flow() {
    let house = House::new();
    let bucket = house.bucket("flows", None).await;
    house.write(&bucket, "k", b"x").await;
    for flow in [Flow::Store, Flow::Read, Flow::Inspect, Flow::Change] {
        let permit = issue(&Ask {
            key: None,
            ..house.ask(flow, &bucket, "k")
        });
        let listed = house.store.list(permit, ListQuery::default()).await;
        assert!(matches!(listed, Err(Error::PermitMismatch("flow"))));
        let permit = issue(&Ask {
            key: None,
            ..house.ask(flow, &bucket, "k")
        });
        let listed = house
            .store
            .list_uploads(permit, UploadsQuery::default())
            .await;
        assert!(matches!(listed, Err(Error::PermitMismatch("flow"))));
    }
    for flow in [Flow::Store, Flow::Read, Flow::Change, Flow::List] {
        let permit = house.permit(flow, &bucket, "k");
        let upload = UploadId::from_bytes([0; 16]);
        let parts = house
            .store
            .list_parts(permit, upload, PartsQuery::default())
            .await;
        assert!(matches!(parts, Err(Error::PermitMismatch("flow"))));
    }
    for flow in [Flow::Store, Flow::Read, Flow::Inspect, Flow::List] {
        let (store, permit) = (house.store.clone(), house.permit(flow, &bucket, "k"));
        let now = house.now();
        let removed = house
            .db
            .write(move |unit| store.remove(unit, &permit, &key("k"), now))
            .await;
        assert!(matches!(removed, Err(Error::PermitMismatch("flow"))));
        let (store, permit) = (house.store.clone(), house.permit(flow, &bucket, "k"));
        let tagged = house
            .db
            .write(move |unit| {
                store.set_tags(
                    unit,
                    &permit,
                    &Default::default(),
                    &tagged(&Default::default()),
                    Timestamp::from_millis(1),
                )
            })
            .await;
        assert!(matches!(tagged, Err(Error::PermitMismatch("flow"))));
    }
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Change, &bucket, "other"),
    );
    let now = house.now();
    let removed = house
        .db
        .write(move |unit| store.remove(unit, &permit, &key("k"), now))
        .await;
    assert!(matches!(removed, Err(Error::PermitMismatch("key"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_tells_no_more_than_was_judged() {
    let house = House::new();
    let bucket = house.bucket("listed", Some(Label::GENERAL)).await;
    house.write(&bucket, "free/a", b"x").await;
    assert!(
        house
            .store
            .is_all_free(&bucket, "", Reach::Objects)
            .await
            .expect("a label")
    );
    let free = Ask {
        key: None,
        label: Label::GENERAL,
        ..house.ask(Flow::List, &bucket, "none")
    };
    let put = house
        .put(
            &bucket,
            "bound/b",
            b"y",
            &declared("core"),
            &WriteCondition::Always,
        )
        .await;
    put.expect("written");

    let query = |prefix: &str| ListQuery {
        prefix: prefix.to_owned(),
        limit: 9,
        ..ListQuery::default()
    };
    let all = house.store.list(issue(&free), query("")).await;
    assert!(matches!(all, Err(Error::LabelChanged { now }) if now == label("core")));
    let page = house
        .store
        .list(issue(&free), query("free/"))
        .await
        .expect("a page");
    assert_eq!(page.entries.len(), 1);
    assert_eq!(
        house.store.strictest_beneath(&bucket, "").await.expect("x"),
        Some(label("core"))
    );
    assert_eq!(
        house
            .store
            .strictest_beneath(&bucket, "free")
            .await
            .expect("x"),
        Some(Label::GENERAL)
    );
    assert_eq!(
        house
            .store
            .strictest_beneath(&bucket, "nothing")
            .await
            .expect("x"),
        None
    );
    let unclassed = house.bucket("unclassed", None).await;
    assert_eq!(
        house
            .store
            .list_label(&unclassed, "", Reach::Objects)
            .await
            .expect("x"),
        Label::Unclassified
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_of_an_object_is_what_was_looked_through() {
    let house = House::new();
    let bucket = house.bucket("bkt", None).await;
    let permit = house.permit(Flow::Store, &bucket, "k");
    let body = chunks(b"nothing", 7);
    let staged = house
        .store
        .stage(&permit, &general(), body, &Checks::default(), scanner())
        .await
        .expect("staged");
    let (store, now) = (house.store.clone(), house.now());
    let mut other = general();
    other
        .user_metadata
        .insert("name".to_owned(), "somebody".to_owned());
    let committed = house
        .db
        .write(move |unit| {
            store.commit(unit, &permit, &staged, &other, &WriteCondition::Always, now)
        })
        .await;
    assert!(matches!(
        committed,
        Err(Error::PermitMismatch("description of the object"))
    ));
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Change, &bucket, "k"),
    );
    let new = onshore_store::NewUpload::default();
    let begun = house
        .db
        .write(move |unit| {
            let looked = said("another", &new.object);
            store.create_upload(unit, &permit, &new, &looked, now)
        })
        .await;
    assert!(matches!(
        begun,
        Err(Error::PermitMismatch("description of the object"))
    ));
}
