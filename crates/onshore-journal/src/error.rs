//! What can go wrong with the ledger on disk.

use std::path::PathBuf;

/// What can go wrong with the ledger on disk.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] onshore_db::Error),
    /// The ledger's rules refused a value.
    #[error(transparent)]
    Ledger(#[from] onshore_ledger::Error),
    /// The signing key could not be sealed or opened.
    #[error(
        "the ledger's signing key cannot be used; is this the root key the data folder was made with?"
    )]
    Key(#[source] onshore_keys::Error),
    /// A tile or the checkpoint could not be written or read.
    #[error("cannot write the ledger file {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The leaves in the database are not those that the last checkpoint was signed over.
    #[error(
        "the ledger's leaves do not agree with its last signed checkpoint ({what}): the database was changed or rolled \
         back; restore the newest copy of the whole data folder"
    )]
    Rewritten {
        /// What does not agree.
        what: String,
    },
    /// There is no such leaf.
    #[error("the ledger has no leaf {index}; it has {size} leaves")]
    NoSuchLeaf {
        /// The leaf asked for.
        index: u64,
        /// How many there are.
        size: u64,
    },
    /// There is no such read: the leaf is no batch of reads, or has fewer, or its records were kept long enough.
    #[error(
        "leaf {leaf} has no read {position}: it is no batch of reads, has fewer of them, or its records were removed after \
         they had been kept as long as configured"
    )]
    NoSuchRead {
        /// The leaf asked for.
        leaf: u64,
        /// The position within its batch.
        position: u64,
    },
    /// A leaf that is no JSON object.
    #[error("a leaf is a JSON object")]
    NotAnObject,
    /// A background step ended without an answer.
    #[error("the ledger's publisher ended before it answered")]
    Interrupted,
}
