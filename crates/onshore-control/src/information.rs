//! Registers of information under DORA, taken in table by table.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use onshore_api::{InformationView, Problem, TakeInformation};
use onshore_orders::Id;

use crate::caller::{By, Supervisors};
use crate::error::Error;
use crate::extract::{Body, Segment};
use crate::parts::ControlParts;

/// Takes in the register of information that an organisation maintains, in place of what it said before, and records its arrangements
/// as contracts. All of it, or nothing where a table has a fault.
#[utoipa::path(put, path = "/v1/information/{organisation}", tag = "register", params(("organisation" = String, Path)),
    request_body = TakeInformation,
    responses((status = 200, body = InformationView), (status = 400, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn take(
    State(control): State<Arc<ControlParts>>,
    by: By<Supervisors>,
    Segment(organisation): Segment<Id>,
    Body(asked): Body<TakeInformation>,
) -> Result<Json<InformationView>, Error> {
    let (taken, leaf) = control
        .gate
        .take_information(by.caller.principal(), organisation, asked.tables)
        .await?;
    let names = |ids: Vec<Id>| ids.into_iter().map(String::from).collect();
    Ok(Json(InformationView {
        revision: taken.revision,
        added: names(taken.added),
        amended: names(taken.amended),
        without_terms: taken.without_terms,
        parties: names(taken.parties),
        leaf,
    }))
}
