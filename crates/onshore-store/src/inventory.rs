//! Inventories: which buckets are to have what they hold listed, where, how often; and the pages of such a list.

use onshore_db::{Row, RowError, Unit, View, params, unreadable};
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, BucketName, Label, ObjectKey, Timestamp};
use serde::{Deserialize, Serialize};

use crate::bucket::{self, Bucket};
use crate::commit::permitted_bucket;
use crate::customer_key::Encryption;
use crate::describe::{Reach, list_label};
use crate::facts::Facts;
use crate::list_versions::{Standing, VersionEntry, Versions};
use crate::lock::Lock;
use crate::read::sealed_of;
use crate::replication::ReplicationState;
use crate::tenant_keys::TenantKey;
use crate::version::Kind;
use crate::{Error, Store, permits};

/// The most inventories of a bucket, as at AWS.
const INVENTORIES_MAX: i64 = 1000;

/// What is to be listed of a bucket, and where to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// Its name within the bucket.
    pub id: String,
    /// Whether reports are made.
    pub is_enabled: bool,
    /// The bucket that reports are stored in.
    pub target: BucketName,
    /// The partition by which its ARN was given: given back as it came.
    pub partition: String,
    /// What keys begin with there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_prefix: Option<String>,
    /// How reports are encrypted, if it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<Encryption>,
    /// Which versions are listed.
    pub included: IncludedVersions,
    /// How often.
    pub frequency: InventoryFrequency,
    /// What the listed keys begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// What is told of each besides bucket and key, in the words of S3 and in the order of its columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// Which versions an inventory lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IncludedVersions {
    /// The objects.
    Current,
    /// Every version and delete marker.
    All,
}

/// How often a report is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InventoryFrequency {
    /// Each day.
    Daily,
    /// Each seven days.
    Weekly,
}

impl Inventory {
    /// Returns the ARN of the bucket that reports are stored in, as it was given.
    #[must_use]
    pub fn target_arn(&self) -> String {
        format!("arn:{}:s3:::{}", self.partition, self.target)
    }
}

impl InventoryFrequency {
    /// Returns how many days lie between two reports.
    #[must_use]
    pub const fn days(self) -> i64 {
        match self {
            Self::Daily => 1,
            Self::Weekly => 7,
        }
    }
}

/// An inventory and the bucket it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueInventory {
    /// The bucket.
    pub bucket: BucketId,
    /// What is to be listed.
    pub inventory: Inventory,
    /// When the last report was begun; none where none was finished.
    pub delivered: Option<Timestamp>,
}

/// Which page of a list is wanted.
#[derive(Debug, Clone)]
pub struct InventoryQuery {
    /// Keys begin with this.
    pub prefix: String,
    /// Which versions.
    pub included: IncludedVersions,
    /// What an earlier page ended with.
    pub after: Option<InventoryMarker>,
    /// How many versions a page looks at.
    pub looked_at_max: usize,
    /// Whether it is told how each is encrypted: that costs opening its facts.
    pub tells_encryption: bool,
}

/// Where a page ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventoryMarker {
    key: ObjectKey,
    turn: i64,
}

impl InventoryMarker {
    /// Returns where a page ended that told of this version last.
    fn behind(entry: &VersionEntry) -> Self {
        Self {
            key: entry.key.clone(),
            turn: entry.turn,
        }
    }

    fn place(&self) -> (&ObjectKey, i64) {
        (&self.key, self.turn)
    }
}

/// A page of a list.
#[derive(Debug, Clone, Default)]
pub struct InventoryPage {
    /// What is listed.
    pub rows: Vec<InventoryRow>,
    /// Where it goes on; none at the end.
    pub next: Option<InventoryMarker>,
}

/// One version in a list.
#[derive(Debug, Clone)]
pub struct InventoryRow {
    /// What listings tell.
    pub entry: VersionEntry,
    /// The locks on it.
    pub lock: Lock,
    /// How it is encrypted, where that was asked; none for a delete marker.
    pub encryption: Option<Encryption>,
    /// How far its replication is; none where it is not replicated.
    pub replication: Option<ReplicationState>,
}

