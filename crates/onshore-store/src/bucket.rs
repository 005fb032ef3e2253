//! Buckets: made, found, tightened, removed. Names are unique in the region, ids are never given again.

use std::sync::Arc;

use onshore_db::{Row, RowError, Unit, View, params, unreadable};
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, BucketName, Label, TenantId, Timestamp};

use crate::commit::permitted_bucket;
use crate::customer_key::Encryption;
use crate::lifecycle::LifecycleDocument;
use crate::lock::BucketLock;
use crate::settings::{Setting, document};
use crate::{Error, Store, columns, cutover, outbox, permits};

const COLUMNS: &str = "id, name, tenant, class, created, versioning, lock, encryption,
    (SELECT document FROM bucket_settings WHERE bucket = id AND name = 'lifecycle'),
    (SELECT document FROM bucket_settings WHERE bucket = id AND name = 'policy'),
    (SELECT document FROM bucket_settings WHERE bucket = id AND name = 'public-access-block')";

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its id.
    pub id: BucketId,
    /// Its name.
    pub name: BucketName,
    /// Whose it is.
    pub tenant: TenantId,
    /// The label that everything in it has at least; none where it has no default.
    pub class: Option<Label>,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it keeps what is overwritten and deleted.
    pub versioning: Versioning,
    /// Whether versions in it can be locked, and how new ones are.
    pub lock: Option<BucketLock>,
    /// How new objects are encrypted if nothing is said with them.
    pub encryption: Encryption,
    /// What goes when, where it has been said.
    pub lifecycle: Option<LifecycleDocument>,
    /// Whom it lets do what, where it has been said: the store does not read it.
    pub policy: Option<Arc<str>>,
    /// Which public access is blocked, where it has been said: the store does not read it.
    pub public_access_block: Option<Arc<str>>,
}

/// Whether a bucket keeps what is overwritten and deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Versioning {
    /// No, and it never did.
    #[default]
    Off,
    /// Yes.
    Enabled,
    /// Not any more; what it kept is still there.
    Suspended,
}

impl Versioning {
    const ALL: [Self; 3] = [Self::Off, Self::Enabled, Self::Suspended];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Enabled => "enabled",
            Self::Suspended => "suspended",
        }
    }
}

/// What is wanted of a new bucket besides its name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NewBucket {
    /// The label that everything in it is to have at least.
    pub class: Option<Label>,
    /// Whether versions in it can be locked; such a bucket is versioned from the start.
    pub lock: Option<BucketLock>,
}

impl Bucket {
    /// Returns the label of an object that is stored with this one: the stricter of both.
    #[must_use]
    pub fn effective(&self, stored: Label) -> Label {
        self.class.map_or(stored, |class| stored.join(class))
    }
}

