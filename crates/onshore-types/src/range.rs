//! Which bytes of an object are meant.

use serde::{Deserialize, Serialize};

/// A run of bytes: where it starts and how many there are. It always lies inside the object it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ByteRange {
    /// The first byte, counted from zero.
    pub start: u64,
    /// How many bytes.
    pub len_bytes: u64,
}

impl ByteRange {
    /// Returns the whole of an object of this size.
    #[must_use]
    pub const fn whole(size_bytes: u64) -> Self {
        Self {
            start: 0,
            len_bytes: size_bytes,
        }
    }

    /// Returns the first byte behind the run.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.start.saturating_add(self.len_bytes)
    }
}
