//! Overwriting what a database file does not use. `secure_delete` overwrites what is deleted, but when rows move from
//! page to page to keep a tree even, what they leave behind stays where it lay. Here every page is gone through and
//! zeroes are written wherever no row is: between the rows of a page, behind the end of an overflowing row, into free pages.
//!
//! The format is that of "Database File Format", sections 1.3 to 1.6, of the SQLite documentation. Nothing that SQLite
//! reads is changed, so that it may be interrupted at any point.

use rusqlite::{Connection, OpenFlags, params};

use crate::database::{alone, sync_at};
use crate::pages::page;
use crate::{DatabaseFile, Error};

/// What the file begins with, before the first page's own header.
const HEADER_LEN: usize = 100;
/// Where the file says how much of a page is kept free, and where the list of free pages begins.
const RESERVED_AT: usize = 20;
const FREE_LIST_AT: usize = 32;
/// The page with this byte is never used.
const LOCK_BYTE: u64 = 1 << 30;

/// Overwrites what a file does not use. Nobody else may have it open, and no write-ahead log belong to it. There is no
/// journal, which would keep what is overwritten: a page that is not written yet is as good as one that is.
pub(crate) fn wipe(file: &DatabaseFile) -> Result<(), Error> {
    let connection = file.connect(OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    alone(&connection)?;
    connection
        .execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN EXCLUSIVE;")?;
    let mut wiper = Wiper::new(&connection)?;
    for root in roots(&connection)? {
        wiper.tree(root)?;
    }
    wiper.free_list()?;
    drop(wiper);
    connection.execute_batch("COMMIT;")?;
    drop(connection);
    sync_at(file.path())
}

/// Returns the first page of every tree.
fn roots(connection: &Connection) -> Result<Vec<u32>, Error> {
    let mut statement =
        connection.prepare("SELECT rootpage FROM sqlite_schema WHERE rootpage > 0")?;
    let roots: Result<Vec<u32>, _> = statement.query_map([], |row| row.get(0))?.collect();
    let mut roots = roots?;
    roots.push(1);
    Ok(roots)
}

struct Wiper<'a> {
    connection: &'a Connection,
    page_len: usize,
    /// How much of a page is for SQLite.
    usable: usize,
    pages: u32,
    free: u32,
    seen: Vec<bool>,
}

/// A page and what of it is used.
struct Page {
    number: u32,
    bytes: Vec<u8>,
    used: Vec<bool>,
}

/// What kind of tree page it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    InteriorIndex,
    InteriorTable,
    LeafIndex,
    LeafTable,
}

/// Where a payload that does not fit goes on.
#[derive(Clone, Copy)]
struct Overflow {
    first: u32,
    len: usize,
}

impl<'a> Wiper<'a> {
    fn new(connection: &'a Connection) -> Result<Self, Error> {
        let header = page(connection, 1)?;
        let page_len = header.len();
        let reserved = header.get(RESERVED_AT).copied().unwrap_or_default();
        let pages: u32 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        if page_len < 512 {
            return Err(damaged());
        }
        Ok(Self {
            connection,
            page_len,
            usable: page_len - usize::from(reserved),
            pages,
            free: be32(&header, FREE_LIST_AT)?,
            seen: vec![false; pages as usize + 1],
        })
    }

    /// Goes through a tree.
    fn tree(&mut self, root: u32) -> Result<(), Error> {
        let mut waiting = vec![root];
        while let Some(number) = waiting.pop() {
            let mut page = self.read(number)?;
            let start = if number == 1 { HEADER_LEN } else { 0 };
            page.mark(0, start)?;
            let overflows = self.rows(&mut page, start, &mut waiting)?;
            self.write(page)?;
            for overflow in overflows {
                self.overflow(overflow)?;
            }
        }
        Ok(())
    }

