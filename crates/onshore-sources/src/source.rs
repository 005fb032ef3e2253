//! What every source can do, and the words it does it in.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use onshore_types::{ByteRange, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::s3::Chunks;

/// The bytes of an object as they arrive.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// A place that objects are brought from. Nothing in it decides or remembers what was brought.
#[async_trait]
pub trait Source: Send + Sync + fmt::Debug {
    /// Whether its listings tell of every version and delete marker, or of what is current alone.
    fn coverage(&self) -> Coverage;

    /// Lists what follows the cursor, or the first page. Every object, and where its [`Source::coverage`] is all versions every
    /// version and delete marker, is named in some page: as an entry, or as an oddity when it cannot be had.
    async fn list(&self, after: Option<&ListCursor>) -> Result<Page, Error>;

    /// Lists what lies beneath a prefix behind a key, current objects alone, in the order of the keys' bytes.
    async fn list_beneath(&self, wanted: &Beneath) -> Result<BeneathPage, Error> {
        let _ = wanted;
        Err(Error::Unsupported {
            what: "listings that begin behind a key".to_owned(),
        })
    }

    /// Returns the policy of its own that the source keeps others out by, if it has one.
    async fn policy(&self) -> Result<Option<String>, Error> {
        Err(no_policy())
    }

    /// Gives the source another such policy, or none.
    async fn set_policy(&self, policy: Option<&str>) -> Result<(), Error> {
        let _ = policy;
        Err(no_policy())
    }

    /// Returns the name by which such a policy calls what the source's keys begin with.
    fn arn(&self) -> String {
        String::new()
    }

    /// Finds out whether anything can be written there, and leaves nothing behind.
    async fn probe_write(&self) -> Result<WriteProbe, Error> {
        Err(no_policy())
    }

    /// Says what the object, or this version of it, is right now, and opens exactly that state of it.
    async fn fetch(&self, key: &str, version: Option<&str>) -> Result<Fetched, Error>;

    /// Says what the object, or this version of it, is right now, and whether it could be opened.
    async fn describe(&self, key: &str, version: Option<&str>) -> Result<Described, Error>;

    /// Opens a run of the described state of the object; [`Error::Changed`] when that state is no more.
    async fn open(
        &self,
        key: &str,
        details: &Details,
        range: ByteRange,
    ) -> Result<ByteStream, Error>;

    /// Removes an object, or one version of it, for good; of an object without versions the described state of it.
    /// [`Error::Unsupported`] where nothing is ever removed ([`crate::SourceSpec::removes`]).
    async fn remove(
        &self,
        _key: &str,
        _version: Option<&str>,
        _details: Option<&Details>,
    ) -> Result<(), Error> {
        Err(Error::Unsupported {
            what: "removing objects".to_owned(),
        })
    }

    /// Writes an object, whatever is there by its key. [`Error::Unsupported`] where nothing is ever taken back.
    async fn write(&self, _object: &Outgoing, _body: Chunks) -> Result<(), Error> {
        Err(Error::Unsupported {
            what: "taking back what was changed".to_owned(),
        })
    }
}

fn no_policy() -> Error {
    Error::Unsupported {
        what: "a policy of its own".to_owned(),
    }
}

/// An object as it is written at a source, without its bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// Its key.
    pub key: String,
    /// Its size.
    pub size_bytes: u64,
    /// The MD5 of its bytes in base64, where it is known and it goes in one piece.
    pub md5: Option<String>,
    /// The headers that describe its body, by their names.
    pub headers: Vec<(String, String)>,
    /// User metadata.
    pub user_metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The parts it goes in, in their order; none where it goes in one piece.
    pub parts: Vec<OutgoingPart>,
}

/// A part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingPart {
    /// Its size.
    pub size_bytes: u64,
    /// The MD5 of its bytes in base64, where it is known.
    pub md5: Option<String>,
}

/// What became of a write that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteProbe {
    /// It was taken.
    Done,
    /// It was refused.
    Refused,
}

/// A run of the current objects of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beneath {
    /// What their keys begin with.
    pub prefix: String,
    /// Keys that have this behind the prefix are rolled up to it.
    pub delimiter: Option<String>,
    /// They stand behind this; everything, where there is none.
    pub after: Option<String>,
    /// How many, rolled up ones too, at most.
    pub limit: usize,
}

