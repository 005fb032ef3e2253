//! Finding identifiers in text. What catches the eye is looked for in blocks of 64 bytes, without a branch for each byte;
//! only there detectors look closer. Text is UTF-8; what is not is passed over.

use memchr::memchr_iter;

use crate::block::{BLOCK_BYTES, Window, each, mark};
use crate::columns::{Beside, Columns, Titled};
use crate::detector::{Confidence, Detector, Evidence, Form, Mark};
use crate::finder::{DIGITS_MAX, Entry, Finder, shape};
use crate::records::{Cell, NO_COLUMN, Records};
use crate::trials::{Stand, Trials};
use crate::words::Words;

/// How far before something a word may stand that says what it is.
const CONTEXT_BYTES: usize = 64;
/// How much is looked through at once for words without which detectors tell nothing.
const STRETCH_BYTES: usize = 1 << 12;
/// No identifier is longer, nor looks further ahead, but for web tokens, which are cut there.
pub(crate) const REACH_BYTES: usize = 4160;
/// Groups of digits that are looked at together.
const GROUPS_MAX: usize = 7;
/// A longer word is none.
const WORD_MAX: usize = 64;
/// So long are numbers that are known by their check and a birth wherever they stand.
const LONG_BYTES: usize = 18;
/// The kind that telephones are told as.
const MOBILE: &str = "cn.mobile";

/// Something that was found in a text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    /// Where its detector stands in the table.
    pub(crate) place: usize,
    /// The trial that it stands in, where chance is reckoned with.
    pub(crate) trial: Option<usize>,
    pub(crate) detector: &'static Detector,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) confidence: Confidence,
    /// The record that it stands in, by its number: a row, or a line.
    pub(crate) record: u64,
}

/// A text, and the records that it consists of, if it does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) records: &'a Records,
    pub(crate) columns: &'a Columns,
}

/// How far a text was looked through.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reach {
    /// Where it goes on.
    pub(crate) next: usize,
    /// Where the last thing that was found ends.
    done: usize,
    /// Where the last word ends that was looked at.
    seen: usize,
    /// The number of the last line that something was found in, and up to where that is known.
    line: u64,
    line_until: usize,
}

impl Reach {
    /// Says the same when so much of the beginning of the text is gone.
    pub(crate) fn without(self, gone: usize) -> Self {
        Self {
            next: self.next.saturating_sub(gone),
            done: self.done.saturating_sub(gone),
            seen: self.seen.saturating_sub(gone),
            line: self.line,
            line_until: self.line_until.saturating_sub(gone),
        }
    }

    /// Goes on to a place. Lines are told apart and not counted, which takes no more than a look where nothing is found.
    fn line_at(&mut self, text: &[u8], place: usize) -> u64 {
        let between = text.get(self.line_until..place).unwrap_or_default();
        self.line += u64::from(between.contains(&b'\n'));
        self.line_until = self.line_until.max(place);
        self.line
    }
}

/// What is said of a place, to a detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    /// That it is something else.
    Otherwise,
    /// Nothing that is known.
    Nothing,
    /// That something in its line is of its kind.
    InItsLine,
    /// That it is its kind, just before it.
    Next,
}

/// A stretch of text and the words that are not in it.
#[derive(Debug, Default)]
struct Stretch {
    begin: Option<usize>,
    /// It and what stands before it, in small letters.
    small: Vec<u8>,
    /// By search: whether it is known that it finds nothing.
    known: Vec<Option<bool>>,
}

/// A run of digits.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    start: usize,
    end: usize,
}

/// Groups of digits, put together.
#[derive(Debug, Clone, Copy, Default)]
struct Joined {
    groups: usize,
    end: usize,
    len: usize,
    /// Whether the last of them is an X.
    has_letter: bool,
    /// Whether it is no part of something that goes on, nor of what was found before.
    is_whole: bool,
}

impl Finder {
    /// Whether there is a word in a title that says what something is.
    pub(crate) fn knows(&self, title: &str) -> bool {
        !self.vocabulary.words_in(title.as_bytes()).is_empty()
    }

    /// Looks at what catches the eye from one place to another. What stands before is looked at again as far as nothing was
    /// found there, and what stands behind belongs to what begins before it.
    pub(crate) fn find(
        &self,
        setting: Setting<'_>,
        reach: &mut Reach,
        until: usize,
        trials: &mut Trials,
        hits: &mut Vec<Hit>,
    ) {
        let from = reach.next;
        let mut search = Search {
            finder: self,
            text: setting.text,
            setting,
            done: reach.done,
            seen: reach.seen,
            until,
            said: None,
            near: 0,
            stretch: Stretch::default(),
            trials,
            hits,
        };
        search.secrets(from, until);
        search.marks(from, until);
        reach.next = until;
        reach.done = search.done;
        reach.seen = search.seen;
        if !hits.is_sorted_by_key(|hit| hit.start) {
            hits.sort_by_key(|hit| (hit.start, hit.end));
        }
        let mut near = 0;
        for hit in hits {
            hit.record = match setting.records.at(hit.start, &mut near) {
                Some(cell) => cell.record,
                None => reach.line_at(setting.text, hit.start),
            };
        }
        reach.line_at(setting.text, until);
    }
}

