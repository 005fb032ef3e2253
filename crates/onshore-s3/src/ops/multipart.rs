//! Uploads in parts: begun, completed, aborted.

use http::HeaderMap;
use onshore_db::CrashPoint;
use onshore_policy::{Flow, Permit};
use onshore_store::{
    Bucket, Checksum, ChecksumAlgorithm, ChecksumKind, CompletePart, Completion, DayLength, Looked,
    NewUpload, UploadDescription, VersionWish, WriteCondition,
};
use onshore_types::{BucketName, Label, ObjectKey, UploadId};
use serde_json::json;

use crate::call::{CHECKSUM_HEADERS, Call, checksum_header, parse_checksum};
use crate::error::{Error, ReadAt, no_such_upload};
use crate::fault::{Code, Fault};
use crate::ops::description::new_object;
use crate::ops::objects::Written;
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, acl, conditions, is_stale, keyed, locks, shown};

/// An upload that was begun, and the headers that tell of it.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) upload: UploadId,
    pub(crate) new: NewUpload,
    pub(crate) headers: HeaderMap,
}

impl Operations {
    /// Begins an upload.
    pub(crate) async fn create_upload(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
    ) -> Result<Begun, Fault> {
        let mut new = NewUpload {
            object: new_object(asked.call)?,
            checksum: checksum_of_upload(asked.call)?,
        };
        for _ in 0..ATTEMPTS_MAX {
            let bucket = self.bucket_of(asked, Flow::Change, name, Some(key)).await?;
            self.check_access(asked, &bucket, acl::of_headers(asked.call)?)
                .await?;
            new.object.encryption = self.encrypted(asked, &bucket)?.encryption;
            if locks::are_named(asked.call) {
                self.tellable_bucket(asked, &bucket).await?;
            }
            new.object.lock = locks::of_write(asked.call, &bucket, self.gate.wall())?;
            self.check_replica(asked, &bucket, key, &new.object).await?;
            let looked = Looked::at_upload(self.gate.scanner(bucket.tenant), key, &new.object)
                .map_err(|error| self.fault(asked.call, error))?;
            let label = looked.label(Label::of_declarations([new.object.declared, bucket.class]));
            let subject = keyed(&bucket, key, None, label, 0);
            let permit = self.permit(asked, Flow::Change, subject).await?;
            let (operations, begun) = (self.clone(), new.clone());
            let (key, begun_key) = (key.clone(), key.clone());
            let result = self
                .db
                .write(move |unit| {
                    let now = operations.gate.now();
                    let upload = operations
                        .store
                        .create_upload(unit, &permit, &begun, &looked, now)?;
                    let record = json!({ "change": "upload.begun", "key": key, "upload": upload, "label": label });
                    let leaf = operations.gate.settle_changed(unit, &permit, record)?;
                    Ok::<_, Error>((upload, now, leaf))
                })
                .await;
            match result {
                Ok((upload, now, leaf)) => {
                    asked.call.note_leaf(leaf);
                    let lifecycle = self.lifecycle_told(asked.call, &bucket);
                    let abortion = lifecycle.as_ref().and_then(|lifecycle| {
                        lifecycle.abortion(&begun_key, now, DayLength::CIVIL)
                    });
                    let mut headers = shown::of_abortion(abortion);
                    shown::insert_encryption(&mut headers, &new.object.encryption);
                    return Ok(Begun {
                        upload,
                        new,
                        headers,
                    });
                }
                Err(Error::Store(error)) if is_stale(&error) => {}
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    /// Finds an upload of the caller's own tenant.
    pub(crate) async fn upload(
        &self,
        asked: Asked<'_>,
        flow: Flow,
        name: &BucketName,
        key: &ObjectKey,
        upload: UploadId,
    ) -> Result<(Bucket, UploadDescription), Fault> {
        let bucket = self.bucket_of(asked, flow, name, Some(key)).await?;
        let description = self
            .store
            .describe_upload(&bucket, key, upload)
            .await
            .map_err(|error| self.fault(asked.call, error))?
            .ok_or_else(no_such_upload)?;
        Ok((bucket, description))
    }

    /// Asks whether a part, or the whole that parts make, may be stored.
    pub(crate) async fn permit_part(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        key: &ObjectKey,
        label: Label,
        len_bytes: Option<u64>,
    ) -> Result<Permit, Fault> {
        let subject = keyed(bucket, key, None, label, len_bytes.unwrap_or(0));
        self.permit(asked, Flow::Store, subject).await
    }

    /// Makes the parts of an upload an object.
    pub(crate) async fn complete_upload(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        upload: UploadId,
        parts: Vec<CompletePart>,
    ) -> Result<Written, Fault> {
        let condition = conditions::of_write(asked.call)?;
        if condition != WriteCondition::Always {
            let target = self.target_of_write(asked, name, key, &condition).await?;
            self.tellable(asked, &target).await?;
        }
        for _ in 0..ATTEMPTS_MAX {
            let (bucket, description) =
                match self.upload(asked, Flow::Store, name, key, upload).await {
                    Ok(found) => found,
                    // Abroad it is not told what is there.
                    Err(fault)
                        if fault.code == Code::NoSuchUpload
                            && self.read_at(asked.call) == ReadAt::Home =>
                    {
                        let before = self
                            .completed_before(asked, name, key, upload, &parts)
                            .await?;
                        return before.ok_or(fault);
                    }
                    Err(fault) => return Err(fault),
                };
            if self.read_at(asked.call) == ReadAt::Abroad {
                self.tellable_parts(asked, &bucket, key, &description, &parts)
                    .await?;
            }
            check_completion(asked.call, &description, &parts)?;
            let completion = Completion {
                parts: parts.clone(),
                claims: claims_of_whole(asked.call, &description, parts.len())?,
                size_bytes: claimed_size(asked.call)?,
                condition: condition.clone(),
                as_one: None,
            };
            let permit = self
                .permit_part(asked, &bucket, key, description.label, None)
                .await?;
            let looked = self
                .store
                .scan_parts(
                    &permit,
                    upload,
                    &completion.parts,
                    self.gate.scanner(bucket.tenant),
                )
                .await;
            let looked = match looked {
                Ok(looked) => looked,
                Err(onshore_store::Error::NoSuchUpload) => continue,
                Err(error) => {
                    return Err(self
                        .of_failed_write(asked, &bucket, key, Error::Store(error))
                        .await);
                }
            };
            let label = looked.label(description.label);
            let permit = if label == permit.label() {
                permit
            } else {
                self.permit_part(asked, &bucket, key, label, None).await?
            };
            let operations = self.clone();
            let result = self
                .db
                .write(move |unit| {
                    let now = operations.gate.now();
                    let committed = operations.store.complete_upload(
                        unit,
                        &permit,
                        upload,
                        &completion,
                        &looked,
                        now,
                    )?;
                    let leaf = operations.settle_stored(unit, &permit, &committed)?;
                    Ok::<_, Error>((committed, leaf))
                })
                .await;
            match result {
                Ok((committed, leaf)) => {
                    asked.call.note_leaf(leaf);
                    self.crash.reach(CrashPoint::Answer);
                    let lifecycle = self.lifecycle_told(asked.call, &bucket);
                    return Ok(Written::new(lifecycle.as_ref(), key, committed));
                }
                // Somebody else has completed or aborted it meanwhile: the next look tells.
                Err(Error::Store(onshore_store::Error::NoSuchUpload)) => {}
                Err(Error::Store(error)) if is_stale(&error) => {}
                Err(Error::Store(onshore_store::Error::BodyLength { expected, got })) => {
                    return Err(Fault::new(
                        Code::InvalidRequest,
                        format!(
                            "The provided 'x-amz-mp-object-size' header value {expected} does not match what was computed: {got}"
                        ),
                    ));
                }
                Err(error) => return Err(self.of_failed_write(asked, &bucket, key, error).await),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    /// Makes sure that the caller, who is abroad, may learn what a completion tells of its parts: hashes of them, and whether
    /// they are the ones that he names. Of bytes that were sent from where he is he learns nothing; others are judged as if
    /// he read them, as strictly as what is found in them says, before anything of them is compared.
    async fn tellable_parts(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        key: &ObjectKey,
        description: &UploadDescription,
        listed: &[CompletePart],
    ) -> Result<(), Fault> {
        let permit = self
            .permit_part(asked, bucket, key, description.label, None)
            .await?;
        let upload = description.upload;
        let here = self.store.parts_not_from(&permit, upload, listed).await;
        let Some(here) = here.map_err(|error| self.fault(asked.call, error))? else {
            return Ok(());
        };
        let scanner = self.gate.scanner(bucket.tenant);
        let looked = self
            .store
            .scan_parts(&permit, upload, &here.parts, scanner)
            .await;
        // What cannot be looked through is told to nobody there.
        let label = looked.map_or(Label::Unclassified, |looked| {
            looked.label(description.label)
        });
        let subject = keyed(bucket, key, None, label, here.size_bytes);
        let _seen = self.permit(asked, Flow::Inspect, subject).await?;
        Ok(())
    }

    /// Returns the object that an upload became whose completion is asked for again, as long as it is current; none where it
    /// is another, or the parts are.
    async fn completed_before(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        upload: UploadId,
        parts: &[CompletePart],
    ) -> Result<Option<Written>, Fault> {
        let target = self
            .target_here(asked, Flow::Inspect, name, key, VersionWish::Current)
            .await?;
        let Some(description) = &target.description else {
            return Ok(None);
        };
        let Some(head) = self.inspect(asked, &target, description).await? else {
            return Ok(None);
        };
        let is_same = head.upload == Some(upload)
            && head.parts.len() == parts.len()
            && head
                .parts
                .iter()
                .zip(parts)
                .all(|(part, listed)| part.number == listed.number && part.md5 == listed.etag);
        Ok(is_same.then(|| {
            let lifecycle = self.lifecycle_told(asked.call, &target.bucket);
            Written::again(lifecycle.as_ref(), head)
        }))
    }

    /// Aborts an upload.
    pub(crate) async fn abort_upload(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        upload: UploadId,
    ) -> Result<(), Fault> {
        let (bucket, description) = self.upload(asked, Flow::Change, name, key, upload).await?;
        let subject = keyed(&bucket, key, None, description.label, 0);
        let permit = self.permit(asked, Flow::Change, subject).await?;
        let (operations, key) = (self.clone(), key.clone());
        let leaf = self
            .db
            .write(move |unit| {
                operations.store.abort_upload(unit, &permit, upload)?;
                let record = json!({ "change": "upload.aborted", "key": key, "upload": upload });
                Ok::<_, Error>(operations.gate.settle_changed(unit, &permit, record)?)
            })
            .await
            .map_err(|error| self.fault(asked.call, error))?;
        asked.call.note_leaf(leaf);
        Ok(())
    }
}

/// Reads an upload id. What cannot be one is read as one that no upload has: whether its bucket is there is said first.
pub(crate) fn parse_upload(text: &str) -> UploadId {
    text.parse()
        .unwrap_or_else(|_| UploadId::from_bytes([0; 16]))
}

/// Reads which checksum an upload is begun with. Without a type, cyclic ones of 64 bits are of the whole and the others
/// of the parts, as S3 has it.
fn checksum_of_upload(call: &Call) -> Result<Option<(ChecksumAlgorithm, ChecksumKind)>, Fault> {
    let invalid = |message: &'static str| Fault::new(Code::InvalidRequest, message);
    let kind = match call.header("x-amz-checksum-type") {
        None => None,
        Some("COMPOSITE") => Some(ChecksumKind::Composite),
        Some("FULL_OBJECT") => Some(ChecksumKind::FullObject),
        Some(_) => return Err(invalid("Value for x-amz-checksum-type header is invalid.")),
    };
    let Some(name) = call.header("x-amz-checksum-algorithm") else {
        return match kind {
            None => Ok(None),
            Some(_) => Err(invalid(
                "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.",
            )),
        };
    };
    let algorithm: ChecksumAlgorithm = name.parse().map_err(|_| {
        invalid("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
    })?;
    match (algorithm, kind) {
        (ChecksumAlgorithm::Crc64Nvme, None) => Ok(Some((algorithm, ChecksumKind::FullObject))),
        (ChecksumAlgorithm::Crc64Nvme, Some(ChecksumKind::Composite)) => Err(invalid(
            "The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.",
        )),
        (ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256, Some(ChecksumKind::FullObject)) => {
            Err(invalid(
                "The FULL_OBJECT checksum type cannot be used with the sha1 or sha256 checksum algorithm.",
            ))
        }
        (_, kind) => Ok(Some((algorithm, kind.unwrap_or(ChecksumKind::Composite)))),
    }
}

/// Compares what the client says of checksums with what the upload was begun with.
fn check_completion(
    call: &Call,
    description: &UploadDescription,
    parts: &[CompletePart],
) -> Result<(), Fault> {
    let invalid = |message: String| Fault::new(Code::InvalidRequest, message);
    let begun_with = description.checksum;
    if let Some(text) = call.header("x-amz-checksum-type") {
        let kind = match text {
            "COMPOSITE" => ChecksumKind::Composite,
            "FULL_OBJECT" => ChecksumKind::FullObject,
            _ => {
                return Err(invalid(
                    "Value for x-amz-checksum-type header is invalid.".to_owned(),
                ));
            }
        };
        let begun = begun_with.map_or(ChecksumKind::FullObject, |(_, kind)| kind);
        if kind != begun {
            return Err(invalid(format!(
                "The upload was created using the {} checksum mode. The complete request must use the same checksum mode.",
                begun.as_str()
            )));
        }
    }
    let Some((algorithm, ChecksumKind::Composite)) = begun_with else {
        return Ok(());
    };
    let lacks = |part: &&CompletePart| {
        let mut checksums = part.checksums.iter();
        checksums.all(|claim| claim.algorithm != algorithm)
    };
    match parts.iter().find(lacks) {
        None => Ok(()),
        Some(part) => Err(invalid(format!(
            "The upload was created using a {} checksum. The complete request must include the checksum for each part. It was missing for part {} in the request.",
            algorithm.as_str().to_ascii_lowercase(),
            part.number
        ))),
    }
}

/// Reads the checksums that the client says the whole has.
fn claims_of_whole(
    call: &Call,
    description: &UploadDescription,
    parts: usize,
) -> Result<Vec<Checksum>, Fault> {
    let mut claims = Vec::new();
    for name in CHECKSUM_HEADERS {
        let Some(text) = call.header(name) else {
            continue;
        };
        // A composite value has the number of parts behind it.
        let (value, composite) = match text.rsplit_once('-') {
            Some((value, count)) if count.bytes().all(|b| b.is_ascii_digit()) => (value, true),
            _ => (text, false),
        };
        let claim = parse_checksum(name, value.as_bytes())?;
        let is_of_other = text
            .rsplit_once('-')
            .is_some_and(|(_, count)| composite && count.parse() != Ok(parts));
        if is_of_other {
            return Err(Fault::new(
                Code::InvalidRequest,
                format!("Value for {name} header is invalid."),
            ));
        }
        let kind = match description.checksum {
            Some((algorithm, kind)) if checksum_header(algorithm) == name => kind,
            _ if composite => ChecksumKind::Composite,
            _ => ChecksumKind::FullObject,
        };
        claims.push(Checksum { kind, ..claim });
    }
    Ok(claims)
}

fn claimed_size(call: &Call) -> Result<Option<u64>, Fault> {
    call.header("x-amz-mp-object-size")
        .map(|text| {
            text.parse().map_err(|_| {
                Fault::new(
                    Code::InvalidRequest,
                    "Value for x-amz-mp-object-size header is invalid.",
                )
            })
        })
        .transpose()
}
