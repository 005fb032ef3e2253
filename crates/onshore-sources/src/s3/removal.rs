//! Removing at the source, which only a decommissioning does: exactly the state that was described, and for good.

use aws_sdk_s3::Client;

use crate::Error;
use crate::s3::errors::fault;
use crate::source::Details;

/// Removes an object, or one version of it. Of an object without versions the source is told which state is meant; one that
/// takes no notice of that was asked a moment before what it has.
pub(super) async fn remove(
    client: &Client,
    bucket: &str,
    key: &str,
    version: Option<&str>,
    details: Option<&Details>,
) -> Result<(), Error> {
    let etag = details.and_then(|details| details.etag.as_deref());
    let condition = etag.map(|etag| format!("\"{etag}\""));
    client
        .delete_object()
        .bucket(bucket)
        .key(key)
        .set_version_id(version.map(str::to_owned))
        .set_if_match(condition.filter(|_| version.is_none()))
        .send()
        .await
        .map_err(|error| fault(&error))?;
    Ok(())
}
