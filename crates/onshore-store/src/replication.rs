//! Replication: which objects of a bucket are brought to another region, and what of that is still to be done. What is
//! to be done is noted by the unit of work that makes an object, hides it or changes what stands beside it, so that
//! neither is ever there without the other; it is forgotten once the other region has it.
//!
//! The rules are those of the S3 user guide, "Replicating objects within and across Regions": new objects of a versioned
//! bucket, delete markers where a rule says so, tags and locks that change later; never the removal of a version, never
//! what is a replica itself.

mod noting;
mod queue;
mod rules;

use onshore_db::{Unit, View, params};
use onshore_keys::DataKey;
use onshore_policy::Permit;
use onshore_types::{BucketId, ObjectKey, Timestamp, VersionId};

use self::noting::{note, set_state};
use crate::bucket::{Bucket, Versioning};
use crate::commit::permitted_bucket;
use crate::facts::Facts;
use crate::read::sealed_of;
use crate::settings::Setting;
use crate::version::{self, VersionWish};
use crate::{Error, Store, columns};

pub use self::noting::ReplicationState;
pub(crate) use self::noting::{of_change, of_marker, of_new};
pub use self::queue::{Replicating, ReplicationDeed, ReplicationEnd, ToReplicate};
pub use self::rules::{Replication, ReplicationDestination, ReplicationRule, ReplicationScope};

impl Store {
    /// Says what of the permit's bucket is brought elsewhere, or that nothing is. What still waits by a rule that is no
    /// longer there has failed; what had failed, is current and fits a rule is tried again.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::ReplicationNeedsVersioning`].
    pub fn set_replication(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        replication: Option<&Replication>,
    ) -> Result<(), Error> {
        let bucket = permitted_bucket(unit, permit)?;
        if replication.is_some() && bucket.versioning != Versioning::Enabled {
            return Err(Error::ReplicationNeedsVersioning);
        }
        let text = replication
            .map(serde_json::to_string)
            .transpose()
            .map_err(|_| Error::CorruptRecord("the replication of a bucket"))?;
        let before = Replication::of(unit, &bucket)?;
        self.set_setting(unit, permit, Setting::Replication, text.as_deref())?;
        give_up(unit, &bucket, before.as_ref(), replication)?;
        match replication {
            Some(replication) => self.try_again(unit, &bucket, replication),
            None => Ok(()),
        }
    }

    /// Returns what of a bucket is brought elsewhere; none where nothing is. Who may read it is judged by whoever asks.
    ///
    /// # Errors
    /// Those of the database; [`Error::CorruptRecord`].
    pub async fn replication(&self, bucket: &Bucket) -> Result<Option<Replication>, Error> {
        let bucket = bucket.clone();
        self.inner
            .db
            .read(move |view| Replication::of(view, &bucket))
            .await
    }

    /// Tries again what had failed and is current. An earlier version would come behind a later one.
    fn try_again(
        &self,
        unit: &Unit<'_>,
        bucket: &Bucket,
        replication: &Replication,
    ) -> Result<(), Error> {
        let failed = unit.all(
            "SELECT objects.key, objects.version FROM versions
             JOIN objects ON objects.bucket = versions.bucket AND objects.version = versions.id
             WHERE versions.bucket = ?1 AND versions.replication = 'failed'",
            params![bucket.id.as_bytes()],
            |row| Ok((columns::key(row, 0)?, columns::bytes16(row, 1)?)),
        )?;
        for (key, version) in failed {
            let version = VersionId::from_bytes(version);
            let owner_key = self.owner_key(unit, bucket.id, version)?;
            let (sealed, beside) = sealed_of(unit, version)?;
            let (facts, _, tags) = Facts::open(version, bucket.id, &owner_key, &sealed)?;
            // Where the region has the version already, it may be what stands beside it that failed.
            let mut deeds = vec![ReplicationDeed::Object, ReplicationDeed::Tags];
            deeds.extend(beside.lock.hold.map(|_| ReplicationDeed::Hold));
            deeds.extend(beside.lock.retention.map(|_| ReplicationDeed::Retention));
            for deed in deeds {
                if let Some(state) = note(
                    unit,
                    bucket,
                    replication,
                    &key,
                    version,
                    deed,
                    &tags,
                    &facts.encryption,
                )? {
                    set_state(unit, version, state)?;
                }
            }
        }
        self.try_markers_again(unit, bucket)
    }

