//! Conditions of Cedar policies, compiled for one act, and answered from the transfer itself (docs/decisions/0079).
//!
//! Most conditions speak of members of the schema, compare them and join what comes of it. Those are compiled; whatever else Cedar
//! can say is left to its evaluator, and so is a condition that fails, so that its fault is told in Cedar's words. A test holds each
//! compiled condition of the shipped rules to what the evaluator says.

use cedar_policy_core::ast::{BinaryOp, EntityUID, Expr, ExprKind, Literal, UnaryOp, Var};
use onshore_types::{Jurisdiction, Label, Place, TenantId};

use crate::act::Act;
use crate::facts::{Allowance, ApprovalFact};
use crate::question::{Asked, bytes_left, bytes_of, level_number, personal_number, persons};

/// A condition of a policy, ready to be answered without Cedar's evaluator.
#[derive(Debug)]
pub(crate) struct Compiled(Node);

/// Why a compiled condition has no answer: a member that is not there, or a number that does not fit. Cedar's evaluator says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unanswered;

#[derive(Debug)]
enum Node {
    Fixed(Fixed),
    Word(Word),
    Has(Optional),
    Not(Box<Node>),
    Negative(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    If(Box<[Node; 3]>),
    Compared(Comparison, Box<Node>, Box<Node>),
    Reckoned(Reckoning, Box<Node>, Box<Node>),
    /// Whether a place is in another.
    Within(Box<Node>, Box<Node>),
    /// Whether the principal is in a role.
    InRole(String),
    /// Whether a value is one of those that stand in the policy.
    OneOf(Vec<Fixed>, Box<Node>),
    /// Whether a value is on a list of the rule pack.
    Listed(String, Box<Node>),
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Equal,
    Less,
    NotMore,
}

#[derive(Debug, Clone, Copy)]
enum Reckoning {
    Sum,
    Difference,
    Product,
}

/// A value that stands in a policy.
#[derive(Debug)]
enum Fixed {
    Truth(bool),
    Number(i64),
    Text(String),
    Place(Place),
}

/// A member of the schema that is a value.
#[derive(Debug)]
enum Word {
    PrincipalTenant,
    Owner,
    Label(Member),
    Region,
    From,
    To,
    Now,
    Bytes,
    ApprovalTenant,
    ApprovalTo,
    ApprovalLabel(Member),
    RemainingBytes,
    GrantedAt,
    Until,
    RevokedAt,
    RemainingObjects,
    NeededObjects,
    RemainingPersons,
    NeededPersons,
    Instrument,
    RecipientJurisdiction,
    RecipientKind,
    PurposeTold,
    CriticalInfrastructure,
    StateOrgan,
    NonSensitivePersons,
    SensitivePersons,
    Limit(String),
}

/// A member of a label.
#[derive(Debug, Clone, Copy)]
enum Member {
    Classified,
    Level,
    Personal,
}

/// A member of the schema that may be missing.
#[derive(Debug, Clone, Copy)]
enum Optional {
    PrincipalTenant,
    Owner,
    RevokedAt,
    Instrument,
    Recipient,
}

/// What a part of a condition says.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Said<'a> {
    Truth(bool),
    Number(i64),
    Text(&'a str),
    Place(Place),
    Tenant(TenantId),
}

impl Compiled {
    /// Compiles a condition for an act; none where it says something that only Cedar's evaluator knows.
    pub(crate) fn new(condition: &Expr, act: Act) -> Option<Self> {
        Some(Self(compile(condition, act)?))
    }

    /// Whether the condition holds.
    pub(crate) fn holds(
        &self,
        asked: &Asked<'_>,
        approval: Option<&ApprovalFact>,
    ) -> Result<bool, Unanswered> {
        let at = At { asked, approval };
        self.0.answer(&at)?.truth()
    }
}

/// What is asked, and the approval beside it.
struct At<'a> {
    asked: &'a Asked<'a>,
    approval: Option<&'a ApprovalFact>,
}

