//! Assessments, reviews, incidents, requests and duties, at the boundaries of their days and numbers.

use onshore_orders::duty::{Counts, begun, duties};
use onshore_orders::incident::Gravity;
use onshore_orders::lister::{Lister, Member};
use onshore_orders::records::OrganisationKind;
use onshore_orders::review::listing_refused;
use onshore_orders::{
    Assessment, Day, Incident, Language, Organisation, Record, RecordKind, Registered, Request,
    Review, Timeline, Told,
};
use onshore_types::{Jurisdiction, Timestamp};
use serde_json::{Value, json};

fn day(text: &str) -> Day {
    text.parse().expect("a day")
}

fn read<T: Registered>(value: Value) -> Result<T, String> {
    let one: T = serde_json::from_value(value).map_err(|error| error.to_string())?;
    one.check().map_err(|error| error.to_string())?;
    Ok(one)
}

/// A line of revisions, recorded on the first of each month of 2026.
fn line<T>(revisions: impl IntoIterator<Item = T>) -> Timeline<T> {
    let mut told = revisions
        .into_iter()
        .enumerate()
        .map(|(place, record)| Told {
            record,
            from: None,
            recorded: instant(&format!("2026-{:02}-01T00:00:00Z", place + 1)),
        });
    let mut line = Timeline::new(told.next().expect("one"));
    told.for_each(|one| line.push(one));
    line
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

fn organisation(users: u64) -> Organisation {
    let value = json!({ "id": "app", "name": "App", "sector": "other", "users": users });
    read(value).expect("an organisation")
}

#[test]
fn an_assessment_is_kept_for_three_years_at_least() {
    let made = |made: &str, kept_until: &str| {
        read::<Assessment>(json!({
            "id": "a", "organisation": "app", "subject": "ads", "triggers": ["export"], "made": made,
            "report_sha256": "0".repeat(64), "kept_until": kept_until,
        }))
    };
    assert!(made("2024-02-29", "2027-02-28").is_ok());
    assert!(
        made("2024-02-29", "2027-02-27")
            .expect_err("too short")
            .contains("2027-02-28")
    );
    assert!(made("2023-03-01", "2026-03-01").is_ok());
    // One that was recorded long after it was made is no less kept from then on.
    let old = made("2020-01-01", "2023-01-01").expect("it holds");
    assert_eq!(old.locked_until(day("2026-11-30")), day("2029-11-30"));
    assert_eq!(old.locked_until(day("2020-01-01")), day("2023-01-01"));
    assert!(made("2023-03-01", "2026-02-28").is_err());
    let value = json!({
        "id": "a", "organisation": "app", "subject": "ads", "triggers": [], "made": "2023-03-01",
        "report_sha256": "0".repeat(64), "kept_until": "2030-01-01",
    });
    assert!(read::<Assessment>(value).is_err());
}

fn review(id: &str, opened: &str, rest: Value) -> Result<Review, String> {
    let mut value = json!({ "id": id, "organisation": "app", "place": "US", "opened": opened });
    if let (Some(members), Value::Object(rest)) = (value.as_object_mut(), rest) {
        members.extend(rest);
    }
    read(value)
}

fn refused(organisation: &Organisation, place: &str, reviews: &[Review], on: &str) -> bool {
    let place = Jurisdiction::parse(place).expect("a code");
    listing_refused(&alone(organisation), place, reviews, day(on)).is_some()
}

/// One who controls nobody, and was never in another trade.
fn alone(organisation: &Organisation) -> Lister {
    Lister {
        own: Member::from(organisation.clone()),
        controlled: Vec::new(),
    }
}

#[test]
fn nobody_with_more_than_a_million_persons_lists_abroad_without_a_review() {
    let on = "2026-01-01";
    assert!(!refused(&organisation(1_000_000), "US", &[], on));
    assert!(refused(&organisation(1_000_001), "US", &[], on));
    for home in ["CN", "HK", "MO"] {
        assert!(!refused(&organisation(u64::MAX >> 12), home, &[], on));
    }
    let sensitive = Organisation {
        much_sensitive_data: true,
        ..organisation(1)
    };
    assert!(refused(&sensitive, "US", &[], on));
    // How many there are must be said: nobody is small by saying nothing, and no review is opened for want of a number.
    let silent = Organisation {
        users: None,
        ..organisation(1)
    };
    let place = Jurisdiction::parse("US").expect("a code");
    let told = listing_refused(&alone(&silent), place, &[], day(on)).expect("it is blocked");
    assert!(told.why.to_string().contains("onshore organisation amend") && !told.opens);
    let many = listing_refused(&alone(&organisation(1_000_001)), place, &[], day(on));
    assert!(many.expect("it is blocked").opens);
}

#[test]
fn a_review_blocks_until_it_ends_in_one_of_three_outcomes() {
    let many = organisation(2_000_000);
    let open = review("r-1", "2026-01-01", json!({})).expect("it holds");
    assert!(refused(
        &many,
        "US",
        std::slice::from_ref(&open),
        "2026-01-01"
    ));
    // One that is open blocks also who would need none.
    assert!(refused(
        &organisation(1),
        "US",
        std::slice::from_ref(&open),
        "2026-01-01"
    ));
    assert!(!refused(
        &organisation(1),
        "US",
        std::slice::from_ref(&open),
        "2025-12-31"
    ));
    // One for elsewhere says nothing of a listing here.
    let elsewhere = review(
        "r-1",
        "2026-01-01",
        json!({ "place": "DE", "outcome": { "result": "may-proceed", "decided": "2026-01-01", "paper": "p" } }),
    );
    assert!(refused(
        &many,
        "US",
        &[elsewhere.expect("it holds")],
        "2026-03-01"
    ));
    for nowhere in ["New York", "x", "USA", ""] {
        assert!(review("r-1", "2026-01-01", json!({ "place": nowhere })).is_err());
    }
    for (result, is_refused) in [
        // Of so many persons nobody can say that none is needed.
        ("not-needed", true),
        ("may-proceed", false),
        ("may-not-list", true),
    ] {
        let outcome = json!({ "outcome": { "result": result, "decided": "2026-03-01", "paper": "letter 1" } });
        let ended = review("r-1", "2026-01-01", outcome).expect("it holds");
        assert!(
            refused(&many, "US", std::slice::from_ref(&ended), "2026-02-28"),
            "{result}"
        );
        assert_eq!(
            refused(&many, "US", std::slice::from_ref(&ended), "2026-03-01"),
            is_refused,
            "{result}"
        );
        // The newest counts.
        let again = review("r-2", "2026-04-01", json!({})).expect("it holds");
        assert!(refused(&many, "US", &[again, ended], "2026-04-01"));
    }
    let others = Review {
        organisation: "other".parse().expect("an id"),
        ..open
    };
    assert!(!refused(&organisation(1), "US", &[others], "2026-01-01"));
}

#[test]
fn the_consent_of_a_trade_is_derived_and_not_typed() {
    let bank = |users| Organisation {
        sector: Some("Finance".to_owned()),
        ..organisation(users)
    };
    let place = Jurisdiction::parse("US").expect("a code");
    let on = day("2026-03-01");
    let told = listing_refused(&alone(&bank(500)), place, &[], on).expect("it is blocked");
    assert!(
        told.opens
            && told
                .why
                .to_string()
                .contains("National Financial Regulatory Administration")
    );
    assert!(
        !refused(&bank(500), "US", &[], "2023-05-17"),
        "it was not there yet"
    );
    assert!(!refused(&organisation(500), "US", &[], "2026-03-01"));
    // The word may be Chinese; what is no word for a trade is not taken for none.
    for (sector, is_blocked) in [
        ("金融业", true),
        ("Banking & Finance", true),
        ("其他", false),
    ] {
        let one = Organisation {
            sector: Some(sector.to_owned()),
            ..organisation(500)
        };
        assert_eq!(
            refused(&one, "US", &[], "2026-03-01"),
            is_blocked,
            "{sector}"
        );
    }
    // A review that leaves it out does not clear the listing, whatever it ended with.
    let outcome =
        json!({ "outcome": { "result": "may-proceed", "decided": "2026-02-01", "paper": "p" } });
    let without = review("r", "2026-01-01", outcome).expect("it holds");
    assert!(refused(
        &bank(500),
        "US",
        std::slice::from_ref(&without),
        "2026-03-01"
    ));
    let with = without.clone().with_consents(&alone(&bank(500)));
    assert_eq!(with.consents.len(), 1);
    assert_eq!(with.clone().with_consents(&alone(&bank(500))), with);
    assert!(with.check().is_err(), "it ended before the consent");
    let mut given = with;
    given.consents[0].given = Some(day("2026-01-15"));
    given.consents[0].paper = Some("letter 3".to_owned());
    assert!(given.check().is_ok());
    assert!(!refused(&bank(500), "US", &[given], "2026-03-01"));
}

#[test]
fn a_listing_waits_for_the_word_of_the_trade() {
    let place = Jurisdiction::parse("US").expect("a code");
    let on = day("2026-03-01");
    let silent = Organisation {
        sector: None,
        ..organisation(500)
    };
    let told = listing_refused(&alone(&silent), place, &[], on).expect("it is blocked");
    assert!(told.why.to_string().contains("since none is recorded") && !told.opens);
    // Nor does a review that ended allow what nobody could ask an authority about.
    let outcome =
        json!({ "outcome": { "result": "may-proceed", "decided": "2026-02-01", "paper": "p" } });
    let ended = review("r", "2026-01-01", outcome).expect("it holds");
    let reviews = std::slice::from_ref(&ended);
    assert!(refused(&silent, "US", reviews, "2026-03-01"));
    assert!(!refused(&organisation(500), "US", reviews, "2026-03-01"));
}

#[test]
fn every_trade_of_the_year_asks_its_authority() {
    let bank = Organisation {
        sector: Some("银行".to_owned()),
        ..organisation(500)
    };
    let told = line([bank, organisation(500), organisation(600)]);
    assert_eq!(told.trades(|_| true), ["banking", "other"]);
    assert_eq!(told.trades(|replaced| replaced.is_none()), ["other"]);
    let retyped = Lister {
        own: Member {
            organisation: organisation(600),
            trades: told.trades(|_| true),
        },
        controlled: Vec::new(),
    };
    let place = Jurisdiction::parse("US").expect("a code");
    let block = listing_refused(&retyped, place, &[], day("2026-03-01")).expect("it is blocked");
    let why = block.why.to_string();
    assert!(block.opens && why.contains("National Financial Regulatory Administration"));
    assert!(
        why.contains("`banking` was on record for it within the year"),
        "{why}"
    );
    let zh = block.why.in_language(Language::Zh);
    assert!(zh.contains("本年内曾登记其行业为“banking”"), "{zh}");
}

#[test]
fn a_holding_lists_with_all_whom_it_controls() {
    let kid = |users: Option<u64>, sector: Option<&str>| {
        let one = Organisation {
            id: "kid".parse().expect("an id"),
            users,
            sector: sector.map(str::to_owned),
            ..organisation(0)
        };
        Member::from(one)
    };
    let place = Jurisdiction::parse("US").expect("a code");
    let told = |own: u64, controlled: Vec<Member>| {
        let holding = Lister {
            own: Member::from(organisation(own)),
            controlled,
        };
        let block = listing_refused(&holding, place, &[], day("2026-03-01"))?;
        Some((block.why.to_string(), block.opens))
    };
    let other = Some("other");
    assert_eq!(told(500_000, vec![kid(Some(500_000), other)]), None);
    let (why, opens) = told(500_000, vec![kid(Some(500_001), other)]).expect("it is blocked");
    assert!(
        opens && why.contains("it and those whom it controls have"),
        "{why}"
    );
    let (why, opens) = told(0, vec![kid(Some(1), Some("securities"))]).expect("it is blocked");
    assert!(opens && why.contains("China Securities Regulatory Commission"));
    assert!(
        why.contains("`kid`, which it controls, is in `securities`"),
        "{why}"
    );
    // What nobody knows of them is asked for first.
    let (why, opens) = told(0, vec![kid(None, other)]).expect("it is blocked");
    assert!(!opens && why.contains("`kid`"), "{why}");
    let (why, opens) = told(0, vec![kid(Some(1), None)]).expect("it is blocked");
    assert!(!opens && why.contains("the trade of `kid`"), "{why}");
    assert!(told(2_000_000, vec![kid(None, None)]).expect("blocked").1);
}

#[test]
fn what_a_review_says_is_not_taken_back_unseen() {
    let ended = |result: &str, consents: Value| {
        let outcome = json!({ "result": result, "decided": "2026-02-01", "paper": "p" });
        review(
            "r",
            "2026-01-01",
            json!({ "consents": consents, "outcome": outcome }),
        )
        .expect("it holds")
    };
    let given =
        json!([{ "authority": "Ministry of Transport", "given": "2026-01-15", "paper": "q" }]);
    let before = ended("may-not-list", given.clone());
    let is_taken_back = |later: &Review| before.is_taken_back(later).expect("the same listing");
    assert!(!is_taken_back(&before));
    assert!(is_taken_back(&ended("may-proceed", given.clone())));
    assert!(is_taken_back(&ended("may-not-list", json!([]))));
    let other_day =
        json!([{ "authority": "Ministry of Transport", "given": "2026-01-16", "paper": "q" }]);
    assert!(is_taken_back(&ended("may-not-list", other_day)));
    assert!(is_taken_back(
        &review("r", "2026-01-01", json!({ "consents": given })).expect("it holds")
    ));
    for (member, value) in [
        ("place", "DE"),
        ("opened", "2026-01-02"),
        ("organisation", "other"),
    ] {
        let later = review("r", "2026-01-01", json!({ member: value })).expect("it holds");
        assert!(before.is_taken_back(&later).is_err(), "{member}");
    }
    // What was listed and not given may be given.
    let open = review(
        "r",
        "2026-01-01",
        json!({ "consents": [{ "authority": "Ministry of Transport" }] }),
    )
    .expect("it holds");
    assert!(!open.is_taken_back(&before).expect("the same listing"));
    // Nobody approves by hand.
    let signed = json!({ "id": "r", "organisation": "app", "place": "US", "opened": "2026-01-01", "changed": {
        "proposed": { "person": "ada", "token": "0".repeat(32), "at": "2026-01-01T00:00:00Z" } } });
    assert!(Record::read(RecordKind::Review, &signed).is_err());
}

#[test]
fn the_authority_of_the_trade_consents_first() {
    let ends = |consent: Value, result: &str| {
        let outcome = json!({ "result": result, "decided": "2026-03-01", "paper": "p" });
        review(
            "r",
            "2026-01-01",
            json!({ "consents": [consent], "outcome": outcome }),
        )
    };
    let given = |on: &str| json!({ "authority": "CSRC", "given": on, "paper": "q" });
    assert!(ends(given("2026-03-01"), "may-proceed").is_ok());
    assert!(ends(given("2026-03-02"), "may-proceed").is_err());
    assert!(
        ends(json!({ "authority": "CSRC" }), "may-proceed")
            .expect_err("too soon")
            .contains("CSRC")
    );
    assert!(ends(json!({ "authority": "CSRC" }), "not-needed").is_err());
    assert!(ends(json!({ "authority": "CSRC" }), "may-not-list").is_ok());
    assert!(
        ends(
            json!({ "authority": "CSRC", "given": "2026-02-01" }),
            "may-proceed"
        )
        .is_err()
    );
    let early =
        json!({ "outcome": { "result": "not-needed", "decided": "2025-12-31", "paper": "p" } });
    assert!(review("r", "2026-01-01", early).is_err());
    let fourth =
        json!({ "outcome": { "result": "perhaps", "decided": "2026-03-01", "paper": "p" } });
    assert!(review("r", "2026-01-01", fourth).is_err());
}

#[test]
fn an_incident_has_one_two_or_four_hours() {
    let incident: Incident = read(json!({
        "id": "i", "organisation": "app", "what": "a leak", "noticed": "2026-02-28T23:30:00+08:00", "ended": "2026-03-01T00:00:00Z",
    }))
    .expect("it holds");
    let due = |organisation: &Organisation| incident.report_due(organisation).to_string();
    let other = organisation(1);
    let critical = Organisation {
        critical_infrastructure: true,
        ..other.clone()
    };
    let organ = Organisation {
        kind: OrganisationKind::StateOrgan,
        ..other.clone()
    };
    assert_eq!(due(&critical), "2026-02-28T16:30:00.000Z");
    assert_eq!(due(&organ), "2026-02-28T17:30:00.000Z");
    assert_eq!(due(&other), "2026-02-28T19:30:00.000Z");
    let both = Organisation {
        critical_infrastructure: true,
        ..organ
    };
    assert_eq!(due(&both), "2026-02-28T16:30:00.000Z");
    assert_eq!(
        incident.summary_due().map(|due| due.to_string()).as_deref(),
        Some("2026-03-31T00:00:00.000Z")
    );
    for (persons, gravity) in [
        (None, Gravity::General),
        (Some(999_999), Gravity::General),
        (Some(1_000_000), Gravity::Large),
        (Some(9_999_999), Gravity::Large),
        (Some(10_000_000), Gravity::Major),
        (Some(100_000_000), Gravity::EspeciallyMajor),
    ] {
        assert_eq!(
            Incident {
                persons,
                ..incident.clone()
            }
            .gravity(),
            gravity
        );
    }
    for rest in [
        json!({ "reported": "2026-02-28T15:29:59Z" }),
        json!({ "ended": "2026-02-01T00:00:00Z" }),
        json!({ "ended": "2026-03-01T00:00:00Z", "summarised": "2026-03-02T00:00:00Z" }),
        json!({ "reported": "2026-03-01T00:00:00Z", "summarised": "2026-03-02T00:00:00Z" }),
    ] {
        let mut value = json!({ "id": "i", "organisation": "app", "what": "x", "noticed": "2026-02-28T23:30:00+08:00" });
        if let (Some(members), Value::Object(rest)) = (value.as_object_mut(), rest.clone()) {
            members.extend(rest);
        }
        assert!(read::<Incident>(value).is_err(), "{rest}");
    }
}

#[test]
fn what_was_late_of_an_incident_stays_late_whatever_is_recorded_later() {
    let incident = |rest: Value| {
        let mut value = json!({ "id": "i", "organisation": "grid", "what": "x", "noticed": "2026-01-10T10:00:00Z" });
        if let (Some(members), Value::Object(rest)) = (value.as_object_mut(), rest) {
            members.extend(rest);
        }
        read::<Incident>(value).expect("it holds")
    };
    let counted = |revisions: Vec<Value>| {
        Incident::on_record(&line(revisions.into_iter().map(incident))).expect("it is there")
    };
    let late = json!({ "reported": "2026-01-10T16:00:00Z" });
    let (one, amended) = counted(vec![
        late.clone(),
        json!({ "noticed": "2026-01-10T15:30:00Z", "reported": "2026-01-10T16:00:00Z", "organisation": "small" }),
    ]);
    assert_eq!(one, incident(late));
    assert_eq!(amended, Some(instant("2026-02-01T00:00:00Z")));
    // What was told late is not told in time by another word, and what ended did not end later, nor not at all.
    let (one, _) = counted(vec![
        json!({ "reported": "2026-01-10T16:00:00Z", "ended": "2026-01-11T00:00:00Z" }),
        json!({ "reported": "2026-01-10T10:30:00Z" }),
        json!({ "reported": "2026-01-10T10:30:00Z", "ended": "2026-11-29T00:00:00Z" }),
    ]);
    assert_eq!(one.reported, Some(instant("2026-01-10T16:00:00Z")));
    assert_eq!(one.ended, Some(instant("2026-01-11T00:00:00Z")));
    // What was not said before is no correction.
    let (one, amended) = counted(vec![
        json!({}),
        json!({ "reported": "2026-01-10T10:30:00Z" }),
    ]);
    assert_eq!(
        (one.reported, amended),
        (Some(instant("2026-01-10T10:30:00Z")), None)
    );
    let (one, _) = counted(vec![
        json!({ "reported": "2026-01-10T10:30:00Z" }),
        json!({}),
    ]);
    assert_eq!(one.reported, None, "it is said to be open again");
}

#[test]
fn a_request_that_was_late_is_late_for_good() {
    let request = |asks: &str, received: &str, answered: Option<&str>| {
        let mut value =
            json!({ "id": "q", "organisation": "app", "asks": asks, "received": received });
        if let (Some(members), Some(on)) = (value.as_object_mut(), answered) {
            let answer = json!({ "on": on, "result": "refused", "reason": "x" });
            members.insert("answer".to_owned(), answer);
        }
        read::<Request>(value).expect("it holds")
    };
    let counted = |all: Vec<Request>| Request::on_record(&line(all)).expect("it is there");
    let today = day("2026-11-30");
    let answered = |on| counted(vec![request("delete", "2026-01-01", Some(on))]);
    assert!(!answered("2026-01-22").is_late(today) && answered("2026-01-23").is_late(today));
    // Neither a later day on which it came, nor another kind of request.
    for later in [
        request("delete", "2026-11-29", None),
        request("access", "2026-11-29", None),
    ] {
        let one = counted(vec![request("delete", "2026-06-01", None), later]);
        assert!(
            one.is_late(today) && one.due == day("2026-06-22"),
            "{one:?}"
        );
        assert_eq!(one.amended, Some(instant("2026-02-01T00:00:00Z")));
    }
    let sooner = counted(vec![
        request("access", "2026-01-01", Some("2026-11-30")),
        request("access", "2026-01-01", Some("2026-01-02")),
    ]);
    assert!(
        sooner.is_late(today),
        "what was answered late was not answered in time"
    );
    let open = counted(vec![request("access", "2026-11-01", None)]);
    assert!(!open.is_late(today) && open.is_late(day("2026-12-02")) && open.amended.is_none());
}

#[test]
fn the_highest_number_of_the_year_counts() {
    let many = Organisation {
        much_sensitive_data: true,
        ..organisation(2_000_000)
    };
    let told = line([many, organisation(10)]);
    let on = day("2026-03-01");
    let most = |counts: bool| {
        let (one, lowered) = told
            .with_most(on, |replaced| counts || replaced.is_none())
            .expect("one");
        (one.users, one.much_sensitive_data, lowered)
    };
    let lowered = instant("2026-02-01T00:00:00Z");
    assert_eq!(most(true), (Some(2_000_000), true, Some(lowered)));
    assert_eq!(most(false), (Some(10), false, None));
    let (raised, lowered) = line([organisation(10), organisation(20)])
        .with_most(on, |_| true)
        .expect("one");
    assert_eq!((raised.users, lowered), (Some(20), None));
}

#[test]
fn a_request_is_open_until_it_is_answered_for_good() {
    let request = |answer: Value| {
        let mut value = json!({ "id": "q", "organisation": "app", "asks": "delete", "received": "2026-01-01", "due": "2026-01-15" });
        if let (Some(members), false) = (value.as_object_mut(), answer.is_null()) {
            members.insert("answer".to_owned(), answer);
        }
        read::<Request>(value)
    };
    let open = request(Value::Null).expect("it holds");
    assert!(open.is_open(day("2026-01-01")) && !open.is_open(day("2025-12-31")));
    let done =
        request(json!({ "on": "2026-01-10", "result": "done", "erased": [7] })).expect("it holds");
    assert!(done.is_open(day("2026-01-09")) && !done.is_open(day("2026-01-10")));
    let postponed =
        request(json!({ "on": "2026-01-10", "result": "postponed", "reason": "an object lock" }));
    assert!(postponed.expect("it holds").is_open(day("2026-06-01")));
    for bad in [
        json!({ "on": "2025-12-31", "result": "done" }),
        json!({ "on": "2026-01-10", "result": "refused" }),
        json!({ "on": "2026-01-10", "result": "postponed" }),
        json!({ "on": "2026-01-10", "result": "done", "reason": "x" }),
        json!({ "on": "2026-01-10", "result": "forgotten" }),
        // What was deleted is told by the leaves of it, or why nothing was.
        json!({ "on": "2026-01-10", "result": "done" }),
        json!({ "on": "2026-01-10", "result": "done", "erased": [7], "nothing_held": "never a client" }),
        json!({ "on": "2026-01-10", "result": "done", "nothing_held": " " }),
        json!({ "on": "2026-01-10", "result": "refused", "reason": "x", "erased": [7] }),
    ] {
        assert!(request(bad.clone()).is_err(), "{bad}");
    }
}

#[test]
fn a_request_is_due_by_its_kind_and_a_promise_is_sooner() {
    let request = |asks: &str, due: Option<&str>| {
        let mut value =
            json!({ "id": "q", "organisation": "app", "asks": asks, "received": "2026-01-01" });
        if let (Some(members), Some(due)) = (value.as_object_mut(), due) {
            members.insert("due".to_owned(), json!(due));
        }
        read::<Request>(value)
    };
    for (asks, last, later) in [
        ("access", "2026-01-31", "2026-02-01"),
        ("copy", "2026-01-31", "2026-02-01"),
        ("correct", "2026-01-22", "2026-01-23"),
        ("delete", "2026-01-22", "2026-01-23"),
    ] {
        assert_eq!(request(asks, None).expect("it holds").due(), day(last));
        assert_eq!(
            request(asks, Some(last)).expect("it holds").due(),
            day(last)
        );
        let sooner = request(asks, Some("2026-01-02")).expect("it holds");
        assert_eq!(sooner.due(), day("2026-01-02"));
        for bad in [later, "2099-11-16", "2025-12-31"] {
            assert!(request(asks, Some(bad)).is_err(), "{asks} {bad}");
        }
    }
    let far =
        json!({ "id": "q", "organisation": "app", "asks": "delete", "received": "9999-12-31" });
    assert_eq!(
        read::<Request>(far).expect("it holds").due(),
        day("9999-12-31")
    );
    let answered = json!({ "id": "q", "organisation": "app", "asks": "access", "received": "2026-01-01", "answer": { "on": "2030-11-30", "result": "done" } });
    let answered = read::<Request>(answered).expect("it holds");
    assert_eq!(
        answered.ahead_of(day("2030-11-29")),
        Some(day("2030-11-30"))
    );
    assert_eq!(answered.ahead_of(day("2030-11-30")), None);
}

#[test]
fn an_asset_says_where_it_is_and_what_it_holds_in_known_words() {
    let asset = |place: &str, class: &str| {
        read::<onshore_orders::Asset>(json!({
            "id": "a", "contract": "c", "kind": "bucket", "name": "logs", "place": place, "class": class,
        }))
    };
    for place in ["CN", "CN-SH", "DE", "US-CA", "GB-ENG"] {
        assert!(asset(place, "important, personal").is_ok(), "{place}");
    }
    for place in ["Mordor", "XX1", "CN-", "CN-sh", "CN-SHAN", "-", "中国"] {
        assert!(asset(place, "general").is_err(), "{place}");
    }
    for class in ["banana", "general,banana", "unclassified", " "] {
        assert!(asset("CN", class).is_err(), "{class}");
    }
}

#[test]
fn duties_begin_with_a_number_of_persons() {
    let told = |users: u64| {
        duties(&organisation(users))
            .map(|duty| duty.what)
            .collect::<Vec<_>>()
    };
    assert!(told(999_999).is_empty());
    assert_eq!(told(1_000_000), ["storage-at-home", "protection-officer"]);
    assert_eq!(told(1_000_001).len(), 3);
    assert_eq!(told(10_000_000).len(), 3);
    assert_eq!(told(10_000_001).len(), 5);
}

#[test]
fn whoever_is_critical_stores_at_home_from_the_first_person_on() {
    let told = |users: u64| {
        let critical = Organisation {
            critical_infrastructure: true,
            ..organisation(users)
        };
        duties(&critical).map(|duty| duty.what).collect::<Vec<_>>()
    };
    assert!(told(0).is_empty());
    assert_eq!(told(1), ["critical-storage-at-home"]);
    assert_eq!(told(999_999), ["critical-storage-at-home"]);
    let many = ["critical-storage-at-home", "protection-officer"];
    assert_eq!(told(1_000_000), many);
}

#[test]
fn duties_begin_with_what_was_exported() {
    let told = |exported: u64, exported_sensitive: u64| {
        let counts = Counts {
            held: 0,
            exported,
            exported_sensitive,
            is_critical: false,
        };
        begun(counts).map(|duty| duty.what).collect::<Vec<_>>()
    };
    assert!(told(99_999, 0).is_empty());
    assert_eq!(told(100_000, 0), ["export-contract"]);
    assert_eq!(told(999_999, 0), ["export-contract"]);
    assert_eq!(told(1_000_000, 0), ["export-contract", "export-assessment"]);
    assert_eq!(told(0, 1), ["sensitive-export-contract"]);
    assert_eq!(told(0, 9_999), ["sensitive-export-contract"]);
    assert_eq!(
        told(0, 10_000),
        ["sensitive-export-contract", "sensitive-export-assessment"]
    );
    // Whoever operates critical infrastructure has an assessment from the first person on, and no contract at any number.
    let critical = |exported, exported_sensitive| {
        let counts = Counts {
            exported,
            exported_sensitive,
            is_critical: true,
            ..Counts::default()
        };
        begun(counts).map(|duty| duty.what).collect::<Vec<_>>()
    };
    assert!(critical(0, 0).is_empty());
    assert_eq!(critical(1, 0), ["critical-export-assessment"]);
    assert_eq!(
        critical(2_000_000, 20_000),
        [
            "critical-export-assessment",
            "critical-sensitive-export-assessment"
        ]
    );
}

#[test]
fn records_of_every_kind_name_their_kind() {
    for kind in RecordKind::ALL {
        assert_eq!(kind.word().parse::<RecordKind>(), Ok(*kind));
    }
    let unknown = Record::read(
        RecordKind::Request,
        &json!({ "id": "q", "name": "Wang Wei" }),
    );
    assert!(unknown.is_err(), "who asks is not recorded");
}
