//! In which characters a text is written, and turning it into UTF-8.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{BIG5, Encoding, GBK, UTF_8, UTF_16BE, UTF_16LE};

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
    let valid = Encoding::utf8_valid_up_to(bytes);
    let (known, rest) = bytes.split_at(valid);
    let is_utf8 = match str::from_utf8(rest) {
        // A character may be cut at the end of what is there, and at the end of a text that others of its kind are in.
        Err(error) => {
            error.valid_up_to() == 0
                && error.error_len().is_none()
                && (!is_all || !known.is_ascii())
        }
        Ok(_) => true,
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
    if let Some(encoding) = of_chinese(bytes) {
        return Beginning::Text(encoding);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    let some = bytes
        .get(..GUESSED_BYTES.min(bytes.len()))
        .unwrap_or_default();
    detector.feed(some, is_all && some.len() == bytes.len());
    Beginning::Text(detector.guess(None, Utf8Detection::Deny))
}

/// Tells the two encodings of Chinese in pairs of bytes where they are plain to see, which takes a hundredth of what guessing among
/// all encodings takes. Each is told by what no other has: where the first bytes of common characters lie, and whether second
/// bytes are letters of ASCII.
fn of_chinese(bytes: &[u8]) -> Option<&'static Encoding> {
    /// So many characters tell.
    const ENOUGH: usize = 32;
    let some = bytes.get(..GUESSED_BYTES.min(bytes.len()))?;
    // How many first bytes there are in each row of sixteen, and how many second bytes are letters of ASCII or near them.
    let (mut rows, mut low, mut pairs) = ([0_usize; 16], 0_usize, 0_usize);
    let (mut early, mut late) = (0_usize, 0_usize);
    let mut rest = some;
    while let [first, behind @ ..] = rest {
        if first.is_ascii() {
            rest = behind;
            continue;
        }
        let Some((second, behind)) = behind.split_first() else {
            break;
        };
        if !matches!(first, 0x81..=0xFE) || !matches!(second, 0x40..=0x7E | 0x80..=0xFE) {
            return None;
        }
        pairs += 1;
        rows[usize::from(first >> 4)] += 1;
        low += usize::from(*second < 0xA1);
        // Of the frequent characters of GB 2312 a third has its first byte where Korean has next to nothing, and two
        // fifths have it where no alphabet has letters.
        late += usize::from(matches!(first, 0xCA..=0xD7));
        early += usize::from(matches!(first, 0xA2 | 0xA4..=0xAF));
        rest = behind;
    }
    let share = |count: usize, percent: usize| count * 100 >= pairs * percent;
    let is_simplified = pairs >= ENOUGH
        && !share(low, 3)
        && !share(early, 3)
        && share(rows[0xB], 15)
        && share(late, 12)
        && share(rows[0xB] + rows[0xC] + rows[0xD], 70);
    // Of Big5's second bytes two fifths are below, and its frequent characters begin from A4 to C6.
    let is_traditional = pairs >= ENOUGH
        && share(low, 20)
        && !share(low, 70)
        && share(rows[0xA] + rows[0xB] + rows[0xC], 97)
        && share(rows[0xA], 20)
        && share(rows[0xB], 15);
    match (is_simplified, is_traditional) {
        (true, _) => Some(GBK),
        (false, true) => Some(BIG5),
        (false, false) => None,
    }
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
    use encoding_rs::{
        BIG5, EUC_JP, EUC_KR, GB18030, GBK, KOI8_R, SHIFT_JIS, UTF_8, UTF_16LE, WINDOWS_874,
        WINDOWS_1251, WINDOWS_1252, WINDOWS_1253, WINDOWS_1256,
    };

    use super::{Beginning, detect, of_chinese};

    const POEM: &str = "床前明月光，疑是地上霜。举头望明月，低头思故乡。春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。";
    const OTHER: &str = "床前明月光，疑是地上霜。舉頭望明月，低頭思故鄉。春眠不覺曉，處處聞啼鳥。夜來風雨聲，花落知多少。";

    #[test]
    fn only_chinese_is_told_without_a_guess() {
        for poem in [
            POEM,
            "身份证号码和手机号码已登记，请核对后于三个工作日内回复本公司客户服务中心。姓名王小明，住址北京市朝阳区建国路。",
        ] {
            let (simple, _, _) = GBK.encode(poem);
            assert_eq!(of_chinese(&simple), Some(GBK));
        }
        for poem in [
            OTHER,
            "請於三個工作日內回覆本公司客戶服務中心，並核對身分證字號與行動電話號碼。姓名陳大文，住址臺北市信義區。",
        ] {
            let (traditional, _, _) = BIG5.encode(poem);
            assert_eq!(of_chinese(&traditional), Some(BIG5));
        }
        for (encoding, text) in [
            (
                EUC_KR,
                "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. 인간은 천부적으로 이성과 양심을 부여받았으며 서로 형제애의 정신으로 행동하여야 한다.",
            ),
            (
                EUC_JP,
                "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
            ),
            (
                SHIFT_JIS,
                "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
            ),
            (
                WINDOWS_1251,
                "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.",
            ),
            (
                KOI8_R,
                "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны поступать в отношении друг друга в духе братства.",
            ),
            (
                WINDOWS_1253,
                "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. Είναι προικισμένοι με λογική και συνείδηση, και οφείλουν να συμπεριφέρονται μεταξύ τους με πνεύμα αδελφοσύνης.",
            ),
            (
                WINDOWS_874,
                "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ต่างมีเหตุผลและมโนธรรม และควรปฏิบัติต่อกันด้วยเจตนารมณ์แห่งภราดรภาพ",
            ),
            (
                WINDOWS_1256,
                "يولد جميع الناس أحرارا متساوين في الكرامة والحقوق. وقد وهبوا عقلا وضميرا وعليهم أن يعامل بعضهم بعضا بروح الإخاء.",
            ),
            (
                WINDOWS_1252,
                "Größe, Übergröße, Öl, süße Äpfel; élève, à côté, où, ça, naïve; señor, años, mañana, corazón, ¿qué?, también, está, más, después, según, través, así, aquí, él, mí, tú, sólo",
            ),
        ] {
            let (bytes, _, is_lossy) = encoding.encode(text);
            assert!(!is_lossy, "{}", encoding.name());
            assert_eq!(of_chinese(&bytes), None, "{}", encoding.name());
        }
    }

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
        assert_eq!(detect(cut, true), Beginning::Text(UTF_8));
        // What is no UTF-8 but for ASCII may end with a letter of another encoding.
        assert_ne!(detect(b"caf\xE9", true), Beginning::Text(UTF_8));
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
