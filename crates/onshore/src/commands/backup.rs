//! `onshore backup`: adds a point to a series of backups while the server may go on. The database is copied as one
//! consistent state; the files that it names never change, so each is copied once for all points. One that is gone
//! belonged to an object that was removed meanwhile: a newer state of the database does not name it any more.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use onshore_db::Database;
use onshore_gate::Clock;
use onshore_journal::Predecessor;
use onshore_keys::{FileRootKey, KeyProvider};
use onshore_store::SecretOwner;
use onshore_types::{BucketName, ObjectKey, Timestamp};
use serde_json::json;

use crate::backup::files::{self, FileEntry};
use crate::backup::key_store::KeyStore;
use crate::backup::manifest::{self, FORMAT, LedgerHead, Point};
use crate::backup::pieces::InPieces;
use crate::backup::series::Series;
use crate::backup::state_copy::{StateCopy, discard};
use crate::cli::{BackupArgs, BackupCommand, ErasedKeyArgs, SeriesArgs, TargetArgs};
use crate::clock::SystemClock;
use crate::exit::{Exit, usage};
use crate::house::SCHEMAS;
use crate::output::{self, Style};
use crate::{credentials, first_start};

/// How much room a backup leaves on the disk of the data folder.
const ROOM_BYTES: u64 = 256 << 20;

