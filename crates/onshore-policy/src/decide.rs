//! Decides a transfer: asks the rules, once without an approval and then with each that might carry it, and turns what
//! they say into a grant or the nearest cause. An error of any kind is a refusal.

use std::cmp::Reverse;
use std::sync::Arc;

use cedar_policy::{Decision, PolicyId, Response};
use onshore_types::{TenantId, Timestamp};

use crate::act::Act;
use crate::facts::{ApprovalFact, Facts};
use crate::policy::{PackRule, Policy};
use crate::question::{Around, Question, Unspeakable};
use crate::rule::{Ground, Rule};
use crate::transfer::Transfer;
use crate::verdict::{Basis, Grant, Refusal, Verdict};

/// What the rules say to one question.
enum Answer {
    Permitted(Ground),
    Forbidden(Cause),
}

/// Why the rules forbid. The rules of the border come first: what a pack says is told where they would let it pass.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Border(Rule),
    Pack(usize, Arc<PackRule>),
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
        let around = Around {
            border: self.border(),
            beside: self.nothing_beside(),
        };
        let question = Question::new(&self.vocabulary, facts, transfer, act, &[], around, now)?;
        match (self.ask(&question, None)?, act.under_approval()) {
            (Answer::Permitted(ground), _) => grant(transfer, ground, None),
            (Answer::Forbidden(Cause::Border(Rule::NoApproval)), Some(act)) => {
                self.judge_approvals(facts, transfer, act, now)
            }
            (Answer::Forbidden(cause), _) => refuse(transfer, &cause, None),
        }
    }

    /// Only an approval is missing: is there one?
    fn judge_approvals(
        &self,
        facts: &Facts,
        transfer: &Transfer,
        act: Act,
        now: Timestamp,
    ) -> Result<Grant, Refusal> {
        let approvals = candidates(facts, transfer.subject.owner, now);
        if approvals.is_empty() {
            return refuse(transfer, &Cause::Border(Rule::NoApproval), None);
        }
        let around = Around {
            border: self.border(),
            beside: self
                .beside(now)
                .ok_or_else(|| broken("a limit of the rule pack has no value on this day"))?,
        };
        let question = Question::new(
            &self.vocabulary,
            facts,
            transfer,
            act,
            &approvals,
            around,
            now,
        )?;
        let mut nearest: Option<(Cause, &ApprovalFact)> = None;
        for approval in approvals {
            match self.ask(&question, Some(approval))? {
                Answer::Permitted(ground) => return grant(transfer, ground, Some(approval)),
                Answer::Forbidden(cause) => {
                    nearest = nearest.into_iter().chain([(cause, approval)]).max_by(
                        |(a, by), (b, other)| (a, by.until, by.id).cmp(&(b, other.until, other.id)),
                    );
                }
            }
        }
        match nearest {
            None => Err(Refusal::NoApproval),
            Some((cause, approval)) => refuse(transfer, &cause, Some(approval)),
        }
    }

    fn ask(
        &self,
        question: &Question<'_>,
        approval: Option<&ApprovalFact>,
    ) -> Result<Answer, Refusal> {
        let request = question.request(approval)?;
        let policies = self
            .speaking_of(question.act())
            .ok_or_else(|| broken("no rule speaks of this act"))?;
        let response = self
            .authorizer
            .is_authorized(&request, policies, question.entities());
        self.read(&response)
    }

    /// Reads an answer. A policy that could not be evaluated spoils it whole: a broken `forbid` must not let pass.
    fn read(&self, response: &Response) -> Result<Answer, Refusal> {
        let diagnostics = response.diagnostics();
        if let Some(fault) = diagnostics.errors().next() {
            return Err(Refusal::PolicyError {
                detail: fault.to_string(),
            });
        }
        let answer = match response.decision() {
            Decision::Allow => diagnostics
                .reason()
                .filter_map(|id| self.permitting(id))
                .min()
                .map(Answer::Permitted),
            Decision::Deny => diagnostics
                .reason()
                .filter_map(|id| self.cause(id))
                .min()
                .map(Answer::Forbidden),
        };
        answer.ok_or_else(|| broken("no rule speaks of this transfer"))
    }

    fn cause(&self, id: &PolicyId) -> Option<Cause> {
        let pack = || {
            let (place, rule) = self.pack_forbidding(id)?;
            Some(Cause::Pack(*place, Arc::clone(rule)))
        };
        self.forbidding(id).map(Cause::Border).or_else(pack)
    }
}

