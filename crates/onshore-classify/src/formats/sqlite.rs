//! Databases of SQLite: the rows of every table, as its schema names their columns. Numbers stand there in binary, which no search
//! for text sees. Pages are read once each, however they refer to one another, and no more of a page than it has bytes. Values that go
//! on in other pages are read as far as their first page has them: the rest is told as not read, as only text is seen in it
//! with the file as it is.

use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};

use crate::findings::Unread;
use crate::formats::gather::Gather;
use crate::passage::Passage;

/// The header of the file, in the first page.
const HEADER_BYTES: usize = 100;
/// Deeper trees have no file that fits a disk.
const DEPTH_MAX: usize = 20;
/// The table that names all others.
const SCHEMA_PAGE: u32 = 1;
/// More columns has no table that SQLite makes unless it is built for more.
const COLUMNS_MAX: usize = 2000;
/// More tables are read of no file.
const TABLES_MAX: usize = 4096;
/// So long is the longest statement that is read: what names two thousand columns is shorter.
const STATEMENT_BYTES_MAX: usize = 1 << 18;
/// What a value costs beside its bytes, in bytes that are unpacked.
const VALUE_BYTES: u64 = 32;

/// Reads a file.
pub(crate) fn read<R: Read + Seek>(bytes: &mut R, gather: &mut Gather) -> io::Result<()> {
    gather.is_format("sqlite");
    if gather.go_in("sqlite") {
        if !read_inside(bytes, gather)? {
            gather.not_read(Unread::Damaged);
        }
    } else {
        gather.not_read(Unread::OverLimit);
    }
    gather.come_out();
    Ok(())
}

/// Reads the tables; returns whether all pages were as they should be.
fn read_inside<R: Read + Seek>(bytes: &mut R, gather: &mut Gather) -> io::Result<bool> {
    let Some(mut file) = File::open(bytes)? else {
        return Ok(false);
    };
    let (mut tables, mut roots) = (Vec::new(), HashSet::new());
    let mut is_whole = file.rows(SCHEMA_PAGE, &mut |row| {
        if let Some(table) = Table::of(row) {
            // Two tables that begin at one page are none that SQLite made.
            let is_sound = tables.len() < TABLES_MAX
                && table.statement.len() <= STATEMENT_BYTES_MAX
                && roots.insert(table.page);
            if is_sound {
                tables.push(table);
            } else {
                gather.not_read(Unread::OverLimit);
            }
        }
        !gather.is_over()
    })?;
    for table in tables {
        let columns = columns(&table.statement);
        if columns.titles.len() > COLUMNS_MAX || !gather.unpacked(table.statement.len() as u64) {
            gather.not_read(Unread::OverLimit);
            continue;
        }
        file.numbered = columns.numbered;
        let mut passage = Passage::of_table(&columns.titles, gather.wanted());
        is_whole &= file.rows(table.page, &mut |row| {
            let len = row
                .iter()
                .map(|value| VALUE_BYTES + value.len() as u64)
                .sum();
            passage.row(row.iter().map(String::as_str));
            gather.unpacked(len)
        })?;
        gather.is_format("table");
        gather.take(passage.finish());
        if gather.is_over() {
            break;
        }
    }
    if file.has_cut {
        gather.not_read(Unread::OverLimit);
    }
    Ok(is_whole)
}

/// A table, as the schema has it.
struct Table {
    page: u32,
    statement: String,
}

impl Table {
    /// Reads a row of the schema: type, name, table, page, statement.
    fn of(row: Vec<String>) -> Option<Self> {
        let [kind, _, _, page, statement] = <[String; 5]>::try_from(row).ok()?;
        let page = page.parse().ok()?;
        (kind == "table" && page > SCHEMA_PAGE).then_some(Self { page, statement })
    }
}

/// The columns of a table.
#[derive(Debug, Default, PartialEq, Eq)]
struct Columns {
    titles: Vec<String>,
    /// Which of them is the number of the row, and is therefore in no record.
    numbered: Option<usize>,
}

