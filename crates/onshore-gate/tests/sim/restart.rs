//! The server ends, at the worst of moments or in order, and starts again on what is on disk.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use onshore_store::WriteCondition;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::crash;
use super::house::House;
use super::model::{Name, Object};
use super::runner::{Runner, UnitError, abroad, object, same};

/// When the server ends.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Stopped by its operator.
    Orderly,
    /// While nobody asks anything; streams may be open.
    Idle,
    /// While an export is permitted and not yet watched.
    Permitted,
    /// In the middle of the unit of work of a put.
    Putting,
    /// In the middle of the unit of work of a removal.
    Removing,
    /// After the commit of a put, before anybody heard of it.
    Committed,
    /// While the commit of a put was being written.
    Torn,
}

const MOMENTS: &[Moment] = &[
    Moment::Orderly,
    Moment::Idle,
    Moment::Permitted,
    Moment::Putting,
    Moment::Removing,
    Moment::Committed,
    Moment::Torn,
];

/// What a key may hold after the restart.
struct Outcome {
    name: Name,
    may_be: Vec<Option<Object>>,
}

impl Runner {
    /// Ends the server at some moment and starts it on what was on disk then.
    pub(crate) fn restart(&mut self, runtime: &Runtime) -> Result<()> {
        let moment = *self.dice.pick(MOMENTS);
        self.restart_at(moment, runtime)
            .with_context(|| format!("{moment:?}"))
    }

    fn restart_at(&mut self, moment: Moment, runtime: &Runtime) -> Result<()> {
        let target = self.folder(self.starts + 1);
        let outcome = runtime.block_on(self.end_at(moment, &target))?;
        for stream in std::mem::take(&mut self.streams) {
            if let Some(index) = stream.approval {
                self.model.approval(index).sent_bytes += stream.sent as u64;
            }
        }
        if !matches!(moment, Moment::Orderly) {
            crash::lose(&target, &mut self.dice)?;
        }
        if self.dice.once_in(4) {
            self.clock.step(-86_400_000);
        }
        self.open(&target)?;
        if self.dice.once_in(4) {
            // The server dies again as soon as it is up.
            let again = self.folder(self.starts + 1);
            runtime.block_on(self.copy(&again))?;
            crash::lose(&again, &mut self.dice)?;
            self.open(&again)?;
        }
        runtime.block_on(async {
            if let Some(outcome) = outcome {
                self.resolve(outcome).await?;
            }
            self.audit().await
        })
    }

    /// Opens the next folder and forgets the server of the last one.
    fn open(&mut self, folder: &Path) -> Result<()> {
        let epoch = self.house.gate.epoch();
        let left = self.folder(self.starts);
        self.house = House::open(folder, &self.clock).context("opening after the end")?;
        self.starts += 1;
        same("the epoch", &self.house.gate.epoch(), &(epoch + 1))?;
        // Its threads may still be at work in it; the whole of it goes at the end.
        drop(std::fs::remove_dir_all(left));
        Ok(())
    }

    async fn end_at(&mut self, moment: Moment, target: &Path) -> Result<Option<Outcome>> {
        match moment {
            Moment::Orderly => {
                self.come_to_rest().await?;
                self.copy(target).await?;
                Ok(None)
            }
            Moment::Permitted => {
                if let Some(name) = self.name(true) {
                    let to = *self.dice.pick(&abroad()?);
                    self.ask(&name, to).await?;
                }
                self.copy(target).await?;
                Ok(None)
            }
            Moment::Removing => self.end_removing(target).await,
            Moment::Putting | Moment::Committed | Moment::Torn => {
                self.end_putting(moment, target).await
            }
            Moment::Idle => {
                self.copy(target).await?;
                Ok(None)
            }
        }
    }

