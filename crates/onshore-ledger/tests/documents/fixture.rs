//! A log, a proof bundle and a certificate to attack.

use onshore_ledger::{
    Certificate, CertificateBody, CertificateCounts, CertificateEntry, CertificateException,
    CertificateFormat, CertificateRoot, Checkpoint, Disclosure, Document, Error, Hash, Listing,
    MemoryTree, ProofBundle, RelatedLeaf, Salt, Signer, VerifierKey, commitment, encode_leaf,
    leaf_hash, verify_evidence,
};
use serde_json::{Value, json};

pub(crate) const ORIGIN: &str = "ledger.example.org/onshore-1";

pub(crate) fn signer() -> Signer {
    Signer::from_seed(ORIGIN, &[3; 32]).expect("a name")
}

pub(crate) fn keys() -> [VerifierKey; 1] {
    [signer().verifier()]
}

/// Puts leaves among others into a log and returns the tree and its signed checkpoint.
pub(crate) fn publish(leaves: &[Vec<u8>]) -> (MemoryTree, String) {
    let others = (0..11u8).map(|other| vec![b'{', b'0' + other % 10, b'}', other]);
    let all = others
        .chain(leaves.iter().cloned())
        .map(|leaf| leaf_hash(&leaf));
    let tree = MemoryTree::new(all.collect());
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: tree.size(),
        root: tree.root(),
    };
    (tree, checkpoint.sign(&signer()).expect("its own key"))
}

pub(crate) fn bundle_of(leaf: &Value) -> ProofBundle {
    let leaf = encode_leaf(leaf).expect("an object");
    let (tree, checkpoint) = publish(std::slice::from_ref(&leaf));
    let index = tree.size() - 1;
    ProofBundle::new(
        leaf,
        index,
        tree.prove_inclusion(index).expect("there"),
        checkpoint,
    )
}

pub(crate) fn export_bundle() -> ProofBundle {
    let salt = Salt::new([9; 32]);
    let record = json!({ "bucket": "archive", "key": "invoice-17.pdf", "bytes": 4096 });
    let hidden = commitment(salt.as_bytes(), &record).expect("a record");
    let opening = encode_leaf(&json!({ "kind": "export", "record": hidden })).expect("an object");
    let closing = encode_leaf(&json!({ "closes": 11, "sent": 4096 })).expect("an object");
    let (tree, checkpoint) = publish(&[opening.clone(), closing.clone()]);
    let prove = |index| tree.prove_inclusion(index).expect("there");
    let mut bundle = ProofBundle::new(opening, 11, prove(11), checkpoint);
    bundle.disclosure = Some(Disclosure { salt, record });
    bundle.related.push(RelatedLeaf {
        leaf: closing,
        index: 12,
        path: prove(12),
        disclosure: None,
    });
    bundle
}

pub(crate) fn entry(key: &str, version: Option<&str>, size: u64) -> CertificateEntry {
    CertificateEntry {
        key: key.to_owned(),
        version: version.map(str::to_owned),
        size,
        sha256: Hash::of(key.as_bytes()),
        method: "sha256-read-back".to_owned(),
        destination_version: format!("v-{key}"),
        label: "personal".to_owned(),
        verified: None,
        decision: None,
        page: None,
    }
}

pub(crate) fn entries() -> Vec<CertificateEntry> {
    vec![
        entry("a/1.pdf", None, 10),
        entry("a/1.pdf", Some("e1"), 20),
        entry("a/1.pdf", Some("e2"), 0),
        entry("b", Some("e1"), 7),
        entry("档案", None, 5),
    ]
}

pub(crate) fn exception(key: &str) -> CertificateException {
    CertificateException {
        key: key.to_owned(),
        version: None,
        reason: "unreadable".to_owned(),
        detail: "the source answered 403".to_owned(),
        size: None,
        page: None,
    }
}

pub(crate) fn body(
    objects: &[CertificateEntry],
    exceptions: Vec<CertificateException>,
) -> CertificateBody {
    let salt = Salt::new([5; 32]);
    let mut root = CertificateRoot::new(&salt);
    for object in objects {
        root.add(object).expect("in order");
    }
    let totals = root.finish();
    CertificateBody {
        format: CertificateFormat::V1,
        job: "job-1".to_owned(),
        tenant: "default".to_owned(),
        source: "s3://old-cloud/archive".to_owned(),
        bucket: "archive".to_owned(),
        class: "personal".to_owned(),
        started: "2021-09-01T08:00:00Z".to_owned(),
        ended: "2021-09-01T09:30:00Z".to_owned(),
        region: "onshore-1".to_owned(),
        jurisdiction: "ZZ".to_owned(),
        ledger_key: signer().verifier().to_string(),
        listing: if exceptions.is_empty() {
            Listing::Complete
        } else {
            Listing::Incomplete
        },
        counts: CertificateCounts {
            listed: totals.objects + exceptions.len() as u64,
            copied: totals.objects.saturating_sub(1),
            unchanged: totals.objects.min(1),
            exceptions: exceptions.len() as u64,
        },
        bytes: totals.bytes,
        salt,
        root: totals.root,
        exceptions,
        settings: None,
        inventories: Vec::new(),
        counted: None,
    }
}

/// Signs and records a body, whatever it says: the issuer itself may lie.
pub(crate) fn issue(body: CertificateBody, objects: Vec<CertificateEntry>) -> Certificate {
    let claim = body.claim().expect("canonical");
    Certificate {
        signature: body.sign(&signer()).expect("a text"),
        proof: bundle_of(&json!({ "kind": "certificate", "certificate": claim })),
        body,
        pages: Vec::new(),
        objects,
    }
}

pub(crate) fn certificate() -> Certificate {
    issue(body(&entries(), vec![]), entries())
}

pub(crate) fn file(document: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("serializable")
}

pub(crate) fn verify(bytes: &[u8]) -> Result<Document, Error> {
    let document = Document::parse(bytes)?;
    match &document {
        Document::Certificate(certificate) => certificate.verify(&keys()).map(|_| ())?,
        Document::Proof(proof) => proof.verify(&keys()).map(|_| ())?,
        Document::Read(read) => read.verify(&keys()).map(|_| ())?,
        Document::TlogProof(proof) => proof.verify(&keys()).map(|_| ())?,
        Document::Evidence => verify_evidence(bytes, &keys()).map(|_| ())?,
    }
    Ok(document)
}
