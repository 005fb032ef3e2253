//! The inventory engine: lists what buckets hold, in the format of
//! [S3 Inventory](https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html): data files in
//! compressed CSV, and a manifest that names them and comes last. A report that a kill broke off is made anew.

mod columns;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use onshore_store::{
    BodyError, Bucket, DueInventory, InventoryMarker, InventoryPage, InventoryQuery,
};
use onshore_types::{BucketId, Label, ObjectKey, Timestamp};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use self::columns::{Columns, Packed};
use crate::delivery::{Report, Stored};
use crate::lifecycle::PAUSE;
use crate::operator::listing;
use crate::{Error, LifecycleRhythm, Parts};

/// What leaves and permits call it.
const OPERATION: &str = "Inventory";
/// How many versions one read looks at.
const PAGE: usize = 1000;
/// How many rows one data file has at most.
const FILE_ROWS_MAX: usize = 1_000_000;

/// The inventory engine. Clones share its parts.
#[derive(Debug, Clone)]
pub struct InventoryEngine {
    parts: Arc<Parts>,
    rhythm: LifecycleRhythm,
}

/// A report under way.
struct Making<'a> {
    source: &'a Bucket,
    target: &'a Bucket,
    due: &'a DueInventory,
    columns: Columns,
    begun: Timestamp,
    /// What its keys begin with.
    place: String,
}

/// A data file under way: what is behind it in the list.
struct File<'a> {
    engine: &'a InventoryEngine,
    making: &'a Making<'a>,
    packed: Packed,
    /// What it is judged by.
    label: Label,
    next: Next,
    rows: usize,
}

/// Where a list goes on.
#[derive(Debug, Clone)]
enum Next {
    Start,
    Behind(InventoryMarker),
    End,
}

impl InventoryEngine {
    /// Makes an engine of its parts; it looks as often as lifecycles are looked at, and by their days.
    #[must_use]
    pub fn new(parts: Parts, rhythm: LifecycleRhythm) -> Self {
        Self {
            parts: Arc::new(parts),
            rhythm,
        }
    }

