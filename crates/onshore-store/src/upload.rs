//! Uploads in parts under way: begun, described, listed, aborted. What a client said of the object is sealed until the
//! upload is completed.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_keys::DataKey;
use onshore_policy::{Flow, Permit};
use onshore_types::{BucketId, Label, ObjectKey, Timestamp, UploadId};
use serde::{Deserialize, Serialize};

use crate::bucket::{self, Bucket};
use crate::checksum::{ChecksumAlgorithm, ChecksumKind};
use crate::commit::permitted_bucket;
use crate::customer_key::Encryption;
use crate::describe::{Reach, list_label};
use crate::keys_from::Keys;
use crate::object::NewObject;
use crate::reclaim::Owner;
use crate::said::Said;
use crate::scan::Looked;
use crate::{Error, Store, columns, permits};

/// What a client says when it begins an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUpload {
    /// What it says of the object.
    pub object: NewObject,
    /// The checksum that the object will have, and how it is made of those of its parts.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
}

/// What may be known of an upload before a transfer that belongs to it is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadDescription {
    /// Its id.
    pub upload: UploadId,
    /// The label its object would be stored with now.
    pub label: Label,
    /// How its object will be encrypted besides what is done always.
    pub encryption: Encryption,
    /// The checksum that is computed of each part.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
    /// When it was begun.
    pub created: Timestamp,
}

impl UploadDescription {
    /// Returns the algorithm of the checksum that is computed of each part: where none was said, that of S3.
    #[must_use]
    pub fn algorithm(&self) -> ChecksumAlgorithm {
        self.checksum
            .map_or(ChecksumAlgorithm::Crc64Nvme, |(algorithm, _)| algorithm)
    }
}

/// Which page of the uploads under way is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadsQuery {
    /// Keys begin with this.
    pub prefix: String,
    /// Uploads of this key and those before are not told; with an upload id, those of this key behind it are.
    pub after: Option<(String, Option<UploadId>)>,
    /// How many at most.
    pub limit: usize,
}

/// A page of the uploads under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UploadsPage {
    /// Uploads, by key and then by id.
    pub uploads: Vec<UploadEntry>,
    /// Whether more follow.
    pub more: More,
}

/// Whether more follows a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum More {
    /// No.
    #[default]
    End,
    /// Yes: ask again behind the last one.
    Follows,
}

/// An upload in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadEntry {
    /// Its id.
    pub upload: UploadId,
    /// The key of its object.
    pub key: ObjectKey,
    /// When it was begun.
    pub created: Timestamp,
    /// The checksum that its object will have, where one was named and whoever lists it asks.
    pub checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
}

/// What is sealed of an upload.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct UploadFacts {
    #[serde(flatten)]
    pub(crate) new: NewUpload,
    /// What was found in what was said of the object makes its label at least this, and so does what was copied into a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) found: Option<Label>,
}

/// An upload as a unit of work sees it.
pub(crate) struct Underway {
    pub(crate) new: NewUpload,
    found: Option<Label>,
    pub(crate) created: Timestamp,
    pub(crate) owner_key: DataKey,
}

