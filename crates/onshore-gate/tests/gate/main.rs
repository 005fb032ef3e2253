//! The gate under attack: racing exports, clocks that jump, callers that go away, refusals that must not tell.

mod acts;
mod exports;
mod leaves;
mod reads;
mod refusals;
mod stops;
mod time;
mod world;

#[path = "../sim/house.rs"]
mod house;
