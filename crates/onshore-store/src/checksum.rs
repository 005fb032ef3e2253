//! The checksums of S3: which there are, what a client claims, how those of parts become those of a whole.

use std::fmt;
use std::str::FromStr;

use ring::digest;
use serde::{Deserialize, Serialize};

/// A checksum algorithm of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ChecksumAlgorithm {
    /// CRC-32 of ISO-HDLC.
    #[serde(rename = "CRC32")]
    Crc32,
    /// CRC-32C of iSCSI.
    #[serde(rename = "CRC32C")]
    Crc32c,
    /// CRC-64 of NVMe.
    #[serde(rename = "CRC64NVME")]
    Crc64Nvme,
    /// SHA-1.
    #[serde(rename = "SHA1")]
    Sha1,
    /// SHA-256.
    #[serde(rename = "SHA256")]
    Sha256,
}

/// What a checksum was computed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChecksumKind {
    /// Over all bytes of the object.
    #[serde(rename = "FULL_OBJECT")]
    FullObject,
    /// Over the checksums of its parts.
    #[serde(rename = "COMPOSITE")]
    Composite,
}

/// A checksum of an object or part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Checksum {
    /// The algorithm.
    pub algorithm: ChecksumAlgorithm,
    /// What it was computed over.
    pub kind: ChecksumKind,
    /// The value, big-endian as S3 writes it (in base64, a composite followed by `-` and the number of parts).
    #[serde(with = "hex_bytes")]
    pub value: Vec<u8>,
}

/// A checksum that somebody says a body has: compared, and kept with the object.
pub type ChecksumClaim = Checksum;

impl ChecksumAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// Returns the name S3 gives it, such as `CRC32C`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// Returns how many bytes a value has.
    #[must_use]
    pub const fn len_bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Whether the checksum of a whole follows from those of its parts.
    #[must_use]
    pub const fn combines(self) -> bool {
        self.crc().is_some()
    }

    const fn crc(self) -> Option<crc_fast::CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(crc_fast::CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(crc_fast::CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(crc_fast::CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

impl fmt::Display for ChecksumAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text names no checksum algorithm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a checksum algorithm is CRC32, CRC32C, CRC64NVME, SHA1 or SHA256")]
pub struct ChecksumAlgorithmError;

impl FromStr for ChecksumAlgorithm {
    type Err = ChecksumAlgorithmError;

    fn from_str(text: &str) -> Result<Self, ChecksumAlgorithmError> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text))
            .ok_or(ChecksumAlgorithmError)
    }
}

impl ChecksumKind {
    /// Returns the name S3 gives it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// A checksum under way.
pub(crate) enum Running {
    Crc(ChecksumAlgorithm, Box<crc_fast::Digest>),
    Hash(ChecksumAlgorithm, Box<digest::Context>),
}

impl Running {
    pub(crate) fn new(algorithm: ChecksumAlgorithm) -> Self {
        match algorithm.crc() {
            Some(crc) => Self::Crc(algorithm, Box::new(crc_fast::Digest::new(crc))),
            None => {
                let hash = if algorithm == ChecksumAlgorithm::Sha1 {
                    &digest::SHA1_FOR_LEGACY_USE_ONLY
                } else {
                    &digest::SHA256
                };
                Self::Hash(algorithm, Box::new(digest::Context::new(hash)))
            }
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(_, digest) => digest.update(bytes),
            Self::Hash(_, context) => context.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Checksum {
        let (algorithm, value) = match self {
            Self::Crc(algorithm, digest) => (algorithm, crc_bytes(algorithm, digest.finalize())),
            Self::Hash(algorithm, context) => (algorithm, context.finish().as_ref().to_vec()),
        };
        Checksum {
            algorithm,
            kind: ChecksumKind::FullObject,
            value,
        }
    }
}

/// Returns the checksum over the checksums of parts.
pub(crate) fn composite<'a>(
    algorithm: ChecksumAlgorithm,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> Checksum {
    let mut running = Running::new(algorithm);
    for part in parts {
        running.update(part);
    }
    Checksum {
        kind: ChecksumKind::Composite,
        ..running.finish()
    }
}

/// Returns the checksum of a whole from those of its parts, in order, each with its length; none where the algorithm
/// does not combine.
pub(crate) fn combined<'a>(
    algorithm: ChecksumAlgorithm,
    parts: impl IntoIterator<Item = (&'a [u8], u64)>,
) -> Option<Checksum> {
    let crc = algorithm.crc()?;
    let mut whole: Option<u64> = None;
    for (value, len_bytes) in parts {
        let value = value
            .iter()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        whole = Some(match whole {
            None => value,
            Some(before) if len_bytes == 0 => before,
            Some(before) => crc_fast::checksum_combine(crc, before, value, len_bytes),
        });
    }
    Some(Checksum {
        algorithm,
        kind: ChecksumKind::FullObject,
        value: crc_bytes(algorithm, whole?),
    })
}

fn crc_bytes(algorithm: ChecksumAlgorithm, value: u64) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    bytes
        .get(bytes.len() - algorithm.len_bytes()..)
        .unwrap_or(&bytes)
        .to_vec()
}

/// Bytes as hexadecimal text in JSON.
pub(crate) mod hex_bytes {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(bytes))
    }

    pub(crate) fn deserialize<'de, D, T>(from: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: TryFrom<Vec<u8>>,
    {
        let text = String::deserialize(from)?;
        let bytes = hex::decode(text).map_err(de::Error::custom)?;
        T::try_from(bytes).map_err(|_| de::Error::custom("another length"))
    }
}

#[cfg(test)]
mod tests {
    use super::{ChecksumAlgorithm, Running, combined};

    fn of(algorithm: ChecksumAlgorithm, bytes: &[u8]) -> Vec<u8> {
        let mut running = Running::new(algorithm);
        running.update(bytes);
        running.finish().value
    }

    #[test]
    fn check_values_are_those_of_the_catalogues() {
        let expected = [
            (ChecksumAlgorithm::Crc32, "cbf43926"),
            (ChecksumAlgorithm::Crc32c, "e3069283"),
            (ChecksumAlgorithm::Crc64Nvme, "ae8b14860a799888"),
            (
                ChecksumAlgorithm::Sha1,
                "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
            ),
            (
                ChecksumAlgorithm::Sha256,
                "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
            ),
        ];
        for (algorithm, value) in expected {
            assert_eq!(hex::encode(of(algorithm, b"123456789")), value);
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        }
    }

    #[test]
    fn cyclic_checksums_of_parts_combine_and_others_do_not() {
        let body: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
        for algorithm in ChecksumAlgorithm::ALL {
            for cuts in [vec![], vec![0], vec![1, 7], vec![65_536, 65_537, 399_999]] {
                let mut parts = Vec::new();
                let mut start = 0;
                for cut in cuts.into_iter().chain([body.len()]) {
                    parts.push((of(algorithm, &body[start..cut]), (cut - start) as u64));
                    start = cut;
                }
                let whole = combined(algorithm, parts.iter().map(|(v, len)| (v.as_slice(), *len)));
                let expected = algorithm.combines().then(|| of(algorithm, &body));
                assert_eq!(whole.map(|checksum| checksum.value), expected);
            }
        }
    }
}
