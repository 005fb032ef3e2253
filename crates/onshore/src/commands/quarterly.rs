//! `onshore report quarterly`: how far each organisation is at the end of a quarter, and what changed since the one before. SASAC's
//! Document 79 has state-owned enterprises report each quarter; its own form was not published.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use onshore_api::{ContractStatusView, OrderStatusView, StatusReportView};
use onshore_orders::{Day, Language, Quarter};
use serde::Serialize;

use crate::cli::{QuarterlyArgs, StatusFormat, TargetArgs};
use crate::commands::status::{format_of, hand_out, in_json};
use crate::exit::Exit;
use crate::output;
use crate::pdf::{Cell, Document};
use crate::target;

/// How wide the columns of a PDF are, in points, and how large its letters.
const WIDTHS: [f32; 10] = [110.0, 140.0, 70.0, 70.0, 70.0, 70.0, 60.0, 60.0, 60.0, 60.0];
const SIZE: f32 = 8.0;

/// The report of a quarter.
#[derive(Debug, Serialize)]
struct QuarterlyReport {
    quarter: String,
    as_of: Day,
    before: Day,
    known_at: String,
    tree_size: u64,
    lines: Vec<Line>,
}

/// How far an organisation is with an order; of all of them together where none is named.
#[derive(Debug, Default, Clone, Serialize)]
struct Line {
    order: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    contracts: u64,
    proven: u64,
    proven_before: u64,
    under_way: u64,
    late: u64,
    exempt: u64,
    breached: u64,
    due_next_quarter: u64,
}

pub(crate) async fn run(target: &TargetArgs, args: &QuarterlyArgs) -> Result<Exit> {
    let quarter = args.quarter;
    let mut more = args
        .order
        .as_ref()
        .map(|order| format!("&order={order}"))
        .unwrap_or_default();
    let client = target::client(target)?;
    let path = |day: Day, more: &str| format!("/v1/report/status?as_of={day}{more}");
    if let Some(at) = args.known_at {
        more.push_str(&format!("&known_at={at}"));
    }
    let now: StatusReportView = client.get(&path(quarter.last(), &more)).await?;
    // Both are made of what was known at one instant.
    if args.known_at.is_none() {
        more.push_str(&format!("&known_at={}", now.known_at));
    }
    let before: StatusReportView = client.get(&path(quarter.day_before(), &more)).await?;
    let report = QuarterlyReport {
        quarter: quarter.to_string(),
        as_of: quarter.last(),
        before: quarter.day_before(),
        known_at: now.known_at.to_string(),
        tree_size: now.tree_size,
        lines: lines(&now, &before, quarter),
    };
    let paper = &args.paper;
    match format_of(target, paper) {
        StatusFormat::Json => hand_out(&in_json(&report)?, paper)?,
        StatusFormat::Csv => hand_out(&csv(&report)?, paper)?,
        StatusFormat::Table => hand_out(table(&report, paper.lang).as_bytes(), paper)?,
        StatusFormat::Pdf => hand_out(&pdf(&report, paper.lang), paper)?,
    }
    Ok(Exit::Done)
}

fn lines(now: &StatusReportView, before: &StatusReportView, quarter: Quarter) -> Vec<Line> {
    let proven = |report: &StatusReportView| -> BTreeMap<(String, String), u64> {
        let orders = report.orders.iter();
        let each = orders.flat_map(|order| {
            let organisations = order.organisations.iter().flatten();
            organisations.map(|one| {
                let key = (order.order.clone(), one.organisation.clone());
                (
                    key,
                    count(&one.contracts, |contract| is(contract, "proven")),
                )
            })
        });
        each.collect()
    };
    let earlier = proven(before);
    let mut lines = Vec::new();
    for order in &now.orders {
        let each: Vec<Line> = organisations(order, &earlier, quarter);
        let mut all = Line {
            order: order.order.clone(),
            // Of those who were bound then, whether or not they still are.
            proven_before: earlier
                .iter()
                .filter(|((of, _), _)| *of == order.order)
                .map(|(_, proven)| proven)
                .sum(),
            ..Line::default()
        };
        for one in &each {
            all.contracts += one.contracts;
            all.proven += one.proven;
            all.under_way += one.under_way;
            all.late += one.late;
            all.exempt += one.exempt;
            all.breached += one.breached;
            all.due_next_quarter += one.due_next_quarter;
        }
        lines.push(all);
        lines.extend(each);
    }
    lines
}

