//! A second opinion on Onshore's evidence: certificates, proofs, proven reads and evidence bundles, checked by a program
//! that shares nothing with Onshore and is short enough to be read in an afternoon. It trusts the keys it is given and
//! SHA-256, Ed25519 and a JSON parser, and nothing else: no network, no clock, no file but the one in question.
//!
//! Read it in this order: `merkle.rs` (how leaves make a root), `note.rs` (how a checkpoint is signed and cosigned),
//! `policy.rs` (how many witnesses are enough), `documents.rs` and
//! `inventory.rs` (what each document claims). [`check`] is all there is to
//! call; `main.rs` is the command, `page.rs` and `page.html` are the same in a browser.

#![expect(clippy::missing_errors_doc, reason = "every error is a sentence for whoever holds the document")]

mod documents;
mod inventory;
mod json;
mod merkle;
mod note;
#[cfg(target_arch = "wasm32")]
#[path = "../page.rs"]
mod page;
mod policy;

pub use note::Key;
pub use policy::Policy;

/// Why a document does not hold.
pub type Refusal = String;

/// Checks a document with keys and a policy that came another way than the document, and returns what it says, a line
/// each. A key that is named in the document itself is never trusted.
pub fn check(document: &[u8], keys: &[Key], policy: Option<&Policy>) -> Result<Vec<String>, Refusal> {
    let logs = policy.map_or(&[][..], |policy| &policy.logs);
    let keys = if keys.is_empty() { logs.to_vec() } else { keys.to_vec() };
    policy.map_or(Ok(()), |policy| policy.refuse_own_witness(&keys))?;
    if keys.is_empty() {
        return Err("no key of the ledger was given".to_owned());
    }
    documents::check(document, &documents::Trust { keys, policy })
}

fn refuse_if(is_wrong: bool, why: &str) -> Result<(), Refusal> {
    if is_wrong { Err(why.to_owned()) } else { Ok(()) }
}
