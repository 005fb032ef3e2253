//! A contract with a provider, its renewals, and what ends it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::record::{RecordKind, Registered};
use crate::records::{Id, is_sha256, texts};
use crate::{Day, Error};

/// So often may a contract be renewed.
const RENEWALS_MAX: usize = 1000;

/// A contract with a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// What it is called here.
    pub id: Id,
    /// Whose it is.
    pub organisation: Id,
    /// With whom.
    pub provider: Id,
    /// For what.
    pub service: String,
    /// Where the data is, such as CN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_location: Option<String>,
    /// Its first day.
    pub start: Day,
    /// On which day it was signed; its first day, where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Day>,
    /// How often it was renewed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renewals: Vec<Renewal>,
    /// Its last day; none where it has no end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Day>,
    /// How many days before its end it must be given notice of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice_days: Option<u32>,
    /// How it is renewed, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renewal: Option<String>,
    /// What it says of leaving, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_terms: Option<String>,
    /// On which day an inventory found it as it is: then it may say less than it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Day>,
    /// That what was there is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<Deletion>,
}

/// That a contract was renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Renewal {
    /// On which day that was signed.
    pub signed: Day,
    /// Its last day since then, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Day>,
    /// What its last day was before, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Day>,
}

/// That a provider deleted what was kept there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    /// SHA-256 of the provider's statement.
    pub statement_sha256: String,
    /// On which day somebody looked for it at the provider and found nothing.
    pub negative_probe: Day,
    /// On which day both were filed.
    pub filed: Day,
    /// The jobs of Onshore that looked there, and found nothing (`onshore decommission`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<String>,
    /// Who typed the day of the probe, where no job of Onshore looked; none where that was not noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub typed_by: Option<String>,
    /// Whether a named person set aside what speaks against it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub set_aside: bool,
}

impl Registered for Contract {
    fn id(&self) -> &Id {
        &self.id
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.organisation)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![
            (RecordKind::Organisation, &self.organisation),
            (RecordKind::Provider, &self.provider),
        ]
    }

    fn keeps_filed(&self, before: &Self) -> bool {
        self.deletion == before.deletion
    }

    fn filed_by(&self) -> Option<&'static str> {
        self.deletion
            .is_some()
            .then_some("a deletion is filed with `onshore contract close`")
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[
            ("service", Some(&self.service)),
            ("data_location", self.data_location.as_ref()),
            ("renewal", self.renewal.as_ref()),
            ("exit_terms", self.exit_terms.as_ref()),
        ])?;
        if self.end.is_some_and(|end| end < self.start) {
            return Err(Error::contradiction(format!(
                "the contract `{}` ends before it begins",
                self.id
            )));
        }
        let signed = self.signed();
        if self.renewals.iter().any(|renewal| renewal.signed < signed) {
            return Err(Error::contradiction(format!(
                "the contract `{}` is renewed before it is signed",
                self.id
            )));
        }
        let is_shorter = |renewal: &Renewal| match (renewal.before, renewal.end) {
            (Some(before), Some(end)) => end < before,
            _ => false,
        };
        if self.renewals.iter().any(is_shorter) {
            return Err(Error::contradiction(format!(
                "a renewal of the contract `{}` ends before the day that it ended on without it",
                self.id
            )));
        }
        if self.renewals.len() > RENEWALS_MAX {
            return Err(Error::contradiction(format!(
                "a contract has up to {RENEWALS_MAX} renewals"
            )));
        }
        if let Some(deletion) = &self.deletion {
            if !is_sha256(&deletion.statement_sha256) {
                return Err(Error::contradiction(
                    "statement_sha256 is 64 small hexadecimal digits",
                ));
            }
            if deletion.filed < deletion.negative_probe {
                return Err(Error::contradiction(
                    "the negative probe is of a day after the one on which it was filed",
                ));
            }
        }
        Ok(())
    }
}

