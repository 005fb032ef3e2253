//! Certificates whose issuer lies, whose signer is another, or whose leaf says something else.

use onshore_ledger::{
    CertificateBody, CertificateRoot, Disclosure, Error, Hash, Listing, Salt, Signer, commitment,
};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};
use serde_json::json;

use crate::fixture::{
    ORIGIN, body, bundle_of, certificate, entries, entry, exception, issue, keys, signer,
};

#[test]
fn a_key_inside_the_file_is_not_trusted() {
    let forger = Signer::from_seed(ORIGIN, &[4; 32]).expect("a name");
    let mut forged = certificate();
    forged.body.ledger_key = forger.verifier().to_string();
    forged.signature = forged.body.sign(&forger).expect("a text");
    assert!(matches!(
        forged.verify(&keys()),
        Err(Error::SignatureMissing)
    ));
    assert!(matches!(
        certificate().verify(&[]),
        Err(Error::SignatureMissing)
    ));
    assert!(certificate().verify(&[forger.verifier()]).is_err());
    // A key that the verifier does trust, of another log, cannot vouch for this one's leaf.
    let other = Signer::from_seed("other.example.org", &[4; 32]).expect("a name");
    let mut foreign = certificate();
    foreign.signature = foreign.body.sign(&other).expect("a text");
    assert!(matches!(
        foreign.verify(&[signer().verifier(), other.verifier()]),
        Err(Error::OriginMismatch { .. })
    ));
    let relabelled = foreign
        .signature
        .replace("/1 other.example.org", &format!("/1 {ORIGIN}"));
    foreign.signature = relabelled;
    assert!(foreign.verify(&[other.verifier()]).is_err());
}

#[test]
fn a_signed_checkpoint_is_no_certificate_signature() {
    let mut confused = certificate();
    confused.signature = confused.proof.checkpoint.clone();
    assert!(matches!(confused.verify(&keys()), Err(Error::BodyMismatch)));
    let mut confused = certificate();
    confused.proof.checkpoint = confused.signature.clone();
    assert!(matches!(
        confused.verify(&keys()),
        Err(Error::CheckpointMalformed)
    ));
}

/// The issuer signs and records a body that its own lists contradict.
fn lie(change: impl Fn(&mut CertificateBody)) -> Error {
    let mut body = body(&entries(), vec![exception("c"), exception("d")]);
    issue(body.clone(), entries())
        .verify(&keys())
        .expect("honest so far");
    change(&mut body);
    issue(body, entries()).verify(&keys()).expect_err("a lie")
}

#[test]
fn figures_that_contradict_the_lists_are_refused_even_when_signed() {
    let counts: [fn(&mut CertificateBody); 7] = [
        |body| body.bytes += 1,
        |body| body.counts.listed += 1,
        |body| body.counts.copied += 1,
        |body| body.counts.unchanged = 0,
        |body| body.counts.exceptions = 0,
        |body| drop(body.exceptions.pop()),
        |body| (body.counts.copied, body.counts.unchanged) = (u64::MAX >> 11, u64::MAX >> 11),
    ];
    for change in counts {
        assert!(matches!(lie(change), Error::CountMismatch { .. }));
    }
    assert!(matches!(
        lie(|body| body.listing = Listing::Complete),
        Error::CompleteWithExceptions
    ));
    assert!(matches!(
        lie(|body| body.root = Hash::of(b"")),
        Error::CertificateRootMismatch
    ));
    assert!(matches!(
        lie(|body| body.salt = Salt::new([6; 32])),
        Error::CertificateRootMismatch
    ));
    assert!(matches!(
        lie(|body| body.exceptions[1].key = "c".to_owned()),
        Error::ExceptionRepeated { position: 1 }
    ));
    assert!(matches!(
        lie(|body| body.exceptions[0].key = "a/1.pdf".to_owned()),
        Error::ExceptionRepeated { position: 0 }
    ));
}

#[test]
fn nothing_listed_is_complete_and_says_so() {
    let empty = issue(body(&[], vec![]), vec![]);
    let summary = empty
        .verify(&keys())
        .expect("nothing was listed, nothing is missing");
    assert_eq!((summary.objects, summary.body.counts.listed), (0, 0));
    let nothing_arrived = issue(body(&[], vec![exception("c")]), vec![]);
    nothing_arrived
        .verify(&keys())
        .expect("incomplete, and says so");
}

