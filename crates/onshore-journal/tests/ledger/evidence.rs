//! Bundles over spans of every kind hold what was recorded in them; reads are proven as long as they are kept.

use onshore_db::Unit;
use onshore_journal::{Error, Journal, Leaf, ReadRecord, Records, Span};
use onshore_ledger::{Disclosure, EvidenceAccount, Salt, canonical, verify_evidence};
use onshore_types::Timestamp;
use serde_json::{Value, json};

use crate::house::{House, wait};

const BASE: i64 = 1_800_000_000_000;

fn second(number: i64) -> Timestamp {
    Timestamp::from_millis(BASE + number * 1000)
}

fn record_at(house: &House, journal: &Journal, leaves: Vec<(i64, Value)>) {
    let journal = journal.clone();
    let recorded = house.db.write_blocking(move |unit: &Unit<'_>| {
        for (at, body) in leaves {
            let disclosure = Some(Disclosure {
                salt: Salt::new([3; 32]),
                record: json!({ "key": "name-of-an-object" }),
            });
            let time = second(at);
            journal.record(
                unit,
                Leaf {
                    time,
                    body,
                    disclosure,
                },
            )?;
        }
        Ok::<_, Error>(())
    });
    recorded.expect("recorded");
}

fn bundle(journal: &Journal, from: i64, to: i64, records: Records) -> Vec<u8> {
    let span = Span {
        from: second(from),
        to: second(to),
    };
    let plan = wait(journal.plan_evidence(span)).expect("planned");
    let mut bytes = Vec::new();
    let written = journal.write_evidence(&plan, records, |piece| {
        bytes.extend(piece);
        Ok::<_, Error>(())
    });
    written.expect("written");
    bytes
}

fn account(journal: &Journal, from: i64, to: i64) -> EvidenceAccount {
    let bytes = bundle(journal, from, to, Records::Shown);
    verify_evidence(&bytes, &[journal.verifier()]).expect("it holds")
}

#[test]
fn a_bundle_has_what_its_span_has_and_what_that_speaks_of() {
    let house = House::new();
    let journal = house.open().expect("opened");
    let mut leaves = vec![
        (0, json!({ "kind": "epoch", "epoch": 1 })),
        (
            1,
            json!({ "kind": "approval.granted", "approval": "a", "epoch": 1 }),
        ),
        (
            2,
            json!({ "kind": "approval.granted", "approval": "b", "epoch": 1 }),
        ),
        (
            3,
            json!({ "kind": "export.opened", "approval": "a", "epoch": 1 }),
        ),
    ];
    leaves.extend((10..700).map(|at| (at, json!({ "kind": "stored", "epoch": 1 }))));
    leaves.push((
        700,
        json!({ "kind": "export.closed", "opened": 3, "approval": "a", "epoch": 1 }),
    ));
    leaves.push((701, json!({ "kind": "epoch", "epoch": 2 })));
    leaves.push((
        702,
        json!({ "kind": "export.opened", "approval": "b", "epoch": 2 }),
    ));
    leaves.push((
        800,
        json!({ "kind": "approval.revoked", "approval": "b", "epoch": 2 }),
    ));
    leaves.push((
        801,
        json!({ "kind": "export.closed", "opened": 696, "approval": "b", "epoch": 2 }),
    ));
    record_at(&house, &journal, leaves);
    let told = |account: &EvidenceAccount| {
        let outside = account.entries.iter().filter(|entry| !entry.is_in_span);
        outside.map(|entry| entry.index).collect::<Vec<_>>()
    };
    let quiet = account(&journal, 100, 200);
    assert_eq!(quiet.counts.get("stored"), Some(&100));
    assert_eq!((told(&quiet), quiet.is_open), (vec![0], false));
    let closing = account(&journal, 700, 701);
    assert_eq!(closing.counts.len(), 1);
    // The epoch, the approval, the opening; and the neighbour behind the span.
    assert_eq!(told(&closing), [0, 1, 3, 695]);
    let opening = account(&journal, 702, 703);
    // The revocation came later and is the neighbour behind; the closing is part of what left.
    assert_eq!(told(&opening), [2, 695, 697, 698]);
    assert!(opening.entries.iter().all(|entry| entry.record.is_some()));
    for (from, to, is_open) in [
        (-5, 0, false),
        (-5, 5000, true),
        (5000, 6000, true),
        (400, 400, false),
        (0, 802, true),
    ] {
        let account = account(&journal, from, to);
        let wanted = (10..700).filter(|at| (from..to).contains(at)).count() as u64;
        assert_eq!(
            account.counts.get("stored").copied().unwrap_or(0),
            wanted,
            "{from}..{to}"
        );
        assert_eq!(account.is_open, is_open, "{from}..{to}");
    }
    let bare = bundle(&journal, 100, 200, Records::Withheld);
    assert!(
        !String::from_utf8(bare)
            .expect("text")
            .contains("name-of-an-object")
    );
}

