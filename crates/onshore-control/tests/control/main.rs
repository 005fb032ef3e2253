//! The control API as callers meet it: the real router on loopback, on real keepers in a folder of its own.

mod acts;
mod door;
mod ending;
mod engineer;
mod jobs;
mod ledger;
mod roles;
mod samples;
mod support;
