//! A passage of text: reading bytes as they pass, and telling what is in the text they are.

use std::sync::LazyLock;

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8};

use crate::detector::{Confidence, Detector, Evidence};
use crate::detectors;
use crate::encoding::{Beginning, detect};
use crate::finder::Finder;
use crate::findings::{Found, Kind, Told, Unread};
use crate::table::Table;
use crate::text::{Hit, REACH_BYTES, Reach, Setting, Titles, Tries, try_at};

/// How much of the beginning says what the bytes are.
const BEGINNING_BYTES: usize = 1 << 16;
/// How much is looked through at once.
const WINDOW_BYTES: usize = 1 << 18;
/// What is kept of what was looked through, for words before an identifier and for its column.
const BEHIND_BYTES: usize = 1 << 13;
/// How much more there must be than chance makes.
const ABOVE_CHANCE: u64 = 3;

static FINDER: LazyLock<Finder> = LazyLock::new(Finder::new);

/// Reads the bytes of a text from beginning to end, however they are cut.
#[derive(Debug)]
pub(crate) struct Passage {
    state: State,
    found_max: usize,
    tries: Vec<Tries>,
    /// By detector and length: those that bear themselves out, and those that must be more than chance makes.
    counts: Vec<Counts>,
    found: Vec<Hit>,
    /// Places in the text where what is in `text` begins.
    offset: u64,
    /// The text that is not looked through yet, with some of what was.
    text: Vec<u8>,
    /// How far it was looked through.
    reach: Reach,
    /// The table that the text is, if it is one; nobody knows before its beginning is there.
    table: Option<Option<Table>>,
    /// What its titles say of its columns.
    titles: Titles,
}

#[derive(Debug)]
enum State {
    /// The beginning, until there is enough of it.
    Beginning(Vec<u8>),
    /// Text in UTF-8.
    Plain,
    /// Text in something else.
    Decoded(Box<Decoder>, &'static Encoding),
    Binary,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    named: u64,
    checked: u64,
    certain: u64,
}

impl Passage {
    /// Begins. Of what is found so many are told with their places, and all are counted.
    pub(crate) fn new(found_max: usize) -> Self {
        let lens = try_at(detectors::all().count(), 0);
        Self {
            state: State::Beginning(Vec::new()),
            found_max,
            tries: vec![Tries::default(); lens],
            counts: vec![Counts::default(); lens],
            found: Vec::new(),
            offset: 0,
            text: Vec::new(),
            reach: Reach::default(),
            table: None,
            titles: Titles::default(),
        }
    }

