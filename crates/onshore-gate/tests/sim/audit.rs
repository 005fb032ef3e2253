//! Checks a server that has just been opened, or has come to rest, against the model, and its ledger against itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::StreamExt as _;
use onshore_journal::RecordedLeaf;
use onshore_ledger::{
    Checkpoint, TileRef, consistency_path, node_from_tiles, verify_consistency, verify_tiles,
};
use onshore_policy::Flow;
use onshore_store::{INLINE_BYTES_MAX, ListQuery, Reach};
use onshore_types::{ByteRange, VersionId};
use serde_json::Value;

use super::crash;
use super::random::content;
use super::runner::{Runner, same};

/// What the ledger says, added up.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// Versions that are there.
    versions: BTreeSet<String>,
    /// Open exports: the approval, and what is reserved.
    open: BTreeMap<String, (Option<String>, u64)>,
    /// What is spent of each approval.
    spent: BTreeMap<String, u64>,
    revoked: BTreeSet<String>,
    until: BTreeMap<String, String>,
    /// Whether the rule pack `cn` is in force.
    is_china: bool,
}

impl Runner {
    /// Checks everything. Call it while no stream is open.
    pub(crate) async fn audit(&mut self) -> Result<()> {
        let leaves = self.leaves().await?;
        self.check_promises(&leaves)?;
        let ledger = self.add_up(&leaves)?;
        ensure!(ledger.open.is_empty(), "an export was never closed");
        self.check_objects(&ledger).await?;
        self.check_approvals(&ledger).await?;
        self.publish().await?;
        self.check_folder()?;
        self.check_proof(&leaves).await
    }

    pub(crate) async fn leaves(&self) -> Result<Vec<RecordedLeaf>> {
        let journal = self.house.gate.journal();
        let mut leaves = Vec::new();
        loop {
            let page = journal.leaves(leaves.len() as u64, 1000).await?;
            if page.is_empty() {
                return Ok(leaves);
            }
            leaves.extend(page);
        }
    }

    /// Every leaf somebody was told of is where it was, time never runs backwards, and no leaf names an object.
    fn check_promises(&self, leaves: &[RecordedLeaf]) -> Result<()> {
        for (position, leaf) in leaves.iter().enumerate() {
            same("a leaf's index", &leaf.index, &(position as u64))?;
            let text = leaf.body.to_string();
            ensure!(
                !text.contains("Wang") && !text.contains("passport"),
                "leaf {position} names an object: {text}"
            );
        }
        let times: Vec<_> = leaves.iter().map(|leaf| leaf.time).collect();
        ensure!(times.is_sorted(), "time runs backwards along the ledger");
        for (index, kind) in &self.model.leaves {
            let leaf = leaves.get(usize::try_from(*index)?);
            let found = leaf.with_context(|| format!("leaf {index} ({kind}) is gone"))?;
            same(
                "what a leaf tells",
                &text(&found.body, "kind")?,
                &kind.clone(),
            )?;
        }
        Ok(())
    }

    /// Adds up what the ledger tells, and finds what cannot be.
    fn add_up(&self, leaves: &[RecordedLeaf]) -> Result<Ledger> {
        let mut ledger = Ledger::default();
        for leaf in leaves {
            ledger
                .take_in(leaf)
                .with_context(|| format!("leaf {}: {}", leaf.index, leaf.body))?;
        }
        Ok(ledger)
    }

    /// What is stored is what was acknowledged, byte for byte, and what the ledger tells of.
    async fn check_objects(&mut self, ledger: &Ledger) -> Result<()> {
        let mut listed = BTreeSet::new();
        let home = self.house.gate.home();
        for index in 0..self.model.buckets.len() {
            let (_, bucket) = self.bucket(index);
            let label = self
                .house
                .store
                .list_label(&bucket, "", Reach::Objects)
                .await?;
            let none = (index, String::new());
            let transfer = self.transfer(&none, Flow::List, label, ByteRange::whole(0), home)?;
            let permit = self.house.gate.permit(transfer).await?;
            let query = ListQuery {
                limit: 1000,
                ..ListQuery::default()
            };
            let page = self.house.store.list(permit, query).await?;
            for entry in page.entries {
                let name = (index, entry.key.as_str().to_owned());
                let known = self.model.objects.get(&name).map(|object| object.version);
                same("the version listed", &entry.version, &known)?;
                listed.extend(entry.version.map(|version| version.to_string()));
            }
        }
        same("objects listed", &listed.len(), &self.model.objects.len())?;
        same("versions the ledger tells of", &ledger.versions, &listed)?;

        let known: Vec<_> = self
            .model
            .objects
            .iter()
            .map(|(name, object)| (name.clone(), object.clone()))
            .collect();
        for (name, object) in &known {
            let range = ByteRange::whole(object.size_bytes);
            let transfer = self.transfer(name, Flow::Read, object.label, range, home)?;
            let permit = self.house.gate.permit(transfer).await?;
            let (head, mut body) = self.house.store.read(permit, range).await?;
            same("a label", &head.label, &object.label)?;
            let mut bytes = Vec::new();
            while let Some(chunk) = body.next().await {
                bytes.extend_from_slice(&chunk?);
            }
            ensure!(
                bytes == content(object.seed, object.size_bytes),
                "an acknowledged object reads back otherwise"
            );
            let leaf = self.house.gate.journal().leaves(object.leaf, 1).await?;
            let told = leaf.first().context("its leaf is gone")?;
            same(
                "the version its leaf names",
                &text(&told.body, "version")?,
                &object.version.to_string(),
            )?;
        }
        self.house.store.drain().await;
        let files = crash::bodies(&self.folder(self.starts))?.len();
        let large = known
            .iter()
            .filter(|(_, object)| object.size_bytes > INLINE_BYTES_MAX)
            .count();
        same("files of bodies", &files, &large)
    }

