//! Important data: what hints at it, and what says so. Marks on a document say so in the form that is theirs, and so does what an
//! authority told the tenant; words of a dictionary and titles of columns hint and make no label. Every finding names the
//! entry of a catalogue that it is by; nothing is guessed silently.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Anchored, Input, StartKind};
use memchr::memmem;
use onshore_types::Level;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::sieve::Sieve;
use crate::text::lines_of;

/// Where the head of a document ends at the latest, in which marks stand.
const HEAD_BYTES: usize = 1 << 12;
const HEAD_LINES: usize = 24;
/// How much of a text hints.
const HINTING_BYTES: usize = 1 << 16;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::parse(include_str!("important.toml"))
        .expect("a test reads the tables that are shipped")
});

/// What important data is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// The economy.
    Economic,
    /// Science.
    Scientific,
    /// Technology.
    Technological,
}

/// What it would harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ground {
    /// The security of the state.
    NationalSecurity,
    /// The interest of the public.
    PublicInterest,
}

/// What says or hints that data is important.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sign {
    /// A mark on a document.
    Mark,
    /// A word that an authority told the tenant.
    Told,
    /// The title of a column: a hint.
    Title,
    /// Words of the dictionary: a hint.
    Word,
    /// What looks like a mark, and is not in its form: a hint.
    LikeMark,
}

impl Sign {
    /// Returns the word for it: `mark`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Mark => "mark",
            Self::Told => "told",
            Self::Title => "title",
            Self::Word => "word",
            Self::LikeMark => "like-mark",
        }
    }
}

/// What says or hints that data is important.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportantFinding {
    /// Which entry of the catalogue, mark or told word: its id.
    pub entry: String,
    /// What people call it.
    pub title: String,
    /// What it is about, if the catalogue says.
    pub category: Option<Category>,
    /// What it would harm.
    pub ground: Ground,
    /// Which catalogue, law or authority names it.
    pub catalogue: String,
    /// What of the data says or hints so.
    pub sign: Sign,
    /// What it makes of the data: a hint makes nothing of it.
    pub level: Level,
    /// How often.
    pub count: u64,
}

/// A word that an authority told the tenant, in a notice or a catalogue of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldTerm {
    /// How the tenant calls it: findings name it so, and not by the word.
    pub id: String,
    /// The word, as it stands in data; capitals and small letters of ASCII are alike.
    pub word: String,
    /// What it makes of data that it stands in.
    pub level: Level,
    /// What it is about.
    pub category: Option<Category>,
    /// What it would harm.
    pub ground: Ground,
    /// Which authority, and in which notice.
    pub authority: String,
}

/// The words that authorities told a tenant.
#[derive(Debug)]
pub struct ToldTerms {
    version: u32,
    terms: Vec<ToldTerm>,
    search: AhoCorasick,
}

/// What stands for the end of a line where a word goes on behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joint {
    /// Nothing: words of Chinese, and those that were broken within.
    Nothing,
    /// A blank: words of several words.
    Blank,
}

impl Joint {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Nothing => b"",
            Self::Blank => b" ",
        }
    }
}

/// A text whose lines are joined, and what of it stands where.
struct Joined {
    text: Vec<u8>,
    /// By joint: where it begins and ends in the joined text, and in the text itself.
    joints: Vec<(Range<usize>, Range<usize>)>,
}

impl Joined {
    /// Joins lines: the blanks around their end, and a hyphen before it, are no part of a word.
    fn new(text: &[u8], joint: Joint) -> Self {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let mut joined = Self {
            text: Vec::with_capacity(text.len()),
            joints: Vec::new(),
        };
        let mut from = 0;
        while let Some(end) = next_end(text.get(from..).unwrap_or_default()) {
            let line = text.get(from..from + end).unwrap_or_default();
            let kept = line.trim_ascii_end();
            let kept = match joint {
                Joint::Nothing => kept.strip_suffix(b"-").unwrap_or(kept),
                Joint::Blank => kept,
            };
            joined.text.extend_from_slice(kept);
            let later = text.get(from + end..).unwrap_or_default();
            let next = from + end + later.iter().take_while(|byte| is_blank(byte)).count();
            let begun = joined.text.len();
            joined.text.extend_from_slice(joint.bytes());
            joined
                .joints
                .push((begun..joined.text.len(), from + kept.len()..next));
            from = next;
        }
        joined
            .text
            .extend_from_slice(text.get(from..).unwrap_or_default());
        joined
    }

