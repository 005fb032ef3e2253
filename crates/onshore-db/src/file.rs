//! Where a database is, and what its pages are encrypted with, if they are.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use zeroize::Zeroizing;

use crate::Error;

/// How long a key for pages is.
pub const PAGE_KEY_LEN_BYTES: usize = 32;
/// How long a page is, plain or encrypted: 8 KiB holds a version with its record on one page.
pub(crate) const PAGE_LEN_BYTES: usize = 8192;
/// Prepared statements kept by each connection.
const STATEMENTS_KEPT: usize = 256;
/// How long a connection waits for another process.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database file: its path, and the key of its pages if they are encrypted.
///
/// Encrypted pages are those of `SQLCipher` 4: AES-256-CBC with an initialization vector of their own and HMAC-SHA-512
/// for each, in the file and in its write-ahead log. Source: <https://www.zetetic.net/sqlcipher/design/>.
#[derive(Clone)]
pub struct DatabaseFile {
    path: PathBuf,
    key: Option<Zeroizing<[u8; PAGE_KEY_LEN_BYTES]>>,
}

impl DatabaseFile {
    /// A file whose pages are encrypted with this key.
    #[must_use]
    pub fn encrypted(path: PathBuf, key: [u8; PAGE_KEY_LEN_BYTES]) -> Self {
        Self {
            path,
            key: Some(Zeroizing::new(key)),
        }
    }

    /// Another file with the same key, if there is one.
    #[must_use]
    pub fn beside(&self, path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            key: self.key.clone(),
        }
    }

    /// Returns where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its pages are encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.key.is_some()
    }

    /// Returns the key as SQL takes it: raw, nothing is derived from it.
    pub(crate) fn key_in_sql(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(2 * PAGE_KEY_LEN_BYTES + 8));
        if let Some(key) = &self.key {
            text.push_str("x'");
            for byte in key.iter() {
                for digit in [byte >> 4, byte & 0xF] {
                    text.extend(char::from_digit(u32::from(digit), 16));
                }
            }
            text.push('\'');
        }
        text
    }

    pub(crate) fn connect(&self, flags: OpenFlags) -> Result<Connection, Error> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        if self.is_encrypted() {
            let key = self.key_in_sql();
            let unlock = Zeroizing::new(format!(
                "PRAGMA cipher_log_level = NONE; PRAGMA key = \"{}\"; PRAGMA cipher_page_size = {PAGE_LEN_BYTES};",
                *key
            ));
            connection.execute_batch(&unlock)?;
        }
        connection.execute_batch("PRAGMA cell_size_check = ON;")?;
        Ok(connection)
    }
}

impl From<&Path> for DatabaseFile {
    fn from(path: &Path) -> Self {
        path.to_owned().into()
    }
}

impl From<&PathBuf> for DatabaseFile {
    fn from(path: &PathBuf) -> Self {
        path.clone().into()
    }
}

impl From<PathBuf> for DatabaseFile {
    fn from(path: PathBuf) -> Self {
        Self { path, key: None }
    }
}

impl fmt::Debug for DatabaseFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseFile")
            .field("path", &self.path)
            .field("is_encrypted", &self.is_encrypted())
            .finish()
    }
}
