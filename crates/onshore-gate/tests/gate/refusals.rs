//! Refusals: recorded once a minute, and from abroad the same whatever the cause.

use onshore_policy::{Flow, Refusal, Transfer};
use onshore_types::{Place, TenantId};

use crate::sim::house::operator;
use crate::world::{World, number, place, text, wait};

/// Everything that may be refused abroad, each for a cause of its own.
fn causes(world: &World) -> Vec<Transfer> {
    let read = |label, len_bytes| world.transfer(Flow::Read, label, len_bytes, place("US"));
    let mut absent = read("unclassified", 0);
    absent.subject.version = None;
    let mut foreign = read("personal", 1);
    foreign.subject.owner = Some(TenantId::from_bytes([0x99; 16]));
    let mut nobodys = read("personal", 1);
    nobodys.subject.owner = None;
    vec![
        read("personal", 1_000_000),
        read("core", 1),
        read("unclassified", 1),
        absent,
        foreign,
        nobodys,
        world.transfer(Flow::Inspect, "unclassified", 0, place("US")),
        world.transfer(Flow::List, "personal", 0, place("US")),
    ]
}

#[test]
fn a_client_abroad_cannot_tell_one_cause_from_another() {
    let world = World::new();
    world.grant(1000);
    let expired = world.grant(1000);
    wait(world.house.gate.revoke_approval(operator(), expired.id)).expect("revoked");
    let refused: Vec<_> = causes(&world)
        .into_iter()
        .map(|transfer| world.refused(transfer))
        .collect();
    let first = refused.first().expect("some");
    for other in &refused {
        assert_eq!(other.message, first.message);
        assert_eq!(other.leaf, first.leaf, "{:?}", other.refusal);
    }
    let rules: std::collections::BTreeSet<_> = refused
        .iter()
        .map(|refused| refused.refusal.rule())
        .collect();
    assert!(rules.len() >= 4, "the operator can: {rules:?}");
    let leaves = world.told("refused");
    assert_eq!(leaves.len(), 1);
    assert!(
        leaves
            .iter()
            .all(|leaf| text(leaf, "rule") == Some("border.outward"))
    );
}

#[test]
fn equal_refusals_of_a_minute_are_one_leaf_and_a_count() {
    let world = World::new();
    let ask = || {
        world
            .refused(world.transfer(Flow::Read, "personal", 1, place("US")))
            .leaf
    };
    let first = ask();
    for _ in 0..4 {
        assert_eq!(ask(), first);
    }
    world.clock.step(59_999);
    assert_eq!(ask(), first, "still the same minute");
    world.clock.step(1);
    let second = ask();
    assert_ne!(second, first);
    wait(world.house.gate.drain()).expect("drained");
    let counts: Vec<_> = world
        .told("refused.counted")
        .iter()
        .map(|leaf| (number(leaf, "first"), number(leaf, "times")))
        .collect();
    assert_eq!(counts, [(Some(first), Some(6))]);
    wait(world.house.gate.drain()).expect("drained");
    assert_eq!(world.told("refused.counted").len(), 1, "counted once");
}

#[test]
fn a_refusal_inside_tells_its_cause_and_has_a_leaf_of_its_own() {
    let world = World::new();
    let outward = world.refused(world.transfer(Flow::Read, "personal", 1, place("US")));
    let mut foreign = world.transfer(Flow::Read, "personal", 1, place("CN"));
    foreign.subject.owner = Some(TenantId::from_bytes([0x99; 16]));
    let inside = world.refused(foreign);
    assert_eq!(inside.refusal, Refusal::NotYourTenant);
    assert_ne!(inside.leaf, outward.leaf);
    assert!(
        inside.message.contains(inside.refusal.rule()),
        "{}",
        inside.message
    );
}

#[test]
fn an_unknown_place_gets_free_data_only() {
    let world = World::new();
    world.grant(1000);
    let refused = world.refused(world.transfer(Flow::Read, "personal", 1, Place::Unknown));
    assert_eq!(refused.refusal, Refusal::UnknownPlace);
    let free = world.transfer(Flow::Read, "general", 1, Place::Unknown);
    drop(wait(world.house.gate.permit(free)).expect("free"));
}

#[test]
fn a_refusal_costs_no_bytes_and_its_record_proves_the_cause() {
    let world = World::new();
    let approval = world.grant(1000);
    let refused = world.refused(world.transfer(Flow::Read, "personal", 1001, place("US")));
    assert!(matches!(refused.refusal, Refusal::ApprovalExhausted { .. }));
    assert_eq!(world.spent(&approval), 0);
    let journal = world.house.gate.journal();
    let bundle = wait(journal.prove(refused.leaf, Vec::new())).expect("proven");
    let verified = bundle.verify(&[journal.verifier()]).expect("verifies");
    let record = verified.record.expect("disclosed");
    assert_eq!(text(&record, "cause"), Some(refused.refusal.rule()));
    assert_eq!(text(&record, "key"), Some(crate::world::KEY));
}
