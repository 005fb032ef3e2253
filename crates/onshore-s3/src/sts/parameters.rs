//! The parameters of a request of STS, each read once and strictly.

use std::collections::BTreeMap;

use onshore_policy::iam::{Key, SESSION_POLICY_MAX_BYTES, Values};
use onshore_types::IdentityName;

use crate::guard::query::Query;
use crate::sts::answer::StsFault;

/// The most tags of a session.
const TAGS_MAX: usize = 50;
const TAG_KEY_MAX: usize = 128;
const TAG_VALUE_MAX: usize = 256;

/// The parameters.
#[derive(Debug)]
pub(crate) struct Parameters(Query);

/// The tags that a session is to have.
#[derive(Debug, Default)]
pub(crate) struct SessionTags {
    pub(crate) tags: BTreeMap<String, String>,
    /// Which of them go on to a role that is taken with the session.
    pub(crate) transitive: Vec<String>,
}

impl Parameters {
    /// Reads a form.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, StsFault> {
        let text =
            std::str::from_utf8(body).map_err(|_| StsFault::validation("the form is not UTF-8"))?;
        Ok(Self(Query::parse(Some(text))?))
    }

    /// Returns a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).filter(|value| !value.is_empty())
    }

    /// Returns a parameter that must be there.
    pub(crate) fn require(&self, name: &str) -> Result<&str, StsFault> {
        self.get(name)
            .ok_or_else(|| StsFault::validation(&format!("{name} is missing")))
    }

    /// Refuses parameters that ask for what is not there.
    pub(crate) fn refuse(&self, names: &[&str]) -> Result<(), StsFault> {
        let found = self.0.names().find(|name| {
            names
                .iter()
                .any(|refused| *name == *refused || name.starts_with(&format!("{refused}.")))
        });
        match found {
            None => Ok(()),
            Some(name) => Err(StsFault::validation(&format!(
                "{name} is not implemented by this service"
            ))),
        }
    }

    /// Returns the name of a session.
    pub(crate) fn session_name(&self) -> Result<IdentityName, StsFault> {
        self.refuse(&[
            "PolicyArns",
            "SerialNumber",
            "TokenCode",
            "SourceIdentity",
            "ProvidedContexts",
        ])?;
        let name = self.require("RoleSessionName")?;
        let name = IdentityName::parse(name).map_err(|_| name_rule())?;
        if name.as_str().len() < 2 {
            return Err(name_rule());
        }
        Ok(name)
    }

    /// Returns how long a session is to last.
    pub(crate) fn duration_s(&self, min: u32, max: u32, default: u32) -> Result<u32, StsFault> {
        let Some(text) = self.get("DurationSeconds") else {
            return Ok(default);
        };
        text.parse()
            .ok()
            .filter(|seconds| (min..=max).contains(seconds))
            .ok_or_else(|| {
                StsFault::validation(&format!("DurationSeconds is a number from {min} to {max}"))
            })
    }

    /// Returns the policy that a session is confined to.
    pub(crate) fn policy(&self) -> Result<Option<&str>, StsFault> {
        match self.get("Policy") {
            Some(policy) if policy.len() > SESSION_POLICY_MAX_BYTES => Err(StsFault::validation(
                &format!("Policy has at most {SESSION_POLICY_MAX_BYTES} bytes"),
            )),
            policy => Ok(policy),
        }
    }

    /// Returns the tags that a session is to have.
    pub(crate) fn tags(&self) -> Result<SessionTags, StsFault> {
        let mut tags: BTreeMap<String, String> = BTreeMap::new();
        for number in 1..=TAGS_MAX + 1 {
            let Some(key) = self.get(&format!("Tags.member.{number}.Key")) else {
                break;
            };
            let value = self
                .0
                .get(&format!("Tags.member.{number}.Value"))
                .unwrap_or_default();
            let known = tags
                .keys()
                .any(|known| known.to_lowercase() == key.to_lowercase());
            if known || number > TAGS_MAX || key.len() > TAG_KEY_MAX || value.len() > TAG_VALUE_MAX
            {
                return Err(StsFault::validation(&format!(
                    "a session has at most {TAGS_MAX} tags, whose keys differ by more than letter case and have at most {TAG_KEY_MAX} bytes, and their values {TAG_VALUE_MAX}"
                )));
            }
            tags.insert(key.to_owned(), value.to_owned());
        }
        let given = self
            .0
            .names()
            .filter(|name| name.starts_with("Tags.member.") && name.ends_with(".Key"))
            .count();
        if given != tags.len() {
            return Err(StsFault::validation(
                "Tags are numbered from 1 without a gap",
            ));
        }
        let transitive: Vec<String> = (1..=TAGS_MAX)
            .map_while(|number| self.get(&format!("TransitiveTagKeys.member.{number}")))
            .map(str::to_owned)
            .collect();
        if let Some(key) = transitive.iter().find(|key| !tags.contains_key(*key)) {
            return Err(StsFault::validation(&format!(
                "the transitive tag key `{key}` is none of the session's tags"
            )));
        }
        Ok(SessionTags { tags, transitive })
    }
}

