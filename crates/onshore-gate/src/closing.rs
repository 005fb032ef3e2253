//! Closing a contract: all of it has arrived, nothing that its provider says it has is forgotten, its statement that it deleted everything
//! is kept, and somebody looked there afterwards (docs/decisions/0074).

use std::collections::{BTreeSet, HashSet};

use onshore_db::View;
use onshore_ledger::Hash;
use onshore_orders::{Asset, Contract, Day, Deletion, Id, Record, RecordKind, Registered as _};
use onshore_policy::{Principal, Role};
use onshore_registry::{JobState, Registry, Revision};
use onshore_types::{JobId, LeafIndex, Timestamp};
use serde::Deserialize;
use serde_json::json;

use crate::acts::require;
use crate::departures::{check_statement, forgotten};
use crate::people::vouch;
use crate::register::{contradiction, filing_day, told};
use crate::{Error, Gate};

/// So much of what a provider has is named in a refusal.
const NAMED_MAX: usize = 20;

/// What is filed to close a contract.
#[derive(Debug)]
pub struct Closing {
    /// The provider's statement.
    pub statement: Vec<u8>,
    /// The decommissionings that looked at the provider and found nothing.
    pub probes: Vec<JobId>,
    /// On which day somebody else looked there and found nothing, where no job did.
    pub negative_probe: Option<Day>,
    /// Whether a named person sets aside what speaks against it.
    pub sets_aside: bool,
}

/// What a decommissioning says of what is left at the source.
#[derive(Debug, Deserialize)]
struct Probed {
    left: u64,
    probed: Timestamp,
}

impl Gate {
    /// Files that a provider deleted what was kept under a contract: its statement, which is kept, and that nothing was found there
    /// afterwards, by jobs that looked or by somebody's word. Where that was filed before, the provider signed another statement, has something
    /// that no proven asset is, or something is not proven to have arrived, a named person may set that aside.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Unnamed`]; what contradicts itself, or what the provider said; those of the keepers.
    pub async fn close_contract(
        &self,
        by: Principal,
        id: Id,
        mut closing: Closing,
    ) -> Result<(Revision, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        let mut named = HashSet::new();
        closing.probes.retain(|job| named.insert(*job));
        let statement_sha256 = Hash::of(&closing.statement).to_string();
        self.act(by, move |registry, unit, now| {
            let before = registry.record(unit, RecordKind::Contract, &id)?;
            let Record::Contract(contract) = before.record else {
                return Err(onshore_registry::Error::NoSuchRecord {
                    kind: RecordKind::Contract,
                    id,
                }
                .into());
            };
            let assets = assets_of(registry, unit, &contract.id, now)?;
            let negative_probe = probe(registry, unit, &assets, &closing)?;
            let checked = check_open(&contract)
                .and_then(|()| check_statement(registry, unit, &contract, &statement_sha256))
                .and_then(|()| check_proven(registry, unit, (&contract, &assets), negative_probe))
                .and_then(|()| check_inventory(registry, unit, &contract, &assets));
            let set_aside = match checked {
                Err(Error::Record(_)) if closing.sets_aside => {
                    vouch(registry, unit, by, now)?;
                    true
                }
                checked => checked.map(|()| false)?,
            };
            let who = registry.holder(unit, by.id)?.person;
            let who = who.map_or_else(|| by.id.to_string(), |person| person.as_str().to_owned());
            let closed = Contract {
                deletion: Some(Deletion {
                    statement_sha256: statement_sha256.clone(),
                    negative_probe,
                    filed: filing_day(registry, unit, now)?,
                    probes: closing.probes.iter().map(ToString::to_string).collect(),
                    typed_by: closing.probes.is_empty().then_some(who),
                    set_aside,
                }),
                ..contract
            };
            closed.check().map_err(Error::Record)?;
            let filed = (&*statement_sha256, &*closing.statement);
            registry.save_deletion_statement(unit, &closed.id, filed, (by.id, now))?;
            let closed = Record::Contract(closed);
            let revision = registry.amend_record(unit, &closed, before.number, by.id, now)?;
            let mut act = told("contract.closed", &revision)?;
            if set_aside {
                act.body["set_aside"] = json!(true);
                act.record["set_aside"] = json!(true);
            }
            Ok((act, revision))
        })
        .await
    }

    /// Returns the statement by which a contract was closed, or an earlier one with this SHA-256, where it was kept.
    ///
    /// # Errors
    /// A contract that is not there; those of the keepers.
    pub async fn deletion_statement(
        &self,
        id: Id,
        sha256: Option<String>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let registry = self.inner.registry.clone();
        self.inner
            .db
            .read(move |view: &View<'_>| {
                let revision = registry.record(view, RecordKind::Contract, &id)?;
                let Record::Contract(Contract {
                    deletion: Some(deletion),
                    ..
                }) = revision.record
                else {
                    return Ok::<_, Error>(None);
                };
                let sha256 = sha256.as_ref().unwrap_or(&deletion.statement_sha256);
                Ok(registry.deletion_statement(view, &id, sha256)?)
            })
            .await
    }
}

