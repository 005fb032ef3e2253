//! What waits to be done in other regions, in its order, and how it ended.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, BucketName, Label, ObjectKey, TenantId, VersionId};

use crate::bucket;
use crate::version::{self, Kind, VersionWish};
use crate::{Error, Store, columns, permits};

/// What is to be done in another region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicationDeed {
    /// Bring the version.
    Object,
    /// Set the delete marker.
    Marker,
    /// Set the tags of the version.
    Tags,
    /// Hold the version, or let it go.
    Hold,
    /// Set the retention of the version.
    Retention,
}

/// Something that is to be done in another region.
#[derive(Debug, Clone)]
pub struct Replicating {
    /// Its number: a later one is larger.
    pub number: i64,
    /// What is to be done.
    pub deed: ReplicationDeed,
    /// The bucket it is to be done in.
    pub target: BucketName,
    /// The key there for objects under a named key.
    pub kms_key: Option<String>,
    /// The bucket here.
    pub bucket: BucketId,
    /// The key.
    pub key: ObjectKey,
    /// The version.
    pub version: VersionId,
    /// What is here of it by now; none where it is gone.
    pub found: Option<ToReplicate>,
}

/// What is here of a version that is to be brought to another region.
#[derive(Debug, Clone)]
pub struct ToReplicate {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its label in force.
    pub label: Label,
    /// Its size.
    pub size_bytes: u64,
}

/// How something that was to be done ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicationEnd {
    /// The other region has it, or there is nothing to bring any more.
    Done,
    /// It cannot be.
    Failed,
}

impl ReplicationDeed {
    const ALL: [Self; 5] = [
        Self::Object,
        Self::Marker,
        Self::Tags,
        Self::Hold,
        Self::Retention,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Marker => "marker",
            Self::Tags => "tags",
            Self::Hold => "hold",
            Self::Retention => "retention",
        }
    }
}

