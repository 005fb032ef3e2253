//! Bodies as one run of plain bytes that can be read from anywhere, for whoever must see the end before the middle: formats
//! whose directory stands at their end. Every frame is checked and opened as in a read; what does not hold is an error.
//!
//! Everything here may block.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::Error;
use crate::facts::Body;
use crate::files::{self, Files};
use crate::frame::{Cipher, PLAIN_BYTES, frame_of, position, stored_len, stored_offset};

/// A body, and what opens it.
pub(crate) struct PlainBody {
    pub(crate) cipher: Cipher,
    pub(crate) body: Body,
    /// What a small body is sealed as.
    pub(crate) inline: Option<Vec<u8>>,
}

/// Reads bodies, one behind the other, from anywhere.
pub(crate) struct PlainReader {
    files: Files,
    /// Each with where it begins.
    bodies: Vec<(u64, PlainBody)>,
    len_bytes: u64,
    at: u64,
    /// The file that was opened last, of which body.
    open: Option<(usize, File)>,
    /// The frame that was opened last: of which body, where it begins in the whole, and its plain bytes.
    frame: Option<(u64, Vec<u8>)>,
}

impl PlainReader {
    pub(crate) fn new(files: Files, bodies: Vec<PlainBody>) -> Self {
        let mut len_bytes = 0_u64;
        let bodies = bodies
            .into_iter()
            .map(|body| {
                let begins = len_bytes;
                len_bytes = len_bytes.saturating_add(body.body.size_bytes);
                (begins, body)
            })
            .collect();
        Self {
            files,
            bodies,
            len_bytes,
            at: 0,
            open: None,
            frame: None,
        }
    }

    /// Opens the frame that a place is in.
    fn fetch(&mut self, at: u64) -> io::Result<()> {
        let which = self
            .bodies
            .partition_point(|(begins, _)| *begins <= at)
            .saturating_sub(1);
        let Some((begins, body)) = self.bodies.get(which) else {
            return Ok(());
        };
        let number = frame_of(at - begins);
        let (offset, len_bytes) = (
            stored_offset(number),
            stored_len(number, body.body.size_bytes),
        );
        let mut stored = match &body.inline {
            Some(sealed) => {
                let from = usize::try_from(offset).unwrap_or(usize::MAX);
                sealed
                    .get(from..from.saturating_add(len_bytes))
                    .map(<[u8]>::to_vec)
                    .ok_or(io::ErrorKind::UnexpectedEof)?
            }
            None => {
                let file = match self.open.take() {
                    Some((of, file)) if of == which => file,
                    _ => self.files.read(body.body.id)?,
                };
                let (_, file) = self.open.insert((which, file));
                files::read_at(file, offset, len_bytes)?
            }
        };
        let plain_len = body
            .cipher
            .open(number, position(number, body.body.size_bytes), &mut stored)
            .map_err(|damage| io::Error::new(io::ErrorKind::InvalidData, damage.as_str()))?;
        stored.truncate(plain_len);
        let first = begins.saturating_add(number.saturating_mul(PLAIN_BYTES as u64));
        self.frame = Some((first, stored));
        Ok(())
    }

    /// Returns what of the frame in hand lies at a place and behind it.
    fn in_hand(&self, at: u64) -> Option<&[u8]> {
        let (first, plain) = self.frame.as_ref()?;
        let within = usize::try_from(at.checked_sub(*first)?).ok()?;
        plain.get(within..).filter(|rest| !rest.is_empty())
    }
}

impl Read for PlainReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.len_bytes || into.is_empty() {
            return Ok(0);
        }
        if self.in_hand(self.at).is_none() {
            self.fetch(self.at)?;
        }
        let rest = self.in_hand(self.at).ok_or(io::ErrorKind::UnexpectedEof)?;
        let len = rest.len().min(into.len());
        let (now, _) = rest.split_at(len);
        if let Some(to) = into.get_mut(..len) {
            to.copy_from_slice(now);
        }
        self.at += len as u64;
        Ok(len)
    }
}

impl Seek for PlainReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len_bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

/// Tells what a reader of plain bytes met: damage is told as in a read.
pub(crate) fn of_reader(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof | io::ErrorKind::NotFound => {
            Error::CorruptRecord("a body that was to be looked through")
        }
        _ => Error::Files(error),
    }
}
