//! How a job's source is opened. The engine takes it as a value, so that tests can hand it a source that lies.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use onshore_sources::{
    Credentials, Error, Folder, S3Source, Source, SourceAccess, SourceSpec, open_container,
    open_swift, open_tree,
};

/// Opens sources.
#[async_trait]
pub trait OpenSource: Send + Sync + fmt::Debug {
    /// Opens a source.
    async fn open(
        &self,
        access: &SourceAccess,
        credentials: Option<&Credentials>,
    ) -> Result<Arc<dyn Source>, Error>;

    /// Opens a source to write there, over connections to one address and no other, and returns that one.
    async fn open_at_one_address(
        &self,
        access: &SourceAccess,
        credentials: Option<&Credentials>,
    ) -> Result<(Arc<dyn Source>, IpAddr), Error>;
}

/// Opens the sources that there are.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The folders below which a folder may be read.
    pub roots: Vec<PathBuf>,
}

#[async_trait]
impl OpenSource for Sources {
    async fn open(
        &self,
        access: &SourceAccess,
        credentials: Option<&Credentials>,
    ) -> Result<Arc<dyn Source>, Error> {
        match &access.source {
            SourceSpec::S3(spec) => {
                let source = S3Source::open(spec, credentials, access.network).await?;
                Ok(Arc::new(source))
            }
            SourceSpec::Container(spec) => open_container(spec, credentials, access.network).await,
            SourceSpec::Swift(spec) => open_swift(spec, credentials, access.network).await,
            SourceSpec::Tree(spec) => open_tree(spec, credentials, access.network).await,
            SourceSpec::Folder(spec) => Ok(Arc::new(Folder::open(spec, &self.roots).await?)),
        }
    }

    async fn open_at_one_address(
        &self,
        access: &SourceAccess,
        credentials: Option<&Credentials>,
    ) -> Result<(Arc<dyn Source>, IpAddr), Error> {
        match &access.source {
            SourceSpec::S3(spec) => {
                let (source, address) =
                    S3Source::open_at_one_address(spec, credentials, access.network).await?;
                Ok((Arc::new(source), address))
            }
            SourceSpec::Container(_)
            | SourceSpec::Swift(_)
            | SourceSpec::Tree(_)
            | SourceSpec::Folder(_) => Err(Error::Unsupported {
                what: "taking back what was changed".to_owned(),
            }),
        }
    }
}
