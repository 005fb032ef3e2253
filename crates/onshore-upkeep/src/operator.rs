//! As whom upkeep acts: as an operator on behalf of the tenant whose data it is, inside the region; and where a tenant
//! has ordered that something go out, as that tenant, who may do there what it may do itself.

use onshore_gate::Gate;
use onshore_policy::{Flow, Principal, Role, Subject, Transfer};
use onshore_store::{Bucket, Outgoing, Replicating, ToReplicate};
use onshore_types::{ByteRange, Label, ObjectKey, Place, PrincipalId, TenantId, VersionId};

/// The principal of everything that upkeep does. It has no key and no token: nobody can come as this one.
const UPKEEP: PrincipalId = PrincipalId::from_bytes(*b"onshore upkeep\0\0");

/// Returns the principal that acts for a tenant.
fn principal(tenant: TenantId) -> Principal {
    Principal {
        id: UPKEEP,
        tenant: Some(tenant),
        role: Role::Operator,
    }
}

/// Returns the tenant itself, for what it has ordered: refusals are counted for each.
fn tenant_itself(tenant: TenantId) -> Principal {
    Principal {
        id: PrincipalId::from_bytes(*tenant.as_bytes()),
        tenant: Some(tenant),
        role: Role::TenantUser,
    }
}

/// Describes a change to a bucket.
pub(crate) fn change_of_bucket(gate: &Gate, operation: &'static str, bucket: &Bucket) -> Transfer {
    Transfer {
        principal: principal(bucket.tenant),
        operation,
        flow: Flow::Change,
        subject: Subject {
            bucket: Some(bucket.id),
            owner: Some(bucket.tenant),
            key: None,
            version: None,
            label: bucket.class.unwrap_or(Label::Unclassified),
            range: ByteRange::whole(0),
        },
        from: gate.home(),
        to: gate.home(),
    }
}

/// Describes that what is known of an object is told somewhere, as its tenant has ordered.
pub(crate) fn inspection(
    gate: &Gate,
    operation: &'static str,
    outgoing: &Outgoing,
    to: Place,
) -> Transfer {
    let name_bytes = outgoing.key.as_ref().map_or(0, |key| key.as_str().len());
    let name_bytes = u64::try_from(name_bytes).unwrap_or(u64::MAX);
    Transfer {
        principal: tenant_itself(outgoing.tenant),
        operation,
        flow: Flow::Inspect,
        subject: Subject {
            bucket: Some(outgoing.bucket),
            owner: Some(outgoing.tenant),
            key: outgoing.key.clone(),
            version: outgoing.version,
            label: outgoing.label,
            range: ByteRange::whole(name_bytes),
        },
        from: gate.home(),
        to,
    }
}

/// Describes that a version, or what stands beside it, is brought somewhere, as its tenant has ordered.
pub(crate) fn bringing(
    gate: &Gate,
    operation: &'static str,
    flow: Flow,
    replicating: &Replicating,
    found: &ToReplicate,
    len_bytes: u64,
    to: Place,
) -> Transfer {
    Transfer {
        principal: tenant_itself(found.tenant),
        operation,
        flow,
        subject: Subject {
            bucket: Some(replicating.bucket),
            owner: Some(found.tenant),
            key: Some(replicating.key.clone()),
            version: Some(replicating.version),
            label: found.label,
            range: ByteRange::whole(len_bytes),
        },
        from: gate.home(),
        to,
    }
}

/// Describes that what a bucket holds is listed inside the region, as its tenant has ordered.
pub(crate) fn listing(
    gate: &Gate,
    operation: &'static str,
    bucket: &Bucket,
    label: Label,
) -> Transfer {
    let mut transfer = change_of_bucket(gate, operation, bucket);
    transfer.principal = tenant_itself(bucket.tenant);
    transfer.flow = Flow::List;
    transfer.subject.label = label;
    transfer
}

/// Describes that something which the house made is stored for a tenant.
pub(crate) fn storing(
    gate: &Gate,
    operation: &'static str,
    bucket: &Bucket,
    key: &ObjectKey,
    label: Label,
    size_bytes: u64,
) -> Transfer {
    let mut transfer = change_of_key(gate, operation, bucket, key, None, label);
    transfer.flow = Flow::Store;
    transfer.subject.range = ByteRange::whole(size_bytes);
    transfer
}

/// Describes a change to a key of a bucket, or to one version of it.
pub(crate) fn change_of_key(
    gate: &Gate,
    operation: &'static str,
    bucket: &Bucket,
    key: &ObjectKey,
    version: Option<VersionId>,
    label: Label,
) -> Transfer {
    let mut transfer = change_of_bucket(gate, operation, bucket);
    transfer.subject.key = Some(key.clone());
    transfer.subject.version = version;
    transfer.subject.label = label;
    transfer
}
