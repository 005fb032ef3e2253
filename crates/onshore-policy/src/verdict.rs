//! The answer to a transfer: allowed on a basis, or refused for a cause, in words for those who may read them.

use std::sync::Arc;

use onshore_types::{ApprovalId, Jurisdiction, Label, Place, TenantId, Timestamp};
use serde::Serialize;

use crate::policy::PackRule;
use crate::rule::{Ground, Rule};

/// The answer.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a verdict that nobody looks at lets everything pass"]
pub enum Verdict {
    /// It may happen; the gate turns the grant into a permit.
    Allowed(Grant),
    /// It may not, and why.
    Refused(Refusal),
}

/// That a transfer may happen, and on what basis. It comes from a decision alone and is spent on one permit; whoever
/// remembers one hands out a clone for a transfer of the same [`Bearing`](crate::Bearing) alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    basis: Basis,
    tenant: TenantId,
}

/// Why a transfer may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// It stays inside the jurisdiction.
    Inside,
    /// It goes out and is labelled general.
    Free,
    /// It comes in.
    Inbound,
    /// It goes out and this approval is in force and covers it.
    Approval(ApprovalId),
}

/// Why a transfer may not happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum Refusal {
    /// The subject belongs to another tenant, or to none.
    NotYourTenant,
    /// The principal's role does not do that.
    RoleForbids,
    /// A read that does not start in the region, or a write that does not end there.
    WrongDirection,
    /// Keys would go out, and the bucket's class or a label beneath the prefix is not general.
    ListNotFree,
    /// Unclassified data would go out.
    Unclassified,
    /// Data that is not general would go to a place nobody knows.
    UnknownPlace,
    /// Data that is not general would go out, and its tenant has no approval at all.
    NoApproval,
    /// The nearest approval is for elsewhere or for a looser class.
    ApprovalDoesNotCover {
        /// Which one.
        approval: ApprovalId,
        /// Where it lets data go.
        to: Jurisdiction,
        /// What it covers.
        label: Label,
    },
    /// The nearest approval covers it but is not in force yet.
    ApprovalNotYetValid {
        /// Which one.
        approval: ApprovalId,
        /// When it begins.
        granted_at: Timestamp,
    },
    /// The nearest approval covered it and was revoked.
    ApprovalRevoked {
        /// Which one.
        approval: ApprovalId,
        /// When it was revoked.
        revoked_at: Timestamp,
    },
    /// The nearest approval covered it and has ended.
    ApprovalExpired {
        /// Which one.
        approval: ApprovalId,
        /// When it ended.
        until: Timestamp,
    },
    /// The nearest approval is in force and covers it, but has too few bytes left.
    ApprovalExhausted {
        /// Which one.
        approval: ApprovalId,
        /// How many bytes are left.
        remaining_bytes: u64,
        /// How many are asked for.
        needed_bytes: u64,
    },
    /// The nearest approval covers it, but no further object may leave under it.
    ApprovalObjectsExhausted {
        /// Which one.
        approval: ApprovalId,
        /// How many objects are left.
        left: u64,
    },
    /// The nearest approval covers it, but not so many persons' data may leave under it.
    ApprovalPersonsExhausted {
        /// Which one.
        approval: ApprovalId,
        /// How many persons are left.
        left: u64,
        /// How many more this transfer's are.
        needed: u64,
    },
    /// The rules of the border let it pass, and a rule of the pack in force does not.
    PackForbids {
        /// Which rule.
        rule: Arc<PackRule>,
        /// The approval that came nearest.
        approval: Option<ApprovalId>,
    },
    /// The rules could not be evaluated; what cannot be judged is refused.
    PolicyError {
        /// What failed, free of names that people gave.
        detail: String,
    },
}

impl Verdict {
    /// Returns the name of the rule that decided.
    #[must_use]
    pub fn rule(&self) -> &str {
        match self {
            Self::Allowed(grant) => grant.basis.rule(),
            Self::Refused(refusal) => refusal.rule(),
        }
    }
}

