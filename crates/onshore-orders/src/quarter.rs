//! A quarter of a year, such as 2022Q3.

use std::fmt;
use std::str::FromStr;

use crate::{Day, Error};

/// A quarter of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quarter {
    first: Day,
}

impl Quarter {
    /// Returns its first day.
    #[must_use]
    pub fn first(self) -> Day {
        self.first
    }

    /// Returns its last day.
    #[must_use]
    pub fn last(self) -> Day {
        let next = self.first.plus_months(3);
        next.and_then(|next| next.plus_days(-1))
            .unwrap_or(self.first)
    }

    /// Returns the last day of the quarter before.
    #[must_use]
    pub fn day_before(self) -> Day {
        self.first.plus_days(-1).unwrap_or(self.first)
    }

    /// Returns the last day of the quarter after.
    #[must_use]
    pub fn last_of_next(self) -> Day {
        let later = self.first.plus_months(6);
        later
            .and_then(|later| later.plus_days(-1))
            .unwrap_or(self.first)
    }
}

impl FromStr for Quarter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fail = || Error::contradiction("a quarter is written such as 2022Q3");
        let (year, number) = text.split_once(['Q', 'q']).ok_or_else(fail)?;
        let month = match number {
            "1" => "01",
            "2" => "04",
            "3" => "07",
            "4" => "10",
            _ => return Err(fail()),
        };
        let first = format!("{year}-{month}-01").parse().map_err(|_| fail())?;
        Ok(Self { first })
    }
}

impl fmt::Display for Quarter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.first.to_string();
        let number = match text.get(5..7) {
            Some("01") => 1,
            Some("04") => 2,
            Some("07") => 3,
            _ => 4,
        };
        write!(f, "{}Q{number}", text.get(..4).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Quarter;

    #[test]
    fn quarters_have_their_days() {
        for (text, first, last, before, next) in [
            (
                "2022Q3",
                "2022-07-01",
                "2022-09-30",
                "2022-06-30",
                "2022-12-31",
            ),
            (
                "2024q1",
                "2024-01-01",
                "2024-03-31",
                "2023-12-31",
                "2024-06-30",
            ),
            (
                "2023Q4",
                "2023-10-01",
                "2023-12-31",
                "2023-09-30",
                "2024-03-31",
            ),
        ] {
            let quarter: Quarter = text.parse().expect("a quarter");
            assert_eq!(quarter.first().to_string(), first);
            assert_eq!(quarter.last().to_string(), last);
            assert_eq!(quarter.day_before().to_string(), before);
            assert_eq!(quarter.last_of_next().to_string(), next);
            assert_eq!(quarter.to_string(), text.to_uppercase());
        }
        for bad in [
            "", "2022", "2022Q0", "2022Q5", "22Q3", "2022Q33", "Q3", "-022Q1",
        ] {
            assert!(bad.parse::<Quarter>().is_err(), "{bad}");
        }
    }
}
