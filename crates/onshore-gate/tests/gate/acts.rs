//! Governance acts: who may, what an approval may be, and that each is recorded with the record or not at all.

use onshore_gate::{Error, JobOrder, Ordered};
use onshore_policy::{Principal, Role};
use onshore_registry::{GrantBasis, JobState, Tally, TokenHolder};
use onshore_types::{BucketName, PrincipalId, TenantName};
use serde_json::json;

use crate::sim::house::operator;
use crate::world::{World, tenant, text, wait};

fn holder(role: Role) -> Principal {
    Principal { role, ..operator() }
}

fn order(world: &World, fingerprint: u8) -> JobOrder {
    JobOrder {
        tenant: world.user.tenant.expect("a tenant"),
        bucket: BucketName::parse("archive").expect("a name"),
        source: json!({ "folder": "/srv/old" }),
        fingerprint: [fingerprint; 32],
        label: None,
        options: json!({}),
        credentials: None,
    }
}

fn is_forbidden<T: std::fmt::Debug>(answer: &Result<T, Error>) -> bool {
    matches!(answer, Err(Error::RoleForbids { .. }))
}

#[test]
fn each_act_is_for_its_roles_alone_and_a_refused_one_leaves_nothing() {
    let world = World::new();
    let gate = world.gate();
    let approval = world.grant(10);
    let before = world.leaves();
    for role in [
        Role::Regulator,
        Role::Auditor,
        Role::TenantAdmin,
        Role::TenantUser,
        Role::SupportEngineer,
    ] {
        let by = holder(role);
        let name = TenantName::parse("another").expect("a name");
        assert!(
            is_forbidden(&wait(gate.create_tenant(by, name, None))),
            "{role:?}"
        );
        assert!(
            is_forbidden(&wait(gate.create_key(by, &tenant(), None))),
            "{role:?}"
        );
        let token = TokenHolder {
            principal: PrincipalId::from_bytes([1; 16]),
            role: Role::Operator,
            tenant: None,
            person: None,
            provider: None,
            vouched_by: Vec::new(),
        };
        assert!(
            is_forbidden(&wait(gate.issue_token(by, "t".to_owned(), token))),
            "{role:?}"
        );
        assert!(
            is_forbidden(&wait(gate.order_job(by, order(&world, 1)))),
            "{role:?}"
        );
    }
    for role in [Role::Auditor, Role::TenantUser] {
        let by = holder(role);
        let request = world.request("US", "personal", 1, 1000);
        assert!(
            is_forbidden(&wait(gate.grant_approval(by, &request))),
            "{role:?}"
        );
        assert!(
            is_forbidden(&wait(gate.revoke_approval(by, approval.id))),
            "{role:?}"
        );
    }
    assert_eq!(world.leaves(), before);
    wait(gate.revoke_approval(holder(Role::Regulator), approval.id)).expect("may");
}

#[test]
fn a_grant_says_on_whose_word() {
    let world = World::new();
    for (role, basis, word) in [
        (
            Role::Operator,
            GrantBasis::SingleOperator,
            "single-operator",
        ),
        (Role::Regulator, GrantBasis::Regulator, "regulator"),
    ] {
        let request = world.request("US", "personal", 1, 1000);
        let granted = wait(world.house.gate.grant_approval(holder(role), &request));
        assert_eq!(granted.expect("granted").0.basis, basis);
        let leaves = world.told("approval.granted");
        assert_eq!(
            leaves.last().and_then(|leaf| text(leaf, "basis")),
            Some(word)
        );
    }
}

#[test]
fn an_approval_is_for_abroad_for_the_future_for_a_class_and_for_a_number_a_leaf_can_carry() {
    let world = World::new();
    let gate = world.gate();
    let grant = |to, label, max_bytes, millis| {
        let request = world.request(to, label, max_bytes, millis);
        wait(gate.grant_approval(operator(), &request))
    };
    let before = world.leaves();
    assert!(matches!(
        grant("US", "personal", 1, 0),
        Err(Error::Past { .. })
    ));
    assert!(matches!(
        grant("US", "personal", 1, -1),
        Err(Error::Past { .. })
    ));
    assert!(matches!(
        grant("CN", "personal", 1, 1000),
        Err(Error::NotAbroad { .. })
    ));
    assert!(matches!(
        grant("US", "unclassified", 1, 1000),
        Err(Error::Uncoverable)
    ));
    for max_bytes in [1 << 53, u64::MAX] {
        let refused = grant("US", "personal", max_bytes, 1000);
        assert!(
            matches!(refused, Err(Error::TooLarge { .. })),
            "{refused:?}"
        );
    }
    let mut request = world.request("US", "personal", 1, 1000);
    request.tenant = TenantName::parse("nobody").expect("a name");
    let refused = wait(gate.grant_approval(operator(), &request));
    assert!(matches!(refused, Err(Error::Registry(_))), "{refused:?}");
    assert_eq!(world.leaves(), before);

    for (to, max_bytes, millis) in [("US", (1 << 53) - 1, 1), ("EU", 0, 1), ("HK", 1, i64::MAX)] {
        grant(to, "core,sensitive-personal", max_bytes, millis).expect("on the right side");
    }
    assert_eq!(world.told("approval.granted").len(), 3);
}

#[test]
fn an_act_that_the_registry_refuses_leaves_no_leaf() {
    let world = World::new();
    let before = world.leaves();
    let again = wait(world.house.gate.create_tenant(operator(), tenant(), None));
    assert!(matches!(again, Err(Error::Registry(_))), "{again:?}");
    assert_eq!(world.leaves(), before);
}

#[test]
fn the_same_order_attaches_and_an_ended_job_does_not() {
    let world = World::new();
    let gate = world.gate();
    let Ok(Ordered::New(job)) = wait(gate.order_job(operator(), order(&world, 1))) else {
        panic!("a new job");
    };
    let again = wait(gate.order_job(operator(), order(&world, 1))).expect("ordered");
    assert_eq!(again, Ordered::Attached(job.clone()));
    let other = wait(gate.order_job(operator(), order(&world, 2))).expect("ordered");
    assert!(matches!(other, Ordered::New(_)));
    assert_eq!(world.told("job.ordered").len(), 2);
    let end = |job: onshore_registry::Job| {
        let gate = world.gate();
        world.house.db.write_blocking(move |unit| {
            let tally = Tally::default();
            gate.settle_job(unit, &job, JobState::Failed, Some("why"), &tally, None)
        })
    };
    end(job.clone()).expect("ended");
    assert!(end(job).is_err(), "a job ends once");
    assert_eq!(world.told("job.ended").len(), 1);
    let anew = wait(gate.order_job(operator(), order(&world, 1))).expect("ordered");
    assert!(matches!(anew, Ordered::New(_)));
    let leaves = world.leaves();
    assert!(
        leaves
            .iter()
            .all(|leaf| !leaf.body.to_string().contains("/srv/old"))
    );
}
