//! Rows for what stands in no table: contracts of the register that were written by hand, and those whom they name. What nobody said
//! stays empty, and the check tells of it.

use std::collections::BTreeSet;

use crate::Day;
use crate::arrangement::{NO_END, contract_id};
use crate::lei::Lei;
use crate::register::Register;

/// The word of the lists for a code that is a LEI.
const IS_LEI: &str = "eba_qCO:qx2000";
/// The word of the lists for yes.
const YES: &str = "eba_BT:x28";

/// An entity as the register knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedEntity {
    /// Its LEI, where that is known.
    pub lei: Option<String>,
    /// Its name.
    pub name: String,
    /// Where it is: a code of ISO 3166.
    pub place: Option<String>,
}

/// A provider as the register knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedProvider {
    /// Its codes; the first that the tables know is the one.
    pub codes: Vec<String>,
    /// Its name.
    pub name: String,
}

/// A contract as the register knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedContract {
    /// What it is called there.
    pub id: String,
    /// With whom.
    pub provider: TypedProvider,
    /// For what.
    pub service: String,
    /// Its first day.
    pub start: Day,
    /// Its last day, if it has one.
    pub end: Option<Day>,
    /// How many days before its end it must be given notice of.
    pub notice_days: Option<u32>,
    /// Where data is at rest: a code of ISO 3166.
    pub data_location: Option<String>,
}

impl Register {
    /// Returns the tables with rows for an entity and for those of its contracts that are no arrangement of the tables, and the ids of
    /// these.
    #[must_use]
    pub fn with_typed(
        mut self,
        entity: &TypedEntity,
        contracts: &[TypedContract],
    ) -> (Self, Vec<String>) {
        let known: BTreeSet<String> = self
            .cells("B_02.01", ["c0010"])
            .map(|[reference]| contract_id(reference))
            .collect();
        let maintains = self.entity().map(|lei| lei.to_string());
        let lei = entity.lei.clone().or(maintains).unwrap_or_default();
        self.add_entity(entity, &lei);
        let mut added = Vec::new();
        for contract in contracts.iter().filter(|one| !known.contains(&one.id)) {
            let code = self.add_provider(&contract.provider);
            self.add_contract(contract, &lei, &code);
            added.push(contract.id.clone());
        }
        (self, added)
    }

    fn add_entity(&mut self, entity: &TypedEntity, lei: &str) {
        let country = country(entity.place.as_deref());
        let row = [
            ("c0010", lei),
            ("c0020", entity.name.as_str()),
            ("c0030", country.as_str()),
        ];
        // One entity maintains the register; those in its scope are known by their LEIs.
        if self.cells("B_01.01", ["c0010"]).next().is_none() {
            self.push("B_01.01", &row);
        }
        if !self.cells("B_01.02", ["c0010"]).any(|[known]| known == lei) {
            self.push("B_01.02", &row);
        }
    }

    /// Adds a provider that is not there, and returns its code and the kind of that.
    fn add_provider(&mut self, provider: &TypedProvider) -> [String; 2] {
        let found = provider.codes.iter().find_map(|wanted| {
            let mut rows = self.cells("B_05.01", ["c0010", "c0020"]);
            rows.find(|[code, _]| *code == wanted.as_str())
        });
        if let Some(found) = found {
            return found.map(str::to_owned);
        }
        // Without a code it is known by its name alone.
        let is_lei = |code: &&String| code.parse::<Lei>().is_ok();
        let code = provider.codes.iter().find(is_lei);
        let kind = code.map_or("", |_| IS_LEI);
        let code = code.or(provider.codes.first());
        let code = code.map(String::as_str).unwrap_or_default();
        let is_there = self
            .cells("B_05.01", ["c0010", "c0050"])
            .any(|row| row == [code, provider.name.as_str()]);
        if !is_there {
            let row = [
                ("c0010", code),
                ("c0020", kind),
                ("c0050", provider.name.as_str()),
            ];
            self.push("B_05.01", &row);
        }
        [code.to_owned(), kind.to_owned()]
    }

    fn add_contract(&mut self, contract: &TypedContract, lei: &str, [code, kind]: &[String; 2]) {
        let id = ("c0010", contract.id.as_str());
        self.push("B_02.01", &[id]);
        self.push("B_03.01", &[id, ("c0020", lei)]);
        self.push(
            "B_03.02",
            &[id, ("c0020", code.as_str()), ("c0030", kind.as_str())],
        );
        let start = contract.start.to_string();
        let end = contract
            .end
            .map_or(NO_END.to_owned(), |end| end.to_string());
        let notice = contract.notice_days.map(|days| days.to_string());
        let location = country(contract.data_location.as_deref());
        let is_stored = if location.is_empty() { "" } else { YES };
        // Of several services each has a row; words that are no code of the list are none.
        let services = contract.service.split(',').map(str::trim);
        let services: Vec<&str> = services.filter(|one| one.starts_with("eba_TA:")).collect();
        let services = if services.is_empty() {
            vec![""]
        } else {
            services
        };
        for service in services {
            let row = [
                id,
                ("c0020", lei),
                ("c0030", code.as_str()),
                ("c0040", kind.as_str()),
                ("c0060", service),
                ("c0070", start.as_str()),
                ("c0080", end.as_str()),
                ("c0100", notice.as_deref().unwrap_or_default()),
                ("c0140", is_stored),
                ("c0150", location.as_str()),
            ];
            self.push("B_02.02", &row);
        }
    }
}

/// Returns the word of the lists for the country of a place; nothing where that is not known.
fn country(place: Option<&str>) -> String {
    let place = place.and_then(|place| place.split('-').next());
    let is_country =
        |one: &&str| one.len() == 2 && one.bytes().all(|byte| byte.is_ascii_uppercase());
    place
        .filter(is_country)
        .map_or_else(String::new, |place| format!("eba_GA:{place}"))
}
