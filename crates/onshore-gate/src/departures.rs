//! How a provider leaves a contract: somebody whom it sent acknowledges an order, says what it has, and signs that it is deleted. He
//! acts for the contracts with his provider alone; others are not there for him.

use std::collections::{HashMap, HashSet};

use onshore_db::{Unit, View};
use onshore_orders::asset::{AssetKind, AssetTally};
use onshore_orders::departure::{Acknowledged, DeliveredInventory, Item, SignedDeletion};
use onshore_orders::{
    Asset, Contract, Day, Departure, Id, Language, Record, RecordKind, Registered as _, Said,
    UtcOffset,
};
use onshore_policy::{Principal, Role};
use onshore_registry::{Registry, Revision};
use onshore_types::{LeafIndex, Timestamp};

use crate::acts::{Act, require};
use crate::cases::{Case, CaseKind};
use crate::closing::assets_of;
use crate::people::{signature, vouch};
use crate::register::{Parties, told};
use crate::{Error, Gate};

/// What somebody of a provider says of a contract.
#[derive(Debug, Clone)]
pub enum DepartureWord {
    /// It knows of an order.
    Acknowledges(Id),
    /// It has this, and nothing else; in place of what it said before.
    Has(Vec<Item>),
    /// It deleted all that it had, says the statement with this SHA-256.
    Deleted(String),
}

/// A contract with a provider, and what it said of it.
#[derive(Debug, Clone)]
pub struct Departing {
    /// The contract.
    pub contract: Contract,
    /// What was said; none where nothing was.
    pub departure: Option<Revision>,
}

impl Gate {
    /// Takes the word of somebody of an outgoing provider on a contract with it.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Unnamed`] where the token names no person; a contract that is not there or with another provider;
    /// an order that does not bind it, or was acknowledged; what contradicts itself; those of the keepers.
    pub async fn say_of_departure(
        &self,
        by: Principal,
        contract: Id,
        word: DepartureWord,
    ) -> Result<(Revision, LeafIndex), Error> {
        require(by, &[Role::OutgoingProvider])?;
        self.act(by, move |registry, unit, now| {
            let contract = own_contract(registry, unit, by, contract)?;
            let signed = signature(vouch(registry, unit, by, now)?);
            let before = departure(registry, unit, &contract.id)?;
            let mut departure = match &before {
                Some((_, known)) if known.provider == contract.provider => known.clone(),
                // What another said of it, with whom it was before, is not this one's word.
                Some(_) | None => Departure::new(contract.id.clone(), contract.provider.clone()),
            };
            let kind = match word {
                DepartureWord::Acknowledges(order) => {
                    may_acknowledge(registry, unit, &contract, &departure, &order, now)?;
                    departure
                        .acknowledged
                        .push(Acknowledged { order, by: signed });
                    "departure.acknowledged"
                }
                DepartureWord::Has(items) => {
                    departure.inventory = Some(DeliveredInventory { items, by: signed });
                    "departure.inventory"
                }
                DepartureWord::Deleted(statement_sha256) => {
                    if contract.deletion.is_some() {
                        return Err(contradiction(
                            "the deletion under the contract was filed, which is for good",
                        ));
                    }
                    departure.deletion = Some(SignedDeletion {
                        statement_sha256,
                        by: signed,
                    });
                    "departure.deletion-signed"
                }
            };
            departure.check().map_err(Error::Record)?;
            let record = Record::Departure(Box::new(departure));
            let revision = match before {
                Some((number, _)) => registry.amend_record(unit, &record, number, by.id, now)?,
                None => registry.add_record(unit, &record, by.id, now)?,
            };
            let act: Act = told(kind, &revision)?;
            Ok((act, revision))
        })
        .await
    }

