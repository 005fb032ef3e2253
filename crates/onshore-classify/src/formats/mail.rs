//! Mail: a message, or many of them one behind the other (mbox), as they stream.
//!
//! Headers are read as text, decoded; bodies by their charset; what is attached as any member of an archive.

use encoding_rs::{Decoder, Encoding, UTF_8};

use crate::findings::Unread;
use crate::formats::gather::Gather;
use crate::formats::node::Node;
use crate::passage::Passage;

/// How much of a line is read at once.
const LINE_MAX_BYTES: usize = 1 << 16;
/// How long the headers of a part are.
const HEADERS_MAX_BYTES: usize = 1 << 18;
/// How deep parts lie in one another.
const PARTS_MAX: usize = 32;
/// Headers that are full of what only looks like an identifier.
const PASSED: &[&str] = &[
    "message-id",
    "in-reply-to",
    "references",
    "dkim-signature",
    "authentication-results",
    "content-id",
    "content-type",
    "content-transfer-encoding",
    "mime-version",
];

/// Whether a text begins as a message does: with lines that mail has, two at least.
pub(crate) fn is_mail(beginning: &[u8]) -> bool {
    const KNOWN: &[&str] = &[
        "received",
        "return-path",
        "delivered-to",
        "from",
        "to",
        "cc",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "reply-to",
        "sender",
        "envelope-to",
        "dkim-signature",
    ];
    let mut lines = beginning.split(|byte| *byte == b'\n').peekable();
    if lines.peek().is_some_and(|line| line.starts_with(b"From ")) {
        lines.next();
    }
    let mut known = 0;
    for line in lines {
        if line.trim_ascii().is_empty() {
            break;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            continue;
        }
        let Some((name, _)) = header(line) else { break };
        if KNOWN.contains(&name.as_str()) {
            known += 1;
        } else if known == 0 && !name.starts_with("x-") {
            break;
        }
    }
    known >= 2
}

/// Mail on its way.
#[derive(Debug)]
pub(crate) struct Mail {
    is_mbox: bool,
    /// The line that is not whole yet, and whether what is there goes on one.
    line: Vec<u8>,
    is_cut: bool,
    was_empty: bool,
    text: Passage,
    headers: Vec<u8>,
    state: State,
    boundaries: Vec<Vec<u8>>,
    part: Option<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Headers,
    Body,
    /// Before the first part or behind the last.
    Between,
}

/// A part of a message.
#[derive(Debug)]
struct Part {
    node: Node,
    transfer: Transfer,
    charset: Option<Decoder>,
    is_member: bool,
}

/// How bytes are written as lines.
#[derive(Debug)]
enum Transfer {
    Plain,
    Quoted,
    Base64 { held: u32, bits: u32 },
}

impl Mail {
    pub(crate) fn new(gather: &Gather) -> Self {
        Self {
            is_mbox: false,
            line: Vec::new(),
            is_cut: false,
            was_empty: false,
            text: Passage::new(gather.wanted()),
            headers: Vec::new(),
            state: State::Headers,
            boundaries: Vec::new(),
            part: None,
        }
    }

