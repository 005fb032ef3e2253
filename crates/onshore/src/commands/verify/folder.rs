//! A whole published ledger, from its static files: every tile and the root recomputed from the entries, and compared
//! with checkpoints that were kept elsewhere.

use anyhow::{Context, Result};
use onshore_ledger::{Checkpoint, Note, TileRef, verify_log};
use serde_json::json;

use super::{Trusted, head, tell_witnesses, witnesses};
use crate::cli::VerifyArgs;
use crate::exit::{Exit, usage};
use crate::output::{self, Style};

pub(super) fn verify(style: Style, args: &VerifyArgs, trusted: &Trusted) -> Result<Exit> {
    let read_note = |path: &std::path::Path| {
        std::fs::read_to_string(path)
            .map_err(|error| usage(format!("cannot read {}: {error}", path.display())))
    };
    let older = args
        .older
        .iter()
        .map(|path| {
            Checkpoint::verify(&read_note(path)?, &trusted.keys)
                .with_context(|| format!("the older checkpoint {}", path.display()))
        })
        .collect::<Result<Vec<_>>>()?;
    let newest = Checkpoint::verify(&read_note(&args.file.join("checkpoint"))?, &trusted.keys)
        .context("the checkpoint")?;
    // What witnesses cosigned may be a little older than the newest checkpoint, and the ledger must extend it.
    let witnessed_file = args.file.join("checkpoint.witnessed");
    let witnessed = match &trusted.policy {
        Some(policy) if policy.asks_for_witnesses() => {
            let note = std::fs::read_to_string(&witnessed_file)
                .context("no checkpoint in it was cosigned by enough witnesses")?;
            let checkpoint = Checkpoint::verify(&note, &trusted.keys)?;
            Some((checkpoint, policy.require(&Note::parse(&note)?)?))
        }
        Some(_) | None => None,
    };
    let cosigned = witnessed
        .as_ref()
        .map(|(_, by)| by.clone())
        .unwrap_or_default();
    let witnessed = witnessed.map(|(checkpoint, _)| checkpoint);
    let known: Vec<Checkpoint> = older.into_iter().chain(witnessed.clone()).collect();
    if let Some(other) = known.iter().find(|known| known.origin != newest.origin) {
        anyhow::bail!(
            "the older checkpoint is of the ledger {}, and this is {}",
            other.origin,
            newest.origin
        );
    }
    verify_log(newest.size, &newest.root, &known, |tile: &TileRef| {
        std::fs::read(args.file.join(tile.path())).ok()
    })?;
    match style {
        Style::Json => output::json(&json!({
            "valid": true,
            "kind": "ledger",
            "checkpoint": head(&newest),
            "extends": args.older.len(),
            "witnessed_size": witnessed.map(|checkpoint| checkpoint.size),
            "witnesses": witnesses(&cosigned),
        }))?,
        Style::Text => {
            output::line(&format!(
                "{} holds: the {} leaves of {} make every tile and the root, signed by the given key.",
                args.file.display(),
                newest.size,
                newest.origin
            ));
            if !args.older.is_empty() {
                output::line("It extends every older checkpoint that was given.");
            }
            if let Some(witnessed) = witnessed {
                output::line(&format!(
                    "Its first {} leaves are witnessed.",
                    witnessed.size
                ));
            }
            tell_witnesses(&cosigned);
        }
    }
    Ok(Exit::Done)
}
