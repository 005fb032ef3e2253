//! The append-only tree of RFC 6962, kept as its frontier: the roots of the complete subtrees it is made of, largest
//! first, one per set bit of its size.

use crate::hash::{empty_root, node_hash};
use crate::{Error, Hash, Result};

/// The most leaves a tree may have; sizes fit the signed 64-bit integers of a database.
pub const SIZE_MAX: u64 = i64::MAX as u64;

/// The root of a complete subtree of `2^level` leaves, the `index`-th of its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// The height above the leaves, which are level 0.
    pub level: u8,
    /// The position within the level, from 0.
    pub index: u64,
}

/// A tree that can grow and tell its root, in memory logarithmic in its size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    frontier: Vec<Hash>,
}

impl Tree {
    /// Returns the tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self {
            size: 0,
            frontier: Vec::with_capacity(64),
        }
    }

    /// Restores a tree from what [`Tree::size`] and [`Tree::frontier`] gave.
    pub fn from_frontier(size: u64, frontier: Vec<Hash>) -> Result<Self> {
        if size > SIZE_MAX {
            return Err(Error::SizeTooLarge { size });
        }
        let expected = usize::try_from(size.count_ones()).expect("at most 64 bits");
        if frontier.len() != expected {
            return Err(Error::FrontierMismatch {
                size,
                expected,
                found: frontier.len(),
            });
        }
        Ok(Self { size, frontier })
    }

    /// Restores the tree of `size` leaves from stored nodes.
    pub fn from_nodes(size: u64, mut read: impl FnMut(Node) -> Option<Hash>) -> Result<Self> {
        if size > SIZE_MAX {
            return Err(Error::SizeTooLarge { size });
        }
        let frontier = frontier_nodes(size)
            .map(|node| read_node(node, &mut read))
            .collect::<Result<_>>()?;
        Ok(Self { size, frontier })
    }

    /// Appends a leaf hash. On average one inner node is hashed.
    pub fn append(&mut self, leaf: Hash) {
        assert!(self.size < SIZE_MAX, "no log grows this large");
        let mut hash = leaf;
        // Each trailing one bit of the old size is a complete subtree as large as the one just made: they merge.
        for _ in 0..self.size.trailing_ones() {
            let left = self.frontier.pop().expect("one subtree per set bit");
            hash = node_hash(&left, &hash);
        }
        self.frontier.push(hash);
        self.size += 1;
    }

    /// Appends a complete subtree of `2^level` leaves; the size must be a multiple of that.
    pub(crate) fn append_subtree(&mut self, level: u8, subtree: Hash) {
        let leaves = 1_u64 << level;
        assert!(
            self.size.is_multiple_of(leaves) && self.size <= SIZE_MAX - leaves,
            "a complete subtree begins at a multiple of its size"
        );
        let mut hash = subtree;
        for _ in 0..(self.size >> level).trailing_ones() {
            let left = self.frontier.pop().expect("one subtree per set bit");
            hash = node_hash(&left, &hash);
        }
        self.frontier.push(hash);
        self.size += leaves;
    }

    /// Returns the number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the roots of the complete subtrees, largest first.
    #[must_use]
    pub fn frontier(&self) -> &[Hash] {
        &self.frontier
    }

    /// Returns the root hash.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold_right(&self.frontier).unwrap_or_else(empty_root)
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Extend<Hash> for Tree {
    fn extend<I: IntoIterator<Item = Hash>>(&mut self, leaves: I) {
        for leaf in leaves {
            self.append(leaf);
        }
    }
}

/// Returns the root of the tree over `leaves`, given as leaf hashes.
#[must_use]
pub fn root_of(leaves: impl IntoIterator<Item = Hash>) -> Hash {
    let mut tree = Tree::new();
    tree.extend(leaves);
    tree.root()
}

/// Returns the nodes whose hashes are the frontier of a tree of `size` leaves, largest first.
pub fn frontier_nodes(size: u64) -> impl Iterator<Item = Node> {
    range_nodes(0, size)
}

/// Returns the complete subtrees that make up the leaves `start..end`, largest first. `start` must be a multiple of the
/// largest of them, which holds for every range that RFC 6962 speaks of.
pub(crate) fn range_nodes(start: u64, end: u64) -> impl Iterator<Item = Node> {
    let len = end - start;
    let mut position = start;
    (0..64u8)
        .rev()
        .filter(move |level| len >> level & 1 == 1)
        .map(move |level| {
            let node = Node {
                level,
                index: position >> level,
            };
            position += 1 << level;
            node
        })
}

/// Returns the Merkle tree hash of the leaves `start..end`, which are not none.
pub(crate) fn range_root(
    start: u64,
    end: u64,
    read: &mut impl FnMut(Node) -> Option<Hash>,
) -> Result<Hash> {
    let hashes = range_nodes(start, end)
        .map(|node| read_node(node, read))
        .collect::<Result<Vec<_>>>()?;
    Ok(fold_right(&hashes).expect("a range of at least one leaf"))
}

fn read_node(node: Node, read: &mut impl FnMut(Node) -> Option<Hash>) -> Result<Hash> {
    read(node).ok_or(Error::NodeMissing {
        level: node.level,
        index: node.index,
    })
}

fn fold_right(hashes: &[Hash]) -> Option<Hash> {
    hashes
        .iter()
        .rev()
        .copied()
        .reduce(|right, left| node_hash(&left, &right))
}
