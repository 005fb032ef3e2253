//! Tenants' keys: each 32 random bytes, wrapped by the root key with the tenant's id as context. What they seal is
//! sealed under a key derived from them for one version or upload, so that no nonce is ever used twice.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use onshore_db::{Database, Unit, View, params};
use onshore_keys::{DataKey, KEY_LEN_BYTES, KeyProvider, Secret};
use onshore_types::{BucketId, TenantId};
use ring::hkdf;

use crate::{Error, Store};

/// A tenant's key in memory.
pub(crate) struct TenantKey {
    derivation: hkdf::Prk,
}

/// The tenants' keys in use, by bucket: a bucket never changes hands.
pub(crate) struct TenantKeys {
    provider: Arc<dyn KeyProvider>,
    known: Mutex<HashMap<BucketId, Arc<TenantKey>>>,
}

pub(crate) struct KeyLength;

impl hkdf::KeyType for KeyLength {
    fn len(&self) -> usize {
        KEY_LEN_BYTES
    }
}

impl TenantKey {
    fn new(secret: &Secret) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"onshore tenant key 1");
        Self {
            derivation: salt.extract(secret.as_bytes()),
        }
    }

    /// Returns the key that seals what belongs to this one version or upload.
    pub(crate) fn for_owner(&self, owner: &[u8; 16]) -> Result<DataKey, Error> {
        let mut bytes = vec![0; KEY_LEN_BYTES];
        self.derivation
            .expand(&[b"onshore owner 1", owner], KeyLength)
            .and_then(|derived| derived.fill(&mut bytes))
            .map_err(|_| Error::CorruptRecord("a derived key"))?;
        DataKey::from_secret(Secret::new(bytes)).map_err(Error::Keys)
    }
}

impl Store {
    /// Wraps the keys of all tenants, and those that they name, anew, under another root key. No body and no facts are written: what they are
    /// sealed under stays. This store goes on with the key it was opened with; close it.
    ///
    /// # Errors
    /// Those of the key providers and the database.
    pub fn wrap_keys_anew(&self, unit: &Unit<'_>, root: &dyn KeyProvider) -> Result<(), Error> {
        self.inner.keys.wrap_anew(unit, root)?;
        self.inner.kms_keys.wrap_anew(unit, root)
    }
}

impl TenantKeys {
    pub(crate) fn new(provider: Arc<dyn KeyProvider>) -> Self {
        Self {
            provider,
            known: Mutex::default(),
        }
    }

    /// Makes the tenant's key unless it has one. It is not remembered here: the unit may still be undone.
    pub(crate) fn ensure(&self, unit: &Unit<'_>, tenant: TenantId) -> Result<(), Error> {
        let there = unit.one(
            "SELECT 1 FROM tenant_keys WHERE tenant = ?1",
            params![tenant.as_bytes()],
            |_| Ok(()),
        )?;
        if there.is_some() {
            return Ok(());
        }
        let secret = Secret::random::<KEY_LEN_BYTES>();
        let wrapped = self
            .provider
            .wrap(&context(tenant), secret.as_bytes())
            .map_err(Error::Keys)?;
        unit.execute(
            "INSERT INTO tenant_keys (tenant, root, wrapped) VALUES (?1, ?2, ?3)",
            params![tenant.as_bytes(), self.provider.key_id(), wrapped],
        )?;
        Ok(())
    }

    /// Returns the key for a bucket from a committed state, and remembers it.
    pub(crate) async fn of_bucket(
        self: &Arc<Self>,
        db: &Database,
        bucket: BucketId,
    ) -> Result<Arc<TenantKey>, Error> {
        if let Some(known) = self.remembered(bucket) {
            return Ok(known);
        }
        let keys = Arc::clone(self);
        let key = db
            .read(move |view| keys.load(view, bucket).map(Arc::new))
            .await?;
        self.remember(bucket, &key);
        Ok(key)
    }

    /// Returns the key for a bucket in this state. It is not remembered: a unit of work may see what is undone later.
    pub(crate) fn in_view(
        &self,
        view: &View<'_>,
        bucket: BucketId,
    ) -> Result<Arc<TenantKey>, Error> {
        match self.remembered(bucket) {
            Some(known) => Ok(known),
            None => self.load(view, bucket).map(Arc::new),
        }
    }

    /// Checks that the root key opens what it sealed before.
    pub(crate) fn check(&self, view: &View<'_>) -> Result<(), Error> {
        let first = view.one(
            "SELECT tenant, wrapped FROM tenant_keys LIMIT 1",
            params![],
            |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?)),
        )?;
        if let Some((tenant, wrapped)) = first {
            let tenant = TenantId::from_bytes(tenant);
            self.provider
                .unwrap(&context(tenant), &wrapped)
                .map_err(Error::Keys)?;
        }
        Ok(())
    }

    /// Wraps every tenant's key anew, under another root key. What the tenants' keys seal stays as it is.
    fn wrap_anew(&self, unit: &Unit<'_>, root: &dyn KeyProvider) -> Result<(), Error> {
        let rows = unit.all(
            "SELECT tenant, wrapped FROM tenant_keys",
            params![],
            |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?)),
        )?;
        for (tenant, wrapped) in rows {
            let context = context(TenantId::from_bytes(tenant));
            let secret = self
                .provider
                .unwrap(&context, &wrapped)
                .map_err(Error::Keys)?;
            let wrapped = root
                .wrap(&context, secret.as_bytes())
                .map_err(Error::Keys)?;
            unit.execute(
                "UPDATE tenant_keys SET root = ?2, wrapped = ?3 WHERE tenant = ?1",
                params![tenant, root.key_id(), wrapped],
            )?;
        }
        Ok(())
    }

    fn load(&self, view: &View<'_>, bucket: BucketId) -> Result<TenantKey, Error> {
        let row = view.one(
            "SELECT k.tenant, k.wrapped FROM buckets b JOIN tenant_keys k ON k.tenant = b.tenant WHERE b.id = ?1",
            params![bucket.as_bytes()],
            |row| Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, Vec<u8>>(1)?)),
        )?;
        let (tenant, wrapped) = row.ok_or(Error::NoSuchBucket)?;
        let secret = self
            .provider
            .unwrap(&context(TenantId::from_bytes(tenant)), &wrapped)
            .map_err(Error::Keys)?;
        Ok(TenantKey::new(&secret))
    }

    fn remembered(&self, bucket: BucketId) -> Option<Arc<TenantKey>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&bucket).cloned()
    }

    fn remember(&self, bucket: BucketId, key: &Arc<TenantKey>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(bucket, Arc::clone(key));
    }
}

impl fmt::Debug for TenantKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantKeys")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

fn context(tenant: TenantId) -> Vec<u8> {
    [b"onshore tenant\0".as_slice(), tenant.as_bytes()].concat()
}
