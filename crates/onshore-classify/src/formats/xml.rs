//! XML as it streams: names, attributes and text, a piece at a time.
//!
//! Nothing is looked up and no entity is expanded but the five that every document has, so nothing grows. What breaks the
//! rules is read as well as it goes: this is no validator.

use encoding_rs::{Decoder, Encoding};

use crate::findings::Unread;
use crate::formats::gather::Gather;
use crate::formats::packed::Sink;

/// How long what stands between `<` and `>` may be.
const TAG_MAX_BYTES: usize = 1 << 20;
/// How much text is handed on at once.
const TEXT_BYTES: usize = 1 << 16;
/// The longest entity there is: `&#1114111;`.
const ENTITY_MAX_BYTES: usize = 12;

/// What is told of a document.
pub(crate) trait Told {
    /// An element begins. Names are told without what stands before their colon.
    fn open(&mut self, name: &str, attributes: Attributes<'_>, gather: &mut Gather);

    /// An element ends.
    fn close(&mut self, name: &str, gather: &mut Gather);

    /// Some text; it may go on.
    fn text(&mut self, text: &str, gather: &mut Gather);
}

/// The attributes of an element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attributes<'a>(&'a str);

impl<'a> Attributes<'a> {
    /// Returns what an attribute says, whatever stands before its colon.
    pub(crate) fn value(self, name: &str) -> Option<String> {
        self.all()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| resolved(value))
    }

    /// Returns names without what stands before their colon, and values as they are written.
    fn all(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (name, later) = rest.split_once('=')?;
            let later = later.trim_start();
            let quote = later
                .chars()
                .next()
                .filter(|quote| matches!(quote, '"' | '\''))?;
            let (value, later) = later.get(1..)?.split_once(quote)?;
            rest = later;
            Some((local(name.trim()), value))
        })
    }
}

/// A document on its way, and who is told of it.
#[derive(Debug)]
pub(crate) struct Xml<T> {
    pub(crate) told: T,
    state: State,
    held: Vec<u8>,
    /// Quotes that are open in a tag.
    quote: Option<u8>,
    decoder: Option<Decoder>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Beginning,
    Text,
    Tag,
    /// What ends so and is text: comments and what is marked as characters.
    Marked(&'static [u8]),
    Broken,
}

impl<T: Told> Xml<T> {
    pub(crate) fn new(told: T) -> Self {
        Self {
            told,
            state: State::Beginning,
            held: Vec::new(),
            quote: None,
            decoder: None,
        }
    }

    /// Reads to the end.
    pub(crate) fn finish(mut self, gather: &mut Gather) -> T {
        if self.state == State::Beginning {
            self.begin(gather);
        }
        match self.state {
            State::Text | State::Marked(_) => self.hand_on(self.held.len(), gather),
            State::Tag => gather.not_read(Unread::Damaged),
            State::Beginning | State::Broken => {}
        }
        self.told
    }

    fn begin(&mut self, gather: &mut Gather) {
        let held = std::mem::take(&mut self.held);
        self.state = State::Text;
        if let Some((encoding, _)) = Encoding::for_bom(&held) {
            self.decoder = Some(encoding.new_decoder_with_bom_removal());
        }
        self.push(&held, gather);
    }

    fn push(&mut self, bytes: &[u8], gather: &mut Gather) {
        let Some(decoder) = &mut self.decoder else {
            self.read(bytes, gather);
            return;
        };
        let mut decoded = String::with_capacity(bytes.len() * 2 + 16);
        // As much as was reserved holds all of it.
        let _ = decoder.decode_to_string(bytes, &mut decoded, false);
        self.read(decoded.as_bytes(), gather);
    }

    fn read(&mut self, mut bytes: &[u8], gather: &mut Gather) {
        while !bytes.is_empty() {
            let len = match self.state {
                State::Text => self.read_text(bytes, gather),
                State::Tag => self.read_tag(bytes, gather),
                State::Marked(end) => self.read_marked(bytes, end, gather),
                State::Beginning | State::Broken => return,
            };
            bytes = bytes.get(len..).unwrap_or_default();
        }
    }

    /// Reads text up to a tag. Returns how far it came.
    fn read_text(&mut self, bytes: &[u8], gather: &mut Gather) -> usize {
        if let Some(end) = bytes.iter().position(|byte| *byte == b'<') {
            self.held.extend(bytes.iter().take(end));
            self.hand_on(self.held.len(), gather);
            self.state = State::Tag;
            return end + 1;
        }
        self.held.extend_from_slice(bytes);
        if self.held.len() >= TEXT_BYTES {
            self.hand_on(whole_len(&self.held), gather);
        }
        bytes.len()
    }

    fn read_marked(&mut self, bytes: &[u8], end: &[u8], gather: &mut Gather) -> usize {
        // The end may be cut in two.
        let before = self.held.len();
        self.held.extend_from_slice(bytes);
        let from = before.saturating_sub(end.len());
        let rest = self.held.get(from..).unwrap_or_default();
        if let Some(at) = rest.windows(end.len()).position(|mark| mark == end) {
            let at = from + at;
            self.held.truncate(at);
            self.hand_on(at, gather);
            self.state = State::Text;
            return at + end.len() - before;
        }
        if self.held.len() >= TEXT_BYTES {
            self.hand_on(whole_len(&self.held), gather);
        }
        bytes.len()
    }