    /// Marks what the rows of a tree's page use, and returns what they have elsewhere.
    fn rows(
        &self,
        page: &mut Page,
        start: usize,
        children: &mut Vec<u32>,
    ) -> Result<Vec<Overflow>, Error> {
        let kind = Kind::of(page.byte(start)?)?;
        let header_len = if kind.is_leaf() { 8 } else { 12 };
        let count = usize::from(be16(&page.bytes, start + 3)?);
        page.mark(start, header_len + 2 * count)?;
        if !kind.is_leaf() {
            children.push(be32(&page.bytes, start + 8)?);
        }
        // Free blocks tell where the next one is and how long they are.
        let mut block = usize::from(be16(&page.bytes, start + 1)?);
        let mut blocks = 0;
        while block != 0 {
            page.mark(block, 4)?;
            block = usize::from(be16(&page.bytes, block)?);
            blocks += 1;
            if blocks > self.page_len {
                return Err(damaged());
            }
        }
        let mut overflows = Vec::new();
        for row in 0..count {
            let at = usize::from(be16(&page.bytes, start + header_len + 2 * row)?);
            let mut cursor = at;
            if !kind.is_leaf() {
                children.push(be32(&page.bytes, cursor)?);
                cursor += 4;
            }
            let first = varint(&page.bytes, &mut cursor)?;
            if kind == Kind::InteriorTable {
                page.mark(at, cursor - at)?;
                continue;
            }
            if kind == Kind::LeafTable {
                varint(&page.bytes, &mut cursor)?;
            }
            let payload = usize::try_from(first).map_err(|_| damaged())?;
            let local = self.local(kind, payload);
            let mut end = cursor + local;
            if local < payload {
                overflows.push(Overflow {
                    first: be32(&page.bytes, end)?,
                    len: payload - local,
                });
                end += 4;
            }
            // No row takes less than four bytes.
            page.mark(at, (end - at).max(4))?;
        }
        Ok(overflows)
    }

    /// Returns how much of a payload lies on the page itself.
    fn local(&self, kind: Kind, payload: usize) -> usize {
        let usable = self.usable;
        let max = match kind {
            Kind::LeafTable => usable - 35,
            Kind::InteriorTable | Kind::InteriorIndex | Kind::LeafIndex => {
                (usable - 12) * 64 / 255 - 23
            }
        };
        if payload <= max {
            return payload;
        }
        let min = (usable - 12) * 32 / 255 - 23;
        let wanted = min + (payload - min) % (usable - 4);
        if wanted <= max { wanted } else { min }
    }

    fn overflow(&mut self, of: Overflow) -> Result<(), Error> {
        let (mut number, mut left) = (of.first, of.len);
        while left > 0 {
            let mut page = self.read(number)?;
            let here = left.min(self.usable - 4);
            page.mark(0, 4 + here)?;
            number = be32(&page.bytes, 0)?;
            left -= here;
            self.write(page)?;
        }
        Ok(())
    }

    fn free_list(&mut self) -> Result<(), Error> {
        let mut trunk = self.free;
        while trunk != 0 {
            let mut page = self.read(trunk)?;
            let count = be32(&page.bytes, 4)? as usize;
            page.mark(0, 8 + 4 * count)?;
            let leaves = (0..count)
                .map(|leaf| be32(&page.bytes, 8 + 4 * leaf))
                .collect::<Result<Vec<_>, _>>()?;
            trunk = be32(&page.bytes, 0)?;
            self.write(page)?;
            for leaf in leaves {
                let page = self.read(leaf)?;
                self.write(page)?;
            }
        }
        Ok(())
    }

    /// Reads a page that was not read before: no page belongs to two.
    fn read(&mut self, number: u32) -> Result<Page, Error> {
        let seen = self.seen.get_mut(number as usize).ok_or_else(damaged)?;
        if number == 0 || number > self.pages || *seen {
            return Err(damaged());
        }
        *seen = true;
        // Pages are counted from one.
        if u64::from(number - 1) == LOCK_BYTE / self.page_len as u64 {
            return Err(damaged());
        }
        let bytes = page(self.connection, number)?;
        Ok(Page {
            number,
            bytes,
            used: vec![false; self.page_len],
        })
    }

