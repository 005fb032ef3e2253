//! Decides a transfer: asks the rules, once without an approval and then with each that might carry it, and turns what
//! they say into a grant or the nearest cause. An error of any kind is a refusal.

use std::fmt;
use std::sync::Arc;

use cedar_policy_core::ast::{Literal, SlotEnv, ValueKind};
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;
use onshore_types::Timestamp;

use crate::act::Act;
use crate::compiled::Unanswered;
use crate::facts::{ApprovalFact, Facts};
use crate::policy::{Cause, Meaning, Policy, Speaking};
use crate::question::{Around, Asked, Unspeakable};
use crate::rule::{Ground, Rule};
use crate::transfer::Transfer;
use crate::verdict::{Basis, Grant, Refusal, Verdict};

/// What the rules say to one question.
enum Answer {
    Permitted(Ground),
    Forbidden(Cause),
}

impl Policy {
    /// Decides whether a transfer may happen. Of several approvals that permit it, the one that ends soonest carries it;
    /// when none does, the refusal names the one that came nearest.
    pub fn decide(&self, facts: &Facts, transfer: &Transfer, now: Timestamp) -> Verdict {
        match self.judge(facts, transfer, now) {
            Ok(grant) => Verdict::Allowed(grant),
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    fn judge(&self, facts: &Facts, transfer: &Transfer, now: Timestamp) -> Result<Grant, Refusal> {
        let act = Act::of(transfer.flow);
        let under = act.under_approval();
        // What leaves and is not general leaves under an approval or not at all: then that is asked first, and what is
        // missing only when it was in vain.
        let is_free = transfer.subject.label.is_free();
        let is_outward = !self.is_inside(facts.region, transfer.to, now);
        let mut carried = None;
        if let Some(under) = under.filter(|_| is_outward && !is_free) {
            match self.judge_approvals(facts, transfer, under, now)? {
                Ok(grant) => return Ok(grant),
                Err(refusal) => carried = Some(refusal),
            }
        }
        let around = Around {
            border: self.border(),
            beside: self.nothing_beside(),
        };
        let asked = Asked::new(&self.vocabulary, facts, (transfer, act), &[], around, now);
        match (self.ask(&asked, None)?, carried) {
            (Answer::Permitted(ground), _) => grant(transfer, ground, None),
            (Answer::Forbidden(Cause::Border(Rule::NoApproval)), Some(refusal)) => Err(refusal),
            (Answer::Forbidden(cause), _) => refuse(transfer, &cause, None),
        }
    }

    /// Is there an approval that carries it? The inner error is the refusal for want of one.
    fn judge_approvals(
        &self,
        facts: &Facts,
        transfer: &Transfer,
        act: Act,
        now: Timestamp,
    ) -> Result<Result<Grant, Refusal>, Refusal> {
        let approvals = candidates(facts, transfer, now);
        if approvals.is_empty() {
            return Ok(Err(Refusal::NoApproval));
        }
        let around = Around {
            border: self.border(),
            beside: self
                .beside(now)
                .ok_or_else(|| broken("a limit of the rule pack has no value on this day"))?,
        };
        let words = &self.vocabulary;
        let asked = Asked::new(words, facts, (transfer, act), &approvals, around, now);
        let mut nearest: Option<(Cause, &ApprovalFact)> = None;
        for &approval in &approvals {
            match self.ask(&asked, Some(approval))? {
                Answer::Permitted(ground) => {
                    return grant(transfer, ground, Some(approval)).map(Ok);
                }
                Answer::Forbidden(cause) => {
                    nearest = nearest.into_iter().chain([(cause, approval)]).max_by(
                        |(a, by), (b, other)| (a, by.until, by.id).cmp(&(b, other.until, other.id)),
                    );
                }
            }
        }
        Ok(match nearest {
            None => Err(Refusal::NoApproval),
            Some((cause, approval)) => refuse(transfer, &cause, Some(approval)),
        })
    }

    /// Asks every policy that can speak of the act: one that forbids is heard before any that permits. A policy that cannot
    /// be evaluated spoils it whole, where Cedar's own authorizer passes over it: a broken `forbid` must not let pass.
    fn ask(&self, asked: &Asked<'_>, approval: Option<&ApprovalFact>) -> Result<Answer, Refusal> {
        let policies = self
            .speaking_of(asked.act)
            .ok_or_else(|| broken("no rule speaks of this act"))?;
        let (mut ground, mut cause) = (None, None);
        for speaking in policies {
            if !speaking.holds(asked, approval)? {
                continue;
            }
            match &speaking.meaning {
                Meaning::Permits(on) => ground = nearer(ground, on),
                Meaning::Forbids(because) => cause = nearer(cause, because),
            }
        }
        match (cause, ground) {
            (Some(cause), _) => Ok(Answer::Forbidden(cause.clone())),
            (None, Some(ground)) => Ok(Answer::Permitted(*ground)),
            (None, None) => Err(broken("no rule speaks of this transfer")),
        }
    }
}

impl Speaking {
    /// Whether what the policy says holds. What was compiled answers by itself; Cedar's evaluator answers for the rest, and says what is
    /// wrong where nothing answers.
    fn holds(&self, asked: &Asked<'_>, approval: Option<&ApprovalFact>) -> Result<bool, Refusal> {
        let compiled = self.compiled.as_ref();
        match compiled.map(|compiled| compiled.holds(asked, approval)) {
            Some(Ok(holds)) => Ok(holds),
            Some(Err(Unanswered)) | None => self.evaluated(asked, approval),
        }
    }

    /// Whether it holds, as Cedar's evaluator says.
    fn evaluated(
        &self,
        asked: &Asked<'_>,
        approval: Option<&ApprovalFact>,
    ) -> Result<bool, Refusal> {
        let spoilt = |fault: &dyn fmt::Display| Refusal::PolicyError {
            detail: format!("policy `{}`: {fault}", self.id),
        };
        let question = asked.question()?;
        let evaluator = Evaluator::new(
            asked.request(question, approval),
            question.entities(),
            Extensions::all_available(),
        );
        let said = evaluator
            .interpret(&self.condition, &SlotEnv::new())
            .map_err(|fault| spoilt(&fault))?;
        match said.value_kind() {
            ValueKind::Lit(Literal::Bool(holds)) => Ok(*holds),
            _ => Err(spoilt(&"it says neither yes nor no")),
        }
    }
}

/// Of what was found and what is found, what is told.
fn nearer<'p, T: Ord>(known: Option<&'p T>, found: &'p T) -> Option<&'p T> {
    Some(known.map_or(found, |known| known.min(found)))
}

/// A refusal of what cannot be judged.
fn broken(detail: &str) -> Refusal {
    Refusal::PolicyError {
        detail: detail.to_owned(),
    }
}

/// The approvals that may carry a transfer: those of its owner that are for its place and class, those that have not ended
/// first, and of these the one that ends soonest. Where none is, the one that the refusal will name. This saves questions
/// and chooses among several; whether one permits is for the rules to say, which look at place and class as well.
fn candidates<'f>(facts: &'f Facts, transfer: &Transfer, now: Timestamp) -> Vec<&'f ApprovalFact> {
    let subject = &transfer.subject;
    let own = |approval: &&ApprovalFact| Some(approval.tenant) == subject.owner;
    let mut approvals: Vec<&ApprovalFact> = facts
        .approvals
        .iter()
        .filter(own)
        .filter(|approval| {
            approval.label.covers(subject.label) && approval.to.contains(transfer.to, now)
        })
        .collect();
    if approvals.is_empty() {
        let last = facts.approvals.iter().filter(own);
        return last
            .max_by_key(|approval| (approval.until, approval.id))
            .into_iter()
            .collect();
    }
    approvals.sort_unstable_by_key(|approval| {
        let has_ended = approval.until <= now;
        (has_ended, approval.until, approval.id)
    });
    approvals
}

