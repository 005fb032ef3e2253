//! A leaf's proof as other transparency logs write it (C2SP tlog-proof): the leaf itself travels in the `extra` line,
//! which nothing vouches for but that its hash leads to the root.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::checkpoint::parse_decimal;
use crate::{
    Checkpoint, Error, Hash, ProofBundle, Result, VerifierKey, leaf_hash, parse_leaf,
    verify_inclusion,
};

pub(crate) const TLOG_PROOF_HEADER: &str = "c2sp.org/tlog-proof@v1";
/// No tree is so high.
const PATH_LEN_MAX: usize = 64;
/// A leaf of the greatest length, a path and a checkpoint with all the signatures that one may have are shorter.
const PROOF_BYTES_MAX: usize = 2 << 20;

/// A transparency log proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// What its maker put beside it; in ours the leaf.
    pub extra: Option<Vec<u8>>,
    /// The leaf's index in the log.
    pub index: u64,
    /// The inclusion proof, lowest sibling first.
    pub path: Vec<Hash>,
    /// The signed checkpoint, a note.
    pub checkpoint: String,
}

impl TlogProof {
    /// Parses a proof without believing it.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > PROOF_BYTES_MAX {
            return Err(Error::TlogProofMalformed);
        }
        Self::parse_lines(text).ok_or(Error::TlogProofMalformed)
    }

    /// Checks that the leaf it carries is in the log, and returns the leaf and the checkpoint.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<(Value, Checkpoint)> {
        let leaf = self.extra.as_deref().ok_or(Error::TlogProofWithoutLeaf)?;
        let checkpoint = self.verify_entry(leaf, keys)?;
        Ok((parse_leaf(leaf)?, checkpoint))
    }

    /// Checks that an entry that is at hand is in the log.
    pub fn verify_entry(&self, entry: &[u8], keys: &[VerifierKey]) -> Result<Checkpoint> {
        let checkpoint = Checkpoint::verify(&self.checkpoint, keys)?;
        verify_inclusion(
            &leaf_hash(entry),
            self.index,
            checkpoint.size,
            &self.path,
            &checkpoint.root,
        )?;
        Ok(checkpoint)
    }

    fn parse_lines(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(TLOG_PROOF_HEADER)?.strip_prefix('\n')?;
        let (head, checkpoint) = rest.split_once("\n\n")?;
        let mut lines = head.split('\n').peekable();
        let extra = match lines.peek()?.strip_prefix("extra ") {
            Some(encoded) => {
                lines.next();
                Some(STANDARD.decode(encoded).ok()?)
            }
            None => None,
        };
        let index = parse_decimal(lines.next()?.strip_prefix("index ")?)?;
        let path = lines
            .map(|line| Hash::from_base64(line).ok())
            .collect::<Option<Vec<_>>>()
            .filter(|path| path.len() <= PATH_LEN_MAX)?;
        Some(Self {
            extra,
            index,
            path,
            checkpoint: checkpoint.to_owned(),
        })
    }
}

impl From<&ProofBundle> for TlogProof {
    fn from(bundle: &ProofBundle) -> Self {
        Self {
            extra: Some(bundle.leaf.clone()),
            index: bundle.index,
            path: bundle.path.clone(),
            checkpoint: bundle.checkpoint.clone(),
        }
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{TLOG_PROOF_HEADER}")?;
        if let Some(extra) = &self.extra {
            writeln!(formatter, "extra {}", STANDARD.encode(extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(formatter, "{}", hash.to_base64())?;
        }
        write!(formatter, "\n{}", self.checkpoint)
    }
}
