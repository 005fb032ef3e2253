//! A job belongs to the server: it survives the engine, and ends when somebody says so.

use md5::{Digest, Md5};
use onshore_registry::JobState;
use onshore_types::JobId;
use tokio_util::sync::CancellationToken;

use crate::fake::{Mischief, Object, Vouch};
use crate::world::World;

#[tokio::test]
async fn an_engine_that_dies_costs_only_what_was_under_way() {
    let world = World::new().await;
    for n in 0..60 {
        world.source.put_bytes(&format!("{n:02}"), &vec![n; 70_000]);
    }
    let job = world.order(None).await;
    // Engines that are dropped in the middle, wherever they are.
    for budget in [1, 3, 10, 25, 40] {
        let engine = world.engine();
        let mut commits = world.db.commits();
        let running = tokio::spawn(async move { engine.run(CancellationToken::new()).await });
        // One change may stand for many commits; behind the one that ends the job there is none.
        for _ in 0..budget {
            commits.changed().await.expect("the database is open");
            if is_ended(&world, job.id).await {
                break;
            }
        }
        running.abort();
        running.await.expect_err("aborted");
        if is_ended(&world, job.id).await {
            break;
        }
    }
    let outcome = world.finish(job.id).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    assert_eq!(outcome.certificate().body.counts.copied, 60);
    for n in 0..60 {
        let key = format!("{n:02}");
        assert_eq!(world.read(&key).await.expect("read").1, vec![n; 70_000]);
    }
    // Five deaths with at most eight objects under way each.
    assert!(
        world.source.opened().len() <= 60 + 5 * 8,
        "{}",
        world.source.opened().len()
    );
}

#[tokio::test]
async fn a_stopped_engine_leaves_the_job_for_the_next() {
    let world = World::new().await;
    world.source.put_bytes("a", b"a");
    let job = world.order(None).await;
    let stop = CancellationToken::new();
    stop.cancel();
    world.engine().run(stop).await;
    let after = world.registry.job(job.id).await.expect("a job");
    assert!(!after.state.is_ended());
    assert_eq!(world.finish(job.id).await.job.state, JobState::Complete);
}

#[tokio::test]
async fn the_same_order_attaches_while_the_job_runs() {
    let world = World::new().await;
    world.source.put_bytes("a", b"a");
    let first = world.order(None).await;
    let second = world.order(None).await;
    assert_eq!(first.id, second.id);
    world.finish(first.id).await;
    assert_ne!(world.order(None).await.id, first.id);
}

#[tokio::test]
async fn a_cancelled_job_stops_and_keeps_no_credentials() {
    let world = World::new().await;
    for n in 0..200 {
        world
            .source
            .put_mischief(&format!("{n:03}"), Mischief::Storm(2));
    }
    let job = world.order(None).await;
    world
        .gate
        .cancel_job(world.operator, job.id)
        .await
        .expect("cancelled");
    // `finish` checks that the credentials are gone.
    let outcome = world.finish(job.id).await;
    assert_eq!(outcome.job.state, JobState::Cancelled);
    assert!(outcome.certificate.is_none());
    assert!(world.gate.cancel_job(world.operator, job.id).await.is_err());
    // What had arrived is known to the next job.
    assert_eq!(world.migrate(None).await.job.state, JobState::Complete);
}

#[tokio::test]
async fn a_draft_left_by_a_kill_becomes_the_certificate() {
    let world = World::new().await;
    world.source.put_bytes("a", b"a");
    world.source.put_mischief("b", Mischief::Forbidden);
    let outcome = world.migrate(None).await;
    let id = outcome.job.id;
    let folder = world.folder.path().join("certificates");
    let file = folder.join(format!("{id}.json"));
    let whole = std::fs::read_to_string(&file).expect("read");
    let behind = whole.rfind("\"proof\": ").expect("a proof") + "\"proof\": ".len();
    for kill in [
        "before it is in place",
        "behind that",
        "and the draft is lost",
    ] {
        // As a kill leaves it: the leaf is in the ledger, the job has not ended.
        world.reopen(id).await;
        if kill != "behind that" {
            std::fs::remove_file(&file).expect("removed");
        }
        if kill == "before it is in place" {
            std::fs::write(folder.join(format!("{id}.draft")), &whole[..behind]).expect("written");
        }
        let again = world.finish(id).await;
        assert_eq!(again.job.state, JobState::Incomplete);
        assert_eq!(again.certificate().objects, outcome.certificate().objects);
        assert_eq!(again.exceptions(), outcome.exceptions());
        let same = again.certificate().body == outcome.certificate().body;
        assert_eq!(same, kill != "and the draft is lost");
        assert!(!folder.join(format!("{id}.draft")).exists());
    }
}

async fn is_ended(world: &World, job: JobId) -> bool {
    let job = world.registry.job(job).await.expect("a job");
    job.state.is_ended()
}

