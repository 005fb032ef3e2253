//! One transfer put into the words of the rule pack's schema. It translates; it decides nothing.
//!
//! The words are built as values of Cedar's evaluator, not as expressions that it would have to evaluate first: that took
//! more than half of a decision (docs/decisions/0037).

use std::collections::HashSet;
use std::str::FromStr;
use std::sync::Arc;

use cedar_policy_core::ast::{
    Context, Eid, Entity, EntityType, EntityUID, PartialValue, Request, Value,
};
use cedar_policy_core::entities::{Entities, NoEntitiesSchema, TCComputation};
use cedar_policy_core::extensions::Extensions;
use onshore_types::{Jurisdiction, Label, Level, Personal, Place, TenantId, Timestamp};

use crate::act::Act;
use crate::facts::{Allowance, ApprovalFact, Facts};
use crate::rule_pack::{Beside, Border};
use crate::transfer::{Role, Transfer};

/// The id of the place that nobody knows. A jurisdiction is two capitals, so none is called so.
const UNKNOWN: &str = "unknown";

/// More than any approval can have left: what does not fit into a number of the rules is never covered.
const BYTES_MAX: i64 = i64::MAX;

/// The names of the schema, parsed once.
pub(crate) struct Vocabulary {
    principal: EntityType,
    subject: EntityType,
    tenant: EntityType,
    jurisdiction: EntityType,
    role: EntityType,
    action: EntityType,
}

/// A transfer, the entities it speaks of, and the approvals that may be put beside it one at a time.
pub(crate) struct Question<'a> {
    vocabulary: &'a Vocabulary,
    facts: &'a Facts,
    transfer: &'a Transfer,
    act: Act,
    now: Timestamp,
    principal: EntityUID,
    action: EntityUID,
    subject: EntityUID,
    entities: Entities,
    beside: &'a Beside,
}

/// What the rule pack in force puts around a question.
#[derive(Clone, Copy)]
pub(crate) struct Around<'a> {
    /// Whether there is a border.
    pub(crate) border: Border,
    /// The limits and lists of the day.
    pub(crate) beside: &'a Beside,
}

/// Why a transfer cannot be put into words. The text names no name that people gave.
#[derive(Debug)]
pub(crate) struct Unspeakable(pub(crate) String);

