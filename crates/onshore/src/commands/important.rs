//! `onshore important`: what an authority told a tenant, which makes the data that it stands in important.

use anyhow::Result;
use http::Method;
use onshore_api::{Recorded, TakenBackView, TellImportant};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::cli::{ImportantCommand, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: ImportantCommand) -> Result<Exit> {
    let client = target::client(target)?;
    let path = |tenant: &onshore_types::TenantName, id: &str| {
        let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
        format!("/v1/tenants/{tenant}/important/{id}")
    };
    match command {
        ImportantCommand::Tell {
            tenant,
            id,
            word,
            level,
            category,
            ground,
            authority,
        } => {
            let told = TellImportant {
                word,
                level,
                category,
                ground,
                authority,
            };
            let path = path(&tenant, &id);
            let recorded: Recorded = client.send(Method::PUT, &path, &told).await?;
            let done = "What is stored is looked through for it";
            match target.style() {
                Style::Json => output::json(&recorded)?,
                Style::Text => output::line(&format!("{done} (leaf {}).", recorded.leaf)),
            }
        }
        ImportantCommand::TakeBack { tenant, id } => {
            let taken: TakenBackView = client.delete(&path(&tenant, &id)).await?;
            let done = match taken.state.as_str() {
                "proposed" => {
                    "It is taken back once somebody else takes it back too, within a day; until then data is looked through for it"
                }
                _ => "What it made important stays so; new data is no longer looked through for it",
            };
            match target.style() {
                Style::Json => output::json(&taken)?,
                Style::Text => output::line(&format!("{done} (leaf {}).", taken.leaf)),
            }
        }
    }
    Ok(Exit::Done)
}
