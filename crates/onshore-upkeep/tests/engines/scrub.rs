//! What is damaged is reported, once, and what is sound is not.

use std::num::NonZeroU64;

use onshore_store::{NewObject, Versioning};
use onshore_upkeep::{ScrubEngine, ScrubRhythm, ScrubRound, ScrubTally};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::world::World;

fn engine(world: &World) -> ScrubEngine {
    ScrubEngine::new(world.parts(), ScrubRhythm { bytes_per_s: None })
}

async fn round(world: &World) -> ScrubTally {
    match engine(world)
        .round(&CancellationToken::new())
        .await
        .expect("a round")
    {
        ScrubRound::Whole(tally) => tally,
        ScrubRound::Stopped(tally) => panic!("stopped: {tally:?}"),
    }
}

/// A bucket with a small object and one in a file.
async fn furnished() -> World {
    let world = World::new().await;
    let bucket = world.bucket(Versioning::Off, json!([])).await;
    world.put(&bucket, "small").await;
    world
        .put_like(&bucket, "large", &[7; 200_000], NewObject::default())
        .await;
    world
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test damages what is on disk behind the store's back"
)]
fn flip(world: &World) {
    let file = world.files().remove(0);
    let mut bytes = std::fs::read(&file).expect("a file");
    bytes[100_000] ^= 1;
    std::fs::write(&file, bytes).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_store_has_no_finding() {
    let world = furnished().await;
    let tally = round(&world).await;
    assert_eq!((tally.versions, tally.parts, tally.damaged), (2, 0, 0));
    assert!(tally.bytes > 200_000, "{tally:?}");
    assert!(world.leaves(&["damaged"]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damage_has_one_leaf_until_it_is_sound_again() {
    let world = furnished().await;
    flip(&world);
    for rounds in 0..3 {
        assert_eq!(round(&world).await.damaged, 1, "round {rounds}");
        assert_eq!(world.store.damages().await.expect("counted"), 1);
    }
    let leaves = world.leaves(&["damaged"]).await;
    assert_eq!(leaves.len(), 1);
    assert_eq!(leaves[0]["what"], "a frame's CRC32C does not match");
    let version = leaves[0]["version"].as_str().expect("a version");
    assert!(version.starts_with("ver_"));
    assert!(
        leaves[0]["bucket"]
            .as_str()
            .expect("a bucket")
            .starts_with("bkt_")
    );
    let text = leaves[0].to_string();
    assert!(!text.contains("large"), "{text}");

    flip(&world);
    assert_eq!(round(&world).await.damaged, 0);
    assert_eq!(world.store.damages().await.expect("counted"), 0);
    flip(&world);
    assert_eq!(round(&world).await.damaged, 1);
    assert_eq!(world.leaves(&["damaged"]).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_that_is_stopped_goes_on_where_it_was_and_a_slow_one_stops_at_once() {
    let world = furnished().await;
    let slow = ScrubEngine::new(
        world.parts(),
        ScrubRhythm {
            bytes_per_s: NonZeroU64::new(1),
        },
    );
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { slow.round(&stop).await.expect("a round") }
    });
    stop.cancel();
    let stopped = running.await.expect("no panic");
    assert!(matches!(stopped, ScrubRound::Stopped(_)), "{stopped:?}");
    assert_eq!(round(&world).await.versions, 2);
    assert_eq!(world.store.round().await.expect("read"), None);
}