/// Returns the columns that a statement makes a table of; none if it is not plain to see.
fn columns(statement: &str) -> Columns {
    /// What begins a constraint and no column.
    const CONSTRAINTS: [&str; 5] = ["constraint", "primary", "unique", "check", "foreign"];
    let statement = statement.trim_end();
    // Its keys stand first, whatever the statement says.
    let is_by_keys = statement.to_ascii_lowercase().ends_with("rowid");
    let Some((_, columns)) = statement.split_once('(').filter(|_| !is_by_keys) else {
        return Columns::default();
    };
    let (mut depth, mut quote) = (0_usize, None);
    let parts = columns.split(|sign: char| {
        match (quote, sign) {
            (Some(open), _) if open == sign => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(sign),
            (None, '[') => quote = Some(']'),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) => {}
        }
        quote.is_none() && depth == 0 && sign == ','
    });
    let mut found = Columns::default();
    for part in parts.map(str::trim) {
        let Some(name) = name_of(part) else { continue };
        let lower = part.to_ascii_lowercase();
        let words: Vec<&str> = lower.split_whitespace().collect();
        if CONSTRAINTS.contains(&name.to_ascii_lowercase().as_str()) {
            // The key may stand behind all columns: `primary key (id)`.
            let key = words.concat();
            let key = key.split_once("primarykey(").map(|(_, key)| key);
            let key = key.and_then(|key| key.split([')', ',']).next());
            let key = key.map(|key| key.trim_matches(['"', '`', '[', ']', '\'']));
            let place = |key: &str| {
                let mut titles = found.titles.iter();
                titles.position(|title| title.eq_ignore_ascii_case(key))
            };
            found.numbered = found.numbered.or_else(|| place(key?));
            continue;
        }
        let is_key = words.windows(3).any(|three| {
            three[0] == "integer" && three[1] == "primary" && three[2].starts_with("key")
        });
        if is_key {
            found.numbered = Some(found.titles.len());
        }
        found.titles.push(name.to_owned());
    }
    found
}

/// Returns the name that a column of a statement, or a constraint, begins with.
fn name_of(part: &str) -> Option<&str> {
    match part.chars().next()? {
        open @ ('"' | '\'' | '`') => part.get(1..)?.split(open).next(),
        '[' => part.get(1..)?.split(']').next(),
        _ => part
            .split(|sign: char| sign.is_whitespace() || sign == ')')
            .next(),
    }
}

/// A file that is open.
struct File<'a, R> {
    bytes: &'a mut R,
    page_bytes: usize,
    /// So much of each page is used.
    used_bytes: usize,
    /// Pages that were read.
    seen: HashSet<u32>,
    /// Which column of the table that is read is the number of the row.
    numbered: Option<usize>,
    /// Whether a value goes on in another page.
    has_cut: bool,
    utf16: Option<&'static encoding_rs::Encoding>,
}

impl<'a, R: Read + Seek> File<'a, R> {
    fn open(bytes: &'a mut R) -> io::Result<Option<Self>> {
        let mut header = [0; HEADER_BYTES];
        bytes.seek(SeekFrom::Start(0))?;
        if read_full(bytes, &mut header)? < HEADER_BYTES {
            return Ok(None);
        }
        let page_bytes = match u16::from_be_bytes([header[16], header[17]]) {
            1 => 1 << 16,
            len => usize::from(len),
        };
        let used_bytes = page_bytes.saturating_sub(header[20].into());
        let utf16 = match header[59] {
            2 => Some(encoding_rs::UTF_16LE),
            3 => Some(encoding_rs::UTF_16BE),
            _ => None,
        };
        Ok((page_bytes >= 512 && used_bytes >= 480).then(|| Self {
            bytes,
            page_bytes,
            used_bytes,
            seen: HashSet::new(),
            numbered: None,
            has_cut: false,
            utf16,
        }))
    }

    /// Tells the rows of the tree that begins at a page, until the listener has had enough; returns whether the pages were as they
    /// should be.
    fn rows(&mut self, root: u32, tell: &mut dyn FnMut(Vec<String>) -> bool) -> io::Result<bool> {
        let mut ahead = vec![(root, 0)];
        let mut is_whole = true;
        while let Some((number, depth)) = ahead.pop() {
            if depth > DEPTH_MAX || !self.seen.insert(number) {
                is_whole = false;
                continue;
            }
            let Some(page) = self.page(number)? else {
                is_whole = false;
                continue;
            };
            let head = if number == SCHEMA_PAGE {
                HEADER_BYTES
            } else {
                0
            };
            let Some(page) = Page::of(&page, head, self.used_bytes) else {
                is_whole = false;
                continue;
            };
            match page.kind {
                Kind::Leaf | Kind::LeafOfKeys | Kind::InnerOfKeys => {
                    // Cells of a sound page share none of its bytes.
                    let mut room = self.used_bytes;
                    for cell in page.cells() {
                        let row = cell.and_then(|cell| self.row(page.kind, cell, &mut room));
                        is_whole &= row.is_some();
                        if let Some(row) = row
                            && !tell(row)
                        {
                            return Ok(is_whole);
                        }
                    }
                }
                Kind::Inner => {}
            }
            if matches!(page.kind, Kind::Inner | Kind::InnerOfKeys) {
                let inner = page.cells().filter_map(|cell| number_at(cell?, 0));
                let mut inner: Vec<u32> = inner.chain(page.last).collect();
                inner.reverse();
                ahead.extend(inner.into_iter().map(|page| (page, depth + 1)));
            }
        }
        Ok(is_whole)
    }

