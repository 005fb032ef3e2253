//! Which versions of a bucket were read since an instant: from the records of ordinary reads, and from the leaves of exports.

use std::collections::BTreeSet;

use onshore_db::{View, params};
use onshore_types::{BucketId, LeafIndex, Timestamp, VersionId};
use serde::Deserialize;

use crate::marks::first_at;
use crate::{Error, Journal};

/// Rows read at once.
const PAGE: i64 = 4096;

/// What was read since an instant, as far as that is on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadVersions {
    /// From when on all reads are on record.
    pub recorded_from: Timestamp,
    /// The versions that were read.
    pub versions: BTreeSet<VersionId>,
}

/// As much of a record or leaf as tells which version of which bucket was read.
#[derive(Deserialize)]
struct Peek {
    kind: Option<String>,
    bucket: Option<BucketId>,
    version: Option<VersionId>,
    /// Of the leaf that says that records went: before when they were recorded.
    before: Option<Timestamp>,
}

impl Journal {
    /// Finds the versions of a bucket that were read since an instant.
    ///
    /// # Errors
    /// Those of the database and of the ledger's rules.
    pub async fn read_versions(
        &self,
        bucket: BucketId,
        since: Timestamp,
    ) -> Result<ReadVersions, Error> {
        let mut read = ReadVersions {
            recorded_from: since,
            versions: BTreeSet::new(),
        };
        let first = self
            .inner
            .db
            .read(move |view| first_since(view, since))
            .await?;
        let mut next = Some(first);
        while let Some(from) = next {
            let page = self
                .inner
                .db
                .read(move |view| leaves_from(view, from))
                .await?;
            next = page.last().map(|(index, _)| index + 1);
            for (_, body) in page {
                read.leaf(&peek(&body)?, bucket);
            }
        }
        let mut next = Some((first.cast_signed(), -1));
        while let Some(from) = next {
            let page = self
                .inner
                .db
                .read(move |view| records_behind(view, from))
                .await?;
            next = page.last().map(|(leaf, seq, _)| (*leaf, *seq));
            for (_, _, record) in page {
                read.version(&peek(&record)?, bucket);
            }
        }
        Ok(read)
    }
}

impl ReadVersions {
    fn leaf(&mut self, peek: &Peek, bucket: BucketId) {
        match peek.kind.as_deref() {
            Some("export.opened") => self.version(peek, bucket),
            Some("reads.removed") => {
                let before = peek.before.unwrap_or(self.recorded_from);
                self.recorded_from = self.recorded_from.max(before);
            }
            Some(_) | None => {}
        }
    }

    fn version(&mut self, peek: &Peek, bucket: BucketId) {
        if peek.bucket == Some(bucket) {
            self.versions.extend(peek.version);
        }
    }
}

fn peek(bytes: &[u8]) -> Result<Peek, Error> {
    serde_json::from_slice(bytes).map_err(|error| onshore_ledger::Error::Json(error).into())
}

/// Returns the first leaf that is not older than an instant.
fn first_since(view: &View<'_>, since: Timestamp) -> Result<LeafIndex, onshore_db::Error> {
    let size: Option<i64> =
        view.one("SELECT coalesce(max(idx) + 1, 0) FROM leaves", [], |row| {
            row.get(0)
        })?;
    first_at(view, since, size.map_or(0, i64::cast_unsigned))
}

fn leaves_from(
    view: &View<'_>,
    from: LeafIndex,
) -> Result<Vec<(LeafIndex, Vec<u8>)>, onshore_db::Error> {
    view.all(
        "SELECT idx, body FROM leaves WHERE idx >= ?1 ORDER BY idx LIMIT ?2",
        params![from.cast_signed(), PAGE],
        |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)),
    )
}

/// Returns records of reads behind one of them.
fn records_behind(
    view: &View<'_>,
    (leaf, seq): (i64, i64),
) -> Result<Vec<(i64, i64, Vec<u8>)>, onshore_db::Error> {
    view.all(
        "SELECT leaf, seq, record FROM read_records WHERE (leaf, seq) > (?1, ?2) ORDER BY leaf, seq LIMIT ?3",
        params![leaf, seq, PAGE],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}
