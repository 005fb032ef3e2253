//! The Merkle root of a migration certificate: one salted leaf per object, in strict order of key and version, so that
//! one object can be proven and none listed twice. It is computed as the objects pass, without holding them.

use ring::hmac;
use serde::{Deserialize, Serialize};

use crate::leaf::keyed;
use crate::{Error, Hash, Result, Salt, Tree, canonical, leaf_hash, verify_inclusion};

/// One object that is at the destination and was verified there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateEntry {
    /// The object's key.
    pub key: String,
    /// The version at the source: its version id or ETag, if the source has either.
    pub version: Option<String>,
    /// The object's length in bytes.
    pub size: u64,
    /// The SHA-256 of its bytes as stored at the destination.
    pub sha256: Hash,
    /// The method by which source and destination were compared.
    pub method: String,
    /// The version it became at the destination.
    pub destination_version: String,
    /// The label it bears at the destination.
    pub label: String,
    /// How the destination was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<String>,
    /// The ledger's leaf of the decision that let it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<u64>,
    /// The page of the last inventory that names it, from 0; none when that inventory does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
}

impl CertificateEntry {
    /// Returns what entries are ordered by. Keys compare as bytes; no version comes before any.
    #[must_use]
    pub fn order(&self) -> (&str, Option<&str>) {
        (&self.key, self.version.as_deref())
    }
}

/// Computes a certificate's root from its entries, one by one.
pub struct CertificateRoot {
    key: hmac::Key,
    tree: Tree,
    bytes: u64,
    last: Option<(String, Option<String>)>,
}

/// What [`CertificateRoot::finish`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateTotals {
    /// The Merkle root over the entries.
    pub root: Hash,
    /// The number of entries.
    pub objects: u64,
    /// The sum of their sizes.
    pub bytes: u64,
}

impl CertificateRoot {
    /// Begins a root whose leaves are salted.
    #[must_use]
    pub fn new(salt: &Salt) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes()),
            tree: Tree::new(),
            bytes: 0,
            last: None,
        }
    }

    /// Adds the next entry and returns its leaf hash. Entries ascend strictly by key bytes, then version.
    pub fn add(&mut self, entry: &CertificateEntry) -> Result<Hash> {
        let position = self.tree.size();
        if let Some((key, version)) = &self.last
            && (key.as_str(), version.as_deref()) >= entry.order()
        {
            return Err(Error::EntryOutOfOrder { position });
        }
        self.bytes = self
            .bytes
            .checked_add(entry.size)
            .ok_or(Error::CountMismatch { what: "bytes" })?;
        let leaf = entry_leaf(&self.key, entry)?;
        self.tree.append(leaf);
        self.last = Some((entry.key.clone(), entry.version.clone()));
        Ok(leaf)
    }

    /// Returns the root and totals over all entries added.
    #[must_use]
    pub fn finish(self) -> CertificateTotals {
        CertificateTotals {
            root: self.tree.root(),
            objects: self.tree.size(),
            bytes: self.bytes,
        }
    }
}

impl std::fmt::Debug for CertificateRoot {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("CertificateRoot")
            .field("objects", &self.tree.size())
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// The proof that one object is under a certificate's root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectProof {
    /// The object.
    pub entry: CertificateEntry,
    /// Its position in the certificate, from 0.
    pub index: u64,
    /// The inclusion proof, lowest sibling first.
    pub path: Vec<Hash>,
}

impl ObjectProof {
    /// Checks the proof against the salt, object count and root of a certificate that has been verified.
    pub fn verify(&self, salt: &Salt, objects: u64, root: &Hash) -> Result<()> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, salt.as_bytes());
        let leaf = entry_leaf(&key, &self.entry)?;
        verify_inclusion(&leaf, self.index, objects, &self.path, root)
    }
}

fn entry_leaf(key: &hmac::Key, entry: &CertificateEntry) -> Result<Hash> {
    let value = serde_json::to_value(entry).map_err(Error::Json)?;
    Ok(leaf_hash(keyed(key, &canonical(&value)?).as_bytes()))
}
