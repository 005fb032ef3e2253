//! A review before a listing abroad (Cybersecurity Review Measures, article 7): it ends in one of three outcomes, after whichever
//! authorities of the trade have consented. Until then nobody lists.

use onshore_types::Jurisdiction;
use serde::{Deserialize, Serialize};

use crate::record::{RecordKind, Registered};
use crate::records::{Id, Organisation, texts};
use crate::{Day, Error};

/// Whoever has the data of more persons files before a listing abroad.
pub const REVIEWED_OVER: u64 = 1_000_000;

/// A review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// What it is called here.
    pub id: Id,
    /// Whose listing it is.
    pub organisation: Id,
    /// Where it is to be listed, in words.
    pub place: String,
    /// On which day it was opened.
    pub opened: Day,
    /// Which authorities must consent first, and whether they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<Consent>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// That the authority of a trade must consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Which.
    pub authority: String,
    /// On which day it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given: Option<Day>,
    /// In which paper.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<String>,
}

/// How a review ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Which of the three.
    pub result: ReviewResult,
    /// On which day.
    pub decided: Day,
    /// In which paper.
    pub paper: String,
}

/// The three outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewResult {
    /// No review is needed.
    NotNeeded,
    /// It was reviewed and may proceed.
    MayProceed,
    /// It may not list.
    MayNotList,
}

impl Review {
    /// Whether it has not ended by a day.
    #[must_use]
    pub fn is_open(&self, on: Day) -> bool {
        self.opened <= on
            && self
                .outcome
                .as_ref()
                .is_none_or(|outcome| outcome.decided > on)
    }
}

/// Says why an organisation may not list somewhere on a day; nothing where it may. The newest of its reviews counts. What is listed at
/// home, in Hong Kong or in Macau is not listed abroad.
#[must_use]
pub fn listing_refused(
    organisation: &Organisation,
    place: Jurisdiction,
    reviews: &[Review],
    on: Day,
) -> Option<String> {
    let at_home = ["CN", "HK", "MO"];
    if at_home.contains(&place.to_string().as_str()) {
        return None;
    }
    let who = &organisation.id;
    let newest = reviews
        .iter()
        .filter(|review| review.organisation == *who && review.opened <= on)
        .max_by_key(|review| (review.opened, &review.id));
    let by = "Cybersecurity Review Measures, article 7";
    match newest {
        Some(review) if review.is_open(on) => {
            let waiting: Vec<&str> = review
                .consents
                .iter()
                .filter(|consent| consent.given.is_none_or(|given| given > on))
                .map(|consent| consent.authority.as_str())
                .collect();
            let consents = if waiting.is_empty() {
                String::new()
            } else {
                format!(", and waits for the consent of {}", waiting.join(", "))
            };
            Some(format!(
                "`{who}` may not list in {place}: its review `{}` is open since {}{consents} ({by}).",
                review.id, review.opened
            ))
        }
        Some(Review {
            id,
            outcome:
                Some(Outcome {
                    result: ReviewResult::MayNotList,
                    decided,
                    paper,
                }),
            ..
        }) => Some(format!(
            "`{who}` may not list in {place}: so ended its review `{id}` on {decided}, {paper} ({by})."
        )),
        Some(_) => None,
        None => {
            let is_many = organisation
                .users
                .is_some_and(|users| users > REVIEWED_OVER);
            let why = match (is_many, organisation.much_sensitive_data) {
                (true, _) => format!("it has the data of more than {REVIEWED_OVER} persons"),
                (false, true) => "it has much sensitive data".to_owned(),
                (false, false) => return None,
            };
            Some(format!(
                "`{who}` may not list in {place} without a review: {why} ({by}). `onshore review add` opens one."
            ))
        }
    }
}

impl Registered for Review {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[
            ("place", Some(&self.place)),
            ("paper", self.outcome.as_ref().map(|outcome| &outcome.paper)),
        ])?;
        for consent in &self.consents {
            texts(&[
                ("authority", Some(&consent.authority)),
                ("paper", consent.paper.as_ref()),
            ])?;
            if consent.given.is_some() != consent.paper.is_some() {
                return Err(Error::contradiction(format!(
                    "the consent of {} has a day and a paper, or neither",
                    consent.authority
                )));
            }
        }
        let Some(outcome) = &self.outcome else {
            return Ok(());
        };
        if outcome.decided < self.opened {
            return Err(Error::contradiction(
                "the review would have ended before it was opened",
            ));
        }
        // To refuse needs nobody's consent.
        if outcome.result == ReviewResult::MayNotList {
            return Ok(());
        }
        let missing = self
            .consents
            .iter()
            .find(|consent| consent.given.is_none_or(|given| given > outcome.decided));
        match missing {
            Some(consent) => Err(Error::contradiction(format!(
                "{} must have consented before the review ends",
                consent.authority
            ))),
            None => Ok(()),
        }
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.organisation)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![(RecordKind::Organisation, &self.organisation)]
    }
}
