//! Whether numbers that chance makes, too, are more than it makes: those of one detector and one length are reckoned with
//! together where they stand in one column, or behind one word. Of few of those nothing can be said: they are reckoned with
//! together, wherever they stand.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::detector::{Detector, Evidence};
use crate::text::Setting;

/// So many of one place tell by themselves whether they are more than chance makes.
const ENOUGH: u64 = 12;
/// More are not told apart by where they stand.
const TRIALS_MAX: usize = 4096;
/// Of a hundred numbers in one column or behind one word so many must hold, those reckoned with that have another form: of
/// numbers of orders some look like cards.
const SHARE_MIN: u64 = 8;

/// Where a number stands, as far as numbers that stand so are likely to be alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stand {
    /// In a column.
    Column(usize),
    /// Behind these bytes.
    Behind([u8; BEHIND_BYTES]),
    /// In groups: few other numbers are written so.
    Grouped,
    /// Behind something that parts it from what is before.
    Bare,
}

/// How much before a number says where it stands: two characters of Chinese.
const BEHIND_BYTES: usize = 6;

impl Stand {
    /// Returns where the number stands that begins at a place.
    pub(crate) fn of(setting: Setting<'_>, column: Option<usize>, at: usize) -> Self {
        if let Some(column) = column {
            return Self::Column(column);
        }
        let before = setting.text.get(..at).unwrap_or_default();
        let until = before
            .iter()
            .rposition(|byte| !matches!(byte, b' ' | b'"' | b'\''))
            .map_or(0, |last| last + 1);
        let own = before.get(..until).unwrap_or_default();
        let is_parted = match own {
            [] | [.., b'\n' | b'\r' | b'\t' | b',' | b';' | b'|' | b'.' | b'>'] => true,
            // The signs 、。，；.
            [.., 0xE3, 0x80, 0x81 | 0x82] | [.., 0xEF, 0xBC, 0x8C | 0x9B] => true,
            _ => false,
        };
        match own.last_chunk() {
            Some(behind) if !is_parted => Self::Behind(*behind),
            _ => Self::Bare,
        }
    }
}

/// What is reckoned with together: the detector, by where it stands in the table, the length, and the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Which {
    detector: usize,
    len: usize,
    /// None where those are that are not told apart.
    stand: Option<Stand>,
}

/// Numbers that are reckoned with together.
#[derive(Debug, Clone, Copy)]
struct Trial {
    which: Which,
    evidence: &'static Evidence,
    tries: Tries,
    /// How many of them are told, if they are more than chance makes.
    told: u64,
}

/// How many numbers of a form there were, and how many held its check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tries {
    tried: u64,
    held: u64,
    /// Others of the same length, where they are counted.
    others: u64,
}

/// All of a text.
#[derive(Debug, Default)]
pub(crate) struct Trials {
    all: Vec<Trial>,
    known: HashMap<Which, usize, BuildHasherDefault<Mixing>>,
}

/// Mixes a few numbers in as many steps. Whoever makes them collide gains nothing: there are few.
#[derive(Debug, Default)]
struct Mixing(u64);

impl Hasher for Mixing {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(MULTIPLIER);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
}

impl Trials {
    /// Counts a number of a form with a check, and returns in which trial it stands.
    pub(crate) fn count(
        &mut self,
        (place, detector): (usize, &'static Detector),
        len: usize,
        stand: Stand,
        held: bool,
    ) -> usize {
        let at = self.trial((place, detector), len, stand);
        if let Some(trial) = self.all.get_mut(at) {
            trial.tries.tried += 1;
            trial.tries.held += u64::from(held);
        }
        at
    }

    /// Counts a number of the same length that has another form, where that says something of those beside it.
    pub(crate) fn count_other(&mut self, of: (usize, &'static Detector), len: usize, stand: Stand) {
        match stand {
            Stand::Column(_) | Stand::Behind(_) => {
                let at = self.trial(of, len, stand);
                if let Some(trial) = self.all.get_mut(at) {
                    trial.tries.others += 1;
                }
            }
            Stand::Grouped | Stand::Bare => {}
        }
    }

    fn trial(
        &mut self,
        (place, detector): (usize, &'static Detector),
        len: usize,
        stand: Stand,
    ) -> usize {
        let mut which = Which {
            detector: place,
            len,
            stand: Some(stand),
        };
        if self.all.len() >= TRIALS_MAX && !self.known.contains_key(&which) {
            which.stand = None;
        }
        *self.known.entry(which).or_insert_with(|| {
            self.all.push(Trial {
                which,
                evidence: &detector.evidence,
                tries: Tries::default(),
                told: 0,
            });
            self.all.len() - 1
        })
    }

    /// Counts one that is told if its trial holds.
    pub(crate) fn tell(&mut self, trial: usize) {
        if let Some(trial) = self.all.get_mut(trial) {
            trial.told += 1;
        }
    }

    /// Ends, and says which trials hold.
    pub(crate) fn verdicts(&self) -> Vec<bool> {
        let mut pools: HashMap<(usize, usize), Tries> = HashMap::new();
        for trial in self.all.iter().filter(|trial| !trial.is_enough()) {
            let pool = pools
                .entry((trial.which.detector, trial.which.len))
                .or_default();
            pool.tried += trial.tries.tried;
            pool.held += trial.tries.held;
        }
        let holds = |trial: &Trial| {
            if trial.is_enough() {
                return trial.tries.are_above_chance(trial.evidence, trial.spread());
            }
            let pool = pools.get(&(trial.which.detector, trial.which.len));
            pool.is_some_and(|pool| pool.are_above_chance(trial.evidence, Spread::OneAndAHalf))
        };
        self.all.iter().map(holds).collect()
    }

    /// Returns how many of a detector are told.
    pub(crate) fn told(&self, detector: usize, verdicts: &[bool]) -> u64 {
        let of_it = self
            .all
            .iter()
            .zip(verdicts)
            .filter(|(trial, holds)| **holds && trial.which.detector == detector);
        of_it.map(|(trial, _)| trial.told).sum()
    }
}

impl Trial {
    fn is_enough(&self) -> bool {
        self.tries.tried + self.tries.others >= ENOUGH && self.which.stand.is_some()
    }

    fn spread(&self) -> Spread {
        match self.which.stand {
            Some(Stand::Column(_) | Stand::Behind(_)) => Spread::Three,
            Some(Stand::Grouped | Stand::Bare) | None => Spread::OneAndAHalf,
        }
    }
}

/// By how many roots of what chance makes there must be more than that: of many columns one differs by two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spread {
    OneAndAHalf,
    Three,
}

impl Tries {
    /// Of so many that fail, this many hold by chance, each times what does not: e = made / others. There must be a quarter
    /// more than e, and some roots of e: what chance makes differs by as much.
    fn are_above_chance(self, evidence: &Evidence, spread: Spread) -> bool {
        let Evidence::Check {
            chance_per_mille,
            least,
            ..
        } = evidence
        else {
            return true;
        };
        let chance = u64::from(*chance_per_mille);
        let failed = self.tried - self.held;
        let all = self.tried + self.others;
        if self.others > 0 && self.held * 100 < all * SHARE_MIN {
            return false;
        }
        let (made, others) = (
            u128::from(failed) * u128::from(chance),
            u128::from(1000 - chance),
        );
        let above = (4 * u128::from(self.held) * others).saturating_sub(5 * made);
        let roots = match spread {
            Spread::OneAndAHalf => 36,
            Spread::Three => 144,
        };
        self.held >= *least && above > 0 && above * above > roots * made * others
    }
}
