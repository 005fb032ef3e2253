//! The facts of a version: everything about it that never changes, sealed whole, and its data keys, wrapped so that
//! they open only beside exactly these facts: the additional data of the wrap is the version id and the SHA-256 of the
//! facts. One flipped bit in either makes the version unreadable, never wrong.
//!
//! What a version's facts say is the format of what is on disk; another format gets another number.

use std::collections::BTreeMap;

use onshore_keys::{DataKey, KEY_LEN_BYTES, Secret};
use onshore_types::{BucketId, Label, ObjectKey, Timestamp, UploadId, VersionId};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Error;
use crate::bucket::Bucket;
use crate::checksum::Checksum;
use crate::customer_key::Encryption;
use crate::frame::BodyId;
use crate::lock::Lock;
use crate::loosening::Loosened;
use crate::object::{ContentHeaders, ObjectHead, Part, SourceFacts, Tags};
use crate::replication::ReplicationState;
use crate::scan::{Scan, ScanStanding};
use crate::version::Naming;

/// The format of facts, frames and wraps that this version writes.
const FORMAT: u32 = 1;

/// Everything about a version that never changes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    pub(crate) format: Format,
    pub(crate) bucket: BucketId,
    pub(crate) key: ObjectKey,
    pub(crate) size_bytes: u64,
    pub(crate) etag: String,
    pub(crate) sha256: Option<String>,
    /// The label it was stored with. What is found in it later makes it stricter: see [`Facts::label_now`].
    pub(crate) label: Label,
    pub(crate) declared: Option<Label>,
    pub(crate) content: ContentHeaders,
    pub(crate) user_metadata: BTreeMap<String, String>,
    pub(crate) checksums: Vec<Checksum>,
    pub(crate) parts: Vec<Part>,
    pub(crate) modified: Timestamp,
    pub(crate) original: Option<SourceFacts>,
    #[serde(default)]
    pub(crate) encryption: Encryption,
    /// The upload that it was completed from: who completes that again is told of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upload: Option<UploadId>,
    /// What is known of its content; none where it was written before anybody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scan: Option<Scan>,
    /// What two people made of its label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) loosened: Option<Loosened>,
    pub(crate) salt: Salt,
    pub(crate) bodies: Vec<Body>,
}

/// A format this version can read.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub(crate) struct Format;

/// The salt of the ledger's commitment.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Salt(#[serde(with = "crate::checksum::hex_bytes")] pub(crate) [u8; 32]);

/// A run of an object's bytes that was stored in one piece, in order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    pub(crate) id: BodyId,
    pub(crate) part: u32,
    pub(crate) size_bytes: u64,
    pub(crate) place: Place,
}

/// Where a body lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    Inline,
    File,
}

/// What is known of a version besides its facts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Held {
    pub(crate) naming: Naming,
    pub(crate) lock: Lock,
    pub(crate) replication: Option<ReplicationState>,
}

/// Facts as they are kept.
pub(crate) struct Sealed {
    pub(crate) facts: Vec<u8>,
    pub(crate) wrapped: Vec<u8>,
    pub(crate) tags: Vec<u8>,
}

impl TryFrom<u32> for Format {
    type Error = &'static str;

    fn try_from(number: u32) -> Result<Self, &'static str> {
        if number == FORMAT {
            Ok(Self)
        } else {
            Err("an unknown format")
        }
    }
}

impl From<Format> for u32 {
    fn from(_: Format) -> Self {
        FORMAT
    }
}

impl Facts {
    /// Returns the label that it has by what was said of it and what is known of its content at present, or what two people
    /// made of that. Its bucket's class
    /// comes on top.
    pub(crate) fn label_now(&self) -> Label {
        let loosened = match (&self.loosened, &self.scan) {
            (Some(loosened), Some(scan)) if scan.standing == ScanStanding::Read => {
                loosened.label(self.label, scan)
            }
            (Some(_) | None, _) => None,
        };
        loosened.unwrap_or_else(|| Scan::applied(self.scan.as_ref(), self.label))
    }

    /// Seals the facts, the data keys of the bodies (in their order) and the tags under the version's own key.
    pub(crate) fn seal(
        &self,
        version: VersionId,
        owner_key: &DataKey,
        data_keys: &[Secret],
        tags: &Tags,
    ) -> Result<Sealed, Error> {
        let plain = serde_json::to_vec(self).map_err(|_| damaged(version, "facts"))?;
        let keys = data_keys
            .iter()
            .flat_map(|key| key.as_bytes().iter().copied())
            .collect();
        let keys = Secret::new(keys);
        Ok(Sealed {
            facts: owner_key
                .wrap(&facts_context(version, self.bucket), &plain)
                .map_err(Error::Keys)?,
            wrapped: owner_key
                .wrap(&keys_context(version, &plain), keys.as_bytes())
                .map_err(Error::Keys)?,
            tags: seal_tags(version, owner_key, tags)?,
        })
    }

