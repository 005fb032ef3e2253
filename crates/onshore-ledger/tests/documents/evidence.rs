//! Evidence bundles and proven reads: what an honest one says, and every way to leave something out of one or to change it.

use onshore_ledger::{
    Checkpoint, Disclosure, Error, EvidenceContext, EvidenceFormat, EvidenceHead, EvidenceLeaf,
    EvidenceWriter, Hash, MemoryTree, ProofBundle, RangeProof, ReadFormat, ReadProof, Salt,
    TlogProof, commitment, encode_leaf, leaf_hash, verify_evidence,
};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

use crate::fixture::{ORIGIN, keys, signer, verify};

const FROM: &str = "2021-09-01T10:00:00.000Z";
const TO: &str = "2021-09-01T11:00:00.000Z";

fn at(minute: u32) -> String {
    format!(
        "2021-09-01T{:02}:{:02}:00.000Z",
        9 + minute / 60,
        minute % 60
    )
}

/// A log of two hours; the span is its second one.
fn leaves() -> Vec<Value> {
    let record = commitment(&[7; 32], &record())
        .expect("canonical")
        .to_string();
    let mut leaves = vec![
        json!({"kind": "epoch", "epoch": 1, "document": {"pack_sha256": "aa"}, "time": at(0)}),
        json!({"kind": "approval.granted", "approval": "a1", "epoch": 1, "time": at(1)}),
        json!({"kind": "export.opened", "approval": "a1", "epoch": 1, "export": "x0", "time": at(30)}),
        json!({"kind": "stored", "epoch": 1, "time": at(59)}),
        json!({"kind": "export.closed", "epoch": 1, "opened": 2, "time": at(60)}),
        json!({"kind": "export.opened", "approval": "a1", "epoch": 1, "export": "x1", "record": record, "time": at(70)}),
    ];
    leaves.extend(
        (0..20).map(|minute| json!({"kind": "stored", "epoch": 1, "time": at(80 + minute)})),
    );
    leaves.push(json!({"kind": "refused", "rule": "border", "epoch": 1, "time": at(119)}));
    leaves.push(json!({"kind": "export.closed", "epoch": 1, "opened": 5, "time": at(120)}));
    leaves.push(json!({"kind": "stored", "epoch": 1, "time": at(121)}));
    leaves
}

fn record() -> Value {
    json!({"key": "payroll.csv", "to": "US"})
}

struct Made {
    leaves: Vec<Vec<u8>>,
    tree: MemoryTree,
    first: u64,
    end: u64,
    context: Vec<u64>,
    from: String,
    to: String,
    /// Whether the record of the export is shown.
    is_shown: bool,
}

impl Made {
    fn honest() -> Self {
        Self::of(&leaves())
    }

    fn of(leaves: &[Value]) -> Self {
        let leaves: Vec<Vec<u8>> = leaves
            .iter()
            .map(|leaf| encode_leaf(leaf).expect("a leaf"))
            .collect();
        let tree = MemoryTree::new(leaves.iter().map(|leaf| leaf_hash(leaf)).collect());
        Self {
            leaves,
            tree,
            first: 3,
            end: 28,
            context: vec![0, 1, 2],
            from: FROM.to_owned(),
            to: TO.to_owned(),
            is_shown: true,
        }
    }

    fn checkpoint(&self) -> String {
        let checkpoint = Checkpoint {
            origin: ORIGIN.to_owned(),
            size: self.tree.size(),
            root: self.tree.root(),
        };
        checkpoint.sign(&signer()).expect("our origin")
    }

    fn text(&self, index: u64) -> String {
        let leaf = self.leaves[usize::try_from(index).expect("small")].clone();
        String::from_utf8(leaf).expect("text")
    }

    fn bytes(&self) -> Vec<u8> {
        let size = self.tree.size();
        let mut writer = EvidenceWriter::new();
        let head = EvidenceHead {
            format: EvidenceFormat::V1,
            from: self.from.clone(),
            to: self.to.clone(),
            first: self.first,
            count: self.end - self.first,
            range: RangeProof::new(self.first, self.end, size, |node| self.tree.node(node))
                .expect("within the tree"),
            context: self.context.len() as u64,
            checkpoint: self.checkpoint(),
        };
        let mut bytes = writer.line(&head).expect("a line");
        for index in self.first..self.end {
            let is_shown = self.is_shown && index == 5;
            let line = EvidenceLeaf {
                leaf: self.text(index),
                record: is_shown.then(|| record().to_string()),
                salt: is_shown.then(|| Salt::new([7; 32])),
            };
            bytes.extend(writer.line(&line).expect("a line"));
        }
        for &index in &self.context {
            let line = EvidenceContext {
                index,
                leaf: self.text(index),
                path: self.tree.prove_inclusion(index).expect("within the tree"),
                record: None,
                salt: None,
            };
            bytes.extend(writer.line(&line).expect("a line"));
        }
        bytes.extend(writer.finish(&signer()).expect("signed"));
        bytes
    }

