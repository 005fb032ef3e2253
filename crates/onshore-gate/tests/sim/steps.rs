//! What clients, the operator and time do, one step at a time, each checked against the model at once.

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{StreamExt as _, future};
use onshore_gate::{ApprovalRequest, Error as GateError, RemovedFact};
use onshore_ledger::Checkpoint;
use onshore_policy::{Basis, Flow, Permit, border_message};
use onshore_store::WriteCondition;
use onshore_types::{ByteRange, Label, Place};

use super::house::operator;
use super::model::{Approval, Name};
use super::random::content;
use super::runner::{Runner, Stream, UnitError, abroad, object, same};

/// What may happen, each as often as it is listed.
const STEPS: &[Step] = &[
    Step::Put,
    Step::Put,
    Step::Put,
    Step::Put,
    Step::PutIfAbsent,
    Step::Delete,
    Step::Read,
    Step::Read,
    Step::Export,
    Step::Export,
    Step::Export,
    Step::Send,
    Step::Send,
    Step::Send,
    Step::Race,
    Step::Grant,
    Step::Revoke,
    Step::Time,
    Step::Publish,
    Step::Drain,
];

#[derive(Debug, Clone, Copy)]
enum Step {
    Put,
    PutIfAbsent,
    Delete,
    Read,
    Export,
    Send,
    Race,
    Grant,
    Revoke,
    Time,
    Publish,
    Drain,
}

impl Runner {
    /// Takes one step, whichever the dice say.
    pub(crate) async fn step(&mut self) -> Result<()> {
        let step = *self.dice.pick(STEPS);
        let done = match step {
            Step::Put => self.put(WriteCondition::Always).await,
            Step::PutIfAbsent => self.put(WriteCondition::Absent).await,
            Step::Delete => self.delete().await,
            Step::Read => self.read().await,
            Step::Export => self.export().await,
            Step::Send => self.send().await,
            Step::Race => self.race().await,
            Step::Grant => self.grant().await,
            Step::Revoke => self.revoke().await,
            Step::Time => self.time(),
            Step::Publish => self.publish().await,
            Step::Drain => self.drain().await,
        };
        done.with_context(|| format!("{step:?}"))
    }

