//! The folder of a series: points, the pieces and bodies they share, and the key of the series, sealed by the root key.
//!
//! ```text
//! series.json            the format, the id and the sealed key
//! points/TIME.json       a point's manifest, and its seal beside it
//! pieces/ab/…            pieces of databases and other small files, sealed
//! objects/ab/…           bodies, sealed as in the data folder, a file for each
//! ```

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use onshore_keys::KeyProvider;
use onshore_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::files;
use super::key_store::KeyStore;
use super::manifest::{FORMAT, Point};
use super::pieces::{self, Pieces};
use crate::exit::usage;
use crate::house::lock_file;

const HEAD: &str = "series.json";
const POINTS: &str = "points";
const PIECES: &str = "pieces";
const BODIES: &str = "objects";
const LOCK: &str = "lock";
/// What a beginning that was broken off may leave.
const HEAD_DRAFT: &str = "series.json.draft";
const KEY_CONTEXT: &[u8] = b"onshore backup series 2";

/// A series of backups.
pub(crate) struct Series {
    folder: PathBuf,
    id: String,
    pieces: Pieces,
    _lock: Option<File>,
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
    /// Begins a series in a folder that is empty, not there, or left by a beginning that was broken off. It is one when its
    /// key store is there.
    pub(crate) fn create(
        folder: &Path,
        key_store: &Path,
        keys: &dyn KeyProvider,
    ) -> Result<(Self, KeyStore)> {
        files::make_folder(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let lock = lock(folder)?;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_ours = match name.to_str() {
                Some(LOCK | HEAD_DRAFT) => true,
                Some(POINTS | PIECES | BODIES) => fs::read_dir(entry.path())?.next().is_none(),
                _ => false,
            };
            if !is_ours {
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
        let key_store = KeyStore::create(key_store, &head.id)?;
        for part in [POINTS, PIECES, BODIES] {
            files::make_folder(&folder.join(part))?;
        }
        files::write(&folder.join(HEAD), &serde_json::to_vec_pretty(&head)?)?;
        files::sync_upward(folder)?;
        let series = Self {
            folder: folder.to_owned(),
            id: head.id,
            pieces: Pieces::new(folder.join(PIECES), &key)?,
            _lock: Some(lock),
        };
        Ok((series, key_store))
    }

    /// Whether a folder holds a series.
    pub(crate) fn is_in(folder: &Path) -> bool {
        folder.join(HEAD).is_file()
    }

    /// Opens a series to change it: nobody else may have it open.
    pub(crate) fn open(folder: &Path, keys: &dyn KeyProvider) -> Result<Self> {
        Self::with(folder, keys, |folder| lock(folder).map(Some))
    }

    /// Opens a series to look at it, beside others who look. The folder need not be one that can be written.
    pub(crate) fn look(folder: &Path, keys: &dyn KeyProvider) -> Result<Self> {
        Self::with(folder, keys, lock_shared)
    }

    fn with(
        folder: &Path,
        keys: &dyn KeyProvider,
        lock: impl FnOnce(&Path) -> Result<Option<File>>,
    ) -> Result<Self> {
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
            "the backups were sealed with another root key. Name that one with --keys; where it was replaced by `onshore \
             rekey`, begin a series in another folder, and keep the old key as long as this one",
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
        let mut named = HashSet::new();
        let mut bodies = HashSet::new();
        for point in self.points()? {
            let point = point.read(self, keys)?.0;
            bodies.extend(point.bodies.into_keys());
            named.extend(point.pieces.into_values().flat_map(|file| file.pieces));
        }
        let keeps = |shelf: &str, name: &str| bodies.contains(&format!("{BODIES}/{shelf}/{name}"));
        let freed_bytes = pieces::sweep(&self.folder.join(BODIES), &keeps)?;
        Ok(freed_bytes + self.pieces.sweep(&named)?)
    }

    /// Whether everything that a point names is there; what it holds is not looked at.
    pub(crate) fn has_all_of(&self, point: &Point) -> bool {
        point
            .pieces
            .values()
            .all(|file| self.pieces.are_there(file))
            && point.bodies.iter().all(|(name, body)| {
                let file = self.folder.join(name).metadata();
                file.is_ok_and(|file| file.len() == body.len_bytes)
            })
    }

    /// Whether everything of a point that is in pieces is what was backed up.
    pub(crate) fn pieces_hold(&self, point: &Point) -> bool {
        let mut files = point.pieces.values();
        files.all(|file| self.pieces.give(file, &mut std::io::sink()).is_ok())
    }

    /// Compares everything that a point names with what is there, but for bodies that were compared already, and returns
    /// what is damaged.
    pub(crate) fn check(&self, point: &Point, compared: &mut HashSet<String>) -> Vec<String> {
        let mut damaged = Vec::new();
        for (name, file) in &point.pieces {
            if self.pieces.give(file, &mut std::io::sink()).is_err() {
                damaged.push(format!("{name} of the point of {}", point.made));
            }
        }
        for (name, expected) in &point.bodies {
            let is_new = compared.insert(name.clone());
            if is_new && files::entry(&self.folder.join(name)).ok().as_ref() != Some(expected) {
                damaged.push(name.clone());
            }
        }
        damaged
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

/// The name of a point: names sort as times do, and are names everywhere.
fn name_of(made: Timestamp) -> String {
    made.to_string().replace(':', "-")
}

fn lock(folder: &Path) -> Result<File> {
    lock_file(&folder.join(LOCK))?
        .ok_or_else(|| anyhow!("another backup or restore works on {}", folder.display()))
}

/// Keeps others from changing the series, where they could.
fn lock_shared(folder: &Path) -> Result<Option<File>> {
    let Ok(file) = File::open(folder.join(LOCK)) else {
        return Ok(None);
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            Err(anyhow!("a backup changes {} at present", folder.display()))
        }
        // Not every file system has locks.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}
