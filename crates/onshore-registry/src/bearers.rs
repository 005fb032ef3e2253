//! Who acts, ready to be judged: an identity with its compiled policies and those of its groups. It is remembered until
//! anything of any identity changes.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use onshore_db::View;
use onshore_policy::iam::{Asker, Compiled, Kind, Named, Standing};
use onshore_types::{Jurisdiction, PartitionName, PrincipalId, TenantId};

use crate::rows::parsed_opt;
use crate::{Error, IdentityKind, Registry};

/// Who acts, as far as what he may do is concerned.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// The tenant he belongs to.
    pub tenant: TenantId,
    /// As what policies name him.
    pub named: Named,
    /// The same, for questions.
    pub asker: Asker,
    /// Whether he is the administrator of his tenant.
    pub standing: Standing,
    /// What he may do.
    pub policies: Vec<Arc<Compiled>>,
    /// His tags.
    pub tags: BTreeMap<String, String>,
    /// Where the organisations are that he acts for, his tenant's and the one that is said of himself; none where that is the
    /// region's own jurisdiction. The most foreign counts, so nobody is brought closer than his tenant is.
    pub organisations: Vec<Jurisdiction>,
}

impl Registry {
    /// Returns who acts with a key of the administrator of a tenant.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn admin(&self, tenant: TenantId) -> Result<Arc<Bearer>, Error> {
        let generation = match self.recalled(*tenant.as_bytes()) {
            Ok(bearer) => return Ok(bearer),
            Err(generation) => generation,
        };
        let organisation = self
            .db
            .read(move |view| organisation_of(view, tenant))
            .await?;
        let bearer = Arc::new(Bearer {
            tenant,
            named: Named::Tenant(tenant),
            asker: Asker::admin(tenant),
            standing: Standing::Admin,
            policies: Vec::new(),
            tags: BTreeMap::new(),
            organisations: organisation.into_iter().collect(),
        });
        self.remember(generation, |remembered| {
            remembered
                .bearers
                .insert(*tenant.as_bytes(), Arc::clone(&bearer));
        });
        Ok(bearer)
    }

    /// Returns a user or a role as somebody who acts; none where there is no such identity any more.
    ///
    /// # Errors
    /// Those of the database; [`Error::Policy`] for a policy that does not compile any more.
    pub async fn bearer(
        &self,
        id: PrincipalId,
        partition: &PartitionName,
    ) -> Result<Option<Arc<Bearer>>, Error> {
        let generation = match self.recalled(*id.as_bytes()) {
            Ok(bearer) => return Ok(Some(bearer)),
            Err(generation) => generation,
        };
        let registry = self.clone();
        let found = self
            .db
            .read(move |view| {
                let Some(identity) = registry.identity_by_id(view, id)? else {
                    return Ok::<_, Error>(None);
                };
                let policies = registry.policies_in_force(view, id)?;
                let organisation = organisation_of(view, identity.tenant)?;
                Ok(Some((identity, policies, organisation)))
            })
            .await?;
        let Some((identity, policies, of_tenant)) = found else {
            return Ok(None);
        };
        let named = match identity.kind {
            IdentityKind::User => Named::User(identity.tenant, identity.name),
            IdentityKind::Role => Named::Role(identity.tenant, identity.name),
            IdentityKind::Group => return Ok(None),
        };
        let policies = policies
            .iter()
            .map(|document| Compiled::parse(document, &Kind::Identity, partition).map(Arc::new))
            .collect::<Result<_, _>>()?;
        let bearer = Arc::new(Bearer {
            tenant: identity.tenant,
            asker: Asker::named(&named),
            named,
            standing: Standing::Identity,
            policies,
            tags: identity.details.tags,
            organisations: of_tenant
                .into_iter()
                .chain(identity.details.organisation)
                .collect(),
        });
        self.remember(generation, |remembered| {
            remembered
                .bearers
                .insert(*id.as_bytes(), Arc::clone(&bearer));
        });
        Ok(Some(bearer))
    }

    /// Returns what is remembered, or the generation in which nothing is.
    fn recalled(&self, id: [u8; 16]) -> Result<Arc<Bearer>, u64> {
        let remembered = self
            .remembered
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        remembered
            .bearers
            .get(&id)
            .cloned()
            .ok_or(remembered.generation)
    }
}

fn organisation_of(view: &View<'_>, tenant: TenantId) -> Result<Option<Jurisdiction>, Error> {
    let found = view.one(
        "SELECT jurisdiction FROM tenants WHERE id = ?1",
        [tenant.as_bytes()],
        |row| parsed_opt(row, "jurisdiction"),
    )?;
    Ok(found.flatten())
}
