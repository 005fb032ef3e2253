//! One transfer put into the words of the rule pack's schema. It translates; it decides nothing.
//!
//! Compiled conditions are answered from [`Asked`] itself; its words for Cedar's evaluator are made when a condition needs them.
//! The words are built as values of Cedar's evaluator, not as expressions that it would have to evaluate first: that took
//! more than half of a decision (docs/decisions/0037).

use std::cell::OnceCell;
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
pub(crate) const UNKNOWN: &str = "unknown";

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

/// A transfer, what it is judged against, and the approvals that may be put beside it one at a time.
pub(crate) struct Asked<'a> {
    pub(crate) vocabulary: &'a Vocabulary,
    pub(crate) facts: &'a Facts,
    pub(crate) transfer: &'a Transfer,
    pub(crate) act: Act,
    pub(crate) approvals: &'a [&'a ApprovalFact],
    pub(crate) around: Around<'a>,
    pub(crate) now: Timestamp,
    pub(crate) question: OnceCell<Question>,
}

/// It in the words of Cedar's evaluator: who, which act, on what, and the entities these speak of.
pub(crate) struct Question {
    principal: EntityUID,
    action: EntityUID,
    subject: EntityUID,
    entities: Entities,
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
        uid(&self.role, role.word())
    }

    /// Returns the action that an act is in the schema.
    pub(crate) fn action(&self, act: Act) -> EntityUID {
        uid(&self.action, act.name())
    }
}

impl<'a> Asked<'a> {
    /// Asks about a transfer. `approvals` are those that may be put beside it.
    pub(crate) fn new(
        vocabulary: &'a Vocabulary,
        facts: &'a Facts,
        (transfer, act): (&'a Transfer, Act),
        approvals: &'a [&'a ApprovalFact],
        around: Around<'a>,
        now: Timestamp,
    ) -> Self {
        Self {
            vocabulary,
            facts,
            transfer,
            act,
            approvals,
            around,
            now,
            question: OnceCell::new(),
        }
    }

    /// Whether a place is in another, as far as a question tells: a place of the transfer is in the region and where approvals lead to,
    /// and any place is in itself.
    pub(crate) fn is_within(&self, inner: Place, outer: Place) -> bool {
        if inner == outer {
            return true;
        }
        let is_of_transfer = inner == self.transfer.from || inner == self.transfer.to;
        let Place::In(outer) = outer else {
            return false;
        };
        is_of_transfer && self.containing(inner).any(|one| one == outer)
    }

    /// Returns which jurisdictions contain a place of the transfer, as far as the question tells, beside itself.
    fn containing(&self, place: Place) -> impl Iterator<Item = Jurisdiction> {
        let region = self.facts.region;
        let is_open = self.around.border == Border::Open && Place::In(region) != place;
        let told = std::iter::once(region).chain(self.approvals.iter().map(|approval| approval.to));
        let contains = move |outer: &Jurisdiction| {
            Place::In(*outer) != place && outer.contains(place, self.now)
        };
        told.filter(contains).chain(is_open.then_some(region))
    }

    /// Returns it in the words of Cedar's evaluator, which are made once.
    pub(crate) fn question(&self) -> Result<&Question, Unspeakable> {
        if let Some(question) = self.question.get() {
            return Ok(question);
        }
        let question = self.in_words()?;
        Ok(self.question.get_or_init(|| question))
    }

    fn in_words(&self) -> Result<Question, Unspeakable> {
        let (vocabulary, transfer) = (self.vocabulary, self.transfer);
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
        let action = vocabulary.action(self.act);
        for place in places(transfer) {
            let containing = self.containing(place);
            let containing: HashSet<EntityUID> = containing
                .map(|outer| vocabulary.jurisdiction(outer))
                .collect();
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
        Ok(Question {
            principal,
            action,
            subject,
            entities: entities.map_err(|fault| Unspeakable(fault.to_string()))?,
        })
    }

    /// Returns the question itself, with or without one approval beside it.
    pub(crate) fn request(&self, question: &Question, approval: Option<&ApprovalFact>) -> Request {
        let words = self.vocabulary;
        let mut context: Vec<(&str, Value)> = vec![
            ("region", words.jurisdiction(self.facts.region).into()),
            ("from", words.place(self.transfer.from).into()),
            ("to", words.place(self.transfer.to).into()),
        ];
        if let Some(approval) = approval {
            context.extend([
                ("now", self.now.as_millis().into()),
                ("bytes", bytes_of(self.transfer).into()),
                ("approval", self.approval(approval)),
                ("exporter", self.exporter()),
                ("limits", self.around.beside.limits.clone()),
                ("lists", self.around.beside.lists.clone()),
            ]);
        }
        let context = context
            .into_iter()
            .map(|(name, value)| (name.into(), value));
        Request::new_unchecked(
            question.principal.clone().into(),
            question.action.clone().into(),
            question.subject.clone().into(),
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
        let limit = |allowance: Option<Allowance>| {
            let allowance = allowance.unwrap_or(Allowance { left: 0, needed: 0 });
            (persons(allowance.left), persons(allowance.needed))
        };
        let (objects, persons) = (limit(approval.objects), limit(approval.persons));
        let mut fields: Vec<(&str, Value)> = vec![
            ("tenant", words.tenant(approval.tenant).into()),
            ("to", words.jurisdiction(approval.to).into()),
            ("label", label(approval.label)),
            ("remainingBytes", bytes_left(approval).into()),
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

impl Question {
    /// Returns the entities the question speaks of.
    pub(crate) fn entities(&self) -> &Entities {
        &self.entities
    }
}

/// Returns how many bytes a transfer takes of an approval, as a number of the rules.
pub(crate) fn bytes_of(transfer: &Transfer) -> i64 {
    i64::try_from(transfer.leaving_bytes()).unwrap_or(BYTES_MAX)
}

/// Returns how many bytes an approval has left, as a number of the rules.
pub(crate) fn bytes_left(approval: &ApprovalFact) -> i64 {
    let left = i64::try_from(approval.remaining_bytes).unwrap_or(BYTES_MAX);
    left.min(BYTES_MAX - 1)
}

/// There are not so many people that adding two of these numbers leaves what the rules can count.
pub(crate) fn persons(number: u64) -> i64 {
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
    record([
        ("classified", (label != Label::Unclassified).into()),
        ("level", level_number(label).into()),
        ("personal", personal_number(label).into()),
    ])
}

/// Returns the level of a label as a number of the rules.
pub(crate) fn level_number(label: Label) -> i64 {
    match label {
        Label::Unclassified => i64::MAX,
        Label::Known { level, .. } => match level {
            Level::General => 0,
            Level::Important => 1,
            Level::Core => 2,
        },
    }
}

/// Returns whether a label says personal, as a number of the rules.
pub(crate) fn personal_number(label: Label) -> i64 {
    match label {
        Label::Unclassified => i64::MAX,
        Label::Known { personal, .. } => match personal {
            Personal::None => 0,
            Personal::Personal => 1,
            Personal::Sensitive => 2,
        },
    }
}
