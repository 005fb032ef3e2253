//! What can go wrong beneath the operations, and the one table that says what a client is told of it.

use std::net::SocketAddr;

use onshore_store::ErrorKind;
use onshore_types::{BucketName, ObjectKey};

use crate::fault::{Code, Fault};

/// What can go wrong in this front.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A domain for virtual-host style cannot be one.
    #[error(
        "`{0}` is not a domain name: letters, digits, hyphens and dots, such as s3.example.com"
    )]
    Domain(String),
    /// The listener failed for good.
    #[error("connections to {address} can no longer be accepted")]
    Accept {
        /// Where it listened.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] onshore_store::Error),
    /// The gate failed or refused.
    #[error(transparent)]
    Gate(#[from] onshore_gate::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] onshore_db::Error),
}

/// Whether a refusal is read abroad, where it tells the same whatever the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadAt {
    Home,
    Abroad,
}

impl Error {
    /// Says what a client is told; a failure of our own is logged here, where it is handled.
    pub(crate) fn into_fault(self, read_at: ReadAt) -> Fault {
        match self {
            Self::Store(error) => of_store(error),
            Self::Gate(onshore_gate::Error::Refused(refused)) => of_refusal(&refused, read_at),
            Self::Gate(onshore_gate::Error::EpochChanged) => try_again(),
            Self::Gate(
                onshore_gate::Error::Db(error)
                | onshore_gate::Error::Registry(onshore_registry::Error::Db(error)),
            )
            | Self::Db(error) => of_database(&error),
            Self::Gate(error) => {
                tracing::error!(%error, cause = error_chain(&error), "the gate failed");
                Fault::internal()
            }
            Self::Domain(_) | Self::Accept { .. } => Fault::internal(),
        }
    }
}

fn of_refusal(refused: &onshore_gate::Refused, read_at: ReadAt) -> Fault {
    // A HEAD has no body: rule and remedy go into a header too, in plain ASCII.
    let short = match read_at {
        ReadAt::Home => format!("{}; remedy: {}", refused.refusal.rule(), refused.refusal.remedy()),
        ReadAt::Abroad => {
            "border.outward; remedy: a general label or a transfer approval in force, which the operator grants".to_owned()
        }
    };
    let ascii: String = short
        .chars()
        .map(|character| {
            if character.is_ascii_graphic() || character == ' ' {
                character
            } else {
                '?'
            }
        })
        .collect();
    Fault::new(Code::AccessDenied, refused.message.clone())
        .with_header("x-onshore-refusal", &ascii)
        .with_header("x-onshore-leaf", &refused.leaf.to_string())
}

