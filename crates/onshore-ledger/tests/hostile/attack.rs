//! Documents as an attacker makes them: honest ones with a few changes, seeded and repeatable. Whatever is accepted has to say
//! what the log says, also where the operator himself signs what was changed.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use onshore_ledger::{
    AddCheckpoint, Checkpoint, CosignedHead, Cosigner, Disclosure, EvidenceContext, EvidenceFormat,
    EvidenceHead, EvidenceLeaf, EvidenceWriter, MemoryTree, Note, PolicyWitness, ProofBundle,
    RangeProof, ReadFormat, ReadProof, Salt, Signer, TlogPolicy, TlogProof, commitment,
    encode_leaf, leaf_hash, prove_consistency, verify_evidence,
};
use serde_json::{Value, json};

const ORIGIN: &str = "example.com/log";
const LEAVES: usize = 60;
const OLD_SIZE: u64 = 17;

/// What is attacked.
pub(crate) struct Corpus {
    signer: Signer,
    leaves: Vec<Value>,
    texts: Vec<Vec<u8>>,
    tree: MemoryTree,
    read: Value,
    policy: TlogPolicy,
    /// An honest document of each kind.
    checkpoint: Vec<u8>,
    tlog_proof: Vec<u8>,
    bundle: Vec<u8>,
    proven_read: Vec<u8>,
    evidence: Vec<u8>,
    request: Vec<u8>,
    policy_file: Vec<u8>,
}

/// Returns what is attacked, made once.
pub(crate) fn corpus() -> &'static Corpus {
    static CORPUS: OnceLock<Corpus> = OnceLock::new();
    CORPUS.get_or_init(Corpus::new)
}

/// Attacks each kind of document once.
///
/// # Panics
/// When something is accepted that the log does not say, or a parser panics.
pub(crate) fn round(seed: u64) {
    let corpus = corpus();
    let mut draw = Draw(seed);
    for (kind, honest) in corpus.honest().into_iter().enumerate() {
        corpus.attack(kind, &draw.altered(honest, corpus));
    }
    corpus.attack_signed_evidence(&mut draw);
}

fn at(minute: usize) -> String {
    format!("2021-09-01T{:02}:{:02}:00.000Z", minute / 60, minute % 60)
}

impl Corpus {
    fn new() -> Self {
        let signer = Signer::from_seed(ORIGIN, &[1; 32]).expect("a name");
        let (read, salt) = (json!({"key": "payroll.csv"}), [7; 32]);
        let promised = commitment(&salt, &read).expect("canonical");
        let reads = MemoryTree::new(vec![leaf_hash(b"another"), leaf_hash(promised.as_bytes())]);
        let leaves: Vec<Value> = (0..LEAVES)
            .map(|number| {
                let (time, record) = (at(number), promised.to_string());
                match number {
                    0 => json!({"kind": "epoch", "epoch": 1, "time": time}),
                    2 => json!({"kind": "approval.granted", "approval": "a", "epoch": 1, "time": time}),
                    25 => json!({"kind": "export.opened", "approval": "a", "epoch": 1, "record": record, "time": time}),
                    40 => json!({"kind": "export.closed", "opened": 25, "epoch": 1, "time": time}),
                    50 => json!({"kind": "reads", "count": 2, "root": reads.root(), "epoch": 1, "time": time}),
                    _ => json!({"kind": "stored", "number": number, "epoch": 1, "time": time}),
                }
            })
            .collect();
        let texts: Vec<Vec<u8>> = leaves
            .iter()
            .map(|leaf| encode_leaf(leaf).expect("a leaf"))
            .collect();
        let tree = MemoryTree::new(texts.iter().map(|leaf| leaf_hash(leaf)).collect());
        let head = Checkpoint {
            origin: ORIGIN.to_owned(),
            size: tree.size(),
            root: tree.root(),
        };
        let witness = Cosigner::from_seed("witness.example", &[2; 32]).expect("a name");
        let note = Note::parse(&head.sign(&signer).expect("its own")).expect("a note");
        let line = witness.cosign(&note, 1_700_000_000).expect("a checkpoint");
        let note = note.with([line]);
        let policy_file = format!(
            "log {}\nwitness W {}\ngroup G any W\nquorum G\n",
            signer.verifier(),
            witness.key()
        );
        let known = PolicyWitness {
            name: "W".to_owned(),
            key: witness.key().clone(),
            url: None,
        };
        let proof_of = |index: usize| {
            let place = index as u64;
            let path = tree.prove_inclusion(place).expect("within");
            ProofBundle::new(texts[index].clone(), place, path, note.to_string())
        };
        let shown = || Disclosure {
            salt: Salt::new(salt),
            record: read.clone(),
        };
        let mut bundle = proof_of(25);
        bundle.disclosure = Some(shown());
        let proven_read = ReadProof {
            format: ReadFormat::V1,
            position: 1,
            path: reads.prove_inclusion(1).expect("in it"),
            read: shown(),
            batch: proof_of(50),
        };
        let hashes: Vec<_> = texts.iter().map(|leaf| leaf_hash(leaf)).collect();
        let request = AddCheckpoint {
            old_size: OLD_SIZE,
            proof: prove_consistency(&hashes, OLD_SIZE).expect("within"),
            note: note.clone(),
        };
        let mut corpus = Self {
            policy: TlogPolicy::of_witnesses(vec![known], 1).expect("one of one"),
            checkpoint: note.to_string().into_bytes(),
            tlog_proof: TlogProof::from(&proof_of(33)).to_string().into_bytes(),
            bundle: serde_json::to_vec(&bundle).expect("written"),
            proven_read: serde_json::to_vec(&proven_read).expect("written"),
            evidence: Vec::new(),
            request: request.to_string().into_bytes(),
            policy_file: policy_file.into_bytes(),
            signer,
            leaves,
            texts,
            tree,
            read,
        };
        corpus.evidence = corpus.write_evidence(None);
        corpus
    }

