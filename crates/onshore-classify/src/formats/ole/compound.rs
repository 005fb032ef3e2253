//! The file system in a file: sectors, tables that chain them, and a directory of streams.

use crate::formats::ole::records::{u16_at, u32_at};

/// What chains end with: this and all above are no sectors.
const LAST_SECTOR: u32 = 0xFFFF_FFFA;
/// Shorter streams lie in smaller sectors of a stream of their own.
const SMALL_SECTOR_BYTES: usize = 64;
/// How many streams are looked at.
const STREAMS_MAX: usize = 1 << 16;

/// A file with streams in it.
#[derive(Debug)]
pub(super) struct Compound<'a> {
    bytes: &'a [u8],
    sector_bytes: usize,
    chains: Vec<u32>,
    small_chains: Vec<u32>,
    small: Vec<u8>,
    small_below: usize,
    pub(super) streams: Vec<Stream>,
}

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) name: String,
    first: u32,
    len: usize,
}

impl<'a> Compound<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let shift = u16_at(bytes, 30);
        if !matches!(shift, 9 | 12) || bytes.len() < 512 {
            return None;
        }
        let mut compound = Self {
            bytes,
            sector_bytes: 1 << shift,
            chains: Vec::new(),
            small_chains: Vec::new(),
            small: Vec::new(),
            small_below: u32_at(bytes, 56) as usize,
            streams: Vec::new(),
        };
        compound.read_chains();
        let small_chains = compound.chained(u32_at(bytes, 60), bytes.len());
        compound.small_chains = numbers(&small_chains).collect();
        let directory = compound.chained(u32_at(bytes, 48), bytes.len());
        for entry in directory.chunks_exact(128).take(STREAMS_MAX) {
            let len = u32_at(entry, 120) as usize;
            let first = u32_at(entry, 116);
            match entry.get(66) {
                Some(5) => compound.small = compound.chained(first, len),
                Some(2) => {
                    let name_len = usize::from(u16_at(entry, 64)).clamp(2, 64) - 2;
                    let name = entry.get(..name_len).unwrap_or_default();
                    let name = encoding_rs::UTF_16LE
                        .decode_without_bom_handling(name)
                        .0
                        .into_owned();
                    compound.streams.push(Stream { name, first, len });
                }
                _ => {}
            }
        }
        (!compound.streams.is_empty()).then_some(compound)
    }

    pub(super) fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name == name)
    }

    /// Returns what is in a stream, as far as it goes.
    pub(super) fn read(&self, stream: &Stream) -> Vec<u8> {
        if stream.len >= self.small_below {
            return self.chained(stream.first, stream.len);
        }
        let mut read = Vec::new();
        let mut sector = stream.first;
        while read.len() < stream.len && sector < LAST_SECTOR {
            let from = (sector as usize).saturating_mul(SMALL_SECTOR_BYTES);
            let Some(rest) = self.small.get(from..) else {
                break;
            };
            let more = rest
                .len()
                .min(SMALL_SECTOR_BYTES)
                .min(stream.len - read.len());
            if more == 0 {
                break;
            }
            read.extend(rest.iter().take(more));
            let next = self.small_chains.get(sector as usize);
            sector = next.copied().unwrap_or(u32::MAX);
        }
        read
    }

    fn sector(&self, sector: u32) -> &'a [u8] {
        // The first sector stands behind the header, which takes the place of one.
        let from = (sector as usize)
            .saturating_add(1)
            .saturating_mul(self.sector_bytes);
        let to = from.saturating_add(self.sector_bytes).min(self.bytes.len());
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// Reads the table of chains: where its sectors are stands in the header, and in sectors of its own.
    fn read_chains(&mut self) {
        let in_header = self.bytes.get(76..512).unwrap_or_default();
        let mut sectors: Vec<u32> = numbers(in_header).collect();
        let mut next = u32_at(self.bytes, 68);
        let sectors_max = self.bytes.len() / self.sector_bytes + 1;
        for _ in 0..sectors_max {
            if next >= LAST_SECTOR {
                break;
            }
            let more: Vec<u32> = numbers(self.sector(next)).collect();
            let Some((last, more)) = more.split_last() else {
                break;
            };
            sectors.extend_from_slice(more);
            next = *last;
        }
        sectors.retain(|sector| *sector < LAST_SECTOR);
        for sector in sectors.into_iter().take(sectors_max) {
            self.chains.extend(numbers(self.sector(sector)));
        }
    }

    /// Reads a chain of sectors up to so many bytes. A chain that bites its tail is no longer than the file.
    fn chained(&self, first: u32, len: usize) -> Vec<u8> {
        let len = len.min(self.bytes.len());
        let (mut read, mut sector) = (Vec::new(), first);
        while read.len() < len && sector < LAST_SECTOR {
            let bytes = self.sector(sector);
            if bytes.is_empty() {
                break;
            }
            read.extend(bytes.iter().take(len - read.len()));
            sector = self
                .chains
                .get(sector as usize)
                .copied()
                .unwrap_or(u32::MAX);
        }
        read
    }
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u32> {
    bytes.chunks_exact(4).map(|number| u32_at(number, 0))
}
