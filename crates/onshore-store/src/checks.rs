//! What a body is hashed with on its way to disk, once for all writers, and what it is compared with.

use std::collections::VecDeque;

use md5::{Digest, Md5};
use ring::digest::{Context, SHA256};

use crate::Error;
use crate::checksum::{
    Checksum, ChecksumAlgorithm, ChecksumClaim, ChecksumKind, Running, combined, composite,
};
use crate::object::Part;

/// What is known of a body before it comes, and what is to be known after.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    /// The announced length.
    pub len_bytes: Option<u64>,
    /// The announced MD5: `Content-MD5`.
    pub md5: Option<[u8; 16]>,
    /// The signed SHA-256: `x-amz-content-sha256`.
    pub sha256: Option<[u8; 32]>,
    /// The CRC-64 of ECMA-182 that a source vouches with. S3 has none, so it is compared and not kept.
    pub crc64_ecma: Option<u64>,
    /// The announced checksums.
    pub claims: Vec<ChecksumClaim>,
    /// Checksums to compute besides: those a trailer will announce, and those to be kept.
    pub wanted: Vec<ChecksumAlgorithm>,
    /// How the body is divided.
    pub layout: Layout,
}

/// How a body is divided into the parts that its ETag and composite checksums are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Layout {
    /// Not at all: the ETag is the MD5 of the whole.
    #[default]
    Whole,
    /// Into parts of these sizes, as at the source it comes from: the ETag is that of an upload in these parts.
    Parts(Vec<u64>),
}

/// What was found out about a run of bytes.
#[derive(Debug, Clone)]
pub(crate) struct Digests {
    pub(crate) len_bytes: u64,
    pub(crate) md5: Option<[u8; 16]>,
    pub(crate) sha256: Option<[u8; 32]>,
    pub(crate) crc64_ecma: Option<u64>,
    pub(crate) checksums: Vec<Checksum>,
}

/// What was found out about a body.
#[derive(Debug, Clone)]
pub(crate) struct Findings {
    pub(crate) whole: Digests,
    /// One for each part of a layout.
    pub(crate) parts: Vec<Digests>,
}

/// Hashes under way.
struct Hashes {
    len_bytes: u64,
    md5: Option<Md5>,
    sha256: Option<Context>,
    crc64_ecma: Option<Box<crc_fast::Digest>>,
    checksums: Vec<Running>,
}

/// Hashes a body, whole and in parts.
pub(crate) struct Hasher {
    whole: Hashes,
    parts: Option<Parts>,
}

struct Parts {
    algorithms: Vec<ChecksumAlgorithm>,
    sizes: VecDeque<u64>,
    current: Hashes,
    done: Vec<Digests>,
}

impl Checks {
    /// Returns how long the body must be, as far as that is known.
    pub(crate) fn expected_len(&self) -> Result<Option<u64>, Error> {
        let Layout::Parts(sizes) = &self.layout else {
            return Ok(self.len_bytes);
        };
        let got = sizes
            .iter()
            .fold(0, |sum: u64, size| sum.saturating_add(*size));
        match self.len_bytes {
            Some(expected) if expected != got => Err(Error::BodyLength { expected, got }),
            _ => Ok(Some(got)),
        }
    }

