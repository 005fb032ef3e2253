//! `onshore ledger`.

use std::path::Path;

use anyhow::{Context, Result};
use onshore_api::{LeafView, LedgerKeyView, LedgerStatusView, ReadView};
use onshore_ledger::{ProofBundle, TlogProof};

use crate::cli::{LedgerCommand, TargetArgs};
use crate::commands::deliver;
use crate::exit::Exit;
use crate::output::{self, Style};
use crate::target;

pub(crate) async fn run(target: &TargetArgs, command: LedgerCommand) -> Result<Exit> {
    let client = target::client(target)?;
    match command {
        LedgerCommand::Tail { number } => {
            let leaves: Vec<LeafView> = client
                .get(&format!("/v1/ledger/leaves?last={number}"))
                .await?;
            match target.style() {
                Style::Json => output::json(&leaves)?,
                Style::Text => leaves.iter().for_each(|leaf| output::line(&told(leaf))),
            }
        }
        LedgerCommand::Prove { index, out } => {
            let bundle = client
                .get_bytes(&format!("/v1/ledger/proofs/{index}"))
                .await?;
            deliver(&bundle, out.as_deref())?;
            tell_proven(target.style(), &format!("Leaf {index}"), out.as_deref());
        }
        LedgerCommand::Proof { index, out } => {
            let bundle: ProofBundle = client.get(&format!("/v1/ledger/proofs/{index}")).await?;
            let proof = TlogProof::from(&bundle).to_string();
            deliver(proof.as_bytes(), out.as_deref())?;
            tell_proven(target.style(), &format!("Leaf {index}"), out.as_deref());
        }
        LedgerCommand::Reads { leaf, from, number } => {
            let path = format!("/v1/ledger/reads/{leaf}?from={from}&limit={number}");
            let reads: Vec<ReadView> = client.get(&path).await?;
            match target.style() {
                Style::Json => output::json(&reads)?,
                Style::Text => {
                    for read in &reads {
                        let ReadView {
                            position,
                            time,
                            record,
                        } = read;
                        output::line(&format!("{position:>6}  {time}  {record}"));
                    }
                }
            }
        }
        LedgerCommand::ProveRead {
            leaf,
            position,
            out,
        } => {
            let path = format!("/v1/ledger/reads/{leaf}/{position}");
            deliver(&client.get_bytes(&path).await?, out.as_deref())?;
            let what = format!("Read {position} of leaf {leaf}");
            tell_proven(target.style(), &what, out.as_deref());
        }
        LedgerCommand::Status => {
            let status: LedgerStatusView = client.get("/v1/ledger/status").await?;
            match target.style() {
                Style::Json => output::json(&status)?,
                Style::Text => show(&status),
            }
        }
        LedgerCommand::Checkpoint { witnessed } => {
            let path = if witnessed {
                "/ledger/checkpoint.witnessed"
            } else {
                "/ledger/checkpoint"
            };
            let note = client.get_bytes(path).await?;
            let note = std::str::from_utf8(&note).context("the checkpoint is not text")?;
            match target.style() {
                Style::Json => output::json(&note)?,
                Style::Text => output::line(note.trim_end()),
            }
        }
        LedgerCommand::Key => {
            let key: LedgerKeyView = client.get("/v1/ledger/key").await?;
            match target.style() {
                Style::Json => output::json(&key)?,
                Style::Text => output::line(&key.key),
            }
        }
    }
    Ok(Exit::Done)
}

fn tell_proven(style: Style, what: &str, out: Option<&Path>) {
    if let (Some(out), Style::Text) = (out, style) {
        output::line(&format!(
            "{what} is proven in {0}. Check it: onshore verify {0} --key VKEY",
            out.display()
        ));
    }
}

fn show(status: &LedgerStatusView) {
    output::line(&format!(
        "The ledger has {} leaves; its newest checkpoint covers {}.",
        status.size, status.published_size
    ));
    output::line(
        &match (status.witnessed_size, status.witnesses.is_empty()) {
            (Some(size), _) => format!("Enough witnesses cosigned {size} of them."),
            (None, false) => "Not enough witnesses have cosigned it yet.".to_owned(),
            (None, true) => {
                "Nobody witnesses it: name witnesses in [ledger] of the configuration.".to_owned()
            }
        },
    );
    let rows: Vec<Vec<String>> = status
        .witnesses
        .iter()
        .map(|witness| {
            let size = witness.cosigned_size.map(|size| size.to_string());
            let time = witness.cosigned.map(|time| time.to_string());
            let never = || "-".to_owned();
            vec![
                witness.name.clone(),
                size.unwrap_or_else(never),
                time.unwrap_or_else(never),
                witness.url.clone().unwrap_or_else(never),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output::table(&["WITNESS", "COSIGNED", "AT", "ASKED AT"], &rows);
    }
}

/// One line for a leaf: what everyone may read, without what every leaf has.
fn told(leaf: &LeafView) -> String {
    let member = |name: &str| {
        leaf.body
            .get(name)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    };
    let mut line = format!("{:>6}  {}  {}", leaf.index, leaf.time, member("kind"));
    if let Some(members) = leaf.body.as_object() {
        for (name, value) in members {
            if !matches!(name.as_str(), "kind" | "time" | "record" | "document") {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                line.push_str(&format!("  {name}={value}"));
            }
        }
    }
    line
}