impl Vocabulary {
    pub(crate) fn new() -> Self {
        let name = |text: &str| {
            EntityType::from_str(text).expect("the types of the embedded schema are well-formed")
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

    fn tenant(&self, tenant: TenantId) -> EntityUID {
        uid(&self.tenant, tenant.to_string())
    }

    fn jurisdiction(&self, jurisdiction: Jurisdiction) -> EntityUID {
        uid(&self.jurisdiction, jurisdiction.as_str())
    }

    /// Returns a jurisdiction as a value of a list.
    pub(crate) fn jurisdiction_value(&self, jurisdiction: Jurisdiction) -> Value {
        self.jurisdiction(jurisdiction).into()
    }

    fn place(&self, place: Place) -> EntityUID {
        match place {
            Place::In(jurisdiction) => self.jurisdiction(jurisdiction),
            Place::Unknown => uid(&self.jurisdiction, UNKNOWN),
        }
    }

    fn role(&self, role: Role) -> EntityUID {
        let name = match role {
            Role::Operator => "operator",
            Role::Regulator => "regulator",
            Role::Auditor => "auditor",
            Role::TenantAdmin => "tenant-admin",
            Role::TenantUser => "tenant-user",
            Role::SupportEngineer => "support-engineer",
            Role::OutgoingProvider => "outgoing-provider",
            Role::Worker => "worker",
        };
        uid(&self.role, name)
    }

    /// Returns the action that an act is in the schema.
    pub(crate) fn action(&self, act: Act) -> EntityUID {
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
        let who = asked
            .tenant
            .map(|tenant| ("tenant", vocabulary.tenant(tenant).into()));
        let owner = transfer.subject.owner;
        let owner = owner.map(|owner| ("owner", vocabulary.tenant(owner).into()));
        let what = std::iter::once(("label", label(transfer.subject.label))).chain(owner);
        let roles = HashSet::from([vocabulary.role(asked.role)]);
        let mut entities = vec![
            entity(&principal, who, roles),
            entity(&subject, what, HashSet::new()),
        ];
        let action = vocabulary.action(act);
        for place in places(transfer) {
            let mut containing: HashSet<EntityUID> = std::iter::once(facts.region)
                .chain(approvals.iter().map(|approval| approval.to))
                .filter(|outer| Place::In(*outer) != place && outer.contains(place, now))
                .map(|outer| vocabulary.jurisdiction(outer))
                .collect();
            if around.border == Border::Open && Place::In(facts.region) != place {
                containing.insert(vocabulary.jurisdiction(facts.region));
            }
            // Every place is in itself; only one that is in another needs telling.
            if !containing.is_empty() {
                entities.push(entity(&vocabulary.place(place), [], containing));
            }
        }
        // What contains them is told of each, and contains no more itself: nothing is left to be closed.
        let entities = Entities::from_entities(
            entities,
            None::<&NoEntitiesSchema>,
            TCComputation::AssumeAlreadyComputed,
            Extensions::all_available(),
        );
        Ok(Self {
            vocabulary,
            facts,
            transfer,
            act,
            now,
            principal,
            action,
            subject,
            entities: entities.map_err(|fault| Unspeakable(fault.to_string()))?,
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
    pub(crate) fn request(&self, approval: Option<&ApprovalFact>) -> Request {
        let words = self.vocabulary;
        let mut context: Vec<(&str, Value)> = vec![
            ("region", words.jurisdiction(self.facts.region).into()),
            ("from", words.place(self.transfer.from).into()),
            ("to", words.place(self.transfer.to).into()),
        ];
        if let Some(approval) = approval {
            let bytes = i64::try_from(self.transfer.leaving_bytes()).unwrap_or(BYTES_MAX);
            context.extend([
                ("now", self.now.as_millis().into()),
                ("bytes", bytes.into()),
                ("approval", self.approval(approval)),
                ("exporter", self.exporter()),
                ("limits", self.beside.limits.clone()),
                ("lists", self.beside.lists.clone()),
            ]);
        }
        let context = context
            .into_iter()
            .map(|(name, value)| (name.into(), value));
        Request::new_unchecked(
            self.principal.clone().into(),
            self.action.clone().into(),
            self.subject.clone().into(),
            Some(Context::Value(Arc::new(context.collect()))),
        )
    }

    fn exporter(&self) -> Value {
        let exporter = &self.facts.exporter;
        record([
            (
                "criticalInfrastructure",
                exporter.critical_infrastructure.into(),
            ),
            ("stateOrgan", exporter.state_organ.into()),
            (
                "nonSensitivePersons",
                persons(exporter.non_sensitive_persons).into(),
            ),
            (
                "sensitivePersons",
                persons(exporter.sensitive_persons).into(),
            ),
        ])
    }

    fn approval(&self, approval: &ApprovalFact) -> Value {
        let words = self.vocabulary;
        let remaining = i64::try_from(approval.remaining_bytes)
            .unwrap_or(BYTES_MAX)
            .min(BYTES_MAX - 1);
        let limit = |allowance: Option<Allowance>| {
            let allowance = allowance.unwrap_or(Allowance { left: 0, needed: 0 });
            (persons(allowance.left), persons(allowance.needed))
        };
        let (objects, persons) = (limit(approval.objects), limit(approval.persons));
        let mut fields: Vec<(&str, Value)> = vec![
            ("tenant", words.tenant(approval.tenant).into()),
            ("to", words.jurisdiction(approval.to).into()),
            ("label", label(approval.label)),
            ("remainingBytes", remaining.into()),
            ("grantedAt", approval.granted_at.as_millis().into()),
            ("until", approval.until.as_millis().into()),
            ("purposeTold", approval.purpose.is_some().into()),
            ("remainingObjects", objects.0.into()),
            ("neededObjects", objects.1.into()),
            ("remainingPersons", persons.0.into()),
            ("neededPersons", persons.1.into()),
        ];
        if let Some(instrument) = &approval.instrument {
            fields.push(("instrument", instrument.to_string().into()));
        }
        if let Some(recipient) = &approval.recipient {
            let recipient = record([
                (
                    "jurisdiction",
                    words.jurisdiction(recipient.jurisdiction).into(),
                ),
                ("kind", recipient.kind.word().into()),
            ]);
            fields.push(("recipient", recipient));
        }
        if let Some(revoked_at) = approval.revoked_at {
            fields.push(("revokedAt", revoked_at.as_millis().into()));
        }
        record(fields)
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

fn uid(kind: &EntityType, id: impl AsRef<str>) -> EntityUID {
    EntityUID::from_components(kind.clone(), Eid::new(id.as_ref()), None)
}

fn entity(
    uid: &EntityUID,
    attributes: impl IntoIterator<Item = (&'static str, Value)>,
    within: HashSet<EntityUID>,
) -> Entity {
    let attributes = attributes
        .into_iter()
        .map(|(name, value)| (name.into(), PartialValue::Value(value)));
    Entity::new_with_attr_partial_value(uid.clone(), attributes, HashSet::new(), within, [])
}

fn record(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::record(fields, None)
}

fn label(label: Label) -> Value {
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
    record([
        ("classified", classified.into()),
        ("level", level.into()),
        ("personal", personal.into()),
    ])
}
