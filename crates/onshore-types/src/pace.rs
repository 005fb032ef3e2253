//! How many bytes a second something may take, over the week: `10MiB` at all times, `2MiB` on working days from eight to six,
//! nothing at all on Mondays at nine. Written and read as text, so that orders and records hold what people wrote.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

const MINUTE_MS: i64 = 60_000;
const DAY_MIN: i64 = 24 * 60;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The text names no pace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` {why}")]
pub struct PaceError {
    text: String,
    why: &'static str,
}

/// How many bytes a second may go, over the week.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// Outside the windows; none is as many as can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Rate>,
    /// In these spans of the week. The first that holds an instant counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// What clocks show where the windows are meant.
    #[serde(default)]
    pub zone: Offset,
}

/// Bytes a second; zero stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(u64);

/// A span that comes back each week, and the rate in it: `mon-fri 08:00-18:00 2MiB`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    first_day: usize,
    last_day: usize,
    from_min: i64,
    until_min: i64,
    rate: Rate,
}

/// How far a clock is ahead of UTC, in minutes: `+08:00`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Offset(i64);

impl Pace {
    /// Returns how many bytes a second may go at an instant; none when as many as can be.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Option<Rate> {
        let minute = now.as_millis().div_euclid(MINUTE_MS) + self.zone.0;
        self.windows
            .iter()
            .find(|window| window.holds(minute))
            .map(|window| window.rate)
            .or(self.at_most)
    }

    /// Whether it holds nothing back at any time.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.at_most.is_none() && self.windows.is_empty()
    }
}

impl Rate {
    /// Returns the bytes a second.
    #[must_use]
    pub const fn bytes_per_s(self) -> u64 {
        self.0
    }
}

impl Window {
    /// Whether it holds a minute, counted from the beginning of 1970 on the clock of its zone.
    fn holds(&self, minute: i64) -> bool {
        // The first of January 1970 was a Thursday.
        let day = usize::try_from((minute.div_euclid(DAY_MIN) + 3).rem_euclid(7)).unwrap_or(0);
        let of_day = minute.rem_euclid(DAY_MIN);
        if self.from_min < self.until_min {
            return self.is_on(day) && (self.from_min..self.until_min).contains(&of_day);
        }
        // Over midnight: what begins today, and what began yesterday.
        (self.is_on(day) && of_day >= self.from_min)
            || (self.is_on((day + 6) % 7) && of_day < self.until_min)
    }

    fn is_on(&self, day: usize) -> bool {
        if self.first_day <= self.last_day {
            (self.first_day..=self.last_day).contains(&day)
        } else {
            day >= self.first_day || day <= self.last_day
        }
    }
}

impl FromStr for Rate {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Self, PaceError> {
        let fault = || PaceError {
            text: text.chars().take(80).collect(),
            why: "is no rate: write bytes a second such as 500000, 10MiB, 2.5MB or 0",
        };
        let digits = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let scale: u64 = match unit.trim().trim_end_matches("/s") {
            "" | "B" => 1,
            "kB" | "KB" => 1000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(fault()),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        if part.len() > 3 {
            return Err(fault());
        }
        let whole: u64 = whole.parse().map_err(|_| fault())?;
        let part: u64 = format!("{part:0<3}").parse().map_err(|_| fault())?;
        whole
            .checked_mul(scale)
            .and_then(|whole| whole.checked_add(part.checked_mul(scale)? / 1000))
            .map(Self)
            .ok_or_else(fault)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes > 0 && bytes.is_multiple_of(1 << 20) => write!(f, "{}MiB", bytes >> 20),
            bytes if bytes > 0 && bytes.is_multiple_of(1 << 10) => write!(f, "{}KiB", bytes >> 10),
            bytes => write!(f, "{bytes}"),
        }
    }
}

impl FromStr for Window {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Self, PaceError> {
        let fault = || PaceError {
            text: text.chars().take(80).collect(),
            why: "is no span of the week: write mon-fri 08:00-18:00 2MiB, or sat 22:00-06:00 0",
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let [days, hours, rate] = words.as_slice() else {
            return Err(fault());
        };
        let day = |word: &str| DAYS.iter().position(|day| *day == word).ok_or_else(fault);
        let (first, last) = days.split_once('-').unwrap_or((days, days));
        let (from, until) = hours.split_once('-').ok_or_else(fault)?;
        let (from_min, until_min) = (
            minutes(from).ok_or_else(fault)?,
            minutes(until).ok_or_else(fault)?,
        );
        if from_min == until_min || from_min == DAY_MIN {
            return Err(fault());
        }
        Ok(Self {
            first_day: day(first)?,
            last_day: day(last)?,
            from_min,
            until_min,
            rate: rate.parse()?,
        })
    }
}

/// Reads a time of day, `24:00` included.
fn minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    let all = i64::from(hours) * 60 + i64::from(minutes);
    (minutes < 60 && all <= DAY_MIN).then_some(all)
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |day: usize| DAYS.get(day).copied().unwrap_or_default();
        let time = |all: i64| format!("{:02}:{:02}", all / 60, all % 60);
        let days = if self.first_day == self.last_day {
            day(self.first_day).to_owned()
        } else {
            format!("{}-{}", day(self.first_day), day(self.last_day))
        };
        let (from, until) = (time(self.from_min), time(self.until_min));
        write!(f, "{days} {from}-{until} {}", self.rate)
    }
}

impl FromStr for Offset {
    type Err = PaceError;

    fn from_str(text: &str) -> Result<Self, PaceError> {
        let fault = || PaceError {
            text: text.chars().take(80).collect(),
            why: "is no offset from UTC: write +08:00 or -03:30",
        };
        let (sign, rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
            (Some(rest), _) => (1, rest),
            (None, Some(rest)) => (-1, rest),
            (None, None) => return Err(fault()),
        };
        let all = minutes(rest)
            .filter(|all| *all <= 14 * 60)
            .ok_or_else(fault)?;
        Ok(Self(sign * all))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        let all = self.0.abs();
        write!(f, "{sign}{:02}:{:02}", all / 60, all % 60)
    }
}

/// Text on the way in and out, for each of them.
macro_rules! as_text {
    ($($name:ty),*) => {$(
        impl TryFrom<String> for $name {
            type Error = PaceError;

            fn try_from(text: String) -> Result<Self, PaceError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

as_text!(Rate, Window, Offset);

#[cfg(test)]
mod tests {
    use super::{Offset, Pace, Rate, Window};
    use crate::Timestamp;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn rates_read_and_print() {
        for (text, bytes) in [
            ("0", 0),
            ("500000", 500_000),
            ("10MiB", 10 << 20),
            ("2.5MB", 2_500_000),
            ("1.5KiB/s", 1536),
            ("1GB", 1_000_000_000),
        ] {
            let rate: Rate = text.parse().expect(text);
            assert_eq!(rate.bytes_per_s(), bytes, "{text}");
            assert_eq!(rate.to_string().parse(), Ok(rate));
        }
        for bad in [
            "",
            "x",
            "-1",
            "1XB",
            ".5MB",
            "1..2",
            "1.2345MB",
            "99999999999GB",
        ] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }

    #[test]
    fn windows_come_back_each_week_on_the_clock_of_their_zone() {
        let pace = Pace {
            at_most: Some("10MiB".parse().expect("a rate")),
            windows: vec![
                "mon-fri 08:00-18:00 2MiB".parse().expect("a window"),
                "sat 22:00-06:00 0".parse().expect("a window"),
            ],
            zone: "+08:00".parse().expect("an offset"),
        };
        let rate = |text| pace.at(at(text)).expect("a rate").bytes_per_s();
        // Monday, 30 November 2026.
        assert_eq!(rate("2026-11-29T23:59:59Z"), 10 << 20);
        assert_eq!(rate("2026-11-30T00:00:00Z"), 2 << 20);
        assert_eq!(rate("2026-11-30T09:59:59Z"), 2 << 20);
        assert_eq!(rate("2026-11-30T10:00:00Z"), 10 << 20);
        // Saturday night in Beijing.
        assert_eq!(rate("2026-12-05T13:59:59Z"), 10 << 20);
        assert_eq!(rate("2026-12-05T14:00:00Z"), 0);
        assert_eq!(rate("2026-12-05T21:59:59Z"), 0);
        assert_eq!(rate("2026-12-05T22:00:00Z"), 10 << 20);
        assert_eq!(Pace::default().at(at("2026-11-30T00:00:00Z")), None);
    }

    #[test]
    fn what_is_no_span_of_the_week_is_refused() {
        for good in ["sun-mon 00:00-24:00 1", "fri 18:00-08:00 1KiB"] {
            let window: Window = good.parse().expect(good);
            assert_eq!(window.to_string(), good);
        }
        let all_week: Window = "sun-sat 00:00-24:00 1".parse().expect("a window");
        assert!((0..7).all(|day| all_week.holds(day * 24 * 60)));
        for bad in [
            "",
            "mon 08:00-18:00",
            "mon-xyz 08:00-18:00 1",
            "mon 8:00-18:00 1",
            "mon 08:00-08:00 1",
            "mon 24:00-08:00 1",
            "mon 08:00-25:00 1",
            "mon 08:60-18:00 1",
        ] {
            assert!(bad.parse::<Window>().is_err(), "{bad}");
        }
        for bad in ["", "8", "08:00", "+8:00", "+15:00", "+08:75"] {
            assert!(bad.parse::<Offset>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_pace_is_kept_as_it_was_written() {
        let text = r#"{"at_most":"10MiB","windows":["mon-fri 08:00-18:00 2MiB"],"zone":"+08:00"}"#;
        let pace: Pace = serde_json::from_str(text).expect("reads");
        assert_eq!(serde_json::to_string(&pace).expect("writes"), text);
    }
}
