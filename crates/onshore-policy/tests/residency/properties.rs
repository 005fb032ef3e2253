//! Properties of the decision, held against an oracle in plain Rust, and both sides of every boundary.

use std::sync::LazyLock;

use onshore_policy::{
    Allowance, ApprovalFact, Basis, Bearing, Facts, Flow, Policy, Principal, Refusal, Role,
    Subject, Transfer, Verdict,
};
use onshore_types::{ByteRange, Label, Place, PrincipalId, TenantId, Timestamp};
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

use crate::world::{
    FLOWS, NOW, approval, approval_id, code, facts, labels, outward, place, policy, strictest,
    tenant, transfer,
};

static POLICY: LazyLock<Policy> = LazyLock::new(policy);

/// Gives an approval a fault.
type Spoil = fn(&mut ApprovalFact);

/// From here on a number of bytes does not fit into the rules and is never covered.
const BEYOND: u64 = i64::MAX.unsigned_abs();

/// What may happen, written down once more without Cedar. The approval is the one that must carry it.
fn oracle(facts: &Facts, transfer: &Transfer, now: Timestamp) -> Option<Basis> {
    let Transfer {
        principal, subject, ..
    } = transfer;
    let inside = |place| facts.region.contains(place, now);
    let owner = subject.owner?;
    let mine = principal.tenant == Some(owner);
    let goes_out = matches!(transfer.flow, Flow::Read | Flow::Inspect | Flow::List);
    let may_act = match principal.role {
        Role::TenantUser => mine,
        Role::Operator => match transfer.flow {
            Flow::Store => mine,
            Flow::Change => mine || principal.tenant.is_none(),
            Flow::Inspect => (mine || principal.tenant.is_none()) && inside(transfer.to),
            Flow::Read | Flow::List => false,
        },
        Role::SupportEngineer => mine && matches!(transfer.flow, Flow::Read | Flow::Inspect),
        Role::TenantAdmin => mine && transfer.flow == Flow::Inspect && inside(transfer.to),
        Role::Regulator | Role::Auditor | Role::OutgoingProvider | Role::Worker => false,
    };
    if !may_act || (goes_out && !inside(transfer.from)) || (!goes_out && !inside(transfer.to)) {
        return None;
    }
    if !goes_out {
        let basis = if inside(transfer.from) {
            Basis::Inside
        } else {
            Basis::Inbound
        };
        return Some(basis);
    }
    if inside(transfer.to) {
        return Some(Basis::Inside);
    }
    if subject.label.is_free() {
        return Some(Basis::Free);
    }
    if transfer.flow == Flow::List || transfer.to == Place::Unknown {
        return None;
    }
    // Whoever looks hears that something is there at least.
    let least = u64::from(transfer.flow == Flow::Inspect);
    facts
        .approvals
        .iter()
        .filter(|approval| {
            approval.tenant == owner
                && approval.to.contains(transfer.to, now)
                && approval.label.covers(subject.label)
                && approval.granted_at <= now
                && now < approval.until
                && approval.revoked_at.is_none()
                && approval.remaining_bytes >= subject.range.len_bytes.max(least)
                && subject.range.len_bytes < BEYOND
                && is_enough(approval.objects)
                && is_enough(approval.persons)
        })
        .min_by_key(|approval| (approval.until, approval.id))
        .map(|approval| Basis::Approval(approval.id))
}

fn basis_of(facts: &Facts, transfer: &Transfer, now: Timestamp) -> Option<Basis> {
    match POLICY.decide(facts, transfer, now) {
        Verdict::Allowed(grant) => {
            assert_eq!(Some(grant.tenant()), transfer.subject.owner);
            Some(grant.basis())
        }
        Verdict::Refused(Refusal::PolicyError { detail }) => panic!("the rules failed: {detail}"),
        Verdict::Refused(_) => None,
    }
}

fn refusal_of(facts: &Facts, transfer: &Transfer, now: Timestamp) -> Option<Refusal> {
    match POLICY.decide(facts, transfer, now) {
        Verdict::Allowed(_) => None,
        Verdict::Refused(refusal) => Some(refusal),
    }
}

