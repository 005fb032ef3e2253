//! What is known of an object besides its bytes: what a writer says, and what the store tells a permitted reader.

use std::collections::BTreeMap;

use onshore_types::{BucketId, Label, ObjectKey, Timestamp, UploadId, VersionId};
use serde::{Deserialize, Serialize};

use crate::bucket::Versioning;
use crate::checksum::Checksum;
use crate::customer_key::Encryption;
use crate::lock::Lock;
use crate::replication::ReplicationState;
use crate::scan::Scan;
use crate::version::{Kind, Naming};

/// The tags of an object.
pub type Tags = BTreeMap<String, String>;

/// The headers that describe a body, given back as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContentHeaders {
    /// `Content-Type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `Cache-Control`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_disposition: Option<String>,
    /// `Content-Encoding`, without `aws-chunked`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_language: Option<String>,
    /// `Expires`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// `x-amz-website-redirect-location`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub website_redirect: Option<String>,
}

/// What a migrated object was at its source, so that a later pass knows whether it changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceFacts {
    /// When it was last modified there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modified: Option<Timestamp>,
    /// Its ETag there, without quotes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its version there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a writer says of a new object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewObject {
    /// The headers that describe the body.
    pub content: ContentHeaders,
    /// User metadata: names in lower case without `x-amz-meta-`.
    pub user_metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: Tags,
    /// The label that is declared, if one is.
    pub declared: Option<Label>,
    /// What it was at its source, for a migrated object.
    pub original: Option<SourceFacts>,
    /// The locks on it.
    #[serde(default)]
    pub lock: Lock,
    /// How it is encrypted besides what is done always.
    #[serde(default)]
    pub encryption: Encryption,
    /// The version of another region that it is a replica of, if it is one: it gets its id, and the time that stands in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_of: Option<VersionId>,
}

/// A part of an object that was uploaded in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its number, 1 to 10000.
    pub number: u32,
    /// Its size.
    pub size_bytes: u64,
    /// Its MD5 in hexadecimal digits: its ETag.
    pub md5: String,
    /// Its SHA-256 in hexadecimal digits; none where only the whole was hashed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Its checksums.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checksums: Vec<Checksum>,
}

/// What a permitted reader is told of an object besides its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectHead {
    /// The bucket.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The version.
    pub version: VersionId,
    /// The size.
    pub size_bytes: u64,
    /// The ETag, without quotes.
    pub etag: String,
    /// The SHA-256 of the whole in hexadecimal digits; none for an object that clients uploaded in parts.
    pub sha256: Option<String>,
    /// The label in force: the stored one, or a stricter one of the bucket.
    pub label: Label,
    /// The label that was declared.
    pub declared: Option<Label>,
    /// The headers that describe the body.
    pub content: ContentHeaders,
    /// User metadata.
    pub user_metadata: BTreeMap<String, String>,
    /// The checksums.
    pub checksums: Vec<Checksum>,
    /// The parts, in order; none for an object that came in one piece.
    pub parts: Vec<Part>,
    /// Its tags.
    pub tags: Tags,
    /// When it was written.
    pub modified: Timestamp,
    /// What it was at its source, for a migrated object.
    pub original: Option<SourceFacts>,
    /// How clients name the version.
    pub naming: Naming,
    /// Whether its bucket is versioned.
    pub versioning: Versioning,
    /// The locks on it.
    pub lock: Lock,
    /// How it is encrypted besides what is done always.
    pub encryption: Encryption,
    /// The upload in parts that it was completed from.
    pub upload: Option<UploadId>,
    /// What is known of its content; none where it was written before anybody looked.
    pub scan: Option<Scan>,
    /// How far its replication is; none where it is not replicated.
    pub replication: Option<ReplicationState>,
}

/// Under which condition a write takes place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum WriteCondition {
    /// None.
    #[default]
    Always,
    /// There is no object of this key: `If-None-Match: *`.
    Absent,
    /// There is an object, whatever its ETag: `If-Match: *`.
    Present,
    /// There is an object with one of these ETags (without quotes): `If-Match`.
    Matches(Vec<String>),
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The new version.
    pub version: VersionId,
    /// How clients name it.
    pub naming: Naming,
    /// Whether its bucket is versioned.
    pub versioning: Versioning,
    /// How it is encrypted besides what is done always.
    pub encryption: Encryption,
    /// Its ETag, without quotes.
    pub etag: String,
    /// Its size.
    pub size_bytes: u64,
    /// The label it is stored with.
    pub label: Label,
    /// Its checksums.
    pub checksums: Vec<Checksum>,
    /// Its tags.
    pub tags: Tags,
    /// When it was written.
    pub modified: Timestamp,
    /// The record that the ledger's leaf commits to.
    pub record: serde_json::Value,
    /// The salt of that commitment, kept beside the version and destroyed with it.
    pub salt: [u8; 32],
    /// The version that is gone for it.
    pub replaced: Option<VersionId>,
}

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Removed {
    /// The version that is gone.
    pub version: VersionId,
    /// How clients named it.
    pub naming: Naming,
    /// What it was.
    pub kind: Kind,
    /// Its stored label.
    pub label: Label,
    /// Its size.
    pub size_bytes: u64,
}

/// What a deletion came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// There was nothing to delete.
    Nothing,
    /// The object is gone.
    Removed(Removed),
    /// A delete marker hides what was there.
    Marked(Marked),
}

/// A delete marker that was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marked {
    /// Its id.
    pub marker: VersionId,
    /// How clients name it.
    pub naming: Naming,
    /// The label of what it hides.
    pub label: Label,
    /// The version that is gone for it.
    pub replaced: Option<Removed>,
}
