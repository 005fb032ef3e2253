//! By what a source vouches for an object's bytes, in the order of trust: its checksum, an MD5 ETag, a composite ETag
//! over the same parts; and where there is nothing of the kind, reading twice. What is chosen here is what the store
//! compares on the way to disk, and what the record names.

use onshore_sources::{ChecksumAlgorithm as From, ChecksumScope, Details, EtagMeaning};
use onshore_store::{Checks, ChecksumAlgorithm, ChecksumClaim, ChecksumKind, Layout};

/// How the bytes of an object are verified.
#[derive(Debug, Clone)]
pub(crate) struct Verification {
    /// What the store compares.
    pub(crate) checks: Checks,
    /// The word for it in the record.
    pub(crate) method: &'static str,
    /// What must hold besides.
    pub(crate) further: Further,
}

/// What must hold besides what the store compares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Further {
    /// Nothing.
    Nothing,
    /// The ETag over the parts is the source's.
    Etag(String),
    /// A second reading gives the same bytes.
    SecondReading,
}

/// Chooses how an object is verified.
pub(crate) fn choose(details: &Details) -> Verification {
    let layout = layout(details);
    let parts = match &layout {
        Layout::Whole => None,
        Layout::Parts(sizes) => Some(sizes.len()),
    };
    let claims: Vec<ChecksumClaim> = details
        .checksums
        .iter()
        .filter_map(|checksum| {
            let kind = match checksum.scope {
                ChecksumScope::Whole => ChecksumKind::FullObject,
                ChecksumScope::Parts(count) if usize::try_from(count).ok() == parts => {
                    ChecksumKind::Composite
                }
                // Over parts that the source does not tell: nothing can be computed from it.
                ChecksumScope::Parts(_) => return None,
            };
            Some(ChecksumClaim {
                algorithm: algorithm(checksum.algorithm)?,
                kind,
                value: checksum.value.clone(),
            })
        })
        .collect();
    let crc64_ecma = details
        .checksums
        .iter()
        .find(|checksum| checksum.algorithm == From::Crc64Ecma)
        .and_then(|checksum| checksum.value.as_slice().try_into().ok())
        .map(u64::from_be_bytes);
    let told_md5 = details
        .checksums
        .iter()
        .find(|checksum| checksum.algorithm == From::Md5)
        .and_then(|checksum| checksum.value.as_slice().try_into().ok());
    let (md5, further) = match (details.etag_meaning, &details.etag, parts) {
        (EtagMeaning::Md5(md5), _, _) => (Some(md5), Further::Nothing),
        (EtagMeaning::Composite { .. }, Some(etag), Some(_)) => {
            (None, Further::Etag(etag.to_ascii_lowercase()))
        }
        _ => (None, Further::Nothing),
    };
    let named = claims
        .first()
        .map(method_of)
        .or(crc64_ecma.map(|_| "checksum-crc64ecma"))
        .or(told_md5.map(|_: [u8; 16]| "checksum-md5"));
    let (method, further) = match (named, md5, further) {
        (Some(method), _, further) => (method, further),
        (None, Some(_), further) => ("md5-etag", further),
        (None, None, further @ Further::Etag(_)) => ("composite-etag", further),
        (None, None, Further::Nothing | Further::SecondReading) => {
            ("read-twice", Further::SecondReading)
        }
    };
    Verification {
        checks: Checks {
            len_bytes: Some(details.size_bytes),
            md5: md5.or(told_md5),
            sha256: None,
            crc64_ecma,
            claims,
            wanted: Vec::new(),
            layout,
        },
        method,
        further,
    }
}

/// The layout of the source's upload, where the ETag or a checksum was made of it.
fn layout(details: &Details) -> Layout {
    let wanted = match details.etag_meaning {
        EtagMeaning::Composite { parts, .. } => Some(parts),
        // The object's own ETag is that of one piece, and stays so.
        EtagMeaning::Md5(_) => None,
        EtagMeaning::Opaque => details
            .checksums
            .iter()
            .find_map(|checksum| match checksum.scope {
                ChecksumScope::Parts(parts) => Some(parts),
                ChecksumScope::Whole => None,
            }),
    };
    match (&details.part_sizes, wanted) {
        (Some(sizes), Some(parts)) if usize::try_from(parts) == Ok(sizes.len()) => {
            Layout::Parts(sizes.clone())
        }
        _ => Layout::Whole,
    }
}

/// Returns the checksum of S3 that it is, if it is one.
fn algorithm(of_source: From) -> Option<ChecksumAlgorithm> {
    match of_source {
        From::Sha256 => Some(ChecksumAlgorithm::Sha256),
        From::Sha1 => Some(ChecksumAlgorithm::Sha1),
        From::Crc64Nvme => Some(ChecksumAlgorithm::Crc64Nvme),
        From::Md5 | From::Crc64Ecma => None,
        From::Crc32c => Some(ChecksumAlgorithm::Crc32c),
        From::Crc32 => Some(ChecksumAlgorithm::Crc32),
    }
}

