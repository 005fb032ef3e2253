//! Settings of a bucket, as `s3s` hands them over. What this service does not do has no setting: it is told as not set,
//! and setting it is answered with 501.

use onshore_policy::iam::Publicity;
use onshore_store::{Encryption, Setting};
use s3s::dto;
use s3s::{S3Request, S3Response, S3Result};

use crate::fault::{Code, Fault};
use crate::ops::acl;
use crate::ops::encryption::{BucketKey, service};
use crate::ops::settings::block_of_new_buckets;
use crate::ops::tagging::{parse_bucket_tags, tag_set};
use crate::ops::{Asked, Operations, lifecycle, logging, notifications, parse_version};
use crate::service::listings::owner;
use crate::service::objects::answer;
use crate::service::{Service, asked, bucket_name, call_of, object_name};

/// The most rules of a CORS setting.
const CORS_RULES_MAX: usize = 100;
/// The longest id of a rule.
const RULE_ID_MAX: usize = 255;
/// Methods that a CORS rule may allow.
const CORS_METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

/// Shows how new objects of a bucket are encrypted of which nothing is kept as it was said.
fn encryption_in_force(encryption: Encryption) -> dto::ServerSideEncryptionConfiguration {
    let (algorithm, key, bucket_key) = match encryption {
        Encryption::Service | Encryption::Customer { .. } => ("AES256", None, false),
        Encryption::Kms {
            key, bucket_key, ..
        } => ("aws:kms", Some(key), bucket_key),
    };
    dto::ServerSideEncryptionConfiguration {
        rules: vec![dto::ServerSideEncryptionRule {
            apply_server_side_encryption_by_default: Some(dto::ServerSideEncryptionByDefault {
                kms_master_key_id: key,
                sse_algorithm: dto::ServerSideEncryption::from_static(algorithm),
            }),
            bucket_key_enabled: Some(bucket_key),
        }],
    }
}

/// What is kept where the setting was removed, so that it is not that of a new bucket again.
fn removed_block() -> dto::PublicAccessBlockConfiguration {
    dto::PublicAccessBlockConfiguration::default()
}

/// From which size objects change their storage class, where a rule does not say: what AWS tells of every lifecycle by
/// default. Terraform waits until it is told.
fn transition_default() -> dto::TransitionDefaultMinimumObjectSize {
    dto::TransitionDefaultMinimumObjectSize::from_static(
        dto::TransitionDefaultMinimumObjectSize::ALL_STORAGE_CLASSES_128K,
    )
}

/// There are no transitions here, so only the default may be said.
fn check_transition_default(
    said: Option<&dto::TransitionDefaultMinimumObjectSize>,
) -> Result<(), Fault> {
    match said.map(dto::TransitionDefaultMinimumObjectSize::as_str) {
        None | Some(dto::TransitionDefaultMinimumObjectSize::ALL_STORAGE_CLASSES_128K) => Ok(()),
        Some(dto::TransitionDefaultMinimumObjectSize::VARIES_BY_STORAGE_CLASS) => Err(
            Fault::not_implemented("A transition to another storage class"),
        ),
        Some(_) => Err(Fault::new(
            Code::InvalidArgument,
            "x-amz-transition-default-minimum-object-size is all_storage_classes_128K",
        )),
    }
}

/// Methods that remove a setting.
macro_rules! drops {
    ($($name:ident($input:ident, $output:ident) = $setting:ident;)*) => {
        impl Service {
            $(pub(super) async fn $name(
                &self,
                req: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                answer!(req, |call, asked, input| {
                    let name = bucket_name(&input.bucket)?;
                    self.operations
                        .remove_setting(asked, &name, Setting::$setting)
                        .await?;
                    Ok(S3Response::new(dto::$output::default()))
                })
            })*
        }
    };
}

drops! {
    drop_bucket_tags(DeleteBucketTaggingInput, DeleteBucketTaggingOutput) = Tags;
    drop_cors(DeleteBucketCorsInput, DeleteBucketCorsOutput) = Cors;
    drop_lifecycle(DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput) = Lifecycle;
    drop_policy(DeleteBucketPolicyInput, DeleteBucketPolicyOutput) = Policy;
    drop_ownership(DeleteBucketOwnershipControlsInput, DeleteBucketOwnershipControlsOutput) = OwnershipControls;
}

