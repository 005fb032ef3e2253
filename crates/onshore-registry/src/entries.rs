//! What a migration job knows of each object: listed, copied, unchanged, or an exception. Entries are paged through in
//! the order of their keys' bytes; there may be millions.

use std::fmt;
use std::str::FromStr;

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_types::{JobId, Label, Timestamp, VersionId};
use serde::{Deserialize, Serialize};

use crate::approvals::clamped;
use crate::rows::{count, parsed, parsed_opt, time_opt};
use crate::{Error, Registry};

/// Where an object of a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryState {
    /// The source listed it; nothing has been done.
    Listed,
    /// It was copied and verified by this job.
    Copied,
    /// An earlier job had copied it and neither side has changed.
    Unchanged,
    /// It is not at the destination as it is at the source; the detail says why.
    Exception,
}

/// An object as the source listed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEntry {
    /// Its key, as it would be at the destination. Text that is not a key by our rules still has an entry.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
    /// What tells this state of the object from another: a version id, an ETag, or a stamp of file times.
    pub source_version: Option<String>,
    /// When it was last modified.
    pub modified: Option<Timestamp>,
}

/// What became of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryOutcome {
    /// Where it stands.
    pub state: EntryState,
    /// SHA-256 of its bytes.
    pub sha256: Option<[u8; 32]>,
    /// How the bytes were verified against what the source vouches for.
    pub method: Option<String>,
    /// The version at the destination.
    pub destination: Option<VersionId>,
    /// The label it bears there.
    pub label: Option<Label>,
    /// Why it is an exception, or what else is worth saying.
    pub detail: Option<String>,
}

/// An object of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEntry {
    /// What the source listed.
    pub listed: ListedEntry,
    /// What became of it.
    pub outcome: EntryOutcome,
}

/// How many objects and bytes stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Objects listed, whatever became of them.
    pub listed: u64,
    /// Bytes listed.
    pub listed_bytes: u64,
    /// Objects copied.
    pub copied: u64,
    /// Bytes copied.
    pub copied_bytes: u64,
    /// Objects found unchanged.
    pub unchanged: u64,
    /// Bytes found unchanged.
    pub unchanged_bytes: u64,
    /// Objects that are exceptions.
    pub exceptions: u64,
}

const COLUMNS: &str = "SELECT key, size_bytes, source_version, modified_ms, state, sha256, method, destination, \
                       label, detail FROM job_entries";

impl EntryState {
    const ALL: [Self; 4] = [Self::Listed, Self::Copied, Self::Unchanged, Self::Exception];

    fn word(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Copied => "copied",
            Self::Unchanged => "unchanged",
            Self::Exception => "exception",
        }
    }
}

impl fmt::Display for EntryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for EntryState {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|state| state.word() == word)
            .ok_or(Error::Unreadable {
                what: "state of a job's object",
            })
    }
}

