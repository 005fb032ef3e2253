//! The register: organisations, providers, orders, contracts and assets are recorded, amended, proven and closed, each act
//! with a leaf; what an order freezes is refused with its clause, and that has a leaf too. The leaf names the kind of record and
//! its revision, and commits to the rest.

use onshore_db::{Unit, View};
use onshore_orders::{
    Asked, Contract, Day, Earlier, FreezeKind, Frozen, Id, Judge, Order, Organisation, Proof,
    Provider, Record, RecordKind, Registered as _, Said, UtcOffset, sector,
};
use onshore_policy::{Principal, Role};
use onshore_registry::{AsOf, JobState, RegisterPage, Registry, Revision};
use onshore_types::{LeafIndex, Timestamp};
use serde_json::{Value, json};

use crate::acts::{Act, require};
use crate::completeness::{Entry, require_whole};
use crate::people::{person, second, signature, vouch};
use crate::proving::{self, Proving};
use crate::timelines::timelines;
use crate::{Error, Gate, licensing, requests, reviews};

/// So many records are read at once.
pub const REGISTER_PAGE_MAX: u32 = 1000;

const KEEPERS: &[Role] = &[Role::Operator, Role::Regulator];

/// What an order freezes and somebody asked for, and the leaf that tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenRefusal {
    /// By which orders.
    pub frozen: Vec<Frozen>,
    /// The leaf that tells of it.
    pub leaf: LeafIndex,
}

/// What somebody is about to do.
#[derive(Debug, Clone)]
pub struct Procurement {
    /// What.
    pub what: FreezeKind,
    /// Who.
    pub organisation: Id,
    /// With which provider, where it is a contract.
    pub provider: Option<Id>,
}

/// Everything that an order is held against but contracts and assets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parties {
    pub(crate) organisations: Vec<Organisation>,
    pub(crate) providers: Vec<Provider>,
    pub(crate) orders: Vec<Order>,
    earlier_organisations: Vec<Earlier<Organisation>>,
    earlier_providers: Vec<Earlier<Provider>>,
}

impl Parties {
    /// Reads them as they hold on a day, and organisations and providers as they were before it too.
    pub(crate) fn as_of(registry: &Registry, view: &View<'_>, as_of: AsOf) -> Result<Self, Error> {
        let AsOf { on, known_at } = as_of;
        let mut all = Self::default();
        for line in timelines(
            registry,
            view,
            (RecordKind::Organisation, None),
            known_at,
            organisation,
        )? {
            if let Some((one, earlier)) = line.organisation(on) {
                all.organisations.push(one);
                all.earlier_organisations.extend(earlier);
            }
        }
        for line in timelines(
            registry,
            view,
            (RecordKind::Provider, None),
            known_at,
            provider,
        )? {
            if let Some((one, earlier)) = line.until(on) {
                all.providers.push(one);
                all.earlier_providers.extend(earlier);
            }
        }
        registry.each_record_as_of(view, RecordKind::Order, as_of, |record| {
            if let Record::Order(one) = record {
                all.orders.push(*one);
            }
        })?;
        Ok(all)
    }

    /// Reads them in the newest revisions that were known at an instant.
    pub(crate) fn read(
        registry: &Registry,
        view: &View<'_>,
        known_at: Timestamp,
    ) -> Result<Self, Error> {
        let mut all = Self::default();
        for kind in [
            RecordKind::Organisation,
            RecordKind::Provider,
            RecordKind::Order,
        ] {
            registry.each_record(view, kind, None, known_at, |record| match record {
                Record::Organisation(one) => all.organisations.push(one),
                Record::Provider(one) => all.providers.push(one),
                Record::Order(one) => all.orders.push(*one),
                _ => {}
            })?;
        }
        Ok(all)
    }

    pub(crate) fn judge(&self) -> Result<Judge<'_>, Error> {
        let judge = Judge::new(&self.organisations, &self.providers).map_err(Error::Record)?;
        Ok(judge.remembering(&self.earlier_organisations, &self.earlier_providers))
    }

    /// Says which orders freeze what somebody is about to do now.
    fn freeze(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Vec<Frozen>, Error> {
        let judge = self.judge()?;
        Ok(self
            .orders
            .iter()
            .filter_map(|order| judge.on(order, Day::at(now, order.offset)).freezes(asked))
            .collect())
    }
}

