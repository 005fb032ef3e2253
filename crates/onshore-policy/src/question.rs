//! One transfer put into the words of the rule pack's schema. It translates; it decides nothing.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use onshore_types::{Jurisdiction, Label, Level, Personal, Place, TenantId, Timestamp};

use crate::act::Act;
use crate::facts::{Allowance, ApprovalFact, Facts};
use crate::rule_pack::Border;
use crate::transfer::{Role, Transfer};

/// The id of the place that nobody knows. A jurisdiction is two capitals, so none is called so.
const UNKNOWN: &str = "unknown";

/// More than any approval can have left: what does not fit into a number of the rules is never covered.
const BYTES_MAX: i64 = i64::MAX;

/// The names of the schema, parsed once.
pub(crate) struct Vocabulary {
    principal: EntityTypeName,
    subject: EntityTypeName,
    tenant: EntityTypeName,
    jurisdiction: EntityTypeName,
    role: EntityTypeName,
    action: EntityTypeName,
}

/// A transfer, the entities it speaks of, and the approvals that may be put beside it one at a time.
pub(crate) struct Question<'a> {
    vocabulary: &'a Vocabulary,
    facts: &'a Facts,
    transfer: &'a Transfer,
    act: Act,
    now: Timestamp,
    principal: EntityUid,
    action: EntityUid,
    subject: EntityUid,
    entities: Entities,
    beside: &'a Context,
}

/// What the rule pack in force puts around a question.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    /// Whether there is a border.
    pub(crate) border: Border,
    /// The limits and lists of the day.
    pub(crate) beside: &'a Context,
}

/// Why a transfer cannot be put into words. The text names no name that people gave.
#[derive(Debug)]
pub(crate) struct Unspeakable(pub(crate) String);

impl Vocabulary {
    pub(crate) fn new() -> Self {
        let name = |text: &str| {
            EntityTypeName::from_str(text)
                .expect("the types of the embedded schema are well-formed")
        };
        Self {
            principal: name("Principal"),
            subject: name("Subject"),
            tenant: name("Tenant"),
            jurisdiction: name("Jurisdiction"),
            role: name("Role"),
            action: name("Action"),
        }
    }

    fn tenant(&self, tenant: TenantId) -> EntityUid {
        uid(&self.tenant, tenant.to_string())
    }

    fn jurisdiction(&self, jurisdiction: Jurisdiction) -> EntityUid {
        uid(&self.jurisdiction, jurisdiction.as_str())
    }

    /// Returns a jurisdiction as a value of a list.
    pub(crate) fn jurisdiction_expression(
        &self,
        jurisdiction: Jurisdiction,
    ) -> RestrictedExpression {
        entity(self.jurisdiction(jurisdiction))
    }

    fn place(&self, place: Place) -> EntityUid {
        match place {
            Place::In(jurisdiction) => self.jurisdiction(jurisdiction),
            Place::Unknown => uid(&self.jurisdiction, UNKNOWN),
        }
    }

    fn role(&self, role: Role) -> EntityUid {
        let name = match role {
            Role::Operator => "operator",
            Role::Regulator => "regulator",
            Role::Auditor => "auditor",
            Role::TenantAdmin => "tenant-admin",
            Role::TenantUser => "tenant-user",
            Role::SupportEngineer => "support-engineer",
        };
        uid(&self.role, name)
    }

    /// Returns the action that an act is in the schema.
    pub(crate) fn action(&self, act: Act) -> EntityUid {
        uid(&self.action, act.name())
    }
}

