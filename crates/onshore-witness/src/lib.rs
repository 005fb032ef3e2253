//! A witness: watches other people's logs, and says of each checkpoint that it extends what the witness saw before (C2SP
//! tlog-witness). It has a data folder, a key and a machine of its own: one that the operator of the log holds proves
//! nothing.
//!
//! What was cosigned last is on stable storage before the cosignature is handed out, and comparing and keeping is one
//! unit of work, so that of two racing requests for one log the later one is judged by what the earlier one left.
//!
//! - [`WitnessFolder`]: the key, and the logs that are watched.
//! - [`Witness`]: what was cosigned; [`router`] puts it on a port.

mod door;
mod error;
mod folder;
mod witness;

pub use crate::door::router;
pub use crate::error::Error;
pub use crate::folder::WitnessFolder;
pub use crate::witness::{Answer, Clock, Watched, Witness};
