//! Bringing together what is found in all that lies in one file, and holding the limits.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::beside::minors;
use crate::columns::ColumnFinding;
use crate::detectors;
use crate::findings::{Findings, Format, Found, Kind, NotRead, Told, Unread};
use crate::formats::legible;
use crate::formats::node::Node;
use crate::formats::said::meant;
use crate::gathering::Counting;
use crate::important::{Important, ToldTerms};
use crate::passage::{Passage, Wanted};
use crate::persons::{ObjectPersons, Union};
use crate::samples::{self, Sample};
use crate::scanner::Options;
use crate::veiled::Unveiled;

/// So many names of members are told.
const NAMES_MAX: usize = 1000;
/// So much of a name.
const NAME_MAX_CHARS: usize = 256;
/// So many paths of formats are told apart.
const FORMATS_MAX: usize = 64;
/// So many columns are told.
const COLUMNS_MAX: usize = 4096;
/// As a member of what is it told what was found in what is said of bytes?
const BESIDE: &str = "beside";
/// The same of what stands in a text in another writing.
const ENCODED: &str = "encoded";
const MEANT: &str = "meant";

/// What was found so far, and where the reading is.
#[derive(Debug)]
pub(crate) struct Gather {
    pub(crate) options: Options,
    kinds: Vec<Kind>,
    found: Vec<Found>,
    samples: Vec<Sample>,
    columns: Vec<ColumnFinding>,
    important: Important,
    births: BTreeMap<u32, u64>,
    /// What authorities told the tenant.
    pub(crate) told: Option<Arc<ToldTerms>>,
    /// How persons are counted, if they are.
    pub(crate) counting: Option<Arc<Counting>>,
    /// Those of one text, and those of all where there are several.
    persons: Option<ObjectPersons>,
    union: Option<Union>,
    /// How many persons somebody says that there are.
    pub(crate) declared_persons: u64,
    encoding: Option<&'static str>,
    unread: Vec<NotRead>,
    formats: Vec<Format>,
    names: Vec<String>,
    read_names: Option<Box<Passage>>,
    members: u64,
    len_bytes: u64,
    unpacked_bytes: u64,
    held_bytes: usize,
    /// The formats around what is read now.
    around: Vec<&'static str>,
    /// The members around what is read now.
    path: Vec<String>,
    /// The place of that path in the names, once it is there.
    name: Option<usize>,
    is_over: bool,
    /// In how many packed parts of texts, one in another, is read.
    within_text: usize,
    text_unpacked_bytes: u64,
    /// Whether it was their limit alone that was passed.
    is_text_over: bool,
}

/// What stands packed in texts unfolds to so many bytes at most, and so many times as many as there are: texts are read where
/// nobody may be kept waiting.
const TEXT_UNPACKED_BYTES: u64 = 1 << 16;
const TEXT_RATIO: u64 = 8;

