//! About how many distinct there are: a HyperLogLog sketch of 4096 registers, off by 1.6 % at one standard deviation. It is
//! for what is shown often; the law draws its lines by exact counts.

/// Bits of a pseudonym that choose a register.
const INDEX_BITS: u32 = 12;
const REGISTERS: usize = 1 << INDEX_BITS;

/// A sketch of a set of pseudonyms. The sketch of a union is the union of sketches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sketch {
    registers: Vec<u8>,
}

impl Sketch {
    /// Makes that of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            registers: vec![0; REGISTERS],
        }
    }

    /// Reads one that was kept.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let is_one = bytes.len() == REGISTERS
            && bytes
                .iter()
                .all(|longest| u32::from(*longest) <= u64::BITS - INDEX_BITS + 1);
        is_one.then(|| Self {
            registers: bytes.to_vec(),
        })
    }

    /// Returns what is kept of it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.registers
    }

    /// Adds a pseudonym: its bits are as good as random.
    pub(crate) fn add(&mut self, pseudonym: u64) {
        let register = (pseudonym >> (u64::BITS - INDEX_BITS)) as usize;
        let rest = pseudonym << INDEX_BITS;
        let longest = rest.leading_zeros().min(u64::BITS - INDEX_BITS) as u8 + 1;
        if let Some(register) = self.registers.get_mut(register) {
            *register = longest.max(*register);
        }
    }

    /// Adds all that another is of.
    pub fn join(&mut self, other: &Self) {
        for (register, other) in self.registers.iter_mut().zip(&other.registers) {
            *register = (*register).max(*other);
        }
    }

    /// Returns about how many there are.
    #[must_use]
    pub fn estimate(&self) -> u64 {
        let registers = REGISTERS as f64;
        let sum: f64 = self
            .registers
            .iter()
            .map(|longest| 0.5_f64.powi((*longest).into()))
            .sum();
        let raw = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let empty = self
            .registers
            .iter()
            .filter(|longest| **longest == 0)
            .count();
        // Few are counted by the registers that nothing fell into.
        let estimate = if raw <= 2.5 * registers && empty > 0 {
            registers * (registers / empty as f64).ln()
        } else {
            raw
        };
        estimate.round() as u64
    }
}

impl Default for Sketch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Sketch;

    /// SplitMix64.
    fn mixed(number: u64) -> u64 {
        let number = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    #[test]
    fn sketches_tell_about_how_many_and_join() {
        for count in [0_u64, 1, 10, 1000, 10_000, 12_000, 100_000, 1_000_000] {
            let (mut even, mut odd) = (Sketch::new(), Sketch::new());
            for number in 1..=count {
                let half = if number % 2 == 0 { &mut even } else { &mut odd };
                half.add(mixed(number));
                half.add(mixed(number));
            }
            even.join(&odd);
            let off = even.estimate().abs_diff(count);
            // Three standard deviations.
            assert!(off * 1000 <= count * 49, "{count}: {}", even.estimate());
        }
    }

    #[test]
    fn what_is_kept_is_read_and_nothing_else() {
        let mut sketch = Sketch::new();
        sketch.add(0);
        sketch.add(u64::MAX);
        assert_eq!(Sketch::parse(sketch.bytes()), Some(sketch.clone()));
        let mut bad = sketch.bytes().to_vec();
        bad[7] = 54;
        assert_eq!(Sketch::parse(&bad), None);
        assert_eq!(Sketch::parse(&bad[1..]), None);
    }
}
