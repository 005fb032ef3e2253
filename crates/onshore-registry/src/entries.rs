//! What a migration job knows of each object, or of each version and delete marker of it: listed, copied, unchanged, or an
//! exception. Entries are paged through in the order of their keys' bytes; there may be millions.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_types::{JobId, Label, LeafIndex, Timestamp, UploadId, VersionId};
use serde::{Deserialize, Serialize};

use crate::approvals::clamped;
use crate::rows::{bytes16, count, parsed, parsed_opt, time_opt};
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

/// What a source listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// An object, or a version of one.
    Object,
    /// A delete marker.
    Marker,
    /// Something that could not be looked into, so that whatever lies in it was not listed.
    Gap,
}

/// An object as the source listed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEntry {
    /// Its key, as it would be at the destination. Text that is not a key by our rules still has an entry.
    pub key: String,
    /// The source's name for the version; none where what is current alone is listed.
    pub version: Option<String>,
    /// How many versions of the key were newer when this was listed.
    pub newer: u32,
    /// What it is.
    pub kind: EntryKind,
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
    /// The leaf of the decision that let it in.
    pub leaf: Option<LeafIndex>,
}

/// In which listing, and on which page of it, something was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The round of the listing.
    pub round: u32,
    /// The page, from 0; none when something else than a listing told of it.
    pub page: Option<u32>,
}

impl Sighting {
    /// Beside every listing.
    pub const BESIDE: Self = Self {
        round: 0,
        page: None,
    };
}

/// An object of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEntry {
    /// What the source listed.
    pub listed: ListedEntry,
    /// What became of it.
    pub outcome: EntryOutcome,
    /// The last version at the destination that the job made of it, or found there, whatever became of it since.
    pub brought: Option<VersionId>,
    /// Where it was seen last.
    pub seen: Sighting,
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
    /// Objects removed at the destination because the source has removed them.
    #[serde(default)]
    pub removed: u64,
}

/// An entry among those of a job: by its key, and by its version where versions are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryId {
    /// Its key.
    pub key: String,
    /// Its version.
    pub version: Option<String>,
}

/// What the entries of a job are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// Keys, each as it is now.
    Keys,
    /// Versions of keys.
    Versions,
}

/// Something that an earlier listing told of and the newest does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vanished {
    /// The job that knows of it.
    pub job: JobId,
    /// What that job knows.
    pub entry: JobEntry,
}

const COLUMNS: &str = "SELECT key, version, newer, kind, size_bytes, source_version, modified_ms, state, sha256, method, \
                       destination, label, detail, brought, seen, page, leaf FROM job_entries";

/// An entry that a listing tells of, or that was brought, and what of it begins anew when it is another.
static SAVE_LISTED: LazyLock<String> = LazyLock::new(|| {
    let anew =
        "(size_bytes <> excluded.size_bytes OR source_version IS NOT excluded.source_version)";
    let kept = ["sha256", "method", "destination", "label", "detail", "leaf"]
        .map(|column| format!("{column} = CASE WHEN {anew} THEN NULL ELSE {column} END"))
        .join(", ");
    format!(
        "INSERT INTO job_entries (job, key, version, seen, newer, kind, size_bytes, source_version, modified_ms, page, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 'listed')
         ON CONFLICT (job, key, version) DO UPDATE SET
             seen = max(seen, excluded.seen), newer = excluded.newer, page = coalesce(excluded.page, page),
             kind = CASE WHEN {anew} THEN excluded.kind ELSE kind END,
             modified_ms = CASE WHEN {anew} THEN excluded.modified_ms ELSE modified_ms END,
             state = CASE WHEN {anew} THEN 'listed' ELSE state END,
             {kept}, size_bytes = excluded.size_bytes, source_version = excluded.source_version
         WHERE excluded.page IS NULL OR page IS NULL OR seen <> excluded.seen"
    )
});

/// How many earlier jobs of the same source are asked what they know.
const JOBS_ASKED: u32 = 32;

impl EntryKind {
    const ALL: [Self; 3] = [Self::Object, Self::Marker, Self::Gap];

    fn word(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Marker => "marker",
            Self::Gap => "gap",
        }
    }
}

impl FromStr for EntryKind {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or(Error::Unreadable {
                what: "kind of a job's object",
            })
    }
}

impl ListedEntry {
    /// Returns what it goes by.
    #[must_use]
    pub fn id(&self) -> EntryId {
        EntryId {
            key: self.key.clone(),
            version: self.version.clone(),
        }
    }
}

