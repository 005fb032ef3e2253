//! Who may run a region: the licence that its operator of record holds, on the days at which that begins and ends.

use onshore_orders::{
    Day, Language, Licence, Operating, Partnership, Region, RegionStanding, Registered,
};
use proptest::prelude::*;

fn day(text: &str) -> Day {
    text.parse().expect("a day")
}

fn licence(id: &str, holder: &str, places: &[&str], from: &str, until: Option<&str>) -> Licence {
    Licence {
        id: id.parse().expect("an id"),
        class: "B11".to_owned(),
        holder: holder.parse().expect("an id"),
        places: places.iter().map(|place| (*place).to_owned()).collect(),
        authority: "MIIT".to_owned(),
        number: None,
        from: day(from),
        until: until.map(day),
        revoked: None,
    }
}

fn region(operators: &[(&str, &str, Option<&str>)]) -> Region {
    Region {
        id: "cn-north-1".parse().expect("an id"),
        name: "Beijing".to_owned(),
        place: "CN-BJ".to_owned(),
        offset: "+08:00".parse().expect("an offset"),
        licence_class: Some("B11".to_owned()),
        operators: operators
            .iter()
            .map(|(who, from, until)| Operating {
                organisation: who.parse().expect("an id"),
                from: day(from),
                until: until.map(day),
            })
            .collect(),
    }
}

fn standing(region: &Region, licences: &[Licence], on: &str) -> (bool, Option<String>) {
    let RegionStanding {
        is_open, lapses, ..
    } = region.standing(licences, day(on), Language::En);
    (is_open, lapses.map(String::from))
}

#[test]
fn a_licence_holds_from_its_first_day_to_the_one_before_its_end() {
    let region = region(&[("sinnet", "2017-11-14", None)]);
    let one = licence(
        "l-1",
        "sinnet",
        &["CN-BJ"],
        "2017-11-14",
        Some("2024-02-29"),
    );
    let all = [one.clone()];
    let end = Some("2024-02-29".to_owned());
    assert_eq!(standing(&region, &all, "2017-11-13"), (false, None));
    assert_eq!(standing(&region, &all, "2017-11-14"), (true, end.clone()));
    assert_eq!(standing(&region, &all, "2024-02-28"), (true, end.clone()));
    assert_eq!(standing(&region, &all, "2024-02-29"), (false, end.clone()));
    // Since when it lapsed does not move on with the days.
    assert_eq!(standing(&region, &all, "2026-01-01"), (false, end));
    // A licence that follows without a gap carries it on, one with a gap does not.
    let next = licence("l-2", "sinnet", &["CN"], "2024-02-29", Some("2026-01-01"));
    let all = [next, one.clone()];
    assert_eq!(
        standing(&region, &all, "2020-01-01"),
        (true, Some("2026-01-01".to_owned()))
    );
    let late = licence("l-2", "sinnet", &["CN"], "2024-03-01", None);
    let all = [one.clone(), late];
    assert_eq!(
        standing(&region, &all, "2020-01-01"),
        (true, Some("2024-02-29".to_owned()))
    );
    assert_eq!(standing(&region, &all, "2024-03-01"), (true, None));
    let mut revoked = one;
    revoked.revoked = Some(onshore_orders::licence::Revocation {
        from: day("2019-01-01"),
        reason: "sold on".to_owned(),
    });
    assert_eq!(
        standing(&region, &[revoked.clone()], "2018-12-31"),
        (true, Some("2019-01-01".to_owned()))
    );
    assert!(!standing(&region, &[revoked], "2019-01-01").0);
}

