//! How a bucket is set: each setting is asked for by its own right, and told as set, as not set, or as unknown with the reason.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{
    Grantee, ObjectLockConfiguration, ObjectLockRetentionMode, ObjectLockRule, Owner, Permission,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use serde::Serialize;

use crate::Error;
use crate::s3::errors::{code, fault};
use crate::s3::versions;

/// Codes that say: nobody has set it.
const NOT_SET: &[&str] = &[
    "NoSuchBucketPolicy",
    "NoSuchCORSConfiguration",
    "NoSuchLifecycleConfiguration",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
    "NoSuchTagSetError",
    "NoSuchWebsiteConfiguration",
    "ObjectLockConfigurationNotFoundError",
    "ReplicationConfigurationNotFoundError",
    "ServerSideEncryptionConfigurationNotFoundError",
];

/// A setting of a bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Setting {
    /// It is set.
    Set {
        /// What to.
        to: String,
    },
    /// It is not.
    NotSet,
    /// The cloud knows no such setting.
    NotThere,
    /// These credentials may not see it, or it could not be read.
    Unknown {
        /// Why.
        why: String,
    },
}

/// Reads every setting.
pub(super) async fn read(client: &Client, bucket: &str) -> BTreeMap<&'static str, Setting> {
    let mut settings = BTreeMap::new();
    let versioning = match versions::status(client, bucket).await {
        Ok(status) => status.map_or(Setting::NotSet, |status| Setting::Set {
            to: status.to_owned(),
        }),
        Err(error) => unread(error),
    };
    settings.insert("versioning", versioning);
    let answer = client
        .get_object_lock_configuration()
        .bucket(bucket)
        .send()
        .await;
    settings.insert(
        "object-lock",
        of(&answer, |a| a.object_lock_configuration().map(locks)),
    );
    let answer = client.get_bucket_encryption().bucket(bucket).send().await;
    settings.insert(
        "encryption",
        of(&answer, |a| {
            let rules = a.server_side_encryption_configuration()?.rules();
            let default = rules.first()?.apply_server_side_encryption_by_default()?;
            Some(default.sse_algorithm().as_str().to_owned())
        }),
    );
    let answer = client
        .get_bucket_lifecycle_configuration()
        .bucket(bucket)
        .send()
        .await;
    settings.insert(
        "lifecycle",
        of(&answer, |a| counted(a.rules().len(), "rules")),
    );
    let answer = client.get_bucket_cors().bucket(bucket).send().await;
    settings.insert(
        "cors",
        of(&answer, |a| counted(a.cors_rules().len(), "rules")),
    );
    let answer = client.get_bucket_website().bucket(bucket).send().await;
    settings.insert(
        "website",
        of(&answer, |a| {
            let index = a
                .index_document()
                .map(|index| format!("index {}", index.suffix()));
            index.or_else(|| {
                a.redirect_all_requests_to()
                    .map(|to| format!("redirects to {}", to.host_name()))
            })
        }),
    );
    let answer = client
        .get_bucket_notification_configuration()
        .bucket(bucket)
        .send()
        .await;
    settings.insert(
        "notifications",
        of(&answer, |a| {
            let targets = a.topic_configurations().len()
                + a.queue_configurations().len()
                + a.lambda_function_configurations().len()
                + usize::from(a.event_bridge_configuration().is_some());
            counted(targets, "targets")
        }),
    );
    let answer = client.get_bucket_policy().bucket(bucket).send().await;
    settings.insert("policy", of(&answer, |a| a.policy().map(statements)));
    let answer = client.get_bucket_acl().bucket(bucket).send().await;
    settings.insert(
        "acl",
        of(&answer, |a| {
            let owner = a.owner().and_then(Owner::id);
            let others = a.grants().iter().filter(|grant| {
                let is_owner = grant.grantee().and_then(Grantee::id) == owner && owner.is_some();
                !(is_owner && grant.permission() == Some(&Permission::FullControl))
            });
            counted(others.count(), "grants to others")
        }),
    );
    let answer = client.get_bucket_tagging().bucket(bucket).send().await;
    settings.insert("tags", of(&answer, |a| counted(a.tag_set().len(), "tags")));
    let answer = client.get_bucket_logging().bucket(bucket).send().await;
    settings.insert(
        "logging",
        of(&answer, |a| {
            a.logging_enabled()
                .map(|to| format!("to {}", to.target_bucket()))
        }),
    );
    let answer = client.get_bucket_replication().bucket(bucket).send().await;
    settings.insert(
        "replication",
        of(&answer, |a| {
            counted(a.replication_configuration()?.rules().len(), "rules")
        }),
    );
    settings
}

fn of<T, E: ProvideErrorMetadata>(
    answer: &Result<T, SdkError<E, HttpResponse>>,
    say: impl FnOnce(&T) -> Option<String>,
) -> Setting {
    match answer {
        Ok(answer) => say(answer).map_or(Setting::NotSet, |to| Setting::Set { to }),
        Err(error) => refused(error),
    }
}

fn refused<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Setting {
    if code(error).is_some_and(|code| NOT_SET.contains(&code.as_str())) {
        return Setting::NotSet;
    }
    // Some servers answer what is not set with an element that the SDK does not know, and nothing in it.
    let is_hollow = error.raw_response().is_some_and(|raw| {
        raw.status().is_success() && versions::is_hollow(raw.body().bytes().unwrap_or_default())
    });
    if is_hollow {
        return Setting::NotSet;
    }
    unread(fault(error))
}

fn unread(error: Error) -> Setting {
    match error {
        Error::Unsupported { .. } => Setting::NotThere,
        other => Setting::Unknown {
            why: other.to_string(),
        },
    }
}

fn counted(number: usize, what: &str) -> Option<String> {
    (number > 0).then(|| format!("{number} {what}"))
}

fn locks(lock: &ObjectLockConfiguration) -> String {
    let default = lock.rule().and_then(ObjectLockRule::default_retention);
    let Some(default) = default else {
        return "enabled".to_owned();
    };
    let mode = default.mode().map_or("", ObjectLockRetentionMode::as_str);
    match (default.days(), default.years()) {
        (Some(days), _) => format!("{mode} for {days} days"),
        (None, Some(years)) => format!("{mode} for {years} years"),
        (None, None) => "enabled".to_owned(),
    }
}

/// Counts the statements of a policy; who may read one need not be able to parse it.
fn statements(policy: &str) -> String {
    let parsed = serde_json::from_str::<serde_json::Value>(policy).ok();
    let count = parsed
        .as_ref()
        .and_then(|policy| match policy.get("Statement")? {
            serde_json::Value::Array(statements) => Some(statements.len()),
            _ => Some(1),
        });
    count.map_or_else(
        || "a policy".to_owned(),
        |count| format!("{count} statements"),
    )
}
