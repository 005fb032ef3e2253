//! Rules for deadlines, as `min(expiry + 2 months, 2022-09-30)`: data that an order carries, and not code.
//!
//! A rule knows days, `expiry` (the last day of a contract), `effective` (the first day of the order), sums of one of them
//! with months or days, and `min` and `max`. Months are added as people do: to the last of a month where it is shorter.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Day, Error};

/// So deep may a rule be.
const DEPTH_MAX: usize = 8;
/// So long may its text be.
const TEXT_MAX: usize = 300;

/// A rule for deadlines. It prints as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeadlineRule {
    text: String,
    expression: Expression,
}

/// What a rule speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The last day of the contract; none where it has no end.
    pub expiry: Option<Day>,
    /// The first day of the order.
    pub effective: Day,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    On(Day),
    Expiry,
    Effective,
    Later(Box<Self>, Distance),
    Earliest(Vec<Self>),
    Latest(Vec<Self>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Distance {
    Months(i32),
    Days(i32),
}

impl DeadlineRule {
    /// Returns the last day on which it is kept; none where it says nothing of a contract, as one without an end.
    #[must_use]
    pub fn day(&self, terms: &Terms) -> Option<Day> {
        self.expression.day(terms)
    }

    /// Whether it speaks of the end of contracts.
    #[must_use]
    pub fn follows_expiry(&self) -> bool {
        self.expression.follows_expiry()
    }
}

impl Expression {
    fn day(&self, terms: &Terms) -> Option<Day> {
        match self {
            Self::On(day) => Some(*day),
            Self::Expiry => terms.expiry,
            Self::Effective => Some(terms.effective),
            Self::Later(from, Distance::Months(months)) => from.day(terms)?.plus_months(*months),
            Self::Later(from, Distance::Days(days)) => from.day(terms)?.plus_days(*days),
            Self::Earliest(all) => all.iter().filter_map(|one| one.day(terms)).min(),
            Self::Latest(all) => all.iter().filter_map(|one| one.day(terms)).max(),
        }
    }

    fn follows_expiry(&self) -> bool {
        match self {
            Self::Expiry => true,
            Self::On(_) | Self::Effective => false,
            Self::Later(from, _) => from.follows_expiry(),
            Self::Earliest(all) | Self::Latest(all) => all.iter().any(Self::follows_expiry),
        }
    }
}

impl fmt::Display for DeadlineRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for DeadlineRule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fail = |why: String| Error::Deadline {
            rule: text.chars().take(TEXT_MAX).collect(),
            why,
        };
        if text.len() > TEXT_MAX {
            return Err(fail(format!("it is longer than {TEXT_MAX} bytes")));
        }
        let mut reader = Reader { rest: text };
        let expression = reader.expression(DEPTH_MAX).map_err(fail)?;
        if !reader.rest.trim().is_empty() {
            return Err(fail(format!(
                "`{}` is more than a rule",
                reader.rest.trim()
            )));
        }
        Ok(Self {
            text: text.trim().to_owned(),
            expression,
        })
    }
}

