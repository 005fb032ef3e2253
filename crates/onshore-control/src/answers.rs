//! What several handlers need to answer: the names of tenants, and the class that a text declares.

use std::collections::BTreeMap;

use onshore_registry::Registry;
use onshore_types::{Label, TenantId, TenantName};

use crate::error::Error;

/// The names of all tenants.
pub(crate) struct TenantNames(BTreeMap<TenantId, TenantName>);

impl TenantNames {
    /// Reads them.
    pub(crate) async fn read(registry: &Registry) -> Result<Self, Error> {
        let tenants = registry.tenants().await?;
        Ok(Self(
            tenants
                .into_iter()
                .map(|tenant| (tenant.id, tenant.name))
                .collect(),
        ))
    }

    /// Returns the name of a tenant.
    pub(crate) fn of(&self, tenant: TenantId) -> Result<TenantName, Error> {
        let name = self.0.get(&tenant).cloned();
        name.ok_or_else(|| onshore_registry::Error::NoSuchTenant(tenant.to_string()).into())
    }
}

/// Parses a declared class.
pub(crate) fn class(text: &str) -> Result<Label, Error> {
    Label::parse_declaration(text).map_err(|error| Error::Malformed(error.to_string()))
}
