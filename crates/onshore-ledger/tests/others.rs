//! Verifiers that are not ours, the crates `tlog_tiles` and `signed_note`: they accept our checkpoints, proofs and tiles,
//! and reject each of them with anything changed. (A third one, Go's, does the same in `tests-py/test_other_verifiers.py`.)

use std::collections::HashMap;

use onshore_ledger::{
    Checkpoint, Hash, MemoryTree, Signer, TileRef, encode_hashes, leaf_hash, prove_consistency,
    tiles_to_write,
};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    Error, HashReader, Tile, TileHashReader, TileReader, check_record, check_tree, prove_record,
    prove_tree, record_hash, tree_hash,
};

const SIZES: [u64; 9] = [1, 2, 3, 7, 8, 9, 31, 64, 100];

fn theirs(hash: &Hash) -> tlog_tiles::Hash {
    tlog_tiles::Hash(*hash.as_bytes())
}

fn all(hashes: &[Hash]) -> Vec<tlog_tiles::Hash> {
    hashes.iter().map(theirs).collect()
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size)
        .map(|leaf| leaf_hash(&leaf.to_be_bytes()))
        .collect()
}

/// Every way in which a proof is not the one that it was.
fn altered(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut all = Vec::new();
    for at in 0..proof.len() {
        for bit in [0, 100, 255] {
            let mut other = proof.to_vec();
            other[at].0[bit / 8] ^= 1 << (bit % 8);
            all.push(other);
        }
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        all.push(shorter);
        let mut swapped = proof.to_vec();
        swapped.swap(at, (at + 1) % proof.len());
        if swapped != proof {
            all.push(swapped);
        }
    }
    all.push([proof, &[leaf_hash(b"more")]].concat());
    all
}

#[test]
fn they_hash_as_we_do() {
    for data in [&b""[..], b"x", &[0; 1000]] {
        assert_eq!(record_hash(data).0, leaf_hash(data).0);
    }
}

#[test]
fn they_accept_our_inclusion_proofs_and_no_other_ones() {
    for size in SIZES {
        let hashes = leaves(size);
        let tree = MemoryTree::new(hashes.clone());
        let root = theirs(&tree.root());
        for index in 0..size {
            let proof = tree.prove_inclusion(index).expect("within");
            let at = usize::try_from(index).expect("small");
            let hash = theirs(&hashes[at]);
            check_record(&all(&proof), size, root, index, hash).expect("ours");
            for other in altered(&proof) {
                assert!(check_record(&all(&other), size, root, index, hash).is_err());
            }
            let elsewhere = (index + 1) % size;
            assert!(size == 1 || check_record(&all(&proof), size, root, elsewhere, hash).is_err());
            let other = theirs(&leaf_hash(b"other"));
            assert!(check_record(&all(&proof), size, root, index, other).is_err());
            assert!(check_record(&all(&proof), size, other, index, hash).is_err());
        }
    }
}

#[test]
fn they_accept_our_consistency_proofs_and_no_other_ones() {
    for size in SIZES {
        let hashes = leaves(size);
        let root = theirs(&MemoryTree::new(hashes.clone()).root());
        for old in 1..=size {
            let old_root = theirs(&MemoryTree::new(leaves(old)).root());
            let proof = prove_consistency(&hashes, old).expect("within");
            check_tree(&all(&proof), size, root, old, old_root).expect("ours");
            for other in altered(&proof) {
                assert!(check_tree(&all(&other), size, root, old, old_root).is_err());
            }
            let fork = theirs(&leaf_hash(b"fork"));
            assert!(check_tree(&all(&proof), size, root, old, fork).is_err());
            assert!(check_tree(&all(&proof), size, fork, old, old_root).is_err());
        }
    }
}