    /// Reads on.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let State::Beginning(beginning) = &mut self.state else {
            self.read(bytes, false);
            return;
        };
        beginning.extend_from_slice(bytes);
        if beginning.len() >= BEGINNING_BYTES {
            self.begin(false);
        }
    }

    /// Reads to the end and tells what was found.
    pub(crate) fn finish(mut self) -> Told {
        if matches!(self.state, State::Beginning(_)) {
            self.begin(true);
        }
        self.read(&[], true);
        self.look(true);
        let (encoding, unread) = match &self.state {
            State::Beginning(_) | State::Plain => (Some(UTF_8.name()), None),
            State::Decoded(_, encoding) => (Some(encoding.name()), None),
            State::Binary => (None, Some(Unread::UnknownFormat)),
        };
        let columns = self.table.take().flatten().map(Table::finish);
        Told {
            columns: columns.unwrap_or_default(),
            kinds: self.kinds(),
            found: self.places(),
            encoding,
            unread,
        }
    }

    fn begin(&mut self, is_all: bool) {
        let State::Beginning(beginning) = std::mem::replace(&mut self.state, State::Plain) else {
            return;
        };
        self.state = match detect(&beginning, is_all) {
            Beginning::Text(encoding) if encoding == UTF_8 => State::Plain,
            Beginning::Text(encoding) => {
                State::Decoded(Box::new(encoding.new_decoder_with_bom_removal()), encoding)
            }
            Beginning::Binary => State::Binary,
        };
        self.read(&beginning, false);
    }

    fn read(&mut self, mut bytes: &[u8], is_last: bool) {
        match &mut self.state {
            State::Plain => {
                while !bytes.is_empty() {
                    let room = (WINDOW_BYTES + REACH_BYTES)
                        .saturating_sub(self.text.len())
                        .max(1);
                    let (now, later) = bytes.split_at(bytes.len().min(room));
                    self.text.extend_from_slice(now);
                    bytes = later;
                    self.look(false);
                }
            }
            State::Decoded(..) => loop {
                let State::Decoded(decoder, _) = &mut self.state else {
                    return;
                };
                let mut decoded = vec![0; WINDOW_BYTES];
                let (result, read, written, _) =
                    decoder.decode_to_utf8(bytes, &mut decoded, is_last);
                self.text.extend(decoded.iter().take(written));
                bytes = bytes.get(read..).unwrap_or_default();
                self.look(false);
                if result == CoderResult::InputEmpty {
                    return;
                }
            },
            State::Beginning(_) | State::Binary => {}
        }
    }

    /// Looks through what is there, but for so much at the end as an identifier may need.
    fn look(&mut self, is_last: bool) {
        let until = if is_last {
            self.text.len()
        } else if self.text.len() < WINDOW_BYTES {
            return;
        } else {
            self.text.len() - REACH_BYTES
        };
        if self.table.is_none() {
            let table = Table::sniff(&self.text, |title| FINDER.knows(title));
            self.titles = table
                .as_ref()
                .map_or_else(Titles::default, |table| FINDER.titles(table.titles()));
            self.table = Some(table);
        }
        if let Some(Some(table)) = &mut self.table {
            table.read(self.text.get(self.reach.next..until).unwrap_or_default());
        }
        let mut hits = Vec::new();
        let place = Setting {
            text: &self.text,
            table: self.table.as_ref().and_then(Option::as_ref),
            titles: &self.titles,
        };
        FINDER.find(place, &mut self.reach, until, &mut self.tries, &mut hits);
        for hit in hits {
            let place = try_at(hit.place, hit.digits);
            if let Some(counts) = self.counts.get_mut(place) {
                match hit.confidence {
                    Confidence::Named => counts.named += 1,
                    Confidence::Checked => counts.checked += 1,
                    Confidence::Certain => counts.certain += 1,
                }
            }
            if self.found.len() < self.found_max {
                self.found.push(Hit {
                    start: hit.start + self.offset as usize,
                    end: hit.end + self.offset as usize,
                    ..hit
                });
            }
        }
        let gone = until.saturating_sub(BEHIND_BYTES);
        self.text.drain(..gone);
        self.reach = self.reach.without(gone);
        self.offset += gone as u64;
    }

    /// Whether those of a form are more than chance makes.
    fn is_above_chance(&self, place: usize, detector: &Detector) -> bool {
        let Evidence::Check {
            chance_per_mille, ..
        } = &detector.evidence
        else {
            return true;
        };
        let tries = self.tries.get(place).copied().unwrap_or_default();
        let chance = u64::from(*chance_per_mille);
        let failed = tries.tried - tries.held;
        // So many of all are by chance as there are failures for each that holds.
        tries.held * (1000 - chance) > ABOVE_CHANCE * failed * chance
    }

    fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = Vec::new();
        for (place, detector) in detectors::all().enumerate() {
            for at in try_at(place, 0)..try_at(place + 1, 0) {
                let counts = self.counts.get(at).copied().unwrap_or_default();
                let checked = if self.is_above_chance(at, detector) {
                    counts.checked
                } else {
                    0
                };
                let count = counts.named + counts.certain + checked;
                if count == 0 {
                    continue;
                }
                let confidence = match (counts.certain, checked) {
                    (0, 0) => Confidence::Named,
                    (0, _) => Confidence::Checked,
                    _ => Confidence::Certain,
                };
                match kinds.iter_mut().find(|kind| kind.id == detector.id) {
                    Some(kind) => {
                        kind.count += count;
                        kind.confidence = kind.confidence.max(confidence);
                    }
                    None => kinds.push(Kind {
                        id: detector.id,
                        title: detector.title,
                        subject: detector.subject,
                        count,
                        confidence,
                    }),
                }
            }
        }
        kinds
    }

    fn places(&self) -> Vec<Found> {
        let is_borne_out = |hit: &&Hit| {
            hit.confidence != Confidence::Checked
                || self.is_above_chance(try_at(hit.place, hit.digits), hit.detector)
        };
        self.found
            .iter()
            .filter(is_borne_out)
            .map(|hit| Found {
                detector: hit.detector,
                start: hit.start as u64,
                end: hit.end as u64,
                confidence: hit.confidence,
                member: None,
            })
            .collect()
    }
}
