//! Erasing for good: a version goes as in any removal, its data keys and the salt of its record with it, and that it
//! was erased is noted by its id alone, so that whoever keeps a copy of what opens it destroys that too (decision 0018).
//! A lock is stronger: what is locked stays, and that it was asked for is told.

use std::collections::HashSet;

use onshore_db::{Database, Unit, View, params};
use onshore_policy::Permit;
use onshore_types::{BucketId, BucketName, ObjectKey, Timestamp, VersionId};

use crate::bucket::Bucket;
use crate::lock::{self, Governance};
use crate::notification::Happened;
use crate::object::Removed;
use crate::outbox::{self, About};
use crate::reclaim::Owner;
use crate::version::{self, Kind, Table, VersionRow, VersionWish};
use crate::{Error, SecretOwner, Store, columns};

/// What is to be erased of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasureWish {
    /// This version.
    Version(VersionWish),
    /// Every version and delete marker.
    Every,
}

/// How far an erasure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Erasing {
    /// Nothing is left to look at.
    Done,
    /// What comes behind this turn is still to be looked at.
    Behind(i64),
}

/// What an erasure did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erasure {
    /// What is gone.
    pub erased: Vec<Removed>,
    /// What is locked, and stays.
    pub postponed: Vec<Postponed>,
    /// Whether there is more.
    pub progress: Erasing,
}

/// A version that could not be erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Postponed {
    /// Which.
    pub version: VersionId,
    /// Until when it is retained; none where it is held until somebody lets it go.
    pub until: Option<Timestamp>,
}

/// How many versions go in one unit of work.
const AT_ONCE: usize = 500;

impl Store {
    /// Erases versions of the permit's key. A delete marker stays as long as it hides something that is locked. Those behind `from` where a first call did not come to the end. Nothing is
    /// erased where there is no such version.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::VersionGone`] when the permit names another version.
    pub fn erase(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        key: &ObjectKey,
        (wish, from): (ErasureWish, Option<i64>),
        now: Timestamp,
    ) -> Result<Erasure, Error> {
        let bucket = version::permitted_removal(unit, permit, key)?;
        let (rows, progress) = match wish {
            ErasureWish::Version(wish) => {
                let row = version::find(unit, &bucket, key, wish)?;
                (row.into_iter().collect(), Erasing::Done)
            }
            ErasureWish::Every => next_rows(unit, &bucket, key, from)?,
        };
        let mut erasure = Erasure {
            erased: Vec::new(),
            postponed: Vec::new(),
            progress,
        };
        for row in rows {
            if wish == ErasureWish::Every
                && row.kind == Kind::Marker
                && hides_something(unit, bucket.id, key, row.turn)?
            {
                continue;
            }
            if row.kind == Kind::Object && bucket.lock.is_some() {
                let lock = lock::of_version(unit, row.version)?;
                if !lock.allows_removal(Governance::Kept, now) {
                    erasure.postponed.push(Postponed {
                        version: row.version,
                        until: lock.retention.map(|retention| retention.until),
                    });
                    continue;
                }
            }
            self.discard(unit, bucket.id, key, &row)?;
            unit.execute(
                "INSERT OR IGNORE INTO erased (owner) VALUES (?1)",
                params![row.version.as_bytes()],
            )?;
            let about = About::gone(key, &row);
            outbox::tell(unit, permit, &bucket, Happened::Removed, &about, now)?;
            erasure.erased.push(row.as_removed());
        }
        // Not before all were looked at: what is promoted would be looked at again.
        if progress == Erasing::Done {
            version::promote(unit, bucket.id, key)?;
        }
        Ok(erasure)
    }
}

/// Returns the versions and uploads that were erased, so that what opens them is destroyed wherever it is kept.
///
/// # Errors
/// Those of the database.
pub fn erased(db: &Database) -> Result<Vec<SecretOwner>, onshore_db::Error> {
    db.read_blocking(|view| {
        view.all("SELECT owner FROM erased", params![], |row| {
            columns::bytes16(row, 0)
        })
    })
}

/// Notes versions that were erased elsewhere, so that whoever keeps what opens copies of them hears of it from here too.
///
/// # Errors
/// Those of the database.
pub fn note_erased(unit: &Unit<'_>, owners: &[SecretOwner]) -> Result<(), Error> {
    for owner in owners {
        unit.execute(
            "INSERT OR IGNORE INTO erased (owner) VALUES (?1)",
            params![owner],
        )?;
    }
    Ok(())
}

