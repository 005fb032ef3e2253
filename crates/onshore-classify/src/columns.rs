//! The columns of records: their titles say what a value is, and a column says of its values what none of them says alone.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::detector::{ColumnDetector, Subject, Without};
use crate::detectors::COLUMNS;
use crate::finder::Finder;
use crate::mask::masked;
use crate::records::NO_COLUMN;
use crate::samples::{At, ColumnExample, Sample};
use crate::words::Words;

/// More columns are not told apart.
pub(crate) const COLUMNS_MAX: usize = 1024;
/// Values of a column that are looked at.
const SAMPLED_MAX: u64 = 2000;
/// Each of the first records is looked at, and then one of so many.
const SAMPLED_FIRST: u64 = 500;
const SAMPLED_EACH: u64 = 256;
/// How long a title is told at most.
const TITLE_MAX: usize = 64;
/// A longer value is none of those that columns tell.
const VALUE_MAX: usize = 1024;
/// Of a hundred values so many must be of a kind, where the header says that they are, and where nothing says so.
const SHARE_NAMED: u64 = 50;
const SHARE_UNNAMED: u64 = 90;
/// Without a word in the header so many values must differ: few values that come again are no names.
const DISTINCT_MIN: usize = 10;

/// What is in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnFinding {
    /// Which column, counted from one.
    pub column: usize,
    /// What stands at its head, if the table has a header.
    pub header: Option<String>,
    /// Of what kind its values are.
    pub id: &'static str,
    /// What people call that.
    pub title: &'static str,
    /// Whom it tells of.
    pub subject: Subject,
    /// How many of a hundred of those that were looked at.
    pub share_percent: u64,
    /// How many were looked at: of the first rows, those that are not empty.
    pub sampled: u64,
    /// In which member, if in one that has a name: its place in the names of members.
    pub member: Option<usize>,
}

/// Which words a title says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Titled {
    /// With those of what it is part of.
    pub(crate) all: Words,
    /// By itself.
    pub(crate) own: Words,
    /// What says more.
    pub(crate) beside: Beside,
}

/// What says of a value what it is, beside its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beside {
    /// What stands before it in its value.
    Value,
    /// What stands before it in its line, behind the last number: its title says nothing, and another value may.
    Line,
}

/// The columns that there are.
#[derive(Debug, Default)]
pub(crate) struct Columns {
    columns: Vec<Column>,
    by_title: HashMap<String, usize>,
    /// So many examples are kept of each kind that a column may be of.
    examples_max: usize,
    /// The place in the whole text where the text begins that is there.
    pub(crate) begin: u64,
    hasher: RandomState,
}

#[derive(Debug)]
struct Column {
    title: Option<String>,
    titled: Option<Titled>,
    sampled: u64,
    looks: Vec<Look>,
    /// Of what may be of a kind that values alone tell: hashes of the values.
    distinct: HashSet<u64>,
}

/// What is looked for in a column: what its title says, and what values alone tell.
#[derive(Debug)]
struct Look {
    detector: &'static ColumnDetector,
    is_named: bool,
    held: u64,
    examples: Vec<ColumnExample>,
}

impl Column {
    fn new(title: Option<String>, titled: Option<Titled>) -> Self {
        let named = title.as_deref().map_or(Kinds(0), named_by);
        let looks = (0..).zip(COLUMNS).map(|(place, detector)| Look {
            detector,
            is_named: named.has(place),
            held: 0,
            examples: Vec::new(),
        });
        Self {
            title,
            titled,
            sampled: 0,
            looks: looks
                .filter(|look| look.is_named || look.detector.without == Without::Enough)
                .collect(),
            distinct: HashSet::new(),
        }
    }
}

impl Columns {
    /// Makes columns that keep so many examples of each kind.
    pub(crate) fn with_examples(examples_max: usize) -> Self {
        Self {
            examples_max,
            ..Self::default()
        }
    }

    /// Returns the title of a column, if it has one.
    pub(crate) fn title(&self, column: usize) -> Option<&str> {
        self.columns.get(column)?.title.as_deref()
    }

    /// Says in which lines the examples stand that came last.
    pub(crate) fn settle_lines(&mut self, line_of: impl Fn(u64) -> u64) {
        let looks = self.columns.iter_mut().flat_map(|column| &mut column.looks);
        for example in looks.flat_map(|look| &mut look.examples) {
            let start = example.at.start;
            example.line.get_or_insert_with(|| line_of(start));
        }
    }

