//! The scrub engine: reads everything that is stored, round and round and slowly, and reports what is not what was
//! written: in the log, in the metrics, and once for each in the ledger. It repairs nothing; a copy does.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use onshore_gate::{DamagedFact, DamagedThing};
use onshore_store::{Damage, Examined, Noted, Progress, RoundMarker, Soundness};
use onshore_types::BucketId;
use tokio_util::sync::CancellationToken;

use crate::pace::Pace;
use crate::{Error, Parts};

/// How many versions or parts are looked up at once.
const ROWS_PER_PAGE: usize = 200;
/// How much is read until it is kept where the round stands: what a kill makes it read again.
const SAVED_EVERY_BYTES: u64 = 256 << 20;
/// So many in a row that cannot be examined are a failure of the disk or the database, and not theirs.
const UNREAD_IN_A_ROW_MAX: u32 = 10;
/// What a record costs beside its bytes, so that a store of small objects is not gone through at full speed.
const RECORD_BYTES: u64 = 4096;
/// How long it rests between two rounds, and after a failure.
const REST: Duration = Duration::from_secs(60);

/// How fast the engine goes.
#[derive(Debug, Clone, Copy)]
pub struct ScrubRhythm {
    /// So many bytes a second; none is as fast as the disk.
    pub bytes_per_s: Option<NonZeroU64>,
}

/// What was gone through.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScrubTally {
    /// Versions that were examined.
    pub versions: u64,
    /// Parts of uploads under way that were examined.
    pub parts: u64,
    /// The bytes they have on disk.
    pub bytes: u64,
    /// Of them: what a client keeps the key of, so that checksums alone were compared.
    pub checksum_alone: u64,
    /// Versions and parts that are damaged.
    pub damaged: u64,
    /// Versions and parts that could not be examined.
    pub unread: u64,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrubRound {
    /// Everything was visited, since it began here or from where an earlier run left it.
    Whole(ScrubTally),
    /// It was told to stop.
    Stopped(ScrubTally),
}

/// The scrub engine. Clones share its parts.
#[derive(Debug, Clone)]
pub struct ScrubEngine {
    parts: Arc<Parts>,
    rhythm: ScrubRhythm,
}

impl ScrubEngine {
    /// Makes an engine of its parts.
    #[must_use]
    pub fn new(parts: Parts, rhythm: ScrubRhythm) -> Self {
        Self {
            parts: Arc::new(parts),
            rhythm,
        }
    }

