//! Masked examples of what was found, as a table.

use onshore_api::{FindingsView, SampleView, SamplesView};
use onshore_classify::Sample;

use crate::output;

/// An example, as a line of the table.
pub(super) struct Shown {
    kind: String,
    mask: String,
    line: Option<u64>,
    row: Option<u64>,
    column: Option<String>,
    bytes: Option<(u64, u64)>,
    place: String,
}

impl Shown {
    pub(super) fn of_file(sample: &Sample, place: String) -> Self {
        let of = &sample.place;
        Self {
            kind: sample.id.to_owned(),
            mask: sample.mask.clone(),
            line: of.line,
            row: of.row,
            column: column(of.column.map(|column| column as u64), of.header.as_deref()),
            bytes: of.span,
            place,
        }
    }

    pub(super) fn of_object(sample: &SampleView, of: &SamplesView) -> Self {
        let place = match sample.member {
            Some(member) => format!("{} (file {member} within)", of.key),
            None => of.key.to_string(),
        };
        Self {
            kind: sample.kind.clone(),
            mask: sample.mask.clone(),
            line: sample.line,
            row: sample.row,
            column: column(sample.column, sample.header.as_deref()),
            bytes: sample.start.zip(sample.end),
            place,
        }
    }

    fn cells(self) -> Vec<String> {
        let number = |number: Option<u64>| number.map_or_else(String::new, |at| at.to_string());
        let bytes = self.bytes.map(|(start, end)| format!("{start}-{end}"));
        vec![
            self.kind,
            self.mask,
            number(self.line),
            number(self.row),
            self.column.unwrap_or_default(),
            bytes.unwrap_or_default(),
            self.place,
        ]
    }
}

fn column(number: Option<u64>, header: Option<&str>) -> Option<String> {
    let number = number?;
    Some(match header {
        Some(header) => format!("{number} ({header})"),
        None => number.to_string(),
    })
}

/// Shows examples, if there are any.
pub(super) fn show(samples: impl Iterator<Item = Shown>) {
    let rows: Vec<_> = samples.map(Shown::cells).collect();
    if rows.is_empty() {
        return;
    }
    output::table(
        &[
            "EXAMPLE OF",
            "MASKED",
            "LINE",
            "ROW",
            "COLUMN",
            "BYTES",
            "IN",
        ],
        &rows,
    );
    output::line("");
}

/// Whether there is something in an object that examples can be shown of.
pub(super) fn may_have(object: &FindingsView) -> bool {
    let scan = object.scan.as_ref();
    scan.is_some_and(|scan| !scan.kinds.is_empty() || !scan.columns.is_empty())
}
