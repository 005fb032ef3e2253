//! The log as files: paths have one spelling, growth writes every tile and no tile twice over, and an outsider finds any
//! changed bit.

use std::collections::{BTreeMap, BTreeSet};

use onshore_ledger::{
    ENTRY_BYTES_MAX, Error, Hash, MemoryTree, Node, TILE_WIDTH, TileLevel, TileRef, Tree,
    consistency_path, decode_entries, decode_hashes, encode_entry, encode_hashes, inclusion_path,
    leaf_hash, node_from_tiles, root_of, tiles_to_write, verify_consistency, verify_inclusion,
    verify_tiles,
};
use proptest::prelude::{
    ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
};

type Files = BTreeMap<TileRef, Vec<u8>>;

fn entry(index: u64) -> Vec<u8> {
    format!("{{\"leaf\":{index}}}").into_bytes()
}

fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(|index| leaf_hash(&entry(index))).collect()
}

/// Writes what `tiles_to_write` asks for, from a tree of at least `new` leaves.
fn grow(files: &mut Files, tree: &MemoryTree, old: u64, new: u64) {
    for tile in tiles_to_write(old, new) {
        let items = tile.first_item()..tile.first_item() + u64::from(tile.width);
        let bytes = match tile.level {
            TileLevel::Entries => {
                let mut bundle = Vec::new();
                for index in items {
                    encode_entry(&mut bundle, &entry(index)).expect("short");
                }
                bundle
            }
            TileLevel::Hashes(level) => {
                let node = |index| {
                    tree.node(Node {
                        level: level * 8,
                        index,
                    })
                };
                encode_hashes(
                    &items
                        .map(|index| node(index).expect("complete"))
                        .collect::<Vec<_>>(),
                )
            }
        };
        assert!(files.insert(tile, bytes).is_none(), "{tile} written twice");
    }
}

fn log(size: u64) -> (Files, MemoryTree) {
    let tree = MemoryTree::new(leaves(size));
    let mut files = Files::new();
    grow(&mut files, &tree, 0, size);
    (files, tree)
}

#[test]
fn paths_are_those_of_the_specification() {
    let cases = [
        (TileLevel::Hashes(0), 0, 256, "tile/0/000"),
        (TileLevel::Hashes(0), 1_234_067, 256, "tile/0/x001/x234/067"),
        (TileLevel::Hashes(1), 999, 1, "tile/1/999.p/1"),
        (TileLevel::Hashes(63), 1000, 255, "tile/63/x001/000.p/255"),
        (TileLevel::Entries, 273, 112, "tile/entries/273.p/112"),
        (
            TileLevel::Entries,
            u64::MAX,
            256,
            "tile/entries/x018/x446/x744/x073/x709/x551/615",
        ),
    ];
    for (level, index, width, path) in cases {
        let tile = TileRef {
            level,
            index,
            width,
        };
        assert_eq!(tile.path(), path);
        assert_eq!(TileRef::parse(path).expect(path), tile);
    }
}

#[test]
fn other_spellings_are_refused() {
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "/tile/0/000",
        "tile/0/000/",
        "tile/00/000",
        "tile/+1/000",
        "tile/64/000",
        "tile/256/000",
        "tile/-1/000",
        "tile/data/000",
        "tile/Entries/000",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/0/x000",
        "tile/0/x001",
        "tile/0/x000/001",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/X001/000",
        "tile/0/xx01/000",
        "tile/0/+01",
        "tile/0/x+01/000",
        "tile/0/ 01",
        "tile/0/٠٠١",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000.p/0",
        "tile/0/000.p/00",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/256",
        "tile/0/000.p/257",
        "tile/0/000.p/65537",
        "tile/0/000.p/1.p/1",
        "tile/0/000.p/1/000",
        "tile/0/../000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
        "tile/8/0/000",
    ] {
        assert!(TileRef::parse(path).is_err(), "{path:?}");
    }
}

#[test]
fn the_specifications_example_has_its_tiles() {
    let tiles = tiles_to_write(0, 70_000);
    let count = |level, full| {
        let of = |tile: &&TileRef| tile.level == level && tile.is_full() == full;
        tiles.iter().filter(of).count()
    };
    for level in [TileLevel::Entries, TileLevel::Hashes(0)] {
        assert_eq!((count(level, true), count(level, false)), (273, 1));
    }
    assert_eq!(count(TileLevel::Hashes(1), true), 1);
    let partial = tiles.iter().filter(|tile| !tile.is_full());
    assert_eq!(
        partial.map(TileRef::path).collect::<Vec<_>>(),
        [
            "tile/entries/273.p/112",
            "tile/0/273.p/112",
            "tile/1/001.p/17",
            "tile/2/000.p/1",
        ]
    );
    let small = tiles_to_write(0, 256)
        .iter()
        .map(TileRef::path)
        .collect::<Vec<_>>();
    assert_eq!(small, ["tile/entries/000", "tile/0/000", "tile/1/000.p/1"]);
    assert!(tiles_to_write(0, 0).is_empty());
    assert!(tiles_to_write(300, 300).is_empty());
    assert!(tiles_to_write(301, 300).is_empty());
}