impl Gate {
    /// Records an organisation, a provider, an order, a contract or an asset.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; an id that is taken; something it refers to that is not there; those of the keepers.
    pub async fn add_record(
        &self,
        by: Principal,
        record: Record,
    ) -> Result<(Revision, LeafIndex), Error> {
        require(by, KEEPERS)?;
        let erased = self.erased_for(&record).await?;
        self.act_licensed(by, move |registry, unit, now| {
            check_times(&record, now)?;
            check_sector(&record, None)?;
            if let Record::Request(one) = &record {
                requests::check(registry, unit, one, &erased, now)?;
            }
            if let Some(why) = refusal(registry, unit, &record, None, now)? {
                return Ok((licensing::refused("operator.refused", &why), Err(why)));
            }
            if let Record::Contract(one) = &record {
                require_whole(registry, unit, one, (Entry::Recorded, now))?;
            }
            let record = match record {
                Record::Order(order) => proposed(registry, unit, by, *order, None, now)?,
                Record::Review(one) => reviews::recorded(registry, unit, by, *one, None, now)?,
                record => record,
            };
            let revision = registry.add_record(unit, &record, by.id, now)?;
            Ok((told("register.added", &revision)?, Ok(revision)))
        })
        .await
    }

    /// Records the next revision of a record, made of the revision `expected`, which holds from a day on; where none is given, in
    /// place of the newest. What acts of their own file stays.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Frozen`] where it would have a contract be with a provider, or of somebody, that an order
    /// freezes, since whenever it was recorded; a record that is not there or was changed meanwhile; a day to come; those of the
    /// keepers.
    pub async fn amend_record(
        &self,
        by: Principal,
        record: Record,
        (expected, from): (u32, Option<Day>),
    ) -> Result<(Revision, LeafIndex), Error> {
        require(by, KEEPERS)?;
        let erased = self.erased_for(&record).await?;
        let amended = self.act_licensed(by, move |registry, unit, now| {
            check_times(&record, now)?;
            if let Record::Request(one) = &record {
                requests::check(registry, unit, one, &erased, now)?;
            }
            let Revision {
                record: before,
                recorded,
                ..
            } = registry.record(unit, record.kind(), record.id())?;
            check_sector(&record, Some(&before))?;
            let today = filing_day(registry, unit, now)?;
            if let Some(from) = from.filter(|from| *from > today) {
                return Err(contradiction(format!(
                    "{from} has not come: what holds from then on is recorded when it has"
                )));
            }
            if let Some(why) = refusal(registry, unit, &record, Some(&before), now)? {
                return Ok((licensing::refused("operator.refused", &why), Err(why)));
            }
            let record = match (record, before) {
                (Record::Contract(one), Record::Contract(before)) => {
                    if from.is_none() && one.is_with_others(&before) {
                        let asked = asked_new(&one);
                        let frozen = Parties::read(registry, unit, now)?.freeze(&asked, now)?;
                        if !frozen.is_empty() {
                            let act = refused("contract.refused", &asked, &frozen);
                            return Ok((act, Ok(Err(frozen))));
                        }
                    }
                    let amended = amended(one, before, (from, today))?;
                    require_whole(registry, unit, &amended, (Entry::Recorded, now))?;
                    Record::Contract(amended)
                }
                (Record::Order(one), Record::Order(before)) => {
                    proposed(registry, unit, by, *one, Some(&before), now)?
                }
                (Record::Asset(one), Record::Asset(before)) => {
                    // What arrived is what was called so and kept there: something else has not.
                    let is_same = one.name == before.name
                        && one.kind == before.kind
                        && one.contract == before.contract;
                    before.keeps_late(&one, today).map_err(Error::Record)?;
                    Record::Asset(onshore_orders::Asset {
                        proof: before.proof.filter(|_| is_same),
                        ..one
                    })
                }
                (Record::Assessment(_), Record::Assessment(before))
                    if today <= before.locked_until(Day::at(recorded, UtcOffset::UTC)) =>
                {
                    return Err(Error::Locked {
                        until: before.locked_until(Day::at(recorded, UtcOffset::UTC)),
                        id: before.id,
                    });
                }
                (Record::Review(one), Record::Review(before)) => {
                    reviews::recorded(registry, unit, by, *one, Some(&before), now)?
                }
                (Record::Handover(one), Record::Handover(before)) => {
                    let plan = before.amended(*one, today).map_err(Error::Record)?;
                    Record::Handover(Box::new(plan))
                }
                (record, _) => record,
            };
            let made = (expected, from);
            let revision = registry.amend_record_from(unit, &record, made, by.id, now)?;
            Ok((told("register.amended", &revision)?, Ok(Ok(revision))))
        });
        match amended.await? {
            (Ok(revision), leaf) => Ok((revision, leaf)),
            (Err(frozen), leaf) => Err(Error::Frozen(Box::new(FrozenRefusal { frozen, leaf }))),
        }
    }

