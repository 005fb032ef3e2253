//! The conditions of a request, evaluated in the order of RFC 9110, section 13.2.2, and only after a permit: that one
//! holds or not tells of the object.

use onshore_store::{ObjectHead, WriteCondition};
use onshore_types::Timestamp;
use s3s::dto::TimestampFormat;

use crate::call::Call;
use crate::error::precondition_failed;
use crate::fault::{Code, Fault};

/// The conditions of a read, or of the source of a copy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    if_match: Option<Etags>,
    if_none_match: Option<Etags>,
    if_modified_since: Option<Timestamp>,
    if_unmodified_since: Option<Timestamp>,
}

/// What the conditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Holds,
    NotModified,
    Failed(&'static str),
}

/// A list of entity tags, without quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Etags {
    Any,
    These(Vec<String>),
}

impl Conditions {
    /// Reads the conditions of a read.
    pub(crate) fn of_read(call: &Call) -> Self {
        Self::of_headers(
            call,
            [
                "if-match",
                "if-none-match",
                "if-modified-since",
                "if-unmodified-since",
            ],
        )
    }

    /// Reads the conditions on the source of a copy.
    pub(crate) fn of_copy_source(call: &Call) -> Self {
        Self::of_headers(
            call,
            [
                "x-amz-copy-source-if-match",
                "x-amz-copy-source-if-none-match",
                "x-amz-copy-source-if-modified-since",
                "x-amz-copy-source-if-unmodified-since",
            ],
        )
    }

    fn of_headers(call: &Call, [if_match, if_none_match, since, not_since]: [&str; 4]) -> Self {
        Self {
            if_match: call.header(if_match).map(Etags::parse),
            if_none_match: call.header(if_none_match).map(Etags::parse),
            if_modified_since: call.header(since).and_then(parse_date),
            if_unmodified_since: call.header(not_since).and_then(parse_date),
        }
    }

    /// Whether there is any.
    pub(crate) fn is_none(&self) -> bool {
        self.if_match.is_none()
            && self.if_none_match.is_none()
            && self.if_modified_since.is_none()
            && self.if_unmodified_since.is_none()
    }

    /// Holds them against an object.
    pub(crate) fn evaluate(&self, head: &ObjectHead) -> Outcome {
        let modified = head.modified.as_seconds();
        match (&self.if_match, self.if_unmodified_since) {
            (Some(etags), _) if !etags.hold(&head.etag) => return Outcome::Failed("If-Match"),
            (None, Some(since)) if modified > since.as_seconds() => {
                return Outcome::Failed("If-Unmodified-Since");
            }
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since) {
            (Some(etags), _) if etags.hold(&head.etag) => Outcome::NotModified,
            (None, Some(since)) if modified <= since.as_seconds() => Outcome::NotModified,
            _ => Outcome::Holds,
        }
    }

    /// Holds those of a copy against its source: what would be "not modified" fails too.
    pub(crate) fn check_copy_source(&self, head: &ObjectHead) -> Result<(), Fault> {
        match self.evaluate(head) {
            Outcome::Holds => Ok(()),
            Outcome::NotModified => Err(precondition_failed("x-amz-copy-source-if-none-match")),
            Outcome::Failed(name) => Err(precondition_failed(name)),
        }
    }
}

/// Whether a range may be taken of the object as it is: `If-Range`.
pub(crate) fn range_counts(call: &Call, head: &ObjectHead) -> bool {
    let Some(text) = call.header("if-range") else {
        return true;
    };
    match parse_date(text) {
        Some(date) => date.as_seconds() == head.modified.as_seconds(),
        None => !text.starts_with("W/") && Etags::parse(text).hold(&head.etag),
    }
}

/// Reads the condition of a write.
pub(crate) fn of_write(call: &Call) -> Result<WriteCondition, Fault> {
    match (call.header("if-match"), call.header("if-none-match")) {
        (None, None) => Ok(WriteCondition::Always),
        (None, Some(text)) if text.trim() == "*" => Ok(WriteCondition::Absent),
        (Some(text), None) => Ok(match Etags::parse(text) {
            Etags::Any => WriteCondition::Present,
            Etags::These(etags) => WriteCondition::Matches(etags),
        }),
        (_, Some(_)) => Err(Fault::new(
            Code::NotImplemented,
            "A conditional write takes If-None-Match: * or If-Match with an ETag, not both and nothing else.",
        )),
    }
}

impl Etags {
    fn parse(text: &str) -> Self {
        if text.trim() == "*" {
            return Self::Any;
        }
        Self::These(
            text.split(',')
                .map(|etag| {
                    let etag = etag.trim();
                    etag.strip_prefix("W/")
                        .unwrap_or(etag)
                        .trim_matches('"')
                        .to_owned()
                })
                .collect(),
        )
    }

