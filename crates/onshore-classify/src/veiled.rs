//! What a text says in another writing than its own: runs of Base64 and of hexadecimal digits, octets in percent signs, references
//! to characters, digits of other scripts and of full width, and signs that nobody sees between others.
//!
//! Runs are unpacked if what they unpack to is text or begins as a format that is known; of the rest the lines that have any of it
//! are read once more as they are meant. What is found so is told without a place.

use memchr::{memchr, memchr2_iter, memrchr};

use crate::findings::Told;
use crate::formats::{is_known, may_be_known};
use crate::passage::{Passage, Wanted};

/// A text within a text within a text is read; what lies deeper is not.
const DEPTH_MAX: usize = 3;
/// Shorter runs are words.
const RUN_MIN: usize = 22;
/// So much of what is packed in runs of one text is held.
const PACKED_MAX_BYTES: usize = 16 << 20;
/// A longer line is read in pieces.
const LINE_MAX: usize = 4096;
/// No escape is longer.
const ESCAPE_MAX: usize = 12;

/// By byte: what it stands for in Base64 of either alphabet.
const SIGNS: [Option<u8>; 256] = {
    let mut signs = [None; 256];
    let mut byte = 0_u8;
    loop {
        signs[byte as usize] = match byte {
            b'A'..=b'Z' => Some(byte - b'A'),
            b'a'..=b'z' => Some(byte - b'a' + 26),
            b'0'..=b'9' => Some(byte - b'0' + 52),
            b'+' | b'-' => Some(62),
            b'/' | b'_' => Some(63),
            _ => None,
        };
        if byte == u8::MAX {
            break signs;
        }
        byte += 1;
    }
};

/// By byte: whether it is one of those.
const IS_SIGN: [bool; 256] = {
    let mut are = [false; 256];
    let mut byte = 0;
    while byte < are.len() {
        are[byte] = SIGNS[byte].is_some();
        byte += 1;
    }
    are
};

/// What was found in another writing.
#[derive(Debug)]
pub(crate) enum Unveiled {
    /// In lines that were read already as they are.
    Meant(Box<Told>),
    /// In texts that stand in runs.
    Encoded(Box<Told>),
    /// Something in a format that is known.
    Packed(Vec<u8>),
    /// There is more of that than is held.
    OverLimit,
}

/// Looks for other writings in a text that is told from beginning to end.
#[derive(Debug)]
pub(crate) struct Veiled {
    /// Within how many others the text stands.
    depth: usize,
    run: Run,
    /// The line that is on its way.
    line: Vec<u8>,
    /// The piece of the line before was read as it is meant.
    goes_on: bool,
    encoded: Option<Box<Passage>>,
    meant: Option<Box<Passage>>,
    packed: Vec<Vec<u8>>,
    packed_bytes: usize,
    is_over: bool,
}

/// A run of signs of Base64.
#[derive(Debug)]
enum Run {
    /// None, or one that is too short yet.
    Begun(Vec<u8>),
    /// One that says nothing.
    Passed,
    Text(Signs),
    Packed(Signs, Vec<u8>),
}

/// Makes bytes of signs.
#[derive(Debug, Clone, Copy)]
struct Signs {
    /// How many bits each is.
    width: u32,
    held: u32,
    bits: u32,
    /// Behind the end of a line.
    is_at_end: bool,
}

impl Signs {
    fn new(width: u32) -> Self {
        Self {
            width,
            held: 0,
            bits: 0,
            is_at_end: false,
        }
    }

    /// Takes a sign.
    fn take(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.is_at_end = false;
        let value = match self.width {
            4 => char::from(byte).to_digit(16),
            _ => SIGNS[usize::from(byte)].map(u32::from),
        };
        let Some(value) = value else { return };
        self.held = (self.held << self.width | value) & 0xFFFF;
        self.bits += self.width;
        if self.bits >= 8 {
            self.bits -= 8;
            out.push((self.held >> self.bits & 0xFF) as u8);
        }
    }

    /// Takes the end of a line; returns whether the run ends with it. Bits that are left and say nothing fill up the last byte, and
    /// what follows begins anew.
    fn end_line(&mut self) -> bool {
        let is_full = self.bits < self.width && self.held & ((1 << self.bits) - 1) == 0;
        if is_full {
            self.bits = 0;
        }
        std::mem::replace(&mut self.is_at_end, true)
    }
}

