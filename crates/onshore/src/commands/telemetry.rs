//! `onshore telemetry`. Signing needs no server: the key is the operator's and stays where he keeps it.

use std::path::Path;

use anyhow::{Context, Result, bail};
use onshore_api::TelemetryView;
use onshore_upkeep::{CATALOGUE, TelemetryList};
use serde_json::json;

use super::update::{make_key, read_text, signer};
use crate::cli::{TargetArgs, TelemetryCommand};
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: TelemetryCommand) -> Result<Exit> {
    match command {
        TelemetryCommand::Key { name, out } => make_key(target.style(), &name, &out),
        TelemetryCommand::Catalogue => catalogue(target.style()),
        TelemetryCommand::Sign { list, key, out } => sign(target.style(), &list, &key, &out),
        TelemetryCommand::Preview => preview(target).await,
    }
}

fn catalogue(style: Style) -> Result<Exit> {
    for metric in CATALOGUE {
        let labels: Vec<&str> = metric.labels.iter().map(|label| label.name).collect();
        let (name, kind, unit) = (metric.name, metric.kind.word(), metric.unit);
        match style {
            Style::Json => output::line(
                &json!({ "metric": name, "type": kind, "unit": unit, "labels": labels })
                    .to_string(),
            ),
            Style::Text => {
                output::line(
                    format!("metric {name} {kind} {unit} {}", labels.join(",")).trim_end(),
                );
            }
        }
    }
    Ok(Exit::Done)
}

fn sign(style: Style, list: &Path, key: &Path, out: &Path) -> Result<Exit> {
    let text = read_text(list)?;
    let parsed = TelemetryList::parse(&text)
        .map_err(|error| usage(format!("{}: {error}", list.display())))?;
    let signer = signer(key)?;
    let note = signer
        .sign(&text)
        .map_err(|error| usage(format!("{}: {error}", list.display())))?;
    std::fs::write(out, note).with_context(|| format!("cannot write {}", out.display()))?;
    match style {
        Style::Json => output::json(&json!({
            "until": parsed.until,
            "signed_by": signer.verifier().to_string(),
        }))?,
        Style::Text => output::line(&format!(
            "{} may be sent until {}, on the word of {}.",
            out.display(),
            parsed.until,
            signer.name()
        )),
    }
    Ok(Exit::Done)
}

/// Prints the document and nothing else, byte for byte.
async fn preview(target: &TargetArgs) -> Result<Exit> {
    let said: TelemetryView = target::client(target)?.get("/v1/telemetry/preview").await?;
    if let Some(document) = said.document {
        output::line(&document);
        return Ok(Exit::Done);
    }
    match said.withheld {
        Some(why) => bail!("nothing is sent: {why}"),
        None => bail!("nothing is sent: no receiver is configured in [telemetry]"),
    }
}
