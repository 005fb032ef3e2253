//! What each document claims, and what has to hold for it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::json::{canonical, hash, hashes, list, member, number, only, parse, text};
use crate::merkle::{Hash, Tree, check_inclusion, hmac, leaf_hash, sha256};
use crate::note::{Checkpoint, Key, Note, base64, decimal, hex, unhex};
use crate::{Policy, Refusal, inventory, refuse_if};

/// Whom whoever checks trusts.
pub struct Trust<'p> {
    pub keys: Vec<Key>,
    pub policy: Option<&'p Policy>,
}

/// A leaf that was proven, and the record behind it where it is shown.
struct Proven {
    index: u64,
    leaf: Value,
    record: Option<Value>,
}

pub fn check(document: &[u8], trust: &Trust<'_>) -> Result<Vec<String>, Refusal> {
    if document.starts_with(b"c2sp.org/tlog-proof@v1\n") {
        return check_tlog_proof(document, trust);
    }
    if document.starts_with(b"{\"format\":\"onshore-evidence/1\",") {
        return check_evidence(document, trust);
    }
    let value = parse(document)?;
    let format = value.get("format").or_else(|| value.get("body")?.get("format"));
    match format.and_then(Value::as_str) {
        Some("onshore-certificate/1" | "onshore-certificate/2") => check_certificate(&value, trust),
        Some("onshore-proof/1") => {
            let mut said = Vec::new();
            let proven = check_proof(&value, trust, &mut said)?;
            for Proven { index, leaf, record } in proven {
                said.push(format!("leaf {index}: {leaf}, record {}", record.unwrap_or_default()));
            }
            Ok(said)
        }
        Some("onshore-read/1") => check_read(&value, trust),
        other => Err(format!("the document's format is {other:?}, which is not known here")),
    }
}

impl Trust<'_> {
    /// Reads a checkpoint that is signed and cosigned as it must be, and says so.
    fn checkpoint(&self, note: &str, said: &mut Vec<String>) -> Result<Checkpoint, Refusal> {
        let note = Note::parse(note)?;
        let checkpoint = Checkpoint::check(&note, &self.keys)?;
        let Checkpoint { origin, size, .. } = &checkpoint;
        said.push(format!("ledger {origin}, {size} leaves, signed by the given key"));
        if let Some(policy) = self.policy {
            said.push(format!("cosigned by enough witnesses: {:?}", policy.require(&note)?));
        }
        Ok(checkpoint)
    }
}

/// Reads a leaf's text, which has one spelling.
fn parse_leaf(bytes: &[u8]) -> Result<Value, Refusal> {
    let leaf = parse(bytes)?;
    refuse_if(!leaf.is_object() || canonical(&leaf)? != bytes, "a leaf is not canonical JSON")?;
    Ok(leaf)
}

/// Opens the record that a leaf promises.
fn open(leaf: &Value, salt: &Hash, record: &[u8]) -> Result<Value, Refusal> {
    let promised = text(leaf, "record")?;
    refuse_if(promised != hex(hmac(salt, record)), "a record is not the one that its leaf promises")?;
    parse(record)
}

/// Checks a proof bundle: its leaf, and the leaves that belong to it.
fn check_proof(bundle: &Value, trust: &Trust<'_>, said: &mut Vec<String>) -> Result<Vec<Proven>, Refusal> {
    refuse_if(text(bundle, "format")? != "onshore-proof/1", "the proof is of a format that is not known here")?;
    let checkpoint = trust.checkpoint(text(bundle, "checkpoint")?, said)?;
    let related = bundle.get("related").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    std::iter::once(bundle)
        .chain(related)
        .map(|claim| {
            let bytes = base64(text(claim, "leaf")?).ok_or("the leaf is not base64")?;
            let index = number(claim, "index")?;
            only(claim, "format leaf index path checkpoint disclosure related")?;
            check_inclusion(leaf_hash(&bytes), index, checkpoint.size, &hashes(claim, "path")?, &checkpoint.root)?;
            let leaf = parse_leaf(&bytes)?;
            let open = |shown| open(&leaf, &hash(shown, "salt")?, &canonical(member(shown, "record")?)?);
            let record = claim.get("disclosure").map(open).transpose()?;
            Ok(Proven { index, leaf, record })
        })
        .collect()
}

