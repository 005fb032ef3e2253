//! Alarms: of what somebody is told, and how many days before.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::records::Id;
use crate::{Day, Error, Language, Said};

/// So many days before a day somebody is told of it.
pub const MARKS: [i32; 4] = [120, 60, 30, 7];

/// Of what somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// A contract must be left soon.
    ContractDue,
    /// The day of a contract is over, and it is not left.
    ContractLate,
    /// The last licence on which a region is run ends soon.
    LicenceEnds,
    /// Whoever runs a region may not, and no tenant can come.
    LicenceLapsed,
    /// So many persons are counted that a duty begins.
    DutyBegins,
    /// A tranche of a hand-over must be accepted soon.
    TrancheDue,
    /// The day of a tranche is over, and it is not accepted.
    TrancheLate,
    /// The clock of an incident runs: it must be reported within hours.
    IncidentDue,
    /// The clock of an incident ran out before it was reported.
    IncidentLate,
    /// An incident that is over must be summed up soon.
    SummaryDue,
    /// It was not summed up in time.
    SummaryLate,
    /// A person's request must be answered soon.
    RequestDue,
    /// The day of a person's request is over, and it is not answered.
    RequestLate,
}

/// Something that somebody must be told once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Of what.
    pub what: AlarmKind,
    /// Of which contract, region, hand-over plan, incident or request; of which organisation, group or tenant.
    pub of: Id,
    /// By which order, where it is one.
    pub order: Option<Id>,
    /// Which duty begins, where one does.
    pub duty: Option<Id>,
    /// Which tranche of a plan.
    pub tranche: Option<Id>,
    /// The day that it is about; where that is an instant, its day in UTC.
    pub due: Day,
    /// How many days before it, at most; none of them where the day is there.
    pub days_before: i32,
    /// Why, in one sentence.
    pub why: Said,
}

impl Alarm {
    /// Returns by what it is, or about which part: an order, a duty, or a tranche.
    #[must_use]
    pub fn cause(&self) -> Option<&Id> {
        let order = self.order.as_ref();
        order.or(self.duty.as_ref()).or(self.tranche.as_ref())
    }
}

impl Serialize for AlarmKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
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
    pub const ALL: [Self; 13] = [
        Self::ContractDue,
        Self::ContractLate,
        Self::LicenceEnds,
        Self::LicenceLapsed,
        Self::DutyBegins,
        Self::TrancheDue,
        Self::TrancheLate,
        Self::IncidentDue,
        Self::IncidentLate,
        Self::SummaryDue,
        Self::SummaryLate,
        Self::RequestDue,
        Self::RequestLate,
    ];

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ContractDue => "contract.due",
            Self::ContractLate => "contract.late",
            Self::LicenceEnds => "licence.ends",
            Self::LicenceLapsed => "licence.lapsed",
            Self::DutyBegins => "duty.begins",
            Self::TrancheDue => "tranche.due",
            Self::TrancheLate => "tranche.late",
            Self::IncidentDue => "incident.due",
            Self::IncidentLate => "incident.late",
            Self::SummaryDue => "incident.summary-due",
            Self::SummaryLate => "incident.summary-late",
            Self::RequestDue => "request.due",
            Self::RequestLate => "request.late",
        }
    }

    /// Says in a few words of a language what happens.
    #[must_use]
    pub fn words_in(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, Self::ContractDue) => "A contract must be left",
            (Language::En, Self::ContractLate) => "A contract was not left in time",
            (Language::En, Self::LicenceEnds) => "A licence ends",
            (Language::En, Self::LicenceLapsed) => "A licence has lapsed",
            (Language::En, Self::DutyBegins) => "A duty begins",
            (Language::En, Self::TrancheDue) => "A tranche must be accepted",
            (Language::En, Self::TrancheLate) => "A tranche was not accepted in time",
            (Language::En, Self::IncidentDue) => "An incident must be reported",
            (Language::En, Self::IncidentLate) => "An incident was not reported in time",
            (Language::En, Self::SummaryDue) => "An incident must be summed up",
            (Language::En, Self::SummaryLate) => "An incident was not summed up in time",
            (Language::En, Self::RequestDue) => "A request must be answered",
            (Language::En, Self::RequestLate) => "A request was not answered in time",
            (Language::Zh, Self::ContractDue) => "合同须迁出",
            (Language::Zh, Self::ContractLate) => "合同逾期未迁出",
            (Language::Zh, Self::LicenceEnds) => "许可证到期",
            (Language::Zh, Self::LicenceLapsed) => "许可证已失效",
            (Language::Zh, Self::DutyBegins) => "义务开始",
            (Language::Zh, Self::TrancheDue) => "移交批次须验收",
            (Language::Zh, Self::TrancheLate) => "移交批次逾期未验收",
            (Language::Zh, Self::IncidentDue) => "事件须报告",
            (Language::Zh, Self::IncidentLate) => "事件未按时报告",
            (Language::Zh, Self::SummaryDue) => "事件须总结",
            (Language::Zh, Self::SummaryLate) => "事件未按时总结",
            (Language::Zh, Self::RequestDue) => "个人请求须答复",
            (Language::Zh, Self::RequestLate) => "个人请求逾期未答复",
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
