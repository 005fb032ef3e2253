//! Cut-overs: ordered, followed, called off. The engine does the work, as for every job.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{CutoverView, JobProgress, MigrateFrom, OrderCutover, OrderMigration, Problem};
use onshore_gate::{CutoverOrder, JobOrder};
use onshore_registry::{Cutover, Tally};
use onshore_sources::SourceAccess;
use onshore_types::BucketName;
use onshore_types::pace::Pace;
use serde_json::json;

use crate::answers::class;
use crate::caller::{Auditors, By, Operators};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;
use crate::{jobs, orders};

/// Orders a cut-over, or tells the one that is under way what it waits for. The bucket is made if it is missing.
#[utoipa::path(post, path = "/v1/cutovers", tag = "cutovers", request_body = OrderCutover,
    responses((status = 201, body = CutoverView), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn order(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Body(asked): Body<OrderCutover>,
) -> Result<(StatusCode, Json<CutoverView>), Error> {
    let migration = migration(&asked)?;
    let tenant = control.registry.tenant(&asked.tenant).await?;
    let label = asked.class.as_deref().map(class).transpose()?;
    let access = orders::access(&control.migrate, by.caller.role, &migration).await?;
    let fingerprint = orders::fingerprint(tenant.id, &migration, &access.source)?;
    jobs::ensure_bucket(&control, &by.caller, &asked.bucket, &tenant, label).await?;
    let job = JobOrder {
        tenant: tenant.id,
        bucket: asked.bucket.clone(),
        source: serde_json::to_value(&access)
            .map_err(|_| Error::Malformed("the source cannot be written down".to_owned()))?,
        fingerprint,
        label,
        options: json!({ "mode": "cut-over" }),
        credentials: asked.credentials.as_ref().map(orders::sealable),
    };
    let order = CutoverOrder {
        job,
        is_rehearsal: asked.rehearse,
        accepts_exceptions: asked.accept_exceptions,
        is_frozen: asked.source_is_frozen,
    };
    let cutover = control
        .gate
        .order_cutover(by.caller.principal(), order)
        .await?;
    Ok((StatusCode::CREATED, Json(view(&control, cutover).await?)))
}

/// Lists cut-overs: those that have not ended, then the newest that have.
#[utoipa::path(get, path = "/v1/cutovers", tag = "cutovers", responses((status = 200, body = Vec<CutoverView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    by: By<Auditors>,
) -> Result<Json<Vec<CutoverView>>, Error> {
    let registry = control.registry.clone();
    let cutovers = control.db.read(move |view| registry.cutovers(view)).await?;
    let mut views = Vec::with_capacity(cutovers.len());
    for cutover in cutovers {
        if by.caller.sees(cutover.tenant) {
            views.push(view(&control, cutover).await?);
        }
    }
    Ok(Json(views))
}

/// Shows the newest cut-over of a bucket.
#[utoipa::path(get, path = "/v1/cutovers/{bucket}", tag = "cutovers", params(("bucket" = String, Path)),
    responses((status = 200, body = CutoverView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    by: By<Auditors>,
    Segment(bucket): Segment<BucketName>,
) -> Result<Json<CutoverView>, Error> {
    let registry = control.registry.clone();
    let cutover = control
        .db
        .read(move |view| registry.newest_cutover(view, &bucket))
        .await?;
    if !by.caller.sees(cutover.tenant) {
        return Err(onshore_registry::Error::NoSuchCutover.into());
    }
    Ok(Json(view(&control, cutover).await?))
}

/// Calls a cut-over off before its switch: the policy that the source had is put back, and nothing is brought any more.
#[utoipa::path(delete, path = "/v1/cutovers/{bucket}", tag = "cutovers", params(("bucket" = String, Path)),
    responses((status = 200, body = CutoverView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn abort(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(bucket): Segment<BucketName>,
) -> Result<Json<CutoverView>, Error> {
    let cutover = control
        .gate
        .abort_cutover(by.caller.principal(), bucket)
        .await?;
    Ok(Json(view(&control, cutover).await?))
}

/// Returns the migration that the cut-over is besides: of what is current, since whoever asks for a key asks for that.
fn migration(asked: &OrderCutover) -> Result<OrderMigration, Error> {
    let mut source = asked.source.clone();
    match &mut source {
        MigrateFrom::S3 { versions, .. } => match versions.as_deref() {
            None | Some("auto" | "current") => *versions = Some("current".to_owned()),
            Some(_) => {
                return Err(Error::Malformed(
                    "a cut-over brings what is current alone: migrate all versions first, and then cut over with current"
                        .to_owned(),
                ));
            }
        },
        MigrateFrom::Container { .. }
        | MigrateFrom::Swift { .. }
        | MigrateFrom::Tree { .. }
        | MigrateFrom::Folder { .. } => {
            return Err(Error::Malformed(
                "a bucket is cut over from an S3 endpoint; what is elsewhere is migrated"
                    .to_owned(),
            ));
        }
    }
    Ok(OrderMigration {
        workers_only: false,
        source,
        bucket: asked.bucket.clone(),
        tenant: asked.tenant.clone(),
        class: asked.class.clone(),
        dry_run: false,
        pace: Pace::default(),
        deletes: None,
        watch_s: None,
        counted: None,
        credentials: asked.credentials.clone(),
    })
}

async fn view(control: &ControlParts, cutover: Cutover) -> Result<CutoverView, Error> {
    let job = control.registry.job(cutover.job).await?;
    let tally = control.registry.tally(job.id).await?;
    let tenant = control.registry.tenant_by_id(cutover.tenant).await?;
    let source = serde_json::from_value::<SourceAccess>(job.source).map_or_else(
        |_| "a source that this version cannot read".to_owned(),
        |access| access.source.to_string(),
    );
    Ok(CutoverView {
        bucket: cutover.bucket,
        tenant: tenant.name,
        source,
        job: cutover.job,
        step: cutover.step.to_string(),
        rehearsal: cutover.is_rehearsal,
        freeze: cutover.freeze.map(|freeze| freeze.to_string()),
        old_policy: cutover.old_policy,
        detail: cutover.detail.or(job.detail),
        report: cutover.report,
        class: job.label,
        progress: progress(&tally),
        began: cutover.began,
        switched: cutover.switched,
        ended: cutover.ended,
        certificate_leaf: job.certificate_leaf,
    })
}

fn progress(tally: &Tally) -> JobProgress {
    JobProgress {
        listed: tally.listed,
        listed_bytes: tally.listed_bytes,
        copied: tally.copied,
        copied_bytes: tally.copied_bytes,
        unchanged: tally.unchanged,
        unchanged_bytes: tally.unchanged_bytes,
        exceptions: tally.exceptions,
        removed: tally.removed,
    }
}
