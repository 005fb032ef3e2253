//! What is known of each provider of Terraform, out of the tables in `resources/`.

use std::collections::HashMap;

use onshore_types::Jurisdiction;
use serde_json::Value;

use super::members::{
    DEPTH_MAX, elements, is_like_region, is_more, is_said, is_unknown, join, scalar,
    speaks_of_place, texts, walk, within,
};
use super::size::{Compared, compare};
use crate::asset::AssetKind;
use crate::order::FreezeKind;
use crate::{Day, Error};

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
/// A value of a table that stands for none.
const UNNAMED: &str = "-";

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
    place: Vec<&'a str>,
    target: Vec<&'a str>,
    arn: Vec<&'a str>,
    /// Members that say where resources of a type are, instead of `place`.
    at: HashMap<&'a str, Vec<&'a str>>,
    /// Where resources of a type are that name no place.
    otherwise: HashMap<&'a str, &'a str>,
    /// Types, and what in them brings data wherever the provider likes.
    worldwide: Vec<(&'a str, &'a str)>,
    /// Types that have no place of their own: where their parent is, they are.
    parents: HashMap<&'a str, Parent<'a>>,
    /// Types that bring data to where another resource is.
    toward: HashMap<&'a str, Parent<'a>>,
    /// Types, and by which member with which value data goes to the pair of their region as well.
    pairs: Vec<Pairing<'a>>,
    /// Types, and by which member with which value no data of theirs goes there.
    pairless: Vec<Pairing<'a>>,
    /// Since when which region has which pair.
    paired: Vec<(Day, &'a str, &'a str)>,
    /// Types whose data goes to the multi-region nearest to it, unless a member says where.
    nearest: Vec<Nearest<'a>>,
    /// Beginnings of regions, and which multi-region is the nearest to them.
    near: Vec<(&'a str, &'a str)>,
    /// Types, and what in them names something elsewhere to which data goes, without saying where that is.
    brings: Vec<(&'a str, &'a str)>,
    /// Members that say how much there is.
    amount: Vec<&'a str>,
    /// Members that name the size of a machine.
    size: Vec<&'a str>,
    /// Members that say for how long it is paid.
    term: Vec<&'a str>,
    /// Members and values that have something renewed by itself.
    renew: Vec<(&'a str, Vec<&'a str>)>,
    /// Members and parts of values that make a machine one's own.
    own: Vec<(&'a str, Vec<&'a str>)>,
    /// Beginnings of regions, and in which country they are; none where they are in several.
    regions: Vec<(&'a str, Option<Jurisdiction>)>,
    types: HashMap<&'a str, TypeKind>,
    /// Beginnings of types that are all the same.
    beginnings: Vec<(&'a str, TypeKind)>,
    /// What a resource of a type is in the register, where it is an asset of its own.
    pub(super) assets: HashMap<&'a str, AssetKind>,
}

/// By which members a resource names another, of which type.
#[derive(Debug)]
pub(super) struct Parent<'a> {
    pub(super) kind: &'a str,
    pub(super) members: Vec<&'a str>,
}

/// By which member with which value data of a type goes to the pair of its region.
#[derive(Debug)]
struct Pairing<'a> {
    kind: &'a str,
    member: &'a str,
    values: Vec<&'a str>,
}

/// In which block of a type which member says where data goes that else goes to the nearest multi-region.
#[derive(Debug)]
struct Nearest<'a> {
    kind: &'a str,
    /// The block; none where the member is the resource's own.
    block: Option<&'a str>,
    member: &'a str,
    /// What in the block says whether there is any such data at all.
    switch: Option<&'a str>,
}

/// That a member does not say where data goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Silent {
    /// The member is not there, so the provider takes the multi-region nearest to the resource.
    Nearest(String),
    /// What the member says is not known yet.
    Open(String),
}

/// That data goes to the pair of a region as well.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Paired<'a> {
    /// By this member with this value; by what is so where it has none.
    By(&'a str, Option<String>),
    /// By this member, if its value, which is not known yet, says so.
    Open(&'a str),
}

/// What a change makes of what there was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Growth {
    /// There is more of it, by this member.
    Larger(String),
    /// There may be more of it: what this member says does not tell that it is smaller.
    Untold(String),
    /// It is paid for longer or renewed by itself, by this member.
    Renewed(String),
}

