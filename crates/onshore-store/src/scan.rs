//! What was found in a version: kinds and numbers beside it, sealed with its facts, never a value.
//!
//! What is found makes a label stricter and never looser. As long as nobody has looked, where looking needs the whole of a
//! large object, it is unclassified.

use std::collections::{BTreeMap, BTreeSet};

use onshore_classify::persons::ObjectPersons;
use onshore_classify::{Confidence, Findings, LegalTable, SCANNER_VERSION, Scanner};
use onshore_types::selection::Residence;
use onshore_types::{Label, Timestamp};
use serde::{Deserialize, Serialize};

/// What is known of the content of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// Which version of the scanner looked.
    pub scanner: u32,
    /// Which version of the legal classes made a label of what it found.
    pub tables: u32,
    /// Which version of what authorities told the tenant was looked for.
    #[serde(default)]
    pub told: u32,
    /// How far it was looked at.
    pub standing: ScanStanding,
    /// What was found makes the label at least this.
    pub label: Label,
    /// Which kinds of identifier there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<FoundKind>,
    /// Which kinds whole columns are of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<FoundColumns>,
    /// What says or hints that it is important data.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub important: Vec<FoundImportant>,
    /// Which formats were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub formats: Vec<String>,
    /// What could not be read, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<UnreadPart>,
}

/// What looking at a body came to.
#[derive(Debug, Clone)]
pub struct Looked {
    /// What is known of its content.
    pub(crate) scan: Scan,
    /// Who is told of in it; none where nobody has looked.
    pub(crate) persons: Option<ObjectPersons>,
    /// To how much it was unpacked.
    pub(crate) unpacked_bytes: u64,
    /// A hash of what is said of the object, which was looked through with it; none where that was not.
    pub(crate) said: Option<[u8; 32]>,
    /// The class that tags declare.
    pub(crate) class: Option<Label>,
}

/// How far a version was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScanStanding {
    /// To its end, but for what could not be read.
    Read,
    /// Not yet: until then it is unclassified.
    Pending,
    /// By a scanner of before, and it cannot be looked at again: a client keeps the key. It is unclassified.
    Outdated,
}

/// How many identifiers of a kind there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundKind {
    /// The kind, as the table of detectors names it.
    pub kind: String,
    /// How many.
    pub count: u64,
    /// How surely the surest is one.
    pub confidence: FoundConfidence,
}

/// How surely something is what it looks like, the least sure first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundConfidence {
    /// A word near it says so.
    Named,
    /// More are of its form than chance makes.
    Checked,
    /// Its form leaves nearly nothing to chance.
    Certain,
}

/// How many columns of tables are of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundColumns {
    /// The kind.
    pub kind: String,
    /// How many.
    pub columns: u64,
}

/// What says or hints that data is important.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundImportant {
    /// The entry of a catalogue, the mark or the word that an authority told: by its id.
    pub entry: String,
    /// Which catalogue, law or authority names it.
    pub catalogue: String,
    /// What of the data says or hints so.
    pub sign: String,
    /// How often.
    pub count: u64,
}

/// How much could not be read for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnreadPart {
    /// The reason.
    pub reason: String,
    /// How many members, or one for the whole.
    pub count: u64,
}

/// On which day a scanner looked, and for which version of what authorities told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By {
    pub(crate) on: Timestamp,
    pub(crate) told: u32,
}

impl By {
    pub(crate) fn scanner(scanner: &Scanner) -> Self {
        Self {
            on: scanner.on(),
            told: scanner.told_version(),
        }
    }
}

impl Looked {
    /// Keeps of findings what may be kept, with the label that the law makes of them on a day.
    pub(crate) fn of(mut findings: Findings, by: By, standing: ScanStanding) -> Self {
        let persons = match standing {
            ScanStanding::Read => findings.persons.take(),
            ScanStanding::Pending | ScanStanding::Outdated => None,
        };
        Self {
            scan: Scan::of(&findings, by, standing),
            persons,
            unpacked_bytes: findings.unpacked_bytes,
            said: None,
            class: None,
        }
    }

    /// Notes what else was looked through.
    pub(crate) fn with_said(self, said: [u8; 32]) -> Self {
        Self {
            said: Some(said),
            ..self
        }
    }

    /// Returns the label that something has with what was found, for what was said of it.
    #[must_use]
    pub fn label(&self, said: Label) -> Label {
        let label = Scan::applied(Some(&self.scan), said);
        self.class.map_or(label, |class| label.join(class))
    }

    /// Says where those live whom it tells of.
    pub(crate) fn residences(&self) -> BTreeSet<Residence> {
        self.persons
            .as_ref()
            .map(ObjectPersons::residences)
            .unwrap_or_default()
    }

    /// Whether it tells nothing.
    pub(crate) fn is_empty(&self) -> bool {
        let Scan {
            kinds,
            columns,
            important,
            label,
            ..
        } = &self.scan;
        let is_nobody = self.persons.as_ref().is_none_or(ObjectPersons::is_empty);
        self.class.is_none()
            && *label == Label::GENERAL
            && kinds.is_empty()
            && columns.is_empty()
            && important.is_empty()
            && is_nobody
    }

    /// Says that nobody has looked, or can look.
    pub(crate) fn nothing(scan: Scan) -> Self {
        Self {
            scan,
            persons: None,
            unpacked_bytes: 0,
            said: None,
            class: None,
        }
    }
}

