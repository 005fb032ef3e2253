//! `onshore restore`: makes a data folder of a backup. The ledger goes on as a new log, since the old one may have
//! signed more than the backup knows; approvals must be granted again, since what they let out meanwhile is unknown.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use onshore_db::{CrashPoints, Database};
use onshore_gate::{Afresh, Clock, Restored};
use onshore_keys::{FileRootKey, KeyProvider};
use onshore_ledger::{
    Checkpoint, TileLevel, TileRef, VerifierKey, decode_entries, parse_leaf, verify_tiles,
};
use onshore_store::{OwnerKind, SecretOwner};
use onshore_types::{Timestamp, VersionId};
use serde::Serialize;
use serde_json::json;

use crate::backup::files::{self, FileEntry};
use crate::backup::key_store::KeyStore;
use crate::backup::manifest::{self, LedgerHead, Point, Whole};
use crate::backup::series::Series;
use crate::backup::state_copy::discard;
use crate::cli::{RestoreArgs, TargetArgs};
use crate::clock::SystemClock;
use crate::commands::backup::{check_apart, root_key};
use crate::credentials::{self, Credentials};
use crate::exit::{Exit, usage};
use crate::first_start::RESTORING;
use crate::hidden_names;
use crate::house::{FolderLock, SCHEMAS, make_folder};
use crate::output::{self, Style};

/// The old log as it was known last, and what it acknowledged after the backup.
#[derive(Debug)]
struct LastKnown {
    checkpoint: Checkpoint,
    versions: Vec<LostVersion>,
    /// What was erased after the backup.
    erased: Vec<SecretOwner>,
}

/// A version that was acknowledged and is not in the backup.
#[derive(Debug, Serialize)]
struct LostVersion {
    leaf: u64,
    bucket: String,
    version: String,
}

/// A backup that is restored: a point of a series, or one of format 1.
enum Backup {
    Point {
        series: Box<Series>,
        key_store: KeyStore,
        point: Point,
    },
    Whole {
        folder: PathBuf,
        manifest: Whole,
    },
}

pub(crate) fn run(target: &TargetArgs, args: &RestoreArgs) -> Result<Exit> {
    let data = target
        .data
        .as_deref()
        .ok_or_else(|| usage("name the data folder: onshore restore FOLDER --data DIR"))?;
    let keys = Arc::new(root_key(Some(data), args.keys.as_deref())?);
    check_apart(&[data, &args.from])?;
    let (backup, backup_sha256) = Backup::open(args, &*keys)?;
    let last_known = match &args.ledger {
        Some(folder) => Some(last_known(folder, backup.ledger())?),
        None => None,
    };
    make_folder(data)?;
    check_empty(data)?;
    let Some(_lock) = FolderLock::take(data)? else {
        return Err(usage(format!("a server works on {}", data.display())));
    };
    // Until it is gone no server starts here.
    files::write(&data.join(RESTORING), b"")?;
    files::sync(data)?;
    let restored = restore(data, &backup, backup_sha256, last_known, &keys);
    if restored.is_err() && backup.hides_names() {
        // What is in the clear shall not lie about in what is to be thrown away.
        drop(discard(&data.join(manifest::DATABASE)));
    }
    restored?.show(target.style())?;
    Ok(Exit::Done)
}

/// Restores into a folder that is marked as being restored, and takes the mark away.
fn restore<'a>(
    data: &Path,
    backup: &'a Backup,
    backup_sha256: String,
    last_known: Option<LastKnown>,
    keys: &Arc<FileRootKey>,
) -> Result<Done<'a>> {
    let mut erased = backup.copy_database(data)?;
    let mut known = backup.erased()?;
    // What the lost ledger tells of, no key store may have heard of.
    if let Some(last_known) = &last_known {
        let versions = last_known.erased.iter().copied();
        erased.extend(versions.clone().map(|owner| (owner, OwnerKind::Version)));
        known.extend(versions);
    }
    let db = open_database(data, &erased, known)?;
    backup.copy_files(data, &db)?;
    let restored = Restored {
        backup_sha256,
        made: backup.made(),
        last_known: last_known
            .as_ref()
            .map(|known| json!({ "size": known.checkpoint.size, "root": known.checkpoint.root })),
    };
    let provider = Arc::clone(keys) as Arc<dyn KeyProvider>;
    let afresh = onshore_gate::restore(&db, provider, restored, SystemClock::new().now())
        .context("the ledger of the backup cannot be taken over")?;
    db.close()
        .context("the restored database cannot be closed")?;
    if backup.hides_names() {
        hidden_names::hide(data, &**keys)?;
    }
    backup.restore_credentials(data, &**keys, &afresh.verifier)?;
    files::sync(data)?;
    fs::remove_file(data.join(RESTORING)).context("the restore cannot be brought to its end")?;
    files::sync(data)?;
    Ok(Done {
        backup,
        afresh,
        lost: last_known.map_or_else(Vec::new, |known| known.versions),
        erased: count(&erased, OwnerKind::Version),
        uploads: count(&erased, OwnerKind::Upload),
    })
}

