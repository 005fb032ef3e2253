//! An order: an authority's directive as data, each part with the clause and the source that it rests on.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

use crate::deadline::DeadlineRule;
use crate::record::Registered;
use crate::records::{
    Id, Organisation, OrganisationKind, Provider, ProviderKind, Share, lies_in, texts,
};
use crate::signature::Signature;
use crate::{Day, Error, Language, UtcOffset, sector};

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// What it is called here.
    pub id: Id,
    /// What it is called there.
    pub title: String,
    /// Which authority gave it.
    pub issuer: String,
    /// Of which day it is.
    pub issued: Day,
    /// The first day on which it binds.
    pub effective: Day,
    /// Where its days end.
    pub offset: UtcOffset,
    /// Where its text is known from.
    pub sources: Vec<Source>,
    /// Its text.
    pub clauses: Vec<Clause>,
    /// Whom it binds.
    pub addressees: Addressees,
    /// Whose services must be left.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prohibited: Vec<Prohibited>,
    /// What nobody bound may do meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freezes: Vec<Freeze>,
    /// By when a contract must be left.
    pub deadline: Deadline,
    /// Who is not held to it, for a time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exemptions: Vec<Exemption>,
    /// What was changed since, in words: what is in force stands in the dated lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amendments: Vec<Amendment>,
    /// That it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawal>,
}

/// Where a text is known from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// What it is called in the order.
    pub id: Id,
    /// Which publication.
    pub title: String,
    /// Of which day it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<Day>,
}

/// A part of the order's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// What it is called.
    pub id: Id,
    /// What it says.
    pub text: String,
    /// Which of the sources say so.
    pub sources: Vec<Id>,
    /// What they say, word for word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<Quote>,
    /// What a source says otherwise, and why it is not followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<String>,
}

/// What a source says, word for word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// The words.
    pub text: String,
    /// Whose they are.
    pub source: Id,
}

/// Whom an order binds: a rule over organisations. Whoever is named is bound; whoever fulfils all of the rest that is given
/// is bound too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Addressees {
    /// The clause that says so.
    pub clause: Id,
    /// These.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<Id>,
    /// Those that one of these controls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controlled_by: Vec<Id>,
    /// Those that organs of the state control.
    #[serde(default)]
    pub state_owned: bool,
    /// Who has more than this controls.
    #[serde(default = "Share::half")]
    pub over_percent: Share,
    /// Those in one of these trades, each a word of the table of trades, and in what is a part of one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sectors: Vec<String>,
    /// Those in one of these places; CN-BJ lies in CN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Those that operate critical information infrastructure.
    #[serde(default)]
    pub critical_infrastructure: bool,
}

/// A provider whose services must be left, from a day on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Prohibited {
    /// This one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Id>,
    /// All of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<ProviderKind>,
    /// The clause that says so.
    pub clause: Id,
    /// The first day on which it is prohibited.
    pub from: Day,
    /// The first day on which it is no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
}

/// What can be frozen.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum FreezeKind {
    /// A new contract with a prohibited provider.
    #[serde(rename = "contract.new")]
    ContractNew,
    /// Renewing a contract with a prohibited provider.
    #[serde(rename = "contract.renew")]
    ContractRenew,
    /// A data centre of one's own.
    #[serde(rename = "procure.datacentre")]
    Datacentre,
    /// Servers of one's own.
    #[serde(rename = "procure.server")]
    Server,
    /// Other storage hardware of one's own.
    #[serde(rename = "procure.storage")]
    Storage,
}

/// Something that is frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// What.
    pub what: FreezeKind,
    /// The clause that says so.
    pub clause: Id,
    /// The first day; the order's own where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Day>,
    /// The first day on which it is no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
}

/// By when a contract must be left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Deadline {
    /// The rule.
    pub rule: DeadlineRule,
    /// The clause that says so.
    pub clause: Id,
}

/// Who is not held to an order, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Exemption {
    /// Who.
    pub organisation: Id,
    /// For this contract alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Id>,
    /// The first day.
    pub from: Day,
    /// The first day on which it is no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// Who granted it, in which paper.
    pub granted: String,
    /// Why.
    pub reason: String,
    /// Who recorded it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed: Option<Signature>,
    /// Who else approved it: until then it exempts nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Signature>,
}

/// That an order was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Amendment {
    /// Of which day.
    pub on: Day,
    /// What was changed.
    pub text: String,
}

/// That an order was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Withdrawal {
    /// The first day on which it binds nobody.
    pub from: Day,
    /// Why.
    pub reason: String,
}

