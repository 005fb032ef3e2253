//! `onshore backup`: adds a point to a series of backups while the server may go on. The database is copied as one
//! consistent state; the files that it names never change, so each is copied once for all points. One that is gone
//! belonged to an object that was removed meanwhile: a newer state of the database does not name it any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use onshore_db::Database;
use onshore_gate::Clock;
use onshore_journal::Predecessor;
use onshore_keys::{FileRootKey, KeyProvider};
use onshore_types::Timestamp;
use serde_json::json;

use crate::backup::files::{self, FileEntry};
use crate::backup::key_store::KeyStore;
use crate::backup::manifest::{self, FORMAT, LedgerHead, Point};
use crate::backup::pieces::InPieces;
use crate::backup::series::Series;
use crate::cli::{BackupArgs, BackupCommand, SeriesArgs, TargetArgs};
use crate::clock::SystemClock;
use crate::exit::{Exit, usage};
use crate::house::SCHEMAS;
use crate::output::{self, Style};
use crate::{credentials, first_start};

/// The copy of the database that a point is made of. It lies in the data folder, where what is in it lies anyway.
const COPY: &str = "backup.db";
/// Held while a point is made.
const LOCK: &str = "backup.lock";

pub(crate) fn run(target: &TargetArgs, args: &BackupArgs) -> Result<Exit> {
    match &args.command {
        None => add(target, &args.of),
        Some(BackupCommand::List { of }) => list(target, of),
        Some(BackupCommand::Check { of }) => check(target, of),
        Some(BackupCommand::Erase { of }) => erase(target, of),
        Some(BackupCommand::Prune { of, keep }) => prune(target, of, keep.get()),
    }
}

/// Opens the root key that is named, or the one in the data folder; none is made.
pub(super) fn root_key(data: Option<&Path>, named: Option<&Path>) -> Result<FileRootKey> {
    let path = match (named, data) {
        (Some(named), _) => named.to_owned(),
        (None, Some(data)) => data.join("root.key"),
        (None, None) => return Err(usage("name the root key with --keys")),
    };
    FileRootKey::open(&path).map_err(|error| {
        usage(format!(
            "{:#}; name it with --keys",
            anyhow::Error::new(error)
        ))
    })
}

fn add(target: &TargetArgs, args: &SeriesArgs) -> Result<Exit> {
    let data = data_folder(target)?;
    let folder = series_folder(args)?;
    let keys = root_key(Some(data), args.keys.as_deref())?;
    let _lock = lock(data)?;
    let place = KeyStore::path(folder, args.key_store.as_deref())?;
    let (series, key_store) = if Series::is_in(folder) {
        let series = Series::open(folder, &keys)?;
        let key_store = KeyStore::open(&place, series.id())?;
        (series, key_store)
    } else {
        let series = Series::create(folder, &keys)?;
        let key_store = KeyStore::create(&place, series.id())?;
        (series, key_store)
    };
    let newest = match series.newest(None)? {
        Some(point) => Some(point.read(&series, &keys)?.0),
        None => None,
    };
    let copy = data.join(COPY);
    let point = Making {
        data,
        copy: &copy,
        series: &series,
        key_store: &key_store,
        keys: &keys,
    }
    .point(newest.as_ref());
    // It is no part of the data folder.
    let removed = remove_copy(&copy);
    let point = point?;
    removed?;
    key_store.close()?;
    series.add(&point, &keys)?;
    show(target.style(), folder, &place, &point)?;
    Ok(Exit::Done)
}

/// A point on its way.
struct Making<'a> {
    data: &'a Path,
    copy: &'a Path,
    series: &'a Series,
    key_store: &'a KeyStore,
    keys: &'a FileRootKey,
}

