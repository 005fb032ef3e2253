//! What differs between clouds that all speak S3, as one table: where they are, how they list, what their ETags say, by what
//! else they vouch for bytes, and what their archive tiers are called. Whoever names no dialect gets the one whose hosts
//! the endpoint is among, and else the cautious one.

use std::fmt;
use std::str::FromStr;

use onshore_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Addressing;

/// A way of speaking S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Amazon S3.
    Aws,
    /// Object Storage Service of Alibaba Cloud.
    Oss,
    /// Cloud Object Storage of Tencent Cloud.
    Cos,
    /// Object Storage Service of Huawei Cloud.
    Obs,
    /// The gateway of Ceph.
    Ceph,
    /// MinIO.
    Minio,
    /// R2 of Cloudflare.
    R2,
    /// Any other server.
    Generic,
}

/// What is peculiar to a dialect.
#[derive(Debug)]
pub(crate) struct Profile {
    dialect: Dialect,
    /// Its name on the command line, and its scheme where it has one.
    name: &'static str,
    has_scheme: bool,
    /// What the hosts of its endpoints end in.
    hosts: &'static [&'static str],
    /// How its endpoints are called, where that is fixed.
    endpoint: Endpoint,
    /// The region to sign for where none is named.
    pub(crate) region: &'static str,
    /// What is tried first where nobody said where the bucket's name goes.
    pub(crate) addressing: Addressing,
    pub(crate) listing: Listing,
    /// Whether its buckets can keep versions.
    pub(crate) keeps_versions: bool,
    /// Whether it keeps checksums of S3 with objects.
    pub(crate) keeps_checksums: bool,
    /// What its own headers begin with; it says there what S3 has no word for.
    pub(crate) headers: Option<&'static str>,
    pub(crate) etags: Etags,
    /// The storage classes from which an object must be restored first.
    pub(crate) archive_tiers: &'static [&'static str],
    /// The variables that its own tools read, before those of Amazon's.
    pub(crate) variables: Variables,
}

/// How the endpoints of a cloud are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    /// The SDK knows them.
    Sdk,
    /// By the region.
    Region {
        before: &'static str,
        behind: &'static str,
    },
    /// By the account.
    Account { behind: &'static str },
    /// As whoever runs it likes.
    Any,
}

/// How a listing goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    /// With a token (`ListObjectsV2`).
    Token,
    /// Behind a key (`ListObjects`).
    Marker,
}

/// What the ETag of an object says of its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Etags {
    /// Whether that of an object under the server's own key is still the MD5.
    pub(crate) md5_under_server_key: bool,
    pub(crate) of_parts: OfParts,
}

/// What an ETag of the form `…-N` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OfParts {
    /// It is the MD5 of the parts' MD5s.
    Composite,
    /// It is, for objects of this time and later.
    CompositeSince(Timestamp),
    /// It is, unless N is 1: then it may be a number drawn at random.
    CompositeOfSeveral,
    /// Nothing that could be computed.
    Opaque,
}

/// Variables with credentials and a region.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Variables {
    pub(crate) access_key: &'static [&'static str],
    pub(crate) secret_key: &'static [&'static str],
    pub(crate) session_token: &'static [&'static str],
    pub(crate) region: &'static [&'static str],
}

/// Why a text names no dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a dialect is aws, oss, cos, obs, ceph, minio, r2 or generic")]
pub struct DialectError;

/// From when on R2 computes ETags of uploads in parts as Amazon does: after 21 June 2023.
const R2_COMPOSITE_SINCE: Timestamp = Timestamp::from_millis(1_687_392_000_000);

const AMAZON_TIERS: &[&str] = &["GLACIER", "DEEP_ARCHIVE"];

const NO_VARIABLES: Variables = Variables {
    access_key: &[],
    secret_key: &[],
    session_token: &[],
    region: &[],
};

/// What Amazon's documentation promises, which others are told apart from.
const AWS: Profile = Profile {
    dialect: Dialect::Aws,
    name: "aws",
    has_scheme: false,
    hosts: &["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu"],
    endpoint: Endpoint::Sdk,
    region: "us-east-1",
    addressing: Addressing::Virtual,
    listing: Listing::Token,
    keeps_versions: true,
    keeps_checksums: true,
    headers: None,
    etags: Etags {
        md5_under_server_key: true,
        of_parts: OfParts::Composite,
    },
    archive_tiers: AMAZON_TIERS,
    variables: NO_VARIABLES,
};

/// A server at an endpoint of which nothing else is known.
const GENERIC: Profile = Profile {
    dialect: Dialect::Generic,
    name: "generic",
    hosts: &[],
    endpoint: Endpoint::Any,
    addressing: Addressing::Path,
    ..AWS
};

