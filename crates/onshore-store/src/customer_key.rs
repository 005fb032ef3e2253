//! Keys that clients keep (SSE-C): a data key is wrapped under the client's key before the store wraps it under the
//! version's own, so that a body opens only where both come together. The client's key is never kept.

use std::fmt;

use onshore_keys::{DataKey, KEY_LEN_BYTES, Secret};
use onshore_types::KmsKeyId;
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::frame::BodyId;
use crate::kms_keys::Named;

/// The name of the key that stands for the tenant's own, which encrypts everything anyway.
pub const DEFAULT_KMS_KEY: &str = "alias/onshore/default";

/// As clients of AWS name the same.
const AWS_KMS_KEY: &str = "alias/aws/s3";

/// How a client names a key of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KmsKeyName<'a> {
    /// By its id.
    Id(KmsKeyId),
    /// By its other name.
    Alias(&'a str),
}

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

impl<'a> KmsKeyName<'a> {
    /// Reads an id, an alias, or the ARN of either; an alias where it is no id, whether there is one or not.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        // arn:PARTITION:kms:REGION:ACCOUNT:key/ID or …:alias/NAME
        let Some(arn) = text.strip_prefix("arn:") else {
            return text.parse().map_or(Self::Alias(text), Self::Id);
        };
        let resource = arn.splitn(5, ':').nth(4).unwrap_or_default();
        match resource.strip_prefix("key/") {
            Some(id) => id.parse().map_or(Self::Alias(text), Self::Id),
            None => Self::Alias(resource),
        }
    }
}

impl Encryption {
    /// Returns the key that it names, where that is not the tenant's own, and what the client says of the object.
    pub(crate) fn named(&self) -> Option<(KmsKeyName<'_>, Option<&str>)> {
        match self {
            Self::Kms { key, context, .. } => match KmsKeyName::parse(key) {
                KmsKeyName::Alias(DEFAULT_KMS_KEY | AWS_KMS_KEY) => None,
                name => Some((name, context.as_deref())),
            },
            Self::Service | Self::Customer { .. } => None,
        }
    }

    /// Opens the data key of a body of an object that is encrypted so. `named` is the key that it names.
    pub(crate) fn data_key(
        &self,
        body: BodyId,
        kept: &Secret,
        customer: Option<&CustomerKey>,
        named: Option<&Named>,
    ) -> Result<Secret, Error> {
        match (self, customer) {
            (Self::Service | Self::Kms { .. }, None) => match named {
                Some(named) => named.unwrap(body, kept),
                None => Ok(kept.clone()),
            },
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
