//! Decommissionings: jobs that delete at a source what a certificate covers, the two people who said so, and what the provider
//! stated afterwards.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_types::{JobId, PrincipalId, Timestamp};

use crate::rows::{bytes16, time, time_opt};
use crate::support::{person, vouched, written};
use crate::{Error, Registry, Vouched};

/// A decommissioning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decommission {
    /// The job that deletes.
    pub job: JobId,
    /// The job whose certificate says what.
    pub of: JobId,
    /// Who proposed it.
    pub proposed: Vouched,
    /// Who approved it; nothing is deleted before.
    pub approved: Option<Vouched>,
    /// What the provider stated about the deletion, if that was filed.
    pub statement: Option<Statement>,
}

/// A provider's statement that it deleted what it kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The name of its file.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// When it was filed.
    pub filed: Timestamp,
    /// With which token.
    pub filed_by: PrincipalId,
}

const COLUMNS: &str = "SELECT job, of_job, proposed_ms, proposed_by, proposer, approved_ms, approved_by, approver, statement_name, \
                       statement_sha256, filed_ms, filed_by FROM decommissions";

impl Registry {
    /// Saves what somebody proposes; its job waits.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_decommission(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        of: JobId,
        proposed: &Vouched,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO decommissions (job, of_job, proposed_ms, proposed_by, proposer) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                job.as_bytes(),
                of.as_bytes(),
                proposed.at.as_millis(),
                proposed.by.as_bytes(),
                written(&proposed.person)
            ],
        )?;
        Ok(())
    }

    /// Saves the second word.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_decommission_approval(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        approved: &Vouched,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE decommissions SET approved_ms = ?2, approved_by = ?3, approver = ?4 WHERE job = ?1",
            params![
                job.as_bytes(),
                approved.at.as_millis(),
                approved.by.as_bytes(),
                written(&approved.person)
            ],
        )?;
        Ok(())
    }

    /// Files the provider's statement.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_statement(
        &self,
        unit: &Unit<'_>,
        job: JobId,
        statement: &Statement,
        bytes: &[u8],
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE decommissions SET statement_name = ?2, statement_sha256 = ?3, statement = ?4, filed_ms = ?5, filed_by = ?6
             WHERE job = ?1",
            params![
                job.as_bytes(),
                statement.name,
                statement.sha256,
                bytes,
                statement.filed.as_millis(),
                statement.filed_by.as_bytes()
            ],
        )?;
        Ok(())
    }

    /// Returns the bytes of a statement that was filed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn statement(&self, job: JobId) -> Result<Option<Vec<u8>>, Error> {
        let found: Result<Option<Option<Vec<u8>>>, onshore_db::Error> = self
            .db
            .read(move |view| {
                view.one(
                    "SELECT statement FROM decommissions WHERE job = ?1",
                    [job.as_bytes()],
                    |row| row.get(0),
                )
            })
            .await;
        Ok(found?.flatten())
    }

    /// Looks up whether a job is a decommissioning.
    ///
    /// # Errors
    /// Those of the database.
    pub fn decommission(&self, view: &View<'_>, job: JobId) -> Result<Option<Decommission>, Error> {
        Ok(view.one(
            &format!("{COLUMNS} WHERE job = ?1"),
            [job.as_bytes()],
            decommission,
        )?)
    }

    /// Returns all decommissionings, the newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn decommissions(&self, view: &View<'_>) -> Result<Vec<Decommission>, Error> {
        Ok(view.all(
            &format!("{COLUMNS} ORDER BY proposed_ms DESC, job LIMIT 1000"),
            [],
            decommission,
        )?)
    }
}

fn decommission(row: &Row<'_>) -> Result<Decommission, RowError> {
    let statement = match time_opt(row, "filed_ms")? {
        None => None,
        Some(filed) => Some(Statement {
            name: row.get("statement_name")?,
            sha256: row.get("statement_sha256")?,
            filed,
            filed_by: PrincipalId::from_bytes(bytes16(row, "filed_by")?),
        }),
    };
    Ok(Decommission {
        job: JobId::from_bytes(bytes16(row, "job")?),
        of: JobId::from_bytes(bytes16(row, "of_job")?),
        proposed: Vouched {
            by: PrincipalId::from_bytes(bytes16(row, "proposed_by")?),
            person: person(row, "proposer")?,
            at: time(row, "proposed_ms")?,
        },
        approved: vouched(row)?,
        statement,
    })
}