const PROFILES: &[Profile] = &[
    AWS,
    // Objects in parts, appended objects and links have ETags that are no MD5; the CRC64 is there for all.
    Profile {
        dialect: Dialect::Oss,
        name: "oss",
        has_scheme: true,
        hosts: &["aliyuncs.com"],
        endpoint: Endpoint::Region {
            before: "oss-",
            behind: ".aliyuncs.com",
        },
        addressing: Addressing::Virtual,
        keeps_checksums: false,
        headers: Some("x-oss-"),
        etags: Etags {
            md5_under_server_key: false,
            of_parts: OfParts::Opaque,
        },
        archive_tiers: &[
            "GLACIER",
            "DEEP_ARCHIVE",
            "Archive",
            "ColdArchive",
            "DeepColdArchive",
        ],
        variables: Variables {
            access_key: &["OSS_ACCESS_KEY_ID"],
            secret_key: &["OSS_ACCESS_KEY_SECRET"],
            session_token: &["OSS_SESSION_TOKEN"],
            region: &["OSS_REGION"],
        },
        ..GENERIC
    },
    Profile {
        dialect: Dialect::Cos,
        name: "cos",
        has_scheme: true,
        hosts: &["myqcloud.com"],
        endpoint: Endpoint::Region {
            before: "cos.",
            behind: ".myqcloud.com",
        },
        addressing: Addressing::Virtual,
        listing: Listing::Marker,
        keeps_checksums: false,
        headers: Some("x-cos-"),
        etags: Etags {
            md5_under_server_key: false,
            of_parts: OfParts::Opaque,
        },
        archive_tiers: &["ARCHIVE", "DEEP_ARCHIVE", "GLACIER"],
        variables: Variables {
            access_key: &["COS_SECRET_ID", "TENCENTCLOUD_SECRET_ID"],
            secret_key: &["COS_SECRET_KEY", "TENCENTCLOUD_SECRET_KEY"],
            session_token: &["COS_SESSION_TOKEN", "TENCENTCLOUD_TOKEN"],
            region: &["COS_REGION", "TENCENTCLOUD_REGION"],
        },
        ..GENERIC
    },
    Profile {
        dialect: Dialect::Obs,
        name: "obs",
        has_scheme: true,
        hosts: &["myhuaweicloud.com", "myhuaweicloud.eu"],
        endpoint: Endpoint::Region {
            before: "obs.",
            behind: ".myhuaweicloud.com",
        },
        listing: Listing::Marker,
        keeps_checksums: false,
        headers: Some("x-obs-"),
        etags: Etags {
            md5_under_server_key: false,
            of_parts: OfParts::Composite,
        },
        archive_tiers: &["GLACIER", "DEEP_ARCHIVE", "COLD"],
        variables: Variables {
            access_key: &["OBS_ACCESS_KEY_ID"],
            secret_key: &["OBS_SECRET_ACCESS_KEY"],
            session_token: &["OBS_SECURITY_TOKEN"],
            region: &["OBS_REGION"],
        },
        ..GENERIC
    },
    // Storage classes are placements there, whatever they are called: each can be read.
    Profile {
        dialect: Dialect::Ceph,
        name: "ceph",
        headers: Some("x-rgw-"),
        archive_tiers: &[],
        ..GENERIC
    },
    // What was moved to a tier is read through it, whatever the tier is called.
    Profile {
        dialect: Dialect::Minio,
        name: "minio",
        etags: Etags {
            md5_under_server_key: true,
            of_parts: OfParts::CompositeOfSeveral,
        },
        archive_tiers: &[],
        ..GENERIC
    },
    Profile {
        dialect: Dialect::R2,
        name: "r2",
        has_scheme: true,
        hosts: &["r2.cloudflarestorage.com"],
        endpoint: Endpoint::Account {
            behind: ".r2.cloudflarestorage.com",
        },
        region: "auto",
        keeps_versions: false,
        etags: Etags {
            md5_under_server_key: true,
            of_parts: OfParts::CompositeSince(R2_COMPOSITE_SINCE),
        },
        archive_tiers: &[],
        ..GENERIC
    },
    GENERIC,
];

impl Dialect {
    /// The names of all of them.
    pub const NAMES: [&'static str; 8] =
        ["aws", "oss", "cos", "obs", "ceph", "minio", "r2", "generic"];

    /// Returns the dialect that a scheme other than `s3` stands for.
    #[must_use]
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        let mut profiles = PROFILES.iter();
        profiles
            .find(|profile| profile.has_scheme && profile.name == scheme)
            .map(|profile| profile.dialect)
    }

    /// Returns the dialect that is spoken at a host, or at Amazon where none is named.
    pub(crate) fn of_host(host: Option<&str>) -> Self {
        let Some(host) = host else {
            return Self::Aws;
        };
        let is_below = |known: &&str| {
            host.strip_suffix(known)
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        PROFILES
            .iter()
            .find(|profile| profile.hosts.iter().any(is_below))
            .map_or(Self::Generic, |profile| profile.dialect)
    }

    /// Returns its scheme: its own, or that of S3.
    #[must_use]
    pub fn scheme(self) -> &'static str {
        let profile = self.profile();
        if profile.has_scheme {
            profile.name
        } else {
            "s3"
        }
    }