    async fn end_removing(&mut self, target: &Path) -> Result<Option<Outcome>> {
        let (from, to) = (self.folder(self.starts), target.to_owned());
        let Some(name) = self.name(true) else {
            self.copy(target).await?;
            return Ok(None);
        };
        self.remove(&name, move || crash::copy(&from, &to)).await?;
        Ok(Some(self.unchanged(name)))
    }

    async fn end_putting(&mut self, moment: Moment, target: &Path) -> Result<Option<Outcome>> {
        let name = self.name(false).context("there are buckets")?;
        let draft = self.stage(&name).await?;
        let seed = draft.seed;
        let (gate, store) = (self.house.gate.clone(), self.house.store.clone());
        let from = self.folder(self.starts);
        let middle = self.base.path().join("middle");
        let (within, after) = (middle.clone(), target.to_owned());
        let from_within = from.clone();
        let (reply, answer) = oneshot::channel();
        self.house.db.submit(
            move |unit| {
                let put = draft.commit(unit, &gate, &store, &WriteCondition::Always)?;
                crash::copy(&from_within, &within).map_err(UnitError::Other)?;
                Ok::<_, UnitError>(put)
            },
            move |put| {
                let copied = crash::copy(&from, &after);
                drop(reply.send(copied.and_then(|()| Ok(put?))));
            },
        );
        let (committed, leaf) = answer.await.context("the writer ended")??;
        let mut outcome = self.unchanged(name);
        let put = Some(object(seed, &committed, leaf));
        match moment {
            Moment::Putting => {
                std::fs::remove_dir_all(target)?;
                std::fs::rename(&middle, target)?;
                return Ok(Some(outcome));
            }
            Moment::Torn if crash::tear(&middle, target, &mut self.dice)? => {
                outcome.may_be.push(put);
            }
            _ => outcome.may_be = vec![put],
        }
        std::fs::remove_dir_all(&middle)?;
        Ok(Some(outcome))
    }

    fn unchanged(&self, name: Name) -> Outcome {
        let before = self.model.objects.get(&name).cloned();
        Outcome {
            name,
            may_be: vec![before],
        }
    }

    /// Finds out which of the possible states it is; the audit looks at all of it.
    async fn resolve(&mut self, outcome: Outcome) -> Result<()> {
        let Outcome { name, may_be } = outcome;
        let (_, bucket) = self.bucket(name.0);
        let key = onshore_types::ObjectKey::parse(name.1.clone())?;
        let found = self.house.store.describe(&bucket, &key).await?;
        let found = found.map(|found| found.version);
        let state = may_be
            .into_iter()
            .find(|state| state.as_ref().map(|object| object.version) == found)
            .with_context(|| format!("{found:?} was neither there before nor put"))?;
        match state {
            Some(object) => self.model.objects.insert(name, object),
            None => self.model.objects.remove(&name),
        };
        Ok(())
    }

    /// Copies the folder between two units of work.
    async fn copy(&self, target: &Path) -> Result<()> {
        let (from, to): (PathBuf, PathBuf) = (self.folder(self.starts), target.to_owned());
        let copied = self
            .house
            .db
            .write(move |_| crash::copy(&from, &to).map_err(UnitError::Other));
        Ok(copied.await?)
    }

    async fn come_to_rest(&mut self) -> Result<()> {
        while let Some(stream) = self.streams.pop() {
            self.end(stream).await?;
        }
        self.house.gate.drain().await?;
        self.house.store.drain().await;
        self.publish().await
    }

    /// Ends in order, checks everything a last time, and that dropping what is open closed it.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        self.come_to_rest().await?;
        self.audit().await?;
        ensure!(
            self.house.registry.open_exports()?.is_empty(),
            "an export is open at the end"
        );
        Ok(())
    }

    /// Says in a few words how far it has come.
    pub(crate) fn summary(&self) -> String {
        let head = self.model.head.as_ref().map_or(0, |head| head.size);
        format!(
            "{} starts, {} objects, {} approvals, {head} leaves published",
            self.starts + 1,
            self.model.objects.len(),
            self.model.approvals.len(),
        )
    }
}
