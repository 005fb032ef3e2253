//! `onshore backup`: copies a data folder while its server may go on. The database is copied as one consistent state;
//! the files that it names never change, so each is copied once. One that is gone belonged to an object that was removed
//! meanwhile: a newer state of the database does not name it any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use onshore_db::Database;
use onshore_gate::Clock;
use onshore_journal::Predecessor;
use onshore_keys::{FileRootKey, KeyProvider};
use serde_json::json;

use crate::cli::{BackupArgs, TargetArgs};
use crate::clock::SystemClock;
use crate::exit::{Exit, usage};
use crate::house::{SCHEMAS, make_folder};
use crate::manifest::{self, FORMAT, FileEntry, LedgerHead, Manifest};
use crate::output::{self, Style};
use crate::{credentials, first_start};

pub(crate) fn run(target: &TargetArgs, args: &BackupArgs) -> Result<Exit> {
    let data = target
        .data
        .as_deref()
        .ok_or_else(|| usage("name the data folder: onshore backup --data DIR --to FOLDER"))?;
    if !data.join("onshore.db").is_file() {
        return Err(usage(format!("{} holds no Onshore data", data.display())));
    }
    first_start::check_folder(data)?;
    let keys = root_key(data, args.keys.as_deref())?;
    make_folder(&args.to)?;
    if fs::read_dir(&args.to)?.next().is_some() {
        return Err(usage(format!(
            "{} is not empty: a backup goes into a folder of its own",
            args.to.display()
        )));
    }
    let made = SystemClock::new().now();
    let mut files = BTreeMap::new();
    let state = copy_state(data, &args.to, &mut files)?;
    let ledger = Predecessor::in_database(&state, &keys)
        .context("the ledger of the backup does not hold")?
        .context("the data folder has no ledger yet: start its server once")?;
    copy_certificates(data, &args.to, &mut files)?;
    seal_credentials(data, &args.to, &keys, &mut files)?;
    let manifest = Manifest {
        format: FORMAT,
        made,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ledger: LedgerHead {
            key: ledger.verifier.to_string(),
            size: ledger.size,
            root: ledger.root.to_string(),
            leaves: ledger.leaves,
        },
        files,
    };
    manifest::sync(&args.to)?;
    manifest.write(&args.to, &keys)?;
    show(target.style(), &args.to, &manifest)?;
    Ok(Exit::Done)
}

/// Opens the root key that is named, or the one in the data folder; none is made.
pub(super) fn root_key(data: &Path, named: Option<&Path>) -> Result<FileRootKey> {
    let path = named.map_or_else(|| data.join("root.key"), Path::to_owned);
    FileRootKey::open(&path).map_err(|error| {
        usage(format!(
            "{:#}; name it with --keys",
            anyhow::Error::new(error)
        ))
    })
}

/// Copies a state of the database and every file that it names, and returns that state.
fn copy_state(data: &Path, to: &Path, files: &mut BTreeMap<String, FileEntry>) -> Result<Database> {
    let source = Database::open_for_reading(&data.join("onshore.db"), &SCHEMAS)?;
    let copy = to.join(manifest::DATABASE);
    let mut gone = BTreeSet::new();
    loop {
        source
            .copy_to(&copy)
            .context("the database cannot be copied")?;
        let state = Database::open_for_reading(&copy, &SCHEMAS)?;
        let named: BTreeSet<PathBuf> = onshore_store::named_files(&state)?
            .into_iter()
            .map(|path| Path::new("objects").join(path))
            .collect();
        let missing = copy_bodies(data, to, &named, files)?;
        if missing.is_empty() {
            drop_unnamed(to, &named, files)?;
            files.insert(manifest::DATABASE.to_owned(), manifest::entry(&copy)?);
            return Ok(state);
        }
        // A file goes after its row: what a later state still names was not removed, it is lost.
        if let Some(lost) = missing.intersection(&gone).next() {
            bail!(
                "the file {} is missing and rows name it: run `onshore fsck`",
                data.join(lost).display()
            );
        }
        gone.extend(missing);
        drop(state);
        fs::remove_file(&copy).context("a copy that is too old cannot be removed")?;
    }
}

/// Copies what is named and not copied yet, and returns what was not there.
fn copy_bodies(
    data: &Path,
    to: &Path,
    named: &BTreeSet<PathBuf>,
    files: &mut BTreeMap<String, FileEntry>,
) -> Result<BTreeSet<PathBuf>> {
    let mut missing = BTreeSet::new();
    for path in named {
        let name = path.to_string_lossy().into_owned();
        if files.contains_key(&name) {
            continue;
        }
        match manifest::copy(&data.join(path), &to.join(path)) {
            Ok(entry) => {
                files.insert(name, entry);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                missing.insert(path.clone());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot copy {}", path.display()));
            }
        }
    }
    Ok(missing)
}

/// Removes copies that the state in the backup does not name: what was removed is not kept here.
fn drop_unnamed(
    to: &Path,
    named: &BTreeSet<PathBuf>,
    files: &mut BTreeMap<String, FileEntry>,
) -> Result<()> {
    let unnamed: Vec<String> = files
        .keys()
        .filter(|name| !named.contains(Path::new(name)))
        .cloned()
        .collect();
    for name in unnamed {
        fs::remove_file(to.join(&name)).with_context(|| format!("cannot remove {name}"))?;
        files.remove(&name);
    }
    Ok(())
}

fn copy_certificates(
    data: &Path,
    to: &Path,
    files: &mut BTreeMap<String, FileEntry>,
) -> Result<()> {
    let folder = data.join("certificates");
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
        let copied = manifest::copy(&path, &to.join(&name))
            .with_context(|| format!("cannot copy {}", path.display()))?;
        files.insert(name, copied);
    }
    Ok(())
}

/// Puts the credentials in, sealed: whoever has the backup and not the root key is nobody.
fn seal_credentials(
    data: &Path,
    to: &Path,
    keys: &dyn KeyProvider,
    files: &mut BTreeMap<String, FileEntry>,
) -> Result<()> {
    let plain = match fs::read(credentials::path(data)) {
        Ok(plain) => plain,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context("the credentials cannot be read"),
    };
    let sealed = keys.wrap(manifest::CREDENTIALS_CONTEXT, &plain)?;
    let entry = manifest::write(&to.join(manifest::CREDENTIALS), &sealed)?;
    files.insert(manifest::CREDENTIALS.to_owned(), entry);
    Ok(())
}

fn show(style: Style, to: &Path, manifest: &Manifest) -> Result<()> {
    let len_bytes: u64 = manifest.files.values().map(|file| file.len_bytes).sum();
    let ledger = &manifest.ledger;
    match style {
        Style::Json => output::json(&json!({
            "made": manifest.made,
            "folder": to,
            "files": manifest.files.len(),
            "bytes": len_bytes,
            "ledger": ledger,
        })),
        Style::Text => {
            output::line(&format!("made    {}", manifest.made));
            output::line(&format!("folder  {}", to.display()));
            output::line(&format!(
                "files   {}, {}",
                manifest.files.len(),
                output::bytes(len_bytes)
            ));
            output::line(&format!(
                "ledger  {} leaves, root {} at size {}",
                ledger.leaves, ledger.root, ledger.size
            ));
            output::line(
                "The root key is not in it: without that key nobody can read what was stored. Names of objects lie open in the database, as they do in the data folder: guard a backup as you guard that. Keep both, apart.",
            );
            Ok(())
        }
    }
}
