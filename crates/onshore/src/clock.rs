//! The real clock: nobody else asks what time it is.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use onshore_gate::Clock;
use onshore_types::Timestamp;

/// How much faster than time itself the system's clock may run before it is not believed: it is set right in small steps.
const AHEAD_MAX: Duration = Duration::from_secs(10 * 60);

/// The system's clock, and how much time has really gone by since it was first read.
#[derive(Debug)]
pub(crate) struct SystemClock {
    first: Timestamp,
    since: Instant,
}

impl SystemClock {
    /// Begins to watch the system's clock.
    pub(crate) fn new() -> Self {
        Self {
            first: wall(),
            since: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        wall()
    }

    fn at_most(&self) -> Timestamp {
        let gone_by = self.since.elapsed().saturating_add(AHEAD_MAX);
        let gone_by_ms = i64::try_from(gone_by.as_millis()).unwrap_or(i64::MAX);
        wall().min(self.first.plus_millis(gone_by_ms))
    }
}

fn wall() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}
