//! Listing versions: every version and delete marker of a bucket, by key and then from the newest to the oldest. The
//! two tables that hold them are read side by side, a batch of each at a time.

use std::cmp::Ordering;
use std::collections::VecDeque;

use onshore_db::{Row, RowError, View, params};
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, ObjectKey, Timestamp, VersionId};

use crate::bucket::Bucket;
use crate::checksum::{ChecksumAlgorithm, ChecksumKind};
use crate::commit::permitted_bucket;
use crate::describe::{Reach, list_label};
use crate::keys_from::{Keys, successor};
use crate::list::{ListEntry, ListPage, RollUp, behind};
use crate::version::{self, Kind, Naming, VersionWish};
use crate::{Error, Store, columns, permits};

/// Rows fetched of one table at a time.
const BATCH: usize = 256;

/// Which page of a listing of versions is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionsQuery {
    /// Keys begin with this.
    pub prefix: String,
    /// Keys that have this behind the prefix are rolled up to it. An empty one is none.
    pub delimiter: Option<String>,
    /// The key (or common prefix) an earlier page ended with, and the version of it; without one, the page starts
    /// behind all versions of the key.
    pub after: Option<(String, Option<VersionWish>)>,
    /// How many versions and common prefixes at most.
    pub limit: usize,
}

/// A page of a listing of versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VersionsPage {
    /// Versions and delete markers.
    pub entries: Vec<VersionEntry>,
    /// Rolled-up keys.
    pub common_prefixes: Vec<String>,
    /// What the page ended with, if more follows.
    pub next: Option<VersionsMarker>,
}

/// What a page of versions ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionsMarker {
    /// This version of this key.
    Version(ObjectKey, VersionId, Naming),
    /// This common prefix.
    CommonPrefix(String),
}

/// A version in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionEntry {
    /// Its key.
    pub key: ObjectKey,
    /// Its id.
    pub version: VersionId,
    /// How clients name it.
    pub naming: Naming,
    /// What it is.
    pub kind: Kind,
    /// Whether it is the newest of its key.
    pub standing: Standing,
    /// Its size.
    pub size_bytes: u64,
    /// Its ETag, without quotes; empty for a delete marker.
    pub etag: String,
    /// When it was written.
    pub modified: Timestamp,
    /// When the next one took its place.
    pub superseded: Option<Timestamp>,
    /// Which checksums it has.
    pub checksums: Vec<(ChecksumAlgorithm, ChecksumKind)>,
    pub(crate) turn: i64,
}

/// Whether a version is the newest of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Latest,
    /// Another came after it.
    Earlier,
}

/// What is not here yet has no id of ours; nobody is told one.
fn version_of(entry: &ListEntry) -> VersionId {
    let made = || VersionId::from_time(entry.modified, [0; 10]);
    entry.version.unwrap_or_else(made)
}

impl VersionsPage {
    /// Makes a page of one of a bucket without versions: each key has one, which is `null`.
    #[must_use]
    pub fn of_single(page: ListPage) -> Self {
        let next = page.next.and_then(|name| {
            if page.common_prefixes.last() == Some(&name) {
                return Some(VersionsMarker::CommonPrefix(name));
            }
            let last = page.entries.last()?;
            let version = version_of(last);
            Some(VersionsMarker::Version(
                last.key.clone(),
                version,
                Naming::Null,
            ))
        });
        let entries = page.entries.into_iter().map(|entry| VersionEntry {
            version: version_of(&entry),
            key: entry.key,
            naming: Naming::Null,
            kind: Kind::Object,
            standing: Standing::Latest,
            size_bytes: entry.size_bytes,
            etag: entry.etag,
            modified: entry.modified,
            superseded: None,
            checksums: entry.checksums,
            turn: 0,
        });
        Self {
            entries: entries.collect(),
            common_prefixes: page.common_prefixes,
            next,
        }
    }
}

impl Store {
    /// Returns a page of the versions in the permit's bucket.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn list_versions(
        &self,
        permit: Permit,
        query: VersionsQuery,
    ) -> Result<VersionsPage, Error> {
        permits::flow(&permit, &[Flow::List])?;
        permits::bucket(&permit)?;
        self.inner
            .db
            .read(move |view| {
                let bucket = permitted_bucket(view, &permit)?;
                let label = list_label(view, &bucket, &query.prefix, Reach::Versions)?;
                permits::label(&permit, label)?;
                page(view, &bucket, &query)
            })
            .await
    }
}

