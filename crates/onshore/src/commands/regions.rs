//! `onshore report regions`: whether whoever runs a region may.

use anyhow::Result;
use onshore_api::RegionStatusView;

use crate::cli::{RegionsArgs, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, args: &RegionsArgs) -> Result<Exit> {
    let mut asked = Vec::new();
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
                if one.open { "open" } else { "shut" }.to_owned(),
                one.operator.clone().unwrap_or_default(),
                one.licence.clone().unwrap_or_default(),
                one.lapses.clone().unwrap_or_default(),
                one.technology_providers.join(" "),
                one.why.clone(),
            ]
        })
        .collect();
    let head = [
        "REGION",
        "AS OF",
        "TENANTS",
        "OPERATOR",
        "LICENCE",
        "LAPSES",
        "TECHNOLOGY",
        "WHY",
    ];
    output::table(&head, &rows);
    Ok(Exit::Done)
}
