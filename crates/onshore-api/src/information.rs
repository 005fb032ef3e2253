//! Registers of information under DORA.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `PUT /v1/information/{organisation}`: the tables of the register of information that an organisation maintains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeInformation {
    /// Each table as CSV, by the name of its file: `b_01.01.csv` to `b_99.01.csv`. One that is left out has no rows.
    pub tables: BTreeMap<String, String>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InformationView {
    /// The revision of the tables.
    pub revision: u32,
    /// Contracts that are new.
    pub added: Vec<String>,
    /// Contracts of which the tables say something else than before.
    pub amended: Vec<String>,
    /// References of arrangements of which the tables tell no day, entity or provider: they are no contracts.
    pub without_terms: Vec<String>,
    /// Organisations and providers that nobody had recorded.
    pub parties: Vec<String>,
    /// The leaf that tells of it.
    pub leaf: u64,
}
