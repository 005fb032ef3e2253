//! Keys that a tenant names (SSE-KMS): each 32 random bytes, wrapped by the root key. The data key of a body is wrapped under
//! a key derived from one for that body alone, before the store wraps it under the version's own; what is known of the
//! object stays under the tenant's key, as metadata does at AWS. Who disables a key stops every read of what is under it,
//! and loses nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use onshore_db::{Row, RowError, Unit, View, params};
use onshore_keys::{DataKey, KEY_LEN_BYTES, KeyProvider, Secret};
use onshore_policy::{Flow, Permit};
use onshore_types::{KmsKeyId, TenantId, Timestamp};
use ring::hkdf;

use crate::customer_key::{Encryption, KmsKeyName};
use crate::facts::Body;
use crate::frame::BodyId;
use crate::tenant_keys::KeyLength;
use crate::{Error, Store, columns, permits};

/// A key that a tenant names, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsKey {
    /// Its id.
    pub id: KmsKeyId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its other name, which stays: `alias/` and what the tenant says.
    pub alias: Option<String>,
    /// Whether it may be used.
    pub state: KmsKeyState,
    /// When it was made.
    pub created: Timestamp,
}

/// Whether a key may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KmsKeyState {
    /// It may.
    Enabled,
    /// Nothing is encrypted under it and nothing that is can be read, until it is enabled again.
    Disabled,
}

/// The named keys of all tenants.
pub(crate) struct KmsKeys {
    provider: Arc<dyn KeyProvider>,
    known: Mutex<HashMap<KmsKeyId, Arc<hkdf::Prk>>>,
}

/// A named key, to wrap data keys under.
pub(crate) struct Named {
    derivation: Arc<hkdf::Prk>,
    context: Option<String>,
}

const COLUMNS: &str = "id, tenant, alias, state, created";

impl KmsKeyState {
    const ALL: [Self; 2] = [Self::Enabled, Self::Disabled];

    /// Returns the word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

impl Store {
    /// Makes a key for the permit's tenant.
    ///
    /// # Errors
    /// [`Error::KmsAliasTaken`]; those of the key provider and the database.
    pub fn create_kms_key(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        alias: Option<String>,
        now: Timestamp,
    ) -> Result<KmsKey, Error> {
        permits::flow(permit, &[Flow::Change])?;
        let key = KmsKey {
            id: KmsKeyId::from_bytes(onshore_keys::random()),
            tenant: permit.tenant(),
            alias,
            state: KmsKeyState::Enabled,
            created: now,
        };
        let taken = unit.one(
            "SELECT 1 FROM kms_keys WHERE tenant = ?1 AND alias = ?2",
            params![key.tenant.as_bytes(), key.alias],
            |_| Ok(()),
        )?;
        if taken.is_some() {
            return Err(Error::KmsAliasTaken);
        }
        let secret = Secret::random::<KEY_LEN_BYTES>();
        let provider = &self.inner.kms_keys.provider;
        let wrapped = provider
            .wrap(&context_of(key.id, key.tenant), secret.as_bytes())
            .map_err(Error::Keys)?;
        unit.execute(
            "INSERT INTO kms_keys (id, tenant, alias, state, created, root, wrapped) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                key.id.as_bytes(),
                key.tenant.as_bytes(),
                key.alias,
                key.state.as_str(),
                now.as_millis(),
                provider.key_id(),
                wrapped,
            ],
        )?;
        Ok(key)
    }

    /// Enables or disables a key of the permit's tenant.
    ///
    /// # Errors
    /// [`Error::NoSuchKmsKey`].
    pub fn set_kms_key_state(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        id: KmsKeyId,
        state: KmsKeyState,
    ) -> Result<KmsKey, Error> {
        permits::flow(permit, &[Flow::Change])?;
        unit.execute(
            "UPDATE kms_keys SET state = ?3 WHERE id = ?1 AND tenant = ?2",
            params![id.as_bytes(), permit.tenant().as_bytes(), state.as_str()],
        )?;
        unit.one(
            &format!("SELECT {COLUMNS} FROM kms_keys WHERE id = ?1 AND tenant = ?2"),
            params![id.as_bytes(), permit.tenant().as_bytes()],
            from_row,
        )?
        .ok_or(Error::NoSuchKmsKey)
    }