impl Said<'_> {
    fn truth(self) -> Result<bool, Unanswered> {
        match self {
            Self::Truth(is_so) => Ok(is_so),
            _ => Err(Unanswered),
        }
    }

    fn number(self) -> Result<i64, Unanswered> {
        match self {
            Self::Number(number) => Ok(number),
            _ => Err(Unanswered),
        }
    }

    fn place(self) -> Result<Place, Unanswered> {
        match self {
            Self::Place(place) => Ok(place),
            _ => Err(Unanswered),
        }
    }
}

impl Fixed {
    fn said(&self) -> Said<'_> {
        match self {
            Self::Truth(is_so) => Said::Truth(*is_so),
            Self::Number(number) => Said::Number(*number),
            Self::Text(text) => Said::Text(text),
            Self::Place(place) => Said::Place(*place),
        }
    }
}

impl Node {
    fn answer<'a>(&'a self, at: &At<'a>) -> Result<Said<'a>, Unanswered> {
        let truth = |node: &'a Self| node.answer(at)?.truth();
        Ok(match self {
            Self::Fixed(fixed) => fixed.said(),
            Self::Word(word) => word.said(at)?,
            Self::Has(optional) => Said::Truth(optional.is_there(at)?),
            Self::Not(inner) => Said::Truth(!truth(inner)?),
            Self::Negative(inner) => {
                let number = inner.answer(at)?.number()?;
                Said::Number(number.checked_neg().ok_or(Unanswered)?)
            }
            Self::And(one, other) => Said::Truth(truth(one)? && truth(other)?),
            Self::Or(one, other) => Said::Truth(truth(one)? || truth(other)?),
            Self::If(parts) => {
                let [test, then, otherwise] = &**parts;
                if truth(test)? {
                    then.answer(at)?
                } else {
                    otherwise.answer(at)?
                }
            }
            Self::Compared(how, one, other) => {
                let (one, other) = (one.answer(at)?, other.answer(at)?);
                Said::Truth(match how {
                    Comparison::Equal => one == other,
                    Comparison::Less => one.number()? < other.number()?,
                    Comparison::NotMore => one.number()? <= other.number()?,
                })
            }
            Self::Reckoned(how, one, other) => {
                let (one, other) = (one.answer(at)?.number()?, other.answer(at)?.number()?);
                let reckoned = match how {
                    Reckoning::Sum => one.checked_add(other),
                    Reckoning::Difference => one.checked_sub(other),
                    Reckoning::Product => one.checked_mul(other),
                };
                Said::Number(reckoned.ok_or(Unanswered)?)
            }
            Self::Within(inner, outer) => {
                let (inner, outer) = (inner.answer(at)?.place()?, outer.answer(at)?.place()?);
                Said::Truth(at.asked.is_within(inner, outer))
            }
            Self::InRole(role) => {
                Said::Truth(at.asked.transfer.principal.role.word() == role.as_str())
            }
            Self::OneOf(all, node) => {
                let said = node.answer(at)?;
                Said::Truth(all.iter().any(|one| one.said() == said))
            }
            Self::Listed(list, node) => {
                let listed = at.asked.around.beside.listed(list).ok_or(Unanswered)?;
                Said::Truth(match node.answer(at)?.place()? {
                    Place::In(jurisdiction) => listed.contains(&jurisdiction),
                    Place::Unknown => false,
                })
            }
        })
    }
}

