//! Cut-overs: a bucket that answers here while not all of it is here, until the other cloud is left for good. A cut-over is
//! carried out by a job of its own; this is what is known of it beyond that.

use std::fmt;
use std::str::FromStr;

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_types::{BucketName, JobId, TenantId, Timestamp, VersionId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::rows::{bytes16, parsed, parsed_opt, time, time_opt};
use crate::{Error, Registry};

/// How far a cut-over is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CutoverStep {
    /// Somebody has ordered it; nothing is done.
    Ordered,
    /// Reads that miss are brought from the source, and everything else is brought beside them.
    Pulling,
    /// Everything was brought once; the source is to be frozen.
    Freezing,
    /// The source is frozen, and what changed until then is brought.
    LastPass,
    /// The source is listed once more, and compared with what is here.
    Verifying,
    /// Something does not hold: somebody has to look.
    Blocked,
    /// All is here, and nothing is asked of the source any more.
    Switched,
    /// It was called off: the source is what holds.
    Aborted,
    /// It was a rehearsal, which has ended.
    Rehearsed,
    /// What was changed here is taken back to where the bucket came from.
    Returning,
    /// All that was changed here is there again, and the source is what holds.
    Returned,
}

/// How a source was frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Freeze {
    /// By its own policy, and a write was tried and refused.
    Shown,
    /// By its own policy, which reads back as it was set; these credentials could not write before either.
    Set,
    /// Somebody says that it is.
    Said,
}

/// A cut-over to be saved.
#[derive(Debug)]
pub struct NewCutover {
    /// The job that carries it out.
    pub job: JobId,
    /// For whom.
    pub tenant: TenantId,
    /// Of which bucket.
    pub bucket: BucketName,
    /// Whether it goes no further than can be taken back without a trace.
    pub is_rehearsal: bool,
    /// Whether it goes on although something could not be brought.
    pub accepts_exceptions: bool,
    /// Whether somebody says that the source is frozen.
    pub is_frozen: bool,
    /// For how many seconds behind the switch what is changed here can be taken back.
    pub way_back_s: u32,
    /// When.
    pub began: Timestamp,
}

/// A cut-over.
#[derive(Debug, Clone, PartialEq)]
pub struct Cutover {
    /// The job that carries it out.
    pub job: JobId,
    /// For whom.
    pub tenant: TenantId,
    /// Of which bucket.
    pub bucket: BucketName,
    /// How far it is.
    pub step: CutoverStep,
    /// Whether it is a rehearsal.
    pub is_rehearsal: bool,
    /// Whether it goes on although something could not be brought.
    pub accepts_exceptions: bool,
    /// How the source was frozen, if it was.
    pub freeze: Option<Freeze>,
    /// The policy that the source had before it was frozen by another, if it had one.
    pub old_policy: Option<String>,
    /// What it waits for, or what is in its way.
    pub detail: Option<String>,
    /// What was found, as the engine's own JSON.
    pub report: Option<Value>,
    /// When it was ordered.
    pub began: Timestamp,
    /// When all was here.
    pub switched: Option<Timestamp>,
    /// For how many seconds behind that what is changed here can be taken back.
    pub way_back_s: u32,
    /// Until when it can; none before the switch, and once there is no way back any more.
    pub way_back_until: Option<Timestamp>,
    /// The job that takes it back, or did last.
    pub return_job: Option<JobId>,
    /// Whether that writes over what somebody changed at the source meanwhile.
    pub return_overwrites: bool,
    /// Whether that ends although something could not be taken back.
    pub return_accepts: bool,
    /// When it ended.
    pub ended: Option<Timestamp>,
}

const COLUMNS: &str = "SELECT job, tenant, bucket, step, is_rehearsal, accepts_exceptions, freeze, old_policy, \
                       detail, report, began_ms, switched_ms, way_back_s, way_back_until_ms, return_job, \
                       return_overwrites, return_accepts, ended_ms FROM cutovers";

