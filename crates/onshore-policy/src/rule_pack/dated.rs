//! Limits and lists as they are on a day: the days on which something begins or ends cut time into stretches, and of each
//! stretch it is known once what the rules see.

use std::collections::{BTreeMap, BTreeSet};

use onshore_types::Timestamp;

use super::Beside;
use super::table::{FILE, Table};
use crate::error::Error;
use crate::question::Vocabulary;

/// How far a place's days begin before those of UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ahead {
    pub(super) millis: i64,
}

impl Ahead {
    /// Reads `+08:00`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (sign, rest) = match text.as_bytes().first()? {
            b'+' => (1, text.get(1..)?),
            b'-' => (-1, text.get(1..)?),
            _ => return None,
        };
        let (hours, minutes) = rest.split_once(':')?;
        let number = |text: &str, max: i64| {
            (text.len() == 2)
                .then(|| text.parse::<i64>().ok())
                .flatten()
                .filter(|number| (0..=max).contains(number))
        };
        let minutes = number(hours, 14)? * 60 + number(minutes, 59)?;
        Some(Self {
            millis: sign * minutes * 60_000,
        })
    }
}

/// What the rules see, stretch after stretch.
#[derive(Debug)]
pub(super) struct Dated {
    /// By their first instants; before the first one nothing is known.
    stretches: BTreeMap<i64, Stretch>,
}

#[derive(Debug)]
struct Stretch {
    limits: BTreeMap<String, i64>,
    /// None where a limit has no value.
    beside: Option<Beside>,
}

impl Dated {
    pub(super) fn new(
        table: &Table,
        ahead: Ahead,
        schema: &str,
        words: &Vocabulary,
    ) -> Result<Self, Error> {
        let limits: BTreeSet<&str> = table
            .thresholds
            .iter()
            .map(|row| row.name.as_str())
            .collect();
        // A list that is empty today has no row; the schema alone names it.
        let lists = declared_lists(schema);
        if let Some(row) = table
            .entries
            .iter()
            .find(|row| !lists.contains(row.list.as_str()))
        {
            return Err(Error::pack(
                FILE,
                format!("the schema's `Lists` have no `{}`", row.list),
            ));
        }
        let first = |days: super::Date| days.first_instant(ahead).as_millis();
        let behind = |days: super::Date| days.next().first_instant(ahead).as_millis();
        let rows = (table
            .thresholds
            .iter()
            .map(|row| (row.valid_from, row.valid_to)))
        .chain(
            table
                .entries
                .iter()
                .map(|row| (row.valid_from, row.valid_to)),
        );
        let mut cuts = BTreeSet::from([i64::MIN]);
        for (from, to) in rows {
            cuts.insert(first(from));
            cuts.extend(to.map(behind));
        }
        let holds = |at: i64, from, to: Option<super::Date>| {
            first(from) <= at && to.is_none_or(|to| at < behind(to))
        };
        let mut stretches = BTreeMap::new();
        for at in cuts {
            let values: BTreeMap<String, i64> = table
                .thresholds
                .iter()
                .filter(|row| holds(at, row.valid_from, row.valid_to))
                .map(|row| (row.name.clone(), row.value))
                .collect();
            let members = |list: &str| {
                let on = table
                    .entries
                    .iter()
                    .filter(|row| row.list == list && holds(at, row.valid_from, row.valid_to));
                (list.to_owned(), on.map(|row| row.jurisdiction).collect())
            };
            let beside = (values.len() == limits.len()).then(|| {
                let lists = lists.iter().map(|list| members(list)).collect();
                Beside::new(values.clone(), lists, words)
            });
            stretches.insert(
                at,
                Stretch {
                    limits: values,
                    beside,
                },
            );
        }
        Ok(Self { stretches })
    }

    pub(super) fn at(&self, now: Timestamp) -> Option<&Beside> {
        self.stretch(now)?.beside.as_ref()
    }

    pub(super) fn limit(&self, name: &str, now: Timestamp) -> Option<i64> {
        self.stretch(now)?.limits.get(name).copied()
    }

    pub(super) fn is_complete_from(&self, now: Timestamp) -> bool {
        self.at(now).is_some()
            && self
                .stretches
                .range(now.as_millis()..)
                .all(|(_, stretch)| stretch.beside.is_some())
    }

    fn stretch(&self, now: Timestamp) -> Option<&Stretch> {
        self.stretches
            .range(..=now.as_millis())
            .next_back()
            .map(|(_, stretch)| stretch)
    }
}

/// The names in `type Lists = { … }`. What it is otherwise is for the validator to say.
fn declared_lists(schema: &str) -> BTreeSet<&str> {
    let inside = schema
        .split_once("type Lists")
        .and_then(|(_, rest)| rest.split_once('{'))
        .and_then(|(_, rest)| rest.split_once('}'))
        .map_or("", |(inside, _)| inside);
    inside
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|line| line.split(','))
        .filter_map(|member| member.split_once(':'))
        .map(|(name, _)| name.trim())
        .collect()
}