impl Store {
    /// Returns the regions that something waits for.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn replication_destinations(&self) -> Result<Vec<String>, Error> {
        let found = self.inner.db.read(|view| {
            Ok::<_, Error>(view.all(
                "WITH RECURSIVE waiting (destination) AS (
                     SELECT min(destination) FROM replications
                     UNION ALL
                     SELECT (SELECT min(destination) FROM replications WHERE destination > waiting.destination)
                     FROM waiting WHERE waiting.destination IS NOT NULL)
                 SELECT destination FROM waiting WHERE destination IS NOT NULL",
                params![],
                |row| row.get(0),
            )?)
        });
        found.await
    }

    /// Returns what waits for a region, oldest first, behind a number.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn replications(
        &self,
        destination: String,
        after: i64,
        count_max: u32,
    ) -> Result<Vec<Replicating>, Error> {
        let found = self.inner.db.read(move |view| {
            let waiting = view.all(
                "SELECT number, deed, target, bucket, key, version, kms_key FROM replications
                 WHERE destination = ?1 AND number > ?2 AND failed = 0 ORDER BY number LIMIT ?3",
                params![destination, after, count_max],
                from_row,
            )?;
            waiting
                .into_iter()
                .map(|replicating| Self::found(view, replicating))
                .collect::<Result<_, Error>>()
        });
        found.await
    }

    /// Says whether something is still to be done, to whoever may do it as it is labelled now.
    ///
    /// # Errors
    /// [`Error::PermitMismatch`]; [`Error::LabelChanged`] when it became stricter than what was judged.
    pub fn confirm_replication(
        &self,
        permit: &Permit,
        replicating: &Replicating,
    ) -> Result<bool, Error> {
        permits::flow(permit, &[Flow::Inspect])?;
        let mismatch = |what| Err(Error::PermitMismatch(what));
        if permit.bucket() != Some(replicating.bucket) {
            return mismatch("bucket");
        }
        if permit.key() != Some(&replicating.key) {
            return mismatch("key");
        }
        if permit.version() != Some(replicating.version) {
            return mismatch("version");
        }
        let now = self.inner.db.glance(|view| {
            let waiting = view.one(
                "SELECT number, deed, target, bucket, key, version, kms_key FROM replications WHERE number = ?1",
                params![replicating.number],
                from_row,
            )?;
            match waiting {
                Some(waiting) => Ok(Self::found(view, waiting)?.found),
                None => Ok::<_, Error>(None),
            }
        })?;
        let Some(found) = now else {
            return Ok(false);
        };
        if permit.tenant() != found.tenant {
            return mismatch("tenant");
        }
        permits::label(permit, found.label)?;
        Ok(true)
    }

    /// Returns how much waits for a region.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn replications_waiting(&self, destination: String) -> Result<u64, Error> {
        let count = self.inner.db.read(move |view| {
            Ok::<_, Error>(view.one(
                "SELECT count(*) FROM replications WHERE destination = ?1 AND failed = 0",
                params![destination],
                |row| columns::size(row, 0),
            )?)
        });
        Ok(count.await?.unwrap_or_default())
    }

    /// Notes how something that was to be done ended.
    ///
    /// # Errors
    /// Those of the database.
    pub fn settle_replication(
        &self,
        unit: &Unit<'_>,
        number: i64,
        end: ReplicationEnd,
    ) -> Result<(), Error> {
        if end == ReplicationEnd::Failed {
            // No version tells that its marker failed: the row itself stays, out of line.
            let kept = unit.execute(
                "UPDATE replications SET failed = 1 WHERE number = ?1 AND deed = 'marker'",
                params![number],
            )?;
            if kept != 0 {
                return Ok(());
            }
        }
        let version = unit.one(
            "DELETE FROM replications WHERE number = ?1 RETURNING version",
            params![number],
            |row| row.get::<_, [u8; 16]>(0),
        )?;
        let Some(version) = version else {
            return Ok(());
        };
        match end {
            // What failed for one region has failed, whatever another says.
            ReplicationEnd::Done => unit.execute(
                "UPDATE versions SET replication = 'completed' WHERE id = ?1 AND replication = 'pending'
                 AND NOT EXISTS (SELECT 1 FROM replications WHERE version = ?1)",
                params![version],
            )?,
            ReplicationEnd::Failed => unit.execute(
                "UPDATE versions SET replication = 'failed' WHERE id = ?1",
                params![version],
            )?,
        };
        Ok(())
    }

    /// Adds what is here by now.
    fn found(view: &View<'_>, mut replicating: Replicating) -> Result<Replicating, Error> {
        let Some(bucket) = bucket::by_id(view, replicating.bucket)? else {
            return Ok(replicating);
        };
        let wish = VersionWish::Id(replicating.version);
        let kind = match replicating.deed {
            ReplicationDeed::Marker => Kind::Marker,
            ReplicationDeed::Object
            | ReplicationDeed::Tags
            | ReplicationDeed::Hold
            | ReplicationDeed::Retention => Kind::Object,
        };
        let row = version::find(view, &bucket, &replicating.key, wish)?;
        if let Some(row) = row.filter(|row| row.kind == kind) {
            replicating.found = Some(ToReplicate {
                tenant: bucket.tenant,
                label: bucket.effective(row.label),
                size_bytes: row.size_bytes,
            });
        }
        Ok(replicating)
    }
}

fn from_row(row: &Row<'_>) -> Result<Replicating, RowError> {
    let target: String = row.get(2)?;
    Ok(Replicating {
        number: row.get(0)?,
        deed: columns::word(row, 1, &ReplicationDeed::ALL, ReplicationDeed::as_str)?,
        target: BucketName::parse(target)
            .map_err(|error| onshore_db::unreadable(Box::new(error)))?,
        bucket: BucketId::from_bytes(columns::bytes16(row, 3)?),
        key: columns::key(row, 4)?,
        version: VersionId::from_bytes(columns::bytes16(row, 5)?),
        kms_key: row.get(6)?,
        found: None,
    })
}
