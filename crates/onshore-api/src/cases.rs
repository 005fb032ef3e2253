//! Cases with dates, duties, and whether somebody may be listed abroad.

use onshore_types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/report/cases`: what is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskCases {
    /// As it was at this instant, as far as it was known then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub known_at: Option<Timestamp>,
    /// In which language the reasons are: `en` or `zh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
}

/// A case that is open, or a duty that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CaseView {
    /// What tells it apart from all others.
    pub case: String,
    /// `duty`, `retention`, `tranche`, `review`, `incident`, `incident.summary` or `request`.
    pub kind: String,
    /// Its id; of a duty, what it is called.
    pub id: String,
    /// Whose it is.
    pub organisation: String,
    /// By when it must be done: a day, or an instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Whether that is over.
    pub late: bool,
    /// What it is about, with the source.
    pub why: String,
}

/// `POST /v1/listings/check`: whether somebody may be listed somewhere now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckListing {
    /// Who.
    pub organisation: String,
    /// Where: a code of ISO 3166-1.
    pub place: String,
}

/// That nothing keeps somebody from being listed; otherwise the answer is 403 and `listing-blocked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ListingView {
    /// Always true.
    pub allowed: bool,
}

/// The report of an impact assessment that was filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AssessmentReportView {
    /// Of which assessment.
    pub assessment: String,
    /// Its SHA-256.
    pub sha256: String,
    /// How long it is.
    pub bytes: u64,
    /// The last day on which it is kept at least.
    pub kept_until: String,
    /// The leaf that tells of it.
    pub leaf: u64,
}
