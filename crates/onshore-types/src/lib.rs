//! The vocabulary of Onshore: parsed names, typed ids, jurisdictions, labels and time.
//!
//! This room says what a word means and parses it once, at the edge; a value that exists is well-formed. It decides
//! nothing, keeps nothing, and asks neither clock nor chance. Every other crate may depend on it.
//!
//! - [`finding`]: what is stored and is not as it should be.
//! - [`names`]: what people and clients write: buckets, keys, tenants, access keys, regions.
//! - [`ids`]: what Onshore hands out: random, typed, never a bare string.
//! - [`label`]: how strictly a piece of data is bound to its jurisdiction.
//! - [`jurisdiction`]: where something is, and what lies inside what.
//! - [`pace`]: how many bytes a second may go, over the week.
//! - [`peer`]: who is at the other end of a connection.
//! - [`range`]: which bytes of an object are meant.
//! - [`recipient`]: who receives what leaves.
//! - [`time`]: instants in milliseconds, read and written as RFC 3339.

pub mod finding;
pub mod ids;
pub mod jurisdiction;
pub mod label;
pub mod names;
pub mod pace;
pub mod peer;
pub mod range;
pub mod recipient;
pub mod selection;
pub mod time;

pub use ids::{
    ApprovalId, BucketId, DrillId, ExportId, JobId, KmsKeyId, LeaseId, LooseningId, PrincipalId,
    SupportSessionId, TenantId, UpdateId, UploadId, VersionId,
};
pub use jurisdiction::{Jurisdiction, Place};
pub use label::{Label, Level, Personal};
pub use names::{
    AccessKeyId, BucketName, GroupName, IdentityName, Instrument, ObjectKey, PackName,
    PartitionName, RegionId, TenantName, Wording,
};
pub use peer::Peer;
pub use range::ByteRange;
pub use recipient::{Recipient, RecipientKind};
pub use time::Timestamp;

/// A position in the ledger, counted from zero.
pub type LeafIndex = u64;
