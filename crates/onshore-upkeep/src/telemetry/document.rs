//! What is sent: of the metrics as Prometheus reads them, the whole numbers that rows of the list name, added up over every label
//! that a row does not.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::list::{Row, TelemetryList};

/// Returns what would be sent, as it would be.
#[must_use]
pub(super) fn document(list: &TelemetryList, exposition: &str) -> String {
    let series: Vec<Series<'_>> = exposition.lines().filter_map(series).collect();
    let metrics: Vec<Value> = list
        .rows
        .iter()
        .flat_map(|row| told(row, &series))
        .collect();
    json!({
        "format": "onshore-telemetry/1",
        "list_sha256": list.digest,
        "metrics": metrics,
    })
    .to_string()
}

/// A line of what Prometheus reads.
struct Series<'a> {
    name: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    value: u64,
}

fn told(row: &Row, series: &[Series<'_>]) -> Vec<Value> {
    // By the values of the row's labels, all of which are known beforehand: none of them is copied out of a series.
    let mut sums: BTreeMap<Vec<&'static str>, u64> = BTreeMap::new();
    for one in series.iter().filter(|one| one.name == row.metric.name) {
        let values = row
            .labels
            .iter()
            .map(|label| {
                let (_, found) = one.labels.iter().find(|(name, _)| *name == label.name)?;
                label.values.iter().find(|value| **value == *found).copied()
            })
            .collect::<Option<Vec<_>>>();
        if let Some(values) = values {
            let sum = sums.entry(values).or_default();
            *sum = sum.saturating_add(one.value);
        }
    }
    sums.into_iter()
        .map(|(values, value)| {
            let labels: BTreeMap<&str, &str> = row
                .labels
                .iter()
                .map(|label| label.name)
                .zip(values)
                .collect();
            json!({
                "metric": row.metric.name,
                "type": row.metric.kind.word(),
                "unit": row.metric.unit,
                "labels": labels,
                "value": value,
            })
        })
        .collect()
}

/// Reads a line; none for comments, for what is no whole number, and for labels that are written in a way nothing of the
/// catalogue is.
fn series(line: &str) -> Option<Series<'_>> {
    let (head, value) = line.rsplit_once(' ')?;
    if head.starts_with('#') {
        return None;
    }
    let value = value.parse().ok()?;
    let Some((name, labels)) = head.split_once('{') else {
        return Some(Series {
            name: head,
            labels: Vec::new(),
            value,
        });
    };
    let labels = labels.strip_suffix('}')?;
    let mut found = Vec::new();
    let mut rest = labels;
    while !rest.is_empty() {
        let (name, behind) = rest.split_once("=\"")?;
        let (value, behind) = behind.split_once('"')?;
        if value.contains('\\') {
            return None;
        }
        found.push((name, value));
        rest = behind.strip_prefix(',').unwrap_or(behind);
    }
    Some(Series {
        name,
        labels: found,
        value,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{TelemetryList, document};

    const EXPOSITION: &str = "# TYPE onshore_s3_requests_total counter\n\
        onshore_s3_requests_total{operation=\"GetObject\",status=\"200\"} 3\n\
        onshore_s3_requests_total{operation=\"PutObject\",status=\"200\"} 4\n\
        onshore_s3_requests_total{operation=\"PutObject\",status=\"403\"} 5\n\
        onshore_s3_requests_total{operation=\"Odd\",status=\"Zhang San\"} 6\n\
        onshore_s3_requests_total{operation=\"Odd\",status=\"200\\\" 9\"} 7\n\
        onshore_exports_total 2\n\
        onshore_exports_totals 99\n\
        onshore_ledger_size 12\n\
        onshore_rescan_left 1.5\n\
        onshore_refusals_total{rule=\"of.Zhang-San\"} 8\n\
        onshore_events_waiting{target=\"Zhang San\"} 1\n";

    fn metrics(rows: &[&str]) -> Value {
        let text = format!(
            "onshore-telemetry/v1\nuntil 2027-01-01T00:00:00Z\n{}\n",
            rows.join("\n")
        );
        let list = TelemetryList::parse(&text).expect("a list");
        let sent = document(&list, EXPOSITION);
        assert!(!sent.contains("Zhang"), "{sent}");
        let sent: Value = serde_json::from_str(&sent).expect("JSON");
        sent["metrics"].clone()
    }

    #[test]
    fn what_a_row_names_is_told_and_nothing_else() {
        let exports = json!({ "metric": "onshore_exports_total", "type": "counter", "unit": "exports", "labels": {}, "value": 2 });
        assert_eq!(
            metrics(&["metric onshore_exports_total counter exports"]),
            json!([exports])
        );
        let told = metrics(&["metric onshore_s3_requests_total counter requests status"]);
        let values: Vec<_> = told
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| (&one["labels"]["status"], &one["value"]))
            .collect();
        assert_eq!(
            values,
            [(&json!("200"), &json!(7)), (&json!("403"), &json!(5))]
        );
        let summed = metrics(&["metric onshore_s3_requests_total counter requests"]);
        assert_eq!(
            summed[0]["value"],
            json!(18),
            "labels that are not named are added up"
        );
        assert_eq!(
            metrics(&["metric onshore_refusals_total counter refusals"])[0]["labels"],
            json!({})
        );
        assert_eq!(
            metrics(&["metric onshore_rescan_left gauge versions"]),
            json!([]),
            "whole numbers alone"
        );
    }
}
