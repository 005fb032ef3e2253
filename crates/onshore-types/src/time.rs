//! Instants: milliseconds since 1970-01-01T00:00:00Z, read and written as RFC 3339.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An instant in milliseconds since the Unix epoch. Who needs the present one is handed it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// Why a text is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a time: write RFC 3339, such as 2027-01-31T00:00:00Z, or a date such as 2027-01-31 (its first instant in UTC)"
)]
pub struct TimeError {
    text: String,
}

impl Timestamp {
    /// Makes an instant from milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Returns milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Returns whole seconds since the epoch, rounded towards the past.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Returns the instant so many milliseconds later, held at the end of time.
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Writes the instant in UTC after a pattern of `strftime`.
    #[must_use]
    pub fn written_as(self, pattern: &str) -> String {
        self.civil().strftime(pattern).to_string()
    }

    fn civil(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.civil())
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let fail = || TimeError {
            text: text.chars().take(64).collect(),
        };
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(Self(instant.as_millisecond()));
        }
        // A civil date parser also takes a time without an offset, which is no instant.
        if text.len() != "2026-11-22".len() {
            return Err(fail());
        }
        let date: jiff::civil::Date = text.parse().map_err(|_| fail())?;
        let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| fail())?;
        Ok(Self(zoned.timestamp().as_millisecond()))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn instants_and_dates_read() {
        let noon: Timestamp = "2026-11-22T12:00:00+08:00".parse().expect("an instant");
        assert_eq!(noon.to_string(), "2026-11-22T04:00:00.000Z");
        let day: Timestamp = "2026-11-22".parse().expect("a date");
        assert_eq!(day.to_string(), "2026-11-22T00:00:00.000Z");
        assert_eq!(day.to_string().parse(), Ok(day));
        for bad in ["", "tomorrow", "2026-13-01", "2026-11-22T12:00:00"] {
            assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
        }
    }
}
