//! A passage of text: reading bytes as they pass, and telling what is in the text they are.

use std::sync::{Arc, LazyLock};

use encoding_rs::UTF_8;
use memchr::memchr3;

use crate::beside::Beside;
use crate::columns::{ColumnFinding, Columns};
use crate::decoding::Decoding;
use crate::detector::{Confidence, Subject};
use crate::detectors;
use crate::encoding::{Beginning, detect};
use crate::finder::Finder;
use crate::findings::{Found, Kind, Told, Unread};
use crate::gathering::{Counting, Gathering};
use crate::important::{Important, ToldTerms};
use crate::persons::Record;
use crate::samples::{At, Sample, Sampling};
use crate::table::Table;
use crate::text::{Hit, REACH_BYTES, Reach, Setting};
use crate::texts::{Reader, Sheet};
use crate::trials::Trials;
use crate::veiled::Veiled;

/// How much of the beginning says what the bytes are.
const BEGINNING_BYTES: usize = 1 << 16;
/// How much is looked through at once.
const WINDOW_BYTES: usize = 1 << 18;
/// How much of a text says how its values stand in it.
const SNIFFED_BYTES: usize = 1 << 15;
/// How much is taken in at once.
const PIECE_BYTES: usize = 1 << 15;
/// Shorter words of ASCII stand in noise.
const NOISE_BYTES_MAX: usize = 11;
/// What is kept of what was looked through, for words before an identifier and for its column.
const BEHIND_BYTES: usize = 1 << 13;

static FINDER: LazyLock<Finder> = LazyLock::new(Finder::new);

/// Whether something that was found in what is no text is no work of chance: an identifier of a person of at least eleven
/// signs that is sure, or that a word names.
fn is_beyond_noise(hit: &Hit) -> bool {
    hit.detector.subject == Subject::Person
        && hit.end - hit.start >= NOISE_BYTES_MAX
        && hit.confidence != Confidence::Checked
        && hit.detector.id != "e-mail"
}

/// Takes out of what is no text the words of ASCII that are as long as an identifier, zeroes between their letters left out:
/// a line each. Noise has next to none, and is passed over in groups of four bytes.
fn bare_words(bytes: &[u8], words: &mut Vec<u8>) {
    const GROUP_BYTES: usize = 4;
    let is_in = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | 0);
    let mut from = 0;
    while let Some(rest) = bytes.get(from..) {
        let (groups, _) = rest.as_chunks::<GROUP_BYTES>();
        let Some(group) = groups.iter().position(|group| group.iter().all(is_in)) else {
            return;
        };
        let within = from + group * GROUP_BYTES;
        let before = bytes.get(from..within).unwrap_or_default();
        let start = within - before.iter().rev().take_while(|byte| is_in(byte)).count();
        let word = bytes.get(start..).unwrap_or_default();
        let len = word.iter().take_while(|byte| is_in(byte)).count();
        let begun = words.len();
        let letters = word.iter().take(len).filter(|byte| **byte != 0);
        words.extend(letters);
        if words.len() - begun < NOISE_BYTES_MAX {
            words.truncate(begun);
        } else {
            words.push(b'\n');
        }
        from = start + len;
    }
}

/// Takes note of the lines of a text, where examples of what is in it are told.
fn note(samples: &mut Option<Sampling>, text: &[u8]) {
    if let Some(samples) = samples {
        samples.text(text);
    }
}

/// Reads the bytes of a text from beginning to end, however they are cut.
#[derive(Debug)]
pub(crate) struct Passage {
    state: State,
    wanted: Wanted,
    trials: Trials,
    /// By detector: those that bear themselves out.
    counts: Vec<Counts>,
    found: Vec<Hit>,
    /// Room for what is found at once.
    hits: Vec<Hit>,
    /// The text that is there.
    sheet: Sheet,
    /// How far it was looked through.
    reach: Reach,
    layout: Layout,
    /// What was decoded and goes to a reader.
    decoded: Vec<u8>,
    beside: Beside,
    important: Important,
    /// Who is told of, where persons are counted.
    persons: Option<Gathering>,
    /// Examples, where they were asked for.
    samples: Option<Sampling>,
    /// What stands in it in another writing, if it does not lie too deep.
    veiled: Option<Box<Veiled>>,
    source: Source,
}