    /// Overwrites what is not used of a page, if there is anything.
    fn write(&self, mut page: Page) -> Result<(), Error> {
        let mut is_changed = false;
        // What is kept free at the end is not for us.
        let ours = page.bytes.iter_mut().take(self.usable);
        for (byte, used) in ours.zip(&page.used) {
            if !used && *byte != 0 {
                *byte = 0;
                is_changed = true;
            }
        }
        if !is_changed {
            return Ok(());
        }
        self.connection
            .prepare_cached("UPDATE sqlite_dbpage SET data = ?2 WHERE pgno = ?1")?
            .execute(params![page.number, page.bytes])?;
        Ok(())
    }
}

impl Page {
    fn byte(&self, at: usize) -> Result<u8, Error> {
        self.bytes.get(at).copied().ok_or_else(damaged)
    }

    fn mark(&mut self, from: usize, len: usize) -> Result<(), Error> {
        self.used
            .get_mut(from..from.saturating_add(len))
            .ok_or_else(damaged)?
            .fill(true);
        Ok(())
    }
}

impl Kind {
    fn of(byte: u8) -> Result<Self, Error> {
        match byte {
            2 => Ok(Self::InteriorIndex),
            5 => Ok(Self::InteriorTable),
            10 => Ok(Self::LeafIndex),
            13 => Ok(Self::LeafTable),
            _ => Err(damaged()),
        }
    }

    fn is_leaf(self) -> bool {
        matches!(self, Self::LeafIndex | Self::LeafTable)
    }
}

fn be16(bytes: &[u8], at: usize) -> Result<u16, Error> {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.copied().map(u16::from_be_bytes).ok_or_else(damaged)
}

fn be32(bytes: &[u8], at: usize) -> Result<u32, Error> {
    let found = bytes.get(at..).and_then(<[u8]>::first_chunk);
    found.copied().map(u32::from_be_bytes).ok_or_else(damaged)
}

