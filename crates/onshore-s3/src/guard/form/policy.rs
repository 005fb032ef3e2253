//! The policy of a form: what its signer lets whoever has the form upload.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onshore_types::Timestamp;
use serde_json::Value;

use crate::fault::{Code, Fault};

/// Fields that need no condition.
const FREE: [&str; 3] = ["x-amz-signature", "policy", "file"];
/// The prefix of fields that are ignored.
const IGNORED_PREFIX: &str = "x-ignore-";

/// A policy that is in force.
#[derive(Debug)]
pub(crate) struct Policy {
    conditions: Vec<Condition>,
}

/// How long the file may be, in bytes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LengthRange {
    pub(crate) min: u64,
    pub(crate) max: u64,
}

impl LengthRange {
    /// As long as an object of one request may be.
    pub(crate) const ANY: Self = Self {
        min: 0,
        max: 5 * 1024 * 1024 * 1024,
    };
}

#[derive(Debug, PartialEq, Eq)]
enum Condition {
    Equals(String, String),
    StartsWith(String, String),
    Length(LengthRange),
}

/// A policy may escape the dollar sign, which JSON knows nothing of. What JSON escapes itself stays as it is.
fn without_escaped_dollars(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, true) => match characters.next() {
                Some('$') => out.push('$'),
                Some(escaped) => out.extend([character, escaped]),
                None => out.push(character),
            },
            (plain, false) => out.push(plain),
        }
    }
    out
}

impl Policy {
    /// Reads a policy and holds its end against the clock.
    pub(crate) fn parse(encoded: &str, now: Timestamp) -> Result<Self, Fault> {
        let bytes: Vec<u8> = encoded
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let document = STANDARD
            .decode(bytes)
            .map_err(|_| invalid("Invalid Policy: Invalid Base64."))?;
        let document = String::from_utf8(document)
            .map(|text| without_escaped_dollars(&text))
            .map_err(|_| invalid("Invalid Policy: Invalid JSON."))?;
        let document: Value = serde_json::from_str(&document)
            .map_err(|_| invalid("Invalid Policy: Invalid JSON."))?;
        let expiration = document
            .get("expiration")
            .and_then(Value::as_str)
            .ok_or_else(|| invalid("Invalid Policy: Policy missing expiration."))?;
        let expiration: Timestamp = Some(expiration)
            .filter(|text| text.contains('T'))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| invalid("Invalid Policy: Invalid 'expiration' value."))?;
        if expiration <= now {
            return Err(denied("Policy expired."));
        }
        let conditions = document
            .get("conditions")
            .and_then(Value::as_array)
            .ok_or_else(|| invalid("Invalid Policy: Policy missing conditions."))?;
        if conditions.is_empty() {
            return Err(invalid("Invalid Policy: Policy has no conditions."));
        }
        let mut read = Vec::new();
        for condition in conditions {
            Condition::read(condition, &mut read)?;
        }
        Ok(Self { conditions: read })
    }

    /// Holds the fields against the conditions: every condition must hold, and every field must be in one.
    pub(crate) fn check(
        &self,
        fields: &BTreeMap<String, String>,
        bucket: &str,
    ) -> Result<(), Fault> {
        let value = |name: &str| match name {
            "bucket" => Some(bucket),
            _ => fields.get(name).map(String::as_str),
        };
        for condition in &self.conditions {
            let holds = match condition {
                Condition::Equals(name, wanted) => value(name) == Some(wanted.as_str()),
                Condition::StartsWith(name, wanted) => value(name).is_some_and(|value| {
                    // A list of types is held to the prefix piece by piece.
                    match name.as_str() {
                        "content-type" => value
                            .split(',')
                            .all(|piece| piece.trim_start().starts_with(wanted.as_str())),
                        _ => value.starts_with(wanted.as_str()),
                    }
                }),
                Condition::Length(_) => true,
            };
            if !holds {
                return Err(denied(&format!(
                    "Policy Condition failed: {}",
                    condition.text()
                )));
            }
        }
        let is_covered = |field: &str| {
            FREE.contains(&field)
                || field.starts_with(IGNORED_PREFIX)
                || self.conditions.iter().any(|condition| match condition {
                    Condition::Equals(name, _) | Condition::StartsWith(name, _) => name == field,
                    Condition::Length(_) => false,
                })
        };
        // The bucket is in the address: a policy that does not name it is for no bucket.
        let given = fields.keys().map(String::as_str).chain(["bucket"]);
        match given.into_iter().find(|field| !is_covered(field)) {
            Some(extra) => Err(denied(&format!("Extra input fields: {extra}"))),
            None => Ok(()),
        }
    }

    /// Returns how long the file may be, where the policy says: every such condition holds.
    pub(crate) fn length(&self) -> Option<LengthRange> {
        self.conditions
            .iter()
            .filter_map(|condition| match condition {
                Condition::Length(range) => Some(*range),
                Condition::Equals(..) | Condition::StartsWith(..) => None,
            })
            .reduce(|a, b| LengthRange {
                min: a.min.max(b.min),
                max: a.max.min(b.max),
            })
    }
}