#[test]
fn nothing_is_written_at_a_level_that_did_not_grow() {
    let paths = tiles_to_write(256, 257)
        .iter()
        .map(TileRef::path)
        .collect::<Vec<_>>();
    assert_eq!(paths, ["tile/entries/001.p/1", "tile/0/001.p/1"]);
    let top = tiles_to_write(u64::from(u32::MAX), 1 << 32);
    let paths = top.iter().map(TileRef::path).collect::<Vec<_>>();
    assert_eq!(
        paths,
        [
            "tile/entries/x016/x777/215",
            "tile/0/x016/x777/215",
            "tile/1/x065/535",
            "tile/2/255",
            "tile/3/000",
            "tile/4/000.p/1",
        ]
    );
}

#[test]
fn large_trees_prove_from_tiles_alone() {
    for size in [255u64, 256, 257, 65_535, 65_536, 65_537, 70_000] {
        let (files, tree) = log(size);
        let mut read = |tile: &TileRef| files.get(tile).cloned();
        verify_tiles(size, &tree.root(), &mut read).expect("an honest log");
        for index in [0, 1, 254, 255, 256, 65_535, 65_536, size - 1] {
            if index >= size {
                continue;
            }
            let path = inclusion_path(index, size, |node| node_from_tiles(size, node, &mut read));
            let leaf = leaf_hash(&entry(index));
            verify_inclusion(&leaf, index, size, &path.expect("all tiles"), &tree.root())
                .expect("an honest proof");
        }
        let restored = Tree::from_nodes(size, |node| node_from_tiles(size, node, &mut read));
        assert_eq!(restored.expect("all tiles").root(), tree.root());
    }
}

#[test]
fn a_full_tile_stands_in_for_a_dropped_partial_one() {
    let tree = MemoryTree::new(leaves(600));
    let mut files = Files::new();
    grow(&mut files, &tree, 0, 300);
    grow(&mut files, &tree, 300, 600);
    for dropped in ["tile/entries/001.p/44", "tile/0/001.p/44"] {
        let tile = TileRef::parse(dropped).expect("a path");
        files.remove(&tile).expect("was written");
    }
    let root = root_of(leaves(300));
    let mut read = |tile: &TileRef| files.get(tile).cloned();
    verify_tiles(300, &root, &mut read).expect("the full tiles begin with the partial ones");
    let path = consistency_path(300, 600, |node| node_from_tiles(600, node, &mut read));
    verify_consistency(300, &root, 600, &tree.root(), &path.expect("all tiles")).expect("honest");
}

#[test]
fn an_audit_names_what_is_wrong() {
    let (files, tree) = log(600);
    let root = tree.root();
    let with = |path: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut files = files.clone();
        change(
            files
                .get_mut(&TileRef::parse(path).expect("a path"))
                .expect("there"),
        );
        verify_tiles(600, &root, |tile| files.get(tile).cloned())
    };
    let without = |path: &str| {
        let mut files = files.clone();
        files.remove(&TileRef::parse(path).expect("a path"));
        verify_tiles(600, &root, |tile| files.get(tile).cloned())
    };
    for tile in files.keys() {
        let path = tile.path();
        assert!(matches!(without(&path), Err(Error::TileMissing { path: found }) if found == path));
        let cut = with(&path, &|bytes| bytes.truncate(bytes.len() - 1));
        assert!(matches!(cut, Err(Error::TileMalformed { path: found }) if found == path));
        let longer = with(&path, &|bytes| bytes.push(0));
        assert!(matches!(longer, Err(Error::TileMalformed { path: found }) if found == path));
        let flipped = with(&path, &|bytes| *bytes.last_mut().expect("not empty") ^= 1);
        let blamed = match tile.level {
            // Entries are the ground truth of an audit: the hashes that contradict them are named.
            TileLevel::Entries => path.replace("entries", "0"),
            TileLevel::Hashes(_) => path,
        };
        assert!(matches!(flipped, Err(Error::TileMismatch { path: found }) if found == blamed));
    }
    let elsewhere = verify_tiles(600, &leaf_hash(b""), |tile| files.get(tile).cloned());
    assert!(matches!(elsewhere, Err(Error::RootMismatch { found, .. }) if found == root));
    assert!(verify_tiles(599, &root, |tile| files.get(tile).cloned()).is_err());
    assert!(verify_tiles(601, &root, |tile| files.get(tile).cloned()).is_err());
    assert!(verify_tiles(u64::MAX, &root, |tile| files.get(tile).cloned()).is_err());
    assert!(verify_tiles(u64::MAX >> 1, &root, |_| None).is_err());
}

