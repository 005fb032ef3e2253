//! Control tokens: who holds one, in which role. Only a digest is kept.

use onshore_db::{Unit, params};
use onshore_policy::Role;
use onshore_types::{PrincipalId, TenantId, Timestamp};

use crate::{Error, Registry};

/// Somebody who holds a control token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHolder {
    /// Who.
    pub principal: PrincipalId,
    /// In which role.
    pub role: Role,
    /// The tenant that the token is for: a tenant's administrator and user have one, nobody else.
    pub tenant: Option<TenantId>,
}

impl Registry {
    /// Saves the digest of a token.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_token(
        &self,
        unit: &Unit<'_>,
        token: &str,
        holder: TokenHolder,
        now: Timestamp,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO tokens (digest, principal, role, created_ms, tenant) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                digest(token),
                holder.principal.as_bytes(),
                role_word(holder.role),
                now.as_millis(),
                holder.tenant.as_ref().map(TenantId::as_bytes)
            ],
        )?;
        Ok(())
    }

    /// Whether anybody holds a token: the first start on a data folder ends with one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn has_tokens(&self) -> Result<bool, Error> {
        let found = self
            .db
            .read(|view| view.one("SELECT 1 FROM tokens LIMIT 1", [], |_| Ok(())))
            .await
            .map_err(|error: onshore_db::Error| error)?;
        Ok(found.is_some())
    }

    /// Returns who holds tokens, the oldest first.
    ///
    /// # Errors
    /// Those of the database; [`Error::Unreadable`] for a role that no version wrote.
    pub async fn token_holders(&self) -> Result<Vec<TokenHolder>, Error> {
        type Row = ([u8; 16], String, Option<[u8; 16]>);
        let rows: Vec<Row> = self
            .db
            .read(|view| {
                view.all(
                    "SELECT principal, role, tenant FROM tokens ORDER BY created_ms",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        rows.into_iter()
            .map(|(principal, word, tenant)| {
                Ok(TokenHolder {
                    principal: PrincipalId::from_bytes(principal),
                    role: parse_role(&word).ok_or(Error::Unreadable {
                        what: "role of a control token",
                    })?,
                    tenant: tenant.map(TenantId::from_bytes),
                })
            })
            .collect()
    }

    /// Removes the token of a holder.
    ///
    /// # Errors
    /// [`Error::NoSuchToken`].
    pub fn remove_token(&self, unit: &Unit<'_>, principal: PrincipalId) -> Result<(), Error> {
        let removed = unit.execute(
            "DELETE FROM tokens WHERE principal = ?1",
            [principal.as_bytes()],
        )?;
        if removed == 1 {
            Ok(())
        } else {
            Err(Error::NoSuchToken(principal))
        }
    }

    /// Looks up who holds a token. The digest is the key of the search, so its timing says nothing about the token.
    ///
    /// # Errors
    /// Those of the database; [`Error::Unreadable`] for a role that no version wrote.
    pub async fn token_holder(&self, token: &str) -> Result<Option<TokenHolder>, Error> {
        let digest = digest(token);
        let row: Option<([u8; 16], String, Option<[u8; 16]>)> = self
            .db
            .read(move |view| {
                view.one(
                    "SELECT principal, role, tenant FROM tokens WHERE digest = ?1",
                    [digest],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        row.map(|(principal, word, tenant)| {
            let role = parse_role(&word).ok_or(Error::Unreadable {
                what: "role of a control token",
            })?;
            Ok(TokenHolder {
                principal: PrincipalId::from_bytes(principal),
                role,
                tenant: tenant.map(TenantId::from_bytes),
            })
        })
        .transpose()
    }
}

fn digest(token: &str) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, token.as_bytes())
        .as_ref()
        .to_vec()
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::Operator => "operator",
        Role::Regulator => "regulator",
        Role::Auditor => "auditor",
        Role::TenantAdmin => "tenant-admin",
        Role::TenantUser => "tenant-user",
        Role::SupportEngineer => "support-engineer",
    }
}

fn parse_role(word: &str) -> Option<Role> {
    [
        Role::Operator,
        Role::Regulator,
        Role::Auditor,
        Role::TenantAdmin,
        Role::TenantUser,
        Role::SupportEngineer,
    ]
    .into_iter()
    .find(|role| role_word(*role) == word)
}
