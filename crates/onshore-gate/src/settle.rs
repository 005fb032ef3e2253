//! Changes, recorded in the unit of work that makes them: neither is ever there without the other.

use onshore_db::Unit;
use onshore_journal::Leaf;
use onshore_ledger::{Disclosure, commitment};
use onshore_policy::Permit;
use onshore_types::{BucketId, Label, LeafIndex, TenantId, Timestamp, VersionId};
use serde_json::{Value, json};

use crate::gate::{body, salt};
use crate::{Error, Gate};

/// What was stored.
#[derive(Debug, Clone)]
pub struct StoredFact {
    /// Whose it is.
    pub tenant: TenantId,
    /// In which bucket.
    pub bucket: BucketId,
    /// As which version.
    pub version: VersionId,
    /// With which label.
    pub label: Label,
    /// How many bytes.
    pub size_bytes: u64,
    /// The version it took the place of.
    pub replaced: Option<VersionId>,
    /// Everything about it, the key included; kept beside the version.
    pub record: Value,
    /// The salt of the commitment; kept beside the version and destroyed with it.
    pub salt: [u8; 32],
}

/// What was removed.
#[derive(Debug, Clone, Copy)]
pub struct RemovedFact {
    /// Whose it was.
    pub tenant: TenantId,
    /// In which bucket.
    pub bucket: BucketId,
    /// Which version.
    pub version: VersionId,
    /// Its label.
    pub label: Label,
}

/// What was to be erased and is locked.
#[derive(Debug, Clone, Copy)]
pub struct PostponedFact {
    /// Whose it is.
    pub tenant: TenantId,
    /// In which bucket.
    pub bucket: BucketId,
    /// Which version.
    pub version: VersionId,
    /// Until when it is retained; none where it is held.
    pub until: Option<Timestamp>,
}

impl Gate {
    /// Records that a version was stored.
    ///
    /// # Errors
    /// [`Error::EpochChanged`] when the permit is of another epoch; those of the journal.
    pub fn settle_stored(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        stored: &StoredFact,
    ) -> Result<LeafIndex, Error> {
        let rest = json!({
            "operation": permit.operation(),
            "principal": permit.principal().id,
            "tenant": stored.tenant,
            "bucket": stored.bucket,
            "version": stored.version,
            "replaced": stored.replaced,
            "label": stored.label,
            "size_bytes": stored.size_bytes,
            "from": permit.from().to_string(),
            "rule": permit.basis().rule(),
            "record": commitment(&stored.salt, &stored.record)?,
        });
        self.settle(unit, permit, "stored", rest, None)
    }

    /// Records that a version was removed.
    ///
    /// # Errors
    /// [`Error::EpochChanged`] when the permit is of another epoch; those of the journal.
    pub fn settle_removed(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        removed: &RemovedFact,
    ) -> Result<LeafIndex, Error> {
        self.settle_gone(unit, permit, "removed", removed)
    }

    /// Records that a version was erased: removed, and what opens it destroyed for good.
    ///
    /// # Errors
    /// [`Error::EpochChanged`] when the permit is of another epoch; those of the journal.
    pub fn settle_erased(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        erased: &RemovedFact,
    ) -> Result<LeafIndex, Error> {
        self.settle_gone(unit, permit, "erased", erased)
    }

    /// Records that a version was to be erased and is locked.
    ///
    /// # Errors
    /// [`Error::EpochChanged`] when the permit is of another epoch; those of the journal.
    pub fn settle_erasure_postponed(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        postponed: &PostponedFact,
    ) -> Result<LeafIndex, Error> {
        let rest = json!({
            "operation": permit.operation(),
            "principal": permit.principal().id,
            "tenant": postponed.tenant,
            "bucket": postponed.bucket,
            "version": postponed.version,
            "until": postponed.until,
        });
        self.settle(unit, permit, "erasure.postponed", rest, None)
    }

    /// Records a change that stores no bytes: a bucket made or removed, tags, an upload begun or given up. The record
    /// tells it in full; the leaf only commits to it.
    ///
    /// # Errors
    /// [`Error::EpochChanged`] when the permit is of another epoch; those of the journal.
    pub fn settle_changed(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        record: Value,
    ) -> Result<LeafIndex, Error> {
        let rest = json!({
            "operation": permit.operation(),
            "principal": permit.principal().id,
            "tenant": permit.tenant(),
            "bucket": permit.bucket(),
            "version": permit.version(),
        });
        self.settle(
            unit,
            permit,
            "changed",
            rest,
            Some(Disclosure {
                salt: salt(),
                record,
            }),
        )
    }

    /// Records that masked examples of what was found in a version are about to be shown, so many of each kind. It is recorded
    /// before anything is read.
    ///
    /// # Errors
    /// [`Error::EpochChanged`] when the permit is of another epoch; those of the journal.
    pub fn settle_sampled(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        each_max: u64,
    ) -> Result<LeafIndex, Error> {
        let rest = json!({
            "operation": permit.operation(),
            "principal": permit.principal().id,
            "tenant": permit.tenant(),
            "bucket": permit.bucket(),
            "version": permit.version(),
            "label": permit.label(),
            "each_max": each_max,
            "to": permit.to().to_string(),
        });
        let record = json!({ "key": permit.key() });
        let disclosure = Disclosure {
            salt: salt(),
            record,
        };
        self.settle(unit, permit, "sampled", rest, Some(disclosure))
    }

    fn settle_gone(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        kind: &str,
        gone: &RemovedFact,
    ) -> Result<LeafIndex, Error> {
        let rest = json!({
            "operation": permit.operation(),
            "principal": permit.principal().id,
            "tenant": gone.tenant,
            "bucket": gone.bucket,
            "version": gone.version,
            "label": gone.label,
        });
        self.settle(unit, permit, kind, rest, None)
    }

    fn settle(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        kind: &str,
        rest: Value,
        disclosure: Option<Disclosure>,
    ) -> Result<LeafIndex, Error> {
        let (rules, now) = (self.inner.rules(), self.now());
        let is_judged = permit.epoch() == rules.epoch && !self.inner.is_turning(now);
        if !is_judged && !self.inner.holds_still(permit, now) {
            return Err(Error::EpochChanged);
        }
        let leaf = Leaf {
            time: now,
            body: body(kind, rules.epoch, rest),
            disclosure,
        };
        Ok(self.inner.journal.record(unit, leaf)?)
    }
}