struct Search<'a> {
    finder: &'a Finder,
    text: &'a [u8],
    setting: Setting<'a>,
    /// Where the last thing that was found ends.
    done: usize,
    /// Where the last word that was looked at ends.
    seen: usize,
    /// What begins here or behind it is left for later.
    until: usize,
    /// What was said just before a place that was asked of last, and in its line, if what stands just before it does not speak
    /// against all else.
    said: Option<(usize, Words, Option<Words>)>,
    /// Near which value the last place was that was asked of.
    near: usize,
    stretch: Stretch,
    trials: &'a mut Trials,
    hits: &'a mut Vec<Hit>,
}

impl<'a> Search<'a> {
    fn secrets(&mut self, from: usize, until: usize) {
        let (finder, done) = (self.finder, self.done);
        // One may begin here that ends behind.
        let text = self.text.get(from..).unwrap_or_default();
        finder.prefixes.each(text, |which, start| {
            if from + start < until
                && let Some(entry) = finder.prefixed.get(which)
            {
                self.around(entry, from + start);
            }
        });
        // What stands before a secret is looked at yet.
        self.done = done;
    }

    fn marks(&mut self, from: usize, until: usize) {
        let mut block = from;
        // Whether the last place of the block before was among digits.
        let mut goes_on = 0;
        while block < until {
            let here = self.text.get(block..).unwrap_or_default();
            let marks = match here.first_chunk() {
                Some(window) => mark(window),
                None => {
                    let mut window: Window = [0; BLOCK_BYTES + 3];
                    for (to, byte) in window.iter_mut().zip(here) {
                        *to = *byte;
                    }
                    mark(&window)
                }
            };
            if let Some(marks) = marks {
                // A row of digits is looked at once, from its beginning.
                let begin = marks.digits & !((marks.digits << 1) | goes_on);
                goes_on = marks.digits >> (BLOCK_BYTES - 1);
                each(begin | marks.others, |at| {
                    if block + at < until {
                        // Each mark of a row says that two more follow.
                        let row = (marks.digits >> at).trailing_ones() as usize;
                        self.look(block + at, row + 2);
                    }
                });
            } else {
                goes_on = 0;
            }
            block += BLOCK_BYTES;
        }
    }

    /// Looks closer at what caught the eye, which may be so many digits or more.
    fn look(&mut self, at: usize, digits: usize) {
        if at < self.done {
            return;
        }
        let here = |offset: usize| self.text.get(at + offset).copied().unwrap_or_default();
        let mark = match here(0) {
            b'@' => Mark::At,
            b'.' => Mark::DotInNumber,
            b'+' => Mark::PlusBeforeDigit,
            b'<' => Mark::Fillers,
            b':' => return self.marked(Mark::DigitsAtColon, at + 1),
            b'0'..=b'9' => return self.number(at, at + digits),
            0xEF if here(1) == 0xBC && matches!(here(2), 0x90..=0x99) => return self.wide(at),
            b'A'..=b'Z' if here(1).is_ascii_digit() => Mark::DigitsBetweenLetters,
            b'A'..=b'Z' => Mark::LettersAndDigits,
            _ => {
                return self.marked(Mark::CapitalBehindForeign, at + 1);
            }
        };
        self.marked(mark, at);
    }

    fn marked(&mut self, mark: Mark, at: usize) {
        let finder = self.finder;
        for (known, entry) in &finder.marks {
            if *known == mark && self.around(entry, at) {
                return;
            }
        }
    }

    fn around(&mut self, entry: &Entry, at: usize) -> bool {
        let Form::Around { find, .. } = &entry.detector.form else {
            return false;
        };
        match find(self.text, at) {
            Some((start, end)) if start >= self.done => self.take(entry, (start, end), &[], true),
            _ => false,
        }
    }

