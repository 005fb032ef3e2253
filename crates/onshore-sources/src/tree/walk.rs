//! The walk over a tree of folders elsewhere: every file once, in the order of their keys, with memory bounded however many names
//! a folder has and however deep it lies. A folder is asked for again rather than held in full.

use std::collections::VecDeque;

use crate::Error;
use crate::source::{Entry, ListCursor, Oddity, OddityKind, Page};
use crate::tree::Tree;
use crate::tree::names::{Found, FoundKind, Smallest, order_of};
use crate::wire::lie;

/// How many things a page names.
const PAGE_LEN: usize = 1000;

/// How many names of one folder are held, and how many of all folders on the way before those above let go of theirs.
const ROOM: usize = 32_768;

/// The longest key, in bytes.
const KEY_BYTES_MAX: usize = 1024;

/// A walk under way.
#[derive(Debug)]
pub(super) struct Walk {
    levels: Vec<Level>,
    /// The path of what was named last, as raw bytes.
    last: Option<Vec<u8>>,
    room: usize,
}

/// One folder on the way down.
#[derive(Debug)]
struct Level {
    /// Its path with a slash behind it; empty at the root.
    prefix: String,
    batch: VecDeque<Found>,
    /// Everything up to here has been taken.
    after: Option<Vec<u8>>,
    is_exhausted: bool,
    /// Whether it comes from a position that was kept, so that it may be gone without anybody having listed it now.
    is_of_position: bool,
}

enum Step {
    Entry(Entry),
    Oddity(Oddity),
    /// Went into a folder, or out of one.
    Nothing,
    End,
}

