//! All tables together: read as CSV, each cell held against its form, each row against its key, each reference against what it
//! refers to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use serde::Serialize;

use crate::lei::Lei;
use crate::template::{Column, Form, Need, Template, templates};

/// So many faults are told.
const FAULTS_MAX: usize = 1000;
/// So long may a text be.
const TEXT_MAX: usize = 2000;

/// The tables of a register, in the order of the templates; each row has all columns of its template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    tables: Vec<(Template, Vec<Row>)>,
}

/// A row, and where it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    number: usize,
    pub(crate) cells: Vec<String>,
}

/// What is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// In which template; where none is named, in what was handed over.
    pub template: String,
    /// In which row; the first is the one with the codes of the columns.
    pub row: usize,
    /// In which column, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} row {}", self.template, self.row)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl Register {
    /// Reads tables by the names of their files, such as `b_02.01.csv`. A table that is missing has no rows.
    ///
    /// # Errors
    /// The faults of files that are no tables of the register: then nothing else is looked at.
    pub fn read(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let known = templates();
        for name in files.keys() {
            if !known.iter().any(|template| template.file() == *name) {
                let what = "there is no such table: they are named b_01.01.csv to b_99.01.csv";
                faults.push(fault(name, 0, None, what.to_owned()));
            }
        }
        let mut tables = Vec::new();
        for template in known {
            let text = files.get(&template.file()).map_or(&[][..], Vec::as_slice);
            match rows(&template, text) {
                Ok(rows) => tables.push((template, rows)),
                Err(some) => faults.extend(some),
            }
        }
        if faults.is_empty() {
            Ok(Self { tables })
        } else {
            Err(faults)
        }
    }

    /// Returns a register whose tables have no rows.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            tables: templates()
                .into_iter()
                .map(|template| (template, Vec::new()))
                .collect(),
        }
    }

    /// Checks every cell, key and reference, and returns what is wrong, the first thousand of it.
    #[must_use]
    pub fn check(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let values = self.values();
        for (template, rows) in &self.tables {
            let mut keys: HashMap<Vec<&str>, usize> = HashMap::new();
            for row in rows {
                check_cells(template, row, &values, &mut faults);
                let key: Vec<&str> = template
                    .columns
                    .iter()
                    .zip(&row.cells)
                    .filter(|(column, _)| column.need == Need::Key)
                    .map(|(_, cell)| cell.as_str())
                    .collect();
                if key.is_empty() {
                    continue;
                }
                if let Some(first) = keys.insert(key, row.number) {
                    let what = format!("its key is that of row {first}");
                    faults.push(fault(template.code, row.number, None, what));
                }
                if faults.len() >= FAULTS_MAX {
                    faults.truncate(FAULTS_MAX);
                    return faults;
                }
            }
            check_spans(template, rows, &mut faults);
        }
        for needed in ["B_01.01", "B_01.02"] {
            if self.rows(needed).is_empty() {
                let what = "it has no row: the entity itself stands in it".to_owned();
                faults.push(fault(needed, 1, None, what));
            }
        }
        if self.rows("B_01.01").len() > 1 {
            let what = "one entity maintains the register".to_owned();
            faults.push(fault("B_01.01", 3, None, what));
        }
        faults
    }

    /// Returns the identifier of the entity that maintains the register, if it has one.
    #[must_use]
    pub fn entity(&self) -> Option<Lei> {
        self.rows("B_01.01").first()?.cells.first()?.parse().ok()
    }

    /// Returns each table as CSV, by the name of its file: the codes of all columns, and its rows.
    #[must_use]
    pub fn written(&self) -> Vec<(String, Vec<u8>)> {
        let tables = self.tables.iter().map(|(template, rows)| {
            let codes: Vec<&str> = template.columns.iter().map(|column| column.code).collect();
            (template.file(), table(&codes, rows))
        });
        tables.collect()
    }

    /// Returns the templates, each with how many rows it has.
    pub fn counts(&self) -> impl Iterator<Item = (&Template, usize)> {
        self.tables
            .iter()
            .map(|(template, rows)| (template, rows.len()))
    }

    pub(crate) fn table(&self, code: &str) -> Option<(&Template, &[Row])> {
        let mut tables = self.tables.iter();
        let found = tables.find(|(template, _)| template.code == code);
        found.map(|(template, rows)| (template, rows.as_slice()))
    }

    /// Adds a row to a table; columns that are not named are empty.
    pub(crate) fn push(&mut self, code: &str, named: &[(&str, &str)]) {
        let mut tables = self.tables.iter_mut();
        let Some((template, rows)) = tables.find(|(template, _)| template.code == code) else {
            return;
        };
        let mut cells = vec![String::new(); template.columns.len()];
        for (column, value) in named {
            if let Some(cell) = template.place(column).and_then(|at| cells.get_mut(at)) {
                (*value).clone_into(cell);
            }
        }
        // The first row is the one with the codes of the columns.
        let number = rows.len() + 2;
        rows.push(Row { number, cells });
    }

    fn rows(&self, code: &str) -> &[Row] {
        self.table(code).map_or(&[], |(_, rows)| rows)
    }

    /// Returns all values of the columns that others refer to.
    fn values(&self) -> HashMap<(&'static str, &'static str), HashSet<&str>> {
        let mut values: HashMap<_, HashSet<&str>> = HashMap::new();
        let columns = self
            .tables
            .iter()
            .flat_map(|(template, _)| &template.columns);
        for (code, column) in columns.filter_map(|column| column.refers) {
            let found = self
                .tables
                .iter()
                .find(|(template, _)| template.code == code);
            let Some((template, rows)) = found else {
                continue;
            };
            let place = template.place(column);
            let cells = rows.iter().filter_map(|row| row.cells.get(place?));
            values
                .entry((code, column))
                .or_insert_with(|| cells.map(String::as_str).collect());
        }
        values
    }
}