    /// Joins what stands between the tags of markup, which part no word.
    fn without_tags(text: &[u8]) -> Self {
        let mut joined = Self {
            text: Vec::with_capacity(text.len()),
            joints: Vec::new(),
        };
        let mut from = 0;
        for tag in memchr::memchr_iter(b'<', text) {
            let rest = text.get(tag..).unwrap_or_default();
            let Some(len) = tag_len(rest).filter(|_| tag >= from) else {
                continue;
            };
            let before = text.get(from..tag).unwrap_or_default();
            joined.text.extend_from_slice(before);
            let at = joined.text.len();
            from = tag + len;
            joined.joints.push((at..at, tag..from));
        }
        joined
            .text
            .extend_from_slice(text.get(from..).unwrap_or_default());
        joined
    }

    /// Returns where in the text itself something begins that stands in the joined text, if a joint lies within it.
    fn begins(&self, found: &Range<usize>) -> Option<usize> {
        let at = self
            .joints
            .partition_point(|(joint, _)| joint.start <= found.start);
        let (first, _) = self.joints.get(at)?;
        if first.end >= found.end {
            return None;
        }
        let before = at.checked_sub(1).and_then(|at| self.joints.get(at));
        Some(before.map_or(found.start, |(joint, of_text)| {
            found.start - joint.end.min(found.start) + of_text.end
        }))
    }
}

/// Returns how long the tag or comment is that a text begins with, if it is one.
fn tag_len(text: &[u8]) -> Option<usize> {
    /// A longer tag is none.
    const TAG_MAX: usize = 1 << 10;
    let second = text.get(1)?;
    let is_tag = second.is_ascii_alphabetic() || matches!(second, b'/' | b'!' | b'?');
    let some = text.get(..TAG_MAX.min(text.len()))?;
    let end = memchr::memchr(b'>', some).filter(|_| is_tag)?;
    Some(end + 1)
}

/// Returns where the first line of a text ends, if another follows.
fn next_end(text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| matches!(byte, b'\n' | b'\r'))
}

impl ToldTerms {
    /// Returns after how many changes these are the words.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Takes words, as they are after so many changes; those that are empty are left out.
    ///
    /// # Errors
    /// If they are too many to be looked for at once.
    pub fn new(terms: Vec<ToldTerm>, version: u32) -> Result<Self, Error> {
        let terms: Vec<ToldTerm> = terms
            .into_iter()
            .filter(|term| !term.word.trim().is_empty())
            .collect();
        let search = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(terms.iter().map(|term| term.word.trim()))
            .map_err(Error::ToldTerms)?;
        Ok(Self {
            version,
            terms,
            search,
        })
    }
}

/// What one text says and hints.
#[derive(Debug, Default)]
pub(crate) struct Important(Vec<ImportantFinding>);

impl Important {
    /// Looks at the beginning of a text.
    pub(crate) fn beginning(&mut self, text: &[u8]) {
        let text = text.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(text);
        let head = text.get(..HEAD_BYTES.min(text.len())).unwrap_or_default();
        let told = lines_of(head).filter(|line| !line.trim_ascii().is_empty());
        for line in told.take(HEAD_LINES) {
            if CATALOGUE.heads.may_have(line) {
                let line = String::from_utf8_lossy(line);
                for (mark, is_formed) in CATALOGUE.marks_in(&line) {
                    self.add(mark.finding(is_formed));
                }
            }
        }
        let hinting = text
            .get(..HINTING_BYTES.min(text.len()))
            .unwrap_or_default();
        let mut done = 0;
        CATALOGUE.sieve.each(hinting, |at| {
            let here = Input::new(hinting).range(at..).anchored(Anchored::Yes);
            if at >= done
                && let Some(found) = CATALOGUE.words.find(here)
                && let Some(entry) = CATALOGUE.entry_of_word(found.pattern().as_usize())
            {
                done = found.end();
                self.add(entry.finding(Sign::Word));
            }
        });
    }

