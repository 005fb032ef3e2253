//! Tenants, and the groups they belong to.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_types::{GroupName, Jurisdiction, TenantId, TenantName, Timestamp};

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
    /// What the law asks of it.
    pub standing: Standing,
    /// Where the organisation is; none where that is the region's own jurisdiction.
    pub jurisdiction: Option<Jurisdiction>,
    /// When it was made.
    pub created: Timestamp,
}

/// What a tenant is to the law.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether it operates critical information infrastructure (Cybersecurity Law article 33).
    pub critical_infrastructure: bool,
    /// Whether it is an organ of the state (PIPL article 36).
    pub state_organ: bool,
}

const COLUMNS: &str = "SELECT id, name, group_name, critical_infrastructure, state_organ, jurisdiction, created_ms FROM tenants";

impl Registry {
    /// Saves a new tenant.
    ///
    /// # Errors
    /// [`Error::TenantTaken`] when the name is given.
    pub fn save_tenant(&self, unit: &Unit<'_>, tenant: &Tenant) -> Result<(), Error> {
        let inserted = unit.execute(
            "INSERT INTO tenants (id, name, group_name, created_ms, critical_infrastructure, state_organ, jurisdiction)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (name) DO NOTHING",
            params![
                tenant.id.as_bytes(),
                tenant.name.as_str(),
                tenant.group.as_ref().map(GroupName::as_str),
                tenant.created.as_millis(),
                tenant.standing.critical_infrastructure,
                tenant.standing.state_organ,
                tenant.jurisdiction.map(|jurisdiction| jurisdiction.to_string())
            ],
        )?;
        if inserted == 1 {
            Ok(())
        } else {
            Err(Error::TenantTaken(tenant.name.clone()))
        }
    }

    /// Says where the organisation of a tenant is.
    ///
    /// # Errors
    /// [`Error::NoSuchTenant`] when there is none.
    pub fn set_jurisdiction(
        &self,
        unit: &Unit<'_>,
        tenant: TenantId,
        jurisdiction: Option<Jurisdiction>,
    ) -> Result<(), Error> {
        let changed = unit.execute(
            "UPDATE tenants SET jurisdiction = ?2 WHERE id = ?1",
            params![
                tenant.as_bytes(),
                jurisdiction.map(|jurisdiction| jurisdiction.to_string())
            ],
        )?;
        if changed == 1 {
            Ok(())
        } else {
            Err(Error::NoSuchTenant(tenant.to_string()))
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

    /// Says what a tenant is to the law.
    ///
    /// # Errors
    /// [`Error::NoSuchTenant`] when there is none.
    pub fn set_standing(
        &self,
        unit: &Unit<'_>,
        tenant: TenantId,
        standing: Standing,
    ) -> Result<(), Error> {
        let changed = unit.execute(
            "UPDATE tenants SET critical_infrastructure = ?2, state_organ = ?3 WHERE id = ?1",
            params![
                tenant.as_bytes(),
                standing.critical_infrastructure,
                standing.state_organ
            ],
        )?;
        if changed == 1 {
            Ok(())
        } else {
            Err(Error::NoSuchTenant(tenant.to_string()))
        }
    }

    /// Looks up what a decision needs to know of a tenant.
    ///
    /// # Errors
    /// Those of the database.
    pub fn tenant_in(&self, view: &View<'_>, id: TenantId) -> Result<Option<Tenant>, Error> {
        Ok(view.one(&format!("{COLUMNS} WHERE id = ?1"), [id.as_bytes()], tenant)?)
    }

    /// Returns the tenants of a group, for a decision.
    ///
    /// # Errors
    /// Those of the database.
    pub fn group_in(&self, view: &View<'_>, group: &GroupName) -> Result<Vec<TenantId>, Error> {
        Ok(view.all(
            "SELECT id FROM tenants WHERE group_name = ?1 ORDER BY id",
            [group.as_str()],
            |row| Ok(TenantId::from_bytes(bytes16(row, "id")?)),
        )?)
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
        standing: Standing {
            critical_infrastructure: row.get("critical_infrastructure")?,
            state_organ: row.get("state_organ")?,
        },
        jurisdiction: parsed_opt(row, "jurisdiction")?,
        created: time(row, "created_ms")?,
    })
}
