//! In which characters a text is written, and turning it into UTF-8.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// From how much the encoding is guessed.
const GUESSED_BYTES: usize = 1 << 14;

/// What the beginning of some bytes says of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    /// Text in this encoding.
    Text(&'static Encoding),
    /// No text.
    Binary,
}

/// Looks at the beginning of some bytes; `is_all` where there are no more.
pub(crate) fn detect(bytes: &[u8], is_all: bool) -> Beginning {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let text = bytes.get(mark..).unwrap_or_default();
        // The mark of UTF-32 begins as that of UTF-16; no browser reads it.
        let is_wider = encoding == UTF_16LE && text.starts_with(&[0, 0]);
        return if encoding != UTF_8 && (is_wider || is_plain(text)) {
            Beginning::Binary
        } else {
            Beginning::Text(encoding)
        };
    }
    if bytes.contains(&0) {
        return match of_pairs(bytes) {
            Some(encoding) => Beginning::Text(encoding),
            None => Beginning::Binary,
        };
    }
    let is_utf8 = match str::from_utf8(bytes) {
        Ok(_) => true,
        // A character may be cut at the end of what is there.
        Err(error) => error.error_len().is_none() && !is_all,
    };
    if is_utf8 {
        return Beginning::Text(UTF_8);
    }
    let controls = bytes
        .iter()
        .filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace() && **byte != 0x1B)
        .count();
    if controls * 50 > bytes.len() {
        return Beginning::Binary;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let some = bytes
        .get(..GUESSED_BYTES.min(bytes.len()))
        .unwrap_or_default();
    detector.feed(some, is_all && some.len() == bytes.len());
    Beginning::Text(detector.guess(None, Utf8Detection::Deny))
}

/// Whether most bytes are letters of ASCII: two of them are no character of UTF-16 that a text is made of.
fn is_plain(bytes: &[u8]) -> bool {
    let some = bytes
        .get(..GUESSED_BYTES.min(bytes.len()))
        .unwrap_or_default();
    let plain = some
        .iter()
        .filter(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
        .count();
    plain * 10 > some.len() * 8
}

/// UTF-16 without a mark: text of any kind has characters below 256, whose other byte is zero.
fn of_pairs(bytes: &[u8]) -> Option<&'static Encoding> {
    let zeroes = |odd: usize| {
        bytes
            .iter()
            .skip(odd)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd) = (zeroes(0), zeroes(1));
    let pairs = bytes.len() / 2;
    if odd * 10 > pairs && even * 50 < pairs {
        Some(UTF_16LE)
    } else if even * 10 > pairs && odd * 50 < pairs {
        Some(UTF_16BE)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, GB18030, GBK, UTF_8, UTF_16LE};

    use super::{Beginning, detect};

    const POEM: &str = "床前明月光，疑是地上霜。举头望明月，低头思故乡。春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。";
    const OTHER: &str = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。";

    #[test]
    fn encodings_are_told_apart() {
        let (simple, _, _) = GB18030.encode(POEM);
        let found = detect(&simple, true);
        assert!(
            found == Beginning::Text(GBK) || found == Beginning::Text(GB18030),
            "{found:?}"
        );
        let (traditional, _, _) = BIG5.encode(OTHER);
        assert_eq!(detect(&traditional, true), Beginning::Text(BIG5));
        assert_eq!(detect(POEM.as_bytes(), true), Beginning::Text(UTF_8));
        let cut = POEM.as_bytes().get(..100).expect("long enough");
        assert_eq!(detect(cut, false), Beginning::Text(UTF_8));
        let wide: Vec<u8> = "plain words, 号码 12"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(detect(&wide, true), Beginning::Text(UTF_16LE));
        assert_eq!(
            detect(&[0, 0, 0, 1, 2, 3, 0, 200, 0, 0, 9], true),
            Beginning::Binary
        );
        assert_eq!(detect(&[], true), Beginning::Text(UTF_8));
    }
}
