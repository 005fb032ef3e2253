//! `onshore report status`: where everybody stands with the orders, as a table, CSV or JSON.

use std::io::Write;

use anyhow::{Context, Result};
use onshore_api::{ContractStatusView, OrganisationStatusView, StatusReportView};

use crate::cli::{StatusArgs, StatusFormat, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, args: &StatusArgs) -> Result<Exit> {
    let format = args.format.unwrap_or(match target.style() {
        Style::Json => StatusFormat::Json,
        Style::Text => StatusFormat::Table,
    });
    // Ids, days and instants have nothing that a query would have to escape.
    let mut path = format!("/v1/report/status?summary={}", args.summary);
    for (name, value) in [
        ("as_of", args.as_of.map(|day| day.to_string())),
        ("known_at", args.known_at.map(|at| at.to_string())),
        ("order", args.order.as_ref().map(ToString::to_string)),
        (
            "organisation",
            args.organisation.as_ref().map(ToString::to_string),
        ),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={value}"));
        }
    }
    let report: StatusReportView = target::client(target)?.get(&path).await?;
    match format {
        StatusFormat::Json => output::json(&report)?,
        StatusFormat::Csv => csv(&report)?,
        StatusFormat::Table => table(&report, args.why),
    }
    Ok(Exit::Done)
}

fn table(report: &StatusReportView, with_why: bool) {
    output::line(&format!(
        "Known at {}, ledger of {} leaves.",
        report.known_at, report.tree_size
    ));
    for order in &report.orders {
        let counts: Vec<String> = order
            .contracts
            .iter()
            .map(|(status, number)| format!("{number} {status}"))
            .collect();
        output::line("");
        output::line(&format!(
            "{} as of {}: {} organisations bound; {} contracts signed while frozen; contracts: {}",
            order.order,
            order.as_of,
            order.bound,
            order.breached,
            if counts.is_empty() {
                "none".to_owned()
            } else {
                counts.join(", ")
            }
        ));
        let rows: Vec<Vec<String>> = lines(order.organisations.as_ref())
            .map(|(organisation, contract)| row(organisation, contract, with_why))
            .collect();
        if !rows.is_empty() {
            let mut head = vec![
                "ORGANISATION",
                "CONTRACT",
                "PROVIDER",
                "STATUS",
                "DUE",
                "FROZEN",
                "BREACH",
                "PROVEN",
            ];
            if with_why {
                head.push("WHY");
            }
            output::table(&head, &rows);
        }
    }
}

fn row(
    organisation: &OrganisationStatusView,
    contract: Option<&ContractStatusView>,
    with_why: bool,
) -> Vec<String> {
    let bound = |bound: &Option<String>| {
        if bound.is_some() {
            "bound"
        } else {
            "not bound"
        }
    };
    let mut row = match contract {
        Some(contract) => vec![
            organisation.organisation.clone(),
            contract.contract.clone(),
            contract.provider.clone(),
            contract
                .status
                .clone()
                .unwrap_or_else(|| bound(&contract.bound_by).to_owned()),
            contract.due.clone().unwrap_or_default(),
            if contract.frozen { "yes" } else { "no" }.to_owned(),
            breaches(contract, ", "),
            format!("{} of {}", contract.proven, contract.assets),
        ],
        None => vec![
            organisation.organisation.clone(),
            String::new(),
            String::new(),
            bound(&organisation.bound_by).to_owned(),
            String::new(),
            if organisation.frozen.is_empty() {
                "no"
            } else {
                "yes"
            }
            .to_owned(),
            String::new(),
            String::new(),
        ],
    };
    if with_why {
        row.push(contract.map_or(&organisation.why, |one| &one.why).clone());
    }
    row
}

/// What was signed while it was frozen, and when.
fn breaches(contract: &ContractStatusView, between: &str) -> String {
    let all: Vec<String> = contract
        .breaches
        .iter()
        .map(|one| format!("{} {}", one.what, one.signed))
        .collect();
    all.join(between)
}

/// Each organisation, and each contract of it.
fn lines(
    organisations: Option<&Vec<OrganisationStatusView>>,
) -> impl Iterator<Item = (&OrganisationStatusView, Option<&ContractStatusView>)> {
    organisations.into_iter().flatten().flat_map(|one| {
        let contracts = one
            .contracts
            .iter()
            .map(move |contract| (one, Some(contract)));
        std::iter::once((one, None)).chain(contracts)
    })
}

fn csv(report: &StatusReportView) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "order",
        "as_of",
        "organisation",
        "contract",
        "provider",
        "bound_by",
        "status",
        "due",
        "frozen",
        "breaches",
        "assets",
        "proven",
        "why",
        "known_at",
        "tree_size",
    ])?;
    for order in &report.orders {
        for (organisation, contract) in lines(order.organisations.as_ref()) {
            let known_at = report.known_at.to_string();
            let tree_size = report.tree_size.to_string();
            let frozen = organisation.frozen.join(" ");
            let signed = contract.map(|one| breaches(one, "; ")).unwrap_or_default();
            let numbers = contract.map(|one| (one.assets.to_string(), one.proven.to_string()));
            let (assets, proven) = numbers.unwrap_or_default();
            let record = match contract {
                Some(one) => [
                    one.contract.as_str(),
                    &one.provider,
                    one.bound_by.as_deref().unwrap_or_default(),
                    one.status.as_deref().unwrap_or_default(),
                    one.due.as_deref().unwrap_or_default(),
                    if one.frozen { "contract.renew" } else { "" },
                    &signed,
                    &assets,
                    &proven,
                    &one.why,
                ],
                None => [
                    "",
                    "",
                    organisation.bound_by.as_deref().unwrap_or_default(),
                    if organisation.exempt { "exempt" } else { "" },
                    "",
                    &frozen,
                    "",
                    "",
                    "",
                    &organisation.why,
                ],
            };
            let head = [
                order.order.as_str(),
                &order.as_of,
                &organisation.organisation,
            ];
            writer.write_record(
                head.iter()
                    .chain(&record)
                    .chain(&[known_at.as_str(), &tree_size]),
            )?;
        }
    }
    let text = writer.into_inner().context("the table cannot be written")?;
    std::io::stdout()
        .lock()
        .write_all(&text)
        .context("the table cannot be written")
}