    pub(crate) fn hasher(&self) -> Hasher {
        let mut algorithms: Vec<_> = self.claims.iter().map(|claim| claim.algorithm).collect();
        algorithms.extend(&self.wanted);
        algorithms.sort_unstable();
        algorithms.dedup();
        let mut hasher = match &self.layout {
            Layout::Whole => Hasher {
                whole: Hashes::new(Some(Md5::new()), Some(Context::new(&SHA256)), &algorithms),
                parts: None,
            },
            Layout::Parts(sizes) => Hasher {
                whole: Hashes::new(
                    self.md5.map(|_| Md5::new()),
                    Some(Context::new(&SHA256)),
                    &algorithms,
                ),
                parts: Some(Parts {
                    current: Hashes::new(Some(Md5::new()), None, &algorithms),
                    algorithms,
                    sizes: sizes.iter().copied().collect(),
                    done: Vec::new(),
                }),
            },
        };
        hasher.whole.crc64_ecma = self
            .crc64_ecma
            .map(|_| Box::new(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Xz)));
        hasher
    }

    /// Compares a body with what was announced.
    pub(crate) fn compare(&self, found: &Findings) -> Result<(), Error> {
        if self.md5.is_some() && self.md5 != found.whole.md5 {
            return Err(Error::Md5Mismatch);
        }
        if self.sha256.is_some() && self.sha256 != found.whole.sha256 {
            return Err(Error::Sha256Mismatch);
        }
        if self.crc64_ecma.is_some() && self.crc64_ecma != found.whole.crc64_ecma {
            return Err(Error::Crc64EcmaMismatch);
        }
        found.compare(&self.claims)
    }
}

impl Findings {
    /// Compares claims with what was computed.
    pub(crate) fn compare(&self, claims: &[ChecksumClaim]) -> Result<(), Error> {
        for claim in claims {
            let found = self
                .checksum(claim.algorithm, claim.kind)
                .ok_or(Error::ChecksumNotComputed(claim.algorithm))?;
            if found.value != claim.value {
                return Err(Error::ChecksumMismatch(claim.algorithm));
            }
        }
        Ok(())
    }

    /// Returns the checksums to keep: of the kind that was claimed, else of the whole.
    pub(crate) fn kept(&self, claims: &[ChecksumClaim]) -> Vec<Checksum> {
        let of_kind = |full: &Checksum| {
            claims
                .iter()
                .find(|claim| claim.algorithm == full.algorithm)
                .cloned()
                .unwrap_or_else(|| full.clone())
        };
        self.whole.checksums.iter().map(of_kind).collect()
    }

    /// Returns the ETag of an object with this body.
    pub(crate) fn etag(&self) -> String {
        if self.parts.is_empty() {
            return hex::encode(self.whole.md5.unwrap_or_default());
        }
        etag_of_parts(self.parts.iter().map(|part| part.md5.unwrap_or_default()))
    }

    /// Returns the layout as an object's parts, numbered from 1.
    pub(crate) fn object_parts(&self) -> Vec<Part> {
        (1..)
            .zip(&self.parts)
            .map(|(number, part)| part.as_part(number))
            .collect()
    }

    fn checksum(&self, algorithm: ChecksumAlgorithm, kind: ChecksumKind) -> Option<Checksum> {
        match kind {
            ChecksumKind::FullObject => self.whole.checksum(algorithm).cloned(),
            ChecksumKind::Composite => {
                let values = self
                    .parts
                    .iter()
                    .map(|part| Some(part.checksum(algorithm)?.value.as_slice()))
                    .collect::<Option<Vec<_>>>()
                    .filter(|values| !values.is_empty())?;
                Some(composite(algorithm, values))
            }
        }
    }
}

impl Digests {
    pub(crate) fn as_part(&self, number: u32) -> Part {
        Part {
            number,
            size_bytes: self.len_bytes,
            md5: hex::encode(self.md5.unwrap_or_default()),
            sha256: self.sha256.map(hex::encode),
            checksums: self.checksums.clone(),
        }
    }

    fn checksum(&self, algorithm: ChecksumAlgorithm) -> Option<&Checksum> {
        self.checksums
            .iter()
            .find(|checksum| checksum.algorithm == algorithm)
    }
}

/// Returns the ETag of an object made of parts with these MD5s.
pub(crate) fn etag_of_parts(md5s: impl Iterator<Item = [u8; 16]>) -> String {
    let mut whole = Md5::new();
    let mut count = 0_u64;
    for md5 in md5s {
        whole.update(md5);
        count += 1;
    }
    format!("{}-{count}", hex::encode(whole.finalize()))
}

