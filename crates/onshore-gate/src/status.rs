//! Where everybody stands: each order held against each organisation and contract, as of a day and as far as it was known at
//! an instant, in one state of the database, with the size of the ledger in that state.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};

use onshore_db::View;
use onshore_ledger::Hash;
use onshore_orders::{
    AssetTally, Contract, Day, Finding, Id, Language, OnDay, Organisation, OverTime, Record,
    RecordKind, Standing, Status, Timeline,
};
use onshore_policy::{Principal, Role};
use onshore_registry::{AsOf, Registry};
use onshore_types::{LeafIndex, Timestamp};
use serde_json::json;

use crate::acts::{Act, require};
use crate::register::Parties;
use crate::timelines::timelines;
use crate::{Error, Gate};

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct StatusQuestion {
    /// As of this day; of today where each order was given, if it is not said.
    pub as_of: Option<Day>,
    /// As far as it was known at this instant; now, if it is not said.
    pub known_at: Option<Timestamp>,
    /// Of this order alone.
    pub order: Option<Id>,
    /// Of this organisation alone.
    pub organisation: Option<Id>,
    /// In which language the reasons are.
    pub language: Language,
}

/// A report that was made.
#[derive(Debug, Clone, Copy)]
pub struct FiledReport {
    /// Which report: `status` or `quarterly`.
    pub what: &'static str,
    /// The digest of what it says.
    pub digest: Hash,
    /// The size of the ledger in the state that was looked at.
    pub tree_size: u64,
    /// As far as it was known at this instant.
    pub known_at: Timestamp,
}

/// What is known now of the parties on some days, and of which state of the register.
#[derive(Debug, Default)]
pub(crate) struct Known {
    mark: i64,
    on: HashMap<Day, Arc<Parties>>,
}

/// On so many days parties are remembered at once: orders of different places are asked of different days.
const DAYS_REMEMBERED: usize = 4;

/// Where everybody stands.
#[derive(Debug, Clone)]
pub struct StatusReport {
    /// The size of the ledger in the state that was looked at.
    pub tree_size: u64,
    /// As far as it was known at this instant.
    pub known_at: Timestamp,
    /// Each order.
    pub orders: Vec<OrderStatus>,
}

/// Where everybody stands with an order.
#[derive(Debug, Clone)]
pub struct OrderStatus {
    /// Which.
    pub order: Id,
    /// As of this day.
    pub as_of: Day,
    /// How many contracts are how far.
    pub contracts: BTreeMap<Status, u64>,
    /// How many contracts were signed or renewed while that was frozen.
    pub breached: u64,
    /// Of how many contracts it was corrected that the order bound them, or that they were in breach.
    pub corrected: u64,
    /// How many assets were taken out of contracts that are bound and are not proven.
    pub taken_out: u64,
    /// Each organisation that is bound.
    pub organisations: Vec<OrganisationStatus>,
}

/// Where an organisation stands with an order.
#[derive(Debug, Clone)]
pub struct OrganisationStatus {
    /// Which.
    pub organisation: Id,
    /// What it is called.
    pub name: String,
    /// Whether it is bound.
    pub standing: Standing,
    /// Its contracts that are bound.
    pub contracts: Vec<ContractStatus>,
}

/// Where a contract stands with an order.
#[derive(Debug, Clone)]
pub struct ContractStatus {
    /// Which.
    pub contract: Id,
    /// With whom it is.
    pub provider: Id,
    /// What the order says of it.
    pub finding: Finding,
    /// How far its assets are.
    pub assets: AssetTally,
}

impl Gate {
    /// Says where everybody stands.
    ///
    /// # Errors
    /// An order or organisation that is not there; those of the keepers.
    pub async fn status(&self, asked: StatusQuestion) -> Result<StatusReport, Error> {
        let gate = self.clone();
        self.inner
            .db
            .read(move |view: &View<'_>| gate.status_in(view, &asked))
            .await
    }

    /// Records that a report was made, by the digest of what it says: whoever has it can prove that it is the one.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn file_report(&self, by: Principal, filed: FiledReport) -> Result<LeafIndex, Error> {
        require(by, &[Role::Operator, Role::Regulator, Role::Auditor])?;
        let (_, leaf) = self
            .act(by, move |_, _, _| {
                let act = Act {
                    kind: "report.filed",
                    body: json!({ "what": filed.what, "tree_size": filed.tree_size }),
                    record: json!({
                        "what": filed.what,
                        "sha256": filed.digest,
                        "tree_size": filed.tree_size,
                        "known_at": filed.known_at,
                    }),
                };
                Ok((act, ()))
            })
            .await?;
        Ok(leaf)
    }

