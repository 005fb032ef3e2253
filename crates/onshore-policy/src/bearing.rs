//! What a verdict depends on as long as no approval is beside the transfer: exactly what goes into the question. Two
//! transfers of one bearing get one verdict, so that a verdict may be remembered under its policy epoch.

use onshore_types::{BucketId, Label, Place, PrincipalId, TenantId, Timestamp};

use crate::facts::Facts;
use crate::transfer::{Flow, Role, Transfer};

/// What of a transfer bears on its verdict while no approval is beside it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Bearing {
    principal: PrincipalId,
    tenant: Option<TenantId>,
    role: Role,
    bucket: Option<BucketId>,
    owner: Option<TenantId>,
    label: Label,
    flow: Flow,
    from: Standing,
    to: Standing,
}

/// A place, and whether it is in the region: who belongs to a union changes with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Standing {
    place: Place,
    is_inside: bool,
}

impl Bearing {
    /// Reads it off a transfer.
    #[must_use]
    pub fn of(facts: &Facts, transfer: &Transfer, now: Timestamp) -> Self {
        let standing = |place| Standing {
            place,
            is_inside: facts.region.contains(place, now),
        };
        Self {
            principal: transfer.principal.id,
            tenant: transfer.principal.tenant,
            role: transfer.principal.role,
            bucket: transfer.subject.bucket,
            owner: transfer.subject.owner,
            label: transfer.subject.label,
            flow: transfer.flow,
            from: standing(transfer.from),
            to: standing(transfer.to),
        }
    }
}
