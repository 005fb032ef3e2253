//! Turning text into UTF-8. What the Chinese write in pairs of bytes is looked up pair by pair, which takes a fraction of
//! what decoders take that must be ready for everything; whatever is no such pair goes to one of those.

use std::sync::LazyLock;

use encoding_rs::{BIG5, CoderResult, Decoder, Encoding, GB18030, GBK};

/// How much is decoded at once.
const PIECE_BYTES: usize = 1 << 12;
/// The most that one byte becomes.
const GROWTH: usize = 3;
/// A lower byte stands for itself wherever it stands, and after it a character begins.
const ALONE: u8 = 0x30;

/// Decodes a text as it passes.
#[derive(Debug)]
pub(crate) struct Decoding {
    encoding: &'static Encoding,
    decoder: Decoder,
    pairs: Option<&'static Pairs>,
    /// The decoder may be within a character.
    is_within: bool,
    /// What a piece becomes.
    room: Vec<u8>,
}

impl Decoding {
    pub(crate) fn new(encoding: &'static Encoding) -> Self {
        static SIMPLE: LazyLock<Pairs> = LazyLock::new(|| Pairs::of(GB18030));
        static TRADITIONAL: LazyLock<Pairs> = LazyLock::new(|| Pairs::of(BIG5));
        Self {
            encoding,
            decoder: encoding.new_decoder_with_bom_removal(),
            pairs: match encoding {
                simple if simple == GBK || simple == GB18030 => Some(&SIMPLE),
                traditional if traditional == BIG5 => Some(&TRADITIONAL),
                _ => None,
            },
            is_within: false,
            room: vec![0; PIECE_BYTES * GROWTH + 16],
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.encoding.name()
    }

    /// Adds what some bytes become to a text.
    pub(crate) fn read(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        for piece in bytes.chunks(PIECE_BYTES) {
            match self.pairs {
                Some(pairs) => self.look_up(pairs, piece, text),
                None => self.decode(piece, text, false),
            }
        }
    }

    /// Adds what is left at the end.
    pub(crate) fn finish(&mut self, text: &mut Vec<u8>) {
        self.decode(&[], text, true);
    }

    fn look_up(&mut self, pairs: &Pairs, mut bytes: &[u8], text: &mut Vec<u8>) {
        while !bytes.is_empty() {
            if !self.is_within {
                let (read, written) = pairs.look_up(bytes, &mut self.room);
                text.extend_from_slice(self.room.get(..written).unwrap_or_default());
                bytes = bytes.get(read..).unwrap_or_default();
            }
            let alone = bytes.iter().position(|byte| *byte < ALONE);
            let (now, later) = bytes.split_at(alone.map_or(bytes.len(), |at| at + 1));
            self.is_within = !now.is_empty() && alone.is_none();
            self.decode(now, text, false);
            bytes = later;
        }
    }

    fn decode(&mut self, mut bytes: &[u8], text: &mut Vec<u8>, is_last: bool) {
        loop {
            let (result, read, written, _) =
                self.decoder.decode_to_utf8(bytes, &mut self.room, is_last);
            text.extend_from_slice(self.room.get(..written).unwrap_or_default());
            bytes = bytes.get(read..).unwrap_or_default();
            if result == CoderResult::InputEmpty {
                return;
            }
        }
    }
}

/// What pairs of bytes are in UTF-8: its bytes, and in the highest place how many they are. Nothing where they are no
/// character, or not one.
#[derive(Debug)]
struct Pairs(Box<[[u32; 256]; 128]>);

impl Pairs {
    fn of(encoding: &'static Encoding) -> Self {
        let row = |first: u8| {
            let mut row = [0; 256];
            for (second, to) in (0..=u8::MAX).zip(&mut row) {
                let pair = [first, second];
                let (text, is_wrong) = encoding.decode_without_bom_handling(&pair);
                if let ([a, b, rest @ ..], false) = (text.as_bytes(), is_wrong)
                    && rest.len() <= 1
                    && text.chars().count() == 1
                {
                    let c = rest.first().copied().unwrap_or_default();
                    let len = if rest.is_empty() { 2 } else { 3 };
                    *to = u32::from_le_bytes([*a, *b, c, len]);
                }
            }
            row
        };
        let mut rows = Box::new([[0; 256]; 128]);
        for (first, to) in (0x80..=u8::MAX).zip(rows.iter_mut()) {
            *to = row(first);
        }
        Self(rows)
    }

