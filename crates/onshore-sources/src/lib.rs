//! The wires to other clouds: reads what is there, exactly as it is there, and brings to another region what is here. This room keeps no state, decides nothing,
//! and never retries: who calls it (`migrate`, and the command line for credentials) owns patience and judgement.
//!
//! - [`spec`]: what a source is called.
//! - [`credentials`]: what opens it, kept apart and never printed.
//! - [`dialect`]: what differs between those that speak S3.
//! - [`source`]: what every source can do.
//! - [`s3`]: buckets behind an S3 endpoint; and another region of Onshore, into which versions are brought.
//! - [`container`]: containers of clouds that do not speak S3.
//! - [`tree`]: trees of folders on other machines.
//! - [`folder`]: a folder of the server.
//! - [`mod@outward`]: the one way out of this process, which a disconnect drill shuts.
//! - [`reach`]: whether an endpoint leads into a network that only the server can see.

pub mod container;
pub mod credentials;
pub mod dialect;
pub mod error;
pub mod folder;
pub mod outward;
pub mod reach;
pub mod s3;
pub mod source;
pub mod spec;
pub mod tree;

mod content_type;
mod environment;
mod wire;

pub use container::{
    ContainerSpec, KeystoneScope, Protocol, SwiftAccount, SwiftAuth, SwiftSpec, open_container,
    open_swift,
};
pub use credentials::{
    Credentials, Resolved, resolve_container_credentials, resolve_credentials, resolve_swift,
    resolve_tree_credentials,
};
pub use dialect::{Dialect, DialectError};
pub use error::{Error, ErrorKind};
pub use folder::Folder;
pub use outward::{Outward, Peers, Purpose, Wish, outward};
pub use reach::{Reach, endpoint_reach};
pub use s3::{
    Amount, Broken, Brought, BucketSurvey, Chunks, Contents, Network, OtherRegion, RegionDoor,
    Replica, ReplicaChecksum, ReplicaLock, ReplicaOrigin, ReplicaPart, S3Account, S3Source,
    Setting,
};
pub use source::{
    Beneath, BeneathEntry, BeneathPage, ByteStream, ChecksumAlgorithm, ChecksumScope, Coverage,
    Described, Details, Entry, EtagMeaning, Fetched, ListCursor, Obstacle, Oddity, OddityKind,
    Outgoing, OutgoingPart, Page, Source, SourceChecksum, SourceRetention, SourceRetentionMode,
    Turn, TurnKind, WriteProbe,
};
pub use spec::{
    Addressing, FolderSpec, S3Spec, SourceAccess, SourceOptions, SourceSpec, VersionsWish,
};
pub use tree::{TreeProtocol, TreeSpec, open_tree};
