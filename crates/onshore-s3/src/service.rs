//! Where `s3s` hands over: its trait, each method of which reads what it was given, calls the operation, and shows the
//! result. What it does not override answers 501. The access check in front of it fails closed.

mod inventories;
mod listings;
mod objects;
mod replication;
mod settings;
mod uploads;
mod versions;

use http::Extensions;
use onshore_types::{BucketName, ObjectKey};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Error, S3Result};

use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::guard::address::parse_key;
use crate::operations::{Standing, lookup};
use crate::ops::{Asked, Operations};

/// The operations as `s3s` calls them.
#[derive(Debug)]
pub(crate) struct Service {
    operations: Operations,
}

impl Service {
    /// Takes the operations.
    pub(crate) fn new(operations: Operations) -> Self {
        Self { operations }
    }
}

/// `s3s` skips the access check when it has nobody who knows secrets. This one knows none: every signature was
/// verified in front, and a request that still carries one is refused.
#[derive(Debug)]
pub(crate) struct NoSecrets;

#[async_trait::async_trait]
impl S3Auth for NoSecrets {
    async fn get_secret_key(&self, _access_key: &str) -> S3Result<SecretKey> {
        Err(Fault::access_denied().into())
    }
}

/// Lets pass what the layer in front let in, if the table lists the operation.
#[derive(Debug)]
pub(crate) struct Listed;

#[async_trait::async_trait]
impl S3Access for Listed {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        let listed = lookup(cx.s3_op().name());
        let Some(call) = cx.extensions_mut().get::<Call>() else {
            return Err(Fault::access_denied().into());
        };
        match listed {
            Some((name, Standing::Transfers(_))) => {
                call.note_operation(name);
                Ok(())
            }
            Some((name, Standing::NotImplemented)) => {
                call.note_operation(name);
                let fault = Fault::not_implemented(&format!("The operation {name}"));
                Err(call.raise(fault))
            }
            None => Err(call.raise(Fault::access_denied())),
        }
    }
}

/// Returns the request that was let in; without one nothing is done.
fn call_of(extensions: &Extensions) -> S3Result<Call> {
    extensions
        .get::<Call>()
        .cloned()
        .ok_or_else(|| S3Error::from(Fault::access_denied()))
}

/// Returns the request and the name of its operation, as the access check found it.
fn asked(call: &Call) -> S3Result<Asked<'_>> {
    let operation = call
        .operation()
        .ok_or_else(|| S3Error::from(Fault::access_denied()))?;
    Ok(Asked { call, operation })
}

fn bucket_name(name: &str) -> Result<BucketName, Fault> {
    BucketName::parse(name).map_err(|_| {
        Fault::new(
            Code::InvalidBucketName,
            "The specified bucket is not valid.",
        )
    })
}

fn object_name(bucket: &str, key: String) -> Result<(BucketName, ObjectKey), Fault> {
    Ok((bucket_name(bucket)?, parse_key(key)?))
}