fn page(view: &View<'_>, bucket: &Bucket, query: &VersionsQuery) -> Result<VersionsPage, Error> {
    let mut page = VersionsPage::default();
    if query.limit == 0 {
        return Ok(page);
    }
    let roll_up = RollUp::of(&query.prefix, query.delimiter.as_deref());
    let mut versions = Versions::start(view, bucket, &roll_up, query)?;
    let mut last = None;
    let mut told = 0_usize;
    while let Some(entry) = versions.next(view)? {
        if told == query.limit {
            page.next = last;
            return Ok(page);
        }
        told += 1;
        match roll_up.common_prefix(entry.key.as_str()) {
            Some(common) => {
                versions.skip_to(&successor(common.as_bytes()));
                page.common_prefixes.push(common.clone());
                last = Some(VersionsMarker::CommonPrefix(common));
            }
            None => {
                last = Some(VersionsMarker::Version(
                    entry.key.clone(),
                    entry.version,
                    entry.naming,
                ));
                page.entries.push(entry);
            }
        }
    }
    Ok(page)
}

/// The versions of a run of keys in their order, read from both tables.
pub(crate) struct Versions {
    bucket: BucketId,
    until: Vec<u8>,
    objects: Run,
    history: Run,
    /// The key of the last one, by which the first of a key is told.
    last_key: Option<ObjectKey>,
}

/// What is read ahead of one table, and where to go on.
struct Run {
    ahead: VecDeque<VersionEntry>,
    from: Vec<u8>,
    /// Of the key that `from` is: the turn behind which to go on.
    turn: i64,
    is_over: bool,
}

impl Run {
    fn new(from: Vec<u8>, turn: i64) -> Self {
        Self {
            ahead: VecDeque::new(),
            from,
            turn,
            is_over: false,
        }
    }

    fn skip_to(&mut self, from: &[u8]) {
        self.ahead
            .retain(|entry| entry.key.as_str().as_bytes() >= from);
        if self.from.as_slice() < from {
            self.from = from.to_vec();
            self.turn = i64::MAX;
        }
    }
}

impl Versions {
    fn start(
        view: &View<'_>,
        bucket: &Bucket,
        roll_up: &RollUp<'_>,
        query: &VersionsQuery,
    ) -> Result<Self, Error> {
        let keys = Keys::beneath(&query.prefix);
        let mut start = (keys.from.clone(), i64::MAX);
        let mut last_key = None;
        if let Some((marker, version)) = &query.after {
            let behind = match (roll_up.common_prefix(marker), version) {
                (Some(common), _) => (successor(common.as_bytes()), i64::MAX),
                (None, None) => (behind(marker), i64::MAX),
                (None, Some(wish)) => {
                    let key = ObjectKey::parse(marker.clone()).ok();
                    let turn = match &key {
                        Some(key) => turn_of(view, bucket, key, *wish)?,
                        None => i64::MIN,
                    };
                    last_key = key;
                    (marker.as_bytes().to_vec(), turn)
                }
            };
            if behind.0 >= start.0 {
                start = behind;
            }
        }
        let (from, turn) = start;
        Ok(Self::behind(bucket.id, keys.until, from, turn, last_key))
    }

    /// Goes through a whole bucket: from its start, or behind this turn of this key.
    pub(crate) fn of_bucket(bucket: &Bucket, after: Option<(&ObjectKey, i64)>) -> Self {
        Self::beneath(bucket, "", after)
    }

    /// Goes through all beneath a prefix: from its start, or behind this turn of this key.
    pub(crate) fn beneath(bucket: &Bucket, prefix: &str, after: Option<(&ObjectKey, i64)>) -> Self {
        let keys = Keys::beneath(prefix);
        match after {
            None => Self::behind(bucket.id, keys.until, keys.from, i64::MAX, None),
            Some((key, turn)) => {
                let from = key.as_str().as_bytes().to_vec();
                Self::behind(bucket.id, keys.until, from, turn, Some(key.clone()))
            }
        }
    }

    fn behind(
        bucket: BucketId,
        until: Vec<u8>,
        from: Vec<u8>,
        turn: i64,
        last_key: Option<ObjectKey>,
    ) -> Self {
        // The row in `objects` is the newest of its key: behind any version of that key there is none.
        let objects_from = match turn {
            i64::MAX => from.clone(),
            _ => [from.as_slice(), &[0]].concat(),
        };
        Self {
            bucket,
            until,
            objects: Run::new(objects_from, i64::MAX),
            history: Run::new(from, turn),
            last_key,
        }
    }

