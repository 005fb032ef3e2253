//! Noting what is to be done in other regions, in the unit of work that makes it so, and how far a version is.

use onshore_db::{Row, RowError, Unit, params};
use onshore_types::{ObjectKey, VersionId};

use super::queue::ReplicationDeed;
use super::rules::{Replication, ReplicationRule};
use crate::bucket::Bucket;
use crate::customer_key::Encryption;
use crate::facts::open_tags;
use crate::object::{NewObject, Tags};
use crate::read::sealed_of;
use crate::{Error, Store, columns};

/// How far the replication of a version is: `x-amz-replication-status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplicationState {
    /// It is still to be brought.
    Pending,
    /// The other regions have it.
    Completed,
    /// Another region does not take it, or it must not go there. Setting the rules again tries it anew.
    Failed,
    /// It was brought from another region.
    Replica,
}

impl ReplicationState {
    const ALL: [Self; 4] = [Self::Pending, Self::Completed, Self::Failed, Self::Replica];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Replica => "replica",
        }
    }

    /// Reads the column of a version that says it, if anything does.
    pub(crate) fn of_row(row: &Row<'_>, column: usize) -> Result<Option<Self>, RowError> {
        match row.get::<_, Option<String>>(column)? {
            Some(_) => columns::word(row, column, &Self::ALL, Self::as_str).map(Some),
            None => Ok(None),
        }
    }
}

impl Store {
    /// Notes that the locks of a version changed, where it was brought elsewhere or will be.
    pub(crate) fn note_lock(
        &self,
        unit: &Unit<'_>,
        bucket: &Bucket,
        key: &ObjectKey,
        version: VersionId,
        deed: ReplicationDeed,
    ) -> Result<(), Error> {
        let tags = || {
            let owner_key = self.owner_key(unit, bucket.id, version)?;
            let (sealed, _) = sealed_of(unit, version)?;
            open_tags(version, &owner_key, &sealed.tags)
        };
        of_change(unit, bucket, key, version, deed, tags)
    }
}

/// Notes that a new version is to be brought elsewhere, and returns how far that is; none where it is not.
pub(crate) fn of_new(
    unit: &Unit<'_>,
    bucket: &Bucket,
    key: &ObjectKey,
    version: VersionId,
    object: &NewObject,
) -> Result<Option<ReplicationState>, Error> {
    if object.replica_of.is_some() {
        return Ok(Some(ReplicationState::Replica));
    }
    let Some(replication) = Replication::of(unit, bucket)? else {
        return Ok(None);
    };
    let deed = ReplicationDeed::Object;
    note(
        unit,
        bucket,
        &replication,
        key,
        version,
        deed,
        &object.tags,
        &object.encryption,
    )
}

/// Notes that a delete marker is to be set elsewhere.
pub(crate) fn of_marker(
    unit: &Unit<'_>,
    bucket: &Bucket,
    key: &ObjectKey,
    marker: VersionId,
) -> Result<(), Error> {
    let Some(replication) = Replication::of(unit, bucket)? else {
        return Ok(());
    };
    for rule in replication.chosen(|rule| rule.fits(key) && rule.takes_markers()) {
        put(unit, bucket, rule, key, marker, ReplicationDeed::Marker)?;
    }
    Ok(())
}

/// Notes that what stands beside a version changed, where the version itself was brought elsewhere or will be.
pub(crate) fn of_change(
    unit: &Unit<'_>,
    bucket: &Bucket,
    key: &ObjectKey,
    version: VersionId,
    deed: ReplicationDeed,
    tags: impl FnOnce() -> Result<Tags, Error>,
) -> Result<(), Error> {
    let Some(replication) = Replication::of(unit, bucket)? else {
        return Ok(());
    };
    let state = unit
        .one(
            "SELECT replication FROM versions WHERE id = ?1",
            params![version.as_bytes()],
            |row| ReplicationState::of_row(row, 0),
        )?
        .flatten();
    match state {
        Some(ReplicationState::Pending | ReplicationState::Completed) => {}
        Some(ReplicationState::Failed | ReplicationState::Replica) | None => return Ok(()),
    }
    let service = Encryption::Service;
    if let Some(state) = note(
        unit,
        bucket,
        &replication,
        key,
        version,
        deed,
        &tags()?,
        &service,
    )? {
        set_state(unit, version, state)?;
    }
    Ok(())
}

#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of what rules are held against"
)]
pub(super) fn note(
    unit: &Unit<'_>,
    bucket: &Bucket,
    replication: &Replication,
    key: &ObjectKey,
    version: VersionId,
    deed: ReplicationDeed,
    tags: &Tags,
    encryption: &Encryption,
) -> Result<Option<ReplicationState>, Error> {
    let chosen = replication
        .chosen(|rule| rule.fits(key) && rule.scope.fits_tags(tags) && rule.takes(encryption));
    if chosen.is_empty() {
        return Ok(None);
    }
    if matches!(encryption, Encryption::Customer { .. }) {
        // Nobody here can read it without the client's key.
        return Ok(Some(ReplicationState::Failed));
    }
    for rule in chosen {
        put(unit, bucket, rule, key, version, deed)?;
    }
    Ok(Some(ReplicationState::Pending))
}

fn put(
    unit: &Unit<'_>,
    bucket: &Bucket,
    rule: &ReplicationRule,
    key: &ObjectKey,
    version: VersionId,
    deed: ReplicationDeed,
) -> Result<(), Error> {
    let destination = &rule.destination;
    unit.execute(
        "INSERT INTO replications (destination, target, rule, kms_key, bucket, key, version, deed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            destination.name,
            destination.bucket.as_str(),
            rule.id,
            destination.kms_key,
            bucket.id.as_bytes(),
            key.as_str().as_bytes(),
            version.as_bytes(),
            deed.as_str(),
        ],
    )?;
    Ok(())
}

pub(super) fn set_state(
    unit: &Unit<'_>,
    version: VersionId,
    state: ReplicationState,
) -> Result<(), Error> {
    unit.execute(
        "UPDATE versions SET replication = ?2 WHERE id = ?1",
        params![version.as_bytes(), state.as_str()],
    )?;
    Ok(())
}