fn check_tlog_proof(document: &[u8], trust: &Trust<'_>) -> Result<Vec<String>, Refusal> {
    let malformed = || "the proof is malformed".to_owned();
    let whole = std::str::from_utf8(document).map_err(|_| malformed())?;
    let (head, note) = whole.split_once("\n\n").ok_or_else(malformed)?;
    let mut lines = head.split('\n').skip(1);
    let leaf = lines.next().and_then(|line| base64(line.strip_prefix("extra ")?)).ok_or("the proof carries no leaf")?;
    let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?)).ok_or_else(malformed)?;
    let path: Option<Vec<Hash>> = lines.map(|line| base64(line)?.try_into().ok()).collect();
    let mut said = Vec::new();
    let checkpoint = trust.checkpoint(note, &mut said)?;
    check_inclusion(leaf_hash(&leaf), index, checkpoint.size, &path.ok_or_else(malformed)?, &checkpoint.root)?;
    said.push(format!("leaf {index}: {}", parse_leaf(&leaf)?));
    Ok(said)
}

fn check_read(value: &Value, trust: &Trust<'_>) -> Result<Vec<String>, Refusal> {
    let mut said = Vec::new();
    let proven = check_proof(member(value, "batch")?, trust, &mut said)?;
    let batch = proven.first().ok_or("there is no batch")?;
    let (read, position) = (member(value, "read")?, number(value, "position")?);
    refuse_if(text(&batch.leaf, "kind")? != "reads", "the leaf tells of no batch of reads")?;
    only(value, "format position path read batch")?;
    let record = member(read, "record")?;
    let promised = hmac(&hash(read, "salt")?, &canonical(record)?);
    let (count, root) = (number(&batch.leaf, "count")?, hash(&batch.leaf, "root")?);
    check_inclusion(leaf_hash(&promised), position, count, &hashes(value, "path")?, &root)?;
    said.push(format!("read {position} of the batch in leaf {}: {record}", batch.index));
    Ok(said)
}

/// Checks a migration certificate: what it lists makes the signed root, its figures follow from what it lists, and the
/// ledger recorded it.
fn check_certificate(value: &Value, trust: &Trust<'_>) -> Result<Vec<String>, Refusal> {
    only(value, "body pages objects signature proof")?;
    let (body, objects) = (member(value, "body")?, list(value, "objects")?);
    let body_hash = sha256(&[&canonical(body)?]);
    let note = Note::parse(text(value, "signature")?)?;
    let mut signer = None;
    for key in &trust.keys {
        let wanted = format!("{} {}\n{}\n", text(body, "format")?, key.name, hex(body_hash));
        if note.is_signed_by(key)? && note.text == wanted {
            signer = Some(&key.name);
        }
    }
    let signer = signer.ok_or("the certificate's body is not the one that was signed")?;
    let salt = hash(body, "salt")?;
    let (mut tree, mut bytes) = (Tree::new(), 0_u64);
    let mut seen: BTreeSet<(&str, Option<&str>)> = BTreeSet::new();
    for object in objects {
        let order = (text(object, "key")?, object.get("version").and_then(Value::as_str));
        refuse_if(
            seen.last().is_some_and(|last| *last >= order),
            "the objects are not in order, or one is listed twice",
        )?;
        seen.insert(order);
        bytes = bytes.checked_add(number(object, "size")?).ok_or("the sizes are too large")?;
        tree.append(leaf_hash(&hmac(&salt, &canonical(object)?)));
    }
    let root = hash(body, "root")?;
    refuse_if(
        tree.root() != root || number(body, "bytes")? != bytes,
        "the objects listed do not make the root and the sum that were signed",
    )?;
    let (counts, exceptions) = (member(body, "counts")?, list(body, "exceptions")?);
    let count = |name| number(counts, name);
    let arrived = u128::from(count("copied")?) + u128::from(count("unchanged")?);
    refuse_if(
        arrived != objects.len() as u128
            || u128::from(count("listed")?) != arrived + exceptions.len() as u128
            || count("exceptions")? != exceptions.len() as u64,
        "the counts do not agree with what is listed",
    )?;
    for exception in exceptions {
        let order = (text(exception, "key")?, exception.get("version").and_then(Value::as_str));
        refuse_if(!seen.insert(order), "an exception is listed twice, or arrived as well")?;
    }
    let mut said = Vec::new();
    let is_counted = inventory::check(value, body, &mut said)?;
    let listing = text(body, "listing")?;
    let holds = match listing {
        "incomplete" => true,
        "complete as listed by Onshore" => exceptions.is_empty(),
        "complete as selected" => exceptions.iter().all(|missing| text(missing, "reason") == Ok("not-selected")),
        "complete as listed by Onshore and as counted independently" => exceptions.is_empty() && is_counted,
        _ => false,
    };
    refuse_if(!holds, "it claims to be complete, and what it lists says otherwise")?;
    let proven = check_proof(member(value, "proof")?, trust, &mut said)?;
    let leaf = proven.first().ok_or("there is no leaf")?;
    let claim = leaf.leaf.get("certificate").or_else(|| leaf.record.as_ref()?.get("certificate"));
    if claim != Some(&json!({ "body": hex(body_hash), "root": hex(root) })) {
        return Err("the ledger recorded another certificate".to_owned());
    }
    let origin = text(member(value, "proof")?, "checkpoint")?.split('\n').next();
    refuse_if(origin != Some(signer), "it is signed by one ledger and recorded in another")?;
    said.push(format!("certificate of {} to bucket {}: {listing}", text(body, "source")?, text(body, "bucket")?));
    said.push(format!("{arrived} objects arrived, {bytes} bytes, {} exceptions", exceptions.len()));
    for exception in exceptions {
        said.push(format!("exception: {} ({})", text(exception, "key")?, text(exception, "reason")?));
    }
    Ok(said)
}

