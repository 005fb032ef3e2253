//! What a client says of encryption. Everything is encrypted always; a client may name a key of the service, or bring
//! one that it keeps itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use onshore_store::{Bucket, CustomerKey, DEFAULT_KMS_KEY, Encryption};
use onshore_types::TenantId;

use crate::body::document::of_base64;
use crate::call::Call;
use crate::error::no_such_kms_key;
use crate::fault::{Code, Fault};
use crate::ops::{Asked, Operations};

/// How long the id, alias or ARN of a key may be, as at AWS.
const KEY_ID_LEN_MAX: usize = 2048;

const CUSTOMER: &str = "x-amz-server-side-encryption-customer-";
const SOURCE: &str = "x-amz-copy-source-server-side-encryption-customer-";
const KIND: &str = "x-amz-server-side-encryption";
const KEY_ID: &str = "x-amz-server-side-encryption-aws-kms-key-id";
const CONTEXT: &str = "x-amz-server-side-encryption-context";
const BUCKET_KEY: &str = "x-amz-server-side-encryption-bucket-key-enabled";

/// How something is to be encrypted, and the key if the client keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Encrypted {
    pub(crate) encryption: Encryption,
    pub(crate) customer: Option<CustomerKey>,
}

/// Whether a client wants a key of the bucket between that of the service and those of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BucketKey {
    Enabled,
    Disabled,
}

/// Reads how a new object is to be encrypted, else how its bucket has it.
fn of_write(call: &Call, bucket: &Bucket) -> Result<Encrypted, Fault> {
    let customer = customer_key(call, CUSTOMER)?;
    let kind = call.header(KIND);
    if let Some(customer) = customer {
        if [KIND, KEY_ID, CONTEXT]
            .iter()
            .any(|name| call.header(name).is_some())
        {
            return Err(invalid(
                "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
            ));
        }
        return Ok(Encrypted {
            encryption: customer.encryption(),
            customer: Some(customer),
        });
    }
    let encryption = match kind {
        Some(kind) => service(
            kind,
            call.header(KEY_ID),
            call.header(CONTEXT),
            bucket_key(call, bucket)?,
        )?,
        None if call.header(KEY_ID).is_some() || call.header(CONTEXT).is_some() => {
            return Err(invalid(
                "x-amz-server-side-encryption must be aws:kms where a KMS key id or context is given",
            ));
        }
        None => default_of(call, bucket)?,
    };
    Ok(Encrypted {
        encryption,
        customer: None,
    })
}

/// Returns how a bucket has new objects encrypted; whether with a key of the bucket's own the client may say apart.
fn default_of(call: &Call, bucket: &Bucket) -> Result<Encryption, Fault> {
    let wanted = bucket_key(call, bucket)?;
    Ok(match bucket.encryption.clone() {
        Encryption::Kms { key, context, .. } => Encryption::Kms {
            key,
            context,
            bucket_key: wanted == BucketKey::Enabled,
        },
        other => other,
    })
}

/// Refuses what is no context: base64 of a JSON object whose members are texts.
fn check_context(context: &str) -> Result<(), Fault> {
    let is_one = STANDARD
        .decode(context)
        .is_ok_and(|json| serde_json::from_slice::<BTreeMap<String, String>>(&json).is_ok());
    if is_one {
        return Ok(());
    }
    Err(invalid(
        "The header 'x-amz-server-side-encryption-context' shall be Base64-encoded UTF-8 string holding JSON which represents a string-string map",
    ))
}

/// Reads how objects are to be encrypted under a key of the service.
pub(crate) fn service(
    kind: &str,
    key: Option<&str>,
    context: Option<&str>,
    bucket_key: BucketKey,
) -> Result<Encryption, Fault> {
    match kind {
        "AES256" if key.is_some() || context.is_some() => Err(invalid(
            "a KMS key id or context is not applicable with AES256",
        )),
        "AES256" => Ok(Encryption::Service),
        "aws:kms" => {
            context.map(check_context).transpose()?;
            if key.is_some_and(|key| key.len() > KEY_ID_LEN_MAX) {
                return Err(no_such_kms_key());
            }
            Ok(Encryption::Kms {
                key: key.unwrap_or(DEFAULT_KMS_KEY).to_owned(),
                context: context.map(str::to_owned),
                bucket_key: bucket_key == BucketKey::Enabled,
            })
        }
        "aws:kms:dsse" => Err(Fault::not_implemented("Dual-layer encryption")),
        _ => Err(invalid("The encryption method specified is not supported")),
    }
}

