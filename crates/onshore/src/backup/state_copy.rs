//! The copy of the database that a point is made of. It lies in the data folder, where everything in it lies anyway, and
//! for no longer than it takes: it holds what opens every version.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::house::lock_file;

const COPY: &str = "backup.db";
/// What its name, and those of what is made beside it, end in.
const BESIDE: [&str; 5] = ["", "-journal", "-wal", "-shm", ".draft"];
/// Held as long as the copy may be there.
const LOCK: &str = "backup.lock";

/// The place of the copy, for this process alone. Whatever becomes of this process, the next one that takes it, or that
/// serves the folder, removes what is there.
#[derive(Debug)]
pub(crate) struct StateCopy {
    path: PathBuf,
    _lock: File,
}

impl StateCopy {
    /// Takes the place, and removes what somebody left who was killed.
    pub(crate) fn take(data: &Path) -> Result<Self> {
        let Some(lock) = lock_file(&data.join(LOCK))? else {
            bail!("another backup of {} is under way", data.display());
        };
        let path = data.join(COPY);
        discard(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// Removes what somebody left who was killed, unless a backup is under way.
    pub(crate) fn clear(data: &Path) {
        let is_there = BESIDE
            .iter()
            .any(|end| data.join(format!("{COPY}{end}")).exists());
        if is_there && let Err(error) = Self::take(data) {
            tracing::info!(%error, "the copy of the database for a backup stays for now");
        }
    }

    /// Returns where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it.
    pub(crate) fn remove(self) -> Result<()> {
        discard(&self.path)
    }
}

impl Drop for StateCopy {
    fn drop(&mut self) {
        // After a failure, which is told; the next to take the place removes what cannot be removed now.
        drop(discard(&self.path));
    }
}

/// Removes a database, and what SQLite may have left beside it.
pub(crate) fn discard(copy: &Path) -> Result<()> {
    BESIDE
        .iter()
        .try_for_each(|end| {
            let mut name = copy.as_os_str().to_owned();
            name.push(end);
            match fs::remove_file(PathBuf::from(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok::<(), io::Error>(()),
            }
        })
        .with_context(|| format!("cannot remove {}", copy.display()))
}
