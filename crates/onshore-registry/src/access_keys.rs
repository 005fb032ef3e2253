//! The tenants' S3 key pairs. Secrets are sealed under the root key, each for its own access key.

use std::sync::{Arc, PoisonError};

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_keys::{KeyProvider, Secret};
use onshore_types::{AccessKeyId, PrincipalId, TenantId, Timestamp};

use crate::rows::{bytes16, parsed, time};
use crate::{Error, Registry};

/// A tenant's S3 key pair.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// The public half.
    pub access_key: AccessKeyId,
    /// The secret half, UTF-8.
    pub secret: Secret,
    /// Who acts with it.
    pub principal: PrincipalId,
    /// For whom.
    pub tenant: TenantId,
    /// The user whose it is; none for one of the tenant's administrator.
    pub user: Option<PrincipalId>,
}

/// Whether a key pair opens anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It does.
    Enabled,
    /// It does not, until it is enabled again.
    Disabled,
}

/// What is told of a key pair, which is never its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyEntry {
    /// The public half.
    pub access_key: AccessKeyId,
    /// Who acts with it.
    pub principal: PrincipalId,
    /// The user whose it is; none for one of the tenant's administrator.
    pub user: Option<PrincipalId>,
    /// Whether it opens anything.
    pub state: KeyState,
    /// When it was made.
    pub created: Timestamp,
}

