//! Measures how fast a job goes: what was brought of which sizes, and how long streams were busy with it, stretch by stretch.
//! Forecasts are made from that.

use std::sync::{Mutex, PoisonError};

use onshore_orders::{Brought, Load, SIZE_CLASSES, Stretch, size_class};
use onshore_types::{JobId, Timestamp};

use crate::Error;
use crate::engine::Parts;

/// How long a stretch lasts at least, in milliseconds.
const STRETCH_MS: i64 = 15_000;

/// How many stretches a job has, about, at most: the longer it takes, the longer they get.
const STRETCHES: i64 = 1024;

/// Measures a job.
#[derive(Debug)]
pub(crate) struct Meter {
    job: JobId,
    since: Timestamp,
    running: Mutex<Running>,
}

/// The stretch that is running.
#[derive(Debug)]
struct Running {
    began: Timestamp,
    brought: [Brought; SIZE_CLASSES],
}

impl Meter {
    pub(crate) fn new(job: JobId, since: Timestamp, now: Timestamp) -> Self {
        Self {
            job,
            since,
            running: Mutex::new(Running {
                began: now,
                brought: Default::default(),
            }),
        }
    }

    /// Begins the running stretch now: what was done since it began was something else.
    pub(crate) fn begin(&self, now: Timestamp) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        (running.began, running.brought) = (now, Default::default());
    }

    /// Adds what was brought of an object of so many bytes since an instant.
    pub(crate) fn brought(
        &self,
        size_bytes: u64,
        load: Load,
        (since, now): (Timestamp, Timestamp),
    ) {
        let busy_ms = u64::try_from(now.as_millis() - since.as_millis()).unwrap_or_default();
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(class) = running.brought.get_mut(size_class(size_bytes)) {
            class.load.objects += load.objects;
            class.load.bytes += load.bytes;
            class.busy_ms += busy_ms;
        }
    }

    /// Saves the running stretch if it is long enough, and begins the next.
    pub(crate) async fn save_when_due(&self, parts: &Parts) -> Result<(), Error> {
        let runs_ms = parts.gate.now().as_millis() - self.since.as_millis();
        self.save(parts, STRETCH_MS.max(runs_ms / STRETCHES)).await
    }

    /// Saves the running stretch, however short it is.
    pub(crate) async fn save_rest(&self, parts: &Parts) -> Result<(), Error> {
        self.save(parts, 1).await
    }

    async fn save(&self, parts: &Parts, at_least_ms: i64) -> Result<(), Error> {
        let Some(stretch) = self.take(parts.gate.now(), at_least_ms) else {
            return Ok(());
        };
        let (registry, job) = (parts.registry.clone(), self.job);
        parts
            .db
            .write(move |unit| Ok(registry.save_stretch(unit, job, &stretch)?))
            .await
    }

    fn take(&self, now: Timestamp, at_least_ms: i64) -> Option<Stretch> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let lasted_ms = now.as_millis() - running.began.as_millis();
        if lasted_ms < at_least_ms {
            return None;
        }
        let brought = std::mem::take(&mut running.brought);
        running.began = now;
        Some(Stretch {
            ended: now,
            lasted_ms: u64::try_from(lasted_ms).unwrap_or_default(),
            brought,
        })
    }
}
