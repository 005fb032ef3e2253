//! How upkeep stores an object of its own making in a tenant's bucket: under a permit, with a leaf, as any other.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use onshore_db::Unit;
use onshore_gate::StoredFact;
use onshore_policy::Permit;
use onshore_store::{
    BodyError, Bucket, Checks, ContentHeaders, Encryption, NewObject, Staged, WriteCondition,
};
use onshore_types::{Label, ObjectKey};

use crate::operator::storing;
use crate::{Error, Parts};

/// How often an object is judged anew because its bucket became stricter meanwhile.
const JUDGED_MAX: usize = 4;

/// What is to be stored.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// What leaves and permits call it.
    pub(crate) operation: &'static str,
    /// The key.
    pub(crate) key: ObjectKey,
    /// The media type.
    pub(crate) content_type: &'static str,
    /// The label of what it tells; the bucket may be stricter.
    pub(crate) label: Label,
    /// How it is encrypted, if that was said; else as its bucket has it.
    pub(crate) encryption: Option<Encryption>,
}

/// What is known of a stored report.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) size_bytes: u64,
    pub(crate) etag: String,
}

impl Parts {
    /// Stores a report, and does something else in the same unit of work.
    pub(crate) async fn deliver(
        &self,
        bucket: &Bucket,
        report: &Report,
        body: impl Stream<Item = Result<Bytes, BodyError>> + Send,
        besides: impl Fn(&Unit<'_>, &Permit) -> Result<(), Error> + Clone + Send + 'static,
    ) -> Result<Stored, Error> {
        let mut label = bucket.effective(report.label);
        let mut permit = self.permit_storing(bucket, report, label, 0).await?;
        let object = Arc::new(NewObject {
            content: ContentHeaders {
                content_type: Some(report.content_type.to_owned()),
                ..ContentHeaders::default()
            },
            user_metadata: BTreeMap::new(),
            declared: Some(report.label),
            encryption: report
                .encryption
                .clone()
                .unwrap_or_else(|| bucket.encryption.clone()),
            ..NewObject::default()
        });
        let staged = self
            .store
            .stage(
                &permit,
                &object,
                body,
                &Checks::default(),
                self.gate.scanner(bucket.tenant),
            )
            .await?;
        let staged = Arc::new(staged);
        for _ in 0..JUDGED_MAX {
            let committed = self
                .commit(
                    bucket,
                    permit,
                    Arc::clone(&staged),
                    Arc::clone(&object),
                    besides.clone(),
                )
                .await;
            match committed {
                Err(Error::Store(onshore_store::Error::LabelChanged { now })) => {
                    label = label.join(now);
                }
                Err(Error::Gate(onshore_gate::Error::EpochChanged)) => {}
                committed => return committed,
            }
            permit = self
                .permit_storing(bucket, report, label, staged.size_bytes())
                .await?;
        }
        Err(Error::Store(onshore_store::Error::LabelChanged {
            now: label,
        }))
    }

    async fn permit_storing(
        &self,
        bucket: &Bucket,
        report: &Report,
        label: Label,
        size_bytes: u64,
    ) -> Result<Permit, Error> {
        let operation = report.operation;
        let transfer = storing(
            &self.gate,
            operation,
            bucket,
            &report.key,
            label,
            size_bytes,
        );
        Ok(self.gate.permit(transfer).await?)
    }

    async fn commit(
        &self,
        bucket: &Bucket,
        permit: Permit,
        staged: Arc<Staged>,
        object: Arc<NewObject>,
        besides: impl Fn(&Unit<'_>, &Permit) -> Result<(), Error> + Send + 'static,
    ) -> Result<Stored, Error> {
        let (parts, tenant, bucket) = (self.clone(), bucket.tenant, bucket.id);
        self.db
            .write(move |unit| {
                let Parts { store, gate, .. } = &parts;
                let condition = WriteCondition::Always;
                let committed =
                    store.commit(unit, &permit, &staged, &object, &condition, gate.now())?;
                let fact = StoredFact {
                    tenant,
                    bucket,
                    version: committed.version,
                    label: committed.label,
                    size_bytes: committed.size_bytes,
                    replaced: committed.replaced,
                    record: committed.record,
                    salt: committed.salt,
                };
                gate.settle_stored(unit, &permit, &fact)?;
                besides(unit, &permit)?;
                Ok(Stored {
                    size_bytes: committed.size_bytes,
                    etag: committed.etag,
                })
            })
            .await
    }
}