    /// Tries delete markers again that had failed and still hide their keys.
    fn try_markers_again(&self, unit: &Unit<'_>, bucket: &Bucket) -> Result<(), Error> {
        let failed = unit.all(
            "SELECT number, key, version FROM replications WHERE bucket = ?1 AND failed = 1",
            params![bucket.id.as_bytes()],
            |row| {
                let number: i64 = row.get(0)?;
                Ok((number, columns::key(row, 1)?, columns::bytes16(row, 2)?))
            },
        )?;
        for (number, key, marker) in failed {
            let current = version::find(unit, bucket, &key, VersionWish::Current)?;
            let hides = current.is_some_and(|row| *row.version.as_bytes() == marker);
            let change = if hides {
                "UPDATE replications SET failed = 0 WHERE number = ?1"
            } else {
                "DELETE FROM replications WHERE number = ?1"
            };
            unit.execute(change, params![number])?;
        }
        Ok(())
    }

    fn owner_key(
        &self,
        view: &View<'_>,
        bucket: BucketId,
        version: VersionId,
    ) -> Result<DataKey, Error> {
        self.inner
            .keys
            .in_view(view, bucket)?
            .for_owner(version.as_bytes())
    }
}

/// Returns the id of a replica: that of what it is a replica of, so that who brings it twice brings it once.
pub(crate) fn version_of_replica(
    unit: &Unit<'_>,
    bucket: &Bucket,
    key: &ObjectKey,
    origin: VersionId,
    now: Timestamp,
) -> Result<VersionId, Error> {
    if bucket.versioning != Versioning::Enabled {
        return Err(Error::ReplicationNeedsVersioning);
    }
    if version::find(unit, bucket, key, VersionWish::Id(origin))?.is_some() {
        return Err(Error::ReplicaExists);
    }
    let taken = unit.one(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM versions WHERE id = ?1)
         OR EXISTS (SELECT 1 FROM history WHERE version = ?1)
         OR EXISTS (SELECT 1 FROM uploads WHERE id = ?1)
         OR EXISTS (SELECT 1 FROM bodies WHERE owner = ?1)",
        params![origin.as_bytes()],
        |_| Ok(()),
    )?;
    Ok(match taken {
        None => origin,
        // It stands in another bucket of this region, or is that of an upload, whose bodies go by it: whoever put it there
        // must not keep this one out, nor this one lay hands on what is there.
        Some(()) => VersionId::from_time(now, onshore_keys::random()),
    })
}

/// Gives up what waits by rules that are no longer there as they were: who narrows a rule means what waits too.
fn give_up(
    unit: &Unit<'_>,
    bucket: &Bucket,
    before: Option<&Replication>,
    now: Option<&Replication>,
) -> Result<(), Error> {
    let waiting = unit.all(
        "SELECT DISTINCT rule, destination, target FROM replications WHERE bucket = ?1",
        params![bucket.id.as_bytes()],
        |row| {
            let rule: String = row.get(0)?;
            let destination: String = row.get(1)?;
            let target: String = row.get(2)?;
            Ok((rule, destination, target))
        },
    )?;
    for (id, destination, target) in waiting {
        let of_id = |replication: &Replication| {
            let mut rules = replication.rules.iter();
            rules.find(|rule| rule.id == id).cloned()
        };
        let is_kept = now.and_then(of_id).is_some_and(|rule| {
            rule.is_enabled
                && rule.destination.name == destination
                && rule.destination.bucket.as_str() == target
                && before.and_then(of_id) == Some(rule)
        });
        if is_kept {
            continue;
        }
        let of_rule = "bucket = ?1 AND rule = ?2 AND destination = ?3 AND target = ?4";
        unit.execute(
            &format!(
                "UPDATE versions SET replication = 'failed'
                 WHERE id IN (SELECT version FROM replications WHERE {of_rule})"
            ),
            params![bucket.id.as_bytes(), id, destination, target],
        )?;
        unit.execute(
            &format!("UPDATE replications SET failed = 1 WHERE {of_rule} AND deed = 'marker'"),
            params![bucket.id.as_bytes(), id, destination, target],
        )?;
        unit.execute(
            &format!("DELETE FROM replications WHERE {of_rule} AND deed <> 'marker'"),
            params![bucket.id.as_bytes(), id, destination, target],
        )?;
    }
    Ok(())
}
