//! A request of somebody whose personal data is held (PIPL articles 44 to 50): what is asked for, by when it is answered, and how it was.

use onshore_types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::record::{RecordKind, Registered};
use crate::records::{Id, texts};
use crate::timeline::Timeline;
use crate::{Day, Error, Language};

/// A request. Who asks is not in it: the id stands for a paper that names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// What it is called here.
    pub id: Id,
    /// Who is asked.
    pub organisation: Id,
    /// What is asked for.
    pub asks: RequestKind,
    /// On which day it came.
    pub received: Day,
    /// The last day on which it is answered in time, where that was promised sooner than the rules ask.
    #[serde(default, rename = "due", skip_serializing_if = "Option::is_none")]
    pub promised: Option<Day>,
    /// How it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// What somebody can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RequestKind {
    /// To see what is held.
    Access,
    /// To have a copy, or to have it brought elsewhere.
    Copy,
    /// To have it corrected.
    Correct,
    /// To have it deleted.
    Delete,
}

/// How a request was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// On which day.
    pub on: Day,
    /// With what.
    pub result: AnswerResult,
    /// Why, where it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The leaves that tell of what was erased for it (`onshore erase`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub erased: Vec<u64>,
    /// Why nothing had to be erased, where somebody asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nothing_held: Option<String>,
}

/// So many leaves may tell of one request.
const ERASED_MAX: usize = 1000;
/// So many days there are to answer whoever asks to see, or for a copy.
const SEEN_DAYS: i32 = 30;
/// So many days there are to correct or to delete: 15 working days, which are three weeks; holidays only make them longer.
const DONE_DAYS: i32 = 21;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerResult {
    /// It was done.
    Done,
    /// It was refused.
    Refused,
    /// It waits for a lock or a duty to keep.
    Postponed,
}

impl RequestKind {
    /// Returns how many days there are to answer it.
    fn days(self) -> i32 {
        match self {
            Self::Access | Self::Copy => SEEN_DAYS,
            Self::Correct | Self::Delete => DONE_DAYS,
        }
    }

    /// Returns the words for it, in a language.
    #[must_use]
    pub fn word_in(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, _) => self.word(),
            (Language::Zh, Self::Access) => "查阅",
            (Language::Zh, Self::Copy) => "复制或者转移",
            (Language::Zh, Self::Correct) => "更正",
            (Language::Zh, Self::Delete) => "删除",
        }
    }

    /// Returns by which rule it is answered by then, in a language.
    #[must_use]
    pub fn answered_by_in(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, _) => self.answered_by(),
            (Language::Zh, Self::Access | Self::Copy) => "GB/T 35273-2020 第 8.7 条：三十天内",
            (Language::Zh, Self::Correct | Self::Delete) => {
                "《App违法违规收集使用个人信息行为认定方法》第六条：十五个工作日内"
            }
        }
    }

    /// Returns by which rule it is answered by then.
    #[must_use]
    pub fn answered_by(self) -> &'static str {
        match self {
            Self::Access | Self::Copy => "GB/T 35273-2020, 8.7: within 30 days",
            Self::Correct | Self::Delete => {
                "CAC, identification of unlawful collection by apps, 2019, article 6: within 15 working days"
            }
        }
    }

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Copy => "copy",
            Self::Correct => "correct",
            Self::Delete => "delete",
        }
    }
}

/// A request as it counts by all that was ever recorded of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestOnRecord {
    /// As it was recorded last.
    pub request: Request,
    /// Who was asked, as was recorded first.
    pub organisation: Id,
    /// The earliest last day on which it was answered in time.
    pub due: Day,
    /// The latest day on which it was answered for good, where it is.
    pub answered: Option<Day>,
    /// When something of that was amended last.
    pub amended: Option<Timestamp>,
}

impl RequestOnRecord {
    /// Whether it is late: open behind its day, or answered then. What was late stays so.
    #[must_use]
    pub fn is_late(&self, today: Day) -> bool {
        self.due < self.answered.filter(|on| *on <= today).unwrap_or(today)
    }
}

