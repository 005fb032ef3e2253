//! What can go wrong with a witness's own folder.

use std::path::PathBuf;

/// What can go wrong with a witness's own folder.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Db(#[from] onshore_db::Error),
    /// A key, a name or a checkpoint is not right.
    #[error(transparent)]
    Ledger(#[from] onshore_ledger::Error),
    /// A file of the folder cannot be read or written.
    #[error("cannot read or write {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no witness in the folder yet.
    #[error("there is no witness in {path}: `onshore witness init` makes one")]
    NotMade {
        /// The folder.
        path: PathBuf,
    },
    /// There is a witness in the folder already.
    #[error(
        "there is a witness in {path} already; another key in its place would make what it cosigned worthless"
    )]
    Made {
        /// The folder.
        path: PathBuf,
    },
    /// The key's file is not what was written.
    #[error("{path} is not a witness's key: a name, and 64 hexadecimal digits below it")]
    KeyFile {
        /// The file.
        path: PathBuf,
    },
    /// A log that is to be watched has the witness's own key.
    #[error("{name} has the key of this witness: a log does not witness itself")]
    OwnKey {
        /// The log.
        name: String,
    },
}
