//! What was due when it was looked up is not done any more once it has changed.

use onshore_policy::Flow;
use onshore_store::{
    Bucket, CarriedOut, DayLength, Deed, Due, DueQuery, Governance, NewObject, NewUpload, Setting,
    Tags, VersionWish, Versioning, WriteCondition,
};
use onshore_types::Timestamp;

use crate::house::{Ask, House, general, issue, key, said, tagged};

/// Later than anything a rule of these tests waits for.
const LATER: Timestamp = Timestamp::from_millis(1_900_000_000_000);

const RULES: &str = r#"{ "rules": [
    { "id": "expire", "status": "enabled", "scope": { "one": { "tags": [["old", "yes"]] } }, "expiration": { "days": 1 } },
    { "id": "keep", "status": "enabled", "scope": { "prefix": "" }, "noncurrent": { "days": 1, "keep": 1 } },
    { "id": "clear", "status": "enabled", "scope": { "prefix": "" }, "expiration": "markers" },
    { "id": "abort", "status": "enabled", "scope": { "prefix": "" }, "abort_uploads_days": 1 }
] }"#;

async fn rule(house: &House, bucket: &Bucket, rules: Option<&'static str>) {
    let (store, permit) = (house.store.clone(), house.permit(Flow::Change, bucket, "k"));
    house
        .db
        .write(move |unit| store.set_setting(unit, &permit, Setting::Lifecycle, rules))
        .await
        .expect("ruled");
}

async fn versioned(house: &House) -> Bucket {
    let bucket = house.bucket("due", None).await;
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Change, &bucket, "k"),
    );
    house
        .db
        .write(move |unit| {
            store
                .set_versioning(unit, &permit, Versioning::Enabled)
                .map(drop)
        })
        .await
        .expect("versioned");
    rule(house, &bucket, Some(RULES)).await;
    bucket
}

/// Everything that is due, looked up so many at a time.
async fn due(house: &House, bucket: &Bucket, looked_at_max: usize) -> Vec<Due> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let permit = house.permit(Flow::Change, bucket, "k");
        let query = DueQuery {
            now: LATER,
            day: DayLength::CIVIL,
            after,
            looked_at_max,
        };
        let page = house.store.due(permit, query).await.expect("a page");
        all.extend(page.due);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

async fn carry_out(house: &House, bucket: &Bucket, due: &Due) -> CarriedOut {
    let permit = issue(&Ask {
        version: due.deed.version(),
        label: due.label,
        ..house.ask(Flow::Change, bucket, due.key.as_str())
    });
    let (store, due) = (house.store.clone(), due.clone());
    house
        .db
        .write(move |unit| store.carry_out(unit, &permit, &due, DayLength::CIVIL, LATER))
        .await
        .expect("carried out")
}

fn old() -> NewObject {
    NewObject {
        tags: Tags::from([("old".to_owned(), "yes".to_owned())]),
        ..general()
    }
}

async fn put(house: &House, bucket: &Bucket, key: &str, object: &NewObject) {
    house
        .put(bucket, key, b"body", object, &WriteCondition::Always)
        .await
        .expect("written");
}

async fn remove_newest(house: &House, bucket: &Bucket, name: &str) {
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Change, bucket, name),
    );
    let (now, name) = (house.now(), key(name));
    house
        .db
        .write(move |unit| {
            let wish = VersionWish::Current;
            store.remove_version(unit, &permit, &name, wish, Governance::Kept, now)
        })
        .await
        .expect("removed")
        .expect("there was one");
}

/// One of each: an object, a version that is not current, a lone delete marker, an upload.
async fn furnish(house: &House, bucket: &Bucket) {
    put(house, bucket, "current", &old()).await;
    for _ in 0..3 {
        put(house, bucket, "earlier", &general()).await;
    }
    house.remove(bucket, "marker").await;
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Store, bucket, "upload"),
    );
    let now = house.now();
    house
        .db
        .write(move |unit| {
            store.create_upload(
                unit,
                &permit,
                &NewUpload::default(),
                &said("upload", &NewUpload::default().object),
                now,
            )
        })
        .await
        .expect("begun");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_is_due_however_it_is_paged_and_is_done_once() {
    let house = House::new();
    let bucket = versioned(&house).await;
    furnish(&house, &bucket).await;
    let all = due(&house, &bucket, 100).await;
    let keys: Vec<_> = all.iter().map(|due| due.key.as_str()).collect();
    assert_eq!(keys, ["current", "earlier", "marker", "upload"]);
    for looked_at_max in [1, 2, 3] {
        assert_eq!(due(&house, &bucket, looked_at_max).await, all);
    }
    for due in &all {
        assert_ne!(carry_out(&house, &bucket, due).await, CarriedOut::NotDue);
    }
    for due in &all {
        assert_eq!(carry_out(&house, &bucket, due).await, CarriedOut::NotDue);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_since_it_was_looked_up_stays() {
    let house = House::new();
    let bucket = versioned(&house).await;
    furnish(&house, &bucket).await;
    let all = due(&house, &bucket, 100).await;
    // The object's tags name it no longer, the version is the one that is kept, the marker hides something.
    let (store, permit) = (
        house.store.clone(),
        house.permit(Flow::Change, &bucket, "current"),
    );
    house
        .db
        .write(move |unit| {
            store.set_tags(unit, &permit, &Tags::new(), &tagged(&Tags::new()), LATER)
        })
        .await
        .expect("tagged");
    remove_newest(&house, &bucket, "earlier").await;
    put(&house, &bucket, "marker", &general()).await;
    for due in &all {
        let done = carry_out(&house, &bucket, due).await;
        match due.deed {
            Deed::Abort(upload) => assert_eq!(done, CarriedOut::Aborted(upload)),
            Deed::Expire(_) | Deed::RemoveEarlier(_) | Deed::RemoveMarker(_) => {
                assert_eq!(done, CarriedOut::NotDue, "{due:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_rule_nothing_is_due_any_more() {
    let house = House::new();
    let bucket = versioned(&house).await;
    furnish(&house, &bucket).await;
    let all = due(&house, &bucket, 100).await;
    rule(&house, &bucket, None).await;
    for due in &all {
        assert_eq!(carry_out(&house, &bucket, due).await, CarriedOut::NotDue);
    }
    assert!(due(&house, &bucket, 100).await.is_empty());
}
