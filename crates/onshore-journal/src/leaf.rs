//! A leaf on its way into the ledger and on its way out.

use onshore_ledger::Disclosure;
use onshore_types::{LeafIndex, Timestamp};
use serde_json::Value;

/// A leaf to be recorded.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// When it happened; never earlier than any leaf before it.
    pub time: Timestamp,
    /// What everyone may read: ids, numbers, words; never names, addresses or hashes of contents.
    pub body: Value,
    /// What the leaf commits to without telling; the commitment is added to the body.
    pub disclosure: Option<Disclosure>,
}

/// A leaf that is in the ledger.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct RecordedLeaf {
    /// Its position, from zero.
    pub index: LeafIndex,
    /// When it happened.
    pub time: Timestamp,
    /// What it says.
    pub body: Value,
}