fn any_label() -> impl Strategy<Value = Label> {
    proptest::sample::select(labels())
}

fn any_place() -> impl Strategy<Value = Place> {
    proptest::sample::select(vec![
        "CN", "CN", "US", "HK", "DE", "EU", "GB", "ZZ", "unknown",
    ])
    .prop_map(place)
}

fn any_tenant() -> impl Strategy<Value = Option<TenantId>> {
    prop_oneof![
        6 => Just(Some(tenant(1))),
        1 => Just(Some(tenant(2))),
        1 => Just(None),
    ]
}

/// Instants around the present, so that every boundary is met.
fn any_instant() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        (-2_i64..=2).prop_map(|offset| NOW.plus_millis(offset)),
        any::<i64>().prop_map(Timestamp::from_millis),
    ]
}

fn any_bytes() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0_u64..4,
        1 => Just(u64::MAX),
        1 => (0_u64..3).prop_map(|above| BEYOND - 1 + above),
    ]
}

fn any_approval() -> impl Strategy<Value = ApprovalFact> {
    (
        0_u8..4,
        prop_oneof![5 => Just(1_u8), 1 => Just(2)],
        proptest::sample::select(vec!["US", "US", "EU", "DE", "HK", "CN", "ZZ"]),
        prop_oneof![2 => Just(strictest()), 3 => any_label()],
        any_bytes(),
        prop_oneof![2 => Just(NOW.plus_millis(-9)), 1 => any_instant()],
        prop_oneof![2 => (1_i64..9).prop_map(|later| NOW.plus_millis(later)), 1 => any_instant()],
        prop_oneof![4 => Just(None), 1 => any_instant().prop_map(Some)],
        (any_allowance(), any_allowance()),
    )
        .prop_map(
            |(id, of, to, label, remaining_bytes, granted_at, until, revoked_at, limits)| {
                ApprovalFact {
                    id: approval_id(id),
                    tenant: tenant(of),
                    to: code(to),
                    label,
                    remaining_bytes,
                    objects: limits.0,
                    persons: limits.1,
                    granted_at,
                    until,
                    revoked_at,
                    ..approval(0)
                }
            },
        )
}

fn any_allowance() -> impl Strategy<Value = Option<Allowance>> {
    let allowance = (0_u64..3, 0_u64..3);
    prop_oneof![
        3 => Just(None),
        1 => allowance.prop_map(|(left, needed)| Some(Allowance { left, needed })),
    ]
}

fn is_enough(allowance: Option<Allowance>) -> bool {
    allowance.is_none_or(|allowance| allowance.left >= allowance.needed)
}

fn any_facts() -> impl Strategy<Value = Facts> {
    (
        proptest::sample::select(vec!["CN", "CN", "EU", "DE", "ZZ"]),
        proptest::collection::vec(any_approval(), 0..5),
    )
        .prop_map(|(region, mut approvals)| {
            approvals.sort_by_key(|approval| approval.id);
            approvals.dedup_by_key(|approval| approval.id);
            facts(region, approvals)
        })
}

fn any_transfer() -> impl Strategy<Value = Transfer> {
    (
        proptest::sample::select(FLOWS.to_vec()),
        proptest::sample::select(vec![
            Role::TenantUser,
            Role::TenantUser,
            Role::TenantUser,
            Role::Operator,
            Role::Regulator,
            Role::Auditor,
            Role::TenantAdmin,
            Role::SupportEngineer,
            Role::OutgoingProvider,
            Role::Worker,
        ]),
        any_tenant(),
        any_tenant(),
        any_label(),
        any_bytes(),
        any_place(),
        any_place(),
    )
        .prop_map(|(flow, role, carried, owner, label, bytes, from, to)| {
            let base = transfer(flow, label, from, to);
            Transfer {
                principal: Principal {
                    id: PrincipalId::from_bytes([9; 16]),
                    tenant: carried,
                    role,
                },
                subject: Subject {
                    owner,
                    range: ByteRange {
                        start: 3,
                        len_bytes: bytes,
                    },
                    ..base.subject
                },
                ..base
            }
        })
}

