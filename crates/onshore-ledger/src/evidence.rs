//! The evidence bundle: everything the ledger recorded in a span of time, in one file that is checked offline. It holds
//! each leaf of the span with the record behind it where that is shown, one proof for all of them together, and the
//! leaves from elsewhere that they speak of: configuration epochs with the hashes of their rule packs, approvals, the
//! opening and closing of exports.
//!
//! The file is lines of JSON, so that it is written and read in one pass whatever its length: a head, the leaves in
//! their order, the leaves from elsewhere, and a signature of the ledger's key over every byte before it. Leaves and
//! records stand there as the text that was hashed. The run of leaves goes one beyond the span on either side: those
//! neighbours show by their times that nothing of the span is missing.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::leaf::commitment_of_bytes;
use crate::{
    Checkpoint, Error, Hash, Note, RangeProof, Result, Salt, Signer, VerifierKey, leaf_hash,
    parse_leaf, parse_record, verify_inclusion,
};

const TEXT_PREFIX: &str = "onshore-evidence/1 ";

/// The kinds of leaves that are told of one by one; of the others an account counts how many there are.
const COUNTED_ALONE: [&str; 5] = ["stored", "removed", "changed", "reads", "scanned"];

/// The format of an evidence bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EvidenceFormat {
    /// The first format.
    #[serde(rename = "onshore-evidence/1")]
    V1,
}

/// The first line of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceHead {
    /// The format of this document.
    pub format: EvidenceFormat,
    /// When the span begins.
    pub from: String,
    /// When it ends; this instant is not in it.
    pub to: String,
    /// The index of the first leaf of the run.
    pub first: u64,
    /// How many leaves the run has.
    pub count: u64,
    /// What proves them all together.
    pub range: RangeProof,
    /// How many leaves from elsewhere follow the run.
    pub context: u64,
    /// The signed checkpoint they are all proven under, a note with its cosignatures.
    pub checkpoint: String,
}

/// A leaf of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceLeaf {
    /// The leaf's text.
    pub leaf: String,
    /// The text of the record behind it, if it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The salt that shows the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Salt>,
}

/// A leaf from elsewhere, proven by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvidenceContext {
    /// The leaf's index in the log.
    pub index: u64,
    /// The leaf's text.
    pub leaf: String,
    /// The inclusion proof, lowest sibling first.
    pub path: Vec<Hash>,
    /// The text of the record behind it, if it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The salt that shows the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<Salt>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EvidenceEnd {
    signature: String,
}

/// Writes a bundle line by line.
pub struct EvidenceWriter {
    hashed: digest::Context,
}

/// What a verified bundle says.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceAccount {
    /// The ledger that it is from.
    pub origin: String,
    /// Its first line.
    pub head: EvidenceHead,
    /// The checkpoint that everything is proven under.
    pub checkpoint: Checkpoint,
    /// Whether the ledger had ended before the span had: something of it may have come later.
    pub is_open: bool,
    /// How many leaves of each kind are in the span.
    pub counts: BTreeMap<String, u64>,
    /// The leaves that are told of one by one, in their order.
    pub entries: Vec<EvidenceEntry>,
}

/// A leaf that is told of.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceEntry {
    /// Its index in the log.
    pub index: u64,
    /// Whether it is in the span, and not only spoken of.
    pub is_in_span: bool,
    /// The leaf.
    pub leaf: Value,
    /// The record behind it, if it is shown.
    pub record: Option<Value>,
}

impl EvidenceEntry {
    /// Returns a text that the leaf holds.
    #[must_use]
    pub fn text(&self, member: &str) -> Option<&str> {
        self.leaf.get(member).and_then(Value::as_str)
    }
}

/// As much of each leaf as has to be looked at.
#[derive(Deserialize)]
struct Peek<'a> {
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    time: std::borrow::Cow<'a, str>,
    #[serde(default)]
    epoch: Option<u64>,
    #[serde(default, borrow)]
    record: Option<std::borrow::Cow<'a, str>>,
}

/// One line of either sort.
struct Line<'a> {
    leaf: &'a str,
    record: Option<&'a str>,
    salt: Option<&'a Salt>,
}

impl EvidenceWriter {
    /// Begins a bundle.
    #[must_use]
    pub fn new() -> Self {
        Self {
            hashed: digest::Context::new(&digest::SHA256),
        }
    }

    /// Returns the next line: a head, then leaves, then leaves from elsewhere.
    pub fn line(&mut self, line: &impl Serialize) -> Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(line).map_err(Error::Json)?;
        bytes.push(b'\n');
        self.hashed.update(&bytes);
        Ok(bytes)
    }

    /// Returns the last line.
    pub fn finish(self, signer: &Signer) -> Result<Vec<u8>> {
        let hash = Hash::from_digest(self.hashed.finish().as_ref());
        let end = EvidenceEnd {
            signature: signer.sign(&signed_text(signer.name(), &hash))?,
        };
        let mut bytes = serde_json::to_vec(&end).map_err(Error::Json)?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

impl Default for EvidenceWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for EvidenceWriter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("EvidenceWriter")
    }
}

