//! Which actions of AWS an operation needs: one table, and a test that holds it against the table of operations. What a
//! policy denies or does not allow of these is not done.

use http::HeaderMap;

/// Of what an action is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Of nothing in particular.
    Service,
    /// Of the bucket.
    Bucket,
    /// Of the object, or the key that an object is to have.
    Object,
    /// Of what is copied.
    Source,
}

/// When an action is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// One of these headers is there.
    Said(&'static [&'static str]),
}

/// An action that an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Need {
    pub(crate) side: Side,
    action: &'static str,
    /// The one that is needed in its place where a version is named.
    of_version: Option<&'static str>,
    when: When,
}

impl Need {
    const fn of(side: Side, action: &'static str) -> Self {
        Self {
            side,
            action,
            of_version: None,
            when: When::Always,
        }
    }

    const fn versioned(side: Side, action: &'static str, of_version: &'static str) -> Self {
        Self {
            of_version: Some(of_version),
            ..Self::of(side, action)
        }
    }

    const fn said(side: Side, action: &'static str, headers: &'static [&'static str]) -> Self {
        Self {
            when: When::Said(headers),
            ..Self::of(side, action)
        }
    }

    /// Returns the action, if the request needs it.
    pub(crate) fn action(&self, headers: &HeaderMap, names_version: bool) -> Option<&'static str> {
        let is_needed = match self.when {
            When::Always => true,
            When::Said(names) => names.iter().any(|name| headers.contains_key(*name)),
        };
        let action = match self.of_version {
            Some(of_version) if names_version => of_version,
            Some(_) | None => self.action,
        };
        is_needed.then_some(action)
    }
}

const ACL: &[&str] = &[
    "x-amz-acl",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
];
const RETENTION: &[&str] = &[
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
];
const BYPASS: &[&str] = &["x-amz-bypass-governance-retention"];

/// What storing an object needs, with all that may be said beside it.
const STORE: &[Need] = &[
    Need::of(Side::Object, "s3:PutObject"),
    Need::said(Side::Object, "s3:PutObjectTagging", &["x-amz-tagging"]),
    Need::said(Side::Object, "s3:PutObjectAcl", ACL),
    Need::said(Side::Object, "s3:PutObjectRetention", RETENTION),
    Need::said(
        Side::Object,
        "s3:PutObjectLegalHold",
        &["x-amz-object-lock-legal-hold"],
    ),
    // How it ends tells what is there.
    Need::said(Side::Object, "s3:GetObject", &["if-match"]),
];
const COPY: &[Need] = &[
    Need::versioned(Side::Source, "s3:GetObject", "s3:GetObjectVersion"),
    STORE[0],
    STORE[1],
    STORE[2],
    STORE[3],
    STORE[4],
    STORE[5],
];
const COPY_PART: &[Need] = &[
    Need::versioned(Side::Source, "s3:GetObject", "s3:GetObjectVersion"),
    Need::of(Side::Object, "s3:PutObject"),
];
const COMPLETE: &[Need] = &[
    Need::of(Side::Object, "s3:PutObject"),
    Need::said(Side::Object, "s3:GetObject", &["if-match"]),
];
const DELETE: &[Need] = &[
    Need::versioned(Side::Object, "s3:DeleteObject", "s3:DeleteObjectVersion"),
    Need::said(Side::Object, "s3:BypassGovernanceRetention", BYPASS),
];
const CREATE_BUCKET: &[Need] = &[
    Need::of(Side::Bucket, "s3:CreateBucket"),
    Need::said(Side::Bucket, "s3:PutBucketAcl", ACL),
    Need::said(
        Side::Bucket,
        "s3:PutBucketObjectLockConfiguration",
        &["x-amz-bucket-object-lock-enabled"],
    ),
    Need::said(
        Side::Bucket,
        "s3:PutBucketOwnershipControls",
        &["x-amz-object-ownership"],
    ),
];
const RETAIN: &[Need] = &[
    Need::of(Side::Object, "s3:PutObjectRetention"),
    Need::said(Side::Object, "s3:BypassGovernanceRetention", BYPASS),
];
const ATTRIBUTES: &[Need] = &[
    Need::versioned(Side::Object, "s3:GetObject", "s3:GetObjectVersion"),
    Need::versioned(
        Side::Object,
        "s3:GetObjectAttributes",
        "s3:GetObjectVersionAttributes",
    ),
];

macro_rules! bucket {
    ($action:literal) => {
        &[Need::of(Side::Bucket, $action)]
    };
}
macro_rules! object {
    ($action:literal) => {
        &[Need::of(Side::Object, $action)]
    };
    ($action:literal, $of_version:literal) => {
        &[Need::versioned(Side::Object, $action, $of_version)]
    };
}

