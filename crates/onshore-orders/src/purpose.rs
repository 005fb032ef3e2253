//! What data is held for, on which ground, and for how long (PIPL articles 6, 13 and 19).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::records::texts;
use crate::{Day, Error};

/// Nobody keeps data for longer than so many days by intent: a thousand years.
const DAYS_MAX: u32 = 366_000;

/// The ground on which the law lets somebody have personal data (PIPL article 13).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LawfulBasis {
    /// The persons consented.
    Consent,
    /// A contract with them, or their employment, needs it.
    Contract,
    /// A duty of law needs it.
    LegalDuty,
    /// An emergency of health, life or property needs it.
    Emergency,
    /// News in the public interest need it.
    News,
    /// They, or the law, published it.
    Published,
}

impl LawfulBasis {
    /// Every ground.
    pub const ALL: [Self; 6] = [
        Self::Consent,
        Self::Contract,
        Self::LegalDuty,
        Self::Emergency,
        Self::News,
        Self::Published,
    ];

    /// Returns the word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Consent => "consent",
            Self::Contract => "contract",
            Self::LegalDuty => "legal-duty",
            Self::Emergency => "emergency",
            Self::News => "news",
            Self::Published => "published",
        }
    }
}

impl fmt::Display for LawfulBasis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for LawfulBasis {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|basis| basis.word() == text)
            .ok_or_else(|| {
                let words = Self::ALL.map(Self::word).join(", ");
                Error::contradiction(format!("a lawful basis is one of {words}"))
            })
    }
}

/// What an asset holds data for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldFor {
    /// For what.
    pub purpose: String,
    /// On which ground.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<LawfulBasis>,
    /// Where the consents are kept, such as the name of a system or a paper; whoever consented stands in no record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<String>,
    /// The last day on which it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Day>,
    /// For how many days each thing in it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
}

impl HeldFor {
    pub(crate) fn check(&self) -> Result<(), Error> {
        texts(&[
            ("purpose", Some(&self.purpose)),
            ("consent", self.consent.as_ref()),
        ])?;
        check_terms(self.basis, self.consent.is_some(), self.keep_days)
    }
}

/// Checks that a ground and where the consents are go together, and how long something is kept.
///
/// # Errors
/// [`Error::Contradiction`].
pub fn check_terms(
    basis: Option<LawfulBasis>,
    has_consent: bool,
    keep_days: Option<u32>,
) -> Result<(), Error> {
    if (basis == Some(LawfulBasis::Consent)) != has_consent {
        return Err(Error::contradiction(
            "the basis `consent` says where the consents are kept (`consent`), and no other basis does",
        ));
    }
    if keep_days.is_some_and(|days| !(1..=DAYS_MAX).contains(&days)) {
        return Err(Error::contradiction(format!(
            "data is kept for 1 to {DAYS_MAX} days"
        )));
    }
    Ok(())
}
