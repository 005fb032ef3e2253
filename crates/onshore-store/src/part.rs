//! Parts of uploads under way: committed one by one, replaced when sent again, listed. Each has a body id and a data
//! key of its own, so that a part sent again never meets a nonce that was used before.

use onshore_db::{Unit, View, params};
use onshore_keys::DataKey;
use onshore_policy::{Flow, Permit};
use onshore_types::{Label, Place, Timestamp, UploadId};
use serde::{Deserialize, Serialize};

use crate::checksum::hex_bytes;
use crate::commit::{insert_body, permitted_bucket, same_target};
use crate::damage;
use crate::facts::Body;
use crate::frame::BodyId;
use crate::object::Part;
use crate::stage::Staged;
use crate::upload::More;
use crate::{Error, Store, columns, permits};

/// Which page of an upload's parts is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartsQuery {
    /// Parts behind this number are told.
    pub after: u32,
    /// How many at most.
    pub limit: usize,
}

/// A page of an upload's parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartsPage {
    /// Parts, by number.
    pub parts: Vec<PartEntry>,
    /// Whether more follow.
    pub more: More,
}

/// A part of an upload under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartEntry {
    /// What it is.
    pub part: Part,
    /// When it came.
    pub modified: Timestamp,
}

/// A part as it is sealed: what it is, where it lies, and its data key.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct PartFacts {
    pub(crate) part: Part,
    pub(crate) modified: Timestamp,
    pub(crate) body: Body,
    #[serde(with = "hex_bytes")]
    pub(crate) data_key: Vec<u8>,
    /// Where its bytes came from; none where they were here already, or it is from before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<Place>,
}

impl Store {
    /// Gives an upload a staged part, in place of one with the same number. Where it was copied from something
    /// stricter the upload becomes as strict, and its object will be.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::NoSuchUpload`]; [`Error::LabelChanged`].
    pub fn commit_part(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        staged: &Staged,
        upload: UploadId,
        copied: Option<Label>,
        now: Timestamp,
    ) -> Result<Part, Error> {
        permits::flow(permit, &[Flow::Store])?;
        same_target(permit, staged)?;
        let bucket = permitted_bucket(unit, permit)?;
        let underway = self
            .underway(unit, bucket.id, &staged.key, upload)?
            .ok_or(Error::NoSuchUpload)?;
        let label = underway.label(&bucket);
        let tightened = copied
            .map(|copied| label.join(copied))
            .filter(|tightened| *tightened != label);
        permits::label(permit, tightened.unwrap_or(label))?;
        let facts = PartFacts {
            part: Part {
                checksums: staged.checksums.clone(),
                ..staged.findings.whole.as_part(staged.part)
            },
            modified: now,
            body: staged.as_body(),
            data_key: staged.secret.as_bytes().to_vec(),
            from: copied.is_none().then(|| permit.from()),
        };
        let quotas = self.watch_quotas(unit, permit)?;
        self.remove_part(unit, upload, staged.part)?;
        let sealed = facts.seal(&underway.owner_key, upload)?;
        unit.execute(
            "INSERT INTO parts (upload, number, facts, size) VALUES (?1, ?2, ?3, ?4)",
            params![
                upload.as_bytes(),
                staged.part,
                sealed,
                columns::size_column(staged.size_bytes()),
            ],
        )?;
        insert_body(unit, upload.as_bytes(), staged)?;
        if let Some(tightened) = tightened {
            underway.tighten(unit, upload, &bucket, &staged.key, tightened)?;
        }
        quotas.check(unit)?;
        Ok(facts.part)
    }

    /// Returns a page of the parts of an upload of the permit's key.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::NoSuchUpload`]; [`Error::LabelChanged`].
    pub async fn list_parts(
        &self,
        permit: Permit,
        upload: UploadId,
        query: PartsQuery,
    ) -> Result<PartsPage, Error> {
        permits::flow(&permit, &[Flow::Inspect])?;
        let store = self.clone();
        self.inner
            .db
            .read(move |view| {
                let bucket = permitted_bucket(view, &permit)?;
                let underway = store
                    .underway(view, bucket.id, permits::key(&permit)?, upload)?
                    .ok_or(Error::NoSuchUpload)?;
                permits::label(&permit, underway.label(&bucket))?;
                let limit = query.limit.saturating_add(1);
                let mut parts = parts(view, &underway.owner_key, upload, query.after, limit)?;
                let more = if query.limit > 0 && parts.len() > query.limit {
                    More::Follows
                } else {
                    More::End
                };
                parts.truncate(query.limit);
                let parts = parts.into_iter().map(PartFacts::into_entry).collect();
                Ok(PartsPage { parts, more })
            })
            .await
    }

    /// Removes the rows of a part, if there is one, and its file once that is durable.
    pub(crate) fn remove_part(
        &self,
        unit: &Unit<'_>,
        upload: UploadId,
        number: u32,
    ) -> Result<(), Error> {
        let owner = *upload.as_bytes();
        let file = unit.one(
            "SELECT body FROM bodies WHERE owner = ?1 AND part = ?2 AND sealed IS NULL",
            params![owner, number],
            |row| columns::bytes16(row, 0).map(BodyId),
        )?;
        unit.execute(
            "DELETE FROM bodies WHERE owner = ?1 AND part = ?2",
            params![owner, number],
        )?;
        unit.execute(
            "DELETE FROM parts WHERE upload = ?1 AND number = ?2",
            params![owner, number],
        )?;
        damage::forget(unit, owner, number)?;
        self.inner
            .reclaimer
            .doubt(owner, file.into_iter().collect());
        Ok(())
    }
}

impl PartFacts {
    fn seal(&self, owner_key: &DataKey, upload: UploadId) -> Result<Vec<u8>, Error> {
        let plain = serde_json::to_vec(self).map_err(|_| Error::CorruptRecord("a part"))?;
        owner_key
            .wrap(&context(upload, self.part.number), &plain)
            .map_err(Error::Keys)
    }

    /// Opens what was sealed for this part of this upload.
    pub(crate) fn open(
        owner_key: &DataKey,
        upload: UploadId,
        number: u32,
        sealed: &[u8],
    ) -> Result<Self, Error> {
        let plain = owner_key
            .unwrap(&context(upload, number), sealed)
            .map_err(|_| Error::CorruptRecord("a part"))?;
        serde_json::from_slice(plain.as_bytes()).map_err(|_| Error::CorruptRecord("a part"))
    }

    fn into_entry(self) -> PartEntry {
        PartEntry {
            part: self.part,
            modified: self.modified,
        }
    }
}

/// Opens the parts of an upload behind a number, in order.
pub(crate) fn parts(
    view: &View<'_>,
    owner_key: &DataKey,
    upload: UploadId,
    after: u32,
    limit: usize,
) -> Result<Vec<PartFacts>, Error> {
    let rows = view.all(
        "SELECT number, facts FROM parts WHERE upload = ?1 AND number > ?2 ORDER BY number LIMIT ?3",
        params![
            upload.as_bytes(),
            after,
            i64::try_from(limit).unwrap_or(i64::MAX)
        ],
        |row| Ok((row.get::<_, u32>(0)?, row.get::<_, Vec<u8>>(1)?)),
    )?;
    rows.into_iter()
        .map(|(number, sealed)| PartFacts::open(owner_key, upload, number, &sealed))
        .collect()
}

fn context(upload: UploadId, number: u32) -> Vec<u8> {
    [
        b"onshore part 1\0".as_slice(),
        upload.as_bytes(),
        &number.to_be_bytes(),
    ]
    .concat()
}