    fn hold(&self, etag: &str) -> bool {
        match self {
            Self::Any => true,
            Self::These(etags) => etags.iter().any(|known| known == etag),
        }
    }
}

/// Reads a date; one that cannot be read is no condition, as RFC 9110 has it.
fn parse_date(text: &str) -> Option<Timestamp> {
    let time = s3s::dto::Timestamp::parse(TimestampFormat::HttpDate, text.trim())
        .or_else(|_| s3s::dto::Timestamp::parse(TimestampFormat::DateTime, text.trim()))
        .ok()?;
    timestamp(&time)
}

/// Reads an instant of a document.
pub(crate) fn timestamp(time: &s3s::dto::Timestamp) -> Option<Timestamp> {
    let mut written = Vec::new();
    time.format(TimestampFormat::DateTime, &mut written).ok()?;
    String::from_utf8(written).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{Conditions, Etags, Outcome, parse_date};
    use onshore_store::{ContentHeaders, ObjectHead};
    use onshore_types::{BucketId, Label, ObjectKey, Timestamp, VersionId};
    use std::collections::BTreeMap;

    fn head() -> ObjectHead {
        ObjectHead {
            bucket: BucketId::from_bytes([1; 16]),
            key: ObjectKey::parse("k").expect("a key"),
            version: VersionId::from_bytes([2; 16]),
            size_bytes: 3,
            etag: "e1".to_owned(),
            sha256: None,
            label: Label::GENERAL,
            declared: None,
            content: ContentHeaders::default(),
            user_metadata: BTreeMap::new(),
            checksums: Vec::new(),
            parts: Vec::new(),
            tags: onshore_store::Tags::new(),
            modified: time("2026-05-05T12:00:00.700Z"),
            original: None,
            naming: onshore_store::Naming::Null,
            versioning: onshore_store::Versioning::Off,
            lock: onshore_store::Lock::default(),
            scan: None,
            upload: None,
            replication: None,
            encryption: onshore_store::Encryption::Service,
        }
    }

    fn time(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[test]
    fn the_order_is_that_of_the_rfc() {
        let same = Some(Etags::parse("\"e0\", W/\"e1\""));
        let other = Some(Etags::parse("\"e2\""));
        let (before, after) = (
            Some(time("2026-05-05T11:59:59Z")),
            Some(time("2026-05-05T12:00:01Z")),
        );
        let at = Some(time("2026-05-05T12:00:00Z"));
        let evaluate = |m: &Option<Etags>, n: &Option<Etags>, since, not_since| {
            Conditions {
                if_match: m.clone(),
                if_none_match: n.clone(),
                if_modified_since: since,
                if_unmodified_since: not_since,
            }
            .evaluate(&head())
        };
        assert_eq!(
            evaluate(&same, &None, None, before),
            Outcome::Holds,
            "If-Match wins"
        );
        assert_eq!(
            evaluate(&other, &None, None, after),
            Outcome::Failed("If-Match")
        );
        assert_eq!(
            evaluate(&None, &None, None, before),
            Outcome::Failed("If-Unmodified-Since")
        );
        assert_eq!(evaluate(&None, &None, None, at), Outcome::Holds);
        assert_eq!(
            evaluate(&None, &same, before, None),
            Outcome::NotModified,
            "If-None-Match wins"
        );
        assert_eq!(evaluate(&None, &other, after, None), Outcome::Holds);
        assert_eq!(evaluate(&None, &None, at, None), Outcome::NotModified);
        assert_eq!(evaluate(&None, &None, before, None), Outcome::Holds);
        assert_eq!(
            evaluate(&other, &same, None, None),
            Outcome::Failed("If-Match"),
            "412 before 304"
        );
        assert_eq!(
            evaluate(&Some(Etags::Any), &None, None, None),
            Outcome::Holds
        );
        assert_eq!(
            evaluate(&None, &Some(Etags::Any), None, None),
            Outcome::NotModified
        );
    }

    #[test]
    fn dates_are_read_and_nonsense_is_no_condition() {
        assert_eq!(
            parse_date("Tue, 05 May 2026 12:00:00 GMT"),
            Some(time("2026-05-05T12:00:00Z"))
        );
        assert_eq!(
            parse_date("2026-05-05T12:00:00Z"),
            Some(time("2026-05-05T12:00:00Z"))
        );
        assert_eq!(parse_date("yesterday"), None);
        assert_eq!(
            Etags::parse("e1"),
            Etags::These(vec!["e1".to_owned()]),
            "bare, as some clients send it"
        );
    }
}
