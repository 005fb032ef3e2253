//! Who receives what leaves: an organisation abroad, or an authority there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Jurisdiction, Wording};

/// Who receives what leaves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipient {
    /// The organisation's name.
    pub name: Wording,
    /// Whose law it is under.
    pub jurisdiction: Jurisdiction,
    /// What it is.
    pub kind: RecipientKind,
}

/// What a recipient is: the law asks more where a foreign state is one (Data Security Law article 36, PIPL article 41,
/// GDPR article 48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecipientKind {
    /// A firm, an association, a person.
    Organisation,
    /// A court or an authority that prosecutes, of another state.
    ForeignAuthority,
}

/// Why a text is not a kind of recipient.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a kind of recipient: write organisation or foreign-authority")]
pub struct RecipientKindError(String);

impl RecipientKind {
    /// Returns the word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::ForeignAuthority => "foreign-authority",
        }
    }
}

impl fmt::Display for RecipientKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for RecipientKind {
    type Err = RecipientKindError;

    fn from_str(text: &str) -> Result<Self, RecipientKindError> {
        [Self::Organisation, Self::ForeignAuthority]
            .into_iter()
            .find(|kind| kind.word() == text)
            .ok_or_else(|| RecipientKindError(text.chars().take(64).collect()))
    }
}