    /// Looks at the word that digits are in which begin at a place and go on to another at least.
    fn number(&mut self, at: usize, until: usize) {
        if at < self.seen {
            return;
        }
        let floor = self.seen;
        let end = until + self.digits_at(until);
        let kind = |place: Option<usize>| {
            let byte = place.and_then(|place| self.text.get(place));
            byte.map_or(Neighbour::Other, |byte| Neighbour::of(*byte))
        };
        let (before, behind) = (kind(at.checked_sub(1)), kind(Some(end)));
        if before != Neighbour::Word && behind != Neighbour::Word {
            self.seen = end;
            if before == Neighbour::Parting || behind == Neighbour::Parting {
                self.groups(at, end, floor);
            } else {
                self.digits(&[Group { start: at, end }]);
            }
            if before == Neighbour::Parting {
                self.called(at, end, "-");
            }
            self.at_colon(at, end);
            return;
        }
        let is_in = |byte: &&u8| is_in_word(**byte);
        let before = self.text.get(..at).unwrap_or_default();
        let start = at - before.iter().rev().take(WORD_MAX).take_while(is_in).count();
        let behind = self.text.get(at..).unwrap_or_default();
        let end = at + behind.iter().take_while(is_in).count();
        let word = self.text.get(start..end).unwrap_or_default();
        self.seen = end;
        if is_digits(word) {
            self.groups(start, end, floor);
        } else {
            self.word(start, end);
            self.touching(start, end);
        }
        self.at_colon(start, end);
    }

    /// Looks at the numbers in a word that letters touch: those that leave nearly nothing to chance, and those that are called what
    /// they are.
    fn touching(&mut self, start: usize, end: usize) {
        let mut at = start.max(self.done);
        while let Some(rest) = self.text.get(at..end).filter(|rest| !rest.is_empty()) {
            let Some(first) = rest.iter().position(u8::is_ascii_digit) else {
                return;
            };
            let from = at + first;
            let digits = self.digits_at(from);
            at = from + digits;
            let is_x = matches!(self.text.get(at), Some(b'X' | b'x'));
            let until = at + usize::from(is_x && digits + 1 == LONG_BYTES);
            match until - from {
                LONG_BYTES => self.long(from, until),
                _ => {
                    self.called(from, until, "_");
                    if from >= self.done && self.is_beside_number(from, until) {
                        let _taken = self.digits(&[Group {
                            start: from,
                            end: until,
                        }]);
                    }
                }
            }
        }
    }

    /// Looks at a number in a word whose length, form and check leave nearly nothing to chance.
    fn long(&mut self, start: usize, end: usize) {
        let (finder, text) = (self.finder, self.text);
        let digits = text.get(start..end).unwrap_or_default();
        let digits = digits.to_ascii_uppercase();
        // What a hyphen parts from other numbers is a number of its own; what a point parts is one with a fraction.
        if self.is_fraction_before(start) || self.is_fraction_behind(end) {
            return;
        }
        let forms = finder.digits.get(LONG_BYTES);
        for form in forms.iter().flat_map(|of_len| &of_len.forms) {
            if let Some(entry) = finder.entries.get(form.entry)
                && form.groups == 1
                && matches!(entry.detector.evidence, Evidence::Form)
                && self.take(entry, (start, end), &digits, (form.holds)(&digits))
            {
                return;
            }
        }
    }

    /// Looks at a number of a telephone that is called so by the letters just before it, with nothing between them but what may
    /// part them.
    fn called(&mut self, start: usize, end: usize, parting: &str) {
        /// What is called so: `tel13800138000`.
        const TELEPHONES: [&[u8]; 14] = [
            b"tel",
            b"phone",
            b"mobile",
            b"mob",
            b"cell",
            b"wx",
            b"weixin",
            b"wechat",
            b"whatsapp",
            b"sms",
            b"msisdn",
            b"sjh",
            b"shouji",
            b"dianhua",
        ];
        if start < self.done || self.digits_at(end) > 0 {
            return;
        }
        let (finder, text) = (self.finder, self.text);
        let digits = text.get(start..end).unwrap_or_default();
        let before = text.get(start.saturating_sub(CONTEXT_BYTES)..start);
        let before = before.unwrap_or_default().to_ascii_lowercase();
        let before = before.strip_suffix(parting.as_bytes()).unwrap_or(&before);
        // A word within another says nothing: `hotel139…`.
        let is_word = |word: &&[u8]| {
            let rest = before.strip_suffix(*word);
            rest.is_some_and(|rest| !rest.last().is_some_and(u8::is_ascii_alphabetic))
        };
        if !TELEPHONES.iter().any(is_word) {
            return;
        }
        let forms = finder.digits.get(digits.len());
        for form in forms.iter().flat_map(|of_len| &of_len.forms) {
            if form.groups == 1
                && (form.holds)(digits)
                && let Some(entry) = finder.entries.get(form.entry)
                && entry.detector.id == MOBILE
            {
                self.hit(entry, (start, end), None, Confidence::Named);
                return;
            }
        }
    }

    /// Looks at a word with digits that stands at a colon.
    fn at_colon(&mut self, start: usize, end: usize) {
        let is_colon = |at: Option<usize>| at.and_then(|at| self.text.get(at)) == Some(&b':');
        if is_colon(Some(end)) || is_colon(start.checked_sub(1)) {
            self.marked(Mark::DigitsAtColon, start);
        }
    }

