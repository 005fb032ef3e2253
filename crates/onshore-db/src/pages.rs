//! The pages of a file as SQLite sees them, decrypted where they are encrypted: for reading them one behind the other, and
//! for whoever goes through them.

use std::io::{self, Read};
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::{DatabaseFile, Error};

/// The pages of a file that nobody changes, as a plain file would hold them.
///
/// An encrypted page keeps room at its end for what decrypts it; here it is zeroes.
#[derive(Debug)]
pub struct Pages {
    connection: Connection,
    count: u32,
    /// How much of a page is for SQLite.
    usable: usize,
    next: u32,
    page: Vec<u8>,
    taken: usize,
}

/// Where the first page says how much of each page is kept free.
const RESERVED_AT: usize = 20;

impl Pages {
    /// Begins with the first page.
    ///
    /// # Errors
    /// Those of opening and reading.
    pub fn open(file: impl Into<DatabaseFile>) -> Result<Self, Error> {
        let connection = file.into().connect(OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.execute_batch("BEGIN;")?;
        let count = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let first = page(&connection, 1)?;
        let reserved = first.get(RESERVED_AT).copied().unwrap_or_default();
        Ok(Self {
            usable: first.len().saturating_sub(usize::from(reserved)),
            connection,
            count,
            next: 1,
            page: Vec::new(),
            taken: 0,
        })
    }
}

impl Read for Pages {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.page.len() && self.next <= self.count {
            self.page = page(&self.connection, self.next).map_err(io::Error::other)?;
            if let Some(free) = self.page.get_mut(self.usable..) {
                free.fill(0);
            }
            self.taken = 0;
            self.next += 1;
        }
        let mut left = self.page.get(self.taken..).unwrap_or_default();
        let len = left.read(into)?;
        self.taken += len;
        Ok(len)
    }
}

/// Returns a page, counted from one.
pub(crate) fn page(connection: &Connection, number: u32) -> Result<Vec<u8>, Error> {
    let sql = "SELECT data FROM sqlite_dbpage WHERE pgno = ?1";
    Ok(connection
        .prepare_cached(sql)?
        .query_row([number], |row| row.get(0))?)
}

/// Whether a file begins as a plain database does.
///
/// # Errors
/// Why it cannot be read.
pub fn is_plain(path: &Path) -> io::Result<bool> {
    const BEGINNING: &[u8] = b"SQLite format 3\0";
    let mut found = Vec::with_capacity(BEGINNING.len());
    std::fs::File::open(path)?
        .take(BEGINNING.len() as u64)
        .read_to_end(&mut found)?;
    Ok(found == BEGINNING)
}