    /// Reads a tag to its end. Returns how far it came.
    fn read_tag(&mut self, bytes: &[u8], gather: &mut Gather) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            match self.quote {
                Some(quote) if quote == *byte => self.quote = None,
                Some(_) => {}
                None if *byte == b'>' => {
                    let tag = std::mem::take(&mut self.held);
                    self.state = State::Text;
                    self.tag(&tag, gather);
                    return at + 1;
                }
                None if matches!(*byte, b'"' | b'\'') && self.held.first() != Some(&b'!') => {
                    self.quote = Some(*byte);
                }
                None => {}
            }
            self.held.push(*byte);
            let marked: Option<&[u8]> = match self.held.as_slice() {
                b"!--" => Some(b"-->"),
                b"![CDATA[" => Some(b"]]>"),
                _ => None,
            };
            if let Some(end) = marked {
                self.held.clear();
                self.state = State::Marked(end);
                return at + 1;
            }
        }
        if self.held.len() > TAG_MAX_BYTES {
            self.state = State::Broken;
            self.held = Vec::new();
            gather.not_read(Unread::OverLimit);
        }
        bytes.len()
    }

    fn tag(&mut self, tag: &[u8], gather: &mut Gather) {
        let tag = String::from_utf8_lossy(tag);
        if tag.starts_with(['?', '!']) {
            return;
        }
        if let Some(name) = tag.strip_prefix('/') {
            self.told.close(local(name.trim()), gather);
            return;
        }
        let (tag, is_empty) = match tag.strip_suffix('/') {
            Some(tag) => (tag, true),
            None => (tag.as_ref(), false),
        };
        let end = tag.find(|letter: char| letter.is_ascii_whitespace());
        let (name, attributes) = tag.split_at(end.unwrap_or(tag.len()));
        self.told.open(local(name), Attributes(attributes), gather);
        if is_empty {
            self.told.close(local(name), gather);
        }
    }

    /// Hands on so much of the text that is held.
    fn hand_on(&mut self, len: usize, gather: &mut Gather) {
        if let Some(text) = self.held.get(..len)
            && !text.is_empty()
        {
            let text = String::from_utf8_lossy(text);
            match self.state {
                State::Text => self.told.text(&resolved(&text), gather),
                _ => self.told.text(&text, gather),
            }
        }
        self.held.drain(..len.min(self.held.len()));
    }
}

impl<T: Told> Sink for Xml<T> {
    fn take(&mut self, bytes: &[u8], gather: &mut Gather) {
        if self.state != State::Beginning {
            self.push(bytes, gather);
            return;
        }
        self.held.extend_from_slice(bytes);
        if self.held.len() >= 4 {
            self.begin(gather);
        }
    }
}

/// Returns how much of a text holds no character and no entity that is cut.
fn whole_len(text: &[u8]) -> usize {
    let tail_at = text.len().saturating_sub(ENTITY_MAX_BYTES);
    let tail = text.get(tail_at..).unwrap_or_default();
    let entity = tail.iter().rposition(|byte| *byte == b'&');
    if let Some(at) = entity
        && !tail.iter().skip(at).any(|byte| *byte == b';')
    {
        return tail_at + at;
    }
    if tail.last().is_some_and(u8::is_ascii) {
        return text.len();
    }
    let begins = tail.iter().rposition(|byte| *byte & 0xC0 != 0x80);
    tail_at + begins.unwrap_or_default()
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, name)| name)
}

/// Puts characters in the place of their entities.
fn resolved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        let entity = behind
            .split_once(';')
            .filter(|(name, _)| name.len() < ENTITY_MAX_BYTES)
            .and_then(|(name, later)| Some((character(name)?, later)));
        match entity {
            Some((letter, later)) => {
                out.push(letter);
                rest = later;
            }
            None => {
                out.push('&');
                rest = behind;
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix('x') {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        return char::from_u32(number.ok()?);
    }
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Attributes, Told, Xml};
    use crate::Options;
    use crate::formats::gather::Gather;
    use crate::formats::packed::Sink;

    #[derive(Debug, Default)]
    struct Written(String);

    impl Told for Written {
        fn open(&mut self, name: &str, attributes: Attributes<'_>, _: &mut Gather) {
            let value = attributes.value("v").unwrap_or_default();
            self.0.push_str(&format!("<{name} {value}>"));
        }

        fn close(&mut self, name: &str, _: &mut Gather) {
            self.0.push_str(&format!("</{name}>"));
        }

        fn text(&mut self, text: &str, _: &mut Gather) {
            self.0.push_str(text);
        }
    }

    #[test]
    fn a_document_is_told_however_it_is_cut() {
        let text = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><w:p a:x='>' w:v = \"&lt;1\"/>\
                    姓名 &amp;&#x31;&#50;&b; <!-- 13 --> <![CDATA[<&amp;]]></w:p><t>";
        let expected = "]><p <1></p>姓名 &12&b;  13  <&amp;</p><t >";
        let wide: Vec<u8> = format!("\u{FEFF}{text}")
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        for bytes in [text.as_bytes(), &wide] {
            for cut in [1, 2, 3, 7, 1000] {
                let mut gather = Gather::new(Options::default());
                let mut xml = Xml::new(Written::default());
                for piece in bytes.chunks(cut) {
                    xml.take(piece, &mut gather);
                }
                let Written(told) = xml.finish(&mut gather);
                assert_eq!(told, expected, "cut at {cut}");
            }
        }
    }

    #[test]
    fn long_texts_are_handed_on_in_whole_characters() {
        let text = "姓名&amp;".repeat(100_000);
        let mut gather = Gather::new(Options::default());
        let mut xml = Xml::new(Written::default());
        for piece in text.as_bytes().chunks(1001) {
            xml.take(piece, &mut gather);
        }
        let Written(told) = xml.finish(&mut gather);
        assert!(told == "姓名&".repeat(100_000));
    }
}