    /// Returns how many digits there are from a place on.
    fn digits_at(&self, at: usize) -> usize {
        let behind = self.text.get(at..).unwrap_or_default();
        behind
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(behind.len())
    }

    /// Looks at a word of capital letters and digits.
    fn word(&mut self, start: usize, end: usize) {
        let word = self.text.get(start..end).unwrap_or_default();
        let is_plain = word
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !is_plain || start < self.done || self.is_joined(start, end) {
            return;
        }
        let Some((check, len)) = self.text.get(end..).and_then(bracketed) else {
            return self.whole_word(word, (start, end));
        };
        // A check in brackets belongs to it.
        let mut whole = word.to_vec();
        whole.push(check);
        self.whole_word(&whole, (start, end + len));
    }

    fn whole_word(&mut self, word: &[u8], place: (usize, usize)) {
        let finder = self.finder;
        for entry in finder.words.get(word.len()).into_iter().flatten() {
            if let Form::Word { holds, .. } = &entry.detector.form
                && self.take(entry, place, word, holds(word))
            {
                return;
            }
        }
    }

    /// Looks at the row of runs of digits that a run is in, with one separator between each two.
    fn groups(&mut self, start: usize, end: usize, floor: usize) {
        let mut first = Group { start, end };
        // Those before it are too short to catch the eye.
        for _ in 1..GROUPS_MAX {
            match self.group_before(first.start) {
                Some(before) if before.start >= floor => first = before,
                _ => break,
            }
        }
        let mut row = [first; GROUPS_MAX];
        let (mut len, mut goes_on) = (1, true);
        // What begins behind is left for later, but belongs to a row that begins before.
        while let Some(first) = row.first()
            && len > 0
            && first.start < self.until
        {
            while goes_on && len < GROUPS_MAX {
                let last = row.get(len - 1);
                let next = last.and_then(|last| self.group_behind(last.end));
                if let (Some(next), Some(room)) = (next, row.get_mut(len)) {
                    *room = next;
                    len += 1;
                }
                goes_on = next.is_some();
            }
            let used = self.digits(row.get(..len).unwrap_or_default());
            let used = used.unwrap_or(1);
            if let Some(last) = row.get(used - 1) {
                self.seen = self.seen.max(last.end);
            }
            row.copy_within(used..len, 0);
            len -= used;
        }
    }

    /// Tries the forms of digits on some groups, from the first on, and returns how many it took.
    fn digits(&mut self, groups: &[Group]) -> Option<usize> {
        let finder = self.finder;
        let first = *groups.first()?;
        let forms = finder.digits.get(first.end - first.start)?;
        let second = groups.get(1).map_or(0, |group| group.end - group.start);
        if !forms.may_go_on(second) {
            return None;
        }
        let shape = shape(groups.iter().map(|group| group.end - group.start));
        let mut room = [0_u8; 32];
        // Several forms have as many groups: what they have in common is found out once.
        let mut joined = Joined::default();
        let mut is_parted = false;
        for form in &forms.forms {
            if !form.fits(shape) {
                continue;
            }
            if joined.groups != form.groups {
                joined = self.joined(groups.get(..form.groups)?, &mut room)?;
            }
            if !joined.is_whole {
                is_parted = true;
                continue;
            }
            let digits = match form.groups {
                1 if !joined.has_letter => self.text.get(first.start..first.end)?,
                _ => room.get(..joined.len)?,
            };
            let place = (first.start, joined.end);
            if let Some(entry) = finder.entries.get(form.entry)
                && self.take(entry, place, digits, (form.holds)(digits))
            {
                return Some(form.groups);
            }
        }
        if is_parted && first.end - first.start == LONG_BYTES && first.start >= self.done {
            self.long(first.start, first.end);
        }
        None
    }

    /// Puts the digits of groups together.
    fn joined(&self, row: &[Group], room: &mut [u8; 32]) -> Option<Joined> {
        let (start, end) = (row.first()?.start, row.last()?.end);
        let has_letter = self.text.get(end - 1).is_some_and(u8::is_ascii_alphabetic);
        let mut len = 0;
        for group in row {
            let from = self.text.get(group.start..group.end)?;
            if row.len() > 1 || has_letter {
                room.get_mut(len..len + from.len())?.copy_from_slice(from);
            }
            len += from.len();
        }
        if has_letter {
            room.make_ascii_uppercase();
        }
        Some(Joined {
            groups: row.len(),
            end,
            len,
            has_letter,
            is_whole: start >= self.done
                && self.is_one_separator(row)
                && !self.is_joined(start, end),
        })
    }