impl Request {
    /// Returns a request as it counts by all that was ever recorded of it: nothing late becomes in time by what is recorded later.
    #[must_use]
    pub fn on_record(line: &Timeline<Self>) -> Option<RequestOnRecord> {
        let revisions = line.revisions();
        let (first, newest) = (revisions.first()?, revisions.last()?);
        let all = || revisions.iter().map(|told| &told.record);
        let mut amended = revisions.array_windows().filter(|[before, next]| {
            let (before, next) = (&before.record, &next.record);
            let (was, is) = (before.answered(), next.answered());
            before.organisation != next.organisation
                || before.due() != next.due()
                || (was.is_some() && was != is)
        });
        Some(RequestOnRecord {
            request: newest.record.clone(),
            organisation: first.record.organisation.clone(),
            due: all().map(Self::due).min()?,
            answered: newest
                .record
                .answered()
                .and(all().filter_map(Self::answered).max()),
            amended: amended.next_back().map(|[_, next]| next.recorded),
        })
    }

    /// Returns the day on which it was answered for good; what was postponed is not.
    fn answered(&self) -> Option<Day> {
        let answer = self.answer.as_ref();
        let for_good = answer.filter(|answer| answer.result != AnswerResult::Postponed);
        for_good.map(|answer| answer.on)
    }

    /// Returns the last day on which it is answered in time: the one that follows from what is asked for and when it came, or an
    /// earlier one that was promised.
    #[must_use]
    pub fn due(&self) -> Day {
        let by_rule = self.received.plus_days(self.asks.days());
        match (by_rule, self.promised) {
            (Some(by_rule), Some(promised)) => by_rule.min(promised),
            (Some(day), None) | (None, Some(day)) => day,
            // Behind it there are no days any more.
            (None, None) => self.received,
        }
    }

    /// Returns a day of it that has not come yet.
    #[must_use]
    pub fn ahead_of(&self, today: Day) -> Option<Day> {
        let answered = self.answer.as_ref().map(|answer| answer.on);
        [Some(self.received), answered]
            .into_iter()
            .flatten()
            .find(|day| *day > today)
    }

    /// Whether nobody had answered it for good by a day: what was postponed is open.
    #[must_use]
    pub fn is_open(&self, on: Day) -> bool {
        self.received <= on && self.answered().is_none_or(|answered| answered > on)
    }
}

impl Registered for Request {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        let answer = self.answer.as_ref();
        texts(&[
            ("reason", answer.and_then(|answer| answer.reason.as_ref())),
            (
                "nothing_held",
                answer.and_then(|answer| answer.nothing_held.as_ref()),
            ),
        ])?;
        if self.promised.is_some_and(|due| due < self.received) {
            return Err(Error::contradiction(
                "a request is answered no sooner than it came",
            ));
        }
        if let Some(promised) = self.promised
            && promised > self.due()
        {
            return Err(Error::contradiction(format!(
                "a request to {} that came on {} is answered by {} ({}): `due` may only be earlier",
                self.asks.word(),
                self.received,
                self.due(),
                self.asks.answered_by()
            )));
        }
        let Some(answer) = answer else {
            return Ok(());
        };
        if answer.on < self.received {
            return Err(Error::contradiction(
                "a request is answered no sooner than it came",
            ));
        }
        if (answer.result == AnswerResult::Done) == answer.reason.is_some() {
            return Err(Error::contradiction(
                "what was refused or postponed has a reason, and what was done has none",
            ));
        }
        if answer.erased.len() > ERASED_MAX {
            return Err(Error::contradiction(format!(
                "a request names at most {ERASED_MAX} leaves"
            )));
        }
        let is_erasure = self.asks == RequestKind::Delete && answer.result == AnswerResult::Done;
        let is_told = answer.erased.is_empty() == answer.nothing_held.is_some();
        let tells = !answer.erased.is_empty() || answer.nothing_held.is_some();
        match (is_erasure, is_told, tells) {
            (true, true, _) | (false, _, false) => Ok(()),
            (true, false, _) => Err(Error::contradiction(
                "a request to delete that was done names the leaves of what was erased (`erased`, as `onshore erase` tells them), or says why nothing had to be (`nothing_held`)",
            )),
            (false, _, true) => Err(Error::contradiction(
                "only a request to delete that was done says what was erased",
            )),
        }
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.organisation)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![(RecordKind::Organisation, &self.organisation)]
    }
}
