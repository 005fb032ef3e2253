//! Frames: how a body lies on disk. 64 KiB of plain bytes each, sealed with AES-256-GCM under a key of the body's own,
//! followed by a CRC32C over what was sealed, which tells rot (it does not match) from tampering (it does, and the
//! seal does not open). The nonce is the frame's number; the additional data is body id, part, frame number and
//! whether it is the last, so that frames cannot be cut, swapped or moved. An empty body is one empty frame.
//!
//! Body ids are random and listed in the version's sealed facts, which bind them to the version.

use std::fmt;
use std::path::PathBuf;

use onshore_keys::{DataKey, Secret, TAG_LEN_BYTES};
use serde::{Deserialize, Serialize};

/// Plain bytes in a full frame.
pub(crate) const PLAIN_BYTES: usize = 64 << 10;
/// What a frame has on disk beyond its plain bytes.
const OVERHEAD_BYTES: usize = TAG_LEN_BYTES + 4;
/// A full frame on disk.
const STORED_BYTES: usize = PLAIN_BYTES + OVERHEAD_BYTES;

/// The name of one stored body: a file's, or a row's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct BodyId(#[serde(with = "crate::checksum::hex_bytes")] pub(crate) [u8; 16]);

impl BodyId {
    pub(crate) fn draw() -> Self {
        Self(onshore_keys::random())
    }

    /// Returns where its file is in the objects folder.
    pub(crate) fn file(self) -> PathBuf {
        let [first, ..] = self.0;
        PathBuf::from(hex::encode([first])).join(self.to_string())
    }

    /// Returns the id a file of this name has.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_to_slice(name, &mut bytes).ok()?;
        let id = Self(bytes);
        (id.to_string() == name).then_some(id)
    }
}

impl fmt::Display for BodyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for BodyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Seals and opens the frames of one body.
pub(crate) struct Cipher {
    key: DataKey,
    body: BodyId,
    part: u32,
}

/// Where a frame stands in its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    Inner,
    Last,
}

/// Why a frame cannot be had from what is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// It is too short.
    Cut,
    /// Its CRC32C does not match.
    Rotten,
    /// It matches its CRC32C and does not open.
    Forged,
}

impl Damage {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Cut => "a frame is cut short",
            Self::Rotten => "a frame's CRC32C does not match",
            Self::Forged => "a frame's seal does not open",
        }
    }
}

impl Cipher {
    pub(crate) fn new(
        secret: Secret,
        body: BodyId,
        part: u32,
    ) -> Result<Self, onshore_keys::Error> {
        Ok(Self {
            key: DataKey::from_secret(secret)?,
            body,
            part,
        })
    }

    /// Seals one frame and appends it to `out`.
    pub(crate) fn seal(
        &self,
        number: u64,
        position: Position,
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), onshore_keys::Error> {
        let start = out.len();
        out.extend_from_slice(plain);
        self.seal_from(number, position, start, out)
    }

    /// Seals the frame whose plain bytes are the end of `out`, from `start`, where they lie.
    pub(crate) fn seal_from(
        &self,
        number: u64,
        position: Position,
        start: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), onshore_keys::Error> {
        let fresh = out.get_mut(start..).unwrap_or_default();
        let tag = self
            .key
            .seal_separate(nonce(number), &self.aad(number, position), fresh)?;
        out.extend_from_slice(&tag);
        let crc = crc_fast::crc32_iscsi(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_le_bytes());
        Ok(())
    }

    /// Opens one frame in place and returns how many plain bytes now lie at its start.
    pub(crate) fn open(
        &self,
        number: u64,
        position: Position,
        stored: &mut [u8],
    ) -> Result<usize, Damage> {
        let (sealed, crc) = stored.split_last_chunk_mut::<4>().ok_or(Damage::Cut)?;
        if crc_fast::crc32_iscsi(sealed) != u32::from_le_bytes(*crc) {
            return Err(Damage::Rotten);
        }
        self.key
            .open(nonce(number), &self.aad(number, position), sealed)
            .map_err(|_| Damage::Forged)
    }

    fn aad(&self, number: u64, position: Position) -> [u8; 29] {
        let mut aad = [0; 29];
        let (body, rest) = aad.split_at_mut(16);
        let (part, rest) = rest.split_at_mut(4);
        let (frame, last) = rest.split_at_mut(8);
        body.copy_from_slice(&self.body.0);
        part.copy_from_slice(&self.part.to_be_bytes());
        frame.copy_from_slice(&number.to_be_bytes());
        last.copy_from_slice(&[u8::from(position == Position::Last)]);
        aad
    }
}

