//! The engine that looks through what is stored: what was put off when it came, and everything once the scanner or the legal
//! classes know more than those that looked. A label can only become stricter by it, but where nobody had looked before;
//! a label that changes has a leaf.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use onshore_classify::{LegalTable, SCANNER_VERSION};
use onshore_db::Unit;
use onshore_gate::{Gate, ScannedFact};
use onshore_store::{Again, LookStep, Looked, RescanEnd, RescanMarker, Rescanned, ToScan};
use onshore_types::VersionId;
use tokio_util::sync::CancellationToken;

use crate::pace::Pace;
use crate::{Error, Parts};

/// How many versions are looked up at once.
const ROWS_PER_PAGE: usize = 200;
/// What a version costs that is known already, beside bytes that are read.
const RECORD_BYTES: u64 = 4096;
/// How often it looks whether something was put off: it hears of that before it is durable.
const REST: Duration = Duration::from_secs(1);
/// After so many rests it tries again what could not be looked through.
const RESTS_MAX: u32 = 60;

/// How fast the engine goes.
#[derive(Debug, Clone, Copy)]
pub struct RescanRhythm {
    /// So many bytes a second.
    pub bytes_per_s: NonZeroU64,
}

/// What was gone through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RescanTally {
    /// Versions that were looked through.
    pub versions: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of them: those whose label changed.
    pub changed: u64,
    /// Versions that cannot be opened here: a client keeps the key.
    pub sealed: u64,
    /// Versions that could not be read at present: they are damaged, or their key is disabled.
    pub failed: u64,
}

/// The engine that looks through what is stored. Clones share its parts.
#[derive(Debug, Clone)]
pub struct RescanEngine {
    parts: Arc<Parts>,
    rhythm: RescanRhythm,
    /// What could not be looked through; it is tried again by and by.
    failed: Arc<Mutex<HashSet<VersionId>>>,
}

/// Where a round is.
struct Round<'a> {
    pace: Pace,
    tally: RescanTally,
    stop: &'a CancellationToken,
}

impl RescanEngine {
    /// Makes an engine of its parts.
    #[must_use]
    pub fn new(parts: Parts, rhythm: RescanRhythm) -> Self {
        Self {
            parts: Arc::new(parts),
            rhythm,
            failed: Arc::default(),
        }
    }

    /// Looks through what is to be looked through until told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let mut rests = 0;
        loop {
            rests += 1;
            if rests >= RESTS_MAX {
                rests = 0;
                self.failed().clear();
            }
            match self.round(&stop).await {
                Ok(tally) if tally == RescanTally::default() => {}
                Ok(tally) => tracing::info!(?tally, "stored objects were looked through"),
                Err(error) => {
                    tracing::error!(%error, "looking through what is stored could not go on; it tries again from where it stands");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.parts.store.something_put_off() => {}
                () = tokio::time::sleep(REST) => {}
            }
        }
    }

    /// Looks through what was put off, and then through what is left of everything where the scanner or the legal classes
    /// know more than those that looked.
    ///
    /// # Errors
    /// Those of the keepers; where it stands is kept.
    pub async fn round(&self, stop: &CancellationToken) -> Result<RescanTally, Error> {
        let mut round = Round {
            pace: Pace::new(Some(self.rhythm.bytes_per_s)),
            tally: RescanTally::default(),
            stop,
        };
        self.catch_up(&mut round).await?;
        let mut marker = self.marker().await?;
        while marker.end == RescanEnd::Open && !stop.is_cancelled() {
            let page = self
                .parts
                .store
                .versions_behind(marker.behind, ROWS_PER_PAGE)
                .await?;
            let visited = page.len();
            for next in page {
                if stop.is_cancelled() {
                    break;
                }
                self.visit(next, &mut round).await?;
                marker.behind = Some(next.version);
            }
            if visited == 0 {
                marker.end = RescanEnd::Reached;
            }
            self.save(marker).await?;
            self.show(marker.behind).await;
            // What comes in meanwhile waits for nobody else.
            self.catch_up(&mut round).await?;
        }
        if marker.end == RescanEnd::Reached {
            // Nothing is left that was looked through by less.
            self.parts.gate.settle_told(marker.told).await?;
        }
        if round.tally != RescanTally::default() {
            self.show(marker.behind).await;
        }
        Ok(round.tally)
    }

    /// Looks through what was put off.
    async fn catch_up(&self, round: &mut Round<'_>) -> Result<(), Error> {
        let mut behind: Option<VersionId> = None;
        loop {
            let page = self.parts.store.put_off(behind, ROWS_PER_PAGE).await?;
            if page.is_empty() {
                return Ok(());
            }
            for next in page {
                if round.stop.is_cancelled() {
                    return Ok(());
                }
                if !self.failed().contains(&next.version) {
                    self.visit(next, round).await?;
                }
                // One that cannot be read at present does not stop those behind it.
                behind = Some(next.version);
            }
        }
    }

    /// Returns where a round with the scanner and the classes of today stands.
    async fn marker(&self) -> Result<RescanMarker, Error> {
        let fresh = RescanMarker {
            scanner: SCANNER_VERSION,
            tables: LegalTable::shipped().version(),
            told: self.parts.gate.told_changes(),
            behind: None,
            end: RescanEnd::Open,
        };
        let kept = self.parts.store.rescan_marker().await?;
        let is_same = |kept: &RescanMarker| {
            kept.scanner == fresh.scanner && kept.tables == fresh.tables && kept.told == fresh.told
        };
        Ok(kept.filter(is_same).unwrap_or(fresh))
    }

