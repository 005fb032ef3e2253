//! Witnesses: what they sign, what they are asked, and when they are enough.

use onshore_ledger::{
    AddCheckpoint, Checkpoint, CosignedHead, Cosigner, Error, Hash, MemoryTree, Note,
    PolicyWitness, Signer, TlogPolicy, VerifierKey, WitnessKey, WitnessRefusal, leaf_hash,
    prove_consistency,
};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

fn log() -> Signer {
    Signer::from_seed("example.com/log", &[1; 32]).expect("a name")
}

fn witness(number: u8) -> Cosigner {
    Cosigner::from_seed(&format!("witness.example/{number}"), &[100 + number; 32]).expect("a name")
}

fn hashes(size: u64) -> Vec<Hash> {
    (0..size)
        .map(|leaf| leaf_hash(&leaf.to_be_bytes()))
        .collect()
}

fn note_of(size: u64) -> Note {
    signed(&hashes(size), &log())
}

fn signed(leaves: &[Hash], signer: &Signer) -> Note {
    let tree = MemoryTree::new(leaves.to_vec());
    let checkpoint = Checkpoint {
        origin: signer.name().to_owned(),
        size: tree.size(),
        root: tree.root(),
    };
    Note::parse(&checkpoint.sign(signer).expect("its own")).expect("a note")
}

fn head(size: u64) -> CosignedHead {
    CosignedHead {
        size,
        root: MemoryTree::new(hashes(size)).root(),
    }
}

fn ask(old: u64, new: u64) -> AddCheckpoint {
    AddCheckpoint {
        old_size: old,
        proof: prove_consistency(&hashes(new), old).expect("within"),
        note: note_of(new),
    }
}

fn answer(asked: &AddCheckpoint, last: &CosignedHead) -> Result<Checkpoint, WitnessRefusal> {
    let asked = AddCheckpoint::parse(asked.to_string().as_bytes())?;
    let checkpoint = asked.checkpoint(&[log().verifier()])?;
    asked.judge(&checkpoint, last)?;
    Ok(checkpoint)
}

#[test]
fn a_cosignature_is_over_the_time_and_the_whole_text() {
    let note = note_of(5);
    let (first, second) = (witness(1), witness(2));
    let line = first.cosign(&note, 1_679_315_147).expect("a checkpoint");
    assert_eq!(line.signature.len(), 72);
    assert_eq!(line.signature[..8], 1_679_315_147_u64.to_be_bytes());
    let cosigned = note.clone().with([line.clone(), line.clone()]);
    assert_eq!(
        cosigned.signatures().len(),
        2,
        "one of the log, one of the witness"
    );
    assert_eq!(
        first.key().cosigned_at(&cosigned).expect("right"),
        Some(1_679_315_147)
    );
    assert_eq!(second.key().cosigned_at(&cosigned).expect("absent"), None);
    assert_eq!(first.key().cosigned_at(&note).expect("absent"), None);
    // The log's own signature is untouched, and a cosignature is none of the log's.
    assert!(cosigned.verify(&[log().verifier()]).is_ok());
    let text = cosigned.to_string();
    for (place, _) in text
        .char_indices()
        .filter(|(_, letter)| letter.is_ascii_alphanumeric())
    {
        let mut spoiled = text.clone().into_bytes();
        spoiled[place] ^= 1;
        let Ok(note) = Note::parse(&String::from_utf8_lossy(&spoiled)) else {
            continue;
        };
        let is_cosigned = matches!(first.key().cosigned_at(&note), Ok(Some(_)));
        let is_logs_line = place >= text.find("\n\n").expect("a note")
            && place < text.find("witness.example").expect("cosigned");
        assert!(!is_cosigned || is_logs_line, "byte {place}");
    }
}

#[test]
fn witness_keys_are_written_with_their_own_signature_type() {
    let key = witness(1).key().clone();
    let text = key.to_string();
    assert_eq!(text.parse::<WitnessKey>().expect("its own form"), key);
    assert!(matches!(
        text.parse::<VerifierKey>(),
        Err(Error::KeyAlgorithmUnknown {
            algorithm: 4,
            wanted: 1
        })
    ));
    assert!(matches!(
        log().verifier().to_string().parse::<WitnessKey>(),
        Err(Error::KeyAlgorithmUnknown {
            algorithm: 1,
            wanted: 4
        })
    ));
    assert!(!format!("{:?}", witness(1)).contains("101"));
}

