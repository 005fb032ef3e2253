//! The lifecycle of a bucket: which of its objects, versions, delete markers and uploads go when. This file says what a
//! rule means; who carries it out asks here.
//!
//! The rules are those of the S3 user guide, "Managing the lifecycle of objects"; times are counted as there: so many
//! days after the object was written, rounded up to the next midnight UTC.

use onshore_types::{ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::object::Tags;

/// How long a day is, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The lifecycle of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lifecycle {
    /// Its rules.
    pub rules: Vec<LifecycleRule>,
}

/// A rule of a lifecycle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifecycleRule {
    /// Its name.
    pub id: String,
    /// Whether it counts.
    pub status: RuleStatus,
    /// What it is about.
    pub scope: RuleScope,
    /// When objects expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration: Option<Expiration>,
    /// When versions that are not current go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noncurrent: Option<Noncurrent>,
    /// So many days after it was begun, an upload that was not completed is aborted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort_uploads_days: Option<u32>,
}

/// Whether a rule counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleStatus {
    /// It does.
    Enabled,
    /// It is kept for later.
    Disabled,
}

/// What a rule is about, as it was written: clients get it back in the same shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleScope {
    /// Keys with this prefix, in the old way of writing it.
    Prefix(String),
    /// What one condition, or none, names.
    One(Filter),
    /// What several conditions name together.
    And(Filter),
}

/// Conditions, all of which must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// The key begins with this.
    pub prefix: Option<String>,
    /// It has these tags.
    pub tags: Vec<(String, String)>,
    /// It is larger than so many bytes.
    pub larger_than: Option<u64>,
    /// It is smaller than so many bytes.
    pub smaller_than: Option<u64>,
}

/// When objects expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expiration {
    /// So many days after they were written.
    Days(u32),
    /// On this day.
    Date(Timestamp),
    /// Not the objects: delete markers that hide nothing any more are removed.
    Markers,
    /// Nothing, said expressly.
    NoMarkers,
}

/// When versions that are not current go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Noncurrent {
    /// So many days after another took their place.
    pub days: u32,
    /// So many of the newest of them stay nonetheless.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
}

/// What rules are held against.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The key.
    pub key: &'a ObjectKey,
    /// The tags.
    pub tags: &'a Tags,
    /// The size.
    pub size_bytes: u64,
}

impl Lifecycle {
    /// Returns when an object that was written then expires, and by which rule; the earliest counts.
    #[must_use]
    pub fn expiry(
        &self,
        candidate: Candidate<'_>,
        modified: Timestamp,
    ) -> Option<(Timestamp, &str)> {
        self.rules
            .iter()
            .filter(|rule| rule.covers(candidate))
            .filter_map(|rule| Some((rule.expiration?.at(modified)?, rule.id.as_str())))
            .min_by_key(|(at, _)| *at)
    }

    /// Returns when an upload of a key that was begun then is aborted, and by which rule; the earliest counts.
    #[must_use]
    pub fn abortion(&self, key: &ObjectKey, begun: Timestamp) -> Option<(Timestamp, &str)> {
        self.rules
            .iter()
            .filter(|rule| rule.status == RuleStatus::Enabled && rule.scope.has_prefix_of(key))
            .filter_map(|rule| Some((after(begun, rule.abort_uploads_days?), rule.id.as_str())))
            .min_by_key(|(at, _)| *at)
    }
}

impl LifecycleRule {
    /// Whether it counts for this.
    #[must_use]
    pub fn covers(&self, candidate: Candidate<'_>) -> bool {
        self.status == RuleStatus::Enabled
            && self.scope.has_prefix_of(candidate.key)
            && match &self.scope {
                RuleScope::Prefix(_) => true,
                RuleScope::One(filter) | RuleScope::And(filter) => filter.fits(candidate),
            }
    }
}

impl RuleScope {
    fn has_prefix_of(&self, key: &ObjectKey) -> bool {
        let prefix = match self {
            Self::Prefix(prefix) => Some(prefix.as_str()),
            Self::One(filter) | Self::And(filter) => filter.prefix.as_deref(),
        };
        prefix.is_none_or(|prefix| key.as_str().starts_with(prefix))
    }
}

