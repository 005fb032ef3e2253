//! `onshore report cases` and `onshore listing`.

use anyhow::Result;
use http::Method;
use onshore_api::{CaseView, CheckListing, ListingView};
use onshore_orders::Language;
use onshore_types::Timestamp;

use crate::cli::{ListingCommand, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn report(target: &TargetArgs, known_at: Option<Timestamp>) -> Result<Exit> {
    let lang = target.lang;
    let asked = known_at.map(|at| format!("&known_at={at}"));
    let path = format!("/v1/report/cases?lang={lang}{}", asked.unwrap_or_default());
    let all: Vec<CaseView> = target::client(target)?.get(&path).await?;
    if target.style() == Style::Json {
        output::json(&all)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|one| {
            vec![
                kind(&one.kind, lang).to_owned(),
                one.id.clone(),
                one.organisation.clone(),
                one.due.clone().unwrap_or_default(),
                match (one.late, lang) {
                    (true, Language::En) => "late",
                    (true, Language::Zh) => "逾期",
                    (false, _) => "",
                }
                .to_owned(),
                one.why.clone(),
            ]
        })
        .collect();
    let head = match lang {
        Language::En => ["KIND", "ID", "ORGANISATION", "DUE", "", "WHY"],
        Language::Zh => ["类型", "编号", "单位", "期限", "", "说明"],
    };
    output::table(&head, &rows);
    Ok(Exit::Done)
}

/// Returns the word for what a case is, which the server names.
fn kind(word: &str, lang: Language) -> &str {
    match (lang, word) {
        (Language::Zh, "duty") => "义务",
        (Language::Zh, "retention") => "保存期限",
        (Language::Zh, "tranche") => "移交批次",
        (Language::Zh, "review") => "上市审查",
        (Language::Zh, "incident") => "事件报告",
        (Language::Zh, "incident.summary") => "事件总结",
        (Language::Zh, "request") => "个人请求",
        (Language::Zh, "assessment") => "影响评估",
        (Language::Zh, "inventory") => "交付清单",
        (Language::En | Language::Zh, word) => word,
    }
}

pub(crate) async fn listing(target: &TargetArgs, command: ListingCommand) -> Result<Exit> {
    let ListingCommand::Check {
        organisation,
        place,
    } = command;
    let asked = CheckListing {
        organisation: organisation.to_string(),
        place: place.to_string(),
    };
    let client = target::client(target)?;
    let answer: ListingView = client
        .send(Method::POST, "/v1/listings/check", &asked)
        .await?;
    match target.style() {
        Style::Json => output::json(&answer)?,
        Style::Text => output::line(&match target.lang {
            Language::En => format!("Nothing keeps `{organisation}` from being listed in {place}."),
            Language::Zh => format!("没有任何事由妨碍“{organisation}”在 {place} 上市。"),
        }),
    }
    Ok(Exit::Done)
}