impl Backup {
    /// Opens what is to be restored, and tells the SHA-256 of its manifest.
    fn open(args: &RestoreArgs, keys: &dyn KeyProvider) -> Result<(Self, String)> {
        let folder = &args.from;
        if Whole::is_in(folder) {
            if args.at.is_some() || args.key_store.is_some() {
                return Err(usage(format!(
                    "{} is one backup of an earlier version, with everything in it: leave out --at and --key-store",
                    folder.display()
                )));
            }
            let (manifest, hash) = Whole::read(folder, keys)?;
            let folder = folder.clone();
            return Ok((Self::Whole { folder, manifest }, hash));
        }
        let series = Series::look(folder, keys)?;
        let Some(file) = series.newest(args.at)? else {
            bail!(match args.at {
                Some(at) => format!("no point was made by {at}: `onshore backup list` shows them"),
                None => format!("{} has no points", folder.display()),
            });
        };
        let (point, hash) = file.read(&series, keys)?;
        let place = KeyStore::path(folder, args.key_store.as_deref())?;
        let key_store = KeyStore::look(&place, series.id())?;
        let backup = Self::Point {
            series: Box::new(series),
            key_store,
            point,
        };
        Ok((backup, hash))
    }

    fn ledger(&self) -> &LedgerHead {
        match self {
            Self::Point { point, .. } => &point.ledger,
            Self::Whole { manifest, .. } => &manifest.ledger,
        }
    }

    fn made(&self) -> Timestamp {
        match self {
            Self::Point { point, .. } => point.made,
            Self::Whole { manifest, .. } => manifest.made,
        }
    }

    /// Whether names were noise in the folder that was backed up.
    fn hides_names(&self) -> bool {
        match self {
            Self::Point { point, .. } => point.hides_names,
            Self::Whole { .. } => false,
        }
    }

    /// Returns what the key store was told to destroy.
    fn erased(&self) -> Result<Vec<SecretOwner>> {
        match self {
            Self::Point { key_store, .. } => key_store.erased(),
            Self::Whole { .. } => Ok(Vec::new()),
        }
    }

    /// Puts the database in its place, with what opens the versions in it, and returns what was erased since.
    fn copy_database(&self, data: &Path) -> Result<HashSet<(SecretOwner, OwnerKind)>> {
        let to = data.join(manifest::DATABASE);
        match self {
            Self::Whole { folder, manifest } => {
                let name = manifest::DATABASE;
                let expected = manifest
                    .files
                    .get(name)
                    .context("the backup has no database")?;
                copy(folder, data, name, expected)?;
                Ok(HashSet::new())
            }
            Self::Point {
                series,
                key_store,
                point,
            } => {
                give(series, point, manifest::DATABASE, &to)?;
                let destroyed = Database::rework(&to, |unit| {
                    onshore_store::give_back(unit, |owner, mark| {
                        key_store.find(series.pieces(), owner, mark)
                    })
                })?;
                for (owner, kind) in &destroyed {
                    // An upload that was over when the next point was made is not brought back.
                    if *kind == OwnerKind::Version {
                        key_store.check_erased(owner)?;
                    }
                }
                Ok(destroyed)
            }
        }
    }

