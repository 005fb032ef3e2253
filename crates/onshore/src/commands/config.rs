//! `onshore config`.

use anyhow::Result;
use serde_json::json;

use crate::cli::{ConfigCommand, TargetArgs};
use crate::config::Config;
use crate::exit::{Exit, usage};
use crate::listen;
use crate::output::{self, Style};

pub(crate) fn run(target: &TargetArgs, command: &ConfigCommand) -> Result<Exit> {
    let ConfigCommand::Check { file, config } = command;
    let file = file
        .as_ref()
        .or(config.as_ref())
        .ok_or_else(|| usage("name the configuration file: onshore config check FILE"))?;
    let config = Config::load(Some(file))?;
    listen::transport(config.tls.as_ref())?;
    let epoch = config.epoch().configuration;
    match target.style() {
        Style::Json => output::json(
            &json!({ "valid": true, "warnings": config.warnings, "configuration": epoch }),
        )?,
        Style::Text => {
            let region = &config.region;
            output::line(&format!("{} is right.", file.display()));
            output::line(&format!(
                "Region {} is governed by {}, in partition {}.",
                region.id, region.jurisdiction, region.partition
            ));
            if let Some(networks) = epoch.get("networks").and_then(serde_json::Value::as_object) {
                for (network, place) in networks {
                    output::line(&format!(
                        "Addresses in {network} are in {}.",
                        place.as_str().unwrap_or_default()
                    ));
                }
            }
            if let Some(database) = epoch.get("country_database").filter(|told| !told.is_null()) {
                output::line(&format!(
                    "Addresses are also where {} says (sha256 {}); the more foreign counts.",
                    database["kind"].as_str().unwrap_or_default(),
                    database["sha256"].as_str().unwrap_or_default()
                ));
            }
            output::line("Every other address counts as abroad.");
            for warning in &config.warnings {
                output::line(&format!("Warning: {warning}."));
            }
        }
    }
    Ok(Exit::Done)
}
