//! Cut-overs: ordered, followed, called off. The engine does the work, as for every job.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{
    CutoverView, JobProgress, MigrateFrom, NotReturnedView, OrderCutover, OrderMigration,
    OrderReturn, Problem, ReturnView,
};
use onshore_gate::{CutoverOrder, JobOrder, ReturnOrder};
use onshore_ledger::{Hash, canonical};
use onshore_registry::{Cutover, Tally};
use onshore_sources::SourceAccess;
use onshore_types::pace::Pace;
use onshore_types::selection::Selection;
use onshore_types::{BucketName, JobId};
use serde_json::json;

use crate::answers::class;
use crate::caller::{Auditors, By, Operators};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;
use crate::{jobs, orders};

/// For how many days there is a way back where nobody says so, and for how many at most.
const WAY_BACK_DAYS: u32 = 7;
const WAY_BACK_DAYS_MAX: u32 = 365;
const SECONDS_PER_DAY: u32 = 24 * 60 * 60;

/// How many keys are named that cannot be taken back.
const NAMED_MAX: u32 = 20;

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
        way_back_s: way_back_days(&asked)? * SECONDS_PER_DAY,
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

/// Orders that what was changed in a bucket since its switch is taken back to where it came from, as long as there is a way back; or
/// tells the order that is under way what it says anew.
#[utoipa::path(post, path = "/v1/cutovers/{bucket}/return", tag = "cutovers", params(("bucket" = String, Path)),
    request_body = OrderReturn,
    responses((status = 201, body = CutoverView), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn take_back(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(bucket): Segment<BucketName>,
    Body(asked): Body<OrderReturn>,
) -> Result<(StatusCode, Json<CutoverView>), Error> {
    let (registry, name) = (control.registry.clone(), bucket.clone());
    let cutover = control
        .db
        .read(move |view| registry.newest_cutover(view, &name))
        .await?;
    let what = json!({ "return": cutover.job });
    let order = ReturnOrder {
        fingerprint: *Hash::of(&canonical(&what)?).as_bytes(),
        options: json!({ "mode": "return", "of": cutover.job }),
        credentials: asked.credentials.as_ref().map(orders::sealable),
        overwrites: asked.overwrite,
        accepts_exceptions: asked.accept_exceptions,
        finishes: asked.finish,
    };
    let ordered = control
        .gate
        .order_return(by.caller.principal(), bucket, order)
        .await?;
    Ok((StatusCode::CREATED, Json(view(&control, ordered).await?)))
}

/// Gives up the way back of a bucket before its time.
#[utoipa::path(delete, path = "/v1/cutovers/{bucket}/return", tag = "cutovers", params(("bucket" = String, Path)),
    responses((status = 200, body = CutoverView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn stay(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(bucket): Segment<BucketName>,
) -> Result<Json<CutoverView>, Error> {
    let cutover = control
        .gate
        .give_up_way_back(by.caller.principal(), bucket)
        .await?;
    Ok(Json(view(&control, cutover).await?))
}

fn way_back_days(asked: &OrderCutover) -> Result<u32, Error> {
    match asked.way_back_days.unwrap_or(WAY_BACK_DAYS) {
        days @ 0..=WAY_BACK_DAYS_MAX => Ok(days),
        _ => Err(Error::Malformed(format!(
            "a way back is kept for up to {WAY_BACK_DAYS_MAX} days"
        ))),
    }
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
        select: Selection::default(),
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
    let changed = changed(control, &cutover).await?;
    let taken_back = match cutover.return_job {
        Some(id) => Some(taken_back(control, id).await?),
        None => None,
    };
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
        way_back_until: cutover.way_back_until,
        changed,
        taken_back,
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

/// Returns how many keys are noted as changed here, while that is of use to anybody.
async fn changed(control: &ControlParts, cutover: &Cutover) -> Result<u64, Error> {
    let Some(bucket) = control.store.bucket(&cutover.bucket).await? else {
        return Ok(0);
    };
    let store = control.store.clone();
    Ok(control
        .db
        .read(move |view| store.count_changed_keys(view, bucket.id))
        .await?)
}

async fn taken_back(control: &ControlParts, id: JobId) -> Result<ReturnView, Error> {
    let job = control.registry.job(id).await?;
    let tally = control.registry.tally(id).await?;
    let exceptions = control.registry.exceptions(id, NAMED_MAX).await?;
    let named = exceptions.into_iter().map(|entry| NotReturnedView {
        key: entry.listed.key,
        why: entry.outcome.detail.unwrap_or_default(),
    });
    Ok(ReturnView {
        named: named.collect(),
        job: id,
        state: job.state.to_string(),
        objects: tally.copied,
        removed: tally.removed,
        exceptions: tally.exceptions,
        finishing: job.is_finishing,
        report: control.registry.job_report(id).await?,
    })
}
