//! AES-256-GCM. The caller numbers the nonces and must never use one twice under the same key.

use std::fmt;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::{Error, Secret};

/// How long a key is.
pub const KEY_LEN_BYTES: usize = 32;
/// How much longer sealed bytes are than plain ones.
pub const TAG_LEN_BYTES: usize = 16;

/// A key for AES-256-GCM.
pub struct DataKey {
    key: LessSafeKey,
    secret: Secret,
}

impl DataKey {
    /// Draws a random key.
    #[must_use]
    pub fn generate() -> Self {
        Self::from_secret(Secret::random::<KEY_LEN_BYTES>()).expect("32 bytes were drawn")
    }

    /// Makes the key of 32 secret bytes.
    ///
    /// # Errors
    /// [`Error::KeyLength`] for any other length.
    pub fn from_secret(secret: Secret) -> Result<Self, Error> {
        let unbound = UnboundKey::new(&AES_256_GCM, secret.as_bytes())
            .map_err(|_| Error::KeyLength(secret.as_bytes().len()))?;
        Ok(Self {
            key: LessSafeKey::new(unbound),
            secret,
        })
    }

    /// Returns the key's bytes, for wrapping them.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Seals `bytes` in place and appends the tag.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond what one nonce may seal.
    pub fn seal(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        bytes: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.key
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), bytes)
            .map_err(|_| Error::TooLong)
    }

    /// Seals `bytes` in place and returns the tag.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond what one nonce may seal.
    pub fn seal_separate(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        bytes: &mut [u8],
    ) -> Result<[u8; TAG_LEN_BYTES], Error> {
        let tag = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), bytes)
            .map_err(|_| Error::TooLong)?;
        let mut out = [0; TAG_LEN_BYTES];
        out.copy_from_slice(tag.as_ref());
        Ok(out)
    }

    /// Opens sealed bytes in place and returns how many of them are plain; the rest of the buffer holds nothing.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] for another key, nonce or additional data, or changed bytes.
    pub fn open(
        &self,
        nonce: [u8; NONCE_LEN],
        aad: &[u8],
        bytes: &mut [u8],
    ) -> Result<usize, Error> {
        self.key
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(aad), bytes)
            .map(|plain| plain.len())
            .map_err(|_| Error::DoesNotOpen)
    }

    /// Seals a small secret under a random nonce, which is put in front.
    ///
    /// # Errors
    /// [`Error::TooLong`] beyond what one nonce may seal.
    pub fn wrap(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        let nonce = crate::random::<NONCE_LEN>();
        let mut bytes = Zeroizing::new(plain.to_vec());
        let tag = self.seal_separate(nonce, context, &mut bytes)?;
        let mut sealed = Vec::with_capacity(NONCE_LEN + bytes.len() + TAG_LEN_BYTES);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&bytes);
        sealed.extend_from_slice(&tag);
        Ok(sealed)
    }

    /// Opens what [`DataKey::wrap`] sealed in the same context.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] for another key, another context or changed bytes.
    pub fn unwrap(&self, context: &[u8], sealed: &[u8]) -> Result<Secret, Error> {
        let (nonce, body) = sealed
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(Error::DoesNotOpen)?;
        let mut bytes = Zeroizing::new(body.to_vec());
        let len = self.open(*nonce, context, &mut bytes)?;
        bytes.truncate(len);
        Ok(Secret::new(bytes.to_vec()))
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}