    /// Looks at digits of full width, as Chinese keyboards write them.
    fn wide(&mut self, at: usize) {
        if at < self.seen {
            return;
        }
        let mut digits = [0_u8; 32];
        let mut len = 0;
        let mut end = at;
        while let Some([0xEF, second, third]) = self.text.get(end..).and_then(<[u8]>::first_chunk) {
            let byte = match (second, third) {
                (0xBC, 0x90..=0x99) => third - 0x90 + b'0',
                (0xBC, 0xB8) | (0xBD, 0x98) => b'X',
                _ => break,
            };
            if let Some(to) = digits.get_mut(len) {
                *to = byte;
            }
            len += 1;
            end += 3;
        }
        self.seen = end;
        let finder = self.finder;
        let Some(digits) = digits.get(..len) else {
            return;
        };
        for form in finder
            .digits
            .get(len)
            .iter()
            .flat_map(|of_len| &of_len.forms)
        {
            if let Some(entry) = finder.entries.get(form.entry)
                && form.groups == 1
                && self.take(entry, (at, end), digits, (form.holds)(digits))
            {
                return;
            }
        }
    }

    /// Takes what was found, if the evidence bears it out, and says whether it did. What is counted by its length, where chance
    /// is reckoned with, is handed on.
    fn take(
        &mut self,
        entry: &Entry,
        (start, end): (usize, usize),
        signs: &[u8],
        held: bool,
    ) -> bool {
        let detector = entry.detector;
        if !held && !matches!(detector.evidence, Evidence::Check { .. }) {
            return false;
        }
        if let Some(needed) = entry.needed
            && self.column_of(start).is_none()
            && self.is_without(needed, start)
        {
            return false;
        }
        let mut trial = None;
        let confidence = match &detector.evidence {
            Evidence::Form if held => Confidence::Certain,
            Evidence::FormUnless(_) if held && self.said_of(entry, start) != Said::Next => {
                Confidence::Certain
            }
            Evidence::Words(_) if held && self.said_of(entry, start) >= Said::InItsLine => {
                Confidence::Named
            }
            Evidence::WordsNext(_) if held && self.said_of(entry, start) == Said::Next => {
                Confidence::Named
            }
            Evidence::Form
            | Evidence::FormUnless(_)
            | Evidence::Words(_)
            | Evidence::WordsNext(_) => return false,
            Evidence::Check { fits, .. } => {
                if !held && !fits(signs) {
                    let stand = self.stand(start, end - start > signs.len());
                    let of = (entry.place, detector);
                    self.trials.count_other(of, signs.len(), stand);
                    return false;
                }
                match self.said_of(entry, start) {
                    Said::Next | Said::InItsLine if held => Confidence::Named,
                    Said::Next | Said::InItsLine | Said::Otherwise => return false,
                    Said::Nothing => {
                        let stand = self.stand(start, end - start > signs.len());
                        let of = (entry.place, detector);
                        trial = Some(self.trials.count(of, signs.len(), stand, held));
                        if !held {
                            return false;
                        }
                        Confidence::Checked
                    }
                }
            }
        };
        self.hit(entry, (start, end), trial, confidence);
        true
    }

    fn hit(
        &mut self,
        entry: &Entry,
        (start, end): (usize, usize),
        trial: Option<usize>,
        confidence: Confidence,
    ) {
        self.done = self.done.max(end);
        self.hits.push(Hit {
            place: entry.place,
            trial,
            detector: entry.detector,
            start,
            end,
            confidence,
            record: 0,
        });
    }

    /// Returns where a number stands, which may be in groups.
    fn stand(&mut self, at: usize, is_grouped: bool) -> Stand {
        if is_grouped {
            return Stand::Grouped;
        }
        let cell = self.setting.records.at(at, &mut self.near);
        let column = cell.map(|cell| cell.column);
        Stand::of(
            self.setting,
            column.filter(|column| *column != NO_COLUMN),
            at,
        )
    }

    /// Whether around a place, as far as words before it are heard, there is none of those that a detector needs. A stretch of text
    /// is looked through for them once.
    fn is_without(&mut self, needed: usize, at: usize) -> bool {
        let begin = at - at % STRETCH_BYTES;
        if self.stretch.begin != Some(begin) {
            let from = begin.saturating_sub(CONTEXT_BYTES);
            let until = self.text.len().min(begin + STRETCH_BYTES);
            self.stretch.begin = Some(begin);
            self.stretch.small.clear();
            self.stretch
                .small
                .extend_from_slice(self.text.get(from..until).unwrap_or_default());
            self.stretch.small.make_ascii_lowercase();
            self.stretch.known.clear();
            self.stretch.known.resize(self.finder.needed.len(), None);
        }
        let (small, finder) = (&self.stretch.small, self.finder);
        let Some(known) = self.stretch.known.get_mut(needed) else {
            return false;
        };
        *known.get_or_insert_with(|| {
            let search = finder.needed.get(needed);
            search.is_some_and(|search| search.find(small).is_none())
        })
    }

