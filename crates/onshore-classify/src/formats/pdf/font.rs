//! What the codes of a font say: by its own table of characters, or by the encoding it names.

use std::collections::HashMap;

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, MACINTOSH, SHIFT_JIS, UTF_16BE, WINDOWS_1252,
};

use crate::formats::pdf::object::{Dictionary, Lexer, Object};

/// How many codes a font tells of.
const CODES_MAX: usize = 1 << 17;

/// How much a code says.
const SAID_MAX_CHARS: usize = 16;

/// A font.
#[derive(Debug, Default)]
pub(super) struct Font {
    codes: Codes,
    /// What the font itself says of its codes, with their lengths.
    told: HashMap<(u8, u32), String>,
    /// Ranges of codes that say one character after the other, in their order.
    ranges: Vec<Range>,
    /// How wide codes are, in thousandths.
    widths: HashMap<u32, f64>,
    width: f64,
    /// Names of single characters that differ.
    differences: HashMap<u32, String>,
}

#[derive(Debug)]
struct Range {
    len: u8,
    first: u32,
    last: u32,
    to: u32,
}

/// How codes are cut and what they say where the font does not say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Codes {
    /// Of a byte, in this encoding.
    #[default]
    Single,
    SingleMac,
    /// Of one or two bytes, in this encoding.
    Encoded(&'static Encoding),
    /// Of two bytes that number shapes and say nothing.
    Shapes,
}

/// A code in a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    /// What it says, if anybody knows.
    pub(super) text: Option<String>,
    /// How wide it is, in thousandths of its size.
    pub(super) width: f64,
    pub(super) is_blank: bool,
}

impl Font {
    /// Reads a font; what it refers to is looked up already.
    pub(super) fn new(
        font: &Dictionary,
        within: Option<&Dictionary>,
        table: Option<&[u8]>,
    ) -> Self {
        let mut read = Self {
            width: 500.0,
            ..Self::default()
        };
        let encoding = font.value("Encoding");
        if font.is("Subtype", "Type0") {
            read.width = 1000.0;
            let name = encoding.and_then(Object::name).unwrap_or_default();
            read.codes = of_name(name).map_or(Codes::Shapes, Codes::Encoded);
            if let Some(within) = within {
                read.wide_widths(within);
            }
        } else {
            let base = match encoding {
                Some(Object::Name(name)) => Some(name.as_slice()),
                Some(Object::Dictionary(encoding)) => {
                    read.differ(encoding);
                    encoding.value("BaseEncoding").and_then(Object::name)
                }
                _ => None,
            };
            if base == Some(b"MacRomanEncoding") {
                read.codes = Codes::SingleMac;
            }
            read.widths(font);
        }
        if let Some(table) = table {
            read.table(table);
        }
        read
    }

    fn widths(&mut self, font: &Dictionary) {
        let first = font
            .value("FirstChar")
            .and_then(Object::count)
            .unwrap_or_default();
        let widths = font
            .value("Widths")
            .and_then(Object::array)
            .unwrap_or_default();
        let numbers = widths.iter().take(256).filter_map(Object::number);
        for (code, width) in (first as u32..).zip(numbers) {
            self.widths.insert(code, width);
        }
    }

    /// Widths where there are many: a code and those of what follows it, or a range and that of all in it.
    fn wide_widths(&mut self, font: &Dictionary) {
        if let Some(width) = font.value("DW").and_then(Object::number) {
            self.width = width;
        }
        let widths = font.value("W").and_then(Object::array).unwrap_or_default();
        let mut rest = widths;
        while let [first, second, later @ ..] = rest {
            let Some(first) = first.count() else { return };
            rest = later;
            let first = first as u32;
            if let Some(array) = second.array() {
                let numbers = array.iter().filter_map(Object::number);
                for (code, width) in (first..).zip(numbers) {
                    self.wide(code, width);
                }
            } else if let (Some(last), [width, later @ ..]) = (second.count(), later) {
                rest = later;
                for code in (first..=last as u32).take(CODES_MAX) {
                    self.wide(code, width.number().unwrap_or(self.width));
                }
            }
        }
    }

    fn wide(&mut self, code: u32, width: f64) {
        if self.widths.len() < CODES_MAX {
            self.widths.insert(code, width);
        }
    }

    fn differ(&mut self, encoding: &Dictionary) {
        let mut code = 0;
        for object in encoding
            .value("Differences")
            .and_then(Object::array)
            .unwrap_or_default()
        {
            match object {
                Object::Number(_) => code = object.count().unwrap_or_default() as u32,
                Object::Name(name) => {
                    if let Some(text) = of_glyph(&String::from_utf8_lossy(name)) {
                        self.differences.insert(code, text);
                    }
                    code += 1;
                }
                _ => {}
            }
        }
    }

    /// Reads the font's own table of characters.
    fn table(&mut self, table: &[u8]) {
        let mut lexer = Lexer::new(table, 0);
        // What stands before an operator.
        let mut operands: Vec<Object> = Vec::new();
        while let Some(object) = lexer.object() {
            if self.told.len() + self.ranges.len() > CODES_MAX {
                break;
            }
            match object {
                Object::Word(word) => {
                    match word.as_slice() {
                        b"endbfchar" => self.characters(&operands),
                        b"endbfrange" => self.read_ranges(&operands),
                        _ => {}
                    }
                    operands.clear();
                }
                object if operands.len() < CODES_MAX => operands.push(object),
                _ => {}
            }
        }
        self.ranges.sort_by_key(|range| (range.len, range.first));
    }

    fn characters(&mut self, operands: &[Object]) {
        for pair in operands.chunks_exact(2) {
            if let [Object::Text(code), Object::Text(text)] = pair {
                self.tell(code, utf16(text));
            }
        }
    }

