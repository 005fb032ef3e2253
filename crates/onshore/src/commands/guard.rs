//! `onshore guard`: judges a plan of Terraform. With files of orders it needs no server.

use std::path::Path;

use anyhow::{Context, Result};
use onshore_api::{RecordView, StatusReportView};
use onshore_orders::guard::{Judged, Rules, Weight, judge, sarif};
use onshore_orders::{Id, Language, Order, Provider, Record, RecordKind};
use onshore_types::Timestamp;
use serde_json::Value;

use crate::cli::{GuardArgs, TargetArgs};
use crate::clock;
use crate::commands::classify::sarif::uri_of_path;
use crate::commands::register::read;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, args: &GuardArgs) -> Result<Exit> {
    let plan = plan(&args.plan)?;
    let now: Timestamp = match args.on {
        // Noon in UTC is on that day nearly everywhere.
        Some(day) => format!("{day}T12:00:00Z").parse()?,
        None => clock::today(),
    };
    let (orders, providers) = match &args.organisation {
        Some(organisation) => ask(target, organisation, args).await?,
        None => {
            let mut orders = Vec::new();
            for path in &args.orders {
                if let (Record::Order(order), _) = read(RecordKind::Order, path)? {
                    orders.push(*order);
                }
            }
            (orders, Vec::new())
        }
    };
    let rules = Rules {
        orders: &orders,
        providers: &providers,
        residency: args.residency,
        now,
        language: target.lang,
    };
    let judged =
        judge(&plan, &rules).map_err(|error| usage(format!("{}: {error}", args.plan.display())))?;
    if args.sarif {
        let uri = uri_of_path(&args.plan);
        output::json(&sarif(
            &judged,
            &uri,
            env!("CARGO_PKG_VERSION"),
            target.lang,
        ))?;
    } else {
        match target.style() {
            Style::Json => output::json(&judged)?,
            Style::Text => table(&judged, target.lang),
        }
    }
    let is_refused = judged.has_violations() || (args.strict && !judged.findings.is_empty());
    Ok(if is_refused { Exit::Failed } else { Exit::Done })
}

fn plan(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path)
        .map_err(|error| usage(format!("cannot read {}: {error}", path.display())))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| usage(format!("{} is not JSON: {error}", path.display())))
}

/// Asks the server which orders bind an organisation and hold it to them, and which providers they speak of.
async fn ask(
    target: &TargetArgs,
    organisation: &Id,
    args: &GuardArgs,
) -> Result<(Vec<Order>, Vec<Provider>)> {
    let client = target::client(target)?;
    let as_of = args
        .on
        .map(|day| format!("&as_of={day}"))
        .unwrap_or_default();
    let report: StatusReportView = client
        .get(&format!(
            "/v1/report/status?organisation={organisation}{as_of}"
        ))
        .await?;
    let mut orders = Vec::new();
    for status in report.orders {
        let binds = status
            .organisations
            .iter()
            .flatten()
            .any(|one| one.bound_by.is_some() && !one.exempt);
        if !binds {
            continue;
        }
        let view: RecordView = client
            .get(&format!("/v1/register/order/{}", status.order))
            .await?;
        if let Record::Order(order) = kept(RecordKind::Order, &view)? {
            orders.push(*order);
        }
    }
    let mut providers = Vec::new();
    let views: Vec<RecordView> = client.get("/v1/register/provider").await?;
    for view in &views {
        if let Record::Provider(provider) = kept(RecordKind::Provider, view)? {
            providers.push(provider);
        }
    }
    Ok((orders, providers))
}

fn kept(kind: RecordKind, view: &RecordView) -> Result<Record> {
    Record::from_json(kind, &view.record.to_string())
        .context("the server's answer is not what this version understands")
}

fn table(judged: &Judged, lang: Language) {
    let rows: Vec<Vec<String>> = judged
        .findings
        .iter()
        .map(|one| {
            vec![
                match (one.weight, lang) {
                    (Weight::Violation, Language::En) => "violation",
                    (Weight::Unknown, Language::En) => "unknown",
                    (Weight::Violation, Language::Zh) => "违反",
                    (Weight::Unknown, Language::Zh) => "不明",
                }
                .to_owned(),
                one.rule.to_owned(),
                one.address.clone(),
                one.message.clone(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        let head = match lang {
            Language::En => ["", "RULE", "RESOURCE", "WHY"],
            Language::Zh => ["", "规则", "资源", "说明"],
        };
        output::table(&head, &rows);
        output::line("");
    }
    let violations = judged
        .findings
        .iter()
        .filter(|one| one.weight == Weight::Violation)
        .count();
    let (made, passed) = (judged.judged, judged.passed);
    let unknown = judged.findings.len() - violations;
    output::line(&match lang {
        Language::En => format!(
            "{made} resources judged, {passed} left as they are, read or removed: {violations} violations, {unknown} not known"
        ),
        Language::Zh => format!(
            "判定 {made} 项资源，另有 {passed} 项保持不变、仅读取或移除：违反 {violations} 项，不明 {unknown} 项"
        ),
    });
}