    async fn check_approvals(&mut self, ledger: &Ledger) -> Result<()> {
        let approvals = self.house.registry.approvals().await?;
        for approval in approvals {
            let spent = ledger.spent.get(&approval.id.to_string());
            same(
                "what is spent of an approval, by the ledger",
                &approval.spent_bytes,
                &spent.copied().unwrap_or(0),
            )?;
            ensure!(
                approval.spent_bytes <= approval.max_bytes,
                "an approval is overspent"
            );
        }
        for known in &self.model.approvals {
            let found = self.house.registry.approval(known.id).await?;
            same("what is spent", &found.spent_bytes, &known.spent_bytes)?;
            same(
                "what is revoked",
                &found.revoked.is_some(),
                &known.is_revoked,
            )?;
            ensure!(
                known.sent_bytes <= found.spent_bytes,
                "more was sent than is spent"
            );
        }
        Ok(())
    }

    /// The folder alone, as a stranger finds it.
    fn check_folder(&self) -> Result<()> {
        let journal = self.house.gate.journal();
        let folder = journal.folder();
        let note = std::fs::read_to_string(folder.join("checkpoint"))?;
        let head = Checkpoint::verify(&note, &[journal.verifier()])?;
        same(
            "the checkpoint in the folder",
            &Some(&head),
            &self.model.head.as_ref(),
        )?;
        verify_tiles(head.size, &head.root, |tile| read(folder, tile))?;
        Ok(())
    }

    async fn check_proof(&mut self, leaves: &[RecordedLeaf]) -> Result<()> {
        if leaves.is_empty() {
            return Ok(());
        }
        let (one, other) = (
            self.dice.index(leaves.len()) as u64,
            self.dice.index(leaves.len()) as u64,
        );
        let journal = self.house.gate.journal();
        let proof = journal.prove(one, vec![other]).await?;
        let proven = proof.verify(&[journal.verifier()])?;
        let leaf = leaves.get(usize::try_from(one)?).context("it is there")?;
        same("what is proven", &proven.leaf, &leaf.body)
    }
}

impl Ledger {
    fn take_in(&mut self, leaf: &RecordedLeaf) -> Result<()> {
        let body = &leaf.body;
        match text(body, "kind")?.as_str() {
            "stored" => {
                if let Some(replaced) = body.get("replaced").and_then(Value::as_str) {
                    ensure!(
                        self.versions.remove(replaced),
                        "it replaced what was not there"
                    );
                }
                let version = text(body, "version")?;
                version.parse::<VersionId>()?;
                ensure!(self.versions.insert(version), "stored twice");
            }
            "removed" => {
                ensure!(
                    self.versions.remove(&text(body, "version")?),
                    "it removed what was not there"
                );
            }
            "approval.granted" => {
                self.until
                    .insert(text(body, "approval")?, text(body, "until")?);
            }
            "approval.revoked" => {
                self.revoked.insert(text(body, "approval")?);
            }
            "export.opened" => {
                let approval = body.get("approval").and_then(Value::as_str);
                let reserved = number(body, "reserved_bytes")?;
                if let Some(approval) = approval {
                    ensure!(
                        !self.revoked.contains(approval),
                        "exported after revocation"
                    );
                    let instrument = body.pointer("/on/instrument").and_then(Value::as_str);
                    if self.is_china {
                        let is_important = text(body, "label")?.contains("important");
                        let is_enough = instrument
                            .is_some_and(|word| !is_important || word == "security-assessment");
                        ensure!(is_enough, "the rule pack forbids what was exported");
                    }
                    let until = self.until.get(approval).context("an unknown approval")?;
                    ensure!(leaf.time < until.parse()?, "exported after its end");
                    *self.spent.entry(approval.to_owned()).or_default() += reserved;
                }
                let open = (approval.map(str::to_owned), reserved);
                self.open.insert(text(body, "export")?, open);
            }
            "export.closed" => {
                let (approval, reserved) = self
                    .open
                    .remove(&text(body, "export")?)
                    .context("closed twice, or never opened")?;
                let spent = number(body, "spent_bytes")?;
                ensure!(spent <= reserved, "more is spent than was reserved");
                if let Some(approval) = approval {
                    *self.spent.entry(approval).or_default() -= reserved - spent;
                }
            }
            "epoch" => {
                let pack = body.pointer("/document/rule_pack/name");
                self.is_china = pack.and_then(Value::as_str) == Some("cn");
            }
            "tenant.created" | "tenant.standing" | "pack.activated" | "changed" | "refused"
            | "refused.counted" | "reads" => {}
            other => bail!("an unknown kind of leaf: {other}"),
        }
        Ok(())
    }
}

/// Checks, from the tiles alone, that one checkpoint continues another.
pub(crate) fn extends(folder: &Path, old: &Checkpoint, new: &Checkpoint) -> Result<()> {
    ensure!(old.size <= new.size, "the ledger shrank");
    let path = consistency_path(old.size, new.size, |node| {
        node_from_tiles(new.size, node, &mut |tile| read(folder, tile))
    })?;
    verify_consistency(old.size, &old.root, new.size, &new.root, &path)
        .context("the ledger does not continue the checkpoint seen before")
}

fn read(folder: &Path, tile: &TileRef) -> Option<Vec<u8>> {
    std::fs::read(folder.join(tile.path())).ok()
}

fn text(body: &Value, member: &str) -> Result<String> {
    let text = body.get(member).and_then(Value::as_str);
    Ok(text.with_context(|| format!("no {member}"))?.to_owned())
}

fn number(body: &Value, member: &str) -> Result<u64> {
    let number = body.get(member).and_then(Value::as_u64);
    number.with_context(|| format!("no {member}"))
}