/// Methods that answer for a setting that no bucket has.
macro_rules! unset {
    ($($name:ident($input:ident, $output:ident) = |$unused:ident| $answer:expr;)*) => {
        impl Service {
            $(pub(super) async fn $name(
                &self,
                req: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                answer!(req, |call, asked, input| {
                    let name = bucket_name(&input.bucket)?;
                    self.operations.readable_bucket(asked, &name).await?;
                    let $unused = ();
                    $answer.map(S3Response::new)
                })
            })*
        }
    };
}

unset! {
    show_website(GetBucketWebsiteInput, GetBucketWebsiteOutput) = |_none| Err(Fault::new(
        Code::NoSuchWebsiteConfiguration,
        "The specified bucket does not have a website configuration",
    ));
    drop_website(DeleteBucketWebsiteInput, DeleteBucketWebsiteOutput) = |_none| Ok(Default::default());
    show_accelerate(GetBucketAccelerateConfigurationInput, GetBucketAccelerateConfigurationOutput) = |_none| Ok(Default::default());
    show_request_payment(GetBucketRequestPaymentInput, GetBucketRequestPaymentOutput) = |_none| Ok(dto::GetBucketRequestPaymentOutput {
        payer: Some(dto::Payer::from_static(dto::Payer::BUCKET_OWNER)),
    });
}

