//! Bytes that leave: asked for, sent in part, raced for, given up; each answer compared with what the approvals allow.

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::{StreamExt as _, future};
use onshore_gate::Error as GateError;
use onshore_policy::{Basis, Flow, Permit, border_message};
use onshore_types::{ByteRange, Label, Place, VersionId};

use super::model::Name;
use super::runner::{Runner, Stream, abroad, same};
use super::steps::slice;

/// What the gate let somebody abroad have.
pub(crate) struct Asked {
    pub(crate) permit: Permit,
    pub(crate) range: ByteRange,
    pub(crate) approval: Option<usize>,
}

impl Runner {
    /// Asks for bytes from abroad and compares the answer with what the approvals allow.
    pub(crate) async fn ask(&mut self, name: &Name, to: Place) -> Result<Option<Asked>> {
        let Some(known) = self.model.objects.get(name).cloned() else {
            return Ok(None);
        };
        let range = self.range(known.size_bytes);
        let transfer = self.transfer(name, Flow::Read, known.label, range, to)?;
        let now = self.house.gate.now();
        let (tenant, _) = self.bucket(name.0);
        let carrier = self.model.carrier(
            tenant,
            known.label,
            to,
            (known.version, range.len_bytes),
            now,
        );
        let region = self.house.gate.region().jurisdiction;
        match self.house.gate.permit(transfer).await {
            Ok(permit) => {
                let of = (known.version, range.len_bytes);
                let approval = self.granted(&permit, known.label, carrier, of)?;
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
                same("the message", &refused.message, &border_message(region, to))?;
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
        (version, len_bytes): (VersionId, u64),
    ) -> Result<Option<usize>> {
        ensure!(
            permit.export().is_some(),
            "bytes leave and no export is open"
        );
        match permit.basis() {
            Basis::Free => {
                same("what leaves freely", &label, &Label::GENERAL)?;
                Ok(None)
            }
            Basis::Approval(id) => {
                let index = carrier.context("permitted without an approval in force")?;
                let approval = self.model.approval(index);
                same("the approval that carries", &id, &approval.id)?;
                approval.spent_bytes += len_bytes;
                approval.left.insert(version);
                Ok(Some(index))
            }
            Basis::Inside | Basis::Inbound => bail!("abroad is not inside"),
        }
    }

    pub(crate) async fn export(&mut self) -> Result<()> {
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
        let judged_by = self.model.judged_by(self.house.gate.now());
        self.streams.push(Stream {
            outflow,
            body,
            expected: slice(known.seed, known.size_bytes, range)?,
            sent: 0,
            approval,
            judged_by,
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
    pub(crate) async fn send(&mut self) -> Result<()> {
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
            let now = self.house.gate.now();
            let may_flow = stream.judged_by == self.model.judged_by(now)
                && stream
                    .approval
                    .is_none_or(|index| self.model.approval(index).is_in_force(now));
            same(
                "whether bytes may flow",
                &stream.outflow.check().is_ok(),
                &may_flow,
            )?;
            if !may_flow {
                is_over = true;
                break;
            }
            let Some(chunk) = stream.body.next().await else {
                same("bytes sent", &stream.sent, &stream.expected.len())?;
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
            same("what is spent of an approval", &found, &spent)?;
        }
        Ok(())
    }

    /// Several clients ask at once; together they never get more than there is.
    pub(crate) async fn race(&mut self) -> Result<()> {
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
            let carrier = self.model.carrier(
                tenant,
                known.label,
                to,
                (known.version, range.len_bytes),
                now,
            );
            match answer {
                Ok(permit) => {
                    let of = (known.version, range.len_bytes);
                    let approval = self.granted(&permit, known.label, carrier, of)?;
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
}
