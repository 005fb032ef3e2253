//! Every operation of S3, with the transfers it stands for. What is not in the table is refused; what is in it as not
//! implemented is answered so. A test holds the table against the trait of `s3s`.

use onshore_policy::Flow;

/// What an operation stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is a transfer of each of these flows, and the gate judges each.
    Transfers(&'static [Flow]),
    /// It is answered with 501.
    NotImplemented,
}

const CHANGE: Standing = Standing::Transfers(&[Flow::Change]);
/// How it ends tells whether there is such an object: from abroad, or with a condition, it is an inspection too.
const INSPECT_AND_CHANGE: Standing = Standing::Transfers(&[Flow::Inspect, Flow::Change]);
const INSPECT: Standing = Standing::Transfers(&[Flow::Inspect]);
const LIST: Standing = Standing::Transfers(&[Flow::List]);
/// A conditional read, or that of a part, is an inspection first: its 304 and 412 tell of the object without its bytes.
const READ: Standing = Standing::Transfers(&[Flow::Inspect, Flow::Read]);
/// A copy read from abroad tells its ETag there: it is a read of the source too.
const READ_AND_STORE: Standing = Standing::Transfers(&[Flow::Inspect, Flow::Read, Flow::Store]);
/// The answer 412 to a conditional write tells of the object that is there: it is an inspection too.
const STORE: Standing = Standing::Transfers(&[Flow::Inspect, Flow::Store]);
/// A part replaces nothing that anybody can see.
const STORE_ONLY: Standing = Standing::Transfers(&[Flow::Store]);
const NOT_IMPLEMENTED: Standing = Standing::NotImplemented;

/// The operations by name. Removing what no bucket has, and setting a list that says what is so anyway, change nothing
/// and are inspections of the bucket. `HeadBucket` and `GetBucketLocation` tell an owner that the bucket it named is there and
/// where, and nothing of what is in it: they count as changes, which nothing goes out with.
const TABLE: [(&str, Standing); 99] = [
    ("AbortMultipartUpload", CHANGE),
    ("CompleteMultipartUpload", STORE),
    ("CopyObject", READ_AND_STORE),
    ("CreateBucket", CHANGE),
    ("CreateBucketMetadataTableConfiguration", NOT_IMPLEMENTED),
    ("CreateMultipartUpload", INSPECT_AND_CHANGE),
    ("CreateSession", NOT_IMPLEMENTED),
    ("DeleteBucket", INSPECT_AND_CHANGE),
    ("DeleteBucketAnalyticsConfiguration", NOT_IMPLEMENTED),
    ("DeleteBucketCors", INSPECT_AND_CHANGE),
    ("DeleteBucketEncryption", INSPECT_AND_CHANGE),
    (
        "DeleteBucketIntelligentTieringConfiguration",
        NOT_IMPLEMENTED,
    ),
    ("DeleteBucketInventoryConfiguration", INSPECT_AND_CHANGE),
    ("DeleteBucketLifecycle", INSPECT_AND_CHANGE),
    ("DeleteBucketMetadataTableConfiguration", NOT_IMPLEMENTED),
    ("DeleteBucketMetricsConfiguration", NOT_IMPLEMENTED),
    ("DeleteBucketOwnershipControls", INSPECT_AND_CHANGE),
    ("DeleteBucketPolicy", INSPECT_AND_CHANGE),
    ("DeleteBucketReplication", INSPECT_AND_CHANGE),
    ("DeleteBucketTagging", INSPECT_AND_CHANGE),
    ("DeleteBucketWebsite", INSPECT),
    ("DeleteObject", INSPECT_AND_CHANGE),
    ("DeleteObjectTagging", INSPECT_AND_CHANGE),
    ("DeleteObjects", INSPECT_AND_CHANGE),
    ("DeletePublicAccessBlock", INSPECT_AND_CHANGE),
    ("GetBucketAccelerateConfiguration", INSPECT),
    ("GetBucketAcl", INSPECT),
    ("GetBucketAnalyticsConfiguration", NOT_IMPLEMENTED),
    ("GetBucketCors", INSPECT),
    ("GetBucketEncryption", INSPECT),
    ("GetBucketIntelligentTieringConfiguration", NOT_IMPLEMENTED),
    ("GetBucketInventoryConfiguration", INSPECT),
    ("GetBucketLifecycleConfiguration", INSPECT),
    ("GetBucketLocation", CHANGE),
    ("GetBucketLogging", INSPECT),
    ("GetBucketMetadataTableConfiguration", NOT_IMPLEMENTED),
    ("GetBucketMetricsConfiguration", NOT_IMPLEMENTED),
    ("GetBucketNotificationConfiguration", INSPECT),
    ("GetBucketOwnershipControls", INSPECT),
    ("GetBucketPolicy", INSPECT),
    ("GetBucketPolicyStatus", INSPECT),
    ("GetBucketReplication", INSPECT),
    ("GetBucketRequestPayment", INSPECT),
    ("GetBucketTagging", INSPECT),
    ("GetBucketVersioning", INSPECT),
    ("GetBucketWebsite", INSPECT),
    ("GetObject", READ),
    ("GetObjectAcl", INSPECT),
    ("GetObjectAttributes", INSPECT),
    ("GetObjectLegalHold", INSPECT),
    ("GetObjectLockConfiguration", INSPECT),
    ("GetObjectRetention", INSPECT),
    ("GetObjectTagging", INSPECT),
    ("GetObjectTorrent", NOT_IMPLEMENTED),
    ("GetPublicAccessBlock", INSPECT),
    ("HeadBucket", CHANGE),
    ("HeadObject", INSPECT),
    ("ListBucketAnalyticsConfigurations", NOT_IMPLEMENTED),
    (
        "ListBucketIntelligentTieringConfigurations",
        NOT_IMPLEMENTED,
    ),
    ("ListBucketInventoryConfigurations", INSPECT),
    ("ListBucketMetricsConfigurations", NOT_IMPLEMENTED),
    ("ListBuckets", LIST),
    ("ListDirectoryBuckets", NOT_IMPLEMENTED),
    ("ListMultipartUploads", LIST),
    ("ListObjectVersions", LIST),
    ("ListObjects", LIST),
    ("ListObjectsV2", LIST),
    ("ListParts", INSPECT),
    ("PostObject", STORE),
    ("PutBucketAccelerateConfiguration", INSPECT),
    ("PutBucketAcl", INSPECT),
    ("PutBucketAnalyticsConfiguration", NOT_IMPLEMENTED),
    ("PutBucketCors", INSPECT_AND_CHANGE),
    ("PutBucketEncryption", INSPECT_AND_CHANGE),
    ("PutBucketIntelligentTieringConfiguration", NOT_IMPLEMENTED),
    ("PutBucketInventoryConfiguration", INSPECT_AND_CHANGE),
    ("PutBucketLifecycleConfiguration", INSPECT_AND_CHANGE),
    ("PutBucketLogging", INSPECT_AND_CHANGE),
    ("PutBucketMetricsConfiguration", NOT_IMPLEMENTED),
    ("PutBucketNotificationConfiguration", INSPECT_AND_CHANGE),
    ("PutBucketOwnershipControls", INSPECT_AND_CHANGE),
    ("PutBucketPolicy", INSPECT_AND_CHANGE),
    ("PutBucketReplication", INSPECT_AND_CHANGE),
    ("PutBucketRequestPayment", INSPECT),
    ("PutBucketTagging", INSPECT_AND_CHANGE),
    ("PutBucketVersioning", INSPECT_AND_CHANGE),
    ("PutBucketWebsite", NOT_IMPLEMENTED),
    ("PutObject", STORE),
    ("PutObjectAcl", INSPECT),
    ("PutObjectLegalHold", INSPECT_AND_CHANGE),
    ("PutObjectLockConfiguration", INSPECT_AND_CHANGE),
    ("PutObjectRetention", INSPECT_AND_CHANGE),
    ("PutObjectTagging", INSPECT_AND_CHANGE),
    ("PutPublicAccessBlock", INSPECT_AND_CHANGE),
    ("RestoreObject", NOT_IMPLEMENTED),
    ("SelectObjectContent", NOT_IMPLEMENTED),
    ("UploadPart", STORE_ONLY),
    ("UploadPartCopy", READ_AND_STORE),
    ("WriteGetObjectResponse", NOT_IMPLEMENTED),
];

