//! Deletions. That a key is gone is the same answer whether it was there or not, so a deletion tells nothing abroad,
//! unless it has a condition or names a version.

use futures_util::{StreamExt as _, stream};
use onshore_db::Unit;
use onshore_gate::RemovedFact;
use onshore_policy::{Flow, Permit};
use onshore_store::{
    Bucket, Governance, Kind, Looked, Marked, Removal, Removed, VersionWish, WriteCondition,
};
use onshore_types::{BucketName, Label, LeafIndex, ObjectKey, VersionId};
use serde_json::json;

use crate::access::RemovedOne;
use crate::call::Call;
use crate::error::{Error, ReadAt, no_such_key, precondition_failed};
use crate::fault::{Code, Fault};
use crate::ops::allowing::About;
use crate::ops::{ATTEMPTS_MAX, Asked, Operations, is_stale, keyed, pulling, replica, shown};

/// The most keys of one request.
pub(crate) const KEYS_MAX: usize = 1000;
/// How many keys of one request are under way at once: enough to share a commit.
const AT_ONCE: usize = 64;

/// What is to be deleted.
#[derive(Debug, Clone)]
pub(crate) struct Deletion {
    pub(crate) key: ObjectKey,
    pub(crate) version: VersionWish,
    pub(crate) condition: WriteCondition,
}

/// What a deletion came to, as clients are told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Deleted {
    /// The version that is gone, or the delete marker that was set.
    pub(crate) version: Option<String>,
    /// Whether that is a delete marker.
    pub(crate) kind: Option<Kind>,
}

/// A deletion within a bucket whose versions may be locked.
#[derive(Debug, Clone, Copy)]
struct Order {
    version: VersionWish,
    governance: Governance,
    /// Of which delete marker of another region it makes a replica.
    replica_of: Option<(VersionId, Label)>,
}

impl Deleted {
    fn of(removal: &Removal) -> Self {
        match removal {
            Removal::Nothing | Removal::Removed(_) => Self::default(),
            Removal::Marked(marked) => Self {
                version: Some(shown::version_name(marked.naming, marked.marker)),
                kind: Some(Kind::Marker),
            },
        }
    }

    fn of_version(wish: VersionWish, removed: Option<&Removed>) -> Self {
        let name = match (wish, removed) {
            (_, Some(removed)) => Some(shown::version_name(removed.naming, removed.version)),
            (VersionWish::Id(version), None) => Some(version.to_string()),
            (VersionWish::Null, None) => Some("null".to_owned()),
            (VersionWish::Current, None) => None,
        };
        Self {
            version: name,
            kind: removed.map(|removed| removed.kind),
        }
    }
}

/// Whether the client asks expressly to be let past a retention that can be lifted.
pub(crate) fn governance_of(call: &Call) -> Governance {
    match call.header("x-amz-bypass-governance-retention") {
        Some(text) if text.eq_ignore_ascii_case("true") => Governance::Bypassed,
        Some(_) | None => Governance::Kept,
    }
}

impl Operations {
    /// Deletes an object, or one version of it.
    pub(crate) async fn delete_object(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        deletion: &Deletion,
    ) -> Result<Deleted, Fault> {
        let bucket = self.found(asked, name).await?;
        self.delete(asked, &bucket, deletion).await
    }

    /// Deletes many objects of a bucket, each by itself.
    pub(crate) async fn delete_objects(
        &self,
        asked: Asked<'_>,
        name: &BucketName,
        deletions: Vec<Result<Deletion, Fault>>,
    ) -> Result<Vec<Result<Deleted, Fault>>, Fault> {
        replica::refuse(asked.call)?;
        let bucket = self.found(asked, name).await?;
        let bucket = &bucket;
        if bucket.tenant != asked.call.tenant() && bucket.policy.is_none() {
            return Err(self.bucket_refused(asked, Flow::Change, bucket).await);
        }
        let keys: Vec<Option<ObjectKey>> = if self.store.keeps_access_lines() {
            let key =
                |deletion: &Result<Deletion, Fault>| Some(deletion.as_ref().ok()?.key.clone());
            deletions.iter().map(key).collect()
        } else {
            Vec::new()
        };
        let deletions = deletions
            .into_iter()
            .map(|deletion| async move { self.delete(asked, bucket, &deletion?).await });
        let done: Vec<_> = stream::iter(deletions).buffered(AT_ONCE).collect().await;
        let removed = keys.into_iter().zip(&done).filter_map(|(key, done)| {
            Some(RemovedOne {
                key: key?,
                version: done
                    .as_ref()
                    .ok()
                    .and_then(|deleted| deleted.version.clone()),
                code: done.as_ref().err().map(|fault| fault.code),
            })
        });
        asked.call.note_removed(removed.collect());
        Ok(done)
    }

