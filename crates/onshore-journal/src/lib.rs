//! The ledger on disk: the sequence of leaves, the tiles derived from it, signed checkpoints.
//!
//! Leaves live in the database, so that a leaf and the change it tells of are durable together. Tiles and the
//! published checkpoint are files derived from committed leaves: they can be deleted and come back. The last signed
//! checkpoint is kept in the database too, before anyone sees it, and a log that no longer agrees with it is refused
//! at start. This room decides nothing; `gate` alone writes to it.
//!
//! - [`Journal::record`]: adds a leaf inside a unit of work.
//! - [`Journal::publish`]: brings tiles and checkpoint up to the committed leaves.
//! - [`Journal::prove`], [`Journal::prove_read`]: make proofs of a leaf, and of a read behind one.
//! - [`Journal::plan_evidence`], [`Journal::write_evidence`]: everything of a span of time, in one file.
//! - [`Journal::ask`], [`Journal::keep_cosigned`]: what witnesses are asked, and what they answered.
//! - [`Succession`]: the log that goes on from a backup.
//! - [`examine`]: compares leaves, checkpoints and tiles from outside.

mod error;
mod evidence;
mod examine;
mod journal;
mod last_reads;
mod leaf;
mod marks;
mod publisher;
mod reads;
mod schema;
mod succession;
mod tiles;
mod witnessing;

pub use crate::error::Error;
pub use crate::evidence::{EvidencePlan, Records, Span};
pub use crate::examine::examine;
pub use crate::journal::{Journal, Options, record};
pub use crate::leaf::{Leaf, RecordedLeaf};
pub use crate::reads::{ReadRecord, RecordedRead};
pub use crate::schema::SCHEMA;
pub use crate::succession::{Predecessor, Succession};
pub use crate::witnessing::{Cosignature, Head, WitnessState};
