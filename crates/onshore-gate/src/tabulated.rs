//! The register of information of an organisation as it would be filed: the tables that were taken in, with rows for its contracts that
//! are in none of them.

use std::collections::{BTreeMap, HashMap};

use onshore_db::View;
use onshore_dora::{Fault, Register, TypedContract, TypedEntity, TypedProvider};
use onshore_orders::{Contract, Day, Id, Provider, Record, RecordKind};
use onshore_registry::RegisterPage;
use onshore_types::Timestamp;

use crate::updates::blocking;
use crate::{Error, Gate};

/// A register of information as it would be filed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tabulated {
    /// The revision of the tables that were taken in, and when that was; none where none were.
    pub taken_in: Option<(u32, Timestamp)>,
    /// All fifteen tables as CSV, by the names of their files.
    pub tables: BTreeMap<String, String>,
    /// Contracts that stand in none of the tables that were taken in, and have rows of their own.
    pub added: Vec<String>,
    /// What is wrong with the tables, and lacking.
    pub faults: Vec<Fault>,
}

/// What tables are made of.
struct Facts {
    taken_in: Option<(u32, Timestamp)>,
    tables: BTreeMap<String, String>,
    entity: TypedEntity,
    contracts: Vec<TypedContract>,
}

impl Gate {
    /// Returns the register of information of an organisation, as it was known at an instant, or now.
    ///
    /// # Errors
    /// An organisation that is not there; those of the keepers.
    pub async fn tabulated(
        &self,
        organisation: Id,
        known_at: Option<Timestamp>,
    ) -> Result<Tabulated, Error> {
        let gate = self.clone();
        let read = move |view: &View<'_>| gate.facts(view, &organisation, known_at);
        let facts = self.inner.db.read(read).await?;
        blocking(move || tabulate(facts)).await
    }

    fn facts(
        &self,
        view: &View<'_>,
        organisation: &Id,
        known_at: Option<Timestamp>,
    ) -> Result<Facts, Error> {
        let registry = &self.inner.registry;
        let known_at = known_at.unwrap_or_else(|| self.now());
        registry.record(view, RecordKind::Organisation, organisation)?;
        let page = RegisterPage {
            after: None,
            of: Some(organisation.clone()),
            known_at,
            limit: 1,
        };
        let mut taken = registry.records(view, RecordKind::Information, &page)?;
        let (taken_in, tables) = match taken.pop() {
            Some(revision) => {
                let told = (revision.number, revision.recorded);
                match revision.record {
                    Record::Information(one) => (Some(told), one.tables),
                    _ => (None, BTreeMap::new()),
                }
            }
            None => (None, BTreeMap::new()),
        };
        let mut entity = TypedEntity {
            lei: None,
            name: String::new(),
            place: None,
        };
        registry.each_record(view, RecordKind::Organisation, None, known_at, |record| {
            if let Record::Organisation(one) = record
                && one.id == *organisation
            {
                entity = TypedEntity {
                    lei: one.lei,
                    name: one.name,
                    place: one.region,
                };
            }
        })?;
        let mut providers: HashMap<Id, Provider> = HashMap::new();
        registry.each_record(view, RecordKind::Provider, None, known_at, |record| {
            if let Record::Provider(one) = record {
                providers.insert(one.id.clone(), one);
            }
        })?;
        let mut contracts = Vec::new();
        let of = Some(organisation);
        registry.each_record(view, RecordKind::Contract, of, known_at, |record| {
            if let Record::Contract(one) = record {
                contracts.push(one);
            }
        })?;
        let contracts = contracts.into_iter().map(|one| typed(one, &providers));
        Ok(Facts {
            taken_in,
            tables,
            entity,
            contracts: contracts.collect::<Result<_, _>>()?,
        })
    }
}

fn typed(contract: Contract, providers: &HashMap<Id, Provider>) -> Result<TypedContract, Error> {
    let provider = providers.get(&contract.provider);
    let provider = TypedProvider {
        codes: provider.map(|one| one.codes.clone()).unwrap_or_default(),
        name: provider.map(|one| one.name.clone()).unwrap_or_default(),
    };
    Ok(TypedContract {
        id: contract.id.to_string(),
        provider,
        service: contract.service,
        start: day(contract.start)?,
        end: contract.end.map(day).transpose()?,
        notice_days: contract.notice_days,
        data_location: contract.data_location,
    })
}

fn tabulate(facts: Facts) -> Result<Tabulated, Error> {
    let files = facts.tables.into_iter();
    let files = files.map(|(name, text)| (name, text.into_bytes()));
    let register = Register::read(&files.collect()).map_err(Error::Information)?;
    let (register, added) = register.with_typed(&facts.entity, &facts.contracts);
    let tables = register.written().into_iter();
    let tables = tables.map(|(name, text)| (name, String::from_utf8_lossy(&text).into_owned()));
    Ok(Tabulated {
        taken_in: facts.taken_in,
        tables: tables.collect(),
        added,
        faults: register.check(),
    })
}

fn day(day: Day) -> Result<onshore_dora::Day, Error> {
    let wrong = |_| onshore_orders::Error::Day(day.to_string());
    day.to_string()
        .parse()
        .map_err(wrong)
        .map_err(Error::Record)
}
