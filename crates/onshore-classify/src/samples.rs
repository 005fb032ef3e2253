//! Examples of what was found, masked, with where they stand: for somebody who must see whether a finding is right. They are
//! made while bytes pass, only where they were asked for, and a value never leaves this crate without its mask.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::LazyLock;

use memchr::memchr_iter;

use crate::columns::ColumnFinding;
use crate::detector::{Detector, Evidence};
use crate::detectors::{self, COLUMNS};
use crate::mask::masked;
use crate::records::NO_COLUMN;
use crate::text::Hit;
use crate::texts::Sheet;

/// More are not kept of one text until it is known which of them hold.
const CANDIDATES_MAX: usize = 20_000;

/// Words of titles that say nothing of whose column it is.
const PLAIN_TITLES: &[&str] = &[
    "number", "no", "nr", "num", "id", "code", "value", "user", "customer", "client", "contact",
    "employee", "patient", "member", "owner",
];

/// What titles in Chinese end with and say no more by.
const PLAIN_ENDINGS: &[&str] = &["号码", "编号", "号", "名称", "信息"];

/// What titles may say for themselves to be shown: the words that detectors and columns are told by.
static TITLES: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let by_value = detectors::all().flat_map(|detector| match &detector.evidence {
        Evidence::Form => &[][..],
        Evidence::FormUnless(words)
        | Evidence::Words(words)
        | Evidence::WordsNext(words)
        | Evidence::Check { words, .. } => words,
    });
    let by_column = COLUMNS.iter().flat_map(|detector| detector.header);
    let words = by_value.chain(by_column).chain(PLAIN_TITLES);
    words.map(|word| word.to_lowercase()).collect()
});

/// An example of a kind: what is shown of a value, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The kind.
    pub id: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What is shown of it: its shape, and what a great many values have in common.
    pub mask: String,
    /// Where it stands.
    pub place: SamplePlace,
}

/// Where an example stands, as far as its format has such places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SamplePlace {
    /// In which member, if in one that has a name: its place in the names of members.
    pub member: Option<usize>,
    /// In which line of the text, counted from one.
    pub line: Option<u64>,
    /// In which row or record, counted from one; a header is one.
    pub row: Option<u64>,
    /// In which column, counted from one.
    pub column: Option<usize>,
    /// What stands at its head, if it is made of words that say of any column what it holds. A title may be a value itself.
    pub header: Option<String>,
    /// From where to where, in bytes of the text as UTF-8.
    pub span: Option<(u64, u64)>,
}

impl SamplePlace {
    /// Says nothing of lines and bytes, where the text is none that anybody else sees.
    pub(crate) fn without_text(self) -> Self {
        Self {
            line: None,
            span: None,
            ..self
        }
    }
}

/// The examples of one text.
#[derive(Debug)]
pub(crate) struct Sampling {
    /// So many of each kind.
    each_max: usize,
    lines: Lines,
    /// How many there are by detector and trial: which trials hold is known at the end.
    taken: HashMap<(usize, Option<usize>), usize>,
    candidates: Vec<Candidate>,
}

#[derive(Debug)]
struct Candidate {
    trial: Option<usize>,
    sample: Sample,
}

impl Sampling {
    /// Begins, where examples were asked for.
    pub(crate) fn new(each_max: usize) -> Option<Self> {
        (each_max > 0).then(|| Self {
            each_max,
            lines: Lines::default(),
            taken: HashMap::new(),
            candidates: Vec::new(),
        })
    }

    /// Takes note of text as it comes.
    pub(crate) fn text(&mut self, text: &[u8]) {
        self.lines.push(text);
    }

    /// Takes what was found in the text that is there.
    pub(crate) fn hit(&mut self, hit: &Hit, sheet: &Sheet) {
        let taken = self.taken.entry((hit.place, hit.trial)).or_default();
        if *taken >= self.each_max || self.candidates.len() >= CANDIDATES_MAX {
            return;
        }
        let Some(value) = sheet.text.get(hit.start..hit.end) else {
            return;
        };
        *taken += 1;
        let [start, end] = [hit.start, hit.end].map(|place| sheet.origin(place));
        let cell = sheet.records.at(hit.start, &mut 0);
        let column = cell
            .map(|cell| cell.column)
            .filter(|column| *column != NO_COLUMN);
        let header = column.and_then(|column| sheet.columns.title(column));
        let Detector { id, title, .. } = *hit.detector;
        self.candidates.push(Candidate {
            trial: hit.trial,
            sample: Sample {
                id,
                title,
                mask: masked(id, value),
                place: SamplePlace {
                    member: None,
                    line: Some(self.lines.of(start)),
                    row: Some(hit.record + 1),
                    column: column.map(|column| column + 1),
                    header: header.and_then(shown),
                    span: Some((start, end)),
                },
            },
        });
    }

