//! How leaves make a root (RFC 6962, SHA-256), and what proves that a leaf, or a run of leaves, is under one.

use sha2::{Digest as _, Sha256};

use crate::{Refusal, refuse_if};

pub type Hash = [u8; 32];

pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().into()
}

pub fn leaf_hash(data: &[u8]) -> Hash {
    sha256(&[&[0], data])
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left, right])
}

/// HMAC-SHA256 (RFC 2104) under a key of 32 bytes: what a leaf promises of its record.
pub fn hmac(key: &Hash, data: &[u8]) -> Hash {
    let (mut inner, mut outer) = ([0x36; 64], [0x5c; 64]);
    for (place, byte) in key.iter().enumerate() {
        inner[place] ^= byte;
        outer[place] ^= byte;
    }
    sha256(&[&outer, &sha256(&[&inner, data])])
}

/// A tree that grows to the right: its complete subtrees, each with the number of its levels, the largest first.
pub struct Tree {
    size: u64,
    subtrees: Vec<(u32, Hash)>,
}

impl Tree {
    pub fn new() -> Self {
        Self { size: 0, subtrees: Vec::new() }
    }

    /// The tree of `size` leaves that consists of these subtrees.
    pub fn of(size: u64, hashes: &[Hash]) -> Result<Self, Refusal> {
        let levels = (0..64).rev().filter(|level| size >> level & 1 == 1);
        let subtrees: Vec<(u32, Hash)> = levels.zip(hashes.iter().copied()).collect();
        refuse_if(
            size >> 63 == 1 || subtrees.len() != hashes.len() || hashes.len() != size.count_ones() as usize,
            "the hashes before the leaves are not as many as there must be",
        )?;
        Ok(Self { size, subtrees })
    }

    pub fn append(&mut self, leaf: Hash) {
        self.append_subtree(0, leaf);
    }

    fn append_subtree(&mut self, mut level: u32, mut hash: Hash) {
        self.size += 1 << level;
        while let Some((left_level, left)) = self.subtrees.pop() {
            if left_level != level {
                self.subtrees.push((left_level, left));
                break;
            }
            hash = node_hash(&left, &hash);
            level += 1;
        }
        self.subtrees.push((level, hash));
    }

    /// Appends the subtrees that lie behind, up to a size: each as large as its place and what is left allow.
    pub fn append_behind(&mut self, size: u64, behind: &[Hash]) -> Result<(), Refusal> {
        let refused = || "the hashes behind the leaves are not as many as there must be".to_owned();
        let mut behind = behind.iter();
        while self.size < size {
            let level = self.size.trailing_zeros().min((size - self.size).ilog2());
            self.append_subtree(level, *behind.next().ok_or_else(refused)?);
        }
        if behind.next().is_some() || self.size != size {
            return Err(refused());
        }
        Ok(())
    }

    pub fn root(&self) -> Hash {
        let hashes = self.subtrees.iter().rev().map(|(_, hash)| *hash);
        hashes.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(|| sha256(&[]))
    }
}

/// Walks from a leaf to the root of the tree of `size` leaves (RFC 9162, 2.1.3.2).
pub fn check_inclusion(leaf: Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> Result<(), Refusal> {
    let refused = || format!("the proof of leaf {index} does not lead to the root");
    if index >= size {
        return Err(refused());
    }
    let (mut node, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in path {
        if last == 0 {
            return Err(refused());
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(refused()) }
}
