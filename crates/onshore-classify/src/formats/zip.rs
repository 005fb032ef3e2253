//! Zip: members anywhere, and a directory at the end that says where.
//!
//! The directory is believed, as every reader does; what it does not name is read all the same and told as hidden. Where
//! there is no directory, what is found from the beginning on is read and the archive told as damaged.

use std::io::{self, Read, Seek, SeekFrom};

use crate::findings::Unread;
use crate::formats::codec::{Bzip2, Codec, Deflate, Deflate64, Stored, Xz, Zstd};
use crate::formats::gather::Gather;
use crate::formats::node::Node;
use crate::formats::office;
use crate::formats::packed::{OUT_BYTES, Sink, Unpacker};

/// What may stand behind the end of the directory: a comment.
const COMMENT_MAX_BYTES: u64 = 1 << 16;
/// How much of a directory is read.
const DIRECTORY_MAX_BYTES: u64 = 64 << 20;
/// What may lie between members and mean nothing: padding that aligns them, and what tells their lengths behind them.
const GAP_MAX_BYTES: u64 = 64;

/// A member, as the directory tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    flags: u16,
    method: u16,
    packed_bytes: u64,
    /// Where its own header stands.
    at: u64,
}

/// The bytes of an archive.
#[derive(Debug)]
pub(crate) struct Archive<R> {
    bytes: R,
    len_bytes: u64,
    pub(crate) entries: Vec<Entry>,
    comment: Vec<u8>,
}

/// Where bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Extent {
    start: u64,
    end: u64,
}

/// Reads an archive, or the document that it is.
pub(crate) fn read<R: Read + Seek>(bytes: R, gather: &mut Gather) -> io::Result<()> {
    let mut archive = Archive {
        bytes,
        len_bytes: 0,
        entries: Vec::new(),
        comment: Vec::new(),
    };
    archive.len_bytes = archive.bytes.seek(SeekFrom::End(0))?;
    let Some(directory) = archive.directory(gather)? else {
        gather.is_format("zip");
        gather.not_read(Unread::Damaged);
        let all = Extent {
            start: 0,
            end: archive.len_bytes,
        };
        if gather.go_in("zip") {
            archive.salvage(all, gather)?;
        }
        gather.come_out();
        return Ok(());
    };
    let mut extents = vec![directory];
    let entries = std::mem::take(&mut archive.entries);
    for entry in &entries {
        if let Some(extent) = archive.extent(entry)? {
            extents.push(extent);
        }
    }
    archive.entries = entries;
    let document = office::Document::of(&mut archive, gather)?;
    let word = document.map_or("zip", office::Document::word);
    gather.is_format(word);
    if gather.go_in(word) {
        match document {
            Some(document) => office::read(document, &mut archive, gather)?,
            None => archive.read_members(gather)?,
        }
        archive.read_comment(gather);
        archive.read_gaps(extents, gather)?;
    } else {
        gather.not_read(Unread::OverLimit);
    }
    gather.come_out();
    Ok(())
}

impl<R: Read + Seek> Archive<R> {
    /// Reads what stands at a place, as much as there is of it.
    fn at(&mut self, place: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut read = Vec::new();
        if place < self.len_bytes {
            self.bytes.seek(SeekFrom::Start(place))?;
            let bytes = self.bytes.by_ref().take(len as u64);
            io::copy(&mut { bytes }, &mut read)?;
        }
        Ok(read)
    }