    /// Returns the contracts with the provider that somebody is of, and what was said of each.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn departures(&self, by: Principal) -> Result<Vec<Departing>, Error> {
        require(by, &[Role::OutgoingProvider])?;
        let (registry, now) = (self.inner.registry.clone(), self.now());
        self.inner
            .db
            .read(move |view: &View<'_>| {
                let provider = provider_of(&registry, view, by)?;
                let mut contracts = Vec::new();
                registry.each_record(view, RecordKind::Contract, None, now, |record| {
                    if let Record::Contract(one) = record
                        && one.provider == provider
                    {
                        contracts.push(one);
                    }
                })?;
                contracts
                    .into_iter()
                    .map(|contract| {
                        let departure = revision(&registry, view, &contract.id)?
                            .filter(|one| is_of(&one.record, &provider));
                        Ok(Departing {
                            contract,
                            departure,
                        })
                    })
                    .collect()
            })
            .await
    }
}

/// Says that the statement which is filed for a contract is not the one that its provider signed, if it signed one.
pub(crate) fn check_statement(
    registry: &Registry,
    view: &View<'_>,
    contract: &Contract,
    statement_sha256: &str,
) -> Result<(), Error> {
    let said = departure(registry, view, &contract.id)?.map(|(_, known)| known);
    let said = said.filter(|known| known.provider == contract.provider);
    match said.and_then(|known| known.deletion) {
        Some(signed) if signed.statement_sha256 != statement_sha256 => {
            Err(contradiction(&format!(
                "the provider signed another statement, with the SHA-256 {}: file that one, or another with --set-aside",
                signed.statement_sha256
            )))
        }
        Some(_) | None => Ok(()),
    }
}

/// Returns what the provider of a contract says it has, and no proven asset of it is.
pub(crate) fn forgotten(
    registry: &Registry,
    view: &View<'_>,
    contract: &Contract,
    assets: &[Asset],
) -> Result<Vec<(AssetKind, String)>, Error> {
    let said = departure(registry, view, &contract.id)?.map(|(_, known)| known);
    let said = said.filter(|known| known.provider == contract.provider);
    let items = said.and_then(|known| known.inventory).map(|one| one.items);
    Ok(not_arrived(items.unwrap_or_default(), assets))
}

/// Returns what of an inventory no proven asset is.
fn not_arrived(items: Vec<Item>, assets: &[Asset]) -> Vec<(AssetKind, String)> {
    let arrived: HashSet<(AssetKind, &str)> = assets
        .iter()
        .filter(|asset| asset.proof.is_some())
        .map(|asset| (asset.kind, asset.name.as_str()))
        .collect();
    let left = items
        .into_iter()
        .filter(|item| !arrived.contains(&(item.kind, item.name.as_str())));
    left.map(|item| (item.kind, item.name)).collect()
}

/// Returns the contracts that were closed and of which their provider said afterwards that it has more than has arrived, each as a case.
pub(crate) fn contradicting(
    registry: &Registry,
    view: &View<'_>,
    at: Timestamp,
) -> Result<Vec<Case>, Error> {
    let mut delivered = HashMap::new();
    registry.each_record(view, RecordKind::Departure, None, at, |record| {
        if let Record::Departure(one) = record
            && let Some(inventory) = one.inventory
        {
            delivered.insert(one.id, (one.provider, inventory));
        }
    })?;
    if delivered.is_empty() {
        return Ok(Vec::new());
    }
    let mut closed = Vec::new();
    registry.each_record(view, RecordKind::Contract, None, at, |record| {
        if let Record::Contract(contract) = record
            && contract.deletion.is_some()
            && let Some((provider, inventory)) = delivered.remove(&contract.id)
            && provider == contract.provider
        {
            closed.push((contract, inventory));
        }
    })?;
    let mut all = Vec::new();
    for (contract, inventory) in closed {
        let revisions = registry.record_history(view, RecordKind::Contract, &contract.id)?;
        let closes = |one: &&Revision| matches!(&one.record, Record::Contract(one) if one.deletion == contract.deletion);
        let closing = revisions.iter().find(closes).map(|one| one.recorded);
        // What was there before was refused, or set aside by a named person.
        if closing.is_none_or(|closing| inventory.by.at < closing) {
            continue;
        }
        let assets = assets_of(registry, view, &contract.id, at)?;
        let more = not_arrived(inventory.items, &assets).len();
        if more == 0 {
            continue;
        }
        let (provider, said) = (contract.provider, Day::at(inventory.by.at, UtcOffset::UTC));
        all.push(Case {
            kind: CaseKind::Inventory,
            id: contract.id.to_string(),
            organisation: contract.organisation,
            due: None,
            is_late: false,
            why: Said::of(|language| match language {
                Language::En => format!(
                    "the contract is closed, and `{provider}` said on {said} that it has {more} things more than have arrived (onshore departure compare)"
                ),
                Language::Zh => format!(
                    "合同已关闭，而 `{provider}` 于 {said} 称其仍持有 {more} 项未迁入的资产（onshore departure compare）"
                ),
            }),
        });
    }
    Ok(all)
}

