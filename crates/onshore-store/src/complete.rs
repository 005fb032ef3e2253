//! Completing an upload: the listed parts become an object, without a byte being copied.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::{Read, Seek, SeekFrom};

use onshore_classify::Scanner;
use onshore_db::{Unit, View, params};
use onshore_keys::Secret;
use onshore_policy::{Flow, Permit};
use onshore_types::selection::Residence;
use onshore_types::{BucketId, Label, ObjectKey, Place, Timestamp, UploadId, VersionId};
use tokio::task::spawn_blocking;

use crate::checks::{Checks, Findings, checksum_of_parts, etag_of_parts};
use crate::checksum::{Checksum, ChecksumAlgorithm, ChecksumClaim, ChecksumKind};
use crate::commit::{Assembly, permitted_bucket};
use crate::customer_key::Encryption;
use crate::frame::{BodyId, Cipher};
use crate::object::{Committed, Part, WriteCondition};
use crate::part::{PartFacts, parts};
use crate::plain::{PlainBody, PlainReader, of_reader};
use crate::said::Said;
use crate::scan::{Looked, Scan};
use crate::scanning::{self, Patience};
use crate::stage::PART_NUMBER_MAX;
use crate::{Error, Store, bucket, permits, read};

/// The size that every part but the last has at least.
pub const PART_BYTES_MIN: u64 = 5 << 20;

/// How much of parts is read back at once.
const READ_BYTES: usize = 1 << 20;

/// A part as a client lists it when it completes an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletePart {
    /// Its number.
    pub number: u32,
    /// Its ETag, without quotes.
    pub etag: String,
    /// Its checksums, as far as the client tells them.
    pub checksums: Vec<ChecksumClaim>,
}

/// What a client says when it completes an upload.
#[derive(Debug, Clone, Default)]
pub struct Completion {
    /// The parts, in order.
    pub parts: Vec<CompletePart>,
    /// The checksums it says the object has.
    pub claims: Vec<ChecksumClaim>,
    /// The size it says the object has.
    pub size_bytes: Option<u64>,
    /// Under which condition the object is written.
    pub condition: WriteCondition,
    /// What the parts are as one body, where that is what the object is to be told by.
    pub as_one: Option<AsOne>,
}

/// What the parts of an upload are when they are read one behind the other, as one body.
#[derive(Debug, Clone)]
pub struct AsOne {
    of: Vec<BodyId>,
    findings: Findings,
    checksums: Vec<Checksum>,
}

impl AsOne {
    /// Returns the ETag an object with this body has, without quotes.
    #[must_use]
    pub fn etag(&self) -> String {
        self.findings.etag()
    }

    /// Returns the SHA-256.
    #[must_use]
    pub fn sha256(&self) -> [u8; 32] {
        self.findings.whole.sha256.unwrap_or_default()
    }
}

/// What was found in the parts that an upload is to be completed with.
#[derive(Debug, Clone)]
pub struct PartsScan {
    /// The bodies that were looked through.
    of: Vec<BodyId>,
    looked: Looked,
}

impl PartsScan {
    /// Returns the label that the object has, for what was said of it.
    #[must_use]
    pub fn label(&self, said: Label) -> Label {
        Scan::applied(Some(&self.looked.scan), said)
    }

    /// Says where those live whom the object tells of.
    #[must_use]
    pub fn residences(&self) -> BTreeSet<Residence> {
        self.looked.residences()
    }
}

/// Parts of an upload as they lie here, whatever a client says of them.
#[derive(Debug, Clone)]
pub struct PartsHere {
    /// Those that were asked for and are there, in the order of their numbers.
    pub parts: Vec<CompletePart>,
    /// The size of all of them.
    pub size_bytes: u64,
}

