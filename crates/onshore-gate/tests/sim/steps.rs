//! What clients, the operator and time do, one step at a time, each checked against the model at once.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use futures_util::StreamExt as _;
use onshore_gate::{ApprovalRequest, Error as GateError, RemovedFact, Terms};
use onshore_ledger::Checkpoint;
use onshore_policy::{Basis, Flow, PackFiles};
use onshore_registry::Standing;
use onshore_store::{Removal, WriteCondition};
use onshore_types::{ByteRange, Instrument, Label, Place, Recipient, RecipientKind, Wording};

use super::house::operator;
use super::model::{Approval, Beside, Name};
use super::random::content;
use super::runner::{Runner, UnitError, abroad, object, same};

/// What may happen, each as often as it is listed.
const STEPS: &[Step] = &[
    Step::Put,
    Step::Put,
    Step::Put,
    Step::Put,
    Step::PutIfAbsent,
    Step::PutInVain,
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
    Step::Pack,
    Step::Standing,
    Step::Time,
    Step::Publish,
    Step::Drain,
];

#[derive(Debug, Clone, Copy)]
enum Step {
    Put,
    PutIfAbsent,
    PutInVain,
    Delete,
    Read,
    Export,
    Send,
    Race,
    Grant,
    Revoke,
    Pack,
    Standing,
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
            Step::PutInVain => self.put_in_vain().await,
            Step::Delete => self.delete().await,
            Step::Read => self.read().await,
            Step::Export => self.export().await,
            Step::Send => self.send().await,
            Step::Race => self.race().await,
            Step::Grant => self.grant().await,
            Step::Revoke => self.revoke().await,
            Step::Pack => self.pack().await,
            Step::Standing => self.standing().await,
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
                same("what was replaced", &committed.replaced, &before)?;
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

    /// Everything about a put succeeds but the end of its unit of work: nothing of it may be there.
    async fn put_in_vain(&mut self) -> Result<()> {
        let Some(name) = self.name(false) else {
            return Ok(());
        };
        let draft = self.stage(&name).await?;
        let (gate, store) = (self.house.gate.clone(), self.house.store.clone());
        let size = gate.journal().size().await?;
        let put = self.house.db.write(move |unit| {
            draft.commit(unit, &gate, &store, &WriteCondition::Always)?;
            Err::<(), _>(UnitError::Gate(GateError::EpochChanged))
        });
        ensure!(put.await.is_err(), "a unit of work that failed did not");
        same(
            "the leaves",
            &self.house.gate.journal().size().await?,
            &size,
        )?;
        let (_, bucket) = self.bucket(name.0);
        let key = onshore_types::ObjectKey::parse(name.1.clone())?;
        let found = self.house.store.describe(&bucket, &key).await?;
        let known = self.model.objects.get(&name).map(|object| object.version);
        same("the version", &found.map(|found| found.version), &known)
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
            let removal = store
                .remove(unit, &permit, &key, gate.now())
                .map_err(UnitError::Store)?;
            let Removal::Removed(removed) = removal else {
                let error = anyhow!("an acknowledged object was not there");
                return Err(UnitError::Other(error));
            };
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
        same("the version removed", &version, &known.version)?;
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
        same("why a read inside passes", &permit.basis(), &Basis::Inside)?;
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

    pub(crate) fn range(&mut self, size_bytes: u64) -> ByteRange {
        if size_bytes == 0 || self.dice.once_in(2) {
            return ByteRange::whole(size_bytes);
        }
        let start = self.dice.below(size_bytes);
        ByteRange {
            start,
            len_bytes: 1 + self.dice.below(size_bytes - start),
        }
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
        let instruments = [
            None,
            Some("exemption"),
            Some("standard-contract"),
            Some("security-assessment"),
        ];
        let instrument = *self.dice.pick(&instruments);
        let max_objects = *self.dice.pick(&[None, None, Some(1), Some(2)]);
        let name = self.model.tenants.get(tenant).map(|known| &known.name);
        let request = ApprovalRequest {
            tenant: name.context("tenants stay")?.clone(),
            to,
            label,
            max_bytes,
            until,
            terms: Terms {
                max_objects: max_objects.map(|max| max as u64),
                instrument: instrument.map(Instrument::parse).transpose()?,
                recipient: instrument
                    .map(|_| {
                        let name = Wording::parse("Example Corp")?;
                        Ok::<_, anyhow::Error>(Recipient {
                            name,
                            jurisdiction: to,
                            kind: RecipientKind::Organisation,
                        })
                    })
                    .transpose()?,
                purpose: instrument.map(|_| Wording::parse("care")).transpose()?,
                max_persons: None,
            },
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
            instrument,
            max_objects,
            left: BTreeSet::new(),
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
                same("whether it was revoked before", &was_revoked, &false)?;
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

    /// Other rules stand beside the border, at once or in a while.
    async fn pack(&mut self) -> Result<()> {
        let beside = *self.dice.pick(&[Beside::Nothing, Beside::China]);
        let files = match beside {
            Beside::Nothing => None,
            Beside::China => Some(PackFiles::shipped("cn").context("it is shipped")?),
        };
        let later = i64::try_from(self.dice.below(90))? * 60_000;
        let as_of = self
            .dice
            .once_in(2)
            .then(|| self.house.gate.now().plus_millis(later));
        let gate = &self.house.gate;
        let (activation, leaf) = gate.activate_pack(operator(), files, as_of).await?;
        self.model.told(leaf, "pack.activated");
        self.model.packs.push((activation.as_of, beside));
        Ok(())
    }

    /// A tenant turns out to be critical to the country, or not any more.
    async fn standing(&mut self) -> Result<()> {
        let tenant = self.dice.index(self.model.tenants.len());
        let known = self.model.tenants.get_mut(tenant).context("tenants stay")?;
        let standing = Standing {
            critical_infrastructure: !known.is_critical,
            state_organ: false,
        };
        let gate = &self.house.gate;
        let (_, leaf) = gate.set_standing(operator(), &known.name, standing).await?;
        known.is_critical = standing.critical_infrastructure;
        self.model.upheavals += 1;
        self.model.told(leaf, "tenant.standing");
        Ok(())
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
        same("what the checkpoint covers", &head.size, &size)?;
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

pub(crate) fn slice(seed: u64, size_bytes: u64, range: ByteRange) -> Result<Vec<u8>> {
    let (start, end) = (usize::try_from(range.start)?, usize::try_from(range.end())?);
    let whole = content(seed, size_bytes);
    Ok(whole
        .get(start..end)
        .context("a range lies inside its object")?
        .to_vec())
}
