//! The folder of a series: points, the pieces and bodies they share, and the key of the series, sealed by the root key.
//!
//!     series.json            the format, the id and the sealed key
//!     points/TIME.json       a point's manifest, and its seal beside it
//!     pieces/ab/…            pieces of databases and other small files, sealed
//!     objects/ab/…           bodies, sealed as in the data folder, a file for each

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use onshore_keys::KeyProvider;
use onshore_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::files::{self, FileEntry};
use super::manifest::{FORMAT, Point};
use super::pieces::{self, Pieces};
use crate::exit::usage;

const HEAD: &str = "series.json";
const POINTS: &str = "points";
const PIECES: &str = "pieces";
const BODIES: &str = "objects";
const LOCK: &str = "lock";
const KEY_CONTEXT: &[u8] = b"onshore backup series 2";

/// A series of backups.
pub(crate) struct Series {
    folder: PathBuf,
    id: String,
    pieces: Pieces,
    _lock: File,
}

/// A point's manifest in its place.
#[derive(Debug)]
pub(crate) struct PointFile {
    path: PathBuf,
    /// When it was made, as its name tells.
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: u32,
    id: String,
    key: String,
}

impl Series {
    /// Begins a series in a folder that is empty or not there.
    pub(crate) fn create(folder: &Path, keys: &dyn KeyProvider) -> Result<Self> {
        files::make_folder(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = lock(folder)?;
        for entry in fs::read_dir(folder)? {
            if entry?.file_name() != LOCK {
                return Err(usage(format!(
                    "{} is not empty and holds no backups of this kind: a series goes into a folder of its own",
                    folder.display()
                )));
            }
        }
        let key = Pieces::draw_key();
        let head = Head {
            format: FORMAT,
            id: hex::encode(onshore_keys::random::<16>()),
            key: hex::encode(keys.wrap(KEY_CONTEXT, key.as_bytes())?),
        };
        for part in [POINTS, PIECES, BODIES] {
            files::make_folder(&folder.join(part))?;
        }
        files::write(&folder.join(HEAD), &serde_json::to_vec_pretty(&head)?)?;
        files::sync(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            id: head.id,
            pieces: Pieces::new(folder.join(PIECES), &key)?,
            _lock: lock,
        })
    }

    /// Whether a folder holds a series.
    pub(crate) fn is_in(folder: &Path) -> bool {
        folder.join(HEAD).is_file()
    }

    /// Opens a series for this process alone.
    pub(crate) fn open(folder: &Path, keys: &dyn KeyProvider) -> Result<Self> {
        let no_backup = || format!("{} holds no backups", folder.display());
        let head = fs::read(folder.join(HEAD)).with_context(no_backup)?;
        let head: Head = serde_json::from_slice(&head).with_context(no_backup)?;
        if head.format != FORMAT {
            bail!(
                "the backups have format {}, this version reads {FORMAT}",
                head.format
            );
        }
        let lock = lock(folder)?;
        let sealed = hex::decode(&head.key).with_context(no_backup)?;
        let key = keys.unwrap(KEY_CONTEXT, &sealed).context(
            "the backups were sealed with another root key: name it with --keys, or begin a series in another folder",
        )?;
        Ok(Self {
            folder: folder.to_owned(),
            id: head.id,
            pieces: Pieces::new(folder.join(PIECES), &key)?,
            _lock: lock,
        })
    }

    /// Returns what tells it from other series.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Returns its pieces.
    pub(crate) fn pieces(&self) -> &Pieces {
        &self.pieces
    }

    /// Returns its folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns its points, oldest first.
    pub(crate) fn points(&self) -> Result<Vec<PointFile>> {
        let mut points = Vec::new();
        for entry in fs::read_dir(self.folder.join(POINTS))? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let name = path.file_stem().unwrap_or_default();
                let name = name.to_string_lossy().into_owned();
                points.push(PointFile { path, name });
            }
        }
        points.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(points)
    }

    /// Returns the newest point that was made at or before a time, or the newest of all.
    pub(crate) fn newest(&self, at: Option<Timestamp>) -> Result<Option<PointFile>> {
        let limit = at.map(name_of);
        Ok(self
            .points()?
            .into_iter()
            .rfind(|point| limit.as_ref().is_none_or(|limit| point.name <= *limit)))
    }

    /// Adds a point.
    pub(crate) fn add(&self, point: &Point, keys: &dyn KeyProvider) -> Result<()> {
        for part in [PIECES, BODIES] {
            files::sync(&self.folder.join(part))?;
        }
        let path = self.folder.join(POINTS).join(name_of(point.made));
        // Not with `with_extension`: the name tells a fraction of a second behind a dot.
        let path = PathBuf::from(format!("{}.json", path.display()));
        point.write(&path, keys)
    }

    /// Removes what no point names any more, and returns how many bytes it was.
    pub(crate) fn sweep(&self, keys: &dyn KeyProvider) -> Result<u64> {
        let mut kept = Vec::new();
        for point in self.points()? {
            kept.push(point.read(self, keys)?.0);
        }
        let named: HashSet<&str> = kept
            .iter()
            .flat_map(|point| point.pieces.values())
            .flat_map(|file| file.pieces.iter().map(String::as_str))
            .collect();
        let bodies: HashSet<&str> = kept
            .iter()
            .flat_map(|point| point.bodies.keys().map(String::as_str))
            .collect();
        let keeps = |shelf: &str, name: &str| {
            let path = format!("{BODIES}/{shelf}/{name}");
            bodies.contains(path.as_str())
        };
        let freed_bytes = pieces::sweep(&self.folder.join(BODIES), &keeps)?;
        Ok(freed_bytes + self.pieces.sweep(&named)?)
    }

    /// Compares everything that a point names with what is there.
    pub(crate) fn check(&self, point: &Point) -> Result<()> {
        for (name, file) in &point.pieces {
            self.pieces
                .give(file, &mut std::io::sink())
                .with_context(|| format!("{name} of the point of {}", point.made))?;
        }
        for (name, expected) in &point.bodies {
            check_body(&self.folder, name, expected)?;
        }
        Ok(())
    }
}

impl PointFile {
    /// Reads the manifest, and its SHA-256.
    pub(crate) fn read(&self, series: &Series, keys: &dyn KeyProvider) -> Result<(Point, String)> {
        let (point, hash) = Point::read(&self.path, keys)?;
        if point.series != series.id || name_of(point.made) != self.name {
            bail!(
                "{} is of another series, or was renamed: the backup was changed",
                self.path.display()
            );
        }
        Ok((point, hash))
    }

    /// Removes the point. What it alone named is removed by a sweep.
    pub(crate) fn remove(&self) -> Result<()> {
        Point::remove(&self.path).with_context(|| format!("cannot remove {}", self.path.display()))
    }
}

fn check_body(folder: &Path, name: &str, expected: &FileEntry) -> Result<()> {
    if files::entry(&folder.join(name))? != *expected {
        bail!("{name} is not what was backed up: the backup is damaged");
    }
    Ok(())
}

/// The name of a point: names sort as times do, and are names everywhere.
fn name_of(made: Timestamp) -> String {
    made.to_string().replace(':', "-")
}

fn lock(folder: &Path) -> Result<File> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(anyhow!(
            "another backup or restore works on {}",
            folder.display()
        )),
        Err(TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock {}", path.display()))
        }
    }
}