    /// Reads on.
    pub(crate) fn push(&mut self, bytes: &[u8], gather: &mut Gather) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            for piece in piece.chunks(LINE_MAX_BYTES) {
                self.line.extend_from_slice(piece);
                if piece.ends_with(b"\n") || self.line.len() >= LINE_MAX_BYTES {
                    self.end_line(gather);
                }
            }
        }
    }

    /// Reads to the end.
    pub(crate) fn finish(mut self, gather: &mut Gather) {
        self.end_line(gather);
        self.end_message(gather);
        gather.is_format("text");
        gather.take(self.text.finish());
    }

    fn end_line(&mut self, gather: &mut Gather) {
        let mut line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            let is_begun = self.is_cut;
            self.is_cut = !line.ends_with(b"\n");
            if is_begun {
                self.go_on(&line, gather);
            } else {
                self.read(&line, gather);
            }
        }
        line.clear();
        self.line = line;
    }

    fn read(&mut self, line: &[u8], gather: &mut Gather) {
        let is_message = line.starts_with(b"From ")
            && (self.was_empty || (self.state == State::Headers && self.headers.is_empty()));
        let trimmed = line.trim_ascii_end();
        self.was_empty = trimmed.is_empty();
        if is_message && (self.is_mbox || self.state == State::Headers) {
            self.is_mbox = true;
            self.end_message(gather);
            return;
        }
        if let Some(behind) = trimmed.strip_prefix(b"--")
            && let Some(place) = self.boundary(behind)
        {
            self.end_part(gather);
            let is_last = self
                .boundaries
                .get(place)
                .is_some_and(|known| known.len() < behind.len());
            self.boundaries
                .truncate(if is_last { place } else { place + 1 });
            self.state = if is_last {
                State::Between
            } else {
                State::Headers
            };
            self.headers.clear();
            return;
        }
        if self.state == State::Headers && trimmed.is_empty() {
            self.begin_part(gather);
            return;
        }
        self.go_on(line, gather);
    }

    /// Reads a line that is none that parts others, or more of one.
    fn go_on(&mut self, line: &[u8], gather: &mut Gather) {
        match self.state {
            State::Headers => {
                let room = HEADERS_MAX_BYTES - self.headers.len();
                self.headers.extend(line.iter().take(room));
            }
            State::Between => self.text.push(line),
            State::Body => {
                if let Some(part) = &mut self.part {
                    part.read(line, gather);
                }
            }
        }
    }

    /// Returns which of the open parts a line ends.
    fn boundary(&self, behind: &[u8]) -> Option<usize> {
        let is_it = |known: &Vec<u8>| {
            behind
                .strip_prefix(known.as_slice())
                .is_some_and(|rest| rest.is_empty() || rest == b"--")
        };
        self.boundaries.iter().rposition(is_it)
    }

    fn begin_part(&mut self, gather: &mut Gather) {
        let headers = std::mem::take(&mut self.headers);
        let mut said = Headers::default();
        for line in unfolded(&headers) {
            let Some((name, value)) = header(&line) else {
                self.text.push(&line);
                self.text.push(b"\n");
                continue;
            };
            let value = decoded(&value);
            said.note(&name, &value);
            if !PASSED.contains(&name.as_str()) && !name.starts_with("arc-") {
                self.text.push(format!("{name}: {value}\n").as_bytes());
            }
        }
        if said.kind.starts_with("multipart/") {
            if let Some(boundary) = said.boundary
                && self.boundaries.len() < PARTS_MAX
            {
                self.boundaries.push(boundary.into_bytes());
            }
            if said.kind == "multipart/encrypted" {
                gather.not_read(Unread::Encrypted);
            }
            self.state = State::Between;
            return;
        }
        if said.is_enveloped {
            gather.not_read(Unread::Encrypted);
        }
        let is_member = said.name.is_some();
        if let Some(name) = said.name {
            gather.enter(&name);
        }
        let charset = said
            .charset
            .filter(|_| said.kind.is_empty() || said.kind.starts_with("text/"));
        let charset = charset.and_then(|charset| Encoding::for_label(charset.as_bytes()));
        self.part = Some(Part {
            node: Node::within(),
            transfer: said.transfer.unwrap_or(Transfer::Plain),
            charset: charset
                .filter(|charset| *charset != UTF_8)
                .map(Encoding::new_decoder),
            is_member,
        });
        self.state = State::Body;
    }

    fn end_part(&mut self, gather: &mut Gather) {
        if self.state == State::Headers && !self.headers.is_empty() {
            self.begin_part(gather);
        }
        if let Some(part) = self.part.take() {
            part.node.finish(gather);
            if part.is_member {
                gather.leave();
            }
        }
    }

    fn end_message(&mut self, gather: &mut Gather) {
        self.end_part(gather);
        self.boundaries.clear();
        self.headers.clear();
        self.state = State::Headers;
    }
}

