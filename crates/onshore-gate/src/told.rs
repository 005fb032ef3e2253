//! What authorities told tenants, and whether a tenant's persons may be looked for: acts with a leaf each.

use std::sync::{Arc, PoisonError};

use onshore_classify::{ToldTerm, ToldTerms};
use onshore_db::Unit;
use onshore_policy::{Principal, Role};
use onshore_registry::{KnownTerm, SubjectFinding, Told, Vouched};
use onshore_types::{LeafIndex, TenantId, TenantName};
use serde_json::json;

use crate::acts::{Act, require};
use crate::people::{second, signature, vouch};
use crate::{Error, Gate};

/// How long somebody's word waits for that of another.
const PROPOSAL_MS: i64 = 24 * 3600 * 1000;

/// What came of taking a word back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenBack {
    /// There is no such word.
    WasNotTold,
    /// Somebody else must say so too.
    Proposed,
    /// It is looked for no longer.
    Done,
}

impl Gate {
    /// Takes a word that an authority told a tenant: data that it stands in is important from now on. What is stored is
    /// looked through again; whoever keeps that notes it beside, in the same unit of work. Until then nothing leaves that
    /// was looked through before, and what is leaving stops.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; [`Error::ToldOtherwise`] for the id of another word, or to make less of one: that would take it back;
    /// those of the keepers.
    pub async fn tell_term(
        &self,
        by: Principal,
        tenant: &TenantName,
        term: ToldTerm,
        beside: impl FnOnce(&Unit<'_>, TenantId, u32) -> Result<(), onshore_db::Error> + Send + 'static,
    ) -> Result<LeafIndex, Error> {
        require(by, &[Role::Operator, Role::Regulator])?;
        let tenant = self.inner.registry.tenant(tenant).await?;
        let inner = Arc::clone(&self.inner);
        let (told, leaf) = self
            .act(by, move |registry, unit, _| {
                if let Some(known) = registry.told_term(unit, tenant.id, &term.id)?
                    && (known.term.word != term.word || known.term.level > term.level)
                {
                    return Err(Error::ToldOtherwise {
                        id: term.id.clone(),
                    });
                }
                registry.save_told_term(unit, tenant.id, &term)?;
                let told = registry.told(unit, tenant.id)?;
                beside(unit, tenant.id, told.changes)?;
                inner.noticed.announce(tenant.id);
                let record = json!({
                    "tenant": tenant.id,
                    "id": term.id,
                    "word": term.word,
                    "category": term.category,
                    "ground": term.ground,
                    "authority": term.authority,
                });
                let act = Act {
                    kind: "important.told",
                    body: json!({ "tenant": tenant.id }),
                    record,
                };
                Ok((act, (tenant.id, told)))
            })
            .await?;
        self.look_for(told)?;
        Ok(leaf)
    }

    /// Takes a word back, on the words of two people who are apart: the first proposes it, and the second carries it out within a day.
    ///
    /// # Errors
    /// [`Error::RoleForbids`], [`Error::Unnamed`], [`Error::SamePerson`]; those of the keepers.
    pub async fn take_term_back(
        &self,
        by: Principal,
        tenant: &TenantName,
        id: String,
    ) -> Result<(TakenBack, LeafIndex), Error> {
        require(by, &[Role::Operator, Role::Regulator])?;
        let tenant = self.inner.registry.tenant(tenant).await?;
        let ((taken, told), leaf) = self
            .act(by, move |registry, unit, now| {
                let known = registry.told_term(unit, tenant.id, &id)?;
                let mut record = json!({ "tenant": tenant.id, "id": id });
                let is_open = |first: &Vouched| {
                    first.at.as_millis().saturating_add(PROPOSAL_MS) > now.as_millis()
                };
                let (kind, taken) = match known {
                    None => {
                        record["was_told"] = json!(false);
                        ("important.taken-back", TakenBack::WasNotTold)
                    }
                    Some(KnownTerm {
                        proposed: Some(first),
                        ..
                    }) if is_open(&first) => {
                        let approved = second(registry, unit, by, &first.person, now)?;
                        registry.remove_told_term(unit, tenant.id, &id)?;
                        record["was_told"] = json!(true);
                        record["proposed"] = json!(signature(first));
                        record["approved"] = json!(signature(approved));
                        ("important.taken-back", TakenBack::Done)
                    }
                    Some(KnownTerm { term, .. }) => {
                        let first = vouch(registry, unit, by, now)?;
                        registry.propose_taking_back(unit, tenant.id, &term, &first)?;
                        record["proposed"] = json!(signature(first));
                        ("important.take-back-proposed", TakenBack::Proposed)
                    }
                };
                let told = registry.told(unit, tenant.id)?;
                let act = Act {
                    kind,
                    body: json!({ "tenant": tenant.id }),
                    record,
                };
                Ok((act, (taken, (tenant.id, told))))
            })
            .await?;
        self.look_for(told)?;
        Ok((taken, leaf))
    }

    /// Lets a tenant's persons be looked for by an identifier, or not.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn set_subject_finding(
        &self,
        by: Principal,
        tenant: &TenantName,
        finding: SubjectFinding,
    ) -> Result<LeafIndex, Error> {
        require(by, &[Role::Operator])?;
        let tenant = self.inner.registry.tenant(tenant).await?;
        let (_, leaf) = self
            .act(by, move |registry, unit, _| {
                registry.save_subject_finding(unit, tenant.id, finding)?;
                let is_on = finding == SubjectFinding::On;
                let act = Act {
                    kind: "subject-finding.set",
                    body: json!({ "tenant": tenant.id, "on": is_on }),
                    record: json!({ "tenant": tenant.id, "on": is_on }),
                };
                Ok((act, ()))
            })
            .await?;
        Ok(leaf)
    }

    /// Returns how often authorities told tenants something, or took it back.
    #[must_use]
    pub fn told_changes(&self) -> u64 {
        let told = self
            .inner
            .told
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        told.values().map(|told| u64::from(told.version())).sum()
    }

    fn look_for(&self, (tenant, told): (TenantId, Told)) -> Result<(), Error> {
        let terms = ToldTerms::new(told.terms, told.changes).map_err(Error::Classify)?;
        let mut all = self
            .inner
            .told
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Two acts may end in another order than they were done in.
        let is_newer = all
            .get(&tenant)
            .is_none_or(|known| known.version() < terms.version());
        if is_newer {
            all.insert(tenant, Arc::new(terms));
        }
        Ok(())
    }
}
