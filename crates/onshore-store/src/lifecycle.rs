//! The lifecycle of a bucket: which of its objects, versions, delete markers and uploads go when. This file says what a
//! rule means; who carries it out asks here.
//!
//! The rules are those of the S3 user guide, "Managing the lifecycle of objects"; times are counted as there: so many
//! days after the object was written, rounded up to the next midnight UTC. How long a day is comes as a value: tests of
//! clients shorten it, everybody else has [`DayLength::CIVIL`].

use std::num::NonZeroU32;

use onshore_types::{ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::object::Tags;

/// How long a day of a lifecycle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayLength {
    millis: i64,
}

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

/// How a version stopped being the newest of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded {
    /// When the next one took its place.
    pub at: Timestamp,
    /// How many versions of its key that are not current either are newer than it.
    pub newer: u32,
}

impl DayLength {
    /// The day of the calendar: 24 hours.
    pub const CIVIL: Self = Self {
        millis: 24 * 60 * 60 * 1000,
    };

    /// Makes a day of so many seconds.
    #[must_use]
    pub fn of_seconds(seconds: NonZeroU32) -> Self {
        Self {
            millis: i64::from(seconds.get()) * 1000,
        }
    }

    /// Returns its length.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.millis
    }

    /// Returns the first midnight at least so many days later.
    fn after(self, start: Timestamp, days: u32) -> Timestamp {
        let due = start
            .as_millis()
            .saturating_add(i64::from(days).saturating_mul(self.millis));
        let over = due.rem_euclid(self.millis);
        Timestamp::from_millis(if over == 0 {
            due
        } else {
            due.saturating_add(self.millis - over)
        })
    }
}

/// A lifecycle as it is kept. Every look at a bucket brings it along; it is read only where somebody asks what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifecycleDocument(String);

impl LifecycleDocument {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`Error::CorruptRecord`].
    pub fn read(&self) -> Result<Lifecycle, Error> {
        serde_json::from_str(&self.0).map_err(|_| Error::CorruptRecord("a lifecycle"))
    }
}

impl Lifecycle {
    /// Returns when an object that was written then expires, and by which rule; the earliest counts.
    #[must_use]
    pub fn expiry(
        &self,
        candidate: Candidate<'_>,
        modified: Timestamp,
        day: DayLength,
    ) -> Option<(Timestamp, &str)> {
        self.earliest(candidate, |rule| rule.expiration?.at(modified, day))
    }

    /// Returns when a version that is not current goes, and by which rule; the earliest counts.
    #[must_use]
    pub fn departure(
        &self,
        candidate: Candidate<'_>,
        superseded: Superseded,
        day: DayLength,
    ) -> Option<(Timestamp, &str)> {
        self.earliest(candidate, |rule| rule.noncurrent?.at(superseded, day))
    }

    /// Returns when a delete marker that is the only version of its key goes, and by which rule; the earliest counts.
    #[must_use]
    pub fn clearance(
        &self,
        key: &ObjectKey,
        marked: Timestamp,
        day: DayLength,
    ) -> Option<(Timestamp, &str)> {
        let candidate = Candidate {
            key,
            tags: &Tags::new(),
            size_bytes: 0,
        };
        self.earliest(candidate, |rule| {
            rule.expiration?.of_lone_marker(marked, day)
        })
    }

    /// Returns when an upload of a key that was begun then is aborted, and by which rule; the earliest counts.
    #[must_use]
    pub fn abortion(
        &self,
        key: &ObjectKey,
        begun: Timestamp,
        day: DayLength,
    ) -> Option<(Timestamp, &str)> {
        self.rules
            .iter()
            .filter(|rule| rule.status == RuleStatus::Enabled && rule.scope.has_prefix_of(key))
            .filter_map(|rule| {
                let at = day.after(begun, rule.abort_uploads_days?);
                Some((at, rule.id.as_str()))
            })
            .min_by_key(|(at, _)| *at)
    }

    /// Whether any rule that counts speaks of versions.
    pub(crate) fn speaks_of_versions(&self) -> bool {
        self.rules.iter().any(|rule| {
            rule.status == RuleStatus::Enabled
                && (rule.expiration.is_some() || rule.noncurrent.is_some())
        })
    }

    /// Whether any rule that counts speaks of uploads.
    pub(crate) fn speaks_of_uploads(&self) -> bool {
        self.rules
            .iter()
            .any(|rule| rule.status == RuleStatus::Enabled && rule.abort_uploads_days.is_some())
    }

    /// Whether it takes the tags of this key's versions to know which rules are about them.
    pub(crate) fn asks_for_tags(&self, key: &ObjectKey) -> bool {
        self.rules.iter().any(|rule| {
            rule.status == RuleStatus::Enabled
                && rule.scope.has_prefix_of(key)
                && rule.scope.names_tags()
        })
    }

    /// Returns how many of the newest versions that are not current any rule keeps at most.
    pub(crate) fn kept_max(&self) -> u32 {
        self.rules
            .iter()
            .filter_map(|rule| rule.noncurrent?.keep)
            .max()
            .unwrap_or_default()
    }

