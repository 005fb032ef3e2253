//! `cases.csv`: a table of cases that must hold, so that a lawyer who changes a pack sees what changes.
//!
//! Columns, of which only `case`, `date`, `class`, `to` and one of `route` and `verdict` are needed: `critical-infrastructure` and
//! `state-organ` (yes or no), `non-sensitive` and `sensitive` (persons since 1 January, those of the case among them),
//! `recipient` (organisation, foreign-authority or unnamed), `purpose` (told or untold), `instrument` (its word, or none) with
//! `days` (how long the approval is for), and what must come out: `route`, the lightest route that carries the case (or none),
//! and `verdict`, what the rules say to the instrument: allow, or the rule that refuses.
//!
//! A row may ask something else: `clock` names one that starts on the date, and `falls-on` the days of its steps with blanks between
//! them, or none where there is no such clock then; `term` names a figure, and `value` what it is on the date, or none.

use std::collections::BTreeSet;
use std::str::FromStr;

use onshore_types::{
    ApprovalId, ByteRange, Instrument, Jurisdiction, Label, Place, PrincipalId, Recipient,
    RecipientKind, TenantId, Timestamp, VersionId, Wording,
};
use serde::{Deserialize, Serialize};

use super::RulePack;
use super::calendar::Date;
use super::clock::Due;
use super::manifest::InstrumentRow;
use super::table::Counts;
use crate::error::Error;
use crate::facts::{ApprovalFact, ExporterFact, Facts};
use crate::policy::Policy;
use crate::transfer::{Flow, Principal, Role, Subject, Transfer};
use crate::verdict::Verdict;

const FILE: &str = "cases.csv";
const DAY_MS: i64 = 24 * 3600 * 1000;
/// How long an approval is for, where a case does not say.
const DAYS: i64 = 365;
const ALLOW: &str = "allow";
const NONE: &str = "none";
/// Where a case is stored if the pack does not say where it is for.
const ANYWHERE: &str = "CN";

/// One row, read.
#[derive(Debug)]
pub(super) struct Case {
    line: u64,
    name: String,
    date: Date,
    exporter: ExporterFact,
    label: Label,
    to: Jurisdiction,
    recipient: Option<RecipientKind>,
    purpose_told: bool,
    instrument: Option<Instrument>,
    days: i64,
    route: Option<String>,
    verdict: Option<String>,
}

/// A clock that starts on a day, or a figure on it.
#[derive(Debug)]
pub(super) struct Asked {
    line: u64,
    name: String,
    date: Date,
    what: Figure,
    expected: String,
}

/// What is asked for, by its name.
#[derive(Debug)]
enum Figure {
    Clock(String),
    Term(String),
}

/// The rows of the table.
#[derive(Debug, Default)]
pub(super) struct Cases {
    /// What transfers come to.
    transfers: Vec<Case>,
    /// What falls when, and how much something is.
    asked: Vec<Asked>,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CaseOutcome {
    /// The line of the table.
    pub line: u64,
    /// What the case is called.
    pub case: String,
    /// `route`, `verdict`, `clock` or `term`.
    pub asked: &'static str,
    /// What must come out.
    pub expected: String,
    /// What does.
    pub found: String,
}

impl CaseOutcome {
    /// Whether the case holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.expected == self.found
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    case: String,
    date: String,
    #[serde(default)]
    critical_infrastructure: String,
    #[serde(default)]
    state_organ: String,
    #[serde(default)]
    non_sensitive: String,
    #[serde(default)]
    sensitive: String,
    #[serde(default)]
    class: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    recipient: String,
    #[serde(default)]
    purpose: String,
    #[serde(default)]
    instrument: String,
    #[serde(default)]
    days: String,
    #[serde(default)]
    route: String,
    #[serde(default)]
    verdict: String,
    #[serde(default)]
    clock: String,
    #[serde(default)]
    falls_on: String,
    #[serde(default)]
    term: String,
    #[serde(default)]
    value: String,
}

pub(super) fn parse(text: &str) -> Result<Cases, Error> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|fault| Error::pack(FILE, fault))?;
    let headers = headers.clone();
    let mut cases = Cases::default();
    for record in reader.records() {
        let record = record.map_err(|fault| Error::pack(FILE, fault))?;
        let line = record.position().map_or(0, csv::Position::line);
        let at = |what: String| Error::pack(FILE, format!("line {line}: {what}"));
        let written: Written = record
            .deserialize(Some(&headers))
            .map_err(|fault| at(fault.to_string()))?;
        if written.clock.is_empty() && written.term.is_empty() {
            cases.transfers.push(written.read(line).map_err(at)?);
        } else {
            cases.asked.push(written.asked(line).map_err(at)?);
        }
    }
    if cases.transfers.is_empty() {
        return Err(Error::pack(FILE, "it has no case"));
    }
    Ok(cases)
}

