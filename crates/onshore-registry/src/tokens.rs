//! Control tokens: who holds one, in which role. Only a digest is kept.

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_orders::Id;
use onshore_policy::Role;
use onshore_types::{IdentityName, PrincipalId, TenantId, Timestamp};

use crate::rows::{bytes16, parsed_opt};
use crate::{Error, Person, Registry};

/// Somebody who holds a control token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHolder {
    /// Who.
    pub principal: PrincipalId,
    /// In which role.
    pub role: Role,
    /// The tenant that the token is for: a tenant's administrator, user and worker have one, nobody else.
    pub tenant: Option<TenantId>,
    /// The person it was made for; what takes two people is for named ones.
    pub person: Option<IdentityName>,
    /// The provider that it was made for: somebody of an outgoing provider has one, nobody else.
    pub provider: Option<Id>,
    /// Who made it, who made the maker's, and so on, as far as they had names.
    pub vouched_by: Vec<IdentityName>,
}

impl TokenHolder {
    /// Returns the person, where the token names one.
    #[must_use]
    pub fn named(&self) -> Option<Person> {
        self.person.clone().map(|name| Person {
            name,
            vouched_by: self.vouched_by.clone(),
        })
    }
}

const HOLDER: &str = "SELECT principal, role, tenant, person, provider, vouched_by FROM tokens";

impl Registry {
    /// Saves the digest of a token.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_token(
        &self,
        unit: &Unit<'_>,
        token: &str,
        holder: &TokenHolder,
        now: Timestamp,
    ) -> Result<(), Error> {
        unit.execute(
            "INSERT INTO tokens (digest, principal, role, created_ms, tenant, person, vouched_by, provider)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                digest(token),
                holder.principal.as_bytes(),
                holder.role.word(),
                now.as_millis(),
                holder.tenant.as_ref().map(TenantId::as_bytes),
                holder.person.as_ref().map(IdentityName::as_str),
                serde_json::to_string(&holder.vouched_by).expect("names are JSON"),
                holder.provider.as_ref().map(Id::as_str)
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
        let found = self
            .db
            .read(|view| view.all(&format!("{HOLDER} ORDER BY created_ms"), [], holder))
            .await
            .map_err(|error: onshore_db::Error| error)?;
        found.into_iter().map(readable).collect()
    }

    /// Looks up the holder of a token by his id.
    ///
    /// # Errors
    /// [`Error::NoSuchToken`]; those of the database.
    pub fn holder(&self, view: &View<'_>, principal: PrincipalId) -> Result<TokenHolder, Error> {
        view.one(
            &format!("{HOLDER} WHERE principal = ?1"),
            [principal.as_bytes()],
            holder,
        )?
        .map_or(Err(Error::NoSuchToken(principal)), readable)
    }

    /// Removes the token of a holder, and those of his sessions.
    ///
    /// # Errors
    /// [`Error::NoSuchToken`].
    pub fn remove_token(&self, unit: &Unit<'_>, principal: PrincipalId) -> Result<(), Error> {
        self.end_control_sessions(unit, principal)?;
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

    /// Looks up who holds a token, or the token of a session that is not over. The digest is the key of the search, so its timing says
    /// nothing about the token.
    ///
    /// # Errors
    /// Those of the database; [`Error::Unreadable`] for a role that no version wrote.
    pub async fn token_holder(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<TokenHolder>, Error> {
        let digest = digest(token);
        let found = self
            .db
            .read(move |view| {
                let known = format!("{HOLDER} WHERE digest = ?1");
                if let Some(found) = view.one(&known, [&digest], holder)? {
                    return Ok(Some(found));
                }
                view.one(
                    &format!(
                        "{HOLDER} WHERE principal = (SELECT principal FROM control_sessions WHERE digest = ?1 AND until_ms > ?2)"
                    ),
                    params![digest, now.as_millis()],
                    holder,
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        found.map(readable).transpose()
    }

    /// Saves the digest of the token of a session, with which somebody acts until it is over; those that are over are forgotten.
    ///
    /// # Errors
    /// Those of the database.
    pub fn save_control_session(
        &self,
        unit: &Unit<'_>,
        token: &str,
        principal: PrincipalId,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<(), Error> {
        unit.execute(
            "DELETE FROM control_sessions WHERE until_ms <= ?1",
            [now.as_millis()],
        )?;
        unit.execute(
            "INSERT INTO control_sessions (digest, principal, until_ms) VALUES (?1, ?2, ?3)",
            params![digest(token), principal.as_bytes(), until.as_millis()],
        )?;
        Ok(())
    }

    /// Ends all sessions of somebody, and returns how many there were.
    ///
    /// # Errors
    /// Those of the database.
    pub fn end_control_sessions(
        &self,
        unit: &Unit<'_>,
        principal: PrincipalId,
    ) -> Result<usize, Error> {
        Ok(unit.execute(
            "DELETE FROM control_sessions WHERE principal = ?1",
            [principal.as_bytes()],
        )?)
    }
}

/// A row, and the word for a role that it holds.
type Held = (TokenHolder, String);

fn readable((found, word): Held) -> Result<TokenHolder, Error> {
    let role = Role::parse(&word).ok_or(Error::Unreadable {
        what: "role of a control token",
    })?;
    Ok(TokenHolder { role, ..found })
}

fn holder(row: &Row<'_>) -> Result<Held, RowError> {
    let vouched_by = serde_json::from_str(&row.get::<_, String>("vouched_by")?)
        .map_err(|error| onshore_db::unreadable(Box::new(error)))?;
    let found = TokenHolder {
        principal: PrincipalId::from_bytes(bytes16(row, "principal")?),
        // The least, until the word for it is read.
        role: Role::TenantUser,
        tenant: row
            .get::<_, Option<[u8; 16]>>("tenant")?
            .map(TenantId::from_bytes),
        person: parsed_opt(row, "person")?,
        provider: parsed_opt(row, "provider")?,
        vouched_by,
    };
    Ok((found, row.get("role")?))
}

fn digest(token: &str) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, token.as_bytes())
        .as_ref()
        .to_vec()
}
