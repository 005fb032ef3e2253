//! Tables in text: lines of values with a delimiter between them, and perhaps a header that says what the columns hold.
//!
//! Quotes are those of RFC 4180. A quote that nothing closes within reach is a letter like others.

use memchr::{memchr, memchr_iter};

use crate::block::{BLOCK_BYTES, all_of, each};
use crate::columns::{COLUMNS_MAX, Columns, named_by};
use crate::detector::Without;
use crate::detectors::COLUMNS;
use crate::records::Records;
use crate::samples::At;
use crate::text::{REACH_BYTES, lines_of};

/// What may stand between values.
const DELIMITERS: &[u8] = b",\t;|";
/// Lines that must have as many values as the first.
const ALIKE_MIN: usize = 2;
/// Lines that are compared with the first.
const COMPARED: usize = 20;

/// A table on its way.
#[derive(Debug)]
pub(crate) struct Table {
    delimiter: u8,
    /// The column that is on its way.
    column: usize,
    /// Where the value begins that is on its way.
    start: usize,
    /// What stands before this is in quotes.
    quoted: usize,
    /// Nothing closes a quote before this.
    unclosed: usize,
    /// The values of this row are looked at.
    is_sampled: bool,
}

impl Table {
    /// Looks whether a text begins as a table does, and returns it with its titles, of which there are none without a header.
    /// Its first line is a header if a word in it is known to be of one and nothing in it looks like a value.
    pub(crate) fn sniff(
        text: &[u8],
        is_known: impl Fn(&str) -> bool,
    ) -> Option<(Self, Vec<String>)> {
        // Values may go over several lines; where quotes are letters like others, no line is like another that way.
        let quoted =
            memchr(b'"', text).and_then(|_| Self::of_lines(&lines(values(text, b'\n')), &is_known));
        quoted.or_else(|| Self::of_lines(&lines(lines_of(text)), &is_known))
    }

    fn of_lines(lines: &[&[u8]], is_known: impl Fn(&str) -> bool) -> Option<(Self, Vec<String>)> {
        let first = lines.first()?;
        // The last line may be cut.
        let whole = lines.get(
            1..lines
                .len()
                .saturating_sub(1)
                .max(ALIKE_MIN + 1)
                .min(lines.len()),
        )?;
        let delimiter = *DELIMITERS.iter().find(|delimiter| {
            let count = count_values(first, **delimiter);
            if !(2..=COLUMNS_MAX).contains(&count) {
                return false;
            }
            let alike = whole
                .iter()
                .filter(|line| count_values(line, **delimiter) == count)
                .count();
            alike >= ALIKE_MIN && alike * 10 >= whole.len() * 9
        })?;
        let titles: Vec<String> = values(first, delimiter).map(title).collect();
        let is_value = |title: &String| {
            let digits = title.chars().filter(char::is_ascii_digit).count();
            title.is_empty() || title.contains('@') || digits * 2 >= title.chars().count()
        };
        let is_known = |title: &String| is_known(title) || !named_by(title).is_empty();
        // Some words look like names.
        let holds = |title: &String| {
            COLUMNS
                .iter()
                .any(|detector| detector.without == Without::Enough && (detector.holds)(title))
        };
        let held = titles
            .iter()
            .filter(|title| holds(title) && !is_known(title))
            .count();
        let has_header = held < titles.iter().filter(|title| is_known(title)).count()
            && !titles.iter().any(is_value);
        let table = Self {
            delimiter,
            column: 0,
            start: 0,
            quoted: 0,
            unclosed: 0,
            is_sampled: !has_header,
        };
        Some((table, if has_header { titles } else { Vec::new() }))
    }

    /// Says where values begin between two places of a text, and looks at some of them.
    pub(crate) fn read(
        &mut self,
        text: &[u8],
        from: usize,
        until: usize,
        records: &mut Records,
        columns: &mut Columns,
    ) {
        if records.last().is_none() {
            records.begin(from, columns.numbered(0));
        }
        let delimiter = self.delimiter;
        let is_parting = |byte: u8| byte == delimiter || byte == b'\n' || byte == b'"';
        let (blocks, rest) = text
            .get(from..until)
            .unwrap_or_default()
            .as_chunks::<BLOCK_BYTES>();
        let mut last = [0; BLOCK_BYTES];
        for (to, byte) in last.iter_mut().zip(rest) {
            *to = *byte;
        }
        for (at, block) in blocks.iter().chain([&last]).enumerate() {
            let begin = from + at * BLOCK_BYTES;
            each(all_of(block, is_parting), |place| {
                self.part(text, begin + place, records, columns);
            });
        }
    }

