//! Regions that a plan's configuration gives: to resources, and to the providers that make them, through variables, modules and
//! what is known of other resources. What the plan does not know yet has no value.

use std::collections::HashMap;
use std::fmt;

use serde_json::Value;

use super::members::DEPTH_MAX;
use super::members::{join, within};

/// What the configuration says of each resource, and what the plan knows of the values in it.
pub(super) struct Configured<'a> {
    plan: &'a Value,
    /// By the address of the resource without its counts.
    resources: HashMap<String, Resource<'a>>,
    /// Known values of resources and data sources, by the address without its counts.
    values: HashMap<String, Vec<&'a Value>>,
    /// Resources and data sources as the plan leaves them, by the address without its counts.
    seen: HashMap<String, Vec<Seen<'a>>>,
}

/// A resource as the plan leaves it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) address: &'a str,
    pub(super) kind: &'a str,
    /// What is known of its members.
    pub(super) after: &'a Value,
    /// Which of them are not known before the plan is carried out.
    pub(super) unknown: &'a Value,
}

/// What the configuration says of a resource.
#[derive(Clone, Copy)]
struct Resource<'a> {
    key: Option<&'a str>,
    expressions: Option<&'a Value>,
}

/// What the configuration gives a member of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// It does not name it.
    Nothing,
    /// This value.
    Value(String),
    /// A value that is not known before the plan is carried out.
    Open,
}

impl fmt::Debug for Configured<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Configured").finish_non_exhaustive()
    }
}

impl<'a> Configured<'a> {
    pub(super) fn read(plan: &'a Value) -> Self {
        let mut configured = Self {
            plan,
            resources: HashMap::new(),
            values: HashMap::new(),
            seen: HashMap::new(),
        };
        configured.note_changes();
        if let Some(root) = plan.pointer("/configuration/root_module") {
            configured.note(root, "", 0);
        }
        for state in [
            "/prior_state/values/root_module",
            "/planned_values/root_module",
        ] {
            if let Some(module) = plan.pointer(state) {
                configured.note_values(module, 0);
                let mut others = HashMap::new();
                note_others(module, 0, &mut others);
                for (address, seen) in others {
                    configured.seen.entry(address).or_insert(seen);
                }
            }
        }
        configured
    }

    /// Returns what the configuration gives a member of a resource.
    pub(super) fn member(&self, address: &str, member: &str) -> Given {
        let plain = plain(address);
        let expressions = self.resources.get(&plain).and_then(|one| one.expressions);
        let Some(expression) = expressions.and_then(|all| all.get(member)) else {
            return Given::Nothing;
        };
        match self.resolve(&modules_of(&plain), expression) {
            Some(value) => Given::Value(value),
            None => Given::Open,
        }
    }

    /// Returns resources that a member of a resource names: those that the configuration refers to there, or those of a type whose id
    /// or name it is.
    pub(super) fn named(&self, one: Seen<'a>, member: &str, kind: &str) -> Vec<Seen<'a>> {
        let plain = plain(one.address);
        let expressions = self.resources.get(&plain).and_then(|one| one.expressions);
        let referred = expressions
            .into_iter()
            .flat_map(|all| within(all, member))
            .find_map(|expression| self.referred(&modules_of(&plain), expression, 0));
        if let Some(referred) = referred {
            return referred;
        }
        let texts: Vec<&str> = within(one.after, member)
            .into_iter()
            .filter_map(Value::as_str)
            .filter(|text| !text.is_empty())
            .collect();
        let is_named = |seen: &&Seen<'_>| {
            let says = |name: &str| seen.after.get(name).and_then(Value::as_str);
            let mut names = ["id", "name", "dataset_id"].into_iter().filter_map(says);
            seen.kind == kind && names.any(|name| texts.contains(&name))
        };
        self.seen
            .values()
            .flatten()
            .filter(is_named)
            .copied()
            .collect()
    }

