//! `manifest.json` of a backup: what is in it, each file by length and hash. It is sealed by the root key, so that
//! nobody without it makes or changes a backup that is restored.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use onshore_keys::KeyProvider;
use onshore_types::Timestamp;
use ring::digest::{self, SHA256};
use serde::{Deserialize, Serialize};

/// The format that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;
/// The database in a backup.
pub(crate) const DATABASE: &str = "onshore.db";
/// The credentials in a backup, sealed by the root key.
pub(crate) const CREDENTIALS: &str = "credentials.sealed";
/// What the credentials are sealed for.
pub(crate) const CREDENTIALS_CONTEXT: &[u8] = b"onshore backup credentials 1";

const MANIFEST: &str = "manifest.json";
const SEAL: &str = "manifest.seal";
const SEAL_CONTEXT: &[u8] = b"onshore backup manifest 1";
/// Bytes copied at once.
const CHUNK_BYTES: usize = 1 << 20;

/// What is in a backup.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The format of manifest and folder.
    pub(crate) format: u32,
    /// When the backup was begun.
    pub(crate) made: Timestamp,
    /// The version of Onshore that made it.
    pub(crate) version: String,
    /// The ledger at that point.
    pub(crate) ledger: LedgerHead,
    /// Every file but the manifest and its seal, by its path in the folder.
    pub(crate) files: BTreeMap<String, FileEntry>,
}

/// The ledger at a point.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LedgerHead {
    /// The key that checks it.
    pub(crate) key: String,
    /// How many leaves were signed.
    pub(crate) size: u64,
    /// The root over them.
    pub(crate) root: String,
    /// How many leaves there are in all.
    pub(crate) leaves: u64,
}

/// A file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileEntry {
    /// How long it is.
    pub(crate) len_bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub(crate) sha256: String,
}

impl Manifest {
    /// Writes the manifest and its seal: from then on the folder is a backup.
    pub(crate) fn write(&self, folder: &Path, keys: &dyn KeyProvider) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self)?;
        let seal = keys.wrap(SEAL_CONTEXT, digest::digest(&SHA256, &bytes).as_ref())?;
        write(&folder.join(SEAL), hex::encode(seal).as_bytes())?;
        write(&folder.join(MANIFEST), &bytes)?;
        sync(folder)
    }

    /// Reads the manifest of a backup, and its SHA-256. It is the one that was sealed.
    pub(crate) fn read(folder: &Path, keys: &dyn KeyProvider) -> Result<(Self, String)> {
        let bytes = fs::read(folder.join(MANIFEST)).with_context(|| {
            format!(
                "{} is no backup, or one that did not come to its end",
                folder.display()
            )
        })?;
        let seal = fs::read_to_string(folder.join(SEAL)).context("the backup has no seal")?;
        let seal = hex::decode(seal.trim()).context("the backup's seal is not one")?;
        let hash = digest::digest(&SHA256, &bytes);
        let sealed = keys.unwrap(SEAL_CONTEXT, &seal).context(
            "the backup was sealed with another root key, or its seal was changed: name the root key with --keys",
        )?;
        if sealed.as_bytes() != hash.as_ref() {
            bail!("the backup's manifest was changed since it was made");
        }
        let manifest: Self =
            serde_json::from_slice(&bytes).context("the backup's manifest cannot be read")?;
        if manifest.format != FORMAT {
            bail!(
                "the backup has format {}, this version reads {FORMAT}",
                manifest.format
            );
        }
        Ok((manifest, hex::encode(hash)))
    }
}

/// Copies a file and says what it held. The copy is new, readable by its owner alone, and forced to disk.
pub(crate) fn copy(from: &Path, to: &Path) -> std::io::Result<FileEntry> {
    let mut source = File::open(from)?;
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    let mut target = create(to)?;
    let copied = pour(&mut source, &mut target)?;
    target.sync_all()?;
    Ok(copied)
}

/// Writes a new file, forces it to disk, and says what it holds.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<FileEntry> {
    create(path)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(FileEntry {
        len_bytes: bytes.len() as u64,
        sha256: hex::encode(digest::digest(&SHA256, bytes)),
    })
}

/// Says what a file holds.
pub(crate) fn entry(path: &Path) -> Result<FileEntry> {
    File::open(path)
        .and_then(|mut file| pour(&mut file, &mut std::io::sink()))
        .with_context(|| format!("cannot read {}", path.display()))
}

/// Forces a folder's names, and those of the folders in it, to disk.
pub(crate) fn sync(folder: &Path) -> Result<()> {
    let all = || -> std::io::Result<()> {
        let mut waiting = vec![folder.to_owned()];
        while let Some(next) = waiting.pop() {
            for entry in fs::read_dir(&next)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    waiting.push(entry.path());
                }
            }
            File::open(&next)?.sync_all()?;
        }
        Ok(())
    };
    all().with_context(|| format!("cannot force {} to disk", folder.display()))
}

/// Whether a path leads to somewhere inside the folder that it is looked up in.
pub(crate) fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

fn pour(from: &mut impl Read, to: &mut impl Write) -> std::io::Result<FileEntry> {
    let mut hash = digest::Context::new(&SHA256);
    let mut len_bytes = 0;
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = from.read(&mut chunk)?;
        let Some(piece @ [_, ..]) = chunk.get(..read) else {
            break;
        };
        hash.update(piece);
        to.write_all(piece)?;
        len_bytes += read as u64;
    }
    Ok(FileEntry {
        len_bytes,
        sha256: hex::encode(hash.finish()),
    })
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
