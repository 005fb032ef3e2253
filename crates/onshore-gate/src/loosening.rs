//! Loosening a label takes two people (decision 0034): one proposes with a reason, another who is apart from him approves. What may
//! be loosened, and does it, is the store's; both are one unit of work.

use onshore_db::Unit;
use onshore_policy::{Principal, Role};
use onshore_registry::{Loosening, LooseningOf};
use onshore_types::{
    BucketId, Label, LeafIndex, LooseningId, TenantId, Timestamp, VersionId, Wording,
};
use serde_json::{Value, json};

use crate::acts::{Act, require};
use crate::people::{second, vouch};
use crate::{Error, Gate};

/// How long a proposal waits for its second word.
const PROPOSAL_MS: i64 = 24 * 3600 * 1000;

/// A label that somebody proposes to loosen.
#[derive(Debug, Clone)]
pub struct LooseningProposal {
    /// Whose data it is.
    pub tenant: TenantId,
    /// In which bucket.
    pub bucket: BucketId,
    /// What of it.
    pub of: LooseningOf,
    /// The label that he sees.
    pub from: Label,
    /// The label that it is to be.
    pub to: Label,
    /// Why.
    pub reason: Wording,
}

impl Gate {
    /// Proposes to loosen a label. Nothing is looser until a second person approves it.
    ///
    /// # Errors
    /// [`Error::RoleForbids`] for whoever is neither an operator nor the tenant's administrator; [`Error::Unnamed`]; those of the
    /// keepers.
    pub async fn propose_loosening(
        &self,
        by: Principal,
        proposal: LooseningProposal,
    ) -> Result<(Loosening, LeafIndex), Error> {
        crate::identities::require_of(by, proposal.tenant)?;
        self.act(by, move |registry, unit, now| {
            let proposed = vouch(registry, unit, by, now)?;
            let loosening = Loosening {
                id: LooseningId::from_bytes(onshore_keys::random()),
                tenant: proposal.tenant,
                bucket: proposal.bucket,
                of: proposal.of,
                from: proposal.from,
                to: proposal.to,
                reason: proposal.reason,
                proposed,
                approved: None,
                withdrawn: None,
            };
            registry.save_loosening(unit, &loosening)?;
            Ok((act("label.loosening-proposed", &loosening), loosening))
        })
        .await
    }

    /// Takes a proposal back.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::LooseningState`]; those of the keepers.
    pub async fn withdraw_loosening(
        &self,
        by: Principal,
        id: LooseningId,
    ) -> Result<(Loosening, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        self.act(by, move |registry, unit, now| {
            let mut loosening = registry.loosening(unit, id)?;
            require_proposed(&loosening, now)?;
            registry.withdraw_loosening(unit, id, by.id, now)?;
            loosening.withdrawn = Some((now, by.id));
            Ok((act("label.loosening-withdrawn", &loosening), loosening))
        })
        .await
    }

    /// Gives the second word for a loosening, and records it with what becomes of the label, in the unit of work in which the
    /// store loosens it.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::Unnamed`], [`Error::SamePerson`], [`Error::LooseningState`]; those of the keepers.
    pub fn settle_loosened(
        &self,
        unit: &Unit<'_>,
        by: Principal,
        id: LooseningId,
    ) -> Result<(Loosening, LeafIndex), Error> {
        require(by, &[Role::Operator])?;
        let (now, registry) = (self.now(), &self.inner.registry);
        let mut loosening = registry.loosening(unit, id)?;
        require_proposed(&loosening, now)?;
        let approved = second(registry, unit, by, &loosening.proposed.person, now)?;
        registry.save_loosening_approval(unit, id, &approved)?;
        loosening.approved = Some(approved);
        let leaf = self
            .inner
            .record_act(unit, by, act("label.loosened", &loosening), now)?;
        Ok((loosening, leaf))
    }
}

/// Returns the word for where a loosening stands.
#[must_use]
pub fn loosening_state(loosening: &Loosening, now: Timestamp) -> &'static str {
    let lapses = loosening
        .proposed
        .at
        .as_millis()
        .saturating_add(PROPOSAL_MS);
    match (&loosening.withdrawn, &loosening.approved) {
        (Some(_), _) => "withdrawn",
        (None, Some(_)) => "approved",
        (None, None) if now.as_millis() < lapses => "proposed",
        (None, None) => "lapsed",
    }
}

fn require_proposed(loosening: &Loosening, now: Timestamp) -> Result<(), Error> {
    match loosening_state(loosening, now) {
        "proposed" => Ok(()),
        state => Err(Error::LooseningState {
            id: loosening.id,
            state,
        }),
    }
}

fn act(kind: &'static str, loosening: &Loosening) -> Act {
    let (version, key): (Option<VersionId>, Option<&String>) = match &loosening.of {
        LooseningOf::Bucket => (None, None),
        LooseningOf::Version { version, key, .. } => (Some(*version), Some(key)),
    };
    let body = json!({
        "loosening": loosening.id,
        "tenant": loosening.tenant,
        "bucket": loosening.bucket,
        "version": version,
        "before": loosening.from,
        "label": loosening.to,
        "proposed_by": loosening.proposed.by,
        "approved_by": loosening.approved.as_ref().map(|approved| approved.by),
    });
    // Names and what people wrote are committed to and shown with the proof alone.
    let mut record = body.clone();
    if let Value::Object(members) = &mut record {
        members.insert("key".to_owned(), json!(key));
        members.insert("reason".to_owned(), json!(loosening.reason));
        members.insert("proposer".to_owned(), json!(loosening.proposed.person));
        let approver = loosening.approved.as_ref().map(|approved| &approved.person);
        members.insert("approver".to_owned(), json!(approver));
    }
    Act { kind, body, record }
}