impl Written {
    /// Reads a row that asks for a clock or a figure, and for nothing else.
    fn asked(self, line: u64) -> Result<Asked, String> {
        let others = [
            &self.class,
            &self.to,
            &self.instrument,
            &self.route,
            &self.verdict,
        ];
        if others.iter().any(|other| !other.is_empty()) {
            return Err("a row that asks for a clock or a figure asks for nothing else".to_owned());
        }
        let (what, expected) = match (self.clock.is_empty(), self.term.is_empty()) {
            (false, true) => (Figure::Clock(self.clock), self.falls_on),
            (true, false) => (Figure::Term(self.term), self.value),
            _ => return Err("a row asks for a clock or for a figure".to_owned()),
        };
        if expected.is_empty() {
            return Err("neither `falls-on` nor `value` says what must come out".to_owned());
        }
        Ok(Asked {
            line,
            name: self.case,
            date: parsed(&self.date)?,
            what,
            expected,
        })
    }

    fn read(self, line: u64) -> Result<Case, String> {
        let told = |text: String| (!text.is_empty()).then_some(text);
        let (route, verdict) = (told(self.route), told(self.verdict));
        if route.is_none() && verdict.is_none() {
            return Err("neither `route` nor `verdict` says what must come out".to_owned());
        }
        let instrument = match self.instrument.as_str() {
            "" | NONE => None,
            word => Some(parsed(word)?),
        };
        let recipient = match self.recipient.as_str() {
            "" => Some(RecipientKind::Organisation),
            "unnamed" => None,
            word => Some(parsed(word)?),
        };
        let purpose_told = match self.purpose.as_str() {
            "" | "told" => true,
            "untold" => false,
            other => return Err(format!("`{other}` is neither told nor untold")),
        };
        Ok(Case {
            line,
            name: self.case,
            date: parsed(&self.date)?,
            exporter: ExporterFact {
                critical_infrastructure: yes(&self.critical_infrastructure)?,
                state_organ: yes(&self.state_organ)?,
                non_sensitive_persons: number(&self.non_sensitive, 0)?,
                sensitive_persons: number(&self.sensitive, 0)?,
            },
            label: parsed(&self.class)?,
            to: Jurisdiction::parse(&self.to).map_err(|error| error.to_string())?,
            recipient,
            purpose_told,
            instrument,
            days: number(&self.days, DAYS.cast_unsigned())?.cast_signed(),
            route,
            verdict,
        })
    }
}

fn parsed<T: FromStr<Err: ToString>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn yes(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "" | "no" => Ok(false),
        other => Err(format!("`{other}` is neither yes nor no")),
    }
}

fn number(text: &str, otherwise: u64) -> Result<u64, String> {
    if text.is_empty() {
        return Ok(otherwise);
    }
    text.parse()
        .ok()
        .filter(|number| *number <= u64::from(u32::MAX))
        .ok_or_else(|| format!("`{text}` is not a number"))
}

/// Runs a pack's own cases against its rules, and says what came of each.
#[must_use]
pub fn run_cases(policy: &Policy, pack: &RulePack) -> Vec<CaseOutcome> {
    let region = region_of(pack);
    let mut outcomes = Vec::new();
    for case in &pack.cases.transfers {
        let now = pack.case_instant(case.date);
        let told = |asked, expected: &String, found| CaseOutcome {
            line: case.line,
            case: case.name.clone(),
            asked,
            expected: expected.clone(),
            found,
        };
        if let Some(expected) = &case.route {
            let found = case.route(policy, pack, region, now);
            outcomes.push(told("route", expected, found));
        }
        if let Some(expected) = &case.verdict {
            let found = case.verdict(policy, region, case.instrument.clone(), now);
            outcomes.push(told("verdict", expected, found));
        }
    }
    outcomes.extend(pack.cases.asked.iter().map(|asked| asked.outcome(pack)));
    outcomes
}

/// Returns what of a pack its own cases say nothing of: rules that refuse none of them, and limits of persons that none of them lies
/// below or at, on the days of a row. Cases that no rule decides hold whatever the rules are.
#[must_use]
pub fn untried(policy: &Policy, pack: &RulePack) -> Vec<String> {
    let verdicts: BTreeSet<&str> = pack
        .cases
        .transfers
        .iter()
        .filter_map(|case| case.verdict.as_deref())
        .collect();
    let rules = policy.pack_rules().into_iter();
    let rules = rules
        .filter(|rule| !verdicts.contains(rule.rule.as_str()))
        .map(|rule| format!("the rule {}", rule.rule));
    let limits = pack.thresholds.iter().filter_map(|row| {
        let counts = row.counts?;
        let persons = |case: &Case| match counts {
            Counts::NonSensitive => case.exporter.non_sensitive_persons,
            Counts::Sensitive => case.exporter.sensitive_persons,
        };
        let limit = u64::try_from(row.value).unwrap_or_default();
        let on_its_days = |case: &&Case| {
            row.valid_from <= case.date && row.valid_to.is_none_or(|last| case.date <= last)
        };
        let cases = || pack.cases.transfers.iter().filter(on_its_days);
        let is_tried = cases().any(|case| persons(case) >= limit)
            && cases().any(|case| persons(case) < limit && persons(case) > 0 || limit <= 1);
        (!is_tried).then(|| format!("the limit {} from {}", row.name, row.valid_from))
    });
    rules.chain(limits).collect()
}

