//! What keeps an engine from its work. What befalls one object does not stop the others.

use crate::notify::TargetError;

/// Why an engine could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The gate refuses what the engine needs, or cannot record it.
    #[error(transparent)]
    Gate(#[from] onshore_gate::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] onshore_store::Error),
    /// The ledger failed.
    #[error(transparent)]
    Journal(#[from] onshore_journal::Error),
    /// A target of events cannot be told.
    #[error("the target cannot be told")]
    Target(#[source] TargetError),
    /// Another region cannot be reached, or does not take what is brought.
    #[error("the other region does not take it")]
    Region(#[source] onshore_sources::Error),
    /// What was brought abroad may not go on.
    #[error(transparent)]
    Lapsed(#[from] onshore_gate::Lapsed),
    /// The key that a report would have is longer than keys are.
    #[error("with the prefix that was set the key of a report would be longer than 1,024 bytes")]
    KeyTooLong,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] onshore_db::Error),
}
