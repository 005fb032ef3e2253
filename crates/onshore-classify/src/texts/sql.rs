//! SQL dumps: rows of `INSERT ... VALUES` and of PostgreSQL's `COPY`, under the names of their columns.

use std::collections::HashMap;

use super::Sheet;
use crate::columns::COLUMNS_MAX;
use crate::records::NO_COLUMN;

/// Of more tables the columns are not kept.
const TABLES_MAX: usize = 1024;
/// No statement says more about columns before its values.
const HEAD_MAX: usize = 1 << 16;
/// What a line of a dump begins with that says something of rows.
const OF_ROWS: &[&str] = &[
    "insert into ",
    "insert ignore ",
    "replace into ",
    "create table ",
    "copy ",
];
/// What a dump begins with.
const OPENINGS: &[&str] = &[
    "--",
    "/*",
    "insert ",
    "replace ",
    "create ",
    "copy ",
    "set ",
    "use ",
    "drop ",
    "begin",
    "start ",
    "pragma ",
    "alter ",
    "delete ",
    "lock ",
    "truncate ",
];
/// What stands among the columns of `CREATE TABLE` and is none.
const NO_COLUMNS: &[&str] = &[
    "primary",
    "key",
    "unique",
    "constraint",
    "index",
    "foreign",
    "check",
    "fulltext",
    "spatial",
    "exclude",
];

/// Reads a dump.
#[derive(Debug)]
pub(crate) struct Sql {
    state: State,
    /// Backslashes escape in texts.
    has_backslashes: bool,
    /// The beginning of the statement that is on its way.
    head: Vec<u8>,
    /// The one of which `row` are the columns.
    known_head: Vec<u8>,
    row: Vec<usize>,
    columns: HashMap<(Vec<u8>, Vec<u8>), usize>,
    tables: HashMap<Vec<u8>, Vec<usize>>,
    /// Which value of a row is on its way.
    place: usize,
    /// It did not begin yet.
    is_value_next: bool,
    read: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the values of a statement.
    Head,
    /// In a name or a text there, up to this sign.
    HeadText(u8),
    HeadEscape(u8),
    /// Up to the end of the line.
    Comment,
    LongComment,
    /// In a row, so many brackets deep.
    Row(usize),
    /// In a text in a row.
    Text(usize),
    /// Behind what may end a text.
    Quote(usize),
    Escape(usize),
    /// Between rows.
    Rows,
    /// In the rest of a line that `COPY` stands in.
    CopyHead,
    Copy,
    CopyEscape,
}

