//! `onshore dora`: tables of the register of information in a folder, and in the register of a server. To check and pack them no server
//! is asked.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use http::Method;
use onshore_api::{FaultView, InformationView, TabulatedView, TakeInformation};
use onshore_dora::{Fault, Filing, Register, package};
use onshore_orders::Id;
use onshore_types::Timestamp;
use serde_json::json;

use crate::cli::{DoraCommand, TargetArgs};
use crate::clock;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

/// The longest table.
const TABLE_BYTES_MAX: u64 = 256 << 20;

pub(crate) async fn run(target: &TargetArgs, command: &DoraCommand) -> Result<Exit> {
    let style = target.style();
    match command {
        DoraCommand::Import {
            folder,
            organisation,
        } => import(target, folder, organisation).await,
        DoraCommand::Export {
            folder,
            organisation,
            known_at,
        } => export(target, folder, organisation, *known_at).await,
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

async fn import(target: &TargetArgs, folder: &Path, organisation: &Id) -> Result<Exit> {
    let files = tables(folder)?;
    let faults = match Register::read(&files) {
        Ok(register) => register.check(),
        Err(faults) => faults,
    };
    if !faults.is_empty() {
        return tell(target.style(), &faults);
    }
    let tables = files.into_iter().map(|(name, text)| {
        let text = String::from_utf8(text).map_err(|_| usage(format!("{name} is not UTF-8")))?;
        Ok((name, text))
    });
    let asked = TakeInformation {
        tables: tables.collect::<Result<_>>()?,
    };
    let path = format!("/v1/information/{organisation}");
    let client = target::client(target)?;
    let taken: InformationView = client.send(Method::PUT, &path, &asked).await?;
    if target.style() == Style::Json {
        output::json(&taken)?;
        return Ok(Exit::Done);
    }
    for (what, names) in [
        ("contracts added", &taken.added),
        ("contracts amended", &taken.amended),
        ("organisations and providers added", &taken.parties),
        (
            "without entity, provider or day in B_02.02, and so no contract",
            &taken.without_terms,
        ),
    ] {
        if !names.is_empty() {
            output::line(&format!("{what}: {}", names.join(", ")));
        }
    }
    output::line(&format!("revision  {}", taken.revision));
    output::line(&format!("leaf      {}", taken.leaf));
    Ok(Exit::Done)
}

async fn export(
    target: &TargetArgs,
    folder: &Path,
    organisation: &Id,
    known_at: Option<Timestamp>,
) -> Result<Exit> {
    let client = target::client(target)?;
    // Ids and instants have nothing that a query would have to escape.
    let known_at = known_at.map(|at| format!("?known_at={at}"));
    let path = format!(
        "/v1/information/{organisation}{}",
        known_at.unwrap_or_default()
    );
    let told: TabulatedView = client.get(&path).await?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for (name, text) in &told.tables {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if target.style() == Style::Json {
        output::json(&json!({
            "revision": told.revision,
            "recorded": told.recorded,
            "added": told.added,
            "faults": told.faults,
        }))?;
        return Ok(Exit::Done);
    }
    match (told.revision, told.recorded) {
        (Some(revision), Some(recorded)) => {
            output::line(&format!("revision  {revision}, recorded {recorded}"));
        }
        _ => output::line("no tables were taken in: these are made of the records"),
    }
    if !told.added.is_empty() {
        let added = told.added.join(", ");
        output::line(&format!(
            "contracts whose rows are made of their records: {added}"
        ));
    }
    for fault in told.faults {
        output::line(&words(fault).to_string());
    }
    Ok(Exit::Done)
}

fn words(fault: FaultView) -> Fault {
    Fault {
        template: fault.template,
        row: usize::try_from(fault.row).unwrap_or(usize::MAX),
        column: fault.column,
        what: fault.what,
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
