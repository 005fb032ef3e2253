//! The cloud that a bucket comes from, for as long as not all of it is here. What is not here yet is asked for there: a key
//! by itself, or what a listing would tell of. Who brings it, and whether it may come, is not known in this room.

use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use onshore_store::ObjectHead;
use onshore_types::{BucketId, ByteRange, ObjectKey, Timestamp};

/// The bytes of an object on their way through.
pub type PassingBytes = Pin<Box<dyn Stream<Item = Result<Bytes, OriginSilent>> + Send>>;

/// Where what is not here yet comes from.
#[async_trait]
pub trait Origin: Send + Sync + fmt::Debug {
    /// Whether anything of this bucket may still be elsewhere.
    fn reaches(&self, bucket: BucketId) -> bool;

    /// How many buckets were left by what is elsewhere so far. Where that changes, what was missing a moment ago may be here.
    fn ended(&self) -> u64;

    /// Brings an object that is not here. However many ask for it at once, it is fetched once.
    async fn bring(&self, bucket: BucketId, key: &ObjectKey) -> Result<Brought, NotBrought>;

    /// Lists what lies there, in the order of the keys' bytes.
    async fn list(&self, bucket: BucketId, wanted: OriginQuery)
    -> Result<OriginPage, OriginSilent>;
}

/// What became of a key that was not here.
#[derive(Debug)]
pub enum Brought {
    /// It is here now, or it was removed here, or everything is: look again.
    Settled,
    /// It is not there either.
    Nowhere,
    /// It is so large that it is still coming, and can be read from where it is meanwhile.
    OnItsWay(Box<dyn Passing>),
}

/// An object that is still coming.
#[async_trait]
pub trait Passing: Send + Sync + fmt::Debug {
    /// What is known of it.
    fn head(&self) -> &ObjectHead;

    /// Opens a run of it as it was described, where it is.
    async fn open(&self, range: ByteRange) -> Result<PassingBytes, OriginSilent>;
}

/// Why an object that is there is not brought.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotBrought {
    /// It may not come: the gate has refused it.
    #[error("{0}")]
    Refused(String),
    /// It cannot be had there as it is.
    #[error("{0}")]
    Unreadable(String),
    /// Nobody answers there, or not soon enough.
    #[error(transparent)]
    Silent(#[from] OriginSilent),
}

/// The cloud that the bucket comes from does not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cloud that the bucket comes from does not answer: {0}")]
pub struct OriginSilent(pub String);

/// Which run of keys is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OriginQuery {
    /// They begin with this.
    pub prefix: String,
    /// Keys that have this behind the prefix are rolled up to it.
    pub delimiter: Option<String>,
    /// They stand behind this; everything, where there is none.
    pub after: Option<String>,
    /// How many at most.
    pub limit: usize,
}

/// A run of keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OriginPage {
    /// Objects, by their keys.
    pub entries: Vec<OriginEntry>,
    /// Common prefixes.
    pub common_prefixes: Vec<String>,
    /// What the run ended with, if more follows.
    pub until: Option<String>,
}

/// An object in such a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginEntry {
    /// Its key.
    pub key: ObjectKey,
    /// Its size.
    pub size_bytes: u64,
    /// Its ETag there, without quotes.
    pub etag: String,
    /// When it was last modified there.
    pub modified: Timestamp,
}
