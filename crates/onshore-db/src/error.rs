//! What can go wrong with the database, and what the caller should do about it.

/// What a caller should do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The disk is full: nothing was changed; free space and try again.
    StorageFull,
    /// What is on disk is not what was written: report it, restore from a copy.
    Corrupt,
    /// The database takes no work at present: the operator restarts it.
    Unavailable,
    /// A mistake in Onshore: report it.
    Bug,
}

/// What can go wrong with the database.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// There is no room left on the disk.
    #[error("the disk that holds the database is full; nothing was changed")]
    Full,
    /// The file is damaged or no database.
    #[error("the database is damaged ({0}); restore it from a copy, nothing was changed")]
    Corrupt(String),
    /// The file was written by a newer version of Onshore.
    #[error(
        "the tables of `{keeper}` are at step {found}, this version of Onshore knows {known}: start a newer version"
    )]
    Newer {
        /// Whose tables.
        keeper: String,
        /// Steps taken.
        found: usize,
        /// Steps known.
        known: usize,
    },
    /// The file was written by an older version of Onshore and not opened for writing since.
    #[error(
        "the tables of `{keeper}` are at step {found}, this version of Onshore knows {known}: start this version's \
         server once, which brings them up to date"
    )]
    Older {
        /// Whose tables.
        keeper: String,
        /// Steps taken.
        found: usize,
        /// Steps known.
        known: usize,
    },
    /// A commit failed for a reason that leaves its durability unknown.
    #[error(
        "the database stopped taking work after a failed commit ({0}); restart the server once the disk is sound"
    )]
    Stopped(String),
    /// The writer is gone: the process is ending.
    #[error("the database is closed")]
    Closed,
    /// A folder or file could not be made or opened.
    #[error("the database cannot be opened ({0})")]
    Open(String),
    /// The disk failed a read or a write, which was undone.
    #[error("the disk that holds the database failed ({0})")]
    Disk(String),
    /// Another process works on the file.
    #[error("the database is in use by another process ({0})")]
    Busy(String),
    /// A statement failed for another reason.
    #[error("a statement failed ({0})")]
    Statement(String),
}

impl Error {
    /// Returns what to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Full => ErrorKind::StorageFull,
            Self::Corrupt(_) => ErrorKind::Corrupt,
            Self::Newer { .. }
            | Self::Older { .. }
            | Self::Stopped(_)
            | Self::Closed
            | Self::Open(_)
            | Self::Disk(_)
            | Self::Busy(_) => ErrorKind::Unavailable,
            Self::Statement(_) => ErrorKind::Bug,
        }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        if let rusqlite::Error::FromSqlConversionFailure(..) = error {
            // Tables are strict: what does not read as what was written there was changed by something else.
            return Self::Corrupt(error.to_string());
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied | ErrorCode::ReadOnly) => {
                Self::Open(error.to_string())
            }
            Some(ErrorCode::SystemIoFailure) => Self::Disk(error.to_string()),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy(error.to_string())
            }
            _ => Self::Statement(error.to_string()),
        }
    }
}
