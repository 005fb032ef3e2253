//! How fast something goes that must leave the disk to others.

use std::num::NonZeroU64;
use std::time::Duration;

/// How often a pace is held: what is done between two breaths is done at once.
const BREATHS_PER_SECOND: u64 = 10;

/// Keeps to so many bytes a second, by waiting after they were read.
#[derive(Debug)]
pub(crate) struct Pace {
    bytes_per_s: Option<NonZeroU64>,
    owed_bytes: u64,
}

impl Pace {
    /// Makes a pace; none is as fast as the disk.
    pub(crate) fn new(bytes_per_s: Option<NonZeroU64>) -> Self {
        Self {
            bytes_per_s,
            owed_bytes: 0,
        }
    }

    /// Waits after so many bytes more, if it is time to.
    pub(crate) async fn keep(&mut self, read_bytes: u64) {
        let wait = self.after(read_bytes);
        // Even a sleep of nothing lasts until the timer's next tick.
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Says how long to wait after so many bytes more.
    fn after(&mut self, read_bytes: u64) -> Duration {
        let Some(rate) = self.bytes_per_s else {
            return Duration::ZERO;
        };
        self.owed_bytes = self.owed_bytes.saturating_add(read_bytes);
        if self.owed_bytes < rate.get() / BREATHS_PER_SECOND {
            return Duration::ZERO;
        }
        let owed = std::mem::take(&mut self.owed_bytes);
        Duration::from_micros(owed.saturating_mul(1_000_000) / rate)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use super::Pace;

    #[test]
    fn what_is_owed_adds_up_to_a_breath() {
        let mut pace = Pace::new(NonZeroU64::new(1000));
        assert_eq!(pace.after(99), Duration::ZERO);
        assert_eq!(pace.after(1), Duration::from_millis(100));
        assert_eq!(pace.after(2500), Duration::from_millis(2500));
        assert_eq!(pace.after(99), Duration::ZERO);
    }

    #[test]
    fn without_a_rate_nothing_waits() {
        assert_eq!(Pace::new(None).after(u64::MAX), Duration::ZERO);
    }
}
