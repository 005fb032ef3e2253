//! What HEAD says of an object: its headers, its tags, and everything by which the source vouches for its bytes.

use std::collections::BTreeMap;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{
    ChecksumMode, ChecksumType, ObjectLockLegalHoldStatus, ObjectLockMode, ServerSideEncryption,
    StorageClass,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use crate::Error;
use crate::s3::errors::fault;
use crate::s3::listing::{fingerprint, instant};
use crate::source::{
    ChecksumAlgorithm, ChecksumScope, Details, EtagMeaning, Obstacle, SourceChecksum,
    SourceRetention, SourceRetentionMode,
};

/// The most parts an object can have.
const PARTS_MAX: u32 = 10_000;

/// How many parts are asked for at the same time.
const PARTS_AT_ONCE: usize = 8;

pub(super) async fn head(
    client: &Client,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<HeadObjectOutput, Error> {
    client
        .head_object()
        .bucket(bucket)
        .key(key)
        .set_version_id(version.map(str::to_owned))
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
        .map_err(|error| match fault(&error) {
            // HEAD has no body, so a bare 400 is all that a missing customer key is told by.
            Error::Protocol { what } if what == "400" => Error::Unsupported {
                what: "400 to HEAD: the object may be encrypted with a customer's key".to_owned(),
            },
            other => other,
        })
}

/// GET says in its headers what HEAD says.
pub(super) fn head_of(answer: &GetObjectOutput) -> HeadObjectOutput {
    let text = |text: Option<&str>| text.map(str::to_owned);
    HeadObjectOutput::builder()
        .set_content_length(answer.content_length())
        .set_e_tag(text(answer.e_tag()))
        .set_version_id(text(answer.version_id()))
        .set_last_modified(answer.last_modified().copied())
        .set_content_type(text(answer.content_type()))
        .set_cache_control(text(answer.cache_control()))
        .set_content_disposition(text(answer.content_disposition()))
        .set_content_encoding(text(answer.content_encoding()))
        .set_content_language(text(answer.content_language()))
        .set_expires_string(text(answer.expires_string()))
        .set_metadata(answer.metadata().cloned())
        .set_missing_meta(answer.missing_meta())
        .set_tag_count(answer.tag_count())
        .set_storage_class(answer.storage_class().cloned())
        .set_restore(text(answer.restore()))
        .set_object_lock_mode(answer.object_lock_mode().cloned())
        .set_object_lock_retain_until_date(answer.object_lock_retain_until_date().copied())
        .set_object_lock_legal_hold_status(answer.object_lock_legal_hold_status().cloned())
        .set_server_side_encryption(answer.server_side_encryption().cloned())
        .set_sse_customer_algorithm(text(answer.sse_customer_algorithm()))
        .set_checksum_type(answer.checksum_type().cloned())
        .set_checksum_sha256(text(answer.checksum_sha256()))
        .set_checksum_sha1(text(answer.checksum_sha1()))
        .set_checksum_crc64_nvme(text(answer.checksum_crc64_nvme()))
        .set_checksum_crc32_c(text(answer.checksum_crc32_c()))
        .set_checksum_crc32(text(answer.checksum_crc32()))
        .build()
}

pub(super) fn of_head(head: &HeadObjectOutput) -> Result<Details, Error> {
    let size_bytes = head
        .content_length()
        .and_then(|length| u64::try_from(length).ok())
        .ok_or_else(|| Error::Protocol {
            what: "an object without a length".to_owned(),
        })?;
    let etag = head.e_tag().map(unquoted);
    let modified = head.last_modified().and_then(instant);
    Ok(Details {
        fingerprint: fingerprint(etag.as_deref(), modified),
        etag_meaning: etag_meaning(head, etag.as_deref()),
        etag,
        version: head.version_id().map(str::to_owned),
        size_bytes,
        modified,
        content_type: head.content_type().map(str::to_owned),
        cache_control: head.cache_control().map(str::to_owned),
        content_disposition: head.content_disposition().map(str::to_owned),
        content_encoding: head.content_encoding().and_then(without_aws_chunked),
        content_language: head.content_language().map(str::to_owned),
        expires: head.expires_string().map(str::to_owned),
        user_metadata: head
            .metadata()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
            .collect(),
        tags: BTreeMap::new(),
        is_held: head.object_lock_legal_hold_status() == Some(&ObjectLockLegalHoldStatus::On),
        retention: retention(head),
        checksums: checksums(head),
        part_sizes: None,
    })
}

/// Reads until when an object is retained. A mode that is not known is the stricter one: nothing may go before its time.
fn retention(head: &HeadObjectOutput) -> Option<SourceRetention> {
    let until = head.object_lock_retain_until_date().and_then(instant)?;
    let mode = match head.object_lock_mode()? {
        ObjectLockMode::Governance => SourceRetentionMode::Governance,
        _ => SourceRetentionMode::Compliance,
    };
    Some(SourceRetention { mode, until })
}

/// Takes the quotes (and a weak mark) off an ETag.
pub(super) fn unquoted(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

/// Some clients leave the framing of their upload in this header; it says nothing of the object.
fn without_aws_chunked(written: &str) -> Option<String> {
    let kept: Vec<&str> = written
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty() && !word.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    (!kept.is_empty()).then(|| kept.join(", "))
}

fn etag_meaning(head: &HeadObjectOutput, etag: Option<&str>) -> EtagMeaning {
    let keyed = head.sse_customer_algorithm().is_some()
        || matches!(
            head.server_side_encryption(),
            Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse)
        );
    match etag {
        Some(etag) if !keyed => parse_etag(etag),
        _ => EtagMeaning::Opaque,
    }
}

fn parse_etag(etag: &str) -> EtagMeaning {
    let (digest, parts) = match etag.split_once('-') {
        Some((digest, parts)) => (digest, Some(parts)),
        None => (etag, None),
    };
    let mut md5 = [0; 16];
    if hex::decode_to_slice(digest, &mut md5).is_err() {
        return EtagMeaning::Opaque;
    }
    match parts.map(str::parse::<u32>) {
        None => EtagMeaning::Md5(md5),
        Some(Ok(parts)) if (1..=PARTS_MAX).contains(&parts) => {
            EtagMeaning::Composite { md5, parts }
        }
        Some(_) => EtagMeaning::Opaque,
    }
}

/// Returns why an object that is there cannot be read as it is.
pub(super) fn obstacle(head: &HeadObjectOutput) -> Option<Obstacle> {
    let restored = head
        .restore()
        .is_some_and(|restore| restore.contains("ongoing-request=\"false\""));
    let cold = matches!(
        head.storage_class(),
        Some(StorageClass::Glacier | StorageClass::DeepArchive)
    ) || head.archive_status().is_some();
    if head.sse_customer_algorithm().is_some() {
        Some(Obstacle::CustomerKey)
    } else if cold && !restored {
        Some(Obstacle::Archived)
    } else if head.missing_meta().is_some_and(|missing| missing > 0) {
        Some(Obstacle::MetadataHidden)
    } else {
        None
    }
}

/// Reads the checksums, the strongest first. One that does not read is none.
fn checksums(head: &HeadObjectOutput) -> Vec<SourceChecksum> {
    let written = [
        (ChecksumAlgorithm::Sha256, head.checksum_sha256()),
        (ChecksumAlgorithm::Sha1, head.checksum_sha1()),
        (ChecksumAlgorithm::Crc64Nvme, head.checksum_crc64_nvme()),
        (ChecksumAlgorithm::Crc32c, head.checksum_crc32_c()),
        (ChecksumAlgorithm::Crc32, head.checksum_crc32()),
    ];
    written
        .into_iter()
        .filter_map(|(algorithm, text)| {
            parse_checksum(algorithm, text?, head.checksum_type(), head.e_tag())
        })
        .collect()
}

fn parse_checksum(
    algorithm: ChecksumAlgorithm,
    text: &str,
    kind: Option<&ChecksumType>,
    etag: Option<&str>,
) -> Option<SourceChecksum> {
    let is_multipart = etag.is_some_and(|etag| etag.trim_matches('"').contains('-'));
    let (value, parts) = match text.rsplit_once('-') {
        Some((value, parts)) => (value, Some(parts.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let scope = match (parts, kind) {
        (Some(parts), _) if (1..=PARTS_MAX).contains(&parts) => ChecksumScope::Parts(parts),
        // Composite, and no word of how many parts: nothing can be computed from that.
        (Some(_), _) | (None, Some(ChecksumType::Composite)) => return None,
        // Uploaded in parts, and no word of what the value covers: some servers give the composite one bare. Only
        // CRC64NVME is always over the whole.
        (None, None) if is_multipart && algorithm != ChecksumAlgorithm::Crc64Nvme => return None,
        (None, _) => ChecksumScope::Whole,
    };
    let value = STANDARD.decode(value).ok()?;
    (value.len() == algorithm.len_bytes()).then_some(SourceChecksum {
        algorithm,
        scope,
        value,
    })
}

/// Whether the layout of the upload is worth asking for: to check what was computed over parts, and to give the copy
/// the ETag that it has at the source.
pub(super) fn needs_part_sizes(details: &Details) -> bool {
    part_count(details).is_some()
}

fn part_count(details: &Details) -> Option<u32> {
    match details.etag_meaning {
        EtagMeaning::Composite { parts, .. } => Some(parts),
        EtagMeaning::Md5(_) | EtagMeaning::Opaque => {
            details
                .checksums
                .iter()
                .find_map(|checksum| match checksum.scope {
                    ChecksumScope::Parts(parts) => Some(parts),
                    ChecksumScope::Whole => None,
                })
        }
    }
}

/// Asks for the size of each part. `None` when the source does not tell, or tells what does not add up.
pub(super) async fn part_sizes(
    client: &Client,
    bucket: &str,
    key: &str,
    details: &Details,
) -> Result<Option<Vec<u64>>, Error> {
    let Some(parts) = part_count(details) else {
        return Ok(None);
    };
    if parts == 1 {
        return Ok(Some(vec![details.size_bytes]));
    }
    let first = part_size(client, bucket, key, details, 1).await?;
    if first.is_none_or(|size| size >= details.size_bytes) {
        return Ok(None);
    }
    let sizes: Option<Vec<u64>> = stream::iter(1..=parts)
        .map(|part| part_size(client, bucket, key, details, part))
        .buffered(PARTS_AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?
        .into_iter()
        .collect();
    Ok(sizes.filter(|sizes| {
        sizes
            .iter()
            .try_fold(0_u64, |sum, size| sum.checked_add(*size))
            == Some(details.size_bytes)
    }))
}

async fn part_size(
    client: &Client,
    bucket: &str,
    key: &str,
    details: &Details,
    part: u32,
) -> Result<Option<u64>, Error> {
    let number = i32::try_from(part).map_err(|_| Error::Protocol {
        what: "more parts than an object can have".to_owned(),
    })?;
    let answer = client
        .head_object()
        .bucket(bucket)
        .key(key)
        // Without If-Match: some servers compare it with the part's own ETag. The bytes are read with it, and a layout
        // of another state does not add up to the ETag that they are verified by.
        .part_number(number)
        .set_version_id(details.version.clone())
        .send()
        .await;
    match answer {
        Ok(head) => Ok(head
            .content_length()
            .and_then(|length| u64::try_from(length).ok())),
        Err(error) => match fault(&error) {
            // An endpoint that knows no part numbers says so in one of these ways.
            Error::Unsupported { .. } | Error::Protocol { .. } => Ok(None),
            other => Err(other),
        },
    }
}

pub(super) async fn tags(
    client: &Client,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<BTreeMap<String, String>, Error> {
    let answer = client
        .get_object_tagging()
        .bucket(bucket)
        .key(key)
        .set_version_id(version.map(str::to_owned))
        .send()
        .await
        .map_err(|error| match fault(&error) {
            Error::Forbidden { what } => Error::Forbidden {
                what: format!("{what} to GetObjectTagging: allow it, or the tags would be lost"),
            },
            other => other,
        })?;
    Ok(answer
        .tag_set()
        .iter()
        .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::head_object::HeadObjectOutput;
    use aws_sdk_s3::types::{ChecksumType, ServerSideEncryption, StorageClass};

    use super::{checksums, obstacle, of_head, parse_etag, without_aws_chunked};
    use crate::source::{ChecksumScope, EtagMeaning, Obstacle};

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    #[test]
    fn an_etag_means_only_what_its_form_allows() {
        assert!(matches!(parse_etag(MD5), EtagMeaning::Md5(_)));
        assert!(matches!(
            parse_etag(&format!("{MD5}-3")),
            EtagMeaning::Composite { parts: 3, .. }
        ));
        for opaque in [
            "",
            "x",
            &MD5[1..],
            &format!("{MD5}-0"),
            &format!("{MD5}-10001"),
            &format!("{MD5}-"),
            &format!("{MD5}-1-1"),
        ] {
            assert_eq!(parse_etag(opaque), EtagMeaning::Opaque, "{opaque}");
        }
    }

    #[test]
    fn the_etag_of_a_keyed_object_is_no_md5() {
        let head = HeadObjectOutput::builder()
            .content_length(0)
            .e_tag(format!("\"{MD5}\""));
        let plain = of_head(&head.clone().build()).expect("details");
        assert!(matches!(plain.etag_meaning, EtagMeaning::Md5(_)));
        let keyed = of_head(
            &head
                .server_side_encryption(ServerSideEncryption::AwsKms)
                .build(),
        )
        .expect("details");
        assert_eq!(keyed.etag_meaning, EtagMeaning::Opaque);
    }

    #[test]
    fn what_cannot_be_read_is_said_so() {
        let head = || HeadObjectOutput::builder().content_length(1);
        let of = |head: HeadObjectOutput| obstacle(&head);
        assert_eq!(
            of(head().storage_class(StorageClass::Glacier).build()),
            Some(Obstacle::Archived)
        );
        let restored = "ongoing-request=\"false\", expiry-date=\"Fri, 23 Dec 2012 00:00:00 GMT\"";
        assert_eq!(
            of(head()
                .storage_class(StorageClass::Glacier)
                .restore(restored)
                .build()),
            None
        );
        assert_eq!(
            of(head().storage_class(StorageClass::GlacierIr).build()),
            None
        );
        assert_eq!(
            of(head().sse_customer_algorithm("AES256").build()),
            Some(Obstacle::CustomerKey)
        );
        assert_eq!(
            of(head().missing_meta(1).build()),
            Some(Obstacle::MetadataHidden)
        );
        assert!(of_head(&HeadObjectOutput::builder().content_length(-1).build()).is_err());
    }

    #[test]
    fn a_checksum_that_does_not_read_is_none() {
        let head = |text: &str, kind: Option<ChecksumType>| {
            checksums(
                &HeadObjectOutput::builder()
                    .checksum_crc32(text)
                    .set_checksum_type(kind)
                    .build(),
            )
        };
        assert_eq!(head("AAAAAA==", None)[0].scope, ChecksumScope::Whole);
        assert_eq!(head("AAAAAA==-2", None)[0].scope, ChecksumScope::Parts(2));
        for bad in ["", "AAAA", "AAAAAA==-0", "AAAAAA==-x", "!"] {
            assert!(head(bad, None).is_empty(), "{bad}");
        }
        assert!(head("AAAAAA==", Some(ChecksumType::Composite)).is_empty());
    }

    #[test]
    fn upload_framing_is_no_content_encoding() {
        assert_eq!(without_aws_chunked("aws-chunked"), None);
        assert_eq!(
            without_aws_chunked("aws-chunked,gzip").as_deref(),
            Some("gzip")
        );
        assert_eq!(without_aws_chunked("").as_deref(), None);
    }
}
