//! Takes the framing of `aws-chunked` off a body as it passes. Chunks may be of any size and are never gathered; each
//! signature is compared at the end of its chunk, and nothing counts before the end of the body was read.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};
use ring::digest;

use crate::body::incomplete;
use crate::fault::{Code, Fault};
use crate::guard::signature::{SigningKey, mismatch};

/// The longest line that begins a chunk.
const CHUNK_LINE_MAX_BYTES: usize = 256;
/// All trailing headers together.
const TRAILERS_MAX_BYTES: usize = 8 * 1024;

/// Who vouches for chunks and trailers.
#[derive(Debug)]
pub(crate) enum Vouched {
    /// Nobody: the length and a checksum only.
    Unsigned,
    /// Each chunk and the trailers are signed, in a chain that begins with the request's signature.
    Signed {
        key: Box<SigningKey>,
        previous: String,
    },
}

/// The state of a body in chunks.
#[derive(Debug)]
pub(crate) struct Unframer {
    vouched: Vouched,
    /// The trailing headers that were announced, in lower case; none where the framing has no trailers.
    announced: Option<Vec<String>>,
    expected_bytes: u64,
    got_bytes: u64,
    line: Vec<u8>,
    state: State,
    trailers: Vec<(String, String)>,
}

enum State {
    /// In the line that begins a chunk.
    ChunkLine,
    /// In the bytes of a chunk.
    Chunk {
        size: u64,
        remaining: u64,
        hash: Option<Box<digest::Context>>,
        signature: Option<String>,
    },
    /// In the line end behind a chunk.
    ChunkEnd,
    /// Behind the last chunk.
    Trailers,
    /// Behind the empty line.
    Done,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::ChunkLine => "ChunkLine",
            Self::Chunk { .. } => "Chunk",
            Self::ChunkEnd => "ChunkEnd",
            Self::Trailers => "Trailers",
            Self::Done => "Done",
        })
    }
}

impl Unframer {
    /// Begins a body whose unframed length was announced.
    pub(crate) fn new(
        vouched: Vouched,
        announced: Option<Vec<String>>,
        expected_bytes: u64,
    ) -> Self {
        Self {
            vouched,
            announced,
            expected_bytes,
            got_bytes: 0,
            line: Vec::new(),
            state: State::ChunkLine,
            trailers: Vec::new(),
        }
    }

    /// Takes the next bytes in and puts what is content behind `ready`.
    pub(crate) fn push(
        &mut self,
        mut bytes: Bytes,
        ready: &mut VecDeque<Bytes>,
    ) -> Result<(), Fault> {
        while bytes.has_remaining() {
            match &mut self.state {
                State::Chunk {
                    remaining, hash, ..
                } => {
                    let taken = usize::try_from(*remaining)
                        .unwrap_or(usize::MAX)
                        .min(bytes.len());
                    let piece = bytes.split_to(taken);
                    *remaining -= taken as u64;
                    self.got_bytes += taken as u64;
                    if let Some(hash) = hash {
                        hash.update(&piece);
                    }
                    let ended = *remaining == 0;
                    ready.push_back(piece);
                    if ended {
                        self.end_chunk()?;
                    }
                }
                State::ChunkLine | State::ChunkEnd | State::Trailers => {
                    let limit = match self.state {
                        State::Trailers => TRAILERS_MAX_BYTES,
                        _ => CHUNK_LINE_MAX_BYTES,
                    };
                    let Some(line) = self.take_line(&mut bytes, limit)? else {
                        return Ok(());
                    };
                    self.end_line(&line)?;
                }
                State::Done => return Err(malformed("bytes follow the end of the body")),
            }
        }
        Ok(())
    }

    /// Ends the body and returns its trailing headers.
    pub(crate) fn finish(&mut self) -> Result<Vec<(String, String)>, Fault> {
        // The empty line at the end is left out by some clients.
        if matches!(self.state, State::Trailers) && self.line.is_empty() {
            self.end_trailers()?;
        }
        match self.state {
            State::Done => Ok(std::mem::take(&mut self.trailers)),
            State::ChunkLine | State::Chunk { .. } | State::ChunkEnd | State::Trailers => {
                Err(incomplete())
            }
        }
    }

