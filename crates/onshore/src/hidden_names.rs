//! A database whose pages are encrypted, so that names in a stolen data folder are noise as well. Its key is random and
//! lies beside it, sealed by the root key: another root key seals it anew and no page is rewritten.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use onshore_db::{CrashPoints, Database, DatabaseFile, PAGE_KEY_LEN_BYTES, is_plain};
use onshore_journal::Predecessor;
use onshore_keys::{FileSeal, KeyProvider, Secret};
use serde::{Deserialize, Serialize};

use crate::backup::files;
use crate::backup::state_copy::{StateCopy, discard};
use crate::house::SCHEMAS;
use crate::output;

/// The database in a data folder.
pub(crate) const DATABASE: &str = "onshore.db";
/// The key of its pages, where they are encrypted.
pub(crate) const SEALED_KEY: &str = "database.key";
/// The folder of certificates.
const CERTIFICATES: &str = "certificates";
/// The database on its way to being encrypted.
const DRAFT: &str = "onshore.db.encrypted";
/// What the name of a certificate has in it that is not sealed to its end.
const SEALING: &str = ".sealing";
/// How much room hiding names leaves on the disk.
const ROOM_BYTES: u64 = 256 << 20;
/// What the key is sealed for.
const CONTEXT: &[u8] = b"onshore database pages 1";
const FORMAT: u32 = 1;

/// The key of the pages, as it lies in its file. While one root key takes the place of another it is sealed by both.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedKey {
    format: u32,
    /// By the root keys of these names, in hexadecimal digits.
    sealed: BTreeMap<String, String>,
}

/// Where names are in a data folder, with what opens them.
#[derive(Debug)]
pub(crate) struct Opened {
    /// The database.
    pub(crate) file: DatabaseFile,
    /// What certificates are sealed with, if they are.
    pub(crate) seal: FileSeal,
}

/// Finds what opens the names in a data folder.
pub(crate) fn open(data: &Path, keys: &dyn KeyProvider) -> Result<Opened> {
    let path = data.join(DATABASE);
    if state(&path)? != State::Encrypted {
        // A key beside a plain database is of a beginning that was broken off: nothing is sealed with it.
        return Ok(Opened {
            file: path.into(),
            seal: FileSeal::none(),
        });
    }
    match read_key(data, keys)? {
        Some(key) => encrypted(path, key),
        None => bail!(
            "{} is encrypted, or damaged, and {} is missing, without which nobody can read it: put that file back",
            path.display(),
            data.join(SEALED_KEY).display()
        ),
    }
}

/// Finds what opens the names in a data folder that is the caller's alone, and hides them before if that is wanted.
pub(crate) fn prepare(data: &Path, keys: &dyn KeyProvider, wanted: bool) -> Result<Opened> {
    match state(&data.join(DATABASE))? {
        State::Plain if wanted => hide(data, keys),
        State::Empty if wanted => {
            let key = Secret::random::<PAGE_KEY_LEN_BYTES>();
            write_key(data, &key, &[keys])?;
            encrypted(data.join(DATABASE), key)
        }
        State::Plain | State::Empty => open(data, keys),
        State::Encrypted => {
            let opened = open(data, keys)?;
            // Those that a kill left plain.
            seal_files(&data.join(CERTIFICATES), &opened.seal)?;
            Ok(opened)
        }
    }
}

/// Encrypts the database of a data folder that is the caller's alone, then the certificates. Until the new database takes
/// its place nothing has changed, whatever fails.
pub(crate) fn hide(data: &Path, keys: &dyn KeyProvider) -> Result<Opened> {
    let path = data.join(DATABASE);
    if path.is_symlink() {
        bail!(
            "names cannot be hidden while {} is a link: the file it leads to would stay as it is. Put the file itself there",
            path.display()
        );
    }
    if path.to_str().is_none() {
        bail!(
            "names cannot be hidden in {}: the path of the folder is not UTF-8",
            data.display()
        );
    }
    // No backup reads it meanwhile.
    let place = StateCopy::take(data)
        .context("names cannot be hidden now; start again when that is over")?;
    check_is_ours(&path, keys)?;
    let (len_bytes, free_bytes) = (path.metadata()?.len(), files::free_bytes(data)?);
    if free_bytes < len_bytes.saturating_add(ROOM_BYTES) {
        bail!(
            "to hide names takes room for another copy of the database ({}) in the data folder, and {} are free there",
            output::bytes(len_bytes),
            output::bytes(free_bytes)
        );
    }
    tracing::info!("the database is encrypted; where it is large this takes minutes");
    let draft = data.join(DRAFT);
    discard(&draft)?;
    let key = Secret::random::<PAGE_KEY_LEN_BYTES>();
    let replaced = write_key(data, &key, &[keys])
        .and_then(|()| Ok(encrypted(draft.clone(), key.clone())?.file))
        .and_then(|to| Ok(Database::encrypt(&path, &to)?))
        .and_then(|()| Ok(fs::rename(&draft, &path)?));
    if let Err(error) = replaced {
        // What cannot be removed is in nobody's way: neither is looked at beside a plain database.
        drop(discard(&draft));
        drop(fs::remove_file(data.join(SEALED_KEY)));
        return Err(error.context("the database cannot be encrypted; it is as it was"));
    }
    sync_folder(data)?;
    place.remove()?;
    let opened = encrypted(path, key)?;
    seal_files(&data.join(CERTIFICATES), &opened.seal)?;
    Ok(opened)
}

