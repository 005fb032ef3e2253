//! Making a point: the database is copied as one consistent state while the server may go on; the files that it names
//! never change, so each is copied once for all points. One that is gone belonged to an object that was removed meanwhile:
//! a newer state of the database does not name it any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail};
use onshore_db::{Database, DatabaseFile, Pages};
use onshore_gate::Clock;
use onshore_journal::Predecessor;
use onshore_keys::{FileRootKey, FileSeal, KeyProvider};
use onshore_types::Timestamp;

use super::files::{self, FileEntry};
use super::key_store::KeyStore;
use super::manifest::{self, FORMAT, LedgerHead, Point};
use super::pieces::InPieces;
use super::series::Series;
use super::state_copy::discard;
use crate::clock::SystemClock;
use crate::credentials;
use crate::exit::usage;
use crate::hidden_names::{self, Opened};
use crate::house::SCHEMAS;
use crate::output;

/// How much room a backup leaves on the disk of the data folder.
const ROOM_BYTES: u64 = 256 << 20;

/// A point on its way.
pub(crate) struct Making<'a> {
    pub(crate) data: &'a Path,
    pub(crate) copy: &'a Path,
    pub(crate) series: &'a Series,
    pub(crate) key_store: &'a KeyStore,
    pub(crate) keys: &'a FileRootKey,
}

