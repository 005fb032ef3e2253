//! Inventories of buckets: read and shown as S3 has them.

use onshore_store::{Encryption, IncludedVersions, Inventory, InventoryFrequency};
use onshore_types::BucketName;
use s3s::dto;
use serde_json::json;

use crate::error::no_inventory_target;
use crate::fault::{Code, Fault};
use crate::ops::encryption::{BucketKey, service};
use crate::ops::{Asked, Operations};

/// The longest name of an inventory.
const ID_MAX: usize = 64;
/// The longest prefix of keys: as long as a key.
const FILTER_MAX_BYTES: usize = 1024;
/// The longest prefix of reports: behind it come bucket, name, day and more, and keys have 1,024 bytes.
const PREFIX_MAX_BYTES: usize = 700;
/// What may be told of each version, in the order of its columns ("Amazon S3 Inventory list").
const FIELDS: [&str; 16] = [
    "Size",
    "LastModifiedDate",
    "ETag",
    "StorageClass",
    "IsMultipartUploaded",
    "ReplicationStatus",
    "EncryptionStatus",
    "ObjectLockRetainUntilDate",
    "ObjectLockMode",
    "ObjectLockLegalHoldStatus",
    "IntelligentTieringAccessTier",
    "BucketKeyStatus",
    "ChecksumAlgorithm",
    "ObjectAccessControlList",
    "ObjectOwner",
    "LifecycleExpirationDate",
];
/// The one of them that is not told here yet.
const NOT_TOLD: &str = "LifecycleExpirationDate";

impl Operations {
    /// Returns the inventories of a bucket, by name.
    pub(crate) async fn inventories(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
    ) -> Result<Vec<Inventory>, Fault> {
        let bucket = self.readable_bucket(asked, name).await?;
        self.store
            .inventories(bucket.id)
            .await
            .map_err(|error| self.fault(asked.call, error))
    }

    /// Returns one inventory of a bucket.
    pub(crate) async fn inventory(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        id: &str,
    ) -> Result<Inventory, Fault> {
        let mut found = self.inventories(asked, name).await?.into_iter();
        found.find(|known| known.id == id).ok_or_else(none_such)
    }

    /// Gives a bucket an inventory.
    pub(crate) async fn set_inventory(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        inventory: Inventory,
    ) -> Result<(), Fault> {
        if let Some(encryption) = &inventory.encryption {
            self.check_region(encryption)?;
        }
        let said = serde_json::to_string(&inventory).map_err(|_| Fault::internal())?;
        self.change_bucket(asked, name, &said, move |store, unit, permit, _now| {
            store.set_inventory(unit, permit, &inventory)?;
            Ok(
                json!({ "change": "bucket.setting", "setting": "inventory", "inventory": inventory }),
            )
        })
        .await
    }

    /// Takes an inventory from a bucket.
    pub(crate) async fn remove_inventory(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        id: &str,
    ) -> Result<(), Fault> {
        self.inventory(asked, name, id).await?;
        let id = id.to_owned();
        self.change_bucket(asked, name, "", move |store, unit, permit, _now| {
            store.remove_inventory(unit, permit, &id)?;
            Ok(
                json!({ "change": "bucket.setting", "setting": "inventory", "id": id, "inventory": null }),
            )
        })
        .await
    }
}

fn none_such() -> Fault {
    Fault::new(
        Code::NoSuchConfiguration,
        "The specified configuration does not exist.",
    )
}

/// Reads an inventory that is set under a name.
pub(crate) fn parse(name: &str, said: dto::InventoryConfiguration) -> Result<Inventory, Fault> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if said.id != name || name.is_empty() || name.len() > ID_MAX || !name.bytes().all(is_name) {
        return Err(invalid(
            "The Id of a configuration has up to 64 letters, digits, `-`, `_` and `.`, and is the same in the query and in the document.",
        ));
    }
    let destination = said.destination.s3_bucket_destination;
    match destination.format.as_str() {
        dto::InventoryFormat::CSV => {}
        dto::InventoryFormat::ORC | dto::InventoryFormat::PARQUET => {
            return Err(Fault::not_implemented(
                "An inventory in another format than CSV",
            ));
        }
        _ => return Err(Fault::malformed()),
    }
    let (partition, target) =
        parse_bucket_arn(&destination.bucket).ok_or_else(no_inventory_target)?;
    if destination
        .prefix
        .as_ref()
        .is_some_and(|prefix| prefix.len() > PREFIX_MAX_BYTES)
    {
        return Err(invalid(
            "The Prefix of a destination has at most 700 bytes.",
        ));
    }
    let prefix = said.filter.map(|filter| filter.prefix);
    if prefix
        .as_ref()
        .is_some_and(|prefix| prefix.len() > FILTER_MAX_BYTES)
    {
        return Err(invalid("The Prefix of a filter has at most 1,024 bytes."));
    }
    Ok(Inventory {
        id: said.id,
        is_enabled: said.is_enabled,
        target,
        partition,
        target_prefix: destination.prefix,
        encryption: destination
            .encryption
            .map(parse_encryption)
            .transpose()?
            .flatten(),
        included: match said.included_object_versions.as_str() {
            dto::InventoryIncludedObjectVersions::ALL => IncludedVersions::All,
            dto::InventoryIncludedObjectVersions::CURRENT => IncludedVersions::Current,
            _ => return Err(Fault::malformed()),
        },
        frequency: match said.schedule.frequency.as_str() {
            dto::InventoryFrequency::DAILY => InventoryFrequency::Daily,
            dto::InventoryFrequency::WEEKLY => InventoryFrequency::Weekly,
            _ => return Err(Fault::malformed()),
        },
        prefix,
        fields: parse_fields(&said.optional_fields.unwrap_or_default())?,
    })
}

