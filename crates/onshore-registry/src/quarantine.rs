//! The quarantine: update bundles as files that nobody can run. A bundle comes in as a draft, bounded in length, and takes its
//! place under its id once it is known what it is. No name here comes from what is in a bundle.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use onshore_types::UpdateId;

/// How the name of a draft ends.
const DRAFT: &str = ".draft";

/// What can go wrong with a file in quarantine.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// It is longer than bundles may be.
    #[error(
        "the update bundle is longer than {max_bytes} bytes; [updates] size_max_bytes allows more"
    )]
    TooLong {
        /// The longest.
        max_bytes: u64,
    },
    /// A file failed.
    #[error("a file in the quarantine of updates cannot be read or written")]
    Io(#[from] io::Error),
}

/// A folder of update bundles.
#[derive(Debug, Clone)]
pub struct Quarantine {
    folder: PathBuf,
    max_bytes: u64,
}

/// A bundle on its way in. It is removed unless it is kept.
#[derive(Debug)]
pub struct Draft {
    file: File,
    path: PathBuf,
    quarantine: Quarantine,
    len_bytes: u64,
}

impl Quarantine {
    /// Opens the folder, which is made where it is missing and is nobody else's to look into.
    ///
    /// # Errors
    /// [`QuarantineError::Io`].
    pub fn open(folder: &Path, max_bytes: u64) -> Result<Self, QuarantineError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            max_bytes,
        })
    }

    /// Removes what is in the folder and is none of these: drafts of a server that was killed, and bundles that no record
    /// tells of.
    ///
    /// # Errors
    /// [`QuarantineError::Io`].
    pub fn sweep(&self, known: &[UpdateId]) -> Result<(), QuarantineError> {
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if !known.iter().any(|id| name == id.to_string().as_str()) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Begins to take a bundle in; `name` was drawn by the caller.
    ///
    /// # Errors
    /// [`QuarantineError::Io`].
    pub fn receive(&self, name: [u8; 16]) -> Result<Draft, QuarantineError> {
        let path = self.folder.join(format!("{}{DRAFT}", hex::encode(name)));
        let file = OpenOptions::new()
            .create_new(true)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)?;
        Ok(Draft {
            file,
            path,
            quarantine: self.clone(),
            len_bytes: 0,
        })
    }

    /// Opens a bundle; none where it is not there.
    ///
    /// # Errors
    /// [`QuarantineError::Io`].
    pub fn bundle(&self, id: UpdateId) -> Result<Option<File>, QuarantineError> {
        match File::open(self.place(id)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a bundle, where it is there.
    ///
    /// # Errors
    /// [`QuarantineError::Io`].
    pub fn remove(&self, id: UpdateId) -> Result<(), QuarantineError> {
        match std::fs::remove_file(self.place(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn place(&self, id: UpdateId) -> PathBuf {
        self.folder.join(id.to_string())
    }
}

impl Draft {
    /// Adds bytes.
    ///
    /// # Errors
    /// [`QuarantineError::TooLong`], [`QuarantineError::Io`].
    pub fn add(&mut self, bytes: &[u8]) -> Result<(), QuarantineError> {
        self.len_bytes = self.len_bytes.saturating_add(bytes.len() as u64);
        let max_bytes = self.quarantine.max_bytes;
        if self.len_bytes > max_bytes {
            return Err(QuarantineError::TooLong { max_bytes });
        }
        Ok(self.file.write_all(bytes)?)
    }

    /// Returns what came so far, to be read from its beginning.
    ///
    /// # Errors
    /// [`QuarantineError::Io`].
    pub fn reader(&mut self) -> Result<&mut File, QuarantineError> {
        self.file.seek(SeekFrom::Start(0))?;
        Ok(&mut self.file)
    }

    /// Gives the bundle its place, durable before the record that tells of it is.
    ///
    /// # Errors
    /// [`QuarantineError::Io`].
    pub fn keep(mut self, id: UpdateId) -> Result<(), QuarantineError> {
        self.file.sync_all()?;
        let place = self.quarantine.place(id);
        std::fs::rename(&self.path, &place)?;
        self.path = PathBuf::new();
        File::open(&self.quarantine.folder)?.sync_all()?;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.path.as_os_str().is_empty() {
            // What stays is swept at the next start.
            drop(std::fs::remove_file(&self.path));
        }
    }
}