impl Store {
    /// Begins an upload of the permit's key; what is said of its object was looked through.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`]; [`Error::LabelChanged`]; [`Error::ChecksumNotComputed`] for a checksum of the whole
    /// that does not follow from those of parts.
    pub fn create_upload(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        new: &NewUpload,
        looked: &Looked,
        now: Timestamp,
    ) -> Result<UploadId, Error> {
        permits::flow(permit, &[Flow::Change, Flow::Store])?;
        if let Some((algorithm, ChecksumKind::FullObject)) = new.checksum
            && !algorithm.combines()
        {
            return Err(Error::ChecksumNotComputed(algorithm));
        }
        let bucket = permitted_bucket(unit, permit)?;
        let key = permits::key(permit)?;
        looked.is_of(&Said::of_new(key, &new.object))?;
        let label = looked.label(Label::of_declarations([new.object.declared, bucket.class]));
        permits::label(permit, label)?;
        let id = UploadId::from_time(now, onshore_keys::random());
        let owner_key = self
            .inner
            .keys
            .in_view(unit, bucket.id)?
            .for_owner(id.as_bytes())?;
        let facts = UploadFacts {
            new: new.clone(),
            found: Some(looked.scan.label),
        };
        let sealed = facts.seal(&owner_key, id, bucket.id, key)?;
        unit.execute(
            "INSERT INTO uploads (id, bucket, key, label, created, facts) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                id.as_bytes(),
                bucket.id.as_bytes(),
                key.as_str().as_bytes(),
                label.to_string(),
                now.as_millis(),
                sealed
            ],
        )?;
        Ok(id)
    }

    /// Describes an upload of this key; none when there is none.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`] when the bucket went away; those of the database; [`Error::CorruptRecord`].
    pub async fn describe_upload(
        &self,
        bucket: &Bucket,
        key: &ObjectKey,
        upload: UploadId,
    ) -> Result<Option<UploadDescription>, Error> {
        let (store, bucket, key) = (self.clone(), bucket.id, key.clone());
        self.inner
            .db
            .read(move |view| {
                let bucket = bucket::by_id(view, bucket)?.ok_or(Error::NoSuchBucket)?;
                let found = store.underway(view, bucket.id, &key, upload)?;
                Ok(found.map(|underway| UploadDescription {
                    upload,
                    label: underway.label(&bucket),
                    encryption: underway.new.object.encryption,
                    checksum: underway.new.checksum,
                    created: underway.created,
                }))
            })
            .await
    }

    /// Returns a page of the uploads under way in the permit's bucket.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub async fn list_uploads(
        &self,
        permit: Permit,
        query: UploadsQuery,
    ) -> Result<UploadsPage, Error> {
        permits::flow(&permit, &[Flow::List])?;
        let store = self.clone();
        self.inner
            .db
            .read(move |view| {
                let bucket = permitted_bucket(view, &permit)?;
                permits::label(
                    &permit,
                    list_label(view, &bucket, &query.prefix, Reach::Objects)?,
                )?;
                let mut page = uploads_page(view, bucket.id, &query)?;
                for entry in &mut page.uploads {
                    // One that is damaged is listed nonetheless: it can be aborted.
                    let found = store.underway(view, bucket.id, &entry.key, entry.upload);
                    entry.checksum = found
                        .ok()
                        .flatten()
                        .and_then(|underway| underway.new.checksum);
                }
                Ok(page)
            })
            .await
    }

    /// Aborts an upload of the permit's key and removes its parts.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::NoSuchUpload`].
    pub fn abort_upload(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        upload: UploadId,
    ) -> Result<(), Error> {
        permits::flow(permit, &[Flow::Change])?;
        let bucket = permitted_bucket(unit, permit)?;
        // Damaged facts must not keep an upload from being aborted: its row alone is asked.
        if !is_of(unit, bucket.id, permits::key(permit)?, upload)? {
            return Err(Error::NoSuchUpload);
        }
        self.discard_upload(unit, *upload.as_bytes())
    }

    /// Removes the rows of an upload and of what it has left of parts and bodies.
    pub(crate) fn discard_upload(&self, unit: &Unit<'_>, upload: Owner) -> Result<(), Error> {
        self.remove_bodies(unit, upload)?;
        unit.execute("DELETE FROM parts WHERE upload = ?1", params![upload])?;
        unit.execute("DELETE FROM uploads WHERE id = ?1", params![upload])?;
        Ok(())
    }

    /// Opens an upload of this key; none when there is none.
    pub(crate) fn underway(
        &self,
        view: &View<'_>,
        bucket: BucketId,
        key: &ObjectKey,
        upload: UploadId,
    ) -> Result<Option<Underway>, Error> {
        let row = view.one(
            "SELECT facts, created FROM uploads WHERE id = ?1 AND bucket = ?2 AND key = ?3",
            params![
                upload.as_bytes(),
                bucket.as_bytes(),
                key.as_str().as_bytes()
            ],
            |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?)),
        )?;
        let Some((sealed, created)) = row else {
            return Ok(None);
        };
        let owner_key = self
            .inner
            .keys
            .in_view(view, bucket)?
            .for_owner(upload.as_bytes())?;
        let UploadFacts { new, found } = open(&owner_key, upload, bucket, key, &sealed)?;
        Ok(Some(Underway {
            new,
            found,
            created: Timestamp::from_millis(created),
            owner_key,
        }))
    }
}

impl Underway {
    /// Returns the label that what was found makes it have at least.
    pub(crate) fn found(&self) -> Label {
        self.found.unwrap_or(Label::GENERAL)
    }