    async fn delete(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        deletion: &Deletion,
    ) -> Result<Deleted, Fault> {
        let about = About {
            bucket,
            key: Some(&deletion.key),
            wish: deletion.version,
            description: None,
        };
        self.allow(asked, Flow::Change, about).await?;
        let order = Order {
            version: deletion.version,
            governance: governance_of(asked.call),
            replica_of: replica::of_call(asked.call)?,
        };
        let is_plain =
            deletion.condition == WriteCondition::Always && order.version == VersionWish::Current;
        if !is_plain {
            replica::refuse(asked.call)?;
            return self.delete_named(asked, bucket, deletion, order).await;
        }
        if order.replica_of.is_some() {
            // Which refusal it is tells what is there.
            self.tellable_bucket(asked, bucket).await?;
        }
        let label = bucket.class.unwrap_or(Label::Unclassified);
        let subject = keyed(bucket, &deletion.key, None, label, 0);
        let permit = self.permit(asked, Flow::Change, subject).await?;
        self.remove(asked, &deletion.key, order, permit)
            .await
            .map_err(|error| self.fault(asked.call, error))
    }

    /// Deletes a version, or an object only if it is the one that the condition names.
    async fn delete_named(
        &self,
        asked: Asked<'_>,
        bucket: &Bucket,
        deletion: &Deletion,
        order: Order,
    ) -> Result<Deleted, Fault> {
        let key = &deletion.key;
        for _ in 0..ATTEMPTS_MAX {
            let target = self
                .target(asked, Flow::Change, &bucket.name, key, order.version)
                .await?;
            self.tellable(asked, &target).await?;
            let found = target.description.as_ref().or(target.marker.as_ref());
            if deletion.condition != WriteCondition::Always {
                if target.passing.is_some() {
                    return Err(pulling::still_coming());
                }
                let Some(description) = &target.description else {
                    return Err(if self.may_list(asked, &target.bucket).await? {
                        no_such_key(key)
                    } else {
                        Fault::access_denied()
                    });
                };
                let Some(head) = self.inspect(asked, &target, description).await? else {
                    continue;
                };
                let holds = match &deletion.condition {
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
            }
            let Some(found) = found else {
                return Ok(Deleted::of_version(order.version, None));
            };
            let subject = keyed(&target.bucket, key, Some(found.version), found.label, 0);
            let permit = self.permit(asked, Flow::Change, subject).await?;
            match self.remove(asked, key, order, permit).await {
                Ok(deleted) => return Ok(deleted),
                Err(Error::Store(error)) if is_stale(&error) => {}
                Err(error) => return Err(self.fault(asked.call, error)),
            }
        }
        Err(self.fault(asked.call, onshore_store::Error::VersionGone))
    }

    async fn remove(
        &self,
        asked: Asked<'_>,
        key: &ObjectKey,
        order: Order,
        permit: Permit,
    ) -> Result<Deleted, Error> {
        // A delete marker keeps the name, even of what never was.
        let looked = Looked::at_key(self.gate.scanner(permit.tenant()), key)?;
        let (operations, key) = (self.clone(), key.clone());
        let (deleted, leaf) = self
            .db
            .write(move |unit| operations.remove_in(unit, &permit, (&key, &looked), order))
            .await?;
        // A deletion from abroad must not tell by a receipt that there was something to delete.
        if let Some(leaf) = leaf
            && self.read_at(asked.call) == ReadAt::Home
        {
            asked.call.note_leaf(leaf);
        }
        Ok(deleted)
    }

    /// Removes and records in one unit of work.
    fn remove_in(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        (key, looked): (&ObjectKey, &Looked),
        order: Order,
    ) -> Result<(Deleted, Option<LeafIndex>), Error> {
        if order.version != VersionWish::Current {
            let now = self.gate.at_most();
            let removed = self.store.remove_version(
                unit,
                permit,
                key,
                order.version,
                order.governance,
                now,
            )?;
            let leaf = removed
                .as_ref()
                .map(|removed| self.settle_removed(unit, permit, removed))
                .transpose()?;
            return Ok((Deleted::of_version(order.version, removed.as_ref()), leaf));
        }
        let now = self.gate.now();
        let removal = match order.replica_of {
            None => self.store.remove_looked(unit, permit, key, looked, now)?,
            Some(origin) => self.store.hide(unit, permit, key, origin, now)?,
        };
        let leaf = match &removal {
            Removal::Nothing => None,
            Removal::Removed(removed) => Some(self.settle_removed(unit, permit, removed)?),
            Removal::Marked(marked) => {
                if let Some(replaced) = &marked.replaced {
                    self.settle_removed(unit, permit, replaced)?;
                }
                Some(self.settle_marked(unit, permit, key, marked)?)
            }
        };
        Ok((Deleted::of(&removal), leaf))
    }

    fn settle_removed(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        removed: &Removed,
    ) -> Result<LeafIndex, Error> {
        let bucket = permit
            .bucket()
            .ok_or(onshore_store::Error::PermitMismatch("bucket"))?;
        let fact = RemovedFact {
            tenant: permit.tenant(),
            bucket,
            version: removed.version,
            label: removed.label,
        };
        Ok(self.gate.settle_removed(unit, permit, &fact)?)
    }

    fn settle_marked(
        &self,
        unit: &Unit<'_>,
        permit: &Permit,
        key: &ObjectKey,
        marked: &Marked,
    ) -> Result<LeafIndex, Error> {
        let record = json!({ "change": "object.hidden", "key": key, "marker": marked.marker });
        Ok(self.gate.settle_changed(unit, permit, record)?)
    }
}
