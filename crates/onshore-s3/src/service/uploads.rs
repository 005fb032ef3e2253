//! Uploads in parts, as `s3s` hands them over.

use http::HeaderMap;
use onshore_store::{Checksum, CompletePart, More, PartsQuery};
use s3s::dto;
use s3s::{S3Request, S3Response, S3Result};

use crate::call::{Call, parse_checksum};
use crate::fault::{Code, Fault};
use crate::ops::listing::{Encoding, UploadsWish, limit};
use crate::ops::multipart::parse_upload;
use crate::ops::parts::parse_number;
use crate::ops::shown::{self, ChecksumFields};
use crate::service::listings::{common_prefixes, owner};
use crate::service::objects::answer;
use crate::service::{Service, asked, bucket_name, call_of, object_name};

impl Service {
    pub(super) async fn begin_upload(
        &self,
        req: S3Request<dto::CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CreateMultipartUploadOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let begun = self.operations.create_upload(asked, &bucket, &key).await?;
            let (algorithm, kind) = begun.new.checksum.unzip();
            let output = dto::CreateMultipartUploadOutput {
                bucket: Some(bucket.to_string()),
                key: Some(key.to_string()),
                upload_id: Some(begun.upload.to_string()),
                checksum_algorithm: algorithm
                    .map(|algorithm| dto::ChecksumAlgorithm::from_static(algorithm.as_str())),
                checksum_type: kind.map(|kind| dto::ChecksumType::from_static(kind.as_str())),
                ..Default::default()
            };
            Ok(S3Response::with_headers(output, begun.headers))
        })
    }

    pub(super) async fn take_part(
        &self,
        req: S3Request<dto::UploadPartInput>,
    ) -> S3Result<S3Response<dto::UploadPartOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let number = parse_number(input.part_number)?;
            let upload = parse_upload(&input.upload_id);
            let (part, encryption) = self
                .operations
                .upload_part(asked, &bucket, &key, upload, number, input.body)
                .await?;
            let checksums = ChecksumFields::of(&part.checksums, 0);
            let mut headers = HeaderMap::new();
            shown::insert_encryption(&mut headers, &encryption);
            let output = dto::UploadPartOutput {
                e_tag: Some(shown::etag(&part.md5)),
                checksum_crc32: checksums.crc32,
                checksum_crc32c: checksums.crc32c,
                checksum_crc64nvme: checksums.crc64nvme,
                checksum_sha1: checksums.sha1,
                checksum_sha256: checksums.sha256,
                ..Default::default()
            };
            Ok(S3Response::with_headers(output, headers))
        })
    }

    pub(super) async fn copy_part(
        &self,
        req: S3Request<dto::UploadPartCopyInput>,
    ) -> S3Result<S3Response<dto::UploadPartCopyOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let number = parse_number(input.part_number)?;
            let upload = parse_upload(&input.upload_id);
            let (copied, encryption) = self
                .operations
                .upload_part_copy(asked, &bucket, &key, upload, number)
                .await?;
            let (part, modified) = copied.made;
            let checksums = ChecksumFields::of(&part.checksums, 0);
            let mut headers = HeaderMap::new();
            shown::insert_encryption(&mut headers, &encryption);
            let output = dto::UploadPartCopyOutput {
                copy_source_version_id: copied.source_version,
                copy_part_result: Some(dto::CopyPartResult {
                    e_tag: Some(shown::etag(&part.md5)),
                    last_modified: Some(shown::time(modified)),
                    checksum_crc32: checksums.crc32,
                    checksum_crc32c: checksums.crc32c,
                    checksum_crc64nvme: checksums.crc64nvme,
                    checksum_sha1: checksums.sha1,
                    checksum_sha256: checksums.sha256,
                }),
                ..Default::default()
            };
            Ok(S3Response::with_headers(output, headers))
        })
    }

    pub(super) async fn complete(
        &self,
        req: S3Request<dto::CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CompleteMultipartUploadOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let upload = parse_upload(&input.upload_id);
            let listed = input
                .multipart_upload
                .and_then(|upload| upload.parts)
                .unwrap_or_default()
                .into_iter()
                .map(completed_part)
                .collect::<Result<Vec<_>, _>>()?;
            let count = listed.len();
            if count == 0 {
                return Err(Fault::malformed());
            }
            let written = self
                .operations
                .complete_upload(asked, &bucket, &key, upload, listed)
                .await?;
            let checksums = ChecksumFields::of(&written.checksums, count);
            let headers = written.headers;
            let output = dto::CompleteMultipartUploadOutput {
                location: Some(self.operations.address(&call, &bucket, &key)),
                bucket: Some(bucket.to_string()),
                key: Some(key.to_string()),
                e_tag: Some(shown::etag(&written.etag)),
                checksum_crc32: checksums.crc32,
                checksum_crc32c: checksums.crc32c,
                checksum_crc64nvme: checksums.crc64nvme,
                checksum_sha1: checksums.sha1,
                checksum_sha256: checksums.sha256,
                checksum_type: checksums.kind,
                ..Default::default()
            };
            Ok(S3Response::with_headers(output, headers))
        })
    }

    pub(super) async fn abort(
        &self,
        req: S3Request<dto::AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::AbortMultipartUploadOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let upload = parse_upload(&input.upload_id);
            self.operations
                .abort_upload(asked, &bucket, &key, upload)
                .await?;
            Ok(S3Response::new(dto::AbortMultipartUploadOutput::default()))
        })
    }

    pub(super) async fn show_parts(
        &self,
        req: S3Request<dto::ListPartsInput>,
    ) -> S3Result<S3Response<dto::ListPartsOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let upload = parse_upload(&input.upload_id);
            let limit = limit(input.max_parts, "max-parts")?;
            let after = input.part_number_marker.unwrap_or(0);
            let query = PartsQuery {
                after: u32::try_from(after).map_err(|_| {
                    Fault::new(
                        Code::InvalidArgument,
                        "Argument part-number-marker must be an integer between 0 and 2147483647",
                    )
                })?,
                limit,
            };
            let listed = self
                .operations
                .list_parts(asked, &bucket, &key, upload, query)
                .await?;
            let is_truncated = listed.more == More::Follows;
            let last = listed.parts.last().map(|entry| entry.part.number);
            let parts = listed.parts.into_iter().map(|entry| {
                let checksums = ChecksumFields::of(&entry.part.checksums, 0);
                dto::Part {
                    part_number: i32::try_from(entry.part.number).ok(),
                    size: Some(shown::size(entry.part.size_bytes)),
                    e_tag: Some(shown::etag(&entry.part.md5)),
                    last_modified: Some(shown::time(entry.modified)),
                    checksum_crc32: checksums.crc32,
                    checksum_crc32c: checksums.crc32c,
                    checksum_crc64nvme: checksums.crc64nvme,
                    checksum_sha1: checksums.sha1,
                    checksum_sha256: checksums.sha256,
                }
            });
            let (algorithm, kind) = listed.description.checksum.unzip();
            let output = dto::ListPartsOutput {
                bucket: Some(bucket.to_string()),
                key: Some(key.to_string()),
                upload_id: Some(upload.to_string()),
                parts: Some(parts.collect()),
                is_truncated: Some(is_truncated),
                max_parts: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
                part_number_marker: Some(after),
                next_part_number_marker: last.and_then(|last| i32::try_from(last).ok()),
                owner: Some(owner(&call)),
                initiator: Some(initiator(&call)),
                storage_class: Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
                checksum_algorithm: algorithm
                    .map(|algorithm| dto::ChecksumAlgorithm::from_static(algorithm.as_str())),
                checksum_type: kind.map(|kind| dto::ChecksumType::from_static(kind.as_str())),
                ..Default::default()
            };
            Ok(S3Response::with_headers(output, listed.headers))
        })
    }

    pub(super) async fn show_uploads(
        &self,
        req: S3Request<dto::ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<dto::ListMultipartUploadsOutput>> {
        answer!(req, |call, asked, input| {
            let bucket = bucket_name(&input.bucket)?;
            let encoding = Encoding::of(input.encoding_type.as_ref());
            let limit = limit(input.max_uploads, "max-uploads")?;
            let key_marker = input.key_marker.filter(|marker| !marker.is_empty());
            let upload_marker = input
                .upload_id_marker
                .as_deref()
                .filter(|marker| !marker.is_empty() && key_marker.is_some())
                .map(|marker| {
                    marker
                        .parse()
                        .map_err(|_| Fault::new(Code::InvalidArgument, "Invalid uploadId marker"))
                })
                .transpose()?;
            let delimiter = input.delimiter.filter(|text| !text.is_empty());
            let wish = UploadsWish {
                prefix: input.prefix.clone().unwrap_or_default(),
                delimiter: delimiter.clone(),
                key_marker: key_marker.clone(),
                upload_marker,
                limit,
            };
            let page = self.operations.list_uploads(asked, &bucket, &wish).await?;
            let (owner, initiator) = (owner(&call), initiator(&call));
            let uploads = page.uploads.into_iter().map(|entry| {
                let (algorithm, kind) = entry.checksum.unzip();
                dto::MultipartUpload {
                    checksum_algorithm: algorithm
                        .map(|algorithm| dto::ChecksumAlgorithm::from_static(algorithm.as_str())),
                    checksum_type: kind.map(|kind| dto::ChecksumType::from_static(kind.as_str())),
                    key: Some(encoding.write(entry.key.as_str())),
                    upload_id: Some(entry.upload.to_string()),
                    initiated: Some(shown::time(entry.created)),
                    owner: Some(owner.clone()),
                    initiator: Some(initiator.clone()),
                    storage_class: Some(dto::StorageClass::from_static(
                        dto::StorageClass::STANDARD,
                    )),
                }
            });
            let is_truncated = page.next.is_some();
            let (next_key, next_upload) = page.next.unzip();
            Ok(S3Response::new(dto::ListMultipartUploadsOutput {
                bucket: Some(bucket.to_string()),
                uploads: Some(uploads.collect()),
                common_prefixes: Some(common_prefixes(&page.common_prefixes, encoding)),
                prefix: input.prefix.map(|prefix| encoding.write(&prefix)),
                delimiter: delimiter.map(|delimiter| encoding.write(&delimiter)),
                key_marker: Some(encoding.write(&key_marker.unwrap_or_default())),
                upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
                next_key_marker: next_key.map(|key| encoding.write(&key)),
                next_upload_id_marker: next_upload.flatten().map(|upload| upload.to_string()),
                max_uploads: Some(i32::try_from(limit).unwrap_or(i32::MAX)),
                is_truncated: Some(is_truncated),
                encoding_type: input.encoding_type,
                request_charged: None,
            }))
        })
    }
}

fn completed_part(part: dto::CompletedPart) -> Result<CompletePart, Fault> {
    let number = part.part_number.ok_or_else(Fault::malformed)?;
    let etag = part.e_tag.ok_or_else(Fault::malformed)?;
    let claims = [
        ("x-amz-checksum-crc32", part.checksum_crc32),
        ("x-amz-checksum-crc32c", part.checksum_crc32c),
        ("x-amz-checksum-crc64nvme", part.checksum_crc64nvme),
        ("x-amz-checksum-sha1", part.checksum_sha1),
        ("x-amz-checksum-sha256", part.checksum_sha256),
    ];
    let checksums = claims
        .into_iter()
        .filter_map(|(name, value)| Some(parse_checksum(name, value?.as_bytes())))
        .collect::<Result<Vec<Checksum>, Fault>>()?;
    Ok(CompletePart {
        number: parse_number(number)?,
        etag: etag.value().trim_matches('"').to_owned(),
        checksums,
    })
}

/// Shows who begins uploads: the tenant.
fn initiator(call: &Call) -> dto::Initiator {
    dto::Initiator {
        id: Some(call.tenant().to_string()),
        display_name: Some(call.tenant().to_string()),
    }
}
