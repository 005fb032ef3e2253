//! Cosignatures (C2SP tlog-cosignature, Ed25519): what a witness says of a checkpoint, with the time at which it said so.

use std::fmt;
use std::str::FromStr;

use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::verifier_key::{check_name, key_hash, parse_key, write_key};
use crate::{Checkpoint, Error, Note, NoteSignature, Result};

const ALGORITHM_COSIGNATURE: u8 = 0x04;
/// The latest time a cosignature may name.
const TIME_MAX: u64 = i64::MAX as u64;

/// The public key of a witness, written `NAME+HASH+BASE64` with signature type 4.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WitnessKey {
    name: String,
    hash: [u8; 4],
    public: [u8; 32],
}

impl WitnessKey {
    /// Makes a key from its name and public bytes.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            hash: key_hash(name, ALGORITHM_COSIGNATURE, &public),
            public,
        })
    }

    /// Returns the witness's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the Ed25519 public key.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    /// Returns when this witness cosigned a note, in seconds since 1970: the latest time where it did so more than once,
    /// none where it did not. A cosignature in its name that is wrong refuses the note.
    pub fn cosigned_at(&self, note: &Note) -> Result<Option<u64>> {
        let mut latest = None;
        for line in note.signatures() {
            if self.is_of(line) {
                latest = latest.max(Some(self.check(note.claimed(), line)?));
            }
        }
        Ok(latest)
    }

    /// Whether a signature line claims to be of this key.
    #[must_use]
    pub fn is_of(&self, line: &NoteSignature) -> bool {
        line.name == self.name && line.hash == self.hash
    }

    fn check(&self, text: &str, line: &NoteSignature) -> Result<u64> {
        let malformed = || Error::CosignatureMalformed {
            name: self.name.clone(),
        };
        let (time, signature) = line
            .signature
            .split_first_chunk::<8>()
            .filter(|(_, signature)| signature.len() == 64)
            .ok_or_else(malformed)?;
        let time_s = u64::from_be_bytes(*time);
        if time_s > TIME_MAX {
            return Err(malformed());
        }
        UnparsedPublicKey::new(&ED25519, &self.public)
            .verify(message(text, time_s).as_bytes(), signature)
            .map_err(|_| Error::SignatureWrong {
                name: self.name.clone(),
            })?;
        Ok(time_s)
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, hash, public } = self;
        write_key(formatter, name, *hash, ALGORITHM_COSIGNATURE, public)
    }
}

impl FromStr for WitnessKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, public) = parse_key(text, ALGORITHM_COSIGNATURE)?;
        Self::new(name, public)
    }
}

/// A private key that cosigns checkpoints in its own name.
pub struct Cosigner {
    key: WitnessKey,
    pair: Ed25519KeyPair,
}

impl Cosigner {
    /// Makes a cosigner from 32 secret random bytes drawn by the caller.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        let public = pair
            .public_key()
            .as_ref()
            .try_into()
            .expect("an Ed25519 public key has 32 bytes");
        Ok(Self {
            key: WitnessKey::new(name, public)?,
            pair,
        })
    }

    /// Returns the key by which others check this cosigner.
    #[must_use]
    pub fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// Cosigns the text of a note, which must be a checkpoint, at a time in seconds since 1970.
    pub fn cosign(&self, note: &Note, time_s: u64) -> Result<NoteSignature> {
        let text = note.claimed();
        Checkpoint::parse(text)?;
        let signature = self.pair.sign(message(text, time_s).as_bytes());
        Ok(NoteSignature {
            name: self.key.name.clone(),
            hash: self.key.hash,
            signature: [&time_s.to_be_bytes()[..], signature.as_ref()].concat(),
        })
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Cosigner({}, key redacted)", self.key)
    }
}

fn message(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}