impl Part {
    fn read(&mut self, line: &[u8], gather: &mut Gather) {
        let mut bytes = Vec::new();
        let line = match &mut self.transfer {
            Transfer::Plain => line,
            Transfer::Quoted => {
                unquoted(line, b'=', &mut bytes);
                &bytes
            }
            Transfer::Base64 { held, bits } => {
                for digit in line.iter().filter_map(|byte| of_base64(*byte)) {
                    *held = *held << 6 | digit;
                    *bits += 6;
                    if *bits >= 8 {
                        *bits -= 8;
                        bytes.push(((*held >> *bits) & 0xFF) as u8);
                    }
                }
                &bytes
            }
        };
        let Some(decoder) = &mut self.charset else {
            self.node.push(line, gather);
            return;
        };
        let mut text = String::with_capacity(line.len() * 4 + 16);
        // As much as was reserved holds all of it.
        let _ = decoder.decode_to_string(line, &mut text, false);
        self.node.push(text.as_bytes(), gather);
    }
}

/// What the headers of a part say of it.
#[derive(Debug, Default)]
struct Headers {
    kind: String,
    boundary: Option<String>,
    charset: Option<String>,
    name: Option<String>,
    transfer: Option<Transfer>,
    is_enveloped: bool,
}

impl Headers {
    fn note(&mut self, name: &str, value: &str) {
        match name {
            "content-type" => {
                let kind = value.split(';').next().unwrap_or_default();
                self.kind = kind.trim().to_ascii_lowercase();
                self.boundary = parameter(value, "boundary");
                self.charset = parameter(value, "charset");
                self.name = self.name.take().or_else(|| parameter(value, "name"));
                let kind = parameter(value, "smime-type");
                self.is_enveloped = kind.as_deref() == Some("enveloped-data");
            }
            "content-disposition" => {
                self.name = parameter(value, "filename").or_else(|| self.name.take());
            }
            "content-transfer-encoding" => {
                self.transfer = match value.trim().to_ascii_lowercase().as_str() {
                    "base64" => Some(Transfer::Base64 { held: 0, bits: 0 }),
                    "quoted-printable" => Some(Transfer::Quoted),
                    _ => None,
                };
            }
            _ => {}
        }
    }
}

/// Returns what a parameter of a header says, however it is written (RFC 2231).
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut joined: Option<String> = None;
    let mut is_quoted = false;
    let parts = value.split(|letter| {
        is_quoted ^= letter == '"';
        letter == ';' && !is_quoted
    });
    for part in parts.skip(1) {
        let Some((key, value)) = part.split_once('=') else {
            continue;
        };
        let key = key.trim().to_ascii_lowercase();
        let Some(rest) = key.strip_prefix(name) else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        if !rest.is_empty() && !rest.starts_with('*') {
            continue;
        }
        let value = if rest.ends_with('*') {
            let mut bytes = Vec::new();
            let (charset, percented) = match value.split('\'').collect::<Vec<_>>().as_slice() {
                [charset, _, value] => ((*charset).to_owned(), (*value).to_owned()),
                _ => (String::new(), value.to_owned()),
            };
            unquoted(percented.as_bytes(), b'%', &mut bytes);
            let encoding = Encoding::for_label(charset.as_bytes()).unwrap_or(UTF_8);
            encoding.decode_without_bom_handling(&bytes).0.into_owned()
        } else {
            value.to_owned()
        };
        joined.get_or_insert_default().push_str(&value);
    }
    joined
}

/// Splits a header into its name and what it says.
fn header(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let at = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = (line.get(..at)?, line.get(at + 1..)?);
    let is_name = !name.is_empty()
        && name
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-');
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    is_name.then(|| (name, value.trim_ascii().to_vec()))
}