fn organisations(
    order: &OrderStatusView,
    earlier: &BTreeMap<(String, String), u64>,
    quarter: Quarter,
) -> Vec<Line> {
    let next = (
        quarter.last().to_string(),
        quarter.last_of_next().to_string(),
    );
    let organisations = order.organisations.iter().flatten();
    let lines = organisations.map(|one| {
        let contracts = &one.contracts;
        let key = (order.order.clone(), one.organisation.clone());
        let is_due = |contract: &ContractStatusView| {
            let is_open = !is(contract, "proven") && !is(contract, "exempt");
            // Days are written so that their order is that of their texts.
            let due = contract.due.as_ref();
            is_open && due.is_some_and(|due| *due > next.0 && *due <= next.1)
        };
        Line {
            proven_before: earlier.get(&key).copied().unwrap_or_default(),
            order: key.0,
            organisation: Some(key.1),
            contracts: count(contracts, |contract| contract.status.is_some()),
            proven: count(contracts, |contract| is(contract, "proven")),
            under_way: count(contracts, |contract| {
                is(contract, "planned") || is(contract, "moving") || is(contract, "moved")
            }),
            late: count(contracts, |contract| is(contract, "late")),
            exempt: count(contracts, |contract| is(contract, "exempt")),
            breached: count(contracts, |contract| !contract.breaches.is_empty()),
            due_next_quarter: count(contracts, is_due),
        }
    });
    lines.collect()
}

fn is(contract: &ContractStatusView, status: &str) -> bool {
    contract.status.as_deref() == Some(status)
}

fn count(contracts: &[ContractStatusView], is_so: impl Fn(&ContractStatusView) -> bool) -> u64 {
    contracts.iter().filter(|contract| is_so(contract)).count() as u64
}

fn heading(report: &QuarterlyReport, lang: Language) -> (String, String) {
    let QuarterlyReport {
        quarter,
        as_of,
        before,
        known_at,
        tree_size,
        ..
    } = report;
    match lang {
        Language::En => (
            format!("Quarterly report {quarter}"),
            format!(
                "As of {as_of}, compared with {before}; known at {known_at}, ledger of {tree_size} leaves."
            ),
        ),
        Language::Zh => (
            format!("{quarter} 季度报告"),
            format!(
                "截至 {as_of}，与 {before} 对比；截至 {known_at} 所知，账本共 {tree_size} 条。"
            ),
        ),
    }
}

fn columns(lang: Language) -> [&'static str; 10] {
    match lang {
        Language::En => [
            "ORDER",
            "ORGANISATION",
            "CONTRACTS",
            "PROVEN",
            "BEFORE",
            "UNDER WAY",
            "LATE",
            "EXEMPT",
            "BREACHES",
            "DUE NEXT",
        ],
        Language::Zh => [
            "命令",
            "单位",
            "合同",
            "已证实",
            "上季度",
            "进行中",
            "逾期",
            "豁免",
            "违规",
            "下季度到期",
        ],
    }
}

fn row(line: &Line, lang: Language) -> Vec<String> {
    let all = match lang {
        Language::En => "all of them",
        Language::Zh => "合计",
    };
    let organisation = line.organisation.as_deref().unwrap_or(all).to_owned();
    let numbers = [
        line.contracts,
        line.proven,
        line.proven_before,
        line.under_way,
        line.late,
        line.exempt,
        line.breached,
        line.due_next_quarter,
    ];
    [line.order.clone(), organisation]
        .into_iter()
        .chain(numbers.iter().map(u64::to_string))
        .collect()
}

fn table(report: &QuarterlyReport, lang: Language) -> String {
    let (title, known) = heading(report, lang);
    let rows: Vec<Vec<String>> = report.lines.iter().map(|line| row(line, lang)).collect();
    format!(
        "{title}\n{known}\n\n{}",
        output::tabled(&columns(lang), &rows)
    )
}

fn pdf(report: &QuarterlyReport, lang: Language) -> Vec<u8> {
    let (title, known) = heading(report, lang);
    let mut document = Document::new(&title);
    document.text(&known, SIZE, 0.0);
    document.skip(SIZE);
    let mut print = |row: &[&str]| {
        let cells: Vec<Cell<'_>> = row
            .iter()
            .zip(WIDTHS)
            .map(|(text, width)| Cell { text, width })
            .collect();
        document.row(&cells, SIZE);
    };
    print(&columns(lang));
    for line in &report.lines {
        let row = row(line, lang);
        let row: Vec<&str> = row.iter().map(String::as_str).collect();
        print(&row);
    }
    document.finish()
}

fn csv(report: &QuarterlyReport) -> Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "quarter",
        "as_of",
        "order",
        "organisation",
        "contracts",
        "proven",
        "proven_before",
        "under_way",
        "late",
        "exempt",
        "breached",
        "due_next_quarter",
        "known_at",
        "tree_size",
    ])?;
    for line in &report.lines {
        let mut row = vec![report.quarter.clone(), report.as_of.to_string()];
        let mut told = self::row(line, Language::En);
        if let (None, Some(organisation)) = (&line.organisation, told.get_mut(1)) {
            organisation.clear();
        }
        row.extend(told);
        row.extend([report.known_at.clone(), report.tree_size.to_string()]);
        writer.write_record(row)?;
    }
    writer.into_inner().context("the table cannot be written")
}
