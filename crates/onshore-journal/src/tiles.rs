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
}
