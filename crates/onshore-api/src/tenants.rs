//! Tenants and their S3 keys.

use std::fmt;

use onshore_types::{
    AccessKeyId, GroupName, IdentityName, Jurisdiction, PrincipalId, TenantId, TenantName,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/tenants`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTenant {
    /// The name.
    #[schema(value_type = String)]
    pub name: TenantName,
    /// The group it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub group: Option<GroupName>,
}

/// `PUT /v1/tenants/{name}/group`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetGroup {
    /// The group it belongs to from now on; left out, it belongs to none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub group: Option<GroupName>,
}

/// `PUT /v1/tenants/{name}/standing`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetStanding {
    /// Whether it operates critical information infrastructure.
    pub critical_infrastructure: bool,
    /// Whether it is an organ of the state.
    pub state_organ: bool,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TenantId,
    /// Its name.
    #[schema(value_type = String)]
    pub name: TenantName,
    /// The group it belongs to: what is counted for one of a group counts for all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub group: Option<GroupName>,
    /// Whether it operates critical information infrastructure.
    #[serde(default)]
    pub critical_infrastructure: bool,
    /// Whether it is an organ of the state.
    #[serde(default)]
    pub state_organ: bool,
    /// Where the organisation is; absent where that is the region's own jurisdiction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub jurisdiction: Option<Jurisdiction>,
    /// When it was made.
    #[schema(value_type = String)]
    pub created: Timestamp,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// `POST /v1/tenants/{name}/keys`. Both halves are given, or neither.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKey {
    /// The public half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub access_key: Option<AccessKeyId>,
    /// The secret half: 8 to 128 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
    /// The user whose it is to be; absent for the tenant's administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user: Option<IdentityName>,
}

/// A new S3 key pair. The secret is told this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// The public half.
    #[schema(value_type = String)]
    pub access_key: AccessKeyId,
    /// The secret half; absent when the caller brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<String>,
    /// Who acts with it.
    #[schema(value_type = String)]
    pub principal: PrincipalId,
    /// For which tenant.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// The leaf that tells of the act.
    pub leaf: u64,
}

impl fmt::Debug for CreateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CreateKey")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for KeyView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyView")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}
