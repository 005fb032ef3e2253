//! Judges a plan of Terraform (`terraform show -json`) before it is carried out: against orders in force, and against the place
//! where data must stay.
//!
//! What a resource type is, which of its members name places, and where regions are, stands in tables, one for each provider
//! (`resources/`). What is in no table is told and never passed in silence; a place that is not known counts as abroad.

use std::collections::HashMap;
use std::fmt;

use onshore_types::{Jurisdiction, Place, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::order::{FreezeKind, Order};
use crate::records::{Id, Provider, ProviderKind};
use crate::{Day, Error};

const TABLES: &[(&str, &str)] = &[
    ("alicloud", include_str!("resources/alicloud.txt")),
    ("aws", include_str!("resources/aws.txt")),
    ("azurerm", include_str!("resources/azurerm.txt")),
    ("google", include_str!("resources/google.txt")),
    ("huaweicloud", include_str!("resources/huaweicloud.txt")),
    ("tencentcloud", include_str!("resources/tencentcloud.txt")),
];
/// So deep are members of a resource looked through.
const DEPTH_MAX: usize = 32;

/// What plans are held against.
#[derive(Debug)]
pub struct Rules<'a> {
    /// Orders that bind whoever carries the plan out.
    pub orders: &'a [Order],
    /// Providers that orders speak of beside those of the tables.
    pub providers: &'a [Provider],
    /// Where data must stay, if it must.
    pub residency: Option<Jurisdiction>,
    /// The day on which it is carried out.
    pub now: Timestamp,
}

/// How a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// The plan must not be carried out.
    Violation,
    /// Somebody must look.
    Unknown,
}

/// What is wrong with a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanFinding {
    /// How it weighs.
    pub weight: Weight,
    /// By which rule: `order.prohibited`, `order.frozen`, `residency.place`, `residency.target`, `unknown.type`,
    /// `unknown.provider`, `unknown.target`.
    pub rule: &'static str,
    /// Of which resource.
    pub address: String,
    /// What is wrong, with clause and source.
    pub message: String,
}

/// What is in a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Judged {
    /// How many resources are made or changed.
    pub judged: usize,
    /// How many stay as they are, are only read, or go.
    pub passed: usize,
    /// What is wrong, in the order of the plan.
    pub findings: Vec<PlanFinding>,
}

/// What a resource type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TypeKind {
    Data,
    Replica,
    Hardware,
    Neutral,
}

/// What is known of one provider of Terraform.
#[derive(Debug, Default)]
struct Table<'a> {
    cloud: &'a str,
    place: Vec<&'a str>,
    target: Vec<&'a str>,
    arn: Vec<&'a str>,
    regions: Vec<(&'a str, Jurisdiction)>,
    types: HashMap<&'a str, TypeKind>,
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    Made,
    Changed,
    Left,
}

impl Judged {
    /// Whether the plan must not be carried out.
    #[must_use]
    pub fn has_violations(&self) -> bool {
        let is_violation = |finding: &PlanFinding| finding.weight == Weight::Violation;
        self.findings.iter().any(is_violation)
    }
}

/// Judges a plan.
///
/// # Errors
/// [`Error::Contradiction`] where it is none.
pub fn judge(plan: &Value, rules: &Rules<'_>) -> Result<Judged, Error> {
    let is_plan = plan
        .get("format_version")
        .and_then(Value::as_str)
        .is_some_and(|version| version.starts_with("1.") || version.starts_with("0."));
    let changes = plan.get("resource_changes").and_then(Value::as_array);
    // A plan that changes nothing has no list of changes, and a state has none either.
    let changes = match (is_plan, changes, plan.get("planned_values")) {
        (true, Some(changes), _) => changes.as_slice(),
        (true, None, Some(_)) => &[],
        _ => {
            return Err(Error::contradiction(
                "it is not a plan: write one with `terraform plan -out FILE` and `terraform show -json FILE`",
            ));
        }
    };
    let tables = tables()?;
    let regions = Configured::read(plan);
    let mut judged = Judged::default();
    for change in changes {
        judge_change(change, &tables, &regions, rules, &mut judged)?;
    }
    Ok(judged)
}

