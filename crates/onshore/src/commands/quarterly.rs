//! `onshore report quarterly`: how far each organisation is at the end of a quarter, and what changed since the one before.

use std::path::Path;

use anyhow::{Context, Result};
use http::Method;
use onshore_api::{AskQuarterly, FiledReportView, QuarterlyLineView, QuarterlyView};
use onshore_orders::Language;

use crate::cli::{QuarterlyArgs, StatusFormat, TargetArgs};
use crate::commands::status::{format_of, hand_out, hand_out_filed, in_json, named};
use crate::exit::Exit;
use crate::output;
use crate::pdf::{Cell, Document};
use crate::target;

/// How wide the columns of a PDF are, in points, and how large its letters.
const WIDTHS: [f32; 10] = [110.0, 140.0, 70.0, 70.0, 70.0, 70.0, 60.0, 60.0, 60.0, 60.0];
const SIZE: f32 = 8.0;

pub(crate) async fn run(target: &TargetArgs, args: &QuarterlyArgs) -> Result<Exit> {
    if let Some(proof) = &args.proof {
        return file(target, args, proof).await;
    }
    let mut path = format!("/v1/report/quarterly?quarter={}", args.quarter);
    for (name, value) in [
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
    let report: QuarterlyView = target::client(target)?.get(&path).await?;
    let paper = &args.paper;
    match format_of(target, paper) {
        StatusFormat::Json => hand_out(&in_json(&report)?, paper)?,
        StatusFormat::Csv => hand_out(&csv(&report)?, paper)?,
        StatusFormat::Table => hand_out(table(&report, target.lang).as_bytes(), paper)?,
        StatusFormat::Pdf => hand_out(&pdf(&report, target.lang), paper)?,
    }
    Ok(Exit::Done)
}

/// Has the report recorded, and writes it beside the proof of that.
async fn file(target: &TargetArgs, args: &QuarterlyArgs, proof: &Path) -> Result<Exit> {
    let asked = AskQuarterly {
        quarter: args.quarter.to_string(),
        known_at: args.known_at,
        order: args.order.as_ref().map(ToString::to_string),
        organisation: args.organisation.as_ref().map(ToString::to_string),
    };
    let filed: FiledReportView = target::client(target)?
        .send(Method::POST, "/v1/report/quarterly/filing", &asked)
        .await?;
    hand_out_filed(target, &filed, &args.paper, proof).await
}

fn heading(report: &QuarterlyView, lang: Language) -> (String, String) {
    let QuarterlyView {
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

fn row(line: &QuarterlyLineView, lang: Language) -> Vec<String> {
    let all = match lang {
        Language::En => "all of them",
        Language::Zh => "合计",
    };
    let organisation = match &line.organisation {
        Some(id) => named(id, line.name.as_ref()),
        None => all.to_owned(),
    };
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

fn table(report: &QuarterlyView, lang: Language) -> String {
    let (title, known) = heading(report, lang);
    let rows: Vec<Vec<String>> = report.lines.iter().map(|line| row(line, lang)).collect();
    format!(
        "{title}\n{known}\n\n{}",
        output::tabled(&columns(lang), &rows)
    )
}

fn pdf(report: &QuarterlyView, lang: Language) -> Vec<u8> {
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

fn csv(report: &QuarterlyView) -> Result<Vec<u8>> {
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
        "name",
    ])?;
    for line in &report.lines {
        let mut row = vec![report.quarter.clone(), report.as_of.clone()];
        let mut told = self::row(line, Language::En);
        if let Some(organisation) = told.get_mut(1) {
            *organisation = line.organisation.clone().unwrap_or_default();
        }
        row.extend(told);
        row.extend([report.known_at.to_string(), report.tree_size.to_string()]);
        row.push(line.name.clone().unwrap_or_default());
        writer.write_record(row)?;
    }
    writer.into_inner().context("the table cannot be written")
}
