//! What a log says of itself (C2SP tlog-checkpoint): its origin, its size and its root, as the text of a signed note.

use crate::{Error, Hash, Note, Result, Signer, VerifierKey};

/// The head of a log at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which is also the name of the key that signs for it.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Returns the text of the checkpoint, ready to be signed.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { origin, size, root } = self;
        format!("{origin}\n{size}\n{}\n", root.to_base64())
    }

    /// Parses the text of a checkpoint. Extension lines are let pass and ignored, as the specification asks.
    pub fn parse(text: &str) -> Result<Self> {
        Self::parse_lines(text).ok_or(Error::CheckpointMalformed)
    }

    /// Signs the checkpoint in the name of its origin and returns the note to publish.
    pub fn sign(&self, signer: &Signer) -> Result<String> {
        if signer.name() != self.origin {
            return Err(Error::OriginMismatch {
                origin: self.origin.clone(),
            });
        }
        signer.sign(&self.to_text())
    }

    /// Reads a published checkpoint: signed by one of `keys`, and by one that bears the name of the log. A witness's
    /// signature alone does not make a checkpoint, nor does another log's.
    pub fn verify(note: &str, keys: &[VerifierKey]) -> Result<Self> {
        let note = Note::parse(note)?;
        let signers = note.signers(keys)?;
        let checkpoint = Self::parse(note.verify(keys)?)?;
        if signers.iter().any(|key| key.name() == checkpoint.origin) {
            Ok(checkpoint)
        } else {
            Err(Error::OriginMismatch {
                origin: checkpoint.origin,
            })
        }
    }

    fn parse_lines(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next().filter(|line| !line.is_empty())?;
        let size = parse_decimal(lines.next()?)?;
        let root = Hash::from_base64(lines.next()?).ok()?;
        if lines.any(str::is_empty) {
            return None;
        }
        Some(Self {
            origin: origin.to_owned(),
            size,
            root,
        })
    }
}

/// Reads a decimal number without sign or leading zeros.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    (plain && !leading_zero).then(|| text.parse().ok())?
}