/// Checks an evidence bundle: signed as a whole, its run of leaves under the root and without a gap, everything there
/// that the leaves of its span speak of.
fn check_evidence(document: &[u8], trust: &Trust<'_>) -> Result<Vec<String>, Refusal> {
    let body = check_signature(document, trust)?;
    let mut lines = body.split(|byte| *byte == b'\n');
    let mut next = || lines.next().ok_or("lines are missing".to_owned()).and_then(parse);
    let head = next()?;
    let mut said = Vec::new();
    let checkpoint = trust.checkpoint(text(&head, "checkpoint")?, &mut said)?;
    let (first, count) = (number(&head, "first")?, number(&head, "count")?);
    let (from, to) = (time(&head, "from")?, time(&head, "to")?);
    let range = member(&head, "range")?;
    let mut tree = Tree::of(first, &hashes(range, "before")?)?;
    let mut entries: Vec<(bool, Proven)> = Vec::new();
    let mut latest = String::new();
    let end = first
        .checked_add(count)
        .filter(|end| *end <= checkpoint.size)
        .ok_or("there are more leaves than in the ledger")?;
    for index in first..end {
        let line = next()?;
        tree.append(leaf_hash(text(&line, "leaf")?.as_bytes()));
        let proven = told(index, &line)?;
        let at = time(&proven.leaf, "time")?.to_owned();
        refuse_if(
            at < latest || (index == first && first > 0 && at.as_str() >= from),
            "times run backwards, or the first leaf is not before the span",
        )?;
        entries.push(((from..to).contains(&at.as_str()), proven));
        latest = at;
    }
    tree.append_behind(checkpoint.size, &hashes(range, "behind")?)?;
    refuse_if(tree.root() != checkpoint.root, "the leaves do not make the root of the checkpoint")?;
    let is_open = latest.as_str() < to;
    refuse_if(from > to || (is_open && end != checkpoint.size), "the last leaf is not behind the span")?;
    for _ in 0..number(&head, "context")? {
        let line = next()?;
        let index = number(&line, "index")?;
        let leaf = leaf_hash(text(&line, "leaf")?.as_bytes());
        check_inclusion(leaf, index, checkpoint.size, &hashes(&line, "path")?, &checkpoint.root)?;
        refuse_if(entries.iter().any(|(_, known)| known.index == index), "a leaf is there twice")?;
        entries.push((false, told(index, &line)?));
    }
    refuse_if(lines.next() != Some(&[]) || lines.next().is_some(), "there are lines that nothing announces")?;
    check_references(&entries)?;
    said.push(format!("everything recorded from {from} to {to}, nothing left out"));
    if is_open {
        said.push("the ledger ended before the span did: what came later is not in it".to_owned());
    }
    tell(&entries, &mut said);
    Ok(said)
}

/// Checks the last line, a signature of every byte before it, and returns those.
fn check_signature<'d>(document: &'d [u8], trust: &Trust<'_>) -> Result<&'d [u8], Refusal> {
    let altered = || "the bundle is not the one that was signed: a byte was changed, or lines are missing".to_owned();
    let whole = document.strip_suffix(b"\n").ok_or_else(altered)?;
    let start = whole.iter().rposition(|byte| *byte == b'\n').ok_or_else(altered)? + 1;
    let (body, last) = whole.split_at(start);
    let end = parse(last)?;
    let note = Note::parse(text(&end, "signature")?)?;
    let is_plain = json!({ "signature": text(&end, "signature")? }).to_string().as_bytes() == last;
    let hash = hex(sha256(&[body]));
    for key in &trust.keys {
        let wanted = format!("onshore-evidence/1 {}\n{hash}\n", key.name);
        if note.is_signed_by(key)? && note.text == wanted && note.lines.len() == 1 && is_plain {
            return Ok(body);
        }
    }
    Err(altered())
}

