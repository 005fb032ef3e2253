//! Trees of folders on other machines, each by its own protocol. Keys are paths below the folder that the source names; an empty
//! folder is no object and makes none. None of the protocols pins a state of a file while it is read, so each file is looked at
//! once more behind its last byte, and the end of one that changed meanwhile is never passed on.

mod names;
mod spec;
mod walk;
mod webdav;
mod webhdfs;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use onshore_types::ByteRange;
use tokio::sync::Mutex;

pub use spec::{TreeProtocol, TreeSpec};

use crate::source::{ByteStream, Coverage, Described, Details, Fetched, ListCursor, Page, Source};
use crate::tree::names::{FileState, Smallest};
use crate::tree::walk::Walk;
use crate::tree::webdav::WebDav;
use crate::tree::webhdfs::WebHdfs;
use crate::wire::unavailable;
use crate::{Credentials, Error, Network};

/// Opens a tree, and sees that its root is a folder that can be looked at.
///
/// # Errors
/// [`Error::PrivateEndpoint`] when the network is [`Network::PublicOnly`] and the endpoint is none; otherwise what the first
/// look met.
pub async fn open_tree(
    spec: &TreeSpec,
    credentials: Option<&Credentials>,
    network: Network,
) -> Result<Arc<dyn Source>, Error> {
    network.check_host(&spec.host()?.0)?;
    Ok(match spec.protocol {
        TreeProtocol::Hdfs => Arc::new(TreeSource::of(
            WebHdfs::open(spec, credentials, network).await?,
        )),
        TreeProtocol::Webdav => Arc::new(TreeSource::of(
            WebDav::open(spec, credentials, network).await?,
        )),
    })
}

/// What a protocol can do with a tree. Paths are relative to its root; those of folders end with a slash, the root's is empty.
#[async_trait]
trait Tree: fmt::Debug + Send + Sync + 'static {
    /// Tells everything that lies in a folder.
    async fn list(&self, folder: &str, names: &mut Smallest) -> Result<(), Error>;

    /// Returns the state of a file; [`Error::Changed`] when something else has taken its place.
    async fn state(&self, path: &str) -> Result<FileState, Error>;

    /// Says what a file is right now.
    async fn details(&self, path: &str) -> Result<Details, Error>;

    /// Opens a run of the described state of a file, which is not empty.
    async fn read(
        &self,
        path: &str,
        details: &Details,
        range: ByteRange,
    ) -> Result<ByteStream, Error>;

    /// Removes the described state of a file.
    async fn remove(&self, path: &str, details: &Details) -> Result<(), Error> {
        let _ = (path, details);
        Err(Error::Unsupported {
            what: "removing files".to_owned(),
        })
    }
}

/// A tree as a source.
#[derive(Debug)]
struct TreeSource<T> {
    tree: Arc<T>,
    /// The walk that the last page left behind, so that the next page goes on without asking for its folders again.
    walk: Mutex<Option<Walk>>,
}

impl<T: Tree> TreeSource<T> {
    fn of(tree: T) -> Self {
        Self {
            tree: Arc::new(tree),
            walk: Mutex::default(),
        }
    }
}

#[async_trait]
impl<T: Tree> Source for TreeSource<T> {
    fn coverage(&self) -> Coverage {
        Coverage::Current
    }

    async fn list(&self, after: Option<&ListCursor>) -> Result<Page, Error> {
        let mut kept = self.walk.lock().await;
        let mut walk = match kept.take() {
            Some(walk) if walk.cursor().as_ref() == after => walk,
            _ => Walk::begin(after)?,
        };
        let page = walk.page(&*self.tree).await;
        if page.as_ref().map_or(true, |page| page.next.is_some()) {
            *kept = Some(walk);
        }
        page
    }

    async fn fetch(&self, key: &str, version: Option<&str>) -> Result<Fetched, Error> {
        let details = self.describe(key, version).await?.details;
        let whole = ByteRange::whole(details.size_bytes);
        let body = Ok(self.open(key, &details, whole).await?);
        Ok(Fetched { details, body })
    }

    async fn describe(&self, key: &str, _version: Option<&str>) -> Result<Described, Error> {
        Ok(Described {
            details: self.tree.details(key).await?,
            obstacle: None,
        })
    }

    async fn open(
        &self,
        key: &str,
        details: &Details,
        range: ByteRange,
    ) -> Result<ByteStream, Error> {
        if range.end() > details.size_bytes {
            return Err(Error::Changed);
        }
        if range.len_bytes == 0 {
            return Ok(Box::pin(stream::empty()));
        }
        let reading = Reading {
            body: self.tree.read(key, details, range).await?,
            tree: Arc::clone(&self.tree),
            path: key.to_owned(),
            expected: details.fingerprint.clone(),
            left_bytes: range.len_bytes,
        };
        Ok(Box::pin(stream::try_unfold(reading, Reading::next)))
    }

    async fn remove(
        &self,
        key: &str,
        _version: Option<&str>,
        details: Option<&Details>,
    ) -> Result<(), Error> {
        match details {
            Some(details) => self.tree.remove(key, details).await,
            None => Err(Error::Unsupported {
                what: "removing what nobody described".to_owned(),
            }),
        }
    }
}

/// A file being read.
struct Reading<T> {
    body: ByteStream,
    tree: Arc<T>,
    path: String,
    expected: String,
    left_bytes: u64,
}

impl<T: Tree> Reading<T> {
    /// Reads the next chunk. The last chunk is passed on only if nothing follows it and the file is still what it was before the
    /// first.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        if self.left_bytes == 0 {
            return Ok(None);
        }
        let chunk = loop {
            match self.body.try_next().await? {
                None => return Err(unavailable("the body ended early")),
                Some(chunk) if chunk.is_empty() => {}
                Some(chunk) => break chunk,
            }
        };
        let Some(left_bytes) = self.left_bytes.checked_sub(chunk.len() as u64) else {
            return Err(Error::Changed);
        };
        self.left_bytes = left_bytes;
        if left_bytes == 0 {
            while let Some(more) = self.body.try_next().await? {
                if !more.is_empty() {
                    return Err(Error::Changed);
                }
            }
            match self.tree.state(&self.path).await {
                Ok(state) if state.fingerprint == self.expected => {}
                Ok(_) | Err(Error::Gone { .. }) => return Err(Error::Changed),
                Err(error) => return Err(error),
            }
        }
        Ok(Some((chunk, self)))
    }
}
