//! What the gate records by and by: batches of reads inside the jurisdiction, counts of equal refusals.

use std::sync::PoisonError;
use std::time::Duration;

use onshore_journal::Leaf;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::gate::body;
use crate::{Error, Gate};

/// The longest a read inside the jurisdiction waits for its batch.
const BATCH_INTERVAL: Duration = Duration::from_secs(1);
/// A kill between two batches loses at most this many read records: more waiting ones are an error that is logged.
const READS_WAITING_MAX: usize = 1_000_000;

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

    /// Waits for every settlement under way and records what waits for its batch.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn drain(&self) -> Result<(), Error> {
        self.inner.settlements.close();
        self.inner.settlements.wait().await;
        self.record_waiting_reads().await?;
        self.record_counts(i64::MAX).await
    }

    /// Records what is due; refusals are counted once a minute is over.
    async fn record_due(&self, minute: i64, counted: &mut i64) -> Result<(), Error> {
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
        let (gate, batch) = (self.clone(), reads.clone());
        let recorded: Result<_, Error> = self
            .inner
            .db
            .write(move |unit| {
                Ok(gate
                    .inner
                    .journal
                    .record_reads(unit, gate.now(), gate.inner.epoch, &batch)?)
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
                waiting.splice(0..0, reads);
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
        let gate = self.clone();
        self.inner
            .db
            .write(move |unit| {
                for counted in gate.inner.registry.take_uncounted(unit, minute)? {
                    let rest = json!({
                        "principal": counted.principal,
                        "rule": counted.rule,
                        "first": counted.leaf,
                        "times": counted.times,
                    });
                    let body = body("refused.counted", gate.inner.epoch, rest);
                    gate.inner.journal.record(
                        unit,
                        Leaf {
                            time: gate.now(),
                            body,
                            disclosure: None,
                        },
                    )?;
                }
                Ok(())
            })
            .await
    }
}
