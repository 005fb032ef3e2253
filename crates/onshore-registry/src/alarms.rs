//! Alarms that were raised: each once, whatever becomes of what it was about.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_orders::{Alarm, AlarmKind, Day, Id, Language, Said};
use onshore_types::{LeafIndex, Timestamp};

use crate::rows::{count, parsed, parsed_opt, time};
use crate::{Error, Registry};

/// An alarm that was raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaisedAlarm {
    /// Its number, in the order in which they were raised.
    pub number: i64,
    /// The alarm.
    pub alarm: Alarm,
    /// When it was raised.
    pub raised: Timestamp,
    /// The leaf that tells of it.
    pub leaf: LeafIndex,
}

const COLUMNS: &str = "SELECT number, what, subject, nullif(by_order, '') AS by_order, due, days_before, why, why_zh, raised_ms, leaf FROM alarms";

impl Registry {
    /// Whether an alarm was raised already.
    ///
    /// # Errors
    /// Those of the database.
    pub fn is_raised(&self, view: &View<'_>, alarm: &Alarm) -> Result<bool, Error> {
        Ok(view
            .one(
                "SELECT 1 FROM alarms WHERE what = ?1 AND subject = ?2 AND by_order = ?3 AND due = ?4 AND days_before = ?5",
                params![
                    alarm.what.word(),
                    alarm.of.as_str(),
                    alarm.cause().map_or("", Id::as_str),
                    alarm.due.to_string(),
                    alarm.days_before
                ],
                |_| Ok(()),
            )?
            .is_some())
    }

    /// Saves an alarm that was not raised before, with the leaf that tells of it and the names of those who are to be told.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_raised_alarm(
        &self,
        unit: &Unit<'_>,
        alarm: &Alarm,
        targets: &[String],
        leaf: LeafIndex,
        now: Timestamp,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO alarms (what, subject, by_order, due, days_before, why, why_zh, raised_ms, leaf)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                alarm.what.word(),
                alarm.of.as_str(),
                alarm.cause().map_or("", Id::as_str),
                alarm.due.to_string(),
                alarm.days_before,
                alarm.why.in_language(Language::En),
                alarm.why.in_language(Language::Zh),
                now.as_millis(),
                leaf.cast_signed()
            ],
        )?;
        for target in targets {
            unit.execute(
                "INSERT INTO alarm_tellings (alarm, target) SELECT max(number), ?1 FROM alarms",
                params![target],
            )?;
        }
        Ok(())
    }

    /// Returns alarms that a target is to be told and was not told yet, the first one first.
    ///
    /// # Errors
    /// Those of the database.
    pub fn untold_alarms(
        &self,
        view: &View<'_>,
        target: &str,
        limit: u32,
    ) -> Result<Vec<RaisedAlarm>, Error> {
        Ok(view.all(
            &format!(
                "{COLUMNS} WHERE number IN (SELECT alarm FROM alarm_tellings WHERE target = ?1 AND told_ms IS NULL \
                 ORDER BY alarm LIMIT ?2) ORDER BY number"
            ),
            params![target, limit],
            raised,
        )?)
    }

    /// Notes that a target has an alarm; not where that was noted before.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_told(
        &self,
        unit: &Unit<'_>,
        alarm: i64,
        target: &str,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let changed = unit.execute(
            "UPDATE alarm_tellings SET told_ms = ?3 WHERE alarm = ?1 AND target = ?2 AND told_ms IS NULL",
            params![alarm, target, now.as_millis()],
        )?;
        Ok(changed == 1)
    }

    /// Returns a number that is another whenever something was recorded in the register.
    ///
    /// # Errors
    /// Those of the database.
    pub fn register_mark(&self, view: &View<'_>) -> Result<i64, Error> {
        let newest = view.one("SELECT max(rowid) AS newest FROM register", [], |row| {
            row.get::<_, Option<i64>>("newest")
        })?;
        Ok(newest.flatten().unwrap_or_default())
    }

    /// Returns alarms in the order in which they were raised, those after a number.
    ///
    /// # Errors
    /// Those of the database.
    pub fn alarms(
        &self,
        view: &View<'_>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<RaisedAlarm>, Error> {
        Ok(view.all(
            &format!("{COLUMNS} WHERE number > ?1 ORDER BY number LIMIT ?2"),
            params![after, limit],
            raised,
        )?)
    }
}

fn raised(row: &Row<'_>) -> Result<RaisedAlarm, RowError> {
    let what = parsed::<AlarmKind>(row, "what")?;
    let cause = parsed_opt::<Id>(row, "by_order")?;
    let (order, duty, tranche) = match what {
        AlarmKind::DutyBegins => (None, cause, None),
        AlarmKind::TrancheDue | AlarmKind::TrancheLate => (None, None, cause),
        AlarmKind::ContractDue
        | AlarmKind::ContractLate
        | AlarmKind::LicenceEnds
        | AlarmKind::LicenceLapsed
        | AlarmKind::IncidentDue
        | AlarmKind::IncidentLate
        | AlarmKind::SummaryDue
        | AlarmKind::SummaryLate
        | AlarmKind::RequestDue
        | AlarmKind::RequestLate => (cause, None, None),
    };
    Ok(RaisedAlarm {
        number: row.get("number")?,
        alarm: Alarm {
            what,
            of: parsed::<Id>(row, "subject")?,
            order,
            duty,
            tranche,
            due: parsed::<Day>(row, "due")?,
            days_before: row.get("days_before")?,
            why: Said::kept(row.get("why")?, row.get("why_zh")?),
        },
        raised: time(row, "raised_ms")?,
        leaf: count(row, "leaf")?,
    })
}