/// Returns the assets of a contract as far as they were known at an instant.
pub(crate) fn assets_of(
    registry: &Registry,
    view: &View<'_>,
    contract: &Id,
    at: Timestamp,
) -> Result<Vec<Asset>, Error> {
    let mut all = Vec::new();
    registry.each_record(view, RecordKind::Asset, Some(contract), at, |record| {
        if let Record::Asset(asset) = record {
            all.push(asset);
        }
    })?;
    Ok(all)
}

/// Returns the day of the probe: that of the earliest of the jobs that looked, each of which found nothing, and which looked for all that
/// arrived; or the one that somebody says.
fn probe(
    registry: &Registry,
    view: &View<'_>,
    assets: &[Asset],
    closing: &Closing,
) -> Result<Day, Error> {
    let mut looked = BTreeSet::new();
    let mut earliest: Option<Day> = None;
    for job in &closing.probes {
        let decommission = registry.decommission(view, *job)?;
        let state = registry.job_in(view, *job)?.state;
        let report = registry.job_report_in(view, *job)?;
        let report = report.and_then(|report| serde_json::from_value::<Probed>(report).ok());
        let (Some(found), Some(report), JobState::Complete) = (decommission, report, state) else {
            return Err(contradiction(format!(
                "{job} is no decommissioning that ended complete: it found nothing out"
            )));
        };
        if report.left > 0 {
            return Err(contradiction(format!(
                "{job} looked at the source, and {} objects are left there",
                report.left
            )));
        }
        looked.insert(found.of.to_string());
        let day = filing_day(registry, view, report.probed)?;
        earliest = Some(earliest.map_or(day, |known| known.min(day)));
    }
    match (earliest, closing.negative_probe) {
        (None, Some(day)) => Ok(day),
        (None, None) => Err(contradiction(
            "nobody says that nothing was found there: name the jobs that looked (--probe), or the day of a probe (--negative-probe)"
                .to_owned(),
        )),
        (Some(_), Some(_)) => Err(contradiction(
            "the day of a probe is that of the jobs that looked: name those, or a day".to_owned(),
        )),
        (Some(_), None) if assets.is_empty() => Err(contradiction(
            "the contract has no assets that jobs could have looked for: say the day of a probe (--negative-probe)"
                .to_owned(),
        )),
        (Some(day), None) => {
            let is_looked_for = |asset: &&Asset| {
                let proof = asset.proof.as_ref();
                proof.is_some_and(|proof| looked.contains(&proof.job))
            };
            match assets.iter().find(|asset| !is_looked_for(asset)) {
                Some(asset) => Err(contradiction(format!(
                    "none of the jobs looked for `{}` where it was brought from",
                    asset.id
                ))),
                None => Ok(day),
            }
        }
    }
}

/// What was filed stays, unless somebody stands for it that it does not.
fn check_open(contract: &Contract) -> Result<(), Error> {
    match &contract.deletion {
        None => Ok(()),
        Some(filed) => Err(contradiction(format!(
            "`{}` was closed on {}, by the statement with the SHA-256 {}: that stays, unless a named person files another with --set-aside",
            contract.id, filed.filed, filed.statement_sha256
        ))),
    }
}

/// Nothing is filed as deleted before all of it has arrived, and nobody has looked for it before that.
fn check_proven(
    registry: &Registry,
    view: &View<'_>,
    (contract, assets): (&Contract, &[Asset]),
    negative_probe: Day,
) -> Result<(), Error> {
    let unproven = assets.iter().filter(|asset| asset.proof.is_none()).count();
    if unproven > 0 {
        return Err(contradiction(format!(
            "{unproven} assets of `{}` are not proven to have arrived (onshore asset prove): what is deleted before that is lost",
            contract.id
        )));
    }
    let mut newest = contract.start;
    for proof in assets.iter().filter_map(|asset| asset.proof.as_ref()) {
        // It has arrived when the job ended, whenever that was filed.
        let ended = match proof.job.parse() {
            Ok(job) => registry.job_in(view, job)?.ended,
            Err(_) => None,
        };
        let ended = ended.map(|at| filing_day(registry, view, at)).transpose()?;
        newest = newest.max(ended.map_or(proof.filed, |ended| ended.min(proof.filed)));
    }
    if negative_probe < newest {
        return Err(contradiction(format!(
            "the negative probe is of {negative_probe}, and what it looked for was there until {newest} at least"
        )));
    }
    Ok(())
}

/// What the provider says it has is among what has arrived.
fn check_inventory(
    registry: &Registry,
    view: &View<'_>,
    contract: &Contract,
    assets: &[Asset],
) -> Result<(), Error> {
    let forgotten = forgotten(registry, view, contract, assets)?;
    if forgotten.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = forgotten
        .iter()
        .take(NAMED_MAX)
        .map(|(kind, name)| format!("{} `{name}`", kind.word()))
        .collect();
    Err(contradiction(format!(
        "`{}` says that it has {} things more than have arrived, which `onshore departure compare` shows: {}",
        contract.provider,
        forgotten.len(),
        named.join(", ")
    )))
}