fn md5_of(bytes: &[u8]) -> String {
    let md5: [u8; 16] = Md5::digest(bytes).into();
    md5.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A large object in which no two runs are alike.
fn large() -> Object {
    Object {
        bytes: (0..66 << 18_u32)
            .flat_map(|n: u32| n.wrapping_mul(2_654_435_761).to_le_bytes())
            .collect(),
        ..Object::default()
    }
}

#[tokio::test]
async fn a_large_object_goes_on_where_it_was() {
    let world = World::new().await;
    world.source.put("large", large());
    let job = world.order(None).await;
    let mut deaths = 0;
    // As soon as a few of its runs are there the engine dies, twice.
    for runs in [1, 3] {
        let engine = world.engine();
        let mut commits = world.db.commits();
        let running = tokio::spawn(async move { engine.run(CancellationToken::new()).await });
        while world.parts_under_way().await < runs {
            commits.changed().await.expect("the database is open");
        }
        running.abort();
        running.await.expect_err("aborted");
        deaths += 1;
    }
    let outcome = world.finish(job.id).await;
    assert_eq!(
        outcome.job.state,
        JobState::Complete,
        "{:?}",
        outcome.exceptions()
    );
    assert_eq!(outcome.objects(), [("large", "md5-etag")]);
    let (head, bytes) = world.read("large").await.expect("read");
    assert_eq!(bytes, world.source.bytes("large"));
    assert_eq!(head.etag, md5_of(&bytes));
    assert!(head.parts.is_empty());
    let opened = world.source.opened();
    let runs = 66_usize.div_ceil(16);
    assert!(opened.len() <= runs + 2 * deaths, "{opened:?}");
    assert_eq!(world.parts_under_way().await, 0);
}

#[tokio::test]
async fn a_large_object_that_changes_is_begun_anew_and_one_that_is_wrong_leaves_nothing() {
    let world = World::new().await;
    let changing = Object {
        mischief: Mischief::ChangesOnce,
        ..large()
    };
    let wrong = Object {
        mischief: Mischief::WrongBytes,
        ..large()
    };
    let layout = Object {
        vouch: Vouch::Parts(8 << 20),
        ..large()
    };
    world.source.put("changing", changing);
    world.source.put("wrong", wrong);
    world.source.put("layout", layout);
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.exceptions(), [("wrong", "bytes-differ")]);
    for key in ["changing", "layout"] {
        let (_, bytes) = world.read(key).await.expect(key);
        assert_eq!(bytes, world.source.bytes(key), "{key}");
    }
    let (head, _) = world.read("layout").await.expect("layout");
    assert!(head.etag.ends_with("-9"), "{}", head.etag);
    assert_eq!(head.parts.len(), 9);
    assert!(world.read("wrong").await.is_none());
    assert_eq!(world.parts_under_way().await, 0);
}

#[tokio::test]
async fn a_cancelled_job_leaves_no_upload() {
    let world = World::new().await;
    world.source.put("large", large());
    let job = world.order(None).await;
    let mut commits = world.db.commits();
    let (engine, stop) = (world.engine(), CancellationToken::new());
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { engine.run(stop).await }
    });
    while world.parts_under_way().await < 1 {
        commits.changed().await.expect("the database is open");
    }
    world
        .gate
        .cancel_job(world.operator, job.id)
        .await
        .expect("asked");
    while !is_ended(&world, job.id).await {
        commits.changed().await.expect("the database is open");
    }
    stop.cancel();
    running.await.expect("the engine ends");
    assert_eq!(world.parts_under_way().await, 0);
}

#[tokio::test]
async fn a_paused_job_waits_and_goes_on_where_it_was() {
    let world = World::new().await;
    world.source.put("large", large());
    let job = world.order(None).await;
    let mut commits = world.db.commits();
    let (engine, stop) = (world.engine(), CancellationToken::new());
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { engine.run(stop).await }
    });
    while world.parts_under_way().await < 1 {
        commits.changed().await.expect("the database is open");
    }
    let (paused, _) = world
        .gate
        .pause_job(world.operator, job.id)
        .await
        .expect("asked");
    assert_eq!(paused.state, JobState::Paused);
    stop.cancel();
    running.await.expect("the engine ends");
    // Another engine leaves it alone: the job that is ordered behind it is done, and it still waits.
    let there = world.parts_under_way().await;
    let (engine, stop) = (world.engine(), CancellationToken::new());
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { engine.run(stop).await }
    });
    world.source.forget_opened();
    let other = world.order_into("other").await;
    while !is_ended(&world, other.id).await {
        commits.changed().await.expect("the database is open");
    }
    let waiting = world.registry.job(job.id).await.expect("a job");
    assert_eq!(waiting.state, JobState::Paused);
    assert_eq!(world.parts_under_way().await, there);
    stop.cancel();
    running.await.expect("the engine ends");

    world.source.forget_opened();
    let (resumed, _) = world
        .gate
        .resume_job(world.operator, job.id)
        .await
        .expect("asked");
    assert_eq!(resumed.state, JobState::Running);
    let outcome = world.finish(job.id).await;
    assert_eq!(
        outcome.job.state,
        JobState::Complete,
        "{:?}",
        outcome.exceptions()
    );
    assert!(world.source.opened().len() <= 66_usize.div_ceil(16) - there);
    assert!(world.gate.pause_job(world.operator, job.id).await.is_err());
}
