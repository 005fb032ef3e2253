//! The register over time: what held on a day is read again whatever came since, and what was known at an instant too; nobody
//! amends a contract into what nobody may sign, or an asset out of what must be left.

use onshore_gate::{CaseKind, Error, LookedAt, OrderStatus, StatusQuestion};
use onshore_orders::{
    AlarmKind, Contract, Day, Id, Language, Record, RecordKind, Status, TIANJIN_2021, UtcOffset,
};
use onshore_types::Timestamp;
use serde_json::{Value, json};

use crate::sim::house::operator;
use crate::world::{World, text, wait};

const DAY_MS: i64 = 86_400_000;

fn id(text: &str) -> Id {
    text.parse().expect("an id")
}

fn day(text: &str) -> Day {
    text.parse().expect("a day")
}

fn read(kind: RecordKind, value: &Value) -> Record {
    Record::read(kind, value).expect("it reads")
}

fn contract(of: &str, with: &str, end: &str) -> Value {
    json!({ "id": "c-1", "organisation": of, "provider": with, "service": "oss", "start": "2019-01-01", "end": end })
}

fn asset(of: &str) -> Value {
    json!({ "id": "a-1", "contract": of, "kind": "bucket", "name": "invoices" })
}

/// A register with the order of Tianjin, and one contract that it binds.
struct Register {
    world: World,
}

impl Register {
    fn new() -> Self {
        let register = Self {
            world: World::new(),
        };
        let order: toml::Value = toml::from_str(TIANJIN_2021).expect("it reads");
        let order = serde_json::to_value(order).expect("it is JSON");
        register.add(RecordKind::Order, &order);
        for (name, kind) in [
            ("alibaba-cloud", "third-party-cloud"),
            ("guoziyun", "state-cloud"),
        ] {
            register.add(
                RecordKind::Provider,
                &json!({ "id": name, "name": name, "kind": kind }),
            );
        }
        register.add(
            RecordKind::Organisation,
            &json!({ "id": "tianjin-sasac", "name": "SASAC", "kind": "state-organ" }),
        );
        for name in ["port", "private"] {
            register.add(RecordKind::Organisation, &port(name, name == "port"));
        }
        let bound = contract("port", "alibaba-cloud", "2022-01-31");
        register.add(RecordKind::Contract, &bound);
        let mut state = contract("port", "guoziyun", "2030-01-01");
        state["id"] = json!("c-state");
        register.add(RecordKind::Contract, &state);
        register.add(RecordKind::Asset, &asset("c-1"));
        register
    }

    fn add(&self, kind: RecordKind, value: &Value) {
        let added = wait(self.world.gate().add_record(operator(), read(kind, value)));
        added.expect("recorded");
    }

    fn amend(&self, kind: RecordKind, value: &Value, from: Option<&str>) -> Result<u32, Error> {
        let record = read(kind, value);
        let gate = self.world.gate();
        let newest = wait(gate.record(kind, record.id().clone())).expect("it is there");
        let made = (newest.number, from.map(day));
        let amended = wait(gate.amend_record(operator(), record, made));
        amended.map(|(revision, _)| revision.number)
    }

    /// What is told of the order on a day, as far as it was known at an instant.
    fn status(&self, on: &str, known_at: Option<Timestamp>) -> OrderStatus {
        let asked = StatusQuestion {
            as_of: Some(day(on)),
            known_at,
            ..StatusQuestion::default()
        };
        let report = wait(self.world.gate().status(asked)).expect("told");
        let of_it = report.orders.into_iter().next();
        of_it.expect("the order")
    }

    /// How the contract stands, whoever has it.
    fn far(&self, on: &str, known_at: Option<Timestamp>) -> Vec<(Option<Status>, Option<Day>)> {
        let all = self.status(on, known_at).organisations.into_iter();
        all.flat_map(|one| one.contracts)
            .filter(|one| one.contract == id("c-1"))
            .map(|one| (one.finding.status, one.finding.due))
            .collect()
    }

    fn now(&self) -> Timestamp {
        self.world.gate().now()
    }
}

fn port(name: &str, is_held: bool) -> Value {
    let owners = if is_held {
        json!([{ "owner": "tianjin-sasac", "percent": 100, "from": "2003-01-01" }])
    } else {
        json!([])
    };
    json!({ "id": name, "name": name, "owners": owners })
}

