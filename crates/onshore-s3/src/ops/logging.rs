//! Where lines about what was asked of a bucket go: read and shown as S3 has it.

use onshore_store::{LogKeyFormat, Logging};
use onshore_types::BucketName;
use s3s::dto;
use serde_json::json;

use crate::fault::{Code, Fault};
use crate::ops::{Asked, Operations};

/// The longest prefix: behind it come account, region, bucket, day and more, and keys have 1,024 bytes.
const PREFIX_MAX_BYTES: usize = 700;

impl Operations {
    /// Returns where the lines of a bucket go.
    pub(crate) async fn logging(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
    ) -> Result<Option<Logging>, Fault> {
        let bucket = self.readable_bucket(asked, name).await?;
        self.store
            .logging(bucket.id)
            .await
            .map_err(|error| self.fault(asked.call, error))
    }

    /// Says where the lines of a bucket go.
    pub(crate) async fn set_logging(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        logging: Option<Logging>,
    ) -> Result<(), Fault> {
        let said = serde_json::to_string(&logging).map_err(|_| Fault::internal())?;
        self.change_bucket(asked, name, &said, move |store, unit, permit, _now| {
            store.set_logging(unit, permit, logging.as_ref())?;
            Ok(json!({ "change": "bucket.setting", "setting": "logging", "logging": logging }))
        })
        .await
    }
}

/// Reads where lines are to go.
pub(crate) fn parse(said: dto::LoggingEnabled) -> Result<Logging, Fault> {
    if said.target_grants.is_some_and(|grants| !grants.is_empty()) {
        return Err(Fault::new(
            Code::InvalidArgument,
            "The target bucket's owner is enforced: TargetGrants cannot be given.",
        ));
    }
    if said.target_prefix.len() > PREFIX_MAX_BYTES {
        return Err(Fault::new(
            Code::InvalidArgument,
            "The TargetPrefix has at most 700 bytes.",
        ));
    }
    let format = match said.target_object_key_format {
        None => LogKeyFormat::Simple,
        Some(format) => match (format.simple_prefix, format.partitioned_prefix) {
            (Some(_), None) => LogKeyFormat::Simple,
            (None, Some(partitioned)) => match partitioned.partition_date_source {
                Some(source) if source.as_str() == dto::PartitionDateSource::EVENT_TIME => {
                    LogKeyFormat::ByEventTime
                }
                Some(source) if source.as_str() == dto::PartitionDateSource::DELIVERY_TIME => {
                    LogKeyFormat::ByDeliveryTime
                }
                Some(_) => return Err(Fault::malformed()),
                None => LogKeyFormat::ByDeliveryTime,
            },
            _ => return Err(Fault::malformed()),
        },
    };
    let target =
        BucketName::parse(said.target_bucket).map_err(|_| crate::error::no_log_target())?;
    Ok(Logging {
        target,
        prefix: said.target_prefix,
        format,
    })
}

/// Shows where lines go.
pub(crate) fn show(logging: Logging) -> dto::LoggingEnabled {
    let partitioned = |source| dto::TargetObjectKeyFormat {
        simple_prefix: None,
        partitioned_prefix: Some(dto::PartitionedPrefix {
            partition_date_source: Some(dto::PartitionDateSource::from_static(source)),
        }),
    };
    dto::LoggingEnabled {
        target_bucket: logging.target.to_string(),
        target_grants: None,
        target_object_key_format: match logging.format {
            // The default is not told, as at AWS.
            LogKeyFormat::Simple => None,
            LogKeyFormat::ByEventTime => Some(partitioned(dto::PartitionDateSource::EVENT_TIME)),
            LogKeyFormat::ByDeliveryTime => {
                Some(partitioned(dto::PartitionDateSource::DELIVERY_TIME))
            }
        },
        target_prefix: logging.prefix,
    }
}
