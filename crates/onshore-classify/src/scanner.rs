//! Reading bytes as they pass and telling what is in them, whatever format they are in.

use crate::findings::Findings;
use crate::passage::Passage;

/// Reads bytes from beginning to end, however they are cut.
#[derive(Debug)]
pub struct Scanner {
    text: Passage,
}

impl Scanner {
    /// Begins. Of what is found so many are told with their places, and all are counted.
    #[must_use]
    pub fn new(found_max: usize) -> Self {
        Self {
            text: Passage::new(found_max),
        }
    }

    /// Reads on.
    pub fn push(&mut self, bytes: &[u8]) {
        self.text.push(bytes);
    }

    /// Reads to the end and tells what was found.
    #[must_use]
    pub fn finish(self) -> Findings {
        self.text.finish()
    }
}
