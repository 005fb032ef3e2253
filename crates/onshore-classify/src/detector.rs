//! What a detector is: an entry in the table of its family. Adding one is adding an entry there.

/// Whom or what an identifier tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A natural person.
    Person,
    /// An organisation: not personal data by itself.
    Organisation,
    /// A device or a connection that a person uses.
    Device,
    /// A place where somebody or something is.
    Place,
    /// Nobody: a key, a password, a token.
    Secret,
}

/// How surely something that was found is what it looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// Its form is right and a word near it says what it is; without that word nothing would be told.
    Named,
    /// Its form is right, as some numbers of that length are by chance, and here more of them are than chance makes.
    Checked,
    /// Its form leaves nearly nothing to chance.
    Certain,
}

/// A text that shows what a detector finds and what it leaves.
#[derive(Debug, Clone, Copy)]
pub struct Vector {
    /// The text. What is to be found stands between `⟦` and `⟧`; where there is none, nothing is.
    pub text: &'static str,
    /// Where it is from, or what it shows.
    pub source: &'static str,
}

/// A kind of identifier, and how it is found.
#[derive(Debug)]
pub struct Detector {
    /// Where it is used and what it is: `cn.resident-id`. Legal tables and findings name it so. Several forms of one kind
    /// are several detectors with one id.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Whom it tells of.
    pub subject: Subject,
    pub(crate) form: Form,
    pub(crate) evidence: Evidence,
    /// What shows that it works.
    pub vectors: &'static [Vector],
}

/// Is told a text and where in it a mark begins, and says from where to where an identifier stands there.
pub(crate) type Find = fn(&[u8], usize) -> Option<(usize, usize)>;

/// A kind that only a whole column of a table tells.
#[derive(Debug)]
pub(crate) struct ColumnDetector {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) subject: Subject,
    /// Words in the header that say so.
    pub(crate) header: &'static [&'static str],
    /// Words in the header that say otherwise.
    pub(crate) against: &'static [&'static str],
    /// Whether values alone say so.
    pub(crate) without: Without,
    pub(crate) holds: fn(&str) -> bool,
    /// Values that it holds for.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "what shows that it works stands beside it")
    )]
    pub(crate) vectors: &'static [&'static str],
    /// Values that it does not hold for.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "what shows that it works stands beside it")
    )]
    pub(crate) not: &'static [&'static str],
}

/// What values say without a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    /// That they are of the kind, if nearly all are and few come again.
    Enough,
    /// Nothing: other things look so as well.
    Nothing,
}

/// What an identifier looks like.
#[derive(Debug)]
pub(crate) enum Form {
    /// Digits, the last of which may be an X, in one group or in groups of these lengths with one and the same separator
    /// (a blank or a hyphen) between them.
    Digits {
        groups: &'static [&'static [usize]],
        holds: fn(&[u8]) -> bool,
    },
    /// A word of so many capital letters and digits, with both in it.
    Word {
        lens: &'static [usize],
        holds: fn(&[u8]) -> bool,
    },
    /// What stands around a mark.
    Around { mark: Mark, find: Find },
}

/// What catches the eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `@`.
    At,
    /// A dot between two digits.
    DotInNumber,
    /// A plus before a digit.
    PlusBeforeDigit,
    /// Two `<`.
    Fillers,
    /// A capital letter behind a byte that is not ASCII.
    CapitalBehindForeign,
    /// Two capital letters and two digits.
    LettersAndDigits,
    /// A capital letter, two digits, a capital letter.
    DigitsBetweenLetters,
    /// A word with three digits in a row and a colon before or behind it, or with two digits in it behind a colon.
    DigitsAtColon,
    /// What secrets begin with, and some names.
    Prefix(&'static str),
}

/// What must bear a form out.
#[derive(Debug)]
pub(crate) enum Evidence {
    /// Nothing more.
    Form,
    /// None of these words just before it.
    FormUnless(&'static [&'static str]),
    /// One of these words before it in the line, and just before it none that says something else. Where nothing is said,
    /// more numbers that fit its form must hold than by chance, which is so many of a thousand, and this many at least.
    Check {
        fits: fn(&[u8]) -> bool,
        chance_per_mille: u32,
        least: u64,
        words: &'static [&'static str],
        /// What says something else, besides the words for other kinds.
        against: &'static [&'static str],
    },
    /// One of these words before it in the line, and just before it none that says something else.
    Words(&'static [&'static str]),
    /// One of these words just before it: of what has no check, numbers near it are not told by its words.
    WordsNext(&'static [&'static str]),
}
