//! What is spent of an approval: never more than there is, never less than nothing, given back once.

use onshore_registry::{Error, Export, ExportEnd};
use onshore_types::{ApprovalId, ExportId, Timestamp};

use crate::house::{House, NOW, wait};

fn export(id: u8, approval: ApprovalId, reserved_bytes: u64) -> Export {
    Export {
        id: ExportId::from_bytes([id; 16]),
        approval: Some(approval),
        reserved_bytes,
        opened_leaf: u64::from(id),
        closed_leaf: None,
    }
}

fn open(house: &House, export: &Export) -> Result<(), Error> {
    let export = export.clone();
    house.write(move |registry, unit| {
        if let Some(approval) = export.approval {
            registry.reserve(unit, approval, export.reserved_bytes)?;
        }
        registry.open_export(unit, &export)
    })
}

fn close(house: &House, export: &Export, end: ExportEnd, sent_bytes: u64) {
    let export = export.clone();
    house
        .write(move |registry, unit| registry.close_export(unit, &export, end, sent_bytes, 99))
        .expect("closed");
}

fn spent(house: &House, id: ApprovalId) -> u64 {
    wait(house.registry.approval(id))
        .expect("there")
        .spent_bytes
}

#[test]
fn reservations_stop_exactly_at_the_end() {
    let house = House::new();
    for max_bytes in [0, 1, 1000, (1 << 53) - 1, u64::MAX] {
        let approval = house.approval(u16::try_from(max_bytes % 60_000).expect("small"), max_bytes);
        house.save(&approval);
        let id = approval.id;
        let max_bytes = max_bytes.min(i64::MAX.unsigned_abs());
        for len_bytes in [max_bytes / 2, max_bytes - max_bytes / 2, 0] {
            house
                .write(move |registry, unit| registry.reserve(unit, id, len_bytes))
                .expect("there is as much");
        }
        assert_eq!(spent(&house, id), max_bytes);
        for len_bytes in [1, 2, i64::MAX.unsigned_abs(), u64::MAX] {
            let refused = house.write(move |registry, unit| registry.reserve(unit, id, len_bytes));
            assert!(
                matches!(
                    refused,
                    Err(Error::Exhausted {
                        remaining_bytes: 0,
                        ..
                    })
                ),
                "{refused:?}"
            );
        }
        assert_eq!(spent(&house, id), max_bytes);
    }
}

#[test]
fn what_was_not_sent_goes_back_once_however_often_it_is_closed() {
    let house = House::new();
    let approval = house.approval(1, 1000);
    house.save(&approval);
    let ends = [ExportEnd::Complete, ExportEnd::Cut, ExportEnd::Lapsed];
    for (number, end) in (1..).zip(ends) {
        let export = export(number, approval.id, 300);
        let before = spent(&house, approval.id);
        open(&house, &export).expect("opened");
        assert_eq!(spent(&house, approval.id), before + 300);
        for (end, sent_bytes) in [
            (end, 100),
            (end, 0),
            (ExportEnd::Interrupted, 300),
            (end, 7),
        ] {
            close(&house, &export, end, sent_bytes);
            assert_eq!(spent(&house, approval.id), before + 100, "{end:?}");
        }
    }
    assert!(house.registry.open_exports().expect("read").is_empty());
}

#[test]
fn interrupted_exports_stay_spent_and_more_sent_than_reserved_gives_nothing_back() {
    let house = House::new();
    let approval = house.approval(1, 1000);
    house.save(&approval);
    let interrupted = export(1, approval.id, 300);
    open(&house, &interrupted).expect("opened");
    close(&house, &interrupted, ExportEnd::Interrupted, 0);
    assert_eq!(spent(&house, approval.id), 300);
    let lying = export(2, approval.id, 300);
    open(&house, &lying).expect("opened");
    close(&house, &lying, ExportEnd::Complete, u64::MAX);
    assert_eq!(spent(&house, approval.id), 600);
    let never = export(3, approval.id, 300);
    close(&house, &never, ExportEnd::Cut, 0);
    assert_eq!(
        spent(&house, approval.id),
        600,
        "what was never opened is not given back"
    );
}

#[test]
fn a_reservation_that_fails_leaves_no_export() {
    let house = House::new();
    let approval = house.approval(1, 10);
    house.save(&approval);
    assert!(open(&house, &export(1, approval.id, 11)).is_err());
    assert!(house.registry.open_exports().expect("read").is_empty());
    let missing = ApprovalId::from_bytes([9; 16]);
    assert!(open(&house, &export(2, missing, 0)).is_err());
}

#[test]
fn revocation_happens_once_and_keeps_its_instant() {
    let house = House::new();
    let approval = house.approval(1, 10);
    house.save(&approval);
    let id = approval.id;
    let revoke =
        |now: Timestamp| house.write(move |registry, unit| registry.revoke_approval(unit, id, now));
    let revoked = revoke(NOW).expect("revoked");
    assert_eq!(revoked.revoked, Some(NOW));
    let again = revoke(NOW.plus_millis(1000));
    assert!(matches!(again, Err(Error::AlreadyRevoked(_))), "{again:?}");
    let kept = wait(house.registry.approval(id)).expect("there");
    assert_eq!(kept.revoked, Some(NOW));
}

#[test]
fn a_thousand_dead_approvals_do_not_hide_the_one_in_force() {
    let house = House::new();
    for number in 0..1500_u16 {
        let mut dead = house.approval(number, 10);
        dead.until = NOW.plus_millis(-1000 - i64::from(number));
        house.save(&dead);
    }
    for number in 1500..2600_u16 {
        let dead = house.approval(number, 10);
        house.save(&dead);
        let id = dead.id;
        house
            .write(move |registry, unit| {
                if number % 2 == 0 {
                    registry.revoke_approval(unit, id, NOW).map(drop)
                } else {
                    registry.reserve(unit, id, 10)
                }
            })
            .expect("dead");
    }
    let mut alive = house.approval(60_000, 10);
    alive.until = NOW.plus_millis(90_000_000_000);
    house.save(&alive);
    let (registry, tenant) = (house.registry.clone(), house.tenant.id);
    let facts = house
        .db
        .read_blocking(move |view| registry.approval_facts(view, tenant, NOW))
        .expect("read");
    assert_eq!(facts.len(), 1000);
    assert!(facts.iter().any(|fact| fact.id == alive.id));
}
