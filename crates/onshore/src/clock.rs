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
        believed(wall(), self.first, self.since.elapsed())
    }
}

/// Returns the present instant, for commands that ask what holds today.
pub(crate) fn today() -> Timestamp {
    wall()
}

/// Returns what the clock shows, or as much as can be true of a clock that showed `first` when `gone_by` began.
fn believed(shown: Timestamp, first: Timestamp, gone_by: Duration) -> Timestamp {
    let most = gone_by.saturating_add(AHEAD_MAX);
    let most_ms = i64::try_from(most.as_millis()).unwrap_or(i64::MAX);
    shown.min(first.plus_millis(most_ms))
}

fn wall() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 60 * 60 * 1000;

    #[test]
    fn a_clock_is_believed_as_far_as_time_went_by() {
        let first = Timestamp::from_millis(1_000 * HOUR);
        let hours = |count: u64| Duration::from_secs(count * 60 * 60);
        let shown = |gone_by, ahead_ms| {
            believed(first.plus_millis(ahead_ms), first, gone_by).as_millis() - first.as_millis()
        };
        assert_eq!(shown(hours(5), 5 * HOUR), 5 * HOUR);
        assert_eq!(shown(hours(5), 4 * HOUR), 4 * HOUR);
        assert_eq!(shown(hours(5), -HOUR), -HOUR);
        assert_eq!(shown(hours(5), 5 * HOUR + 60_000), 5 * HOUR + 60_000);
        assert_eq!(shown(hours(5), 9_000 * HOUR), 5 * HOUR + 600_000);
        assert_eq!(shown(Duration::MAX, 9_000 * HOUR), 9_000 * HOUR);
    }
}
