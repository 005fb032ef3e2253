//! The versions of a key: which one is current, what becomes of it when another comes, what is promoted when it goes.
//!
//! The rules are those of the S3 user guide, "Retaining multiple versions of objects with S3 Versioning". The order of a
//! key's versions is that of their turns, which are counted up key by key: clocks jump, turns do not. What has a row in
//! `objects` is the newest turn of its key; a key whose newest turn is a delete marker has none.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, Label, ObjectKey, Timestamp, VersionId};

use crate::bucket::{Bucket, Versioning};
use crate::commit::permitted_bucket;
use crate::lock::{self, Governance};
use crate::notification::Happened;
use crate::object::{Marked, Removal, Removed};
use crate::outbox::{self, About};
use crate::replication;
use crate::scan::Looked;
use crate::{Error, Store, columns, cutover, permits};

/// Which version of a key is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VersionWish {
    /// The newest.
    #[default]
    Current,
    /// The one that was written while the bucket was not versioned.
    Null,
    /// This one.
    Id(VersionId),
}

/// How clients name a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// By its id.
    Own,
    /// `null`: it was written while the bucket was not versioned.
    Null,
}

/// What a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An object.
    Object,
    /// A sign that the key was deleted.
    Marker,
}

/// A version as its row tells of it.
#[derive(Debug, Clone)]
pub(crate) struct VersionRow {
    pub(crate) version: VersionId,
    pub(crate) naming: Naming,
    pub(crate) kind: Kind,
    pub(crate) turn: i64,
    pub(crate) label: Label,
    pub(crate) size_bytes: u64,
    pub(crate) etag: String,
    pub(crate) table: Table,
}

/// Where a version's row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    Objects,
    History,
}

/// Where a delete marker comes from.
#[derive(Debug, Clone, Copy)]
enum Origin {
    /// Somebody deletes the key here. Where it never had a version, this is what its name makes of it.
    Here(Label),
    /// It is the replica of this one, which has this label.
    Replica(VersionId, Label),
    /// It was made at this time in another cloud.
    Source(Timestamp),
}

/// The place a new version takes.
pub(crate) struct Slot {
    pub(crate) turn: i64,
    pub(crate) naming: Naming,
    /// The version that is gone for it.
    pub(crate) replaced: Option<Removed>,
}

const OF_OBJECTS: &str = "version, naming, 'object', turn, label, size, etag";
pub(crate) const OF_HISTORY: &str = "version, naming, kind, turn, label, size, etag";

impl Naming {
    const ALL: [Self; 2] = [Self::Own, Self::Null];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Null => "null",
        }
    }

    pub(crate) fn of_row(row: &Row<'_>, column: usize) -> Result<Self, RowError> {
        columns::word(row, column, &Self::ALL, Self::as_str)
    }
}

impl Kind {
    const ALL: [Self; 2] = [Self::Object, Self::Marker];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Marker => "marker",
        }
    }

    pub(crate) fn of_row(row: &Row<'_>, column: usize) -> Result<Self, RowError> {
        columns::word(row, column, &Self::ALL, Self::as_str)
    }
}

impl VersionRow {
    pub(crate) fn as_removed(&self) -> Removed {
        Removed {
            version: self.version,
            naming: self.naming,
            kind: self.kind,
            label: self.label,
            size_bytes: self.size_bytes,
        }
    }
}

impl Store {
    /// Deletes the permit's key: in a versioned bucket its newest version is hidden behind a delete marker, in another
    /// its object is removed.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::VersionGone`] when the permit names a version that is not the current.
    pub fn remove(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        key: &ObjectKey,
        now: Timestamp,
    ) -> Result<Removal, Error> {
        self.remove_as(unit, permit, key, Origin::Here(Label::GENERAL), now)
    }

    /// The same with a key that was looked through: a delete marker of a key that never had a version is as strict as what is in
    /// its name.
    ///
    /// # Errors
    /// As [`Store::remove`], and [`Error::PermitMismatch`] if something else was looked through.
    pub fn remove_looked(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        key: &ObjectKey,
        looked: &Looked,
        now: Timestamp,
    ) -> Result<Removal, Error> {
        looked.is_of_key(key)?;
        let label = looked.label(Label::GENERAL);
        self.remove_as(unit, permit, key, Origin::Here(label), now)
    }

