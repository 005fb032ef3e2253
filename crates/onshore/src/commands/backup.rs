//! `onshore backup`: adds a point to a series of backups, and looks after the series.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use onshore_db::Database;
use onshore_keys::FileRootKey;
use onshore_store::SecretOwner;
use onshore_types::{BucketName, ObjectKey};
use serde_json::json;

use crate::backup::files;
use crate::backup::key_store::KeyStore;
use crate::backup::making::{Making, check_goes_on, ledger_of};
use crate::backup::manifest::{self, Point};
use crate::backup::series::Series;
use crate::backup::state_copy::StateCopy;
use crate::cli::{BackupArgs, BackupCommand, ErasedKeyArgs, SeriesArgs, TargetArgs};
use crate::exit::{Exit, usage};
use crate::house::SCHEMAS;
use crate::output::{self, Style};
use crate::{first_start, hidden_names};

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
    let state = Database::open_for_reading(hidden_names::open(data, &keys)?.file, &SCHEMAS)?;
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
