//! Looking through bodies: as they stream in, and from what is stored where a format wants to be read from its end.

use std::io::{Read, Seek};
use std::sync::Arc;
use std::time::Duration;

use onshore_classify::{Findings, Limits, Outcome, Scanner, Unread};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Error;
use crate::plain::of_reader;
use crate::scan::{By, Looked, Scan, ScanStanding};

/// Up to this size what must be seen as a whole is looked through before its version is there; what is larger is stored
/// unclassified and looked through behind that.
pub(crate) const WHOLE_BYTES_MAX: u64 = 256 << 20;

/// Whoever writes what must be unpacked waits so long for a turn at most; then it is looked through behind its commit.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// How much is read at once.
const CHUNK_BYTES: usize = 1 << 18;

/// Turns at what costs more than its bytes: unpacking, and reading as a whole. There are as many as there are cores, so that
/// whoever asks for something else is served beside them.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

/// Leave to unpack, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn(#[expect(dead_code, reason = "held, and given back")] OwnedSemaphorePermit);

impl Turns {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(Semaphore::new(cores)))
    }

    /// Waits for a turn, as long as one who writes waits; none where there are too many others.
    pub(crate) async fn wait(&self) -> Option<Turn> {
        if let Ok(turn) = Arc::clone(&self.0).try_acquire_owned() {
            return Some(Turn(turn));
        }
        let turn = Arc::clone(&self.0).acquire_owned();
        let turn = tokio::time::timeout(WAIT_MAX, turn).await.ok()?;
        turn.ok().map(Turn)
    }
}

/// Has a scanner read no more than may be read while somebody waits.
pub(crate) fn hasten(scanner: Scanner) -> Scanner {
    scanner.with_limits(Limits::of_one_who_waits())
}

/// Puts off what nobody has a turn to look through.
pub(crate) fn put_off(scanner: &Scanner) -> Looked {
    Looked::nothing(Scan::put_off(scanner.told_version()))
}

/// Whether a body that must be seen as a whole is looked through at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Up to a size; what is larger is put off.
    Bounded,
    /// Whatever its size.
    Endless,
}

/// Reads a body into a scanner, as far as the scanner wants it. It may block.
pub(crate) fn feed(scanner: &mut Scanner, reader: &mut impl Read) -> Result<(), Error> {
    let mut chunk = vec![0; CHUNK_BYTES];
    while !scanner.needs_whole() {
        let read = reader.read(&mut chunk).map_err(of_reader)?;
        if read == 0 {
            break;
        }
        scanner.push(chunk.get(..read).unwrap_or_default());
    }
    Ok(())
}

/// Looks at the end of a body, and once more at all of it where its format wants that. It may block. What is too much for one
/// who waits is put off.
pub(crate) fn end<R: Read + Seek>(
    scanner: Scanner,
    size_bytes: u64,
    patience: Patience,
    again: impl FnOnce() -> Result<R, Error>,
) -> Result<Looked, Error> {
    let by = By::scanner(&scanner);
    match scanner.finish() {
        Outcome::Done(findings) => Ok(kept(*findings, by, patience)),
        Outcome::Whole(whole) => {
            if patience == Patience::Bounded && size_bytes > WHOLE_BYTES_MAX {
                let findings = whole.unread(Unread::OverLimit);
                return Ok(Looked::of(findings, by, ScanStanding::Pending));
            }
            let findings = whole.read(again()?).map_err(of_reader)?;
            Ok(kept(findings, by, patience))
        }
    }
}

fn kept(findings: Findings, by: By, patience: Patience) -> Looked {
    let is_over = |findings: &Findings| {
        let mut unread = findings.unread.iter();
        unread.any(|unread| unread.why == Unread::OverLimit)
    };
    let standing = if patience == Patience::Bounded && is_over(&findings) {
        ScanStanding::Pending
    } else {
        ScanStanding::Read
    };
    Looked::of(findings, by, standing)
}
