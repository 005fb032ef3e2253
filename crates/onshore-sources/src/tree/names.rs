//! The names of one folder as a source tells them, held to what a name can be, in the order of the keys beneath it, and no more
//! of them than there is room for.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};

use onshore_types::Timestamp;

use crate::Error;
use crate::source::OddityKind;
use crate::wire::lie;

/// How many names one folder may have: a source that tells of more does not come to an end.
const NAMES_MAX: u64 = 1 << 26;

/// The longest name, in bytes: more than any file system or service takes.
const NAME_BYTES_MAX: usize = 4096;

/// What lies in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its name, as bytes: not every source holds names to UTF-8.
    pub(crate) name: Vec<u8>,
    /// What it is.
    pub(crate) kind: FoundKind,
}

/// What something in a folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FoundKind {
    /// A file.
    File(FileState),
    /// A folder.
    Folder,
    /// Something that is no object to be had.
    Odd(OddityKind),
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileState {
    /// Its length.
    pub(crate) size_bytes: u64,
    /// What tells this state from any other.
    pub(crate) fingerprint: String,
    /// When it was last modified.
    pub(crate) modified: Option<Timestamp>,
}

impl Found {
    /// Returns the bytes it is ordered by: a folder counts with the slash that follows it in the keys beneath.
    pub(crate) fn order(&self) -> Vec<u8> {
        order_of(&self.name, self.kind == FoundKind::Folder)
    }
}

/// Returns the bytes that a name is ordered by.
pub(crate) fn order_of(name: &[u8], is_folder: bool) -> Vec<u8> {
    let mut order = name.to_vec();
    if is_folder {
        order.push(b'/');
    }
    order
}

/// The smallest names behind one, as many as there is room for.
#[derive(Debug)]
pub(crate) struct Smallest {
    after: Option<Vec<u8>>,
    heap: BinaryHeap<Ordered>,
    room: usize,
    told: u64,
    is_cut: bool,
}

#[derive(Debug, PartialEq, Eq)]
struct Ordered {
    order: Vec<u8>,
    found: Found,
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.cmp(&other.order)
    }
}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Smallest {
    pub(crate) fn new(after: Option<Vec<u8>>, room: usize) -> Self {
        Self {
            after,
            heap: BinaryHeap::new(),
            room,
            told: 0,
            is_cut: false,
        }
    }

    /// Takes what a source tells of its folder.
    ///
    /// # Errors
    /// [`Error::Protocol`] for a name that would lead out of the folder, or is none; and once there are more of them than a
    /// folder has.
    pub(crate) fn take(&mut self, found: Found) -> Result<(), Error> {
        self.told += 1;
        if self.told > NAMES_MAX {
            return Err(lie("a folder that does not come to an end"));
        }
        let name = found.name.as_slice();
        if name.is_empty() || name == b"." || name == b".." || name.contains(&b'/') {
            return Err(lie("a name in a folder that leads out of it"));
        }
        if name.len() > NAME_BYTES_MAX {
            return Err(lie("a name in a folder that is longer than a name can be"));
        }
        let order = found.order();
        if self.after.as_ref().is_some_and(|after| order <= *after) {
            return Ok(());
        }
        self.heap.push(Ordered { order, found });
        if self.heap.len() > self.room {
            self.heap.pop();
            self.is_cut = true;
        }
        Ok(())
    }

    /// Returns them in their order, and whether there are no more behind them.
    pub(crate) fn finish(self) -> (VecDeque<Found>, bool) {
        let mut sorted: Vec<Ordered> = self.heap.into_sorted_vec();
        // What is told twice is one thing: a folder has each name once.
        sorted.dedup_by(|one, other| one.order == other.order);
        let found = sorted.into_iter().map(|ordered| ordered.found).collect();
        (found, !self.is_cut)
    }
}

#[cfg(test)]
mod tests {
    use super::{FileState, Found, FoundKind, Smallest};

    fn file(name: &str) -> Found {
        Found {
            name: name.as_bytes().to_vec(),
            kind: FoundKind::File(FileState {
                size_bytes: 1,
                fingerprint: "x".to_owned(),
                modified: None,
            }),
        }
    }

    fn folder(name: &str) -> Found {
        Found {
            name: name.as_bytes().to_vec(),
            kind: FoundKind::Folder,
        }
    }

    fn told(after: Option<&str>, room: usize, all: &[Found]) -> (Vec<String>, bool) {
        let mut names = Smallest::new(after.map(|after| after.as_bytes().to_vec()), room);
        for found in all {
            names.take(found.clone()).expect("a name");
        }
        let (found, is_all) = names.finish();
        let names = found.into_iter().map(|one| String::from_utf8(one.name));
        (names.map(|name| name.expect("text")).collect(), is_all)
    }

    #[test]
    fn names_come_in_the_order_of_keys_however_little_room_there_is() {
        let all = [folder("a"), file("a.txt"), file("b"), file("a-"), file("b")];
        assert_eq!(told(None, 9, &all).0, ["a-", "a.txt", "a", "b"]);
        assert_eq!(
            told(None, 2, &all),
            (vec!["a-".into(), "a.txt".into()], false)
        );
        assert_eq!(
            told(Some("a.txt"), 9, &all),
            (vec!["a".into(), "b".into()], true)
        );
        assert_eq!(told(Some("a/"), 9, &all).0, ["b"]);
    }

    #[test]
    fn what_leads_out_of_a_folder_is_refused() {
        for bad in ["", ".", "..", "a/b", "/", "../x", &"x".repeat(5000)] {
            let refused = Smallest::new(None, 9).take(file(bad));
            assert!(refused.is_err(), "{bad}");
        }
        for good in ["...", ".a", "a\\b", "a\nb", " "] {
            assert!(Smallest::new(None, 9).take(file(good)).is_ok(), "{good}");
        }
    }
}
