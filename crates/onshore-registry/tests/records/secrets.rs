//! Keys and tokens: sealed or digested, each for its own holder, never taken twice.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use onshore_keys::{FileRootKey, Secret};
use onshore_policy::Role;
use onshore_registry::{
    AccessKey, Error, Registry, Session, Standing, Taken, Taker, Tenant, TokenHolder,
};
use onshore_types::{
    AccessKeyId, IdentityName, Jurisdiction, PartitionName, PrincipalId, TenantId, TenantName,
};

use crate::house::{House, NOW, wait};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef01234567";

fn key(house: &House, name: &str, principal: u8) -> AccessKey {
    AccessKey {
        access_key: AccessKeyId::parse(name).expect("a name"),
        secret: Secret::new(SECRET.to_vec()),
        principal: PrincipalId::from_bytes([principal; 16]),
        tenant: house.tenant.id,
        user: None,
    }
}

fn save(house: &House, key: AccessKey) -> Result<(), Error> {
    house.write(move |registry, unit| registry.save_access_key(unit, &key, NOW))
}

#[test]
fn secrets_are_sealed_for_their_own_access_key() {
    let house = House::new();
    save(&house, key(&house, "ONSHAAAAAAAAAAAAAAAA", 1)).expect("saved");
    save(&house, key(&house, "ONSHBBBBBBBBBBBBBBBB", 2)).expect("saved");
    assert!(!house.holds(SECRET));
    let id = AccessKeyId::parse("ONSHAAAAAAAAAAAAAAAA").expect("a name");
    let found = wait(house.registry.access_key(&id))
        .expect("read")
        .expect("there");
    assert_eq!(found.secret.as_bytes(), SECRET);
    assert!(!format!("{found:?}").contains("0123456789abcdef"));

    house
        .write(|_, unit| {
            Ok(unit.execute(
                "UPDATE access_keys SET sealed_secret =
                     (SELECT sealed_secret FROM access_keys WHERE access_key LIKE '%A')
                 WHERE access_key LIKE '%B'",
                [],
            )?)
        })
        .expect("swapped");
    let other = AccessKeyId::parse("ONSHBBBBBBBBBBBBBBBB").expect("a name");
    let opened = wait(house.registry.access_key(&other));
    assert!(matches!(opened, Err(Error::Key(_))), "{opened:?}");

    let stranger = FileRootKey::open_or_create(&house.folder.path().join("other.key"));
    let stranger = Registry::new(house.db.clone(), Arc::new(stranger.expect("a key")));
    let opened = wait(stranger.access_key(&id));
    assert!(matches!(opened, Err(Error::Key(_))), "{opened:?}");
}

#[test]
fn names_are_taken_once() {
    let house = House::new();
    save(&house, key(&house, "ONSHAAAAAAAAAAAAAAAA", 1)).expect("saved");
    let again = save(&house, key(&house, "ONSHAAAAAAAAAAAAAAAA", 2));
    assert!(matches!(again, Err(Error::AccessKeyTaken(_))), "{again:?}");
    let again = house.write(|registry, unit| {
        let tenant = Tenant {
            id: TenantId::from_bytes([77; 16]),
            name: TenantName::parse("north").expect("a name"),
            group: None,
            standing: Standing::default(),
            jurisdiction: None,
            created: NOW,
        };
        registry.save_tenant(unit, &tenant)
    });
    assert!(matches!(again, Err(Error::TenantTaken(_))), "{again:?}");
    let unknown = AccessKeyId::parse("ONSHZZZZZZZZZZZZZZZZ").expect("a name");
    assert!(
        wait(house.registry.access_key(&unknown))
            .expect("read")
            .is_none()
    );
}

