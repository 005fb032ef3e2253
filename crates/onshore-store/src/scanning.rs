//! Looking through bodies: as they stream in, and from what is stored where a format wants to be read from its end.

use std::io::{Read, Seek};

use onshore_classify::{Outcome, Scanner, Unread};

use crate::Error;
use crate::plain::of_reader;
use crate::scan::{By, Looked, ScanStanding};

/// Up to this size what must be seen as a whole is looked through before its version is there; what is larger is stored
/// unclassified and looked through behind that.
pub(crate) const WHOLE_BYTES_MAX: u64 = 256 << 20;

/// How much is read at once.
const CHUNK_BYTES: usize = 1 << 18;

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

/// Looks at the end of a body, and once more at all of it where its format wants that. It may block.
pub(crate) fn end<R: Read + Seek>(
    scanner: Scanner,
    size_bytes: u64,
    patience: Patience,
    again: impl FnOnce() -> Result<R, Error>,
) -> Result<Looked, Error> {
    let by = By::scanner(&scanner);
    match scanner.finish() {
        Outcome::Done(findings) => Ok(Looked::of(*findings, by, ScanStanding::Read)),
        Outcome::Whole(whole) => {
            if patience == Patience::Bounded && size_bytes > WHOLE_BYTES_MAX {
                let findings = whole.unread(Unread::OverLimit);
                return Ok(Looked::of(findings, by, ScanStanding::Pending));
            }
            let findings = whole.read(again()?).map_err(of_reader)?;
            Ok(Looked::of(findings, by, ScanStanding::Read))
        }
    }
}