impl Condition {
    fn read(condition: &Value, read: &mut Vec<Self>) -> Result<(), Fault> {
        let bad = || invalid("Invalid Policy: Invalid condition.");
        match condition {
            Value::Object(fields) => {
                if fields.is_empty() {
                    return Err(bad());
                }
                for (name, wanted) in fields {
                    let wanted = wanted.as_str().ok_or_else(bad)?;
                    read.push(Self::Equals(name.to_ascii_lowercase(), wanted.to_owned()));
                }
                Ok(())
            }
            Value::Array(list) => {
                let [kind, first, second] = list.as_slice() else {
                    return Err(bad());
                };
                let kind = kind.as_str().ok_or_else(bad)?.to_ascii_lowercase();
                if kind == "content-length-range" {
                    let range = LengthRange {
                        min: number(first).ok_or_else(bad)?,
                        max: number(second).ok_or_else(bad)?,
                    };
                    if range.min > range.max {
                        return Err(bad());
                    }
                    read.push(Self::Length(range));
                    return Ok(());
                }
                let name = first.as_str().and_then(|name| name.strip_prefix('$'));
                let name = name.ok_or_else(bad)?.to_ascii_lowercase();
                let wanted = second.as_str().ok_or_else(bad)?.to_owned();
                read.push(match kind.as_str() {
                    "eq" => Self::Equals(name, wanted),
                    "starts-with" => Self::StartsWith(name, wanted),
                    _ => return Err(bad()),
                });
                Ok(())
            }
            _ => Err(bad()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Equals(name, wanted) => format!("[\"eq\", \"${name}\", \"{wanted}\"]"),
            Self::StartsWith(name, wanted) => {
                format!("[\"starts-with\", \"${name}\", \"{wanted}\"]")
            }
            Self::Length(range) => {
                format!("[\"content-length-range\", {}, {}]", range.min, range.max)
            }
        }
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn invalid(message: &'static str) -> Fault {
    Fault::new(Code::InvalidPolicyDocument, message)
}

fn denied(why: &str) -> Fault {
    Fault::new(
        Code::AccessDenied,
        format!("Invalid according to Policy: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use onshore_types::Timestamp;

    use super::{LengthRange, Policy};
    use crate::fault::{Code, Fault};

    fn parse(document: &str) -> Result<Policy, Fault> {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
        Policy::parse(&STANDARD.encode(document), now)
    }

    fn fields(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    const POLICY: &str = r#"{"expiration": "2026-11-22T12:00:01Z", "conditions": [
        {"Bucket": "bkt"}, ["starts-with", "$key", "a/"], ["EQ", "$Content-Type", "text/plain"],
        ["content-length-range", 1, "10"], ["content-length-range", 0, 7]
    ]}"#;

    #[test]
    fn every_condition_holds_and_every_field_is_in_one() {
        let policy = parse(POLICY).expect("a policy");
        let good = [("key", "a/b"), ("content-type", "text/plain")];
        let free = [
            ("policy", "p"),
            ("x-amz-signature", "s"),
            ("x-ignore-me", ""),
        ];
        let all: Vec<_> = good.iter().chain(&free).copied().collect();
        assert!(policy.check(&fields(&all), "bkt").is_ok());
        assert!(policy.check(&fields(&all), "other").is_err());
        for (name, value) in [
            ("key", "b/a"),
            ("content-type", "text/plainer"),
            ("x-amz-meta-more", "1"),
            ("bucket", "bkt2"),
        ] {
            let mut spoiled = fields(&all);
            spoiled.insert(name.to_owned(), value.to_owned());
            let fault = policy.check(&spoiled, "bkt");
            if name == "bucket" {
                assert!(fault.is_ok(), "the field is not what decides");
                continue;
            }
            assert_eq!(fault.expect_err(name).code, Code::AccessDenied);
            spoiled.remove(name);
            if name != "x-amz-meta-more" {
                assert!(policy.check(&spoiled, "bkt").is_err(), "{name} is missing");
            }
        }
        assert_eq!(policy.length(), Some(LengthRange { min: 1, max: 7 }));
    }

    #[test]
    fn policies_that_do_not_read_or_are_over_are_refused() {
        assert_eq!(
            Policy::parse("§", Timestamp::from_millis(0))
                .expect_err("no base64")
                .code,
            Code::InvalidPolicyDocument
        );
        for bad in [
            "{",
            "{}",
            r#"{"expiration": "2026-11-22T12:00:01Z"}"#,
            r#"{"expiration": "2026-11-22T12:00:01Z", "conditions": []}"#,
            r#"{"conditions": [{"a": "b"}]}"#,
            r#"{"expiration": "soon", "conditions": [{"a": "b"}]}"#,
            r#"{"expiration": "2026-11-22T12:00:01Z", "conditions": [["eq", "key", "a"]]}"#,
            r#"{"expiration": "2026-11-22T12:00:01Z", "conditions": [["like", "$key", "a"]]}"#,
            r#"{"expiration": "2026-11-22T12:00:01Z", "conditions": [["content-length-range", -1, 5]]}"#,
            r#"{"expiration": "2026-11-22T12:00:01Z", "conditions": [{"a": 1}]}"#,
        ] {
            let fault = parse(bad).expect_err(bad);
            assert_eq!(fault.code, Code::InvalidPolicyDocument, "{bad}");
        }
        let over = POLICY.replace("12:00:01", "12:00:00");
        assert_eq!(parse(&over).expect_err("over").code, Code::AccessDenied);
    }
}
