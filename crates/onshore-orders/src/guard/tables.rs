//! What is known of each provider of Terraform, out of the tables in `resources/`.

use std::collections::HashMap;

use onshore_types::Jurisdiction;
use serde_json::Value;

use crate::Error;
use crate::order::FreezeKind;
use crate::records::AssetKind;

const TABLES: &[(&str, &str)] = &[
    ("alicloud", include_str!("../resources/alicloud.txt")),
    ("aws", include_str!("../resources/aws.txt")),
    ("azurerm", include_str!("../resources/azurerm.txt")),
    ("google", include_str!("../resources/google.txt")),
    ("huaweicloud", include_str!("../resources/huaweicloud.txt")),
    (
        "tencentcloud",
        include_str!("../resources/tencentcloud.txt"),
    ),
];
/// So deep are members of a resource looked through.
pub(super) const DEPTH_MAX: usize = 32;

/// What a resource type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TypeKind {
    Data,
    Replica,
    Hardware(FreezeKind),
    Contract,
    Neutral,
}

/// What is known of one provider of Terraform.
#[derive(Debug, Default)]
pub(super) struct Table<'a> {
    pub(super) cloud: &'a str,
    pub(super) place: Vec<&'a str>,
    target: Vec<&'a str>,
    arn: Vec<&'a str>,
    /// Members that say how much there is.
    amount: Vec<&'a str>,
    /// Members that say for how long it is paid.
    term: Vec<&'a str>,
    /// Members and values that have something renewed by itself.
    renew: Vec<(&'a str, Vec<&'a str>)>,
    /// Members and parts of values that make a machine one's own.
    own: Vec<(&'a str, Vec<&'a str>)>,
    regions: Vec<(&'a str, Jurisdiction)>,
    pub(super) types: HashMap<&'a str, TypeKind>,
    /// What a resource of a type is in the register, where it is an asset of its own.
    pub(super) assets: HashMap<&'a str, AssetKind>,
}

/// What a change makes of what there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Growth {
    /// There is more of it, by this member.
    More(String),
    /// It is paid for longer or renewed by itself, by this member.
    Renewed(String),
}

impl Table<'_> {
    /// Returns what freezes a resource of that kind, where it is hardware of one's own.
    pub(super) fn hardware(&self, kind: TypeKind, resource: &Value) -> Option<FreezeKind> {
        if let TypeKind::Hardware(what) = kind {
            return Some(what);
        }
        let is_own = self.own.iter().any(|(member, parts)| {
            let value = resource.get(*member).and_then(Value::as_str);
            value.is_some_and(|value| parts.iter().any(|part| value.contains(part)))
        });
        is_own.then_some(FreezeKind::Server)
    }

    /// Finds what a change makes more, longer or renewed.
    pub(super) fn growth(&self, before: &Value, after: &Value) -> Vec<Growth> {
        let mut found = Vec::new();
        self.grown(before, after, "", 0, &mut found);
        found
    }

    fn grown(
        &self,
        before: &Value,
        after: &Value,
        path: &str,
        depth: usize,
        found: &mut Vec<Growth>,
    ) {
        if depth > DEPTH_MAX {
            return;
        }
        match after {
            Value::Object(members) => {
                for (name, value) in members {
                    let was = before.get(name).unwrap_or(&Value::Null);
                    let path = join(path, name);
                    let member = name.as_str();
                    if self.amount.contains(&member) && is_more(was, value) {
                        found.push(Growth::More(path.clone()));
                    }
                    let is_longer = self.term.contains(&member) && is_more(was, value);
                    if is_longer || self.renews(member, was, value) {
                        found.push(Growth::Renewed(path.clone()));
                    }
                    self.grown(was, value, &path, depth + 1, found);
                }
            }
            Value::Array(all) => {
                for (place, one) in all.iter().enumerate() {
                    let was = before.get(place).unwrap_or(&Value::Null);
                    self.grown(was, one, path, depth + 1, found);
                }
            }
            _ => {}
        }
    }

    fn renews(&self, member: &str, before: &Value, after: &Value) -> bool {
        let says = |value: &Value| {
            let text = scalar(value);
            self.renew
                .iter()
                .filter(|(name, _)| *name == member)
                .any(|(_, values)| values.iter().any(|one| text.eq_ignore_ascii_case(one)))
        };
        says(after) && !says(before)
    }

    /// Returns where a region, a zone, or what an ARN names is.
    pub(super) fn country(&self, value: &str) -> Option<Jurisdiction> {
        if let Some(arn) = value.strip_prefix("arn:") {
            let mut parts = arn.split(':');
            let partition = parts.next()?;
            let region = parts.nth(1)?;
            // An S3 bucket's ARN has no region: all of the partition in China is there, of others it is not known.
            return match (partition, region) {
                ("aws-cn", "") => self.country("cn-"),
                (_, region) => self.country(region),
            };
        }
        let region: String = value
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect::<String>()
            .to_ascii_lowercase();
        self.regions
            .iter()
            .filter(|(start, _)| region.starts_with(start))
            .max_by_key(|(start, _)| start.len())
            .map(|(_, country)| *country)
    }

    /// Whether a member, so deep, says where else data goes: a place within a block is one of those.
    fn is_target(&self, member: &str, depth: usize) -> bool {
        self.target.contains(&member) || (depth > 0 && self.place.contains(&member))
    }

    pub(super) fn targets(
        &self,
        value: &Value,
        path: &str,
        depth: usize,
        found: &mut Vec<(String, String)>,
    ) {
        if depth > DEPTH_MAX {
            return;
        }
        match value {
            Value::Object(members) => {
                for (member, value) in members {
                    let path = join(path, member);
                    let is_target = self.is_target(member, depth);
                    let is_arn = depth > 0 && self.arn.contains(&member.as_str());
                    texts(value, &mut |text| {
                        if is_target || (is_arn && text.starts_with("arn:")) {
                            found.push((path.clone(), text.to_owned()));
                        }
                    });
                    self.targets(value, &path, depth + 1, found);
                }
            }
            Value::Array(all) => {
                for one in all {
                    self.targets(one, path, depth + 1, found);
                }
            }
            _ => {}
        }
    }

    pub(super) fn open_targets(
        &self,
        value: &Value,
        path: &str,
        depth: usize,
        found: &mut Vec<String>,
    ) {
        if depth > DEPTH_MAX {
            return;
        }
        match value {
            Value::Object(members) => {
                for (member, value) in members {
                    let path = join(path, member);
                    let is_target = self.target.contains(&member.as_str())
                        || (depth > 0 && self.arn.contains(&member.as_str()));
                    if is_target && is_unknown(Some(value)) {
                        found.push(path);
                    } else {
                        self.open_targets(value, &path, depth + 1, found);
                    }
                }
            }
            Value::Array(all) => {
                for one in all {
                    self.open_targets(one, path, depth + 1, found);
                }
            }
            _ => {}
        }
    }
}

