//! The methods of the trait of `s3s`. Buckets, objects and tags are shown here, listings in [`super::listings`], uploads
//! in [`super::uploads`].

use http::HeaderMap;
use s3s::dto;
use s3s::{S3, S3Request, S3Response, S3Result};

use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::guard::address::parse_key;
use crate::guard::headers::METADATA_PREFIX;
use crate::ops::deletion::KEYS_MAX;
use crate::ops::objects::{Answered, Checksums, ReadWish};
use crate::ops::shown::{self, ChecksumFields, Overrides};
use crate::ops::tagging::{parse_tag_set, tag_set};
use crate::service::{Service, asked, bucket_name, call_of, object_name};

/// Answers a request, or notes and raises its fault.
macro_rules! answer {
    ($request:ident, |$call:ident, $asked:ident, $input:ident| $body:expr) => {{
        let $call = call_of(&$request.extensions)?;
        let $asked = asked(&$call)?;
        let $input = $request.input;
        let result: Result<_, Fault> = async { $body }.await;
        result.map_err(|fault| $call.raise(fault))
    }};
}
pub(super) use answer;

#[async_trait::async_trait]
impl S3 for Service {
    async fn create_bucket(
        &self,
        req: S3Request<dto::CreateBucketInput>,
    ) -> S3Result<S3Response<dto::CreateBucketOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let configuration = input.create_bucket_configuration.unwrap_or_default();
            if configuration.bucket.is_some() || configuration.location.is_some() {
                return Err(Fault::not_implemented("A directory bucket"));
            }
            let location = configuration.location_constraint;
            let location = location.as_ref().map(dto::BucketLocationConstraint::as_str);
            self.operations
                .create_bucket(asked, &name, location.filter(|text| !text.is_empty()))
                .await?;
            Ok(S3Response::new(dto::CreateBucketOutput {
                location: Some(format!("/{name}")),
            }))
        })
    }

    async fn head_bucket(
        &self,
        req: S3Request<dto::HeadBucketInput>,
    ) -> S3Result<S3Response<dto::HeadBucketOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations.head_bucket(asked, &name).await?;
            Ok(S3Response::new(dto::HeadBucketOutput {
                bucket_region: Some(self.region()),
                ..Default::default()
            }))
        })
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<dto::GetBucketLocationInput>,
    ) -> S3Result<S3Response<dto::GetBucketLocationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations.head_bucket(asked, &name).await?;
            Ok(S3Response::new(dto::GetBucketLocationOutput {
                location_constraint: Some(dto::BucketLocationConstraint::from(self.region())),
            }))
        })
    }

    async fn delete_bucket(
        &self,
        req: S3Request<dto::DeleteBucketInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations.delete_bucket(asked, &name).await?;
            Ok(S3Response::new(dto::DeleteBucketOutput::default()))
        })
    }

    async fn list_buckets(
        &self,
        req: S3Request<dto::ListBucketsInput>,
    ) -> S3Result<S3Response<dto::ListBucketsOutput>> {
        self.show_list_buckets(req).await
    }

    async fn put_object(
        &self,
        req: S3Request<dto::PutObjectInput>,
    ) -> S3Result<S3Response<dto::PutObjectOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let committed = self
                .operations
                .put_object(asked, &bucket, &key, input.body)
                .await?;
            let checksums = ChecksumFields::of(&committed.checksums, 0);
            Ok(S3Response::new(dto::PutObjectOutput {
                e_tag: Some(shown::etag(&committed.etag)),
                server_side_encryption: Some(aes256()),
                checksum_crc32: checksums.crc32,
                checksum_crc32c: checksums.crc32c,
                checksum_crc64nvme: checksums.crc64nvme,
                checksum_sha1: checksums.sha1,
                checksum_sha256: checksums.sha256,
                checksum_type: checksums.kind,
                ..Default::default()
            }))
        })
    }

    async fn get_object(
        &self,
        req: S3Request<dto::GetObjectInput>,
    ) -> S3Result<S3Response<dto::GetObjectOutput>> {
        answer!(req, |call, asked, input| {
            let wish = ReadWish {
                part_number: input.part_number,
                checksums: checksums_of(input.checksum_mode.as_ref())?,
                overrides: Overrides {
                    cache_control: input.response_cache_control,
                    content_disposition: input.response_content_disposition,
                    content_encoding: input.response_content_encoding,
                    content_language: input.response_content_language,
                    content_type: input.response_content_type,
                    expires: input.response_expires,
                },
            };
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let answered = self
                .operations
                .get_object(asked, &bucket, &key, &wish)
                .await?;
            let Answered {
                headers,
                selection,
                body,
            } = answered;
            let output = dto::GetObjectOutput {
                content_length: Some(shown::size(selection.range.len_bytes)),
                content_range: selection.content_range(),
                body: body.map(dto::StreamingBlob::wrap),
                ..Default::default()
            };
            Ok(S3Response::with_headers(output, headers))
        })
    }

    async fn head_object(
        &self,
        req: S3Request<dto::HeadObjectInput>,
    ) -> S3Result<S3Response<dto::HeadObjectOutput>> {
        answer!(req, |call, asked, input| {
            let wish = ReadWish {
                part_number: input.part_number,
                checksums: checksums_of(input.checksum_mode.as_ref())?,
                overrides: Overrides {
                    cache_control: input.response_cache_control,
                    content_disposition: input.response_content_disposition,
                    content_encoding: input.response_content_encoding,
                    content_language: input.response_content_language,
                    content_type: input.response_content_type,
                    expires: input.response_expires,
                },
            };
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let answered = self
                .operations
                .head_object(asked, &bucket, &key, &wish)
                .await?;
            let output = dto::HeadObjectOutput {
                content_length: Some(shown::size(answered.selection.range.len_bytes)),
                content_range: answered.selection.content_range(),
                ..Default::default()
            };
            Ok(S3Response::with_headers(output, answered.headers))
        })
    }

    async fn delete_object(
        &self,
        req: S3Request<dto::DeleteObjectInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            self.operations.delete_object(asked, &bucket, &key).await?;
            Ok(S3Response::new(dto::DeleteObjectOutput::default()))
        })
    }

    async fn delete_objects(
        &self,
        req: S3Request<dto::DeleteObjectsInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectsOutput>> {
        answer!(req, |call, asked, input| {
            check_digest_of_deletion(&call)?;
            let bucket = bucket_name(&input.bucket)?;
            let objects = input.delete.objects;
            if objects.is_empty() || objects.len() > KEYS_MAX {
                return Err(Fault::new(
                    Code::MalformedXML,
                    "The XML you provided was not well-formed or did not validate against our published schema: it names one to a thousand keys.",
                ));
            }
            let names: Vec<String> = objects.iter().map(|object| object.key.clone()).collect();
            let keys = objects.into_iter().map(|object| {
                if object.version_id.is_some_and(|version| version != "null") {
                    return Err(Fault::new(
                        Code::InvalidArgument,
                        "Invalid version id specified",
                    ));
                }
                if object.e_tag.is_some()
                    || object.last_modified_time.is_some()
                    || object.size.is_some()
                {
                    return Err(Fault::not_implemented(
                        "A condition in a deletion of many objects",
                    ));
                }
                parse_key(object.key)
            });
            let results = self
                .operations
                .delete_objects(asked, &bucket, keys.collect())
                .await?;
            let (mut deleted, mut errors) = (Vec::new(), Vec::new());
            for (name, result) in names.into_iter().zip(results) {
                match result {
                    Ok(()) => deleted.push(dto::DeletedObject {
                        key: Some(name),
                        ..Default::default()
                    }),
                    Err(fault) => errors.push(dto::Error {
                        code: Some(fault.code.name().to_owned()),
                        key: Some(name),
                        message: Some(fault.message.clone().into_owned()),
                        version_id: None,
                    }),
                }
            }
            let is_quiet = input.delete.quiet.unwrap_or(false);
            Ok(S3Response::new(dto::DeleteObjectsOutput {
                deleted: (!is_quiet).then_some(deleted),
                errors: Some(errors),
                ..Default::default()
            }))
        })
    }

    async fn copy_object(
        &self,
        req: S3Request<dto::CopyObjectInput>,
    ) -> S3Result<S3Response<dto::CopyObjectOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let committed = self.operations.copy_object(asked, &bucket, &key).await?;
            let checksums = ChecksumFields::of(&committed.checksums, 0);
            Ok(S3Response::new(dto::CopyObjectOutput {
                copy_object_result: Some(dto::CopyObjectResult {
                    e_tag: Some(shown::etag(&committed.etag)),
                    last_modified: Some(shown::time(committed.modified)),
                    checksum_crc32: checksums.crc32,
                    checksum_crc32c: checksums.crc32c,
                    checksum_crc64nvme: checksums.crc64nvme,
                    checksum_sha1: checksums.sha1,
                    checksum_sha256: checksums.sha256,
                    checksum_type: checksums.kind,
                }),
                server_side_encryption: Some(aes256()),
                ..Default::default()
            }))
        })
    }

    async fn list_objects(
        &self,
        req: S3Request<dto::ListObjectsInput>,
    ) -> S3Result<S3Response<dto::ListObjectsOutput>> {
        self.show_list_objects(req).await
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<dto::ListObjectsV2Input>,
    ) -> S3Result<S3Response<dto::ListObjectsV2Output>> {
        self.show_list_objects_v2(req).await
    }

    async fn get_object_tagging(
        &self,
        req: S3Request<dto::GetObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::GetObjectTaggingOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let tags = self
                .operations
                .get_object_tagging(asked, &bucket, &key)
                .await?;
            Ok(S3Response::new(dto::GetObjectTaggingOutput {
                tag_set: tag_set(tags),
                version_id: None,
            }))
        })
    }

    async fn put_object_tagging(
        &self,
        req: S3Request<dto::PutObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::PutObjectTaggingOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let tags = parse_tag_set(input.tagging.tag_set)?;
            self.operations
                .set_object_tagging(asked, &bucket, &key, tags)
                .await?;
            Ok(S3Response::new(dto::PutObjectTaggingOutput::default()))
        })
    }

    async fn delete_object_tagging(
        &self,
        req: S3Request<dto::DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectTaggingOutput>> {
        answer!(req, |call, asked, input| {
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            self.operations
                .set_object_tagging(asked, &bucket, &key, Default::default())
                .await?;
            Ok(S3Response::new(dto::DeleteObjectTaggingOutput::default()))
        })
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<dto::CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CreateMultipartUploadOutput>> {
        self.begin_upload(req).await
    }

    async fn upload_part(
        &self,
        req: S3Request<dto::UploadPartInput>,
    ) -> S3Result<S3Response<dto::UploadPartOutput>> {
        self.take_part(req).await
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<dto::UploadPartCopyInput>,
    ) -> S3Result<S3Response<dto::UploadPartCopyOutput>> {
        self.copy_part(req).await
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<dto::CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::CompleteMultipartUploadOutput>> {
        self.complete(req).await
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<dto::AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<dto::AbortMultipartUploadOutput>> {
        self.abort(req).await
    }

    async fn list_parts(
        &self,
        req: S3Request<dto::ListPartsInput>,
    ) -> S3Result<S3Response<dto::ListPartsOutput>> {
        self.show_parts(req).await
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<dto::ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<dto::ListMultipartUploadsOutput>> {
        self.show_uploads(req).await
    }
}

impl Service {
    fn region(&self) -> String {
        self.operations.gate.region().id.to_string()
    }
}

/// Everything is encrypted at rest, always.
pub(super) fn aes256() -> dto::ServerSideEncryption {
    dto::ServerSideEncryption::from_static(dto::ServerSideEncryption::AES256)
}

fn checksums_of(mode: Option<&dto::ChecksumMode>) -> Result<Checksums, Fault> {
    match mode.map(dto::ChecksumMode::as_str) {
        None => Ok(Checksums::NotShown),
        Some(mode) if mode.eq_ignore_ascii_case("ENABLED") => Ok(Checksums::Shown),
        Some(_) => Err(Fault::new(
            Code::InvalidArgument,
            "The value specified in the x-amz-checksum-mode header is invalid: it takes ENABLED.",
        )),
    }
}

/// A deletion of many objects that arrives damaged deletes others: it must carry a digest of its document.
fn check_digest_of_deletion(call: &Call) -> Result<(), Fault> {
    let headers: &HeaderMap = call.headers();
    let carries = headers.contains_key("content-md5")
        || headers.keys().any(|name| {
            name.as_str().starts_with("x-amz-checksum-")
                && !name.as_str().starts_with(METADATA_PREFIX)
        })
        || call
            .header("x-amz-content-sha256")
            .is_some_and(|hash| hash.len() == 64);
    if carries {
        Ok(())
    } else {
        Err(Fault::new(
            Code::InvalidRequest,
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
        ))
    }
}