/// Returns headers, each as one line.
fn unfolded(headers: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in headers.split(|byte| *byte == b'\n') {
        match lines.last_mut() {
            Some(last) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                last.push(b' ');
                last.extend_from_slice(line.trim_ascii());
            }
            _ => lines.push(line.trim_ascii_end().to_vec()),
        }
    }
    lines.retain(|line| !line.is_empty());
    lines
}

/// Decodes what a header says: words like `=?utf-8?B?5byg?=`, and bytes that are no ASCII.
pub(crate) fn decoded(value: &[u8]) -> String {
    let text = match str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) => encoding_rs::GB18030
            .decode_without_bom_handling(value)
            .0
            .into_owned(),
    };
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some((before, behind)) = rest.split_once("=?") {
        let mut fields = behind.splitn(4, '?');
        let word = match (fields.next(), fields.next(), fields.next(), fields.next()) {
            (Some(charset), Some(how), Some(word), Some(later))
                if matches!(how, "b" | "B" | "q" | "Q") && !charset.contains(' ') =>
            {
                let later = later.strip_prefix('=');
                later.map(|later| (charset, how, word, later))
            }
            _ => None,
        };
        let Some((charset, how, word, later)) = word else {
            out.push_str(before);
            out.push_str("=?");
            rest = behind;
            continue;
        };
        // Blanks between words are not there.
        if !before.trim().is_empty() || out.is_empty() {
            out.push_str(before);
        }
        let mut bytes = Vec::new();
        if how.eq_ignore_ascii_case("b") {
            let (mut held, mut bits) = (0_u32, 0);
            for digit in word.bytes().filter_map(of_base64) {
                held = held << 6 | digit;
                bits += 6;
                if bits >= 8 {
                    bits -= 8;
                    bytes.push(((held >> bits) & 0xFF) as u8);
                }
            }
        } else {
            unquoted(word.replace('_', " ").as_bytes(), b'=', &mut bytes);
        }
        let charset = charset.split('*').next().unwrap_or_default();
        let encoding = Encoding::for_label(charset.as_bytes()).unwrap_or(UTF_8);
        out.push_str(&encoding.decode_without_bom_handling(&bytes).0);
        rest = later;
    }
    out.push_str(rest);
    out
}

/// Puts bytes in the place of marks and two digits. A mark at the end of a line takes the end away.
fn unquoted(line: &[u8], mark: u8, out: &mut Vec<u8>) {
    let mut rest = line;
    while let Some((first, later)) = rest.split_first() {
        rest = later;
        if *first != mark {
            out.push(*first);
            continue;
        }
        let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
        if let (Some(high), Some(low)) = (digit(later.first()), digit(later.get(1))) {
            out.push((high << 4 | low) as u8);
            rest = later.get(2..).unwrap_or_default();
        } else if later.trim_ascii().is_empty() {
            return;
        } else {
            out.push(*first);
        }
    }
}

fn of_base64(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::{decoded, parameter};

    #[test]
    fn headers_are_decoded() {
        assert_eq!(
            decoded("=?utf-8?B?5byg5LiJ?= =?gb18030?Q?=C0=EE=CB=C4_x?= <a@b>".as_bytes()),
            "张三李四 x <a@b>"
        );
        assert_eq!(decoded(b"=?utf-8?B?x"), "=?utf-8?B?x");
        assert_eq!(decoded(b"=?x =?y?= ?="), "=?x =?y?= ?=");
        let value = "text/plain; charset=\"gb2312\"; name*0*=utf-8''%E5%90%8D; name*1=\".txt\"; boundary=\"a;b\"";
        assert_eq!(parameter(value, "charset").as_deref(), Some("gb2312"));
        assert_eq!(parameter(value, "name").as_deref(), Some("名.txt"));
        assert_eq!(parameter(value, "boundary").as_deref(), Some("a;b"));
        assert_eq!(parameter(value, "file"), None);
    }
}
