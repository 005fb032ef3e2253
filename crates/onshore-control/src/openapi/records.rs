//! Records of the register in the document: each kind has paths and schemas of its own, made of the types that records are read as.

use onshore_orders::{RecordKind, tables};
use serde_json::{Map, Value, json};

/// The segment of a path that names the kind.
const KIND: &str = "{kind}";
/// What is said of writing records that are not written by hand.
const MADE_BY_ACTS: &str = "Records of this kind are made by acts of their own: whatever is sent is refused, and the answer names the act.";
/// Where tables are taken in.
const TABLES: &str = "/v1/register-tables/{kind}";
/// Answers that have a record in them, and of which kind that is.
pub(super) const VIEWS: &[(&str, RecordKind)] = &[("DepartingView", RecordKind::Departure)];
/// Acts that answer a record, and of which kind that is.
const ACTS: &[(&str, &str, RecordKind)] = &[
    ("post", "/v1/contracts/signing", RecordKind::Contract),
    ("post", "/v1/contracts/{id}/deletion", RecordKind::Contract),
    (
        "post",
        "/v1/orders/{id}/exemptions/approval",
        RecordKind::Order,
    ),
    (
        "post",
        "/v1/handovers/{id}/tranches/{tranche}/signatures",
        RecordKind::Handover,
    ),
    ("post", "/v1/assets/{id}/proof", RecordKind::Asset),
    ("post", "/v1/reviews/{id}/approval", RecordKind::Review),
    (
        "post",
        "/v1/departures/{contract}/acknowledgements",
        RecordKind::Departure,
    ),
    (
        "put",
        "/v1/departures/{contract}/inventory",
        RecordKind::Departure,
    ),
    (
        "put",
        "/v1/departures/{contract}/deletion",
        RecordKind::Departure,
    ),
];

/// Describes records of each kind, and has each path of the register be one for each kind.
pub(super) fn describe(document: &mut Value) {
    describe_kinds(&mut document["components"]["schemas"]);
    let Some(paths) = document["paths"].as_object_mut() else {
        return;
    };
    let several: Vec<String> = paths
        .keys()
        .filter(|path| path.starts_with("/v1/register") && path.contains(KIND))
        .cloned()
        .collect();
    for path in several {
        let item = paths.remove(&path).unwrap_or_default();
        for kind in RecordKind::ALL.iter().copied() {
            if path != TABLES || tables::has_table(kind) {
                paths.insert(path.replace(KIND, kind.word()), of_kind(&path, &item, kind));
            }
        }
    }
    for (method, path, kind) in ACTS {
        if let Some(operation) = paths.get_mut(*path).and_then(|item| item.get_mut(method)) {
            name(operation, *kind);
            if is_bare(operation) {
                take(operation, *kind);
            }
        }
    }
}

/// Adds what records of each kind look like, alone, as revisions, and as what amends one.
fn describe_kinds(schemas: &mut Value) {
    let (view, amendment) = (schemas["RecordView"].take(), schemas["AmendRecord"].take());
    for kind in RecordKind::ALL.iter().copied() {
        for (name, schema) in kind.schemas() {
            schemas[name] = json!(schema);
        }
        let mut revision = view.clone();
        revision["properties"]["kind"] =
            json!({ "type": "string", "description": "What it is.", "enum": [kind.word()] });
        revision["properties"]["record"] = reference(kind.name());
        schemas[revision_of(kind)] = revision;
        let mut amendment = amendment.clone();
        amendment["properties"]["record"] = reference(kind.name());
        schemas[amendment_of(kind)] = amendment;
    }
    for (view, kind) in VIEWS {
        name(&mut schemas[*view], *kind);
    }
    if let Some(schemas) = schemas.as_object_mut() {
        schemas.retain(|_, schema| !schema.is_null());
    }
}

/// Returns what a path takes and answers where it is about one kind.
fn of_kind(path: &str, item: &Value, kind: RecordKind) -> Value {
    let operations = item.as_object().into_iter().flatten();
    let operations = operations.map(|(method, operation)| {
        let mut operation = operation.clone();
        if let Some(parameters) = operation["parameters"].as_array_mut() {
            parameters.retain(|one| one["name"] != "kind");
        }
        if method != "get" && !kind.is_written() {
            operation["description"] = json!(MADE_BY_ACTS);
        }
        name(&mut operation, kind);
        if method == "post" && path != TABLES {
            take(&mut operation, kind);
        }
        (method.clone(), operation)
    });
    Value::Object(operations.collect::<Map<_, _>>())
}

/// Whether an operation takes an object of which nothing is said.
fn is_bare(operation: &Value) -> bool {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    schema["type"] == "object" && schema["properties"].is_null()
}

fn take(operation: &mut Value, kind: RecordKind) {
    operation["requestBody"]["content"]["application/json"]["schema"] = reference(kind.name());
}

/// Names the kind wherever something refers to any record.
fn name(value: &mut Value, kind: RecordKind) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(of)) = members.get_mut("$ref") {
                let named = match of.rsplit('/').next() {
                    Some("RecordView") => Some(revision_of(kind)),
                    Some("AmendRecord") => Some(amendment_of(kind)),
                    _ => None,
                };
                if let Some(named) = named {
                    *of = path_of(&named);
                }
            }
            members.values_mut().for_each(|member| name(member, kind));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| name(item, kind)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": path_of(name) })
}

fn path_of(name: &str) -> String {
    format!("#/components/schemas/{name}")
}

fn revision_of(kind: RecordKind) -> String {
    format!("{}Revision", kind.name())
}

fn amendment_of(kind: RecordKind) -> String {
    format!("Amend{}", kind.name())
}
