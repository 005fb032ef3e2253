//! Buckets as the operator makes and tightens them, on a tenant's behalf.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{BucketView, CreateBucket, Problem, SetBucketClass};
use onshore_policy::{Flow, Permit, Subject, Transfer};
use onshore_registry::Purpose;
use onshore_store::{Bucket, NewBucket};
use onshore_types::{BucketId, BucketName, ByteRange, Label, LeafIndex, TenantId, TenantName};
use serde_json::json;
use tokio::sync::oneshot;

use crate::answers::{TenantNames, class};
use crate::caller::{By, Caller, HoldingViewers, Operators};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;

/// Makes a bucket for a tenant.
#[utoipa::path(post, path = "/v1/buckets", tag = "buckets", request_body = CreateBucket,
    responses((status = 201, body = BucketView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn create(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Body(asked): Body<CreateBucket>,
) -> Result<(StatusCode, Json<BucketView>), Error> {
    let class = asked.class.as_deref().map(class).transpose()?;
    let tenant = control.registry.tenant(&asked.tenant).await?;
    let (bucket, leaf) = make(&control, &by.caller, asked.name, tenant.id, class).await?;
    let view = view(bucket, tenant.name, Some(leaf));
    Ok((StatusCode::CREATED, Json(view)))
}

/// Lists the buckets of all tenants by name; to a tenant's administrator those of his own.
#[utoipa::path(get, path = "/v1/buckets", tag = "buckets", responses((status = 200, body = Vec<BucketView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    by: By<HoldingViewers>,
) -> Result<Json<Vec<BucketView>>, Error> {
    let buckets = control.store.buckets(None).await?;
    let names = TenantNames::read(&control.registry).await?;
    let registry = control.registry.clone();
    let purposes = control
        .db
        .read(move |view| registry.purposes_in_force(view))
        .await?;
    let mut purposes: HashMap<BucketId, Purpose> = purposes
        .into_iter()
        .map(|purpose| (purpose.bucket, purpose))
        .collect();
    buckets
        .into_iter()
        .filter(|bucket| by.caller.sees(bucket.tenant))
        .map(|bucket| {
            let tenant = names.of(bucket.tenant)?;
            let declared = purposes.remove(&bucket.id);
            let view = view(bucket, tenant, None);
            Ok(match declared {
                None => view,
                Some(declared) => BucketView {
                    purpose: declared.purpose,
                    keep_until: declared.until,
                    basis: declared.basis.map(|basis| basis.to_string()),
                    keep_days: declared.keep_days,
                    ..view
                },
            })
        })
        .collect::<Result<Vec<_>, Error>>()
        .map(Json)
}

/// Gives a bucket a class, or a stricter one. What is stored in it is as strict at once; what was stored without a
/// class stays unclassified, which is stricter than any.
#[utoipa::path(put, path = "/v1/buckets/{name}/class", tag = "buckets", params(("name" = String, Path)),
    request_body = SetBucketClass,
    responses((status = 200, body = BucketView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn set_class(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(name): Segment<BucketName>,
    Body(asked): Body<SetBucketClass>,
) -> Result<Json<BucketView>, Error> {
    let class = class(&asked.class)?;
    let bucket = named(&control, &name).await?;
    let what = "SetBucketClass";
    let permit = permit(
        &control,
        &by.caller,
        what,
        Some(bucket.id),
        bucket.tenant,
        class,
    )
    .await?;
    let (gate, judge, store) = (
        control.gate.clone(),
        control.gate.clone(),
        control.store.clone(),
    );
    let (reply, answer) = oneshot::channel();
    control.db.submit(
        move |unit| {
            let bucket = store.tighten_bucket(unit, bucket.id, class)?;
            let record = json!({ "operation": what, "bucket": bucket.id, "name": bucket.name, "class": class });
            let leaf = gate.settle_changed(unit, &permit, record)?;
            Ok((bucket, leaf))
        },
        // Not left to the caller, who may have gone away: streams judged by the old class stop.
        move |changed: Result<(Bucket, LeafIndex), Error>| {
            if let Ok((bucket, _)) = &changed {
                judge.judge_anew(bucket.id);
            }
            drop(reply.send(changed));
        },
    );
    let (bucket, leaf) = answer.await.map_err(|_| onshore_db::Error::Closed)??;
    let tenant = control.registry.tenant_by_id(bucket.tenant).await?;
    Ok(Json(view(bucket, tenant.name, Some(leaf))))
}

/// Makes a bucket and the leaf that tells of it.
pub(crate) async fn make(
    control: &ControlParts,
    caller: &Caller,
    name: BucketName,
    tenant: TenantId,
    class: Option<Label>,
) -> Result<(Bucket, LeafIndex), Error> {
    let what = "CreateBucket";
    let label = class.unwrap_or(Label::Unclassified);
    let permit = permit(control, caller, what, None, tenant, label).await?;
    let (gate, store) = (control.gate.clone(), control.store.clone());
    control
        .db
        .write(move |unit| {
            let bucket = store.create_bucket(
                unit,
                &permit,
                &name,
                tenant,
                NewBucket { class, lock: None },
                gate.now(),
            )?;
            let record = json!({
                "operation": what,
                "bucket": bucket.id,
                "name": bucket.name,
                "tenant": bucket.tenant,
                "class": bucket.class,
            });
            let leaf = gate.settle_changed(unit, &permit, record)?;
            Ok((bucket, leaf))
        })
        .await
}

/// Returns the bucket of this name.
pub(crate) async fn named(control: &ControlParts, name: &BucketName) -> Result<Bucket, Error> {
    let bucket = control.store.bucket(name).await?;
    bucket.ok_or_else(|| missing(name))
}

/// Returns the bucket of this name if the caller may see what it has; otherwise it is not there.
pub(crate) async fn named_for(
    control: &ControlParts,
    caller: &Caller,
    name: &BucketName,
) -> Result<Bucket, Error> {
    let bucket = named(control, name).await?;
    if caller.sees(bucket.tenant) {
        Ok(bucket)
    } else {
        Err(missing(name))
    }
}

/// Returns the answer to whoever names a bucket that is not there for him.
pub(crate) fn missing(name: &BucketName) -> Error {
    Error::Missing(format!(
        "there is no bucket `{name}`; `onshore bucket list` shows them"
    ))
}

/// Asks for a permit to change something of a tenant's, or of a bucket of it.
pub(crate) async fn permit(
    control: &ControlParts,
    caller: &Caller,
    operation: &'static str,
    bucket: Option<BucketId>,
    tenant: TenantId,
    label: Label,
) -> Result<Permit, Error> {
    let transfer = Transfer {
        principal: caller.on_behalf_of(tenant),
        operation,
        flow: Flow::Change,
        subject: Subject {
            bucket,
            owner: Some(tenant),
            key: None,
            version: None,
            label,
            range: ByteRange::whole(0),
        },
        from: caller.place,
        to: control.gate.home(),
    };
    Ok(control.gate.permit(transfer).await?)
}

fn view(bucket: Bucket, tenant: TenantName, leaf: Option<LeafIndex>) -> BucketView {
    BucketView {
        purpose: None,
        keep_until: None,
        basis: None,
        keep_days: None,
        id: bucket.id,
        name: bucket.name,
        tenant,
        class: bucket.class,
        created: bucket.created,
        leaf,
    }
}
