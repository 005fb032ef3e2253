//! `onshore report regions`: whether whoever runs a region may.

use anyhow::Result;
use onshore_api::RegionStatusView;
use onshore_orders::Language;

use crate::cli::{RegionsArgs, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, args: &RegionsArgs) -> Result<Exit> {
    let lang = target.lang;
    let mut asked = vec![format!("lang={lang}")];
    asked.extend(args.as_of.map(|day| format!("as_of={day}")));
    asked.extend(args.known_at.map(|at| format!("known_at={at}")));
    let path = format!("/v1/report/regions?{}", asked.join("&"));
    let all: Vec<RegionStatusView> = target::client(target)?.list(&path).await?;
    if target.style() == Style::Json {
        output::json(&all)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|one| {
            vec![
                one.region.clone(),
                one.as_of.clone(),
                match (one.open, lang) {
                    (true, Language::En) => "open",
                    (false, Language::En) => "shut",
                    (true, Language::Zh) => "开放",
                    (false, Language::Zh) => "停止",
                }
                .to_owned(),
                one.operator.clone().unwrap_or_default(),
                one.licence.clone().unwrap_or_default(),
                one.lapses.clone().unwrap_or_default(),
                one.technology_providers.join(" "),
                one.why.clone(),
            ]
        })
        .collect();
    let head = match lang {
        Language::En => [
            "REGION",
            "AS OF",
            "TENANTS",
            "OPERATOR",
            "LICENCE",
            "LAPSES",
            "TECHNOLOGY",
            "WHY",
        ],
        Language::Zh => [
            "区域",
            "截至",
            "新租户",
            "运营者",
            "许可证",
            "失效日",
            "技术提供方",
            "说明",
        ],
    };
    output::table(&head, &rows);
    Ok(Exit::Done)
}
