//! Which object a version is, for whoever knows the version from the ledger alone.

use onshore_db::params;
use onshore_types::{BucketId, ObjectKey, VersionId};

use crate::describe::described;
use crate::facts::{Facts, Sealed};
use crate::version::{self, VersionWish};
use crate::{Description, Error, Store, bucket};

impl Store {
    /// Describes a version by its id, with the key it was stored under; none when it was replaced or removed, or its
    /// bucket was. As with [`Store::describe`], what it tells goes into a transfer that is judged.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when its facts do not open; those of the database.
    pub async fn describe_version(
        &self,
        bucket: BucketId,
        id: VersionId,
    ) -> Result<Option<(ObjectKey, Description)>, Error> {
        if self.bucket_by_id(bucket).await?.is_none() {
            return Ok(None);
        }
        let key = self.tenant_key(bucket).await?;
        self.inner
            .db
            .read(move |view| {
                let Some(bucket) = bucket::by_id(view, bucket)? else {
                    return Ok(None);
                };
                let sealed = view.one(
                    "SELECT facts, wrapped, tags FROM versions WHERE id = ?1 AND bucket = ?2",
                    params![id.as_bytes(), bucket.id.as_bytes()],
                    |row| {
                        Ok(Sealed {
                            facts: row.get(0)?,
                            wrapped: row.get(1)?,
                            tags: row.get(2)?,
                        })
                    },
                )?;
                let Some(sealed) = sealed else {
                    return Ok(None);
                };
                let owner_key = key.for_owner(id.as_bytes())?;
                let (facts, _, _) = Facts::open(id, bucket.id, &owner_key, &sealed)?;
                let found = version::find(view, &bucket, &facts.key, VersionWish::Id(id))?;
                Ok(found.map(|row| (facts.key, described(bucket, &row))))
            })
            .await
    }
}
