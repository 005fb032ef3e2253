//! Decommissionings: deleting at a source what a complete certificate covers.

use onshore_types::{JobId, PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::{JobView, SourceCredentials, VouchedView};

/// `POST /v1/decommissions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposeDecommission {
    /// The migration job whose certificate says what may be deleted.
    #[schema(value_type = String)]
    pub job: JobId,
    /// What the source asks of whoever deletes there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SourceCredentials>,
}

/// `PUT /v1/decommissions/{id}/statement`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileStatement {
    /// The name of the file.
    pub name: String,
    /// Its bytes in base64, up to 512 KiB.
    pub content: String,
}

/// A provider's statement that was filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatementView {
    /// The name of the file.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// When it was filed.
    #[schema(value_type = String)]
    pub filed: Timestamp,
    /// With which token.
    #[schema(value_type = String)]
    pub filed_by: PrincipalId,
}

/// A decommissioning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DecommissionView {
    /// The job that deletes.
    pub job: JobView,
    /// The job whose certificate says what.
    #[schema(value_type = String)]
    pub of: JobId,
    /// Who proposed it.
    pub proposed: VouchedView,
    /// Who approved it; nothing is deleted before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<VouchedView>,
    /// What the job found and did, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub report: Option<Value>,
    /// What the provider stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<StatementView>,
    /// The leaf of the last act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}
