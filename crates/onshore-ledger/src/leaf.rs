//! What a leaf may be: a JSON object in canonical form, short enough for every reader of tiles, that commits to its
//! record by a salted hash instead of telling it.

use ring::hmac;
use serde_json::Value;

use crate::{Error, Hash, Result, canonical};

/// The most bytes a leaf may have. Entry bundles would allow 65535; the rest is kept for the future.
pub const LEAF_BYTES_MAX: usize = 60 * 1024;

/// Returns the exact bytes of a leaf that says `value`, an object.
pub fn encode_leaf(value: &Value) -> Result<Vec<u8>> {
    if !value.is_object() {
        return Err(Error::LeafNotCanonical);
    }
    let bytes = canonical(value)?;
    check_len(&bytes)?;
    Ok(bytes)
}

/// Reads a leaf; its bytes must be exactly what [`encode_leaf`] makes of its value.
pub fn parse_leaf(bytes: &[u8]) -> Result<Value> {
    check_len(bytes)?;
    let value = serde_json::from_slice(bytes).map_err(Error::Json)?;
    if encode_leaf(&value)? == bytes {
        Ok(value)
    } else {
        Err(Error::LeafNotCanonical)
    }
}

/// Reads a record that a leaf commits to: canonical as a leaf is, and as long as it takes, since no tile holds it.
pub fn parse_record(bytes: &[u8]) -> Result<Value> {
    let value = serde_json::from_slice(bytes).map_err(Error::Json)?;
    if canonical(&value)? == bytes {
        Ok(value)
    } else {
        Err(Error::LeafNotCanonical)
    }
}

/// Returns the commitment to a record: `HMAC-SHA256(salt, canonical(record))`. Without the salt it tells nothing.
pub fn commitment(salt: &[u8; 32], record: &Value) -> Result<Hash> {
    Ok(commitment_of_bytes(salt, &canonical(record)?))
}

/// Returns the commitment to a record whose canonical bytes are at hand.
#[must_use]
pub fn commitment_of_bytes(salt: &[u8; 32], canonical: &[u8]) -> Hash {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    keyed(&key, canonical)
}

/// Returns the HMAC-SHA256 of `data`.
pub(crate) fn keyed(key: &hmac::Key, data: &[u8]) -> Hash {
    Hash::from_digest(hmac::sign(key, data).as_ref())
}

fn check_len(bytes: &[u8]) -> Result<()> {
    if bytes.len() > LEAF_BYTES_MAX {
        return Err(Error::LeafTooLong {
            len_bytes: bytes.len(),
            limit: LEAF_BYTES_MAX,
        });
    }
    Ok(())
}