    fn page(&mut self, number: u32) -> io::Result<Option<Vec<u8>>> {
        let Some(before) = number.checked_sub(1) else {
            return Ok(None);
        };
        let at = u64::from(before) * self.page_bytes as u64;
        self.bytes.seek(SeekFrom::Start(at))?;
        let mut page = vec![0; self.page_bytes];
        let read = read_full(self.bytes, &mut page)?;
        Ok((read == self.page_bytes).then_some(page))
    }

    /// Reads a cell: how long the record is, the number of the row where rows have one, the record as far as it is in the page
    /// (file format of SQLite, 1.6). None where it is not sound, or where the page has no room for it.
    fn row(&mut self, kind: Kind, cell: &[u8], room: &mut usize) -> Option<Vec<String>> {
        let mut at = if kind == Kind::InnerOfKeys { 4 } else { 0 };
        let payload = usize::try_from(varint(cell, &mut at)?).ok()?;
        let number = match kind {
            Kind::Leaf | Kind::Inner => varint(cell, &mut at)?,
            Kind::LeafOfKeys | Kind::InnerOfKeys => 0,
        };
        let local = self.local(kind, payload);
        *room = room.checked_sub(at + local)?;
        self.has_cut |= local < payload;
        let record = cell.get(at..)?.get(..local)?;
        let mut at = 0;
        let head = usize::try_from(varint(record, &mut at)?).ok()?;
        let mut value = head;
        let mut row = Vec::new();
        while at < head {
            let Some(kind) = varint(record, &mut at) else {
                // The head itself goes on in another page.
                return (local < payload).then_some(row);
            };
            let len = len_of(kind)?;
            let some = record.get(value.min(record.len())..)?;
            let bytes = some.get(..len.min(some.len()))?;
            row.push(match kind {
                // The number of the row stands for itself.
                0 if self.numbered == Some(row.len()) => number.cast_signed().to_string(),
                0 | 10 | 11 => String::new(),
                // Half of a number is none.
                1..=7 if bytes.len() < len => String::new(),
                1..=6 => whole_number(bytes).to_string(),
                7 => fraction(bytes),
                8 => "0".to_owned(),
                9 => "1".to_owned(),
                _ => match self.utf16 {
                    Some(encoding) if kind % 2 == 1 => encoding.decode(bytes).0.into_owned(),
                    _ => String::from_utf8_lossy(bytes).into_owned(),
                },
            });
            value = value.checked_add(len)?;
        }
        Some(row)
    }

    /// Returns how much of a record is in the page of its cell.
    fn local(&self, kind: Kind, payload: usize) -> usize {
        let used = self.used_bytes;
        let most = match kind {
            Kind::Leaf | Kind::Inner => used - 35,
            Kind::LeafOfKeys | Kind::InnerOfKeys => (used - 12) * 64 / 255 - 23,
        };
        if payload <= most {
            return payload;
        }
        let least = (used - 12) * 32 / 255 - 23;
        let ends_full = least + (payload - least) % (used - 4);
        if ends_full <= most { ends_full } else { least }
    }
}

/// What a page is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inner,
    Leaf,
    /// Of a table whose rows have no number and stand in the order of their keys.
    InnerOfKeys,
    LeafOfKeys,
}

/// A page of a tree.
struct Page<'a> {
    kind: Kind,
    bytes: &'a [u8],
    /// Where its cells begin, two bytes each.
    places: &'a [u8],
    /// The page of what is behind all cells, where other pages are.
    last: Option<u32>,
}

