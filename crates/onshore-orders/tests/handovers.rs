//! Hand-over plans: the purchase by Sinnet of 2017 as its file has it, and what a plan cannot say.

use onshore_orders::handover::{Currency, Side, Tranche};
use onshore_orders::{Day, Handover, Registered, Signature};
use onshore_types::PrincipalId;

fn sinnet() -> Handover {
    let plan: Handover = toml::from_str(onshore_orders::SINNET_2017).expect("the file reads");
    plan.check().expect("the file holds");
    plan
}

fn tranche(id: &str, price_minor: Option<u64>, due: Option<&str>) -> Tranche {
    Tranche {
        id: id.parse().expect("an id"),
        text: id.to_owned(),
        assets: Vec::new(),
        price_minor,
        due: due.map(|due| due.parse().expect("a day")),
        signed_by_seller: None,
        signed_by_buyer: None,
    }
}

/// A day on which nothing is late.
fn early() -> Day {
    "2017-01-01".parse().expect("a day")
}

fn signed(person: &str) -> Option<Signature> {
    Some(Signature {
        person: person.parse().expect("a name"),
        vouched_by: Vec::new(),
        token: PrincipalId::from_bytes([1; 16]),
        at: "2017-12-01T00:00:00Z".parse().expect("an instant"),
    })
}

fn fails(change: impl FnOnce(&mut Handover)) -> String {
    let mut plan = sinnet();
    change(&mut plan);
    plan.check().expect_err("it does not hold").to_string()
}

#[test]
fn the_purchase_of_2017_is_as_it_was() {
    let plan = sinnet();
    assert_eq!(plan.currency.to_string(), "CNY");
    assert_eq!(plan.price_max_minor, 2_000_000_000 * 100);
    assert_eq!(plan.decided.to_string(), "2017-11-10");
    assert!(plan.retained[0].text.contains("continues to own"));
    assert_eq!(plan.accepted_minor(), 0);
    assert!(plan.tranches.iter().all(|one| !one.is_signed()));
}

#[test]
fn tranches_add_up_to_the_price_and_no_more() {
    let mut plan = sinnet();
    plan.tranches = vec![
        tranche("one", Some(150_000_000_000), Some("2017-11-10")),
        tranche("two", Some(50_000_000_000), None),
    ];
    plan.check().expect("it holds");
    assert!(
        fails(|plan| plan.tranches = vec![tranche("one", Some(200_000_000_001), None)])
            .contains("more than")
    );
    let over = vec![
        tranche("one", Some(u64::MAX), None),
        tranche("two", Some(u64::MAX), None),
    ];
    assert!(fails(|plan| plan.tranches = over).contains("more than"));
    assert!(
        fails(|plan| plan.tranches = vec![tranche("one", None, Some("2017-11-09"))])
            .contains("before")
    );
    assert!(fails(|plan| plan.tranches.clear()).contains("tranches"));
    assert!(
        fails(|plan| plan.tranches = vec![tranche("one", None, None), tranche("one", None, None)])
            .contains("id")
    );
    assert!(fails(|plan| plan.price_max_minor = u64::MAX).contains("price"));
    assert!(fails(|plan| plan.buyer = plan.seller.clone()).contains("itself"));
    assert!(fails(|plan| plan.sources.clear()).contains("sources"));
    assert!(
        fails(|plan| {
            plan.seller_signatories = vec!["Ada".parse().expect("a name")];
            plan.buyer_signatories = vec!["ada".parse().expect("a name")];
        })
        .contains("both sides")
    );
    assert!(
        fails(|plan| {
            let asset = || vec!["a-1".parse().expect("an id")];
            plan.tranches = vec![tranche("one", None, None), tranche("two", None, None)];
            plan.tranches[0].assets = asset();
            plan.tranches[1].assets = asset();
        })
        .contains("twice")
    );
    for bad in ["cny", "CN", "CNYY", "¥¥¥", ""] {
        assert!(bad.parse::<Currency>().is_err(), "{bad}");
    }
}

#[test]
fn what_is_late_keeps_its_day() {
    let mut plan = sinnet();
    plan.tranches = vec![tranche("one", Some(7), None), tranche("two", Some(5), None)];
    plan.tranches[0].due = Some("2018-03-31".parse().expect("a day"));
    let (on_its_day, after) = (
        "2018-03-31".parse().expect("a day"),
        "2018-04-01".parse().expect("a day"),
    );
    for change in [
        (|one: &mut Handover| one.tranches[0].due = Some("2029-01-01".parse().expect("a day")))
            as fn(&mut Handover),
        |one| one.tranches[0].due = None,
        |one| drop(one.tranches.remove(0)),
        |one| one.tranches[0].id = "another".parse().expect("an id"),
    ] {
        let mut later = plan.clone();
        change(&mut later);
        assert!(plan.amended(later.clone(), on_its_day).is_ok());
        assert!(plan.amended(later, after).is_err());
    }
    let mut earlier = plan.clone();
    earlier.tranches[0].due = Some("2018-02-28".parse().expect("a day"));
    earlier.tranches[1].due = Some("2029-01-01".parse().expect("a day"));
    assert!(plan.amended(earlier, after).is_ok());
}

