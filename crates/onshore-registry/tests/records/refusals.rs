//! Equal refusals of a minute: one leaf, and a count that is taken once unless there are more.

use onshore_registry::RefusalKey;
use onshore_types::PrincipalId;

use crate::house::House;

fn key(principal: u8, rule: &'static str, minute: i64) -> RefusalKey {
    RefusalKey {
        principal: PrincipalId::from_bytes([principal; 16]),
        rule: rule.to_owned(),
        minute,
    }
}

/// Refuses and returns the leaf: a new one for the first of its kind.
fn refuse(house: &House, key: RefusalKey, next_leaf: u64) -> u64 {
    house
        .write(move |registry, unit| {
            if let Some(leaf) = registry.count_refusal(unit, &key)? {
                return Ok(leaf);
            }
            registry.save_refusal(unit, &key, next_leaf)?;
            Ok(next_leaf)
        })
        .expect("recorded")
}

/// Takes what is due and returns leaf and count of each.
fn take(house: &House, minute: i64) -> Vec<(u64, u64)> {
    let taken = house.write(move |registry, unit| registry.take_uncounted(unit, minute));
    let taken = taken.expect("taken");
    taken
        .iter()
        .map(|refusal| (refusal.leaf, refusal.times))
        .collect()
}

#[test]
fn only_equal_ones_are_counted_together() {
    let house = House::new();
    for _ in 0..5 {
        assert_eq!(refuse(&house, key(1, "border.outward", 7), 10), 10);
    }
    assert_eq!(refuse(&house, key(2, "border.outward", 7), 11), 11);
    assert_eq!(refuse(&house, key(1, "tenancy.own", 7), 12), 12);
    assert_eq!(refuse(&house, key(1, "border.outward", 8), 13), 13);
    assert_eq!(take(&house, 7), [], "the minute is not over");
    assert_eq!(
        take(&house, 8),
        [(10, 5)],
        "what happened once needs no count"
    );
    assert_eq!(take(&house, 8), []);
    assert_eq!(take(&house, i64::MAX), []);
}

#[test]
fn a_minute_that_goes_on_after_its_count_is_counted_again_in_full() {
    let house = House::new();
    for _ in 0..3 {
        refuse(&house, key(1, "border.outward", 7), 10);
    }
    assert_eq!(take(&house, i64::MAX), [(10, 3)]);
    for _ in 0..2 {
        assert_eq!(refuse(&house, key(1, "border.outward", 7), 20), 10);
    }
    assert_eq!(take(&house, i64::MAX), [(10, 5)]);
}

#[test]
fn more_than_one_page_of_counts_is_taken_in_turns() {
    let house = House::new();
    for minute in 0..1200 {
        refuse(
            &house,
            key(1, "border.outward", minute),
            minute.unsigned_abs(),
        );
        refuse(&house, key(1, "border.outward", minute), 0);
    }
    let mut taken = take(&house, i64::MAX);
    assert_eq!(taken.len(), 1000);
    taken.extend(take(&house, i64::MAX));
    assert_eq!(taken.len(), 1200);
    assert!(taken.iter().all(|(_, times)| *times == 2));
    assert_eq!(take(&house, i64::MAX), []);
}
