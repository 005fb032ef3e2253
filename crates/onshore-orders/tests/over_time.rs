//! What changes and what is corrected: segments of days, renewals that were not there yet or were against the order, and contracts
//! that somebody would rather have never been.

use onshore_orders::order::Addressees;
use onshore_orders::{
    AssetTally, Contract, Day, Earlier, Finding, Id, Judge, Order, Organisation, Provider, Record,
    RecordKind, Registered, Renewal, Share, Status, Timeline, Told,
};
use onshore_types::Timestamp;
use serde_json::{Value, json};

fn day(text: &str) -> Day {
    text.parse().expect("a day")
}

fn id(text: &str) -> Id {
    text.parse().expect("an id")
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn tianjin() -> Order {
    toml::from_str(onshore_orders::TIANJIN_2021).expect("the file reads")
}

fn organisation(value: &Value) -> Organisation {
    match Record::read(RecordKind::Organisation, value).expect("it reads") {
        Record::Organisation(one) => one,
        other => panic!("{other:?}"),
    }
}

fn organisations() -> Vec<Organisation> {
    vec![
        organisation(&json!({ "id": "tianjin-sasac", "name": "SASAC", "kind": "state-organ" })),
        organisation(&json!({ "id": "port", "name": "Port", "owners": [
            { "owner": "tianjin-sasac", "percent": 100, "from": "2003-01-01" }] })),
        organisation(&json!({ "id": "private", "name": "Private" })),
    ]
}

fn providers() -> Vec<Provider> {
    [
        ("alibaba-cloud", "third-party-cloud"),
        ("guoziyun", "state-cloud"),
    ]
    .map(|(name, kind)| {
        let value = json!({ "id": name, "name": name, "kind": kind });
        match Record::read(RecordKind::Provider, &value).expect("it reads") {
            Record::Provider(one) => one,
            other => panic!("{other:?}"),
        }
    })
    .to_vec()
}

fn contract(of: &str, with: &str, end: &str) -> Contract {
    let value = json!({
        "id": "c-1", "organisation": of, "provider": with, "service": "oss", "start": "2019-01-01", "end": end,
    });
    match Record::read(RecordKind::Contract, &value).expect("it reads") {
        Record::Contract(one) => one,
        other => panic!("{other:?}"),
    }
}

/// A line of revisions, each of its day, recorded in December 2021, on the second and so on.
fn line(revisions: &[(&Contract, Option<&str>)]) -> Timeline<Contract> {
    let mut told = revisions.iter().enumerate().map(|(place, (record, from))| {
        let at = format!("2021-12-{:02}T00:00:00Z", place + 1);
        Told {
            record: (*record).clone(),
            from: from.map(day),
            recorded: instant(&at),
        }
    });
    let mut line = Timeline::new(told.next().expect("one"));
    told.for_each(|one| line.push(one));
    line
}

const OPEN: AssetTally = AssetTally {
    assets: 2,
    planned: 0,
    moving: 0,
    moved: 0,
    proven: 0,
    objects: 0,
    set_aside: 0,
    against: [0; 7],
    taken_out: 0,
    last_taken_out: None,
};

fn of(organisation: &str, line: &Timeline<Contract>, on: &str) -> Option<Finding> {
    let (organisations, providers, order) = (organisations(), providers(), tianjin());
    let judge = Judge::new(&organisations, &providers).expect("one of each");
    let on = judge.on(&order, day(on));
    let found = on.contract_over_time(&id(organisation), line, &OPEN)?;
    Some(found.finding)
}

fn find(line: &Timeline<Contract>, on: &str) -> Finding {
    of("port", line, on).expect("it is told of")
}

fn breaches(finding: &Finding) -> Vec<String> {
    let all = finding.breaches.iter();
    all.map(|one| format!("{} {}", one.what, one.signed))
        .collect()
}

#[test]
fn a_renewal_counts_from_the_day_on_which_it_was_signed() {
    let before = contract("private", "alibaba-cloud", "2022-03-31");
    let longer = contract("private", "alibaba-cloud", "2023-03-31");
    let told = Contract {
        renewals: vec![Renewal {
            signed: day("2022-02-01"),
            end: Some(day("2023-03-31")),
            before: None,
        }],
        ..longer.clone()
    };
    let renewed = told.clone().after(before, day("2022-02-03"));
    assert_eq!(renewed.renewals[0].before, Some(day("2022-03-31")));
    // The order names whoever is called so, so that the renewal is none of its breaches before it is frozen.
    let mut order = tianjin();
    order.addressees.named.push(id("private"));
    order.freezes.clear();
    let (organisations, providers) = (organisations(), providers());
    let judge = Judge::new(&organisations, &providers).expect("one of each");
    let due = |contract: &Contract, on| judge.on(&order, day(on)).contract(contract, &OPEN).due;
    assert_eq!(due(&renewed, "2021-12-01"), Some(day("2022-05-31")));
    assert_eq!(due(&renewed, "2022-01-31"), Some(day("2022-05-31")));
    assert_eq!(due(&renewed, "2022-02-01"), Some(day("2022-09-30")));
    // What is told again is the same renewal, and a shorter end is one at once.
    let again = told.after(renewed.clone(), day("2022-03-01"));
    assert_eq!(again.renewals, renewed.renewals);
    let shorter =
        contract("private", "alibaba-cloud", "2022-02-28").after(again, day("2022-03-01"));
    assert_eq!(due(&shorter, "2022-02-01"), Some(day("2022-04-28")));
    // Where nobody knows until when it ran, it ran until it was renewed.
    let unknown = Contract {
        renewals: vec![Renewal {
            signed: day("2022-02-01"),
            end: None,
            before: None,
        }],
        ..longer
    };
    assert_eq!(due(&unknown, "2022-01-31"), Some(day("2022-04-01")));
    assert_eq!(due(&unknown, "2022-02-01"), Some(day("2022-09-30")));
    let backwards = Contract {
        renewals: vec![Renewal {
            signed: day("2022-02-01"),
            end: Some(day("2022-03-31")),
            before: Some(day("2022-04-01")),
        }],
        ..unknown
    };
    assert!(backwards.check().is_err());
}

#[test]
fn a_renewal_against_the_order_buys_no_time() {
    let before = contract("port", "alibaba-cloud", "2022-01-31");
    let longer = contract("port", "alibaba-cloud", "2027-01-31");
    for (signed, due) in [("2021-08-11", "2022-09-30"), ("2021-08-12", "2022-03-31")] {
        let renewed = longer.clone().after(before.clone(), day(signed));
        let found = find(&line(&[(&renewed, None)]), "2022-02-01");
        assert_eq!(found.due, Some(day(due)), "{signed}");
        let is_said = found.why.contains("moves no day") && found.why.contains("lease-freeze");
        assert_eq!(is_said, signed == "2021-08-12", "{}", found.why);
    }
    // One after another: the first was allowed, the second was not.
    let first = contract("port", "alibaba-cloud", "2022-05-31").after(before, day("2021-08-01"));
    let second = longer.after(first, day("2021-10-01"));
    let found = find(&line(&[(&second, None)]), "2022-02-01");
    assert_eq!(found.due, Some(day("2022-07-31")));
    assert_eq!(breaches(&found), ["contract.renew 2021-10-01"]);
}

#[test]
fn since_a_day_it_is_with_somebody_else_and_is_left_as_what_it_was() {
    let bound = contract("port", "alibaba-cloud", "2022-01-31");
    let free = contract("port", "guoziyun", "2030-01-01").in_place_of(&bound, day("2021-12-01"));
    let changed = line(&[(&bound, None), (&free, Some("2021-12-01"))]);
    for on in ["2021-11-30", "2021-12-01", "2022-03-31"] {
        let found = find(&changed, on);
        assert_eq!(found.due, Some(day("2022-03-31")), "{on}");
        assert_eq!(found.status, Some(Status::NotStarted), "{on}");
        let is_said = found.why.contains("with `alibaba-cloud` until 2021-12-01");
        assert_eq!(is_said, on != "2021-11-30", "{}", found.why);
    }
    assert_eq!(find(&changed, "2022-04-01").status, Some(Status::Late));
    // What was with somebody else before the order was never bound.
    let early = line(&[(&bound, None), (&free, Some("2021-08-12"))]);
    let early = find(&early, "2022-04-01");
    assert_eq!(early.status, None);
    // That it was is what was found out afterwards, and is told.
    assert_eq!(early.corrected, Some(day("2021-12-02")));
    let last = line(&[(&bound, None), (&free, Some("2021-08-13"))]);
    assert_eq!(find(&last, "2022-04-01").status, Some(Status::Late));
    // Given to somebody else, it is told of where it was bound.
    let given =
        contract("private", "alibaba-cloud", "2030-01-01").in_place_of(&bound, day("2021-12-01"));
    let given = line(&[(&bound, None), (&given, Some("2021-12-01"))]);
    assert_eq!(find(&given, "2022-04-01").status, Some(Status::Late));
    let theirs = of("private", &given, "2022-04-01").expect("it is theirs");
    assert_eq!(theirs.status, None);
    assert!(of("private", &given, "2021-11-30").is_none());
}

#[test]
fn since_a_day_it_is_with_whom_the_order_prohibits_and_that_is_new() {
    let state = contract("port", "guoziyun", "2023-01-01");
    let bad = contract("port", "alibaba-cloud", "2023-01-01");
    for (from, expected) in [
        ("2021-08-11", vec![]),
        ("2021-08-12", vec!["contract.new 2021-08-12"]),
    ] {
        let new = bad.clone().in_place_of(&state, day(from));
        let changed = line(&[(&state, None), (&new, Some(from))]);
        let found = find(&changed, "2022-02-01");
        assert_eq!(breaches(&found), expected, "{from}");
        assert!(found.status.is_some());
        // That it had been so before the order is what was recorded while that was frozen, and is told.
        let told = expected.is_empty().then(|| day("2021-12-02"));
        assert_eq!(found.corrected, told, "{}", found.why);
        let is_said =
            found.why.contains("one with `guoziyun`") && found.why.contains("lease-freeze");
        assert_eq!(is_said, expected.is_empty(), "{}", found.why);
        assert_eq!(find(&changed, "2021-08-10").status, None);
    }
    // Nothing that was filed of the other is its own.
    let closed = Contract {
        deletion: serde_json::from_value(json!({
            "statement_sha256": "0".repeat(64), "negative_probe": "2021-07-01", "filed": "2021-07-01",
        }))
        .expect("it reads"),
        ..state
    };
    let new = bad.in_place_of(&closed, day("2021-09-01"));
    assert_eq!(new.deletion, None);
    assert_eq!(new.signed(), day("2021-09-01"));
}

#[test]
fn what_was_bound_and_is_corrected_is_told() {
    let bound = contract("port", "alibaba-cloud", "2022-01-31");
    let later = Contract {
        start: day("2099-01-01"),
        end: None,
        ..bound.clone()
    };
    let elsewhere = contract("port", "guoziyun", "2022-01-31");
    for (corrected, from) in [
        (&elsewhere, None),
        (&later, None),
        (&elsewhere, Some("2019-01-01")),
    ] {
        let mut told = line(&[(&bound, from)]);
        if from.is_some() {
            told = line(&[
                (&bound, None),
                (&bound, Some("2020-01-01")),
                (corrected, from),
            ]);
        } else {
            told.push(Told {
                record: corrected.clone(),
                from: None,
                recorded: instant("2021-12-02T17:00:00Z"),
            });
        }
        let found = find(&told, "2021-12-01");
        assert_eq!(found.status, None);
        // In China it is the next day already.
        assert_eq!(found.corrected, Some(day("2021-12-03")));
        assert!(
            found.why.contains("2021-12-03") && found.why.contains("alibaba-cloud"),
            "{}",
            found.why
        );
    }
    // Whose it was is told of it too, and nobody else.
    let given = contract("private", "alibaba-cloud", "2022-01-31");
    let given = line(&[(&bound, None), (&given, None)]);
    assert!(find(&given, "2022-01-01").corrected.is_some());
    let theirs = of("private", &given, "2022-01-01").expect("it is theirs");
    assert_eq!(theirs.corrected, None);
    // What is bound still hides nothing.
    let word = Contract {
        service: "object storage".to_owned(),
        ..bound.clone()
    };
    assert_eq!(
        find(&line(&[(&bound, None), (&word, None)]), "2022-01-01").corrected,
        None
    );
    // Before the order nothing was bound that could be hidden.
    let gone = line(&[(&bound, None), (&elsewhere, None)]);
    assert_eq!(find(&gone, "2021-08-11").corrected, None);
}

#[test]
fn a_breach_that_is_corrected_is_told() {
    let signed = |on: &str| Contract {
        signed: Some(day(on)),
        ..contract("port", "alibaba-cloud", "2023-01-01")
    };
    let told = line(&[(&signed("2021-08-12"), None), (&signed("2021-08-11"), None)]);
    let found = find(&told, "2022-01-01");
    assert!(found.breaches.is_empty());
    assert_eq!(found.corrected, Some(day("2021-12-02")));
    assert!(
        found.why.contains("contract.new was of 2021-08-12"),
        "{}",
        found.why
    );
    // What was so until a day is not undone by what is so since.
    let since = line(&[
        (&signed("2021-08-12"), None),
        (&signed("2021-08-11"), Some("2021-12-01")),
    ]);
    assert_eq!(
        breaches(&find(&since, "2022-01-01")),
        ["contract.new 2021-08-12"]
    );
}

#[test]
fn assets_that_were_taken_out_are_told() {
    let (organisations, providers, order) = (organisations(), providers(), tianjin());
    let judge = Judge::new(&organisations, &providers).expect("one of each");
    let tally = AssetTally {
        taken_out: 1,
        last_taken_out: Some(instant("2022-01-31T16:00:00Z")),
        ..OPEN
    };
    let bound = contract("port", "alibaba-cloud", "2022-01-31");
    let found = judge.on(&order, day("2022-02-01")).contract(&bound, &tally);
    let told = "1 asset was taken out of it unproven, by what was recorded on 2022-02-01";
    assert!(found.why.contains(told), "{}", found.why);
}

/// What somebody did is held against what everybody was on that day.
#[test]
fn organisations_are_what_they_were() {
    let segment = |sector: &str, from: Option<&str>, owner: Option<&str>| {
        let owners: Vec<Value> = owner
            .map(|owner| json!({ "owner": owner, "percent": 100, "from": "2003-01-01" }))
            .into_iter()
            .collect();
        Told {
            record: organisation(
                &json!({ "id": "bank", "name": "Bank", "sector": sector, "owners": owners }),
            ),
            from: from.map(day),
            recorded: instant("2022-01-01T00:00:00Z"),
        }
    };
    let mut bank = Timeline::new(segment("finance", None, Some("tianjin-sasac")));
    bank.push(segment("retail", Some("2021-10-01"), None));
    let mut order = tianjin();
    order.addressees.sectors = vec!["finance".to_owned()];
    order.addressees.controlled_by = vec![];
    order.addressees.state_owned = true;
    let bound = |on: &str, signed: &str, order: &Order| {
        let (one, earlier) = bank.organisation(day(on)).expect("it is there");
        let mut all = organisations();
        all.push(one);
        let providers = providers();
        let no: Vec<Earlier<Provider>> = Vec::new();
        let judge = Judge::new(&all, &providers)
            .expect("one of each")
            .remembering(&earlier, &no);
        let contract = Contract {
            signed: Some(day(signed)),
            ..contract("bank", "alibaba-cloud", "2023-01-01")
        };
        let on = judge.on(order, day(on));
        let found = on.contract(&contract, &OPEN);
        (found.status.is_some(), found.breaches.len())
    };
    assert_eq!(bound("2021-09-30", "2021-09-01", &order), (true, 1));
    // Now it is in another trade and nobody's, and what it signed then was against the order still.
    assert_eq!(bound("2021-10-01", "2021-09-30", &order), (false, 1));
    assert_eq!(bound("2021-10-01", "2021-10-01", &order), (false, 0));
    order.addressees.sectors.clear();
    assert_eq!(bound("2022-01-01", "2021-09-30", &order), (false, 1));
    let (now, earlier) = bank.organisation(day("2022-01-01")).expect("it is there");
    assert_eq!(earlier[0].until, day("2021-10-01"));
    assert_eq!(now.owners[0].until, Some(day("2021-10-01")));
}

#[test]
fn an_order_to_a_trade_or_a_place_binds_what_is_a_part_of_it() {
    let bound = |sectors: &[&str], regions: &[&str], sector: &str, region: &str| {
        let words = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        let mut order = tianjin();
        order.addressees = Addressees {
            clause: order.addressees.clause.clone(),
            named: Vec::new(),
            controlled_by: Vec::new(),
            state_owned: false,
            over_percent: Share::HALF,
            sectors: words(sectors),
            regions: words(regions),
            critical_infrastructure: false,
        };
        let all = [organisation(
            &json!({ "id": "bank", "name": "Bank", "sector": sector, "region": region }),
        )];
        let providers = providers();
        let judge = Judge::new(&all, &providers).expect("one of each");
        let said = judge.on(&order, day("2022-01-01"));
        let standing = said.organisation(&id("bank"));
        (standing.bound_by.is_some(), standing.why)
    };
    let energy_too = &["finance", "energy"][..];
    for word in ["banking", "保险", "securities", "funds", "支付", "金融业"] {
        assert!(bound(energy_too, &[], word, "CN-BJ").0, "{word}");
    }
    let (is_bound, why) = bound(&["金融"], &[], "banking", "CN");
    assert!(is_bound && why.contains("`banking` is a part of `金融`"));
    // It is not the other way round, and what is the same word is no part.
    assert!(!bound(&["banking"], &[], "finance", "CN").0);
    let (is_bound, why) = bound(&["finance"], &["CN-BJ"], "金融", "CN-BJ");
    assert!(is_bound && !why.contains("is a part of"), "{why}");
    let (is_bound, why) = bound(&[], &["US", "CN"], "other", "CN-BJ");
    assert!(
        is_bound && why.contains("`CN-BJ` is a part of `CN`"),
        "{why}"
    );
    assert!(!bound(&[], &["CN-BJ"], "other", "CN").0);
    assert!(!bound(&[], &["CN-B"], "other", "CN-BJ").0);
    assert!(!bound(&["finance"], &["US"], "banking", "CN-BJ").0);
}

#[test]
fn an_order_names_trades_by_words_of_the_table_and_old_ones_stay() {
    let addressed = |sector: &str| {
        let toml: toml::Value = toml::from_str(onshore_orders::TIANJIN_2021).expect("it reads");
        let mut value = serde_json::to_value(toml).expect("it is JSON");
        value["addressees"]["sectors"] = json!(["金融业", sector]);
        value
    };
    assert!(Record::read(RecordKind::Order, &addressed("Energy")).is_ok());
    let refused = Record::read(RecordKind::Order, &addressed("gaming")).expect_err("it is none");
    let told = refused.to_string();
    assert!(
        told.contains("`gaming`") && told.contains("banking (银行)"),
        "{told}"
    );
    // What was recorded before that was asked for is read, and may be amended with the words that it has.
    let text = addressed("gaming").to_string();
    let old = Record::from_json(RecordKind::Order, &text).expect("it was recorded");
    assert!(Record::read_after(RecordKind::Order, &addressed("gaming"), &old).is_ok());
    assert!(Record::read_after(RecordKind::Order, &addressed("games"), &old).is_err());
}

#[test]
fn orders_quote_their_sources_and_are_given_before_they_are_withdrawn() {
    let order = |change: &dyn Fn(&mut Value)| {
        let toml: toml::Value = toml::from_str(onshore_orders::TIANJIN_2021).expect("it reads");
        let mut value = serde_json::to_value(toml).expect("it is JSON");
        change(&mut value);
        Record::read(RecordKind::Order, &value)
    };
    let withdrawn = |from: &str| {
        let withdrawn = json!({ "from": from, "reason": "replaced" });
        order(&|value| value["withdrawn"] = withdrawn.clone())
    };
    let issued = tianjin().issued;
    let eve = issued.plus_days(-1).expect("a day");
    assert!(withdrawn(&issued.to_string()).is_ok());
    assert!(withdrawn(&eve.to_string()).is_err());
    let source = tianjin().clauses[0].sources[0].to_string();
    for (quote, holds) in [
        (
            json!({ "text": "no new contracts", "source": source }),
            true,
        ),
        (json!({ "text": " ", "source": source }), false),
        (
            json!({ "text": "no new contracts", "source": "nobody" }),
            false,
        ),
        (json!({ "text": "no new contracts" }), false),
    ] {
        let read = order(&|value| value["clauses"][0]["quotes"] = json!([quote.clone()]));
        assert_eq!(read.is_ok(), holds, "{quote}");
    }
}
