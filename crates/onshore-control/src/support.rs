//! Support sessions as the operator opens, approves and closes them, and what was asked for in them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{OpenSupport, Problem, SupportRequestView, SupportSessionView, VouchedView};
use onshore_gate::{SupportProposal, support_state};
use onshore_registry::{SupportRequest, SupportSession, Vouched};
use onshore_types::{LeafIndex, SupportSessionId};

use crate::caller::{By, Operators, Readers};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;

/// Asks for a support session. It opens nothing until a second person approves it.
#[utoipa::path(post, path = "/v1/support/sessions", tag = "support", request_body = OpenSupport,
    responses((status = 201, body = SupportSessionView), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 404, body = Problem)))]
pub(crate) async fn open(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Body(asked): Body<OpenSupport>,
) -> Result<(StatusCode, Json<SupportSessionView>), Error> {
    let proposal = SupportProposal {
        engineer: asked.engineer,
        purpose: asked.purpose,
        minutes: asked.minutes,
        organisation: asked.organisation,
        tenant: asked.tenant,
    };
    let (session, leaf) = control
        .gate
        .propose_support(by.caller.principal(), proposal)
        .await?;
    let view = view(&control, session, Some(leaf)).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Gives the second word: the session is in force from now on, until its time is over.
#[utoipa::path(post, path = "/v1/support/sessions/{id}/approval", tag = "support", params(("id" = String, Path)),
    responses((status = 200, body = SupportSessionView), (status = 403, body = Problem), (status = 404, body = Problem),
        (status = 409, body = Problem)))]
pub(crate) async fn approve(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<SupportSessionId>,
) -> Result<Json<SupportSessionView>, Error> {
    let (session, leaf) = control
        .gate
        .approve_support(by.caller.principal(), id)
        .await?;
    view(&control, session, Some(leaf)).await.map(Json)
}

/// Closes a session, or takes it back before it began: what it was answering stops.
#[utoipa::path(delete, path = "/v1/support/sessions/{id}", tag = "support", params(("id" = String, Path)),
    responses((status = 200, body = SupportSessionView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn close(
    State(control): State<Arc<ControlParts>>,
    by: By<Operators>,
    Segment(id): Segment<SupportSessionId>,
) -> Result<Json<SupportSessionView>, Error> {
    let (session, leaf) = control
        .gate
        .close_support(by.caller.principal(), id)
        .await?;
    view(&control, session, Some(leaf)).await.map(Json)
}

/// Lists all sessions, newest first.
#[utoipa::path(get, path = "/v1/support/sessions", tag = "support", responses((status = 200, body = Vec<SupportSessionView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
) -> Result<Json<Vec<SupportSessionView>>, Error> {
    let mut views = Vec::new();
    for session in control.registry.support_sessions().await? {
        views.push(view(&control, session, None).await?);
    }
    Ok(Json(views))
}

/// Shows a session with what was asked for in it, the newest first.
#[utoipa::path(get, path = "/v1/support/sessions/{id}", tag = "support", params(("id" = String, Path)),
    responses((status = 200, body = SupportSessionView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segment(id): Segment<SupportSessionId>,
) -> Result<Json<SupportSessionView>, Error> {
    let registry = control.registry.clone();
    let session = control
        .db
        .read(move |view| registry.support_session(view, id))
        .await?;
    let requests = control.registry.support_requests(Some(id)).await?;
    let view = view(&control, session, None).await?;
    Ok(Json(SupportSessionView {
        requests: requests.into_iter().map(request_view).collect(),
        ..view
    }))
}

/// Lists what holders of support engineers' tokens asked for, in sessions and without, the newest first.
#[utoipa::path(get, path = "/v1/support/requests", tag = "support", responses((status = 200, body = Vec<SupportRequestView>)))]
pub(crate) async fn requests(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
) -> Result<Json<Vec<SupportRequestView>>, Error> {
    let requests = control.registry.support_requests(None).await?;
    Ok(Json(requests.into_iter().map(request_view).collect()))
}

async fn view(
    control: &ControlParts,
    session: SupportSession,
    leaf: Option<LeafIndex>,
) -> Result<SupportSessionView, Error> {
    let tenant = match session.tenant {
        None => None,
        Some(id) => Some(control.registry.tenant_by_id(id).await?.name),
    };
    Ok(SupportSessionView {
        id: session.id,
        state: support_state(&session, control.gate.now()).to_owned(),
        engineer: session.engineer,
        person: session.person,
        organisation: session.organisation,
        purpose: session.purpose,
        tenant,
        minutes: u32::try_from(session.lasts_ms / 60_000).unwrap_or(u32::MAX),
        proposed: vouched_view(session.proposed),
        approved: session.approved.map(vouched_view),
        until: session.until,
        closed: session.closed.map(|(at, _)| at),
        closed_by: session.closed.map(|(_, by)| by),
        requests: Vec::new(),
        leaf,
    })
}

/// Shows one person's word.
pub(crate) fn vouched_view(vouched: Vouched) -> VouchedView {
    VouchedView {
        by: vouched.by,
        person: vouched.person.name,
        at: vouched.at,
    }
}

fn request_view(request: SupportRequest) -> SupportRequestView {
    SupportRequestView {
        session: request.session,
        engineer: request.engineer,
        at: request.at,
        operation: request.operation,
        target: request.target,
        place: request.place,
        refused_by: request.refused_by,
        status: request.status,
        bytes: request.len_bytes,
        leaf: request.leaf,
    }
}
