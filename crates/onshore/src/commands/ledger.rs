//! `onshore ledger`.

use anyhow::{Context, Result};
use onshore_api::{LeafView, LedgerKeyView};

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
            if let (Some(out), Style::Text) = (out, target.style()) {
                output::line(&format!(
                    "Leaf {index} is proven in {0}. Check it: onshore verify {0} --key VKEY",
                    out.display()
                ));
            }
        }
        LedgerCommand::Checkpoint => {
            let note = client.get_bytes("/ledger/checkpoint").await?;
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