/// Returns the versions that a database has of a key, without asking for more of its tables than every version of
/// Onshore has: it may be an old copy.
///
/// # Errors
/// Those of the database.
pub fn versions_in(
    view: &View<'_>,
    bucket: &BucketName,
    key: &ObjectKey,
) -> Result<Vec<SecretOwner>, onshore_db::Error> {
    let mut found = Vec::new();
    for table in ["objects", "history"] {
        found.extend(view.all(
            &format!(
                "SELECT version FROM {table} WHERE key = ?2 AND bucket = (SELECT id FROM buckets WHERE name = ?1)"
            ),
            params![bucket.as_str(), key.as_str().as_bytes()],
            |row| columns::bytes16(row, 0),
        )?);
    }
    Ok(found)
}

/// Removes versions and uploads from a database that nobody serves: what opened them is destroyed. Their files are not
/// touched.
///
/// # Errors
/// Those of the database.
pub fn forget_erased(unit: &Unit<'_>, owners: &HashSet<SecretOwner>) -> Result<(), Error> {
    let current = keys_of(unit, owners, "SELECT version, bucket, key FROM objects")?;
    let earlier = keys_of(unit, owners, "SELECT version, bucket, key FROM history")?;
    for owner in owners {
        forget(unit, owner)?;
    }
    for (bucket, key) in &current {
        unit.execute(
            "DELETE FROM objects WHERE bucket = ?1 AND key = ?2",
            params![bucket.as_bytes(), key.as_str().as_bytes()],
        )?;
    }
    for (bucket, key) in current.iter().chain(&earlier) {
        version::promote(unit, *bucket, key)?;
    }
    Ok(())
}

/// Returns the keys that rows of these owners are about.
fn keys_of(
    unit: &Unit<'_>,
    owners: &HashSet<SecretOwner>,
    sql: &str,
) -> Result<HashSet<(BucketId, ObjectKey)>, Error> {
    let mut keys = HashSet::new();
    unit.each(sql, params![], |row| {
        if owners.contains(&columns::bytes16(row, 0)?) {
            let bucket = BucketId::from_bytes(columns::bytes16(row, 1)?);
            keys.insert((bucket, columns::key(row, 2)?));
        }
        Ok(())
    })?;
    Ok(keys)
}

fn forget(unit: &Unit<'_>, owner: &Owner) -> Result<(), Error> {
    for sql in [
        "DELETE FROM history WHERE version = ?1",
        "DELETE FROM versions WHERE id = ?1",
        "DELETE FROM bodies WHERE owner = ?1",
        "DELETE FROM damaged WHERE owner = ?1",
        "DELETE FROM replications WHERE version = ?1",
        "DELETE FROM parts WHERE upload = ?1",
        "DELETE FROM uploads WHERE id = ?1",
    ] {
        unit.execute(sql, params![owner])?;
    }
    Ok(())
}

/// Whether there are objects of a key before this turn: what comes to be erased before was erased, so they are locked.
fn hides_something(
    unit: &Unit<'_>,
    bucket: BucketId,
    key: &ObjectKey,
    turn: i64,
) -> Result<bool, Error> {
    let found = unit.one(
        "SELECT 1 FROM history WHERE bucket = ?1 AND key = ?2 AND turn < ?3 AND kind = 'object'",
        params![bucket.as_bytes(), key.as_str().as_bytes(), turn],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

/// Returns the next versions of a key, oldest first.
fn next_rows(
    unit: &Unit<'_>,
    bucket: &Bucket,
    key: &ObjectKey,
    from: Option<i64>,
) -> Result<(Vec<VersionRow>, Erasing), Error> {
    let mut rows = unit.all(
        &format!(
            "SELECT {} FROM history WHERE bucket = ?1 AND key = ?2 AND turn > ?3 ORDER BY turn LIMIT {AT_ONCE}",
            version::OF_HISTORY
        ),
        params![
            bucket.id.as_bytes(),
            key.as_str().as_bytes(),
            from.unwrap_or(i64::MIN)
        ],
        |row| version::from_row(row, Table::History),
    )?;
    match rows.last() {
        Some(last) if rows.len() == AT_ONCE => {
            let behind = last.turn;
            Ok((rows, Erasing::Behind(behind)))
        }
        _ => {
            rows.extend(version::current(unit, bucket.id, key)?);
            Ok((rows, Erasing::Done))
        }
    }
}
