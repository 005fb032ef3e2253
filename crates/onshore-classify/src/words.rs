//! The words that say what something is.

use aho_corasick::{AhoCorasick, AhoCorasickKind};

/// How many words there may be.
const WORDS_MAX: usize = 512;

/// Some of the words that say what a number is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Words([u64; WORDS_MAX / 64]);

impl Words {
    pub(crate) fn add(&mut self, word: usize) {
        if let Some(bits) = self.0.get_mut(word / 64) {
            *bits |= 1 << (word % 64);
        }
    }

    pub(crate) fn and(self, others: Self) -> Self {
        let mut all = self;
        for (bits, other) in all.0.iter_mut().zip(others.0) {
            *bits |= other;
        }
        all
    }

    /// Returns these without those.
    pub(crate) fn without(self, others: Self) -> Self {
        let mut some = self;
        for (bits, other) in some.0.iter_mut().zip(others.0) {
            *bits &= !other;
        }
        some
    }

    /// Whether there is any.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().fold(0, |all, bits| all | bits) == 0
    }

    pub(crate) fn any_of(&self, others: &Self) -> bool {
        let both = self.0.iter().zip(&others.0).map(|(one, other)| one & other);
        both.fold(0, |all, bits| all | bits) != 0
    }
}

/// Every word of every detector, once.
#[derive(Debug, Default)]
pub(crate) struct Lexicon(Vec<&'static str>);

impl Lexicon {
    pub(crate) fn of(&mut self, words: &[&'static str]) -> Words {
        let mut some = Words::default();
        for word in words {
            let place = self.0.iter().position(|known| known == word);
            some.add(place.unwrap_or_else(|| {
                self.0.push(word);
                self.0.len() - 1
            }));
        }
        some
    }
}

/// Finds words in a line.
#[derive(Debug)]
pub(crate) struct Vocabulary(AhoCorasick);

impl Vocabulary {
    pub(crate) fn new(lexicon: Lexicon) -> Self {
        let Lexicon(words) = lexicon;
        assert!(
            words.len() <= WORDS_MAX,
            "a set of words has room for so many"
        );
        Self(
            AhoCorasick::builder()
                .ascii_case_insensitive(true)
                .kind(Some(AhoCorasickKind::DFA))
                .build(words)
                .expect("some hundred words are no too large automaton"),
        )
    }

    /// Returns which words begin in a line.
    pub(crate) fn words_in(&self, line: &[u8]) -> Words {
        let mut said = Words::default();
        for found in self.0.find_overlapping_iter(line) {
            if is_word(line, found.start(), found.end()) {
                said.add(found.pattern().as_usize());
            }
        }
        said
    }

    /// Returns the words in a line behind whose end no other ends: in `order phone` and `订单电话` it is the last that says what
    /// follows.
    pub(crate) fn last_words_in(&self, line: &[u8]) -> Words {
        let (mut said, mut last) = (Words::default(), 0);
        for found in self.0.find_overlapping_iter(line) {
            if is_word(line, found.start(), found.end()) && found.end() >= last {
                if found.end() > last {
                    said = Words::default();
                    last = found.end();
                }
                said.add(found.pattern().as_usize());
            }
        }
        said
    }
}

/// Whether what was found is a word: the beginning of one, and, where it is so short that many words begin so, all of it.
fn is_word(line: &[u8], start: usize, end: usize) -> bool {
    const SHORT: usize = 5;
    let is_short = end - start < SHORT && line.get(start).is_some_and(u8::is_ascii);
    let goes_on = line.get(end).is_some_and(|next| {
        let is_small = line.get(end - 1).is_some_and(u8::is_ascii_lowercase);
        next.is_ascii_lowercase() || (next.is_ascii_uppercase() && !is_small)
    });
    // Two or three capitals behind a digit are of a code.
    let is_of_code = start
        .checked_sub(1)
        .and_then(|before| line.get(before))
        .is_some_and(u8::is_ascii_digit);
    begins_word(line, start) && !(is_short && (goes_on || is_of_code))
}

/// Whether a word begins here: behind something else than a letter of ASCII, or with a capital behind a small one. What begins
/// behind an at sign is the name of a host.
fn begins_word(line: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| line.get(before));
    let is_capital = line.get(at).is_some_and(u8::is_ascii_uppercase);
    before.is_none_or(|before| {
        !line.get(at).is_some_and(u8::is_ascii)
            || (!before.is_ascii_alphabetic() && *before != b'@')
            || (is_capital && before.is_ascii_lowercase())
    })
}