#[test]
fn objects_out_of_order_or_twice_are_refused() {
    let salt = Salt::new([5; 32]);
    let order = |keys: &[(&str, Option<&str>)]| {
        let mut root = CertificateRoot::new(&salt);
        let add =
            |(key, version): &(&str, Option<&str>)| root.add(&entry(key, *version, 1)).is_ok();
        keys.iter().all(add)
    };
    assert!(order(&[
        ("a", None),
        ("a", Some("")),
        ("a", Some("1")),
        ("a ", None),
        ("b", None)
    ]));
    // Byte order, not UTF-16 order: U+FB33 comes before U+1F600.
    assert!(order(&[
        ("Z", None),
        ("a", None),
        ("\u{fb33}", None),
        ("\u{1f600}", None)
    ]));
    for wrong in [
        [("a", None), ("a", None)],
        [("a", Some("1")), ("a", Some("1"))],
        [("a", Some("1")), ("a", None)],
        [("b", None), ("a", None)],
        [("a", None), ("Z", None)],
        [("\u{1f600}", None), ("\u{fb33}", None)],
    ] {
        assert!(!order(&wrong), "{wrong:?}");
    }
    let mut twice = certificate();
    twice.objects.push(entry("档案", None, 0));
    assert!(matches!(
        twice.verify(&keys()),
        Err(Error::EntryOutOfOrder { position: 5 })
    ));
    let mut root = CertificateRoot::new(&salt);
    root.add(&entry("a", None, 1 << 53))
        .expect_err("beyond what JSON readers agree on");
}

#[test]
fn the_ledger_must_have_recorded_this_very_certificate() {
    let honest = certificate();
    let claim = honest.body.claim().expect("canonical");
    let refused = [
        json!({ "kind": "certificate" }),
        json!({ "certificate": null }),
        json!({ "certificate": { "body": claim["body"] } }),
        json!({ "certificate": { "body": claim["body"], "root": claim["body"] } }),
        json!({ "certificate": { "body": claim["root"], "root": claim["root"] } }),
        json!({ "other": { "certificate": claim } }),
        claim.clone(),
    ];
    for leaf in refused {
        let mut certificate = honest.clone();
        certificate.proof = bundle_of(&leaf);
        assert!(
            matches!(certificate.verify(&keys()), Err(Error::LeafClaimMismatch)),
            "{leaf}"
        );
    }
    // The claim may stand in the record that the leaf commits to, when the certificate discloses it.
    let salt = Salt::new([8; 32]);
    let record = json!({ "job": "job-1", "certificate": claim });
    let hidden = commitment(salt.as_bytes(), &record).expect("a record");
    let mut recorded = honest;
    recorded.proof = bundle_of(&json!({ "record": hidden }));
    assert!(matches!(
        recorded.verify(&keys()),
        Err(Error::LeafClaimMismatch)
    ));
    recorded.proof.disclosure = Some(Disclosure { salt, record });
    recorded.verify(&keys()).expect("disclosed");
}

#[test]
fn one_object_is_proven_in_all_its_versions() {
    let certificate = certificate();
    for key in ["a/1.pdf", "b", "档案"] {
        let proofs = certificate.prove_object(key).expect("listed");
        assert_eq!(proofs.len(), if key == "a/1.pdf" { 3 } else { 1 });
        for proof in proofs {
            let (salt, root) = (&certificate.body.salt, &certificate.body.root);
            proof.verify(salt, 5, root).expect("honest");
            let mut forged = proof.clone();
            forged.entry.size ^= 1;
            assert!(forged.verify(salt, 5, root).is_err());
            let mut forged = proof.clone();
            forged.index = (forged.index + 1) % 5;
            assert!(forged.verify(salt, 5, root).is_err());
            assert!(proof.verify(&Salt::new([6; 32]), 5, root).is_err());
            assert!(proof.verify(salt, 5, &Hash::of(b"")).is_err());
            assert!(proof.verify(salt, 0, root).is_err());
        }
    }
    for absent in ["", "a", "a/1.pd", "a/1.pdf ", "c", "\u{10ffff}"] {
        assert!(
            matches!(certificate.prove_object(absent), Err(Error::ObjectAbsent)),
            "{absent}"
        );
    }
    let incomplete = issue(body(&entries(), vec![exception("c")]), entries());
    assert!(matches!(
        incomplete.prove_object("c"),
        Err(Error::ObjectIsException { reason }) if reason == "unreadable"
    ));
    let mut altered = certificate;
    altered.objects.pop();
    assert!(matches!(
        altered.prove_object("b"),
        Err(Error::CertificateRootMismatch)
    ));
}

proptest! {
    #[test]
    fn every_object_of_any_certificate_is_proven(names in proptest::collection::btree_set("\\PC{1,12}", 0..40)) {
        let objects = names.iter().map(|name| entry(name, None, 3)).collect::<Vec<_>>();
        let certificate = issue(body(&objects, vec![]), objects);
        prop_assert!(certificate.verify(&keys()).is_ok());
        for name in &names {
            let proofs = certificate.prove_object(name).expect("listed");
            prop_assert_eq!(proofs.len(), 1);
            prop_assert!(proofs[0].verify(&certificate.body.salt, names.len() as u64, &certificate.body.root).is_ok());
        }
    }
}
