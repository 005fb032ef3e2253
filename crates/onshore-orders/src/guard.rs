//! Judges a plan of Terraform (`terraform show -json`) before it is carried out: against orders in force, and against the place
//! where data must stay.
//!
//! What a resource type is, which of its members name places, and where regions are, stands in tables, one for each provider
//! (`resources/`). What is in no table is told and never passed in silence; a place that is not known counts as abroad.

mod configured;
mod members;
mod place;
mod sarif;
mod size;
pub mod state;
mod tables;
mod words;

use std::collections::HashMap;

use onshore_types::{Jurisdiction, Timestamp};
use serde::Serialize;
use serde_json::Value;

use crate::order::{FreezeKind, Order};
use crate::records::{Id, Provider, ProviderKind};
use crate::{Day, Error, Language};

use configured::{Configured, Seen};
use place::Residency;
use tables::{Growth, Table, TypeKind};
use words::Words;

pub use sarif::sarif;

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
    /// In which language findings are told.
    pub language: Language,
}

impl Rules<'_> {
    fn words(&self) -> Words {
        Words(self.language)
    }
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
    /// By which rule: `order.prohibited`, `order.frozen`, `order.changed`, `residency.place`, `residency.target`, `unknown.type`,
    /// `unknown.provider`, `unknown.place`, `unknown.target`, `unknown.plan`.
    pub rule: &'static str,
    /// Of which resource; `plan` where it is the plan as a whole.
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
    let tables = tables::tables()?;
    let regions = Configured::read(plan);
    let mut judged = Judged::default();
    // What waits for another plan is judged by what is known of it today.
    let deferred = plan.get("deferred_changes").and_then(Value::as_array);
    let deferred = deferred.into_iter().flatten();
    let deferred = deferred.filter_map(|one| one.get("resource_change"));
    for change in changes.iter().chain(deferred) {
        judge_change(change, &tables, &regions, rules, &mut judged)?;
    }
    judged.findings.extend(of_plan(plan, rules.words()));
    Ok(judged)
}

/// Says of a plan that it does not hold all that would be done.
fn of_plan(plan: &Value, words: Words) -> Option<PlanFinding> {
    let says = |name: &str, what: bool| plan.get(name) == Some(&Value::Bool(what));
    let message = if says("errored", true) {
        words.errored()
    } else if says("complete", false) {
        words.incomplete()
    } else {
        return None;
    };
    Some(PlanFinding {
        weight: Weight::Unknown,
        rule: "unknown.plan",
        address: "plan".to_owned(),
        message,
    })
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
    let name = text("provider_name").unwrap_or_default();
    let name = name.rsplit('/').next().unwrap_or_default();
    // google-beta makes what google makes.
    let provider = name.strip_suffix("-beta").unwrap_or(name);
    let table = tables.get(provider);
    let part = |path: &str| change.pointer(path).unwrap_or(&Value::Null);
    let resource = Resource {
        provider,
        deed,
        before: part("/change/before"),
        seen: Seen {
            address,
            kind,
            after: part("/change/after"),
            unknown: part("/change/after_unknown"),
        },
    };
    let kind_of = table.and_then(|table| table.kind(kind));
    for order in rules.orders {
        resource.hold_against(
            order,
            table.zip(kind_of),
            table,
            rules,
            &mut judged.findings,
        );
    }
    let Some(table) = table else {
        let what = rules.words().unknown_provider(name);
        resource.find(
            &mut judged.findings,
            Weight::Unknown,
            "unknown.provider",
            what,
        );
        return Ok(());
    };
    let residency = rules.residency.map(|inside| Residency {
        inside,
        now: rules.now,
        provider,
        table,
        configured: regions,
        words: rules.words(),
    });
    let Some(kind_of) = kind_of else {
        if let Some(residency) = residency {
            judged
                .findings
                .extend(residency.hold_plainly(resource.seen));
        }
        let what = rules.words().unknown_type(kind);
        resource.find(&mut judged.findings, Weight::Unknown, "unknown.type", what);
        return Ok(());
    };
    if let Some(residency) = residency
        && !matches!(kind_of, TypeKind::Neutral | TypeKind::Contract)
    {
        let found = residency.hold(resource.seen, kind_of);
        judged.findings.extend(found);
    }
    Ok(())
}

