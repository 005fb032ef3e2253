//! `onshore verify`: checks certificates, proofs, evidence and published ledgers without network and without trusting
//! anything in them.

mod account;
mod folder;
mod spot;

use std::path::Path;

use anyhow::{Context, Result};
use onshore_ledger::{
    Certificate, CertificateBody, Checkpoint, Cosigned, Document, InventoryOrder, Listing, Note,
    ObjectProof, ProofBundle, ReadProof, TlogPolicy, TlogProof, VerifierKey, verify_evidence,
};
use serde_json::{Value, json};

use crate::cli::VerifyArgs;
use crate::exit::{Exit, usage};
use crate::output::{self, Style, bytes};

/// Whom the verifier trusts.
struct Trusted {
    keys: Vec<VerifierKey>,
    policy: Option<TlogPolicy>,
}

pub(crate) async fn run(style: Style, args: &VerifyArgs) -> Result<Exit> {
    let trusted = Trusted::of(args)?;
    let refused = || format!("{} does not hold", args.file.display());
    if args.file.is_dir() {
        return folder::verify(style, args, &trusted).with_context(refused);
    }
    if !args.older.is_empty() {
        return Err(usage("--older goes with the folder of a published ledger"));
    }
    let bytes = std::fs::read(&args.file)
        .map_err(|error| usage(format!("cannot read {}: {error}", args.file.display())))?;
    let document = Document::parse(&bytes).with_context(refused)?;
    if args.object.is_some() && !matches!(document, Document::Certificate(_)) {
        return Err(usage(
            "--object goes with a certificate; this file is another document",
        ));
    }
    if args.of.is_some() && !matches!(document, Document::Proof(_)) {
        return Err(usage(
            "--of goes with a proof; this file is another document",
        ));
    }
    let file = args.file.as_path();
    if let Some(count) = args.spot {
        let Document::Certificate(certificate) = &document else {
            return Err(usage(
                "--spot goes with a certificate; this file is another document",
            ));
        };
        let summary = certificate.verify(&trusted.keys).with_context(refused)?;
        return spot::look(
            style,
            &trusted,
            (certificate, &summary),
            count,
            &args.clouds,
        )
        .await;
    }
    let verified = match document {
        Document::Certificate(certificate) => {
            trusted.check(&certificate.proof.checkpoint).and_then(|_| {
                let object = args.object.as_deref();
                verify_certificate(style, file, &certificate, &trusted.keys, object)
            })
        }
        Document::Proof(bundle) => args
            .of
            .as_deref()
            .map_or(Ok(()), |of| check_of(&bundle, &trusted, of))
            .and_then(|()| verify_bundle(style, file, &bundle, &trusted)),
        Document::Read(read) => verify_read(style, file, &read, &trusted),
        Document::TlogProof(proof) => verify_tlog_proof(style, file, &proof, &trusted),
        Document::Evidence => verify_evidence(&bytes, &trusted.keys)
            .context("the bundle is not what the ledger recorded")
            .and_then(|account| {
                let cosigned = trusted.check(&account.head.checkpoint)?;
                account::show(style, file, &account, &cosigned)
            }),
    };
    verified.with_context(refused)
}

impl Trusted {
    fn of(args: &VerifyArgs) -> Result<Self> {
        let mut keys = args
            .key
            .iter()
            .map(|key| {
                key.parse()
                    .map_err(|error: onshore_ledger::Error| usage(format!("--key: {error}")))
            })
            .collect::<Result<Vec<VerifierKey>>>()?;
        let policy = args
            .policy
            .as_deref()
            .map(|path| {
                let wrong = |error: anyhow::Error| {
                    usage(format!("the policy {}: {error:#}", path.display()))
                };
                let bytes = std::fs::read(path).map_err(|error| wrong(error.into()))?;
                TlogPolicy::parse(&bytes).map_err(|error| wrong(error.into()))
            })
            .transpose()?;
        if let Some(policy) = &policy {
            // Keys that are named both here and there have to be the same.
            if keys.is_empty() {
                keys = policy.logs().to_vec();
            }
            policy
                .check_logs(&keys)
                .map_err(|error| usage(error.to_string()))?;
        }
        if keys.is_empty() {
            return Err(usage(
                "no key to check against: pass --key VKEY, or --policy FILE with a log in it, got from the operator by \
                 another way than the file; a key inside the file is never trusted",
            ));
        }
        Ok(Self { keys, policy })
    }

