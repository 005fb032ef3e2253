//! Rule packs: what the law of a place asks beyond the rules of the border, as a folder of texts that a lawyer can read.
//!
//! A pack is data: `pack.toml` (name, instruments), `schema.cedarschema` and `policies.cedar` (rules, which can only forbid),
//! `thresholds.toml` (limits, lists and clocks, every row with its source and its days), `cases.csv` (a table of cases that
//! must hold) and, where working days count, `calendar.toml`. It is read whole or not at all.

mod calendar;
mod cases;
mod clock;
mod dated;
mod files;
mod manifest;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy_core::ast::Value;
use onshore_types::{Instrument, Jurisdiction, PackName, Timestamp};

pub use self::calendar::{Calendar, CalendarError, Date};
pub use self::cases::{CaseOutcome, Thought, lightest_instrument, run_cases, untried};
pub use self::clock::{Clock, Due};
pub use self::files::{PackFiles, SHIPPED_PACKS};
pub use self::manifest::{Border, Granter, InstrumentRow};
pub use self::table::{Counts, ListEntry, Threshold};

use self::cases::Cases;
use self::dated::Dated;
use self::manifest::Manifest;
use crate::error::Error;
use crate::question::Vocabulary;

/// A rule pack, read. Its rules are in force once a [`Policy`](crate::Policy) is made with it.
#[derive(Debug)]
pub struct RulePack {
    manifest: Manifest,
    pub(crate) schema: String,
    pub(crate) policies: String,
    thresholds: Vec<Threshold>,
    entries: Vec<ListEntry>,
    clocks: Vec<Clock>,
    terms: Vec<Threshold>,
    calendar: Calendar,
    cases: Cases,
    limits: Dated,
    files: PackFiles,
}

impl RulePack {
    /// Reads a pack from its files.
    ///
    /// # Errors
    /// [`Error::Pack`] names the file and what is wrong with it.
    pub fn parse(files: PackFiles) -> Result<Self, Error> {
        let manifest = Manifest::parse(files.text("pack.toml")?)?;
        let schema = files.text("schema.cedarschema")?.to_owned();
        let policies = files.text("policies.cedar")?.to_owned();
        let table = table::parse(files.text("thresholds.toml")?)?;
        if let Some(row) = manifest.instruments.iter().find(|row| {
            row.renewal
                .as_ref()
                .is_some_and(|clock| table.clocks.iter().all(|known| known.name != *clock))
        }) {
            return Err(Error::pack(
                "pack.toml",
                format!(
                    "the instrument `{}` names a clock that thresholds.toml does not have",
                    row.word
                ),
            ));
        }
        let calendar = Calendar::parse(files.optional("calendar.toml").unwrap_or_default())?;
        let cases = cases::parse(files.text("cases.csv")?)?;
        let limits = Dated::new(&table, manifest.ahead, &schema, &Vocabulary::new())?;
        Ok(Self {
            manifest,
            schema,
            policies,
            thresholds: table.thresholds,
            entries: table.entries,
            clocks: table.clocks,
            terms: table.terms,
            calendar,
            cases,
            limits,
            files,
        })
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &PackName {
        &self.manifest.name
    }

    /// Returns which version it is, as its authors count.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.manifest.version
    }

