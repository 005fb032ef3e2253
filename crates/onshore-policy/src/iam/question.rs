//! One question to one compiled policy: may this principal do this to that. An error of any kind is a denial.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::str::FromStr;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request,
    RestrictedExpression,
};
use onshore_types::TenantId;

use super::arn::Named;
use super::compile::Compiled;
use super::condition::{date, number};
use super::keys::{Key, Values};
use super::observation::{name_of, name_of_resource};

/// In which form a policy reads the value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reading {
    Text,
    /// In small letters.
    Folded,
    /// In thousandths.
    Number,
    /// In milliseconds since 1970.
    Date,
    Address,
    /// Section by section.
    Arn,
    /// All values.
    Set,
}

impl Reading {
    /// Returns the attribute that has a key's value in this form.
    pub(crate) fn attribute(self, key: &Key) -> String {
        let form = match self {
            Self::Text => "",
            Self::Folded => " folded",
            Self::Number => " number",
            Self::Date => " date",
            Self::Address => " address",
            Self::Arn => " arn",
            Self::Set => " set",
        };
        format!("{key:?}{form}")
    }

    /// Returns the value in this form, if it can be read so.
    fn of(self, values: &Values) -> Option<RestrictedExpression> {
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        Some(match self {
            Self::Text => text(values.one()?),
            Self::Folded => text(&values.one()?.to_lowercase()),
            Self::Number => RestrictedExpression::new_long(number(values.one()?)?),
            Self::Date => RestrictedExpression::new_long(date(values.one()?)?),
            Self::Address => {
                let address: IpAddr = values.one()?.parse().ok()?;
                RestrictedExpression::new_ip(address.to_canonical().to_string())
            }
            Self::Arn => {
                let sections: Vec<&str> = values.one()?.splitn(6, ':').collect();
                if sections.len() != 6 {
                    return None;
                }
                let fields = sections
                    .iter()
                    .enumerate()
                    .map(|(at, section)| (format!("s{at}"), text(section)));
                RestrictedExpression::new_record(fields).ok()?
            }
            Self::Set => {
                RestrictedExpression::new_set(values.all().iter().map(|value| text(value)))
            }
        })
    }
}

/// Whoever asks, as policies name him.
#[derive(Debug, Clone)]
pub struct Asker {
    uid: EntityUid,
    /// Asked of what belongs to his own tenant.
    home: Entities,
    /// Asked of what belongs to another, or where his own policies are asked besides.
    away: Entities,
}

/// Where a policy is from, as seen by who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinship {
    /// From his own tenant.
    Own,
    /// From another, or his own policies are asked besides: naming the tenant names him.
    Other,
}

/// One question.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Who asks.
    pub who: &'a Asker,
    /// For which action.
    pub action: &'static str,
    /// On what: `s3:::bucket/key`.
    pub resource: &'a str,
    /// The values of condition keys.
    pub values: &'a BTreeMap<Key, Values>,
}

/// What a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It allows.
    Allow,
    /// It denies, whatever else allows.
    Deny,
    /// It does not speak of it.
    Silent,
}

impl Asker {
    /// Whoever asks without a signature.
    ///
    /// # Panics
    /// Never: its words are fixed.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(uid("Anonymous", "*"), &[uid("Everybody", "*")], None)
    }

    /// The administrator of a tenant.
    #[must_use]
    pub fn admin(tenant: TenantId) -> Self {
        let account = uid("Account", tenant.to_string());
        let parents = [
            account.clone(),
            uid("Tenant", tenant.to_string()),
            uid("Everybody", "*"),
        ];
        Self::new(uid("Admin", tenant.to_string()), &parents, None)
    }

    /// Somebody of a tenant who is named: a user, or a session of a role.
    #[must_use]
    pub fn named(named: &Named) -> Self {
        let (kind, id) = named.uid();
        let mut parents = vec![uid("Everybody", "*")];
        let tenant = match named {
            Named::Everybody => return Self::anonymous(),
            Named::Tenant(tenant) => return Self::admin(*tenant),
            Named::User(tenant, _) | Named::Role(tenant, _) => *tenant,
            Named::Session(tenant, role, _) => {
                let (kind, id) = Named::Role(*tenant, role.clone()).uid();
                parents.push(uid(kind, id));
                *tenant
            }
        };
        parents.push(uid("Tenant", tenant.to_string()));
        let account = uid("Account", tenant.to_string());
        Self::new(uid(kind, id), &parents, Some(account))
    }

    fn new(own: EntityUid, parents: &[EntityUid], only_away: Option<EntityUid>) -> Self {
        let entities = |more: Option<EntityUid>| {
            let parents: HashSet<EntityUid> = parents.iter().cloned().chain(more).collect();
            Entities::from_entities([Entity::new_no_attrs(own.clone(), parents)], None)
                .expect("one entity without attributes is in no circle")
        };
        Self {
            home: entities(None),
            away: entities(only_away),
            uid: own,
        }
    }
}

impl Compiled {
    /// Says what this policy says.
    #[must_use]
    pub fn judge(&self, ask: &Ask<'_>, kinship: Kinship) -> Word {
        let Some(request) = self.request(ask) else {
            return Word::Deny;
        };
        let entities = match kinship {
            Kinship::Own => &ask.who.home,
            Kinship::Other => &ask.who.away,
        };
        let response = Authorizer::new().is_authorized(&request, &self.policies, entities);
        let diagnostics = response.diagnostics();
        // A statement that could not be evaluated must not let pass.
        if diagnostics.errors().next().is_some() {
            return Word::Deny;
        }
        match response.decision() {
            Decision::Allow => Word::Allow,
            Decision::Deny if diagnostics.reason().next().is_some() => Word::Deny,
            Decision::Deny => Word::Silent,
        }
    }

    fn request(&self, ask: &Ask<'_>) -> Option<Request> {
        let mut context: HashMap<String, RestrictedExpression> = HashMap::new();
        context.insert(
            "resource".to_owned(),
            RestrictedExpression::new_string(ask.resource.to_owned()),
        );
        for (key, reading) in &self.seen.needs {
            if let Some(value) = ask.values.get(key).and_then(|values| reading.of(values)) {
                context.insert(reading.attribute(key), value);
            }
        }
        let value_of = |key: &Key| ask.values.get(key).and_then(Values::one);
        for (number, observation) in self.seen.observed.iter().enumerate() {
            let holds = observation.holds(ask.values.get(&observation.key), &value_of);
            context.insert(name_of(number), RestrictedExpression::new_bool(holds));
        }
        for (number, pattern) in self.seen.resources.iter().enumerate() {
            let holds = pattern.matches(ask.resource, value_of, false);
            context.insert(
                name_of_resource(number),
                RestrictedExpression::new_bool(holds),
            );
        }
        Request::new(
            ask.who.uid.clone(),
            uid("Action", ask.action),
            uid("Resource", ask.resource),
            Context::from_pairs(context).ok()?,
            None,
        )
        .ok()
    }
}

impl std::fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ask")
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

fn uid(kind: &str, id: impl AsRef<str>) -> EntityUid {
    let kind = EntityTypeName::from_str(kind).expect("the kinds of this module are names");
    EntityUid::from_type_name_and_id(kind, EntityId::new(id))
}
