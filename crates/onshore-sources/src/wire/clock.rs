//! The time that a request is signed with, which the cloud holds against its own. Nothing is decided by it here.

use onshore_types::Timestamp;

/// Returns the time now.
#[expect(
    clippy::disallowed_methods,
    reason = "a signature carries the real time, as those of the SDK do"
)]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX))
}