impl Service {
    pub(super) async fn show_bucket_tags(
        &self,
        req: S3Request<dto::GetBucketTaggingInput>,
    ) -> S3Result<S3Response<dto::GetBucketTaggingOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let (_, found) = self
                .operations
                .setting::<dto::Tagging>(asked, &name, Setting::Tags)
                .await?;
            let tagging =
                found.ok_or_else(|| Fault::new(Code::NoSuchTagSet, "The TagSet does not exist"))?;
            Ok(S3Response::new(dto::GetBucketTaggingOutput {
                tag_set: tagging.tag_set,
            }))
        })
    }

    pub(super) async fn take_bucket_tags(
        &self,
        req: S3Request<dto::PutBucketTaggingInput>,
    ) -> S3Result<S3Response<dto::PutBucketTaggingOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let tags = parse_bucket_tags(input.tagging.tag_set)?;
            if tags.is_empty() {
                // No tags are none: it is told so.
                self.operations
                    .remove_setting(asked, &name, Setting::Tags)
                    .await?;
            } else {
                let tagging = dto::Tagging {
                    tag_set: tag_set(tags),
                };
                self.operations
                    .set_setting(asked, &name, Setting::Tags, &tagging)
                    .await?;
            }
            Ok(S3Response::new(dto::PutBucketTaggingOutput::default()))
        })
    }

    pub(super) async fn show_cors(
        &self,
        req: S3Request<dto::GetBucketCorsInput>,
    ) -> S3Result<S3Response<dto::GetBucketCorsOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let (_, found) = self
                .operations
                .setting::<dto::CORSConfiguration>(asked, &name, Setting::Cors)
                .await?;
            let configuration = found.ok_or_else(|| {
                Fault::new(
                    Code::NoSuchCORSConfiguration,
                    "The CORS configuration does not exist",
                )
            })?;
            Ok(S3Response::new(dto::GetBucketCorsOutput {
                cors_rules: Some(configuration.cors_rules),
            }))
        })
    }

    pub(super) async fn take_cors(
        &self,
        req: S3Request<dto::PutBucketCorsInput>,
    ) -> S3Result<S3Response<dto::PutBucketCorsOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            check_cors(&input.cors_configuration)?;
            self.operations
                .set_setting(asked, &name, Setting::Cors, &input.cors_configuration)
                .await?;
            Ok(S3Response::new(dto::PutBucketCorsOutput::default()))
        })
    }

    pub(super) async fn show_lifecycle(
        &self,
        req: S3Request<dto::GetBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<dto::GetBucketLifecycleConfigurationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let bucket = self.operations.readable_bucket(asked, &name).await?;
            let lifecycle = bucket.lifecycle.ok_or_else(|| {
                Fault::new(
                    Code::NoSuchLifecycleConfiguration,
                    "The lifecycle configuration does not exist",
                )
            })?;
            let lifecycle = lifecycle
                .read()
                .map_err(|error| self.operations.fault(&call, error))?;
            Ok(S3Response::new(
                dto::GetBucketLifecycleConfigurationOutput {
                    rules: Some(lifecycle.rules.into_iter().map(lifecycle::show).collect()),
                    transition_default_minimum_object_size: Some(transition_default()),
                },
            ))
        })
    }

    pub(super) async fn take_lifecycle(
        &self,
        req: S3Request<dto::PutBucketLifecycleConfigurationInput>,
    ) -> S3Result<S3Response<dto::PutBucketLifecycleConfigurationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let configuration = input.lifecycle_configuration.ok_or_else(Fault::malformed)?;
            check_transition_default(input.transition_default_minimum_object_size.as_ref())?;
            let parsed = lifecycle::parse(configuration)?;
            self.operations.set_lifecycle(asked, &name, &parsed).await?;
            Ok(S3Response::new(
                dto::PutBucketLifecycleConfigurationOutput {
                    transition_default_minimum_object_size: Some(transition_default()),
                },
            ))
        })
    }

    pub(super) async fn show_notification(
        &self,
        req: S3Request<dto::GetBucketNotificationConfigurationInput>,
    ) -> S3Result<S3Response<dto::GetBucketNotificationConfigurationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let found = self.operations.notifications(asked, &name).await?;
            let shown = notifications::show(found);
            Ok(S3Response::new(
                dto::GetBucketNotificationConfigurationOutput {
                    event_bridge_configuration: None,
                    lambda_function_configurations: shown.lambda_function_configurations,
                    queue_configurations: shown.queue_configurations,
                    topic_configurations: shown.topic_configurations,
                },
            ))
        })
    }

    pub(super) async fn take_notification(
        &self,
        req: S3Request<dto::PutBucketNotificationConfigurationInput>,
    ) -> S3Result<S3Response<dto::PutBucketNotificationConfigurationOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations
                .set_notifications(asked, &name, input.notification_configuration)
                .await?;
            Ok(S3Response::new(
                dto::PutBucketNotificationConfigurationOutput::default(),
            ))
        })
    }

    pub(super) async fn show_logging(
        &self,
        req: S3Request<dto::GetBucketLoggingInput>,
    ) -> S3Result<S3Response<dto::GetBucketLoggingOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let found = self.operations.logging(asked, &name).await?;
            Ok(S3Response::new(dto::GetBucketLoggingOutput {
                logging_enabled: found.map(logging::show),
            }))
        })
    }

    pub(super) async fn take_logging(
        &self,
        req: S3Request<dto::PutBucketLoggingInput>,
    ) -> S3Result<S3Response<dto::PutBucketLoggingOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let said = input.bucket_logging_status.logging_enabled;
            let said = said.map(logging::parse).transpose()?;
            self.operations.set_logging(asked, &name, said).await?;
            Ok(S3Response::new(dto::PutBucketLoggingOutput::default()))
        })
    }

    pub(super) async fn show_encryption(
        &self,
        req: S3Request<dto::GetBucketEncryptionInput>,
    ) -> S3Result<S3Response<dto::GetBucketEncryptionOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let (bucket, said) = self
                .operations
                .setting(asked, &name, Setting::Encryption)
                .await?;
            let said = said.unwrap_or_else(|| encryption_in_force(bucket.encryption));
            Ok(S3Response::new(dto::GetBucketEncryptionOutput {
                server_side_encryption_configuration: Some(said),
            }))
        })
    }

    pub(super) async fn take_encryption(
        &self,
        req: S3Request<dto::PutBucketEncryptionInput>,
    ) -> S3Result<S3Response<dto::PutBucketEncryptionOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let mut said = input.server_side_encryption_configuration;
            let [rule] = said.rules.as_mut_slice() else {
                return Err(Fault::malformed());
            };
            let bucket_key = if *rule.bucket_key_enabled.get_or_insert(false) {
                BucketKey::Enabled
            } else {
                BucketKey::Disabled
            };
            let default = rule
                .apply_server_side_encryption_by_default
                .as_ref()
                .ok_or_else(Fault::malformed)?;
            let kind = default.sse_algorithm.as_str();
            if !["AES256", "aws:kms", "aws:kms:dsse"].contains(&kind) {
                return Err(Fault::malformed());
            }
            let key = default
                .kms_master_key_id
                .as_deref()
                .filter(|key| !key.is_empty());
            let encryption = service(kind, key, None, bucket_key)?;
            self.operations.check_region(&encryption)?;
            self.operations
                .set_bucket_encryption(asked, &name, encryption, Some(&said))
                .await?;
            Ok(S3Response::new(dto::PutBucketEncryptionOutput::default()))
        })
    }

    pub(super) async fn drop_encryption(
        &self,
        req: S3Request<dto::DeleteBucketEncryptionInput>,
    ) -> S3Result<S3Response<dto::DeleteBucketEncryptionOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations
                .set_bucket_encryption(asked, &name, Encryption::Service, None)
                .await?;
            Ok(S3Response::new(dto::DeleteBucketEncryptionOutput::default()))
        })
    }

    pub(super) async fn show_policy(
        &self,
        req: S3Request<dto::GetBucketPolicyInput>,
    ) -> S3Result<S3Response<dto::GetBucketPolicyOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let policy = self.operations.policy(asked, &name).await?;
            Ok(S3Response::new(dto::GetBucketPolicyOutput {
                policy: Some(policy),
            }))
        })
    }

    pub(super) async fn take_policy(
        &self,
        req: S3Request<dto::PutBucketPolicyInput>,
    ) -> S3Result<S3Response<dto::PutBucketPolicyOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations
                .set_policy(asked, &name, input.policy)
                .await?;
            Ok(S3Response::new(dto::PutBucketPolicyOutput::default()))
        })
    }

    pub(super) async fn show_policy_status(
        &self,
        req: S3Request<dto::GetBucketPolicyStatusInput>,
    ) -> S3Result<S3Response<dto::GetBucketPolicyStatusOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let publicity = self.operations.policy_publicity(asked, &name).await?;
            Ok(S3Response::new(dto::GetBucketPolicyStatusOutput {
                policy_status: Some(dto::PolicyStatus {
                    is_public: Some(publicity == Publicity::Public),
                }),
            }))
        })
    }

    pub(super) async fn show_public_access_block(
        &self,
        req: S3Request<dto::GetPublicAccessBlockInput>,
    ) -> S3Result<S3Response<dto::GetPublicAccessBlockOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let (_, found) = self
                .operations
                .setting(asked, &name, Setting::PublicAccessBlock)
                .await?;
            let block = found.unwrap_or_else(block_of_new_buckets);
            if block == removed_block() {
                return Err(Fault::new(
                    Code::NoSuchPublicAccessBlockConfiguration,
                    "The public access block configuration was not found",
                ));
            }
            Ok(S3Response::new(dto::GetPublicAccessBlockOutput {
                public_access_block_configuration: Some(block),
            }))
        })
    }

    pub(super) async fn drop_public_access_block(
        &self,
        req: S3Request<dto::DeletePublicAccessBlockInput>,
    ) -> S3Result<S3Response<dto::DeletePublicAccessBlockOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations
                .set_setting(asked, &name, Setting::PublicAccessBlock, &removed_block())
                .await?;
            Ok(S3Response::new(
                dto::DeletePublicAccessBlockOutput::default(),
            ))
        })
    }

    pub(super) async fn take_public_access_block(
        &self,
        req: S3Request<dto::PutPublicAccessBlockInput>,
    ) -> S3Result<S3Response<dto::PutPublicAccessBlockOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let said = input.public_access_block_configuration;
            let block = dto::PublicAccessBlockConfiguration {
                block_public_acls: Some(said.block_public_acls.unwrap_or(false)),
                block_public_policy: Some(said.block_public_policy.unwrap_or(false)),
                ignore_public_acls: Some(said.ignore_public_acls.unwrap_or(false)),
                restrict_public_buckets: Some(said.restrict_public_buckets.unwrap_or(false)),
            };
            self.operations
                .set_setting(asked, &name, Setting::PublicAccessBlock, &block)
                .await?;
            Ok(S3Response::new(dto::PutPublicAccessBlockOutput::default()))
        })
    }

    pub(super) async fn show_ownership(
        &self,
        req: S3Request<dto::GetBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<dto::GetBucketOwnershipControlsOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let (_, found) = self
                .operations
                .setting(asked, &name, Setting::OwnershipControls)
                .await?;
            if found.is_none() {
                return Err(Fault::new(
                    Code::OwnershipControlsNotFoundError,
                    "The bucket ownership controls were not found",
                ));
            }
            Ok(S3Response::new(dto::GetBucketOwnershipControlsOutput {
                ownership_controls: found,
            }))
        })
    }

    pub(super) async fn take_ownership(
        &self,
        req: S3Request<dto::PutBucketOwnershipControlsInput>,
    ) -> S3Result<S3Response<dto::PutBucketOwnershipControlsOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let mut rules = input.ownership_controls.rules;
            let (Some(rule), true) = (rules.pop(), rules.is_empty()) else {
                return Err(Fault::malformed());
            };
            let controls = parse_ownership(rule.object_ownership)?;
            self.operations
                .set_ownership(asked, &name, &controls)
                .await?;
            Ok(S3Response::new(
                dto::PutBucketOwnershipControlsOutput::default(),
            ))
        })
    }

    pub(super) async fn show_bucket_acl(
        &self,
        req: S3Request<dto::GetBucketAclInput>,
    ) -> S3Result<S3Response<dto::GetBucketAclOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations.readable_bucket(asked, &name).await?;
            let owner = owner(&call);
            Ok(S3Response::new(dto::GetBucketAclOutput {
                grants: Some(acl::grants(&owner)),
                owner: Some(owner),
            }))
        })
    }

    pub(super) async fn take_bucket_acl(
        &self,
        req: S3Request<dto::PutBucketAclInput>,
    ) -> S3Result<S3Response<dto::PutBucketAclOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            let access = match &input.access_control_policy {
                Some(document) => acl::of_document(&call, document)?,
                None => acl::of_headers_alone(&call)?,
            };
            let bucket = self.operations.readable_bucket(asked, &name).await?;
            self.operations.check_access(asked, &bucket, access).await?;
            Ok(S3Response::new(dto::PutBucketAclOutput::default()))
        })
    }

    pub(super) async fn show_object_acl(
        &self,
        req: S3Request<dto::GetObjectAclInput>,
    ) -> S3Result<S3Response<dto::GetObjectAclOutput>> {
        answer!(req, |call, asked, input| {
            let wish = parse_version(input.version_id.as_deref())?;
            let (bucket, key) = object_name(&input.bucket, input.key)?;
            let (_, headers) = self
                .operations
                .known_version(asked, &bucket, &key, wish)
                .await?;
            let owner = owner(&call);
            let output = dto::GetObjectAclOutput {
                grants: Some(acl::grants(&owner)),
                owner: Some(owner),
                request_charged: None,
            };
            Ok(S3Response::with_headers(output, headers))
        })
    }

    pub(super) async fn take_object_acl(
        &self,
        req: S3Request<dto::PutObjectAclInput>,
    ) -> S3Result<S3Response<dto::PutObjectAclOutput>> {
        answer!(req, |call, asked, input| {
            let wish = parse_version(input.version_id.as_deref())?;
            let (name, key) = object_name(&input.bucket, input.key)?;
            let access = match &input.access_control_policy {
                Some(document) => acl::of_document(&call, document)?,
                None => acl::of_headers_alone(&call)?,
            };
            let (bucket, headers) = self
                .operations
                .known_version(asked, &name, &key, wish)
                .await?;
            self.operations.check_access(asked, &bucket, access).await?;
            let output = dto::PutObjectAclOutput::default();
            Ok(S3Response::with_headers(output, headers))
        })
    }

    pub(super) async fn take_request_payment(
        &self,
        req: S3Request<dto::PutBucketRequestPaymentInput>,
    ) -> S3Result<S3Response<dto::PutBucketRequestPaymentOutput>> {
        answer!(req, |call, asked, input| {
            let name = bucket_name(&input.bucket)?;
            self.operations.readable_bucket(asked, &name).await?;
            match input.request_payment_configuration.payer.as_str() {
                dto::Payer::BUCKET_OWNER => Ok(S3Response::new(
                    dto::PutBucketRequestPaymentOutput::default(),
                )),
                dto::Payer::REQUESTER => Err(Fault::not_implemented("A bucket whose readers pay")),
                _ => Err(Fault::malformed()),
            }
        })
    }
}

