//! The answer for people: the verdict, the rule, the exact cause, and the smallest change that would turn a refusal.
//! For callers inside and the operator; a client abroad never reads it.

use onshore_types::{ApprovalId, Jurisdiction, Label, Place, Timestamp};
use serde::Serialize;

use crate::facts::Facts;
use crate::policy::Policy;
use crate::rule_pack::Border;
use crate::transfer::{Flow, Transfer};
use crate::verdict::{Basis, Refusal, Verdict};

/// How a transfer is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It may happen.
    Allowed,
    /// It may not.
    Refused,
}

/// The answer to a transfer that nobody carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Whether it may happen.
    pub verdict: Outcome,
    /// The rule that decides.
    pub rule: String,
    /// Why, in a sentence without a full stop.
    pub cause: String,
    /// The smallest change that would allow it; none when it is allowed.
    pub remedy: Option<String>,
    /// The approval that carries it, or the one that came nearest.
    pub approval: Option<ApprovalId>,
}

impl Policy {
    /// Explains how a transfer would be answered. `tenant` is the name of the tenant that owns the subject: it stands in
    /// the command that the remedy proposes. In that command `TIME` is for the operator to fill in.
    #[must_use]
    pub fn explain(
        &self,
        facts: &Facts,
        transfer: &Transfer,
        tenant: &str,
        now: Timestamp,
    ) -> Explanation {
        let verdict = self.decide(facts, transfer, now);
        let rule = verdict.rule().to_owned();
        match verdict {
            Verdict::Allowed(grant) => Explanation {
                verdict: Outcome::Allowed,
                rule,
                cause: if self.border() == Border::Open
                    && grant.basis() == Basis::Inside
                    && !facts.region.contains(transfer.to, now)
                {
                    format!(
                        "the rule pack in force has no border: {} counts as inside {}",
                        transfer.to, facts.region
                    )
                } else {
                    allowed(grant.basis(), facts.region, transfer.to)
                },
                remedy: None,
                approval: grant.basis().approval(),
            },
            Verdict::Refused(refusal) => Explanation {
                verdict: Outcome::Refused,
                rule,
                cause: refusal.cause(facts.region),
                remedy: Some(remedy(&refusal, transfer, tenant, now)),
                approval: refusal.approval(),
            },
        }
    }
}

fn allowed(basis: Basis, region: Jurisdiction, to: Place) -> String {
    match basis {
        Basis::Inside => format!("it stays inside {region}"),
        Basis::Free => {
            format!("the data is labelled general, which may leave {region} for any place")
        }
        Basis::Inbound => format!("it comes into {region}"),
        Basis::Approval(approval) => {
            format!("{approval} is in force and covers it on its way from {region} to {to}")
        }
    }
}

/// The smallest change: what only an approval lacks becomes the command that grants one.
fn remedy(refusal: &Refusal, transfer: &Transfer, tenant: &str, now: Timestamp) -> String {
    let grant = || match (transfer.to, transfer.subject.label) {
        (Place::In(to), label @ Label::Known { .. }) => Some(grant_command(
            tenant,
            to,
            label,
            transfer.flow,
            transfer.leaving_bytes(),
            now,
        )),
        (Place::Unknown, _) | (_, Label::Unclassified) => None,
    };
    let general = || refusal.remedy().to_owned();
    match refusal {
        Refusal::NoApproval
        | Refusal::ApprovalDoesNotCover { .. }
        | Refusal::ApprovalRevoked { .. }
        | Refusal::ApprovalExpired { .. }
        | Refusal::ApprovalExhausted { .. }
        | Refusal::ApprovalObjectsExhausted { .. }
        | Refusal::ApprovalPersonsExhausted { .. } => grant().unwrap_or_else(general),
        Refusal::ApprovalNotYetValid { granted_at, .. } => {
            format!("wait until {granted_at}")
        }
        Refusal::NotYourTenant => format!("use an access key of tenant {tenant}"),
        Refusal::RoleForbids
        | Refusal::WrongDirection
        | Refusal::ListNotFree
        | Refusal::Unclassified
        | Refusal::UnknownPlace
        | Refusal::PackForbids { .. }
        | Refusal::PolicyError { .. } => general(),
    }
}

fn grant_command(
    tenant: &str,
    to: Jurisdiction,
    label: Label,
    flow: Flow,
    needed_bytes: u64,
    now: Timestamp,
) -> String {
    let (bytes, note) = match flow {
        Flow::Read => (needed_bytes.max(1), ""),
        Flow::Inspect | Flow::List | Flow::Store | Flow::Change => {
            (1, "; this request takes no bytes, a read does")
        }
    };
    format!(
        "onshore approval grant --tenant {tenant} --to {to} --class {label} --max-bytes {bytes} --until TIME (TIME: any instant after {now}{note})"
    )
}
