//! A sorted set that is added to in any order: what is new lies unsorted at its end until it comes to a share of the
//! whole, and is merged in then. It takes little more room than what is in it, and each element is moved a few times.

/// What a pile holds: what it is about, and what is known of that.
pub(crate) trait Stacked: Copy + Ord {
    /// Whether both are about the same. What sorts between them is, too.
    fn is_alike(self, other: Self) -> bool;
    /// Returns what both know.
    fn with(self, other: Self) -> Self;
}

/// What may lie unsorted, as a share of what is sorted, and at least.
const SHARE: usize = 8;

/// A sorted set.
#[derive(Debug)]
pub(crate) struct Pile<T> {
    /// Sorted and distinct up to `sorted`.
    all: Vec<T>,
    sorted: usize,
    loose_min: usize,
}

impl<T: Stacked> Pile<T> {
    /// Makes an empty one, of which so much may always lie unsorted.
    pub(crate) fn new(loose_min: usize) -> Self {
        Self {
            all: Vec::new(),
            sorted: 0,
            loose_min,
        }
    }

    /// Adds one.
    pub(crate) fn add(&mut self, one: T) {
        if self.all.len() == self.all.capacity() {
            self.settle();
            let room = self.loose_min.max(self.sorted / SHARE);
            self.all.reserve_exact(room);
        }
        self.all.push(one);
    }

    /// Brings all in order and returns it.
    pub(crate) fn settled(&mut self) -> &[T] {
        self.settle();
        &self.all
    }

    /// Looks for what is about the same, among what is in order, and lets it know what this one knows.
    pub(crate) fn teach(&mut self, one: T) -> bool {
        let (sorted, _) = self.all.split_at_mut(self.sorted);
        // What is about the same stands on either side of where this one would.
        let place = sorted.partition_point(|other| *other < one);
        let around = place.saturating_sub(1)..sorted.len().min(place + 1);
        let there = sorted.get_mut(around).unwrap_or_default().iter_mut();
        for other in there {
            if other.is_alike(one) {
                *other = other.with(one);
                return true;
            }
        }
        false
    }

    fn settle(&mut self) {
        if self.sorted == self.all.len() {
            return;
        }
        let (sorted, loose) = self.all.split_at_mut(self.sorted);
        loose.sort_unstable();
        let is_behind = match (sorted.last(), loose.first()) {
            (Some(last), Some(first)) => last < first && !last.is_alike(*first),
            _ => true,
        };
        if is_behind {
            let end = self.sorted + compact(loose);
            self.all.truncate(end);
            self.sorted = end;
            return;
        }
        let distinct = compact(loose);
        let fresh = loose.iter().take(distinct).copied().collect::<Vec<T>>();
        self.all.truncate(self.sorted + distinct);
        merge_from_behind(&mut self.all, self.sorted, &fresh);
        self.sorted = self.all.len();
    }
}

/// Brings what is about the same together, in what is sorted, and returns how many are left, at its beginning.
fn compact<T: Stacked>(sorted: &mut [T]) -> usize {
    let mut kept = 0_usize;
    for at in 0..sorted.len() {
        let one = sorted[at];
        match kept.checked_sub(1).map(|last| &mut sorted[last]) {
            Some(last) if last.is_alike(one) => *last = last.with(one),
            _ => {
                sorted[kept] = one;
                kept += 1;
            }
        }
    }
    kept
}

/// Merges `fresh` into the first `sorted` of `all`, which is as long as both: from behind, so that nothing is written over
/// before it is read. What is about the same leaves a gap, which is closed.
fn merge_from_behind<T: Stacked>(all: &mut Vec<T>, mut sorted: usize, fresh: &[T]) {
    let mut end = all.len();
    for one in fresh.iter().rev() {
        let mut one = *one;
        while let Some(before) = sorted.checked_sub(1) {
            let other = all[before];
            if other.is_alike(one) {
                one = one.with(other);
            } else if other < one {
                break;
            } else {
                end -= 1;
                all[end] = other;
            }
            sorted = before;
        }
        end -= 1;
        all[end] = one;
    }
    all.drain(sorted..end);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::{Pile, Stacked};

    impl Stacked for (u16, u8) {
        fn is_alike(self, other: Self) -> bool {
            self.0 == other.0
        }

        fn with(self, other: Self) -> Self {
            (self.0, self.1 | other.1)
        }
    }

    proptest! {
        #[test]
        fn a_pile_is_a_map(
            adds in prop::collection::vec((0_u16..300, any::<u8>()), 0..2000),
            taught in (0_u16..300, any::<u8>()),
        ) {
            let mut pile = Pile::new(3);
            let mut map = BTreeMap::<u16, u8>::new();
            for (about, known) in &adds {
                pile.add((*about, *known));
                *map.entry(*about).or_default() |= known;
            }
            let all: Vec<(u16, u8)> = map.clone().into_iter().collect();
            prop_assert_eq!(pile.settled(), all.as_slice());
            let is_there = map.get_mut(&taught.0).map(|known| *known |= taught.1);
            prop_assert_eq!(pile.teach(taught), is_there.is_some());
            let all: Vec<(u16, u8)> = map.into_iter().collect();
            prop_assert_eq!(pile.settled(), all.as_slice());
        }
    }
}
