//! The walk over a folder: every file once, in the order of their keys, with memory bounded however many names a
//! directory holds. A directory is read again for each batch of names rather than held in full.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use cap_std::fs::{Dir, DirEntry};

use crate::Error;
use crate::folder::{entry_of, fault};
use crate::source::{Entry, ListCursor, Oddity, OddityKind, Page};

/// How many things a page names.
const PAGE_LEN: usize = 1000;

/// How many names of one directory are held.
const BATCH_LEN: usize = 8192;

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 1024;

/// A walk under way.
#[derive(Debug)]
pub(super) struct Walk {
    levels: Vec<Level>,
    /// The path of what was named last, as raw bytes.
    last: Option<Vec<u8>>,
}

/// One directory on the way down.
#[derive(Debug)]
struct Level {
    dir: Dir,
    /// Its path with a slash behind it; empty at the root. It is UTF-8, or the walk would not have entered it.
    prefix: String,
    batch: VecDeque<Name>,
    /// Everything up to here has been taken.
    after: Option<Vec<u8>>,
    exhausted: bool,
}

/// A name in a directory, ordered as the keys beneath it are: a directory counts with the slash that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    order: Vec<u8>,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Directory,
    Link,
    Special,
}

/// What one step of the walk found.
enum Step {
    Entry(Entry),
    Oddity(Oddity),
    /// Went into a directory, or met something that vanished meanwhile.
    Nothing,
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.cmp(&other.order)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Walk {
    /// Begins behind the cursor, whether or not what it names is still there.
    pub(super) fn begin(root: &Dir, after: Option<&ListCursor>) -> Result<Self, Error> {
        let last = after.map(decode_cursor).transpose()?;
        let mut walk = Self {
            levels: vec![Level::new(root.try_clone().map_err(fault)?, String::new())],
            last: None,
        };
        if let Some(path) = &last {
            walk.seek(path)?;
        }
        walk.last = last;
        Ok(walk)
    }

    /// Returns the cursor that the next page begins behind.
    pub(super) fn cursor(&self) -> Option<ListCursor> {
        self.last.as_deref().map(encode_cursor)
    }

    /// Walks on for one page.
    pub(super) fn page(&mut self) -> Result<Page, Error> {
        let mut page = Page::default();
        while page.entries.len() + page.oddities.len() < PAGE_LEN {
            let Some(level) = self.levels.last_mut() else {
                return Ok(page);
            };
            let Some(name) = level.next()? else {
                self.levels.pop();
                continue;
            };
            let mut path = level.prefix.clone().into_bytes();
            path.extend_from_slice(name.file_name().as_bytes());
            match self.step(&name)? {
                Step::Entry(entry) => page.entries.push(entry),
                Step::Oddity(oddity) => page.oddities.push(oddity),
                Step::Nothing => continue,
            }
            self.last = Some(path);
        }
        page.next = self.cursor();
        Ok(page)
    }

    /// Opens the directories on the way to a path, each standing behind what the path names in it.
    fn seek(&mut self, path: &[u8]) -> Result<(), Error> {
        let mut segments = path.split(|byte| *byte == b'/').peekable();
        while let (Some(segment), Some(level)) = (segments.next(), self.levels.last_mut()) {
            if segments.peek().is_none() {
                // Should it have been a directory, it is named once more: repeating is harmless, skipping is not.
                level.after = Some(order_of(segment, false));
                return Ok(());
            }
            level.after = Some(order_of(segment, true));
            let below = format!("{}{}/", level.prefix, String::from_utf8_lossy(segment));
            let Ok(Enter::Entered(dir)) = enter(&level.dir, &OsString::from_vec(segment.to_vec()))
            else {
                return Ok(());
            };
            self.levels.push(Level::new(dir, below));
        }
        Ok(())
    }

    fn step(&mut self, name: &Name) -> Result<Step, Error> {
        let level = self.levels.last().expect("a name comes from a level");
        let file_name = name.file_name();
        let Some(text) = file_name.to_str() else {
            let name = unspeakable(&level.prefix, file_name.as_bytes());
            return Ok(odd(name, OddityKind::NameNotUtf8));
        };
        let key = format!("{}{text}", level.prefix);
        match name.kind {
            Kind::Link => Ok(odd(key, OddityKind::SymbolicLink)),
            Kind::Special => Ok(odd(key, OddityKind::SpecialFile)),
            Kind::File => match level.dir.symlink_metadata(&file_name) {
                Ok(metadata) => match entry_of(key, &metadata) {
                    Ok(entry) => Ok(Step::Entry(entry)),
                    // Replaced by something else since the directory was read: the next listing shows what it is.
                    Err(_) => Ok(Step::Nothing),
                },
                Err(error) => match fault(error) {
                    Error::Gone { .. } => Ok(Step::Nothing),
                    Error::Forbidden { .. } => Ok(odd(key, OddityKind::FileUnreadable)),
                    other => Err(other),
                },
            },
            Kind::Directory if key.len() >= KEY_BYTES_MAX => {
                Ok(odd(format!("{key}/"), OddityKind::PathTooLong))
            }
            Kind::Directory => match enter(&level.dir, &file_name)? {
                Enter::Entered(dir) => {
                    self.levels.push(Level::new(dir, format!("{key}/")));
                    Ok(Step::Nothing)
                }
                Enter::Unreadable => Ok(odd(format!("{key}/"), OddityKind::FolderUnreadable)),
                Enter::Vanished => Ok(Step::Nothing),
            },
        }
    }
}

impl Level {
    fn new(dir: Dir, prefix: String) -> Self {
        Self {
            dir,
            prefix,
            batch: VecDeque::new(),
            after: None,
            exhausted: false,
        }
    }

