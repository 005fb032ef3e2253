//! The bucket that a job brings things into: found or made, and given what the source's objects need of it: versions where
//! versions come, locks where locked objects do.

use std::sync::Arc;

use onshore_policy::{Flow, Permit, Principal, Subject, Transfer};
use onshore_registry::Job;
use onshore_store::{Bucket, BucketLock, NewBucket, Versioning};
use onshore_types::{ByteRange, Label};
use serde_json::{Value, json};

use crate::Error;
use crate::engine::Parts;

/// Returns the job's bucket, made if it is missing.
pub(crate) async fn ensure(
    parts: &Arc<Parts>,
    job: &Job,
    principal: Principal,
) -> Result<Bucket, Error> {
    if let Some(bucket) = parts.store.bucket(&job.bucket).await? {
        return if bucket.tenant == job.tenant {
            Ok(bucket)
        } else {
            Err(Error::BucketTaken)
        };
    }
    let label = job.label.unwrap_or(Label::Unclassified);
    let permit = permit(parts, job, principal, "CreateBucket", None, label).await?;
    let (shared, name, tenant, class) =
        (Arc::clone(parts), job.bucket.clone(), job.tenant, job.label);
    let made = parts
        .db
        .write(move |unit| {
            let now = shared.gate.now();
            let bucket = shared.store.create_bucket(
                unit,
                &permit,
                &name,
                tenant,
                NewBucket { class, lock: None },
                now,
            )?;
            let record = json!({
                "operation": "CreateBucket",
                "bucket": bucket.id,
                "name": bucket.name,
                "tenant": bucket.tenant,
                "class": bucket.class,
            });
            shared.gate.settle_changed(unit, &permit, record)?;
            Ok(bucket)
        })
        .await;
    match made {
        Err(Error::Store(onshore_store::Error::BucketTaken {
            owned_by_caller: true,
        })) => {
            let bucket = parts.store.bucket(&job.bucket).await?;
            bucket.ok_or(Error::BucketGone)
        }
        Err(Error::Store(onshore_store::Error::BucketTaken { .. })) => Err(Error::BucketTaken),
        other => other,
    }
}

/// Lets the bucket keep versions. One whose owner has suspended that is left alone, and the job ends.
pub(crate) async fn keep_versions(
    parts: &Arc<Parts>,
    job: &Job,
    principal: Principal,
    bucket: Bucket,
) -> Result<Bucket, Error> {
    match bucket.versioning {
        Versioning::Enabled => return Ok(bucket),
        Versioning::Suspended => return Err(Error::BucketNotVersioned),
        Versioning::Off => {}
    }
    let label = bucket.class.unwrap_or(Label::Unclassified);
    let permit = permit(parts, job, principal, "Migrate", Some(&bucket), label).await?;
    let record = json!({ "change": "bucket.versioning", "versioning": "enabled" });
    change(parts, permit, record, |parts, unit, permit| {
        Ok(parts
            .store
            .set_versioning(unit, permit, Versioning::Enabled)?)
    })
    .await
}

/// Lets versions in the bucket be locked.
pub(crate) async fn keep_locks(
    parts: &Arc<Parts>,
    job: &Job,
    principal: Principal,
    bucket: &Bucket,
) -> Result<Bucket, Error> {
    let label = bucket.class.unwrap_or(Label::Unclassified);
    let permit = permit(parts, job, principal, "Migrate", Some(bucket), label).await?;
    let record = json!({ "change": "bucket.lock", "default": null });
    change(parts, permit, record, |parts, unit, permit| {
        Ok(parts
            .store
            .set_bucket_lock(unit, permit, BucketLock::default())?)
    })
    .await
}

/// Notes from now on what is changed in the bucket: it is cut over.
pub(crate) async fn note_changes(
    parts: &Arc<Parts>,
    job: &Job,
    principal: Principal,
    bucket: &Bucket,
) -> Result<(), Error> {
    let label = bucket.class.unwrap_or(Label::Unclassified);
    let permit = permit(parts, job, principal, "Migrate", Some(bucket), label).await?;
    let record = json!({ "change": "bucket.cutover", "job": job.id });
    change(parts, permit, record, |parts, unit, permit| {
        Ok(parts.store.begin_cutover(unit, permit)?)
    })
    .await
    .map(drop)
}

async fn permit(
    parts: &Parts,
    job: &Job,
    principal: Principal,
    operation: &'static str,
    bucket: Option<&Bucket>,
    label: Label,
) -> Result<Permit, Error> {
    let home = parts.gate.home();
    let transfer = Transfer {
        principal,
        operation,
        flow: Flow::Change,
        subject: Subject {
            bucket: bucket.map(|bucket| bucket.id),
            owner: Some(job.tenant),
            key: None,
            version: None,
            label,
            range: ByteRange::whole(0),
        },
        from: home,
        to: home,
    };
    Ok(parts.gate.permit(transfer).await?)
}

async fn change(
    parts: &Arc<Parts>,
    permit: Permit,
    record: Value,
    change: impl FnOnce(&Parts, &onshore_db::Unit<'_>, &Permit) -> Result<Bucket, Error>
    + Send
    + 'static,
) -> Result<Bucket, Error> {
    let shared = Arc::clone(parts);
    parts
        .db
        .write(move |unit| {
            let bucket = change(&shared, unit, &permit)?;
            shared.gate.settle_changed(unit, &permit, record)?;
            Ok(bucket)
        })
        .await
}
