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
            hash: key_hash(name, &public),
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
        let mut key = vec![ALGORITHM_ED25519];
        key.extend_from_slice(&self.public);
        let (hash, key) = (hex::encode(self.hash), STANDARD.encode(key));
        write!(formatter, "{}+{hash}+{key}", self.name)
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // Base64 may hold a plus sign, a name may not: split from the left.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::KeyMalformed);
        };
        check_name(name)?;
        let mut claimed = [0; 4];
        hex::decode_to_slice(hash, &mut claimed).map_err(|_| Error::KeyMalformed)?;
        let key = STANDARD.decode(key).map_err(|_| Error::KeyMalformed)?;
        let (algorithm, public) = key.split_first().ok_or(Error::KeyMalformed)?;
        if *algorithm != ALGORITHM_ED25519 {
            return Err(Error::KeyAlgorithmUnknown {
                algorithm: *algorithm,
            });
        }
        let public = public.try_into().map_err(|_| Error::KeyMalformed)?;
        let key = Self::new(name, public)?;
        if key.hash == claimed {
            Ok(key)
        } else {
            Err(Error::KeyHashMismatch)
        }
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

fn key_hash(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let mut data = Vec::with_capacity(name.len() + 34);
    data.extend_from_slice(name.as_bytes());
    data.extend_from_slice(&[b'\n', ALGORITHM_ED25519]);
    data.extend_from_slice(public);
    let [a, b, c, d, ..] = Hash::of(&data).0;
    [a, b, c, d]
}
