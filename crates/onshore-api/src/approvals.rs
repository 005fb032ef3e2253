//! Transfer approvals.

use onshore_types::{
    ApprovalId, Instrument, Jurisdiction, Label, PrincipalId, Recipient, TenantName, Timestamp,
    Wording,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/approvals`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantApproval {
    /// Whose data may go.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// Where it may go.
    #[schema(value_type = String)]
    pub to: Jurisdiction,
    /// The strictest class it covers, as `Label::parse_declaration` reads it.
    pub class: String,
    /// How many bytes may go in all.
    pub max_bytes: u64,
    /// The first instant at which it no longer holds.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// How many objects may go, each counted once however often it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_objects: Option<u64>,
    /// How many persons' data may go, each counted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_persons: Option<u64>,
    /// What it rests on in law, as the rule pack in force names it, such as `standard-contract`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub instrument: Option<Instrument>,
    /// Who receives what goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub recipient: Option<Recipient>,
    /// For what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub purpose: Option<Wording>,
}

/// A limit of an approval, and what has gone of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitView {
    /// How much may go.
    pub max: u64,
    /// How much has gone: of persons an upper bound, which is counted exactly where it would refuse something.
    pub spent: u64,
}

/// A transfer approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ApprovalId,
    /// Whose data may go.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// Where it may go.
    #[schema(value_type = String)]
    pub to: Jurisdiction,
    /// The strictest class it covers.
    #[schema(value_type = String)]
    pub class: Label,
    /// How many bytes may go in all.
    pub max_bytes: u64,
    /// How many have gone or are reserved.
    pub spent_bytes: u64,
    /// How many objects may go, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<LimitView>,
    /// How many persons' data may go, where it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persons: Option<LimitView>,
    /// What it rests on in law.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub instrument: Option<Instrument>,
    /// Who receives what goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub recipient: Option<Recipient>,
    /// For what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub purpose: Option<Wording>,
    /// By when a renewal must be asked for, where the rule pack in force has a clock `renewal` for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_until: Option<String>,
    /// The first year until then whose days off nobody has announced: once they are, the renewal may have to be asked for earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal_unannounced: Option<i16>,
    /// From when it holds.
    #[schema(value_type = String)]
    pub granted: Timestamp,
    /// Who granted it.
    #[schema(value_type = String)]
    pub granted_by: PrincipalId,
    /// On whose word: `single-operator` or `regulator`.
    pub basis: String,
    /// The first instant at which it no longer holds.
    #[schema(value_type = String)]
    pub until: Timestamp,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub revoked: Option<Timestamp>,
    /// `in-force`, `exhausted`, `expired` or `revoked`.
    pub state: String,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}
