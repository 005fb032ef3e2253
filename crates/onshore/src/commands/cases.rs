//! `onshore report cases` and `onshore listing`.

use anyhow::Result;
use http::Method;
use onshore_api::{CaseView, CheckListing, ListingView};
use onshore_types::Timestamp;

use crate::cli::{ListingCommand, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn report(target: &TargetArgs, known_at: Option<Timestamp>) -> Result<Exit> {
    let asked = known_at.map(|at| format!("?known_at={at}"));
    let path = format!("/v1/report/cases{}", asked.unwrap_or_default());
    let all: Vec<CaseView> = target::client(target)?.get(&path).await?;
    if target.style() == Style::Json {
        output::json(&all)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|one| {
            vec![
                one.kind.clone(),
                one.id.clone(),
                one.organisation.clone(),
                one.due.clone().unwrap_or_default(),
                if one.late { "late" } else { "" }.to_owned(),
                one.why.clone(),
            ]
        })
        .collect();
    output::table(&["KIND", "ID", "ORGANISATION", "DUE", "", "WHY"], &rows);
    Ok(Exit::Done)
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
        Style::Text => output::line(&format!(
            "Nothing keeps `{organisation}` from being listed in {place}."
        )),
    }
    Ok(Exit::Done)
}
