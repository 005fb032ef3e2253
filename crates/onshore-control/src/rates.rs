//! How fast callers may ask: each token has a bucket of requests that fills again by the clock.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use onshore_types::{PrincipalId, Timestamp};

use crate::error::Error;

/// Of more callers than this those that have asked for nothing lately are forgotten.
const REMEMBERED_MAX: usize = 4096;
/// In so many parts each request is counted, so that slow rates fill evenly.
const PARTS: i64 = 1000;

/// How fast a caller may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRate {
    /// So many requests a second for long.
    pub per_s: NonZeroU32,
    /// So many at once.
    pub burst: NonZeroU32,
}

/// The buckets of those who asked lately.
#[derive(Debug)]
pub(crate) struct Rates {
    rate: RequestRate,
    callers: Mutex<HashMap<PrincipalId, Bucket>>,
}

/// What a caller may ask at once, in parts of a request, and as of when.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    parts: i64,
    at: Timestamp,
}

impl Rates {
    pub(crate) fn new(rate: RequestRate) -> Self {
        Self {
            rate,
            callers: Mutex::default(),
        }
    }

    /// Takes one request out of a caller's bucket.
    pub(crate) fn take(&self, caller: PrincipalId, now: Timestamp) -> Result<(), Error> {
        let full = i64::from(self.rate.burst.get()) * PARTS;
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= REMEMBERED_MAX && !callers.contains_key(&caller) {
            // Whoever's bucket is full again is as good as unknown.
            callers.retain(|_, bucket| self.filled(*bucket, now) < full);
        }
        let fresh = Bucket {
            parts: full,
            at: now,
        };
        let bucket = callers.entry(caller).or_insert(fresh);
        *bucket = Bucket {
            parts: self.filled(*bucket, now),
            at: bucket.at.max(now),
        };
        if bucket.parts >= PARTS {
            bucket.parts -= PARTS;
            return Ok(());
        }
        let missing = PARTS - bucket.parts;
        let per_s = i64::from(self.rate.per_s.get()) * PARTS;
        let wait_s = (missing + per_s - 1) / per_s;
        Err(Error::TooManyRequests {
            retry_after_s: u64::try_from(wait_s).unwrap_or(1).max(1),
        })
    }

    /// Returns what is in a bucket now. Of a second each millisecond fills a part for each request of the rate.
    fn filled(&self, bucket: Bucket, now: Timestamp) -> i64 {
        let gone_ms = now.as_millis().saturating_sub(bucket.at.as_millis()).max(0);
        let full = i64::from(self.rate.burst.get()) * PARTS;
        let more = gone_ms.saturating_mul(i64::from(self.rate.per_s.get()));
        bucket.parts.saturating_add(more).min(full)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use onshore_types::{PrincipalId, Timestamp};

    use super::{Rates, RequestRate};
    use crate::error::Error;

    fn rates(per_s: u32, burst: u32) -> Rates {
        let number = |number| NonZeroU32::new(number).expect("not zero");
        Rates::new(RequestRate {
            per_s: number(per_s),
            burst: number(burst),
        })
    }

    fn caller(number: u128) -> PrincipalId {
        PrincipalId::from_bytes(number.to_be_bytes())
    }

    #[test]
    fn a_bucket_empties_and_fills_again_by_the_clock() {
        let rates = rates(2, 3);
        let at = |ms: i64| rates.take(caller(1), Timestamp::from_millis(ms));
        for _ in 0..3 {
            at(0).expect("it is full");
        }
        let Err(Error::TooManyRequests { retry_after_s }) = at(0) else {
            panic!("it is empty");
        };
        assert_eq!(retry_after_s, 1);
        at(499).expect_err("half a request is missing by a little");
        at(500).expect("one is back");
        at(500).expect_err("and no more");
        // A clock that goes back fills nothing.
        at(0).expect_err("it is empty");
        at(1000).expect("one is back");
        rates
            .take(caller(2), Timestamp::from_millis(0))
            .expect("another caller has a bucket of his own");
        for _ in 0..3 {
            at(1_000_000).expect("it is full");
        }
        at(1_000_000).expect_err("and holds no more than that");
    }

    #[test]
    fn those_who_asked_for_nothing_lately_are_forgotten() {
        let rates = rates(1, 1);
        let now = Timestamp::from_millis(1_000_000);
        for number in 0..10_000 {
            let at = now.plus_millis(i64::try_from(number).expect("small") * 1000);
            rates.take(caller(number), at).expect("a fresh bucket");
        }
        let known = rates.callers.lock().expect("nobody panicked").len();
        assert!(known <= super::REMEMBERED_MAX, "{known}");
    }
}
