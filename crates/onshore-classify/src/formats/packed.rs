//! What is compressed: unpacks it as it comes and hands it on.

use crate::findings::Unread;
use crate::formats::codec::Codec;
use crate::formats::gather::Gather;
use crate::formats::node::Node;
use crate::passage::Passage;

/// So much of what came last is held: where unpacking breaks off, it may have been taken for what it is not.
const HELD_BYTES: usize = 1 << 17;

/// How much is unpacked at once.
pub(crate) const OUT_BYTES: usize = 1 << 16;

/// Takes what is unpacked.
pub(crate) trait Sink {
    /// Takes more of it.
    fn take(&mut self, bytes: &[u8], gather: &mut Gather);
}

impl Sink for Node {
    fn take(&mut self, bytes: &[u8], gather: &mut Gather) {
        self.push(bytes, gather);
    }
}

/// Unpacks bytes into what takes them, and counts them. Nothing more is unpacked behind an error.
#[derive(Debug)]
pub(crate) struct Unpacker {
    codec: Option<Box<dyn Codec + Send>>,
    out: Vec<u8>,
    behind: Behind,
}

/// What stands behind the end of what is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Behind {
    /// More of it, or nothing.
    Same,
    /// Something else, which is left.
    Other,
}

impl Unpacker {
    pub(crate) fn new(codec: Box<dyn Codec + Send>) -> Self {
        Self {
            codec: Some(codec),
            out: vec![0; OUT_BYTES],
            behind: Behind::Same,
        }
    }

    /// Unpacks to the end of what begins here and no further.
    pub(crate) fn of_one(codec: Box<dyn Codec + Send>) -> Self {
        Self {
            behind: Behind::Other,
            ..Self::new(codec)
        }
    }

    /// Unpacks some bytes. Returns how many of them were taken before it came to its end or to an error.
    pub(crate) fn push(&mut self, bytes: &[u8], sink: &mut dyn Sink, gather: &mut Gather) -> usize {
        let mut taken = 0;
        while let Some(codec) = &mut self.codec {
            if self.behind == Behind::Other && codec.is_whole() {
                break;
            }
            let rest = bytes.get(taken..).unwrap_or_default();
            let step = match codec.step(rest, &mut self.out) {
                Ok(step) => step,
                Err(why) => {
                    gather.not_read(why);
                    self.codec = None;
                    break;
                }
            };
            taken += step.read;
            if step.written > 0 {
                if !gather.unpacked(step.written as u64) {
                    self.codec = None;
                    break;
                }
                sink.take(self.out.get(..step.written).unwrap_or_default(), gather);
            } else if step.read == 0 || taken == bytes.len() {
                break;
            }
        }
        taken
    }

    /// Whether it went as far as it goes.
    pub(crate) fn is_at_end(&self) -> bool {
        self.codec
            .as_ref()
            .is_none_or(|codec| self.behind == Behind::Other && codec.is_whole())
    }

    /// Whether there was an error.
    fn is_broken(&self) -> bool {
        self.codec.is_none()
    }

    /// Whether it is in the middle of what is packed.
    fn is_cut(&self) -> bool {
        self.codec.as_ref().is_some_and(|codec| !codec.is_whole())
    }

    /// Tells if it broke off.
    pub(crate) fn finish(self, gather: &mut Gather) {
        if self.is_cut() && !gather.is_over() {
            gather.not_read(Unread::Damaged);
        }
    }
}

/// What is compressed.
#[derive(Debug)]
pub(crate) struct Packed {
    unpacker: Unpacker,
    within: Node,
    /// What came last.
    held: Vec<u8>,
    /// What is no such thing, and is read as it is.
    raw: Option<Box<Passage>>,
}

impl Packed {
    pub(crate) fn new(codec: Box<dyn Codec + Send>) -> Self {
        Self {
            unpacker: Unpacker::new(codec),
            within: Node::within(),
            held: Vec::new(),
            raw: None,
        }
    }

    /// Reads on.
    pub(crate) fn push(&mut self, bytes: &[u8], gather: &mut Gather) {
        if let Some(raw) = &mut self.raw {
            raw.push(bytes);
            return;
        }
        self.unpacker.push(bytes, &mut self.within, gather);
        let begun = bytes.len().saturating_sub(HELD_BYTES);
        let gone = (self.held.len() + bytes.len() - begun).saturating_sub(HELD_BYTES);
        self.held.drain(..gone.min(self.held.len()));
        if self.unpacker.is_broken() && !gather.is_over() {
            let mut raw = Box::new(Passage::new(gather.wanted()));
            raw.push(&std::mem::take(&mut self.held));
            raw.push(bytes);
            self.raw = Some(raw);
        } else {
            self.held
                .extend_from_slice(bytes.get(begun..).unwrap_or_default());
        }
    }

    /// Reads to the end.
    pub(crate) fn finish(mut self, gather: &mut Gather) {
        if self.raw.is_none() && self.unpacker.is_cut() && !gather.is_over() {
            let mut raw = Box::new(Passage::new(gather.wanted()));
            raw.push(&self.held);
            self.raw = Some(raw);
        }
        self.unpacker.finish(gather);
        self.within.finish(gather);
        if let Some(raw) = self.raw {
            gather.take_raw(raw.finish());
        }
    }
}
