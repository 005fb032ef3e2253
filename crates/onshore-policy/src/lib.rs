//! Decides whether a transfer may happen, and where an address is.
//!
//! This room is pure: it does no I/O, keeps nothing and asks neither clock nor chance; facts and `now` are handed in.
//! The decision itself is made by Cedar policies: those of the border, which are compiled in ([`Policy::embedded`]), and those
//! of a rule pack beside them ([`Policy::with_pack`]); approvals are data in the question, never policies. Whatever is unknown or fails is refused. The gate alone calls it.
//!
//! - [`transfer`]: what is asked: who, which flow, of what, from where to where.
//! - [`facts`]: what the question is judged against: the region and the approvals on record.
//! - [`policy`]: the rules in force, checked against their schema.
//! - [`rule_pack`]: what the law of a place asks beyond the border, as data.
//! - [`verdict`]: the answer, and the one text clients abroad read.
//! - [`permit`]: the proof of an answer, the only key to the store.
//! - [`explain`]: the answer for people, with the smallest change that would turn it.
//! - [`iam`]: what access policies in the JSON of AWS let whom do.
//! - [`border`]: where an address is, and whose address a request came from.
//! - [`countries`]: what a country database says of addresses.

mod act;
mod bearing;
pub mod border;
mod compiled;
pub mod countries;
mod decide;
pub mod error;
pub mod explain;
pub mod facts;
pub mod iam;
pub mod permit;
pub mod policy;
mod question;
mod rule;
pub mod rule_pack;
pub mod transfer;
pub mod verdict;

pub use bearing::Bearing;
pub use border::{Networks, Proxies};
pub use countries::Countries;
pub use error::Error;
pub use explain::{Explanation, Outcome};
pub use facts::{Allowance, ApprovalFact, ExporterFact, Facts};
pub use permit::Permit;
pub use policy::{PackRule, Policy};
pub use rule_pack::{PackFiles, RulePack};
pub use transfer::{Flow, Principal, Role, Subject, Transfer};
pub use verdict::{Basis, Grant, Refusal, Verdict, border_message};
