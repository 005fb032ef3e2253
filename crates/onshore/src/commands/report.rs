//! `onshore report`: how many persons are told of, what personal data is kept without a purpose or past its time, and
//! what the ledger recorded in a span of time.

use anyhow::Result;
use onshore_api::{AskEvidence, ExportedView, PersonsEstimate, PersonsReport, PersonsView};
use onshore_orders::Language;
use onshore_types::{GroupName, TenantName};

use crate::cli::{ReportCommand, TargetArgs};
use crate::commands::{deliver, holdings};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: ReportCommand) -> Result<Exit> {
    match command {
        ReportCommand::Status(args) => crate::commands::status::run(target, &args).await,
        ReportCommand::Quarterly(args) => crate::commands::quarterly::run(target, &args).await,
        ReportCommand::Cases { known_at } => crate::commands::cases::report(target, known_at).await,
        ReportCommand::Handover { id, paper } => {
            crate::commands::handover::report(target, &id, &paper).await
        }
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
        ReportCommand::Holdings(args) => holdings::run(target, &args).await,
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
        Style::Text => {
            let about = told.held_about;
            output::line(&match target.lang {
                Language::En => {
                    format!("About {about} distinct persons are told of in what is held.")
                }
                Language::Zh => format!("所持有的数据约涉及 {about} 人（去重）。"),
            });
        }
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
            let (held, left, to, header) = match target.lang {
                Language::En => (
                    "held",
                    "left this year",
                    "to",
                    [
                        "DISTINCT PERSONS",
                        "AT LEAST",
                        "AT MOST",
                        "SENSITIVE AT LEAST",
                        "AT MOST",
                        "VERSIONS NOBODY LOOKED AT",
                    ],
                ),
                Language::Zh => (
                    "持有",
                    "本年已出境",
                    "至",
                    [
                        "人数（去重）",
                        "至少",
                        "至多",
                        "敏感至少",
                        "至多",
                        "未扫描版本",
                    ],
                ),
            };
            let mut rows = vec![row(held, report.held, None)];
            rows.push(row_of_export(left, &report.exported));
            for (place, exported) in &report.exported_to {
                rows.push(row_of_export(&format!("  {to} {place}"), exported));
            }
            output::table(&header, &rows);
            let (other, sensitive) = (report.volumes.non_sensitive, report.volumes.sensitive);
            output::line(&match target.lang {
                Language::En => format!(
                    "rules about volumes count {other} persons of whom something not sensitive left, and {sensitive} of whom something sensitive did"
                ),
                Language::Zh => format!(
                    "按数量的规则计：非敏感个人信息出境 {other} 人，敏感个人信息出境 {sensitive} 人"
                ),
            });
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
