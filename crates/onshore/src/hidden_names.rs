//! A database whose pages are encrypted, so that names in a stolen data folder are noise as well. Its key is random and
//! lies beside it, sealed by the root key: another root key seals it anew and no page is rewritten.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use onshore_db::{Database, DatabaseFile, PAGE_KEY_LEN_BYTES, is_plain};
use onshore_keys::{FileSeal, KeyProvider, Secret};
use serde::{Deserialize, Serialize};

use crate::backup::files;
use crate::backup::state_copy::StateCopy;

/// The database in a data folder.
pub(crate) const DATABASE: &str = "onshore.db";
/// The key of its pages, where they are encrypted.
pub(crate) const SEALED_KEY: &str = "database.key";
/// The folder of certificates.
const CERTIFICATES: &str = "certificates";
/// The database on its way to being encrypted.
const DRAFT: &str = "onshore.db.encrypted";
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
    let found = state(&path)?;
    match read_key(data, keys)? {
        Some(key) if found != State::Plain => encrypted(path, key),
        // What is in the clear is read as it is, wherever encrypting it was broken off.
        Some(key) => Ok(Opened {
            file: path.into(),
            seal: FileSeal::new(key),
        }),
        None if found != State::Other => Ok(Opened {
            file: path.into(),
            seal: FileSeal::none(),
        }),
        None => bail!(
            "{} is encrypted, or damaged, and {} is missing, without which nobody can read it: put that file back",
            path.display(),
            data.join(SEALED_KEY).display()
        ),
    }
}

/// Encrypts the database and the certificates of a data folder, if that is wanted or was begun, and returns what opens
/// them. The folder is the caller's alone.
pub(crate) fn hide(data: &Path, keys: &dyn KeyProvider, wanted: bool) -> Result<Opened> {
    let path = data.join(DATABASE);
    let draft = data.join(DRAFT);
    remove(&draft)?;
    let known = read_key(data, keys)?;
    let found = state(&path)?;
    // A key beside a plain database, or without one, is of a beginning that was cut short.
    let is_due = found != State::Other && (wanted || known.is_some());
    if !is_due {
        return open(data, keys);
    }
    let key = match known {
        Some(key) => key,
        None => {
            let key = Secret::random::<PAGE_KEY_LEN_BYTES>();
            write_key(data, &key, &[keys])?;
            key
        }
    };
    if found == State::Plain {
        tracing::info!("the database is encrypted; where it is large this takes minutes");
        // No backup reads it meanwhile.
        let place = StateCopy::take(data)?;
        // The database comes last: until it is encrypted, this is done again.
        seal_files(&data.join(CERTIFICATES), &FileSeal::new(key.clone()))?;
        Database::encrypt(&path, &encrypted(draft.clone(), key.clone())?.file)
            .context("the database cannot be encrypted")?;
        fs::rename(&draft, &path).context("the encrypted database cannot take its place")?;
        sync_folder(data)?;
        place.remove()?;
    }
    encrypted(path, key)
}

/// Seals every file in a folder that is not sealed yet.
fn seal_files(folder: &Path, seal: &FileSeal) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let sealed = || -> Result<()> {
            let mut plain = seal.reader(File::open(&path)?)?;
            files::fill(&path, |file| {
                let mut to = seal.writer(file.try_clone()?)?;
                io::copy(&mut plain, &mut to)?;
                to.finish()?;
                Ok(())
            })
        };
        sealed().with_context(|| format!("cannot seal {}", path.display()))?;
    }
    sync_folder(folder)
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
    Other,
}

fn state(path: &Path) -> Result<State> {
    let fail = || format!("cannot read {}", path.display());
    match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(State::Empty),
        Err(error) => Err(error).with_context(fail),
        Ok(file) if file.len() == 0 => Ok(State::Empty),
        Ok(_) if is_plain(path).with_context(fail)? => Ok(State::Plain),
        Ok(_) => Ok(State::Other),
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

fn remove(draft: &Path) -> Result<()> {
    ["", "-journal", "-wal", "-shm"]
        .iter()
        .try_for_each(|end| {
            let mut name = draft.as_os_str().to_owned();
            name.push(end);
            match fs::remove_file(PathBuf::from(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok::<(), io::Error>(()),
            }
        })
        .with_context(|| format!("cannot remove {}", draft.display()))
}

fn sync_folder(data: &Path) -> Result<()> {
    File::open(data)
        .and_then(|folder| folder.sync_all())
        .with_context(|| format!("cannot force {} to disk", data.display()))
}