    /// Looks for what authorities told, from one place of a text to another.
    pub(crate) fn told(&mut self, told: &ToldTerms, text: &[u8], from: usize, until: usize) {
        let ahead = text.get(from..).unwrap_or_default();
        for found in told.search.find_iter(ahead) {
            if from + found.start() >= until {
                break;
            }
            self.add_told(told, found.pattern().as_usize());
        }
        let has_lines = next_end(ahead).is_some();
        let joined = [Joint::Nothing, Joint::Blank]
            .into_iter()
            .filter(|_| has_lines)
            .map(|joint| Joined::new(ahead, joint));
        let has_tags = memchr::memchr(b'<', ahead).is_some();
        let without_tags = has_tags.then(|| Joined::without_tags(ahead));
        for joined in joined.chain(without_tags) {
            for found in told.search.find_iter(&joined.text) {
                match joined.begins(&found.range()) {
                    Some(begins) if from + begins >= until => break,
                    Some(_) => self.add_told(told, found.pattern().as_usize()),
                    None => {}
                }
            }
        }
    }

    fn add_told(&mut self, told: &ToldTerms, term: usize) {
        if let Some(term) = told.terms.get(term) {
            self.add(ImportantFinding {
                entry: term.id.clone(),
                title: "what an authority told".to_owned(),
                category: term.category,
                ground: term.ground,
                catalogue: term.authority.clone(),
                sign: Sign::Told,
                level: term.level,
                count: 1,
            });
        }
    }

    /// Looks at the title of a column.
    pub(crate) fn title(&mut self, title: &str) {
        let said: BTreeSet<usize> = CATALOGUE
            .titles
            .find_overlapping_iter(title)
            .filter_map(|found| CATALOGUE.of_title.get(found.pattern().as_usize()).copied())
            .collect();
        for entry in said {
            if let Some(entry) = CATALOGUE.entries.get(entry) {
                self.add(entry.finding(Sign::Title));
            }
        }
    }

    /// Adds what another text says and hints.
    pub(crate) fn join(&mut self, others: Vec<ImportantFinding>) {
        others.into_iter().for_each(|other| self.add(other));
    }

    /// Tells it, what says before what hints.
    pub(crate) fn finish(mut self) -> Vec<ImportantFinding> {
        self.0
            .sort_by(|one, other| (one.sign, &one.entry).cmp(&(other.sign, &other.entry)));
        self.0
    }

    fn add(&mut self, finding: ImportantFinding) {
        let is_it = |known: &&mut ImportantFinding| {
            known.entry == finding.entry && known.sign == finding.sign
        };
        match self.0.iter_mut().find(is_it) {
            Some(known) => known.count += finding.count,
            None => self.0.push(finding),
        }
    }
}

