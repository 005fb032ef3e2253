//! What was found in some bytes: kinds, numbers and places, and never a value but behind its mask.

use std::collections::BTreeMap;

use crate::columns::ColumnFinding;
use crate::detector::{Confidence, Detector, Subject};
use crate::important::ImportantFinding;
use crate::persons::ObjectPersons;
use crate::samples::Sample;
use crate::veiled::Unveiled;

/// What was found where.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// By which detector.
    pub detector: &'static Detector,
    /// Where it begins, in bytes of the text of the member as UTF-8.
    pub start: u64,
    /// Where it ends.
    pub end: u64,
    /// How surely.
    pub confidence: Confidence,
    /// In which member, if in one that has a name: its place in the names of members.
    pub member: Option<usize>,
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
    /// Masked examples of each kind, as many as were asked for.
    pub samples: Vec<Sample>,
    /// What columns of tables hold that no value of them tells alone.
    pub columns: Vec<ColumnFinding>,
    /// What says or hints that it is important data.
    pub important: Vec<ImportantFinding>,
    /// Who is told of, by pseudonyms; none where that was not asked for.
    pub persons: Option<ObjectPersons>,
    /// In which characters the first text is written; none where there is no text.
    pub encoding: Option<&'static str>,
    /// How many bytes there were.
    pub len_bytes: u64,
    /// How many bytes they became where they were packed, in all that lie in one another.
    pub unpacked_bytes: u64,
    /// What was not read, and why: each reason once, in the order of reasons. Empty where all was read.
    pub unread: Vec<NotRead>,
    /// What was read, from the outside in: `gzip/tar/text`. The first of them, each once.
    pub formats: Vec<Format>,
    /// How many files there were within, at any depth.
    pub members: u64,
    /// The names of the first members that places, columns and reasons speak of. A name may be personal data itself:
    /// it is for whoever asks about the bytes, and is not kept.
    pub member_names: Vec<String>,
}

/// So many passages were read in a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The formats, from the outside in.
    pub path: String,
    /// How many.
    pub count: u64,
}

/// So many things were not read for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotRead {
    /// Why.
    pub why: Unread,
    /// How many.
    pub count: u64,
    /// The first of them, if it has a name: its place in the names of members.
    pub member: Option<usize>,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unread {
    /// They are no text, and in no format that is known here.
    UnknownFormat,
    /// They can be read only with a key or a password.
    Encrypted,
    /// They would be read, but there is more of it than the limits allow: bytes, members, depth.
    OverLimit,
    /// They break off, or break the rules of their format.
    Damaged,
    /// Bytes lie in an archive that its directory does not name.
    Hidden,
    /// A picture: what was written beside it was read, what it shows was not.
    Picture,
    /// Pages without text, or with text that says nothing of its characters.
    NoText,
}

impl Unread {
    /// Every reason, in their order.
    pub const ALL: [Self; 7] = [
        Self::UnknownFormat,
        Self::Encrypted,
        Self::OverLimit,
        Self::Damaged,
        Self::Hidden,
        Self::Picture,
        Self::NoText,
    ];

    /// Returns the word for it: `unknown-format`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::UnknownFormat => "unknown-format",
            Self::Encrypted => "encrypted",
            Self::OverLimit => "over-limit",
            Self::Damaged => "damaged",
            Self::Hidden => "hidden",
            Self::Picture => "picture",
            Self::NoText => "no-text",
        }
    }
}

/// What one passage of text told. The places in it count from its own beginning.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) found: Vec<Found>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) columns: Vec<ColumnFinding>,
    pub(crate) important: Vec<ImportantFinding>,
    /// How many residents were born on which day, as a number of eight digits.
    pub(crate) births: BTreeMap<u32, u64>,
    pub(crate) persons: Option<ObjectPersons>,
    pub(crate) encoding: Option<&'static str>,
    pub(crate) unread: Option<Unread>,
    /// What stands in it in another writing than its own.
    pub(crate) unveiled: Vec<Unveiled>,
}