fn grant(
    transfer: &Transfer,
    ground: Ground,
    approval: Option<&ApprovalFact>,
) -> Result<Grant, Refusal> {
    let owner = transfer
        .subject
        .owner
        .ok_or_else(|| broken("something that belongs to nobody was permitted"))?;
    let basis = match (ground, approval) {
        (Ground::Inside, None) => Basis::Inside,
        (Ground::Inbound, None) => Basis::Inbound,
        (Ground::Free, None) => Basis::Free,
        (Ground::Approval, Some(approval)) => Basis::Approval(approval.id),
        (Ground::Approval, None) | (Ground::Inside | Ground::Inbound | Ground::Free, Some(_)) => {
            return Err(broken("the permitting rule does not fit the question"));
        }
    };
    Ok(Grant::new(basis, owner))
}

fn refuse(
    transfer: &Transfer,
    cause: &Cause,
    approval: Option<&ApprovalFact>,
) -> Result<Grant, Refusal> {
    let rule = match cause {
        Cause::Border(rule) => *rule,
        Cause::Pack(_, rule) => {
            return Err(Refusal::PackForbids {
                rule: Arc::clone(rule),
                approval: approval.map(|approval| approval.id),
            });
        }
    };
    Err(
        refusal(transfer, rule, approval).unwrap_or_else(|| Refusal::PolicyError {
            detail: format!("rule {} does not fit the question", rule.name()),
        }),
    )
}