impl Walk {
    /// Begins behind the cursor, whether or not what it names is still there.
    pub(super) fn begin(after: Option<&ListCursor>) -> Result<Self, Error> {
        let last = after.map(decode_cursor).transpose()?;
        let mut walk = Self {
            levels: vec![Level::new(String::new())],
            last: None,
            room: ROOM,
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

    /// Walks on for one page. What was named before something failed is a page; the next one meets the fault again.
    pub(super) async fn page(&mut self, tree: &dyn Tree) -> Result<Page, Error> {
        let mut page = Page::default();
        while page.entries.len() + page.oddities.len() < PAGE_LEN {
            match self.step(tree).await {
                Ok(Step::Entry(entry)) => page.entries.push(entry),
                Ok(Step::Oddity(oddity)) => page.oddities.push(oddity),
                Ok(Step::Nothing) => {}
                Ok(Step::End) => return Ok(page),
                Err(error) if page.entries.is_empty() && page.oddities.is_empty() => {
                    return Err(error);
                }
                Err(_) => break,
            }
        }
        page.next = self.cursor();
        Ok(page)
    }

    /// Stands each folder on the way to a path behind what the path names in it.
    fn seek(&mut self, path: &[u8]) -> Result<(), Error> {
        let mut segments = path.split(|byte| *byte == b'/').peekable();
        while let (Some(segment), Some(level)) = (segments.next(), self.levels.last_mut()) {
            if segments.peek().is_none() {
                // Should it have been a folder, it is named once more: repeating is harmless, skipping is not.
                level.after = Some(order_of(segment, false));
                return Ok(());
            }
            level.after = Some(order_of(segment, true));
            let name = std::str::from_utf8(segment).map_err(|_| foreign_cursor())?;
            let below = format!("{}{name}/", level.prefix);
            self.levels.push(Level {
                is_of_position: true,
                ..Level::new(below)
            });
        }
        Ok(())
    }

    async fn step(&mut self, tree: &dyn Tree) -> Result<Step, Error> {
        let is_root = self.levels.len() == 1;
        let Some(level) = self.levels.last() else {
            return Ok(Step::End);
        };
        if level.batch.is_empty() && !level.is_exhausted {
            match self.refill(tree).await {
                Ok(()) => {}
                Err(Error::Gone { .. } | Error::Forbidden { .. }) if !is_root => {
                    return Ok(self.unread());
                }
                Err(error) => return Err(error),
            }
        }
        let Some(level) = self.levels.last_mut() else {
            return Ok(Step::End);
        };
        let Some(found) = level.batch.pop_front() else {
            self.levels.pop();
            return Ok(Step::Nothing);
        };
        level.after = Some(found.order());
        let path = [level.prefix.as_bytes(), &found.name].concat();
        let step = step_of(&level.prefix, found);
        match step {
            Stepped::Into(below) => {
                self.levels.push(Level::new(below));
                Ok(Step::Nothing)
            }
            Stepped::Named(named) => {
                self.last = Some(path);
                Ok(named)
            }
        }
    }

    /// Leaves the folder that cannot be read. One that was listed a moment ago and is not there is named, too: whether it is gone
    /// or its name does not mean the same on the way back, nobody knows.
    fn unread(&mut self) -> Step {
        let Some(level) = self.levels.pop() else {
            return Step::End;
        };
        if level.is_of_position {
            return Step::Nothing;
        }
        self.last = Some(level.prefix.trim_end_matches('/').as_bytes().to_vec());
        Step::Oddity(Oddity {
            name: level.prefix,
            why: OddityKind::FolderUnreadable,
        })
    }

    /// Asks for the smallest names behind the last one taken.
    async fn refill(&mut self, tree: &dyn Tree) -> Result<(), Error> {
        let (Some(level), above) = pop_last(&mut self.levels) else {
            return Ok(());
        };
        if above.iter().map(|level| level.batch.len()).sum::<usize>() > self.room {
            for level in above {
                level.let_go();
            }
        }
        let mut names = Smallest::new(level.after.clone(), self.room);
        tree.list(&level.prefix, &mut names).await?;
        (level.batch, level.is_exhausted) = names.finish();
        Ok(())
    }
}

fn pop_last(levels: &mut [Level]) -> (Option<&mut Level>, &mut [Level]) {
    match levels.split_last_mut() {
        Some((last, above)) => (Some(last), above),
        None => (None, &mut []),
    }
}

/// What becomes of something found.
enum Stepped {
    Into(String),
    Named(Step),
}

fn step_of(prefix: &str, found: Found) -> Stepped {
    let Ok(name) = std::str::from_utf8(&found.name) else {
        let name = unspeakable(prefix, &found.name);
        return odd(name, OddityKind::NameNotUtf8);
    };
    let key = format!("{prefix}{name}");
    match found.kind {
        FoundKind::Odd(why) => odd(key, why),
        FoundKind::File(state) => Stepped::Named(Step::Entry(Entry {
            key,
            size_bytes: state.size_bytes,
            fingerprint: state.fingerprint,
            modified: state.modified,
            place: None,
        })),
        FoundKind::Folder if key.len() >= KEY_BYTES_MAX => {
            odd(format!("{key}/"), OddityKind::PathTooLong)
        }
        FoundKind::Folder => Stepped::Into(format!("{key}/")),
    }
}

impl Level {
    fn new(prefix: String) -> Self {
        Self {
            prefix,
            batch: VecDeque::new(),
            after: None,
            is_exhausted: false,
            is_of_position: false,
        }
    }

    /// Forgets names that are asked for again.
    fn let_go(&mut self) {
        if !self.batch.is_empty() {
            self.batch = VecDeque::new();
            self.is_exhausted = false;
        }
    }
}

fn odd(name: String, why: OddityKind) -> Stepped {
    Stepped::Named(Step::Oddity(Oddity { name, why }))
}

/// Spells a name that is not UTF-8. No key of a tree holds two slashes in a row, so no key is spelt like this.
fn unspeakable(prefix: &str, name: &[u8]) -> String {
    format!("{prefix}/{}", name.escape_ascii())
}

fn encode_cursor(path: &[u8]) -> ListCursor {
    ListCursor(hex::encode(path))
}

fn decode_cursor(cursor: &ListCursor) -> Result<Vec<u8>, Error> {
    hex::decode(cursor.as_str()).map_err(|_| foreign_cursor())
}

fn foreign_cursor() -> Error {
    lie("a listing position that no listing of folders made")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use async_trait::async_trait;
    use onshore_types::ByteRange;

    use super::Walk;
    use crate::source::{ByteStream, Details, OddityKind};
    use crate::tree::Tree;
    use crate::tree::names::{FileState, Found, FoundKind, Smallest};
    use crate::{Error, ListCursor};

    /// Folders by their path with a slash behind it.
    #[derive(Debug, Default)]
    struct Grown {
        folders: BTreeMap<String, Vec<Found>>,
        asked: Mutex<u32>,
        fails_at: Option<u32>,
        is_endless: bool,
    }

    #[async_trait]
    impl Tree for Grown {
        async fn list(&self, folder: &str, names: &mut Smallest) -> Result<(), Error> {
            {
                let mut asked = self.asked.lock().expect("not poisoned");
                *asked += 1;
                if self.fails_at == Some(*asked) {
                    return Err(Error::Unavailable {
                        what: "503".to_owned(),
                    });
                }
            }
            if self.is_endless {
                return names.take(folder_of("again"));
            }
            let found = self.folders.get(folder).ok_or_else(|| Error::Gone {
                what: "404".to_owned(),
            })?;
            found.iter().try_for_each(|found| names.take(found.clone()))
        }

        async fn state(&self, _: &str) -> Result<FileState, Error> {
            Err(Error::Changed)
        }

        async fn details(&self, _: &str) -> Result<Details, Error> {
            Err(Error::Changed)
        }

        async fn read(&self, _: &str, _: &Details, _: ByteRange) -> Result<ByteStream, Error> {
            Err(Error::Changed)
        }
    }

    fn file_of(name: &str) -> Found {
        Found {
            name: name.as_bytes().to_vec(),
            kind: FoundKind::File(FileState {
                size_bytes: 1,
                fingerprint: "x".to_owned(),
                modified: None,
            }),
        }
    }

    fn folder_of(name: &str) -> Found {
        Found {
            name: name.as_bytes().to_vec(),
            kind: FoundKind::Folder,
        }
    }

    fn grown(files: &[String]) -> Grown {
        let mut tree = Grown::default();
        tree.folders.insert(String::new(), Vec::new());
        for path in files {
            let mut prefix = String::new();
            let mut segments = path.split('/').peekable();
            while let Some(segment) = segments.next() {
                let is_file = segments.peek().is_none();
                let found = if is_file {
                    file_of(segment)
                } else {
                    folder_of(segment)
                };
                let held = tree.folders.entry(prefix.clone()).or_default();
                if !held.contains(&found) {
                    held.insert(0, found);
                }
                prefix = format!("{prefix}{segment}/");
            }
        }
        tree
    }

    async fn keys(tree: &Grown, room: usize, is_resumed: bool) -> Vec<String> {
        let mut walk = Walk::begin(None).expect("begins");
        walk.room = room;
        let mut keys = Vec::new();
        loop {
            let Ok(page) = walk.page(tree).await else {
                continue;
            };
            keys.extend(page.entries.into_iter().map(|entry| entry.key));
            let Some(next) = page.next else { return keys };
            if is_resumed {
                walk = Walk::begin(Some(&next)).expect("resumes");
                walk.room = room;
            }
        }
    }

    fn many() -> Vec<String> {
        let mut paths: Vec<String> = (0..1500).map(|n| format!("a/b{}/{n}", n % 7)).collect();
        paths.extend((0..1500).map(|n| format!("a.{n}")));
        paths.extend(["a-", "a0", "z/y/x/w", "z/y.x"].map(str::to_owned));
        paths
    }

    #[tokio::test]
    async fn every_file_comes_once_in_the_order_of_keys() {
        let mut expected = many();
        let mut tree = grown(&expected);
        expected.sort_unstable();
        for room in [3, 100, 40_000] {
            for is_resumed in [false, true] {
                assert_eq!(keys(&tree, room, is_resumed).await, expected, "{room}");
            }
        }
        // A fault in the middle of a page loses and repeats nothing.
        for at in 1..12 {
            tree.fails_at = Some(at);
            *tree.asked.lock().expect("not poisoned") = 0;
            assert_eq!(keys(&tree, 40_000, false).await, expected, "{at}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_a_key_is_named() {
        let mut tree = grown(&["a/x".to_owned(), "b".to_owned()]);
        let root = tree.folders.get_mut("").expect("the root");
        root.push(folder_of("gone"));
        root.push(Found {
            name: b"\xff".to_vec(),
            kind: FoundKind::Folder,
        });
        root.push(Found {
            name: b"link".to_vec(),
            kind: FoundKind::Odd(OddityKind::SymbolicLink),
        });
        let page = Walk::begin(None).expect("begins").page(&tree).await;
        let page = page.expect("a page");
        let odd: Vec<_> = page
            .oddities
            .iter()
            .map(|one| (one.name.as_str(), one.why))
            .collect();
        assert_eq!(
            odd,
            [
                ("gone/", OddityKind::FolderUnreadable),
                ("link", OddityKind::SymbolicLink),
                ("/\\xff", OddityKind::NameNotUtf8),
            ]
        );
        assert_eq!(page.entries.len(), 2);
        // What a kept position names may be gone without anybody having lost it.
        let cursor = ListCursor::from_kept(hex::encode("gone/before/x"));
        let page = Walk::begin(Some(&cursor))
            .expect("resumes")
            .page(&tree)
            .await;
        assert_eq!(page.expect("a page").oddities.len(), 2);
        let foreign = ListCursor::from_kept("xyz".to_owned());
        assert!(Walk::begin(Some(&foreign)).is_err());
    }

    #[tokio::test]
    async fn folders_without_an_end_end() {
        let tree = Grown {
            is_endless: true,
            ..Grown::default()
        };
        let page = Walk::begin(None).expect("begins").page(&tree).await;
        let page = page.expect("a page");
        assert_eq!(page.oddities.len(), 1);
        assert_eq!(page.oddities[0].why, OddityKind::PathTooLong);
        assert!(page.next.is_none());
    }
}
