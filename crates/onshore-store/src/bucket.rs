//! Buckets: made, found, tightened, removed. Names are unique in the region, ids are never given again.

use onshore_db::{Row, RowError, Unit, View, params, unreadable};
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, BucketName, Label, TenantId, Timestamp};

use crate::{Error, Store, columns, permits};

const COLUMNS: &str = "id, name, tenant, class, created";

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
        class: Option<Label>,
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
            class,
            created: now,
        };
        unit.execute(
            "INSERT INTO buckets (id, name, tenant, class, created) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                bucket.id.as_bytes(),
                name.as_str(),
                tenant.as_bytes(),
                class.map(|label| label.to_string()),
                now.as_millis()
            ],
        )?;
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
            "SELECT 1 FROM objects WHERE bucket = ?1 LIMIT 1",
            params![id.as_bytes()],
            |_| Ok(()),
        )?;
        if held.is_some() {
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
        let name = name.clone();
        self.inner.db.read(move |view| by_name(view, &name)).await
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
    })
}