    /// Returns the label that its object would be stored with now, but for what is found in its bytes.
    pub(crate) fn label(&self, bucket: &Bucket) -> Label {
        let said = Label::of_declarations([self.new.object.declared, bucket.class]);
        said.join(self.found())
    }

    /// Makes an upload at least as strict as what was copied into it.
    pub(crate) fn tighten(
        self,
        unit: &Unit<'_>,
        upload: UploadId,
        bucket: &Bucket,
        key: &ObjectKey,
        to: Label,
    ) -> Result<(), Error> {
        let label = self.label(bucket).join(to);
        let facts = UploadFacts {
            found: Some(self.found().join(to)),
            new: self.new,
        };
        let sealed = facts.seal(&self.owner_key, upload, bucket.id, key)?;
        unit.execute(
            "UPDATE uploads SET facts = ?2, label = ?3 WHERE id = ?1",
            params![upload.as_bytes(), sealed, label.to_string()],
        )?;
        Ok(())
    }
}

impl UploadFacts {
    fn seal(
        &self,
        owner_key: &DataKey,
        upload: UploadId,
        bucket: BucketId,
        key: &ObjectKey,
    ) -> Result<Vec<u8>, Error> {
        let plain = serde_json::to_vec(self).map_err(|_| Error::CorruptRecord("an upload"))?;
        owner_key
            .wrap(&context(upload, bucket, key), &plain)
            .map_err(Error::Keys)
    }
}

/// Opens what a client said when it began an upload.
pub(crate) fn open(
    owner_key: &DataKey,
    upload: UploadId,
    bucket: BucketId,
    key: &ObjectKey,
    sealed: &[u8],
) -> Result<UploadFacts, Error> {
    let plain = owner_key
        .unwrap(&context(upload, bucket, key), sealed)
        .map_err(|_| Error::CorruptRecord("an upload"))?;
    serde_json::from_slice(plain.as_bytes()).map_err(|_| Error::CorruptRecord("an upload"))
}

fn is_of(
    view: &View<'_>,
    bucket: BucketId,
    key: &ObjectKey,
    upload: UploadId,
) -> Result<bool, Error> {
    let row = view.one(
        "SELECT 1 FROM uploads WHERE id = ?1 AND bucket = ?2 AND key = ?3",
        params![
            upload.as_bytes(),
            bucket.as_bytes(),
            key.as_str().as_bytes()
        ],
        |_| Ok(()),
    )?;
    Ok(row.is_some())
}

/// Returns a page of a bucket's uploads in this state.
pub(crate) fn uploads_page(
    view: &View<'_>,
    bucket: BucketId,
    query: &UploadsQuery,
) -> Result<UploadsPage, Error> {
    let keys = Keys::beneath(&query.prefix);
    // A marker without an upload id stands behind every upload of its key: behind the key and a zero byte.
    let (key, id) = match &query.after {
        None => (Vec::new(), [0; 16]),
        Some((key, Some(upload))) => (key.as_bytes().to_vec(), *upload.as_bytes()),
        Some((key, None)) => ([key.as_bytes(), &[0]].concat(), [0; 16]),
    };
    let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
    let mut uploads = view.all(
        "SELECT id, key, created FROM uploads
         WHERE bucket = ?1 AND key >= ?2 AND key < ?3 AND (key, id) > (?4, ?5)
         ORDER BY key, id LIMIT ?6",
        params![
            bucket.as_bytes(),
            keys.from,
            keys.until,
            key,
            id,
            limit.saturating_add(1)
        ],
        entry,
    )?;
    let more = if query.limit > 0 && uploads.len() > query.limit {
        More::Follows
    } else {
        More::End
    };
    uploads.truncate(query.limit);
    Ok(UploadsPage { uploads, more })
}

fn entry(row: &Row<'_>) -> Result<UploadEntry, RowError> {
    Ok(UploadEntry {
        upload: UploadId::from_bytes(columns::bytes16(row, 0)?),
        key: columns::key(row, 1)?,
        created: Timestamp::from_millis(row.get(2)?),
        checksum: None,
    })
}

fn context(upload: UploadId, bucket: BucketId, key: &ObjectKey) -> Vec<u8> {
    [
        b"onshore upload 1\0".as_slice(),
        upload.as_bytes(),
        bucket.as_bytes(),
        key.as_str().as_bytes(),
    ]
    .concat()
}