impl Store {
    /// Gives the permit's bucket an inventory, or another in the place of the one of that name.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::NoInventoryTarget`] when the tenant has no bucket that reports could go to;
    /// [`Error::TooManyInventories`].
    pub fn set_inventory(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        inventory: &Inventory,
    ) -> Result<(), Error> {
        permits::flow(permit, &[Flow::Change])?;
        let bucket = permitted_bucket(unit, permit)?;
        bucket::by_name(unit, &inventory.target)?
            .filter(|target| target.tenant == bucket.tenant)
            .ok_or(Error::NoInventoryTarget)?;
        if let Some(encryption) = &inventory.encryption {
            self.inner
                .kms_keys
                .usable(unit, bucket.tenant, encryption)?;
        }
        let others = unit.one(
            "SELECT count(*) FROM inventories WHERE bucket = ?1 AND id <> ?2",
            params![bucket.id.as_bytes(), inventory.id],
            |row| row.get::<_, i64>(0),
        )?;
        if others.is_some_and(|others| others >= INVENTORIES_MAX) {
            return Err(Error::TooManyInventories);
        }
        let document = document_of(inventory)?;
        unit.execute(
            "INSERT INTO inventories (bucket, id, document) VALUES (?1, ?2, ?3)
             ON CONFLICT (bucket, id) DO UPDATE SET document = ?3",
            params![bucket.id.as_bytes(), inventory.id, document],
        )?;
        Ok(())
    }

    /// Takes an inventory from the permit's bucket, and says whether it was there.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub fn remove_inventory(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        id: &str,
    ) -> Result<bool, Error> {
        permits::flow(permit, &[Flow::Change])?;
        let bucket = permitted_bucket(unit, permit)?;
        let removed = unit.execute(
            "DELETE FROM inventories WHERE bucket = ?1 AND id = ?2",
            params![bucket.id.as_bytes(), id],
        )?;
        Ok(removed > 0)
    }

    /// Returns the inventories of a bucket, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn inventories(&self, bucket: BucketId) -> Result<Vec<Inventory>, Error> {
        self.inner
            .db
            .read(move |view| inventories_of(view, bucket))
            .await
    }

    /// Returns every inventory of every bucket: those first that never had a report, then those that wait longest.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn all_inventories(&self) -> Result<Vec<DueInventory>, Error> {
        self.inner
            .db
            .read(|view| {
                Ok(view.all(
                    "SELECT document, bucket, delivered FROM inventories ORDER BY delivered IS NOT NULL, delivered",
                    params![],
                    |row| {
                        Ok(DueInventory {
                            inventory: of_row(row)?,
                            bucket: BucketId::from_bytes(crate::columns::bytes16(row, 1)?),
                            delivered: row.get::<_, Option<i64>>(2)?.map(Timestamp::from_millis),
                        })
                    },
                )?)
            })
            .await
    }

    /// Notes that a report was delivered, in the unit of work that stores its end. One that is meant otherwise by now is
    /// still due.
    ///
    /// # Errors
    /// Those of the database.
    pub fn note_inventory(
        &self,
        unit: &Unit<'_>,
        due: &DueInventory,
        begun: Timestamp,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE inventories SET delivered = ?4 WHERE bucket = ?1 AND id = ?2 AND document = ?3",
            params![
                due.bucket.as_bytes(),
                due.inventory.id,
                document_of(&due.inventory)?,
                begun.as_millis()
            ],
        )?;
        Ok(())
    }

    /// Returns a page of what the permit's bucket holds.
    ///
    /// # Errors
    /// As [`Store::list_versions`].
    pub async fn inventory_page(
        &self,
        permit: Permit,
        query: InventoryQuery,
    ) -> Result<InventoryPage, Error> {
        permits::flow(&permit, &[Flow::List])?;
        let key = self.tenant_key(permits::bucket(&permit)?).await?;
        self.inner
            .db
            .read(move |view| {
                let bucket = permitted_bucket(view, &permit)?;
                let label = list_label(view, &bucket, &query.prefix, Reach::Versions)?;
                permits::label(&permit, label)?;
                page(view, &bucket, &key, &query)
            })
            .await
    }

    /// Returns the label that a list of what a bucket holds beneath a prefix is judged by.
    ///
    /// # Errors
    /// As [`Store::list_label`].
    pub async fn inventory_label(&self, bucket: &Bucket, prefix: &str) -> Result<Label, Error> {
        self.list_label(bucket, prefix, Reach::Versions).await
    }
}