/// Looks an operation up.
pub(crate) fn lookup(name: &str) -> Option<(&'static str, Standing)> {
    TABLE.iter().find(|(known, _)| *known == name).copied()
}

/// Whether an operation stands for transfers of this flow.
pub(crate) fn allows(name: &str, flow: Flow) -> bool {
    match lookup(name) {
        Some((_, Standing::Transfers(flows))) => flows.contains(&flow),
        Some((_, Standing::NotImplemented)) | None => false,
    }
}

/// Returns every name.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::{Standing, TABLE, allows, lookup};
    use onshore_policy::Flow;
    use std::collections::BTreeSet;
    use std::process::Command;

    #[expect(
        clippy::disallowed_methods,
        reason = "the list of operations is in the sources of s3s, which the test reads"
    )]
    fn trait_of_s3s() -> String {
        let output = Command::new("cargo")
            .args(["metadata", "--format-version=1", "--offline"])
            .output()
            .expect("cargo runs the test, so it is there");
        let metadata: serde_json::Value =
            serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
        let manifest = metadata["packages"]
            .as_array()
            .expect("packages")
            .iter()
            .find(|package| package["name"] == "s3s")
            .and_then(|package| package["manifest_path"].as_str())
            .expect("s3s is a dependency");
        let file = std::path::Path::new(manifest)
            .with_file_name("src")
            .join("s3_trait.rs");
        std::fs::read_to_string(file).expect("the trait is in this file")
    }

    #[test]
    fn every_operation_of_the_trait_is_in_the_table_and_no_other() {
        let text = trait_of_s3s();
        let in_trait: BTreeSet<String> = text
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("async fn "))
            .filter_map(|rest| rest.split('(').next())
            .map(|name| name.replace('_', ""))
            .collect();
        let in_table: BTreeSet<String> = TABLE
            .iter()
            .map(|(name, _)| name.to_ascii_lowercase())
            .collect();
        assert!(in_trait.len() > 90, "the trait was found");
        assert_eq!(in_trait, in_table);
        assert_eq!(in_table.len(), TABLE.len(), "no name twice");
    }

    #[test]
    fn what_is_unlisted_has_no_standing() {
        assert_eq!(lookup("GetObjectSecretly"), None);
        assert!(allows("GetObject", Flow::Read) && !allows("HeadObject", Flow::Read));
        assert!(
            !allows("GetObjectSecretly", Flow::Read) && !allows("GetObjectTorrent", Flow::Inspect)
        );
        assert_eq!(
            lookup("PutBucketWebsite").map(|(_, standing)| standing),
            Some(Standing::NotImplemented)
        );
    }
}
