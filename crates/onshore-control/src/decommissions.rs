//! Decommissionings: proposed by an operator for a job whose certificate is complete, approved by another who is apart from him, and
//! carried out by the engine.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onshore_api::{DecommissionView, FileStatement, Problem, ProposeDecommission, StatementView};
use onshore_gate::{DecommissionOrder, StatementFile};
use onshore_ledger::{Hash, canonical};
use onshore_registry::{Decommission, Statement};
use onshore_sources::SourceAccess;
use onshore_types::{JobId, LeafIndex};
use serde_json::json;

use crate::caller::{Auditors, By, Operators};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;
use crate::support::vouched_view;
use crate::{jobs, orders};

/// How large a statement may be.
const STATEMENT_BYTES_MAX: usize = 512 << 10;

/// How long the name of its file may be.
const NAME_CHARS_MAX: usize = 200;

/// Proposes to delete at the source what the certificate of a job covers.
#[utoipa::path(post, path = "/v1/decommissions", tag = "decommissions", request_body = ProposeDecommission,
    responses((status = 201, body = DecommissionView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn propose(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Body(asked): Body<ProposeDecommission>,
) -> Result<(StatusCode, Json<DecommissionView>), Error> {
    let of = control.registry.job(asked.job).await?;
    let source = serde_json::from_value::<SourceAccess>(of.source).map_err(|_| {
        Error::Malformed("the source of that job cannot be read by this version".to_owned())
    })?;
    if !source.source.removes() {
        return Err(Error::Malformed(
            "nothing is deleted in a source of that kind: delete it there by hand".to_owned(),
        ));
    }
    let what = json!({ "decommission": asked.job });
    let order = DecommissionOrder {
        of: asked.job,
        fingerprint: *Hash::of(&canonical(&what)?).as_bytes(),
        options: json!({ "mode": "decommission", "of": asked.job }),
        credentials: asked.credentials.as_ref().map(orders::sealable),
    };
    let (job, leaf) = control
        .gate
        .propose_decommission(by.caller.principal(), order)
        .await?;
    let view = view(&control, job.id, Some(leaf)).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Gives the second word: the job begins to delete.
#[utoipa::path(post, path = "/v1/decommissions/{id}/approval", tag = "decommissions", params(("id" = String, Path)),
    responses((status = 200, body = DecommissionView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn approve(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<JobId>,
) -> Result<Json<DecommissionView>, Error> {
    let (_, leaf) = control
        .gate
        .approve_decommission(by.caller.principal(), id)
        .await?;
    Ok(Json(view(&control, id, Some(leaf)).await?))
}

/// Lists decommissionings, the newest first.
#[utoipa::path(get, path = "/v1/decommissions", tag = "decommissions", responses((status = 200, body = Vec<DecommissionView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Auditors>,
) -> Result<Json<Vec<DecommissionView>>, Error> {
    let registry = control.registry.clone();
    let all = control
        .db
        .read(move |view| Ok::<_, Error>(registry.decommissions(view)?))
        .await?;
    let mut views = Vec::with_capacity(all.len());
    for one in all {
        views.push(shown(&control, one, None).await?);
    }
    Ok(Json(views))
}

/// Shows a decommissioning, and what it found and did.
#[utoipa::path(get, path = "/v1/decommissions/{id}", tag = "decommissions", params(("id" = String, Path)),
    responses((status = 200, body = DecommissionView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    _: By<Auditors>,
    Segment(id): Segment<JobId>,
) -> Result<Json<DecommissionView>, Error> {
    Ok(Json(view(&control, id, None).await?))
}

/// Files what the provider states about the deletion, beside what the job found.
#[utoipa::path(put, path = "/v1/decommissions/{id}/statement", tag = "decommissions", params(("id" = String, Path)),
    request_body = FileStatement,
    responses((status = 200, body = DecommissionView), (status = 400, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn file(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<JobId>,
    Body(asked): Body<FileStatement>,
) -> Result<Json<DecommissionView>, Error> {
    let name = asked.name.trim().to_owned();
    let is_name =
        (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if !is_name {
        return Err(Error::Malformed(
            "the name of a statement has 1 to 200 characters".to_owned(),
        ));
    }
    let bytes = statement_bytes(&asked.content)?;
    let sha256 = *Hash::of(&bytes).as_bytes();
    let file = StatementFile {
        name,
        sha256,
        bytes,
    };
    let (_, leaf) = control
        .gate
        .file_statement(by.caller.principal(), id, file)
        .await?;
    Ok(Json(view(&control, id, Some(leaf)).await?))
}

/// Reads a statement that is filed.
pub(crate) fn statement_bytes(base64: &str) -> Result<Vec<u8>, Error> {
    let bytes = STANDARD
        .decode(base64)
        .map_err(|_| Error::Malformed("the content of a statement is base64".to_owned()))?;
    if bytes.is_empty() || bytes.len() > STATEMENT_BYTES_MAX {
        return Err(Error::Malformed(
            "a statement has 1 byte to 512 KiB".to_owned(),
        ));
    }
    Ok(bytes)
}

/// Returns the statement that was filed.
#[utoipa::path(get, path = "/v1/decommissions/{id}/statement", tag = "decommissions", params(("id" = String, Path)),
    responses((status = 200, description = "its bytes"), (status = 404, body = Problem)))]
pub(crate) async fn statement(
    State(control): State<Arc<ControlParts>>,
    _: By<Auditors>,
    Segment(id): Segment<JobId>,
) -> Result<Response, Error> {
    let bytes = control.registry.statement(id).await?;
    let bytes =
        bytes.ok_or_else(|| Error::Missing(format!("{id} has no statement of the provider")))?;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response())
}

async fn view(
    control: &ControlParts,
    id: JobId,
    leaf: Option<LeafIndex>,
) -> Result<DecommissionView, Error> {
    let registry = control.registry.clone();
    let found = control
        .db
        .read(move |view| Ok::<_, Error>(registry.decommission(view, id)?))
        .await?;
    let found = found.ok_or_else(|| Error::Missing(format!("{id} is no decommissioning")))?;
    shown(control, found, leaf).await
}

async fn shown(
    control: &ControlParts,
    found: Decommission,
    leaf: Option<LeafIndex>,
) -> Result<DecommissionView, Error> {
    let job = control.registry.job(found.job).await?;
    Ok(DecommissionView {
        job: jobs::shown(control, job).await?,
        of: found.of,
        proposed: vouched_view(found.proposed),
        approved: found.approved.map(vouched_view),
        report: control.registry.job_report(found.job).await?,
        statement: found.statement.map(statement_view),
        leaf,
    })
}

fn statement_view(statement: Statement) -> StatementView {
    StatementView {
        name: statement.name,
        sha256: Hash(statement.sha256).to_string(),
        filed: statement.filed,
        filed_by: statement.filed_by,
    }
}
