//! `onshore report`: how many persons are told of, what personal data is kept without a purpose or past its time, and
//! what the ledger recorded in a span of time.

use std::collections::BTreeMap;

use anyhow::Result;
use onshore_api::{
    AskEvidence, BucketView, ExportedView, FindingsView, PersonsEstimate, PersonsReport,
    PersonsView,
};
use onshore_types::{GroupName, Label, Personal, TenantName, Timestamp};
use serde_json::json;

use crate::cli::{ReportCommand, TargetArgs};
use crate::clock;
use crate::commands::classify::findings_of;
use crate::commands::deliver;
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

/// How old data is told to be: younger than so many days.
const AGES: [(i64, &str); 4] = [
    (30, "under 30 days"),
    (365, "under a year"),
    (3 * 365, "under 3 years"),
    (i64::MAX, "older"),
];
const DAY_MS: i64 = 86_400_000;

/// What is held of one kind in one bucket and of one age.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    objects: u64,
    identifiers: u64,
    without_purpose: u64,
    past_retention: u64,
}

pub(crate) async fn run(target: &TargetArgs, command: ReportCommand) -> Result<Exit> {
    match command {
        ReportCommand::Status(args) => crate::commands::status::run(target, &args).await,
        ReportCommand::Regions(args) => crate::commands::regions::run(target, &args).await,
        ReportCommand::Persons {
            tenants,
            group,
            estimate: true,
        } => estimate(target, &asked_of(&tenants, group.as_ref())).await,
        ReportCommand::Persons {
            tenants,
            group,
            estimate: false,
        } => persons(target, &asked_of(&tenants, group.as_ref())).await,
        ReportCommand::Bundle {
            from,
            to,
            out,
            without_records,
        } => {
            let asked = AskEvidence {
                from,
                to,
                without_records,
            };
            let client = target::client(target)?;
            let bundle = client.post_bytes("/v1/report/evidence", &asked).await?;
            deliver(&bundle, out.as_deref())?;
            if let (Some(out), Style::Text) = (out, target.style()) {
                output::line(&format!(
                    "What was recorded from {from} to {to} is in {0}. Check it: onshore verify {0} --key VKEY --policy FILE",
                    out.display()
                ));
            }
            Ok(Exit::Done)
        }
        ReportCommand::Holdings { tenant, bucket } => {
            let client = target::client(target)?;
            let buckets: Vec<BucketView> = client.get("/v1/buckets").await?;
            let mut held: BTreeMap<[String; 4], Held> = BTreeMap::new();
            let now = clock::today();
            for view in buckets {
                let is_wanted = tenant.as_ref().is_none_or(|tenant| *tenant == view.tenant)
                    && bucket.as_ref().is_none_or(|bucket| *bucket == view.name);
                if !is_wanted {
                    continue;
                }
                for object in findings_of(&client, &view.name, "").await? {
                    count(&view, &object, now, &mut held);
                }
            }
            show(target.style(), &held)?;
            Ok(Exit::Done)
        }
    }
}

/// Counts what personal data an object holds.
fn count(
    bucket: &BucketView,
    object: &FindingsView,
    now: Timestamp,
    held: &mut BTreeMap<[String; 4], Held>,
) {
    let is_personal = matches!(
        object.label,
        Label::Known {
            personal: Personal::Personal | Personal::Sensitive,
            ..
        } | Label::Unclassified
    );
    if !is_personal {
        return;
    }
    let days = (now.as_millis() - object.modified.as_millis()) / DAY_MS;
    let age = AGES.iter().find(|(under, _)| days < *under);
    let age = age.map_or("older", |(_, words)| words);
    let found = object.scan.iter().flat_map(|scan| {
        let kinds = scan.kinds.iter().map(|found| (&found.kind, found.count));
        let columns = scan
            .columns
            .iter()
            .map(|found| (&found.kind, found.columns));
        kinds.chain(columns)
    });
    let mut found: Vec<(&str, u64)> = found.map(|(kind, count)| (kind.as_str(), count)).collect();
    if found.is_empty() {
        // It was said to be personal, and nothing that is known was found in it.
        found.push(("declared", 0));
    }
    for (kind, identifiers) in found {
        let place = [
            bucket.tenant.to_string(),
            bucket.name.to_string(),
            kind.to_owned(),
            age.to_owned(),
        ];
        let row = held.entry(place).or_default();
        row.objects += 1;
        row.identifiers += identifiers;
        row.without_purpose += u64::from(object.purpose.is_none());
        row.past_retention += u64::from(object.keep_until.is_some_and(|until| until < now));
    }
}

