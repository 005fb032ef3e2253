//! Pictures: what is written beside what they show. Where they were taken, and texts; what they show is not read.
//!
//! All of that stands at the beginning in nearly every file: more of it is not kept.

use std::io::Read;

use encoding_rs::UTF_16LE;
use flate2::read::ZlibDecoder;

use crate::findings::Unread;
use crate::formats::gather::Gather;
use crate::formats::legible;
use crate::passage::Passage;

/// How much of a file is looked at.
const KEPT_MAX_BYTES: usize = 1 << 20;
/// To how much a text may unpack.
const TEXT_MAX_BYTES: u64 = 1 << 20;
/// How many entries of how many directories are read.
const ENTRIES_MAX: usize = 512;
const DIRECTORIES_MAX: usize = 16;

/// A picture on its way.
#[derive(Debug)]
pub(crate) struct Picture {
    kind: Kind,
    kept: Vec<u8>,
    /// All of it as it is: a text may stand behind the first bytes of a picture, or behind its last.
    raw: Box<Passage>,
}

/// In what a picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Jpeg,
    Png,
    Tiff,
    Webp,
    Heif,
    /// Nothing is read beside these.
    Gif,
    Bmp,
}

impl Kind {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            Self::Tiff => "tiff",
            Self::Webp => "webp",
            Self::Heif => "heif",
            Self::Gif => "gif",
            Self::Bmp => "bmp",
        }
    }

    /// Says what picture begins so.
    pub(crate) fn of(beginning: &[u8]) -> Option<Self> {
        Some(match beginning {
            [0xFF, 0xD8, 0xFF, ..] => Self::Jpeg,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Self::Png,
            [b'I', b'I', b'*', 0, ..] | [b'M', b'M', 0, b'*', ..] => Self::Tiff,
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Self::Webp,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, _, _, 0, 0, ..] => Self::Bmp,
            [_, _, _, _, b'f', b't', b'y', b'p', a, b, c, d, ..] => match &[*a, *b, *c, *d] {
                b"heic" | b"heix" | b"heim" | b"heis" | b"mif1" | b"msf1" | b"avif" | b"avis" => {
                    Self::Heif
                }
                _ => return None,
            },
            _ => return None,
        })
    }
}

impl Picture {
    pub(crate) fn new(kind: Kind, gather: &Gather) -> Self {
        Self {
            kind,
            kept: Vec::new(),
            raw: Box::new(Passage::new(gather.wanted())),
        }
    }

    /// Reads on.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = KEPT_MAX_BYTES - self.kept.len();
        self.kept.extend(bytes.iter().take(room));
        self.raw.push(bytes);
    }

    /// Reads to the end.
    pub(crate) fn finish(self, gather: &mut Gather) {
        let mut said = Said(String::new());
        let kept = self.kept.as_slice();
        match self.kind {
            Kind::Jpeg => said.jpeg(kept),
            Kind::Png => said.png(kept),
            Kind::Tiff => said.exif(kept),
            Kind::Webp => said.webp(kept),
            Kind::Heif => {
                let mark = b"Exif\0\0";
                let at = kept.windows(mark.len()).position(|bytes| bytes == mark);
                let exif = at.and_then(|at| kept.get(at + mark.len()..));
                said.exif(exif.unwrap_or_default());
            }
            Kind::Gif | Kind::Bmp => {}
        }
        gather.is_format(self.kind.word());
        gather.not_read(Unread::Picture);
        if !said.0.is_empty() {
            let mut passage = Passage::new(gather.wanted());
            passage.push(legible(&said.0).as_bytes());
            gather.take(passage.finish());
        }
        gather.take_raw(self.raw.finish());
    }
}

/// What is written beside a picture.
struct Said(String);

impl Said {
    fn text(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        self.0.push_str(text.trim_end_matches('\0'));
        self.0.push('\n');
    }

    fn jpeg(&mut self, file: &[u8]) {
        let mut rest = file.get(2..).unwrap_or_default();
        while let [0xFF, kind, high, low, later @ ..] = rest {
            let len = usize::from(u16::from_be_bytes([*high, *low])).saturating_sub(2);
            let segment = later.get(..len.min(later.len())).unwrap_or_default();
            match kind {
                // What follows is the picture.
                0xDA => return,
                0xE1 => match segment.strip_prefix(b"Exif\0\0") {
                    Some(exif) => self.exif(exif),
                    None => self.text(segment),
                },
                0xED | 0xFE => self.text(segment),
                _ => {}
            }
            rest = later.get(segment.len()..).unwrap_or_default();
        }
    }

