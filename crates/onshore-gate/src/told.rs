//! What authorities told tenants, and whether a tenant's persons may be looked for: acts with a leaf each.

use std::sync::{Arc, PoisonError};

use onshore_classify::{ToldTerm, ToldTerms};
use onshore_db::Unit;
use onshore_policy::{Principal, Role};
use onshore_registry::{SubjectFinding, Told};
use onshore_types::{LeafIndex, TenantId, TenantName};
use serde_json::json;

use crate::acts::{Act, require};
use crate::{Error, Gate};

impl Gate {
    /// Takes a word that an authority told a tenant: data that it stands in is important from now on. What is stored is
    /// looked through again; whoever keeps that notes it beside, in the same unit of work. Until then nothing leaves that
    /// was looked through before, and what is leaving stops.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
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

    /// Takes a word back, and says whether it was told.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn take_term_back(
        &self,
        by: Principal,
        tenant: &TenantName,
        id: String,
    ) -> Result<(bool, LeafIndex), Error> {
        require(by, &[Role::Operator, Role::Regulator])?;
        let tenant = self.inner.registry.tenant(tenant).await?;
        let ((was_told, told), leaf) = self
            .act(by, move |registry, unit, _| {
                let was_told = registry.remove_told_term(unit, tenant.id, &id)?;
                let told = registry.told(unit, tenant.id)?;
                let act = Act {
                    kind: "important.taken-back",
                    body: json!({ "tenant": tenant.id }),
                    record: json!({ "tenant": tenant.id, "id": id, "was_told": was_told }),
                };
                Ok((act, (was_told, (tenant.id, told))))
            })
            .await?;
        self.look_for(told)?;
        Ok((was_told, leaf))
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