impl Sql {
    pub(super) fn sniff(text: &[u8]) -> Option<Self> {
        let begins = |line: &[u8], words: &[&str]| {
            words.iter().any(|word| {
                line.get(..word.len())
                    .is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()))
            })
        };
        let is_dump = begins(text, OPENINGS)
            && text.split(|byte| *byte == b'\n').any(|line| {
                begins(line, OF_ROWS)
                    && (!begins(line, &["copy "]) || ends(line.trim_ascii(), b"from stdin;"))
            });
        let has = |word: &[u8]| text.windows(word.len()).any(|window| window == word);
        is_dump.then(|| Self {
            state: State::Head,
            has_backslashes: text.contains(&b'`') || has(b"MySQL") || has(b"MariaDB"),
            head: Vec::new(),
            known_head: Vec::new(),
            row: Vec::new(),
            columns: HashMap::new(),
            tables: HashMap::new(),
            place: 0,
            is_value_next: false,
            read: 0,
        })
    }

    pub(super) fn read(&mut self, bytes: &[u8], sheet: &mut Sheet) {
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            at += match self.state {
                State::Text(depth) => self.text(depth, rest, sheet),
                State::Copy => self.copy(rest, sheet),
                _ => {
                    let byte = rest.first().copied().unwrap_or_default();
                    self.byte(byte, self.read + at as u64 + 1, sheet)
                }
            };
        }
        self.read += bytes.len() as u64;
    }

    pub(super) fn finish(&mut self, sheet: &mut Sheet) {
        match self.state {
            State::Quote(_) => sheet.text.push(b'\''),
            State::Escape(_) | State::CopyEscape => sheet.text.push(b'\\'),
            _ => {}
        }
    }

    /// Reads a byte, behind which is this place, and says whether it is done with it.
    fn byte(&mut self, byte: u8, behind: u64, sheet: &mut Sheet) -> usize {
        let at = self.state;
        match at {
            State::Head => self.head(byte, sheet),
            State::HeadText(end) if byte == b'\\' && self.has_backslashes => {
                self.state = State::HeadEscape(end);
            }
            State::HeadText(end) if byte == end => self.state = State::Head,
            State::HeadEscape(end) => self.state = State::HeadText(end),
            State::Comment if byte == b'\n' => self.state = State::Head,
            State::LongComment if byte == b'/' && sheet.text.ends_with(b"*") => {
                self.state = State::Head;
            }
            State::Rows => match byte {
                b'(' => self.open(sheet),
                b';' => self.begin_statement(sheet),
                b',' | b' ' | b'\n' | b'\r' | b'\t' => {}
                _ => {
                    self.begin_statement(sheet);
                    return 0;
                }
            },
            State::Row(depth) => self.row(depth, byte, sheet),
            State::Quote(depth) => {
                if byte == b'\'' {
                    self.state = State::Text(depth);
                    sheet.unescaped(b"'", behind);
                    return 1;
                }
                sheet.end(0);
                sheet.text.push(b'\'');
                self.state = State::Row(depth);
                return 0;
            }
            State::Escape(depth) => {
                self.state = State::Text(depth);
                sheet.unescaped(&[unescaped(byte)], behind);
                return 1;
            }
            State::CopyEscape => {
                self.state = State::Copy;
                if byte == b'.' && self.place == 0 && self.is_value_next {
                    sheet.text.extend_from_slice(b"\\.");
                    self.begin_statement(sheet);
                } else {
                    self.is_value_next = false;
                    sheet.unescaped(&[unescaped(byte)], behind);
                }
                return 1;
            }
            State::CopyHead if byte == b'\n' => {
                self.state = State::Copy;
                self.begin_row(1, sheet);
            }
            State::HeadText(_)
            | State::Comment
            | State::LongComment
            | State::CopyHead
            | State::Text(_)
            | State::Copy => {}
        }
        // A name in quotes says as much.
        if matches!(at, State::HeadText(_)) && self.head.len() < HEAD_MAX {
            self.head.push(byte);
        }
        sheet.text.push(byte);
        1
    }

    fn begin_statement(&mut self, sheet: &mut Sheet) {
        self.state = State::Head;
        self.head.clear();
        sheet.begin(0, NO_COLUMN);
    }

    /// Reads what comes before values.
    fn head(&mut self, byte: u8, sheet: &mut Sheet) {
        match byte {
            b'\'' | b'"' | b'`' => self.state = State::HeadText(byte),
            b'-' if sheet.text.ends_with(b"-") => {
                self.head.pop();
                self.state = State::Comment;
                return;
            }
            b'*' if sheet.text.ends_with(b"/") => {
                self.head.pop();
                self.state = State::LongComment;
                return;
            }
            b';' => {
                if begins_with(&self.head, &["create"]) {
                    self.create(sheet);
                } else if begins_with(&self.head, &["copy"]) && ends(&self.head, b"from stdin") {
                    self.take_columns(sheet);
                    self.state = State::CopyHead;
                }
                self.head.clear();
                return;
            }
            b'(' if ends(self.head.trim_ascii_end(), b"values") => {
                self.take_columns(sheet);
                self.open(sheet);
                self.head.clear();
                return;
            }
            _ => {}
        }
        if self.head.len() < HEAD_MAX {
            self.head.push(byte);
        }
    }

    /// Begins a row in brackets.
    fn open(&mut self, sheet: &mut Sheet) {
        self.state = State::Row(1);
        self.begin_row(0, sheet);
    }

    /// Begins a row behind so many bytes, that of a bracket being still to come.
    fn begin_row(&mut self, further: usize, sheet: &mut Sheet) {
        sheet.records.next();
        self.place = 0;
        self.is_value_next = true;
        if further > 0 {
            self.begin(further, sheet);
        }
    }

    fn row(&mut self, depth: usize, byte: u8, sheet: &mut Sheet) {
        match byte {
            b'\'' => {
                self.is_value_next = false;
                self.state = State::Text(depth);
                self.begin(1, sheet);
            }
            b',' if depth == 1 => {
                self.place += 1;
                self.is_value_next = true;
            }
            b'(' => self.state = State::Row(depth + 1),
            b')' if depth > 1 => self.state = State::Row(depth - 1),
            b')' => {
                self.state = State::Rows;
                sheet.begin(0, NO_COLUMN);
            }
            b' ' | b'\n' | b'\r' | b'\t' => {}
            _ if self.is_value_next => {
                self.is_value_next = false;
                self.begin(0, sheet);
            }
            _ => {}
        }
    }

    /// Reads on in a text, and returns how far.
    fn text(&mut self, depth: usize, bytes: &[u8], sheet: &mut Sheet) -> usize {
        let ends = |byte: &u8| *byte == b'\'' || (*byte == b'\\' && self.has_backslashes);
        let len = bytes.iter().position(ends);
        let now = bytes.get(..len.unwrap_or(bytes.len())).unwrap_or_default();
        sheet.text.extend_from_slice(now);
        match bytes.get(now.len()) {
            Some(b'\'') => self.state = State::Quote(depth),
            Some(_) => self.state = State::Escape(depth),
            None => return now.len(),
        }
        now.len() + 1
    }

    /// Reads on in the lines of `COPY`, and returns how far.
    fn copy(&mut self, bytes: &[u8], sheet: &mut Sheet) -> usize {
        let ends = |byte: &u8| matches!(byte, b'\\' | b'\t' | b'\n');
        let len = bytes.iter().position(ends);
        let now = bytes.get(..len.unwrap_or(bytes.len())).unwrap_or_default();
        sheet.text.extend_from_slice(now);
        self.is_value_next &= now.is_empty();
        match bytes.get(now.len()) {
            Some(b'\\') => self.state = State::CopyEscape,
            Some(b'\t') => {
                sheet.end(0);
                sheet.text.push(b'\t');
                self.place += 1;
                self.begin(0, sheet);
            }
            Some(_) => {
                sheet.end(0);
                sheet.text.push(b'\n');
                self.begin_row(0, sheet);
                self.begin(0, sheet);
            }
            None => return now.len(),
        }
        now.len() + 1
    }

    /// Begins a value so many bytes further on.
    fn begin(&mut self, further: usize, sheet: &mut Sheet) {
        let column = self.column(sheet);
        sheet.begin(further, column);
    }

    /// Returns the column of the value that is on its way.
    fn column(&mut self, sheet: &mut Sheet) -> usize {
        if let Some(column) = self.row.get(self.place) {
            return *column;
        }
        let column = sheet.columns.another();
        if column != NO_COLUMN {
            self.row.push(column);
        }
        column
    }

    /// Takes the columns that a statement names, or else those that its table has.
    fn take_columns(&mut self, sheet: &mut Sheet) {
        if self.head == self.known_head {
            return;
        }
        let words = words(&self.head);
        let (table, rest) = table_of(&words, &["into", "copy"]);
        let named: Vec<&[u8]> = match rest.first() {
            Some(Word::Sign(b'(')) => rest
                .iter()
                .skip(1)
                .take_while(|word| !matches!(word, Word::Sign(b')')))
                .filter_map(Word::name)
                .collect(),
            _ => Vec::new(),
        };
        self.row = if named.is_empty() {
            self.tables.get(&table).cloned().unwrap_or_default()
        } else {
            named
                .iter()
                .map(|name| column_of(&mut self.columns, &table, name, sheet))
                .collect()
        };
        self.known_head.clone_from(&self.head);
    }

    /// Takes the columns that a table is made with.
    fn create(&mut self, sheet: &mut Sheet) {
        let words = words(&self.head);
        let (table, rest) = table_of(&words, &["table", "exists"]);
        let (mut depth, mut is_next, mut columns) = (0, false, Vec::new());
        for word in rest {
            match word {
                Word::Sign(b'(') => {
                    depth += 1;
                    is_next = depth == 1;
                }
                Word::Sign(b')') => depth -= 1,
                Word::Sign(b',') => is_next = depth == 1,
                Word::Sign(_) => {}
                Word::Name(name) => {
                    let is_column = !NO_COLUMNS
                        .iter()
                        .any(|no| name.eq_ignore_ascii_case(no.as_bytes()));
                    if is_next && is_column && columns.len() < COLUMNS_MAX {
                        columns.push(column_of(&mut self.columns, &table, name, sheet));
                    }
                    is_next = false;
                }
            }
        }
        if self.tables.len() < TABLES_MAX {
            self.tables.insert(table, columns);
        }
        self.known_head.clear();
    }
}

