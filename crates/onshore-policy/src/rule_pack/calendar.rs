//! Days: civil dates, and which of them are worked on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::civil::{self, Weekday};
use onshore_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::dated::Ahead;
use crate::error::Error;

const FILE: &str = "calendar.toml";

/// A civil date, such as 2026-11-29.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(civil::Date);

/// Why a date cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CalendarError {
    /// It is outside all time.
    #[error("the date is out of range")]
    OutOfRange,
}

/// Why a text is not a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a date such as 2026-11-29")]
pub struct DateError(String);

/// Which days are worked on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calendar {
    years: BTreeMap<i16, Year>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Year {
    off: BTreeSet<civil::Date>,
    working: BTreeSet<civil::Date>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCalendar {
    #[serde(default, rename = "year")]
    years: Vec<WrittenYear>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenYear {
    year: i16,
    source: String,
    off: Vec<String>,
    #[serde(default)]
    working: Vec<Date>,
}

impl Calendar {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let fault = |what: String| Error::pack(FILE, what);
        let written: WrittenCalendar =
            toml::from_str(text).map_err(|error| Error::pack(FILE, error))?;
        let mut years = BTreeMap::new();
        for written in written.years {
            let number = written.year;
            if written.source.trim().is_empty() {
                return Err(fault(format!("the year {number} has no source")));
            }
            let mut year = Year::default();
            for run in &written.off {
                year.off.extend(days(run).map_err(fault)?);
            }
            year.working.extend(written.working.iter().map(|day| day.0));
            let strays = year.off.iter().chain(&year.working);
            if let Some(stray) = strays.clone().find(|day| day.year() != number) {
                return Err(fault(format!("{stray} is not in the year {number}")));
            }
            if let Some(both) = year.off.intersection(&year.working).next() {
                return Err(fault(format!("{both} is off and worked on")));
            }
            if years.insert(number, year).is_some() {
                return Err(fault(format!("the year {number} is there twice")));
            }
        }
        Ok(Self { years })
    }

    /// Whether people work on a day; in a year whose days off nobody has announced, whether it is one of the five days of a week.
    #[must_use]
    pub fn is_working(&self, date: Date) -> bool {
        let is_weekend = matches!(date.0.weekday(), Weekday::Saturday | Weekday::Sunday);
        match self.years.get(&date.0.year()) {
            Some(year) => {
                year.working.contains(&date.0) || (!is_weekend && !year.off.contains(&date.0))
            }
            None => !is_weekend,
        }
    }

    /// Returns the first year from one day to another, whichever is earlier, whose days off nobody has announced.
    pub(super) fn unannounced(&self, one: Date, other: Date) -> Option<i16> {
        let (first, last) = (one.min(other).0.year(), one.max(other).0.year());
        (first..=last).find(|year| !self.years.contains_key(year))
    }

    /// Returns the day so many working days after (or before) a day, which itself does not count.
    ///
    /// # Errors
    /// [`CalendarError`].
    pub fn plus_working(&self, date: Date, days: i32) -> Result<Date, CalendarError> {
        let mut left = days.unsigned_abs();
        let mut at = date.0;
        while left > 0 {
            let next = if days > 0 {
                at.tomorrow()
            } else {
                at.yesterday()
            };
            at = next.map_err(|_| CalendarError::OutOfRange)?;
            if self.is_working(Date(at)) {
                left -= 1;
            }
        }
        Ok(Date(at))
    }
}

impl Date {
    /// Returns the day in which an instant lies, so far ahead of UTC.
    pub(super) fn of(instant: Timestamp, ahead: Ahead) -> Option<Self> {
        let there = instant.plus_millis(ahead.millis).as_millis();
        let there = jiff::Timestamp::from_millisecond(there).ok()?;
        Some(Self(there.to_zoned(jiff::tz::TimeZone::UTC).date()))
    }

    pub(super) fn first_instant(self, ahead: Ahead) -> Timestamp {
        let utc = self.0.to_zoned(jiff::tz::TimeZone::UTC);
        let millis = utc.map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond());
        Timestamp::from_millis(millis).plus_millis(-ahead.millis)
    }

    pub(super) fn noon(self, ahead: Ahead) -> Timestamp {
        self.first_instant(ahead).plus_millis(12 * 3600 * 1000)
    }

    pub(super) fn next(self) -> Self {
        Self(self.0.tomorrow().unwrap_or(self.0))
    }

    pub(super) fn plus_days(self, days: i32) -> Result<Self, CalendarError> {
        let span = jiff::Span::new()
            .try_days(days)
            .map_err(|_| CalendarError::OutOfRange)?;
        let sum = self.0.checked_add(span);
        sum.map(Self).map_err(|_| CalendarError::OutOfRange)
    }

    /// The same day so many months on, or the last of that month where it has none such.
    pub(super) fn plus_months(self, months: i32) -> Result<Self, CalendarError> {
        let span = jiff::Span::new()
            .try_months(months)
            .map_err(|_| CalendarError::OutOfRange)?;
        let sum = self.0.checked_add(span);
        sum.map(Self).map_err(|_| CalendarError::OutOfRange)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let fault = || DateError(text.chars().take(32).collect());
        // A civil date parser also takes a date with a time behind it.
        if text.len() != "2026-11-29".len() {
            return Err(fault());
        }
        text.parse().map(Self).map_err(|_| fault())
    }
}

