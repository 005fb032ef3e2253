//! The engine against sources that lie, break, change and vanish, on real keepers in a real folder. What counts is the
//! certificate: it says complete only if it is.

mod fake;
mod following;
mod honesty;
mod inventories;
mod keeping;
mod resuming;
mod versions;
mod world;