/// What a passage is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// Bytes: what they are is seen by their beginning.
    Bytes,
    /// A text that another one holds in another writing.
    Encoded,
    /// Some lines of a text, as they are meant: the first is not its beginning.
    Meant,
}

/// What is to be told of a text.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Of what is found so many are told with their places.
    pub(crate) found_max: usize,
    /// Of each kind so many masked examples are told.
    pub(crate) samples_max: usize,
    /// What authorities told the tenant.
    pub(crate) told: Option<Arc<ToldTerms>>,
    /// How persons are counted, if they are.
    pub(crate) counting: Option<Arc<Counting>>,
}

impl Wanted {
    /// The same, of what has no places that others see.
    fn without_places(&self) -> Self {
        Self {
            found_max: 0,
            samples_max: 0,
            ..self.clone()
        }
    }
}

/// How the values of a text stand in it.
#[derive(Debug)]
enum Layout {
    /// Nobody knows before its beginning is there.
    Unknown,
    /// There are lines and no more.
    Lines,
    /// As a table.
    Table(Table),
    /// In a structure of its own.
    Read(Box<Reader>),
    /// They are told one by one.
    Told,
}

#[derive(Debug)]
enum State {
    /// The beginning, until there is enough of it.
    Beginning(Vec<u8>),
    /// Text in UTF-8.
    Plain,
    /// Text in something else.
    Decoded(Box<Decoding>),
    Binary,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    named: u64,
    certain: u64,
}

