//! What several handlers need to answer: the names of tenants, where an answer goes, and the class that a text declares.

use std::collections::BTreeMap;

use onshore_policy::Role;
use onshore_registry::Registry;
use onshore_types::{Label, Place, TenantId, TenantName};

use crate::caller::Caller;
use crate::error::Error;
use crate::parts::ControlParts;

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

/// Says where what is shown goes: to the caller, and to whoever he works for where that is farther away.
pub(crate) async fn place_of_answer(
    control: &ControlParts,
    caller: &Caller,
    tenant: TenantId,
) -> Result<Place, Error> {
    if caller.role != Role::TenantAdmin {
        return Ok(caller.place);
    }
    let organisation = control.registry.tenant_by_id(tenant).await?.jurisdiction;
    Ok(match organisation {
        None => caller.place,
        Some(organisation) => control
            .gate
            .more_foreign(caller.place, Place::In(organisation)),
    })
}

/// Parses a declared class.
pub(crate) fn class(text: &str) -> Result<Label, Error> {
    Label::parse_declaration(text).map_err(|error| Error::Malformed(error.to_string()))
}
