//! A request of somebody whose personal data is held (PIPL articles 44 to 50): what is asked for, by when it is answered, and how it was.

use serde::{Deserialize, Serialize};

use crate::record::{RecordKind, Registered};
use crate::records::{Id, texts};
use crate::{Day, Error};

/// A request. Who asks is not in it: the id stands for a paper that names them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The last day on which it is answered in time.
    pub due: Day,
    /// How it was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// What somebody can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// On which day.
    pub on: Day,
    /// With what.
    pub result: AnswerResult,
    /// Why, where it was not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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

impl Request {
    /// Whether nobody had answered it for good by a day: what was postponed is open.
    #[must_use]
    pub fn is_open(&self, on: Day) -> bool {
        self.received <= on
            && self
                .answer
                .as_ref()
                .is_none_or(|answer| answer.on > on || answer.result == AnswerResult::Postponed)
    }
}

impl Registered for Request {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        let answer = self.answer.as_ref();
        texts(&[("reason", answer.and_then(|answer| answer.reason.as_ref()))])?;
        if self.due < self.received {
            return Err(Error::contradiction(
                "a request is answered no sooner than it came",
            ));
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
        Ok(())
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.organisation)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![(RecordKind::Organisation, &self.organisation)]
    }
}
