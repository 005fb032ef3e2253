//! Leaves get dense positions, whatever else goes wrong around them, and time never runs backwards.

use std::thread;

use onshore_journal::{Error, Leaf, ReadRecord};
use onshore_ledger::{
    Disclosure, Hash, LEAF_BYTES_MAX, Salt, canonical, commitment_of_bytes, leaf_hash, root_of,
};
use onshore_types::Timestamp;
use serde_json::{Value, json};

use crate::house::{House, leaf, numbers, record, wait};

#[test]
fn positions_are_dense_under_units_that_roll_back() {
    let house = House::new();
    let journal = house.open().expect("opened");
    thread::scope(|scope| {
        for worker in 0..8_u64 {
            let (db, journal) = (house.db.clone(), journal.clone());
            scope.spawn(move || {
                for n in 0..60 {
                    let number = worker * 1000 + n;
                    let journal = journal.clone();
                    let told = db.write_blocking(move |unit| {
                        let index = journal.record(unit, leaf(number))?;
                        match n % 5 {
                            0 => Err(Error::NotAnObject),
                            1 => panic!("a unit gives up"),
                            _ => Ok(index),
                        }
                    });
                    assert_eq!(told.is_ok(), n % 5 > 1);
                }
            });
        }
    });
    let found = numbers(&journal);
    assert_eq!(found.len(), 8 * 36);
    for (position, (index, number)) in (0_u64..).zip(&found) {
        assert_eq!(*index, position);
        assert!(number % 1000 % 5 > 1, "{number} was rolled back");
    }
    wait(journal.publish()).expect("published");
    assert_eq!(house.check_as_stranger(&journal.verifier()).size, 8 * 36);
}

#[test]
fn the_position_told_is_the_position_taken() {
    let house = House::new();
    let journal = house.open().expect("opened");
    for number in 0..20_u64 {
        let recorder = journal.clone();
        let told = house
            .db
            .write_blocking(move |unit| recorder.record(unit, leaf(number)))
            .expect("recorded");
        assert_eq!(told, number);
    }
    assert_eq!(numbers(&journal).last(), Some(&(19, 19)));
}

#[test]
fn a_time_before_the_last_leaf_is_raised_to_it_in_the_leaf_too() {
    let house = House::new();
    let journal = house.open().expect("opened");
    for millis in [5_000_000_000_i64, 1, -7, 4_999_999_999, 5_000_000_001] {
        let recorder = journal.clone();
        house
            .db
            .write_blocking(move |unit| {
                let time = Timestamp::from_millis(millis);
                recorder.record(unit, Leaf { time, ..leaf(0) })
            })
            .expect("recorded");
    }
    let leaves = wait(journal.leaves(0, 10)).expect("readable");
    let times: Vec<i64> = leaves.iter().map(|leaf| leaf.time.as_millis()).collect();
    assert_eq!(
        times,
        [
            5_000_000_000,
            5_000_000_000,
            5_000_000_000,
            5_000_000_000,
            5_000_000_001
        ]
    );
    for leaf in &leaves {
        let told = leaf.body.get("time").and_then(Value::as_str);
        assert_eq!(told, Some(leaf.time.to_string().as_str()));
    }
    assert_eq!(
        journal.latest_time().expect("known").as_millis(),
        5_000_000_001
    );
}

#[test]
fn a_leaf_that_cannot_be_recorded_takes_its_unit_with_it() {
    let house = House::new();
    let journal = house.open().expect("opened");
    record(&journal, &house.db, 0..1);
    let bodies = [
        json!("text"),
        json!([1]),
        json!({ "n": 1.5 }),
        json!({ "n": u64::MAX }),
        json!({ "long": "x".repeat(LEAF_BYTES_MAX) }),
    ];
    for body in bodies {
        let recorder = journal.clone();
        let refused = house.db.write_blocking(move |unit| {
            recorder.record(unit, leaf(1))?;
            recorder.record(unit, Leaf { body, ..leaf(2) })
        });
        assert!(refused.is_err());
    }
    assert_eq!(numbers(&journal), [(0, 0)]);
}

#[test]
fn a_leaf_commits_to_its_record_and_does_not_tell_it() {
    let house = House::new();
    let journal = house.open().expect("opened");
    let record = json!({ "key": "Li Wei/passport.pdf", "sha256": "ab".repeat(32) });
    let disclosure = Disclosure {
        salt: Salt::new([9; 32]),
        record: record.clone(),
    };
    let recorder = journal.clone();
    house
        .db
        .write_blocking(move |unit| {
            let disclosure = Some(disclosure);
            recorder.record(
                unit,
                Leaf {
                    disclosure,
                    ..leaf(0)
                },
            )
        })
        .expect("recorded");
    let bundle = wait(journal.prove(0, Vec::new())).expect("proven");
    let text = String::from_utf8(bundle.leaf.clone()).expect("JSON");
    assert!(!text.contains("Li Wei") && !text.contains("abab"), "{text}");
    let verified = bundle.verify(&[journal.verifier()]).expect("verifies");
    assert_eq!(verified.record, Some(record));
    let mut forged = bundle;
    if let Some(disclosure) = &mut forged.disclosure {
        disclosure.record = json!({ "key": "somebody else" });
    }
    assert!(forged.verify(&[journal.verifier()]).is_err());
}

#[test]
fn a_batch_of_reads_is_one_leaf_whose_root_holds_every_record() {
    let house = House::new();
    let journal = house.open().expect("opened");
    let reads: Vec<ReadRecord> = (0..1000_u16)
        .map(|n| ReadRecord {
            time: Timestamp::from_millis(i64::from(n)),
            salt: Salt::new([(n % 251).to_le_bytes()[0]; 32]),
            record: canonical(&json!({ "key": format!("person {n}") })).expect("canonical"),
        })
        .collect();
    let (recorder, batch) = (journal.clone(), reads.clone());
    let now = Timestamp::from_millis(1_800_000_000_000);
    house
        .db
        .write_blocking(move |unit| recorder.record_reads(unit, now, 3, &batch))
        .expect("recorded");
    let leaves = wait(journal.leaves(0, 10)).expect("readable");
    let [leaf] = leaves.as_slice() else {
        panic!("one leaf, not {}", leaves.len());
    };
    let hashes = reads.iter().map(|read| {
        let commitment = commitment_of_bytes(read.salt.as_bytes(), &read.record);
        leaf_hash(commitment.as_bytes())
    });
    let root: Hash = root_of(hashes);
    assert_eq!(
        leaf.body,
        json!({
            "kind": "reads", "epoch": 3, "count": 1000, "root": root.to_string(),
            "time": leaf.time.to_string(),
        })
    );
}
