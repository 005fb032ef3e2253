//! Registers of information under DORA: fifteen tables are taken in as they are, and each arrangement in them stands in the register as
//! a contract, so that orders are held against it too. What is taken in records what there is, and refuses nothing that an order freezes.

use std::collections::{BTreeMap, BTreeSet};

use onshore_db::{Unit, View};
use onshore_dora::{Arrangement, Fault, Party, Register, contract_id};
use onshore_ledger::Hash;
use onshore_orders::records::ProviderKind;
use onshore_orders::{Contract, Day, Id, Information, Organisation, Provider, Record, RecordKind};
use onshore_policy::{Principal, Role};
use onshore_registry::{Registry, Revision};
use onshore_types::{LeafIndex, PrincipalId, Timestamp};
use serde_json::json;

use crate::acts::{Act, require};
use crate::register::filing_day;
use crate::updates::blocking;
use crate::{Error, Gate};

/// How much all tables come to at most.
pub const INFORMATION_BYTES_MAX: usize = 32 << 20;

/// What became of a register of information.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenIn {
    /// The revision of its tables.
    pub revision: u32,
    /// Contracts that are new.
    pub added: Vec<Id>,
    /// Contracts of which the tables say something else than before.
    pub amended: Vec<Id>,
    /// References of arrangements for which the tables name no day, entity or provider (B_02.02): they are no contracts.
    pub without_terms: Vec<String>,
    /// Organisations and providers that nobody had recorded.
    pub parties: Vec<Id>,
}

impl Gate {
    /// Takes in the tables of an organisation's register of information, and records its arrangements as contracts.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Information`] with the faults of the tables; [`Error::Record`] where they contradict what is
    /// recorded; an organisation that is not there; those of the keepers.
    pub async fn take_information(
        &self,
        by: Principal,
        organisation: Id,
        tables: BTreeMap<String, String>,
    ) -> Result<(TakenIn, LeafIndex), Error> {
        require(by, &[Role::Operator, Role::Regulator])?;
        let (tables, read) = blocking(move || {
            let files = tables.iter();
            let files = files.map(|(name, text)| (name.clone(), text.clone().into_bytes()));
            let files: BTreeMap<String, Vec<u8>> = files.collect();
            let read = Register::read(&files).map_err(Error::Information)?;
            let faults: Vec<Fault> = read.check();
            if faults.is_empty() {
                Ok((tables, read))
            } else {
                Err(Error::Information(faults))
            }
        })
        .await?;
        self.act(by, move |registry, unit, now| {
            let mut taking = Taking {
                registry,
                unit,
                by: by.id,
                now,
                today: filing_day(registry, unit, now)?,
                taken: TakenIn::default(),
                named: BTreeSet::new(),
            };
            let entities = taking.entities(&organisation, &read)?;
            let providers = taking.providers(&read.providers())?;
            for arrangement in read.arrangements() {
                taking.contract(&arrangement, &entities, &providers)?;
            }
            let information = Information {
                id: organisation.clone(),
                tables,
            };
            let revision = taking.information(information)?;
            let mut taken = taking.taken;
            taken.revision = revision.number;
            let text = revision.record.to_json().map_err(Error::Record)?;
            let body = json!({
                "of": RecordKind::Information.word(),
                "revision": revision.number,
                "added": taken.added.len(),
                "amended": taken.amended.len(),
            });
            let mut record = body.clone();
            record["organisation"] = json!(organisation);
            record["sha256"] = json!(Hash::of(text.as_bytes()).to_string());
            let act = Act {
                kind: "information.taken-in",
                body,
                record,
            };
            Ok((act, taken))
        })
        .await
    }
}

/// One taking in, in its unit of work.
struct Taking<'a> {
    registry: &'a Registry,
    unit: &'a Unit<'a>,
    by: PrincipalId,
    now: Timestamp,
    today: Day,
    taken: TakenIn,
    /// Contracts that an arrangement of these tables is.
    named: BTreeSet<Id>,
}