impl<'a> Question<'a> {
    /// Puts a transfer into words. `approvals` are those that may be put beside it.
    pub(crate) fn new(
        vocabulary: &'a Vocabulary,
        facts: &'a Facts,
        transfer: &'a Transfer,
        act: Act,
        approvals: &[&ApprovalFact],
        around: Around<'a>,
        now: Timestamp,
    ) -> Result<Self, Unspeakable> {
        let asked = &transfer.principal;
        let principal = uid(&vocabulary.principal, asked.id.to_string());
        let subject = uid(
            &vocabulary.subject,
            transfer
                .subject
                .bucket
                .map_or_else(|| "no-bucket".to_owned(), |bucket| bucket.to_string()),
        );
        let mut who = HashMap::new();
        if let Some(tenant) = asked.tenant {
            who.insert("tenant".to_owned(), entity(vocabulary.tenant(tenant)));
        }
        let mut what = HashMap::from([("label".to_owned(), label(transfer.subject.label)?)]);
        if let Some(owner) = transfer.subject.owner {
            what.insert("owner".to_owned(), entity(vocabulary.tenant(owner)));
        }
        let roles = HashSet::from([vocabulary.role(asked.role)]);
        let mut entities = vec![
            Entity::new(principal.clone(), who, roles).map_err(unspeakable)?,
            Entity::new(subject.clone(), what, HashSet::new()).map_err(unspeakable)?,
        ];
        let action = vocabulary.action(act);
        for place in places(transfer) {
            let mut containing: HashSet<EntityUid> = std::iter::once(facts.region)
                .chain(approvals.iter().map(|approval| approval.to))
                .filter(|outer| Place::In(*outer) != place && outer.contains(place, now))
                .map(|outer| vocabulary.jurisdiction(outer))
                .collect();
            if around.border == Border::Open && Place::In(facts.region) != place {
                containing.insert(vocabulary.jurisdiction(facts.region));
            }
            // Every place is in itself; only one that is in another needs telling.
            if !containing.is_empty() {
                entities.push(Entity::new_no_attrs(vocabulary.place(place), containing));
            }
        }
        Ok(Self {
            vocabulary,
            facts,
            transfer,
            act,
            now,
            principal,
            action,
            subject,
            entities: Entities::from_entities(entities, None).map_err(unspeakable)?,
            beside: around.beside,
        })
    }

    /// Returns the action that is asked about.
    pub(crate) fn act(&self) -> Act {
        self.act
    }

    /// Returns the entities the question speaks of.
    pub(crate) fn entities(&self) -> &Entities {
        &self.entities
    }

    /// Returns the question itself, with or without one approval beside it.
    pub(crate) fn request(&self, approval: Option<&ApprovalFact>) -> Result<Request, Unspeakable> {
        let words = self.vocabulary;
        let mut context = vec![
            (
                "region".to_owned(),
                entity(words.jurisdiction(self.facts.region)),
            ),
            ("from".to_owned(), entity(words.place(self.transfer.from))),
            ("to".to_owned(), entity(words.place(self.transfer.to))),
        ];
        if let Some(approval) = approval {
            let bytes = i64::try_from(self.transfer.subject.range.len_bytes).unwrap_or(BYTES_MAX);
            context.push(("now".to_owned(), long(self.now.as_millis())));
            context.push(("bytes".to_owned(), long(bytes)));
            context.push(("approval".to_owned(), self.approval(approval)?));
            context.push(("exporter".to_owned(), self.exporter()?));
        }
        let mut context = Context::from_pairs(context).map_err(unspeakable)?;
        if approval.is_some() {
            context = context.merge(self.beside.clone()).map_err(unspeakable)?;
        }
        Request::new(
            self.principal.clone(),
            self.action.clone(),
            self.subject.clone(),
            context,
            None,
        )
        .map_err(unspeakable)
    }

    fn exporter(&self) -> Result<RestrictedExpression, Unspeakable> {
        let exporter = &self.facts.exporter;
        RestrictedExpression::new_record([
            (
                "criticalInfrastructure".to_owned(),
                RestrictedExpression::new_bool(exporter.critical_infrastructure),
            ),
            (
                "stateOrgan".to_owned(),
                RestrictedExpression::new_bool(exporter.state_organ),
            ),
            (
                "nonSensitivePersons".to_owned(),
                long(persons(exporter.non_sensitive_persons)),
            ),
            (
                "sensitivePersons".to_owned(),
                long(persons(exporter.sensitive_persons)),
            ),
        ])
        .map_err(unspeakable)
    }

