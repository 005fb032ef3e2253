//! What can go wrong with keys. No message ever holds key material.

use std::path::PathBuf;

/// What can go wrong with keys.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The root key file cannot be made, opened or read.
    #[error("the root key file {} cannot be used", path.display())]
    RootKeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The root key file is not 64 hexadecimal digits.
    #[error(
        "the root key file {} does not hold 64 hexadecimal digits and a newline",
        path.display()
    )]
    RootKeyForm {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read or change the root key file.
    #[error(
        "the root key file {} is open to others (mode {mode:04o}): run `chmod 600` on it and consider the key known",
        path.display()
    )]
    RootKeyExposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// What was to be opened was not sealed by this key in this context, or was changed since.
    #[error("the sealed bytes do not open: wrong key, wrong context, or they were changed")]
    DoesNotOpen,
    /// A key has the wrong length.
    #[error("a key has 32 bytes, this one has {0}")]
    KeyLength(usize),
    /// More bytes than one seal may hold.
    #[error("too many bytes for one seal")]
    TooLong,
}
