//! Who is held: each person once, as long as anything that is there tells of it.

use onshore_classify::persons::{
    Collector, Count, ObjectPersons, PersonKey, PersonKind, Record, Standing, Tally,
};
use onshore_store::{Bucket, Error};
use onshore_types::VersionId;

use crate::house::{House, run};

fn persons(numbers: std::ops::Range<u32>) -> ObjectPersons {
    let kinds = ["cn.resident-id", "cn.mobile"].map(|id| PersonKind::of(id).expect("it counts"));
    let mut collector = Collector::new(PersonKey::new(&[5; 32]), usize::MAX);
    for number in numbers {
        let values = [
            format!("1101051990{number:08}"),
            format!("+86 138{number:08}"),
        ];
        for (kind, value) in kinds.into_iter().zip(values) {
            let row = Record::Row(number.into());
            collector.hit(row, kind, value.as_bytes(), Standing::Sure);
        }
    }
    collector.finish(|_| true)
}

async fn keep(house: &House, version: VersionId, persons: ObjectPersons) -> Result<(), Error> {
    let store = house.store.clone();
    house
        .db
        .write(move |unit| store.keep_persons(unit, version, &persons))
        .await
}

async fn put(house: &House, bucket: &Bucket, key: &str, persons: ObjectPersons) -> VersionId {
    let version = house.write(bucket, key, key.as_bytes()).await.version;
    keep(house, version, persons).await.expect("kept");
    version
}

async fn held(house: &House) -> Tally {
    let tally = house.store.held_persons(&[house.tenant]).await;
    tally.expect("counted")
}

fn exactly(count: u64) -> Count {
    Count {
        lower: count,
        upper: count,
    }
}

#[test]
fn a_person_is_held_once_and_until_the_last_that_tells_of_it_is_gone() {
    run(async {
        let house = House::new();
        let bucket = house.bucket("held", None).await;
        assert_eq!(held(&house).await, Tally::default());
        put(&house, &bucket, "a", persons(0..100)).await;
        put(&house, &bucket, "b", persons(50..150)).await;
        assert_eq!(held(&house).await.persons, exactly(150));
        // The same once more: what was there is gone for it.
        put(&house, &bucket, "a", persons(0..100)).await;
        assert_eq!(held(&house).await.persons, exactly(150));
        let house = house.reopened();
        assert_eq!(held(&house).await.persons, exactly(150));
        house.remove(&bucket, "a").await;
        assert_eq!(held(&house).await.persons, exactly(100));
        house.remove(&bucket, "b").await;
        assert_eq!(held(&house).await, Tally::default());
    });
}

#[test]
fn a_further_look_takes_the_place_of_the_one_before() {
    run(async {
        let house = House::new();
        let bucket = house.bucket("held", None).await;
        let version = put(&house, &bucket, "a", persons(0..10)).await;
        assert_eq!(held(&house).await.persons, exactly(10));
        keep(&house, version, persons(5..12)).await.expect("kept");
        assert_eq!(held(&house).await.persons, exactly(7));
        let store = house.store.clone();
        let of = house
            .db
            .read(move |view| store.persons_of(view, version))
            .await;
        assert_eq!(of.expect("read"), Some(persons(5..12)));
        // Of what is gone nothing is kept, and nothing comes back.
        house.remove(&bucket, "a").await;
        let late = keep(&house, version, persons(0..10)).await;
        assert!(matches!(late, Err(Error::NoSuchKey)), "{late:?}");
        assert_eq!(held(&house).await, Tally::default());
        let store = house.store.clone();
        let of = house
            .db
            .read(move |view| store.persons_of(view, version))
            .await;
        assert_eq!(of.expect("read"), None);
    });
}

#[test]
fn a_unit_that_fails_changes_no_count() {
    run(async {
        let house = House::new();
        let bucket = house.bucket("held", None).await;
        let version = put(&house, &bucket, "a", persons(0..10)).await;
        assert_eq!(held(&house).await.persons, exactly(10));
        let store = house.store.clone();
        let failed: Result<(), Error> = house
            .db
            .write(move |unit| {
                store.keep_persons(unit, version, &persons(0..1000))?;
                Err(Error::NoSuchBucket)
            })
            .await;
        assert!(failed.is_err());
        assert_eq!(held(&house).await.persons, exactly(10));
    });
}

#[test]
fn an_estimate_is_about_right_and_reads_sketches_of_what_is_large() {
    run(async {
        let house = House::new();
        let bucket = house.bucket("held", None).await;
        put(&house, &bucket, "large", persons(0..20_000)).await;
        put(&house, &bucket, "large too", persons(10_000..30_000)).await;
        put(&house, &bucket, "small", persons(29_990..30_010)).await;
        assert_eq!(held(&house).await.persons, exactly(30_010));
        let about = house.store.held_persons_estimate(&[house.tenant]).await;
        let off = about.expect("estimated").abs_diff(30_010);
        assert!(off < 1_500, "{off}");
    });
}
