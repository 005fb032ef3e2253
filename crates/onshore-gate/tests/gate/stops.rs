//! A stream stops when what carries it does: revoked, lapsed, judged anew, or longer than it was judged.

use onshore_policy::Flow;
use onshore_types::BucketId;

use crate::sim::house::operator;
use crate::world::{World, place, text, wait};

#[test]
fn revocation_stops_streams_that_began_before_and_permits_not_yet_used() {
    let world = World::new();
    let (approval, other) = (world.grant(1000), world.grant(1000));
    let watched = world.export(100).expect("permitted");
    let carrier = watched.basis().approval().expect("an approval");
    let outflow = world.house.gate.watch(&watched);
    let unwatched = world.export(100).expect("permitted");
    outflow.check().expect("in force");
    outflow.sent(40);
    wait(world.house.gate.revoke_approval(operator(), carrier)).expect("revoked");
    assert!(outflow.check().is_err());
    let late = world.house.gate.watch(&unwatched);
    assert!(late.check().is_err());
    drop((outflow, late));
    let revoked = if carrier == approval.id {
        &approval
    } else {
        &other
    };
    assert_eq!(world.spent(revoked), 40, "unsent bytes went back");
    let closed = world.told("export.closed");
    assert!(
        closed
            .iter()
            .all(|leaf| text(leaf, "ended") == Some("lapsed"))
    );
    let next = world.export(100).expect("the other approval carries on");
    assert_ne!(next.basis().approval(), Some(carrier));
    world.house.gate.watch(&next).check().expect("in force");
}

#[test]
fn revocation_stops_streams_even_if_nobody_waits_for_its_answer() {
    let world = World::new();
    let approval = world.grant(1000);
    let permit = world.export(100).expect("permitted");
    let outflow = world.house.gate.watch(&permit);
    wait(async {
        tokio::select! {
            biased;
            _ = world.house.gate.revoke_approval(operator(), approval.id) => panic!("not answered yet"),
            () = std::future::ready(()) => {}
        }
    });
    world.settle();
    assert_eq!(world.told("approval.revoked").len(), 1);
    assert!(outflow.check().is_err());
}

#[test]
fn a_revocation_that_fails_stops_nothing() {
    let world = World::new();
    let approval = world.grant(1000);
    let permit = world.export(100).expect("permitted");
    let outflow = world.house.gate.watch(&permit);
    let forbidden = wait(world.house.gate.revoke_approval(world.user, approval.id));
    assert!(forbidden.is_err());
    outflow.check().expect("still in force");
}

#[test]
fn a_stream_lapses_at_its_instant_and_a_clock_set_back_does_not_revive_it() {
    let world = World::new();
    let approval = world.grant(1000);
    let permit = world.export(100).expect("permitted");
    let outflow = world.house.gate.watch(&permit);
    world.clock.step(3_599_999);
    outflow.check().expect("the last millisecond");
    world.clock.step(1);
    assert!(outflow.check().is_err());
    world.clock.step(-3_000_000);
    assert!(outflow.check().is_err());
    assert!(world.export(1).is_err(), "nor does it carry anything new");
    drop(outflow);
    assert_eq!(world.spent(&approval), 0);
}

#[test]
fn a_bucket_that_became_stricter_stops_what_was_judged_before_and_not_what_is_judged_after() {
    let world = World::new();
    let transfer = world.transfer(Flow::Read, "general", 100, place("US"));
    let before = wait(world.house.gate.permit(transfer.clone())).expect("free");
    let before = world.house.gate.watch(&before);
    world
        .house
        .gate
        .judge_anew(BucketId::from_bytes([0x66; 16]));
    before.check().expect("another bucket");
    world.house.gate.judge_anew(BucketId::from_bytes([6; 16]));
    assert!(before.check().is_err());
    let after = wait(world.house.gate.permit(transfer)).expect("free");
    world
        .house
        .gate
        .watch(&after)
        .check()
        .expect("judged by what holds now");
    drop(before);
    world.settle();
    let closed = world.told("export.closed");
    assert!(
        closed
            .iter()
            .any(|leaf| text(leaf, "ended") == Some("lapsed"))
    );
}

#[test]
fn more_bytes_than_were_reserved_stop_the_stream() {
    let world = World::new();
    let approval = world.grant(1000);
    let permit = world.export(100).expect("permitted");
    let outflow = world.house.gate.watch(&permit);
    outflow.sent(100);
    outflow.check().expect("exactly what was reserved");
    outflow.sent(1);
    assert!(outflow.check().is_err());
    drop(outflow);
    assert_eq!(world.spent(&approval), 100);
}