    /// Reads the directory and tells where it is.
    fn directory(&mut self, gather: &mut Gather) -> io::Result<Option<Extent>> {
        let tail_at = self.len_bytes.saturating_sub(COMMENT_MAX_BYTES + 22);
        let tail = self.at(tail_at, OUT_BYTES + 22)?;
        let Some(end) = tail.windows(22).rposition(|end| {
            end.starts_with(b"PK\x05\x06") && u64::from(u16_at(end, 20)) < COMMENT_MAX_BYTES
        }) else {
            return Ok(None);
        };
        let record = tail.get(end..).unwrap_or_default();
        self.comment = record.get(22..).unwrap_or_default().to_vec();
        let mut count = u64::from(u16_at(record, 10));
        let mut size = u64::from(u32_at(record, 12));
        let mut told_at = u64::from(u32_at(record, 16));
        let mut end_at = tail_at + end as u64;
        // Where numbers do not fit, a wider record stands before this one, and says so just before it.
        if let Some(locator) = end_at.checked_sub(20)
            && let locator = self.at(locator, 20)?
            && locator.starts_with(b"PK\x06\x07")
        {
            let wide_at = u64_at(&locator, 8);
            let mut wide = self.at(wide_at, 56)?;
            let before = end_at.saturating_sub(76);
            let mut found_at = wide_at;
            if !wide.starts_with(b"PK\x06\x06") {
                wide = self.at(before, 56)?;
                found_at = before;
            }
            if wide.starts_with(b"PK\x06\x06") {
                count = u64_at(&wide, 32);
                size = u64_at(&wide, 40);
                told_at = u64_at(&wide, 48);
                end_at = found_at;
            }
        }
        let Some(start) = end_at.checked_sub(size) else {
            return Ok(None);
        };
        // Something may stand before the archive, which its places do not know of.
        let shift = start.wrapping_sub(told_at);
        let read = size.min(DIRECTORY_MAX_BYTES);
        let directory = self.at(start, usize::try_from(read).unwrap_or_default())?;
        let mut rest = directory.as_slice();
        let members_max = gather.options.limits.members_max;
        while rest.starts_with(b"PK\x01\x02") && rest.len() >= 46 {
            let lens = [u16_at(rest, 28), u16_at(rest, 30), u16_at(rest, 32)].map(usize::from);
            let [name, extra, comment] = lens;
            let len = 46 + name + extra + comment;
            if rest.len() < len || self.entries.len() as u64 > members_max {
                break;
            }
            self.entries.push(entry(rest, name, extra, shift));
            rest = rest.get(len..).unwrap_or_default();
        }
        if size > read || self.entries.len() as u64 > members_max {
            gather.not_read(Unread::OverLimit);
        } else if count != self.entries.len() as u64
            && count & 0xFFFF != self.entries.len() as u64 & 0xFFFF
        {
            gather.not_read(Unread::Damaged);
        }
        if self.entries.is_empty() && count > 0 {
            return Ok(None);
        }
        Ok(Some(Extent {
            start,
            end: self.len_bytes,
        }))
    }

    /// Returns where a member is, with its header.
    fn extent(&mut self, entry: &Entry) -> io::Result<Option<Extent>> {
        Ok(self.data_at(entry)?.map(|data| Extent {
            start: entry.at,
            end: data.saturating_add(entry.packed_bytes),
        }))
    }

    fn data_at(&mut self, entry: &Entry) -> io::Result<Option<u64>> {
        let header = self.at(entry.at, 30)?;
        if !header.starts_with(b"PK\x03\x04") || header.len() < 30 {
            return Ok(None);
        }
        let lens = u64::from(u16_at(&header, 26)) + u64::from(u16_at(&header, 28));
        Ok(Some(entry.at + 30 + lens))
    }

    fn read_members(&mut self, gather: &mut Gather) -> io::Result<()> {
        let entries = std::mem::take(&mut self.entries);
        for entry in &entries {
            if gather.is_over() {
                break;
            }
            self.read_member(entry, gather)?;
        }
        Ok(())
    }

    /// Reads what stands behind the directory.
    fn read_comment(&mut self, gather: &mut Gather) {
        if !self.comment.is_empty() {
            let mut node = Node::within();
            node.push(&self.comment, gather);
            node.finish(gather);
        }
    }

    fn read_member(&mut self, entry: &Entry, gather: &mut Gather) -> io::Result<()> {
        if entry.name.ends_with('/') && entry.packed_bytes == 0 {
            return Ok(());
        }
        gather.enter(&entry.name);
        self.read_as_it_is(entry, gather)
    }

