//! The policy of a bucket, and whether it holds: an upload under a name that nobody has is begun, and given up again.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;

use crate::Error;
use crate::s3::errors::{code, fault, of_protocol};
use crate::source::WriteProbe;

/// What the object is called whose upload is begun to find out whether that can be done.
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

/// Begins an upload in parts, brings a part without bytes, and gives the upload up: what is under way is in no list of objects and in no
/// history, so that nobody who reads the bucket meanwhile sees it. Some clouds ask their policies about parts alone.
pub(super) async fn probe_write(
    client: &Client,
    bucket: &str,
    prefix: &str,
) -> Result<WriteProbe, Error> {
    let key = format!("{prefix}{PROBE}");
    let begun = client
        .create_multipart_upload()
        .bucket(bucket)
        .key(&key)
        .send()
        .await
        .map_err(|error| fault(&error));
    let upload = match begun {
        Ok(begun) => begun
            .upload_id
            .ok_or_else(|| of_protocol("an upload without an id"))?,
        Err(Error::Forbidden { .. }) => return Ok(WriteProbe::Refused),
        Err(other) => return Err(other),
    };
    let brought = client
        .upload_part()
        .bucket(bucket)
        .key(&key)
        .upload_id(&upload)
        .part_number(1)
        .body(ByteStream::from_static(b""))
        .send()
        .await
        .map_err(|error| fault(&error));
    let given_up = client
        .abort_multipart_upload()
        .bucket(bucket)
        .key(&key)
        .upload_id(&upload)
        .send()
        .await
        .map_err(|error| fault(&error));
    match brought {
        Ok(_) => given_up.map(|_| WriteProbe::Done),
        // Where a part is refused, giving up may be refused with it: what is left has no bytes.
        Err(Error::Forbidden { .. }) => Ok(WriteProbe::Refused),
        Err(other) => Err(other),
    }
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
