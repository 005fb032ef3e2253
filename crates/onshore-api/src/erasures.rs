//! Erasing what somebody has a right to have erased.

use onshore_types::{ObjectKey, Timestamp, VersionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/buckets/{name}/erasures`: versions go for good, and what opens copies of them with the next point of each
/// series of backups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseObject {
    /// The key.
    #[schema(value_type = String)]
    pub key: ObjectKey,
    /// The version, or `null` for the one that was written while the bucket was not versioned; without it every version
    /// and delete marker of the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What an erasure did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasureView {
    /// What is gone.
    pub erased: Vec<ErasedView>,
    /// What is locked, and stays until it is not.
    pub postponed: Vec<PostponedView>,
}

/// A version that is erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErasedView {
    /// Which.
    #[schema(value_type = String)]
    pub version: VersionId,
    /// The leaf that tells of it.
    pub leaf: u64,
}

/// A version that is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PostponedView {
    /// Which.
    #[schema(value_type = String)]
    pub version: VersionId,
    /// Until when it is retained; none where it is held until somebody lets it go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
    /// The leaf that tells that it was asked for.
    pub leaf: u64,
}