#[test]
fn entries_have_a_length_limit() {
    let mut bundle = Vec::new();
    encode_entry(&mut bundle, &vec![7; ENTRY_BYTES_MAX]).expect("the longest");
    assert!(encode_entry(&mut bundle, &vec![7; ENTRY_BYTES_MAX + 1]).is_err());
    encode_entry(&mut bundle, b"").expect("an empty entry");
    let tile = TileRef {
        level: TileLevel::Entries,
        index: 0,
        width: 2,
    };
    let entries = decode_entries(&tile, &bundle).expect("two entries");
    assert_eq!(
        entries.iter().map(|entry| entry.len()).collect::<Vec<_>>(),
        [ENTRY_BYTES_MAX, 0]
    );
    for width in [1, 3] {
        assert!(decode_entries(&TileRef { width, ..tile }, &bundle).is_err());
    }
}

fn sizes() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..1100, 65_500u64..65_600]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn paths_return_to_their_tile(entries in any::<bool>(), level in 0u8..64, index in any::<u64>(), shift in 0u32..64, width in 1u16..=TILE_WIDTH) {
        let level = if entries { TileLevel::Entries } else { TileLevel::Hashes(level) };
        let tile = TileRef { level, index: index >> shift, width };
        prop_assert_eq!(TileRef::parse(&tile.path()).expect("its own path"), tile);
    }

    #[test]
    fn what_parses_prints_back(path in "tile/(entries|[0-9]{1,2})/(x?[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = TileRef::parse(&path) {
            prop_assert_eq!(tile.path(), path);
        }
    }

    #[test]
    fn arbitrary_paths_never_panic(path in ".{0,40}") {
        prop_assert!(TileRef::parse(&path).is_err());
    }

    #[test]
    fn tiles_hold_every_item_once(size in sizes()) {
        let mut items = BTreeSet::new();
        for tile in tiles_to_write(0, size) {
            prop_assert!((1..=TILE_WIDTH).contains(&tile.width));
            for item in tile.first_item()..tile.first_item() + u64::from(tile.width) {
                prop_assert!(items.insert((tile.level, item)));
                prop_assert_eq!(TileRef::holding(tile.level, item, size), Some(tile));
            }
        }
        for level in std::iter::once(TileLevel::Entries).chain((0..8).map(TileLevel::Hashes)) {
            let count = u64::try_from(items.range((level, 0)..=(level, u64::MAX)).count()).expect("small");
            prop_assert_eq!(count, level.items(size));
            prop_assert_eq!(TileRef::holding(level, count, size), None);
        }
    }

    #[test]
    fn a_log_grown_in_steps_lacks_no_tile(steps in proptest::collection::vec(0u64..700, 1..8)) {
        let total = steps.iter().sum();
        let tree = MemoryTree::new(leaves(total));
        let mut files = Files::new();
        let mut size = 0;
        for step in steps {
            grow(&mut files, &tree, size, size + step);
            size += step;
            for tile in tiles_to_write(0, size) {
                prop_assert!(files.contains_key(&tile));
            }
            let root = root_of(leaves(size));
            prop_assert!(verify_tiles(size, &root, |tile| files.get(tile).cloned()).is_ok());
        }
    }

    #[test]
    fn any_flipped_bit_on_disk_is_found(size in 1u64..800, tile in any::<usize>(), byte in any::<usize>(), bit in 0u8..8) {
        let (mut files, tree) = log(size);
        let count = files.len();
        let bytes = files.values_mut().nth(tile % count).expect("one of them");
        let byte = byte % bytes.len();
        bytes[byte] ^= 1 << bit;
        prop_assert!(verify_tiles(size, &tree.root(), |tile| files.get(tile).cloned()).is_err());
    }

    #[test]
    fn hostile_tiles_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600), width in 0u16..=TILE_WIDTH, level in any::<u8>(), index in any::<u64>(), size in any::<u64>()) {
        let tile = TileRef { level: TileLevel::Entries, index: 0, width };
        if let Ok(entries) = decode_entries(&tile, &bytes) {
            prop_assert_eq!(entries.len(), usize::from(width));
        }
        if let Ok(hashes) = decode_hashes(&tile, &bytes) {
            prop_assert_eq!(encode_hashes(&hashes), bytes.clone());
        }
        let mut read = |_: &TileRef| Some(bytes.clone());
        let _ = node_from_tiles(size, Node { level, index }, &mut read);
    }
}
