//! `onshore decommission`.

use std::path::Path;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use onshore_api::{DecommissionView, FileStatement, JobView, ProposeDecommission};
use onshore_sources::{Credentials, TreeProtocol, resolve_credentials, resolve_tree_credentials};

use crate::cli::{DecommissionCommand, TargetArgs};
use crate::client::Client;
use crate::commands::{deliver, migrate};
use crate::exit::{Exit, usage};
use crate::output::{self, Style, bytes};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: DecommissionCommand) -> Result<Exit> {
    let (client, style) = (target::client(target)?, target.style());
    match command {
        DecommissionCommand::Propose { of, profile } => {
            let job: JobView = client.get(&format!("/v1/jobs/{of}")).await?;
            let found = credentials(&job.source, profile.as_deref()).await?;
            let credentials = found.as_ref().map(migrate::sealable);
            let asked = ProposeDecommission {
                job: of,
                credentials,
            };
            let made: DecommissionView = client
                .send(Method::POST, "/v1/decommissions", &asked)
                .await?;
            show(style, &made)?;
        }
        DecommissionCommand::Approve { id } => {
            let path = format!("/v1/decommissions/{id}/approval");
            show(style, &client.send(Method::POST, &path, &()).await?)?;
        }
        DecommissionCommand::List => list(&client, style).await?,
        DecommissionCommand::Show { id } => {
            let found: DecommissionView = client.get(&format!("/v1/decommissions/{id}")).await?;
            show(style, &found)?;
            return Ok(match found.job.state.as_str() {
                "incomplete" | "failed" => Exit::Failed,
                _ => Exit::Done,
            });
        }
        DecommissionCommand::Statement { id, file, out } => {
            let path = format!("/v1/decommissions/{id}/statement");
            match file {
                None => deliver(&client.get_bytes(&path).await?, out.as_deref())?,
                Some(file) => {
                    let asked = statement(&file)?;
                    show(style, &client.send(Method::PUT, &path, &asked).await?)?;
                }
            }
        }
    }
    Ok(Exit::Done)
}

/// Returns what opens a source, from the variables of what it is read by.
async fn credentials(source: &str, profile: Option<&str>) -> Result<Option<Credentials>> {
    let scheme = source.split_once("://").map(|(scheme, _)| scheme);
    let found = match scheme.and_then(TreeProtocol::of_scheme) {
        Some(protocol) => resolve_tree_credentials(protocol),
        None => resolve_credentials(profile, None)
            .await
            .map(|resolved| resolved.credentials),
    };
    found.map_err(|error| usage(error.to_string()))
}

fn statement(file: &Path) -> Result<FileStatement> {
    let content = std::fs::read(file)
        .map_err(|error| usage(format!("cannot read {}: {error}", file.display())))?;
    let name = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(FileStatement {
        name,
        content: STANDARD.encode(content),
    })
}

async fn list(client: &Client, style: Style) -> Result<()> {
    let found: Vec<DecommissionView> = client.get("/v1/decommissions").await?;
    if style == Style::Json {
        return output::json(&found);
    }
    let rows: Vec<_> = found
        .iter()
        .map(|one| {
            vec![
                one.job.id.to_string(),
                state(one),
                one.job.source.clone(),
                one.of.to_string(),
                one.statement
                    .as_ref()
                    .map_or_else(|| "-".to_owned(), |statement| statement.filed.to_string()),
            ]
        })
        .collect();
    output::table(&["ID", "STATE", "SOURCE", "OF", "STATEMENT"], &rows);
    Ok(())
}

/// A job that was never approved is not one that somebody paused.
fn state(view: &DecommissionView) -> String {
    match (&view.approved, view.job.is_ended()) {
        (None, false) => "proposed".to_owned(),
        _ => view.job.state.clone(),
    }
}

fn show(style: Style, view: &DecommissionView) -> Result<()> {
    if style == Style::Json {
        return output::json(view);
    }
    output::line(&format!("decommission  {}", view.job.id));
    output::line(&format!("state         {}", state(view)));
    output::line(&format!("source        {}", view.job.source));
    output::line(&format!(
        "of            {}, whose certificate is complete",
        view.of
    ));
    output::line(&format!(
        "proposed      {} at {}",
        view.proposed.person, view.proposed.at
    ));
    match &view.approved {
        Some(approved) => output::line(&format!(
            "approved      {} at {}",
            approved.person, approved.at
        )),
        None if !view.job.is_ended() => output::line(&format!(
            "              nothing is deleted until another person approves: onshore decommission approve {}",
            view.job.id
        )),
        None => {}
    }
    if let Some(report) = &view.report {
        let number = |name: &str| {
            report
                .get(name)
                .and_then(serde_json::Value::as_u64)
                .unwrap_or_default()
        };
        output::line(&format!(
            "deleted       {} ({}), {} were gone before",
            number("deleted"),
            bytes(number("deleted_bytes")),
            number("gone_before")
        ));
        output::line(&format!("left          {} at the source", number("left")));
        for kept in report
            .get("kept")
            .and_then(|kept| kept.as_array())
            .into_iter()
            .flatten()
        {
            let text = |name: &str| {
                kept.get(name)
                    .and_then(|value| value.as_str())
                    .unwrap_or_default()
            };
            output::line(&format!(
                "kept          {} ({}): {}",
                text("key").escape_debug(),
                text("reason"),
                text("detail")
            ));
        }
        for key in report
            .get("left_keys")
            .and_then(|keys| keys.as_array())
            .into_iter()
            .flatten()
        {
            output::line(&format!(
                "              left: {}",
                key.as_str().unwrap_or_default().escape_debug()
            ));
        }
    }
    if let Some(detail) = &view.job.detail {
        output::line(&format!("              {detail}"));
    }
    if let Some(statement) = &view.statement {
        output::line(&format!(
            "statement     {} filed {}, SHA-256 {}",
            statement.name, statement.filed, statement.sha256
        ));
    }
    Ok(())
}
