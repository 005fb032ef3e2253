//! Crash points: places where a test lets the process die as if the power had gone.
//!
//! The binary hands in what `ONSHORE_CRASH_AT` says; without it a crash point costs one comparison.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A place on the way of a write at which a crash must lose nothing that was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrashPoint {
    /// The bytes are on disk, no row tells of them.
    Staged,
    /// The unit of work is committed, nobody has heard of it.
    Committed,
    /// Tiles are written, the checkpoint is not.
    Tile,
    /// The checkpoint is written.
    Checkpoint,
    /// The answer is about to be sent.
    Answer,
}

/// Says at which crash point, and the how-many-eth time it is reached, the process dies.
#[derive(Debug, Clone, Default)]
pub struct CrashPoints(Option<Arc<(CrashPoint, AtomicU64)>>);

/// Why a text names no crash point.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a crash point: write staged, committed, tile, checkpoint or answer, then optionally `:` and a count from 1"
)]
pub struct CrashPointError(String);

impl CrashPoints {
    /// Returns crash points that are never reached.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Ends the process at once, without cleaning up, if this is the point and the time.
    pub fn reach(&self, point: CrashPoint) {
        let Some(armed) = &self.0 else {
            return;
        };
        if armed.0 == point && armed.1.fetch_sub(1, Ordering::SeqCst) == 1 {
            std::process::abort();
        }
    }
}

impl FromStr for CrashPoints {
    type Err = CrashPointError;

    fn from_str(text: &str) -> Result<Self, CrashPointError> {
        let fail = || CrashPointError(text.to_owned());
        let (name, count) = text.split_once(':').unwrap_or((text, "1"));
        let point = match name {
            "staged" => CrashPoint::Staged,
            "committed" => CrashPoint::Committed,
            "tile" => CrashPoint::Tile,
            "checkpoint" => CrashPoint::Checkpoint,
            "answer" => CrashPoint::Answer,
            _ => return Err(fail()),
        };
        let count: u64 = count.parse().map_err(|_| fail())?;
        if count == 0 {
            Err(fail())
        } else {
            Ok(Self(Some(Arc::new((point, AtomicU64::new(count))))))
        }
    }
}
