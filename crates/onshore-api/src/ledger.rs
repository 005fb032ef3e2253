//! The ledger through the control API. Proofs and certificates are documents of `onshore-ledger` and are handed out
//! as they are.

use onshore_types::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A leaf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeafView {
    /// Its position, from zero.
    pub index: u64,
    /// When it happened.
    #[schema(value_type = String)]
    pub time: Timestamp,
    /// What it says.
    #[schema(value_type = Object)]
    pub body: Value,
}

/// The public key that checks the ledger's signatures, and how long the ledger is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerKeyView {
    /// The verifier key, for `onshore verify --key`.
    pub key: String,
    /// The number of leaves.
    pub size: u64,
}

/// How long the ledger is, and how much of it witnesses saw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LedgerStatusView {
    /// The verifier key.
    pub key: String,
    /// The number of committed leaves.
    pub size: u64,
    /// The size of the newest published checkpoint.
    pub published_size: u64,
    /// The size of the newest checkpoint that enough witnesses cosigned; none where there is none.
    pub witnessed_size: Option<u64>,
    /// The witnesses that are asked.
    pub witnesses: Vec<WitnessView>,
}

/// A witness that is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WitnessView {
    /// What the configuration calls it.
    pub name: String,
    /// Its key.
    pub key: String,
    /// Where it is asked; none where it is not.
    pub url: Option<String>,
    /// The size that it cosigned last.
    pub cosigned_size: Option<u64>,
    /// When that was.
    #[schema(value_type = Option<String>)]
    pub cosigned: Option<Timestamp>,
}

/// A read inside the jurisdiction, in the batch that a leaf tells of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReadView {
    /// Where in its batch it stands.
    pub position: u64,
    /// When it began.
    #[schema(value_type = String)]
    pub time: Timestamp,
    /// Who read what.
    #[schema(value_type = Object)]
    pub record: Value,
}

/// Which span an evidence bundle is to be of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskEvidence {
    /// When it begins.
    #[schema(value_type = String)]
    pub from: Timestamp,
    /// When it ends; this instant is not in it.
    #[schema(value_type = String)]
    pub to: Timestamp,
    /// Whether the records behind the leaves stay out, which tell names of objects.
    #[serde(default)]
    pub without_records: bool,
}
