//! What an outsider does with a whole published log: recompute every tile and the root from the entries, and name the
//! first place where the log contradicts itself.

use crate::hash::leaf_hash;
use crate::tiles::{
    TILE_WIDTH, TileLevel, TileRef, complete_root, decode_entries, read_hashes, read_tile,
};
use crate::tree::SIZE_MAX;
use crate::{Checkpoint, Error, Hash, Result, Tree};

/// Recomputes a log of `size` leaves from its entry bundles, compares every hash tile on the way and the `root` at the
/// end, and reports the first mismatch. `read` gives a tile's bytes by its path; a full tile may stand in for a partial
/// one that the log has dropped. Memory stays at one tile per level.
pub fn verify_tiles(
    size: u64,
    root: &Hash,
    read: impl FnMut(&TileRef) -> Option<Vec<u8>>,
) -> Result<()> {
    verify_log(size, root, &[], read)
}

/// Does what [`verify_tiles`] does, and checks that the log extends older checkpoints of it, wherever those were kept: a
/// fork, a rollback or a truncation shows there and nowhere else.
pub fn verify_log(
    size: u64,
    root: &Hash,
    older: &[Checkpoint],
    mut read: impl FnMut(&TileRef) -> Option<Vec<u8>>,
) -> Result<()> {
    if let Some(newer) = older.iter().find(|older| older.size > size) {
        return Err(Error::TreeShrank {
            old: newer.size,
            new: size,
        });
    }
    let compare = |tree: &Tree| {
        let same_size = older.iter().filter(|older| older.size == tree.size());
        let mut other = same_size.filter(|older| older.root != tree.root());
        other.next().map_or(Ok(()), |older| {
            Err(Error::RootMismatch {
                expected: older.root,
                found: tree.root(),
            })
        })
    };
    if size > SIZE_MAX {
        return Err(Error::SizeTooLarge { size });
    }
    let mut tree = Tree::new();
    let mut rows = Rows::default();
    while let Some(tile) = TileRef::holding(TileLevel::Entries, tree.size(), size) {
        for leaf in read_leaf_hashes(&tile, &mut read)? {
            compare(&tree)?;
            tree.append(leaf);
            rows.push(leaf, &mut read)?;
        }
    }
    rows.finish(&mut read)?;
    compare(&tree)?;
    let found = tree.root();
    if found == *root {
        Ok(())
    } else {
        Err(Error::RootMismatch {
            expected: *root,
            found,
        })
    }
}

/// The unfinished tile of each level, leaves first.
#[derive(Default)]
struct Rows(Vec<Row>);

#[derive(Default)]
struct Row {
    tiles_done: u64,
    hashes: Vec<Hash>,
}

impl Rows {
    fn push(
        &mut self,
        leaf: Hash,
        read: &mut impl FnMut(&TileRef) -> Option<Vec<u8>>,
    ) -> Result<()> {
        let mut carried = leaf;
        for level in 0u8.. {
            let place = usize::from(level);
            if place == self.0.len() {
                self.0.push(Row::default());
            }
            let row = self.0.get_mut(place).expect("pushed if it was missing");
            row.hashes.push(carried);
            if row.hashes.len() < usize::from(TILE_WIDTH) {
                break;
            }
            row.compare(level, read)?;
            carried = complete_root(&row.hashes).expect("a full tile");
            row.hashes.clear();
            row.tiles_done += 1;
        }
        Ok(())
    }

    fn finish(&self, read: &mut impl FnMut(&TileRef) -> Option<Vec<u8>>) -> Result<()> {
        for (level, row) in (0u8..).zip(&self.0) {
            if !row.hashes.is_empty() {
                row.compare(level, read)?;
            }
        }
        Ok(())
    }
}

impl Row {
    fn compare(&self, level: u8, read: &mut impl FnMut(&TileRef) -> Option<Vec<u8>>) -> Result<()> {
        let tile = TileRef {
            level: TileLevel::Hashes(level),
            index: self.tiles_done,
            width: u16::try_from(self.hashes.len()).expect("at most a full tile"),
        };
        let found = read_hashes(&tile, read)?;
        if found == self.hashes {
            Ok(())
        } else {
            Err(Error::TileMismatch { path: tile.path() })
        }
    }
}

fn read_leaf_hashes(
    tile: &TileRef,
    read: &mut impl FnMut(&TileRef) -> Option<Vec<u8>>,
) -> Result<Vec<Hash>> {
    let (stored, bytes) = read_tile(tile, read)?;
    let entries = decode_entries(&stored, &bytes)?;
    Ok(entries
        .into_iter()
        .take(usize::from(tile.width))
        .map(leaf_hash)
        .collect())
}