/// Whether bytes begin as a bundle does.
pub(crate) fn is_evidence(bytes: &[u8]) -> bool {
    bytes.starts_with(b"{\"format\":\"onshore-evidence/1\",")
}

/// Checks everything a bundle claims with keys the verifier brought along, and returns what it says. Whether enough
/// witnesses cosigned its checkpoint a policy says ([`crate::TlogPolicy::require`]).
pub fn verify_evidence(bytes: &[u8], keys: &[VerifierKey]) -> Result<EvidenceAccount> {
    let body = check_signature(bytes, keys)?;
    let mut lines = Lines::new(body);
    let head: EvidenceHead = lines.next()?;
    let checkpoint = Checkpoint::verify(&head.checkpoint, keys)?;
    let mut account = Account::new(&head);
    let mut run = head.range.begin(head.first)?;
    for index in (head.first..).take(index_of(head.count)?) {
        let line: EvidenceLeaf = lines.next()?;
        run.append(leaf_hash(line.leaf.as_bytes()))?;
        let line = Line {
            leaf: &line.leaf,
            record: line.record.as_deref(),
            salt: line.salt.as_ref(),
        };
        account.take(index, &line)?;
    }
    run.finish(checkpoint.size, &checkpoint.root)?;
    let is_open = account.close_run(&checkpoint)?;
    for _ in 0..head.context {
        let line: EvidenceContext = lines.next()?;
        verify_inclusion(
            &leaf_hash(line.leaf.as_bytes()),
            line.index,
            checkpoint.size,
            &line.path,
            &checkpoint.root,
        )?;
        let told = Line {
            leaf: &line.leaf,
            record: line.record.as_deref(),
            salt: line.salt.as_ref(),
        };
        account.take_context(line.index, &told)?;
    }
    lines.end()?;
    account.check_references()?;
    let Account {
        counts,
        mut entries,
        ..
    } = account;
    entries.sort_by_key(|entry| entry.index);
    Ok(EvidenceAccount {
        origin: checkpoint.origin.clone(),
        head,
        checkpoint,
        is_open,
        counts,
        entries,
    })
}

fn index_of(count: u64) -> Result<usize> {
    usize::try_from(count).map_err(|_| Error::SizeTooLarge { size: count })
}

fn signed_text(origin: &str, hash: &Hash) -> String {
    format!("{TEXT_PREFIX}{origin}\n{hash}\n")
}

/// Checks the last line, and returns what is before it.
fn check_signature<'b>(bytes: &'b [u8], keys: &[VerifierKey]) -> Result<&'b [u8]> {
    let lines = bytes.split(|byte| *byte == b'\n');
    let malformed = |lines: usize| Error::EvidenceMalformed { line: lines };
    let without_end = bytes
        .strip_suffix(b"\n")
        .ok_or_else(|| malformed(lines.clone().count()))?;
    let start = without_end
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    let (body, last) = bytes.split_at(start);
    let end: EvidenceEnd =
        serde_json::from_slice(last).map_err(|_| malformed(lines.clone().count() - 1))?;
    // One spelling: a byte of the signature's own line cannot be changed either.
    let mut written = serde_json::to_vec(&end).map_err(Error::Json)?;
    written.push(b'\n');
    if written != last {
        return Err(malformed(lines.count() - 1));
    }
    let note = Note::parse(&end.signature)?;
    let hash = Hash::of(body);
    let text = note.verify(keys)?;
    let is_signed = note
        .signers(keys)?
        .iter()
        .any(|key| text == signed_text(key.name(), &hash));
    if is_signed && note.signatures().len() == 1 {
        Ok(body)
    } else {
        Err(Error::EvidenceAltered)
    }
}

/// The lines of a bundle but the last.
struct Lines<'b> {
    rest: &'b [u8],
    number: usize,
}

impl<'b> Lines<'b> {
    fn new(rest: &'b [u8]) -> Self {
        Self { rest, number: 0 }
    }

    fn next<T: Deserialize<'b>>(&mut self) -> Result<T> {
        self.number += 1;
        let malformed = Error::EvidenceMalformed { line: self.number };
        let Some(newline) = self.rest.iter().position(|byte| *byte == b'\n') else {
            return Err(malformed);
        };
        let (line, rest) = self.rest.split_at(newline + 1);
        self.rest = rest;
        serde_json::from_slice(line).map_err(|_| malformed)
    }

    fn end(&self) -> Result<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Error::EvidenceMalformed {
                line: self.number + 1,
            })
        }
    }
}

/// What was read of a bundle so far.
struct Account<'h> {
    head: &'h EvidenceHead,
    /// The time of the leaf before.
    latest: String,
    has_first: bool,
    counts: BTreeMap<String, u64>,
    entries: Vec<EvidenceEntry>,
    /// The epochs that leaves of the span name.
    epochs_named: BTreeSet<u64>,
    /// Which leaves from elsewhere were there.
    context: BTreeSet<u64>,
}

impl<'h> Account<'h> {
    fn new(head: &'h EvidenceHead) -> Self {
        Self {
            head,
            latest: String::new(),
            has_first: false,
            counts: BTreeMap::new(),
            entries: Vec::new(),
            epochs_named: BTreeSet::new(),
            context: BTreeSet::new(),
        }
    }