    /// Reads what may part values.
    fn part(&mut self, text: &[u8], at: usize, records: &mut Records, columns: &mut Columns) {
        if at < self.quoted {
            return;
        }
        match text.get(at) {
            Some(b'"') => return self.quote(text, at),
            Some(b'\n') => {
                self.value(text, at, records.record(), columns);
                self.column = 0;
                records.next();
                self.is_sampled = Columns::samples(records.record());
            }
            _ => {
                self.value(text, at, records.record(), columns);
                self.column += 1;
            }
        }
        self.start = at + 1;
        records.begin(self.start, columns.numbered(self.column));
    }

    /// Reads to the end of the text.
    pub(crate) fn finish(&mut self, text: &[u8], record: u64, columns: &mut Columns) {
        self.value(text, text.len(), record, columns);
    }

    /// Says the same when so much of the beginning of the text is gone.
    pub(crate) fn forget(&mut self, gone: usize) {
        self.start = self.start.saturating_sub(gone);
        self.quoted = self.quoted.saturating_sub(gone);
        self.unclosed = self.unclosed.saturating_sub(gone);
    }

    fn value(&self, text: &[u8], end: usize, record: u64, columns: &mut Columns) {
        if self.is_sampled {
            let value = text.get(self.start..end).unwrap_or_default();
            let at = At {
                record,
                start: columns.begin + self.start as u64,
                end: columns.begin + end as u64,
            };
            columns.sample(self.column, unquoted(value), at);
        }
    }

    /// Looks for what closes a quote that a value begins with.
    fn quote(&mut self, text: &[u8], at: usize) {
        let before = text.get(self.start..at).unwrap_or_default();
        if !before.iter().all(|byte| *byte == b' ') {
            return;
        }
        let reach = text.len().min(at + REACH_BYTES);
        let mut next = self.unclosed.max(at + 1);
        while let Some(rest) = text.get(next..reach)
            && let Some(found) = rest.iter().position(|byte| *byte == b'"')
        {
            let close = next + found;
            match text.get(close + 1) {
                Some(b'"') => next = close + 2,
                Some(b'\n' | b'\r' | b' ') | None => {
                    self.quoted = close + 1;
                    return;
                }
                Some(byte) if *byte == self.delimiter => {
                    self.quoted = close + 1;
                    return;
                }
                Some(_) => next = close + 1,
            }
        }
        self.unclosed = self.unclosed.max(reach.min(next.max(at + 1)));
    }
}

/// Returns the first lines that are not empty.
fn lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<&'a [u8]> {
    lines
        .filter(|line| !line.trim_ascii().is_empty())
        .take(COMPARED)
        .collect()
}

/// Returns how many values a line has.
fn count_values(line: &[u8], delimiter: u8) -> usize {
    match memchr(b'"', line) {
        Some(_) => values(line, delimiter).count(),
        None => memchr_iter(delimiter, line).count() + 1,
    }
}

/// Returns the values of a line, quotes and all.
fn values(line: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    let mut is_quoted = false;
    line.split(move |byte| {
        is_quoted ^= *byte == b'"';
        *byte == delimiter && !is_quoted
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    let value = value.trim_ascii();
    value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""))
        .unwrap_or(value)
}

fn title(value: &[u8]) -> String {
    let value = value.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(value);
    String::from_utf8_lossy(unquoted(value).trim_ascii()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::Table;
    use crate::columns::Columns;
    use crate::records::Records;

    /// The columns and records that places are in, and how many titles there are.
    fn places(text: &str, of: &[&str]) -> (usize, Vec<(usize, u64)>) {
        let (mut table, titles) =
            Table::sniff(text.as_bytes(), |title| title == "编号").expect("a table");
        let (mut records, mut columns) = (Records::default(), Columns::default());
        let middle = text.len() / 2;
        for (from, until) in [(0, middle), (middle, text.len())] {
            table.read(text.as_bytes(), from, until, &mut records, &mut columns);
        }
        let place = |word: &&str| {
            let at = text.find(word).expect("it is there");
            let cell = records.at(at, &mut 0).expect("a value");
            (cell.column, cell.record)
        };
        (titles.len(), of.iter().map(place).collect())
    }

    #[test]
    fn values_stand_in_columns() {
        let text = "编号,名\n1,a b\n2,\"c, \"\"d\"\"\n e\"\n\"f\",\"g\"\n";
        let of = ["a b", "d", "e", "f", "g"];
        let found = [(1, 1), (1, 2), (1, 2), (0, 3), (1, 3)];
        assert_eq!(places(text, &of), (2, found.to_vec()));
    }

    #[test]
    fn a_quote_that_is_not_closed_is_a_letter() {
        let like = "0;x\n".repeat(30);
        let text = format!("1;a\n2;b\n{like}3;\"c\n4;d\n5;e\n");
        let of = ["a", "b", "c", "d", "e"];
        let found = [0, 1, 32, 33, 34].map(|record| (1, record)).to_vec();
        assert_eq!(places(&text, &of), (0, found));
    }

    #[test]
    fn not_all_that_has_commas_is_a_table() {
        assert!(Table::sniff(b"no table at all\n, but a comma\n", |_| true).is_none());
    }
}
