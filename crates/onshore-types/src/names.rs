//! Names that people and clients write, parsed once at the edge.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not the name it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Bucket naming rules of Amazon S3 for general purpose buckets.
    #[error(
        "`{0}` is not a bucket name: 3 to 63 of a-z, 0-9, dot and hyphen, a letter or digit at both ends, no `..`, not an IP address, no reserved prefix or suffix"
    )]
    Bucket(String),
    /// An object key is 1 to 1,024 bytes of UTF-8.
    #[error("an object key is 1 to 1024 bytes of UTF-8; this one has {0} bytes")]
    KeyLength(usize),
    /// The character U+0000 cannot be carried by the clients of S3 and is refused.
    #[error("an object key cannot contain the character U+0000")]
    KeyNul,
    /// Tenant names.
    #[error(
        "`{0}` is not a tenant name: 1 to 63 of a-z, 0-9 and hyphen, a letter or digit at both ends"
    )]
    Tenant(String),
    /// Names of groups of tenants.
    #[error(
        "`{0}` is not the name of a group: 1 to 63 of a-z, 0-9 and hyphen, a letter or digit at both ends"
    )]
    Group(String),
    /// Access key ids.
    #[error("`{0}` is not an access key id: 3 to 128 letters, digits, `_` or `-`")]
    AccessKey(String),
    /// Region ids.
    #[error(
        "`{0}` is not a region id: 1 to 63 of a-z, 0-9 and hyphen, a letter or digit at both ends"
    )]
    Region(String),
    /// Partition names.
    #[error(
        "`{0}` is not a partition name: 1 to 63 of a-z, 0-9 and hyphen, a letter or digit at both ends"
    )]
    Partition(String),
    /// Names of rule packs.
    #[error(
        "`{0}` is not the name of a rule pack: 1 to 63 of a-z, 0-9 and hyphen, a letter or digit at both ends"
    )]
    Pack(String),
    /// Instruments of transfer.
    #[error(
        "`{0}` is not an instrument: 1 to 63 of a-z, 0-9 and hyphen, a letter or digit at both ends, as the rule pack in force names them (onshore pack show)"
    )]
    Instrument(String),
    /// Organisations and purposes, as people write them.
    #[error("1 to 256 characters without control characters are wanted")]
    Text,
    /// Names of users, groups and roles.
    #[error(
        "`{0}` is not a name of a user, group or role: 1 to 64 letters, digits and any of _+=,.@-"
    )]
    Identity(String),
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident by $parse:path;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses the name.
            ///
            /// # Errors
            /// [`NameError`] says what a good name looks like.
            pub fn parse(text: impl Into<String>) -> Result<Self, NameError> {
                $parse(text.into()).map(Self)
            }

            /// Returns the text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    )*};
}

names! {
    /// A bucket's name, unique in its region. Rules:
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
    BucketName by parse_bucket;
    /// An object's key: 1 to 1,024 bytes of UTF-8, taken byte for byte; never normalised.
    ObjectKey by parse_key;
    /// A tenant's name.
    TenantName by parse_tenant;
    /// The name of a group: tenants that the law takes for one, as sister companies are.
    GroupName by parse_group;
    /// The public half of an S3 key pair.
    AccessKeyId by parse_access_key;
    /// The region that clients sign for.
    RegionId by parse_region;
    /// The partition: no identity or key works in two.
    PartitionName by parse_partition;
    /// A rule pack's name.
    PackName by parse_pack;
    /// What a transfer rests on in law, as a rule pack names it, such as `standard-contract`.
    Instrument by parse_instrument;
    /// Whatever people write of an organisation or a purpose, on one line.
    Wording by parse_wording;
    /// The name of a user, a group or a role of a tenant.
    IdentityName by parse_identity;
}

