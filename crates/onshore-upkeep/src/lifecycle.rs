//! The lifecycle engine: goes through the buckets that have a lifecycle, page by page, and does what is due. Each deed
//! and its leaf are one unit of work; a kill loses the deeds under way and nothing else, and the next round finds
//! what is left. Between batches it gives way to clients.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use onshore_db::Unit;
use onshore_gate::RemovedFact;
use onshore_policy::Permit;
use onshore_store::{
    Bucket, CarriedOut, DayLength, Deed, Due, DueMarker, DuePage, DueQuery, ErrorKind, Marked,
    Removal, Removed,
};
use serde_json::json;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::operator::{change_of_bucket, change_of_key};
use crate::{Error, Parts};

/// What leaves and permits call it.
const OPERATION: &str = "Lifecycle";

/// How many versions or uploads one read looks at: a read holds the write-ahead log open.
const LOOKED_AT_MAX: usize = 1000;
/// How many deeds are under way at once: enough to share a commit, few enough that clients' writes fit between them.
const DEEDS_AT_ONCE: usize = 64;
/// How long it gives way after a batch of deeds, and after each page.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// When the engine works.
#[derive(Debug, Clone, Copy)]
pub struct LifecycleRhythm {
    /// How long from the start of one round to that of the next.
    pub interval: Duration,
    /// How long a day is.
    pub day: DayLength,
}

/// What a round did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LifecycleTally {
    /// Objects that were removed for good.
    pub expired: u64,
    /// Objects that were hidden behind a delete marker.
    pub hidden: u64,
    /// Versions that were not current and are gone.
    pub noncurrent: u64,
    /// Delete markers that hid nothing and are gone.
    pub markers: u64,
    /// Uploads that were aborted.
    pub uploads: u64,
}

/// The lifecycle engine. Clones share its parts.
#[derive(Debug, Clone)]
pub struct LifecycleEngine {
    parts: Arc<Parts>,
    rhythm: LifecycleRhythm,
}

impl LifecycleTally {
    /// Counts what was done, here and in the metrics.
    fn count(&mut self, deed: Deed, done: &CarriedOut) {
        let (count, action) = match (done, deed) {
            (CarriedOut::NotDue | CarriedOut::Expired(Removal::Nothing), _) => return,
            (CarriedOut::Expired(Removal::Removed(_)), _) => (&mut self.expired, "expired"),
            (CarriedOut::Expired(Removal::Marked(_)), _) => (&mut self.hidden, "hidden"),
            (CarriedOut::Removed(_), Deed::RemoveMarker(_)) => (&mut self.markers, "marker"),
            (CarriedOut::Removed(_), _) => (&mut self.noncurrent, "noncurrent"),
            (CarriedOut::Aborted(_), _) => (&mut self.uploads, "upload"),
        };
        *count += 1;
        metrics::counter!("onshore_lifecycle_removed_total", "action" => action).increment(1);
    }

    fn total(&self) -> u64 {
        self.expired + self.hidden + self.noncurrent + self.markers + self.uploads
    }
}

impl LifecycleEngine {
    /// Makes an engine of its parts.
    #[must_use]
    pub fn new(parts: Parts, rhythm: LifecycleRhythm) -> Self {
        Self {
            parts: Arc::new(parts),
            rhythm,
        }
    }

