//! `onshore departure`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use http::Method;
use onshore_api::{AcknowledgeOrder, DeliverInventory, DepartingView, RecordView, SignDeletion};
use onshore_orders::departure::{ITEMS_MAX, Item};
use onshore_orders::{Id, Language, RecordKind};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::cli::{DepartureCommand, RecordCommand, TargetArgs, WhichRecordsArgs};
use crate::commands::register;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

const KIND: RecordKind = RecordKind::Departure;

pub(crate) async fn run(target: &TargetArgs, command: DepartureCommand) -> Result<Exit> {
    match command {
        DepartureCommand::Mine => mine(target).await,
        DepartureCommand::Acknowledge { contract, order } => {
            let asked = AcknowledgeOrder {
                order: order.to_string(),
            };
            let path = format!("/v1/departures/{contract}/acknowledgements");
            let client = target::client(target)?;
            let said = client.send(Method::POST, &path, &asked).await?;
            register::show(target.style(), &said)
        }
        DepartureCommand::Inventory { contract, file } => {
            let asked = DeliverInventory {
                items: items(&file)?,
            };
            let path = format!("/v1/departures/{contract}/inventory");
            let client = target::client(target)?;
            let said = client.send(Method::PUT, &path, &asked).await?;
            register::show(target.style(), &said)
        }
        DepartureCommand::SignDeletion {
            contract,
            statement,
        } => {
            let bytes = std::fs::read(&statement)
                .map_err(|error| usage(format!("cannot read {}: {error}", statement.display())))?;
            let asked = SignDeletion {
                statement_sha256: hex::encode(digest(&SHA256, &bytes)),
            };
            let path = format!("/v1/departures/{contract}/deletion");
            let client = target::client(target)?;
            let said = client.send(Method::PUT, &path, &asked).await?;
            register::show(target.style(), &said)
        }
        DepartureCommand::Compare { contract } => compare(target, contract).await,
        DepartureCommand::Show { contract, history } => {
            let command = RecordCommand::Show {
                id: contract,
                history,
            };
            register::run(target, KIND, command).await
        }
        DepartureCommand::List { which } => {
            register::run(target, KIND, RecordCommand::List { which }).await
        }
    }
}

async fn mine(target: &TargetArgs) -> Result<Exit> {
    let client = target::client(target)?;
    let all: Vec<DepartingView> = client.list("/v1/departures").await?;
    if target.style() == Style::Json {
        output::json(&all)?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = all
        .iter()
        .map(|one| {
            let said = one.departure.as_ref().map(|said| &said.record);
            let has = |name: &str| said.is_some_and(|said| !said[name].is_null());
            let yes = |is_so: bool| if is_so { "yes" } else { "no" }.to_owned();
            vec![
                one.contract.clone(),
                one.organisation.clone(),
                one.service.clone(),
                one.end.clone().unwrap_or_default(),
                yes(has("acknowledged")),
                yes(has("inventory")),
                yes(has("deletion")),
            ]
        })
        .collect();
    let head = [
        "CONTRACT",
        "ORGANISATION",
        "SERVICE",
        "END",
        "ACKNOWLEDGED",
        "INVENTORY",
        "DELETED",
    ];
    output::table(&head, &rows);
    Ok(Exit::Done)
}

/// Reads a table of what a provider has.
fn items(path: &Path) -> Result<Vec<Value>> {
    let mut reader = csv::Reader::from_path(path)
        .map_err(|error| usage(format!("cannot read {}: {error}", path.display())))?;
    let mut items = Vec::new();
    for item in reader.deserialize::<Item>() {
        let item = item.map_err(|error| usage(format!("{}: {error}", path.display())))?;
        if items.len() == ITEMS_MAX {
            return Err(usage(format!(
                "an inventory has up to {ITEMS_MAX} things; file what is alike as one system"
            )));
        }
        items.push(json!(item));
    }
    Ok(items)
}

/// What there is in one of two lists alone, by kind and name.
async fn compare(target: &TargetArgs, contract: Id) -> Result<Exit> {
    let client = target::client(target)?;
    let said: RecordView = client
        .get(&format!("/v1/register/{KIND}/{contract}"))
        .await?;
    let Some(items) = said.record["inventory"]["items"].as_array() else {
        return Err(usage(match target.lang {
            Language::En => format!(
                "the provider has delivered no inventory of `{contract}`: `onshore departure inventory` does, with its token"
            ),
            Language::Zh => format!(
                "服务商尚未交付 `{contract}` 的清单：由其令牌执行 `onshore departure inventory` 交付"
            ),
        }));
    };
    let which = WhichRecordsArgs {
        of: Some(contract),
        known_at: None,
    };
    let assets = register::all(&client, RecordKind::Asset, &which).await?;
    let named = |value: &Value| {
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        (text("kind"), text("name"))
    };
    let there: BTreeSet<_> = items.iter().map(named).collect();
    let here: BTreeSet<_> = assets.iter().map(|one| named(&one.record)).collect();
    let unknown: Vec<_> = there.difference(&here).collect();
    let missing: Vec<_> = here.difference(&there).collect();
    let is_same = unknown.is_empty() && missing.is_empty();
    match target.style() {
        Style::Json => {
            let told = |list: &[&(String, String)]| -> Vec<Value> {
                list.iter()
                    .map(|(kind, name)| json!({ "kind": kind, "name": name }))
                    .collect()
            };
            output::json(&json!({
                "same": here.intersection(&there).count(),
                "not_an_asset": told(&unknown),
                "not_in_the_inventory": told(&missing),
            }))?;
        }
        Style::Text => {
            let (no_asset, no_item, header) = match target.lang {
                Language::En => (
                    "the provider has it, and it is no asset of the contract",
                    "it is an asset, and the provider says it has no such thing",
                    ["KIND", "NAME", "WHAT"],
                ),
                Language::Zh => (
                    "服务商持有，但不是该合同的资产",
                    "是该合同的资产，但服务商称没有",
                    ["种类", "名称", "说明"],
                ),
            };
            let unknown = unknown.iter().map(|one| (one, no_asset));
            let missing = missing.iter().map(|one| (one, no_item));
            let rows: Vec<Vec<String>> = unknown
                .chain(missing)
                .map(|((kind, name), why)| vec![kind.clone(), name.clone(), why.to_owned()])
                .collect();
            output::table(&header, &rows);
            let same = here.intersection(&there).count();
            output::line(&match target.lang {
                Language::En => format!("{same} in both"),
                Language::Zh => format!("双方一致 {same} 项"),
            });
        }
    }
    Ok(if is_same { Exit::Done } else { Exit::Failed })
}
