//! Commits: makes a staged body the current version of its key, inside a unit of work. Everything that was judged
//! before the body came is compared again here: the bucket, its class, the label, the condition.

use onshore_db::{Unit, View, params};
use onshore_keys::Secret;
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, Label, ObjectKey, Timestamp, VersionId};

use crate::bucket::{self, Bucket};
use crate::checksum::Checksum;
use crate::facts::{Body, Facts, Format, Place, Salt};
use crate::frame::BodyId;
use crate::object::{Committed, NewObject, Part, Removed, WriteCondition};
use crate::reclaim::Owner;
use crate::stage::{Staged, Stored};
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
}

/// The version a key points to.
pub(crate) struct Current {
    pub(crate) version: VersionId,
    pub(crate) label: Label,
    pub(crate) size_bytes: u64,
    pub(crate) etag: String,
}

impl Store {
    /// Makes a staged body the current version of its key. What it replaces is removed in the same unit.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`] when the bucket went away meanwhile; [`Error::LabelChanged`] when the label is stricter
    /// than the one that was judged: judge again and commit the same body under the new permit;
    /// [`Error::ConditionFailed`], and [`Error::NoSuchKey`] for `If-Match` without an object.
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
        let assembly = Assembly {
            size_bytes: staged.size_bytes(),
            etag: staged.etag(),
            sha256: Some(hex::encode(staged.sha256())),
            checksums: staged.checksums.clone(),
            parts: staged.findings.object_parts(),
            bodies: vec![staged.as_body()],
            data_keys: vec![staged.secret.clone()],
        };
        let committed = self.put_version(unit, permit, assembly, object, condition, now)?;
        insert_body(unit, committed.version.as_bytes(), staged)?;
        Ok(committed)
    }

    /// Removes the object of the permit's key; none when there is no such object.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::VersionGone`] when the permit names a version that is no longer the current.
    pub fn remove(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        key: &ObjectKey,
    ) -> Result<Option<Removed>, Error> {
        permits::flow(permit, &[Flow::Change])?;
        if permits::key(permit)? != key {
            return Err(Error::PermitMismatch("key"));
        }
        let bucket = permitted_bucket(unit, permit)?;
        let Some(current) = current(unit, bucket.id, key)? else {
            return Ok(None);
        };
        if permit
            .version()
            .is_some_and(|judged| judged != current.version)
        {
            return Err(Error::VersionGone);
        }
        unit.execute(
            "DELETE FROM objects WHERE bucket = ?1 AND key = ?2",
            params![bucket.id.as_bytes(), key.as_str().as_bytes()],
        )?;
        self.remove_version(unit, current.version)?;
        Ok(Some(Removed {
            version: current.version,
            label: current.label,
            size_bytes: current.size_bytes,
        }))
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
        let label = Label::of_declarations([object.declared, bucket.class]);
        permits::label(permit, label)?;
        let current = current(unit, bucket.id, key)?;
        check(condition, current.as_ref(), &bucket)?;

        let version = VersionId::from_time(now, onshore_keys::random());
        let facts = Facts {
            format: Format,
            bucket: bucket.id,
            key: key.clone(),
            size_bytes: assembly.size_bytes,
            etag: assembly.etag,
            sha256: assembly.sha256,
            label,
            declared: object.declared,
            content: object.content.clone(),
            user_metadata: object.user_metadata.clone(),
            checksums: assembly.checksums,
            parts: assembly.parts,
            modified: now,
            original: object.original.clone(),
            salt: Salt(onshore_keys::random()),
            bodies: assembly.bodies,
        };
        let owner_key = self
            .inner
            .keys
            .in_view(unit, bucket.id)?
            .for_owner(version.as_bytes())?;
        let sealed = facts.seal(version, &owner_key, &assembly.data_keys, &object.tags)?;

        if let Some(replaced) = &current {
            self.remove_version(unit, replaced.version)?;
        }
        unit.execute(
            "INSERT INTO objects (bucket, key, version, label, size, etag, checksums, modified)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (bucket, key) DO UPDATE SET version = ?3, label = ?4, size = ?5, etag = ?6, checksums = ?7, modified = ?8",
            params![
                bucket.id.as_bytes(),
                key.as_str().as_bytes(),
                version.as_bytes(),
                label.to_string(),
                columns::size_column(facts.size_bytes),
                facts.etag,
                columns::checksums_column(&facts.checksums),
                now.as_millis()
            ],
        )?;
        unit.execute(
            "INSERT INTO versions (id, bucket, facts, wrapped, tags) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                version.as_bytes(),
                bucket.id.as_bytes(),
                sealed.facts,
                sealed.wrapped,
                sealed.tags
            ],
        )?;
        Ok(Committed {
            version,
            record: facts.record(version),
            etag: facts.etag,
            size_bytes: facts.size_bytes,
            label,
            checksums: facts.checksums,
            modified: now,
            salt: facts.salt.0,
            replaced: current.map(|current| current.version),
        })
    }

    /// Removes the rows of a version and, once that is durable and nobody reads them, its files.
    fn remove_version(&self, unit: &Unit<'_>, version: VersionId) -> Result<(), Error> {
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

/// Returns the version a key points to.
pub(crate) fn current(
    view: &View<'_>,
    bucket: BucketId,
    key: &ObjectKey,
) -> Result<Option<Current>, Error> {
    Ok(view.one(
        "SELECT version, label, size, etag FROM objects WHERE bucket = ?1 AND key = ?2",
        params![bucket.as_bytes(), key.as_str().as_bytes()],
        |row| {
            Ok(Current {
                version: VersionId::from_bytes(columns::bytes16(row, 0)?),
                label: columns::label(row, 1)?,
                size_bytes: columns::size(row, 2)?,
                etag: row.get(3)?,
            })
        },
    )?)
}

fn check(
    condition: &WriteCondition,
    current: Option<&Current>,
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