    /// Reads organisations, providers and orders as they hold on a day. What is known now is read once for as long as nothing is
    /// recorded.
    fn parties(
        &self,
        view: &View<'_>,
        asked: Option<Timestamp>,
        as_of: AsOf,
    ) -> Result<Arc<Parties>, Error> {
        let registry = &self.inner.registry;
        if asked.is_some() {
            return Ok(Arc::new(Parties::as_of(registry, view, as_of)?));
        }
        let mark = registry.register_mark(view)?;
        let remembered = || {
            let parties = self.inner.parties.lock();
            parties.unwrap_or_else(PoisonError::into_inner)
        };
        if let Known { mark: of, on } = &*remembered()
            && *of == mark
            && let Some(parties) = on.get(&as_of.on)
        {
            return Ok(Arc::clone(parties));
        }
        let parties = Arc::new(Parties::as_of(registry, view, as_of)?);
        let mut known = remembered();
        if known.mark != mark || known.on.len() >= DAYS_REMEMBERED {
            known.on.clear();
            known.mark = mark;
        }
        known.on.insert(as_of.on, Arc::clone(&parties));
        Ok(parties)
    }

    /// Reads them as they hold on a day by what is known now.
    pub(crate) fn parties_on(&self, view: &View<'_>, on: Day) -> Result<Arc<Parties>, Error> {
        let known_at = self.now();
        self.parties(view, None, AsOf { on, known_at })
    }

    pub(crate) fn status_in(
        &self,
        view: &View<'_>,
        asked: &StatusQuestion,
    ) -> Result<StatusReport, Error> {
        let registry = &self.inner.registry;
        let now = self.now();
        let known_at = asked.known_at.unwrap_or(now);
        let tree_size = self.inner.journal.size_in(view)?;
        let wanted = [
            (RecordKind::Order, &asked.order),
            (RecordKind::Organisation, &asked.organisation),
        ];
        for (kind, id) in wanted {
            if let Some(id) = id {
                registry.record(view, kind, id)?;
            }
        }
        let of = asked.organisation.as_ref();
        let contracts = Contracts::read(registry, view, of, known_at)?;
        let mut orders = Vec::new();
        for (on, named) in self.days(view, asked, known_at)? {
            let as_of = AsOf { on, known_at };
            let parties = self.parties(view, asked.known_at, as_of)?;
            let tallies = contracts.tallies(registry, view, of, as_of)?;
            let judge = parties.judge()?;
            for order in parties.orders.iter().filter(|one| named.contains(&one.id)) {
                let on = judge.on(order, on).said_in(asked.language);
                let mut status = OrderStatus {
                    order: order.id.clone(),
                    as_of: as_of.on,
                    contracts: BTreeMap::new(),
                    breached: 0,
                    corrected: 0,
                    taken_out: 0,
                    organisations: Vec::new(),
                };
                let all = parties.organisations.iter();
                for one in all.filter(|one| of.is_none_or(|of| *of == one.id)) {
                    let organisation = &one.id;
                    let standing = on.organisation(organisation);
                    // Of one organisation it is told too why it is not bound.
                    if standing.bound_by.is_none() && of.is_none() {
                        continue;
                    }
                    let bound = contracts.bound(organisation, &on, &tallies);
                    let bound = bound.filter(|one| of.is_some() || one.is_of_note());
                    status.take(one, standing, bound.collect());
                }
                orders.push(status);
            }
        }
        orders.sort_by(|one, other| one.order.cmp(&other.order));
        Ok(StatusReport {
            tree_size,
            known_at,
            orders,
        })
    }

