//! Signed notes (C2SP signed-note): text that people read and keys sign. Unknown signatures are ignored, a wrong one of
//! a known key refuses the note, and a note that no known key signed says nothing.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair};

use crate::verifier_key::{ALGORITHM_ED25519, check_name};
use crate::{Error, Result, VerifierKey};

const NOTE_BYTES_MAX: usize = 1 << 20;
const SIGNATURES_MAX: usize = 100;
const LINE_START: &str = "\u{2014} ";
const PRIVATE_START: &str = "PRIVATE+KEY+";

/// A private key that signs notes in its own name.
pub struct Signer {
    verifier: VerifierKey,
    pair: Ed25519KeyPair,
}

impl Signer {
    /// Makes a signer from 32 secret random bytes drawn by the caller.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        let public = pair
            .public_key()
            .as_ref()
            .try_into()
            .expect("an Ed25519 public key has 32 bytes");
        Ok(Self {
            verifier: VerifierKey::new(name, public)?,
            pair,
        })
    }

    /// Reads a private key as Go's note package writes it: `PRIVATE+KEY+NAME+HASH+BASE64`. A key of another type, or one whose
    /// hash is not that of its public half, is refused.
    pub fn parse_private(text: &str) -> Result<Self> {
        let rest = text
            .trim_end()
            .strip_prefix(PRIVATE_START)
            .ok_or(Error::KeyMalformed)?;
        // Base64 may hold a plus sign, a name may not: split from the left.
        let mut parts = rest.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::KeyMalformed);
        };
        let key = STANDARD.decode(key).map_err(|_| Error::KeyMalformed)?;
        let (algorithm, seed) = key.split_first().ok_or(Error::KeyMalformed)?;
        if *algorithm != ALGORITHM_ED25519 {
            return Err(Error::KeyAlgorithmUnknown {
                algorithm: *algorithm,
                wanted: ALGORITHM_ED25519,
            });
        }
        let seed = seed.try_into().map_err(|_| Error::KeyMalformed)?;
        let signer = Self::from_seed(name, seed)?;
        if hex::encode(signer.verifier.hash()) == hash {
            Ok(signer)
        } else {
            Err(Error::KeyHashMismatch)
        }
    }

    /// Writes the private key that a seed makes, as [`Signer::parse_private`] reads it.
    pub fn private_text(name: &str, seed: &[u8; 32]) -> Result<String> {
        let verifier = Self::from_seed(name, seed)?.verifier;
        let mut key = vec![ALGORITHM_ED25519];
        key.extend_from_slice(seed);
        let (hash, key) = (hex::encode(verifier.hash()), STANDARD.encode(key));
        Ok(format!("{PRIVATE_START}{name}+{hash}+{key}\n"))
    }

    /// Returns the key by which others check this signer's notes.
    #[must_use]
    pub fn verifier(&self) -> VerifierKey {
        self.verifier.clone()
    }

    /// Returns the signer's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.verifier.name()
    }

    /// Signs a text, which ends in a newline, and returns the whole note.
    pub fn sign(&self, text: &str) -> Result<String> {
        check_text(text)
            .then_some(())
            .ok_or(Error::NoteTextMalformed)?;
        let signature = self.pair.sign(text.as_bytes());
        let note = Note {
            text: text.to_owned(),
            signatures: vec![NoteSignature {
                name: self.name().to_owned(),
                hash: self.verifier.hash(),
                signature: signature.as_ref().to_vec(),
            }],
        };
        Ok(note.to_string())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signer({}, key redacted)", self.verifier)
    }
}

/// A parsed note. Its text deserves no belief before [`Note::verify`] has returned it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key that claims to have signed.
    pub name: String,
    /// The first four bytes of that key's hash.
    pub hash: [u8; 4],
    /// The signature itself; its form depends on the key's type.
    pub signature: Vec<u8>,
}

impl Note {
    /// Parses a note without believing it.
    pub fn parse(note: &str) -> Result<Self> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(too_large());
        }
        // The text may hold blank lines itself; the last one ends it.
        let boundary = note.rfind("\n\n").ok_or(Error::NoteMalformed)?;
        let (text, rest) = note.split_at(boundary + 1);
        if !check_text(text) {
            return Err(Error::NoteMalformed);
        }
        let lines = rest.strip_prefix('\n').ok_or(Error::NoteMalformed)?;
        Ok(Self {
            text: text.to_owned(),
            signatures: NoteSignature::parse_lines(lines)?,
        })
    }

    /// Returns the text if at least one of `keys` signed it and none of their signatures is wrong.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<&str> {
        self.signers(keys)?;
        Ok(&self.text)
    }

    /// Returns those of `keys` that signed the note, at least one; an error if a signature in their name is wrong.
    pub fn signers<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<&'k VerifierKey>> {
        let mut signers = Vec::<&VerifierKey>::new();
        for line in &self.signatures {
            let known = |key: &&VerifierKey| key.name() == line.name && key.hash() == line.hash;
            // Two keys given may share name and hash; the signature has to satisfy one of them.
            let mut candidates = keys.iter().filter(known).peekable();
            if candidates.peek().is_none() {
                continue;
            }
            let signer = candidates
                .find(|key| key.accepts(&self.text, &line.signature))
                .ok_or_else(|| Error::SignatureWrong {
                    name: line.name.clone(),
                })?;
            if !signers.contains(&signer) {
                signers.push(signer);
            }
        }
        if signers.is_empty() {
            return Err(Error::SignatureMissing);
        }
        Ok(signers)
    }

    /// Returns the text, which nobody may have signed.
    pub(crate) fn claimed(&self) -> &str {
        &self.text
    }

    /// Returns the note with these signature lines behind its own; a line that is there already is not repeated.
    #[must_use]
    pub fn with(mut self, lines: impl IntoIterator<Item = NoteSignature>) -> Self {
        for line in lines {
            if !self.signatures.contains(&line) {
                self.signatures.push(line);
            }
        }
        self
    }

    /// Returns the signature lines, known and unknown.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

impl NoteSignature {
    /// Parses signature lines as a witness answers them: each ends in a newline, at least one.
    pub fn parse_lines(text: &str) -> Result<Vec<Self>> {
        let lines = text.strip_suffix('\n').ok_or(Error::NoteMalformed)?;
        if text.len() > NOTE_BYTES_MAX || lines.split('\n').count() > SIGNATURES_MAX {
            return Err(too_large());
        }
        lines
            .split('\n')
            .map(|line| parse_signature(line).ok_or(Error::NoteMalformed))
            .collect()
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = STANDARD.encode([&self.hash[..], &self.signature].concat());
        write!(formatter, "{LINE_START}{} {encoded}", self.name)
    }
}

fn check_text(text: &str) -> bool {
    text.ends_with('\n')
        && text.len() <= NOTE_BYTES_MAX / 2
        && !text.bytes().any(|byte| byte < b' ' && byte != b'\n')
}

fn parse_signature(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix(LINE_START)?.split_once(' ')?;
    check_name(name).ok()?;
    let decoded = STANDARD.decode(encoded).ok()?;
    let (hash, signature) = decoded.split_first_chunk::<4>()?;
    (!signature.is_empty()).then(|| NoteSignature {
        name: name.to_owned(),
        hash: *hash,
        signature: signature.to_vec(),
    })
}

fn too_large() -> Error {
    Error::NoteTooLarge {
        limit_bytes: NOTE_BYTES_MAX,
        limit_signatures: SIGNATURES_MAX,
    }
}
