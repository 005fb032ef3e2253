//! Alarms: that the tenants of a group let out together what none of them may alone.

use onshore_db::{Unit, View, params};
use onshore_types::{GroupName, LeafIndex, Timestamp};

use crate::persons::year;
use crate::{Error, Registry};

impl Registry {
    /// Whether an alarm was raised this year over a group and a limit.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_alarm_raised(
        &self,
        view: &View<'_>,
        (group, threshold): (&GroupName, &str),
        now: Timestamp,
    ) -> Result<bool, Error> {
        let found = view.one(
            "SELECT 1 FROM splitting_alarms WHERE year = ?1 AND group_name = ?2 AND threshold = ?3",
            params![year(now), group.as_str(), threshold],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// Notes that an alarm was raised.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_alarm(
        &self,
        unit: &Unit<'_>,
        (group, threshold): (&GroupName, &str),
        now: Timestamp,
        leaf: LeafIndex,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO splitting_alarms (year, group_name, threshold, leaf) VALUES (?1, ?2, ?3, ?4)",
            params![
                year(now),
                group.as_str(),
                threshold,
                leaf.cast_signed()
            ],
        )?;
        Ok(())
    }
}
