//! A hand-over plan: what one sells to another in tranches, for how much, until when, and what stays with the seller. Each tranche
//! is accepted when somebody of either side has signed for it.

use std::fmt;
use std::str::FromStr;

use onshore_types::IdentityName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::order::Source;
use crate::partnership::{Retained, check_retained};
use crate::record::{RecordKind, Registered};
use crate::records::{Id, texts};
use crate::signature::Signature;
use crate::{Day, Error};

/// So many tranches may there be.
const TRANCHES_MAX: usize = 200;
/// The largest number that every reader of JSON holds.
const MINOR_MAX: u64 = (1 << 53) - 1;

/// A hand-over plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// What it is called here.
    pub id: Id,
    /// What is handed over, in words.
    pub title: String,
    /// Who hands it over.
    pub seller: Id,
    /// Who takes it.
    pub buyer: Id,
    /// The region that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Id>,
    /// On which day it was decided.
    pub decided: Day,
    /// In which money: three letters of ISO 4217.
    pub currency: Currency,
    /// What all of it costs at most, in the smallest units of the money.
    pub price_max_minor: u64,
    /// Who signs for the seller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub seller_signatories: Vec<IdentityName>,
    /// Who signs for the buyer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub buyer_signatories: Vec<IdentityName>,
    /// What is handed over when.
    pub tranches: Vec<Tranche>,
    /// What stays with the seller.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retained: Vec<Retained>,
    /// Where all that is known from.
    pub sources: Vec<Source>,
}

/// A part of what is handed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Tranche {
    /// What it is called in the plan.
    pub id: Id,
    /// What is in it, in words.
    pub text: String,
    /// Assets that are in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<Id>,
    /// What it costs, in the smallest units of the money; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_minor: Option<u64>,
    /// By which day; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Day>,
    /// The seller's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by_seller: Option<Signature>,
    /// The buyer's signature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by_buyer: Option<Signature>,
}

/// One side of a hand-over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Who hands over.
    Seller,
    /// Who takes over.
    Buyer,
}

/// Money, such as CNY.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(String);

impl FromStr for Currency {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::contradiction(
                "money is named by three large letters of ISO 4217, such as CNY",
            ))
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Currency {
    /// Writes an amount of its smallest units as people do, with as many decimals as it has (ISO 4217, table A.1).
    #[must_use]
    pub fn written(&self, minor: u64) -> String {
        let decimals = match self.0.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF"
            | "UGX" | "UYI" | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            _ => 2,
        };
        let unit = 10_u64.pow(decimals);
        let (whole, part) = ((minor / unit).to_string(), minor % unit);
        let mut text = String::new();
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        if decimals > 0 {
            let width = usize::try_from(decimals).unwrap_or_default();
            text.push_str(&format!(".{part:0width$}"));
        }
        format!("{text} {self}")
    }
}

impl Side {
    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Seller => "seller",
            Self::Buyer => "buyer",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Side {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Seller, Self::Buyer]
            .into_iter()
            .find(|side| side.word() == text)
            .ok_or_else(|| Error::contradiction("a side is seller or buyer"))
    }
}

impl Tranche {
    /// Returns the signature of a side.
    #[must_use]
    pub fn signature(&self, side: Side) -> Option<&Signature> {
        match side {
            Side::Seller => self.signed_by_seller.as_ref(),
            Side::Buyer => self.signed_by_buyer.as_ref(),
        }
    }

    /// Whether both sides have signed for it.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.signed_by_seller.is_some() && self.signed_by_buyer.is_some()
    }

    /// Whether somebody has signed for it.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.signed_by_seller.is_some() || self.signed_by_buyer.is_some()
    }

    /// Whether it is not accepted by its day.
    #[must_use]
    pub fn is_late(&self, today: Day) -> bool {
        !self.is_accepted() && self.due.is_some_and(|due| due < today)
    }

    /// Returns it without what was signed.
    fn unsigned(&self) -> Self {
        Self {
            signed_by_seller: None,
            signed_by_buyer: None,
            ..self.clone()
        }
    }
}

impl Handover {
    /// Returns who signs for a side.
    #[must_use]
    pub fn signatories(&self, side: Side) -> &[IdentityName] {
        match side {
            Side::Seller => &self.seller_signatories,
            Side::Buyer => &self.buyer_signatories,
        }
    }

    /// Returns what the tranches that are accepted cost, as far as that is known.
    #[must_use]
    pub fn accepted_minor(&self) -> u64 {
        self.tranches
            .iter()
            .filter(|tranche| tranche.is_accepted())
            .filter_map(|tranche| tranche.price_minor)
            .fold(0, u64::saturating_add)
    }

