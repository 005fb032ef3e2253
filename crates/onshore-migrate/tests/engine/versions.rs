//! Every version and delete marker of a source arrives, in its order, once.

use onshore_registry::JobState;
use onshore_sources::{Obstacle, SourceRetention, SourceRetentionMode};
use onshore_types::Timestamp;

use crate::fake::{Mischief, Object};
use crate::world::World;

fn object(text: &str) -> Option<Object> {
    Some(Object {
        bytes: text.as_bytes().to_vec(),
        ..Object::default()
    })
}

async fn with_history() -> World {
    let world = World::new().await;
    world.source.keep_versions();
    for n in 0..9 {
        world
            .source
            .put_version("long", &format!("v{n}"), object(&format!("long {n}")));
    }
    world.source.put_version("gone", "g0", object("was here"));
    world.source.put_version("gone", "g1", None);
    world.source.put_version("back", "b0", object("first"));
    world.source.put_version("back", "b1", None);
    world.source.put_version("back", "b2", None);
    world.source.put_version("back", "b3", object("again"));
    world.source.put_version("never", "n0", None);
    world
}

#[tokio::test]
async fn versions_and_markers_arrive_in_their_order() {
    let world = with_history().await;
    let outcome = world.migrate(None).await;
    assert_eq!(
        outcome.job.state,
        JobState::Complete,
        "{:?}",
        outcome.exceptions()
    );
    let long: Vec<String> = (0..9).rev().map(|n| format!("long {n}")).collect();
    let long: Vec<Option<&str>> = long.iter().map(|text| Some(text.as_str())).collect();
    assert_eq!(world.history("long").await, owned(&long));
    assert_eq!(
        world.history("gone").await,
        owned(&[None, Some("was here")])
    );
    assert_eq!(
        world.history("back").await,
        owned(&[Some("again"), None, None, Some("first")])
    );
    assert_eq!(world.history("never").await, owned(&[None]));
    // A deleted object does not come back, and times are those of the source.
    assert!(world.read("gone").await.is_none());
    let (head, _) = world.read("long").await.expect("long");
    assert_eq!(head.modified, Timestamp::from_millis(1_700_000_000_000));
    let certificate = outcome.certificate();
    assert_eq!(certificate.body.counts.copied, 16);
    assert!(certificate.body.source.ends_with("(all versions)"));
    let proofs = certificate.prove_object("long").expect("proven");
    assert_eq!(proofs.len(), 9);
    assert_eq!(proofs[3].entry.version.as_deref(), Some("v3"));
}

fn owned(history: &[Option<&str>]) -> Vec<Option<String>> {
    history.iter().map(|text| text.map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_second_run_brings_what_is_new_in_front() {
    let world = with_history().await;
    world.migrate(None).await;
    world.source.forget_opened();
    world.source.put_version("back", "b4", object("last"));
    world.source.put_version("gone", "g2", None);
    world.source.remove_version("long", "v4");
    let outcome = world.migrate(None).await;
    assert_eq!(
        outcome.job.state,
        JobState::Complete,
        "{:?}",
        outcome.exceptions()
    );
    assert_eq!(world.source.opened(), [("back".to_owned(), 0)]);
    assert_eq!(
        world.history("back").await,
        owned(&[Some("last"), Some("again"), None, None, Some("first")])
    );
    assert_eq!(
        world.history("gone").await,
        owned(&[None, None, Some("was here")])
    );
    let long = world.history("long").await;
    assert_eq!(long.len(), 8);
    assert!(!long.contains(&Some("long 4".to_owned())));
    let counts = outcome.certificate().body.counts;
    assert_eq!(
        (counts.listed, counts.copied, counts.unchanged),
        (17, 2, 15)
    );
}

#[tokio::test]
async fn a_version_that_cannot_be_had_never_comes_out_of_its_order() {
    let world = World::new().await;
    world.source.keep_versions();
    let cold = Object {
        obstacle: Some(Obstacle::Archived),
        ..Object::default()
    };
    world.source.put_version("k", "v0", object("oldest"));
    world.source.put_version("k", "v1", Some(cold));
    world.source.put_version("k", "v2", object("newest"));
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.exceptions(), [("k", "archived")]);
    assert_eq!(
        world.history("k").await,
        owned(&[Some("newest"), Some("oldest")])
    );

    // Restored at the source, it would hide the newest here.
    world.source.remove_version("k", "v2");
    world.source.remove_version("k", "v1");
    world.source.put_version("k", "v1", object("restored"));
    world.source.put_version("k", "v2", object("newest"));
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Incomplete);
    assert_eq!(outcome.exceptions(), [("k", "out-of-order")]);
    assert_eq!(world.read("k").await.expect("k").1, b"newest");
}

#[tokio::test]
async fn faults_in_the_middle_of_a_history_do_not_turn_it_round() {
    let world = World::new().await;
    world.source.keep_versions();
    for n in 0..5 {
        let mischief = if n == 2 {
            Mischief::Storm(3)
        } else {
            Mischief::None
        };
        let bytes = format!("{n}").into_bytes();
        let one = Object {
            bytes,
            mischief,
            ..Object::default()
        };
        world.source.put_version("k", &format!("v{n}"), Some(one));
    }
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    let expected: Vec<Option<String>> = (0..5).rev().map(|n| Some(n.to_string())).collect();
    assert_eq!(world.history("k").await, expected);
}

#[tokio::test]
async fn locks_come_with_what_they_lock() {
    let world = World::new().await;
    let until = Timestamp::from_millis(4_000_000_000_000);
    let locked = Object {
        bytes: b"locked".to_vec(),
        is_held: true,
        retention: Some(SourceRetention {
            mode: SourceRetentionMode::Compliance,
            until,
        }),
        ..Object::default()
    };
    // Where current versions alone are brought nothing can be locked, and that is said.
    world.source.put("k", locked.clone());
    assert_eq!(world.migrate(None).await.exceptions(), [("k", "locked")]);

    let world = World::new().await;
    world.source.keep_versions();
    world.source.put_version("k", "v0", Some(locked));
    world.source.put_version("free", "f0", object("free"));
    let outcome = world.migrate(None).await;
    assert_eq!(
        outcome.job.state,
        JobState::Complete,
        "{:?}",
        outcome.exceptions()
    );
    let (head, _) = world.read("k").await.expect("k");
    let retention = head.lock.retention.expect("retained");
    assert_eq!(retention.until, until);
    assert_eq!(head.lock.hold, Some(onshore_store::LegalHold::On));
    assert_eq!(
        world.read("free").await.expect("free").0.lock.retention,
        None
    );

    // Removed at the source (it has other clocks), it stays here: the lock wins.
    world.source.remove_version("k", "v0");
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    assert!(world.read("k").await.is_some());
}