impl Store {
    /// Makes a bucket, and the tenant's key with its first one.
    ///
    /// # Errors
    /// [`Error::BucketTaken`].
    pub fn create_bucket(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        name: &BucketName,
        tenant: TenantId,
        new: NewBucket,
        now: Timestamp,
    ) -> Result<Bucket, Error> {
        permits::flow(permit, &[Flow::Change])?;
        if permit.tenant() != tenant {
            return Err(Error::PermitMismatch("tenant"));
        }
        if let Some(taken) = by_name(unit, name)? {
            return Err(Error::BucketTaken {
                owned_by_caller: taken.tenant == tenant,
            });
        }
        self.inner.keys.ensure(unit, tenant)?;
        let bucket = Bucket {
            id: BucketId::from_bytes(onshore_keys::random()),
            name: name.clone(),
            tenant,
            class: new.class,
            created: now,
            versioning: match new.lock {
                Some(_) => Versioning::Enabled,
                None => Versioning::Off,
            },
            lock: new.lock,
            encryption: Encryption::Service,
            lifecycle: None,
            policy: None,
            public_access_block: None,
        };
        unit.execute(
            "INSERT INTO buckets (id, name, tenant, class, created, versioning, lock) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                bucket.id.as_bytes(),
                name.as_str(),
                tenant.as_bytes(),
                new.class.map(|label| label.to_string()),
                now.as_millis(),
                bucket.versioning.as_str(),
                lock_column(new.lock),
            ],
        )?;
        Ok(bucket)
    }

    /// Enables or suspends versioning.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::LockKeepsVersioning`] where versions can be locked, and for
    /// [`Versioning::Off`], to which no bucket returns; [`Error::ReplicationKeepsVersioning`].
    pub fn set_versioning(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        versioning: Versioning,
    ) -> Result<Bucket, Error> {
        permits::flow(permit, &[Flow::Change])?;
        let mut bucket = permitted_bucket(unit, permit)?;
        let is_lockable = bucket.lock.is_some();
        if versioning == Versioning::Off || (is_lockable && versioning != Versioning::Enabled) {
            return Err(Error::LockKeepsVersioning);
        }
        let is_replicated = document(unit, bucket.id, Setting::Replication)?.is_some();
        if is_replicated && versioning != Versioning::Enabled {
            return Err(Error::ReplicationKeepsVersioning);
        }
        unit.execute(
            "UPDATE buckets SET versioning = ?2 WHERE id = ?1",
            params![bucket.id.as_bytes(), versioning.as_str()],
        )?;
        bucket.versioning = versioning;
        Ok(bucket)
    }

    /// Says how new objects of a bucket are encrypted if nothing is said with them.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`].
    pub fn set_bucket_encryption(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        encryption: &Encryption,
    ) -> Result<(), Error> {
        permits::flow(permit, &[Flow::Change])?;
        let bucket = permitted_bucket(unit, permit)?;
        let document = match encryption {
            Encryption::Service => None,
            Encryption::Kms { .. } | Encryption::Customer { .. } => Some(
                serde_json::to_string(encryption)
                    .map_err(|_| Error::CorruptRecord("an encryption"))?,
            ),
        };
        unit.execute(
            "UPDATE buckets SET encryption = ?2 WHERE id = ?1",
            params![bucket.id.as_bytes(), document],
        )?;
        Ok(())
    }

    /// Lets versions in a bucket be locked, and says how new ones are. It cannot be taken back.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::LockNeedsVersioning`].
    pub fn set_bucket_lock(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        lock: BucketLock,
    ) -> Result<Bucket, Error> {
        permits::flow(permit, &[Flow::Change])?;
        let mut bucket = permitted_bucket(unit, permit)?;
        if bucket.versioning != Versioning::Enabled {
            return Err(Error::LockNeedsVersioning);
        }
        unit.execute(
            "UPDATE buckets SET lock = ?2 WHERE id = ?1",
            params![bucket.id.as_bytes(), lock_column(Some(lock))],
        )?;
        bucket.lock = Some(lock);
        Ok(bucket)
    }

    /// Removes a bucket that holds no object; uploads under way in it are aborted.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::BucketNotEmpty`].
    pub fn remove_bucket(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        id: BucketId,
    ) -> Result<Bucket, Error> {
        permits::flow(permit, &[Flow::Change])?;
        if permits::bucket(permit)? != id {
            return Err(Error::PermitMismatch("bucket"));
        }
        let bucket = by_id(unit, id)?.ok_or(Error::NoSuchBucket)?;
        permits::tenant(permit, &bucket)?;
        let held = unit.one(
            "SELECT 1 WHERE EXISTS (SELECT 1 FROM objects WHERE bucket = ?1)
             OR EXISTS (SELECT 1 FROM history WHERE bucket = ?1)",
            params![id.as_bytes()],
            |_| Ok(()),
        )?;
        // What is still in another cloud is in it too.
        if held.is_some() || cutover::is_pulled(unit, id)? {
            return Err(Error::BucketNotEmpty);
        }
        let uploads = unit.all(
            "SELECT id FROM uploads WHERE bucket = ?1",
            params![id.as_bytes()],
            |row| row.get::<_, [u8; 16]>(0),
        )?;
        for upload in uploads {
            self.discard_upload(unit, upload)?;
        }
        unit.execute(
            "DELETE FROM bucket_settings WHERE bucket = ?1",
            params![id.as_bytes()],
        )?;
        outbox::tighten(unit, &bucket)?;
        unit.execute("DELETE FROM buckets WHERE id = ?1", params![id.as_bytes()])?;
        Ok(bucket)
    }

    /// Gives a bucket a class, or a stricter one than it has. What is stored in it is as strict from this unit on.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::WouldLoosen`].
    pub fn tighten_bucket(
        &self,
        unit: &Unit<'_>,
        id: BucketId,
        class: Label,
    ) -> Result<Bucket, Error> {
        let mut bucket = by_id(unit, id)?.ok_or(Error::NoSuchBucket)?;
        if let Some(from) = bucket.class
            && from.join(class) != class
        {
            return Err(Error::WouldLoosen { from, to: class });
        }
        unit.execute(
            "UPDATE buckets SET class = ?2 WHERE id = ?1",
            params![id.as_bytes(), class.to_string()],
        )?;
        bucket.class = Some(class);
        Ok(bucket)
    }

    /// Returns the bucket of this name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn bucket(&self, name: &BucketName) -> Result<Option<Bucket>, Error> {
        let look = self.inner.buckets.begin(&self.inner.db);
        self.inner.db.glance(|view| look.by_name(view, name))
    }

    /// Returns the bucket of this id.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn bucket_by_id(&self, id: BucketId) -> Result<Option<Bucket>, Error> {
        self.inner.db.read(move |view| by_id(view, id)).await
    }

    /// Returns the buckets of a tenant, or of all, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn buckets(&self, tenant: Option<TenantId>) -> Result<Vec<Bucket>, Error> {
        self.inner
            .db
            .read(move |view| match tenant {
                Some(tenant) => Ok(view.all(
                    &format!("SELECT {COLUMNS} FROM buckets WHERE tenant = ?1 ORDER BY name"),
                    params![tenant.as_bytes()],
                    from_row,
                )?),
                None => Ok(view.all(
                    &format!("SELECT {COLUMNS} FROM buckets ORDER BY name"),
                    params![],
                    from_row,
                )?),
            })
            .await
    }
}

