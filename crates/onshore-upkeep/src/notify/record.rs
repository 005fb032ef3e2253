//! An event as S3 tells it (Amazon S3 User Guide, "Event message structure", version 2.1). The address that a request
//! came from is left out: it is personal data, and the ledger has no need of it.

use onshore_gate::Region;
use onshore_store::Happening;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// What stands for itself in a key, as in Java's URLEncoder: letters, digits and these.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'-')
    .remove(b'*')
    .remove(b'_')
    .remove(b'/');

/// Returns the message that tells of an event.
pub(super) fn message(happening: &Happening, number: i64, region: &Region) -> Vec<u8> {
    let Some(object) = &happening.object else {
        return json!({
            "Service": "Amazon S3",
            "Event": happening.event,
            "Time": happening.at.to_string(),
            "Bucket": happening.bucket,
        })
        .to_string()
        .into_bytes();
    };
    let mut shown = json!({
        "key": utf8_percent_encode(object.key.as_str(), ENCODED).to_string().replace("%20", "+"),
        "size": object.size_bytes,
        "eTag": object.etag,
        "versionId": object.version,
        "sequencer": format!("{number:016X}"),
    });
    if let Value::Object(members) = &mut shown {
        members.retain(|_, value| !value.is_null());
    }
    let record = json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": region.id,
        "eventTime": happening.at.to_string(),
        "eventName": happening.event.strip_prefix("s3:").unwrap_or(&happening.event),
        "userIdentity": { "principalId": happening.by },
        "requestParameters": {},
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": happening.rule,
            "bucket": {
                "name": happening.bucket,
                "ownerIdentity": { "principalId": happening.owner },
                "arn": format!("arn:aws:s3:::{}", happening.bucket),
            },
            "object": shown,
        },
    });
    json!({ "Records": [record] }).to_string().into_bytes()
}
