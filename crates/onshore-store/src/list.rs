//! Listing: the keys of a bucket in the order of their UTF-8 bytes, page by page. What lies beneath a common prefix is
//! stepped over with one seek, however many keys it is.

use onshore_db::{Row, RowError, View, params};
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, ObjectKey, Timestamp, VersionId};

use crate::checksum::{ChecksumAlgorithm, ChecksumKind};
use crate::commit::permitted_bucket;
use crate::describe::{Reach, list_label};
use crate::keys_from::{Keys, successor};
use crate::{Error, Store, columns, permits};

/// Rows fetched at a time while common prefixes are expected: few, since the rest of a batch may be stepped over.
const BATCH_MIN: usize = 16;
/// Rows fetched at a time while none turns up.
const BATCH_MAX: usize = 1024;

/// Which page of a listing is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Keys begin with this.
    pub prefix: String,
    /// Keys that have this behind the prefix are rolled up to it. An empty one is none.
    pub delimiter: Option<String>,
    /// Where the page starts.
    pub start: ListStart,
    /// How many entries and common prefixes at most.
    pub limit: usize,
}

/// Where a page of a listing starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ListStart {
    /// With the first key.
    #[default]
    First,
    /// Behind this key. A common prefix that has a key behind it is told: `start-after`.
    After(String),
    /// Behind this key or common prefix, which an earlier page ended with; of a common prefix that it lies in nothing
    /// more is told: markers and continuations.
    Beyond(String),
}

/// A page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Objects.
    pub entries: Vec<ListEntry>,
    /// Rolled-up keys.
    pub common_prefixes: Vec<String>,
    /// What the page ended with, if more follows: [`ListStart::Beyond`] it is the next page.
    pub next: Option<String>,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListEntry {
    /// Its key.
    pub key: ObjectKey,
    /// Its version; none where it is not here yet.
    pub version: Option<VersionId>,
    /// Its size.
    pub size_bytes: u64,
    /// Its ETag, without quotes.
    pub etag: String,
    /// When it was written.
    pub modified: Timestamp,
    /// Which checksums it has.
    pub checksums: Vec<(ChecksumAlgorithm, ChecksumKind)>,
}

impl Store {
    /// Returns a page of the permit's bucket.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::LabelChanged`] when something stricter lies beneath the prefix than what was
    /// judged.
    pub async fn list(&self, permit: Permit, query: ListQuery) -> Result<ListPage, Error> {
        permits::flow(&permit, &[Flow::List])?;
        permits::bucket(&permit)?;
        self.inner
            .db
            .read(move |view| permitted_page(view, &permit, &query))
            .await
    }
}

/// Returns a page of the permit's bucket as it is in this state.
pub(crate) fn permitted_page(
    view: &View<'_>,
    permit: &Permit,
    query: &ListQuery,
) -> Result<ListPage, Error> {
    let bucket = permitted_bucket(view, permit)?;
    let label = list_label(view, &bucket, &query.prefix, Reach::Objects)?;
    permits::label(permit, label)?;
    page(view, bucket.id, query)
}

fn page(view: &View<'_>, bucket: BucketId, query: &ListQuery) -> Result<ListPage, Error> {
    let mut page = ListPage::default();
    if query.limit == 0 {
        return Ok(page);
    }
    let roll_up = RollUp::of(&query.prefix, query.delimiter.as_deref());
    let mut keys = roll_up.keys(query);
    let mut last = String::new();
    let mut told = 0_usize;
    let mut batch_rows = roll_up.first_batch(query.limit);
    loop {
        let rows = fetch(view, bucket, &keys, batch_rows)?;
        let is_end = rows.len() < batch_rows;
        let mut inside: Option<String> = None;
        for entry in rows {
            let key = entry.key.as_str();
            if inside
                .as_deref()
                .is_some_and(|common| key.starts_with(common))
            {
                continue;
            }
            keys.from = behind(key);
            inside = roll_up.common_prefix(key);
            if told == query.limit {
                page.next = Some(last);
                return Ok(page);
            }
            told += 1;
            match &inside {
                Some(common) => {
                    last.clone_from(common);
                    page.common_prefixes.push(common.clone());
                }
                None => {
                    key.clone_into(&mut last);
                    page.entries.push(entry);
                }
            }
        }
        if is_end {
            return Ok(page);
        }
        match inside {
            Some(common) => {
                keys.from = successor(common.as_bytes());
                batch_rows = BATCH_MIN;
            }
            None => batch_rows = (batch_rows * 2).min(BATCH_MAX),
        }
    }
}

/// How keys are rolled up to common prefixes.
pub(crate) struct RollUp<'a> {
    prefix: &'a str,
    delimiter: Option<&'a str>,
}

impl<'a> RollUp<'a> {
    /// Rolls up what has this delimiter behind this prefix; an empty one is none.
    pub(crate) fn of(prefix: &'a str, delimiter: Option<&'a str>) -> Self {
        Self {
            prefix,
            delimiter: delimiter.filter(|delimiter| !delimiter.is_empty()),
        }
    }

    /// Returns the run of keys the page is taken from.
    fn keys(&self, query: &ListQuery) -> Keys {
        let mut keys = Keys::beneath(self.prefix);
        let start = match &query.start {
            ListStart::First => return keys,
            ListStart::After(key) => behind(key),
            ListStart::Beyond(marker) => match self.common_prefix(marker) {
                Some(common) => successor(common.as_bytes()),
                None => behind(marker),
            },
        };
        if start > keys.from {
            keys.from = start;
        }
        keys
    }

    fn first_batch(&self, limit: usize) -> usize {
        match self.delimiter {
            Some(_) => BATCH_MIN,
            None => limit.saturating_add(1).min(BATCH_MAX),
        }
    }

    /// Returns what a key is rolled up to, if it is.
    pub(crate) fn common_prefix(&self, key: &str) -> Option<String> {
        let delimiter = self.delimiter?;
        let rest = key.strip_prefix(self.prefix)?;
        let at = rest.find(delimiter)?;
        let len_bytes = self.prefix.len() + at + delimiter.len();
        key.get(..len_bytes).map(str::to_owned)
    }
}

/// Returns the first byte string behind a key: the key and a zero byte.
pub(crate) fn behind(key: &str) -> Vec<u8> {
    let mut next = key.as_bytes().to_vec();
    next.push(0);
    next
}

fn fetch(
    view: &View<'_>,
    bucket: BucketId,
    keys: &Keys,
    rows: usize,
) -> Result<Vec<ListEntry>, Error> {
    Ok(view.all(
        "SELECT key, version, size, etag, modified, checksums FROM objects
         WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4",
        params![
            bucket.as_bytes(),
            keys.from,
            keys.until,
            i64::try_from(rows).unwrap_or(i64::MAX)
        ],
        entry,
    )?)
}

fn entry(row: &Row<'_>) -> Result<ListEntry, RowError> {
    Ok(ListEntry {
        key: columns::key(row, 0)?,
        version: Some(VersionId::from_bytes(columns::bytes16(row, 1)?)),
        size_bytes: columns::size(row, 2)?,
        etag: row.get(3)?,
        modified: Timestamp::from_millis(row.get(4)?),
        checksums: columns::checksums(row, 5)?,
    })
}
