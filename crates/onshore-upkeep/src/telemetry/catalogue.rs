//! What telemetry can speak of at all: metrics of the server that are whole numbers, and of their labels those whose values are
//! known beforehand. Names of tenants, buckets, objects, targets and rules of packs are in none of them, so no list, whoever
//! signs it, can have them sent.

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A metric that a list may name.
#[derive(Debug)]
pub struct Metric {
    /// Its name, as Prometheus has it.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: MetricKind,
    /// What is counted.
    pub unit: &'static str,
    /// Labels that a list may name, with every value they can have.
    pub labels: &'static [MetricLabel],
}

/// A label and all of its values.
#[derive(Debug)]
pub struct MetricLabel {
    /// Its name.
    pub name: &'static str,
    /// Its values; a series with another is told under none.
    pub values: &'static [&'static str],
}

impl MetricKind {
    /// Returns the word that stands for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

const STATUS: &[MetricLabel] = &[MetricLabel {
    name: "status",
    values: &[
        "200", "201", "204", "206", "304", "307", "400", "401", "403", "404", "405", "408", "409",
        "411", "412", "413", "415", "416", "429", "500", "501", "503", "507",
    ],
}];
const WITNESS: &[MetricLabel] = &[MetricLabel {
    name: "result",
    values: &["cosigned", "contradicts", "failed"],
}];
const EXAMINED: &[MetricLabel] = &[MetricLabel {
    name: "kind",
    values: &["version", "part"],
}];
const REMOVED: &[MetricLabel] = &[MetricLabel {
    name: "action",
    values: &["expired", "hidden", "marker", "noncurrent", "upload"],
}];

const fn metric(
    name: &'static str,
    kind: MetricKind,
    unit: &'static str,
    labels: &'static [MetricLabel],
) -> Metric {
    Metric {
        name,
        kind,
        unit,
        labels,
    }
}

use MetricKind::{Counter, Gauge};

/// Every metric that a list may name.
pub const CATALOGUE: &[Metric] = &[
    metric("onshore_s3_requests_total", Counter, "requests", STATUS),
    metric("onshore_s3_received_bytes_total", Counter, "bytes", &[]),
    metric("onshore_s3_sent_bytes_total", Counter, "bytes", &[]),
    metric(
        "onshore_control_requests_total",
        Counter,
        "requests",
        STATUS,
    ),
    metric("onshore_exports_total", Counter, "exports", &[]),
    metric("onshore_refusals_total", Counter, "refusals", &[]),
    metric("onshore_migrated_objects_total", Counter, "objects", &[]),
    metric("onshore_ledger_size", Gauge, "leaves", &[]),
    metric("onshore_ledger_witnessed_size", Gauge, "leaves", &[]),
    metric("onshore_witness_answers_total", Counter, "answers", WITNESS),
    metric("onshore_scrub_rounds_total", Counter, "rounds", &[]),
    metric("onshore_scrub_bytes_total", Counter, "bytes", &[]),
    metric("onshore_scrub_examined_total", Counter, "things", EXAMINED),
    metric("onshore_scrub_damaged", Gauge, "things", &[]),
    metric(
        "onshore_lifecycle_removed_total",
        Counter,
        "things",
        REMOVED,
    ),
    metric("onshore_rescan_left", Gauge, "versions", &[]),
];

/// Finds a metric by its name.
pub(super) fn metric_of(name: &str) -> Option<&'static Metric> {
    CATALOGUE.iter().find(|metric| metric.name == name)
}
