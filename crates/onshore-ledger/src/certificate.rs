//! The migration certificate: what a migration brought, what it did not, signed and anchored in the ledger. It says
//! "complete" only if nothing is missing from what it lists, and every figure in it follows from what it lists.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    CertificateEntry, CertificateRoot, Checkpoint, Error, Hash, Inventory, InventoryPage,
    MemoryTree, Note, ObjectProof, ProofBundle, Result, Salt, Signer, VerifiedLeaf, VerifierKey,
    canonical, inventory,
};

/// The member of a leaf, or of the record it discloses, that carries [`CertificateBody::claim`].
const CLAIM_MEMBER: &str = "certificate";

/// The reason of an exception that the job was not ordered to bring.
pub const NOT_SELECTED: &str = "not-selected";

/// The format of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificateFormat {
    /// The first format: without inventories.
    #[serde(rename = "onshore-certificate/1")]
    V1,
    /// With the inventories' pages, the job's settings, and of each record its page, its leaf and how it was read back.
    #[serde(rename = "onshore-certificate/2")]
    V2,
}

impl CertificateFormat {
    /// Returns what the signed text begins with.
    const fn word(self) -> &'static str {
        match self {
            Self::V1 => "onshore-certificate/1",
            Self::V2 => "onshore-certificate/2",
        }
    }
}

/// What a certificate says of the source's listing. No source signs its listing: the strongest word is that somebody else
/// counted the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Listing {
    /// Every version that Onshore saw listed is at the destination, and they are as many as an independent count says.
    #[serde(rename = "complete as listed by Onshore and as counted independently")]
    Counted,
    /// Every version that Onshore saw listed is at the destination.
    #[serde(rename = "complete as listed by Onshore")]
    Complete,
    /// Every version that the job was ordered to bring, by what it holds, is at the destination. What else the source listed stayed
    /// there: it is among the exceptions, each for that reason alone.
    #[serde(rename = "complete as selected")]
    Selected,
    /// Something is missing; the exceptions say what.
    #[serde(rename = "incomplete")]
    Incomplete,
}

/// How many versions took which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateCounts {
    /// Versions the source listed.
    pub listed: u64,
    /// Versions copied by this job.
    pub copied: u64,
    /// Versions found at the destination already, unchanged.
    pub unchanged: u64,
    /// Versions that did not arrive.
    pub exceptions: u64,
}

/// A version that was listed and is not at the destination as it was at the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateException {
    /// The object's key.
    pub key: String,
    /// The version at the source, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The reason, one word of a fixed list.
    pub reason: String,
    /// The reason in full, for people.
    pub detail: String,
    /// Its size as the source listed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The page of the last inventory that names it, from 0; none when that inventory does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
}

/// What somebody else than Onshore counted at the source: the provider's usage figure or inventory report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndependentCount {
    /// Who counted, and when, as whoever ordered the job says.
    pub by: String,
    /// How many objects, or versions and delete markers where those are brought.
    pub objects: u64,
    /// How many bytes, where that was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

impl IndependentCount {
    /// Whether so many objects and bytes are what was counted.
    #[must_use]
    pub fn agrees(&self, objects: u64, bytes: u64) -> bool {
        self.objects == objects && self.bytes.is_none_or(|counted| counted == bytes)
    }
}

/// What is signed: everything but the list of objects, of which it holds the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateBody {
    /// The format of this certificate.
    pub format: CertificateFormat,
    /// The migration job.
    pub job: String,
    /// The tenant the objects belong to.
    pub tenant: String,
    /// Where they came from, without credentials.
    pub source: String,
    /// The bucket they went to.
    pub bucket: String,
    /// The class the migration declared.
    pub class: String,
    /// When the job began (RFC 3339).
    pub started: String,
    /// When it ended (RFC 3339).
    pub ended: String,
    /// The region of the destination.
    pub region: String,
    /// The jurisdiction of the destination.
    pub jurisdiction: String,
    /// The ledger's verifier key, for information: a verifier brings its own.
    pub ledger_key: String,
    /// What may be said of completeness.
    pub listing: Listing,
    /// How many versions took which way.
    pub counts: CertificateCounts,
    /// The sum of the sizes of the objects listed.
    pub bytes: u64,
    /// The salt of the objects' leaves.
    pub salt: Salt,
    /// The Merkle root over the objects.
    pub root: Hash,
    /// What did not arrive.
    pub exceptions: Vec<CertificateException>,
    /// How the job was to be done: its options and its source, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// What the source listed: the first time, and the last time, after everything was brought.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inventories: Vec<Inventory>,
    /// What somebody else counted at the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<IndependentCount>,
}

