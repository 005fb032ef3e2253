//! Ordinary reads inside the jurisdiction: kept as records, told of by one leaf for many.

use onshore_db::{Unit, params};
use onshore_ledger::{Salt, Tree, commitment_of_bytes, leaf_hash};
use onshore_types::{LeafIndex, Timestamp};
use serde_json::json;

use crate::{Error, Journal, Leaf};

/// One read inside the jurisdiction.
#[derive(Debug, Clone)]
pub struct ReadRecord {
    /// When it began.
    pub time: Timestamp,
    /// Draws the commitment apart from equal ones.
    pub salt: Salt,
    /// Who read what, in canonical JSON ([`onshore_ledger::canonical`]).
    pub record: Vec<u8>,
}

impl Journal {
    /// Records a batch of reads under one leaf: the Merkle root over the commitments of its records, which are kept.
    ///
    /// # Errors
    /// Those of the database and of the ledger's rules.
    pub fn record_reads(
        &self,
        unit: &Unit<'_>,
        time: Timestamp,
        epoch: u64,
        reads: &[ReadRecord],
    ) -> Result<LeafIndex, Error> {
        let mut tree = Tree::new();
        for read in reads {
            let commitment = commitment_of_bytes(read.salt.as_bytes(), &read.record);
            tree.append(leaf_hash(commitment.as_bytes()));
        }
        let body = json!({
            "kind": "reads",
            "epoch": epoch,
            "count": reads.len(),
            "root": tree.root().to_string(),
        });
        let leaf = self.record(
            unit,
            Leaf {
                time,
                body,
                disclosure: None,
            },
        )?;
        for (seq, read) in (0_i64..).zip(reads) {
            unit.execute(
                "INSERT INTO read_records (leaf, seq, time_ms, salt, record) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![
                    leaf.cast_signed(),
                    seq,
                    read.time.as_millis(),
                    read.salt.as_bytes(),
                    read.record
                ],
            )?;
        }
        Ok(leaf)
    }
}
