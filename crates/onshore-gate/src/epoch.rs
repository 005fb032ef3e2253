//! Configuration epochs: everything a verdict depends on, recorded at each start, so that nobody moves the border by
//! editing a file unseen.

use onshore_journal::Leaf;
use onshore_ledger::{Hash, canonical};
use onshore_registry::Epoch;
use serde_json::{Value, json};

use crate::Error;
use crate::gate::{Inner, body};

/// Everything a verdict depends on, in full. It holds no secret and no person's data.
#[derive(Debug, Clone)]
pub struct EpochDocument {
    /// The configuration of region, networks and proxies.
    pub configuration: Value,
    /// The version of the binary.
    pub version: String,
}

/// Records the epoch that begins and returns its number.
pub(crate) fn begin(inner: &Inner, document: &EpochDocument) -> Result<u64, Error> {
    let full = json!({
        "configuration": document.configuration,
        "pack_sha256": Hash::of(inner.policy.source().as_bytes()),
        "version": document.version,
    });
    let bytes = canonical(&full)?;
    let digest = Hash::of(&bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (registry, journal) = (inner.registry.clone(), inner.journal.clone());
    let now = inner.now();
    inner.db.write_blocking(move |unit| {
        let id = registry.next_epoch(unit)?;
        let rest = json!({ "document": full, "document_sha256": digest });
        let leaf = journal.record(
            unit,
            Leaf {
                time: now,
                body: body("epoch", id, rest),
                disclosure: None,
            },
        )?;
        let epoch = Epoch {
            id,
            digest: *digest.as_bytes(),
            body: text,
        };
        registry.save_epoch(unit, &epoch, leaf, now)?;
        Ok(id)
    })
}
