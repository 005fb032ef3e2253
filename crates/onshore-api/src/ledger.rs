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