    /// Returns the resource that an expression within a module refers to, with all of its counts, where it is of one alone.
    fn referred(
        &self,
        modules: &[String],
        expression: &Value,
        depth: usize,
    ) -> Option<Vec<Seen<'a>>> {
        if depth > DEPTH_MAX {
            return None;
        }
        let references = expression.get("references")?.as_array()?;
        let mut references: Vec<&str> = references.iter().filter_map(Value::as_str).collect();
        references.sort_by_key(|one| std::cmp::Reverse(one.len()));
        let parts: Vec<&str> = references.first()?.split('.').collect();
        match parts.as_slice() {
            ["var", name, ..] => {
                let (own, above) = modules.split_last()?;
                let call = self.module(above)?.get("module_calls")?.get(own)?;
                self.referred(above, call.get("expressions")?.get(name)?, depth + 1)
            }
            ["module", child, output, ..] => {
                let inside: Vec<String> = modules.iter().cloned().chain([plain(child)]).collect();
                let output = self.module(&inside)?.get("outputs")?.get(output)?;
                self.referred(&inside, output.get("expression")?, depth + 1)
            }
            _ => {
                let at = module_prefix(modules);
                let seen = |one: &&str| self.seen.get(&format!("{at}{}", plain(one)));
                let mut found = references.iter().filter_map(seen);
                let first = found.next()?;
                let is_same = |other: &Vec<Seen<'_>>| {
                    let address = |all: &[Seen<'_>]| all.first().map(|one| plain(one.address));
                    address(other) == address(first)
                };
                found.all(is_same).then(|| first.clone())
            }
        }
    }

    /// Returns the region of the provider that makes a resource.
    pub(super) fn region(&self, address: &str, provider: &str) -> Option<String> {
        let providers = self.plan.pointer("/configuration/provider_config")?;
        // Without a word of which configuration makes it, it is the provider's own: that of an alias is not guessed.
        let resource = self.resources.get(&plain(address));
        let key = resource.and_then(|one| one.key).unwrap_or(provider);
        let config = providers.get(key).or_else(|| {
            // A module that is handed the root's provider has no configuration of its own.
            providers.get(key.rsplit(':').next()?)
        })?;
        let modules = config.get("module_address").and_then(Value::as_str);
        let modules = modules.map(modules_of).unwrap_or_default();
        let expressions = config.get("expressions")?;
        let named = ["region", "location"]
            .into_iter()
            .find_map(|member| expressions.get(member))?;
        self.resolve(&modules, named)
    }

    fn note(&mut self, module: &'a Value, at: &str, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        let resources = module.get("resources").and_then(Value::as_array);
        for resource in resources.into_iter().flatten() {
            let text = |name: &str| resource.get(name).and_then(Value::as_str);
            if let Some(address) = text("address") {
                let noted = Resource {
                    key: text("provider_config_key"),
                    expressions: resource.get("expressions"),
                };
                self.resources.insert(join(at, address), noted);
            }
        }
        let calls = module.get("module_calls").and_then(Value::as_object);
        for (name, call) in calls.into_iter().flatten() {
            if let Some(module) = call.get("module") {
                self.note(module, &join(at, &format!("module.{name}")), depth + 1);
            }
        }
    }

    /// Notes each resource of the plan as it leaves it: those that change by their change, others as they are known.
    fn note_changes(&mut self) {
        let changes = self.plan.get("resource_changes").and_then(Value::as_array);
        for change in changes.into_iter().flatten() {
            let text = |name: &str| change.get(name).and_then(Value::as_str);
            let after = change.pointer("/change/after");
            let (Some(address), Some(kind)) = (text("address"), text("type")) else {
                continue;
            };
            if let Some(after) = after.filter(|after| !after.is_null()) {
                let unknown = change.pointer("/change/after_unknown");
                self.seen.entry(plain(address)).or_default().push(Seen {
                    address,
                    kind,
                    after,
                    unknown: unknown.unwrap_or(&Value::Null),
                });
            }
        }
    }

    fn note_values(&mut self, module: &'a Value, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        let resources = module.get("resources").and_then(Value::as_array);
        for resource in resources.into_iter().flatten() {
            let address = resource.get("address").and_then(Value::as_str);
            if let (Some(address), Some(values)) = (address, resource.get("values")) {
                self.values.entry(plain(address)).or_default().push(values);
            }
        }
        let children = module.get("child_modules").and_then(Value::as_array);
        for child in children.into_iter().flatten() {
            self.note_values(child, depth + 1);
        }
    }

    /// Returns the text that an expression within a module has. Of a text with a reference in it the plan tells the reference
    /// alone: it counts as the value of that.
    fn resolve(&self, modules: &[String], expression: &'a Value) -> Option<String> {
        let value = self.value(modules, expression, 0)?;
        value.as_str().map(str::to_owned)
    }

    fn value(&self, modules: &[String], expression: &'a Value, depth: usize) -> Option<&'a Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        if let Some(constant) = expression.get("constant_value") {
            return Some(constant);
        }
        let references = expression.get("references")?.as_array()?;
        let mut references: Vec<&str> = references
            .iter()
            .map(Value::as_str)
            .collect::<Option<_>>()?;
        references.sort_by_key(|one| std::cmp::Reverse(one.len()));
        let (longest, rest) = references.split_first()?;
        // A reference is told with all that it begins with; whatever else stands there makes another value of it.
        let is_one = rest.iter().all(|one| {
            let end = longest.strip_prefix(one);
            end.is_some_and(|end| end.starts_with(['.', '[']))
        });
        if !is_one {
            return None;
        }
        let parts: Vec<&str> = longest.split('.').collect();
        match parts.as_slice() {
            ["var", name, within @ ..] => drilled(self.variable(modules, name, depth)?, within),
            ["module", child, output, within @ ..] => {
                drilled(self.output(modules, child, output, depth)?, within)
            }
            _ => self.known(modules, &references),
        }
    }

    /// Returns what a variable of a module is: what it is called with, or its default.
    fn variable(&self, modules: &[String], name: &str, depth: usize) -> Option<&'a Value> {
        let Some((own, above)) = modules.split_last() else {
            return self.plan.get("variables")?.get(name)?.get("value");
        };
        let call = self.module(above)?.get("module_calls")?.get(own)?;
        match call.get("expressions").and_then(|all| all.get(name)) {
            Some(expression) => self.value(above, expression, depth + 1),
            None => {
                let variables = call.get("module")?.get("variables")?;
                variables.get(name)?.get("default")
            }
        }
    }

    fn output(
        &self,
        modules: &[String],
        child: &str,
        output: &str,
        depth: usize,
    ) -> Option<&'a Value> {
        let within: Vec<String> = modules.iter().cloned().chain([plain(child)]).collect();
        let output = self.module(&within)?.get("outputs")?.get(output)?;
        self.value(&within, output.get("expression")?, depth + 1)
    }

    /// Returns what is known of another resource, where all of its counts say the same.
    fn known(&self, modules: &[String], references: &[&str]) -> Option<&'a Value> {
        let (longest, rest) = references.split_first()?;
        let at = module_prefix(modules);
        let (all, within) = rest.iter().find_map(|one| {
            let all = self.values.get(&format!("{at}{}", plain(one)))?;
            Some((all, longest.strip_prefix(one)?))
        })?;
        let within: Vec<&str> = within.split('.').skip(1).collect();
        let mut found = all.iter().map(|values| drilled(values, &within));
        let first = found.next()??;
        found.all(|other| other == Some(first)).then_some(first)
    }

    fn module(&self, modules: &[String]) -> Option<&'a Value> {
        let mut module = self.plan.pointer("/configuration/root_module")?;
        for name in modules {
            module = module.get("module_calls")?.get(name)?.get("module")?;
        }
        Some(module)
    }
}