    fn refused(&self) -> Error {
        verify_evidence(&self.bytes(), &keys()).expect_err("not whole")
    }
}

#[test]
fn an_honest_bundle_tells_who_exported_what_on_which_approval() {
    let account = verify_evidence(&Made::honest().bytes(), &keys()).expect("honest");
    assert_eq!(account.origin, ORIGIN);
    assert!(!account.is_open);
    let counts = ["stored", "export.opened", "export.closed", "refused"]
        .map(|kind| account.counts.get(kind).copied().unwrap_or_default());
    assert_eq!(counts, [20, 1, 1, 1]);
    let shown: Vec<_> = account
        .entries
        .iter()
        .map(|entry| (entry.index, entry.is_in_span))
        .collect();
    assert_eq!(
        shown,
        [
            (0, false),
            (1, false),
            (2, false),
            (4, true),
            (5, true),
            (26, true),
            (27, false)
        ]
    );
    assert_eq!(account.entries[4].record, Some(record()));
}

#[test]
fn no_byte_of_a_bundle_can_be_changed() {
    let honest = Made::honest().bytes();
    for place in 0..honest.len() {
        for bit in [1_u8, 0x20] {
            let mut spoiled = honest.clone();
            spoiled[place] ^= bit;
            assert!(verify(&spoiled).is_err(), "byte {place}");
        }
    }
    for cut in [0, 1, honest.len() / 2, honest.len() - 1] {
        assert!(verify(&honest[..cut]).is_err(), "cut to {cut}");
    }
    assert!(verify(&[&honest[..], b"\n"].concat()).is_err());
    assert!(verify(&[&honest[..], &honest[..]].concat()).is_err());
    // Signing by another key of the log's name does not help.
    let stranger = onshore_ledger::Signer::from_seed(ORIGIN, &[4; 32]).expect("a name");
    assert!(verify_evidence(&honest, &[stranger.verifier()]).is_err());
}

#[test]
fn an_operator_cannot_leave_out_what_the_span_speaks_of() {
    let with = |change: fn(&mut Made)| {
        let mut made = Made::honest();
        change(&mut made);
        made.refused().to_string()
    };
    assert!(with(|made| made.context = vec![1, 2]).contains("epoch"));
    assert!(with(|made| made.context = vec![0, 2]).contains("approval"));
    assert!(with(|made| made.context = vec![0, 1]).contains("opening"));
    assert!(with(|made| made.context = vec![0, 1, 2, 2]).contains("twice"));
    assert!(with(|made| made.context = vec![0, 1, 2, 9]).contains("twice"));
    assert!(with(|made| made.first = 4).contains("first leaf is not before"));
    assert!(with(|made| made.end = 27).contains("last leaf is not behind"));
    assert!(with(|made| made.from = at(58)).contains("first leaf is not before"));
    assert!(with(|made| made.to = "2021-09-01".to_owned()).contains("time"));
    assert!(with(|made| made.to = at(10)).contains("ends before"));
    // Beginning at the first leaf of all and ending at the last one nothing can be missing.
    let mut whole = Made::honest();
    (whole.first, whole.end, whole.context) = (0, whole.tree.size(), Vec::new());
    whole.to = at(200);
    assert!(
        verify_evidence(&whole.bytes(), &keys())
            .expect("whole")
            .is_open
    );
}

#[test]
fn times_that_run_backwards_hide_nothing() {
    let mut leaves = leaves();
    leaves[10]["time"] = json!(at(10));
    assert!(
        Made::of(&leaves)
            .refused()
            .to_string()
            .contains("backwards")
    );
}

#[test]
fn a_record_that_the_leaf_does_not_commit_to_is_refused() {
    let honest = String::from_utf8(Made::honest().bytes()).expect("text");
    let mut writer = EvidenceWriter::new();
    let mut bytes = Vec::new();
    let lines: Vec<&str> = honest.lines().collect();
    for line in &lines[..lines.len() - 1] {
        let changed = line.replace("payroll.csv", "picture.png");
        let value: Value = serde_json::from_str(&changed).expect("JSON");
        // The operator signs what he changed.
        bytes.extend(writer.line(&Ordered(&changed, value)).expect("a line"));
    }
    bytes.extend(writer.finish(&signer()).expect("signed"));
    assert!(matches!(
        verify_evidence(&bytes, &keys()),
        Err(Error::DisclosureRefused)
    ));
}

/// A line as it stands.
struct Ordered<'a>(&'a str, Value);

