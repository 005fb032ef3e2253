//! Versions, their locks and attributes, as `s3s` hands them over.

use onshore_store::{
    Checksum, ChecksumAlgorithm, Kind, Standing, VersionEntry, Versioning, VersionsMarker,
    VersionsQuery,
};
use s3s::dto;
use s3s::xml::{SerError, SerializeContent as _, Serializer};
use s3s::{S3Request, S3Response, S3Result};

use crate::fault::{Code, Fault};
use crate::ops::attributes::Attributes;
use crate::ops::listing::{Encoding, PAGE_MAX, limit};
use crate::ops::locks;
use crate::ops::parse_version;
use crate::ops::shown::{self, ChecksumFields};
use crate::service::listings::{common_prefixes, owner};
use crate::service::objects::answer;
use crate::service::{Service, asked, bucket_name, call_of, object_name};

/// The namespace of S3's documents.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

impl Service {
    pub(super) async fn show_versioning(
        &self,
        req: S3Request<dto::GetBucketVersioningInput>,
    ) -> S3Result<S3Response<dto::GetBucketVersioningOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let bucket = self.operations.readable_bucket(asked, &name).await?;
            let status = match bucket.versioning {
                Versioning::Off => None,
                Versioning::Enabled => Some(dto::BucketVersioningStatus::ENABLED),
                Versioning::Suspended => Some(dto::BucketVersioningStatus::SUSPENDED),
            };
            Ok(S3Response::new(dto::GetBucketVersioningOutput {
                status: status.map(dto::BucketVersioningStatus::from_static),
                mfa_delete: None,
            }))
        })
    }

    pub(super) async fn take_versioning(
        &self,
        req: S3Request<dto::PutBucketVersioningInput>,
    ) -> S3Result<S3Response<dto::PutBucketVersioningOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let configuration = input.versioning_configuration;
            let mfa = configuration.mfa_delete;
            if mfa.is_some_and(|mfa| mfa.as_str() == dto::MFADelete::ENABLED) {
                return Err(Fault::not_implemented("MFA delete"));
            }
            let status = configuration.status;
            let versioning = match status.as_ref().map(dto::BucketVersioningStatus::as_str) {
                Some(dto::BucketVersioningStatus::ENABLED) => Versioning::Enabled,
                Some(dto::BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
                Some(_) | None => return Err(Fault::malformed()),
            };
            self.operations
                .set_versioning(asked, &name, versioning)
                .await?;
            Ok(S3Response::new(dto::PutBucketVersioningOutput::default()))
        })
    }

    pub(super) async fn show_versions(
        &self,
        req: S3Request<dto::ListObjectVersionsInput>,
    ) -> S3Result<S3Response<dto::ListObjectVersionsOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let encoding = Encoding::of(input.encoding_type.as_ref());
            let limit = limit(input.max_keys, "max-keys")?;
            let prefix = input.prefix.unwrap_or_default();
            let delimiter = input.delimiter.filter(|text| !text.is_empty());
            let key_marker = input.key_marker.unwrap_or_default();
            let is_empty = |marker: &String| marker.is_empty();
            if !key_marker.is_empty() && input.version_id_marker.as_ref().is_some_and(is_empty) {
                return Err(Fault::new(
                    Code::InvalidArgument,
                    "A version-id marker cannot be empty.",
                ));
            }
            let version_marker = input.version_id_marker.unwrap_or_default();
            if key_marker.is_empty() && !version_marker.is_empty() {
                return Err(Fault::new(
                    Code::InvalidArgument,
                    "A version-id marker cannot be specified without a key marker.",
                ));
            }
            let after = match (key_marker.as_str(), version_marker.as_str()) {
                ("", _) => None,
                (key, "") => Some((key.to_owned(), None)),
                (key, version) => Some((key.to_owned(), Some(parse_version(Some(version))?))),
            };
            let query = VersionsQuery {
                prefix: prefix.clone(),
                delimiter: delimiter.clone(),
                after,
                limit,
            };
            let page = self.operations.list_versions(asked, &name, query).await?;
            let owner = owner(&call);
            let (next_key, next_version) = match &page.next {
                None => (None, None),
                Some(VersionsMarker::CommonPrefix(common)) => (Some(common.as_str()), None),
                Some(VersionsMarker::Version(key, version, naming)) => (
                    Some(key.as_str()),
                    Some(shown::version_name(*naming, *version)),
                ),
            };
            let head = dto::ListObjectVersionsOutput {
                name: Some(name.to_string()),
                prefix: Some(encoding.write(&prefix)),
                delimiter: delimiter.map(|delimiter| encoding.write(&delimiter)),
                key_marker: Some(encoding.write(&key_marker)),
                version_id_marker: Some(version_marker),
                next_key_marker: next_key.map(|key| encoding.write(key)),
                next_version_id_marker: next_version,
                max_keys: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
                is_truncated: Some(page.next.is_some()),
                common_prefixes: Some(common_prefixes(&page.common_prefixes, encoding)),
                encoding_type: input.encoding_type,
                ..Default::default()
            };
            let document = document(&head, &page.entries, encoding, &owner);
            call.note_document(document.map_err(|_| Fault::internal())?);
            Ok(S3Response::new(head))
        })
    }

    pub(super) async fn show_attributes(
        &self,
        req: S3Request<dto::GetObjectAttributesInput>,
    ) -> S3Result<S3Response<dto::GetObjectAttributesOutput>> {
        answer!(req, |call, asked, input| {
            let wanted = Attributes::of(&call)?;
            let wish = parse_version(input.version_id.as_deref())?;
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let max_parts = usize::try_from(number_of(&call, "x-amz-max-parts")?.unwrap_or(1000))
                .unwrap_or_default()
                .min(PAGE_MAX);
            let marker = number_of(&call, "x-amz-part-number-marker")?.unwrap_or(0);
            let (head, headers) = self
                .operations
                .attributes(asked, &bucket, &key, wish)
                .await?;
            let checksums = ChecksumFields::of(&head.checksums, head.parts.len());
            let has_checksum = checksums.kind.is_some();
            let parts = (!head.parts.is_empty()).then(|| {
                let mut behind = head
                    .parts
                    .iter()
                    .filter(|part| i64::from(part.number) > i64::from(marker));
                let page: Vec<_> = behind.by_ref().take(max_parts).collect();
                let next = page.last().map_or(marker, |part| {
                    i32::try_from(part.number).unwrap_or(i32::MAX)
                });
                // S3 tells parts one by one only where they have checksums of their own.
                let is_own =
                    |checksum: &Checksum| checksum.algorithm != ChecksumAlgorithm::Crc64Nvme;
                let has_sums = page.iter().any(|part| part.checksums.iter().any(is_own));
                dto::GetObjectAttributesParts {
                    total_parts_count: i32::try_from(head.parts.len()).ok(),
                    part_number_marker: Some(marker),
                    next_part_number_marker: Some(next),
                    max_parts: i32::try_from(max_parts).ok(),
                    is_truncated: Some(behind.next().is_some()),
                    parts: has_sums.then(|| page.into_iter().map(object_part).collect()),
                }
            });
            let output = dto::GetObjectAttributesOutput {
                checksum: (wanted.wants("Checksum") && has_checksum).then_some(dto::Checksum {
                    checksum_crc32: checksums.crc32,
                    checksum_crc32c: checksums.crc32c,
                    checksum_crc64nvme: checksums.crc64nvme,
                    checksum_sha1: checksums.sha1,
                    checksum_sha256: checksums.sha256,
                    checksum_type: checksums.kind,
                }),
                object_parts: parts.filter(|_| wanted.wants("ObjectParts")),
                storage_class: wanted
                    .wants("StorageClass")
                    .then(|| dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
                object_size: wanted
                    .wants("ObjectSize")
                    .then(|| shown::size(head.size_bytes)),
                last_modified: Some(shown::time(head.modified)),
                ..Default::default()
            };
            let etag = wanted.wants("ETag").then_some(head.etag.as_str());
            let document = attributes_document(etag, &output);
            call.note_document(document.map_err(|_| Fault::internal())?);
            Ok(S3Response::with_headers(output, headers))
        })
    }

    pub(super) async fn show_bucket_lock(
        &self,
        req: S3Request<dto::GetObjectLockConfigurationInput>,
    ) -> S3Result<S3Response<dto::GetObjectLockConfigurationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let bucket = self.operations.readable_bucket(asked, &name).await?;
            let lock = bucket.lock.ok_or_else(|| {
                Fault::new(
                    Code::ObjectLockConfigurationNotFoundError,
                    "Object Lock configuration does not exist for this bucket",
                )
            })?;
            Ok(S3Response::new(dto::GetObjectLockConfigurationOutput {
                object_lock_configuration: Some(locks::show_bucket_lock(lock)),
            }))
        })
    }

    pub(super) async fn take_bucket_lock(
        &self,
        req: S3Request<dto::PutObjectLockConfigurationInput>,
    ) -> S3Result<S3Response<dto::PutObjectLockConfigurationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let lock = locks::parse_bucket_lock(input.object_lock_configuration)?;
            self.operations.set_bucket_lock(asked, &name, lock).await?;
            Ok(S3Response::new(
                dto::PutObjectLockConfigurationOutput::default(),
            ))
        })
    }

    pub(super) async fn show_retention(
        &self,
        req: S3Request<dto::GetObjectRetentionInput>,
    ) -> S3Result<S3Response<dto::GetObjectRetentionOutput>> {
        answer!(req, |call, asked, input| {
            let wish = parse_version(input.version_id.as_deref())?;
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let (head, headers) = self.operations.lock_of(asked, &bucket, &key, wish).await?;
            let retention = head.lock.retention.ok_or_else(no_lock)?;
            let output = dto::GetObjectRetentionOutput {
                retention: Some(dto::ObjectLockRetention {
                    mode: Some(locks::show_mode(retention.mode)),
                    retain_until_date: Some(shown::exact_time(retention.until)),
                }),
            };
            Ok(S3Response::with_headers(output, headers))
        })
    }

    pub(super) async fn take_retention(
        &self,
        req: S3Request<dto::PutObjectRetentionInput>,
    ) -> S3Result<S3Response<dto::PutObjectRetentionOutput>> {
        answer!(req, |call, asked, input| {
            let wish = parse_version(input.version_id.as_deref())?;
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let now = self.operations.gate.wall();
            let retention = locks::parse_retention(input.retention, now)?;
            if let Some(retention) = &retention {
                call.say(
                    "s3:object-lock-mode",
                    locks::show_mode(retention.mode).as_str().to_owned(),
                );
                call.say(
                    "s3:object-lock-retain-until-date",
                    retention.until.to_string(),
                );
            }
            let headers = self
                .operations
                .set_retention(asked, &bucket, &key, wish, retention)
                .await?;
            let output = dto::PutObjectRetentionOutput::default();
            Ok(S3Response::with_headers(output, headers))
        })
    }

    pub(super) async fn show_hold(
        &self,
        req: S3Request<dto::GetObjectLegalHoldInput>,
    ) -> S3Result<S3Response<dto::GetObjectLegalHoldOutput>> {
        answer!(req, |call, asked, input| {
            let wish = parse_version(input.version_id.as_deref())?;
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let (head, headers) = self.operations.lock_of(asked, &bucket, &key, wish).await?;
            let status = match head.lock.hold.ok_or_else(no_lock)? {
                onshore_store::LegalHold::On => dto::ObjectLockLegalHoldStatus::ON,
                onshore_store::LegalHold::Off => dto::ObjectLockLegalHoldStatus::OFF,
            };
            let output = dto::GetObjectLegalHoldOutput {
                legal_hold: Some(dto::ObjectLockLegalHold {
                    status: Some(dto::ObjectLockLegalHoldStatus::from_static(status)),
                }),
            };
            Ok(S3Response::with_headers(output, headers))
        })
    }

    pub(super) async fn take_hold(
        &self,
        req: S3Request<dto::PutObjectLegalHoldInput>,
    ) -> S3Result<S3Response<dto::PutObjectLegalHoldOutput>> {
        answer!(req, |call, asked, input| {
            let wish = parse_version(input.version_id.as_deref())?;
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let hold = locks::parse_hold(input.legal_hold)?;
            let word = match hold {
                onshore_store::LegalHold::On => "ON",
                onshore_store::LegalHold::Off => "OFF",
            };
            call.say("s3:object-lock-legal-hold", word.to_owned());
            let headers = self
                .operations
                .set_hold(asked, &bucket, &key, wish, hold)
                .await?;
            let output = dto::PutObjectLegalHoldOutput::default();
            Ok(S3Response::with_headers(output, headers))
        })
    }
}