    /// Records all of a table, or nothing; the digest is that of the table. The first record that cannot be recorded is told by
    /// its place.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Imported`]; those of the keepers.
    pub async fn import_records(
        &self,
        by: Principal,
        kind: RecordKind,
        records: Vec<Record>,
        digest: String,
    ) -> Result<(usize, LeafIndex), Error> {
        require(by, KEEPERS)?;
        self.act(by, move |registry, unit, now| {
            registry
                .add_records(unit, records.iter(), by.id, now)
                .map_err(|(place, error)| Error::Imported {
                    place,
                    error: Box::new(error),
                })?;
            let body = json!({ "of": kind.word(), "records": records.len(), "sha256": digest });
            let act = Act {
                kind: "register.imported",
                record: body.clone(),
                body,
            };
            Ok((act, records.len()))
        })
        .await
    }

    /// Signs a contract, or renews one that is there, unless an order freezes that. With somebody else it is a new one, and has an id
    /// of its own.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Frozen`]; an id that is that of a contract with somebody else; those of [`Gate::add_record`].
    pub async fn sign_contract(
        &self,
        by: Principal,
        contract: Contract,
    ) -> Result<(Revision, LeafIndex), Error> {
        require(by, KEEPERS)?;
        let (signed, leaf) = self
            .act(by, move |registry, unit, now| {
                check_signed(&contract, now)?;
                let (kind, id) = (RecordKind::Contract, contract.id.clone());
                let before = match registry.record(unit, kind, &id) {
                    Ok(revision) => Some(revision),
                    Err(onshore_registry::Error::NoSuchRecord { .. }) => None,
                    Err(error) => return Err(error.into()),
                };
                let is_taken = matches!(&before, Some(Revision { record: Record::Contract(before), .. })
                    if contract.is_with_others(before));
                let what = match before {
                    Some(_) if !is_taken => FreezeKind::ContractRenew,
                    _ => FreezeKind::ContractNew,
                };
                let asked = Asked {
                    what,
                    ..asked_new(&contract)
                };
                let frozen = Parties::read(registry, unit, now)?.freeze(&asked, now)?;
                if !frozen.is_empty() {
                    return Ok((refused("contract.refused", &asked, &frozen), Err(frozen)));
                }
                if is_taken {
                    return Err(contradiction(format!(
                        "the contract `{id}` is one with somebody else: one of `{}` with `{}` is a new one, with an id of its own",
                        contract.organisation, contract.provider
                    )));
                }
                require_whole(registry, unit, &contract, (Entry::Signed, now))?;
                let today = filing_day(registry, unit, now)?;
                let revision = match before {
                    Some(Revision {
                        record: Record::Contract(before),
                        number,
                        ..
                    }) => {
                        let renewed = Record::Contract(contract.after(before, today));
                        renewed.check().map_err(Error::Record)?;
                        registry.amend_record(unit, &renewed, number, by.id, now)?
                    }
                    _ => {
                        let signed = Some(contract.signed.unwrap_or(today));
                        let contract = Record::Contract(Contract { signed, ..contract });
                        registry.add_record(unit, &contract, by.id, now)?
                    }
                };
                let kind = match what {
                    FreezeKind::ContractRenew => "contract.renewed",
                    _ => "contract.signed",
                };
                Ok((told(kind, &revision)?, Ok(revision)))
            })
            .await?;
        match signed {
            Ok(revision) => Ok((revision, leaf)),
            Err(frozen) => Err(Error::Frozen(Box::new(FrozenRefusal { frozen, leaf }))),
        }
    }