#[test]
fn a_damaged_tile_becomes_no_bundle_that_nobody_can_check() {
    let house = House::new();
    let journal = house.open().expect("opened");
    record_at(
        &house,
        &journal,
        (0..600)
            .map(|at| (at, json!({ "kind": "stored" })))
            .collect(),
    );
    wait(journal.publish()).expect("published");
    for tile in ["tile/0/000", "tile/0/001"] {
        let path = house.ledger().join(tile);
        let mut bytes = std::fs::read(&path).expect("there");
        bytes[0] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        assert_eq!(account(&journal, 300, 400).counts.get("stored"), Some(&100));
    }
    house.tamper("UPDATE leaves SET body = CAST('{\"kind\":\"stored\",\"time\":\"2027-01-15T08:05:20.000Z\"}' AS BLOB) WHERE idx = 320");
    let span = Span {
        from: second(300),
        to: second(400),
    };
    let plan = wait(journal.plan_evidence(span)).expect("planned");
    let written = journal.write_evidence(&plan, Records::Shown, |_| Ok::<_, Error>(()));
    assert!(written.is_err(), "a leaf that was changed");
}

#[test]
fn a_read_is_proven_until_its_time_is_over_and_its_leaf_stays() {
    let house = House::new();
    let journal = house.open().expect("opened");
    let read = |number: i64| ReadRecord {
        time: second(number),
        salt: Salt::new([u8::try_from(number).expect("small"); 32]),
        record: canonical(&json!({ "key": number })).expect("canonical"),
    };
    let recording = journal.clone();
    let recorded = house.db.write_blocking(move |unit: &Unit<'_>| {
        let first: Vec<_> = (0..5).map(read).collect();
        let second_batch: Vec<_> = (5..7).map(read).collect();
        recording.record_reads(unit, second(10), 1, &first)?;
        recording.record_reads(unit, second(20), 1, &second_batch)?;
        Ok::<_, Error>(())
    });
    recorded.expect("recorded");
    for (leaf, position, key) in [(0, 0, 0), (0, 4, 4), (1, 1, 6)] {
        let proof = wait(journal.prove_read(leaf, position)).expect("proven");
        let verified = proof.verify(&[journal.verifier()]).expect("verifies");
        assert_eq!(verified.read, json!({ "key": key }));
    }
    for (leaf, position) in [(0, 5), (1, 2), (2, 0), (u64::MAX >> 1, 0)] {
        let refused = wait(journal.prove_read(leaf, position));
        assert!(
            matches!(refused, Err(Error::NoSuchRead { .. })),
            "{refused:?}"
        );
    }
    let remove = |before: i64| {
        let journal = journal.clone();
        house
            .db
            .write_blocking(move |unit| journal.remove_reads(unit, second(before)))
            .expect("removed")
    };
    assert_eq!(remove(10), 0, "not before its time");
    assert_eq!(remove(11), 5);
    assert_eq!(remove(20), 0);
    assert!(wait(journal.prove_read(0, 0)).is_err());
    assert!(wait(journal.prove_read(1, 0)).is_ok());
    assert!(wait(journal.prove(0, Vec::new())).is_ok(), "the leaf stays");
    // Records that somebody changed are proven to nobody.
    house.tamper("UPDATE read_records SET record = CAST('{\"key\":7}' AS BLOB) WHERE seq = 1");
    assert!(wait(journal.prove_read(1, 0)).is_err());
}