fn refusal(transfer: &Transfer, rule: Rule, approval: Option<&ApprovalFact>) -> Option<Refusal> {
    Some(match rule {
        Rule::OwnTenant => Refusal::NotYourTenant,
        Rule::Role => Refusal::RoleForbids,
        Rule::Direction => Refusal::WrongDirection,
        Rule::ListNotFree => Refusal::ListNotFree,
        Rule::Unclassified => Refusal::Unclassified,
        Rule::UnknownPlace => Refusal::UnknownPlace,
        Rule::NoApproval => Refusal::NoApproval,
        Rule::ApprovalDoesNotCover => {
            let approval = approval?;
            Refusal::ApprovalDoesNotCover {
                approval: approval.id,
                to: approval.to,
                label: approval.label,
            }
        }
        Rule::ApprovalNotYetValid => {
            let approval = approval?;
            Refusal::ApprovalNotYetValid {
                approval: approval.id,
                granted_at: approval.granted_at,
            }
        }
        Rule::ApprovalRevoked => {
            let approval = approval?;
            Refusal::ApprovalRevoked {
                approval: approval.id,
                revoked_at: approval.revoked_at?,
            }
        }
        Rule::ApprovalExpired => {
            let approval = approval?;
            Refusal::ApprovalExpired {
                approval: approval.id,
                until: approval.until,
            }
        }
        Rule::ApprovalExhausted => {
            let approval = approval?;
            Refusal::ApprovalExhausted {
                approval: approval.id,
                remaining_bytes: approval.remaining_bytes,
                needed_bytes: transfer.leaving_bytes(),
            }
        }
        Rule::ApprovalObjectsExhausted => {
            let approval = approval?;
            Refusal::ApprovalObjectsExhausted {
                approval: approval.id,
                left: approval.objects?.left,
            }
        }
        Rule::ApprovalPersonsExhausted => {
            let approval = approval?;
            let persons = approval.persons?;
            Refusal::ApprovalPersonsExhausted {
                approval: approval.id,
                left: persons.left,
                needed: persons.needed,
            }
        }
    })
}

impl From<Unspeakable> for Refusal {
    fn from(fault: Unspeakable) -> Self {
        Self::PolicyError { detail: fault.0 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};
    use std::str::FromStr;

    use cedar_policy::{PolicyId, PolicySet};
    use cedar_policy_core::ast::{self, Request};
    use cedar_policy_core::authorizer::{Authorizer, Decision};
    use cedar_policy_core::entities::{Entities, TCComputation};
    use cedar_policy_core::extensions::Extensions;
    use cedar_policy_core::validator::CoreSchema;
    use onshore_types::{
        ApprovalId, ByteRange, Instrument, Jurisdiction, Label, Level, Personal, Place,
        PrincipalId, Recipient, RecipientKind, TenantId, Timestamp, Wording,
    };

    use super::Answer;
    use crate::act::Act;
    use crate::facts::{Allowance, ApprovalFact, ExporterFact, Facts};
    use crate::policy::{Cause, Meaning, POLICIES, Policy, SCHEMA, schema_of};
    use crate::question::{Around, Asked};
    use crate::rule::{Ground, Rule};
    use crate::rule_pack::{NO_SCHEMA, PackFiles, RulePack, SHIPPED_PACKS};
    use crate::transfer::{Flow, Principal, Role, Subject, Transfer};
    use crate::verdict::{Refusal, Verdict};

    const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);
    const PERSONAL: Label = Label::Known {
        level: Level::General,
        personal: Personal::Personal,
    };

    /// Gives an approval a fault.
    type Spoil = fn(&mut ApprovalFact);

    fn code(text: &str) -> Jurisdiction {
        Jurisdiction::parse(text).expect("a code")
    }

