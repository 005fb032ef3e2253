//! Trees and their proofs: reference vectors, every small pair of sizes, and forgeries.

use onshore_ledger::{
    Error, Hash, MemoryTree, SIZE_MAX, Tree, consistency_path, empty_root, inclusion_path,
    leaf_hash, prove_consistency, prove_inclusion, root_of, verify_consistency, verify_inclusion,
};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

/// The leaves and roots that certificate-transparency implementations share.
const REFERENCE_LEAVES: [&str; 8] = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
];
const REFERENCE_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn reference_leaves() -> Vec<Hash> {
    let decode = |text: &&str| leaf_hash(&hex::decode(text).expect("hex"));
    REFERENCE_LEAVES.iter().map(decode).collect()
}

/// Distinct leaves: equal leaves at two places have proofs for both, rightly.
fn leaves(count: u64) -> Vec<Hash> {
    (0..count)
        .map(|index| leaf_hash(&index.to_be_bytes()))
        .collect()
}

fn flip(hash: &Hash, bit: usize) -> Hash {
    let mut bytes = hash.0;
    bytes[bit / 8 % 32] ^= 1 << (bit % 8);
    Hash(bytes)
}

#[test]
fn the_reference_tree_has_the_reference_roots() {
    let mut tree = Tree::new();
    assert_eq!(tree.root().to_string(), REFERENCE_ROOTS[0]);
    for (leaf, root) in reference_leaves().into_iter().zip(&REFERENCE_ROOTS[1..]) {
        tree.append(leaf);
        assert_eq!(tree.root().to_string(), *root);
    }
}

#[test]
fn the_reference_tree_has_the_reference_proofs() {
    // The inclusion and consistency proofs published with the reference tree.
    let leaves = reference_leaves();
    let texts = |path: Vec<Hash>| path.iter().map(Hash::to_string).collect::<Vec<_>>();
    assert_eq!(
        texts(prove_inclusion(&leaves, 5).expect("in the tree")),
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
    assert_eq!(
        texts(prove_consistency(&leaves, 6).expect("smaller")),
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ]
    );
}

#[test]
fn every_leaf_of_every_small_tree_is_proven() {
    for size in 0..=70u64 {
        let leaves = leaves(size);
        let tree = MemoryTree::new(leaves.clone());
        let root = root_of(leaves.iter().copied());
        assert_eq!(tree.root(), root);
        for (index, leaf) in (0..).zip(&leaves) {
            let path = tree.prove_inclusion(index).expect("in the tree");
            verify_inclusion(leaf, index, size, &path, &root).expect("an honest proof");
            for other in (0..size + 2).filter(|other| *other != index) {
                assert!(verify_inclusion(leaf, other, size, &path, &root).is_err());
            }
        }
        assert!(matches!(
            tree.prove_inclusion(size),
            Err(Error::IndexOutOfRange { .. })
        ));
    }
}

#[test]
fn every_pair_of_small_trees_is_consistent() {
    let leaves = leaves(70);
    let roots = (0..=leaves.len())
        .map(|size| root_of(leaves[..size].iter().copied()))
        .collect::<Vec<_>>();
    for (new, new_root) in (0u64..).zip(&roots) {
        let tree = MemoryTree::new(leaves[..usize::try_from(new).expect("small")].to_vec());
        for (old, old_root) in (0..=new).zip(&roots) {
            let path = consistency_path(old, new, |node| tree.node(node)).expect("ordered sizes");
            verify_consistency(old, old_root, new, new_root, &path).expect("an honest proof");
            for (other, other_root) in (0..=new).zip(&roots).filter(|(other, _)| *other != old) {
                assert!(verify_consistency(other, old_root, new, new_root, &path).is_err());
                // With an old size of zero, or equal sizes, there is nothing to prove: the path is then empty.
                if other != 0 && (other != new || !path.is_empty()) {
                    assert!(verify_consistency(old, other_root, new, new_root, &path).is_err());
                }
            }
            assert!(old == new || consistency_path(new, old, |node| tree.node(node)).is_err());
        }
    }
}

#[test]
fn an_empty_tree_extends_to_anything_but_only_with_the_empty_root() {
    let root = root_of(leaves(3));
    verify_consistency(0, &empty_root(), 3, &root, &[]).expect("nothing to show");
    assert!(verify_consistency(0, &root, 3, &root, &[]).is_err());
    assert!(verify_consistency(0, &root, 0, &root, &[]).is_err());
    assert!(verify_consistency(0, &empty_root(), 3, &root, &[root]).is_err());
    assert!(verify_consistency(3, &root, 3, &root, &[root]).is_err());
    assert!(verify_consistency(2, &root, 3, &root, &[]).is_err());
    assert!(verify_consistency(3, &root, 4, &root, &[]).is_err());
}