fn is_of(record: &Record, provider: &Id) -> bool {
    matches!(record, Record::Departure(one) if one.provider == *provider)
}

/// Returns the organisation that a provider is, for whom somebody of it signs.
pub(crate) fn organisation_of(
    registry: &Registry,
    view: &View<'_>,
    by: Principal,
) -> Result<Option<Id>, Error> {
    let id = provider_of(registry, view, by)?;
    match registry.record(view, RecordKind::Provider, &id)?.record {
        Record::Provider(provider) => Ok(provider.organisation),
        _ => Ok(None),
    }
}

fn provider_of(registry: &Registry, view: &View<'_>, by: Principal) -> Result<Id, Error> {
    let holder = registry.holder(view, by.id)?;
    holder.provider.ok_or(Error::Unnamed)
}

fn own_contract(
    registry: &Registry,
    view: &View<'_>,
    by: Principal,
    id: Id,
) -> Result<Contract, Error> {
    let provider = provider_of(registry, view, by)?;
    match registry.record(view, RecordKind::Contract, &id)?.record {
        Record::Contract(contract) if contract.provider == provider => Ok(contract),
        _ => Err(onshore_registry::Error::NoSuchRecord {
            kind: RecordKind::Contract,
            id,
        }
        .into()),
    }
}

fn revision(
    registry: &Registry,
    view: &View<'_>,
    contract: &Id,
) -> Result<Option<Revision>, Error> {
    match registry.record(view, RecordKind::Departure, contract) {
        Ok(revision) => Ok(Some(revision)),
        Err(onshore_registry::Error::NoSuchRecord { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn departure(
    registry: &Registry,
    view: &View<'_>,
    contract: &Id,
) -> Result<Option<(u32, Departure)>, Error> {
    Ok(match revision(registry, view, contract)? {
        Some(Revision {
            record: Record::Departure(known),
            number,
            ..
        }) => Some((number, *known)),
        _ => None,
    })
}

/// An order is acknowledged once, for a contract that it binds.
fn may_acknowledge(
    registry: &Registry,
    unit: &Unit<'_>,
    contract: &Contract,
    departure: &Departure,
    order: &Id,
    now: Timestamp,
) -> Result<(), Error> {
    if departure.acknowledged.iter().any(|one| one.order == *order) {
        return Err(contradiction(&format!(
            "the order `{order}` was acknowledged before"
        )));
    }
    let parties = Parties::read(registry, unit, now)?;
    let judge = parties.judge()?;
    let known = parties.orders.iter().find(|one| one.id == *order);
    let is_bound = match known {
        None => false,
        Some(known) => {
            let today = Day::at(now, known.offset);
            let mut tally = AssetTally::default();
            registry.each_record(unit, RecordKind::Asset, Some(&contract.id), now, |record| {
                if let Record::Asset(asset) = record {
                    tally.note(&asset, today);
                }
            })?;
            judge
                .on(known, today)
                .contract(contract, &tally)
                .bound_by
                .is_some()
        }
    };
    // Why not is no business of a provider's: it tells of its customer.
    if is_bound {
        Ok(())
    } else {
        Err(contradiction(&format!(
            "no order `{order}` binds the contract"
        )))
    }
}

fn contradiction(what: &str) -> Error {
    Error::Record(onshore_orders::Error::Contradiction(what.to_owned()))
}
