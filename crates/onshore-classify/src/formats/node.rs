//! What reads bytes that stream: it finds out what they are, and hands on what it unpacks.

use std::io::Cursor;

use crate::findings::Unread;
use crate::formats::codec::{Bzip2, Codec, Deflate, Gzip, Xz, Zstd};
use crate::formats::gather::Gather;
use crate::formats::mail::Mail;
use crate::formats::packed::Packed;
use crate::formats::picture::Picture;
use crate::formats::sniff::{Looks, SNIFFED_BYTES, Streamed, sniff};
use crate::formats::tar::Tar;
use crate::formats::whole::{self, Whole};
use crate::passage::Passage;

/// Reads bytes of whatever format.
#[derive(Debug)]
pub(crate) struct Node {
    place: Place,
    state: State,
}

/// Where the bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// They come from outside: whoever gives them can give them once more.
    Outermost,
    /// They are unpacked from something else: nobody will see them again.
    Within,
}

#[derive(Debug)]
enum State {
    /// The beginning, until there is enough of it.
    Beginning(Vec<u8>),
    Text(Box<Passage>),
    Packed(Box<Packed>),
    Tar(Box<Tar>),
    Mail(Box<Mail>),
    Picture(Picture),
    /// Will be given once more.
    Whole(Whole),
    /// Kept to be read as a whole at the end.
    Held(Whole, Vec<u8>),
    /// Not read.
    Passed,
}

impl Node {
    /// Begins with bytes from outside.
    pub(crate) fn outermost() -> Self {
        Self {
            place: Place::Outermost,
            state: State::Beginning(Vec::new()),
        }
    }

    /// Begins with bytes that are unpacked from something else.
    pub(crate) fn within() -> Self {
        Self {
            place: Place::Within,
            state: State::Beginning(Vec::new()),
        }
    }

    /// Returns the format that must be given once more, if it is one.
    pub(crate) fn whole(&self) -> Option<Whole> {
        match self.state {
            State::Whole(format) => Some(format),
            _ => None,
        }
    }

    /// Whether it is text, as far as can be told by now: then reading it costs what its bytes cost.
    pub(crate) fn is_text(&self) -> bool {
        match &self.state {
            State::Beginning(beginning) => sniff(beginning) == Looks::Text,
            State::Text(_) => true,
            State::Packed(_) | State::Tar(_) | State::Mail(_) | State::Picture(_) => false,
            State::Whole(_) | State::Held(..) | State::Passed => false,
        }
    }

    /// Reads on.
    pub(crate) fn push(&mut self, bytes: &[u8], gather: &mut Gather) {
        if gather.is_over() {
            return;
        }
        match &mut self.state {
            State::Beginning(beginning) => {
                let more = bytes.len().min(SNIFFED_BYTES - beginning.len());
                let (now, later) = bytes.split_at(more);
                beginning.extend_from_slice(now);
                if beginning.len() >= SNIFFED_BYTES {
                    self.begin(gather);
                    self.push(later, gather);
                }
            }
            State::Text(passage) => passage.push(bytes),
            State::Packed(packed) => packed.push(bytes, gather),
            State::Tar(tar) => tar.push(bytes, gather),
            State::Mail(mail) => mail.push(bytes, gather),
            State::Picture(picture) => picture.push(bytes),
            State::Held(_, held) => {
                if gather.hold(held.len(), bytes.len()) {
                    held.extend_from_slice(bytes);
                } else {
                    gather.let_go(held.len());
                    gather.not_read(Unread::OverLimit);
                    self.state = State::Passed;
                }
            }
            State::Whole(_) | State::Passed => {}
        }
    }

    /// Reads to the end. Returns the format if the bytes must be given once more.
    pub(crate) fn finish(mut self, gather: &mut Gather) -> Option<Whole> {
        if matches!(self.state, State::Beginning(_)) {
            self.begin(gather);
        }
        match self.state {
            State::Beginning(_) | State::Passed => None,
            State::Whole(format) => Some(format),
            State::Text(passage) => {
                let told = passage.finish();
                if told.unread.is_none() {
                    gather.is_format("text");
                }
                gather.take(told);
                None
            }
            State::Packed(packed) => {
                packed.finish(gather);
                gather.come_out();
                None
            }
            State::Tar(tar) => {
                tar.finish(gather);
                gather.come_out();
                None
            }
            State::Mail(mail) => {
                mail.finish(gather);
                gather.come_out();
                None
            }
            State::Picture(picture) => {
                picture.finish(gather);
                None
            }
            State::Held(format, held) => {
                let len = held.len();
                // Reading from memory does not fail.
                let read = whole::read(format, Cursor::new(held), gather);
                if read.is_err() {
                    gather.not_read(Unread::Damaged);
                }
                gather.let_go(len);
                None
            }
        }
    }

    fn begin(&mut self, gather: &mut Gather) {
        let State::Beginning(beginning) = std::mem::replace(&mut self.state, State::Passed) else {
            return;
        };
        self.state = match (sniff(&beginning), self.place) {
            (Looks::Text, _) => State::Text(Box::new(Passage::new(gather.wanted()))),
            (Looks::Streamed(format), _) => Self::go_in(format, gather),
            (Looks::Picture(kind), _) => State::Picture(Picture::new(kind, gather)),
            (Looks::Whole(format), Place::Outermost) => State::Whole(format),
            (Looks::Whole(format), Place::Within) => State::Held(format, Vec::new()),
        };
        self.push(&beginning, gather);
    }

    /// Goes into a format that streams.
    fn go_in(format: Streamed, gather: &mut Gather) -> State {
        if !gather.go_in(format.word()) {
            gather.come_out();
            gather.not_read(Unread::OverLimit);
            return State::Passed;
        }
        let codec: Box<dyn Codec + Send> = match format {
            Streamed::Gzip => Box::new(Gzip::new()),
            Streamed::Zlib => Box::new(Deflate::wrapped()),
            Streamed::Zstd => Box::new(Zstd::new()),
            Streamed::Bzip2 => Box::new(Bzip2::new()),
            Streamed::Xz => Box::new(Xz::new()),
            Streamed::Tar => return State::Tar(Box::new(Tar::new())),
            Streamed::Mail => return State::Mail(Box::new(Mail::new(gather))),
        };
        State::Packed(Box::new(Packed::new(codec)))
    }
}