impl Word {
    fn said<'a>(&self, at: &At<'a>) -> Result<Said<'a>, Unanswered> {
        let (asked, transfer) = (at.asked, at.asked.transfer);
        let exporter = &asked.facts.exporter;
        let approval = || at.approval.ok_or(Unanswered);
        Ok(match self {
            Self::PrincipalTenant => Said::Tenant(transfer.principal.tenant.ok_or(Unanswered)?),
            Self::Owner => Said::Tenant(transfer.subject.owner.ok_or(Unanswered)?),
            Self::Label(member) => member.said(transfer.subject.label),
            Self::Region => Said::Place(Place::In(asked.facts.region)),
            Self::From => Said::Place(transfer.from),
            Self::To => Said::Place(transfer.to),
            Self::Now => Said::Number(asked.now.as_millis()),
            Self::Bytes => Said::Number(bytes_of(transfer)),
            Self::ApprovalTenant => Said::Tenant(approval()?.tenant),
            Self::ApprovalTo => Said::Place(Place::In(approval()?.to)),
            Self::ApprovalLabel(member) => member.said(approval()?.label),
            Self::RemainingBytes => Said::Number(bytes_left(approval()?)),
            Self::GrantedAt => Said::Number(approval()?.granted_at.as_millis()),
            Self::Until => Said::Number(approval()?.until.as_millis()),
            Self::RevokedAt => {
                let revoked_at = approval()?.revoked_at.ok_or(Unanswered)?;
                Said::Number(revoked_at.as_millis())
            }
            Self::RemainingObjects => left(approval()?.objects),
            Self::NeededObjects => needed(approval()?.objects),
            Self::RemainingPersons => left(approval()?.persons),
            Self::NeededPersons => needed(approval()?.persons),
            Self::Instrument => {
                let instrument = approval()?.instrument.as_ref();
                Said::Text(instrument.ok_or(Unanswered)?.as_str())
            }
            Self::RecipientJurisdiction => {
                let recipient = approval()?.recipient.as_ref().ok_or(Unanswered)?;
                Said::Place(Place::In(recipient.jurisdiction))
            }
            Self::RecipientKind => {
                let recipient = approval()?.recipient.as_ref().ok_or(Unanswered)?;
                Said::Text(recipient.kind.word())
            }
            Self::PurposeTold => Said::Truth(approval()?.purpose.is_some()),
            Self::CriticalInfrastructure => Said::Truth(exporter.critical_infrastructure),
            Self::StateOrgan => Said::Truth(exporter.state_organ),
            Self::NonSensitivePersons => Said::Number(persons(exporter.non_sensitive_persons)),
            Self::SensitivePersons => Said::Number(persons(exporter.sensitive_persons)),
            Self::Limit(name) => Said::Number(asked.around.beside.limit(name).ok_or(Unanswered)?),
        })
    }
}

impl Member {
    fn said<'a>(self, label: Label) -> Said<'a> {
        match self {
            Self::Classified => Said::Truth(label != Label::Unclassified),
            Self::Level => Said::Number(level_number(label)),
            Self::Personal => Said::Number(personal_number(label)),
        }
    }
}

impl Optional {
    fn is_there(self, at: &At<'_>) -> Result<bool, Unanswered> {
        let approval = || at.approval.ok_or(Unanswered);
        Ok(match self {
            Self::PrincipalTenant => at.asked.transfer.principal.tenant.is_some(),
            Self::Owner => at.asked.transfer.subject.owner.is_some(),
            Self::RevokedAt => approval()?.revoked_at.is_some(),
            Self::Instrument => approval()?.instrument.is_some(),
            Self::Recipient => approval()?.recipient.is_some(),
        })
    }
}

fn left<'a>(allowance: Option<Allowance>) -> Said<'a> {
    Said::Number(allowance.map_or(0, |allowance| persons(allowance.left)))
}

fn needed<'a>(allowance: Option<Allowance>) -> Said<'a> {
    Said::Number(allowance.map_or(0, |allowance| persons(allowance.needed)))
}