/// A resource that is made or changed.
struct Resource<'a> {
    provider: &'a str,
    deed: Deed,
    before: &'a Value,
    seen: Seen<'a>,
}

impl Resource<'_> {
    fn find(
        &self,
        findings: &mut Vec<PlanFinding>,
        weight: Weight,
        rule: &'static str,
        message: String,
    ) {
        findings.push(PlanFinding {
            weight,
            rule,
            address: self.seen.address.to_owned(),
            message,
        });
    }

    /// Holds it against an order: what is made or grows at a prohibited provider, what is renewed there, and hardware of one's own
    /// anywhere. Whatever else is changed at a prohibited provider may be part of leaving it: somebody must look.
    fn hold_against(
        &self,
        order: &Order,
        known: Option<(&Table<'_>, TypeKind)>,
        table: Option<&Table<'_>>,
        rules: &Rules<'_>,
        findings: &mut Vec<PlanFinding>,
    ) {
        let Some(on) = in_force(order, rules) else {
            return;
        };
        let is_made = self.deed == Deed::Made;
        let growth = match (self.deed, table) {
            (Deed::Changed, Some(table)) => table.growth(self.before, self.seen.after),
            _ => Vec::new(),
        };
        let words = rules.words();
        let more = growth.iter().find_map(|one| words.more(one));
        let mut freeze = |what: FreezeKind, by: &str| {
            if let Some(freeze) = order.freezes(what, on) {
                let message = words.frozen(what, order, &freeze.clause, by);
                self.find(findings, Weight::Violation, "order.frozen", message);
            }
        };
        if let Some((table, kind)) = known {
            let was = table.hardware(kind, self.before);
            if let Some(what) = table.hardware(kind, self.seen.after) {
                match &more {
                    _ if is_made || was != Some(what) => freeze(what, ""),
                    Some(more) => freeze(what, &words.because(more)),
                    None => {}
                }
            }
        }
        let Some(prohibited) = prohibited(order, self.provider, table, rules, on) else {
            return;
        };
        let is_contract = known.is_some_and(|(_, kind)| kind == TypeKind::Contract);
        if is_made && is_contract {
            freeze(FreezeKind::ContractNew, "");
        }
        for one in &growth {
            if let Growth::Renewed(member) = one {
                freeze(FreezeKind::ContractRenew, &words.renews(member));
            }
        }
        let provider = self.provider;
        match (self.deed, more) {
            (Deed::Made, _) => {
                let what = words.made(provider, &prohibited);
                self.find(findings, Weight::Violation, "order.prohibited", what);
            }
            (Deed::Changed, Some(more)) => {
                let what = words.grown(provider, &more, &prohibited);
                self.find(findings, Weight::Violation, "order.prohibited", what);
            }
            (Deed::Changed, None) if growth.is_empty() => {
                let what = words.changed(provider, &prohibited);
                self.find(findings, Weight::Unknown, "order.changed", what);
            }
            (Deed::Changed | Deed::Left, _) => {}
        }
    }
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

/// Says since when and by what an order prohibits a provider of Terraform.
fn prohibited(
    order: &Order,
    terraform: &str,
    table: Option<&Table<'_>>,
    rules: &Rules<'_>,
    on: Day,
) -> Option<String> {
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
            organisation: None,
            codes: Vec::new(),
            terraform: Vec::new(),
        };
        order.prohibits(&cloud, on)
    };
    let found = known.or_else(of_table)?;
    Some(rules.words().since(found.from, order, &found.clause))
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
