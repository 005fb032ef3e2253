//! A job belongs to the server: it survives the engine, and ends when somebody says so.

use onshore_registry::JobState;
use onshore_types::JobId;
use tokio_util::sync::CancellationToken;

use crate::fake::Mischief;
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
