//! The lifecycle setting of a bucket: checked when it is set, and shown in the shape it was set in. What is not carried
//! out here is refused.

use std::collections::HashSet;

use onshore_store::{
    Expiration, Filter, Lifecycle, LifecycleRule, Noncurrent, RuleScope, RuleStatus,
};
use s3s::dto;

use crate::fault::{Code, Fault};
use crate::ops::conditions::timestamp;
use crate::ops::shown;

/// The most rules.
const RULES_MAX: usize = 1000;
/// The longest id of a rule.
const ID_MAX: usize = 255;
/// How long a day is, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Reads a setting, and gives every rule an id.
pub(crate) fn parse(configuration: dto::BucketLifecycleConfiguration) -> Result<Lifecycle, Fault> {
    let rules = configuration.rules;
    if rules.is_empty() || rules.len() > RULES_MAX {
        return Err(Fault::malformed());
    }
    let mut lifecycle = Lifecycle {
        rules: rules.into_iter().map(rule).collect::<Result<_, _>>()?,
    };
    let mut ids = HashSet::new();
    for rule in &lifecycle.rules {
        if !rule.id.is_empty() && !ids.insert(rule.id.clone()) {
            return Err(invalid(
                "Rule ID must be unique. Found same ID for more than one rule",
            ));
        }
    }
    for rule in &mut lifecycle.rules {
        if rule.id.is_empty() {
            let free = (1..)
                .map(|number| format!("rule-{number}"))
                .find(|id| !ids.contains(id));
            rule.id = free.ok_or_else(Fault::malformed)?;
            ids.insert(rule.id.clone());
        }
    }
    Ok(lifecycle)
}

/// Shows a rule.
pub(crate) fn show(rule: LifecycleRule) -> dto::LifecycleRule {
    let (prefix, filter) = match rule.scope {
        RuleScope::Prefix(prefix) => (Some(prefix), None),
        RuleScope::One(filter) => (None, Some(show_one(filter))),
        RuleScope::And(filter) => (None, Some(show_and(filter))),
    };
    dto::LifecycleRule {
        id: Some(rule.id),
        status: dto::ExpirationStatus::from_static(match rule.status {
            RuleStatus::Enabled => dto::ExpirationStatus::ENABLED,
            RuleStatus::Disabled => dto::ExpirationStatus::DISABLED,
        }),
        prefix,
        filter,
        expiration: rule.expiration.map(show_expiration),
        noncurrent_version_expiration: rule.noncurrent.map(|noncurrent| {
            dto::NoncurrentVersionExpiration {
                newer_noncurrent_versions: noncurrent.keep.and_then(|keep| keep.try_into().ok()),
                noncurrent_days: noncurrent.days.try_into().ok(),
            }
        }),
        abort_incomplete_multipart_upload: rule.abort_uploads_days.map(|days| {
            dto::AbortIncompleteMultipartUpload {
                days_after_initiation: days.try_into().ok(),
            }
        }),
        noncurrent_version_transitions: None,
        transitions: None,
    }
}

fn show_one(filter: Filter) -> dto::LifecycleRuleFilter {
    dto::LifecycleRuleFilter {
        and: None,
        prefix: filter.prefix,
        tag: filter.tags.into_iter().next().map(show_tag),
        object_size_greater_than: filter.larger_than.map(shown::size),
        object_size_less_than: filter.smaller_than.map(shown::size),
    }
}

fn show_and(filter: Filter) -> dto::LifecycleRuleFilter {
    let tags: Vec<_> = filter.tags.into_iter().map(show_tag).collect();
    dto::LifecycleRuleFilter {
        and: Some(dto::LifecycleRuleAndOperator {
            prefix: filter.prefix,
            tags: (!tags.is_empty()).then_some(tags),
            object_size_greater_than: filter.larger_than.map(shown::size),
            object_size_less_than: filter.smaller_than.map(shown::size),
        }),
        ..Default::default()
    }
}

fn show_tag((key, value): (String, String)) -> dto::Tag {
    dto::Tag {
        key: Some(key),
        value: Some(value),
    }
}

fn show_expiration(expiration: Expiration) -> dto::LifecycleExpiration {
    let mut shown_as = dto::LifecycleExpiration::default();
    match expiration {
        Expiration::Days(days) => shown_as.days = days.try_into().ok(),
        Expiration::Date(date) => shown_as.date = Some(shown::time(date)),
        Expiration::Markers => shown_as.expired_object_delete_marker = Some(true),
        Expiration::NoMarkers => shown_as.expired_object_delete_marker = Some(false),
    }
    shown_as
}

fn rule(rule: dto::LifecycleRule) -> Result<LifecycleRule, Fault> {
    let has_transition = rule.transitions.is_some_and(|list| !list.is_empty())
        || rule
            .noncurrent_version_transitions
            .is_some_and(|list| !list.is_empty());
    if has_transition {
        return Err(Fault::not_implemented(
            "A transition to another storage class",
        ));
    }
    let id = rule.id.unwrap_or_default();
    if id.len() > ID_MAX {
        return Err(invalid("ID length should not exceed allowed limit of 255"));
    }
    let parsed = LifecycleRule {
        id,
        status: match rule.status.as_str() {
            dto::ExpirationStatus::ENABLED => RuleStatus::Enabled,
            dto::ExpirationStatus::DISABLED => RuleStatus::Disabled,
            _ => return Err(Fault::malformed()),
        },
        scope: match (rule.prefix, rule.filter) {
            (Some(prefix), None) => RuleScope::Prefix(prefix),
            (None, Some(filter)) => scope(filter)?,
            (Some(_), Some(_)) | (None, None) => return Err(Fault::malformed()),
        },
        expiration: rule.expiration.map(expiration).transpose()?,
        noncurrent: rule
            .noncurrent_version_expiration
            .as_ref()
            .map(noncurrent).transpose()?,
        abort_uploads_days: rule
            .abort_incomplete_multipart_upload
            .map(|abort| {
                positive(abort.days_after_initiation, "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer")
            })
            .transpose()?,
    };
    check(&parsed)?;
    Ok(parsed)
}

