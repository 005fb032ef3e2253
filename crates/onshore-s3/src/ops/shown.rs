//! How what the store tells of an object is shown to a client: times, entity tags, checksums, metadata.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use onshore_store::{
    Checksum, ChecksumAlgorithm, ChecksumKind, Committed, Encryption, LegalHold, Lock, Naming,
    ObjectHead, ReplicationState, RetentionMode, Versioning,
};
use onshore_types::{Timestamp, VersionId};
use percent_encoding::utf8_percent_encode;
use s3s::dto::{self, ETag};

use crate::call::checksum_header;
use crate::guard::query::ENCODED_IN_PATH;

/// The beginning of the year 1 and the end of 9999, in milliseconds since 1970.
const FIRST_MS: i64 = -62_135_596_800_000;
const LAST_MS: i64 = 253_402_300_799_999;

/// Shows an instant. S3 tells whole seconds, in listings too.
pub(crate) fn time(at: Timestamp) -> dto::Timestamp {
    of_millis(at.as_seconds().saturating_mul(1000))
}

/// Shows an instant of the years 1 to 9999, which is all that can be written; beyond them, the nearest.
fn of_millis(millis: i64) -> dto::Timestamp {
    let millis = millis.clamp(FIRST_MS, LAST_MS);
    let length = Duration::from_millis(millis.unsigned_abs());
    let epoch = SystemTime::UNIX_EPOCH;
    let at = if millis < 0 {
        epoch.checked_sub(length)
    } else {
        epoch.checked_add(length)
    };
    dto::Timestamp::from(at.unwrap_or(epoch))
}

/// Shows an entity tag.
pub(crate) fn etag(etag: &str) -> ETag {
    ETag::Strong(etag.to_owned())
}

/// Shows a size.
pub(crate) fn size(size_bytes: u64) -> i64 {
    i64::try_from(size_bytes).unwrap_or(i64::MAX)
}

/// Shows a checksum's value: base64, a composite one with the number of parts behind it.
pub(crate) fn checksum_value(checksum: &Checksum, parts: usize) -> String {
    let value = STANDARD.encode(&checksum.value);
    match checksum.kind {
        ChecksumKind::FullObject => value,
        ChecksumKind::Composite => format!("{value}-{parts}"),
    }
}

/// Checksums by algorithm, as the fields of an answer.
#[derive(Debug, Default)]
pub(crate) struct ChecksumFields {
    pub(crate) crc32: Option<String>,
    pub(crate) crc32c: Option<String>,
    pub(crate) crc64nvme: Option<String>,
    pub(crate) sha1: Option<String>,
    pub(crate) sha256: Option<String>,
    pub(crate) kind: Option<dto::ChecksumType>,
}

impl ChecksumFields {
    /// Shows the checksums of an object of so many parts.
    pub(crate) fn of(checksums: &[Checksum], parts: usize) -> Self {
        let mut fields = Self::default();
        for checksum in checksums {
            let value = Some(checksum_value(checksum, parts));
            match checksum.algorithm {
                ChecksumAlgorithm::Crc32 => fields.crc32 = value,
                ChecksumAlgorithm::Crc32c => fields.crc32c = value,
                ChecksumAlgorithm::Crc64Nvme => fields.crc64nvme = value,
                ChecksumAlgorithm::Sha1 => fields.sha1 = value,
                ChecksumAlgorithm::Sha256 => fields.sha256 = value,
            }
            fields.kind = Some(dto::ChecksumType::from_static(checksum.kind.as_str()));
        }
        fields
    }
}

/// What a client may ask to see differently: the `response-` parameters of a read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) expires: Option<dto::Timestamp>,
}