pub(crate) fn run(target: &TargetArgs, args: &BackupArgs) -> Result<Exit> {
    match &args.command {
        None => add(target, &args.of),
        Some(BackupCommand::List { of }) => list(target, of),
        Some(BackupCommand::Check { of }) => check(target, of),
        Some(BackupCommand::Erase { of, which }) => erase(target, of, which),
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
    let place = KeyStore::path(folder, args.key_store.as_deref())?;
    check_apart(&[data, folder, &place])?;
    let copy = StateCopy::take(data)?;
    let (series, key_store) = if Series::is_in(folder) {
        let series = Series::open(folder, &keys)?;
        let key_store = KeyStore::open(&place, series.id())?;
        (series, key_store)
    } else {
        Series::create(folder, &place, &keys)?
    };
    let newest = match series.newest(None)? {
        Some(point) => Some(point.read(&series, &keys)?.0),
        None => None,
    };
    let making = Making {
        data,
        copy: copy.path(),
        series: &series,
        key_store: &key_store,
        keys: &keys,
    };
    let point = making.point(newest.as_ref())?;
    copy.remove()?;
    series.add(&point, &keys)?;
    key_store.forget_uploads_over()?;
    key_store.close()?;
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
        let ledger = ledger_of(&state, self.keys)?;
        if let Some(newest) = newest {
            check_goes_on(self.series, &newest.ledger, &ledger)?;
        }
        self.check_none_lives(&state)?;
        self.key_store.erase(onshore_store::erased(&state)?)?;
        self.key_store.note_gone(&state, number)?;
        drop(state);
        self.withhold()?;
        let mut pieces = BTreeMap::new();
        Database::wipe(self.copy).context("the copy of the database cannot be cleared")?;
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
        newest: Option<&Point>,
    ) -> Result<(Database, BTreeMap<String, FileEntry>)> {
        let source_path = self.data.join("onshore.db");
        let source = Database::open_for_reading(&source_path, &SCHEMAS)?;
        let known = |name: &str| newest.and_then(|newest| newest.bodies.get(name));
        let mut bodies = BTreeMap::new();
        let mut news = BTreeSet::new();
        let mut gone = BTreeSet::new();
        loop {
            self.check_room(&source_path)?;
            discard(self.copy)?;
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

    /// Refuses to fill the disk that the server writes to.
    fn check_room(&self, database: &Path) -> Result<()> {
        let len_bytes = database.metadata()?.len();
        let disk = rustix::fs::statvfs(self.data).context("the disk cannot be asked for room")?;
        let free_bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
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

fn ledger_of(state: &Database, keys: &FileRootKey) -> Result<LedgerHead> {
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
fn check_goes_on(series: &Series, newest: &LedgerHead, now: &LedgerHead) -> Result<()> {
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

fn list(target: &TargetArgs, args: &SeriesArgs) -> Result<Exit> {
    let (series, keys) = look(target, args)?;
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
    let (series, keys) = look(target, args)?;
    let place = KeyStore::path(series.folder(), args.key_store.as_deref())?;
    let key_store = KeyStore::look(&place, series.id())?;
    let points = series.points()?;
    let mut damaged = Vec::new();
    let mut compared = HashSet::new();
    for file in &points {
        let (point, _) = file.read(&series, &keys)?;
        damaged.extend(series.check(&point, &mut compared));
    }
    match key_store.check(series.pieces())? {
        0 => {}
        rows => damaged.push(format!("{rows} rows of the key store")),
    }
    match target.style() {
        Style::Json => output::json(&json!({
            "points": points.len(),
            "sound": damaged.is_empty(),
            "damaged": damaged,
        }))?,
        Style::Text => {
            for what in &damaged {
                output::line(&format!("damaged  {what}"));
            }
            output::line(&if damaged.is_empty() {
                format!("{} points, everything is what was backed up.", points.len())
            } else {
                "Remove what is damaged in the series: the next point writes it anew where the data folder still has it."
                    .to_owned()
            });
        }
    }
    Ok(if damaged.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn erase(target: &TargetArgs, args: &SeriesArgs, which: &ErasedKeyArgs) -> Result<Exit> {
    let data = data_folder(target)?;
    let (series, keys) = open(target, args)?;
    let key_store = open_key_store(&series, args)?;
    // One that a backup left which was killed holds what is to be destroyed.
    let copy = StateCopy::take(data)?;
    let state = Database::open_for_reading(&data.join("onshore.db"), &SCHEMAS)?;
    let newest = match series.newest(None)? {
        Some(point) => Some(point.read(&series, &keys)?.0),
        None => None,
    };
    // Of another folder only what was erased there is told; what is here or gone there says nothing of this series.
    let is_its_own = match &newest {
        Some(newest) => match check_goes_on(&series, &newest.ledger, &ledger_of(&state, &keys)?) {
            Ok(()) => true,
            Err(error) if which.bucket.is_some() => return Err(error),
            Err(_) => false,
        },
        None => true,
    };
    let mut owners = onshore_store::erased(&state)?;
    if let (Some(bucket), Some(key)) = (&which.bucket, &which.key) {
        let found = find_versions(&series, &keys, copy.path(), bucket, key)?;
        let mut live = 0_usize;
        for owner in found {
            match state.read_blocking(|view| onshore_store::owner_kind(view, &owner))? {
                Some(_) => live += 1,
                None => owners.push(owner),
            }
        }
        if live > 0 {
            return Err(usage(format!(
                "{live} versions of this key are in the data folder still: erase those first with `onshore erase`"
            )));
        }
    }
    let erased = key_store.erase(owners)?;
    if is_its_own {
        let next = newest.map_or(1, |newest| newest.number + 1);
        key_store.note_gone(&state, next)?;
        key_store.forget_uploads_over()?;
    }
    copy.remove()?;
    key_store.close()?;
    match target.style() {
        Style::Json => output::json(&json!({ "erased": erased }))?,
        Style::Text => output::line(&format!(
            "{erased} versions that opened until now open in no point of this series any more."
        )),
    }
    Ok(Exit::Done)
}

/// Returns the versions that any point has of a key.
fn find_versions(
    series: &Series,
    keys: &FileRootKey,
    room: &Path,
    bucket: &BucketName,
    key: &ObjectKey,
) -> Result<BTreeSet<SecretOwner>> {
    let mut found = BTreeSet::new();
    for file in series.points()? {
        let (point, _) = file.read(series, keys)?;
        let database = point
            .pieces
            .get(manifest::DATABASE)
            .context("a point has no database")?;
        files::fill(room, |file| series.pieces().give(database, file))?;
        let versions =
            Database::rework(room, |unit| onshore_store::versions_in(unit, bucket, key))?;
        found.extend(versions);
    }
    Ok(found)
}

fn prune(target: &TargetArgs, args: &SeriesArgs, keep: u32) -> Result<Exit> {
    let (series, keys) = open(target, args)?;
    let key_store = open_key_store(&series, args)?;
    let points = series.points()?;
    let keep = usize::try_from(keep).unwrap_or(usize::MAX);
    let (old, stay) = points.split_at(points.len().saturating_sub(keep));
    // Nothing goes before it is known that what stays is there, and that the database of the newest reads.
    let mut oldest = None;
    for (at, file) in stay.iter().enumerate() {
        let (point, _) = file.read(&series, &keys)?;
        let is_newest = at + 1 == stay.len();
        if !series.has_all_of(&point) || (is_newest && !series.pieces_hold(&point)) {
            bail!(
                "the point of {} lacks something: `onshore backup check` says what; nothing was removed",
                point.made
            );
        }
        oldest = Some(oldest.map_or(point.number, |oldest: i64| oldest.min(point.number)));
    }
    for point in old {
        point.remove()?;
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

fn look(target: &TargetArgs, args: &SeriesArgs) -> Result<(Series, FileRootKey)> {
    let keys = root_key(target.data.as_deref(), args.keys.as_deref())?;
    Ok((Series::look(series_folder(args)?, &keys)?, keys))
}

fn open_key_store(series: &Series, args: &SeriesArgs) -> Result<KeyStore> {
    let place = KeyStore::path(series.folder(), args.key_store.as_deref())?;
    KeyStore::open(&place, series.id())
}

/// Refuses folders that lie in each other: what is kept apart is to be apart.
pub(super) fn check_apart(folders: &[&Path]) -> Result<()> {
    let mut whole = Vec::new();
    for folder in folders {
        let folder = std::path::absolute(folder)?;
        // Of one that is not there yet the part that is, so that links are followed.
        let there = folder
            .ancestors()
            .find(|path| path.symlink_metadata().is_ok())
            .unwrap_or(&folder);
        let rest = folder.strip_prefix(there).unwrap_or(Path::new(""));
        if rest.components().any(|part| part == Component::ParentDir) {
            return Err(usage(format!("name {} without `..`", folder.display())));
        }
        let there = fs::canonicalize(there)
            .map_err(|_| usage(format!("{} is a link that leads nowhere", there.display())))?;
        whole.push(there.join(rest));
    }
    for (at, one) in whole.iter().enumerate() {
        for other in whole.iter().skip(at + 1) {
            if one.starts_with(other) || other.starts_with(one) {
                return Err(usage(format!(
                    "{} and {} lie in each other: data folder, series and key store are to be apart",
                    one.display(),
                    other.display()
                )));
            }
        }
    }
    Ok(())
}

fn show(style: Style, folder: &Path, key_store: &Path, point: &Point) -> Result<()> {
    let ledger = &point.ledger;
    match style {
        Style::Json => output::json(&json!({
            "made": point.made,
            "number": point.number,
            "folder": folder.display().to_string(),
            "key_store": key_store.display().to_string(),
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