impl Grant {
    pub(crate) const fn new(basis: Basis, tenant: TenantId) -> Self {
        Self { basis, tenant }
    }

    /// Returns why the transfer may happen.
    #[must_use]
    pub const fn basis(&self) -> Basis {
        self.basis
    }

    /// Returns the tenant whose data it is.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub(crate) const fn into_parts(self) -> (TenantId, Basis) {
        (self.tenant, self.basis)
    }
}

impl Basis {
    /// Returns the name of the rule that permits on this basis.
    #[must_use]
    pub const fn rule(self) -> &'static str {
        match self {
            Self::Inside => Ground::Inside.name(),
            Self::Free => Ground::Free.name(),
            Self::Inbound => Ground::Inbound.name(),
            Self::Approval(_) => Ground::Approval.name(),
        }
    }

    /// Returns the approval it rests on.
    #[must_use]
    pub const fn approval(self) -> Option<ApprovalId> {
        match self {
            Self::Inside | Self::Free | Self::Inbound => None,
            Self::Approval(approval) => Some(approval),
        }
    }
}

impl Refusal {
    /// The rule of a decision that failed. It is in no pack.
    const POLICY_ERROR: &'static str = "policy.error";

    const fn forbidding(&self) -> Option<Rule> {
        Some(match self {
            Self::NotYourTenant => Rule::OwnTenant,
            Self::RoleForbids => Rule::Role,
            Self::WrongDirection => Rule::Direction,
            Self::ListNotFree => Rule::ListNotFree,
            Self::Unclassified => Rule::Unclassified,
            Self::UnknownPlace => Rule::UnknownPlace,
            Self::NoApproval => Rule::NoApproval,
            Self::ApprovalDoesNotCover { .. } => Rule::ApprovalDoesNotCover,
            Self::ApprovalNotYetValid { .. } => Rule::ApprovalNotYetValid,
            Self::ApprovalRevoked { .. } => Rule::ApprovalRevoked,
            Self::ApprovalExpired { .. } => Rule::ApprovalExpired,
            Self::ApprovalExhausted { .. } => Rule::ApprovalExhausted,
            Self::ApprovalObjectsExhausted { .. } => Rule::ApprovalObjectsExhausted,
            Self::ApprovalPersonsExhausted { .. } => Rule::ApprovalPersonsExhausted,
            Self::PackForbids { .. } | Self::PolicyError { .. } => return None,
        })
    }

    /// Returns the name of the rule that refused, such as `border.approval-expired`.
    #[must_use]
    pub fn rule(&self) -> &str {
        if let Self::PackForbids { rule, .. } = self {
            return &rule.rule;
        }
        self.forbidding().map_or(Self::POLICY_ERROR, Rule::name)
    }

    /// Returns the approval that came nearest.
    #[must_use]
    pub const fn approval(&self) -> Option<ApprovalId> {
        match self {
            Self::ApprovalDoesNotCover { approval, .. }
            | Self::ApprovalNotYetValid { approval, .. }
            | Self::ApprovalRevoked { approval, .. }
            | Self::ApprovalExpired { approval, .. }
            | Self::ApprovalExhausted { approval, .. }
            | Self::ApprovalObjectsExhausted { approval, .. }
            | Self::ApprovalPersonsExhausted { approval, .. } => Some(*approval),
            Self::PackForbids { approval, .. } => *approval,
            Self::NotYourTenant
            | Self::RoleForbids
            | Self::WrongDirection
            | Self::ListNotFree
            | Self::Unclassified
            | Self::UnknownPlace
            | Self::NoApproval
            | Self::PolicyError { .. } => None,
        }
    }

