//! The rules in force: those of the border, and those of the rule pack that is activated for now. They change at an instant
//! that was recorded before; with them a configuration epoch begins, and what was judged by the former ones is judged anew.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use onshore_db::Unit;
use onshore_ledger::{Hash, canonical};
use onshore_policy::rule_pack::{self, Border, run_cases, untried};
use onshore_policy::{PackFiles, Policy, Principal, Role, RulePack};
use onshore_registry::{ActivatedPack, Approval, PackActivation};
use onshore_types::{LeafIndex, Timestamp};
use serde_json::{Value, json};

use crate::acts::{Act, require};
use crate::gate::Inner;
use crate::granted::Granted;
use crate::people::{second, vouch};
use crate::{Error, Gate};

/// How long a pack that opens a border waits for its second word.
const PROPOSAL_MS: i64 = 24 * 3600 * 1000;
/// No change of the rules is due.
pub(crate) const NEVER_MS: i64 = i64::MAX;

/// The rules of an epoch, and what was granted under them without an approval.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) policy: Policy,
    pub(crate) epoch: u64,
    pub(crate) granted: Granted,
    /// The activation that they come from; none where no pack was ever activated.
    activation: Option<u64>,
}

impl Rules {
    /// Returns the rules of the border, under no epoch yet.
    pub(crate) fn at_first() -> Result<Self, Error> {
        Ok(Self {
            policy: policy_of(None)?,
            epoch: 0,
            granted: Granted::default(),
            activation: None,
        })
    }
}

/// The rules that a data folder says are in force at an instant, and when they are no longer.
pub(crate) struct Due {
    activation: Option<PackActivation>,
    until_ms: i64,
}

impl Gate {
    /// Activates a rule pack as of an instant, or of now; without files from then on the rules of the border stand alone. What
    /// flows out when it takes effect is judged anew. One that opens the border is a proposal until a second person has approved it.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Unnamed`] for whoever would open a border and is nobody by name; [`Error::Pack`] for a pack that cannot be used; [`Error::PackNotHere`] for one of another
    /// jurisdiction, [`Error::PackIncomplete`] where a limit has no value at some time from then on, [`Error::PackCases`] where a
    /// case of its own table does not hold, [`Error::PackUntried`] where it says nothing of a rule or a limit; [`Error::PackPast`]; those of the keepers.
    pub async fn activate_pack(
        &self,
        by: Principal,
        files: Option<PackFiles>,
        as_of: Option<Timestamp>,
    ) -> Result<(PackActivation, LeafIndex), Error> {
        require(by, &[Role::Operator, Role::Regulator])?;
        let now = self.now();
        if as_of.is_some_and(|as_of| as_of < now) {
            return Err(Error::PackPast { now });
        }
        let usable = files
            .map(|files| self.usable_pack(files, as_of.unwrap_or(now)))
            .transpose()?;
        let (pack, border) = usable.map_or((None, Border::Closed), |(pack, border)| {
            (Some(pack), border)
        });
        let (activation, leaf) = self
            .act(by, move |registry, unit, now| {
                let words = match border {
                    Border::Open => Some((vouch(registry, unit, by, now)?, None)),
                    Border::Closed => None,
                };
                let activation = PackActivation {
                    id: 0,
                    as_of: as_of.unwrap_or(now).max(now),
                    recorded: now,
                    by: by.id,
                    pack,
                    words,
                };
                let activation = registry.save_pack_activation(unit, activation)?;
                let kind = if activation.is_proposal() {
                    "pack.proposed"
                } else {
                    "pack.activated"
                };
                Ok((told_of(kind, &activation)?, activation))
            })
            .await?;
        if !activation.is_proposal() {
            self.take_effect(&activation).await?;
        }
        Ok((activation, leaf))
    }

    /// Gives the second word for a pack that opens the border, which somebody else proposed: it is in force from then on, or from the
    /// instant that was proposed.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::Unnamed`], [`Error::SamePerson`]; [`Error::NoPackToApprove`] where nothing of that number waits;
    /// those of the keepers.
    pub async fn approve_pack(
        &self,
        by: Principal,
        id: u64,
    ) -> Result<(PackActivation, LeafIndex), Error> {
        require(by, &[Role::Operator, Role::Regulator])?;
        let (activation, leaf) = self
            .act(by, move |registry, unit, now| {
                let mut waiting = registry.pack_proposals(unit)?.into_iter();
                let found = waiting.find(|one| one.id == id && !is_lapsed(one, now));
                let mut activation = found.ok_or(Error::NoPackToApprove)?;
                let (proposed, _) = activation.words.take().ok_or(Error::NoPackToApprove)?;
                let approved = second(registry, unit, by, &proposed.person, now)?;
                activation.as_of = activation.as_of.max(now);
                registry.approve_pack_activation(unit, (id, activation.as_of), &approved)?;
                activation.words = Some((proposed, Some(approved)));
                Ok((told_of("pack.activated", &activation)?, activation))
            })
            .await?;
        self.take_effect(&activation).await?;
        Ok((activation, leaf))
    }

