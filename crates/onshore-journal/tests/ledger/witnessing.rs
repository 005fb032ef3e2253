//! What witnesses say is kept before it is shown, counts only with its quorum, and survives a restart.

use std::fs;

use onshore_journal::{Cosignature, Error, Head, Journal};
use onshore_ledger::{Checkpoint, Cosigner, Note, PolicyWitness, TlogPolicy};

use crate::house::{House, record, wait};

fn witness(number: u8) -> Cosigner {
    Cosigner::from_seed(&format!("witness.example/{number}"), &[number; 32]).expect("a name")
}

fn policy(numbers: &[u8], quorum: usize) -> Option<TlogPolicy> {
    let listed = numbers.iter().map(|number| PolicyWitness {
        name: number.to_string(),
        key: witness(*number).key().clone(),
        url: None,
    });
    Some(TlogPolicy::of_witnesses(listed.collect(), quorum).expect("a policy"))
}

fn cosigned(journal: &Journal, head: &Head, numbers: &[u8]) -> bool {
    let note = Note::parse(&head.note).expect("a note");
    let cosignatures = numbers.iter().map(|number| Cosignature {
        witness: witness(*number).key().to_string(),
        time_s: 7,
        line: witness(*number).cosign(&note, 7).expect("a checkpoint"),
    });
    wait(journal.keep_cosigned(head, cosignatures.collect())).expect("kept")
}

#[test]
fn only_a_quorum_makes_a_witnessed_checkpoint() {
    let house = House::new();
    let journal = house
        .open_watched(&*house.keys, policy(&[1, 2, 3], 2))
        .expect("opened");
    let keys = [journal.verifier()];
    record(&journal, &house.db, 0..300);
    wait(journal.publish()).expect("published");
    let head = journal.head();
    assert!(!cosigned(&journal, &head, &[1]));
    assert!(journal.witnessed().is_none());
    assert_eq!(
        journal.checkpoint().lines().count(),
        6,
        "it is shown all the same"
    );
    assert!(cosigned(&journal, &head, &[1, 3]));
    assert_eq!(journal.witnessed().expect("witnessed").size, 300);
    let shown = fs::read_to_string(house.ledger().join("checkpoint.witnessed")).expect("there");
    assert!(Checkpoint::verify(&shown, &keys).is_ok());
    assert_eq!(
        fs::read_to_string(house.ledger().join("checkpoint")).expect("there"),
        journal.checkpoint()
    );
    // What comes later is not witnessed; proofs of what was are made under what witnesses saw.
    record(&journal, &house.db, 300..310);
    wait(journal.publish()).expect("published");
    assert_eq!(
        (
            journal.head().size,
            journal.witnessed().expect("still").size
        ),
        (310, 300)
    );
    let under = |index| {
        wait(journal.prove(index, Vec::new()))
            .expect("proven")
            .verify(&keys)
            .expect("holds")
            .checkpoint
            .size
    };
    assert_eq!((under(299), under(300)), (300, 310));
    // An answer that came late takes nothing back.
    assert!(cosigned(&journal, &journal.head(), &[2, 3]));
    assert!(cosigned(&journal, &head, &[1, 2]));
    assert_eq!(journal.witnessed().expect("still").size, 310);
    let states = wait(journal.witness_states()).expect("told");
    assert_eq!(states.len(), 3);
    drop(journal);
    let journal = house
        .open_watched(&*house.keys, policy(&[1, 2, 3], 2))
        .expect("opened again");
    assert_eq!(journal.witnessed().expect("kept").size, 310);
    assert_eq!(
        journal.head().note,
        journal.witnessed().expect("kept").note,
        "signed once, cosigned once"
    );
}

#[test]
fn requests_to_witnesses_extend_what_they_saw() {
    let house = House::new();
    let journal = house
        .open_watched(&*house.keys, policy(&[1], 1))
        .expect("opened");
    record(&journal, &house.db, 0..700);
    wait(journal.publish()).expect("published");
    let head = journal.head();
    let hashes = |size: u64| {
        let leaves = wait(journal.leaves(0, 1000)).expect("readable");
        let encoded = leaves.iter().take(usize::try_from(size).expect("small"));
        onshore_ledger::root_of(encoded.map(|leaf| {
            onshore_ledger::leaf_hash(&onshore_ledger::encode_leaf(&leaf.body).expect("a leaf"))
        }))
    };
    for size in [0, 1, 255, 256, 257, 512, 699, 700] {
        let asked = wait(journal.ask(&head, size)).expect("a request");
        let checkpoint = asked.checkpoint(&[journal.verifier()]).expect("signed");
        let last = onshore_ledger::CosignedHead {
            size,
            root: hashes(size),
        };
        assert!(asked.judge(&checkpoint, &last).is_ok(), "from {size}");
    }
    assert!(matches!(
        wait(journal.ask(&head, 701)),
        Err(Error::Ledger(_))
    ));
}

#[test]
fn a_witnessed_checkpoint_guards_against_a_database_that_was_rolled_back() {
    let house = House::new();
    let journal = house
        .open_watched(&*house.keys, policy(&[1], 1))
        .expect("opened");
    record(&journal, &house.db, 0..20);
    wait(journal.publish()).expect("published");
    assert!(cosigned(&journal, &journal.head(), &[1]));
    drop(journal);
    // The checkpoint was taken out of sight, and the last leaves out of the database.
    fs::remove_file(house.ledger().join("checkpoint")).expect("removed");
    house.tamper("DELETE FROM leaves WHERE idx >= 10");
    house.tamper("DELETE FROM checkpoint");
    assert!(matches!(house.open(), Err(Error::Rewritten { .. })));
}

#[test]
fn the_ledgers_own_key_is_no_witness() {
    let house = House::new();
    let journal = house.open().expect("opened");
    let public = *journal.verifier().public();
    drop(journal);
    let own = PolicyWitness {
        name: "own".to_owned(),
        key: onshore_ledger::WitnessKey::new("independent.example", public).expect("a name"),
        url: None,
    };
    let policy = TlogPolicy::of_witnesses(vec![own], 1).expect("nobody's yet");
    let refused = house.open_watched(&*house.keys, Some(policy));
    assert!(matches!(
        refused,
        Err(Error::Ledger(onshore_ledger::Error::WitnessIsLog { .. }))
    ));
}
