//! The registry: where its records are and what they are sealed with.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use onshore_db::{Database, Unit};
use onshore_keys::{DataKey, KeyProvider};
use onshore_types::AccessKeyId;

use crate::{AccessKey, Bearer, Error, access_keys, jobs, persons, sessions};

/// Governance records. Clones share them.
#[derive(Clone)]
pub struct Registry {
    pub(crate) db: Database,
    pub(crate) keys: Arc<dyn KeyProvider>,
    /// What each request needs and what seldom changes.
    pub(crate) remembered: Arc<RwLock<Remembered>>,
}

/// Keys and identities that were looked up before: opening a key is a call to the key provider, and policies are compiled.
#[derive(Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) keys: HashMap<AccessKeyId, Arc<AccessKey>>,
    /// By the id of the identity, or of the tenant whose administrator it is.
    pub(crate) bearers: HashMap<[u8; 16], Arc<Bearer>>,
    pub(crate) session_key: Option<Arc<DataKey>>,
    /// How often it was all forgotten: what was looked up before that is not remembered after it.
    pub(crate) generation: u64,
}

impl Registry {
    /// Takes the database, whose schema includes [`crate::SCHEMA`], and the root key.
    #[must_use]
    pub fn new(db: Database, keys: Arc<dyn KeyProvider>) -> Self {
        Self {
            db,
            keys,
            remembered: Arc::default(),
        }
    }

    /// Forgets what was remembered of keys and identities. Call it once a change of any of them is durable.
    pub fn forget(&self) {
        let mut remembered = self
            .remembered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *remembered = Remembered {
            session_key: remembered.session_key.take(),
            generation: remembered.generation + 1,
            ..Remembered::default()
        };
    }

    /// Remembers what was looked up, unless all was forgotten meanwhile.
    pub(crate) fn remember(&self, generation: u64, note: impl FnOnce(&mut Remembered)) {
        let mut remembered = self
            .remembered
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if remembered.generation == generation {
            note(&mut remembered);
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
        persons::seal_anew(unit, from, to)?;
        sessions::seal_anew(unit, from, to)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").finish_non_exhaustive()
    }
}
