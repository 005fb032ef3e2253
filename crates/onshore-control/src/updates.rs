//! Updates: a bundle comes in as it is, into quarantine; approved, it goes out as it is. Nothing here runs it.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body as AxumBody;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt as _;
use onshore_api::{ImportUpdate, Problem, RejectUpdate, UpdateApprovalView, UpdateView};
use onshore_gate::{APPROVALS_MIN, OlderReleases};
use onshore_registry::{Draft, Update, UpdateState};
use onshore_types::{LeafIndex, UpdateId};
use tokio_util::io::ReaderStream;

use crate::caller::{By, Operators, Readers};
use crate::error::Error;
use crate::extract::{Asked, Body, Segment};
use crate::parts::ControlParts;

/// How long the next piece of a bundle may take.
const PIECE_PATIENCE: Duration = Duration::from_secs(30);

/// Takes an update bundle into quarantine. The same one again changes nothing.
#[utoipa::path(post, path = "/v1/updates", tag = "updates", request_body(content = String, content_type = "application/octet-stream"),
    params(("allow_older" = Option<bool>, Query)),
    responses((status = 200, body = UpdateView), (status = 201, body = UpdateView), (status = 409, body = Problem)))]
pub(crate) async fn import(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Asked(asked): Asked<ImportUpdate>,
    body: AxumBody,
) -> Result<(StatusCode, Json<UpdateView>), Error> {
    let older = if asked.allow_older {
        OlderReleases::Allowed
    } else {
        OlderReleases::Refused
    };
    let draft = receive(&control, body).await?;
    let acting = Arc::clone(&control);
    // What was taken in is recorded whether or not the caller is still there.
    let act = tokio::spawn(async move {
        let by = by.caller.principal();
        acting
            .gate
            .import_update(by, &acting.updates, draft, older)
            .await
    });
    let (update, leaf) = act.await.map_err(|_| Error::Stopping)??;
    let status = if leaf.is_some() {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(view(update, leaf))))
}

/// Lists all updates, the latest first.
#[utoipa::path(get, path = "/v1/updates", tag = "updates", responses((status = 200, body = Vec<UpdateView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
) -> Result<Json<Vec<UpdateView>>, Error> {
    let updates = control.gate.updates().await?;
    Ok(Json(
        updates
            .into_iter()
            .map(|update| view(update, None))
            .collect(),
    ))
}

/// Shows an update.
#[utoipa::path(get, path = "/v1/updates/{id}", tag = "updates", params(("id" = String, Path)),
    responses((status = 200, body = UpdateView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segment(id): Segment<UpdateId>,
) -> Result<Json<UpdateView>, Error> {
    Ok(Json(view(control.gate.update(id).await?, None)))
}

/// Approves an update. Two different operators must.
#[utoipa::path(post, path = "/v1/updates/{id}/approvals", tag = "updates", params(("id" = String, Path)),
    responses((status = 201, body = UpdateView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn approve(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<UpdateId>,
) -> Result<(StatusCode, Json<UpdateView>), Error> {
    let (update, leaf) = control
        .gate
        .approve_update(by.caller.principal(), id)
        .await?;
    Ok((StatusCode::CREATED, Json(view(update, Some(leaf)))))
}

/// Rejects an update for good.
#[utoipa::path(post, path = "/v1/updates/{id}/rejection", tag = "updates", params(("id" = String, Path)), request_body = RejectUpdate,
    responses((status = 200, body = UpdateView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn reject(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<UpdateId>,
    Body(asked): Body<RejectUpdate>,
) -> Result<Json<UpdateView>, Error> {
    let acting = Arc::clone(&control);
    // The bundle of what was rejected is removed whether or not the caller is still there.
    let act = tokio::spawn(async move {
        let by = by.caller.principal();
        acting
            .gate
            .reject_update(by, &acting.updates, id, asked.reason)
            .await
    });
    let (update, leaf) = act.await.map_err(|_| Error::Stopping)??;
    Ok(Json(view(update, Some(leaf))))
}

/// Hands the bundle of an approved update out to whoever installs it.
#[utoipa::path(post, path = "/v1/updates/{id}/staging", tag = "updates", params(("id" = String, Path)),
    responses((status = 200, content_type = "application/octet-stream", body = String), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn stage(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<UpdateId>,
) -> Result<Response, Error> {
    let staged = control
        .gate
        .stage_update(by.caller.principal(), &control.updates, id)
        .await?;
    let bundle = tokio::fs::File::from_std(staged.bundle);
    let len = bundle.metadata().await.map_err(Error::File)?.len();
    let mut response = AxumBody::from_stream(ReaderStream::new(bundle)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
    headers.insert("x-onshore-leaf", HeaderValue::from(staged.leaf));
    Ok(response)
}

async fn receive(control: &ControlParts, body: AxumBody) -> Result<Draft, Error> {
    let quarantine = control.updates.quarantine.clone();
    let name = onshore_keys::random();
    let mut draft = blocking(move || Ok(quarantine.receive(name)?)).await?;
    let mut pieces = body.into_data_stream();
    loop {
        let piece = tokio::time::timeout(PIECE_PATIENCE, pieces.next())
            .await
            .map_err(|_| Error::BodyTooSlow)?;
        let Some(piece) = piece else {
            return Ok(draft);
        };
        let piece = piece.map_err(|_| Error::Malformed("the body broke off".to_owned()))?;
        draft = blocking(move || {
            draft.add(&piece)?;
            Ok(draft)
        })
        .await?;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, onshore_gate::Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|_| Error::Stopping)??)
}

fn view(update: Update, leaf: Option<LeafIndex>) -> UpdateView {
    let (state, reason) = match update.state {
        UpdateState::Rejected { reason, .. } => ("rejected", Some(reason.to_string())),
        UpdateState::Staged { .. } => ("staged", None),
        UpdateState::Quarantined if update.approvals.len() >= APPROVALS_MIN => ("approved", None),
        UpdateState::Quarantined => ("quarantined", None),
    };
    let manifest = update.manifest;
    UpdateView {
        id: update.id,
        state: state.to_owned(),
        version: manifest.version.to_string(),
        platform: manifest.platform.to_string(),
        sha256: manifest.sha256.to_string(),
        size_bytes: manifest.size_bytes,
        escrow: manifest.escrow.to_string(),
        notes: manifest.notes,
        signed_by: update.signed_by,
        older: update.is_older,
        imported: update.imported,
        imported_by: update.imported_by,
        approvals: update
            .approvals
            .into_iter()
            .map(|approval| UpdateApprovalView {
                by: approval.by,
                person: approval.person.name,
                at: approval.at,
            })
            .collect(),
        approvals_needed: APPROVALS_MIN as u64,
        reason,
        leaf,
    }
}
