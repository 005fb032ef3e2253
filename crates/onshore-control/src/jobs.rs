//! Migration jobs: ordered, followed, stopped, certified. The engine does the work: it finds jobs in the registry and is never
//! called.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use onshore_api::{JobProgress, JobView, JobWorkerView, OrderMigration, Problem};
use onshore_gate::{JobOrder, Ordered};
use onshore_registry::{Job, Tenant};
use onshore_sources::SourceAccess;
use onshore_types::selection::Selection;
use onshore_types::{BucketName, JobId, Label, TenantName};
use serde_json::{Value, json};

use crate::answers::{TenantNames, class};
use crate::caller::{Auditors, By, Caller, JobViewers, Operators};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;
use crate::{buckets, files, orders};

/// Orders a migration, or attaches to the unfinished one of the same source and bucket. The bucket is made if it is
/// missing.
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs", request_body = OrderMigration,
    responses((status = 200, body = JobView, description = "attached to a job under way"), (status = 201, body = JobView),
        (status = 400, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn order(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Body(asked): Body<OrderMigration>,
) -> Result<(StatusCode, Json<JobView>), Error> {
    let view = place(&control, by.caller, asked).await?;
    let status = if view.attached {
        StatusCode::OK
    } else {
        StatusCode::CREATED
    };
    Ok((status, Json(view)))
}

/// Lists the newest jobs, newest first.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", responses((status = 200, body = Vec<JobView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    by: By<JobViewers>,
) -> Result<Json<Vec<JobView>>, Error> {
    let jobs = control.registry.jobs().await?;
    let names = TenantNames::read(&control.registry).await?;
    let mut views = Vec::with_capacity(jobs.len());
    for job in jobs.into_iter().filter(|job| by.caller.sees(job.tenant)) {
        let tenant = names.of(job.tenant)?;
        views.push(view(&control, job, tenant).await?);
    }
    Ok(Json(views))
}

/// Shows a job.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = JobView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    by: By<JobViewers>,
    Segment(id): Segment<JobId>,
) -> Result<Json<JobView>, Error> {
    let job = control.registry.job(id).await?;
    if !by.caller.sees(job.tenant) {
        return Err(onshore_registry::Error::NoSuchJob(id).into());
    }
    answer(&control, job).await
}

/// Asks a job to stop.
#[utoipa::path(delete, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = JobView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn cancel(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<JobId>,
) -> Result<Json<JobView>, Error> {
    let (job, _) = control.gate.cancel_job(by.caller.principal(), id).await?;
    answer(&control, job).await
}

/// Asks a job to wait. What is under way is given up, and what has arrived stays.
#[utoipa::path(post, path = "/v1/jobs/{id}/pause", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = JobView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn pause(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<JobId>,
) -> Result<Json<JobView>, Error> {
    let (job, _) = control.gate.pause_job(by.caller.principal(), id).await?;
    answer(&control, job).await
}

/// Asks a job that waits to go on.
#[utoipa::path(post, path = "/v1/jobs/{id}/resume", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = JobView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn resume(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<JobId>,
) -> Result<Json<JobView>, Error> {
    let (job, _) = control.gate.resume_job(by.caller.principal(), id).await?;
    answer(&control, job).await
}

/// Asks a job that keeps up with its source to list it a last time, bring what is new, and end.
#[utoipa::path(post, path = "/v1/jobs/{id}/finish", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = JobView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn finish(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<JobId>,
) -> Result<Json<JobView>, Error> {
    let job = control.registry.job(id).await?;
    if job.options["watch_s"].is_null() {
        return Err(Error::NotAllowed(format!(
            "{id} does not keep up with its source (--watch): it ends by itself"
        )));
    }
    let (job, _) = control.gate.finish_job(by.caller.principal(), id).await?;
    answer(&control, job).await
}

