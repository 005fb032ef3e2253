//! `onshore alarm`.

use anyhow::Result;
use onshore_api::AlarmView;

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
        let path = format!("/v1/alarms?after={after}&limit={PAGE}");
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
                one.what.clone(),
                one.of.clone(),
                one.order
                    .as_ref()
                    .or(one.duty.as_ref())
                    .cloned()
                    .unwrap_or_default(),
                one.due.clone(),
                one.days_before.to_string(),
                one.leaf.to_string(),
            ]
        })
        .collect();
    let head = [
        "NUMBER", "RAISED", "WHAT", "OF", "BY", "DUE", "DAYS", "LEAF",
    ];
    output::table(&head, &rows);
    Ok(Exit::Done)
}
