//! Ordinary reads inside the jurisdiction: kept as records, told of by one leaf for many. One of them is proven from the
//! records of its batch; a batch whose records were kept long enough goes as a whole, and its leaf stays.

use onshore_db::{Unit, params};
use onshore_ledger::{
    Disclosure, MemoryTree, ReadFormat, ReadProof, Salt, Tree, commitment_of_bytes, leaf_hash,
    parse_record,
};
use onshore_types::{LeafIndex, Timestamp};
use serde_json::{Value, json};

use crate::marks::first_at;
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

    /// Returns up to `limit` reads of the batch that a leaf tells of, from a position on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn reads(
        &self,
        leaf: LeafIndex,
        from: u64,
        limit: u32,
    ) -> Result<Vec<RecordedRead>, Error> {
        let rows: Vec<(i64, i64, Vec<u8>)> = self
            .inner
            .db
            .read(move |view| {
                view.all(
                    "SELECT seq, time_ms, record FROM read_records WHERE leaf = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3",
                    params![leaf.cast_signed(), from.cast_signed(), limit],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        rows.into_iter()
            .map(|(position, time, record)| {
                Ok(RecordedRead {
                    position: position.cast_unsigned(),
                    time: Timestamp::from_millis(time),
                    record: parse_record(&record)?,
                })
            })
            .collect()
    }

    /// Proves one read of a batch.
    ///
    /// # Errors
    /// [`Error::NoSuchRead`], [`Error::NoSuchLeaf`], and those of the database and the tiles.
    pub async fn prove_read(&self, leaf: LeafIndex, position: u64) -> Result<ReadProof, Error> {
        let missing = Error::NoSuchRead { leaf, position };
        let rows: Vec<([u8; 32], Vec<u8>)> = self
            .inner
            .db
            .read(move |view| {
                view.all(
                    "SELECT salt, record FROM read_records WHERE leaf = ?1 ORDER BY seq",
                    [leaf.cast_signed()],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        let Some((salt, record)) = usize::try_from(position).ok().and_then(|at| rows.get(at))
        else {
            return Err(missing);
        };
        let read = Disclosure {
            salt: Salt::new(*salt),
            record: parse_record(record)?,
        };
        let commitments = rows
            .iter()
            .map(|(salt, record)| leaf_hash(commitment_of_bytes(salt, record).as_bytes()));
        let tree = MemoryTree::new(commitments.collect());
        let proof = ReadProof {
            format: ReadFormat::V1,
            position,
            path: tree.prove_inclusion(position)?,
            read,
            batch: self.prove(leaf, Vec::new()).await?,
        };
        // Records that were changed must not become a proof that nobody can check.
        proof.verify(&[self.verifier()])?;
        Ok(proof)
    }

    /// Removes the records of the oldest batch of reads, if it was recorded before a time, and returns how many those
    /// were. Its leaf stays.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove_reads(&self, unit: &Unit<'_>, before: Timestamp) -> Result<u64, Error> {
        let size: Option<i64> =
            unit.one("SELECT coalesce(max(idx) + 1, 0) FROM leaves", [], |row| {
                row.get(0)
            })?;
        let end = first_at(unit, before, size.map_or(0, i64::cast_unsigned))?;
        let removed = unit.execute(
            "DELETE FROM read_records WHERE leaf = (SELECT min(leaf) FROM read_records) AND leaf < ?1",
            [end.cast_signed()],
        )?;
        Ok(removed as u64)
    }
}

/// A read as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedRead {
    /// Where in its batch it stands.
    pub position: u64,
    /// When it began.
    pub time: Timestamp,
    /// Who read what.
    pub record: Value,
}
