//! What was measured, as a table people read.

use std::fmt;

use super::Shown;
use super::contender::{Contender, Durability};

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
    pub(super) fn figure(&self, shown: Shown) -> f64 {
        match shown {
            Shown::Rate => self.operations / self.seconds,
            Shown::Throughput => self.bytes / self.seconds / 1e6,
        }
    }

    pub(super) fn cpu_us(&self) -> f64 {
        self.cpu_seconds * 1e6 / self.operations
    }
}

/// What every server came to under every load.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    load: String,
    shown: Shown,
    server: &'static str,
    durability: Durability,
    measured: Option<Measured>,
}

impl Table {
    /// Notes what a server came to; nothing where it failed.
    pub(super) fn row(
        &mut self,
        load: &str,
        shown: Shown,
        contender: &Contender,
        measured: Option<Measured>,
    ) {
        self.rows.push(Row {
            load: load.to_owned(),
            shown,
            server: contender.name(),
            durability: contender.durability(),
            measured,
        });
    }

    /// Returns the lines: load by load, the first server of each being the one the others are compared with.
    fn lines(&self) -> Vec<[String; 7]> {
        let mut loads: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !loads.contains(&row.load.as_str()) {
                loads.push(&row.load);
            }
        }
        let mut lines = Vec::new();
        for load in loads {
            let of_load = || self.rows.iter().filter(|row| row.load == load);
            let first = of_load().next().and_then(|row| row.measured);
            for (number, row) in of_load().enumerate() {
                let name = if number == 0 { load } else { "" };
                lines.push(row.line(name, first.filter(|_| number > 0)));
            }
        }
        lines
    }
}

impl Row {
    fn line(&self, load: &str, ours: Option<Measured>) -> [String; 7] {
        let none = || "-".to_owned();
        let unit = match self.shown {
            Shown::Rate => "op/s",
            Shown::Throughput => "MB/s",
        };
        let server = match self.durability {
            Durability::Synced => format!("{} (synced)", self.server),
            Durability::NotSynced => self.server.to_owned(),
        };
        let Some(measured) = self.measured else {
            return [
                load.to_owned(),
                server,
                "failed".to_owned(),
                none(),
                none(),
                none(),
                none(),
            ];
        };
        let faster = ours.map(|ours| ours.figure(self.shown) / measured.figure(self.shown));
        let leaner = ours.map(|ours| measured.cpu_us() / ours.cpu_us().max(f64::MIN_POSITIVE));
        let times = |ratio: Option<f64>| ratio.map_or_else(none, |ratio| format!("{ratio:.2}"));
        [
            load.to_owned(),
            server,
            format!("{:.0} {unit}", measured.figure(self.shown)),
            times(faster),
            measured.p99_ms.map_or_else(none, |p99| format!("{p99:.1}")),
            format!("{:.0}", measured.cpu_us()),
            times(leaner),
        ]
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = [
            "load",
            "server",
            "figure",
            "onshore is × it",
            "p99 ms",
            "CPU µs/op",
            "× onshore's CPU",
        ]
        .map(str::to_owned);
        let lines = self.lines();
        let all = || std::iter::once(&head).chain(&lines);
        let width = |column: usize| {
            all()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        for row in all() {
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                match column {
                    0 => write!(formatter, "{cell:<width$}")?,
                    1 => write!(formatter, "  {cell:<width$}")?,
                    _ => write!(formatter, "  {cell:>width$}")?,
                }
            }
            writeln!(formatter)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Durability, Measured, Row, Shown, Table};

    #[test]
    fn figures_are_rates_and_ratios_to_the_first_server() {
        let row = |server, shown, measured| Row {
            load: "GET".to_owned(),
            shown,
            server,
            durability: Durability::NotSynced,
            measured,
        };
        let measured = |operations, cpu_seconds| {
            Some(Measured {
                operations,
                bytes: 2e6,
                seconds: 2.0,
                cpu_seconds,
                p99_ms: Some(1.5),
            })
        };
        let table = Table {
            rows: vec![
                row("ours", Shown::Rate, measured(100.0, 0.01)),
                row("theirs", Shown::Rate, measured(200.0, 0.01)),
                row("other", Shown::Rate, None),
            ],
        };
        let lines = table.lines();
        let words: Vec<Vec<&str>> = lines
            .iter()
            .map(|line| line.iter().map(String::as_str).collect())
            .collect();
        assert_eq!(words[0], ["GET", "ours", "50 op/s", "-", "1.5", "100", "-"]);
        assert_eq!(
            words[1],
            ["", "theirs", "100 op/s", "0.50", "1.5", "50", "0.50"]
        );
        assert_eq!(words[2], ["", "other", "failed", "-", "-", "-", "-"]);
        assert!(table.to_string().starts_with("load"));
    }
}