impl Store {
    /// Returns those of the listed parts that are here, for whoever completes the upload from a place where their bytes are not
    /// known; none where all of them were sent from there.
    ///
    /// # Errors
    /// [`Error::NoSuchBucket`], [`Error::NoSuchUpload`].
    pub async fn parts_not_from(
        &self,
        permit: &Permit,
        upload: UploadId,
        listed: &[CompletePart],
    ) -> Result<Option<PartsHere>, Error> {
        permits::flow(permit, &[Flow::Store])?;
        let (bucket, key) = (permits::bucket(permit)?, permits::key(permit)?.clone());
        let asked: HashSet<u32> = listed.iter().map(|part| part.number).collect();
        let (store, place) = (self.clone(), permit.from());
        self.inner
            .db
            .read(move |view| {
                let bucket = bucket::by_id(view, bucket)?.ok_or(Error::NoSuchBucket)?;
                let underway = store
                    .underway(view, bucket.id, &key, upload)?
                    .ok_or(Error::NoSuchUpload)?;
                let limit = PART_NUMBER_MAX as usize;
                let mut here = parts(view, &underway.owner_key, upload, 0, limit)?;
                here.retain(|facts| asked.contains(&facts.part.number));
                // Of two who are nobody knows where, one need not be where the other is.
                let is_known =
                    |facts: &PartFacts| facts.from == Some(place) && place != Place::Unknown;
                if here.iter().all(is_known) {
                    return Ok(None);
                }
                let as_they_are = |facts: &PartFacts| CompletePart {
                    number: facts.part.number,
                    etag: facts.part.md5.clone(),
                    checksums: Vec::new(),
                };
                Ok(Some(PartsHere {
                    parts: here.iter().map(as_they_are).collect(),
                    size_bytes: here.iter().map(|facts| facts.part.size_bytes).sum(),
                }))
            })
            .await
    }

    /// Looks through what the listed parts of an upload become. What is larger than is looked through at once is put off, and
    /// nobody looks at what a client keeps the key of.
    ///
    /// # Errors
    /// As [`Store::complete_upload`].
    pub async fn scan_parts(
        &self,
        permit: &Permit,
        upload: UploadId,
        listed: &[CompletePart],
        scanner: Scanner,
    ) -> Result<PartsScan, Error> {
        permits::flow(permit, &[Flow::Store, Flow::Change])?;
        let pin = self.inner.reclaimer.pin(*upload.as_bytes());
        let (bucket, key) = (permits::bucket(permit)?, permits::key(permit)?.clone());
        let (store, listed) = (self.clone(), listed.to_vec());
        let opened = self
            .inner
            .db
            .read(move |view| open_parts(&store, view, bucket, &key, upload, &listed))
            .await?;
        let files = self.inner.files.clone();
        let mut scanner = scanning::hasten(scanner);
        let of = opened.of;
        let told = scanner.told_version();
        let size_bytes = opened.size_bytes;
        let put_off = |of| PartsScan {
            of,
            looked: Looked::nothing(Scan::put_off(told)),
        };
        let Some(bodies) = opened.bodies else {
            let looked = Looked::nothing(Scan::outdated(None, told));
            return Ok(PartsScan { of, looked });
        };
        if size_bytes > scanning::WHOLE_BYTES_MAX {
            return Ok(put_off(of));
        }
        let Some(turn) = self.inner.turns.wait().await else {
            return Ok(put_off(of));
        };
        let scan = spawn_blocking(move || {
            let (_pin, _turn) = (pin, turn);
            opened.said.hand_to(&mut scanner);
            let mut reader = PlainReader::new(files, bodies);
            scanning::feed(&mut scanner, &mut reader)?;
            scanning::end(scanner, size_bytes, Patience::Bounded, || {
                reader.seek(SeekFrom::Start(0)).map_err(of_reader)?;
                Ok(reader)
            })
        });
        let looked = scan.await.unwrap_or(Err(Error::Stopping))?;
        Ok(PartsScan { of, looked })
    }

    /// Reads the listed parts of an upload back as one body, and compares it with what is known of that: parts are then where its
    /// bytes lie and nothing more.
    ///
    /// # Errors
    /// The mismatches of [`Checks`]; those of [`Store::complete_upload`].
    pub async fn read_as_one(
        &self,
        permit: &Permit,
        upload: UploadId,
        listed: &[CompletePart],
        checks: &Checks,
    ) -> Result<AsOne, Error> {
        permits::flow(permit, &[Flow::Store])?;
        let pin = self.inner.reclaimer.pin(*upload.as_bytes());
        let (bucket, key) = (permits::bucket(permit)?, permits::key(permit)?.clone());
        let (store, listed) = (self.clone(), listed.to_vec());
        let opened = self
            .inner
            .db
            .read(move |view| open_parts(&store, view, bucket, &key, upload, &listed))
            .await?;
        let bodies = opened.bodies.ok_or(Error::PermitMismatch("kind of body"))?;
        let (files, checks) = (self.inner.files.clone(), checks.clone());
        if let Some(expected) = checks.expected_len()?
            && expected != opened.size_bytes
        {
            let got = opened.size_bytes;
            return Err(Error::BodyLength { expected, got });
        }
        let read = spawn_blocking(move || {
            let _pin = pin;
            let mut hasher = checks.hasher();
            let mut reader = PlainReader::new(files, bodies);
            let mut chunk = vec![0; READ_BYTES];
            loop {
                let read = reader.read(&mut chunk).map_err(of_reader)?;
                if read == 0 {
                    break;
                }
                hasher.update(chunk.get(..read).unwrap_or_default());
            }
            let findings = hasher.finish();
            checks.compare(&findings)?;
            Ok(AsOne {
                of: opened.of,
                checksums: findings.kept(&checks.claims),
                findings,
            })
        });
        read.await.unwrap_or(Err(Error::Stopping))
    }

