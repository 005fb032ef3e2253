//! The seam behind which the operator's root key lives.

use std::fmt::Debug;

use crate::{Error, Secret};

/// Seals and opens keys under a root key that the caller never sees: a file, an HSM, a key server.
pub trait KeyProvider: Send + Sync + Debug {
    /// Returns a public name of the root key, the same for the same key.
    fn key_id(&self) -> &str;

    /// Seals `plain` so that it opens in the same context alone.
    ///
    /// # Errors
    /// When the provider cannot seal at present.
    fn wrap(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error>;

    /// Opens what was sealed in this context.
    ///
    /// # Errors
    /// [`Error::DoesNotOpen`] for another key, another context or changed bytes.
    fn unwrap(&self, context: &[u8], sealed: &[u8]) -> Result<Secret, Error>;
}