impl Passage {
    /// Begins. Of what is found so many are told with their places, and all are counted.
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self {
            persons: wanted.counting.as_ref().map(Gathering::new),
            samples: Sampling::new(wanted.samples_max),
            sheet: Sheet {
                columns: Columns::with_examples(wanted.samples_max),
                ..Sheet::new(&FINDER)
            },
            state: State::Beginning(Vec::new()),
            wanted,
            trials: Trials::default(),
            counts: vec![Counts::default(); FINDER.entries.len()],
            found: Vec::new(),
            hits: Vec::new(),
            reach: Reach::default(),
            layout: Layout::Unknown,
            decoded: Vec::new(),
            beside: Beside::default(),
            important: Important::default(),
            veiled: Veiled::new(0).map(Box::new),
            source: Source::Bytes,
        }
    }

    /// Begins a text that another one holds in another writing, within so many others.
    pub(crate) fn encoded(wanted: &Wanted, depth: usize) -> Self {
        Self {
            source: Source::Encoded,
            veiled: Veiled::new(depth).map(Box::new),
            ..Self::new(wanted.without_places())
        }
    }

    /// Begins lines of a text as they are meant.
    pub(crate) fn meant(wanted: &Wanted, depth: usize) -> Self {
        Self {
            source: Source::Meant,
            ..Self::encoded(wanted, depth)
        }
    }

    /// Begins what is not one text but rows of values, told one by one. The titles of their columns may not be known, in which
    /// case there are none.
    pub(crate) fn of_table(titles: &[String], wanted: Wanted) -> Self {
        let mut passage = Self {
            state: State::Plain,
            layout: Layout::Told,
            ..Self::new(wanted)
        };
        for title in titles {
            passage.sheet.columns.add(title, &FINDER);
        }
        passage
    }

    /// Reads a row of a table.
    pub(crate) fn row(&mut self, values: impl Iterator<Item = impl AsRef<str>>) {
        for (place, value) in values.enumerate() {
            let column = self.sheet.columns.numbered(place);
            self.value(column, value.as_ref());
        }
        self.end_record();
    }

    fn value(&mut self, column: usize, value: &str) {
        self.sheet.records.begin(self.sheet.text.len(), column);
        if Columns::samples(self.sheet.records.record()) {
            let start = self.sheet.offset + self.sheet.text.len() as u64;
            let at = At {
                record: self.sheet.records.record(),
                start,
                end: start + value.len() as u64,
            };
            self.sheet.columns.sample(column, value.as_bytes(), at);
        }
        // What parts lines and values is no part of one.
        let begun = self.sheet.text.len();
        self.sheet.text.extend_from_slice(value.as_bytes());
        let mut from = begun;
        while let Some(rest) = self.sheet.text.get_mut(from..)
            && let Some(found) = memchr3(b'\n', b'\r', b'\t', rest)
        {
            if let Some(byte) = rest.get_mut(found) {
                *byte = b' ';
            }
            from += found + 1;
        }
        self.sheet.text.push(b'\t');
    }

    fn end_record(&mut self) {
        self.sheet.text.push(b'\n');
        self.sheet.records.next();
        if self.sheet.text.len() >= WINDOW_BYTES + REACH_BYTES {
            self.look(false);
        }
    }

    /// Reads on.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let State::Beginning(beginning) = &mut self.state else {
            self.read(bytes);
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
        if let State::Decoded(decoding) = &mut self.state {
            let mut decoded = std::mem::take(&mut self.decoded);
            decoding.finish(&mut decoded);
            note(&mut self.samples, &decoded);
            self.take(&decoded);
        }
        if matches!(self.layout, Layout::Unknown) {
            self.sniff();
        }
        if let Layout::Read(reader) = &mut self.layout {
            reader.finish(&mut self.sheet);
        }
        self.look(true);
        let veiled = self.veiled.take();
        let unveiled = veiled.map_or_else(Vec::new, |veiled| veiled.finish(&self.wanted));
        let (encoding, unread) = match &self.state {
            State::Beginning(_) | State::Plain => (Some(UTF_8.name()), None),
            State::Decoded(decoding) => (Some(decoding.name()), None),
            State::Binary => (None, Some(Unread::UnknownFormat)),
        };
        for title in self.sheet.columns.titles() {
            self.important.title(title);
        }
        let columns = self.sheet.columns.findings();
        let verdicts = self.trials.verdicts();
        let persons = self.persons.take().map(|persons| {
            let is_named = columns
                .iter()
                .any(|column| column.subject == Subject::Person);
            let records = is_named.then(|| self.sheet.records.record());
            let is_sensitive = self.beside.kinds().next().is_some();
            persons.finish(records, is_sensitive, |trial| {
                let verdict = usize::try_from(trial)
                    .ok()
                    .and_then(|trial| verdicts.get(trial));
                verdict.copied().unwrap_or(true)
            })
        });
        let samples = self.examples(&columns, &verdicts);
        Told {
            persons,
            samples,
            columns,
            kinds: self
                .kinds(&verdicts)
                .into_iter()
                .chain(self.beside.kinds())
                .collect(),
            found: self.places(&verdicts),
            important: self.important.finish(),
            births: self.beside.into_births(),
            encoding,
            unread,
            unveiled,
        }
    }

    fn begin(&mut self, is_all: bool) {
        let State::Beginning(beginning) = std::mem::replace(&mut self.state, State::Plain) else {
            return;
        };
        self.state = match self.source {
            Source::Bytes => Self::state_of(&beginning, is_all),
            Source::Encoded | Source::Meant => State::Plain,
        };
        self.read(&beginning);
    }

    fn state_of(beginning: &[u8], is_all: bool) -> State {
        match detect(beginning, is_all) {
            Beginning::Text(encoding) if encoding == UTF_8 => State::Plain,
            Beginning::Text(encoding) => State::Decoded(Box::new(Decoding::new(encoding))),
            Beginning::Binary => State::Binary,
        }
    }

    fn read(&mut self, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE_BYTES) {
            match &mut self.state {
                State::Plain => {
                    note(&mut self.samples, piece);
                    self.take(piece);
                }
                State::Decoded(decoding) => {
                    let mut decoded = std::mem::take(&mut self.decoded);
                    decoding.read(piece, &mut decoded);
                    note(&mut self.samples, &decoded);
                    self.take(&decoded);
                    decoded.clear();
                    self.decoded = decoded;
                }
                State::Binary => {
                    // A text that something else stands before, or with a zero in it, is no text to its readers; what is in it
                    // is there all the same.
                    let mut bare = std::mem::take(&mut self.decoded);
                    bare_words(piece, &mut bare);
                    self.take(&bare);
                    bare.clear();
                    self.decoded = bare;
                }
                State::Beginning(_) => return,
            }
        }
    }

    /// Takes in some text.
    fn take(&mut self, text: &[u8]) {
        match &mut self.layout {
            Layout::Read(reader) => {
                reader.read(text, &mut self.sheet);
            }
            Layout::Unknown | Layout::Lines | Layout::Table(_) | Layout::Told => {
                self.sheet.text.extend_from_slice(text);
            }
        }
        if matches!(self.layout, Layout::Unknown) && self.sheet.text.len() >= SNIFFED_BYTES {
            self.sniff();
        }
        if self.sheet.text.len() >= WINDOW_BYTES + REACH_BYTES {
            self.look(false);
        }
    }

    /// Looks how the values of the text stand in it.
    fn sniff(&mut self) {
        if self.source != Source::Meant {
            self.important.beginning(&self.sheet.text);
        }
        self.layout = if let Some(reader) = Reader::sniff(&self.sheet.text) {
            Layout::Read(Box::new(reader))
        } else if let Some((table, titles)) =
            Table::sniff(&self.sheet.text, |title| FINDER.knows(title))
        {
            for title in titles {
                self.sheet.columns.add(&title, &FINDER);
            }
            Layout::Table(table)
        } else {
            Layout::Lines
        };
        if matches!(self.layout, Layout::Read(_)) {
            let text = std::mem::take(&mut self.sheet.text);
            self.take(&text);
        }
    }

    /// Looks through what is there, but for so much at the end as an identifier may need.
    fn look(&mut self, is_last: bool) {
        let until = if is_last {
            self.sheet.text.len()
        } else {
            self.sheet.text.len() - REACH_BYTES
        };
        // What is told value by value begins without a look how it stands.
        if matches!(self.layout, Layout::Told) && self.sheet.offset == 0 && self.reach.next == 0 {
            self.important.beginning(&self.sheet.text);
        }
        if let Some(told) = &self.wanted.told {
            let from = self.reach.next;
            self.important.told(told, &self.sheet.text, from, until);
        }
        if let Some(veiled) = &mut self.veiled
            && !matches!(self.state, State::Binary)
        {
            let text = self.sheet.text.get(self.reach.next..until);
            veiled.push(text.unwrap_or_default(), &self.wanted);
        }
        self.lay_out(until, is_last);
        let mut hits = std::mem::take(&mut self.hits);
        let place = Setting {
            text: &self.sheet.text,
            records: &self.sheet.records,
            columns: &self.sheet.columns,
        };
        FINDER.find(place, &mut self.reach, until, &mut self.trials, &mut hits);
        if matches!(self.state, State::Binary) {
            // In noise only what chance does not make.
            hits.retain(is_beyond_noise);
        }
        let row_or_line = match self.layout {
            Layout::Unknown | Layout::Lines => Record::Line,
            Layout::Table(_) | Layout::Read(_) | Layout::Told => Record::Row,
        };
        for hit in &hits {
            if let Some(trial) = hit.trial {
                self.trials.tell(trial);
            }
            if let Some(counts) = self.counts.get_mut(hit.place) {
                match hit.confidence {
                    Confidence::Named => counts.named += 1,
                    Confidence::Checked => {}
                    Confidence::Certain => counts.certain += 1,
                }
            }
            self.beside
                .look(&self.sheet.text, self.sheet.offset as usize, hit);
            if let Some(persons) = &mut self.persons {
                persons.hit(hit, &self.sheet.text, row_or_line);
            }
            if let Some(samples) = &mut self.samples {
                samples.hit(hit, &self.sheet);
            }
            if self.found.len() < self.wanted.found_max {
                let [first, last] = [hit.start, hit.end]
                    .map(|place| self.sheet.origins.of(self.sheet.offset + place as u64) as usize);
                self.found.push(Hit {
                    start: first,
                    end: last,
                    ..*hit
                });
            }
        }
        hits.clear();
        self.hits = hits;
        if let Some(samples) = &self.samples {
            let line_of = |place| samples.line_of(place);
            self.sheet.columns.settle_lines(line_of);
        }
        let gone = until.saturating_sub(BEHIND_BYTES);
        self.sheet.forget(gone);
        if let Some(samples) = &mut self.samples {
            samples.forget(self.sheet.origin(0));
        }
        self.reach = self.reach.without(gone);
        if let Layout::Table(table) = &mut self.layout {
            table.forget(gone);
        }
    }

    /// Says where values begin in what will be looked through.
    fn lay_out(&mut self, until: usize, is_last: bool) {
        if let Layout::Table(table) = &mut self.layout {
            let (text, records, columns) = (
                &self.sheet.text,
                &mut self.sheet.records,
                &mut self.sheet.columns,
            );
            table.read(text, self.reach.next, until, records, columns);
            if is_last {
                table.finish(text, records.record(), columns);
            }
        }
    }

    fn kinds(&self, verdicts: &[bool]) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = Vec::new();
        for (place, (detector, counts)) in detectors::all().zip(&self.counts).enumerate() {
            let checked = self.trials.told(place, verdicts);
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
        kinds
    }

    /// Returns the examples that hold. What is told value by value, and what is no text, has no places that others see.
    fn examples(&mut self, columns: &[ColumnFinding], verdicts: &[bool]) -> Vec<Sample> {
        let Some(samples) = self.samples.take() else {
            return Vec::new();
        };
        let holds = |trial: usize| verdicts.get(trial).copied().unwrap_or_default();
        let mut told = samples.finish(holds, self.sheet.columns.examples(columns));
        let has_text = !matches!(self.layout, Layout::Told) && !matches!(self.state, State::Binary);
        let has_rows = !matches!(self.layout, Layout::Unknown | Layout::Lines);
        for sample in &mut told {
            if !has_text {
                sample.place = std::mem::take(&mut sample.place).without_text();
            }
            if !has_rows {
                sample.place.row = None;
            }
        }
        told
    }

    fn places(&self, verdicts: &[bool]) -> Vec<Found> {
        let is_borne_out = |hit: &&Hit| {
            let verdict = hit.trial.map(|trial| verdicts.get(trial));
            verdict.is_none_or(|verdict| verdict.copied().unwrap_or_default())
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
                record: hit.record,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Passage, Wanted};
    use crate::findings::Told;

    fn wanted() -> Wanted {
        Wanted {
            found_max: 1000,
            samples_max: 0,
            told: None,
            counting: None,
        }
    }

    /// Kinds, values and records.
    fn told(findings: &Told) -> Vec<(&'static str, u64, u64)> {
        let told = findings
            .found
            .iter()
            .map(|found| (found.detector.id, found.record, found.end - found.start));
        told.collect()
    }

    fn read(text: &str) -> Told {
        let mut passage = Passage::new(wanted());
        text.as_bytes()
            .chunks(7)
            .for_each(|piece| passage.push(piece));
        passage.finish()
    }

    const TITLES: [&str; 4] = ["护照", "订单号", "note", "姓名"];

    fn rows() -> Vec<[String; 4]> {
        (0..30)
            .map(|at| {
                [
                    format!("E1234567{}", at % 10),
                    format!("1380013800{}", at % 10),
                    format!("one, \"two\"\n11010519491231002X {at}"),
                    "张伟".to_owned(),
                ]
            })
            .collect()
    }

    #[test]
    fn rows_are_read_as_a_table_with_a_header_is() {
        let quoted = |row: &[String; 4]| {
            let values = row.iter().map(|value| value.replace('"', "\"\""));
            let values: Vec<String> = values.map(|value| format!("\"{value}\"")).collect();
            values.join(",") + "\n"
        };
        let lines: String = rows().iter().map(quoted).collect();
        let as_text = read(&format!("{}\n{lines}", TITLES.join(",")));

        let mut passage = Passage::of_table(&TITLES.map(str::to_owned), wanted());
        for row in rows() {
            passage.row(row.iter());
        }
        let as_rows = passage.finish();

        assert_eq!(as_rows.kinds, as_text.kinds);
        assert_eq!(as_rows.columns, as_text.columns);
        assert_eq!(as_rows.columns.len(), 1);
        assert_eq!(as_rows.kinds.len(), 2);
        // The header is a record as well.
        let later = |told: Vec<(&'static str, u64, u64)>| -> Vec<_> {
            let later = told
                .into_iter()
                .map(|(id, record, len)| (id, record + 1, len));
            later.collect()
        };
        assert_eq!(later(told(&as_rows)), told(&as_text));
        assert_eq!(as_rows.found.last().map(|found| found.record), Some(29));
    }

    #[test]
    fn lines_are_told_apart() {
        let text = "a@b.cn c@d.cn\n\nnothing\ne@f.cn\ng@h.cn";
        let records: Vec<_> = read(text).found.iter().map(|found| found.record).collect();
        assert_eq!(records, [0, 0, 1, 2]);
    }
}
