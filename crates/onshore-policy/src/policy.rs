//! The compiled-in rules: parsed once, checked against their schema, and every policy tied to a rule that this version
//! can report. A pack that is not whole does not open.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use cedar_policy::{
    ActionConstraint, Authorizer, Effect, EntityUid, Policy as CedarPolicy, PolicyId, PolicySet,
    Schema, ValidationMode, Validator,
};

use crate::act::Act;
use crate::error::Error;
use crate::question::Vocabulary;
use crate::rule::{Ground, Rule};

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
    pub(crate) authorizer: Authorizer,
    pub(crate) vocabulary: Vocabulary,
    /// The policies that can speak of each act: what speaks of others need not be asked.
    policies: HashMap<Act, PolicySet>,
    forbids: HashMap<PolicyId, Rule>,
    permits: HashMap<PolicyId, Ground>,
}

impl Policy {
    /// Opens the rules that are compiled in.
    ///
    /// # Errors
    /// [`Error`] when the pack does not parse, does not fit its schema, or a policy and the rules of this version do
    /// not match one another.
    pub fn embedded() -> Result<Self, Error> {
        Self::parse(SCHEMA, POLICIES)
    }

    /// Returns the text of the rules, schema first: its hash names them in a configuration epoch.
    #[must_use]
    pub fn source(&self) -> &'static str {
        SOURCE
    }

    pub(crate) fn parse(schema: &str, policies: &str) -> Result<Self, Error> {
        let (schema, _) =
            Schema::from_cedarschema_str(schema).map_err(|fault| Error::Schema(Box::new(fault)))?;
        let parsed =
            PolicySet::from_str(policies).map_err(|fault| Error::Policies(Box::new(fault)))?;
        let mut named = PolicySet::new();
        let (mut forbids, mut permits) = (HashMap::new(), HashMap::new());
        for policy in parsed.policies() {
            let id = PolicyId::new(annotation(policy, "id")?);
            for told in TOLD {
                annotation(policy, told)?;
            }
            let rule = annotation(policy, "rule")?;
            let unknown = || Error::UnknownRule {
                policy: id.to_string(),
                rule: rule.to_owned(),
            };
            match policy.effect() {
                Effect::Forbid => {
                    forbids.insert(id.clone(), Rule::parse(rule).ok_or_else(unknown)?);
                }
                Effect::Permit => {
                    permits.insert(id.clone(), Ground::parse(rule).ok_or_else(unknown)?);
                }
            }
            named
                .add(policy.new_id(id))
                .map_err(|fault| Error::Set(Box::new(fault)))?;
        }
        every_rule_is_there(&forbids, &permits)?;
        let report = Validator::new(schema).validate(&named, ValidationMode::Strict);
        if !report.validation_passed_without_warnings() {
            return Err(Error::Misfit {
                report: report.to_string(),
            });
        }
        let vocabulary = Vocabulary::new();
        let mut policies = HashMap::new();
        for act in Act::ALL {
            let action = vocabulary.action(act);
            let speaking = named
                .policies()
                .filter(|policy| speaks_of(&policy.action_constraint(), &action));
            let speaking = PolicySet::from_policies(speaking.cloned())
                .map_err(|fault| Error::Set(Box::new(fault)))?;
            policies.insert(act, speaking);
        }
        Ok(Self {
            authorizer: Authorizer::new(),
            vocabulary,
            policies,
            forbids,
            permits,
        })
    }

    /// Returns the policies that can speak of an act.
    pub(crate) fn speaking_of(&self, act: Act) -> Option<&PolicySet> {
        self.policies.get(&act)
    }

    pub(crate) fn forbidding(&self, id: &PolicyId) -> Option<Rule> {
        self.forbids.get(id).copied()
    }

    pub(crate) fn permitting(&self, id: &PolicyId) -> Option<Ground> {
        self.permits.get(id).copied()
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("forbids", &self.forbids.len())
            .field("permits", &self.permits.len())
            .finish_non_exhaustive()
    }
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

fn every_rule_is_there(
    forbids: &HashMap<PolicyId, Rule>,
    permits: &HashMap<PolicyId, Ground>,
) -> Result<(), Error> {
    let rules = Rule::ALL
        .into_iter()
        .filter(|rule| !forbids.values().any(|there| there == rule))
        .map(Rule::name);
    let grounds = Ground::ALL
        .into_iter()
        .filter(|ground| !permits.values().any(|there| there == ground))
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
            if policies.policy(id).is_some() {
                policies
                    .remove_static(id.clone())
                    .expect("every policy of the pack is static");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use cedar_policy::PolicySet;

    use super::{POLICIES, Policy, SCHEMA, SOURCE};
    use crate::error::Error;
    use crate::rule::Rule;

    fn open(policies: &str) -> Result<Policy, Error> {
        Policy::parse(SCHEMA, policies)
    }

    #[test]
    fn the_embedded_pack_opens_and_tells_its_whole_source() {
        let policy = Policy::embedded().expect("the pack is whole");
        assert_eq!(policy.source(), SOURCE);
        assert!(SOURCE.starts_with(SCHEMA) && SOURCE.ends_with(POLICIES));
    }

    #[test]
    fn the_pack_and_the_program_propose_the_same_remedies() {
        let policy = Policy::embedded().expect("the pack is whole");
        for told in policy.policies.values().flat_map(PolicySet::policies) {
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
            Policy::parse("entity", POLICIES),
            Err(Error::Schema(_))
        ));
        let permitting = POLICIES.replacen("border.inside", "tenancy.own", 1);
        assert!(
            matches!(open(&permitting), Err(Error::UnknownRule { rule, .. }) if rule == "tenancy.own"),
            "a rule that forbids cannot be named by what permits"
        );
    }
}
