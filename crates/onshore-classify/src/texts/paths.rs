//! The names under which values stand within one another, and the columns that they are.

use std::collections::HashMap;

use super::Sheet;
use crate::columns::COLUMNS_MAX;
use crate::records::NO_COLUMN;

/// A longer name is not told apart from others that begin so.
pub(super) const NAME_MAX: usize = 128;

/// A name within others.
pub(super) type Path = usize;

/// What is within nothing.
pub(super) const ROOT: Path = 0;

/// The names that there are.
#[derive(Debug)]
pub(super) struct Paths {
    paths: Vec<Named>,
    known: HashMap<(Path, Vec<u8>), Path>,
}

#[derive(Debug)]
struct Named {
    name: Vec<u8>,
    parent: Path,
    column: usize,
    /// What came behind it when it was last there: records are much the same.
    next: Path,
    /// What came first within it.
    first: Path,
}

impl Paths {
    pub(super) fn new() -> Self {
        let root = Named {
            name: Vec::new(),
            parent: ROOT,
            column: NO_COLUMN,
            next: ROOT,
            first: ROOT,
        };
        Self {
            paths: vec![root],
            known: HashMap::new(),
        }
    }

    pub(super) fn column(&self, path: Path) -> usize {
        self.paths.get(path).map_or(NO_COLUMN, |path| path.column)
    }

    /// Returns the name within another, behind the one that came before it there, if one did.
    pub(super) fn within(
        &mut self,
        parent: Path,
        before: Option<Path>,
        name: &[u8],
        sheet: &mut Sheet,
    ) -> Path {
        let name = name.get(..NAME_MAX).unwrap_or(name);
        let likely = match before {
            Some(before) => self.paths.get(before).map(|before| before.next),
            None => self.paths.get(parent).map(|parent| parent.first),
        };
        let likely = likely.unwrap_or(ROOT);
        let is_it = |path: &Named| path.parent == parent && path.name == name;
        if likely != ROOT && self.paths.get(likely).is_some_and(is_it) {
            return likely;
        }
        let path = self.find(parent, name, sheet);
        let hint = match before {
            Some(before) => self.paths.get_mut(before).map(|before| &mut before.next),
            None => self.paths.get_mut(parent).map(|parent| &mut parent.first),
        };
        if let Some(hint) = hint {
            *hint = path;
        }
        path
    }

    fn find(&mut self, parent: Path, name: &[u8], sheet: &mut Sheet) -> Path {
        let key = (parent, name.to_vec());
        if let Some(path) = self.known.get(&key) {
            return *path;
        }
        // What is within too many names is like what is within none.
        if self.paths.len() >= COLUMNS_MAX {
            return ROOT;
        }
        let word = String::from_utf8_lossy(name);
        let column = sheet
            .columns
            .within(self.column(parent), &word, sheet.finder);
        let path = self.paths.len();
        self.paths.push(Named {
            name: name.to_vec(),
            parent,
            column,
            next: ROOT,
            first: ROOT,
        });
        self.known.insert(key, path);
        path
    }
}
