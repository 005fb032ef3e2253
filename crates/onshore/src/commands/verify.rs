//! `onshore verify`: checks a certificate or a proof bundle without network and without trusting anything in it.

use std::path::Path;

use anyhow::{Context, Result};
use onshore_ledger::{Certificate, Document, Listing, ObjectProof, ProofBundle, VerifierKey};
use serde_json::{Value, json};

use crate::cli::VerifyArgs;
use crate::exit::{Exit, usage};
use crate::output::{self, Style, bytes};

pub(crate) fn run(style: Style, args: &VerifyArgs) -> Result<Exit> {
    if args.key.is_empty() {
        return Err(usage(
            "no key to check against: pass --key VKEY, got from the operator by another way than the file; a key inside \
             the file is never trusted",
        ));
    }
    let keys = args
        .key
        .iter()
        .map(|key| {
            key.parse()
                .map_err(|error: onshore_ledger::Error| usage(format!("--key: {error}")))
        })
        .collect::<Result<Vec<VerifierKey>>>()?;
    let bytes = std::fs::read(&args.file)
        .map_err(|error| usage(format!("cannot read {}: {error}", args.file.display())))?;
    let refused = || format!("{} does not hold", args.file.display());
    match Document::parse(&bytes).with_context(refused)? {
        Document::Certificate(certificate) => verify_certificate(
            style,
            &args.file,
            &certificate,
            &keys,
            args.object.as_deref(),
        )
        .with_context(refused),
        Document::Proof(bundle) => {
            if args.object.is_some() {
                return Err(usage(
                    "--object goes with a certificate; this file is a proof bundle",
                ));
            }
            verify_bundle(style, &args.file, &bundle, &keys).with_context(refused)
        }
    }
}

fn verify_certificate(
    style: Style,
    file: &Path,
    certificate: &Certificate,
    keys: &[VerifierKey],
    object: Option<&str>,
) -> Result<Exit> {
    certificate.verify(keys)?;
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
            for exception in &body.exceptions {
                output::line(&format!(
                    "Exception: {} ({}): {}",
                    exception.key.escape_debug(),
                    exception.reason,
                    exception.detail
                ));
            }
            output::line(if is_complete {
                "Complete as listed by Onshore."
            } else {
                "It says INCOMPLETE: what is listed as an exception has not arrived."
            });
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

fn verify_bundle(
    style: Style,
    file: &Path,
    bundle: &ProofBundle,
    keys: &[VerifierKey],
) -> Result<Exit> {
    let verified = bundle.verify(keys)?;
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
            "checkpoint": { "origin": verified.checkpoint.origin, "size": verified.checkpoint.size, "root": verified.checkpoint.root },
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
        }
    }
    Ok(Exit::Done)
}
