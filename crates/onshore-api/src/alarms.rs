//! Alarms that were raised, and whether whoever runs a region may.

use onshore_types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `GET /v1/alarms`: which alarms are listed, in the order in which they were raised.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListAlarms {
    /// Those after the one with this number.
    #[serde(default)]
    pub after: i64,
    /// So many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// In which language the reasons are: `en` or `zh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
}

/// An alarm that was raised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlarmView {
    /// Its number.
    pub number: i64,
    /// `contract.due`, `contract.late`, `licence.ends`, `licence.lapsed`, `duty.begins`, `tranche.due`, `tranche.late`, `incident.due`,
    /// `incident.late`, `incident.summary-due`, `incident.summary-late`, `request.due` or `request.late`.
    pub what: String,
    /// Of which contract, region, hand-over plan, incident or request; of which organisation, group or tenant.
    pub of: String,
    /// By which order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// Which duty begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duty: Option<String>,
    /// Which tranche of a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tranche: Option<String>,
    /// The day that it is about; where that is an instant, its day in UTC.
    pub due: String,
    /// So many days before it at most: 120, 60, 30 or 7; 0 where the day is there.
    pub days_before: i32,
    /// Why, in one sentence.
    pub why: String,
    /// When it was raised.
    #[schema(value_type = String)]
    pub raised: Timestamp,
    /// The leaf that tells of it.
    pub leaf: u64,
}

/// `GET /v1/report/regions`: what is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskRegions {
    /// As of this day; today where each region is, if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<String>,
    /// As far as it was known at this instant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub known_at: Option<Timestamp>,
    /// In which language the reasons are: `en` or `zh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
}

/// Whether whoever runs a region may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RegionStatusView {
    /// Which.
    pub region: String,
    /// As of this day.
    pub as_of: String,
    /// The operator of record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The licence on which that rests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The first day on which no licence of theirs holds: the next one, or, where none holds, since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapses: Option<String>,
    /// Whether new tenants may come.
    pub open: bool,
    /// Whose technology it runs on.
    pub technology_providers: Vec<String>,
    /// Why, in one sentence.
    pub why: String,
}