fn compile(expression: &Expr, act: Act) -> Option<Node> {
    let inner = |expression: &Expr| compile(expression, act).map(Box::new);
    Some(match expression.expr_kind() {
        ExprKind::Lit(literal) => Node::Fixed(fixed(literal)?),
        ExprKind::If {
            test_expr,
            then_expr,
            else_expr,
        } => Node::If(Box::new([
            compile(test_expr, act)?,
            compile(then_expr, act)?,
            compile(else_expr, act)?,
        ])),
        // What stands before decides whether the rest is asked at all; a fixed truth is left out.
        ExprKind::And { left, right } => match compile(left, act)? {
            Node::Fixed(Fixed::Truth(true)) => compile(right, act)?,
            Node::Fixed(Fixed::Truth(false)) => Node::Fixed(Fixed::Truth(false)),
            left => Node::And(Box::new(left), inner(right)?),
        },
        ExprKind::Or { left, right } => match compile(left, act)? {
            Node::Fixed(Fixed::Truth(false)) => compile(right, act)?,
            Node::Fixed(Fixed::Truth(true)) => Node::Fixed(Fixed::Truth(true)),
            left => Node::Or(Box::new(left), inner(right)?),
        },
        ExprKind::UnaryApp { op, arg } => match op {
            UnaryOp::Not => match compile(arg, act)? {
                Node::Fixed(Fixed::Truth(is_so)) => Node::Fixed(Fixed::Truth(!is_so)),
                arg => Node::Not(Box::new(arg)),
            },
            UnaryOp::Neg => Node::Negative(inner(arg)?),
            UnaryOp::IsEmpty => return None,
        },
        ExprKind::BinaryApp { op, arg1, arg2 } => match op {
            BinaryOp::Eq => match is_act(arg1, arg2, act) {
                Some(is_it) => Node::Fixed(Fixed::Truth(is_it)),
                None => Node::Compared(Comparison::Equal, inner(arg1)?, inner(arg2)?),
            },
            BinaryOp::Less => Node::Compared(Comparison::Less, inner(arg1)?, inner(arg2)?),
            BinaryOp::LessEq => Node::Compared(Comparison::NotMore, inner(arg1)?, inner(arg2)?),
            BinaryOp::Add => Node::Reckoned(Reckoning::Sum, inner(arg1)?, inner(arg2)?),
            BinaryOp::Sub => Node::Reckoned(Reckoning::Difference, inner(arg1)?, inner(arg2)?),
            BinaryOp::Mul => Node::Reckoned(Reckoning::Product, inner(arg1)?, inner(arg2)?),
            BinaryOp::In => within(arg1, arg2, act)?,
            BinaryOp::Contains => contains(arg1, arg2, act)?,
            _ => return None,
        },
        ExprKind::GetAttr { .. } => Node::Word(word(&path(expression)?)?),
        ExprKind::HasAttr { expr, attr } => {
            let mut path = path(expr)?;
            path.push(attr);
            match optional(&path) {
                Some(optional) => Node::Has(optional),
                // A pack may say of its limits that one may be missing.
                None => match word(&path)? {
                    Word::Limit(_) => return None,
                    _ => Node::Fixed(Fixed::Truth(true)),
                },
            }
        }
        _ => return None,
    })
}

/// Returns the names of the members that lead to a part of the question.
fn path(expression: &Expr) -> Option<Vec<&str>> {
    match expression.expr_kind() {
        ExprKind::Var(Var::Principal) => Some(vec!["principal"]),
        ExprKind::Var(Var::Resource) => Some(vec!["resource"]),
        ExprKind::Var(Var::Context) => Some(vec!["context"]),
        ExprKind::GetAttr { expr, attr } => {
            let mut path = path(expr)?;
            path.push(attr);
            Some(path)
        }
        _ => None,
    }
}

fn word(path: &[&str]) -> Option<Word> {
    let member = |name: &str| {
        Some(match name {
            "classified" => Member::Classified,
            "level" => Member::Level,
            "personal" => Member::Personal,
            _ => return None,
        })
    };
    Some(match *path {
        ["principal", "tenant"] => Word::PrincipalTenant,
        ["resource", "owner"] => Word::Owner,
        ["resource", "label", name] => Word::Label(member(name)?),
        ["context", "region"] => Word::Region,
        ["context", "from"] => Word::From,
        ["context", "to"] => Word::To,
        ["context", "now"] => Word::Now,
        ["context", "bytes"] => Word::Bytes,
        ["context", "approval", "label", name] => Word::ApprovalLabel(member(name)?),
        ["context", "approval", "recipient", "jurisdiction"] => Word::RecipientJurisdiction,
        ["context", "approval", "recipient", "kind"] => Word::RecipientKind,
        ["context", "approval", name] => match name {
            "tenant" => Word::ApprovalTenant,
            "to" => Word::ApprovalTo,
            "remainingBytes" => Word::RemainingBytes,
            "grantedAt" => Word::GrantedAt,
            "until" => Word::Until,
            "revokedAt" => Word::RevokedAt,
            "remainingObjects" => Word::RemainingObjects,
            "neededObjects" => Word::NeededObjects,
            "remainingPersons" => Word::RemainingPersons,
            "neededPersons" => Word::NeededPersons,
            "instrument" => Word::Instrument,
            "purposeTold" => Word::PurposeTold,
            _ => return None,
        },
        ["context", "exporter", name] => match name {
            "criticalInfrastructure" => Word::CriticalInfrastructure,
            "stateOrgan" => Word::StateOrgan,
            "nonSensitivePersons" => Word::NonSensitivePersons,
            "sensitivePersons" => Word::SensitivePersons,
            _ => return None,
        },
        ["context", "limits", name] => Word::Limit(name.to_owned()),
        _ => return None,
    })
}

