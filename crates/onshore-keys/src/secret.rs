//! Bytes that are never shown and are wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// Secret bytes: `Debug` hides them, dropping wipes them.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes in.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Draws a random secret of `N` bytes.
    #[must_use]
    pub fn random<const N: usize>() -> Self {
        let bytes = Zeroizing::new(crate::random::<N>());
        Self::new(bytes.to_vec())
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
