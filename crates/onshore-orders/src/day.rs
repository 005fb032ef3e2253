//! Days, and where they begin. An order's day ends when it ends where the order was given.

use std::fmt;
use std::str::FromStr;

use jiff::Span;
use jiff::civil;
use jiff::tz::Offset;
use onshore_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Error;

/// A civil date, such as 2022-09-30.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(civil::Date);

impl Day {
    /// Returns the day that it is at an instant where clocks are so far from UTC.
    #[must_use]
    pub fn at(instant: Timestamp, offset: UtcOffset) -> Self {
        let instant = jiff::Timestamp::from_millisecond(instant.as_millis()).unwrap_or(
            if instant.as_millis() < 0 {
                jiff::Timestamp::MIN
            } else {
                jiff::Timestamp::MAX
            },
        );
        Self(offset.offset().to_datetime(instant).date())
    }

    /// Returns the same day of the month so many months later, or the last of that month where it is shorter; none beyond
    /// all calendars.
    #[must_use]
    pub fn plus_months(self, months: i32) -> Option<Self> {
        let span = Span::new().try_months(months).ok()?;
        self.0.checked_add(span).ok().map(Self)
    }

    /// Returns the day so many days later; none beyond all calendars.
    #[must_use]
    pub fn plus_days(self, days: i32) -> Option<Self> {
        let span = Span::new().try_days(days).ok()?;
        self.0.checked_add(span).ok().map(Self)
    }

    /// Returns how many days it is from this day to another; fewer than none where that was before.
    #[must_use]
    pub fn days_until(self, other: Self) -> i32 {
        // The default of `until` counts days alone, which any two dates have.
        self.0.until(other.0).map_or(0, |span| span.get_days())
    }

    /// Whether it is in the time that begins with one day and ends before another.
    #[must_use]
    pub fn is_within(self, from: Self, until: Option<Self>) -> bool {
        from <= self && until.is_none_or(|until| self < until)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Day {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fail = || Error::Day(text.chars().take(32).collect());
        // A parser of civil dates takes times and signed years too.
        let is_shaped = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !is_shaped {
            return Err(fail());
        }
        text.parse().map(Self).map_err(|_| fail())
    }
}

impl TryFrom<String> for Day {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

/// How far clocks are from UTC, such as +08:00 in all of China.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UtcOffset {
    minutes: i16,
}

impl UtcOffset {
    /// UTC itself.
    pub const UTC: Self = Self { minutes: 0 };
    /// Where each day begins first.
    pub const EASTERNMOST: Self = Self { minutes: 14 * 60 };

    fn offset(self) -> Offset {
        Offset::from_seconds(i32::from(self.minutes) * 60).unwrap_or(Offset::UTC)
    }
}

impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minutes < 0 { '-' } else { '+' };
        let minutes = self.minutes.unsigned_abs();
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

impl FromStr for UtcOffset {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fail = || Error::Offset(text.chars().take(32).collect());
        let (sign, rest) = if let Some(rest) = text.strip_prefix('+') {
            (1, rest)
        } else if let Some(rest) = text.strip_prefix('-') {
            (-1, rest)
        } else {
            return Err(fail());
        };
        let (hours, minutes) = rest.split_once(':').ok_or_else(fail)?;
        let number = |part: &str| match part.as_bytes() {
            [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => {
                part.parse::<i16>().map_err(|_| fail())
            }
            _ => Err(fail()),
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        if hours > 14 || minutes > 59 {
            return Err(fail());
        }
        Ok(Self {
            minutes: sign * (hours * 60 + minutes),
        })
    }
}

impl TryFrom<String> for UtcOffset {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<UtcOffset> for String {
    fn from(offset: UtcOffset) -> Self {
        offset.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{Day, UtcOffset};

    #[test]
    fn a_day_ends_where_the_order_was_given() {
        let beijing: UtcOffset = "+08:00".parse().expect("an offset");
        let at = |text: &str| Day::at(text.parse().expect("an instant"), beijing).to_string();
        assert_eq!(at("2022-09-30T15:59:59.999Z"), "2022-09-30");
        assert_eq!(at("2022-09-30T16:00:00Z"), "2022-10-01");
    }

    #[test]
    fn months_end_with_their_last_day() {
        let plus = |text: &str, months| {
            let day: Day = text.parse().expect("a day");
            day.plus_months(months).map(|day| day.to_string())
        };
        assert_eq!(plus("2021-12-31", 2).as_deref(), Some("2022-02-28"));
        assert_eq!(plus("2023-12-31", 2).as_deref(), Some("2024-02-29"));
        assert_eq!(plus("2024-02-29", 12).as_deref(), Some("2025-02-28"));
        assert_eq!(plus("2022-07-31", 2).as_deref(), Some("2022-09-30"));
        assert_eq!(plus("9999-12-31", 2), None);
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for bad in [
            "",
            "2022-9-30",
            "2021-02-29",
            "2022-09-31",
            "20220930",
            "2022-09-30T00:00",
            "+022-09-30",
            "２０２２-09",
        ] {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
        for bad in ["", "8", "+8:00", "08:00", "+08:60", "+15:00", "+-1:00", "Z"] {
            assert!(bad.parse::<UtcOffset>().is_err(), "{bad}");
        }
        let day = |text: &str| text.parse::<Day>().expect("a day");
        assert_eq!(day("2024-02-28").days_until(day("2024-03-01")), 2);
        assert_eq!(day("2024-03-01").days_until(day("2022-02-28")), -732);
    }
}