fn no_lock() -> Fault {
    Fault::new(
        Code::NoSuchObjectLockConfiguration,
        "The specified object does not have a ObjectLock configuration",
    )
}

fn number_of(call: &crate::call::Call, name: &'static str) -> Result<Option<i32>, Fault> {
    call.header(name)
        .map(|text| {
            text.parse()
                .ok()
                .filter(|number| *number >= 0)
                .ok_or_else(|| {
                    Fault::new(
                        Code::InvalidArgument,
                        format!("Argument {name} must be an integer between 0 and 2147483647"),
                    )
                })
        })
        .transpose()
}

/// Writes a page of versions. Versions and delete markers stand in one order; `s3s` would write them apart.
fn document(
    head: &dto::ListObjectVersionsOutput,
    entries: &[VersionEntry],
    encoding: Encoding,
    owner: &dto::Owner,
) -> Result<Vec<u8>, SerError> {
    let mut out = Vec::new();
    let mut xml = Serializer::new(&mut out);
    xml.decl()?;
    xml.element_with_ns("ListVersionsResult", NAMESPACE, |xml| {
        head.serialize_content(xml)?;
        for entry in entries {
            match entry.kind {
                Kind::Object => {
                    xml.content("Version", &object_version(entry, encoding, owner))?;
                }
                Kind::Marker => {
                    xml.content("DeleteMarker", &delete_marker(entry, encoding, owner))?;
                }
            }
        }
        Ok(())
    })?;
    Ok(out)
}

