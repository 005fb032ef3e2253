//! Typed ids. An id is sixteen bytes that the caller drew; its text form is a prefix that names its kind and 32
//! lowercase hexadecimal digits, so that an id of one kind is never taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an id of the form {prefix}_ and 32 lowercase hexadecimal digits")]
pub struct IdError {
    text: String,
    prefix: &'static str,
}

macro_rules! typed_ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 16]);

        impl $name {
            /// The prefix of the text form.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id of sixteen bytes that the caller drew.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Returns the sixteen bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(f, $prefix, &self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_id(f, $prefix, &self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_id(text, $prefix).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    )*};
}

typed_ids! {
    /// A tenant: an organisation whose data is kept apart from everybody else's.
    TenantId = "ten";
    /// Somebody or something that acts: a tenant's access key or a holder of a control token.
    PrincipalId = "pri";
    /// A bucket. Names can be given again after a bucket is deleted; ids never are.
    BucketId = "bkt";
    /// One version of one object.
    VersionId = "ver";
    /// A multipart upload under way.
    UploadId = "upl";
    /// A transfer approval.
    ApprovalId = "apr";
    /// One export under an approval, from reservation to its closing leaf.
    ExportId = "exp";
    /// Work for an engine.
    JobId = "job";
    /// What a worker holds of a job for a while.
    LeaseId = "lse";
    /// A key that a tenant names to have objects encrypted under it.
    KmsKeyId = "kms";
    /// A label that somebody proposes to loosen.
    LooseningId = "lsn";
    /// A support session: what lets somebody of the technology provider's staff look, for a while.
    SupportSessionId = "sup";
    /// An update bundle, by the start of its manifest's SHA-256.
    UpdateId = "upd";
    /// A disconnect drill.
    DrillId = "drl";
}

impl VersionId {
    /// Makes a version id that sorts by time: 48 bits of milliseconds, then 80 random bits.
    #[must_use]
    pub fn from_time(now: crate::Timestamp, random: [u8; 10]) -> Self {
        Self(timed(now, random))
    }

    /// Returns the instant it was made of, to the millisecond.
    #[must_use]
    pub fn time(&self) -> crate::Timestamp {
        let (head, _) = self.0.split_at(6);
        let millis = head
            .iter()
            .fold(0, |sum: i64, byte| (sum << 8) | i64::from(*byte));
        crate::Timestamp::from_millis(millis)
    }
}

impl UploadId {
    /// Makes an upload id that sorts by time, as a version id does: uploads of one key are told in the order they began.
    #[must_use]
    pub fn from_time(now: crate::Timestamp, random: [u8; 10]) -> Self {
        Self(timed(now, random))
    }
}

fn timed(now: crate::Timestamp, random: [u8; 10]) -> [u8; 16] {
    let mut bytes = [0; 16];
    let millis = now.as_millis().unsigned_abs().to_be_bytes();
    let (head, tail) = bytes.split_at_mut(6);
    head.copy_from_slice(millis.split_at(2).1);
    tail.copy_from_slice(&random);
    bytes
}

fn write_id(f: &mut fmt::Formatter<'_>, prefix: &str, bytes: &[u8; 16]) -> fmt::Result {
    write!(f, "{prefix}_{:032x}", u128::from_be_bytes(*bytes))
}

fn parse_id(text: &str, prefix: &'static str) -> Result<[u8; 16], IdError> {
    let fail = || IdError {
        text: text.chars().take(64).collect(),
        prefix,
    };
    let digits = text
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('_'))
        .ok_or_else(fail)?;
    if digits.len() != 32
        || !digits
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    {
        return Err(fail());
    }
    u128::from_str_radix(digits, 16)
        .map(u128::to_be_bytes)
        .map_err(|_| fail())
}

#[cfg(test)]
mod tests {
    use super::{JobId, TenantId, VersionId};
    use crate::Timestamp;

    #[test]
    fn an_id_reads_back_and_never_as_another_kind() {
        let id = TenantId::from_bytes([7; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().parse::<JobId>().is_err());
        assert!(id.to_string().to_uppercase().parse::<TenantId>().is_err());
        assert!("ten_".parse::<TenantId>().is_err());
        assert!(
            "ten_+0000000000000000000000000000007"
                .parse::<TenantId>()
                .is_err()
        );
    }

    #[test]
    fn version_ids_sort_by_time() {
        let early = VersionId::from_time(Timestamp::from_millis(1_700_000_000_000), [255; 10]);
        let late = VersionId::from_time(Timestamp::from_millis(1_700_000_000_001), [0; 10]);
        assert!(early < late);
        assert_eq!(late.time(), Timestamp::from_millis(1_700_000_000_001));
    }
}
