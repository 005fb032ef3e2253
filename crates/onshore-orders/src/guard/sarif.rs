//! What is wrong with a plan, as SARIF 2.1.0: the form that code scanners read.

use serde_json::{Value, json};

use super::{Judged, Weight};

/// What each rule asks.
const RULES: &[(&str, &str)] = &[
    (
        "order.prohibited",
        "An order prohibits the provider at which a resource would be made.",
    ),
    (
        "order.frozen",
        "An order freezes what would be procured or renewed.",
    ),
    (
        "order.changed",
        "Something at a prohibited provider would be changed, which leaving may need.",
    ),
    (
        "residency.place",
        "Data would be kept outside of where it must stay.",
    ),
    (
        "residency.target",
        "Data would be replicated or backed up outside of where it must stay.",
    ),
    ("unknown.type", "Nothing is known of the resource type."),
    ("unknown.provider", "Nothing is known of the provider."),
    (
        "unknown.place",
        "Data is kept where another resource is, and the plan does not tell where that is.",
    ),
    (
        "unknown.target",
        "A replication does not say in which region it ends.",
    ),
];

/// Returns findings as SARIF 2.1.0; the plan is named by a URI, and the tool by its version.
#[must_use]
pub fn sarif(judged: &Judged, uri: &str, version: &str) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(id, text)| json!({ "id": id, "shortDescription": { "text": text } }))
        .collect();
    let results: Vec<Value> = judged
        .findings
        .iter()
        .map(|one| {
            json!({
                "ruleId": one.rule,
                "level": match one.weight {
                    Weight::Violation => "error",
                    Weight::Unknown => "warning",
                },
                "message": { "text": format!("{}: {}", one.address, one.message) },
                "locations": [{
                    "physicalLocation": { "artifactLocation": { "uri": uri } },
                    "logicalLocations": [{ "fullyQualifiedName": one.address, "kind": "resource" }],
                }],
            })
        })
        .collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "onshore guard",
                "version": version,
                "rules": rules,
            } },
            "results": results,
        }],
    })
}