    /// Returns an honest document of each kind.
    pub(crate) fn honest(&self) -> [&[u8]; 7] {
        [
            &self.checkpoint,
            &self.tlog_proof,
            &self.bundle,
            &self.proven_read,
            &self.request,
            &self.policy_file,
            &self.evidence,
        ]
    }

    /// Reads a document of a kind, by its place among the honest ones.
    ///
    /// # Panics
    /// When something is accepted that the log does not say, or a parser panics.
    pub(crate) fn attack(&self, kind: usize, bytes: &[u8]) {
        match kind {
            0 => self.attack_checkpoint(bytes),
            1 => self.attack_tlog_proof(bytes),
            2 => self.attack_bundle(bytes),
            3 => self.attack_read(bytes),
            4 => self.attack_request(bytes),
            5 => self.attack_policy(bytes),
            _ => self.attack_evidence(bytes),
        }
    }

    fn keys(&self) -> [onshore_ledger::VerifierKey; 1] {
        [self.signer.verifier()]
    }

    /// Writes evidence of minutes 20 to 45; with something to draw from, the operator changes lines before he signs.
    fn write_evidence(&self, mut lie: Option<&mut Draw>) -> Vec<u8> {
        let (first, end, context) = (19_usize, 46_usize, [0_usize, 2]);
        let text = |index: usize| String::from_utf8(self.texts[index].clone()).expect("text");
        let range = RangeProof::new(first as u64, end as u64, self.tree.size(), |node| {
            self.tree.node(node)
        });
        let head = EvidenceHead {
            format: EvidenceFormat::V1,
            from: at(20),
            to: at(45),
            first: first as u64,
            count: (end - first) as u64,
            range: range.expect("within"),
            context: context.len() as u64,
            checkpoint: String::from_utf8(self.checkpoint.clone()).expect("text"),
        };
        let mut lines = vec![json!(head)];
        lines.extend((first..end).map(|index| {
            json!(EvidenceLeaf {
                leaf: text(index),
                record: (index == 25).then(|| self.read.to_string()),
                salt: (index == 25).then(|| Salt::new([7; 32])),
            })
        }));
        lines.extend(context.map(|index| {
            json!(EvidenceContext {
                index: index as u64,
                leaf: text(index),
                path: self.tree.prove_inclusion(index as u64).expect("within"),
                record: None,
                salt: None,
            })
        }));
        if let Some(draw) = &mut lie {
            self.lie(&mut lines, draw);
        }
        let mut writer = EvidenceWriter::new();
        let mut bytes = Vec::new();
        for (number, line) in lines.iter().enumerate() {
            if number == 0 {
                // Its members stand in their order, by which a file is known for what it is.
                let head = serde_json::from_value::<EvidenceHead>(line.clone());
                let Ok(head) = head else { return bytes };
                bytes.extend(writer.line(&head).expect("a line"));
            } else {
                bytes.extend(writer.line(line).expect("a line"));
            }
        }
        bytes.extend(writer.finish(&self.signer).expect("signed"));
        bytes
    }