#[derive(Debug)]
struct Catalogue {
    entries: Vec<Entry>,
    marks: Vec<Marking>,
    /// The words of marks without blanks: few lines have any, and only those are looked at closer.
    marking: AhoCorasick,
    words: AhoCorasick,
    /// Few texts have any.
    sieve: Sieve,
    heads: MarkedLines,
    /// The entry of each word.
    of_word: Vec<usize>,
    /// The same of titles.
    titles: AhoCorasick,
    of_title: Vec<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCatalogue {
    #[expect(dead_code, reason = "whoever reads the table reads its version")]
    version: u32,
    entries: Vec<Entry>,
    marks: Vec<Marking>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    title: String,
    category: Option<Category>,
    ground: Ground,
    catalogue: String,
    words: Vec<String>,
    #[serde(default)]
    columns: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marking {
    id: String,
    title: String,
    level: WrittenLevel,
    catalogue: String,
    form: MarkForm,
    words: Vec<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenLevel {
    Important,
    Core,
}

/// Where and how a mark stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum MarkForm {
    Secrecy,
    Label,
    Banner,
}

impl Catalogue {
    fn parse(text: &str) -> Result<Self, Error> {
        let WrittenCatalogue { entries, marks, .. } =
            toml::from_str(text).map_err(Error::Catalogue)?;
        let mut of_word = Vec::new();
        let mut words = Vec::new();
        let (mut titles, mut of_title) = (Vec::new(), Vec::new());
        for (place, entry) in entries.iter().enumerate() {
            for word in &entry.columns {
                titles.push(word.clone());
                of_title.push(place);
            }
            for word in &entry.words {
                words.push(word.clone());
                of_word.push(place);
            }
        }
        let sieve = Sieve::new(words.iter().map(String::as_str)).ok_or(Error::Dictionary)?;
        let search = |words: Vec<String>| {
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .kind(Some(AhoCorasickKind::DFA))
                .start_kind(StartKind::Both)
                .build(words)
                .map_err(Error::ToldTerms)
        };
        let words = search(words)?;
        let of_marks = marks.iter().flat_map(|mark| &mark.words);
        let marking = search(of_marks.map(|word| word.replace(' ', "")).collect())?;
        Ok(Self {
            marking,
            words,
            sieve,
            heads: MarkedLines::of(&marks),
            of_word,
            titles: search(titles)?,
            of_title,
            entries,
            marks,
        })
    }

    fn entry_of_word(&self, word: usize) -> Option<&Entry> {
        self.entries.get(*self.of_word.get(word)?)
    }

    /// Returns the marks in a line, and whether they are in their form.
    fn marks_in<'a>(&'a self, line: &'a str) -> impl Iterator<Item = (&'a Marking, bool)> {
        let mut plain = String::with_capacity(line.len());
        plain.extend(line.split_whitespace());
        let line = line.trim();
        let marks = if self.marking.is_match(&plain) {
            self.marks.as_slice()
        } else {
            &[]
        };
        marks.iter().filter_map(move |mark| {
            let formed = mark.words.iter().filter_map(|word| match mark.form {
                MarkForm::Secrecy => secrecy(&plain, word),
                MarkForm::Label => label(&plain, &word.replace(' ', "")),
                MarkForm::Banner => banner(line, word),
            });
            formed.max().map(|is_formed| (mark, is_formed))
        })
    }
}

/// Whether a byte may be of what closes a label behind its word, or of a blank there: a closing bracket of ASCII, a quote, a comma,
/// or of a character that is no ASCII and stands for one of those.
fn is_closing(byte: u8) -> bool {
    byte.is_ascii_whitespace()
        || b"\"',}])".contains(&byte)
        || matches!(byte, 0xE2 | 0xE3 | 0xEF | 0x80..=0xBF)
}

/// Returns a line without what may be blanks at its beginning.
fn without_blanks(line: &[u8]) -> &[u8] {
    let is_blank =
        |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xC2 | 0xE1..=0xE3 | 0x80..=0xBF);
    let from = line.iter().position(|byte| !is_blank(byte));
    from.and_then(|from| line.get(from..)).unwrap_or_default()
}

