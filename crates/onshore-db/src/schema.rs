//! Schemas: each keeper brings the steps that make its tables; this file takes those that are still to be taken.

use rusqlite::{Connection, TransactionBehavior};

use crate::Error;

/// The tables of one keeper, as the steps that made them what they are. Steps are only ever appended.
#[derive(Debug, Clone, Copy)]
pub struct Schema {
    /// Whose tables these are.
    pub keeper: &'static str,
    /// SQL scripts, oldest first.
    pub steps: &'static [&'static str],
}

/// Brings every keeper's tables up to date, all or nothing.
pub(crate) fn migrate(connection: &mut Connection, schemas: &[Schema]) -> Result<(), Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_steps (keeper TEXT PRIMARY KEY, steps INTEGER NOT NULL) STRICT",
    )?;
    for schema in schemas {
        let taken: i64 = transaction.query_row(
            "SELECT coalesce(max(steps), 0) FROM schema_steps WHERE keeper = ?1",
            [schema.keeper],
            |row| row.get(0),
        )?;
        let taken = usize::try_from(taken).unwrap_or(usize::MAX);
        if taken > schema.steps.len() {
            return Err(Error::Newer {
                keeper: schema.keeper.to_owned(),
                found: taken,
                known: schema.steps.len(),
            });
        }
        for step in schema.steps.iter().skip(taken) {
            transaction.execute_batch(step)?;
        }
        transaction.execute(
            "INSERT INTO schema_steps (keeper, steps) VALUES (?1, ?2)
             ON CONFLICT (keeper) DO UPDATE SET steps = excluded.steps",
            (
                schema.keeper,
                i64::try_from(schema.steps.len()).unwrap_or(i64::MAX),
            ),
        )?;
    }
    Ok(transaction.commit()?)
}
