//! JSON, and JSON in lines: names are titles, and objects of an array or of lines are records.

use super::Sheet;
use super::paths::{NAME_MAX, Path, Paths, ROOT};
use crate::records::NO_COLUMN;

/// What lies deeper is not told apart.
const DEPTH_MAX: usize = 128;
/// After so many signs that cannot stand where they do, it is text.
const WRONG_MAX: usize = 64;
/// A surrogate pair.
const ESCAPE_MAX: usize = 12;

/// Reads JSON.
#[derive(Debug)]
pub(crate) struct Json {
    levels: Vec<Level>,
    /// Levels that are not told apart.
    too_deep: usize,
    /// The level that is a record, counted from one.
    record_at: Option<usize>,
    state: State,
    /// Each object on the top is a record.
    is_lines: bool,
    paths: Paths,
    /// How much was read.
    read: u64,
    wrong: usize,
    escape: Vec<u8>,
    /// The name that is on its way.
    name: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Level {
    is_object: bool,
    /// Under which name it stands.
    path: Path,
    /// The name within it that came last.
    last: Option<Path>,
    /// A name comes next.
    is_name_next: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between what there is.
    Between,
    /// In a number or a word.
    Bare,
    Text,
    Name,
    /// It is no JSON.
    Lost,
}

impl Json {
    pub(super) fn sniff(text: &[u8]) -> Option<Self> {
        let (first, rest) = text.split_first()?;
        let rest = rest.trim_ascii_start();
        let is_json = match (first, rest.first()?) {
            (b'{', b'}') | (b'[', b'{' | b'[' | b'"' | b']') => true,
            (b'{', b'"') => {
                let mut parts = rest.splitn(3, |byte| *byte == b'"').skip(2);
                parts
                    .next()
                    .is_some_and(|behind| behind.trim_ascii_start().starts_with(b":"))
            }
            _ => false,
        };
        let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let is_lines = lines.next().is_some_and(|line| line.ends_with(b"}"))
            && lines
                .find(|line| !line.is_empty())
                .is_some_and(|line| line.starts_with(b"{"));
        is_json.then(|| Self {
            levels: Vec::new(),
            too_deep: 0,
            record_at: None,
            state: State::Between,
            is_lines,
            paths: Paths::new(),
            read: 0,
            wrong: 0,
            escape: Vec::new(),
            name: Vec::new(),
        })
    }

