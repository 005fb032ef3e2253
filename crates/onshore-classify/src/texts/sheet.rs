//! What readers write on: the text without its escapes, its records, and where all of it is from.

use crate::columns::Columns;
use crate::finder::Finder;
use crate::records::{NO_COLUMN, Records};
use crate::samples::At;

/// A text that is there, and what is known of it.
#[derive(Debug)]
pub(crate) struct Sheet {
    /// The text that is not looked through yet, with some of what was.
    pub(crate) text: Vec<u8>,
    /// The place in the whole text where it begins.
    pub(crate) offset: u64,
    pub(crate) records: Records,
    pub(crate) columns: Columns,
    pub(crate) origins: Origins,
    pub(crate) finder: &'static Finder,
}

impl Sheet {
    pub(crate) fn new(finder: &'static Finder) -> Self {
        Self {
            text: Vec::new(),
            offset: 0,
            records: Records::default(),
            columns: Columns::default(),
            origins: Origins::default(),
            finder,
        }
    }

    /// Lets go of so much of the beginning.
    pub(crate) fn forget(&mut self, gone: usize) {
        self.text.drain(..gone);
        self.offset += gone as u64;
        self.columns.begin = self.offset;
        self.records.forget(gone);
        self.origins.forget(self.offset);
    }
    /// Returns where a place of the text that is there was, before anything was unescaped.
    pub(crate) fn origin(&self, place: usize) -> u64 {
        self.origins.of(self.offset + place as u64)
    }

    /// Begins a value here, and so many bytes further on.
    pub(crate) fn begin(&mut self, further: usize, column: usize) {
        self.records.begin(self.text.len() + further, column);
    }

    /// Ends the value that began last, before the last so many bytes.
    pub(crate) fn end(&mut self, without: usize) {
        let Some(cell) = self.records.last() else {
            return;
        };
        if cell.column != NO_COLUMN && Columns::samples(cell.record) {
            let end = self.text.len().saturating_sub(without);
            let value = self.text.get(cell.start..end).unwrap_or_default();
            let at = At {
                record: cell.record,
                start: self.origins.of(self.offset + cell.start as u64),
                end: self.origins.of(self.offset + end as u64),
            };
            self.columns.sample(cell.column, value, at);
        }
    }

    /// Adds what an escape stands for; what comes then is from that place of the text as it was.
    pub(crate) fn unescaped(&mut self, bytes: &[u8], origin: u64) {
        self.text.extend_from_slice(bytes);
        let place = self.offset + self.text.len() as u64;
        self.origins.0.push((place, origin));
    }

    /// Goes on in lines that belong to no column.
    pub(crate) fn lines(&mut self, bytes: &[u8]) {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.text.extend_from_slice(line);
            if line.ends_with(b"\n") {
                self.records.next();
                self.begin(0, NO_COLUMN);
            }
        }
    }
}

/// Places in a text behind what was unescaped, and those in the text as it was.
#[derive(Debug, Default)]
pub(crate) struct Origins(Vec<(u64, u64)>);

impl Origins {
    /// Returns where something in the text was, before it was unescaped.
    pub(crate) fn of(&self, place: u64) -> u64 {
        let before = self.0.partition_point(|(known, _)| *known <= place);
        match before.checked_sub(1).and_then(|at| self.0.get(at)) {
            Some((known, origin)) => origin + (place - known),
            None => place,
        }
    }

    /// Forgets what is before a place.
    pub(crate) fn forget(&mut self, place: u64) {
        let before = self.0.partition_point(|(known, _)| *known <= place);
        self.0.drain(..before.saturating_sub(1));
    }
}