    /// Returns what it is about, in a line.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.manifest.title
    }

    /// Whether a region under this jurisdiction may take it.
    #[must_use]
    pub fn is_for(&self, region: Jurisdiction) -> bool {
        self.manifest
            .jurisdictions
            .as_ref()
            .is_none_or(|named| named.contains(&region))
    }

    /// Returns whether there is a border at all.
    #[must_use]
    pub fn border(&self) -> Border {
        self.manifest.border
    }

    /// Returns on what a transfer may rest, the lightest first.
    #[must_use]
    pub fn instruments(&self) -> &[InstrumentRow] {
        &self.manifest.instruments
    }

    /// Looks an instrument up.
    #[must_use]
    pub fn instrument(&self, word: &Instrument) -> Option<&InstrumentRow> {
        self.manifest
            .instruments
            .iter()
            .find(|row| row.word == *word)
    }

    /// Returns the limits, in the order of the table.
    #[must_use]
    pub fn thresholds(&self) -> &[Threshold] {
        &self.thresholds
    }

    /// Returns what is on the lists, in the order of the table.
    #[must_use]
    pub fn entries(&self) -> &[ListEntry] {
        &self.entries
    }

    /// Returns the clocks.
    #[must_use]
    pub fn clocks(&self) -> &[Clock] {
        &self.clocks
    }

    /// Returns the figures that no rule of transfers asks for, in the order of the table.
    #[must_use]
    pub fn terms(&self) -> &[Threshold] {
        &self.terms
    }

    /// Returns the figure of a name that holds on a day; none where no text of law gave one then.
    #[must_use]
    pub fn term(&self, name: &str, on: Date) -> Option<i64> {
        let holds = |term: &&Threshold| {
            term.name == name
                && term.valid_from <= on
                && term.valid_to.is_none_or(|last| on <= last)
        };
        self.terms.iter().find(holds).map(|term| term.value)
    }

    /// Returns the calendar of working days.
    #[must_use]
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Returns the files it was read from.
    #[must_use]
    pub fn files(&self) -> &PackFiles {
        &self.files
    }

    /// Returns the value of a limit on a day.
    #[must_use]
    pub fn limit(&self, name: &str, now: Timestamp) -> Option<i64> {
        self.limits.limit(name, now)
    }

    /// Returns the limits that persons since 1 January are compared with, each once, and which persons.
    pub fn limits_of_persons(&self) -> impl Iterator<Item = (&str, Counts)> {
        let mut told = BTreeSet::new();
        self.thresholds.iter().filter_map(move |row| {
            let counts = row.counts?;
            told.insert(row.name.as_str())
                .then_some((row.name.as_str(), counts))
        })
    }

    /// Whether every limit has a value from this instant on for good.
    #[must_use]
    pub fn holds_from(&self, now: Timestamp) -> bool {
        self.limits.is_complete_from(now)
    }

    /// Returns what the rules may look at on that day beside the transfer; none where a limit has no value.
    pub(crate) fn beside(&self, now: Timestamp) -> Option<&Beside> {
        self.limits.at(now)
    }

    fn case_instant(&self, date: Date) -> Timestamp {
        date.noon(self.manifest.ahead)
    }
}

/// What the rules may look at beside a transfer under an approval: the limits and lists of a day.
#[derive(Debug)]
pub(crate) struct Beside {
    /// For Cedar's evaluator.
    pub(crate) limits: Value,
    /// For Cedar's evaluator.
    pub(crate) lists: Value,
    numbers: BTreeMap<String, i64>,
    members: BTreeMap<String, BTreeSet<Jurisdiction>>,
}

impl Beside {
    /// Where no pack is in force there is nothing.
    pub(crate) fn nothing() -> Self {
        Self {
            limits: Value::empty_record(None),
            lists: Value::empty_record(None),
            numbers: BTreeMap::new(),
            members: BTreeMap::new(),
        }
    }

    /// Puts the limits and lists of a day beside one another.
    fn new(
        numbers: BTreeMap<String, i64>,
        members: BTreeMap<String, BTreeSet<Jurisdiction>>,
        words: &Vocabulary,
    ) -> Self {
        let limits = numbers.iter().map(|(name, value)| (name.as_str(), *value));
        let lists = members.iter().map(|(name, members)| {
            let members = members.iter();
            let members = members.map(|one| words.jurisdiction_value(*one));
            (name.as_str(), Value::set(members, None))
        });
        Self {
            limits: Value::record(limits, None),
            lists: Value::record(lists, None),
            numbers,
            members,
        }
    }

    /// Returns the value of a limit.
    pub(crate) fn limit(&self, name: &str) -> Option<i64> {
        self.numbers.get(name).copied()
    }

    /// Returns what is on a list.
    pub(crate) fn listed(&self, name: &str) -> Option<&BTreeSet<Jurisdiction>> {
        self.members.get(name)
    }
}

/// The part of the schema where no pack is in force.
pub(crate) const NO_SCHEMA: &str = "type Limits = {};\ntype Lists = {};\n";
