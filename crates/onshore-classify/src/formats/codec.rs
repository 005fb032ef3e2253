//! Compression that streams: bytes are given as they come, and what they unpack to is taken as it fits.
//!
//! Checksums are not checked: what was unpacked was read, whether it is what was packed or not.

use std::fmt;
use std::io::Read;

use bzip2::{Decompress as Bunzip, Status as BunzipStatus};
use deflate64::InflaterManaged;
use flate2::{Decompress as Inflate, FlushDecompress, Status as InflateStatus};
use lzma_rust2::{Action, Lzma2Stream, Status as LzmaStatus};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use crate::findings::Unread;

/// How far back what is unpacked may refer to itself; this is what is held of it.
const WINDOW_MAX_BYTES: u32 = 128 << 20;
/// The same where the tool's highest level stays below it.
const DICTIONARY_MAX_BYTES: u32 = 64 << 20;
/// The longest header of a gzip member that is taken.
const HEADER_MAX_BYTES: usize = 1 << 16;
/// The longest block of zstd.
const BLOCK_MAX_BYTES: usize = 1 << 17;

/// How far a step came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// So many bytes were taken.
    pub(crate) read: usize,
    /// So many bytes were unpacked.
    pub(crate) written: usize,
}

/// What unpacks.
pub(crate) trait Codec: fmt::Debug {
    /// Takes bytes and unpacks into what is there for it. Both may be done in part; nothing of either means that it needs more
    /// bytes. An error is what becomes of the rest.
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Unread>;

    /// Whether what was taken is whole: nothing need follow.
    fn is_whole(&self) -> bool;
}

/// Collects bytes that are taken together, until there are so many. Returns whether there are.
fn collect(held: &mut Vec<u8>, len: usize, input: &[u8], read: &mut usize) -> bool {
    let rest = input.get(*read..).unwrap_or_default();
    let more = rest.len().min(len - held.len().min(len));
    held.extend(rest.iter().take(more));
    *read += more;
    held.len() >= len
}

/// What is stored as it is.
#[derive(Debug)]
pub(crate) struct Stored;

impl Codec for Stored {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Unread> {
        let len = input.len().min(out.len());
        let (Some(from), Some(to)) = (input.get(..len), out.get_mut(..len)) else {
            return Ok(Step::default());
        };
        to.copy_from_slice(from);
        Ok(Step {
            read: len,
            written: len,
        })
    }

    fn is_whole(&self) -> bool {
        true
    }
}

/// Deflate without anything around it, or in zlib's wrapping.
pub(crate) struct Deflate {
    inflate: Inflate,
    is_end: bool,
}

impl Deflate {
    pub(crate) fn raw() -> Self {
        Self {
            inflate: Inflate::new(false),
            is_end: false,
        }
    }

    pub(crate) fn wrapped() -> Self {
        Self {
            inflate: Inflate::new(true),
            is_end: false,
        }
    }
}

impl fmt::Debug for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate").finish_non_exhaustive()
    }
}

impl Codec for Deflate {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Unread> {
        if self.is_end {
            return if input.is_empty() {
                Ok(Step::default())
            } else {
                Err(Unread::Hidden)
            };
        }
        let (read, written) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self
            .inflate
            .decompress(input, out, FlushDecompress::None)
            .map_err(|_| Unread::Damaged)?;
        self.is_end = status == InflateStatus::StreamEnd;
        Ok(Step {
            read: len(self.inflate.total_in() - read),
            written: len(self.inflate.total_out() - written),
        })
    }

    fn is_whole(&self) -> bool {
        self.is_end
    }
}

/// Whether some bytes begin as zlib's wrapping of Deflate does (RFC 1950), without a dictionary of its own.
pub(crate) fn has_zlib_header(beginning: &[u8]) -> bool {
    let Some([method, flags]) = beginning.first_chunk::<2>() else {
        return false;
    };
    method & 0x0F == 8
        && method >> 4 <= 7
        && flags & 0x20 == 0
        && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
}

/// The same, and what follows can be unpacked as far as it is there: words of texts begin so.
pub(crate) fn is_zlib(beginning: &[u8]) -> bool {
    /// Less says nothing.
    const TRIED_BYTES: usize = 1 << 12;
    let mut out = [0; TRIED_BYTES];
    /// Of Deflate so many bytes are never all letters and signs that people write.
    const TEXT_BYTES: usize = 24;
    let is_sign = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    let is_text = beginning.iter().take(TEXT_BYTES).all(is_sign);
    // Tools write a window of 32 KiB, which is an `x`; with others words of texts begin.
    has_zlib_header(beginning)
        && beginning.first() == Some(&0x78)
        && !is_text
        && Deflate::wrapped()
            .step(beginning, &mut out)
            .is_ok_and(|step| step.written > 0)
}

