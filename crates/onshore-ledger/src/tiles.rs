//! The log as static files: C2SP tlog-tiles paths, which tiles a growing log writes, and how entries and hashes lie in
//! them. Tiles are 256 wide; a full tile never changes.

use std::fmt;
use std::str::FromStr;

use crate::hash::node_hash;
use crate::tree::{Node, SIZE_MAX};
use crate::{Error, Hash, Result};

/// The hashes or entries in a full tile.
pub const TILE_WIDTH: u16 = 256;

/// The longest entry an entry bundle can hold: its length prefix has 16 bits.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

const TILE_HEIGHT: u8 = 8;
const LEVEL_MAX: u8 = 63;
const HASH_BYTES: usize = 32;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TileLevel {
    /// The log entries themselves.
    Entries,
    /// Roots of complete subtrees of `256^level` leaves.
    Hashes(u8),
}

impl TileLevel {
    /// Returns how many items of this level a tree of `size` leaves has.
    #[must_use]
    pub fn items(self, size: u64) -> u64 {
        match self {
            Self::Entries => size,
            Self::Hashes(level) => size
                .checked_shr(u32::from(level) * u32::from(TILE_HEIGHT))
                .unwrap_or(0),
        }
    }
}

/// The name of a tile: its level, its index within the level, and how many items it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileRef {
    /// What the tile holds.
    pub level: TileLevel,
    /// The tile's position within its level, from 0.
    pub index: u64,
    /// The items in it: 256 when full, 1 to 255 when partial.
    pub width: u16,
}

impl TileRef {
    /// Returns the tile that holds item `item` of a level in a tree of `size` leaves, as wide as that tree has it.
    #[must_use]
    pub fn holding(level: TileLevel, item: u64, size: u64) -> Option<Self> {
        let items = level.items(size);
        let index = item / u64::from(TILE_WIDTH);
        (item < items).then(|| Self {
            level,
            index,
            width: width_at(index, items),
        })
    }

    /// Returns whether the tile will never change.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Returns the full tile at this place.
    #[must_use]
    pub fn full(&self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..*self
        }
    }

    /// Returns the index, within its level, of the tile's first item.
    #[must_use]
    pub fn first_item(&self) -> u64 {
        self.index.saturating_mul(u64::from(TILE_WIDTH))
    }

    /// Returns the tile's path below the log's prefix.
    #[must_use]
    pub fn path(&self) -> String {
        self.to_string()
    }

    /// Parses a tile's path; every tile has one spelling and any other is refused.
    pub fn parse(path: &str) -> Result<Self> {
        let tile = Self::parse_loosely(path).ok_or(Error::TilePathMalformed)?;
        // One place decides the spelling: what does not print back as it came is not canonical.
        if tile.path() == path {
            Ok(tile)
        } else {
            Err(Error::TilePathMalformed)
        }
    }

    fn parse_loosely(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let level = match level {
            "entries" => TileLevel::Entries,
            number => TileLevel::Hashes(number.parse().ok().filter(|level| *level <= LEVEL_MAX)?),
        };
        let (groups, width) = match rest.split_once(".p/") {
            Some((groups, width)) => {
                let width = width
                    .parse()
                    .ok()
                    .filter(|width| (1..TILE_WIDTH).contains(width))?;
                (groups, width)
            }
            None => (rest, TILE_WIDTH),
        };
        let mut index = 0u64;
        for group in groups.split('/') {
            let digits = group.strip_prefix('x').unwrap_or(group);
            if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
        }
        Some(Self {
            level,
            index,
            width,
        })
    }
}