impl TryFrom<String> for DeadlineRule {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<DeadlineRule> for String {
    fn from(rule: DeadlineRule) -> Self {
        rule.text
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn expression(&mut self, depth: usize) -> Result<Expression, String> {
        let Some(deeper) = depth.checked_sub(1) else {
            return Err("it is nested too deeply".to_owned());
        };
        let mut expression = self.term(deeper)?;
        loop {
            let sign = if self.takes("+") {
                1
            } else if self.takes("-") {
                -1
            } else {
                return Ok(expression);
            };
            let distance = self.distance(sign)?;
            expression = Expression::Later(Box::new(expression), distance);
        }
    }

    fn term(&mut self, depth: usize) -> Result<Expression, String> {
        self.rest = self.rest.trim_start();
        if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
            let text = self.rest.get(..10).unwrap_or(self.rest);
            let day = text
                .parse()
                .map_err(|_| format!("`{text}` is not a day such as 2022-09-30"))?;
            self.rest = self.rest.get(10..).unwrap_or_default();
            return Ok(Expression::On(day));
        }
        match self.word() {
            "expiry" => Ok(Expression::Expiry),
            "effective" => Ok(Expression::Effective),
            "min" => self.list(depth).map(Expression::Earliest),
            "max" => self.list(depth).map(Expression::Latest),
            "" => Err("a day, expiry, effective, min(...) or max(...) is missing".to_owned()),
            other => Err(format!(
                "`{other}` is none of expiry, effective, min and max"
            )),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Expression>, String> {
        if !self.takes("(") {
            return Err("`(` is missing".to_owned());
        }
        let mut all = vec![self.expression(depth)?];
        while self.takes(",") {
            all.push(self.expression(depth)?);
        }
        if self.takes(")") {
            Ok(all)
        } else {
            Err("`)` is missing".to_owned())
        }
    }

    fn distance(&mut self, sign: i32) -> Result<Distance, String> {
        self.rest = self.rest.trim_start();
        let len = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at(len);
        self.rest = rest;
        let number = digits
            .parse::<u16>()
            .map(|number| sign * i32::from(number))
            .map_err(|_| "a number of months or days is missing".to_owned())?;
        match self.word() {
            "month" | "months" => Ok(Distance::Months(number)),
            "day" | "days" => Ok(Distance::Days(number)),
            _ => Err(format!("{digits} of what? months or days")),
        }
    }

    fn word(&mut self) -> &str {
        self.rest = self.rest.trim_start();
        let len = self
            .rest
            .bytes()
            .take_while(u8::is_ascii_alphabetic)
            .count();
        let (word, rest) = self.rest.split_at(len);
        self.rest = rest;
        word
    }

    fn takes(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{DeadlineRule, Terms};
    use crate::Day;

    fn day(text: &str) -> Day {
        text.parse().expect("a day")
    }

    fn due(rule: &str, expiry: Option<&str>) -> Option<String> {
        let rule: DeadlineRule = rule.parse().expect("a rule");
        let terms = Terms {
            expiry: expiry.map(day),
            effective: day("2021-08-12"),
        };
        rule.day(&terms).map(|day| day.to_string())
    }

    #[test]
    fn the_rule_of_tianjin_at_its_boundaries() {
        const RULE: &str = "min(expiry + 2 months, 2022-09-30)";
        for (expiry, expected) in [
            ("2022-07-29", "2022-09-29"),
            ("2022-07-30", "2022-09-30"),
            ("2022-07-31", "2022-09-30"),
            ("2022-08-01", "2022-09-30"),
            ("2021-12-31", "2022-02-28"),
            ("2021-12-28", "2022-02-28"),
            ("2021-12-29", "2022-02-28"),
            ("2022-06-30", "2022-08-30"),
            ("2021-08-11", "2021-10-11"),
            ("2030-01-01", "2022-09-30"),
        ] {
            assert_eq!(
                due(RULE, Some(expiry)).as_deref(),
                Some(expected),
                "{expiry}"
            );
        }
        assert_eq!(due(RULE, None).as_deref(), Some("2022-09-30"));
    }

    #[test]
    fn other_rules_read() {
        assert_eq!(due("expiry+2months", None), None);
        assert_eq!(
            due("expiry + 60 days", Some("2024-02-01")).as_deref(),
            Some("2024-04-01")
        );
        assert_eq!(
            due("expiry + 2 months", Some("2023-12-31")).as_deref(),
            Some("2024-02-29")
        );
        assert_eq!(
            due(" max( effective + 1 month - 1 day , 2021-09-01 ) ", None).as_deref(),
            Some("2021-09-11")
        );
        for bad in [
            "",
            "min()",
            "min(expiry",
            "expiry + 2",
            "expiry + months",
            "expiry + 99999 days",
            "2022-02-30",
            "2022-9-1",
            "soon",
            "expiry expiry",
            "expiry + 2 months)",
            "min(min(min(min(min(min(min(min(min(expiry)))))))))",
            "日",
            "2022-0日",
        ] {
            assert!(bad.parse::<DeadlineRule>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_or_is_refused(text in ".{0,40}") {
            if let Ok(rule) = text.parse::<DeadlineRule>() {
                let terms = Terms { expiry: Some(day("2022-01-31")), effective: day("2021-08-12") };
                let again: DeadlineRule = rule.to_string().parse().expect("what it prints reads");
                prop_assert_eq!(rule.day(&terms), again.day(&terms));
            }
        }

        #[test]
        fn a_later_expiry_is_never_due_earlier(first in 0_i32..4000, more in 0_i32..400) {
            let rule: DeadlineRule = "min(expiry + 2 months, 2028-02-29)".parse().expect("a rule");
            let due = |days| {
                let expiry = day("2019-01-01").plus_days(days);
                rule.day(&Terms { expiry, effective: day("2021-08-12") })
            };
            prop_assert!(due(first) <= due(first + more));
            prop_assert!(due(first) <= Some(day("2028-02-29")));
        }
    }
}
