//! Reading bytes as they pass and telling what is in them, whatever format they are in.

use std::io::{self, Read, Seek};
use std::sync::Arc;

use onshore_types::Timestamp;

use crate::findings::{Findings, Unread};
use crate::formats::gather::Gather;
use crate::formats::node::Node;
use crate::formats::whole::{self, Whole};
use crate::gathering::Counting;
use crate::important::ToldTerms;
use crate::persons::PersonKey;

/// How to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Of what is found so many are told with their places; all are counted.
    pub found_max: usize,
    /// Of each kind so many masked examples are told.
    pub samples_max: usize,
    /// How much is read of what is packed.
    pub limits: Limits,
    /// The day on which it is read: what the law makes of findings, and how old somebody is, depends on it.
    pub on: Timestamp,
}

/// How much is read of what is packed: a small file may hold more than there are disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How deep formats lie in one another.
    pub depth_max: usize,
    /// How many members are read, at any depth.
    pub members_max: u64,
    /// To so much anything may be unpacked.
    pub unpacked_free_bytes: u64,
    /// To so much more bytes may be unpacked than they are, beyond what is free.
    pub ratio_max: u64,
    /// To so much bytes may be unpacked, unless they are many.
    pub unpacked_max_bytes: u64,
    /// To so many times their own length bytes that are many may always be unpacked.
    pub ratio_free: u64,
    /// How long a file may be that must be in memory as a whole, because all of it refers to all of it: a PDF.
    pub whole_max_bytes: u64,
    /// How much of a member is held that can be read only as a whole.
    pub held_max_bytes: usize,
    /// How much is held in all.
    pub held_total_max_bytes: usize,
}

impl Limits {
    /// Returns what is read while somebody waits: what costs about a second, or twice that where much comes in.
    #[must_use]
    pub fn of_one_who_waits() -> Self {
        Self {
            members_max: 10_000,
            ratio_max: 8,
            unpacked_max_bytes: 256 << 20,
            ratio_free: 0,
            whole_max_bytes: 32 << 20,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth_max: 8,
            members_max: 100_000,
            unpacked_free_bytes: 64 << 20,
            ratio_max: 1000,
            unpacked_max_bytes: 4 << 30,
            ratio_free: 20,
            whole_max_bytes: 128 << 20,
            held_max_bytes: 32 << 20,
            held_total_max_bytes: 64 << 20,
        }
    }
}

/// Reads bytes from beginning to end, however they are cut. Memory is bounded whatever they are.
#[derive(Debug)]
pub struct Scanner {
    gather: Gather,
    node: Node,
    on: Timestamp,
}

/// What a scanner says at the end of the bytes.
#[derive(Debug)]
pub enum Outcome {
    /// This is in them.
    Done(Box<Findings>),
    /// Their format has its directory at the end: they must be given once more, as a whole.
    Whole(WholeScan),
}

impl Scanner {
    /// Begins.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            gather: Gather::new(options),
            node: Node::outermost(),
            on: options.on,
        }
    }

    /// Looks for what authorities told the tenant too.
    #[must_use]
    pub fn with_told(mut self, told: Arc<ToldTerms>) -> Self {
        self.gather.told = Some(told);
        self
    }

    /// Reads no more of what is packed than these limits allow.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.gather.options.limits = limits;
        self
    }

    /// Looks through what is said of the bytes too, as through a member of theirs: their name, what stands beside them. It comes
    /// behind what they are looked at with.
    pub fn look_beside(&mut self, said: &str) {
        self.gather.beside(said);
    }

    /// Takes somebody's word that so many persons are told of: it can only raise the upper bound of what is counted.
    pub fn declare_persons(&mut self, persons: u64) {
        self.gather.declared_persons = self.gather.declared_persons.max(persons);
    }

    /// Counts who is told of, too.
    #[must_use]
    pub fn with_persons(mut self, key: PersonKey) -> Self {
        self.gather.counting = Some(Arc::new(Counting::new(key, self.on)));
        self
    }

    /// Reads on.
    pub fn push(&mut self, bytes: &[u8]) {
        self.gather.came_in(bytes.len() as u64);
        self.node.push(bytes, &mut self.gather);
    }

    /// Whether it is text, as far as can be told by now: reading it costs what its bytes cost. What is packed may cost
    /// whatever the limits allow.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.node.is_text()
    }

    /// Whether it is clear already that the whole will be needed. What is pushed from here on is only counted.
    #[must_use]
    pub fn needs_whole(&self) -> bool {
        self.node.whole().is_some()
    }

    /// Returns the day on which it reads.
    #[must_use]
    pub fn on(&self) -> Timestamp {
        self.on
    }

    /// Returns which version of what authorities told the tenant it looks for; zero where they told nothing.
    #[must_use]
    pub fn told_version(&self) -> u32 {
        self.gather.told.as_ref().map_or(0, |told| told.version())
    }

    /// Reads to the end and tells what was found.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        match self.node.finish(&mut self.gather) {
            None => Outcome::Done(Box::new(self.gather.finish())),
            Some(format) => Outcome::Whole(WholeScan {
                gather: Box::new(self.gather),
                format,
            }),
        }
    }
}

/// What reads bytes that it is given once more.
#[derive(Debug)]
pub struct WholeScan {
    gather: Box<Gather>,
    format: Whole,
}

impl WholeScan {
    /// Returns the format: `zip`.
    #[must_use]
    pub fn format(&self) -> &'static str {
        self.format.word()
    }

    /// Reads the bytes and tells what is in them. They must be those that were pushed.
    ///
    /// # Errors
    ///
    /// That of the reader, and no other: what is wrong with the bytes is a finding.
    pub fn read<R: Read + Seek>(mut self, bytes: R) -> io::Result<Findings> {
        whole::read(self.format, bytes, &mut self.gather)?;
        Ok(self.gather.finish())
    }

    /// Tells that nobody could give the bytes once more, and why.
    #[must_use]
    pub fn unread(mut self, why: Unread) -> Findings {
        self.gather.is_format(self.format.word());
        self.gather.not_read(why);
        self.gather.finish()
    }
}
