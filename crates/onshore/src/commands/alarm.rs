//! `onshore alarm`.

use anyhow::Result;
use onshore_api::AlarmView;
use onshore_orders::{AlarmKind, Language};

use crate::cli::{AlarmCommand, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

/// So many alarms are asked for at once.
const PAGE: usize = 1000;

pub(crate) async fn run(target: &TargetArgs, command: AlarmCommand) -> Result<Exit> {
    let AlarmCommand::List { mut after } = command;
    let client = target::client(target)?;
    let mut all: Vec<AlarmView> = Vec::new();
    loop {
        let path = format!("/v1/alarms?after={after}&limit={PAGE}&lang={}", target.lang);
        let page: Vec<AlarmView> = client.get(&path).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map_or(after, |one| one.number);
        all.extend(page);
        if is_last {
            break;
        }
    }
    if target.style() == Style::Json {
        output::json(&all)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|one| {
            vec![
                one.number.to_string(),
                one.raised.to_string(),
                what(&one.what, target.lang).to_owned(),
                one.of.clone(),
                one.order
                    .as_ref()
                    .or(one.duty.as_ref())
                    .or(one.tranche.as_ref())
                    .cloned()
                    .unwrap_or_default(),
                one.due.clone(),
                one.days_before.to_string(),
                one.leaf.to_string(),
                one.why.clone(),
            ]
        })
        .collect();
    let head = match target.lang {
        Language::En => [
            "NUMBER", "RAISED", "WHAT", "OF", "BY", "DUE", "DAYS", "LEAF", "WHY",
        ],
        Language::Zh => [
            "编号",
            "发出时间",
            "事由",
            "对象",
            "依据",
            "期限",
            "提前天数",
            "账本条目",
            "说明",
        ],
    };
    output::table(&head, &rows);
    Ok(Exit::Done)
}

/// Returns what people read of an alarm that the server names: the name in English, words in Chinese.
fn what(name: &str, lang: Language) -> &str {
    match (lang, name.parse::<AlarmKind>()) {
        (Language::Zh, Ok(kind)) => kind.words_in(lang),
        (Language::En | Language::Zh, _) => name,
    }
}
