//! The packs that are shipped hold what their tables of cases say, and a pack that is not whole does not open.

use onshore_policy::rule_pack::{SHIPPED_PACKS, run_cases, untried};
use onshore_policy::{Error, PackFiles, Policy, RulePack};

fn shipped(name: &str) -> PackFiles {
    PackFiles::shipped(name).expect("it is shipped")
}

/// The files of a pack, one of them changed.
fn with(name: &str, file: &str, change: impl Fn(&str) -> String) -> Result<RulePack, Error> {
    let changed = shipped(name)
        .iter()
        .map(|(known, text)| {
            let text = if known == file {
                change(text)
            } else {
                text.to_owned()
            };
            (known.to_owned(), text)
        })
        .collect::<Vec<_>>();
    RulePack::parse(PackFiles::new(changed)?)
}

fn replaced(name: &str, file: &str, from: &str, to: &str) -> Result<RulePack, Error> {
    let text = shipped(name);
    assert!(
        text.iter()
            .any(|(known, text)| known == file && text.contains(from)),
        "{file} has no {from}"
    );
    with(name, file, |text| text.replacen(from, to, 1))
}

#[test]
fn the_cases_of_every_shipped_pack_hold() {
    for name in SHIPPED_PACKS {
        let pack = RulePack::parse(shipped(name)).expect("it reads");
        let policy = Policy::with_pack(pack).expect("it opens");
        let pack = policy.pack().expect("it has the pack");
        let outcomes = run_cases(&policy, pack);
        assert!(!outcomes.is_empty(), "{name}");
        assert_eq!(untried(&policy, pack), [""; 0], "{name}");
        for outcome in outcomes {
            assert!(outcome.holds(), "{name}: {outcome:?}");
        }
    }
}

#[test]
fn what_no_case_tries_is_told() {
    let trivial = with("cn", "cases.csv", |text| {
        let header = text.lines().next().expect("a header");
        let case = "general data is free,2026-06-01,,,0,,general,US,,,none,,,allow,,,,";
        format!("{header}\n{case}\n")
    });
    let policy = Policy::with_pack(trivial.expect("it reads")).expect("it opens");
    let untried = untried(&policy, policy.pack().expect("it has the pack"));
    assert_eq!(untried.len(), policy.pack_rules().len() + 5, "{untried:?}");
    let volume = "the rule cn.volume-assessment".to_owned();
    assert!(untried.contains(&volume), "{untried:?}");
}

#[test]
fn a_threshold_that_is_changed_breaks_a_case() {
    for (from, to) in [
        ("value = 1000000", "value = 1000001"),
        ("value = 10000\n", "value = 9999\n"),
        ("value = 1\n", "value = 2\n"),
        ("value = 1096", "value = 1095"),
    ] {
        let pack = replaced("cn", "thresholds.toml", from, to).expect("it reads");
        let policy = Policy::with_pack(pack).expect("it opens");
        let outcomes = run_cases(&policy, policy.pack().expect("it has the pack"));
        assert!(
            outcomes.iter().any(|outcome| !outcome.holds()),
            "{from} to {to}"
        );
    }
}

#[test]
fn a_rule_that_is_lost_breaks_a_case() {
    for name in ["cn", "eu"] {
        let files = shipped(name);
        let policies = files
            .iter()
            .find(|(file, _)| *file == "policies.cedar")
            .expect("it has rules")
            .1;
        for lost in policies.split("@id(").skip(1) {
            let without = |text: &str| text.replacen(&format!("@id({lost}"), "", 1);
            let pack = with(name, "policies.cedar", without).expect("it reads");
            let policy = Policy::with_pack(pack).expect("it opens");
            let outcomes = run_cases(&policy, policy.pack().expect("it has the pack"));
            assert!(
                outcomes.iter().any(|outcome| !outcome.holds()),
                "nothing notices that {name} lost {lost}"
            );
        }
    }
}