impl<'a> Page<'a> {
    fn of(bytes: &'a [u8], head: usize, used: usize) -> Option<Self> {
        let bytes = bytes.get(..used)?;
        let header = bytes.get(head..)?;
        let (kind, len) = match header.first()? {
            0x05 => (Kind::Inner, 12),
            0x0D => (Kind::Leaf, 8),
            0x02 => (Kind::InnerOfKeys, 12),
            0x0A => (Kind::LeafOfKeys, 8),
            _ => return None,
        };
        let count = usize::from(u16::from_be_bytes(*header.get(3..)?.first_chunk()?));
        Some(Self {
            kind,
            bytes,
            places: header.get(len..len + 2 * count)?,
            last: (len == 12).then(|| number_at(header, 8)).flatten(),
        })
    }

    /// Returns each cell, with what stands behind it; none for one that is nowhere.
    fn cells(&self) -> impl Iterator<Item = Option<&'a [u8]>> {
        let (places, _) = self.places.as_chunks::<2>();
        let bytes = self.bytes;
        places
            .iter()
            .map(move |place| bytes.get(usize::from(u16::from_be_bytes(*place))..))
    }
}

fn read_full<R: Read>(bytes: &mut R, room: &mut [u8]) -> io::Result<usize> {
    let mut len = 0;
    while let Some(rest) = room.get_mut(len..).filter(|rest| !rest.is_empty()) {
        match bytes.read(rest)? {
            0 => break,
            read => len += read,
        }
    }
    Ok(len)
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Reads a number of up to nine bytes, seven bits of each but the last.
fn varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut number = 0;
    for place in 0..9 {
        let byte = u64::from(*bytes.get(*at)?);
        *at += 1;
        if place == 8 {
            return Some(number << 8 | byte);
        }
        number = number << 7 | byte & 0x7F;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

/// Returns how long a value of a kind is.
fn len_of(kind: u64) -> Option<usize> {
    Some(match kind {
        0 | 8..=11 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        _ => usize::try_from((kind - 12) / 2).ok()?,
    })
}

fn whole_number(bytes: &[u8]) -> i64 {
    let is_negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let begun = if is_negative { -1 } else { 0 };
    bytes
        .iter()
        .fold(begun, |number: i64, byte| number << 8 | i64::from(*byte))
}

/// Writes a number as others write it: what is whole without a fraction.
fn fraction(bytes: &[u8]) -> String {
    let number = bytes.first_chunk().map(|bytes| f64::from_be_bytes(*bytes));
    number.map_or_else(String::new, |number| number.to_string())
}

#[cfg(test)]
mod tests {
    use super::{columns, fraction, varint, whole_number};

    #[test]
    fn columns_are_named_by_the_statement() {
        let statement = "CREATE TABLE t(id INTEGER PRIMARY KEY, \"phone, no\" int, [a b] text, `c` decimal(10,2), d, \
                         PRIMARY KEY (id), CHECK (d > 0))";
        let titles = |statement| columns(statement).titles;
        assert_eq!(titles(statement), ["id", "phone, no", "a b", "c", "d"]);
        assert_eq!(titles("CREATE TABLE t(phone)"), ["phone"]);
        assert_eq!(titles("CREATE TABLE t AS"), [""; 0]);
        let numbered = |statement| columns(statement).numbered;
        assert_eq!(numbered(statement), Some(0));
        assert_eq!(
            numbered("CREATE TABLE t(n text, phone INTEGER  PRIMARY KEY)"),
            Some(1)
        );
        assert_eq!(
            numbered("CREATE TABLE t(n, phone integer, primary key (\"phone\"))"),
            Some(1)
        );
        assert_eq!(numbered("CREATE TABLE t(n text, phone integer)"), None);
    }

    #[test]
    fn numbers_are_read() {
        assert_eq!(
            whole_number(&[0x03, 0x3E, 0x0F, 0x2E, 0x4E]),
            13_926_084_174
        );
        assert_eq!(whole_number(&[0xFF, 0xFE]), -2);
        assert_eq!(fraction(&13_912_345_678_f64.to_be_bytes()), "13912345678");
        let mut at = 0;
        assert_eq!(varint(&[0x81, 0x00, 7], &mut at), Some(128));
        assert_eq!(at, 2);
        assert_eq!(varint(&[0xFF; 9], &mut 0), Some(u64::MAX));
        assert_eq!(varint(&[0xFF; 8], &mut 0), None);
    }
}