    /// Looks pairs up as far as there is nothing else but ASCII, and says how much was read and written.
    fn look_up(&self, bytes: &[u8], room: &mut [u8]) -> (usize, usize) {
        let (mut read, mut written) = (0, 0);
        while let (Some(rest), Some(to)) = (bytes.get(read..), room.get_mut(written..)) {
            if let (Some(four), Some(to)) = (rest.first_chunk(), to.first_chunk_mut())
                && let Some(len) = self.look_up_four(four, to)
            {
                read += 8;
                written += len;
                continue;
            }
            if let (Some(eight), Some(to)) = (rest.first_chunk::<8>(), to.first_chunk_mut::<8>())
                && eight.is_ascii()
            {
                *to = *eight;
                read += 8;
                written += 8;
                continue;
            }
            let (Some(first), Some(to)) = (rest.first(), to.first_chunk_mut::<4>()) else {
                break;
            };
            if first.is_ascii() {
                to[0] = *first;
                read += 1;
                written += 1;
                continue;
            }
            let known = rest.get(1).map(|second| self.pair(*first, *second));
            let Some(known) = known.filter(|known| *known != 0) else {
                break;
            };
            *to = known.to_le_bytes();
            read += 2;
            written += usize::from(to[3]);
        }
        (read, written)
    }

    fn pair(&self, first: u8, second: u8) -> u32 {
        self.0[usize::from(first & 0x7F)][usize::from(second)]
    }

    /// Looks up four pairs, if that is what there is and each of them becomes three bytes.
    fn look_up_four(&self, bytes: &[u8; 8], to: &mut [u8; 16]) -> Option<usize> {
        let [a, b, c, d, e, f, g, h] = *bytes;
        if a & c & e & g < 0x80 {
            return None;
        }
        let known = [
            self.pair(a, b),
            self.pair(c, d),
            self.pair(e, f),
            self.pair(g, h),
        ];
        let is_of_three = known.map(|known| known >> 24 == 3);
        if is_of_three != [true; 4] {
            return None;
        }
        let [a, b, c, d] = known.map(|known| u128::from(known & 0xFF_FFFF));
        *to = (a | (b << 24) | (c << 48) | (d << 72)).to_le_bytes();
        Some(12)
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, Encoding, GB18030, UTF_16LE};
    use proptest::prelude::*;

    use super::Decoding;

    fn decoded(encoding: &'static Encoding, bytes: &[u8], cut: usize) -> String {
        let mut decoding = Decoding::new(encoding);
        let mut text = Vec::new();
        for piece in bytes.chunks(cut) {
            decoding.read(piece, &mut text);
        }
        decoding.finish(&mut text);
        String::from_utf8(text).expect("a decoder makes UTF-8")
    }

    /// Bytes that are hard: leads and trails of two and of four, digits, what stands for itself.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            0x80..=0xFF_u8,
            0x30..=0x39_u8,
            0x40..=0x7E_u8,
            0xA1..=0xF7_u8,
            Just(b' '),
            Just(0x81_u8),
        ];
        proptest::collection::vec(byte, 0..200)
    }

    proptest! {
        #[test]
        fn pairs_are_decoded_as_the_standard_has_it(bytes in bytes(), cut in 1..40_usize) {
            for encoding in [GB18030, BIG5, UTF_16LE] {
                let (whole, _) = encoding.decode_without_bom_handling(&bytes);
                let whole = whole.strip_prefix('\u{FEFF}').unwrap_or(&whole);
                prop_assert_eq!(decoded(encoding, &bytes, cut), whole);
            }
        }

        #[test]
        fn what_is_written_is_read(text in "(?s).{0,80}", cut in 1..40_usize) {
            let (bytes, _, is_lossy) = GB18030.encode(&text);
            // The edition of 2022 reads some characters of private use as others.
            let (read, _) = GB18030.decode_without_bom_handling(&bytes);
            prop_assume!(!is_lossy && read == text);
            prop_assert_eq!(decoded(GB18030, &bytes, cut), text);
        }
    }
}