impl TryFrom<String> for Date {
    type Error = DateError;

    fn try_from(text: String) -> Result<Self, DateError> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

/// Reads a day, or two with a slash between them and all that lie there.
fn days(run: &str) -> Result<Vec<civil::Date>, String> {
    let day = |text: &str| text.parse::<Date>().map_err(|error| error.to_string());
    let (first, last) = match run.split_once('/') {
        Some((first, last)) => (day(first)?, day(last)?),
        None => (day(run)?, day(run)?),
    };
    if last < first {
        return Err(format!("`{run}` ends before it begins"));
    }
    let all: Vec<civil::Date> = first
        .0
        .series(jiff::Span::new().days(1))
        .take_while(|day| *day <= last.0)
        .take(367)
        .collect();
    if all.len() > 366 {
        return Err(format!("`{run}` is longer than a year"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::{Calendar, Date};
    use crate::rule_pack::{PackFiles, RulePack};

    fn date(text: &str) -> Date {
        text.parse().expect("a date")
    }

    fn beijing() -> Calendar {
        let files = PackFiles::shipped("cn").expect("it is shipped");
        let pack = RulePack::parse(files).expect("it reads");
        pack.calendar().clone()
    }

    #[test]
    fn holidays_are_off_and_made_up_days_are_worked() {
        let calendar = beijing();
        for (day, works) in [
            ("2026-02-13", true),
            ("2026-02-14", true),
            ("2026-02-16", false),
            ("2026-02-23", false),
            ("2026-02-24", true),
            ("2026-02-28", true),
            ("2026-03-01", false),
            ("2026-10-08", true),
            ("2026-10-10", true),
        ] {
            assert_eq!(calendar.is_working(date(day)), works, "{day}");
        }
    }

    #[test]
    fn working_days_are_counted_over_a_golden_week_both_ways() {
        let calendar = beijing();
        let after = |day, days| calendar.plus_working(date(day), days);
        // Wednesday before the National Day: the week is off, Saturday the tenth is worked on.
        assert_eq!(after("2026-09-30", 1), Ok(date("2026-10-08")));
        assert_eq!(after("2026-09-30", 3), Ok(date("2026-10-10")));
        assert_eq!(after("2026-09-30", 4), Ok(date("2026-10-12")));
        assert_eq!(after("2026-10-12", -4), Ok(date("2026-09-30")));
        assert_eq!(after("2026-09-30", 0), Ok(date("2026-09-30")));
        // Of a year that nobody has announced the five days of a week count, and that it is not known is told.
        assert_eq!(after("2026-12-31", 1), Ok(date("2027-01-01")));
        assert_eq!(after("2027-01-04", -2), Ok(date("2026-12-31")));
        let unannounced = |one, other| calendar.unannounced(date(one), date(other));
        assert_eq!(unannounced("2026-12-31", "2027-01-01"), Some(2027));
        assert_eq!(unannounced("2029-01-01", "2026-12-31"), Some(2027));
        assert_eq!(unannounced("2026-01-01", "2026-12-31"), None);
    }

    #[test]
    fn a_calendar_that_contradicts_itself_does_not_read() {
        for bad in [
            "[[year]]\nyear = 2026\nsource = \"x\"\noff = [\"2025-01-01\"]",
            "[[year]]\nyear = 2026\nsource = \"x\"\noff = [\"2026-01-01\"]\nworking = [\"2026-01-01\"]",
            "[[year]]\nyear = 2026\nsource = \"\"\noff = []",
            "[[year]]\nyear = 2026\nsource = \"x\"\noff = [\"2026-01-03/2026-01-01\"]",
            "[[year]]\nyear = 2026\nsource = \"x\"\noff = []\n[[year]]\nyear = 2026\nsource = \"x\"\noff = []",
        ] {
            assert!(Calendar::parse(bad).is_err(), "{bad}");
        }
    }
}
