//! Commits: makes a staged body the current version of its key, inside a unit of work. Everything that was judged
//! before the body came is compared again here: the bucket, its class, the label, the condition.

use onshore_db::{Unit, View, params};
use onshore_keys::Secret;
use onshore_policy::{Flow, Permit};
use onshore_types::{Label, Timestamp, UploadId, VersionId};

use crate::bucket::{self, Bucket};
use crate::checksum::Checksum;
use crate::customer_key::Encryption;
use crate::damage;
use crate::facts::{Body, Facts, Format, Place, Salt};
use crate::frame::BodyId;
use crate::lock::{self, Lock};
use crate::notification::Happened;
use crate::object::{Committed, NewObject, Part, WriteCondition};
use crate::outbox::{self, About};
use crate::reclaim::Owner;
use crate::replication::{self, ReplicationState};
use crate::rescan;
use crate::said::Said;
use crate::scan::{Looked, Scan, ScanStanding};
use crate::stage::{Staged, Stored};
use crate::version::{self, VersionRow};
use crate::{Error, Store, columns, permits};

/// What a new version is made of.
pub(crate) struct Assembly {
    pub(crate) size_bytes: u64,
    pub(crate) etag: String,
    pub(crate) sha256: Option<String>,
    pub(crate) checksums: Vec<Checksum>,
    pub(crate) parts: Vec<Part>,
    pub(crate) bodies: Vec<Body>,
    pub(crate) data_keys: Vec<Secret>,
    /// The upload in parts that it comes from.
    pub(crate) upload: Option<UploadId>,
    /// What was found in it.
    pub(crate) looked: Looked,
}

impl Store {
    /// Makes a staged body the current version of its key. What it
    /// replaces becomes history or is removed in the same unit, as its bucket has it.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`] when the bucket went away meanwhile; [`Error::LabelChanged`] when the label is stricter
    /// than the one that was judged: judge again and commit the same body under the new permit;
    /// [`Error::ConditionFailed`], and [`Error::NoSuchKey`] for `If-Match` without an object; for a replica
    /// [`Error::ReplicationNeedsVersioning`] and [`Error::ReplicaExists`].
    pub fn commit(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        staged: &Staged,
        object: &NewObject,
        condition: &WriteCondition,
        now: Timestamp,
    ) -> Result<Committed, Error> {
        permits::flow(permit, &[Flow::Store])?;
        same_target(permit, staged)?;
        let looked = staged
            .looked
            .clone()
            .ok_or(Error::PermitMismatch("kind of body"))?;
        looked.is_of(&Said::of_new(permits::key(permit)?, object))?;
        let assembly = Assembly {
            size_bytes: staged.size_bytes(),
            etag: staged.etag(),
            sha256: Some(hex::encode(staged.sha256())),
            checksums: staged.checksums.clone(),
            parts: staged.findings.object_parts(),
            bodies: vec![staged.as_body()],
            data_keys: vec![staged.secret.clone()],
            upload: None,
            looked,
        };
        let quotas = self.watch_quotas(unit, permit)?;
        let committed = self.put_version(unit, permit, assembly, object, condition, now)?;
        insert_body(unit, committed.version.as_bytes(), staged)?;
        quotas.check(unit)?;
        Ok(committed)
    }