    /// Returns what is said of a place to a detector: by what stands just before it, and where nothing does, by its line.
    fn said_of(&mut self, entry: &Entry, at: usize) -> Said {
        // Most values of columns are what stands in them, and their titles say all.
        if let Some((cell, titled)) = self.column_of(at)
            && titled.beside == Beside::Value
            && self.line_between(cell.start, at).is_empty()
        {
            return if titled.own.any_of(&entry.words) {
                Said::Next
            } else if !titled.own.without(self.finder.weak).is_empty() {
                Said::Otherwise
            } else if titled.all.any_of(&entry.words) {
                Said::InItsLine
            } else {
                Said::Nothing
            };
        }
        // Several detectors ask of one place.
        let (just, line) = match self.said {
            Some((known, just, line)) if known == at => (just, line),
            _ => {
                let just = self.said_just_before(at);
                let speaks_against = !just.without(self.finder.weak).is_empty();
                let line = (!speaks_against).then(|| self.said_before(at));
                self.said = Some((at, just, line));
                (just, line)
            }
        };
        if just.any_of(&entry.words) {
            return Said::Next;
        }
        match line {
            None => Said::Otherwise,
            Some(line) if line.any_of(&entry.words) => Said::InItsLine,
            Some(_) => Said::Nothing,
        }
    }

    /// Returns which words stand before a place in its line, or in the title of its column and before it in its value. Where the
    /// title says nothing, or there is none, a short value before it may be one.
    fn said_before(&mut self, at: usize) -> Words {
        let vocabulary = &self.finder.vocabulary;
        let cell = self.setting.records.at(at, &mut self.near);
        let Some(cell) = cell.filter(|cell| cell.column != NO_COLUMN) else {
            let before = own_part(self.text.get(at), self.line_between(0, at));
            return vocabulary.words_in(before);
        };
        let own = vocabulary.words_in(self.line_between(cell.start, at));
        match self.setting.columns.words(cell.column) {
            Some(titled) if titled.beside == Beside::Value => own.and(titled.all),
            Some(titled) => own.and(titled.all).and(self.said_by_neighbour(cell)),
            None => own.and(self.said_by_neighbour(cell)),
        }
    }

    /// Returns which words are in the value before another one of its record, if that is short.
    fn said_by_neighbour(&self, cell: Cell) -> Words {
        const TITLE_BYTES_MAX: usize = 16;
        let before = self.setting.records.value_before(self.near);
        let neighbour = before.filter(|(before, end)| {
            before.record == cell.record && end - before.start <= TITLE_BYTES_MAX
        });
        neighbour.map_or(Words::default(), |(before, end)| {
            let value = self.text.get(before.start..end).unwrap_or_default();
            self.finder.vocabulary.words_in(value)
        })
    }

    /// Returns which words stand before a place and say something of it alone: behind what parts it from others, and behind
    /// the last number; of those the last. In a table it is its column that says so.
    fn said_just_before(&mut self, at: usize) -> Words {
        let last_words = |line: &[u8]| self.finder.vocabulary.last_words_in(line);
        if let Some((cell, titled)) = self.column_of(at) {
            let own = last_words(self.line_between(cell.start, at));
            return if own.is_empty() { titled.own } else { own };
        }
        let from = at.saturating_sub(CONTEXT_BYTES);
        let before = self.text.get(from..at).unwrap_or_default();
        // The last of all is looked for once, from the end.
        let parted = (0..before.len())
            .rev()
            .find_map(|place| parting_len(before.get(place..)?).map(|len| place + len));
        let behind = parted.unwrap_or_default();
        last_words(self.line_between(from + behind, at))
    }

    /// Returns the value that a place is in and what its title says, if it has one.
    fn column_of(&mut self, at: usize) -> Option<(Cell, &'a Titled)> {
        let cell = self.setting.records.at(at, &mut self.near)?;
        let titled = self.setting.columns.words(cell.column)?;
        Some((cell, titled))
    }

