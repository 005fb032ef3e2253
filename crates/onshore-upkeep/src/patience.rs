//! How engines wait for what is elsewhere and may be away: ever longer after each failure, without end.

use std::error::Error;
use std::time::Duration;

/// How long is waited after a failure: at first, and at most.
pub(crate) const RETRY_MIN: Duration = Duration::from_millis(500);
pub(crate) const RETRY_MAX: Duration = Duration::from_secs(60);
/// How long is waited between two looks at what was committed: many commits are one look.
pub(crate) const GATHER: Duration = Duration::from_millis(20);
/// How often what waits is counted.
pub(crate) const COUNT_EVERY: Duration = Duration::from_secs(10);
/// How long what is under way may take once the server stops.
pub(crate) const STOPPING_MAX: Duration = Duration::from_secs(3);
/// How long a name may take to become addresses.
pub(crate) const NAMING_MAX: Duration = Duration::from_secs(10);

/// How long is waited after so many failures: twice as long each time.
pub(crate) fn backoff(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1).min(16));
    (RETRY_MIN * doubled.unwrap_or(1)).min(RETRY_MAX)
}

/// Returns the innermost cause, which says what to do.
pub(crate) fn cause(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{RETRY_MAX, RETRY_MIN, backoff};

    #[test]
    fn each_failure_doubles_the_wait_up_to_a_minute() {
        assert_eq!(backoff(1), RETRY_MIN);
        assert_eq!(backoff(4), Duration::from_secs(4));
        assert_eq!((backoff(8), backoff(u32::MAX)), (RETRY_MAX, RETRY_MAX));
    }
}
