//! Bytes on their way out. Whoever sends them carries an [`Outflow`]: it says when to stop, counts, and when it is
//! dropped settles: an export gets its closing leaf, a read inside goes into the next batch.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use onshore_db::Unit;
use onshore_journal::{Leaf, ReadRecord};
use onshore_policy::Permit;
use onshore_registry::{Export, ExportEnd};
use onshore_types::{
    BucketId, ExportId, LeafIndex, ObjectKey, PrincipalId, TenantId, Timestamp, VersionId,
};
use serde::Serialize;
use serde_json::json;

use crate::background::READS_WAITING_MAX;
use crate::gate::{Inner, OpenExport, body, salt};
use crate::{Error, Gate};

/// Reads inside the jurisdiction that make a batch before its time.
const READS_PER_BATCH: usize = 2000;

/// Why bytes must stop at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the transfer approval lapsed or was revoked, or the data became stricter, while bytes flowed"
)]
pub struct Lapsed;

/// Bytes on their way out.
#[derive(Debug)]
#[must_use = "an outflow that nobody carries settles at once, with no byte sent"]
pub struct Outflow {
    gate: Gate,
    end: End,
    sent_bytes: AtomicU64,
    has_lapsed: AtomicBool,
}

#[derive(Debug)]
enum End {
    Inside(Option<ReadRecord>),
    Export {
        open: OpenExport,
        /// Set when the approval is revoked, and when the bucket's objects become stricter.
        stops: [Arc<AtomicBool>; 2],
    },
    /// The export was watched before, or has been closed because nobody did: not a byte may leave on it.
    Spent,
}

/// A read inside the jurisdiction, as its record has it. The members stand in the order of canonical JSON, so that what
/// is written is canonical as it comes: a read is recorded for every request.
#[derive(Debug, Serialize)]
struct Read<'a> {
    bucket: Option<BucketId>,
    key: Option<&'a ObjectKey>,
    operation: &'static str,
    principal: PrincipalId,
    range: RunRead,
    rule: &'static str,
    to: String,
    version: Option<VersionId>,
}

#[derive(Debug, Serialize)]
struct RunRead {
    len_bytes: u64,
    start: u64,
}

impl Read<'_> {
    fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names, ids and numbers are JSON")
    }
}

impl Gate {
    /// Takes over the watch on bytes that a permit lets out. Call it once for each permit to read, before the permit
    /// is spent.
    pub fn watch(&self, permit: &Permit) -> Outflow {
        let end = match permit.export() {
            None => End::Inside(Some(self.read_record(permit))),
            Some(id) => self.inner.take_opened(id).map_or(End::Spent, |open| {
                let revoked = open
                    .export
                    .approval
                    .map_or_else(Arc::default, |id| self.inner.revoked(id));
                let tightened = open
                    .bucket
                    .map_or_else(Arc::default, |id| self.inner.tightened(id));
                End::Export {
                    open,
                    stops: [revoked, tightened],
                }
            }),
        };
        Outflow {
            gate: self.clone(),
            end,
            sent_bytes: AtomicU64::new(0),
            has_lapsed: AtomicBool::new(false),
        }
    }

    fn read_record(&self, permit: &Permit) -> ReadRecord {
        let record = Read {
            bucket: permit.bucket(),
            key: permit.key(),
            operation: permit.operation(),
            principal: permit.principal().id,
            range: RunRead {
                len_bytes: permit.range().len_bytes,
                start: permit.range().start,
            },
            rule: permit.basis().rule(),
            to: permit.to().to_string(),
            version: permit.version(),
        };
        ReadRecord {
            time: self.now(),
            salt: salt(),
            record: record.canonical(),
        }
    }

    /// Closes the exports that an interrupted server left open. Nobody knows what was sent, so all of it stays spent.
    pub(crate) fn close_interrupted(&self) -> Result<(), Error> {
        let exports = self.inner.registry.open_exports()?;
        if exports.is_empty() {
            return Ok(());
        }
        let gate = self.clone();
        self.inner.db.write_blocking(move |unit| {
            exports.iter().try_for_each(|export| {
                let spent_bytes = export.reserved_bytes;
                gate.inner
                    .close(unit, export, None, ExportEnd::Interrupted, spent_bytes)
            })
        })
    }

    /// Closes the exports opened until an instant that nobody watches: whoever asked went away before the answer. No
    /// byte of them was sent.
    pub(crate) fn close_abandoned(&self, until: Timestamp) {
        let abandoned: Vec<OpenExport> = self
            .inner
            .opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extract_if(|_, open| open.opened <= until)
            .map(|(_, open)| open)
            .collect();
        for open in abandoned {
            self.inner.settle(open, ExportEnd::Cut, 0);
        }
    }
}

