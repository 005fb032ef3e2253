//! The table of detectors, family by family.

mod china;
mod columns;
mod digits;
mod europe;
mod world;

pub(crate) use self::columns::COLUMNS;

use crate::Detector;

/// Every detector. The first that finds something where several do has it, so the surest come first.
pub fn all() -> impl Iterator<Item = &'static Detector> {
    [china::DETECTORS, europe::DETECTORS, world::DETECTORS]
        .into_iter()
        .flatten()
}