/// What lines have that marks stand in: few have any of it, and only those are looked at closer.
#[derive(Debug)]
struct MarkedLines {
    /// The last two characters of levels and labels that are no ASCII: the last, and what may stand before it.
    foreign: Vec<(memmem::Finder<'static>, Vec<Vec<u8>>)>,
    /// The last letters of labels, which stand at the end of a line.
    ends: Vec<u8>,
    /// What begins a line, and its first letters.
    banners: Vec<String>,
    initials: Vec<u8>,
}

impl MarkedLines {
    fn of(marks: &[Marking]) -> Self {
        let (mut foreign, mut ends) = (BTreeMap::<Vec<u8>, Vec<Vec<u8>>>::new(), BTreeSet::new());
        let (mut banners, mut initials) = (Vec::new(), BTreeSet::new());
        for mark in marks {
            for word in &mark.words {
                match (mark.form, word.as_bytes()) {
                    (MarkForm::Banner, bytes) => {
                        initials.extend(bytes.first());
                        banners.push(word.clone());
                    }
                    (MarkForm::Label, [.., last]) if last.is_ascii() => {
                        ends.insert(last.to_ascii_uppercase());
                    }
                    (MarkForm::Label | MarkForm::Secrecy, _) => {
                        let mut signs =
                            word.chars().rev().map(|sign| sign.to_string().into_bytes());
                        let last = foreign.entry(signs.next().unwrap_or_default()).or_default();
                        last.extend(signs.next());
                    }
                }
            }
        }
        let finder =
            |(last, before): (Vec<u8>, _)| (memmem::Finder::new(&last).into_owned(), before);
        Self {
            foreign: foreign.into_iter().map(finder).collect(),
            ends: ends.into_iter().collect(),
            banners,
            initials: initials.into_iter().collect(),
        }
    }

    /// Whether there may be a mark in a line.
    fn may_have(&self, line: &[u8]) -> bool {
        let own = without_blanks(line);
        let ends_so = || {
            let last = own.iter().rposition(|byte| !is_closing(*byte));
            let last = last.and_then(|last| own.get(last));
            last.is_some_and(|last| self.ends.contains(&last.to_ascii_uppercase()))
        };
        let begins_so = || {
            own.first()
                .is_some_and(|first| self.initials.contains(first))
                && self
                    .banners
                    .iter()
                    .any(|word| own.starts_with(word.as_bytes()))
        };
        // Marks are written with blanks between their characters, too.
        let is_behind = |place: usize, before: &[Vec<u8>]| {
            let own = line.get(..place).unwrap_or_default().trim_ascii_end();
            let has_wide_blank = ["\u{3000}", "\u{A0}"]
                .iter()
                .any(|blank| own.ends_with(blank.as_bytes()));
            has_wide_blank || before.iter().any(|sign| own.ends_with(sign))
        };
        let has_foreign = || {
            self.foreign
                .iter()
                .any(|(last, before)| last.find_iter(line).any(|place| is_behind(place, before)))
        };
        begins_so() || ends_so() || (!line.is_ascii() && has_foreign())
    }
}

impl Entry {
    fn finding(&self, sign: Sign) -> ImportantFinding {
        ImportantFinding {
            entry: self.id.clone(),
            title: self.title.clone(),
            category: self.category,
            ground: self.ground,
            catalogue: self.catalogue.clone(),
            sign,
            level: Level::General,
            count: 1,
        }
    }
}

impl Marking {
    fn finding(&self, is_formed: bool) -> ImportantFinding {
        let level = match self.level {
            WrittenLevel::Important => Level::Important,
            WrittenLevel::Core => Level::Core,
        };
        ImportantFinding {
            entry: self.id.clone(),
            title: self.title.clone(),
            category: None,
            ground: Ground::NationalSecurity,
            catalogue: self.catalogue.clone(),
            sign: if is_formed {
                Sign::Mark
            } else {
                Sign::LikeMark
            },
            level: if is_formed { level } else { Level::General },
            count: 1,
        }
    }
}

/// `机密★10年`, `密级：秘密`: whether it is so, or only looks so. Without a star or what it is called it may be the title of
/// a novel, and papers of examinations bear a star and `启用前` long after.
fn secrecy(line: &str, word: &str) -> Option<bool> {
    const STARS: [char; 3] = ['★', '☆', '*'];
    let (before, behind) = line.split_once(word)?;
    if let Some(term) = behind.strip_prefix(STARS) {
        let is_term =
            term.is_empty() || term.starts_with("长期") || term.starts_with(|sign: char| {
                sign.is_ascii_digit()
                    || matches!(sign, '０'..='９' | '"' | '\'' | '，' | ',' | '一'..='三' | '十')
            });
        return Some(is_term && !term.starts_with("一直"));
    }
    let is_called = before
        .trim_end_matches(['"', '\'', ' '])
        .ends_with(['：', ':'])
        && before.contains("密级");
    let is_closed = behind
        .chars()
        .next()
        .is_none_or(|sign| !sign.is_alphanumeric());
    match (
        is_called && is_closed,
        before.is_empty() && behind.is_empty(),
    ) {
        (true, _) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    }
}

/// `数据级别：核心数据`, `【重要数据】`: whether it is so, or only looks so: a heading may say the same.
fn label(line: &str, word: &str) -> Option<bool> {
    const CALLED: [&str; 6] = ["级别", "分级", "等级", "定级", "classification", "level"];
    const BRACKETS: [(&str, &str); 3] = [("【", "】"), ("[", "]"), ("（", "）")];
    if line.eq_ignore_ascii_case(word) {
        return Some(false);
    }
    let is_bracketed = BRACKETS.iter().any(|(open, close)| {
        line.strip_prefix(open)
            .and_then(|rest| rest.strip_suffix(close))
            .is_some_and(|own| own.eq_ignore_ascii_case(word))
    });
    let called = line.split_once(['：', ':']).map(|(called, own)| {
        (
            called.to_ascii_lowercase(),
            own.trim_matches(['"', '\'', ',', '}']),
        )
    });
    let is_called = called.is_some_and(|(called, own)| {
        let called = called.trim_matches(['"', '\'', '{']);
        own.eq_ignore_ascii_case(word) && CALLED.iter().any(|word| called.ends_with(word))
    });
    (is_bracketed || is_called).then_some(true)
}

/// A line that begins with the mark in capitals, and is no sentence.
fn banner(line: &str, word: &str) -> Option<bool> {
    const LEN_MAX: usize = 80;
    let rest = line.strip_prefix(word)?;
    let is_plain = line.len() <= LEN_MAX
        && !rest.chars().any(char::is_lowercase)
        && !rest.starts_with(char::is_alphabetic)
        || word.ends_with('/');
    Some(is_plain)
}

#[cfg(test)]
mod tests {
    use onshore_types::Level;