fn of_store(error: onshore_store::Error) -> Fault {
    use onshore_store::Error as Store;
    let kind = error.kind();
    match error {
        Store::NoSuchBucket => gone_bucket(),
        Store::BucketTaken { owned_by_caller: true } => Fault::new(
            Code::BucketAlreadyOwnedByYou,
            "Your previous request to create the named bucket succeeded and you already own it.",
        ),
        Store::BucketTaken { owned_by_caller: false } => Fault::new(
            Code::BucketAlreadyExists,
            "The requested bucket name is not available. The bucket namespace is shared by all tenants of the region. Please select a different name and try again.",
        ),
        Store::BucketNotEmpty => {
            Fault::new(Code::BucketNotEmpty, "The bucket you tried to delete is not empty.")
        }
        Store::NoLogTarget => no_log_target(),
        Store::NoInventoryTarget => no_inventory_target(),
        Store::TooManyInventories => Fault::new(
            Code::TooManyConfigurations,
            "You are attempting to create a new configuration but have already reached the 1,000-configuration limit.",
        ),
        Store::WouldLoosen { .. }
        | Store::NotLooser { .. }
        | Store::NotLookedThrough
        | Store::BucketStricter { .. }
        | Store::ToldByAuthority
        | Store::SeenOtherwise => Fault::new(Code::InvalidArgument, "A class can only be tightened."),
        Store::NoSuchKey => gone_key(),
        Store::VersionGone | Store::LabelChanged { .. } => try_again(),
        Store::QuotaExceeded(exceeded) => Fault::new(
            Code::QuotaExceeded,
            format!(
                "The quota of the {} is exhausted: {} {} at most. Remove something, or ask the operator for more.",
                exceeded.whose, exceeded.max, exceeded.what
            ),
        ),
        Store::Locked => Fault::new(
            Code::AccessDenied,
            "Access Denied because object protected by object lock.",
        ),
        Store::BucketNotLockable => crate::ops::locks::not_lockable(),
        Store::LockNeedsVersioning => Fault::new(
            Code::InvalidBucketState,
            "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
        ),
        // Terraform knows this sentence: it goes on.
        Store::LockKeepsVersioning => Fault::new(
            Code::InvalidBucketState,
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
        ),
        Store::ReplicationNeedsVersioning => Fault::new(
            Code::InvalidRequest,
            "Versioning must be 'Enabled' on the bucket to apply a replication configuration",
        ),
        Store::ReplicationKeepsVersioning => Fault::new(
            Code::InvalidBucketState,
            "A replication configuration is present on this bucket, so the versioning state cannot be changed.",
        ),
        Store::ReplicaExists => Fault::new(
            Code::ReplicaExists,
            "This key has a version of this id already: what was to be brought is here.",
        ),
        Store::CustomerKeyMissing => Fault::new(
            Code::InvalidRequest,
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
        ),
        Store::CustomerKeyWrong => Fault::access_denied(),
        Store::CustomerKeyUnexpected => Fault::new(
            Code::InvalidRequest,
            "The encryption parameters are not applicable to this object.",
        ),
        Store::NoSuchKmsKey => no_such_kms_key(),
        Store::KmsKeyDisabled => Fault::new(
            Code::KmsDisabled,
            "The key that is named, or that the object is encrypted under, is disabled.",
        ),
        Store::KmsAliasTaken => Fault::internal(),
        Store::ConditionFailed { .. } => precondition_failed("If-None-Match"),
        Store::BadRange => Fault::new(Code::InvalidRange, "The requested range is not satisfiable"),
        Store::NoSuchUpload => no_such_upload(),
        Store::BadPartNumber => Fault::new(
            Code::InvalidArgument,
            "Part number must be an integer between 1 and 10000, inclusive",
        ),
        Store::InvalidPart { number } => Fault::new(
            Code::InvalidPart,
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
        )
        .with_detail("PartNumber", number.to_string()),
        Store::InvalidPartOrder => Fault::new(
            Code::InvalidPartOrder,
            "The list of parts was not in ascending order. Parts must be ordered by part number.",
        ),
        Store::PartTooSmall { number, size_bytes } => Fault::new(
            Code::EntityTooSmall,
            "Your proposed upload is smaller than the minimum allowed size",
        )
        .with_detail("PartNumber", number.to_string())
        .with_detail("ProposedSize", size_bytes.to_string())
        .with_detail("MinSizeAllowed", onshore_store::PART_BYTES_MIN.to_string()),
        Store::BodyLength { .. } => crate::body::incomplete(),
        Store::Md5Mismatch => bad_digest("Content-MD5"),
        Store::Crc64EcmaMismatch => bad_digest("CRC64"),
        Store::ChecksumMismatch(algorithm) => bad_digest(algorithm.as_str()),
        Store::Sha256Mismatch => Fault::new(
            Code::XAmzContentSHA256Mismatch,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ),
        Store::ChecksumNotComputed(algorithm) => Fault::new(
            Code::InvalidRequest,
            format!("The {algorithm} checksum cannot be of this kind, or was not asked for when the upload began."),
        ),
        Store::Body(body) => match body.into_cause().downcast::<Fault>() {
            Ok(fault) => *fault,
            Err(cause) => match cause.downcast::<onshore_store::Error>() {
                Ok(error) => of_store(*error),
                Err(_) => crate::body::incomplete(),
            },
        },
        Store::Database(error) => of_database(&error),
        error @ (Store::StorageFull(_)
        | Store::Corrupt { .. }
        | Store::CorruptRecord(_)
        | Store::Files(_)
        | Store::Keys(_)
        | Store::Busy
        | Store::Stopping
        | Store::PermitMismatch(_)) => {
            tracing::error!(%error, cause = error_chain(&error), "the store failed");
            of_kind(kind)
        }
    }
}