#[test]
fn what_held_on_a_day_and_what_was_known_at_an_instant_are_read_again() {
    let register = Register::new();
    let bound = [(Some(Status::NotStarted), Some(day("2022-03-31")))];
    assert_eq!(register.far("2021-12-01", None), bound);
    let known = register.now();
    register.world.clock.step(DAY_MS);
    let free = contract("port", "guoziyun", "2030-01-01");
    let amended = register.amend(RecordKind::Contract, &free, Some("2022-06-01"));
    assert_eq!(amended.expect("recorded"), 2);
    // On every day it is told of as what it was with whom it was, until that is left.
    for (on, far) in [
        ("2022-03-31", Status::NotStarted),
        ("2022-05-31", Status::Late),
        ("2022-06-01", Status::Late),
    ] {
        assert_eq!(register.far(on, None)[0].0, Some(far), "{on}");
        assert_eq!(register.far(on, Some(known))[0].0, Some(far), "{on}");
    }
    // A correction is as if it always had been so, and known since it was recorded.
    let since = register.now();
    register.world.clock.step(DAY_MS);
    let shorter = contract("port", "alibaba-cloud", "2021-12-31");
    register
        .amend(RecordKind::Contract, &shorter, Some("2019-01-01"))
        .expect("recorded");
    let due = |known_at| register.far("2022-01-01", known_at)[0].1;
    assert_eq!(due(None), Some(day("2022-02-28")));
    assert_eq!(due(Some(since)), Some(day("2022-03-31")));
    let history = wait(
        register
            .world
            .gate()
            .record_history(RecordKind::Contract, id("c-1")),
    )
    .expect("told");
    let told: Vec<_> = history.iter().map(|one| one.from).collect();
    assert_eq!(
        told,
        [None, Some(day("2022-06-01")), Some(day("2019-01-01"))]
    );
    assert_eq!(history[0].superseded, Some(history[1].recorded));
    // The clock stands on 24 November: it is the 24th in China until 16:00.
    let tomorrow = register.amend(RecordKind::Contract, &shorter, Some("2026-11-25"));
    assert!(matches!(tomorrow, Err(Error::Record(_))), "{tomorrow:?}");
    let today = register.amend(RecordKind::Contract, &shorter, Some("2026-11-24"));
    assert_eq!(today.expect("recorded"), 4);
    // What has begun begins no later.
    let mut later = contract("port", "alibaba-cloud", "2031-12-31");
    later["start"] = json!("2026-11-24");
    let later = register.amend(RecordKind::Contract, &later, Some("2026-11-24"));
    assert!(matches!(later, Err(Error::Record(_))), "{later:?}");
}

#[test]
fn every_kind_is_as_it_was_on_the_day() {
    let register = Register::new();
    register
        .amend(
            RecordKind::Organisation,
            &port("port", false),
            Some("2022-01-01"),
        )
        .expect("recorded");
    let bound = |on| register.status(on, None).organisations.len();
    assert_eq!((bound("2021-12-31"), bound("2022-01-01")), (1, 0));
    register
        .amend(
            RecordKind::Organisation,
            &port("private", true),
            Some("2022-02-01"),
        )
        .expect("recorded");
    assert_eq!((bound("2022-01-31"), bound("2022-02-01")), (0, 1));
    // An order that is changed since a day was another before.
    let mut order: Value =
        serde_json::to_value(toml::from_str::<toml::Value>(TIANJIN_2021).expect("it reads"))
            .expect("it is JSON");
    order["deadline"]["rule"] = json!("min(expiry + 1 months, 2022-09-30)");
    register
        .amend(RecordKind::Order, &order, Some("2021-11-01"))
        .expect("recorded");
    assert_eq!(
        register.far("2021-10-31", None)[0].1,
        Some(day("2022-03-31"))
    );
    assert_eq!(
        register.far("2021-11-01", None)[0].1,
        Some(day("2022-02-28"))
    );
    // So is an asset.
    let mut moved = asset("c-1");
    moved["moved"] = json!("2021-09-01");
    register
        .amend(RecordKind::Asset, &moved, Some("2021-12-01"))
        .expect("recorded");
    let far = |on| register.far(on, None)[0].0;
    assert_eq!(far("2021-11-30"), Some(Status::NotStarted));
    assert_eq!(far("2021-12-01"), Some(Status::Moved));
}

