//! The proof that a transfer was permitted: the only key to the store, good for one transfer and one only.

use onshore_types::{BucketId, ByteRange, ExportId, Label, ObjectKey, Place, TenantId, VersionId};

use crate::transfer::{Flow, Principal, Transfer};
use crate::verdict::{Basis, Grant};

/// A permitted transfer. It has private fields, one constructor and no `Clone`: who holds one was permitted exactly
/// this flow of this bucket, key, version, label and range, once.
///
/// It cannot be built from its fields:
///
/// ```compile_fail,E0451
/// fn forged(permit: onshore_policy::Permit, epoch: u64) -> onshore_policy::Permit {
///     onshore_policy::Permit { epoch, ..permit }
/// }
/// ```
///
/// nor can it be used twice:
///
/// ```compile_fail,E0599
/// fn doubled(permit: onshore_policy::Permit) -> (onshore_policy::Permit, onshore_policy::Permit) {
///     (permit.clone(), permit)
/// }
/// ```
///
/// and the grant it is issued for comes from a decision alone:
///
/// ```compile_fail,E0451
/// fn granted(tenant: onshore_types::TenantId) -> onshore_policy::Grant {
///     onshore_policy::Grant { basis: onshore_policy::Basis::Inside, tenant }
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a permit is spent by the transfer it was issued for"]
pub struct Permit {
    transfer: Transfer,
    tenant: TenantId,
    basis: Basis,
    epoch: u64,
    export: Option<ExportId>,
}

impl Permit {
    /// Issues the permit for a transfer that was granted. The gate alone calls this, after it has reserved and recorded
    /// what the grant's basis demands; a lint bans it everywhere else.
    pub fn issue(transfer: &Transfer, grant: Grant, epoch: u64, export: Option<ExportId>) -> Self {
        let (tenant, basis) = grant.into_parts();
        Self {
            transfer: transfer.clone(),
            tenant,
            basis,
            epoch,
            export,
        }
    }

    /// Returns what was permitted.
    #[must_use]
    pub fn transfer(&self) -> &Transfer {
        &self.transfer
    }

    /// Returns who was permitted.
    #[must_use]
    pub fn principal(&self) -> &Principal {
        &self.transfer.principal
    }

    /// Returns the S3 name of the operation, or `Migrate`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.transfer.operation
    }

    /// Returns the tenant whose data it is.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Returns which store action it opens.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.transfer.flow
    }

    /// Returns the bucket it is bound to.
    #[must_use]
    pub fn bucket(&self) -> Option<BucketId> {
        self.transfer.subject.bucket
    }

    /// Returns the key it is bound to.
    #[must_use]
    pub fn key(&self) -> Option<&ObjectKey> {
        self.transfer.subject.key.as_ref()
    }

    /// Returns the version it is bound to.
    #[must_use]
    pub fn version(&self) -> Option<VersionId> {
        self.transfer.subject.version
    }

    /// Returns the label that was judged: what is stricter was not permitted.
    #[must_use]
    pub fn label(&self) -> Label {
        self.transfer.subject.label
    }

    /// Returns the bytes that were judged.
    #[must_use]
    pub fn range(&self) -> ByteRange {
        self.transfer.subject.range
    }

    /// Returns where the transfer starts.
    #[must_use]
    pub fn from(&self) -> Place {
        self.transfer.from
    }

    /// Returns where the transfer ends.
    #[must_use]
    pub fn to(&self) -> Place {
        self.transfer.to
    }

    /// Returns why it was permitted.
    #[must_use]
    pub fn basis(&self) -> Basis {
        self.basis
    }

    /// Returns the configuration epoch under which it was judged.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Returns the export that was reserved for it, when the basis is an approval and bytes go out.
    #[must_use]
    pub fn export(&self) -> Option<ExportId> {
        self.export
    }
}
