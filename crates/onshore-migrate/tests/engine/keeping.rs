//! A second run brings only what changed, on either side.

use onshore_policy::{Flow, Principal, Role, Subject, Transfer};
use onshore_registry::JobState;
use onshore_types::{ByteRange, ObjectKey};

use crate::fake::{Mischief, Object};
use crate::world::{World, label};

fn opened(world: &World) -> Vec<String> {
    let mut keys: Vec<String> = world
        .source
        .opened()
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn only_what_changed_is_brought_again() {
    let world = World::new().await;
    for n in 0..10 {
        world.source.put_bytes(&format!("{n}"), b"first");
    }
    world.source.put_mischief("bad", Mischief::Forbidden);
    world.migrate(None).await;
    world.source.forget_opened();

    world.source.put_bytes("3", b"second");
    world.source.put_bytes("new", b"second");
    // Written again with the same bytes: its metadata may be other.
    world.source.put_bytes("4", b"first");
    world.source.put_bytes("bad", b"readable now");
    world.source.remove("5");
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    assert_eq!(opened(&world), ["3", "4", "bad", "new"]);
    let counts = outcome.certificate().body.counts;
    assert_eq!((counts.listed, counts.copied, counts.unchanged), (11, 4, 7));

    // And nothing at all the third time: knowledge is handed on from run to run.
    world.source.forget_opened();
    let outcome = world.migrate(None).await;
    assert!(opened(&world).is_empty());
    assert_eq!(outcome.certificate().body.counts.unchanged, 11);
    assert_eq!(outcome.job.state, JobState::Complete);
}

#[tokio::test]
async fn a_failed_run_in_between_forgets_nothing() {
    let world = World::new().await;
    world.source.put_bytes("a", b"a");
    world.migrate(None).await;
    world.source.storm_listings(u32::MAX);
    assert_eq!(world.migrate(None).await.job.state, JobState::Failed);
    world.source.storm_listings(0);
    world.source.forget_opened();
    assert_eq!(
        world
            .migrate(None)
            .await
            .certificate()
            .body
            .counts
            .unchanged,
        1
    );
    assert!(opened(&world).is_empty());
}

#[tokio::test]
async fn a_stricter_class_brings_everything_again() {
    let world = World::new().await;
    world.source.put_bytes("a", b"a");
    world.source.put(
        "b",
        Object {
            class: Some("core".into()),
            ..Object::default()
        },
    );
    world.migrate(Some("personal")).await;
    world.source.forget_opened();
    world.migrate(Some("sensitive-personal")).await;
    assert_eq!(opened(&world), ["a", "b"]);
    assert_eq!(
        world.read("a").await.expect("a").0.label,
        label("sensitive-personal")
    );
    // A looser one changes nothing.
    world.source.forget_opened();
    world.migrate(Some("general")).await;
    assert!(opened(&world).is_empty());
    assert_eq!(
        world.read("a").await.expect("a").0.label,
        label("sensitive-personal")
    );
}

#[tokio::test]
async fn what_was_removed_at_the_destination_is_brought_again() {
    let world = World::new().await;
    world.source.put_bytes("a", b"a");
    let job = world.migrate(None).await.job;
    let bucket = world
        .store
        .bucket(&job.bucket)
        .await
        .expect("looked up")
        .expect("a bucket");
    let key = ObjectKey::parse("a").expect("a key");
    let transfer = Transfer {
        principal: Principal {
            tenant: Some(world.tenant.id),
            role: Role::TenantUser,
            ..world.operator
        },
        operation: "DeleteObject",
        flow: Flow::Change,
        subject: Subject {
            bucket: Some(bucket.id),
            owner: Some(world.tenant.id),
            key: Some(key.clone()),
            version: None,
            label: label("unclassified"),
            range: ByteRange::whole(0),
        },
        from: world.gate.home(),
        to: world.gate.home(),
    };
    let permit = world.gate.permit(transfer).await.expect("permitted");
    let (store, now) = (world.store.clone(), world.gate.now());
    let removed: Result<_, onshore_store::Error> = world
        .db
        .write(move |unit| store.remove(unit, &permit, &key, now))
        .await;
    assert_ne!(removed.expect("removed"), onshore_store::Removal::Nothing);
    assert_eq!(
        world.migrate(None).await.certificate().body.counts.copied,
        1
    );
    assert!(world.read("a").await.is_some());
}