impl Outflow {
    /// Says whether bytes may go on flowing. Ask before each chunk of at most 256 KiB.
    ///
    /// # Errors
    /// [`Lapsed`]: stop, and cut the connection rather than end it cleanly.
    pub fn check(&self) -> Result<(), Lapsed> {
        let is_over = match &self.end {
            End::Inside(_) => false,
            End::Spent => true,
            End::Export { open, stops } => {
                let now = self.gate.now();
                open.until.is_some_and(|until| now >= until)
                    || self.gate.inner.is_turning(now)
                    || stops.iter().any(|stop| stop.load(Ordering::SeqCst))
                    || self.gate.inner.noticed.newest(open.owner) != open.notice
                    || self.sent_bytes.load(Ordering::SeqCst) > open.export.reserved_bytes
            }
        };
        if is_over {
            self.has_lapsed.store(true, Ordering::SeqCst);
            return Err(Lapsed);
        }
        Ok(())
    }

    /// Counts bytes that were handed to the connection.
    pub fn sent(&self, len_bytes: u64) {
        self.sent_bytes.fetch_add(len_bytes, Ordering::SeqCst);
    }

    /// Returns the leaf that opened the export, if these bytes leave the jurisdiction.
    #[must_use]
    pub fn leaf(&self) -> Option<LeafIndex> {
        match &self.end {
            End::Inside(_) | End::Spent => None,
            End::Export { open, .. } => Some(open.export.opened_leaf),
        }
    }
}

impl Drop for Outflow {
    fn drop(&mut self) {
        let sent_bytes = self.sent_bytes.load(Ordering::SeqCst);
        match &mut self.end {
            End::Inside(read) => {
                if let Some(read) = read.take() {
                    self.gate.inner.add_read(read);
                }
            }
            End::Export { open, .. } => {
                let end = if self.has_lapsed.load(Ordering::SeqCst) {
                    ExportEnd::Lapsed
                } else if sent_bytes >= open.export.reserved_bytes {
                    ExportEnd::Complete
                } else {
                    ExportEnd::Cut
                };
                self.gate.inner.settle(open.clone(), end, sent_bytes);
            }
            End::Spent => {}
        }
    }
}

impl Inner {
    fn take_opened(&self, id: ExportId) -> Option<OpenExport> {
        self.opened
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id)
    }

    fn add_read(&self, read: ReadRecord) {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        if reads.len() >= READS_WAITING_MAX {
            tracing::error!("too many read records wait; one is lost");
            return;
        }
        reads.push(read);
        if reads.len() >= READS_PER_BATCH {
            self.reads_waiting.notify_one();
        }
    }

    /// Queues the closing of an export. Whoever drops an outflow waits for nothing; [`Gate::drain`] does.
    fn settle(self: &Arc<Self>, open: OpenExport, end: ExportEnd, sent_bytes: u64) {
        let inner = Arc::clone(self);
        self.db.submit(
            move |unit| inner.close(unit, &open.export, Some(open.tenant), end, sent_bytes),
            |closed: Result<(), Error>| {
                if let Err(error) = closed {
                    // It stays open in the registry, all of it spent, and is closed as interrupted at the next start.
                    tracing::error!(%error, "an export could not be closed");
                }
            },
        );
    }

    /// Closes an export, unless it is closed already or never came to be.
    pub(crate) fn close(
        &self,
        unit: &Unit<'_>,
        export: &Export,
        tenant: Option<TenantId>,
        end: ExportEnd,
        sent_bytes: u64,
    ) -> Result<(), Error> {
        if !self.registry.is_export_open(unit, export.id)? {
            return Ok(());
        }
        let now = self.now();
        let is_known = end != ExportEnd::Interrupted;
        let rest = json!({
            "export": export.id,
            "approval": export.approval,
            "tenant": tenant,
            "opened": export.opened_leaf,
            "ended": end,
            "sent_bytes": is_known.then_some(sent_bytes),
            "spent_bytes": sent_bytes.min(export.reserved_bytes),
        });
        let leaf = self.journal.record(
            unit,
            Leaf {
                time: now,
                body: body("export.closed", self.epoch(), rest),
                disclosure: None,
            },
        )?;
        Ok(self
            .registry
            .close_export(unit, export, end, sent_bytes, leaf)?)
    }
}

#[cfg(test)]
mod tests {
    use onshore_ledger::canonical;
    use onshore_types::{BucketId, ObjectKey, PrincipalId, VersionId};
    use serde_json::Value;

    use super::{Read, RunRead};

    #[test]
    fn what_is_written_of_a_read_is_canonical_whatever_its_key() {
        let keys = [
            "plain",
            "q\"\\/",
            "\u{1}\u{7f}\u{80}\n\t\r",
            "\u{2028}\u{feff}",
            "文 😀 ｚ",
        ];
        for (number, key) in keys.into_iter().enumerate() {
            let key = ObjectKey::parse(key.to_owned()).expect("a key");
            let read = Read {
                bucket: Some(BucketId::from_bytes([7; 16])),
                key: Some(&key),
                operation: "GetObject",
                principal: PrincipalId::from_bytes([9; 16]),
                range: RunRead {
                    len_bytes: 5 << 40,
                    start: u64::from(number == 0),
                },
                rule: "border.inside",
                to: "CN".to_owned(),
                version: (number > 0).then(|| VersionId::from_bytes([1; 16])),
            };
            let written = read.canonical();
            let value: Value = serde_json::from_slice(&written).expect("JSON");
            assert_eq!(written, canonical(&value).expect("canonical"));
        }
    }
}