    use super::{Category, Ground, Important, Sign, ToldTerm, ToldTerms};

    fn signs(text: &str) -> Vec<(String, Sign, Level)> {
        let mut important = Important::default();
        important.beginning(text.as_bytes());
        let found = important.finish().into_iter();
        found
            .map(|found| (found.entry, found.sign, found.level))
            .collect()
    }

    fn level(text: &str) -> Level {
        let found = signs(text).into_iter().map(|(_, _, level)| level);
        found.max().unwrap_or(Level::General)
    }

    #[test]
    fn marks_count_in_their_form() {
        for (text, expected) in [
            ("机密★10年\n关于某事的通知", Level::Important),
            ("  秘 密 ★ 长 期\n", Level::Important),
            ("文件\n绝密★\n", Level::Core),
            ("密级：机密\n", Level::Important),
            ("{\"密级\": \"秘密\", \"n\": 1}", Level::Important),
            ("数据级别：核心数据\n", Level::Core),
            ("【重要数据】\n", Level::Important),
            ("Classification: IMPORTANT DATA\n", Level::Important),
            ("TOP SECRET//NOFORN\n\nreport", Level::Important),
            ("NATO RESTRICTED\n", Level::Important),
            ("RESTREINT UE/EU RESTRICTED\n", Level::Important),
            ("VS-NUR FÜR DEN DIENSTGEBRAUCH\n", Level::Important),
        ] {
            assert_eq!(level(text), expected, "{text}");
        }
    }

