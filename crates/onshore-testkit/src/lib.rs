//! Runs the real binary for integration tests: starts it on a folder of its own and on ports of its own, kills it,
//! starts it again, and runs the command line against it. Never shipped; leans on no other crate of the house.
//!
//! A test of the binary's crate passes `env!("CARGO_BIN_EXE_onshore")`; others set `ONSHORE_BIN`.

mod folder;
mod server;

pub use folder::TempFolder;
pub use server::{Credentials, Finished, Options, TestServer};