/// Seals every secret of an access key anew.
pub(crate) fn seal_anew(
    unit: &Unit<'_>,
    from: &dyn KeyProvider,
    to: &dyn KeyProvider,
) -> Result<(), Error> {
    let rows: Vec<(String, Vec<u8>)> = unit.all(
        "SELECT access_key, sealed_secret FROM access_keys",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    for (access_key, sealed) in rows {
        let parsed = AccessKeyId::parse(access_key.clone())
            .map_err(|_| Error::Unreadable { what: "access key" })?;
        let context = context(&parsed);
        let secret = from.unwrap(&context, &sealed)?;
        let sealed = to.wrap(&context, secret.as_bytes())?;
        unit.execute(
            "UPDATE access_keys SET sealed_secret = ?2 WHERE access_key = ?1",
            params![access_key, sealed],
        )?;
    }
    Ok(())
}

impl Registry {
    /// Saves a new key pair.
    ///
    /// # Errors
    /// [`Error::AccessKeyTaken`] when the access key is in use, by whichever tenant.
    pub fn save_access_key(
        &self,
        unit: &Unit<'_>,
        key: &AccessKey,
        now: Timestamp,
    ) -> Result<(), Error> {
        let sealed = self
            .keys
            .wrap(&context(&key.access_key), key.secret.as_bytes())?;
        let inserted = unit.execute(
            "INSERT INTO access_keys (access_key, principal, tenant, sealed_secret, created_ms, user)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (access_key) DO NOTHING",
            params![
                key.access_key.as_str(),
                key.principal.as_bytes(),
                key.tenant.as_bytes(),
                sealed,
                now.as_millis(),
                key.user.as_ref().map(PrincipalId::as_bytes)
            ],
        )?;
        if inserted == 1 {
            Ok(())
        } else {
            Err(Error::AccessKeyTaken(key.access_key.clone()))
        }
    }

    /// Looks a key pair up that opens something. Found ones are remembered until a key or an identity changes.
    ///
    /// # Errors
    /// Those of the database, and [`Error::Key`] when the secret does not open.
    pub async fn access_key(
        &self,
        access_key: &AccessKeyId,
    ) -> Result<Option<Arc<AccessKey>>, Error> {
        let generation = {
            let remembered = self
                .remembered
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            if let Some(key) = remembered.keys.get(access_key) {
                return Ok(Some(Arc::clone(key)));
            }
            remembered.generation
        };
        let wanted = access_key.clone();
        type Found = ([u8; 16], [u8; 16], Vec<u8>, Option<[u8; 16]>);
        let row: Option<Found> = self
            .db
            .read(move |view| {
                view.one(
                    "SELECT principal, tenant, sealed_secret, user FROM access_keys
                     WHERE access_key = ?1 AND is_disabled = 0",
                    [wanted.as_str()],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        let Some((principal, tenant, sealed, user)) = row else {
            return Ok(None);
        };
        let key = Arc::new(AccessKey {
            access_key: access_key.clone(),
            secret: self.keys.unwrap(&context(access_key), &sealed)?,
            principal: PrincipalId::from_bytes(principal),
            tenant: TenantId::from_bytes(tenant),
            user: user.map(PrincipalId::from_bytes),
        });
        self.remember(generation, |remembered| {
            remembered.keys.insert(access_key.clone(), Arc::clone(&key));
        });
        Ok(Some(key))
    }

    /// Returns the key pairs of a tenant, the oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn keys_of(&self, tenant: TenantId) -> Result<Vec<KeyEntry>, Error> {
        let keys = self
            .db
            .read(move |view| {
                view.all(
                    &format!("{ENTRY} WHERE tenant = ?1 ORDER BY created_ms, access_key"),
                    [tenant.as_bytes()],
                    entry,
                )
            })
            .await;
        Ok(keys.map_err(|error: onshore_db::Error| error)?)
    }

    /// Lets a key pair of a tenant open something, or nothing. What is remembered of it is forgotten by
    /// [`Registry::forget`], once this is durable.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`].
    pub fn set_key_state(
        &self,
        unit: &Unit<'_>,
        tenant: TenantId,
        access_key: &AccessKeyId,
        state: KeyState,
    ) -> Result<KeyEntry, Error> {
        unit.execute(
            "UPDATE access_keys SET is_disabled = ?3 WHERE access_key = ?1 AND tenant = ?2",
            params![
                access_key.as_str(),
                tenant.as_bytes(),
                state == KeyState::Disabled
            ],
        )?;
        key_entry(unit, tenant, access_key)
    }

    /// Removes a key pair of a tenant, for good. What is remembered of it is forgotten by [`Registry::forget`], once this is
    /// durable.
    ///
    /// # Errors
    /// [`Error::NoSuchKey`].
    pub fn remove_key(
        &self,
        unit: &Unit<'_>,
        tenant: TenantId,
        access_key: &AccessKeyId,
    ) -> Result<KeyEntry, Error> {
        let entry = key_entry(unit, tenant, access_key)?;
        unit.execute(
            "DELETE FROM access_keys WHERE access_key = ?1 AND tenant = ?2",
            params![access_key.as_str(), tenant.as_bytes()],
        )?;
        Ok(entry)
    }
}

const ENTRY: &str = "SELECT access_key, principal, user, is_disabled, created_ms FROM access_keys";

fn key_entry(
    view: &View<'_>,
    tenant: TenantId,
    access_key: &AccessKeyId,
) -> Result<KeyEntry, Error> {
    view.one(
        &format!("{ENTRY} WHERE access_key = ?1 AND tenant = ?2"),
        params![access_key.as_str(), tenant.as_bytes()],
        entry,
    )?
    .ok_or_else(|| Error::NoSuchKey(access_key.clone()))
}

fn entry(row: &Row<'_>) -> Result<KeyEntry, RowError> {
    Ok(KeyEntry {
        access_key: parsed(row, "access_key")?,
        principal: PrincipalId::from_bytes(bytes16(row, "principal")?),
        user: row
            .get::<_, Option<[u8; 16]>>("user")?
            .map(PrincipalId::from_bytes),
        state: if row.get("is_disabled")? {
            KeyState::Disabled
        } else {
            KeyState::Enabled
        },
        created: time(row, "created_ms")?,
    })
}

fn context(access_key: &AccessKeyId) -> Vec<u8> {
    [
        b"onshore access key ".as_slice(),
        access_key.as_str().as_bytes(),
    ]
    .concat()
}
