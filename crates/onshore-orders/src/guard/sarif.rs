//! What is wrong with a plan, as SARIF 2.1.0: the form that code scanners read.

use serde_json::{Value, json};

use super::{Judged, Weight};
use crate::Language;

/// What each rule asks.
const RULES: &[(&str, &str, &str)] = &[
    (
        "order.prohibited",
        "An order prohibits the provider at which a resource would be made.",
        "命令禁用将要新建资源的服务商。",
    ),
    (
        "order.frozen",
        "An order freezes what would be procured or renewed.",
        "命令冻结将要采购或续期的内容。",
    ),
    (
        "order.changed",
        "Something at a prohibited provider would be changed, which leaving may need.",
        "将变更被禁用服务商处的资源，迁出可能需要如此。",
    ),
    (
        "residency.place",
        "Data would be kept outside of where it must stay.",
        "数据将存放在其须留之地以外。",
    ),
    (
        "residency.target",
        "Data would be replicated or backed up outside of where it must stay.",
        "数据将复制或备份到其须留之地以外。",
    ),
    (
        "unknown.type",
        "Nothing is known of the resource type.",
        "不认识该资源类型。",
    ),
    (
        "unknown.provider",
        "Nothing is known of the provider.",
        "不认识该服务商。",
    ),
    (
        "unknown.place",
        "Data is kept where another resource is, and the plan does not tell where that is.",
        "数据位于另一资源所在之处，计划未说明该地点。",
    ),
    (
        "unknown.target",
        "A replication does not say in which region it ends.",
        "复制未说明终点所在区域。",
    ),
    (
        "unknown.plan",
        "The plan does not hold all that would be done.",
        "计划不含全部将要执行的变更。",
    ),
];

/// Returns findings as SARIF 2.1.0; the plan is named by a URI, and the tool by its version; what rules ask is
/// told in the language of the findings.
#[must_use]
pub fn sarif(judged: &Judged, uri: &str, version: &str, language: Language) -> Value {
    let rules: Vec<Value> = RULES
        .iter()
        .map(|(id, en, zh)| {
            let text = match language {
                Language::En => en,
                Language::Zh => zh,
            };
            json!({ "id": id, "shortDescription": { "text": text } })
        })
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
