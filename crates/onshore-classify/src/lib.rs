//! Classifies: reads bytes as they pass and says what identifiers are in them.
//!
//! This room is pure: bytes in, findings out. It opens no file, asks no clock and keeps nothing; what a finding means in
//! law is not decided here, and the values that were found never leave it.
//!
//! - [`Scanner`]: takes bytes however they are cut, and gives [`Findings`].
//! - [`Detector`]: an entry of the table of kinds, with the [`Vector`]s that show what it finds.
//! - [`detectors`]: the table.

mod block;
mod columns;
mod decoding;
mod detector;
mod detectors;
mod encoding;
mod finder;
mod findings;
mod passage;
mod records;
mod scanner;
mod table;
mod text;
mod texts;
mod words;

pub use crate::columns::ColumnFinding;
pub use crate::detector::{Confidence, Detector, Subject, Vector};
pub use crate::detectors::all as detectors;
pub use crate::findings::{Findings, Found, Kind, Unread};
pub use crate::scanner::Scanner;