impl Pairing<'_> {
    /// Returns what a resource says in the member.
    fn told(&self, resource: &Value) -> Vec<String> {
        let found = within(resource, self.member);
        let mut told: Vec<String> = found.into_iter().map(scalar).collect();
        told.retain(|text| !text.is_empty());
        told
    }

    /// Returns which of the values a resource says in it.
    fn says(&self, resource: &Value) -> Option<String> {
        let is_one = |text: &String| {
            let mut values = self.values.iter();
            values.any(|value| value.eq_ignore_ascii_case(text))
        };
        self.told(resource).into_iter().find(is_one)
    }
}

/// Whether what stands at a path, or something around it, is not known yet.
fn is_open(unknown: &Value, path: &str) -> bool {
    let ends = path.match_indices('.').map(|(end, _)| end);
    let mut around = ends.filter_map(|end| path.get(..end));
    let is = |value: &&Value| matches!(value, Value::Bool(true));
    around.any(|path| within(unknown, path).iter().any(is))
        || within(unknown, path)
            .into_iter()
            .any(|value| is_unknown(Some(value)))
}

impl<'a> Table<'a> {
    /// Returns what a type is: as it is named, else by its longest beginning.
    pub(super) fn kind(&self, kind: &str) -> Option<TypeKind> {
        self.types.get(kind).copied().or_else(|| {
            self.beginnings
                .iter()
                .filter(|(start, _)| kind.starts_with(start))
                .max_by_key(|(start, _)| start.len())
                .map(|(_, is)| *is)
        })
    }

    /// Returns the members that say where a resource of a type is.
    pub(super) fn places(&self, kind: &str) -> &[&'a str] {
        self.at.get(kind).unwrap_or(&self.place)
    }

    /// Whether a type says by members of its own where it is, so that its provider's region says nothing of it.
    pub(super) fn says_itself(&self, kind: &str) -> bool {
        self.at.contains_key(kind)
    }

