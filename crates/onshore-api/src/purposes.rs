//! What buckets hold data for and until when, and what of them nobody reads.

use onshore_types::{PrincipalId, Timestamp, VersionId, Wording};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `PUT /v1/buckets/{name}/purpose`: says what a bucket holds data for. Objects may say something else of themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeclarePurpose {
    /// For what: 1 to 256 characters. Left out, what was declared is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    pub purpose: Option<Wording>,
    /// On which ground of PIPL article 13: `consent`, `contract`, `legal-duty`, `emergency`, `news` or `published`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// Where the consents are kept, of the basis `consent`; whoever consented stands in no record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    pub consent: Option<Wording>,
    /// Until when it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
    /// For how many days each object is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 366000)]
    pub keep_days: Option<u32>,
}

/// What a bucket holds data for, as it was declared once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PurposeView {
    /// The number of the declaration, from one; the highest counts.
    pub revision: u64,
    /// For what; none where it was taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub purpose: Option<Wording>,
    /// On which ground of PIPL article 13: `consent`, `contract`, `legal-duty`, `emergency`, `news` or `published`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<String>,
    /// Where the consents are kept, of the basis `consent`; whoever consented stands in no record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 256)]
    pub consent: Option<Wording>,
    /// Until when it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub until: Option<Timestamp>,
    /// For how many days each object is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 366000)]
    pub keep_days: Option<u32>,
    /// When that was declared.
    #[schema(value_type = String)]
    pub declared: Timestamp,
    /// By whom.
    #[schema(value_type = String)]
    pub by: PrincipalId,
    /// The leaf that tells of the act, in the answer to the act alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaf: Option<u64>,
}

/// `GET /v1/buckets/{name}/reads`: which versions of a bucket were read since an instant, as far as that is on record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadVersionsView {
    /// From when on all reads are on record: that instant, or a later one before which records are no longer kept.
    #[schema(value_type = String)]
    pub recorded_from: Timestamp,
    /// The versions that were read, whole or in part, in the order of their ids.
    #[schema(value_type = Vec<String>)]
    pub versions: Vec<VersionId>,
    /// To be given as `after` for what follows; none at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub next: Option<VersionId>,
}
