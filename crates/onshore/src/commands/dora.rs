//! `onshore dora`: tables of the register of information in a folder; no server is asked.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use onshore_dora::{Fault, Filing, Register, package};
use serde_json::json;

use crate::cli::DoraCommand;
use crate::clock;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};

/// The longest table.
const TABLE_BYTES_MAX: u64 = 256 << 20;

pub(crate) fn run(style: Style, command: &DoraCommand) -> Result<Exit> {
    match command {
        DoraCommand::Templates { folder } => templates(folder),
        DoraCommand::Check { folder } => {
            let register = match Register::read(&tables(folder)?) {
                Ok(register) => register,
                Err(faults) => return tell(style, &faults),
            };
            tell(style, &register.check())
        }
        DoraCommand::Package(args) => {
            let register = match Register::read(&tables(&args.folder)?) {
                Ok(register) => register,
                Err(faults) => return tell(style, &faults),
            };
            let faults = register.check();
            let entity = match (faults.is_empty(), register.entity()) {
                (true, Some(entity)) => entity,
                _ => return tell(style, &faults),
            };
            let filing = Filing {
                entity,
                scope: args.scope,
                country: args.country.clone(),
                reference: args.reference,
                currency: args.currency.clone(),
                made: clock::today(),
            };
            let path = args.out.join(format!("{}.zip", filing.name()));
            std::fs::write(&path, package(&register, &filing))
                .with_context(|| format!("cannot write {}", path.display()))?;
            match style {
                Style::Json => output::json(&json!({ "package": path }))?,
                Style::Text => output::line(&path.display().to_string()),
            }
            Ok(Exit::Done)
        }
    }
}

fn templates(folder: &Path) -> Result<Exit> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, table) in Register::empty().written() {
        let path = folder.join(name);
        if !path.exists() {
            std::fs::write(&path, table)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(Exit::Done)
}

/// Reads the tables of a folder; what is no CSV in it is left.
fn tables(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let cannot =
        |error: std::io::Error| usage(format!("cannot read {}: {error}", folder.display()));
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.to_ascii_lowercase().ends_with(".csv") {
            continue;
        }
        let len = entry.metadata().map_err(cannot)?.len();
        if len > TABLE_BYTES_MAX {
            return Err(usage(format!("{name} is longer than 256 MiB")));
        }
        files.insert(name, std::fs::read(entry.path()).map_err(cannot)?);
    }
    Ok(files)
}

fn tell(style: Style, faults: &[Fault]) -> Result<Exit> {
    match style {
        Style::Json => output::json(&json!({ "faults": faults }))?,
        Style::Text => {
            for fault in faults {
                output::line(&fault.to_string());
            }
            output::line(&format!("{} faults", faults.len()));
        }
    }
    Ok(if faults.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}
