//! Support sessions: how the technology provider's staff get to look, and what they asked for.

use onshore_types::{
    IdentityName, Jurisdiction, PrincipalId, SupportSessionId, TenantName, Timestamp, Wording,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/support/sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenSupport {
    /// The holder of the support engineer's token.
    #[schema(value_type = String)]
    pub engineer: PrincipalId,
    /// For what.
    #[schema(value_type = String)]
    pub purpose: Wording,
    /// How many minutes it lasts from the second word on, 480 at most.
    pub minutes: u32,
    /// Where the organisation is that the engineer works for.
    #[schema(value_type = String)]
    pub organisation: Jurisdiction,
    /// The tenant whose buckets and jobs it opens to view, and whose approvals carry what it answers abroad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tenant: Option<TenantName>,
}

/// One person's word for a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VouchedView {
    /// With which token.
    #[schema(value_type = String)]
    pub by: PrincipalId,
    /// Who.
    #[schema(value_type = String)]
    pub person: IdentityName,
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
}

/// A support session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SupportSessionView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: SupportSessionId,
    /// `proposed`, `lapsed`, `in-force`, `ended` or `closed`.
    pub state: String,
    /// The holder of the support engineer's token.
    #[schema(value_type = String)]
    pub engineer: PrincipalId,
    /// The engineer's name.
    #[schema(value_type = String)]
    pub person: IdentityName,
    /// Where the organisation is that the engineer works for.
    #[schema(value_type = String)]
    pub organisation: Jurisdiction,
    /// For what.
    #[schema(value_type = String)]
    pub purpose: Wording,
    /// The tenant whose buckets and jobs it opens to view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tenant: Option<TenantName>,
    /// How many minutes it lasts from the second word on.
    pub minutes: u32,
    /// Who asked for it.
    pub proposed: VouchedView,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<VouchedView>,
    /// The first instant at which it opens nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
    /// When somebody closed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub closed: Option<Timestamp>,
    /// With which token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub closed_by: Option<PrincipalId>,
    /// What was asked for in it, the newest first, a thousand at most; where one session is shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<SupportRequestView>,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// A request of somebody who holds a support engineer's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SupportRequestView {
    /// In which session; absent where none was in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub session: Option<SupportSessionId>,
    /// With which token.
    #[schema(value_type = String)]
    pub engineer: PrincipalId,
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// The method and the path as the API documents it.
    pub operation: String,
    /// The path and query as they were sent.
    pub target: String,
    /// Where the answer went.
    pub place: String,
    /// What refused it; absent where it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_by: Option<String>,
    /// The status of the answer.
    pub status: u16,
    /// How long the answer was.
    pub bytes: u64,
    /// The leaf that tells of it.
    pub leaf: u64,
}