#[test]
fn nobody_amends_a_contract_into_what_nobody_may_sign() {
    let register = Register::new();
    let bad = {
        let mut bad = contract("port", "alibaba-cloud", "2030-01-01");
        bad["id"] = json!("c-state");
        bad
    };
    let frozen = register.amend(RecordKind::Contract, &bad, None);
    let Err(Error::Frozen(refusal)) = frozen else {
        panic!("{frozen:?}");
    };
    assert_eq!(refusal.frozen[0].what.word(), "contract.new");
    assert_eq!(refusal.frozen[0].clause, id("lease-freeze"));
    assert_eq!(register.world.told("contract.refused").len(), 1);
    // Since a day it is recorded as what it was: a breach of that day.
    register
        .amend(RecordKind::Contract, &bad, Some("2022-01-01"))
        .expect("recorded");
    assert_eq!(register.status("2021-12-31", None).breached, 0);
    assert_eq!(register.status("2022-01-01", None).breached, 1);
    let sign = |value: &Value| {
        let Record::Contract(contract) = read(RecordKind::Contract, value) else {
            panic!("it is a contract");
        };
        wait(register.world.gate().sign_contract(operator(), contract))
    };
    // Signed over another, it is new, whatever may be renewed.
    let mut order: Value =
        serde_json::to_value(toml::from_str::<toml::Value>(TIANJIN_2021).expect("it reads"))
            .expect("it is JSON");
    let freezes = order["freezes"].as_array_mut().expect("a list");
    freezes.retain(|freeze| freeze["what"] != json!("contract.renew"));
    register
        .amend(RecordKind::Order, &order, None)
        .expect("recorded");
    let mut over = contract("port", "alibaba-cloud", "2030-01-01");
    sign(&over).expect("renewed");
    over["id"] = json!("c-other");
    assert!(matches!(sign(&over), Err(Error::Frozen(_))));
    over["organisation"] = json!("private");
    sign(&over).expect("signed");
    over["organisation"] = json!("port");
    assert!(matches!(sign(&over), Err(Error::Frozen(_))));
    // Where nothing is frozen it has an id of its own still.
    over["provider"] = json!("guoziyun");
    assert!(matches!(sign(&over), Err(Error::Record(_))));
    let kept = wait(
        register
            .world
            .gate()
            .record(RecordKind::Contract, id("c-other")),
    );
    let Record::Contract(Contract { organisation, .. }) = kept.expect("there").record else {
        panic!("it is a contract");
    };
    assert_eq!(organisation, id("private"));
}

#[test]
fn what_is_corrected_away_is_told() {
    let register = Register::new();
    let before = register.now();
    register.world.clock.step(DAY_MS);
    register
        .amend(RecordKind::Asset, &asset("c-state"), None)
        .expect("recorded");
    let told = |on, known_at| {
        let status = register.status(on, known_at);
        (status.corrected, status.taken_out)
    };
    assert_eq!(told("2022-01-01", None), (0, 1));
    assert_eq!(told("2022-01-01", Some(before)), (0, 0));
    register
        .amend(RecordKind::Asset, &asset("c-1"), None)
        .expect("recorded");
    assert_eq!(told("2022-01-01", None), (0, 0));
    // Since a day it is elsewhere from that day on.
    register
        .amend(RecordKind::Asset, &asset("c-state"), Some("2022-01-01"))
        .expect("recorded");
    assert_eq!(told("2021-12-31", None), (0, 0));
    assert_eq!(told("2022-01-01", None), (0, 1));
    let page = StatusQuestion {
        as_of: Some(day("2022-01-01")),
        organisation: Some(id("port")),
        ..StatusQuestion::default()
    };
    let page = wait(register.world.gate().status(page)).expect("told");
    assert_eq!(page.orders[0].taken_out, 1);
    // The contract itself.
    register
        .amend(
            RecordKind::Contract,
            &contract("port", "guoziyun", "2030-01-01"),
            None,
        )
        .expect("recorded");
    assert_eq!(told("2022-01-01", None), (1, 0));
    assert_eq!(register.far("2022-01-01", None), [(None, None)]);
    let leaves = register.world.told("register.amended");
    let kinds: Vec<_> = leaves.iter().filter_map(|leaf| text(leaf, "of")).collect();
    assert_eq!(kinds, ["asset", "asset", "asset", "contract"]);
}

#[test]
fn an_incident_stays_late_and_happens_before_it_is_recorded() {
    let register = Register::new();
    let noticed = register.now();
    let grid =
        |critical| json!({ "id": "grid", "name": "Grid", "critical_infrastructure": critical });
    register.add(RecordKind::Organisation, &grid(true));
    let incident = |at: Timestamp, reported: Option<Timestamp>| json!({ "id": "i-1", "organisation": "grid", "what": "a leak", "noticed": at, "reported": reported });
    let soon = noticed.plus_millis(1);
    let gate = register.world.gate();
    for value in [incident(soon, None), incident(noticed, Some(soon))] {
        let refused = wait(gate.add_record(operator(), read(RecordKind::Incident, &value)));
        assert!(matches!(refused, Err(Error::Record(_))), "{refused:?}");
    }
    register.add(RecordKind::Incident, &incident(noticed, None));
    register.world.clock.step(3_600_001);
    let late = incident(noticed, Some(noticed.plus_millis(3_600_001)));
    register
        .amend(RecordKind::Incident, &late, None)
        .expect("recorded");
    let is_late = || {
        let cases = wait(gate.cases(None)).expect("told");
        let mut all = cases.iter().filter(|case| case.kind == CaseKind::Incident);
        all.next().is_some_and(|case| case.is_late)
    };
    assert!(is_late());
    for from in [Some("2026-11-22"), None] {
        register.world.clock.step(1000);
        register
            .amend(RecordKind::Organisation, &grid(false), from)
            .expect("recorded");
        assert!(is_late(), "{from:?}");
    }
}