    /// Returns the line that a place is in, which is not before what was let go of.
    pub(crate) fn line_of(&self, place: u64) -> u64 {
        self.lines.of(place)
    }

    /// Lets go of what is before a place of the text.
    pub(crate) fn forget(&mut self, place: u64) {
        self.lines.forget(place);
    }

    /// Ends: those that hold, of each kind so many.
    pub(crate) fn finish(
        self,
        holds: impl Fn(usize) -> bool,
        columns: impl Iterator<Item = Sample>,
    ) -> Vec<Sample> {
        let of_values = self
            .candidates
            .into_iter()
            .filter(|candidate| candidate.trial.is_none_or(&holds))
            .map(|candidate| candidate.sample);
        each(of_values.chain(columns), self.each_max)
    }
}

/// Returns so many of each kind, the first.
pub(crate) fn each(samples: impl Iterator<Item = Sample>, each_max: usize) -> Vec<Sample> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let is_wanted = |sample: &Sample| {
        let count = counts.entry(sample.id).or_default();
        *count += 1;
        *count <= each_max
    };
    samples.filter(is_wanted).collect()
}

/// Returns a title if all that it says is what columns hold: any other word of it may be a name, or a value that is
/// a key.
pub(crate) fn shown(title: &str) -> Option<String> {
    let own = title.rsplit('.').next().unwrap_or_default().trim();
    let mut words = own
        .split(['_', '-', ' '])
        .filter(|word| !word.is_empty())
        .peekable();
    let is_said = words.peek().is_some();
    let all = is_said && words.all(|word| TITLES.contains(&word.to_lowercase()));
    let mut whole = PLAIN_ENDINGS
        .iter()
        .filter_map(|ending| own.strip_suffix(ending))
        .chain([own]);
    (all || whole.any(|whole| TITLES.contains(&whole.to_lowercase()))).then(|| own.to_owned())
}

/// An example of what only a whole column tells, as long as nobody knows whether it does.
#[derive(Debug, Clone)]
pub(crate) struct ColumnExample {
    pub(crate) mask: String,
    pub(crate) at: At,
    pub(crate) line: Option<u64>,
}

/// Where a value of a column stands: in which record, and from where to where in the text as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct At {
    pub(crate) record: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
}

impl ColumnExample {
    /// Says it as it is told of a column.
    pub(crate) fn of(&self, column: &ColumnFinding) -> Sample {
        Sample {
            id: column.id,
            title: column.title,
            mask: self.mask.clone(),
            place: SamplePlace {
                member: None,
                line: self.line,
                row: Some(self.at.record + 1),
                column: Some(column.column),
                header: column.header.as_deref().and_then(shown),
                span: Some((self.at.start, self.at.end)),
            },
        }
    }
}

/// Where the lines of a text end, as far back as anybody may ask.
#[derive(Debug, Default)]
struct Lines {
    /// How much of the text there was.
    len_bytes: u64,
    /// How many lines ended that were let go of.
    gone: u64,
    ends: VecDeque<u64>,
}

impl Lines {
    fn push(&mut self, text: &[u8]) {
        let from = self.len_bytes;
        self.ends
            .extend(memchr_iter(b'\n', text).map(|end| from + end as u64));
        self.len_bytes += text.len() as u64;
    }

    fn of(&self, place: u64) -> u64 {
        let before = self.ends.partition_point(|end| *end < place);
        self.gone + before as u64 + 1
    }

    fn forget(&mut self, place: u64) {
        let before = self.ends.partition_point(|end| *end < place);
        self.ends.drain(..before);
        self.gone += before as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, shown};

    #[test]
    fn lines_are_counted_wherever_the_text_is_cut_and_let_go_of() {
        let text = b"one\n\ntwo\nthree";
        for cut in 1..=text.len() {
            let mut lines = Lines::default();
            text.chunks(cut).for_each(|piece| lines.push(piece));
            assert_eq!(
                [0, 3, 4, 5, 9, 13].map(|place| lines.of(place)),
                [1, 1, 2, 3, 4, 4]
            );
            lines.forget(5);
            assert_eq!([5, 9].map(|place| lines.of(place)), [3, 4]);
        }
    }

    #[test]
    fn a_title_is_shown_if_it_says_what_columns_hold_and_nothing_else() {
        for title in [
            "姓名",
            "phone",
            "Phone",
            "phone_number",
            "user.phone",
            "手机号",
            "passport no",
        ] {
            assert!(shown(title).is_some(), "{title}");
        }
        assert_eq!(shown("张伟.phone").as_deref(), Some("phone"));
        for title in [
            "",
            "张伟",
            "11010519491231002X",
            "张伟的电话",
            "phone of Ada",
            "a@b.cn",
            "13800138000",
            ".",
            "_",
            "_-_",
        ] {
            assert_eq!(shown(title), None, "{title}");
        }
    }
}