/// Returns the headers that tell of an object, the same for its bytes and for its description.
pub(crate) fn headers(head: &ObjectHead, overrides: &Overrides) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let content = &head.content;
    let expires = match &overrides.expires {
        Some(time) => http_date(time),
        None => content.expires.clone(),
    };
    let or = |wished: &Option<String>, stored: &Option<String>| {
        wished.clone().or_else(|| stored.clone())
    };
    let content_type = or(&overrides.content_type, &content.content_type)
        .unwrap_or_else(|| "binary/octet-stream".to_owned());
    for (name, value) in [
        ("content-type", Some(content_type)),
        (
            "cache-control",
            or(&overrides.cache_control, &content.cache_control),
        ),
        (
            "content-disposition",
            or(&overrides.content_disposition, &content.content_disposition),
        ),
        (
            "content-encoding",
            or(&overrides.content_encoding, &content.content_encoding),
        ),
        (
            "content-language",
            or(&overrides.content_language, &content.content_language),
        ),
        ("expires", expires),
        (
            "x-amz-website-redirect-location",
            content.website_redirect.clone(),
        ),
        ("etag", Some(format!("\"{}\"", head.etag))),
        ("last-modified", http_date(&time(head.modified))),
        ("accept-ranges", Some("bytes".to_owned())),
        (
            "x-amz-tagging-count",
            (!head.tags.is_empty()).then(|| head.tags.len().to_string()),
        ),
    ] {
        insert(
            &mut headers,
            HeaderName::from_static(name),
            value.as_deref(),
        );
    }
    insert_metadata(&mut headers, head);
    insert_encryption(&mut headers, &head.encryption);
    insert_version(&mut headers, head.versioning, head.naming, head.version);
    insert_lock(&mut headers, &head.lock);
    let status = head.replication.map(replication_status);
    let name = HeaderName::from_static("x-amz-replication-status");
    insert(&mut headers, name, status);
    headers
}

/// Shows how far the replication of a version is.
const fn replication_status(state: ReplicationState) -> &'static str {
    match state {
        ReplicationState::Pending => "PENDING",
        ReplicationState::Completed => "COMPLETED",
        ReplicationState::Failed => "FAILED",
        ReplicationState::Replica => "REPLICA",
    }
}

/// Shows how a version is named.
pub(crate) fn version_name(naming: Naming, version: VersionId) -> String {
    match naming {
        Naming::Own => version.to_string(),
        Naming::Null => "null".to_owned(),
    }
}

/// Adds the version's name, where the bucket is or was versioned.
pub(crate) fn insert_version(
    headers: &mut HeaderMap,
    versioning: Versioning,
    naming: Naming,
    version: VersionId,
) {
    match versioning {
        Versioning::Off => {}
        Versioning::Enabled | Versioning::Suspended => insert(
            headers,
            HeaderName::from_static("x-amz-version-id"),
            Some(&version_name(naming, version)),
        ),
    }
}

/// Adds how the object is encrypted.
pub(crate) fn insert_encryption(headers: &mut HeaderMap, encryption: &Encryption) {
    let mut add = |name: &'static str, value: &str| {
        insert(headers, HeaderName::from_static(name), Some(value));
    };
    match encryption {
        Encryption::Service => add("x-amz-server-side-encryption", "AES256"),
        Encryption::Kms {
            key, bucket_key, ..
        } => {
            add("x-amz-server-side-encryption", "aws:kms");
            add("x-amz-server-side-encryption-aws-kms-key-id", key);
            if *bucket_key {
                add("x-amz-server-side-encryption-bucket-key-enabled", "true");
            }
        }
        Encryption::Customer { md5 } => {
            add("x-amz-server-side-encryption-customer-algorithm", "AES256");
            add("x-amz-server-side-encryption-customer-key-md5", md5);
        }
    }
}

/// Returns the headers that tell of what was written.
pub(crate) fn of_committed(committed: &Committed) -> HeaderMap {
    let mut headers = HeaderMap::new();
    insert_encryption(&mut headers, &committed.encryption);
    // Of what is written while versioning is suspended no version is told, as at AWS.
    if committed.versioning == Versioning::Enabled {
        insert_version(
            &mut headers,
            committed.versioning,
            committed.naming,
            committed.version,
        );
    }
    headers
}

/// Adds the locks on a version.
fn insert_lock(headers: &mut HeaderMap, lock: &Lock) {
    let mut add = |name: &'static str, value: Option<&str>| {
        insert(headers, HeaderName::from_static(name), value);
    };
    add(
        "x-amz-object-lock-legal-hold",
        lock.hold.map(|hold| match hold {
            LegalHold::On => "ON",
            LegalHold::Off => "OFF",
        }),
    );
    if let Some(retention) = lock.retention {
        add(
            "x-amz-object-lock-mode",
            Some(retention_mode(retention.mode)),
        );
        add(
            "x-amz-object-lock-retain-until-date",
            iso_date(retention.until).as_deref(),
        );
    }
}

/// Shows a mode of retention.
pub(crate) fn retention_mode(mode: RetentionMode) -> &'static str {
    match mode {
        RetentionMode::Governance => "GOVERNANCE",
        RetentionMode::Compliance => "COMPLIANCE",
    }
}

/// Shows an instant with its milliseconds.
pub(crate) fn exact_time(at: Timestamp) -> dto::Timestamp {
    of_millis(at.as_millis())
}