/// Returns the certificate of a job that has ended.
#[utoipa::path(get, path = "/v1/jobs/{id}/certificate", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub(crate) async fn certificate(
    State(control): State<Arc<ControlParts>>,
    _: By<Auditors>,
    Segment(id): Segment<JobId>,
) -> Result<Response, Error> {
    let job = control.registry.job(id).await?;
    if job.certificate_leaf.is_none() {
        let why = if job.state.is_ended() {
            format!("ended as {} without one", job.state)
        } else {
            format!("is {}, and gets one when it ends", job.state)
        };
        return Err(Error::Missing(format!("{id} has no certificate: it {why}")));
    }
    let path = control.certificates.join(format!("{id}.json"));
    let file = files::unseal(&path, &control.seal, "application/json").await?;
    file.ok_or_else(|| {
        Error::Missing(format!(
            "the certificate of {id} is in the ledger, but its file is not in the server's folder of certificates; restore it from a copy"
        ))
    })
}

/// Returns what a pre-flight found: what would come, what could not and why, how long it would take, what leaving would cost.
#[utoipa::path(get, path = "/v1/jobs/{id}/report", tag = "jobs", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem)))]
pub(crate) async fn report(
    State(control): State<Arc<ControlParts>>,
    _: By<Auditors>,
    Segment(id): Segment<JobId>,
) -> Result<Json<Value>, Error> {
    let job = control.registry.job(id).await?;
    let report = control.registry.job_report(id).await?;
    report.map(Json).ok_or_else(|| {
        Error::Missing(format!(
            "{id} has no report: it is {}, and only a pre-flight that has ended has one",
            job.state
        ))
    })
}

async fn place(
    control: &ControlParts,
    caller: Caller,
    asked: OrderMigration,
) -> Result<JobView, Error> {
    let tenant = control.registry.tenant(&asked.tenant).await?;
    let label = asked.class.as_deref().map(class).transpose()?;
    let access = orders::access(&control.migrate, caller.role, &asked).await?;
    let fingerprint = orders::fingerprint(tenant.id, &asked, &access.source)?;
    let registry = control.registry.clone();
    let under_way = control
        .db
        .read(move |view| registry.unfinished_job(view, &fingerprint))
        .await?;
    if let Some(job) = under_way {
        same_class(&job, label)?;
        same_end(&job, asked.watch_s)?;
        same_selection(&job, &asked.select)?;
    }
    let (watch_s, select) = (asked.watch_s, asked.select.clone());
    if !select.persons.is_empty() {
        evidence_of_residence(control)?;
    }
    if !asked.dry_run {
        ensure_bucket(control, &caller, &asked.bucket, &tenant, label).await?;
    }
    let options = orders::options(&asked)?;
    let order = JobOrder {
        tenant: tenant.id,
        bucket: asked.bucket,
        source: serde_json::to_value(&access)
            .map_err(|_| Error::Malformed("the source cannot be written down".to_owned()))?,
        fingerprint,
        label,
        options,
        credentials: asked.credentials.as_ref().map(orders::sealable),
    };
    let (job, attached) = match control.gate.order_job(caller.principal(), order).await? {
        Ordered::New(job) => (job, false),
        Ordered::Attached(job) => (job, true),
    };
    // Two orders may have come at once: the one that lost must not believe in its own class.
    same_class(&job, label)?;
    same_end(&job, watch_s)?;
    same_selection(&job, &select)?;
    let view = view(control, job, tenant.name).await?;
    Ok(JobView { attached, ..view })
}

/// Attaching is for those whose data the job labels at least as strictly as they asked for.
fn same_class(job: &Job, asked: Option<Label>) -> Result<(), Error> {
    let holds = match (job.label, asked) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(label), Some(asked)) => label.join(asked) == label,
    };
    if holds {
        Ok(())
    } else {
        Err(Error::OtherClass { job: job.id })
    }
}

/// Who waits for the end of a job does not attach to one that has none, nor the other way round.
fn same_end(job: &Job, watch_s: Option<u32>) -> Result<(), Error> {
    let watches = !job.options["watch_s"].is_null();
    if watches == watch_s.is_some() {
        return Ok(());
    }
    let (is, remedy) = if watches {
        ("keeps up with this source", "`onshore job finish` ends it")
    } else {
        ("brings this source once", "order --watch when it has ended")
    };
    Err(Error::NotAllowed(format!("{} {is}: {remedy}", job.id)))
}

