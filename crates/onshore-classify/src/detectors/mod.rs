//! The table of detectors, family by family.

mod beside;
mod china;
mod columns;
mod digits;
mod europe;
mod secrets;
mod world;

pub(crate) use self::beside::{BESIDE, BesideDetector};
pub(crate) use self::china::{WEAK, WITH_BIRTH};
pub(crate) use self::columns::COLUMNS;

use std::collections::BTreeSet;

use crate::Detector;
use crate::beside::MINORS;

/// The version of the detectors, which is kept beside what they found: what an older one found is looked for again. A test
/// holds that it is raised when the tables change.
pub const SCANNER_VERSION: u32 = 7;

/// Every detector. The first that finds something where several do has it, so the surest come first.
pub fn all() -> impl Iterator<Item = &'static Detector> {
    [
        china::DETECTORS,
        europe::DETECTORS,
        world::DETECTORS,
        secrets::DETECTORS,
    ]
    .into_iter()
    .flatten()
}

/// The id of every kind that may be told: by a value, by a column, or by what stands beside persons. Each once.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    let columns = COLUMNS.iter().map(|column| column.id);
    let beside = BESIDE.iter().map(|detector| detector.id);
    let ids: BTreeSet<&str> = all()
        .map(|detector| detector.id)
        .chain(columns)
        .chain(beside)
        .chain([MINORS])
        .collect();
    ids.into_iter()
}

#[cfg(test)]
mod tests {
    use super::{BESIDE, COLUMNS, SCANNER_VERSION, WEAK, all};
    use crate::detector::{Evidence, Form};

    /// Whoever changes a table raises the version and stores the new sum beside it.
    #[test]
    fn the_version_is_that_of_the_tables() {
        const KNOWN: (u32, u64) = (7, 1_792_188_204_823_250_682);
        let mut told = String::new();
        for detector in all() {
            let form = match &detector.form {
                Form::Digits { groups, .. } => format!("{groups:?}"),
                Form::Word { lens, .. } => format!("{lens:?}"),
                Form::Around { mark, .. } => format!("{mark:?}"),
            };
            let evidence = match &detector.evidence {
                Evidence::Form => String::new(),
                Evidence::FormUnless(words) => format!("unless {words:?}"),
                Evidence::Words(words) => format!("{words:?}"),
                Evidence::WordsNext(words) => format!("next {words:?}"),
                Evidence::Check {
                    chance_per_mille,
                    least,
                    words,
                    against,
                    ..
                } => format!("{chance_per_mille} {least} {words:?} {against:?}"),
            };
            told += &format!("{} {form} {evidence}", detector.id);
            told.extend(detector.vectors.iter().map(|vector| vector.text));
        }
        for column in COLUMNS {
            let shown = (column.header, column.against, column.vectors, column.not);
            told += &format!("{} {shown:?}", column.id);
        }
        told += &format!("{WEAK:?}");
        for detector in BESIDE {
            told += &format!("{} {:?}", detector.id, detector.words);
        }
        told += include_str!("../important.toml");
        // FNV-1a: it stays the same on every machine.
        let sum = told.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        assert_eq!((SCANNER_VERSION, sum), KNOWN, "the tables have changed");
    }
}