    fn png(&mut self, file: &[u8]) {
        let mut rest = file.get(8..).unwrap_or_default();
        while let Some((head, later)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, kind @ ..] = *head;
            let len = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
            let chunk = later.get(..len.min(later.len())).unwrap_or_default();
            match &kind {
                b"eXIf" => self.exif(chunk),
                b"tEXt" => self.text(chunk),
                b"zTXt" => {
                    let at = chunk.iter().position(|byte| *byte == 0);
                    self.packed(at.and_then(|at| chunk.get(at + 2..)).unwrap_or_default());
                }
                b"iTXt" => {
                    self.text(chunk);
                    // A name, whether it is packed and how, a language, the name in it.
                    let fields: Vec<&[u8]> = chunk.splitn(2, |byte| *byte == 0).collect();
                    if let [_, [1, _, later @ ..]] = fields.as_slice() {
                        let packed = later.splitn(3, |byte| *byte == 0).nth(2);
                        self.packed(packed.unwrap_or_default());
                    }
                }
                b"IEND" => return,
                _ => {}
            }
            rest = later
                .get(chunk.len().saturating_add(4)..)
                .unwrap_or_default();
        }
    }

    fn packed(&mut self, packed: &[u8]) {
        let mut text = Vec::new();
        // What breaks off was unpacked until then.
        let _ = ZlibDecoder::new(packed)
            .take(TEXT_MAX_BYTES)
            .read_to_end(&mut text);
        self.text(&text);
    }

    fn webp(&mut self, file: &[u8]) {
        let mut rest = file.get(12..).unwrap_or_default();
        while let Some((head, later)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, e, f, g, h] = *head;
            let len = usize::try_from(u32::from_le_bytes([e, f, g, h])).unwrap_or(usize::MAX);
            let chunk = later.get(..len.min(later.len())).unwrap_or_default();
            match &[a, b, c, d] {
                b"EXIF" => self.exif(chunk.strip_prefix(b"Exif\0\0").unwrap_or(chunk)),
                b"XMP " => self.text(chunk),
                _ => {}
            }
            let len = chunk.len().saturating_add(chunk.len() % 2);
            rest = later.get(len..).unwrap_or_default();
        }
    }

    /// Reads directories of entries, as TIFF has them.
    fn exif(&mut self, bytes: &[u8]) {
        let Some(tiff) = Tiff::new(bytes) else { return };
        let mut waiting = Vec::from_iter(tiff.u32(4));
        let (mut seen, mut position) = (Vec::new(), Position::default());
        while let Some(at) = waiting.pop() {
            if seen.contains(&at) || seen.len() >= DIRECTORIES_MAX {
                continue;
            }
            seen.push(at);
            let at = at as usize;
            let Some(count) = tiff.u16(at) else { continue };
            let count = usize::from(count).min(ENTRIES_MAX);
            for place in (0..count).map(|place| at.saturating_add(2 + place * 12)) {
                let Some(entry) = tiff.entry(place) else {
                    break;
                };
                match entry.tag {
                    // Directories of their own, one of them of where it was taken.
                    0x8769 | 0x8825 => waiting.extend(tiff.u32(place.saturating_add(8))),
                    1 | 3 if entry.kind == 2 => {
                        let is_back = matches!(entry.value.first(), Some(b'S' | b'W'));
                        position.set_back(entry.tag, is_back);
                    }
                    2 | 4 if entry.kind == 5 => position.set(entry.tag, tiff.degrees(entry.value)),
                    // What Windows writes.
                    0x9C9B..=0x9C9F => {
                        let text = UTF_16LE.decode_without_bom_handling(entry.value).0;
                        self.text(text.as_bytes());
                    }
                    // A comment behind the name of its encoding.
                    0x9286 => self.text(entry.value.get(8..).unwrap_or_default()),
                    _ if entry.kind == 2 => self.text(entry.value),
                    _ => {}
                }
            }
            let next = at.saturating_add(2 + count * 12);
            waiting.extend(tiff.u32(next).filter(|next| *next > 0));
        }
        if let Some((north, east)) = position.place() {
            self.0.push_str(&format!("GPS: {north:.6}, {east:.6}\n"));
        }
    }
}

#[derive(Debug, Default)]
struct Position {
    north: Option<f64>,
    east: Option<f64>,
    is_south: bool,
    is_west: bool,
}

impl Position {
    fn set_back(&mut self, tag: u16, is_back: bool) {
        if tag == 1 {
            self.is_south = is_back;
        } else {
            self.is_west = is_back;
        }
    }

    fn set(&mut self, tag: u16, degrees: Option<f64>) {
        if tag == 2 {
            self.north = degrees;
        } else {
            self.east = degrees;
        }
    }

    fn place(&self) -> Option<(f64, f64)> {
        let turned = |degrees: f64, is_back| if is_back { -degrees } else { degrees };
        Some((
            turned(self.north?, self.is_south),
            turned(self.east?, self.is_west),
        ))
    }
}

struct Tiff<'a> {
    bytes: &'a [u8],
    is_big: bool,
}

struct Entry<'a> {
    tag: u16,
    kind: u16,
    value: &'a [u8],
}

impl<'a> Tiff<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let is_big = match bytes.first_chunk::<4>()? {
            b"II*\0" => false,
            b"MM\0*" => true,
            _ => return None,
        };
        Some(Self { bytes, is_big })
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big {
            u16::from_be_bytes(bytes)
        } else {
            u16::from_le_bytes(bytes)
        })
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_big {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        })
    }

    fn entry(&self, at: usize) -> Option<Entry<'a>> {
        let (tag, kind) = (self.u16(at)?, self.u16(at.checked_add(2)?)?);
        let count = usize::try_from(self.u32(at.checked_add(4)?)?).ok()?;
        let len = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            5 | 10 | 12 => 8,
            _ => 4,
        };
        let len = count.saturating_mul(len);
        // What is longer than its place stands elsewhere.
        let from = at.checked_add(8)?;
        let from = if len > 4 {
            usize::try_from(self.u32(from)?).ok()?
        } else {
            from
        };
        let value = self
            .bytes
            .get(from..from.saturating_add(len))
            .unwrap_or_default();
        Some(Entry { tag, kind, value })
    }

    /// Reads degrees, minutes and seconds, each as a fraction.
    fn degrees(&self, value: &[u8]) -> Option<f64> {
        let value = Tiff {
            bytes: value,
            is_big: self.is_big,
        };
        let part = |at: usize| {
            let (over, under) = (value.u32(at)?, value.u32(at + 4)?);
            (under > 0).then(|| f64::from(over) / f64::from(under))
        };
        let minutes = part(8).unwrap_or_default() + part(16).unwrap_or_default() / 60.0;
        Some(part(0)? + minutes / 60.0)
    }
}
