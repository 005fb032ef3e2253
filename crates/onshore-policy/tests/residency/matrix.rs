//! The golden matrix: label × flow × from × to × approval, and role × flow × tenant. A change of a single cell is a
//! change of what Onshore promises.

use std::fmt::Write as _;

use onshore_policy::{
    Allowance, ApprovalFact, Basis, Flow, Policy, Refusal, Role, Transfer, Verdict,
};
use onshore_types::{Label, Level, Personal, Place};

use crate::world::{
    FLOWS, NOW, approval, code, facts, known, labels, place, policy, tenant, transfer,
};

const LEGEND: &str = "\
rows    approval on record (exhausted: one byte too few for the read; wrong-* : in force, but not for this)
columns label of the data; g general, i important, c core; p personal, s sensitive-personal
allowed inside, inbound, free, approval
refused DIRECTION, LIST, UNCLASS, PLACE, NONE, COVER, EARLY, REVOKED, EXPIRED, SPENT, OBJECTS, PERSONS, TENANT, ROLE
";

/// A region and the places asked about, each with the jurisdiction that an approval for it names.
const WORLDS: [(&str, &[(&str, &str)]); 3] = [
    (
        "CN",
        &[
            ("CN", "CN"),
            ("US", "US"),
            ("HK", "HK"),
            ("DE", "EU"),
            ("unknown", "US"),
        ],
    ),
    (
        "EU",
        &[("EU", "EU"), ("DE", "DE"), ("GB", "GB"), ("unknown", "GB")],
    ),
    ("ZZ", &[("ZZ", "ZZ"), ("CN", "CN"), ("unknown", "CN")]),
];

/// What is on record, by name.
fn approvals(to: &str) -> Vec<(&'static str, Vec<ApprovalFact>)> {
    let base = ApprovalFact {
        to: code(to),
        ..approval(1)
    };
    let one = |change: fn(&mut ApprovalFact)| {
        let mut changed = base.clone();
        change(&mut changed);
        vec![changed]
    };
    vec![
        ("none", vec![]),
        ("covering", one(|_| {})),
        (
            "personal-only",
            one(|a| a.label = known(Level::General, Personal::Personal)),
        ),
        (
            "important-only",
            one(|a| a.label = known(Level::Important, Personal::None)),
        ),
        ("wrong-label", one(|a| a.label = Label::Unclassified)),
        ("wrong-place", one(|a| a.to = code("NZ"))),
        ("wrong-tenant", one(|a| a.tenant = tenant(2))),
        ("exhausted", one(|a| a.remaining_bytes = 999)),
        (
            "last-object",
            one(|a| a.objects = Some(Allowance { left: 0, needed: 1 })),
        ),
        (
            "too-many-persons",
            one(|a| a.persons = Some(Allowance { left: 1, needed: 2 })),
        ),
        ("expired", one(|a| a.until = NOW)),
        ("revoked", one(|a| a.revoked_at = Some(NOW))),
        ("not-yet", one(|a| a.granted_at = NOW.plus_millis(1))),
    ]
}

fn cell(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Allowed(grant) => match grant.basis() {
            Basis::Inside => "inside",
            Basis::Inbound => "inbound",
            Basis::Free => "free",
            Basis::Approval(_) => "approval",
        },
        Verdict::Refused(refusal) => match refusal {
            Refusal::NotYourTenant => "TENANT",
            Refusal::RoleForbids => "ROLE",
            Refusal::WrongDirection => "DIRECTION",
            Refusal::ListNotFree => "LIST",
            Refusal::Unclassified => "UNCLASS",
            Refusal::UnknownPlace => "PLACE",
            Refusal::NoApproval => "NONE",
            Refusal::ApprovalDoesNotCover { .. } => "COVER",
            Refusal::ApprovalNotYetValid { .. } => "EARLY",
            Refusal::ApprovalRevoked { .. } => "REVOKED",
            Refusal::ApprovalExpired { .. } => "EXPIRED",
            Refusal::ApprovalExhausted { .. } => "SPENT",
            Refusal::ApprovalObjectsExhausted { .. } => "OBJECTS",
            Refusal::ApprovalPersonsExhausted { .. } => "PERSONS",
            Refusal::PackForbids { rule, .. } => panic!("no pack is in force: {rule:?}"),
            Refusal::PolicyError { detail } => panic!("the rules failed: {detail}"),
        },
    }
}

