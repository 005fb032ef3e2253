//! The names of the rules, and which cause of several is told.

/// A rule that forbids. Declared from the farthest cause to the nearest: of the rules that refuse one question the
/// first is told, and of the approvals that fail the one that fails nearest to the end is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Rule {
    OwnTenant,
    Role,
    Direction,
    ListNotFree,
    Unclassified,
    UnknownPlace,
    NoApproval,
    ApprovalDoesNotCover,
    ApprovalNotYetValid,
    ApprovalRevoked,
    ApprovalExpired,
    ApprovalExhausted,
    ApprovalObjectsExhausted,
    ApprovalPersonsExhausted,
}

/// A rule that permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Ground {
    Inside,
    Inbound,
    Free,
    Approval,
}

impl Rule {
    pub(crate) const ALL: [Self; 14] = [
        Self::OwnTenant,
        Self::Role,
        Self::Direction,
        Self::ListNotFree,
        Self::Unclassified,
        Self::UnknownPlace,
        Self::NoApproval,
        Self::ApprovalDoesNotCover,
        Self::ApprovalNotYetValid,
        Self::ApprovalRevoked,
        Self::ApprovalExpired,
        Self::ApprovalExhausted,
        Self::ApprovalObjectsExhausted,
        Self::ApprovalPersonsExhausted,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::OwnTenant => "tenancy.own",
            Self::Role => "tenancy.role",
            Self::Direction => "border.direction",
            Self::ListNotFree => "border.list-not-free",
            Self::Unclassified => "border.unclassified",
            Self::UnknownPlace => "border.unknown-place",
            Self::NoApproval => "border.no-approval",
            Self::ApprovalDoesNotCover => "border.approval-does-not-cover",
            Self::ApprovalNotYetValid => "border.approval-not-yet-valid",
            Self::ApprovalRevoked => "border.approval-revoked",
            Self::ApprovalExpired => "border.approval-expired",
            Self::ApprovalExhausted => "border.approval-exhausted",
            Self::ApprovalObjectsExhausted => "border.approval-objects-exhausted",
            Self::ApprovalPersonsExhausted => "border.approval-persons-exhausted",
        }
    }

    /// What would have to change, for whoever may know the cause. The rule pack says the same in `@remedy`.
    pub(crate) const fn remedy(self) -> &'static str {
        match self {
            Self::OwnTenant => "use an access key of the tenant that owns the bucket",
            Self::Role => {
                "use an access key of the tenant; an operator stores only on behalf of a tenant and inspects only from inside the region, a tenant's administrator inspects what is his tenant's from inside the region, a support engineer is answered only in a session for that tenant, regulators and auditors read the ledger"
            }
            Self::Direction => "ask the region that stores the data",
            Self::ListNotFree => {
                "list from inside the region, or list a bucket whose class is general and that holds nothing stricter beneath the prefix; no approval opens a listing"
            }
            Self::Unclassified => {
                "store the object again with a class (x-amz-meta-onshore-class), or in a bucket that has one; no approval covers unclassified data"
            }
            Self::UnknownPlace => {
                "name the network of the address in [networks] and, when a proxy stands before it, the proxy in [proxies]; no approval covers an unknown place"
            }
            Self::NoApproval => {
                "grant an approval (onshore approval grant) for the tenant, the jurisdiction, the class and the bytes"
            }
            Self::ApprovalDoesNotCover => {
                "grant an approval whose jurisdiction contains the place and whose class is at least as strict as the data's in both facts"
            }
            Self::ApprovalNotYetValid => {
                "wait until the approval is in force, or grant one that is"
            }
            Self::ApprovalRevoked => "grant a new approval; a revoked one is never in force again",
            Self::ApprovalExpired => "grant a new approval with a later --until",
            Self::ApprovalExhausted => {
                "grant a new approval with enough --max-bytes, or ask for fewer bytes"
            }
            Self::ApprovalObjectsExhausted => {
                "grant a new approval with enough --max-objects; an object that has left under this one may leave again"
            }
            Self::ApprovalPersonsExhausted => "grant a new approval with enough --max-persons",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }
}

impl Ground {
    pub(crate) const ALL: [Self; 4] = [Self::Inside, Self::Inbound, Self::Free, Self::Approval];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Inside => "border.inside",
            Self::Inbound => "border.inbound",
            Self::Free => "border.free",
            Self::Approval => "border.approval",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ground| ground.name() == name)
    }
}
