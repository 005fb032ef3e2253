//! What was found, in the Static Analysis Results Interchange Format (OASIS SARIF 2.1.0): what code scanners speak.

use std::collections::BTreeMap;

use onshore_api::{FindingsView, SamplesView};
use onshore_classify::{SCANNER_VERSION, kinds};
use onshore_types::Label;
use serde_json::{Value, json};

use super::files::Classified;
use super::json::of_sample;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Tells what is in files: places where those were asked for, numbers else.
pub(super) fn of_files(files: &[Classified]) -> Value {
    let mut results = Vec::new();
    let mut failures = Vec::new();
    for file in files {
        let uri = uri_of_path(&file.path);
        let (findings, judgement) = match &file.findings {
            Ok(found) => found,
            Err(error) => {
                failures.push(json!({
                    "level": "error",
                    "message": { "text": error.to_string() },
                    "locations": [location(&uri, None)],
                }));
                continue;
            }
        };
        let is_placed = |id: &str| findings.found.iter().any(|found| found.detector.id == id);
        let first = results.len();
        for found in &findings.found {
            // A place in a member is none in the file.
            let region = found.member.is_none().then_some((found.start, found.end));
            results.push(result(
                found.detector.id,
                1,
                &location(&uri, region),
                judgement.label,
            ));
        }
        for kind in findings.kinds.iter().filter(|kind| !is_placed(kind.id)) {
            results.push(result(
                kind.id,
                kind.count,
                &location(&uri, None),
                judgement.label,
            ));
        }
        let mut columns: BTreeMap<&str, u64> = BTreeMap::new();
        for column in &findings.columns {
            *columns.entry(column.id).or_default() += 1;
        }
        for (id, count) in columns {
            results.push(result(id, count, &location(&uri, None), judgement.label));
        }
        let examples = findings.samples.iter();
        let examples = examples.map(|of| (of.id.to_owned(), of_sample(findings, of)));
        illustrate(&mut results, first, examples);
        for unread in &findings.unread {
            failures.push(json!({
                "level": "warning",
                "message": { "text": format!("not read: {} ({})", unread.why.word(), unread.count) },
                "locations": [location(&uri, None)],
            }));
        }
    }
    document(&results, &failures)
}

/// Tells what was found in the objects of a bucket.
pub(super) fn of_objects(bucket: &str, objects: &[FindingsView], looks: &[SamplesView]) -> Value {
    let mut results = Vec::new();
    let mut failures = Vec::new();
    for object in objects {
        let uri = format!("s3://{bucket}/{}", encoded(object.key.as_str()));
        let Some(scan) = &object.scan else {
            continue;
        };
        let first = results.len();
        let columns = scan
            .columns
            .iter()
            .map(|found| (&found.kind, found.columns));
        let kinds = scan.kinds.iter().map(|found| (&found.kind, found.count));
        for (kind, count) in kinds.chain(columns) {
            results.push(result(kind, count, &location(&uri, None), object.label));
        }
        let is_of = |look: &&SamplesView| look.version == object.version;
        let shown = looks.iter().filter(is_of).flat_map(|look| &look.samples);
        illustrate(
            &mut results,
            first,
            shown.map(|sample| (sample.kind.clone(), json!(sample))),
        );
        for unread in &scan.unread {
            failures.push(json!({
                "level": "warning",
                "message": { "text": format!("not read: {} ({})", unread.reason, unread.count) },
                "locations": [location(&uri, None)],
            }));
        }
    }
    document(&results, &failures)
}

fn document(results: &[Value], failures: &[Value]) -> Value {
    let rules: Vec<Value> = kinds().map(|id| json!({ "id": id })).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "onshore classify",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "version": SCANNER_VERSION.to_string(),
                "rules": rules,
            } },
            "invocations": [{
                "executionSuccessful": failures.iter().all(|failure| failure["level"] != "error"),
                "toolExecutionNotifications": failures,
            }],
            "results": results,
        }],
    })
}

fn result(kind: &str, count: u64, location: &Value, label: Label) -> Value {
    let level = if label.is_free() { "note" } else { "warning" };
    json!({
        "ruleId": kind,
        "level": level,
        "message": { "text": format!("{kind}: {count}") },
        "occurrenceCount": count,
        "locations": [location],
        "properties": { "class": label },
    })
}

/// Puts masked examples to the first result of their kind, of those from a place on.
fn illustrate(results: &mut [Value], from: usize, examples: impl Iterator<Item = (String, Value)>) {
    let mut by_kind: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (kind, example) in examples {
        by_kind.entry(kind).or_default().push(example);
    }
    for result in results.iter_mut().skip(from) {
        let kind = result["ruleId"].as_str().unwrap_or_default();
        if let Some(examples) = by_kind.remove(kind) {
            result["properties"]["examples"] = Value::Array(examples);
        }
    }
}

fn location(uri: &str, region: Option<(u64, u64)>) -> Value {
    let mut place = json!({ "artifactLocation": { "uri": uri } });
    if let Some((start, end)) = region {
        place["region"] = json!({ "byteOffset": start, "byteLength": end - start });
    }
    json!({ "physicalLocation": place })
}

pub(in crate::commands) fn uri_of_path(path: &std::path::Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let bytes = path.as_os_str().as_bytes();
    percent_encoding::percent_encode(bytes, KEPT).to_string()
}

fn encoded(key: &str) -> String {
    percent_encoding::utf8_percent_encode(key, KEPT).to_string()
}

/// What stands for itself in a path of a URI (RFC 3986).
const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b'/');
