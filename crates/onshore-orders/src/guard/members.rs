//! Goes through the members of a resource of a plan: paths, lists, what is said and what is not known yet.

use serde_json::Value;

/// So deep are members of a resource looked through.
pub(super) const DEPTH_MAX: usize = 32;

/// A member of a resource, somewhere in it.
pub(super) struct Member<'v> {
    /// Its name, and those of the members around it.
    pub(super) path: &'v str,
    pub(super) name: &'v str,
    /// How many members and lists are around it.
    pub(super) depth: usize,
    pub(super) value: &'v Value,
}

/// Visits the members of a resource, each before those within it, which are left out where the visitor returns false.
pub(super) fn walk(value: &Value, visit: &mut impl FnMut(&Member<'_>) -> bool) {
    walk_within(value, "", 0, visit);
}

fn walk_within(
    value: &Value,
    path: &str,
    depth: usize,
    visit: &mut impl FnMut(&Member<'_>) -> bool,
) {
    if depth > DEPTH_MAX {
        return;
    }
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let path = join(path, name);
                let member = Member {
                    path: &path,
                    name,
                    depth,
                    value,
                };
                if visit(&member) {
                    walk_within(value, &path, depth + 1, visit);
                }
            }
        }
        Value::Array(all) => {
            for one in all {
                walk_within(one, path, depth + 1, visit);
            }
        }
        _ => {}
    }
}

/// Returns what stands at a path of members, in each element of the lists on the way.
pub(super) fn within<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    let mut found = vec![value];
    for member in path.split('.') {
        let step = |value: &'v Value| -> Vec<&'v Value> {
            match value {
                Value::Array(all) => all.iter().filter_map(|one| one.get(member)).collect(),
                _ => value.get(member).into_iter().collect(),
            }
        };
        found = found.into_iter().flat_map(step).collect();
    }
    found
}

/// Returns the elements of what are lists, and the others as they are.
pub(super) fn elements(values: Vec<&Value>) -> Vec<&Value> {
    let mut each = Vec::new();
    for value in values {
        match value {
            Value::Array(all) => each.extend(all),
            one => each.push(one),
        }
    }
    each
}

/// Whether a member says anything.
pub(super) fn is_said(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(all)) => all.iter().any(|one| is_said(Some(one))),
        Some(_) => true,
    }
}

/// Whether the names on a path of members speak of a place, and of none that is a source.
pub(super) fn speaks_of_place(path: &str) -> bool {
    const PLACES: &[&str] = &[
        "region",
        "regions",
        "location",
        "locations",
        "zone",
        "zones",
    ];
    let mut words = path.split(['.', '_']);
    words.any(|word| PLACES.contains(&word)) && !path.split(['.', '_']).any(|word| word == "source")
}

/// Whether a text is written as regions are: words and numbers, with hyphens or blanks between them.
pub(super) fn is_like_region(text: &str) -> bool {
    const LETTERS_MAX: usize = 40;
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == ' ';
    text.len() <= LETTERS_MAX && text.chars().all(is_letter)
}

/// Whether a member says a larger number than it did; one that said nothing said none.
pub(super) fn is_more(before: &Value, after: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match (number(before), number(after)) {
        (Some(before), Some(after)) => after > before,
        (None, Some(after)) => before.is_null() && after > 0.0,
        (_, None) => false,
    }
}

pub(super) fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        _ => String::new(),
    }
}

pub(super) fn join(path: &str, member: &str) -> String {
    if path.is_empty() {
        member.to_owned()
    } else {
        format!("{path}.{member}")
    }
}

pub(super) fn texts(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) if !text.is_empty() => each(text),
        Value::Array(all) => all.iter().for_each(|one| texts(one, each)),
        _ => {}
    }
}

pub(super) fn is_unknown(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(is_unknown)) => *is_unknown,
        Some(Value::Array(all)) => all.iter().any(|one| is_unknown(Some(one))),
        Some(Value::Object(all)) => all.values().any(|one| is_unknown(Some(one))),
        _ => false,
    }
}
