//! Quotas of buckets and tenants, and what they hold.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onshore_api::{Problem, SetQuota, UsageView};
use onshore_store::{Quota, QuotaHolder};
use onshore_types::{BucketId, BucketName, Label, LeafIndex, TenantId, TenantName};
use serde_json::json;

use crate::buckets::{named, named_for, permit};
use crate::caller::{By, Caller, Operators, TenantViewers};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;

/// The largest limit: what SQLite can count, and far beyond any disk.
const LIMIT_MAX: u64 = i64::MAX.unsigned_abs();

/// Tells how much a bucket holds, and may.
#[utoipa::path(get, path = "/v1/buckets/{name}/quota", tag = "quotas", params(("name" = String, Path)),
    responses((status = 200, body = UsageView), (status = 404, body = Problem)))]
pub(crate) async fn show_of_bucket(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantViewers>,
    Segment(name): Segment<BucketName>,
) -> Result<Json<UsageView>, Error> {
    let bucket = named_for(&control, &by.caller, &name).await?;
    view(&control, QuotaHolder::Bucket(bucket.id), None).await
}

/// Limits how much a bucket may hold. What it holds already stays.
#[utoipa::path(put, path = "/v1/buckets/{name}/quota", tag = "quotas", params(("name" = String, Path)),
    request_body = SetQuota,
    responses((status = 200, body = UsageView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn set_of_bucket(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(name): Segment<BucketName>,
    Body(asked): Body<SetQuota>,
) -> Result<Json<UsageView>, Error> {
    let bucket = named(&control, &name).await?;
    let label = bucket.class.unwrap_or(Label::Unclassified);
    let of = Holder {
        tenant: bucket.tenant,
        bucket: Some(bucket.id),
        label,
    };
    set(&control, &by.caller, of, asked).await
}

/// Tells how much a tenant holds, and may.
#[utoipa::path(get, path = "/v1/tenants/{name}/quota", tag = "quotas", params(("name" = String, Path)),
    responses((status = 200, body = UsageView), (status = 404, body = Problem)))]
pub(crate) async fn show_of_tenant(
    State(control): State<Arc<ControlParts>>,
    by: By<TenantViewers>,
    Segment(name): Segment<TenantName>,
) -> Result<Json<UsageView>, Error> {
    let missing = || onshore_registry::Error::NoSuchTenant(name.to_string());
    let tenant = match control.registry.tenant(&name).await {
        Ok(tenant) if by.caller.sees(tenant.id) => tenant,
        Ok(_) => return Err(missing().into()),
        Err(error) => return Err(error.into()),
    };
    view(&control, QuotaHolder::Tenant(tenant.id), None).await
}

/// Limits how much a tenant may hold in all its buckets together. What it holds already stays.
#[utoipa::path(put, path = "/v1/tenants/{name}/quota", tag = "quotas", params(("name" = String, Path)),
    request_body = SetQuota,
    responses((status = 200, body = UsageView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn set_of_tenant(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(name): Segment<TenantName>,
    Body(asked): Body<SetQuota>,
) -> Result<Json<UsageView>, Error> {
    let tenant = control.registry.tenant(&name).await?;
    let of = Holder {
        tenant: tenant.id,
        bucket: None,
        label: Label::Unclassified,
    };
    set(&control, &by.caller, of, asked).await
}

/// Whose quota is set.
struct Holder {
    tenant: TenantId,
    /// Of this bucket alone.
    bucket: Option<BucketId>,
    label: Label,
}

async fn set(
    control: &ControlParts,
    caller: &Caller,
    of: Holder,
    asked: SetQuota,
) -> Result<Json<UsageView>, Error> {
    let quota = Quota {
        max_bytes: asked.max_bytes,
        max_objects: asked.max_objects,
    };
    if [quota.max_bytes, quota.max_objects]
        .iter()
        .flatten()
        .any(|limit| *limit > LIMIT_MAX)
    {
        return Err(Error::Malformed(format!(
            "a limit is at most {LIMIT_MAX}; leave it out for none"
        )));
    }
    let what = "SetQuota";
    let Holder {
        tenant,
        bucket,
        label,
    } = of;
    let permit = permit(control, caller, what, bucket, tenant, label).await?;
    let holder = bucket.map_or(QuotaHolder::Tenant(tenant), QuotaHolder::Bucket);
    let (gate, store) = (control.gate.clone(), control.store.clone());
    let leaf = control
        .db
        .write(move |unit| {
            store.set_quota(unit, &permit, holder, quota)?;
            let record = json!({
                "operation": what,
                "tenant": tenant,
                "bucket": bucket,
                "max_bytes": quota.max_bytes.map(|limit| limit.to_string()),
                "max_objects": quota.max_objects.map(|limit| limit.to_string()),
            });
            Ok::<_, Error>(gate.settle_changed(unit, &permit, record)?)
        })
        .await?;
    view(control, holder, Some(leaf)).await
}

async fn view(
    control: &ControlParts,
    holder: QuotaHolder,
    leaf: Option<LeafIndex>,
) -> Result<Json<UsageView>, Error> {
    let (usage, quota) = control.store.usage(holder).await?;
    Ok(Json(UsageView {
        bytes: usage.bytes,
        objects: usage.objects,
        max_bytes: quota.max_bytes,
        max_objects: quota.max_objects,
        leaf,
    }))
}
