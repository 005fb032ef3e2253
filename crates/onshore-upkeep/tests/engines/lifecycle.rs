//! What lifecycles say is due goes, at its time and not before, and nothing else does.

use onshore_store::{
    BucketLock, LegalHold, Lock, NewBucket, NewObject, Retention, RetentionMode, Tags, Versioning,
};
use onshore_upkeep::LifecycleTally;
use serde_json::{Value, json};

use crate::world::{World, at};

/// A rule about everything, as the store keeps it.
fn rule(rest: Value) -> Value {
    scoped(&json!({ "one": {} }), rest)
}

fn scoped(scope: &Value, rest: Value) -> Value {
    let mut rule = json!({ "id": "r", "status": "enabled", "scope": scope });
    let (Value::Object(members), Value::Object(rest)) = (&mut rule, rest) else {
        panic!("a rule is an object");
    };
    members.extend(rest);
    rule
}

fn tally(change: impl FnOnce(&mut LifecycleTally)) -> LifecycleTally {
    let mut tally = LifecycleTally::default();
    change(&mut tally);
    tally
}

const NOTHING: LifecycleTally = LifecycleTally {
    expired: 0,
    hidden: 0,
    noncurrent: 0,
    markers: 0,
    uploads: 0,
};

#[tokio::test(flavor = "multi_thread")]
async fn an_object_expires_at_the_midnight_after_its_days_for_good_where_nothing_is_kept() {
    let world = World::new().await;
    let rules = json!([rule(json!({ "expiration": { "days": 2 } }))]);
    let bucket = world.bucket(Versioning::Off, rules).await;
    let written = world.put(&bucket, "k").await;
    world.set("2026-11-24T23:59:59.999Z");
    assert_eq!(world.round().await, NOTHING);
    assert_eq!(world.versions(&bucket).await, ["k"]);
    world.set("2026-11-25T00:00:00Z");
    assert_eq!(world.round().await, tally(|tally| tally.expired = 1));
    assert!(world.versions(&bucket).await.is_empty());
    let leaves = world.leaves(&["removed"]).await;
    assert_eq!(leaves.len(), 1);
    assert_eq!(leaves[0]["operation"], "Lifecycle");
    assert_eq!(leaves[0]["version"], written.version.to_string());
    assert_eq!(world.round().await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_date_counts_from_its_first_instant() {
    let world = World::new().await;
    let rules = json!([rule(
        json!({ "expiration": { "date": "2026-12-01T00:00:00Z" } })
    )]);
    let bucket = world.bucket(Versioning::Off, rules).await;
    world.put(&bucket, "k").await;
    world.set("2026-11-30T23:59:59.999Z");
    assert_eq!(world.round().await, NOTHING);
    world.set("2026-12-01T00:00:00Z");
    assert_eq!(world.round().await, tally(|tally| tally.expired = 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn short_days_have_midnights_of_their_own() {
    let world = World::new().await;
    let rules = json!([rule(json!({ "expiration": { "days": 2 } }))]);
    let bucket = world.bucket(Versioning::Off, rules).await;
    world.set("2026-11-22T12:00:03Z");
    world.put(&bucket, "k").await;
    world.set("2026-11-22T12:00:29.999Z");
    assert_eq!(world.round_of_short_days(10).await, NOTHING);
    world.set("2026-11-22T12:00:30Z");
    assert_eq!(world.round().await, NOTHING, "days of the calendar");
    let done = world.round_of_short_days(10).await;
    assert_eq!(done, tally(|tally| tally.expired = 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn prefix_tags_and_sizes_choose() {
    let world = World::new().await;
    let filter = json!({
        "prefix": "a/",
        "tags": [["class", "old"]],
        "larger_than": 2,
        "smaller_than": 6,
    });
    let rules = json!([
        scoped(&json!({ "and": filter }), json!({ "expiration": { "days": 1 } })),
        { "id": "off", "status": "disabled", "scope": { "one": {} }, "expiration": { "days": 1 } },
    ]);
    let bucket = world.bucket(Versioning::Off, rules).await;
    let tagged = || NewObject {
        tags: Tags::from([("class".to_owned(), "old".to_owned())]),
        ..NewObject::default()
    };
    for (key, body, object) in [
        ("a/goes", "123", tagged()),
        ("a/goes-too", "12345", tagged()),
        ("a/small", "12", tagged()),
        ("a/large", "123456", tagged()),
        ("a/untagged", "123", NewObject::default()),
        ("b/elsewhere", "123", tagged()),
    ] {
        world.put_like(&bucket, key, body.as_bytes(), object).await;
    }
    world.set("2026-12-01T00:00:00Z");
    assert_eq!(world.round().await, tally(|tally| tally.expired = 2));
    assert_eq!(
        world.versions(&bucket).await,
        ["a/large", "a/small", "a/untagged", "b/elsewhere"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn where_versions_are_kept_an_object_is_hidden_and_leaves_later() {
    let world = World::new().await;
    let rules = json!([rule(json!({
        "expiration": { "days": 1 },
        "noncurrent": { "days": 3 },
    }))]);
    let bucket = world.bucket(Versioning::Enabled, rules).await;
    world.put(&bucket, "k").await;
    world.set("2026-11-24T00:00:00Z");
    assert_eq!(world.round().await, tally(|tally| tally.hidden = 1));
    assert_eq!(world.versions(&bucket).await, ["k!", "k"]);
    assert_eq!(world.leaves(&["changed"]).await.len(), 1);
    world.set("2026-11-26T23:59:59.999Z");
    assert_eq!(world.round().await, NOTHING);
    world.set("2026-11-27T00:00:00Z");
    assert_eq!(world.round().await, tally(|tally| tally.noncurrent = 1));
    assert_eq!(world.versions(&bucket).await, ["k!"]);
    // The marker hides nothing any more and is older than the days after which objects expire.
    assert_eq!(world.round().await, tally(|tally| tally.markers = 1));
    assert!(world.versions(&bucket).await.is_empty());
    assert_eq!(world.leaves(&["removed"]).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_versions_are_kept_no_more_the_null_version_goes_for_a_null_marker() {
    let world = World::new().await;
    let rules = json!([rule(json!({ "expiration": { "days": 1 } }))]);
    let bucket = world.bucket(Versioning::Suspended, rules).await;
    let written = world.put(&bucket, "k").await;
    world.set("2026-11-24T00:00:00Z");
    assert_eq!(world.round().await, tally(|tally| tally.hidden = 1));
    assert_eq!(world.versions(&bucket).await, ["k!"]);
    let leaves = world.leaves(&["removed"]).await;
    assert_eq!(leaves.len(), 1);
    assert_eq!(leaves[0]["version"], written.version.to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_of_the_versions_that_are_not_current_are_kept() {
    let world = World::new().await;
    let rules = json!([rule(json!({ "noncurrent": { "days": 1, "keep": 2 } }))]);
    let bucket = world.bucket(Versioning::Enabled, rules).await;
    for _ in 0..5 {
        world.put(&bucket, "k").await;
    }
    world.delete(&bucket, "hidden").await;
    world.put(&bucket, "hidden").await;
    world.set("2026-11-23T23:59:59.999Z");
    assert_eq!(world.round().await, NOTHING);
    world.set("2026-11-24T00:00:00Z");
    assert_eq!(world.round().await, tally(|tally| tally.noncurrent = 2));
    assert_eq!(
        world.versions(&bucket).await,
        ["hidden", "hidden!", "k", "k", "k"]
    );
    assert_eq!(world.round().await, NOTHING);
}

#[tokio::test(flavor = "multi_thread")]
async fn lone_delete_markers_go_where_a_rule_says_so_and_nothing_else_does() {
    let world = World::new().await;
    let rules = json!([rule(json!({ "expiration": "markers" }))]);
    let bucket = world.bucket(Versioning::Enabled, rules).await;
    world.put(&bucket, "current").await;
    world.put(&bucket, "hidden").await;
    world.delete(&bucket, "hidden").await;
    world.delete(&bucket, "lone").await;
    world.set("2027-11-24T00:00:00Z");
    assert_eq!(world.round().await, tally(|tally| tally.markers = 1));
    assert_eq!(
        world.versions(&bucket).await,
        ["current", "hidden!", "hidden"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_aborted_at_their_time_by_prefix() {
    let world = World::new().await;
    let rules = json!([scoped(
        &json!({ "prefix": "a/" }),
        json!({ "abort_uploads_days": 1 })
    )]);
    let bucket = world.bucket(Versioning::Off, rules).await;
    world.begin_upload(&bucket, "a/up").await;
    world.begin_upload(&bucket, "b/up").await;
    world.put(&bucket, "a/object").await;
    world.set("2026-11-23T23:59:59.999Z");
    assert_eq!(world.round().await, NOTHING);
    world.set("2026-11-24T00:00:00Z");
    assert_eq!(world.round().await, tally(|tally| tally.uploads = 1));
    assert_eq!(world.uploads(&bucket).await, ["b/up"]);
    assert_eq!(world.versions(&bucket).await, ["a/object"]);
    assert_eq!(world.leaves(&["changed"]).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_version_stays_until_its_lock_is_over() {
    let world = World::new().await;
    let rules = json!([rule(json!({ "noncurrent": { "days": 1 } }))]);
    let new = NewBucket {
        lock: Some(BucketLock::default()),
        ..NewBucket::default()
    };
    let bucket = world.bucket_like(Versioning::Enabled, new, rules).await;
    let retained = |mode| Lock {
        hold: None,
        retention: Some(Retention {
            mode,
            until: at("2027-01-01T12:00:00Z"),
        }),
    };
    let held = Lock {
        hold: Some(LegalHold::On),
        retention: None,
    };
    for (key, lock) in [
        ("compliance", retained(RetentionMode::Compliance)),
        ("governance", retained(RetentionMode::Governance)),
        ("held", held),
        ("open", Lock::default()),
    ] {
        world.locked(&bucket, key, lock).await;
        world.put(&bucket, key).await;
    }
    world.set("2027-01-01T11:59:59.999Z");
    assert_eq!(world.round().await, tally(|tally| tally.noncurrent = 1));
    world.set("2027-01-01T12:00:00Z");
    assert_eq!(world.round().await, tally(|tally| tally.noncurrent = 2));
    assert_eq!(
        world.versions(&bucket).await,
        ["compliance", "governance", "held", "held", "open"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_stays() {
    let world = World::new().await;
    let rules = json!([rule(json!({ "expiration": { "days": 1 } }))]);
    let bucket = world.bucket(Versioning::Off, rules).await;
    world.put(&bucket, "k").await;
    world.set("2026-12-01T00:00:00Z");
    world.rule(&bucket, None).await;
    assert_eq!(world.round().await, NOTHING);
    assert_eq!(world.versions(&bucket).await, ["k"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pages_are_gone_through_and_a_round_that_is_stopped_does_nothing() {
    let world = World::new().await;
    let rules = json!([scoped(
        &json!({ "prefix": "k" }),
        json!({ "expiration": { "days": 1 }, "noncurrent": { "days": 1, "keep": 1 } })
    )]);
    let bucket = world.bucket(Versioning::Enabled, rules).await;
    // More than a page, so that one key's versions lie on two.
    for _ in 0..1003 {
        world.put(&bucket, "k").await;
    }
    world.put(&bucket, "z").await;
    world.set("2026-11-24T00:00:00Z");
    assert_eq!(world.stopped_round().await, NOTHING);
    let done = world.round().await;
    assert_eq!(
        done,
        tally(|tally| {
            tally.hidden = 1;
            tally.noncurrent = 1001;
        })
    );
    assert_eq!(world.versions(&bucket).await, ["k!", "k", "k", "z"]);
    assert_eq!(world.leaves(&["removed"]).await.len(), 1001);
    world.set("2026-11-25T00:00:00Z");
    assert_eq!(world.round().await, tally(|tally| tally.noncurrent = 1));
}