/// Reads and looks of the right tenant's user from inside the region to anywhere.
fn any_outward() -> impl Strategy<Value = (Facts, Transfer)> {
    (
        any_facts(),
        any_transfer(),
        proptest::sample::select(vec![Flow::Read, Flow::Inspect]),
    )
        .prop_map(|(facts, mut asked, flow)| {
            asked.principal.role = Role::TenantUser;
            asked.principal.tenant = Some(tenant(1));
            asked.subject.owner = Some(tenant(1));
            asked.flow = flow;
            asked.from = Place::In(facts.region);
            (facts, asked)
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_agree_with_the_oracle(facts in any_facts(), asked in any_transfer()) {
        prop_assert_eq!(basis_of(&facts, &asked, NOW), oracle(&facts, &asked, NOW));
    }

    #[test]
    fn outward_the_rules_agree_with_the_oracle((facts, asked) in any_outward()) {
        prop_assert_eq!(basis_of(&facts, &asked, NOW), oracle(&facts, &asked, NOW));
    }

    #[test]
    fn nothing_that_is_not_free_leaves_without_an_approval_that_carries_it(
        (facts, asked) in any_outward()
    ) {
        let stays = facts.region.contains(asked.to, NOW) || asked.subject.label.is_free();
        if let Some(basis) = basis_of(&facts, &asked, NOW).filter(|_| !stays) {
            let carrying = facts.approvals.iter().find(|fact| Some(fact.id) == basis.approval());
            let carrying = carrying.expect("an approval on record carries it");
            prop_assert_eq!(Some(carrying.tenant), asked.subject.owner);
            prop_assert!(carrying.to.contains(asked.to, NOW));
            prop_assert!(carrying.label.covers(asked.subject.label));
            prop_assert!((carrying.granted_at..carrying.until).contains(&NOW));
            prop_assert!(carrying.revoked_at.is_none());
            prop_assert!(carrying.remaining_bytes >= asked.subject.range.len_bytes);
        }
    }

    #[test]
    fn a_stricter_label_never_opens_what_was_closed(
        facts in any_facts(),
        asked in any_transfer(),
        tightened in any_label(),
    ) {
        let mut stricter = asked.clone();
        stricter.subject.label = asked.subject.label.join(tightened);
        if basis_of(&facts, &stricter, NOW).is_some() {
            prop_assert!(basis_of(&facts, &asked, NOW).is_some());
        }
    }

    #[test]
    fn the_unclassified_never_leaves((facts, asked) in any_outward(), flow in 0_usize..3) {
        let mut asked = asked;
        asked.flow = [Flow::Read, Flow::Inspect, Flow::List][flow];
        asked.subject.label = Label::Unclassified;
        let refusal = refusal_of(&facts, &asked, NOW);
        let refused = matches!(refusal, Some(Refusal::Unclassified | Refusal::ListNotFree));
        prop_assert_eq!(refused, !facts.region.contains(asked.to, NOW));
    }

    #[test]
    fn another_tenant_never_and_nothing_is_told(
        facts in any_facts(),
        asked in any_transfer(),
        (carried, owner) in proptest::sample::select(vec![
            (Some(1), Some(2)),
            (Some(2), Some(1)),
            (Some(1), None),
            (None, Some(1)),
            (None, None),
        ]),
    ) {
        let mut asked = asked;
        asked.principal.role = Role::TenantUser;
        asked.principal.tenant = carried.map(tenant);
        asked.subject.owner = owner.map(tenant);
        prop_assert_eq!(refusal_of(&facts, &asked, NOW), Some(Refusal::NotYourTenant));
    }

    #[test]
    fn transfers_of_one_bearing_get_one_verdict(
        facts in any_facts(),
        asked in any_transfer(),
        other in any_transfer(),
        later_ms in 0_i64..1_000_000_000,
    ) {
        let facts = Facts { approvals: Vec::new(), ..facts };
        let later = NOW.plus_millis(later_ms);
        let mut alike = asked.clone();
        alike.operation = other.operation;
        alike.subject.key = other.subject.key.clone();
        alike.subject.version = other.subject.version;
        alike.subject.range = other.subject.range;
        prop_assert_eq!(Bearing::of(&facts, &alike, later), Bearing::of(&facts, &asked, NOW));
        let verdicts = [
            POLICY.decide(&facts, &asked, NOW),
            POLICY.decide(&facts, &alike, later),
        ];
        prop_assert_eq!(&verdicts[0], &verdicts[1]);
        if Bearing::of(&facts, &other, NOW) == Bearing::of(&facts, &asked, NOW) {
            prop_assert_eq!(&POLICY.decide(&facts, &other, NOW), &verdicts[0]);
        }
    }

    #[test]
    fn no_approval_opens_a_listing(facts in any_facts(), asked in any_transfer()) {
        let asked = Transfer { flow: Flow::List, ..asked };
        let bare = Facts { approvals: Vec::new(), ..facts.clone() };
        prop_assert_eq!(basis_of(&facts, &asked, NOW), basis_of(&bare, &asked, NOW));
    }

    #[test]
    fn a_refusal_names_an_approval_of_the_owner_and_a_fault_it_has((facts, asked) in any_outward()) {
        let Some(refusal) = refusal_of(&facts, &asked, NOW) else { return Ok(()) };
        let named = refusal.approval().map(|id| {
            facts.approvals.iter().find(|fact| fact.id == id).expect("it is on record")
        });
        if let Some(named) = named {
            prop_assert_eq!(Some(named.tenant), asked.subject.owner);
        }
        let covers = |fact: &ApprovalFact| {
            fact.to.contains(asked.to, NOW) && fact.label.covers(asked.subject.label)
        };
        match (refusal, named) {
            (Refusal::ApprovalDoesNotCover { .. }, Some(fact)) => prop_assert!(!covers(fact)),
            (Refusal::ApprovalNotYetValid { .. }, Some(fact)) => {
                prop_assert!(covers(fact) && NOW < fact.granted_at);
            }
            (Refusal::ApprovalRevoked { .. }, Some(fact)) => {
                prop_assert!(covers(fact) && fact.revoked_at.is_some());
            }
            (Refusal::ApprovalExpired { .. }, Some(fact)) => {
                prop_assert!(covers(fact) && fact.revoked_at.is_none() && NOW >= fact.until);
            }
            (Refusal::ApprovalExhausted { remaining_bytes, needed_bytes, .. }, Some(fact)) => {
                prop_assert!(covers(fact) && (fact.granted_at..fact.until).contains(&NOW));
                prop_assert!(remaining_bytes < needed_bytes || needed_bytes >= BEYOND);
            }
            (Refusal::ApprovalObjectsExhausted { .. }, Some(fact)) => {
                prop_assert!(covers(fact) && (fact.granted_at..fact.until).contains(&NOW));
                prop_assert!(!is_enough(fact.objects));
            }
            (Refusal::ApprovalPersonsExhausted { left, needed, .. }, Some(fact)) => {
                prop_assert!(covers(fact) && (fact.granted_at..fact.until).contains(&NOW));
                prop_assert!(left < needed && is_enough(fact.objects));
            }
            (Refusal::NoApproval, None) => {
                prop_assert!(facts.approvals.iter().all(|fact| fact.tenant != tenant(1)));
            }
            (Refusal::Unclassified | Refusal::UnknownPlace, None) => {}
            (other, named) => prop_assert!(false, "{other:?} names {named:?}"),
        }
    }
}

#[test]
fn an_approval_begins_and_ends_on_the_millisecond() {
    let facts = facts("CN", vec![approval(1)]);
    let asked = outward(strictest());
    let carried = |offset| basis_of(&facts, &asked, NOW.plus_millis(offset)).is_some();
    assert!(!carried(-1001) && carried(-1000), "granted_at is inclusive");
    assert!(carried(999) && !carried(1000), "until is exclusive");
    for (offset, rule) in [
        (-1001, "border.approval-not-yet-valid"),
        (1000, "border.approval-expired"),
    ] {
        let refusal = refusal_of(&facts, &asked, NOW.plus_millis(offset)).expect("a refusal");
        assert_eq!(refusal.rule(), rule);
    }
}

#[test]
fn the_last_byte_is_covered_and_the_next_is_not() {
    let asked = |bytes| {
        let mut asked = outward(strictest());
        asked.subject.range.len_bytes = bytes;
        asked
    };
    let left = |remaining_bytes| {
        let fact = ApprovalFact {
            remaining_bytes,
            ..approval(1)
        };
        facts("CN", vec![fact])
    };
    for (remaining, bytes) in [(0, 0), (7, 7), (BEYOND - 1, BEYOND - 1), (u64::MAX, 7)] {
        assert!(
            basis_of(&left(remaining), &asked(bytes), NOW).is_some(),
            "{bytes}"
        );
    }
    for (remaining, bytes) in [
        (0, 1),
        (6, 7),
        (BEYOND, BEYOND + 1),
        (BEYOND, u64::MAX),
        (u64::MAX - 1, u64::MAX),
    ] {
        let refusal = refusal_of(&left(remaining), &asked(bytes), NOW);
        assert_eq!(
            refusal,
            Some(Refusal::ApprovalExhausted {
                approval: approval_id(1),
                remaining_bytes: remaining,
                needed_bytes: bytes,
            })
        );
    }
}

#[test]
fn of_several_that_carry_it_the_one_that_ends_soonest_does() {
    let until = |number, offset| ApprovalFact {
        until: NOW.plus_millis(offset),
        ..approval(number)
    };
    let facts = facts(
        "CN",
        vec![until(1, 50), until(2, 0), until(3, 7), until(4, 9)],
    );
    let basis = basis_of(&facts, &outward(strictest()), NOW);
    assert_eq!(basis, Some(Basis::Approval(approval_id(3))));
}

#[test]
fn the_nearest_cause_is_told() {
    let faults: [(&str, Spoil); 7] = [
        ("border.approval-persons-exhausted", |a| {
            a.persons = Some(Allowance { left: 1, needed: 2 });
        }),
        ("border.approval-objects-exhausted", |a| {
            a.objects = Some(Allowance { left: 0, needed: 1 });
        }),
        ("border.approval-exhausted", |a| a.remaining_bytes = 0),
        ("border.approval-expired", |a| a.until = NOW),
        ("border.approval-revoked", |a| a.revoked_at = Some(NOW)),
        ("border.approval-not-yet-valid", |a| {
            a.granted_at = NOW.plus_millis(1);
        }),
        ("border.approval-does-not-cover", |a| a.to = code("HK")),
    ];
    for first in 0..faults.len() {
        let on_record: Vec<ApprovalFact> = faults
            .iter()
            .zip(1..=7_u8)
            .skip(first)
            .map(|((_, spoil), number)| {
                let mut fact = approval(number);
                spoil(&mut fact);
                fact
            })
            .rev()
            .collect();
        let asked = outward(strictest());
        let refusal = refusal_of(&facts("CN", on_record), &asked, NOW).expect("a refusal");
        assert_eq!(refusal.rule(), faults[first].0);
        let mut both = approval(1);
        for (_, spoil) in &faults[..=first] {
            spoil(&mut both);
        }
        let refusal = refusal_of(&facts("CN", vec![both]), &asked, NOW).expect("a refusal");
        assert_eq!(
            refusal.rule(),
            faults[first].0,
            "one that has every fault up to here"
        );
    }
}

#[test]
fn a_union_is_left_by_those_who_left_it() {
    let to_eu = ApprovalFact {
        to: code("EU"),
        granted_at: Timestamp::from_millis(0),
        ..approval(1)
    };
    let asked = transfer(Flow::Read, strictest(), place("CN"), place("GB"));
    let facts = facts("CN", vec![to_eu]);
    let last: Timestamp = "2020-01-31T22:59:59.999Z".parse().expect("an instant");
    assert!(basis_of(&facts, &asked, last).is_some());
    let refusal = refusal_of(&facts, &asked, last.plus_millis(1)).expect("a refusal");
    assert_eq!(refusal.rule(), "border.approval-does-not-cover");
}