/// Compares the CRC32C of a frame with what is on disk, for whoever has no key to open it.
pub(crate) fn check(stored: &[u8]) -> Result<(), Damage> {
    let (sealed, crc) = stored.split_last_chunk::<4>().ok_or(Damage::Cut)?;
    if crc_fast::crc32_iscsi(sealed) == u32::from_le_bytes(*crc) {
        Ok(())
    } else {
        Err(Damage::Rotten)
    }
}

fn nonce(number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce
        .split_at_mut(4)
        .1
        .copy_from_slice(&number.to_be_bytes());
    nonce
}

/// The number of the last frame of a body of this size.
pub(crate) fn last_frame(size_bytes: u64) -> u64 {
    size_bytes.saturating_sub(1) / PLAIN_BYTES as u64
}

/// Which frame holds this byte.
pub(crate) fn frame_of(offset: u64) -> u64 {
    offset / PLAIN_BYTES as u64
}

/// Where a frame begins on disk.
pub(crate) fn stored_offset(frame: u64) -> u64 {
    frame.saturating_mul(STORED_BYTES as u64)
}

/// How many bytes a frame has on disk, in a body of this size.
pub(crate) fn stored_len(frame: u64, size_bytes: u64) -> usize {
    if frame < last_frame(size_bytes) {
        return STORED_BYTES;
    }
    let plain = size_bytes.saturating_sub(frame.saturating_mul(PLAIN_BYTES as u64));
    usize::try_from(plain)
        .unwrap_or(PLAIN_BYTES)
        .min(PLAIN_BYTES)
        + OVERHEAD_BYTES
}

/// How many bytes a body of this size has on disk.
pub(crate) fn stored_size(size_bytes: u64) -> u64 {
    let last = last_frame(size_bytes);
    stored_offset(last).saturating_add(stored_len(last, size_bytes) as u64)
}

/// Where a frame stands in a body of this size.
pub(crate) fn position(frame: u64, size_bytes: u64) -> Position {
    if frame == last_frame(size_bytes) {
        Position::Last
    } else {
        Position::Inner
    }
}

#[cfg(test)]
mod tests {
    use onshore_keys::Secret;

    use super::{BodyId, Cipher, Damage, PLAIN_BYTES, Position, last_frame, stored_len};

    #[test]
    fn sizes_meet_at_the_boundaries() {
        let full = PLAIN_BYTES as u64;
        assert_eq!((last_frame(0), stored_len(0, 0)), (0, 20));
        assert_eq!((last_frame(1), stored_len(0, 1)), (0, 21));
        assert_eq!(
            (last_frame(full), stored_len(0, full)),
            (0, PLAIN_BYTES + 20)
        );
        assert_eq!((last_frame(full + 1), stored_len(1, full + 1)), (1, 21));
        assert_eq!(stored_len(0, full + 1), PLAIN_BYTES + 20);
    }

    #[test]
    fn a_frame_opens_at_its_place_alone() {
        let secret = Secret::random::<32>();
        let (body, other) = (BodyId::draw(), BodyId::draw());
        let cipher = |body, part| Cipher::new(secret.clone(), body, part).expect("a cipher");
        let mut stored = Vec::new();
        cipher(body, 1)
            .seal(3, Position::Inner, b"plain", &mut stored)
            .expect("sealed");
        let open = |body, part, number, position| {
            cipher(body, part).open(number, position, &mut stored.clone())
        };
        assert_eq!(open(body, 1, 3, Position::Inner), Ok(5));
        assert_eq!(open(body, 1, 3, Position::Last), Err(Damage::Forged));
        assert_eq!(open(body, 1, 4, Position::Inner), Err(Damage::Forged));
        assert_eq!(open(body, 2, 3, Position::Inner), Err(Damage::Forged));
        assert_eq!(open(other, 1, 3, Position::Inner), Err(Damage::Forged));
        for bit in 0..stored.len() * 8 {
            let mut bad = stored.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let opened = cipher(body, 1).open(3, Position::Inner, &mut bad);
            assert_eq!(opened, Err(Damage::Rotten), "bit {bit}");
        }
        assert_eq!(
            cipher(body, 1).open(0, Position::Last, &mut [1, 2]),
            Err(Damage::Cut)
        );
    }

    #[test]
    fn a_body_id_has_one_file_name() {
        let id = BodyId::draw();
        assert_eq!(BodyId::parse(&id.to_string()), Some(id));
        for bad in ["", "staging", &id.to_string()[1..], &"A".repeat(32)] {
            assert_eq!(BodyId::parse(bad), None, "{bad}");
        }
    }
}