/// The same of bytes that are there as a whole: they unpack to their end, where zlib's own check holds.
pub(crate) fn is_whole_zlib(bytes: &[u8]) -> bool {
    /// Noise does not unpack to so much.
    const ENOUGH_BYTES: usize = 1 << 20;
    let mut deflate = Deflate::wrapped();
    let mut out = vec![0; 1 << 15];
    let (mut read, mut written) = (0, 0);
    while !deflate.is_whole() && written < ENOUGH_BYTES {
        match deflate.step(bytes.get(read..).unwrap_or_default(), &mut out) {
            Ok(step) if step.read + step.written > 0 => {
                read += step.read;
                written += step.written;
            }
            Ok(_) | Err(_) => return false,
        }
    }
    true
}

/// Whether the first member of what begins as gzip does has a header that tools write.
pub(crate) fn is_gzip(beginning: &[u8]) -> bool {
    matches!(
        beginning,
        [
            0x1F,
            0x8B,
            8,
            0..=0x1F,
            _,
            _,
            _,
            _,
            0 | 2 | 4,
            0..=13 | 0xFF,
            ..
        ]
    )
}

/// Deflate with a window of 64 KiB.
pub(crate) struct Deflate64(Box<InflaterManaged>);

impl Deflate64 {
    pub(crate) fn new() -> Self {
        Self(Box::new(InflaterManaged::new()))
    }
}

impl fmt::Debug for Deflate64 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate64").finish_non_exhaustive()
    }
}

impl Codec for Deflate64 {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Unread> {
        if self.0.finished() && self.0.available_output() == 0 {
            return if input.is_empty() {
                Ok(Step::default())
            } else {
                Err(Unread::Hidden)
            };
        }
        let result = self.0.inflate(input, out);
        if result.data_error {
            return Err(Unread::Damaged);
        }
        Ok(Step {
            read: result.bytes_consumed,
            written: result.bytes_written,
        })
    }

    fn is_whole(&self) -> bool {
        self.0.finished()
    }
}

/// Gzip: members one behind the other.
#[derive(Debug)]
pub(crate) struct Gzip {
    state: GzipState,
}

#[derive(Debug)]
enum GzipState {
    Header(Vec<u8>),
    Data(Box<Deflate>),
    /// Checksum and length of what was packed.
    Trailer(Vec<u8>),
    /// Behind a member: another may follow, or padding.
    Between,
}

impl Gzip {
    pub(crate) fn new() -> Self {
        Self {
            state: GzipState::Header(Vec::new()),
        }
    }

    /// Returns how long the header is that begins so, if that is clear already.
    fn header_len(header: &[u8]) -> Result<Option<usize>, Unread> {
        let Some(fixed) = header.first_chunk::<10>() else {
            return Ok(None);
        };
        let [0x1F, 0x8B, 8, flags, ..] = *fixed else {
            return Err(Unread::Damaged);
        };
        let mut at = 10;
        if flags & 4 != 0 {
            let Some(extra) = header.get(at..).and_then(<[u8]>::first_chunk::<2>) else {
                return Ok(None);
            };
            at += 2 + usize::from(u16::from_le_bytes(*extra));
        }
        for named in [8, 16] {
            if flags & named != 0 {
                let rest = header.get(at..).unwrap_or_default();
                match rest.iter().position(|byte| *byte == 0) {
                    Some(end) => at += end + 1,
                    None => return Ok(None),
                }
            }
        }
        if flags & 2 != 0 {
            at += 2;
        }
        Ok(Some(at))
    }
}

impl Codec for Gzip {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Unread> {
        let mut read = 0;
        loop {
            match &mut self.state {
                GzipState::Header(header) => {
                    let len = Self::header_len(header)?
                        .unwrap_or(header.len() + 1)
                        .max(10);
                    if len > HEADER_MAX_BYTES {
                        return Err(Unread::OverLimit);
                    }
                    if !collect(header, len, input, &mut read) {
                        return Ok(Step { read, written: 0 });
                    }
                    if Self::header_len(header)?.is_some_and(|len| len <= header.len()) {
                        self.state = GzipState::Data(Box::new(Deflate::raw()));
                    }
                }
                GzipState::Data(deflate) => {
                    let step = deflate.step(input.get(read..).unwrap_or_default(), out)?;
                    read += step.read;
                    let written = step.written;
                    if deflate.is_whole() {
                        self.state = GzipState::Trailer(Vec::new());
                    }
                    if written > 0 || !matches!(self.state, GzipState::Trailer(_)) {
                        return Ok(Step { read, written });
                    }
                }
                GzipState::Trailer(trailer) => {
                    if !collect(trailer, 8, input, &mut read) {
                        return Ok(Step { read, written: 0 });
                    }
                    self.state = GzipState::Between;
                }
                GzipState::Between => match input.get(read) {
                    None => return Ok(Step { read, written: 0 }),
                    // Tapes are padded.
                    Some(0) => read += 1,
                    Some(0x1F) => self.state = GzipState::Header(Vec::new()),
                    Some(_) => return Err(Unread::Hidden),
                },
            }
        }
    }

