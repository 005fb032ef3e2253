//! Records as CSV. A table is taken whole or not at all: each fault is told with its row and column.

use std::collections::{HashMap, HashSet};
use std::fmt;

use csv::{ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

use crate::Error;
use crate::contract::Contract;
use crate::record::{Record, RecordKind};

/// What is said of other kinds.
const NO_TABLE: &str =
    "there are tables of organisations, contracts and assets; other records are written one by one";

/// So many faults are told.
const FAULTS_MAX: usize = 20;

const ORGANISATION: &[Column] = &[
    Column::text("id"),
    Column::text("name"),
    Column::text("lei"),
    Column::text("kind"),
    Column::text("region"),
    Column::text("sector"),
    Column::number("users"),
    Column::truth("critical_infrastructure"),
    Column::truth("much_sensitive_data"),
    Column::names("tenants"),
    Column::text("owner"),
    Column::number("percent"),
    Column::text("from"),
    Column::text("until"),
];
const CONTRACT: &[Column] = &[
    Column::text("id"),
    Column::text("organisation"),
    Column::text("provider"),
    Column::text("service"),
    Column::text("data_location"),
    Column::text("start"),
    Column::text("signed"),
    Column::text("renewed"),
    Column::text("end"),
    Column::number("notice_days"),
    Column::text("renewal"),
    Column::text("exit_terms"),
    Column::text("found"),
    Column::text(LACKS),
];
const ASSET: &[Column] = &[
    Column::text("id"),
    Column::text("contract"),
    Column::text("kind"),
    Column::text("name"),
    Column::text("owner"),
    Column::text("place"),
    Column::text("class"),
    Column::text("planned"),
    Column::text("moving"),
    Column::text("moved"),
];
/// Columns of a table of organisations that tell of one holding: who has several has several rows.
const HOLDING: [&str; 4] = ["owner", "percent", "from", "until"];
/// The column of a table of contracts that tells of the last renewal.
const RENEWED: &str = "renewed";

/// The column of a table of contracts that tells what each lacks: it is written, and says nothing where it is read.
const LACKS: &str = "lacks";

/// What is wrong with a table, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In which row; the first is the one with the names of columns.
    pub row: u64,
    /// In which column, where it is one.
    pub column: Option<String>,
    /// What is wrong.
    pub what: String,
}

/// A record with the row where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rowed {
    /// The row.
    pub row: u64,
    /// The record.
    pub record: Record,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    name: &'static str,
    form: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Number,
    Truth,
    /// Several words, with blanks between them.
    Names,
}

impl Column {
    const fn text(name: &'static str) -> Self {
        Self {
            name,
            form: Form::Text,
        }
    }

    const fn number(name: &'static str) -> Self {
        Self {
            name,
            form: Form::Number,
        }
    }

    const fn truth(name: &'static str) -> Self {
        Self {
            name,
            form: Form::Truth,
        }
    }

    const fn names(name: &'static str) -> Self {
        Self {
            name,
            form: Form::Names,
        }
    }

