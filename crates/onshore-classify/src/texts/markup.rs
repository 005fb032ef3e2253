//! XML and HTML: names of elements and attributes are titles, elements that come again are records, and so are the rows of a
//! table, whose header says what its columns are.

use super::Sheet;
use super::paths::{NAME_MAX, Path, Paths, ROOT};
use crate::records::NO_COLUMN;

/// What lies deeper is not told apart.
const DEPTH_MAX: usize = 128;
/// How far up an element may be that is closed.
const UP_MAX: usize = 16;
/// No reference to a character is longer.
const REFERENCE_MAX: usize = 12;
/// A longer value of an attribute is none.
const VALUE_MAX: usize = 1 << 16;

/// Reads markup.
#[derive(Debug)]
pub(crate) struct Markup {
    is_html: bool,
    state: State,
    levels: Vec<Level>,
    paths: Paths,
    /// The name of an element or attribute that is on its way.
    name: Vec<u8>,
    /// The element whose tag is on its way, and the attribute before.
    element: Path,
    attribute: Option<Path>,
    /// How long the value of an attribute is by now.
    value_len: usize,
    reference: Vec<u8>,
    /// What a reference interrupted.
    interrupted: State,
    table: Headed,
    read: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Text,
    /// At the name of a tag.
    Tag,
    /// Between attributes.
    Within,
    /// At the name of an attribute.
    Attribute,
    /// Behind it.
    Equals,
    Value(u8),
    Comment,
    Plain,
    /// A declaration, up to its end.
    Other,
    Reference,
}

#[derive(Debug, Clone)]
struct Level {
    name: Vec<u8>,
    path: Path,
    has_children: bool,
    /// The element within it that came last, and the last of those that had others within them.
    last: Option<Path>,
    last_closed: Option<Path>,
}

/// The table of a page that is on its way.
#[derive(Debug, Default)]
struct Headed {
    columns: Vec<usize>,
    place: usize,
    /// Where the title begins that is on its way; nowhere yet within its tag.
    title: Option<usize>,
}

impl Markup {
    pub(super) fn sniff(text: &[u8]) -> Option<Self> {
        const HTML: &[&str] = &["<html", "<!doctype html", "<table", "<body", "<div", "<p>"];
        let rest = text.strip_prefix(b"<")?;
        let name = rest.iter().take_while(|byte| is_in_name(**byte)).count();
        let is_element = rest.first()?.is_ascii_alphabetic()
            && matches!(
                rest.get(name),
                Some(b'>' | b'/' | b' ' | b'\n' | b'\r' | b'\t')
            );
        let is_markup = is_element
            || rest.starts_with(b"?xml")
            || rest.starts_with(b"!--")
            || rest.get(..8)?.eq_ignore_ascii_case(b"!doctype");
        let head = text.get(..text.len().min(4096))?.to_ascii_lowercase();
        let head = String::from_utf8_lossy(&head);
        (is_markup && head.contains('>')).then(|| Self {
            is_html: HTML.iter().any(|word| head.contains(word)),
            state: State::Text,
            levels: Vec::new(),
            paths: Paths::new(),
            name: Vec::new(),
            element: ROOT,
            attribute: None,
            value_len: 0,
            reference: Vec::new(),
            interrupted: State::Text,
            table: Headed::default(),
            read: 0,
        })
    }

