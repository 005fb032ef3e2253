//! Users, groups and roles of tenants, who belongs to which group, and the policies that say what they may do. Policies are
//! kept as they were put; whoever puts one has compiled it.

use std::collections::BTreeMap;

use onshore_db::{Row, RowError, Unit, View, params, unreadable};
use onshore_types::{IdentityName, Jurisdiction, PrincipalId, TenantId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::rows::{bytes16, parsed, time};
use crate::{Error, Registry};

/// What an identity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdentityKind {
    /// Somebody with access keys.
    User,
    /// Users that may do the same.
    Group,
    /// What users, and programs, take for a while.
    Role,
}

impl IdentityKind {
    const ALL: [Self; 3] = [Self::User, Self::Group, Self::Role];

    /// Returns its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
        }
    }
}

/// What is said of an identity.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// Tags, which policies may speak of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Where the organisation is that a user works for, if that is not the tenant's. Of the two the more foreign counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<Jurisdiction>,
    /// Of a role: the policy that says who may take it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust: Option<String>,
    /// Of a role: how long a session lasts at most, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_max_s: Option<u32>,
}

/// A user, a group or a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its id, which is never given again; a user acts under it.
    pub id: PrincipalId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it is.
    pub kind: IdentityKind,
    /// Its name.
    pub name: IdentityName,
    /// What is said of it.
    pub details: Details,
    /// When it was made.
    pub created: Timestamp,
}

const COLUMNS: &str = "SELECT id, tenant, kind, name, details, created_ms FROM identities";

impl Registry {
    /// Saves a new identity.
    ///
    /// # Errors
    /// [`Error::IdentityTaken`].
    pub fn save_identity(&self, unit: &Unit<'_>, identity: &Identity) -> Result<(), Error> {
        let inserted = unit.execute(
            "INSERT INTO identities (id, tenant, kind, name, details, created_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (tenant, kind, name) DO NOTHING",
            params![
                identity.id.as_bytes(),
                identity.tenant.as_bytes(),
                identity.kind.as_str(),
                identity.name.as_str(),
                written(&identity.details)?,
                identity.created.as_millis()
            ],
        )?;
        if inserted == 1 {
            Ok(())
        } else {
            Err(Error::IdentityTaken {
                kind: identity.kind.as_str(),
                name: identity.name.clone(),
            })
        }
    }

