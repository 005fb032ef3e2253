//! The objects folder: `staging/` for files being written, `00/` to `ff/` for whole ones. A file gets its place by a
//! rename after its bytes are on stable storage, and the folder is synced before anybody is told.
//!
//! Whether a file belongs to a row is not known here; see `reclaim`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{Advice, fadvise};

use crate::Error;
use crate::frame::BodyId;

/// What bodies leave free on the disk, so that deletes, leaves and checkpoints can still be written: a full store must
/// be one that can be emptied.
const RESERVE_BYTES: u64 = 64 << 20;
/// On a small disk the reserve is this part of it.
const RESERVE_PART: u64 = 8;

/// The objects folder.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    root: Arc<Path>,
}

/// How much is written before the disk is told to begin with it, so that little is left to wait for at the end.
const BEGIN_EVERY_BYTES: u64 = 2 << 20;

/// A file that is being written; it is removed unless it is finished.
#[derive(Debug)]
pub(crate) struct Draft {
    files: Files,
    body: BodyId,
    file: Option<File>,
    written_bytes: u64,
    /// Up to where the disk was told to begin.
    begun_bytes: u64,
}

/// What one folder of whole files holds.
#[derive(Debug, Default)]
pub(crate) struct Shard {
    pub(crate) bodies: Vec<BodyId>,
    /// Files that are not the store's.
    pub(crate) strangers: usize,
}

impl Files {
    /// Opens the folder, makes what is missing, and removes what was never finished.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        let files = Self { root: root.into() };
        files.prepare().map_err(Error::of_files)?;
        Ok(files)
    }

    fn prepare(&self) -> io::Result<()> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(self.staging())?;
        for shard in 0..=u8::MAX {
            builder.create(self.root.join(hex::encode([shard])))?;
        }
        for left in fs::read_dir(self.staging())? {
            fs::remove_file(left?.path())?;
        }
        File::open(&self.root)?.sync_all()
    }

    /// Refuses a body, or the next piece of one, that would eat into the reserve.
    pub(crate) fn check_room(&self, len_bytes: usize) -> Result<(), Error> {
        let disk =
            rustix::fs::statvfs(&*self.root).map_err(|error| Error::of_files(error.into()))?;
        let total = disk.f_blocks.saturating_mul(disk.f_frsize);
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        let reserve = RESERVE_BYTES.min(total / RESERVE_PART);
        if free < reserve.saturating_add(len_bytes as u64) {
            return Err(Error::of_files(io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }

    /// Begins a file.
    pub(crate) fn draft(&self, body: BodyId) -> Result<Draft, Error> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.draft_path(body))
            .map_err(Error::of_files)?;
        Ok(Draft {
            files: self.clone(),
            body,
            file: Some(file),
            written_bytes: 0,
            begun_bytes: 0,
        })
    }

    /// Opens a whole file.
    pub(crate) fn read(&self, body: BodyId) -> io::Result<File> {
        File::open(self.path(body))
    }

    /// Removes a whole file; one that is gone already is fine.
    pub(crate) fn remove(&self, body: BodyId) {
        match fs::remove_file(self.path(body)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%body, %error, "a file that belongs to no object cannot be removed");
            }
            _ => {}
        }
    }

    /// Hands over the bodies of one shard after the other.
    pub(crate) fn each_shard(
        &self,
        mut seen: impl FnMut(Vec<BodyId>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for shard in 0..=u8::MAX {
            let folder = self.root.join(hex::encode([shard]));
            let Shard { bodies, strangers } =
                Shard::read(&folder, shard).map_err(Error::of_files)?;
            if strangers > 0 {
                tracing::warn!(?folder, "a file in the objects folder is not the store's");
            }
            seen(bodies)?;
        }
        Ok(())
    }

    /// Returns the folder as it is, to look at it: nothing is made or removed.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.into() }
    }

    /// Reads one shard; one that is missing has nothing in it.
    pub(crate) fn shard_of(&self, shard: u8) -> io::Result<Shard> {
        match Shard::read(&self.root.join(hex::encode([shard])), shard) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Shard::default()),
            read => read,
        }
    }

    /// Returns how long a body's file is; none when there is no such file.
    pub(crate) fn len_bytes(&self, body: BodyId) -> io::Result<Option<u64>> {
        match fs::symlink_metadata(self.path(body)) {
            Ok(file) if file.is_file() => Ok(Some(file.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the names of files that were begun and not finished.
    pub(crate) fn unfinished(&self) -> io::Result<Vec<PathBuf>> {
        match fs::read_dir(self.staging()) {
            Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    fn draft_path(&self, body: BodyId) -> PathBuf {
        self.staging().join(body.to_string())
    }

    fn shard(&self, body: BodyId) -> PathBuf {
        let [first, ..] = body.0;
        self.root.join(hex::encode([first]))
    }

    fn path(&self, body: BodyId) -> PathBuf {
        self.root.join(body.file())
    }
}

impl Draft {
    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.files.check_room(bytes.len())?;
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        file.write_all(bytes).map_err(Error::of_files)?;
        self.written_bytes += bytes.len() as u64;
        let fresh = self.written_bytes - self.begun_bytes;
        if fresh >= BEGIN_EVERY_BYTES {
            // Linux begins to write dirty pages of which it is told that nobody needs them, and does not wait; they stay
            // in memory until they are written (posix_fadvise(2), POSIX_FADV_DONTNEED). Advice that is not taken costs
            // time and nothing else: the sync at the end is what counts.
            let len = NonZeroU64::new(fresh);
            fadvise(&*file, self.begun_bytes, len, Advice::DontNeed).ok();
            self.begun_bytes = self.written_bytes;
        }
        Ok(())
    }

    /// Puts the bytes on stable storage and the file in its place.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        if let Some(file) = &self.file {
            file.sync_all().map_err(Error::of_files)?;
        }
        fs::rename(self.files.draft_path(self.body), self.files.path(self.body))
            .map_err(Error::of_files)?;
        // From here on it is no draft: until the folder is synced a failure leaves a whole file, which the sweep
        // finds.
        self.file = None;
        File::open(self.files.shard(self.body))
            .and_then(|folder| folder.sync_all())
            .map_err(Error::of_files)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            drop(fs::remove_file(self.files.draft_path(self.body)));
        }
    }
}

/// Reads exactly this many bytes at this offset.
pub(crate) fn read_at(file: &File, offset: u64, len_bytes: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; len_bytes];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

impl Shard {
    fn read(folder: &Path, number: u8) -> io::Result<Self> {
        let mut shard = Self::default();
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name();
            match name.to_str().and_then(BodyId::parse) {
                Some(body) if body.0.first() == Some(&number) => shard.bodies.push(body),
                _ => shard.strangers += 1,
            }
        }
        Ok(shard)
    }
}
