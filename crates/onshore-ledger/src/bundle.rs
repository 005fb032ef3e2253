//! The proof bundle: one leaf, its place in the log, the signed checkpoint it is proven under and, where the holder may
//! see it, the record behind it. It is checked offline with the log's public key.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::{
    Checkpoint, Error, Hash, Result, Salt, VerifierKey, commitment, leaf_hash, parse_leaf,
    strict_json, verify_inclusion,
};

/// The member of a leaf that holds the commitment to its record, in hexadecimal.
const RECORD_MEMBER: &str = "record";

/// The format of a proof bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProofFormat {
    /// The first format.
    #[serde(rename = "onshore-proof/1")]
    V1,
}

/// One leaf proven to be in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofBundle {
    /// The format of this document.
    pub format: ProofFormat,
    /// The exact bytes of the leaf (base64 in JSON).
    #[serde(with = "base64_bytes")]
    pub leaf: Vec<u8>,
    /// The leaf's index in the log.
    pub index: u64,
    /// The inclusion proof, lowest sibling first.
    pub path: Vec<Hash>,
    /// The signed checkpoint, a note.
    pub checkpoint: String,
    /// The record behind the leaf, if it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disclosure: Option<Disclosure>,
    /// Other leaves that belong to this one, such as the closing leaf of an export, proven under the same checkpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<RelatedLeaf>,
}

/// A leaf that belongs to the one a bundle is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelatedLeaf {
    /// The exact bytes of the leaf (base64 in JSON).
    #[serde(with = "base64_bytes")]
    pub leaf: Vec<u8>,
    /// The leaf's index in the log.
    pub index: u64,
    /// The inclusion proof, lowest sibling first.
    pub path: Vec<Hash>,
    /// The record behind the leaf, if it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disclosure: Option<Disclosure>,
}

/// The record that a leaf commits to, and the salt that shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// The salt of the commitment.
    pub salt: Salt,
    /// The record.
    #[serde(deserialize_with = "strict_json::deserialize")]
    pub record: Value,
}

/// What a verified bundle says.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedLeaf {
    /// The leaf's index in the log.
    pub index: u64,
    /// The leaf.
    pub leaf: Value,
    /// The checkpoint it is proven under.
    pub checkpoint: Checkpoint,
    /// The record behind it, if the bundle showed it.
    pub record: Option<Value>,
    /// The other leaves of the bundle.
    pub related: Vec<VerifiedRelated>,
}

/// What a verified related leaf says.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedRelated {
    /// The leaf's index in the log.
    pub index: u64,
    /// The leaf.
    pub leaf: Value,
    /// The record behind it, if the bundle showed it.
    pub record: Option<Value>,
}

impl ProofBundle {
    /// Puts a bundle about one leaf together; disclosure and related leaves may be set afterwards.
    #[must_use]
    pub fn new(leaf: Vec<u8>, index: u64, path: Vec<Hash>, checkpoint: String) -> Self {
        Self {
            format: ProofFormat::V1,
            leaf,
            index,
            path,
            checkpoint,
            disclosure: None,
            related: Vec::new(),
        }
    }

    /// Checks everything the bundle claims against the log's public keys and returns what it says.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<VerifiedLeaf> {
        let checkpoint = Checkpoint::verify(&self.checkpoint, keys)?;
        let first = LeafClaim {
            leaf: &self.leaf,
            index: self.index,
            path: &self.path,
            disclosure: self.disclosure.as_ref(),
        };
        let VerifiedRelated {
            index,
            leaf,
            record,
        } = first.verify(&checkpoint)?;
        let related = self
            .related
            .iter()
            .map(|related| related.claim().verify(&checkpoint))
            .collect::<Result<_>>()?;
        Ok(VerifiedLeaf {
            index,
            leaf,
            checkpoint,
            record,
            related,
        })
    }
}

impl RelatedLeaf {
    fn claim(&self) -> LeafClaim<'_> {
        LeafClaim {
            leaf: &self.leaf,
            index: self.index,
            path: &self.path,
            disclosure: self.disclosure.as_ref(),
        }
    }
}

/// What a bundle claims of one leaf.
struct LeafClaim<'a> {
    leaf: &'a [u8],
    index: u64,
    path: &'a [Hash],
    disclosure: Option<&'a Disclosure>,
}

impl LeafClaim<'_> {
    fn verify(&self, checkpoint: &Checkpoint) -> Result<VerifiedRelated> {
        verify_inclusion(
            &leaf_hash(self.leaf),
            self.index,
            checkpoint.size,
            self.path,
            &checkpoint.root,
        )?;
        let leaf = parse_leaf(self.leaf)?;
        let record = self
            .disclosure
            .map(|disclosure| disclosure.open(&leaf))
            .transpose()?;
        Ok(VerifiedRelated {
            index: self.index,
            leaf,
            record,
        })
    }
}

impl Disclosure {
    fn open(&self, leaf: &Value) -> Result<Value> {
        let promised = leaf
            .get(RECORD_MEMBER)
            .and_then(Value::as_str)
            .ok_or(Error::DisclosureRefused)?;
        if commitment(self.salt.as_bytes(), &self.record)?.to_string() == promised {
            Ok(self.record.clone())
        } else {
            Err(Error::DisclosureRefused)
        }
    }
}

mod base64_bytes {
    use super::{Deserialize, Deserializer, Engine, STANDARD, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}
