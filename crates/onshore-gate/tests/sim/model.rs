//! What must be there: everything that was acknowledged, in the plainest form.

use std::collections::BTreeMap;

use onshore_ledger::Checkpoint;
use onshore_policy::Principal;
use onshore_store::Bucket;
use onshore_types::{
    ApprovalId, Jurisdiction, Label, LeafIndex, Place, TenantName, Timestamp, VersionId,
};

/// A bucket's index and a key.
pub(crate) type Name = (usize, String);

/// An object as it was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) version: VersionId,
    pub(crate) label: Label,
    pub(crate) size_bytes: u64,
    /// What its bytes are made from.
    pub(crate) seed: u64,
    pub(crate) leaf: LeafIndex,
}

/// An approval as it was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Approval {
    pub(crate) id: ApprovalId,
    pub(crate) tenant: usize,
    pub(crate) to: Jurisdiction,
    pub(crate) label: Label,
    pub(crate) max_bytes: u64,
    pub(crate) granted: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) is_revoked: bool,
    /// Reserved or sent.
    pub(crate) spent_bytes: u64,
    /// Sent, as the client saw it.
    pub(crate) sent_bytes: u64,
}

impl Approval {
    pub(crate) fn is_in_force(&self, now: Timestamp) -> bool {
        !self.is_revoked && self.granted <= now && now < self.until
    }
}

/// A tenant and who acts for it.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) name: TenantName,
    pub(crate) user: Principal,
}

/// Everything acknowledged so far.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) tenants: Vec<Tenant>,
    /// Buckets, each with the index of its tenant.
    pub(crate) buckets: Vec<(usize, Bucket)>,
    pub(crate) objects: BTreeMap<Name, Object>,
    pub(crate) approvals: Vec<Approval>,
    /// Leaves somebody was told of, and what they must say.
    pub(crate) leaves: BTreeMap<LeafIndex, String>,
    /// The newest checkpoint that an outsider has seen.
    pub(crate) head: Option<Checkpoint>,
}

impl Model {
    /// Remembers that somebody was told of a leaf.
    pub(crate) fn told(&mut self, leaf: LeafIndex, kind: &str) {
        self.leaves.insert(leaf, kind.to_owned());
    }

    /// Returns which approval must carry bytes abroad, if one can: the one that ends soonest.
    pub(crate) fn carrier(
        &self,
        tenant: usize,
        label: Label,
        to: Place,
        len_bytes: u64,
        now: Timestamp,
    ) -> Option<usize> {
        let Place::In(to) = to else {
            return None;
        };
        self.approvals
            .iter()
            .enumerate()
            .filter(|(_, approval)| {
                approval.tenant == tenant
                    && approval.to == to
                    && approval.label.covers(label)
                    && approval.is_in_force(now)
                    && approval.max_bytes - approval.spent_bytes >= len_bytes
            })
            .min_by_key(|(_, approval)| (approval.until, approval.id))
            .map(|(index, _)| index)
    }

    pub(crate) fn approval(&mut self, index: usize) -> &mut Approval {
        self.approvals.get_mut(index).expect("approvals stay")
    }
}
