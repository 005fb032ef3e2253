//! Thrift's compact protocol, as far as Parquet speaks it.

/// How deep structures lie in one another.
const DEPTH_MAX: usize = 32;

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    True,
    False,
    Byte,
    Number,
    Double,
    Binary,
    List,
    Map,
    Struct,
}

impl Kind {
    fn of(code: u8) -> Option<Self> {
        Some(match code {
            1 => Self::True,
            2 => Self::False,
            3 => Self::Byte,
            4..=6 => Self::Number,
            7 => Self::Double,
            8 => Self::Binary,
            9 | 10 => Self::List,
            11 => Self::Map,
            12 => Self::Struct,
            _ => return None,
        })
    }
}

/// Bytes in this protocol, from where the reading is. Nothing is given where they break its rules.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thrift<'a> {
    rest: &'a [u8],
}

/// The fields of a structure.
#[derive(Debug, Default)]
pub(super) struct Fields {
    last: i64,
}

impl Fields {
    /// Returns the next field: its number and the kind of its value, which must be read or skipped. None at the end.
    #[expect(
        clippy::option_option,
        reason = "the outer is damage, the inner the end"
    )]
    pub(super) fn next(&mut self, thrift: &mut Thrift<'_>) -> Option<Option<(i64, Kind)>> {
        let head = thrift.byte()?;
        if head == 0 {
            return Some(None);
        }
        self.last = match head >> 4 {
            0 => thrift.number()?,
            more => self.last.checked_add(i64::from(more))?,
        };
        Some(Some((self.last, Kind::of(head & 15)?)))
    }
}

impl<'a> Thrift<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// Reads a number.
    pub(super) fn number(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// Reads a number that counts something.
    pub(super) fn count(&mut self) -> Option<u64> {
        u64::try_from(self.number()?).ok()
    }

    /// Reads bytes.
    pub(super) fn binary(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.varint()?).ok()?;
        let (now, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(now)
    }

    /// Reads the head of a list: how many there are, and of what kind. Each takes a byte at least.
    pub(super) fn list(&mut self) -> Option<(usize, Kind)> {
        let head = self.byte()?;
        let len = match head >> 4 {
            15 => usize::try_from(self.varint()?).ok()?,
            len => usize::from(len),
        };
        (len <= self.rest.len()).then_some((len, Kind::of(head & 15)?))
    }

    /// Skips a value.
    pub(super) fn skip(&mut self, kind: Kind) -> Option<()> {
        self.skip_within(kind, 0)
    }

    fn skip_within(&mut self, kind: Kind, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match kind {
            Kind::True | Kind::False => {}
            Kind::Byte => {
                self.byte()?;
            }
            Kind::Number => {
                self.varint()?;
            }
            Kind::Double => self.rest = self.rest.get(8..)?,
            Kind::Binary => {
                self.binary()?;
            }
            Kind::List => {
                let (len, kind) = self.list()?;
                for _ in 0..len {
                    self.skip_element(kind, depth)?;
                }
            }
            Kind::Map => {
                let len = usize::try_from(self.varint()?).ok()?;
                if len > 0 {
                    let kinds = self.byte()?;
                    for _ in 0..len.min(self.rest.len()) {
                        self.skip_element(Kind::of(kinds >> 4)?, depth)?;
                        self.skip_element(Kind::of(kinds & 15)?, depth)?;
                    }
                }
            }
            Kind::Struct => {
                let mut fields = Fields::default();
                while let Some((_, kind)) = fields.next(self)? {
                    self.skip_within(kind, depth + 1)?;
                }
            }
        }
        Some(())
    }

    /// Within lists a truth takes a byte, beside fields it is in their head.
    fn skip_element(&mut self, kind: Kind, depth: usize) -> Option<()> {
        match kind {
            Kind::True | Kind::False => self.byte().map(|_| ()),
            _ => self.skip_within(kind, depth + 1),
        }
    }
}