    /// Returns the orders that are asked of by the day that each is asked of: today where it was given, if none is said.
    pub(crate) fn days(
        &self,
        view: &View<'_>,
        asked: &StatusQuestion,
        known_at: Timestamp,
    ) -> Result<BTreeMap<Day, BTreeSet<Id>>, Error> {
        let (registry, now) = (&self.inner.registry, self.now());
        let mut days: BTreeMap<Day, BTreeSet<Id>> = BTreeMap::new();
        registry.each_record(view, RecordKind::Order, None, known_at, |record| {
            if let Record::Order(order) = record
                && asked.order.as_ref().is_none_or(|id| *id == order.id)
            {
                let on = asked.as_of.unwrap_or_else(|| Day::at(now, order.offset));
                days.entry(on).or_default().insert(order.id);
            }
        })?;
        Ok(days)
    }
}

/// Contracts over time, by whose they are or were.
struct Contracts {
    all: Vec<Timeline<Contract>>,
    of: HashMap<Id, Vec<usize>>,
}

impl Contracts {
    fn read(
        registry: &Registry,
        view: &View<'_>,
        of: Option<&Id>,
        known_at: Timestamp,
    ) -> Result<Self, Error> {
        let wanted = |record| match record {
            Record::Contract(one) => Some(one),
            _ => None,
        };
        let all = timelines(registry, view, (RecordKind::Contract, of), known_at, wanted)?;
        let mut by: HashMap<Id, Vec<usize>> = HashMap::new();
        for (place, line) in all.iter().enumerate() {
            for told in line.revisions() {
                let organisation = &told.record.organisation;
                match by.get_mut(organisation) {
                    // It was its before.
                    Some(places) if places.last() == Some(&place) => {}
                    Some(places) => places.push(place),
                    None => {
                        by.insert(organisation.clone(), vec![place]);
                    }
                }
            }
        }
        Ok(Self { all, of: by })
    }

    /// Counts the assets of all of them, or, of one organisation, of each.
    fn tallies(
        &self,
        registry: &Registry,
        view: &View<'_>,
        of: Option<&Id>,
        as_of: AsOf,
    ) -> Result<HashMap<String, AssetTally>, Error> {
        if of.is_none() {
            return Ok(registry.asset_tallies(view, None, as_of)?);
        }
        let mut counted = HashMap::new();
        let ids = self.all.iter().flat_map(|line| line.revisions().first());
        for first in ids {
            let of = Some(&first.record.id);
            counted.extend(registry.asset_tallies(view, of, as_of)?);
        }
        Ok(counted)
    }

    fn bound(
        &self,
        organisation: &Id,
        on: &OnDay<'_>,
        tallies: &HashMap<String, AssetTally>,
    ) -> impl Iterator<Item = ContractStatus> {
        let places = self.of.get(organisation).into_iter().flatten();
        let lines = places.filter_map(|place| self.all.get(*place));
        lines.filter_map(move |line| {
            let id = &line.revisions().first()?.record.id;
            let assets = tallies.get(id.as_str()).copied().unwrap_or_default();
            let OverTime { contract, finding } =
                on.contract_over_time(organisation, line, &assets)?;
            Some(ContractStatus {
                contract: contract.id.clone(),
                provider: contract.provider.clone(),
                finding,
                assets,
            })
        })
    }
}

impl ContractStatus {
    /// Whether the order binds it, or something was done that it froze, or corrected that it bound.
    fn is_of_note(&self) -> bool {
        let finding = &self.finding;
        finding.status.is_some() || !finding.breaches.is_empty() || finding.corrected.is_some()
    }
}

impl OrderStatus {
    fn take(
        &mut self,
        organisation: &Organisation,
        standing: Standing,
        contracts: Vec<ContractStatus>,
    ) {
        for one in &contracts {
            let finding = &one.finding;
            self.breached += u64::from(!finding.breaches.is_empty());
            self.corrected += u64::from(finding.corrected.is_some());
            if let Some(far) = finding.status {
                *self.contracts.entry(far).or_default() += 1;
                self.taken_out += one.assets.taken_out;
            }
        }
        self.organisations.push(OrganisationStatus {
            organisation: organisation.id.clone(),
            name: organisation.name.clone(),
            standing,
            contracts,
        });
    }
}
