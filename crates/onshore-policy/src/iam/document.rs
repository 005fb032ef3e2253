//! A policy document, read strictly: every member of it is one that is known, is of the kind that it must be, and is there
//! where the kind of policy wants it.

use onshore_types::{BucketName, PartitionName};

use super::Malformed;
use super::actions::{self, On};
use super::arn::{Arn, Principals, elsewhere, is_here};
use super::compile::Kind;
use super::condition::Condition;
use super::json::Json;
use super::pattern::{Pattern, Variables, Wildcards, matches_plainly};

/// The policy version in which `${` begins a variable.
const WITH_VARIABLES: &str = "2012-10-17";
/// The one before.
const WITHOUT: &str = "2008-10-17";

/// Whether a statement allows or denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It allows.
    Allow,
    /// It denies, whatever else allows.
    Deny,
}

/// Whether a list says what is meant, or what is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sense {
    These,
    AllBut,
}

/// A statement.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) effect: Effect,
    /// None in a policy of an identity, which speaks of that identity.
    pub(crate) principals: Option<(Sense, Principals)>,
    /// All that it speaks of, whatever the sense in which they were written.
    pub(crate) actions: Vec<&'static str>,
    /// None in a trust policy, which speaks of its role.
    pub(crate) resources: Option<(Sense, Vec<Pattern>)>,
    pub(crate) conditions: Vec<Condition>,
}

/// Reads a document.
pub(crate) fn read(
    text: &str,
    kind: &Kind<'_>,
    own: &PartitionName,
) -> Result<Vec<Statement>, Malformed> {
    let max_bytes = kind.max_bytes();
    if text.len() > max_bytes {
        return Err(Malformed::new(
            "",
            format!(
                "it has {} bytes; such a policy has at most {max_bytes}",
                text.len()
            ),
        ));
    }
    let Json::Object(members) = Json::parse(text)? else {
        return Err(Malformed::new("", "it is no JSON object"));
    };
    let mut variables = Variables::Literal;
    let mut statements = None;
    for (name, value) in &members {
        match (name.as_str(), value) {
            ("Version", Json::Text(version)) if version == WITH_VARIABLES => {
                variables = Variables::Meant;
            }
            ("Version", Json::Text(version)) if version == WITHOUT => {}
            ("Version", _) => {
                return Err(Malformed::new(
                    "Version",
                    format!("it is {WITH_VARIABLES} or {WITHOUT}"),
                ));
            }
            ("Id", Json::Text(_)) => {}
            ("Statement", Json::List(list)) => statements = Some(list.as_slice()),
            ("Statement", one @ Json::Object(_)) => statements = Some(std::slice::from_ref(one)),
            ("Id" | "Statement", _) => {
                return Err(Malformed::new(
                    name,
                    "it is not of the kind that it must be",
                ));
            }
            _ => return Err(Malformed::new(name, "a policy has no such member")),
        }
    }
    let statements = statements
        .filter(|list| !list.is_empty())
        .ok_or_else(|| Malformed::new("Statement", "a policy has at least one"))?;
    let mut ids = Vec::new();
    statements
        .iter()
        .enumerate()
        .map(|(at, statement)| {
            let reader = Reader {
                element: format!("Statement[{at}]"),
                kind,
                own,
                variables,
            };
            reader.statement(statement, &mut ids)
        })
        .collect()
}

/// Reads a text or a list of texts.
pub(crate) fn texts(value: &Json, element: &str) -> Result<Vec<String>, Malformed> {
    let one = |value: &Json| match value {
        Json::Text(text) => Ok(text.clone()),
        _ => Err(Malformed::new(element, "it is a text or a list of texts")),
    };
    match value {
        Json::List(list) => list.iter().map(one).collect(),
        value => Ok(vec![one(value)?]),
    }
}

struct Reader<'a> {
    element: String,
    kind: &'a Kind<'a>,
    own: &'a PartitionName,
    variables: Variables,
}

