//! Notices of authorities: settled by nothing but a look at everything that knew them all.

use onshore_classify::{Ground, ToldTerm};
use onshore_registry::{Notices, Tenant};
use onshore_types::{Level, TenantId, TenantName};

use crate::house::House;

const OTHER: TenantId = TenantId::from_bytes([9; 16]);

fn tell(house: &House, tenant: TenantId, id: &str) {
    let term = ToldTerm {
        id: id.to_owned(),
        word: "a word".to_owned(),
        level: Level::Important,
        category: None,
        ground: Ground::NationalSecurity,
        authority: "a notice".to_owned(),
    };
    house
        .write(move |registry, unit| registry.save_told_term(unit, tenant, &term))
        .expect("told");
}

fn settle(house: &House, changes: u64) -> bool {
    house
        .write(move |registry, unit| registry.settle_notices(unit, changes))
        .expect("settled")
}

fn of(house: &House, tenant: TenantId) -> Option<(u32, u32, bool)> {
    let notices = house
        .write(move |registry, unit| registry.notices(unit, tenant))
        .expect("read");
    notices.map(|notices: Notices| (notices.newest, notices.settled, notices.are_settled()))
}

#[test]
fn a_notice_is_open_until_a_look_that_knew_all_of_them() {
    let house = House::new();
    let tenant = house.tenant.id;
    let other = Tenant {
        id: OTHER,
        name: TenantName::parse("south").expect("a name"),
        ..house.tenant.clone()
    };
    house
        .write(move |registry, unit| registry.save_tenant(unit, &other))
        .expect("saved");
    assert_eq!(of(&house, tenant), None);
    assert!(settle(&house, 0), "nobody was told anything");
    assert_eq!(of(&house, tenant), None);

    tell(&house, tenant, "1");
    tell(&house, tenant, "2");
    assert_eq!(of(&house, tenant), Some((2, 0, false)));
    // A look that began before the second notice, or one that somebody else was told since.
    assert!(!settle(&house, 1));
    tell(&house, OTHER, "1");
    assert!(!settle(&house, 2));
    assert_eq!(of(&house, tenant), Some((2, 0, false)));
    assert!(settle(&house, 3));
    assert_eq!(of(&house, tenant), Some((2, 2, true)));
    assert_eq!(of(&house, OTHER), Some((1, 1, true)));

    // What is taken back binds nobody, and the next notice binds again: one with an id of before too.
    house
        .write(move |registry, unit| registry.remove_told_term(unit, tenant, "1"))
        .expect("taken back");
    assert_eq!(of(&house, tenant), Some((2, 2, true)));
    tell(&house, tenant, "2");
    assert_eq!(of(&house, tenant), Some((4, 2, false)));
    assert_eq!(of(&house, OTHER), Some((1, 1, true)));
    assert!(!settle(&house, 3) && settle(&house, 5));
    assert_eq!(of(&house, tenant), Some((4, 4, true)));
}
