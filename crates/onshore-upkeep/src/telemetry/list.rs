//! The list of what may be sent: a text that the operator signs. Each row names a metric of the catalogue as it is there, with
//! type and unit, so that whoever signs sees what he signs.

use onshore_ledger::{Error as LedgerError, Hash, Note, VerifierKey};
use onshore_types::Timestamp;

use super::catalogue::{Metric, MetricLabel, metric_of};

const HEAD: &str = "onshore-telemetry/v1";

/// Why nothing is sent.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryListError {
    /// There is no list to be read.
    #[error("the list of what may be sent cannot be read")]
    Missing(#[source] std::io::Error),
    /// It is not signed by the operator, or was changed since.
    #[error("the list of what may be sent is not one that a key of [telemetry] keys signed")]
    Unsigned(#[source] LedgerError),
    /// A row is none.
    #[error("line {line} of the list of what may be sent is none: {what}")]
    Malformed {
        /// Which line, from one.
        line: usize,
        /// What is wanted.
        what: &'static str,
    },
    /// It has lapsed.
    #[error("the list of what may be sent held until {0}")]
    Lapsed(Timestamp),
}

/// What may be sent.
#[derive(Debug)]
pub struct TelemetryList {
    /// From when on it is no longer.
    pub until: Timestamp,
    /// Each metric, with the labels that go with it.
    pub(super) rows: Vec<Row>,
    /// The SHA-256 of its text.
    pub(super) digest: Hash,
}

/// A metric that may be sent.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) metric: &'static Metric,
    pub(super) labels: Vec<&'static MetricLabel>,
}

impl TelemetryList {
    /// Reads a list that one of the operator's keys signed and that holds now.
    ///
    /// # Errors
    /// [`TelemetryListError`].
    pub fn verify(
        note: &str,
        keys: &[VerifierKey],
        now: Timestamp,
    ) -> Result<Self, TelemetryListError> {
        let note = Note::parse(note).map_err(TelemetryListError::Unsigned)?;
        let text = note.verify(keys).map_err(TelemetryListError::Unsigned)?;
        let list = Self::parse(text)?;
        if list.until <= now {
            return Err(TelemetryListError::Lapsed(list.until));
        }
        Ok(list)
    }

    /// Reads the text of a list, which nobody may have signed.
    ///
    /// # Errors
    /// [`TelemetryListError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, TelemetryListError> {
        let mut lines = text.lines().zip(1..);
        let malformed = |line, what| TelemetryListError::Malformed { line, what };
        if lines.next().map(|(line, _)| line) != Some(HEAD) {
            return Err(malformed(1, "the first line is `onshore-telemetry/v1`"));
        }
        let until = lines
            .next()
            .and_then(|(line, _)| line.strip_prefix("until ")?.parse().ok())
            .ok_or(malformed(2, "the second line is `until` and an instant"))?;
        let mut rows: Vec<Row> = Vec::new();
        for (line, number) in lines {
            let row = row(line).map_err(|what| malformed(number, what))?;
            if rows
                .iter()
                .any(|other| other.metric.name == row.metric.name)
            {
                return Err(malformed(number, "each metric stands in one row"));
            }
            rows.push(row);
        }
        Ok(Self {
            until,
            rows,
            digest: Hash::of(text.as_bytes()),
        })
    }
}

fn row(line: &str) -> Result<Row, &'static str> {
    let words: Vec<&str> = line.split(' ').collect();
    let (name, kind, unit, labels) = match *words.as_slice() {
        ["metric", name, kind, unit] => (name, kind, unit, None),
        ["metric", name, kind, unit, labels] => (name, kind, unit, Some(labels)),
        _ => return Err("a row is `metric NAME TYPE UNIT [LABEL,LABEL]`"),
    };
    let metric = metric_of(name)
        .ok_or("no such metric can be sent; `onshore telemetry catalogue` lists those that can")?;
    if metric.kind.word() != kind || metric.unit != unit {
        return Err("type and unit are those of the catalogue");
    }
    let labels = labels
        .map_or_else(Vec::new, |labels| labels.split(',').collect())
        .into_iter()
        .map(|name| metric.labels.iter().find(|label| label.name == name))
        .collect::<Option<Vec<_>>>()
        .ok_or("the metric has no such label in the catalogue")?;
    let has_twice = labels.iter().enumerate().any(|(at, label)| {
        labels
            .iter()
            .skip(at + 1)
            .any(|other| other.name == label.name)
    });
    if has_twice {
        return Err("a label stands in a row once");
    }
    Ok(Row { metric, labels })
}

#[cfg(test)]
mod tests {
    use onshore_ledger::Signer;
    use onshore_types::Timestamp;

    use super::{TelemetryList, TelemetryListError};

    const TEXT: &str = "onshore-telemetry/v1\nuntil 2027-01-01T00:00:00Z\nmetric onshore_exports_total counter exports\nmetric onshore_s3_requests_total counter requests status\n";

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    #[test]
    fn what_the_operator_signed_holds_until_it_lapses() {
        let signer = Signer::from_seed("operator.example", &[1; 32]).expect("a signer");
        let stranger = Signer::from_seed("operator.example", &[2; 32]).expect("a signer");
        let note = signer.sign(TEXT).expect("a text");
        let verify = |note: &str, key: &Signer, now| {
            TelemetryList::verify(note, &[key.verifier()], at(now)).map(|list| list.rows.len())
        };
        let (before, after) = ("2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z");
        assert!(matches!(verify(&note, &signer, before), Ok(2)));
        assert!(matches!(
            verify(&note, &signer, after),
            Err(TelemetryListError::Lapsed(_))
        ));
        let changed = note.replace("exports_total", "refusals_total");
        for (note, key) in [
            (&note, &stranger),
            (&changed, &signer),
            (&TEXT.to_owned(), &signer),
        ] {
            assert!(matches!(
                verify(note, key, before),
                Err(TelemetryListError::Unsigned(_))
            ));
        }
        assert!(TelemetryList::verify(&note, &[], at(before)).is_err());
    }

    #[test]
    fn nothing_but_the_catalogue_can_be_named() {
        assert!(TelemetryList::parse(TEXT).is_ok());
        for row in [
            "metric onshore_events_total counter events",
            "metric onshore_events_total counter events target",
            "metric onshore_exports_total counter exports tenant",
            "metric onshore_refusals_total counter refusals rule",
            "metric onshore_s3_requests_total counter requests operation",
            "metric onshore_s3_requests_total counter requests status,status",
            "metric onshore_s3_request_duration_seconds histogram seconds",
            "metric onshore_s3_sent_bytes_total gauge bytes",
            "metric onshore_s3_sent_bytes_total counter requests",
            "metric onshore_exports_total counter exports",
            "metric  onshore_s3_sent_bytes_total counter bytes",
            "object secret.txt",
            "",
            "metric * counter requests",
        ] {
            assert!(
                TelemetryList::parse(&format!("{TEXT}{row}\n")).is_err(),
                "{row}"
            );
        }
        for bad in [
            "",
            "onshore-telemetry/v2\n",
            "onshore-telemetry/v1\nuntil never\n",
        ] {
            assert!(TelemetryList::parse(bad).is_err(), "{bad}");
        }
    }
}
