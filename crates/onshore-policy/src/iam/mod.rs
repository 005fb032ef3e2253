//! Access policies in the JSON of AWS: what a bucket lets whom do, what a user, group or role may do, who may take a role.
//! Documents are read strictly and compiled into Cedar, the engine that decides what may leave (decision 0031); what has no
//! meaning here is refused when it is put, with the element that is to blame.
//!
//! This room is pure: who asks, for what, and the values of condition keys are handed in. What several documents say to one
//! question is put together by [`access`], as AWS does: an explicit `Deny` wins; something must allow.
//!
//! - [`document`]: the JSON, read strictly.
//! - [`actions`]: the actions there are, and what they are done to.
//! - [`arn`]: who is named, and in which partition.
//! - [`keys`]: the condition keys there are, and how many values they have.
//! - [`pattern`]: texts with wildcards and variables.
//! - [`access`]: what all documents together say.

pub mod access;
pub mod actions;
pub mod arn;
mod cedar;
mod compile;
mod condition;
pub mod document;
mod json;
pub mod keys;
mod observation;
pub mod pattern;
mod question;

pub use access::{Access, Sides, Standing};
pub use arn::{Named, Principals};
pub use compile::{Compiled, Kind, Publicity};
pub use keys::{Key, Values};
pub use question::{Ask, Asker, Kinship, Word};

/// The most bytes of a bucket policy, as at AWS.
pub const BUCKET_POLICY_MAX_BYTES: usize = 20 * 1024;
/// The most bytes of a policy of a user, group or role, and of who may take a role.
pub const IDENTITY_POLICY_MAX_BYTES: usize = 10 * 1024;
/// The most bytes of a policy of one session.
pub const SESSION_POLICY_MAX_BYTES: usize = 2048;

/// What is wrong with a policy document, and with which element of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{element}: {why}")]
pub struct Malformed {
    /// The element, as a path: `Statement[0].Condition.StringLike`.
    pub element: String,
    /// What is wrong with it.
    pub why: String,
}

impl Malformed {
    pub(crate) fn new(element: impl Into<String>, why: impl Into<String>) -> Self {
        let (mut element, why) = (element.into(), why.into());
        if element.is_empty() {
            "the document".clone_into(&mut element);
        }
        Self { element, why }
    }
}
