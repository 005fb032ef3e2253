//! Changing the tags of an object: they are no part of what its version is bound to, and are sealed on their own.

use onshore_db::{Unit, params};
use onshore_policy::{Flow, Permit};
use onshore_types::{Timestamp, VersionId};

use crate::commit::permitted_bucket;
use crate::facts::seal_tags;
use crate::notification::Happened;
use crate::object::Tags;
use crate::outbox::{self, About};
use crate::replication::{self, ReplicationDeed};
use crate::version::{self, Kind, VersionWish};
use crate::{Error, Store, permits};

impl Store {
    /// Replaces the tags of the permit's version, or of its object where it names none, and returns the version.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`]; [`Error::VersionGone`] when the permit names a version that is no longer there.
    pub fn set_tags(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        tags: &Tags,
        now: Timestamp,
    ) -> Result<VersionId, Error> {
        permits::flow(permit, &[Flow::Change])?;
        let bucket = permitted_bucket(unit, permit)?;
        let wish = permit
            .version()
            .map_or(VersionWish::Current, VersionWish::Id);
        let key = permits::key(permit)?;
        let row = version::find(unit, &bucket, key, wish)?
            .filter(|row| row.kind == Kind::Object)
            .ok_or(match wish {
                VersionWish::Current => Error::NoSuchKey,
                VersionWish::Null | VersionWish::Id(_) => Error::VersionGone,
            })?;
        let version = row.version;
        let owner_key = self
            .inner
            .keys
            .in_view(unit, bucket.id)?
            .for_owner(version.as_bytes())?;
        let changed = unit.execute(
            "UPDATE versions SET tags = ?2 WHERE id = ?1",
            params![version.as_bytes(), seal_tags(version, &owner_key, tags)?],
        )?;
        if changed != 1 {
            return Err(Error::Corrupt {
                version,
                what: "its row is missing",
            });
        }
        let happened = match permit.operation() {
            "DeleteObjectTagging" => Happened::Untagged,
            _ => Happened::Tagged,
        };
        let now_tagged = || Ok(tags.clone());
        replication::of_change(
            unit,
            &bucket,
            key,
            version,
            ReplicationDeed::Tags,
            now_tagged,
        )?;
        let about = About::present(key, &row);
        outbox::tell(unit, permit, &bucket, happened, &about, now)?;
        Ok(version)
    }
}