impl Scan {
    fn of(findings: &Findings, by: By, standing: ScanStanding) -> Self {
        let judgement = LegalTable::shipped().judge(findings, by.on);
        let mut columns: BTreeMap<&str, u64> = BTreeMap::new();
        for column in &findings.columns {
            *columns.entry(column.id).or_default() += 1;
        }
        Self {
            scanner: SCANNER_VERSION,
            tables: judgement.table_version,
            told: by.told,
            standing,
            label: judgement.label,
            kinds: findings
                .kinds
                .iter()
                .map(|kind| FoundKind {
                    kind: kind.id.to_owned(),
                    count: kind.count,
                    confidence: kind.confidence.into(),
                })
                .collect(),
            columns: columns
                .into_iter()
                .map(|(kind, columns)| FoundColumns {
                    kind: kind.to_owned(),
                    columns,
                })
                .collect(),
            important: findings
                .important
                .iter()
                .map(|found| FoundImportant {
                    entry: found.entry.clone(),
                    catalogue: found.catalogue.clone(),
                    sign: found.sign.word().to_owned(),
                    count: found.count,
                })
                .collect(),
            formats: findings
                .formats
                .iter()
                .map(|format| format.path.clone())
                .collect(),
            unread: findings
                .unread
                .iter()
                .map(|unread| UnreadPart {
                    reason: unread.why.word().to_owned(),
                    count: unread.count,
                })
                .collect(),
        }
    }

    /// Returns what is known after a further look: never less than what made the label before.
    pub(crate) fn after(self, before: Option<&Self>) -> Self {
        let label = before.map_or(self.label, |before| self.label.join(before.label));
        Self { label, ..self }
    }

    /// Returns what is known with what was found beside the bytes: never less. Of a kind that both tell of the larger number
    /// stays, until everything is looked through as one.
    pub(crate) fn beside(mut self, beside: &Self) -> Self {
        self.label = self.label.join(beside.label);
        for found in &beside.kinds {
            match self.kinds.iter_mut().find(|known| known.kind == found.kind) {
                Some(known) => known.count = known.count.max(found.count),
                None => self.kinds.push(found.clone()),
            }
        }
        for found in &beside.columns {
            if self.columns.iter().all(|known| known.kind != found.kind) {
                self.columns.push(found.clone());
            }
        }
        for found in &beside.important {
            if !self.important.contains(found) {
                self.important.push(found.clone());
            }
        }
        self
    }

    /// Returns what is known of what nobody has looked at yet.
    pub(crate) fn put_off(told: u32) -> Self {
        Self::nothing(ScanStanding::Pending, told)
    }

    fn nothing(standing: ScanStanding, told: u32) -> Self {
        Self {
            scanner: SCANNER_VERSION,
            tables: LegalTable::shipped().version(),
            told,
            standing,
            label: Label::GENERAL,
            kinds: Vec::new(),
            columns: Vec::new(),
            important: Vec::new(),
            formats: Vec::new(),
            unread: Vec::new(),
        }
    }

    /// Returns what remains of what was known where nobody can look again and the scanner or the tables know more.
    pub(crate) fn outdated(before: Option<&Self>, told: u32) -> Self {
        let nothing = Self::nothing(ScanStanding::Outdated, told);
        Self {
            scanner: nothing.scanner,
            tables: nothing.tables,
            told: nothing.told,
            standing: nothing.standing,
            ..before.cloned().unwrap_or(nothing)
        }
    }

    /// Puts off what was looked through before authorities told so much.
    pub(crate) fn compare(&mut self, told: u32) {
        if self.standing == ScanStanding::Read && self.told < told {
            self.standing = ScanStanding::Pending;
        }
    }

    /// Whether everything that this tells is told by another, in such numbers and as surely: only then nothing is new to
    /// whoever knows that one.
    pub(crate) fn tells_no_more_than(&self, other: &Self) -> bool {
        let kinds = self.kinds.iter().all(|found| {
            other.kinds.iter().any(|known| {
                known.kind == found.kind
                    && found.count <= known.count
                    && found.confidence <= known.confidence
            })
        });
        let columns = self.columns.iter().all(|found| {
            other
                .columns
                .iter()
                .any(|known| known.kind == found.kind && found.columns <= known.columns)
        });
        let important = self.important.iter().all(|found| {
            other.important.iter().any(|known| {
                (&known.entry, &known.catalogue, &known.sign)
                    == (&found.entry, &found.catalogue, &found.sign)
                    && found.count <= known.count
            })
        });
        self.label.join(other.label) == other.label && kinds && columns && important
    }

    /// Whether the scanner and the tables of today know no more than those that looked.
    pub(crate) fn is_current(&self, told: u32) -> bool {
        self.standing != ScanStanding::Pending
            && self.scanner == SCANNER_VERSION
            && self.tables == LegalTable::shipped().version()
            && self.told == told
    }

    /// Whether it was looked at by a scanner and tables that know all that is known today, so much of what authorities told
    /// among it.
    pub(crate) fn is_of_today(&self, told: u32) -> bool {
        self.standing == ScanStanding::Read
            && self.scanner == SCANNER_VERSION
            && self.tables == LegalTable::shipped().version()
            && self.told >= told
    }

    /// Returns the label that a version has by what was said of it and what is known of its content.
    pub(crate) fn applied(scan: Option<&Self>, said: Label) -> Label {
        match scan {
            None => said,
            Some(scan) => match scan.standing {
                ScanStanding::Read => said.join(scan.label),
                ScanStanding::Pending | ScanStanding::Outdated => Label::Unclassified,
            },
        }
    }
}

impl From<Confidence> for FoundConfidence {
    fn from(confidence: Confidence) -> Self {
        match confidence {
            Confidence::Named => Self::Named,
            Confidence::Checked => Self::Checked,
            Confidence::Certain => Self::Certain,
        }
    }
}