    /// Returns the examples of what columns hold.
    pub(crate) fn examples<'a>(
        &'a self,
        found: &'a [ColumnFinding],
    ) -> impl Iterator<Item = Sample> + 'a {
        found.iter().flat_map(|finding| {
            let column = finding.column.checked_sub(1);
            let column = column.and_then(|place| self.columns.get(place));
            let looks = column.into_iter().flat_map(|column| &column.looks);
            looks
                .filter(|look| look.detector.id == finding.id)
                .flat_map(|look| &look.examples)
                .map(|example| example.of(finding))
        })
    }

    /// Adds a column of a table with this title.
    pub(crate) fn add(&mut self, title: &str, finder: &Finder) -> usize {
        let words = finder.vocabulary.words_in(title.as_bytes());
        let own = finder.vocabulary.last_words_in(title.as_bytes());
        self.push(title, words, own, Beside::Value)
    }

    /// Adds what stands under a name within something.
    pub(crate) fn within(&mut self, parent: usize, name: &str, finder: &Finder) -> usize {
        let words = finder.vocabulary.words_in(name.as_bytes());
        let own = finder.vocabulary.last_words_in(name.as_bytes());
        let (all, title) = match self.columns.get(parent) {
            Some(parent) => (
                words.and(parent.titled.map_or(Words::default(), |titled| titled.all)),
                format!("{}.{name}", parent.title.as_deref().unwrap_or_default()),
            ),
            None => (words, name.to_owned()),
        };
        let beside = if all.is_empty() {
            Beside::Line
        } else {
            Beside::Value
        };
        self.push(&title, all, own, beside)
    }

    /// Returns the column with this title, and adds it if it is not there. Whoever reads records whose columns come in much the
    /// same order says which it is likely to be.
    pub(crate) fn titled(&mut self, title: &str, likely: usize, finder: &Finder) -> usize {
        // Whoever writes long titles shall not fill memory with them.
        let title = match title.char_indices().nth(TITLE_MAX) {
            Some((end, _)) => title.get(..end).unwrap_or(title),
            None => title,
        };
        let is_it = |column: &Column| column.title.as_deref() == Some(title);
        if self.columns.get(likely).is_some_and(is_it) {
            return likely;
        }
        if let Some(known) = self.by_title.get(title) {
            return *known;
        }
        let added = self.within(NO_COLUMN, title, finder);
        if added != NO_COLUMN {
            self.by_title.insert(title.to_owned(), added);
        }
        added
    }

    /// Returns the column that is the so manieth, and adds it without a title if it is not there.
    #[inline]
    pub(crate) fn numbered(&mut self, place: usize) -> usize {
        if place < self.columns.len() {
            return place;
        }
        self.grow_to(place)
    }

    fn grow_to(&mut self, place: usize) -> usize {
        while self.columns.len() <= place {
            if self.another() == NO_COLUMN {
                return NO_COLUMN;
            }
        }
        place
    }

    fn push(&mut self, title: &str, all: Words, own: Words, beside: Beside) -> usize {
        let title = title.chars().take(TITLE_MAX).collect();
        self.push_column(Column::new(Some(title), Some(Titled { all, own, beside })))
    }

    /// Adds a column without a title.
    pub(crate) fn another(&mut self) -> usize {
        self.push_column(Column::new(None, None))
    }

    fn push_column(&mut self, column: Column) -> usize {
        if self.columns.len() >= COLUMNS_MAX {
            return NO_COLUMN;
        }
        self.columns.push(column);
        self.columns.len() - 1
    }

    /// Returns what the title of a column says, if it has one.
    pub(crate) fn words(&self, column: usize) -> Option<&Titled> {
        self.columns
            .get(column)
            .and_then(|column| column.titled.as_ref())
    }

    /// Whether the values of a record are looked at.
    pub(crate) fn samples(record: u64) -> bool {
        record < SAMPLED_FIRST || record.is_multiple_of(SAMPLED_EACH)
    }

    /// Looks at a value, and where it stands.
    pub(crate) fn sample(&mut self, column: usize, value: &[u8], at: At) {
        let examples_max = self.examples_max;
        let Some(column) = self.columns.get_mut(column) else {
            return;
        };
        let value = value.trim_ascii();
        if value.is_empty() || column.sampled >= SAMPLED_MAX {
            return;
        }
        column.sampled += 1;
        let Some(value) = str::from_utf8(value)
            .ok()
            .filter(|value| value.len() <= VALUE_MAX)
        else {
            return;
        };
        let mut is_telling = false;
        for look in &mut column.looks {
            let holds = (look.detector.holds)(value);
            look.held += u64::from(holds);
            if holds && look.examples.len() < examples_max {
                look.examples.push(ColumnExample {
                    mask: masked(look.detector.id, value.as_bytes()),
                    at,
                    line: None,
                });
            }
            is_telling |= holds && look.detector.without == Without::Enough;
        }
        if is_telling {
            column.distinct.insert(self.hasher.hash_one(value));
        }
    }

    /// Returns the titles that there are.
    pub(crate) fn titles(&self) -> impl Iterator<Item = &str> {
        self.columns
            .iter()
            .filter_map(|column| column.title.as_deref())
    }

    /// Says what the columns hold.
    pub(crate) fn findings(&self) -> Vec<ColumnFinding> {
        let mut found = Vec::new();
        for (place, column) in self.columns.iter().enumerate() {
            for look in &column.looks {
                let detector = look.detector;
                let share_percent = (look.held * 100).checked_div(column.sampled);
                let share_percent = share_percent.unwrap_or_default();
                let is_varied = column.distinct.len() >= DISTINCT_MIN
                    && column.distinct.len() as u64 * 2 > column.sampled;
                let is_enough = detector.without == Without::Enough;
                if (look.is_named && share_percent >= SHARE_NAMED)
                    || (is_enough && is_varied && share_percent >= SHARE_UNNAMED)
                {
                    found.push(ColumnFinding {
                        column: place + 1,
                        header: column.title.clone(),
                        id: detector.id,
                        title: detector.title,
                        subject: detector.subject,
                        share_percent,
                        sampled: column.sampled,
                        member: None,
                    });
                }
            }
        }
        found
    }
}

