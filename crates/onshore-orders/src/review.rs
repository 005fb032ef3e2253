//! A review before a listing abroad (Cybersecurity Review Measures, article 7): it ends in one of three outcomes, after whichever
//! authorities of the trade have consented. Until then nobody lists.

use onshore_types::Jurisdiction;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::lister::{Consenting, Lister, named};
use crate::record::{RecordKind, Registered};
use crate::records::{Id, texts};
use crate::signature::Signature;
use crate::{Day, Error, Language, Said};

/// Whoever has the data of more persons files before a listing abroad.
pub const REVIEWED_OVER: u64 = 1_000_000;

/// By which rule whoever has the data of many files before a listing abroad.
fn reviewed_by(language: Language) -> &'static str {
    match language {
        Language::En => "Cybersecurity Review Measures, article 7",
        Language::Zh => "《网络安全审查办法》第七条",
    }
}

/// By which rule the authority of a trade speaks first: what is filed before a listing abroad has its opinion with it. It is in force since
/// 2023-03-31.
fn consented_by(language: Language) -> &'static str {
    match language {
        Language::En => "CSRC announcement 43 of 2023 and guideline 2 on what is filed with it",
        Language::Zh => "中国证监会公告〔2023〕43号及《监管规则适用指引——境外发行上市类第2号》",
    }
}

/// A review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    pub why: Said,
    /// Whether a review has to be opened first.
    pub opens: bool,
}

/// That the authority of a trade must consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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

    /// Returns it with each consent that whoever is to be listed needs, whether or not somebody listed it.
    #[must_use]
    pub fn with_consents(mut self, lister: &Lister) -> Self {
        for Consenting { authority, .. } in lister.consenting(self.opened) {
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

/// Says why an organisation may not list somewhere on a day; nothing where it may. The newest of its reviews for that place counts. What
/// is listed at home, in Hong Kong or in Macau is not listed abroad.
#[must_use]
pub fn listing_refused(
    lister: &Lister,
    place: Jurisdiction,
    reviews: &[Review],
    on: Day,
) -> Option<ListingBlock> {
    let at_home = ["CN", "HK", "MO"];
    if at_home.contains(&place.to_string().as_str()) {
        return None;
    }
    let who = lister.id();
    let newest = reviews
        .iter()
        .filter(|review| review.organisation == *who && review.opened <= on && review.is_for(place))
        .max_by_key(|review| (review.opened, &review.id));
    let (why, opens) = match newest {
        Some(review) => (review.keeps_from_listing(lister, on)?, false),
        None => unreviewed(lister, on)?,
    };
    Some(ListingBlock {
        why: Said::of(|language| {
            let why = why.in_language(language);
            match language {
                Language::En => format!("`{who}` may not list in {place}: {why}"),
                Language::Zh => format!("“{who}”不得在 {place} 上市：{why}"),
            }
        }),
        opens,
    })
}

/// Says why somebody may not list without a review, and whether one is to be opened.
fn unreviewed(lister: &Lister, on: Day) -> Option<(Said, bool)> {
    let consents = lister.consenting(on);
    let why = if let Some(why) = lister.needs_review() {
        Said::of(|language| {
            let (by, why) = (reviewed_by(language), why.in_language(language));
            match language {
                Language::En => format!("without a review: {why} ({by})."),
                Language::Zh => format!("尚未经过审查：{why}（{by}）。"),
            }
        })
    } else if !consents.is_empty() {
        Said::of(|language| {
            let by = consented_by(language);
            let told = Consenting::told(&consents, language);
            match language {
                Language::En => format!("without the consent of {told} ({by})."),
                Language::Zh => format!("尚未取得{told}的同意（{by}）。"),
            }
        })
    } else {
        untold(&lister.unknown_trade()?)
    };
    // Where nobody knows how many persons there are, or which trade it is, that is what has to be said first.
    Some((why, lister.has_much() || !consents.is_empty()))
}

/// Says that nobody can tell whose consent is asked.
fn untold(why: &Said) -> Said {
    Said::of(|language| {
        let (by, why) = (consented_by(language), why.in_language(language));
        match language {
            Language::En => format!("{why} ({by})."),
            Language::Zh => format!("{why}（{by}）。"),
        }
    })
}

impl Review {
    /// Says why its organisation may not list by it on a day.
    fn keeps_from_listing(&self, lister: &Lister, on: Day) -> Option<Said> {
        let id = &self.id;
        if self.is_waiting() {
            return Some(Said::of(|language| match language {
                Language::En => format!(
                    "what its review `{id}` said was changed, and waits for the word of a second person: `onshore review approve {id}`."
                ),
                Language::Zh => format!(
                    "审查“{id}”的结论已被更改，尚待第二人批准：`onshore review approve {id}`。"
                ),
            }));
        }
        if self.is_open(on) {
            let (opened, waiting) = (self.opened, self.waits_for(on));
            return Some(Said::of(|language| {
                let (by, consents) = (reviewed_by(language), named(&waiting, language));
                match (language, waiting.is_empty()) {
                    (Language::En, true) => {
                        format!("its review `{id}` is open since {opened} ({by}).")
                    }
                    (Language::En, false) => format!(
                        "its review `{id}` is open since {opened}, and waits for the consent of {consents} ({by})."
                    ),
                    (Language::Zh, true) => {
                        format!("审查“{id}”自 {opened} 起进行，尚无结论（{by}）。")
                    }
                    (Language::Zh, false) => {
                        format!("审查“{id}”自 {opened} 起进行，尚待{consents}同意（{by}）。")
                    }
                }
            }));
        }
        let Outcome {
            result,
            decided,
            paper,
        } = self.outcome.as_ref()?;
        if *result == ReviewResult::MayNotList {
            return Some(Said::of(|language| {
                let by = reviewed_by(language);
                match language {
                    Language::En => {
                        format!("so ended its review `{id}` on {decided}, {paper} ({by}).")
                    }
                    Language::Zh => {
                        format!("审查“{id}”已于 {decided} 作出此结论，{paper}（{by}）。")
                    }
                }
            }));
        }
        if *result == ReviewResult::NotNeeded
            && let Some(why) = lister.needs_review()
        {
            return Some(Said::of(|language| {
                let (by, why) = (reviewed_by(language), why.in_language(language));
                match language {
                    Language::En => format!(
                        "its review `{id}` ended with that none is needed, and now {why} ({by})."
                    ),
                    Language::Zh => {
                        format!("审查“{id}”的结论是无需审查，而现在{why}（{by}）。")
                    }
                }
            }));
        }
        let given = |authority: &&str| {
            let mut consents = self.consents.iter();
            consents.any(|one| {
                one.authority == **authority && one.given.is_some_and(|given| given <= on)
            })
        };
        let consents = lister.consenting(on);
        let Some(missing) = consents.iter().find(|one| !given(&one.authority)) else {
            return lister.unknown_trade().map(|why| untold(&why));
        };
        Some(Said::of(|language| {
            let by = consented_by(language);
            let told = Consenting::told(std::slice::from_ref(missing), language);
            match language {
                Language::En => format!("its review `{id}` has no consent of {told} ({by})."),
                Language::Zh => format!("审查“{id}”未取得{told}的同意（{by}）。"),
            }
        }))
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

    fn keeps_filed(&self, before: &Self) -> bool {
        self.changed == before.changed
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
