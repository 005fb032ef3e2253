//! Keys that tenants name to have objects encrypted under them (SSE-KMS).

use onshore_types::{KmsKeyId, TenantName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/tenants/{name}/kms-keys`: makes a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKmsKey {
    /// Its other name, which stays: `alias/` and 1 to 250 of `A-Z a-z 0-9 / _ -`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

/// `PUT /v1/tenants/{name}/kms-keys/{id}/state`: whether a key may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetKmsKeyState {
    /// Whether it may.
    pub state: KmsKeyStateView,
}

/// Whether a key may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KmsKeyStateView {
    /// It may.
    Enabled,
    /// Nothing is encrypted under it and nothing that is can be read, until it is enabled again.
    Disabled,
}

/// A key of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KmsKeyView {
    /// Its id, by which clients name it.
    #[schema(value_type = String)]
    pub id: KmsKeyId,
    /// Its ARN, for clients that want one.
    pub arn: String,
    /// Its other name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// Whether it may be used.
    pub state: KmsKeyStateView,
    /// When it was made.
    #[schema(value_type = String)]
    pub created: Timestamp,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}