    /// Takes a leaf of the run.
    fn take(&mut self, index: u64, line: &Line<'_>) -> Result<()> {
        let peek: Peek<'_> = serde_json::from_str(line.leaf).map_err(Error::Json)?;
        let time = check_time(&peek.time)?;
        if time < self.latest.as_str() {
            return incomplete("the times of its leaves run backwards");
        }
        if !self.has_first {
            self.has_first = true;
            if index > 0 && time >= self.head.from.as_str() {
                return incomplete("its first leaf is not before the span");
            }
        }
        time.clone_into(&mut self.latest);
        check_record(line, peek.record.as_deref())?;
        let is_in_span = (self.head.from.as_str()..self.head.to.as_str()).contains(&time);
        if is_in_span {
            *self.counts.entry(peek.kind.to_string()).or_default() += 1;
            self.epochs_named.extend(peek.epoch);
        }
        if !COUNTED_ALONE.contains(&&*peek.kind) {
            self.tell(index, is_in_span, line)?;
        }
        Ok(())
    }

    /// Takes a leaf from elsewhere.
    fn take_context(&mut self, index: u64, line: &Line<'_>) -> Result<()> {
        let run = self.head.first..self.head.first.saturating_add(self.head.count);
        if run.contains(&index) || !self.context.insert(index) {
            return incomplete("a leaf is there twice");
        }
        let peek: Peek<'_> = serde_json::from_str(line.leaf).map_err(Error::Json)?;
        check_record(line, peek.record.as_deref())?;
        self.tell(index, false, line)
    }

    fn tell(&mut self, index: u64, is_in_span: bool, line: &Line<'_>) -> Result<()> {
        self.entries.push(EvidenceEntry {
            index,
            is_in_span,
            leaf: parse_leaf(line.leaf.as_bytes())?,
            record: line
                .record
                .map(|record| parse_record(record.as_bytes()))
                .transpose()?,
        });
        Ok(())
    }

    /// Checks that the run goes to the end of the span, and returns whether the ledger ended before that.
    fn close_run(&self, checkpoint: &Checkpoint) -> Result<bool> {
        let (from, to) = (check_time(&self.head.from)?, check_time(&self.head.to)?);
        if from > to {
            return incomplete("its span ends before it begins");
        }
        if self.latest.as_str() >= to {
            return Ok(false);
        }
        if self.head.first.checked_add(self.head.count) == Some(checkpoint.size) {
            return Ok(true);
        }
        incomplete("its last leaf is not behind the span")
    }

    /// Checks that everything is there that leaves of the span speak of.
    fn check_references(&self) -> Result<()> {
        let mut epochs = BTreeSet::new();
        let mut approvals = BTreeSet::new();
        let mut indexes = BTreeSet::new();
        for entry in &self.entries {
            indexes.insert(entry.index);
            match entry.text("kind") {
                Some("epoch") => epochs.extend(entry.leaf.get("epoch").and_then(Value::as_u64)),
                Some(kind) if kind.starts_with("approval.") => {
                    approvals.extend(entry.text("approval"));
                }
                _ => {}
            }
        }
        if !self.epochs_named.is_subset(&epochs) {
            return incomplete("a configuration epoch is missing");
        }
        for entry in self.entries.iter().filter(|entry| entry.is_in_span) {
            let kind = entry.text("kind").unwrap_or_default();
            if !kind.starts_with("export.") {
                continue;
            }
            if entry
                .text("approval")
                .is_some_and(|approval| !approvals.contains(approval))
            {
                return incomplete("the approval of an export is missing");
            }
            let opened = entry.leaf.get("opened").and_then(Value::as_u64);
            if opened.is_some_and(|opened| !indexes.contains(&opened)) {
                return incomplete("the opening of an export is missing");
            }
        }
        Ok(())
    }
}

fn incomplete<T>(what: &'static str) -> Result<T> {
    Err(Error::EvidenceIncomplete { what })
}

/// Times are compared as text, which is right for one spelling alone: `2026-11-29T21:26:32.000Z`.
fn check_time(time: &str) -> Result<&str> {
    let is_well_formed = time.len() == 24
        && time
            .bytes()
            .zip(b"0000-00-00T00:00:00.000Z")
            .all(|(byte, form)| {
                if *form == b'0' {
                    byte.is_ascii_digit()
                } else {
                    byte == *form
                }
            });
    if is_well_formed {
        Ok(time)
    } else {
        incomplete("a time is not written as the ledger writes it")
    }
}

fn check_record(line: &Line<'_>, promised: Option<&str>) -> Result<()> {
    match (line.record, line.salt) {
        (None, None) => Ok(()),
        (Some(record), Some(salt)) => {
            let made = commitment_of_bytes(salt.as_bytes(), record.as_bytes()).to_string();
            if promised == Some(&made) {
                Ok(())
            } else {
                Err(Error::DisclosureRefused)
            }
        }
        (Some(_), None) | (None, Some(_)) => Err(Error::DisclosureRefused),
    }
}
