//! The registry: where its records are and what they are sealed with.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use onshore_db::{Database, Unit};
use onshore_keys::KeyProvider;
use onshore_types::AccessKeyId;

use crate::{AccessKey, Error, access_keys, jobs, persons};

/// Governance records. Clones share them.
#[derive(Clone)]
pub struct Registry {
    pub(crate) db: Database,
    pub(crate) keys: Arc<dyn KeyProvider>,
    /// Access keys opened before: each request needs one, and opening it is a call to the key provider.
    pub(crate) opened: Arc<RwLock<HashMap<AccessKeyId, Arc<AccessKey>>>>,
}

impl Registry {
    /// Takes the database, whose schema includes [`crate::SCHEMA`], and the root key.
    #[must_use]
    pub fn new(db: Database, keys: Arc<dyn KeyProvider>) -> Self {
        Self {
            db,
            keys,
            opened: Arc::default(),
        }
    }

    /// Seals anew, under another root key, everything that the registry keeps sealed. This registry goes
    /// on with the key it was made with; drop it.
    ///
    /// # Errors
    /// Those of the key providers and the database.
    pub fn seal_anew(
        &self,
        unit: &Unit<'_>,
        from: &dyn KeyProvider,
        to: &dyn KeyProvider,
    ) -> Result<(), Error> {
        access_keys::seal_anew(unit, from, to)?;
        jobs::seal_anew(unit, from, to)?;
        persons::seal_anew(unit, from, to)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}