    /// Says whether somebody may buy something now; what an order freezes is refused, and that is recorded. A provider that an order
    /// names need not be recorded for that.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Frozen`]; an organisation or provider that is not there; those of the keepers.
    pub async fn check_procurement(&self, by: Principal, asked: Procurement) -> Result<(), Error> {
        // Whoever only asks, such as a purchasing system, needs no token that keeps the register.
        require(by, &[Role::Operator, Role::Regulator, Role::Auditor])?;
        let gate = self.clone();
        let refusal = self
            .inner
            .db
            .write(move |unit: &Unit<'_>| {
                let registry = &gate.inner.registry;
                registry.record(unit, RecordKind::Organisation, &asked.organisation)?;
                let now = gate.now();
                let asked = Asked {
                    what: asked.what,
                    organisation: &asked.organisation,
                    provider: asked.provider.as_ref(),
                    contract: None,
                };
                let frozen = Parties::read(registry, unit, now)?.freeze(&asked, now)?;
                if frozen.is_empty() {
                    if let Some(provider) = asked.provider {
                        registry.record(unit, RecordKind::Provider, provider)?;
                    }
                    return Ok::<_, Error>(None);
                }
                let act = refused("procurement.refused", &asked, &frozen);
                let leaf = gate.inner.record_act(unit, by, act, now)?;
                Ok(Some(FrozenRefusal { frozen, leaf }))
            })
            .await?;
        refusal.map_or(Ok(()), |refusal| Err(Error::Frozen(Box::new(refusal))))
    }

    /// Gives the second word for the exemptions of an order that somebody else proposed, in the revision that is looked at. Until
    /// then they exempt nobody.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::Unnamed`], [`Error::SamePerson`], [`Error::NothingToApprove`]; an order that is not there or
    /// was changed meanwhile; those of the keepers.
    pub async fn approve_exemptions(
        &self,
        by: Principal,
        id: Id,
        expected: u32,
    ) -> Result<(Revision, LeafIndex), Error> {
        require(by, KEEPERS)?;
        self.act(by, move |registry, unit, now| {
            let Record::Order(mut order) = registry.record(unit, RecordKind::Order, &id)?.record
            else {
                return Err(Error::NothingToApprove);
            };
            let mut approved = 0_u32;
            for exemption in &mut order.exemptions {
                if exemption.approved.is_some() {
                    continue;
                }
                // What was recorded without a word of anybody's is nobody's proposal.
                let first = exemption.proposed.as_ref().ok_or(Error::Unnamed)?;
                let word = second(registry, unit, by, &person(first), now)?;
                exemption.approved = Some(signature(word));
                approved += 1;
            }
            if approved == 0 {
                return Err(Error::NothingToApprove);
            }
            let revision =
                registry.amend_record(unit, &Record::Order(order), expected, by.id, now)?;
            Ok((told("order.exemptions-approved", &revision)?, revision))
        })
        .await
    }

    /// Records that all of an asset arrived, by the certificate of a job that is complete. What the job brought has to be called as
    /// the asset is, be something, come from the cloud of the contract's provider, and be no other asset's proof; a named person may set
    /// that aside, and it is told.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::NotComplete`]; [`Error::NotOfAsset`]; [`Error::Unnamed`]; those of the keepers.
    pub async fn prove_asset(
        &self,
        by: Principal,
        id: Id,
        proving: Proving,
    ) -> Result<(Revision, LeafIndex), Error> {
        let job = proving.job;
        require(by, &[Role::Operator])?;
        self.act(by, move |registry, unit, now| {
            let found = registry.job_in(unit, job)?;
            let leaf = match (found.state, found.certificate_leaf) {
                (JobState::Complete, Some(leaf)) => leaf,
                _ => return Err(Error::NotComplete { job }),
            };
            let before = registry.record(unit, RecordKind::Asset, &id)?;
            let Record::Asset(asset) = before.record else {
                return Err(Error::NotComplete { job });
            };
            let doubts = proving::doubts(registry, unit, &asset, &proving)?;
            if !doubts.is_empty() {
                if !proving.sets_aside {
                    return Err(Error::NotOfAsset {
                        job,
                        why: Box::new(proving::said(&doubts)),
                    });
                }
                vouch(registry, unit, by, now)?;
            }
            let proven = Record::Asset(onshore_orders::Asset {
                proof: Some(Proof {
                    job: job.to_string(),
                    leaf,
                    filed: filing_day(registry, unit, now)?,
                    set_aside: !doubts.is_empty(),
                    against: doubts.into_iter().map(|(doubt, _)| doubt).collect(),
                    source: proving.brought.last().cloned(),
                    objects: Some(proving.objects),
                }),
                ..asset
            });
            let revision = registry.amend_record(unit, &proven, before.number, by.id, now)?;
            Ok((told("asset.proven", &revision)?, revision))
        })
        .await
    }

    /// Looks the newest revision of a record up.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn record(&self, kind: RecordKind, id: Id) -> Result<Revision, Error> {
        let registry = self.inner.registry.clone();
        self.inner
            .db
            .read(move |view: &View<'_>| Ok::<_, Error>(registry.record(view, kind, &id)?))
            .await
    }

    /// Returns all revisions of a record, the first one first.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn record_history(&self, kind: RecordKind, id: Id) -> Result<Vec<Revision>, Error> {
        let registry = self.inner.registry.clone();
        self.inner
            .db
            .read(move |view: &View<'_>| Ok::<_, Error>(registry.record_history(view, kind, &id)?))
            .await
    }

    /// Returns records of a kind by their ids.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn records(
        &self,
        kind: RecordKind,
        page: RegisterPage,
    ) -> Result<Vec<Revision>, Error> {
        let registry = self.inner.registry.clone();
        self.inner
            .db
            .read(move |view: &View<'_>| Ok::<_, Error>(registry.records(view, kind, &page)?))
            .await
    }
}

