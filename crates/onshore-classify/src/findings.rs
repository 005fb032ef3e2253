//! What was found in some bytes: kinds, numbers and places, never a value.

use crate::columns::ColumnFinding;
use crate::detector::{Confidence, Detector, Subject};

/// What was found where.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// By which detector.
    pub detector: &'static Detector,
    /// Where it begins, in bytes of the text as UTF-8.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// How surely.
    pub confidence: Confidence,
    /// In which record: a row of a table, a line. What stands in one record has its number alone; numbers only grow.
    pub record: u64,
}

/// What is in some bytes.
#[derive(Debug)]
pub struct Findings {
    /// How many identifiers of each kind there are, in the order of the table; kinds of which there are none are not told.
    pub kinds: Vec<Kind>,
    /// Where the first of them are, as many as were asked for, in their order.
    pub found: Vec<Found>,
    /// What columns of a table hold that no value of them tells alone.
    pub columns: Vec<ColumnFinding>,
    /// In which characters the text is written; none where it is no text.
    pub encoding: Option<&'static str>,
    /// How many bytes there were.
    pub len_bytes: u64,
    /// Why not all of it could be read, if so.
    pub unread: Option<Unread>,
}

/// How many identifiers of a kind there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The id of its detectors.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Whom they tell of.
    pub subject: Subject,
    /// How many there are.
    pub count: u64,
    /// How surely the surest of them is one.
    pub confidence: Confidence,
}

/// Why bytes could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// They are no text, and in no format that is known here.
    UnknownFormat,
}
