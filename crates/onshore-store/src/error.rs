//! What can go wrong in the store. No message names a key, a body or metadata: they are personal data.

use std::io;

use onshore_types::{Label, VersionId};

use crate::checksum::ChecksumAlgorithm;
use crate::quota::Exceeded;

/// What a caller should do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request cannot hold: the client corrects it.
    Refused,
    /// What is asked for is not there.
    Missing,
    /// What is there changed meanwhile or a condition does not hold: look again.
    Conflict,
    /// The body is not what was announced: the client sends it again.
    BadBody,
    /// The disk is full: nothing was changed; free space and try again.
    StorageFull,
    /// What is on disk is not what was written: report it, restore from a copy.
    Corrupt,
    /// The store cannot work at present: the operator looks.
    Unavailable,
    /// A mistake in Onshore: report it.
    Bug,
}

/// An error of whoever delivers a body, handed through the store unchanged.
#[derive(Debug, thiserror::Error)]
#[error("the body broke off")]
pub struct BodyError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl BodyError {
    /// Takes the cause in.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }

    /// Gives the cause back.
    #[must_use]
    pub fn into_cause(self) -> Box<dyn std::error::Error + Send + Sync> {
        self.0
    }
}

/// What can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The permit was issued for something else: a mistake in a front, never a client's.
    #[error("the permit is for another {0}")]
    PermitMismatch(&'static str),
    /// There is no such bucket, or no longer.
    #[error("there is no such bucket")]
    NoSuchBucket,
    /// The name is in use in this region.
    #[error("the bucket name is taken")]
    BucketTaken {
        /// Whether the caller's own tenant has it.
        owned_by_caller: bool,
    },
    /// The bucket still holds objects.
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    /// A class would be replaced by one that does not cover it.
    #[error("the bucket's class `{from}` would be loosened to `{to}`")]
    WouldLoosen {
        /// The class it has.
        from: Label,
        /// The class it was to get.
        to: Label,
    },
    /// A label that is to be loosened would not be looser.
    #[error(
        "`{to}` is not looser than `{from}`: a label is loosened to one that it covers in both level and personal"
    )]
    NotLooser {
        /// The label it has.
        from: Label,
        /// The label it was to get.
        to: Label,
    },
    /// A label is to be loosened, and nobody knows yet what is in the object.
    #[error(
        "the object was not looked through by what is known today, so nobody can say what would be loosened; wait for the rescan \
         (GET /v1/rescan, onshore_rescan_left)"
    )]
    NotLookedThrough,
    /// The bucket gives a stricter class than an object's label is to be loosened to.
    #[error("the class of the bucket, `{class}`, is stricter than that; loosen the bucket's first")]
    BucketStricter {
        /// The bucket's class.
        class: Label,
    },
    /// An authority told that what is in the object is important or core data.
    #[error(
        "an authority told that what is in it is important data: nobody here loosens that; `onshore important take-back` says that the \
         authority took it back"
    )]
    ToldByAuthority,
    /// A label is to be loosened that is not made of what was seen.
    #[error("something has changed since it was proposed; look again and propose it anew")]
    SeenOtherwise,
    /// The tenant has no bucket of the name that logs were to go to.
    #[error("there is no such bucket to log to")]
    NoLogTarget,
    /// The tenant has no bucket of the name that inventories were to go to.
    #[error("there is no such bucket to store inventories in")]
    NoInventoryTarget,
    /// The bucket has as many inventories as it may.
    #[error("a bucket has at most 1000 inventories")]
    TooManyInventories,
    /// There is no such object.
    #[error("there is no such object")]
    NoSuchKey,
    /// More than a quota allows.
    #[error("the quota of the {} is exhausted: {} {} at most", .0.whose, .0.max, .0.what)]
    QuotaExceeded(Exceeded),
    /// The version is locked.
    #[error("the version is locked")]
    Locked,
    /// Versions in this bucket cannot be locked.
    #[error("versions in this bucket cannot be locked")]
    BucketNotLockable,
    /// Locks need a versioned bucket.
    #[error("locks need versioning")]
    LockNeedsVersioning,
    /// A bucket whose versions can be locked stays versioned.
    #[error("versions in this bucket can be locked: it stays versioned")]
    LockKeepsVersioning,
    /// Replication needs a versioned bucket, here and there.
    #[error("replication needs versioning")]
    ReplicationNeedsVersioning,
    /// A bucket that is replicated stays versioned.
    #[error("the bucket is replicated: it stays versioned")]
    ReplicationKeepsVersioning,
    /// What was to be brought here is here.
    #[error("the replica is here already")]
    ReplicaExists,
    /// The object is encrypted under a key of the client, which did not come along.
    #[error("the object is encrypted under a key that the client keeps")]
    CustomerKeyMissing,
    /// The key that the client sent is not the one it encrypted the object under.
    #[error("the client's key is not the one the object was encrypted under")]
    CustomerKeyWrong,
    /// The client sent a key for an object that is not encrypted under one.
    #[error("the object is not encrypted under a key of the client")]
    CustomerKeyUnexpected,
    /// The tenant has no key of that name.
    #[error("the tenant has no key of that name")]
    NoSuchKmsKey,
    /// The key is disabled.
    #[error("the key is disabled")]
    KmsKeyDisabled,
    /// The tenant has another key of that alias.
    #[error("the tenant has a key of that alias already")]
    KmsAliasTaken,
    /// The version was replaced or deleted since it was described.
    #[error("the version is no longer there")]
    VersionGone,
    /// The label became stricter than the one that was judged.
    #[error("the label became `{now}` since it was judged")]
    LabelChanged {
        /// What it is now.
        now: Label,
    },
    /// The condition of a conditional write does not hold.
    #[error("the condition does not hold")]
    ConditionFailed {
        /// The version that is there, and its label, for whoever must judge whether that may be told.
        current: Option<(VersionId, Label)>,
    },
    /// The range does not lie inside the object.
    #[error("the range does not lie inside the object")]
    BadRange,
    /// There is no such upload.
    #[error("there is no such upload")]
    NoSuchUpload,
    /// A part number is not between 1 and 10000.
    #[error("a part number lies between 1 and 10000")]
    BadPartNumber,
    /// A listed part was not uploaded, or is another by now.
    #[error("part {number} was not uploaded, or its ETag or checksum is another")]
    InvalidPart {
        /// Which part.
        number: u32,
    },
    /// The listed parts are not in ascending order, or none is listed.
    #[error("parts are listed in ascending order, and there is at least one")]
    InvalidPartOrder,
    /// A part other than the last is too small.
    #[error("part {number} has {size_bytes} bytes: all but the last need 5 MiB")]
    PartTooSmall {
        /// Which part.
        number: u32,
        /// Its size.
        size_bytes: u64,
    },
    /// The body has not the announced length.
    #[error("{expected} bytes were announced and {got} arrived")]
    BodyLength {
        /// What was announced.
        expected: u64,
        /// What arrived until the mistake was certain.
        got: u64,
    },
    /// The body's MD5 is not the announced one.
    #[error("the MD5 of the body is not the announced one")]
    Md5Mismatch,
    /// The body's SHA-256 is not the signed one.
    #[error("the SHA-256 of the body is not the announced one")]
    Sha256Mismatch,
    /// The body's CRC-64 is not that of its source.
    #[error("the CRC-64 (ECMA-182) of the body is not that of its source")]
    Crc64EcmaMismatch,
    /// The body's checksum is not the announced one.
    #[error("the {0} checksum of the body is not the announced one")]
    ChecksumMismatch(ChecksumAlgorithm),
    /// A checksum was announced that was not asked for before the body came, or that cannot be of this kind.
    #[error("the {0} checksum was not computed for this body")]
    ChecksumNotComputed(ChecksumAlgorithm),
    /// Whoever delivers the body failed.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// There is no room left on the disk.
    #[error("the disk that holds the objects is full; nothing was changed")]
    StorageFull(#[source] io::Error),
    /// What is on disk is not what was written.
    #[error("{version} is damaged on disk ({what})")]
    Corrupt {
        /// Which version.
        version: VersionId,
        /// What does not hold.
        what: &'static str,
    },
    /// A record that belongs to no version is not what was written.
    #[error("a record is damaged on disk ({0})")]
    CorruptRecord(&'static str),
    /// The objects folder cannot be used.
    #[error("the objects folder cannot be used")]
    Files(#[source] io::Error),
    /// The root key does not open the tenants' keys, or its provider fails.
    #[error("a tenant's key cannot be used")]
    Keys(#[source] onshore_keys::Error),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] onshore_db::Error),
    /// As many look through objects as there are cores to do it.
    #[error("too many objects are being looked through at once; ask again in a moment")]
    Busy,
    /// A background task ended early: the process is stopping.
    #[error("the store is stopping")]
    Stopping,
}

impl Error {
    /// Returns what to do about it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::BucketTaken { .. }
            | Self::BucketNotEmpty
            | Self::WouldLoosen { .. }
            | Self::NotLooser { .. }
            | Self::NotLookedThrough
            | Self::BucketStricter { .. }
            | Self::ToldByAuthority
            | Self::SeenOtherwise
            | Self::Locked
            | Self::QuotaExceeded(_)
            | Self::BucketNotLockable
            | Self::NoLogTarget
            | Self::NoInventoryTarget
            | Self::TooManyInventories
            | Self::LockNeedsVersioning
            | Self::LockKeepsVersioning
            | Self::ReplicationNeedsVersioning
            | Self::ReplicationKeepsVersioning
            | Self::ReplicaExists
            | Self::CustomerKeyMissing
            | Self::CustomerKeyWrong
            | Self::CustomerKeyUnexpected
            | Self::NoSuchKmsKey
            | Self::KmsKeyDisabled
            | Self::KmsAliasTaken
            | Self::BadRange
            | Self::BadPartNumber
            | Self::InvalidPart { .. }
            | Self::InvalidPartOrder
            | Self::PartTooSmall { .. } => ErrorKind::Refused,
            Self::NoSuchBucket | Self::NoSuchKey | Self::NoSuchUpload => ErrorKind::Missing,
            Self::VersionGone | Self::LabelChanged { .. } | Self::ConditionFailed { .. } => {
                ErrorKind::Conflict
            }
            Self::BodyLength { .. }
            | Self::Md5Mismatch
            | Self::Sha256Mismatch
            | Self::Crc64EcmaMismatch
            | Self::ChecksumMismatch(_)
            | Self::ChecksumNotComputed(_)
            | Self::Body(_) => ErrorKind::BadBody,
            Self::StorageFull(_) => ErrorKind::StorageFull,
            Self::Corrupt { .. } | Self::CorruptRecord(_) => ErrorKind::Corrupt,
            Self::Files(_) | Self::Keys(_) | Self::Busy | Self::Stopping => ErrorKind::Unavailable,
            Self::PermitMismatch(_) => ErrorKind::Bug,
            Self::Database(error) => match error.kind() {
                onshore_db::ErrorKind::StorageFull => ErrorKind::StorageFull,
                onshore_db::ErrorKind::Corrupt => ErrorKind::Corrupt,
                onshore_db::ErrorKind::Unavailable => ErrorKind::Unavailable,
                onshore_db::ErrorKind::Bug => ErrorKind::Bug,
            },
        }
    }

    /// Tells a full disk from other failures of files.
    pub(crate) fn of_files(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::StorageFull(error),
            _ => Self::Files(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Error, ErrorKind};

    #[test]
    fn a_full_disk_is_told_from_a_broken_one() {
        let kind = |errno| Error::of_files(io::Error::from_raw_os_error(errno)).kind();
        let (eio, enospc, edquot) = (5, 28, 122);
        assert_eq!(kind(enospc), ErrorKind::StorageFull);
        assert_eq!(kind(edquot), ErrorKind::StorageFull);
        assert_eq!(kind(eio), ErrorKind::Unavailable);
    }
}
