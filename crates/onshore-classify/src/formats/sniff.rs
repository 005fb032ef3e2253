//! Telling by the first bytes what format they are in.

use crate::formats::whole::Whole;

/// So much of the beginning tells every format.
pub(crate) const SNIFFED_BYTES: usize = 1024;

/// What bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    /// Text, or nothing that is known.
    Text,
    /// Read as a whole.
    Whole(Whole),
}

/// Says what some bytes are that begin so.
pub(crate) fn sniff(beginning: &[u8]) -> Looks {
    const WHOLE: &[(&[u8], Whole)] = &[
        (b"PK\x03\x04", Whole::Zip),
        (b"PK\x05\x06", Whole::Zip),
        (b"PK\x07\x08PK", Whole::Zip),
        (b"PAR1", Whole::Parquet),
        (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", Whole::Ole),
    ];
    for (mark, format) in WHOLE {
        if beginning.starts_with(mark) {
            return Looks::Whole(*format);
        }
    }
    // Readers take a PDF that something else stands before.
    if beginning.windows(5).any(|bytes| bytes == b"%PDF-") {
        return Looks::Whole(Whole::Pdf);
    }
    Looks::Text
}
