//! Time never runs backwards: not for approvals, not along the ledger, not through a restart.

use futures_util::future::join_all;
use onshore_policy::Flow;

use crate::world::{World, place, wait};

#[test]
fn the_gates_time_only_grows_whatever_the_clock_does() {
    let world = World::new();
    let mut seen = world.house.gate.now();
    for step in [1, -1, 86_400_000, -86_400_000, 5, -i64::from(u32::MAX), 3] {
        world.clock.step(step);
        let now = world.house.gate.now();
        assert!(now >= seen);
        seen = now;
    }
}

#[test]
fn leaf_times_never_decrease_under_racing_units_and_a_jumping_clock() {
    let world = World::new();
    let clock = std::sync::Arc::clone(&world.clock);
    let gate = world.gate();
    let transfers: Vec<_> = (0..200)
        .map(|number| {
            let label = if number % 3 == 0 {
                "general"
            } else {
                "personal"
            };
            world.transfer(Flow::Read, label, 1, place("US"))
        })
        .collect();
    wait(async move {
        let asking = transfers.into_iter().enumerate().map(|(number, transfer)| {
            let (gate, clock) = (gate.clone(), std::sync::Arc::clone(&clock));
            tokio::spawn(async move {
                let step = i64::try_from(number).expect("small") * 7919 % 200_000;
                clock.step(if number % 2 == 0 { step } else { -step });
                drop(gate.permit(transfer).await);
            })
        });
        for asked in join_all(asking).await {
            asked.expect("no panic");
        }
    });
    let times: Vec<_> = world.leaves().iter().map(|leaf| leaf.time).collect();
    assert!(times.len() > 60);
    assert!(times.is_sorted());
}

#[test]
fn a_clock_set_back_over_a_restart_lengthens_no_approval() {
    let mut world = World::new();
    world.grant(1000);
    drop(world.export(1).expect("in force"));
    world.clock.step(3_600_000);
    assert!(world.export(1).is_err(), "lapsed; the refusal is on record");
    let recorded = world.house.gate.now();
    world.clock.step(-86_400_000);
    world.restart();
    assert!(world.house.gate.now() >= recorded);
    assert!(world.export(1).is_err(), "lapsed stays lapsed");
}

#[test]
fn an_approval_granted_under_a_fast_clock_ends_by_that_clock() {
    let world = World::new();
    world.clock.step(86_400_000);
    let approval = world.grant(1000);
    world.clock.step(-86_400_000);
    assert!(approval.granted <= world.house.gate.now());
    let permit = world.export(10).expect("in force at once");
    drop(world.house.gate.watch(&permit));
}