/// Whether a member says a larger number than it did; one that said nothing said none.
fn is_more(before: &Value, after: &Value) -> bool {
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

fn scalar(value: &Value) -> String {
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

fn texts(value: &Value, each: &mut impl FnMut(&str)) {
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

/// Reads the tables.
pub(super) fn tables() -> Result<HashMap<&'static str, Table<'static>>, Error> {
    TABLES
        .iter()
        .map(|(name, text)| Ok((*name, table(name, text)?)))
        .collect()
}

fn table<'a>(name: &str, text: &'a str) -> Result<Table<'a>, Error> {
    let mut table = Table::default();
    for line in text.lines() {
        let fail = || Error::contradiction(format!("the table of {name} does not read: {line}"));
        let mut words = line.split_whitespace();
        match words.next() {
            Some("cloud") => table.cloud = words.next().ok_or_else(fail)?,
            Some("place") => table.place.extend(words),
            Some("target") => table.target.extend(words),
            Some("arn") => table.arn.extend(words),
            Some("amount") => table.amount.extend(words),
            Some("term") => table.term.extend(words),
            Some("renew") => table
                .renew
                .push((words.next().ok_or_else(fail)?, words.collect())),
            Some("own") => table
                .own
                .push((words.next().ok_or_else(fail)?, words.collect())),
            Some("in") => {
                let country = words.next().ok_or_else(fail)?;
                let country = Jurisdiction::parse(country).map_err(|_| fail())?;
                table.regions.extend(words.map(|start| (start, country)));
            }
            Some(kind) => {
                let is = match words.next() {
                    Some("data") => TypeKind::Data,
                    Some("replica") => TypeKind::Replica,
                    Some("datacentre") => TypeKind::Hardware(FreezeKind::Datacentre),
                    Some("server") => TypeKind::Hardware(FreezeKind::Server),
                    Some("storage") => TypeKind::Hardware(FreezeKind::Storage),
                    Some("contract") => TypeKind::Contract,
                    Some("neutral") => TypeKind::Neutral,
                    _ => return Err(fail()),
                };
                table.types.insert(kind, is);
                if let Some(word) = words.next() {
                    table.assets.insert(kind, word.parse().map_err(|_| fail())?);
                }
            }
            None => {}
        }
    }
    Ok(table)
}