fn header(label: Label) -> String {
    let Label::Known { level, personal } = label else {
        return "unclass".to_owned();
    };
    let level = match level {
        Level::General => "g",
        Level::Important => "i",
        Level::Core => "c",
    };
    let personal = match personal {
        Personal::None => "",
        Personal::Personal => "+p",
        Personal::Sensitive => "+s",
    };
    format!("{level}{personal}")
}

fn line(name: &str, cells: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut line = format!("  {name:<15}");
    for cell in cells {
        let _ = write!(line, "{:<10}", cell.as_ref());
    }
    line.trim_end().to_owned()
}

/// One block: every label beside every approval. Equal rows fold into one, equal blocks into a line.
fn block(policy: &Policy, region: &str, flow: Flow, from: Place, to: Place, named: &str) -> String {
    let rows: Vec<(&str, Vec<&str>)> = approvals(named)
        .into_iter()
        .map(|(name, on_record)| {
            let facts = facts(region, on_record);
            let cells = labels()
                .into_iter()
                .map(|label| cell(&policy.decide(&facts, &transfer(flow, label, from, to), NOW)))
                .collect();
            (name, cells)
        })
        .collect();
    let (_, first) = rows.first().expect("there are rows");
    let title = format!("{flow:?} {from} -> {to}");
    if rows.iter().all(|(_, row)| row == first) {
        let one = first.first().expect("there are labels");
        if first.iter().all(|cell| cell == one) {
            return format!("{title}: {one}\n");
        }
        let heads = line("", labels().into_iter().map(header));
        return format!("{title}\n{heads}\n{}\n", line("any", first));
    }
    let mut block = format!("{title}\n{}\n", line("", labels().into_iter().map(header)));
    for (name, row) in rows {
        block.push_str(&line(name, row));
        block.push('\n');
    }
    block
}

fn assert_golden(name: &str, table: &str) {
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, table);
    });
}

#[test]
fn the_residency_matrix_is_golden() {
    let policy = policy();
    let mut table = LEGEND.to_owned();
    for (region, places) in WORLDS {
        for flow in FLOWS {
            let _ = writeln!(table, "\n== region {region}, {flow:?}");
            for (from, _) in places {
                for (to, named) in places {
                    table.push_str(&block(&policy, region, flow, place(from), place(to), named));
                }
            }
        }
    }
    assert_golden("residency_matrix", &table);
}

#[test]
fn the_matrix_of_roles_is_golden() {
    let policy = policy();
    let facts = facts("CN", vec![approval(1)]);
    let roles = [
        Role::TenantUser,
        Role::Operator,
        Role::Regulator,
        Role::Auditor,
        Role::SupportEngineer,
        Role::Worker,
    ];
    let tenants = [
        ("own", Some(tenant(1)), Some(tenant(1))),
        ("another's", Some(tenant(2)), Some(tenant(1))),
        ("of no tenant", None, Some(tenant(1))),
        ("nobody's", Some(tenant(1)), None),
        ("neither", None, None),
    ];
    let mut table =
        "columns flow, inside and then to or from US (class personal, an approval is in force)\n"
            .to_owned();
    let heads = FLOWS
        .into_iter()
        .flat_map(|flow| [format!("{flow:?}"), "abroad".to_owned()]);
    table.push_str(&line("", heads));
    table.push('\n');
    for role in roles {
        let _ = writeln!(table, "{role:?}");
        for (name, carried, owner) in tenants {
            let cells = FLOWS.into_iter().flat_map(|flow| {
                ["CN", "US"].map(|abroad| {
                    let (from, to) = match flow {
                        Flow::Read | Flow::Inspect | Flow::List => ("CN", abroad),
                        Flow::Store | Flow::Change => (abroad, "CN"),
                    };
                    let label = known(Level::General, Personal::Personal);
                    let mut asked: Transfer = transfer(flow, label, place(from), place(to));
                    asked.principal.role = role;
                    asked.principal.tenant = carried;
                    asked.subject.owner = owner;
                    cell(&policy.decide(&facts, &asked, NOW))
                })
            });
            table.push_str(&line(name, cells));
            table.push('\n');
        }
    }
    assert_golden("role_matrix", &table);
}
