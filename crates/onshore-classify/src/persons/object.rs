//! What is kept of the persons in an object: sorted sets of pseudonyms, in a form of its own that takes six to eight bytes
//! for each and can be gone through without being unpacked.
//!
//! Version 1, integers as unsigned LEB128 in their shortest form unless said otherwise:
//!
//! ```text
//! 1 (a byte) | beyond | of those, sensitive | number of runs
//! for each run, by code of kind and flags: code (a byte) | flags (a byte) | count
//!     | directory: how many begin with each prefix of P bytes, P = 0, 1 from 256 on, 2 from 65,536 on; none for P = 0
//!     | the other 8 - P bytes of each, big endian, rising
//! ```
//!
//! A set has one form. Bytes that are not exactly it are refused.

use std::collections::{BTreeMap, BTreeSet};

use onshore_types::selection::Residence;

use super::flags::Flags;
use super::key::Pseudonym;
use super::kind::PersonKind;
use super::sketch::Sketch;

const VERSION: u8 = 1;

/// Why bytes are not what is kept of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPersons {
    /// Another version wrote them.
    #[error("what is kept of persons was written by another version")]
    UnknownVersion,
    /// A kind or a fact is not known here.
    #[error("what is kept of persons names a kind of identifier that is not known here")]
    UnknownKind,
    /// They end too early, go on too long, or are not in order.
    #[error("what is kept of persons is damaged")]
    Malformed,
}

/// The persons that an object tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectPersons {
    bytes: Vec<u8>,
    runs: Vec<Run>,
    beyond: Beyond,
}

/// How many persons there may be at most besides those whose pseudonyms are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Beyond {
    pub(crate) persons: u64,
    pub(crate) sensitive: u64,
}

/// Where pseudonyms of a kind stand of which the same is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    kind: PersonKind,
    flags: Flags,
    count: u64,
    prefix_len: usize,
    directory: usize,
    values: usize,
}

impl ObjectPersons {
    /// Reads what was kept.
    ///
    /// # Errors
    /// [`BadPersons`] if it is not exactly what [`bytes`](Self::bytes) returns of something.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, BadPersons> {
        let mut reader = Reader {
            bytes: &bytes,
            at: 0,
        };
        if reader.byte()? != VERSION {
            return Err(BadPersons::UnknownVersion);
        }
        let beyond = Beyond {
            persons: reader.number()?,
            sensitive: reader.number()?,
        };
        if beyond.sensitive > beyond.persons {
            return Err(BadPersons::Malformed);
        }
        let count = reader.number()?;
        let mut runs = Vec::new();
        let mut last = None;
        for _ in 0..count {
            let (code, flags) = (reader.byte()?, reader.byte()?);
            let place = Some((code, flags));
            if place <= last {
                return Err(BadPersons::Malformed);
            }
            last = place;
            let kind = PersonKind::of_code(code).ok_or(BadPersons::UnknownKind)?;
            let flags = Flags::parse(flags).ok_or(BadPersons::UnknownKind)?;
            runs.push(reader.run(kind, flags)?);
        }
        if reader.at != bytes.len() {
            return Err(BadPersons::Malformed);
        }
        Ok(Self {
            bytes,
            runs,
            beyond,
        })
    }

    /// Returns what is kept.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it tells of nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.beyond == Beyond::default()
    }

    /// Whether one of some pseudonyms is in it.
    #[must_use]
    pub fn tells_of(&self, anybody: &[(PersonKind, Pseudonym)]) -> bool {
        let mut is_in = false;
        self.each_run(|kind, _, values| {
            let mut wanted: Vec<u64> = anybody
                .iter()
                .filter(|(of, _)| *of == kind)
                .map(|(_, pseudonym)| pseudonym.0)
                .collect();
            wanted.sort_unstable();
            if let Some(last) = wanted.last().copied().filter(|_| !is_in) {
                is_in = values
                    .take_while(|value| *value <= last)
                    .any(|value| wanted.binary_search(&value).is_ok());
            }
        });
        is_in
    }

    /// Says where those in it live, each by what ranks highest of them here: by all evidence, which may speak of two places.
    #[must_use]
    pub fn residences(&self) -> BTreeSet<Residence> {
        let mut residences = BTreeSet::new();
        if self.beyond.persons > 0 {
            residences.insert(Residence::Unknown);
        }
        for flags in self.runs.iter().map(|run| run.flags) {
            if flags.has(Flags::EXPLAINED) {
                continue;
            }
            let (is_local, is_abroad) = (flags.has(Flags::LOCAL), flags.has(Flags::ABROAD));
            residences.extend(is_local.then_some(Residence::Local));
            residences.extend(is_abroad.then_some(Residence::Abroad));
            residences.extend((!is_local && !is_abroad).then_some(Residence::Unknown));
        }
        residences
    }

    /// Makes the sketch of the persons in it, each by what ranks highest of them here.
    #[must_use]
    pub fn sketch(&self) -> Sketch {
        let mut sketch = Sketch::new();
        self.each_run(|_, flags, values| {
            if !flags.has(Flags::EXPLAINED) {
                values.for_each(|value| sketch.add(value));
            }
        });
        sketch
    }

    /// Returns what is told of beyond the pseudonyms.
    pub(crate) fn beyond(&self) -> Beyond {
        self.beyond
    }

    /// Goes through all runs.
    pub(crate) fn each_run(&self, mut each: impl FnMut(PersonKind, Flags, Values<'_>)) {
        for run in &self.runs {
            each(run.kind, run.flags, run.values(&self.bytes));
        }
    }
}