/// Reads a number of one to nine bytes, and moves behind it.
fn varint(bytes: &[u8], at: &mut usize) -> Result<u64, Error> {
    let mut value = 0_u64;
    for count in 1..=9 {
        let byte = *bytes.get(*at).ok_or_else(damaged)?;
        *at += 1;
        if count == 9 {
            return Ok(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7F);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Ok(value)
}

fn damaged() -> Error {
    Error::Corrupt("its pages are not as its format has them".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use rusqlite::{Connection, params};

    use super::wipe;
    use crate::DatabaseFile;

    const ROWS: u32 = 2000;

    /// Contents that tell their number wherever they are cut.
    fn held(number: u32, len: usize) -> Vec<u8> {
        format!("<{number:08}>").into_bytes().repeat(len / 10)
    }

    /// Which numbers a file tells, anywhere in it.
    fn told(path: &Path) -> BTreeSet<u32> {
        let file = std::fs::read(path).expect("the file");
        file.windows(10)
            .filter(|window| window.first() == Some(&b'<') && window.last() == Some(&b'>'))
            .filter_map(|window| std::str::from_utf8(window.get(1..9)?).ok()?.parse().ok())
            .collect()
    }

    fn len_of(number: u32) -> usize {
        match number % 50 {
            0 => 30_000,
            1 => 9_000,
            _ => 300 + number as usize % 97,
        }
    }

    #[test]
    fn nothing_of_what_was_removed_stays_and_nothing_of_what_is_there_goes() {
        let folder = onshore_testkit::TempFolder::new("wipe").expect("a folder");
        let path = folder.path().join("file.db");
        let file = DatabaseFile::from(&path);
        let connection = Connection::open(&path).expect("a database");
        connection
            .execute_batch(
                "PRAGMA page_size = 8192; PRAGMA secure_delete = OFF; PRAGMA synchronous = OFF;
                 CREATE TABLE keyed (id INTEGER, held BLOB, PRIMARY KEY (id, held)) STRICT, WITHOUT ROWID;
                 CREATE TABLE numbered (id INTEGER PRIMARY KEY, held BLOB) STRICT;
                 CREATE INDEX numbered_held ON numbered (held);
                 BEGIN;",
            )
            .expect("tables");
        let mut left = BTreeSet::new();
        for number in 0..ROWS {
            let at = number * 7919 % ROWS;
            let both = params![at, held(number, len_of(number))];
            for table in ["keyed", "numbered"] {
                connection
                    .execute(&format!("INSERT INTO {table} VALUES (?1, ?2)"), both)
                    .expect("a row");
            }
            left.insert(number);
        }
        for number in (0..ROWS).filter(|number| number % 3 != 0) {
            let at = number * 7919 % ROWS;
            for table in ["keyed", "numbered"] {
                let done = if number % 3 == 1 {
                    connection.execute(&format!("DELETE FROM {table} WHERE id = ?1"), [at])
                } else {
                    let new = held(number + ROWS, len_of(number) / 2);
                    let sql = format!("UPDATE {table} SET held = ?2 WHERE id = ?1");
                    connection.execute(&sql, params![at, new])
                };
                assert_eq!(done.expect("a change"), 1);
            }
            left.remove(&number);
            if number % 3 == 2 {
                left.insert(number + ROWS);
            }
        }
        connection.execute_batch("COMMIT;").expect("a commit");
        drop(connection);
        assert!(told(&path).len() > left.len(), "else this shows nothing");
        let before = std::fs::metadata(&path).expect("the file").len();
        wipe(&file).expect("wiped");
        assert_eq!(told(&path), left);
        assert_eq!(std::fs::metadata(&path).expect("the file").len(), before);

        let connection = Connection::open(&path).expect("a database");
        let verdict: String = connection
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("a verdict");
        assert_eq!(verdict, "ok");
        for table in ["keyed", "numbered"] {
            let mut statement = connection
                .prepare(&format!("SELECT held FROM {table}"))
                .expect("a statement");
            let rows = statement
                .query_map([], |row| row.get::<_, Vec<u8>>(0))
                .expect("rows");
            let mut found = BTreeSet::new();
            for row in rows {
                let row = row.expect("a row");
                let number = std::str::from_utf8(&row[1..9]).expect("digits");
                let number: u32 = number.parse().expect("a number");
                let len = if number < ROWS {
                    len_of(number)
                } else {
                    len_of(number - ROWS) / 2
                };
                assert_eq!(row, held(number, len));
                found.insert(number);
            }
            assert_eq!(found, left);
        }
        drop(connection);
        let after = std::fs::read(&path).expect("the file");
        wipe(&file).expect("wiped again");
        let again = std::fs::read(&path).expect("the file");
        assert!(again == after, "a second time changes nothing");
    }

    #[test]
    fn a_file_whose_pages_lead_astray_is_left_as_it_is() {
        let folder = onshore_testkit::TempFolder::new("astray").expect("a folder");
        let path = folder.path().join("file.db");
        let file = DatabaseFile::from(&path);
        let connection = Connection::open(&path).expect("a database");
        connection
            .execute_batch("CREATE TABLE t (id INTEGER PRIMARY KEY, held BLOB) STRICT;")
            .expect("a table");
        for number in 0..500 {
            connection
                .execute(
                    "INSERT INTO t VALUES (?1, ?2)",
                    params![number, held(number, 400)],
                )
                .expect("a row");
        }
        drop(connection);
        let good = std::fs::read(&path).expect("the file");
        // The root of the table is its second page: its children are made each other.
        for (at, byte) in [
            (4096 + 11, 2),
            (4096 + 3, 0xFF),
            (4096, 7),
            (4096 + 12, 0xFF),
        ] {
            let mut bad = good.clone();
            bad[at] = byte;
            std::fs::write(&path, &bad).expect("written");
            assert!(wipe(&file).is_err(), "{at}");
        }
    }
}
