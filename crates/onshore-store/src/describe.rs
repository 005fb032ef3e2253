//! The only look without a permit: version id, size and label of an object, and the labels beneath a prefix. Never
//! bytes, ETags or metadata. What it tells goes into the transfer that is judged; the store compares it again.

use onshore_db::{View, params};
use onshore_types::{BucketId, BucketName, Label, ObjectKey, VersionId};

use crate::bucket::{self, Bucket};
use crate::keys_from::{self, Keys};
use crate::version::{self, Kind, Naming, VersionRow, VersionWish};
use crate::{Error, Store, columns};

/// What may be known of an object before a transfer of it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its bucket as it is now.
    pub bucket: Bucket,
    /// The version.
    pub version: VersionId,
    /// How clients name it.
    pub naming: Naming,
    /// Its size.
    pub size_bytes: u64,
    /// Its label: the stored one, or a stricter one of the bucket.
    pub label: Label,
}

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Described {
    /// Nothing.
    Absent,
    /// A delete marker.
    Marker(Description),
    /// An object.
    Object(Description),
}

/// Whose labels a listing is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those of current objects.
    Objects,
    /// Those of every version.
    Versions,
}

impl Store {
    /// Describes the object of this key; none when there is none.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`] when the bucket went away; those of the database.
    pub async fn describe(
        &self,
        bucket: &Bucket,
        key: &ObjectKey,
    ) -> Result<Option<Description>, Error> {
        let (id, key) = (bucket.id, key.clone());
        self.inner
            .db
            .read(move |view| {
                let bucket = bucket::by_id(view, id)?.ok_or(Error::NoSuchBucket)?;
                let found = version::current(view, bucket.id, &key)?;
                Ok(found.map(|row| described(bucket, &row)))
            })
            .await
    }

    /// Looks a bucket up by name and describes a version of a key in it, in one read.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn look(
        &self,
        name: &BucketName,
        key: &ObjectKey,
        wish: VersionWish,
    ) -> Result<Option<(Bucket, Described)>, Error> {
        let buckets = self.inner.buckets.begin(&self.inner.db);
        self.inner.db.glance(|view| {
            let Some(bucket) = buckets.by_name(view, name)? else {
                return Ok(None);
            };
            let described = match version::find(view, &bucket, key, wish)? {
                None => Described::Absent,
                Some(row) => {
                    let description = described(bucket.clone(), &row);
                    match row.kind {
                        Kind::Marker => Described::Marker(description),
                        Kind::Object => Described::Object(description),
                    }
                }
            };
            Ok(Some((bucket, described)))
        })
    }

    /// Returns the join of the stored labels of everything whose key begins with the prefix, uploads under way
    /// included; none where there is nothing.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn strictest_beneath(
        &self,
        bucket: &Bucket,
        prefix: &str,
    ) -> Result<Option<Label>, Error> {
        let (id, prefix) = (bucket.id, prefix.to_owned());
        self.inner
            .db
            .read(move |view| strictest_beneath(view, id, &prefix, Reach::Objects))
            .await
    }

    /// Returns the label a listing beneath the prefix is judged by: the bucket's class (unclassified where it has
    /// none) or a stricter one of what lies there.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`] when the bucket went away; those of the database.
    pub async fn list_label(
        &self,
        bucket: &Bucket,
        prefix: &str,
        reach: Reach,
    ) -> Result<Label, Error> {
        let (id, prefix) = (bucket.id, prefix.to_owned());
        self.inner
            .db
            .read(move |view| {
                let bucket = bucket::by_id(view, id)?.ok_or(Error::NoSuchBucket)?;
                list_label(view, &bucket, &prefix, reach)
            })
            .await
    }

    /// Whether a listing beneath the prefix tells of free data alone.
    ///
    /// # Errors
    /// As [`Store::list_label`].
    pub async fn is_all_free(
        &self,
        bucket: &Bucket,
        prefix: &str,
        reach: Reach,
    ) -> Result<bool, Error> {
        Ok(self.list_label(bucket, prefix, reach).await?.is_free())
    }
}

/// Returns the label a listing beneath the prefix is judged by, in this state.
pub(crate) fn list_label(
    view: &View<'_>,
    bucket: &Bucket,
    prefix: &str,
    reach: Reach,
) -> Result<Label, Error> {
    let class = bucket.class.unwrap_or(Label::Unclassified);
    if class == Label::Unclassified {
        return Ok(class);
    }
    let beneath = strictest_beneath(view, bucket.id, prefix, reach)?;
    Ok(beneath.map_or(class, |label| label.join(class)))
}

pub(crate) fn described(bucket: Bucket, row: &VersionRow) -> Description {
    Description {
        version: row.version,
        naming: row.naming,
        size_bytes: row.size_bytes,
        label: bucket.effective(row.label),
        bucket,
    }
}

/// Asks the index of everything that is not general: one seek for each label that occurs, however many objects.
fn strictest_beneath(
    view: &View<'_>,
    bucket: BucketId,
    prefix: &str,
    reach: Reach,
) -> Result<Option<Label>, Error> {
    let keys = Keys::beneath(prefix);
    let bound = keys_from::bound_labels(view, bucket, &keys, reach)?;
    if let Some(strictest) = bound.into_iter().reduce(Label::join) {
        return Ok(Some(strictest));
    }
    let any = view.one(
        "SELECT label FROM objects WHERE bucket = ?1 AND key >= ?2 AND key < ?3
         UNION ALL
         SELECT label FROM uploads WHERE bucket = ?1 AND key >= ?2 AND key < ?3
         UNION ALL
         SELECT label FROM history WHERE ?4 AND bucket = ?1 AND key >= ?2 AND key < ?3 LIMIT 1",
        params![
            bucket.as_bytes(),
            keys.from,
            keys.until,
            reach == Reach::Versions
        ],
        |row| columns::label(row, 0),
    )?;
    Ok(any)
}