    /// Makes the reports that are due, at once and then at each interval, until told to stop.
    pub async fn run(&self, stop: CancellationToken) {
        let mut rounds = interval(self.rhythm.interval);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failed = HashMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = rounds.tick() => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.round(&mut failed) => {}
            }
        }
    }

    /// Makes every report that is due. One that fails does not keep the others from theirs, and is made anew a quarter
    /// of a day later: what it stored so far stays, and nothing names it.
    async fn round(&self, failed: &mut HashMap<(BucketId, String), Timestamp>) {
        let all = match self.parts.store.all_inventories().await {
            Ok(all) => all,
            Err(error) => {
                tracing::error!(%error, "the inventories of buckets cannot be read");
                return;
            }
        };
        for due in all {
            let of = (due.bucket, due.inventory.id.clone());
            let now = self.parts.gate.now();
            let is_early = failed.get(&of).is_some_and(|again| now < *again);
            if !due.inventory.is_enabled || !self.is_due(&due) || is_early {
                continue;
            }
            let bucket = due.bucket;
            match self.report(&due).await {
                Ok(ControlFlow::Continue(())) => {
                    metrics::counter!("onshore_inventories_total").increment(1);
                }
                Ok(ControlFlow::Break(why)) => {
                    tracing::warn!(%bucket, inventory = due.inventory.id, why, "an inventory cannot be made");
                }
                Err(error) => {
                    tracing::error!(%bucket, inventory = due.inventory.id, %error, "an inventory could not be made; it is tried again");
                    failed.insert(of, now.plus_millis(self.rhythm.day.as_millis() / 4));
                    continue;
                }
            }
            failed.remove(&of);
        }
    }

    fn is_due(&self, due: &DueInventory) -> bool {
        let days = due.inventory.frequency.days();
        due.delivered.is_none_or(|delivered| {
            let wait_ms = self.rhythm.day.as_millis().saturating_mul(days);
            self.parts.gate.at_most() >= delivered.plus_millis(wait_ms)
        })
    }

    async fn report(&self, due: &DueInventory) -> Result<ControlFlow<&'static str>, Error> {
        let Parts { store, gate, .. } = &*self.parts;
        let Some(source) = store.bucket_by_id(due.bucket).await? else {
            return Ok(ControlFlow::Break("its bucket is gone"));
        };
        let target = store.bucket(&due.inventory.target).await?;
        let Some(target) = target.filter(|target| target.tenant == source.tenant) else {
            return Ok(ControlFlow::Break(
                "the bucket it is to be stored in is gone",
            ));
        };
        let prefix = due.inventory.target_prefix.as_deref().unwrap_or_default();
        let joint = if prefix.is_empty() || prefix.ends_with('/') {
            ""
        } else {
            "/"
        };
        let making = Making {
            columns: Columns::of(&due.inventory),
            begun: gate.now(),
            place: format!("{prefix}{joint}{}/{}", source.name, due.inventory.id),
            source: &source,
            target: &target,
            due,
        };
        self.make(&making).await?;
        Ok(ControlFlow::Continue(()))
    }

    async fn make(&self, making: &Making<'_>) -> Result<(), Error> {
        let mut files = Vec::new();
        let mut next = Next::Start;
        let mut label = Label::GENERAL;
        while !matches!(next, Next::End) {
            let judged = self.label(making).await?;
            label = label.join(judged);
            let unique = hex::encode(onshore_keys::random::<16>());
            let key = format!("{}/data/{unique}.csv.gz", making.place);
            let (stored, behind) = self.store_file(making, &key, label, next).await?;
            next = behind;
            files.push((key, stored));
        }
        self.store_ends(making, label, &files).await
    }

    /// Stores what names the data files; the report is delivered with the last of it.
    async fn store_ends(
        &self,
        making: &Making<'_>,
        label: Label,
        files: &[(String, Stored)],
    ) -> Result<(), Error> {
        let place = &making.place;
        let links: String = files
            .iter()
            .map(|(key, _)| format!("s3://{}/{key}\n", making.target.name))
            .collect();
        let hive = making.begun.written_as("%Y-%m-%d-%H-%M");
        let key = format!("{place}/hive/dt={hive}/symlink.txt");
        let report = making.report(&key, "text/plain", label)?;
        self.store_text(making, &report, links).await?;

        let folder = making.begun.written_as("%Y-%m-%dT%H-%MZ");
        let key = format!("{place}/{folder}/manifest.json");
        let report = making.report(&key, "application/json", label)?;
        let manifest = self
            .store_text(making, &report, making.manifest(files))
            .await?;

        let key = format!("{place}/{folder}/manifest.checksum");
        let report = making.report(&key, "text/plain", label)?;
        let body = stream::iter([Ok(Bytes::from(manifest.etag))]);
        let (store, due, begun) = (self.parts.store.clone(), making.due.clone(), making.begun);
        self.parts
            .deliver(making.target, &report, body, move |unit, _permit| {
                Ok(store.note_inventory(unit, &due, begun)?)
            })
            .await?;
        Ok(())
    }

    async fn label(&self, making: &Making<'_>) -> Result<Label, Error> {
        let prefix = making.prefix();
        Ok(self
            .parts
            .store
            .inventory_label(making.source, prefix)
            .await?)
    }

    async fn store_file(
        &self,
        making: &Making<'_>,
        key: &str,
        label: Label,
        next: Next,
    ) -> Result<(Stored, Next), Error> {
        let report = making.report(key, "application/gzip", label)?;
        let (said, behind) = oneshot::channel();
        let file = File {
            engine: self,
            making,
            packed: Packed::new(),
            label,
            next,
            rows: 0,
        };
        let body = file.into_body(said);
        let stored = self
            .parts
            .deliver(making.target, &report, body, |_, _| Ok(()))
            .await?;
        let behind = behind.await.map_err(|_| onshore_store::Error::Stopping)?;
        Ok((stored, behind))
    }

    async fn store_text(
        &self,
        making: &Making<'_>,
        report: &Report,
        text: String,
    ) -> Result<Stored, Error> {
        let body = stream::iter([Ok(Bytes::from(text))]);
        self.parts
            .deliver(making.target, report, body, |_, _| Ok(()))
            .await
    }

    /// Reads a page. What came meanwhile may be stricter than the file is going to be: then the report is made anew.
    async fn page(
        &self,
        making: &Making<'_>,
        label: Label,
        next: &Next,
    ) -> Result<InventoryPage, Error> {
        let Parts { store, gate, .. } = &*self.parts;
        let query = InventoryQuery {
            prefix: making.prefix().to_owned(),
            included: making.due.inventory.included,
            after: match next {
                Next::Behind(marker) => Some(marker.clone()),
                Next::Start | Next::End => None,
            },
            looked_at_max: PAGE,
            tells_encryption: making.columns.tells_encryption(),
        };
        let transfer = listing(gate, OPERATION, making.source, label);
        let permit = gate.permit(transfer).await?;
        Ok(store.inventory_page(permit, query).await?)
    }
}

