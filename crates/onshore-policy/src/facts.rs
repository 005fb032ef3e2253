//! What a transfer is judged against. The gate gathers it; everything here is data, nothing is a rule.

use onshore_types::{ApprovalId, Jurisdiction, Label, TenantId, Timestamp};
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
    /// The first instant at which it is in force.
    pub granted_at: Timestamp,
    /// The first instant at which it is no longer in force.
    pub until: Timestamp,
    /// When it was revoked; a revoked approval is never in force again, whatever the instant says.
    pub revoked_at: Option<Timestamp>,
}
