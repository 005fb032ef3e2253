//! Deletions. That a key is gone is the same answer whether it was there or not, so a deletion tells nothing abroad,
//! unless it has a condition.

use futures_util::{StreamExt as _, stream};
use onshore_gate::RemovedFact;
use onshore_policy::{Flow, Permit};
use onshore_store::{Bucket, WriteCondition};
use onshore_types::{BucketName, Label, ObjectKey};

use crate::error::{Error, no_such_key, precondition_failed};
use crate::fault::{Code, Fault};
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, conditions, is_stale, keyed};

/// The most keys of one request.
pub(crate) const KEYS_MAX: usize = 1000;
/// How many keys of one request are under way at once: enough to share a commit.
const AT_ONCE: usize = 64;

impl Operations {
    /// Deletes an object.
    pub(crate) async fn delete_object(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
    ) -> Result<(), Fault> {
        let condition = conditions::of_write(asked.call)?;
        if condition != WriteCondition::Always {
            return self.delete_matching(asked, name, key, &condition).await;
        }
        let bucket = self.bucket(asked, Flow::Change, name).await?;
        let permit = self.permit_removal(asked, &bucket, key).await?;
        self.remove(asked, key, permit)
            .await
            .map_err(|error| self.fault(asked.call, error))
    }

    /// Deletes many objects of a bucket, each by itself.
    pub(crate) async fn delete_objects(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        keys: Vec<Result<ObjectKey, Fault>>,
    ) -> Result<Vec<Result<(), Fault>>, Fault> {
        let bucket = self.bucket(asked, Flow::Change, name).await?;
        let bucket = &bucket;
        let deletions = keys.into_iter().map(|key| async move {
            let key = key?;
            let permit = self.permit_removal(asked, bucket, &key).await?;
            self.remove(asked, &key, permit)
                .await
                .map_err(|error| self.fault(asked.call, error))
        });
        Ok(stream::iter(deletions).buffered(AT_ONCE).collect().await)
    }

    async fn permit_removal(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        key: &ObjectKey,
    ) -> Result<Permit, Fault> {
        let label = bucket.class.unwrap_or(Label::Unclassified);
        self.permit(asked, Flow::Change, keyed(bucket, key, None, label, 0))
            .await
    }

    /// Deletes an object only if it is the one that the condition names.
    async fn delete_matching(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        key: &ObjectKey,
        condition: &WriteCondition,
    ) -> Result<(), Fault> {
        for _ in 0..ATTEMPTS_MAX {
            let target = self.target(asked, Flow::Change, name, key).await?;
            self.tellable(asked, &target).await?;
            let Some(description) = &target.description else {
                return Err(no_such_key());
            };
            let Some(head) = self.inspect(asked, &target, description).await? else {
                continue;
            };
            let holds = match condition {
                WriteCondition::Always | WriteCondition::Present => true,
                WriteCondition::Matches(etags) => etags.contains(&head.etag),
                WriteCondition::Absent => {
                    return Err(Fault::new(
                        Code::NotImplemented,
                        "A deletion takes If-Match alone.",
                    ));
                }
            };
            if !holds {
                return Err(precondition_failed("If-Match"));
            }
            let version = Some(description.version);
            let subject = keyed(&target.bucket, key, version, description.label, 0);
            let permit = self.permit(asked, Flow::Change, subject).await?;
            match self.remove(asked, key, permit).await {
                Ok(()) => return Ok(()),
                Err(Error::Store(error)) if is_stale(&error) => {}
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    async fn remove(&self, asked: Asked<'_>, key: &ObjectKey, permit: Permit) -> Result<(), Error> {
        let (operations, key) = (self.clone(), key.clone());
        let leaf = self
            .db
            .write(move |unit| {
                let Some(removed) = operations.store.remove(unit, &permit, &key)? else {
                    return Ok(None);
                };
                let bucket = permit
                    .bucket()
                    .ok_or(onshore_store::Error::PermitMismatch("bucket"))?;
                let fact = RemovedFact {
                    tenant: permit.tenant(),
                    bucket,
                    version: removed.version,
                    label: removed.label,
                };
                let leaf = operations.gate.settle_removed(unit, &permit, &fact)?;
                Ok::<_, Error>(Some(leaf))
            })
            .await?;
        // A deletion from abroad must not tell by a receipt that there was something to delete.
        if let Some(leaf) = leaf
            && self.read_at(asked.call) == crate::error::ReadAt::Home
        {
            asked.call.note_leaf(leaf);
        }
        Ok(())
    }
}