    /// Writes the rows of a new version; the caller gives it its bodies.
    pub(crate) fn put_version(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        assembly: Assembly,
        object: &NewObject,
        condition: &WriteCondition,
        now: Timestamp,
    ) -> Result<Committed, Error> {
        let bucket = permitted_bucket(unit, permit)?;
        let key = permits::key(permit)?;
        let said = Label::of_declarations([object.declared, bucket.class]);
        let mut assembly = assembly;
        assembly
            .looked
            .scan
            .compare(rescan::told(unit, bucket.tenant)?);
        let label = Scan::applied(Some(&assembly.looked.scan), said);
        permits::label(permit, label)?;
        let current = version::current(unit, bucket.id, key)?;
        check(condition, current.as_ref(), &bucket)?;
        let lock = lock_of(object, &bucket, now)?;

        let version = match object.replica_of {
            None => VersionId::from_time(now, onshore_keys::random()),
            Some(origin) => replication::version_of_replica(unit, &bucket, key, origin, now)?,
        };
        let modified = modified_of(object, now);
        let replication = replication::of_new(unit, &bucket, key, version, object)?;
        let facts = Facts {
            format: Format,
            bucket: bucket.id,
            key: key.clone(),
            size_bytes: assembly.size_bytes,
            etag: assembly.etag,
            sha256: assembly.sha256,
            label: said.join(assembly.looked.scan.label),
            declared: object.declared,
            content: object.content.clone(),
            user_metadata: object.user_metadata.clone(),
            checksums: assembly.checksums,
            parts: assembly.parts,
            modified,
            original: object.original.clone(),
            encryption: object.encryption.clone(),
            upload: assembly.upload,
            scan: Some(assembly.looked.scan),
            loosened: None,
            salt: Salt(onshore_keys::random()),
            bodies: assembly.bodies,
        };
        let owner_key = self
            .inner
            .keys
            .in_view(unit, bucket.id)?
            .for_owner(version.as_bytes())?;
        let named = self
            .inner
            .kms_keys
            .usable(unit, bucket.tenant, &facts.encryption)?;
        let data_keys = match named {
            Some(named) => named.wrap(&facts.bodies, &assembly.data_keys)?,
            None => assembly.data_keys,
        };
        let sealed = facts.seal(version, &owner_key, &data_keys, &object.tags)?;

        let slot = self.make_room(unit, &bucket, key, current.as_ref(), now)?;
        unit.execute(
            "INSERT INTO objects (bucket, key, version, label, size, etag, checksums, modified, turn, naming)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                bucket.id.as_bytes(),
                key.as_str().as_bytes(),
                version.as_bytes(),
                label.to_string(),
                columns::size_column(facts.size_bytes),
                facts.etag,
                columns::checksums_column(&facts.checksums),
                modified.as_millis(),
                slot.turn,
                slot.naming.as_str(),
            ],
        )?;
        let (hold, retain_mode, retain_until) = lock::columns_of(&lock);
        unit.execute(
            "INSERT INTO versions (id, bucket, facts, wrapped, tags, hold, retain_mode, retain_until, replication)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                version.as_bytes(),
                bucket.id.as_bytes(),
                sealed.facts,
                sealed.wrapped,
                sealed.tags,
                hold,
                retain_mode,
                retain_until,
                replication.map(ReplicationState::as_str),
            ],
        )?;
        let is_put_off = facts
            .scan
            .as_ref()
            .is_some_and(|scan| scan.standing == ScanStanding::Pending);
        // Nobody here opens what a client keeps the key of.
        if is_put_off && !matches!(facts.encryption, Encryption::Customer { .. }) {
            self.put_version_off(unit, version)?;
        }
        if let Some(persons) = assembly
            .looked
            .persons
            .as_ref()
            .filter(|some| !some.is_empty())
        {
            self.keep_persons(unit, version, persons)?;
        }
        let about = About {
            key,
            version,
            naming: slot.naming,
            label,
            present: Some((facts.size_bytes, &facts.etag)),
        };
        outbox::tell(unit, permit, &bucket, Happened::Created, &about, now)?;
        Ok(Committed {
            version,
            naming: slot.naming,
            versioning: bucket.versioning,
            record: facts.record(version),
            etag: facts.etag,
            size_bytes: facts.size_bytes,
            label,
            checksums: facts.checksums,
            modified,
            salt: facts.salt.0,
            replaced: slot.replaced.map(|removed| removed.version),
            encryption: facts.encryption,
            tags: object.tags.clone(),
        })
    }

    /// Removes what a version holds and, once that is durable and nobody reads them, its files.
    pub(crate) fn remove_held(&self, unit: &Unit<'_>, version: VersionId) -> Result<(), Error> {
        self.remove_bodies(unit, *version.as_bytes())?;
        unit.execute(
            "DELETE FROM versions WHERE id = ?1",
            params![version.as_bytes()],
        )?;
        Ok(())
    }

    /// Removes the bodies an owner has left.
    pub(crate) fn remove_bodies(&self, unit: &Unit<'_>, owner: Owner) -> Result<(), Error> {
        let files = unit.all(
            "SELECT body FROM bodies WHERE owner = ?1 AND sealed IS NULL",
            params![owner],
            |row| columns::bytes16(row, 0).map(BodyId),
        )?;
        unit.execute("DELETE FROM bodies WHERE owner = ?1", params![owner])?;
        damage::forget_all(unit, owner)?;
        self.inner.reclaimer.doubt(owner, files);
        Ok(())
    }
}

