//! Quotas: how much a bucket or a tenant may hold, and how much it holds. Every version counts and every part of an
//! upload under way, by its bytes as the client knows them; delete markers do not. What is counted is kept by triggers
//! of the schema, in the transaction that changes it, and compared behind every write in its own unit of work, so that
//! racing writers cannot overrun a quota together. Whoever is over a quota may still read and remove.

use std::sync::atomic::Ordering;

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, TenantId};

use crate::bucket::{Bucket, Versioning};
use crate::commit::permitted_bucket;
use crate::version::{Kind, VersionWish};
use crate::{Error, Store, bucket, columns, permits, version};

/// How much may be held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// So many bytes at most; none is no limit.
    pub max_bytes: Option<u64>,
    /// So many versions at most; none is no limit.
    pub max_objects: Option<u64>,
}

/// How much is held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The bytes of all versions and of the parts of uploads under way.
    pub bytes: u64,
    /// The versions.
    pub objects: u64,
}

/// Whose quota it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaHolder {
    /// A bucket.
    Bucket(BucketId),
    /// A tenant: all its buckets together.
    Tenant(TenantId),
}

/// Which quota would be exceeded, in the words of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Whose it is.
    pub whose: &'static str,
    /// What it counts.
    pub what: &'static str,
    /// The most that may be held.
    pub max: u64,
}

impl QuotaHolder {
    fn as_bytes(&self) -> &[u8; 16] {
        match self {
            Self::Bucket(id) => id.as_bytes(),
            Self::Tenant(id) => id.as_bytes(),
        }
    }

    const fn whose(self) -> &'static str {
        match self {
            Self::Bucket(_) => "bucket",
            Self::Tenant(_) => "tenant",
        }
    }

    fn usage(self, view: &View<'_>) -> Result<Usage, Error> {
        let used = match self {
            Self::Bucket(id) => view.one(
                "SELECT bytes, objects FROM usage WHERE bucket = ?1",
                params![id.as_bytes()],
                usage_of_row,
            )?,
            Self::Tenant(id) => view.one(
                "SELECT coalesce(sum(bytes), 0), coalesce(sum(objects), 0)
                 FROM buckets JOIN usage ON bucket = id WHERE tenant = ?1",
                params![id.as_bytes()],
                usage_of_row,
            )?,
        };
        Ok(used.unwrap_or_default())
    }

    fn quota(self, view: &View<'_>) -> Result<Option<Quota>, Error> {
        Ok(view.one(
            "SELECT bytes, objects FROM quotas WHERE holder = ?1",
            params![self.as_bytes()],
            |row| {
                let limit = |column| {
                    row.get::<_, Option<i64>>(column)
                        .map(|limit| limit.and_then(|limit| u64::try_from(limit).ok()))
                };
                Ok(Quota {
                    max_bytes: limit(0)?,
                    max_objects: limit(1)?,
                })
            },
        )?)
    }
}

impl Quota {
    /// Whoever is over a limit may hold less, and not more.
    fn check(self, whose: &'static str, before: Usage, used: Usage) -> Result<(), Error> {
        let over = |max: Option<u64>, before: u64, used: u64| {
            max.filter(|max| used > *max && used > before)
        };
        let exceeded = |what, max| Err(Error::QuotaExceeded(Exceeded { whose, what, max }));
        if let Some(max) = over(self.max_bytes, before.bytes, used.bytes) {
            return exceeded("bytes", max);
        }
        if let Some(max) = over(self.max_objects, before.objects, used.objects) {
            return exceeded("objects", max);
        }
        Ok(())
    }
}

