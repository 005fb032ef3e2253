//! The proof of one read: its record, its place in the batch, and the proof of the leaf that tells of the batch.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Disclosure, Error, Hash, ProofBundle, Result, VerifiedLeaf, VerifierKey, commitment, leaf_hash,
    verify_inclusion,
};

/// The format of a proven read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadFormat {
    /// The first format.
    #[serde(rename = "onshore-read/1")]
    V1,
}

/// One read inside the jurisdiction, proven to be in the batch that a leaf tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadProof {
    /// The format of this document.
    pub format: ReadFormat,
    /// Where in its batch the read stands.
    pub position: u64,
    /// The inclusion proof within the batch, lowest sibling first.
    pub path: Vec<Hash>,
    /// The record of the read and its salt.
    pub read: Disclosure,
    /// The proof of the batch's leaf.
    pub batch: ProofBundle,
}

/// What a verified read says.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedRead {
    /// Who read what.
    pub read: Value,
    /// The batch it is in.
    pub batch: VerifiedLeaf,
}

impl ReadProof {
    /// Checks everything the proof claims against the log's public keys and returns what it says.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<VerifiedRead> {
        let batch = self.batch.verify(keys)?;
        let root = batch
            .leaf
            .get("root")
            .and_then(Value::as_str)
            .ok_or(Error::ReadRefused)?
            .parse::<Hash>()?;
        let is_batch = batch.leaf.get("kind").and_then(Value::as_str) == Some("reads");
        let count = batch.leaf.get("count").and_then(Value::as_u64);
        let (true, Some(count)) = (is_batch, count) else {
            return Err(Error::ReadRefused);
        };
        let committed = commitment(self.read.salt.as_bytes(), &self.read.record)?;
        verify_inclusion(
            &leaf_hash(committed.as_bytes()),
            self.position,
            count,
            &self.path,
            &root,
        )?;
        Ok(VerifiedRead {
            read: self.read.record.clone(),
            batch,
        })
    }
}