/// A name, or a sign.
#[derive(Debug, Clone, Copy)]
enum Word<'a> {
    Name(&'a [u8]),
    Sign(u8),
}

impl Word<'_> {
    fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(name) => Some(name),
            Self::Sign(_) => None,
        }
    }
}

/// Parts the head of a statement into names and signs; quotes go with the names.
fn words(mut head: &[u8]) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    while let Some((first, rest)) = head.split_first() {
        let is_in = |byte: &u8| {
            byte.is_ascii_alphanumeric() || !byte.is_ascii() || matches!(byte, b'_' | b'$')
        };
        let close = match first {
            b'[' => b']',
            quote => *quote,
        };
        if matches!(first, b'`' | b'"' | b'\'' | b'[') {
            let len = rest
                .iter()
                .position(|byte| *byte == close)
                .unwrap_or(rest.len());
            words.push(Word::Name(rest.get(..len).unwrap_or_default()));
            head = rest.get(len + 1..).unwrap_or_default();
        } else if is_in(first) {
            let len = head.iter().take_while(|byte| is_in(byte)).count();
            let (name, later) = head.split_at(len);
            words.push(Word::Name(name));
            head = later;
        } else {
            if !first.is_ascii_whitespace() {
                words.push(Word::Sign(*first));
            }
            head = rest;
        }
    }
    words
}