    fn is_whole(&self) -> bool {
        matches!(self.state, GzipState::Between)
    }
}

/// Bzip2: streams one behind the other.
pub(crate) struct Bzip2 {
    stream: Option<Bunzip>,
}

impl Bzip2 {
    pub(crate) fn new() -> Self {
        Self {
            stream: Some(Bunzip::new(false)),
        }
    }
}

impl fmt::Debug for Bzip2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bzip2").finish_non_exhaustive()
    }
}

impl Codec for Bzip2 {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Unread> {
        let mut read = 0;
        if self.stream.is_none() {
            read = input.iter().take_while(|byte| **byte == 0).count();
            match input.get(read) {
                None => return Ok(Step { read, written: 0 }),
                Some(b'B') => {}
                Some(_) => return Err(Unread::Hidden),
            }
        }
        let stream = self.stream.get_or_insert_with(|| Bunzip::new(false));
        let (before, written) = (stream.total_in(), stream.total_out());
        let status = stream
            .decompress(input.get(read..).unwrap_or_default(), out)
            .map_err(|_| Unread::Damaged)?;
        let step = Step {
            read: read + len(stream.total_in() - before),
            written: len(stream.total_out() - written),
        };
        match status {
            BunzipStatus::StreamEnd => self.stream = None,
            BunzipStatus::MemNeeded => return Err(Unread::OverLimit),
            BunzipStatus::Ok
            | BunzipStatus::FlushOk
            | BunzipStatus::RunOk
            | BunzipStatus::FinishOk => {}
        }
        Ok(step)
    }

    fn is_whole(&self) -> bool {
        self.stream.is_none()
    }
}

