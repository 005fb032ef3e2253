//! A legal entity identifier (ISO 17442).

use std::fmt;
use std::str::FromStr;

/// A legal entity identifier whose check digits hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lei(String);

/// It is no legal entity identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a LEI is 20 large letters and digits whose check digits hold (ISO 17442)")]
pub struct NoLei;

impl Lei {
    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Lei {
    type Err = NoLei;

    fn from_str(text: &str) -> Result<Self, NoLei> {
        let is_shaped = text.len() == 20
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        // ISO 7064, MOD 97-10: letters count as 10 to 35.
        let rest = text
            .chars()
            .filter_map(|letter| letter.to_digit(36))
            .fold(0, |rest, value| {
                let shift = if value > 9 { 100 } else { 10 };
                (rest * shift + value) % 97
            });
        if is_shaped && rest == 1 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoLei)
        }
    }
}

impl fmt::Display for Lei {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
