//! The key store of a series of backups: what opens the versions in its points, sealed under the keys of their tenants.
//! It is kept apart from the series. What is removed here opens nowhere again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use onshore_db::{CrashPoints, Database, Options, Schema, View, params};
use onshore_store::{Mark, OwnerKind, SecretOwner, Withheld};

use super::files;
use super::pieces::Pieces;
use crate::exit::usage;

const FILE: &str = "keys.db";
const DAMAGED: &str = "the key store is damaged: what it holds is not what was withheld";
/// Owners that are looked at between two looks at the state.
const PAGE: u32 = 10_000;

/// The tables. `owners` tells since which point an owner is not there any more; `erased` what was destroyed on purpose.
const SCHEMA: Schema = Schema {
    keeper: "backup keys",
    steps: &["
        CREATE TABLE series (
            one INTEGER PRIMARY KEY CHECK (one = 1),
            id  TEXT NOT NULL
        ) STRICT;

        CREATE TABLE owners (
            owner BLOB PRIMARY KEY,
            kind  TEXT NOT NULL,
            gone  INTEGER
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX owners_here ON owners (owner) WHERE gone IS NULL;
        CREATE INDEX owners_gone ON owners (gone) WHERE gone IS NOT NULL;

        CREATE TABLE kept (
            owner   BLOB NOT NULL,
            mark    BLOB NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (owner, mark)
        ) STRICT, WITHOUT ROWID;
        CREATE TRIGGER owner_goes AFTER DELETE ON owners BEGIN
            DELETE FROM kept WHERE owner = OLD.owner;
        END;

        CREATE TABLE erased (
            owner BLOB PRIMARY KEY
        ) STRICT, WITHOUT ROWID;
    "],
};

/// A key store.
#[derive(Debug)]
pub(crate) struct KeyStore {
    db: Database,
    path: PathBuf,
}

impl KeyStore {
    /// Returns where it is: where the caller says, else beside the series.
    pub(crate) fn path(series: &Path, said: Option<&Path>) -> Result<PathBuf> {
        if let Some(said) = said {
            return Ok(said.to_owned());
        }
        let mut name = series
            .file_name()
            .ok_or_else(|| usage("name the folder of the key store with --key-store"))?
            .to_owned();
        name.push(".keys");
        Ok(series.with_file_name(name))
    }

    /// Makes a key store for a new series. One that holds nothing yet, as a beginning that was broken off leaves it, is
    /// taken.
    pub(crate) fn create(folder: &Path, series: &str) -> Result<Self> {
        files::make_folder(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if !folder.join(FILE).exists() {
            // Made here, so that nobody else reads it.
            files::write(&folder.join(FILE), b"")?;
            files::sync_upward(folder)?;
        }
        let store = Self::at(folder)?;
        let id = series.to_owned();
        let is_new = store.db.write_blocking(move |unit| {
            let held = unit.one(
                "SELECT 1 FROM owners UNION ALL SELECT 1 FROM erased",
                params![],
                |_| Ok(()),
            )?;
            if held.is_some() {
                return Ok(false);
            }
            unit.execute(
                "INSERT INTO series (one, id) VALUES (1, ?1) ON CONFLICT (one) DO UPDATE SET id = ?1",
                params![id],
            )?;
            Ok::<_, onshore_db::Error>(true)
        })?;
        if is_new {
            Ok(store)
        } else {
            Err(other_series(folder))
        }
    }

    /// Opens the key store of a series.
    pub(crate) fn open(folder: &Path, series: &str) -> Result<Self> {
        if !folder.join(FILE).is_file() {
            return Err(missing(folder));
        }
        Self::at(folder)?.of_series(folder, series)
    }

    /// Opens the key store of a series to look at it. Its folder need not be one that can be written.
    pub(crate) fn look(folder: &Path, series: &str) -> Result<Self> {
        let path = folder.join(FILE);
        if !path.is_file() {
            return Err(missing(folder));
        }
        let db = Database::open_for_reading(&path, &[SCHEMA])
            .with_context(|| format!("cannot open the key store in {}", folder.display()))?;
        Self { db, path }.of_series(folder, series)
    }

    /// Destroys what opens these, whatever points they are in, and returns for how many of them there was anything.
    pub(crate) fn erase(&self, owners: Vec<SecretOwner>) -> Result<u64> {
        Ok(self.db.write_blocking(move |unit| {
            let mut erased = 0;
            for owner in owners {
                unit.execute(
                    "INSERT OR IGNORE INTO erased (owner) VALUES (?1)",
                    params![owner],
                )?;
                let held = unit.execute("DELETE FROM owners WHERE owner = ?1", params![owner])?;
                erased += held as u64;
            }
            Ok::<_, onshore_db::Error>(erased)
        })?)
    }

    /// Returns everything that it was told to destroy.
    pub(crate) fn erased(&self) -> Result<Vec<SecretOwner>> {
        self.look_up(|view| view.all("SELECT owner FROM erased", params![], |row| row.get(0)))
    }

    /// Notes which of those that were in earlier points are not in this state any more. Versions stay openable as long
    /// as there are points with them.
    pub(crate) fn note_gone(&self, state: &Database, point: i64) -> Result<()> {
        let mut after: Vec<u8> = Vec::new();
        loop {
            let known: Vec<SecretOwner> = self.look_up(|view| {
                view.all(
                    "SELECT owner FROM owners WHERE gone IS NULL AND owner > ?1 ORDER BY owner LIMIT ?2",
                    params![after, PAGE],
                    |row| row.get(0),
                )
            })?;
            let Some(last) = known.last() else {
                return Ok(());
            };
            after = last.to_vec();
            let gone = state.read_blocking(|view| {
                let mut gone = Vec::new();
                for owner in known {
                    if onshore_store::owner_kind(view, &owner)?.is_none() {
                        gone.push(owner);
                    }
                }
                Ok::<_, onshore_db::Error>(gone)
            })?;
            self.db.write_blocking(move |unit| {
                for owner in gone {
                    unit.execute(
                        "UPDATE owners SET gone = ?2 WHERE owner = ?1",
                        params![owner, point],
                    )?;
                }
                Ok::<_, onshore_db::Error>(())
            })?;
        }
    }

    /// Destroys what opens uploads that are over: what became of them are versions, which are erased by themselves. Not
    /// before the point is there that does not know them any more.
    pub(crate) fn forget_uploads_over(&self) -> Result<()> {
        self.forget("kind = 'upload' AND gone IS NOT NULL", 0)
    }

    /// Keeps what was withheld from a point. What was erased is not kept again.
    pub(crate) fn keep(&self, withheld: Vec<Withheld>) -> Result<(), onshore_db::Error> {
        self.db.write_blocking(move |unit| {
            for Withheld {
                owner,
                kind,
                mark,
                content,
            } in withheld
            {
                let erased = unit.one(
                    "SELECT 1 FROM erased WHERE owner = ?1",
                    params![owner],
                    |_| Ok(()),
                )?;
                if erased.is_some() {
                    continue;
                }
                let kind = match kind {
                    OwnerKind::Version => "version",
                    OwnerKind::Upload => "upload",
                };
                unit.execute(
                    "INSERT INTO owners (owner, kind) VALUES (?1, ?2)
                     ON CONFLICT (owner) DO UPDATE SET gone = NULL WHERE gone IS NOT NULL",
                    params![owner, kind],
                )?;
                unit.execute(
                    "INSERT OR IGNORE INTO kept (owner, mark, content) VALUES (?1, ?2, ?3)",
                    params![owner, mark, content],
                )?;
            }
            Ok(())
        })
    }

    /// Returns what was withheld, unless it was destroyed. It is what was withheld, or an error.
    pub(crate) fn find(
        &self,
        pieces: &Pieces,
        owner: &SecretOwner,
        mark: &Mark,
    ) -> Result<Option<Vec<u8>>> {
        let found: Option<Vec<u8>> = self.look_up(|view| {
            view.one(
                "SELECT content FROM kept WHERE owner = ?1 AND mark = ?2",
                params![owner, mark],
                |row| row.get(0),
            )
        })?;
        if let Some(content) = &found
            && pieces.mark(owner, content) != *mark
        {
            bail!(DAMAGED);
        }
        Ok(found)
    }

    /// Compares everything in it with the marks that stand for it, and returns how much is damaged.
    pub(crate) fn check(&self, pieces: &Pieces) -> Result<u64> {
        let mut damaged = 0;
        self.look_up(|view| {
            view.each("SELECT owner, mark, content FROM kept", params![], |row| {
                let (owner, mark): (SecretOwner, Mark) = (row.get(0)?, row.get(1)?);
                let content: Vec<u8> = row.get(2)?;
                damaged += u64::from(pieces.mark(&owner, &content) != mark);
                Ok(())
            })
        })?;
        Ok(damaged)
    }

    /// Refuses to take for destroyed what is only missing.
    pub(crate) fn check_erased(&self, owner: &SecretOwner) -> Result<()> {
        let erased = self.look_up(|view| {
            view.one(
                "SELECT 1 FROM erased WHERE owner = ?1",
                params![owner],
                |_| Ok(()),
            )
        })?;
        if erased.is_none() {
            bail!(
                "the key store lacks what opens a version of this point and was not told to destroy it: it is older than \
                 the point, or damaged"
            );
        }
        Ok(())
    }

    /// Destroys what no point from this one on has.
    pub(crate) fn prune(&self, oldest: i64) -> Result<()> {
        self.forget("gone <= ?1", oldest)
    }

    /// Leaves one file that is whole by itself, with nothing of what was removed in it or beside it.
    pub(crate) fn close(self) -> Result<()> {
        let Self { db, path } = self;
        db.fold_back()?;
        db.close()?;
        Database::wipe(&path).context("the key store cannot be brought to rest")
    }

    fn at(folder: &Path) -> Result<Self> {
        let options = Options {
            crash: CrashPoints::none(),
        };
        let path = folder.join(FILE);
        let db = Database::open(&path, &[SCHEMA], options)
            .with_context(|| format!("cannot open the key store in {}", folder.display()))?;
        Ok(Self { db, path })
    }

    fn of_series(self, folder: &Path, series: &str) -> Result<Self> {
        let id: Option<String> =
            self.look_up(|view| view.one("SELECT id FROM series", params![], |row| row.get(0)))?;
        if id.as_deref() == Some(series) {
            Ok(self)
        } else {
            Err(other_series(folder))
        }
    }

    fn look_up<T>(
        &self,
        look: impl FnOnce(&View<'_>) -> Result<T, onshore_db::Error>,
    ) -> Result<T> {
        Ok(self.db.read_blocking(look)?)
    }

    fn forget(&self, which: &'static str, oldest: i64) -> Result<()> {
        self.db.write_blocking(move |unit| {
            unit.execute(
                &format!("DELETE FROM owners WHERE {which} AND ?1 IS NOT NULL"),
                params![oldest],
            )
        })?;
        Ok(())
    }
}

fn missing(folder: &Path) -> anyhow::Error {
    usage(format!(
        "{} holds no key store: name that of the series with --key-store",
        folder.display()
    ))
}

fn other_series(folder: &Path) -> anyhow::Error {
    usage(format!(
        "{} is the key store of another series of backups",
        folder.display()
    ))
}