    fn asked() -> Transfer {
        let tenant = Some(TenantId::from_bytes([1; 16]));
        Transfer {
            principal: Principal {
                id: PrincipalId::from_bytes([9; 16]),
                tenant,
                role: Role::TenantUser,
            },
            operation: "GetObject",
            flow: Flow::Read,
            subject: Subject {
                bucket: None,
                owner: tenant,
                key: None,
                version: None,
                label: PERSONAL,
                range: ByteRange::whole(10),
            },
            from: Place::In(code("CN")),
            to: Place::In(code("US")),
        }
    }

    fn approval() -> ApprovalFact {
        ApprovalFact {
            id: ApprovalId::from_bytes([1; 16]),
            tenant: TenantId::from_bytes([1; 16]),
            to: code("US"),
            label: PERSONAL,
            remaining_bytes: 10,
            objects: Some(Allowance { left: 1, needed: 1 }),
            persons: Some(Allowance { left: 7, needed: 7 }),
            instrument: None,
            recipient: None,
            purpose: None,
            granted_at: NOW,
            until: NOW.plus_millis(1),
            revoked_at: None,
        }
    }

    fn facts(approvals: Vec<ApprovalFact>) -> Facts {
        Facts {
            region: code("CN"),
            epoch: 1,
            approvals,
            exporter: ExporterFact::default(),
        }
    }

    #[test]
    fn a_forbidding_rule_that_is_lost_is_still_held_by_the_permitting_one() {
        let spoilt: [(&str, Spoil); 7] = [
            ("border-approval-does-not-cover", |a| a.to = code("HK")),
            ("border-approval-not-yet-valid", |a| {
                a.granted_at = NOW.plus_millis(1);
            }),
            ("border-approval-revoked", |a| a.revoked_at = Some(NOW)),
            ("border-approval-expired", |a| a.until = NOW),
            ("border-approval-exhausted", |a| a.remaining_bytes = 9),
            ("border-approval-objects-exhausted", |a| {
                a.objects = Some(Allowance { left: 0, needed: 1 });
            }),
            ("border-approval-persons-exhausted", |a| {
                a.persons = Some(Allowance { left: 6, needed: 7 });
            }),
        ];
        for (id, spoil) in spoilt {
            let mut policy = Policy::embedded().expect("the pack is whole");
            policy.forget(&PolicyId::new(id));
            let mut fact = approval();
            spoil(&mut fact);
            let verdict = policy.decide(&facts(vec![fact]), &asked(), NOW);
            assert!(
                matches!(verdict, Verdict::Refused(Refusal::PolicyError { .. })),
                "{id}: {verdict:?}"
            );
        }
    }

    #[test]
    fn a_policy_that_cannot_be_evaluated_refuses_everything() {
        let broken = format!(
            r#"{POLICIES}
            @id("broken") @rule("tenancy.own") @source("a test") @remedy("none")
            forbid (principal, action, resource) when {{ resource.label.personal + 1 + 9223372036854775807 > 0 }};"#
        );
        let policy = Policy::parse(SCHEMA, &broken, None).expect("it fits the schema");
        let mut inside = asked();
        inside.to = inside.from;
        let verdict = policy.decide(&facts(vec![approval()]), &inside, NOW);
        assert!(
            matches!(&verdict, Verdict::Refused(Refusal::PolicyError { .. })),
            "{verdict:?}"
        );
        assert_eq!(verdict.rule(), "policy.error");
    }

    #[test]
    fn a_rule_that_looks_at_time_or_length_without_an_approval_does_not_fit() {
        for looked_at in ["now", "bytes"] {
            let looking = format!(
                r#"{POLICIES}
                @id("looking") @rule("tenancy.own") @source("a test") @remedy("none")
                forbid (principal, action == Action::"read", resource) when {{ context.{looked_at} > 7 }};"#
            );
            assert!(
                Policy::parse(SCHEMA, &looking, None).is_err(),
                "{looked_at}"
            );
        }
    }

    fn word(text: &str) -> Option<Instrument> {
        Some(Instrument::parse(text).expect("an instrument"))
    }

    fn to(jurisdiction: &str, kind: RecipientKind) -> Option<Recipient> {
        Some(Recipient {
            name: Wording::parse("Somebody").expect("a name"),
            jurisdiction: code(jurisdiction),
            kind,
        })
    }