    /// Returns what stands before a place in its line, but not before another place; nothing if there is no letter in it.
    fn line_between(&self, from: usize, at: usize) -> &'a [u8] {
        let from = from.max(at.saturating_sub(CONTEXT_BYTES));
        let text: &'a [u8] = self.text;
        let before = line_of(text.get(from..at).unwrap_or_default());
        let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
        if before.iter().any(is_letter) {
            before
        } else {
            Default::default()
        }
    }

    /// Whether only an underscore is between a number and another one of its own.
    fn is_beside_number(&self, start: usize, end: usize) -> bool {
        let is_line = |at: Option<usize>| at.and_then(|at| self.text.get(at)) == Some(&b'_');
        (is_line(start.checked_sub(1)) && self.is_parted_before(start - 1))
            || (is_line(Some(end)) && self.is_parted_behind(end))
    }

    /// Whether a fraction ends in front of a place.
    fn is_fraction_before(&self, start: usize) -> bool {
        let at = |back: usize| start.checked_sub(back).and_then(|at| self.text.get(at));
        at(1) == Some(&b'.') && at(2).is_some_and(u8::is_ascii_digit)
    }

    /// Whether a fraction begins behind a place. Tables write whole numbers with one that is nothing: `13900000000.0`.
    fn is_fraction_behind(&self, end: usize) -> bool {
        let digits = self.digits_at(end + 1);
        let fraction = self.text.get(end + 1..end + 1 + digits);
        self.text.get(end) == Some(&b'.')
            && fraction.is_some_and(|digits| digits.iter().any(|digit| *digit != b'0'))
    }

    fn is_parted_before(&self, hyphen: usize) -> bool {
        let before = self.text.get(..hyphen).unwrap_or_default();
        let is_in = |byte: &&u8| byte.is_ascii_alphanumeric();
        let len = before
            .iter()
            .rev()
            .take(DIGITS_MAX)
            .take_while(is_in)
            .count();
        let digits = before.get(hyphen - len..).unwrap_or_default();
        is_number_of_its_own(digits)
    }

    fn is_parted_behind(&self, hyphen: usize) -> bool {
        let behind = self.text.get(hyphen + 1..).unwrap_or_default();
        let is_in = |byte: &&u8| byte.is_ascii_alphanumeric();
        let len = behind.iter().take(DIGITS_MAX).take_while(is_in).count();
        let digits = behind.get(..len).unwrap_or_default();
        is_number_of_its_own(digits)
    }

    /// Whether something that goes on is on either side: a fraction, or a hyphen or underscore to what is no number of its own.
    fn is_joined(&self, start: usize, end: usize) -> bool {
        let at = |place: Option<usize>| {
            place
                .and_then(|place| self.text.get(place))
                .copied()
                .unwrap_or(b' ')
        };
        let before = match at(start.checked_sub(1)) {
            b'.' => self.is_fraction_before(start),
            b'_' => !self.is_parted_before(start - 1),
            b'-' => {
                at(start.checked_sub(2)).is_ascii_alphanumeric()
                    && !self.is_parted_before(start - 1)
            }
            other => other.is_ascii_alphanumeric(),
        };
        before
            || match at(Some(end)) {
                b'.' => self.is_fraction_behind(end),
                b'_' => !self.is_parted_behind(end),
                b'-' => at(Some(end + 1)).is_ascii_alphanumeric() && !self.is_parted_behind(end),
                other => other.is_ascii_alphanumeric(),
            }
    }

    fn is_one_separator(&self, row: &[Group]) -> bool {
        let mut between = row.windows(2).filter_map(|pair| match pair {
            [one, _] => self.text.get(one.end),
            _ => None,
        });
        let first = between.next();
        between.all(|byte| Some(byte) == first)
    }

    /// Returns the run of digits before a place, with a blank or a hyphen between.
    fn group_before(&self, at: usize) -> Option<Group> {
        let end = at
            .checked_sub(1)
            .filter(|end| matches!(self.text.get(*end), Some(b' ' | b'-')))?;
        let before = self.text.get(..end)?;
        let digits = before.iter().rev().take(DIGITS_MAX + 1);
        let len = digits.take_while(|byte| byte.is_ascii_digit()).count();
        let is_word = self.is_word(end.checked_sub(len + 1));
        (len > 0 && !is_word).then_some(Group {
            start: end - len,
            end,
        })
    }

    /// Returns the run of digits behind a place, with a blank or a hyphen between.
    fn group_behind(&self, at: usize) -> Option<Group> {
        let start = matches!(self.text.get(at), Some(b' ' | b'-')).then_some(at + 1)?;
        let end = self.run_end(start);
        (end > start && !self.is_word(Some(end))).then_some(Group { start, end })
    }

    /// Whether a word goes on at a place.
    fn is_word(&self, at: Option<usize>) -> bool {
        at.and_then(|at| self.text.get(at))
            .is_some_and(|byte| is_in_word(*byte))
    }

    /// Returns where the digits end that begin at a place, an X behind them included.
    fn run_end(&self, start: usize) -> usize {
        let rest = self.text.get(start..).unwrap_or_default();
        let len = rest
            .iter()
            .take(2 * DIGITS_MAX)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let is_x = matches!(rest.get(len), Some(b'X' | b'x'))
            && !rest.get(len + 1).is_some_and(u8::is_ascii_alphanumeric);
        start + len + usize::from(is_x && len > 0)
    }
}

