//! The policy of a bucket, and whether it holds: a small object is written under a name that nobody has, and removed again.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use crate::Error;
use crate::s3::errors::{code, fault};
use crate::source::WriteProbe;

/// What the object is called that is written to find out whether that can be done.
const PROBE: &str = ".onshore-write-probe";

pub(super) async fn read(client: &Client, bucket: &str) -> Result<Option<String>, Error> {
    match client.get_bucket_policy().bucket(bucket).send().await {
        Ok(answer) => Ok(answer.policy().map(str::to_owned)),
        Err(error) if code(&error).as_deref() == Some("NoSuchBucketPolicy") => Ok(None),
        Err(error) => Err(fault(&error)),
    }
}

pub(super) async fn set(client: &Client, bucket: &str, policy: Option<&str>) -> Result<(), Error> {
    match policy {
        Some(policy) => client
            .put_bucket_policy()
            .bucket(bucket)
            .policy(policy)
            .send()
            .await
            .map(drop)
            .map_err(|error| fault(&error)),
        None => client
            .delete_bucket_policy()
            .bucket(bucket)
            .send()
            .await
            .map(drop)
            .map_err(|error| fault(&error)),
    }
}

pub(super) async fn probe_write(
    client: &Client,
    bucket: &str,
    prefix: &str,
) -> Result<WriteProbe, Error> {
    let key = format!("{prefix}{PROBE}");
    let written = client
        .put_object()
        .bucket(bucket)
        .key(&key)
        .body(ByteStream::from_static(b""))
        .send()
        .await
        .map_err(|error| fault(&error));
    match written {
        Ok(_) => {}
        Err(Error::Forbidden { .. }) => return Ok(WriteProbe::Refused),
        Err(other) => return Err(other),
    }
    client
        .delete_object()
        .bucket(bucket)
        .key(&key)
        .send()
        .await
        .map(|_| WriteProbe::Done)
        .map_err(|error| fault(&error))
}

/// Returns the partition that ARNs of a region begin with.
pub(super) fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}