fn method_of(claim: &ChecksumClaim) -> &'static str {
    match (claim.algorithm, claim.kind) {
        (ChecksumAlgorithm::Sha256, ChecksumKind::FullObject) => "checksum-sha256",
        (ChecksumAlgorithm::Sha1, ChecksumKind::FullObject) => "checksum-sha1",
        (ChecksumAlgorithm::Crc64Nvme, ChecksumKind::FullObject) => "checksum-crc64nvme",
        (ChecksumAlgorithm::Crc32c, ChecksumKind::FullObject) => "checksum-crc32c",
        (ChecksumAlgorithm::Crc32, ChecksumKind::FullObject) => "checksum-crc32",
        (ChecksumAlgorithm::Sha256, ChecksumKind::Composite) => "composite-checksum-sha256",
        (ChecksumAlgorithm::Sha1, ChecksumKind::Composite) => "composite-checksum-sha1",
        (ChecksumAlgorithm::Crc64Nvme, ChecksumKind::Composite) => "composite-checksum-crc64nvme",
        (ChecksumAlgorithm::Crc32c, ChecksumKind::Composite) => "composite-checksum-crc32c",
        (ChecksumAlgorithm::Crc32, ChecksumKind::Composite) => "composite-checksum-crc32",
    }
}

#[cfg(test)]
mod tests {
    use onshore_sources::{ChecksumAlgorithm, ChecksumScope, Details, EtagMeaning, SourceChecksum};
    use onshore_store::Layout;

    use super::{Further, choose};

    fn composite(parts: u32, sizes: Option<Vec<u64>>) -> Details {
        Details {
            etag: Some(format!("ABCD-{parts}")),
            etag_meaning: EtagMeaning::Composite {
                md5: [0; 16],
                parts,
            },
            part_sizes: sizes,
            ..Details::default()
        }
    }

    fn crc(scope: ChecksumScope) -> SourceChecksum {
        SourceChecksum {
            algorithm: ChecksumAlgorithm::Crc32,
            scope,
            value: vec![0; 4],
        }
    }

    #[test]
    fn the_strongest_word_of_the_source_is_taken() {
        let mut details = Details {
            etag_meaning: EtagMeaning::Md5([1; 16]),
            ..Details::default()
        };
        assert_eq!(choose(&details).method, "md5-etag");
        details.checksums = vec![crc(ChecksumScope::Whole)];
        let chosen = choose(&details);
        assert_eq!(chosen.method, "checksum-crc32");
        // The MD5 is compared all the same.
        assert_eq!(chosen.checks.md5, Some([1; 16]));
    }

    #[test]
    fn a_crc64_that_s3_does_not_know_vouches_too() {
        let mut details = composite(2, None);
        details.checksums = vec![SourceChecksum {
            algorithm: ChecksumAlgorithm::Crc64Ecma,
            scope: ChecksumScope::Whole,
            value: 7_u64.to_be_bytes().to_vec(),
        }];
        let chosen = choose(&details);
        assert_eq!(
            (chosen.method, chosen.further),
            ("checksum-crc64ecma", Further::Nothing)
        );
        assert_eq!(chosen.checks.crc64_ecma, Some(7));
        assert!(chosen.checks.claims.is_empty());
    }

    #[test]
    fn an_md5_beside_the_etag_vouches() {
        let details = Details {
            checksums: vec![SourceChecksum {
                algorithm: ChecksumAlgorithm::Md5,
                scope: ChecksumScope::Whole,
                value: vec![7; 16],
            }],
            ..Details::default()
        };
        let chosen = choose(&details);
        assert_eq!(
            (chosen.method, chosen.checks.md5),
            ("checksum-md5", Some([7; 16]))
        );
        assert_eq!(chosen.further, Further::Nothing);
    }

    #[test]
    fn a_composite_counts_only_with_the_parts_it_was_made_of() {
        let chosen = choose(&composite(2, Some(vec![5, 3])));
        assert_eq!(chosen.method, "composite-etag");
        assert_eq!(chosen.further, Further::Etag("abcd-2".into()));
        assert_eq!(chosen.checks.layout, Layout::Parts(vec![5, 3]));
        for unknown in [composite(2, None), composite(3, Some(vec![5, 3]))] {
            let chosen = choose(&unknown);
            assert_eq!(
                (chosen.method, chosen.further),
                ("read-twice", Further::SecondReading)
            );
            assert_eq!(chosen.checks.layout, Layout::Whole);
        }
        let mut details = composite(2, Some(vec![5, 3]));
        details.checksums = vec![crc(ChecksumScope::Parts(2))];
        let chosen = choose(&details);
        assert_eq!(chosen.method, "composite-checksum-crc32");
        assert!(matches!(chosen.further, Further::Etag(_)));
        details.checksums = vec![crc(ChecksumScope::Parts(3))];
        assert_eq!(choose(&details).method, "composite-etag");
    }

    #[test]
    fn nothing_vouched_for_is_read_twice() {
        let chosen = choose(&Details::default());
        assert_eq!(
            (chosen.method, chosen.further),
            ("read-twice", Further::SecondReading)
        );
    }
}