impl Filter {
    fn fits(&self, candidate: Candidate<'_>) -> bool {
        self.tags
            .iter()
            .all(|(key, value)| candidate.tags.get(key) == Some(value))
            && self
                .larger_than
                .is_none_or(|size| candidate.size_bytes > size)
            && self
                .smaller_than
                .is_none_or(|size| candidate.size_bytes < size)
    }
}

impl Expiration {
    /// Returns when an object that was written then expires.
    #[must_use]
    pub fn at(self, modified: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Days(days) => Some(after(modified, days)),
            Self::Date(date) => Some(date),
            Self::Markers | Self::NoMarkers => None,
        }
    }
}

/// Returns the first midnight at least so many days later.
#[must_use]
pub(crate) fn after(start: Timestamp, days: u32) -> Timestamp {
    let due = start
        .as_millis()
        .saturating_add(i64::from(days).saturating_mul(DAY_MS));
    let over = due.rem_euclid(DAY_MS);
    Timestamp::from_millis(if over == 0 {
        due
    } else {
        due.saturating_add(DAY_MS - over)
    })
}

#[cfg(test)]
mod tests {
    use super::{
        Candidate, Expiration, Filter, Lifecycle, LifecycleRule, RuleScope, RuleStatus, after,
    };
    use crate::object::Tags;
    use onshore_types::{ObjectKey, Timestamp};

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn rule(id: &str, scope: RuleScope, expiration: Expiration) -> LifecycleRule {
        LifecycleRule {
            id: id.to_owned(),
            status: RuleStatus::Enabled,
            scope,
            expiration: Some(expiration),
            noncurrent: None,
            abort_uploads_days: Some(1),
        }
    }

    #[test]
    fn days_end_at_the_next_midnight() {
        for (start, days, end) in [
            ("2026-11-22T10:30:00Z", 3, "2026-11-26T00:00:00Z"),
            ("2026-11-22T00:00:00Z", 1, "2026-11-23T00:00:00Z"),
            ("2026-11-22T00:00:00.001Z", 1, "2026-11-24T00:00:00Z"),
        ] {
            assert_eq!(after(time(start), days), time(end), "{start}");
        }
    }

    #[test]
    fn the_earliest_rule_that_covers_an_object_counts() {
        let tagged = Filter {
            tags: vec![("k".to_owned(), "v".to_owned())],
            larger_than: Some(10),
            smaller_than: Some(20),
            ..Filter::default()
        };
        let lifecycle = Lifecycle {
            rules: vec![
                rule(
                    "late",
                    RuleScope::Prefix("a/".to_owned()),
                    Expiration::Days(9),
                ),
                rule("soon", RuleScope::And(tagged), Expiration::Days(1)),
                LifecycleRule {
                    status: RuleStatus::Disabled,
                    ..rule("off", RuleScope::Prefix(String::new()), Expiration::Days(0))
                },
            ],
        };
        let written = time("2026-11-22T12:00:00Z");
        let with = Tags::from([("k".to_owned(), "v".to_owned())]);
        let expiry = |key: &str, tags: &Tags, size_bytes| {
            let key = ObjectKey::parse(key).expect("a key");
            let candidate = Candidate {
                key: &key,
                tags,
                size_bytes,
            };
            lifecycle
                .expiry(candidate, written)
                .map(|(_, id)| id.to_owned())
        };
        assert_eq!(expiry("a/1", &with, 15).as_deref(), Some("soon"));
        assert_eq!(expiry("b", &with, 15).as_deref(), Some("soon"));
        for size_bytes in [10, 20] {
            assert_eq!(expiry("a/1", &with, size_bytes).as_deref(), Some("late"));
            assert_eq!(expiry("b", &with, size_bytes), None);
        }
        assert_eq!(expiry("a/1", &Tags::new(), 15).as_deref(), Some("late"));
        let key = ObjectKey::parse("a/up").expect("a key");
        let abortion = lifecycle.abortion(&key, written).expect("aborted");
        assert_eq!(abortion.0, time("2026-11-24T00:00:00Z"));
    }
}
