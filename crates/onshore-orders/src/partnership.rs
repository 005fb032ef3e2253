//! A partnership: one runs a region as its operator of record, on technology that another supplies and keeps part of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::record::{RecordKind, Registered};
use crate::records::{Id, texts};
use crate::{Day, Error, Language};

/// A partnership.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Partnership {
    /// What it is called here.
    pub id: Id,
    /// For which region.
    pub region: Id,
    /// Who runs it and whom customers contract with.
    pub operator: Id,
    /// Who supplies the technology, and is no party to those contracts.
    pub technology_provider: Id,
    /// What the technology provider supplies, in words.
    pub technology: String,
    /// What the technology provider keeps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retained: Vec<Retained>,
    /// The first day.
    pub from: Day,
    /// The first day on which it is no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
}

/// What somebody keeps who hands something over or lets it be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retained {
    /// What.
    pub what: RetainedKind,
    /// In words, with where that is known from.
    pub text: String,
}

/// What can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RetainedKind {
    /// Patents, copyright, know-how: the software is licensed and not sold.
    IntellectualProperty,
    /// Names and signs.
    Trademark,
    /// Hardware.
    Hardware,
    /// Land and buildings.
    RealEstate,
    /// Contracts with customers.
    CustomerContracts,
    /// Who works there.
    Staff,
}

impl RetainedKind {
    /// Returns what it is called in a language.
    #[must_use]
    pub fn words_in(self, language: Language) -> &'static str {
        match (language, self) {
            (Language::En, Self::IntellectualProperty) => "intellectual property",
            (Language::En, Self::Trademark) => "trademarks",
            (Language::En, Self::Hardware) => "hardware",
            (Language::En, Self::RealEstate) => "land and buildings",
            (Language::En, Self::CustomerContracts) => "contracts with customers",
            (Language::En, Self::Staff) => "staff",
            (Language::Zh, Self::IntellectualProperty) => "知识产权",
            (Language::Zh, Self::Trademark) => "商标",
            (Language::Zh, Self::Hardware) => "硬件",
            (Language::Zh, Self::RealEstate) => "土地和房屋",
            (Language::Zh, Self::CustomerContracts) => "客户合同",
            (Language::Zh, Self::Staff) => "人员",
        }
    }
}

impl Partnership {
    /// Whether it is in force on a day.
    #[must_use]
    pub fn is_in_force(&self, on: Day) -> bool {
        on.is_within(self.from, self.until)
    }
}

pub(crate) fn check_retained(retained: &[Retained]) -> Result<(), Error> {
    let all: Vec<_> = retained
        .iter()
        .map(|one| ("what is retained", Some(&one.text)))
        .collect();
    texts(&all)
}

impl Registered for Partnership {
    fn id(&self) -> &Id {
        &self.id
    }

    fn check(&self) -> Result<(), Error> {
        texts(&[("technology", Some(&self.technology))])?;
        check_retained(&self.retained)?;
        if self.operator == self.technology_provider {
            return Err(Error::contradiction(format!(
                "`{}` cannot be operator and technology provider of a partnership at once",
                self.operator
            )));
        }
        if self.until.is_some_and(|until| until <= self.from) {
            return Err(Error::contradiction(format!(
                "the partnership `{}` ends before it begins",
                self.id
            )));
        }
        Ok(())
    }

    fn holder(&self) -> Option<&Id> {
        Some(&self.region)
    }

    fn references(&self) -> Vec<(RecordKind, &Id)> {
        vec![
            (RecordKind::Region, &self.region),
            (RecordKind::Organisation, &self.operator),
            (RecordKind::Organisation, &self.technology_provider),
        ]
    }
}