    /// Leaves lines out, changes numbers, times and leaves, moves the ends of the run: all that an operator might try.
    fn lie(&self, lines: &mut Vec<Value>, draw: &mut Draw) {
        for _ in 0..=draw.below(3) {
            let at = draw.below(lines.len());
            match draw.below(8) {
                0 if at > 0 => drop(lines.remove(at)),
                1 if at > 0 => {
                    let other = 1 + draw.below(lines.len() - 1);
                    lines.swap(at, other);
                }
                2 if at > 0 => {
                    let copy = lines[at].clone();
                    lines.insert(at, copy);
                }
                3 => {
                    let name = ["first", "count", "context"][draw.below(3)];
                    let number = lines[0][name].as_u64().unwrap_or_default();
                    lines[0][name] = json!((number + 3).saturating_sub(draw.below(7) as u64));
                }
                4 => {
                    let name = ["from", "to"][draw.below(2)];
                    lines[0][name] = json!(self::at(draw.below(LEAVES + 5)));
                }
                5 => {
                    let name = ["before", "behind"][draw.below(2)];
                    if let Some(hashes) = lines[0]["range"][name].as_array_mut()
                        && !hashes.is_empty()
                    {
                        let at = draw.below(hashes.len());
                        hashes.remove(at);
                    }
                }
                6 if at > 0 => {
                    let text = &self.texts[draw.below(LEAVES)];
                    lines[at]["leaf"] = json!(String::from_utf8_lossy(text));
                }
                _ if at > 0 => {
                    let text = lines[at].to_string();
                    let altered = draw.altered(text.as_bytes(), self);
                    if let Ok(value) = serde_json::from_slice(&altered) {
                        lines[at] = value;
                    }
                }
                _ => {}
            }
            if lines.len() < 2 {
                return;
            }
        }
    }

    fn attack_checkpoint(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(read) = Checkpoint::verify(&text, &self.keys()) {
            assert_eq!((read.size, read.root), (self.tree.size(), self.tree.root()));
            let note = Note::parse(&text).expect("it was read");
            if let Ok(cosigned) = self.policy.require(&note) {
                assert_eq!(cosigned[0].time_s, 1_700_000_000);
            }
        }
    }

    fn attack_tlog_proof(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        if let Ok(proof) = TlogProof::parse(&text)
            && let Ok((leaf, _)) = proof.verify(&self.keys())
        {
            self.assert_leaf(proof.index, &leaf);
        }
    }

    fn attack_bundle(&self, bytes: &[u8]) {
        if let Ok(bundle) = serde_json::from_slice::<ProofBundle>(bytes)
            && let Ok(verified) = bundle.verify(&self.keys())
        {
            self.assert_leaf(verified.index, &verified.leaf);
            assert!(verified.record.is_none_or(|record| record == self.read));
        }
    }

    fn attack_read(&self, bytes: &[u8]) {
        if let Ok(proof) = serde_json::from_slice::<ReadProof>(bytes)
            && let Ok(verified) = proof.verify(&self.keys())
        {
            assert_eq!(verified.read, self.read);
            self.assert_leaf(verified.batch.index, &verified.batch.leaf);
        }
    }

