//! S3 over HTTP.
//!
//! This room knows HTTP, XML and signatures, and nothing else: it parses what a client says, describes it as transfers,
//! asks `gate`, and only then touches `store`. It keeps nothing and decides nothing. The wire is that of `s3s`, behind a
//! trait of ours and behind a layer that authenticates every request and closes its traps.
//!
//! The way of a request: `serve` accepts it, `guard` lets it in or turns it away, `wire` finds the operation,
//! `service` reads and shows, `ops` carries it out, `answer` puts the last hand on what goes back.
//!
//! - [`Front`]: what the binary builds and serves.
//! - `operations`: every operation of S3 with the transfers it stands for; `error` and `fault`: what clients are told.
//! - [`Origin`]: where what is not here yet of a bucket comes from.
//! - [`NOISY_LOG_TARGETS`]: log targets that must be off.

mod access;
mod actions;
mod answer;
mod body;
mod call;
mod caller;
mod conditions_of;
mod cors;
mod error;
mod fault;
mod front;
mod guard;
mod operations;
mod ops;
mod origin;
mod serve;
mod service;
mod sts;
mod wire;

pub use crate::error::Error;
pub use crate::front::{Audience, Front, FrontParts, OtherRegion};
pub use crate::origin::{
    Brought, NotBrought, Origin, OriginEntry, OriginPage, OriginQuery, OriginSilent, Passing,
    PassingBytes,
};

/// Log targets that write paths, signatures and bodies: whoever sets logging up turns them off.
pub const NOISY_LOG_TARGETS: &[&str] = &["s3s"];