impl Veiled {
    /// Begins with a text that stands within so many others; none where that is too deep.
    pub(crate) fn new(depth: usize) -> Option<Self> {
        (depth < DEPTH_MAX).then(|| Self {
            depth,
            run: Run::Begun(Vec::new()),
            line: Vec::new(),
            goes_on: false,
            encoded: None,
            meant: None,
            packed: Vec::new(),
            packed_bytes: 0,
            is_over: false,
        })
    }

    /// Reads on.
    pub(crate) fn push(&mut self, text: &[u8], wanted: &Wanted) {
        let mut out = Vec::new();
        self.runs(text, &mut out);
        self.add_encoded(&out, wanted);
        out.clear();
        self.lines(text, &mut out);
        self.add_meant(&out, wanted);
    }

    /// Reads to the end and tells what was found.
    pub(crate) fn finish(mut self, wanted: &Wanted) -> Vec<Unveiled> {
        self.end_run();
        let mut out = Vec::new();
        let line = std::mem::take(&mut self.line);
        self.piece(&line, &mut out);
        self.add_meant(&out, wanted);
        let packed = self.packed.into_iter().map(Unveiled::Packed);
        let told = |passage: Box<Passage>| {
            Box::new(Told {
                encoding: None,
                unread: None,
                ..passage.finish()
            })
        };
        let mut unveiled: Vec<Unveiled> = packed.collect();
        unveiled.extend(self.is_over.then_some(Unveiled::OverLimit));
        unveiled.extend(self.encoded.map(|passage| Unveiled::Encoded(told(passage))));
        unveiled.extend(self.meant.map(|passage| Unveiled::Meant(told(passage))));
        unveiled
    }

    fn add_encoded(&mut self, text: &[u8], wanted: &Wanted) {
        if !text.is_empty() {
            let depth = self.depth + 1;
            self.encoded
                .get_or_insert_with(|| Box::new(Passage::encoded(wanted, depth)))
                .push(text);
        }
    }

    fn add_meant(&mut self, text: &[u8], wanted: &Wanted) {
        if !text.is_empty() {
            let depth = self.depth + 1;
            self.meant
                .get_or_insert_with(|| Box::new(Passage::meant(wanted, depth)))
                .push(text);
        }
    }