impl Making<'_> {
    fn point(&self, newest: Option<&Point>) -> Result<Point> {
        let now = SystemClock::new().now();
        let made = match newest {
            Some(newest) if newest.made >= now => {
                Timestamp::from_millis(newest.made.as_millis() + 1)
            }
            Some(_) | None => now,
        };
        let number = newest.map_or(1, |newest| newest.number + 1);
        let (state, bodies) = self.copy_state(newest)?;
        let ledger = Predecessor::in_database(&state, self.keys)
            .context("the ledger of the backup does not hold")?
            .context("the data folder has no ledger yet: start its server once")?;
        let ledger = LedgerHead {
            key: ledger.verifier.to_string(),
            size: ledger.size,
            root: ledger.root.to_string(),
            leaves: ledger.leaves,
        };
        if newest.is_some_and(|newest| newest.ledger.key != ledger.key) {
            return Err(usage(format!(
                "{} holds the backups of another data folder, or of this one before it was restored: begin a series in \
                 another folder",
                self.series.folder().display()
            )));
        }
        self.key_store.erase(onshore_store::erased(&state)?)?;
        self.key_store.note_gone(&state, number)?;
        drop(state);
        self.withhold()?;
        let mut pieces = BTreeMap::new();
        let database = self.series.pieces().keep(self.copy)?;
        pieces.insert(manifest::DATABASE.to_owned(), database);
        self.keep_certificates(&mut pieces)?;
        self.keep_credentials(&mut pieces)?;
        Ok(Point {
            format: FORMAT,
            series: self.series.id().to_owned(),
            number,
            made,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ledger,
            pieces,
            bodies,
        })
    }

    /// Copies a state of the database and every file that it names and the series has not, and returns that state.
    fn copy_state(
        &self,
        newest: Option<&Point>,
    ) -> Result<(Database, BTreeMap<String, FileEntry>)> {
        let source = Database::open_for_reading(&self.data.join("onshore.db"), &SCHEMAS)?;
        let known = |name: &str| newest.and_then(|newest| newest.bodies.get(name));
        let mut bodies = BTreeMap::new();
        let mut news = BTreeSet::new();
        let mut gone = BTreeSet::new();
        loop {
            remove_copy(self.copy)?;
            source
                .copy_to(self.copy)
                .context("the database cannot be copied")?;
            let state = Database::open_for_reading(self.copy, &SCHEMAS)?;
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
                return Ok((state, bodies));
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
    fn withhold(&self) -> Result<()> {
        let pieces = self.series.pieces();
        Database::rework(self.copy, |unit| {
            onshore_store::withhold(
                unit,
                |owner, content| pieces.mark(owner, content),
                |withheld| self.key_store.keep(withheld),
            )
        })
        .context("what opens the versions cannot be kept apart")
    }

    fn keep_certificates(&self, kept: &mut BTreeMap<String, InPieces>) -> Result<()> {
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
            kept.insert(name, self.series.pieces().keep(&path)?);
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

fn list(target: &TargetArgs, args: &SeriesArgs) -> Result<Exit> {
    let (series, keys) = open(target, args)?;
    let mut points = Vec::new();
    for file in series.points()? {
        points.push(file.read(&series, &keys)?.0);
    }
    match target.style() {
        Style::Json => output::json(
            &points
                .iter()
                .map(|point| {
                    json!({
                        "made": point.made,
                        "number": point.number,
                        "bytes": point.len_bytes(),
                        "ledger": point.ledger,
                    })
                })
                .collect::<Vec<_>>(),
        )?,
        Style::Text => {
            let rows: Vec<_> = points
                .iter()
                .map(|point| {
                    vec![
                        point.made.to_string(),
                        output::bytes(point.len_bytes()),
                        point.ledger.leaves.to_string(),
                    ]
                })
                .collect();
            output::table(&["MADE", "DATA", "LEAVES"], &rows);
        }
    }
    Ok(Exit::Done)
}

fn check(target: &TargetArgs, args: &SeriesArgs) -> Result<Exit> {
    let (series, keys) = open(target, args)?;
    let points = series.points()?;
    for file in &points {
        let (point, _) = file.read(&series, &keys)?;
        series.check(&point)?;
    }
    match target.style() {
        Style::Json => output::json(&json!({ "points": points.len(), "sound": true }))?,
        Style::Text => output::line(&format!(
            "{} points, everything is what was backed up. Whether the key store opens it shows a restore.",
            points.len()
        )),
    }
    Ok(Exit::Done)
}

fn erase(target: &TargetArgs, args: &SeriesArgs) -> Result<Exit> {
    let data = data_folder(target)?;
    let (series, _) = open(target, args)?;
    let key_store = open_key_store(&series, args)?;
    let state = Database::open_for_reading(&data.join("onshore.db"), &SCHEMAS)?;
    let erased = key_store.erase(onshore_store::erased(&state)?)?;
    key_store.close()?;
    match target.style() {
        Style::Json => output::json(&json!({ "erased": erased }))?,
        Style::Text => output::line(&format!(
            "{erased} versions open in no point any more that did before, or might have."
        )),
    }
    Ok(Exit::Done)
}

fn prune(target: &TargetArgs, args: &SeriesArgs, keep: u32) -> Result<Exit> {
    let (series, keys) = open(target, args)?;
    let key_store = open_key_store(&series, args)?;
    let points = series.points()?;
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    let (old, stay) = points.split_at(points.len().saturating_sub(keep));
    for point in old {
        point.remove()?;
    }
    let mut oldest = None;
    for point in stay {
        let number = point.read(&series, &keys)?.0.number;
        oldest = Some(oldest.map_or(number, |oldest: i64| oldest.min(number)));
    }
    let freed_bytes = series.sweep(&keys)?;
    if let Some(oldest) = oldest {
        key_store.prune(oldest)?;
    }
    key_store.close()?;
    match target.style() {
        Style::Json => output::json(&json!({
            "removed": old.len(),
            "kept": stay.len(),
            "freed_bytes": freed_bytes,
        }))?,
        Style::Text => output::line(&format!(
            "{} points removed, {} kept, {} freed.",
            old.len(),
            stay.len(),
            output::bytes(freed_bytes)
        )),
    }
    Ok(Exit::Done)
}

fn data_folder(target: &TargetArgs) -> Result<&Path> {
    let data = target
        .data
        .as_deref()
        .ok_or_else(|| usage("name the data folder: onshore backup --data DIR --to FOLDER"))?;
    if !data.join("onshore.db").is_file() {
        return Err(usage(format!("{} holds no Onshore data", data.display())));
    }
    first_start::check_folder(data)?;
    Ok(data)
}

fn series_folder(args: &SeriesArgs) -> Result<&Path> {
    args.series
        .as_deref()
        .ok_or_else(|| usage("name the series of backups with --to"))
}

fn open(target: &TargetArgs, args: &SeriesArgs) -> Result<(Series, FileRootKey)> {
    let keys = root_key(target.data.as_deref(), args.keys.as_deref())?;
    Ok((Series::open(series_folder(args)?, &keys)?, keys))
}

fn open_key_store(series: &Series, args: &SeriesArgs) -> Result<KeyStore> {
    let place = KeyStore::path(series.folder(), args.key_store.as_deref())?;
    KeyStore::open(&place, series.id())
}

/// Keeps others from making a point of this data folder meanwhile.
fn lock(data: &Path) -> Result<File> {
    let path = data.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    if file.try_lock().is_err() {
        bail!("another backup of {} is under way", data.display());
    }
    Ok(file)
}

fn remove_copy(copy: &Path) -> Result<()> {
    match fs::remove_file(copy) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", copy.display()))
        }
        _ => Ok(()),
    }
}

fn show(style: Style, folder: &Path, key_store: &Path, point: &Point) -> Result<()> {
    let ledger = &point.ledger;
    match style {
        Style::Json => output::json(&json!({
            "made": point.made,
            "number": point.number,
            "folder": folder,
            "key_store": key_store,
            "files": point.pieces.len() + point.bodies.len(),
            "bytes": point.len_bytes(),
            "ledger": ledger,
        })),
        Style::Text => {
            output::line(&format!(
                "made       {}, point {}",
                point.made, point.number
            ));
            output::line(&format!("folder     {}", folder.display()));
            output::line(&format!("key store  {}", key_store.display()));
            output::line(&format!(
                "files      {}, {}",
                point.pieces.len() + point.bodies.len(),
                output::bytes(point.len_bytes())
            ));
            output::line(&format!(
                "ledger     {} leaves, root {} at size {}",
                ledger.leaves, ledger.root, ledger.size
            ));
            output::line(
                "Neither the root key nor what opens the versions is in the folder. Keep the three apart: the folder, the \
                 key store, the root key. A restore takes all of them.",
            );
            Ok(())
        }
    }
}