/// A refusal of what cannot be judged.
fn broken(detail: &str) -> Refusal {
    Refusal::PolicyError {
        detail: detail.to_owned(),
    }
}

/// The approvals of one tenant, those that have not ended first, and of these the one that ends soonest. The order
/// saves questions and chooses among several; whether one permits is for the rules to say.
fn candidates(facts: &Facts, owner: Option<TenantId>, now: Timestamp) -> Vec<&ApprovalFact> {
    let mut approvals: Vec<&ApprovalFact> = facts
        .approvals
        .iter()
        .filter(|approval| Some(approval.tenant) == owner)
        .collect();
    approvals.sort_unstable_by_key(|approval| {
        let running = now < approval.until;
        (Reverse(running), approval.until, approval.id)
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
                needed_bytes: transfer.subject.range.len_bytes,
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
    use cedar_policy::{Context, Entities, PolicyId, Request};
    use onshore_types::{
        ApprovalId, ByteRange, Jurisdiction, Label, Level, Personal, Place, PrincipalId, TenantId,
        Timestamp,
    };

    use crate::act::Act;
    use crate::facts::{Allowance, ApprovalFact, ExporterFact, Facts};
    use crate::policy::{POLICIES, Policy, SCHEMA, schema_of};
    use crate::question::{Around, Question};
    use crate::rule_pack::{Border, NO_SCHEMA};
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

    #[test]
    fn every_question_fits_the_schema() {
        let schema = schema_of([SCHEMA, NO_SCHEMA]).expect("a schema");
        let policy = Policy::embedded().expect("the pack is whole");
        let mut nobody = asked();
        nobody.principal.tenant = None;
        nobody.subject.owner = None;
        nobody.subject.label = Label::Unclassified;
        nobody.to = Place::Unknown;
        let revoked = ApprovalFact {
            revoked_at: Some(NOW),
            ..approval()
        };
        let pack = Around {
            border: Border::Closed,
            beside: policy.nothing_beside(),
        };
        for act in Act::ALL {
            for transfer in [asked(), nobody.clone()] {
                let beside = match act {
                    Act::ReadUnderApproval | Act::InspectUnderApproval => {
                        vec![Some(approval()), Some(revoked.clone())]
                    }
                    Act::Store | Act::Change | Act::Read | Act::Inspect | Act::List => vec![None],
                };
                for with in beside {
                    let facts = facts(Vec::new());
                    let around: Vec<&ApprovalFact> = with.iter().collect();
                    let question = Question::new(
                        &policy.vocabulary,
                        &facts,
                        &transfer,
                        act,
                        &around,
                        pack,
                        NOW,
                    )
                    .expect("it can be put into words");
                    let request = question.request(with.as_ref()).expect("it can be asked");
                    let uid = |uid: Option<&cedar_policy::EntityUid>| {
                        uid.expect("nothing is left open").clone()
                    };
                    let context: Context = request.context().expect("a context").clone();
                    Request::new(
                        uid(request.principal()),
                        uid(request.action()),
                        uid(request.resource()),
                        context,
                        Some(&schema),
                    )
                    .expect("the request fits");
                    Entities::empty()
                        .add_entities(question.entities().iter().cloned(), Some(&schema))
                        .expect("the entities fit");
                }
            }
        }
    }
}