    /// Looks for runs, and adds the text that they are.
    fn runs(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            at += match &mut self.run {
                Run::Begun(begun) if begun.is_empty() => match next_run(rest) {
                    Ok(start) => {
                        let first = rest.get(start..start + RUN_MIN).unwrap_or_default();
                        self.begin_run(first, out);
                        start + RUN_MIN
                    }
                    Err(start) => {
                        begun.extend_from_slice(rest.get(start..).unwrap_or_default());
                        rest.len()
                    }
                },
                Run::Begun(begun) => {
                    let len = signs_len(rest).min(RUN_MIN - begun.len());
                    begun.extend_from_slice(rest.get(..len).unwrap_or_default());
                    if begun.len() == RUN_MIN {
                        let first = std::mem::take(begun);
                        self.begin_run(&first, out);
                    } else if len < rest.len() {
                        begun.clear();
                    }
                    len
                }
                Run::Passed => {
                    let len = signs_len(rest);
                    if len < rest.len() {
                        self.run = Run::Begun(Vec::new());
                    }
                    len
                }
                Run::Text(_) | Run::Packed(..) => self.go_on(rest, out),
            };
        }
    }

    /// Decides by its first signs what a run is.
    fn begin_run(&mut self, first: &[u8], out: &mut Vec<u8>) {
        let digits = first.strip_prefix(b"0x").unwrap_or(first);
        let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
        let hex = is_hex.then_some((Signs::new(4), digits));
        for (mut signs, digits) in hex.into_iter().chain([(Signs::new(6), first)]) {
            let mut bytes = Vec::new();
            digits.iter().for_each(|byte| signs.take(*byte, &mut bytes));
            if is_text(&bytes) {
                out.extend_from_slice(&bytes);
                self.run = Run::Text(signs);
                return;
            }
            if may_be_known(&bytes) {
                self.run = Run::Packed(signs, bytes);
                return;
            }
        }
        self.run = Run::Passed;
    }

    /// Goes on with a run that says something, and returns how far.
    fn go_on(&mut self, text: &[u8], out: &mut Vec<u8>) -> usize {
        let (signs, bytes) = match &mut self.run {
            Run::Text(signs) => (signs, &mut *out),
            Run::Packed(signs, bytes) => (signs, bytes),
            Run::Begun(_) | Run::Passed => return 0,
        };
        let begun = bytes.len();
        let mut end = None;
        for (at, byte) in text.iter().enumerate() {
            if SIGNS[usize::from(*byte)].is_some() {
                signs.take(*byte, bytes);
            } else if *byte != b'\r' && (*byte != b'\n' || signs.end_line()) {
                end = Some(at);
                break;
            }
        }
        match &self.run {
            Run::Text(_) => {
                let unseen = out.get_mut(begun..).unwrap_or_default();
                // What no text has would pass for something that is none.
                let controls = unseen
                    .iter_mut()
                    .filter(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace());
                controls.for_each(|byte| *byte = b' ');
                if end.is_some() {
                    // An empty line ends a run that may stand at the end of this one.
                    out.extend_from_slice(b"\n\n");
                }
            }
            Run::Packed(_, bytes) if self.packed_bytes + bytes.len() > PACKED_MAX_BYTES => {
                self.is_over = true;
                self.run = Run::Passed;
                return end.unwrap_or(text.len());
            }
            Run::Packed(..) | Run::Begun(_) | Run::Passed => {}
        }
        if end.is_some() {
            self.end_run();
        }
        end.unwrap_or(text.len())
    }

    fn end_run(&mut self) {
        let run = std::mem::replace(&mut self.run, Run::Begun(Vec::new()));
        if let Run::Packed(_, bytes) = run
            && is_known(&bytes)
        {
            self.packed_bytes += bytes.len();
            self.packed.push(bytes);
        }
    }

    /// Looks for lines that mean something else than they are, and adds what they mean.
    fn lines(&mut self, text: &[u8], out: &mut Vec<u8>) {
        let mut rest = text;
        if !self.line.is_empty() {
            let end = memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
            let (now, later) = rest.split_at(end);
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(now);
            self.line(line, out);
            rest = later;
        }
        let whole = memrchr(b'\n', rest).map_or(0, |end| end + 1);
        let (lines, begun) = rest.split_at(whole);
        if self.goes_on || is_veiled(lines) {
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                let left = self.pieces(line, out);
                self.piece(line.get(left..).unwrap_or_default(), out);
            }
        }
        if !begun.is_empty() {
            self.line(begun.to_vec(), out);
        }
    }

    /// Reads a line as far as it is there.
    fn line(&mut self, mut line: Vec<u8>, out: &mut Vec<u8>) {
        let left = self.pieces(&line, out);
        if line.ends_with(b"\n") {
            self.piece(line.get(left..).unwrap_or_default(), out);
        } else {
            line.drain(..left);
            self.line = line;
        }
    }

    /// Reads the pieces of a long line but for the last, and returns where that begins. None ends within an escape.
    fn pieces(&mut self, line: &[u8], out: &mut Vec<u8>) -> usize {
        let mut from = 0;
        while let Some(piece) = line
            .get(from..)
            .filter(|rest| rest.len() > LINE_MAX)
            .and_then(|rest| rest.get(..LINE_MAX))
        {
            let last = piece.get(LINE_MAX - ESCAPE_MAX..).unwrap_or_default();
            let begins = |byte: &u8| matches!(byte, b'%' | b'&' | 0xC0..);
            let len = last
                .iter()
                .position(begins)
                .map_or(LINE_MAX, |at| LINE_MAX - ESCAPE_MAX + at);
            self.piece(piece.get(..len).unwrap_or_default(), out);
            from += len;
        }
        from
    }

    /// Reads a piece of a line.
    fn piece(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let is_veiled = is_veiled(piece);
        if is_veiled {
            unveil(piece, out);
        } else if self.goes_on {
            out.push(b'\n');
        }
        self.goes_on = is_veiled && !piece.ends_with(b"\n");
    }
}

