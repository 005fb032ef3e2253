//! Registers of information under DORA.

use std::collections::BTreeMap;

use onshore_types::Timestamp;
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

/// `GET /v1/information/{organisation}`: as of when the register of information is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskInformation {
    /// As it was known at this instant; now, where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub known_at: Option<Timestamp>,
}

/// The register of information of an organisation as it would be filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TabulatedView {
    /// The revision of the tables that were taken in; none where none were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// When they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub recorded: Option<Timestamp>,
    /// All fifteen tables as CSV, by the names of their files.
    pub tables: BTreeMap<String, String>,
    /// Contracts that stand in none of the tables that were taken in, and have rows made of their records.
    pub added: Vec<String>,
    /// What is wrong with the tables, and lacking.
    pub faults: Vec<FaultView>,
}

/// `POST /v1/dora/check` and `POST /v1/dora/package`: tables of a register of information, which are kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckInformation {
    /// Each table as CSV, by the name of its file: `b_01.01.csv` to `b_99.01.csv`. One that is left out has no rows.
    pub tables: BTreeMap<String, String>,
}

/// What is wrong with tables; nothing, where they can be filed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FaultsView {
    /// The first thousand.
    pub faults: Vec<FaultView>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FaultView {
    /// In which template; where none is named so, the name of the file.
    pub template: String,
    /// In which row; the first is the one with the codes of the columns.
    pub row: u64,
    /// In which column, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What is wrong.
    pub what: String,
}

/// `POST /v1/dora/package`: what a package says beside its tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskPackage {
    /// For whom: `individual` or `consolidated`.
    pub scope: String,
    /// In which country it is filed, such as DE.
    pub country: String,
    /// As of which day the tables are.
    pub reference: String,
    /// In which money; EUR, where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
}
