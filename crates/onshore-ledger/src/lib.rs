//! The ledger's mathematics: what a leaf, a tree, a checkpoint, a proof and a certificate are, and how a stranger checks
//! them with nothing but a public key.
//!
//! Pure: no files, no network, no clock, no randomness (seeds and salts are passed in). `journal` builds the log with
//! it, `gate` and `migrate` write what it defines, the command line verifies with it offline.
//!
//! - [`Tree`] appends, [`inclusion_path`] and [`consistency_path`] prove, [`verify_inclusion`] and
//!   [`verify_consistency`] check (RFC 6962, SHA-256).
//! - [`TileRef`] and [`tiles_to_write`] lay the log out as C2SP tlog-tiles; [`verify_tiles`] recomputes a whole log.
//! - [`Signer`], [`VerifierKey`], [`Note`] and [`Checkpoint`] are C2SP signed-note and tlog-checkpoint.
//! - [`canonical`], [`encode_leaf`] and [`commitment`] fix the bytes of a leaf (RFC 8785) and what it says of its record.
//! - [`WitnessKey`], [`Cosigner`], [`AddCheckpoint`], [`TlogPolicy`] and [`TlogProof`] are C2SP tlog-cosignature,
//!   tlog-witness, tlog-policy and tlog-proof.
//! - [`ProofBundle`], [`ReadProof`], [`Certificate`] and the evidence bundle ([`verify_evidence`]) are the files handed to an
//!   auditor; [`Document::parse`] tells them apart.

mod audit;
mod bundle;
mod canonical;
mod certificate;
mod certificate_root;
mod checkpoint;
mod cosignature;
mod document;
mod error;
mod evidence;
mod hash;
mod inventory;
mod leaf;
mod note;
mod policy;
mod proof;
mod range;
mod read_proof;
mod salt;
mod spot;
mod strict_json;
mod tiles;
mod tlog_proof;
mod tree;
mod update;
mod verifier_key;
mod witness;

pub use audit::{verify_log, verify_tiles};
pub use bundle::{
    Disclosure, ProofBundle, ProofFormat, RelatedLeaf, VerifiedLeaf, VerifiedRelated,
};
pub use canonical::canonical;
pub use certificate::{
    Certificate, CertificateBody, CertificateCounts, CertificateException, CertificateFormat,
    CertificateSummary, IndependentCount, Listing, NOT_SELECTED,
};
pub use certificate_root::{CertificateEntry, CertificateRoot, CertificateTotals, ObjectProof};
pub use checkpoint::Checkpoint;
pub use cosignature::{Cosigner, WitnessKey};
pub use document::Document;
pub use error::{Error, Result};
pub use evidence::{
    EvidenceAccount, EvidenceContext, EvidenceEntry, EvidenceFormat, EvidenceHead, EvidenceLeaf,
    EvidenceWriter, verify_evidence,
};
pub use hash::{Hash, empty_root, leaf_hash, node_hash};
pub use inventory::{
    CHAIN_BEGIN, Inventory, InventoryChain, InventoryOrder, InventoryPage, InventoryTotals,
    PageDigest,
};
pub use leaf::{
    LEAF_BYTES_MAX, commitment, commitment_of_bytes, encode_leaf, parse_leaf, parse_record,
};
pub use note::{Note, NoteSignature, Signer};
pub use policy::{Cosigned, PolicyWitness, TlogPolicy};
pub use proof::{
    MemoryTree, consistency_path, inclusion_path, prove_consistency, prove_inclusion,
    verify_consistency, verify_inclusion,
};
pub use range::{RangeCheck, RangeProof};
pub use read_proof::{ReadFormat, ReadProof, VerifiedRead};
pub use salt::Salt;
pub use spot::{SPOT_PREFIX, draw_spot};
pub use tiles::{
    ENTRY_BYTES_MAX, TILE_WIDTH, TileLevel, TileRef, decode_entries, decode_hashes, encode_entry,
    encode_hashes, node_from_tiles, tiles_to_write,
};
pub use tlog_proof::TlogProof;
pub use tree::{Node, SIZE_MAX, Tree, frontier_nodes, root_of};
pub use update::{
    Platform, ReleaseVersion, SignedUpdate, UpdateManifest, unpack_update, verify_update,
};
pub use verifier_key::VerifierKey;
pub use witness::{
    ADD_CHECKPOINT_BYTES_MAX, AddCheckpoint, CosignedHead, WitnessRefusal, parse_cosigned_size,
};