#[test]
fn whoever_has_none_for_the_place_and_class_may_not() {
    let region = region(&[("sinnet", "2017-11-14", None)]);
    for (id, holder, places, class, is_open) in [
        ("here", "sinnet", vec!["CN-BJ"], "B11", true),
        ("all", "sinnet", vec!["CN"], "B11", true),
        ("narrower", "sinnet", vec!["CN-BJ-HD"], "B11", false),
        ("like-it", "sinnet", vec!["CN-B"], "B11", false),
        ("elsewhere", "sinnet", vec!["CN-NX"], "B11", false),
        ("other", "nwcd", vec!["CN-BJ"], "B11", false),
        ("class", "sinnet", vec!["CN-BJ"], "B25", false),
    ] {
        let mut one = licence(id, holder, &places, "2010-01-01", None);
        one.class = class.to_owned();
        let all = [one];
        assert_eq!(standing(&region, &all, "2020-01-01").0, is_open, "{id}");
        let refused = region.refuses(&region.operators[0], &all);
        assert_eq!(refused.is_none(), is_open, "{id}");
    }
    let mut free = region.clone();
    free.licence_class = None;
    assert!(standing(&free, &[], "2020-01-01").0);
    assert!(!standing(&free, &[], "2017-11-13").0, "nobody runs it yet");
    let told = region.standing(&[], day("2020-01-01"), Language::En).why;
    assert!(
        told.contains("sinnet") && told.contains("B11") && told.contains("CN-BJ"),
        "{told}"
    );
}

#[test]
fn what_contradicts_itself_is_refused() {
    for operators in [
        vec![("a", "2020-01-01", Some("2020-01-01"))],
        vec![("a", "2020-01-01", None), ("b", "2021-01-01", None)],
        vec![
            ("b", "2021-01-01", None),
            ("a", "2020-01-01", Some("2021-01-02")),
        ],
    ] {
        assert!(region(&operators).check().is_err(), "{operators:?}");
    }
    let one_after_the_other = [
        ("a", "2020-01-01", Some("2021-01-01")),
        ("b", "2021-01-01", None),
    ];
    region(&one_after_the_other).check().expect("it holds");
    assert!(licence("x", "a", &[], "2020-01-01", None).check().is_err());
    assert!(
        licence("x", "a", &["CN"], "2020-01-01", Some("2020-01-01"))
            .check()
            .is_err()
    );
    let same = Partnership {
        id: "p".parse().expect("an id"),
        region: "r".parse().expect("an id"),
        operator: "a".parse().expect("an id"),
        technology_provider: "a".parse().expect("an id"),
        technology: "all of it".to_owned(),
        retained: Vec::new(),
        from: day("2020-01-01"),
        until: None,
    };
    assert!(same.check().is_err());
}

proptest! {
    /// Up to the day that is told, and not on it, the region is open.
    #[test]
    fn the_day_of_the_lapse_is_the_first_without_a_licence(spans in proptest::collection::vec((0_i32..900, 1_i32..400), 0..6), at in 0_i32..900) {
        let first = day("2020-01-01");
        let plus = |days| first.plus_days(days).expect("a day");
        let region = region(&[("a", "2020-01-01", None)]);
        let licences: Vec<Licence> = spans
            .iter()
            .map(|(from, days)| Licence { from: plus(*from), until: Some(plus(from + days)), ..licence("l", "a", &["CN"], "2020-01-01", None) })
            .collect();
        let told = region.standing(&licences, plus(at), Language::En);
        let is_open = |on: Day| region.standing(&licences, on, Language::En).is_open;
        match (told.is_open, told.lapses) {
            (true, Some(lapses)) => {
                prop_assert!(!is_open(lapses));
                let mut on = plus(at);
                while on < lapses {
                    prop_assert!(is_open(on));
                    on = on.plus_days(1).expect("a day");
                }
            }
            (true, None) => prop_assert!(false, "each of them ends"),
            (false, Some(since)) => {
                let mut on = since;
                while on <= plus(at) {
                    prop_assert!(!is_open(on));
                    on = on.plus_days(1).expect("a day");
                }
            }
            (false, None) => prop_assert!(false, "somebody runs it"),
        }
    }
}

#[test]
fn a_licence_is_for_places_that_there_are() {
    for (place, holds) in [
        ("CN", true),
        ("CN-BJ", true),
        ("Mordor", false),
        ("cn", false),
    ] {
        let one = licence("l", "sinnet", &[place], "2017-01-01", None);
        assert_eq!(one.check().is_ok(), holds, "{place}");
    }
}
