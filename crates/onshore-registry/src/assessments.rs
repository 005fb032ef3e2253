//! Reports of impact assessments: each is kept as it was filed, and nothing takes it away.

use onshore_db::{Unit, View, params};
use onshore_orders::Id;
use onshore_types::{PrincipalId, Timestamp};

use crate::{Error, Registry};

impl Registry {
    /// Whether the report of this SHA-256 was filed for an assessment.
    ///
    /// # Errors
    /// Those of the database.
    pub fn has_assessment_report(
        &self,
        view: &View<'_>,
        assessment: &Id,
        sha256: &str,
    ) -> Result<bool, Error> {
        let found = view.one(
            "SELECT 1 FROM assessment_reports WHERE assessment = ?1 AND sha256 = ?2",
            params![assessment.as_str(), sha256],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Files a report that was not filed before.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_assessment_report(
        &self,
        unit: &Unit<'_>,
        assessment: &Id,
        (sha256, report): (&str, &[u8]),
        (by, now): (PrincipalId, Timestamp),
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO assessment_reports (assessment, sha256, report, filed_ms, filed_by) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                assessment.as_str(),
                sha256,
                report,
                now.as_millis(),
                by.as_bytes()
            ],
        )?;
        Ok(())
    }

    /// Returns the report of this SHA-256, if it was filed for an assessment.
    ///
    /// # Errors
    /// Those of the database.
    pub fn assessment_report(
        &self,
        view: &View<'_>,
        assessment: &Id,
        sha256: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        Ok(view.one(
            "SELECT report FROM assessment_reports WHERE assessment = ?1 AND sha256 = ?2",
            params![assessment.as_str(), sha256],
            |row| row.get("report"),
        )?)
    }
}