impl EntryId {
    /// No version is named by nothing.
    pub(crate) fn version_column(&self) -> &str {
        self.version.as_deref().unwrap_or_default()
    }
}

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
    /// Saves an object as a listing, or whoever brought it, has it. One that is there already and was of another version or size
    /// begins anew; one that is the same keeps what became of it. What a listing names once more counts where it was named first,
    /// as it was then: the answer is `false`, and nothing is saved.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_listed(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        seen: Sighting,
        entry: &ListedEntry,
    ) -> Result<bool, Error> {
        let id = entry.id();
        let saved = unit.execute(
            &SAVE_LISTED,
            params![
                job.as_bytes(),
                entry.key,
                id.version_column(),
                seen.round,
                entry.newer,
                entry.kind.word(),
                clamped(entry.size_bytes),
                entry.source_version,
                entry.modified.map(Timestamp::as_millis),
                seen.page
            ],
        )?;
        Ok(saved == 1)
    }

    /// Saves what became of an object.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_outcome(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        id: &EntryId,
        outcome: &EntryOutcome,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE job_entries SET state = ?4, sha256 = ?5, method = ?6, destination = ?7, label = ?8, detail = ?9,
                    leaf = ?10, brought = coalesce(?7, brought), worker = CASE WHEN destination IS ?7 THEN worker END
             WHERE job = ?1 AND key = ?2 AND version = ?3",
            params![
                job.as_bytes(),
                id.key,
                id.version_column(),
                outcome.state.word(),
                outcome.sha256,
                outcome.method,
                outcome.destination.as_ref().map(VersionId::as_bytes),
                outcome.label.map(|label| label.to_string()),
                outcome.detail,
                outcome.leaf.map(LeafIndex::cast_signed)
            ],
        )?;
        Ok(())
    }

    /// Notes the upload in parts that an object comes in, and the state of the source that its parts are of; or that there is
    /// none any more.
    ///
    /// # Errors
    /// Those of the database.
    pub fn note_upload(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        id: &EntryId,
        upload: Option<(UploadId, &str)>,
    ) -> Result<(), Error> {
        let (upload, of) = upload.unzip();
        unit.execute(
            "UPDATE job_entries SET upload = ?4, upload_of = ?5 WHERE job = ?1 AND key = ?2 AND version = ?3",
            params![
                job.as_bytes(),
                id.key,
                id.version_column(),
                upload.as_ref().map(UploadId::as_bytes),
                of
            ],
        )?;
        Ok(())
    }

    /// Returns the upload in parts that an object comes in, and the state of the source that its parts are of.
    ///
    /// # Errors
    /// Those of the database.
    pub fn upload_of(
        &self,
        view: &View<'_>,
        job: JobId,
        id: &EntryId,
    ) -> Result<Option<(UploadId, String)>, Error> {
        Ok(view.one(
            "SELECT upload, upload_of FROM job_entries
             WHERE job = ?1 AND key = ?2 AND version = ?3 AND upload IS NOT NULL",
            params![job.as_bytes(), id.key, id.version_column()],
            |row| {
                Ok((
                    UploadId::from_bytes(bytes16(row, "upload")?),
                    row.get("upload_of")?,
                ))
            },
        )?)
    }

    /// Returns the uploads in parts that objects of a job come in.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn uploads_of(&self, job: JobId) -> Result<Vec<(EntryId, UploadId)>, Error> {
        let found = self
            .db
            .read(move |view| {
                view.all(
                    "SELECT key, version, upload FROM job_entries WHERE job = ?1 AND upload IS NOT NULL",
                    [job.as_bytes()],
                    |row| {
                        let version = Some(row.get::<_, String>("version")?);
                        let id = EntryId {
                            key: row.get("key")?,
                            version: version.filter(|version| !version.is_empty()),
                        };
                        Ok((id, UploadId::from_bytes(bytes16(row, "upload")?)))
                    },
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Removes what a job knows of something that the source no longer lists.
    ///
    /// # Errors
    /// Those of the database.
    pub fn drop_entry(&self, unit: &Unit<'_>, job: JobId, id: &EntryId) -> Result<(), Error> {
        unit.execute(
            "DELETE FROM job_entries WHERE job = ?1 AND key = ?2 AND version = ?3",
            params![job.as_bytes(), id.key, id.version_column()],
        )?;
        Ok(())
    }

    /// Counts something that a job removed at the destination because the source has removed it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count_removed(&self, unit: &Unit<'_>, job: JobId) -> Result<(), Error> {
        unit.execute(
            "UPDATE jobs SET removed = removed + 1 WHERE id = ?1",
            [job.as_bytes()],
        )?;
        Ok(())
    }

    /// Returns up to `limit` of what waits to be copied, from a key on, by key and within a key from the oldest version to
    /// the newest.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn waiting_entries(
        &self,
        job: JobId,
        from_key: String,
        limit: u32,
    ) -> Result<Vec<JobEntry>, Error> {
        let found = self
            .db
            .read(move |view| {
                view.all(
                    &format!(
                        "{COLUMNS} WHERE job = ?1 AND key >= ?2 AND state = 'listed' ORDER BY key, newer DESC LIMIT ?3"
                    ),
                    params![job.as_bytes(), from_key, limit],
                    entry,
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Returns up to `limit` entries behind another, by key and version.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn entries(
        &self,
        job: JobId,
        after: Option<EntryId>,
        limit: u32,
    ) -> Result<Vec<JobEntry>, Error> {
        let found = self
            .db
            .read(move |view| match &after {
                None => view.all(
                    &format!("{COLUMNS} WHERE job = ?1 ORDER BY key, version LIMIT ?2"),
                    params![job.as_bytes(), limit],
                    entry,
                ),
                Some(after) => view.all(
                    &format!(
                        "{COLUMNS} WHERE job = ?1 AND (key, version) > (?2, ?3) ORDER BY key, version LIMIT ?4"
                    ),
                    params![job.as_bytes(), after.key, after.version_column(), limit],
                    entry,
                ),
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Returns the first exceptions of a job, by key.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn exceptions(&self, job: JobId, limit: u32) -> Result<Vec<JobEntry>, Error> {
        let found = self
            .db
            .read(move |view| {
                view.all(
                    &format!(
                        "{COLUMNS} WHERE job = ?1 AND state = 'exception' ORDER BY key, version LIMIT ?2"
                    ),
                    params![job.as_bytes(), limit],
                    entry,
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Returns what a job knows of a key's current object.
    ///
    /// # Errors
    /// Those of the database.
    pub fn settled_entry(
        &self,
        view: &View<'_>,
        job: JobId,
        key: &str,
    ) -> Result<Option<ListedEntry>, Error> {
        let found = view.one(
            &format!("{COLUMNS} WHERE job = ?1 AND key = ?2 AND version = ''"),
            params![job.as_bytes(), key],
            entry,
        )?;
        Ok(found.map(|entry| entry.listed))
    }

    /// Returns what the newest job of a fingerprint that knows of a key knows of its current object.
    ///
    /// # Errors
    /// Those of the database.
    pub fn newest_entry(
        &self,
        view: &View<'_>,
        fingerprint: &[u8; 32],
        key: &str,
    ) -> Result<Option<ListedEntry>, Error> {
        let found = view.one(
            "SELECT id FROM jobs WHERE fingerprint = ?1 AND EXISTS (
                 SELECT 1 FROM job_entries WHERE job = jobs.id AND key = ?2 AND version = '')
             ORDER BY created_ms DESC LIMIT 1",
            params![fingerprint, key],
            |row| bytes16(row, "id"),
        )?;
        match found {
            Some(job) => self.settled_entry(view, JobId::from_bytes(job), key),
            None => Ok(None),
        }
    }

    /// Whether the listing of a round told of something, and left no gap.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_without_gaps(&self, view: &View<'_>, job: JobId, round: u32) -> Result<bool, Error> {
        let found = view.one(
            "SELECT count(*) > 0 AND sum(kind = 'gap') = 0 FROM job_entries WHERE job = ?1 AND seen = ?2",
            params![job.as_bytes(), round],
            |row| row.get(0),
        )?;
        Ok(found.unwrap_or(false))
    }

    /// Whether a version of the key that is newer than an entry has been brought.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_overtaken(
        &self,
        view: &View<'_>,
        job: JobId,
        entry: &ListedEntry,
    ) -> Result<bool, Error> {
        let found = view.one(
            "SELECT 1 FROM job_entries WHERE job = ?1 AND key = ?2 AND newer < ?3 AND destination IS NOT NULL LIMIT 1",
            params![job.as_bytes(), entry.key, entry.newer],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Returns up to `limit` of what this job knows, or an earlier one of the same source, bucket and tenant brought, and the
    /// listing of a round does not tell of, behind an entry of a job. It is looked for in this job first and then from the
    /// newest earlier job to the oldest. A job that knows keys says nothing of versions, nor the other way round.
    ///
    /// # Errors
    /// Those of the database.
    pub fn vanished(
        &self,
        view: &View<'_>,
        (job, fingerprint): (JobId, &[u8; 32]),
        (listed, round): (Listed, u32),
        after: Option<&Vanished>,
        limit: u32,
    ) -> Result<Vec<Vanished>, Error> {
        let mut jobs: Vec<JobId> = view.all(
            "SELECT id FROM jobs WHERE fingerprint = ?1 AND id <> ?2 ORDER BY created_ms DESC, id LIMIT ?3",
            params![fingerprint, job.as_bytes(), JOBS_ASKED],
            |row| Ok(JobId::from_bytes(bytes16(row, "id")?)),
        )?;
        jobs.insert(0, job);
        let begun = after.map(|after| after.job);
        let mut found = Vec::new();
        for asked in jobs
            .into_iter()
            .skip_while(|one| begun.is_some_and(|begun| *one != begun))
        {
            let behind = after.filter(|after| after.job == asked);
            let (key, version) = behind.map_or(("", ""), |after| {
                let listed = &after.entry.listed;
                (
                    listed.key.as_str(),
                    listed.version.as_deref().unwrap_or_default(),
                )
            });
            let room = limit.saturating_sub(u32::try_from(found.len()).unwrap_or(limit));
            if room == 0 {
                break;
            }
            let entries = view.all(
                &format!(
                    "{COLUMNS} AS e WHERE job = ?1 AND (?6 OR (key, version) > (?2, ?3)) AND (job = ?4 OR brought IS NOT NULL)
                       AND (version <> '') = ?8
                       AND NOT EXISTS (SELECT 1 FROM job_entries AS now
                                       WHERE now.job = ?4 AND now.key = e.key AND now.version = e.version AND now.seen >= ?5)
                     ORDER BY key, version LIMIT ?7"
                ),
                params![
                    asked.as_bytes(),
                    key,
                    version,
                    job.as_bytes(),
                    round,
                    behind.is_none(),
                    room,
                    listed == Listed::Versions
                ],
                entry,
            )?;
            found.extend(
                entries
                    .into_iter()
                    .map(|entry| Vanished { job: asked, entry }),
            );
        }
        Ok(found)
    }

    /// Looks up what the newest other job of the same source, bucket and tenant knows of a key or version that it brought or
    /// found unchanged, however that job ended: what an unchanged object is known by.
    ///
    /// # Errors
    /// Those of the database.
    pub fn known_copy(
        &self,
        view: &View<'_>,
        fingerprint: &[u8; 32],
        besides: JobId,
        id: &EntryId,
    ) -> Result<Option<JobEntry>, Error> {
        Ok(view.one(
            "SELECT e.key AS key, e.version AS version, e.newer AS newer, e.kind AS kind, e.size_bytes AS size_bytes, e.source_version AS source_version,
                    e.modified_ms AS modified_ms, e.state AS state, e.sha256 AS sha256, e.method AS method,
                    e.destination AS destination, e.label AS label, e.detail AS detail,
                    e.brought AS brought, e.seen AS seen, e.page AS page, e.leaf AS leaf
             FROM (SELECT id, created_ms FROM jobs WHERE fingerprint = ?1 AND id <> ?2
                   ORDER BY created_ms DESC LIMIT ?5) AS j
             CROSS JOIN job_entries AS e ON e.job = j.id AND e.key = ?3 AND e.version = ?4
             WHERE e.state IN ('copied', 'unchanged')
             ORDER BY j.created_ms DESC LIMIT 1",
            params![
                fingerprint,
                besides.as_bytes(),
                id.key,
                id.version_column(),
                JOBS_ASKED
            ],
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
        let removed = self
            .db
            .read(move |view| {
                view.one(
                    "SELECT removed FROM jobs WHERE id = ?1",
                    [job.as_bytes()],
                    |row| count(row, "removed"),
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        let mut tally = Tally {
            removed: removed.unwrap_or_default(),
            ..Tally::default()
        };
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
    let brought: Option<[u8; 16]> = row.get("brought")?;
    Ok(JobEntry {
        listed: ListedEntry {
            key: row.get("key")?,
            version: Some(row.get::<_, String>("version")?).filter(|version| !version.is_empty()),
            newer: row.get("newer")?,
            kind: parsed(row, "kind")?,
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
            leaf: row.get::<_, Option<i64>>("leaf")?.map(i64::cast_unsigned),
        },
        brought: brought.map(VersionId::from_bytes),
        seen: Sighting {
            round: row.get("seen")?,
            page: row.get("page")?,
        },
    })
}
