//! Tables in text: lines of values with a delimiter between them. Their headers say what a column holds, and a column says
//! of its values what none of them says alone.
//!
//! Quotes are those of RFC 4180. A value that goes over several lines counts as several rows.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use crate::detector::{ColumnDetector, Subject};
use crate::detectors::COLUMNS;

/// What may stand between values.
const DELIMITERS: &[u8] = b",\t;|";
/// Lines that must have as many values as the first.
const ALIKE_MIN: usize = 2;
/// Lines that are compared with the first.
const COMPARED: usize = 20;
/// Rows of which the values are looked at.
const SAMPLED_MAX: u64 = 10_000;
/// More columns are not told apart.
const COLUMNS_MAX: usize = 1024;
/// How long a title is told at most.
const TITLE_MAX: usize = 64;
/// Of a hundred values so many must be of a kind, where the header says that they are, and where nothing says so.
const SHARE_NAMED: u64 = 50;
const SHARE_UNNAMED: u64 = 90;
/// Without a word in the header so many values must differ: few values that come again are no names.
const DISTINCT_MIN: usize = 10;

/// What is in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFinding {
    /// Which column, counted from one.
    pub column: usize,
    /// What stands at its head, if the table has a header.
    pub header: Option<String>,
    /// Of what kind its values are.
    pub id: &'static str,
    /// What people call that.
    pub title: &'static str,
    /// Whom it tells of.
    pub subject: Subject,
    /// How many of a hundred of those that were looked at.
    pub share_percent: u64,
    /// How many were looked at: of the first rows, those that are not empty.
    pub sampled: u64,
    /// In which member, if in one that has a name: its place in the names of members.
    pub member: Option<usize>,
}

/// A table on its way.
#[derive(Debug)]
pub(crate) struct Table {
    delimiter: u8,
    /// Empty where there is no header.
    titles: Vec<String>,
    columns: Vec<Column>,
    rows: u64,
    /// The end of what was read, which may go on.
    line: Vec<u8>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Column {
    sampled: u64,
    held: Vec<u64>,
    distinct: HashSet<u64>,
}

impl Table {
    /// Looks whether a text begins as a table does. Its first line is a header if a word in it is known to be of one and
    /// nothing in it looks like a value.
    pub(crate) fn sniff(text: &[u8], is_known: impl Fn(&str) -> bool) -> Option<Self> {
        let lines: Vec<&[u8]> = text
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty())
            .take(COMPARED)
            .collect();
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
            let count = values(first, **delimiter).count();
            let alike = whole
                .iter()
                .filter(|line| values(line, **delimiter).count() == count)
                .count();
            (2..=COLUMNS_MAX).contains(&count)
                && alike >= ALIKE_MIN
                && alike * 10 >= whole.len() * 9
        })?;
        let titles: Vec<String> = values(first, delimiter).map(title).collect();
        let is_value = |title: &String| {
            let digits = title.chars().filter(char::is_ascii_digit).count();
            title.is_empty()
                || title.contains('@')
                || digits * 2 >= title.chars().count()
                || COLUMNS.iter().any(|detector| (detector.holds)(title))
        };
        let is_known = |title: &String| {
            is_known(title) || COLUMNS.iter().any(|detector| says(title, detector))
        };
        let is_header = titles.iter().any(is_known) && !titles.iter().any(is_value);
        let columns = values(first, delimiter)
            .map(|_| Column {
                held: vec![0; COLUMNS.len()],
                ..Column::default()
            })
            .collect();
        Some(Self {
            delimiter,
            titles: if is_header { titles } else { Vec::new() },
            columns,
            rows: 0,
            line: Vec::new(),
            hasher: RandomState::new(),
        })
    }

    /// Returns the titles, in the order of their columns; none where there is no header.
    pub(crate) fn titles(&self) -> &[String] {
        &self.titles
    }

    /// Returns the column of a place in a line, counted from zero, and what of its value stands before it, for the part of
    /// the line before it.
    pub(crate) fn column_behind<'a>(&self, before: &'a [u8]) -> (usize, &'a [u8]) {
        values(before, self.delimiter)
            .enumerate()
            .last()
            .unwrap_or_default()
    }

    /// Looks at the values of the first rows.
    pub(crate) fn read(&mut self, mut text: &[u8]) {
        while self.rows < SAMPLED_MAX
            && let Some(end) = text.iter().position(|byte| *byte == b'\n')
        {
            let (now, later) = text.split_at(end + 1);
            let mut line = std::mem::take(&mut self.line);
            line.extend_from_slice(now);
            self.row(&line);
            line.clear();
            self.line = line;
            text = later;
        }
        if self.rows < SAMPLED_MAX && self.line.len() < TITLE_MAX * COLUMNS_MAX {
            self.line.extend_from_slice(text);
        }
    }

    /// Says what the columns hold.
    pub(crate) fn finish(mut self) -> Vec<ColumnFinding> {
        let line = std::mem::take(&mut self.line);
        self.row(&line);
        let mut found = Vec::new();
        for (place, column) in self.columns.iter().enumerate() {
            let title = self.titles.get(place);
            for (detector, held) in COLUMNS.iter().zip(&column.held) {
                let share_percent = (held * 100).checked_div(column.sampled).unwrap_or_default();
                let is_named = title.is_some_and(|title| says(title, detector));
                let is_varied = column.distinct.len() >= DISTINCT_MIN
                    && column.distinct.len() as u64 * 2 > column.sampled;
                if (is_named && share_percent >= SHARE_NAMED)
                    || (is_varied && share_percent >= SHARE_UNNAMED)
                {
                    found.push(ColumnFinding {
                        column: place + 1,
                        header: title.cloned(),
                        id: detector.id,
                        title: detector.title,
                        subject: detector.subject,
                        share_percent,
                        sampled: column.sampled,
                        member: None,
                    });
                }
            }
        }
        found
    }

    fn row(&mut self, line: &[u8]) {
        self.rows += 1;
        if (self.rows == 1 && !self.titles.is_empty()) || self.rows > SAMPLED_MAX {
            return;
        }
        for (value, column) in values(line, self.delimiter).zip(&mut self.columns) {
            let value = unquoted(value);
            let Ok(value) = str::from_utf8(value) else {
                continue;
            };
            if value.is_empty() {
                continue;
            }
            column.sampled += 1;
            for (detector, held) in COLUMNS.iter().zip(&mut column.held) {
                *held += u64::from((detector.holds)(value));
            }
            column.distinct.insert(self.hasher.hash_one(value));
        }
    }
}