#[test]
fn what_was_signed_for_stays() {
    let mut plan = sinnet();
    plan.tranches = vec![tranche("one", Some(7), None), tranche("two", Some(5), None)];
    let unsigned = plan.clone();
    plan.tranches[0].signed_by_seller = signed("wei");
    assert!(!plan.tranches[0].is_accepted());
    assert_eq!(plan.accepted_minor(), 0);
    plan.tranches[0].signed_by_buyer = signed("li");
    assert!(plan.tranches[0].is_accepted() && plan.accepted_minor() == 7);
    assert!(plan.filed_by().is_some(), "nobody signs by hand");
    assert_eq!(
        plan.tranches[0].signature(Side::Buyer),
        signed("li").as_ref()
    );
    // A later revision keeps the signatures, and may change what nobody signed for.
    let mut later = unsigned.clone();
    later.tranches[1].price_minor = Some(6);
    let amended = plan.amended(later, early()).expect("it may");
    assert_eq!(amended.tranches[0], plan.tranches[0]);
    assert_eq!(amended.tranches[1].price_minor, Some(6));
    for change in [
        (|plan: &mut Handover| plan.tranches[0].price_minor = Some(8)) as fn(&mut Handover),
        |plan| drop(plan.tranches.remove(0)),
        |plan| plan.tranches[0].text = "other".to_owned(),
        |plan| plan.buyer = "nwcd".parse().expect("an id"),
        |plan| plan.currency = "USD".parse().expect("money"),
        |plan| plan.retained.clear(),
        |plan| plan.title.push('s'),
        |plan| plan.region = Some("r3".parse().expect("an id")),
        |plan| plan.decided = "2017-11-09".parse().expect("a day"),
        |plan| drop(plan.sources.remove(0)),
        |plan| drop(plan.tranches.remove(1)),
        |plan| plan.retained[0].text = "nothing".to_owned(),
        |plan| plan.price_max_minor += 1,
        |plan| plan.seller_signatories = vec!["Mallory".parse().expect("a name")],
        |plan| plan.buyer_signatories = vec!["Mallory".parse().expect("a name")],
    ] {
        let mut later = unsigned.clone();
        change(&mut later);
        assert!(plan.amended(later.clone(), early()).is_err());
        assert!(
            unsigned.amended(later, early()).is_ok(),
            "nobody had signed"
        );
    }
}

#[test]
fn what_was_read_is_sent_back_with_its_signatures_and_no_others() {
    use onshore_orders::{Record, RecordKind};
    let mut plan = sinnet();
    plan.tranches[0].signed_by_seller = signed("wei");
    let before = Record::Handover(Box::new(plan.clone()));
    let read = |plan: &Handover| {
        let value = serde_json::to_value(plan).expect("it is written");
        assert!(Record::read(RecordKind::Handover, &value).is_err());
        Record::read_after(RecordKind::Handover, &value, &before)
    };
    plan.sources.push(plan.sources[0].clone());
    assert!(read(&plan).is_ok());
    for forge in [
        (|one: &mut Tranche| one.signed_by_buyer = signed("li")) as fn(&mut Tranche),
        |one| one.signed_by_seller = signed("mallory"),
        |one| one.id = "other".parse().expect("an id"),
    ] {
        let mut forged = plan.clone();
        forge(&mut forged.tranches[0]);
        assert!(read(&forged).is_err());
    }
}

#[test]
fn a_tranche_that_nobody_accepted_by_its_day_is_late() {
    let mut one = tranche("one", None, Some("2018-01-31"));
    let day = |text: &str| text.parse().expect("a day");
    assert!(!one.is_late(day("2018-01-31")) && one.is_late(day("2018-02-01")));
    one.signed_by_seller = signed("wei");
    assert!(
        one.is_late(day("2018-02-01")),
        "one side alone does not accept"
    );
    one.signed_by_buyer = signed("li");
    assert!(!one.is_late(day("2018-02-01")));
    assert!(!tranche("two", None, None).is_late(day("2099-01-01")));
}

#[test]
fn money_is_written_with_the_decimals_it_has() {
    for (currency, minor, expected) in [
        ("CNY", 0, "0.00 CNY"),
        ("CNY", 5, "0.05 CNY"),
        ("CNY", 100_000, "1,000.00 CNY"),
        ("JPY", 1_234_567, "1,234,567 JPY"),
        ("KWD", 1_234_567, "1,234.567 KWD"),
        ("USD", u64::MAX, "184,467,440,737,095,516.15 USD"),
    ] {
        let money: Currency = currency.parse().expect("money");
        assert_eq!(money.written(minor), expected);
    }
}