impl Contract {
    /// Returns the members that a contract should have and this one has not: where data is, how long before its end it must be given notice
    /// of, how it is renewed, and what it says of leaving. Without an end it has none.
    #[must_use]
    pub fn lacks(&self) -> Vec<&'static str> {
        let members = [
            ("data_location", self.data_location.is_some()),
            ("notice_days", self.notice_days.is_some()),
            ("renewal", self.renewal.is_some()),
            ("exit_terms", self.exit_terms.is_some()),
        ];
        let lacking = members.into_iter().filter(|(_, is_there)| !is_there);
        lacking.map(|(name, _)| name).collect()
    }

    /// Returns the day on which it was signed, or, where that is not said, its first one.
    #[must_use]
    pub fn signed(&self) -> Day {
        self.signed.unwrap_or(self.start)
    }

    /// Whether it is with somebody else, or somebody else's: a contract of its own then.
    #[must_use]
    pub fn is_with_others(&self, other: &Self) -> bool {
        (&self.organisation, &self.provider) != (&other.organisation, &other.provider)
    }

    /// Returns its last day as far as some renewals count. Where it is not known until when it ran before one that does not, that
    /// is the day on which that one was signed.
    #[must_use]
    pub fn end_with(&self, counts: impl Fn(&Renewal) -> bool) -> Option<Day> {
        let mut renewals: Vec<&Renewal> = self.renewals.iter().collect();
        renewals.sort_by_key(|renewal| renewal.signed);
        let Some(first) = renewals.first() else {
            return self.end;
        };
        let mut end = Some(first.before.unwrap_or(first.signed));
        for (place, renewal) in renewals.iter().enumerate() {
            if counts(renewal) {
                end = match renewals.get(place + 1) {
                    Some(next) => renewal.end.or(next.before).or(self.end),
                    None => self.end,
                };
            }
        }
        // Whatever it was shortened to since, it does not last longer than that.
        match (end, self.end) {
            (Some(end), Some(last)) => Some(end.min(last)),
            (end, last) => end.or(last),
        }
    }

    /// Returns this as what follows another from a day on, with somebody else: nothing of the other's is its own.
    #[must_use]
    pub fn in_place_of(mut self, other: &Self, from: Day) -> Self {
        self.renewals
            .retain(|renewal| !other.renewals.iter().any(|known| known.is_same_as(renewal)));
        self.signed = self.signed.filter(|_| self.signed != other.signed);
        self.signed = self.signed.or(Some(from));
        self.deletion = None;
        self
    }

    /// Returns this as the next revision of another: what acts of their own filed stays, and so do renewals; where it lasts longer
    /// than before and names no new renewal, it was renewed on the day that is given. Each renewal that is new keeps until when
    /// it ran before.
    #[must_use]
    pub fn after(mut self, before: Self, today: Day) -> Self {
        let is_longer = match (before.end, self.end) {
            (Some(_), None) => true,
            (Some(before), Some(now)) => before < now,
            (None, _) => false,
        };
        let mut added: Vec<Renewal> = self
            .renewals
            .into_iter()
            .filter(|renewal| {
                !before
                    .renewals
                    .iter()
                    .any(|known| known.is_same_as(renewal))
            })
            .collect();
        if is_longer && added.is_empty() {
            added.push(Renewal {
                signed: today.max(self.signed.unwrap_or(self.start)),
                end: self.end,
                before: None,
            });
        }
        let mut ran_until = before.end;
        for renewal in &mut added {
            let end = renewal.end.or(self.end);
            let is_moved = ran_until.is_some_and(|ran| end.is_none_or(|end| ran < end));
            renewal.before = renewal.before.or(ran_until.filter(|_| is_moved));
            ran_until = end;
        }
        self.renewals = before.renewals;
        self.renewals.extend(added);
        self.signed = self.signed.or(before.signed);
        self.deletion = before.deletion;
        self
    }
}

impl Renewal {
    /// Whether it is the same one, whatever is known of until when the contract ran before.
    fn is_same_as(&self, other: &Self) -> bool {
        (self.signed, self.end) == (other.signed, other.end)
    }
}
