//! Parts of uploads: taken in and listed.

use std::sync::Arc;

use onshore_db::CrashPoint;
use onshore_policy::{Flow, Permit};
use onshore_store::{More, Part, PartEntry, PartsQuery, Staged, UploadDescription};
use onshore_types::{BucketName, ObjectKey, Timestamp, UploadId};
use s3s::dto::StreamingBlob;
use serde_json::json;

use crate::error::Error;
use crate::fault::{Code, Fault};
use crate::ops::objects::{checks_of, incoming};
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, is_stale, keyed};

/// A page of an upload's parts.
#[derive(Debug)]
pub(crate) struct PartsListed {
    pub(crate) parts: Vec<PartEntry>,
    pub(crate) more: More,
    pub(crate) description: UploadDescription,
}

impl Operations {
    /// Takes a part in.
    pub(crate) async fn upload_part(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        upload: UploadId,
        number: u32,
        body: Option<StreamingBlob>,
    ) -> Result<Part, Fault> {
        let mut checks = checks_of(asked.call)?;
        let (bucket, description) = self.upload(asked, Flow::Store, name, key, upload).await?;
        if let Some((algorithm, _)) = description.checksum
            && !checks.wanted.contains(&algorithm)
        {
            checks.wanted.push(algorithm);
        }
        let permit = self
            .permit_part(asked, &bucket, key, description.label, checks.len_bytes)
            .await?;
        let staged = self
            .store
            .stage_part(&permit, number, incoming(body), &checks)
            .await
            .map_err(|error| self.fault(asked.call, error))?;
        self.verify_trailer(asked.call, &staged)?;
        self.commit_part(asked, name, key, upload, permit, staged)
            .await
            .map(|(part, _)| part)
    }

    /// Gives an upload a staged part.
    pub(crate) async fn commit_part(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        upload: UploadId,
        mut permit: Permit,
        staged: Staged,
    ) -> Result<(Part, Timestamp), Fault> {
        let staged = Arc::new(staged);
        for _ in 0..ATTEMPTS_MAX {
            let (operations, staged_part) = (self.clone(), Arc::clone(&staged));
            let key_of_record = key.clone();
            let result = self
                .db
                .write(move |unit| {
                    let now = operations.gate.now();
                    let part =
                        operations
                            .store
                            .commit_part(unit, &permit, &staged_part, upload, now)?;
                    let record = json!({
                        "change": "part.stored",
                        "key": key_of_record,
                        "upload": upload,
                        "number": part.number,
                        "size_bytes": part.size_bytes,
                        "md5": part.md5,
                    });
                    let leaf = operations.gate.settle_changed(unit, &permit, record)?;
                    Ok::<_, Error>((part, now, leaf))
                })
                .await;
            match result {
                Ok((part, now, leaf)) => {
                    asked.call.note_leaf(leaf);
                    self.crash.reach(CrashPoint::Answer);
                    return Ok((part, now));
                }
                Err(Error::Store(onshore_store::Error::LabelChanged { .. })) => {
                    let (bucket, description) =
                        self.upload(asked, Flow::Store, name, key, upload).await?;
                    let len_bytes = Some(staged.size_bytes());
                    permit = self
                        .permit_part(asked, &bucket, key, description.label, len_bytes)
                        .await?;
                }
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    /// Lists the parts of an upload.
    pub(crate) async fn list_parts(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        upload: UploadId,
        query: PartsQuery,
    ) -> Result<PartsListed, Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let (bucket, description) =
                self.upload(asked, Flow::Inspect, name, key, upload).await?;
            let subject = keyed(&bucket, key, None, description.label, 0);
            let permit = self.permit(asked, Flow::Inspect, subject).await?;
            match self.store.list_parts(permit, upload, query.clone()).await {
                Ok(page) => {
                    return Ok(PartsListed {
                        parts: page.parts,
                        more: page.more,
                        description,
                    });
                }
                Err(error) if is_stale(&error) => {}
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }
}

/// Reads the number of a part.
pub(crate) fn parse_number(number: i32) -> Result<u32, Fault> {
    u32::try_from(number)
        .ok()
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(|| {
            Fault::new(
                Code::InvalidArgument,
                "Part number must be an integer between 1 and 10000, inclusive",
            )
        })
}