fn judge_change(
    change: &Value,
    tables: &HashMap<&str, Table<'_>>,
    regions: &Configured<'_>,
    rules: &Rules<'_>,
    judged: &mut Judged,
) -> Result<(), Error> {
    let text = |name: &str| change.get(name).and_then(Value::as_str);
    let (Some(address), Some(kind)) = (text("address"), text("type")) else {
        return Err(Error::contradiction(
            "a change of the plan has no address or no type",
        ));
    };
    let deed = deed(change).ok_or_else(|| {
        Error::contradiction(format!("what is done to {address} is not known here"))
    })?;
    if text("mode") == Some("data") || deed == Deed::Left {
        judged.passed += 1;
        return Ok(());
    }
    judged.judged += 1;
    let mut find = |weight, rule, message| {
        judged.findings.push(PlanFinding {
            weight,
            rule,
            address: address.to_owned(),
            message,
        });
    };
    let name = text("provider_name").unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    // google-beta makes what google makes.
    let provider = name.strip_suffix("-beta").unwrap_or(name);
    let table = tables.get(provider);
    if deed == Deed::Made {
        for order in rules.orders {
            if let Some(message) = prohibited(order, provider, table, rules) {
                find(Weight::Violation, "order.prohibited", message);
            }
        }
    }
    let Some(table) = table else {
        let what = format!("nothing is known of the provider `{name}`: somebody must look");
        find(Weight::Unknown, "unknown.provider", what);
        return Ok(());
    };
    let Some(kind_of) = table.types.get(kind) else {
        let what = format!("nothing is known of the type `{kind}`: somebody must look");
        find(Weight::Unknown, "unknown.type", what);
        return Ok(());
    };
    if *kind_of == TypeKind::Hardware && deed == Deed::Made {
        for order in rules.orders {
            if let Some(freeze) =
                in_force(order, rules).and_then(|on| order.freezes(FreezeKind::Server, on))
            {
                let what = format!(
                    "{} is frozen by {}",
                    FreezeKind::Server,
                    order.cite(&freeze.clause)
                );
                find(Weight::Violation, "order.frozen", what);
            }
        }
    }
    let Some(residency) = rules.residency else {
        return Ok(());
    };
    if *kind_of == TypeKind::Neutral {
        return Ok(());
    }
    let after = change.pointer("/change/after").unwrap_or(&Value::Null);
    let unknown = change
        .pointer("/change/after_unknown")
        .unwrap_or(&Value::Null);
    let stays = |country: Option<Jurisdiction>| {
        country.is_some_and(|country| residency.contains(Place::In(country), rules.now))
    };
    let own = table.place.iter().find_map(|member| {
        let value = after.get(*member).and_then(Value::as_str)?;
        Some((*member, value.to_owned()))
    });
    let is_open = table
        .place
        .iter()
        .find(|member| is_unknown(unknown.get(**member)));
    let configured = || {
        let region = regions.of(address, provider)?;
        Some(("the provider's region", region))
    };
    match own.or_else(configured) {
        Some((_, value)) if stays(table.country(&value)) => {}
        Some((member, value)) => {
            let country = told(table.country(&value));
            let what = format!("{member} is `{value}`, {country}; data stays in {residency}");
            find(Weight::Violation, "residency.place", what);
        }
        None => {
            let why = match is_open {
                Some(member) => format!("{member} is not known before the plan is carried out"),
                None => "neither it nor its provider says where it is".to_owned(),
            };
            let what = format!("{why}; data stays in {residency}, so say it in the configuration");
            find(Weight::Violation, "residency.place", what);
        }
    }
    let mut targets = Vec::new();
    table.targets(after, "", 0, &mut targets);
    let mut open = Vec::new();
    table.open_targets(unknown, "", 0, &mut open);
    if *kind_of == TypeKind::Replica && targets.is_empty() && open.is_empty() {
        let what = format!(
            "it brings data somewhere, and nothing in it says in which region; data stays in {residency}: somebody must look"
        );
        find(Weight::Unknown, "unknown.target", what);
    }
    for (member, value) in targets {
        if !stays(table.country(&value)) {
            let country = told(table.country(&value));
            let what = format!("{member} is `{value}`, {country}; data stays in {residency}");
            find(Weight::Violation, "residency.target", what);
        }
    }
    for member in open {
        let what = format!(
            "{member} is not known before the plan is carried out; data stays in {residency}"
        );
        find(Weight::Violation, "residency.target", what);
    }
    Ok(())
}

/// Returns the day that it is for an order, where it is in force.
fn in_force(order: &Order, rules: &Rules<'_>) -> Option<Day> {
    let on = Day::at(rules.now, order.offset);
    let is_withdrawn = order
        .withdrawn
        .as_ref()
        .is_some_and(|withdrawn| withdrawn.from <= on);
    (order.effective <= on && !is_withdrawn).then_some(on)
}

/// Says what an order has against a provider of Terraform.
fn prohibited(
    order: &Order,
    terraform: &str,
    table: Option<&Table<'_>>,
    rules: &Rules<'_>,
) -> Option<String> {
    let on = in_force(order, rules)?;
    let known = rules
        .providers
        .iter()
        .filter(|one| one.terraform.iter().any(|name| name == terraform))
        .find_map(|one| order.prohibits(one, on));
    let of_table = || {
        let cloud = Provider {
            id: table?.cloud.parse::<Id>().ok()?,
            name: String::new(),
            kind: ProviderKind::ThirdPartyCloud,
            terraform: Vec::new(),
        };
        order.prohibits(&cloud, on)
    };
    let found = known.or_else(of_table)?;
    Some(format!(
        "`{terraform}` makes it at a provider that is prohibited since {} by {}",
        found.from,
        order.cite(&found.clause)
    ))
}