impl SessionTags {
    /// Returns what a condition key says of the tags.
    pub(crate) fn value(&self, key: &Key) -> Option<Values> {
        let many = |list: Vec<String>| (!list.is_empty()).then_some(Values::Many(list));
        match key.parts() {
            ("aws:requesttag", Some(name)) => self
                .tags
                .iter()
                .find(|(known, _)| known.to_lowercase() == name)
                .map(|(_, value)| Values::One(value.clone())),
            ("aws:tagkeys", None) => many(self.tags.keys().cloned().collect()),
            ("sts:transitivetagkeys", None) => many(self.transitive.clone()),
            _ => None,
        }
    }
}

fn name_rule() -> StsFault {
    StsFault::validation("RoleSessionName has 2 to 64 letters, digits and any of _+=,.@-")
}

#[cfg(test)]
mod tests {
    use super::Parameters;

    #[test]
    fn tags_are_read_one_by_one_and_none_is_lost() {
        let of = |body: &str| Parameters::parse(body.as_bytes()).and_then(|read| read.tags());
        let tags = of("Tags.member.1.Key=team&Tags.member.1.Value=red&Tags.member.2.Key=a&TransitiveTagKeys.member.1=team")
            .expect("tags");
        assert_eq!(tags.tags["team"], "red");
        assert_eq!(tags.tags["a"], "");
        assert_eq!(tags.transitive, ["team"]);
        for bad in [
            "Tags.member.2.Key=a",
            "Tags.member.1.Key=a&Tags.member.2.Key=A",
            "Tags.member.1.Key=a&Tags.member.3.Key=b",
            "TransitiveTagKeys.member.1=a",
            "Tags.member.1.Key=a&Tags.member.1.Key=b",
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn durations_and_names_have_their_limits() {
        let read = |body: &str| Parameters::parse(body.as_bytes()).expect("a form");
        let of =
            |text: &str| read(&format!("DurationSeconds={text}")).duration_s(900, 43_200, 3600);
        assert_eq!(of("900").ok(), Some(900));
        assert_eq!(of("43200").ok(), Some(43_200));
        assert_eq!(read("A=b").duration_s(900, 43_200, 3600).ok(), Some(3600));
        for bad in ["899", "43201", "-1", "ten", "1e3"] {
            assert!(of(bad).is_err(), "{bad}");
        }
        let name = |text: &str| read(&format!("RoleSessionName={text}")).session_name();
        assert!(name("job-1@host").is_ok());
        for bad in ["", "a", "a/b", "a b", &"a".repeat(65)] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert!(
            read("RoleSessionName=job&PolicyArns.member.1.arn=x")
                .session_name()
                .is_err()
        );
    }
}