impl fmt::Display for TileRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            TileLevel::Entries => formatter.write_str("tile/entries/")?,
            TileLevel::Hashes(level) => write!(formatter, "tile/{level}/")?,
        }
        let mut divisor = 1u64;
        while self.index / divisor >= 1000 {
            divisor *= 1000;
        }
        while divisor > 1 {
            write!(formatter, "x{:03}/", self.index / divisor % 1000)?;
            divisor /= 1000;
        }
        write!(formatter, "{:03}", self.index % 1000)?;
        if self.width != TILE_WIDTH {
            write!(formatter, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for TileRef {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self> {
        Self::parse(path)
    }
}

/// Returns the tiles, full and partial, that a log grown from `old` to `new` leaves must write before it publishes the
/// checkpoint of size `new`: entries first, then hashes from the leaves upward. `tiles_to_write(0, n)` names every tile
/// of a log of `n` leaves.
#[must_use]
pub fn tiles_to_write(old: u64, new: u64) -> Vec<TileRef> {
    let levels = std::iter::once(TileLevel::Entries).chain((0..TILE_HEIGHT).map(TileLevel::Hashes));
    levels
        .flat_map(|level| {
            let (had, has) = (level.items(old), level.items(new));
            // A range of old items that did not grow names no tile, not even its last partial one.
            let indexes = if has > had {
                had / u64::from(TILE_WIDTH)..has.div_ceil(u64::from(TILE_WIDTH))
            } else {
                0..0
            };
            indexes.map(move |index| TileRef {
                level,
                index,
                width: width_at(index, has),
            })
        })
        .collect()
}

/// Appends one entry to a bundle, behind its 16-bit big-endian length.
pub fn encode_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<()> {
    let len = u16::try_from(entry.len()).map_err(|_| Error::EntryTooLong {
        len_bytes: entry.len(),
    })?;
    bundle.extend_from_slice(&len.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// Splits the bytes of an entry bundle; there must be exactly the entries that `tile` names, and nothing after them.
pub fn decode_entries<'a>(tile: &TileRef, bundle: &'a [u8]) -> Result<Vec<&'a [u8]>> {
    let malformed = || Error::TileMalformed { path: tile.path() };
    let mut entries = Vec::with_capacity(usize::from(tile.width));
    let mut rest = bundle;
    for _ in 0..tile.width {
        let (prefix, after) = rest.split_first_chunk::<2>().ok_or_else(malformed)?;
        let len = usize::from(u16::from_be_bytes(*prefix));
        let (entry, after) = after.split_at_checked(len).ok_or_else(malformed)?;
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() {
        Ok(entries)
    } else {
        Err(malformed())
    }
}

/// Returns the bytes of a hash tile.
#[must_use]
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

/// Splits the bytes of a hash tile; there must be exactly the hashes that `tile` names.
pub fn decode_hashes(tile: &TileRef, bytes: &[u8]) -> Result<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || hashes.len() != usize::from(tile.width) {
        return Err(Error::TileMalformed { path: tile.path() });
    }
    Ok(hashes.iter().copied().map(Hash).collect())
}

/// Returns the hash of a complete subtree of a log of `size` leaves, computed from the one hash tile that spans it.
/// Pass `|node| node_from_tiles(size, node, &mut read)` to [`inclusion_path`](crate::inclusion_path) and its kin.
/// `read` gives the bytes of a tile; a full tile may stand in for a partial one.
pub fn node_from_tiles(
    size: u64,
    node: Node,
    read: &mut impl FnMut(&TileRef) -> Option<Vec<u8>>,
) -> Option<Hash> {
    if size > SIZE_MAX || node.level > LEVEL_MAX {
        return None;
    }
    let level = TileLevel::Hashes(node.level / TILE_HEIGHT);
    let rise = node.level % TILE_HEIGHT;
    let count = 1u64 << rise;
    let first = node.index.checked_mul(count)?;
    let last = first.checked_add(count - 1)?;
    // The subtree never straddles two tiles: its width divides theirs and it starts at a multiple of it.
    let tile = TileRef::holding(level, last, size)?;
    let hashes = read_hashes(&tile, read).ok()?;
    let offset = usize::try_from(first - tile.first_item()).ok()?;
    let row = hashes.get(offset..offset + usize::try_from(count).ok()?)?;
    complete_root(row)
}

/// Reads a hash tile, or the beginning of the full tile that has replaced it.
pub(crate) fn read_hashes(
    tile: &TileRef,
    read: &mut impl FnMut(&TileRef) -> Option<Vec<u8>>,
) -> Result<Vec<Hash>> {
    let (stored, bytes) = read_tile(tile, read)?;
    let mut hashes = decode_hashes(&stored, &bytes)?;
    hashes.truncate(usize::from(tile.width));
    Ok(hashes)
}

/// Reads a tile's bytes, or those of the full tile that has replaced it, and says which.
pub(crate) fn read_tile(
    tile: &TileRef,
    read: &mut impl FnMut(&TileRef) -> Option<Vec<u8>>,
) -> Result<(TileRef, Vec<u8>)> {
    if let Some(bytes) = read(tile) {
        return Ok((*tile, bytes));
    }
    let full = tile.full();
    read(&full)
        .map(|bytes| (full, bytes))
        .ok_or_else(|| Error::TileMissing { path: tile.path() })
}

/// Returns the root over a row of hashes whose number is a power of two.
pub(crate) fn complete_root(row: &[Hash]) -> Option<Hash> {
    let mut row = row.to_vec();
    while row.len() > 1 {
        row = row
            .as_chunks::<2>()
            .0
            .iter()
            .map(|[left, right]| node_hash(left, right))
            .collect();
    }
    row.first().copied()
}

fn width_at(index: u64, items: u64) -> u16 {
    let left = items - index * u64::from(TILE_WIDTH);
    u16::try_from(left).map_or(TILE_WIDTH, |left| left.min(TILE_WIDTH))
}
