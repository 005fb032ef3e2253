//! Numbers in few bits: runs of one number, packed numbers, and differences.
//!
//! Places are indices into the page, which is given anew each time: a page and what reads it are kept together.

/// Numbers below a power of two, in runs or packed.
#[derive(Debug, Clone, Default)]
pub(super) struct Hybrid {
    at: usize,
    end: usize,
    bits: u32,
    run: Run,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Run {
    #[default]
    None,
    /// The same number so many times.
    Same { left: u64, number: u32 },
    /// Packed ones, from this bit of the page on.
    Packed { left: u64, bit: usize },
}

impl Hybrid {
    /// Begins in these bytes of a page.
    pub(super) fn new(at: usize, end: usize, bits: u32) -> Self {
        Self {
            at,
            end,
            bits,
            run: Run::None,
        }
    }

    /// Returns the next number.
    pub(super) fn next(&mut self, page: &[u8]) -> Option<u32> {
        if self.bits == 0 {
            return Some(0);
        }
        loop {
            match &mut self.run {
                Run::Same { left, number } if *left > 0 => {
                    *left -= 1;
                    return Some(*number);
                }
                Run::Packed { left, bit } if *left > 0 => {
                    *left -= 1;
                    let from = *bit;
                    *bit += self.bits as usize;
                    return u32::try_from(bits_at(page, from, self.bits, self.end)?).ok();
                }
                _ => self.begin(page)?,
            }
        }
    }

    fn begin(&mut self, page: &[u8]) -> Option<()> {
        let head = varint(page, &mut self.at, self.end)?;
        let count = head >> 1;
        if head & 1 == 1 {
            let left = count.checked_mul(8)?;
            let bytes = usize::try_from(count.checked_mul(u64::from(self.bits))?).ok()?;
            let bit = self.at.checked_mul(8)?;
            // The last group may be cut.
            self.at = self.at.checked_add(bytes)?.min(self.end);
            self.run = Run::Packed { left, bit };
        } else {
            let len = self.bits.div_ceil(8) as usize;
            let number = little(page.get(self.at..self.at.checked_add(len)?)?);
            self.at += len;
            self.run = Run::Same {
                left: count,
                number: u32::try_from(number).ok()?,
            };
        }
        (self.at <= self.end).then_some(())
    }
}

/// Numbers as differences from one to the next, in blocks.
#[derive(Debug, Clone, Default)]
pub(super) struct Differences {
    at: usize,
    end: usize,
    per_mini: u64,
    minis: usize,
    left: u64,
    value: i64,
    is_first: bool,
    least: i64,
    /// The widths of the parts of the block, where in the page they stand, and which of them is read.
    widths_at: usize,
    mini: usize,
    in_mini: u64,
    bit: usize,
    width: u32,
}

impl Differences {
    /// Begins in these bytes of a page.
    pub(super) fn new(page: &[u8], at: usize, end: usize) -> Option<Self> {
        let mut at = at;
        let block = varint(page, &mut at, end)?;
        let minis = varint(page, &mut at, end)?;
        let left = varint(page, &mut at, end)?;
        let value = zigzag(varint(page, &mut at, end)?);
        let per_mini = block.checked_div(minis)?;
        if per_mini == 0 || per_mini > 1 << 20 || minis > 1 << 12 {
            return None;
        }
        let minis = usize::try_from(minis).ok()?;
        Some(Self {
            at,
            end,
            per_mini,
            minis,
            left,
            value,
            is_first: true,
            mini: minis,
            ..Self::default()
        })
    }

    /// How many there are still.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Returns the next number.
    pub(super) fn next(&mut self, page: &[u8]) -> Option<i64> {
        self.left = self.left.checked_sub(1)?;
        if self.is_first {
            self.is_first = false;
            return Some(self.value);
        }
        if self.in_mini == 0 {
            self.next_mini(page)?;
        }
        self.in_mini -= 1;
        let more = if self.width == 0 {
            0
        } else {
            bits_at(page, self.bit, self.width, self.end)?
        };
        self.bit += self.width as usize;
        let more = self.least.wrapping_add(more.cast_signed());
        self.value = self.value.wrapping_add(more);
        Some(self.value)
    }

    fn next_mini(&mut self, page: &[u8]) -> Option<()> {
        if self.mini >= self.minis {
            self.least = zigzag(varint(page, &mut self.at, self.end)?);
            self.widths_at = self.at;
            self.at = self.at.checked_add(self.minis)?;
            self.mini = 0;
        }
        self.width = u32::from(*page.get(self.widths_at + self.mini)?);
        if self.width > 64 || self.at > self.end {
            return None;
        }
        self.mini += 1;
        self.in_mini = self.per_mini;
        self.bit = self.at.checked_mul(8)?;
        let bytes = u64::from(self.width) * self.per_mini / 8;
        self.at = self
            .at
            .checked_add(usize::try_from(bytes).ok()?)?
            .min(self.end);
        Some(())
    }

    /// Goes through all that are left, and returns where what stands behind them begins.
    pub(super) fn behind(mut self, page: &[u8]) -> Option<usize> {
        while self.left > 0 {
            self.next(page)?;
        }
        // The parts of a block that hold nothing are not there.
        Some(self.at)
    }
}

/// Reads bits, the lowest first.
fn bits_at(page: &[u8], bit: usize, bits: u32, end: usize) -> Option<u64> {
    let (byte, shift) = (bit / 8, (bit % 8) as u32);
    if byte >= end {
        return None;
    }
    let low = match page.get(byte..).and_then(<[u8]>::first_chunk::<8>) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => little(page.get(byte..)?),
    };
    let mut number = low >> shift;
    if shift + bits > 64 {
        let high = page.get(byte + 8).copied().unwrap_or_default();
        number |= u64::from(high) << (64 - shift);
    }
    Some(if bits < 64 {
        number & ((1 << bits) - 1)
    } else {
        number
    })
}

/// Reads up to eight bytes, the lowest first.
pub(super) fn little(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .take(8)
        .rev()
        .fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn zigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn varint(page: &[u8], at: &mut usize, end: usize) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        if *at >= end {
            return None;
        }
        let byte = page.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}
