//! What the source removes is removed here, and nothing else is.

use onshore_migrate::Deletes;
use onshore_registry::JobState;
use onshore_sources::{Oddity, OddityKind};

use crate::fake::Mischief;
use crate::world::World;

#[tokio::test]
async fn what_the_source_removed_since_the_last_run_goes_here_too() {
    let world = World::new().await;
    for key in ["a", "b", "c"] {
        world.source.put_bytes(key, key.as_bytes());
    }
    world.migrate(None).await;
    world.source.remove("b");
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    assert!(world.read("b").await.is_none());
    assert_eq!(outcome.certificate().body.counts.listed, 2);
    let tally = world.registry.tally(outcome.job.id).await.expect("counted");
    assert_eq!(tally.removed, 1);
    assert!(world.ledger().await.contains("\"changed\""));

    // Once is enough, and what comes back at the source comes back here.
    let tally = world.registry.tally(world.migrate(None).await.job.id).await;
    assert_eq!(tally.expect("counted").removed, 0);
    world.source.put_bytes("b", b"again");
    world.migrate(None).await;
    assert_eq!(world.read("b").await.expect("b").1, b"again");
}

#[tokio::test]
async fn what_is_removed_while_the_job_runs_is_no_exception() {
    let world = World::new().await;
    world.source.put_bytes("a", b"a");
    world.source.put_bytes("b", b"b");
    world.source.put_mischief("c", Mischief::RemovesAll("ab"));
    let outcome = world.migrate(None).await;
    assert_eq!(
        outcome.job.state,
        JobState::Complete,
        "{:?}",
        outcome.exceptions()
    );
    assert_eq!(outcome.objects().len(), 1);
    for gone in ["a", "b"] {
        assert!(world.read(gone).await.is_none(), "{gone}");
    }
}

#[tokio::test]
async fn what_somebody_wrote_here_stays() {
    let world = World::new().await;
    world.source.put_bytes("mine", b"theirs");
    world.migrate(None).await;
    world.write("mine", b"mine").await;
    world.write("other", b"mine").await;
    world.source.remove("mine");
    world.source.put_bytes("left", b"left");
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    for key in ["mine", "other"] {
        assert_eq!(world.read(key).await.expect(key).1, b"mine");
    }
}

#[tokio::test]
async fn a_listing_that_cannot_be_trusted_removes_nothing() {
    // A folder that is not mounted lists nothing.
    let world = World::new().await;
    world.source.put_bytes("a", b"a");
    world.migrate(None).await;
    world.source.remove("a");
    world.migrate(None).await;
    assert!(world.read("a").await.is_some());

    // A folder below it that may not be read hides what is in it.
    world.source.put_bytes("b", b"b");
    world.source.put_oddity(Oddity {
        name: "hidden".into(),
        why: OddityKind::FolderUnreadable,
    });
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Incomplete);
    assert!(world.read("a").await.is_some());
}

#[tokio::test]
async fn who_says_so_keeps_what_the_source_removes() {
    let mut world = World::new().await;
    world.source.put_bytes("a", b"a");
    world.source.put_bytes("b", b"b");
    world.migrate(None).await;
    world.source.remove("a");
    world.options.deletes = Deletes::Keep;
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    assert!(world.read("a").await.is_some());
    assert_eq!(outcome.certificate().body.counts.listed, 1);
}
