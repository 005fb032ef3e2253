//! A bucket that is cut over: each key that somebody changes is noted, whatever the way, and what arrives is not.

use onshore_policy::Flow;
use onshore_store::{
    Beside, Bucket, Error, Governance, KeyStanding, ListQuery, VersionWish, Versioning,
};

use crate::house::{House, key, run};

async fn begin(house: &House, bucket: &Bucket) {
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Change, bucket, "unused"),
    );
    let begun = house
        .db
        .write(move |unit| store.begin_cutover(unit, &permit));
    begun.await.expect("begun");
}

async fn standing(house: &House, bucket: &Bucket, name: &str) -> KeyStanding {
    let (store, id, key) = (house.store.clone(), bucket.id, key(name));
    let found = house
        .db
        .read(move |view| store.key_standing(view, id, &key));
    found.await.expect("a standing")
}

async fn arrive(house: &House, bucket: &Bucket, name: &str) {
    house.write(bucket, name, b"there").await;
    let (store, id, key) = (house.store.clone(), bucket.id, key(name));
    let noted = house
        .db
        .write(move |unit| store.note_arrival(unit, id, &key));
    noted.await.expect("noted");
}

#[test]
fn what_is_changed_here_is_told_from_what_arrived() {
    run(async {
        let house = House::new();
        let bucket = house.bucket("bucket", None).await;
        house.write(&bucket, "before", b"x").await;
        assert_eq!(
            standing(&house, &bucket, "nothing").await,
            KeyStanding::Over
        );
        begin(&house, &bucket).await;
        assert!(matches!(
            standing(&house, &bucket, "before").await,
            KeyStanding::Here(_)
        ));
        assert_eq!(
            standing(&house, &bucket, "nothing").await,
            KeyStanding::Unknown
        );
        arrive(&house, &bucket, "arrived").await;
        assert!(matches!(
            standing(&house, &bucket, "arrived").await,
            KeyStanding::Here(_)
        ));
        house.write(&bucket, "written", b"x").await;
        house.write(&bucket, "arrived", b"over it").await;
        for name in ["written", "arrived"] {
            assert!(
                matches!(
                    standing(&house, &bucket, name).await,
                    KeyStanding::Written(_)
                ),
                "{name}"
            );
        }
        assert!(house.remove(&bucket, "before").await);
        assert!(!house.remove(&bucket, "never here").await);
        for name in ["before", "never here"] {
            assert_eq!(
                standing(&house, &bucket, name).await,
                KeyStanding::Removed,
                "{name}"
            );
        }
        house.write(&bucket, "before", b"again").await;
        assert!(matches!(
            standing(&house, &bucket, "before").await,
            KeyStanding::Written(_)
        ));
    });
}

#[test]
fn names_of_the_other_side_stand_beside_what_was_removed() {
    run(async {
        let house = House::new();
        let bucket = house.bucket("bucket", None).await;
        begin(&house, &bucket).await;
        for name in ["a/1", "b/1", "b/2"] {
            house.remove(&bucket, name).await;
        }
        house.write(&bucket, "c/1", b"x").await;
        let query = ListQuery {
            delimiter: Some("/".to_owned()),
            limit: 10,
            ..ListQuery::default()
        };
        let names = ["a/", "b/", "c/", "d/", "top"];
        let names = names.map(str::to_owned).to_vec();
        let listed = house
            .store
            .list_beside(house.permit_to_list(&bucket), query.clone(), names);
        let (page, beside) = listed.await.expect("a page");
        assert_eq!(page.common_prefixes, ["c/"]);
        let expected = [
            Beside::Doubtful,
            Beside::Doubtful,
            Beside::Counts,
            Beside::Counts,
            Beside::Counts,
        ];
        assert_eq!(beside, expected);
        let flat = ListQuery {
            delimiter: None,
            ..query
        };
        let names = vec!["a/1".to_owned(), "a/2".to_owned()];
        let listed = house
            .store
            .list_beside(house.permit_to_list(&bucket), flat, names);
        assert_eq!(
            listed.await.expect("a page").1,
            [Beside::Removed, Beside::Counts]
        );
    });
}

#[test]
fn a_bucket_with_versions_hides_what_was_removed_and_shows_what_comes_back() {
    run(async {
        let house = House::new();
        let bucket = house.bucket("bucket", None).await;
        let (store, permit) = (
            house.store.clone(),
            house.permit(Flow::Change, &bucket, "unused"),
        );
        let switched = house
            .db
            .write(move |unit| store.set_versioning(unit, &permit, Versioning::Enabled));
        let bucket = switched.await.expect("switched");
        begin(&house, &bucket).await;
        arrive(&house, &bucket, "k").await;
        house.remove(&bucket, "k").await;
        house.remove(&bucket, "never here").await;
        for name in ["k", "never here"] {
            assert_eq!(
                standing(&house, &bucket, name).await,
                KeyStanding::Removed,
                "{name}"
            );
        }
        let (store, permit, of) = (
            house.store.clone(),
            house.permit(Flow::Change, &bucket, "k"),
            key("k"),
        );
        let now = house.now();
        let unhidden = house.db.write(move |unit| {
            store.remove_version(
                unit,
                &permit,
                &of,
                VersionWish::Current,
                Governance::Kept,
                now,
            )
        });
        unhidden.await.expect("removed").expect("the marker");
        assert!(matches!(
            standing(&house, &bucket, "k").await,
            KeyStanding::Written(_)
        ));
    });
}

#[test]
fn a_bucket_that_may_have_more_elsewhere_is_not_empty_and_one_that_was_left_is() {
    run(async {
        let house = House::new();
        let bucket = house.bucket("bucket", None).await;
        begin(&house, &bucket).await;
        house.remove(&bucket, "k").await;
        let remove = || {
            let (store, id) = (house.store.clone(), bucket.id);
            let permit = house.permit(Flow::Change, &bucket, "unused");
            house
                .db
                .write(move |unit| store.remove_bucket(unit, &permit, id))
        };
        assert!(matches!(remove().await, Err(Error::BucketNotEmpty)));
        let (store, id) = (house.store.clone(), bucket.id);
        let ended = house.db.write(move |unit| store.end_pull(unit, id));
        ended.await.expect("ended");
        // What was removed stays noted for the next time; what nobody knows is not asked for any more.
        assert_eq!(standing(&house, &bucket, "k").await, KeyStanding::Removed);
        assert_eq!(standing(&house, &bucket, "other").await, KeyStanding::Over);
        let (store, id) = (house.store.clone(), bucket.id);
        let ended = house.db.write(move |unit| store.end_cutover(unit, id));
        ended.await.expect("ended");
        assert_eq!(standing(&house, &bucket, "k").await, KeyStanding::Over);
        // Whoever asked the other side before it ended brings names of what was removed here until then.
        let names = vec!["k".to_owned(), "other".to_owned()];
        let listed =
            house
                .store
                .list_beside(house.permit_to_list(&bucket), ListQuery::default(), names);
        assert_eq!(
            listed.await.expect("a page").1,
            [Beside::Removed, Beside::Removed]
        );
        remove().await.expect("removed");
    });
}
