//! Statements of providers that what was kept under a contract is deleted: each is kept as it was filed, and nothing takes it away.

use onshore_db::{Unit, View, params};
use onshore_orders::Id;
use onshore_types::{PrincipalId, Timestamp};

use crate::{Error, Registry};

impl Registry {
    /// Files a statement for a contract; one that was filed for it before stays as it is.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_deletion_statement(
        &self,
        unit: &Unit<'_>,
        contract: &Id,
        (sha256, statement): (&str, &[u8]),
        (by, now): (PrincipalId, Timestamp),
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO deletion_statements (contract, sha256, statement, filed_ms, filed_by) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (contract, sha256) DO NOTHING",
            params![
                contract.as_str(),
                sha256,
                statement,
                now.as_millis(),
                by.as_bytes()
            ],
        )?;
        Ok(())
    }

    /// Returns the statement of this SHA-256, if it was filed for a contract.
    ///
    /// # Errors
    /// Those of the database.
    pub fn deletion_statement(
        &self,
        view: &View<'_>,
        contract: &Id,
        sha256: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        Ok(view.one(
            "SELECT statement FROM deletion_statements WHERE contract = ?1 AND sha256 = ?2",
            params![contract.as_str(), sha256],
            |row| row.get("statement"),
        )?)
    }
}
