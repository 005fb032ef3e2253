//! The outbox: what happened to objects and is to be told, until it was told. A row is written by the unit of work that
//! makes the event happen and removed once its target has it: what is told is told at least once.

use onshore_db::{Row, RowError, Unit, params, unreadable};
use onshore_policy::{Flow, Permit};
use onshore_types::{
    BucketId, BucketName, Label, ObjectKey, PrincipalId, TenantId, Timestamp, VersionId,
};
use serde::{Deserialize, Serialize};

use crate::bucket::Bucket;
use crate::commit::permitted_bucket;
use crate::notification::{Happened, Notifications};
use crate::settings::Setting;
use crate::version::{Naming, VersionRow};
use crate::{Error, Store, columns, permits};

/// What is read of a row, with the class that its bucket has by now.
const COLUMNS: &str = "number, outbox.bucket, label, version, happening,
    (SELECT class FROM buckets WHERE id = outbox.bucket)";

/// The event that tells a target that it was named.
const TEST_EVENT: &str = "s3:TestEvent";

/// Something that is to be told, without what it is: a permit opens it ([`Store::open_outgoing`]).
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Its number: a later one is larger.
    pub number: i64,
    /// Whose it is.
    pub tenant: TenantId,
    /// Of which bucket it tells.
    pub bucket: BucketId,
    /// Of which object.
    pub key: Option<ObjectKey>,
    /// Of which version.
    pub version: Option<VersionId>,
    /// The label of what it tells of, or a stricter one of the bucket.
    pub label: Label,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Happening {
    /// The type of the event.
    pub event: String,
    /// The rule that has it told.
    pub rule: String,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub by: PrincipalId,
    /// Whose the bucket is.
    pub owner: TenantId,
    /// The name of the bucket.
    pub bucket: BucketName,
    /// What is told of the object; nothing in a test.
    pub object: Option<HappenedObject>,
}

/// What is told of an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HappenedObject {
    /// Its key.
    pub key: ObjectKey,
    /// Its version, where the bucket is versioned.
    pub version: Option<VersionId>,
    /// Its size, where it is there.
    pub size_bytes: Option<u64>,
    /// Its ETag, where it is there.
    pub etag: Option<String>,
}

/// What an event tells of a version.
pub(crate) struct About<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) version: VersionId,
    pub(crate) naming: Naming,
    pub(crate) label: Label,
    /// Its size and ETag, where it is there.
    pub(crate) present: Option<(u64, &'a str)>,
}

impl<'a> About<'a> {
    /// Tells of a version that is there.
    pub(crate) fn present(key: &'a ObjectKey, row: &'a VersionRow) -> Self {
        Self {
            present: Some((row.size_bytes, &row.etag)),
            ..Self::gone(key, row)
        }
    }

    /// Tells of a version that is gone.
    pub(crate) fn gone(key: &'a ObjectKey, row: &VersionRow) -> Self {
        Self {
            key,
            version: row.version,
            naming: row.naming,
            label: row.label,
            present: None,
        }
    }
}

impl Store {
    /// Says which events of the permit's bucket are told, and sends each target a test.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub fn set_notifications(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        notifications: &Notifications,
        now: Timestamp,
    ) -> Result<(), Error> {
        let document = (!notifications.rules.is_empty())
            .then(|| serde_json::to_string(notifications))
            .transpose()
            .map_err(|_| Error::CorruptRecord("the notifications of a bucket"))?;
        self.set_setting(unit, permit, Setting::Notification, document.as_deref())?;
        let bucket = permitted_bucket(unit, permit)?;
        let mut told: Vec<&str> = Vec::new();
        for rule in &notifications.rules {
            if told.contains(&rule.target.as_str()) {
                continue;
            }
            told.push(&rule.target);
            let test = Happening {
                event: TEST_EVENT.to_owned(),
                rule: rule.id.clone(),
                at: now,
                by: permit.principal().id,
                owner: bucket.tenant,
                bucket: bucket.name.clone(),
                object: None,
            };
            let label = Label::of_declarations([None, bucket.class]);
            put(unit, &rule.target, &bucket, label, None, &test)?;
        }
        Ok(())
    }

    /// Returns the targets that something waits for.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn outbox_targets(&self) -> Result<Vec<String>, Error> {
        self.inner
            .db
            .read(|view| {
                // One look at the index for each target, however many rows wait.
                Ok(view.all(
                    "WITH RECURSIVE waiting (target) AS (
                         SELECT min(target) FROM outbox
                         UNION ALL
                         SELECT (SELECT min(target) FROM outbox WHERE target > waiting.target)
                         FROM waiting WHERE waiting.target IS NOT NULL)
                     SELECT target FROM waiting WHERE target IS NOT NULL",
                    params![],
                    |row| row.get(0),
                )?)
            })
            .await
    }

    /// Returns what waits for a target, oldest first, behind a number.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn outbox(
        &self,
        target: String,
        after: i64,
        count_max: u32,
    ) -> Result<Vec<Outgoing>, Error> {
        self.inner
            .db
            .read(move |view| {
                Ok(view.all(
                    &format!(
                        "SELECT {COLUMNS} FROM outbox WHERE target = ?1 AND number > ?2 ORDER BY number LIMIT ?3"
                    ),
                    params![target, after, count_max],
                    |row| from_row(row).map(|(outgoing, _)| outgoing),
                )?)
            })
            .await
    }

    /// Returns what happened, to whoever may be told of the object as it is labelled now; none where it was told
    /// meanwhile.
    ///
    /// # Errors
    /// [`Error::PermitMismatch`]; [`Error::LabelChanged`] when it became stricter than what was judged.
    pub fn open_outgoing(&self, permit: &Permit, number: i64) -> Result<Option<Happening>, Error> {
        permits::flow(permit, &[Flow::Inspect])?;
        let row = self.inner.db.glance(|view| {
            Ok::<_, Error>(view.one(
                &format!("SELECT {COLUMNS} FROM outbox WHERE number = ?1"),
                params![number],
                from_row,
            )?)
        })?;
        let Some((outgoing, happening)) = row else {
            return Ok(None);
        };
        permits::label(permit, outgoing.label)?;
        let mismatch = |what| Err(Error::PermitMismatch(what));
        if permit.tenant() != outgoing.tenant {
            return mismatch("tenant");
        }
        if permit.bucket() != Some(outgoing.bucket) {
            return mismatch("bucket");
        }
        if permit.key() != outgoing.key.as_ref() {
            return mismatch("key");
        }
        if permit.version() != outgoing.version {
            return mismatch("version");
        }
        Ok(Some(happening))
    }

    /// Returns how much waits for a target.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn outbox_waiting(&self, target: String) -> Result<u64, Error> {
        let count = self.inner.db.read(move |view| {
            Ok::<_, Error>(view.one(
                "SELECT count(*) FROM outbox WHERE target = ?1",
                params![target],
                |row| columns::size(row, 0),
            )?)
        });
        Ok(count.await?.unwrap_or_default())
    }

    /// Forgets what a target has, or what will never be told to it.
    ///
    /// # Errors
    /// Those of the database.
    pub fn outbox_forget(&self, unit: &Unit<'_>, number: i64) -> Result<(), Error> {
        unit.execute("DELETE FROM outbox WHERE number = ?1", params![number])?;
        Ok(())
    }
}

