//! Updates of the program: what the technology provider signed is kept in quarantine, two operators approve it, and only then
//! it is handed to whoever installs it. Each step is a leaf. The server never runs, installs or fetches a bundle.

use std::fs::File;

use onshore_db::{Unit, View};
use onshore_ledger::{Platform, ReleaseVersion, SignedUpdate, VerifierKey, verify_update};
use onshore_policy::{Principal, Role};
use onshore_registry::{
    Draft, NewUpdate, Quarantine, QuarantineError, Registry, Update, UpdateState, Vouched,
};
use onshore_types::{LeafIndex, UpdateId, Wording};
use serde_json::{Value, json};

use crate::acts::{Act, require};
use crate::people::vouch;
use crate::{Error, Gate};

/// How many operators must approve an update.
pub const APPROVALS_MIN: usize = 2;
/// How many bundles there may be in quarantine.
const QUARANTINED_MAX: usize = 16;

/// What an update is held against.
#[derive(Debug, Clone)]
pub struct UpdateRules {
    /// The technology provider's keys, as the operator configured them.
    pub keys: Vec<VerifierKey>,
    /// What this server runs on.
    pub platform: Platform,
    /// The release that runs.
    pub running: ReleaseVersion,
    /// Where bundles are.
    pub quarantine: Quarantine,
}

/// Whether a release older than the one that runs is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OlderReleases {
    /// It is refused: it may bring back what was mended.
    Refused,
    /// It is let in, and the leaf says so.
    Allowed,
}

/// Why an update goes no further.
#[derive(Debug, thiserror::Error)]
pub enum UpdateRefusal {
    /// No key is configured.
    #[error(
        "the configuration names no key of the technology provider: an operator writes it into [updates] keys, from another \
         source than the bundle"
    )]
    NoKey,
    /// The bundle is none, is not what was signed, or is signed by somebody else.
    #[error("{}", told(.0))]
    Bundle(#[source] onshore_ledger::Error),
    /// The binary runs elsewhere.
    #[error("the update is for {bundle}, and this server runs on {here}")]
    OtherPlatform {
        /// What it runs on.
        bundle: Platform,
        /// What the server runs on.
        here: Platform,
    },
    /// The release is older.
    #[error(
        "the update is release {bundle}, older than {running}, which runs; import it with --allow-older to go back all the same"
    )]
    Older {
        /// The bundle's release.
        bundle: ReleaseVersion,
        /// The one that runs.
        running: ReleaseVersion,
    },
    /// There are enough already.
    #[error(
        "there are {QUARANTINED_MAX} updates in quarantine; `onshore update reject` makes room"
    )]
    Full,
    /// Too few have approved.
    #[error("{approvals} of {APPROVALS_MIN} operators have approved the update {id}")]
    NotApproved {
        /// Which.
        id: UpdateId,
        /// How many did.
        approvals: usize,
    },
    /// It was rejected.
    #[error("the update {0} was rejected, which is for good")]
    Rejected(UpdateId),
    /// Its bundle is not in quarantine.
    #[error(
        "the bundle of the update {0} is not in quarantine any more; import it again, its approvals stand"
    )]
    Gone(UpdateId),
    /// Another bundle lies in its place.
    #[error("the bundle in quarantine is not that of the update {0}; import that again")]
    Swapped(UpdateId),
}

/// What is to be installed.
#[derive(Debug)]
pub struct StagedUpdate {
    /// The bundle, at its beginning. It was what was approved a moment ago; whoever takes it compares it once more.
    pub bundle: File,
    /// Its record.
    pub update: Update,
    /// The leaf that tells of it.
    pub leaf: LeafIndex,
}

impl UpdateRefusal {
    /// Returns the word that stands for it in the ledger.
    fn word(&self) -> &'static str {
        match self {
            Self::NoKey => "no-key",
            Self::Bundle(onshore_ledger::Error::SignatureMissing) => "unknown-signer",
            Self::Bundle(_) => "altered",
            Self::OtherPlatform { .. } => "other-platform",
            Self::Older { .. } => "older",
            Self::Full => "full",
            Self::NotApproved { .. } => "not-approved",
            Self::Rejected(_) => "rejected",
            Self::Gone(_) => "gone",
            Self::Swapped(_) => "swapped",
        }
    }
}