    /// Puts every other file in its place, and compares each with the manifest. The database says which bodies.
    fn copy_files(&self, data: &Path, db: &Database) -> Result<()> {
        let (folder, bodies) = match self {
            Self::Whole { folder, manifest } => {
                for (name, expected) in &manifest.files {
                    let apart = [manifest::DATABASE, manifest::CREDENTIALS];
                    if !apart.contains(&name.as_str()) && !name.starts_with("objects/") {
                        copy(folder, data, name, expected)?;
                    }
                }
                (folder.as_path(), &manifest.files)
            }
            Self::Point { series, point, .. } => {
                for name in point.pieces.keys() {
                    let apart = [manifest::DATABASE, manifest::CREDENTIALS];
                    if !apart.contains(&name.as_str()) {
                        give(series, point, name, &data.join(name))?;
                    }
                }
                (series.folder(), &point.bodies)
            }
        };
        for path in onshore_store::named_files(db)? {
            let path = Path::new("objects").join(path);
            let name = path.to_string_lossy();
            let Some(expected) = bodies.get(&*name) else {
                bail!("the backup lacks {name}");
            };
            copy(folder, data, &name, expected)?;
        }
        Ok(())
    }

    fn restore_credentials(
        &self,
        data: &Path,
        keys: &dyn KeyProvider,
        verifier: &VerifierKey,
    ) -> Result<()> {
        let name = manifest::CREDENTIALS;
        let sealed = match self {
            Self::Whole { folder, manifest } => {
                let Some(expected) = manifest.files.get(name) else {
                    return Ok(());
                };
                let sealed = fs::read(folder.join(name))?;
                if FileEntry::of_bytes(&sealed) != *expected {
                    bail!("the credentials are not what was backed up: the backup is damaged");
                }
                sealed
            }
            Self::Point { series, point, .. } => {
                let Some(file) = point.pieces.get(name) else {
                    return Ok(());
                };
                let mut sealed = Vec::new();
                series.pieces().give(file, &mut sealed)?;
                sealed
            }
        };
        let plain = keys
            .unwrap(manifest::CREDENTIALS_CONTEXT, &sealed)
            .context("the credentials in the backup do not open")?;
        let text = std::str::from_utf8(plain.as_bytes()).context("the credentials are no text")?;
        let kept: Credentials = toml::from_str(text).context("the credentials cannot be read")?;
        credentials::write(
            data,
            &Credentials {
                ledger_key: verifier.to_string(),
                ..kept
            },
        )
    }
}

/// Refuses a folder with anything in it but the root key.
fn check_empty(data: &Path) -> Result<()> {
    for entry in fs::read_dir(data)? {
        let name = entry?.file_name();
        if name != "root.key" && name != "lock" {
            return Err(usage(format!(
                "{} is not empty (there is `{}`): a restore goes into an empty folder",
                data.display(),
                name.display()
            )));
        }
    }
    Ok(())
}

/// Copies a file of the backup to its place, and compares it with what was backed up.
fn copy(from: &Path, data: &Path, name: &str, expected: &FileEntry) -> Result<()> {
    if !files::is_inside(name) {
        bail!("the backup's manifest names a file outside the folder");
    }
    let copied = files::copy(&from.join(name), &data.join(name))
        .with_context(|| format!("cannot restore {name}"))?;
    if copied != *expected {
        bail!("{name} is not what was backed up: the backup is damaged");
    }
    Ok(())
}

/// Writes a file of a point to its place.
fn give(series: &Series, point: &Point, name: &str, to: &Path) -> Result<()> {
    if !files::is_inside(name) {
        bail!("the backup's manifest names a file outside the folder");
    }
    let file = point
        .pieces
        .get(name)
        .with_context(|| format!("the backup has no {name}"))?;
    files::fill(to, |to| series.pieces().give(file, to))
        .with_context(|| format!("cannot restore {name}"))
}

/// Opens the database, brings its tables up to date, and removes what was erased since the backup was made.
fn open_database(
    data: &Path,
    erased: &HashSet<(SecretOwner, OwnerKind)>,
    known: Vec<SecretOwner>,
) -> Result<Database> {
    let options = onshore_db::Options {
        crash: CrashPoints::none(),
    };
    let db = Database::open(data.join(manifest::DATABASE), &SCHEMAS, options)
        .context("the database of the backup cannot be opened")?;
    let owners: HashSet<SecretOwner> = erased.iter().map(|(owner, _)| *owner).collect();
    db.write_blocking(move |unit| {
        if !owners.is_empty() {
            onshore_store::forget_erased(unit, &owners)?;
        }
        // For other series, which may not have heard of it.
        onshore_store::note_erased(unit, &known)
    })?;
    Ok(db)
}