    fn approval(&self, approval: &ApprovalFact) -> Result<RestrictedExpression, Unspeakable> {
        let words = self.vocabulary;
        let remaining = i64::try_from(approval.remaining_bytes)
            .unwrap_or(BYTES_MAX)
            .min(BYTES_MAX - 1);
        let mut fields = vec![
            ("tenant".to_owned(), entity(words.tenant(approval.tenant))),
            ("to".to_owned(), entity(words.jurisdiction(approval.to))),
            ("label".to_owned(), label(approval.label)?),
            ("remainingBytes".to_owned(), long(remaining)),
            (
                "grantedAt".to_owned(),
                long(approval.granted_at.as_millis()),
            ),
            ("until".to_owned(), long(approval.until.as_millis())),
            (
                "purposeTold".to_owned(),
                RestrictedExpression::new_bool(approval.purpose.is_some()),
            ),
        ];
        for (kind, allowance) in [("Objects", approval.objects), ("Persons", approval.persons)] {
            let allowance = allowance.unwrap_or(Allowance { left: 0, needed: 0 });
            fields.push((format!("remaining{kind}"), long(persons(allowance.left))));
            fields.push((format!("needed{kind}"), long(persons(allowance.needed))));
        }
        if let Some(instrument) = &approval.instrument {
            fields.push((
                "instrument".to_owned(),
                RestrictedExpression::new_string(instrument.to_string()),
            ));
        }
        if let Some(recipient) = &approval.recipient {
            let recipient = RestrictedExpression::new_record([
                (
                    "jurisdiction".to_owned(),
                    entity(words.jurisdiction(recipient.jurisdiction)),
                ),
                (
                    "kind".to_owned(),
                    RestrictedExpression::new_string(recipient.kind.word().to_owned()),
                ),
            ]);
            fields.push(("recipient".to_owned(), recipient.map_err(unspeakable)?));
        }
        if let Some(revoked_at) = approval.revoked_at {
            fields.push(("revokedAt".to_owned(), long(revoked_at.as_millis())));
        }
        RestrictedExpression::new_record(fields).map_err(unspeakable)
    }
}

/// There are not so many people that adding two of these numbers leaves what the rules can count.
fn persons(number: u64) -> i64 {
    const PERSONS_MAX: i64 = 1 << 53;
    i64::try_from(number)
        .unwrap_or(PERSONS_MAX)
        .min(PERSONS_MAX)
}

/// The places of a transfer, each once.
fn places(transfer: &Transfer) -> impl Iterator<Item = Place> {
    let other = (transfer.from != transfer.to).then_some(transfer.to);
    std::iter::once(transfer.from).chain(other)
}

fn uid(kind: &EntityTypeName, id: impl AsRef<str>) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(id))
}

fn entity(uid: EntityUid) -> RestrictedExpression {
    RestrictedExpression::new_entity_uid(uid)
}

fn long(value: i64) -> RestrictedExpression {
    RestrictedExpression::new_long(value)
}

fn label(label: Label) -> Result<RestrictedExpression, Unspeakable> {
    let (classified, level, personal) = match label {
        Label::Unclassified => (false, i64::MAX, i64::MAX),
        Label::Known { level, personal } => (
            true,
            match level {
                Level::General => 0,
                Level::Important => 1,
                Level::Core => 2,
            },
            match personal {
                Personal::None => 0,
                Personal::Personal => 1,
                Personal::Sensitive => 2,
            },
        ),
    };
    RestrictedExpression::new_record([
        (
            "classified".to_owned(),
            RestrictedExpression::new_bool(classified),
        ),
        ("level".to_owned(), long(level)),
        ("personal".to_owned(), long(personal)),
    ])
    .map_err(unspeakable)
}

fn unspeakable(fault: impl std::error::Error) -> Unspeakable {
    Unspeakable(fault.to_string())
}