fn show(style: Style, held: &BTreeMap<[String; 4], Held>) -> Result<()> {
    match style {
        Style::Json => {
            let rows: Vec<_> = held
                .iter()
                .map(|([tenant, bucket, kind, age], row)| {
                    json!({
                        "tenant": tenant,
                        "bucket": bucket,
                        "kind": kind,
                        "age": age,
                        "objects": row.objects,
                        "identifiers": row.identifiers,
                        "without_purpose": row.without_purpose,
                        "past_retention": row.past_retention,
                    })
                })
                .collect();
            output::json(&json!({ "holdings": rows }))
        }
        Style::Text => {
            let rows: Vec<_> = held
                .iter()
                .map(|(place, row)| {
                    let numbers = [
                        row.objects,
                        row.identifiers,
                        row.without_purpose,
                        row.past_retention,
                    ];
                    let numbers = numbers.map(|number| number.to_string());
                    place.iter().cloned().chain(numbers).collect()
                })
                .collect();
            let header = [
                "TENANT",
                "BUCKET",
                "KIND",
                "AGE",
                "VERSIONS",
                "IDENTIFIERS",
                "NO PURPOSE",
                "PAST ITS TIME",
            ];
            output::table(&header, &rows);
            Ok(())
        }
    }
}

/// Says whose persons are asked for, as the server wants it.
fn asked_of(tenants: &[TenantName], group: Option<&GroupName>) -> String {
    if let Some(group) = group {
        return format!("group={group}");
    }
    let names: Vec<&str> = tenants.iter().map(TenantName::as_str).collect();
    format!("tenants={}", names.join(","))
}

async fn estimate(target: &TargetArgs, of: &str) -> Result<Exit> {
    let client = target::client(target)?;
    let path = format!("/v1/report/persons/estimate?{of}");
    let told: PersonsEstimate = client.get(&path).await?;
    match target.style() {
        Style::Json => output::json(&told)?,
        Style::Text => output::line(&format!(
            "About {} distinct persons are told of in what is held.",
            told.held_about
        )),
    }
    Ok(Exit::Done)
}

async fn persons(target: &TargetArgs, of: &str) -> Result<Exit> {
    let client = target::client(target)?;
    let path = format!("/v1/report/persons?{of}");
    let report: PersonsReport = client.get(&path).await?;
    match target.style() {
        Style::Json => output::json(&report)?,
        Style::Text => {
            let mut rows = vec![row("held", report.held, None)];
            rows.push(row_of_export("left this year", &report.exported));
            for (place, exported) in &report.exported_to {
                rows.push(row_of_export(&format!("  to {place}"), exported));
            }
            let header = [
                "DISTINCT PERSONS",
                "AT LEAST",
                "AT MOST",
                "SENSITIVE AT LEAST",
                "AT MOST",
                "VERSIONS NOBODY LOOKED AT",
            ];
            output::table(&header, &rows);
        }
    }
    Ok(Exit::Done)
}

fn row_of_export(what: &str, exported: &ExportedView) -> Vec<String> {
    row(what, exported.persons, Some(exported.unknown_versions))
}

fn row(what: &str, persons: PersonsView, unknown: Option<u64>) -> Vec<String> {
    vec![
        what.to_owned(),
        persons.lower.to_string(),
        persons.upper.to_string(),
        persons.sensitive_lower.to_string(),
        persons.sensitive_upper.to_string(),
        unknown.map_or_else(String::new, |unknown| unknown.to_string()),
    ]
}
