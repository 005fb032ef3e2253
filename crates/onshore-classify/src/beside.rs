//! What stands beside persons: how old residents are, by the birth in their numbers, and words near identifiers that say
//! something sensitive of somebody. Some identifiers are enough to tell: not all of a long text are looked around.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use onshore_types::Timestamp;

use crate::detector::{Confidence, Subject};
use crate::detectors;
use crate::detectors::{BESIDE, BesideDetector, WITH_BIRTH};
use crate::findings::Kind;
use crate::text::Hit;

/// How far from an identifier a word may stand.
const NEAR_BYTES: usize = 160;
/// Around so many identifiers words are looked for.
const LOOKED_MAX: u32 = 1000;
/// Who was born before is a child nowhere: births need room.
const BIRTHS_FROM: u32 = 20_000_000;
/// So old is a child no longer (PIPL article 28), as days are written in eight digits.
const CHILDHOOD: u32 = 140_000;
/// The clock of China.
const CHINA_MS: i64 = 8 * 3600 * 1000;

/// By the place of a detector: whether a birth stands in what it finds.
static HAS_BIRTH: LazyLock<Vec<bool>> = LazyLock::new(|| {
    detectors::all()
        .map(|detector| WITH_BIRTH.contains(&detector.id))
        .collect()
});

static WORDS: LazyLock<Words> = LazyLock::new(Words::new);

#[derive(Debug)]
struct Words {
    search: AhoCorasick,
    /// The place of the kind of each word.
    of_word: Vec<usize>,
}

impl Words {
    fn new() -> Self {
        let mut of_word = Vec::new();
        let mut words = Vec::new();
        for (place, detector) in BESIDE.iter().enumerate() {
            for word in detector.words {
                words.push(*word);
                of_word.push(place);
            }
        }
        let search = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words)
            .expect("a hundred words are no too large automaton");
        Self { search, of_word }
    }
}

/// What stands beside the persons of a text.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    births: BTreeMap<u32, u64>,
    counts: [u64; BESIDE.len()],
    looked: u32,
    /// Up to where words were looked for, in bytes of the text as a whole.
    until: usize,
}

impl Beside {
    /// Looks around something that was found in a piece of a text that begins at an offset.
    pub(crate) fn look(&mut self, text: &[u8], offset: usize, hit: &Hit) {
        if hit.detector.subject != Subject::Person {
            return;
        }
        if has_birth(hit.place) {
            let birth = text.get(hit.start..hit.end).and_then(birth);
            if let Some(birth) = birth.filter(|birth| *birth > BIRTHS_FROM) {
                *self.births.entry(birth).or_default() += 1;
            }
        }
        if self.looked >= LOOKED_MAX {
            return;
        }
        self.looked += 1;
        let from = hit
            .start
            .saturating_sub(NEAR_BYTES)
            .max(self.until.saturating_sub(offset));
        let until = text.len().min(hit.end + NEAR_BYTES);
        for found in WORDS
            .search
            .find_iter(text.get(from..until).unwrap_or_default())
        {
            let kind = WORDS.of_word.get(found.pattern().as_usize());
            if let Some(count) = kind.and_then(|kind| self.counts.get_mut(*kind)) {
                *count += 1;
            }
        }
        self.until = self.until.max(offset + until);
    }

    /// Tells which words there are.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> {
        let some = BESIDE.iter().zip(&self.counts);
        some.filter(|(_, count)| **count > 0)
            .map(|(BesideDetector { id, title, .. }, count)| Kind {
                id,
                title,
                subject: Subject::Person,
                count: *count,
                confidence: Confidence::Named,
            })
    }

    /// Returns how many residents were born on which day.
    pub(crate) fn into_births(self) -> BTreeMap<u32, u64> {
        self.births
    }
}

/// The kind that children are told as.
pub(crate) const MINORS: &str = "cn.minor";

fn has_birth(detector: usize) -> bool {
    HAS_BIRTH.get(detector).copied().unwrap_or_default()
}

/// On which days those were born who are children on a day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Childhood {
    /// The day before the first.
    after: u32,
    until: u32,
}

impl Childhood {
    pub(crate) fn on(day: Timestamp) -> Option<Self> {
        let until: u32 = day
            .plus_millis(CHINA_MS)
            .written_as("%Y%m%d")
            .parse()
            .ok()?;
        let after = until.checked_sub(CHILDHOOD)?;
        Some(Self { after, until })
    }

    /// Whether a number that a detector found, by where it stands in the table, is that of a child.
    pub(crate) fn is_of(self, detector: usize, number: &[u8]) -> bool {
        has_birth(detector)
            && birth(number).is_some_and(|birth| {
                birth > BIRTHS_FROM && birth > self.after && birth <= self.until
            })
    }
}

/// Tells how many of some residents are children on a day.
pub(crate) fn minors(births: &BTreeMap<u32, u64>, on: Timestamp) -> Option<Kind> {
    if births.is_empty() {
        return None;
    }
    let Childhood { after, until } = Childhood::on(on)?;
    let count = births
        .range(after + 1..=until)
        .map(|(_, count)| count)
        .sum();
    (count > 0).then_some(Kind {
        id: MINORS,
        title: "residents under fourteen, by their numbers",
        subject: Subject::Person,
        count,
        confidence: Confidence::Certain,
    })
}

/// Returns the birth in a number of eighteen digits, which may be of full width or in groups.
fn birth(number: &[u8]) -> Option<u32> {
    const BIRTH: Range<usize> = 6..14;
    let (mut birth, mut count) = (0, 0);
    let mut rest = number;
    while let Some((first, later)) = rest.split_first()
        && count < BIRTH.end
    {
        rest = later;
        let digit = match (first, later) {
            (b'0'..=b'9', _) => first - b'0',
            (0xEF, [0xBC, last @ 0x90..=0x99, ..]) => last - 0x90,
            _ => continue,
        };
        if BIRTH.contains(&count) {
            birth = birth * 10 + u32::from(digit);
        }
        count += 1;
    }
    (count == BIRTH.end).then_some(birth)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{birth, minors};

    #[test]
    fn births_are_read_however_they_are_written() {
        for number in [
            "110105201512310023",
            "110105 20151231 0023",
            "１１０１０５２０１５１２３１００２３",
        ] {
            assert_eq!(birth(number.as_bytes()), Some(20_151_231), "{number}");
        }
        assert_eq!(birth(b"1101"), None);
    }

    #[test]
    fn children_are_children_until_the_day_they_are_fourteen() {
        let births = BTreeMap::from([(20_121_129, 1), (20_121_130, 2), (20_271_231, 4)]);
        let count = |on: &str| minors(&births, on.parse().expect("a time")).map(|kind| kind.count);
        // The day begins in China before it does in Greenwich.
        assert_eq!(count("2026-11-28T15:59:59Z"), Some(3));
        assert_eq!(count("2026-11-28T16:00:00Z"), Some(2));
        assert_eq!(count("2026-11-29T16:00:00Z"), None);
        assert_eq!(count("1970-01-01"), None);
    }
}
