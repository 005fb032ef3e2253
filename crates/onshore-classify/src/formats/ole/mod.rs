//! What old offices wrote: a file with a file system in it (OLE), and documents in that: xls, doc, ppt, msg. New documents
//! that are encrypted lie in one too.

mod compound;
mod records;
mod sheets;

use std::io::{self, Read, Seek, SeekFrom};

use encoding_rs::{UTF_16LE, WINDOWS_1252};

use crate::findings::Unread;
use crate::formats::gather::Gather;
use crate::formats::legible;
use crate::formats::node::Node;
use crate::formats::ole::compound::{Compound, Stream};
use crate::passage::Passage;

/// How deep records of presentations lie in one another.
const DEPTH_MAX: usize = 32;

/// Reads a file.
pub(crate) fn read<R: Read + Seek>(mut bytes: R, gather: &mut Gather) -> io::Result<()> {
    let len = bytes.seek(SeekFrom::End(0))?;
    if len > gather.options.limits.whole_max_bytes {
        gather.is_format("ole");
        gather.not_read(Unread::OverLimit);
        return Ok(());
    }
    let mut all = Vec::new();
    bytes.seek(SeekFrom::Start(0))?;
    bytes.take(len).read_to_end(&mut all)?;
    let Some(compound) = Compound::parse(&all) else {
        gather.is_format("ole");
        gather.not_read(Unread::Damaged);
        return Ok(());
    };
    let document = Document::of(&compound);
    let word = document.map_or("ole", Document::word);
    gather.is_format(word);
    if gather.go_in(word) {
        let read = match document {
            Some(document) => document.read(&compound, gather),
            None => Err(Unread::UnknownFormat),
        };
        if let Err(why) = read {
            gather.not_read(why);
        }
        read_files(&compound, document, gather);
    } else {
        gather.not_read(Unread::OverLimit);
    }
    gather.come_out();
    Ok(())
}

/// What kind of document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Document {
    Sheets,
    Words,
    Slides,
    Mail,
    /// A new document with a password.
    Encrypted,
}

impl Document {
    fn of(compound: &Compound<'_>) -> Option<Self> {
        const STREAMS: &[(&str, Document)] = &[
            ("EncryptedPackage", Document::Encrypted),
            ("Workbook", Document::Sheets),
            ("Book", Document::Sheets),
            ("WordDocument", Document::Words),
            ("PowerPoint Document", Document::Slides),
            ("__properties_version1.0", Document::Mail),
        ];
        let known = STREAMS
            .iter()
            .find(|(name, _)| compound.stream(name).is_some());
        known.map(|(_, document)| *document)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Sheets => "xls",
            Self::Words => "doc",
            Self::Slides => "ppt",
            Self::Mail => "msg",
            Self::Encrypted => "encrypted-office",
        }
    }

    fn read(self, compound: &Compound<'_>, gather: &mut Gather) -> Result<(), Unread> {
        match self {
            Self::Sheets => {
                for name in ["Workbook", "Book"] {
                    if let Some(stream) = compound.stream(name) {
                        sheets::read(&bytes_of(compound, stream, gather)?, gather)?;
                    }
                }
                Ok(())
            }
            Self::Words => read_words(compound, gather),
            Self::Slides => read_slides(compound, gather),
            Self::Mail => read_mail(compound, gather),
            Self::Encrypted => Err(Unread::Encrypted),
        }
    }
}

/// Returns the bytes of a stream and counts them: many streams may be made of the same bytes.
fn bytes_of(
    compound: &Compound<'_>,
    stream: &Stream,
    gather: &mut Gather,
) -> Result<Vec<u8>, Unread> {
    let bytes = compound.read(stream);
    if gather.unpacked(bytes.len() as u64) {
        Ok(bytes)
    } else {
        // That was told.
        Ok(Vec::new())
    }
}

fn tell(text: &str, gather: &mut Gather) {
    let mut passage = Passage::new(gather.wanted());
    passage.push(legible(text).as_bytes());
    gather.is_format("text");
    gather.take(passage.finish());
}

/// Reads files that were put into a document as they are.
fn read_files(compound: &Compound<'_>, document: Option<Document>, gather: &mut Gather) {
    for stream in &compound.streams {
        let is_file = match document {
            Some(Document::Mail) => stream.name == "__substg1.0_37010102",
            Some(Document::Encrypted) => false,
            _ => matches!(stream.name.as_str(), "Package" | "CONTENTS" | "EmbeddedOdf"),
        };
        if is_file
            && !gather.is_over()
            && let Ok(bytes) = bytes_of(compound, stream, gather)
        {
            let mut node = Node::within();
            node.push(&bytes, gather);
            node.finish(gather);
        }
    }
}