fn parse_bucket(text: String) -> Result<String, NameError> {
    let reserved = ["xn--", "sthree-", "amzn-s3-demo-"]
        .iter()
        .any(|prefix| text.starts_with(prefix))
        || ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"]
            .iter()
            .any(|suffix| text.ends_with(suffix));
    let good = (3..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        && has_alphanumeric_ends(&text)
        && !["..", ".-", "-."].iter().any(|pair| text.contains(pair))
        && text.parse::<IpAddr>().is_err()
        && !reserved;
    if good {
        Ok(text)
    } else {
        Err(NameError::Bucket(shortened(&text)))
    }
}

fn parse_key(text: String) -> Result<String, NameError> {
    if !(1..=1024).contains(&text.len()) {
        return Err(NameError::KeyLength(text.len()));
    }
    if text.contains('\0') {
        Err(NameError::KeyNul)
    } else {
        Ok(text)
    }
}

fn parse_group(text: String) -> Result<String, NameError> {
    if is_dns_label(&text) {
        Ok(text)
    } else {
        Err(NameError::Group(shortened(&text)))
    }
}

fn parse_tenant(text: String) -> Result<String, NameError> {
    if is_dns_label(&text) {
        Ok(text)
    } else {
        Err(NameError::Tenant(shortened(&text)))
    }
}

fn parse_region(text: String) -> Result<String, NameError> {
    if is_dns_label(&text) {
        Ok(text)
    } else {
        Err(NameError::Region(shortened(&text)))
    }
}

fn parse_partition(text: String) -> Result<String, NameError> {
    if is_dns_label(&text) {
        Ok(text)
    } else {
        Err(NameError::Partition(shortened(&text)))
    }
}

fn parse_pack(text: String) -> Result<String, NameError> {
    if is_dns_label(&text) {
        Ok(text)
    } else {
        Err(NameError::Pack(shortened(&text)))
    }
}

fn parse_instrument(text: String) -> Result<String, NameError> {
    if is_dns_label(&text) {
        Ok(text)
    } else {
        Err(NameError::Instrument(shortened(&text)))
    }
}

fn parse_wording(mut text: String) -> Result<String, NameError> {
    text.truncate(text.trim_end().len());
    let blanks = text.len() - text.trim_start().len();
    text.drain(..blanks);
    if (1..=256).contains(&text.chars().count()) && !text.chars().any(char::is_control) {
        Ok(text)
    } else {
        Err(NameError::Text)
    }
}

fn parse_access_key(text: String) -> Result<String, NameError> {
    let good = (3..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if good {
        Ok(text)
    } else {
        Err(NameError::AccessKey(shortened(&text)))
    }
}

fn parse_identity(text: String) -> Result<String, NameError> {
    let good = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    if good {
        Ok(text)
    } else {
        Err(NameError::Identity(shortened(&text)))
    }
}

fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
        && has_alphanumeric_ends(text)
}

fn has_alphanumeric_ends(text: &str) -> bool {
    let alphanumeric = |byte: Option<u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric());
    alphanumeric(text.bytes().next()) && alphanumeric(text.bytes().next_back())
}

/// Keeps an error message short and on one line, whatever was sent.
fn shortened(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::{BucketName, ObjectKey, TenantName};

    #[test]
    fn bucket_names_follow_the_rules_of_s3() {
        for good in ["abc", "a.b-c", "0ab", &"a".repeat(63)] {
            assert!(BucketName::parse(good).is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in [
            "ab",
            &long,
            "Abc",
            "a_b",
            "-ab",
            "ab-",
            "a..b",
            ".ab",
            "192.168.0.1",
            "xn--abc",
            "abc-s3alias",
            "a/b",
            "abc\n",
            "ä-bc",
        ] {
            assert!(BucketName::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_are_taken_byte_for_byte() {
        for good in [
            "a",
            "/",
            "//",
            "../x",
            ".",
            "a\nb",
            "\r",
            " ",
            "%25",
            "\u{1}",
            "文档/é",
            "e\u{301}",
            &"k".repeat(1024),
        ] {
            assert_eq!(ObjectKey::parse(good).expect("a key").as_str(), good);
        }
        for bad in ["", &"k".repeat(1025), "a\0b"] {
            assert!(ObjectKey::parse(bad).is_err());
        }
    }

    #[test]
    fn tenant_names_are_dns_labels() {
        assert!(TenantName::parse("default").is_ok());
        for bad in ["", "-a", "a-", "A", "a b", "a/b"] {
            assert!(TenantName::parse(bad).is_err(), "{bad}");
        }
    }
}