    /// Returns who cosigned a checkpoint, if those are enough.
    fn check(&self, note: &str) -> Result<Vec<Cosigned>> {
        match &self.policy {
            Some(policy) => Ok(policy.require(&Note::parse(note)?)?),
            None => Ok(Vec::new()),
        }
    }
}

/// Returns what is said of witnesses, where any were asked for.
fn told(cosigned: &[Cosigned]) -> Option<String> {
    let names: Vec<&str> = cosigned.iter().map(|by| by.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "Its checkpoint is cosigned by {}, which the policy takes for enough.",
            names.join(", ")
        )
    })
}

fn tell_witnesses(cosigned: &[Cosigned]) {
    if let Some(words) = told(cosigned) {
        output::line(&words);
    }
}

fn witnesses(cosigned: &[Cosigned]) -> Value {
    cosigned
        .iter()
        .map(|by| json!({ "witness": by.name, "time_s": by.time_s }))
        .collect()
}

fn head(checkpoint: &Checkpoint) -> Value {
    json!({ "origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root })
}

fn verify_certificate(
    style: Style,
    file: &Path,
    certificate: &Certificate,
    keys: &[VerifierKey],
    object: Option<&str>,
) -> Result<Exit> {
    let summary = certificate.verify(keys)?;
    let proofs: Vec<ObjectProof> = object
        .map(|key| certificate.prove_object(key))
        .transpose()?
        .unwrap_or_default();
    let body = &certificate.body;
    let is_complete = body.listing != Listing::Incomplete;
    match style {
        Style::Json => output::json(&json!({
            "valid": true,
            "kind": "certificate",
            "complete": is_complete,
            "certificate": body,
            "unlisted": summary.unlisted,
            "leaf": certificate.proof.index,
            "object": proofs,
        }))?,
        Style::Text => {
            output::line(&format!(
                "{} holds: it is signed by the given key and its root is in the ledger at leaf {}.",
                file.display(),
                certificate.proof.index
            ));
            output::line(&format!(
                "Job {} brought {} to bucket {} in {} ({}).",
                body.job, body.source, body.bucket, body.jurisdiction, body.region
            ));
            output::line(&format!(
                "Listed {}, copied {}, unchanged {}, exceptions {}; {}.",
                body.counts.listed,
                body.counts.copied,
                body.counts.unchanged,
                body.counts.exceptions,
                bytes(body.bytes)
            ));
            tell_inventories(body, summary.unlisted);
            for exception in &body.exceptions {
                output::line(&format!(
                    "Exception: {} ({}): {}",
                    exception.key.escape_debug(),
                    exception.reason,
                    exception.detail
                ));
            }
            output::line(&completeness(body));
            for proof in &proofs {
                let entry = &proof.entry;
                output::line(&format!(
                    "Object {} is in it: {} bytes, SHA-256 {}, verified by {}.",
                    entry.key.escape_debug(),
                    entry.size,
                    entry.sha256,
                    entry.method
                ));
            }
        }
    }
    Ok(if is_complete {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// Checks that a file is the one whose digest the record behind a leaf has.
fn check_of(bundle: &ProofBundle, trusted: &Trusted, of: &Path) -> Result<()> {
    let bytes = std::fs::read(of)
        .map_err(|error| usage(format!("cannot read {}: {error}", of.display())))?;
    let verified = bundle.verify(&trusted.keys)?;
    let recorded = verified
        .record
        .as_ref()
        .and_then(|record| record.get("sha256"))
        .and_then(Value::as_str)
        .context("the record behind the leaf has no digest of a file")?;
    let digest = hex::encode(ring::digest::digest(&ring::digest::SHA256, &bytes));
    anyhow::ensure!(
        recorded == digest,
        "{} is not the file that was recorded: its SHA-256 is {digest}, recorded is {recorded}",
        of.display()
    );
    Ok(())
}

/// Says what the inventories show, and what they do not.
fn tell_inventories(body: &CertificateBody, unlisted: u64) {
    for (inventory, which) in body.inventories.iter().zip(["first", "last"]) {
        let shown = match inventory.order {
            InventoryOrder::ByKey => "in the order of keys, none missing between two of them",
            InventoryOrder::None => {
                "chained; the source lists in no order, so whether one is missing they do not show"
            }
        };
        output::line(&format!(
            "The {which} inventory ended {}: {} records, {}, on {} pages, {shown}.",
            inventory.ended,
            inventory.entries,
            bytes(inventory.bytes),
            inventory.pages
        ));
    }
    if unlisted > 0 {
        output::line(&format!(
            "{unlisted} of the records the last inventory does not name: the source listed them before, and not again."
        ));
    } else if !body.inventories.is_empty() {
        output::line("The records of the certificate are exactly what the last inventory names.");
    }
    if let Some(count) = &body.counted {
        let of_bytes = count
            .bytes
            .map_or_else(String::new, |sum| format!(", {}", bytes(sum)));
        output::line(&format!(
            "Counted by somebody else ({}): {} records{of_bytes}.",
            count.by, count.objects
        ));
    }
}

/// Returns what is said of completeness.
fn completeness(body: &CertificateBody) -> String {
    match body.listing {
        Listing::Counted => {
            "Complete as listed by Onshore, and as many as were counted independently.".to_owned()
        }
        Listing::Complete => "Complete as listed by Onshore.".to_owned(),
        Listing::Selected => {
            "Complete as selected: what the job was ordered to bring arrived, and what is listed as an exception stayed at the source.".to_owned()
        }
        Listing::Incomplete if body.exceptions.is_empty() => {
            "It says INCOMPLETE: the independent count is another.".to_owned()
        }
        Listing::Incomplete => {
            "It says INCOMPLETE: what is listed as an exception has not arrived.".to_owned()
        }
    }
}

fn verify_bundle(
    style: Style,
    file: &Path,
    bundle: &ProofBundle,
    trusted: &Trusted,
) -> Result<Exit> {
    let verified = bundle.verify(&trusted.keys)?;
    let cosigned = trusted.check(&bundle.checkpoint)?;
    let related: Vec<Value> = verified
        .related
        .iter()
        .map(|related| json!({ "index": related.index, "leaf": related.leaf, "record": related.record }))
        .collect();
    match style {
        Style::Json => output::json(&json!({
            "valid": true,
            "kind": "proof",
            "index": verified.index,
            "leaf": verified.leaf,
            "record": verified.record,
            "related": related,
            "checkpoint": head(&verified.checkpoint),
            "witnesses": witnesses(&cosigned),
        }))?,
        Style::Text => {
            output::line(&format!(
                "{} holds: leaf {} is in the ledger {} of {} leaves, signed by the given key.",
                file.display(),
                verified.index,
                verified.checkpoint.origin,
                verified.checkpoint.size
            ));
            output::line(&format!("leaf    {}", verified.leaf));
            if let Some(record) = &verified.record {
                output::line(&format!("record  {record}"));
            }
            for related in &verified.related {
                output::line(&format!(
                    "leaf {} belongs to it: {}",
                    related.index, related.leaf
                ));
            }
            tell_witnesses(&cosigned);
        }
    }
    Ok(Exit::Done)
}

fn verify_read(style: Style, file: &Path, read: &ReadProof, trusted: &Trusted) -> Result<Exit> {
    let verified = read.verify(&trusted.keys)?;
    let cosigned = trusted.check(&read.batch.checkpoint)?;
    match style {
        Style::Json => output::json(&json!({
            "valid": true,
            "kind": "read",
            "index": verified.batch.index,
            "position": read.position,
            "read": verified.read,
            "leaf": verified.batch.leaf,
            "checkpoint": head(&verified.batch.checkpoint),
            "witnesses": witnesses(&cosigned),
        }))?,
        Style::Text => {
            output::line(&format!(
                "{} holds: read {} of the batch in leaf {} is in the ledger {} of {} leaves, signed by the given key.",
                file.display(),
                read.position,
                verified.batch.index,
                verified.batch.checkpoint.origin,
                verified.batch.checkpoint.size
            ));
            output::line(&format!("read    {}", verified.read));
            tell_witnesses(&cosigned);
        }
    }
    Ok(Exit::Done)
}

fn verify_tlog_proof(
    style: Style,
    file: &Path,
    proof: &TlogProof,
    trusted: &Trusted,
) -> Result<Exit> {
    let (leaf, checkpoint) = proof.verify(&trusted.keys)?;
    let cosigned = trusted.check(&proof.checkpoint)?;
    match style {
        Style::Json => output::json(&json!({
            "valid": true,
            "kind": "tlog-proof",
            "index": proof.index,
            "leaf": leaf,
            "checkpoint": head(&checkpoint),
            "witnesses": witnesses(&cosigned),
        }))?,
        Style::Text => {
            output::line(&format!(
                "{} holds: leaf {} is in the ledger {} of {} leaves, signed by the given key.",
                file.display(),
                proof.index,
                checkpoint.origin,
                checkpoint.size
            ));
            output::line(&format!("leaf    {leaf}"));
            tell_witnesses(&cosigned);
        }
    }
    Ok(Exit::Done)
}