/// What happened has happened already.
fn check_times(record: &Record, now: Timestamp) -> Result<(), Error> {
    match record {
        Record::Incident(one) if one.latest() > now => Err(contradiction(format!(
            "the incident `{}` is told of at {}, which has not come",
            one.id,
            one.latest()
        ))),
        Record::Contract(Contract {
            id,
            found: Some(found),
            ..
        }) if *found > Day::at(now, UtcOffset::EASTERNMOST) => Err(contradiction(format!(
            "an inventory is said to have found the contract `{id}` on {found}, which has not come"
        ))),
        Record::Contract(one) => check_signed(one, now),
        Record::Assessment(one) if one.made > Day::at(now, UtcOffset::EASTERNMOST) => {
            Err(contradiction(format!(
                "the assessment `{}` is said to be made on {}, which has not come",
                one.id, one.made
            )))
        }
        _ => Ok(()),
    }
}

/// A trade is named by a word that is known; what was recorded before that was asked for stays as it is.
fn check_sector(record: &Record, before: Option<&Record>) -> Result<(), Error> {
    let sector = |record: &Record| match record {
        Record::Organisation(one) => one.sector.clone(),
        _ => None,
    };
    match sector(record) {
        Some(text)
            if sector::known(&text).is_none()
                && before.and_then(sector).as_ref() != Some(&text) =>
        {
            Err(contradiction(sector::unknown(&text)))
        }
        _ => Ok(()),
    }
}

/// A contract is signed on a day that has come: on another one no order holds it against anybody.
fn check_signed(contract: &Contract, now: Timestamp) -> Result<(), Error> {
    let today = Day::at(now, UtcOffset::EASTERNMOST);
    match contract.signed {
        Some(signed) if signed > today => Err(contradiction(format!(
            "the contract `{}` is said to be signed on {signed}, which has not come",
            contract.id
        ))),
        _ => Ok(()),
    }
}

/// What is asked where a contract is a new one.
fn asked_new(contract: &Contract) -> Asked<'_> {
    Asked {
        what: FreezeKind::ContractNew,
        organisation: &contract.organisation,
        provider: Some(&contract.provider),
        contract: Some(&contract.id),
    }
}

