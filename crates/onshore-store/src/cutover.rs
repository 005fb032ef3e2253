//! A bucket that is cut over from another cloud: what somebody changed here since that began. A key whose object went is a
//! tombstone: nothing of it may come from the other cloud any more. One that was written belongs to whoever wrote it here.
//!
//! Triggers of the schema note every key whose object comes or goes, whatever the way; whoever brings something from the
//! other cloud says so in the same unit of work ([`Store::note_arrival`]), and then nothing was changed here.

use onshore_db::{Unit, View, params};
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, ObjectKey, VersionId};

use crate::commit::permitted_bucket;
use crate::keys_from::Keys;
use crate::list::{self, ListPage, ListQuery, RollUp};
use crate::{Bucket, Error, Store, columns, permits, version};

/// What a key of a bucket that is cut over stands for here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStanding {
    /// This version; as it came from the other cloud, or as it was before.
    Here(VersionId),
    /// This version, which somebody wrote here.
    Written(VersionId),
    /// Nothing any more: somebody removed it here, or it is hidden behind a delete marker.
    Removed,
    /// Nothing yet: the other cloud may have it.
    Unknown,
    /// Nothing, and the other cloud has nothing of the bucket any more: all is here, or it was called off.
    Over,
}

/// How a name of another cloud's listing stands beside what is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// It counts.
    Counts,
    /// It does not: the key was removed here, or nothing of the bucket is there any more.
    Removed,
    /// It is a common prefix, and something beneath it was removed here: whether anything is left is to be looked for.
    Doubtful,
}

/// A key of a bucket that is or was cut over, and that somebody changed here since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedKey {
    /// The key.
    pub key: ObjectKey,
    /// Whether its object went.
    pub is_gone: bool,
    /// How often it was changed behind the first time: whoever carries the change further settles what it saw.
    pub changes: u32,
}

impl Store {
    /// Begins to note what is changed in the permit's bucket.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub fn begin_cutover(&self, unit: &Unit<'_>, permit: &Permit) -> Result<Bucket, Error> {
        permits::flow(permit, &[Flow::Change])?;
        let bucket = permitted_bucket(unit, permit)?;
        unit.execute(
            "INSERT INTO pulled_buckets (bucket, pulls) VALUES (?1, 1) ON CONFLICT (bucket) DO UPDATE SET pulls = 1",
            params![bucket.id.as_bytes()],
        )?;
        Ok(bucket)
    }

    /// Ends that the other cloud has something of a bucket; what is changed is noted further, so that it goes before that when
    /// the bucket is cut over once more.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_pull(&self, unit: &Unit<'_>, bucket: BucketId) -> Result<(), Error> {
        unit.execute(
            "UPDATE pulled_buckets SET pulls = 0 WHERE bucket = ?1",
            params![bucket.as_bytes()],
        )?;
        Ok(())
    }

    /// Ends it, and forgets what was noted.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_cutover(&self, unit: &Unit<'_>, bucket: BucketId) -> Result<(), Error> {
        unit.execute(
            "DELETE FROM pulled_buckets WHERE bucket = ?1",
            params![bucket.as_bytes()],
        )?;
        unit.execute(
            "DELETE FROM changed_keys WHERE bucket = ?1",
            params![bucket.as_bytes()],
        )?;
        Ok(())
    }

    /// Returns up to `limit` keys behind one that were changed here and noted, in the order of their bytes.
    ///
    /// # Errors
    /// Those of the database.
    pub fn changed_keys(
        &self,
        view: &View<'_>,
        bucket: BucketId,
        after: Option<&ObjectKey>,
        limit: u32,
    ) -> Result<Vec<ChangedKey>, Error> {
        let after = after.map_or(&b""[..], |key| key.as_str().as_bytes());
        Ok(view.all(
            "SELECT key, gone, changes FROM changed_keys WHERE bucket = ?1 AND key > ?2 ORDER BY key LIMIT ?3",
            params![bucket.as_bytes(), after, limit],
            |row| {
                Ok(ChangedKey {
                    key: columns::key(row, 0)?,
                    is_gone: row.get(1)?,
                    changes: row.get(2)?,
                })
            },
        )?)
    }

    /// Returns how many keys were changed here and are noted.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count_changed_keys(&self, view: &View<'_>, bucket: BucketId) -> Result<u64, Error> {
        let found = view.one(
            "SELECT count(*) FROM changed_keys WHERE bucket = ?1",
            params![bucket.as_bytes()],
            |row| row.get::<_, i64>(0),
        )?;
        Ok(found.map_or(0, i64::cast_unsigned))
    }

    /// Forgets that a key was changed here, unless it was changed once more since that was seen.
    ///
    /// # Errors
    /// Those of the database.
    pub fn settle_change(
        &self,
        unit: &Unit<'_>,
        bucket: BucketId,
        seen: &ChangedKey,
    ) -> Result<(), Error> {
        unit.execute(
            "DELETE FROM changed_keys WHERE bucket = ?1 AND key = ?2 AND changes = ?3",
            params![
                bucket.as_bytes(),
                seen.key.as_str().as_bytes(),
                seen.changes
            ],
        )?;
        Ok(())
    }

    /// Says what a key stands for here.
    ///
    /// # Errors
    /// Those of the database.
    pub fn key_standing(
        &self,
        view: &View<'_>,
        bucket: BucketId,
        key: &ObjectKey,
    ) -> Result<KeyStanding, Error> {
        let changed = change_of(view, bucket, key)?;
        let current = version::current(view, bucket, key)?;
        Ok(match (current, changed) {
            (Some(row), None) => KeyStanding::Here(row.version),
            (Some(row), Some(_)) => KeyStanding::Written(row.version),
            (None, Some(_)) => KeyStanding::Removed,
            (None, None) if has_history(view, bucket, &Keys::only(key))? => KeyStanding::Removed,
            (None, None) if is_pulled(view, bucket)? => KeyStanding::Unknown,
            (None, None) => KeyStanding::Over,
        })
    }

    /// Notes that what a key stands for now is what the other cloud has: nothing was changed here.
    ///
    /// # Errors
    /// Those of the database.
    pub fn note_arrival(
        &self,
        unit: &Unit<'_>,
        bucket: BucketId,
        key: &ObjectKey,
    ) -> Result<(), Error> {
        unit.execute(
            "DELETE FROM changed_keys WHERE bucket = ?1 AND key = ?2",
            params![bucket.as_bytes(), key.as_str().as_bytes()],
        )?;
        Ok(())
    }

    /// Returns a page of the permit's bucket, and in the same state of it how each of these names stands beside it: keys of
    /// the other cloud, and what the query rolls keys up to there.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn list_beside(
        &self,
        permit: Permit,
        query: ListQuery,
        names: Vec<String>,
    ) -> Result<(ListPage, Vec<Beside>), Error> {
        permits::flow(&permit, &[Flow::List])?;
        permits::bucket(&permit)?;
        self.inner
            .db
            .read(move |view| {
                let page = list::permitted_page(view, &permit, &query)?;
                let bucket = permits::bucket(&permit)?;
                if !is_pulled(view, bucket)? {
                    return Ok((page, vec![Beside::Removed; names.len()]));
                }
                let roll_up = RollUp::of(&query.prefix, query.delimiter.as_deref());
                let stands = names
                    .iter()
                    .map(|name| beside(view, bucket, &roll_up, name));
                let beside = stands.collect::<Result<_, Error>>()?;
                Ok((page, beside))
            })
            .await
    }
}