/// Returns the bucket of this id in this state.
pub(crate) fn by_id(view: &View<'_>, id: BucketId) -> Result<Option<Bucket>, Error> {
    Ok(view.one(
        &format!("SELECT {COLUMNS} FROM buckets WHERE id = ?1"),
        params![id.as_bytes()],
        from_row,
    )?)
}

/// Returns the bucket of this name in this state.
pub(crate) fn by_name(view: &View<'_>, name: &BucketName) -> Result<Option<Bucket>, Error> {
    Ok(view.one(
        &format!("SELECT {COLUMNS} FROM buckets WHERE name = ?1"),
        params![name.as_str()],
        from_row,
    )?)
}

fn from_row(row: &Row<'_>) -> Result<Bucket, RowError> {
    let name: String = row.get(1)?;
    let class = match row.get::<_, Option<String>>(3)? {
        Some(_) => Some(columns::label(row, 3)?),
        None => None,
    };
    Ok(Bucket {
        id: BucketId::from_bytes(columns::bytes16(row, 0)?),
        name: BucketName::parse(name).map_err(|error| unreadable(Box::new(error)))?,
        tenant: TenantId::from_bytes(columns::bytes16(row, 2)?),
        class,
        created: Timestamp::from_millis(row.get(4)?),
        versioning: columns::word(row, 5, &Versioning::ALL, Versioning::as_str)?,
        lock: match row.get::<_, Option<String>>(6)? {
            Some(text) => {
                Some(serde_json::from_str(&text).map_err(|error| unreadable(Box::new(error)))?)
            }
            None => None,
        },
        encryption: match row.get::<_, Option<String>>(7)? {
            Some(text) => {
                serde_json::from_str(&text).map_err(|error| unreadable(Box::new(error)))?
            }
            None => Encryption::Service,
        },
        lifecycle: row.get::<_, Option<String>>(8)?.map(LifecycleDocument::new),
        policy: row.get::<_, Option<String>>(9)?.map(Arc::from),
        public_access_block: row.get::<_, Option<String>>(10)?.map(Arc::from),
    })
}

fn lock_column(lock: Option<BucketLock>) -> Option<String> {
    lock.map(|lock| serde_json::to_string(&lock).expect("a lock is JSON"))
}