fn of_kind(kind: ErrorKind) -> Fault {
    match kind {
        ErrorKind::StorageFull => Fault::new(
            Code::InsufficientStorage,
            "The storage of this region is full. Nothing was changed. Please try again later.",
        ),
        ErrorKind::Corrupt => Fault::new(
            Code::InternalError,
            "What is stored is not what was written. It is not handed out, and the operator has been told.",
        ),
        ErrorKind::Unavailable => Fault::new(
            Code::ServiceUnavailable,
            "The store cannot work at present. Please try again.",
        ),
        ErrorKind::Refused
        | ErrorKind::Missing
        | ErrorKind::Conflict
        | ErrorKind::BadBody
        | ErrorKind::Bug => Fault::internal(),
    }
}

fn of_database(error: &onshore_db::Error) -> Fault {
    tracing::error!(%error, "the database failed");
    of_kind(match error.kind() {
        onshore_db::ErrorKind::StorageFull => ErrorKind::StorageFull,
        onshore_db::ErrorKind::Corrupt => ErrorKind::Corrupt,
        onshore_db::ErrorKind::Unavailable => ErrorKind::Unavailable,
        onshore_db::ErrorKind::Bug => ErrorKind::Bug,
    })
}

/// Writes out why, down to the first cause. No error beneath names a key or a body.
pub(crate) fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// Says that reports cannot go where they were to go.
pub(crate) fn no_inventory_target() -> Fault {
    Fault::new(
        Code::InvalidS3DestinationBucket,
        "The destination bucket does not exist, is not owned by you, or is in another region.",
    )
}

/// Says that logs cannot go where they were to go.
pub(crate) fn no_log_target() -> Fault {
    Fault::new(
        Code::InvalidTargetBucketForLogging,
        "The target bucket for logging does not exist, is not owned by you, or is in another region.",
    )
}

/// What a client reads when the bucket is not there.
pub(crate) fn no_such_bucket(name: &BucketName) -> Fault {
    gone_bucket().with_detail("BucketName", name.as_str())
}

fn gone_bucket() -> Fault {
    Fault::new(Code::NoSuchBucket, "The specified bucket does not exist")
}

/// What a client reads when the object is not there.
pub(crate) fn no_such_key(key: &ObjectKey) -> Fault {
    gone_key().with_detail("Key", key.as_str())
}

fn gone_key() -> Fault {
    Fault::new(Code::NoSuchKey, "The specified key does not exist.")
}

/// What a client reads when the key that it names is not its tenant's, or not of this region.
pub(crate) fn no_such_kms_key() -> Fault {
    Fault::new(
        Code::KmsNotFound,
        "Invalid keyId: you have no key of this id or alias in this region. The operator makes keys; alias/onshore/default is there without and is used where none is named.",
    )
}

/// What a client reads when the upload is not there.
pub(crate) fn no_such_upload() -> Fault {
    Fault::new(
        Code::NoSuchUpload,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.",
    )
}

/// What a client reads when a condition does not hold.
pub(crate) fn precondition_failed(condition: &str) -> Fault {
    Fault::new(
        Code::PreconditionFailed,
        "At least one of the pre-conditions you specified did not hold",
    )
    .with_detail("Condition", condition)
}

fn bad_digest(name: &str) -> Fault {
    Fault::new(
        Code::BadDigest,
        format!("The {name} you specified did not match the calculated checksum."),
    )
}

fn try_again() -> Fault {
    Fault::new(
        Code::OperationAborted,
        "A conflicting operation is currently in progress against this resource. Please try again.",
    )
}
