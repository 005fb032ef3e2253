//! Tenants, and the groups they belong to.

use onshore_db::{Row, RowError, Unit, params};
use onshore_types::{GroupName, TenantId, TenantName, Timestamp};

use crate::rows::{bytes16, parsed, parsed_opt, time};
use crate::{Error, Registry};

/// An organisation whose data is kept apart from everybody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: TenantName,
    /// The group it belongs to: what is counted for one of a group counts for all of it.
    pub group: Option<GroupName>,
    /// When it was made.
    pub created: Timestamp,
}

const COLUMNS: &str = "SELECT id, name, group_name, created_ms FROM tenants";

impl Registry {
    /// Saves a new tenant.
    ///
    /// # Errors
    /// [`Error::TenantTaken`] when the name is given.
    pub fn save_tenant(&self, unit: &Unit<'_>, tenant: &Tenant) -> Result<(), Error> {
        let inserted = unit.execute(
            "INSERT INTO tenants (id, name, group_name, created_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (name) DO NOTHING",
            params![
                tenant.id.as_bytes(),
                tenant.name.as_str(),
                tenant.group.as_ref().map(GroupName::as_str),
                tenant.created.as_millis()
            ],
        )?;
        if inserted == 1 {
            Ok(())
        } else {
            Err(Error::TenantTaken(tenant.name.clone()))
        }
    }

    /// Puts a tenant into a group, or into none.
    ///
    /// # Errors
    /// [`Error::NoSuchTenant`] when there is none.
    pub fn set_group(
        &self,
        unit: &Unit<'_>,
        tenant: TenantId,
        group: Option<&GroupName>,
    ) -> Result<(), Error> {
        let changed = unit.execute(
            "UPDATE tenants SET group_name = ?2 WHERE id = ?1",
            params![tenant.as_bytes(), group.map(GroupName::as_str)],
        )?;
        if changed == 1 {
            Ok(())
        } else {
            Err(Error::NoSuchTenant(tenant.to_string()))
        }
    }

    /// Returns the tenants of a group, by name: none is a group that nobody is in.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn group(&self, group: &GroupName) -> Result<Vec<Tenant>, Error> {
        let group = group.clone();
        let tenants = self
            .db
            .read(move |view| {
                view.all(
                    &format!("{COLUMNS} WHERE group_name = ?1 ORDER BY name"),
                    [group.as_str()],
                    tenant,
                )
            })
            .await;
        Ok(tenants.map_err(|error: onshore_db::Error| error)?)
    }

    /// Looks a tenant up by name.
    ///
    /// # Errors
    /// [`Error::NoSuchTenant`] when there is none.
    pub async fn tenant(&self, name: &TenantName) -> Result<Tenant, Error> {
        let wanted = name.clone();
        self.db
            .read(move |view| {
                view.one(
                    &format!("{COLUMNS} WHERE name = ?1"),
                    [wanted.as_str()],
                    tenant,
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?
            .ok_or_else(|| Error::NoSuchTenant(name.to_string()))
    }

    /// Looks a tenant up by id.
    ///
    /// # Errors
    /// [`Error::NoSuchTenant`] when there is none.
    pub async fn tenant_by_id(&self, id: TenantId) -> Result<Tenant, Error> {
        self.db
            .read(move |view| {
                view.one(&format!("{COLUMNS} WHERE id = ?1"), [id.as_bytes()], tenant)
            })
            .await
            .map_err(|error: onshore_db::Error| error)?
            .ok_or_else(|| Error::NoSuchTenant(id.to_string()))
    }

    /// Returns all tenants, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, Error> {
        let tenants = self
            .db
            .read(|view| view.all(&format!("{COLUMNS} ORDER BY name"), [], tenant))
            .await;
        Ok(tenants.map_err(|error: onshore_db::Error| error)?)
    }
}

fn tenant(row: &Row<'_>) -> Result<Tenant, RowError> {
    Ok(Tenant {
        id: TenantId::from_bytes(bytes16(row, "id")?),
        name: parsed(row, "name")?,
        group: parsed_opt(row, "group_name")?,
        created: time(row, "created_ms")?,
    })
}