/// Writes attributes. The ETag stands without quotes here, and only here.
fn attributes_document(
    etag: Option<&str>,
    output: &dto::GetObjectAttributesOutput,
) -> Result<Vec<u8>, SerError> {
    let mut out = Vec::new();
    let mut xml = Serializer::new(&mut out);
    xml.decl()?;
    xml.element_with_ns("GetObjectAttributesResponse", NAMESPACE, |xml| {
        if let Some(etag) = etag {
            xml.content("ETag", etag)?;
        }
        output.serialize_content(xml)
    })?;
    Ok(out)
}

fn object_part(part: &onshore_store::Part) -> dto::ObjectPart {
    let checksums = ChecksumFields::of(&part.checksums, 0);
    dto::ObjectPart {
        part_number: i32::try_from(part.number).ok(),
        size: Some(shown::size(part.size_bytes)),
        checksum_crc32: checksums.crc32,
        checksum_crc32c: checksums.crc32c,
        checksum_crc64nvme: checksums.crc64nvme,
        checksum_sha1: checksums.sha1,
        checksum_sha256: checksums.sha256,
    }
}

fn object_version(
    entry: &VersionEntry,
    encoding: Encoding,
    owner: &dto::Owner,
) -> dto::ObjectVersion {
    let algorithms = entry
        .checksums
        .iter()
        .map(|(algorithm, _)| dto::ChecksumAlgorithm::from_static(algorithm.as_str()))
        .collect::<Vec<_>>();
    dto::ObjectVersion {
        key: Some(encoding.write(entry.key.as_str())),
        version_id: Some(shown::version_name(entry.naming, entry.version)),
        is_latest: Some(entry.standing == Standing::Latest),
        last_modified: Some(shown::time(entry.modified)),
        e_tag: Some(shown::etag(&entry.etag)),
        size: Some(shown::size(entry.size_bytes)),
        storage_class: Some(dto::ObjectVersionStorageClass::from_static(
            dto::ObjectVersionStorageClass::STANDARD,
        )),
        owner: Some(owner.clone()),
        checksum_algorithm: (!algorithms.is_empty()).then_some(algorithms),
        checksum_type: entry
            .checksums
            .first()
            .map(|(_, kind)| dto::ChecksumType::from_static(kind.as_str())),
        restore_status: None,
    }
}

fn delete_marker(
    entry: &VersionEntry,
    encoding: Encoding,
    owner: &dto::Owner,
) -> dto::DeleteMarkerEntry {
    dto::DeleteMarkerEntry {
        key: Some(encoding.write(entry.key.as_str())),
        version_id: Some(shown::version_name(entry.naming, entry.version)),
        is_latest: Some(entry.standing == Standing::Latest),
        last_modified: Some(shown::time(entry.modified)),
        owner: Some(owner.clone()),
    }
}