impl Making<'_> {
    /// Makes a point behind the newest: keeps everything that it names, and says what that is.
    pub(crate) fn point(&self, newest: Option<&Point>) -> Result<Point> {
        let now = SystemClock::new().now();
        let made = match newest {
            Some(newest) if newest.made >= now => {
                Timestamp::from_millis(newest.made.as_millis() + 1)
            }
            Some(_) | None => now,
        };
        let number = newest.map_or(1, |newest| newest.number + 1);
        let Opened { file, seal } = hidden_names::open(self.data, self.keys)?;
        let (copy, state, bodies) = self.copy_state(&file, newest)?;
        let ledger = ledger_of(&state, self.keys)?;
        if let Some(newest) = newest {
            check_goes_on(self.series, &newest.ledger, &ledger)?;
        }
        self.check_none_lives(&state)?;
        self.key_store.erase(onshore_store::erased(&state)?)?;
        self.key_store.note_gone(&state, number)?;
        drop(state);
        self.withhold(&copy)?;
        let mut pieces = BTreeMap::new();
        Database::wipe(copy.clone()).context("the copy of the database cannot be cleared")?;
        let database = Pages::open(copy.clone())
            .map_err(Error::from)
            .and_then(|mut pages| self.series.pieces().keep(&mut pages))
            .context("the copy of the database cannot be kept")?;
        pieces.insert(manifest::DATABASE.to_owned(), database);
        self.keep_certificates(&seal, &mut pieces)?;
        self.keep_credentials(&mut pieces)?;
        Ok(Point {
            format: FORMAT,
            series: self.series.id().to_owned(),
            number,
            made,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ledger,
            pieces,
            hides_names: copy.is_encrypted(),
            bodies,
        })
    }

    /// Refuses a state with a version in it that the key store was told to destroy: a point of it would lack that version.
    fn check_none_lives(&self, state: &Database) -> Result<()> {
        let erased = self.key_store.erased()?;
        let living = state.read_blocking(|view| {
            let mut living = 0_usize;
            for owner in &erased {
                living += usize::from(onshore_store::owner_kind(view, owner)?.is_some());
            }
            Ok::<_, onshore_db::Error>(living)
        })?;
        if living > 0 {
            bail!(
                "the key store was told to destroy {living} versions that are in the data folder: no point of this series \
                 can hold them any more. Begin a series in another folder"
            );
        }
        Ok(())
    }

    /// Copies a state of the database and every file that it names and the series has not, and returns that state.
    fn copy_state(
        &self,
        file: &DatabaseFile,
        newest: Option<&Point>,
    ) -> Result<(DatabaseFile, Database, BTreeMap<String, FileEntry>)> {
        let source = Database::open_for_reading(file.clone(), &SCHEMAS)?;
        let known = |name: &str| newest.and_then(|newest| newest.bodies.get(name));
        let mut bodies = BTreeMap::new();
        let mut news = BTreeSet::new();
        let mut gone = BTreeSet::new();
        loop {
            self.check_room(file.path())?;
            discard(self.copy)?;
            let copy = source
                .copy_to(self.copy)
                .context("the database cannot be copied")?;
            let state = Database::open_for_reading(copy.clone(), &SCHEMAS)?;
            let named: BTreeSet<PathBuf> = onshore_store::named_files(&state)?
                .into_iter()
                .map(|path| Path::new("objects").join(path))
                .collect();
            let mut missing = BTreeSet::new();
            for path in &named {
                let name = path.to_string_lossy().into_owned();
                if bodies.contains_key(&name) {
                    continue;
                }
                match self.copy_body(path, known(&name), &mut news)? {
                    Some(entry) => {
                        bodies.insert(name, entry);
                    }
                    None => {
                        missing.insert(path.clone());
                    }
                }
            }
            if missing.is_empty() {
                bodies.retain(|name, _| named.contains(Path::new(name)));
                // What was removed meanwhile is not kept here.
                for path in news.difference(&named) {
                    fs::remove_file(self.series.folder().join(path))
                        .with_context(|| format!("cannot remove {}", path.display()))?;
                }
                return Ok((copy, state, bodies));
            }
            // A file goes after its row: what a later state still names was not removed, it is lost.
            if let Some(lost) = missing.intersection(&gone).next() {
                bail!(
                    "the file {} is missing and rows name it: run `onshore fsck`",
                    self.data.join(lost).display()
                );
            }
            gone.extend(missing);
        }
    }

    /// Refuses to fill the disk that the server writes to.
    fn check_room(&self, database: &Path) -> Result<()> {
        let len_bytes = database.metadata()?.len();
        let free_bytes = files::free_bytes(self.data)?;
        if free_bytes < len_bytes.saturating_add(ROOM_BYTES) {
            bail!(
                "a backup takes room for a copy of the database ({}) in the data folder for as long as it takes, and {} \
                 are free there",
                output::bytes(len_bytes),
                output::bytes(free_bytes)
            );
        }
        Ok(())
    }

    /// Copies a body that the series has not, and says what it is; none where it is not there.
    fn copy_body(
        &self,
        path: &PathBuf,
        known: Option<&FileEntry>,
        news: &mut BTreeSet<PathBuf>,
    ) -> Result<Option<FileEntry>> {
        let (from, to) = (self.data.join(path), self.series.folder().join(path));
        let there = to.metadata().ok().map(|file| file.len());
        match (known, there) {
            (Some(known), Some(len)) if known.len_bytes == len => return Ok(Some(known.clone())),
            _ => {}
        }
        match files::copy(&from, &to) {
            Ok(entry) => {
                if there.is_none() {
                    news.insert(path.clone());
                }
                Ok(Some(entry))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot copy {}", path.display())),
        }
    }

    /// Takes what opens versions out of the copy, and keeps it apart.
    fn withhold(&self, copy: &DatabaseFile) -> Result<()> {
        let pieces = self.series.pieces();
        Database::rework(copy.clone(), |unit| {
            onshore_store::withhold(
                unit,
                |owner, content| pieces.mark(owner, content),
                |withheld| self.key_store.keep(withheld),
            )
        })
        .context("what opens the versions cannot be kept apart")
    }

    fn keep_certificates(
        &self,
        seal: &FileSeal,
        kept: &mut BTreeMap<String, InPieces>,
    ) -> Result<()> {
        let folder = self.data.join("certificates");
        if !folder.is_dir() {
            return Ok(());
        }
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let name = format!("certificates/{name}");
            let pieces = File::open(&path)
                .and_then(|file| seal.reader(file))
                .map_err(Error::from)
                .and_then(|mut file| self.series.pieces().keep(&mut file))
                .with_context(|| format!("cannot keep {}", path.display()))?;
            kept.insert(name, pieces);
        }
        Ok(())
    }

    /// Keeps the credentials, sealed: whoever has the backup and not the root key is nobody.
    fn keep_credentials(&self, kept: &mut BTreeMap<String, InPieces>) -> Result<()> {
        let plain = match fs::read(credentials::path(self.data)) {
            Ok(plain) => plain,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).context("the credentials cannot be read"),
        };
        let sealed = self.keys.wrap(manifest::CREDENTIALS_CONTEXT, &plain)?;
        let sealed = self.series.pieces().keep_bytes(&sealed)?;
        kept.insert(manifest::CREDENTIALS.to_owned(), sealed);
        Ok(())
    }
}

/// Returns the ledger as a state of the database has it.
pub(crate) fn ledger_of(state: &Database, keys: &FileRootKey) -> Result<LedgerHead> {
    let ledger = Predecessor::in_database(state, keys)
        .context(
            "the ledger of the backup does not hold; after `onshore rekey` name the new root key and begin a series in \
             another folder",
        )?
        .context("the data folder has no ledger yet: start its server once")?;
    Ok(LedgerHead {
        key: ledger.verifier.to_string(),
        size: ledger.size,
        root: ledger.root.to_string(),
        leaves: ledger.leaves,
    })
}

/// Refuses a folder that is not the one of the newest point, or is as it was before that.
pub(crate) fn check_goes_on(series: &Series, newest: &LedgerHead, now: &LedgerHead) -> Result<()> {
    let series = series.folder().display();
    if newest.key != now.key {
        return Err(usage(format!(
            "{series} holds the backups of another data folder, or of this one before it was restored: begin a series in \
             another folder"
        )));
    }
    if newest.size > now.size || (newest.size == now.size && newest.root != now.root) {
        return Err(usage(format!(
            "the ledger of the data folder is shorter than that of the newest point in {series}: it was put back from \
             before. Use `onshore restore`, which says what it did, or begin a series in another folder"
        )));
    }
    Ok(())
}