impl Taking<'_> {
    /// Returns the organisations of the tables by their LEI. The one that maintains them is the one that is named; others are known
    /// by their LEI, or are recorded.
    fn entities(&mut self, maintains: &Id, read: &Register) -> Result<BTreeMap<String, Id>, Error> {
        let lei = read.entity().map(|lei| lei.to_string()).unwrap_or_default();
        let revision = self
            .registry
            .record(self.unit, RecordKind::Organisation, maintains)?;
        if let Record::Organisation(known) = revision.record
            && known.lei.as_ref() != Some(&lei)
        {
            if let Some(other) = known.lei {
                return Err(contradiction(format!(
                    "the tables are those of {lei} (B_01.01), and `{maintains}` is {other}"
                )));
            }
            let known = Organisation {
                lei: Some(lei.clone()),
                ..known
            };
            self.amend(&Record::Organisation(known), revision.number)?;
        }
        let mut known = BTreeMap::new();
        self.registry.each_record(
            self.unit,
            RecordKind::Organisation,
            None,
            self.now,
            |record| {
                if let Record::Organisation(one) = record
                    && let Some(lei) = one.lei
                {
                    known.insert(lei, one.id);
                }
            },
        )?;
        known.insert(lei, maintains.clone());
        for Party { code, name } in read.entities() {
            if known.contains_key(&code) {
                continue;
            }
            let id = id_of(&code)?;
            let organisation = json!({ "id": id, "name": name, "lei": code });
            self.add(
                &Record::read(RecordKind::Organisation, &organisation).map_err(Error::Record)?,
            )?;
            self.taken.parties.push(id.clone());
            known.insert(code, id);
        }
        Ok(known)
    }

    /// Returns the providers of the tables by their codes; those who are not known by theirs are recorded.
    fn providers(&mut self, named: &[Party]) -> Result<BTreeMap<String, Id>, Error> {
        let mut known = BTreeMap::new();
        self.registry
            .each_record(self.unit, RecordKind::Provider, None, self.now, |record| {
                if let Record::Provider(one) = record {
                    let id = one.id;
                    known.extend(one.codes.into_iter().map(|code| (code, id.clone())));
                }
            })?;
        for Party { code, name } in named {
            if known.contains_key(code) {
                continue;
            }
            let id = id_of(code)?;
            let provider = Provider {
                id: id.clone(),
                name: name.clone(),
                kind: ProviderKind::ThirdPartyCloud,
                organisation: None,
                codes: vec![code.clone()],
                terraform: Vec::new(),
            };
            self.add(&Record::Provider(provider))?;
            self.taken.parties.push(id.clone());
            known.insert(code.clone(), id);
        }
        Ok(known)
    }

    fn contract(
        &mut self,
        arrangement: &Arrangement,
        entities: &BTreeMap<String, Id>,
        providers: &BTreeMap<String, Id>,
    ) -> Result<(), Error> {
        let organisation = arrangement
            .entity
            .as_ref()
            .and_then(|lei| entities.get(lei));
        let provider = arrangement
            .provider
            .as_ref()
            .and_then(|code| providers.get(code));
        let (Some(organisation), Some(provider), Some(start)) =
            (organisation, provider, arrangement.start)
        else {
            self.taken.without_terms.push(arrangement.reference.clone());
            return Ok(());
        };
        let id = id_of(&arrangement.reference)?;
        if !self.named.insert(id.clone()) {
            return Err(contradiction(format!(
                "the arrangement {} would be the contract `{id}`, which another of the tables is: give it another reference",
                arrangement.reference
            )));
        }
        let contract = Contract {
            id: id.clone(),
            organisation: organisation.clone(),
            provider: provider.clone(),
            service: arrangement.services.join(", "),
            data_location: arrangement.data_location.clone(),
            start: day(start)?,
            signed: None,
            renewals: Vec::new(),
            end: arrangement.end.map(day).transpose()?,
            notice_days: arrangement.notice_days,
            renewal: None,
            exit_terms: None,
            found: None,
            deletion: None,
        };
        let Some(revision) = found(self.registry, self.unit, RecordKind::Contract, &id)? else {
            self.taken.added.push(id);
            return self.add(&Record::Contract(contract));
        };
        let Record::Contract(before) = revision.record else {
            return Ok(());
        };
        if (&before.organisation, &before.provider) != (&contract.organisation, &contract.provider)
        {
            return Err(contradiction(format!(
                "the contract `{id}` is one of `{}` with `{}`, and the arrangement {} one of `{}` with `{}`: give one of them another \
                 reference",
                before.organisation,
                before.provider,
                arrangement.reference,
                contract.organisation,
                contract.provider
            )));
        }
        // What the tables do not tell stays.
        let contract = Contract {
            notice_days: contract.notice_days.or(before.notice_days),
            data_location: contract
                .data_location
                .or_else(|| before.data_location.clone()),
            renewal: before.renewal.clone(),
            exit_terms: before.exit_terms.clone(),
            found: before.found,
            ..contract
        };
        let contract = contract.after(before.clone(), self.today);
        if contract != before {
            self.taken.amended.push(id);
            self.amend(&Record::Contract(contract), revision.number)?;
        }
        Ok(())
    }

    fn information(&self, information: Information) -> Result<Revision, Error> {
        let id = information.id.clone();
        let record = Record::Information(Box::new(information));
        let before = found(self.registry, self.unit, RecordKind::Information, &id)?;
        Ok(match before {
            Some(before) => {
                self.registry
                    .amend_record(self.unit, &record, before.number, self.by, self.now)?
            }
            None => self
                .registry
                .add_record(self.unit, &record, self.by, self.now)?,
        })
    }

    fn add(&self, record: &Record) -> Result<(), Error> {
        record.check().map_err(Error::Record)?;
        self.registry
            .add_record(self.unit, record, self.by, self.now)?;
        Ok(())
    }

    fn amend(&self, record: &Record, expected: u32) -> Result<(), Error> {
        record.check().map_err(Error::Record)?;
        self.registry
            .amend_record(self.unit, record, expected, self.by, self.now)?;
        Ok(())
    }
}

pub(crate) fn found(
    registry: &Registry,
    view: &View<'_>,
    kind: RecordKind,
    id: &Id,
) -> Result<Option<Revision>, Error> {
    match registry.record(view, kind, id) {
        Ok(revision) => Ok(Some(revision)),
        Err(onshore_registry::Error::NoSuchRecord { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the id of whatever the tables call so.
fn id_of(reference: &str) -> Result<Id, Error> {
    contract_id(reference).parse().map_err(Error::Record)
}

fn day(date: onshore_dora::Day) -> Result<Day, Error> {
    date.to_string().parse().map_err(Error::Record)
}

fn contradiction(what: String) -> Error {
    Error::Record(onshore_orders::Error::Contradiction(what))
}
