//! The one spelling of a JSON value (RFC 8785), so that equal meaning is equal bytes and equal hashes. Integers only:
//! no two implementations need agree on how to print a fraction.

use serde_json::{Map, Number, Value};

use crate::{Error, Result};

/// The largest integer that every JSON implementation reads exactly.
const INTEGER_MAX: u64 = (1 << 53) - 1;

/// The depth beyond which a value is refused, so that no value can exhaust the stack.
const DEPTH_MAX: usize = 64;

/// Returns the canonical bytes of a value. Fractions and integers beyond 53 bits are refused.
pub fn canonical(value: &Value) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write_value(&mut bytes, value, 0)?;
    Ok(bytes)
}

fn write_value(bytes: &mut Vec<u8>, value: &Value, depth: usize) -> Result<()> {
    if depth > DEPTH_MAX {
        return Err(Error::NestedTooDeep { limit: DEPTH_MAX });
    }
    match value {
        Value::Null => bytes.extend_from_slice(b"null"),
        Value::Bool(true) => bytes.extend_from_slice(b"true"),
        Value::Bool(false) => bytes.extend_from_slice(b"false"),
        Value::Number(number) => write_number(bytes, number)?,
        Value::String(text) => write_string(bytes, text),
        Value::Array(items) => write_array(bytes, items, depth)?,
        Value::Object(members) => write_object(bytes, members, depth)?,
    }
    Ok(())
}

fn write_number(bytes: &mut Vec<u8>, number: &Number) -> Result<()> {
    let magnitude = number
        .as_u64()
        .or_else(|| number.as_i64().map(i64::unsigned_abs))
        .ok_or(Error::NumberNotCanonical)?;
    if magnitude > INTEGER_MAX {
        return Err(Error::NumberNotCanonical);
    }
    bytes.extend_from_slice(number.to_string().as_bytes());
    Ok(())
}

fn write_string(bytes: &mut Vec<u8>, text: &str) {
    // serde_json escapes exactly what RFC 8785 asks for: quote, backslash and control characters, shortest form.
    serde_json::to_writer(bytes, text).expect("a string always serializes into memory");
}

fn write_array(bytes: &mut Vec<u8>, items: &[Value], depth: usize) -> Result<()> {
    bytes.push(b'[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            bytes.push(b',');
        }
        write_value(bytes, item, depth + 1)?;
    }
    bytes.push(b']');
    Ok(())
}

fn write_object(bytes: &mut Vec<u8>, members: &Map<String, Value>, depth: usize) -> Result<()> {
    let mut sorted = members.iter().collect::<Vec<_>>();
    // RFC 8785 sorts by UTF-16 code units, which differs from byte order beyond the basic plane.
    sorted.sort_unstable_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
    bytes.push(b'{');
    for (position, (name, value)) in sorted.into_iter().enumerate() {
        if position > 0 {
            bytes.push(b',');
        }
        write_string(bytes, name);
        bytes.push(b':');
        write_value(bytes, value, depth + 1)?;
    }
    bytes.push(b'}');
    Ok(())
}
