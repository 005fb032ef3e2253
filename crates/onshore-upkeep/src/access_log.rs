//! The access log engine: takes the lines that fronts note, puts them where a kill does not reach them, and makes
//! objects of them in the buckets that their owners named.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use onshore_store::{LogKeyFormat, LogLines, LogOrigin, LogShare};
use onshore_types::{BucketId, ObjectKey, TenantId, Timestamp};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::delivery::Report;
use crate::{Error, Parts};

/// What leaves and permits call it.
const OPERATION: &str = "AccessLog";
/// How often lines in memory are put into the database.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// From how much on a share becomes an object before its time.
const EARLY_BYTES: u64 = 4 << 20;
/// The largest object, but for a single row that is larger.
const OBJECT_MAX_BYTES: u64 = 8 << 20;
/// How much waits for a bucket that does not take its lines, until the oldest go.
const HELD_MAX_BYTES: u64 = 32 << 20;

/// When the engine works.
#[derive(Debug, Clone, Copy)]
pub struct AccessLogRhythm {
    /// How long lines wait at most before they become an object.
    pub interval: Duration,
}

/// The access log engine. Clones share its parts.
#[derive(Debug, Clone)]
pub struct AccessLogEngine {
    parts: Arc<Parts>,
    rhythm: AccessLogRhythm,
}

impl AccessLogEngine {
    /// Makes an engine of its parts.
    #[must_use]
    pub fn new(parts: Parts, rhythm: AccessLogRhythm) -> Self {
        Self {
            parts: Arc::new(parts),
            rhythm,
        }
    }

    /// Keeps lines and makes objects of them until told to stop. What is still in memory then is for
    /// [`AccessLogEngine::keep`], once the fronts have ended.
    pub async fn run(&self, stop: CancellationToken) {
        let arrived = Notify::new();
        tokio::join!(
            self.keep_on(&arrived, &stop),
            self.deliver_on(&arrived, &stop)
        );
    }

    /// Puts lines where a kill does not reach them, whatever else is under way.
    async fn keep_on(&self, arrived: &Notify, stop: &CancellationToken) {
        let mut looks = interval(KEEP_EVERY.min(self.rhythm.interval));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            if Self::keep(&self.parts).await > 0 {
                arrived.notify_one();
            }
        }
    }

    /// Makes objects of what waits: of everything at each interval, of large shares before that.
    async fn deliver_on(&self, arrived: &Notify, stop: &CancellationToken) {
        let mut rounds = interval(self.rhythm.interval);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failed = HashSet::new();
        loop {
            let from_bytes = tokio::select! {
                () = stop.cancelled() => return,
                _ = rounds.tick() => {
                    failed.clear();
                    0
                }
                () = arrived.notified() => EARLY_BYTES,
            };
            self.deliver(from_bytes, &mut failed, stop).await;
        }
    }

    /// Puts the lines that wait in memory into the database, and returns how many there were.
    pub async fn keep(parts: &Parts) -> u64 {
        match parts.store.keep_access_lines().await {
            Ok(done) => {
                metrics::counter!("onshore_access_lines_total").increment(done.kept);
                if done.lost > 0 {
                    lose(done.lost);
                }
                done.kept
            }
            Err(error) => {
                tracing::error!(%error, "lines of access logs could not be kept and are lost");
                0
            }
        }
    }

    /// Makes objects of every share of which so much waits. What failed is not tried before the next interval.
    async fn deliver(
        &self,
        from_bytes: u64,
        failed: &mut HashSet<(BucketId, LogOrigin)>,
        stop: &CancellationToken,
    ) {
        let shares = match self.parts.store.log_shares().await {
            Ok(shares) => shares,
            Err(error) => {
                tracing::error!(%error, "what waits to be logged cannot be read");
                return;
            }
        };
        for share in shares {
            if stop.is_cancelled() {
                return;
            }
            let of = (share.target, share.origin.clone());
            if share.waiting_bytes < from_bytes || failed.contains(&of) {
                continue;
            }
            if let Err(error) = self.deliver_share(&share).await {
                let target = share.target;
                tracing::warn!(bucket = %target, %error, "an access log cannot be stored; its lines wait");
                self.trim(&share).await;
                failed.insert(of);
            }
        }
    }

    async fn deliver_share(&self, share: &LogShare) -> Result<(), Error> {
        let store = &self.parts.store;
        let Some(bucket) = store.bucket_by_id(share.target).await? else {
            return Ok(());
        };
        while let Some(lines) = store.log_lines(share, OBJECT_MAX_BYTES).await? {
            let key = self.key(share, &lines, bucket.tenant)?;
            let report = Report {
                operation: OPERATION,
                key,
                content_type: "text/plain",
                label: lines.label,
                encryption: None,
            };
            let text = Bytes::from(lines.text.clone());
            let (store, share) = (store.clone(), share.clone());
            self.parts
                .deliver(
                    &bucket,
                    &report,
                    stream::iter([Ok(text)]),
                    move |unit, permit| Ok(store.forget_log_lines(unit, permit, &share, &lines)?),
                )
                .await?;
            metrics::counter!("onshore_access_logs_total").increment(1);
        }
        Ok(())
    }

    async fn trim(&self, share: &LogShare) {
        match self.parts.store.trim_log_lines(share, HELD_MAX_BYTES).await {
            Ok(0) => {}
            Ok(lost_bytes) => {
                metrics::counter!("onshore_access_lines_lost_bytes_total").increment(lost_bytes);
                tracing::warn!(bucket = %share.target, lost_bytes, "too many lines wait for a bucket that does not take them: the oldest are lost");
            }
            Err(error) => tracing::error!(%error, "lines that wait could not be trimmed"),
        }
    }

    fn key(
        &self,
        share: &LogShare,
        lines: &LogLines,
        tenant: TenantId,
    ) -> Result<ObjectKey, Error> {
        let region = self.parts.gate.region().id.to_string();
        let unique = hex::encode_upper(onshore_keys::random::<8>());
        let key = key_text(
            share,
            lines.first,
            self.parts.gate.now(),
            tenant,
            &region,
            &unique,
        );
        ObjectKey::parse(key).map_err(|_| Error::KeyTooLong)
    }
}

/// Returns the key of a log object.
fn key_text(
    share: &LogShare,
    first: Timestamp,
    now: Timestamp,
    tenant: TenantId,
    region: &str,
    unique: &str,
) -> String {
    let logging = &share.origin.logging;
    let (prefix, source) = (&logging.prefix, &share.origin.source);
    let place = match logging.format {
        LogKeyFormat::Simple => String::new(),
        LogKeyFormat::ByEventTime => {
            format!(
                "{tenant}/{region}/{source}/{}/",
                first.written_as("%Y/%m/%d")
            )
        }
        LogKeyFormat::ByDeliveryTime => {
            format!("{tenant}/{region}/{source}/{}/", now.written_as("%Y/%m/%d"))
        }
    };
    let at = match logging.format {
        // As at AWS: what is filed by the day of its events is called by that day too.
        LogKeyFormat::ByEventTime => first.written_as("%Y-%m-%d-00-00-00"),
        LogKeyFormat::Simple | LogKeyFormat::ByDeliveryTime => now.written_as("%Y-%m-%d-%H-%M-%S"),
    };
    format!("{prefix}{place}{at}-{unique}")
}

fn lose(lines: u64) {
    metrics::counter!("onshore_access_lines_lost_total").increment(lines);
    tracing::warn!(
        lines,
        "lines of access logs are lost: too many came at once, or the bucket they go to is gone"
    );
}