impl Registry {
    /// Saves an object as listed. One that is there already and was listed as another version or size begins anew;
    /// one that is the same keeps what became of it. Returns whether there is something to do.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_listed(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        entry: &ListedEntry,
    ) -> Result<bool, Error> {
        let changed = unit.execute(
            "INSERT INTO job_entries (job, key, size_bytes, source_version, modified_ms, state)
             VALUES (?1, ?2, ?3, ?4, ?5, 'listed')
             ON CONFLICT (job, key) DO UPDATE SET
                 size_bytes = excluded.size_bytes, source_version = excluded.source_version,
                 modified_ms = excluded.modified_ms, state = 'listed', sha256 = NULL, method = NULL,
                 destination = NULL, label = NULL, detail = NULL
             WHERE size_bytes <> excluded.size_bytes OR source_version IS NOT excluded.source_version",
            params![
                job.as_bytes(),
                entry.key,
                clamped(entry.size_bytes),
                entry.source_version,
                entry.modified.map(Timestamp::as_millis)
            ],
        )?;
        Ok(changed == 1)
    }

    /// Saves what became of an object.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_outcome(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        key: &str,
        outcome: &EntryOutcome,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE job_entries SET state = ?3, sha256 = ?4, method = ?5, destination = ?6, label = ?7, detail = ?8
             WHERE job = ?1 AND key = ?2",
            params![
                job.as_bytes(),
                key,
                outcome.state.word(),
                outcome.sha256,
                outcome.method,
                outcome.destination.as_ref().map(VersionId::as_bytes),
                outcome.label.map(|label| label.to_string()),
                outcome.detail
            ],
        )?;
        Ok(())
    }

    /// Removes an object that the source no longer lists and that was never copied.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_entry(&self, unit: &Unit<'_>, job: JobId, key: &str) -> Result<(), Error> {
        unit.execute(
            "DELETE FROM job_entries WHERE job = ?1 AND key = ?2",
            params![job.as_bytes(), key],
        )?;
        Ok(())
    }

    /// Removes all entries of a job whose knowledge a later one has taken over.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_entries(&self, unit: &Unit<'_>, job: JobId) -> Result<(), Error> {
        unit.execute("DELETE FROM job_entries WHERE job = ?1", [job.as_bytes()])?;
        Ok(())
    }

    /// Returns up to `limit` objects that wait to be copied, after a key.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn waiting_entries(
        &self,
        job: JobId,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<JobEntry>, Error> {
        self.page(
            "WHERE job = ?1 AND key >= ?2 AND state = 'listed'",
            job,
            after,
            limit,
        )
        .await
    }

    /// Returns up to `limit` objects, after a key.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn entries(
        &self,
        job: JobId,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<JobEntry>, Error> {
        self.page("WHERE job = ?1 AND key >= ?2", job, after, limit)
            .await
    }

    async fn page(
        &self,
        filter: &'static str,
        job: JobId,
        after: Option<String>,
        limit: u32,
    ) -> Result<Vec<JobEntry>, Error> {
        // The least key behind another is that with a zero byte; the least of all is the empty one.
        let from = after.map(|key| key + "\0").unwrap_or_default();
        let found = self
            .db
            .read(move |view| {
                view.all(
                    &format!("{COLUMNS} {filter} ORDER BY key LIMIT ?3"),
                    params![job.as_bytes(), from, limit],
                    entry,
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Looks up what a job knows of a key.
    ///
    /// # Errors
    /// Those of the database.
    pub fn entry(&self, view: &View<'_>, job: JobId, key: &str) -> Result<Option<JobEntry>, Error> {
        Ok(view.one(
            &format!("{COLUMNS} WHERE job = ?1 AND key = ?2"),
            params![job.as_bytes(), key],
            entry,
        )?)
    }

    /// Looks up what the newest other job of the same source, bucket and tenant knows of a key that it brought or found
    /// unchanged, however that job ended: what an unchanged object is known by.
    ///
    /// # Errors
    /// Those of the database.
    pub fn known_copy(
        &self,
        view: &View<'_>,
        fingerprint: &[u8; 32],
        besides: JobId,
        key: &str,
    ) -> Result<Option<JobEntry>, Error> {
        Ok(view.one(
            "SELECT e.key AS key, e.size_bytes AS size_bytes, e.source_version AS source_version,
                    e.modified_ms AS modified_ms, e.state AS state, e.sha256 AS sha256, e.method AS method,
                    e.destination AS destination, e.label AS label, e.detail AS detail
             FROM (SELECT id, created_ms FROM jobs WHERE fingerprint = ?1 AND id <> ?2
                   ORDER BY created_ms DESC LIMIT 32) AS j
             CROSS JOIN job_entries AS e ON e.job = j.id AND e.key = ?3
             WHERE e.state IN ('copied', 'unchanged')
             ORDER BY j.created_ms DESC LIMIT 1",
            params![fingerprint, besides.as_bytes(), key],
            entry,
        )?)
    }

    /// Counts where a job's objects stand.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tally(&self, job: JobId) -> Result<Tally, Error> {
        let rows: Vec<(EntryState, u64, u64)> =
            self.db
                .read(move |view| {
                    view.all(
                    "SELECT state, count(*) AS objects, sum(size_bytes) AS bytes FROM job_entries
                     WHERE job = ?1 GROUP BY state",
                    [job.as_bytes()],
                    |row| Ok((parsed(row, "state")?, count(row, "objects")?, count(row, "bytes")?)),
                )
                })
                .await
                .map_err(|error: onshore_db::Error| error)?;
        let mut tally = Tally::default();
        for (state, objects, bytes) in rows {
            tally.listed += objects;
            tally.listed_bytes += bytes;
            match state {
                EntryState::Listed => {}
                EntryState::Copied => (tally.copied, tally.copied_bytes) = (objects, bytes),
                EntryState::Unchanged => {
                    (tally.unchanged, tally.unchanged_bytes) = (objects, bytes);
                }
                EntryState::Exception => tally.exceptions = objects,
            }
        }
        Ok(tally)
    }
}

fn entry(row: &Row<'_>) -> Result<JobEntry, RowError> {
    let destination: Option<[u8; 16]> = row.get("destination")?;
    Ok(JobEntry {
        listed: ListedEntry {
            key: row.get("key")?,
            size_bytes: count(row, "size_bytes")?,
            source_version: row.get("source_version")?,
            modified: time_opt(row, "modified_ms")?,
        },
        outcome: EntryOutcome {
            state: parsed(row, "state")?,
            sha256: row.get("sha256")?,
            method: row.get("method")?,
            destination: destination.map(VersionId::from_bytes),
            label: parsed_opt(row, "label")?,
            detail: row.get("detail")?,
        },
    })
}