/// Methods that take a setting as long as it says what is so anyway.
macro_rules! takes_nothing {
    ($($name:ident($input:ident, $output:ident) = |$said:ident| $is_nothing:expr, $what:literal;)*) => {
        impl Service {
            $(pub(super) async fn $name(
                &self,
                req: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                answer!(req, |call, asked, input| {
                    let name = bucket_name(&input.bucket)?;
                    self.operations.readable_bucket(asked, &name).await?;
                    let $said = &input;
                    if $is_nothing {
                        Ok(S3Response::new(dto::$output::default()))
                    } else {
                        Err(Fault::not_implemented($what))
                    }
                })
            })*
        }
    };
}

takes_nothing! {
    take_accelerate(PutBucketAccelerateConfigurationInput, PutBucketAccelerateConfigurationOutput) =
        |said| said
            .accelerate_configuration
            .status
            .as_ref()
            .is_some_and(|status| status.as_str() == dto::BucketAccelerateStatus::SUSPENDED),
        "Transfer acceleration";
}

impl Operations {
    /// Says who owns what is written to a bucket.
    pub(crate) async fn set_ownership(
        &self,
        asked: Asked<'_>,
        name: &onshore_types::BucketName,
        controls: &dto::OwnershipControls,
    ) -> Result<(), Fault> {
        self.set_setting(asked, name, Setting::OwnershipControls, controls)
            .await
    }
}