/// Reads whether a bucket's key is wanted: what is said of the object, else of its bucket.
fn bucket_key(call: &Call, bucket: &Bucket) -> Result<BucketKey, Fault> {
    match (call.header(BUCKET_KEY), &bucket.encryption) {
        (Some(said), _) if said.eq_ignore_ascii_case("true") => Ok(BucketKey::Enabled),
        (Some(said), _) if said.eq_ignore_ascii_case("false") => Ok(BucketKey::Disabled),
        (Some(_), _) => Err(invalid(
            "x-amz-server-side-encryption-bucket-key-enabled is true or false",
        )),
        (
            None,
            Encryption::Kms {
                bucket_key: true, ..
            },
        ) => Ok(BucketKey::Enabled),
        (None, _) => Ok(BucketKey::Disabled),
    }
}

impl Operations {
    /// Reads how a new object is to be encrypted, and looks up the key that is named.
    pub(crate) fn encrypted(&self, asked: Asked<'_>, bucket: &Bucket) -> Result<Encrypted, Fault> {
        let encrypted = of_write(asked.call, bucket)?;
        self.check_encryption(asked, bucket.tenant, &encrypted.encryption)?;
        Ok(encrypted)
    }

    /// Refuses a key that the tenant has not, or that is of another region.
    pub(crate) fn check_encryption(
        &self,
        asked: Asked<'_>,
        tenant: TenantId,
        encryption: &Encryption,
    ) -> Result<(), Fault> {
        self.check_region(encryption)?;
        self.store
            .check_encryption(tenant, encryption)
            .map_err(|error| self.fault(asked.call, error))
    }

    /// Refuses the ARN of a key that is of another region: an alias of the same name here would be another key.
    pub(crate) fn check_region(&self, encryption: &Encryption) -> Result<(), Fault> {
        let Encryption::Kms { key, .. } = encryption else {
            return Ok(());
        };
        if !key.starts_with("arn:") {
            return Ok(());
        }
        // arn:PARTITION:kms:REGION:ACCOUNT:key/ID
        let parts: Vec<&str> = key.splitn(6, ':').collect();
        let here = self.gate.region().id.as_str();
        match parts.get(2..4) {
            Some(["kms", region]) if *region == here => Ok(()),
            _ => Err(no_such_kms_key()),
        }
    }
}

/// Reads the key that a client sends along to read.
pub(crate) fn of_read(call: &Call) -> Result<Option<CustomerKey>, Fault> {
    if call.header(KIND).is_some() || call.header(KEY_ID).is_some() {
        return Err(invalid(
            "x-amz-server-side-encryption header is not supported for this operation.",
        ));
    }
    customer_key(call, CUSTOMER)
}

/// Reads the key that a client sends along with a part.
pub(crate) fn of_part(call: &Call) -> Result<Option<CustomerKey>, Fault> {
    customer_key(call, CUSTOMER)
}

/// Reads the key that a client sends along to read the source of a copy.
pub(crate) fn of_copy_source(call: &Call) -> Result<Option<CustomerKey>, Fault> {
    customer_key(call, SOURCE)
}

fn customer_key(call: &Call, prefix: &str) -> Result<Option<CustomerKey>, Fault> {
    let part = |name: &str| call.header(&format!("{prefix}{name}"));
    let (algorithm, key, md5) = (part("algorithm"), part("key"), part("key-md5"));
    let (algorithm, key) = match (algorithm, key) {
        (None, None) if md5.is_none() => return Ok(None),
        (Some(algorithm), Some(key)) => (algorithm, key),
        (None, _) => {
            return Err(invalid(
                "Requests specifying Server Side Encryption with Customer provided keys must provide a valid encryption algorithm.",
            ));
        }
        (Some(_), None) => {
            return Err(invalid(
                "Requests specifying Server Side Encryption with Customer provided keys must provide an appropriate secret key.",
            ));
        }
    };
    if algorithm != "AES256" {
        return Err(Fault::new(
            Code::InvalidEncryptionAlgorithmError,
            "The encryption request you specified is not valid. The valid value is AES256.",
        ));
    }
    let bytes = of_base64(key.as_bytes(), 32)
        .ok_or_else(|| invalid("The secret key was invalid for the specified algorithm."))?;
    let computed = STANDARD.encode(Md5::digest(&bytes));
    match md5 {
        None => Err(invalid(
            "Requests specifying Server Side Encryption with Customer provided keys must provide the client calculated MD5 of the secret key.",
        )),
        Some(said) if said != computed => Err(invalid(
            "The calculated MD5 hash of the key did not match the hash that was provided.",
        )),
        Some(_) => Ok(CustomerKey::new(bytes, computed)),
    }
}

fn invalid(message: &'static str) -> Fault {
    Fault::new(Code::InvalidArgument, message)
}
