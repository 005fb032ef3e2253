//! Access control lists. The bucket's owner owns everything in it and is the only one who may do anything: nobody gets
//! in by a list. Lists that say so are taken; others are refused as S3 refuses them where the owner is enforced (its
//! default) or where public access is blocked.

use onshore_store::{Bucket, Setting};
use s3s::dto;

use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::ops::{Asked, Operations};

/// Lists by name that give nobody but the owner anything.
const PRIVATE: [&str; 3] = ["private", "bucket-owner-full-control", "bucket-owner-read"];
/// Lists by name that let others in.
const OPEN: [&str; 5] = [
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "log-delivery-write",
];
/// Headers that let others in one by one.
const GRANTS: [&str; 5] = [
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
];

/// What a list may grant.
const PERMISSIONS: [&str; 5] = [
    dto::Permission::FULL_CONTROL,
    dto::Permission::READ,
    dto::Permission::READ_ACP,
    dto::Permission::WRITE,
    dto::Permission::WRITE_ACP,
];

/// Whom a list lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// The owner alone.
    Owner,
    /// Others too.
    Others,
}

/// Reads whom the headers of a request let in.
pub(crate) fn of_headers(call: &Call) -> Result<Access, Fault> {
    let owner = call.tenant().to_string();
    let is_owner = |value: &str| {
        value.split(',').all(|grantee| {
            grantee.trim() == format!("id=\"{owner}\"") || grantee.trim() == format!("id={owner}")
        })
    };
    let grants_others = GRANTS
        .iter()
        .filter_map(|name| call.header(name))
        .any(|value| !is_owner(value));
    match call.header("x-amz-acl") {
        Some(name) if OPEN.contains(&name) => Ok(Access::Others),
        Some(name) if !PRIVATE.contains(&name) => Err(Fault::new(
            Code::InvalidArgument,
            "The canned ACL is not one of S3.",
        )),
        Some(_) | None if grants_others => Ok(Access::Others),
        Some(_) | None => Ok(Access::Owner),
    }
}

/// Reads whom the headers of a request let in that sets a list and has no document: something must say so.
pub(crate) fn of_headers_alone(call: &Call) -> Result<Access, Fault> {
    if call.header("x-amz-acl").is_none() && GRANTS.iter().all(|name| call.header(name).is_none()) {
        return Err(Fault::new(
            Code::MissingSecurityHeader,
            "Your request was missing a required header",
        )
        .with_detail("MissingHeaderName", "x-amz-acl"));
    }
    of_headers(call)
}

/// Reads whom a document lets in.
pub(crate) fn of_document(
    call: &Call,
    document: &dto::AccessControlPolicy,
) -> Result<Access, Fault> {
    let malformed = || {
        Fault::new(
            Code::MalformedACLError,
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    };
    let owner = call.tenant().to_string();
    if document.owner.is_none() {
        return Err(malformed());
    }
    let grants = document.grants.as_deref().unwrap_or_default();
    let (mut access, mut is_whole) = (Access::Owner, false);
    for grant in grants {
        let grantee = grant.grantee.as_ref().ok_or_else(malformed)?;
        let permission = grant.permission.as_ref().map(dto::Permission::as_str);
        if !permission.is_some_and(|name| PERMISSIONS.contains(&name)) {
            return Err(malformed());
        }
        if grantee.id.as_deref() != Some(owner.as_str()) {
            access = Access::Others;
        }
        is_whole |= permission == Some(dto::Permission::FULL_CONTROL);
    }
    // A list that leaves its owner less than everything is another list than the one there is.
    if !is_whole {
        access = Access::Others;
    }
    Ok(access)
}

/// Shows the list that everything has.
pub(crate) fn grants(owner: &dto::Owner) -> Vec<dto::Grant> {
    vec![dto::Grant {
        grantee: Some(dto::Grantee {
            display_name: owner.display_name.clone(),
            email_address: None,
            id: owner.id.clone(),
            type_: dto::Type::from_static(dto::Type::CANONICAL_USER),
            uri: None,
        }),
        permission: Some(dto::Permission::from_static(dto::Permission::FULL_CONTROL)),
    }]
}

impl Operations {
    /// Refuses a list that lets others in.
    pub(crate) async fn check_access(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        access: Access,
    ) -> Result<(), Fault> {
        if access == Access::Owner {
            return Ok(());
        }
        // Which refusal it is tells what is set.
        self.tellable_bucket(asked, bucket).await?;
        let ownership: Option<dto::OwnershipControls> = self
            .setting_of(asked, bucket, Setting::OwnershipControls)
            .await?;
        let is_enforced = ownership.is_none_or(|controls| {
            controls.rules.iter().any(|rule| {
                rule.object_ownership.as_str() == dto::ObjectOwnership::BUCKET_OWNER_ENFORCED
            })
        });
        if is_enforced {
            return Err(Fault::new(
                Code::AccessControlListNotSupported,
                "The bucket does not allow ACLs",
            ));
        }
        Err(Fault::new(
            Code::AccessDenied,
            "Access Denied: public access and access of other tenants are blocked in this region.",
        ))
    }
}