impl Gate {
    /// Takes an update into quarantine, and returns the leaf that tells of it. One that is there already stays as it is, and
    /// has no new leaf; its bundle is laid down anew.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Update`]; those of the quarantine and the keepers.
    pub async fn import_update(
        &self,
        by: Principal,
        rules: &UpdateRules,
        draft: Draft,
        older: OlderReleases,
    ) -> Result<(Update, Option<LeafIndex>), Error> {
        require(by, &[Role::Operator])?;
        let examined = {
            let (rules, mut draft) = (rules.clone(), draft);
            blocking(move || {
                let signed = examine(&rules, draft.reader()?, older)?;
                Ok((signed, draft))
            })
            .await
        };
        let (signed, draft) = match examined {
            Ok(examined) => examined,
            Err(error) => return Err(self.refused_update(by, None, error).await),
        };
        let id = id_of(&signed);
        let registry = self.inner.registry.clone();
        let known = self
            .inner
            .db
            .read(move |view| Ok::<_, Error>(registry.updates(view)?))
            .await?;
        let existing = known.iter().find(|update| update.id == id);
        if let Some(Update {
            state: UpdateState::Rejected { .. },
            ..
        }) = existing
        {
            let refused = UpdateRefusal::Rejected(id).into();
            return Err(self.refused_update(by, Some(id), refused).await);
        }
        let kept = known
            .iter()
            .filter(|update| !matches!(update.state, UpdateState::Rejected { .. }));
        if existing.is_none() && kept.count() >= QUARANTINED_MAX {
            return Err(UpdateRefusal::Full.into());
        }
        blocking(move || Ok(draft.keep(id)?)).await?;
        let update = NewUpdate {
            id,
            is_older: signed.manifest.version < rules.running,
            manifest: signed.manifest,
            signed_by: signed.signed_by.to_string(),
        };
        let gate = self.clone();
        self.inner
            .db
            .write(move |unit| {
                let registry = &gate.inner.registry;
                match registry.update(unit, id) {
                    Ok(update) => return Ok((update, None)),
                    Err(onshore_registry::Error::NoSuchUpdate(_)) => {}
                    Err(error) => return Err(error.into()),
                }
                let now = gate.now();
                registry.save_update(unit, &update, by.id, now)?;
                let update = registry.update(unit, id)?;
                let act = act("update.quarantined", &update, json!({}), json!({}));
                let leaf = gate.inner.record_act(unit, by, act, now)?;
                Ok((update, Some(leaf)))
            })
            .await
    }

    /// Returns all updates, the latest first.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn updates(&self) -> Result<Vec<Update>, Error> {
        let registry = self.inner.registry.clone();
        self.inner
            .db
            .read(move |view: &View<'_>| Ok::<_, Error>(registry.updates(view)?))
            .await
    }

