//! The certificate shows what was listed: page behind page, the first time and the last.

use onshore_ledger::{IndependentCount, InventoryOrder, Listing};
use onshore_registry::JobState;

use crate::fake::{Mischief, Object};
use crate::world::World;

#[tokio::test]
async fn both_inventories_stand_in_the_certificate_and_in_the_ledger() {
    let world = World::new().await;
    for n in 0..20 {
        world.source.put_bytes(&format!("{n:02}"), &[n]);
    }
    // One that appears between the two.
    world.source.put_mischief("00", Mischief::MakesAnother);
    let outcome = world.migrate(None).await;
    let certificate = outcome.certificate();
    let [first, last] = &certificate.body.inventories[..] else {
        panic!("two inventories");
    };
    assert_eq!((first.entries, last.entries), (20, 21));
    assert_eq!(
        (first.order, last.order),
        (InventoryOrder::ByKey, InventoryOrder::ByKey)
    );
    assert!(first.pages > 1 && certificate.pages[0].len() as u64 == first.pages);
    assert!(first.head != last.head && first.ended <= last.began);
    let ledger = world.ledger().await;
    for inventory in [first, last] {
        assert!(ledger.contains(&inventory.head.to_string()) && inventory.leaf.is_some());
    }
    // Each record names its page and the leaf that let it in.
    assert!(
        certificate
            .objects
            .iter()
            .all(|object| object.page.is_some())
    );
    let mut leaves: Vec<_> = certificate
        .objects
        .iter()
        .map(|object| object.decision.expect("a leaf"))
        .collect();
    leaves.sort_unstable();
    leaves.dedup();
    assert_eq!(leaves.len(), 21);
    assert_eq!(
        certificate.body.settings.as_ref().expect("settings")["options"]["deletes"],
        "follow"
    );
}

#[tokio::test]
async fn a_listing_that_begins_anew_leaves_no_pages_behind() {
    let world = World::new().await;
    for n in 0..20 {
        world.source.put_bytes(&format!("{n:02}"), &[n]);
    }
    world.source.forget_cursors_once();
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.job.state, JobState::Complete);
    let [first, last] = &outcome.certificate().body.inventories[..] else {
        panic!("two inventories");
    };
    assert_eq!(
        (first.head, first.pages, first.entries),
        (last.head, last.pages, 20)
    );
}

#[tokio::test]
async fn what_is_named_twice_counts_once() {
    let world = World::new().await;
    for n in 0..20 {
        world.source.put_bytes(&format!("{n:02}"), &[n]);
    }
    world.source.repeat_between_pages();
    let outcome = world.migrate(None).await;
    assert_eq!(outcome.certificate().body.inventories[1].entries, 20);
}

#[tokio::test]
async fn an_independent_count_confirms_or_contradicts() {
    for (objects, bytes, listing) in [
        (3, None, Listing::Counted),
        (3, Some(6), Listing::Counted),
        (4, None, Listing::Incomplete),
        (3, Some(7), Listing::Incomplete),
    ] {
        let mut world = World::new().await;
        world.options.counted = Some(IndependentCount {
            by: "the provider's usage figure".to_owned(),
            objects,
            bytes,
        });
        for key in ["a", "b", "c"] {
            world.source.put(
                key,
                Object {
                    bytes: b"xx".to_vec(),
                    ..Object::default()
                },
            );
        }
        let outcome = world.migrate(None).await;
        assert_eq!(outcome.certificate().body.listing, listing);
        let is_told = outcome
            .job
            .detail
            .as_deref()
            .is_some_and(|detail| detail.contains("independent count"));
        assert_eq!(is_told, listing == Listing::Incomplete);
    }
}