impl CertificateBody {
    /// Returns the SHA-256 of the canonical body.
    pub fn hash(&self) -> Result<Hash> {
        let value = serde_json::to_value(self).map_err(Error::Json)?;
        Ok(Hash::of(&canonical(&value)?))
    }

    /// Returns what the ledger must record of this certificate, as member `certificate` of a leaf or of the record that
    /// the leaf commits to.
    pub fn claim(&self) -> Result<Value> {
        Ok(json!({ "body": self.hash()?, "root": self.root }))
    }

    /// Signs the body and returns the note for [`Certificate::signature`].
    pub fn sign(&self, signer: &Signer) -> Result<String> {
        signer.sign(&self.signed_text(signer.name(), &self.hash()?))
    }
}

impl CertificateBody {
    fn signed_text(&self, origin: &str, body_hash: &Hash) -> String {
        format!("{} {origin}\n{body_hash}\n", self.format.word())
    }
}

/// A certificate as it is written to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// What is signed.
    pub body: CertificateBody,
    /// The pages of each of the body's inventories.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<Vec<InventoryPage>>,
    /// The objects that arrived, in strict order of key and version.
    pub objects: Vec<CertificateEntry>,
    /// The signed note over the body's hash.
    pub signature: String,
    /// The proof that the ledger recorded this certificate.
    pub proof: ProofBundle,
}

/// What a verified certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateSummary {
    /// The ledger that issued it.
    pub origin: String,
    /// What was signed.
    pub body: CertificateBody,
    /// The SHA-256 of the canonical body.
    pub body_hash: Hash,
    /// The number of objects under the root.
    pub objects: u64,
    /// The number of records, arrived or not, that the last inventory does not name: something listed once and not again.
    pub unlisted: u64,
    /// The index of its leaf in the ledger.
    pub leaf_index: u64,
    /// The checkpoint that leaf is proven under.
    pub checkpoint: Checkpoint,
}

impl Certificate {
    /// Checks everything the certificate claims with keys the verifier brought along, and returns what it says.
    pub fn verify(&self, keys: &[VerifierKey]) -> Result<CertificateSummary> {
        let body_hash = self.body.hash()?;
        let origin = self.verify_signature(keys, &body_hash)?;
        self.verify_objects()?;
        self.verify_counts()?;
        self.verify_exceptions()?;
        inventory::verify(&self.body, &self.pages, &self.objects)?;
        self.verify_listing()?;
        let leaf = self.proof.verify(keys)?;
        if leaf.checkpoint.origin != origin {
            return Err(Error::OriginMismatch { origin });
        }
        self.verify_claim(&leaf)?;
        Ok(CertificateSummary {
            origin,
            body: self.body.clone(),
            body_hash,
            objects: self.objects.len() as u64,
            unlisted: self.unlisted(),
            leaf_index: leaf.index,
            checkpoint: leaf.checkpoint,
        })
    }

    /// Proves every version of one key against the certificate's root. The root itself is believed only after
    /// [`Certificate::verify`].
    pub fn prove_object(&self, key: &str) -> Result<Vec<ObjectProof>> {
        let start = self
            .objects
            .partition_point(|entry| entry.key.as_str() < key);
        let versions = self
            .objects
            .iter()
            .enumerate()
            .skip(start)
            .take_while(|(_, entry)| entry.key == key)
            .collect::<Vec<_>>();
        if versions.is_empty() {
            return Err(self.why_absent(key));
        }
        let tree = self.tree()?;
        versions
            .into_iter()
            .map(|(position, entry)| {
                let index = position as u64;
                Ok(ObjectProof {
                    entry: entry.clone(),
                    index,
                    path: tree.prove_inclusion(index)?,
                })
            })
            .collect()
    }

    fn tree(&self) -> Result<MemoryTree> {
        let mut root = CertificateRoot::new(&self.body.salt);
        let leaves = self.objects.iter().map(|entry| root.add(entry));
        let tree = MemoryTree::new(leaves.collect::<Result<_>>()?);
        if tree.root() == self.body.root {
            Ok(tree)
        } else {
            Err(Error::CertificateRootMismatch)
        }
    }