impl Store {
    /// Gives a bucket of the permit's tenant, or that tenant, a quota; one without limits is none. What is held already
    /// stays, also above it.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub fn set_quota(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        holder: QuotaHolder,
        quota: Quota,
    ) -> Result<(), Error> {
        permits::flow(permit, &[Flow::Change])?;
        let is_permitted = match holder {
            QuotaHolder::Bucket(id) => permitted_bucket(unit, permit)?.id == id,
            QuotaHolder::Tenant(id) => permit.tenant() == id,
        };
        if !is_permitted {
            return Err(Error::PermitMismatch("holder of a quota"));
        }
        if quota == Quota::default() {
            unit.execute(
                "DELETE FROM quotas WHERE holder = ?1",
                params![holder.as_bytes()],
            )?;
            return Ok(());
        }
        // Before it is durable, so that no write slips through behind it.
        self.inner.has_quotas.store(true, Ordering::SeqCst);
        unit.execute(
            "INSERT INTO quotas (holder, bytes, objects) VALUES (?1, ?2, ?3)
             ON CONFLICT (holder) DO UPDATE SET bytes = ?2, objects = ?3",
            params![
                holder.as_bytes(),
                quota.max_bytes.map(columns::size_column),
                quota.max_objects.map(columns::size_column),
            ],
        )?;
        Ok(())
    }

    /// Returns how much somebody holds, and may.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn usage(&self, holder: QuotaHolder) -> Result<(Usage, Quota), Error> {
        self.inner
            .db
            .read(move |view| {
                let quota = holder.quota(view)?.unwrap_or_default();
                Ok((holder.usage(view)?, quota))
            })
            .await
    }

    /// Refuses the body of an object that cannot be committed, before it is taken: what is compared behind the write is
    /// compared here with what is announced.
    pub(crate) fn check_announced(&self, permit: &Permit, announced: u64) -> Result<(), Error> {
        if !self.inner.has_quotas.load(Ordering::SeqCst) {
            return Ok(());
        }
        let (id, key) = (permits::bucket(permit)?, permits::key(permit)?);
        self.inner.db.glance(|view| {
            let bucket = bucket::by_id(view, id)?.ok_or(Error::NoSuchBucket)?;
            let replaced = match bucket.versioning {
                Versioning::Off => version::current(view, id, key)?,
                Versioning::Suspended => version::find(view, &bucket, key, VersionWish::Null)?
                    .filter(|row| row.kind == Kind::Object),
                Versioning::Enabled => None,
            };
            let replaced_bytes = replaced.as_ref().map_or(0, |row| row.size_bytes);
            let added_objects = u64::from(replaced.is_none());
            Watch::of(view, &bucket)?.check_with(|used| Usage {
                bytes: used
                    .bytes
                    .saturating_add(announced)
                    .saturating_sub(replaced_bytes),
                objects: used.objects.saturating_add(added_objects),
            })
        })
    }

    /// Notes what is held before a write, where there are quotas.
    pub(crate) fn watch_quotas(&self, unit: &Unit<'_>, permit: &Permit) -> Result<Watch, Error> {
        if !self.inner.has_quotas.load(Ordering::SeqCst) {
            return Ok(Watch::default());
        }
        Watch::of(unit, &permitted_bucket(unit, permit)?)
    }
}

/// The quotas that a write must keep, and what was held before it.
#[derive(Default)]
pub(crate) struct Watch(Vec<(QuotaHolder, Quota, Usage)>);

impl Watch {
    fn of(view: &View<'_>, bucket: &Bucket) -> Result<Self, Error> {
        let mut watched = Vec::new();
        for holder in [
            QuotaHolder::Bucket(bucket.id),
            QuotaHolder::Tenant(bucket.tenant),
        ] {
            if let Some(quota) = holder.quota(view)? {
                watched.push((holder, quota, holder.usage(view)?));
            }
        }
        Ok(Self(watched))
    }

    /// Refuses what was written since, where it made more of what is too much.
    pub(crate) fn check(&self, unit: &Unit<'_>) -> Result<(), Error> {
        for (holder, quota, before) in &self.0 {
            quota.check(holder.whose(), *before, holder.usage(unit)?)?;
        }
        Ok(())
    }

    fn check_with(&self, expect: impl Fn(Usage) -> Usage) -> Result<(), Error> {
        for (holder, quota, before) in &self.0 {
            quota.check(holder.whose(), *before, expect(*before))?;
        }
        Ok(())
    }
}

/// Whether anybody has a quota.
pub(crate) fn any(view: &View<'_>) -> Result<bool, Error> {
    let one = view.one("SELECT 1 FROM quotas LIMIT 1", params![], |_| Ok(()))?;
    Ok(one.is_some())
}

fn usage_of_row(row: &Row<'_>) -> Result<Usage, RowError> {
    Ok(Usage {
        bytes: columns::size(row, 0)?,
        objects: columns::size(row, 1)?,
    })
}