/// Refuses a database that is damaged, or that another root key is of: its names would be hidden from everybody.
fn check_is_ours(path: &Path, keys: &dyn KeyProvider) -> Result<()> {
    let options = onshore_db::Options {
        crash: CrashPoints::none(),
    };
    let db = Database::open(path, &SCHEMAS, options)?;
    Predecessor::in_database(&db, keys).context(
        "names are not hidden: the root key is not that of this data folder, or its ledger does not hold",
    )?;
    Ok(db.close()?)
}

/// Seals every file in a folder that is not sealed yet.
fn seal_files(folder: &Path, seal: &FileSeal) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let paths: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    let (drafts, files): (Vec<_>, Vec<_>) = paths
        .into_iter()
        .partition(|path| path.to_string_lossy().contains(SEALING));
    for draft in drafts {
        fs::remove_file(&draft).with_context(|| format!("cannot remove {}", draft.display()))?;
    }
    let mut is_changed = false;
    for path in files {
        is_changed |=
            seal_file(&path, seal).with_context(|| format!("cannot seal {}", path.display()))?;
    }
    if is_changed {
        sync_folder(folder)?;
    }
    Ok(())
}

/// Seals a file, and says whether it was plain.
fn seal_file(path: &Path, seal: &FileSeal) -> Result<bool> {
    let mut plain = seal.reader(File::open(path)?)?;
    if plain.is_sealed() {
        return Ok(false);
    }
    let mut name = path.as_os_str().to_owned();
    name.push(SEALING);
    let draft = PathBuf::from(name);
    files::fill(&draft, |file| {
        let mut to = seal.writer(file.try_clone()?)?;
        io::copy(&mut plain, &mut to)?;
        to.finish()?;
        Ok(())
    })?;
    fs::rename(&draft, path)?;
    Ok(true)
}

/// Seals the key of the pages, if there is one, under these root keys and no others. The first opens it at present.
pub(crate) fn seal_under(data: &Path, keys: &[&dyn KeyProvider]) -> Result<()> {
    let Some(first) = keys.first() else {
        return Ok(());
    };
    match read_key(data, *first)? {
        Some(key) => write_key(data, &key, keys),
        None => Ok(()),
    }
}

/// Whether the key of the pages, if there is one, is sealed under another root key as well.
pub(crate) fn is_sealed_twice(data: &Path) -> Result<bool> {
    Ok(read(data)?.is_some_and(|found| found.sealed.len() > 1))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Missing, or nothing in it yet.
    Empty,
    Plain,
    /// Encrypted, or damaged.
    Encrypted,
}

fn state(path: &Path) -> Result<State> {
    let fail = || format!("cannot read {}", path.display());
    match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(State::Empty),
        Err(error) => Err(error).with_context(fail),
        Ok(file) if file.len() == 0 => Ok(State::Empty),
        Ok(_) if is_plain(path).with_context(fail)? => Ok(State::Plain),
        Ok(_) => Ok(State::Encrypted),
    }
}

fn encrypted(path: PathBuf, key: Secret) -> Result<Opened> {
    let pages = key
        .as_bytes()
        .try_into()
        .context("the key of the database has not the length of one")?;
    Ok(Opened {
        file: DatabaseFile::encrypted(path, pages),
        seal: FileSeal::new(key),
    })
}

fn read(data: &Path) -> Result<Option<SealedKey>> {
    let path = data.join(SEALED_KEY);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let found: SealedKey = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is damaged: put it back", path.display()))?;
    if found.format != FORMAT {
        bail!("{} is of a later version of Onshore", path.display());
    }
    Ok(Some(found))
}

fn read_key(data: &Path, keys: &dyn KeyProvider) -> Result<Option<Secret>> {
    let Some(found) = read(data)? else {
        return Ok(None);
    };
    let path = data.join(SEALED_KEY);
    let Some(sealed) = found.sealed.get(keys.key_id()) else {
        bail!(
            "the root key {} is not that of this data folder: its database is sealed under {}",
            keys.key_id(),
            found.sealed.into_keys().collect::<Vec<_>>().join(" and ")
        );
    };
    let damaged = || format!("{} is damaged: put it back", path.display());
    let sealed = hex::decode(sealed).with_context(damaged)?;
    let key = keys
        .unwrap(CONTEXT, &sealed)
        .map_err(|error| anyhow!(error))
        .with_context(damaged)?;
    Ok(Some(key))
}

fn write_key(data: &Path, key: &Secret, keys: &[&dyn KeyProvider]) -> Result<()> {
    let mut sealed = BTreeMap::new();
    for keys in keys {
        let by = keys.wrap(CONTEXT, key.as_bytes())?;
        sealed.insert(keys.key_id().to_owned(), hex::encode(by));
    }
    let text = serde_json::to_vec(&SealedKey {
        format: FORMAT,
        sealed,
    })?;
    files::write(&data.join(SEALED_KEY), &text)?;
    sync_folder(data)
}

fn sync_folder(data: &Path) -> Result<()> {
    File::open(data)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot force {} to disk", data.display()))
}
