//! Joining what is kept of many objects, and saying how many distinct persons that is.

use super::flags::Flags;
use super::kind::PersonKind;
use super::object::{Beyond, ObjectPersons, Writer};
use super::pile::{Pile, Stacked};

/// Pseudonyms are parted by their first byte, whose place in them the flags then take.
const SLICES: usize = 256;
const FLAG_BITS: u32 = 8;
/// What may lie unsorted in a slice.
const LOOSE_MIN: usize = 64;

/// How many distinct persons there are, between two bounds.
///
/// It is taken as true that a record is about one person, that what ranks highest in it is of nobody else, and that nobody
/// has more identifiers of a kind than the table of kinds says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Not fewer: so many persons are needed to have as many identifiers of one kind as there are.
    pub lower: u64,
    /// Not more: identifiers that never stood in a record beside one that ranks higher, and whoever may be told of without
    /// a pseudonym that was kept. The law's lines are crossed by this one.
    pub upper: u64,
}

/// What is known of the persons in some objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// All of them.
    pub persons: Count,
    /// Those of whom something sensitive is told.
    pub sensitive: Count,
    /// Of the upper bound: those who live in the country by all that is known.
    pub local: u64,
    /// Of the upper bound: those who live abroad by all that is known.
    pub abroad: u64,
    /// Of the upper bound: those of whom it is not known, or who do both.
    pub residence_unknown: u64,
}

/// Joins the persons of objects. It takes eight bytes for each distinct pseudonym, and an eighth more at most.
#[derive(Debug)]
pub struct Union {
    /// By rank of kind: slices by the first byte of the pseudonym; none as long as there is nothing of a kind.
    kinds: Vec<Vec<Pile<Packed>>>,
    beyond: Beyond,
}

/// All of a pseudonym but its first byte, and behind that the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Packed(u64);

impl Packed {
    fn flags(self) -> Flags {
        Flags::parse((self.0 & 0xFF) as u8).unwrap_or_default()
    }
}

impl Stacked for Packed {
    fn is_alike(self, other: Self) -> bool {
        self.0 >> FLAG_BITS == other.0 >> FLAG_BITS
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Union {
    /// Makes that of nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            kinds: PersonKind::all().map(|_| Vec::new()).collect(),
            beyond: Beyond::default(),
        }
    }

    /// Adds the persons of an object. An object that was added before changes nothing but what lies beyond its pseudonyms:
    /// add each object once.
    pub fn add(&mut self, object: &ObjectPersons) {
        let beyond = object.beyond();
        self.beyond.persons = self.beyond.persons.saturating_add(beyond.persons);
        self.beyond.sensitive = self.beyond.sensitive.saturating_add(beyond.sensitive);
        let kinds = &mut self.kinds;
        object.each_run(|kind, flags, values| {
            let Some(slices) = kinds.get_mut(kind.rank()) else {
                return;
            };
            if slices.is_empty() {
                slices.extend((0..SLICES).map(|_| Pile::new(LOOSE_MIN)));
            }
            for value in values {
                let slice = (value >> (u64::BITS - FLAG_BITS)) as usize;
                if let Some(slice) = slices.get_mut(slice) {
                    slice.add(Packed(value << FLAG_BITS | u64::from(flags.byte())));
                }
            }
        });
    }

    /// Has the upper bound be so many at least: whoever says so may know of persons whom nothing that was found tells of.
    pub fn at_least(&mut self, persons: u64) {
        let more = persons.saturating_sub(self.tally().persons.upper);
        self.beyond.persons = self.beyond.persons.saturating_add(more);
    }

    /// Says how many persons there are.
    #[must_use]
    pub fn tally(&mut self) -> Tally {
        let mut tally = Tally::default();
        for (kind, slices) in PersonKind::all().zip(&mut self.kinds) {
            let mut by_flags = [0_u64; Flags::SETS];
            for slice in slices {
                for one in slice.settled() {
                    by_flags[usize::from(one.flags().byte())] += 1;
                }
            }
            let counts = (0..).zip(by_flags).filter_map(|(byte, count)| {
                let flags = Flags::parse(byte)?;
                Some((flags, count))
            });
            let (mut all, mut sensitive) = (0, 0);
            for (flags, count) in counts {
                all += count;
                if !flags.has(Flags::EXPLAINED) {
                    tally.persons.upper += count;
                    match (flags.has(Flags::LOCAL), flags.has(Flags::ABROAD)) {
                        (true, false) => tally.local += count,
                        (false, true) => tally.abroad += count,
                        (true, true) | (false, false) => {}
                    }
                }
                if flags.has(Flags::SENSITIVE) {
                    sensitive += count;
                    if !flags.has(Flags::SENSITIVE_EXPLAINED) {
                        tally.sensitive.upper += count;
                    }
                }
            }
            tally.persons.lower = tally.persons.lower.max(fewest(kind, all));
            tally.sensitive.lower = tally.sensitive.lower.max(fewest(kind, sensitive));
        }
        for (count, beyond) in [
            (&mut tally.persons, self.beyond.persons),
            (&mut tally.sensitive, self.beyond.sensitive),
        ] {
            // Records that contradict each other may explain more than can be true.
            let upper = count.upper.saturating_add(beyond);
            count.upper = upper.max(count.lower);
        }
        tally.residence_unknown = tally.persons.upper - tally.local - tally.abroad;
        tally
    }

    /// Returns what is to be kept of all of them as if they were one object.
    #[must_use]
    pub fn joined(&mut self) -> ObjectPersons {
        let mut writer = Writer::default();
        for (kind, slices) in PersonKind::all().zip(&mut self.kinds) {
            writer.kind(
                kind,
                (0_u64..).zip(slices).flat_map(|(first, slice)| {
                    let first = first << (u64::BITS - FLAG_BITS);
                    let all = slice.settled().iter();
                    all.map(move |one| (first | one.0 >> FLAG_BITS, one.flags()))
                }),
            );
        }
        writer.finish(self.beyond)
    }
}

impl Default for Union {
    fn default() -> Self {
        Self::new()
    }
}

/// How many persons are needed to have so many identifiers of a kind.
fn fewest(kind: PersonKind, count: u64) -> u64 {
    match kind.most() {
        Some(most) => count.div_ceil(most),
        None => count.min(1),
    }
}