    pub(crate) fn profile(self) -> &'static Profile {
        const { assert!(PROFILES.len() == Dialect::NAMES.len()) };
        let mut profiles = PROFILES.iter();
        profiles
            .find(|profile| profile.dialect == self)
            .unwrap_or(&GENERIC)
    }

    /// Whether buckets of other regions have other endpoints, and these are known, of the cloud at a host.
    pub(crate) fn is_regional_at(self, host: Option<&str>) -> bool {
        let is_there = host.is_none_or(|host| Self::of_host(Some(host)) == self);
        match self.profile().endpoint {
            Endpoint::Sdk | Endpoint::Region { .. } => is_there,
            Endpoint::Account { .. } | Endpoint::Any => false,
        }
    }

    /// Returns the endpoint for a region or an account, or what is missing to tell it. None where the SDK knows it.
    pub(crate) fn endpoint(
        self,
        region: Option<&str>,
        account: Option<&str>,
    ) -> Result<Option<String>, &'static str> {
        match self.profile().endpoint {
            Endpoint::Sdk => Ok(None),
            Endpoint::Any => Err("this dialect has no endpoint of its own: give --endpoint"),
            Endpoint::Region { before, behind } => {
                let region = region
                    .ok_or("give --region, from which the endpoint follows, or --endpoint")?;
                let bare = region.strip_prefix(before).unwrap_or(region);
                Ok(Some(format!("https://{before}{bare}{behind}")))
            }
            Endpoint::Account { behind } => {
                let account = account
                    .ok_or("give --account-id, from which the endpoint follows, or --endpoint")?;
                let named = !account.is_empty()
                    && account
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b == b'-');
                if named {
                    Ok(Some(format!("https://{account}{behind}")))
                } else {
                    Err("the account id is letters and digits")
                }
            }
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.profile().name)
    }
}

impl FromStr for Dialect {
    type Err = DialectError;

    fn from_str(text: &str) -> Result<Self, DialectError> {
        let mut profiles = PROFILES.iter();
        profiles
            .find(|profile| profile.name == text)
            .map(|profile| profile.dialect)
            .ok_or(DialectError)
    }
}

#[cfg(test)]
mod tests {
    use super::Dialect;

    #[test]
    fn every_dialect_has_one_row() {
        for name in Dialect::NAMES {
            let dialect: Dialect = name.parse().expect("a dialect");
            assert_eq!(dialect.to_string(), name);
            assert_eq!(dialect.profile().dialect, dialect);
            let json = serde_json::to_value(dialect).expect("serializes");
            assert_eq!(json, name);
        }
        assert!("AWS".parse::<Dialect>().is_err() && "".parse::<Dialect>().is_err());
    }

    #[test]
    fn an_endpoint_tells_who_is_there() {
        for (host, dialect) in [
            (None, Dialect::Aws),
            (Some("s3.eu-west-1.amazonaws.com"), Dialect::Aws),
            (Some("s3.cn-north-1.amazonaws.com.cn"), Dialect::Aws),
            (Some("oss-cn-hangzhou.aliyuncs.com"), Dialect::Oss),
            (Some("cos.ap-guangzhou.myqcloud.com"), Dialect::Cos),
            (Some("obs.eu-west-101.myhuaweicloud.eu"), Dialect::Obs),
            (Some("abc.r2.cloudflarestorage.com"), Dialect::R2),
            (Some("notaliyuncs.com"), Dialect::Generic),
            (Some("aliyuncs.com.example"), Dialect::Generic),
            (Some("127.0.0.1"), Dialect::Generic),
        ] {
            assert_eq!(Dialect::of_host(host), dialect, "{host:?}");
        }
    }

    #[test]
    fn endpoints_follow_from_region_or_account() {
        for (dialect, region, account, endpoint) in [
            (
                Dialect::Oss,
                Some("cn-hangzhou"),
                None,
                "https://oss-cn-hangzhou.aliyuncs.com",
            ),
            (
                Dialect::Oss,
                Some("oss-cn-hangzhou"),
                None,
                "https://oss-cn-hangzhou.aliyuncs.com",
            ),
            (
                Dialect::Cos,
                Some("ap-guangzhou"),
                None,
                "https://cos.ap-guangzhou.myqcloud.com",
            ),
            (
                Dialect::Obs,
                Some("cn-north-4"),
                None,
                "https://obs.cn-north-4.myhuaweicloud.com",
            ),
            (
                Dialect::R2,
                None,
                Some("0a1b"),
                "https://0a1b.r2.cloudflarestorage.com",
            ),
        ] {
            let found = dialect.endpoint(region, account).expect("an endpoint");
            assert_eq!(found.as_deref(), Some(endpoint));
        }
        assert_eq!(Dialect::Aws.endpoint(None, None), Ok(None));
        for (dialect, account) in [
            (Dialect::Oss, None),
            (Dialect::Cos, Some("x")),
            (Dialect::R2, None),
            (Dialect::R2, Some("evil.example/")),
            (Dialect::Minio, Some("x")),
            (Dialect::Ceph, None),
        ] {
            assert!(dialect.endpoint(None, account).is_err(), "{dialect}");
        }
    }
}
