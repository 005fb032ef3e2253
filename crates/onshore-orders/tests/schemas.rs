//! What the document says of records is what reads: the same members, the same words, the same that must be there.

use std::collections::BTreeSet;

use onshore_orders::RecordKind;
use serde_json::{Map, Value, json};

/// Signs that a value of a pattern has.
const SAMPLES: &[(&str, &str)] = &[
    ("^[a-z0-9][a-z0-9._-]{0,63}$", "a-1"),
    ("^[+-](0[0-9]|1[0-4]):[0-5][0-9]$", "+08:00"),
    ("^[A-Z]{3}$", "CNY"),
    ("^pri_[0-9a-f]{32}$", "pri_00000000000000000000000000000001"),
];

/// Everything that the document says of a kind of record.
struct Described {
    kind: RecordKind,
    all: Map<String, Value>,
}

impl Described {
    fn new(kind: RecordKind) -> Self {
        let all = kind.schemas().into_iter();
        let all = all.map(|(name, schema)| (name, json!(schema))).collect();
        Self { kind, all }
    }

    fn root(&self) -> &Value {
        &self.all[self.kind.name()]
    }

    /// Follows a reference, and takes the first that is not nothing of several.
    fn meant<'a>(&'a self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema["$ref"].as_str() {
            let name = name.rsplit('/').next().expect("a name");
            return self.meant(
                self.all
                    .get(name)
                    .unwrap_or_else(|| panic!("{name} is described")),
            );
        }
        let several = schema["oneOf"].as_array().into_iter().flatten();
        let mut several = several.filter(|one| one["type"] != "null");
        several.next().map_or(schema, |one| self.meant(one))
    }

    /// Returns a value of a schema: of an object what it needs, or all that it may have.
    fn sample(&self, schema: &Value, is_whole: bool) -> Value {
        let schema = self.meant(schema);
        if let Some(words) = schema["enum"].as_array() {
            return words[0].clone();
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            _ => panic!("a schema without a type: {schema}"),
        };
        match *kinds.iter().find(|kind| **kind != "null").expect("a type") {
            "boolean" => json!(true),
            "integer" | "number" => json!(1),
            "array" => json!([self.sample(&schema["items"], is_whole)]),
            "string" => json!(self.text(schema)),
            "object" => {
                let needed = names(&schema["required"]);
                let members = schema["properties"].as_object().into_iter().flatten();
                let members = members.filter(|(name, _)| is_whole || needed.contains(*name));
                let members =
                    members.map(|(name, member)| (name.clone(), self.sample(member, is_whole)));
                Value::Object(members.collect())
            }
            other => panic!("{other} is no type of records"),
        }
    }

    fn text(&self, schema: &Value) -> &'static str {
        match (schema["format"].as_str(), schema["pattern"].as_str()) {
            (Some("date"), _) => "2021-08-12",
            (Some("date-time"), _) => "2021-08-12T00:00:00Z",
            (_, Some(pattern)) => {
                let mut samples = SAMPLES.iter();
                let found = samples.find(|(known, _)| *known == pattern);
                found.unwrap_or_else(|| panic!("{pattern} has no sample")).1
            }
            _ => "2021-08-12",
        }
    }

    /// Holds an object of a whole record against its schema: what reads is what is described.
    fn hold(&self, whole: &Value, at: &str, schema: &Value) {
        let kind = self.kind;
        let schema = self.meant(schema);
        let here = whole.pointer(at).expect("it is there");
        if let Some(items) = here.as_array() {
            assert_eq!(items.len(), 1);
            return self.hold(whole, &format!("{at}/0"), &schema["items"]);
        }
        if let Some(words) = schema["enum"].as_array() {
            let told = self.told(whole, at, &json!("nothing-of-it"));
            assert_eq!(
                told,
                words.iter().filter_map(Value::as_str).collect(),
                "{kind}{at}"
            );
            for word in words {
                kind.reads(&with(whole, at, word))
                    .unwrap_or_else(|error| panic!("{kind}{at}: {error}"));
            }
            return;
        }
        let Some(properties) = schema["properties"].as_object() else {
            return;
        };
        assert_eq!(schema["additionalProperties"], false, "{kind}{at}");
        assert!(schema["description"].is_string(), "{kind}{at}");
        // What reads says itself which members it has.
        let mut odd = here.clone();
        odd["nothing of it"] = json!(1);
        let told = self.told(whole, at, &odd);
        assert_eq!(
            told,
            properties.keys().map(String::as_str).collect(),
            "{kind}{at}"
        );
        let needed = names(&schema["required"]);
        for (name, member) in properties {
            let several = member["oneOf"].as_array().into_iter().flatten();
            let is_told = several
                .chain([member])
                .any(|one| one["description"].is_string());
            assert!(is_told, "{kind}{at}/{name} is described");
            let mut rest = here.as_object().expect("an object").clone();
            rest.remove(name);
            let reads = kind.reads(&with(whole, at, &Value::Object(rest)));
            assert_eq!(
                reads.is_err(),
                needed.contains(name),
                "{kind}{at}/{name}: {reads:?}"
            );
            self.hold(whole, &format!("{at}/{name}"), member);
        }
    }

    /// Returns the words that reading names where it is given what is none of them.
    fn told(&self, whole: &Value, at: &str, odd: &Value) -> BTreeSet<&'static str> {
        let error = self
            .kind
            .reads(&with(whole, at, odd))
            .expect_err("it does not read")
            .to_string();
        let (_, expected) = error
            .split_once("expected")
            .unwrap_or_else(|| panic!("{error}"));
        let words = expected.split('`').skip(1).step_by(2);
        words.map(|word| &*word.to_owned().leak()).collect()
    }
}

fn names(list: &Value) -> BTreeSet<String> {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(|one| one.as_str().map(str::to_owned))
        .collect()
}

fn with(whole: &Value, at: &str, value: &Value) -> Value {
    let mut changed = whole.clone();
    *changed.pointer_mut(at).expect("it is there") = value.clone();
    changed
}

#[test]
fn what_is_described_is_what_reads() {
    for kind in RecordKind::ALL.iter().copied() {
        let described = Described::new(kind);
        let (least, whole) = (
            described.sample(described.root(), false),
            described.sample(described.root(), true),
        );
        for sample in [&least, &whole] {
            kind.reads(sample)
                .unwrap_or_else(|error| panic!("{kind}: {error}: {sample}"));
        }
        described.hold(&whole, "", described.root());
    }
}

#[test]
fn words_are_described_as_they_read() {
    let described = Described::new(RecordKind::Order);
    let whole = described.sample(described.root(), true);
    for (at, good, bad) in [
        ("/id", "a", "A"),
        ("/id", "0.a_b-c", "-a"),
        ("/offset", "-14:59", "+15:00"),
        ("/effective", "2024-02-29", "2023-02-29"),
        (
            "/deadline/rule",
            "min(expiry + 2 months, 2022-09-30)",
            "soon",
        ),
    ] {
        RecordKind::Order
            .reads(&with(&whole, at, &json!(good)))
            .expect(good);
        RecordKind::Order
            .reads(&with(&whole, at, &json!(bad)))
            .expect_err(bad);
    }
    for (percent, holds) in [
        (0.0, true),
        (100.0, true),
        (50.01, true),
        (100.01, false),
        (-1.0, false),
    ] {
        let read =
            RecordKind::Order.reads(&with(&whole, "/addressees/over_percent", &json!(percent)));
        assert_eq!(read.is_ok(), holds, "{percent}");
    }
}
