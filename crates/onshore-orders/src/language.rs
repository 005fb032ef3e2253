//! The language in which people read what is found.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Chinese, in simplified characters.
    Zh,
}

impl FromStr for Language {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "en" => Ok(Self::En),
            "zh" => Ok(Self::Zh),
            _ => Err(Error::contradiction("a language is en or zh")),
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::En => "en",
            Self::Zh => "zh",
        })
    }
}

/// What is said in each language. Where nobody asked for one, it is English.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    en: String,
    zh: String,
}

impl Said {
    /// Has it said in each language.
    pub fn of(mut say: impl FnMut(Language) -> String) -> Self {
        Self {
            en: say(Language::En),
            zh: say(Language::Zh),
        }
    }

    /// Takes what was said before, in English and in Chinese; in English alone where it was said in that alone.
    #[must_use]
    pub fn kept(en: String, zh: String) -> Self {
        let zh = if zh.is_empty() { en.clone() } else { zh };
        Self { en, zh }
    }

    /// Returns it in a language.
    #[must_use]
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Zh => &self.zh,
        }
    }

    /// Adds what is said behind it.
    #[must_use]
    pub fn and(self, more: impl Fn(Language) -> String) -> Self {
        Self::of(|language| format!("{}{}", self.in_language(language), more(language)))
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}
