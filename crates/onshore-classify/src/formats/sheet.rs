//! Rows of cells as a table: the first row that has several cells is its titles.

use crate::formats::gather::Gather;
use crate::passage::Passage;

/// Rows that may stand before the titles.
const HEADINGS_MAX: usize = 5;
/// How much is kept of a row; a longer one is read as several.
const ROW_MAX_BYTES: usize = 1 << 16;
/// Cells are told apart up to here; what stands behind is read with the last.
const CELLS_MAX: usize = 1024;

/// A table on its way, cell by cell.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    headings: Vec<Vec<String>>,
    passage: Option<Box<Passage>>,
    row: Vec<String>,
    row_bytes: usize,
}

impl Sheet {
    /// Puts a text into a cell of the row, counted from zero.
    pub(crate) fn cell(&mut self, column: usize, text: &str, gather: &mut Gather) {
        if self.row_bytes + text.len() > ROW_MAX_BYTES {
            self.end_row(gather);
        }
        let column = column.min(CELLS_MAX - 1);
        if column >= self.row.len() {
            self.row.resize(column + 1, String::new());
        }
        if let Some(cell) = self.row.get_mut(column) {
            if !cell.is_empty() {
                cell.push(' ');
            }
            cell.push_str(text);
            self.row_bytes += text.len() + 1;
        }
    }

    /// Ends the row.
    pub(crate) fn end_row(&mut self, gather: &mut Gather) {
        self.row_bytes = 0;
        let row = std::mem::take(&mut self.row);
        let filled = row.iter().filter(|cell| !cell.is_empty()).count();
        if let Some(passage) = &mut self.passage {
            if filled > 0 {
                passage.row(row.iter());
            }
            self.row = row;
            self.row.clear();
            return;
        }
        if filled == 0 {
            return;
        }
        let is_first = filled > 1 || self.headings.len() >= HEADINGS_MAX;
        self.headings.push(row);
        if is_first {
            self.begin(gather);
        }
    }

    /// Reads to the end.
    pub(crate) fn finish(mut self, gather: &mut Gather) {
        self.end_row(gather);
        if self.passage.is_none() && !self.headings.is_empty() {
            self.begin(gather);
        }
        if let Some(passage) = self.passage {
            gather.is_format("table");
            gather.take(passage.finish());
        }
    }

    fn begin(&mut self, gather: &mut Gather) {
        let titles = self.headings.last().filter(|row| is_titles(row));
        let titles = titles.map_or(&[][..], Vec::as_slice);
        let mut passage = Passage::of_table(titles, gather.wanted());
        // Titles are read too: a table may have none.
        for row in &self.headings {
            passage.row(row.iter());
        }
        self.headings = Vec::new();
        self.passage = Some(Box::new(passage));
    }
}

/// Whether a row says what stands below it: titles are words.
fn is_titles(row: &[String]) -> bool {
    row.iter().all(|cell| {
        let digits = cell.chars().filter(char::is_ascii_digit).count();
        cell.is_empty() || digits * 2 < cell.chars().count()
    })
}
