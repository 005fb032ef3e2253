//! How much buckets and tenants hold, and may.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `PUT /v1/buckets/{name}/quota` and `PUT /v1/tenants/{name}/quota`: what is left out is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetQuota {
    /// The most bytes of all versions, and of parts of uploads under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// The most versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_objects: Option<u64>,
}

/// How much somebody holds, and may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UsageView {
    /// The bytes of all versions, and of parts of uploads under way.
    pub bytes: u64,
    /// The versions.
    pub objects: u64,
    /// The most bytes; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// The most versions; none is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_objects: Option<u64>,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}
