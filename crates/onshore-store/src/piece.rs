//! A part of an upload, looked through by itself: parts come in any order, and none is read again where a client keeps its
//! key. What stands before the first end of a line and behind the last one is kept, sealed with the part, until the parts
//! are joined: so an identifier that a border cuts in two is found, and none is counted twice.

use base64::engine::general_purpose::STANDARD;
use onshore_classify::{Outcome, Scanner};
use serde::{Deserialize, Serialize};

use crate::scan::{By, Looked, Scan, ScanStanding};

/// A line is cut where it is longer; behind something that no identifier goes on with, if there is such a place.
const EDGE_BYTES_MAX: usize = 8 << 10;

/// A part on its way.
pub(crate) struct PieceScanner {
    scanner: Scanner,
    head: Vec<u8>,
    /// The last line, which may go on in another part; none as long as no line has ended.
    tail: Option<Vec<u8>>,
}

/// What is kept of a part until the parts are joined.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Piece {
    /// What stands before the first end of a line, that included.
    #[serde(with = "text")]
    head: Vec<u8>,
    /// What stands behind the last one; none where no line ends in the part.
    tail: Option<Edge>,
    /// What was found between them.
    scan: Scan,
}

/// Some bytes at an edge.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct Edge(#[serde(with = "text")] Vec<u8>);

impl PieceScanner {
    pub(crate) fn new(scanner: Scanner) -> Self {
        Self {
            scanner: scanner.of_text(),
            head: Vec::new(),
            tail: None,
        }
    }

    pub(crate) fn push(&mut self, mut bytes: &[u8]) {
        let tail = match &mut self.tail {
            Some(tail) => tail,
            none => {
                let room = EDGE_BYTES_MAX.saturating_sub(self.head.len());
                let seen = bytes.get(..room.min(bytes.len())).unwrap_or_default();
                let Some(end) = seen.iter().position(|byte| *byte == b'\n') else {
                    self.head.extend_from_slice(seen);
                    if seen.len() == bytes.len() && self.head.len() < EDGE_BYTES_MAX {
                        return;
                    }
                    // What no identifier is cut by belongs to the head, the rest to the middle.
                    let rest = self.head.split_off(last_gap(&self.head));
                    self.scanner.push(&rest);
                    *none = Some(Vec::new());
                    return self.push(bytes.get(seen.len()..).unwrap_or_default());
                };
                let (head, later) = bytes.split_at(end + 1);
                self.head.extend_from_slice(head);
                bytes = later;
                none.insert(Vec::new())
            }
        };
        match bytes.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => {
                let (lines, rest) = bytes.split_at(last + 1);
                self.scanner.push(tail);
                self.scanner.push(lines);
                tail.clear();
                tail.extend_from_slice(rest);
            }
            None => tail.extend_from_slice(bytes),
        }
        if tail.len() > EDGE_BYTES_MAX {
            let kept = tail.split_off(tail.len() - EDGE_BYTES_MAX);
            let cut = first_gap(&kept);
            let (before, behind) = kept.split_at(cut);
            self.scanner.push(tail);
            self.scanner.push(before);
            *tail = behind.to_vec();
        }
    }

    pub(crate) fn finish(self) -> Piece {
        let by = By::scanner(&self.scanner);
        let scan = match self.scanner.finish() {
            Outcome::Done(findings) => Looked::of(*findings, by, ScanStanding::Read).scan,
            // Text is never asked for as a whole.
            Outcome::Whole(_) => Scan::put_off(by.told),
        };
        Piece {
            head: self.head,
            tail: self.tail.map(Edge),
            scan,
        }
    }
}

/// Joins parts in their order: what was found in each, and at the borders between them. None where they are no text, or
/// were looked through by another scanner.
pub(crate) fn join(pieces: &[Piece], scanner: impl Fn() -> Scanner) -> Option<Scan> {
    let first = pieces.first()?;
    let mut probe = scanner();
    probe.push(&first.head);
    if !probe.is_text() {
        return None;
    }
    let mut scans: Vec<Scan> = Vec::new();
    let mut border = Vec::new();
    let mut look = |border: &mut Vec<u8>| {
        if !border.is_empty() {
            let mut scanner = scanner().of_text();
            scanner.push(border);
            let by = By::scanner(&scanner);
            if let Outcome::Done(findings) = scanner.finish() {
                scans.push(Looked::of(*findings, by, ScanStanding::Read).scan);
            }
            border.clear();
        }
    };
    for piece in pieces {
        border.extend_from_slice(&piece.head);
        if let Some(Edge(tail)) = &piece.tail {
            look(&mut border);
            border.extend_from_slice(tail);
        }
    }
    look(&mut border);
    let mut all = pieces.iter().map(|piece| &piece.scan).chain(&scans);
    let joined = all.next()?.clone();
    all.try_fold(joined, Scan::and)
}

/// Returns the place behind the last byte that parts one thing from another, or the end.
fn last_gap(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rposition(|byte| is_gap(*byte))
        .map_or(bytes.len(), |at| at + 1)
}

/// Returns the place of the first byte that parts one thing from another, or the beginning.
fn first_gap(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| is_gap(*byte)).unwrap_or(0)
}

fn is_gap(byte: u8) -> bool {
    matches!(
        byte,
        b'"' | b',' | b';' | b'|' | b'\t' | b'<' | b'>' | b'{' | b'}' | b'\''
    )
}

/// Bytes as text.
mod text {
    use base64::Engine as _;
    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::STANDARD;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use onshore_classify::{Options, Scanner};
    use proptest::prelude::*;

    use super::{Piece, PieceScanner, join};

    fn scanner() -> Scanner {
        Scanner::new(Options {
            on: "2026-11-29".parse().expect("a day"),
            ..Options::default()
        })
    }

    fn piece(bytes: &[u8], cut: usize) -> Piece {
        let mut piece = PieceScanner::new(scanner());
        bytes.chunks(cut).for_each(|chunk| piece.push(chunk));
        piece.finish()
    }

    fn counts(pieces: &[Piece]) -> Vec<(String, u64)> {
        let joined = join(pieces, scanner).expect("it is text");
        joined
            .kinds
            .into_iter()
            .map(|kind| (kind.kind, kind.count))
            .collect()
    }

    /// Lines with an identity number in every third, and one that is longer than is kept at an edge.
    fn text() -> String {
        let mut text = String::new();
        for number in 0..400 {
            match number % 3 {
                0 => text.push_str("身份证 11010519491231002X，以及别的。\n"),
                1 => text.push_str("nothing to be seen in this line\n"),
                _ => text.push_str(&format!("\"{}\",\"13800138000\",", "x".repeat(number))),
            }
        }
        text
    }

    proptest! {
        #[test]
        fn wherever_it_is_cut_the_same_is_found(at in proptest::collection::vec(1..20_000_usize, 1..6), cut in 1..9000_usize) {
            let text = text();
            let whole = counts(&[piece(text.as_bytes(), text.len())]);
            let mut places: Vec<usize> = at.into_iter().map(|at| at.min(text.len() - 1)).collect();
            places.sort_unstable();
            places.dedup();
            places.push(text.len());
            let (mut pieces, mut from) = (Vec::new(), 0);
            for until in places {
                pieces.push(piece(text.as_bytes().get(from..until).expect("within"), cut));
                from = until;
            }
            prop_assert_eq!(counts(&pieces), whole);
        }
    }

    #[test]
    fn what_is_no_text_is_not_joined() {
        let zip = [b"PK\x03\x04".as_slice(), &[0; 100]].concat();
        assert!(join(&[piece(&zip, 10)], scanner).is_none());
    }
}