    /// Returns a later revision of it with the signatures that were given. What somebody has signed for stays as it was signed, and what is
    /// late keeps its day.
    ///
    /// # Errors
    /// [`Error::Contradiction`] where it is another, or the plan is between others, on other terms or in other money.
    pub fn amended(&self, mut later: Self, today: Day) -> Result<Self, Error> {
        for late in self.tranches.iter().filter(|one| one.is_late(today)) {
            let due = late.due;
            let keeps = |one: &Tranche| one.id == late.id && one.due <= due && one.due.is_some();
            if !later.tranches.iter().any(keeps) {
                return Err(Error::contradiction(format!(
                    "the tranche `{}` is late: it stays, and its day with it, until both sides have signed",
                    late.id
                )));
            }
        }
        let signed = self.tranches.iter().filter(|tranche| tranche.is_signed());
        for before in signed {
            let same = later
                .tranches
                .iter_mut()
                .find(|tranche| tranche.unsigned() == before.unsigned());
            match same {
                Some(tranche) => *tranche = before.clone(),
                None => {
                    return Err(Error::contradiction(format!(
                        "the tranche `{}` was signed for: it stays as it was",
                        before.id
                    )));
                }
            }
        }
        let was_signed = self.tranches.iter().any(Tranche::is_signed);
        let is_between_others = self.seller != later.seller
            || self.buyer != later.buyer
            || self.currency != later.currency;
        if was_signed && is_between_others {
            return Err(Error::contradiction(
                "a tranche was signed for: who sells to whom and in which money stays as it was",
            ));
        }
        let is_kept = |source: &Source| later.sources.contains(source);
        let is_about_other_things = self.title != later.title
            || self.region != later.region
            || self.decided != later.decided
            || !self.sources.iter().all(is_kept);
        if was_signed && is_about_other_things {
            return Err(Error::contradiction(
                "a tranche was signed for: what is handed over, where, when that was decided and where it is known from stay as they were; another plan may say otherwise, and both sign for that",
            ));
        }
        let is_there = |one: &Tranche| later.tranches.iter().any(|tranche| tranche.id == one.id);
        if was_signed && !self.tranches.iter().all(is_there) {
            return Err(Error::contradiction(
                "a tranche was signed for: the others of the plan stay in it",
            ));
        }
        let is_on_other_terms = self.retained != later.retained
            || self.price_max_minor != later.price_max_minor
            || self.seller_signatories != later.seller_signatories
            || self.buyer_signatories != later.buyer_signatories;
        if was_signed && is_on_other_terms {
            return Err(Error::contradiction(
                "a tranche was signed for: what stays with the seller, what all of it costs and who signs stay as they were; another plan may say more",
            ));
        }
        Ok(later)
    }
}

impl Registered for Handover {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[("title", Some(&self.title))])?;
        check_retained(&self.retained)?;
        if self.seller == self.buyer {
            return Err(Error::contradiction(format!(
                "`{}` cannot sell to itself",
                self.seller
            )));
        }
        if self.sources.is_empty() {
            return Err(Error::contradiction(
                "a hand-over plan names where it is known from: [[sources]]",
            ));
        }
        for source in &self.sources {
            texts(&[("title", Some(&source.title))])?;
        }
        let is_same = |one: &IdentityName, other: &IdentityName| {
            one.as_str().eq_ignore_ascii_case(other.as_str())
        };
        for seller in &self.seller_signatories {
            if self
                .buyer_signatories
                .iter()
                .any(|one| is_same(one, seller))
            {
                return Err(Error::contradiction(format!(
                    "`{}` cannot sign for both sides",
                    seller.as_str()
                )));
            }
        }
        self.check_tranches()
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.buyer)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        let mut all = vec![
            (RecordKind::Organisation, &self.seller),
            (RecordKind::Organisation, &self.buyer),
        ];
        all.extend(self.region.iter().map(|one| (RecordKind::Region, one)));
        let assets = self.tranches.iter().flat_map(|tranche| &tranche.assets);
        all.extend(assets.map(|one| (RecordKind::Asset, one)));
        all
    }

    fn keeps_filed(&self, before: &Self) -> bool {
        self.tranches
            .iter()
            .filter(|one| one.is_signed())
            .all(|one| {
                let known = before.tranches.iter().find(|known| known.id == one.id);
                known.is_some_and(|known| {
                    let of = |tranche: &Tranche| {
                        let signatures = [&tranche.signed_by_seller, &tranche.signed_by_buyer];
                        signatures.map(Clone::clone)
                    };
                    of(known) == of(one)
                })
            })
    }

    fn filed_by(&self) -> Option<&'static str> {
        self.tranches
            .iter()
            .any(Tranche::is_signed)
            .then_some("a tranche is signed for with `onshore handover accept`")
    }
}

impl Handover {
    fn check_tranches(&self) -> Result<(), Error> {
        if self.tranches.is_empty() || self.tranches.len() > TRANCHES_MAX {
            return Err(Error::contradiction(format!(
                "a hand-over has 1 to {TRANCHES_MAX} tranches"
            )));
        }
        let mut ids: Vec<&Id> = self.tranches.iter().map(|tranche| &tranche.id).collect();
        ids.sort_unstable();
        ids.dedup();
        if ids.len() != self.tranches.len() {
            return Err(Error::contradiction(
                "each tranche has an id of its own in the plan",
            ));
        }
        let mut assets: Vec<&Id> = self.tranches.iter().flat_map(|one| &one.assets).collect();
        assets.sort_unstable();
        for pair in assets.windows(2) {
            if let [one, next] = pair
                && one == next
            {
                return Err(Error::contradiction(format!(
                    "the asset `{one}` is handed over twice"
                )));
            }
        }
        let mut sum = 0_u64;
        for tranche in &self.tranches {
            texts(&[("text", Some(&tranche.text))])?;
            sum = sum.saturating_add(tranche.price_minor.unwrap_or(0));
            if tranche.due.is_some_and(|due| due < self.decided) {
                return Err(Error::contradiction(format!(
                    "the tranche `{}` would be due before the hand-over was decided",
                    tranche.id
                )));
            }
        }
        if self.price_max_minor > MINOR_MAX {
            return Err(Error::contradiction("the price is more than there is"));
        }
        if sum > self.price_max_minor {
            return Err(Error::contradiction(format!(
                "the tranches cost {sum} in the smallest units of {}, more than the {} that all of it costs at most",
                self.currency, self.price_max_minor
            )));
        }
        Ok(())
    }
}