#[test]
fn sizes_no_log_reaches_are_refused_without_work() {
    let root = empty_root();
    for size in [SIZE_MAX + 1, u64::MAX] {
        assert!(inclusion_path(0, size, |_| Some(root)).is_err());
        assert!(consistency_path(1, size, |_| Some(root)).is_err());
        assert!(Tree::from_frontier(size, vec![root; 64]).is_err());
        assert!(Tree::from_nodes(size, |_| Some(root)).is_err());
        assert!(verify_inclusion(&root, size - 1, size, &[root; 64], &root).is_err());
        assert!(verify_consistency(size - 1, &root, size, &root, &[root; 64]).is_err());
        assert!(verify_consistency(1 << 63, &root, size, &root, &[root; 64]).is_err());
    }
    let longest = inclusion_path(SIZE_MAX - 1, SIZE_MAX, |_| Some(root)).expect("the largest log");
    assert!(longest.len() <= 63);
    assert!(verify_inclusion(&root, 0, 0, &[], &root).is_err());
}

#[test]
fn missing_nodes_are_reported() {
    let missing = inclusion_path(2, 5, |_| None);
    assert!(matches!(missing, Err(Error::NodeMissing { .. })));
    assert!(matches!(
        Tree::from_nodes(5, |_| None),
        Err(Error::NodeMissing { level: 2, index: 0 })
    ));
}

#[test]
fn a_frontier_must_fit_its_size() {
    assert!(matches!(
        Tree::from_frontier(5, vec![empty_root(); 3]),
        Err(Error::FrontierMismatch {
            expected: 2,
            found: 3,
            ..
        })
    ));
    assert_eq!(
        Tree::from_frontier(0, vec![]).expect("empty").root(),
        empty_root()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_tree_continues_from_its_frontier(first in 0u64..600, more in 0u64..600) {
        let all = leaves(first + more);
        let (head, tail) = all.split_at(usize::try_from(first).expect("small"));
        let mut tree = Tree::new();
        tree.extend(head.iter().copied());
        let mut restored = Tree::from_frontier(tree.size(), tree.frontier().to_vec()).expect("its own");
        let memory = MemoryTree::new(head.to_vec());
        prop_assert_eq!(&restored, &Tree::from_nodes(first, |node| memory.node(node)).expect("all there"));
        restored.extend(tail.iter().copied());
        prop_assert_eq!(restored.size(), first + more);
        prop_assert_eq!(restored.root(), root_of(all));
    }

    #[test]
    fn a_flipped_bit_in_an_inclusion_proof_is_refused(size in 1u64..400, at in any::<u64>(), bit in 0usize..256, place in any::<usize>()) {
        let leaves = leaves(size);
        let index = at % size;
        let leaf = leaves[usize::try_from(index).expect("small")];
        let root = root_of(leaves.iter().copied());
        let path = prove_inclusion(&leaves, index).expect("in the tree");
        prop_assert!(verify_inclusion(&leaf, index, size, &path, &root).is_ok());
        prop_assert!(verify_inclusion(&flip(&leaf, bit), index, size, &path, &root).is_err());
        prop_assert!(verify_inclusion(&leaf, index, size, &path, &flip(&root, bit)).is_err());
        prop_assert!(verify_inclusion(&leaf, index ^ (1 << (bit % 64)), size, &path, &root).is_err());
        let mut longer = path.clone();
        longer.push(root);
        prop_assert!(verify_inclusion(&leaf, index, size, &longer, &root).is_err());
        if !path.is_empty() {
            prop_assert!(verify_inclusion(&leaf, index, size, &path[1..], &root).is_err());
            let mut forged = path.clone();
            let place = place % forged.len();
            forged[place] = flip(&forged[place], bit);
            prop_assert!(verify_inclusion(&leaf, index, size, &forged, &root).is_err());
        }
    }

    #[test]
    fn a_flipped_bit_in_a_consistency_proof_is_refused(new in 2u64..400, at in any::<u64>(), bit in 0usize..256, place in any::<usize>()) {
        let leaves = leaves(new);
        let old = 1 + at % (new - 1);
        let old_root = root_of(leaves[..usize::try_from(old).expect("small")].iter().copied());
        let new_root = root_of(leaves.iter().copied());
        let path = prove_consistency(&leaves, old).expect("smaller");
        prop_assert!(verify_consistency(old, &old_root, new, &new_root, &path).is_ok());
        prop_assert!(verify_consistency(old, &flip(&old_root, bit), new, &new_root, &path).is_err());
        prop_assert!(verify_consistency(old, &old_root, new, &flip(&new_root, bit), &path).is_err());
        prop_assert!(verify_consistency(old ^ (1 << (bit % 64)), &old_root, new, &new_root, &path).is_err());
        let mut forged = path.clone();
        let place = place % forged.len();
        forged[place] = flip(&forged[place], bit);
        prop_assert!(verify_consistency(old, &old_root, new, &new_root, &forged).is_err());
        forged.remove(place);
        prop_assert!(verify_consistency(old, &old_root, new, &new_root, &forged).is_err());
    }

    #[test]
    fn a_rewritten_past_has_no_proof(new in 2u64..300, at in any::<u64>(), changed in any::<u64>()) {
        let honest = leaves(new);
        let old = 1 + at % (new - 1);
        let old_len = usize::try_from(old).expect("small");
        let old_root = root_of(honest[..old_len].iter().copied());
        let mut rewritten = honest;
        let place = usize::try_from(changed % old).expect("small");
        rewritten[place] = leaf_hash(b"rewritten");
        let new_root = root_of(rewritten.iter().copied());
        let path = prove_consistency(&rewritten, old).expect("smaller");
        prop_assert!(verify_consistency(old, &old_root, new, &new_root, &path).is_err());
    }
}