impl Registered for Order {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[("title", Some(&self.title)), ("issuer", Some(&self.issuer))])?;
        let unique = |what: &str, ids: Vec<&Id>| {
            let mut sorted = ids.clone();
            sorted.sort_unstable();
            sorted.dedup();
            if ids.is_empty() || sorted.len() != ids.len() {
                return Err(Error::contradiction(format!(
                    "an order has {what}s, each with an id of its own"
                )));
            }
            Ok(())
        };
        unique("source", self.sources.iter().map(|one| &one.id).collect())?;
        unique("clause", self.clauses.iter().map(|one| &one.id).collect())?;
        for source in &self.sources {
            texts(&[("title", Some(&source.title))])?;
        }
        for clause in &self.clauses {
            texts(&[
                ("text", Some(&clause.text)),
                ("conflict", clause.conflict.as_ref()),
            ])?;
            if clause.sources.is_empty() {
                return Err(Error::contradiction(format!(
                    "the clause `{}` names no source",
                    clause.id
                )));
            }
            for id in &clause.sources {
                if !self.sources.iter().any(|source| source.id == *id) {
                    return Err(Error::contradiction(format!(
                        "the clause `{}` names `{id}`, which is none of the sources",
                        clause.id
                    )));
                }
            }
            for quote in &clause.quotes {
                texts(&[("quote", Some(&quote.text))])?;
                if !clause.sources.contains(&quote.source) {
                    return Err(Error::contradiction(format!(
                        "the clause `{}` quotes `{}`, which is none of its sources",
                        clause.id, quote.source
                    )));
                }
            }
        }
        let cited = std::iter::once(&self.addressees.clause)
            .chain(self.prohibited.iter().map(|one| &one.clause))
            .chain(self.freezes.iter().map(|one| &one.clause))
            .chain(std::iter::once(&self.deadline.clause));
        for id in cited {
            if !self.clauses.iter().any(|clause| clause.id == *id) {
                return Err(Error::contradiction(format!(
                    "`{id}` is none of the clauses"
                )));
            }
        }
        self.addressees.check()?;
        for one in &self.prohibited {
            if one.provider.is_some() == one.kind.is_some() {
                return Err(Error::contradiction(
                    "what is prohibited is either a provider or a kind of them",
                ));
            }
        }
        for one in &self.exemptions {
            texts(&[
                ("granted", Some(&one.granted)),
                ("reason", Some(&one.reason)),
            ])?;
        }
        for one in &self.amendments {
            texts(&[("text", Some(&one.text))])?;
        }
        if let Some(withdrawn) = &self.withdrawn {
            texts(&[("reason", Some(&withdrawn.reason))])?;
            if withdrawn.from < self.issued {
                return Err(Error::contradiction(
                    "the order would be withdrawn before it was given",
                ));
            }
        }
        let times = self
            .prohibited
            .iter()
            .map(|one| (one.from, one.until))
            .chain(self.exemptions.iter().map(|one| (one.from, one.until)))
            .chain(
                self.freezes
                    .iter()
                    .map(|one| (one.from.unwrap_or(self.effective), one.until)),
            );
        for (from, until) in times {
            if until.is_some_and(|until| until <= from) {
                return Err(Error::contradiction(format!(
                    "what begins on {from} ends before that"
                )));
            }
        }
        if self.effective < self.issued {
            return Err(Error::contradiction(
                "the order would bind before it was given",
            ));
        }
        Ok(())
    }

    fn check_entry(&self, before: Option<&Self>) -> Result<(), Error> {
        let known = before.map_or(&[][..], |before| &before.addressees.sectors);
        let mut words = self.addressees.sectors.iter();
        match words.find(|word| sector::known(word).is_none() && !known.contains(word)) {
            Some(word) => Err(Error::contradiction(sector::unknown(word))),
            None => Ok(()),
        }
    }

    fn keeps_filed(&self, before: &Self) -> bool {
        self.exemptions
            .iter()
            .filter(|one| one.proposed.is_some() || one.approved.is_some())
            .all(|one| before.exemptions.contains(one))
    }

    fn filed_by(&self) -> Option<&'static str> {
        self.exemptions
            .iter()
            .any(|one| one.proposed.is_some() || one.approved.is_some())
            .then_some("who proposes and who approves an exemption is recorded by `onshore order amend` and `onshore order approve`")
    }
}

impl Order {
    /// Returns what is prohibited of a provider on a day.
    #[must_use]
    pub fn prohibits(&self, provider: &Provider, on: Day) -> Option<&Prohibited> {
        self.prohibits_of(&provider.id, Some(provider.kind), on)
    }

    /// Returns what is prohibited on a day of a provider of which nobody knows what it is, where it is named.
    #[must_use]
    pub fn prohibits_by_name(&self, provider: &Id, on: Day) -> Option<&Prohibited> {
        self.prohibits_of(provider, None, on)
    }

    fn prohibits_of(
        &self,
        provider: &Id,
        kind: Option<ProviderKind>,
        on: Day,
    ) -> Option<&Prohibited> {
        self.prohibited.iter().find(|one| {
            on.is_within(one.from, one.until)
                && (one.provider.as_ref() == Some(provider) || (kind.is_some() && one.kind == kind))
        })
    }

    /// Returns what is frozen of that kind on a day.
    #[must_use]
    pub fn freezes(&self, what: FreezeKind, on: Day) -> Option<&Freeze> {
        self.freezes.iter().find(|one| {
            one.what == what && on.is_within(one.from.unwrap_or(self.effective), one.until)
        })
    }