impl Staged {
    pub(crate) fn as_body(&self) -> Body {
        Body {
            id: self.id,
            part: self.part,
            size_bytes: self.size_bytes(),
            place: match self.stored {
                Stored::Inline(_) => Place::Inline,
                Stored::File { .. } => Place::File,
            },
        }
    }
}

/// Checks that the permit is for what was staged.
pub(crate) fn same_target(permit: &Permit, staged: &Staged) -> Result<(), Error> {
    if permits::bucket(permit)? != staged.bucket {
        return Err(Error::PermitMismatch("bucket"));
    }
    if *permits::key(permit)? != staged.key {
        return Err(Error::PermitMismatch("key"));
    }
    Ok(())
}

/// Returns the permit's bucket as it is now.
pub(crate) fn permitted_bucket(view: &View<'_>, permit: &Permit) -> Result<Bucket, Error> {
    let bucket = bucket::by_id(view, permits::bucket(permit)?)?.ok_or(Error::NoSuchBucket)?;
    permits::tenant(permit, &bucket)?;
    Ok(bucket)
}

/// Writes the row of a body.
pub(crate) fn insert_body(unit: &Unit<'_>, owner: &Owner, staged: &Staged) -> Result<(), Error> {
    let sealed = match &staged.stored {
        Stored::Inline(sealed) => Some(sealed.as_slice()),
        Stored::File { .. } => None,
    };
    unit.execute(
        "INSERT INTO bodies (owner, part, body, sealed) VALUES (?1, ?2, ?3, ?4)",
        params![owner, staged.part, staged.id.0, sealed],
    )?;
    Ok(())
}

/// Returns the locks of a new version: what is said of it, else what its bucket has for new ones.
fn lock_of(object: &NewObject, bucket: &Bucket, now: Timestamp) -> Result<Lock, Error> {
    let Some(of_bucket) = bucket.lock else {
        return if object.lock == Lock::default() {
            Ok(Lock::default())
        } else {
            Err(Error::BucketNotLockable)
        };
    };
    let by_default = || of_bucket.default.map(|default| default.from(now));
    Ok(Lock {
        hold: object.lock.hold,
        retention: object.lock.retention.or_else(by_default),
    })
}

/// Returns when a new version was last modified: a replica and what was migrated keep the time of where they come from. What
/// counts from the arrival, as a lifecycle does, goes by the time in the version's id.
fn modified_of(object: &NewObject, now: Timestamp) -> Timestamp {
    let at_source = object.original.as_ref().and_then(|facts| facts.modified);
    object
        .replica_of
        .map(|origin| origin.time())
        .or(at_source)
        .map_or(now, |modified| modified.min(now))
}

fn check(
    condition: &WriteCondition,
    current: Option<&VersionRow>,
    bucket: &Bucket,
) -> Result<(), Error> {
    let holds = match (condition, current) {
        (WriteCondition::Always, _)
        | (WriteCondition::Absent, None)
        | (WriteCondition::Present, Some(_)) => true,
        (WriteCondition::Absent, Some(_)) => false,
        (WriteCondition::Present | WriteCondition::Matches(_), None) => {
            return Err(Error::NoSuchKey);
        }
        (WriteCondition::Matches(etags), Some(current)) => etags.contains(&current.etag),
    };
    if holds {
        return Ok(());
    }
    Err(Error::ConditionFailed {
        current: current.map(|current| (current.version, bucket.effective(current.label))),
    })
}
