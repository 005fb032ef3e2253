//! What an evidence bundle says, for people: who exported what to where on which approval, and what was refused.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use onshore_ledger::{Cosigned, EvidenceAccount, EvidenceEntry};
use serde_json::{Value, json};

use super::{head, tell_witnesses, witnesses};
use crate::exit::Exit;
use crate::output::{self, Style};

pub(super) fn show(
    style: Style,
    file: &Path,
    account: &EvidenceAccount,
    cosigned: &[Cosigned],
) -> Result<Exit> {
    match style {
        Style::Json => {
            let entries: Vec<Value> = account
                .entries
                .iter()
                .map(|entry| {
                    json!({
                        "index": entry.index,
                        "in_span": entry.is_in_span,
                        "leaf": entry.leaf,
                        "record": entry.record,
                    })
                })
                .collect();
            output::json(&json!({
                "valid": true,
                "kind": "evidence",
                "from": account.head.from,
                "to": account.head.to,
                "open": account.is_open,
                "counts": account.counts,
                "checkpoint": head(&account.checkpoint),
                "witnesses": witnesses(cosigned),
                "entries": entries,
            }))?;
        }
        Style::Text => tell(file, account, cosigned),
    }
    Ok(Exit::Done)
}

fn tell(file: &Path, account: &EvidenceAccount, cosigned: &[Cosigned]) {
    output::line(&format!(
        "{} holds: it is everything that the ledger {} recorded from {} to {}, nothing left out, signed by the given key.",
        file.display(),
        account.origin,
        account.head.from,
        account.head.to
    ));
    tell_witnesses(cosigned);
    if account.is_open {
        output::line(
            "The ledger ended before the span did: what came later is not in it, and a newer bundle will tell.",
        );
    }
    let counts: Vec<String> = account
        .counts
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    output::line(&format!("Recorded: {}.", counts.join(", ")));
    for entry in kinds(account, "epoch") {
        let document = entry.leaf.get("document");
        let member = |name: &str| {
            let value = document.and_then(|document| document.get(name));
            value.and_then(Value::as_str).unwrap_or("-")
        };
        output::line(&format!(
            "Rules of epoch {} (leaf {}): border SHA-256 {}, {}, Onshore {}",
            entry.leaf.get("epoch").unwrap_or(&Value::Null),
            entry.index,
            member("pack_sha256"),
            pack(document),
            member("version")
        ));
    }
    tell_approvals(account);
    tell_exports(account);
    tell_refusals(account);
}

/// Says which rule pack stood beside the border in an epoch, and whether there was a border.
fn pack(document: Option<&Value>) -> String {
    let pack = document.and_then(|document| document.get("rule_pack"));
    let Some(pack) = pack.filter(|pack| pack.is_object()) else {
        return "no rule pack".to_owned();
    };
    let member = |name: &str| pack.get(name).and_then(Value::as_str).unwrap_or("-");
    let border = match member("border") {
        "open" => {
            ": THE BORDER WAS OPEN, nothing that left counts as an export (`onshore ledger reads LEAF` tells who read what from where)"
        }
        _ => "",
    };
    format!(
        "rule pack {} {} of SHA-256 {}{border}",
        member("name"),
        member("version"),
        member("sha256")
    )
}

fn kinds<'a>(
    account: &'a EvidenceAccount,
    kind: &'a str,
) -> impl Iterator<Item = &'a EvidenceEntry> {
    account
        .entries
        .iter()
        .filter(move |entry| entry.text("kind") == Some(kind))
}

fn tell_approvals(account: &EvidenceAccount) {
    let rows: Vec<Vec<String>> = account
        .entries
        .iter()
        .filter(|entry| {
            entry
                .text("kind")
                .is_some_and(|kind| kind.starts_with("approval."))
        })
        .map(|entry| {
            vec![
                entry.index.to_string(),
                text(entry, "time"),
                text(entry, "kind"),
                text(entry, "approval"),
                text(entry, "to"),
                text(entry, "class"),
                text(entry, "until"),
            ]
        })
        .collect();
    table(
        "Approvals",
        &["LEAF", "TIME", "WHAT", "APPROVAL", "TO", "CLASS", "UNTIL"],
        &rows,
    );
}

fn tell_exports(account: &EvidenceAccount) {
    let closings: BTreeMap<u64, &EvidenceEntry> = kinds(account, "export.closed")
        .filter_map(|entry| Some((entry.leaf.get("opened")?.as_u64()?, entry)))
        .collect();
    let opened = kinds(account, "export.opened");
    let rows: Vec<Vec<String>> = opened
        .chain(kinds(account, "export.described"))
        .map(|entry| {
            let closing = closings.get(&entry.index);
            let (sent, ended) = match closing {
                Some(closing) => (text(closing, "sent_bytes"), text(closing, "ended")),
                None if entry.text("kind") == Some("export.described") => {
                    ("0".to_owned(), "described".to_owned())
                }
                None => ("?".to_owned(), "open".to_owned()),
            };
            vec![
                entry.index.to_string(),
                text(entry, "time"),
                text(entry, "principal"),
                what(entry),
                text(entry, "label"),
                text(entry, "to"),
                text(entry, "approval"),
                sent,
                ended,
            ]
        })
        .collect();
    table(
        "Exports",
        &[
            "LEAF", "TIME", "WHO", "WHAT", "CLASS", "TO", "APPROVAL", "BYTES", "ENDED",
        ],
        &rows,
    );
}

fn tell_refusals(account: &EvidenceAccount) {
    let counted: BTreeMap<u64, u64> = kinds(account, "refused.counted")
        .filter_map(|entry| {
            let first = entry.leaf.get("first")?.as_u64()?;
            Some((first, entry.leaf.get("times")?.as_u64()?))
        })
        .collect();
    let rows: Vec<Vec<String>> = kinds(account, "refused")
        .map(|entry| {
            vec![
                entry.index.to_string(),
                text(entry, "time"),
                text(entry, "principal"),
                text(entry, "operation"),
                what(entry),
                text(entry, "to"),
                text(entry, "rule"),
                counted.get(&entry.index).unwrap_or(&1).to_string(),
            ]
        })
        .collect();
    table(
        "Refused",
        &[
            "LEAF",
            "TIME",
            "WHO",
            "OPERATION",
            "WHAT",
            "TO",
            "RULE",
            "TIMES",
        ],
        &rows,
    );
}

fn table(title: &str, header: &[&str], rows: &[Vec<String>]) {
    output::line("");
    if rows.is_empty() {
        output::line(&format!("{title}: none."));
        return;
    }
    output::line(&format!("{title}:"));
    output::table(header, rows);
}

/// The object's key where the record is shown, else its version.
fn what(entry: &EvidenceEntry) -> String {
    let key = entry.record.as_ref().and_then(|record| record.get("key"));
    match key.and_then(Value::as_str) {
        Some(key) => key.escape_debug().to_string(),
        None => text(entry, "version"),
    }
}

/// A member of the leaf as text; what is another kind of value in its JSON.
fn text(entry: &EvidenceEntry, member: &str) -> String {
    match entry.leaf.get(member) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.escape_debug().to_string(),
        Some(other) => other.to_string(),
    }
}
