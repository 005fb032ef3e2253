//! What a transfer is judged against. The gate gathers it; everything here is data, nothing is a rule.

use onshore_types::{
    ApprovalId, Instrument, Jurisdiction, Label, Recipient, TenantId, Timestamp, Wording,
};
use serde::Serialize;

/// The state of the region at the instant of the question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The jurisdiction that governs what the region stores.
    pub region: Jurisdiction,
    /// The configuration epoch under which the question is judged.
    pub epoch: u64,
    /// The approvals on record. Those of other tenants are never considered.
    pub approvals: Vec<ApprovalFact>,
    /// Whose data it is, as far as the law asks.
    pub exporter: ExporterFact,
}

/// What the law asks of whoever lets data out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ExporterFact {
    /// Whether it runs critical information infrastructure.
    pub critical_infrastructure: bool,
    /// Whether it is an organ of the state.
    pub state_organ: bool,
    /// How many persons' data that is not sensitive has left since 1 January, this transfer's among them: each once, and
    /// the upper bound where that is not certain.
    pub non_sensitive_persons: u64,
    /// How many persons' sensitive data, counted alike.
    pub sensitive_persons: u64,
}

/// A transfer approval as it is on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalFact {
    /// Its id.
    pub id: ApprovalId,
    /// Whose data it lets out.
    pub tenant: TenantId,
    /// Where to: a country, or a union and with it the union's members of the day.
    pub to: Jurisdiction,
    /// The strictest label it covers, in both facts.
    pub label: Label,
    /// How many bytes may still leave, reservations subtracted.
    pub remaining_bytes: u64,
    /// How many objects may still leave, and whether this one is another; none where it does not say.
    pub objects: Option<Allowance>,
    /// How many persons' data may still leave, and how many more this transfer's are; none where it does not say.
    pub persons: Option<Allowance>,
    /// What it rests on in law.
    pub instrument: Option<Instrument>,
    /// Who receives what leaves.
    pub recipient: Option<Recipient>,
    /// For what.
    pub purpose: Option<Wording>,
    /// The first instant at which it is in force.
    pub granted_at: Timestamp,
    /// The first instant at which it is no longer in force.
    pub until: Timestamp,
    /// When it was revoked; a revoked approval is never in force again, whatever the instant says.
    pub revoked_at: Option<Timestamp>,
}

/// What is left of a limit, and what a transfer takes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Allowance {
    /// How much is left.
    pub left: u64,
    /// How much more it takes.
    pub needed: u64,
}

impl Allowance {
    /// Returns it for a transfer that takes so much of it.
    #[must_use]
    pub const fn taking(self, needed: u64) -> Self {
        Self { needed, ..self }
    }
}
