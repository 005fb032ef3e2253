//! Where everybody stands: each order held against each organisation and contract, as of a day and as far as it was known at
//! an instant, in one state of the database, with the size of the ledger in that state.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

use onshore_db::View;
use onshore_ledger::Hash;
use onshore_orders::{
    AssetTally, Contract, Day, Finding, Id, Language, Record, RecordKind, Standing, Status,
};
use onshore_policy::{Principal, Role};
use onshore_types::{LeafIndex, Timestamp};
use serde_json::json;

use crate::acts::{Act, require};
use crate::register::Parties;
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
    /// Each organisation that is bound.
    pub organisations: Vec<OrganisationStatus>,
}

/// Where an organisation stands with an order.
#[derive(Debug, Clone)]
pub struct OrganisationStatus {
    /// Which.
    pub organisation: Id,
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

    /// Reads organisations, providers and orders. What is known now is read once for as long as nothing is recorded.
    fn parties(
        &self,
        view: &View<'_>,
        asked: Option<Timestamp>,
        known_at: Timestamp,
    ) -> Result<Arc<Parties>, Error> {
        let registry = &self.inner.registry;
        if asked.is_some() {
            return Ok(Arc::new(Parties::read(registry, view, known_at)?));
        }
        let mark = registry.register_mark(view)?;
        let remembered = || {
            let parties = self.inner.parties.lock();
            parties.unwrap_or_else(PoisonError::into_inner)
        };
        if let Some((of, parties)) = &*remembered()
            && *of == mark
        {
            return Ok(Arc::clone(parties));
        }
        let parties = Arc::new(Parties::read(registry, view, known_at)?);
        *remembered() = Some((mark, Arc::clone(&parties)));
        Ok(parties)
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
        let parties = self.parties(view, asked.known_at, known_at)?;
        let wanted = [
            (RecordKind::Order, &asked.order),
            (RecordKind::Organisation, &asked.organisation),
        ];
        for (kind, id) in wanted {
            if let Some(id) = id {
                registry.record(view, kind, id)?;
            }
        }
        let mut contracts: HashMap<Id, Vec<Contract>> = HashMap::new();
        let of = asked.organisation.as_ref();
        registry.each_record(view, RecordKind::Contract, of, known_at, |record| {
            if let Record::Contract(contract) = record {
                let of = contract.organisation.clone();
                contracts.entry(of).or_default().push(contract);
            }
        })?;
        let judge = parties.judge()?;
        let mut tallies: HashMap<Day, HashMap<String, AssetTally>> = HashMap::new();
        let mut orders = Vec::new();
        for order in &parties.orders {
            if asked.order.as_ref().is_some_and(|id| *id != order.id) {
                continue;
            }
            let as_of = asked.as_of.unwrap_or_else(|| Day::at(now, order.offset));
            let counted = match tallies.entry(as_of) {
                std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::hash_map::Entry::Vacant(empty) => {
                    let counted = match of {
                        None => registry.asset_tallies(view, None, as_of, known_at)?,
                        Some(_) => {
                            let mut counted = HashMap::new();
                            for contract in contracts.values().flatten() {
                                let of = Some(&contract.id);
                                counted.extend(registry.asset_tallies(view, of, as_of, known_at)?);
                            }
                            counted
                        }
                    };
                    empty.insert(counted)
                }
            };
            let on = judge.on(order, as_of).said_in(asked.language);
            let mut status = OrderStatus {
                order: order.id.clone(),
                as_of,
                contracts: BTreeMap::new(),
                breached: 0,
                organisations: Vec::new(),
            };
            for organisation in &parties.organisations {
                if of.is_some_and(|id| *id != organisation.id) {
                    continue;
                }
                let standing = on.organisation(&organisation.id);
                // Of one organisation it is told too why it is not bound.
                if standing.bound_by.is_none() && of.is_none() {
                    continue;
                }
                let mut bound = Vec::new();
                for contract in contracts.get(&organisation.id).into_iter().flatten() {
                    let assets = counted
                        .get(contract.id.as_str())
                        .copied()
                        .unwrap_or_default();
                    let finding = on.contract(contract, &assets);
                    let is_breached = !finding.breaches.is_empty();
                    status.breached += u64::from(is_breached);
                    match finding.status {
                        Some(far) => *status.contracts.entry(far).or_default() += 1,
                        None if of.is_none() && !is_breached => continue,
                        None => {}
                    }
                    bound.push(ContractStatus {
                        contract: contract.id.clone(),
                        provider: contract.provider.clone(),
                        finding,
                        assets,
                    });
                }
                status.organisations.push(OrganisationStatus {
                    organisation: organisation.id.clone(),
                    standing,
                    contracts: bound,
                });
            }
            orders.push(status);
        }
        Ok(StatusReport {
            tree_size,
            known_at,
            orders,
        })
    }
}