/// Reads the text of a document of words: pieces of it stand anywhere, and a table says where.
fn read_words(compound: &Compound<'_>, gather: &mut Gather) -> Result<(), Unread> {
    let stream = |name: &str| compound.stream(name).ok_or(Unread::Damaged);
    let main = bytes_of(compound, stream("WordDocument")?, gather)?;
    let flags = records::u16_at(&main, 10);
    if flags & 0x100 != 0 {
        return Err(Unread::Encrypted);
    }
    // Before Word 97 texts stood otherwise.
    if records::u16_at(&main, 2) < 0xC1 {
        return Err(Unread::UnknownFormat);
    }
    let table = if flags & 0x200 != 0 {
        "1Table"
    } else {
        "0Table"
    };
    let table = bytes_of(compound, stream(table)?, gather)?;
    let at = records::u32_at(&main, 0x1A2) as usize;
    let len = records::u32_at(&main, 0x1A6) as usize;
    let mut rest = table
        .get(at..at.saturating_add(len))
        .ok_or(Unread::Damaged)?;
    while let [1, low, high, later @ ..] = rest {
        let len = usize::from(u16::from_le_bytes([*low, *high]));
        rest = later.get(len..).unwrap_or_default();
    }
    let pieces = match rest {
        [2, _, _, _, _, pieces @ ..] => pieces,
        _ => return Err(Unread::Damaged),
    };
    let count = pieces.len().saturating_sub(4) / 12;
    let mut text = String::new();
    for piece in 0..count {
        let (from, to) = (
            records::u32_at(pieces, piece * 4),
            records::u32_at(pieces, piece * 4 + 4),
        );
        let letters = to.saturating_sub(from) as usize;
        let place = records::u32_at(pieces, (count + 1) * 4 + piece * 8 + 2);
        let is_narrow = place & 1 << 30 != 0;
        let place = (place & !(1 << 30)) as usize;
        let (start, len) = if is_narrow {
            (place / 2, letters)
        } else {
            (place, letters.saturating_mul(2))
        };
        let bytes = main.get(start.min(main.len())..start.saturating_add(len).min(main.len()));
        let bytes = bytes.unwrap_or_default();
        if !gather.unpacked(bytes.len() as u64) {
            break;
        }
        let encoding = if is_narrow { WINDOWS_1252 } else { UTF_16LE };
        let piece = encoding.decode_without_bom_handling(bytes).0;
        text.extend(piece.chars().map(|letter| match letter {
            '\u{7}' => '\t',
            '\r' | '\u{B}' | '\u{C}' => '\n',
            '\u{13}'..='\u{15}' => ' ',
            other => other,
        }));
    }
    tell(&text, gather);
    Ok(())
}

/// Reads the texts of a presentation: records, some with others in them.
fn read_slides(compound: &Compound<'_>, gather: &mut Gather) -> Result<(), Unread> {
    const ENCRYPTED: u32 = 0xF3D1_C4DF;
    if let Some(stream) = compound.stream("Current User") {
        let user = bytes_of(compound, stream, gather)?;
        if records::u32_at(&user, 12) == ENCRYPTED {
            return Err(Unread::Encrypted);
        }
    }
    let stream = compound
        .stream("PowerPoint Document")
        .ok_or(Unread::Damaged)?;
    let bytes = bytes_of(compound, stream, gather)?;
    let mut text = String::new();
    // Ends of the records around.
    let (mut at, mut around) = (0_usize, Vec::new());
    while let Some(head) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        while around.last().is_some_and(|end| *end <= at) {
            around.pop();
        }
        let kind = records::u16_at(head, 2);
        let len = records::u32_at(head, 4) as usize;
        let from = at + 8;
        let to = from.saturating_add(len).min(bytes.len());
        if head[0] & 15 == 15 && around.len() < DEPTH_MAX {
            around.push(to);
            at = from;
            continue;
        }
        let body = bytes.get(from..to).unwrap_or_default();
        let encoding = match kind {
            0x0FA0 | 0x0FBA => Some(UTF_16LE),
            0x0FA8 => Some(WINDOWS_1252),
            _ => None,
        };
        if let Some(encoding) = encoding {
            let said = encoding.decode_without_bom_handling(body).0;
            text.push_str(&said.replace(['\r', '\u{B}'], "\n"));
            text.push('\n');
        }
        at = to;
    }
    tell(&text, gather);
    Ok(())
}

/// Reads the properties of a message that are texts.
fn read_mail(compound: &Compound<'_>, gather: &mut Gather) -> Result<(), Unread> {
    let mut text = String::new();
    for stream in &compound.streams {
        let Some(property) = stream.name.strip_prefix("__substg1.0_") else {
            continue;
        };
        let encoding = match property.get(4..) {
            Some("001F") => UTF_16LE,
            Some("001E") => encoding_rs::GB18030,
            _ => continue,
        };
        if gather.is_over() {
            break;
        }
        let bytes = bytes_of(compound, stream, gather)?;
        text.push_str(&encoding.decode_without_bom_handling(&bytes).0);
        text.push('\n');
    }
    tell(&text, gather);
    Ok(())
}
