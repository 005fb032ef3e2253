//! A licence: that an authority lets somebody run a kind of service somewhere, for a time.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::record::{RecordKind, Registered};
use crate::records::{Id, is_place, lies_in, texts};
use crate::{Day, Error};

/// So many places may a licence be for.
const PLACES_MAX: usize = 500;

/// A licence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// What it is called here.
    pub id: Id,
    /// Of which class it is, such as B11: internet data centres, and what the catalogue of 2015 counts as one.
    pub class: String,
    /// Who holds it.
    pub holder: Id,
    /// For which places it is, such as CN or CN-BJ; one that begins with another lies in that.
    pub places: Vec<String>,
    /// Which authority gave it.
    pub authority: String,
    /// Its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    /// The first day on which it holds.
    pub from: Day,
    /// The first day on which it holds no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// That it was taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

/// That a licence was taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// The first day on which it holds no longer.
    pub from: Day,
    /// Why.
    pub reason: String,
}

impl Licence {
    /// Returns the first day on which it holds no longer, whichever way it ends.
    #[must_use]
    pub fn ends(&self) -> Option<Day> {
        let revoked = self.revoked.as_ref().map(|revoked| revoked.from);
        match (self.until, revoked) {
            (Some(until), Some(revoked)) => Some(until.min(revoked)),
            (until, revoked) => until.or(revoked),
        }
    }

    /// Whether it is for a service of a class at a place.
    #[must_use]
    pub fn is_for(&self, class: &str, place: &str) -> bool {
        let is_there = self.places.iter().any(|wide| lies_in(place, wide));
        self.class == class && is_there
    }

    /// Whether it lets its holder run a service of a class at a place on a day.
    #[must_use]
    pub fn covers(&self, class: &str, place: &str, on: Day) -> bool {
        self.is_for(class, place) && on.is_within(self.from, self.ends())
    }
}

impl Registered for Licence {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[
            ("class", Some(&self.class)),
            ("authority", Some(&self.authority)),
            ("number", self.number.as_ref()),
            (
                "reason",
                self.revoked.as_ref().map(|revoked| &revoked.reason),
            ),
        ])?;
        if self.places.is_empty() || self.places.len() > PLACES_MAX {
            return Err(Error::contradiction(format!(
                "a licence is for 1 to {PLACES_MAX} places, such as CN-BJ"
            )));
        }
        for place in &self.places {
            if !is_place(place) {
                return Err(Error::contradiction(format!(
                    "`{place}` is no place: where a licence is for is said by codes of ISO 3166, such as CN or CN-BJ"
                )));
            }
        }
        if self.until.is_some_and(|until| until <= self.from) {
            return Err(Error::contradiction(format!(
                "the licence `{}` ends before it begins",
                self.id
            )));
        }
        Ok(())
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.holder)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![(RecordKind::Organisation, &self.holder)]
    }
}