/// Returns the checksum of an object made of these parts, where each has one of the algorithm.
pub(crate) fn checksum_of_parts(
    algorithm: ChecksumAlgorithm,
    kind: ChecksumKind,
    parts: &[Part],
) -> Option<Checksum> {
    let values = parts
        .iter()
        .map(|part| {
            let found = part.checksums.iter().find(|c| c.algorithm == algorithm)?;
            Some((found.value.as_slice(), part.size_bytes))
        })
        .collect::<Option<Vec<_>>>()?;
    match kind {
        ChecksumKind::Composite => Some(composite(
            algorithm,
            values.into_iter().map(|(value, _)| value),
        )),
        ChecksumKind::FullObject => combined(algorithm, values),
    }
}

impl Hashes {
    fn new(md5: Option<Md5>, sha256: Option<Context>, algorithms: &[ChecksumAlgorithm]) -> Self {
        Self {
            len_bytes: 0,
            md5,
            sha256,
            crc64_ecma: None,
            checksums: algorithms.iter().map(|a| Running::new(*a)).collect(),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.len_bytes += bytes.len() as u64;
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(bytes);
        }
        if let Some(crc) = &mut self.crc64_ecma {
            crc.update(bytes);
        }
        for checksum in &mut self.checksums {
            checksum.update(bytes);
        }
    }

    fn finish(self) -> Digests {
        Digests {
            len_bytes: self.len_bytes,
            md5: self.md5.map(|md5| md5.finalize().into()),
            sha256: self
                .sha256
                .and_then(|sha256| sha256.finish().as_ref().try_into().ok()),
            crc64_ecma: self.crc64_ecma.map(|crc| crc.finalize()),
            checksums: self.checksums.into_iter().map(Running::finish).collect(),
        }
    }
}

impl Hasher {
    /// Takes the MD5 of the whole out, to be computed beside the rest: it is as much work as all of that.
    pub(crate) fn take_md5(&mut self) -> Option<Md5> {
        self.whole.md5.take()
    }

    /// Puts it back where it was computed.
    pub(crate) fn put_md5(&mut self, md5: Option<Md5>) {
        self.whole.md5 = md5;
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.whole.update(bytes);
        if let Some(parts) = &mut self.parts {
            parts.update(bytes);
        }
    }

    pub(crate) fn finish(self) -> Findings {
        Findings {
            whole: self.whole.finish(),
            parts: self.parts.map(Parts::finish).unwrap_or_default(),
        }
    }
}

impl Parts {
    fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.close_full();
            // Beyond the layout lies nothing: the length check refuses such a body.
            let Some(size) = self.sizes.front() else {
                return;
            };
            let room = size.saturating_sub(self.current.len_bytes);
            let take = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(take);
            self.current.update(now);
            bytes = later;
        }
    }

    fn close_full(&mut self) {
        while self.sizes.front() == Some(&self.current.len_bytes) {
            self.sizes.pop_front();
            let fresh = Hashes::new(Some(Md5::new()), None, &self.algorithms);
            let full = std::mem::replace(&mut self.current, fresh);
            self.done.push(full.finish());
        }
    }

    fn finish(mut self) -> Vec<Digests> {
        self.close_full();
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::{Checks, Layout};
    use crate::Error;

    #[test]
    fn a_crc64_of_the_source_is_compared_over_the_whole_and_not_kept() {
        for layout in [Layout::Whole, Layout::Parts(vec![4, 5])] {
            let checks = |crc64_ecma| Checks {
                crc64_ecma: Some(crc64_ecma),
                layout: layout.clone(),
                ..Checks::default()
            };
            let right = checks(0x995d_c9bb_df19_39fa);
            let mut hasher = right.hasher();
            hasher.update(b"12345");
            hasher.update(b"6789");
            let found = hasher.finish();
            assert!(right.compare(&found).is_ok());
            assert!(found.kept(&right.claims).is_empty());
            let wrong = checks(0x995d_c9bb_df19_39fb);
            assert!(matches!(
                wrong.compare(&found),
                Err(Error::Crc64EcmaMismatch)
            ));
        }
    }
}
