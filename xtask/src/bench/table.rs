//! What was measured, as a table people read.

use std::fmt;

use super::Shown;

/// One contender's figures under one load.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    pub(super) operations: f64,
    pub(super) bytes: f64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) p99_ms: Option<f64>,
}

impl Measured {
    fn figure(&self, shown: Shown) -> f64 {
        match shown {
            Shown::Rate => self.operations / self.seconds,
            Shown::Throughput => self.bytes / self.seconds / 1e6,
        }
    }

    fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.operations
    }
}

#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<[String; 9]>,
}

impl Table {
    pub(super) fn row(
        &mut self,
        name: &str,
        shown: Shown,
        ours: Measured,
        theirs: Option<Measured>,
    ) {
        let unit = match shown {
            Shown::Rate => "op/s",
            Shown::Throughput => "MB/s",
        };
        let none = || "-".to_owned();
        let latency =
            |measured: &Measured| measured.p99_ms.map_or_else(none, |p99| format!("{p99:.1}"));
        let or_none = |text: Option<String>| text.unwrap_or_else(none);
        self.rows.push([
            name.to_owned(),
            format!("{:.0} {unit}", ours.figure(shown)),
            or_none(theirs.map(|theirs| format!("{:.0} {unit}", theirs.figure(shown)))),
            or_none(
                theirs.map(|theirs| format!("{:.2}", ours.figure(shown) / theirs.figure(shown))),
            ),
            latency(&ours),
            or_none(theirs.as_ref().map(latency)),
            format!("{:.0}", ours.cpu_us()),
            or_none(theirs.map(|theirs| format!("{:.0}", theirs.cpu_us()))),
            or_none(theirs.map(|theirs| {
                format!(
                    "{:.1}",
                    ours.cpu_us() / theirs.cpu_us().max(f64::MIN_POSITIVE)
                )
            })),
        ]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = [
            "load",
            "onshore",
            "nginx",
            "ratio",
            "p99 ms",
            "nginx",
            "CPU µs/op",
            "nginx",
            "ratio",
        ]
        .map(str::to_owned);
        let lines = || std::iter::once(&head).chain(&self.rows);
        let width = |column: usize| {
            lines()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for row in lines() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                if column == 0 {
                    write!(formatter, "{cell:<width$}")?;
                } else {
                    write!(formatter, "  {cell:>width$}")?;
                }
            }
            writeln!(formatter)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Measured, Shown, Table};

    #[test]
    fn figures_are_rates_and_ratios() {
        let measured = |operations, cpu_seconds| Measured {
            operations,
            bytes: 2e6,
            seconds: 2.0,
            cpu_seconds,
            p99_ms: Some(1.5),
        };
        let mut table = Table::default();
        table.row(
            "GET",
            Shown::Rate,
            measured(100.0, 0.01),
            Some(measured(200.0, 0.01)),
        );
        table.row("PUT", Shown::Throughput, measured(100.0, 0.01), None);
        let shown = table.to_string();
        let rows: Vec<Vec<&str>> = shown
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            rows[1],
            [
                "GET", "50", "op/s", "100", "op/s", "0.50", "1.5", "1.5", "100", "50", "2.0"
            ]
        );
        assert_eq!(
            rows[2],
            ["PUT", "1", "MB/s", "-", "-", "1.5", "-", "100", "-", "-"]
        );
    }
}
