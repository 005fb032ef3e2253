//! The order of Tianjin of 2021, as its file has it, held against contracts at the boundaries of its dates; and the rule that
//! had a foreign cloud hand its machines over in 2017.

use onshore_orders::asset::AssetTally;
use onshore_orders::contract::{Contract, Deletion};
use onshore_orders::order::FreezeKind;
use onshore_orders::records::{
    Holding, Id, Organisation, OrganisationKind, Provider, ProviderKind, Share,
};
use onshore_orders::{
    Asked, Asset, Day, Finding, Judge, Order, Registered, Renewal, Signature, Status,
};
use onshore_types::PrincipalId;

const TIANJIN: &str = onshore_orders::TIANJIN_2021;

fn day(text: &str) -> Day {
    text.parse().expect("a day")
}

fn id(text: &str) -> Id {
    text.parse().expect("an id")
}

fn tianjin() -> Order {
    let order: Order = toml::from_str(TIANJIN).expect("the file reads");
    order.check().expect("the file holds");
    order
}

fn organisation(name: &str, owners: &[(&str, f64, &str, Option<&str>)]) -> Organisation {
    Organisation {
        id: id(name),
        name: name.to_owned(),
        lei: None,
        kind: OrganisationKind::Company,
        region: None,
        sector: None,
        users: None,
        critical_infrastructure: false,
        much_sensitive_data: false,
        tenants: Vec::new(),
        owners: owners
            .iter()
            .map(|(owner, percent, from, until)| Holding {
                owner: id(owner),
                percent: Share::try_from(*percent).expect("a share"),
                from: day(from),
                until: until.map(day),
            })
            .collect(),
    }
}

fn organisations() -> Vec<Organisation> {
    vec![
        Organisation {
            kind: OrganisationKind::StateOrgan,
            ..organisation("tianjin-sasac", &[])
        },
        organisation("port", &[("tianjin-sasac", 100.0, "2003-01-01", None)]),
        organisation("port-logistics", &[("port", 51.0, "2010-01-01", None)]),
        organisation("private", &[]),
        // The municipality sold it in the middle of the order's time.
        organisation(
            "sold",
            &[
                ("tianjin-sasac", 60.0, "2005-01-01", Some("2022-03-01")),
                ("private", 60.0, "2022-03-01", None),
            ],
        ),
    ]
}

fn providers() -> Vec<Provider> {
    [
        ("alibaba-cloud", ProviderKind::ThirdPartyCloud),
        ("china-telecom", ProviderKind::CarrierCloud),
        ("guoziyun", ProviderKind::StateCloud),
        ("late-cloud", ProviderKind::ThirdPartyCloud),
    ]
    .into_iter()
    .map(|(name, kind)| Provider {
        id: id(name),
        name: name.to_owned(),
        kind,
        organisation: None,
        codes: Vec::new(),
        terraform: Vec::new(),
    })
    .collect()
}

fn contract(of: &str, with: &str, end: Option<&str>) -> Contract {
    Contract {
        id: id("c-1"),
        organisation: id(of),
        provider: id(with),
        service: "object storage".to_owned(),
        data_location: None,
        start: day("2019-01-01"),
        end: end.map(day),
        notice_days: None,
        renewal: None,
        exit_terms: None,
        found: None,
        deletion: None,
        signed: None,
        renewals: Vec::new(),
    }
}

fn word(person: &str) -> Option<Signature> {
    Some(Signature {
        person: person.parse().expect("a name"),
        vouched_by: Vec::new(),
        token: PrincipalId::from_bytes([1; 16]),
        at: "2021-08-20T00:00:00Z".parse().expect("an instant"),
    })
}