#[test]
fn a_witness_answers_as_the_specification_says() {
    let none = CosignedHead::none();
    assert!(answer(&ask(0, 5), &none).is_ok());
    assert!(answer(&ask(0, 0), &none).is_ok());
    assert!(answer(&ask(5, 9), &head(5)).is_ok());
    assert!(answer(&ask(5, 5), &head(5)).is_ok(), "the same again");
    // Rollback: the proof begins where the witness has gone on from.
    assert_eq!(
        answer(&ask(3, 5), &head(9)),
        Err(WitnessRefusal::Conflict { cosigned_size: 9 })
    );
    assert_eq!(
        answer(&ask(0, 9), &head(5)),
        Err(WitnessRefusal::Conflict { cosigned_size: 5 })
    );
    // Truncation.
    let mut shorter = ask(5, 5);
    shorter.old_size = 9;
    assert_eq!(answer(&shorter, &head(9)), Err(WitnessRefusal::Malformed));
    // A fork of the same size, and one that is longer.
    let mut other = hashes(9);
    other[4] = leaf_hash(b"rewritten");
    let fork = |old_size, size: usize| AddCheckpoint {
        old_size,
        proof: prove_consistency(&other[..size], old_size).expect("within"),
        note: signed(&other[..size], &log()),
    };
    assert_eq!(
        answer(&fork(9, 9), &head(9)),
        Err(WitnessRefusal::Conflict { cosigned_size: 9 })
    );
    assert_eq!(
        answer(&fork(5, 9), &head(5)),
        Err(WitnessRefusal::NotConsistent)
    );
    assert!(
        answer(&fork(4, 9), &head(4)).is_ok(),
        "nobody saw the leaf that is another"
    );
    // Proofs that are none.
    let mut asked = ask(5, 9);
    asked.proof.pop();
    assert_eq!(answer(&asked, &head(5)), Err(WitnessRefusal::NotConsistent));
    let mut asked = ask(0, 5);
    asked.proof.push(leaf_hash(b"too much"));
    assert_eq!(answer(&asked, &none), Err(WitnessRefusal::NotConsistent));
    let mut asked = ask(5, 5);
    asked.proof.push(leaf_hash(b"too much"));
    assert_eq!(answer(&asked, &head(5)), Err(WitnessRefusal::NotConsistent));
}

#[test]
fn only_logs_that_are_known_and_signed_are_cosigned() {
    let stranger = Signer::from_seed("example.com/other", &[2; 32]).expect("a name");
    let forger = Signer::from_seed("example.com/log", &[2; 32]).expect("a name");
    for (signer, refusal) in [
        (&stranger, WitnessRefusal::LogUnknown),
        (&forger, WitnessRefusal::NotSigned),
    ] {
        let mut asked = ask(0, 5);
        asked.note = signed(&hashes(5), signer);
        assert_eq!(answer(&asked, &CosignedHead::none()), Err(refusal));
    }
}

#[test]
fn requests_of_strangers_are_refused_and_never_end_the_witness() {
    let good = ask(5, 9).to_string();
    assert!(AddCheckpoint::parse(good.as_bytes()).is_ok());
    for bad in [
        String::new(),
        "old 5\n".to_owned(),
        good.replace("old 5", "old 05"),
        good.replace("old 5", "old -5"),
        good.replace("old 5", "old  5"),
        good.replace("old 5", "new 5"),
        good.replace("old 5\n", "old 5\r\n"),
        good.replace("old 5\n", "old 5\nAAAA\n"),
        good.replacen(
            "old 5\n",
            &format!(
                "old 5\n{}",
                format!("{}\n", leaf_hash(b"x").to_base64()).repeat(64)
            ),
            1,
        ),
        good.replace("\n\n", "\n"),
        good.trim_end().to_owned(),
    ] {
        assert_eq!(
            AddCheckpoint::parse(bad.as_bytes()),
            Err(WitnessRefusal::Malformed),
            "{bad}"
        );
    }
    assert_eq!(
        AddCheckpoint::parse(&[b'\n'; 1 << 20]),
        Err(WitnessRefusal::Malformed)
    );
    assert_eq!(
        AddCheckpoint::parse(b"old 5\n\xff\n\n"),
        Err(WitnessRefusal::Malformed)
    );
}

fn policy(rest: &str) -> Result<TlogPolicy, Error> {
    let mut text = String::from("# a comment\n \t# another\n\n");
    text.push_str(&format!("log {} https://log.example/\n", log().verifier()));
    for number in 1..=5 {
        text.push_str(&format!("\twitness  W{number} {}\n", witness(number).key()));
    }
    text.push_str(rest);
    TlogPolicy::parse(text.as_bytes())
}

fn cosigned_by(numbers: &[u8]) -> Note {
    let note = note_of(5);
    let lines: Vec<_> = numbers
        .iter()
        .map(|number| witness(*number).cosign(&note, 7).expect("a checkpoint"))
        .collect();
    note.with(lines)
}