/// Returns what of some bytes before a number may say something of it: what stands behind the last long number, which those before
/// that are said of; all of it where both are of one list.
fn own_part<'a>(first: Option<&u8>, before: &'a [u8]) -> &'a [u8] {
    /// Shorter numbers are years, parts and counts.
    const LONG: usize = 5;
    /// `und`, `以及`.
    const LETTERS_MAX: usize = 4;
    const FOREIGN_MAX: usize = 6;
    if !first.is_some_and(u8::is_ascii_digit) {
        return before;
    }
    let mut run = 0;
    let number = before.iter().enumerate().rev().find(|(_, byte)| {
        run = if byte.is_ascii_digit() { run + 1 } else { 0 };
        run == LONG
    });
    let Some((start, _)) = number else {
        return before;
    };
    let behind = before.get(start + LONG..).unwrap_or_default();
    let letters = behind
        .iter()
        .filter(|byte| byte.is_ascii_alphabetic())
        .count();
    let foreign = behind.iter().filter(|byte| !byte.is_ascii()).count();
    if letters <= LETTERS_MAX && foreign <= FOREIGN_MAX {
        before
    } else {
        behind
    }
}

/// Returns how long what some text begins with is, if it parts what is said of one thing from what is said of another.
fn parting_len(text: &[u8]) -> Option<usize> {
    match text {
        [b'0'..=b'9' | b',' | b';' | b'|' | b'\t' | b'\n', ..] => Some(1),
        // A full stop behind a word of Chinese; elsewhere it may close what is shortened.
        [0x80..=0xFF, b'.', b' ', ..] => Some(3),
        // A blank of full width, and the signs 、。！，；？.
        [0xE3, 0x80, 0x80..=0x82, ..] => Some(3),
        [0xEF, 0xBC, 0x81 | 0x8C | 0x9B | 0x9F, ..] => Some(3),
        _ => None,
    }
}

/// What stands beside digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Neighbour {
    /// What words of ASCII go on with.
    Word,
    /// What may part groups of digits.
    Parting,
    Other,
}

impl Neighbour {
    const fn of(byte: u8) -> Self {
        const KNOWN: [Neighbour; 256] = {
            let mut known = [Neighbour::Other; 256];
            let mut byte = 0_u8;
            while byte < 128 {
                if byte.is_ascii_alphanumeric() || byte == b'_' {
                    known[byte as usize] = Neighbour::Word;
                } else if byte == b' ' || byte == b'-' {
                    known[byte as usize] = Neighbour::Parting;
                }
                byte += 1;
            }
            known
        };
        KNOWN[byte as usize]
    }
}

fn is_in_word(byte: u8) -> bool {
    Neighbour::of(byte) == Neighbour::Word
}

/// Whether a word is digits, the last of which may be an X.
fn is_digits(word: &[u8]) -> bool {
    word.split_last().is_some_and(|(last, rest)| {
        (last.is_ascii_digit() || matches!(last, b'X' | b'x'))
            && rest.iter().all(u8::is_ascii_digit)
    })
}

/// Whether digits beside a hyphen are a number of their own: of a person, a telephone or a day.
fn is_number_of_its_own(digits: &[u8]) -> bool {
    is_digits(digits)
        && match digits {
            [b'1', b'3'..=b'9', ..] if digits.len() == 11 => true,
            [b'1', b'9', _, _, month @ .., _, _] | [b'2', b'0', _, _, month @ .., _, _]
                if digits.len() == 8 =>
            {
                (b"01"..=b"12").contains(&<&[u8; 2]>::try_from(month).unwrap_or(b"99"))
            }
            _ => digits.len() == LONG_BYTES,
        }
}

/// Returns the digit or capital letter in brackets that some bytes begin with, and how long it is with them.
fn bracketed(bytes: &[u8]) -> Option<(u8, usize)> {
    const BRACKETS: [(&str, &str); 2] = [("(", ")"), ("（", "）")];
    BRACKETS.iter().find_map(|(open, close)| {
        let (check, rest) = bytes.strip_prefix(open.as_bytes())?.split_first()?;
        let is_check = check.is_ascii_digit() || check.is_ascii_uppercase();
        (is_check && rest.starts_with(close.as_bytes()))
            .then_some((*check, open.len() + 1 + close.len()))
    })
}

/// Returns the lines of some bytes.
pub(crate) fn lines_of(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    let ends = memchr_iter(b'\n', text).chain([text.len()]);
    ends.map(move |end| {
        let line = text.get(start..end).unwrap_or_default();
        start = end + 1;
        line
    })
}

/// Returns what of some bytes is in their last line.
fn line_of(before: &[u8]) -> &[u8] {
    before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(before, |end| before.get(end + 1..).unwrap_or_default())
}
