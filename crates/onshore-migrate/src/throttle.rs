//! Holds a job to its pace: each chunk that arrives waits for its turn on a line that all objects of the job share.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use onshore_gate::Gate;
use onshore_types::pace::Pace;

/// How long it is waited where nothing may go at all, until the pace is asked again.
const STANDSTILL: Duration = Duration::from_secs(5);

/// The line of a job.
#[derive(Debug)]
pub(crate) struct Throttle {
    pace: Pace,
    gate: Gate,
    /// When what was let go so far has gone, in milliseconds.
    gone_ms: Mutex<i64>,
}

impl Throttle {
    pub(crate) fn new(pace: Pace, gate: Gate) -> Self {
        Self {
            pace,
            gate,
            gone_ms: Mutex::new(0),
        }
    }

    /// Waits until so many bytes more may have come.
    async fn take(&self, len_bytes: u64) {
        loop {
            let now = self.gate.now();
            let Some(rate) = self.pace.at(now) else {
                return;
            };
            if rate.bytes_per_s() == 0 {
                tokio::time::sleep(STANDSTILL).await;
                continue;
            }
            let takes_ms = i64::try_from(len_bytes.saturating_mul(1000) / rate.bytes_per_s());
            let wait_ms = {
                let mut gone_ms = self.gone_ms.lock().unwrap_or_else(PoisonError::into_inner);
                let begins = (*gone_ms).max(now.as_millis());
                *gone_ms = begins.saturating_add(takes_ms.unwrap_or(i64::MAX));
                gone_ms.saturating_sub(now.as_millis())
            };
            let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or_default());
            tokio::time::sleep(wait).await;
            return;
        }
    }
}

/// Hands on what arrives no faster than the pace of the job allows.
pub(crate) fn held_back<E: Send>(
    throttle: Option<Arc<Throttle>>,
    body: impl Stream<Item = Result<Bytes, E>> + Send,
) -> impl Stream<Item = Result<Bytes, E>> + Send {
    body.and_then(move |chunk| {
        let throttle = throttle.clone();
        async move {
            if let Some(throttle) = throttle {
                throttle.take(chunk.len() as u64).await;
            }
            Ok(chunk)
        }
    })
}
