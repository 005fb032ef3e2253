//! What is known of an identifier besides its pseudonym. All of it adds up: what one object knows, all of them know.

/// Five facts about an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Flags(u8);

impl Flags {
    /// Nothing.
    pub(crate) const NONE: Self = Self(0);
    /// One that ranks higher stood beside it: it tells of no other person.
    pub(crate) const EXPLAINED: Self = Self(1);
    /// Something sensitive stood beside it.
    pub(crate) const SENSITIVE: Self = Self(2);
    /// Something sensitive and one that ranks higher stood beside it, both at once.
    pub(crate) const SENSITIVE_EXPLAINED: Self = Self(4);
    /// Something says that the person lives in the country.
    pub(crate) const LOCAL: Self = Self(8);
    /// Something says that the person lives abroad.
    pub(crate) const ABROAD: Self = Self(16);

    /// How many sets of facts there are.
    pub(crate) const SETS: usize = 32;

    /// Returns the facts that a byte stands for.
    pub(crate) fn parse(byte: u8) -> Option<Self> {
        (usize::from(byte) < Self::SETS).then_some(Self(byte))
    }

    /// Returns the byte that stands for them.
    pub(crate) fn byte(self) -> u8 {
        self.0
    }

    /// Returns these and those.
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns these if something holds, else none.
    pub(crate) fn when(self, holds: bool) -> Self {
        if holds { self } else { Self::NONE }
    }

    /// Whether all of those are among these.
    pub(crate) fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}