impl Reader<'_> {
    fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.element)
    }

    fn wrong(&self, name: &str, why: impl Into<String>) -> Malformed {
        Malformed::new(self.at(name), why)
    }

    fn statement(&self, value: &Json, ids: &mut Vec<String>) -> Result<Statement, Malformed> {
        let Json::Object(members) = value else {
            return Err(Malformed::new(&*self.element, "it is no JSON object"));
        };
        let mut effect = None;
        let mut principals = None;
        let mut actions: Option<(Sense, Vec<Acts>)> = None;
        let mut resources = None;
        let mut conditions = Vec::new();
        for (name, value) in members {
            let once = |is_there: bool| {
                if is_there {
                    Err(self.wrong(name, "it stands beside its opposite"))
                } else {
                    Ok(())
                }
            };
            match name.as_str() {
                "Sid" => self.sid(value, ids)?,
                "Effect" => effect = Some(self.effect(value)?),
                "Principal" | "NotPrincipal" => {
                    once(principals.is_some())?;
                    let named = Principals::parse(value, self.own, &self.at(name))?;
                    principals = Some((sense(name), named));
                }
                "Action" | "NotAction" => {
                    once(actions.is_some())?;
                    actions = Some((sense(name), self.acts(name, value)?));
                }
                "Resource" | "NotResource" => {
                    once(resources.is_some())?;
                    resources = Some((sense(name), self.resources(name, value)?));
                }
                "Condition" => conditions = self.conditions(value)?,
                _ => return Err(self.wrong(name, "a statement has no such member")),
            }
        }
        let effect = effect.ok_or_else(|| self.wrong("Effect", "it is missing"))?;
        self.check_principals(effect, principals.as_ref())?;
        let (sense_of_actions, acts) =
            actions.ok_or_else(|| self.wrong("Action", "it is missing"))?;
        self.check_resources(resources.is_some())?;
        if let Some((_, patterns)) = &resources
            && matches!(self.kind, Kind::Bucket { .. })
            && sense_of_actions == Sense::These
        {
            self.check_applicable(&acts, patterns)?;
        }
        let named: Vec<_> = acts.iter().flat_map(|acts| &acts.matched).collect();
        let actions: Vec<&'static str> = actions::all()
            .filter(|act| named.contains(&act) == (sense_of_actions == Sense::These))
            .map(|(name, _)| name)
            .collect();
        if actions.is_empty() {
            return Err(self.wrong("NotAction", "it leaves no action"));
        }
        Ok(Statement {
            effect,
            principals,
            actions,
            resources: resources.map(|(sense, list)| {
                (sense, list.into_iter().map(|named| named.pattern).collect())
            }),
            conditions,
        })
    }

    fn sid(&self, value: &Json, ids: &mut Vec<String>) -> Result<(), Malformed> {
        let Json::Text(id) = value else {
            return Err(self.wrong("Sid", "it is a text"));
        };
        if !id.is_empty() && ids.contains(id) {
            return Err(self.wrong("Sid", "another statement has the same"));
        }
        ids.push(id.clone());
        Ok(())
    }

    fn effect(&self, value: &Json) -> Result<Effect, Malformed> {
        match value {
            Json::Text(text) if text == "Allow" => Ok(Effect::Allow),
            Json::Text(text) if text == "Deny" => Ok(Effect::Deny),
            _ => Err(self.wrong("Effect", "it is Allow or Deny")),
        }
    }

    fn acts(&self, name: &str, value: &Json) -> Result<Vec<Acts>, Malformed> {
        let patterns = texts(value, &self.at(name))?;
        if patterns.is_empty() {
            return Err(self.wrong(name, "it names no action"));
        }
        patterns
            .into_iter()
            .map(|pattern| {
                let matched = actions::matching(&pattern);
                let fits = |(action, _): &(&str, On)| match self.kind {
                    Kind::Bucket { .. } => action.starts_with("s3:"),
                    Kind::Trust => action.starts_with("sts:"),
                    Kind::Identity | Kind::Session => true,
                };
                if matched.iter().any(fits) {
                    Ok(Acts { pattern, matched })
                } else {
                    Err(self.wrong(
                        name,
                        format!(
                            "`{}` is no action that such a policy can speak of",
                            pattern.chars().take(128).collect::<String>()
                        ),
                    ))
                }
            })
            .collect()
    }

    fn resources(&self, name: &str, value: &Json) -> Result<Vec<Resources>, Malformed> {
        let list = texts(value, &self.at(name))?;
        if list.is_empty() {
            return Err(self.wrong(name, "it names no resource"));
        }
        list.iter().map(|text| self.resource(name, text)).collect()
    }

    fn resource(&self, name: &str, text: &str) -> Result<Resources, Malformed> {
        let shown = || text.chars().take(128).collect::<String>();
        let rest = if text == "*" {
            text.to_owned()
        } else {
            let arn = Arn::parse(text).ok_or_else(|| {
                self.wrong(
                    name,
                    format!(
                        "`{}` is neither an ARN such as arn:aws:s3:::bucket/key* nor `*`",
                        shown()
                    ),
                )
            })?;
            if arn.partition != "*" && !is_here(arn.partition, self.own) {
                return Err(self.wrong(name, elsewhere(arn.partition, self.own)));
            }
            let is_s3 = arn.service == "s3" && arn.region.is_empty() && arn.account.is_empty();
            let is_role = arn.service == "iam" && arn.region.is_empty();
            if !(is_s3 || is_role) {
                return Err(self.wrong(name, format!("`{}` is nothing that is kept here", shown())));
            }
            format!(
                "{}:{}:{}:{}",
                arn.service, arn.region, arn.account, arn.resource
            )
        };
        if let Kind::Bucket { name: bucket } = self.kind
            && !is_of_bucket(&rest, bucket)
        {
            return Err(self.wrong(
                name,
                format!(
                    "`{}` is neither the bucket {bucket} nor anything in it",
                    shown()
                ),
            ));
        }
        let element = self.at(name);
        Ok(Resources {
            pattern: Pattern::parse(&rest, Wildcards::Meant, self.variables, &element)?,
            text: rest,
        })
    }

    fn conditions(&self, value: &Json) -> Result<Vec<Condition>, Malformed> {
        let element = self.at("Condition");
        let Json::Object(operators) = value else {
            return Err(Malformed::new(element, "it is a JSON object"));
        };
        let mut conditions = Vec::new();
        for (operator, keys) in operators {
            let element = format!("{element}.{operator}");
            let Json::Object(keys) = keys else {
                return Err(Malformed::new(element, "it is an object of condition keys"));
            };
            for (key, values) in keys {
                conditions.push(Condition::parse(
                    operator,
                    key,
                    values,
                    self.variables,
                    self.own,
                    &format!("{element}.{key}"),
                )?);
            }
        }
        Ok(conditions)
    }

    fn check_principals(
        &self,
        effect: Effect,
        principals: Option<&(Sense, Principals)>,
    ) -> Result<(), Malformed> {
        match (self.kind, principals) {
            (Kind::Identity | Kind::Session, Some(_)) => Err(self.wrong(
                "Principal",
                "a policy of an identity speaks of that identity and names no principal",
            )),
            (Kind::Bucket { .. } | Kind::Trust, None) => {
                Err(self.wrong("Principal", "it is missing"))
            }
            (_, Some((Sense::AllBut, _))) if effect == Effect::Allow => Err(self.wrong(
                "NotPrincipal",
                "with Allow it would let in everybody who is not named, without a signature too; name whom you mean in Principal",
            )),
            (_, Some((Sense::AllBut, named))) if named.has_everybody() => {
                Err(self.wrong("NotPrincipal", "it leaves nobody"))
            }
            _ => Ok(()),
        }
    }

    fn check_resources(&self, are_there: bool) -> Result<(), Malformed> {
        match (self.kind, are_there) {
            (Kind::Trust, true) => Err(self.wrong(
                "Resource",
                "who may take a role is said of that role; it names no resource",
            )),
            (Kind::Bucket { .. } | Kind::Identity | Kind::Session, false) => {
                Err(self.wrong("Resource", "it is missing"))
            }
            _ => Ok(()),
        }
    }

    /// An action that is done to objects needs a resource that can be one, and one that is done to buckets a bucket.
    fn check_applicable(&self, acts: &[Acts], resources: &[Resources]) -> Result<(), Malformed> {
        for acts in acts {
            let applies = acts
                .matched
                .iter()
                .any(|(_, on)| resources.iter().any(|resource| resource.can_be(*on)));
            if !applies {
                return Err(self.wrong(
                    "Action",
                    format!(
                        "`{}` does not apply to any resource of the statement: objects are named bucket/key, buckets without a slash",
                        acts.pattern
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// A pattern of actions, and which it stands for.
struct Acts {
    pattern: String,
    matched: Vec<(&'static str, On)>,
}

/// A pattern of resources, and how it was written behind the partition.
struct Resources {
    pattern: Pattern,
    text: String,
}

impl Resources {
    fn can_be(&self, on: On) -> bool {
        match on {
            On::Service | On::Role => false,
            On::Object => self.text.contains(['/', '*']),
            On::Bucket => !self.text.contains('/'),
        }
    }
}

fn sense(name: &str) -> Sense {
    if name.starts_with("Not") {
        Sense::AllBut
    } else {
        Sense::These
    }
}

fn is_of_bucket(rest: &str, bucket: &BucketName) -> bool {
    if rest == "*" {
        return true;
    }
    let Some(path) = rest.strip_prefix("s3:::") else {
        return false;
    };
    let named = path.split_once('/').map_or(path, |(name, _)| name);
    !named.contains("${") && matches_plainly(named, bucket.as_str())
}
