//! Looking at a database without changing anything: what its own structure says of its health.

use onshore_types::finding::{Fault, Findings};
use rusqlite::{Connection, OptionalExtension};

use crate::{Database, Error, Schema};

/// Findings of one kind that are told one by one.
const FINDINGS_MAX: u32 = 1000;

const DAMAGED: Fault = Fault {
    name: "database-damaged",
    meaning: "the database file is damaged; restore it from a backup",
};
const REFERENCE_BROKEN: Fault = Fault {
    name: "reference-broken",
    meaning: "a row refers to another that is not there",
};

impl Database {
    /// Compares the pages, indexes and rules of the whole file, and what its rows refer to.
    ///
    /// # Errors
    /// Where the file cannot be read at all.
    pub fn examine(&self, found: Findings<'_>) -> Result<(), Error> {
        self.read_blocking(|view| {
            let integrity = format!("PRAGMA integrity_check({FINDINGS_MAX})");
            view.each(&integrity, [], |row| {
                let said: String = row.get(0)?;
                if said != "ok" {
                    found(DAMAGED.of(said));
                }
                Ok(())
            })?;
            view.each("PRAGMA foreign_key_check", [], |row| {
                let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
                let row_id: Option<i64> = row.get(1)?;
                let row_id = row_id.map_or_else(String::new, |id| format!(" (row {id})"));
                found(REFERENCE_BROKEN.of(format!("{table}{row_id} to {parent}")));
                Ok(())
            })
        })
    }
}

/// Refuses a file whose tables are not exactly those that this version knows.
pub(crate) fn same_steps(connection: &Connection, schemas: &[Schema]) -> Result<(), Error> {
    for schema in schemas {
        let taken: Option<i64> = connection
            .query_row(
                "SELECT steps FROM schema_steps WHERE keeper = ?1",
                [schema.keeper],
                |row| row.get(0),
            )
            .optional()?;
        let found = taken.map_or(0, |steps| usize::try_from(steps).unwrap_or(usize::MAX));
        let (keeper, known) = (schema.keeper.to_owned(), schema.steps.len());
        if found > known {
            return Err(Error::Newer {
                keeper,
                found,
                known,
            });
        }
        if found < known {
            return Err(Error::Older {
                keeper,
                found,
                known,
            });
        }
    }
    Ok(())
}
