//! The actions that policies may name, and what each is done to. A pattern stands for those of the table that it matches;
//! one that matches none is refused when it is put.

use super::pattern::matches_plainly;

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum On {
    /// Nothing in particular: it takes `*` for its resource.
    Service,
    /// A bucket.
    Bucket,
    /// An object.
    Object,
    /// A role.
    Role,
}

/// The actions of S3, as AWS names them, and those of STS that are served.
const TABLE: [(&str, On); 88] = [
    ("s3:AbortMultipartUpload", On::Object),
    ("s3:BypassGovernanceRetention", On::Object),
    ("s3:CreateBucket", On::Bucket),
    ("s3:DeleteBucket", On::Bucket),
    ("s3:DeleteBucketPolicy", On::Bucket),
    ("s3:DeleteBucketWebsite", On::Bucket),
    ("s3:DeleteObject", On::Object),
    ("s3:DeleteObjectTagging", On::Object),
    ("s3:DeleteObjectVersion", On::Object),
    ("s3:DeleteObjectVersionTagging", On::Object),
    ("s3:GetAccelerateConfiguration", On::Bucket),
    ("s3:GetAnalyticsConfiguration", On::Bucket),
    ("s3:GetBucketAcl", On::Bucket),
    ("s3:GetBucketCORS", On::Bucket),
    ("s3:GetBucketLocation", On::Bucket),
    ("s3:GetBucketLogging", On::Bucket),
    ("s3:GetBucketNotification", On::Bucket),
    ("s3:GetBucketObjectLockConfiguration", On::Bucket),
    ("s3:GetBucketOwnershipControls", On::Bucket),
    ("s3:GetBucketPolicy", On::Bucket),
    ("s3:GetBucketPolicyStatus", On::Bucket),
    ("s3:GetBucketPublicAccessBlock", On::Bucket),
    ("s3:GetBucketRequestPayment", On::Bucket),
    ("s3:GetBucketTagging", On::Bucket),
    ("s3:GetBucketVersioning", On::Bucket),
    ("s3:GetBucketWebsite", On::Bucket),
    ("s3:GetEncryptionConfiguration", On::Bucket),
    ("s3:GetIntelligentTieringConfiguration", On::Bucket),
    ("s3:GetInventoryConfiguration", On::Bucket),
    ("s3:GetLifecycleConfiguration", On::Bucket),
    ("s3:GetMetricsConfiguration", On::Bucket),
    ("s3:GetObject", On::Object),
    ("s3:GetObjectAcl", On::Object),
    ("s3:GetObjectAttributes", On::Object),
    ("s3:GetObjectLegalHold", On::Object),
    ("s3:GetObjectRetention", On::Object),
    ("s3:GetObjectTagging", On::Object),
    ("s3:GetObjectTorrent", On::Object),
    ("s3:GetObjectVersion", On::Object),
    ("s3:GetObjectVersionAcl", On::Object),
    ("s3:GetObjectVersionAttributes", On::Object),
    ("s3:GetObjectVersionForReplication", On::Object),
    ("s3:GetObjectVersionTagging", On::Object),
    ("s3:GetReplicationConfiguration", On::Bucket),
    ("s3:ListAllMyBuckets", On::Service),
    ("s3:ListBucket", On::Bucket),
    ("s3:ListBucketMultipartUploads", On::Bucket),
    ("s3:ListBucketVersions", On::Bucket),
    ("s3:ListMultipartUploadParts", On::Object),
    ("s3:PutAccelerateConfiguration", On::Bucket),
    ("s3:PutAnalyticsConfiguration", On::Bucket),
    ("s3:PutBucketAcl", On::Bucket),
    ("s3:PutBucketCORS", On::Bucket),
    ("s3:PutBucketLogging", On::Bucket),
    ("s3:PutBucketNotification", On::Bucket),
    ("s3:PutBucketObjectLockConfiguration", On::Bucket),
    ("s3:PutBucketOwnershipControls", On::Bucket),
    ("s3:PutBucketPolicy", On::Bucket),
    ("s3:PutBucketPublicAccessBlock", On::Bucket),
    ("s3:PutBucketRequestPayment", On::Bucket),
    ("s3:PutBucketTagging", On::Bucket),
    ("s3:PutBucketVersioning", On::Bucket),
    ("s3:PutBucketWebsite", On::Bucket),
    ("s3:PutEncryptionConfiguration", On::Bucket),
    ("s3:PutIntelligentTieringConfiguration", On::Bucket),
    ("s3:PutInventoryConfiguration", On::Bucket),
    ("s3:PutLifecycleConfiguration", On::Bucket),
    ("s3:PutMetricsConfiguration", On::Bucket),
    ("s3:PutObject", On::Object),
    ("s3:PutObjectAcl", On::Object),
    ("s3:PutObjectLegalHold", On::Object),
    ("s3:PutObjectRetention", On::Object),
    ("s3:PutObjectTagging", On::Object),
    ("s3:PutObjectVersionAcl", On::Object),
    ("s3:PutObjectVersionTagging", On::Object),
    ("s3:PutReplicationConfiguration", On::Bucket),
    ("s3:ReplicateDelete", On::Object),
    ("s3:ReplicateObject", On::Object),
    ("s3:ReplicateTags", On::Object),
    ("s3:RestoreObject", On::Object),
    ("s3:UpdateBucketMetadataTableConfiguration", On::Bucket),
    ("s3:CreateSession", On::Bucket),
    ("s3:CreateBucketMetadataTableConfiguration", On::Bucket),
    ("s3:DeleteBucketMetadataTableConfiguration", On::Bucket),
    ("s3:GetBucketMetadataTableConfiguration", On::Bucket),
    ("sts:AssumeRole", On::Role),
    ("sts:GetCallerIdentity", On::Service),
    ("sts:TagSession", On::Role),
];

/// Returns the action of the table with this name, as it is written there.
#[must_use]
pub fn lookup(name: &str) -> Option<(&'static str, On)> {
    TABLE
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .copied()
}

/// Returns the actions that a pattern stands for; letter case does not matter.
pub(crate) fn matching(pattern: &str) -> Vec<(&'static str, On)> {
    let pattern = pattern.to_ascii_lowercase();
    TABLE
        .iter()
        .filter(|(name, _)| matches_plainly(&pattern, &name.to_ascii_lowercase()))
        .copied()
        .collect()
}

/// Returns every action.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, On)> {
    TABLE.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::{On, TABLE, lookup, matching};
    use std::collections::BTreeSet;

    #[test]
    fn patterns_stand_for_what_they_match_in_any_letter_case() {
        let names = |pattern: &str| -> Vec<&str> {
            matching(pattern)
                .into_iter()
                .map(|(name, _)| name)
                .collect()
        };
        assert_eq!(names("S3:getobject"), ["s3:GetObject"]);
        assert_eq!(names("s3:Get?bject"), ["s3:GetObject"]);
        assert_eq!(names("s3:ListBucket*").len(), 3);
        assert_eq!(names("*").len(), TABLE.len());
        assert!(names("ec2:*").is_empty() && names("s3:GetObjec").is_empty());
        assert_eq!(lookup("STS:assumerole"), Some(("sts:AssumeRole", On::Role)));
        let unique: BTreeSet<_> = TABLE.iter().map(|(name, _)| name).collect();
        assert_eq!(unique.len(), TABLE.len(), "no action twice");
    }
}
