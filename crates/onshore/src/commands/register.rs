//! `onshore organisation`, `provider`, `order`, `contract`, `asset` and `procure`. A file is read and checked here first: what
//! is wrong with it is wrong usage.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use onshore_api::{
    AmendRecord, ApproveExemptions, ApproveReview, AssessmentReportView, CheckProcurement,
    FileDeletion, ImportedView, ProcurementView, ProveAsset, RecordView, SignTranche,
};
use onshore_orders::{Id, Language, Record, RecordKind, SINNET_2017, TIANJIN_2021, tables};
use serde_json::{Value, json};

use crate::cli::{
    AssessmentCommand, AssetCommand, ContractCommand, HandoverCommand, OrderCommand,
    OrganisationCommand, ProcureCommand, RecordCommand, ReviewCommand, TableCommand, TargetArgs,
    WhichRecordsArgs,
};
use crate::client::Client;
use crate::commands::update::read_text;
use crate::commands::{deliver, found};
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

/// So many records are asked for at once.
const PAGE: usize = 1000;

pub(crate) async fn organisation(
    target: &TargetArgs,
    command: OrganisationCommand,
) -> Result<Exit> {
    match command {
        OrganisationCommand::Of(command) => run(target, RecordKind::Organisation, command).await,
        OrganisationCommand::Table(command) => {
            import(target, RecordKind::Organisation, &command).await
        }
    }
}

pub(crate) async fn provider(target: &TargetArgs, command: RecordCommand) -> Result<Exit> {
    run(target, RecordKind::Provider, command).await
}

pub(crate) async fn order(target: &TargetArgs, command: OrderCommand) -> Result<Exit> {
    match command {
        OrderCommand::Of(command) => run(target, RecordKind::Order, command).await,
        OrderCommand::Approve { id, revision } => {
            let client = target::client(target)?;
            let revision = match revision {
                Some(revision) => revision,
                None => newest(&client, RecordKind::Order, &id).await?,
            };
            let path = format!("/v1/orders/{id}/exemptions/approval");
            let asked = ApproveExemptions { revision };
            show(
                target.style(),
                &client.send(Method::POST, &path, &asked).await?,
            )
        }
        OrderCommand::Example => {
            output::line(TIANJIN_2021.trim_end());
            Ok(Exit::Done)
        }
    }
}

pub(crate) async fn assessment(target: &TargetArgs, command: AssessmentCommand) -> Result<Exit> {
    match command {
        AssessmentCommand::Of(command) => run(target, RecordKind::Assessment, command).await,
        AssessmentCommand::File { id, report } => {
            let bytes = std::fs::read(&report)
                .map_err(|error| usage(format!("cannot read {}: {error}", report.display())))?;
            let path = format!("/v1/assessments/{id}/report");
            let client = target::client(target)?;
            let filed: AssessmentReportView = client.send_bytes(&path, bytes).await?;
            match target.style() {
                Style::Json => output::json(&filed)?,
                Style::Text => output::line(&format!(
                    "The report of `{id}` ({} bytes) is kept until {} at least, leaf {}.",
                    filed.bytes, filed.kept_until, filed.leaf
                )),
            }
            Ok(Exit::Done)
        }
        AssessmentCommand::Report { id, out } => {
            let path = format!("/v1/assessments/{id}/report");
            let report = target::client(target)?.get_bytes(&path).await?;
            deliver(&report, Some(&out)).map(|()| Exit::Done)
        }
    }
}

pub(crate) async fn review(target: &TargetArgs, command: ReviewCommand) -> Result<Exit> {
    match command {
        ReviewCommand::Of(command) => run(target, RecordKind::Review, command).await,
        ReviewCommand::Approve { id, revision } => {
            let client = target::client(target)?;
            let revision = match revision {
                Some(revision) => revision,
                None => newest(&client, RecordKind::Review, &id).await?,
            };
            let path = format!("/v1/reviews/{id}/approval");
            let asked = ApproveReview { revision };
            show(
                target.style(),
                &client.send(Method::POST, &path, &asked).await?,
            )
        }
    }
}

