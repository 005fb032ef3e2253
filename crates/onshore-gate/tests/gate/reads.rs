//! Reads inside the jurisdiction: batched, none lost but by a kill.

use onshore_policy::{Basis, Flow};

use crate::world::{World, number, place, wait};

fn read(world: &World, times: u64) {
    for _ in 0..times {
        let transfer = world.transfer(Flow::Read, "unclassified", 9, place("CN"));
        let permit = wait(world.house.gate.permit(transfer)).expect("inside");
        assert_eq!((permit.basis(), permit.export()), (Basis::Inside, None));
        let outflow = world.house.gate.watch(&permit);
        assert_eq!(outflow.leaf(), None);
        outflow.sent(9);
        outflow.check().expect("never stops inside");
    }
}

fn counted(world: &World) -> u64 {
    let reads = world.told("reads");
    reads.iter().filter_map(|leaf| number(leaf, "count")).sum()
}

#[test]
fn draining_records_every_read_once() {
    let world = World::new();
    read(&world, 30);
    assert_eq!(counted(&world), 0, "they wait for their batch");
    wait(world.house.gate.drain()).expect("drained");
    assert_eq!(counted(&world), 30);
    wait(world.house.gate.drain()).expect("drained");
    assert_eq!(world.told("reads").len(), 1, "an empty batch has no leaf");
    read(&world, 3);
    wait(world.house.gate.drain()).expect("drained");
    assert_eq!(counted(&world), 33);
}

#[test]
fn many_reads_from_many_tasks_are_all_recorded_while_batches_are_taken() {
    let world = World::new();
    let (gate, transfer) = (
        world.gate(),
        world.transfer(Flow::Read, "personal", 1, place("CN")),
    );
    wait(async {
        let stop = tokio_util::sync::CancellationToken::new();
        let (running, stopping) = (gate.clone(), stop.clone());
        let runner = tokio::spawn(async move { running.run(stopping).await });
        let readers: Vec<_> = (0..20)
            .map(|_| {
                let (gate, transfer) = (gate.clone(), transfer.clone());
                tokio::spawn(async move {
                    for _ in 0..150 {
                        let permit = gate.permit(transfer.clone()).await.expect("inside");
                        drop(gate.watch(&permit));
                    }
                })
            })
            .collect();
        for reader in readers {
            reader.await.expect("no panic");
        }
        stop.cancel();
        runner.await.expect("it ends");
        gate.drain().await.expect("drained");
    });
    assert_eq!(counted(&world), 3000);
}