    /// Returns where a resource of a type is that names no place.
    pub(super) fn otherwise(&self, kind: &str) -> Option<&'a str> {
        self.otherwise.get(kind).copied()
    }

    /// Returns what a resource of a type is a part of.
    pub(super) fn parent(&self, kind: &str) -> Option<&Parent<'a>> {
        self.parents.get(kind)
    }

    /// Returns to what other resource one of a type brings data.
    pub(super) fn toward(&self, kind: &str) -> Option<&Parent<'a>> {
        self.toward.get(kind)
    }

    /// Returns what in a resource brings its data wherever the provider likes.
    pub(super) fn worldwide(&self, kind: &str, resource: &Value) -> Option<&'a str> {
        let is_there = |value: &&Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::Array(all) => !all.is_empty(),
            _ => true,
        };
        let of_kind = self.worldwide.iter().filter(|(one, _)| *one == kind);
        let mut paths = of_kind.map(|(_, path)| *path);
        paths.find(|path| within(resource, path).iter().any(is_there))
    }

    /// Says by what the data of a resource goes to the pair of its region.
    pub(super) fn goes_to_pair(
        &self,
        kind: &str,
        resource: &Value,
        unknown: &Value,
    ) -> Option<Paired<'a>> {
        let pairing = self.pairs.iter().find(|one| one.kind == kind)?;
        let mut pairless = self.pairless.iter().filter(|one| one.kind == kind);
        if pairless.any(|one| one.says(resource).is_some()) {
            return None;
        }
        if is_open(unknown, pairing.member) {
            return Some(Paired::Open(pairing.member));
        }
        if pairing.told(resource).is_empty() {
            let is_default = pairing.values.contains(&UNNAMED);
            return is_default.then_some(Paired::By(pairing.member, None));
        }
        Some(Paired::By(pairing.member, Some(pairing.says(resource)?)))
    }

    /// Returns the member that could say where data of a resource goes and does not.
    pub(super) fn silent(&self, kind: &str, resource: &Value, unknown: &Value) -> Option<Silent> {
        let of_kind = self.nearest.iter().filter(|one| one.kind == kind);
        of_kind
            .filter_map(|one| {
                let path = join(one.block.unwrap_or_default(), one.member);
                let is_open = |value: &Value| is_unknown(Some(value));
                if within(unknown, &path).into_iter().any(is_open) {
                    return Some(Silent::Open(path));
                }
                let blocks = match one.block {
                    Some(block) => elements(within(resource, block)),
                    None => vec![resource],
                };
                let is_on = |block: &Value| {
                    let is_true = |switch| block.get(switch) == Some(&Value::Bool(true));
                    one.switch.is_none_or(is_true)
                };
                let is_silent = |block: &&Value| is_on(block) && !is_said(block.get(one.member));
                blocks
                    .iter()
                    .any(is_silent)
                    .then_some(Silent::Nearest(path))
            })
            .next()
    }

    /// Returns the multi-region nearest to a region.
    pub(super) fn near(&self, region: &str) -> Option<&'a str> {
        let region = plain_region(region);
        let mut near = self.near.iter();
        let found = near.find(|(start, _)| region.starts_with(start))?;
        Some(found.1)
    }

    /// Returns what in a resource names something elsewhere to which its data goes.
    pub(super) fn brings(&self, kind: &str, resource: &Value) -> Option<&'a str> {
        let of_kind = self.brings.iter().filter(|(one, _)| *one == kind);
        let mut paths = of_kind.map(|(_, path)| *path);
        paths.find(|path| {
            within(resource, path)
                .into_iter()
                .any(|one| is_said(Some(one)))
        })
    }

    /// Returns the pair that a region has on a day; before the first of a region that one.
    pub(super) fn pair(&self, region: &str, on: Day) -> Option<&'a str> {
        let region = plain_region(region);
        let of_region = || self.paired.iter().filter(|(_, from, _)| *from == region);
        let newest = of_region()
            .filter(|(since, _, _)| *since <= on)
            .max_by_key(|(since, _, _)| *since);
        let first = || of_region().min_by_key(|(since, _, _)| *since);
        newest.or_else(first).map(|(_, _, pair)| *pair)
    }

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
                        found.push(Growth::Larger(path.clone()));
                    }
                    if self.size.contains(&member)
                        && let Some(after) = value.as_str()
                    {
                        match compare(was.as_str().unwrap_or_default(), after) {
                            Compared::NotLarger => {}
                            Compared::Larger => found.push(Growth::Larger(path.clone())),
                            Compared::Untold => {
                                found.push(Growth::Untold(path.clone()));
                            }
                        }
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
        if let Some(named) = value.strip_prefix("qcs:") {
            return self.country(named.split(':').nth(2)?);
        }
        let region = plain_region(value);
        self.regions
            .iter()
            .filter(|(start, _)| region.starts_with(start))
            .max_by_key(|(start, _)| start.len())
            .and_then(|(_, country)| *country)
    }

    /// Whether a member, so deep, says where else data goes: a place within a block is one of those.
    fn is_target(&self, member: &str, depth: usize) -> bool {
        self.target.contains(&member) || (depth > 0 && self.place.contains(&member))
    }

    /// Finds members that speak of a region, location or zone by their own name or their block's, and name a region that is known:
    /// so those say where data goes that no table has. One that speaks of a source says where it comes from.
    pub(super) fn spoken(&self, value: &Value) -> Vec<(String, String)> {
        let mut found = Vec::new();
        walk(value, &mut |member| {
            if speaks_of_place(member.path) {
                texts(member.value, &mut |text| {
                    if is_like_region(text) && self.country(text).is_some() {
                        found.push((member.path.to_owned(), text.to_owned()));
                    }
                });
            }
            true
        });
        found
    }

    /// Finds the members that say where else data goes, and what they say.
    pub(super) fn targets(&self, value: &Value) -> Vec<(String, String)> {
        let mut found = Vec::new();
        walk(value, &mut |member| {
            let is_target = self.is_target(member.name, member.depth);
            let is_arn = member.depth > 0 && self.arn.contains(&member.name);
            texts(member.value, &mut |text| {
                if is_target || (is_arn && text.starts_with("arn:")) {
                    found.push((member.path.to_owned(), text.to_owned()));
                }
            });
            true
        });
        found
    }

    /// Finds the members that say where else data goes, and whose value is not known yet.
    pub(super) fn open_targets(&self, unknown: &Value) -> Vec<String> {
        let mut found = Vec::new();
        walk(unknown, &mut |member| {
            let is_target = self.target.contains(&member.name)
                || (member.depth > 0 && self.arn.contains(&member.name));
            let is_open = is_target && is_unknown(Some(member.value));
            if is_open {
                found.push(member.path.to_owned());
            }
            !is_open
        });
        found
    }
}

