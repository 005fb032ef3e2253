//! What the gate records by and by: batches of reads inside the jurisdiction, counts of equal refusals.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use onshore_db::Unit;
use onshore_journal::Leaf;
use onshore_types::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::gate::{Inner, body};
use crate::{Error, Gate};

/// The longest a read inside the jurisdiction waits for its batch.
const BATCH_INTERVAL: Duration = Duration::from_secs(1);
/// A kill between two batches loses at most this many read records: more waiting ones are an error that is logged.
pub(crate) const READS_WAITING_MAX: usize = 1_000_000;

/// Reads that share one leaf at most: a unit of work holds the writer, and everybody waits for that.
const READS_PER_LEAF_MAX: usize = 10_000;
/// An export that nobody watches this long after its permit was abandoned.
const UNWATCHED_MAX_MS: i64 = 60_000;

impl Gate {
    /// Records batches and counts until told to stop. Call [`Gate::drain`] afterwards.
    pub async fn run(&self, stop: CancellationToken) {
        let mut interval = tokio::time::interval(BATCH_INTERVAL);
        let mut counted = i64::MIN;
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = interval.tick() => {}
                () = self.inner.reads_waiting.notified() => {}
            }
            let minute = self.now().as_seconds().div_euclid(60);
            if let Err(error) = self.record_due(minute, &mut counted).await {
                tracing::error!(%error, "reads or refusals could not be recorded; they are tried again");
            }
        }
    }

    /// Closes what nobody will send any more, records what waits for its batch, and returns once everything that was
    /// settled before is on stable storage. Call it when nothing flows out any more.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn drain(&self) -> Result<(), Error> {
        self.close_abandoned(Timestamp::from_millis(i64::MAX));
        self.record_waiting_reads().await?;
        // The last unit of work: the writer takes them in their order, so all closings before it are done.
        self.record_counts(i64::MAX).await
    }

    /// Records what is due; refusals are counted once a minute is over.
    async fn record_due(&self, minute: i64, counted: &mut i64) -> Result<(), Error> {
        self.close_abandoned(self.now().plus_millis(-UNWATCHED_MAX_MS));
        // Whoever asks puts in force what is due; where nobody asks, what flows out must hear of it too.
        self.turn_over().await?;
        self.record_waiting_reads().await?;
        if *counted < minute {
            self.record_counts(minute).await?;
            *counted = minute;
        }
        Ok(())
    }

    async fn record_waiting_reads(&self) -> Result<(), Error> {
        let reads = std::mem::take(
            &mut *self
                .inner
                .reads
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        if reads.is_empty() {
            return Ok(());
        }
        let reads = Arc::new(reads);
        let (gate, batch) = (self.clone(), Arc::clone(&reads));
        let recorded: Result<(), Error> = self
            .inner
            .db
            .write(move |unit| {
                batch.chunks(READS_PER_LEAF_MAX).try_for_each(|reads| {
                    let (now, epoch) = (gate.now(), gate.inner.epoch());
                    gate.inner.journal.record_reads(unit, now, epoch, reads)?;
                    Ok(())
                })
            })
            .await;
        if let Err(error) = recorded {
            // What could not be recorded waits for the next batch, in its place before newer reads.
            let mut waiting = self
                .inner
                .reads
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if waiting.len() + reads.len() <= READS_WAITING_MAX {
                waiting.splice(0..0, Arc::unwrap_or_clone(reads));
            } else {
                tracing::error!(
                    lost = reads.len(),
                    "too many read records wait; these are lost"
                );
            }
            return Err(error);
        }
        Ok(())
    }

    async fn record_counts(&self, minute: i64) -> Result<(), Error> {
        loop {
            let gate = self.clone();
            let recorded = self
                .inner
                .db
                .write(move |unit| gate.inner.record_counts(unit, minute))
                .await?;
            if recorded == 0 {
                return Ok(());
            }
        }
    }
}

impl Inner {
    /// Records some of the counts that are due and returns how many.
    fn record_counts(&self, unit: &Unit<'_>, minute: i64) -> Result<usize, Error> {
        let due = self.registry.take_uncounted(unit, minute)?;
        for counted in &due {
            let rest = json!({
                "principal": counted.principal,
                "rule": counted.rule,
                "first": counted.leaf,
                "times": counted.times,
            });
            let leaf = Leaf {
                time: self.now(),
                body: body("refused.counted", self.epoch(), rest),
                disclosure: None,
            };
            self.journal.record(unit, leaf)?;
        }
        Ok(due.len())
    }
}