fn says(title: &str, detector: &ColumnDetector) -> bool {
    let title = title.to_ascii_lowercase();
    detector.header.iter().any(|word| title.contains(word))
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
        .trim_ascii()
}

fn title(value: &[u8]) -> String {
    String::from_utf8_lossy(unquoted(value))
        .trim_start_matches('\u{FEFF}')
        .chars()
        .take(TITLE_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Table;

    fn columns(text: &str) -> Vec<(usize, &'static str)> {
        let Some(mut table) = Table::sniff(text.as_bytes(), |title| title == "编号") else {
            return Vec::new();
        };
        text.as_bytes()
            .chunks(7)
            .for_each(|piece| table.read(piece));
        table
            .finish()
            .iter()
            .map(|found| (found.column, found.id))
            .collect()
    }

    #[test]
    fn columns_are_told_by_their_title_or_by_themselves() {
        let named = "编号,姓名,地址\n1,张伟,北京市朝阳区建国路88号\n2,王芳,\"上海市,浦东新区世纪大道\"\n3,李静,不详\n";
        assert_eq!(columns(named), [(2, "cn.name"), (3, "cn.address")]);
        let given = "伟芳娜敏静丽强磊军洋勇艳杰娟涛";
        let bare: String = given
            .chars()
            .map(|letter| format!("{};王{letter}\n", letter as u32))
            .collect();
        assert_eq!(columns(&bare), [(2, "cn.name")]);
        // Few values that come again, and values of which few look like names.
        let colours: String = (0..40)
            .map(|at| format!("{at},{}\n", ["白色", "金色", "黄河"][at % 3]))
            .collect();
        assert_eq!(columns(&format!("号,颜色\n{colours}")), []);
        assert_eq!(columns("no table at all\n, but a comma\n"), []);
    }
}
