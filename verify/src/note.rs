//! Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-cosignature): who signed what.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
pub use hex::encode as hex;

use crate::Refusal;
use crate::merkle::{Hash, sha256};

/// The signature type of logs.
pub const LOG: u8 = 1;
/// The signature type of witnesses, who sign a time with what they saw.
pub const WITNESS: u8 = 4;

/// A public key, written `NAME+HASH+BASE64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub(crate) name: String,
    pub(crate) public: [u8; 32],
    kind: u8,
    id: [u8; 4],
}

impl Key {
    /// Reads the key of a ledger.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        Self::parse_kind(text, LOG)
    }

    pub(crate) fn parse_kind(text: &str, kind: u8) -> Result<Self, Refusal> {
        Self::parse_parts(text, kind)
            .ok_or_else(|| format!("`{text}` is not a key of signature type {kind}: was it cut or mistyped?"))
    }

    fn parse_parts(text: &str, kind: u8) -> Option<Self> {
        let mut parts = text.trim().splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = base64(key)?;
        let (found, public) = key.split_first()?;
        let [a, b, c, d, ..] = sha256(&[name.as_bytes(), b"\n", &key]);
        let is_whole =
            *found == kind && id.eq(&hex([a, b, c, d])) && !name.is_empty() && !name.contains(char::is_whitespace);
        Some(Self {
            name: name.to_owned(),
            public: public.try_into().ok().filter(|_| is_whole)?,
            kind,
            id: [a, b, c, d],
        })
    }

    fn accepts(&self, text: &str, signature: &[u8]) -> bool {
        let Ok(signature) = <[u8; 64]>::try_from(signature) else {
            return false;
        };
        VerifyingKey::from_bytes(&self.public)
            .is_ok_and(|key| key.verify_strict(text.as_bytes(), &Signature::from_bytes(&signature)).is_ok())
    }
}

/// A text and the lines of those who signed it.
pub struct Note<'a> {
    pub text: &'a str,
    pub lines: Vec<(&'a str, Vec<u8>)>,
}

impl<'a> Note<'a> {
    pub fn parse(note: &'a str) -> Result<Self, Refusal> {
        Self::parse_parts(note).ok_or_else(|| "a signed note is malformed".to_owned())
    }

    fn parse_parts(note: &'a str) -> Option<Self> {
        let boundary = note.rfind("\n\n")?;
        let (text, rest) = (note.get(..=boundary)?, note.get(boundary + 2..)?);
        if note.bytes().any(|byte| byte < b' ' && byte != b'\n') {
            return None;
        }
        let lines = rest.strip_suffix('\n')?.split('\n').map(|line| {
            let (name, signature) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
            let signature = base64(signature).filter(|bytes| bytes.len() > 4)?;
            (!name.is_empty()).then_some((name, signature))
        });
        Some(Self { text, lines: lines.collect::<Option<_>>()? })
    }

    /// Whether a log signed the text, or a witness cosigned it, by the kind of its key. A wrong one in its name refuses the note.
    pub fn is_signed_by(&self, key: &Key) -> Result<bool, Refusal> {
        let mut is_signed = false;
        let in_its_name = |(name, line): &&(&str, Vec<u8>)| *name == key.name && line.starts_with(&key.id);
        for signature in self.lines.iter().filter(in_its_name).filter_map(|(_, line)| line.get(4..)) {
            let (time, cosignature) = signature.split_at(signature.len().min(8));
            let time = <[u8; 8]>::try_from(time).map_or(u64::MAX, u64::from_be_bytes);
            let holds = match key.kind {
                LOG => key.accepts(self.text, signature),
                _ if time > i64::MAX as u64 => false,
                _ => key.accepts(&format!("cosignature/v1\ntime {time}\n{}", self.text), cosignature),
            };
            if !holds {
                return Err(format!("a signature in the name of {} is wrong", key.name));
            }
            is_signed = true;
        }
        Ok(is_signed)
    }
}

/// The head of a ledger: its name, how many leaves it has, and their root.
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

impl Checkpoint {
    /// Reads a checkpoint that the key of its own name signed.
    pub fn check(note: &Note<'_>, keys: &[Key]) -> Result<Self, Refusal> {
        let mut lines = note.text.trim_end_matches('\n').split('\n');
        let malformed = || "this is not a checkpoint".to_owned();
        let origin = lines.next().ok_or_else(malformed)?.to_owned();
        let size = lines.next().and_then(decimal).ok_or_else(malformed)?;
        let root = lines.next().and_then(base64).and_then(|bytes| bytes.try_into().ok()).ok_or_else(malformed)?;
        let mut is_signed = false;
        for key in keys {
            is_signed |= note.is_signed_by(key)? && key.name == origin;
        }
        if is_signed {
            Ok(Self { origin, size, root })
        } else {
            Err(format!("the checkpoint of {origin} is not signed by a key that was given"))
        }
    }
}

/// Reads a number without sign or leading zeros.
pub fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Reads standard base64, in its one spelling.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Reads 64 small hexadecimal digits.
pub fn unhex(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).ok()?;
    (hex(hash) == text).then_some(hash)
}
