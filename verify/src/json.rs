//! What is taken out of JSON, and its one spelling (RFC 8785, integers alone).

use serde_json::Value;

use crate::merkle::Hash;
use crate::note::unhex;
use crate::{Refusal, refuse_if};

pub fn parse(bytes: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(bytes).map_err(|_| "this is not JSON".to_owned())
}

pub fn member<'v>(value: &'v Value, name: &str) -> Result<&'v Value, Refusal> {
    value.get(name).filter(|value| !value.is_null()).ok_or_else(|| format!("`{name}` is missing"))
}

pub fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str, Refusal> {
    member(value, name)?.as_str().ok_or_else(|| format!("`{name}` is not text"))
}

pub fn number(value: &Value, name: &str) -> Result<u64, Refusal> {
    member(value, name)?.as_u64().ok_or_else(|| format!("`{name}` is not a number"))
}

pub fn list<'v>(value: &'v Value, name: &str) -> Result<&'v Vec<Value>, Refusal> {
    member(value, name)?.as_array().ok_or_else(|| format!("`{name}` is not a list"))
}

pub fn hash(value: &Value, name: &str) -> Result<Hash, Refusal> {
    unhex(text(value, name)?).ok_or_else(|| format!("`{name}` is not 64 hexadecimal digits"))
}

pub fn hashes(value: &Value, name: &str) -> Result<Vec<Hash>, Refusal> {
    let hash = |value: &Value| value.as_str().and_then(unhex);
    let hashes: Option<Vec<Hash>> = list(value, name)?.iter().map(hash).collect();
    hashes.ok_or_else(|| format!("`{name}` holds what is no hash"))
}

/// Refuses members that nothing here looks at: whoever reads the document might believe them.
pub fn only(value: &Value, names: &str) -> Result<(), Refusal> {
    let is_known = |name: &String| names.split(' ').any(|known| known == name);
    let is_plain = value.as_object().is_some_and(|members| members.keys().all(is_known));
    refuse_if(!is_plain, "there is a member that is not known here")
}

pub fn canonical(value: &Value) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    write(&mut bytes, value)?;
    Ok(bytes)
}

fn write(bytes: &mut Vec<u8>, value: &Value) -> Result<(), Refusal> {
    match value {
        Value::Array(items) => {
            bytes.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    bytes.push(b',');
                }
                write(bytes, item)?;
            }
            bytes.push(b']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<u16>>());
            bytes.push(b'{');
            for (place, (name, member)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    bytes.push(b',');
                }
                bytes.extend(Value::from(name.as_str()).to_string().bytes());
                bytes.push(b':');
                write(bytes, member)?;
            }
            bytes.push(b'}');
        }
        Value::Number(number) => {
            let whole = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if whole.is_none_or(|whole| whole >= 1 << 53) {
                return Err("a number is not a whole one of at most 53 bits".to_owned());
            }
            bytes.extend(number.to_string().bytes());
        }
        Value::Null | Value::Bool(_) | Value::String(_) => bytes.extend(value.to_string().bytes()),
    }
    Ok(())
}