fn optional(path: &[&str]) -> Option<Optional> {
    Some(match *path {
        ["principal", "tenant"] => Optional::PrincipalTenant,
        ["resource", "owner"] => Optional::Owner,
        ["context", "approval", "revokedAt"] => Optional::RevokedAt,
        ["context", "approval", "instrument"] => Optional::Instrument,
        ["context", "approval", "recipient"] => Optional::Recipient,
        _ => return None,
    })
}

fn fixed(literal: &Literal) -> Option<Fixed> {
    Some(match literal {
        Literal::Bool(is_so) => Fixed::Truth(*is_so),
        Literal::Long(number) => Fixed::Number(*number),
        Literal::String(text) => Fixed::Text(text.to_string()),
        Literal::EntityUID(uid) if is_of(uid, "Jurisdiction") => Fixed::Place(place(uid)?),
        Literal::EntityUID(_) => return None,
    })
}

fn is_of(uid: &EntityUID, kind: &str) -> bool {
    uid.entity_type().to_string() == kind
}

fn name_of(uid: &EntityUID) -> &str {
    uid.eid().as_ref()
}

/// Returns the place that an entity is, by the very name that questions give it.
fn place(uid: &EntityUID) -> Option<Place> {
    let name = name_of(uid);
    if name == crate::question::UNKNOWN {
        return Some(Place::Unknown);
    }
    let jurisdiction = Jurisdiction::parse(name).ok()?;
    (jurisdiction.as_str() == name).then_some(Place::In(jurisdiction))
}

/// Whether an equation asks for the act, and whether it is the one compiled for.
fn is_act(one: &Expr, other: &Expr, act: Act) -> Option<bool> {
    match (one.expr_kind(), other.expr_kind()) {
        (ExprKind::Var(Var::Action), ExprKind::Lit(Literal::EntityUID(uid)))
        | (ExprKind::Lit(Literal::EntityUID(uid)), ExprKind::Var(Var::Action)) => {
            Some(is_of(uid, "Action") && name_of(uid) == act.name())
        }
        _ => None,
    }
}

fn within(inner: &Expr, outer: &Expr, act: Act) -> Option<Node> {
    let fixed = |is_so| Some(Node::Fixed(Fixed::Truth(is_so)));
    match (inner.expr_kind(), outer.expr_kind()) {
        // No action is in a group, so it is in itself alone.
        (ExprKind::Var(Var::Action), ExprKind::Set(all)) => {
            let each = all.iter().map(|one| is_act(inner, one, act));
            let each: Option<Vec<bool>> = each.collect();
            fixed(each?.contains(&true))
        }
        (ExprKind::Var(Var::Action), _) => fixed(is_act(inner, outer, act)?),
        (ExprKind::Var(Var::Principal), ExprKind::Lit(Literal::EntityUID(uid)))
            if is_of(uid, "Role") =>
        {
            Some(Node::InRole(name_of(uid).to_owned()))
        }
        _ => {
            let (inner, outer) = (compile(inner, act)?, compile(outer, act)?);
            Some(Node::Within(Box::new(inner), Box::new(outer)))
        }
    }
}

fn contains(set: &Expr, one: &Expr, act: Act) -> Option<Node> {
    let one = Box::new(compile(one, act)?);
    match set.expr_kind() {
        ExprKind::Set(all) => {
            let each = all.iter().map(|one| match one.expr_kind() {
                ExprKind::Lit(literal) => fixed(literal),
                _ => None,
            });
            Some(Node::OneOf(each.collect::<Option<_>>()?, one))
        }
        _ => match *path(set)? {
            ["context", "lists", name] => Some(Node::Listed(name.to_owned(), one)),
            _ => None,
        },
    }
}