#[test]
fn a_pack_can_only_forbid() {
    let permitting = with("cn", "policies.cedar", |text| {
        format!(
            "{text}\n@id(\"x\") @rule(\"cn.x\") @source(\"s\") @cause(\"c\") @remedy(\"r\")\npermit (principal, action, resource);"
        )
    })
    .expect("it reads");
    assert!(matches!(
        Policy::with_pack(permitting),
        Err(Error::Permits { .. })
    ));
}

#[test]
fn a_pack_that_is_not_whole_does_not_open() {
    type Broken = (&'static str, &'static str, &'static str);
    let unreadable: [Broken; 11] = [
        ("pack.toml", "name = \"cn\"", "name = \"C N\""),
        ("pack.toml", "title =", "titel ="),
        ("pack.toml", "+08:00", "8"),
        (
            "pack.toml",
            "word = \"certification\"",
            "word = \"exemption\"",
        ),
        (
            "thresholds.toml",
            "valid-from = \"2022-09-01\"",
            "valid-from = \"2022-9-1\"",
        ),
        (
            "thresholds.toml",
            "valid-to = \"2024-03-21\"",
            "valid-to = \"2024-03-22\"",
        ),
        (
            "thresholds.toml",
            "valid-to = \"2024-03-21\"",
            "valid-to = \"2021-03-21\"",
        ),
        (
            "thresholds.toml",
            "source = \"Order 16 (2024-03-22), article 7(2)\"",
            "source = \" \"",
        ),
        ("cases.csv", "case,date", "case,day"),
        ("cases.csv", "2026-06-01", "yesterday"),
        ("calendar.toml", "2026-01-04", "2027-01-04"),
    ];
    for (file, from, to) in unreadable {
        let found = replaced("cn", file, from, to);
        assert!(
            matches!(&found, Err(Error::Pack { file: named, .. }) if named == file),
            "{file}: {from} to {to}: {found:?}"
        );
    }
    let misfits: [Broken; 6] = [
        (
            "policies.cedar",
            "context.limits.assessmentPersons",
            "context.limits.nothing",
        ),
        ("policies.cedar", "@cause(", "@reason("),
        ("policies.cedar", "@rule(\"cn.", "@rule(\"eu."),
        ("policies.cedar", "cn-instrument-unnamed", "border-free"),
        ("policies.cedar", "forbid (", "forbid "),
        (
            "schema.cedarschema",
            "contractPersons: Long",
            "contractPersons: String",
        ),
    ];
    for (file, from, to) in misfits {
        let pack = replaced("cn", file, from, to).expect("it reads");
        assert!(Policy::with_pack(pack).is_err(), "{file}: {from} to {to}");
    }
    let stray = shipped("eu")
        .iter()
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .chain([("notes.txt".to_owned(), String::new())])
        .collect::<Vec<_>>();
    assert!(PackFiles::new(stray).is_err());
    let fewer = shipped("eu")
        .iter()
        .filter(|(name, _)| *name != "cases.csv")
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect::<Vec<_>>();
    assert!(PackFiles::new(fewer).is_err());
}

#[test]
fn a_limit_without_a_value_refuses_rather_than_lets_pass() {
    let pack = replaced(
        "cn",
        "thresholds.toml",
        "source = \"Order 16 (2024-03-22), article 7(2)\"\nvalid-from = \"2024-03-22\"",
        "source = \"Order 16 (2024-03-22), article 7(2)\"\nvalid-from = \"2024-03-22\"\nvalid-to = \"2026-05-31\"",
    )
    .expect("it reads");
    let then = "2026-06-01T00:00:00+08:00".parse().expect("an instant");
    let before = "2026-05-31T23:59:59+08:00".parse().expect("an instant");
    assert_eq!(pack.limit("assessmentPersons", before), Some(1_000_000));
    assert_eq!(pack.limit("assessmentPersons", then), None);
    assert!(!pack.holds_from(before));
    let policy = Policy::with_pack(pack).expect("it opens");
    let outcomes = run_cases(&policy, policy.pack().expect("it has the pack"));
    assert!(
        outcomes
            .iter()
            .filter(|outcome| outcome.asked == "verdict" && outcome.expected == "allow")
            .any(|outcome| outcome.found == "policy.error")
    );
}