/// How many jobs of the same source are asked what they brought.
const JOBS_ASKED: u32 = 32;

impl CutoverStep {
    const ALL: [Self; 11] = [
        Self::Ordered,
        Self::Pulling,
        Self::Freezing,
        Self::LastPass,
        Self::Verifying,
        Self::Blocked,
        Self::Switched,
        Self::Aborted,
        Self::Rehearsed,
        Self::Returning,
        Self::Returned,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Pulling => "pulling",
            Self::Freezing => "freezing",
            Self::LastPass => "last-pass",
            Self::Verifying => "verifying",
            Self::Blocked => "blocked",
            Self::Switched => "switched",
            Self::Aborted => "aborted",
            Self::Rehearsed => "rehearsed",
            Self::Returning => "returning",
            Self::Returned => "returned",
        }
    }

    /// Whether what is not here is asked for at the source.
    #[must_use]
    pub fn pulls(self) -> bool {
        match self {
            Self::Pulling | Self::Freezing | Self::LastPass | Self::Verifying | Self::Blocked => {
                true
            }
            Self::Ordered
            | Self::Switched
            | Self::Aborted
            | Self::Rehearsed
            | Self::Returning
            | Self::Returned => false,
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_ended(self) -> bool {
        match self {
            Self::Switched | Self::Aborted | Self::Rehearsed | Self::Returned => true,
            Self::Ordered
            | Self::Pulling
            | Self::Freezing
            | Self::LastPass
            | Self::Verifying
            | Self::Blocked
            | Self::Returning => false,
        }
    }
}

impl fmt::Display for CutoverStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for CutoverStep {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|step| step.word() == word)
            .ok_or(Error::Unreadable {
                what: "step of a cut-over",
            })
    }
}

impl Freeze {
    const ALL: [Self; 3] = [Self::Shown, Self::Set, Self::Said];

    fn word(self) -> &'static str {
        match self {
            Self::Shown => "shown",
            Self::Set => "set",
            Self::Said => "said",
        }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Freeze {
    type Err = Error;

    fn from_str(word: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|freeze| freeze.word() == word)
            .ok_or(Error::Unreadable {
                what: "freeze of a cut-over",
            })
    }
}