/// Reads who is to own what is written to a bucket.
pub(super) fn parse_ownership(
    ownership: dto::ObjectOwnership,
) -> Result<dto::OwnershipControls, Fault> {
    match ownership.as_str() {
        dto::ObjectOwnership::BUCKET_OWNER_ENFORCED
        | dto::ObjectOwnership::BUCKET_OWNER_PREFERRED
        | dto::ObjectOwnership::OBJECT_WRITER => Ok(dto::OwnershipControls {
            rules: vec![dto::OwnershipControlsRule {
                object_ownership: ownership,
            }],
        }),
        _ => Err(Fault::malformed()),
    }
}

fn check_cors(configuration: &dto::CORSConfiguration) -> Result<(), Fault> {
    let rules = &configuration.cors_rules;
    if rules.is_empty() || rules.len() > CORS_RULES_MAX {
        return Err(Fault::malformed());
    }
    for rule in rules {
        if rule.id.as_ref().is_some_and(|id| id.len() > RULE_ID_MAX) {
            return Err(Fault::new(
                Code::InvalidRequest,
                "The ID of a rule has at most 255 characters.",
            ));
        }
        if rule.allowed_methods.is_empty() || rule.allowed_origins.is_empty() {
            return Err(Fault::malformed());
        }
        if let Some(method) = rule
            .allowed_methods
            .iter()
            .find(|method| !CORS_METHODS.contains(&method.as_str()))
        {
            return Err(Fault::new(
                Code::InvalidRequest,
                format!(
                    "Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                ),
            ));
        }
        let headers = rule.allowed_headers.iter().flatten();
        for pattern in rule.allowed_origins.iter().chain(headers) {
            if pattern.matches('*').count() > 1 {
                return Err(Fault::new(
                    Code::InvalidRequest,
                    format!("AllowedOrigin \"{pattern}\" can not have more than one wildcard."),
                ));
            }
        }
        let exposed = rule.expose_headers.iter().flatten();
        if let Some(header) = exposed.into_iter().find(|header| header.contains('*')) {
            return Err(Fault::new(
                Code::InvalidRequest,
                format!(
                    "ExposeHeader \"{header}\" contains wildcard. We currently do not support wildcard for ExposeHeader."
                ),
            ));
        }
    }
    Ok(())
}
