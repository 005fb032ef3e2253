//! The records of a text: where their values begin, and in which columns they stand.

/// What stands in no column.
pub(crate) const NO_COLUMN: usize = usize::MAX;

/// A value of a record, up to where the next begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) start: usize,
    pub(crate) column: usize,
    pub(crate) record: u64,
}

/// The values of the text that is there, in their order.
#[derive(Debug, Default)]
pub(crate) struct Records {
    cells: Vec<Cell>,
    /// The record that is on its way, by its number.
    record: u64,
}

impl Records {
    pub(crate) fn record(&self) -> u64 {
        self.record
    }

    /// Begins a record.
    pub(crate) fn next(&mut self) {
        self.record += 1;
    }

    /// Begins a value. It is never before one that is there.
    pub(crate) fn begin(&mut self, start: usize, column: usize) {
        self.cells.push(Cell {
            start,
            column,
            record: self.record,
        });
    }

    /// Returns the value that began last.
    pub(crate) fn last(&self) -> Option<Cell> {
        self.cells.last().copied()
    }

    /// Returns the value that a place is in. Whoever asks of one place after the other passes on where the last was.
    pub(crate) fn at(&self, place: usize, near: &mut usize) -> Option<Cell> {
        let is_behind = |at: usize| self.cells.get(at).is_some_and(|cell| cell.start <= place);
        if !is_behind(*near) {
            *near = self
                .cells
                .partition_point(|cell| cell.start <= place)
                .checked_sub(1)?;
        }
        while is_behind(*near + 1) {
            *near += 1;
        }
        self.cells.get(*near).copied()
    }

    /// Returns the value before the one that `at` was asked of last, and where it ends.
    pub(crate) fn value_before(&self, near: usize) -> Option<(Cell, usize)> {
        /// Between two values there are a name and what parts them.
        const BETWEEN_MAX: usize = 8;
        let cells = self.cells.get(near.saturating_sub(BETWEEN_MAX)..=near)?;
        let mut pairs = cells.array_windows().rev();
        pairs
            .find(|[cell, _]| cell.column != NO_COLUMN)
            .map(|[cell, next]| (*cell, next.start))
    }

    /// Says the same when so much of the beginning of the text is gone.
    pub(crate) fn forget(&mut self, gone: usize) {
        let before = self.cells.partition_point(|cell| cell.start <= gone);
        // The last of them goes on behind.
        self.cells.drain(..before.saturating_sub(1));
        for cell in &mut self.cells {
            cell.start = cell.start.saturating_sub(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Records;

    #[test]
    fn a_place_is_in_the_value_that_began_last_before_it() {
        let mut records = Records::default();
        for (start, column) in [(2, 0), (5, 1), (5, 2), (9, 0)] {
            records.begin(start, column);
            records.next();
        }
        let column = |records: &Records, place, near| {
            let mut near = near;
            records.at(place, &mut near).map(|cell| cell.column)
        };
        for near in 0..5 {
            assert_eq!(column(&records, 1, near), None);
            assert_eq!(column(&records, 4, near), Some(0));
            assert_eq!(column(&records, 5, near), Some(2));
            assert_eq!(column(&records, 99, near), Some(0));
        }
        records.forget(7);
        assert_eq!(column(&records, 0, 0), Some(2));
        assert_eq!(column(&records, 2, 0), Some(0));
        assert_eq!(records.last().map(|cell| cell.record), Some(3));
    }
}