    /// Makes the listed parts of an upload the current version of the permit's key. Parts that are not listed are
    /// removed.
    ///
    /// # Errors
    /// [`Error::VersionGone`] when a part was sent again since it was looked through: look once more;
    /// [`Error::NoSuchUpload`]; [`Error::InvalidPart`], [`Error::InvalidPartOrder`], [`Error::PartTooSmall`];
    /// [`Error::ChecksumMismatch`]; [`Error::BodyLength`]; those of [`Store::commit`].
    pub fn complete_upload(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        upload: UploadId,
        completion: &Completion,
        looked: &PartsScan,
        now: Timestamp,
    ) -> Result<Committed, Error> {
        permits::flow(permit, &[Flow::Store, Flow::Change])?;
        let bucket = permitted_bucket(unit, permit)?;
        let underway = self
            .underway(unit, bucket.id, permits::key(permit)?, upload)?
            .ok_or(Error::NoSuchUpload)?;
        let limit = PART_NUMBER_MAX as usize;
        let uploaded = parts(unit, &underway.owner_key, upload, 0, limit)?;
        let numbers: Vec<u32> = uploaded.iter().map(|facts| facts.part.number).collect();
        let chosen = choose(uploaded, &completion.parts)?;
        if !chosen.iter().map(|facts| &facts.body.id).eq(&looked.of) {
            return Err(Error::VersionGone);
        }

        let quotas = self.watch_quotas(unit, permit)?;
        let kept: HashSet<u32> = chosen.iter().map(|facts| facts.part.number).collect();
        for number in numbers.into_iter().filter(|number| !kept.contains(number)) {
            self.remove_part(unit, upload, number)?;
        }
        let mut looked = looked.looked.clone();
        // What was copied into it counts as a whole, whatever of it was copied.
        looked.scan.label = looked.scan.label.join(underway.found());
        let mut assembly = assemble(chosen, upload, underway.new.checksum, completion, looked)?;
        if let Some(one) = &completion.as_one {
            if !assembly.bodies.iter().map(|body| &body.id).eq(&one.of) {
                return Err(Error::VersionGone);
            }
            assembly.etag = one.etag();
            assembly.sha256 = Some(hex::encode(one.sha256()));
            assembly.checksums.clone_from(&one.checksums);
            assembly.parts = one.findings.object_parts();
        }
        let committed = self.put_version(
            unit,
            permit,
            assembly,
            &underway.new.object,
            &completion.condition,
            now,
        )?;
        unit.execute(
            "UPDATE bodies SET owner = ?2 WHERE owner = ?1",
            params![upload.as_bytes(), committed.version.as_bytes()],
        )?;
        self.discard_upload(unit, *upload.as_bytes())?;
        quotas.check(unit)?;
        Ok(committed)
    }
}

/// The listed parts of an upload.
struct OpenedParts {
    of: Vec<BodyId>,
    size_bytes: u64,
    /// What was said of the object when the upload was begun.
    said: Said,
    /// What opens them, unless a client keeps the key.
    bodies: Option<Vec<PlainBody>>,
}

/// Opens the listed parts of an upload.
fn open_parts(
    store: &Store,
    view: &View<'_>,
    bucket: BucketId,
    key: &ObjectKey,
    upload: UploadId,
    listed: &[CompletePart],
) -> Result<OpenedParts, Error> {
    let bucket = bucket::by_id(view, bucket)?.ok_or(Error::NoSuchBucket)?;
    let underway = store
        .underway(view, bucket.id, key, upload)?
        .ok_or(Error::NoSuchUpload)?;
    let limit = PART_NUMBER_MAX as usize;
    let chosen = choose(parts(view, &underway.owner_key, upload, 0, limit)?, listed)?;
    let of = chosen.iter().map(|facts| facts.body.id).collect();
    let size_bytes = chosen.iter().map(|facts| facts.part.size_bytes).sum();
    let said = Said::of_new(key, &underway.new.object);
    let bodies = match underway.new.object.encryption {
        Encryption::Customer { .. } => None,
        Encryption::Service | Encryption::Kms { .. } => {
            let owner = VersionId::from_bytes(*upload.as_bytes());
            let bodies = chosen
                .into_iter()
                .map(|facts| plain_body(view, owner, facts))
                .collect::<Result<_, _>>()?;
            Some(bodies)
        }
    };
    Ok(OpenedParts {
        of,
        size_bytes,
        said,
        bodies,
    })
}

