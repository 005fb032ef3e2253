//! Cedar policies in its JSON form. Nothing is pasted into text: what a policy's author wrote stays a value, whatever it is.

use serde_json::{Map, Value, json};

/// Returns an object of these members.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members = members.map(|(name, value)| (name.to_owned(), value));
    Value::Object(Map::from_iter(members))
}

/// Returns an entity as a value.
pub(crate) fn entity(kind: &str, id: &str) -> Value {
    json!({ "Value": { "__entity": { "type": kind, "id": id } } })
}

/// Returns a text.
pub(crate) fn text(value: &str) -> Value {
    json!({ "Value": value })
}

/// Returns a number.
pub(crate) fn long(value: i64) -> Value {
    json!({ "Value": value })
}

/// Returns a truth value.
pub(crate) fn truth(value: bool) -> Value {
    json!({ "Value": value })
}

/// Returns an attribute of the context.
pub(crate) fn attribute(name: &str) -> Value {
    json!({ ".": { "left": { "Var": "context" }, "attr": name } })
}

/// Returns whether the context has an attribute.
pub(crate) fn has(name: &str) -> Value {
    json!({ "has": { "left": { "Var": "context" }, "attr": name } })
}

/// Returns what is asked of two values.
pub(crate) fn both(operator: &str, left: Value, right: Value) -> Value {
    object([(operator, object([("left", left), ("right", right)]))])
}

/// Returns the opposite.
pub(crate) fn not(value: Value) -> Value {
    object([("!", object([("arg", value)]))])
}

/// Returns a set.
pub(crate) fn set(values: Vec<Value>) -> Value {
    object([("Set", Value::Array(values))])
}

/// Whether the principal is one of these, or in them.
pub(crate) fn principal_in(entities: Vec<Value>) -> Value {
    both("in", json!({ "Var": "principal" }), set(entities))
}

/// Whether an attribute lies in a network.
pub(crate) fn in_network(name: &str, network: &str) -> Value {
    json!({ "isInRange": [attribute(name), { "ip": [{ "Value": network }] }] })
}

/// Whether a value is like a pattern of texts and wildcards.
pub(crate) fn like(left: Value, pattern: Vec<Value>) -> Value {
    object([(
        "like",
        object([("left", left), ("pattern", Value::Array(pattern))]),
    )])
}

/// Whether any holds; none of none.
pub(crate) fn any(values: Vec<Value>) -> Value {
    joined("||", values).unwrap_or_else(|| truth(false))
}

/// Whether all hold; all of none.
pub(crate) fn all(values: Vec<Value>) -> Value {
    joined("&&", values).unwrap_or_else(|| truth(true))
}

/// Joins by halves, so that a policy of a thousand values is ten deep.
fn joined(operator: &str, mut values: Vec<Value>) -> Option<Value> {
    match values.len() {
        0 => None,
        1 => values.pop(),
        count => {
            let right = values.split_off(count / 2);
            Some(both(
                operator,
                joined(operator, values)?,
                joined(operator, right)?,
            ))
        }
    }
}