impl serde::Serialize for Ordered<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(self.0.starts_with('{'));
        self.1.serialize(serializer)
    }
}

proptest! {
    #[test]
    fn every_run_is_proven_and_no_other_leaf_passes(size in 1_u64..300, a in 0_u64..300, b in 0_u64..300, odd in 0_usize..300) {
        let (first, end) = (a.min(b) % (size + 1), a.max(b).min(size));
        let first = first.min(end);
        let hashes: Vec<Hash> = (0..size).map(|leaf| leaf_hash(&leaf.to_be_bytes())).collect();
        let tree = MemoryTree::new(hashes.clone());
        let proof = RangeProof::new(first, end, size, |node| tree.node(node)).expect("a run");
        prop_assert!(proof.before.len() + proof.behind.len() <= 128);
        let run = |leaves: &[Hash]| -> Result<(), Error> {
            let mut check = proof.begin(first)?;
            leaves.iter().try_for_each(|leaf| check.append(*leaf))?;
            check.finish(size, &tree.root())
        };
        let honest = &hashes[usize::try_from(first).expect("small")..usize::try_from(end).expect("small")];
        prop_assert!(run(honest).is_ok());
        if !honest.is_empty() {
            let mut other = honest.to_vec();
            let at = odd % other.len();
            other[at] = leaf_hash(b"other");
            prop_assert!(run(&other).is_err());
            prop_assert!(run(&honest[1..]).is_err());
            prop_assert!(run(&[honest, &honest[..1]].concat()).is_err());
        }
        let end_of_proof = proof.before.len() + proof.behind.len();
        if end_of_proof > 0 {
            let mut other = proof.clone();
            let mut all = other.before.iter_mut().chain(&mut other.behind);
            *all.nth(odd % end_of_proof).expect("there") = leaf_hash(b"other");
            let mut check = other.begin(first).expect("as many");
            honest.iter().try_for_each(|leaf| check.append(*leaf)).expect("taken");
            prop_assert!(check.finish(size, &tree.root()).is_err());
        }
    }

    #[test]
    fn a_read_is_proven_and_no_other_one_passes(count in 1_u64..40, position in 0_u64..40) {
        let position = position % count;
        let read = |number: u64| Disclosure {
            salt: Salt::new([u8::try_from(number).expect("small"); 32]),
            record: json!({"key": number}),
        };
        let hashes = (0..count).map(|number| {
            let Disclosure { salt, record } = read(number);
            leaf_hash(commitment(salt.as_bytes(), &record).expect("canonical").as_bytes())
        });
        let batch = MemoryTree::new(hashes.collect());
        let leaf = json!({"kind": "reads", "count": count, "root": batch.root(), "time": at(0)});
        let proof = ReadProof {
            format: ReadFormat::V1,
            position,
            path: batch.prove_inclusion(position).expect("in it"),
            read: read(position),
            batch: crate::fixture::bundle_of(&leaf),
        };
        prop_assert_eq!(proof.verify(&keys()).expect("honest").read, json!({"key": position}));
        let mut other = proof.clone();
        other.read.record = json!({"key": position + 1});
        prop_assert!(other.verify(&keys()).is_err());
        let mut other = proof.clone();
        other.position = position + 1;
        prop_assert!(other.verify(&keys()).is_err());
        let mut other = proof;
        let kind = json!({"kind": "stored", "count": count, "root": batch.root(), "time": at(0)});
        other.batch = crate::fixture::bundle_of(&kind);
        prop_assert!(other.verify(&keys()).is_err());
    }
}

#[test]
fn a_tlog_proof_has_the_form_of_the_specification_and_carries_its_leaf() {
    let bundle: ProofBundle = crate::fixture::bundle_of(&json!({"kind": "stored", "time": at(0)}));
    let proof = TlogProof::from(&bundle);
    let text = proof.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "c2sp.org/tlog-proof@v1");
    assert!(lines[1].starts_with("extra "));
    assert_eq!(lines[2], format!("index {}", bundle.index));
    assert_eq!(TlogProof::parse(&text).expect("its own form"), proof);
    let (leaf, checkpoint) = proof.verify(&keys()).expect("honest");
    assert_eq!(
        (leaf["kind"].as_str(), checkpoint.origin.as_str()),
        (Some("stored"), ORIGIN)
    );
    for place in 0..text.len() {
        let mut spoiled = text.clone().into_bytes();
        spoiled[place] ^= 1;
        assert!(verify(&spoiled).is_err(), "byte {place}");
    }
    let mut without = proof;
    without.extra = None;
    assert!(matches!(
        without.verify(&keys()),
        Err(Error::TlogProofWithoutLeaf)
    ));
    assert!(without.verify_entry(&bundle.leaf, &keys()).is_ok());
}
