//! Persons behind control tokens: what takes two people is for two who are apart.

use onshore_types::IdentityName;
use serde::{Deserialize, Serialize};

/// The person that a control token was made for, and who vouched for that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The name.
    pub name: IdentityName,
    /// Who made the token, who made the maker's, and so on, as far as they had names.
    pub vouched_by: Vec<IdentityName>,
}

impl Person {
    /// Whether this is another person than that, and neither had a hand in the token of the other, nor anybody else in both:
    /// whoever may make tokens could otherwise make himself a second person.
    #[must_use]
    pub fn is_apart_from(&self, other: &Self) -> bool {
        !self
            .names()
            .any(|mine| other.names().any(|theirs| is_same(mine, theirs)))
    }

    /// Whether a name is this person's.
    #[must_use]
    pub fn is_called(&self, name: &IdentityName) -> bool {
        is_same(&self.name, name)
    }

    fn names(&self) -> impl Iterator<Item = &IdentityName> {
        std::iter::once(&self.name).chain(&self.vouched_by)
    }
}

fn is_same(one: &IdentityName, other: &IdentityName) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

#[cfg(test)]
mod tests {
    use onshore_types::IdentityName;

    use super::Person;

    fn named(text: &str) -> IdentityName {
        IdentityName::parse(text).expect("a name")
    }

    fn person(name: &str, vouched_by: &[&str]) -> Person {
        Person {
            name: named(name),
            vouched_by: vouched_by.iter().copied().map(named).collect(),
        }
    }

    #[test]
    fn nobody_is_apart_from_himself_or_from_whom_he_made() {
        let (ada, bo) = (person("ada", &[]), person("bo", &[]));
        assert!(ada.is_apart_from(&bo) && bo.is_apart_from(&ada));
        for same in [
            person("ada", &[]),
            person("ADA", &[]),
            person("ada", &["zoe"]),
            person("puppet", &["ada"]),
            person("puppet", &["other", "Ada"]),
        ] {
            assert!(!ada.is_apart_from(&same), "{same:?}");
            assert!(!same.is_apart_from(&ada), "{same:?}");
        }
        let (one, two) = (person("one", &["cy"]), person("two", &["CY"]));
        assert!(!one.is_apart_from(&two), "both are of one maker");
        assert!(ada.is_called(&named("Ada")) && !ada.is_called(&named("ad")));
    }
}
