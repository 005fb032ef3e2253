//! What leaves tell: the epoch, always; names, addresses and hashes of contents, never.

use onshore_gate::{Error, RemovedFact, StoredFact};
use onshore_keys::Secret;
use onshore_policy::{Flow, Permit};
use onshore_types::{AccessKeyId, BucketId, VersionId};
use serde_json::json;

use crate::sim::house::operator;
use crate::world::{KEY, World, number, place, tenant, text, wait};

const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn stored(world: &World, version: u8) -> StoredFact {
    StoredFact {
        tenant: world.user.tenant.expect("a tenant"),
        bucket: BucketId::from_bytes([6; 16]),
        version: VersionId::from_bytes([version; 16]),
        label: "personal".parse().expect("a label"),
        size_bytes: 12,
        replaced: None,
        record: json!({ "key": KEY, "sha256": SHA256, "from_address": "203.0.113.77" }),
        salt: [3; 32],
    }
}

fn permit(world: &World, flow: Flow) -> Permit {
    let transfer = world.transfer(flow, "personal", 12, place("CN"));
    wait(world.house.gate.permit(transfer)).expect("permitted")
}

fn settle(world: &World, permit: Permit, fact: StoredFact) -> Result<u64, Error> {
    let gate = world.gate();
    world
        .house
        .db
        .write_blocking(move |unit| gate.settle_stored(unit, &permit, &fact))
}

#[test]
fn no_leaf_tells_a_name_an_address_or_a_hash_of_contents() {
    let world = World::new();
    let gate = world.gate();
    let id = AccessKeyId::parse("ONSHPRIVATEACCESSKEY").expect("a name");
    let given = Some((id, Secret::new(b"a secret that nobody sees".to_vec())));
    wait(gate.create_key(operator(), &tenant(), given)).expect("a key");
    let approval = world.grant(1000);
    settle(&world, permit(&world, Flow::Store), stored(&world, 1)).expect("settled");
    let (removing, changing) = (permit(&world, Flow::Change), permit(&world, Flow::Change));
    let fact = RemovedFact {
        tenant: world.user.tenant.expect("a tenant"),
        bucket: BucketId::from_bytes([6; 16]),
        version: VersionId::from_bytes([1; 16]),
        label: "personal".parse().expect("a label"),
    };
    let settling = gate.clone();
    world
        .house
        .db
        .write_blocking(move |unit| {
            settling.settle_removed(unit, &removing, &fact)?;
            let record = json!({ "key": KEY, "tags": { "patient": "Zhang San" } });
            settling.settle_changed(unit, &changing, record)
        })
        .expect("settled");
    let export = world.export(10).expect("permitted");
    drop(gate.watch(&export));
    drop(gate.watch(&permit(&world, Flow::Read)));
    world.refused(world.transfer(Flow::Read, "core", 1, place("US")));
    world.refused(world.transfer(Flow::Read, "core", 1, place("US")));
    let inspect = world.transfer(Flow::Inspect, "personal", 0, place("US"));
    drop(wait(gate.permit(inspect)).expect("covered"));
    wait(gate.revoke_approval(operator(), approval.id)).expect("revoked");
    wait(gate.drain()).expect("drained");

    let kinds: std::collections::BTreeSet<String> = world
        .leaves()
        .iter()
        .filter_map(|leaf| text(&leaf.body, "kind").map(str::to_owned))
        .collect();
    assert!(kinds.len() >= 13, "{kinds:?}");
    for leaf in world.leaves() {
        let told = leaf.body.to_string();
        for private in [
            "Zhang",
            "patients",
            "1987",
            "203.0.113",
            "9f86d0",
            "huaxia",
            "ONSHPRIVATE",
            "nobody sees",
        ] {
            assert!(!told.contains(private), "`{private}` in {told}");
        }
    }
}

#[test]
fn each_start_is_an_epoch_and_every_leaf_names_its_own() {
    let mut world = World::new();
    for epoch in 1..=3 {
        assert_eq!(world.house.gate.epoch(), epoch);
        world.refused(world.transfer(Flow::Read, "core", 1, place("US")));
        world.clock.step(60_000);
        world.restart();
    }
    let epochs = world.told("epoch");
    assert_eq!(epochs.len(), 4);
    let mut current = 0;
    for leaf in world.leaves() {
        if text(&leaf.body, "kind") == Some("epoch") {
            current += 1;
        }
        assert_eq!(number(&leaf.body, "epoch"), Some(current), "{}", leaf.body);
    }
    for leaf in &epochs {
        assert!(leaf.pointer("/document/configuration/region/id").is_some());
        assert!(leaf.pointer("/document/pack_sha256").is_some());
        assert!(leaf.pointer("/document/version").is_some());
    }
}

#[test]
fn a_permit_of_an_epoch_that_is_over_settles_nothing() {
    let mut world = World::new();
    let old = permit(&world, Flow::Store);
    world.restart();
    let refused = settle(&world, old, stored(&world, 1));
    assert!(matches!(refused, Err(Error::EpochChanged)), "{refused:?}");
    assert!(world.told("stored").is_empty());
    settle(&world, permit(&world, Flow::Store), stored(&world, 1)).expect("settled");
}

#[test]
fn a_unit_that_fails_after_settling_leaves_no_leaf() {
    let world = World::new();
    let before = world.leaves();
    let (gate, fact) = (world.gate(), stored(&world, 1));
    let permit = permit(&world, Flow::Store);
    let failed = world.house.db.write_blocking(move |unit| {
        gate.settle_stored(unit, &permit, &fact)?;
        Err::<(), _>(Error::EpochChanged)
    });
    assert!(failed.is_err());
    assert_eq!(world.leaves(), before);
}

#[test]
fn the_leaf_of_a_stored_version_commits_to_its_record() {
    let world = World::new();
    let fact = stored(&world, 1);
    let leaf = settle(&world, permit(&world, Flow::Store), fact.clone()).expect("settled");
    let journal = world.house.gate.journal();
    let mut bundle = wait(journal.prove(leaf, Vec::new())).expect("proven");
    assert!(
        bundle.disclosure.is_none(),
        "the record is kept beside the version"
    );
    bundle.disclosure = Some(onshore_ledger::Disclosure {
        salt: onshore_ledger::Salt::new(fact.salt),
        record: fact.record.clone(),
    });
    let verified = bundle.verify(&[journal.verifier()]).expect("verifies");
    assert_eq!(verified.record, Some(fact.record));
}