    /// Returns the keys of a tenant, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn kms_keys(&self, tenant: TenantId) -> Result<Vec<KmsKey>, Error> {
        self.inner
            .db
            .read(move |view| {
                let keys = view.all(
                    &format!(
                        "SELECT {COLUMNS} FROM kms_keys WHERE tenant = ?1 ORDER BY created, id"
                    ),
                    params![tenant.as_bytes()],
                    from_row,
                )?;
                Ok(keys)
            })
            .await
    }

    /// Refuses an encryption under a key that the tenant has not, or that is disabled.
    ///
    /// # Errors
    /// [`Error::NoSuchKmsKey`]; [`Error::KmsKeyDisabled`].
    pub fn check_encryption(&self, tenant: TenantId, encryption: &Encryption) -> Result<(), Error> {
        if encryption.named().is_none() {
            return Ok(());
        }
        let keys = &self.inner.kms_keys;
        self.inner
            .db
            .glance(|view| keys.usable(view, tenant, encryption).map(drop))
    }
}

impl KmsKeys {
    pub(crate) fn new(provider: Arc<dyn KeyProvider>) -> Self {
        Self {
            provider,
            known: Mutex::default(),
        }
    }

    /// Returns the key that an encryption names, if it names one that is not the tenant's own.
    pub(crate) fn of(
        &self,
        view: &View<'_>,
        tenant: TenantId,
        encryption: &Encryption,
    ) -> Result<Option<Named>, Error> {
        Ok(self.find(view, tenant, encryption)?.map(|(named, _)| named))
    }

    /// Returns the key that an encryption names, where it may be used.
    pub(crate) fn usable(
        &self,
        view: &View<'_>,
        tenant: TenantId,
        encryption: &Encryption,
    ) -> Result<Option<Named>, Error> {
        match self.find(view, tenant, encryption)? {
            None => Ok(None),
            Some((named, KmsKeyState::Enabled)) => Ok(Some(named)),
            Some((_, KmsKeyState::Disabled)) => Err(Error::KmsKeyDisabled),
        }
    }

    /// Wraps every key anew, under another root key.
    pub(crate) fn wrap_anew(&self, unit: &Unit<'_>, root: &dyn KeyProvider) -> Result<(), Error> {
        for (id, tenant, wrapped) in wrapped_keys(unit)? {
            let context = context_of(id, tenant);
            let secret = self
                .provider
                .unwrap(&context, &wrapped)
                .map_err(Error::Keys)?;
            let wrapped = root
                .wrap(&context, secret.as_bytes())
                .map_err(Error::Keys)?;
            unit.execute(
                "UPDATE kms_keys SET root = ?2, wrapped = ?3 WHERE id = ?1",
                params![id.as_bytes(), root.key_id(), wrapped],
            )?;
        }
        Ok(())
    }

    /// Returns the keys that do not open.
    pub(crate) fn shut(&self, view: &View<'_>) -> Result<Vec<KmsKeyId>, Error> {
        let keys = wrapped_keys(view)?.into_iter();
        Ok(keys
            .filter(|(id, tenant, wrapped)| {
                let context = context_of(*id, *tenant);
                self.provider.unwrap(&context, wrapped).is_err()
            })
            .map(|(id, _, _)| id)
            .collect())
    }

    fn find(
        &self,
        view: &View<'_>,
        tenant: TenantId,
        encryption: &Encryption,
    ) -> Result<Option<(Named, KmsKeyState)>, Error> {
        let Some((name, context)) = encryption.named() else {
            return Ok(None);
        };
        let (id, alias) = match name {
            KmsKeyName::Id(id) => (Some(*id.as_bytes()), None),
            KmsKeyName::Alias(alias) => (None, Some(alias)),
        };
        let (id, state, wrapped) = view
            .one(
                "SELECT id, state, wrapped FROM kms_keys WHERE tenant = ?1 AND (id = ?2 OR alias = ?3)",
                params![tenant.as_bytes(), id, alias],
                |row| {
                    Ok((
                        KmsKeyId::from_bytes(columns::bytes16(row, 0)?),
                        state_of(row, 1)?,
                        row.get::<_, Vec<u8>>(2)?,
                    ))
                },
            )?
            .ok_or(Error::NoSuchKmsKey)?;
        let derivation = match self.remembered(id) {
            Some(known) => known,
            None => self.open(id, tenant, &wrapped)?,
        };
        let context = context.map(str::to_owned);
        Ok(Some((
            Named {
                derivation,
                context,
            },
            state,
        )))
    }

