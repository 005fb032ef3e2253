//! What the law makes of what was found: a dated table from kinds to classes, and a label from findings by it. The table is
//! data (`legal.toml`) and ready to move into the rule packs; the day is handed in, never asked for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use onshore_types::{Label, Level, Personal, Timestamp};
use serde::Deserialize;

use crate::detector::Confidence;
use crate::error::Error;
use crate::findings::Findings;

static SHIPPED: LazyLock<LegalTable> = LazyLock::new(|| {
    LegalTable::parse(include_str!("legal.toml")).expect("a test reads the table that is shipped")
});

/// What the law says of kinds, and from when until when.
#[derive(Debug)]
pub struct LegalTable {
    version: u32,
    rules: Vec<LegalRule>,
}

/// What a text of law says of some kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalRule {
    /// Of which kinds, by their ids.
    pub kinds: Vec<String>,
    /// Their class.
    pub class: Personal,
    /// Which text says so, and where in it.
    pub source: String,
    /// From when on.
    pub from: Timestamp,
    /// Until when; none where it is not known to end.
    pub until: Option<Timestamp>,
    /// How sure a finding must be at least.
    pub confidence: Confidence,
    /// How many there must be at least.
    pub count: u64,
    /// What else must be there.
    pub beside: Beside,
}

/// What must be found beside a kind for a rule to hold of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beside {
    /// Nothing.
    Anything,
    /// Another kind that tells of a natural person by itself.
    Person,
}

/// A label, and what made it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The label of what was found: whether it is personal by the reasons, and its level by what says that it is important
    /// ([`Findings::important`]). What could not be read has no part in it: see [`Findings::unread`].
    pub label: Label,
    /// Each kind that is of a class, with the rule that gives it the strictest.
    pub reasons: Vec<Reason>,
    /// By which version of the table.
    pub table_version: u32,
}

/// Which kind is of a class, and by which rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The kind.
    pub kind: &'static str,
    /// How many of it there are.
    pub count: u64,
    /// The rule.
    pub rule: LegalRule,
}

impl LegalTable {
    /// Returns the table that Onshore ships with.
    #[must_use]
    pub fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Reads a table.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let written: WrittenTable = toml::from_str(text).map_err(Error::LegalTable)?;
        let rules = written
            .rules
            .into_iter()
            .map(|rule| rule.of_groups(&written.groups))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            version: written.version,
            rules,
        })
    }

    /// Returns its version, which is kept beside what was found by it.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Returns the rules, in the order of the table.
    #[must_use]
    pub fn rules(&self) -> &[LegalRule] {
        &self.rules
    }

    /// Says which label findings have on a day.
    #[must_use]
    pub fn judge(&self, findings: &Findings, on: Timestamp) -> Judgement {
        let seen = seen(findings);
        let of = |one: &Seen, beside: Beside| {
            self.rules
                .iter()
                .filter(|rule| rule.beside == beside && rule.holds(one, on))
                .max_by_key(|rule| rule.class)
        };
        let alone: Vec<Option<&LegalRule>> =
            seen.iter().map(|one| of(one, Beside::Anything)).collect();
        let tells =
            |rule: &Option<&LegalRule>| rule.is_some_and(|rule| rule.class > Personal::None);
        let mut reasons = Vec::new();
        for (place, (one, by_itself)) in seen.iter().zip(&alone).enumerate() {
            let has_company = alone
                .iter()
                .enumerate()
                .any(|(other, rule)| other != place && tells(rule));
            let beside = has_company.then(|| of(one, Beside::Person)).flatten();
            // Of two that are as strict the one that needs nothing else is told.
            let strictest = beside
                .into_iter()
                .chain(*by_itself)
                .max_by_key(|rule| rule.class)
                .filter(|rule| rule.class > Personal::None);
            if let Some(rule) = strictest {
                reasons.push(Reason {
                    kind: one.kind,
                    count: one.count,
                    rule: rule.clone(),
                });
            }
        }
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.rule.class));
        let personal = reasons
            .first()
            .map_or(Personal::None, |reason| reason.rule.class);
        let levels = findings.important.iter().map(|found| found.level);
        Judgement {
            label: Label::Known {
                level: levels.max().unwrap_or(Level::General),
                personal,
            },
            reasons,
            table_version: self.version,
        }
    }
}

impl LegalRule {
    fn holds(&self, one: &Seen, on: Timestamp) -> bool {
        self.kinds.iter().any(|kind| kind == one.kind)
            && self.is_in_force(on)
            && one.confidence >= self.confidence
            && one.count >= self.count
    }

    /// Whether the rule is in force.
    #[must_use]
    pub fn is_in_force(&self, on: Timestamp) -> bool {
        self.from <= on && self.until.is_none_or(|until| on < until)
    }
}

/// A kind that was found, by itself or as a column.
struct Seen {
    kind: &'static str,
    count: u64,
    confidence: Confidence,
}

fn seen(findings: &Findings) -> Vec<Seen> {
    let mut seen: Vec<Seen> = findings
        .kinds
        .iter()
        .map(|kind| Seen {
            kind: kind.id,
            count: kind.count,
            confidence: kind.confidence,
        })
        .collect();
    for column in &findings.columns {
        let count = column.sampled * column.share_percent / 100;
        match seen.iter_mut().find(|one| one.kind == column.id) {
            Some(one) => one.count += count,
            None => seen.push(Seen {
                kind: column.id,
                count,
                confidence: Confidence::Named,
            }),
        }
    }
    seen
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTable {
    version: u32,
    groups: BTreeMap<String, Vec<String>>,
    rules: Vec<WrittenRule>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    of: Vec<String>,
    class: WrittenClass,
    source: String,
    from: Timestamp,
    until: Option<Timestamp>,
    #[serde(default)]
    confidence: WrittenConfidence,
    #[serde(default = "one")]
    count: u64,
    #[serde(default = "anything")]
    beside: Beside,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenClass {
    None,
    Personal,
    SensitivePersonal,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenConfidence {
    #[default]
    Named,
    Checked,
    Certain,
}

fn one() -> u64 {
    1
}

fn anything() -> Beside {
    Beside::Anything
}

impl WrittenRule {
    fn of_groups(self, groups: &BTreeMap<String, Vec<String>>) -> Result<LegalRule, Error> {
        let mut kinds = Vec::new();
        for group in self.of {
            match groups.get(&group) {
                Some(of_it) => kinds.extend(of_it.iter().cloned()),
                None => return Err(Error::NoSuchGroup { group }),
            }
        }
        Ok(LegalRule {
            kinds,
            class: match self.class {
                WrittenClass::None => Personal::None,
                WrittenClass::Personal => Personal::Personal,
                WrittenClass::SensitivePersonal => Personal::Sensitive,
            },
            source: self.source,
            from: self.from,
            until: self.until,
            confidence: match self.confidence {
                WrittenConfidence::Named => Confidence::Named,
                WrittenConfidence::Checked => Confidence::Checked,
                WrittenConfidence::Certain => Confidence::Certain,
            },
            count: self.count,
            beside: self.beside,
        })
    }
}
