//! Evidence: who was handed what the ledger recorded, and which records of reads were kept long enough.

use std::time::Duration;

use onshore_journal::{Leaf, Records, Span};
use onshore_policy::{Principal, Role};
use onshore_types::LeafIndex;
use serde_json::json;

use crate::acts::{Act, require};
use crate::gate::body;
use crate::{Error, Gate};

/// How many records of reads go in one unit of work, or few more: everybody waits for it.
const REMOVED_AT_ONCE: u64 = 10_000;

impl Gate {
    /// Records that everything of a span is handed to somebody. Its leaf is the neighbour behind a span that ends now.
    ///
    /// # Errors
    /// [`Error::RoleForbids`]; those of the keepers.
    pub async fn report_evidence(
        &self,
        by: Principal,
        span: Span,
        records: Records,
    ) -> Result<LeafIndex, Error> {
        require(by, &[Role::Operator, Role::Regulator, Role::Auditor])?;
        let (_, leaf) = self
            .act(by, move |_, _, _| {
                let body = json!({
                    "from": span.from,
                    "to": span.to,
                    "records": match records {
                        Records::Shown => "shown",
                        Records::Withheld => "withheld",
                    },
                });
                let act = Act {
                    kind: "report.bundled",
                    record: body.clone(),
                    body,
                };
                Ok((act, ()))
            })
            .await?;
        Ok(leaf)
    }

    /// Removes some of the records of reads that were kept this long, oldest first, and returns how many; the leaf says
    /// so. A clock that leaps ahead removes nothing before its time.
    ///
    /// # Errors
    /// Those of the keepers.
    pub async fn remove_reads(&self, kept: Duration) -> Result<u64, Error> {
        let kept_ms = i64::try_from(kept.as_millis()).unwrap_or(i64::MAX);
        let gate = self.clone();
        self.inner
            .db
            .write(move |unit| {
                let before = gate.at_most().plus_millis(kept_ms.saturating_neg());
                let mut removed = 0;
                while removed < REMOVED_AT_ONCE {
                    let batch = gate.inner.journal.remove_reads(unit, before)?;
                    if batch == 0 {
                        break;
                    }
                    removed += batch;
                }
                if removed > 0 {
                    let rest = json!({ "before": before, "reads": removed });
                    let leaf = Leaf {
                        time: gate.now(),
                        body: body("reads.removed", gate.inner.epoch(), rest),
                        disclosure: None,
                    };
                    gate.inner.journal.record(unit, leaf)?;
                }
                Ok(removed)
            })
            .await
    }
}
