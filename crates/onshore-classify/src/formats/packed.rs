//! What is compressed: unpacks it as it comes and hands it on.

use crate::findings::Unread;
use crate::formats::codec::Codec;
use crate::formats::gather::Gather;
use crate::formats::node::Node;

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

    /// Tells if it broke off.
    pub(crate) fn finish(self, gather: &mut Gather) {
        if self.codec.is_some_and(|codec| !codec.is_whole()) && !gather.is_over() {
            gather.not_read(Unread::Damaged);
        }
    }
}

/// What is compressed.
#[derive(Debug)]
pub(crate) struct Packed {
    unpacker: Unpacker,
    within: Node,
}

impl Packed {
    pub(crate) fn new(codec: Box<dyn Codec + Send>) -> Self {
        Self {
            unpacker: Unpacker::new(codec),
            within: Node::within(),
        }
    }

    /// Reads on.
    pub(crate) fn push(&mut self, bytes: &[u8], gather: &mut Gather) {
        self.unpacker.push(bytes, &mut self.within, gather);
    }

    /// Reads to the end.
    pub(crate) fn finish(self, gather: &mut Gather) {
        self.unpacker.finish(gather);
        self.within.finish(gather);
    }
}