fn find(order: &Order, contract: &Contract, tally: AssetTally, on: &str) -> Finding {
    let (organisations, providers) = (organisations(), providers());
    let judge = Judge::new(&organisations, &providers).expect("one of each");
    judge.on(order, day(on)).contract(contract, &tally)
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

#[test]
fn each_contract_has_its_day_and_is_late_after_it() {
    let order = tianjin();
    for (expiry, due, after) in [
        ("2022-07-29", "2022-09-29", "2022-09-30"),
        ("2022-07-30", "2022-09-30", "2022-10-01"),
        ("2022-07-31", "2022-09-30", "2022-10-01"),
        ("2022-08-01", "2022-09-30", "2022-10-01"),
        ("2024-02-29", "2022-09-30", "2022-10-01"),
        ("2021-12-31", "2022-02-28", "2022-03-01"),
        ("2021-08-12", "2021-10-12", "2021-10-13"),
    ] {
        let contract = contract("port-logistics", "alibaba-cloud", Some(expiry));
        let last = find(&order, &contract, OPEN, due);
        assert_eq!(last.due, Some(day(due)), "{expiry}");
        assert_eq!(last.status, Some(Status::NotStarted), "{expiry}");
        assert!(last.is_frozen);
        assert_eq!(
            find(&order, &contract, OPEN, after).status,
            Some(Status::Late),
            "{expiry}"
        );
        for said in ["tianjin-sasac > port > port-logistics", expiry, "PingWest"] {
            assert!(last.why.contains(said), "{}", last.why);
        }
    }
    let endless = contract("port", "china-telecom", None);
    assert_eq!(
        find(&order, &endless, OPEN, "2022-01-01").due,
        Some(day("2022-09-30"))
    );
}

#[test]
fn what_ended_before_the_order_is_bound_only_where_something_is_left() {
    let order = tianjin();
    let ended = contract("port", "alibaba-cloud", Some("2021-05-31"));
    let arrived = AssetTally {
        moved: 2,
        proven: 2,
        ..OPEN
    };
    assert_eq!(find(&order, &ended, arrived, "2022-01-01").bound_by, None);
    // Nothing recorded is not everything arrived, unless it is deleted.
    let unknown = AssetTally::default();
    let found = find(&order, &ended, unknown, "2022-01-01");
    assert_eq!(found.status, Some(Status::Late));
    let deleted = Contract {
        deletion: Some(Deletion {
            statement_sha256: "0".repeat(64),
            negative_probe: day("2021-06-30"),
            filed: day("2021-09-01"),
            probes: Vec::new(),
            typed_by: None,
            set_aside: false,
        }),
        ..ended.clone()
    };
    let on = |day| find(&order, &deleted, unknown, day).bound_by;
    assert!(on("2021-08-31").is_some());
    assert_eq!(on("2021-09-01"), None);
    // 2021-07-31 was before anybody was bound.
    let found = find(&order, &ended, OPEN, "2021-08-12");
    assert_eq!(found.due, Some(day("2021-08-12")));
    assert_eq!(found.status, Some(Status::NotStarted));
    assert_eq!(
        find(&order, &ended, OPEN, "2021-08-13").status,
        Some(Status::Late)
    );
}

#[test]
fn nobody_else_and_nothing_else_is_bound() {
    let order = tianjin();
    let end = Some("2022-07-29");
    for (of, with, on) in [
        ("private", "alibaba-cloud", "2022-01-01"),
        ("tianjin-sasac", "alibaba-cloud", "2022-01-01"),
        ("nobody", "alibaba-cloud", "2022-01-01"),
        ("port", "guoziyun", "2022-01-01"),
        ("port", "alibaba-cloud", "2021-08-11"),
        ("port", "alibaba-cloud", "2018-12-31"),
        ("sold", "alibaba-cloud", "2022-03-01"),
    ] {
        let found = find(&order, &contract(of, with, end), OPEN, on);
        assert_eq!((found.bound_by, found.status), (None, None), "{of} {on}");
        assert!(!found.is_frozen);
    }
    let sold = contract("sold", "alibaba-cloud", end);
    assert!(find(&order, &sold, OPEN, "2022-02-28").bound_by.is_some());
}

#[test]
fn lists_change_with_their_dates_and_a_withdrawn_order_binds_nobody() {
    let mut order = tianjin();
    let late = contract("port", "late-cloud", Some("2022-07-29"));
    assert_eq!(find(&order, &late, OPEN, "2022-05-01").bound_by, None);
    let mut added = order.prohibited[0].clone();
    added.provider = Some(id("late-cloud"));
    added.from = day("2022-05-01");
    added.until = Some(day("2022-08-01"));
    order.prohibited.push(added);
    order.check().expect("it holds");
    assert_eq!(find(&order, &late, OPEN, "2022-04-30").bound_by, None);
    assert!(find(&order, &late, OPEN, "2022-05-01").bound_by.is_some());
    assert!(find(&order, &late, OPEN, "2022-07-31").bound_by.is_some());
    assert_eq!(find(&order, &late, OPEN, "2022-08-01").bound_by, None);

    order.withdrawn = Some(onshore_orders::order::Withdrawal {
        from: day("2022-06-01"),
        reason: "replaced".to_owned(),
    });
    assert!(find(&order, &late, OPEN, "2022-05-31").bound_by.is_some());
    let after = find(&order, &late, OPEN, "2022-06-01");
    assert_eq!(after.bound_by, None);
    assert!(
        after.why.contains("withdrawn on 2022-06-01"),
        "{}",
        after.why
    );
}

#[test]
fn a_contract_is_proven_only_with_all_assets_and_the_deletion() {
    let order = tianjin();
    let mut contract = contract("port", "alibaba-cloud", Some("2022-07-29"));
    let tally = |planned, moving, moved, proven| AssetTally {
        assets: 2,
        planned,
        moving,
        moved,
        proven,
        ..OPEN
    };
    let status = |contract: &Contract, tally, on| find(&order, contract, tally, on).status;
    let on = "2022-09-29";
    assert_eq!(
        status(&contract, tally(1, 0, 0, 0), on),
        Some(Status::Planned)
    );
    assert_eq!(
        status(&contract, tally(2, 1, 1, 1), on),
        Some(Status::Moving)
    );
    assert_eq!(
        status(&contract, tally(2, 2, 2, 1), on),
        Some(Status::Moved)
    );
    assert_eq!(
        status(&contract, tally(2, 2, 2, 2), on),
        Some(Status::Moved)
    );
    contract.deletion = Some(Deletion {
        statement_sha256: "0".repeat(64),
        negative_probe: day("2022-09-28"),
        filed: day("2022-09-29"),
        probes: Vec::new(),
        typed_by: None,
        set_aside: false,
    });
    contract.check().expect("it holds");
    assert_eq!(
        status(&contract, tally(2, 2, 2, 1), on),
        Some(Status::Moved)
    );
    assert_eq!(
        status(&contract, tally(2, 2, 2, 2), on),
        Some(Status::Proven)
    );
    // Filed on the next day, it was not proven on the day before.
    assert_eq!(
        status(&contract, tally(2, 2, 2, 2), "2022-09-28"),
        Some(Status::Moved)
    );
    // Proven too late is proven.
    assert_eq!(
        status(&contract, tally(2, 2, 2, 2), "2023-01-01"),
        Some(Status::Proven)
    );
    // Nothing recorded is not everything proven.
    assert_eq!(
        status(&contract, AssetTally::default(), "2022-10-01"),
        Some(Status::Late)
    );
}

#[test]
fn assets_are_counted_as_they_were_on_the_day() {
    let asset: Asset = toml::from_str(
        r#"
        id = "a-1"
        contract = "c-1"
        kind = "bucket"
        name = "invoices"
        planned = "2022-01-10"
        moving = "2022-02-01"
        moved = "2022-02-03"
        proof = { job = "job-1", leaf = 7, filed = "2022-02-05" }
        "#,
    )
    .expect("it reads");
    asset.check().expect("it holds");
    for (on, expected) in [
        ("2022-01-09", [1, 0, 0, 0, 0]),
        ("2022-01-10", [1, 1, 0, 0, 0]),
        ("2022-02-02", [1, 1, 1, 0, 0]),
        ("2022-02-04", [1, 1, 1, 1, 0]),
        ("2022-02-05", [1, 1, 1, 1, 1]),
    ] {
        let mut tally = AssetTally::default();
        tally.note(&asset, day(on));
        let found = [
            tally.assets,
            tally.planned,
            tally.moving,
            tally.moved,
            tally.proven,
        ];
        assert_eq!(found, expected, "{on}");
    }
}

#[test]
fn what_is_frozen_is_refused_with_its_clause() {
    let mut order = tianjin();
    let (organisations, providers) = (organisations(), providers());
    let judge = Judge::new(&organisations, &providers).expect("one of each");
    let frozen = |order: &Order, what, of: &str, with: Option<&str>, on: &str| {
        let (of, with) = (id(of), with.map(id));
        let asked = Asked {
            what,
            organisation: &of,
            provider: with.as_ref(),
            contract: None,
        };
        judge
            .on(order, day(on))
            .freezes(&asked)
            .map(|frozen| frozen.clause.to_string())
    };
    let on = "2021-08-12";
    let alibaba = Some("alibaba-cloud");
    let lease = Some("lease-freeze".to_owned());
    let hardware = Some("hardware-freeze".to_owned());
    for what in [FreezeKind::ContractNew, FreezeKind::ContractRenew] {
        assert_eq!(frozen(&order, what, "port", alibaba, on), lease);
        assert_eq!(frozen(&order, what, "port", Some("guoziyun"), on), None);
        assert_eq!(frozen(&order, what, "private", alibaba, on), None);
        assert_eq!(frozen(&order, what, "port", alibaba, "2021-08-11"), None);
    }
    for what in [
        FreezeKind::Datacentre,
        FreezeKind::Server,
        FreezeKind::Storage,
    ] {
        assert_eq!(frozen(&order, what, "port-logistics", None, on), hardware);
        assert_eq!(frozen(&order, what, "private", None, on), None);
    }
    order.exemptions.push(onshore_orders::order::Exemption {
        organisation: id("port"),
        contract: None,
        from: day("2021-09-01"),
        until: Some(day("2021-10-01")),
        granted: "letter 7".to_owned(),
        reason: "flood".to_owned(),
        proposed: word("ada"),
        approved: None,
    });
    let server = FreezeKind::Server;
    // One person's word exempts nobody.
    assert_eq!(frozen(&order, server, "port", None, "2021-09-01"), hardware);
    for exemption in &mut order.exemptions {
        exemption.approved = word("bo");
    }
    for (on, expected) in [
        ("2021-08-31", hardware.clone()),
        ("2021-09-01", None),
        ("2021-09-30", None),
        ("2021-10-01", hardware),
    ] {
        assert_eq!(frozen(&order, server, "port", None, on), expected, "{on}");
    }
    let exempt = find(
        &order,
        &contract("port", "alibaba-cloud", Some("2021-07-29")),
        OPEN,
        "2021-09-30",
    );
    assert_eq!(exempt.status, Some(Status::Exempt));
    assert!(exempt.why.contains("letter 7"), "{}", exempt.why);
}

#[test]
fn what_was_signed_while_it_was_frozen_is_told() {
    let mut order = tianjin();
    let signed = |order: &Order, contract: &Contract, on: &str| {
        find(order, contract, OPEN, on)
            .breaches
            .iter()
            .map(|one| format!("{} {}", one.what, one.signed))
            .collect::<Vec<_>>()
    };
    let at = |who: &str, with: &str, day_of: &str| Contract {
        signed: Some(day(day_of)),
        ..contract(who, with, Some("2023-12-31"))
    };
    let on = "2022-06-01";
    let bad = ["contract.new 2021-08-12"];
    let first = at("port-logistics", "alibaba-cloud", "2021-08-12");
    assert_eq!(signed(&order, &first, on), bad);
    assert_eq!(signed(&order, &first, "2021-08-12"), bad);
    assert!(signed(&order, &first, "2021-08-11").is_empty());
    let told = find(&order, &first, OPEN, on).why;
    assert!(
        told.contains("signed on 2021-08-12") && told.contains("lease-freeze"),
        "{told}"
    );
    for free in [
        at("port-logistics", "alibaba-cloud", "2021-08-11"),
        at("port-logistics", "guoziyun", "2021-08-12"),
        at("private", "alibaba-cloud", "2021-08-12"),
        contract("port-logistics", "alibaba-cloud", Some("2023-12-31")),
    ] {
        assert!(signed(&order, &free, on).is_empty(), "{free:?}");
    }
    // Whether it was bound is asked of the day on which it was signed, not of today.
    let sold = at("sold", "alibaba-cloud", "2021-12-01");
    assert_eq!(
        signed(&order, &sold, "2022-06-01"),
        ["contract.new 2021-12-01"]
    );
    let later = at("sold", "alibaba-cloud", "2022-05-01");
    assert!(signed(&order, &later, "2022-06-01").is_empty());
    // A longer end is a renewal of the day on which it is recorded, unless one is named.
    let before = contract("port", "alibaba-cloud", Some("2022-07-29"));
    let longer = contract("port", "alibaba-cloud", Some("2022-07-30"));
    let renewed = longer.clone().after(before.clone(), day("2021-09-01"));
    assert_eq!(signed(&order, &renewed, on), ["contract.renew 2021-09-01"]);
    let endless = contract("port", "alibaba-cloud", None).after(before.clone(), day("2021-09-01"));
    assert_eq!(signed(&order, &endless, on).len(), 1);
    let same = before.clone().after(before.clone(), day("2021-09-01"));
    assert_eq!(same, before);
    let shorter = before.clone().after(longer.clone(), day("2021-09-01"));
    assert!(shorter.renewals.is_empty());
    let told = Contract {
        renewals: vec![Renewal {
            signed: day("2021-08-01"),
            end: None,
            before: None,
        }],
        ..longer
    };
    let told = told.after(before, day("2021-09-01"));
    assert!(signed(&order, &told, on).is_empty());
    // What was recorded does not go by leaving it out.
    let kept = contract("port", "alibaba-cloud", Some("2022-07-30"))
        .after(renewed.clone(), day("2022-01-01"));
    assert_eq!(kept.renewals, renewed.renewals);
    // An approved exemption of that day lets it be.
    order.exemptions.push(onshore_orders::order::Exemption {
        organisation: id("port-logistics"),
        contract: None,
        from: day("2021-08-12"),
        until: Some(day("2021-08-13")),
        granted: "letter 8".to_owned(),
        reason: "storm".to_owned(),
        proposed: word("ada"),
        approved: word("bo"),
    });
    assert!(signed(&order, &first, on).is_empty());
}

/// In 2017 the telecom catalogue had the use of foreign-held machines end, and the local operator bought them: one is named,
/// nothing follows a contract's expiry, and the days of the sale are those of the assets.
#[test]
fn a_foreign_cloud_hands_over_to_its_local_operator() {
    let order: Order = toml::from_str(
        r#"
        id = "idc-licence-2017"
        title = "Who runs a public cloud holds the licence for it (B11)"
        issuer = "Ministry of Industry and Information Technology"
        issued = "2016-03-01"
        effective = "2016-03-01"
        offset = "+08:00"
        sources = [{ id = "mondaq", title = "Mondaq: Catalogue 2015" }, { id = "register", title = "The Register", published = "2017-11-14" }]
        clauses = [
            { id = "licence", text = "IaaS and PaaS need the permit B11.", sources = ["mondaq"] },
            { id = "sale", text = "Sinnet buys the machines, decided on 10 November 2017.", sources = ["register"] },
        ]
        addressees = { clause = "licence", named = ["aws-customers"] }
        prohibited = [{ kind = "third-party-cloud", clause = "licence", from = "2016-03-01" }]
        deadline = { rule = "effective + 24 months", clause = "sale" }
        "#,
    )
    .expect("it reads");
    order.check().expect("it holds");
    let organisations = vec![organisation("aws-customers", &[])];
    let providers = vec![
        Provider {
            id: id("aws"),
            name: "AWS".to_owned(),
            kind: ProviderKind::ThirdPartyCloud,
            organisation: None,
            codes: Vec::new(),
            terraform: vec!["aws".to_owned()],
        },
        Provider {
            id: id("sinnet"),
            name: "Sinnet".to_owned(),
            kind: ProviderKind::PartnerOperatedCloud,
            organisation: None,
            codes: Vec::new(),
            terraform: Vec::new(),
        },
    ];
    let judge = Judge::new(&organisations, &providers).expect("one of each");
    let machines = contract("aws-customers", "aws", Some("2016-12-31"));
    let mut machines = machines;
    machines.start = day("2014-01-01");
    let on = judge.on(&order, day("2018-03-01"));
    let found = on.contract(&machines, &OPEN);
    assert_eq!(found.due, Some(day("2018-03-01")));
    assert_eq!(found.status, Some(Status::NotStarted));
    machines.provider = id("sinnet");
    assert_eq!(on.contract(&machines, &OPEN).bound_by, None);
}

#[test]
fn orders_that_contradict_themselves_are_refused() {
    let replaced = |from: &str, to: &str| {
        let text = TIANJIN.replacen(from, to, 1);
        assert_ne!(text, TIANJIN, "{from} is there");
        toml::from_str::<Order>(&text)
            .map_err(|error| error.to_string())
            .and_then(|order| order.check().map_err(|error| error.to_string()))
    };
    for (from, to) in [
        ("controlled_by = [\"tianjin-sasac\"]", ""),
        ("clause = \"addressees\"", "clause = \"nowhere\""),
        ("sources = [\"scmp\", \"chinascope\"]", "sources = []"),
        (
            "sources = [\"scmp\", \"chinascope\"]",
            "sources = [\"nobody\"]",
        ),
        ("effective = \"2021-08-12\"", "effective = \"2021-08-11\""),
        ("effective = \"2021-08-12\"", "effective = \"2021-02-29\""),
        ("offset = \"+08:00\"", "offset = \"Asia/Shanghai\""),
        ("provider = \"alibaba-cloud\"", "until = \"2022-01-01\""),
        (
            "from = \"2021-08-12\"",
            "from = \"2021-08-12\"\nuntil = \"2021-08-12\"",
        ),
        ("what = \"contract.new\"", "what = \"contract.signed\""),
        ("expiry + 2 months", "expiry + 2 weeks"),
        ("issuer =", "unknown ="),
    ] {
        assert!(replaced(from, to).is_err(), "{to}");
    }
}