    fn earliest(
        &self,
        candidate: Candidate<'_>,
        at: impl Fn(&LifecycleRule) -> Option<Timestamp>,
    ) -> Option<(Timestamp, &str)> {
        self.rules
            .iter()
            .filter(|rule| rule.covers(candidate))
            .filter_map(|rule| Some((at(rule)?, rule.id.as_str())))
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

    fn names_tags(&self) -> bool {
        match self {
            Self::Prefix(_) => false,
            Self::One(filter) | Self::And(filter) => !filter.tags.is_empty(),
        }
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
    fn at(self, modified: Timestamp, day: DayLength) -> Option<Timestamp> {
        match self {
            Self::Days(days) => Some(day.after(modified, days)),
            Self::Date(date) => Some(date),
            Self::Markers | Self::NoMarkers => None,
        }
    }

    /// Returns when a delete marker that hides nothing any more and was set then goes. What expires objects clears such
    /// markers too, as on S3.
    fn of_lone_marker(self, marked: Timestamp, day: DayLength) -> Option<Timestamp> {
        match self {
            Self::Days(days) => Some(day.after(marked, days)),
            Self::Date(date) => Some(date),
            Self::Markers => Some(marked),
            Self::NoMarkers => None,
        }
    }
}

impl Noncurrent {
    /// Returns when a version that stopped being current so goes.
    fn at(self, superseded: Superseded, day: DayLength) -> Option<Timestamp> {
        match self.keep {
            Some(keep) if superseded.newer < keep => None,
            Some(_) | None => Some(day.after(superseded.at, self.days)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Candidate, DayLength, Expiration, Filter, Lifecycle, LifecycleRule, Noncurrent, RuleScope,
        RuleStatus, Superseded,
    };
    use crate::object::Tags;
    use std::num::NonZeroU32;

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
            let after = DayLength::CIVIL.after(time(start), days);
            assert_eq!(after, time(end), "{start}");
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
                .expiry(candidate, written, DayLength::CIVIL)
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
        let abortion = lifecycle
            .abortion(&key, written, DayLength::CIVIL)
            .expect("aborted");
        assert_eq!(abortion.0, time("2026-11-24T00:00:00Z"));
    }

    #[test]
    fn a_short_day_has_midnights_of_its_own() {
        let day = DayLength::of_seconds(NonZeroU32::new(10).expect("not zero"));
        for (start, days, end) in [(0, 1, 10_000), (1, 1, 20_000), (9_999, 2, 30_000)] {
            let after = day.after(Timestamp::from_millis(start), days);
            assert_eq!(after, Timestamp::from_millis(end), "{start}");
        }
    }

    #[test]
    fn the_newest_that_are_not_current_are_kept_by_the_rule_that_says_so_alone() {
        let noncurrent = |id: &str, days, keep| LifecycleRule {
            expiration: None,
            noncurrent: Some(Noncurrent { days, keep }),
            ..rule(id, RuleScope::Prefix(String::new()), Expiration::NoMarkers)
        };
        let lifecycle = Lifecycle {
            rules: vec![noncurrent("soon", 1, Some(2)), noncurrent("late", 5, None)],
        };
        let key = ObjectKey::parse("k").expect("a key");
        let tags = Tags::new();
        let candidate = Candidate {
            key: &key,
            tags: &tags,
            size_bytes: 1,
        };
        for (newer, id, end) in [
            (0, "late", "2026-11-27T00:00:00Z"),
            (1, "late", "2026-11-27T00:00:00Z"),
            (2, "soon", "2026-11-23T00:00:00Z"),
        ] {
            let superseded = Superseded {
                at: time("2026-11-22T00:00:00Z"),
                newer,
            };
            assert_eq!(
                lifecycle.departure(candidate, superseded, DayLength::CIVIL),
                Some((time(end), id)),
                "{newer}"
            );
        }
    }

    #[test]
    fn lone_markers_go_at_once_where_that_is_said_and_with_objects_otherwise() {
        let clearance = |expiration, scope| {
            let lifecycle = Lifecycle {
                rules: vec![rule("r", scope, expiration)],
            };
            let key = ObjectKey::parse("k").expect("a key");
            let marked = time("2026-11-22T12:00:00Z");
            let cleared = lifecycle.clearance(&key, marked, DayLength::CIVIL);
            cleared.map(|(at, _)| at)
        };
        let all = || RuleScope::Prefix(String::new());
        assert_eq!(
            clearance(Expiration::Markers, all()),
            Some(time("2026-11-22T12:00:00Z"))
        );
        assert_eq!(
            clearance(Expiration::Days(1), all()),
            Some(time("2026-11-24T00:00:00Z"))
        );
        let date = time("2026-12-01T00:00:00Z");
        assert_eq!(clearance(Expiration::Date(date), all()), Some(date));
        assert_eq!(clearance(Expiration::NoMarkers, all()), None);
        let tagged = Filter {
            tags: vec![("k".to_owned(), "v".to_owned())],
            ..Filter::default()
        };
        assert_eq!(
            clearance(Expiration::Days(1), RuleScope::One(tagged)),
            None,
            "a marker has no tags"
        );
    }
}