/// Zstandard: frames one behind the other. The decoder is given one block at a time, so that it unpacks no more than that ahead.
pub(crate) struct Zstd {
    state: ZstdState,
    decoder: FrameDecoder,
    held: Vec<u8>,
    has_checksum: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ZstdState {
    Header,
    /// A frame that says nothing.
    Skipped(u64),
    Block,
    /// What the decoder has unpacked is taken first.
    Drain {
        is_last: bool,
    },
}

impl Zstd {
    pub(crate) fn new() -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_MAX_BYTES.into());
        Self {
            state: ZstdState::Header,
            decoder,
            held: Vec::new(),
            has_checksum: false,
        }
    }

    /// Reads the header of a frame, once it is there.
    fn header(&mut self, input: &[u8], read: &mut usize) -> Result<bool, Unread> {
        if !collect(&mut self.held, 5, input, read) {
            return Ok(false);
        }
        let Some([a, b, c, d, descriptor]) = self.held.first_chunk::<5>().copied() else {
            return Ok(false);
        };
        let magic = u32::from_le_bytes([a, b, c, d]);
        if magic & 0xFFFF_FFF0 == 0x184D_2A50 {
            if !collect(&mut self.held, 8, input, read) {
                return Ok(false);
            }
            let len = self.held.get(4..).and_then(<[u8]>::first_chunk::<4>);
            self.state = ZstdState::Skipped(len.map_or(0, |len| u32::from_le_bytes(*len).into()));
            self.held.clear();
            return Ok(true);
        }
        if magic != 0xFD2F_B528 {
            return Err(Unread::Hidden);
        }
        let is_single = descriptor & 0x20 != 0;
        let window = usize::from(!is_single);
        let dictionary = match descriptor & 3 {
            3 => 4,
            len => usize::from(len),
        };
        let content = match descriptor >> 6 {
            0 => usize::from(is_single),
            1 => 2,
            2 => 4,
            _ => 8,
        };
        if !collect(
            &mut self.held,
            5 + window + dictionary + content,
            input,
            read,
        ) {
            return Ok(false);
        }
        self.has_checksum = descriptor & 4 != 0;
        // Bytes that were packed with a dictionary cannot be read without it, and a window may be too wide.
        self.decoder
            .reset(self.held.as_slice())
            .map_err(|_| Unread::OverLimit)?;
        self.held.clear();
        self.state = ZstdState::Block;
        Ok(true)
    }

    /// Reads a block, once it is there.
    fn block(&mut self, input: &[u8], read: &mut usize) -> Result<bool, Unread> {
        if !collect(&mut self.held, 3, input, read) {
            return Ok(false);
        }
        let Some([a, b, c]) = self.held.first_chunk::<3>().copied() else {
            return Ok(false);
        };
        let header = u32::from_le_bytes([a, b, c, 0]);
        let is_last = header & 1 != 0;
        let size = usize::try_from(header >> 3).unwrap_or(usize::MAX);
        let size = match (header >> 1) & 3 {
            1 if size <= BLOCK_MAX_BYTES => 1,
            0 | 2 if size <= BLOCK_MAX_BYTES => size,
            _ => return Err(Unread::Damaged),
        };
        let checksum = if is_last && self.has_checksum { 4 } else { 0 };
        if !collect(&mut self.held, 3 + size + checksum, input, read) {
            return Ok(false);
        }
        self.decoder
            .decode_blocks(self.held.as_slice(), BlockDecodingStrategy::UptoBlocks(1))
            .map_err(|_| Unread::Damaged)?;
        self.held.clear();
        self.state = ZstdState::Drain { is_last };
        Ok(true)
    }
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zstd")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Codec for Zstd {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Unread> {
        let mut read = 0;
        loop {
            let is_on = match self.state {
                ZstdState::Header => self.header(input, &mut read)?,
                ZstdState::Block => self.block(input, &mut read)?,
                ZstdState::Skipped(0) => {
                    self.state = ZstdState::Header;
                    true
                }
                ZstdState::Skipped(left) => {
                    let rest = input.len() - read.min(input.len());
                    let now = rest.min(usize::try_from(left).unwrap_or(usize::MAX));
                    read += now;
                    self.state = ZstdState::Skipped(left - now as u64);
                    now > 0
                }
                ZstdState::Drain { is_last } => {
                    let written = self.decoder.read(out).map_err(|_| Unread::Damaged)?;
                    if written > 0 {
                        return Ok(Step { read, written });
                    }
                    self.state = if is_last {
                        ZstdState::Header
                    } else {
                        ZstdState::Block
                    };
                    true
                }
            };
            if !is_on {
                return Ok(Step { read, written: 0 });
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.state == ZstdState::Header && self.held.is_empty()
    }
}

/// Xz: streams one behind the other, each of blocks.
pub(crate) struct Xz {
    state: XzState,
    held: Vec<u8>,
    lzma: Option<Box<Lzma2Stream>>,
    /// How long the checksum of a block is.
    check_len: usize,
    /// How long what the current part has so far is, for its padding.
    len: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum XzState {
    Header,
    Block,
    Data,
    Padding,
    Check,
    /// How many records, and then two numbers for each.
    Index {
        left: Option<u64>,
    },
    IndexEnd,
    Footer,
    Between,
}

impl Xz {
    pub(crate) fn new() -> Self {
        Self {
            state: XzState::Header,
            held: Vec::new(),
            lzma: None,
            check_len: 0,
            len: 0,
        }
    }

