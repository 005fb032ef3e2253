//! What must be there: everything that was acknowledged, in the plainest form.

use std::collections::{BTreeMap, BTreeSet};

use onshore_ledger::Checkpoint;
use onshore_policy::Principal;
use onshore_store::Bucket;
use onshore_types::{
    ApprovalId, Jurisdiction, Label, LeafIndex, Level, Place, TenantName, Timestamp, VersionId,
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
    /// What it rests on; recipient and purpose are told with it.
    pub(crate) instrument: Option<&'static str>,
    /// How many objects may leave, and which have.
    pub(crate) max_objects: Option<usize>,
    pub(crate) left: BTreeSet<VersionId>,
    /// Reserved or sent.
    pub(crate) spent_bytes: u64,
    /// Sent, as the client saw it.
    pub(crate) sent_bytes: u64,
}

impl Approval {
    pub(crate) fn is_in_force(&self, now: Timestamp) -> bool {
        !self.is_revoked && self.granted <= now && now < self.until
    }

    /// Whether another object may leave, or this one again.
    fn has_room(&self, version: VersionId) -> bool {
        self.left.contains(&version) || self.max_objects.is_none_or(|max| self.left.len() < max)
    }

    /// What the rule pack asks of it, in the plainest form.
    fn is_enough(&self, label: Label, is_critical: bool) -> bool {
        let is_important = matches!(label, Label::Known { level, .. } if level > Level::General);
        match self.instrument {
            None => false,
            Some("security-assessment") => true,
            Some(_) => !is_important && !is_critical,
        }
    }
}

/// A tenant and who acts for it.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) name: TenantName,
    pub(crate) user: Principal,
    pub(crate) is_critical: bool,
}

/// Which rules stand beside those of the border from an instant on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    Nothing,
    China,
}

/// Everything acknowledged so far.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) tenants: Vec<Tenant>,
    /// Buckets, each with the index of its tenant.
    pub(crate) buckets: Vec<(usize, Bucket)>,
    pub(crate) objects: BTreeMap<Name, Object>,
    pub(crate) approvals: Vec<Approval>,
    /// What was activated, each as of an instant, in the order of the acts.
    pub(crate) packs: Vec<(Timestamp, Beside)>,
    /// How often something changed that all streams are judged by.
    pub(crate) upheavals: usize,
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

    /// Returns the place of the activation in force.
    pub(crate) fn in_force(&self, now: Timestamp) -> Option<usize> {
        let past = self.packs.iter().enumerate();
        past.filter(|(_, (as_of, _))| *as_of <= now)
            .max_by_key(|(place, (as_of, _))| (*as_of, *place))
            .map(|(place, _)| place)
    }

    /// Returns what a stream was judged by: it ends when that is another.
    pub(crate) fn judged_by(&self, now: Timestamp) -> (Option<usize>, usize) {
        (self.in_force(now), self.upheavals)
    }

    /// Returns which approval must carry bytes abroad, if one can: the one that ends soonest.
    pub(crate) fn carrier(
        &self,
        tenant: usize,
        label: Label,
        to: Place,
        (version, len_bytes): (VersionId, u64),
        now: Timestamp,
    ) -> Option<usize> {
        let Place::In(to) = to else {
            return None;
        };
        let pack = self.in_force(now).and_then(|place| self.packs.get(place));
        let is_critical = self
            .tenants
            .get(tenant)
            .is_some_and(|known| known.is_critical);
        self.approvals
            .iter()
            .enumerate()
            .filter(|(_, approval)| {
                approval.tenant == tenant
                    && approval.to == to
                    && approval.label.covers(label)
                    && approval.is_in_force(now)
                    && approval.max_bytes - approval.spent_bytes >= len_bytes
                    && approval.has_room(version)
                    && (pack.is_none_or(|(_, beside)| *beside == Beside::Nothing)
                        || approval.is_enough(label, is_critical))
            })
            .min_by_key(|(_, approval)| (approval.until, approval.id))
            .map(|(index, _)| index)
    }

    pub(crate) fn approval(&mut self, index: usize) -> &mut Approval {
        self.approvals.get_mut(index).expect("approvals stay")
    }
}
