//! Locks on versions: how new ones are locked, retention and legal hold of those that are there, and the setting of the
//! bucket.

use http::HeaderMap;
use onshore_policy::Flow;
use onshore_store::{
    Bucket, BucketLock, DefaultRetention, LegalHold, Lock, ObjectHead, Retention, RetentionMode,
    RetentionPeriod, VersionWish,
};
use onshore_types::{BucketName, ObjectKey, Timestamp};
use s3s::dto;
use serde_json::json;

use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::ops::change::name_of;
use crate::ops::conditions::timestamp;
use crate::ops::deletion::governance_of;
use crate::ops::{ATTEMPTS_MAX, Asked, Operations};

/// The longest default retention: a hundred years.
const DAYS_MAX: i32 = 36_500;
const YEARS_MAX: i32 = 100;

impl Operations {
    /// Tells what is known of a version in a bucket whose versions can be locked.
    pub(crate) async fn lock_of(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        wish: VersionWish,
    ) -> Result<(ObjectHead, HeaderMap), Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let target = self.target(asked, Flow::Inspect, name, key, wish).await?;
            let Some(description) = &target.description else {
                return Err(self.absent(asked, Flow::Inspect, &target).await);
            };
            if let Some(head) = self.inspect(asked, &target, description).await? {
                if target.bucket.lock.is_none() {
                    return Err(not_lockable());
                }
                return Ok((head, name_of(description)));
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    /// Replaces the retention of a version, or lifts it.
    pub(crate) async fn set_retention(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        wish: VersionWish,
        retention: Option<Retention>,
    ) -> Result<HeaderMap, Fault> {
        let governance = governance_of(asked.call);
        let record_key = key.clone();
        let gate = self.gate.clone();
        self.change_version(asked, name, key, wish, move |store, unit, permit, _| {
            let now = gate.at_most();
            let version = store.set_retention(unit, permit, retention, governance, now)?;
            Ok(json!({ "change": "retention", "key": record_key, "version": version, "retention": retention }))
        })
        .await
    }

    /// Holds a version, or lets it go.
    pub(crate) async fn set_hold(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        wish: VersionWish,
        hold: LegalHold,
    ) -> Result<HeaderMap, Fault> {
        let record_key = key.clone();
        self.change_version(asked, name, key, wish, move |store, unit, permit, _| {
            let version = store.set_hold(unit, permit, hold)?;
            Ok(json!({ "change": "legal-hold", "key": record_key, "version": version, "hold": hold }))
        })
        .await
    }

    /// Lets versions in a bucket be locked, and says how new ones are.
    pub(crate) async fn set_bucket_lock(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        lock: BucketLock,
    ) -> Result<(), Fault> {
        self.change_bucket(asked, name, "", move |store, unit, permit, _| {
            let bucket = store.set_bucket_lock(unit, permit, lock)?;
            Ok(json!({ "change": "bucket.lock", "bucket": bucket.id, "lock": lock }))
        })
        .await
    }
}

/// Whether a request speaks of locks: how it ends tells whether its bucket has them.
pub(crate) fn are_named(call: &Call) -> bool {
    call.headers()
        .keys()
        .any(|name| name.as_str().starts_with("x-amz-object-lock-"))
}

/// Reads how a new object is to be locked.
pub(crate) fn of_write(call: &Call, bucket: &Bucket, now: Timestamp) -> Result<Lock, Fault> {
    let invalid = |message: &'static str| Fault::new(Code::InvalidArgument, message);
    let hold = match call.header("x-amz-object-lock-legal-hold") {
        None => None,
        Some("ON") => Some(LegalHold::On),
        Some("OFF") => Some(LegalHold::Off),
        Some(_) => return Err(invalid("Legal Hold must be either of 'ON' or 'OFF'")),
    };
    let mode = call.header("x-amz-object-lock-mode");
    let until = call.header("x-amz-object-lock-retain-until-date");
    let retention = match (mode, until) {
        (None, None) => None,
        (Some(mode), Some(until)) => {
            let mode = parse_mode(mode).ok_or_else(|| invalid("Unknown wormMode directive."))?;
            let until: Timestamp = until.parse().map_err(|_| {
                invalid("The retain until date must be provided in ISO 8601 format")
            })?;
            Some(future(Retention { mode, until }, now)?)
        }
        (Some(_), None) | (None, Some(_)) => {
            return Err(invalid(
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
            ));
        }
    };
    let lock = Lock { hold, retention };
    if lock != Lock::default() && bucket.lock.is_none() {
        return Err(not_lockable());
    }
    Ok(lock)
}

/// Reads a retention from its document.
pub(crate) fn parse_retention(
    document: Option<dto::ObjectLockRetention>,
    now: Timestamp,
) -> Result<Option<Retention>, Fault> {
    let document = document.ok_or_else(Fault::malformed)?;
    match (document.mode, document.retain_until_date) {
        (None, None) => Ok(None),
        (Some(mode), Some(until)) => {
            let mode = parse_mode(mode.as_str()).ok_or_else(Fault::malformed)?;
            let until = timestamp(&until).ok_or_else(Fault::malformed)?;
            future(Retention { mode, until }, now).map(Some)
        }
        (Some(_), None) | (None, Some(_)) => Err(Fault::malformed()),
    }
}

/// Reads a hold from its document.
pub(crate) fn parse_hold(document: Option<dto::ObjectLockLegalHold>) -> Result<LegalHold, Fault> {
    let status = document.and_then(|document| document.status);
    match status.as_ref().map(dto::ObjectLockLegalHoldStatus::as_str) {
        Some("ON") => Ok(LegalHold::On),
        Some("OFF") => Ok(LegalHold::Off),
        Some(_) | None => Err(Fault::malformed()),
    }
}

/// Reads a bucket's lock from its document.
pub(crate) fn parse_bucket_lock(
    document: Option<dto::ObjectLockConfiguration>,
) -> Result<BucketLock, Fault> {
    let document = document.ok_or_else(Fault::malformed)?;
    let enabled = document.object_lock_enabled;
    if enabled.as_ref().map(dto::ObjectLockEnabled::as_str) != Some("Enabled") {
        return Err(Fault::malformed());
    }
    let Some(rule) = document.rule else {
        return Ok(BucketLock::default());
    };
    let default = rule.default_retention.ok_or_else(Fault::malformed)?;
    let mode = default
        .mode
        .and_then(|mode| parse_mode(mode.as_str()))
        .ok_or_else(Fault::malformed)?;
    let period = |number: i32, max: i32| {
        u32::try_from(number)
            .ok()
            .filter(|positive| *positive > 0 && number <= max)
            .ok_or_else(|| {
                Fault::new(
                    Code::InvalidRetentionPeriod,
                    "Default retention period must be a positive integer value, and at most a hundred years.",
                )
            })
    };
    let period = match (default.days, default.years) {
        (Some(days), None) => RetentionPeriod::Days(period(days, DAYS_MAX)?),
        (None, Some(years)) => RetentionPeriod::Years(period(years, YEARS_MAX)?),
        (Some(_), Some(_)) | (None, None) => return Err(Fault::malformed()),
    };
    Ok(BucketLock {
        default: Some(DefaultRetention { mode, period }),
    })
}

/// Shows a bucket's lock in a document.
pub(crate) fn show_bucket_lock(lock: BucketLock) -> dto::ObjectLockConfiguration {
    let rule = lock.default.map(|default| {
        let (days, years) = match default.period {
            RetentionPeriod::Days(days) => (i32::try_from(days).ok(), None),
            RetentionPeriod::Years(years) => (None, i32::try_from(years).ok()),
        };
        dto::ObjectLockRule {
            default_retention: Some(dto::DefaultRetention {
                days,
                years,
                mode: Some(show_mode(default.mode)),
            }),
        }
    });
    dto::ObjectLockConfiguration {
        object_lock_enabled: Some(dto::ObjectLockEnabled::from_static(
            dto::ObjectLockEnabled::ENABLED,
        )),
        rule,
    }
}

/// Shows a mode in a document.
pub(crate) fn show_mode(mode: RetentionMode) -> dto::ObjectLockRetentionMode {
    dto::ObjectLockRetentionMode::from_static(crate::ops::shown::retention_mode(mode))
}

fn parse_mode(text: &str) -> Option<RetentionMode> {
    match text {
        "GOVERNANCE" => Some(RetentionMode::Governance),
        "COMPLIANCE" => Some(RetentionMode::Compliance),
        _ => None,
    }
}

fn future(retention: Retention, now: Timestamp) -> Result<Retention, Fault> {
    if retention.until > now {
        Ok(retention)
    } else {
        Err(Fault::new(
            Code::InvalidArgument,
            "The retain until date must be in the future!",
        ))
    }
}

/// What a client reads where versions cannot be locked.
pub(crate) fn not_lockable() -> Fault {
    Fault::new(
        Code::InvalidRequest,
        "Bucket is missing Object Lock Configuration",
    )
}
