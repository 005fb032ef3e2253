//! Locks on versions (S3 Object Lock): a version that is held or retained is not removed, by nobody. What is locked
//! changes while the version stays, so it lies beside the sealed facts; every change of it has a leaf of its own.
//!
//! The rules are those of the S3 user guide, "Locking objects with Object Lock".

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_policy::{Flow, Permit};
use onshore_types::{Timestamp, VersionId};
use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::commit::permitted_bucket;
use crate::replication::ReplicationDeed;
use crate::version::{self, Kind, VersionWish};
use crate::{Error, Store, columns, permits};

/// How long a day is, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How many days a year of a default retention has.
const YEAR_DAYS: u32 = 365;

/// That versions in a bucket can be locked, and how new ones are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketLock {
    /// How long new versions are retained, if nothing else is said with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<DefaultRetention>,
}

/// How long new versions of a bucket are retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultRetention {
    /// Whether it can be lifted.
    pub mode: RetentionMode,
    /// How long, from when the version is written.
    pub period: RetentionPeriod,
}

/// How long something is retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetentionPeriod {
    /// Days of 24 hours.
    Days(u32),
    /// Years of 365 days.
    Years(u32),
}

/// Whether a retention can be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetentionMode {
    /// By whoever asks for it expressly.
    Governance,
    /// By nobody before its time.
    Compliance,
}

/// Until when a version is retained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Whether it can be lifted.
    pub mode: RetentionMode,
    /// Until when.
    pub until: Timestamp,
}

/// Whether a version is held, until it is let go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegalHold {
    /// It is.
    On,
    /// It is not any more.
    Off,
}

/// The locks on a version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lock {
    /// Whether it is held; none where nobody ever said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<LegalHold>,
    /// Until when it is retained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
}

/// Whether somebody asks expressly to be let past a retention that can be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Governance {
    /// No.
    Kept,
    /// Yes.
    Bypassed,
}

impl RetentionMode {
    const ALL: [Self; 2] = [Self::Governance, Self::Compliance];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "governance",
            Self::Compliance => "compliance",
        }
    }
}

impl LegalHold {
    const ALL: [Self; 2] = [Self::On, Self::Off];

    const fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
        }
    }
}

impl DefaultRetention {
    /// Returns the retention of a version that is written now.
    #[must_use]
    pub fn from(&self, now: Timestamp) -> Retention {
        let days = match self.period {
            RetentionPeriod::Days(days) => days,
            RetentionPeriod::Years(years) => years.saturating_mul(YEAR_DAYS),
        };
        Retention {
            mode: self.mode,
            until: Timestamp::from_millis(
                now.as_millis()
                    .saturating_add(i64::from(days).saturating_mul(DAY_MS)),
            ),
        }
    }
}

impl Lock {
    /// Whether the version may be removed.
    pub(crate) fn allows_removal(&self, governance: Governance, now: Timestamp) -> bool {
        self.hold != Some(LegalHold::On) && self.allows_less(governance, now)
    }

    /// Whether its retention may be shortened, lifted or changed to another mode.
    fn allows_less(&self, governance: Governance, now: Timestamp) -> bool {
        match self.retention {
            Some(retention) if retention.until > now => match retention.mode {
                RetentionMode::Compliance => false,
                RetentionMode::Governance => governance == Governance::Bypassed,
            },
            Some(_) | None => true,
        }
    }

    /// Whether its retention may be replaced by another.
    fn allows(&self, wanted: Option<Retention>, governance: Governance, now: Timestamp) -> bool {
        let is_longer = match (self.retention, wanted) {
            (Some(present), Some(wanted)) => {
                present.mode == wanted.mode && wanted.until >= present.until
            }
            (Some(_), None) => false,
            (None, _) => true,
        };
        is_longer || self.allows_less(governance, now)
    }
}

impl Store {
    /// Replaces the retention of the version that is wished for, or lifts it, and returns that version.
    ///
    /// # Errors
    /// [`Error::BucketNotLockable`]; [`Error::Locked`];
    /// [`Error::VersionGone`] when the permit names another version.
    pub fn set_retention(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        retention: Option<Retention>,
        governance: Governance,
        now: Timestamp,
    ) -> Result<VersionId, Error> {
        let (bucket, version) = lockable(unit, permit)?;
        if !of_version(unit, version)?.allows(retention, governance, now) {
            return Err(Error::Locked);
        }
        unit.execute(
            "UPDATE versions SET retain_mode = ?2, retain_until = ?3 WHERE id = ?1",
            params![
                version.as_bytes(),
                retention.map(|retention| retention.mode.as_str()),
                retention.map(|retention| retention.until.as_millis()),
            ],
        )?;
        self.note_lock(
            unit,
            &bucket,
            permits::key(permit)?,
            version,
            ReplicationDeed::Retention,
        )?;
        Ok(version)
    }

    /// Holds the permit's version, or lets it go.
    ///
    /// # Errors
    /// As [`Store::set_retention`].
    pub fn set_hold(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        hold: LegalHold,
    ) -> Result<VersionId, Error> {
        let (bucket, version) = lockable(unit, permit)?;
        unit.execute(
            "UPDATE versions SET hold = ?2 WHERE id = ?1",
            params![version.as_bytes(), hold.as_str()],
        )?;
        self.note_lock(
            unit,
            &bucket,
            permits::key(permit)?,
            version,
            ReplicationDeed::Hold,
        )?;
        Ok(version)
    }
}

