//! What Cedar has no words for: a predicate of one key or of the resource, made when the question is asked. Its answer is an
//! attribute of the context like every other.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::Value;

use super::cedar;
use super::condition::{date, number};
use super::keys::{Key, Values};
use super::pattern::Pattern;
use super::question::Reading;

/// Over which of several values a condition goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantifier {
    /// Every value of the question is as one of the policy's.
    All,
    /// One is.
    Any,
}

/// A predicate of a key.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    pub(crate) key: Key,
    /// None: of the one value that the key has.
    pub(crate) quantifier: Option<Quantifier>,
    /// Whether a value is to be as none of the policy's.
    pub(crate) negated: bool,
    pub(crate) test: Test,
}

/// What is asked of one value.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Like {
        patterns: Vec<Pattern>,
        folded: bool,
    },
    Arn(Vec<[Pattern; 6]>),
    Truth(Vec<bool>),
    Number(&'static str, Vec<i64>),
    Date(&'static str, Vec<i64>),
    Network(Vec<IpNet>),
}

/// What a policy asks to be filled in: the keys it reads, and how; what must be observed.
#[derive(Debug, Default)]
pub(crate) struct Observations {
    pub(crate) needs: BTreeSet<(Key, Reading)>,
    pub(crate) observed: Vec<Observation>,
    /// Patterns of resources.
    pub(crate) resources: Vec<Pattern>,
}

impl Observations {
    /// Notes that a key is read, and returns the attribute that has its value.
    pub(crate) fn need(&mut self, key: &Key, reading: Reading) -> String {
        self.needs.insert((key.clone(), reading));
        reading.attribute(key)
    }

    /// Notes a predicate, and returns its attribute.
    pub(crate) fn observe(&mut self, observation: Observation) -> Value {
        let name = name_of(self.observed.len());
        self.observed.push(observation);
        cedar::attribute(&name)
    }

    /// Notes a pattern of resources, and returns its attribute.
    pub(crate) fn observe_resource(&mut self, pattern: Pattern) -> Value {
        let name = name_of_resource(self.resources.len());
        self.resources.push(pattern);
        cedar::attribute(&name)
    }

    /// Returns every key whose value is asked for.
    pub(crate) fn keys(&self) -> BTreeSet<Key> {
        let patterns_of = |test: &Test| -> Vec<Pattern> {
            match test {
                Test::Like { patterns, .. } => patterns.clone(),
                Test::Arn(arns) => arns.iter().flatten().cloned().collect(),
                Test::Truth(_) | Test::Number(..) | Test::Date(..) | Test::Network(_) => Vec::new(),
            }
        };
        let mut keys: BTreeSet<Key> = self.needs.iter().map(|(key, _)| key.clone()).collect();
        for observation in &self.observed {
            keys.insert(observation.key.clone());
            for pattern in patterns_of(&observation.test) {
                keys.extend(pattern.variables().cloned());
            }
        }
        for pattern in &self.resources {
            keys.extend(pattern.variables().cloned());
        }
        keys
    }
}

/// Returns the attribute of a predicate.
pub(crate) fn name_of(number: usize) -> String {
    format!("observed {number}")
}

/// Returns the attribute of a pattern of resources.
pub(crate) fn name_of_resource(number: usize) -> String {
    format!("resource {number}")
}

impl Observation {
    /// Says whether it holds. Of a key without values only `ForAllValues` does.
    pub(crate) fn holds<'v>(
        &self,
        values: Option<&'v Values>,
        value_of: &impl Fn(&Key) -> Option<&'v str>,
    ) -> bool {
        let all = values.map_or(&[][..], Values::all);
        let fits = |value: &String| self.test.holds(value, value_of) != self.negated;
        match self.quantifier {
            None => values
                .and_then(Values::one)
                .is_some_and(|value| self.test.holds(value, value_of)),
            Some(Quantifier::All) => all.iter().all(fits),
            Some(Quantifier::Any) => all.iter().any(fits),
        }
    }
}

impl Test {
    fn holds<'v>(&self, value: &str, value_of: &impl Fn(&Key) -> Option<&'v str>) -> bool {
        match self {
            Self::Like { patterns, folded } => patterns
                .iter()
                .any(|pattern| pattern.matches(value, value_of, *folded)),
            Self::Arn(arns) => {
                let sections: Vec<&str> = value.splitn(6, ':').collect();
                sections.len() == 6
                    && arns.iter().any(|wanted| {
                        wanted
                            .iter()
                            .zip(&sections)
                            .all(|(pattern, section)| pattern.matches(section, value_of, false))
                    })
            }
            Self::Truth(truths) => truths
                .iter()
                .any(|truth| value.eq_ignore_ascii_case(&truth.to_string())),
            Self::Number(sign, numbers) => {
                number(value).is_some_and(|value| compares(sign, value, numbers))
            }
            Self::Date(sign, dates) => {
                date(value).is_some_and(|value| compares(sign, value, dates))
            }
            Self::Network(networks) => value.parse::<IpAddr>().is_ok_and(|address| {
                let address = address.to_canonical();
                networks.iter().any(|network| network.contains(&address))
            }),
        }
    }
}

fn compares(sign: &str, value: i64, with: &[i64]) -> bool {
    with.iter().any(|other| {
        let order = value.cmp(other);
        match sign {
            "<" => order == Ordering::Less,
            "<=" => order != Ordering::Greater,
            ">" => order == Ordering::Greater,
            ">=" => order != Ordering::Less,
            _ => order == Ordering::Equal,
        }
    })
}
