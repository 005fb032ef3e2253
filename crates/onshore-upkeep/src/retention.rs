//! Removes the records of ordinary reads once they were kept as long as the operator keeps them: at least six months, which
//! the configuration sees to. The leaves that tell of them stay, and one more says what went.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{Error, Parts};

/// How often it is looked for records that were kept long enough.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// The engine that removes records of reads.
#[derive(Debug)]
pub struct RetentionEngine {
    parts: Parts,
    kept: Duration,
    interval: Duration,
}

impl RetentionEngine {
    /// Makes an engine that lets records be kept this long.
    #[must_use]
    pub fn new(parts: Parts, kept: Duration) -> Self {
        // Where they are kept for less than an hour, for tests, it is looked as often.
        let interval = INTERVAL.min(kept.max(Duration::from_millis(100)));
        Self {
            parts,
            kept,
            interval,
        }
    }

    /// Removes what is due until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.remove(&stop).await {
                tracing::error!(%error, "records of reads could not be removed; it is tried again");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.interval) => {}
            }
        }
    }

    async fn remove(&self, stop: &CancellationToken) -> Result<(), Error> {
        while !stop.is_cancelled() {
            if self.parts.gate.remove_reads(self.kept).await? == 0 {
                return Ok(());
            }
        }
        Ok(())
    }
}
