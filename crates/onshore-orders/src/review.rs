//! A review before a listing abroad (Cybersecurity Review Measures, article 7): it ends in one of three outcomes, after whichever
//! authorities of the trade have consented. Until then nobody lists.

use onshore_types::Jurisdiction;
use serde::{Deserialize, Serialize};

use crate::record::{RecordKind, Registered};
use crate::records::{Id, Organisation, texts};
use crate::signature::Signature;
use crate::{Day, Error};

/// Whoever has the data of more persons files before a listing abroad.
pub const REVIEWED_OVER: u64 = 1_000_000;

/// By which rule whoever has the data of many files before a listing abroad.
const REVIEWED_BY: &str = "Cybersecurity Review Measures, article 7";
/// By which rule the authority of a trade speaks first: what is filed before a listing abroad has its opinion with it.
const CONSENTED_BY: &str = "CSRC announcement 43 of 2023 and guideline 2 on what is filed with it";

/// Which authority of a trade consents to a listing abroad, and since when. Which authority a trade has is known from what the State
/// Council gave each of them; the rule that asks for its word is [`CONSENTED_BY`], in force since 2023-03-31.
const CONSENTS: &[(&[&str], &str, &str)] = &[
    (
        &["finance", "banking", "insurance"],
        "National Financial Regulatory Administration",
        "2023-05-18",
    ),
    (
        &["securities", "funds"],
        "China Securities Regulatory Commission",
        "2023-03-31",
    ),
    (&["payment"], "People's Bank of China", "2023-03-31"),
    (
        &["telecommunications", "internet", "industry"],
        "Ministry of Industry and Information Technology",
        "2023-03-31",
    ),
    (&["transport"], "Ministry of Transport", "2023-03-31"),
    (&["energy"], "National Energy Administration", "2023-03-31"),
    (&["health"], "National Health Commission", "2023-03-31"),
    (&["education"], "Ministry of Education", "2023-03-31"),
    (
        &["mapping", "natural-resources"],
        "Ministry of Natural Resources",
        "2023-03-31",
    ),
    (
        &["media", "publishing", "broadcasting"],
        "National Radio and Television Administration",
        "2023-03-31",
    ),
];

/// A review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// What it is called here.
    pub id: Id,
    /// Whose listing it is.
    pub organisation: Id,
    /// Where it is to be listed: a code of ISO 3166-1. What was recorded before codes were asked for is for nowhere.
    pub place: String,
    /// On which day it was opened.
    pub opened: Day,
    /// Which authorities must consent first, and whether they have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consents: Vec<Consent>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// That something of it was taken back or decided anew: until a second person has spoken nobody lists by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<Changed>,
}

/// That what a review says was taken back or decided anew, which takes two people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Changed {
    /// Who did it.
    pub proposed: Signature,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Signature>,
}

/// Why somebody may not be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListingBlock {
    /// Why, in one sentence, with the source.
    pub why: String,
    /// Whether a review has to be opened first.
    pub opens: bool,
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

    /// Whether something of it waits for the word of a second person.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.changed
            .as_ref()
            .is_some_and(|changed| changed.approved.is_none())
    }

    /// Whether it ended with that nobody lists.
    #[must_use]
    pub fn is_against(&self) -> bool {
        self.outcome
            .as_ref()
            .is_some_and(|outcome| outcome.result == ReviewResult::MayNotList)
    }

    /// Whether it is about a listing in a place.
    #[must_use]
    pub fn is_for(&self, place: Jurisdiction) -> bool {
        Jurisdiction::parse(&self.place).is_ok_and(|own| own == place)
    }

    /// Returns it with each consent that its organisation needs, whether or not somebody listed it.
    #[must_use]
    pub fn with_consents(mut self, organisation: &Organisation) -> Self {
        for authority in consenting(organisation, self.opened) {
            if !self.consents.iter().any(|one| one.authority == authority) {
                self.consents.push(Consent {
                    authority: authority.to_owned(),
                    given: None,
                    paper: None,
                });
            }
        }
        self
    }

    /// Whether a later revision takes back what this one says: a consent that was listed or given, or how it ended.
    ///
    /// # Errors
    /// [`Error::Contradiction`] where the later one is about another listing.
    pub fn is_taken_back(&self, later: &Self) -> Result<bool, Error> {
        let is_same = self.organisation == later.organisation
            && self.opened == later.opened
            && (self.place == later.place || Jurisdiction::parse(&self.place).is_err());
        if !is_same {
            return Err(Error::contradiction(
                "a review stays of the organisation, the place and the day that it was opened with: open another",
            ));
        }
        let is_kept = |consent: &Consent| {
            later.consents.iter().any(|one| {
                one.authority == consent.authority && (consent.given.is_none() || one == consent)
            })
        };
        let is_other = self.outcome.is_some() && self.outcome != later.outcome;
        Ok(is_other || !self.consents.iter().all(is_kept))
    }

    /// Returns the authorities whose consent it lists and had not by a day.
    fn waits_for(&self, on: Day) -> Vec<&str> {
        self.consents
            .iter()
            .filter(|consent| consent.given.is_none_or(|given| given > on))
            .map(|consent| consent.authority.as_str())
            .collect()
    }
}

