//! As whom upkeep acts: as an operator on behalf of the tenant whose data it is, inside the region.

use onshore_gate::Gate;
use onshore_policy::{Flow, Principal, Role, Subject, Transfer};
use onshore_store::Bucket;
use onshore_types::{ByteRange, Label, ObjectKey, PrincipalId, TenantId, VersionId};

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
