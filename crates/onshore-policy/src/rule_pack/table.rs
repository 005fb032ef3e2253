//! `thresholds.toml`: limits, lists, clocks and terms, every row with its source and its days.

use onshore_types::Jurisdiction;
use serde::{Deserialize, Serialize};

use super::calendar::Date;
use super::clock::Clock;
use crate::error::Error;

pub(super) const FILE: &str = "thresholds.toml";

/// A limit of the law, for as long as a text of law says so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Threshold {
    /// The name that rules use: `context.limits.NAME`.
    pub name: String,
    /// How much.
    pub value: i64,
    /// Of what.
    pub unit: String,
    /// Which persons since 1 January are compared with it; none where it is not compared with persons. Where it is, an alarm is
    /// raised when the tenants of a group come over it together and none does alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
    /// Which text says so, and where in it.
    pub source: String,
    /// The first day it holds on.
    pub valid_from: Date,
    /// The last day it holds on; none where it is not known to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Date>,
}

/// Which persons are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counts {
    /// Those whose data that left is not sensitive.
    NonSensitive,
    /// Those whose sensitive data left.
    Sensitive,
}

/// That a jurisdiction is on a list, for as long as a text of law says so.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ListEntry {
    /// The name that rules use: `context.lists.NAME`.
    pub list: String,
    /// Who is on it.
    pub jurisdiction: Jurisdiction,
    /// Which text says so, and where in it.
    pub source: String,
    /// The first day it holds on.
    pub valid_from: Date,
    /// The last day it holds on; none where it is not known to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Date>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    #[serde(default, rename = "threshold")]
    pub(super) thresholds: Vec<Threshold>,
    #[serde(default, rename = "entry")]
    pub(super) entries: Vec<ListEntry>,
    #[serde(default, rename = "clock")]
    pub(super) clocks: Vec<Clock>,
    /// Figures that no rule of transfers asks for.
    #[serde(default, rename = "term")]
    pub(super) terms: Vec<Threshold>,
}

pub(super) fn parse(text: &str) -> Result<Table, Error> {
    let table: Table = toml::from_str(text).map_err(|fault| Error::pack(FILE, fault))?;
    let thresholds = table
        .thresholds
        .iter()
        .map(|row| (&row.name, &row.source, row.valid_from, row.valid_to));
    let entries = table
        .entries
        .iter()
        .map(|row| (&row.list, &row.source, row.valid_from, row.valid_to));
    let clocks = table
        .clocks
        .iter()
        .map(|row| (&row.name, &row.source, row.valid_from, row.valid_to));
    let terms = table
        .terms
        .iter()
        .map(|row| (&row.name, &row.source, row.valid_from, row.valid_to));
    for (name, source, from, to) in thresholds
        .clone()
        .chain(entries)
        .chain(clocks.clone())
        .chain(terms.clone())
    {
        if source.trim().is_empty() {
            return Err(Error::pack(
                FILE,
                format!("a row of `{name}` has no source"),
            ));
        }
        if to.is_some_and(|to| to < from) {
            return Err(Error::pack(
                FILE,
                format!("a row of `{name}` ends before it begins"),
            ));
        }
    }
    once(&thresholds)?;
    once(&clocks)?;
    once(&terms)?;
    for clock in &table.clocks {
        clock.check()?;
    }
    Ok(table)
}

/// A row: its name, its source, and its days.
type Row<'a> = (&'a String, &'a String, Date, Option<Date>);

/// Refuses rows of one name that hold on the same day.
fn once<'a>(rows: &(impl Iterator<Item = Row<'a>> + Clone)) -> Result<(), Error> {
    for (place, (name, _, from, to)) in rows.clone().enumerate() {
        let overlaps = rows
            .clone()
            .skip(place + 1)
            .any(|(other, _, begins, ends)| {
                other == name
                    && to.is_none_or(|to| begins <= to)
                    && ends.is_none_or(|end| from <= end)
            });
        if overlaps {
            return Err(Error::pack(
                FILE,
                format!("two rows of `{name}` hold on the same day"),
            ));
        }
    }
    Ok(())
}