    /// Opens what was sealed for this version in this bucket.
    pub(crate) fn open(
        version: VersionId,
        bucket: BucketId,
        owner_key: &DataKey,
        sealed: &Sealed,
    ) -> Result<(Self, Vec<Secret>, Tags), Error> {
        let plain = owner_key
            .unwrap(&facts_context(version, bucket), &sealed.facts)
            .map_err(|_| damaged(version, "its facts do not open"))?;
        let keys = owner_key
            .unwrap(&keys_context(version, plain.as_bytes()), &sealed.wrapped)
            .map_err(|_| damaged(version, "its data keys do not open"))?;
        let facts: Self = serde_json::from_slice(plain.as_bytes())
            .map_err(|_| damaged(version, "its facts do not read"))?;
        // All of one length: as drawn, or wrapped under a client's key.
        let key_len = keys.as_bytes().len() / facts.bodies.len().max(1);
        let keys: Vec<_> = keys
            .as_bytes()
            .chunks(key_len.max(1))
            .map(|key| Secret::new(key.to_vec()))
            .collect();
        if keys.len() != facts.bodies.len() || key_len < KEY_LEN_BYTES {
            return Err(damaged(
                version,
                "its data keys are not as many as its bodies",
            ));
        }
        let tags = open_tags(version, owner_key, &sealed.tags)?;
        Ok((facts, keys, tags))
    }

    /// Returns what a permitted reader is told.
    pub(crate) fn head(
        self,
        version: VersionId,
        bucket: &Bucket,
        held: &Held,
        tags: Tags,
    ) -> ObjectHead {
        let label = bucket.effective(self.label_now());
        ObjectHead {
            bucket: self.bucket,
            key: self.key,
            version,
            size_bytes: self.size_bytes,
            etag: self.etag,
            sha256: self.sha256,
            label,
            declared: self.declared,
            content: self.content,
            user_metadata: self.user_metadata,
            checksums: self.checksums,
            parts: self.parts,
            tags,
            modified: self.modified,
            original: self.original,
            naming: held.naming,
            versioning: bucket.versioning,
            lock: held.lock,
            encryption: self.encryption,
            upload: self.upload,
            scan: self.scan,
            replication: held.replication,
        }
    }

    /// Returns the record that the ledger's leaf commits to.
    pub(crate) fn record(&self, version: VersionId) -> serde_json::Value {
        json!({
            "bucket": self.bucket,
            "key": self.key,
            "version": version,
            "size_bytes": self.size_bytes,
            "etag": self.etag,
            "sha256": self.sha256,
            "label": self.label,
            "declared": self.declared,
            "content": self.content,
            "user_metadata": self.user_metadata,
            "checksums": self.checksums,
            "parts": self.parts,
            "modified": self.modified,
            "original": self.original,
            "encryption": self.encryption,
        })
    }
}

/// Seals tags, which change while their version stays.
pub(crate) fn seal_tags(
    version: VersionId,
    owner_key: &DataKey,
    tags: &Tags,
) -> Result<Vec<u8>, Error> {
    let plain = serde_json::to_vec(tags).map_err(|_| damaged(version, "tags"))?;
    owner_key
        .wrap(&tags_context(version), &plain)
        .map_err(Error::Keys)
}

/// Opens tags.
pub(crate) fn open_tags(
    version: VersionId,
    owner_key: &DataKey,
    sealed: &[u8],
) -> Result<Tags, Error> {
    let plain = owner_key
        .unwrap(&tags_context(version), sealed)
        .map_err(|_| damaged(version, "its tags do not open"))?;
    serde_json::from_slice(plain.as_bytes()).map_err(|_| damaged(version, "its tags do not read"))
}

pub(crate) fn damaged(version: VersionId, what: &'static str) -> Error {
    Error::Corrupt { version, what }
}

fn facts_context(version: VersionId, bucket: BucketId) -> Vec<u8> {
    [
        b"onshore facts 1\0".as_slice(),
        version.as_bytes(),
        bucket.as_bytes(),
    ]
    .concat()
}

fn keys_context(version: VersionId, facts: &[u8]) -> Vec<u8> {
    let hash = digest(&SHA256, facts);
    [
        b"onshore data keys 1\0".as_slice(),
        version.as_bytes(),
        hash.as_ref(),
    ]
    .concat()
}

fn tags_context(version: VersionId) -> Vec<u8> {
    [b"onshore tags 1\0".as_slice(), version.as_bytes()].concat()
}
