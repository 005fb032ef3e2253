//! What a witness is asked and what it answers (C2SP tlog-witness, add-checkpoint). Pure: the caller keeps what was
//! cosigned, and makes comparing and keeping one step.

use std::fmt;

use crate::checkpoint::parse_decimal;
use crate::{Checkpoint, Error, Hash, Note, Result, VerifierKey, empty_root, verify_consistency};

/// The most hashes that a consistency proof may have.
const PROOF_LEN_MAX: usize = 63;
/// The longest request: a proof of 63 hashes, and a checkpoint with signatures of every kind.
pub const ADD_CHECKPOINT_BYTES_MAX: usize = 256 << 10;

/// A request to cosign a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// The size of the checkpoint that the proof begins at.
    pub old_size: u64,
    /// The consistency proof.
    pub proof: Vec<Hash>,
    /// The checkpoint, a signed note.
    pub note: Note,
}

/// The head of a log that a witness cosigned last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CosignedHead {
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl CosignedHead {
    /// Returns what stands for a log that was never cosigned.
    #[must_use]
    pub fn none() -> Self {
        Self {
            size: 0,
            root: empty_root(),
        }
    }
}

/// Why a witness does not cosign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WitnessRefusal {
    /// The request is not as it should be (400).
    Malformed,
    /// None of the log's known keys signed the checkpoint (403).
    NotSigned,
    /// The log is not known (404).
    LogUnknown,
    /// The proof begins elsewhere than at what was cosigned last, or that has another root (409).
    Conflict {
        /// The size that was cosigned last.
        cosigned_size: u64,
    },
    /// The proof does not show that the checkpoint extends what was cosigned last (422).
    NotConsistent,
}

impl AddCheckpoint {
    /// Parses a request without believing it.
    pub fn parse(body: &[u8]) -> std::result::Result<Self, WitnessRefusal> {
        if body.len() > ADD_CHECKPOINT_BYTES_MAX {
            return Err(WitnessRefusal::Malformed);
        }
        std::str::from_utf8(body)
            .ok()
            .and_then(Self::parse_lines)
            .ok_or(WitnessRefusal::Malformed)
    }

    /// Returns the checkpoint, if its log is among `logs` and signed it.
    pub fn checkpoint(
        &self,
        logs: &[VerifierKey],
    ) -> std::result::Result<Checkpoint, WitnessRefusal> {
        let text = self.note.claimed();
        let checkpoint = Checkpoint::parse(text).map_err(|_| WitnessRefusal::Malformed)?;
        let keys: Vec<VerifierKey> = logs
            .iter()
            .filter(|log| log.name() == checkpoint.origin)
            .cloned()
            .collect();
        if keys.is_empty() {
            return Err(WitnessRefusal::LogUnknown);
        }
        if self.note.verify(&keys).is_err() {
            return Err(WitnessRefusal::NotSigned);
        }
        if self.old_size > checkpoint.size {
            return Err(WitnessRefusal::Malformed);
        }
        Ok(checkpoint)
    }

    /// Checks that a checkpoint of the log extends what was cosigned last. Between this and keeping it nothing else may
    /// be kept for the log.
    pub fn judge(
        &self,
        checkpoint: &Checkpoint,
        last: &CosignedHead,
    ) -> std::result::Result<(), WitnessRefusal> {
        let is_same_size = checkpoint.size == last.size;
        if self.old_size != last.size || (is_same_size && checkpoint.root != last.root) {
            return Err(WitnessRefusal::Conflict {
                cosigned_size: last.size,
            });
        }
        verify_consistency(
            last.size,
            &last.root,
            checkpoint.size,
            &checkpoint.root,
            &self.proof,
        )
        .map_err(|_| WitnessRefusal::NotConsistent)
    }

    fn parse_lines(text: &str) -> Option<Self> {
        let (head, note) = text.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old_size = parse_decimal(lines.next()?.strip_prefix("old ")?)?;
        let proof = lines
            .map(|line| Hash::from_base64(line).ok())
            .collect::<Option<Vec<_>>>()
            .filter(|proof| proof.len() <= PROOF_LEN_MAX)?;
        Some(Self {
            old_size,
            proof,
            note: Note::parse(note).ok()?,
        })
    }
}

impl fmt::Display for AddCheckpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "old {}", self.old_size)?;
        for hash in &self.proof {
            writeln!(formatter, "{}", hash.to_base64())?;
        }
        write!(formatter, "\n{}", self.note)
    }
}

/// Reads the body of a witness's answer 409: the size that it cosigned last.
pub fn parse_cosigned_size(body: &[u8]) -> Result<u64> {
    std::str::from_utf8(body)
        .ok()
        .and_then(|text| parse_decimal(text.strip_suffix('\n')?))
        .ok_or(Error::CheckpointMalformed)
}