impl Gather {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            kinds: Vec::new(),
            found: Vec::new(),
            samples: Vec::new(),
            columns: Vec::new(),
            important: Important::default(),
            births: BTreeMap::new(),
            told: None,
            counting: None,
            persons: None,
            union: None,
            declared_persons: 0,
            encoding: None,
            unread: Vec::new(),
            formats: Vec::new(),
            names: Vec::new(),
            read_names: None,
            members: 0,
            len_bytes: 0,
            unpacked_bytes: 0,
            held_bytes: 0,
            around: Vec::new(),
            path: Vec::new(),
            name: None,
            is_over: false,
            within_text: 0,
            text_unpacked_bytes: 0,
            is_text_over: false,
        }
    }

    /// So many bytes came in from outside.
    pub(crate) fn came_in(&mut self, len: u64) {
        self.len_bytes += len;
    }

    /// So many bytes were unpacked. Returns whether to go on; if not, that is told once.
    pub(crate) fn unpacked(&mut self, len: u64) -> bool {
        self.unpacked_bytes = self.unpacked_bytes.saturating_add(len);
        if self.within_text > 0 {
            self.text_unpacked_bytes = self.text_unpacked_bytes.saturating_add(len);
            let most = self.len_bytes.saturating_mul(TEXT_RATIO) + TEXT_UNPACKED_BYTES;
            if self.text_unpacked_bytes > most && !self.is_over {
                self.go_over();
                self.is_text_over = true;
            }
        }
        let limits = &self.options.limits;
        let most = limits
            .unpacked_max_bytes
            .max(self.len_bytes.saturating_mul(limits.ratio_free))
            .min(self.len_bytes.saturating_mul(limits.ratio_max))
            .max(limits.unpacked_free_bytes);
        if self.unpacked_bytes > most {
            self.go_over();
        }
        !self.is_over
    }

    /// Whether the limits of the file as a whole are passed: nothing more is read of it.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    fn go_over(&mut self) {
        if !self.is_over {
            self.is_over = true;
            self.not_read(Unread::OverLimit);
        }
    }

    /// Holds so many bytes more of a member that has so many; returns whether it may.
    pub(crate) fn hold(&mut self, has: usize, more: usize) -> bool {
        let limits = &self.options.limits;
        let may = has + more <= limits.held_max_bytes
            && self.held_bytes + more <= limits.held_total_max_bytes;
        if may {
            self.held_bytes += more;
        }
        may
    }

    /// Lets so many bytes go.
    pub(crate) fn let_go(&mut self, len: usize) {
        self.held_bytes = self.held_bytes.saturating_sub(len);
    }

    /// Goes into a member. Its name is read too: people put in names what is in files.
    pub(crate) fn enter(&mut self, name: &str) {
        self.members += 1;
        if self.members > self.options.limits.members_max {
            self.go_over();
        }
        let wanted = self.wanted();
        let names = self
            .read_names
            .get_or_insert_with(|| Box::new(Passage::new(wanted)));
        names.push(name.as_bytes());
        names.push(b"\n");
        self.enter_part(name);
    }

    /// Reads what is said of the bytes.
    pub(crate) fn beside(&mut self, said: &str) {
        self.enter_part(BESIDE);
        let told = self.told_by(said);
        self.take(told);
        if let Some(meant) = meant(said) {
            let told = self.told_by(&meant);
            self.take_raw(told);
        }
        self.leave();
    }

    fn told_by(&self, text: &str) -> Told {
        let mut passage = Passage::new(self.wanted());
        passage.push(legible(text).as_bytes());
        without_text(Told {
            encoding: None,
            unread: None,
            ..passage.finish()
        })
    }

    /// Goes into a part that its format names.
    pub(crate) fn enter_part(&mut self, name: &str) {
        let name = name
            .chars()
            .map(|letter| {
                if letter.is_control() {
                    '\u{FFFD}'
                } else {
                    letter
                }
            })
            .take(NAME_MAX_CHARS)
            .collect();
        self.path.push(name);
        self.name = None;
    }

    /// Comes out of it.
    pub(crate) fn leave(&mut self) {
        self.path.pop();
        self.name = None;
    }

    /// Goes into a format; returns whether it may lie so deep.
    pub(crate) fn go_in(&mut self, format: &'static str) -> bool {
        let may = self.around.len() < self.options.limits.depth_max;
        self.around.push(format);
        may
    }

    /// Comes out of it.
    pub(crate) fn come_out(&mut self) {
        self.around.pop();
    }

    /// Counts what is read now as something in this format.
    pub(crate) fn is_format(&mut self, format: &'static str) {
        let mut path = self.around.join("/");
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(format);
        if let Some(known) = self.formats.iter_mut().find(|known| known.path == path) {
            known.count += 1;
        } else if self.formats.len() < FORMATS_MAX {
            self.formats.push(Format { path, count: 1 });
        }
    }

    /// Returns what is still to be told.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            found_max: self.found_max(),
            samples_max: self.options.samples_max,
            told: self.told.clone(),
            counting: self.counting.clone(),
        }
    }

    /// How many places may still be told.
    fn found_max(&self) -> usize {
        self.options.found_max - self.found.len().min(self.options.found_max)
    }

    /// Something in what is read now was not read.
    pub(crate) fn not_read(&mut self, why: Unread) {
        if let Some(known) = self.unread.iter_mut().find(|known| known.why == why) {
            known.count += 1;
            return;
        }
        let member = self.member();
        let count = 1;
        self.unread.push(NotRead { why, count, member });
        self.unread.sort_by_key(|unread| unread.why);
    }

    /// How much was not read that may be read by other readers, or by nobody.
    pub(crate) fn unreadable(&self) -> u64 {
        let is_so = |unread: &&NotRead| match unread.why {
            Unread::UnknownFormat
            | Unread::Encrypted
            | Unread::OverLimit
            | Unread::Damaged
            | Unread::Hidden => true,
            Unread::Picture | Unread::NoText => false,
        };
        self.unread
            .iter()
            .filter(is_so)
            .map(|unread| unread.count)
            .sum()
    }

    /// Takes what bytes told that are not what they began as, or hold what their format does not name. They may have been read
    /// in part: what was found then is not counted again.
    pub(crate) fn take_raw(&mut self, told: Told) {
        let known = std::mem::take(&mut self.kinds);
        let (was_found, had_columns) = (!self.found.is_empty(), !self.columns.is_empty());
        let was_sampled = !self.samples.is_empty();
        let mut births = std::mem::take(&mut self.births);
        self.take(Told {
            encoding: None,
            unread: None,
            found: if was_found { Vec::new() } else { told.found },
            samples: if was_sampled {
                Vec::new()
            } else {
                told.samples
            },
            columns: if had_columns {
                Vec::new()
            } else {
                told.columns
            },
            ..told
        });
        let raw = std::mem::replace(&mut self.kinds, known);
        for kind in raw {
            match self.kinds.iter_mut().find(|known| known.id == kind.id) {
                Some(known) => {
                    known.count = known.count.max(kind.count);
                    known.confidence = known.confidence.max(kind.confidence);
                }
                None => self.kinds.push(kind),
            }
        }
        for (birth, count) in std::mem::take(&mut self.births) {
            let known = births.entry(birth).or_default();
            *known = count.max(*known);
        }
        self.births = births;
    }

    /// Takes what a passage of text told.
    pub(crate) fn take(&mut self, told: Told) {
        if let Some(why) = told.unread {
            self.not_read(why);
        }
        if let Some(persons) = told.persons {
            self.add_persons(persons);
        }
        if self.encoding.is_none() {
            self.encoding = told.encoding;
        }
        for kind in told.kinds {
            match self.kinds.iter_mut().find(|known| known.id == kind.id) {
                Some(known) => {
                    known.count += kind.count;
                    known.confidence = known.confidence.max(kind.confidence);
                }
                None => self.kinds.push(kind),
            }
        }
        self.important.join(told.important);
        for (birth, count) in told.births {
            *self.births.entry(birth).or_default() += count;
        }
        let is_placed =
            !told.found.is_empty() || !told.columns.is_empty() || !told.samples.is_empty();
        let member = if is_placed { self.member() } else { None };
        let found = told.found.into_iter().take(self.found_max());
        self.found
            .extend(found.map(|found| Found { member, ..found }));
        let more = told.samples.into_iter().map(|mut sample| {
            sample.place.member = member;
            sample
        });
        let known = std::mem::take(&mut self.samples);
        self.samples = samples::each(known.into_iter().chain(more), self.options.samples_max);
        let more = COLUMNS_MAX - self.columns.len().min(COLUMNS_MAX);
        let columns = told.columns.into_iter().take(more);
        self.columns
            .extend(columns.map(|found| ColumnFinding { member, ..found }));
        for unveiled in told.unveiled {
            self.unveiled(unveiled);
        }
    }

    /// Takes what stands in a text in another writing.
    fn unveiled(&mut self, unveiled: Unveiled) {
        match unveiled {
            Unveiled::Meant(told) => {
                self.enter_part(MEANT);
                self.take_raw(*told);
                self.leave();
            }
            Unveiled::Encoded(told) => {
                self.enter_part(ENCODED);
                self.take(*told);
                self.leave();
            }
            Unveiled::Packed(bytes) => {
                self.enter_part(ENCODED);
                if self.go_in(ENCODED) {
                    let is_first = self.within_text == 0;
                    self.within_text += 1;
                    let mut node = Node::within();
                    node.push(&bytes, self);
                    node.finish(self);
                    self.within_text -= 1;
                    if is_first && std::mem::take(&mut self.is_text_over) {
                        self.is_over = false;
                    }
                } else {
                    self.not_read(Unread::OverLimit);
                }
                self.come_out();
                self.leave();
            }
            Unveiled::OverLimit => self.not_read(Unread::OverLimit),
        }
    }

    /// Joins those of one text with those of all others; most files are one text.
    fn add_persons(&mut self, persons: ObjectPersons) {
        if let Some(union) = &mut self.union {
            union.add(&persons);
            return;
        }
        match self.persons.take() {
            None => self.persons = Some(persons),
            Some(first) => {
                let mut union = Union::new();
                union.add(&first);
                union.add(&persons);
                self.union = Some(union);
            }
        }
    }

    /// Tells everything.
    pub(crate) fn finish(mut self) -> Findings {
        if let Some(names) = self.read_names.take() {
            self.is_format("names");
            self.take(without_text(names.finish()));
        }
        self.kinds.extend(minors(&self.births, self.options.on));
        let place = |kind: &Kind| {
            let mut all = detectors::all();
            all.position(|detector| detector.id == kind.id)
                .unwrap_or(usize::MAX)
        };
        self.kinds.sort_by_cached_key(place);
        if self.declared_persons > 0 && self.counting.is_some() {
            let union = self.union.get_or_insert_with(Union::new);
            if let Some(persons) = self.persons.take() {
                union.add(&persons);
            }
            union.at_least(self.declared_persons);
        }
        let joined = self.union.as_mut().map(Union::joined);
        let nobody = || Union::new().joined();
        let persons = joined.or(self.persons);
        Findings {
            persons: self
                .counting
                .is_some()
                .then(|| persons.unwrap_or_else(nobody)),
            kinds: self.kinds,
            found: self.found,
            samples: self.samples,
            columns: self.columns,
            important: self.important.finish(),
            encoding: self.encoding,
            len_bytes: self.len_bytes,
            unpacked_bytes: self.unpacked_bytes,
            unread: self.unread,
            formats: self.formats,
            members: self.members,
            member_names: self.names,
        }
    }

    /// Returns the place of what is read now in the names of members.
    fn member(&mut self) -> Option<usize> {
        if self.name.is_none() && !self.path.is_empty() && self.names.len() < NAMES_MAX {
            self.name = Some(self.names.len());
            self.names.push(self.path.join("!"));
        }
        self.name
    }
}

/// Says nothing of lines and bytes of what is no text of a file: names, and what is said beside it.
fn without_text(told: Told) -> Told {
    let samples = told.samples.into_iter().map(|sample| Sample {
        place: sample.place.without_text(),
        ..sample
    });
    Told {
        samples: samples.collect(),
        ..told
    }
}
