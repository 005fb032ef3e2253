//! `onshore report status`: where everybody stands with the orders, as a table, CSV, JSON or PDF, in English or Chinese.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use http::Method;
use onshore_api::{
    AskStatus, ContractStatusView, FiledReportView, OrderStatusView, OrganisationStatusView,
    StatusReportView,
};
use onshore_orders::{Language, Status};

use crate::cli::{PaperArgs, StatusArgs, StatusFormat, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::pdf::{Cell, Document};
use crate::target;

/// How wide the columns of a PDF are, in points.
const WIDTHS: [f32; 8] = [120.0, 120.0, 100.0, 76.0, 76.0, 60.0, 140.0, 70.0];
/// How large its letters are.
const SIZE: f32 = 8.0;

pub(crate) async fn run(target: &TargetArgs, args: &StatusArgs) -> Result<Exit> {
    if let Some(proof) = &args.proof {
        return file(target, args, proof).await;
    }
    // Ids, days and instants have nothing that a query would have to escape.
    let mut path = format!(
        "/v1/report/status?summary={}&lang={}",
        args.summary, target.lang
    );
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
    let paper = &args.paper;
    match format_of(target, paper) {
        StatusFormat::Json => hand_out(&in_json(&report)?, paper)?,
        StatusFormat::Csv => hand_out(&csv(&report)?, paper)?,
        StatusFormat::Table => {
            hand_out(table(&report, args.why, target.lang).as_bytes(), paper)?;
        }
        StatusFormat::Pdf => hand_out(&pdf(&report, args.why, target.lang), paper)?,
    }
    Ok(Exit::Done)
}

/// Has the report recorded, and writes it beside the proof of that.
async fn file(target: &TargetArgs, args: &StatusArgs, proof: &Path) -> Result<Exit> {
    let asked = AskStatus {
        as_of: args.as_of.map(String::from),
        known_at: args.known_at,
        order: args.order.as_ref().map(ToString::to_string),
        organisation: args.organisation.as_ref().map(ToString::to_string),
        summary: args.summary,
        lang: Some(target.lang.to_string()),
    };
    let filed: FiledReportView = target::client(target)?
        .send(Method::POST, "/v1/report/status/filing", &asked)
        .await?;
    hand_out_filed(target, &filed, &args.paper, proof).await
}

/// Writes a report that was recorded beside the proof of that.
pub(crate) async fn hand_out_filed(
    target: &TargetArgs,
    filed: &FiledReportView,
    paper: &PaperArgs,
    proof: &Path,
) -> Result<Exit> {
    let bundle = target::client(target)?
        .get_bytes(&format!("/v1/ledger/proofs/{}", filed.leaf))
        .await?;
    hand_out(filed.report.as_bytes(), paper)?;
    std::fs::write(proof, bundle).with_context(|| format!("cannot write {}", proof.display()))?;
    match target.style() {
        Style::Json => output::json(&serde_json::json!({ "leaf": filed.leaf }))?,
        Style::Text => output::line(&format!("leaf  {}", filed.leaf)),
    }
    Ok(Exit::Done)
}

/// Returns the form that is asked for.
pub(crate) fn format_of(target: &TargetArgs, paper: &PaperArgs) -> StatusFormat {
    paper.format.unwrap_or(match target.style() {
        Style::Json => StatusFormat::Json,
        Style::Text => StatusFormat::Table,
    })
}

/// Writes a report into the file that is asked for, or prints it.
pub(crate) fn hand_out(report: &[u8], paper: &PaperArgs) -> Result<()> {
    match &paper.out {
        Some(path) => {
            std::fs::write(path, report).with_context(|| format!("cannot write {}", path.display()))
        }
        None => std::io::stdout()
            .lock()
            .write_all(report)
            .context("the report cannot be written"),
    }
}

/// Writes a value as JSON for programs.
pub(crate) fn in_json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

/// Returns the word for a status that the server names.
pub(crate) fn status_word(word: &str, lang: Language) -> String {
    let status = Status::ALL.into_iter().find(|status| status.word() == word);
    status
        .map_or(word, |status| status.word_in(lang))
        .to_owned()
}

fn known(report: &StatusReportView, lang: Language) -> String {
    let (at, size) = (report.known_at, report.tree_size);
    match lang {
        Language::En => format!("Known at {at}, ledger of {size} leaves."),
        Language::Zh => format!("截至 {at} 所知，账本共 {size} 条。"),
    }
}

fn headline(order: &OrderStatusView, lang: Language) -> String {
    let counts: Vec<String> = order
        .contracts
        .iter()
        .map(|(status, number)| format!("{number} {}", status_word(status, lang)))
        .collect();
    let OrderStatusView {
        order,
        as_of,
        bound,
        breached,
        corrected,
        taken_out,
        ..
    } = order;
    let counts = match (counts.is_empty(), lang) {
        (true, Language::En) => "none".to_owned(),
        (true, Language::Zh) => "无".to_owned(),
        (false, _) => counts.join(", "),
    };
    // What nobody did needs no words.
    let away = match (corrected + taken_out > 0, lang) {
        (false, _) => String::new(),
        (true, Language::En) => format!(
            "; bound or in breach until corrected: {corrected} contracts; taken out unproven: {taken_out} assets"
        ),
        (true, Language::Zh) => {
            format!(
                "；更正后不再受约束或违规的合同 {corrected} 份；未证实即移出的资产 {taken_out} 项"
            )
        }
    };
    match lang {
        Language::En => format!(
            "{order} as of {as_of}: {bound} organisations bound; {breached} contracts signed while frozen; contracts: {counts}{away}"
        ),
        Language::Zh => format!(
            "{order}，截至 {as_of}：约束单位 {bound} 家；冻结期内签订的合同 {breached} 份；合同：{counts}{away}"
        ),
    }
}

fn columns(lang: Language) -> [&'static str; 8] {
    match lang {
        Language::En => [
            "ORGANISATION",
            "CONTRACT",
            "PROVIDER",
            "STATUS",
            "DUE",
            "FROZEN",
            "BREACH",
            "PROVEN",
        ],
        Language::Zh => [
            "单位",
            "合同",
            "服务商",
            "状态",
            "期限",
            "冻结",
            "违规",
            "已证实",
        ],
    }
}

fn table(report: &StatusReportView, with_why: bool, lang: Language) -> String {
    let mut text = known(report, lang);
    for order in &report.orders {
        text.push_str(&format!("\n\n{}", headline(order, lang)));
        let rows: Vec<Vec<String>> = lines(order.organisations.as_ref())
            .map(|(organisation, contract)| row(organisation, contract, with_why, lang))
            .collect();
        if !rows.is_empty() {
            let mut head = columns(lang).to_vec();
            if with_why {
                head.push(match lang {
                    Language::En => "WHY",
                    Language::Zh => "理由",
                });
            }
            text.push('\n');
            text.push_str(output::tabled(&head, &rows).trim_end());
        }
    }
    text.push('\n');
    text
}

fn pdf(report: &StatusReportView, with_why: bool, lang: Language) -> Vec<u8> {
    let title = match lang {
        Language::En => "Status of orders",
        Language::Zh => "命令执行情况报告",
    };
    let mut document = Document::new(title);
    document.text(&known(report, lang), SIZE, 0.0);
    for order in &report.orders {
        document.skip(SIZE);
        document.text(&headline(order, lang), SIZE + 1.0, 0.0);
        let print = |document: &mut Document, row: &[&str]| {
            let cells: Vec<Cell<'_>> = row
                .iter()
                .zip(WIDTHS)
                .map(|(text, width)| Cell { text, width })
                .collect();
            document.row(&cells, SIZE);
        };
        if order.organisations.is_some() {
            print(&mut document, &columns(lang));
        }
        for (organisation, contract) in lines(order.organisations.as_ref()) {
            let row = row(organisation, contract, false, lang);
            let row: Vec<&str> = row.iter().map(String::as_str).collect();
            print(&mut document, &row);
            if with_why {
                let why = contract.map_or(&organisation.why, |one| &one.why);
                document.text(why, SIZE - 1.0, 20.0);
            }
        }
    }
    document.finish()
}

fn row(
    organisation: &OrganisationStatusView,
    contract: Option<&ContractStatusView>,
    with_why: bool,
    lang: Language,
) -> Vec<String> {
    let bound = |bound: &Option<String>| match (bound.is_some(), lang) {
        (true, Language::En) => "bound".to_owned(),
        (false, Language::En) => "not bound".to_owned(),
        (true, Language::Zh) => "受约束".to_owned(),
        (false, Language::Zh) => "不受约束".to_owned(),
    };
    let yes = |is_so: bool| match (is_so, lang) {
        (true, Language::En) => "yes".to_owned(),
        (false, Language::En) => "no".to_owned(),
        (true, Language::Zh) => "是".to_owned(),
        (false, Language::Zh) => "否".to_owned(),
    };
    let of = match lang {
        Language::En => "of",
        Language::Zh => "/",
    };
    let mut row = match contract {
        Some(contract) => vec![
            named(&organisation.organisation, Some(&organisation.name)),
            contract.contract.clone(),
            contract.provider.clone(),
            contract.status.as_deref().map_or_else(
                || bound(&contract.bound_by),
                |status| status_word(status, lang),
            ) + &corrected(contract, lang),
            contract.due.clone().unwrap_or_default(),
            yes(contract.frozen),
            breaches(contract, ", "),
            match contract.taken_out {
                0 => format!("{} {of} {}", contract.proven, contract.assets),
                out => format!("{} {of} {} (-{out})", contract.proven, contract.assets),
            },
        ],
        None => vec![
            named(&organisation.organisation, Some(&organisation.name)),
            String::new(),
            String::new(),
            bound(&organisation.bound_by),
            String::new(),
            yes(!organisation.frozen.is_empty()),
            String::new(),
            String::new(),
        ],
    };
    if with_why {
        row.push(contract.map_or(&organisation.why, |one| &one.why).clone());
    }
    row
}

/// Returns what people call an organisation, and what it is called here.
pub(crate) fn named(id: &str, name: Option<&String>) -> String {
    match name {
        Some(name) if name != id => format!("{name} ({id})"),
        _ => id.to_owned(),
    }
}

/// That it was bound or in breach until something else was recorded.
fn corrected(contract: &ContractStatusView, lang: Language) -> String {
    match (&contract.corrected, lang) {
        (None, _) => String::new(),
        (Some(day), Language::En) => format!(", corrected {day}"),
        (Some(day), Language::Zh) => format!("，{day} 更正"),
    }
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

fn csv(report: &StatusReportView) -> Result<Vec<u8>> {
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
        "objects",
        "set_aside",
        "taken_out",
        "corrected",
        "why",
        "known_at",
        "tree_size",
        "name",
    ])?;
    for order in &report.orders {
        for (organisation, contract) in lines(order.organisations.as_ref()) {
            let known_at = report.known_at.to_string();
            let tree_size = report.tree_size.to_string();
            let frozen = organisation.frozen.join(" ");
            let signed = contract.map(|one| breaches(one, "; ")).unwrap_or_default();
            let numbers = contract.map(|one| {
                [
                    one.assets,
                    one.proven,
                    one.objects,
                    one.set_aside,
                    one.taken_out,
                ]
            });
            let [assets, proven, objects, set_aside, taken_out] =
                numbers.map_or_else(Default::default, |all| all.map(|number| number.to_string()));
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
                    &objects,
                    &set_aside,
                    &taken_out,
                    one.corrected.as_deref().unwrap_or_default(),
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
                    "",
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
            writer.write_record(head.iter().chain(&record).chain(&[
                known_at.as_str(),
                &tree_size,
                &organisation.name,
            ]))?;
        }
    }
    writer.into_inner().context("the table cannot be written")
}
