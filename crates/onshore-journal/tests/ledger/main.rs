//! The ledger on disk under attack: recording, publishing, proving, and what a rewritten history looks like.

mod evidence;
mod house;
mod proving;
mod publishing;
mod recording;
mod rewriting;
mod witnessing;
