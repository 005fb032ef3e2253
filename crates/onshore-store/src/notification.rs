//! Notifications: which events of a bucket are told to whom. What happened is noted in the outbox by the unit of work
//! that made it happen, so that neither is ever there without the other.
//!
//! Names of events are those of S3 (Amazon S3 User Guide, "Supported event types for SQS, SNS, and Lambda").

use onshore_db::View;
use onshore_types::{BucketId, ObjectKey};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::settings::{Setting, document};

/// What is told of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notifications {
    /// Which events are told to whom.
    pub rules: Vec<NotificationRule>,
}

/// Which events are told to one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotificationRule {
    /// Its id.
    pub id: String,
    /// As what the target was named: S3 has three kinds and means the same.
    pub kind: TargetKind,
    /// The whole name by which the target was given.
    pub arn: String,
    /// The name of the target in the server's configuration.
    pub target: String,
    /// The types of events: `s3:ObjectCreated:Put`, or a whole kind, `s3:ObjectCreated:*`.
    pub events: Vec<String>,
    /// What keys begin with.
    #[serde(default)]
    pub prefix: String,
    /// What keys end with.
    #[serde(default)]
    pub suffix: String,
}

/// As what a target is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// A queue.
    Queue,
    /// A topic.
    Topic,
    /// A function.
    Function,
}

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    Created,
    Removed,
    Marked,
    Tagged,
    Untagged,
}

/// Every type of event that S3 knows and that may be asked for. The first ten happen here; of the kinds and the others
/// some never do.
const EVENT_TYPES: [&str; 29] = [
    "s3:ObjectCreated:Put",
    "s3:ObjectCreated:Post",
    "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload",
    "s3:ObjectRemoved:Delete",
    "s3:ObjectRemoved:DeleteMarkerCreated",
    "s3:LifecycleExpiration:Delete",
    "s3:LifecycleExpiration:DeleteMarkerCreated",
    "s3:ObjectTagging:Put",
    "s3:ObjectTagging:Delete",
    "s3:ObjectCreated:*",
    "s3:ObjectRemoved:*",
    "s3:LifecycleExpiration:*",
    "s3:ObjectTagging:*",
    "s3:ObjectAcl:Put",
    "s3:ObjectRestore:*",
    "s3:ObjectRestore:Post",
    "s3:ObjectRestore:Completed",
    "s3:ObjectRestore:Delete",
    "s3:ReducedRedundancyLostObject",
    "s3:Replication:*",
    "s3:Replication:OperationFailedReplication",
    "s3:Replication:OperationMissedThreshold",
    "s3:Replication:OperationNotTracked",
    "s3:Replication:OperationReplicatedAfterThreshold",
    "s3:LifecycleTransition",
    "s3:IntelligentTiering",
    "s3:ObjectAnnotation:Put",
    "s3:ObjectAnnotation:Delete",
];

impl Notifications {
    /// Reads what a bucket tells; none where it tells nothing.
    pub(crate) fn of(view: &View<'_>, bucket: BucketId) -> Result<Option<Self>, Error> {
        let Some(document) = document(view, bucket, Setting::Notification)? else {
            return Ok(None);
        };
        serde_json::from_str(&document)
            .map(Some)
            .map_err(|_| Error::CorruptRecord("the notifications of a bucket"))
    }
}

impl NotificationRule {
    /// Whether there is such a type of event.
    #[must_use]
    pub fn is_event_type(name: &str) -> bool {
        EVENT_TYPES.contains(&name)
    }

    /// Whether two rules could tell the same event of the same object.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let nested = |a: &str, b: &str| a.starts_with(b) || b.starts_with(a);
        let nested_ends = |a: &str, b: &str| a.ends_with(b) || b.ends_with(a);
        nested(&self.prefix, &other.prefix)
            && nested_ends(&self.suffix, &other.suffix)
            && self.events.iter().any(|one| {
                let covers = |one: &str, other: &str| is_of_type(other, one);
                let mut others = other.events.iter();
                others.any(|other| covers(one, other) || covers(other, one))
            })
    }

    pub(crate) fn tells(&self, event: &str, key: &ObjectKey) -> bool {
        key.as_str().starts_with(&self.prefix)
            && key.as_str().ends_with(&self.suffix)
            && self.events.iter().any(|of_type| is_of_type(event, of_type))
    }
}

