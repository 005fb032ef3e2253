//! What a proof bundle must hold beside an honest inclusion proof.

use onshore_ledger::{Error, ProofBundle};

use crate::fixture::{export_bundle, keys, publish};

#[test]
fn a_bundle_shows_the_record_of_its_leaf_alone() {
    let honest = export_bundle();
    let mut undisclosed = honest.clone();
    undisclosed.disclosure = None;
    assert_eq!(
        undisclosed
            .verify(&keys())
            .expect("a leaf may stay silent")
            .record,
        None
    );
    let mut swapped = honest.clone();
    swapped.related[0].disclosure = swapped.disclosure.clone();
    assert!(matches!(
        swapped.verify(&keys()),
        Err(Error::DisclosureRefused)
    ));
    let mut moved = honest.clone();
    moved.related[0].index = 11;
    assert!(matches!(
        moved.verify(&keys()),
        Err(Error::InclusionRefused)
    ));
    let mut beyond = honest;
    beyond.index = 13;
    assert!(matches!(
        beyond.verify(&keys()),
        Err(Error::IndexOutOfRange { .. })
    ));
}

#[test]
fn a_leaf_that_is_not_canonical_is_refused_although_it_is_in_the_log() {
    for leaf in [&b"{\"a\": 1}"[..], b"{\"a\":1,\"a\":1}", b"[]", b"\xff"] {
        let leaf = leaf.to_vec();
        let (tree, checkpoint) = publish(std::slice::from_ref(&leaf));
        let path = tree.prove_inclusion(11).expect("there");
        let bundle = ProofBundle::new(leaf, 11, path, checkpoint);
        assert!(matches!(
            bundle.verify(&keys()),
            Err(Error::LeafNotCanonical | Error::Json(_))
        ));
    }
}