/// Finds the version that the permit names in a bucket whose versions can be locked.
fn lockable(unit: &Unit<'_>, permit: &Permit) -> Result<(Bucket, VersionId), Error> {
    permits::flow(permit, &[Flow::Change])?;
    let bucket = permitted_bucket(unit, permit)?;
    if bucket.lock.is_none() {
        return Err(Error::BucketNotLockable);
    }
    let version = permits::version(permit)?;
    version::find(
        unit,
        &bucket,
        permits::key(permit)?,
        VersionWish::Id(version),
    )?
    .filter(|row| row.kind == Kind::Object)
    .ok_or(Error::VersionGone)?;
    Ok((bucket, version))
}

/// Reads the locks of a version; none of one that is not there.
pub(crate) fn of_version(view: &View<'_>, version: VersionId) -> Result<Lock, Error> {
    let found = view.one(
        "SELECT hold, retain_mode, retain_until FROM versions WHERE id = ?1",
        params![version.as_bytes()],
        |row| from_row(row, 0),
    )?;
    Ok(found.unwrap_or_default())
}

/// Reads locks from three columns.
pub(crate) fn from_row(row: &Row<'_>, first: usize) -> Result<Lock, RowError> {
    let hold = match row.get::<_, Option<String>>(first)? {
        Some(_) => Some(columns::word(
            row,
            first,
            &LegalHold::ALL,
            LegalHold::as_str,
        )?),
        None => None,
    };
    let retention = match row.get::<_, Option<i64>>(first + 2)? {
        Some(until) => Some(Retention {
            mode: columns::word(row, first + 1, &RetentionMode::ALL, RetentionMode::as_str)?,
            until: Timestamp::from_millis(until),
        }),
        None => None,
    };
    Ok(Lock { hold, retention })
}

/// Writes locks into three columns.
pub(crate) fn columns_of(lock: &Lock) -> (Option<&'static str>, Option<&'static str>, Option<i64>) {
    (
        lock.hold.map(LegalHold::as_str),
        lock.retention.map(|retention| retention.mode.as_str()),
        lock.retention.map(|retention| retention.until.as_millis()),
    )
}

#[cfg(test)]
mod tests {
    use super::{
        DefaultRetention, Governance, LegalHold, Lock, Retention, RetentionMode, RetentionPeriod,
    };
    use onshore_types::Timestamp;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn retained(mode: RetentionMode) -> Lock {
        Lock {
            hold: None,
            retention: Some(Retention {
                mode,
                until: at(1000),
            }),
        }
    }

    #[test]
    fn what_is_retained_stays_until_its_time_and_only_governance_lets_itself_be_bypassed() {
        use Governance::{Bypassed, Kept};
        for (mode, governance, now, allowed) in [
            (RetentionMode::Compliance, Kept, 999, false),
            (RetentionMode::Compliance, Bypassed, 999, false),
            (RetentionMode::Compliance, Kept, 1000, true),
            (RetentionMode::Governance, Kept, 999, false),
            (RetentionMode::Governance, Bypassed, 999, true),
            (RetentionMode::Governance, Kept, 1000, true),
        ] {
            let lock = retained(mode);
            assert_eq!(lock.allows_removal(governance, at(now)), allowed);
            let held = Lock {
                hold: Some(LegalHold::On),
                ..lock
            };
            assert!(!held.allows_removal(governance, at(now)));
            let let_go = Lock {
                hold: Some(LegalHold::Off),
                ..lock
            };
            assert_eq!(let_go.allows_removal(governance, at(now)), allowed);
        }
    }

    #[test]
    fn a_retention_in_force_only_grows() {
        use Governance::{Bypassed, Kept};
        let to = |mode, until| {
            Some(Retention {
                mode,
                until: at(until),
            })
        };
        let compliance = retained(RetentionMode::Compliance);
        assert!(compliance.allows(to(RetentionMode::Compliance, 1001), Kept, at(0)));
        for (wanted, governance) in [
            (to(RetentionMode::Compliance, 999), Bypassed),
            (to(RetentionMode::Governance, 2000), Bypassed),
            (None, Bypassed),
        ] {
            assert!(!compliance.allows(wanted, governance, at(0)));
            assert!(compliance.allows(wanted, governance, at(1000)), "expired");
        }
        let governance = retained(RetentionMode::Governance);
        assert!(governance.allows(to(RetentionMode::Governance, 1001), Kept, at(0)));
        for wanted in [
            to(RetentionMode::Governance, 999),
            to(RetentionMode::Compliance, 2000),
            None,
        ] {
            assert!(!governance.allows(wanted, Kept, at(0)));
            assert!(governance.allows(wanted, Bypassed, at(0)));
        }
    }

    #[test]
    fn periods_are_days_of_24_hours_and_years_of_365_days() {
        let from = |period| {
            DefaultRetention {
                mode: RetentionMode::Governance,
                period,
            }
            .from(at(5))
            .until
        };
        assert_eq!(from(RetentionPeriod::Days(1)), at(86_400_005));
        assert_eq!(
            from(RetentionPeriod::Years(1)),
            from(RetentionPeriod::Days(365))
        );
    }
}
