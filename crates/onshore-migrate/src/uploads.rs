//! Uploads in parts that large objects come in: begun, taken up again, given up.

use std::sync::Arc;

use onshore_policy::{Flow, Principal, Role, Subject, Transfer};
use onshore_registry::{EntryId, Job, JobEntry};
use onshore_sources::Details;
use onshore_store::{Bucket, Looked, NewObject, NewUpload};
use onshore_types::{ByteRange, Label, ObjectKey, UploadId};
use serde_json::json;

use crate::Error;
use crate::engine::Parts;
use crate::job::Work;
use crate::large::{of_write, permit};
use crate::object::{Fault, of_store};

/// An upload that the object comes in.
pub(crate) struct Underway {
    pub(crate) upload: UploadId,
    pub(crate) label: Label,
}

/// Finds the upload that a kill or a fault broke off, if its parts are of the state that the source has now.
pub(crate) async fn resume(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
    details: &Details,
) -> Result<Option<Underway>, Fault> {
    let (registry, job, id) = (work.parts.registry.clone(), work.job.id, entry.listed.id());
    let noted = work
        .parts
        .db
        .read(move |view| Ok::<_, Error>(registry.upload_of(view, job, &id)?))
        .await
        .map_err(Fault::Ours)?;
    let Some((upload, of)) = noted else {
        return Ok(None);
    };
    if of != details.fingerprint {
        abandon(
            &work.parts,
            &work.job,
            &work.bucket,
            &entry.listed.id(),
            upload,
        )
        .await
        .map_err(Fault::Ours)?;
        return Ok(None);
    }
    let found = work
        .parts
        .store
        .describe_upload(&work.bucket, key, upload)
        .await
        .map_err(of_store)?;
    Ok(found.map(|found| Underway {
        upload,
        label: found.label,
    }))
}

pub(crate) async fn begin(
    work: &Work,
    key: &ObjectKey,
    entry: &JobEntry,
    details: &Details,
    object: NewObject,
) -> Result<Underway, Fault> {
    let looked = Looked::at_upload(work.parts.gate.scanner(work.bucket.tenant), key, &object)
        .map_err(of_store)?;
    let label = looked.label(Label::of_declarations([object.declared, work.bucket.class]));
    let permit = permit(work, key, label, 0).await?;
    let new = NewUpload {
        object,
        checksum: None,
    };
    let (parts, job, id, key) = (
        Arc::clone(&work.parts),
        work.job.id,
        entry.listed.id(),
        key.clone(),
    );
    let of = details.fingerprint.clone();
    let upload = work
        .parts
        .db
        .write(move |unit| {
            let now = parts.gate.now();
            let upload = parts
                .store
                .create_upload(unit, &permit, &new, &looked, now)?;
            let record =
                json!({ "change": "upload.begun", "key": key, "upload": upload, "label": label });
            parts.gate.settle_changed(unit, &permit, record)?;
            parts
                .registry
                .note_upload(unit, job, &id, Some((upload, &of)))?;
            Ok(upload)
        })
        .await
        .map_err(of_write)?;
    Ok(Underway { upload, label })
}

/// Gives up the upload that an object came in.
pub(crate) async fn abandon(
    parts: &Arc<Parts>,
    job: &Job,
    bucket: &Bucket,
    id: &EntryId,
    upload: UploadId,
) -> Result<(), Error> {
    let key = ObjectKey::parse(id.key.as_str()).ok();
    let found = match &key {
        Some(key) => parts.store.describe_upload(bucket, key, upload).await?,
        None => None,
    };
    let permit = match found {
        None => None,
        Some(found) => {
            let home = parts.gate.home();
            let transfer = Transfer {
                principal: Principal {
                    id: job.created_by,
                    tenant: Some(job.tenant),
                    role: Role::TenantUser,
                },
                operation: "Migrate",
                flow: Flow::Change,
                subject: Subject {
                    bucket: Some(bucket.id),
                    owner: Some(bucket.tenant),
                    key: key.clone(),
                    version: None,
                    label: found.label,
                    range: ByteRange::whole(0),
                },
                from: home,
                to: home,
            };
            Some(parts.gate.permit(transfer).await?)
        }
    };
    let (shared, job, id) = (Arc::clone(parts), job.id, id.clone());
    parts
        .db
        .write(move |unit| {
            if let Some(permit) = permit {
                match shared.store.abort_upload(unit, &permit, upload) {
                    // Its tenant, or a lifecycle, was faster.
                    Err(onshore_store::Error::NoSuchUpload) => {}
                    aborted => {
                        aborted?;
                        let record =
                            json!({ "change": "upload.aborted", "key": key, "upload": upload });
                        shared.gate.settle_changed(unit, &permit, record)?;
                    }
                }
            }
            shared.registry.note_upload(unit, job, &id, None)?;
            Ok(())
        })
        .await
}

/// Gives up what a job that ends has left of uploads.
pub(crate) async fn abandon_all(parts: &Arc<Parts>, job: &Job) -> Result<(), Error> {
    let left = parts.registry.uploads_of(job.id).await?;
    if left.is_empty() {
        return Ok(());
    }
    let Some(bucket) = parts.store.bucket(&job.bucket).await? else {
        return Ok(());
    };
    for (id, upload) in left {
        abandon(parts, job, &bucket, &id, upload).await?;
    }
    Ok(())
}