/// Reads a line of a bundle.
fn told(index: u64, line: &Value) -> Result<Proven, Refusal> {
    let leaf = parse_leaf(text(line, "leaf")?.as_bytes())?;
    let record = match (line.get("salt"), line.get("record")) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            let salt = unhex(text(line, "salt")?).ok_or("a salt is malformed")?;
            Some(open(&leaf, &salt, text(line, "record")?.as_bytes())?)
        }
        _ => return Err("a record without its salt".to_owned()),
    };
    Ok(Proven { index, leaf, record })
}

/// Times are compared as text, which is right for one spelling alone.
fn time<'v>(value: &'v Value, name: &str) -> Result<&'v str, Refusal> {
    let time = text(value, name)?;
    let fits = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    if time.len() == 24 && time.bytes().zip(*b"0000-00-00T00:00:00.000Z").all(fits) {
        Ok(time)
    } else {
        Err(format!("`{name}` is not a time as the ledger writes it"))
    }
}

/// Leaves of the span name a configuration epoch, exports an approval, closings what they close: all of it is there.
fn check_references(entries: &[(bool, Proven)]) -> Result<(), Refusal> {
    let member =
        |proven: &Proven, name: &str| proven.leaf.get(name).filter(|value| !value.is_null()).map(Value::to_string);
    let kind = |proven: &Proven| proven.leaf.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    let (mut epochs, mut approvals, mut indexes) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (_, proven) in entries {
        indexes.insert(proven.index.to_string());
        match kind(proven).as_str() {
            "epoch" => epochs.extend(member(proven, "epoch")),
            kind if kind.starts_with("approval.") => approvals.extend(member(proven, "approval")),
            _ => {}
        }
    }
    for (_, proven) in entries.iter().filter(|(is_in_span, _)| *is_in_span) {
        let is_missing =
            |known: &BTreeSet<String>, name| member(proven, name).is_some_and(|named| !known.contains(&named));
        refuse_if(is_missing(&epochs, "epoch"), "a configuration epoch is missing")?;
        refuse_if(
            kind(proven).starts_with("export.")
                && (is_missing(&approvals, "approval") || is_missing(&indexes, "opened")),
            "the approval or the opening of an export is missing",
        )?;
    }
    Ok(())
}

/// Says who exported what to where on which approval, and what was refused.
fn tell(entries: &[(bool, Proven)], said: &mut Vec<String>) {
    let word = |value: &Value, name: &str| match value.get(name) {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.escape_debug().to_string(),
        Some(other) => other.to_string(),
    };
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut closings: BTreeMap<u64, &Value> = BTreeMap::new();
    for (is_in_span, proven) in entries {
        if *is_in_span {
            *counts.entry(word(&proven.leaf, "kind")).or_default() += 1;
        }
        closings.extend(proven.leaf.get("opened").and_then(Value::as_u64).map(|opened| (opened, &proven.leaf)));
    }
    let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    said.push(format!("recorded: {}", counts.join(", ")));
    for (_, Proven { index, leaf, record }) in entries {
        let what = record.as_ref().map_or_else(|| word(leaf, "version"), |record| word(record, "key"));
        let (at, who, to) = (word(leaf, "time"), word(leaf, "principal"), word(leaf, "to"));
        match word(leaf, "kind").as_str() {
            "epoch" => {
                let document = leaf.get("document").unwrap_or(&Value::Null);
                let pack = document.get("rule_pack").unwrap_or(&Value::Null);
                let is_open = word(pack, "border") == "open";
                let border = if is_open { ": THE BORDER WAS OPEN, nothing that left counts as an export" } else { "" };
                let [name, version, sha256] = ["name", "version", "sha256"].map(|name| word(pack, name));
                said.push(format!(
                    "leaf {index}: rules of epoch {}: border SHA-256 {}, rule pack {name} {version} SHA-256 {sha256}{border}",
                    word(leaf, "epoch"),
                    word(document, "pack_sha256")
                ));
            }
            "export.opened" | "export.described" => {
                let sent = closings.get(index).map_or_else(|| "?".to_owned(), |closing| word(closing, "sent_bytes"));
                said.push(format!(
                    "leaf {index}: {at} {who} exported {what} ({}) to {to} on approval {}, {sent} bytes",
                    word(leaf, "label"),
                    word(leaf, "approval")
                ));
            }
            "refused" => {
                said.push(format!("leaf {index}: {at} {who} was refused {what} to {to} by rule {}", word(leaf, "rule")))
            }
            kind if kind.starts_with("approval.") => {
                said.push(format!(
                    "leaf {index}: {at} {kind} {} to {to} for {}",
                    word(leaf, "approval"),
                    word(leaf, "class")
                ));
            }
            _ => {}
        }
    }
}