    fn attack_request(&self, bytes: &[u8]) {
        let Ok(asked) = AddCheckpoint::parse(bytes) else {
            return;
        };
        let hashes = self.texts.iter().take(17).map(|leaf| leaf_hash(leaf));
        let last = CosignedHead {
            size: OLD_SIZE,
            root: MemoryTree::new(hashes.collect()).root(),
        };
        if let Ok(checkpoint) = asked.checkpoint(&self.keys())
            && asked.judge(&checkpoint, &last).is_ok()
        {
            assert_eq!(checkpoint.root, self.tree.root());
        }
    }

    fn attack_policy(&self, bytes: &[u8]) {
        if let Ok(policy) = TlogPolicy::parse(bytes) {
            let note = String::from_utf8(self.checkpoint.clone()).expect("text");
            let note = Note::parse(&note).expect("a note");
            drop(policy.require(&note));
        }
    }

    fn attack_evidence(&self, bytes: &[u8]) {
        assert!(
            bytes == self.evidence || verify_evidence(bytes, &self.keys()).is_err(),
            "a changed byte was not found"
        );
    }

    fn attack_signed_evidence(&self, draw: &mut Draw) {
        let bytes = self.write_evidence(Some(draw));
        let Ok(account) = verify_evidence(&bytes, &self.keys()) else {
            return;
        };
        for entry in &account.entries {
            self.assert_leaf(entry.index, &entry.leaf);
            assert!(
                entry
                    .record
                    .as_ref()
                    .is_none_or(|record| *record == self.read)
            );
        }
        // Whatever span he says it is of: nothing of that span is left out.
        let mut truth: BTreeMap<String, u64> = BTreeMap::new();
        for leaf in &self.leaves {
            let text = |name: &str| leaf[name].as_str().expect("text");
            if (account.head.from.as_str()..account.head.to.as_str()).contains(&text("time")) {
                *truth.entry(text("kind").to_owned()).or_default() += 1;
            }
        }
        assert_eq!(account.counts, truth);
    }

    fn assert_leaf(&self, index: u64, leaf: &Value) {
        let index = usize::try_from(index).expect("small");
        assert_eq!(self.leaves.get(index), Some(leaf), "leaf {index}");
    }
}

/// Numbers that are the same for the same seed (SplitMix64).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).expect("small");
        usize::try_from(self.next() % end).expect("small")
    }

    /// Returns a document with one to four changes.
    fn altered(&mut self, honest: &[u8], corpus: &Corpus) -> Vec<u8> {
        let mut bytes = honest.to_vec();
        for _ in 0..=self.below(4) {
            let (a, b) = (self.below(bytes.len()), self.below(bytes.len()));
            let run = a.min(b)..a.max(b).min(a.min(b) + 64);
            match self.below(9) {
                0 if !bytes.is_empty() => bytes[a] ^= 1 << self.below(8),
                1 if !bytes.is_empty() => {
                    bytes[a] = b"0123456789+-=/\n \"\\{}[],:\x00\xff"[self.below(26)];
                }
                2 => drop(bytes.drain(run)),
                3 => {
                    let copy = bytes[run].to_vec();
                    drop(bytes.splice(a..a, copy));
                }
                4 => bytes.truncate(a),
                5 => {
                    let others = [
                        &corpus.checkpoint,
                        &corpus.tlog_proof,
                        &corpus.request,
                        &corpus.policy_file,
                    ];
                    let other = others[self.below(4)];
                    let from = self.below(other.len());
                    let piece = other[from..(from + 40).min(other.len())].to_vec();
                    drop(bytes.splice(a..a, piece));
                }
                6 => {
                    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
                    let (a, b) = (self.below(lines.len()), self.below(lines.len()));
                    lines.swap(a, b);
                    bytes = lines.join(&b'\n');
                }
                7 => {
                    let digits = |byte: &u8| byte.is_ascii_digit();
                    if let Some(digit) = bytes.iter().skip(a).position(digits) {
                        let number = self.next().to_string().into_bytes();
                        drop(bytes.splice(a + digit..=a + digit, number));
                    }
                }
                _ => {
                    let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
                    let at = self.below(lines.len());
                    lines.remove(at);
                    bytes = lines.join(&b'\n');
                }
            }
        }
        bytes
    }
}
