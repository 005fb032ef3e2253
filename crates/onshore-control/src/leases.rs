//! Leases: workers take what jobs of their tenant are to bring, and deliver it. Nothing here takes an act of its own: what is delivered is
//! recorded as what the server brings.

use std::io;
use std::sync::Arc;

use axum::Json;
use axum::body::Body as AxumBody;
use axum::extract::State;
use futures_util::TryStreamExt;
use onshore_api::{
    AskLease, DeliveredView, LeaseAnswer, LeaseRefusal, LeaseRenewed, Problem, RunsView,
};
use onshore_types::LeaseId;

use crate::caller::{By, Caller, Workers};
use crate::error::Error;
use crate::extract::{Body, PathOf, Segment, Segments};
use crate::leasing::{DeliveredBody, LeaseAsker, LeasedAt, Unserved};
use crate::parts::ControlParts;

/// Grants a lease of objects that a job of the worker's tenant is to bring, if there are any. It lasts half a minute unless it is renewed.
#[utoipa::path(post, path = "/v1/leases", tag = "leases", request_body = AskLease,
    responses((status = 200, body = LeaseAnswer), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn grant(
    State(control): State<Arc<ControlParts>>,
    by: By<Workers>,
    Body(asked): Body<AskLease>,
) -> Result<Json<LeaseAnswer>, Error> {
    let answer = control.desk.lease(asker(by.caller)?, asked).await?;
    Ok(Json(answer))
}

/// Renews a lease.
#[utoipa::path(post, path = "/v1/leases/{id}/renewal", tag = "leases", params(("id" = String, Path)),
    responses((status = 200, body = LeaseRenewed), (status = 409, body = Problem)))]
pub(crate) async fn renew(
    State(control): State<Arc<ControlParts>>,
    by: By<Workers>,
    Segment(id): Segment<LeaseId>,
) -> Result<Json<LeaseRenewed>, Error> {
    Ok(Json(control.desk.renew(asker(by.caller)?, id)?))
}

/// Takes a lease back. What was not delivered under it is handed out anew.
#[utoipa::path(post, path = "/v1/leases/{id}/return", tag = "leases", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 409, body = Problem)))]
pub(crate) async fn give_back(
    State(control): State<Arc<ControlParts>>,
    by: By<Workers>,
    Segment(id): Segment<LeaseId>,
) -> Result<Json<serde_json::Value>, Error> {
    control.desk.give_back(asker(by.caller)?, id)?;
    Ok(Json(serde_json::json!({})))
}

/// Takes an object back that the worker cannot bring. The server brings it itself, and finds out why it cannot be brought if so.
#[utoipa::path(post, path = "/v1/leases/{id}/objects/{number}/return", tag = "leases",
    params(("id" = String, Path), ("number" = u32, Path)),
    responses((status = 200, body = DeliveredView), (status = 409, body = Problem)))]
pub(crate) async fn leave(
    State(control): State<Arc<ControlParts>>,
    by: By<Workers>,
    Segments(lease, number): Segments<LeaseId, u32>,
) -> Result<Json<DeliveredView>, Error> {
    let at = LeasedAt { lease, number };
    Ok(Json(control.desk.leave(asker(by.caller)?, at)?))
}

/// Takes an object: its bytes, and behind them the 32 bytes of their SHA-256. The answer comes once it is stored, compared with what the
/// source vouches for, and read back. What had been delivered before is not stored again.
#[utoipa::path(post, path = "/v1/leases/{id}/objects/{number}/bytes", tag = "leases",
    params(("id" = String, Path), ("number" = u32, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = DeliveredView), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn deliver(
    State(control): State<Arc<ControlParts>>,
    by: By<Workers>,
    Segments(lease, number): Segments<LeaseId, u32>,
    body: AxumBody,
) -> Result<Json<DeliveredView>, Error> {
    let at = LeasedAt { lease, number };
    let asker = asker(by.caller)?;
    let delivered = control.desk.deliver(asker, at, streamed(body)).await?;
    Ok(Json(delivered))
}

/// Says which runs of a large object are to be delivered: what somebody delivered of this state of it before is there.
#[utoipa::path(post, path = "/v1/leases/{id}/objects/{number}/runs", tag = "leases",
    params(("id" = String, Path), ("number" = u32, Path)),
    responses((status = 200, body = RunsView), (status = 409, body = Problem)))]
pub(crate) async fn runs(
    State(control): State<Arc<ControlParts>>,
    by: By<Workers>,
    Segments(lease, number): Segments<LeaseId, u32>,
) -> Result<Json<RunsView>, Error> {
    let at = LeasedAt { lease, number };
    Ok(Json(control.desk.runs(asker(by.caller)?, at).await?))
}

/// Takes a run of a large object: its bytes, and behind them the 32 bytes of their SHA-256.
#[utoipa::path(post, path = "/v1/leases/{id}/objects/{number}/runs/{run}", tag = "leases",
    params(("id" = String, Path), ("number" = u32, Path), ("run" = u32, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = DeliveredView), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn deliver_run(
    State(control): State<Arc<ControlParts>>,
    by: By<Workers>,
    PathOf((lease, number, run)): PathOf<(LeaseId, u32, u32)>,
    body: AxumBody,
) -> Result<Json<DeliveredView>, Error> {
    let at = LeasedAt { lease, number };
    let asker = asker(by.caller)?;
    let delivered = control
        .desk
        .deliver_run(asker, at, run, streamed(body))
        .await?;
    Ok(Json(delivered))
}

/// Makes a large object of its runs, once all are delivered. The answer comes once they were read back as one and compared with what the
/// source vouches for.
#[utoipa::path(post, path = "/v1/leases/{id}/objects/{number}/completion", tag = "leases",
    params(("id" = String, Path), ("number" = u32, Path)),
    responses((status = 200, body = DeliveredView), (status = 400, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn complete(
    State(control): State<Arc<ControlParts>>,
    by: By<Workers>,
    Segments(lease, number): Segments<LeaseId, u32>,
) -> Result<Json<DeliveredView>, Error> {
    let at = LeasedAt { lease, number };
    Ok(Json(control.desk.complete(asker(by.caller)?, at).await?))
}

fn asker(caller: Caller) -> Result<LeaseAsker, Error> {
    let tenant = caller.tenant.ok_or(Error::Unauthenticated)?;
    Ok(LeaseAsker {
        principal: caller.id,
        tenant,
    })
}

fn streamed(body: AxumBody) -> DeliveredBody {
    Box::pin(body.into_data_stream().map_err(io::Error::other))
}

impl From<Unserved> for Error {
    fn from(unserved: Unserved) -> Self {
        match unserved {
            Unserved::Refused(LeaseRefusal::NoSuchJob(id)) => {
                onshore_registry::Error::NoSuchJob(id).into()
            }
            Unserved::Refused(refusal) => Self::Lease(refusal),
            Unserved::Registry(error) => error.into(),
            Unserved::Stopping => Self::Stopping,
        }
    }
}
