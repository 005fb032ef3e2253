//! Counts persons: what identifies one becomes a pseudonym, objects keep sorted sets of pseudonyms, and sets are joined
//! to say how many distinct persons they tell of.
//!
//! - [`PersonKind`]: the kinds of identifier that count, by rank, and what makes two writings of one the same.
//! - [`PersonKey`]: turns an identifier into a [`Pseudonym`] that nobody without the key can make or turn back.
//! - [`Collector`]: is told what is found in an object as it passes, record by record.
//! - [`ObjectPersons`]: what is kept of an object.
//! - [`Union`]: joins those of many objects and gives a [`Tally`].
//! - [`Sketch`]: about how many, in a few kilobytes, for what is shown often and decides nothing.
//!
//! What the bounds of a [`Count`] mean stands there and in decision 0023.

mod collector;
mod flags;
mod hubs;
mod key;
mod kind;
mod normal;
mod object;
mod pile;
mod sketch;
mod union;

pub use self::collector::{Collector, Record, Standing, Telling};
pub use self::key::{PersonKey, Pseudonym};
pub use self::kind::PersonKind;
pub use self::object::{BadPersons, ObjectPersons};
pub use self::sketch::Sketch;
pub use self::union::{Count, Tally, Union};