fn deed(change: &Value) -> Option<Deed> {
    let actions = change.pointer("/change/actions")?.as_array()?;
    let mut deed = Deed::Left;
    for action in actions {
        match action.as_str()? {
            "create" => return Some(Deed::Made),
            "update" => deed = Deed::Changed,
            "no-op" | "read" | "delete" | "forget" => {}
            _ => return None,
        }
    }
    (!actions.is_empty()).then_some(deed)
}

fn is_unknown(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(is_unknown)) => *is_unknown,
        Some(Value::Array(all)) => all.iter().any(|one| is_unknown(Some(one))),
        Some(Value::Object(all)) => all.values().any(|one| is_unknown(Some(one))),
        _ => false,
    }
}

fn told(country: Option<Jurisdiction>) -> String {
    country.map_or_else(
        || "a place that is in no table".to_owned(),
        |country| format!("which is in {country}"),
    )
}

impl Table<'_> {
    /// Returns where a region, a zone, or what an ARN names is.
    fn country(&self, value: &str) -> Option<Jurisdiction> {
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

    fn targets(&self, value: &Value, path: &str, depth: usize, found: &mut Vec<(String, String)>) {
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

    fn open_targets(&self, value: &Value, path: &str, depth: usize, found: &mut Vec<String>) {
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

fn join(path: &str, member: &str) -> String {
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

fn tables() -> Result<HashMap<&'static str, Table<'static>>, Error> {
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
            Some("in") => {
                let country = words.next().ok_or_else(fail)?;
                let country = Jurisdiction::parse(country).map_err(|_| fail())?;
                table.regions.extend(words.map(|start| (start, country)));
            }
            Some(kind) => {
                let is = match words.next() {
                    Some("data") => TypeKind::Data,
                    Some("replica") => TypeKind::Replica,
                    Some("hardware") => TypeKind::Hardware,
                    Some("neutral") => TypeKind::Neutral,
                    _ => return Err(fail()),
                };
                table.types.insert(kind, is);
            }
            None => {}
        }
    }
    Ok(table)
}

/// Regions that the configuration gives providers, and which resource is made by which of them.
struct Configured<'a> {
    /// By the key of the provider's configuration.
    regions: HashMap<&'a str, Option<String>>,
    /// The keys, by the address of the resource without its counts.
    keys: HashMap<String, &'a str>,
}

impl fmt::Debug for Configured<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configured").finish_non_exhaustive()
    }
}

impl<'a> Configured<'a> {
    fn read(plan: &'a Value) -> Self {
        let mut configured = Self {
            regions: HashMap::new(),
            keys: HashMap::new(),
        };
        let Some(configuration) = plan.get("configuration") else {
            return configured;
        };
        let providers = configuration
            .get("provider_config")
            .and_then(Value::as_object);
        for (key, provider) in providers.into_iter().flatten() {
            let region = ["region", "location"].into_iter().find_map(|member| {
                let said = provider.get("expressions")?.get(member)?;
                if let Some(value) = said.get("constant_value") {
                    return value.as_str().map(str::to_owned);
                }
                // A variable of the root, which has its value in the plan.
                let variable = match said.get("references")?.as_array()?.as_slice() {
                    [one] if provider.get("module_address").is_none() => {
                        one.as_str()?.strip_prefix("var.")?
                    }
                    _ => return None,
                };
                let value = plan.get("variables")?.get(variable)?.get("value")?;
                value.as_str().map(str::to_owned)
            });
            configured.regions.insert(key, region);
        }
        if let Some(root) = configuration.get("root_module") {
            configured.note(root, "", 0);
        }
        configured
    }

    fn note(&mut self, module: &'a Value, at: &str, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        let resources = module.get("resources").and_then(Value::as_array);
        for resource in resources.into_iter().flatten() {
            let text = |name: &str| resource.get(name).and_then(Value::as_str);
            if let (Some(address), Some(key)) = (text("address"), text("provider_config_key")) {
                self.keys.insert(join(at, address), key);
            }
        }
        let calls = module.get("module_calls").and_then(Value::as_object);
        for (name, call) in calls.into_iter().flatten() {
            if let Some(module) = call.get("module") {
                self.note(module, &join(at, &format!("module.{name}")), depth + 1);
            }
        }
    }

    fn of(&self, address: &str, provider: &str) -> Option<String> {
        let mut plain = String::new();
        let mut depth = 0_u32;
        let mut is_quoted = false;
        for letter in address.chars() {
            match letter {
                '"' if depth > 0 => is_quoted = !is_quoted,
                '[' if !is_quoted => depth += 1,
                ']' if !is_quoted => depth = depth.saturating_sub(1),
                _ if depth == 0 => plain.push(letter),
                _ => {}
            }
        }
        // Without a word of which configuration makes it, it is the provider's own: that of an alias is not guessed.
        let key = self.keys.get(&plain).copied().unwrap_or(provider);
        self.regions
            .get(key)
            .or_else(|| {
                // A module that is handed the root's provider has no configuration of its own.
                let own = key.rsplit(':').next()?;
                self.regions.get(own)
            })
            .cloned()
            .flatten()
    }
}
