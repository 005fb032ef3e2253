//! Refusals: equal ones of a principal within a minute are one leaf and a count.

use onshore_db::{Row, RowError, Unit, params};
use onshore_types::{LeafIndex, PrincipalId};

use crate::rows::{bytes16, count};
use crate::{Error, Registry};

/// What makes refusals equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalKey {
    /// Who was refused.
    pub principal: PrincipalId,
    /// By which rule.
    pub rule: String,
    /// In which minute since the epoch.
    pub minute: i64,
}

/// Refusals of a minute that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedRefusal {
    /// Who was refused.
    pub principal: PrincipalId,
    /// By which rule.
    pub rule: String,
    /// In which minute since the epoch.
    pub minute: i64,
    /// The leaf of the first one.
    pub leaf: LeafIndex,
    /// How many there were.
    pub times: u64,
}

impl Registry {
    /// Counts one more refusal where an equal one has a leaf, and returns that leaf. A count that the ledger has already
    /// is due again then.
    ///
    /// # Errors
    /// Those of the database.
    pub fn count_refusal(
        &self,
        unit: &Unit<'_>,
        key: &RefusalKey,
    ) -> Result<Option<LeafIndex>, Error> {
        let leaf = unit.one(
            "UPDATE refusals SET times = times + 1, is_counted = 0 WHERE principal = ?1 AND rule = ?2 AND minute = ?3
             RETURNING leaf",
            params![key.principal.as_bytes(), key.rule, key.minute],
            |row| row.get::<_, i64>(0),
        )?;
        Ok(leaf.map(i64::cast_unsigned))
    }

    /// Saves the first refusal of its kind in this minute.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_refusal(
        &self,
        unit: &Unit<'_>,
        key: &RefusalKey,
        leaf: LeafIndex,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO refusals (principal, rule, minute, leaf, times) VALUES (?1, ?2, ?3, ?4, 1)",
            params![key.principal.as_bytes(), key.rule, key.minute, leaf.cast_signed()],
        )?;
        Ok(())
    }

    /// Takes the refusals of minutes before this one that have no count in the ledger yet. Those that happened once
    /// need none; they are dropped.
    ///
    /// # Errors
    /// Those of the database.
    pub fn take_uncounted(
        &self,
        unit: &Unit<'_>,
        minute: i64,
    ) -> Result<Vec<CountedRefusal>, Error> {
        let taken = unit.all(
            "SELECT principal, rule, minute, leaf, times FROM refusals
             WHERE is_counted = 0 AND minute < ?1 AND times > 1 ORDER BY minute LIMIT 1000",
            [minute],
            counted,
        )?;
        unit.execute(
            "DELETE FROM refusals WHERE minute < ?1 AND (times = 1 OR is_counted = 1)",
            [minute],
        )?;
        for refusal in &taken {
            unit.execute(
                "UPDATE refusals SET is_counted = 1 WHERE principal = ?1 AND rule = ?2 AND minute = ?3",
                params![refusal.principal.as_bytes(), refusal.rule, refusal.minute],
            )?;
        }
        Ok(taken)
    }
}

fn counted(row: &Row<'_>) -> Result<CountedRefusal, RowError> {
    Ok(CountedRefusal {
        principal: PrincipalId::from_bytes(bytes16(row, "principal")?),
        rule: row.get("rule")?,
        minute: row.get("minute")?,
        leaf: count(row, "leaf")?,
        times: count(row, "times")?,
    })
}