/// What a source has of such a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BeneathPage {
    /// Objects.
    pub entries: Vec<BeneathEntry>,
    /// Rolled up ones.
    pub common_prefixes: Vec<String>,
    /// What the page ended with, if more follows.
    pub until: Option<String>,
}

/// An object in such a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeneathEntry {
    /// Its key, character for character.
    pub key: String,
    /// Its length.
    pub size_bytes: u64,
    /// Its ETag, quotes removed.
    pub etag: String,
    /// When it was last modified.
    pub modified: Timestamp,
}

/// What of a source is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coverage {
    /// What each key stands for now.
    Current,
    /// Every version of each key, and every delete marker.
    Versions,
}

/// One state of an object.
pub struct Fetched {
    /// What the source says of it.
    pub details: Details,
    /// Its bytes, or why they cannot be had.
    pub body: Result<ByteStream, Obstacle>,
}

/// What a source says of an object that it was not asked for.
#[derive(Debug)]
pub struct Described {
    /// What the source says of it.
    pub details: Details,
    /// Why its bytes cannot be had, if they cannot.
    pub obstacle: Option<Obstacle>,
}

impl fmt::Debug for Fetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetched")
            .field("details", &self.details)
            .finish_non_exhaustive()
    }
}

/// Where a listing goes on. Only the source that made it can read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ListCursor(pub(crate) String);

impl ListCursor {
    /// Returns the text to be kept.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Takes back a text that was kept.
    #[must_use]
    pub fn from_kept(text: String) -> Self {
        Self(text)
    }
}

/// One page of a listing.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// What can be asked for.
    pub entries: Vec<Entry>,
    /// What cannot.
    pub oddities: Vec<Oddity>,
    /// Where to go on; absent on the last page.
    pub next: Option<ListCursor>,
}

/// An object as the listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its key, character for character.
    pub key: String,
    /// Its length.
    pub size_bytes: u64,
    /// What tells this state of the object from any other.
    pub fingerprint: String,
    /// When it was last modified.
    pub modified: Option<Timestamp>,
    /// Which of the versions of its key it is; none where the listing tells of what is current alone.
    pub place: Option<Turn>,
}

/// A version in the history of its key, as the source lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The source's name for the version.
    pub version: String,
    /// How many versions of the key are newer.
    pub newer: u32,
    /// What it is.
    pub kind: TurnKind,
}

/// What a version is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnKind {
    /// An object.
    Object,
    /// A sign that the key was deleted.
    Marker,
}

/// Something the listing shows that is no object to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Oddity {
    /// A name for it that no key has.
    pub name: String,
    /// What it is.
    pub why: OddityKind,
}

/// Why something listed is no object to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OddityKind {
    /// A symbolic link: links are named, never followed.
    SymbolicLink,
    /// A pipe, socket or device: never opened.
    SpecialFile,
    /// Its name is not UTF-8, so no key can be that name.
    NameNotUtf8,
    /// A folder whose path is longer than any key; nothing below it is listed.
    PathTooLong,
    /// A folder that may not be read; nothing below it is listed.
    FolderUnreadable,
    /// A file that may not even be looked at.
    FileUnreadable,
    /// A folder has states of earlier times besides.
    Snapshots,
}

impl OddityKind {
    /// Returns one word for the certificate.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::SymbolicLink => "symbolic-link",
            Self::SpecialFile => "special-file",
            Self::NameNotUtf8 => "name-not-utf8",
            Self::PathTooLong => "path-too-long",
            Self::FolderUnreadable => "folder-unreadable",
            Self::FileUnreadable => "file-unreadable",
            Self::Snapshots => "snapshots",
        }
    }

    /// Whether other things may lie behind it that no listing tells of.
    #[must_use]
    pub const fn hides_others(self) -> bool {
        match self {
            Self::SymbolicLink | Self::SpecialFile | Self::NameNotUtf8 | Self::Snapshots => false,
            Self::PathTooLong | Self::FolderUnreadable | Self::FileUnreadable => true,
        }
    }

    /// Returns the reason in full, for people.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::SymbolicLink => {
                "a symbolic link is not followed: copy what it points to, or migrate that folder"
            }
            Self::SpecialFile => "a pipe, socket or device has no content to keep",
            Self::NameNotUtf8 => "the name is not UTF-8, so it cannot be a key: rename it",
            Self::PathTooLong => {
                "the folder's path is longer than a key can be; nothing below it was read"
            }
            Self::FolderUnreadable => "the folder may not be read; nothing below it was read",
            Self::FileUnreadable => "the folder it lies in does not let the file be looked at",
            Self::Snapshots => {
                "the folder may have snapshots, and they are not brought: what is current is"
            }
        }
    }
}

