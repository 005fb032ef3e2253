//! `onshore restore`: makes a data folder of a backup. The ledger goes on as a new log, since the old one may have
//! signed more than the backup knows; approvals must be granted again, since what they let out meanwhile is unknown.

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
use serde::Serialize;
use serde_json::json;

use crate::cli::{RestoreArgs, TargetArgs};
use crate::clock::SystemClock;
use crate::commands::backup::root_key;
use crate::credentials::{self, Credentials};
use crate::exit::{Exit, usage};
use crate::first_start::RESTORING;
use crate::house::{FolderLock, SCHEMAS, make_folder};
use crate::manifest::{self, LedgerHead, Manifest};
use crate::output::{self, Style};

/// The old log as it was known last, and what it acknowledged after the backup.
#[derive(Debug)]
struct LastKnown {
    checkpoint: Checkpoint,
    versions: Vec<LostVersion>,
}

/// A version that was acknowledged and is not in the backup.
#[derive(Debug, Serialize)]
struct LostVersion {
    leaf: u64,
    bucket: String,
    version: String,
}

pub(crate) fn run(target: &TargetArgs, args: &RestoreArgs) -> Result<Exit> {
    let data = target
        .data
        .as_deref()
        .ok_or_else(|| usage("name the data folder: onshore restore FOLDER --data DIR"))?;
    let keys = Arc::new(root_key(data, args.keys.as_deref())?);
    let (manifest, backup_sha256) = Manifest::read(&args.from, &*keys)?;
    let last_known = match &args.ledger {
        Some(folder) => Some(last_known(folder, &manifest.ledger)?),
        None => None,
    };
    make_folder(data)?;
    check_empty(data)?;
    let Some(_lock) = FolderLock::take(data)? else {
        return Err(usage(format!("a server works on {}", data.display())));
    };
    // Until it is gone no server starts here.
    manifest::write(&data.join(RESTORING), b"")?;
    manifest::sync(data)?;
    copy(&args.from, data, &manifest)?;
    let restored = Restored {
        backup_sha256,
        made: manifest.made,
        last_known: last_known
            .as_ref()
            .map(|known| json!({ "size": known.checkpoint.size, "root": known.checkpoint.root })),
    };
    let afresh = begin_afresh(data, &manifest, &keys, restored)?;
    restore_credentials(&args.from, data, &manifest, &*keys, &afresh.verifier)?;
    manifest::sync(data)?;
    fs::remove_file(data.join(RESTORING)).context("the restore cannot be brought to its end")?;
    manifest::sync(data)?;
    let lost = last_known.map_or_else(Vec::new, |known| known.versions);
    show(target.style(), &manifest, &afresh, &lost)?;
    Ok(Exit::Done)
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

/// Copies every file of the backup to its place, and compares each with the manifest.
fn copy(from: &Path, data: &Path, manifest: &Manifest) -> Result<()> {
    for (name, expected) in &manifest.files {
        if !manifest::is_inside(name) {
            bail!("the backup's manifest names a file outside the folder");
        }
        if name == manifest::CREDENTIALS {
            continue;
        }
        let copied = manifest::copy(&from.join(name), &data.join(name))
            .with_context(|| format!("cannot restore {name}"))?;
        if copied != *expected {
            bail!("{name} is not what was backed up: the backup is damaged");
        }
    }
    Ok(())
}

fn begin_afresh(
    data: &Path,
    manifest: &Manifest,
    keys: &Arc<FileRootKey>,
    restored: Restored,
) -> Result<Afresh> {
    let options = onshore_db::Options {
        crash: CrashPoints::none(),
    };
    let db = Database::open(&data.join(manifest::DATABASE), &SCHEMAS, options)
        .context("the database of the backup cannot be opened")?;
    for path in onshore_store::named_files(&db)? {
        let name = Path::new("objects").join(path);
        if !manifest.files.contains_key(&*name.to_string_lossy()) {
            bail!("the backup lacks {}", name.display());
        }
    }
    let keys = Arc::clone(keys) as Arc<dyn KeyProvider>;
    onshore_gate::restore(&db, keys, restored, SystemClock::new().now())
        .context("the ledger of the backup cannot be taken over")
}

fn restore_credentials(
    from: &Path,
    data: &Path,
    manifest: &Manifest,
    keys: &dyn KeyProvider,
    verifier: &VerifierKey,
) -> Result<()> {
    let Some(expected) = manifest.files.get(manifest::CREDENTIALS) else {
        return Ok(());
    };
    let path = from.join(manifest::CREDENTIALS);
    if manifest::entry(&path)? != *expected {
        bail!("the credentials are not what was backed up: the backup is damaged");
    }
    let plain = keys
        .unwrap(manifest::CREDENTIALS_CONTEXT, &fs::read(&path)?)
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
    let mut versions = Vec::new();
    let mut next = backup.leaves;
    while let Some(tile) = TileRef::holding(TileLevel::Entries, next, checkpoint.size) {
        let bundle = read(&tile).with_context(wrong)?;
        let first = tile.first_item();
        for (index, entry) in (first..).zip(decode_entries(&tile, &bundle)?) {
            if index >= next {
                versions.extend(stored_version(index, entry)?);
            }
        }
        next = first + u64::from(tile.width);
    }
    Ok(LastKnown {
        checkpoint,
        versions,
    })
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

fn show(style: Style, manifest: &Manifest, afresh: &Afresh, lost: &[LostVersion]) -> Result<()> {
    match style {
        Style::Json => output::json(&json!({
            "made": manifest.made,
            "leaf": afresh.leaf,
            "old_ledger_key": manifest.ledger.key,
            "ledger_key": afresh.verifier.to_string(),
            "approvals_revoked": afresh.revoked,
            "lost_versions": lost,
        })),
        Style::Text => {
            output::line(&format!("restored    the state of {}", manifest.made));
            output::line(&format!("leaf        {}", afresh.leaf));
            output::line(&format!("old ledger  {}", manifest.ledger.key));
            output::line(&format!(
                "new ledger  {} (hand this key out)",
                afresh.verifier
            ));
            output::line(&format!(
                "approvals   {} revoked; grant again those that shall hold",
                afresh.revoked.len()
            ));
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