    async fn put(&mut self, condition: WriteCondition) -> Result<()> {
        let Some(name) = self.name(false) else {
            return Ok(());
        };
        let draft = self.stage(&name).await?;
        let seed = draft.seed;
        let (gate, store, asked) = (
            self.house.gate.clone(),
            self.house.store.clone(),
            condition.clone(),
        );
        let put = self
            .house
            .db
            .write(move |unit| draft.commit(unit, &gate, &store, &asked))
            .await;
        let before = self.model.objects.get(&name).map(|object| object.version);
        match put {
            Ok((committed, leaf)) => {
                ensure!(
                    condition == WriteCondition::Always || before.is_none(),
                    "an object was overwritten against its condition"
                );
                same("what was replaced", committed.replaced, before)?;
                self.model.told(leaf, "stored");
                self.model
                    .objects
                    .insert(name, object(seed, &committed, leaf));
                Ok(())
            }
            Err(UnitError::Store(onshore_store::Error::ConditionFailed { .. }))
                if condition == WriteCondition::Absent && before.is_some() =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn delete(&mut self) -> Result<()> {
        let Some(name) = self.name(true) else {
            return Ok(());
        };
        let leaf = self.remove(&name, || Ok(())).await?;
        self.model.told(leaf, "removed");
        self.model.objects.remove(&name);
        Ok(())
    }

    /// Removes an object; `inside` runs at the end of the unit of work.
    pub(crate) async fn remove(
        &mut self,
        name: &Name,
        inside: impl FnOnce() -> Result<()> + Send + 'static,
    ) -> Result<u64> {
        let Some(known) = self.model.objects.get(name).cloned() else {
            bail!("only what is there is removed");
        };
        let home = self.house.gate.home();
        let range = ByteRange::whole(0);
        let transfer = self.transfer(name, Flow::Change, known.label, range, home)?;
        let permit = self.house.gate.permit(transfer).await?;
        let (gate, store) = (self.house.gate.clone(), self.house.store.clone());
        let removed = self.house.db.write(move |unit| {
            let key = permit.key().context("a removal has a key");
            let key = key.map_err(UnitError::Other)?.clone();
            let removed = store
                .remove(unit, &permit, &key)
                .map_err(UnitError::Store)?
                .context("an acknowledged object was not there");
            let removed = removed.map_err(UnitError::Other)?;
            let bucket = permit.bucket().context("a removal has a bucket");
            let fact = RemovedFact {
                tenant: permit.tenant(),
                bucket: bucket.map_err(UnitError::Other)?,
                version: removed.version,
                label: removed.label,
            };
            let leaf = gate
                .settle_removed(unit, &permit, &fact)
                .map_err(UnitError::Gate)?;
            inside().map_err(UnitError::Other)?;
            Ok::<_, UnitError>((removed.version, leaf))
        });
        let (version, leaf) = removed.await?;
        same("the version removed", version, known.version)?;
        Ok(leaf)
    }

    async fn read(&mut self) -> Result<()> {
        let Some(name) = self.name(true) else {
            return Ok(());
        };
        let Some(known) = self.model.objects.get(&name).cloned() else {
            return Ok(());
        };
        let range = self.range(known.size_bytes);
        let home = self.house.gate.home();
        let transfer = self.transfer(&name, Flow::Read, known.label, range, home)?;
        let permit = self.house.gate.permit(transfer).await?;
        same("why a read inside passes", permit.basis(), Basis::Inside)?;
        let outflow = self.house.gate.watch(&permit);
        let (_, mut body) = self.house.store.read(permit, range).await?;
        let mut found = Vec::new();
        while let Some(chunk) = body.next().await {
            outflow.check()?;
            let chunk = chunk?;
            outflow.sent(chunk.len() as u64);
            found.extend_from_slice(&chunk);
        }
        ensure!(
            found == slice(known.seed, known.size_bytes, range)?,
            "a read gave other bytes"
        );
        Ok(())
    }

    fn range(&mut self, size_bytes: u64) -> ByteRange {
        if size_bytes == 0 || self.dice.once_in(2) {
            return ByteRange::whole(size_bytes);
        }
        let start = self.dice.below(size_bytes);
        ByteRange {
            start,
            len_bytes: 1 + self.dice.below(size_bytes - start),
        }
    }

    /// Asks for bytes from abroad and compares the answer with what the approvals allow.
    pub(crate) async fn ask(&mut self, name: &Name, to: Place) -> Result<Option<Asked>> {
        let Some(known) = self.model.objects.get(name).cloned() else {
            return Ok(None);
        };
        let range = self.range(known.size_bytes);
        let transfer = self.transfer(name, Flow::Read, known.label, range, to)?;
        let now = self.house.gate.now();
        let (tenant, _) = self.bucket(name.0);
        let carrier = self
            .model
            .carrier(tenant, known.label, to, range.len_bytes, now);
        let region = self.house.gate.region().jurisdiction;
        match self.house.gate.permit(transfer).await {
            Ok(permit) => {
                let approval = self.granted(&permit, known.label, carrier, range.len_bytes)?;
                Ok(Some(Asked {
                    permit,
                    range,
                    approval,
                }))
            }
            Err(GateError::Refused(refused)) => {
                ensure!(
                    carrier.is_none() && known.label != Label::GENERAL,
                    "refused what an approval carries: {refused:?}"
                );
                same("the message", refused.message, border_message(region, to))?;
                self.model.told(refused.leaf, "refused");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Checks a grant against what the approvals allowed before it, and books it.
    fn granted(
        &mut self,
        permit: &Permit,
        label: Label,
        carrier: Option<usize>,
        len_bytes: u64,
    ) -> Result<Option<usize>> {
        ensure!(permit.export().is_some(), "bytes leave and no export is open");
        match permit.basis() {
            Basis::Free => {
                same("what leaves freely", label, Label::GENERAL)?;
                Ok(None)
            }
            Basis::Approval(id) => {
                let index = carrier.context("permitted without an approval in force")?;
                let approval = self.model.approval(index);
                same("the approval that carries", id, approval.id)?;
                approval.spent_bytes += len_bytes;
                Ok(Some(index))
            }
            Basis::Inside | Basis::Inbound => bail!("abroad is not inside"),
        }
    }

    async fn export(&mut self) -> Result<()> {
        let Some(name) = self.name(true) else {
            return Ok(());
        };
        let to = *self.dice.pick(&abroad()?);
        let Some(Asked {
            permit,
            range,
            approval,
        }) = self.ask(&name, to).await?
        else {
            return Ok(());
        };
        if self.dice.once_in(5) {
            // The client went away between the permit and its use: `drain` gives back what it reserved.
            self.drain_after(permit, approval, range).await?;
            return Ok(());
        }
        let known = self.model.objects.get(&name).cloned();
        let known = known.context("it was there a moment ago")?;
        let outflow = self.house.gate.watch(&permit);
        let leaf = outflow.leaf().context("an export has a leaf")?;
        self.model.told(leaf, "export.opened");
        let (_, body) = self.house.store.read(permit, range).await?;
        self.streams.push(Stream {
            outflow,
            body,
            expected: slice(known.seed, known.size_bytes, range)?,
            sent: 0,
            approval,
        });
        Ok(())
    }

    async fn drain_after(
        &mut self,
        permit: Permit,
        approval: Option<usize>,
        range: ByteRange,
    ) -> Result<()> {
        drop(permit);
        self.house.gate.drain().await?;
        if let Some(index) = approval {
            self.model.approval(index).spent_bytes -= range.len_bytes;
        }
        Ok(())
    }

    /// Lets a stream send some chunks, or to its end, or has its client go away.
    async fn send(&mut self) -> Result<()> {
        if self.streams.is_empty() {
            return Ok(());
        }
        let index = self.dice.index(self.streams.len());
        let mut stream = self.streams.swap_remove(index);
        let chunks = self.dice.below(4);
        let mut is_over = self.dice.once_in(6);
        for _ in 0..chunks {
            if is_over {
                break;
            }
            let may_flow = stream.approval.is_none_or(|index| {
                let now = self.house.gate.now();
                self.model.approval(index).is_in_force(now)
            });
            same("whether bytes may flow", stream.outflow.check().is_ok(), may_flow)?;
            if !may_flow {
                is_over = true;
                break;
            }
            let Some(chunk) = stream.body.next().await else {
                same("bytes sent", stream.sent, stream.expected.len())?;
                is_over = true;
                break;
            };
            let chunk = chunk?;
            stream.outflow.sent(chunk.len() as u64);
            let until = stream.sent + chunk.len();
            ensure!(
                stream.expected.get(stream.sent..until) == Some(&*chunk),
                "an export gave other bytes"
            );
            stream.sent = until;
        }
        if is_over {
            self.end(stream).await
        } else {
            self.streams.push(stream);
            Ok(())
        }
    }

    /// Ends a stream: what was reserved and not sent goes back.
    pub(crate) async fn end(&mut self, stream: Stream) -> Result<()> {
        let Stream {
            outflow,
            expected,
            sent,
            approval,
            ..
        } = stream;
        drop(outflow);
        // The closing is queued; this comes after it.
        self.house
            .db
            .write(|_| Ok::<_, onshore_db::Error>(()))
            .await?;
        if let Some(index) = approval {
            let approval = self.model.approval(index);
            approval.spent_bytes -= (expected.len() - sent) as u64;
            approval.sent_bytes += sent as u64;
            let (id, spent) = (approval.id, approval.spent_bytes);
            let found = self.house.registry.approval(id).await?.spent_bytes;
            same("what is spent of an approval", found, spent)?;
        }
        Ok(())
    }

    /// Several clients ask at once; together they never get more than there is.
    async fn race(&mut self) -> Result<()> {
        let Some(name) = self.name(true) else {
            return Ok(());
        };
        let Some(known) = self.model.objects.get(&name).cloned() else {
            return Ok(());
        };
        let to = *self.dice.pick(&abroad()?);
        let range = ByteRange::whole(known.size_bytes);
        let transfer = self.transfer(&name, Flow::Read, known.label, range, to)?;
        let count = 2 + self.dice.index(8);
        let gate = self.house.gate.clone();
        let answers = future::join_all(
            std::iter::repeat_n(transfer, count).map(|transfer| gate.permit(transfer)),
        )
        .await;
        let (tenant, _) = self.bucket(name.0);
        let now = gate.now();
        let mut open = Vec::new();
        for answer in answers {
            let carrier = self
                .model
                .carrier(tenant, known.label, to, range.len_bytes, now);
            match answer {
                Ok(permit) => {
                    let approval = self.granted(&permit, known.label, carrier, range.len_bytes)?;
                    open.push((gate.watch(&permit), approval));
                }
                Err(GateError::Refused(refused)) => {
                    ensure!(
                        carrier.is_none() && known.label != Label::GENERAL,
                        "refused while there was enough left"
                    );
                    self.model.told(refused.leaf, "refused");
                }
                Err(error) => return Err(error.into()),
            }
        }
        for (outflow, approval) in open {
            drop(outflow);
            if let Some(index) = approval {
                self.model.approval(index).spent_bytes -= range.len_bytes;
            }
        }
        self.house
            .db
            .write(|_| Ok::<_, onshore_db::Error>(()))
            .await?;
        Ok(())
    }

    async fn grant(&mut self) -> Result<()> {
        let tenant = self.dice.index(self.model.tenants.len());
        let [us, de, _] = abroad()?;
        let Place::In(to) = *self.dice.pick(&[us, de]) else {
            return Ok(());
        };
        let labels = ["general", "personal", "important,personal", "core"];
        let label: Label = self.dice.pick(&labels).parse()?;
        let max_bytes = self.dice.below(600_000);
        let minutes = i64::try_from(1 + self.dice.below(240))?;
        let now = self.house.gate.now();
        let until = now.plus_millis(minutes * 60_000);
        let name = self.model.tenants.get(tenant).map(|known| &known.name);
        let request = ApprovalRequest {
            tenant: name.context("tenants stay")?.clone(),
            to,
            label,
            max_bytes,
            until,
        };
        let (granted, leaf) = self.house.gate.grant_approval(operator(), &request).await?;
        self.model.told(leaf, "approval.granted");
        self.model.approvals.push(Approval {
            id: granted.id,
            tenant,
            to,
            label,
            max_bytes,
            granted: granted.granted,
            until,
            is_revoked: false,
            spent_bytes: 0,
            sent_bytes: 0,
        });
        Ok(())
    }

    async fn revoke(&mut self) -> Result<()> {
        if self.model.approvals.is_empty() {
            return Ok(());
        }
        let index = self.dice.index(self.model.approvals.len());
        let approval = self.model.approval(index);
        let (id, was_revoked) = (approval.id, approval.is_revoked);
        match self.house.gate.revoke_approval(operator(), id).await {
            Ok((_, leaf)) => {
                same("whether it was revoked before", was_revoked, false)?;
                self.model.told(leaf, "approval.revoked");
                self.model.approval(index).is_revoked = true;
                Ok(())
            }
            Err(GateError::Registry(onshore_registry::Error::AlreadyRevoked(_))) if was_revoked => {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn time(&mut self) -> Result<()> {
        let before = self.house.gate.now();
        let seconds = i64::try_from(self.dice.below(7200))?;
        let millis = match self.dice.below(4) {
            0 => -seconds * 1000,
            1 => seconds,
            2 => 61_000,
            _ => seconds * 1000,
        };
        self.clock.step(millis);
        ensure!(self.house.gate.now() >= before, "time ran backwards");
        Ok(())
    }

    /// Publishes, as an outsider who keeps the newest checkpoint sees it.
    pub(crate) async fn publish(&mut self) -> Result<()> {
        let journal = self.house.gate.journal();
        journal.publish().await?;
        let note = journal.checkpoint();
        let head = Checkpoint::verify(&note, &[journal.verifier()])?;
        let size = journal.size().await?;
        same("what the checkpoint covers", head.size, size)?;
        if let Some(known) = &self.model.head {
            super::audit::extends(journal.folder(), known, &head)?;
        }
        self.model.head = Some(head);
        Ok(())
    }

    async fn drain(&mut self) -> Result<()> {
        Ok(self.house.gate.drain().await?)
    }
}

/// What the gate let somebody abroad have.
pub(crate) struct Asked {
    pub(crate) permit: Permit,
    pub(crate) range: ByteRange,
    pub(crate) approval: Option<usize>,
}

fn slice(seed: u64, size_bytes: u64, range: ByteRange) -> Result<Vec<u8>> {
    let (start, end) = (usize::try_from(range.start)?, usize::try_from(range.end())?);
    let whole = content(seed, size_bytes);
    Ok(whole
        .get(start..end)
        .context("a range lies inside its object")?
        .to_vec())
}
