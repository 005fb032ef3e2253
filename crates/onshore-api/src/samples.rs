//! Masked examples of what was found in an object: made when somebody asks, recorded before, and kept nowhere.

use onshore_types::{ObjectKey, VersionId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/buckets/{name}/samples`: shows masked examples of what is in an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskSamples {
    /// The key.
    #[schema(value_type = String)]
    pub key: ObjectKey,
    /// The version; the newest unless one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Of each kind so many at most, up to 100.
    #[schema(minimum = 1, maximum = 100)]
    pub each_max: u64,
}

/// What was shown of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SamplesView {
    /// The key.
    #[schema(value_type = String)]
    pub key: ObjectKey,
    /// The version.
    #[schema(value_type = String)]
    pub version: VersionId,
    /// The leaf that tells of this look.
    pub leaf: u64,
    /// How long the object is.
    pub size_bytes: u64,
    /// How much of it was read, from its beginning on.
    pub read_bytes: u64,
    /// The examples, of each kind in the order in which they stand.
    pub samples: Vec<SampleView>,
}

/// An example, and where it stands as far as its format has such places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SampleView {
    /// The kind.
    pub kind: String,
    /// What is shown of the value: its shape, and what a great many values have in common.
    pub mask: String,
    /// In which file within the object, counted from one among those that the answer speaks of. Its name may be a value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<u64>,
    /// In which line of the text, counted from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// In which row or record, counted from one; a header is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    /// In which column, counted from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    /// What stands at its head, if that says no more than what columns hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Where it begins, in bytes of the text as UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Where it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
}
