//! An incident, and its clocks (reporting of cybersecurity incidents, from 1 November 2025): an operator of critical infrastructure
//! reports within an hour, an organ of the state within two, everybody else within four, and sums up within thirty days of its end.

use onshore_types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::record::{RecordKind, Registered};
use crate::records::{Id, Organisation, OrganisationKind, texts};
use crate::timeline::Timeline;
use crate::{Error, Language};

const HOUR_MS: i64 = 3_600_000;
const SUMMARY_MS: i64 = 30 * 24 * HOUR_MS;

/// An incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// What it is called here.
    pub id: Id,
    /// Whose it is.
    pub organisation: Id,
    /// What happened, without anybody's personal data.
    pub what: String,
    /// When it was noticed.
    #[schema(value_type = String, format = DateTime)]
    pub noticed: Timestamp,
    /// How many persons' data it touches, as far as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persons: Option<u64>,
    /// When it was reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub reported: Option<Timestamp>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended: Option<Timestamp>,
    /// When it was summed up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub summarised: Option<Timestamp>,
}

/// How grave an incident is, by the persons it touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Fewer than a million.
    General,
    /// A million.
    Large,
    /// Ten millions.
    Major,
    /// A hundred millions.
    EspeciallyMajor,
}

impl Incident {
    /// Returns an incident as it counts by all that was ever recorded of it, and when something of that was amended last: it is of whom it was
    /// recorded of first, and the earliest instants count from which a clock runs, and the latest at which something was done. So nothing
    /// late becomes in time by what is recorded later.
    #[must_use]
    pub fn on_record(line: &Timeline<Self>) -> Option<(Self, Option<Timestamp>)> {
        let revisions = line.revisions();
        let (first, newest) = (revisions.first()?, revisions.last()?);
        let all = || revisions.iter().map(|told| &told.record);
        let counted = Self {
            organisation: first.record.organisation.clone(),
            noticed: all().map(|one| one.noticed).min()?,
            reported: newest
                .record
                .reported
                .and(all().filter_map(|one| one.reported).max()),
            ended: all().filter_map(|one| one.ended).min(),
            summarised: newest
                .record
                .summarised
                .and(all().filter_map(|one| one.summarised).max()),
            ..newest.record.clone()
        };
        let mut amended = revisions.array_windows().filter(|[before, next]| {
            let (before, next) = (&before.record, &next.record);
            let is_other = |before: Option<Timestamp>, next| before.is_some() && before != next;
            before.organisation != next.organisation
                || before.noticed != next.noticed
                || is_other(before.reported, next.reported)
                || is_other(before.ended, next.ended)
                || is_other(before.summarised, next.summarised)
        });
        let amended = amended.next_back().map(|[_, next]| next.recorded);
        Some((counted, amended))
    }

    /// Returns the last instant at which it is reported in time.
    #[must_use]
    pub fn report_due(&self, organisation: &Organisation) -> Timestamp {
        let hours = if organisation.critical_infrastructure {
            1
        } else if organisation.kind == OrganisationKind::StateOrgan {
            2
        } else {
            4
        };
        self.noticed.plus_millis(hours * HOUR_MS)
    }

    /// Returns the last instant at which it is summed up in time; none while it goes on.
    #[must_use]
    pub fn summary_due(&self) -> Option<Timestamp> {
        self.ended.map(|ended| ended.plus_millis(SUMMARY_MS))
    }

    /// Returns the latest instant that it names.
    #[must_use]
    pub fn latest(&self) -> Timestamp {
        let all = [self.reported, self.ended, self.summarised];
        all.into_iter().flatten().fold(self.noticed, Timestamp::max)
    }

    /// Returns how grave it is.
    #[must_use]
    pub fn gravity(&self) -> Gravity {
        match self.persons.unwrap_or_default() {
            0..1_000_000 => Gravity::General,
            1_000_000..10_000_000 => Gravity::Large,
            10_000_000..100_000_000 => Gravity::Major,
            100_000_000.. => Gravity::EspeciallyMajor,
        }
    }
}

impl Gravity {
    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::General => "general",
            Self::Large => "large",
            Self::Major => "major",
            Self::EspeciallyMajor => "especially major",
        }
    }

    /// Returns the word for it, in a language.
    #[must_use]
    pub fn word_in(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, _) => self.word(),
            (Language::Zh, Self::General) => "一般",
            (Language::Zh, Self::Large) => "较大",
            (Language::Zh, Self::Major) => "重大",
            (Language::Zh, Self::EspeciallyMajor) => "特别重大",
        }
    }
}

impl Registered for Incident {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[("what", Some(&self.what))])?;
        let steps = [Some(self.noticed), self.ended, self.summarised];
        let steps: Vec<Timestamp> = steps.into_iter().flatten().collect();
        let is_early = self
            .reported
            .is_some_and(|reported| reported < self.noticed);
        if is_early || !steps.is_sorted() {
            return Err(Error::contradiction(
                "an incident is noticed, then reported, ends, and is summed up, at instants in that order",
            ));
        }
        if self.summarised.is_some() && (self.ended.is_none() || self.reported.is_none()) {
            return Err(Error::contradiction(
                "an incident is summed up once it was reported and is over",
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
