//! Settings of a bucket that are kept as documents: in the XML of S3, whose schema does not change.

use std::net::IpAddr;

use onshore_store::{Bucket, Encryption, Lifecycle, Setting};
use onshore_types::BucketName;
use s3s::dto::{
    CORSConfiguration, PublicAccessBlockConfiguration, ServerSideEncryptionConfiguration,
};
use s3s::xml::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::error::Error;
use crate::fault::{Code, Fault};
use crate::ops::{Asked, Operations};

/// The longest lifecycle: every look at its bucket brings it along.
const LIFECYCLE_MAX_BYTES: usize = 256 * 1024;

impl Operations {
    /// Returns a setting of a bucket, and the bucket.
    pub(crate) async fn setting<T: for<'xml> Deserialize<'xml>>(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        setting: Setting,
    ) -> Result<(Bucket, Option<T>), Fault> {
        let bucket = self.readable_bucket(asked, name).await?;
        let found = self.setting_of(asked, &bucket, setting).await?;
        Ok((bucket, found))
    }

    /// Returns a setting of a bucket that the caller has found already.
    pub(crate) async fn setting_of<T: for<'xml> Deserialize<'xml>>(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        setting: Setting,
    ) -> Result<Option<T>, Fault> {
        let document = self
            .store
            .setting(bucket.id, setting)
            .await
            .map_err(|error| self.fault(asked.call, error))?;
        document.as_deref().map(read).transpose()
    }

    /// Returns which web pages may read a bucket; none where there is no such bucket. Pages ask without a signature:
    /// whoever calls this tells them only whether their own origin may.
    pub(crate) async fn cors_of(
        &self,
        name: &BucketName,
    ) -> Result<Option<CORSConfiguration>, Error> {
        let Some(bucket) = self.store.bucket(name).await? else {
            return Ok(None);
        };
        let document = self.store.setting(bucket.id, Setting::Cors).await?;
        // What does not read was logged, and allows nothing.
        Ok(document.and_then(|document| read(&document).ok()))
    }

    /// Replaces a setting of a bucket.
    pub(crate) async fn set_setting<T: Serialize>(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        setting: Setting,
        value: &T,
    ) -> Result<(), Fault> {
        self.set_document(asked, name, setting, write(value)?).await
    }

    /// Says what goes when.
    pub(crate) async fn set_lifecycle(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        lifecycle: &Lifecycle,
    ) -> Result<(), Fault> {
        let document = serde_json::to_string(lifecycle).map_err(|_| Fault::internal())?;
        if document.len() > LIFECYCLE_MAX_BYTES {
            return Err(Fault::new(
                Code::InvalidRequest,
                "The lifecycle is too large for this service: fewer rules, or shorter prefixes and tags.",
            ));
        }
        self.set_document(asked, name, Setting::Lifecycle, document)
            .await
    }

    pub(crate) async fn set_document(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        setting: Setting,
        document: String,
    ) -> Result<(), Fault> {
        let said = match setting {
            Setting::Policy => without_addresses(&document),
            Setting::Tags
            | Setting::Cors
            | Setting::Lifecycle
            | Setting::PublicAccessBlock
            | Setting::OwnershipControls
            | Setting::Encryption
            | Setting::Notification
            | Setting::Logging
            | Setting::Replication => document.clone(),
        };
        self.change_bucket(asked, name, &said, move |store, unit, permit, _| {
            store.set_setting(unit, permit, setting, Some(&document))?;
            Ok(json!({ "change": "bucket.setting", "setting": setting.as_str(), "document": document }))
        })
        .await
    }

    /// Removes a setting of a bucket.
    pub(crate) async fn remove_setting(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        setting: Setting,
    ) -> Result<(), Fault> {
        self.change_bucket(asked, name, "", move |store, unit, permit, _| {
            store.set_setting(unit, permit, setting, None)?;
            Ok(json!({ "change": "bucket.setting", "setting": setting.as_str() }))
        })
        .await
    }

    /// Says how new objects of a bucket are encrypted if nothing is said with them, and keeps what was said.
    pub(crate) async fn set_bucket_encryption(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        encryption: Encryption,
        said: Option<&ServerSideEncryptionConfiguration>,
    ) -> Result<(), Fault> {
        let document = said.map(write).transpose()?;
        let words = document.clone().unwrap_or_default();
        self.change_bucket(asked, name, &words, move |store, unit, permit, _| {
            store.set_bucket_encryption(unit, permit, &encryption)?;
            store.set_setting(unit, permit, Setting::Encryption, document.as_deref())?;
            Ok(json!({ "change": "bucket.encryption", "encryption": encryption }))
        })
        .await
    }
}

/// What is blocked in a bucket of which nothing was said: everything, as at AWS since April 2023.
pub(crate) fn block_of_new_buckets() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration {
        block_public_acls: Some(true),
        block_public_policy: Some(true),
        ignore_public_acls: Some(true),
        restrict_public_buckets: Some(true),
    }
}

/// Returns a policy without the addresses of the network in its conditions: those of a company's own lines are no users'. What is not an
/// address stays, whatever its condition is called.
fn without_addresses(policy: &str) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(policy) else {
        return policy.to_owned();
    };
    let statements = match document.get_mut("Statement") {
        Some(Value::Array(all)) => all.as_mut_slice(),
        Some(one) => std::slice::from_mut(one),
        None => &mut [],
    };
    let conditions = statements
        .iter_mut()
        .filter_map(|one| one.get_mut("Condition")?.as_object_mut())
        .flat_map(|conditions| conditions.iter_mut())
        .filter(|(operator, _)| is_of_addresses(operator))
        .filter_map(|(_, keys)| keys.as_object_mut());
    for value in conditions.flat_map(|keys| keys.values_mut()) {
        match value {
            Value::Array(all) => all.retain(|one| !is_address(one)),
            one if is_address(one) => *one = Value::Null,
            _ => {}
        }
    }
    document.to_string()
}

/// Whether an operator of a condition compares addresses.
fn is_of_addresses(operator: &str) -> bool {
    let operator = operator.rsplit(':').next().unwrap_or_default();
    let operator = operator.strip_suffix("IfExists").unwrap_or(operator);
    matches!(operator, "IpAddress" | "NotIpAddress")
}

fn is_address(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    text.parse::<ipnet::IpNet>().is_ok() || text.parse::<IpAddr>().is_ok()
}

/// Writes a setting down.
pub(crate) fn write<T: Serialize>(value: &T) -> Result<String, Fault> {
    let mut document = Vec::new();
    let mut serializer = Serializer::new(&mut document);
    value
        .serialize(&mut serializer)
        .map_err(|_| Fault::internal())?;
    String::from_utf8(document).map_err(|_| Fault::internal())
}

/// Reads a setting back.
pub(crate) fn read<T: for<'xml> Deserialize<'xml>>(document: &str) -> Result<T, Fault> {
    let mut deserializer = Deserializer::new(document.as_bytes());
    T::deserialize(&mut deserializer).map_err(|error| {
        tracing::error!(%error, "a setting of a bucket does not read");
        Fault::internal()
    })
}
