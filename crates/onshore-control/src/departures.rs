//! What somebody of an outgoing provider says of the contracts with it, and sees of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use onshore_api::{
    AcknowledgeOrder, DeliverInventory, DepartingView, Problem, RecordView, SignDeletion,
};
use onshore_gate::{Departing, DepartureWord};
use onshore_orders::Id;

use crate::caller::{By, OutgoingProviders};
use crate::error::Error;
use crate::extract::{Body, EDIT_BYTES_MAX, Segment};
use crate::parts::ControlParts;
use crate::register::view;

/// How long an inventory is at most: ten thousand things, each with a long name. No edit is longer.
pub(crate) const BYTES_MAX: usize = EDIT_BYTES_MAX;

/// Lists the contracts with the provider of whoever asks, and what it said of each.
#[utoipa::path(get, path = "/v1/departures", tag = "register", responses((status = 200, body = Vec<DepartingView>)))]
pub(crate) async fn list(
    State(control): State<Arc<ControlParts>>,
    by: By<OutgoingProviders>,
) -> Result<Json<Vec<DepartingView>>, Error> {
    let all = control.gate.departures(by.caller.principal()).await?;
    let views = all.into_iter().map(departing_view);
    views.collect::<Result<Vec<_>, Error>>().map(Json)
}

/// Acknowledges an order that binds a contract.
#[utoipa::path(post, path = "/v1/departures/{contract}/acknowledgements", tag = "register", params(("contract" = String, Path)),
    request_body = AcknowledgeOrder,
    responses((status = 201, body = RecordView), (status = 400, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn acknowledge(
    State(control): State<Arc<ControlParts>>,
    by: By<OutgoingProviders>,
    Segment(contract): Segment<Id>,
    Body(asked): Body<AcknowledgeOrder>,
) -> Result<(StatusCode, Json<RecordView>), Error> {
    let order = asked.order.parse().map_err(Error::Record)?;
    let said = DepartureWord::Acknowledges(order);
    Ok((
        StatusCode::CREATED,
        say(&control, &by, contract, said).await?,
    ))
}

/// Says what the provider has under a contract, in place of what it said before.
#[utoipa::path(put, path = "/v1/departures/{contract}/inventory", tag = "register", params(("contract" = String, Path)),
    request_body = DeliverInventory,
    responses((status = 200, body = RecordView), (status = 400, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn deliver(
    State(control): State<Arc<ControlParts>>,
    by: By<OutgoingProviders>,
    Segment(contract): Segment<Id>,
    Body(asked): Body<DeliverInventory>,
) -> Result<Json<RecordView>, Error> {
    let items = asked.items.into_iter().enumerate().map(|(place, item)| {
        serde_json::from_value(item)
            .map_err(|error| Error::Malformed(format!("items[{place}] does not read: {error}")))
    });
    let items = items.collect::<Result<_, Error>>()?;
    say(&control, &by, contract, DepartureWord::Has(items)).await
}

/// Signs that the provider deleted all that it had under a contract.
#[utoipa::path(put, path = "/v1/departures/{contract}/deletion", tag = "register", params(("contract" = String, Path)),
    request_body = SignDeletion,
    responses((status = 200, body = RecordView), (status = 400, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn sign(
    State(control): State<Arc<ControlParts>>,
    by: By<OutgoingProviders>,
    Segment(contract): Segment<Id>,
    Body(asked): Body<SignDeletion>,
) -> Result<Json<RecordView>, Error> {
    let said = DepartureWord::Deleted(asked.statement_sha256);
    say(&control, &by, contract, said).await
}

async fn say(
    control: &ControlParts,
    by: &By<OutgoingProviders>,
    contract: Id,
    word: DepartureWord,
) -> Result<Json<RecordView>, Error> {
    let principal = by.caller.principal();
    let said = control.gate.say_of_departure(principal, contract, word);
    let (revision, leaf) = said.await?;
    Ok(Json(view(&revision, Some(leaf))?))
}

fn departing_view(one: Departing) -> Result<DepartingView, Error> {
    let Departing {
        contract,
        departure,
    } = one;
    Ok(DepartingView {
        contract: contract.id.to_string(),
        organisation: contract.organisation.to_string(),
        service: contract.service,
        start: contract.start.to_string(),
        end: contract.end.map(String::from),
        departure: departure
            .as_ref()
            .map(|revision| view(revision, None))
            .transpose()?,
    })
}
