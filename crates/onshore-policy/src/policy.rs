//! The rules in force: those of the border, which are compiled in, and those of a rule pack beside them. All are parsed once,
//! checked against their schema, and every policy is tied to a rule that can be reported. What is not whole does not open.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy as CedarPolicy, PolicyId, PolicySet, Schema,
    SchemaFragment, ValidationMode, Validator,
};
use cedar_policy_core::ast::{self, Expr};
use onshore_types::{Jurisdiction, Place, Timestamp};
use serde::Serialize;

use crate::act::Act;
use crate::compiled::Compiled;
use crate::error::Error;
use crate::question::Vocabulary;
use crate::rule::{Ground, Rule};
use crate::rule_pack::{Beside, Border, NO_SCHEMA, RulePack};

pub(crate) const SCHEMA: &str = include_str!("../packs/border/schema.cedarschema");
pub(crate) const POLICIES: &str = include_str!("../packs/border/policies.cedar");
const SOURCE: &str = concat!(
    include_str!("../packs/border/schema.cedarschema"),
    "\n",
    include_str!("../packs/border/policies.cedar")
);

/// What every policy tells about itself, besides `@id` and `@rule`.
const TOLD: [&str; 2] = ["source", "remedy"];

/// The rules in force, ready to decide.
pub struct Policy {
    pub(crate) vocabulary: Vocabulary,
    /// The policies that can speak of each act: what speaks of others need not be asked.
    policies: HashMap<Act, Vec<Speaking>>,
    /// The rules of the pack, in the order in which they are written.
    pack_rules: Vec<Arc<PackRule>>,
    pack: Option<RulePack>,
    nothing_beside: Beside,
}

/// A policy, ready to be asked.
pub(crate) struct Speaking {
    pub(crate) id: PolicyId,
    /// Its scope and its conditions in one, put together once.
    pub(crate) condition: Expr,
    /// The same, compiled for the act, where that can be.
    pub(crate) compiled: Option<Compiled>,
    pub(crate) meaning: Meaning,
}

/// What it means that a policy holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Meaning {
    /// It is permitted, on this ground.
    Permits(Ground),
    /// It is forbidden.
    Forbids(Cause),
}

/// Why the rules forbid. The rules of the border come first: what a pack says is told where they would let it pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    Border(Rule),
    /// A rule of the pack, with its place there.
    Pack(usize, Arc<PackRule>),
}

/// A rule of a pack, as it is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PackRule {
    /// Its name, such as `cn.volume-assessment`.
    pub rule: String,
    /// Why it refuses, in a clause.
    pub cause: String,
    /// Which text of law says so.
    pub source: String,
    /// What would have to change, in a clause.
    pub remedy: String,
}

impl Policy {
    /// Opens the rules of the border alone.
    ///
    /// # Errors
    /// [`Error`] when the rules do not parse, do not fit their schema, or a policy and the rules of this version do not
    /// match one another.
    pub fn embedded() -> Result<Self, Error> {
        Self::parse(SCHEMA, POLICIES, None)
    }

    /// Opens the rules of the border with those of a pack beside them.
    ///
    /// # Errors
    /// [`Error`] when the rules of the pack do not parse, permit something, do not say what they are, or do not fit the schema.
    pub fn with_pack(pack: RulePack) -> Result<Self, Error> {
        Self::parse(SCHEMA, POLICIES, Some(pack))
    }

