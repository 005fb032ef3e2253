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
use crate::dialect::{OfParts, Profile};
use crate::s3::errors::fault;
use crate::s3::listing::{fingerprint, instant};
use crate::s3::own_headers::{Head, Listener, OwnHeaders};
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
    profile: &Profile,
    bucket: &str,
    key: &str,
    version: Option<&str>,
) -> Result<Head, Error> {
    let listener = Listener::new(profile);
    let typed = client
        .head_object()
        .bucket(bucket)
        .key(key)
        .set_version_id(version.map(str::to_owned))
        .set_checksum_mode(checksum_mode(profile))
        .customize()
        .interceptor(listener.clone())
        .send()
        .await
        .map_err(|error| match fault(&error) {
            // HEAD has no body, so a bare 400 is all that a missing customer key is told by.
            Error::Protocol { what } if what == "400" => Error::Unsupported {
                what: "400 to HEAD: the object may be encrypted with a customer's key".to_owned(),
            },
            other => other,
        })?;
    Ok(Head {
        typed,
        own: listener.heard(),
    })
}

/// Asks for checksums where there can be some: others may not know what they are asked.
pub(super) fn checksum_mode(profile: &Profile) -> Option<ChecksumMode> {
    profile.keeps_checksums.then_some(ChecksumMode::Enabled)
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

pub(super) fn of_head(head: &Head, profile: &Profile) -> Result<Details, Error> {
    let Head { typed: head, own } = head;
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
        etag_meaning: etag_meaning(head, own, profile),
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
        checksums: checksums(head, own),
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
pub(crate) fn unquoted(etag: &str) -> String {
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

fn etag_meaning(head: &HeadObjectOutput, own: &OwnHeaders, profile: &Profile) -> EtagMeaning {
    let keyed = head.sse_customer_algorithm().is_some()
        || matches!(
            head.server_side_encryption(),
            Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse)
        );
    let of_server = head.server_side_encryption().is_some() || own.encryption.is_some();
    let hidden = keyed || (of_server && !profile.etags.md5_under_server_key) || !own.is_normal();
    let Some(etag) = head.e_tag().filter(|_| !hidden) else {
        return EtagMeaning::Opaque;
    };
    let meaning = parse_etag(&unquoted(etag));
    let EtagMeaning::Composite { parts, .. } = meaning else {
        return meaning;
    };
    let is_composite = match profile.etags.of_parts {
        OfParts::Composite => true,
        OfParts::CompositeSince(since) => head
            .last_modified()
            .and_then(instant)
            .is_some_and(|modified| modified >= since),
        OfParts::CompositeOfSeveral => parts > 1,
        OfParts::Opaque => false,
    };
    if is_composite {
        meaning
    } else {
        EtagMeaning::Opaque
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
pub(super) fn obstacle(head: &Head, profile: &Profile) -> Option<Obstacle> {
    let Head { typed: head, own } = head;
    let restored = [head.restore(), own.restore.as_deref()]
        .into_iter()
        .flatten()
        .any(|restore| restore.contains("ongoing-request=\"false\""));
    let classes = [
        head.storage_class().map(StorageClass::as_str),
        own.storage_class.as_deref(),
    ];
    let is_archive = |class: &str| {
        let mut tiers = profile.archive_tiers.iter();
        tiers.any(|tier| tier.eq_ignore_ascii_case(class))
    };
    let cold = classes.into_iter().flatten().any(is_archive) || head.archive_status().is_some();
    if own.is_link() {
        Some(Obstacle::SymbolicLink)
    } else if head.sse_customer_algorithm().is_some() {
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
fn checksums(head: &HeadObjectOutput, own: &OwnHeaders) -> Vec<SourceChecksum> {
    let ecma = own.crc64_ecma.map(|value| SourceChecksum {
        algorithm: ChecksumAlgorithm::Crc64Ecma,
        scope: ChecksumScope::Whole,
        value: value.to_be_bytes().to_vec(),
    });
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
        .chain(ecma)
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
    use crate::Dialect;
    use crate::s3::own_headers::{Head, OwnHeaders};
    use crate::source::{ChecksumAlgorithm, ChecksumScope, EtagMeaning, Obstacle};

    const MD5: &str = "d41d8cd98f00b204e9800998ecf8427e";

    fn plain(typed: HeadObjectOutput) -> Head {
        Head {
            typed,
            own: OwnHeaders::default(),
        }
    }

    fn meaning(dialect: Dialect, etag: &str, own: OwnHeaders) -> EtagMeaning {
        let typed = HeadObjectOutput::builder()
            .content_length(0)
            .e_tag(etag)
            .last_modified(aws_smithy_types::DateTime::from_secs(1_600_000_000))
            .build();
        of_head(&Head { typed, own }, dialect.profile())
            .expect("details")
            .etag_meaning
    }

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
        let of = |head, dialect: Dialect| {
            of_head(&plain(head), dialect.profile())
                .expect("details")
                .etag_meaning
        };
        let under = |key| head.clone().server_side_encryption(key).build();
        assert!(matches!(
            of(head.clone().build(), Dialect::Aws),
            EtagMeaning::Md5(_)
        ));
        let kms = || under(ServerSideEncryption::AwsKms);
        assert_eq!(of(kms(), Dialect::Aws), EtagMeaning::Opaque);
        let of_server = || under(ServerSideEncryption::Aes256);
        assert!(matches!(of(of_server(), Dialect::Aws), EtagMeaning::Md5(_)));
        assert_eq!(of(of_server(), Dialect::Obs), EtagMeaning::Opaque);
    }

    #[test]
    fn what_an_etag_of_parts_says_depends_on_the_dialect() {
        let composite = |dialect, parts: u32| {
            let etag = format!("\"{MD5}-{parts}\"");
            let meaning = meaning(dialect, &etag, OwnHeaders::default());
            matches!(meaning, EtagMeaning::Composite { .. })
        };
        for dialect in [Dialect::Aws, Dialect::Obs, Dialect::Ceph, Dialect::Generic] {
            assert!(composite(dialect, 1) && composite(dialect, 2), "{dialect}");
        }
        // R2 of 2020 drew them at random.
        for dialect in [Dialect::Oss, Dialect::Cos, Dialect::R2] {
            assert!(
                !composite(dialect, 1) && !composite(dialect, 2),
                "{dialect}"
            );
        }
        assert!(composite(Dialect::Minio, 2) && !composite(Dialect::Minio, 1));
    }

    #[test]
    fn an_object_that_is_not_in_one_piece_has_no_md5() {
        let kind = |kind: &str| OwnHeaders {
            object_type: Some(kind.to_owned()),
            ..OwnHeaders::default()
        };
        let upper = MD5.to_ascii_uppercase();
        let of = |own| meaning(Dialect::Oss, &upper, own);
        assert!(matches!(of(kind("Normal")), EtagMeaning::Md5(_)));
        assert!(matches!(of(OwnHeaders::default()), EtagMeaning::Md5(_)));
        assert_eq!(of(kind("Appendable")), EtagMeaning::Opaque);
        assert_eq!(of(kind("Multipart")), EtagMeaning::Opaque);
        let encrypted = OwnHeaders {
            encryption: Some("SM4".to_owned()),
            ..OwnHeaders::default()
        };
        assert_eq!(of(encrypted), EtagMeaning::Opaque);
    }

    #[test]
    fn archive_tiers_have_the_names_of_the_dialect() {
        let of = |dialect: Dialect, class: &str, restore: Option<&str>| {
            let own = OwnHeaders {
                storage_class: Some(class.to_owned()),
                restore: restore.map(str::to_owned),
                ..OwnHeaders::default()
            };
            let typed = HeadObjectOutput::builder().content_length(1).build();
            obstacle(&Head { typed, own }, dialect.profile())
        };
        for (dialect, class) in [
            (Dialect::Oss, "ColdArchive"),
            (Dialect::Oss, "archive"),
            (Dialect::Cos, "ARCHIVE"),
            (Dialect::Obs, "COLD"),
        ] {
            assert_eq!(
                of(dialect, class, None),
                Some(Obstacle::Archived),
                "{class}"
            );
            let back = Some("ongoing-request=\"false\", expiry-date=\"x\"");
            assert_eq!(of(dialect, class, back), None);
            let under_way = Some("ongoing-request=\"true\"");
            assert_eq!(of(dialect, class, under_way), Some(Obstacle::Archived));
        }
        for (dialect, class) in [
            (Dialect::Oss, "IA"),
            (Dialect::Cos, "STANDARD_IA"),
            (Dialect::Obs, "WARM"),
            (Dialect::Ceph, "GLACIER"),
            (Dialect::Minio, "GLACIER"),
        ] {
            assert_eq!(of(dialect, class, None), None, "{class}");
        }
        let link = OwnHeaders {
            object_type: Some("Symlink".to_owned()),
            ..OwnHeaders::default()
        };
        let typed = HeadObjectOutput::builder().content_length(1).build();
        let head = Head { typed, own: link };
        assert_eq!(
            obstacle(&head, Dialect::Oss.profile()),
            Some(Obstacle::SymbolicLink)
        );
    }

    #[test]
    fn a_crc64_of_the_dialect_is_a_checksum_of_the_whole() {
        let own = OwnHeaders {
            crc64_ecma: Some(11_051_210_869_376_104_954),
            ..OwnHeaders::default()
        };
        let found = checksums(&HeadObjectOutput::builder().build(), &own);
        assert_eq!(found[0].algorithm, ChecksumAlgorithm::Crc64Ecma);
        assert_eq!(found[0].scope, ChecksumScope::Whole);
        assert_eq!(hex::encode(&found[0].value), "995dc9bbdf1939fa");
    }

    #[test]
    fn what_cannot_be_read_is_said_so() {
        let head = || HeadObjectOutput::builder().content_length(1);
        let of = |head: HeadObjectOutput| obstacle(&plain(head), Dialect::Aws.profile());
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
        let negative = HeadObjectOutput::builder().content_length(-1).build();
        assert!(of_head(&plain(negative), Dialect::Aws.profile()).is_err());
    }

    #[test]
    fn a_checksum_that_does_not_read_is_none() {
        let head = |text: &str, kind: Option<ChecksumType>| {
            checksums(
                &HeadObjectOutput::builder()
                    .checksum_crc32(text)
                    .set_checksum_type(kind)
                    .build(),
                &OwnHeaders::default(),
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