fn check(rule: &LifecycleRule) -> Result<(), Fault> {
    if rule.expiration.is_none() && rule.noncurrent.is_none() && rule.abort_uploads_days.is_none() {
        return Err(Fault::new(
            Code::InvalidRequest,
            "At least one action needs to be specified in a rule",
        ));
    }
    let (has_tags, has_sizes) = match &rule.scope {
        RuleScope::Prefix(_) => (false, false),
        RuleScope::One(filter) | RuleScope::And(filter) => (
            !filter.tags.is_empty(),
            filter.larger_than.is_some() || filter.smaller_than.is_some(),
        ),
    };
    let is_of_markers = matches!(
        rule.expiration,
        Some(Expiration::Markers | Expiration::NoMarkers)
    );
    if is_of_markers && (has_tags || has_sizes) {
        return Err(Fault::new(
            Code::InvalidRequest,
            "ExpiredObjectDeleteMarker cannot be specified with tags or sizes",
        ));
    }
    if rule.abort_uploads_days.is_some() && (has_tags || has_sizes) {
        return Err(Fault::new(
            Code::InvalidRequest,
            "AbortIncompleteMultipartUpload cannot be specified with tags or sizes",
        ));
    }
    Ok(())
}

fn scope(filter: dto::LifecycleRuleFilter) -> Result<RuleScope, Fault> {
    let chosen = usize::from(filter.and.is_some())
        + usize::from(filter.prefix.is_some())
        + usize::from(filter.tag.is_some())
        + usize::from(filter.object_size_greater_than.is_some())
        + usize::from(filter.object_size_less_than.is_some());
    if chosen > 1 {
        return Err(Fault::malformed());
    }
    let Some(and) = filter.and else {
        return Ok(RuleScope::One(Filter {
            prefix: filter.prefix,
            tags: filter.tag.map(tag).transpose()?.into_iter().collect(),
            larger_than: size(filter.object_size_greater_than)?,
            smaller_than: size(filter.object_size_less_than)?,
        }));
    };
    let tags = and
        .tags
        .unwrap_or_default()
        .into_iter()
        .map(tag)
        .collect::<Result<Vec<_>, _>>()?;
    let joined = Filter {
        prefix: and.prefix,
        larger_than: size(and.object_size_greater_than)?,
        smaller_than: size(and.object_size_less_than)?,
        tags,
    };
    let conditions = usize::from(joined.prefix.is_some())
        + joined.tags.len()
        + usize::from(joined.larger_than.is_some())
        + usize::from(joined.smaller_than.is_some());
    if conditions < 2 {
        return Err(Fault::malformed());
    }
    let keys: HashSet<_> = joined.tags.iter().map(|(key, _)| key).collect();
    if keys.len() != joined.tags.len() {
        return Err(invalid("Duplicate Tag Keys are not allowed."));
    }
    match (joined.larger_than, joined.smaller_than) {
        (Some(larger), Some(smaller)) if larger >= smaller => Err(invalid(
            "'ObjectSizeGreaterThan' must be less than 'ObjectSizeLessThan'",
        )),
        _ => Ok(RuleScope::And(joined)),
    }
}

fn tag(tag: dto::Tag) -> Result<(String, String), Fault> {
    match (tag.key, tag.value) {
        (Some(key), Some(value)) if !key.is_empty() => Ok((key, value)),
        _ => Err(Fault::malformed()),
    }
}

fn size(size: Option<i64>) -> Result<Option<u64>, Fault> {
    size.map(|size| {
        u64::try_from(size).map_err(|_| invalid("A size of a filter must not be negative"))
    })
    .transpose()
}

fn expiration(expiration: dto::LifecycleExpiration) -> Result<Expiration, Fault> {
    let marker = expiration.expired_object_delete_marker;
    match (expiration.days, expiration.date, marker) {
        (days @ Some(_), None, None) => positive(
            days,
            "'Days' for Expiration action must be a positive integer",
        )
        .map(Expiration::Days),
        (None, Some(date), None) => {
            let date = timestamp(&date).ok_or_else(Fault::malformed)?;
            if date.as_millis() % DAY_MS == 0 {
                Ok(Expiration::Date(date))
            } else {
                Err(invalid("'Date' must be at midnight GMT"))
            }
        }
        (None, None, Some(true)) => Ok(Expiration::Markers),
        (None, None, Some(false)) => Ok(Expiration::NoMarkers),
        _ => Err(Fault::malformed()),
    }
}

fn noncurrent(noncurrent: &dto::NoncurrentVersionExpiration) -> Result<Noncurrent, Fault> {
    let keep = noncurrent.newer_noncurrent_versions;
    if keep.is_some_and(|count| !(1..=100).contains(&count)) {
        return Err(invalid(
            "'NewerNoncurrentVersions' for NoncurrentVersionExpiration action must be an integer between 1 and 100",
        ));
    }
    Ok(Noncurrent {
        days: positive(
            noncurrent.noncurrent_days,
            "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
        )?,
        keep: keep.and_then(|keep| u32::try_from(keep).ok()),
    })
}

fn positive(number: Option<i32>, message: &'static str) -> Result<u32, Fault> {
    number
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number > 0)
        .ok_or_else(|| invalid(message))
}

fn invalid(message: &'static str) -> Fault {
    Fault::new(Code::InvalidArgument, message)
}
