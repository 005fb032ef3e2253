//! Inclusion and consistency proofs of RFC 6962: how they are made from stored nodes and how anyone checks them.

use crate::hash::{empty_root, node_hash};
use crate::tree::{Node, SIZE_MAX, range_root};
use crate::{Error, Hash, Result};

/// Returns the inclusion proof of leaf `index` in the tree of `size` leaves, lowest sibling first. `read` gives the hash
/// of a complete subtree; it is asked for nodes within the first `size` leaves only.
pub fn inclusion_path(
    index: u64,
    size: u64,
    mut read: impl FnMut(Node) -> Option<Hash>,
) -> Result<Vec<Hash>> {
    if size > SIZE_MAX {
        return Err(Error::SizeTooLarge { size });
    }
    if index >= size {
        return Err(Error::IndexOutOfRange { index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_root(middle, end, &mut read)?);
            end = middle;
        } else {
            path.push(range_root(start, middle, &mut read)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// Returns the proof that the tree of `new` leaves extends the tree of `old` leaves. It is empty when the sizes are
/// equal and when `old` is zero: there is nothing to show.
pub fn consistency_path(
    old: u64,
    new: u64,
    mut read: impl FnMut(Node) -> Option<Hash>,
) -> Result<Vec<Hash>> {
    if new > SIZE_MAX {
        return Err(Error::SizeTooLarge { size: new });
    }
    if old > new {
        return Err(Error::TreeShrank { old, new });
    }
    let mut path = Vec::new();
    if old == 0 || old == new {
        return Ok(path);
    }
    let (mut start, mut end) = (0, new);
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(range_root(middle, end, &mut read)?);
            end = middle;
        } else {
            path.push(range_root(start, middle, &mut read)?);
            start = middle;
        }
    }
    // The verifier knows the old root; the subtree that ends the old tree is told unless it is that root.
    if start != 0 {
        path.push(range_root(start, end, &mut read)?);
    }
    path.reverse();
    Ok(path)
}

/// Checks that `leaf_hash` is leaf `index` of the tree of `size` leaves with this `root` (RFC 9162, 2.1.3.2).
pub fn verify_inclusion(
    leaf_hash: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<()> {
    if index >= size {
        return Err(Error::IndexOutOfRange { index, size });
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf_hash;
    for sibling in path {
        if last == 0 {
            return Err(Error::InclusionRefused);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            skip_lone_levels(&mut node, &mut last);
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(Error::InclusionRefused)
    }
}

/// Checks that the tree of `new_size` leaves extends the tree of `old_size` leaves (RFC 9162, 2.1.4.2).
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    path: &[Hash],
) -> Result<()> {
    if old_size > new_size {
        return Err(Error::TreeShrank {
            old: old_size,
            new: new_size,
        });
    }
    if (old_size == 0 && *old_root != empty_root()) || (new_size == 0 && *new_root != empty_root())
    {
        return Err(Error::ConsistencyRefused);
    }
    if old_size == 0 || old_size == new_size {
        let equal = old_size == 0 || old_root == new_root;
        return if path.is_empty() && equal {
            Ok(())
        } else {
            Err(Error::ConsistencyRefused)
        };
    }
    let (seed, rest) = if old_size.is_power_of_two() {
        (old_root, path)
    } else {
        path.split_first().ok_or(Error::ConsistencyRefused)?
    };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    let shift = node.trailing_ones();
    node >>= shift;
    last >>= shift;
    let (mut old_hash, mut new_hash) = (*seed, *seed);
    for sibling in rest {
        if last == 0 {
            return Err(Error::ConsistencyRefused);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            skip_lone_levels(&mut node, &mut last);
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && old_hash == *old_root && new_hash == *new_root {
        Ok(())
    } else {
        Err(Error::ConsistencyRefused)
    }
}

/// Returns the inclusion proof of one leaf among leaf hashes held in memory. For several proofs over the same leaves
/// make one [`MemoryTree`].
pub fn prove_inclusion(leaves: &[Hash], index: u64) -> Result<Vec<Hash>> {
    MemoryTree::new(leaves.to_vec()).prove_inclusion(index)
}

/// Returns the proof that the tree over `leaves` extends the tree over the first `old` of them.
pub fn prove_consistency(leaves: &[Hash], old: u64) -> Result<Vec<Hash>> {
    let tree = MemoryTree::new(leaves.to_vec());
    consistency_path(old, tree.size(), |node| tree.node(node))
}

/// All complete nodes of a tree, in memory: for lists that are there anyway, such as a certificate's.
#[derive(Debug, Clone)]
pub struct MemoryTree {
    levels: Vec<Vec<Hash>>,
}

impl MemoryTree {
    /// Builds the tree over leaf hashes.
    #[must_use]
    pub fn new(leaves: Vec<Hash>) -> Self {
        let mut levels = vec![leaves];
        while let Some(below) = levels.last().filter(|level| level.len() > 1) {
            let above = below
                .as_chunks::<2>()
                .0
                .iter()
                .map(|[left, right]| node_hash(left, right))
                .collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// Returns the number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, |leaves| leaves.len() as u64)
    }

    /// Returns the hash of a complete subtree.
    #[must_use]
    pub fn node(&self, node: Node) -> Option<Hash> {
        let index = usize::try_from(node.index).ok()?;
        self.levels
            .get(usize::from(node.level))?
            .get(index)
            .copied()
    }

    /// Returns the root hash.
    #[must_use]
    pub fn root(&self) -> Hash {
        if self.size() == 0 {
            return empty_root();
        }
        range_root(0, self.size(), &mut |node| self.node(node))
            .expect("every complete node is here")
    }

    /// Returns the inclusion proof of one leaf.
    pub fn prove_inclusion(&self, index: u64) -> Result<Vec<Hash>> {
        inclusion_path(index, self.size(), |node| self.node(node))
    }
}

/// Returns the largest power of two smaller than `len`, which is at least two: where RFC 6962 splits a tree.
fn split(len: u64) -> u64 {
    len.next_power_of_two() >> 1
}

/// At the right border a node may have no sibling for several levels; it rises unhashed. `node` is not zero: it is odd,
/// or the last of a level that has others.
fn skip_lone_levels(node: &mut u64, last: &mut u64) {
    let shift = node.trailing_zeros();
    *node >>= shift;
    *last >>= shift;
}