/// Returns where the first run in a text begins that is long enough; where there is none, where one may begin that goes on behind.
fn next_run(text: &[u8]) -> Result<usize, usize> {
    let is_other = |byte: &u8| !IS_SIGN[usize::from(*byte)];
    let mut from = 0;
    while let Some(signs) = text.get(from..).and_then(<[u8]>::first_chunk::<RUN_MIN>) {
        match signs.iter().rposition(is_other) {
            Some(other) => from += other + 1,
            None => return Ok(from),
        }
    }
    let rest = text.get(from..).unwrap_or_default();
    Err(from + rest.iter().rposition(is_other).map_or(0, |other| other + 1))
}

/// Returns how many signs of Base64 a text begins with.
fn signs_len(text: &[u8]) -> usize {
    let is_other = |byte: &u8| !IS_SIGN[usize::from(*byte)];
    text.iter().position(is_other).unwrap_or(text.len())
}

/// Whether bytes are the beginning of a text.
fn is_text(bytes: &[u8]) -> bool {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            str::from_utf8(valid).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_control = |sign: char| sign.is_control() && !sign.is_ascii_whitespace();
    !text.is_empty() && !text.contains(is_control)
}

/// Whether something in a text means something else than it is. Most text is passed over by searches that compare many bytes at once.
fn is_veiled(text: &[u8]) -> bool {
    let mut escapes = memchr2_iter(b'%', b'&', text);
    let is_escape = |at: usize| match text.get(at..).unwrap_or_default() {
        [b'%', high, low, ..] => high.is_ascii_hexdigit() && low.is_ascii_hexdigit(),
        [b'&', b'#', ..] => true,
        _ => false,
    };
    escapes.any(is_escape) || (!text.is_ascii() && has_veiling_letter(text))
}

/// Whether there is a character that means another, or that nobody sees.
fn has_veiling_letter(text: &[u8]) -> bool {
    /// What is compared at once.
    const BLOCK_BYTES: usize = 64;
    let mut blocks = text;
    while let Some((block, behind)) = blocks.split_first_chunk::<BLOCK_BYTES>() {
        // One may begin here and end in the next.
        let ahead = blocks.get(..BLOCK_BYTES + 2).unwrap_or(blocks);
        if !block.is_ascii() && veils(ahead) {
            return true;
        }
        blocks = behind;
    }
    veils(blocks)
}

/// The same of few bytes.
fn veils(text: &[u8]) -> bool {
    let mut any = 0;
    let within = |byte: u8, from: u8, len: u8| u8::from(byte.wrapping_sub(from) < len);
    let is = |byte: u8, other: u8| u8::from(byte == other);
    let second = text.get(1..).unwrap_or_default();
    let third = text.get(2..).unwrap_or_default().iter().chain(&[0]);
    for ((a, b), c) in text.iter().zip(second).zip(third) {
        let (a, b, c) = (*a, *b, *c);
        // Signs that nobody sees.
        any |= is(a, 0xC2) & is(b, 0xAD)
            | is(a, 0xE2) & is(b, 0x80) & (within(c, 0x8B, 5) | within(c, 0xAA, 5))
            | is(a, 0xE2) & is(b, 0x81) & within(c, 0xA0, 16)
            | is(a, 0xEF) & is(b, 0xB8) & within(c, 0x80, 16)
            | is(a, 0xEF) & is(b, 0xBB) & is(c, 0xBF)
            // Digits and letters of full width.
            | is(a, 0xEF) & is(b, 0xBC) & (within(c, 0x90, 10) | within(c, 0xA1, 26))
            | is(a, 0xEF) & is(b, 0xBD) & within(c, 0x81, 26)
            // Digits of other scripts.
            | is(a, 0xD9) & within(b, 0xA0, 10)
            | is(a, 0xDB) & within(b, 0xB0, 10)
            | is(a, 0xE0) & within(b, 0xA5, 17) & within(c, 0xA6, 10)
            | is(a, 0xE0) & (is(b, 0xB9) | is(b, 0xBB)) & within(c, 0x90, 10)
            | is(a, 0xE0) & is(b, 0xBC) & within(c, 0xA0, 10)
            | is(a, 0xE1) & is(b, 0x81) & within(c, 0x80, 10)
            | is(a, 0xE1) & is(b, 0x9F) & within(c, 0xA0, 10)
            | is(a, 0xE1) & is(b, 0xA0) & within(c, 0x90, 10)
            | is(a, 0xF0) & is(b, 0x9D) & is(c, 0x9F);
    }
    any != 0
}

