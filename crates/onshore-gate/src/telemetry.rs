//! Telemetry: that numbers of the server are sent to somebody, and where that is. They have the class `general`, so no approval is
//! asked for; what the leaf says lets anybody who was shown the document see that it is the one that went.

use onshore_journal::Leaf;
use onshore_ledger::Hash;
use onshore_types::{LeafIndex, Place};
use serde_json::json;

use crate::gate::body;
use crate::{Error, Gate};

impl Gate {
    /// Records that a document is about to be sent. Call it before the first byte goes.
    ///
    /// # Errors
    /// Those of the journal.
    pub async fn record_telemetry(
        &self,
        to: Place,
        document: Hash,
        list: Hash,
        len_bytes: usize,
    ) -> Result<LeafIndex, Error> {
        let gate = self.clone();
        self.inner
            .db
            .write(move |unit| {
                let rest = json!({
                    "to": to.to_string(),
                    "class": "general",
                    "document_sha256": document,
                    "list_sha256": list,
                    "bytes": len_bytes,
                });
                let leaf = Leaf {
                    time: gate.now(),
                    body: body("telemetry.sent", gate.inner.epoch(), rest),
                    disclosure: None,
                };
                Ok(gate.inner.journal.record(unit, leaf)?)
            })
            .await
    }
}