/// Who asks for some of a source does not attach to a job that brings others.
fn same_selection(job: &Job, asked: &Selection) -> Result<(), Error> {
    let select = job.options.get("select").cloned().unwrap_or(json!({}));
    if serde_json::from_value::<Selection>(select).is_ok_and(|selection| selection == *asked) {
        return Ok(());
    }
    Err(Error::NotAllowed(format!(
        "{} brings another choice of this source: order yours when it has ended",
        job.id
    )))
}

/// Whose identifiers tell where somebody lives.
const HOME_OF_IDENTIFIERS: &str = "CN";

/// Where somebody lives is known by the identifiers of one country alone.
fn evidence_of_residence(control: &ControlParts) -> Result<(), Error> {
    if control.gate.region().jurisdiction.as_str() == HOME_OF_IDENTIFIERS {
        return Ok(());
    }
    Err(Error::Malformed(
        "where persons live is told by the identifiers of China alone, and this region is not there: choose by class".to_owned(),
    ))
}

/// Makes the bucket if it is missing. One that is there must be the tenant's.
pub(crate) async fn ensure_bucket(
    control: &ControlParts,
    caller: &Caller,
    name: &BucketName,
    tenant: &Tenant,
    label: Option<Label>,
) -> Result<(), Error> {
    let other = || {
        Err(Error::OtherTenant {
            bucket: name.clone(),
            tenant: tenant.name.clone(),
        })
    };
    if let Some(bucket) = control.store.bucket(name).await? {
        return if bucket.tenant == tenant.id {
            Ok(())
        } else {
            other()
        };
    }
    match buckets::make(control, caller, name.clone(), tenant.id, label).await {
        Ok(_) => Ok(()),
        // Somebody was faster.
        Err(Error::Store(onshore_store::Error::BucketTaken { owned_by_caller })) => {
            if owned_by_caller {
                Ok(())
            } else {
                other()
            }
        }
        Err(error) => Err(error),
    }
}

async fn answer(control: &ControlParts, job: Job) -> Result<Json<JobView>, Error> {
    shown(control, job).await.map(Json)
}

/// Shows a job.
pub(crate) async fn shown(control: &ControlParts, job: Job) -> Result<JobView, Error> {
    let tenant = control.registry.tenant_by_id(job.tenant).await?;
    view(control, job, tenant.name).await
}

async fn view(control: &ControlParts, job: Job, tenant: TenantName) -> Result<JobView, Error> {
    let tally = control.registry.tally(job.id).await?;
    let workers = workers(control, job.id).await?;
    let source = serde_json::from_value::<SourceAccess>(job.source).map_or_else(
        |_| "a source that this version cannot read".to_owned(),
        |access| access.source.to_string(),
    );
    Ok(JobView {
        id: job.id,
        state: job.state.to_string(),
        phase: job.phase,
        source,
        bucket: job.bucket,
        tenant,
        class: job.label,
        progress: JobProgress {
            listed: tally.listed,
            listed_bytes: tally.listed_bytes,
            copied: tally.copied,
            copied_bytes: tally.copied_bytes,
            unchanged: tally.unchanged,
            unchanged_bytes: tally.unchanged_bytes,
            exceptions: tally.exceptions,
            removed: tally.removed,
        },
        detail: job.detail,
        created: job.created,
        ended: job.ended,
        certificate_leaf: job.certificate_leaf,
        workers,
        attached: false,
    })
}

/// Returns which workers share a job, or did, and what each brought.
async fn workers(control: &ControlParts, job: JobId) -> Result<Vec<JobWorkerView>, Error> {
    let brought = control.registry.workers_of(job).await?;
    let mut views: Vec<_> = brought
        .into_iter()
        .map(|tally| JobWorkerView {
            worker: tally.worker,
            principal: tally.principal,
            objects: tally.objects,
            bytes: tally.bytes,
            leased: 0,
        })
        .collect();
    for held in control.desk.holders(job) {
        let is_same = |view: &&mut JobWorkerView| {
            (&view.worker, view.principal) == (&held.worker, held.principal)
        };
        match views.iter_mut().find(is_same) {
            Some(view) => view.leased += held.leased,
            None => views.push(held),
        }
    }
    Ok(views)
}
