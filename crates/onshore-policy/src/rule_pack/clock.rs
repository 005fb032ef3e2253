//! Clocks: steps of a proceeding that follow one another, and the dates they fall on.

use serde::{Deserialize, Serialize};

use super::RulePack;
use super::calendar::{CalendarError, Date};
use super::table::FILE;
use crate::error::Error;

/// The longest step, in days: ten years.
const DAYS_MAX: i32 = 3660;
const MONTHS_MAX: i32 = 120;

/// The steps of a proceeding.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Clock {
    /// Its name.
    pub name: String,
    /// What it is about, and from which day it runs.
    pub title: String,
    /// Which text says so, and where in it.
    pub source: String,
    /// The first day on which it may start.
    pub valid_from: Date,
    /// The last day on which it may start; none where it is not known to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Date>,
    /// The steps, each from the end of the one before.
    #[serde(rename = "step")]
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What is done then.
    pub name: String,
    /// How many days later; earlier where it is negative.
    #[serde(default)]
    pub days: i32,
    /// Which days count.
    #[serde(default)]
    pub of: Days,
    /// How many months later, before the days.
    #[serde(default)]
    pub months: i32,
}

/// Which days count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Days {
    /// Those that people work on.
    Working,
    /// All.
    #[default]
    Calendar,
}

/// A step and the day it falls on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Due {
    /// What is done then.
    pub step: String,
    /// At the latest on this day.
    pub on: Date,
    /// The first year until then of which the calendar does not know the days off: of it the five days of a week are counted, and the
    /// day may move once they are announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unannounced: Option<i16>,
}

impl Clock {
    pub(super) fn check(&self) -> Result<(), Error> {
        let fault = |what: &str| Error::pack(FILE, format!("the clock `{}` {what}", self.name));
        if self.source.trim().is_empty() {
            return Err(fault("has no source"));
        }
        if self.steps.is_empty() {
            return Err(fault("has no step"));
        }
        let is_long = |step: &Step| step.days.abs() > DAYS_MAX || step.months.abs() > MONTHS_MAX;
        if self.steps.iter().any(is_long) {
            return Err(fault("has a step of more than ten years"));
        }
        Ok(())
    }
}

impl RulePack {
    /// Returns the clock of a name that starts on a day; none where no text of law knew it then.
    #[must_use]
    pub fn clock(&self, name: &str, on: Date) -> Option<&Clock> {
        let holds = |clock: &&Clock| {
            clock.name == name
                && clock.valid_from <= on
                && clock.valid_to.is_none_or(|last| on <= last)
        };
        self.clocks.iter().find(holds)
    }

    /// Returns the days on which the steps of a clock that starts on a day fall.
    ///
    /// # Errors
    /// [`CalendarError::OutOfRange`].
    pub fn due(&self, clock: &Clock, from: Date) -> Result<Vec<Due>, CalendarError> {
        let (mut at, mut unannounced) = (from, None);
        let mut due = Vec::new();
        for step in &clock.steps {
            at = at.plus_months(step.months)?;
            at = match step.of {
                Days::Working => {
                    let on = self.calendar.plus_working(at, step.days)?;
                    unannounced = unannounced.or(self.calendar.unannounced(at, on));
                    on
                }
                Days::Calendar => at.plus_days(step.days)?,
            };
            due.push(Due {
                step: step.name.clone(),
                on: at,
                unannounced,
            });
        }
        Ok(due)
    }

    /// Returns the day in which an instant lies where the pack is for.
    ///
    /// # Errors
    /// [`CalendarError::OutOfRange`].
    pub fn day_of(&self, instant: onshore_types::Timestamp) -> Result<Date, CalendarError> {
        Date::of(instant, self.manifest.ahead).ok_or(CalendarError::OutOfRange)
    }
}

#[cfg(test)]
mod tests {
    use crate::rule_pack::{PackFiles, RulePack};

    fn dates(pack: &str, clock: &str, from: &str) -> Vec<String> {
        let files = PackFiles::shipped(pack).expect("it is shipped");
        let pack = RulePack::parse(files).expect("it reads");
        let from = from.parse().expect("a date");
        let clock = pack.clock(clock, from).expect("there is such a clock");
        let due = pack.due(clock, from);
        let due = due.expect("it is in range");
        due.iter().map(|due| due.on.to_string()).collect()
    }

    #[test]
    fn an_assessment_takes_five_seven_and_forty_five_working_days() {
        assert_eq!(
            dates("cn", "assessment", "2026-03-02"),
            ["2026-03-09", "2026-03-18", "2026-05-25"]
        );
    }

    #[test]
    fn a_renewal_is_asked_for_sixty_working_days_before_the_end() {
        assert_eq!(
            dates("cn", "renewal", "2026-09-01"),
            ["2026-06-08", "2026-07-07"]
        );
    }

    #[test]
    fn a_switch_ends_its_notice_on_the_last_of_a_short_month() {
        assert_eq!(
            dates("eu", "switching", "2025-12-31"),
            ["2026-02-28", "2026-03-30", "2026-04-29", "2026-04-30"]
        );
    }
}
