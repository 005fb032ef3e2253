//! Keys: where they come from and how one seals another.
//!
//! This room draws randomness, keeps secrets in memory that is wiped, and hides the operator's root key behind
//! [`KeyProvider`] so that an HSM or a key server fits the same seam. It knows no tenant, no object and no database.
//!
//! - [`random`]: the one source of randomness below `onshore`.
//! - [`KeyProvider`], [`FileRootKey`]: the root key, which never leaves its provider.
//! - [`DataKey`]: AES-256-GCM with nonces the caller numbers.
//! - [`FileSeal`]: whole files, sealed or not.
//! - [`Secret`]: bytes that are not shown and are wiped.

mod data_key;
mod error;
mod file_seal;
mod provider;
mod root_key_file;
mod secret;

pub use crate::data_key::{DataKey, KEY_LEN_BYTES, TAG_LEN_BYTES};
pub use crate::error::Error;
pub use crate::file_seal::{FileReader, FileSeal, FileWriter};
pub use crate::provider::KeyProvider;
pub use crate::root_key_file::FileRootKey;
pub use crate::secret::Secret;

/// Returns random bytes of the operating system.
///
/// # Panics
/// When the operating system has no randomness to give: nothing safe can be done then.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}
