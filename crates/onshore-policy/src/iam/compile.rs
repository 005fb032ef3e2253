//! A document becomes a set of Cedar policies, one for each statement, once when it is put or first asked; what is asked of
//! it later is asked of Cedar.

use std::collections::BTreeSet;
use std::fmt;

use cedar_policy::{Policy as CedarPolicy, PolicyId, PolicySet};
use onshore_types::{BucketName, PartitionName};
use serde_json::{Value, json};

use super::cedar::{self, all, any, not};
use super::condition::{Condition, pieces};
use super::document::{self, Effect, Sense, Statement};
use super::keys::Key;
use super::observation::Observations;
use super::{
    BUCKET_POLICY_MAX_BYTES, IDENTITY_POLICY_MAX_BYTES, Malformed, SESSION_POLICY_MAX_BYTES,
};

/// What a policy is of.
#[derive(Debug, Clone, Copy)]
pub enum Kind<'a> {
    /// A bucket: it says whom it lets in.
    Bucket {
        /// Its name.
        name: &'a BucketName,
    },
    /// A user, a group or a role: it says what these may do.
    Identity,
    /// One session: it says what of what its identity may do that session may.
    Session,
    /// A role: it says who may take it.
    Trust,
}

impl Kind<'_> {
    pub(crate) fn max_bytes(&self) -> usize {
        match self {
            Self::Bucket { .. } => BUCKET_POLICY_MAX_BYTES,
            Self::Identity | Self::Trust => IDENTITY_POLICY_MAX_BYTES,
            Self::Session => SESSION_POLICY_MAX_BYTES,
        }
    }
}

/// Whether a policy lets in whoever comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publicity {
    /// It does.
    Public,
    /// It lets in those whom it names, or whom a fixed condition confines.
    Confined,
}

/// A compiled policy.
pub struct Compiled {
    pub(crate) policies: PolicySet,
    pub(crate) seen: Observations,
    keys: BTreeSet<Key>,
    publicity: Publicity,
}

impl Compiled {
    /// Reads a document and compiles it.
    ///
    /// # Errors
    /// The element that cannot be compiled, and why.
    pub fn parse(text: &str, kind: &Kind<'_>, own: &PartitionName) -> Result<Self, Malformed> {
        let statements = document::read(text, kind, own)?;
        let mut seen = Observations::default();
        let mut policies = PolicySet::new();
        let mut publicity = Publicity::Confined;
        for (at, statement) in statements.iter().enumerate() {
            let id = PolicyId::new(format!("Statement[{at}]"));
            let uncompiled = |fault: &dyn fmt::Display| {
                Malformed::new(format!("Statement[{at}]"), fault.to_string())
            };
            let policy = CedarPolicy::from_json(Some(id), compile(statement, &mut seen))
                .map_err(|fault| uncompiled(&fault))?;
            policies.add(policy).map_err(|fault| uncompiled(&fault))?;
            if is_open(statement) {
                publicity = Publicity::Public;
            }
        }
        let keys = seen.keys();
        Ok(Self {
            policies,
            seen,
            keys,
            publicity,
        })
    }

    /// Returns the condition keys whose values it wants to know.
    #[must_use]
    pub fn keys(&self) -> &BTreeSet<Key> {
        &self.keys
    }

    /// Whether it lets in whoever comes.
    #[must_use]
    pub fn publicity(&self) -> Publicity {
        self.publicity
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled")
            .field("keys", &self.keys)
            .field("publicity", &self.publicity)
            .finish_non_exhaustive()
    }
}

fn is_open(statement: &Statement) -> bool {
    let names_everybody = statement
        .principals
        .as_ref()
        .is_some_and(|(_, named)| named.has_everybody());
    statement.effect == Effect::Allow
        && names_everybody
        && !statement.conditions.iter().any(Condition::confines)
}

/// Returns a statement as a Cedar policy.
fn compile(statement: &Statement, seen: &mut Observations) -> Value {
    let effect = match statement.effect {
        Effect::Allow => "permit",
        Effect::Deny => "forbid",
    };
    let actions: Vec<Value> = statement
        .actions
        .iter()
        .map(|name| json!({ "type": "Action", "id": name }))
        .collect();
    let mut body = Vec::new();
    if let Some((sense, named)) = &statement.principals {
        body.push(match (sense, statement.effect) {
            (Sense::AllBut, _) => not(named.spared()),
            (Sense::These, Effect::Allow) => named.allowed(),
            (Sense::These, Effect::Deny) => named.denied(),
        });
    }
    if let Some((sense, patterns)) = &statement.resources {
        let ways = patterns
            .iter()
            .map(|pattern| {
                if pattern.is_plain() {
                    cedar::like(cedar::attribute("resource"), pieces(pattern))
                } else {
                    seen.observe_resource(pattern.clone())
                }
            })
            .collect();
        body.push(match sense {
            Sense::These => any(ways),
            Sense::AllBut => not(any(ways)),
        });
    }
    for condition in &statement.conditions {
        body.push(condition.compile(seen));
    }
    json!({
        "effect": effect,
        "principal": { "op": "All" },
        "action": { "op": "in", "entities": actions },
        "resource": { "op": "All" },
        "conditions": [{ "kind": "when", "body": all(body) }],
    })
}