    #[test]
    fn words_of_marks_in_other_texts_do_not() {
        for text in [
            "她有一个秘密，谁也不知道。",
            "秘密",
            "绝密★启用前\n2024年普通高等学校招生全国统一考试",
            "商业秘密保护条例全文",
            "保守国家秘密法规定，国家秘密的密级分为绝密、机密、秘密三级。",
            "重要数据\n本章讨论重要数据的识别。",
            "核心数据是指关系国家安全的数据。",
            "TOP SECRET recipes of my grandmother",
            "The secret// of success",
            "NATO RESTRICTED its use of the port, said the minister.",
            "static NATO_SECRET: u32 = 1;",
        ] {
            assert_eq!(level(text), Level::General, "{text}");
        }
        let far = format!("{}机密★10年\n", "一行字\n".repeat(100));
        assert_eq!(level(&far), Level::General);
    }

    #[test]
    fn words_hint_and_name_their_catalogue() {
        let found = signs("本报告含稀土储量和稀土萃取工艺。");
        assert_eq!(
            found,
            [
                ("export-control".to_owned(), Sign::Word, Level::General),
                ("resources".to_owned(), Sign::Word, Level::General),
            ]
        );
        let mut important = Important::default();
        important.title("探明储量_吨");
        let found = important.finish();
        let first = found.first().expect("a hint");
        assert_eq!(
            (first.sign, first.category),
            (Sign::Title, Some(Category::Economic))
        );
        assert!(first.catalogue.contains("GB/T 43697-2024"));
    }

    #[test]
    fn what_an_authority_told_counts_wherever_it_stands() {
        let told = ToldTerms::new(
            vec![
                ToldTerm {
                    id: "notice-7".to_owned(),
                    word: "Projekt Adler".to_owned(),
                    level: Level::Core,
                    category: Some(Category::Technological),
                    ground: Ground::NationalSecurity,
                    authority: "Ministry, notice 7 of 2026".to_owned(),
                },
                ToldTerm {
                    id: "empty".to_owned(),
                    word: " ".to_owned(),
                    level: Level::Core,
                    category: None,
                    ground: Ground::NationalSecurity,
                    authority: String::new(),
                },
            ],
            1,
        )
        .expect("two words");
        let mut important = Important::default();
        let text = "a PROJEKT ADLER b projekt adler";
        important.told(&told, text.as_bytes(), 0, 18);
        important.told(&told, text.as_bytes(), 18, text.len());
        let found = important.finish();
        assert_eq!(found.len(), 1);
        let first = found.first().expect("one");
        assert_eq!(
            (first.count, first.level, first.sign),
            (2, Level::Core, Sign::Told)
        );
        assert!(!first.entry.contains("Adler"));
    }

    #[test]
    fn what_an_authority_told_may_go_on_in_another_line() {
        let term = |id: &str, word: &str| ToldTerm {
            id: id.to_owned(),
            word: word.to_owned(),
            level: Level::Important,
            category: None,
            ground: Ground::PublicInterest,
            authority: "notice".to_owned(),
        };
        let told = ToldTerms::new(vec![term("a", "白鹤滩工程"), term("b", "Projekt Adler")], 1)
            .expect("two words");
        for (text, expected) in [
            ("所谓白鹤\n滩工程，见下", vec![("a", 1)]),
            ("所谓白鹤滩工程，见\r\n白鹤滩\r\n\t 工程", vec![("a", 2)]),
            (
                "x\ny\nProjekt \n  Adler und Pro-\r\njekt Adler\nProjekt Adler",
                vec![("b", 3)],
            ),
            ("Projekt\n\nAd\nler", vec![]),
            ("白鹤\n\n\n滩工\n程", vec![("a", 1)]),
            ("白<b>鹤滩</b><i x='y'>工</i>程 白鹤滩工程", vec![("a", 2)]),
            (
                "Projekt <b>Ad</b>ler, Projekt < Adler, Projekt <b Adler",
                vec![("b", 1)],
            ),
        ] {
            for cut in 0..=text.len() {
                let mut important = Important::default();
                important.told(&told, text.as_bytes(), 0, cut);
                important.told(&told, text.as_bytes(), cut, text.len());
                let found = important.finish();
                let found: Vec<_> = found
                    .iter()
                    .map(|one| (one.entry.as_str(), one.count))
                    .collect();
                assert_eq!(found, expected, "{text:?} at {cut}");
            }
        }
    }
}
