//! `onshore subject`: where somebody is told of, for a request to know or to erase.

use std::io::Read;

use anyhow::{Context, Result};
use http::Method;
use onshore_api::{FindSubject, Recorded, SetSubjectFinding, SubjectView};

use crate::cli::{SubjectCommand, TargetArgs};
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: SubjectCommand) -> Result<Exit> {
    let client = target::client(target)?;
    let (tenant, on) = match command {
        SubjectCommand::Find { tenant, identifier } => {
            let identifier = match identifier {
                Some(identifier) => identifier,
                None => read_input()?,
            };
            let path = format!("/v1/tenants/{tenant}/subjects");
            let found: SubjectView = client
                .send(Method::POST, &path, &FindSubject { identifier })
                .await?;
            match target.style() {
                Style::Json => output::json(&found)?,
                Style::Text => show(&found),
            }
            return Ok(Exit::Done);
        }
        SubjectCommand::Allow { tenant } => (tenant, true),
        SubjectCommand::Forbid { tenant } => (tenant, false),
    };
    let path = format!("/v1/tenants/{tenant}/subject-finding");
    let recorded: Recorded = client
        .send(Method::PUT, &path, &SetSubjectFinding { on })
        .await?;
    match target.style() {
        Style::Json => output::json(&recorded)?,
        Style::Text => output::line(&format!(
            "Persons of tenant {tenant} {} be looked for (leaf {}).",
            if on { "may" } else { "may not" },
            recorded.leaf
        )),
    }
    Ok(Exit::Done)
}

/// Reads the identifier where others do not see it, as they do in the arguments of a command.
fn read_input() -> Result<String> {
    let mut identifier = String::new();
    std::io::stdin()
        .read_to_string(&mut identifier)
        .context("cannot read the identifier from standard input")?;
    Ok(identifier.trim().to_owned())
}

fn show(found: &SubjectView) {
    let rows: Vec<_> = found
        .versions
        .iter()
        .map(|told| {
            vec![
                told.bucket.to_string(),
                told.version.to_string(),
                told.key.to_string(),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output::table(&["BUCKET", "VERSION", "KEY"], &rows);
        output::line("");
    }
    output::line(&format!(
        "{} versions tell of that person (leaf {}). To erase one: onshore erase.",
        rows.len(),
        found.leaf
    ));
}