/// Reads the ARN of a bucket, in whatever partition: clients choose it by the name of the region.
fn parse_bucket_arn(arn: &str) -> Option<(String, BucketName)> {
    let (partition, name) = arn.strip_prefix("arn:")?.split_once(":s3:::")?;
    let is_word = !partition.is_empty()
        && partition.len() <= 64
        && partition
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let name = BucketName::parse(name).ok()?;
    is_word.then(|| (partition.to_owned(), name))
}

fn parse_fields(said: &[dto::InventoryOptionalField]) -> Result<Vec<String>, Fault> {
    let said: Vec<&str> = said
        .iter()
        .map(dto::InventoryOptionalField::as_str)
        .collect();
    if said.iter().any(|field| !FIELDS.contains(field)) {
        return Err(Fault::malformed());
    }
    if said.contains(&NOT_TOLD) {
        return Err(Fault::not_implemented(&format!(
            "The inventory field {NOT_TOLD}"
        )));
    }
    let in_order = FIELDS.iter().filter(|field| said.contains(field));
    Ok(in_order.map(|&field| field.to_owned()).collect())
}

fn parse_encryption(said: dto::InventoryEncryption) -> Result<Option<Encryption>, Fault> {
    match (said.ssekms, said.sses3) {
        (None, None) => Ok(None),
        (None, Some(_)) => Ok(Some(Encryption::Service)),
        (Some(kms), None) => {
            service("aws:kms", Some(&kms.key_id), None, BucketKey::Disabled).map(Some)
        }
        (Some(_), Some(_)) => Err(Fault::malformed()),
    }
}

/// Shows an inventory.
pub(crate) fn show(inventory: Inventory) -> dto::InventoryConfiguration {
    let target = inventory.target_arn();
    let encryption = inventory.encryption.map(|encryption| match encryption {
        Encryption::Kms { key, .. } => dto::InventoryEncryption {
            ssekms: Some(dto::SSEKMS { key_id: key }),
            sses3: None,
        },
        Encryption::Service | Encryption::Customer { .. } => dto::InventoryEncryption {
            ssekms: None,
            sses3: Some(dto::SSES3::default()),
        },
    });
    let fields = inventory
        .fields
        .into_iter()
        .map(dto::InventoryOptionalField::from);
    let fields: Vec<_> = fields.collect();
    dto::InventoryConfiguration {
        destination: dto::InventoryDestination {
            s3_bucket_destination: dto::InventoryS3BucketDestination {
                account_id: None,
                bucket: target,
                encryption,
                format: dto::InventoryFormat::from_static(dto::InventoryFormat::CSV),
                prefix: inventory.target_prefix,
            },
        },
        filter: inventory
            .prefix
            .map(|prefix| dto::InventoryFilter { prefix }),
        id: inventory.id,
        included_object_versions: dto::InventoryIncludedObjectVersions::from_static(
            match inventory.included {
                IncludedVersions::All => dto::InventoryIncludedObjectVersions::ALL,
                IncludedVersions::Current => dto::InventoryIncludedObjectVersions::CURRENT,
            },
        ),
        is_enabled: inventory.is_enabled,
        optional_fields: (!fields.is_empty()).then_some(fields),
        schedule: dto::InventorySchedule {
            frequency: dto::InventoryFrequency::from_static(match inventory.frequency {
                InventoryFrequency::Daily => dto::InventoryFrequency::DAILY,
                InventoryFrequency::Weekly => dto::InventoryFrequency::WEEKLY,
            }),
        },
    }
}

fn invalid(message: &'static str) -> Fault {
    Fault::new(Code::InvalidArgument, message)
}