/// Returns the authorities of an organisation's trade that consent to a listing abroad on a day.
fn consenting(organisation: &Organisation, on: Day) -> impl Iterator<Item = &'static str> {
    let sector = organisation.sector.as_deref().map(str::to_ascii_lowercase);
    CONSENTS
        .iter()
        .filter(move |(sectors, _, since)| {
            let since = since.parse::<Day>();
            let is_its = |one: &&str| sector.as_deref() == Some(*one);
            sectors.iter().any(is_its) && since.is_ok_and(|since| since <= on)
        })
        .map(|(_, authority, _)| *authority)
}

/// Says why a review of an organisation cannot have ended with that none is needed; nothing where it can.
#[must_use]
pub fn needs_review(organisation: &Organisation) -> Option<String> {
    match organisation.users {
        None => Some(format!(
            "how many persons' data `{}` has is not recorded: `onshore organisation amend` with `users` says it",
            organisation.id
        )),
        Some(users) if users > REVIEWED_OVER => Some(format!(
            "it has the data of more than {REVIEWED_OVER} persons"
        )),
        Some(_) if organisation.much_sensitive_data => {
            Some("it has much sensitive data".to_owned())
        }
        Some(_) => None,
    }
}

/// Says why an organisation may not list somewhere on a day; nothing where it may. The newest of its reviews for that place counts. What
/// is listed at home, in Hong Kong or in Macau is not listed abroad.
#[must_use]
pub fn listing_refused(
    organisation: &Organisation,
    place: Jurisdiction,
    reviews: &[Review],
    on: Day,
) -> Option<ListingBlock> {
    let at_home = ["CN", "HK", "MO"];
    if at_home.contains(&place.to_string().as_str()) {
        return None;
    }
    let who = &organisation.id;
    let blocked = |why: String| {
        Some(ListingBlock {
            why: format!("`{who}` may not list in {place}: {why}"),
            opens: false,
        })
    };
    let newest = reviews
        .iter()
        .filter(|review| review.organisation == *who && review.opened <= on && review.is_for(place))
        .max_by_key(|review| (review.opened, &review.id));
    let Some(review) = newest else {
        let consents: Vec<&str> = consenting(organisation, on).collect();
        let mut block = match (needs_review(organisation), consents.as_slice()) {
            (None, []) => return None,
            (Some(why), _) => blocked(format!("without a review: {why} ({REVIEWED_BY}).")),
            (None, consents) => blocked(format!(
                "without the consent of {} ({CONSENTED_BY}).",
                consents.join(", ")
            )),
        };
        // Where nobody knows how many persons there are, that is what has to be said first.
        if let Some(block) = &mut block {
            block.opens = organisation.users.is_some()
                || organisation.much_sensitive_data
                || !consents.is_empty();
        }
        return block;
    };
    let id = &review.id;
    if review.is_waiting() {
        return blocked(format!(
            "what its review `{id}` said was changed, and waits for the word of a second person: `onshore review approve {id}`."
        ));
    }
    if review.is_open(on) {
        let waiting = review.waits_for(on);
        let consents = if waiting.is_empty() {
            String::new()
        } else {
            format!(", and waits for the consent of {}", waiting.join(", "))
        };
        return blocked(format!(
            "its review `{id}` is open since {}{consents} ({REVIEWED_BY}).",
            review.opened
        ));
    }
    let outcome = review.outcome.as_ref()?;
    match outcome.result {
        ReviewResult::MayNotList => blocked(format!(
            "so ended its review `{id}` on {}, {} ({REVIEWED_BY}).",
            outcome.decided, outcome.paper
        )),
        ReviewResult::NotNeeded | ReviewResult::MayProceed => {
            if outcome.result == ReviewResult::NotNeeded
                && let Some(why) = needs_review(organisation)
            {
                return blocked(format!(
                    "its review `{id}` ended with that none is needed, and now {why} ({REVIEWED_BY})."
                ));
            }
            let given = |authority: &&str| {
                let mut consents = review.consents.iter();
                consents.any(|one| {
                    one.authority == **authority && one.given.is_some_and(|given| given <= on)
                })
            };
            let missing = consenting(organisation, on).find(|authority| !given(authority))?;
            blocked(format!(
                "its review `{id}` has no consent of {missing} ({CONSENTED_BY})."
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
        if Jurisdiction::parse(&self.place).is_err() {
            return Err(Error::contradiction(format!(
                "`{}` is no place: where a review is for is said by a code of ISO 3166-1, such as US",
                self.place
            )));
        }
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

    fn filed_by(&self) -> Option<&'static str> {
        self.changed
            .is_some()
            .then_some("a change of a review is approved with `onshore review approve`")
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![(RecordKind::Organisation, &self.organisation)]
    }
}
