//! The detectors, ordered by what leads to them.

use aho_corasick::AhoCorasick;
use aho_corasick::packed::Searcher;

use crate::detector::{Detector, Evidence, Form, Mark};
use crate::detectors;
use crate::words::{Lexicon, Vocabulary, Words};

/// The longest run of digits that may be an identifier.
pub(crate) const DIGITS_MAX: usize = 19;
/// Words are looked up by their length up to this one.
const LENS_MAX: usize = 32;

/// The detectors, ordered by what leads to them.
#[derive(Debug)]
pub(crate) struct Finder {
    /// All of them.
    pub(crate) entries: Vec<Entry>,
    /// Forms of digits, by the length of their first group.
    pub(crate) digits: Vec<DigitForms>,
    /// Words, by their length.
    pub(crate) words: Vec<Vec<Entry>>,
    pub(crate) marks: Vec<(Mark, Entry)>,
    /// The words that say what something is.
    pub(crate) vocabulary: Vocabulary,
    /// Those of them that speak against nothing.
    pub(crate) weak: Words,
    pub(crate) prefixes: Prefixes,
    /// Search for the words, in small letters, without which some detectors tell nothing.
    pub(crate) needed: Vec<Searcher>,
    /// The detector of each prefix.
    pub(crate) prefixed: Vec<Entry>,
}

impl Finder {
    pub(crate) fn new() -> Self {
        let mut digits = vec![DigitForms::default(); DIGITS_MAX + 1];
        let mut by_len: Vec<Vec<Entry>> = vec![Vec::new(); LENS_MAX];
        let mut entries = Vec::new();
        let mut lexicon = Lexicon::default();
        let weak = lexicon.of(detectors::WEAK);
        let (mut marks, mut prefixes, mut prefixed) = (Vec::new(), Vec::new(), Vec::new());
        let mut searches = Vec::new();
        for (place, detector) in detectors::all().enumerate() {
            let words = match &detector.evidence {
                Evidence::Form => Words::default(),
                Evidence::FormUnless(words)
                | Evidence::Words(words)
                | Evidence::WordsNext(words) => lexicon.of(words),
                Evidence::Check { words, against, .. } => {
                    lexicon.of(against);
                    lexicon.of(words)
                }
            };
            let needed = match &detector.evidence {
                Evidence::Words(words) | Evidence::WordsNext(words) => needed_words(words),
                Evidence::Form | Evidence::FormUnless(_) | Evidence::Check { .. } => None,
            };
            let needed = needed.map(|search| {
                searches.push(search);
                searches.len() - 1
            });
            let entry = Entry {
                place,
                detector,
                words,
                needed,
            };
            match &detector.form {
                Form::Digits { groups, holds } => {
                    for groups in *groups {
                        let first = groups.first().copied().unwrap_or_default();
                        if let Some(forms) = digits.get_mut(first) {
                            forms.seconds |= 1 << groups.get(1).copied().unwrap_or_default();
                            forms
                                .forms
                                .push(DigitForm::new(entries.len(), groups, *holds));
                        }
                    }
                }
                Form::Word { lens, .. } => {
                    for len in *lens {
                        if let Some(of_len) = by_len.get_mut(*len) {
                            of_len.push(entry);
                        }
                    }
                }
                Form::Around {
                    mark: Mark::Prefix(prefix),
                    ..
                } => {
                    prefixes.push(*prefix);
                    prefixed.push(entry);
                }
                Form::Around { mark, .. } => marks.push((*mark, entry)),
            }
            entries.push(entry);
        }
        Self {
            entries,
            digits,
            words: by_len,
            marks,
            vocabulary: Vocabulary::new(lexicon),
            weak,
            prefixes: Prefixes::new(&prefixes),
            prefixed,
            needed: searches,
        }
    }
}

/// Returns a search for words in small letters by many bytes at once, where the processor can.
fn needed_words(words: &[&str]) -> Option<Searcher> {
    Searcher::new(words.iter().map(|word| word.to_ascii_lowercase()))
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Its place in the table.
    pub(crate) place: usize,
    pub(crate) detector: &'static Detector,
    /// What bears it out, or says otherwise where its form is enough.
    pub(crate) words: Words,
    /// Where nothing is told without one of them: where it stands among the searches for them.
    pub(crate) needed: Option<usize>,
}

/// A form of digits in groups.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DigitForm {
    /// How long its groups are.
    shape: Shape,
    /// What of a row of groups must be so.
    mask: Shape,
    pub(crate) groups: usize,
    pub(crate) holds: fn(&[u8]) -> bool,
    /// Where its detector stands among all.
    pub(crate) entry: usize,
}

/// The forms whose first group is of one length.
#[derive(Debug, Clone, Default)]
pub(crate) struct DigitForms {
    pub(crate) forms: Vec<DigitForm>,
    /// How long their second groups are, a bit for each length; the lowest where there is none.
    seconds: u64,
}

impl DigitForms {
    /// Whether there is a form that goes on with a group of this length, or with none.
    pub(crate) fn may_go_on(&self, second: usize) -> bool {
        self.seconds
            & (1 | 1_u64
                .checked_shl(u32::try_from(second).unwrap_or(u32::MAX))
                .unwrap_or_default())
            != 0
    }
}

/// The lengths of up to eight groups of digits, a byte for each, from the lowest on.
pub(crate) type Shape = u64;

impl DigitForm {
    fn new(entry: usize, groups: &[usize], holds: fn(&[u8]) -> bool) -> Self {
        Self {
            shape: shape(groups.iter().copied()),
            mask: shape(groups.iter().map(|_| usize::from(u8::MAX))),
            groups: groups.len(),
            holds,
            entry,
        }
    }

    /// Whether a row of groups begins with those of this form.
    pub(crate) fn fits(&self, row: Shape) -> bool {
        row & self.mask == self.shape
    }
}

/// Returns the shape of a row of groups with these lengths.
pub(crate) fn shape(lens: impl Iterator<Item = usize>) -> Shape {
    lens.enumerate().fold(0, |shape, (at, len)| {
        let len = u8::try_from(len).unwrap_or(u8::MAX);
        shape | (Shape::from(len) << (8 * at))
    })
}

/// Finds words that secrets begin with: by comparing many bytes at once where the processor can.
#[derive(Debug)]
pub(crate) enum Prefixes {
    Wide(Searcher),
    Plain(AhoCorasick),
}

impl Prefixes {
    pub(crate) fn new(words: &[&str]) -> Self {
        match Searcher::new(words) {
            Some(searcher) => Self::Wide(searcher),
            None => Self::Plain(
                AhoCorasick::new(words)
                    .expect("a handful of short words is no too large automaton"),
            ),
        }
    }

    /// Tells which words begin where.
    pub(crate) fn each(&self, text: &[u8], mut tell: impl FnMut(usize, usize)) {
        match self {
            Self::Wide(searcher) => searcher
                .find_iter(text)
                .for_each(|found| tell(found.pattern().as_usize(), found.start())),
            Self::Plain(automaton) => automaton
                .find_iter(text)
                .for_each(|found| tell(found.pattern().as_usize(), found.start())),
        }
    }
}
