//! The key store of a series of backups: what opens the versions in its points, sealed under the keys of their tenants.
//! It is kept apart from the series. Whoever has the series and the root key and not this reads names and no data; what
//! is removed here opens nowhere again.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use onshore_db::{CrashPoints, Database, Options, Schema, params};
use onshore_store::{Mark, OwnerKind, SecretOwner, Withheld};

use super::files;
use crate::exit::usage;

const FILE: &str = "keys.db";
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

    /// Makes a key store for a new series.
    pub(crate) fn create(folder: &Path, series: &str) -> Result<Self> {
        if folder.join(FILE).exists() {
            return Err(usage(format!(
                "{} is the key store of another series of backups",
                folder.display()
            )));
        }
        files::make_folder(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Made here, so that nobody else reads it.
        files::write(&folder.join(FILE), b"")?;
        let store = Self::at(folder)?;
        let id = series.to_owned();
        store.db.write_blocking(move |unit| {
            unit.execute("INSERT INTO series (one, id) VALUES (1, ?1)", params![id])
        })?;
        Ok(store)
    }

    /// Opens the key store of a series.
    pub(crate) fn open(folder: &Path, series: &str) -> Result<Self> {
        if !folder.join(FILE).is_file() {
            return Err(usage(format!(
                "{} holds no key store: name that of the series with --key-store",
                folder.display()
            )));
        }
        let store = Self::at(folder)?;
        let id: Option<String> = store
            .db
            .read_blocking(|view| view.one("SELECT id FROM series", params![], |row| row.get(0)))?;
        if id.as_deref() != Some(series) {
            return Err(usage(format!(
                "{} is the key store of another series of backups",
                folder.display()
            )));
        }
        Ok(store)
    }

    fn at(folder: &Path) -> Result<Self> {
        let options = Options {
            crash: CrashPoints::none(),
        };
        let db = Database::open(&folder.join(FILE), &[SCHEMA], options)
            .with_context(|| format!("cannot open the key store in {}", folder.display()))?;
        Ok(Self { db })
    }

    /// Destroys what opens these, whatever points they are in.
    pub(crate) fn erase(&self, owners: Vec<SecretOwner>) -> Result<u64> {
        Ok(self.db.write_blocking(move |unit| {
            let mut erased = 0;
            for owner in owners {
                let news = unit.execute(
                    "INSERT OR IGNORE INTO erased (owner) VALUES (?1)",
                    params![owner],
                )?;
                unit.execute("DELETE FROM owners WHERE owner = ?1", params![owner])?;
                erased += news as u64;
            }
            Ok::<_, onshore_db::Error>(erased)
        })?)
    }

    /// Notes which of those that were in earlier points are not in this state any more. Versions stay openable as long
    /// as there are points with them; an upload that is over is not brought back, and what became of it is a version.
    pub(crate) fn note_gone(&self, state: &Database, point: i64) -> Result<()> {
        let mut after: Vec<u8> = Vec::new();
        loop {
            let known = self.db.read_blocking(|view| {
                view.all(
                    "SELECT owner FROM owners WHERE gone IS NULL AND owner > ?1 ORDER BY owner LIMIT ?2",
                    params![after, PAGE],
                    |row| row.get::<_, SecretOwner>(0),
                )
            });
            let known: Vec<SecretOwner> = known.map_err(|error: onshore_db::Error| error)?;
            let Some(last) = known.last() else {
                break;
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
                    "INSERT OR IGNORE INTO owners (owner, kind) VALUES (?1, ?2)",
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

    /// Returns what was withheld, unless it was destroyed.
    pub(crate) fn find(&self, owner: &SecretOwner, mark: &Mark) -> Result<Option<Vec<u8>>> {
        let found = self.db.read_blocking(|view| {
            view.one(
                "SELECT content FROM kept WHERE owner = ?1 AND mark = ?2",
                params![owner, mark],
                |row| row.get(0),
            )
        });
        Ok(found.map_err(|error: onshore_db::Error| error)?)
    }

    /// Refuses to take for destroyed what is only missing.
    pub(crate) fn check_erased(&self, owner: &SecretOwner) -> Result<()> {
        let erased = self.db.read_blocking(|view| {
            view.one(
                "SELECT 1 FROM erased WHERE owner = ?1",
                params![owner],
                |_| Ok(()),
            )
        });
        if erased.map_err(|error: onshore_db::Error| error)?.is_none() {
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

    /// Leaves one file that is whole by itself, with nothing of what was removed beside it.
    pub(crate) fn close(self) -> Result<()> {
        Ok(self.db.fold_back()?)
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
