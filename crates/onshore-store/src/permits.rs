//! What a permit opens: every store method asks here first, and a permit for anything else is refused.

use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, ByteRange, Label, ObjectKey, VersionId};

use crate::Error;
use crate::bucket::Bucket;

/// Checks what the permit may be used for.
pub(crate) fn flow(permit: &Permit, flows: &[Flow]) -> Result<(), Error> {
    if flows.contains(&permit.flow()) {
        Ok(())
    } else {
        Err(Error::PermitMismatch("flow"))
    }
}

/// Returns the bucket the permit names.
pub(crate) fn bucket(permit: &Permit) -> Result<BucketId, Error> {
    permit.bucket().ok_or(Error::PermitMismatch("bucket"))
}

/// Returns the key the permit names.
pub(crate) fn key(permit: &Permit) -> Result<&ObjectKey, Error> {
    permit.key().ok_or(Error::PermitMismatch("key"))
}

/// Returns the version the permit names.
pub(crate) fn version(permit: &Permit) -> Result<VersionId, Error> {
    permit.version().ok_or(Error::PermitMismatch("version"))
}

/// Checks that the bucket is one of the tenant whose data was judged.
pub(crate) fn tenant(permit: &Permit, bucket: &Bucket) -> Result<(), Error> {
    if permit.tenant() == bucket.tenant {
        Ok(())
    } else {
        Err(Error::PermitMismatch("tenant"))
    }
}

/// Checks that exactly this range was judged.
pub(crate) fn range(permit: &Permit, range: ByteRange) -> Result<(), Error> {
    if permit.range() == range {
        Ok(())
    } else {
        Err(Error::PermitMismatch("range"))
    }
}

/// Checks that what is now known to be so labelled was judged as strictly.
pub(crate) fn label(permit: &Permit, now: Label) -> Result<(), Error> {
    if permit.label().join(now) == permit.label() {
        Ok(())
    } else {
        Err(Error::LabelChanged { now })
    }
}
