//! Words that several clouds share: ETags, dates, fingerprints.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use onshore_types::Timestamp;

use crate::source::{ChecksumAlgorithm, ChecksumScope, SourceChecksum};

/// Reads a date as HTTP writes it.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    let time = DateTime::from_str(text, Format::HttpDate).ok()?;
    time.to_millis().ok().map(Timestamp::from_millis)
}

/// Writes a date as HTTP does.
pub(crate) fn as_http_date(time: Timestamp) -> Option<String> {
    DateTime::from_secs(time.as_seconds())
        .fmt(Format::HttpDate)
        .ok()
}

/// Reads a date of RFC 3339.
pub(crate) fn rfc_3339(text: &str) -> Option<Timestamp> {
    let time = DateTime::from_str(text, Format::DateTimeWithOffset).ok()?;
    time.to_millis().ok().map(Timestamp::from_millis)
}

/// Reads a checksum of the whole that is written in base64. One that does not read is none.
pub(crate) fn whole(algorithm: ChecksumAlgorithm, text: Option<&str>) -> Option<SourceChecksum> {
    use base64::Engine as _;
    let value = base64::engine::general_purpose::STANDARD
        .decode(text?.trim())
        .ok()?;
    (value.len() == algorithm.len_bytes()).then_some(SourceChecksum {
        algorithm,
        scope: ChecksumScope::Whole,
        value,
    })
}
