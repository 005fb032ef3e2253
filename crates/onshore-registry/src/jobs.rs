//! Jobs: work for an engine. An engine picks them up here; whoever ordered one follows it here.

use std::fmt;
use std::str::FromStr;

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_keys::{KeyProvider, Secret};
use onshore_types::{BucketName, JobId, Label, LeafIndex, PrincipalId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rows::{bytes16, parsed, parsed_opt, time, time_opt};
use crate::{Error, Registry};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Nobody has begun.
    Queued,
    /// An engine works on it, or will again after a restart.
    Running,
    /// Somebody asked it to wait until somebody asks it to go on.
    Paused,
    /// Somebody asked it to stop; the engine has not yet.
    Cancelling,
    /// Everything listed arrived.
    Complete,
    /// Everything arrived that it was ordered to bring, and something else stayed.
    Selected,
    /// It ended, with exceptions.
    Incomplete,
    /// It ended before it could say what arrived.
    Failed,
    /// It was stopped on request.
    Cancelled,
}

/// A job to be made.
#[derive(Debug)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// For whom.
    pub tenant: TenantId,
    /// Into which bucket.
    pub bucket: BucketName,
    /// From where, without credentials, as the engine's own JSON.
    pub source: Value,
    /// The same for the same source, bucket and tenant.
    pub fingerprint: [u8; 32],
    /// The class declared for everything it brings.
    pub label: Option<Label>,
    /// How it is to be done, as the engine's own JSON.
    pub options: Value,
    /// What the source asks for, as the engine's own bytes; sealed under the root key until the job ends.
    pub credentials: Option<Secret>,
    /// Who ordered it.
    pub created_by: PrincipalId,
    /// When.
    pub created: Timestamp,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// For whom.
    pub tenant: TenantId,
    /// Into which bucket.
    pub bucket: BucketName,
    /// From where, without credentials.
    pub source: Value,
    /// The same for the same source, bucket and tenant.
    pub fingerprint: [u8; 32],
    /// The class declared for everything it brings.
    pub label: Option<Label>,
    /// How it is to be done, as the engine's own JSON.
    pub options: Value,
    /// Where it stands.
    pub state: JobState,
    /// The engine's own word for what it is doing.
    pub phase: String,
    /// How far the engine's listing has come.
    pub cursor: Option<String>,
    /// Why it failed, or what else is worth saying.
    pub detail: Option<String>,
    /// Who ordered it.
    pub created_by: PrincipalId,
    /// When.
    pub created: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The leaf of its certificate.
    pub certificate_leaf: Option<LeafIndex>,
    /// Whether somebody asked it to keep up with its source no longer.
    pub is_finishing: bool,
}

const COLUMNS: &str = "SELECT id, tenant, bucket, source, fingerprint, label, options, state, phase, cursor, detail, \
                       created_by, created_ms, ended_ms, certificate_leaf, is_finishing FROM jobs";

impl JobState {
    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_ended(self) -> bool {
        match self {
            Self::Queued | Self::Running | Self::Paused | Self::Cancelling => false,
            Self::Complete | Self::Selected | Self::Incomplete | Self::Failed | Self::Cancelled => {
                true
            }
        }
    }

    const ALL: [Self; 9] = [
        Self::Queued,
        Self::Running,
        Self::Paused,
        Self::Cancelling,
        Self::Complete,
        Self::Selected,
        Self::Incomplete,
        Self::Failed,
        Self::Cancelled,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Cancelling => "cancelling",
            Self::Complete => "complete",
            Self::Selected => "selected",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for JobState {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|state| state.word() == word)
            .ok_or(Error::Unreadable {
                what: "state of a job",
            })
    }
}