    /// Reads what stands between the data, one part of it. Returns whether that was there.
    fn part(&mut self, input: &[u8], read: &mut usize) -> Result<bool, Unread> {
        match self.state {
            XzState::Header => {
                if !collect(&mut self.held, 12, input, read) {
                    return Ok(false);
                }
                let Some([0xFD, b'7', b'z', b'X', b'Z', 0, 0, check, ..]) =
                    self.held.first_chunk::<12>().copied()
                else {
                    return Err(Unread::Hidden);
                };
                self.check_len = match check & 15 {
                    0 => 0,
                    1..=3 => 4,
                    4..=6 => 8,
                    7..=9 => 16,
                    10..=12 => 32,
                    _ => 64,
                };
                self.held.clear();
                self.state = XzState::Block;
            }
            XzState::Block => {
                if !collect(&mut self.held, 1, input, read) {
                    return Ok(false);
                }
                let size = self.held.first().copied().unwrap_or_default();
                if size == 0 {
                    self.len = 1;
                    self.held.clear();
                    self.state = XzState::Index { left: None };
                    return Ok(true);
                }
                if !collect(&mut self.held, (usize::from(size) + 1) * 4, input, read) {
                    return Ok(false);
                }
                self.lzma = Some(Box::new(Lzma2Stream::new(dictionary(&self.held)?)));
                self.len = 0;
                self.held.clear();
                self.state = XzState::Data;
            }
            XzState::Data => return Ok(false),
            XzState::Padding => {
                let padding = len((4 - self.len % 4) % 4);
                if !collect(&mut self.held, padding, input, read) {
                    return Ok(false);
                }
                self.held.clear();
                self.state = XzState::Check;
            }
            XzState::Check => {
                if !collect(&mut self.held, self.check_len, input, read) {
                    return Ok(false);
                }
                self.held.clear();
                self.state = XzState::Block;
            }
            XzState::Index { left: Some(0) } => {
                let padding = len((4 - self.len % 4) % 4);
                if !collect(&mut self.held, padding, input, read) {
                    return Ok(false);
                }
                self.held.clear();
                self.state = XzState::IndexEnd;
            }
            XzState::Index { left } => {
                // A number: seven bits in each byte, the last without its eighth.
                while self.held.last().is_none_or(|byte| *byte & 0x80 != 0) {
                    let now = self.held.len() + 1;
                    if now > 9 {
                        return Err(Unread::Damaged);
                    }
                    if !collect(&mut self.held, now, input, read) {
                        return Ok(false);
                    }
                }
                let number = self
                    .held
                    .iter()
                    .rev()
                    .fold(0, |number, byte| number << 7 | u64::from(*byte & 0x7F));
                self.len += self.held.len() as u64;
                self.held.clear();
                let left = left.map_or(number.saturating_mul(2), |left| left - 1);
                self.state = XzState::Index { left: Some(left) };
            }
            XzState::IndexEnd => {
                if !collect(&mut self.held, 4, input, read) {
                    return Ok(false);
                }
                self.held.clear();
                self.state = XzState::Footer;
            }
            XzState::Footer => {
                if !collect(&mut self.held, 12, input, read) {
                    return Ok(false);
                }
                if !self.held.ends_with(b"YZ") {
                    return Err(Unread::Damaged);
                }
                self.held.clear();
                self.state = XzState::Between;
            }
            XzState::Between => {
                let rest = input.get(*read..).unwrap_or_default();
                let padding = rest.iter().take_while(|byte| **byte == 0).count();
                *read += padding;
                if padding == rest.len() {
                    return Ok(false);
                }
                self.state = XzState::Header;
            }
        }
        Ok(true)
    }
}

/// Returns how large the dictionary of a block is. Blocks with other filters, which executables have, are not read.
fn dictionary(header: &[u8]) -> Result<u32, Unread> {
    let mut bytes = header.iter().skip(1).copied();
    let flags = bytes.next().unwrap_or_default();
    if flags & 3 != 0 {
        return Err(Unread::UnknownFormat);
    }
    for given in [0x40, 0x80] {
        if flags & given != 0 {
            while bytes.next().is_some_and(|byte| byte & 0x80 != 0) {}
        }
    }
    let (Some(0x21), Some(1), Some(size)) = (bytes.next(), bytes.next(), bytes.next()) else {
        return Err(Unread::UnknownFormat);
    };
    let bits = u32::from(size & 0x3F);
    if bits > 40 {
        return Err(Unread::Damaged);
    }
    let size = (2 | (bits & 1)).checked_shl(bits / 2 + 11);
    let size = if bits == 40 { None } else { size };
    size.filter(|size| *size <= DICTIONARY_MAX_BYTES)
        .ok_or(Unread::OverLimit)
}

impl fmt::Debug for Xz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Xz")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Codec for Xz {
    fn step(&mut self, input: &[u8], out: &mut [u8]) -> Result<Step, Unread> {
        let mut read = 0;
        loop {
            if let (XzState::Data, Some(lzma)) = (self.state, &mut self.lzma) {
                let rest = input.get(read..).unwrap_or_default();
                let result = lzma
                    .process(rest, out, Action::Run)
                    .map_err(|_| Unread::Damaged)?;
                read += result.bytes_consumed;
                self.len += result.bytes_consumed as u64;
                if result.status == LzmaStatus::StreamEnd {
                    self.lzma = None;
                    self.state = XzState::Padding;
                } else if result.bytes_produced == 0 {
                    return Ok(Step { read, written: 0 });
                }
                if result.bytes_produced > 0 {
                    let written = result.bytes_produced;
                    return Ok(Step { read, written });
                }
            } else if !self.part(input, &mut read)? {
                return Ok(Step { read, written: 0 });
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.state == XzState::Between
    }
}

/// What fits between two buffers fits in memory.
fn len(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