    /// Returns a whole line without its end, or nothing while it is not whole.
    fn take_line(&mut self, bytes: &mut Bytes, limit: usize) -> Result<Option<Vec<u8>>, Fault> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = bytes.split_to(end.map_or(bytes.len(), |end| end + 1));
        if self.line.len() + taken.len() > limit {
            return Err(malformed("a line of the framing is too long"));
        }
        self.line.extend_from_slice(&taken);
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        if !line.ends_with(b"\r\n") {
            return Err(malformed("a line of the framing does not end in CR LF"));
        }
        line.truncate(line.len() - 2);
        Ok(Some(line))
    }

    fn end_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        match self.state {
            State::ChunkLine => self.begin_chunk(line),
            State::ChunkEnd if line.is_empty() => {
                self.state = State::ChunkLine;
                Ok(())
            }
            State::ChunkEnd => Err(malformed("a chunk is longer than its size")),
            State::Trailers if line.is_empty() => self.end_trailers(),
            State::Trailers => self.add_trailer(line),
            State::Chunk { .. } | State::Done => Err(malformed("a line stands where none can")),
        }
    }

    fn begin_chunk(&mut self, line: &[u8]) -> Result<(), Fault> {
        let line =
            std::str::from_utf8(line).map_err(|_| malformed("a chunk's size is no number"))?;
        let (size, extension) = match line.split_once(';') {
            Some((size, extension)) => (size, Some(extension)),
            None => (line, None),
        };
        if size.is_empty() || size.len() > 16 || !size.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(malformed("a chunk's size is no number"));
        }
        let remaining =
            u64::from_str_radix(size, 16).map_err(|_| malformed("a chunk's size is no number"))?;
        if remaining > self.expected_bytes.saturating_sub(self.got_bytes) {
            return Err(incomplete());
        }
        let (hash, signature) = match &self.vouched {
            Vouched::Unsigned => (None, None),
            Vouched::Signed { .. } => {
                let signature = extension
                    .and_then(|extension| extension.strip_prefix("chunk-signature="))
                    .ok_or_else(|| malformed("a chunk is not signed"))?;
                (
                    Some(Box::new(digest::Context::new(&digest::SHA256))),
                    Some(signature.to_owned()),
                )
            }
        };
        self.state = State::Chunk {
            size: remaining,
            remaining,
            hash,
            signature,
        };
        if remaining == 0 {
            self.end_chunk()
        } else {
            Ok(())
        }
    }

    /// Compares the chunk's signature. The chunk of no bytes is the last, and no line end follows its bytes.
    fn end_chunk(&mut self) -> Result<(), Fault> {
        let State::Chunk {
            size,
            hash,
            signature,
            ..
        } = std::mem::replace(&mut self.state, State::ChunkEnd)
        else {
            return Err(malformed("no chunk ends here"));
        };
        if size == 0 {
            self.state = State::Trailers;
        }
        if let (Vouched::Signed { key, previous }, Some(hash), Some(signature)) =
            (&mut self.vouched, hash, signature)
        {
            let sha256 = hex::encode(hash.finish());
            if !key.is_chunk_signature(previous, &sha256, &signature) {
                return Err(mismatch());
            }
            *previous = signature;
        }
        Ok(())
    }

    fn add_trailer(&mut self, line: &[u8]) -> Result<(), Fault> {
        let (name, value) = std::str::from_utf8(line)
            .ok()
            .and_then(|line| line.split_once(':'))
            .ok_or_else(|| malformed("a trailing header is none"))?;
        let name = name.trim().to_ascii_lowercase();
        let known = name == "x-amz-trailer-signature"
            || self
                .announced
                .as_ref()
                .is_some_and(|announced| announced.contains(&name));
        if !known || self.trailers.iter().any(|(other, _)| *other == name) {
            return Err(malformed(
                "a trailing header was not announced, or came twice",
            ));
        }
        let total: usize = self.trailers.iter().map(|(n, v)| n.len() + v.len()).sum();
        if total + line.len() > TRAILERS_MAX_BYTES {
            return Err(malformed("the trailing headers are too long"));
        }
        self.trailers.push((name, value.trim().to_owned()));
        Ok(())
    }

    fn end_trailers(&mut self) -> Result<(), Fault> {
        self.state = State::Done;
        if self.got_bytes != self.expected_bytes {
            return Err(incomplete());
        }
        let signature = self
            .trailers
            .iter()
            .position(|(name, _)| name == "x-amz-trailer-signature")
            .map(|at| self.trailers.remove(at).1);
        let Some(announced) = &self.announced else {
            return if self.trailers.is_empty() && signature.is_none() {
                Ok(())
            } else {
                Err(malformed(
                    "trailing headers follow where none were announced",
                ))
            };
        };
        if let Some(absent) = announced
            .iter()
            .find(|name| !self.trailers.iter().any(|(known, _)| known == *name))
        {
            return Err(malformed("an announced trailing header is missing")
                .with_detail("Trailer", absent.clone()));
        }
        if let Vouched::Signed { key, previous } = &self.vouched {
            let mut sorted = self.trailers.clone();
            sorted.sort();
            let text: String = sorted
                .iter()
                .map(|(name, value)| format!("{name}:{value}\n"))
                .collect();
            let signature =
                signature.ok_or_else(|| malformed("the trailing headers are not signed"))?;
            if !key.is_trailer_signature(previous, text.as_bytes(), &signature) {
                return Err(mismatch());
            }
        }
        Ok(())
    }
}