/// Reads what is left of the lost ledger, checks it with the old key, and finds what it acknowledged after the backup.
fn last_known(folder: &Path, backup: &LedgerHead) -> Result<LastKnown> {
    let wrong = || format!("{} is not the lost ledger, whole", folder.display());
    let note = fs::read_to_string(folder.join("checkpoint")).with_context(wrong)?;
    let key: VerifierKey = backup.key.parse().context("the backup names no key")?;
    let checkpoint = Checkpoint::verify(&note, &[key]).with_context(wrong)?;
    if checkpoint.size < backup.size {
        bail!(
            "the checkpoint in {} is older than the backup",
            folder.display()
        );
    }
    let read = |tile: &TileRef| fs::read(folder.join(PathBuf::from(tile.path()))).ok();
    verify_tiles(checkpoint.size, &checkpoint.root, read).with_context(wrong)?;
    let (mut versions, mut erased) = (Vec::new(), Vec::new());
    let mut next = backup.leaves;
    while let Some(tile) = TileRef::holding(TileLevel::Entries, next, checkpoint.size) {
        let bundle = read(&tile).with_context(wrong)?;
        let first = tile.first_item();
        for (index, entry) in (first..).zip(decode_entries(&tile, &bundle)?) {
            if index >= next {
                versions.extend(stored_version(index, entry)?);
                erased.extend(erased_version(entry)?);
            }
        }
        next = first + u64::from(tile.width);
    }
    versions.retain(|version| {
        let id = version.version.parse::<VersionId>();
        !id.is_ok_and(|id| erased.contains(id.as_bytes()))
    });
    Ok(LastKnown {
        checkpoint,
        versions,
        erased,
    })
}

fn erased_version(entry: &[u8]) -> Result<Option<SecretOwner>> {
    let body = parse_leaf(entry)?;
    let member = |name: &str| body.get(name).and_then(serde_json::Value::as_str);
    if member("kind") != Some("erased") {
        return Ok(None);
    }
    let version: VersionId = member("version")
        .unwrap_or_default()
        .parse()
        .context("a leaf names no version")?;
    Ok(Some(*version.as_bytes()))
}

fn stored_version(leaf: u64, entry: &[u8]) -> Result<Option<LostVersion>> {
    let body = parse_leaf(entry)?;
    let member = |name: &str| {
        body.get(name)
            .and_then(serde_json::Value::as_str)
            .map(str::to_owned)
    };
    if member("kind").as_deref() != Some("stored") {
        return Ok(None);
    }
    Ok(Some(LostVersion {
        leaf,
        bucket: member("bucket").unwrap_or_default(),
        version: member("version").unwrap_or_default(),
    }))
}

fn count(erased: &HashSet<(SecretOwner, OwnerKind)>, wanted: OwnerKind) -> usize {
    erased.iter().filter(|(_, kind)| *kind == wanted).count()
}

/// What a restore did.
struct Done<'a> {
    backup: &'a Backup,
    afresh: Afresh,
    lost: Vec<LostVersion>,
    /// How many versions are not brought back because they were erased.
    erased: usize,
    /// How many uploads are not brought back because they were over soon after.
    uploads: usize,
}

impl Done<'_> {
    fn show(&self, style: Style) -> Result<()> {
        let Self {
            backup,
            afresh,
            lost,
            erased,
            uploads,
        } = self;
        match style {
            Style::Json => output::json(&json!({
                "made": backup.made(),
                "leaf": afresh.leaf,
                "old_ledger_key": backup.ledger().key,
                "ledger_key": afresh.verifier.to_string(),
                "approvals_revoked": afresh.revoked,
                "lost_versions": lost,
                "erased_versions": erased,
                "uploads_left_out": uploads,
            })),
            Style::Text => {
                output::line(&format!("restored    the state of {}", backup.made()));
                output::line(&format!("leaf        {}", afresh.leaf));
                output::line(&format!("old ledger  {}", backup.ledger().key));
                output::line(&format!(
                    "new ledger  {} (hand this key out)",
                    afresh.verifier
                ));
                output::line(&format!(
                    "approvals   {} revoked; grant again those that shall hold",
                    afresh.revoked.len()
                ));
                if *erased > 0 {
                    output::line(&format!(
                        "erased      {erased} versions of that state were erased since and are not brought back"
                    ));
                }
                if *uploads > 0 {
                    output::line(&format!(
                        "left out    {uploads} uploads that were over when the next point was made"
                    ));
                }
                for version in lost {
                    output::line(&format!(
                        "lost        version {} in bucket {}, acknowledged by leaf {} of the old ledger",
                        version.version, version.bucket, version.leaf
                    ));
                }
                Ok(())
            }
        }
    }
}
