//! Replication: which objects of a bucket are brought to another region, and what of that is still to be done. What is
//! to be done is noted by the unit of work that makes an object, hides it or changes what stands beside it, so that
//! neither is ever there without the other; it is forgotten once the other region has it.
//!
//! The rules are those of the S3 user guide, "Replicating objects within and across Regions": new objects of a versioned
//! bucket, delete markers where a rule says so, tags and locks that change later; never the removal of a version, never
//! what is a replica itself.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_keys::DataKey;
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, BucketName, Label, ObjectKey, TenantId, Timestamp, VersionId};
use serde::{Deserialize, Serialize};

use crate::bucket::{self, Bucket, Versioning};
use crate::commit::permitted_bucket;
use crate::customer_key::Encryption;
use crate::facts::{Facts, open_tags};
use crate::object::{NewObject, Tags};
use crate::read::sealed_of;
use crate::settings::{Setting, document};
use crate::version::{self, Kind, VersionWish};
use crate::{Error, Store, columns, permits};

/// What of a bucket is brought to other regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replication {
    /// As whom it would be done at AWS: told as it was said.
    pub role: String,
    /// What is brought where.
    pub rules: Vec<ReplicationRule>,
}

/// What is brought to one bucket of another region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicationRule {
    /// Its id.
    pub id: String,
    /// Of rules to one bucket that fit, the one with the highest counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i32>,
    /// Whether it is in force.
    pub is_enabled: bool,
    /// What it is about.
    pub scope: ReplicationScope,
    /// Whether delete markers are brought too; none where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brings_markers: Option<bool>,
    /// Whether objects under a named key (SSE-KMS) are brought too; none where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brings_kms: Option<bool>,
    /// Where it brings them.
    pub destination: ReplicationDestination,
}

/// What a rule is about, as it was written: clients get it back in the same shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReplicationScope {
    /// Keys with this prefix, in the old way of writing it.
    OfPrefix(String),
    /// Everything.
    All,
    /// Keys with this prefix.
    Prefix(String),
    /// Objects with this tag.
    Tag(String, String),
    /// Keys with this prefix of objects with these tags.
    And(Option<String>, Vec<(String, String)>),
}

/// Where a rule brings objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicationDestination {
    /// The name of the region's entry in the server's configuration.
    pub name: String,
    /// The bucket there.
    pub bucket: BucketName,
    /// The whole name by which the bucket was given.
    pub arn: String,
    /// Whose it is, told as it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Whether its owner owns what comes, told as it was said: it is so always.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub owns_replicas: bool,
    /// The storage class, told as it was said: there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<String>,
    /// The key there for objects under a named key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

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

impl ReplicationDeed {
    const ALL: [Self; 5] = [
        Self::Object,
        Self::Marker,
        Self::Tags,
        Self::Hold,
        Self::Retention,
    ];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Object => "object",
            Self::Marker => "marker",
            Self::Tags => "tags",
            Self::Hold => "hold",
            Self::Retention => "retention",
        }
    }
}

impl ReplicationScope {
    /// Returns the prefix of the keys it is about.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self {
            Self::OfPrefix(prefix) | Self::Prefix(prefix) | Self::And(Some(prefix), _) => prefix,
            Self::All | Self::Tag(..) | Self::And(None, _) => "",
        }
    }

    /// Whether it names tags.
    #[must_use]
    pub fn names_tags(&self) -> bool {
        match self {
            Self::Tag(..) => true,
            Self::And(_, tags) => !tags.is_empty(),
            Self::OfPrefix(_) | Self::Prefix(_) | Self::All => false,
        }
    }

    fn fits_tags(&self, tags: &Tags) -> bool {
        match self {
            Self::Tag(name, value) => tags.get(name) == Some(value),
            Self::And(_, wanted) => wanted
                .iter()
                .all(|(name, value)| tags.get(name) == Some(value)),
            Self::OfPrefix(_) | Self::Prefix(_) | Self::All => true,
        }
    }
}

impl ReplicationRule {
    fn fits(&self, key: &ObjectKey) -> bool {
        self.is_enabled && key.as_str().starts_with(self.scope.prefix())
    }

    /// Whether delete markers are brought: where nothing is said only the old way of writing a rule means it.
    fn takes_markers(&self) -> bool {
        let is_old = matches!(self.scope, ReplicationScope::OfPrefix(_));
        self.brings_markers.unwrap_or(is_old) && !self.scope.names_tags()
    }

    fn takes(&self, encryption: &Encryption) -> bool {
        match encryption {
            Encryption::Service | Encryption::Customer { .. } => true,
            Encryption::Kms { .. } => self.brings_kms == Some(true),
        }
    }
}

impl Replication {
    /// Reads what of a bucket is brought elsewhere; none where nothing is.
    fn of(view: &View<'_>, bucket: &Bucket) -> Result<Option<Self>, Error> {
        // Without versions nothing is replicated, and rules keep a bucket versioned.
        if bucket.versioning != Versioning::Enabled {
            return Ok(None);
        }
        document(view, bucket.id, Setting::Replication)?
            .map(|text| serde_json::from_str(&text))
            .transpose()
            .map_err(|_| Error::CorruptRecord("the replication of a bucket"))
    }

    /// Returns the rules by which something is brought: one for each bucket of each region.
    fn chosen(&self, fits: impl Fn(&ReplicationRule) -> bool) -> Vec<&ReplicationRule> {
        let mut chosen: Vec<&ReplicationRule> = Vec::new();
        for rule in self.rules.iter().filter(|rule| fits(rule)) {
            let same = |other: &&mut &ReplicationRule| {
                other.destination.name == rule.destination.name
                    && other.destination.bucket == rule.destination.bucket
            };
            match chosen.iter_mut().find(same) {
                Some(other) if other.priority < rule.priority => *other = rule,
                Some(_) => {}
                None => chosen.push(rule),
            }
        }
        chosen
    }
}

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

#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of what rules are held against"
)]
fn note(
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

fn set_state(unit: &Unit<'_>, version: VersionId, state: ReplicationState) -> Result<(), Error> {
    unit.execute(
        "UPDATE versions SET replication = ?2 WHERE id = ?1",
        params![version.as_bytes(), state.as_str()],
    )?;
    Ok(())
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
