//! What a job is doing, as it is written in its record: a kill leaves the job in one of these, and the engine goes on
//! from there.

use std::fmt;
use std::str::FromStr;

/// How often the source is listed again at most before what still changes is an exception.
pub const ROUNDS_MAX: u32 = 3;

/// What a job is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Listing the source: for the first time (round 0), or again to catch up with what changed.
    Listing(u32),
    /// Bringing what was listed.
    Copying(u32),
    /// Waiting to list again what it keeps up with.
    Watching(u32),
    /// Asking about everything that was listed, in a pre-flight.
    Checking,
    /// Computing, signing and writing the certificate.
    Certifying,
}

/// The text is no phase.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a phase of a migration")]
pub struct PhaseError;

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listing(0) => f.write_str("listing"),
            Self::Listing(round) => write!(f, "listing again {round}"),
            Self::Copying(0) => f.write_str("copying"),
            Self::Copying(round) => write!(f, "copying again {round}"),
            Self::Watching(round) => write!(f, "watching {round}"),
            Self::Checking => f.write_str("checking"),
            Self::Certifying => f.write_str("certifying"),
        }
    }
}

impl FromStr for Phase {
    type Err = PhaseError;

    fn from_str(text: &str) -> Result<Self, PhaseError> {
        let round = |digits: &str| digits.parse().map_err(|_| PhaseError);
        match text {
            // A job that nobody has begun.
            "queued" | "listing" => Ok(Self::Listing(0)),
            "copying" => Ok(Self::Copying(0)),
            "checking" => Ok(Self::Checking),
            "certifying" => Ok(Self::Certifying),
            _ => match text.rsplit_once(' ') {
                Some(("listing again", digits)) => round(digits).map(Self::Listing),
                Some(("copying again", digits)) => round(digits).map(Self::Copying),
                Some(("watching", digits)) => round(digits).map(Self::Watching),
                _ => Err(PhaseError),
            },
        }
    }
}

impl Phase {
    /// Returns what follows when the phase is done. `waiting` tells whether anything listed still waits.
    #[must_use]
    pub fn next(self, waiting: Waiting, catch_up: CatchUp) -> Option<Self> {
        match (self, waiting) {
            (Self::Listing(0), _) => Some(Self::Copying(0)),
            (Self::Listing(round), Waiting::Nothing) => Some(match catch_up {
                CatchUp::GoesOn => Self::Watching(round),
                CatchUp::EndsAfter(_) => Self::Certifying,
            }),
            // What the last listing found changed is not copied: nobody would look whether it changed once more.
            (Self::Listing(round), Waiting::Something) if catch_up.is_over_in(round) => {
                Some(Self::Certifying)
            }
            (Self::Listing(round), Waiting::Something) => Some(Self::Copying(round)),
            (Self::Watching(round), _) => Some(Self::Listing(round.saturating_add(1))),
            (Self::Copying(round), _) => Some(Self::Listing(round.saturating_add(1))),
            (Self::Checking | Self::Certifying, _) => None,
        }
    }
}

/// Whether a job keeps up with its source, or comes to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// It keeps up until somebody asks it to finish.
    GoesOn,
    /// It ends once nothing is new, or so many rounds behind this one at the latest.
    EndsAfter(u32),
}

impl CatchUp {
    fn is_over_in(self, round: u32) -> bool {
        match self {
            Self::GoesOn => false,
            Self::EndsAfter(from) => round > from.saturating_add(ROUNDS_MAX),
        }
    }
}

/// Whether anything listed still waits to be brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// Something does.
    Something,
    /// Nothing does.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::{CatchUp, Phase, ROUNDS_MAX, Waiting};

    #[test]
    fn phases_read_back() {
        for phase in [
            Phase::Listing(0),
            Phase::Listing(2),
            Phase::Copying(0),
            Phase::Copying(3),
            Phase::Watching(7),
            Phase::Checking,
            Phase::Certifying,
        ] {
            assert_eq!(phase.to_string().parse(), Ok(phase));
        }
        assert_eq!("queued".parse(), Ok(Phase::Listing(0)));
        for bad in ["", "listing again", "listing again x", "resting 1"] {
            assert!(bad.parse::<Phase>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_job_ends_and_always_behind_a_listing() {
        for always in [Waiting::Something, Waiting::Nothing] {
            let mut phase = Phase::Listing(0);
            let mut copies = 0;
            while let Some(next) = phase.next(always, CatchUp::EndsAfter(0)) {
                assert!(next != Phase::Certifying || matches!(phase, Phase::Listing(1..)));
                copies += u32::from(matches!(next, Phase::Copying(_)));
                phase = next;
            }
            let expected = if always == Waiting::Nothing {
                1
            } else {
                1 + ROUNDS_MAX
            };
            assert_eq!(copies, expected);
        }
    }

    #[test]
    fn who_watches_goes_on_until_asked_to_finish() {
        let mut phase = Phase::Listing(0);
        for round in 1..50 {
            let waiting = if round % 3 == 0 {
                Waiting::Something
            } else {
                Waiting::Nothing
            };
            while phase != Phase::Listing(round) {
                phase = phase.next(waiting, CatchUp::GoesOn).expect("it goes on");
                assert_ne!(phase, Phase::Certifying);
            }
        }
        let mut rounds = 0;
        while let Some(next) = phase.next(Waiting::Something, CatchUp::EndsAfter(49)) {
            rounds += u32::from(matches!(next, Phase::Copying(_)));
            phase = next;
        }
        // The one that it was in, and as many as any job has behind it.
        assert_eq!((phase, rounds), (Phase::Certifying, 1 + ROUNDS_MAX));
        let over = Phase::Watching(9).next(Waiting::Nothing, CatchUp::EndsAfter(9));
        assert_eq!(over, Some(Phase::Listing(10)));
    }
}