    async fn take_effect(&self, activation: &PackActivation) -> Result<(), Error> {
        self.inner
            .rules_until_ms
            .fetch_min(activation.as_of.as_millis(), Ordering::SeqCst);
        self.turn_over().await
    }

    /// Returns what was activated, in the order in which it takes effect, and what waits for a second word behind it.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn pack_activations(&self) -> Result<Vec<PackActivation>, Error> {
        let registry = self.inner.registry.clone();
        self.inner
            .db
            .read(move |view| {
                let mut all = registry.pack_activations(view)?;
                all.extend(registry.pack_proposals(view)?);
                Ok::<_, Error>(all)
            })
            .await
    }

    /// Returns by when the renewal of an approval must be asked for: the clock `renewal` of the pack in force, for the
    /// instruments that it names. None where there is none such.
    #[must_use]
    pub fn renewal_of(&self, approval: &Approval) -> Option<rule_pack::Due> {
        let rules = self.inner.rules();
        let pack = rules.policy.pack()?;
        let row = pack.instrument(approval.instrument.as_ref()?)?;
        let clock = row.renewal.as_ref()?;
        let end = pack.day_of(approval.until).ok()?;
        let clock = pack.clock(clock, end)?;
        pack.due(clock, end).ok()?.into_iter().next()
    }

    fn usable_pack(
        &self,
        files: PackFiles,
        from: Timestamp,
    ) -> Result<(ActivatedPack, Border), Error> {
        let policy = policy_of(Some(files.clone()))?;
        let pack = policy.pack().ok_or(Error::EpochChanged)?;
        let region = self.inner.region.jurisdiction;
        let name = pack.name().clone();
        if !pack.is_for(region) {
            return Err(Error::PackNotHere { pack: name, region });
        }
        if !pack.holds_from(from) {
            return Err(Error::PackIncomplete { pack: name });
        }
        let failed: Vec<String> = run_cases(&policy, pack)
            .into_iter()
            .filter(|outcome| !outcome.holds())
            .map(|outcome| outcome.case)
            .collect();
        if let Some(first) = failed.first() {
            return Err(Error::PackCases {
                pack: name,
                failed: failed.len(),
                first: first.clone(),
            });
        }
        let border = pack.border();
        // What opens the border takes two people instead (decision 0073).
        if border == Border::Closed
            && let Some(first) = untried(&policy, pack).into_iter().next()
        {
            return Err(Error::PackUntried { pack: name, first });
        }
        let activated = ActivatedPack {
            name,
            version: pack.version().to_owned(),
            files,
        };
        Ok((activated, border))
    }

    /// Begins the first epoch of this gate. It blocks.
    pub(crate) fn begin(&self) -> Result<(), Error> {
        let gate = self.clone();
        let begun = self
            .inner
            .db
            .write_blocking(move |unit| gate.inner.begin_epoch(unit));
        let (rules, until_ms) = begun?;
        self.inner.first_epoch.store(rules.epoch, Ordering::SeqCst);
        self.inner.put_in_force(rules, until_ms);
        Ok(())
    }

    /// Puts in force what is due. Requests that come meanwhile wait for it.
    pub(crate) async fn turn_over(&self) -> Result<(), Error> {
        let _turning = self.inner.turning.lock().await;
        let is_due =
            |now: Timestamp| self.inner.rules_until_ms.load(Ordering::SeqCst) <= now.as_millis();
        if !is_due(self.now()) {
            return Ok(());
        }
        let gate = self.clone();
        let (rules, until_ms) = self
            .inner
            .db
            .write(move |unit| gate.inner.begin_epoch(unit))
            .await?;
        self.inner.put_in_force(rules, until_ms);
        Ok(())
    }
}

impl Inner {
    /// Returns the rules in force.
    pub(crate) fn rules(&self) -> Arc<Rules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the number of the epoch in force.
    pub(crate) fn epoch(&self) -> u64 {
        self.rules().epoch
    }

    /// Whether other rules are due.
    pub(crate) fn is_turning(&self, now: Timestamp) -> bool {
        self.rules_until_ms.load(Ordering::SeqCst) <= now.as_millis()
    }