/// What somebody is told of at a look.
fn told(register: &Register, looked: &mut Option<LookedAt>) -> Vec<(AlarmKind, String, i32)> {
    let (alarms, at) = wait(
        register
            .world
            .gate()
            .raise_alarms(vec!["office".to_owned()], *looked),
    )
    .expect("looked at");
    *looked = Some(at);
    for alarm in &alarms {
        let chinese = alarm.why.in_language(Language::Zh);
        assert!(!chinese.is_ascii(), "{chinese}");
        assert!(alarm.why.to_string().is_ascii(), "{}", alarm.why);
    }
    let told = alarms
        .into_iter()
        .map(|alarm| (alarm.what, alarm.of.to_string(), alarm.days_before));
    told.collect()
}

#[test]
fn a_clock_of_hours_is_told_of_when_it_runs_and_when_it_ran_out() {
    let register = Register::new();
    let mut looked = None;
    told(&register, &mut looked);
    let before = register.world.told("alarm.raised").len();
    let noticed = register.now();
    let incident = |reported: Option<Timestamp>| json!({ "id": "i-1", "organisation": "port", "what": "a leak", "noticed": noticed, "reported": reported });
    register.add(RecordKind::Incident, &incident(None));
    let one = |what| vec![(what, "i-1".to_owned(), 0)];
    assert_eq!(told(&register, &mut looked), one(AlarmKind::IncidentDue));
    // Not twice, also where everything is looked at again.
    assert_eq!(told(&register, &mut None), []);
    register.world.clock.step(4 * 3_600_000);
    assert_eq!(told(&register, &mut looked), []);
    // It is told in the hour in which it ran out, though nothing was recorded since.
    register.world.clock.step(1);
    assert_eq!(told(&register, &mut looked), one(AlarmKind::IncidentLate));
    assert_eq!(told(&register, &mut None), []);
    assert_eq!(register.world.told("alarm.raised").len(), before + 2);
}

#[test]
fn days_of_tranches_and_requests_are_told_of_before_and_after() {
    let register = Register::new();
    let today = Day::at(register.now(), UtcOffset::UTC);
    let after = |days| today.plus_days(days).expect("a day").to_string();
    let tranche = |id: &str, days| json!({ "id": id, "text": "servers", "due": after(days) });
    let plan = json!({
        "id": "plan", "title": "servers", "seller": "private", "buyer": "port", "decided": after(-10), "currency": "CNY",
        "price_max_minor": 5, "sources": [{ "id": "s", "title": "a paper" }],
        "tranches": [tranche("one", 31), tranche("two", 31), tranche("over", -3)],
    });
    register.add(RecordKind::Handover, &plan);
    let request =
        json!({ "id": "r-1", "organisation": "port", "asks": "access", "received": after(-24) });
    register.add(RecordKind::Request, &request);
    let mut looked = None;
    let first = told(&register, &mut looked);
    for expected in [
        (AlarmKind::TrancheDue, "plan".to_owned(), 60),
        (AlarmKind::TrancheLate, "plan".to_owned(), 0),
        (AlarmKind::RequestDue, "r-1".to_owned(), 7),
    ] {
        assert!(first.contains(&expected), "{expected:?} of {first:?}");
    }
    // Tranches of one day are told of one by one.
    let alarms = wait(register.world.gate().alarms(0, 100)).expect("listed");
    let tranches = alarms
        .iter()
        .filter_map(|one| one.alarm.tranche.as_ref().map(Id::as_str));
    let mut tranches: Vec<_> = tranches.collect();
    tranches.sort_unstable();
    assert_eq!(tranches, ["one", "over", "two"]);
    register.world.clock.step(DAY_MS);
    let next = told(&register, &mut looked);
    let due = (AlarmKind::TrancheDue, "plan".to_owned(), 30);
    assert_eq!(next, [due.clone(), due]);
    register.world.clock.step(7 * DAY_MS);
    let late = (AlarmKind::RequestLate, "r-1".to_owned(), 0);
    assert_eq!(told(&register, &mut looked), [late]);
}

#[test]
fn a_contract_whose_day_is_over_is_told_of_until_it_is_proven() {
    let register = Register::new();
    let mut looked = None;
    let late = [(AlarmKind::ContractLate, "c-1".to_owned(), 0)];
    assert_eq!(told(&register, &mut looked), late);
    register.world.clock.step(DAY_MS);
    assert_eq!(told(&register, &mut looked), []);
}