    pub(super) fn read(&mut self, bytes: &[u8], sheet: &mut Sheet) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            if !self.escape.is_empty() {
                at += self.go_on_with_escape(rest, self.read + at as u64, sheet);
                continue;
            }
            at += match self.state {
                State::Between | State::Bare => self.between(rest, sheet),
                State::Text | State::Name => self.text(rest, sheet),
                State::Lost => {
                    sheet.lines(rest);
                    rest.len()
                }
            };
        }
        self.read += bytes.len() as u64;
    }

    pub(super) fn finish(&mut self, sheet: &mut Sheet) {
        let escape = std::mem::take(&mut self.escape);
        sheet.text.extend_from_slice(&escape);
    }

    /// Reads between texts, and returns how far.
    fn between(&mut self, bytes: &[u8], sheet: &mut Sheet) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' if self.state == State::Between => continue,
                b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                    if self.state == State::Between {
                        self.state = State::Bare;
                        sheet.begin(at, self.column());
                    }
                    continue;
                }
                _ => self.state = State::Between,
            }
            match byte {
                b'"' => {
                    sheet
                        .text
                        .extend_from_slice(bytes.get(..=at).unwrap_or_default());
                    self.quote(sheet);
                    return at + 1;
                }
                b'{' | b'[' => self.open(*byte == b'{', sheet),
                b'}' | b']' => self.close(sheet),
                b',' => {
                    if let Some(level) = self.levels.last_mut() {
                        level.is_name_next = level.is_object;
                    }
                }
                b':' | b' ' | b'\n' | b'\r' | b'\t' => {}
                _ => {
                    self.wrong += 1;
                    if self.wrong >= WRONG_MAX {
                        self.state = State::Lost;
                        sheet
                            .text
                            .extend_from_slice(bytes.get(..at).unwrap_or_default());
                        sheet.begin(0, NO_COLUMN);
                        return at;
                    }
                }
            }
        }
        sheet.text.extend_from_slice(bytes);
        bytes.len()
    }

    /// Begins a text.
    fn quote(&mut self, sheet: &mut Sheet) {
        match self.levels.last_mut() {
            Some(level) if level.is_name_next && self.too_deep == 0 => {
                level.is_name_next = false;
                self.state = State::Name;
                self.name.clear();
                sheet.begin(0, NO_COLUMN);
            }
            _ => {
                self.state = State::Text;
                sheet.begin(0, self.column());
            }
        }
    }

    /// Reads on in a text, and returns how far.
    fn text(&mut self, bytes: &[u8], sheet: &mut Sheet) -> usize {
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | b'\n');
        let len = bytes.iter().position(ends);
        let now = bytes.get(..len.unwrap_or(bytes.len())).unwrap_or_default();
        sheet.text.extend_from_slice(now);
        if self.state == State::Name && self.name.len() < NAME_MAX {
            self.name.extend_from_slice(now);
        }
        let Some(len) = len else {
            return bytes.len();
        };
        match bytes.get(len) {
            Some(b'\\') => self.escape.push(b'\\'),
            Some(byte) => {
                // A text does not go over a line: one that nothing closes ends there.
                if self.state == State::Name {
                    self.name(sheet);
                } else {
                    sheet.end(0);
                }
                sheet.text.push(*byte);
                self.state = State::Between;
            }
            None => {}
        }
        len + 1
    }

    /// Takes a name for what comes next.
    fn name(&mut self, sheet: &mut Sheet) {
        if let Some(level) = self.levels.last_mut() {
            let path = self.paths.within(level.path, level.last, &self.name, sheet);
            level.last = Some(path);
        }
    }

    /// Goes on with an escape, and returns how far.
    fn go_on_with_escape(&mut self, bytes: &[u8], read: u64, sheet: &mut Sheet) -> usize {
        let mut taken = 0;
        for byte in bytes {
            self.escape.push(*byte);
            taken += 1;
            match unescape(&self.escape) {
                Escape::GoesOn => {}
                Escape::Is(letter) => {
                    let mut room = [0; 4];
                    // What parts lines and values is no part of one.
                    let letter = if letter.is_control() { ' ' } else { letter };
                    let letter = letter.encode_utf8(&mut room).as_bytes();
                    sheet.unescaped(letter, read + taken as u64);
                    if self.state == State::Name {
                        self.name.extend_from_slice(letter);
                    }
                    self.escape.clear();
                    return taken;
                }
                Escape::IsNone => {
                    // The last may be what ends the text.
                    self.escape.pop();
                    let escape = std::mem::take(&mut self.escape);
                    sheet.text.extend_from_slice(&escape);
                    return taken - 1;
                }
            }
        }
        taken
    }

    fn open(&mut self, is_object: bool, sheet: &mut Sheet) {
        if self.levels.len() >= DEPTH_MAX {
            self.too_deep += 1;
            return;
        }
        let above = self.levels.last().copied();
        let is_in_array = above.is_some_and(|above| !above.is_object);
        if (is_object || is_in_array) && self.record_at.is_none() {
            sheet.records.next();
            if is_in_array || (above.is_none() && self.is_lines) {
                self.record_at = Some(self.levels.len());
            }
        }
        self.levels.push(Level {
            is_object,
            path: above.map_or(ROOT, path_of),
            last: None,
            is_name_next: is_object,
        });
    }

    fn close(&mut self, sheet: &mut Sheet) {
        if self.too_deep > 0 {
            self.too_deep -= 1;
            return;
        }
        self.levels.pop();
        if self.record_at == Some(self.levels.len()) {
            self.record_at = None;
            sheet.records.next();
        }
    }

    fn column(&self) -> usize {
        match self.levels.last() {
            Some(level) if self.too_deep == 0 => self.paths.column(path_of(*level)),
            _ => NO_COLUMN,
        }
    }
}

/// Returns the name under which values of a level stand.
fn path_of(level: Level) -> Path {
    level.last.filter(|_| level.is_object).unwrap_or(level.path)
}

/// What some bytes of an escape are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    GoesOn,
    Is(char),
    IsNone,
}

fn unescape(escape: &[u8]) -> Escape {
    let code = |from: usize| {
        let digits = escape.get(from..from + 4)?;
        let digits = str::from_utf8(digits).ok()?;
        u16::from_str_radix(digits, 16).ok()
    };
    let is_hex = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_hexdigit);
    match escape {
        [b'\\'] | [b'\\', b'u'] => Escape::GoesOn,
        [b'\\', b'u', digits @ ..] if digits.len() < 4 && is_hex(digits) => Escape::GoesOn,
        [b'\\', b'u', _, _, _, _] => {
            match code(2).map(|first| (first, char::from_u32(first.into()))) {
                Some((_, Some(letter))) => Escape::Is(letter),
                Some((0xD800..=0xDBFF, None)) => Escape::GoesOn,
                _ => Escape::IsNone,
            }
        }
        [b'\\', b'u', _, _, _, _, rest @ ..] => match rest {
            [b'\\'] | [b'\\', b'u'] => Escape::GoesOn,
            [b'\\', b'u', digits @ ..] if digits.len() < 4 && is_hex(digits) => Escape::GoesOn,
            [b'\\', b'u', _, _, _, _] if escape.len() == ESCAPE_MAX => {
                let pair = [code(2).unwrap_or_default(), code(8).unwrap_or_default()];
                match char::decode_utf16(pair).next() {
                    Some(Ok(letter)) => Escape::Is(letter),
                    _ => Escape::IsNone,
                }
            }
            _ => Escape::IsNone,
        },
        [b'\\', letter] => match letter {
            b'n' | b'r' | b't' | b'b' | b'f' => Escape::Is(' '),
            b'"' | b'\\' | b'/' => Escape::Is(char::from(*letter)),
            _ => Escape::IsNone,
        },
        _ => Escape::IsNone,
    }
}