/// Seals the credentials of every job anew that has some.
pub(crate) fn seal_anew(
    unit: &Unit<'_>,
    from: &dyn KeyProvider,
    to: &dyn KeyProvider,
) -> Result<(), Error> {
    let rows: Vec<([u8; 16], Vec<u8>)> = unit.all(
        "SELECT id, sealed_credentials FROM jobs WHERE sealed_credentials IS NOT NULL",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (id, sealed) in rows {
        let context = context(JobId::from_bytes(id));
        let credentials = from.unwrap(&context, &sealed)?;
        let sealed = to.wrap(&context, credentials.as_bytes())?;
        unit.execute(
            "UPDATE jobs SET sealed_credentials = ?2 WHERE id = ?1",
            params![id, sealed],
        )?;
    }
    Ok(())
}

impl Registry {
    /// Saves a new job, queued.
    ///
    /// # Errors
    /// Those of the database and the key provider.
    pub fn save_job(&self, unit: &Unit<'_>, job: &NewJob) -> Result<(), Error> {
        let sealed = match &job.credentials {
            Some(secret) => Some(self.keys.wrap(&context(job.id), secret.as_bytes())?),
            None => None,
        };
        unit.execute(
            "INSERT INTO jobs (id, tenant, bucket, source, fingerprint, label, options, state, phase, sealed_credentials,
                               created_by, created_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?10, 'queued', 'queued', ?7, ?8, ?9)",
            params![
                job.id.as_bytes(),
                job.tenant.as_bytes(),
                job.bucket.as_str(),
                job.source.to_string(),
                job.fingerprint,
                job.label.map(|label| label.to_string()),
                sealed,
                job.created_by.as_bytes(),
                job.created.as_millis(),
                job.options.to_string()
            ],
        )?;
        Ok(())
    }

    /// Puts fresh credentials into an unfinished job that somebody attached to.
    ///
    /// # Errors
    /// Those of the database and the key provider.
    pub fn renew_credentials(
        &self,
        unit: &Unit<'_>,
        id: JobId,
        credentials: &Secret,
    ) -> Result<(), Error> {
        let sealed = self.keys.wrap(&context(id), credentials.as_bytes())?;
        unit.execute(
            "UPDATE jobs SET sealed_credentials = ?2 WHERE id = ?1 AND ended_ms IS NULL",
            params![id.as_bytes(), sealed],
        )?;
        Ok(())
    }

    /// Opens a job's credentials. A job that has ended has none.
    ///
    /// # Errors
    /// Those of the database and the key provider.
    pub async fn job_credentials(&self, id: JobId) -> Result<Option<Secret>, Error> {
        let sealed: Option<Option<Vec<u8>>> = self
            .db
            .read(move |view| {
                view.one(
                    "SELECT sealed_credentials FROM jobs WHERE id = ?1",
                    [id.as_bytes()],
                    |row| row.get(0),
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        Ok(match sealed.flatten() {
            Some(sealed) => Some(self.keys.unwrap(&context(id), &sealed)?),
            None => None,
        })
    }

    /// Looks a job up.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`] when there is none.
    pub async fn job(&self, id: JobId) -> Result<Job, Error> {
        self.db.read(move |view| lookup(view, id)).await
    }

    /// Looks a job up in the state that a view or a unit of work sees.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`] when there is none.
    pub fn job_in(&self, view: &View<'_>, id: JobId) -> Result<Job, Error> {
        lookup(view, id)
    }

    /// Returns the newest thousand jobs, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn jobs(&self) -> Result<Vec<Job>, Error> {
        let found = self
            .db
            .read(|view| {
                view.all(
                    &format!("{COLUMNS} ORDER BY created_ms DESC, id LIMIT 1000"),
                    [],
                    job,
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Returns the jobs that have not ended, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn unfinished_jobs(&self) -> Result<Vec<Job>, Error> {
        let found = self
            .db
            .read(|view| {
                view.all(
                    &format!("{COLUMNS} WHERE ended_ms IS NULL ORDER BY created_ms, id"),
                    [],
                    job,
                )
            })
            .await;
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Returns the unfinished job of this source, bucket and tenant.
    ///
    /// # Errors
    /// Those of the database.
    pub fn unfinished_job(
        &self,
        view: &View<'_>,
        fingerprint: &[u8; 32],
    ) -> Result<Option<Job>, Error> {
        Ok(view.one(
            &format!(
                "{COLUMNS} WHERE fingerprint = ?1 AND ended_ms IS NULL ORDER BY created_ms DESC"
            ),
            [fingerprint],
            job,
        )?)
    }

    /// Notes what the engine is doing and how far its listing has come.
    ///
    /// # Errors
    /// Those of the database.
    pub fn advance_job(
        &self,
        unit: &Unit<'_>,
        id: JobId,
        phase: &str,
        cursor: Option<&str>,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE jobs SET phase = ?2, cursor = ?3, state = CASE state WHEN 'queued' THEN 'running' ELSE state END
             WHERE id = ?1 AND ended_ms IS NULL",
            params![id.as_bytes(), phase, cursor],
        )?;
        Ok(())
    }

    /// Saves what a pre-flight found.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_report(&self, unit: &Unit<'_>, id: JobId, report: &Value) -> Result<(), Error> {
        unit.execute(
            "UPDATE jobs SET report = ?2 WHERE id = ?1",
            params![id.as_bytes(), report.to_string()],
        )?;
        Ok(())
    }

    /// Returns what a pre-flight found; none for another job, or before it has ended.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn job_report(&self, id: JobId) -> Result<Option<Value>, Error> {
        let registry = self.clone();
        self.db
            .read(move |view| registry.job_report_in(view, id))
            .await
    }

    /// Returns the same in a unit of work.
    ///
    /// # Errors
    /// Those of the database.
    pub fn job_report_in(&self, view: &View<'_>, id: JobId) -> Result<Option<Value>, Error> {
        let found = view.one(
            "SELECT report FROM jobs WHERE id = ?1",
            [id.as_bytes()],
            |row| parsed_opt(row, "report"),
        )?;
        Ok(found.flatten())
    }

    /// Asks the engine to stop a job.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::JobEnded`].
    pub fn cancel_job(&self, unit: &Unit<'_>, id: JobId) -> Result<Job, Error> {
        if lookup(unit, id)?.state.is_ended() {
            return Err(Error::JobEnded(id));
        }
        unit.execute(
            "UPDATE jobs SET state = 'cancelling' WHERE id = ?1",
            [id.as_bytes()],
        )?;
        lookup(unit, id)
    }

    /// Asks a job to wait, and returns it. One that is being cancelled goes on to be.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::JobEnded`].
    pub fn pause_job(&self, unit: &Unit<'_>, id: JobId) -> Result<Job, Error> {
        self.turn_job(
            unit,
            id,
            "UPDATE jobs SET state = 'paused' WHERE id = ?1 AND state IN ('queued', 'running')",
        )
    }

    /// Asks a job that waits to go on, and returns it.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::JobEnded`].
    pub fn resume_job(&self, unit: &Unit<'_>, id: JobId) -> Result<Job, Error> {
        self.turn_job(
            unit,
            id,
            "UPDATE jobs SET state = CASE phase WHEN 'queued' THEN 'queued' ELSE 'running' END
             WHERE id = ?1 AND state = 'paused'",
        )
    }

    /// Asks a job that keeps up with its source to come to its end, and returns it.
    ///
    /// # Errors
    /// [`Error::NoSuchJob`], [`Error::JobEnded`].
    pub fn finish_job(&self, unit: &Unit<'_>, id: JobId) -> Result<Job, Error> {
        self.turn_job(unit, id, "UPDATE jobs SET is_finishing = 1 WHERE id = ?1")
    }

    fn turn_job(&self, unit: &Unit<'_>, id: JobId, how: &str) -> Result<Job, Error> {
        if lookup(unit, id)?.state.is_ended() {
            return Err(Error::JobEnded(id));
        }
        unit.execute(how, [id.as_bytes()])?;
        lookup(unit, id)
    }

    /// Notes the leaf of a job's certificate, which is not written yet; the job has not ended.
    ///
    /// # Errors
    /// [`Error::JobEnded`] when it has.
    pub fn save_certificate_leaf(
        &self,
        unit: &Unit<'_>,
        id: JobId,
        leaf: LeafIndex,
    ) -> Result<(), Error> {
        let noted = unit.execute(
            "UPDATE jobs SET certificate_leaf = ?2 WHERE id = ?1 AND ended_ms IS NULL",
            params![id.as_bytes(), leaf.cast_signed()],
        )?;
        if noted == 1 {
            Ok(())
        } else {
            Err(Error::JobEnded(id))
        }
    }

    /// Ends a job and destroys its credentials.
    ///
    /// # Errors
    /// [`Error::JobEnded`] when it has ended before.
    pub fn end_job(
        &self,
        unit: &Unit<'_>,
        id: JobId,
        state: JobState,
        detail: Option<&str>,
        certificate_leaf: Option<LeafIndex>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let ended = unit.execute(
            "UPDATE jobs SET state = ?2, phase = ?2, detail = ?3, certificate_leaf = coalesce(?4, certificate_leaf), ended_ms = ?5,
                             sealed_credentials = NULL
             WHERE id = ?1 AND ended_ms IS NULL",
            params![
                id.as_bytes(),
                state.word(),
                detail,
                certificate_leaf.map(u64::cast_signed),
                now.as_millis()
            ],
        )?;
        if ended == 1 {
            Ok(())
        } else {
            Err(Error::JobEnded(id))
        }
    }
}

fn lookup(view: &View<'_>, id: JobId) -> Result<Job, Error> {
    view.one(&format!("{COLUMNS} WHERE id = ?1"), [id.as_bytes()], job)?
        .ok_or(Error::NoSuchJob(id))
}

fn context(id: JobId) -> Vec<u8> {
    [b"onshore job credentials ".as_slice(), id.as_bytes()].concat()
}

fn job(row: &Row<'_>) -> Result<Job, RowError> {
    Ok(Job {
        id: JobId::from_bytes(bytes16(row, "id")?),
        tenant: TenantId::from_bytes(bytes16(row, "tenant")?),
        bucket: parsed(row, "bucket")?,
        source: parsed(row, "source")?,
        fingerprint: row.get("fingerprint")?,
        label: parsed_opt(row, "label")?,
        options: parsed(row, "options")?,
        state: parsed(row, "state")?,
        phase: row.get("phase")?,
        cursor: row.get("cursor")?,
        detail: row.get("detail")?,
        created_by: PrincipalId::from_bytes(bytes16(row, "created_by")?),
        created: time(row, "created_ms")?,
        ended: time_opt(row, "ended_ms")?,
        certificate_leaf: row
            .get::<_, Option<i64>>("certificate_leaf")?
            .map(i64::cast_unsigned),
        is_finishing: row.get("is_finishing")?,
    })
}