/// Some of the kinds of columns, by their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kinds(u32);

impl Kinds {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn has(self, place: u32) -> bool {
        1_u32
            .checked_shl(place)
            .is_some_and(|bit| self.0 & bit != 0)
    }
}

/// The words that titles say of columns.
#[derive(Debug)]
struct TitleWords {
    search: AhoCorasick,
    /// By word: for which kinds it speaks, and against which.
    kinds: Vec<(u32, u32)>,
}

static TITLE_WORDS: LazyLock<TitleWords> = LazyLock::new(|| {
    let mut words: HashMap<&str, (u32, u32)> = HashMap::new();
    for (place, detector) in COLUMNS.iter().enumerate() {
        let bit = 1 << place;
        for word in detector.header {
            words.entry(word).or_default().0 |= bit;
        }
        for word in detector.against {
            words.entry(word).or_default().1 |= bit;
        }
    }
    let (words, kinds): (Vec<&str>, Vec<(u32, u32)>) = words.into_iter().unzip();
    let search = AhoCorasick::builder()
        .kind(Some(AhoCorasickKind::DFA))
        .build(words)
        .expect("some hundred words are no too large automaton");
    TitleWords { search, kinds }
});

/// Returns which kinds a title says that its column is of.
pub(crate) fn named_by(title: &str) -> Kinds {
    let (mut said, mut against) = (0, 0);
    let title = title.to_lowercase();
    let title = title.as_str();
    for found in TITLE_WORDS.search.find_overlapping_iter(title) {
        if let Some((one, other)) = TITLE_WORDS.kinds.get(found.pattern().as_usize()) {
            said |= one;
            against |= other;
        }
    }
    Kinds(said & !against)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::{COLUMNS_MAX, Columns};
    use crate::finder::Finder;
    use crate::records::NO_COLUMN;
    use crate::samples::At;

    static FINDER: LazyLock<Finder> = LazyLock::new(Finder::new);

    const AT: At = At {
        record: 0,
        start: 0,
        end: 0,
    };

    #[test]
    fn columns_grow_up_to_so_many() {
        let mut columns = Columns::default();
        for round in 0..2 {
            for place in 0..COLUMNS_MAX {
                assert_eq!(
                    columns.titled(&format!("k{place}"), place + round, &FINDER),
                    place
                );
            }
        }
        assert_eq!(columns.titled("another", 3, &FINDER), NO_COLUMN);
        assert_eq!(columns.numbered(COLUMNS_MAX), NO_COLUMN);
        assert_eq!(columns.numbered(7), 7);
        columns.sample(NO_COLUMN, b"nothing", AT);
        assert!(columns.words(NO_COLUMN).is_none());
    }

    #[test]
    fn columns_are_told_by_their_title_or_by_themselves() {
        let found = |title: Option<&str>, values: &mut dyn Iterator<Item = String>| {
            let mut columns = Columns::default();
            let column = match title {
                Some(title) => columns.add(title, &FINDER),
                None => columns.numbered(0),
            };
            values.for_each(|value| columns.sample(column, value.as_bytes(), AT));
            let found: Vec<_> = columns.findings().iter().map(|found| found.id).collect();
            found
        };
        let mut few = ["张伟", "王芳", "不详"].map(str::to_owned).into_iter();
        assert_eq!(found(Some("姓名"), &mut few), ["cn.name"]);
        let given = "伟芳娜敏静丽强磊军洋勇艳杰娟涛";
        let mut many = given.chars().map(|letter| format!("王{letter}"));
        assert_eq!(found(None, &mut many), ["cn.name"]);
        // Few values that come again, and values of which few look like names.
        let mut colours = (0..40).map(|at| ["白色", "金色", "黄河"][at % 3].to_owned());
        assert!(found(Some("颜色"), &mut colours).is_empty());
    }
}
