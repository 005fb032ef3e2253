//! The right edge of the tree as tiles: takes leaves in order and says which tile files hold them.

use onshore_ledger::{
    Hash, TILE_WIDTH, TileLevel, TileRef, Tree, encode_entry, encode_hashes, leaf_hash, root_of,
};

use crate::Error;

/// The tiles that still grow: one bundle of entries, and one row of hashes for each level.
#[derive(Debug, Default)]
pub(crate) struct Edge {
    tree: Tree,
    bundle: Vec<u8>,
    rows: Vec<Vec<Hash>>,
}

/// A tile file and what it holds.
#[derive(Debug)]
pub(crate) struct TileFile {
    pub(crate) tile: TileRef,
    pub(crate) bytes: Vec<u8>,
}

impl Edge {
    /// Rebuilds the edge of a tree of so many leaves, a multiple of the width of a tile, from its full tiles; none where
    /// one is missing or is none. Whether it is the edge of the right tree its root tells.
    pub(crate) fn resume(
        size: u64,
        mut read: impl FnMut(&TileRef) -> Option<Vec<u8>>,
    ) -> Option<Self> {
        let width = u64::from(TILE_WIDTH);
        let mut rows = vec![Vec::with_capacity(usize::from(TILE_WIDTH))];
        let mut items = size / width;
        for below in 0_u8.. {
            let mut row = Vec::with_capacity(usize::from(TILE_WIDTH));
            for index in items - items % width..items {
                let tile = TileRef {
                    level: TileLevel::Hashes(below),
                    index,
                    width: TILE_WIDTH,
                };
                row.push(hash_of_tile(&read(&tile)?)?);
            }
            rows.push(row);
            items /= width;
            if items == 0 {
                break;
            }
        }
        // The subtrees that the tree ends with, the largest first: one for each bit that is set in its size.
        let mut frontier = Vec::new();
        for row in rows.iter().rev() {
            let mut rest = row.as_slice();
            for bit in (0..u16::BITS).rev() {
                let count = 1_usize << bit;
                if row.len() & count != 0 {
                    let (subtree, behind) = rest.split_at(count);
                    frontier.push(root_of(subtree.iter().copied()));
                    rest = behind;
                }
            }
        }
        Some(Self {
            tree: Tree::from_frontier(size, frontier).ok()?,
            bundle: Vec::new(),
            rows,
        })
    }

    pub(crate) fn size(&self) -> u64 {
        self.tree.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Appends one leaf and pushes every tile that it fills.
    pub(crate) fn append(&mut self, leaf: &[u8], full: &mut Vec<TileFile>) -> Result<(), Error> {
        let index = self.size() / u64::from(TILE_WIDTH);
        encode_entry(&mut self.bundle, leaf)?;
        let hash = leaf_hash(leaf);
        self.tree.append(hash);
        if self.size().is_multiple_of(u64::from(TILE_WIDTH)) {
            let bytes = std::mem::take(&mut self.bundle);
            full.push(TileFile {
                tile: TileRef {
                    level: TileLevel::Entries,
                    index,
                    width: TILE_WIDTH,
                },
                bytes,
            });
        }
        self.append_hash(hash, full);
        Ok(())
    }

    /// Puts a hash into the row of level 0; a row that is full becomes one hash of the level above.
    fn append_hash(&mut self, mut hash: Hash, full: &mut Vec<TileFile>) {
        let mut items = self.size();
        for level in 0_u8.. {
            let at = usize::from(level);
            if self.rows.len() == at {
                self.rows.push(Vec::with_capacity(usize::from(TILE_WIDTH)));
            }
            let Some(row) = self.rows.get_mut(at) else {
                return;
            };
            row.push(hash);
            if row.len() < usize::from(TILE_WIDTH) {
                return;
            }
            items /= u64::from(TILE_WIDTH);
            let tile = TileRef {
                level: TileLevel::Hashes(level),
                index: items - 1,
                width: TILE_WIDTH,
            };
            full.push(TileFile {
                tile,
                bytes: encode_hashes(row),
            });
            hash = root_of(row.drain(..));
        }
    }

    /// Returns the partial tiles of this size.
    pub(crate) fn partial(&self) -> Vec<TileFile> {
        let width = u64::from(TILE_WIDTH);
        let mut tiles = Vec::new();
        if !self.bundle.is_empty() {
            let size = self.size();
            let tile = TileRef {
                level: TileLevel::Entries,
                index: size / width,
                width: width_of(size % width),
            };
            tiles.push(TileFile {
                tile,
                bytes: self.bundle.clone(),
            });
        }
        for (level, row) in (0_u8..).zip(&self.rows) {
            if !row.is_empty() {
                let level = TileLevel::Hashes(level);
                let index = level.items(self.size()) / width;
                let tile = TileRef {
                    level,
                    index,
                    width: width_of(row.len() as u64),
                };
                tiles.push(TileFile {
                    tile,
                    bytes: encode_hashes(row),
                });
            }
        }
        tiles
    }
}

/// Returns the hash that a full tile is in the level above.
fn hash_of_tile(bytes: &[u8]) -> Option<Hash> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    let is_full = hashes.len() == usize::from(TILE_WIDTH) && rest.is_empty();
    is_full.then(|| root_of(hashes.iter().copied().map(Hash)))
}