impl Run {
    fn values(self, bytes: &[u8]) -> Values<'_> {
        let reader = |at| Reader { bytes, at };
        let mut values = Values {
            directory: reader(self.directory),
            values: reader(self.values),
            prefix: 0,
            prefix_len: self.prefix_len,
            left: self.count,
            left_alike: self.count,
        };
        if self.prefix_len > 0 {
            values.left_alike = values.directory.number().unwrap_or_default();
        }
        values
    }
}

/// The pseudonyms of a run, rising.
#[derive(Debug)]
pub(crate) struct Values<'a> {
    directory: Reader<'a>,
    values: Reader<'a>,
    prefix: u64,
    prefix_len: usize,
    left: u64,
    /// Of those, so many have the same prefix.
    left_alike: u64,
}

impl Iterator for Values<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        while self.left_alike == 0 {
            self.prefix += 1;
            self.left_alike = self.directory.number().ok()?;
        }
        self.left_alike -= 1;
        let rest = self.values.rest(self.prefix_len).ok()?;
        Some(match self.prefix_len {
            0 => rest,
            len => self.prefix << (u64::BITS as usize - 8 * len) | rest,
        })
    }
}

#[derive(Debug)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, BadPersons> {
        let byte = self.bytes.get(self.at).ok_or(BadPersons::Malformed)?;
        self.at += 1;
        Ok(*byte)
    }

    fn number(&mut self) -> Result<u64, BadPersons> {
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                return Err(BadPersons::Malformed);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                // The shortest form ends in no zero.
                return if byte == 0 && shift > 0 {
                    Err(BadPersons::Malformed)
                } else {
                    Ok(number)
                };
            }
        }
        Err(BadPersons::Malformed)
    }

    /// Reads what of a pseudonym stands behind its prefix.
    fn rest(&mut self, prefix_len: usize) -> Result<u64, BadPersons> {
        let len = size_of::<u64>() - prefix_len;
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        self.at += len;
        // Eight bytes are read where there are as many, and those that belong to the next one are shifted out.
        if let Some(eight) = rest.first_chunk() {
            return Ok(u64::from_be_bytes(*eight) >> (8 * prefix_len));
        }
        let rest = rest.get(..len).ok_or(BadPersons::Malformed)?;
        Ok(rest
            .iter()
            .fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn run(&mut self, kind: PersonKind, flags: Flags) -> Result<Run, BadPersons> {
        let count = self.number()?;
        let prefix_len = prefix_len(count);
        let directory = self.at;
        if prefix_len > 0 {
            let mut sum = 0_u64;
            for _ in 0..1_usize << (8 * prefix_len) {
                sum = sum
                    .checked_add(self.number()?)
                    .ok_or(BadPersons::Malformed)?;
            }
            if sum != count {
                return Err(BadPersons::Malformed);
            }
        }
        let run = Run {
            kind,
            flags,
            count,
            prefix_len,
            directory,
            values: self.at,
        };
        let len = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(size_of::<u64>() - prefix_len))
            .and_then(|len| len.checked_add(self.at))
            .filter(|end| count > 0 && *end <= self.bytes.len());
        self.at = len.ok_or(BadPersons::Malformed)?;
        let mut last = None;
        for value in run.values(self.bytes) {
            let value = Some(value);
            if value <= last {
                return Err(BadPersons::Malformed);
            }
            last = value;
        }
        Ok(run)
    }
}

/// How many bytes of so many sorted pseudonyms a directory takes over.
fn prefix_len(count: u64) -> usize {
    match count {
        0..0x100 => 0,
        0x100..0x1_0000 => 1,
        _ => 2,
    }
}

/// Puts together what is kept.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    /// By code and flags, as they are written.
    runs: BTreeMap<(u8, u8), (PersonKind, Flags, Vec<u64>)>,
}

impl Writer {
    /// Takes all pseudonyms of a kind, rising, with what is known of each.
    pub(crate) fn kind(&mut self, kind: PersonKind, all: impl Iterator<Item = (u64, Flags)>) {
        for (value, flags) in all {
            let (_, _, values) = self
                .runs
                .entry((kind.code(), flags.byte()))
                .or_insert_with(|| (kind, flags, Vec::new()));
            values.push(value);
        }
    }

    /// Returns what is kept.
    pub(crate) fn finish(self, beyond: Beyond) -> ObjectPersons {
        let mut bytes = vec![VERSION];
        put(&mut bytes, beyond.persons);
        put(&mut bytes, beyond.sensitive);
        put(&mut bytes, self.runs.len() as u64);
        let mut runs = Vec::new();
        for ((code, byte), (kind, flags, values)) in self.runs {
            bytes.extend([code, byte]);
            runs.push(put_run(&mut bytes, kind, flags, &values));
        }
        ObjectPersons {
            bytes,
            runs,
            beyond,
        }
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_run(bytes: &mut Vec<u8>, kind: PersonKind, flags: Flags, values: &[u64]) -> Run {
    let count = values.len() as u64;
    let prefix_len = prefix_len(count);
    let len = size_of::<u64>() - prefix_len;
    bytes.reserve(values.len() * len);
    put(bytes, count);
    let directory = bytes.len();
    if prefix_len > 0 {
        let mut counts = vec![0; 1 << (8 * prefix_len)];
        for value in values {
            counts[(value >> (8 * len)) as usize] += 1;
        }
        counts.into_iter().for_each(|count| put(bytes, count));
    }
    let run = Run {
        kind,
        flags,
        count,
        prefix_len,
        directory,
        values: bytes.len(),
    };
    for value in values {
        bytes.extend(value.to_be_bytes().iter().skip(prefix_len));
    }
    run
}
