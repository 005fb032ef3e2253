//! Where counts of what is found are kept: one place for each detector, and where chance is reckoned with one for each length.

use std::ops::Range;
use std::sync::LazyLock;

use crate::detector::Evidence;
use crate::detectors;

/// How many lengths are told apart.
const LENS: usize = 20;

static PLACES: LazyLock<Places> = LazyLock::new(Places::new);

#[derive(Debug)]
struct Places {
    /// By detector: its first place, and behind the last detector the end of all.
    begins: Vec<usize>,
    /// By place: the detector.
    detectors: Vec<usize>,
}

impl Places {
    fn new() -> Self {
        let (mut begins, mut places) = (vec![0], Vec::new());
        for (place, detector) in detectors::all().enumerate() {
            let lens = match &detector.evidence {
                Evidence::Check { .. } => LENS,
                Evidence::Form
                | Evidence::FormUnless(_)
                | Evidence::Words(_)
                | Evidence::WordsNext(_) => 1,
            };
            places.extend(std::iter::repeat_n(place, lens));
            begins.push(places.len());
        }
        Self {
            begins,
            detectors: places,
        }
    }
}

/// Returns how many places there are.
pub(crate) fn count() -> usize {
    PLACES.detectors.len()
}

/// Returns the places of a detector, by where it stands in the table.
pub(crate) fn of_detector(detector: usize) -> Range<usize> {
    let begin = |at: usize| PLACES.begins.get(at).copied().unwrap_or_else(count);
    begin(detector)..begin(detector + 1)
}

/// Returns the place of what a detector finds in so many digits.
pub(crate) fn at(detector: usize, digits: usize) -> usize {
    let places = of_detector(detector);
    places.start + digits.min(places.len().saturating_sub(1))
}

/// Returns the detector of a place.
pub(crate) fn detector_at(place: usize) -> Option<usize> {
    PLACES.detectors.get(place).copied()
}

#[cfg(test)]
mod tests {
    use super::{at, count, detector_at, of_detector};
    use crate::detectors;

    #[test]
    fn every_place_is_of_one_detector() {
        let detectors = detectors::all().count();
        let all: Vec<usize> = (0..detectors).flat_map(of_detector).collect();
        assert_eq!(all, (0..count()).collect::<Vec<usize>>());
        for detector in 0..detectors {
            for digits in [0, 11, 16, 19, 99] {
                let place = at(detector, digits);
                assert_eq!(detector_at(place), Some(detector));
            }
        }
        assert_eq!(detector_at(count()), None);
    }
}