    /// Returns the text of the rules of the border, schema first: its hash names them in a configuration epoch.
    #[must_use]
    pub fn source(&self) -> &'static str {
        SOURCE
    }

    /// Returns the pack in force, if there is one.
    #[must_use]
    pub fn pack(&self) -> Option<&RulePack> {
        self.pack.as_ref()
    }

    /// Whether what is in a place counts as inside a region.
    #[must_use]
    pub fn is_inside(&self, region: Jurisdiction, place: Place, now: Timestamp) -> bool {
        self.border() == Border::Open || region.contains(place, now)
    }

    pub(crate) fn border(&self) -> Border {
        self.pack.as_ref().map_or(Border::Closed, RulePack::border)
    }

    /// Returns what rules may look at that day beside a transfer under an approval; none where a limit has no value.
    pub(crate) fn beside(&self, now: Timestamp) -> Option<&Beside> {
        match &self.pack {
            Some(pack) => pack.beside(now),
            None => Some(&self.nothing_beside),
        }
    }

    pub(crate) fn nothing_beside(&self) -> &Beside {
        &self.nothing_beside
    }

    pub(crate) fn parse(
        schema: &str,
        policies: &str,
        pack: Option<RulePack>,
    ) -> Result<Self, Error> {
        let pack_schema = pack.as_ref().map_or(NO_SCHEMA, |pack| pack.schema.as_str());
        let schema = schema_of([schema, pack_schema])?;
        let mut named = PolicySet::new();
        let mut meanings = HashMap::new();
        for policy in parsed(policies)? {
            let id = PolicyId::new(annotation(&policy, "id")?);
            for told in TOLD {
                annotation(&policy, told)?;
            }
            let rule = annotation(&policy, "rule")?;
            let meaning = match policy.effect() {
                Effect::Forbid => {
                    Rule::parse(rule).map(|rule| Meaning::Forbids(Cause::Border(rule)))
                }
                Effect::Permit => Ground::parse(rule).map(Meaning::Permits),
            };
            let meaning = meaning.ok_or_else(|| Error::UnknownRule {
                policy: id.to_string(),
                rule: rule.to_owned(),
            })?;
            meanings.insert(id.clone(), meaning);
            named
                .add(policy.new_id(id))
                .map_err(|fault| Error::Set(Box::new(fault)))?;
        }
        every_rule_is_there(&meanings)?;
        let mut pack_rules = Vec::new();
        if let Some(pack) = &pack {
            for (place, policy) in parsed(&pack.policies)?.into_iter().enumerate() {
                let id = PolicyId::new(annotation(&policy, "id")?);
                let rule = Arc::new(pack_rule(&policy, pack)?);
                pack_rules.push(Arc::clone(&rule));
                named
                    .add(policy.new_id(id.clone()))
                    .map_err(|fault| Error::Set(Box::new(fault)))?;
                meanings.insert(id, Meaning::Forbids(Cause::Pack(place, rule)));
            }
        }
        let report = Validator::new(schema).validate(&named, ValidationMode::Strict);
        if !report.validation_passed_without_warnings() {
            return Err(Error::Misfit {
                report: report.to_string(),
            });
        }
        let mut policies = HashMap::new();
        for act in Act::ALL {
            let action = EntityUid::from_str(&format!("Action::\"{}\"", act.name()))
                .map_err(|fault| Error::Policies(Box::new(fault)))?;
            let speaking = named
                .policies()
                .filter(|policy| speaks_of(&policy.action_constraint(), &action))
                .filter_map(|policy| {
                    let whole: &ast::Policy = policy.as_ref();
                    let condition = whole.condition();
                    Some(Speaking {
                        id: policy.id().clone(),
                        compiled: Compiled::new(&condition, act),
                        condition,
                        meaning: meanings.get(policy.id())?.clone(),
                    })
                });
            policies.insert(act, speaking.collect());
        }
        Ok(Self {
            vocabulary: Vocabulary::new(),
            policies,
            pack_rules,
            pack,
            nothing_beside: Beside::nothing(),
        })
    }

    /// Returns the policies that can speak of an act.
    pub(crate) fn speaking_of(&self, act: Act) -> Option<&[Speaking]> {
        self.policies.get(&act).map(Vec::as_slice)
    }

    /// Returns the rules of the pack, in the order in which they are written.
    #[must_use]
    pub fn pack_rules(&self) -> Vec<&PackRule> {
        self.pack_rules.iter().map(|rule| &**rule).collect()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("pack", &self.pack.as_ref().map(RulePack::name))
            .finish_non_exhaustive()
    }
}

/// Joins the schema of the border with that of a pack.
pub(crate) fn schema_of(texts: [&str; 2]) -> Result<Schema, Error> {
    let mut fragments = Vec::new();
    for text in texts {
        let (fragment, _) = SchemaFragment::from_cedarschema_str(text)
            .map_err(|fault| Error::Schema(Box::new(fault)))?;
        fragments.push(fragment);
    }
    Schema::from_schema_fragments(fragments).map_err(|fault| Error::Fragments(Box::new(fault)))
}

/// Reads policies, in the order in which they are written: the parser numbers them.
fn parsed(policies: &str) -> Result<Vec<CedarPolicy>, Error> {
    let set = PolicySet::from_str(policies).map_err(|fault| Error::Policies(Box::new(fault)))?;
    let mut policies: Vec<CedarPolicy> = set.policies().cloned().collect();
    policies.sort_by_key(|policy| {
        let id = policy.id().to_string();
        let number = id.trim_start_matches("policy").parse::<usize>();
        number.unwrap_or(usize::MAX)
    });
    Ok(policies)
}

fn pack_rule(policy: &CedarPolicy, pack: &RulePack) -> Result<PackRule, Error> {
    let told = |name| annotation(policy, name).map(str::to_owned);
    let rule = told("rule")?;
    if policy.effect() == Effect::Permit {
        return Err(Error::Permits {
            policy: told("id")?,
        });
    }
    let is_own = rule
        .strip_prefix(pack.name().as_str())
        .is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'));
    if !is_own {
        return Err(Error::RuleName {
            policy: told("id")?,
            rule,
            prefix: pack.name().to_string(),
        });
    }
    Ok(PackRule {
        rule,
        cause: told("cause")?,
        source: told("source")?,
        remedy: told("remedy")?,
    })
}

