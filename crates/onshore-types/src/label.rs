//! Residency labels: how strictly a piece of data is bound to its jurisdiction.
//!
//! A label is two independent facts, the level (GB/T 43697-2024: general, important, core) and whether the data is
//! personal (PIPL: none, personal, sensitive personal), or it is unclassified: nothing is known, so nothing is
//! allowed. Labels form a lattice whose top is [`Label::Unclassified`]; the stricter of two labels is their join, and
//! a join never loosens either.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The level of a piece of data, after GB/T 43697-2024.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Neither important nor core.
    General,
    /// Important data.
    Important,
    /// Core data of the state.
    Core,
}

/// Whether data tells of natural persons, after PIPL articles 4 and 28.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Personal {
    /// Not personal information.
    None,
    /// Personal information.
    Personal,
    /// Sensitive personal information.
    Sensitive,
}

/// How strictly a piece of data is bound to its jurisdiction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Label {
    /// Both facts are known.
    Known {
        /// The level.
        level: Level,
        /// Whether it is personal.
        personal: Personal,
    },
    /// Nothing is known: refused abroad, and no approval can cover it.
    Unclassified,
}

/// Why a text is not a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{word}` is not a class: write one word or a comma list of general, important, core, personal, sensitive-personal"
)]
pub struct LabelError {
    word: String,
}

impl Label {
    /// Data that may move freely.
    pub const GENERAL: Self = Self::Known {
        level: Level::General,
        personal: Personal::None,
    };

    /// Data that tells of natural persons and is bound for no other cause.
    pub const PERSONAL: Self = Self::Known {
        level: Level::General,
        personal: Personal::Personal,
    };

    /// Parses what an uploader or operator declares: one word or a comma list, in any letter case, blanks around
    /// commas allowed. `unclassified` is not a declaration: it is what remains when there is none.
    ///
    /// # Errors
    /// [`LabelError`] names the word that is no class; an empty text is one.
    pub fn parse_declaration(text: &str) -> Result<Self, LabelError> {
        let (mut level, mut personal) = (Level::General, Personal::None);
        for word in text.split(',') {
            match word.trim().to_ascii_lowercase().as_str() {
                "general" => {}
                "important" => level = level.max(Level::Important),
                "core" => level = Level::Core,
                "personal" => personal = personal.max(Personal::Personal),
                "sensitive-personal" => personal = Personal::Sensitive,
                other => {
                    return Err(LabelError {
                        word: other.chars().take(64).collect(),
                    });
                }
            }
        }
        Ok(Self::Known { level, personal })
    }

    /// Returns the stricter of two labels: their join.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unclassified, _) | (_, Self::Unclassified) => Self::Unclassified,
            (
                Self::Known {
                    level: a,
                    personal: p,
                },
                Self::Known {
                    level: b,
                    personal: q,
                },
            ) => Self::Known {
                level: a.max(b),
                personal: p.max(q),
            },
        }
    }

    /// Returns the join of every declaration that was made, or `Unclassified` when none was.
    #[must_use]
    pub fn of_declarations(declarations: impl IntoIterator<Item = Option<Self>>) -> Self {
        declarations
            .into_iter()
            .flatten()
            .reduce(Self::join)
            .unwrap_or(Self::Unclassified)
    }

    /// Whether data so labelled may cross a border without an approval.
    #[must_use]
    pub fn is_free(self) -> bool {
        self == Self::GENERAL
    }

    /// Whether this label is at least as strict as the other in both facts. An approval for this label covers data
    /// with the other; nothing covers the unclassified.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        match (self, other) {
            (_, Self::Unclassified) | (Self::Unclassified, _) => false,
            (Self::Known { .. }, Self::Known { .. }) => self.join(other) == self,
        }
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Known { level, personal } = self else {
            return f.write_str("unclassified");
        };
        let level = match level {
            Level::General => None,
            Level::Important => Some("important"),
            Level::Core => Some("core"),
        };
        let personal = match personal {
            Personal::None => None,
            Personal::Personal => Some("personal"),
            Personal::Sensitive => Some("sensitive-personal"),
        };
        match (level, personal) {
            (None, None) => f.write_str("general"),
            (Some(word), None) | (None, Some(word)) => f.write_str(word),
            (Some(level), Some(personal)) => write!(f, "{level},{personal}"),
        }
    }
}

/// Reads what [`Label`] displays, `unclassified` included.
impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        if text == "unclassified" {
            Ok(Self::Unclassified)
        } else {
            Self::parse_declaration(text)
        }
    }
}

impl TryFrom<String> for Label {
    type Error = LabelError;

    fn try_from(text: String) -> Result<Self, LabelError> {
        text.parse()
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::{Label, Level, Personal};

    fn every() -> Vec<Label> {
        let mut all = vec![Label::Unclassified];
        for level in [Level::General, Level::Important, Level::Core] {
            for personal in [Personal::None, Personal::Personal, Personal::Sensitive] {
                all.push(Label::Known { level, personal });
            }
        }
        all
    }

    #[test]
    fn join_is_a_semilattice_with_unclassified_on_top() {
        for a in every() {
            assert_eq!(a.join(a), a);
            assert_eq!(a.join(Label::Unclassified), Label::Unclassified);
            assert_eq!(a.join(Label::GENERAL), a);
            for b in every() {
                assert_eq!(a.join(b), b.join(a));
                for c in every() {
                    assert_eq!(a.join(b).join(c), a.join(b.join(c)));
                }
            }
        }
    }

    #[test]
    fn an_approval_must_cover_both_facts_and_never_the_unclassified() {
        for a in every() {
            assert!(!a.covers(Label::Unclassified));
            assert!(!Label::Unclassified.covers(a));
        }
        let personal = Label::parse_declaration("personal").expect("a class");
        let important = Label::parse_declaration("important").expect("a class");
        assert!(!personal.covers(important) && !important.covers(personal));
        assert!(personal.join(important).covers(personal));
        assert!(personal.covers(Label::GENERAL));
    }

    #[test]
    fn labels_read_back_and_bad_words_are_named() {
        for label in every() {
            assert_eq!(label.to_string().parse(), Ok(label));
        }
        assert_eq!(
            Label::parse_declaration(" Core , PERSONAL"),
            "core,personal".parse()
        );
        for bad in ["", "secret", "general,", "unclassified", "personal;core"] {
            assert!(Label::parse_declaration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_declared_is_unclassified() {
        assert_eq!(Label::of_declarations([None, None]), Label::Unclassified);
        assert_eq!(
            Label::of_declarations([None, Some(Label::GENERAL)]),
            Label::GENERAL
        );
    }
}