    fn value(self, cell: &str) -> Result<Value, String> {
        match self.form {
            Form::Text => Ok(Value::from(cell)),
            Form::Names => Ok(cell.split_whitespace().map(Value::from).collect()),
            Form::Number => match (cell.parse::<u64>(), cell.parse::<f64>()) {
                (Ok(number), _) => Ok(Value::from(number)),
                (_, Ok(number)) if number.is_finite() => Ok(Value::from(number)),
                _ => Err(format!("`{}` is not a number", short(cell))),
            },
            Form::Truth => match cell {
                "yes" | "true" => Ok(Value::Bool(true)),
                "no" | "false" => Ok(Value::Bool(false)),
                _ => Err(format!("`{}` is neither yes nor no", short(cell))),
            },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}", self.row)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

/// Writes records, as they are in JSON, as a table that [`read`] takes: an organisation that several hold has several rows. What acts of
/// their own filed, such as proofs and deletions, has no column.
///
/// # Errors
/// A kind that has no tables; a record that none of the columns can hold is told as it is.
pub fn write(kind: RecordKind, records: &[Value]) -> Result<Vec<u8>, Error> {
    let columns = columns_of(kind).ok_or_else(|| Error::contradiction(NO_TABLE))?;
    let mut table = csv::Writer::from_writer(Vec::new());
    let broken = |_| Error::contradiction("the table cannot be written");
    table
        .write_record(columns.iter().map(|column| column.name))
        .map_err(broken)?;
    for record in records {
        let holdings = record.get("owners").and_then(Value::as_array);
        let lacks = lacks(kind, record);
        let rows = holdings.map_or(1, |holdings| holdings.len().max(1));
        for row in 0..rows {
            let holding = holdings.and_then(|holdings| holdings.get(row));
            let cells = columns.iter().map(|column| {
                let name = column.name;
                let of = match (kind, name) {
                    (_, "id") => record.get(name),
                    (RecordKind::Organisation, name) if HOLDING.contains(&name) => {
                        holding.and_then(|holding| holding.get(name))
                    }
                    (RecordKind::Contract, RENEWED) => record
                        .get("renewals")
                        .and_then(Value::as_array)
                        .and_then(|renewals| renewals.last()?.get("signed")),
                    (RecordKind::Contract, LACKS) => lacks.as_ref(),
                    // Once is enough.
                    (RecordKind::Organisation, _) if row > 0 => None,
                    _ => record.get(name),
                };
                of.map(cell).unwrap_or_default()
            });
            table.write_record(cells).map_err(broken)?;
        }
    }
    table
        .into_inner()
        .map_err(|_| Error::contradiction("the table cannot be written"))
}

/// Returns what a contract lacks, in one cell.
fn lacks(kind: RecordKind, record: &Value) -> Option<Value> {
    if kind != RecordKind::Contract {
        return None;
    }
    let contract: Contract = serde_json::from_value(record.clone()).ok()?;
    Some(Value::from(contract.lacks().join(" ")))
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Array(all) => all.iter().map(cell).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// Whether records of this kind come as tables.
#[must_use]
pub fn has_table(kind: RecordKind) -> bool {
    columns_of(kind).is_some()
}

fn columns_of(kind: RecordKind) -> Option<&'static [Column]> {
    match kind {
        RecordKind::Organisation => Some(ORGANISATION),
        RecordKind::Contract => Some(CONTRACT),
        RecordKind::Asset => Some(ASSET),
        _ => None,
    }
}

/// Reads a table with the names of its columns in the first row. Columns that are not known are a fault, columns that are
/// missing are empty, and an empty cell says nothing.
///
/// # Errors
/// The first faults.
pub fn read(kind: RecordKind, text: &[u8]) -> Result<Vec<Rowed>, Vec<Fault>> {
    let Some(columns) = columns_of(kind) else {
        return Err(vec![fault(1, None, NO_TABLE.to_owned())]);
    };
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut reader = ReaderBuilder::new().flexible(false).from_reader(text);
    let head = reader
        .headers()
        .map_err(|error| vec![unreadable(1, &error)])?
        .clone();
    let mut order = Vec::new();
    let mut faults = Vec::new();
    let mut seen = HashSet::new();
    for name in &head {
        let name = name.trim();
        match columns.iter().find(|column| column.name == name) {
            Some(_) if !seen.insert(name.to_owned()) => {
                faults.push(fault(1, Some(name), "it is there twice".to_owned()));
            }
            Some(column) => order.push(*column),
            None => {
                let known: Vec<&str> = columns.iter().map(|column| column.name).collect();
                let what = format!("there is no such column; there are {}", known.join(", "));
                faults.push(fault(1, Some(name), what));
            }
        }
    }
    if !seen.contains("id") {
        faults.push(fault(1, Some("id"), "it is missing".to_owned()));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut found: Vec<(u64, Map<String, Value>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut row = StringRecord::new();
    let mut number = 1;
    loop {
        number += 1;
        match reader.read_record(&mut row) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => {
                faults.push(unreadable(number, &error));
                break;
            }
        }
        match members(&order, &row, number) {
            Ok(members) => take(kind, members, number, &mut found, &mut places, &mut faults),
            Err(fault) => faults.push(fault),
        }
        if faults.len() >= FAULTS_MAX {
            return Err(faults);
        }
    }
    let mut records = Vec::with_capacity(found.len());
    for (row, members) in found {
        let value = Value::Object(members);
        match Record::read(kind, &value) {
            Ok(record) => records.push(Rowed { row, record }),
            Err(error) => faults.push(blame(columns, &value, row, error.to_string())),
        }
        if faults.len() >= FAULTS_MAX {
            break;
        }
    }
    if faults.is_empty() {
        Ok(records)
    } else {
        Err(faults)
    }
}

/// Takes a row: another holding of an organisation that is there, or another record.
fn take(
    kind: RecordKind,
    mut members: Map<String, Value>,
    row: u64,
    found: &mut Vec<(u64, Map<String, Value>)>,
    places: &mut HashMap<String, usize>,
    faults: &mut Vec<Fault>,
) {
    let id = match members.get("id").and_then(Value::as_str) {
        Some(id) => id.to_owned(),
        None => {
            faults.push(fault(row, Some("id"), "it is empty".to_owned()));
            return;
        }
    };
    let mut holding = Map::new();
    if kind == RecordKind::Organisation {
        for name in HOLDING {
            if let Some(value) = members.remove(name) {
                holding.insert(name.to_owned(), value);
            }
        }
    }
    members.remove(LACKS);
    if let Some(signed) = members.remove(RENEWED) {
        let renewal = Map::from_iter([("signed".to_owned(), signed)]);
        members.insert("renewals".to_owned(), Value::from(vec![renewal]));
    }
    if let Some(missing) = ["owner", "percent", "from"]
        .into_iter()
        .find(|name| !holding.is_empty() && !holding.contains_key(*name))
    {
        faults.push(fault(row, Some(missing), "a holding needs it".to_owned()));
        return;
    }
    match places.get(&id).and_then(|place| found.get_mut(*place)) {
        None => {
            if !holding.is_empty() {
                members.insert("owners".to_owned(), Value::from(vec![holding]));
            }
            places.insert(id, found.len());
            found.push((row, members));
        }
        Some((first, known)) => {
            let is_same = members
                .iter()
                .all(|(name, value)| known.get(name) == Some(value));
            if kind != RecordKind::Organisation || !is_same || holding.is_empty() {
                let what = format!("`{}` is in row {first} already", short(&id));
                faults.push(fault(row, Some("id"), what));
            } else if let Value::Array(owners) = known
                .entry("owners")
                .or_insert_with(|| Value::from(Vec::<Value>::new()))
            {
                owners.push(Value::Object(holding));
            }
        }
    }
}

fn members(order: &[Column], row: &StringRecord, number: u64) -> Result<Map<String, Value>, Fault> {
    order
        .iter()
        .zip(row)
        .map(|(column, cell)| (column, cell.trim()))
        .filter(|(_, cell)| !cell.is_empty())
        .map(|(column, cell)| {
            let value = column
                .value(cell)
                .map_err(|what| fault(number, Some(column.name), what))?;
            Ok((column.name.to_owned(), value))
        })
        .collect()
}

/// Says in which column a record does not hold, where its own words name one.
fn blame(columns: &[Column], record: &Value, row: u64, what: String) -> Fault {
    // What is wrong stands in backquotes: a value, or the name of a member that is missing.
    let says = |text: &str| what.contains(&format!("`{text}`"));
    let named = columns
        .iter()
        .find(|column| {
            let value = record.get(column.name).and_then(Value::as_str);
            value.is_some_and(says)
        })
        .or_else(|| columns.iter().find(|column| says(column.name)))
        .map(|column| column.name);
    fault(row, named, what)
}

fn unreadable(row: u64, error: &csv::Error) -> Fault {
    let row = error
        .position()
        .map_or(row, |position| position.record().saturating_add(1));
    let what = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("it has {len} cells, and the first row {expected_len}"),
        _ => "it does not read as CSV".to_owned(),
    };
    fault(row, None, what)
}

fn fault(row: u64, column: Option<&str>, what: String) -> Fault {
    Fault {
        row,
        column: column.map(short),
        what,
    }
}

fn short(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::{Fault, read, write};
    use crate::record::{Record, RecordKind};

    fn faults(kind: RecordKind, text: &str) -> Vec<String> {
        match read(kind, text.as_bytes()) {
            Ok(_) => Vec::new(),
            Err(faults) => faults.iter().map(Fault::to_string).collect(),
        }
    }

    #[test]
    fn several_rows_are_several_owners() {
        let text = "id,name,critical_infrastructure,owner,percent,from,until\n\
                    port,港口,yes,sasac,50.5,2003-01-01,\n\
                    port,港口,yes,fund,49.5,2003-01-01,2020-01-01\n\
                    fund,Fund,no,,,,\n";
        let records = read(RecordKind::Organisation, text.as_bytes()).expect("it reads");
        let Some(Record::Organisation(port)) = records.first().map(|one| one.record.clone()) else {
            panic!("an organisation");
        };
        assert_eq!((records.len(), port.owners.len()), (2, 2));
        assert!(port.critical_infrastructure);
        assert_eq!(port.owners[0].percent.hundredths(), 5050);
    }

    #[test]
    fn an_organisation_comes_back_from_its_table_as_it_was() {
        let value = serde_json::json!({
            "id": "port", "name": "港口, \"Port\"", "lei": "529900T8BM49AURSDO55", "kind": "state-organ", "region": "CN-TJ",
            "sector": "transport", "users": 7, "critical_infrastructure": true, "much_sensitive_data": true,
            "tenants": ["port", "port-test"],
            "owners": [
                { "owner": "sasac", "percent": 50.5, "from": "2003-01-01", "until": "2020-01-01" },
                { "owner": "fund", "percent": 49.5, "from": "2003-01-01" },
            ],
        });
        let record = Record::read(RecordKind::Organisation, &value).expect("an organisation");
        let told = record.to_value().expect("JSON");
        let table = write(RecordKind::Organisation, &[told]).expect("a table");
        let read = read(RecordKind::Organisation, &table).expect("it reads");
        assert_eq!(
            read.into_iter().map(|one| one.record).collect::<Vec<_>>(),
            [record]
        );
    }

    #[test]
    fn a_fault_has_its_row_and_column() {
        let kind = RecordKind::Contract;
        let head = "id,organisation,provider,service,start,end,notice_days\n";
        let good = "c-1,port,ali,oss,2020-01-01,2021-12-31,30\n";
        assert_eq!(faults(kind, &format!("{head}{good}")), Vec::<String>::new());
        for (row, said) in [
            (
                "c-2,port,ali,oss,2020-01-01,2021-12-31,many",
                "row 3, column notice_days",
            ),
            (",port,ali,oss,2020-01-01,,", "row 3, column id"),
            (
                "c-1,port,ali,oss,2020-01-01,,",
                "row 3, column id: `c-1` is in row 2 already",
            ),
            ("c-2,port,ali,,2020-01-01,,", "row 3, column service"),
            ("c-2,port,ali,oss,2020-02-30,,", "row 3, column start"),
            (
                "c-2,port,ali,oss,2020-01-01,2019-12-31,",
                "row 3, column id: the contract `c-2` ends before",
            ),
            ("c-2,port,ali,oss,2020-01-01", "row 3: it has 5 cells"),
            ("C 2,port,ali,oss,2020-01-01,,", "row 3, column id"),
        ] {
            let told = faults(kind, &format!("{head}{good}{row}\n")).join("\n");
            assert!(told.contains(said), "{row}: {told}");
        }
        assert!(
            faults(kind, "id,colour\n")
                .join("")
                .contains("column colour")
        );
        assert!(faults(kind, "id,id\n").join("").contains("twice"));
        assert!(
            faults(kind, "organisation\n")
                .join("")
                .contains("column id")
        );
        let many = "x,,,,,,\n".repeat(100);
        assert!(faults(kind, &format!("{head}{many}")).len() <= 21);
    }

    #[test]
    fn what_contracts_lack_is_written_and_reads_as_nothing() {
        let kind = RecordKind::Contract;
        let whole = "c-1,port,ali,oss,CN,2020-01-01,30,yearly,a year to leave";
        let text = format!(
            "id,organisation,provider,service,data_location,start,notice_days,renewal,exit_terms\n{whole}\nc-2,port,ali,oss,,2020-01-01,,yearly,\n"
        );
        let values = |text: &[u8]| -> Vec<Value> {
            let rows = read(kind, text).expect("it reads");
            let values = rows.into_iter().map(|one| one.record.to_value());
            values.collect::<Result<_, _>>().expect("it is written")
        };
        let records = values(text.as_bytes());
        let table = write(kind, &records).expect("it is written");
        let rows: Vec<String> = String::from_utf8(table.clone())
            .expect("text")
            .lines()
            .map(str::to_owned)
            .collect();
        assert!(rows[0].ends_with(",found,lacks") && rows[1].ends_with(",,"));
        assert!(rows[2].ends_with(",data_location notice_days exit_terms"));
        assert_eq!(values(&table), records);
    }

    proptest! {
        #[test]
        fn any_bytes_read_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            for kind in [RecordKind::Organisation, RecordKind::Contract, RecordKind::Asset] {
                let mut text = b"id,name,start,owner\n".to_vec();
                text.extend(&bytes);
                drop(read(kind, &text));
                drop(read(kind, &bytes));
            }
        }
    }
}