/// Adds when the object expires, if the lifecycle of its bucket says so.
pub(crate) fn insert_expiry(headers: &mut HeaderMap, expiry: Option<(Timestamp, &str)>) {
    let text = expiry.and_then(|(at, rule)| {
        let date = http_date(&time(at))?;
        let rule = utf8_percent_encode(rule, ENCODED_IN_PATH);
        Some(format!("expiry-date=\"{date}\", rule-id=\"{rule}\""))
    });
    insert(
        headers,
        HeaderName::from_static("x-amz-expiration"),
        text.as_deref(),
    );
}

/// Returns the headers that tell when an upload is aborted, if the lifecycle of its bucket says so.
pub(crate) fn of_abortion(abortion: Option<(Timestamp, &str)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some((at, rule)) = abortion {
        let mut add = |name: &'static str, value: Option<&str>| {
            insert(&mut headers, HeaderName::from_static(name), value);
        };
        add("x-amz-abort-date", http_date(&time(at)).as_deref());
        let rule = utf8_percent_encode(rule, ENCODED_IN_PATH).to_string();
        add("x-amz-abort-rule-id", Some(&rule));
    }
    headers
}

fn iso_date(at: Timestamp) -> Option<String> {
    let mut text = Vec::new();
    exact_time(at)
        .format(dto::TimestampFormat::DateTime, &mut text)
        .ok()?;
    String::from_utf8(text).ok()
}

/// Adds user metadata as it was sent; what is not ASCII goes out as RFC 2047 has it. What no header can carry is
/// counted.
fn insert_metadata(headers: &mut HeaderMap, head: &ObjectHead) {
    let mut missing = 0_usize;
    for (name, value) in &head.user_metadata {
        let name = HeaderName::from_bytes(format!("x-amz-meta-{name}").as_bytes());
        let value = HeaderValue::from_str(&encoded_word(value));
        match (name, value) {
            (Ok(name), Ok(value)) => {
                headers.insert(name, value);
            }
            _ => missing += 1,
        }
    }
    if missing > 0 {
        headers.insert("x-amz-missing-meta", HeaderValue::from(missing));
    }
}

/// Adds the checksums of the whole.
pub(crate) fn insert_checksums(headers: &mut HeaderMap, checksums: &[Checksum], parts: usize) {
    for checksum in checksums {
        let name = HeaderName::from_static(checksum_header(checksum.algorithm));
        insert(headers, name, Some(&checksum_value(checksum, parts)));
        let kind = HeaderValue::from_static(checksum.kind.as_str());
        headers.insert("x-amz-checksum-type", kind);
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<&str>) {
    if let Some(Ok(value)) = value.map(HeaderValue::from_str) {
        headers.insert(name, value);
    }
}

/// Writes an instant as HTTP does; none where it cannot be written.
pub(crate) fn http_date(time: &dto::Timestamp) -> Option<String> {
    let mut text = Vec::new();
    time.format(dto::TimestampFormat::HttpDate, &mut text)
        .ok()?;
    String::from_utf8(text).ok()
}

fn encoded_word(value: &str) -> String {
    if value.bytes().all(|byte| (0x20..0x7f).contains(&byte)) {
        return value.to_owned();
    }
    // An encoded word has at most 75 characters: 45 bytes of text, cut between characters.
    let mut words = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let end = (1..=rest.len().min(45))
            .rev()
            .find(|end| rest.is_char_boundary(*end))
            .unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = behind;
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::encoded_word;
    use onshore_types::Timestamp;

    #[test]
    fn every_instant_is_shown() {
        let shown = |millis| super::http_date(&super::time(Timestamp::from_millis(millis)));
        for (millis, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (-2_208_988_800_000, "Mon, 01 Jan 1900 00:00:00 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (i64::MIN, "Mon, 01 Jan 0001 00:00:00 GMT"),
        ] {
            assert_eq!(shown(millis).as_deref(), Some(text));
        }
    }

    #[test]
    fn ascii_goes_out_as_it_came_and_the_rest_in_encoded_words() {
        for same in ["", "plain", "=?UTF-8?B?5paH?=", " a  b "] {
            assert_eq!(encoded_word(same), same);
        }
        assert_eq!(encoded_word("文"), "=?UTF-8?B?5paH?=");
        let long = encoded_word(&"文".repeat(40));
        assert!(
            long.split(' ')
                .all(|word| word.len() <= 75 && word.starts_with("=?UTF-8?B?"))
        );
    }
}