impl Registry {
    /// Saves a new cut-over, ordered.
    ///
    /// # Errors
    /// [`Error::CutoverUnderWay`] where the bucket has one; those of the database and the key provider.
    pub fn save_cutover(&self, unit: &Unit<'_>, new: &NewCutover) -> Result<Cutover, Error> {
        if let Some(other) = self.cutover_of(unit, &new.bucket)? {
            return Err(Error::CutoverUnderWay {
                bucket: new.bucket.clone(),
                step: other.step,
            });
        }
        unit.execute(
            "INSERT INTO cutovers (job, tenant, bucket, step, is_rehearsal, accepts_exceptions, freeze, began_ms, way_back_s)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                new.job.as_bytes(),
                new.tenant.as_bytes(),
                new.bucket.as_str(),
                CutoverStep::Ordered.word(),
                new.is_rehearsal,
                new.accepts_exceptions,
                new.is_frozen.then_some(Freeze::Said.word()),
                new.began.as_millis(),
                new.way_back_s
            ],
        )?;
        self.cutover(unit, new.job)
    }

    /// Looks up the cut-over that a job carries out.
    ///
    /// # Errors
    /// [`Error::NoSuchCutover`].
    pub fn cutover(&self, view: &View<'_>, job: JobId) -> Result<Cutover, Error> {
        view.one(
            &format!("{COLUMNS} WHERE job = ?1"),
            [job.as_bytes()],
            cutover,
        )?
        .ok_or(Error::NoSuchCutover)
    }

    /// Looks up the cut-over of a bucket that has not ended.
    ///
    /// # Errors
    /// Those of the database.
    pub fn cutover_of(
        &self,
        view: &View<'_>,
        bucket: &BucketName,
    ) -> Result<Option<Cutover>, Error> {
        Ok(view.one(
            &format!("{COLUMNS} WHERE bucket = ?1 AND ended_ms IS NULL"),
            [bucket.as_str()],
            cutover,
        )?)
    }

    /// Looks up the newest cut-over of a bucket.
    ///
    /// # Errors
    /// [`Error::NoSuchCutover`].
    pub fn newest_cutover(&self, view: &View<'_>, bucket: &BucketName) -> Result<Cutover, Error> {
        view.one(
            &format!("{COLUMNS} WHERE bucket = ?1 ORDER BY began_ms DESC LIMIT 1"),
            [bucket.as_str()],
            cutover,
        )?
        .ok_or(Error::NoSuchCutover)
    }

    /// Returns the cut-overs that have not ended, and the newest thousand of those that have; newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn cutovers(&self, view: &View<'_>) -> Result<Vec<Cutover>, Error> {
        Ok(view.all(
            &format!("{COLUMNS} ORDER BY ended_ms IS NOT NULL, began_ms DESC LIMIT 1000"),
            [],
            cutover,
        )?)
    }

    /// Notes how far a cut-over is, and what it waits for.
    ///
    /// # Errors
    /// Those of the database.
    pub fn step_cutover(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        step: CutoverStep,
        detail: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE cutovers SET step = ?2, detail = ?3,
                    switched_ms = CASE WHEN ?2 = 'switched' THEN coalesce(switched_ms, ?4) ELSE switched_ms END,
                    ended_ms = CASE WHEN ?5 THEN coalesce(ended_ms, ?4) ELSE NULL END
             WHERE job = ?1",
            params![
                job.as_bytes(),
                step.word(),
                detail,
                now.as_millis(),
                step.is_ended()
            ],
        )?;
        Ok(())
    }

    /// Notes what a cut-over waits for.
    ///
    /// # Errors
    /// Those of the database.
    pub fn note_cutover(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        detail: Option<&str>,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE cutovers SET detail = ?2 WHERE job = ?1",
            params![job.as_bytes(), detail],
        )?;
        Ok(())
    }

    /// Notes the policy that the source had before it is frozen by another.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_old_policy(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        policy: Option<&str>,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE cutovers SET old_policy = ?2 WHERE job = ?1",
            params![job.as_bytes(), policy],
        )?;
        Ok(())
    }

    /// Notes how the source was frozen, or that it no longer is.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_freeze(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        freeze: Option<Freeze>,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE cutovers SET freeze = ?2 WHERE job = ?1",
            params![job.as_bytes(), freeze.map(Freeze::word)],
        )?;
        Ok(())
    }

    /// Notes until when what is changed in a bucket can be taken back; none ends that there is a way back.
    ///
    /// # Errors
    /// Those of the database.
    pub fn keep_way_back(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        until: Option<Timestamp>,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE cutovers SET way_back_until_ms = ?2 WHERE job = ?1",
            params![job.as_bytes(), until.map(Timestamp::as_millis)],
        )?;
        Ok(())
    }

    /// Notes the job that takes back what was changed in a bucket since it was cut over, and what that may do; what it may do
    /// already it may further.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_return(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        by: JobId,
        (overwrites, accepts): (bool, bool),
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE cutovers SET return_overwrites = ?3 OR (return_job IS ?2 AND return_overwrites),
                    return_accepts = ?4 OR (return_job IS ?2 AND return_accepts), return_job = ?2
             WHERE job = ?1",
            params![job.as_bytes(), by.as_bytes(), overwrites, accepts],
        )?;
        Ok(())
    }

    /// Returns the cut-overs whose way back has ended by now and is still kept open.
    ///
    /// # Errors
    /// Those of the database.
    pub fn ways_back_over(&self, view: &View<'_>, now: Timestamp) -> Result<Vec<Cutover>, Error> {
        Ok(view.all(
            &format!("{COLUMNS} WHERE way_back_until_ms <= ?1 AND step = 'switched'"),
            [now.as_millis()],
            cutover,
        )?)
    }

    /// Notes that somebody accepts that not everything could be brought.
    ///
    /// # Errors
    /// Those of the database.
    pub fn accept_exceptions(&self, unit: &Unit<'_>, job: JobId) -> Result<(), Error> {
        unit.execute(
            "UPDATE cutovers SET accepts_exceptions = 1 WHERE job = ?1",
            [job.as_bytes()],
        )?;
        Ok(())
    }

    /// Saves what was found.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_cutover_report(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        report: &Value,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE cutovers SET report = ?2 WHERE job = ?1",
            params![job.as_bytes(), report.to_string()],
        )?;
        Ok(())
    }

    /// Whether a version at the destination is what a job of this source, bucket and tenant brought of the key last.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_brought(
        &self,
        view: &View<'_>,
        fingerprint: &[u8; 32],
        key: &str,
        version: VersionId,
    ) -> Result<bool, Error> {
        let found = view.one(
            "SELECT 1 FROM (SELECT id FROM jobs WHERE fingerprint = ?1 ORDER BY created_ms DESC LIMIT ?4) AS j
             CROSS JOIN job_entries AS e ON e.job = j.id AND e.key = ?2
             WHERE e.brought = ?3 LIMIT 1",
            params![fingerprint, key, version.as_bytes(), JOBS_ASKED],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Lets everything be brought again that a job could not bring and the source still lists, but for what it was not ordered to bring.
    ///
    /// # Errors
    /// Those of the database.
    pub fn retry_exceptions(&self, unit: &Unit<'_>, job: JobId) -> Result<(), Error> {
        unit.execute(
            "UPDATE job_entries SET state = 'listed', destination = NULL, detail = NULL
             WHERE job = ?1 AND state = 'exception' AND kind = 'object' AND source_version IS NOT NULL
                   AND coalesce(detail, '') NOT LIKE 'not-selected:%'",
            [job.as_bytes()],
        )?;
        Ok(())
    }

    /// Counts the exceptions of a job by their reason, the first word of what is said of each.
    ///
    /// # Errors
    /// Those of the database.
    pub fn exceptions_by_reason(
        &self,
        view: &View<'_>,
        job: JobId,
    ) -> Result<Vec<(String, u64)>, Error> {
        Ok(view.all(
            "SELECT CASE instr(detail, ':') WHEN 0 THEN detail ELSE substr(detail, 1, instr(detail, ':') - 1) END AS reason,
                    count(*) AS number
             FROM job_entries WHERE job = ?1 AND state = 'exception' AND detail IS NOT NULL GROUP BY reason ORDER BY reason",
            [job.as_bytes()],
            |row| {
                Ok((
                    row.get::<_, String>("reason")?,
                    crate::rows::count(row, "number")?,
                ))
            },
        )?)
    }
}

fn cutover(row: &Row<'_>) -> Result<Cutover, RowError> {
    Ok(Cutover {
        job: JobId::from_bytes(bytes16(row, "job")?),
        tenant: TenantId::from_bytes(bytes16(row, "tenant")?),
        bucket: parsed(row, "bucket")?,
        step: parsed(row, "step")?,
        is_rehearsal: row.get("is_rehearsal")?,
        accepts_exceptions: row.get("accepts_exceptions")?,
        freeze: parsed_opt(row, "freeze")?,
        old_policy: row.get("old_policy")?,
        detail: row.get("detail")?,
        report: parsed_opt(row, "report")?,
        began: time(row, "began_ms")?,
        switched: time_opt(row, "switched_ms")?,
        way_back_s: row.get("way_back_s")?,
        way_back_until: time_opt(row, "way_back_until_ms")?,
        return_job: row
            .get::<_, Option<[u8; 16]>>("return_job")?
            .map(JobId::from_bytes),
        return_overwrites: row.get("return_overwrites")?,
        return_accepts: row.get("return_accepts")?,
        ended: time_opt(row, "ended_ms")?,
    })
}
