//! Tar: headers of 512 bytes, each before what it names.
//!
//! Long names and sizes come from the headers of GNU and of POSIX (pax). What is sparse is read without its holes.

use crate::findings::Unread;
use crate::formats::gather::Gather;
use crate::formats::node::Node;
use crate::passage::Passage;

const BLOCK_BYTES: usize = 512;
/// How much is read of names and records about the next member.
const RECORDS_MAX_BYTES: usize = 1 << 20;

/// A tar archive on its way.
#[derive(Debug)]
pub(crate) struct Tar {
    state: State,
    /// What was said of the next member.
    name: Option<String>,
    size: Option<u64>,
    /// Where there is damage: what stands in the place of headers, as it is.
    raw: Option<Box<Passage>>,
}

#[derive(Debug)]
enum State {
    Header(Vec<u8>),
    Member {
        node: Box<Node>,
        left: u64,
        padding: u64,
    },
    Records {
        records: Vec<u8>,
        kind: u8,
        left: u64,
        padding: u64,
    },
    Padding(u64),
    /// More of the header of a sparse member, before so much of it.
    Map {
        map: Vec<u8>,
        name: String,
        size: u64,
    },
}

/// Whether a block is a header: its checksum is that of its bytes.
pub(crate) fn is_header(block: &[u8; BLOCK_BYTES]) -> bool {
    let told = number(block.get(148..156).unwrap_or_default());
    let sum: u64 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                u64::from(b' ')
            } else {
                u64::from(*byte)
            }
        })
        .sum();
    told == Some(sum) && block.first() != Some(&0)
}

/// Reads a number: in octal digits, or in bytes behind a bit.
fn number(field: &[u8]) -> Option<u64> {
    if field.first()? & 0x80 != 0 {
        let mut bytes = field.iter().copied();
        let first = u64::from(bytes.next()? & 0x7F);
        return bytes.try_fold(first, |number, byte| {
            Some(number.checked_mul(256)? | u64::from(byte))
        });
    }
    let digits = field
        .iter()
        .skip_while(|byte| **byte == b' ')
        .take_while(|byte| !matches!(**byte, b' ' | 0));
    digits
        .copied()
        .try_fold(0_u64, |number, digit| match digit {
            b'0'..=b'7' => Some(number.checked_mul(8)? + u64::from(digit - b'0')),
            _ => None,
        })
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0);
    let field = end.and_then(|end| field.get(..end)).unwrap_or(field);
    String::from_utf8_lossy(field).into_owned()
}

impl Tar {
    pub(crate) fn new() -> Self {
        Self {
            state: State::Header(Vec::new()),
            name: None,
            size: None,
            raw: None,
        }
    }

    /// Reads on.
    pub(crate) fn push(&mut self, mut bytes: &[u8], gather: &mut Gather) {
        while !bytes.is_empty() && !gather.is_over() {
            bytes = match &mut self.state {
                State::Header(block) | State::Map { map: block, .. } => {
                    let more = bytes.len().min(BLOCK_BYTES - block.len());
                    let (now, later) = bytes.split_at(more);
                    block.extend_from_slice(now);
                    if block.len() == BLOCK_BYTES {
                        self.block(gather);
                    }
                    later
                }
                State::Member { node, left, .. } => {
                    let (now, later) = split(bytes, left);
                    node.push(now, gather);
                    later
                }
                State::Records { records, left, .. } => {
                    let (now, later) = split(bytes, left);
                    let room = RECORDS_MAX_BYTES - records.len();
                    records.extend(now.iter().take(room));
                    later
                }
                State::Padding(left) => split(bytes, left).1,
            };
            self.end_part(gather);
        }
    }

    /// Reads to the end.
    pub(crate) fn finish(mut self, gather: &mut Gather) {
        let is_cut = match &self.state {
            State::Header(block) => !block.is_empty(),
            State::Padding(_) => false,
            State::Member { .. } | State::Records { .. } | State::Map { .. } => true,
        };
        if is_cut && !gather.is_over() {
            let rest = match &mut self.state {
                State::Header(rest) | State::Records { records: rest, .. } => std::mem::take(rest),
                State::Padding(_) | State::Member { .. } | State::Map { .. } => Vec::new(),
            };
            self.damaged(&rest, gather);
        }
        if let State::Member { node, .. } = self.state {
            node.finish(gather);
            gather.leave();
        }
        if let Some(raw) = self.raw {
            gather.take_raw(raw.finish());
        }
    }