/// Returns the name of the table behind the last of these words, and what comes then.
fn table_of<'a>(words: &'a [Word<'a>], behind: &[&str]) -> (Vec<u8>, &'a [Word<'a>]) {
    let is_it = |word: &Word<'_>| {
        word.name().is_some_and(|name| {
            behind
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        })
    };
    let head = words
        .iter()
        .position(|word| matches!(word, Word::Sign(b'(')))
        .unwrap_or(words.len());
    let at = words
        .iter()
        .take(head)
        .rposition(is_it)
        .map_or(0, |at| at + 1);
    let mut rest = words.get(at..).unwrap_or_default();
    let mut name = Vec::new();
    while let [Word::Name(part), later @ ..] = rest {
        name = part.to_ascii_lowercase();
        rest = later;
        match later {
            [Word::Sign(b'.'), later @ ..] => rest = later,
            _ => break,
        }
    }
    (name, rest)
}

fn column_of(
    columns: &mut HashMap<(Vec<u8>, Vec<u8>), usize>,
    table: &[u8],
    name: &[u8],
    sheet: &mut Sheet,
) -> usize {
    let key = (table.to_vec(), name.to_ascii_lowercase());
    if let Some(column) = columns.get(&key) {
        return *column;
    }
    let title = String::from_utf8_lossy(name);
    let column = sheet.columns.add(&title, sheet.finder);
    if column != NO_COLUMN {
        columns.insert(key, column);
    }
    column
}

fn begins_with(head: &[u8], words: &[&str]) -> bool {
    let head = head.trim_ascii_start();
    words.iter().any(|word| {
        head.get(..word.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()))
    })
}

fn ends(text: &[u8], word: &[u8]) -> bool {
    text.len()
        .checked_sub(word.len())
        .and_then(|from| text.get(from..))
        .is_some_and(|end| end.eq_ignore_ascii_case(word))
}

/// Returns what stands behind a backslash for what; what parts lines and values is no part of one.
fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' | b'r' | b't' | b'0' | b'Z' | b'b' | b'f' | b'v' | b'N' => b' ',
        other => other,
    }
}
