//! The methods of the trait of `s3s`. Buckets, objects and tags are shown here, listings in [`super::listings`], uploads
//! in [`super::uploads`].

use http::HeaderMap;
use onshore_store::{BucketLock, Kind, WriteCondition};
use s3s::dto;
use s3s::{S3, S3Request, S3Response, S3Result};

use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::guard::address::parse_key;
use crate::guard::headers::METADATA_PREFIX;
use crate::ops::acl::{self, Access};
use crate::ops::conditions;
use crate::ops::deletion::{Deleted, Deletion, KEYS_MAX};
use crate::ops::objects::{Answered, Checksums, ReadWish};
use crate::ops::parse_version;
use crate::ops::shown::{self, ChecksumFields, Overrides};
use crate::ops::tagging::{parse_tag_set, tag_set};
use crate::service::settings::parse_ownership;
use crate::service::{Service, asked, bucket_name, call_of, object_name};

/// Answers a request, or notes and raises its fault.
macro_rules! answer {
    ($request:ident, |$call:ident, $asked:ident, $input:ident| $body:expr) => {{
        let $call = call_of(&$request.extensions)?;
        let $asked = asked(&$call)?;
        let $input = $request.input;
        let result: Result<_, crate::fault::Fault> = async { $body }.await;
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
            if let Some(location) = location {
                call.say("s3:locationconstraint", location.to_owned());
            }
            let lock = input
                .object_lock_enabled_for_bucket
                .unwrap_or(false)
                .then(BucketLock::default);
            let ownership = input.object_ownership.map_or_else(
                || dto::ObjectOwnership::from_static(dto::ObjectOwnership::BUCKET_OWNER_ENFORCED),
                std::convert::identity,
            );
            let ownership = parse_ownership(ownership).map_err(|_| {
                Fault::new(
                    Code::InvalidArgument,
                    "Invalid x-amz-object-ownership header",
                )
            })?;
            if acl::of_headers(&call)? == Access::Others {
                return Err(Fault::new(
                    Code::InvalidBucketAclWithObjectOwnership,
                    "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
                ));
            }
            self.operations
                .create_bucket(
                    asked,
                    &name,
                    location.filter(|text| !text.is_empty()),
                    lock,
                    &ownership,
                )
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
            let written = self
                .operations
                .put_object(asked, &bucket, &key, input.body)
                .await?;
            let checksums = ChecksumFields::of(&written.checksums, 0);
            let output = dto::PutObjectOutput {
                e_tag: Some(shown::etag(&written.etag)),
                size: None,
                checksum_crc32: checksums.crc32,
                checksum_crc32c: checksums.crc32c,
                checksum_crc64nvme: checksums.crc64nvme,
                checksum_sha1: checksums.sha1,
                checksum_sha256: checksums.sha256,
                checksum_type: checksums.kind,
                ..Default::default()
            };
            Ok(S3Response::with_headers(output, written.headers))
        })
    }

    async fn get_object(
        &self,
        req: S3Request<dto::GetObjectInput>,
    ) -> S3Result<S3Response<dto::GetObjectOutput>> {
        answer!(req, |call, asked, input| {
            let wish = ReadWish {
                version: parse_version(input.version_id.as_deref())?,
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
                version: parse_version(input.version_id.as_deref())?,
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
            let deletion = Deletion {
                key,
                version: parse_version(input.version_id.as_deref())?,
                condition: conditions::of_write(&call)?,
            };
            let deleted = self
                .operations
                .delete_object(asked, &bucket, &deletion)
                .await?;
            Ok(S3Response::new(dto::DeleteObjectOutput {
                delete_marker: (deleted.kind == Some(Kind::Marker)).then_some(true),
                version_id: deleted.version,
                ..Default::default()
            }))
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
            let named = objects.clone();
            let deletions = objects.into_iter().map(deletion_of).collect();
            let results = self
                .operations
                .delete_objects(asked, &bucket, deletions)
                .await?;
            let (mut deleted, mut errors) = (Vec::new(), Vec::new());
            for (named, result) in named.into_iter().zip(results) {
                match result {
                    Ok(done) => deleted.push(deleted_object(named, &done)),
                    Err(fault) => errors.push(dto::Error {
                        code: Some(fault.code.name().to_owned()),
                        key: Some(named.key),
                        message: Some(fault.message.clone().into_owned()),
                        version_id: named.version_id,
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
            let copied = self.operations.copy_object(asked, &bucket, &key).await?;
            let written = copied.made;
            let checksums = ChecksumFields::of(&written.checksums, 0);
            let output = dto::CopyObjectOutput {
                copy_source_version_id: copied.source_version,
                copy_object_result: Some(dto::CopyObjectResult {
                    e_tag: Some(shown::etag(&written.etag)),
                    last_modified: Some(shown::time(written.modified)),
                    checksum_crc32: checksums.crc32,
                    checksum_crc32c: checksums.crc32c,
                    checksum_crc64nvme: checksums.crc64nvme,
                    checksum_sha1: checksums.sha1,
                    checksum_sha256: checksums.sha256,
                    checksum_type: checksums.kind,
                }),
                ..Default::default()
            };
            Ok(S3Response::with_headers(output, written.headers))
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
            let wish = parse_version(input.version_id.as_deref())?;
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let (tags, headers) = self
                .operations
                .get_object_tagging(asked, &bucket, &key, wish)
                .await?;
            let output = dto::GetObjectTaggingOutput {
                tag_set: tag_set(tags),
                version_id: None,
            };
            Ok(S3Response::with_headers(output, headers))
        })
    }

    async fn put_object_tagging(
        &self,
        req: S3Request<dto::PutObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::PutObjectTaggingOutput>> {
        answer!(req, |call, asked, input| {
            let wish = parse_version(input.version_id.as_deref())?;
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let tags = parse_tag_set(input.tagging.tag_set)?;
            call.say_tags(&tags);
            let headers = self
                .operations
                .set_object_tagging(asked, &bucket, &key, wish, tags)
                .await?;
            let output = dto::PutObjectTaggingOutput::default();
            Ok(S3Response::with_headers(output, headers))
        })
    }

    async fn delete_object_tagging(
        &self,
        req: S3Request<dto::DeleteObjectTaggingInput>,
    ) -> S3Result<S3Response<dto::DeleteObjectTaggingOutput>> {
        answer!(req, |call, asked, input| {
            let wish = parse_version(input.version_id.as_deref())?;
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let headers = self
                .operations
                .set_object_tagging(asked, &bucket, &key, wish, Default::default())
                .await?;
            let output = dto::DeleteObjectTaggingOutput::default();
            Ok(S3Response::with_headers(output, headers))
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

    async fn get_bucket_versioning(
        &self,
        req: S3Request<dto::GetBucketVersioningInput>,
    ) -> S3Result<S3Response<dto::GetBucketVersioningOutput>> {
        self.show_versioning(req).await
    }

    async fn put_bucket_versioning(
        &self,
        req: S3Request<dto::PutBucketVersioningInput>,
    ) -> S3Result<S3Response<dto::PutBucketVersioningOutput>> {
        self.take_versioning(req).await
    }

    async fn list_object_versions(
        &self,
        req: S3Request<dto::ListObjectVersionsInput>,
    ) -> S3Result<S3Response<dto::ListObjectVersionsOutput>> {
        self.show_versions(req).await
    }

    async fn get_object_attributes(
        &self,
        req: S3Request<dto::GetObjectAttributesInput>,
    ) -> S3Result<S3Response<dto::GetObjectAttributesOutput>> {
        self.show_attributes(req).await
    }

    async fn get_object_lock_configuration(
        &self,
        req: S3Request<dto::GetObjectLockConfigurationInput>,
    ) -> S3Result<S3Response<dto::GetObjectLockConfigurationOutput>> {
        self.show_bucket_lock(req).await
    }

    async fn put_object_lock_configuration(
        &self,
        req: S3Request<dto::PutObjectLockConfigurationInput>,
    ) -> S3Result<S3Response<dto::PutObjectLockConfigurationOutput>> {
        self.take_bucket_lock(req).await
    }

    async fn get_object_retention(
        &self,
        req: S3Request<dto::GetObjectRetentionInput>,
    ) -> S3Result<S3Response<dto::GetObjectRetentionOutput>> {
        self.show_retention(req).await
    }

    async fn put_object_retention(
        &self,
        req: S3Request<dto::PutObjectRetentionInput>,
    ) -> S3Result<S3Response<dto::PutObjectRetentionOutput>> {
        self.take_retention(req).await
    }

    async fn get_object_legal_hold(
        &self,
        req: S3Request<dto::GetObjectLegalHoldInput>,
    ) -> S3Result<S3Response<dto::GetObjectLegalHoldOutput>> {
        self.show_hold(req).await
    }

    async fn put_object_legal_hold(
        &self,
        req: S3Request<dto::PutObjectLegalHoldInput>,
    ) -> S3Result<S3Response<dto::PutObjectLegalHoldOutput>> {
        self.take_hold(req).await
    }

    async fn get_bucket_tagging(
        &self,
        req: S3Request<dto::GetBucketTaggingInput>,
    ) -> S3Result<S3Response<dto::GetBucketTaggingOutput>> {
        self.show_bucket_tags(req).await
    }

    async fn put_bucket_tagging(
        &self,
        req: S3Request<dto::PutBucketTaggingInput>,
    ) -> S3Result<S3Response<dto::PutBucketTaggingOutput>> {
        self.take_bucket_tags(req).await
    }

    async fn delete_bucket_tagging(
        &self,
        req: S3Request<dto::DeleteBucketTaggingInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketTaggingOutput>> {
        self.drop_bucket_tags(req).await
    }

    async fn get_bucket_cors(
        &self,
        req: S3Request<dto::GetBucketCorsInput>,
    ) -> S3Result<S3Response<dto::GetBucketCorsOutput>> {
        self.show_cors(req).await
    }

    async fn put_bucket_cors(
        &self,
        req: S3Request<dto::PutBucketCorsInput>,
    ) -> S3Result<S3Response<dto::PutBucketCorsOutput>> {
        self.take_cors(req).await
    }

    async fn delete_bucket_cors(
        &self,
        req: S3Request<dto::DeleteBucketCorsInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketCorsOutput>> {
        self.drop_cors(req).await
    }

    async fn get_bucket_lifecycle_configuration(
        &self,
        req: S3Request<dto::GetBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<dto::GetBucketLifecycleConfigurationOutput>> {
        self.show_lifecycle(req).await
    }

    async fn put_bucket_lifecycle_configuration(
        &self,
        req: S3Request<dto::PutBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<dto::PutBucketLifecycleConfigurationOutput>> {
        self.take_lifecycle(req).await
    }

    async fn delete_bucket_lifecycle(
        &self,
        req: S3Request<dto::DeleteBucketLifecycleInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketLifecycleOutput>> {
        self.drop_lifecycle(req).await
    }

    async fn get_bucket_encryption(
        &self,
        req: S3Request<dto::GetBucketEncryptionInput>,
    ) -> S3Result<S3Response<dto::GetBucketEncryptionOutput>> {
        self.show_encryption(req).await
    }

    async fn put_bucket_encryption(
        &self,
        req: S3Request<dto::PutBucketEncryptionInput>,
    ) -> S3Result<S3Response<dto::PutBucketEncryptionOutput>> {
        self.take_encryption(req).await
    }

    async fn delete_bucket_encryption(
        &self,
        req: S3Request<dto::DeleteBucketEncryptionInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketEncryptionOutput>> {
        self.drop_encryption(req).await
    }

    async fn get_public_access_block(
        &self,
        req: S3Request<dto::GetPublicAccessBlockInput>,
    ) -> S3Result<S3Response<dto::GetPublicAccessBlockOutput>> {
        self.show_public_access_block(req).await
    }

    async fn put_public_access_block(
        &self,
        req: S3Request<dto::PutPublicAccessBlockInput>,
    ) -> S3Result<S3Response<dto::PutPublicAccessBlockOutput>> {
        self.take_public_access_block(req).await
    }

    async fn delete_public_access_block(
        &self,
        req: S3Request<dto::DeletePublicAccessBlockInput>,
    ) -> S3Result<S3Response<dto::DeletePublicAccessBlockOutput>> {
        self.drop_public_access_block(req).await
    }

    async fn get_bucket_ownership_controls(
        &self,
        req: S3Request<dto::GetBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<dto::GetBucketOwnershipControlsOutput>> {
        self.show_ownership(req).await
    }

    async fn put_bucket_ownership_controls(
        &self,
        req: S3Request<dto::PutBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<dto::PutBucketOwnershipControlsOutput>> {
        self.take_ownership(req).await
    }

    async fn delete_bucket_ownership_controls(
        &self,
        req: S3Request<dto::DeleteBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketOwnershipControlsOutput>> {
        self.drop_ownership(req).await
    }

    async fn get_bucket_acl(
        &self,
        req: S3Request<dto::GetBucketAclInput>,
    ) -> S3Result<S3Response<dto::GetBucketAclOutput>> {
        self.show_bucket_acl(req).await
    }

    async fn put_bucket_acl(
        &self,
        req: S3Request<dto::PutBucketAclInput>,
    ) -> S3Result<S3Response<dto::PutBucketAclOutput>> {
        self.take_bucket_acl(req).await
    }

    async fn get_object_acl(
        &self,
        req: S3Request<dto::GetObjectAclInput>,
    ) -> S3Result<S3Response<dto::GetObjectAclOutput>> {
        self.show_object_acl(req).await
    }

    async fn put_object_acl(
        &self,
        req: S3Request<dto::PutObjectAclInput>,
    ) -> S3Result<S3Response<dto::PutObjectAclOutput>> {
        self.take_object_acl(req).await
    }

    async fn put_bucket_policy(
        &self,
        req: S3Request<dto::PutBucketPolicyInput>,
    ) -> S3Result<S3Response<dto::PutBucketPolicyOutput>> {
        self.take_policy(req).await
    }

    async fn get_bucket_policy(
        &self,
        req: S3Request<dto::GetBucketPolicyInput>,
    ) -> S3Result<S3Response<dto::GetBucketPolicyOutput>> {
        self.show_policy(req).await
    }

    async fn delete_bucket_policy(
        &self,
        req: S3Request<dto::DeleteBucketPolicyInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketPolicyOutput>> {
        self.drop_policy(req).await
    }

    async fn get_bucket_policy_status(
        &self,
        req: S3Request<dto::GetBucketPolicyStatusInput>,
    ) -> S3Result<S3Response<dto::GetBucketPolicyStatusOutput>> {
        self.show_policy_status(req).await
    }

    async fn get_bucket_website(
        &self,
        req: S3Request<dto::GetBucketWebsiteInput>,
    ) -> S3Result<S3Response<dto::GetBucketWebsiteOutput>> {
        self.show_website(req).await
    }

    async fn delete_bucket_website(
        &self,
        req: S3Request<dto::DeleteBucketWebsiteInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketWebsiteOutput>> {
        self.drop_website(req).await
    }

    async fn get_bucket_inventory_configuration(
        &self,
        req: S3Request<dto::GetBucketInventoryConfigurationInput>,
    ) -> S3Result<S3Response<dto::GetBucketInventoryConfigurationOutput>> {
        self.show_inventory(req).await
    }

    async fn put_bucket_inventory_configuration(
        &self,
        req: S3Request<dto::PutBucketInventoryConfigurationInput>,
    ) -> S3Result<S3Response<dto::PutBucketInventoryConfigurationOutput>> {
        self.take_inventory(req).await
    }

    async fn delete_bucket_inventory_configuration(
        &self,
        req: S3Request<dto::DeleteBucketInventoryConfigurationInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketInventoryConfigurationOutput>> {
        self.drop_inventory(req).await
    }

    async fn list_bucket_inventory_configurations(
        &self,
        req: S3Request<dto::ListBucketInventoryConfigurationsInput>,
    ) -> S3Result<S3Response<dto::ListBucketInventoryConfigurationsOutput>> {
        self.list_inventories(req).await
    }

    async fn get_bucket_logging(
        &self,
        req: S3Request<dto::GetBucketLoggingInput>,
    ) -> S3Result<S3Response<dto::GetBucketLoggingOutput>> {
        self.show_logging(req).await
    }

    async fn get_bucket_notification_configuration(
        &self,
        req: S3Request<dto::GetBucketNotificationConfigurationInput>,
    ) -> S3Result<S3Response<dto::GetBucketNotificationConfigurationOutput>> {
        self.show_notification(req).await
    }

    async fn get_bucket_accelerate_configuration(
        &self,
        req: S3Request<dto::GetBucketAccelerateConfigurationInput>,
    ) -> S3Result<S3Response<dto::GetBucketAccelerateConfigurationOutput>> {
        self.show_accelerate(req).await
    }

    async fn get_bucket_request_payment(
        &self,
        req: S3Request<dto::GetBucketRequestPaymentInput>,
    ) -> S3Result<S3Response<dto::GetBucketRequestPaymentOutput>> {
        self.show_request_payment(req).await
    }

    async fn put_bucket_logging(
        &self,
        req: S3Request<dto::PutBucketLoggingInput>,
    ) -> S3Result<S3Response<dto::PutBucketLoggingOutput>> {
        self.take_logging(req).await
    }

    async fn put_bucket_notification_configuration(
        &self,
        req: S3Request<dto::PutBucketNotificationConfigurationInput>,
    ) -> S3Result<S3Response<dto::PutBucketNotificationConfigurationOutput>> {
        self.take_notification(req).await
    }

    async fn put_bucket_accelerate_configuration(
        &self,
        req: S3Request<dto::PutBucketAccelerateConfigurationInput>,
    ) -> S3Result<S3Response<dto::PutBucketAccelerateConfigurationOutput>> {
        self.take_accelerate(req).await
    }

    async fn put_bucket_request_payment(
        &self,
        req: S3Request<dto::PutBucketRequestPaymentInput>,
    ) -> S3Result<S3Response<dto::PutBucketRequestPaymentOutput>> {
        self.take_request_payment(req).await
    }

    async fn get_bucket_replication(
        &self,
        req: S3Request<dto::GetBucketReplicationInput>,
    ) -> S3Result<S3Response<dto::GetBucketReplicationOutput>> {
        self.show_replication(req).await
    }

    async fn put_bucket_replication(
        &self,
        req: S3Request<dto::PutBucketReplicationInput>,
    ) -> S3Result<S3Response<dto::PutBucketReplicationOutput>> {
        self.take_replication(req).await
    }

    async fn delete_bucket_replication(
        &self,
        req: S3Request<dto::DeleteBucketReplicationInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketReplicationOutput>> {
        self.drop_replication(req).await
    }
}

impl Service {
    pub(super) fn region(&self) -> String {
        self.operations.gate.region().id.to_string()
    }
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

fn deletion_of(object: dto::ObjectIdentifier) -> Result<Deletion, Fault> {
    if object.last_modified_time.is_some() || object.size.is_some() {
        return Err(Fault::not_implemented(
            "A condition on time or size in a deletion of many objects",
        ));
    }
    let version = object.version_id.as_deref().filter(|id| !id.is_empty());
    let version = parse_version(version)
        .map_err(|_| Fault::new(Code::NoSuchVersion, "The specified version does not exist."))?;
    let condition = match object.e_tag {
        None => WriteCondition::Always,
        Some(etag) if etag.value() == "*" => WriteCondition::Present,
        Some(etag) => WriteCondition::Matches(vec![etag.value().trim_matches('"').to_owned()]),
    };
    Ok(Deletion {
        key: parse_key(object.key)?,
        version,
        condition,
    })
}

fn deleted_object(named: dto::ObjectIdentifier, done: &Deleted) -> dto::DeletedObject {
    let is_marker = done.kind == Some(Kind::Marker);
    dto::DeletedObject {
        key: Some(named.key),
        delete_marker: is_marker.then_some(true),
        delete_marker_version_id: done.version.clone().filter(|_| is_marker),
        version_id: named.version_id.filter(|id| !id.is_empty()),
    }
}
