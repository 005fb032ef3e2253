//! Proofs hold or are errors; a damaged tile is written again and the proof given.

use std::fs;

use onshore_journal::Error;
use onshore_ledger::tiles_to_write;

use crate::house::{House, record, wait};

#[test]
fn every_leaf_is_provable_and_none_beyond() {
    let house = House::new();
    let journal = house.open().expect("opened");
    let keys = [journal.verifier()];
    record(&journal, &house.db, 0..600);
    for index in [0, 1, 255, 256, 511, 512, 598, 599] {
        let bundle = wait(journal.prove(index, vec![0, 599])).expect("proven");
        let verified = bundle.verify(&keys).expect("verifies");
        assert_eq!(verified.leaf.get("number"), Some(&index.into()));
        assert_eq!(verified.related.len(), 2);
    }
    for (index, related) in [
        (600, vec![]),
        (u64::MAX, vec![]),
        (0, vec![600]),
        (0, vec![u64::MAX]),
    ] {
        let refused = wait(journal.prove(index, related));
        assert!(
            matches!(refused, Err(Error::NoSuchLeaf { .. })),
            "{refused:?}"
        );
    }
}

#[test]
fn damage_found_while_proving_is_repaired() {
    let house = House::new();
    let journal = house.open().expect("opened");
    let keys = [journal.verifier()];
    record(&journal, &house.db, 0..700);
    wait(journal.publish()).expect("published");
    for tile in tiles_to_write(0, 700) {
        let path = house.ledger().join(tile.path());
        let whole = fs::read(&path).expect("read");
        for damaged in [None, Some(Vec::new()), Some(vec![0x11; whole.len()])] {
            match damaged {
                Some(bytes) => fs::write(&path, bytes).expect("damaged"),
                None => fs::remove_file(&path).expect("removed"),
            }
            for index in [0, 300, 699] {
                let bundle = wait(journal.prove(index, Vec::new())).expect("proven all the same");
                bundle.verify(&keys).expect("verifies");
            }
        }
        fs::write(&path, whole).expect("restored");
    }
    house.check_as_stranger(&keys[0]);
}

#[test]
fn a_leaf_changed_behind_the_ledgers_back_is_never_proven() {
    let house = House::new();
    let journal = house.open().expect("opened");
    record(&journal, &house.db, 0..300);
    wait(journal.publish()).expect("published");
    house.tamper(r#"UPDATE leaves SET body = CAST('{"kind":"test","number":9,"time":"2027-01-15T08:00:00.000Z"}' AS BLOB) WHERE idx = 77"#);
    let refused = wait(journal.prove(77, Vec::new()));
    assert!(
        matches!(refused, Err(Error::Rewritten { .. })),
        "{refused:?}"
    );
    let bundle = wait(journal.prove(78, Vec::new())).expect("others still are");
    bundle.verify(&[journal.verifier()]).expect("verifies");
}