fn rows(template: &Template, text: &[u8]) -> Result<Vec<Row>, Vec<Fault>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = ReaderBuilder::new().flexible(false).from_reader(text);
    let unreadable = |row, error: &csv::Error| {
        let what = match error.kind() {
            csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => format!("it has {len} cells, and the first row {expected_len}"),
            _ => "it does not read as CSV".to_owned(),
        };
        vec![fault(template.code, row, None, what)]
    };
    let head = reader
        .headers()
        .map_err(|error| unreadable(1, &error))?
        .clone();
    let mut places = Vec::new();
    let mut faults = Vec::new();
    for name in &head {
        match template.place(name.trim()) {
            Some(place) if !places.contains(&place) => places.push(place),
            Some(_) => faults.push(fault(
                template.code,
                1,
                Some(name),
                "it is there twice".to_owned(),
            )),
            None => {
                let what = "the template has no such column".to_owned();
                faults.push(fault(template.code, 1, Some(name), what));
            }
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut found = Vec::new();
    let mut record = StringRecord::new();
    for number in 2.. {
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => return Err(unreadable(number, &error)),
        }
        let mut cells = vec![String::new(); template.columns.len()];
        for (place, cell) in places.iter().zip(&record) {
            if let Some(into) = cells.get_mut(*place) {
                cell.trim().clone_into(into);
            }
        }
        found.push(Row { number, cells });
    }
    Ok(found)
}

fn check_cells(
    template: &Template,
    row: &Row,
    values: &HashMap<(&'static str, &'static str), HashSet<&str>>,
    faults: &mut Vec<Fault>,
) {
    for (column, cell) in template.columns.iter().zip(&row.cells) {
        let what = if cell.is_empty() {
            (column.need != Need::May).then(|| "it is needed".to_owned())
        } else {
            wrong(column, cell).or_else(|| {
                let (code, of) = column.refers?;
                let is_there = values
                    .get(&(code, of))
                    .is_some_and(|values| values.contains(cell.as_str()));
                (!is_there).then(|| format!("`{}` is not in {code} {of}", short(cell)))
            })
        };
        if let Some(what) = what {
            faults.push(fault(template.code, row.number, Some(column.code), what));
        }
    }
}

/// Says what of a cell is not of its form.
fn wrong(column: &Column, cell: &str) -> Option<String> {
    let coded = |prefix: &str, len: usize| {
        cell.strip_prefix(prefix).is_some_and(|code| {
            code.len() == len && code.bytes().all(|byte| byte.is_ascii_uppercase())
        })
    };
    let (holds, form) = match column.form {
        Form::Text => (
            cell.len() <= TEXT_MAX && !cell.chars().any(char::is_control),
            "a text of up to 2,000 bytes without control characters",
        ),
        Form::Lei => (
            cell.parse::<Lei>().is_ok(),
            "a LEI: 20 large letters and digits whose check digits hold",
        ),
        Form::Date => (day(cell).is_some(), "a day such as 2025-12-31"),
        Form::Code => (is_code(cell), "a code of a list such as eba_CT:x12"),
        Form::Country => (coded("eba_GA:", 2), "a country such as eba_GA:DE"),
        Form::Currency => (coded("eba_CU:", 3), "money such as eba_CU:EUR"),
        Form::Number => (is_number(cell), "a number such as 12000 or -0.5"),
    };
    (!holds).then(|| format!("`{}` is not {form}", short(cell)))
}

pub(crate) fn day(text: &str) -> Option<jiff::civil::Date> {
    // A parser of civil dates takes times and signed years too.
    let is_shaped = text.len() == 10 && !text.starts_with(['+', '-']);
    text.parse().ok().filter(|_| is_shaped)
}

fn is_code(text: &str) -> bool {
    let code = text
        .strip_prefix("eba_")
        .and_then(|rest| rest.split_once(':'));
    code.is_some_and(|(list, code)| {
        // Some lists have a q before their letters.
        let list = list.strip_prefix('q').unwrap_or(list);
        list.len() == 2
            && list.bytes().all(|byte| byte.is_ascii_uppercase())
            && !code.is_empty()
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 40 && are_digits(whole) && are_digits(part)
}

/// What begins does not end before: of each contract for a service.
fn check_spans(template: &Template, rows: &[Row], faults: &mut Vec<Fault>) {
    if template.code != "B_02.02" {
        return;
    }
    for row in rows {
        let at = |code: &str| {
            let place = template.place(code)?;
            row.cells.get(place).and_then(|cell| day(cell))
        };
        if let (Some(start), Some(end)) = (at("c0070"), at("c0080"))
            && end < start
        {
            let what = "it ends before it begins".to_owned();
            faults.push(fault(template.code, row.number, Some("c0080"), what));
        }
    }
}

fn table(codes: &[&str], rows: &[Row]) -> Vec<u8> {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    // Writing into memory does not fail.
    drop(writer.write_record(codes));
    for row in rows {
        drop(writer.write_record(&row.cells));
    }
    writer.into_inner().unwrap_or_default()
}

fn fault(template: &str, row: usize, column: Option<&str>, what: String) -> Fault {
    Fault {
        template: short(template),
        row,
        column: column.map(short),
        what,
    }
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}
