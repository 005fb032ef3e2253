//! What ends a job, or stops the engine from working on it. What befalls one object is an exception of the job, not an
//! error.

use std::path::PathBuf;

use crate::precedence::ChangedHere;

/// Why a job cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source as a whole fails.
    #[error(transparent)]
    Source(#[from] onshore_sources::Error),
    /// Object after object could not be had although each was asked for patiently.
    #[error(
        "the source stopped answering: {objects} objects in a row could not be read; run the same command again when it is back"
    )]
    SourceSilent {
        /// How many.
        objects: u32,
    },
    /// The job's record does not read.
    #[error("the job's source cannot be read from its record: it was made by another version")]
    Unreadable(#[source] serde_json::Error),
    /// The bucket belongs to somebody else.
    #[error("the bucket is another tenant's: choose another name")]
    BucketTaken,
    /// The bucket was removed while the job ran.
    #[error("the bucket was removed while the job ran")]
    BucketGone,
    /// The bucket does not keep the versions that the source has.
    #[error(
        "the source has versions, and the bucket has versioning suspended: enable it, or bring current versions only (--versions current)"
    )]
    BucketNotVersioned,
    /// The key was changed here, and that goes before what the source has.
    #[error("the key was changed here since the cut-over began")]
    ChangedHere(ChangedHere),
    /// The source has versions, and a cut-over knows what is current alone.
    #[error(
        "a cut-over brings what is current alone: migrate all versions first, and then cut over with --versions current"
    )]
    CutoverOfVersions,
    /// A decommissioning that nobody approved.
    #[error("nothing is deleted at a source before two people have said so")]
    Unapproved,
    /// A way back of nothing.
    #[error("what was changed is taken back of a cut-over, and the job names none")]
    NothingToReturn,
    /// The source keeps versions, and the certificate is of what was current.
    #[error(
        "the source keeps versions, and the certificate covers what was current alone: migrate with --versions all, and decommission what that certificate covers"
    )]
    VersionsNotCovered,
    /// The gate refuses what every object of the job needs.
    #[error(transparent)]
    Gate(#[from] onshore_gate::Error),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] onshore_registry::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] onshore_store::Error),
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] onshore_journal::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] onshore_db::Error),
    /// The certificate could not be computed.
    #[error(transparent)]
    Ledger(#[from] onshore_ledger::Error),
    /// The certificate could not be written.
    #[error("the certificate cannot be written to {path}")]
    File {
        /// Where to.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// What was delivered under a lease that no longer holds.
    #[error("the lease no longer holds")]
    LeaseLost,
    /// The process is ending.
    #[error("the server is stopping")]
    Stopping,
}

/// What to do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// End the job and say why.
    EndsJob,
    /// Leave the job as it is: what failed is ours, and the next start goes on.
    LeavesJob,
}

impl Error {
    /// Whether the source failed, and neither we nor what was ordered.
    pub(crate) fn is_of_source(&self) -> bool {
        matches!(self, Self::Source(_) | Self::SourceSilent { .. })
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Source(_)
            | Self::SourceSilent { .. }
            | Self::Unreadable(_)
            | Self::BucketTaken
            | Self::BucketGone
            | Self::BucketNotVersioned
            | Self::ChangedHere(_)
            | Self::CutoverOfVersions
            | Self::Unapproved
            | Self::NothingToReturn
            | Self::VersionsNotCovered
            | Self::File { .. } => ErrorKind::EndsJob,
            Self::Gate(error) => match error {
                onshore_gate::Error::Db(error) => of_db(error),
                onshore_gate::Error::Registry(_) | onshore_gate::Error::Journal(_) => {
                    ErrorKind::LeavesJob
                }
                _ => ErrorKind::EndsJob,
            },
            Self::Store(error) => match error.kind() {
                onshore_store::ErrorKind::Unavailable => ErrorKind::LeavesJob,
                _ => ErrorKind::EndsJob,
            },
            Self::Db(error) => of_db(error),
            Self::Registry(_)
            | Self::Journal(_)
            | Self::Ledger(_)
            | Self::LeaseLost
            | Self::Stopping => ErrorKind::LeavesJob,
        }
    }
}

fn of_db(error: &onshore_db::Error) -> ErrorKind {
    match error.kind() {
        onshore_db::ErrorKind::StorageFull => ErrorKind::EndsJob,
        onshore_db::ErrorKind::Corrupt
        | onshore_db::ErrorKind::Unavailable
        | onshore_db::ErrorKind::Bug => ErrorKind::LeavesJob,
    }
}