impl Happened {
    /// Returns the event that it is when an operation did it.
    pub(crate) fn event(self, operation: &str) -> &'static str {
        let by_lifecycle = operation == "Lifecycle";
        match self {
            Self::Created => match operation {
                "PostObject" => "s3:ObjectCreated:Post",
                "CopyObject" => "s3:ObjectCreated:Copy",
                "CompleteMultipartUpload" => "s3:ObjectCreated:CompleteMultipartUpload",
                _ => "s3:ObjectCreated:Put",
            },
            Self::Removed if by_lifecycle => "s3:LifecycleExpiration:Delete",
            Self::Removed => "s3:ObjectRemoved:Delete",
            Self::Marked if by_lifecycle => "s3:LifecycleExpiration:DeleteMarkerCreated",
            Self::Marked => "s3:ObjectRemoved:DeleteMarkerCreated",
            Self::Tagged => "s3:ObjectTagging:Put",
            Self::Untagged => "s3:ObjectTagging:Delete",
        }
    }
}

fn is_of_type(event: &str, of_type: &str) -> bool {
    match of_type.strip_suffix('*') {
        Some(kind) => event.starts_with(kind),
        None => event == of_type,
    }
}

#[cfg(test)]
mod tests {
    use onshore_types::ObjectKey;

    use super::{EVENT_TYPES, Happened, NotificationRule, TargetKind};

    fn rule(events: &[&str], prefix: &str, suffix: &str) -> NotificationRule {
        NotificationRule {
            id: "r".to_owned(),
            kind: TargetKind::Queue,
            arn: "arn:onshore:sqs:r::t".to_owned(),
            target: "t".to_owned(),
            events: events.iter().map(|&event| event.to_owned()).collect(),
            prefix: prefix.to_owned(),
            suffix: suffix.to_owned(),
        }
    }

    #[test]
    fn a_rule_tells_what_it_names() {
        let key = |text| ObjectKey::parse(text).expect("a key");
        let of_kind = rule(&["s3:ObjectCreated:*"], "in/", ".csv");
        assert!(of_kind.tells("s3:ObjectCreated:Copy", &key("in/a.csv")));
        assert!(!of_kind.tells("s3:ObjectRemoved:Delete", &key("in/a.csv")));
        assert!(!of_kind.tells("s3:ObjectCreated:Copy", &key("in/a.txt")));
        assert!(!of_kind.tells("s3:ObjectCreated:Copy", &key("out/a.csv")));
        let exact = rule(&["s3:ObjectCreated:Put"], "", "");
        assert!(exact.tells("s3:ObjectCreated:Put", &key("x")));
        assert!(!exact.tells("s3:ObjectCreated:Post", &key("x")));
    }

    #[test]
    fn rules_overlap_where_one_event_of_one_key_could_be_told_by_both() {
        let put = rule(&["s3:ObjectCreated:Put"], "a/", "");
        assert!(put.overlaps(&rule(&["s3:ObjectCreated:*"], "a/b", ".x")));
        assert!(rule(&["s3:ObjectCreated:*"], "", "").overlaps(&put));
        assert!(!put.overlaps(&rule(&["s3:ObjectCreated:*"], "b/", "")));
        assert!(!put.overlaps(&rule(&["s3:ObjectCreated:Post"], "a/", "")));
        let jpg = rule(&["s3:ObjectCreated:*"], "", ".jpg");
        assert!(!jpg.overlaps(&rule(&["s3:ObjectCreated:*"], "", ".png")));
    }

    #[test]
    fn everything_that_happens_can_be_asked_for() {
        let happened = [
            Happened::Created,
            Happened::Removed,
            Happened::Marked,
            Happened::Tagged,
            Happened::Untagged,
        ];
        for operation in ["PutObject", "PostObject", "CopyObject", "Lifecycle"] {
            for happened in happened {
                assert!(EVENT_TYPES.contains(&happened.event(operation)));
            }
        }
    }
}