    fn tell(&mut self, code: &[u8], text: String) {
        if let Some(key) = key(code) {
            self.told.insert(key, text);
        }
    }

    fn read_ranges(&mut self, operands: &[Object]) {
        for range in operands.chunks_exact(3) {
            let [Object::Text(first), Object::Text(last), to] = range else {
                continue;
            };
            let (Some((len, first)), Some((_, last))) = (key(first), key(last)) else {
                continue;
            };
            match to {
                Object::Text(text) => {
                    let text = utf16(text);
                    let mut letters = text.chars();
                    if let (Some(letter), None) = (letters.next(), letters.next()) {
                        let to = u32::from(letter);
                        self.ranges.push(Range {
                            len,
                            first,
                            last,
                            to,
                        });
                    } else {
                        self.told.insert((len, first), text);
                    }
                }
                Object::Array(texts) => {
                    for (code, text) in (first..=last).zip(texts) {
                        if let Some(text) = text.text() {
                            self.told.insert((len, code), utf16(text));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Cuts a text into its codes and says what they are.
    pub(super) fn show(&self, text: &[u8], mut shown: impl FnMut(Shown)) {
        let mut rest = text;
        while let Some((first, _)) = rest.split_first() {
            let len = match self.codes {
                Codes::Single | Codes::SingleMac => 1,
                Codes::Shapes => 2,
                Codes::Encoded(encoding) if encoding == UTF_16BE => 2,
                Codes::Encoded(_) if *first < 0x81 => 1,
                Codes::Encoded(_) => 2,
            };
            let (code, later) = rest.split_at(len.min(rest.len()));
            rest = later;
            let number = code
                .iter()
                .fold(0, |number, byte| number << 8 | u32::from(*byte));
            let text = self.text(code, number);
            shown(Shown {
                is_blank: text.as_deref() == Some(" "),
                text,
                width: self.widths.get(&number).copied().unwrap_or(self.width),
            });
        }
    }

    fn text(&self, code: &[u8], number: u32) -> Option<String> {
        let len = code.len() as u8;
        if let Some(text) = self.told.get(&(len, number)) {
            return Some(text.clone());
        }
        let behind = self
            .ranges
            .partition_point(|range| (range.len, range.first) <= (len, number));
        if let Some(range) = behind.checked_sub(1).and_then(|at| self.ranges.get(at))
            && range.len == len
            && number <= range.last
        {
            let letter = char::from_u32(range.to.checked_add(number - range.first)?)?;
            return Some(letter.to_string());
        }
        if let Some(text) = self.differences.get(&number) {
            return Some(text.clone());
        }
        let encoding = match self.codes {
            Codes::Single => WINDOWS_1252,
            Codes::SingleMac => MACINTOSH,
            Codes::Encoded(encoding) => encoding,
            Codes::Shapes => return None,
        };
        Some(encoding.decode_without_bom_handling(code).0.into_owned())
    }
}

fn key(code: &[u8]) -> Option<(u8, u32)> {
    let len = u8::try_from(code.len()).ok().filter(|len| *len <= 4)?;
    let number = code
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte));
    Some((len, number))
}

fn utf16(text: &[u8]) -> String {
    let text = text
        .get(..text.len().min(SAID_MAX_CHARS * 4))
        .unwrap_or_default();
    let text = UTF_16BE.decode_without_bom_handling(text).0;
    text.chars().take(SAID_MAX_CHARS).collect()
}

/// Returns the encoding that a name of Adobe's says, where codes are characters.
fn of_name(name: &[u8]) -> Option<&'static Encoding> {
    const NAMES: &[(&str, &Encoding)] = &[
        ("UCS2", UTF_16BE),
        ("UTF16", UTF_16BE),
        ("GBK", GB18030),
        ("GB-EUC", GB18030),
        ("B5", BIG5),
        ("RKSJ", SHIFT_JIS),
        ("KSC", EUC_KR),
        ("EUC-", EUC_JP),
    ];
    let name = String::from_utf8_lossy(name);
    let found = NAMES.iter().find(|(part, _)| name.contains(part));
    found.map(|(_, encoding)| *encoding)
}

/// Returns what a glyph is by its name, for those that identifiers are made of.
fn of_glyph(name: &str) -> Option<String> {
    const NAMES: &[(&str, char)] = &[
        ("zero", '0'),
        ("one", '1'),
        ("two", '2'),
        ("three", '3'),
        ("four", '4'),
        ("five", '5'),
        ("six", '6'),
        ("seven", '7'),
        ("eight", '8'),
        ("nine", '9'),
        ("space", ' '),
        ("period", '.'),
        ("comma", ','),
        ("hyphen", '-'),
        ("minus", '-'),
        ("at", '@'),
        ("colon", ':'),
        ("semicolon", ';'),
        ("slash", '/'),
        ("parenleft", '('),
        ("parenright", ')'),
        ("underscore", '_'),
        ("plus", '+'),
        ("numbersign", '#'),
        ("less", '<'),
        ("greater", '>'),
        ("equal", '='),
        ("percent", '%'),
        ("ampersand", '&'),
        ("asterisk", '*'),
        ("quotesingle", '\''),
    ];
    let base = name.split('.').next().unwrap_or(name);
    let mut letters = base.chars();
    if let (Some(letter), None) = (letters.next(), letters.next()) {
        return Some(letter.to_string());
    }
    if let Some((_, letter)) = NAMES.iter().find(|(known, _)| *known == base) {
        return Some(letter.to_string());
    }
    let digits = base
        .strip_prefix("uni")
        .or_else(|| base.strip_prefix('u'))?;
    let digits = digits.get(..4.min(digits.len()))?;
    char::from_u32(u32::from_str_radix(digits, 16).ok()?).map(String::from)
}