pub(crate) async fn contract(target: &TargetArgs, command: ContractCommand) -> Result<Exit> {
    match command {
        ContractCommand::Of(command) => run(target, RecordKind::Contract, command).await,
        ContractCommand::Table(command) => import(target, RecordKind::Contract, &command).await,
        ContractCommand::Sign { file } => {
            let (_, value) = read(RecordKind::Contract, &file)?;
            let client = target::client(target)?;
            let signed: RecordView = client
                .send(Method::POST, "/v1/contracts/signing", &value)
                .await?;
            show(target.style(), &signed)
        }
        ContractCommand::Close {
            id,
            statement,
            probe,
            negative_probe,
            set_aside,
        } => {
            let bytes = std::fs::read(&statement)
                .map_err(|error| usage(format!("cannot read {}: {error}", statement.display())))?;
            let asked = FileDeletion {
                statement: STANDARD.encode(&bytes),
                probes: probe,
                negative_probe: negative_probe.map(String::from),
                set_aside,
            };
            let path = format!("/v1/contracts/{id}/deletion");
            let client = target::client(target)?;
            show(
                target.style(),
                &client.send(Method::POST, &path, &asked).await?,
            )
        }
        ContractCommand::Statement { id, out, sha256 } => {
            let of = sha256.map_or_else(String::new, |sha256| format!("?sha256={sha256}"));
            let path = format!("/v1/contracts/{id}/deletion{of}");
            let statement = target::client(target)?.get_bytes(&path).await?;
            deliver(&statement, Some(&out)).map(|()| Exit::Done)
        }
    }
}

pub(crate) async fn handover(target: &TargetArgs, command: HandoverCommand) -> Result<Exit> {
    match command {
        HandoverCommand::Of(command) => run(target, RecordKind::Handover, command).await,
        HandoverCommand::Example => {
            output::line(SINNET_2017.trim_end());
            Ok(Exit::Done)
        }
        HandoverCommand::Accept {
            id,
            tranche,
            side,
            revision,
        } => {
            let client = target::client(target)?;
            let revision = match revision {
                Some(revision) => revision,
                None => newest(&client, RecordKind::Handover, &id).await?,
            };
            let path = format!("/v1/handovers/{id}/tranches/{tranche}/signatures");
            let asked = SignTranche {
                side: side.to_string(),
                revision,
            };
            show(
                target.style(),
                &client.send(Method::POST, &path, &asked).await?,
            )
        }
    }
}

pub(crate) async fn asset(target: &TargetArgs, command: AssetCommand) -> Result<Exit> {
    match command {
        AssetCommand::Of(command) => run(target, RecordKind::Asset, command).await,
        AssetCommand::Table(command) => import(target, RecordKind::Asset, &command).await,
        AssetCommand::FromState { file, contract } => {
            found::from_state(target, &file, &contract).await
        }
        AssetCommand::Discover { contract, account } => {
            found::discover(target, &account, &contract).await
        }
        AssetCommand::Prove { id, job, set_aside } => {
            let path = format!("/v1/assets/{id}/proof");
            let client = target::client(target)?;
            let proven = client
                .send(Method::POST, &path, &ProveAsset { job, set_aside })
                .await?;
            show(target.style(), &proven)
        }
    }
}

