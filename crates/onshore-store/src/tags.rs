//! Changing the tags of an object: they are no part of what its version is bound to, and are sealed on their own.

use onshore_db::{Unit, params};
use onshore_policy::{Flow, Permit};
use onshore_types::VersionId;

use crate::commit::{current, permitted_bucket};
use crate::facts::seal_tags;
use crate::object::Tags;
use crate::{Error, Store, permits};

impl Store {
    /// Replaces the tags of the permit's object and returns its version.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`]; [`Error::VersionGone`] when the permit names a version that is no longer the current.
    pub fn set_tags(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        tags: &Tags,
    ) -> Result<VersionId, Error> {
        permits::flow(permit, &[Flow::Change])?;
        let bucket = permitted_bucket(unit, permit)?;
        let version = current(unit, bucket.id, permits::key(permit)?)?
            .ok_or(Error::NoSuchKey)?
            .version;
        if permit.version().is_some_and(|judged| judged != version) {
            return Err(Error::VersionGone);
        }
        let owner_key = self
            .inner
            .keys
            .in_view(unit, bucket.id)?
            .for_owner(version.as_bytes())?;
        let changed = unit.execute(
            "UPDATE versions SET tags = ?2 WHERE id = ?1",
            params![version.as_bytes(), seal_tags(version, &owner_key, tags)?],
        )?;
        if changed == 1 {
            Ok(version)
        } else {
            Err(Error::Corrupt {
                version,
                what: "its row is missing",
            })
        }
    }
}