    /// Goes round until told to stop. The first round goes on where an earlier run stopped.
    pub async fn run(&self, stop: CancellationToken) {
        self.show_damages().await;
        loop {
            match self.round(&stop).await {
                Ok(ScrubRound::Whole(tally)) => {
                    metrics::counter!("onshore_scrub_rounds_total").increment(1);
                    tracing::info!(?tally, "a scrub is through");
                }
                Ok(ScrubRound::Stopped(_)) => return,
                Err(error) => {
                    tracing::error!(%error, "the scrub could not go on; it tries again from where it stands");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(REST) => {}
            }
        }
    }

    /// Goes through everything once, or through what is left of a round that was begun.
    ///
    /// # Errors
    /// Those of the keepers; where the round stands is kept.
    pub async fn round(&self, stop: &CancellationToken) -> Result<ScrubRound, Error> {
        let begun = self.parts.store.round().await?;
        self.go_round(begun, stop).await
    }

    /// Goes through everything once, whatever was begun.
    ///
    /// # Errors
    /// As [`ScrubEngine::round`].
    pub async fn whole_round(&self, stop: &CancellationToken) -> Result<ScrubRound, Error> {
        self.go_round(None, stop).await
    }

    async fn go_round(
        &self,
        mut after: Option<RoundMarker>,
        stop: &CancellationToken,
    ) -> Result<ScrubRound, Error> {
        let mut tally = ScrubTally::default();
        let mut pace = Pace::new(self.rhythm.bytes_per_s);
        let mut unread_in_a_row = 0;
        loop {
            let page = self.parts.store.to_examine(after, ROWS_PER_PAGE).await?;
            for damage in page.damaged {
                self.report(damage, &mut tally).await?;
            }
            let (mut behind, mut saved_bytes) = (None, tally.bytes);
            for (examined, bucket) in page.examine {
                let visit = self.visit(examined, bucket, &mut pace, &mut tally);
                let visited = tokio::select! {
                    () = stop.cancelled() => {
                        if behind.is_some() {
                            self.save(behind).await?;
                        }
                        return Ok(ScrubRound::Stopped(tally));
                    }
                    visited = visit => visited,
                };
                match visited {
                    Ok(()) => unread_in_a_row = 0,
                    Err(error) => {
                        unread_in_a_row += 1;
                        if unread_in_a_row > UNREAD_IN_A_ROW_MAX {
                            return Err(error);
                        }
                        tracing::error!(?examined, %bucket, %error, "it could not be examined");
                        tally.unread += 1;
                    }
                }
                behind = Some(RoundMarker::behind(examined));
                if tally.bytes - saved_bytes >= SAVED_EVERY_BYTES {
                    self.save(behind.clone()).await?;
                    saved_bytes = tally.bytes;
                }
            }
            self.save(page.next.clone()).await?;
            self.show_damages().await;
            match page.next {
                None => return Ok(ScrubRound::Whole(tally)),
                Some(next) => after = Some(next),
            }
            if stop.is_cancelled() {
                return Ok(ScrubRound::Stopped(tally));
            }
        }
    }

    /// Reads one version or part from end to end, as slowly as it should be, and says what came of it.
    async fn visit(
        &self,
        examined: Examined,
        bucket: BucketId,
        pace: &mut Pace,
        tally: &mut ScrubTally,
    ) -> Result<(), Error> {
        let mut examination = self.parts.store.examine(examined).await?;
        let mut read_bytes = 0;
        let soundness = loop {
            match examination.step().await? {
                Progress::Read(rest, bytes) => {
                    examination = rest;
                    read_bytes += bytes;
                    pace.keep(bytes).await;
                }
                Progress::Over(soundness, bytes) => {
                    read_bytes += bytes;
                    pace.keep(bytes + RECORD_BYTES).await;
                    break soundness;
                }
            }
        };
        if soundness == Soundness::Gone {
            return Ok(());
        }
        tally.count(examined, read_bytes);
        match soundness {
            Soundness::Whole => self.clear(examined).await,
            Soundness::Sealed => {
                tally.checksum_alone += 1;
                self.clear(examined).await
            }
            Soundness::Damaged(what) => {
                let damage = Damage {
                    examined,
                    bucket,
                    what,
                };
                self.report(damage, tally).await
            }
            Soundness::Gone => Ok(()),
        }
    }

    /// Reports a damage; one that was reported before is counted alone.
    async fn report(&self, damage: Damage, tally: &mut ScrubTally) -> Result<(), Error> {
        let fact = DamagedFact {
            bucket: damage.bucket,
            of: match damage.examined {
                Examined::Version(version) => DamagedThing::Version(version),
                Examined::Part { upload, number } => DamagedThing::Part(upload, number),
            },
            what: damage.what,
        };
        let Parts { db, store, gate } = (*self.parts).clone();
        let noted = db
            .write(move |unit| {
                let noted = store.note_damage(unit, &damage, gate.now())?;
                if noted == Noted::Now {
                    gate.settle_damaged(unit, &fact)?;
                }
                Ok::<_, Error>(noted)
            })
            .await?;
        match noted {
            Noted::Gone => return Ok(()),
            Noted::Before => {}
            Noted::Now => {
                tracing::error!(
                    examined = ?damage.examined,
                    bucket = %damage.bucket,
                    what = damage.what,
                    "stored data is damaged: restore it from a copy"
                );
                metrics::counter!("onshore_scrub_found_total").increment(1);
            }
        }
        tally.damaged += 1;
        Ok(())
    }

    /// Takes back that something is damaged, if that was said.
    async fn clear(&self, examined: Examined) -> Result<(), Error> {
        let Parts { db, store, .. } = (*self.parts).clone();
        if !store.is_damage_noted(examined).await? {
            return Ok(());
        }
        tracing::info!(?examined, "what was damaged is sound again");
        db.write(move |unit| Ok(store.forget_damage(unit, examined)?))
            .await
    }

    async fn save(&self, marker: Option<RoundMarker>) -> Result<(), Error> {
        let Parts { db, store, .. } = (*self.parts).clone();
        db.write(move |unit| Ok(store.save_round(unit, marker.as_ref())?))
            .await
    }

    /// Shows in the metrics how much is damaged at present.
    async fn show_damages(&self) {
        match self.parts.store.damages().await {
            Ok(damages) => metrics::gauge!("onshore_scrub_damaged").set(f64::from(damages)),
            Err(error) => tracing::error!(%error, "what is damaged could not be counted"),
        }
    }
}

impl ScrubTally {
    fn count(&mut self, examined: Examined, read_bytes: u64) {
        let (count, kind) = match examined {
            Examined::Version(_) => (&mut self.versions, "version"),
            Examined::Part { .. } => (&mut self.parts, "part"),
        };
        *count += 1;
        self.bytes = self.bytes.saturating_add(read_bytes);
        metrics::counter!("onshore_scrub_examined_total", "kind" => kind).increment(1);
        metrics::counter!("onshore_scrub_bytes_total").increment(read_bytes);
    }
}