fn width_of(items: u64) -> u16 {
    u16::try_from(items).expect("a partial tile is narrower than a full one")
}

#[cfg(test)]
mod tests {
    use onshore_ledger::{TileRef, tiles_to_write, verify_tiles};
    use std::collections::BTreeMap;

    use super::Edge;

    #[test]
    fn the_edge_writes_exactly_the_tiles_of_the_specification_and_they_verify() {
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut edge = Edge::default();
        for number in 0..70_000_u32 {
            let mut full = Vec::new();
            edge.append(format!("{{\"n\":{number}}}").as_bytes(), &mut full)
                .expect("a leaf");
            files.extend(full.into_iter().map(|file| (file.tile.path(), file.bytes)));
        }
        files.extend(
            edge.partial()
                .into_iter()
                .map(|file| (file.tile.path(), file.bytes)),
        );
        let mut expected: Vec<String> = tiles_to_write(0, 70_000)
            .iter()
            .map(TileRef::path)
            .collect();
        expected.sort();
        let mut written: Vec<String> = files.keys().cloned().collect();
        written.sort();
        assert_eq!(written, expected);
        verify_tiles(edge.size(), &edge.root(), |path| {
            files.get(&path.path()).cloned()
        })
        .expect("tiles verify");
    }

    #[test]
    fn an_edge_goes_on_from_its_tiles_as_if_it_had_read_every_leaf() {
        let leaf = |number: u32| format!("{{\"n\":{number}}}").into_bytes();
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut whole = Edge::default();
        for number in 0..132_000_u32 {
            let mut full = Vec::new();
            whole.append(&leaf(number), &mut full).expect("a leaf");
            files.extend(full.into_iter().map(|file| (file.tile.path(), file.bytes)));
        }
        for from in [0, 256, 512, 65_280, 65_536, 65_792, 131_072, 131_840] {
            let mut edge = Edge::resume(u64::from(from), |tile| files.get(&tile.path()).cloned())
                .expect("its tiles are there");
            let mut full = Vec::new();
            for number in from..132_000 {
                edge.append(&leaf(number), &mut full).expect("a leaf");
            }
            assert_eq!((edge.size(), edge.root()), (whole.size(), whole.root()));
            for file in &full {
                assert_eq!(files.get(&file.tile.path()), Some(&file.bytes));
            }
            let (ours, theirs) = (edge.partial(), whole.partial());
            let bytes = |files: &[super::TileFile]| -> Vec<Vec<u8>> {
                files.iter().map(|file| file.bytes.clone()).collect()
            };
            assert_eq!(bytes(&ours), bytes(&theirs), "from {from}");
        }
        assert!(Edge::resume(65_792, |_| None).is_none());
        assert!(Edge::resume(65_792, |_| Some(vec![0; 31])).is_none());
    }
}
