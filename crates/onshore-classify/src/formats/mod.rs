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
mod sqlite;
mod tar;
pub(crate) mod whole;
mod xml;
mod zip;

use self::sniff::{Looks, Streamed, sniff};

/// Whether bytes are in one of the formats that are no text, as surely as can be told: noise may begin as they do.
pub(crate) fn is_known(bytes: &[u8]) -> bool {
    match sniff(bytes) {
        Looks::Text | Looks::Streamed(Streamed::Mail) => false,
        Looks::Streamed(Streamed::Gzip) => codec::is_gzip(bytes),
        Looks::Streamed(Streamed::Zlib) => codec::is_whole_zlib(bytes),
        Looks::Streamed(_) | Looks::Picture(_) | Looks::Whole(_) => true,
    }
}

/// The same where there may be too little of them to tell.
pub(crate) fn may_be_known(beginning: &[u8]) -> bool {
    is_known(beginning) || codec::has_zlib_header(beginning)
}

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