impl Making<'_> {
    fn prefix(&self) -> &str {
        self.due.inventory.prefix.as_deref().unwrap_or_default()
    }

    /// Describes a file of the report.
    fn report(&self, key: &str, content_type: &'static str, label: Label) -> Result<Report, Error> {
        Ok(Report {
            operation: OPERATION,
            key: ObjectKey::parse(key.to_owned()).map_err(|_| Error::KeyTooLong)?,
            content_type,
            label,
            encryption: self.due.inventory.encryption.clone(),
        })
    }

    /// Names the data files, their sizes and MD5s, and what their columns are.
    fn manifest(&self, files: &[(String, Stored)]) -> String {
        let files: Vec<_> = files
            .iter()
            .map(|(key, stored)| {
                json!({ "key": key, "size": stored.size_bytes, "MD5checksum": stored.etag })
            })
            .collect();
        json!({
            "sourceBucket": self.source.name,
            "destinationBucket": self.due.inventory.target_arn(),
            "version": "2016-11-30",
            "creationTimestamp": self.begun.as_millis().to_string(),
            "fileFormat": "CSV",
            "fileSchema": self.columns.schema(),
            "files": files,
        })
        .to_string()
    }
}

impl<'a> File<'a> {
    /// Returns the file as it comes to be; whoever listens hears what is behind it once it is whole.
    fn into_body(
        self,
        said: oneshot::Sender<Next>,
    ) -> impl Stream<Item = Result<Bytes, BodyError>> + Send + use<'a> {
        stream::try_unfold(Some((self, said)), |state| async move {
            let Some((mut file, said)) = state else {
                return Ok(None);
            };
            if matches!(file.next, Next::End) || file.rows >= FILE_ROWS_MAX {
                let rest = file.packed.finish().map_err(BodyError::new)?;
                drop(said.send(file.next));
                return Ok(Some((rest, None)));
            }
            let packed = file.go_on().await?;
            Ok(Some((packed, Some((file, said)))))
        })
    }

    async fn go_on(&mut self) -> Result<Bytes, BodyError> {
        let page = self.engine.page(self.making, self.label, &self.next).await;
        let page = page.map_err(BodyError::new)?;
        for row in &page.rows {
            let row = self.making.columns.row(self.making.source, row);
            self.packed.push(&row).map_err(BodyError::new)?;
        }
        self.rows += page.rows.len();
        self.next = match page.next {
            Some(marker) => {
                sleep(PAUSE).await;
                Next::Behind(marker)
            }
            None => Next::End,
        };
        Ok(self.packed.take())
    }
}