/// Notes an event for every target that its bucket tells it to.
pub(crate) fn tell(
    unit: &Unit<'_>,
    permit: &Permit,
    bucket: &Bucket,
    happened: Happened,
    about: &About<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(notifications) = Notifications::of(unit, bucket.id)? else {
        return Ok(());
    };
    let event = happened.event(permit.operation());
    for rule in &notifications.rules {
        if !rule.tells(event, about.key) {
            continue;
        }
        let happening = Happening {
            event: event.to_owned(),
            rule: rule.id.clone(),
            at: now,
            by: permit.principal().id,
            owner: bucket.tenant,
            bucket: bucket.name.clone(),
            object: Some(HappenedObject {
                key: about.key.clone(),
                version: (about.naming == Naming::Own).then_some(about.version),
                size_bytes: about.present.map(|(size_bytes, _)| size_bytes),
                etag: about.present.map(|(_, etag)| etag.to_owned()),
            }),
        };
        let (label, version) = (bucket.effective(about.label), Some(about.version));
        put(unit, &rule.target, bucket, label, version, &happening)?;
    }
    Ok(())
}

fn put(
    unit: &Unit<'_>,
    target: &str,
    bucket: &Bucket,
    label: Label,
    version: Option<VersionId>,
    happening: &Happening,
) -> Result<(), Error> {
    let document =
        serde_json::to_string(happening).map_err(|_| Error::CorruptRecord("an event"))?;
    unit.execute(
        "INSERT INTO outbox (target, bucket, label, version, happening) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            target,
            bucket.id.as_bytes(),
            label.to_string(),
            version.map(|version| *version.as_bytes()),
            document,
        ],
    )?;
    Ok(())
}

/// Makes what waits of a bucket as strict as the bucket is, before nobody can tell how strict it was.
pub(crate) fn tighten(unit: &Unit<'_>, bucket: &Bucket) -> Result<(), Error> {
    let Some(class) = bucket.class else {
        return Ok(());
    };
    let labels = unit.all(
        "SELECT DISTINCT label FROM outbox WHERE bucket = ?1",
        params![bucket.id.as_bytes()],
        |row| columns::label(row, 0),
    )?;
    for label in labels {
        unit.execute(
            "UPDATE outbox SET label = ?3 WHERE bucket = ?1 AND label = ?2",
            params![
                bucket.id.as_bytes(),
                label.to_string(),
                label.join(class).to_string()
            ],
        )?;
    }
    Ok(())
}

fn from_row(row: &Row<'_>) -> Result<(Outgoing, Happening), RowError> {
    let document: String = row.get(4)?;
    let happening: Happening =
        serde_json::from_str(&document).map_err(|error| unreadable(Box::new(error)))?;
    let noted = columns::label(row, 2)?;
    // As strict as its bucket is by now.
    let label = match row.get::<_, Option<String>>(5)? {
        Some(_) => noted.join(columns::label(row, 5)?),
        None => noted,
    };
    let version: Option<[u8; 16]> = row.get(3)?;
    let outgoing = Outgoing {
        number: row.get(0)?,
        tenant: happening.owner,
        bucket: BucketId::from_bytes(columns::bytes16(row, 1)?),
        key: happening.object.as_ref().map(|object| object.key.clone()),
        version: version.map(VersionId::from_bytes),
        label,
    };
    Ok((outgoing, happening))
}
