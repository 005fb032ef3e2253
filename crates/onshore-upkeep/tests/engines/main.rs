//! The engines on real keepers in a real folder, under a clock that the test steps.

mod lifecycle;
mod scrub;
mod world;