    fn next(&mut self) -> Result<Option<Name>, Error> {
        if self.batch.is_empty() && !self.exhausted {
            self.refill()?;
        }
        let name = self.batch.pop_front();
        if let Some(name) = &name {
            self.after = Some(name.order.clone());
        }
        Ok(name)
    }

    /// Reads the directory for the smallest names behind the last one taken.
    fn refill(&mut self) -> Result<(), Error> {
        let mut smallest = BinaryHeap::with_capacity(BATCH_LEN + 1);
        self.exhausted = true;
        for entry in self.dir.entries().map_err(fault)? {
            let name = Name::of(&entry.map_err(fault)?)?;
            if self
                .after
                .as_ref()
                .is_some_and(|after| name.order <= *after)
            {
                continue;
            }
            smallest.push(name);
            if smallest.len() > BATCH_LEN {
                smallest.pop();
                self.exhausted = false;
            }
        }
        self.batch = smallest.into_sorted_vec().into();
        Ok(())
    }
}

impl Name {
    fn of(entry: &DirEntry) -> Result<Self, Error> {
        let kind = entry.file_type().map_err(fault)?;
        let kind = if kind.is_symlink() {
            Kind::Link
        } else if kind.is_dir() {
            Kind::Directory
        } else if kind.is_file() {
            Kind::File
        } else {
            Kind::Special
        };
        let order = order_of(entry.file_name().as_bytes(), kind == Kind::Directory);
        Ok(Self { order, kind })
    }

    fn file_name(&self) -> OsString {
        let bytes = self.order.strip_suffix(b"/").unwrap_or(&self.order);
        OsString::from_vec(bytes.to_vec())
    }
}

enum Enter {
    Entered(Dir),
    Unreadable,
    Vanished,
}

/// Opens a directory, unless something else has taken its place.
fn enter(parent: &Dir, name: &OsString) -> Result<Enter, Error> {
    let opened = parent.symlink_metadata(name).and_then(|listed| {
        let dir = parent.open_dir(name)?;
        let same = listed.is_dir() && is_same(&listed, &dir.dir_metadata()?);
        // Asking for the names finds out here whether they may be read.
        dir.entries()?;
        Ok(same.then_some(dir))
    });
    match opened {
        Ok(Some(dir)) => Ok(Enter::Entered(dir)),
        Ok(None) => Ok(Enter::Vanished),
        Err(error) => match fault(error) {
            Error::Forbidden { .. } => Ok(Enter::Unreadable),
            Error::Gone { .. } | Error::Changed => Ok(Enter::Vanished),
            other => Err(other),
        },
    }
}

fn is_same(one: &cap_std::fs::Metadata, other: &cap_std::fs::Metadata) -> bool {
    use cap_std::fs::MetadataExt;
    one.ino() == other.ino() && one.dev() == other.dev()
}

fn order_of(name: &[u8], directory: bool) -> Vec<u8> {
    let mut order = name.to_vec();
    if directory {
        order.push(b'/');
    }
    order
}

fn odd(name: String, why: OddityKind) -> Step {
    Step::Oddity(Oddity { name, why })
}

/// Spells a name that is not UTF-8. No key of a folder holds two slashes in a row, so no key is spelt like this.
fn unspeakable(prefix: &str, name: &[u8]) -> String {
    format!("{prefix}/{}", name.escape_ascii())
}

fn encode_cursor(path: &[u8]) -> ListCursor {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(path.len() * 2);
    for byte in path {
        write!(text, "{byte:02x}").expect("a String takes every text");
    }
    ListCursor(text)
}

fn decode_cursor(cursor: &ListCursor) -> Result<Vec<u8>, Error> {
    let bad = || Error::Protocol {
        what: "a listing position that no listing of a folder made".to_owned(),
    };
    let digits = cursor.as_str().as_bytes();
    if !digits.len().is_multiple_of(2) {
        return Err(bad());
    }
    digits
        .chunks_exact(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).map_err(|_| bad())?;
            u8::from_str_radix(pair, 16).map_err(|_| bad())
        })
        .collect()
}
