//! Labels that two people loosen.

use onshore_types::{
    BucketName, Label, LooseningId, ObjectKey, TenantName, Timestamp, VersionId, Wording,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::VouchedView;

/// `POST /v1/labels/loosenings`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoosenLabel {
    /// The bucket.
    #[schema(value_type = String)]
    pub bucket: BucketName,
    /// The object whose label it is; absent for what the bucket makes of what comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub key: Option<ObjectKey>,
    /// Which version of it, `null` being one; absent for the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it is to be, as `Label::parse_declaration` reads it.
    pub class: String,
    /// Why.
    #[schema(value_type = String)]
    pub reason: Wording,
}

/// A label that is to be loosened, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LooseningView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: LooseningId,
    /// `proposed`, `lapsed`, `withdrawn` or `approved`.
    pub state: String,
    /// Whose data it is.
    #[schema(value_type = String)]
    pub tenant: TenantName,
    /// The bucket, unless it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub bucket: Option<BucketName>,
    /// The version; absent for what the bucket makes of what comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub version: Option<VersionId>,
    /// The key it was proposed under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The label that was seen.
    #[schema(value_type = String)]
    pub from: Label,
    /// The label that it is to be.
    #[schema(value_type = String)]
    pub to: Label,
    /// Why.
    #[schema(value_type = String)]
    pub reason: Wording,
    /// Who proposed it.
    pub proposed: VouchedView,
    /// Who approved it, with which it came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<VouchedView>,
    /// When it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub withdrawn: Option<Timestamp>,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}
