//! A folder as a source. Its files are opened below one directory handle that no path and no symbolic link leaves;
//! links are named and never followed; a file that changes while it is read is never passed on as read.
//!
//! Keys are paths relative to the folder. An empty folder is no object and makes none.

mod walk;

use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use cap_std::fs::{Dir, File, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use futures_util::stream;
use onshore_types::{ByteRange, Timestamp};
use rustix::fs::OFlags;

use crate::content_type;
use crate::folder::walk::Walk;
use crate::source::{
    ByteStream, Coverage, Described, Details, Entry, EtagMeaning, Fetched, ListCursor, Page, Source,
};
use crate::{Error, FolderSpec};

/// How many bytes are read at once.
const CHUNK_BYTES: usize = 256 * 1024;

/// A folder of the server.
#[derive(Debug)]
pub struct Folder {
    root: Arc<Dir>,
    /// The walk that the last page left behind, so that the next page goes on without seeking.
    walk: Arc<Mutex<Option<Walk>>>,
}

impl Folder {
    /// Opens the folder below one of the roots. A link on the way from the root down to it may not leave the root.
    ///
    /// # Errors
    /// [`Error::OutsideRoots`], [`Error::Gone`] or [`Error::Forbidden`].
    pub async fn open(spec: &FolderSpec, roots: &[PathBuf]) -> Result<Self, Error> {
        let (root, below) = roots
            .iter()
            .find_map(|root| Some((root.clone(), spec.path.strip_prefix(root).ok()?.to_owned())))
            .ok_or(Error::OutsideRoots)?;
        blocking(move || {
            let root = Dir::open_ambient_dir(root, cap_std::ambient_authority()).map_err(fault)?;
            let root = match below.as_os_str().is_empty() {
                true => root,
                false => root.open_dir(below).map_err(fault)?,
            };
            Ok(Self {
                root: Arc::new(root),
                walk: Arc::default(),
            })
        })
        .await
    }
}

#[async_trait]
impl Source for Folder {
    fn coverage(&self) -> Coverage {
        Coverage::Current
    }

    async fn list(&self, after: Option<&ListCursor>) -> Result<Page, Error> {
        let (root, kept) = (Arc::clone(&self.root), Arc::clone(&self.walk));
        let after = after.cloned();
        blocking(move || {
            let left_behind = kept.lock().unwrap_or_else(PoisonError::into_inner).take();
            let mut walk = match left_behind {
                Some(walk) if walk.cursor() == after => walk,
                _ => Walk::begin(&root, after.as_ref())?,
            };
            let page = walk.page()?;
            *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(walk);
            Ok(page)
        })
        .await
    }

    async fn fetch(&self, key: &str, version: Option<&str>) -> Result<Fetched, Error> {
        let details = self.describe(key, version).await?.details;
        let whole = ByteRange::whole(details.size_bytes);
        let body = Ok(self.open(key, &details, whole).await?);
        Ok(Fetched { details, body })
    }

    async fn describe(&self, key: &str, _version: Option<&str>) -> Result<Described, Error> {
        let (root, name) = (Arc::clone(&self.root), key.to_owned());
        let details = blocking(move || {
            let metadata = root.symlink_metadata(&name).map_err(fault)?;
            let entry = entry_of(name, &metadata)?;
            Ok(Details {
                fingerprint: entry.fingerprint,
                size_bytes: entry.size_bytes,
                modified: entry.modified,
                content_type: content_type::of_key(&entry.key).map(str::to_owned),
                etag_meaning: EtagMeaning::Opaque,
                ..Details::default()
            })
        })
        .await?;
        Ok(Described {
            details,
            obstacle: None,
        })
    }

    async fn open(
        &self,
        key: &str,
        details: &Details,
        range: ByteRange,
    ) -> Result<ByteStream, Error> {
        let (root, key, expected) = (
            Arc::clone(&self.root),
            key.to_owned(),
            details.fingerprint.clone(),
        );
        let reading = blocking(move || Reading::open(&root, &key, expected, range)).await?;
        Ok(Box::pin(stream::try_unfold(reading, |reading| {
            blocking(move || reading.next())
        })))
    }
}

/// A file being read.
struct Reading {
    file: File,
    expected: String,
    left_bytes: u64,
}

impl Reading {
    fn open(root: &Dir, key: &str, expected: String, range: ByteRange) -> Result<Self, Error> {
        // Should a pipe or a link have taken the file's place since it was listed, neither may be waited for or
        // followed.
        let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits();
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(flags.cast_signed());
        let mut file = root.open_with(key, &options).map_err(fault)?;
        let size_bytes = same_state(&file, &expected)?;
        if range.end() > size_bytes {
            return Err(Error::Changed);
        }
        let left_bytes = range.len_bytes;
        file.seek(SeekFrom::Start(range.start)).map_err(fault)?;
        Ok(Self {
            file,
            expected,
            left_bytes,
        })
    }

    /// Reads the next chunk. The last chunk is passed on only if the file is still what it was before the first.
    fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        if self.left_bytes == 0 {
            return Ok(None);
        }
        let wanted =
            usize::try_from(self.left_bytes).map_or(CHUNK_BYTES, |left| left.min(CHUNK_BYTES));
        let mut chunk = vec![0; wanted];
        match self.file.read_exact(&mut chunk) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Error::Changed);
            }
            Err(error) => return Err(fault(error)),
        }
        self.left_bytes -= wanted as u64;
        if self.left_bytes == 0 {
            same_state(&self.file, &self.expected)?;
        }
        Ok(Some((Bytes::from(chunk), self)))
    }
}

/// Returns the file's size if it is still in the state that was described.
fn same_state(file: &File, expected: &str) -> Result<u64, Error> {
    let metadata = file.metadata().map_err(fault)?;
    if metadata.is_file() && fingerprint(&metadata) == expected {
        Ok(metadata.len())
    } else {
        Err(Error::Changed)
    }
}

/// Returns the entry of a regular file.
fn entry_of(key: String, metadata: &Metadata) -> Result<Entry, Error> {
    if !metadata.is_file() {
        return Err(Error::Changed);
    }
    let millis = metadata
        .mtime()
        .saturating_mul(1000)
        .saturating_add(metadata.mtime_nsec() / 1_000_000);
    Ok(Entry {
        key,
        size_bytes: metadata.len(),
        fingerprint: fingerprint(metadata),
        modified: Some(Timestamp::from_millis(millis)),
        place: None,
    })
}

/// Size, both times to the nanosecond, and inode: a change that leaves all of them as they were cannot be made through
/// the file system.
fn fingerprint(metadata: &Metadata) -> String {
    format!(
        "{}-{}.{:09}-{}.{:09}-{}",
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
        metadata.ino()
    )
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| {
        Err(Error::Unavailable {
            what: "the server is stopping".to_owned(),
        })
    })
}

/// Says what an error of the file system means. The message holds no path.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it stands behind map_err wherever a file is touched"
)]
fn fault(error: io::Error) -> Error {
    let what = error.kind().to_string();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::Gone { what },
        // `cap-std` answers PermissionDenied for a path that would leave the folder, too.
        io::ErrorKind::PermissionDenied => Error::Forbidden { what },
        io::ErrorKind::IsADirectory => Error::Changed,
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => Error::Changed,
        _ if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => Error::Changed,
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => Error::Unsupported { what },
        _ => Error::Unavailable { what },
    }
}