    /// Goes on to what follows where a part has come to its end.
    fn end_part(&mut self, gather: &mut Gather) {
        match &mut self.state {
            State::Member { left: 0, .. } | State::Records { left: 0, .. } | State::Padding(0) => {}
            _ => return,
        }
        match std::mem::replace(&mut self.state, State::Header(Vec::new())) {
            State::Member { node, padding, .. } => {
                node.finish(gather);
                gather.leave();
                self.pad(padding);
            }
            State::Records {
                records,
                kind,
                padding,
                ..
            } => {
                self.records(&records, kind);
                self.pad(padding);
            }
            State::Padding(_) | State::Header(_) | State::Map { .. } => {}
        }
    }

    fn pad(&mut self, padding: u64) {
        if padding > 0 {
            self.state = State::Padding(padding);
        }
    }

    /// Reads a whole block: a header, or more of one.
    fn block(&mut self, gather: &mut Gather) {
        match std::mem::replace(&mut self.state, State::Header(Vec::new())) {
            State::Header(block) => self.header(&block, gather),
            State::Map { map, name, size } => {
                if map.get(504) == Some(&1) {
                    let map = Vec::new();
                    self.state = State::Map { map, name, size };
                } else {
                    self.member(&name, size, gather);
                }
            }
            other => self.state = other,
        }
    }

    fn header(&mut self, block: &[u8], gather: &mut Gather) {
        // The end is blocks of nothing; another archive may stand behind it.
        if block.iter().all(|byte| *byte == 0) {
            return;
        }
        if !block.first_chunk().is_some_and(is_header) {
            self.damaged(block, gather);
            return;
        }
        let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
        let kind = block.get(156).copied().unwrap_or_default();
        let Some(told) = number(field(124, 136)) else {
            self.damaged(block, gather);
            return;
        };
        if matches!(kind, b'L' | b'K' | b'x' | b'g') {
            self.state = State::Records {
                records: Vec::new(),
                kind,
                left: told,
                padding: padding(told),
            };
            return;
        }
        let size = self.size.take().unwrap_or(told);
        let name = self.name.take().unwrap_or_else(|| {
            let name = text(field(0, 100));
            let prefix = text(field(345, 500));
            if field(257, 263) == b"ustar\0" && !prefix.is_empty() {
                format!("{prefix}/{name}")
            } else {
                name
            }
        });
        match kind {
            // Links, devices and folders say sizes and have none.
            b'1'..=b'6' => {}
            b'S' if block.get(482) == Some(&1) => {
                let map = Vec::new();
                self.state = State::Map { map, name, size };
            }
            _ => self.member(&name, size, gather),
        }
    }

    fn member(&mut self, name: &str, size: u64, gather: &mut Gather) {
        gather.enter(name);
        self.state = State::Member {
            node: Box::new(Node::within()),
            left: size,
            padding: padding(size),
        };
        self.end_part(gather);
    }

    fn records(&mut self, records: &[u8], kind: u8) {
        match kind {
            b'L' => self.name = Some(text(records)),
            b'x' => {
                for record in records.split(|byte| *byte == b'\n') {
                    let record = String::from_utf8_lossy(record);
                    let Some((key, value)) = record
                        .split_once(' ')
                        .and_then(|(_, record)| record.split_once('='))
                    else {
                        continue;
                    };
                    match key {
                        "path" | "GNU.sparse.name" => self.name = Some(value.to_owned()),
                        "size" => self.size = value.parse().ok(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn damaged(&mut self, bytes: &[u8], gather: &mut Gather) {
        let raw = self.raw.get_or_insert_with(|| {
            gather.not_read(Unread::Damaged);
            Box::new(Passage::new(gather.wanted()))
        });
        raw.push(bytes);
    }
}

/// Splits off what still belongs to a part.
fn split<'a>(bytes: &'a [u8], left: &mut u64) -> (&'a [u8], &'a [u8]) {
    let now = bytes
        .len()
        .min(usize::try_from(*left).unwrap_or(usize::MAX));
    *left -= now as u64;
    bytes.split_at(now)
}

fn padding(size: u64) -> u64 {
    (BLOCK_BYTES as u64 - size % BLOCK_BYTES as u64) % BLOCK_BYTES as u64
}