    /// Every question that the places, labels, roles, owners and spoilt approvals of these tests make.
    fn each_question(policy: &Policy, mut look: impl FnMut(&Asked<'_>, Option<&ApprovalFact>)) {
        let mut nobody = asked();
        nobody.principal.tenant = None;
        nobody.subject.owner = None;
        nobody.subject.label = Label::Unclassified;
        nobody.to = Place::Unknown;
        let mut transfers = vec![asked(), nobody];
        for label in [Label::GENERAL, Label::Unclassified, PERSONAL] {
            for to in [Place::In(code("CN")), Place::In(code("HK")), Place::Unknown] {
                for role in [Role::Operator, Role::Auditor, Role::TenantUser] {
                    let mut transfer = asked();
                    transfer.subject.label = label;
                    transfer.to = to;
                    transfer.principal.role = role;
                    transfers.push(transfer.clone());
                    std::mem::swap(&mut transfer.from, &mut transfer.to);
                    transfers.push(transfer);
                }
            }
        }
        let spoilt: [Spoil; 16] = [
            |_| {},
            |a| a.instrument = word("exemption"),
            |a| a.instrument = word("certification"),
            |a| (a.instrument, a.until) = (word("certification"), NOW.plus_millis(1 << 40)),
            |a| (a.instrument, a.until) = (word("security-assessment"), NOW.plus_millis(1 << 40)),
            |a| {
                (a.instrument, a.recipient) =
                    (word("adequacy"), to("JP", RecipientKind::Organisation));
            },
            |a| {
                (a.instrument, a.recipient) =
                    (word("adequacy"), to("CN", RecipientKind::Organisation));
                a.purpose = Some(Wording::parse("payroll").expect("a purpose"));
            },
            |a| a.recipient = to("US", RecipientKind::ForeignAuthority),
            |a| a.to = code("EU"),
            |a| a.granted_at = NOW.plus_millis(1),
            |a| a.revoked_at = Some(NOW),
            |a| a.until = NOW,
            |a| a.remaining_bytes = 9,
            |a| a.objects = Some(Allowance { left: 0, needed: 1 }),
            |a| a.persons = Some(Allowance { left: 6, needed: 7 }),
            |a| (a.remaining_bytes, a.objects, a.persons) = (u64::MAX, None, None),
        ];
        let approvals = spoilt.map(|spoil| {
            let mut fact = approval();
            spoil(&mut fact);
            fact
        });
        let exporters = [(0, 0, false), (1 << 20, 0, true), (99_999, 10_000, false)];
        let facts = exporters.map(
            |(non_sensitive_persons, sensitive_persons, is_bound)| Facts {
                exporter: ExporterFact {
                    critical_infrastructure: is_bound,
                    state_organ: is_bound,
                    non_sensitive_persons,
                    sensitive_persons,
                },
                ..facts(Vec::new())
            },
        );
        for (transfer, facts) in transfers
            .iter()
            .flat_map(|one| facts.iter().map(move |facts| (one, facts)))
        {
            for act in Act::ALL {
                let beside: Vec<Option<&ApprovalFact>> = match act {
                    Act::ReadUnderApproval | Act::InspectUnderApproval => {
                        approvals.iter().map(Some).collect()
                    }
                    Act::Store | Act::Change | Act::Read | Act::Inspect | Act::List => vec![None],
                };
                for with in beside {
                    let around: Vec<&ApprovalFact> = with.into_iter().collect();
                    let beside = policy.beside(NOW).expect("each limit has a value");
                    let pack = Around {
                        border: policy.border(),
                        beside,
                    };
                    let words = &policy.vocabulary;
                    look(
                        &Asked::new(words, facts, (transfer, act), &around, pack, NOW),
                        with,
                    );
                }
            }
        }
    }

    #[test]
    fn every_question_fits_the_schema() {
        let schema = schema_of([SCHEMA, NO_SCHEMA]).expect("a schema");
        let schema = CoreSchema::new(schema.as_ref());
        let extensions = Extensions::all_available();
        let policy = Policy::embedded().expect("the pack is whole");
        each_question(&policy, |asked, with| {
            let question = asked.question().expect("it can be put into words");
            let request = asked.request(question, with);
            let uid = |entry: &ast::EntityUIDEntry| {
                (entry.uid().expect("nothing is left open").clone(), None)
            };
            Request::new(
                uid(request.principal()),
                uid(request.action()),
                uid(request.resource()),
                request.context().expect("a context").clone(),
                Some(&schema),
                extensions,
            )
            .expect("the request fits");
            Entities::from_entities(
                question.entities().iter().cloned(),
                Some(&schema),
                TCComputation::EnforceAlreadyComputed,
                extensions,
            )
            .expect("the entities fit, and nothing is left to be closed");
        });
    }

    #[test]
    fn cedars_own_authorizer_answers_alike() {
        let policy = Policy::embedded().expect("the pack is whole");
        let set = PolicySet::from_str(POLICIES).expect("they parse");
        let named: HashMap<String, Meaning> = set
            .policies()
            .map(|told| {
                let rule = told.annotation("rule").expect("it is named");
                let meaning = Rule::parse(rule).map(|rule| Meaning::Forbids(Cause::Border(rule)));
                let meaning = meaning.or_else(|| Ground::parse(rule).map(Meaning::Permits));
                (told.id().to_string(), meaning.expect("it is known"))
            })
            .collect();
        let mut answers = HashSet::new();
        each_question(&policy, |asked, with| {
            let question = asked.question().expect("it can be put into words");
            let request = asked.request(question, with);
            let theirs =
                Authorizer::new().is_authorized(request, set.as_ref(), question.entities());
            assert!(theirs.diagnostics.errors.is_empty());
            let reasons = theirs.diagnostics.reason.iter();
            let told = reasons.map(|id| named[&id.to_string()].clone()).min();
            let ours = match policy.ask(asked, with) {
                Ok(Answer::Permitted(ground)) => (Decision::Allow, Some(Meaning::Permits(ground))),
                Ok(Answer::Forbidden(cause)) => (Decision::Deny, Some(Meaning::Forbids(cause))),
                Err(_) => (Decision::Deny, None),
            };
            assert_eq!(ours, (theirs.decision, told.clone()));
            answers.insert(format!("{told:?}"));
        });
        assert_eq!(answers.len(), Rule::ALL.len() + Ground::ALL.len());
    }

    #[test]
    fn what_is_compiled_says_what_cedars_evaluator_says() {
        let shipped = SHIPPED_PACKS.iter().map(|name| {
            let files = PackFiles::shipped(name).expect("it is shipped");
            let pack = RulePack::parse(files).expect("it is whole");
            Policy::with_pack(pack).expect("it fits")
        });
        let border = Policy::embedded().expect("the pack is whole");
        let mut held = HashSet::new();
        for policy in shipped.chain([border]) {
            each_question(&policy, |asked, with| {
                for speaking in policy.speaking_of(asked.act).expect("rules speak of it") {
                    let compiled = speaking
                        .compiled
                        .as_ref()
                        .expect("each shipped rule is compiled");
                    let theirs = speaking
                        .evaluated(asked, with)
                        .expect("it can be evaluated");
                    assert_eq!(compiled.holds(asked, with), Ok(theirs), "{}", speaking.id);
                    held.insert((speaking.id.to_string(), theirs));
                }
            });
        }
        // Nothing is compared that is always or never so, but for what no question here brings up.
        let (yes, no): (Vec<_>, Vec<_>) = held.into_iter().partition(|(_, holds)| *holds);
        assert!(
            yes.len() >= 28 && no.len() >= 28,
            "{} {}",
            yes.len(),
            no.len()
        );
    }

    #[test]
    fn what_is_not_compiled_is_left_to_cedar() {
        let pattern = |text: &str| {
            format!(
                r#"{POLICIES}
                @id("pattern") @rule("tenancy.own") @source("a test") @remedy("none")
                forbid (principal, action == Action::"read-under-approval", resource)
                when {{ context.approval has instrument && context.approval.instrument like "{text}" }};"#
            )
        };
        let mut certified = approval();
        certified.instrument = word("certification");
        for (text, is_refused) in [("cert*", true), ("stand*", false)] {
            let policy = Policy::parse(SCHEMA, &pattern(text), None).expect("it fits the schema");
            let speaking = policy
                .speaking_of(Act::ReadUnderApproval)
                .expect("rules speak of it");
            let left = speaking.iter().filter(|one| one.compiled.is_none());
            assert_eq!(
                left.map(|one| one.id.to_string()).collect::<Vec<_>>(),
                ["pattern"]
            );
            let verdict = policy.decide(&facts(vec![certified.clone()]), &asked(), NOW);
            let is_own = matches!(verdict, Verdict::Refused(Refusal::NotYourTenant));
            assert_eq!(is_own, is_refused, "{verdict:?}");
        }
    }
}
