//! `onshore asset from-state` and `onshore asset discover`: assets that a state of Terraform or an account tells of, recorded in one act.
//! What is an asset of the contract already stays as it is.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use anyhow::{Context, Result};
use onshore_api::{ImportedView, RecordView};
use onshore_orders::asset::AssetKind;
use onshore_orders::guard::state::{FoundAsset, assets, country_of};
use onshore_orders::{Id, RecordKind};
use onshore_sources::{Dialect, Network, S3Account};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::cli::{AccountArgs, TargetArgs, WhichRecordsArgs};
use crate::commands::plan::account;
use crate::commands::register;
use crate::commands::update::read_text;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};
use crate::target;

/// So long may an id be.
const ID_LEN_MAX: usize = 64;
/// So many signs of a hash keep apart what would be called alike.
const HASH_SIGNS: usize = 8;

pub(crate) async fn from_state(target: &TargetArgs, file: &Path, contract: &Id) -> Result<Exit> {
    let state: Value = serde_json::from_str(&read_text(file)?)
        .map_err(|error| usage(format!("{} does not read: {error}", file.display())))?;
    let told = assets(&state).map_err(|error| usage(format!("{}: {error}", file.display())))?;
    record(target, contract, told.found, &told.unknown).await
}

pub(crate) async fn discover(
    target: &TargetArgs,
    args: &AccountArgs,
    contract: &Id,
) -> Result<Exit> {
    let (spec, credentials) = account(args).await?;
    let provider = match spec.dialect() {
        Dialect::Aws => Some("aws"),
        Dialect::Oss => Some("alicloud"),
        Dialect::Cos => Some("tencentcloud"),
        Dialect::Obs => Some("huaweicloud"),
        _ => None,
    };
    let opened = S3Account::open(spec, credentials, Network::Anywhere)?;
    let mut found = Vec::new();
    for bucket in opened.buckets().await? {
        let region = opened.region_of(&bucket).await;
        let place = match (provider, region) {
            (Some(provider), Some(region)) => country_of(provider, &region)?,
            _ => None,
        };
        found.push(FoundAsset {
            address: bucket.clone(),
            kind: AssetKind::Bucket,
            name: bucket,
            place,
        });
    }
    record(target, contract, found, &BTreeSet::new()).await
}

/// Records what is no asset of the contract yet.
async fn record(
    target: &TargetArgs,
    contract: &Id,
    found: Vec<FoundAsset>,
    unknown: &BTreeSet<String>,
) -> Result<Exit> {
    let client = target::client(target)?;
    let of = WhichRecordsArgs {
        of: Some(contract.clone()),
        known_at: None,
    };
    let known = register::all(&client, RecordKind::Asset, &of).await?;
    let all = found.len();
    let (new, ids): (Vec<FoundAsset>, Vec<String>) =
        unknown_of(contract, found, &known).into_iter().unzip();
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(["id", "contract", "kind", "name", "place"])?;
    for (one, id) in new.iter().zip(&ids) {
        let place = one.place.as_deref().unwrap_or_default();
        table.write_record([id, contract.as_str(), one.kind.word(), &one.name, place])?;
    }
    let table = table.into_inner().context("a table in memory is written")?;
    let imported: Option<ImportedView> = match new.is_empty() {
        true => None,
        false => Some(
            client
                .send_bytes("/v1/register-tables/asset", table)
                .await?,
        ),
    };
    match target.style() {
        Style::Json => output::json(&json!({
            "recorded": ids,
            "there_already": all - new.len(),
            "unknown_types": unknown,
            "leaf": imported.map(|imported| imported.leaf),
        }))?,
        Style::Text => {
            let rows: Vec<Vec<String>> = new
                .iter()
                .zip(&ids)
                .map(|(one, id)| {
                    vec![
                        id.clone(),
                        one.kind.word().to_owned(),
                        one.name.clone(),
                        one.place.clone().unwrap_or_default(),
                    ]
                })
                .collect();
            output::table(&["RECORDED", "KIND", "NAME", "PLACE"], &rows);
            output::line(&format!("{} were there already", all - new.len()));
            for kind in unknown {
                output::line(&format!(
                    "nothing is known of the type {kind}: record what it is with `onshore asset add`"
                ));
            }
        }
    }
    Ok(Exit::Done)
}

/// Returns what is no asset of the contract yet, with its id: known by its id, or by kind and name where one thing alone has that. Things
/// that are called alike are told apart by where they stand.
fn unknown_of(
    contract: &Id,
    found: Vec<FoundAsset>,
    known: &[RecordView],
) -> Vec<(FoundAsset, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ids: HashSet<&str> = known.iter().map(|one| one.id.as_str()).collect();
    let names: HashSet<(String, String)> = known
        .iter()
        .map(|one| (text(&one.record["kind"]), text(&one.record["name"])))
        .collect();
    let mut alike: HashMap<(AssetKind, String), usize> = HashMap::new();
    for one in &found {
        *alike.entry((one.kind, one.name.clone())).or_default() += 1;
    }
    found
        .into_iter()
        .filter_map(|mut one| {
            let id = id_of(contract, &one);
            if ids.contains(id.as_str()) {
                return None;
            }
            if alike.get(&(one.kind, one.name.clone())) > Some(&1) {
                one.name = format!("{} ({})", one.name, one.address);
            }
            let is_known = names.contains(&(one.kind.word().to_owned(), one.name.clone()));
            (!is_known).then_some((one, id))
        })
        .collect()
}

/// Returns an id that is the same each time: out of contract and address, with a hash where those do not fit or are not of its letters.
fn id_of(contract: &Id, found: &FoundAsset) -> String {
    let whole = format!("{contract}.{}", found.address);
    let text: String = whole
        .to_ascii_lowercase()
        .chars()
        .map(|letter| match letter {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => letter,
            _ => '-',
        })
        .collect();
    if text == whole && text.len() <= ID_LEN_MAX {
        return text;
    }
    let hash = hex::encode(digest(&SHA256, whole.as_bytes()));
    let head: String = text.chars().take(ID_LEN_MAX - HASH_SIGNS - 1).collect();
    let hash: String = hash.chars().take(HASH_SIGNS).collect();
    format!("{head}-{hash}")
}
