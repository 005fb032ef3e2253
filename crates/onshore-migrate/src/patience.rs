//! How long a source that fails is waited for: each object on its own, so that one that is throttled does not slow the
//! others down. The wait doubles; it is not jittered, because the objects that run beside each other began at
//! different instants already.

use std::time::Duration;

use onshore_sources::outward;

/// How often and how long to wait.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How many attempts in all.
    pub attempts_max: u32,
    /// The wait after the first.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

impl Default for Patience {
    /// About a minute in all.
    fn default() -> Self {
        Self {
            attempts_max: 10,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(15),
        }
    }
}

/// Attempts counted so far.
#[derive(Debug)]
pub(crate) struct Attempts {
    patience: Patience,
    made: u32,
}

impl Patience {
    /// Returns the patience for a source that was never heard of.
    pub(crate) fn short(self) -> Self {
        Self {
            attempts_max: self.attempts_max.min(5),
            ..self
        }
    }

    pub(crate) fn begin(self) -> Attempts {
        Attempts {
            patience: self,
            made: 0,
        }
    }
}

impl Attempts {
    /// Waits after a failed attempt. `false` when there is no patience left.
    pub(crate) async fn wait(&mut self) -> bool {
        if outward().is_cut_off() {
            // Nobody out there failed: a drill is over some time, and the job goes on.
            outward().reconnected().await;
            return true;
        }
        self.made += 1;
        if self.made >= self.patience.attempts_max {
            return false;
        }
        let doubled = 1_u32.checked_shl(self.made - 1).unwrap_or(u32::MAX);
        let wait = self
            .patience
            .first_wait
            .saturating_mul(doubled)
            .min(self.patience.longest_wait);
        tokio::time::sleep(wait).await;
        true
    }

    /// Forgets the failures: something arrived.
    pub(crate) fn succeeded(&mut self) {
        self.made = 0;
    }
}
