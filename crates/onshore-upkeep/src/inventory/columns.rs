//! The rows of an inventory, as compressed CSV.

use std::io::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use onshore_store::{
    Bucket, Encryption, IncludedVersions, Inventory, InventoryRow, Kind, LegalHold, Naming,
    ReplicationState, RetentionMode, Standing,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

/// What stands for itself in a key; the rest is percent-encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');

/// The columns of an inventory, in their order.
#[derive(Debug, Clone)]
pub(super) struct Columns(Vec<String>);

impl Columns {
    pub(super) fn of(inventory: &Inventory) -> Self {
        let always: &[&str] = match inventory.included {
            IncludedVersions::All => &["Bucket", "Key", "VersionId", "IsLatest", "IsDeleteMarker"],
            IncludedVersions::Current => &["Bucket", "Key"],
        };
        let always = always.iter().map(|&name| name.to_owned());
        Self(always.chain(inventory.fields.iter().cloned()).collect())
    }

    /// Returns the names, as the manifest has them.
    pub(super) fn schema(&self) -> String {
        self.0.join(", ")
    }

    /// Whether a column tells what only the facts of a version know.
    pub(super) fn tells_encryption(&self) -> bool {
        let of_facts = ["EncryptionStatus", "BucketKeyStatus"];
        self.0.iter().any(|name| of_facts.contains(&name.as_str()))
    }

    /// Writes one row.
    pub(super) fn row(&self, bucket: &Bucket, row: &InventoryRow) -> String {
        let cells: Vec<String> = self
            .0
            .iter()
            .map(|name| format!("\"{}\"", cell(name, bucket, row).replace('"', "\"\"")))
            .collect();
        cells.join(",") + "\n"
    }
}

fn cell(name: &str, bucket: &Bucket, row: &InventoryRow) -> String {
    let entry = &row.entry;
    let is_object = entry.kind == Kind::Object;
    let of_object = |text: String| if is_object { text } else { String::new() };
    let retention = row.lock.retention;
    match name {
        "Bucket" => bucket.name.to_string(),
        "Key" => utf8_percent_encode(entry.key.as_str(), ENCODED).to_string(),
        "VersionId" => match entry.naming {
            Naming::Own => entry.version.to_string(),
            Naming::Null => "null".to_owned(),
        },
        "IsLatest" => (entry.standing == Standing::Latest).to_string(),
        "IsDeleteMarker" => (!is_object).to_string(),
        "Size" => of_object(entry.size_bytes.to_string()),
        "LastModifiedDate" => entry.modified.to_string(),
        "ETag" => entry.etag.clone(),
        "StorageClass" => of_object("STANDARD".to_owned()),
        "IsMultipartUploaded" => of_object(entry.etag.contains('-').to_string()),
        "EncryptionStatus" => match &row.encryption {
            Some(Encryption::Service) => "SSE-S3".to_owned(),
            Some(Encryption::Kms { .. }) => "SSE-KMS".to_owned(),
            Some(Encryption::Customer { .. }) => "SSE-C".to_owned(),
            None => String::new(),
        },
        "BucketKeyStatus" => match &row.encryption {
            Some(Encryption::Kms {
                bucket_key: true, ..
            }) => "ENABLED".to_owned(),
            Some(_) => "DISABLED".to_owned(),
            None => String::new(),
        },
        "ObjectLockRetainUntilDate" => {
            retention.map_or(String::new(), |lock| lock.until.to_string())
        }
        "ObjectLockMode" => match retention.map(|retention| retention.mode) {
            Some(RetentionMode::Governance) => "GOVERNANCE".to_owned(),
            Some(RetentionMode::Compliance) => "COMPLIANCE".to_owned(),
            None => String::new(),
        },
        "ObjectLockLegalHoldStatus" => match row.lock.hold {
            Some(LegalHold::On) => "On".to_owned(),
            Some(LegalHold::Off) => "Off".to_owned(),
            None => String::new(),
        },
        "ChecksumAlgorithm" => {
            let names = entry
                .checksums
                .iter()
                .map(|(algorithm, _)| algorithm.as_str());
            names.collect::<Vec<_>>().join(",")
        }
        "ReplicationStatus" => match row.replication {
            Some(ReplicationState::Pending) => "PENDING".to_owned(),
            Some(ReplicationState::Completed) => "COMPLETED".to_owned(),
            Some(ReplicationState::Failed) => "FAILED".to_owned(),
            Some(ReplicationState::Replica) => "REPLICA".to_owned(),
            None => String::new(),
        },
        "ObjectOwner" => of_object(bucket.tenant.to_string()),
        "ObjectAccessControlList" => of_object(access(bucket)),
        // No object changes its tier by itself.
        _ => String::new(),
    }
}

/// Writes the one access list there is: the owner's.
fn access(bucket: &Bucket) -> String {
    let list = json!({
        "version": "2022-11-10",
        "status": "AVAILABLE",
        "grants": [{
            "canonicalId": bucket.tenant,
            "type": "CanonicalUser",
            "permission": "FULL_CONTROL",
        }],
    });
    STANDARD.encode(list.to_string())
}

/// Rows on their way into a compressed file.
pub(super) struct Packed(GzEncoder<Vec<u8>>);

impl Packed {
    pub(super) fn new() -> Self {
        Self(GzEncoder::new(Vec::new(), Compression::default()))
    }

    pub(super) fn push(&mut self, rows: &str) -> io::Result<()> {
        self.0.write_all(rows.as_bytes())
    }

    /// Returns what is packed so far and was not returned before.
    pub(super) fn take(&mut self) -> Bytes {
        Bytes::from(std::mem::take(self.0.get_mut()))
    }

    /// Returns the rest of the file.
    pub(super) fn finish(self) -> io::Result<Bytes> {
        self.0.finish().map(Bytes::from)
    }
}
