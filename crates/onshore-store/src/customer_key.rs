//! Keys that clients keep (SSE-C): a data key is wrapped under the client's key before the store wraps it under the
//! version's own, so that a body opens only where both come together. The client's key is never kept.

use std::fmt;

use onshore_keys::{DataKey, KEY_LEN_BYTES, Secret};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::frame::BodyId;

/// How an object is encrypted besides what is done always: under a data key of its own, under its tenant's key, under
/// the operator's root key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// Not otherwise: SSE-S3.
    #[default]
    Service,
    /// As a client asked for that names keys: SSE-KMS.
    Kms {
        /// The key's id.
        key: String,
        /// What the client says of the object, given back as it came.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
        /// Whether the client wants a key of the bucket between: told as it was said, the tenant's key is that anyway.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        bucket_key: bool,
    },
    /// Under a key that the client keeps: SSE-C.
    Customer {
        /// The MD5 of the key in base64, by which clients name it.
        md5: String,
    },
}

/// A key that a client keeps and sent along.
#[derive(Clone)]
pub struct CustomerKey {
    secret: Secret,
    md5: String,
}

impl CustomerKey {
    /// Takes a key of 32 bytes and its MD5 in base64; none where it has another length.
    #[must_use]
    pub fn new(bytes: Vec<u8>, md5: String) -> Option<Self> {
        (bytes.len() == KEY_LEN_BYTES).then(|| Self {
            secret: Secret::new(bytes),
            md5,
        })
    }

    /// Returns how an object is encrypted under it.
    #[must_use]
    pub fn encryption(&self) -> Encryption {
        Encryption::Customer {
            md5: self.md5.clone(),
        }
    }

    /// Wraps the data key of a body.
    pub(crate) fn wrap(&self, body: BodyId, data_key: &Secret) -> Result<Secret, Error> {
        let wrapped = self
            .cipher()?
            .wrap(&context(body), data_key.as_bytes())
            .map_err(Error::Keys)?;
        Ok(Secret::new(wrapped))
    }

    /// Opens the data key of a body.
    fn unwrap(&self, body: BodyId, wrapped: &Secret) -> Result<Secret, Error> {
        self.cipher()?
            .unwrap(&context(body), wrapped.as_bytes())
            .map_err(|_| Error::CustomerKeyWrong)
    }

    fn cipher(&self) -> Result<DataKey, Error> {
        DataKey::from_secret(self.secret.clone()).map_err(Error::Keys)
    }
}

impl Encryption {
    /// Opens the data key of a body of an object that is encrypted so.
    pub(crate) fn data_key(
        &self,
        body: BodyId,
        kept: &Secret,
        customer: Option<&CustomerKey>,
    ) -> Result<Secret, Error> {
        match (self, customer) {
            (Self::Service | Self::Kms { .. }, None) => Ok(kept.clone()),
            (Self::Service | Self::Kms { .. }, Some(_)) => Err(Error::CustomerKeyUnexpected),
            (Self::Customer { .. }, None) => Err(Error::CustomerKeyMissing),
            (Self::Customer { .. }, Some(key)) => key.unwrap(body, kept),
        }
    }

    /// Compares the key a client sent with the one it encrypted an object under.
    ///
    /// # Errors
    /// [`Error::CustomerKeyMissing`], [`Error::CustomerKeyWrong`], [`Error::CustomerKeyUnexpected`].
    pub fn check(&self, customer: Option<&CustomerKey>) -> Result<(), Error> {
        match (self, customer) {
            (Self::Service | Self::Kms { .. }, None) => Ok(()),
            (Self::Service | Self::Kms { .. }, Some(_)) => Err(Error::CustomerKeyUnexpected),
            (Self::Customer { .. }, None) => Err(Error::CustomerKeyMissing),
            (Self::Customer { md5 }, Some(key)) if *md5 == key.md5 => Ok(()),
            (Self::Customer { .. }, Some(_)) => Err(Error::CustomerKeyWrong),
        }
    }
}

impl fmt::Debug for CustomerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomerKey").finish_non_exhaustive()
    }
}

fn context(body: BodyId) -> Vec<u8> {
    [b"onshore customer key 1\0".as_slice(), &body.0].concat()
}