    async fn visit(&self, next: ToScan, round: &mut Round<'_>) -> Result<(), Error> {
        let looked = tokio::select! {
            () = round.stop.cancelled() => return Ok(()),
            looked = self.look(next, round) => looked,
        };
        match looked {
            Ok(None) => {
                round.pace.keep(RECORD_BYTES).await;
                Ok(())
            }
            Ok(Some(scan)) => self.settle(next, scan, round).await,
            // Damage is the scrub's to report, and a disabled key may be enabled again: until then nobody knows what is in it.
            Err(Error::Store(error))
                if matches!(
                    error,
                    onshore_store::Error::Corrupt { .. }
                        | onshore_store::Error::CorruptRecord(_)
                        | onshore_store::Error::KmsKeyDisabled
                        | onshore_store::Error::NoSuchKmsKey
                ) =>
            {
                tracing::warn!(version = %next.version, bucket = %next.bucket, %error, "an object cannot be looked through at present");
                if self.failed().insert(next.version) {
                    round.tally.failed += 1;
                    self.put_off_again(next).await?;
                }
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn look(&self, next: ToScan, round: &mut Round<'_>) -> Result<Option<Looked>, Error> {
        let scanner = self.parts.gate.scanner(next.tenant);
        let mut looking = match self.parts.store.look_again(next.version, scanner).await? {
            Again::Nothing => return Ok(None),
            Again::Sealed(scan) => {
                round.tally.sealed += 1;
                return Ok(Some(*scan));
            }
            Again::Open(looking) => looking,
        };
        loop {
            match looking.step().await? {
                LookStep::Read(rest, bytes) => {
                    looking = rest;
                    round.tally.bytes += bytes;
                    round.pace.keep(bytes).await;
                }
                LookStep::Over(scan, bytes) => {
                    round.tally.bytes += bytes;
                    round.tally.versions += 1;
                    round.pace.keep(bytes + RECORD_BYTES).await;
                    return Ok(Some(*scan));
                }
            }
        }
    }

    fn failed(&self) -> MutexGuard<'_, HashSet<VersionId>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds unclassified what cannot be looked through at present.
    async fn put_off_again(&self, next: ToScan) -> Result<(), Error> {
        let Parts { db, store, gate } = (*self.parts).clone();
        let judge = gate.clone();
        let put_off = db
            .write(move |unit| {
                let rescanned = match store.put_off_again(unit, next.version) {
                    // What does not open is read by nobody, whatever its label.
                    Err(onshore_store::Error::Corrupt { .. }) => None,
                    put_off => put_off?,
                };
                record(&gate, unit, next.version, rescanned.as_ref())?;
                Ok::<_, Error>(rescanned)
            })
            .await?;
        if put_off.is_some() {
            judge.judge_anew(next.bucket);
        }
        Ok(())
    }

    async fn settle(&self, next: ToScan, scan: Looked, round: &mut Round<'_>) -> Result<(), Error> {
        let Parts { db, store, gate } = (*self.parts).clone();
        let judge = gate.clone();
        let rescanned = db
            .write(move |unit| {
                let rescanned = store.settle_scan(unit, next.version, scan)?;
                record(&gate, unit, next.version, rescanned.as_ref())?;
                Ok::<_, Error>(rescanned)
            })
            .await?;
        if let Some(rescanned) = rescanned
            && rescanned.changes()
        {
            // What flows out was judged by the label of before.
            judge.judge_anew(rescanned.bucket);
            round.tally.changed += 1;
            metrics::counter!("onshore_rescan_changed_total").increment(1);
        }
        metrics::counter!("onshore_rescan_versions_total").increment(1);
        Ok(())
    }

    async fn save(&self, marker: RescanMarker) -> Result<(), Error> {
        let Parts { db, store, .. } = (*self.parts).clone();
        db.write(move |unit| Ok(store.save_rescan_marker(unit, &marker)?))
            .await
    }

    /// Shows in the metrics how much is left.
    async fn show(&self, behind: Option<VersionId>) {
        match self.parts.store.left_to_scan(behind).await {
            Ok((waiting, left)) => {
                metrics::gauge!("onshore_rescan_put_off").set(waiting as f64);
                metrics::gauge!("onshore_rescan_left").set(left as f64);
            }
            Err(error) => {
                tracing::error!(%error, "what is to be looked through could not be counted");
            }
        }
    }
}

/// Records that the label of a version is another, in the unit of work that makes it so.
fn record(
    gate: &Gate,
    unit: &Unit<'_>,
    version: VersionId,
    rescanned: Option<&Rescanned>,
) -> Result<(), Error> {
    if let Some(rescanned) = rescanned.filter(|rescanned| rescanned.changes()) {
        let fact = ScannedFact {
            tenant: rescanned.tenant,
            bucket: rescanned.bucket,
            version,
            before: rescanned.before,
            now: rescanned.now,
            record: rescanned.record.clone(),
        };
        gate.settle_scanned(unit, &fact)?;
    }
    Ok(())
}