    /// Does a round at once and then one at each interval, until told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let mut rounds = interval(self.rhythm.interval);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = rounds.tick() => {}
            }
            let tally = self.round(&stop).await;
            if tally.total() > 0 {
                tracing::info!(?tally, "what lifecycles said was due is done");
            }
            metrics::counter!("onshore_lifecycle_rounds_total").increment(1);
        }
    }

    /// Goes through every bucket once. A bucket that fails does not keep the others from theirs.
    pub async fn round(&self, stop: &CancellationToken) -> LifecycleTally {
        let mut tally = LifecycleTally::default();
        let buckets = match self.parts.store.buckets(None).await {
            Ok(buckets) => buckets,
            Err(error) => {
                tracing::error!(%error, "the buckets could not be looked up for their lifecycles");
                return tally;
            }
        };
        for bucket in buckets {
            if stop.is_cancelled() {
                break;
            }
            if bucket.lifecycle.is_none() {
                continue;
            }
            if let Err(error) = self.tend(&bucket, &mut tally, stop).await {
                tracing::error!(bucket = %bucket.id, %error, "the lifecycle of a bucket could not be carried out; the next round tries again");
            }
        }
        tally
    }

    /// Does what is due in a bucket, page by page.
    async fn tend(
        &self,
        bucket: &Bucket,
        tally: &mut LifecycleTally,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = match self.page(bucket, after).await {
                Err(Error::Store(onshore_store::Error::NoSuchBucket)) => return Ok(()),
                page => page?,
            };
            for batch in page.due.chunks(DEEDS_AT_ONCE) {
                let done = join_all(batch.iter().map(|due| self.carry_out(bucket, due))).await;
                for (due, done) in batch.iter().zip(done) {
                    tally.count(due.deed, &done?);
                }
                if give_way(stop).await.is_break() {
                    return Ok(());
                }
            }
            after = page.next;
            if after.is_none() || give_way(stop).await.is_break() {
                return Ok(());
            }
        }
    }

    async fn page(&self, bucket: &Bucket, after: Option<DueMarker>) -> Result<DuePage, Error> {
        let Parts { store, gate, .. } = &*self.parts;
        let transfer = change_of_bucket(gate, OPERATION, bucket);
        let permit = gate.permit(transfer).await?;
        let query = DueQuery {
            now: gate.at_most(),
            day: self.rhythm.day,
            after,
            looked_at_max: LOOKED_AT_MAX,
        };
        Ok(store.due(permit, query).await?)
    }

    /// Does one thing that is due, with its leaf, unless it is not due any more.
    async fn carry_out(&self, bucket: &Bucket, due: &Due) -> Result<CarriedOut, Error> {
        let Parts { db, gate, .. } = &*self.parts;
        let (version, label) = (due.deed.version(), due.label);
        let transfer = change_of_key(gate, OPERATION, bucket, &due.key, version, label);
        let permit = gate.permit(transfer).await?;
        let (engine, due) = (self.clone(), due.clone());
        let done = db
            .write(move |unit| engine.carry_out_in(unit, &permit, &due))
            .await;
        match done {
            Err(Error::Store(error)) if is_over(&error) => Ok(CarriedOut::NotDue),
            done => done,
        }
    }

    fn carry_out_in(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        due: &Due,
    ) -> Result<CarriedOut, Error> {
        let Parts { store, gate, .. } = &*self.parts;
        let done = store.carry_out(unit, permit, due, self.rhythm.day, gate.at_most())?;
        match &done {
            CarriedOut::NotDue | CarriedOut::Expired(Removal::Nothing) => {}
            CarriedOut::Expired(Removal::Removed(removed)) | CarriedOut::Removed(removed) => {
                self.settle_removed(unit, permit, removed)?;
            }
            CarriedOut::Expired(Removal::Marked(marked)) => {
                self.settle_marked(unit, permit, due, marked)?;
            }
            CarriedOut::Aborted(upload) => {
                let record =
                    json!({ "change": "upload.aborted", "key": due.key, "upload": upload });
                gate.settle_changed(unit, permit, record)?;
            }
        }
        Ok(done)
    }

    fn settle_marked(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        due: &Due,
        marked: &Marked,
    ) -> Result<(), Error> {
        if let Some(replaced) = &marked.replaced {
            self.settle_removed(unit, permit, replaced)?;
        }
        let record = json!({ "change": "object.hidden", "key": due.key, "marker": marked.marker });
        self.parts.gate.settle_changed(unit, permit, record)?;
        Ok(())
    }

    fn settle_removed(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        removed: &Removed,
    ) -> Result<(), Error> {
        let fact = RemovedFact {
            tenant: permit.tenant(),
            bucket: permit
                .bucket()
                .ok_or(onshore_store::Error::PermitMismatch("bucket"))?,
            version: removed.version,
            label: removed.label,
        };
        self.parts.gate.settle_removed(unit, permit, &fact)?;
        Ok(())
    }
}

/// Whether what was due changed under the engine's hands: a client was faster, or it is locked by now.
fn is_over(error: &onshore_store::Error) -> bool {
    match error.kind() {
        ErrorKind::Missing | ErrorKind::Conflict => true,
        ErrorKind::Refused => matches!(error, onshore_store::Error::Locked),
        ErrorKind::BadBody
        | ErrorKind::StorageFull
        | ErrorKind::Corrupt
        | ErrorKind::Unavailable
        | ErrorKind::Bug => false,
    }
}

/// Lets others at the database for a moment, and says whether to stop.
async fn give_way(stop: &CancellationToken) -> ControlFlow<()> {
    tokio::select! {
        () = stop.cancelled() => ControlFlow::Break(()),
        () = tokio::time::sleep(PAUSE) => ControlFlow::Continue(()),
    }
}