    /// Reads what is in force now and records the epoch that begins with it.
    pub(crate) fn begin_epoch(&self, unit: &Unit<'_>) -> Result<(Rules, i64), Error> {
        let now = self.now();
        let due = due(&self.registry.pack_activations(unit)?, now);
        let activation = due.activation;
        let files = activation
            .as_ref()
            .and_then(|activation| activation.pack.as_ref())
            .map(|pack| pack.files.clone());
        let policy = policy_of(files)?;
        let epoch = crate::epoch::begin(self, unit, &policy, now)?;
        let rules = Rules {
            policy,
            epoch,
            granted: Granted::default(),
            activation: activation.map(|activation| activation.id),
        };
        Ok((rules, due.until_ms))
    }

    /// Judges by other rules from now on, and stops what flows out by the former ones.
    fn put_in_force(&self, rules: Rules, until_ms: i64) {
        let rules = Arc::new(rules);
        let former = std::mem::replace(
            &mut *self.rules.write().unwrap_or_else(PoisonError::into_inner),
            Arc::clone(&rules),
        );
        self.rules_until_ms.store(until_ms, Ordering::SeqCst);
        if former.activation == rules.activation {
            return;
        }
        match rules.policy.pack() {
            Some(pack) => tracing::info!(
                pack = pack.name().as_str(),
                version = pack.version(),
                epoch = rules.epoch,
                "a rule pack is in force"
            ),
            None => tracing::info!(epoch = rules.epoch, "the rules of the border stand alone"),
        }
        self.stop_what_was_judged();
    }

    /// Stops all that flows out: what it was judged by no longer holds. Who asks again is judged by what does.
    pub(crate) fn stop_what_was_judged(&self) {
        let judged = std::mem::take(
            &mut *self
                .tightened
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for flag in judged.into_values() {
            flag.store(true, Ordering::SeqCst);
        }
    }
}

/// What takes effect at an instant, and when something else does.
pub(crate) fn due(activations: &[PackActivation], now: Timestamp) -> Due {
    let (past, future): (Vec<_>, Vec<_>) = activations
        .iter()
        .partition(|activation| activation.as_of <= now);
    Due {
        activation: past.last().map(|activation| (*activation).clone()),
        until_ms: future
            .first()
            .map_or(NEVER_MS, |activation| activation.as_of.as_millis()),
    }
}

/// Makes the rules of the border, with those of a pack beside them.
pub(crate) fn policy_of(files: Option<PackFiles>) -> Result<Policy, Error> {
    match files {
        None => Policy::embedded().map_err(Error::Pack),
        Some(files) => RulePack::parse(files)
            .and_then(Policy::with_pack)
            .map_err(Error::Pack),
    }
}

/// Returns what a pack is told by in the ledger: SHA-256 of the canonical JSON of its files.
pub(crate) fn digest(files: &PackFiles) -> Result<Hash, Error> {
    let files: HashMap<&str, &str> = files.iter().collect();
    Ok(Hash::of(&canonical(&json!(files))?))
}

/// Returns what the document of an epoch says of the pack in force.
pub(crate) fn told(policy: &Policy) -> Result<Value, Error> {
    let Some(pack) = policy.pack() else {
        return Ok(Value::Null);
    };
    Ok(json!({
        "name": pack.name(),
        "version": pack.version(),
        "sha256": digest(pack.files())?,
        "border": pack.border(),
    }))
}

/// Whether nobody approved a proposal while that could be done.
#[must_use]
pub fn is_lapsed(proposal: &PackActivation, now: Timestamp) -> bool {
    let lapses = proposal.recorded.as_millis().saturating_add(PROPOSAL_MS);
    lapses <= now.as_millis()
}

fn told_of(kind: &'static str, activation: &PackActivation) -> Result<Act, Error> {
    let pack = activation.pack.as_ref();
    let words = activation.words.as_ref();
    let approved = words.and_then(|(_, approved)| approved.as_ref());
    let mut body = json!({
        "activation": activation.id,
        "pack": pack.map(|pack| &pack.name),
        "version": pack.map(|pack| &pack.version),
        "sha256": pack.map(|pack| digest(&pack.files)).transpose()?,
        "as_of": activation.as_of,
    });
    let mut record = body.clone();
    if let Some((proposed, _)) = words {
        body["border"] = json!(Border::Open);
        body["proposed_by"] = json!(proposed.by);
        body["approved_by"] = json!(approved.map(|approved| approved.by));
        record["proposer"] = json!(proposed.person);
        record["approver"] = json!(approved.map(|approved| &approved.person));
    }
    Ok(Act { kind, body, record })
}
