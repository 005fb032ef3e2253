//! Transfer approvals.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{ApprovalView, GrantApproval, LimitView, Problem};
use onshore_gate::{ApprovalRequest, Gate, Terms};
use onshore_registry::{Approval, GrantBasis, Limit};
use onshore_types::{ApprovalId, LeafIndex, TenantName, Timestamp};

use crate::answers::{TenantNames, class};
use crate::caller::{By, Readers, Supervisors};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;

/// Grants a transfer approval.
#[utoipa::path(post, path = "/v1/approvals", tag = "approvals", request_body = GrantApproval,
    responses((status = 201, body = ApprovalView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn grant(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Body(asked): Body<GrantApproval>,
) -> Result<(StatusCode, Json<ApprovalView>), Error> {
    let request = ApprovalRequest {
        tenant: asked.tenant,
        to: asked.to,
        label: class(&asked.class)?,
        max_bytes: asked.max_bytes,
        until: asked.until,
        terms: Terms {
            max_objects: asked.max_objects,
            max_persons: asked.max_persons,
            instrument: asked.instrument,
            recipient: asked.recipient,
            purpose: asked.purpose,
        },
    };
    let (approval, leaf) = control
        .gate
        .grant_approval(by.caller.principal(), &request)
        .await?;
    let view = view(&control.gate, &approval, request.tenant, Some(leaf));
    Ok((StatusCode::CREATED, Json(view)))
}

/// Lists all approvals, newest first.
#[utoipa::path(get, path = "/v1/approvals", tag = "approvals", responses((status = 200, body = Vec<ApprovalView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
) -> Result<Json<Vec<ApprovalView>>, Error> {
    let approvals = control.registry.approvals().await?;
    let names = TenantNames::read(&control.registry).await?;
    approvals
        .iter()
        .map(|approval| {
            let tenant = names.of(approval.tenant)?;
            Ok(view(&control.gate, approval, tenant, None))
        })
        .collect::<Result<Vec<_>, Error>>()
        .map(Json)
}

/// Shows an approval.
#[utoipa::path(get, path = "/v1/approvals/{id}", tag = "approvals", params(("id" = String, Path)),
    responses((status = 200, body = ApprovalView), (status = 404, body = Problem)))]
pub(crate) async fn show(
    State(control): State<Arc<ControlParts>>,
    _: By<Readers>,
    Segment(id): Segment<ApprovalId>,
) -> Result<Json<ApprovalView>, Error> {
    let approval = control.registry.approval(id).await?;
    answer(&control, &approval, None).await
}

/// Revokes an approval: transfers that it carries stop at once.
#[utoipa::path(delete, path = "/v1/approvals/{id}", tag = "approvals", params(("id" = String, Path)),
    responses((status = 200, body = ApprovalView), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn revoke(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segment(id): Segment<ApprovalId>,
) -> Result<Json<ApprovalView>, Error> {
    let acting = Arc::clone(&control);
    // The flag that stops streams is raised after the commit: a caller who hangs up between the two must not keep it down.
    let act =
        tokio::spawn(async move { acting.gate.revoke_approval(by.caller.principal(), id).await });
    let (approval, leaf) = act.await.map_err(|_| Error::Stopping)??;
    answer(&control, &approval, Some(leaf)).await
}

async fn answer(
    control: &ControlParts,
    approval: &Approval,
    leaf: Option<LeafIndex>,
) -> Result<Json<ApprovalView>, Error> {
    let tenant = control.registry.tenant_by_id(approval.tenant).await?;
    Ok(Json(view(&control.gate, approval, tenant.name, leaf)))
}

fn view(
    gate: &Gate,
    approval: &Approval,
    tenant: TenantName,
    leaf: Option<LeafIndex>,
) -> ApprovalView {
    let limit = |limit: Option<Limit>| {
        limit.map(|limit| LimitView {
            max: limit.max,
            spent: limit.spent,
        })
    };
    let renewal = gate.renewal_of(approval);
    ApprovalView {
        objects: limit(approval.objects),
        persons: limit(approval.persons),
        instrument: approval.instrument.clone(),
        recipient: approval.recipient.clone(),
        purpose: approval.purpose.clone(),
        renewal_until: renewal.as_ref().map(|due| due.on.to_string()),
        renewal_unannounced: renewal.and_then(|due| due.unannounced),
        id: approval.id,
        tenant,
        to: approval.to,
        class: approval.label,
        max_bytes: approval.max_bytes,
        spent_bytes: approval.spent_bytes,
        granted: approval.granted,
        granted_by: approval.granted_by,
        basis: match approval.basis {
            GrantBasis::SingleOperator => "single-operator",
            GrantBasis::Regulator => "regulator",
        }
        .to_owned(),
        until: approval.until,
        revoked: approval.revoked,
        state: state(approval, gate.now()).to_owned(),
        leaf,
    }
}

fn state(approval: &Approval, now: Timestamp) -> &'static str {
    if approval.revoked.is_some() {
        "revoked"
    } else if now >= approval.until {
        "expired"
    } else if approval.spent_bytes >= approval.max_bytes
        || approval.persons.is_some_and(|limit| limit.left() == 0)
    {
        "exhausted"
    } else {
        "in-force"
    }
}