    pub(crate) fn next(&mut self, view: &View<'_>) -> Result<Option<VersionEntry>, Error> {
        self.fill_objects(view)?;
        self.fill_history(view)?;
        let order = match (self.objects.ahead.front(), self.history.ahead.front()) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(object), Some(past)) => {
                (object.key.as_str(), past.turn).cmp(&(past.key.as_str(), object.turn))
            }
        };
        let next = match order {
            Ordering::Less | Ordering::Equal => self.objects.ahead.pop_front(),
            Ordering::Greater => self.history.ahead.pop_front(),
        };
        Ok(next.map(|mut entry| {
            if self.last_key.as_ref() != Some(&entry.key) {
                entry.standing = Standing::Latest;
                self.last_key = Some(entry.key.clone());
            }
            entry
        }))
    }

    fn skip_to(&mut self, from: &[u8]) {
        self.objects.skip_to(from);
        self.history.skip_to(from);
    }

    fn fill_objects(&mut self, view: &View<'_>) -> Result<(), Error> {
        if !self.objects.ahead.is_empty() || self.objects.is_over {
            return Ok(());
        }
        let rows = view.all(
            "SELECT key, version, naming, 'object', size, etag, modified, NULL, checksums, turn FROM objects
             WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4",
            params![self.bucket.as_bytes(), self.objects.from, self.until, i64_of(BATCH)],
            entry,
        )?;
        self.objects.is_over = rows.len() < BATCH;
        if let Some(last) = rows.last() {
            self.objects.from = behind(last.key.as_str());
        }
        self.objects.ahead = rows.into();
        Ok(())
    }

    fn fill_history(&mut self, view: &View<'_>) -> Result<(), Error> {
        if !self.history.ahead.is_empty() || self.history.is_over {
            return Ok(());
        }
        let Run { from, turn, .. } = &self.history;
        // The rest of the key that was begun, then the keys behind it: each is one run of the table's own order.
        let mut rows = view.all(
            "SELECT key, version, naming, kind, size, etag, modified, superseded, checksums, turn FROM history
             WHERE bucket = ?1 AND key = ?2 AND key < ?3 AND turn < ?4 ORDER BY turn DESC LIMIT ?5",
            params![self.bucket.as_bytes(), from, self.until, turn, i64_of(BATCH)],
            entry,
        )?;
        if rows.len() < BATCH {
            let room = BATCH - rows.len();
            let behind = view.all(
                "SELECT key, version, naming, kind, size, etag, modified, superseded, checksums, turn FROM history
                 WHERE bucket = ?1 AND key > ?2 AND key < ?3 ORDER BY key, turn DESC LIMIT ?4",
                params![self.bucket.as_bytes(), from, self.until, i64_of(room)],
                entry,
            )?;
            self.history.is_over = behind.len() < room;
            rows.extend(behind);
        }
        if let Some(last) = rows.last() {
            self.history.from = last.key.as_str().as_bytes().to_vec();
            self.history.turn = last.turn;
        }
        self.history.ahead = rows.into();
        Ok(())
    }
}

/// Returns the turn behind which a listing goes on. A version that is gone by now stood where its id, which begins with
/// its time, stands among the ids of its key.
fn turn_of(
    view: &View<'_>,
    bucket: &Bucket,
    key: &ObjectKey,
    wish: VersionWish,
) -> Result<i64, Error> {
    if let Some(row) = version::find(view, bucket, key, wish)? {
        return Ok(row.turn);
    }
    let VersionWish::Id(version) = wish else {
        return Ok(i64::MIN);
    };
    let next = view.one(
        "SELECT max(turn) FROM history WHERE bucket = ?1 AND key = ?2 AND version < ?3",
        params![
            bucket.id.as_bytes(),
            key.as_str().as_bytes(),
            version.as_bytes()
        ],
        |row| row.get::<_, Option<i64>>(0),
    )?;
    Ok(next
        .flatten()
        .map_or(i64::MIN, |turn| turn.saturating_add(1)))
}

fn i64_of(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

fn entry(row: &Row<'_>) -> Result<VersionEntry, RowError> {
    Ok(VersionEntry {
        key: columns::key(row, 0)?,
        version: VersionId::from_bytes(columns::bytes16(row, 1)?),
        naming: Naming::of_row(row, 2)?,
        kind: Kind::of_row(row, 3)?,
        standing: Standing::Earlier,
        size_bytes: columns::size(row, 4)?,
        etag: row.get(5)?,
        modified: Timestamp::from_millis(row.get(6)?),
        superseded: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_millis),
        checksums: columns::checksums(row, 8)?,
        turn: row.get(9)?,
    })
}
