//! Telling by the first bytes what format they are in.

use memchr::memmem;

use crate::formats::codec::is_zlib;
use crate::formats::mail::is_mail;
use crate::formats::whole::Whole;
use crate::formats::{picture, tar};

/// So much of the beginning tells every format.
pub(crate) const SNIFFED_BYTES: usize = 1024;

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    /// Text, or nothing that is known.
    Text,
    /// Read as it comes.
    Streamed(Streamed),
    Picture(picture::Kind),
    /// Read as a whole.
    Whole(Whole),
}

/// A format that is read as it comes, and has others within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Streamed {
    Gzip,
    Zlib,
    Zstd,
    Bzip2,
    Xz,
    Tar,
    Mail,
}

impl Streamed {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Tar => "tar",
            Self::Mail => "mail",
        }
    }
}

/// Says what some bytes are that begin so.
pub(crate) fn sniff(beginning: &[u8]) -> Looks {
    const WHOLE: &[(&[u8], Whole)] = &[
        (b"PK\x03\x04", Whole::Zip),
        (b"PK\x05\x06", Whole::Zip),
        (b"PK\x07\x08PK", Whole::Zip),
        (b"PAR1", Whole::Parquet),
        (b"PARE", Whole::Parquet),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Whole::Ole),
        (b"SQLite format 3\0", Whole::Sqlite),
    ];
    for (mark, format) in WHOLE {
        if beginning.starts_with(mark) {
            return Looks::Whole(*format);
        }
    }
    const STREAMED: &[(&[u8], Streamed)] = &[
        (b"\x1F\x8B\x08", Streamed::Gzip),
        (b"\x28\xB5\x2F\xFD", Streamed::Zstd),
        (b"\xFD7zXZ\x00", Streamed::Xz),
    ];
    for (mark, format) in STREAMED {
        if beginning.starts_with(mark) {
            return Looks::Streamed(*format);
        }
    }
    if let Some([b'B', b'Z', b'h', b'1'..=b'9', block @ ..]) = beginning.first_chunk::<10>()
        && (block == b"1AY&SY" || block == b"\x17\x72\x45\x38\x50\x90")
    {
        return Looks::Streamed(Streamed::Bzip2);
    }
    // A frame that says nothing may stand before others.
    if let Some([0x50..=0x5F, 0x2A, 0x4D, 0x18]) = beginning.first_chunk::<4>() {
        return Looks::Streamed(Streamed::Zstd);
    }
    if beginning.first_chunk().is_some_and(tar::is_header) {
        return Looks::Streamed(Streamed::Tar);
    }
    if let Some(picture) = picture::Kind::of(beginning) {
        return Looks::Picture(picture);
    }
    if is_mail(beginning) {
        return Looks::Streamed(Streamed::Mail);
    }
    // Readers take a PDF that something else stands before.
    if memmem::find(beginning, b"%PDF-").is_some() {
        return Looks::Whole(Whole::Pdf);
    }
    if is_zlib(beginning) {
        return Looks::Streamed(Streamed::Zlib);
    }
    Looks::Text
}