    /// Reads a part of a document whatever it is.
    pub(crate) fn read_part(&mut self, entry: &Entry, gather: &mut Gather) -> io::Result<()> {
        gather.enter_part(&entry.name);
        self.read_as_it_is(entry, gather)
    }

    fn read_as_it_is(&mut self, entry: &Entry, gather: &mut Gather) -> io::Result<()> {
        let mut node = Node::within();
        self.unpack(entry, &mut node, gather)?;
        node.finish(gather);
        gather.leave();
        Ok(())
    }

    /// Unpacks a member into what takes it. What stands in the way is told.
    pub(crate) fn unpack(
        &mut self,
        entry: &Entry,
        sink: &mut dyn Sink,
        gather: &mut Gather,
    ) -> io::Result<()> {
        if entry.flags & 1 != 0 {
            gather.not_read(Unread::Encrypted);
            return Ok(());
        }
        let Some(codec) = codec(entry.method) else {
            gather.not_read(Unread::UnknownFormat);
            return Ok(());
        };
        let Some(data) = self.data_at(entry)? else {
            gather.not_read(Unread::Damaged);
            return Ok(());
        };
        let mut unpacker = Unpacker::new(codec);
        let mut left = entry.packed_bytes;
        self.bytes.seek(SeekFrom::Start(data))?;
        let mut chunk = vec![0; OUT_BYTES];
        while left > 0 && !gather.is_over() {
            let most = usize::try_from(left).unwrap_or(OUT_BYTES).min(OUT_BYTES);
            let read = self.bytes.read(chunk.get_mut(..most).unwrap_or_default())?;
            if read == 0 {
                break;
            }
            left -= read as u64;
            let bytes = chunk.get(..read).unwrap_or_default();
            if unpacker.push(bytes, sink, gather) < read {
                break;
            }
        }
        if left > 0 && entry.method == 0 && !gather.is_over() {
            gather.not_read(Unread::Damaged);
        }
        unpacker.finish(gather);
        Ok(())
    }

    /// Reads what lies between what the directory names.
    fn read_gaps(&mut self, mut extents: Vec<Extent>, gather: &mut Gather) -> io::Result<()> {
        extents.sort_unstable();
        let (mut end, mut is_hidden) = (0, false);
        for extent in extents {
            let gap = Extent {
                start: end,
                end: extent.start,
            };
            end = end.max(extent.end);
            if gap.end.saturating_sub(gap.start) <= GAP_MAX_BYTES || gather.is_over() {
                continue;
            }
            if !is_hidden {
                is_hidden = true;
                gather.not_read(Unread::Hidden);
            }
            self.salvage(gap, gather)?;
        }
        Ok(())
    }

