//! What an outgoing provider says of the contracts that others leave.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::RecordView;

/// `POST /v1/departures/{contract}/acknowledgements`: that the provider knows of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeOrder {
    /// Which order.
    pub order: String,
}

/// `PUT /v1/departures/{contract}/inventory`: all that the provider has under a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeliverInventory {
    /// Things with `kind` (`system`, `bucket`, `database`, `server` or `device`), `name`, and, where that is known, `place`, `objects`
    /// and `bytes`.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<Value>,
}

/// `PUT /v1/departures/{contract}/deletion`: that the provider deleted all that it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignDeletion {
    /// SHA-256 of its statement, 64 small hexadecimal digits.
    pub statement_sha256: String,
}

/// A contract that others leave, as its provider sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DepartingView {
    /// The contract.
    pub contract: String,
    /// With whom.
    pub organisation: String,
    /// For what.
    pub service: String,
    /// Its first day.
    pub start: String,
    /// Its last day; none where it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// What the provider said of it; none where it said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub departure: Option<RecordView>,
}
