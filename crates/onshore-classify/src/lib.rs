//! Classifies: reads bytes as they pass and says what identifiers are in them.
//!
//! This room is pure: bytes in, findings out. It opens no file, asks no clock and keeps nothing, and the values that were
//! found never leave it without their masks.
//!
//! - [`Scanner`]: takes bytes however they are cut, whatever format they are in, and gives [`Findings`].
//! - [`WholeScan`]: what a scanner leaves where a format has its directory at the end: takes the whole once more.
//! - [`Detector`]: an entry of the table of kinds, with the [`Vector`]s that show what it finds.
//! - [`detectors`]: the table.
//! - [`LegalTable`]: what the law makes of findings on a day.
//! - [`ImportantFinding`]: what says or hints that data is important; [`ToldTerms`]: what authorities told a tenant.
//! - [`Sample`]: an example of a kind, masked, where examples were asked for.
//! - [`persons`]: counts the persons whom identifiers tell of.

mod beside;
mod block;
mod columns;
mod decoding;
mod detector;
mod detectors;
mod encoding;
mod error;
mod finder;
mod findings;
mod formats;
mod gathering;
mod important;
mod legal;
mod mask;
mod passage;
pub mod persons;
mod records;
mod samples;
mod scanner;
mod sieve;
mod table;
mod text;
mod texts;
mod trials;
mod veiled;
mod words;

pub use crate::columns::ColumnFinding;
pub use crate::detector::{Confidence, Detector, Subject, Vector};
pub use crate::detectors::{SCANNER_VERSION, all as detectors, kinds};
pub use crate::error::Error;
pub use crate::findings::{Findings, Format, Found, Kind, NotRead, Unread};
pub use crate::important::{Category, Ground, ImportantFinding, Sign, ToldTerm, ToldTerms};
pub use crate::legal::{Beside, Judgement, LegalRule, LegalTable, Reason};
pub use crate::samples::{Sample, SamplePlace};
pub use crate::scanner::{Limits, Options, Outcome, Scanner, WholeScan};