    /// Looks an update up.
    ///
    /// # Errors
    /// Those of the registry.
    pub async fn update(&self, id: UpdateId) -> Result<Update, Error> {
        let registry = self.inner.registry.clone();
        self.inner
            .db
            .read(move |view: &View<'_>| Ok::<_, Error>(registry.update(view, id)?))
            .await
    }

    /// Records that an operator approves an update. Each approval is of a person who is apart from those of the others.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Unnamed`]; [`Error::SamePerson`]; [`Error::Update`]; those of the keepers.
    pub async fn approve_update(
        &self,
        by: Principal,
        id: UpdateId,
    ) -> Result<(Update, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        self.act(by, move |registry, unit, now| {
            let update = standing(registry, unit, id)?;
            let word = vouch(registry, unit, by, now)?;
            let is_apart = |known: &Vouched| word.person.is_apart_from(&known.person);
            if !update.approvals.iter().all(is_apart) {
                return Err(Error::SamePerson);
            }
            registry.save_update_approval(unit, id, &word)?;
            let update = registry.update(unit, id)?;
            let more = json!({ "approvals": update.approvals.len() });
            // Who it was is committed to and shown with the proof alone.
            let withheld = json!({ "person": word.person });
            Ok((act("update.approved", &update, more, withheld), update))
        })
        .await
    }

    /// Rejects an update for good: its bundle is removed from quarantine.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Update`]; those of the quarantine and the keepers.
    pub async fn reject_update(
        &self,
        by: Principal,
        rules: &UpdateRules,
        id: UpdateId,
        reason: Wording,
    ) -> Result<(Update, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        let rejected = self
            .act(by, move |registry, unit, now| {
                let update = standing(registry, unit, id)?;
                // Why is committed to and shown with the proof alone: people write names into reasons.
                let record = json!({ "reason": reason });
                let act = act("update.rejected", &update, json!({}), record);
                let state = UpdateState::Rejected {
                    at: now,
                    by: by.id,
                    reason,
                };
                registry.set_update_state(unit, id, &state)?;
                Ok((act, Update { state, ..update }))
            })
            .await?;
        let quarantine = rules.quarantine.clone();
        blocking(move || Ok(quarantine.remove(id)?)).await?;
        Ok(rejected)
    }

    /// Hands an approved update out, if its bundle is at this moment what was approved, signed by a key that is configured at
    /// this moment.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::Update`]; those of the quarantine and the keepers.
    pub async fn stage_update(
        &self,
        by: Principal,
        rules: &UpdateRules,
        id: UpdateId,
    ) -> Result<StagedUpdate, Error> {
        require(by, &[Role::Operator])?;
        let update = self.update(id).await?;
        let ready = ready(&update);
        if let Err(refusal) = ready {
            return Err(self.refused_update(by, Some(id), refusal.into()).await);
        }
        let older = if update.is_older {
            OlderReleases::Allowed
        } else {
            OlderReleases::Refused
        };
        let examined = {
            let rules = rules.clone();
            blocking(move || {
                let mut bundle = rules
                    .quarantine
                    .bundle(id)?
                    .ok_or(UpdateRefusal::Gone(id))?;
                let signed = examine(&rules, &mut bundle, older)?;
                if id_of(&signed) != id {
                    return Err(UpdateRefusal::Swapped(id).into());
                }
                std::io::Seek::rewind(&mut bundle).map_err(QuarantineError::Io)?;
                Ok(bundle)
            })
            .await
        };
        let bundle = match examined {
            Ok(bundle) => bundle,
            Err(error) => return Err(self.refused_update(by, Some(id), error).await),
        };
        let (update, leaf) = self
            .act(by, move |registry, unit, now| {
                let update = registry.update(unit, id)?;
                // Somebody may have rejected it meanwhile.
                self::ready(&update)?;
                let state = UpdateState::Staged { at: now, by: by.id };
                registry.set_update_state(unit, id, &state)?;
                let act = act("update.staged", &update, json!({}), json!({}));
                Ok((act, Update { state, ..update }))
            })
            .await?;
        Ok(StagedUpdate {
            bundle,
            update,
            leaf,
        })
    }

    /// Removes from quarantine what no record tells of. It blocks.
    ///
    /// # Errors
    /// Those of the quarantine and the keepers.
    pub fn sweep_quarantine(&self, quarantine: &Quarantine) -> Result<(), Error> {
        let registry = self.inner.registry.clone();
        let known = self
            .inner
            .db
            .read_blocking(|view| Ok::<_, Error>(registry.updates(view)?))?;
        let known: Vec<UpdateId> = known
            .into_iter()
            .filter(|update| !matches!(update.state, UpdateState::Rejected { .. }))
            .map(|update| update.id)
            .collect();
        Ok(quarantine.sweep(&known)?)
    }

    /// Records that an update was refused, and returns why.
    async fn refused_update(&self, by: Principal, id: Option<UpdateId>, error: Error) -> Error {
        let Error::Update(refusal) = &error else {
            return error;
        };
        let body = json!({ "update": id, "cause": refusal.word() });
        let recorded = self
            .act(by, move |_, _, _| {
                let act = Act {
                    kind: "update.refused",
                    record: body.clone(),
                    body,
                };
                Ok((act, ()))
            })
            .await;
        match recorded {
            Ok(_) => error,
            Err(failed) => failed,
        }
    }
}

/// Returns what stands for an update: the start of its manifest's digest, so that the same manifest is the same update.
fn id_of(signed: &SignedUpdate) -> UpdateId {
    let digest = signed.manifest.digest();
    let (start, _) = digest
        .as_bytes()
        .split_first_chunk::<16>()
        .expect("a digest has 32 bytes");
    UpdateId::from_bytes(*start)
}

/// Reads a bundle to its end: who signed it, whether the binary is what was signed, and whether it is for here.
fn examine(
    rules: &UpdateRules,
    bundle: &mut File,
    older: OlderReleases,
) -> Result<SignedUpdate, Error> {
    if rules.keys.is_empty() {
        return Err(UpdateRefusal::NoKey.into());
    }
    let signed = verify_update(bundle, &rules.keys).map_err(|error| match error {
        onshore_ledger::Error::UpdateIo(error) => Error::Quarantine(error.into()),
        error => UpdateRefusal::Bundle(error).into(),
    })?;
    let manifest = &signed.manifest;
    if manifest.platform != rules.platform {
        return Err(UpdateRefusal::OtherPlatform {
            bundle: manifest.platform.clone(),
            here: rules.platform.clone(),
        }
        .into());
    }
    if manifest.version < rules.running && older == OlderReleases::Refused {
        return Err(UpdateRefusal::Older {
            bundle: manifest.version,
            running: rules.running,
        }
        .into());
    }
    Ok(signed)
}

/// Returns an update that nobody rejected.
fn standing(registry: &Registry, unit: &Unit<'_>, id: UpdateId) -> Result<Update, Error> {
    let update = registry.update(unit, id)?;
    match update.state {
        UpdateState::Rejected { .. } => Err(UpdateRefusal::Rejected(id).into()),
        UpdateState::Quarantined | UpdateState::Staged { .. } => Ok(update),
    }
}

/// Whether an update may be handed out.
fn ready(update: &Update) -> Result<(), UpdateRefusal> {
    match update.state {
        UpdateState::Rejected { .. } => Err(UpdateRefusal::Rejected(update.id)),
        UpdateState::Quarantined | UpdateState::Staged { .. } => {
            let approvals = update.approvals.len();
            if approvals < APPROVALS_MIN {
                return Err(UpdateRefusal::NotApproved {
                    id: update.id,
                    approvals,
                });
            }
            Ok(())
        }
    }
}

/// Makes the act of a step: everybody may read which release it is about and where its sources are deposited.
fn act(kind: &'static str, update: &Update, more: Value, withheld: Value) -> Act {
    let manifest = &update.manifest;
    let mut body = json!({
        "update": update.id,
        "version": manifest.version.to_string(),
        "platform": manifest.platform.to_string(),
        "sha256": manifest.sha256,
        "escrow": manifest.escrow,
        "signed_by": update.signed_by,
        "older": update.is_older,
    });
    let add = |to: &mut Value, more: Value| {
        if let (Value::Object(to), Value::Object(more)) = (to, more) {
            to.extend(more);
        }
    };
    add(&mut body, more);
    let mut record = body.clone();
    add(&mut record, withheld);
    Act { kind, body, record }
}

fn told(error: &onshore_ledger::Error) -> String {
    match error {
        onshore_ledger::Error::SignatureMissing => {
            "the update bundle is signed by no key of [updates] keys".to_owned()
        }
        onshore_ledger::Error::UpdateMalformed(_) => error.to_string(),
        error => format!("the update bundle is refused: {error}"),
    }
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(Error::Db(onshore_db::Error::Closed)))
}