    fn why_absent(&self, key: &str) -> Error {
        let exception = self
            .body
            .exceptions
            .iter()
            .find(|exception| exception.key == key);
        exception.map_or(Error::ObjectAbsent, |exception| Error::ObjectIsException {
            reason: exception.reason.clone(),
        })
    }

    fn verify_signature(&self, keys: &[VerifierKey], body_hash: &Hash) -> Result<String> {
        let note = Note::parse(&self.signature)?;
        let text = note.verify(keys)?;
        // The text names its signer, so one key's signature cannot be shown as another's.
        note.signers(keys)?
            .into_iter()
            .map(VerifierKey::name)
            .find(|name| text == self.body.signed_text(name, body_hash))
            .map(str::to_owned)
            .ok_or(Error::BodyMismatch)
    }

    fn verify_objects(&self) -> Result<()> {
        let mut root = CertificateRoot::new(&self.body.salt);
        for entry in &self.objects {
            root.add(entry)?;
        }
        let totals = root.finish();
        if totals.root != self.body.root {
            return Err(Error::CertificateRootMismatch);
        }
        if totals.bytes != self.body.bytes {
            return Err(Error::CountMismatch { what: "bytes" });
        }
        Ok(())
    }

    fn verify_counts(&self) -> Result<()> {
        let CertificateCounts {
            listed,
            copied,
            unchanged,
            exceptions,
        } = self.body.counts;
        let arrived = copied.checked_add(unchanged);
        let checks = [
            (
                "count of exceptions",
                exceptions == self.body.exceptions.len() as u64,
            ),
            (
                "count of copied and unchanged",
                arrived == Some(self.objects.len() as u64),
            ),
            (
                "count of listed",
                arrived.and_then(|arrived| arrived.checked_add(exceptions)) == Some(listed),
            ),
        ];
        match checks.into_iter().find(|(_, holds)| !holds) {
            Some((what, _)) => Err(Error::CountMismatch { what }),
            None => Ok(()),
        }
    }

    fn verify_exceptions(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        for (position, exception) in self.body.exceptions.iter().enumerate() {
            let order = (exception.key.as_str(), exception.version.as_deref());
            let arrived = self
                .objects
                .binary_search_by(|entry| entry.order().cmp(&order))
                .is_ok();
            if arrived || !seen.insert(order) {
                return Err(Error::ExceptionRepeated { position });
            }
        }
        Ok(())
    }

    /// What is said of completeness has to follow from the rest.
    fn verify_listing(&self) -> Result<()> {
        let is_whole = self.body.exceptions.is_empty();
        match self.body.listing {
            Listing::Incomplete => Ok(()),
            Listing::Complete | Listing::Counted if !is_whole => Err(Error::CompleteWithExceptions),
            Listing::Complete => Ok(()),
            Listing::Selected => self.verify_selection(),
            Listing::Counted => {
                let counted = self.body.counted.as_ref().zip(self.body.inventories.last());
                let agrees = counted.is_some_and(|(count, inventory)| {
                    count.agrees(inventory.entries, inventory.bytes)
                });
                let what = "independent count";
                if agrees {
                    Ok(())
                } else {
                    Err(Error::CountMismatch { what })
                }
            }
        }
    }

    /// What is complete as selected names what was asked for, and misses nothing else than what was not.
    fn verify_selection(&self) -> Result<()> {
        let is_selective = self
            .body
            .settings
            .as_ref()
            .is_some_and(|settings| settings["options"]["select"].is_object());
        let mut reasons = self.body.exceptions.iter().map(|missing| &missing.reason);
        if is_selective && reasons.all(|reason| reason == NOT_SELECTED) {
            Ok(())
        } else {
            Err(Error::CompleteWithExceptions)
        }
    }

    fn unlisted(&self) -> u64 {
        if self.body.inventories.is_empty() {
            return 0;
        }
        let pages = self.objects.iter().map(|object| object.page);
        let of_missing = self.body.exceptions.iter().map(|exception| exception.page);
        pages.chain(of_missing).filter(Option::is_none).count() as u64
    }

    fn verify_claim(&self, verified: &VerifiedLeaf) -> Result<()> {
        let claimed = verified
            .leaf
            .get(CLAIM_MEMBER)
            .or_else(|| verified.record.as_ref()?.get(CLAIM_MEMBER));
        if claimed == Some(&self.body.claim()?) {
            Ok(())
        } else {
            Err(Error::LeafClaimMismatch)
        }
    }
}