    /// Hides the permit's key behind the replica of a delete marker of another region, which is at least as strict.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::ReplicationNeedsVersioning`]; [`Error::ReplicaExists`].
    pub fn hide(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        key: &ObjectKey,
        origin: (VersionId, Label),
        now: Timestamp,
    ) -> Result<Removal, Error> {
        let (of, label) = origin;
        self.remove_as(unit, permit, key, Origin::Replica(of, label), now)
    }

    /// Hides the permit's key behind a delete marker that another cloud made at that time.
    ///
    /// # Errors
    /// As [`Store::remove`].
    pub fn hide_since(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        key: &ObjectKey,
        modified: Timestamp,
        now: Timestamp,
    ) -> Result<Removal, Error> {
        self.remove_as(unit, permit, key, Origin::Source(modified), now)
    }

    fn remove_as(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        key: &ObjectKey,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Removal, Error> {
        let bucket = permitted_removal(unit, permit, key)?;
        let current = current(unit, bucket.id, key)?;
        let replica = match origin {
            Origin::Replica(of, _) => Some(replication::version_of_replica(
                unit, &bucket, key, of, now,
            )?),
            Origin::Here(_) | Origin::Source(_) => None,
        };
        if let Some(judged) = permit.version()
            && current.as_ref().map(|row| row.version) != Some(judged)
        {
            return Err(Error::VersionGone);
        }
        if bucket.versioning == Versioning::Off {
            let Some(row) = current else {
                cutover::note_change(unit, bucket.id, key, true)?;
                return Ok(Removal::Nothing);
            };
            self.discard(unit, bucket.id, key, &row)?;
            let about = About::gone(key, &row);
            outbox::tell(unit, permit, &bucket, Happened::Removed, &about, now)?;
            return Ok(Removal::Removed(row.as_removed()));
        }
        if current.is_none() {
            cutover::note_change(unit, bucket.id, key, true)?;
        }
        let label = match &current {
            Some(row) => row.label,
            // A marker on a marker hides the same.
            None => newest_of_history(unit, bucket.id, key)?.map_or_else(
                || {
                    let of_bucket = Label::of_declarations([None, bucket.class]);
                    match origin {
                        Origin::Here(of_name) => of_bucket.join(of_name),
                        Origin::Replica(..) | Origin::Source(_) => of_bucket,
                    }
                },
                |row| row.label,
            ),
        };
        let (label, modified) = match origin {
            Origin::Here(_) => (label, now),
            Origin::Replica(of, its) => (label.join(its), of.time().min(now)),
            Origin::Source(modified) => (label, modified.min(now)),
        };
        let slot = self.make_room(unit, &bucket, key, current.as_ref(), now)?;
        let marker = replica.unwrap_or_else(|| VersionId::from_time(now, onshore_keys::random()));
        unit.execute(
            "INSERT INTO history (bucket, key, turn, version, naming, kind, label, size, etag, checksums, modified)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, '', '[]', ?8)",
            params![
                bucket.id.as_bytes(),
                key.as_str().as_bytes(),
                slot.turn,
                marker.as_bytes(),
                slot.naming.as_str(),
                Kind::Marker.as_str(),
                label.to_string(),
                modified.as_millis(),
            ],
        )?;
        if replica.is_none() {
            replication::of_marker(unit, &bucket, key, marker)?;
        }
        let about = About {
            key,
            version: marker,
            naming: slot.naming,
            label,
            present: None,
        };
        outbox::tell(unit, permit, &bucket, Happened::Marked, &about, now)?;
        Ok(Removal::Marked(Marked {
            marker,
            naming: slot.naming,
            label,
            replaced: slot.replaced,
        }))
    }

    /// Removes one version of the permit's key for good, object or delete marker; none when there is no such version.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::Locked`]; [`Error::VersionGone`] when the permit names another version.
    pub fn remove_version(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        key: &ObjectKey,
        wish: VersionWish,
        governance: Governance,
        now: Timestamp,
    ) -> Result<Option<Removed>, Error> {
        let bucket = permitted_removal(unit, permit, key)?;
        let Some(row) = find(unit, &bucket, key, wish)? else {
            return Ok(None);
        };
        if permit.version().is_some_and(|judged| judged != row.version) {
            return Err(Error::VersionGone);
        }
        if row.kind == Kind::Object
            && bucket.lock.is_some()
            && !lock::of_version(unit, row.version)?.allows_removal(governance, now)
        {
            return Err(Error::Locked);
        }
        self.discard(unit, bucket.id, key, &row)?;
        promote(unit, bucket.id, key)?;
        let about = About::gone(key, &row);
        outbox::tell(unit, permit, &bucket, Happened::Removed, &about, now)?;
        Ok(Some(row.as_removed()))
    }

    /// Makes room for a new version of a key: what is current becomes history or goes, as the bucket has it.
    pub(crate) fn make_room(
        &self,
        unit: &Unit<'_>,
        bucket: &Bucket,
        key: &ObjectKey,
        current: Option<&VersionRow>,
        now: Timestamp,
    ) -> Result<Slot, Error> {
        if bucket.versioning == Versioning::Off {
            if let Some(row) = current {
                self.discard(unit, bucket.id, key, row)?;
            }
            return Ok(Slot {
                turn: 0,
                naming: Naming::Null,
                replaced: current.map(VersionRow::as_removed),
            });
        }
        let newest = match current {
            Some(row) => Some(row.clone()),
            None => newest_of_history(unit, bucket.id, key)?,
        };
        let turn = newest.as_ref().map_or(1, |row| row.turn.saturating_add(1));
        if let Some(row) = &newest {
            supersede(unit, bucket.id, key, row, now)?;
        }
        if bucket.versioning == Versioning::Enabled {
            return Ok(Slot {
                turn,
                naming: Naming::Own,
                replaced: None,
            });
        }
        let null = find(unit, bucket, key, VersionWish::Null)?;
        if let Some(row) = &null {
            self.discard(unit, bucket.id, key, row)?;
        }
        Ok(Slot {
            turn,
            naming: Naming::Null,
            replaced: null.as_ref().map(VersionRow::as_removed),
        })
    }

    /// Removes the row of a version in the order of its key, and what it held.
    pub(crate) fn discard(
        &self,
        unit: &Unit<'_>,
        bucket: BucketId,
        key: &ObjectKey,
        row: &VersionRow,
    ) -> Result<(), Error> {
        match row.table {
            Table::Objects => unit.execute(
                "DELETE FROM objects WHERE bucket = ?1 AND key = ?2",
                params![bucket.as_bytes(), key.as_str().as_bytes()],
            )?,
            Table::History => unit.execute(
                "DELETE FROM history WHERE bucket = ?1 AND key = ?2 AND turn = ?3",
                params![bucket.as_bytes(), key.as_str().as_bytes(), row.turn],
            )?,
        };
        match row.kind {
            Kind::Object => self.remove_held(unit, row.version),
            Kind::Marker => Ok(()),
        }
    }
}

/// Checks a permit to remove something of a key, and returns the bucket as it is now.
pub(crate) fn permitted_removal(
    unit: &Unit<'_>,
    permit: &Permit,
    key: &ObjectKey,
) -> Result<Bucket, Error> {
    permits::flow(permit, &[Flow::Change])?;
    if permits::key(permit)? != key {
        return Err(Error::PermitMismatch("key"));
    }
    permitted_bucket(unit, permit)
}

/// Returns the object a key stands for.
pub(crate) fn current(
    view: &View<'_>,
    bucket: BucketId,
    key: &ObjectKey,
) -> Result<Option<VersionRow>, Error> {
    Ok(view.one(
        &format!("SELECT {OF_OBJECTS} FROM objects WHERE bucket = ?1 AND key = ?2"),
        params![bucket.as_bytes(), key.as_str().as_bytes()],
        |row| from_row(row, Table::Objects),
    )?)
}

/// Finds a version of a key; as the current one of a deleted key its delete marker.
pub(crate) fn find(
    view: &View<'_>,
    bucket: &Bucket,
    key: &ObjectKey,
    wish: VersionWish,
) -> Result<Option<VersionRow>, Error> {
    let current = current(view, bucket.id, key)?;
    let fits = |row: &VersionRow| match wish {
        VersionWish::Current => true,
        VersionWish::Null => row.naming == Naming::Null,
        VersionWish::Id(version) => row.version == version,
    };
    if current.as_ref().is_some_and(fits) {
        return Ok(current);
    }
    if bucket.versioning == Versioning::Off {
        return Ok(None);
    }
    let (bucket, key) = (bucket.id, key.as_str().as_bytes());
    let read = |row: &Row<'_>| from_row(row, Table::History);
    Ok(match wish {
        VersionWish::Current => view.one(
            &format!(
                "SELECT {OF_HISTORY} FROM history WHERE bucket = ?1 AND key = ?2 ORDER BY turn DESC LIMIT 1"
            ),
            params![bucket.as_bytes(), key],
            read,
        )?,
        VersionWish::Null => view.one(
            &format!(
                "SELECT {OF_HISTORY} FROM history WHERE bucket = ?1 AND key = ?2 AND naming = 'null'"
            ),
            params![bucket.as_bytes(), key],
            read,
        )?,
        VersionWish::Id(version) => view.one(
            &format!(
                "SELECT {OF_HISTORY} FROM history WHERE version = ?3 AND bucket = ?1 AND key = ?2"
            ),
            params![bucket.as_bytes(), key, version.as_bytes()],
            read,
        )?,
    })
}

fn newest_of_history(
    view: &View<'_>,
    bucket: BucketId,
    key: &ObjectKey,
) -> Result<Option<VersionRow>, Error> {
    Ok(view.one(
        &format!(
            "SELECT {OF_HISTORY} FROM history WHERE bucket = ?1 AND key = ?2 ORDER BY turn DESC LIMIT 1"
        ),
        params![bucket.as_bytes(), key.as_str().as_bytes()],
        |row| from_row(row, Table::History),
    )?)
}

/// Makes the newest version of a key an earlier one.
fn supersede(
    unit: &Unit<'_>,
    bucket: BucketId,
    key: &ObjectKey,
    row: &VersionRow,
    now: Timestamp,
) -> Result<(), Error> {
    let (bucket, key) = (bucket.as_bytes(), key.as_str().as_bytes());
    match row.table {
        Table::Objects => {
            unit.execute(
                "INSERT INTO history (bucket, key, turn, version, naming, kind, label, size, etag, checksums, modified, superseded)
                 SELECT bucket, key, turn, version, naming, 'object', label, size, etag, checksums, modified, ?3
                 FROM objects WHERE bucket = ?1 AND key = ?2",
                params![bucket, key, now.as_millis()],
            )?;
            unit.execute(
                "DELETE FROM objects WHERE bucket = ?1 AND key = ?2",
                params![bucket, key],
            )?;
        }
        Table::History => {
            unit.execute(
                "UPDATE history SET superseded = ?4 WHERE bucket = ?1 AND key = ?2 AND turn = ?3",
                params![bucket, key, row.turn, now.as_millis()],
            )?;
        }
    }
    Ok(())
}

/// Makes the newest version that is left of a key its current one.
pub(crate) fn promote(unit: &Unit<'_>, bucket: BucketId, key: &ObjectKey) -> Result<(), Error> {
    if current(unit, bucket, key)?.is_some() {
        return Ok(());
    }
    let Some(row) = newest_of_history(unit, bucket, key)? else {
        return Ok(());
    };
    let (bucket, key) = (bucket.as_bytes(), key.as_str().as_bytes());
    if row.kind == Kind::Marker {
        unit.execute(
            "UPDATE history SET superseded = NULL WHERE bucket = ?1 AND key = ?2 AND turn = ?3",
            params![bucket, key, row.turn],
        )?;
        return Ok(());
    }
    unit.execute(
        "INSERT INTO objects (bucket, key, version, label, size, etag, checksums, modified, turn, naming)
         SELECT bucket, key, version, label, size, etag, checksums, modified, turn, naming
         FROM history WHERE bucket = ?1 AND key = ?2 AND turn = ?3",
        params![bucket, key, row.turn],
    )?;
    unit.execute(
        "DELETE FROM history WHERE bucket = ?1 AND key = ?2 AND turn = ?3",
        params![bucket, key, row.turn],
    )?;
    Ok(())
}

pub(crate) fn from_row(row: &Row<'_>, table: Table) -> Result<VersionRow, RowError> {
    Ok(VersionRow {
        version: VersionId::from_bytes(columns::bytes16(row, 0)?),
        naming: Naming::of_row(row, 1)?,
        kind: Kind::of_row(row, 2)?,
        turn: row.get(3)?,
        label: columns::label(row, 4)?,
        size_bytes: columns::size(row, 5)?,
        etag: row.get(6)?,
        table,
    })
}