fn plain_body(view: &View<'_>, owner: VersionId, facts: PartFacts) -> Result<PlainBody, Error> {
    let inline = read::inline(view, owner, &facts.body)?;
    let secret = Secret::new(facts.data_key);
    Ok(PlainBody {
        cipher: Cipher::new(secret, facts.body.id, facts.body.part)
            .map_err(|_| Error::CorruptRecord("a part"))?,
        body: facts.body,
        inline,
    })
}

/// Returns the listed parts in order, each compared with what the client says of it.
fn choose(uploaded: Vec<PartFacts>, listed: &[CompletePart]) -> Result<Vec<PartFacts>, Error> {
    let is_ascending = listed
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a.number < b.number));
    if listed.is_empty() || !is_ascending {
        return Err(Error::InvalidPartOrder);
    }
    let mut uploaded: HashMap<u32, PartFacts> = uploaded
        .into_iter()
        .map(|facts| (facts.part.number, facts))
        .collect();
    let chosen = listed
        .iter()
        .map(|listed| {
            uploaded
                .remove(&listed.number)
                .filter(|facts| is_same(&facts.part, listed))
                .ok_or(Error::InvalidPart {
                    number: listed.number,
                })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let (_, before_last) = chosen.split_last().ok_or(Error::InvalidPartOrder)?;
    match before_last
        .iter()
        .find(|facts| facts.part.size_bytes < PART_BYTES_MIN)
    {
        Some(facts) => Err(Error::PartTooSmall {
            number: facts.part.number,
            size_bytes: facts.part.size_bytes,
        }),
        None => Ok(chosen),
    }
}

fn is_same(part: &Part, listed: &CompletePart) -> bool {
    part.md5 == listed.etag
        && listed.checksums.iter().all(|claim| {
            part.checksums
                .iter()
                .any(|found| found.algorithm == claim.algorithm && found.value == claim.value)
        })
}

fn assemble(
    chosen: Vec<PartFacts>,
    upload: UploadId,
    checksum: Option<(ChecksumAlgorithm, ChecksumKind)>,
    completion: &Completion,
    looked: Looked,
) -> Result<Assembly, Error> {
    let size_bytes = chosen.iter().map(|facts| facts.part.size_bytes).sum();
    if let Some(expected) = completion.size_bytes
        && expected != size_bytes
    {
        return Err(Error::BodyLength {
            expected,
            got: size_bytes,
        });
    }
    let (mut bodies, mut data_keys, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    let mut md5s = Vec::new();
    for facts in chosen {
        let mut md5 = [0; 16];
        hex::decode_to_slice(&facts.part.md5, &mut md5)
            .map_err(|_| Error::CorruptRecord("a part"))?;
        md5s.push(md5);
        bodies.push(facts.body);
        data_keys.push(Secret::new(facts.data_key));
        parts.push(facts.part);
    }
    Ok(Assembly {
        size_bytes,
        etag: etag_of_parts(md5s.into_iter()),
        sha256: None,
        checksums: checksums(&parts, checksum, &completion.claims)?,
        parts,
        bodies,
        data_keys,
        upload: Some(upload),
        looked,
    })
}

/// Returns the object's checksums: the one the upload was begun with, and those that are claimed and hold.
fn checksums(
    parts: &[Part],
    begun_with: Option<(ChecksumAlgorithm, ChecksumKind)>,
    claims: &[ChecksumClaim],
) -> Result<Vec<Checksum>, Error> {
    // Where none was said the object has the one that S3 computes by itself.
    let (algorithm, kind) =
        begun_with.unwrap_or((ChecksumAlgorithm::Crc64Nvme, ChecksumKind::FullObject));
    let mut kept: Vec<Checksum> = checksum_of_parts(algorithm, kind, parts)
        .into_iter()
        .collect();
    for claim in claims {
        let found = checksum_of_parts(claim.algorithm, claim.kind, parts)
            .ok_or(Error::ChecksumNotComputed(claim.algorithm))?;
        if found.value != claim.value {
            return Err(Error::ChecksumMismatch(claim.algorithm));
        }
        if !kept
            .iter()
            .any(|checksum| checksum.algorithm == claim.algorithm)
        {
            kept.push(found);
        }
    }
    Ok(kept)
}
