//! Exports: reserved and recorded before the first byte, closed with what was sent, never overspent.

use futures_util::future::join_all;
use onshore_gate::Error;
use onshore_policy::{Basis, Flow};
use onshore_types::VersionId;
use serde_json::Value;

use crate::sim::house::operator;
use crate::world::{World, number, place, text, wait};

#[test]
fn hundreds_of_racing_requests_never_overspend() {
    let world = World::new();
    let approval = world.grant(1000);
    let transfer = world.transfer(Flow::Read, "personal", 10, place("US"));
    let gate = world.gate();
    let answers = wait(async move {
        let asking = (0..400).map(|_| {
            let (gate, transfer) = (gate.clone(), transfer.clone());
            tokio::spawn(async move { gate.permit(transfer).await })
        });
        join_all(asking).await
    });
    let mut outflows = Vec::new();
    let mut leaves = Vec::new();
    for answer in answers {
        match answer.expect("no panic") {
            Ok(permit) => {
                assert_eq!(permit.basis(), Basis::Approval(approval.id));
                outflows.push(world.house.gate.watch(&permit));
            }
            Err(Error::Refused(refused)) => leaves.push(refused.leaf),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((outflows.len(), leaves.len()), (100, 300));
    assert!(leaves.iter().all(|leaf| Some(leaf) == leaves.first()));
    assert_eq!(world.spent(&approval), 1000);
    for outflow in outflows {
        outflow.check().expect("in force");
        outflow.sent(3);
    }
    assert_eq!(world.spent(&approval), 300);
    assert_eq!(world.told("export.opened").len(), 100);
    assert_eq!(world.told("export.closed").len(), 100);
}

#[test]
fn the_opening_leaf_is_durable_before_the_permit_is_there() {
    let world = World::new();
    let approval = world.grant(1000);
    let permit = world.export(400).expect("permitted");
    let opened = world.told("export.opened");
    let [leaf] = opened.as_slice() else {
        panic!("one leaf, not {}", opened.len());
    };
    assert_eq!(number(leaf, "reserved_bytes"), Some(400));
    assert_eq!(
        text(leaf, "approval"),
        Some(approval.id.to_string().as_str())
    );
    assert_eq!(
        text(leaf, "export"),
        permit.export().map(|id| id.to_string()).as_deref()
    );
    assert_eq!(world.spent(&approval), 400);
    let outflow = world.house.gate.watch(&permit);
    let told = world.leaves();
    let index = outflow.leaf().expect("a leaf");
    assert_eq!(
        told.get(usize::try_from(index).expect("small"))
            .map(|leaf| &leaf.body),
        Some(leaf)
    );
}

#[test]
fn the_closing_leaf_tells_what_was_sent_and_how_it_ended() {
    let world = World::new();
    let approval = world.grant(10_000);
    let mut spent = 0;
    for (reserved, sent, ended) in [
        (100, 100, "complete"),
        (100, 99, "cut"),
        (100, 0, "cut"),
        (0, 0, "complete"),
    ] {
        let permit = world.export(reserved).expect("permitted");
        let outflow = world.house.gate.watch(&permit);
        outflow.sent(sent / 2);
        outflow.sent(sent - sent / 2);
        // Wherever it is dropped, with a runtime or without.
        std::thread::spawn(move || drop(outflow))
            .join()
            .expect("no panic");
        spent += sent;
        assert_eq!(world.spent(&approval), spent);
        let closed = world.told("export.closed");
        let leaf = closed.last().expect("a leaf");
        assert_eq!(text(leaf, "ended"), Some(ended));
        assert_eq!(number(leaf, "sent_bytes"), Some(sent));
        assert_eq!(number(leaf, "spent_bytes"), Some(sent));
    }
}

#[test]
fn a_permit_opens_one_stream_and_the_second_carries_nothing() {
    let world = World::new();
    let approval = world.grant(1000);
    let permit = world.export(400).expect("permitted");
    let first = world.house.gate.watch(&permit);
    let second = world.house.gate.watch(&permit);
    assert!(first.check().is_ok());
    assert!(second.check().is_err(), "no byte may leave unrecorded");
    assert_eq!(second.leaf(), None);
    drop(second);
    first.sent(10);
    drop(first);
    let third = world.house.gate.watch(&permit);
    assert!(third.check().is_err());
    drop(third);
    assert_eq!(world.spent(&approval), 10);
    assert_eq!(world.told("export.closed").len(), 1);
    wait(world.house.gate.drain()).expect("drained");
    assert!(world.told("reads").is_empty(), "it was no read inside");
}

#[test]
fn whoever_goes_away_before_the_stream_gets_nothing_and_costs_nothing() {
    let world = World::new();
    let approval = world.grant(1000);
    let unwatched = world.export(300).expect("permitted");
    // Asked, and gone before the answer.
    let gate = world.gate();
    let transfer = world.transfer(Flow::Read, "personal", 500, place("US"));
    wait(async {
        tokio::select! {
            biased;
            _ = gate.permit(transfer) => panic!("it was not to be answered yet"),
            () = std::future::ready(()) => {}
        }
    });
    assert_eq!(world.spent(&approval), 800);
    wait(world.house.gate.drain()).expect("drained");
    assert_eq!(world.spent(&approval), 0);
    let late = world.house.gate.watch(&unwatched);
    assert!(late.check().is_err(), "it was closed as not used");
    drop(late);
    assert_eq!(world.told("export.closed").len(), 2);
    assert!(
        world
            .house
            .registry
            .open_exports()
            .expect("read")
            .is_empty()
    );
}

#[test]
fn an_abandoned_export_is_closed_after_a_minute_and_not_before() {
    let world = World::new();
    let approval = world.grant(1000);
    let unwatched = world.export(300).expect("permitted");
    for (millis, spent) in [(59_000, 300), (1_000, 0)] {
        world.clock.step(millis);
        let inside = world.transfer(Flow::Read, "personal", 1, place("CN"));
        let permit = wait(world.house.gate.permit(inside)).expect("inside");
        drop(world.house.gate.watch(&permit));
        let batches = world.told("reads").len();
        let stop = tokio_util::sync::CancellationToken::new();
        wait(async {
            let journal = world.house.gate.journal();
            tokio::select! {
                () = world.house.gate.run(stop.clone()) => {}
                // The batch is recorded after the abandoned are looked for.
                () = async {
                    loop {
                        let leaves = journal.leaves(0, 1000).await.expect("readable");
                        let reads = leaves.iter().filter(|leaf| text(&leaf.body, "kind") == Some("reads"));
                        if reads.count() > batches {
                            return;
                        }
                        tokio::task::yield_now().await;
                    }
                } => {}
            }
        });
        assert_eq!(world.spent(&approval), spent);
    }
    assert!(world.house.gate.watch(&unwatched).check().is_err());
}

#[test]
fn a_kill_leaves_what_was_reserved_spent_and_says_so() {
    let mut world = World::new();
    let approval = world.grant(1000);
    let streaming = world.export(400).expect("permitted");
    let outflow = world.house.gate.watch(&streaming);
    outflow.sent(1);
    let _unwatched = world.export(200).expect("permitted");
    let free = world.transfer(Flow::Read, "general", 50, place("DE"));
    let free = wait(world.house.gate.permit(free)).expect("free");
    // Neither is settled: the server is gone.
    std::mem::forget(outflow);
    world.restart();
    assert_eq!(world.spent(&approval), 600);
    let closed = world.told("export.closed");
    assert_eq!(closed.len(), 3);
    for leaf in &closed {
        assert_eq!(text(leaf, "ended"), Some("interrupted"));
        assert_eq!(leaf.get("sent_bytes"), None, "nobody knows");
        assert_eq!(number(leaf, "epoch"), Some(2));
    }
    world.restart();
    assert_eq!(world.told("export.closed").len(), 3, "closed once");
    assert!(
        world.house.gate.watch(&free).check().is_err(),
        "a permit of before"
    );
}

#[test]
fn what_is_free_is_recorded_as_an_export_too_and_metadata_under_an_approval_is_told() {
    let world = World::new();
    let free = world.transfer(Flow::Read, "general", 50, place("DE"));
    let permit = wait(world.house.gate.permit(free)).expect("free");
    let outflow = world.house.gate.watch(&permit);
    assert!(outflow.leaf().is_some());
    outflow.check().expect("free");
    outflow.sent(50);
    drop(outflow);
    world.settle();
    let closed = world.told("export.closed");
    assert_eq!(
        closed.last().and_then(|leaf| number(leaf, "sent_bytes")),
        Some(50)
    );
    assert_eq!(
        closed.last().and_then(|leaf| leaf.get("approval")),
        None::<&Value>
    );

    let nothing = world.grant(0);
    assert!(
        world.export(1).is_err(),
        "an approval of no bytes carries none"
    );
    world.refused(world.transfer(Flow::Inspect, "personal", 0, place("US")));
    assert_eq!(world.told("export.described").len(), 0);
    assert_eq!(world.spent(&nothing), 0);
}

#[test]
fn what_is_known_of_an_object_leaves_as_its_bytes_do() {
    let world = World::new();
    let approval = world.grant(100);
    let inspect = |len_bytes| world.transfer(Flow::Inspect, "personal", len_bytes, place("US"));
    let told = wait(world.house.gate.permit(inspect(60))).expect("covered");
    assert_eq!(told.export(), None, "nobody watches it");
    assert_eq!(world.spent(&approval), 60);
    world.refused(inspect(41));
    // That something is there is told at least.
    drop(wait(world.house.gate.permit(inspect(0))).expect("covered"));
    assert_eq!(world.spent(&approval), 61);
    drop(wait(world.house.gate.permit(inspect(39))).expect("covered"));
    world.refused(inspect(0));
    assert!(world.export(1).is_err());
    assert_eq!(world.spent(&approval), 100);
    let described = world.told("export.described");
    let closed = world.told("export.closed");
    assert_eq!((described.len(), closed.len()), (3, 3));
    for (leaf, len_bytes) in closed.iter().zip([60, 1, 39]) {
        assert_eq!(number(leaf, "sent_bytes"), Some(len_bytes));
        assert_eq!(text(leaf, "ended"), Some("complete"));
    }
    for (leaf, len_bytes) in described.iter().zip([60, 1, 39]) {
        assert_eq!(number(leaf, "reserved_bytes"), Some(len_bytes));
    }
}

#[test]
fn racing_looks_never_overspend() {
    let world = World::new();
    let approval = world.grant(1000);
    let transfer = world.transfer(Flow::Inspect, "personal", 10, place("US"));
    let gate = world.gate();
    let answers = wait(async move {
        let asking = (0..400).map(|_| {
            let (gate, transfer) = (gate.clone(), transfer.clone());
            tokio::spawn(async move { gate.permit(transfer).await.is_ok() })
        });
        join_all(asking).await
    });
    let told = answers
        .into_iter()
        .filter(|answer| answer.as_ref().is_ok_and(|is_told| *is_told));
    assert_eq!(told.count(), 100);
    assert_eq!(world.spent(&approval), 1000);
}

#[test]
fn an_object_that_was_looked_at_has_left() {
    let world = World::new();
    let mut request = world.request("US", "personal", 1000, 3_600_000);
    request.terms.max_objects = Some(1);
    let granted = wait(world.house.gate.grant_approval(operator(), &request));
    let approval = granted.expect("granted").0;
    let of = |version: u8, flow| {
        let mut transfer = world.transfer(flow, "personal", 10, place("US"));
        transfer.subject.version = Some(VersionId::from_bytes([version; 16]));
        transfer
    };
    let objects = || {
        let found = wait(world.house.registry.approval(approval.id));
        found.expect("there").objects.expect("limited").spent
    };
    drop(wait(world.house.gate.permit(of(1, Flow::Inspect))).expect("covered"));
    assert_eq!(objects(), 1);
    world.refused(of(2, Flow::Inspect));
    world.refused(of(2, Flow::Read));
    drop(wait(world.house.gate.permit(of(1, Flow::Read))).expect("it has left"));
    drop(wait(world.house.gate.permit(of(1, Flow::Inspect))).expect("it has left"));
    assert_eq!(objects(), 1);
    // Parts of an upload are no version: each look at them takes an object, and whom they tell of nobody has counted.
    let parts = || {
        let mut transfer = world.transfer(Flow::Inspect, "personal", 10, place("US"));
        transfer.subject.version = None;
        transfer
    };
    world.refused(parts());
    let grant = |objects, persons| {
        let mut request = world.request("US", "personal", 1000, 3_600_000);
        (request.terms.max_objects, request.terms.max_persons) = (objects, persons);
        wait(world.house.gate.grant_approval(operator(), &request)).expect("granted");
    };
    grant(None, Some(1_000_000));
    world.refused(parts());
    grant(Some(1), None);
    drop(wait(world.house.gate.permit(parts())).expect("covered"));
    world.refused(parts());
}

#[test]
fn explaining_records_and_reserves_nothing() {
    let world = World::new();
    let approval = world.grant(1000);
    let before = world.leaves();
    for (label, len_bytes) in [
        ("personal", 1000),
        ("personal", 1001),
        ("unclassified", 1),
        ("general", 1),
    ] {
        let transfer = world.transfer(Flow::Read, label, len_bytes, place("US"));
        wait(world.house.gate.explain(&transfer, "huaxia-clinic")).expect("explained");
    }
    assert_eq!(world.leaves(), before);
    assert_eq!(world.spent(&approval), 0);
}
