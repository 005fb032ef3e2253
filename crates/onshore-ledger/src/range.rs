//! A proof for a run of leaves: the complete subtrees before it and behind it. With the leaves themselves they make the
//! root, so that one proof of a few hashes serves a hundred thousand leaves, and shows that none between them is left out.

use serde::{Deserialize, Serialize};

use crate::tree::{Node, SIZE_MAX, Tree, frontier_nodes};
use crate::{Error, Hash, Result};

/// The proof for the leaves `first..end` of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeProof {
    /// The complete subtrees before the first leaf, largest first.
    pub before: Vec<Hash>,
    /// The complete subtrees behind the last leaf, from left to right.
    pub behind: Vec<Hash>,
}

/// Checks a run of leaves as it is read.
#[derive(Debug)]
pub struct RangeCheck<'p> {
    tree: Tree,
    proof: &'p RangeProof,
}

impl RangeProof {
    /// Makes the proof for `first..end` in the tree of `size` leaves from its complete subtrees.
    pub fn new(
        first: u64,
        end: u64,
        size: u64,
        mut read: impl FnMut(Node) -> Option<Hash>,
    ) -> Result<Self> {
        check(first, end, size)?;
        let mut hash = |node: Node| {
            read(node).ok_or(Error::NodeMissing {
                level: node.level,
                index: node.index,
            })
        };
        Ok(Self {
            before: frontier_nodes(first)
                .map(&mut hash)
                .collect::<Result<_>>()?,
            behind: nodes_behind(end, size).map(hash).collect::<Result<_>>()?,
        })
    }

    /// Begins to check a run that starts at leaf `first`.
    pub fn begin(&self, first: u64) -> Result<RangeCheck<'_>> {
        Ok(RangeCheck {
            tree: Tree::from_frontier(first, self.before.clone())?,
            proof: self,
        })
    }
}

impl RangeCheck<'_> {
    /// Takes the next leaf's hash.
    pub fn append(&mut self, leaf: Hash) -> Result<()> {
        if self.tree.size() >= SIZE_MAX {
            return Err(Error::SizeTooLarge {
                size: self.tree.size(),
            });
        }
        self.tree.append(leaf);
        Ok(())
    }

    /// Checks that all leaves that were taken make this root with what lies behind them.
    pub fn finish(mut self, size: u64, root: &Hash) -> Result<()> {
        check(0, self.tree.size(), size)?;
        let mut behind = self.proof.behind.iter();
        let nodes: Vec<Node> = nodes_behind(self.tree.size(), size).collect();
        for node in nodes {
            let hash = behind.next().ok_or(Error::RangeRefused)?;
            self.tree.append_subtree(node.level, *hash);
        }
        if behind.next().is_none() && self.tree.root() == *root {
            Ok(())
        } else {
            Err(Error::RangeRefused)
        }
    }
}

fn check(first: u64, end: u64, size: u64) -> Result<()> {
    if size > SIZE_MAX {
        return Err(Error::SizeTooLarge { size });
    }
    if first > end || end > size {
        return Err(Error::IndexOutOfRange { index: end, size });
    }
    Ok(())
}

/// Returns the complete subtrees of `end..size`, from left to right: each as large as its place and what is left allow.
fn nodes_behind(end: u64, size: u64) -> impl Iterator<Item = Node> {
    let mut position = end;
    std::iter::from_fn(move || {
        let left = size.checked_sub(position).filter(|left| *left > 0)?;
        let level = position.trailing_zeros().min(left.ilog2());
        let node = Node {
            level: u8::try_from(level).expect("at most 63"),
            index: position >> level,
        };
        position += 1 << level;
        Some(node)
    })
}