/// The operations that are done, by name.
const TABLE: [(&str, &[Need]); 77] = [
    ("AbortMultipartUpload", object!("s3:AbortMultipartUpload")),
    ("CompleteMultipartUpload", COMPLETE),
    ("CopyObject", COPY),
    ("CreateBucket", CREATE_BUCKET),
    ("CreateMultipartUpload", STORE),
    ("DeleteBucket", bucket!("s3:DeleteBucket")),
    ("DeleteBucketCors", bucket!("s3:PutBucketCORS")),
    (
        "DeleteBucketEncryption",
        bucket!("s3:PutEncryptionConfiguration"),
    ),
    (
        "DeleteBucketInventoryConfiguration",
        bucket!("s3:PutInventoryConfiguration"),
    ),
    (
        "DeleteBucketLifecycle",
        bucket!("s3:PutLifecycleConfiguration"),
    ),
    (
        "DeleteBucketOwnershipControls",
        bucket!("s3:PutBucketOwnershipControls"),
    ),
    ("DeleteBucketPolicy", bucket!("s3:DeleteBucketPolicy")),
    (
        "DeleteBucketReplication",
        bucket!("s3:PutReplicationConfiguration"),
    ),
    ("DeleteBucketTagging", bucket!("s3:PutBucketTagging")),
    ("DeleteBucketWebsite", bucket!("s3:DeleteBucketWebsite")),
    ("DeleteObject", DELETE),
    (
        "DeleteObjectTagging",
        object!("s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"),
    ),
    ("DeleteObjects", DELETE),
    (
        "DeletePublicAccessBlock",
        bucket!("s3:PutBucketPublicAccessBlock"),
    ),
    (
        "GetBucketAccelerateConfiguration",
        bucket!("s3:GetAccelerateConfiguration"),
    ),
    ("GetBucketAcl", bucket!("s3:GetBucketAcl")),
    ("GetBucketCors", bucket!("s3:GetBucketCORS")),
    (
        "GetBucketEncryption",
        bucket!("s3:GetEncryptionConfiguration"),
    ),
    (
        "GetBucketInventoryConfiguration",
        bucket!("s3:GetInventoryConfiguration"),
    ),
    (
        "GetBucketLifecycleConfiguration",
        bucket!("s3:GetLifecycleConfiguration"),
    ),
    ("GetBucketLocation", bucket!("s3:GetBucketLocation")),
    ("GetBucketLogging", bucket!("s3:GetBucketLogging")),
    (
        "GetBucketNotificationConfiguration",
        bucket!("s3:GetBucketNotification"),
    ),
    (
        "GetBucketOwnershipControls",
        bucket!("s3:GetBucketOwnershipControls"),
    ),
    ("GetBucketPolicy", bucket!("s3:GetBucketPolicy")),
    ("GetBucketPolicyStatus", bucket!("s3:GetBucketPolicyStatus")),
    (
        "GetBucketReplication",
        bucket!("s3:GetReplicationConfiguration"),
    ),
    (
        "GetBucketRequestPayment",
        bucket!("s3:GetBucketRequestPayment"),
    ),
    ("GetBucketTagging", bucket!("s3:GetBucketTagging")),
    ("GetBucketVersioning", bucket!("s3:GetBucketVersioning")),
    ("GetBucketWebsite", bucket!("s3:GetBucketWebsite")),
    ("GetObject", object!("s3:GetObject", "s3:GetObjectVersion")),
    (
        "GetObjectAcl",
        object!("s3:GetObjectAcl", "s3:GetObjectVersionAcl"),
    ),
    ("GetObjectAttributes", ATTRIBUTES),
    ("GetObjectLegalHold", object!("s3:GetObjectLegalHold")),
    (
        "GetObjectLockConfiguration",
        bucket!("s3:GetBucketObjectLockConfiguration"),
    ),
    ("GetObjectRetention", object!("s3:GetObjectRetention")),
    (
        "GetObjectTagging",
        object!("s3:GetObjectTagging", "s3:GetObjectVersionTagging"),
    ),
    (
        "GetPublicAccessBlock",
        bucket!("s3:GetBucketPublicAccessBlock"),
    ),
    ("HeadBucket", bucket!("s3:ListBucket")),
    ("HeadObject", object!("s3:GetObject", "s3:GetObjectVersion")),
    (
        "ListBucketInventoryConfigurations",
        bucket!("s3:GetInventoryConfiguration"),
    ),
    (
        "ListBuckets",
        &[Need::of(Side::Service, "s3:ListAllMyBuckets")],
    ),
    (
        "ListMultipartUploads",
        bucket!("s3:ListBucketMultipartUploads"),
    ),
    ("ListObjectVersions", bucket!("s3:ListBucketVersions")),
    ("ListObjects", bucket!("s3:ListBucket")),
    ("ListObjectsV2", bucket!("s3:ListBucket")),
    ("ListParts", object!("s3:ListMultipartUploadParts")),
    ("PostObject", STORE),
    (
        "PutBucketAccelerateConfiguration",
        bucket!("s3:PutAccelerateConfiguration"),
    ),
    ("PutBucketAcl", bucket!("s3:PutBucketAcl")),
    ("PutBucketCors", bucket!("s3:PutBucketCORS")),
    (
        "PutBucketEncryption",
        bucket!("s3:PutEncryptionConfiguration"),
    ),
    (
        "PutBucketInventoryConfiguration",
        bucket!("s3:PutInventoryConfiguration"),
    ),
    (
        "PutBucketLifecycleConfiguration",
        bucket!("s3:PutLifecycleConfiguration"),
    ),
    ("PutBucketLogging", bucket!("s3:PutBucketLogging")),
    (
        "PutBucketNotificationConfiguration",
        bucket!("s3:PutBucketNotification"),
    ),
    (
        "PutBucketOwnershipControls",
        bucket!("s3:PutBucketOwnershipControls"),
    ),
    ("PutBucketPolicy", bucket!("s3:PutBucketPolicy")),
    (
        "PutBucketReplication",
        bucket!("s3:PutReplicationConfiguration"),
    ),
    (
        "PutBucketRequestPayment",
        bucket!("s3:PutBucketRequestPayment"),
    ),
    ("PutBucketTagging", bucket!("s3:PutBucketTagging")),
    ("PutBucketVersioning", bucket!("s3:PutBucketVersioning")),
    ("PutObject", STORE),
    (
        "PutObjectAcl",
        object!("s3:PutObjectAcl", "s3:PutObjectVersionAcl"),
    ),
    ("PutObjectLegalHold", object!("s3:PutObjectLegalHold")),
    (
        "PutObjectLockConfiguration",
        bucket!("s3:PutBucketObjectLockConfiguration"),
    ),
    ("PutObjectRetention", RETAIN),
    (
        "PutObjectTagging",
        object!("s3:PutObjectTagging", "s3:PutObjectVersionTagging"),
    ),
    (
        "PutPublicAccessBlock",
        bucket!("s3:PutBucketPublicAccessBlock"),
    ),
    ("UploadPart", object!("s3:PutObject")),
    ("UploadPartCopy", COPY_PART),
];