/// Adds what some text means.
fn unveil(mut text: &[u8], out: &mut Vec<u8>) {
    while let Some((first, later)) = text.split_first() {
        let len = match first {
            b'%' => octet(later).map(|octet| (3, out.push(octet))),
            b'&' => reference(text).map(|(letter, len)| {
                let mut room = [0; 4];
                (
                    len,
                    out.extend_from_slice(letter.encode_utf8(&mut room).as_bytes()),
                )
            }),
            0xC2.. => letter(text).and_then(|(letter, len)| {
                let plain = plain(letter)?;
                Some((len, out.extend(plain)))
            }),
            _ => None,
        };
        let len = match len {
            Some((len, ())) => len,
            None => {
                out.push(*first);
                1
            }
        };
        text = text.get(len..).unwrap_or_default();
    }
}

/// Returns the byte that two hexadecimal digits are.
fn octet(text: &[u8]) -> Option<u8> {
    let [high, low] = *text.first_chunk::<2>()?;
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

/// Returns the character that a reference by its number is to, and how long the reference is.
fn reference(text: &[u8]) -> Option<(char, usize)> {
    let number = text.strip_prefix(b"&#")?;
    let (radix, before) = match number.first()? {
        b'x' | b'X' => (16, 3),
        _ => (10, 2),
    };
    let digits = text.get(before..ESCAPE_MAX.min(text.len()))?;
    let len = digits
        .iter()
        .take_while(|byte| char::from(**byte).is_digit(radix))
        .count();
    let number = str::from_utf8(digits.get(..len)?).ok()?;
    let letter = char::from_u32(u32::from_str_radix(number, radix).ok()?)?;
    let closed = usize::from(digits.get(len) == Some(&b';'));
    // What parts lines is no part of one.
    let letter = if letter.is_control() { ' ' } else { letter };
    Some((letter, before + len + closed))
}

/// Returns the character that a text begins with, and how long it is.
fn letter(text: &[u8]) -> Option<(char, usize)> {
    let some = text.get(..text.len().min(4))?;
    let letter = match str::from_utf8(some) {
        Ok(some) => some.chars().next(),
        Err(error) => {
            let valid = some.get(..error.valid_up_to())?;
            str::from_utf8(valid).ok()?.chars().next()
        }
    }?;
    Some((letter, letter.len_utf8()))
}

/// Returns what a character means: nothing where nobody sees it. None where it means itself.
fn plain(letter: char) -> Option<Option<u8>> {
    /// Where the digits of a script begin.
    const ZEROES: [u32; 19] = [
        0x0660, 0x06F0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
        0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0xFF10, 0x0DE6,
    ];
    let code = u32::from(letter);
    let byte = |base: u8, offset: u32| u8::try_from(offset).ok().map(|offset| base + offset);
    match letter {
        '\u{AD}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' => return Some(None),
        'Ａ'..='Ｚ' => return Some(byte(b'A', code - u32::from('Ａ'))),
        'ａ'..='ｚ' => return Some(byte(b'a', code - u32::from('ａ'))),
        '\u{1D7CE}'..='\u{1D7FF}' => return Some(byte(b'0', (code - 0x1D7CE) % 10)),
        _ => {}
    }
    let zero = ZEROES
        .iter()
        .find(|zero| (**zero..**zero + 10).contains(&code))?;
    Some(byte(b'0', code - zero))
}

#[cfg(test)]
mod tests {
    use super::{is_veiled, unveil};

    #[test]
    fn what_is_meant_is_read() {
        for (text, meant) in [
            ("%31%33&#57;&#x31;&#50", "13912"),
            ("１３9ＡＢｃ", "139ABc"),
            ("1\u{200B}3\u{AD}9\u{FEFF}", "139"),
            ("١٣٩ ۱۳۹ १३ ๑ ༡ 𝟏", "139 139 13 1 1 1"),
            ("%3 %zz &# &#; &#x; 张，“三”", "%3 %zz &# &#; &#x; 张，“三”"),
        ] {
            let mut out = Vec::new();
            unveil(text.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), meant);
            for before in ["", "x", &"x".repeat(63), &"张".repeat(42)] {
                let before = format!("{before}{text}");
                assert_eq!(
                    is_veiled(before.as_bytes()),
                    text != meant || text.contains("&#"),
                    "{before}"
                );
            }
        }
        assert!(!is_veiled("100 % & “张三”，x&y %d€".as_bytes()));
    }
}