#[test]
fn a_quorum_is_counted_through_its_groups() {
    let held = |policy: &TlogPolicy, numbers: &[u8]| policy.require(&cosigned_by(numbers)).is_ok();
    let nested = policy("group X 2 W1 W2 W3\ngroup Y any W4 W5\ngroup both all X Y\nquorum both\n")
        .expect("the example");
    for (numbers, holds) in [
        (&[1, 2, 4][..], true),
        (&[2, 3, 5], true),
        (&[1, 2, 3, 4, 5], true),
        (&[1, 4, 5], false),
        (&[1, 2, 3], false),
        (&[], false),
    ] {
        assert_eq!(held(&nested, numbers), holds, "{numbers:?}");
    }
    let one = policy("quorum W2\n").expect("one witness");
    assert!(held(&one, &[2]) && !held(&one, &[1, 3]));
    let none = policy("quorum none\n").expect("no witness");
    assert!(held(&none, &[]) && !none.asks_for_witnesses());
    match nested.require(&cosigned_by(&[1, 4])) {
        Err(Error::QuorumMissing { size: 5, cosigned }) => assert_eq!(cosigned, ["W1", "W4"]),
        other => panic!("{other:?}"),
    }
    // A forged cosignature of somebody known refuses the whole note.
    let mut text = cosigned_by(&[1, 2, 4]).to_string();
    text = text.replace("\n5\n", "\n6\n");
    assert!(matches!(
        nested.require(&Note::parse(&text).expect("a note")),
        Err(Error::SignatureWrong { .. })
    ));
}

#[test]
fn policies_that_say_two_things_or_none_are_refused() {
    for bad in [
        "",
        "quorum W9\n",
        "quorum W1\nquorum W2\n",
        "quorum W1",
        "quorum W1\r\n",
        "group g 0 W1\nquorum g\n",
        "group g 3 W1 W2\nquorum g\n",
        "group g 01 W1 W2\nquorum g\n",
        "group g any\nquorum W1\n",
        "group g any none\nquorum g\n",
        "group none any W1\nquorum W2\n",
        "group W1 any W2\nquorum W1\n",
        "group g any W1 W1\nquorum g\n",
        "group g any W1\ngroup h any W1\nquorum h\n",
        "group g any h\ngroup h any W1\nquorum g\n",
        "group g any g\nquorum g\n",
        "witnesses W1\nquorum W1\n",
    ] {
        assert!(policy(bad).is_err(), "{bad:?}");
    }
    let again = format!("witness again {}\nquorum W1\n", witness(1).key());
    assert!(policy(&again).is_err(), "one witness under two names");
    let log_again = format!("log {}\nquorum W1\n", log().verifier());
    assert!(policy(&log_again).is_err());
    // The operator does not witness himself, under whatever name.
    let own = Cosigner::from_seed("independent.example", &[1; 32]).expect("a name");
    let own_witness = format!("witness own {}\nquorum own\n", own.key());
    assert!(matches!(policy(&own_witness), Err(Error::WitnessIsLog { name }) if name == "own"));
    let listed = TlogPolicy::of_witnesses(
        vec![PolicyWitness {
            name: "own".to_owned(),
            key: own.key().clone(),
            url: None,
        }],
        1,
    )
    .expect("no log is known");
    assert!(listed.check_logs(&[log().verifier()]).is_err());
}

proptest! {
    #[test]
    fn what_a_witness_cosigned_is_always_extended(sizes in proptest::collection::vec(0_u64..40, 1..12)) {
        // Requests come in any order; whatever is cosigned, the head never shrinks and never forks.
        let mut last = CosignedHead::none();
        for size in sizes {
            let asked = ask(last.size.min(size), size);
            match answer(&asked, &last) {
                Ok(checkpoint) => {
                    prop_assert!(checkpoint.size >= last.size);
                    last = CosignedHead { size: checkpoint.size, root: checkpoint.root };
                    prop_assert_eq!(last, head(size));
                }
                Err(refusal) => prop_assert_eq!(refusal, WitnessRefusal::Conflict { cosigned_size: last.size }),
            }
        }
    }

    #[test]
    fn no_text_ends_a_parser(bytes in any::<Vec<u8>>()) {
        prop_assert!(AddCheckpoint::parse(&bytes).is_err());
        prop_assert!(TlogPolicy::parse(&bytes).is_err());
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(onshore_ledger::TlogProof::parse(&text).is_err());
        prop_assert!(onshore_ledger::verify_evidence(&bytes, &[log().verifier()]).is_err());
    }
}