#[test]
fn they_accept_our_checkpoints_and_no_other_ones() {
    let signer = Signer::from_seed("example.com/log", &[9; 32]).expect("a name");
    let key = signer.verifier().to_string();
    let open = |bytes: &[u8]| {
        let note = Note::from_bytes(bytes).ok()?;
        let known = StandardVerifier::new(&key).expect("our key");
        note.verify(&VerifierList::new(vec![Box::new(known)]))
            .ok()?;
        tlog_tiles::Checkpoint::from_bytes(note.text()).ok()
    };
    let root = MemoryTree::new(leaves(100)).root();
    let checkpoint = Checkpoint {
        origin: "example.com/log".to_owned(),
        size: 100,
        root,
    };
    let note = checkpoint.sign(&signer).expect("its own").into_bytes();
    let read = open(&note).expect("ours");
    assert_eq!(
        (read.origin(), read.size(), read.hash().0),
        ("example.com/log", 100, root.0)
    );
    for at in 0..note.len() {
        for bit in [1, 0x20, 0x80] {
            let mut spoiled = note.clone();
            spoiled[at] ^= bit;
            assert!(open(&spoiled).is_none(), "byte {at}");
        }
    }
}

/// Our tiles under the names that they ask for.
struct Tiles(HashMap<String, Vec<u8>>);

impl TileReader for Tiles {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        // Theirs name the height, which C2SP leaves out: it is always 8.
        let read = |tile: &Tile| {
            self.0
                .get(&tile.path().replace("tile/8/", "tile/"))
                .cloned()
        };
        Ok(tiles
            .iter()
            .map(|tile| read(tile).expect("a tile of the log"))
            .collect())
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn tiles(hashes: &[Hash]) -> Tiles {
    let size = hashes.len() as u64;
    let tree = MemoryTree::new(hashes.to_vec());
    let bytes = |tile: &TileRef| {
        let onshore_ledger::TileLevel::Hashes(level) = tile.level else {
            return None;
        };
        let row: Option<Vec<Hash>> = (0..u64::from(tile.width))
            .map(|offset| {
                tree.node(onshore_ledger::Node {
                    level: level * 8,
                    index: tile.index * 256 + offset,
                })
            })
            .collect();
        Some((tile.path(), encode_hashes(&row?)))
    };
    Tiles(tiles_to_write(0, size).iter().filter_map(bytes).collect())
}

/// Each subtree of a tree of this size lies in a tile of its own: of others `tlog_tiles` 0.2 leaves out to authenticate as
/// many tiles as there are subtrees that share one.
const SIZE_OF_TILES: u64 = 1025;

#[test]
fn they_read_our_tiles_and_refuse_changed_ones() {
    let hashes = leaves(SIZE_OF_TILES);
    let root = theirs(&MemoryTree::new(hashes.clone()).root());
    let honest = tiles(&hashes);
    let reader = TileHashReader::new(SIZE_OF_TILES, root, &honest);
    assert_eq!(tree_hash(SIZE_OF_TILES, &reader).expect("whole").0, root.0);
    for index in [0, 255, 256, 767, 1024] {
        let proof = prove_record(SIZE_OF_TILES, index, &reader).expect("whole");
        let at = usize::try_from(index).expect("small");
        check_record(&proof, SIZE_OF_TILES, root, index, theirs(&hashes[at])).expect("whole");
        let ours = MemoryTree::new(hashes.clone())
            .prove_inclusion(index)
            .expect("within");
        assert_eq!(proof, all(&ours), "the same proof");
    }
    let proof = prove_tree(SIZE_OF_TILES, 300, &reader).expect("whole");
    assert_eq!(
        proof,
        all(&prove_consistency(&hashes, 300).expect("within"))
    );
    for path in honest.0.keys() {
        let mut spoiled = tiles(&hashes);
        spoiled.0.get_mut(path).expect("there")[20] ^= 1;
        let reader = TileHashReader::new(SIZE_OF_TILES, root, &spoiled);
        // A hash beneath each tile, so that every tile is read.
        let asked: Vec<u64> = [1, 300, 600, 900, 1024]
            .map(|leaf| tlog_tiles::stored_hash_index(0, leaf))
            .to_vec();
        assert!(reader.read_hashes(&asked).is_err(), "{path}");
    }
}