fn annotation<'p>(policy: &'p CedarPolicy, name: &'static str) -> Result<&'p str, Error> {
    policy
        .annotation(name)
        .filter(|text| !text.trim().is_empty())
        .ok_or_else(|| Error::Unannotated {
            policy: policy.id().to_string(),
            annotation: name,
        })
}

/// Whether a policy of this scope can hold for an action at all. The schema has no groups of actions, and the validator
/// refuses a policy that names an action the schema does not have; so a scope names the action itself, or none.
fn speaks_of(scope: &ActionConstraint, action: &EntityUid) -> bool {
    match scope {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(only) => only == action,
        ActionConstraint::In(listed) => listed.contains(action),
    }
}

fn every_rule_is_there(meanings: &HashMap<PolicyId, Meaning>) -> Result<(), Error> {
    let is_there = |meaning: &Meaning| meanings.values().any(|there| there == meaning);
    let rules = Rule::ALL
        .into_iter()
        .filter(|rule| !is_there(&Meaning::Forbids(Cause::Border(*rule))))
        .map(Rule::name);
    let grounds = Ground::ALL
        .into_iter()
        .filter(|ground| !is_there(&Meaning::Permits(*ground)))
        .map(Ground::name);
    match rules.chain(grounds).next() {
        None => Ok(()),
        Some(rule) => Err(Error::MissingRule { rule }),
    }
}

#[cfg(test)]
impl Policy {
    /// Takes a policy out, to see what holds without it.
    pub(crate) fn forget(&mut self, id: &PolicyId) {
        for policies in self.policies.values_mut() {
            policies.retain(|policy| policy.id != *id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{POLICIES, Policy, SCHEMA, SOURCE, parsed};
    use crate::error::Error;
    use crate::rule::Rule;

    fn open(policies: &str) -> Result<Policy, Error> {
        Policy::parse(SCHEMA, policies, None)
    }

    #[test]
    fn the_embedded_pack_opens_and_tells_its_whole_source() {
        let policy = Policy::embedded().expect("the pack is whole");
        assert_eq!(policy.source(), SOURCE);
        assert!(SOURCE.starts_with(SCHEMA) && SOURCE.ends_with(POLICIES));
    }

    #[test]
    fn the_pack_and_the_program_propose_the_same_remedies() {
        for told in parsed(POLICIES).expect("the pack is whole") {
            let rule = told.annotation("rule").and_then(Rule::parse);
            let remedy = rule.map_or("none is needed", Rule::remedy);
            assert_eq!(told.annotation("remedy"), Some(remedy), "{}", told.id());
        }
    }

    #[test]
    fn a_pack_that_lost_a_rule_does_not_open() {
        for rule in Rule::ALL {
            let named = format!("@rule(\"{}\")", rule.name());
            let lost = POLICIES.replace(&named, "@rule(\"border.lost\")");
            assert!(
                matches!(open(&lost), Err(Error::UnknownRule { rule, .. }) if rule == "border.lost")
            );
        }
        let fewer: String = POLICIES
            .split("@id")
            .filter(|policy| !policy.contains("border-approval-expired"))
            .collect::<Vec<&str>>()
            .join("@id");
        assert!(matches!(
            open(&fewer),
            Err(Error::MissingRule {
                rule: "border.approval-expired"
            })
        ));
    }

    #[test]
    fn a_policy_that_does_not_tell_about_itself_does_not_open() {
        for told in ["id", "rule", "source", "remedy"] {
            let untold = POLICIES.replacen(&format!("@{told}("), "@other(", 1);
            assert!(
                matches!(open(&untold), Err(Error::Unannotated { annotation, .. }) if annotation == told),
                "{told}"
            );
        }
    }

    #[test]
    fn a_pack_that_does_not_fit_does_not_open() {
        let misspelt = POLICIES.replacen(
            "context.now < context.approval.until",
            "context.now < context.approval.end",
            1,
        );
        assert!(matches!(open(&misspelt), Err(Error::Misfit { .. })));
        let unguarded = POLICIES.replacen("resource has owner &&", "", 1);
        assert!(matches!(open(&unguarded), Err(Error::Misfit { .. })));
        let grouped = POLICIES.replacen(
            "action == Action::\"list\"",
            "action in Action::\"outward\"",
            1,
        );
        assert!(matches!(open(&grouped), Err(Error::Misfit { .. })));
        let twice = POLICIES.replacen("border-direction-out", "border-direction-in", 1);
        assert!(matches!(open(&twice), Err(Error::Set(_))));
        assert!(matches!(open("permit (principal"), Err(Error::Policies(_))));
        assert!(matches!(
            Policy::parse("entity", POLICIES, None),
            Err(Error::Schema(_))
        ));
        let permitting = POLICIES.replacen("border.inside", "tenancy.own", 1);
        assert!(
            matches!(open(&permitting), Err(Error::UnknownRule { rule, .. }) if rule == "tenancy.own"),
            "a rule that forbids cannot be named by what permits"
        );
    }
}