/// What a source says of one state of an object.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// What tells this state from any other; comparable with [`Entry::fingerprint`].
    pub fingerprint: String,
    /// The ETag as the source writes it, quotes removed.
    pub etag: Option<String>,
    /// The version id.
    pub version: Option<String>,
    /// Its length.
    pub size_bytes: u64,
    /// When it was last modified.
    pub modified: Option<Timestamp>,
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Expires`, as it is written.
    pub expires: Option<String>,
    /// User metadata, names in lower case without their prefix.
    pub user_metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Whether it is held until somebody lets it go (object lock).
    pub is_held: bool,
    /// Until when it is retained (object lock).
    pub retention: Option<SourceRetention>,
    /// The checksums the source keeps.
    pub checksums: Vec<SourceChecksum>,
    /// What the ETag says of the bytes.
    pub etag_meaning: EtagMeaning,
    /// The sizes of the parts the object was uploaded in, when something above needs them and the source tells them.
    pub part_sizes: Option<Vec<u64>>,
}

/// Until when a source keeps an object from being removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceRetention {
    /// Whether somebody may lift it.
    pub mode: SourceRetentionMode,
    /// Until when.
    pub until: Timestamp,
}

/// Who may lift a retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceRetentionMode {
    /// Whoever has the right to, and asks for it expressly.
    Governance,
    /// Nobody.
    Compliance,
}

/// What an ETag says of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EtagMeaning {
    /// It is the MD5 of the bytes.
    Md5([u8; 16]),
    /// It is the MD5 of the parts' MD5s.
    Composite {
        /// That MD5.
        md5: [u8; 16],
        /// How many parts.
        parts: u32,
    },
    /// Nothing.
    #[default]
    Opaque,
}

/// A checksum that the source keeps with an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceChecksum {
    /// How it is computed.
    pub algorithm: ChecksumAlgorithm,
    /// Over what.
    pub scope: ChecksumScope,
    /// Its bytes.
    pub value: Vec<u8>,
}

/// A checksum algorithm by which a source vouches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChecksumAlgorithm {
    /// MD5, told beside the ETag.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-1.
    Sha1,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// CRC-64 of ECMA-182, reflected: that of OSS and COS. S3 does not know it.
    Crc64Ecma,
    /// CRC-32C.
    Crc32c,
    /// CRC-32.
    Crc32,
}

/// What a checksum covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumScope {
    /// The whole object.
    Whole,
    /// The checksums of so many parts.
    Parts(u32),
}

impl ChecksumAlgorithm {
    /// Returns the algorithm's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha256 => "sha256",
            Self::Sha1 => "sha1",
            Self::Crc64Nvme => "crc64nvme",
            Self::Crc64Ecma => "crc64ecma",
            Self::Crc32c => "crc32c",
            Self::Crc32 => "crc32",
        }
    }

    /// Returns the length of a checksum.
    #[must_use]
    pub const fn len_bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha256 => 32,
            Self::Sha1 => 20,
            Self::Crc64Nvme | Self::Crc64Ecma => 8,
            Self::Crc32c | Self::Crc32 => 4,
        }
    }
}

/// Why an object that is there cannot be read as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// It lies in an archive tier.
    Archived,
    /// It is encrypted with a key of the customer's.
    CustomerKey,
    /// Some of its user metadata cannot be put into headers.
    MetadataHidden,
    /// It is a symbolic link to another object.
    SymbolicLink,
}

impl Obstacle {
    /// Returns one word for the certificate.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Archived => "archived",
            Self::CustomerKey => "customer-key",
            Self::MetadataHidden => "metadata-hidden",
            Self::SymbolicLink => "symbolic-link",
        }
    }

    /// Returns the reason in full, for people.
    #[must_use]
    pub const fn detail(self) -> &'static str {
        match self {
            Self::Archived => {
                "the object lies in an archive tier: restore it at the source, then run again"
            }
            Self::CustomerKey => {
                "the object is encrypted with a customer's key (SSE-C): copy it under another encryption first"
            }
            Self::MetadataHidden => "the source cannot show all user metadata of the object",
            Self::SymbolicLink => {
                "a symbolic link is not followed: what it points to is brought under its own key"
            }
        }
    }
}
