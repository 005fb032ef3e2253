//! Updates of the program: what the technology provider signed and operators approve.

use onshore_types::{IdentityName, PrincipalId, Timestamp, UpdateId, Wording};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What `POST /v1/updates` asks besides its body, the bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportUpdate {
    /// Whether a release older than the one that runs is let in.
    #[serde(default)]
    pub allow_older: bool,
}

/// `POST /v1/updates/{id}/rejection`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectUpdate {
    /// Why.
    #[schema(value_type = String)]
    pub reason: Wording,
}

/// An update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateView {
    /// Its id, made of what its manifest says.
    #[schema(value_type = String)]
    pub id: UpdateId,
    /// `quarantined`, `approved` (by as many as are needed), `staged` or `rejected`.
    pub state: String,
    /// Which release.
    pub version: String,
    /// What it runs on.
    pub platform: String,
    /// The SHA-256 of the binary.
    pub sha256: String,
    /// Its length.
    pub size_bytes: u64,
    /// The SHA-256 of the deposited sources.
    pub escrow: String,
    /// What is new.
    pub notes: String,
    /// The key that signed it.
    pub signed_by: String,
    /// Whether it is older than what ran when it came.
    pub older: bool,
    /// When it came.
    #[schema(value_type = String)]
    pub imported: Timestamp,
    /// Who brought it.
    #[schema(value_type = String)]
    pub imported_by: PrincipalId,
    /// Who approved it.
    pub approvals: Vec<UpdateApprovalView>,
    /// How many must.
    pub approvals_needed: u64,
    /// Why it was rejected, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// That somebody approved an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateApprovalView {
    /// With whose token.
    #[schema(value_type = String)]
    pub by: PrincipalId,
    /// Who it was.
    #[schema(value_type = String)]
    pub person: IdentityName,
    /// When.
    #[schema(value_type = String)]
    pub at: Timestamp,
}