    pub(super) fn read(&mut self, bytes: &[u8], sheet: &mut Sheet) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            at += match self.state {
                State::Text => self.text(rest, sheet),
                State::Reference => {
                    let byte = rest.first().copied().unwrap_or_default();
                    self.reference(byte, self.read + at as u64 + 1, sheet)
                }
                _ => {
                    let byte = rest.first().copied().unwrap_or_default();
                    self.byte(byte, sheet);
                    1
                }
            };
        }
        self.read += bytes.len() as u64;
    }

    pub(super) fn finish(&mut self, sheet: &mut Sheet) {
        sheet.text.append(&mut self.reference);
    }

    /// Reads on in text, and returns how far.
    fn text(&mut self, bytes: &[u8], sheet: &mut Sheet) -> usize {
        let ends = |byte: &u8| matches!(byte, b'<' | b'&');
        let len = bytes.iter().position(ends);
        let now = bytes.get(..len.unwrap_or(bytes.len())).unwrap_or_default();
        sheet.text.extend_from_slice(now);
        match bytes.get(now.len()) {
            Some(b'<') => {
                sheet.end(0);
                sheet.begin(0, NO_COLUMN);
                sheet.text.push(b'<');
                self.name.clear();
                self.state = State::Tag;
            }
            Some(_) => self.refer(),
            None => return now.len(),
        }
        now.len() + 1
    }

    fn refer(&mut self) {
        self.reference.push(b'&');
        self.interrupted = std::mem::replace(&mut self.state, State::Reference);
    }

    /// Reads on in a reference to a character, and says whether it is done with the byte.
    fn reference(&mut self, byte: u8, behind: u64, sheet: &mut Sheet) -> usize {
        let is_in = byte.is_ascii_alphanumeric() || byte == b'#' || byte == b';';
        if is_in {
            self.reference.push(byte);
        }
        if is_in && byte != b';' && self.reference.len() < REFERENCE_MAX {
            return 1;
        }
        self.state = self.interrupted;
        match letter(&self.reference) {
            Some(letter) => {
                let mut room = [0; 4];
                sheet.unescaped(letter.encode_utf8(&mut room).as_bytes(), behind);
                self.reference.clear();
            }
            None => sheet.text.append(&mut self.reference),
        }
        usize::from(is_in)
    }

    fn byte(&mut self, byte: u8, sheet: &mut Sheet) {
        match self.state {
            State::Tag => {
                if is_in_name(byte) || matches!(byte, b'/' | b'!' | b'?' | b'[') {
                    if self.name.len() < NAME_MAX && (byte != b'/' || self.name.is_empty()) {
                        self.name.push(byte);
                    }
                    match self.name.as_slice() {
                        b"!--" => self.state = State::Comment,
                        b"![CDATA[" => {
                            self.state = State::Plain;
                            sheet.begin(1, self.column());
                        }
                        [b'?', ..] => self.state = State::Other,
                        _ => {}
                    }
                } else if self.name.starts_with(b"!") {
                    self.state = State::Other;
                } else {
                    self.open(sheet);
                    self.state = State::Within;
                }
                if byte == b'>' && !matches!(self.state, State::Comment | State::Plain) {
                    self.end_tag(sheet);
                }
            }
            State::Within | State::Equals if byte == b'>' => self.end_tag(sheet),
            State::Within if is_in_name(byte) => {
                self.name.clear();
                self.name.push(byte);
                self.state = State::Attribute;
            }
            State::Attribute if is_in_name(byte) => {
                if self.name.len() < NAME_MAX {
                    self.name.push(byte);
                }
            }
            State::Attribute if byte == b'>' => self.end_tag(sheet),
            State::Attribute if byte == b'=' => self.state = State::Equals,
            State::Attribute => self.state = State::Within,
            State::Equals if matches!(byte, b'"' | b'\'') => {
                self.state = State::Value(byte);
                self.value_len = 0;
                let column = self.attribute(sheet);
                sheet.begin(1, column);
            }
            State::Equals if !byte.is_ascii_whitespace() => self.state = State::Within,
            State::Value(end) => {
                self.value_len += 1;
                if byte == end || self.value_len > VALUE_MAX {
                    sheet.end(0);
                    sheet.begin(0, NO_COLUMN);
                    self.state = State::Within;
                } else if byte == b'&' {
                    self.refer();
                    return;
                }
            }
            State::Comment if byte == b'>' && sheet.text.ends_with(b"--") => {
                self.begin_text(sheet);
            }
            State::Plain if byte == b'>' && sheet.text.ends_with(b"]]") => {
                sheet.end(2);
                self.begin_text(sheet);
            }
            State::Other if byte == b'>' => self.begin_text(sheet),
            State::Within
            | State::Equals
            | State::Comment
            | State::Plain
            | State::Other
            | State::Text
            | State::Reference => {}
        }
        sheet.text.push(byte);
    }

    /// Begins text behind the byte that comes.
    fn begin_text(&mut self, sheet: &mut Sheet) {
        self.state = State::Text;
        sheet.begin(1, self.column());
    }

    /// Ends a tag with the byte that comes.
    fn end_tag(&mut self, sheet: &mut Sheet) {
        if sheet.text.ends_with(b"/") && !self.is_html {
            self.close(None);
        }
        if self.table.title == Some(0) {
            self.table.title = Some(sheet.text.len() + 1);
        }
        self.begin_text(sheet);
    }

    /// Takes the name of a tag.
    fn open(&mut self, sheet: &mut Sheet) {
        self.attribute = None;
        let name = std::mem::take(&mut self.name);
        if self.is_html {
            self.element = ROOT;
            self.cell(&name.to_ascii_lowercase(), sheet);
        } else if let Some(name) = name.strip_prefix(b"/") {
            self.close(Some(name));
        } else {
            self.descend(&name, sheet);
        }
        self.name = name;
    }

    fn descend(&mut self, name: &[u8], sheet: &mut Sheet) {
        let depth = self.levels.len();
        let (path, before) = match self.levels.last_mut() {
            Some(level) => {
                level.has_children = true;
                (level.path, level.last)
            }
            None => (ROOT, None),
        };
        let path = self.paths.within(path, before, name, sheet);
        self.element = path;
        let mut comes_again = depth == 1;
        if let Some(level) = self.levels.last_mut() {
            comes_again |= level.last_closed == Some(path);
            level.last = Some(path);
        }
        if comes_again {
            sheet.records.next();
        }
        if depth < DEPTH_MAX {
            self.levels.push(Level {
                name: name.to_vec(),
                path,
                has_children: false,
                last: None,
                last_closed: None,
            });
        }
    }

    /// Closes the element of a name, or the last one.
    fn close(&mut self, name: Option<&[u8]>) {
        let up = match name {
            Some(name) => self
                .levels
                .iter()
                .rev()
                .take(UP_MAX)
                .position(|level| level.name == name),
            None => Some(0),
        };
        let Some(up) = up else {
            return;
        };
        self.levels
            .truncate((self.levels.len() + 1).saturating_sub(up + 1));
        if let Some(closed) = self.levels.pop()
            && closed.has_children
            && let Some(level) = self.levels.last_mut()
        {
            level.last_closed = Some(closed.path);
        }
    }

    /// Follows the rows of a table in a page.
    fn cell(&mut self, name: &[u8], sheet: &mut Sheet) {
        match name {
            b"table" | b"/table" => self.table = Headed::default(),
            b"tr" => {
                self.table.place = 0;
                sheet.records.next();
            }
            b"p" | b"li" | b"div" | b"dd" | b"br" => sheet.records.next(),
            b"th" => self.table.title = Some(0),
            b"/th" => {
                let end = sheet.text.len().saturating_sub(name.len() + 1);
                if let Some(start) = self.table.title.take() {
                    let title = sheet.text.get(start..end).unwrap_or_default();
                    let title = String::from_utf8_lossy(title).trim().to_owned();
                    let column = sheet.columns.titled(&title, NO_COLUMN, sheet.finder);
                    self.table.columns.push(column);
                }
            }
            b"td" => self.table.place += 1,
            _ => {}
        }
    }

    /// Returns the column of the attribute that is on its way.
    fn attribute(&mut self, sheet: &mut Sheet) -> usize {
        let path = self
            .paths
            .within(self.element, self.attribute, &self.name, sheet);
        self.attribute = Some(path);
        self.paths.column(path)
    }

    /// Returns the column of text that stands here.
    fn column(&self) -> usize {
        if self.is_html {
            let place = self.table.place.checked_sub(1);
            return place
                .and_then(|place| self.table.columns.get(place).copied())
                .unwrap_or(NO_COLUMN);
        }
        self.levels
            .last()
            .map_or(NO_COLUMN, |level| self.paths.column(level.path))
    }
}

fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'-' | b'_' | b':' | b'.')
}

/// Returns the character that is referred to.
fn letter(reference: &[u8]) -> Option<char> {
    let name = reference.strip_prefix(b"&")?.strip_suffix(b";")?;
    let number = |digits: &[u8], radix: u32| {
        let digits = str::from_utf8(digits).ok()?;
        char::from_u32(u32::from_str_radix(digits, radix).ok()?)
    };
    let letter = match name {
        b"lt" => '<',
        b"gt" => '>',
        b"amp" => '&',
        b"quot" => '"',
        b"apos" => '\'',
        b"nbsp" => ' ',
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16)?,
        [b'#', digits @ ..] => number(digits, 10)?,
        _ => return None,
    };
    // What parts lines and values is no part of one.
    Some(if letter.is_control() || letter == '\u{A0}' {
        ' '
    } else {
        letter
    })
}