/// Returns a region as tables write it: small, without blanks, and without what Google writes before it.
fn plain_region(region: &str) -> String {
    let region = region.rsplit('/').next().unwrap_or_default();
    let letters = region.chars().filter(|c| !c.is_whitespace());
    let region = letters.collect::<String>().to_ascii_lowercase();
    match region.strip_prefix("regional-") {
        Some(rest) => rest.to_owned(),
        None => region,
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
            Some(word) if word.starts_with('#') => {}
            Some("cloud") => table.cloud = words.next().ok_or_else(fail)?,
            Some("place") => table.place.extend(words),
            Some("target") => table.target.extend(words),
            Some("arn") => table.arn.extend(words),
            Some("at") => {
                let kind = words.next().ok_or_else(fail)?;
                table.at.insert(kind, words.collect());
            }
            Some("otherwise") => {
                let (kind, region) = words.next().zip(words.next()).ok_or_else(fail)?;
                table.otherwise.insert(kind, region);
            }
            Some("worldwide") => {
                let (kind, path) = words.next().zip(words.next()).ok_or_else(fail)?;
                table.worldwide.push((kind, path));
            }
            Some(word @ ("parent" | "toward")) => {
                let (kind, other) = words.next().zip(words.next()).ok_or_else(fail)?;
                let parent = Parent {
                    kind: other,
                    members: words.collect(),
                };
                let links = match word {
                    "parent" => &mut table.parents,
                    _ => &mut table.toward,
                };
                links.insert(kind, parent);
            }
            Some(word @ ("pair" | "pairless")) => {
                let (kind, member) = words.next().zip(words.next()).ok_or_else(fail)?;
                let pairings = match word {
                    "pair" => &mut table.pairs,
                    _ => &mut table.pairless,
                };
                pairings.push(Pairing {
                    kind,
                    member,
                    values: words.collect(),
                });
            }
            Some("paired") => {
                let since = words.next().and_then(|day| day.parse().ok());
                let (from, to) = words.next().zip(words.next()).ok_or_else(fail)?;
                table.paired.push((since.ok_or_else(fail)?, from, to));
            }
            Some("nearest") => {
                let (kind, block) = words.next().zip(words.next()).ok_or_else(fail)?;
                table.nearest.push(Nearest {
                    kind,
                    block: (block != UNNAMED).then_some(block),
                    member: words.next().ok_or_else(fail)?,
                    switch: words.next(),
                });
            }
            Some("near") => {
                let multi = words.next().ok_or_else(fail)?;
                table.near.extend(words.map(|start| (start, multi)));
            }
            Some("brings") => {
                let (kind, path) = words.next().zip(words.next()).ok_or_else(fail)?;
                table.brings.push((kind, path));
            }
            Some("amount") => table.amount.extend(words),
            Some("size") => table.size.extend(words),
            Some("term") => table.term.extend(words),
            Some("renew") => table
                .renew
                .push((words.next().ok_or_else(fail)?, words.collect())),
            Some("own") => table
                .own
                .push((words.next().ok_or_else(fail)?, words.collect())),
            Some("in") => {
                let country = match words.next().ok_or_else(fail)? {
                    UNNAMED => None,
                    country => Some(Jurisdiction::parse(country).map_err(|_| fail())?),
                };
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
                match kind.strip_suffix('*') {
                    Some(start) => table.beginnings.push((start, is)),
                    None => {
                        table.types.insert(kind, is);
                    }
                }
                if let Some(word) = words.next() {
                    table.assets.insert(kind, word.parse().map_err(|_| fail())?);
                }
            }
            None => {}
        }
    }
    Ok(table)
}