    /// Reads members by their own headers, one behind the other, as far as they go.
    fn salvage(&mut self, within: Extent, gather: &mut Gather) -> io::Result<()> {
        let mut at = within.start;
        while at < within.end && !gather.is_over() {
            let header = self.at(at, 30)?;
            if header.len() < 30 || !header.starts_with(b"PK\x03\x04") {
                // What tells lengths behind a member is at most this long.
                let next = self.at(at, GAP_MAX_BYTES as usize)?;
                match next.windows(4).position(|mark| mark == b"PK\x03\x04") {
                    Some(gap) if gap > 0 => {
                        at += gap as u64;
                        continue;
                    }
                    _ => return Ok(()),
                }
            }
            let (flags, method) = (u16_at(&header, 6), u16_at(&header, 8));
            let (name_len, extra_len) = (u16_at(&header, 26), u16_at(&header, 28));
            let name = self.at(at + 30, name_len.into())?;
            let data = at + 30 + u64::from(name_len) + u64::from(extra_len);
            gather.enter(&text(&name, flags));
            at = data + self.salvage_member(&header, data, within.end, gather)?;
            gather.leave();
            let is_lost = flags & 8 != 0 && (method == 0 || flags & 1 != 0);
            if is_lost {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Reads one of them and returns how long it was.
    fn salvage_member(
        &mut self,
        header: &[u8],
        data: u64,
        end: u64,
        gather: &mut Gather,
    ) -> io::Result<u64> {
        let (flags, method) = (u16_at(header, 6), u16_at(header, 8));
        let told = u64::from(u32_at(header, 18));
        let rest = end.saturating_sub(data);
        let is_told = flags & 8 == 0;
        let most = if is_told { told.min(rest) } else { rest };
        if flags & 1 != 0 {
            gather.not_read(Unread::Encrypted);
            return Ok(most);
        }
        let Some(codec) = codec(method) else {
            gather.not_read(Unread::UnknownFormat);
            return Ok(most);
        };
        let mut unpacker = if method == 0 {
            Unpacker::new(codec)
        } else {
            Unpacker::of_one(codec)
        };
        let mut node = Node::within();
        let mut taken = 0;
        while taken < most && !gather.is_over() {
            let len = usize::try_from(most - taken).unwrap_or(OUT_BYTES);
            let chunk = self.at(data + taken, len.min(OUT_BYTES))?;
            let now = unpacker.push(&chunk, &mut node, gather);
            taken += now as u64;
            if now < chunk.len() || now == 0 || unpacker.is_at_end() {
                break;
            }
        }
        node.finish(gather);
        Ok(if is_told { most } else { taken.max(1) })
    }
}

fn codec(method: u16) -> Option<Box<dyn Codec + Send>> {
    Some(match method {
        0 => Box::new(Stored),
        8 => Box::new(Deflate::raw()),
        9 => Box::new(Deflate64::new()),
        12 => Box::new(Bzip2::new()),
        93 => Box::new(Zstd::new()),
        95 => Box::new(Xz::new()),
        _ => return None,
    })
}

/// Reads an entry of the directory.
fn entry(record: &[u8], name: usize, extra: usize, shift: u64) -> Entry {
    let flags = u16_at(record, 8);
    let mut packed_bytes = u64::from(u32_at(record, 20));
    let mut at = u64::from(u32_at(record, 42));
    // What does not fit stands in a field of its own, in this order, if it does not fit.
    let mut fields = record.get(46 + name..46 + name + extra).unwrap_or_default();
    while fields.len() >= 4 {
        let (id, len) = (u16_at(fields, 0), usize::from(u16_at(fields, 2)));
        let field = fields.get(4..4 + len).unwrap_or_default();
        if id == 1 {
            let mut numbers = field.chunks_exact(8).map(|number| u64_at(number, 0));
            if u32_at(record, 24) == u32::MAX {
                numbers.next();
            }
            if packed_bytes == u64::from(u32::MAX) {
                packed_bytes = numbers.next().unwrap_or(packed_bytes);
            }
            if at == u64::from(u32::MAX) {
                at = numbers.next().unwrap_or(at);
            }
        }
        fields = fields.get(4 + len..).unwrap_or_default();
    }
    Entry {
        name: text(record.get(46..46 + name).unwrap_or_default(), flags),
        flags,
        method: u16_at(record, 10),
        packed_bytes,
        at: at.wrapping_add(shift),
    }
}

/// Reads a name: in UTF-8 where the archive says so or where it is that, else as Chinese systems write it.
fn text(name: &[u8], flags: u16) -> String {
    match str::from_utf8(name) {
        Ok(name) => name.to_owned(),
        Err(_) if flags & 0x800 != 0 => String::from_utf8_lossy(name).into_owned(),
        Err(_) => encoding_rs::GB18030.decode(name).0.into_owned(),
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.copied().map(u16::from_le_bytes).unwrap_or_default()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.copied().map(u32::from_le_bytes).unwrap_or_default()
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let number = bytes.get(at..).and_then(<[u8]>::first_chunk);
    number.copied().map(u64::from_le_bytes).unwrap_or_default()
}
