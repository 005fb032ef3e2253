//! Buckets as the operator sees them.

use onshore_types::{BucketId, BucketName, Label, TenantName, Timestamp, Wording};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/buckets`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBucket {
    /// The name, unique in the region.
    #[schema(value_type = String)]
    pub name: BucketName,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// The class of objects that declare none, as `Label::parse_declaration` reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// `PUT /v1/buckets/{name}/class`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetBucketClass {
    /// The class, at least as strict as the present one.
    pub class: String,
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BucketView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: BucketId,
    /// Its name.
    #[schema(value_type = String)]
    pub name: BucketName,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// Its class; none means that objects which declare none are unclassified.
    #[schema(value_type = Option<String>)]
    pub class: Option<Label>,
    /// What it holds data for, where that was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub purpose: Option<Wording>,
    /// Until when what it holds is kept, where that was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub keep_until: Option<Timestamp>,
    /// On which ground, where that was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// For how many days each object is kept, where that was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
    /// When it was made.
    #[schema(value_type = String)]
    pub created: Timestamp,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}
