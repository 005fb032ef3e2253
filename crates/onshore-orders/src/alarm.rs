//! Alarms: of what somebody is told, and how many days before.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::records::Id;
use crate::{Day, Error};

/// So many days before a day somebody is told of it.
pub const MARKS: [i32; 4] = [120, 60, 30, 7];

/// Of what somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AlarmKind {
    /// A contract must be left soon.
    #[serde(rename = "contract.due")]
    ContractDue,
    /// The last licence on which a region is run ends soon.
    #[serde(rename = "licence.ends")]
    LicenceEnds,
    /// Whoever runs a region may not, and no tenant can come.
    #[serde(rename = "licence.lapsed")]
    LicenceLapsed,
    /// So many persons are counted that a duty begins.
    #[serde(rename = "duty.begins")]
    DutyBegins,
}

/// Something that somebody must be told once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// Of what.
    pub what: AlarmKind,
    /// Of which contract or region; of which organisation, group or tenant.
    pub of: Id,
    /// By which order, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Id>,
    /// Which duty begins, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duty: Option<Id>,
    /// The day that it is about.
    pub due: Day,
    /// How many days before it, at most; none of them where the day is there.
    pub days_before: i32,
    /// Why, in one sentence.
    pub why: String,
}

impl Alarm {
    /// Returns by what it is: an order, or a duty.
    #[must_use]
    pub fn cause(&self) -> Option<&Id> {
        self.order.as_ref().or(self.duty.as_ref())
    }
}

/// Returns which mark before a day has been reached; none while it is farther off, and none once it is over. Of marks that went by
/// unseen only the last counts.
#[must_use]
pub fn mark(today: Day, due: Day) -> Option<i32> {
    let left = today.days_until(due);
    if left < 0 {
        return None;
    }
    MARKS.into_iter().filter(|mark| left <= *mark).min()
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::ContractDue,
        Self::LicenceEnds,
        Self::LicenceLapsed,
        Self::DutyBegins,
    ];

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ContractDue => "contract.due",
            Self::LicenceEnds => "licence.ends",
            Self::LicenceLapsed => "licence.lapsed",
            Self::DutyBegins => "duty.begins",
        }
    }
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for AlarmKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or_else(|| Error::contradiction(format!("there is no alarm `{text}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::mark;
    use crate::Day;

    #[test]
    fn each_mark_is_reached_on_its_day() {
        let due: Day = "2024-03-01".parse().expect("a day");
        for (left, expected) in [
            (121, None),
            (120, Some(120)),
            (61, Some(120)),
            (60, Some(60)),
            (31, Some(60)),
            (30, Some(30)),
            (8, Some(30)),
            (7, Some(7)),
            (0, Some(7)),
            (-1, None),
        ] {
            let today = due.plus_days(-left).expect("a day");
            assert_eq!(mark(today, due), expected, "{today}");
        }
        // Over a leap day it is a day more.
        let at = |day: &str| mark(day.parse().expect("a day"), due);
        assert_eq!((at("2024-02-22"), at("2024-02-23")), (Some(30), Some(7)));
    }
}
