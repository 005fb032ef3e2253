//! The rules by which objects of a bucket are brought to other regions, and which of them are about what.

use onshore_db::View;
use onshore_types::{BucketName, ObjectKey};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::bucket::{Bucket, Versioning};
use crate::customer_key::Encryption;
use crate::object::Tags;
use crate::settings::{Setting, document};

/// What of a bucket is brought to other regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replication {
    /// As whom it would be done at AWS: told as it was said.
    pub role: String,
    /// What is brought where.
    pub rules: Vec<ReplicationRule>,
}

/// What is brought to one bucket of another region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicationRule {
    /// Its id.
    pub id: String,
    /// Of rules to one bucket that fit, the one with the highest counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Whether it is in force.
    pub is_enabled: bool,
    /// What it is about.
    pub scope: ReplicationScope,
    /// Whether delete markers are brought too; none where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brings_markers: Option<bool>,
    /// Whether objects under a named key (SSE-KMS) are brought too; none where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brings_kms: Option<bool>,
    /// Where it brings them.
    pub destination: ReplicationDestination,
}

/// What a rule is about, as it was written: clients get it back in the same shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicationScope {
    /// Keys with this prefix, in the old way of writing it.
    OfPrefix(String),
    /// Everything.
    All,
    /// Keys with this prefix.
    Prefix(String),
    /// Objects with this tag.
    Tag(String, String),
    /// Keys with this prefix of objects with these tags.
    And(Option<String>, Vec<(String, String)>),
}

/// Where a rule brings objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicationDestination {
    /// The name of the region's entry in the server's configuration.
    pub name: String,
    /// The bucket there.
    pub bucket: BucketName,
    /// The whole name by which the bucket was given.
    pub arn: String,
    /// Whose it is, told as it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Whether its owner owns what comes, told as it was said: it is so always.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owns_replicas: bool,
    /// The storage class, told as it was said: there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// The key there for objects under a named key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

impl ReplicationScope {
    /// Returns the prefix of the keys it is about.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self {
            Self::OfPrefix(prefix) | Self::Prefix(prefix) | Self::And(Some(prefix), _) => prefix,
            Self::All | Self::Tag(..) | Self::And(None, _) => "",
        }
    }

    /// Whether it names tags.
    #[must_use]
    pub fn names_tags(&self) -> bool {
        match self {
            Self::Tag(..) => true,
            Self::And(_, tags) => !tags.is_empty(),
            Self::OfPrefix(_) | Self::Prefix(_) | Self::All => false,
        }
    }

    pub(super) fn fits_tags(&self, tags: &Tags) -> bool {
        match self {
            Self::Tag(name, value) => tags.get(name) == Some(value),
            Self::And(_, wanted) => wanted
                .iter()
                .all(|(name, value)| tags.get(name) == Some(value)),
            Self::OfPrefix(_) | Self::Prefix(_) | Self::All => true,
        }
    }
}

impl ReplicationRule {
    pub(super) fn fits(&self, key: &ObjectKey) -> bool {
        self.is_enabled && key.as_str().starts_with(self.scope.prefix())
    }

    /// Whether delete markers are brought: where nothing is said only the old way of writing a rule means it.
    pub(super) fn takes_markers(&self) -> bool {
        let is_old = matches!(self.scope, ReplicationScope::OfPrefix(_));
        self.brings_markers.unwrap_or(is_old) && !self.scope.names_tags()
    }

    pub(super) fn takes(&self, encryption: &Encryption) -> bool {
        match encryption {
            Encryption::Service | Encryption::Customer { .. } => true,
            Encryption::Kms { .. } => self.brings_kms == Some(true),
        }
    }
}

impl Replication {
    /// Reads what of a bucket is brought elsewhere; none where nothing is.
    pub(super) fn of(view: &View<'_>, bucket: &Bucket) -> Result<Option<Self>, Error> {
        // Without versions nothing is replicated, and rules keep a bucket versioned.
        if bucket.versioning != Versioning::Enabled {
            return Ok(None);
        }
        document(view, bucket.id, Setting::Replication)?
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_| Error::CorruptRecord("the replication of a bucket"))
    }

    /// Returns the rules by which something is brought: one for each bucket of each region.
    pub(super) fn chosen(&self, fits: impl Fn(&ReplicationRule) -> bool) -> Vec<&ReplicationRule> {
        let mut chosen: Vec<&ReplicationRule> = Vec::new();
        for rule in self.rules.iter().filter(|rule| fits(rule)) {
            let same = |other: &&mut &ReplicationRule| {
                other.destination.name == rule.destination.name
                    && other.destination.bucket == rule.destination.bucket
            };
            match chosen.iter_mut().find(same) {
                Some(other) if other.priority < rule.priority => *other = rule,
                Some(_) => {}
                None => chosen.push(rule),
            }
        }
        chosen
    }
}
