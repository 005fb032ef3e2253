//! The tenants' S3 key pairs. Secrets are sealed under the root key, each for its own access key.

use std::sync::{Arc, PoisonError};

use onshore_db::{Unit, params};
use onshore_keys::{KeyProvider, Secret};
use onshore_types::{AccessKeyId, PrincipalId, TenantId, Timestamp};

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
            "INSERT INTO access_keys (access_key, principal, tenant, sealed_secret, created_ms)
             VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (access_key) DO NOTHING",
            params![
                key.access_key.as_str(),
                key.principal.as_bytes(),
                key.tenant.as_bytes(),
                sealed,
                now.as_millis()
            ],
        )?;
        if inserted == 1 {
            Ok(())
        } else {
            Err(Error::AccessKeyTaken(key.access_key.clone()))
        }
    }

    /// Looks a key pair up. Found ones are remembered: a pair never changes once it is saved.
    ///
    /// # Errors
    /// Those of the database, and [`Error::Key`] when the secret does not open.
    pub async fn access_key(
        &self,
        access_key: &AccessKeyId,
    ) -> Result<Option<Arc<AccessKey>>, Error> {
        let remembered = self
            .opened
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(access_key)
            .cloned();
        if remembered.is_some() {
            return Ok(remembered);
        }
        let wanted = access_key.clone();
        let row: Option<([u8; 16], [u8; 16], Vec<u8>)> = self
            .db
            .read(move |view| {
                view.one(
                    "SELECT principal, tenant, sealed_secret FROM access_keys WHERE access_key = ?1",
                    [wanted.as_str()],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
            })
            .await
            .map_err(|error: onshore_db::Error| error)?;
        let Some((principal, tenant, sealed)) = row else {
            return Ok(None);
        };
        let key = Arc::new(AccessKey {
            access_key: access_key.clone(),
            secret: self.keys.unwrap(&context(access_key), &sealed)?,
            principal: PrincipalId::from_bytes(principal),
            tenant: TenantId::from_bytes(tenant),
        });
        self.opened
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(access_key.clone(), Arc::clone(&key));
        Ok(Some(key))
    }
}

fn context(access_key: &AccessKeyId) -> Vec<u8> {
    [
        b"onshore access key ".as_slice(),
        access_key.as_str().as_bytes(),
    ]
    .concat()
}