/// Returns a contract as the next revision of another. Since a day it is with somebody else as a new one; and what has begun does not
/// begin later.
fn amended(
    contract: Contract,
    before: Contract,
    (from, today): (Option<Day>, Day),
) -> Result<Contract, Error> {
    let amended = match from {
        Some(from) if contract.is_with_others(&before) => contract.in_place_of(&before, from),
        Some(from) if before.start <= from && before.start < contract.start => {
            return Err(contradiction(format!(
                "the contract `{}` began on {}, and begins no later because of what is so from {from} on",
                before.id, before.start
            )));
        }
        from => contract.after(before, from.unwrap_or(today)),
    };
    amended.check().map_err(Error::Record)?;
    Ok(amended)
}

pub(crate) fn contradiction(what: String) -> Error {
    Error::Record(onshore_orders::Error::Contradiction(what))
}

pub(crate) fn organisation(record: Record) -> Option<Organisation> {
    match record {
        Record::Organisation(one) => Some(one),
        _ => None,
    }
}

fn provider(record: Record) -> Option<Provider> {
    match record {
        Record::Provider(one) => Some(one),
        _ => None,
    }
}

/// Says why a record needs a licence that nobody holds, or contradicts what another says.
fn refusal(
    registry: &Registry,
    view: &View<'_>,
    record: &Record,
    before: Option<&Record>,
    now: Timestamp,
) -> Result<Option<Said>, Error> {
    match record {
        Record::Region(region) => {
            let before = match before {
                Some(Record::Region(before)) => Some(&**before),
                _ => None,
            };
            licensing::operator_refused(registry, view, region, before, now)
        }
        Record::Partnership(one) => {
            let revision = registry.record(view, RecordKind::Region, &one.region)?;
            let Record::Region(region) = revision.record else {
                return Ok(None);
            };
            match region.operator(one.from) {
                Some(operating) if operating.organisation == one.operator => Ok(None),
                _ => Err(Error::Record(onshore_orders::Error::Contradiction(
                    format!(
                        "`{}` is not operator of record of `{}` on {}: `onshore region amend` says who is",
                        one.operator, one.region, one.from
                    ),
                ))),
            }
        }
        _ => Ok(None),
    }
}

/// Returns an order whose exemptions are as they were, and those that are new are proposed by whoever records it.
fn proposed(
    registry: &Registry,
    view: &View<'_>,
    by: Principal,
    mut order: Order,
    before: Option<&Order>,
    now: Timestamp,
) -> Result<Record, Error> {
    for exemption in &mut order.exemptions {
        let known = before
            .into_iter()
            .flat_map(|before| &before.exemptions)
            .find(|known| known.is_same_as(exemption));
        match known {
            Some(known) => *exemption = known.clone(),
            None => exemption.proposed = Some(signature(vouch(registry, view, by, now)?)),
        }
    }
    Ok(Record::Order(Box::new(order)))
}

/// Returns the day on which something is filed: that of the easternmost order, so that no order sees it a day too early.
pub(crate) fn filing_day(
    registry: &Registry,
    view: &View<'_>,
    now: Timestamp,
) -> Result<Day, Error> {
    let mut day = Day::at(now, UtcOffset::UTC);
    registry.each_record(view, RecordKind::Order, None, now, |record| {
        if let Record::Order(order) = record {
            day = day.max(Day::at(now, order.offset));
        }
    })?;
    Ok(day)
}

/// What a leaf tells of a revision.
pub(crate) fn told(kind: &'static str, revision: &Revision) -> Result<Act, Error> {
    // As a text: shares have fractions, which the canonical form of a leaf has no numbers for.
    let record = revision.record.to_json().map_err(Error::Record)?;
    let mut act = Act {
        kind,
        body: json!({ "of": revision.record.kind().word(), "revision": revision.number }),
        record: json!({
            "of": revision.record.kind().word(),
            "revision": revision.number,
            "record": record,
        }),
    };
    if let Some(from) = revision.from {
        act.record["from"] = json!(from);
    }
    Ok(act)
}

fn refused(kind: &'static str, asked: &Asked<'_>, frozen: &[Frozen]) -> Act {
    let by: Vec<Value> = frozen
        .iter()
        .map(|one| json!({ "order": one.order, "clause": one.clause }))
        .collect();
    Act {
        kind,
        body: json!({ "what": asked.what }),
        record: json!({
            "what": asked.what,
            "organisation": asked.organisation,
            "provider": asked.provider,
            "contract": asked.contract,
            "frozen_by": by,
        }),
    }
}
