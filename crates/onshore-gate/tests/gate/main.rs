//! The gate under attack: racing exports, clocks that jump, callers that go away, refusals that must not tell.
#![expect(
    clippy::disallowed_methods,
    reason = "a crash is a copy of the data folder as it is on disk"
)]

mod acts;
mod exports;
mod leaves;
mod reads;
mod refusals;
mod register;
mod simulation;
mod stops;
mod time;
mod world;

#[path = "../sim/mod.rs"]
mod sim;
