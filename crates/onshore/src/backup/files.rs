//! Files of backups: written whole or not at all, readable by their owner alone, forced to disk, known by length and hash.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use ring::digest::{self, SHA256};
use serde::{Deserialize, Serialize};

/// Bytes copied at once.
const CHUNK_BYTES: usize = 1 << 20;
/// What the name of a file ends in until it is whole.
const DRAFT: &str = "draft";

/// A file in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileEntry {
    /// How long it is.
    pub(crate) len_bytes: u64,
    /// Its SHA-256, in hexadecimal digits.
    pub(crate) sha256: String,
}

impl FileEntry {
    /// Says what these bytes are.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        Self {
            len_bytes: bytes.len() as u64,
            sha256: hex::encode(digest::digest(&SHA256, bytes)),
        }
    }
}

/// Copies a file and says what it held. What lay at `to` is replaced.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<FileEntry> {
    let mut source = File::open(from)?;
    create(to, |target| pour(&mut source, target))
}

/// Writes a file, and says what it holds. What lay there is replaced.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<FileEntry> {
    create(path, |file| file.write_all(bytes))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(FileEntry::of_bytes(bytes))
}

/// Says what a file holds.
pub(crate) fn entry(path: &Path) -> Result<FileEntry> {
    File::open(path)
        .and_then(|mut file| pour(&mut file, &mut io::sink()))
        .with_context(|| format!("cannot read {}", path.display()))
}

/// Forces a folder's names, and those of the folders in it, to disk.
pub(crate) fn sync(folder: &Path) -> Result<()> {
    let all = || -> io::Result<()> {
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

/// Forces the names in a folder, and its own, to disk.
pub(crate) fn sync_upward(folder: &Path) -> Result<()> {
    sync(folder)?;
    let Some(parent) = folder.parent().filter(|path| !path.as_os_str().is_empty()) else {
        return Ok(());
    };
    File::open(parent)
        .and_then(|parent| parent.sync_all())
        .with_context(|| format!("cannot force {} to disk", parent.display()))
}

/// Returns how much room is on the disk of a folder.
pub(crate) fn free_bytes(folder: &Path) -> Result<u64> {
    let disk = rustix::fs::statvfs(folder).context("the disk cannot be asked for room")?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Whether a path leads to somewhere inside the folder that it is looked up in.
pub(crate) fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Makes a folder that its owner alone can look into.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
}

/// Fills a file, as [`write()`] does.
pub(crate) fn fill(path: &Path, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    create(path, |file| fill(file).map_err(io::Error::other))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Fills a new file and gives it its name when it is whole and on disk. The name itself is forced to disk by [`sync`].
fn create<T>(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    let draft = draft(path);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    let filled = fill(&mut file).and_then(|filled| file.sync_all().map(|()| filled));
    match filled.and_then(|filled| fs::rename(&draft, path).map(|()| filled)) {
        Ok(filled) => Ok(filled),
        Err(error) => {
            // What could not be written is in nobody's way; a draft that cannot be removed is replaced next time.
            drop(fs::remove_file(&draft));
            Err(error)
        }
    }
}

fn draft(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(DRAFT);
    PathBuf::from(name)
}

fn pour(from: &mut impl Read, to: &mut impl Write) -> io::Result<FileEntry> {
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