/// Notes that somebody changed what a key stands for, where no row of it came or went.
pub(crate) fn note_change(
    unit: &Unit<'_>,
    bucket: BucketId,
    key: &ObjectKey,
    is_gone: bool,
) -> Result<(), Error> {
    unit.execute(
        "INSERT INTO changed_keys (bucket, key, gone)
         SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM pulled_buckets WHERE bucket = ?1)
         ON CONFLICT (bucket, key) DO UPDATE SET gone = excluded.gone, changes = changes + 1",
        params![bucket.as_bytes(), key.as_str().as_bytes(), is_gone],
    )?;
    Ok(())
}

/// Whether what the other cloud has belongs to the bucket too.
pub(crate) fn is_pulled(view: &View<'_>, bucket: BucketId) -> Result<bool, Error> {
    let found = view.one(
        "SELECT 1 FROM pulled_buckets WHERE bucket = ?1 AND pulls = 1",
        params![bucket.as_bytes()],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}

fn beside(
    view: &View<'_>,
    bucket: BucketId,
    roll_up: &RollUp<'_>,
    name: &str,
) -> Result<Beside, Error> {
    let is_common = roll_up.common_prefix(name).as_deref() == Some(name);
    let keys = match (is_common, ObjectKey::parse(name)) {
        (true, _) => Keys::beneath(name),
        (false, Ok(key)) => Keys::only(&key),
        (false, Err(_)) => return Ok(Beside::Counts),
    };
    let gone = view.one(
        "SELECT 1 FROM changed_keys WHERE bucket = ?1 AND key >= ?2 AND key < ?3 AND gone = 1 LIMIT 1",
        params![bucket.as_bytes(), keys.from, keys.until],
        |_| Ok(()),
    )?;
    let is_touched = gone.is_some() || has_history(view, bucket, &keys)?;
    Ok(match (is_touched, is_common) {
        (false, _) => Beside::Counts,
        (true, true) => Beside::Doubtful,
        (true, false) => Beside::Removed,
    })
}

fn change_of(view: &View<'_>, bucket: BucketId, key: &ObjectKey) -> Result<Option<bool>, Error> {
    Ok(view.one(
        "SELECT gone FROM changed_keys WHERE bucket = ?1 AND key = ?2",
        params![bucket.as_bytes(), key.as_str().as_bytes()],
        |row| row.get(0),
    )?)
}

fn has_history(view: &View<'_>, bucket: BucketId, keys: &Keys) -> Result<bool, Error> {
    let found = view.one(
        "SELECT 1 FROM history WHERE bucket = ?1 AND key >= ?2 AND key < ?3 LIMIT 1",
        params![bucket.as_bytes(), keys.from, keys.until],
        |_| Ok(()),
    )?;
    Ok(found.is_some())
}