/// Returns what an operation needs; none for one that is not done.
pub(crate) fn needs(operation: &str) -> Option<&'static [Need]> {
    TABLE
        .iter()
        .find(|(known, _)| *known == operation)
        .map(|(_, needs)| *needs)
}

#[cfg(test)]
mod tests {
    use super::{Need, Side, TABLE, needs};
    use crate::operations::{self, Standing};
    use http::HeaderMap;
    use onshore_policy::iam::actions::{On, lookup};
    use std::collections::BTreeSet;

    #[test]
    fn every_operation_that_is_done_needs_an_action_and_no_other_is_listed() {
        let done: BTreeSet<&str> = operations::names()
            .filter(|name| matches!(operations::lookup(name), Some((_, Standing::Transfers(_)))))
            .collect();
        let listed: BTreeSet<&str> = TABLE.iter().map(|(name, _)| *name).collect();
        assert_eq!(done, listed);
        assert_eq!(listed.len(), TABLE.len(), "no name twice");
        for name in done {
            let needs = needs(name).expect("it is listed");
            let always = needs
                .iter()
                .filter(|need| need.action(&HeaderMap::new(), false).is_some());
            assert!(
                always.count() > 0,
                "{name} needs something whatever is said"
            );
        }
    }

    #[test]
    fn every_action_is_one_that_policies_can_name_of_that_side() {
        for (operation, needs) in &TABLE {
            for Need {
                side,
                action,
                of_version,
                ..
            } in *needs
            {
                for action in std::iter::once(action).chain(of_version) {
                    let (_, on) = lookup(action).unwrap_or_else(|| panic!("{operation}: {action}"));
                    let expected = match side {
                        Side::Service => On::Service,
                        Side::Bucket => On::Bucket,
                        Side::Object | Side::Source => On::Object,
                    };
                    assert_eq!(on, expected, "{operation}: {action}");
                }
            }
        }
    }

    #[test]
    fn what_is_said_beside_an_object_is_needed_too() {
        let mut headers = HeaderMap::new();
        let of = |headers: &HeaderMap, version| -> Vec<&str> {
            needs("DeleteObject")
                .expect("listed")
                .iter()
                .filter_map(|need| need.action(headers, version))
                .collect()
        };
        assert_eq!(of(&headers, false), ["s3:DeleteObject"]);
        headers.insert(
            "x-amz-bypass-governance-retention",
            "true".parse().expect("a value"),
        );
        assert_eq!(
            of(&headers, true),
            ["s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"]
        );
    }
}