    /// Returns the cause in a clause without a full stop. `region` is the jurisdiction that governs the data.
    #[must_use]
    pub fn cause(&self, region: Jurisdiction) -> String {
        match self {
            Self::NotYourTenant => "what is asked for does not belong to your tenant".to_owned(),
            Self::RoleForbids => "the role of the caller does not do this".to_owned(),
            Self::WrongDirection => {
                format!(
                    "a read starts inside {region} and a write ends there, and this one does not"
                )
            }
            Self::ListNotFree => format!(
                "keys governed by {region} are listed abroad only when the bucket's class and every label beneath the prefix are general"
            ),
            Self::Unclassified => {
                format!("the data is unclassified, and unclassified data never leaves {region}")
            }
            Self::UnknownPlace => format!(
                "data governed by {region} that is not general never goes to a place nobody knows"
            ),
            Self::NoApproval => format!(
                "data governed by {region} that is not general leaves only under a transfer approval, and its tenant has none"
            ),
            Self::ApprovalDoesNotCover {
                approval,
                to,
                label,
            } => format!(
                "no approval covers this place and class; {approval} is for {to} and class {label}"
            ),
            Self::ApprovalNotYetValid {
                approval,
                granted_at,
            } => format!("{approval} is in force only from {granted_at}"),
            Self::ApprovalRevoked {
                approval,
                revoked_at,
            } => format!("{approval} was revoked at {revoked_at}"),
            Self::ApprovalExpired { approval, until } => format!("{approval} ended at {until}"),
            Self::ApprovalExhausted {
                approval,
                remaining_bytes,
                needed_bytes,
            } => format!(
                "{approval} has {remaining_bytes} bytes left and {needed_bytes} are asked for"
            ),
            Self::ApprovalObjectsExhausted { approval, left } => {
                format!("{approval} lets {left} more objects out, and this is another")
            }
            Self::ApprovalPersonsExhausted {
                approval,
                left,
                needed,
            } => format!(
                "{approval} lets the data of {left} more persons out, and this is the data of {needed} more"
            ),
            Self::PackForbids { rule, approval } => {
                let nearest =
                    approval.map_or_else(String::new, |id| format!("; {id} came nearest"));
                format!("{} ({}){nearest}", rule.cause, rule.source)
            }
            Self::PolicyError { detail } => {
                format!("the rules could not be evaluated, so nothing is permitted ({detail})")
            }
        }
    }

    /// Returns what would have to change, in a clause without a full stop.
    #[must_use]
    pub fn remedy(&self) -> &str {
        if let Self::PackForbids { rule, .. } = self {
            return &rule.remedy;
        }
        self.forbidding().map_or(
            "report this to the operator; it is a defect of the rules or of this program",
            Rule::remedy,
        )
    }

    /// Returns rule, cause and remedy, for a caller inside or for the operator; a client abroad reads
    /// [`border_message`] instead.
    #[must_use]
    pub fn explain(&self, region: Jurisdiction) -> String {
        let (rule, cause, remedy) = (self.rule(), self.cause(region), self.remedy());
        format!("Refused by rule {rule}: {cause}. Remedy: {remedy}.")
    }
}

/// Returns the one text that a client abroad reads, whatever the exact cause: it varies with the border alone, so that
/// nobody learns from it whether a key exists, how it is labelled, or what approvals there are.
#[must_use]
pub fn border_message(region: Jurisdiction, to: Place) -> String {
    let (place, to, before) = match to {
        Place::In(to) => (to.to_string(), to.to_string(), ""),
        Place::Unknown => (
            "an unknown place".to_owned(),
            "…".to_owned(),
            "names the network of the address in [networks] and ",
        ),
    };
    format!(
        "Refused by rule border.outward: data governed by {region} leaves for {place} only if it is labelled general or a transfer approval in force covers it. \
         Remedy: the operator {before}grants one (onshore approval grant --tenant … --to {to} --class … --max-bytes … --until …); `onshore explain` tells the operator the exact cause."
    )
}