/// Notes the resources of a module of a state, and of those within it.
fn note_others<'a>(module: &'a Value, depth: usize, found: &mut HashMap<String, Vec<Seen<'a>>>) {
    if depth > DEPTH_MAX {
        return;
    }
    let list = |name: &str| module.get(name).and_then(Value::as_array);
    for resource in list("resources").into_iter().flatten() {
        let text = |name: &str| resource.get(name).and_then(Value::as_str);
        if let (Some(address), Some(after)) = (text("address"), resource.get("values")) {
            found.entry(plain(address)).or_default().push(Seen {
                address,
                kind: text("type").unwrap_or_default(),
                after,
                unknown: &Value::Null,
            });
        }
    }
    for child in list("child_modules").into_iter().flatten() {
        note_others(child, depth + 1, found);
    }
}

/// Returns what addresses in a module begin with.
fn module_prefix(modules: &[String]) -> String {
    modules
        .iter()
        .map(|module| format!("module.{module}."))
        .collect()
}

/// Goes down into a value by members; an element of a list is none of its members.
fn drilled<'a>(value: &'a Value, parts: &[&str]) -> Option<&'a Value> {
    parts.iter().try_fold(value, |value, part| value.get(part))
}

/// Returns the names of the modules that an address without counts begins with.
fn modules_of(address: &str) -> Vec<String> {
    let mut modules = Vec::new();
    let mut parts = address.split('.');
    while parts.next() == Some("module") {
        modules.extend(parts.next().map(str::to_owned));
    }
    modules
}

/// Returns an address without its counts.
fn plain(address: &str) -> String {
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
    plain
}