    /// Returns the approved exemption of an organisation, or of one of its contracts, on a day.
    #[must_use]
    pub fn exempts(&self, organisation: &Id, contract: Option<&Id>, on: Day) -> Option<&Exemption> {
        self.exemptions.iter().find(|one| {
            one.approved.is_some()
                && one.organisation == *organisation
                && on.is_within(one.from, one.until)
                && (one.contract.is_none() || one.contract.as_ref() == contract)
        })
    }

    /// Returns the titles of the sources on which a clause rests.
    #[must_use]
    pub fn titles(&self, clause: &Id) -> Vec<&str> {
        self.clauses
            .iter()
            .filter(|one| one.id == *clause)
            .flat_map(|one| &one.sources)
            .filter_map(|id| self.sources.iter().find(|source| source.id == *id))
            .map(|source| source.title.as_str())
            .collect()
    }

    /// Says on what a clause rests, for a sentence in a language.
    pub(crate) fn cite(&self, clause: &Id, language: Language) -> String {
        let (id, titles) = (&self.id, self.titles(clause).join("; "));
        match language {
            Language::En => format!("clause {clause} of {id} ({titles})"),
            Language::Zh => format!("{id} 条款 {clause}（{titles}）"),
        }
    }
}

impl Exemption {
    /// Whether it says what another does, whoever vouches for it.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let told = |one: &Self| Self {
            proposed: None,
            approved: None,
            ..one.clone()
        };
        told(self) == told(other)
    }
}

impl Addressees {
    fn check(&self) -> Result<(), Error> {
        texts(
            &self
                .sectors
                .iter()
                .chain(&self.regions)
                .map(|text| ("a sector or region", Some(text)))
                .collect::<Vec<_>>(),
        )?;
        if self.named.is_empty() && !self.has_rule() {
            return Err(Error::contradiction("the order binds nobody"));
        }
        if !self.controlled_by.is_empty() && self.state_owned {
            return Err(Error::contradiction(
                "addressees are controlled by the state or by somebody, not both",
            ));
        }
        Ok(())
    }

    /// Whether there is a rule beside the names.
    pub(crate) fn has_rule(&self) -> bool {
        self.wants_control()
            || !self.sectors.is_empty()
            || !self.regions.is_empty()
            || self.critical_infrastructure
    }

    pub(crate) fn wants_control(&self) -> bool {
        self.state_owned || !self.controlled_by.is_empty()
    }

    pub(crate) fn is_root(&self, organisation: &Organisation) -> bool {
        if self.state_owned {
            organisation.kind == OrganisationKind::StateOrgan
        } else {
            self.controlled_by.contains(&organisation.id)
        }
    }

    /// Whether it fulfils what is asked beside control.
    pub(crate) fn fits(&self, organisation: &Organisation) -> bool {
        let lies = |one: &Option<String>, all: &[String], is_part: IsPart| {
            all.is_empty() || one.as_ref().is_some_and(|one| among(one, all, is_part))
        };
        lies(&organisation.sector, &self.sectors, sector::lies_in)
            && lies(&organisation.region, &self.regions, lies_in)
            && (!self.critical_infrastructure || organisation.critical_infrastructure)
    }

    /// Returns by which of an organisation's words it is addressed that are parts of what the order says, each with that.
    pub(crate) fn parts<'a>(&'a self, organisation: &'a Organisation) -> Vec<(&'a str, &'a str)> {
        let part = |one: &'a Option<String>, all: &'a [String], is: IsPart, is_part: IsPart| {
            let one = one.as_deref().filter(|one| !among(one, all, is))?;
            let wide = all.iter().find(|wide| is_part(one, wide))?;
            Some((one, wide.as_str()))
        };
        let (trade, place) = (&organisation.sector, &organisation.region);
        let trade = part(trade, &self.sectors, sector::is_same, sector::lies_in);
        let place = part(place, &self.regions, |one, other| one == other, lies_in);
        trade.into_iter().chain(place).collect()
    }
}

/// Whether one word is another or lies in it.
type IsPart = fn(&str, &str) -> bool;

fn among(one: &str, all: &[String], is_part: IsPart) -> bool {
    all.iter().any(|wide| is_part(one, wide))
}

impl FreezeKind {
    /// Everything that can be frozen.
    pub const ALL: [Self; 5] = [
        Self::ContractNew,
        Self::ContractRenew,
        Self::Datacentre,
        Self::Server,
        Self::Storage,
    ];

    /// Whether it is of contracts, each of which is with a provider.
    #[must_use]
    pub fn is_of_contracts(self) -> bool {
        match self {
            Self::ContractNew | Self::ContractRenew => true,
            Self::Datacentre | Self::Server | Self::Storage => false,
        }
    }

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::ContractNew => "contract.new",
            Self::ContractRenew => "contract.renew",
            Self::Datacentre => "procure.datacentre",
            Self::Server => "procure.server",
            Self::Storage => "procure.storage",
        }
    }
}

impl std::str::FromStr for FreezeKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|what| what.word() == text)
            .ok_or_else(|| {
                let words: Vec<&str> = Self::ALL.iter().map(|what| what.word()).collect();
                Error::contradiction(format!("what can be frozen is {}", words.join(", ")))
            })
    }
}

impl fmt::Display for FreezeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
