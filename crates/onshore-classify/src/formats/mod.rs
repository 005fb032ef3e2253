//! Formats: what bytes are, and the text that is in them.
//!
//! A [`node::Node`] reads what streams and hands what it unpacks to a node within; what has its directory at the end is
//! read by [`whole`]. Everything found comes together in [`gather`], which also holds the limits.

mod codec;
pub(crate) mod gather;
mod mail;
pub(crate) mod node;
mod office;
mod packed;
mod parquet;
mod pdf;
mod picture;
mod sheet;
mod sniff;
mod tar;
pub(crate) mod whole;
mod xml;
mod zip;
