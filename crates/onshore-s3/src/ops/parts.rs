//! Parts of uploads: taken in and listed.

use std::sync::Arc;

use http::HeaderMap;
use onshore_db::CrashPoint;
use onshore_policy::{Flow, Permit};
use onshore_store::{
    ChecksumAlgorithm, ChecksumKind, CustomerKey, DayLength, Encryption, More, Part, PartEntry,
    PartsQuery, Staged, UploadDescription,
};
use onshore_types::{BucketName, Label, ObjectKey, Timestamp, UploadId};
use s3s::dto::StreamingBlob;
use serde_json::json;

use crate::call::Call;
use crate::error::Error;
use crate::fault::{Code, Fault};
use crate::ops::objects::{checks_of, incoming};
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, encryption, is_stale, keyed, shown};

/// A page of an upload's parts.
#[derive(Debug)]
pub(crate) struct PartsListed {
    pub(crate) parts: Vec<PartEntry>,
    pub(crate) more: More,
    pub(crate) description: UploadDescription,
    pub(crate) headers: HeaderMap,
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
    ) -> Result<(Part, Encryption), Fault> {
        let mut checks = checks_of(asked.call)?;
        let (bucket, description) = self.upload(asked, Flow::Store, name, key, upload).await?;
        if let (Some((begun_with, _)), Some(sent)) = (description.checksum, carried(asked.call))
            && begun_with != sent
        {
            return Err(Fault::new(
                Code::InvalidRequest,
                format!(
                    "Checksum Type mismatch occurred, expected checksum Type: {begun_with}, actual checksum Type: {sent}"
                ),
            ));
        }
        if let Some((algorithm, ChecksumKind::Composite)) = description.checksum
            && carried(asked.call).is_none()
        {
            return Err(Fault::new(
                Code::InvalidRequest,
                format!(
                    "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: null",
                    algorithm.as_str().to_ascii_lowercase()
                ),
            ));
        }
        let algorithm = description.algorithm();
        if !checks.wanted.contains(&algorithm) {
            checks.wanted.push(algorithm);
        }
        let customer = encryption::of_part(asked.call)?;
        self.check_key_of_part(asked, &description, customer.as_ref())?;
        self.check_encryption(asked, bucket.tenant, &description.encryption)?;
        let permit = self
            .permit_part(asked, &bucket, key, description.label, checks.len_bytes)
            .await?;
        let mut staged = self
            .store
            .stage_part(&permit, number, incoming(body), &checks)
            .await
            .map_err(|error| self.fault(asked.call, error))?;
        self.verify_trailer(asked.call, &staged)?;
        if let Some(customer) = &customer {
            staged
                .lock_with(customer)
                .map_err(|error| self.fault(asked.call, error))?;
        }
        self.commit_part(asked, name, key, upload, permit, None, staged)
            .await
            .map(|(mut part, _)| {
                // What is computed for the whole besides is not told of a part that came with its own.
                if let (None, Some(sent)) = (description.checksum, carried(asked.call)) {
                    part.checksums.retain(|checksum| checksum.algorithm == sent);
                }
                (part, description.encryption)
            })
    }

    /// Compares the key that a client sends with a part with the one that its upload was begun with.
    pub(crate) fn check_key_of_part(
        &self,
        asked: Asked<'_>,
        description: &UploadDescription,
        customer: Option<&CustomerKey>,
    ) -> Result<(), Fault> {
        match description.encryption.check(customer) {
            Err(onshore_store::Error::CustomerKeyWrong) => Err(Fault::new(
                Code::InvalidRequest,
                "The provided encryption parameters did not match the ones used originally.",
            )),
            checked => checked.map_err(|error| self.fault(asked.call, error)),
        }
    }

    /// Gives an upload a staged part, which may be copied from something with a label of its own.
    #[expect(
        clippy::too_many_arguments,
        reason = "what was judged, what was staged and where it goes belong together here alone"
    )]
    pub(crate) async fn commit_part(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        upload: UploadId,
        mut permit: Permit,
        copied: Option<Label>,
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
                    let part = operations.store.commit_part(
                        unit,
                        &permit,
                        &staged_part,
                        upload,
                        copied,
                        now,
                    )?;
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
                    let label =
                        copied.map_or(description.label, |copied| description.label.join(copied));
                    permit = self
                        .permit_part(asked, &bucket, key, label, len_bytes)
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
                    let lifecycle = self.lifecycle_told(asked.call, &bucket);
                    let abortion = lifecycle.as_ref().and_then(|lifecycle| {
                        lifecycle.abortion(key, description.created, DayLength::CIVIL)
                    });
                    return Ok(PartsListed {
                        headers: shown::of_abortion(abortion),
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

/// Returns which checksum comes with a part.
fn carried(call: &Call) -> Option<ChecksumAlgorithm> {
    let announced = call.announced();
    let header = announced.checksums.first();
    header
        .map(|checksum| checksum.algorithm)
        .or(announced.trailing)
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
