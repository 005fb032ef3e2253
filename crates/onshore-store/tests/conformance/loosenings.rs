//! A label is loosened by an express act, for what was seen, and by nothing else.

use onshore_policy::Flow;
use onshore_store::{Bucket, Error, Loosenable, Tags, VersionWish, WriteCondition};
use onshore_types::Label;
use proptest::prelude::*;

use crate::house::{Ask, House, declared, issue, key, label, run, tagged};

/// Somebody's number, in a line of its own.
const BODY: &[u8] = "身份证号 11010519491231002X".as_bytes();

#[derive(Debug, Clone)]
enum Step {
    Tag(&'static str, &'static str),
    Loosen(Label),
    Restart,
}

async fn seen(house: &House, bucket: &Bucket, to: Label) -> Result<Loosenable, Error> {
    let found = house
        .store
        .loosenable(bucket, &key("k"), VersionWish::Current, to)
        .await?;
    Ok(found.expect("an object"))
}

async fn loosen(house: &House, bucket: &Bucket, to: Label, seen: &Loosenable) -> Result<(), Error> {
    let permit = issue(&Ask {
        version: Some(seen.version),
        ..house.ask(Flow::Change, bucket, "k")
    });
    let (store, as_seen) = (house.store.clone(), seen.seen);
    house
        .db
        .write(move |unit| store.loosen(unit, &permit, to, as_seen))
        .await
        .map(|loosened| assert_eq!(loosened.now, to))
}

async fn tag(house: &House, bucket: &Bucket, name: &str, value: &str) {
    let tags: Tags = [(name.to_owned(), value.to_owned())].into();
    let (store, now) = (house.store.clone(), house.now());
    let permit = house.permit(Flow::Change, bucket, "k");
    house
        .db
        .write(move |unit| store.set_tags(unit, &permit, &tags, &tagged(&tags), now))
        .await
        .expect("tagged");
}

async fn label_of(house: &House, bucket: &Bucket) -> Label {
    let found = house.store.describe(bucket, &key("k")).await;
    let described = found.expect("a look").expect("there").label;
    let head = house.head(bucket, "k").await.expect("a head");
    assert_eq!(head.label, described, "the row tells what the facts tell");
    assert!(house.read(bucket, "k", None).await.is_ok());
    described
}

async fn written(house: &House, class: &str) -> Bucket {
    let bucket = house.bucket("labels", None).await;
    house
        .put(
            &bucket,
            "k",
            BODY,
            &declared(class),
            &WriteCondition::Always,
        )
        .await
        .expect("written");
    bucket
}

fn any_step() -> impl Strategy<Value = Step> {
    let tags = [
        ("project", "blue"),
        ("contact", "13812345678"),
        ("onshore-class", "important"),
        ("onshore-class", "sensitive-personal"),
        ("onshore-class", "general"),
    ];
    let labels = ["general", "important", "personal", "important,personal"];
    prop_oneof![
        3 => prop::sample::select(tags.to_vec()).prop_map(|(name, value)| Step::Tag(name, value)),
        3 => prop::sample::select(labels.to_vec()).prop_map(|text| Step::Loosen(label(text))),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_but_a_loosening_loosens(
        said in prop::sample::select(vec!["general", "important", "core"]),
        steps in prop::collection::vec(any_step(), 1..10),
    ) {
        run(async {
            let mut house = House::new();
            let bucket = written(&house, said).await;
            let mut before = label_of(&house, &bucket).await;
            assert_eq!(before, label(said).join(label("personal")));
            for step in steps {
                match step {
                    Step::Tag(name, value) => tag(&house, &bucket, name, value).await,
                    Step::Restart => house = house.reopened(),
                    Step::Loosen(to) => {
                        let is_looser = before != to && before.join(to) == before;
                        match seen(&house, &bucket, to).await {
                            Ok(found) => {
                                assert!(is_looser);
                                assert_eq!(found.label, before);
                                loosen(&house, &bucket, to, &found).await.expect("loosened");
                                before = to;
                            }
                            Err(Error::NotLooser { .. }) => assert!(!is_looser),
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
                let now = label_of(&house, &bucket).await;
                assert_eq!(before.join(now), now, "looser by itself");
                if let Step::Tag("contact", _) = step {
                    assert_eq!(now.join(label("personal")), now, "a telephone number is new");
                }
                before = now;
            }
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_seen_so_is_not_loosened() {
    let house = House::new();
    let bucket = written(&house, "general").await;
    let found = seen(&house, &bucket, Label::GENERAL).await.expect("may be");
    tag(&house, &bucket, "contact", "13812345678").await;
    let stale = loosen(&house, &bucket, Label::GENERAL, &found).await;
    assert!(matches!(stale, Err(Error::SeenOtherwise)), "{stale:?}");
    assert_eq!(label_of(&house, &bucket).await, label("personal"));
    // One that came about is another state for those that were proposed beside it.
    let found = seen(&house, &bucket, Label::GENERAL).await.expect("may be");
    loosen(&house, &bucket, Label::GENERAL, &found)
        .await
        .expect("loosened");
    let again = loosen(&house, &bucket, Label::GENERAL, &found).await;
    assert!(matches!(again, Err(Error::SeenOtherwise)), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_class_of_the_bucket_comes_first() {
    let house = House::new();
    let bucket = house.bucket("labels", Some(label("core"))).await;
    house
        .put(
            &bucket,
            "k",
            BODY,
            &declared("general"),
            &WriteCondition::Always,
        )
        .await
        .expect("written");
    let stricter = seen(&house, &bucket, Label::GENERAL).await;
    assert!(
        matches!(stricter, Err(Error::BucketStricter { .. })),
        "{stricter:?}"
    );
    let ask = Ask {
        key: None,
        ..house.ask(Flow::Change, &bucket, "k")
    };
    for (to, as_seen, is_done) in [
        ("general", "important", false),
        ("core,personal", "core", false),
        ("core", "core", false),
        ("personal", "core", false),
        ("general", "core", true),
        ("general", "core", false),
    ] {
        let (store, permit) = (house.store.clone(), issue(&ask));
        let (to, as_seen) = (label(to), label(as_seen));
        let done = house
            .db
            .write(move |unit| store.loosen_bucket(unit, &permit, to, as_seen))
            .await;
        assert_eq!(done.is_ok(), is_done, "{to} {as_seen}: {done:?}");
    }
    let bucket = house.store.bucket_by_id(bucket.id).await;
    let bucket = bucket.expect("a look").expect("there");
    assert_eq!(bucket.class, Some(Label::GENERAL));
    // What was stored under the stricter class keeps it.
    assert_eq!(label_of(&house, &bucket).await, label("core,personal"));
    let found = seen(&house, &bucket, Label::GENERAL).await.expect("may be");
    loosen(&house, &bucket, Label::GENERAL, &found)
        .await
        .expect("loosened");
    assert_eq!(label_of(&house, &bucket).await, Label::GENERAL);
}