pub(crate) async fn procure(target: &TargetArgs, command: ProcureCommand) -> Result<Exit> {
    let ProcureCommand::Check {
        what,
        organisation,
        provider,
    } = command;
    match (what.is_of_contracts(), provider.is_some()) {
        (true, false) => Err(usage(format!(
            "{what} is asked with --provider ID: with whom the contract would be"
        ))),
        (false, true) => Err(usage(format!(
            "{what} is asked without --provider: a contract alone is with one"
        ))),
        _ => Ok(()),
    }?;
    let asked = CheckProcurement {
        what: what.to_string(),
        organisation: organisation.to_string(),
        provider: provider.map(String::from),
    };
    let client = target::client(target)?;
    let answer: ProcurementView = client
        .send(Method::POST, "/v1/procurement/check", &asked)
        .await?;
    match target.style() {
        Style::Json => output::json(&answer)?,
        Style::Text => output::line(&match target.lang {
            Language::En => format!(
                "No order freezes {} ({what}) for `{organisation}` today.",
                what.words_in(target.lang)
            ),
            Language::Zh => format!(
                "今日没有命令冻结“{organisation}”的{}（{what}）。",
                what.words_in(target.lang)
            ),
        }),
    }
    Ok(Exit::Done)
}

/// Does what is done to records of every kind.
pub(crate) async fn run(
    target: &TargetArgs,
    kind: RecordKind,
    command: RecordCommand,
) -> Result<Exit> {
    match command {
        RecordCommand::Add { file } => {
            let (_, value) = read(kind, &file)?;
            let client = target::client(target)?;
            let path = format!("/v1/register/{kind}");
            show(
                target.style(),
                &client.send(Method::POST, &path, &value).await?,
            )
        }
        RecordCommand::Amend {
            file,
            revision,
            from,
        } => {
            let record = value(&file)?;
            let refused = |error| of_file(&file, &error);
            let id = match record.get("id").and_then(Value::as_str).map(str::parse) {
                Some(Ok(id)) => id,
                Some(Err(_)) | None => Record::read(kind, &record).map_err(refused)?.id().clone(),
            };
            let client = target::client(target)?;
            let path = format!("/v1/register/{kind}/{id}");
            let newest: RecordView = match client.get(&path).await {
                Ok(newest) => newest,
                // That it is not there is told behind what is wrong with the file.
                Err(error) => {
                    Record::read(kind, &record).map_err(refused)?;
                    return Err(error);
                }
            };
            let before = Record::from_json(kind, &newest.record.to_string())?;
            Record::read_after(kind, &record, &before).map_err(refused)?;
            let asked = AmendRecord {
                revision: Some(revision.unwrap_or(newest.revision)),
                from: from.map(String::from),
                record,
            };
            show(
                target.style(),
                &client.send(Method::PUT, &path, &asked).await?,
            )
        }
        RecordCommand::Show { id, history: false } => {
            let client = target::client(target)?;
            let path = format!("/v1/register/{kind}/{id}");
            show(target.style(), &client.get(&path).await?)
        }
        RecordCommand::Show { id, history: true } => {
            let client = target::client(target)?;
            let path = format!("/v1/register/{kind}/{id}/history");
            let all: Vec<RecordView> = client.list(&path).await?;
            match target.style() {
                Style::Json => output::json(&all)?,
                Style::Text => {
                    for one in &all {
                        show(Style::Text, one)?;
                        output::line("");
                    }
                }
            }
            Ok(Exit::Done)
        }
        RecordCommand::List { which } => list(target, kind, &which).await,
    }
}

/// Returns the number of the newest revision of a record.
async fn newest(client: &Client, kind: RecordKind, id: &Id) -> Result<u32> {
    let view: RecordView = client.get(&format!("/v1/register/{kind}/{id}")).await?;
    Ok(view.revision)
}

async fn import(target: &TargetArgs, kind: RecordKind, command: &TableCommand) -> Result<Exit> {
    let file = match command {
        TableCommand::Import { file } => file,
        TableCommand::Export { which, out } => {
            let client = target::client(target)?;
            let all = all(&client, kind, which).await?;
            let records: Vec<Value> = all.into_iter().map(|one| one.record).collect();
            let table = tables::write(kind, &records)?;
            return deliver(&table, out.as_deref()).map(|()| Exit::Done);
        }
    };
    let table = File::open(file)
        .map_err(|error| usage(format!("cannot read {}: {error}", file.display())))?;
    let client = target::client(target)?;
    let imported: ImportedView = client
        .send_file(&format!("/v1/register-tables/{kind}"), table)
        .await?;
    match target.style() {
        Style::Json => output::json(&imported)?,
        Style::Text => {
            output::line(&format!("recorded  {}", imported.records));
            if imported.lacking > 0 {
                output::line(&format!(
                    "lacking   {}: `contract show` tells of each what",
                    imported.lacking
                ));
            }
            output::line(&format!("leaf      {}", imported.leaf));
        }
    }
    Ok(Exit::Done)
}

