//! Formats: what bytes are, and the text that is in them.
//!
//! A [`node::Node`] reads what streams and hands what it unpacks to a node within; what has its directory at the end is
//! read by [`whole`]. Everything found comes together in [`gather`], which also holds the limits.

use std::borrow::Cow;

mod codec;
pub(crate) mod gather;
mod mail;
pub(crate) mod node;
mod office;
mod ole;
mod packed;
mod parquet;
mod pdf;
mod picture;
mod said;
mod sheet;
mod sniff;
mod tar;
pub(crate) mod whole;
mod xml;
mod zip;

/// Puts blanks in the place of what no text has: documents mark with it where pictures stand, and it would pass for something
/// that is no text.
fn legible(text: &str) -> Cow<'_, str> {
    let is_mark = |letter: char| letter.is_ascii_control() && !letter.is_ascii_whitespace();
    if text.contains(is_mark) {
        text.replace(is_mark, " ").into()
    } else {
        text.into()
    }
}