#[test]
fn a_token_is_kept_as_a_digest_and_found_by_all_of_itself_only() {
    let house = House::new();
    let token = "a-control-token-of-some-length-4711";
    assert!(!wait(house.registry.has_tokens()).expect("read"));
    let holder = TokenHolder {
        principal: PrincipalId::from_bytes([8; 16]),
        role: Role::Auditor,
        tenant: None,
        person: Some(IdentityName::parse("ada").expect("a name")),
        provider: None,
        vouched_by: vec![IdentityName::parse("bo").expect("a name")],
    };
    let saved = holder.clone();
    house
        .write(move |registry, unit| registry.save_token(unit, token, &saved, NOW))
        .expect("saved");
    assert!(wait(house.registry.has_tokens()).expect("read"));
    assert!(!house.holds(token.as_bytes()));
    let found = wait(house.registry.token_holder(token, NOW)).expect("read");
    assert_eq!(found, Some(holder));
    for wrong in [
        "",
        "a-control-token-of-some-length-471",
        "A-CONTROL-TOKEN-OF-SOME-LENGTH-4711",
    ] {
        assert_eq!(
            wait(house.registry.token_holder(wrong, NOW)).expect("read"),
            None
        );
    }
    house
        .write(|_, unit| Ok(unit.execute("UPDATE tokens SET role = 'emperor'", [])?))
        .expect("changed");
    let unreadable = wait(house.registry.token_holder(token, NOW));
    assert!(
        matches!(unreadable, Err(Error::Unreadable { .. })),
        "{unreadable:?}"
    );
}

#[test]
fn a_session_acts_for_its_holder_until_it_is_over() {
    let house = House::new();
    let (token, session) = (
        "the-token-that-somebody-holds-4711",
        "a-session-of-his-4711",
    );
    let holder = TokenHolder {
        principal: PrincipalId::from_bytes([8; 16]),
        role: Role::Operator,
        tenant: None,
        person: None,
        provider: None,
        vouched_by: Vec::new(),
    };
    let (saved, id) = (holder.clone(), holder.principal);
    let until = NOW.plus_millis(60_000);
    house
        .write(move |registry, unit| {
            registry.save_token(unit, token, &saved, NOW)?;
            registry.save_control_session(unit, session, id, (NOW, until))
        })
        .expect("saved");
    assert!(!house.holds(session.as_bytes()));
    let found = |at| wait(house.registry.token_holder(session, at)).expect("read");
    assert_eq!(found(until.plus_millis(-1)), Some(holder.clone()));
    assert_eq!(found(until), None);
    // Others' sessions stay, and with his token all of his end.
    let other = PrincipalId::from_bytes([9; 16]);
    let ended = house.write(move |registry, unit| registry.end_control_sessions(unit, other));
    assert_eq!(ended.expect("ended"), 0);
    house
        .write(move |registry, unit| registry.remove_token(unit, id))
        .expect("removed");
    assert_eq!(found(NOW), None);
}

#[test]
fn a_session_tells_who_took_its_role_and_one_of_before_that_says_so() {
    let house = House::new();
    let session = |name: Option<&str>, taken| Session {
        access_key: AccessKeyId::parse("ONSTAAAAAAAAAAAAAAAA").expect("a name"),
        partition: PartitionName::parse("onshore").expect("a name"),
        tenant: house.tenant.id,
        principal: PrincipalId::from_bytes([3; 16]),
        identity: Some(PrincipalId::from_bytes([4; 16])),
        made_with: None,
        name: name.map(|name| IdentityName::parse(name).expect("a name")),
        tags: BTreeMap::new(),
        transitive: Vec::new(),
        policy: None,
        issued: NOW,
        until: NOW.plus_millis(1),
        chained: 0,
        taken,
    };
    let through = |session: Session| {
        let sealed = wait(house.registry.seal_session(session.clone())).expect("sealed");
        let opened = house
            .registry
            .open_session(&session.access_key, &sealed.token);
        wait(opened).expect("read").expect("of this house").0
    };
    let taken = Taken {
        by: vec![Taker {
            tenant: TenantId::from_bytes([9; 16]),
            identity: None,
        }],
        organisations: BTreeSet::from([Jurisdiction::parse("US").expect("a place")]),
    };
    let told = through(session(Some("job"), Some(taken.clone())));
    assert_eq!(told.taken, Some(taken));
    assert!(!told.hides_its_taker());
    assert!(through(session(Some("job"), None)).hides_its_taker());
    assert!(!through(session(None, None)).hides_its_taker());
    // What was sealed before had no such member at all.
    let mut of_before = serde_json::to_value(session(Some("job"), None)).expect("JSON");
    let members = of_before.as_object_mut().expect("members");
    assert!(members.remove("taken").is_some());
    let read: Session = serde_json::from_value(of_before).expect("it is still read");
    assert!(read.hides_its_taker());
}
