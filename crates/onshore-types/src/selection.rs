//! Which of a source's objects are asked for, by what they hold: data of some classes, or of persons who live somewhere.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Label;
use crate::label::{Level, Personal};

/// What is asked for. Nothing named of classes, or of persons, asks for all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selection {
    /// Of these classes, one at least.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub classes: BTreeSet<Class>,
    /// Of persons who live there, one at least.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub persons: BTreeSet<Residence>,
}

/// A class of data, as a label has it. What is stricter is of the class too: core data is important, sensitive personal
/// information is personal information.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Neither important nor personal.
    General,
    /// Important data.
    Important,
    /// Core data of the state.
    Core,
    /// Personal information.
    Personal,
    /// Sensitive personal information.
    SensitivePersonal,
}

/// Where a person lives, by the evidence that an object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Residence {
    /// In the country.
    Local,
    /// Abroad.
    Abroad,
    /// Nothing says where.
    Unknown,
}

/// The word names nothing that could be asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is none of {}", words.join(", "))]
pub struct SelectionError {
    word: String,
    words: &'static [&'static str],
}

impl Selection {
    /// Whether it asks for everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.classes.is_empty() && self.persons.is_empty()
    }

    /// Whether it asks for an object of a label that tells of persons who live there. Of what is unclassified nothing is known:
    /// it is asked for, so that nothing is left behind unseen. Whoever lives in two places counts in both.
    #[must_use]
    pub fn takes(&self, label: Label, residences: &BTreeSet<Residence>) -> bool {
        let Label::Known { level, personal } = label else {
            return true;
        };
        // Data that names persons without an identifier that tells them apart.
        let is_of_somebody = personal != Personal::None && residences.is_empty();
        let of_class =
            self.classes.is_empty() || self.classes.iter().any(|class| class.has(level, personal));
        let of_persons = self.persons.is_empty()
            || !self.persons.is_disjoint(residences)
            || is_of_somebody && self.persons.contains(&Residence::Unknown);
        of_class && of_persons
    }
}

impl Class {
    /// How each is written.
    pub const WORDS: [&str; 5] = [
        "general",
        "important",
        "core",
        "personal",
        "sensitive-personal",
    ];

    const ALL: [Self; 5] = [
        Self::General,
        Self::Important,
        Self::Core,
        Self::Personal,
        Self::SensitivePersonal,
    ];

    fn has(self, level: Level, personal: Personal) -> bool {
        match self {
            Self::General => level == Level::General && personal == Personal::None,
            Self::Important => level >= Level::Important,
            Self::Core => level >= Level::Core,
            Self::Personal => personal >= Personal::Personal,
            Self::SensitivePersonal => personal >= Personal::Sensitive,
        }
    }
}

impl Residence {
    /// How each is written.
    pub const WORDS: [&str; 3] = ["local", "abroad", "unknown"];

    const ALL: [Self; 3] = [Self::Local, Self::Abroad, Self::Unknown];
}

impl FromStr for Class {
    type Err = SelectionError;

    fn from_str(word: &str) -> Result<Self, SelectionError> {
        named(word, &Self::WORDS, &Self::ALL)
    }
}

impl FromStr for Residence {
    type Err = SelectionError;

    fn from_str(word: &str) -> Result<Self, SelectionError> {
        named(word, &Self::WORDS, &Self::ALL)
    }
}

fn named<T: Copy>(
    word: &str,
    words: &'static [&'static str],
    all: &[T],
) -> Result<T, SelectionError> {
    let mut named = words.iter().zip(all).filter(|(other, _)| **other == word);
    named
        .next()
        .map(|(_, one)| *one)
        .ok_or_else(|| SelectionError {
            word: word.to_owned(),
            words,
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Class, Residence, Selection};
    use crate::Label;

    fn label(word: &str) -> Label {
        word.parse().expect("a label")
    }

    #[test]
    fn what_is_stricter_is_of_the_class_too() {
        let takes = |class, word: &str| {
            let selection = Selection {
                classes: [class].into(),
                persons: BTreeSet::new(),
            };
            selection.takes(label(word), &BTreeSet::new())
        };
        let cases = [
            (Class::General, "general", true),
            (Class::General, "personal", false),
            (Class::General, "important", false),
            (Class::Important, "core,personal", true),
            (Class::Important, "personal", false),
            (Class::Core, "important", false),
            (Class::Personal, "important,sensitive-personal", true),
            (Class::Personal, "important", false),
            (Class::SensitivePersonal, "personal", false),
        ];
        for (class, word, taken) in cases {
            assert_eq!(takes(class, word), taken, "{class:?} of {word}");
        }
    }

    #[test]
    fn a_word_is_what_is_written() {
        for word in Class::WORDS {
            let class: Class = word.parse().expect("a class");
            assert_eq!(serde_json::to_value(class).expect("JSON"), word);
        }
        for word in Residence::WORDS {
            let residence: Residence = word.parse().expect("a place");
            assert_eq!(serde_json::to_value(residence).expect("JSON"), word);
        }
        let error = "Core".parse::<Class>().expect_err("another case");
        assert!(
            error
                .to_string()
                .ends_with("core, personal, sensitive-personal")
        );
    }

    #[test]
    fn nothing_unknown_is_left_behind() {
        let strictest = Selection {
            classes: [Class::Core].into(),
            persons: [Residence::Abroad].into(),
        };
        assert!(strictest.takes(Label::Unclassified, &BTreeSet::new()));
        assert!(!strictest.takes(label("core"), &BTreeSet::new()));
        assert!(!strictest.takes(label("personal"), &[Residence::Abroad].into()));
        assert!(strictest.takes(label("core,personal"), &[Residence::Abroad].into()));
        let unknown = Selection {
            classes: BTreeSet::new(),
            persons: [Residence::Unknown].into(),
        };
        assert!(unknown.takes(label("personal"), &BTreeSet::new()));
        assert!(!unknown.takes(label("general"), &BTreeSet::new()));
        assert!(!unknown.takes(label("personal"), &[Residence::Local].into()));
        assert!(Selection::default().is_everything());
        assert!(Selection::default().takes(label("general"), &BTreeSet::new()));
    }
}
