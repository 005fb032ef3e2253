//! Compares governance records with each other and with the length of the ledger, without changing anything.

use onshore_db::{Database, params};
use onshore_types::finding::{Fault, Findings};
use onshore_types::{ApprovalId, ExportId, JobId};

use crate::Error;
use crate::rows::bytes16;

const LEAF_MISSING: Fault = Fault {
    name: "record-beyond-ledger",
    meaning: "a record names a leaf that the ledger does not have",
};
const SPENT_SHORT: Fault = Fault {
    name: "approval-underspent",
    meaning: "an approval counts fewer bytes as spent than its exports took",
};

/// How people read an id.
type Name = fn([u8; 16]) -> String;

/// Which records name leaves.
const LEAVES_NAMED: &[(&str, Name)] = &[
    (
        "SELECT id FROM exports WHERE opened_leaf >= ?1 OR closed_leaf >= ?1",
        |id| ExportId::from_bytes(id).to_string(),
    ),
    ("SELECT id FROM jobs WHERE certificate_leaf >= ?1", |id| {
        JobId::from_bytes(id).to_string()
    }),
];

/// Compares the records. The ledger has this many leaves.
///
/// # Errors
/// Those of the database.
pub fn examine(db: &Database, leaves: u64, found: Findings<'_>) -> Result<(), Error> {
    db.read_blocking(|view| {
        for (sql, name) in LEAVES_NAMED {
            view.each(sql, params![leaves.cast_signed()], |row| {
                found(LEAF_MISSING.of(name(bytes16(row, "id")?)));
                Ok(())
            })?;
        }
        view.each(
            "SELECT id FROM epochs WHERE leaf >= ?1",
            params![leaves.cast_signed()],
            |row| {
                found(LEAF_MISSING.of(format!("epoch {}", row.get::<_, i64>(0)?)));
                Ok(())
            },
        )?;
        view.each(
            "SELECT id FROM support_requests WHERE leaf >= ?1",
            params![leaves.cast_signed()],
            |row| {
                found(LEAF_MISSING.of(format!("support request {}", row.get::<_, i64>(0)?)));
                Ok(())
            },
        )?;
        view.each(
            "SELECT a.id FROM approvals a WHERE a.spent_bytes < (
                 SELECT coalesce(sum(
                     CASE WHEN ended IS NULL OR ended = 'interrupted' THEN reserved_bytes ELSE sent_bytes END), 0)
                 FROM exports e WHERE e.approval = a.id)",
            [],
            |row| {
                found(SPENT_SHORT.of(ApprovalId::from_bytes(bytes16(row, "id")?).to_string()));
                Ok(())
            },
        )
    })
    .map_err(|error: onshore_db::Error| error.into())
}
