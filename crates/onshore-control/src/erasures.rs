//! Erasing objects for somebody who has a right to it, on the tenant's behalf. A lock is stronger; then the ledger tells
//! that it was asked for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onshore_api::{EraseObject, ErasedView, ErasureView, PostponedView, Problem};
use onshore_db::Unit;
use onshore_gate::{PostponedFact, RemovedFact};
use onshore_policy::{Flow, Permit, Subject, Transfer};
use onshore_store::{Bucket, Erasing, ErasureWish, VersionWish};
use onshore_types::{BucketName, ByteRange, Label, ObjectKey};

use crate::buckets::named;
use crate::caller::{By, Caller, Operators};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;

/// What leaves and permits call it.
const OPERATION: &str = "EraseObject";

/// Erases a version, or every version of a key.
#[utoipa::path(post, path = "/v1/buckets/{name}/erasures", tag = "buckets", params(("name" = String, Path)),
    request_body = EraseObject,
    responses((status = 200, body = ErasureView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn erase(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(name): Segment<BucketName>,
    Body(asked): Body<EraseObject>,
) -> Result<Json<ErasureView>, Error> {
    let wish = match asked.version.as_deref() {
        None => ErasureWish::Every,
        Some("null") => ErasureWish::Version(VersionWish::Null),
        Some(id) => ErasureWish::Version(VersionWish::Id(
            id.parse()
                .map_err(|_| Error::Malformed(format!("`{id}` is no version id")))?,
        )),
    };
    let bucket = named(&control, &name).await?;
    let mut view = ErasureView::default();
    let mut from = None;
    loop {
        let permit = permit(&control, &by.caller, &bucket, &asked.key).await?;
        let (parts, of) = (Arc::clone(&control), asked.key.clone());
        let (progress, more) = control
            .db
            .write(move |unit| erase_some(&parts, unit, &permit, &of, (wish, from)))
            .await?;
        view.erased.extend(more.erased);
        view.postponed.extend(more.postponed);
        match progress {
            Erasing::Done => break,
            Erasing::Behind(turn) => from = Some(turn),
        }
    }
    if view.erased.is_empty() && view.postponed.is_empty() {
        return Err(Error::Missing(
            "there is no such key or version in this bucket, nothing is erased here; what was removed before and is in \
             backups is erased there with `onshore backup erase --bucket --key`"
                .to_owned(),
        ));
    }
    Ok(Json(view))
}

/// Erases what fits into one unit of work, with its leaves.
fn erase_some(
    control: &ControlParts,
    unit: &Unit<'_>,
    permit: &Permit,
    key: &ObjectKey,
    what: (ErasureWish, Option<i64>),
) -> Result<(Erasing, ErasureView), Error> {
    let ControlParts { gate, store, .. } = control;
    let erasure = store.erase(unit, permit, key, what, gate.at_most())?;
    let mut view = ErasureView::default();
    let bucket = permit
        .bucket()
        .ok_or(onshore_store::Error::PermitMismatch("bucket"))?;
    for removed in erasure.erased {
        let fact = RemovedFact {
            tenant: permit.tenant(),
            bucket,
            version: removed.version,
            label: removed.label,
        };
        view.erased.push(ErasedView {
            version: removed.version,
            leaf: gate.settle_erased(unit, permit, &fact)?,
        });
    }
    for postponed in erasure.postponed {
        let fact = PostponedFact {
            tenant: permit.tenant(),
            bucket,
            version: postponed.version,
            until: postponed.until,
        };
        view.postponed.push(PostponedView {
            version: postponed.version,
            until: postponed.until,
            leaf: gate.settle_erasure_postponed(unit, permit, &fact)?,
        });
    }
    Ok((erasure.progress, view))
}

async fn permit(
    control: &ControlParts,
    caller: &Caller,
    bucket: &Bucket,
    key: &ObjectKey,
) -> Result<Permit, Error> {
    let transfer = Transfer {
        principal: caller.on_behalf_of(bucket.tenant),
        operation: OPERATION,
        flow: Flow::Change,
        subject: Subject {
            bucket: Some(bucket.id),
            owner: Some(bucket.tenant),
            key: Some(key.clone()),
            version: None,
            label: Label::Unclassified,
            range: ByteRange::whole(0),
        },
        from: caller.place,
        to: control.gate.home(),
    };
    Ok(control.gate.permit(transfer).await?)
}