    /// Says something else of an identity.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_details(
        &self,
        unit: &Unit<'_>,
        id: PrincipalId,
        details: &Details,
    ) -> Result<(), Error> {
        unit.execute(
            "UPDATE identities SET details = ?2 WHERE id = ?1",
            params![id.as_bytes(), written(details)?],
        )?;
        Ok(())
    }

    /// Removes an identity with all that hangs on it: its keys, memberships and policies.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove_identity(&self, unit: &Unit<'_>, id: PrincipalId) -> Result<(), Error> {
        for statement in [
            "DELETE FROM access_keys WHERE user = ?1",
            "DELETE FROM memberships WHERE user = ?1 OR of_group = ?1",
            "DELETE FROM identity_policies WHERE identity = ?1",
            "DELETE FROM identities WHERE id = ?1",
        ] {
            unit.execute(statement, [id.as_bytes()])?;
        }
        Ok(())
    }

    /// Finds an identity by its name.
    ///
    /// # Errors
    /// [`Error::NoSuchIdentity`].
    pub fn identity(
        &self,
        view: &View<'_>,
        tenant: TenantId,
        kind: IdentityKind,
        name: &IdentityName,
    ) -> Result<Identity, Error> {
        view.one(
            &format!("{COLUMNS} WHERE tenant = ?1 AND kind = ?2 AND name = ?3"),
            params![tenant.as_bytes(), kind.as_str(), name.as_str()],
            identity,
        )?
        .ok_or_else(|| Error::NoSuchIdentity {
            kind: kind.as_str(),
            name: name.clone(),
        })
    }

    /// Finds an identity by its id.
    ///
    /// # Errors
    /// Those of the database.
    pub fn identity_by_id(
        &self,
        view: &View<'_>,
        id: PrincipalId,
    ) -> Result<Option<Identity>, Error> {
        Ok(view.one(
            &format!("{COLUMNS} WHERE id = ?1"),
            [id.as_bytes()],
            identity,
        )?)
    }

    /// Returns the identities of a tenant that are of this kind, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub fn identities(
        &self,
        view: &View<'_>,
        tenant: TenantId,
        kind: IdentityKind,
    ) -> Result<Vec<Identity>, Error> {
        Ok(view.all(
            &format!("{COLUMNS} WHERE tenant = ?1 AND kind = ?2 ORDER BY name"),
            params![tenant.as_bytes(), kind.as_str()],
            identity,
        )?)
    }

    /// Puts a user into a group; it may be there already.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_membership(
        &self,
        unit: &Unit<'_>,
        user: PrincipalId,
        group: PrincipalId,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT OR IGNORE INTO memberships (user, of_group) VALUES (?1, ?2)",
            params![user.as_bytes(), group.as_bytes()],
        )?;
        Ok(())
    }

    /// Takes a user out of a group.
    ///
    /// # Errors
    /// Those of the database.
    pub fn remove_membership(
        &self,
        unit: &Unit<'_>,
        user: PrincipalId,
        group: PrincipalId,
    ) -> Result<(), Error> {
        unit.execute(
            "DELETE FROM memberships WHERE user = ?1 AND of_group = ?2",
            params![user.as_bytes(), group.as_bytes()],
        )?;
        Ok(())
    }

    /// Returns the groups that a user is in, or the users that are in a group, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub fn related(
        &self,
        view: &View<'_>,
        identity_: &Identity,
    ) -> Result<Vec<IdentityName>, Error> {
        let (own, other) = match identity_.kind {
            IdentityKind::User => ("user", "of_group"),
            IdentityKind::Group => ("of_group", "user"),
            IdentityKind::Role => return Ok(Vec::new()),
        };
        Ok(view.all(
            &format!(
                "SELECT i.name FROM memberships m JOIN identities i ON i.id = m.{other}
                 WHERE m.{own} = ?1 ORDER BY i.name"
            ),
            [identity_.id.as_bytes()],
            |row| parsed(row, "name"),
        )?)
    }

    /// Keeps a policy of an identity, in place of one with the same name.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_policy(
        &self,
        unit: &Unit<'_>,
        identity: PrincipalId,
        name: &IdentityName,
        document: &str,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT OR REPLACE INTO identity_policies (identity, name, document) VALUES (?1, ?2, ?3)",
            params![identity.as_bytes(), name.as_str(), document],
        )?;
        Ok(())
    }

    /// Removes a policy of an identity.
    ///
    /// # Errors
    /// [`Error::NoSuchPolicy`].
    pub fn remove_policy(
        &self,
        unit: &Unit<'_>,
        identity: PrincipalId,
        name: &IdentityName,
    ) -> Result<(), Error> {
        let removed = unit.execute(
            "DELETE FROM identity_policies WHERE identity = ?1 AND name = ?2",
            params![identity.as_bytes(), name.as_str()],
        )?;
        if removed == 1 {
            Ok(())
        } else {
            Err(Error::NoSuchPolicy(name.to_string()))
        }
    }

    /// Returns the policies of an identity, by name; not those of its groups.
    ///
    /// # Errors
    /// Those of the database.
    pub fn policies(
        &self,
        view: &View<'_>,
        identity: PrincipalId,
    ) -> Result<BTreeMap<String, String>, Error> {
        let policies = view.all(
            "SELECT name, document FROM identity_policies WHERE identity = ?1",
            [identity.as_bytes()],
            |row| Ok((row.get("name")?, row.get("document")?)),
        )?;
        Ok(policies.into_iter().collect())
    }

    /// Returns the policies that say what an identity may do: its own, and those of its groups.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) fn policies_in_force(
        &self,
        view: &View<'_>,
        identity: PrincipalId,
    ) -> Result<Vec<String>, Error> {
        Ok(view.all(
            "SELECT document FROM identity_policies WHERE identity = ?1
             UNION ALL
             SELECT p.document FROM memberships m JOIN identity_policies p ON p.identity = m.of_group
             WHERE m.user = ?1",
            [identity.as_bytes()],
            |row| row.get("document"),
        )?)
    }
}

fn written(details: &Details) -> Result<String, Error> {
    serde_json::to_string(details).map_err(|_| Error::Unreadable {
        what: "what is said of an identity",
    })
}

fn identity(row: &Row<'_>) -> Result<Identity, RowError> {
    let word: String = row.get("kind")?;
    let details: String = row.get("details")?;
    Ok(Identity {
        id: PrincipalId::from_bytes(bytes16(row, "id")?),
        tenant: TenantId::from_bytes(bytes16(row, "tenant")?),
        kind: IdentityKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| unreadable("an unknown kind of identity".into()))?,
        name: parsed(row, "name")?,
        details: serde_json::from_str(&details).map_err(|error| unreadable(Box::new(error)))?,
        created: time(row, "created_ms")?,
    })
}