fn malformed(what: &'static str) -> Fault {
    Fault::new(
        Code::MalformedTrailerError,
        format!("The request contained an aws-chunked body that was not well-formed: {what}."),
    )
}

#[cfg(test)]
mod tests {
    use super::{Unframer, Vouched};
    use crate::fault::Code;
    use bytes::Bytes;
    use std::collections::VecDeque;

    type Trailers = Vec<(String, String)>;

    /// Pushes the body in pieces of every size: where the pieces end must not matter.
    fn unframe(
        body: &[u8],
        announced: Option<&[&str]>,
        expected: u64,
    ) -> Result<(Vec<u8>, Trailers), Code> {
        let mut results = Vec::new();
        for step in 1..=body.len().max(1) {
            let announced = announced.map(|names| names.iter().map(|n| (*n).to_owned()).collect());
            let mut unframer = Unframer::new(Vouched::Unsigned, announced, expected);
            let mut ready = VecDeque::new();
            let pushed = body
                .chunks(step)
                .try_for_each(|piece| unframer.push(Bytes::copy_from_slice(piece), &mut ready));
            let ended = pushed.and_then(|()| unframer.finish());
            results.push(
                ended
                    .map(|trailers| {
                        (
                            ready.iter().flatten().copied().collect::<Vec<u8>>(),
                            trailers,
                        )
                    })
                    .map_err(|fault| fault.code),
            );
        }
        let first = results.first().cloned().expect("one at least");
        assert!(
            results.iter().all(|result| *result == first),
            "pieces matter"
        );
        first
    }

    const CRC: &str = "x-amz-checksum-crc32";

    #[test]
    fn framing_comes_off_whatever_the_pieces() {
        let (body, trailers) = unframe(
            b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n",
            Some(&[CRC]),
            11,
        )
        .expect("a good body");
        assert_eq!(body, b"hello world");
        assert_eq!(trailers, [(CRC.to_owned(), "DUoRhQ==".to_owned())]);
        assert!(unframe(b"0\r\n\r\n", None, 0).is_ok());
        assert!(
            unframe(b"0\r\n", None, 0).is_ok(),
            "the last line may be missing"
        );
        let (body, _) = unframe(b"2\r\n\r\n\r\n0\r\n\r\n", None, 2).expect("line ends as content");
        assert_eq!(body, b"\r\n");
    }

    #[test]
    fn hostile_framing_is_refused() {
        for (body, announced, expected, code) in [
            (&b""[..], None, 0, Code::IncompleteBody),
            (b"5\r\nhel", None, 5, Code::IncompleteBody),
            (b"5\r\nhello\r\n", None, 5, Code::IncompleteBody),
            (b"5\r\nhello\r\n0\r\n\r\n", None, 6, Code::IncompleteBody),
            (b"5\r\nhello\r\n0\r\n\r\n", None, 4, Code::IncompleteBody),
            (b"ffffffffffffffff\r\n", None, 5, Code::IncompleteBody),
            (
                b"11111111111111111\r\n",
                None,
                5,
                Code::MalformedTrailerError,
            ),
            (b"-1\r\n", None, 5, Code::MalformedTrailerError),
            (b"\r\n", None, 5, Code::MalformedTrailerError),
            (
                b"5\nhello\r\n0\r\n\r\n",
                None,
                5,
                Code::MalformedTrailerError,
            ),
            (
                b"5\r\nhelloXX0\r\n\r\n",
                None,
                5,
                Code::MalformedTrailerError,
            ),
            (
                b"5\r\nhelloX\r\n0\r\n\r\n",
                None,
                5,
                Code::MalformedTrailerError,
            ),
            (b"0\r\n\r\nmore", None, 0, Code::MalformedTrailerError),
            (
                b"0\r\n\r\n",
                Some(&[CRC][..]),
                0,
                Code::MalformedTrailerError,
            ),
            (
                b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
                None,
                0,
                Code::MalformedTrailerError,
            ),
            (
                b"0\r\nx-amz-meta-a:b\r\n\r\n",
                Some(&[CRC]),
                0,
                Code::MalformedTrailerError,
            ),
            (
                b"0\r\nx-amz-checksum-crc32:a\r\nx-amz-checksum-crc32:b\r\n\r\n",
                Some(&[CRC]),
                0,
                Code::MalformedTrailerError,
            ),
        ] {
            let text = String::from_utf8_lossy(body);
            assert_eq!(
                unframe(body, announced, expected).err(),
                Some(code),
                "{text}"
            );
        }
        let long = format!("5;{}\r\n", "a".repeat(300));
        assert!(unframe(long.as_bytes(), None, 5).is_err());
    }
}
