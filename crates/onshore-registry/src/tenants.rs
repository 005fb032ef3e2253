//! Tenants.

use onshore_db::{Row, RowError, Unit, params};
use onshore_types::{TenantId, TenantName, Timestamp};

use crate::rows::{bytes16, parsed, time};
use crate::{Error, Registry};

/// An organisation whose data is kept apart from everybody else's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name.
    pub name: TenantName,
    /// When it was made.
    pub created: Timestamp,
}

const COLUMNS: &str = "SELECT id, name, created_ms FROM tenants";

impl Registry {
    /// Saves a new tenant.
    ///
    /// # Errors
    /// [`Error::TenantTaken`] when the name is given.
    pub fn save_tenant(&self, unit: &Unit<'_>, tenant: &Tenant) -> Result<(), Error> {
        let inserted = unit.execute(
            "INSERT INTO tenants (id, name, created_ms) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING",
            params![tenant.id.as_bytes(), tenant.name.as_str(), tenant.created.as_millis()],
        )?;
        if inserted == 1 {
            Ok(())
        } else {
            Err(Error::TenantTaken(tenant.name.clone()))
        }
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
        created: time(row, "created_ms")?,
    })
}
