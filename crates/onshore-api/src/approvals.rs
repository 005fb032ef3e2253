//! Transfer approvals.

use onshore_types::{ApprovalId, Jurisdiction, Label, PrincipalId, TenantName, Timestamp};
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
