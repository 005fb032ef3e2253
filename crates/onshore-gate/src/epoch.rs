//! Configuration epochs: everything a verdict depends on, recorded at each start and each change of the rules, so that nobody moves the border by
//! editing a file unseen.

use onshore_db::Unit;
use onshore_journal::Leaf;
use onshore_ledger::{Hash, canonical};
use onshore_policy::Policy;
use onshore_registry::Epoch;
use onshore_types::Timestamp;
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

/// Records the epoch that begins with these rules and returns its number.
pub(crate) fn begin(
    inner: &Inner,
    unit: &Unit<'_>,
    policy: &Policy,
    now: Timestamp,
) -> Result<u64, Error> {
    let full = json!({
        "configuration": inner.document.configuration,
        "pack_sha256": Hash::of(policy.source().as_bytes()),
        "rule_pack": crate::rules::told(policy)?,
        "version": inner.document.version,
    });
    let bytes = canonical(&full)?;
    let digest = Hash::of(&bytes);
    let id = inner.registry.next_epoch(unit)?;
    let rest = json!({ "document": full, "document_sha256": digest });
    let leaf = inner.journal.record(
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
        body: String::from_utf8_lossy(&bytes).into_owned(),
    };
    inner.registry.save_epoch(unit, &epoch, leaf, now)?;
    Ok(id)
}