fn page(
    view: &View<'_>,
    bucket: &Bucket,
    key: &TenantKey,
    query: &InventoryQuery,
) -> Result<InventoryPage, Error> {
    let mut rows = Vec::new();
    let start = PageStart {
        prefix: &query.prefix,
        after: query.after.as_ref(),
        looked_at_max: query.looked_at_max,
    };
    let next = each_version(view, bucket, &start, |entry| {
        let is_object = entry.kind == Kind::Object;
        let is_wanted = match query.included {
            IncludedVersions::All => true,
            IncludedVersions::Current => is_object && entry.standing == Standing::Latest,
        };
        if !is_wanted {
            return Ok(());
        }
        let row = match entry.kind {
            Kind::Object => held(view, bucket, key, entry, query.tells_encryption)?,
            Kind::Marker => InventoryRow {
                entry,
                lock: Lock::default(),
                encryption: None,
                replication: None,
            },
        };
        rows.push(row);
        Ok(())
    })?;
    Ok(InventoryPage { rows, next })
}

/// Where a page of what a bucket holds begins, and how far it goes.
pub(crate) struct PageStart<'a> {
    /// Keys begin with this.
    pub(crate) prefix: &'a str,
    /// What an earlier page ended with.
    pub(crate) after: Option<&'a InventoryMarker>,
    /// How many versions are looked at.
    pub(crate) looked_at_max: usize,
}

/// Goes through a page of what a bucket holds, in the order of keys and of versions, and returns where it goes on; none at the
/// end.
pub(crate) fn each_version(
    view: &View<'_>,
    bucket: &Bucket,
    start: &PageStart<'_>,
    mut each: impl FnMut(VersionEntry) -> Result<(), Error>,
) -> Result<Option<InventoryMarker>, Error> {
    let after = start.after.map(InventoryMarker::place);
    let mut versions = Versions::beneath(bucket, start.prefix, after);
    let mut next = None;
    for _ in 0..start.looked_at_max {
        let Some(entry) = versions.next(view)? else {
            return Ok(None);
        };
        next = Some(InventoryMarker::behind(&entry));
        each(entry)?;
    }
    Ok(next)
}

fn held(
    view: &View<'_>,
    bucket: &Bucket,
    key: &TenantKey,
    entry: VersionEntry,
    tells_encryption: bool,
) -> Result<InventoryRow, Error> {
    let version = entry.version;
    let (sealed, beside) = sealed_of(view, version)?;
    let mut row = InventoryRow {
        entry,
        lock: beside.lock,
        encryption: None,
        replication: beside.replication,
    };
    if tells_encryption {
        let owner_key = key.for_owner(version.as_bytes())?;
        let (facts, _, _) = Facts::open(version, bucket.id, &owner_key, &sealed)?;
        row.encryption = Some(facts.encryption);
    }
    Ok(row)
}

fn inventories_of(view: &View<'_>, bucket: BucketId) -> Result<Vec<Inventory>, Error> {
    Ok(view.all(
        "SELECT document FROM inventories WHERE bucket = ?1 ORDER BY id",
        params![bucket.as_bytes()],
        of_row,
    )?)
}

fn document_of(inventory: &Inventory) -> Result<String, Error> {
    serde_json::to_string(inventory).map_err(|_| Error::CorruptRecord("an inventory of a bucket"))
}

fn of_row(row: &Row<'_>) -> Result<Inventory, RowError> {
    let document: String = row.get(0)?;
    serde_json::from_str(&document).map_err(|error| unreadable(Box::new(error)))
}
