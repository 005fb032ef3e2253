//! What the tables say of each contractual arrangement, gathered from all of them.

use std::collections::BTreeMap;

use crc_fast::CrcAlgorithm;

use crate::register::{Register, day};
use crate::template::Template;

/// The end that stands for none.
pub(crate) const NO_END: &str = "9999-12-31";

/// A contractual arrangement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrangement {
    /// Its reference (B_02.01).
    pub reference: String,
    /// The LEI of whoever signed to receive the services (B_03.01), or else of whoever uses them (B_02.02).
    pub entity: Option<String>,
    /// The code of the provider that signed (B_03.02), or else of the one that is used (B_02.02).
    pub provider: Option<String>,
    /// The codes of its services, each once (B_02.02).
    pub services: Vec<String>,
    /// Its first day (B_02.02); none where no table says it.
    pub start: Option<jiff::civil::Date>,
    /// Its last day, if all of it ends.
    pub end: Option<jiff::civil::Date>,
    /// How many days before its end the entity gives notice at the latest.
    pub notice_days: Option<u32>,
    /// Where data is at rest: a code of ISO 3166-1.
    pub data_location: Option<String>,
}

/// Somebody whom the tables name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// The code: a LEI, or another where that is known.
    pub code: String,
    /// The name.
    pub name: String,
}

/// So long may an id be.
const ID_LEN_MAX: usize = 64;

/// Returns what the register calls whatever the tables call so: the same in small letters, where its ids have all of its signs; else with
/// hyphens for other signs, and behind them a check sum of the whole.
#[must_use]
pub fn contract_id(reference: &str) -> String {
    let text: String = reference
        .to_ascii_lowercase()
        .chars()
        .map(|letter| match letter {
            'a'..='z' | '0'..='9' | '.' | '_' | '-' => letter,
            _ => '-',
        })
        .collect();
    let text = text.trim_start_matches(['.', '_', '-']);
    let is_whole = text == reference.to_ascii_lowercase();
    if is_whole && (1..=ID_LEN_MAX).contains(&text.len()) {
        return text.to_owned();
    }
    let sum = crc_fast::checksum(CrcAlgorithm::Crc32IsoHdlc, reference.as_bytes());
    let head: String = text.chars().take(ID_LEN_MAX - 9).collect();
    if head.is_empty() {
        format!("c{sum:08x}")
    } else {
        format!("{head}-{sum:08x}")
    }
}

impl Register {
    /// Returns the entities of the register by their LEI (B_01.02).
    #[must_use]
    pub fn entities(&self) -> Vec<Party> {
        self.parties("B_01.02", "c0020")
    }

    /// Returns the providers of the register by their codes (B_05.01).
    #[must_use]
    pub fn providers(&self) -> Vec<Party> {
        self.parties("B_05.01", "c0050")
    }

    /// Returns every arrangement (B_02.01), with what the other tables say of it.
    #[must_use]
    pub fn arrangements(&self) -> Vec<Arrangement> {
        let mut all: BTreeMap<String, Arrangement> = BTreeMap::new();
        for [reference] in self.cells("B_02.01", ["c0010"]) {
            all.insert(reference.to_owned(), Arrangement::new(reference));
        }
        for [reference, entity] in self.cells("B_03.01", ["c0010", "c0020"]) {
            if let Some(known) = all.get_mut(reference) {
                known.entity.get_or_insert_with(|| entity.to_owned());
            }
        }
        for [reference, provider] in self.cells("B_03.02", ["c0010", "c0020"]) {
            if let Some(known) = all.get_mut(reference) {
                known.provider.get_or_insert_with(|| provider.to_owned());
            }
        }
        let columns = [
            "c0010", "c0020", "c0030", "c0060", "c0070", "c0080", "c0100", "c0150",
        ];
        let mut is_open: BTreeMap<String, bool> = BTreeMap::new();
        for [
            reference,
            entity,
            provider,
            service,
            start,
            end,
            notice,
            location,
        ] in self.cells("B_02.02", columns)
        {
            let Some(known) = all.get_mut(reference) else {
                continue;
            };
            known.entity.get_or_insert_with(|| entity.to_owned());
            known.provider.get_or_insert_with(|| provider.to_owned());
            if !known.services.iter().any(|one| one == service) {
                known.services.push(service.to_owned());
            }
            known.start = match (known.start, day(start)) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
            if end == NO_END {
                is_open.insert(reference.to_owned(), true);
            }
            known.end = known.end.max(day(end));
            known.notice_days = known.notice_days.max(notice.parse().ok());
            if let (None, Some(place)) = (&known.data_location, location.strip_prefix("eba_GA:")) {
                known.data_location = Some(place.to_owned());
            }
        }
        for reference in is_open.keys() {
            if let Some(known) = all.get_mut(reference) {
                known.end = None;
            }
        }
        all.into_values().collect()
    }

    fn parties(&self, code: &str, name: &str) -> Vec<Party> {
        let cells = self.cells(code, ["c0010", name]);
        cells
            .map(|[code, name]| Party {
                code: code.to_owned(),
                name: name.to_owned(),
            })
            .collect()
    }

    /// Returns some columns of a table, row by row.
    pub(crate) fn cells<'a, const N: usize>(
        &'a self,
        code: &str,
        columns: [&str; N],
    ) -> impl Iterator<Item = [&'a str; N]> {
        let found = self.table(code);
        let places =
            found.map(|(template, _)| columns.map(|column| Template::place(template, column)));
        let rows = found.map_or(&[][..], |(_, rows)| rows);
        rows.iter().map(move |row| {
            let places = places.unwrap_or([None; N]);
            places.map(|place| {
                place
                    .and_then(|place| row.cells.get(place))
                    .map_or("", String::as_str)
            })
        })
    }
}

impl Arrangement {
    fn new(reference: &str) -> Self {
        Self {
            reference: reference.to_owned(),
            entity: None,
            provider: None,
            services: Vec::new(),
            start: None,
            end: None,
            notice_days: None,
            data_location: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::contract_id;

    #[test]
    fn what_is_called_differently_has_other_ids() {
        assert_eq!(contract_id("CA-1"), "ca-1");
        assert_eq!(contract_id("529900T8BM49AURSDO55"), "529900t8bm49aursdo55");
        let long = "x".repeat(65);
        let odd = ["CA/1", "CA 1", "合同-1", "协议-1", "-ca-1", "", &long];
        let ids: Vec<String> = odd.iter().map(|one| contract_id(one)).collect();
        for (place, id) in ids.iter().enumerate() {
            assert!((1..=64).contains(&id.len()), "{id}");
            assert!(
                id.starts_with(|first: char| first.is_ascii_alphanumeric()),
                "{id}"
            );
            assert!(!ids[..place].contains(id) && id != "ca-1", "{id}");
        }
    }
}
