//! What a verifier must know to trust a note: a name and an Ed25519 public key, written `NAME+HASH+BASE64` (C2SP
//! signed-note).

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::{Error, Hash, Result};

pub(crate) const ALGORITHM_ED25519: u8 = 0x01;

/// A named Ed25519 public key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    hash: [u8; 4],
    public: [u8; 32],
}

impl VerifierKey {
    /// Makes a key from its name and public bytes.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self> {
        check_name(name)?;
        Ok(Self {
            name: name.to_owned(),
            hash: key_hash(name, ALGORITHM_ED25519, &public),
            public,
        })
    }

    /// Returns the key's name, which is also the origin of the log it signs for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the four bytes by which a signature names its key.
    #[must_use]
    pub fn hash(&self) -> [u8; 4] {
        self.hash
    }

    /// Returns the Ed25519 public key.
    #[must_use]
    pub fn public(&self) -> &[u8; 32] {
        &self.public
    }

    pub(crate) fn accepts(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public)
            .verify(text.as_bytes(), signature)
            .is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(
            formatter,
            &self.name,
            self.hash,
            ALGORITHM_ED25519,
            &self.public,
        )
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, public) = parse_key(text, ALGORITHM_ED25519)?;
        Self::new(name, public)
    }
}

/// Writes a key as `NAME+HASH+BASE64`.
pub(crate) fn write_key(
    formatter: &mut fmt::Formatter<'_>,
    name: &str,
    hash: [u8; 4],
    algorithm: u8,
    public: &[u8; 32],
) -> fmt::Result {
    let mut key = vec![algorithm];
    key.extend_from_slice(public);
    let (hash, key) = (hex::encode(hash), STANDARD.encode(key));
    write!(formatter, "{name}+{hash}+{key}")
}

/// Reads a key of one signature type, and checks that its hash belongs to it.
pub(crate) fn parse_key(text: &str, algorithm: u8) -> Result<(&str, [u8; 32])> {
    // Base64 may hold a plus sign, a name may not: split from the left.
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(Error::KeyMalformed);
    };
    check_name(name)?;
    let mut claimed = [0; 4];
    hex::decode_to_slice(hash, &mut claimed).map_err(|_| Error::KeyMalformed)?;
    let key = STANDARD.decode(key).map_err(|_| Error::KeyMalformed)?;
    let (found, public) = key.split_first().ok_or(Error::KeyMalformed)?;
    if *found != algorithm {
        return Err(Error::KeyAlgorithmUnknown {
            algorithm: *found,
            wanted: algorithm,
        });
    }
    let public = public.try_into().map_err(|_| Error::KeyMalformed)?;
    if key_hash(name, algorithm, &public) == claimed {
        Ok((name, public))
    } else {
        Err(Error::KeyHashMismatch)
    }
}

/// Refuses names that could not be told apart in a signature line or a verifier key.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let forbidden = |letter: char| letter == '+' || letter.is_whitespace() || letter.is_control();
    if name.is_empty() || name.contains(forbidden) {
        Err(Error::KeyNameMalformed)
    } else {
        Ok(())
    }
}

/// Returns the key id: the first bytes of the hash of name, signature type and public key.
pub(crate) fn key_hash(name: &str, algorithm: u8, public: &[u8; 32]) -> [u8; 4] {
    let mut data = Vec::with_capacity(name.len() + 34);
    data.extend_from_slice(name.as_bytes());
    data.extend_from_slice(&[b'\n', algorithm]);
    data.extend_from_slice(public);
    let [a, b, c, d, ..] = Hash::of(&data).0;
    [a, b, c, d]
}