impl Asked {
    fn outcome(&self, pack: &RulePack) -> CaseOutcome {
        let (asked, found) = match &self.what {
            Figure::Clock(name) => {
                let due = pack
                    .clock(name, self.date)
                    .map(|clock| pack.due(clock, self.date));
                let days = |due: Vec<Due>| {
                    let days: Vec<String> = due.iter().map(|due| due.on.to_string()).collect();
                    days.join(" ")
                };
                let found = match due {
                    None => NONE.to_owned(),
                    Some(due) => due.map_or_else(|fault| fault.to_string(), days),
                };
                ("clock", found)
            }
            Figure::Term(name) => {
                let found = pack.term(name, self.date);
                let found = found.map_or_else(|| NONE.to_owned(), |value| value.to_string());
                ("term", found)
            }
        };
        CaseOutcome {
            line: self.line,
            case: self.name.clone(),
            asked,
            expected: self.expected.clone(),
            found,
        }
    }
}

/// A transfer that somebody thinks of.
#[derive(Debug, Clone, Copy)]
pub struct Thought {
    /// Whose data it is, and how many persons' data has left with it.
    pub exporter: ExporterFact,
    /// With which label.
    pub label: Label,
    /// Where to.
    pub to: Jurisdiction,
    /// On which day.
    pub on: Date,
}

/// Returns the lightest instrument that carries a transfer to an organisation, for a purpose that is told; none where no
/// instrument of the pack does.
#[must_use]
pub fn lightest_instrument<'p>(
    policy: &Policy,
    pack: &'p RulePack,
    thought: Thought,
) -> Option<&'p InstrumentRow> {
    let case = Case {
        line: 0,
        name: String::new(),
        date: thought.on,
        exporter: thought.exporter,
        label: thought.label,
        to: thought.to,
        recipient: Some(RecipientKind::Organisation),
        purpose_told: true,
        instrument: None,
        days: DAYS,
        route: None,
        verdict: None,
    };
    case.lightest(policy, pack, region_of(pack), pack.case_instant(thought.on))
}

/// Where a pack is for.
fn region_of(pack: &RulePack) -> Jurisdiction {
    pack.manifest
        .jurisdictions
        .as_ref()
        .and_then(|named| named.first().copied())
        .or_else(|| Jurisdiction::parse(ANYWHERE).ok())
        .unwrap_or(Jurisdiction::UNCONFIGURED)
}

impl Case {
    /// The route of the lightest instrument that carries it.
    fn route(
        &self,
        policy: &Policy,
        pack: &RulePack,
        region: Jurisdiction,
        now: Timestamp,
    ) -> String {
        self.lightest(policy, pack, region, now)
            .map_or_else(|| NONE.to_owned(), |row| row.route.clone())
    }

    fn lightest<'p>(
        &self,
        policy: &Policy,
        pack: &'p RulePack,
        region: Jurisdiction,
        now: Timestamp,
    ) -> Option<&'p InstrumentRow> {
        pack.instruments()
            .iter()
            .find(|row| self.verdict(policy, region, Some(row.word.clone()), now) == ALLOW)
    }

    fn verdict(
        &self,
        policy: &Policy,
        region: Jurisdiction,
        instrument: Option<Instrument>,
        now: Timestamp,
    ) -> String {
        let facts = Facts {
            region,
            epoch: 0,
            approvals: vec![self.approval(instrument, now)],
            exporter: self.exporter,
        };
        match policy.decide(&facts, &self.transfer(region), now) {
            Verdict::Allowed(_) => ALLOW.to_owned(),
            Verdict::Refused(refusal) => refusal.rule().to_owned(),
        }
    }

    /// A read by the tenant's own user from where the data would go.
    fn transfer(&self, region: Jurisdiction) -> Transfer {
        let tenant = Some(TenantId::from_bytes([0; 16]));
        Transfer {
            principal: Principal {
                id: PrincipalId::from_bytes([0; 16]),
                tenant,
                role: Role::TenantUser,
            },
            operation: "GetObject",
            flow: Flow::Read,
            subject: Subject {
                bucket: None,
                owner: tenant,
                key: None,
                version: Some(VersionId::from_bytes([0; 16])),
                label: self.label,
                range: ByteRange::whole(1),
            },
            from: Place::In(region),
            to: Place::In(self.to),
        }
    }

    /// An approval that lacks nothing but what the case takes from it.
    fn approval(&self, instrument: Option<Instrument>, now: Timestamp) -> ApprovalFact {
        let wording = |text: &str| Wording::parse(text).expect("a word is a wording");
        ApprovalFact {
            id: ApprovalId::from_bytes([0; 16]),
            tenant: TenantId::from_bytes([0; 16]),
            to: self.to,
            label: self.label,
            remaining_bytes: 1,
            objects: None,
            persons: None,
            instrument,
            recipient: self.recipient.map(|kind| Recipient {
                name: wording("recipient"),
                jurisdiction: self.to,
                kind,
            }),
            purpose: self.purpose_told.then(|| wording("purpose")),
            granted_at: now,
            until: now.plus_millis(self.days.saturating_mul(DAY_MS)),
            revoked_at: None,
        }
    }
}
