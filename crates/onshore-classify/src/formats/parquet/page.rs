//! The pages of a column: their heads, and what they unpack to.

use std::io::Read;

use brotli_decompressor::Decompressor as Brotli;
use flate2::read::MultiGzDecoder;

use crate::findings::Unread;
use crate::formats::codec::{Codec, Zstd};
use crate::formats::parquet::levels::little;
use crate::formats::parquet::thrift::{Fields, Kind, Thrift};

/// How much a page may unpack to.
pub(super) const PAGE_MAX_BYTES: usize = 64 << 20;

/// What stands before a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// How long the head itself is.
    pub(super) len: usize,
    pub(super) kind: Of,
    pub(super) packed: usize,
    pub(super) unpacked: usize,
    pub(super) values: u64,
    pub(super) encoding: i64,
    /// In the second version levels stand before what is packed.
    pub(super) levels: Option<Levels>,
}

/// What a page holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Of {
    Values,
    Dictionary,
    #[default]
    Other,
}

/// How long levels are that are not packed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Levels {
    pub(super) repetition: usize,
    pub(super) definition: usize,
    is_plain: bool,
}

impl Head {
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut thrift = Thrift::new(bytes);
        let mut head = Self::default();
        let mut fields = Fields::default();
        while let Some((field, kind)) = fields.next(&mut thrift)? {
            match (field, kind) {
                (1, Kind::Number) => {
                    head.kind = match thrift.number()? {
                        0 | 3 => Of::Values,
                        2 => Of::Dictionary,
                        _ => Of::Other,
                    };
                }
                (2, Kind::Number) => head.unpacked = usize::try_from(thrift.number()?).ok()?,
                (3, Kind::Number) => head.packed = usize::try_from(thrift.number()?).ok()?,
                (5 | 7, Kind::Struct) => head.first_version(&mut thrift)?,
                (8, Kind::Struct) => head.second_version(&mut thrift)?,
                _ => thrift.skip(kind)?,
            }
        }
        head.len = bytes.len() - thrift.left();
        Some(head)
    }

    fn first_version(&mut self, thrift: &mut Thrift<'_>) -> Option<()> {
        let mut fields = Fields::default();
        while let Some((field, kind)) = fields.next(thrift)? {
            match (field, kind) {
                (1, Kind::Number) => self.values = thrift.count()?,
                (2, Kind::Number) => self.encoding = thrift.number()?,
                _ => thrift.skip(kind)?,
            }
        }
        Some(())
    }

    fn second_version(&mut self, thrift: &mut Thrift<'_>) -> Option<()> {
        let mut levels = Levels::default();
        let mut fields = Fields::default();
        while let Some((field, kind)) = fields.next(thrift)? {
            match (field, kind) {
                (1, Kind::Number) => self.values = thrift.count()?,
                (4, Kind::Number) => self.encoding = thrift.number()?,
                (5, Kind::Number) => levels.definition = usize::try_from(thrift.number()?).ok()?,
                (6, Kind::Number) => levels.repetition = usize::try_from(thrift.number()?).ok()?,
                (7, Kind::False) => levels.is_plain = true,
                _ => thrift.skip(kind)?,
            }
        }
        self.levels = Some(levels);
        Some(())
    }

    /// Unpacks a page.
    pub(super) fn unpack(&self, codec: i64, packed: &[u8]) -> Result<Vec<u8>, Unread> {
        if self.unpacked > PAGE_MAX_BYTES {
            return Err(Unread::OverLimit);
        }
        let Some(levels) = self.levels else {
            return unpack(codec, packed, self.unpacked);
        };
        let plain = levels
            .repetition
            .checked_add(levels.definition)
            .filter(|plain| *plain <= self.unpacked)
            .ok_or(Unread::Damaged)?;
        let (before, values) = packed.split_at_checked(plain).ok_or(Unread::Damaged)?;
        let codec = if levels.is_plain { 0 } else { codec };
        let mut page = before.to_vec();
        page.extend(unpack(codec, values, self.unpacked - plain)?);
        Ok(page)
    }
}

/// Unpacks bytes to so many.
fn unpack(codec: i64, packed: &[u8], len: usize) -> Result<Vec<u8>, Unread> {
    if len == 0 {
        return Ok(Vec::new());
    }
    let damaged = |_| Unread::Damaged;
    match codec {
        0 => Ok(packed.get(..len).unwrap_or(packed).to_vec()),
        1 => {
            let told = snap::raw::decompress_len(packed).map_err(|_| Unread::Damaged)?;
            if told > len {
                return Err(Unread::Damaged);
            }
            let mut unpacked = vec![0; told];
            let mut decoder = snap::raw::Decoder::new();
            decoder
                .decompress(packed, &mut unpacked)
                .map_err(|_| Unread::Damaged)?;
            Ok(unpacked)
        }
        2 => read(MultiGzDecoder::new(packed), len).map_err(damaged),
        4 => read(Brotli::new(packed, 4096), len).map_err(damaged),
        5 => hadoop(packed, len)
            .or_else(|| lz4(packed, len))
            .ok_or(Unread::Damaged),
        6 => zstd(packed, len),
        7 => lz4(packed, len).ok_or(Unread::Damaged),
        _ => Err(Unread::UnknownFormat),
    }
}

fn read(from: impl Read, len: usize) -> std::io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    from.take(len as u64).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

fn lz4(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut unpacked = vec![0; len];
    let len = lz4_flex::block::decompress_into(packed, &mut unpacked).ok()?;
    unpacked.truncate(len);
    Some(unpacked)
}

/// Blocks with their lengths before them, the highest byte first.
fn hadoop(mut packed: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut unpacked = Vec::new();
    while let Some((lens, rest)) = packed.split_first_chunk::<8>() {
        let [a, b, c, d, e, f, g, h] = *lens;
        let to = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
        let from = usize::try_from(u32::from_be_bytes([e, f, g, h])).ok()?;
        let (block, later) = rest.split_at_checked(from)?;
        if to > len - unpacked.len() {
            return None;
        }
        unpacked.extend(lz4(block, to)?);
        packed = later;
    }
    (unpacked.len() == len).then_some(unpacked)
}

fn zstd(packed: &[u8], len: usize) -> Result<Vec<u8>, Unread> {
    let mut unpacked = vec![0; len];
    let (mut codec, mut from, mut to) = (Zstd::new(), 0, 0);
    while to < len {
        let input = packed.get(from..).unwrap_or_default();
        let step = codec.step(input, unpacked.get_mut(to..).unwrap_or_default())?;
        from += step.read;
        to += step.written;
        if step.read == 0 && step.written == 0 {
            return Err(Unread::Damaged);
        }
    }
    Ok(unpacked)
}

/// Returns where levels begin and end that have their length before them.
pub(super) fn with_len(page: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = at.checked_add(4)?;
    let len = usize::try_from(little(page.get(at..start)?)).ok()?;
    let end = start.checked_add(len)?;
    (end <= page.len()).then_some((start, end))
}