    fn remembered(&self, id: KmsKeyId) -> Option<Arc<hkdf::Prk>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&id).cloned()
    }

    /// Opens a key and remembers it: ids are drawn, so that one that was undone comes never again.
    fn open(
        &self,
        id: KmsKeyId,
        tenant: TenantId,
        wrapped: &[u8],
    ) -> Result<Arc<hkdf::Prk>, Error> {
        let secret = self
            .provider
            .unwrap(&context_of(id, tenant), wrapped)
            .map_err(Error::Keys)?;
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"onshore named key 1");
        let derivation = Arc::new(salt.extract(secret.as_bytes()));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(id, Arc::clone(&derivation));
        Ok(derivation)
    }
}

impl Named {
    /// Wraps the data keys of bodies, each under a key of its own.
    pub(crate) fn wrap(&self, bodies: &[Body], data_keys: &[Secret]) -> Result<Vec<Secret>, Error> {
        bodies
            .iter()
            .zip(data_keys)
            .map(|(body, data_key)| {
                self.cipher(body.id)?
                    .wrap(&self.bound(body.id), data_key.as_bytes())
                    .map(Secret::new)
                    .map_err(Error::Keys)
            })
            .collect()
    }

    /// Opens the data key of a body.
    pub(crate) fn unwrap(&self, body: BodyId, wrapped: &Secret) -> Result<Secret, Error> {
        self.cipher(body)?
            .unwrap(&self.bound(body), wrapped.as_bytes())
            .map_err(Error::Keys)
    }

    fn cipher(&self, body: BodyId) -> Result<DataKey, Error> {
        let mut bytes = vec![0; KEY_LEN_BYTES];
        self.derivation
            .expand(&[b"onshore body 1", &body.0], KeyLength)
            .and_then(|derived| derived.fill(&mut bytes))
            .map_err(|_| Error::CorruptRecord("a derived key"))?;
        DataKey::from_secret(Secret::new(bytes)).map_err(Error::Keys)
    }

    /// What a wrap is bound to: the body, and what the client said of the object.
    fn bound(&self, body: BodyId) -> Vec<u8> {
        let context = self.context.as_deref().unwrap_or_default();
        [
            b"onshore named key 1\0".as_slice(),
            &body.0,
            context.as_bytes(),
        ]
        .concat()
    }
}

impl fmt::Debug for KmsKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsKeys")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

fn wrapped_keys(view: &View<'_>) -> Result<Vec<(KmsKeyId, TenantId, Vec<u8>)>, Error> {
    Ok(view.all(
        "SELECT id, tenant, wrapped FROM kms_keys",
        params![],
        |row| {
            Ok((
                KmsKeyId::from_bytes(columns::bytes16(row, 0)?),
                TenantId::from_bytes(columns::bytes16(row, 1)?),
                row.get(2)?,
            ))
        },
    )?)
}

fn from_row(row: &Row<'_>) -> Result<KmsKey, RowError> {
    Ok(KmsKey {
        id: KmsKeyId::from_bytes(columns::bytes16(row, 0)?),
        tenant: TenantId::from_bytes(columns::bytes16(row, 1)?),
        alias: row.get(2)?,
        state: state_of(row, 3)?,
        created: Timestamp::from_millis(row.get(4)?),
    })
}

fn state_of(row: &Row<'_>, column: usize) -> Result<KmsKeyState, RowError> {
    columns::word(row, column, &KmsKeyState::ALL, KmsKeyState::as_str)
}

fn context_of(id: KmsKeyId, tenant: TenantId) -> Vec<u8> {
    [
        b"onshore named key\0".as_slice(),
        id.as_bytes(),
        tenant.as_bytes(),
    ]
    .concat()
}