async fn list(target: &TargetArgs, kind: RecordKind, which: &WhichRecordsArgs) -> Result<Exit> {
    let client = target::client(target)?;
    let all = all(&client, kind, which).await?;
    if target.style() == Style::Json {
        output::json(&all)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = all
        .iter()
        .map(|one| {
            let told = ["name", "title", "service"]
                .into_iter()
                .find_map(|name| one.record.get(name).and_then(Value::as_str));
            vec![
                one.id.clone(),
                one.revision.to_string(),
                one.recorded.to_string(),
                told.unwrap_or_default().to_owned(),
            ]
        })
        .collect();
    output::table(&["ID", "REVISION", "RECORDED", "WHAT"], &rows);
    Ok(Exit::Done)
}

/// Asks for every record of a kind.
pub(crate) async fn all(
    client: &Client,
    kind: RecordKind,
    which: &WhichRecordsArgs,
) -> Result<Vec<RecordView>> {
    let mut all: Vec<RecordView> = Vec::new();
    loop {
        let page = page(client, kind, which, all.last()).await?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

async fn page(
    client: &Client,
    kind: RecordKind,
    which: &WhichRecordsArgs,
    after: Option<&RecordView>,
) -> Result<Vec<RecordView>> {
    // Ids and instants have nothing that a query would have to escape.
    let mut path = format!("/v1/register/{kind}?limit={PAGE}");
    for (name, value) in [
        ("after", after.map(|one| one.id.clone())),
        ("of", which.of.as_ref().map(ToString::to_string)),
        ("known_at", which.known_at.map(|at| at.to_string())),
    ] {
        if let Some(value) = value {
            path.push_str(&format!("&{name}={value}"));
        }
    }
    client.get(&path).await
}

/// Reads a record out of a TOML file.
pub(crate) fn read(kind: RecordKind, path: &Path) -> Result<(Record, Value)> {
    let value = value(path)?;
    let record = Record::read(kind, &value).map_err(|error| of_file(path, &error))?;
    Ok((record, value))
}

fn value(path: &Path) -> Result<Value> {
    let text = read_text(path)?;
    let value: toml::Value = toml::from_str(&text)
        .map_err(|error| usage(format!("{} does not read: {error}", path.display())))?;
    serde_json::to_value(value).with_context(|| format!("{} does not read", path.display()))
}

fn of_file(path: &Path, error: &onshore_orders::Error) -> anyhow::Error {
    usage(format!("{}: {error}", path.display()))
}

pub(crate) fn show(style: Style, one: &RecordView) -> Result<Exit> {
    if style == Style::Json {
        output::json(one)?;
        return Ok(Exit::Done);
    }
    output::line(&format!("{:<9} {}", one.kind, one.id));
    output::line(&format!(
        "revision  {}, recorded {}",
        one.revision, one.recorded
    ));
    if let Some(from) = &one.from {
        output::line(&format!("holds     from {from} on"));
    }
    if let Some(superseded) = one.superseded {
        output::line(&format!("until     {superseded}"));
    }
    if !one.lacks.is_empty() {
        output::line(&format!("lacks     {}", one.lacks.join(", ")));
    }
    if let Some(leaf) = one.leaf {
        output::line(&format!("leaf      {leaf}"));
    }
    output::line("");
    let text = toml::to_string(&one.record).unwrap_or_else(|_| json!(one.record).to_string());
    output::line(text.trim_end());
    Ok(Exit::Done)
}
